/* Contracts as people keep them: rows of the policy tables made typed, defaults filled in.
 * Milestones and change orders are in agreed.c, money that came in in deposit.c. */
#include <tally/contract.h>

#include <tally/money.h>
#include <tally/time.h>
#include <tally/view.h>

#define TERMS_DAYS  15u
#define LATE_FEE_BP 150u
#define KILL_FEE_BP 2500u

static uint32_t number_of(const tally_record *record, const char *key, uint32_t otherwise) {
    uint64_t value;
    return tally_body_u64(record, key, &value) && value <= UINT32_MAX ? (uint32_t)value : otherwise;
}

static tally_i128 amount_of(const tally_record *record, const char *key) {
    tally_i128 value;
    return tally_body_amount(record, key, &value) ? value : 0;
}

static int64_t hours_of(const tally_record *record) {
    int64_t pico;
    return tally_body_i64(record, "included_hours", &pico) ? pico : 0;
}

static tally_span text_of(const tally_record *record, const char *key) {
    tally_span text = {0};
    (void)tally_body_str(record, key, &text);
    return text;
}

/* Which of `words` a field says; the first where it says nothing. */
static unsigned choice_of(const tally_record *record, const char *key, const char *const *words,
                          unsigned count) {
    tally_span text = text_of(record, key);
    for (unsigned i = 1; i < count; i++)
        if (tally_span_is(text, words[i])) return i;
    return 0;
}

#define CHOICE(type, record, key, ...)                                                             \
    ((type)choice_of(record, key, (const char *const[]){__VA_ARGS__},                              \
                     sizeof(const char *const[]){__VA_ARGS__} / sizeof(char *)))

static void read_days(const tally_record *record, tally_contract *out) {
    int64_t day;
    out->first_day = INT64_MIN;
    out->end_day = INT64_MAX;
    if (tally_date_parse(text_of(record, "from"), &day) == 0) out->first_day = day;
    if (tally_date_parse(text_of(record, "until"), &day) == 0) out->end_day = day + 1;
}

static void read_rules(const tally_record *record, tally_contract *out) {
    out->lines =
        CHOICE(tally_lines_by, record, "lines", "description", "entry", "project", "day", "tag");
    out->rounding_minutes = number_of(record, "rounding_minutes", 0);
    out->minimum_minutes = number_of(record, "minimum_minutes", 0);
    out->rounding = CHOICE(tally_rounding, record, "rounding", "up", "nearest");
    out->rounding_per = CHOICE(tally_rounding_per, record, "rounding_per", "entry", "day", "line");
    out->ai_cost =
        CHOICE(tally_ai_cost, record, "ai_cost", "at_cost", "markup", "in_rate", "budget", "none");
    out->markup_percent = number_of(record, "markup_percent", 0);
    out->rate_extra = amount_of(record, "rate_extra");
    out->ai_budget = amount_of(record, "ai_budget");
    out->paid_basis = CHOICE(unsigned, record, "basis", "list", "paid") == 1;
    out->terms_days = number_of(record, "terms_days", TERMS_DAYS);
    out->late_fee_bp = number_of(record, "late_fee_bp", LATE_FEE_BP);
    out->late_fee_max_bp = number_of(record, "late_fee_max_bp", UINT32_MAX);
    out->kill_fee_bp = number_of(record, "kill_fee_bp", KILL_FEE_BP);
    out->established = CHOICE(unsigned, record, "established", "no", "yes") == 1;
    out->disclosure = CHOICE(unsigned, record, "disclosure", "yes", "no") == 0;
}

/* Without a category nothing is said of taxes: outside their scope. */
static void read_taxes(const tally_record *record, tally_contract *out) {
    out->tax_category = text_of(record, "tax_category");
    if (out->tax_category.len == 0) out->tax_category = tally_span_str("O");
    out->tax_rate = number_of(record, "tax_rate_bp", 0);
    out->tax_reason = text_of(record, "tax_reason");
    out->compute_tax_category = text_of(record, "compute_tax_category");
    out->compute_tax_rate = number_of(record, "compute_tax_rate_bp", 0);
    if (out->compute_tax_category.len == 0) {
        out->compute_tax_category = out->tax_category;
        out->compute_tax_rate = number_of(record, "compute_tax_rate_bp", out->tax_rate);
    }
    /* Only the standard category has a rate: EN 16931, BR-Z-5, BR-E-5, BR-AE-5, BR-O-5. */
    if (!tally_span_is(out->tax_category, "S")) out->tax_rate = 0;
    if (!tally_span_is(out->compute_tax_category, "S")) out->compute_tax_rate = 0;
}

typedef struct milestone_count {
    tally_span contract;
    size_t count;
} milestone_count;

static int count_milestone(void *ctx, const tally_policy_row *row, tally_error *err) {
    milestone_count *c = ctx;
    (void)err;
    c->count += tally_span_eq(text_of(&row->record, "contract"), c->contract);
    return 0;
}

/* The client's currency, else the team's, where the contract names none. */
static int read_currency(tally_txn *txn, const tally_record *record, tally_contract *out,
                         tally_error *err) {
    tally_policy_row client;
    tally_team team;
    out->currency = text_of(record, "currency");
    if (out->currency.len == 0 &&
        tally_policy_get(txn, TALLY_POLICY_CLIENT, &out->client, 1, &client) == 0)
        out->currency = text_of(&client.record, "currency");
    if (out->currency.len > 0) return 0;
    int rc = tally_team_get(txn, &team, err);
    if (rc == 0) out->currency = team.currency;
    return rc;
}

static int contract_read(tally_txn *txn, const tally_policy_row *row, tally_contract *out,
                         tally_error *err) {
    const tally_record *record = &row->record;
    *out = (tally_contract){.contract = text_of(record, "contract"),
                            .client = text_of(record, "client"),
                            .project = text_of(record, "project"),
                            .title = text_of(record, "title"),
                            .rate = amount_of(record, "rate"),
                            .fee = amount_of(record, "fee"),
                            .retainer = amount_of(record, "retainer"),
                            .included_hours = hours_of(record),
                            .overage_rate = amount_of(record, "overage_rate"),
                            .po_number = text_of(record, "po_number"),
                            .issuer = text_of(record, "issuer"),
                            .notes = text_of(record, "notes"),
                            .leaf = row->leaf};
    read_days(record, out);
    read_rules(record, out);
    read_taxes(record, out);
    milestone_count milestones = {out->contract, 0};
    int rc = read_currency(txn, record, out, err);
    if (rc == 0 && tally_currency_decimals(out->currency) < 0) /* the team's is checked by nobody */
        rc = tally_fail(
            err, TALLY_EFORMAT,
            "a contract's currency is no ISO 4217 code; give it one with 'tally contract "
            "set NAME --currency'");
    if (rc == 0)
        rc = tally_policy_each(txn, TALLY_POLICY_MILESTONE, count_milestone, &milestones, err);
    out->milestones = milestones.count;
    return rc;
}

int tally_contract_get(tally_txn *txn, tally_span name, tally_contract *out, tally_error *err) {
    tally_policy_row row;
    int rc = tally_policy_get(txn, TALLY_POLICY_CONTRACT, &name, 1, &row);
    if (rc != 0)
        return tally_fail(err, rc,
                          "there is no contract '%.*s'; 'tally contract list' shows them, "
                          "'tally contract set' makes one",
                          (int)(name.len < 64 ? name.len : 64), (const char *)name.ptr);
    return contract_read(txn, &row, out, err);
}

typedef struct contract_call {
    tally_txn *txn;
    tally_contract_fn *fn;
    void *ctx;
} contract_call;

static int pass_contract(void *ctx, const tally_policy_row *row, tally_error *err) {
    contract_call *call = ctx;
    tally_contract contract;
    int rc = contract_read(call->txn, row, &contract, err);
    return rc != 0 ? rc : call->fn(call->ctx, &contract, err);
}

int tally_contract_each(tally_txn *txn, tally_contract_fn *fn, void *ctx, tally_error *err) {
    contract_call call = {txn, fn, ctx};
    return tally_policy_each(txn, TALLY_POLICY_CONTRACT, pass_contract, &call, err);
}

int tally_contract_zone_name(tally_txn *txn, const tally_contract *contract, tally_span *out,
                             tally_error *err) {
    tally_policy_row client;
    tally_team team;
    if (tally_policy_get(txn, TALLY_POLICY_CLIENT, &contract->client, 1, &client) == 0 &&
        tally_body_str(&client.record, "timezone", out))
        return 0;
    int rc = tally_team_get(txn, &team, err);
    if (rc == 0) *out = team.timezone;
    return rc;
}

bool tally_contract_is_hourly(const tally_contract *contract) {
    return contract->rate > 0 ||
           (contract->fee == 0 && contract->retainer == 0 && contract->milestones == 0);
}
