/* Errors: fills the one error struct that every room passes up. Prints nothing. */
#include <tally/error.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int(tally_fail)(tally_error *err, int code, const char *format, ...) {
    if (!err) return code;
    va_list args;
    va_start(args, format);
    err->code = code;
    (void)vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    return code;
}

static const struct errno_meaning {
    int cause, code;
    const char *advice;
} meanings[] = {
    {ENOSPC, TALLY_ENOSPC, "free some space and run this again"},
    {EDQUOT, TALLY_ENOSPC, "free some of your quota and run this again"},
    {EFBIG, TALLY_ENOSPC, "raise 'ulimit -f' and run this again"},
    {ENOMEM, TALLY_ENOMEM, "end other programs and run this again"},
    {EMFILE, TALLY_EIO, "raise 'ulimit -n' and run this again"},
    {EROFS, TALLY_EREADONLY, "name a place that can be written"},
    {EACCES, TALLY_EIO, "check its owner and mode"},
    {EPERM, TALLY_EIO, "check its owner and mode"},
    {EEXIST, TALLY_EEXIST, "name a new file"},
    {ENOENT, TALLY_EIO, "check the path"},
    {ENOTDIR, TALLY_EIO, "check the path"},
    {EISDIR, TALLY_EIO, "name a file"},
    {ENAMETOOLONG, TALLY_ELIMIT, "choose a shorter path"},
};

static const struct errno_meaning *meaning_of(int cause) {
    static const struct errno_meaning other = {0, TALLY_EIO,
                                               "look at the disk, then run this again"};
    for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++)
        if (meanings[i].cause == cause) return &meanings[i];
    return &other;
}

const char *tally_errno_advice(int cause) {
    return meaning_of(cause)->advice;
}

int tally_errno_code(int cause) {
    return meaning_of(cause)->code;
}

int tally_fail_while(tally_error *err, const char *format, ...) {
    if (!err) return TALLY_EIO;
    char cause[sizeof err->text];
    memcpy(cause, err->text, sizeof cause);
    va_list args;
    va_start(args, format);
    int written = vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    size_t used = written < 0 ? 0 : (size_t)written;
    size_t cause_len = strnlen(cause, sizeof cause - 1);
    if (used + 3 >= sizeof err->text) return err->code;
    size_t room = sizeof err->text - used - 3;
    memcpy(err->text + used, ": ", 2);
    memcpy(err->text + used + 2, cause, cause_len < room ? cause_len : room);
    err->text[used + 2 + (cause_len < room ? cause_len : room)] = '\0';
    return err->code;
}
