/* Titles: one clean line made from whatever a log holds. */
#ifndef TALLY_CAPTURE_TITLE_H
#define TALLY_CAPTURE_TITLE_H

#include "field.h"

#define CAPTURE_PROMPT_TITLE_MAX_CHARS 80u /* of a title taken from a prompt */

typedef struct capture_title {
    uint16_t len;
    char text[CAPTURE_TITLE_MAX_BYTES];
} capture_title;

/* The first line of `text` (valid UTF-8) that shows something: terminal escapes, control,
 * bidirectional and zero-width characters removed, runs of white space made one space, at most
 * `max_chars` characters and CAPTURE_TITLE_MAX_BYTES bytes. Returns false, and leaves `out` empty,
 * when nothing is left. */
bool capture_title_clean(tally_span text, size_t max_chars, capture_title *out);
/* The same for a JSON string; false for anything else. */
bool capture_title_take(capture_title *out, const tally_json *value);

static inline tally_span capture_title_span(const capture_title *title) {
    return tally_span_of(title->text, title->len);
}

#endif
