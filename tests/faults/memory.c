/* Allocations that find no memory. Only for builds without sanitizers, which have an allocator of
 * their own. */
#include "gate.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define OURS __attribute__((visibility("default")))

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

static bool refused(const char *call) {
    if (fault_gate(FAULT_MEMORY, call) != FAULT_ERROR) return false;
    errno = ENOMEM;
    return true;
}

OURS void *malloc(size_t size);
OURS void *calloc(size_t count, size_t size);
OURS void *realloc(void *old, size_t size);
OURS void *aligned_alloc(size_t alignment, size_t size);
OURS int posix_memalign(void **out, size_t alignment, size_t size);

void *malloc(size_t size) {
    return refused("malloc") ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
    return refused("calloc") ? NULL : __libc_calloc(count, size);
}

void *realloc(void *old, size_t size) {
    return refused("realloc") ? NULL : __libc_realloc(old, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
    return refused("aligned_alloc") ? NULL : __libc_memalign(alignment, size);
}

int posix_memalign(void **out, size_t alignment, size_t size) {
    if (refused("posix_memalign")) return ENOMEM;
    *out = __libc_memalign(alignment, size);
    return *out ? 0 : ENOMEM;
}

/* What keys are kept in. */
OURS void *mmap(void *at, size_t len, int prot, int flags, int fd, off_t offset) {
    if (fd < 0 && refused("mmap")) return MAP_FAILED;
    return (void *)syscall(SYS_mmap, at, len, prot, flags, fd, offset);
}
