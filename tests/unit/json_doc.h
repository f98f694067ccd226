/* JSON documents for tests, each in a heap block of its exact size, so that the sanitizer sees any
 * read outside it. Header only. */
#ifndef TESTS_JSON_DOC_H
#define TESTS_JSON_DOC_H

#include <tally/json.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

/* A document in its own block; freed by doc_free. */
typedef struct doc {
    uint8_t *bytes;
    int rc;
    tally_json root;
} doc;

static doc doc_of(const void *text, size_t len) {
    doc d = {.bytes = malloc(len ? len : 1)};
    assert_non_null(d.bytes);
    if (len) memcpy(d.bytes, text, len);
    d.rc = tally_json_parse(tally_span_of(d.bytes, len), &d.root);
    return d;
}

static doc doc_str(const char *text) {
    return doc_of(text, strlen(text));
}

static void doc_free(doc *d) {
    free(d->bytes);
}

#endif
