/* Reads evidence files and stores them. What refers to them is the ledger's. */
#include "evidence.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "file.h"

static tally_span type_of(tally_span name) {
    static const struct {
        const char *ending, *type;
    } types[] = {
        {".pdf", "application/pdf"}, {".csv", "text/csv"},        {".txt", "text/plain"},
        {".png", "image/png"},       {".jpg", "image/jpeg"},      {".jpeg", "image/jpeg"},
        {".html", "text/html"},      {".htm", "text/html"},       {".json", "application/json"},
        {".xml", "application/xml"}, {".zip", "application/zip"}, {".eml", "message/rfc822"},
    };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        size_t len = strlen(types[i].ending);
        if (name.len > len &&
            strncasecmp((const char *)name.ptr + name.len - len, types[i].ending, len) == 0)
            return tally_span_str(types[i].type);
    }
    return tally_span_str("application/octet-stream");
}

int cli_evidence_read(const char *path, cli_evidence *out, tally_error *err) {
    *out = (cli_evidence){0};
    if (!path) return 0;
    const char *slash = strrchr(path, '/');
    out->name = tally_span_str(slash ? slash + 1 : path);
    out->type = type_of(out->name);
    randombytes_buf(out->salt, sizeof out->salt);
    int code = cli_file_read(path, TALLY_BLOB_MAX_BYTES, &out->bytes, &out->len, err);
    if (!code && out->len == 0)
        code = tally_fail(err, TALLY_EINVAL, "%s is empty: it proves nothing", path);
    return code;
}

void cli_evidence_clear(cli_evidence *evidence) {
    free(evidence->bytes);
    *evidence = (cli_evidence){0};
}

int cli_evidence_put(tally_txn *txn, const cli_evidence *evidence, tally_hash *id,
                     tally_error *err) {
    return tally_blob_put(txn, evidence->salt, tally_span_of(evidence->bytes, evidence->len), id,
                          err);
}

int cli_note_put(tally_txn *txn, tally_span text, tally_hash *id, tally_error *err) {
    uint8_t salt[TALLY_BLOB_SALT_BYTES];
    randombytes_buf(salt, sizeof salt);
    return tally_blob_put(txn, salt, text, id, err);
}
