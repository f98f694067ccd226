/* The path of the program that runs. What is looked for from there is its callers' matter. */
#include <tally/program.h>

#include <string.h>
#include <unistd.h>

int tally_program_path(char *out, size_t size) {
    ssize_t len = readlink("/proc/self/exe", out, size);
    const char *slash = len > 0 && (size_t)len < size ? memrchr(out, '/', (size_t)len) : NULL;
    out[slash ? len : 0] = '\0';
    return slash ? (int)(slash - out) : -1;
}
