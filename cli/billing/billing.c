/* Amounts, days and contracts as people type them. */
#include "billing.h"

#include <string.h>

#include <tally/money.h>

static tally_i128 pico_of(int64_t minor, int decimals) {
    tally_i128 pico = minor;
    for (int i = decimals; i < TALLY_PICO_DECIMALS; i++)
        pico *= 10;
    return pico;
}

void cli_minor_text(int64_t minor, int decimals, bool group, char out[TALLY_MONEY_TEXT_BYTES]) {
    tally_pico_format_rounded(pico_of(minor, decimals), decimals, group, out);
}

void cli_json_minor(cli_json *json, const char *key, int64_t minor, int decimals) {
    char text[TALLY_MONEY_TEXT_BYTES];
    cli_minor_text(minor, decimals, false, text);
    cli_json_string(json, key, text);
}

int cli_minor_read(const char *text, int decimals, int64_t *out, tally_error *err) {
    tally_i128 pico, unit = pico_of(1, decimals);
    if (tally_amount_parse(tally_span_str(text), &pico) != 0 || pico <= 0 || pico % unit != 0)
        return tally_fail(err, TALLY_EINVAL,
                          "'%s' is no amount above zero and below " TALLY_AMOUNT_LIMIT_TEXT
                          " of at most %d decimals; write it like %s",
                          text, decimals, decimals ? "3500.00" : "3500");
    *out = (int64_t)(pico / unit); /* below the limit: it fits */
    return 0;
}

int cli_day_read(const cli *run, const char *name, int64_t otherwise, int64_t *out,
                 tally_error *err) {
    const char *text = cli_value(run, name);
    *out = otherwise;
    if (!text) return 0;
    if (tally_date_parse(tally_span_str(text), out) == 0 &&
        !tally_field_typed_fault(TALLY_FIELD_DATE, tally_span_str(text)))
        return 0;
    return tally_fail(err, TALLY_EINVAL, "--%s %s is no date; write it like 2026-03-31", name,
                      text);
}

int cli_day_past_read(const cli *run, const char *name, int64_t today, int64_t *out,
                      tally_error *err) {
    int code = cli_day_read(run, name, today, out, err);
    if (code || *out <= today + 1) return code; /* tomorrow has begun further east */
    char text[TALLY_TIME_TEXT_BYTES];
    tally_date_format(today, text);
    return tally_fail(err, TALLY_EINVAL, "--%s %s is yet to come; today is %s", name,
                      cli_value(run, name), text);
}

void cli_json_day(cli_json *json, const char *key, int64_t day) {
    char text[TALLY_TIME_TEXT_BYTES];
    tally_date_format(day, text);
    cli_json_string(json, key, text);
}

/* ---- the contract ---- */

typedef struct contract_search {
    tally_span client, found;
    size_t count;
    char names[256];
} contract_search;

static int match_contract(void *ctx, const tally_contract *contract, tally_error *err) {
    contract_search *s = ctx;
    (void)err;
    if (!tally_span_eq(contract->client, s->client)) return 0;
    size_t used = strlen(s->names);
    snprintf(s->names + used, sizeof s->names - used, "%s%.*s", used ? ", " : "",
             (int)contract->contract.len, (const char *)contract->contract.ptr);
    s->found = contract->contract;
    s->count++;
    return 0;
}

static int find_by_client(tally_txn *txn, const char *client, tally_span *out, tally_error *err) {
    contract_search s = {.client = tally_span_str(client)};
    int code = tally_contract_each(txn, match_contract, &s, err);
    if (code) return code;
    *out = s.found;
    if (s.count == 0)
        return tally_fail(
            err, TALLY_ENOTFOUND,
            "client '%s' has no contract; 'tally contract set NAME --client %s' makes "
            "one",
            client, client);
    if (s.count > 1)
        return tally_fail(err, TALLY_EINVAL,
                          "client '%s' has several contracts (%s); name one with --contract",
                          client, s.names);
    return 0;
}

int cli_contract_find(cli_reading *reading, const char *name, const char *client, cli_contract *out,
                      tally_error *err) {
    tally_span contract = tally_span_str(name), zone;
    *out = (cli_contract){.zone = NULL};
    int code = 0;
    if (!name && !client)
        return tally_fail(err, TALLY_EINVAL, "name a contract, or a client with --client");
    if (!name) code = find_by_client(reading->txn, client, &contract, err);
    if (!code) code = tally_contract_get(reading->txn, contract, &out->contract, err);
    if (!code && client && !tally_span_is(out->contract.client, client))
        code = tally_fail(err, TALLY_EINVAL, "contract '%s' is not one with client '%s'", name,
                          client);
    if (!code) code = tally_contract_zone_name(reading->txn, &out->contract, &zone, err);
    if (!code) code = cli_zone_load(zone, &out->zone, err);
    if (!code) out->today = tally_zone_day(out->zone, cli_now_ms());
    return code;
}
