/* Posting over libcurl: no redirects, no cookies, TLS checked, bounded in time and size. Proxies of
 * the environment hold, but not for this machine. */
#define CURL_DISABLE_TYPECHECK /* its macros would stand in the way of the table below */
#include "post.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <dlfcn.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <tally/outbox.h>

#define LIBRARY          "libcurl.so.4"
#define CONNECT_MS       10000L
#define KEEP_MAX         4L /* connections */
#define USER_AGENT       "tally/" TALLY_VERSION
#define HEADER_BYTES     512u
#define CA_FILE_VARIABLE "SSL_CERT_FILE" /* as the curl program has it */

/* Functions of libcurl that are used, each under its own name and type. */
#define FUNCTIONS(X)                                                                               \
    X(curl_easy_init)                                                                              \
    X(curl_easy_reset)                                                                             \
    X(curl_easy_setopt)                                                                            \
    X(curl_easy_perform)                                                                           \
    X(curl_easy_getinfo)                                                                           \
    X(curl_easy_strerror)                                                                          \
    X(curl_easy_cleanup)                                                                           \
    X(curl_slist_append)                                                                           \
    X(curl_slist_free_all)                                                                         \
    X(curl_global_init)                                                                            \
    X(curl_url)                                                                                    \
    X(curl_url_set)                                                                                \
    X(curl_url_get)                                                                                \
    X(curl_url_cleanup)                                                                            \
    X(curl_free)

typedef struct library {
    void *handle;
#define MEMBER(name) __typeof__(name) *name;
    FUNCTIONS(MEMBER)
#undef MEMBER
} library;

struct webhook_poster {
    library lib;
    CURL *curl;
};

/* ---- the library ---- */

static bool symbol_load(void *handle, const char *name, void *function) {
    void *found = dlsym(handle, name);
    memcpy(function, &found, sizeof found); /* ISO C has no cast between the two */
    return found != NULL;
}

/* Never unloaded: libraries below it leave threads and exit handlers behind. */
static int library_load(library *lib, tally_error *err) {
    bool whole = true;
    lib->handle = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (!lib->handle)
        return tally_fail(err, TALLY_ENOTFOUND,
                          "webhooks need " LIBRARY ", which is not here; install libcurl (Debian: "
                          "apt-get install libcurl4)");
#define LOAD(name) whole = symbol_load(lib->handle, #name, &lib->name) && whole;
    FUNCTIONS(LOAD)
#undef LOAD
    if (whole && lib->curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK) return 0;
    return tally_fail(err, TALLY_ENOTFOUND,
                      "this " LIBRARY " cannot be used; install version 7.85 or newer");
}

int webhook_poster_open(webhook_poster **out, tally_error *err) {
    webhook_poster *poster = calloc(1, sizeof *poster);
    *out = NULL;
    if (!poster) return tally_fail(err, TALLY_ENOMEM, "no memory for posting");
    int rc = library_load(&poster->lib, err);
    if (rc == 0 && !(poster->curl = poster->lib.curl_easy_init()))
        rc = tally_fail(err, TALLY_ENOMEM, "no memory for posting");
    if (rc != 0) {
        free(poster);
        return rc;
    }
    *out = poster;
    return 0;
}

void webhook_poster_close(webhook_poster *poster) {
    if (!poster) return;
    poster->lib.curl_easy_cleanup(poster->curl);
    free(poster);
}

/* ---- addresses ---- */

static bool is_loopback(const char *host) {
    struct in_addr address;
    if (strcmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0) return true;
    return inet_pton(AF_INET, host, &address) == 1 && ntohl(address.s_addr) >> 24 == 127;
}

/* The part as libcurl reads it, or "". The caller frees with curl_free. */
static char *url_part(const library *lib, CURLU *parsed, CURLUPart part) {
    char *text = NULL;
    return lib->curl_url_get(parsed, part, &text, 0) == CURLUE_OK ? text : NULL;
}

static int parts_check(const char *scheme, const char *host, bool insecure, tally_error *err) {
    bool plain = strcmp(scheme, "http") == 0;
    if (!plain && strcmp(scheme, "https") != 0)
        return tally_fail(err, TALLY_EINVAL, "a webhook's address begins with https://");
    if (plain && !insecure && !is_loopback(host))
        return tally_fail(err, TALLY_EINVAL,
                          "over http everybody on the way can read the messages; use https, or "
                          "--insecure if that is meant");
    return 0;
}

int webhook_url_check(webhook_poster *poster, const char *url, bool insecure, tally_error *err) {
    const library *lib = &poster->lib;
    CURLU *parsed = lib->curl_url();
    int rc = 0;
    if (!parsed) return tally_fail(err, TALLY_ENOMEM, "no memory for an address");
    if (strlen(url) > TALLY_HOOK_URL_MAX_BYTES)
        rc = tally_fail(err, TALLY_EINVAL, "a webhook's address has at most %u bytes",
                        TALLY_HOOK_URL_MAX_BYTES);
    else if (lib->curl_url_set(parsed, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK)
        rc = tally_fail(err, TALLY_EINVAL,
                        "that is no address; one is like "
                        "https://example.com/hooks/tally");
    char *scheme = url_part(lib, parsed, CURLUPART_SCHEME),
         *host = url_part(lib, parsed, CURLUPART_HOST),
         *user = url_part(lib, parsed, CURLUPART_USER);
    if (rc == 0 && (user || !scheme || !host))
        rc = tally_fail(err, TALLY_EINVAL,
                        "a webhook's address names a host, and no user: messages "
                        "are signed instead");
    if (rc == 0) rc = parts_check(scheme, host, insecure, err);
    lib->curl_free(scheme);
    lib->curl_free(host);
    lib->curl_free(user);
    lib->curl_url_cleanup(parsed);
    return rc;
}

static bool goes_to_loopback(const library *lib, const char *url) {
    CURLU *parsed = lib->curl_url();
    bool loopback = false;
    if (parsed && lib->curl_url_set(parsed, CURLUPART_URL, url, 0) == CURLUE_OK) {
        char *host = url_part(lib, parsed, CURLUPART_HOST);
        loopback = host && is_loopback(host);
        lib->curl_free(host);
    }
    lib->curl_url_cleanup(parsed);
    return loopback;
}

/* ---- posting ---- */

/* Of an answer only the status and Retry-After matter; the rest is counted and thrown away. */
static size_t on_bytes(char *bytes, size_t size, size_t count, void *ctx) {
    size_t *left = ctx, got = size * count;
    (void)bytes;
    if (got > *left) return 0; /* ends the transfer */
    *left -= got;
    return got;
}

static struct curl_slist *headers_make(const library *lib, const webhook_post *post) {
    char lines[4][HEADER_BYTES];
    struct curl_slist *list = NULL;
    snprintf(lines[0], HEADER_BYTES, "webhook-id: %s", post->id);
    snprintf(lines[1], HEADER_BYTES, "webhook-timestamp: %" PRId64, post->unix_seconds);
    snprintf(lines[2], HEADER_BYTES, "webhook-signature: %s", post->signatures);
    snprintf(lines[3], HEADER_BYTES, "content-type: application/json");
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct curl_slist *longer = lib->curl_slist_append(list, lines[i]);
        if (!longer) {
            lib->curl_slist_free_all(list);
            return NULL;
        }
        list = longer;
    }
    return list;
}

/* A line an option, behind a macro that counts as a branch. */
// NOLINTNEXTLINE(readability-function-size)
static CURLcode options_set(const webhook_poster *poster, const webhook_post *post,
                            struct curl_slist *headers, size_t *left) {
    const library *lib = &poster->lib;
    const char *authorities = getenv(CA_FILE_VARIABLE);
    CURLcode worst = CURLE_OK;
#define SET(option, value)                                                                         \
    do {                                                                                           \
        CURLcode rc_ = lib->curl_easy_setopt(poster->curl, option, value);                         \
        if (rc_ != CURLE_OK) worst = rc_;                                                          \
    } while (0)
    lib->curl_easy_reset(poster->curl);
    SET(CURLOPT_URL, post->url);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_SSL_VERIFYPEER, 1L);
    SET(CURLOPT_SSL_VERIFYHOST, 2L);
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (authorities && *authorities) SET(CURLOPT_CAINFO, authorities);
    if (goes_to_loopback(lib, post->url)) SET(CURLOPT_NOPROXY, "*");
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_TIMEOUT_MS, (long)post->timeout_ms);
    SET(CURLOPT_CONNECTTIMEOUT_MS,
        post->timeout_ms < CONNECT_MS ? (long)post->timeout_ms : CONNECT_MS);
    SET(CURLOPT_MAXCONNECTS, KEEP_MAX);
    SET(CURLOPT_USERAGENT, USER_AGENT);
    SET(CURLOPT_HTTPHEADER, headers);
    SET(CURLOPT_POSTFIELDSIZE, (long)post->body.len);
    SET(CURLOPT_POSTFIELDS, post->body.ptr);
    SET(CURLOPT_WRITEFUNCTION, on_bytes);
    SET(CURLOPT_WRITEDATA, left);
    SET(CURLOPT_HEADERFUNCTION, on_bytes);
    SET(CURLOPT_HEADERDATA, left);
#undef SET
    return worst;
}

/* An answer that was too long to be read is one all the same. */
static void answer_read(const webhook_poster *poster, CURLcode rc, webhook_answer *answer) {
    const library *lib = &poster->lib;
    long status = 0;
    curl_off_t retry_after = 0;
    (void)lib->curl_easy_getinfo(poster->curl, CURLINFO_RESPONSE_CODE, &status);
    (void)lib->curl_easy_getinfo(poster->curl, CURLINFO_RETRY_AFTER, &retry_after);
    if ((rc == CURLE_OK || rc == CURLE_WRITE_ERROR) && status >= 200 && status <= 999)
        answer->status = (uint64_t)status;
    if (retry_after > TALLY_RETRY_AFTER_MAX_MS / 1000)
        retry_after = TALLY_RETRY_AFTER_MAX_MS / 1000;
    if (answer->status && retry_after > 0) answer->retry_after_ms = (int64_t)retry_after * 1000;
    if (answer->status)
        snprintf(answer->why, sizeof answer->why, "it answered %" PRIu64, answer->status);
    else
        snprintf(answer->why, sizeof answer->why, "%s", lib->curl_easy_strerror(rc));
}

int webhook_poster_post(webhook_poster *poster, const webhook_post *post, webhook_answer *answer,
                        tally_error *err) {
    size_t left = WEBHOOK_ANSWER_MAX_BYTES;
    struct curl_slist *headers = headers_make(&poster->lib, post);
    *answer = (webhook_answer){.status = 0};
    if (!headers) return tally_fail(err, TALLY_ENOMEM, "no memory for posting");
    CURLcode rc = options_set(poster, post, headers, &left);
    if (rc == CURLE_OK) rc = poster->lib.curl_easy_perform(poster->curl);
    answer_read(poster, rc, answer);
    poster->lib.curl_slist_free_all(headers);
    return rc == CURLE_OUT_OF_MEMORY ? tally_fail(err, TALLY_ENOMEM, "no memory for posting") : 0;
}
