/* Quoting for shells. Commands are made and run elsewhere. */
#include "shell.h"

#include <string.h>

static bool is_plain(tally_span word) {
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "/._-+,:@%";
    for (size_t i = 0; i < word.len; i++)
        if (!memchr(plain, word.ptr[i], sizeof plain - 1)) return false;
    return word.len > 0;
}

/* False when `more` and a NUL behind it do not fit. */
static bool put(char *out, size_t size, size_t *used, const void *more, size_t len) {
    if (len >= size - *used) return false;
    memcpy(out + *used, more, len);
    *used += len;
    out[*used] = '\0';
    return true;
}

bool cli_shell_word(tally_span word, char *out, size_t size) {
    static const char escaped[] = "'\\''";
    const char *quote = is_plain(word) ? "" : "'";
    size_t used = 0;
    bool fits = put(out, size, &used, quote, strlen(quote));
    for (size_t i = 0; fits && i < word.len; i++)
        fits = word.ptr[i] == '\'' ? put(out, size, &used, escaped, sizeof escaped - 1)
                                   : put(out, size, &used, word.ptr + i, 1);
    fits = fits && put(out, size, &used, quote, strlen(quote));
    if (!fits) out[0] = '\0';
    return fits;
}

void cli_shell_first(const char *command, char *out, size_t size) {
    size_t used = 0;
    bool quoted = false;
    for (; *command && (quoted || *command != ' ') && used + 1 < size; command++)
        if (*command == '\'')
            quoted = !quoted;
        else if (*command == '\\' && !quoted && command[1])
            out[used++] = *++command;
        else
            out[used++] = *command;
    out[used] = '\0';
}
