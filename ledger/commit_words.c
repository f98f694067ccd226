/* Commits as words: reads what `git log` printed and makes a line of the subjects. Running git is
 * the CLI's. */
#include <tally/describe.h>
#include <tally/record.h>

#include <stdio.h>

#define SECONDS_DIGITS_MAX 11u
#define JOINT              "; "
#define MORE_BYTES         40u /* for "; and N more" */

static const char replacement[] = "\xef\xbf\xbd"; /* U+FFFD */

/* The text up to `end` (or all of it), and what follows. */
static tally_span cut(tally_span *text, uint8_t end) {
    const uint8_t *at = text->len > 0 ? memchr(text->ptr, end, text->len) : NULL;
    tally_span head = tally_span_of(text->ptr, at ? (size_t)(at - text->ptr) : text->len);
    size_t used = head.len + (at ? 1 : 0);
    *text = tally_span_of(text->ptr + used, text->len - used);
    return head;
}

static bool same_letters(tally_span a, tally_span b) {
    bool same = a.len == b.len;
    for (size_t i = 0; i < a.len && same; i++) {
        uint8_t x = a.ptr[i], y = b.ptr[i];
        if (x >= 'A' && x <= 'Z') x = (uint8_t)(x + ('a' - 'A'));
        if (y >= 'A' && y <= 'Z') y = (uint8_t)(y + ('a' - 'A'));
        same = x == y;
    }
    return same;
}

static bool seconds_read(tally_span text, int64_t *ms) {
    int64_t value = 0;
    if (text.len == 0 || text.len > SECONDS_DIGITS_MAX) return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9') return false;
        value = value * 10 + (text.ptr[i] - '0');
    }
    *ms = value * 1000;
    return true;
}

/* Bytes of the UTF-8 character at the front; 0 for a byte that begins none. */
static size_t character(tally_span text) {
    size_t len = text.ptr[0] < 0x80 ? 1 : text.ptr[0] < 0xe0 ? 2 : text.ptr[0] < 0xf0 ? 3 : 4;
    return len <= text.len && tally_utf8_valid(tally_span_of(text.ptr, len)) ? len : 0;
}

/* One line of UTF-8 in `out`, without spaces around it. */
static size_t clean(tally_span subject, uint8_t out[TALLY_SUBJECT_MAX_BYTES]) {
    size_t len = 0;
    while (subject.len > 0) {
        size_t n = character(subject), width = n > 0 ? n : sizeof replacement - 1;
        if (len + width > TALLY_SUBJECT_MAX_BYTES) break;
        bool control = n == 1 && (subject.ptr[0] <= 0x20 || subject.ptr[0] == 0x7f);
        if (control) {
            if (len > 0) out[len++] = ' ';
        } else {
            memcpy(out + len, n > 0 ? (const char *)subject.ptr : replacement, width);
            len += width;
        }
        n = n > 0 ? n : 1;
        subject = tally_span_of(subject.ptr + n, subject.len - n);
    }
    while (len > 0 && out[len - 1] == ' ')
        len--;
    return len;
}

static bool will_be_squashed(tally_span subject) {
    static const char *const marks[] = {"fixup! ", "squash! ", "amend! "};
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        size_t n = strlen(marks[i]);
        if (subject.len >= n && memcmp(subject.ptr, marks[i], n) == 0) return true;
    }
    return false;
}

/* Newest first, as they come; the oldest are wanted, so what came before makes room for them. */
static void keep(tally_subjects *out, size_t *newest, tally_span subject) {
    uint8_t text[TALLY_SUBJECT_MAX_BYTES];
    size_t len = clean(subject, text);
    if (len == 0) return;
    for (size_t i = 0; i < out->count; i++)
        if (out->lens[i] == len && memcmp(out->texts[i], text, len) == 0) return;
    size_t at = out->count < TALLY_SUBJECTS_MAX ? out->count++ : (*newest)++ % TALLY_SUBJECTS_MAX;
    out->more += out->count == TALLY_SUBJECTS_MAX && *newest > 0;
    memcpy(out->texts[at], text, len);
    out->lens[at] = len;
}

static void swap(tally_subjects *out, size_t a, size_t b) {
    uint8_t text[TALLY_SUBJECT_MAX_BYTES];
    size_t len = out->lens[a];
    memcpy(text, out->texts[a], sizeof text);
    memcpy(out->texts[a], out->texts[b], sizeof text);
    memcpy(out->texts[b], text, sizeof text);
    out->lens[a] = out->lens[b];
    out->lens[b] = len;
}

static void reverse(tally_subjects *out, size_t from, size_t end) {
    for (; from + 1 < end; from++, end--)
        swap(out, from, end - 1);
}

void tally_commit_subjects(tally_span log, tally_span email, int64_t start_ms, int64_t end_ms,
                           tally_subjects *out) {
    size_t newest = 0; /* how many places were given away */
    memset(out, 0, sizeof *out);
    while (log.len > 0) {
        int64_t ms;
        bool whole = memchr(log.ptr, '\0', log.len) != NULL;
        tally_span commit = cut(&log, '\0');
        tally_span time = cut(&commit, '\n'), author = cut(&commit, '\n');
        if (!whole || !seconds_read(time, &ms) || ms < start_ms || ms > end_ms) continue;
        if (same_letters(author, email) && !will_be_squashed(commit)) keep(out, &newest, commit);
    }
    /* The ring's oldest place is the newest commit: turn it to begin there, then around. */
    size_t first = newest % TALLY_SUBJECTS_MAX;
    reverse(out, 0, first);
    reverse(out, first, out->count);
}

size_t tally_commit_words(tally_span log, tally_span email, int64_t start_ms, int64_t end_ms,
                          char out[TALLY_WORDS_MAX_BYTES]) {
    tally_subjects subjects;
    size_t len = 0, i = 0;
    tally_commit_subjects(log, email, start_ms, end_ms, &subjects);
    for (; i < subjects.count; i++) {
        size_t joint = i > 0 ? strlen(JOINT) : 0;
        if (len + joint + subjects.lens[i] + MORE_BYTES > TALLY_WORDS_MAX_BYTES) break;
        memcpy(out + len, JOINT, joint);
        memcpy(out + len + joint, subjects.texts[i], subjects.lens[i]);
        len += joint + subjects.lens[i];
    }
    uint64_t more = subjects.count - i + subjects.more;
    int said = more == 0 ? 0
                         : snprintf(out + len, TALLY_WORDS_MAX_BYTES - len, JOINT "and %llu more",
                                    (unsigned long long)more);
    return len + (said > 0 ? (size_t)said : 0);
}
