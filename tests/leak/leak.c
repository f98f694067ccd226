/* Leaves memory behind, so that tests/cli/leaks.bats can tell a clean command from a build that
 * does not look. */
#include <stdlib.h>
#include <string.h>

#define LEFT_BYTES 3141

int main(void) {
    char *volatile left = malloc(LEFT_BYTES);
    if (!left) return 1;
    memset(left, 'x', LEFT_BYTES);
    left = NULL;
    return 0;
}
