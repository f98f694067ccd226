/* One HTTP POST at a time, through libcurl. */
#ifndef WEBHOOK_POST_H
#define WEBHOOK_POST_H

#include <tally/bytes.h>
#include <tally/error.h>

#define WEBHOOK_ANSWER_MAX_BYTES (64u * 1024u) /* read of an answer, headers included */
#define WEBHOOK_WHY_BYTES        TALLY_ERROR_TEXT_MAX_BYTES

typedef struct webhook_post {
    const char *url;
    const char *id, *signatures; /* of the headers webhook-id and webhook-signature */
    int64_t unix_seconds;        /* webhook-timestamp */
    tally_span body;
    int64_t timeout_ms; /* of the whole exchange */
} webhook_post;

typedef struct webhook_answer {
    uint64_t status;        /* 0: there was none */
    int64_t retry_after_ms; /* that the answer asked for; 0: nothing */
    char why[WEBHOOK_WHY_BYTES];
} webhook_answer;

/* Keeps connections open between posts. libcurl is loaded here, not when the program starts: it
 * brings some thirty libraries that no other command needs. TALLY_ENOTFOUND when it is not
 * installed. The caller frees with webhook_poster_close. */
typedef struct webhook_poster webhook_poster;
int webhook_poster_open(webhook_poster **out, tally_error *err);
void webhook_poster_close(webhook_poster *poster);
/* What did not come about is in `answer`: status 0, and why. TALLY_ENOMEM. */
int webhook_poster_post(webhook_poster *poster, const webhook_post *post, webhook_answer *answer,
                        tally_error *err);

/* Whether messages may go there: https, or http to this machine, or with `insecure` http anywhere;
 * a host; no user or password. TALLY_EINVAL. */
int webhook_url_check(webhook_poster *poster, const char *url, bool insecure, tally_error *err);

#endif
