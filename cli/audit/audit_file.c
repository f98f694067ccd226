/* Reading a pack from where people keep it. What is in it is not looked at here. */
#include "audit_file.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "file.h"

#define PAGE_MAX_BYTES (TALLY_PACK_MAX_BYTES + 4u * 1024u * 1024u)

static const char page_begin[] = "<script id=\"pack\" type=\"text/plain\">";
static const char page_end[] = "</script>";

static const uint8_t *find(tally_span in, const char *text) {
    return in.len ? memmem(in.ptr, in.len, text, strlen(text)) : NULL;
}

/* What stands in the page's element; of any other file all of it. */
static tally_span text_of(tally_span file) {
    const uint8_t *begin = find(file, page_begin);
    if (!begin) return file;
    begin += sizeof page_begin - 1;
    tally_span rest = tally_span_of(begin, (size_t)(file.ptr + file.len - begin));
    const uint8_t *end = find(rest, page_end);
    return end ? tally_span_of(begin, (size_t)(end - begin)) : rest;
}

int cli_pack_read(const char *path, uint8_t **file, tally_span *text, tally_error *err) {
    struct stat status;
    char inside[4096];
    size_t len;
    *file = NULL;
    if (stat(path, &status) == 0 && S_ISDIR(status.st_mode)) {
        int put = snprintf(inside, sizeof inside, "%s/%s", path, CLI_PACK_FILE);
        if (put < 0 || (size_t)put >= sizeof inside)
            return tally_fail(err, TALLY_EINVAL, "the directory's name is too long");
        path = inside;
    }
    int code = cli_file_read(path, PAGE_MAX_BYTES, file, &len, err);
    if (!code) *text = text_of(tally_span_of(*file, len));
    return code;
}

void cli_pack_words(const tally_pack_verdict *v, char *out, size_t size) {
    char team[17], voided[48] = "";
    tally_hex(tally_span_of(v->team.b, 8), team);
    if (v->voided) snprintf(voided, sizeof voided, " (%" PRIu64 " of them void)", v->voided);
    if (v->ok)
        snprintf(out, size,
                 "ok: team %s, %" PRIu64 " records (%" PRIu64 " more withheld) of %" PRIu64
                 " devices, %" PRIu64 " checkpoints, %" PRIu64 " cosignatures, %" PRIu64
                 " invoices%s; %" PRIu64 " of %" PRIu64 " lines and %" PRIu64 " of %" PRIu64
                 " rows recomputed, the others as claimed",
                 team, v->records, v->withheld, v->devices, v->checkpoints, v->cosignatures,
                 v->documents, voided, v->lines_recomputed, v->lines, v->rows_recomputed, v->rows);
    else
        snprintf(out, size, "bad, line %" PRIu64 ", %s: %s", v->line, v->subject, v->why);
}
