/* Git remotes: URLs and scp-like addresses (git-fetch(1), GIT URLS) in one spelling. */
#include "remote.h"

static tally_span after(tally_span text, size_t count) {
    return tally_span_of(text.ptr + count, text.len - count);
}

/* Where `c` first stands, or text.len. */
static size_t find(tally_span text, char c) {
    size_t at = 0;
    while (at < text.len && text.ptr[at] != (uint8_t)c)
        at++;
    return at;
}

static bool drop_scheme(tally_span *text) {
    for (size_t at = 0; at + 3 <= text->len; at++) {
        if (memcmp(text->ptr + at, "://", 3) != 0) continue;
        *text = after(*text, at + 3);
        return true;
    }
    return false;
}

static void drop_user(tally_span *text) {
    size_t at = find(*text, '@');
    if (at < find(*text, '/')) *text = after(*text, at + 1);
}

static void drop_end(tally_span *text) {
    while (text->len > 0 && text->ptr[text->len - 1] == '/')
        text->len--;
    if (text->len >= 4 && memcmp(text->ptr + text->len - 4, ".git", 4) == 0) text->len -= 4;
}

static bool all_digits(tally_span text) {
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] < '0' || text.ptr[i] > '9') return false;
    return text.len > 0;
}

/* The host ends at a slash, a port, or, in the scp-like form, at a colon. */
static size_t host_end(tally_span text, bool url, size_t *rest) {
    size_t slash = find(text, '/'), colon = find(text, ':');
    *rest = slash;
    if (colon >= slash) return slash;
    tally_span port = tally_span_of(text.ptr + colon + 1, slash - colon - 1);
    if (!url && !all_digits(port)) *rest = colon + 1;
    return colon;
}

size_t remote_normalise(tally_span remote, char out[REMOTE_MAX_BYTES]) {
    tally_span text = remote;
    size_t rest, len = 0;
    bool url = drop_scheme(&text);
    drop_user(&text);
    drop_end(&text);
    if (text.len == 0 || text.len + 1 > REMOTE_MAX_BYTES) return 0;
    size_t host = host_end(text, url, &rest);
    for (; len < host; len++) {
        char c = (char)text.ptr[len];
        out[len] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    }
    while (rest < text.len && text.ptr[rest] == '/')
        rest++;
    if (rest >= text.len) return len;
    if (len > 0) out[len++] = '/';
    memcpy(out + len, text.ptr + rest, text.len - rest);
    return len + text.len - rest;
}
