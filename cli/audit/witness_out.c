/* Gathers and prints who has seen what of a feed, and when. What counts as witnessed the ledger
 * says. */
#include "witness_out.h"

#include <inttypes.h>
#include <stdlib.h>

#include <tally/time.h>

#include "team/device.h"

#define FIRST_SIGHTS 16u
#define MS_PER_S     1000

typedef struct gathering {
    tally_txn *txn;
    cli_sight_fits *fits;
    void *ctx;
    cli_sights *out;
} gathering;

static cli_sight *row_of(cli_sights *sights, const tally_device_id *device) {
    for (size_t i = 0; i < sights->count; i++)
        if (memcmp(sights->rows[i].what.witness.b, device->b, sizeof device->b) == 0)
            return &sights->rows[i];
    return NULL;
}

static int sight_note(void *ctx, const tally_cosignature *c, tally_error *err) {
    gathering *g = ctx;
    tally_team_device who;
    if (g->fits && !g->fits(g->ctx, c)) return 0;
    cli_sight *row = row_of(g->out, &c->witness);
    if (row && row->what.time_s <= c->time_s) return 0;
    if (row) {
        row->what = *c;
        return 0;
    }
    if (tally_team_device_get(g->txn, &c->witness, &who) != 0) return 0;
    if (g->out->count == g->out->room) {
        size_t room = g->out->room ? 2 * g->out->room : FIRST_SIGHTS;
        cli_sight *grown = reallocarray(g->out->rows, room, sizeof *grown);
        if (!grown) return tally_fail(err, TALLY_ENOMEM, "memory ran out");
        g->out->rows = grown;
        g->out->room = room;
    }
    g->out->rows[g->out->count++] = (cli_sight){*c, who};
    return 0;
}

static int sight_order(const void *a, const void *b) {
    const cli_sight *x = a, *y = b;
    if (x->what.time_s != y->what.time_s) return x->what.time_s < y->what.time_s ? -1 : 1;
    return memcmp(x->what.witness.b, y->what.witness.b, sizeof x->what.witness.b);
}

int cli_sights_read(tally_txn *txn, const tally_device_id *device, uint64_t size,
                    cli_sight_fits *fits, void *ctx, cli_sights *out, tally_error *err) {
    gathering g = {txn, fits, ctx, out};
    *out = (cli_sights){.rows = NULL};
    int code = tally_cosignature_each(txn, device, size, sight_note, &g, err);
    if (out->count > 0) qsort(out->rows, out->count, sizeof *out->rows, sight_order);
    return code;
}

void cli_sights_free(cli_sights *sights) {
    free(sights->rows);
    *sights = (cli_sights){.rows = NULL};
}

/* What no clock gives stays within what can be printed. */
static int64_t time_of(const cli_sight *sight) {
    return sight->what.time_s < INT64_MAX / MS_PER_S ? sight->what.time_s * MS_PER_S : INT64_MAX;
}

void cli_sights_json(cli_json *json, const char *key, const cli_sights *sights,
                     const tally_hash *team) {
    char line[TALLY_COSIGNATURE_LINE_MAX_BYTES];
    cli_json_open(json, key, '[');
    for (size_t i = 0; i < sights->count; i++) {
        const cli_sight *row = &sights->rows[i];
        cli_json_open(json, NULL, '{');
        cli_device_json(json, &row->who);
        cli_json_time(json, "time", time_of(row));
        cli_json_u64(json, "size", row->what.checkpoint.size);
        cli_json_hex(json, "root", tally_span_of(row->what.checkpoint.root.b, TALLY_HASH_BYTES));
        cli_json_bool(json, "revoked", row->who.limit != UINT64_MAX);
        if (team) {
            size_t length = tally_cosignature_line(team, &row->what, line);
            cli_json_text(json, "note_line", tally_span_of(line, length));
        }
        cli_json_close(json, '}');
    }
    cli_json_close(json, ']');
}

void cli_sights_text(FILE *out, const cli_sights *sights) {
    for (size_t i = 0; i < sights->count; i++) {
        const cli_sight *row = &sights->rows[i];
        char names[CLI_NAMES_TEXT_BYTES], time[TALLY_TIME_TEXT_BYTES];
        cli_device_names(&row->who, names);
        tally_time_format(time_of(row), time);
        fprintf(out, "  %s  %s%s, as one of %" PRIu64 " records\n", time, names,
                row->who.limit != UINT64_MAX ? " (revoked)" : "", row->what.checkpoint.size);
    }
}
