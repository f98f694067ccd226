/* Errors: one convention for every room. A function that can fail returns 0 or a negative TALLY_E
 * code and fills the tally_error passed as its last argument with one sentence: the thing, the
 * cause, the next step. */
#ifndef TALLY_ERROR_H
#define TALLY_ERROR_H

enum tally_code {
    TALLY_OK = 0,
    TALLY_EINVAL = -1,    /* an argument or a typed value is wrong */
    TALLY_ENOTFOUND = -2, /* what was named does not exist */
    TALLY_EEXIST = -3,    /* what was to be made exists already */
    TALLY_EFORMAT = -4,   /* bytes from outside do not follow their format */
    TALLY_ECORRUPT = -5,  /* our own stored bytes are damaged */
    TALLY_EIO = -6,       /* the operating system refused a read or write */
    TALLY_ENOSPC = -7,    /* the disk is full */
    TALLY_EREADONLY = -8, /* the ledger cannot be written */
    TALLY_ENOMEM = -9,    /* memory ran out */
    TALLY_ELIMIT = -10,   /* a named limit was exceeded */
    TALLY_EREFUSED = -11, /* policy forbids it (budget, lock, role) */
    TALLY_EOVERFLOW = -12 /* no exact figure: a number does not fit its integer type */
};

#define TALLY_ERROR_TEXT_MAX_BYTES 640

typedef struct tally_error {
    int code;                              /* a tally_code */
    char text[TALLY_ERROR_TEXT_MAX_BYTES]; /* NUL-terminated UTF-8 sentence, no newline, no secrets
                                            */
} tally_error;

/* Fills `err` (may be NULL) and returns `code`, so that `return tally_fail(...)` reads as one
 * thought. */
int tally_fail(tally_error *err, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* An analyser sees one file at a time: it cannot know that `code` comes back, and follows paths on
 * which a failure was none. TALLY_ANALYZER is gcc -fanalyzer (`./dev lint`). */
#if defined(__clang_analyzer__) || defined(TALLY_ANALYZER)
static inline int tally_failed(int code, int returned) {
    (void)returned;
    return code;
}
#define tally_fail(err, code, ...) tally_failed(code, (tally_fail)(err, code, __VA_ARGS__))
#endif

/* What to do about an errno of reading or writing files, as the end of a sentence: "free some space
 * and run this again". */
const char *tally_errno_advice(int cause);
/* The code that goes with it. */
int tally_errno_code(int cause);

/* Puts "what: " before the text already in `err`; returns `err->code`. */
int tally_fail_while(tally_error *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
