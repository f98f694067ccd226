/* The allocations of tally and tallyd, wrapped by the linker (--wrap): each that finds no memory is
 * noted. Those that libraries make for themselves are not seen here. */
#include <tally/memory.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__real_reallocarray(void *old, size_t count, size_t size);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t max);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_reallocarray(void *old, size_t count, size_t size);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t max);
int __wrap_asprintf(char **out, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void *noted(void *got) {
    if (!got) tally_memory_lost();
    return got;
}

void *__wrap_malloc(size_t size) {
    return noted(__real_malloc(size));
}

void *__wrap_calloc(size_t count, size_t size) {
    return noted(__real_calloc(count, size));
}

void *__wrap_realloc(void *old, size_t size) {
    return noted(__real_realloc(old, size));
}

void *__wrap_reallocarray(void *old, size_t count, size_t size) {
    return noted(__real_reallocarray(old, count, size));
}

char *__wrap_strdup(const char *text) {
    return noted(__real_strdup(text));
}

char *__wrap_strndup(const char *text, size_t max) {
    return noted(__real_strndup(text, max));
}

int __wrap_asprintf(char **out, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int len = vasprintf(out, format, args);
    va_end(args);
    if (len < 0) tally_memory_lost();
    return len;
}
