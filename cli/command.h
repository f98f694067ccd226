/* What a command is and what it is handed. One file per command defines one of these descriptors
 * beside its function; main.c holds the table. Exit codes are part of the interface: scripts rely
 * on them. */
#ifndef TALLY_CLI_COMMAND_H
#define TALLY_CLI_COMMAND_H

#include <limits.h>
#include <stdio.h>

#include <tally/bytes.h>
#include <tally/error.h>

#define CLI_BUFFER_BYTES 65536u /* of what is being written */
#define CLI_COLUMNS      80u    /* that words for people are set on */

enum cli_exit {
    CLI_DONE = 0,
    CLI_FAILED = 1,  /* a check failed, or what was asked for is not there */
    CLI_USAGE = 2,   /* wrong usage */
    CLI_DAMAGED = 3, /* the ledger or a file is damaged, or cannot be read or written */
    CLI_REFUSED = 4  /* policy forbids it, or there is no exact figure to give */
};

typedef struct cli_option {
    const char *name;  /* "member", given as --member */
    const char *value; /* what follows it, as help shows it: "NAME"; NULL for a flag */
    const char *help;
} cli_option;

/* One option as it stood on the command line; options may repeat. */
typedef struct cli_given {
    const cli_option *option;
    const char *value; /* NULL for a flag */
} cli_given;

typedef struct cli cli;

typedef struct cli_command {
    const char *name;          /* "costs export": one word, or two */
    const char *arguments;     /* as help shows them: "FILE"; "" for none */
    const char *summary;       /* one line, no full stop */
    const char *example;       /* a line that works */
    const cli_option *options; /* ends at the row without a name; NULL for none of its own */
    bool filters;              /* takes the filters and --period */
    int min_arguments, max_arguments;
    bool homeless;        /* works where no home, and so no ledger, is known */
    bool inside_agent;    /* called by agents, which take exit 2 for a refusal: trouble is exit 1 */
    int (*run)(cli *run); /* returns a cli_exit */
} cli_command;

struct cli {
    const cli_command *command;
    cli_given *given;
    size_t given_count;
    char **arguments;
    int argument_count;
    bool json;
    char dir[PATH_MAX]; /* the ledger's directory */
    FILE *pager;        /* the pipe to it; NULL when there is none */
    int pager_pid;
};

/* The last value of an option, or NULL; `cli_has` for flags. */
const char *cli_value(const cli *run, const char *name);
bool cli_has(const cli *run, const char *name);
/* Values of a repeated option in order: start with *at = 0; NULL when there are no more. */
const char *cli_value_next(const cli *run, const char *name, size_t *at);

/* One line on stderr, `tally: SENTENCE`, and the exit code that belongs to the error's code. Bytes
 * that could steer a terminal are shown as '?'. */
int cli_fail(const tally_error *err);
/* A mistake on the command line: the sentence, and where help is. Returns CLI_USAGE. */
int cli_usage(const cli *run, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Words for people, on stderr, one line. */
void cli_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Bytes of the character at the start of `text` that steers a terminal, or reorders or hides what
 * stands beside it; 0 for every other one. C0 controls are not asked for here. */
size_t cli_steering_bytes(const char *text);
/* Puts '?' for each character beyond ASCII that could steer a terminal or misplace the text beside
 * it. In place: the text does not get longer. */
void cli_text_calm(char *text);
/* The same, and control characters too: for text that is printed outside a table. */
void cli_text_one_line(char *text);

/* Words on lines of CLI_COLUMNS, broken at blanks: the first after `first`, the others after
 * `rest`. A word that is too long stands whole. */
void cli_words_wrap(FILE *out, const char *first, const char *rest, const char *words);

/* The wall clock, Unix milliseconds. */
int64_t cli_now_ms(void);
/* Where data goes: stdout. For long text on a terminal a pager is put in between, once. */
FILE *cli_out(cli *run);
FILE *cli_out_paged(cli *run);
/* Flushes everything and waits for the pager. `code` again, or CLI_DAMAGED when the data could not
 * be written. */
int cli_out_finish(cli *run, int code);

#endif
