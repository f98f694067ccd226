/* Descriptions: the one line that says what a session or an entry was for, as a client reads it.
 * Recorded words are `describe` records; which of them is the line is decided while reading. */
#ifndef TALLY_DESCRIBE_H
#define TALLY_DESCRIBE_H

#include <tally/work.h>

#define TALLY_WORDS_MAX_BYTES   1024u /* of one line */
#define TALLY_WORDS_SPARE_BYTES 256u  /* room for a line made up of agent, directory and date */

/* Where a line comes from, the first that there is: */
typedef enum tally_words_from {
    TALLY_WORDS_PERSON,  /* `tally describe`, or what was written down with manual time */
    TALLY_WORDS_COMMAND, /* the person's program, `describe.command` */
    TALLY_WORDS_COMMITS, /* subjects of the commits made meanwhile */
    TALLY_WORDS_TITLE,   /* the agent's own title, or one given in the agent */
    TALLY_WORDS_PROMPT,  /* the first prompt's sentence, where it was allowed */
    TALLY_WORDS_NONE     /* "claude-code in shop, 2026-03-04": needs words */
} tally_words_from;
#define TALLY_WORDS_RECORDED (TALLY_WORDS_COMMITS + 1u) /* sources that `describe` records have */
/* "person", "command", "commits", "title", "prompt", "none". */
const char *tally_words_from_text(tally_words_from from);

typedef struct tally_description {
    tally_span
        text; /* lives as long as the transaction writes nothing, or in the caller's `room` */
    tally_words_from from;
    bool vague;          /* a client could not tell what was done (tally_words_vague) */
    const uint8_t *blob; /* of the text; NULL for TALLY_WORDS_NONE */
} tally_description;

/* The line of a session; there always is one. What was redacted, or has not come yet, is passed
 * over. `zone` is for the date of the last resort; NULL: UTC. */
void tally_describe_session(tally_txn *txn, uint64_t session, const tally_zone *zone,
                            char room[TALLY_WORDS_SPARE_BYTES], tally_description *out);
/* The line of a session as if `from` and what comes before it did not exist. */
void tally_describe_session_after(tally_txn *txn, uint64_t session, tally_words_from from,
                                  const tally_zone *zone, char room[TALLY_WORDS_SPARE_BYTES],
                                  tally_description *out);
/* The line of manual time: a person's later words, else what was written down with it, else "shop,
 * 2026-03-04". */
void tally_describe_time(tally_txn *txn, const tally_time_entry *entry,
                         char room[TALLY_WORDS_SPARE_BYTES], tally_description *out);
/* Words of one source on a target (16 bytes, as view.h's tags have it): false when there are none,
 * they were taken back, or their blob is not here. */
bool tally_words_get(tally_txn *txn, const uint8_t target[TALLY_ENTRY_BYTES], tally_words_from from,
                     tally_description *out);

/* True for a line that says nothing: once numbers, units of time, names of agents and empty words
 * (a table in describe.c: "consulting", "work", "misc", "fix", "wip" ...) are left out, fewer than
 * three bytes of letters remain. Letters beyond ASCII are words. */
bool tally_words_vague(tally_span text);

/* Subjects of commits as one line. `log` is what `git log -z --format=%ct%n%ae%n%s` printed, newest
 * first, perhaps cut off in its last commit: bytes of anybody's. Taken are commits with that email
 * (ASCII letters whatever their case) and a time in [start_ms, end_ms], oldest first, equal
 * subjects once, those that git will squash into others not at all; joined with "; " as long as
 * they fit, then "and N more". Control characters become spaces, what is not UTF-8 U+FFFD. The line
 * is 0 to TALLY_WORDS_MAX_BYTES long and needs no NUL. */
size_t tally_commit_words(tally_span log, tally_span email, int64_t start_ms, int64_t end_ms,
                          char out[TALLY_WORDS_MAX_BYTES]);
/* The same subjects one by one, cut to TALLY_SUBJECT_MAX_BYTES. */
#define TALLY_SUBJECT_MAX_BYTES 200u
#define TALLY_SUBJECTS_MAX      64u /* looked at; the rest is only counted */
typedef struct tally_subjects {
    uint8_t texts[TALLY_SUBJECTS_MAX][TALLY_SUBJECT_MAX_BYTES];
    size_t lens[TALLY_SUBJECTS_MAX];
    size_t count;  /* of texts */
    uint64_t more; /* commits beyond them; equal subjects among these are not told apart */
} tally_subjects;
void tally_commit_subjects(tally_span log, tally_span email, int64_t start_ms, int64_t end_ms,
                           tally_subjects *out);

/* Inside a write: appends `describe`. `text` is stored as a blob with `salt` (random bytes); empty
 * takes the words of that source back. TALLY_EINVAL for a text that is not UTF-8, too long, or
 * holds control characters. TALLY_EEXIST, changing nothing, when the words of that source are these
 * already, or there are none to take back. TALLY_EREFUSED when the same words were redacted. */
typedef struct tally_describe {
    tally_span agent, session; /* or: */
    const tally_entry_id *entry;
    tally_words_from from; /* below TALLY_WORDS_RECORDED */
    tally_span text;
    const uint8_t *salt; /* TALLY_BLOB_SALT_BYTES */
} tally_describe;
int tally_describe_append(tally_txn *txn, const tally_describe *describe, tally_error *err);

#endif
