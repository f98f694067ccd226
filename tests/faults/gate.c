/* Counts calls and decides which one is harmed: gate.h. Nothing here may allocate or use stdio. */
#include "gate.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static const struct {
    const char *name;
    fault_group group;
} groups[] = {{"write", FAULT_WRITE}, {"sync", FAULT_SYNC}, {"name", FAULT_NAME},
              {"size", FAULT_SIZE},   {"map", FAULT_MAP},   {"memory", FAULT_MEMORY}};

static const struct {
    const char *name;
    fault_deed deed;
    int error;
} deeds[] = {{"kill", FAULT_NONE, 0},         {"torn", FAULT_TORN, 0},
             {"after", FAULT_AFTER, 0},       {"short", FAULT_SHORT, 0},
             {"ENOSPC", FAULT_ERROR, ENOSPC}, {"EIO", FAULT_ERROR, EIO},
             {"EROFS", FAULT_ERROR, EROFS},   {"EDQUOT", FAULT_ERROR, EDQUOT},
             {"ENOMEM", FAULT_ERROR, ENOMEM}, {"EACCES", FAULT_ERROR, EACCES}};

int fault_errno;

static unsigned long
    *counted; /* shared with children; NULL until main() runs and a fault is wanted */
static unsigned long first;
static unsigned wanted;
static bool stays;
static size_t doing;
static const char *told;

void fault_kill(void) {
    (void)syscall(SYS_kill, syscall(SYS_getpid), SIGKILL);
    for (;;)
        (void)syscall(SYS_pause);
}

/* One line, straight to the file: the next thing may be the end. */
static void tell(const char *call) {
    char line[128];
    size_t len = 0;
    if (!told) return;
    for (const char *at = call; *at && len < sizeof line - 1; at++)
        line[len++] = *at;
    line[len++] = '\n';
    long fd = syscall(SYS_openat, AT_FDCWD, told, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0) return;
    (void)!syscall(SYS_write, fd, line, len);
    (void)syscall(SYS_close, fd);
}

fault_deed fault_gate(fault_group group, const char *call) {
    if (!counted || !(wanted & group)) return FAULT_NONE;
    unsigned long n = __atomic_add_fetch(counted, 1, __ATOMIC_RELAXED);
    if (n < first || (n > first && !stays)) return FAULT_NONE;
    int kept = errno;
    if (n == first) tell(call);
    errno = kept;
    if (strcmp(deeds[doing].name, "kill") == 0) fault_kill();
    fault_errno = deeds[doing].error;
    return deeds[doing].deed;
}

void fault_done(fault_deed deed) {
    if (deed == FAULT_TORN || deed == FAULT_AFTER) fault_kill();
}

static void arm(void) {
    const char *calls = getenv("FAULT_CALLS"), *at = getenv("FAULT_AT"), *deed = getenv("FAULT_DO");
    const char *name = program_invocation_short_name;
    if (!calls || !at || !deed) return;
    if (strcmp(name, "tally") != 0 && strcmp(name, "tallyd") != 0) return;
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
        if (strstr(calls, groups[i].name)) wanted |= groups[i].group;
    while (doing < sizeof deeds / sizeof *deeds - 1 && strcmp(deeds[doing].name, deed) != 0)
        doing++;
    first = strtoul(at, NULL, 10);
    stays = getenv("FAULT_STAY") != NULL;
    told = getenv("FAULT_TOLD");
    long page =
        syscall(SYS_mmap, NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (page > 0) counted = (unsigned long *)page;
}

/* Before main() the loader and the libraries are at work, which are not what is tested. */
typedef int main_fn(int, char **, char **);
typedef int start_fn(main_fn *, int, char **, void (*)(void), void (*)(void), void (*)(void),
                     void *);
static main_fn *real_main;

static int armed_main(int argc, char **argv, char **envp) {
    arm();
    return real_main(argc, argv, envp);
}

__attribute__((visibility("default"))) int __libc_start_main(main_fn *main, int argc, char **argv,
                                                             void (*init)(void), void (*fini)(void),
                                                             void (*rtld_fini)(void),
                                                             void *stack_end);
int __libc_start_main(main_fn *main, int argc, char **argv, void (*init)(void), void (*fini)(void),
                      void (*rtld_fini)(void), void *stack_end) {
    start_fn *start;
    *(void **)&start = dlsym(RTLD_NEXT, "__libc_start_main");
    real_main = main;
    return start(armed_main, argc, argv, init, fini, rtld_fini, stack_end);
}
