/* Money that came in before work was done, and money owed back: deposits with their schedule of
 * credits, credits, and the rule for what deposit to ask. */
#include "agreed.h"
#include "facts.h"

#include <tally/money.h>
#include <tally/time.h>

#include <msgpack.h>

/* Sizes of projects at which the rule changes, in whole units of the currency. */
#define SMALL_UNITS 2000
#define LARGE_UNITS 10000

/* ---- reading ---- */

/* [[milestone, amount], ...]; false for anything else. */
static bool read_credits(const tally_record *record, tally_deposit *out) {
    tally_value list, pair, number, amount;
    if (!tally_body_get(record, "credits", &list)) return true;
    if (list.type != TALLY_VALUE_ARRAY || list.count > TALLY_MAX_CREDITS) return false;
    tally_cursor cursor = tally_cursor_of(&list);
    while (tally_cursor_next(&cursor, &pair)) {
        if (pair.type != TALLY_VALUE_ARRAY || pair.count != 2) return false;
        tally_cursor of_pair = tally_cursor_of(&pair);
        if (!tally_cursor_next(&of_pair, &number) || !tally_cursor_next(&of_pair, &amount))
            return false;
        if (number.type != TALLY_VALUE_UINT || number.as.uint > TALLY_MAX_MILESTONES ||
            amount.type != TALLY_VALUE_UINT || amount.as.uint > INT64_MAX)
            return false;
        out->credits[out->credit_count++] =
            (tally_deposit_credit){(uint32_t)number.as.uint, (int64_t)amount.as.uint};
    }
    return true;
}

/* Half to milestone 1 and the rest to 2; of one milestone, or none, all at once. */
static void default_credits(const tally_contract *contract, tally_deposit *out) {
    int64_t half = out->amount / 2;
    if (contract->milestones < 2) {
        out->credits[0] = (tally_deposit_credit){contract->milestones ? 1 : 0, out->amount};
        out->credit_count = 1;
        return;
    }
    out->credits[0] = (tally_deposit_credit){1, half};
    out->credits[1] = (tally_deposit_credit){2, out->amount - half};
    out->credit_count = 2;
}

/* What it is in; the contract's currency may have been changed since. */
static tally_span currency_of(const tally_record *record, const tally_contract *contract) {
    tally_span code = {0};
    (void)tally_body_str(record, "currency", &code);
    return tally_currency_decimals(code) < 0 ? contract->currency : code;
}

typedef struct deposit_call {
    const tally_contract *contract;
    tally_deposit_fn *fn;
    tally_credit_fn *credit_fn;
    void *ctx;
} deposit_call;

static int pass_deposit(void *ctx, const fact *f, tally_error *err) {
    deposit_call *call = ctx;
    tally_deposit deposit = {.leaf = f->leaf};
    tally_span date;
    if (!tally_body_i64(&f->record, "amount", &deposit.amount) || deposit.amount <= 0 ||
        !tally_body_str(&f->record, "date", &date) || tally_date_parse(date, &deposit.day) != 0 ||
        !read_credits(&f->record, &deposit))
        return 0;
    deposit.currency = currency_of(&f->record, call->contract);
    if (deposit.credit_count == 0) default_credits(call->contract, &deposit);
    return call->fn(call->ctx, &deposit, err);
}

int tally_deposit_each(tally_txn *txn, const tally_contract *contract, tally_deposit_fn *fn,
                       void *ctx, tally_error *err) {
    deposit_call call = {.contract = contract, .fn = fn, .ctx = ctx};
    return facts_each(txn, FACT_DEPOSIT, contract->contract, pass_deposit, &call, err);
}

static int pass_credit(void *ctx, const fact *f, tally_error *err) {
    deposit_call *call = ctx;
    tally_credit credit = {.leaf = f->leaf};
    if (!tally_body_i64(&f->record, "amount", &credit.amount) || credit.amount <= 0 ||
        !tally_body_str(&f->record, "reason", &credit.reason) ||
        tally_field_text_fault(TALLY_FIELD_TEXT, credit.reason))
        return 0;
    credit.currency = currency_of(&f->record, call->contract);
    (void)tally_body_str(&f->record, "for", &credit.invoice);
    return call->credit_fn(call->ctx, &credit, err);
}

int tally_credit_each(tally_txn *txn, const tally_contract *contract, tally_credit_fn *fn,
                      void *ctx, tally_error *err) {
    deposit_call call = {.contract = contract, .credit_fn = fn, .ctx = ctx};
    return facts_each(txn, FACT_CREDIT, contract->contract, pass_credit, &call, err);
}

/* ---- writing ---- */

static int credits_check(const tally_deposit_credit *credits, size_t count, int64_t amount,
                         tally_error *err) {
    int64_t sum = 0;
    for (size_t i = 0; i < count; i++)
        if (credits[i].amount <= 0 || credits[i].milestone > TALLY_MAX_MILESTONES ||
            __builtin_add_overflow(sum, credits[i].amount, &sum))
            return tally_fail(err, TALLY_EINVAL, "a credit of a deposit is an amount above zero");
    if (sum > amount) return tally_fail(err, TALLY_EINVAL, "the credits are more than the deposit");
    return 0;
}

static void pack_credits(msgpack_sbuffer *out, const tally_deposit_credit *credits, size_t count) {
    msgpack_packer packer;
    msgpack_packer_init(&packer, out, msgpack_sbuffer_write);
    msgpack_pack_array(&packer, count);
    for (size_t i = 0; i < count; i++) {
        msgpack_pack_array(&packer, 2);
        msgpack_pack_uint32(&packer, credits[i].milestone);
        msgpack_pack_uint64(&packer, (uint64_t)credits[i].amount);
    }
}

int tally_deposit_append(tally_txn *txn, const tally_contract *contract, int64_t amount,
                         int64_t day, const tally_deposit_credit *credits, size_t credit_count,
                         tally_error *err) {
    char date[TALLY_TIME_TEXT_BYTES];
    msgpack_sbuffer list;
    tally_writer *writer;
    tally_hash leaf;
    if (amount <= 0 || credit_count > TALLY_MAX_CREDITS)
        return tally_fail(err, TALLY_EINVAL, "a deposit is an amount above zero");
    int rc = credits_check(credits, credit_count, amount, err);
    if (rc != 0 || (rc = tally_writer_new(&writer, err)) != 0) return rc;
    msgpack_sbuffer_init(&list);
    pack_credits(&list, credits, credit_count);
    tally_date_format(day, date);
    tally_put_str(writer, "contract", contract->contract);
    tally_put_u64(writer, "amount", (uint64_t)amount);
    tally_put_str(writer, "currency", contract->currency);
    tally_put_str(writer, "date", tally_span_str(date));
    if (credit_count > 0) tally_put_raw(writer, "credits", tally_span_of(list.data, list.size));
    rc = tally_append(txn, "deposit.receive", writer, &leaf, err);
    if (rc == 0) rc = facts_check_kept(txn, FACT_DEPOSIT, contract->contract, &leaf, err);
    msgpack_sbuffer_destroy(&list);
    tally_writer_free(writer);
    return rc;
}

int tally_credit_append(tally_txn *txn, const tally_contract *contract, int64_t amount,
                        tally_span reason, tally_span invoice, tally_error *err) {
    tally_writer *writer;
    tally_hash leaf;
    const char *fault = tally_field_typed_fault(TALLY_FIELD_TEXT, reason);
    if (amount <= 0) return tally_fail(err, TALLY_EINVAL, "a credit is an amount above zero");
    if (fault) return tally_fail(err, TALLY_EINVAL, "a credit's reason must be %s", fault);
    int rc = tally_writer_new(&writer, err);
    if (rc != 0) return rc;
    tally_put_str(writer, "contract", contract->contract);
    tally_put_u64(writer, "amount", (uint64_t)amount);
    tally_put_str(writer, "currency", contract->currency);
    tally_put_str(writer, "reason", reason);
    tally_put_str_opt(writer, "for", invoice);
    rc = tally_append(txn, "credit.add", writer, &leaf, err);
    if (rc == 0) rc = facts_check_kept(txn, FACT_CREDIT, contract->contract, &leaf, err);
    tally_writer_free(writer);
    return rc;
}

/* ---- what to ask for ---- */

bool tally_deposit_rule_of(const tally_contract *contract, const tally_milestones *milestones,
                           tally_deposit_rule *out) {
    tally_i128 unit = 1;
    for (int i = tally_currency_decimals(contract->currency); i > 0; i--)
        unit *= 10;
    *out = (tally_deposit_rule){.value = agreed_value(contract, milestones)};
    if (out->value <= 0) return false;
    out->percent = out->value > LARGE_UNITS * unit || contract->established ? 25 : 50;
    out->with_milestones = out->value >= SMALL_UNITS * unit;
    out->amount = (int64_t)((tally_i128)out->value * out->percent / 100);
    return true;
}
