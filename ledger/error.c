/* Errors: fills the one error struct that every room passes up. Prints nothing. */
#include <tally/error.h>

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
