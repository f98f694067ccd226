/* Reads the filter options, for listings too. What they match is the ledger's matter (report.h). */
#include "filter.h"

#include <tally/money.h>

static int amount_read(const cli *run, const char *name, bool *has, tally_i128 *out,
                       tally_error *err) {
    int64_t pico = 0;
    const char *text = cli_value(run, name);
    *has = text != NULL;
    if (!text) return 0;
    int code = tally_pico_parse(tally_span_str(text), false, &pico);
    if (code)
        return tally_fail(err, TALLY_EINVAL, "--%s %s is no amount; write it like 1.50", name,
                          text);
    *out = pico;
    return 0;
}

/* A client's days are its own: its figures are cut where its clock strikes midnight. Of several
 * clients each has its own. */
static int zones_read(cli_reading *reading, tally_filter *out, tally_error *err) {
    tally_zone *zone;
    tally_span name;
    if (!out->client.len) {
        int code = cli_zones_load(reading->txn, reading->zone_name, &reading->zones, err);
        out->zones = reading->zones.clients;
        out->zone_count = reading->zones.count;
        return code;
    }
    int code = cli_client_zone_load(reading->txn, out->client, &zone, &name, err);
    if (code || !zone) return code;
    tally_zone_free(reading->zone);
    reading->zone = zone;
    reading->zone_name = name;
    return 0;
}

int cli_filter_read(const cli *run, cli_reading *reading, tally_filter *out, tally_error *err) {
    const char *period = cli_value(run, "period");
    *out = (tally_filter){
        .project = tally_span_str(cli_value(run, "project")),
        .client = tally_span_str(cli_value(run, "client")),
        .tag = tally_span_str(cli_value(run, "tag")),
        .agent = tally_span_str(cli_value(run, "agent")),
        .model = tally_span_str(cli_value(run, "model")),
        .member = tally_span_str(cli_value(run, "member")),
        .device = tally_span_str(cli_value(run, "device")),
        .path = tally_span_str(cli_value(run, "path")),
        .branch = tally_span_str(cli_value(run, "branch")),
        .session = tally_span_str(cli_value(run, "session")),
        .unpriced = cli_has(run, "unpriced"),
        .unattributed = cli_has(run, "unattributed"),
    };
    if (out->path.len > 1 && out->path.ptr[out->path.len - 1] == '/') out->path.len--;
    int code = amount_read(run, "min-cost", &out->has_min_cost, &out->min_cost, err);
    if (!code) code = amount_read(run, "max-cost", &out->has_max_cost, &out->max_cost, err);
    if (!code) code = zones_read(reading, out, err);
    if (code || !period || tally_span_is(tally_span_str(period), "all")) return code;
    out->has_period = true;
    return tally_period_parse(tally_span_str(period), reading->zone, cli_now_ms(), &out->period,
                              err);
}

void cli_no_match_say(const cli_reading *reading, const tally_filter *filter, const char *what) {
    tally_policy_row row;
    tally_span client = filter->client;
    if (client.len > 0 &&
        tally_policy_get(reading->txn, TALLY_POLICY_CLIENT, &client, 1, &row) != 0)
        cli_say("no %s match; 'tally client list' has no '%.*s'", what, (int)client.len,
                (const char *)client.ptr);
    else
        cli_say("no %s match", what);
}

int cli_list(cli *run, cli_list_fn *json, cli_list_fn *table) {
    tally_error err = {0};
    cli_reading reading = {0};
    tally_filter filter;
    int code = cli_reading_open(run, &reading, &err);
    if (!code) code = cli_filter_read(run, &reading, &filter, &err);
    if (!code) code = (run->json ? json : table)(run, &reading, &filter, &err);
    cli_reading_close(&reading);
    return code ? cli_fail(&err) : CLI_DONE;
}

void cli_period_json(cli_json *json, const cli *run, const tally_filter *filter) {
    const char *label = cli_value(run, "period");
    cli_json_open(json, "period", '{');
    cli_json_string(json, "label", label ? label : "all");
    if (filter->has_period) {
        cli_json_time(json, "from", filter->period.start_ms);
        cli_json_time(json, "to", filter->period.end_ms);
    } else {
        cli_json_null(json, "from");
        cli_json_null(json, "to");
    }
    cli_json_close(json, '}');
}
