/* tally client, project, rule, rate, plan, fx, bill, budget and audit: set, list, unset, and
 * engaged set; one implementation over the ledger's table of fields. `set` changes what is given
 * and keeps the rest of the row. */
#include "policy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <tally/money.h>

#include "clients.h"
#include "format/json_out.h"
#include "open.h"
#include "policy_row.h"
#include "rule_path.h"

#define FIELDS_MAX     48u
#define KEPT_MAX_BYTES 1024u /* of one text; the ledger takes no longer one */
#define OPTION_BYTES   32u
#define PART_PICO      (TALLY_PICO / 100)

/* The first `operands` of the fields that name a row stand before the options. */
typedef struct policy_noun {
    const char *noun, *plural;
    tally_policy policy;
    size_t operands;
} policy_noun;

static const policy_noun nouns[] = {
    {"client", "clients", TALLY_POLICY_CLIENT, 1},
    {"project", "projects", TALLY_POLICY_PROJECT, 1},
    {"rule", "rules", TALLY_POLICY_RULE, 1},
    {"rate", "rates", TALLY_POLICY_RATE, 0},
    {"plan", "plans", TALLY_POLICY_PLAN, 1},
    {"fx", "fx_rates", TALLY_POLICY_FX, 2},
    {"bill", "bills", TALLY_POLICY_BILL, 2},
    {"contract", "contracts", TALLY_POLICY_CONTRACT, 1},
    {"milestone", "milestones", TALLY_POLICY_MILESTONE, 2},
    {"change", "changes", TALLY_POLICY_CHANGE, 2},
    {"issuer", "issuers", TALLY_POLICY_ISSUER, 1},
    {"budget", "budgets", TALLY_POLICY_BUDGET, 1},
    {"engaged", NULL, TALLY_POLICY_ENGAGED, 0},
    {"audit", "audit", TALLY_POLICY_AUDIT, 0},
};

typedef struct field_value {
    bool there;
    tally_span text;
    tally_i128 number;
} field_value;

typedef struct policy_change {
    cli *run;
    const policy_noun *noun;
    const char *name; /* the first operand, where the caller makes it; else NULL */
    const tally_policy_field *fields;
    size_t count, keys;
    field_value given[FIELDS_MAX];
    bool dropped[FIELDS_MAX]; /* given as empty */
    char path[PATH_MAX];
    tally_writer *writer;
    bool unset;
    bool changed; /* set anew when the write runs again */
    char kept[FIELDS_MAX][KEPT_MAX_BYTES];
} policy_change;

static const policy_noun *noun_of(const cli *run) {
    const char *name = run->command->name;
    size_t length = strcspn(name, " ");
    for (size_t i = 0; i < sizeof nouns / sizeof *nouns; i++)
        if (strlen(nouns[i].noun) == length && memcmp(nouns[i].noun, name, length) == 0)
            return &nouns[i];
    abort(); /* a command without its row above */
}

/* ---- reading the command line ---- */

/* The option is called like the field; minutes are typed with their unit, and named without, and
 * "late_fee_bp" is given as --late-fee 1.5: people write percents. */
static void option_name(const tally_policy_field *field, char out[OPTION_BYTES]) {
    size_t length = strlen(field->name);
    if (field->type == TALLY_FIELD_PART) length -= strlen("_bp");
    if (field->type == TALLY_FIELD_MINUTES) length = strcspn(field->name, "_");
    snprintf(out, OPTION_BYTES, "%.*s", (int)length, field->name);
    for (char *at = out; *at; at++)
        if (*at == '_') *at = '-';
}

/* A percent with two decimals at most, in its hundredths. */
static int part_read(const cli *run, const char *option, const char *text, int64_t *out) {
    if (tally_pico_parse(tally_span_str(text), false, out) == 0 && *out >= 0 &&
        *out % PART_PICO == 0) {
        *out /= PART_PICO;
        return CLI_DONE;
    }
    return cli_usage(run, "--%s %s is no percentage; write it like 1.5", option, text);
}

/* Pico-units of what is no money: a rate of exchange, hours; and a budget's limit. */
static int pico_read(const cli *run, const char *option, const char *text, int64_t *out) {
    if (tally_pico_parse(tally_span_str(text), false, out) == 0 && *out > 0) return CLI_DONE;
    return cli_usage(run,
                     "--%s %s is no number above zero and at most " TALLY_PICO_MAX_TEXT
                     "; write it like 185.00",
                     option, text);
}

static int amount_read(const cli *run, const char *option, const char *text, tally_i128 *out) {
    if (tally_amount_parse(tally_span_str(text), out) == 0 && *out > 0) return CLI_DONE;
    return cli_usage(run,
                     "--%s %s is no amount above zero and below " TALLY_AMOUNT_LIMIT_TEXT
                     "; write it like 185.00",
                     option, text);
}

static int whole_read(const cli *run, const char *option, const char *text, tally_field_type type,
                      int64_t *out) {
    char *end;
    if (type == TALLY_FIELD_PICO) return pico_read(run, option, text, out);
    if (type == TALLY_FIELD_PART) return part_read(run, option, text, out);
    errno = 0;
    *out = strtoll(text, &end, 10);
    if (type == TALLY_FIELD_MINUTES && end != text && *end == 'm') end++;
    if (!errno && end != text && !*end) return CLI_DONE;
    if (type == TALLY_FIELD_MINUTES)
        return cli_usage(run, "--%s %s is no number of minutes; write it like 10m", option, text);
    return cli_usage(run, "--%s %s is no whole number", option, text);
}

static int number_read(const cli *run, const char *option, const char *text, tally_field_type type,
                       tally_i128 *out) {
    int64_t whole;
    if (type == TALLY_FIELD_AMOUNT) return amount_read(run, option, text, out);
    int code = whole_read(run, option, text, type, &whole);
    if (!code) *out = whole;
    return code;
}

/* Shapes of texts that only this side knows: a path of this machine, a zone that is installed. */
static int text_read(policy_change *change, const tally_policy_field *field, const char *text,
                     tally_span *out) {
    tally_error err = {0};
    tally_zone *zone = NULL;
    *out = tally_span_str(text);
    if (change->noun->policy == TALLY_POLICY_RULE && strcmp(field->name, "path") == 0) {
        if (cli_rule_path(text, change->path, &err)) return cli_fail(&err);
        *out = tally_span_str(change->path);
    }
    if (strcmp(field->name, "timezone") == 0) {
        if (cli_zone_load(*out, &zone, &err))
            return cli_usage(change->run,
                             "time zone '%s' is not known here; one like 'Europe/Berlin' is meant",
                             text);
        tally_zone_free(zone);
    }
    return CLI_DONE;
}

static int field_read(policy_change *change, size_t i) {
    const tally_policy_field *field = &change->fields[i];
    bool operand = i < change->noun->operands;
    field_value *value = &change->given[i];
    char option[OPTION_BYTES];
    option_name(field, option);
    const char *text = operand && change->name ? change->name
                       : operand               ? change->run->arguments[i]
                                               : cli_value(change->run, option);
    if (!text) return CLI_DONE;
    change->dropped[i] = !*text && !operand && !field->needed;
    value->there = !change->dropped[i];
    if (!value->there) return CLI_DONE;
    if (tally_field_is_number(field->type))
        return number_read(change->run, option, text, field->type, &value->number);
    int code = text_read(change, field, text, &value->text);
    if (code) return code;
    const char *fault = change->unset ? tally_field_text_fault(field->type, value->text)
                                      : tally_field_typed_fault(field->type, value->text);
    if (!tally_utf8_valid(value->text)) fault = "UTF-8 text";
    if (!fault) return CLI_DONE;
    return cli_usage(change->run, "%s%s '%s' must be %s", operand ? "" : "--", option, text, fault);
}

static int change_read(cli *run, policy_change *change) {
    change->run = run;
    change->noun = noun_of(run);
    change->fields = tally_policy_fields(change->noun->policy, &change->count, &change->keys);
    int code = CLI_DONE;
    bool any = change->keys > 0;
    for (size_t i = 0; !code && i < change->count; i++) {
        bool key = i < change->keys;
        if (change->unset && !key) break;
        code = field_read(change, i);
        if (!code && key && change->fields[i].needed && !change->given[i].there)
            code = cli_usage(run, "--%s is needed: it is part of what names the row",
                             change->fields[i].name);
        any = any || change->given[i].there || change->dropped[i];
    }
    if (!code && !any && !change->unset) code = cli_usage(run, "nothing is given to set");
    return code;
}

/* ---- writing ---- */

static int row_find(const policy_change *change, tally_txn *txn, tally_policy_row *row) {
    tally_span keys[FIELDS_MAX];
    for (size_t i = 0; i < change->keys; i++)
        keys[i] = change->given[i].text;
    return tally_policy_get(txn, change->noun->policy, keys, change->keys, row);
}

/* The row as it stands; its texts are copied, because a write moves what they lie in. */
static void row_values(policy_change *change, const tally_policy_row *row,
                       field_value out[FIELDS_MAX]) {
    for (size_t i = 0; i < change->count; i++) {
        tally_span text;
        out[i].there = tally_body_amount(&row->record, change->fields[i].name, &out[i].number);
        if (!tally_body_str(&row->record, change->fields[i].name, &text)) continue;
        if (text.len > KEPT_MAX_BYTES) continue;
        memcpy(change->kept[i], text.ptr, text.len);
        out[i].text = tally_span_of(change->kept[i], text.len);
        out[i].there = true;
    }
}

static bool value_same(const field_value *a, const field_value *b) {
    return a->there == b->there && a->number == b->number && tally_span_eq(a->text, b->text);
}

/* A project that has a row says whose it is, where that must be said. */
static void client_complete(policy_change *change, tally_txn *txn, field_value *values) {
    tally_span project = {0}, client;
    size_t at = change->count;
    for (size_t i = change->keys; i < change->count; i++) {
        if (strcmp(change->fields[i].name, "client") == 0 && change->fields[i].needed) at = i;
        if (strcmp(change->fields[i].name, "project") == 0) project = values[i].text;
    }
    if (at == change->count || values[at].there || !cli_project_client(txn, project, &client))
        return;
    memcpy(change->kept[at], client.ptr, client.len);
    values[at] = (field_value){.there = true, .text = tally_span_of(change->kept[at], client.len)};
}

static void value_put(tally_writer *writer, const tally_policy_field *field,
                      const field_value *value) {
    if (!value->there) return;
    if (tally_field_is_number(field->type))
        tally_put_amount(writer, field->name, value->number);
    else
        tally_put_str(writer, field->name, value->text);
}

static int set_apply(void *ctx, tally_txn *txn, tally_error *err) {
    policy_change *change = ctx;
    field_value values[FIELDS_MAX] = {{0}};
    tally_policy_row row;
    bool exists = row_find(change, txn, &row) == 0;
    change->changed = !exists;
    if (exists) row_values(change, &row, values);
    for (size_t i = 0; i < change->count; i++) {
        field_value before = values[i];
        if (change->given[i].there) values[i] = change->given[i];
        if (change->dropped[i]) values[i] = (field_value){0};
        change->changed = change->changed || !value_same(&before, &values[i]);
    }
    if (!change->changed) return 0;
    client_complete(change, txn, values);
    tally_writer_begin(change->writer);
    for (size_t i = 0; i < change->count; i++) {
        if (!values[i].there && change->fields[i].needed)
            return tally_fail(err, TALLY_EINVAL, "--%s is needed for a new %s",
                              change->fields[i].name, change->noun->noun);
        value_put(change->writer, &change->fields[i], &values[i]);
    }
    return tally_policy_set(txn, change->noun->policy, change->writer, err);
}

static int unset_apply(void *ctx, tally_txn *txn, tally_error *err) {
    policy_change *change = ctx;
    tally_policy_row row;
    if (row_find(change, txn, &row) != 0)
        return tally_fail(err, TALLY_ENOTFOUND, "there is no such %s; 'tally %s list' shows them",
                          change->noun->noun, change->noun->noun);
    tally_writer_begin(change->writer);
    for (size_t i = 0; i < change->keys; i++)
        value_put(change->writer, &change->fields[i], &change->given[i]);
    return tally_policy_unset(txn, change->noun->policy, change->writer, err);
}

/* ---- saying what was done ---- */

static int prefix_note(void *ctx, const tally_policy_row *other, tally_error *err) {
    const tally_policy_row *row = ctx;
    tally_span member = {0}, prefix = {0}, others = {0}, theirs = {0};
    (void)err;
    (void)tally_body_str(&row->record, "member", &member);
    (void)tally_body_str(&row->record, "prefix", &prefix);
    (void)tally_body_str(&other->record, "member", &others);
    (void)tally_body_str(&other->record, "prefix", &theirs);
    if (prefix.len && tally_span_eq(prefix, theirs) && !tally_span_eq(member, others))
        cli_say("note: %.*s has the prefix %.*s too: two who are offline could issue one number",
                (int)others.len, (const char *)others.ptr, (int)prefix.len,
                (const char *)prefix.ptr);
    return 0;
}

static void row_notes(tally_txn *txn, const tally_policy_row *row) {
    tally_span client = {0}, project = {0};
    tally_policy_row set = *row;
    if (row->policy == TALLY_POLICY_ISSUER)
        (void)tally_policy_each(txn, TALLY_POLICY_ISSUER, prefix_note, &set, NULL);
    (void)tally_body_str(&row->record, "client", &client);
    (void)tally_body_str(&row->record, "project", &project);
    if (row->policy == TALLY_POLICY_PROJECT) project.len = 0;
    if (row->policy != TALLY_POLICY_CLIENT) cli_names_note(txn, client, project);
}

static void set_print(policy_change *change, tally_ledger *ledger) {
    tally_txn *txn = NULL;
    tally_policy_row row;
    cli_json json;
    if (tally_read_begin(ledger, &txn, NULL)) return;
    bool found = row_find(change, txn, &row) == 0;
    if (found) row_notes(txn, &row);
    if (!change->run->json) {
        cli_say("%s%s%s %s", change->noun->noun, change->name ? " " : "",
                change->name ? change->name : "",
                change->changed ? "set" : "unchanged: it says that already");
    } else if (found) {
        cli_json_begin(&json, cli_out(change->run));
        cli_policy_row_json(&json, txn, &row);
        cli_json_end(&json);
    }
    tally_read_end(txn);
}

static void unset_print(policy_change *change) {
    cli_json json;
    if (!change->run->json) {
        cli_say("%s taken away; 'tally log' still has what it was", change->noun->noun);
        return;
    }
    cli_json_begin(&json, cli_out(change->run));
    cli_json_open(&json, NULL, '{');
    for (size_t i = 0; i < change->keys; i++)
        cli_json_text_or_null(&json, change->fields[i].name, change->given[i].text);
    cli_json_bool(&json, "unset", true);
    cli_json_close(&json, '}');
    cli_json_end(&json);
}

static int change_run(cli *run, const char *name, bool unset) {
    tally_error err = {0};
    tally_ledger *ledger = NULL;
    policy_change *change = calloc(1, sizeof *change);
    if (!change) {
        tally_fail(&err, TALLY_ENOMEM, "memory ran out");
        return cli_fail(&err);
    }
    change->unset = unset;
    change->name = name;
    int usage = change_read(run, change);
    int code = usage ? TALLY_EINVAL : tally_writer_new(&change->writer, &err);
    if (!code) code = cli_ledger_open(run, false, &ledger, &err);
    if (!code)
        code =
            tally_ledger_write(ledger, cli_now_ms(), unset ? unset_apply : set_apply, change, &err);
    if (!code && unset) unset_print(change);
    if (!code && !unset) set_print(change, ledger);
    tally_ledger_close(ledger);
    tally_writer_free(change->writer);
    free(change);
    if (usage) return usage;
    if (code == TALLY_EINVAL) return cli_usage(run, "%s", err.text);
    return code ? cli_fail(&err) : CLI_DONE;
}

int cli_policy_set(cli *run) {
    return change_run(run, NULL, false);
}

int cli_policy_set_named(cli *run, const char *name) {
    return change_run(run, name, false);
}

int cli_policy_unset(cli *run) {
    return change_run(run, NULL, true);
}

/* ---- listing ---- */

typedef struct policy_listing {
    tally_txn *txn;
    cli_json *json;
    cli_table *table;
    cli_policy_columns columns;
    size_t lines;
} policy_listing;

static int list_columns(void *ctx, const tally_policy_row *row, tally_error *err) {
    policy_listing *listing = ctx;
    (void)err;
    cli_policy_columns_add(&listing->columns, row);
    return 0;
}

static int list_row(void *ctx, const tally_policy_row *row, tally_error *err) {
    policy_listing *listing = ctx;
    (void)err;
    listing->lines++;
    if (listing->json)
        cli_policy_row_json(listing->json, listing->txn, row);
    else
        cli_policy_row_line(listing->table, listing->txn, &listing->columns, row);
    return 0;
}

static int list_json(cli *run, const policy_noun *noun, policy_listing *listing, tally_error *err) {
    cli_json json;
    listing->json = &json;
    cli_json_begin(&json, cli_out(run));
    cli_json_open(&json, NULL, '{');
    cli_json_open(&json, noun->plural, '[');
    int code = tally_policy_each(listing->txn, noun->policy, list_row, listing, err);
    cli_json_close(&json, ']');
    cli_json_close(&json, '}');
    cli_json_end(&json);
    return code;
}

static int list_table(cli *run, const policy_noun *noun, policy_listing *listing,
                      tally_error *err) {
    int code = tally_policy_each(listing->txn, noun->policy, list_columns, listing, err);
    if (code) return code;
    listing->table = cli_policy_table_new(cli_out_paged(run), noun->policy, &listing->columns);
    if (!listing->table) return tally_fail(err, TALLY_ENOMEM, "memory ran out");
    code = tally_policy_each(listing->txn, noun->policy, list_row, listing, err);
    if (!code && !listing->lines)
        cli_say("no %s is set; 'tally help %s set' shows how", noun->noun, noun->noun);
    if (!code && cli_table_print(listing->table))
        code = tally_fail(err, TALLY_ENOMEM, "memory ran out");
    cli_table_free(listing->table);
    return code;
}

int cli_policy_list(cli *run) {
    tally_error err = {0};
    cli_reading reading = {0};
    const policy_noun *noun = noun_of(run);
    int code = cli_reading_open(run, &reading, &err);
    policy_listing listing = {.txn = reading.txn};
    if (!code)
        code = run->json ? list_json(run, noun, &listing, &err)
                         : list_table(run, noun, &listing, &err);
    cli_reading_close(&reading);
    return code ? cli_fail(&err) : CLI_DONE;
}
