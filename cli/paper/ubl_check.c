/* The rules of EN 16931-1 that an invoice of ours can break, by their names. Those on sums hold by
 * construction and are tested. */
#include "ubl_check.h"

#include <stdio.h>

#include "figures.h"

typedef struct category_rule {
    const char *category;
    bool rated;         /* bears a rate above zero */
    bool seller_number; /* needs a tax number of the seller */
    bool buyer_number;  /* and one of the buyer */
    bool reason;        /* needs a reason that only the seller knows */
    const char *rules;
} category_rule;

static const category_rule category_rules[] = {
    {"S", true, true, false, false, "BR-S-02, BR-S-05"},
    {"Z", false, true, false, false, "BR-Z-02, BR-Z-05"},
    {"E", false, true, false, true, "BR-E-02, BR-E-05, BR-E-10"},
    {"AE", false, true, true, false, "BR-AE-02, BR-AE-05"},
    {"O", false, false, false, false, "BR-O-05"}};

static int refuse(tally_error *err, const char *what, const char *rule, const char *next) {
    return tally_fail(err, TALLY_EREFUSED, "no UBL of this invoice: %s (%s); %s", what, rule, next);
}

bool ubl_outside_vat(const tally_invoice *invoice) {
    for (size_t i = 0; i < invoice->tax_count; i++)
        if (tally_span_is(invoice->taxes[i].category, "O")) return true;
    return false;
}

static int check_parties(const tally_invoice *invoice, tally_error *err) {
    const tally_party *seller = &invoice->seller, *buyer = &invoice->buyer;
    if (!seller->name.len)
        return refuse(err, "the seller's name is missing", "BR-06",
                      "set it with 'tally issuer set'");
    if (!paper_country(seller->country))
        return refuse(err, "the seller's country is missing or no ISO 3166-1 code", "BR-09",
                      "set it with 'tally issuer set --country'");
    if (!buyer->name.len)
        return refuse(err, "the buyer's name is missing", "BR-07",
                      "set it with 'tally client set'");
    if (!paper_country(buyer->country))
        return refuse(err, "the buyer's country is missing or no ISO 3166-1 code", "BR-11",
                      "set it with 'tally client set --country'");
    if (!seller->tax_id.len && !seller->company_id.len)
        return refuse(err, "the seller has neither a tax nor a company number", "BR-CO-26",
                      "set one with 'tally issuer set'");
    return 0;
}

static const category_rule *rule_of(tally_span category) {
    for (size_t i = 0; i < sizeof category_rules / sizeof *category_rules; i++)
        if (tally_span_is(category, category_rules[i].category)) return &category_rules[i];
    return NULL;
}

static int check_tax(const tally_invoice *invoice, const tally_tax_group *tax, tally_error *err) {
    const category_rule *rule = rule_of(tax->category);
    const tally_party *buyer = &invoice->buyer;
    if (!rule)
        return refuse(err, "a line has no tax category of S, Z, E, AE or O", "BR-CO-04",
                      "set one with 'tally contract set --tax-category'");
    if (rule->rated != (tax->rate > 0))
        return refuse(err, "a line's tax rate does not suit its category", rule->rules,
                      "change one with 'tally contract set'");
    if (rule->seller_number && !invoice->seller.tax_id.len)
        return refuse(err, "the seller's tax number is missing", rule->rules,
                      "set it with 'tally issuer set --tax-id'");
    if (rule->buyer_number && !paper_is_vat_number(buyer->tax_id) && !buyer->company_id.len)
        return refuse(err, "reverse charge needs the buyer's VAT or company number", rule->rules,
                      "set it with 'tally client set --tax-id'");
    if (rule->reason && !tax->reason.len)
        return refuse(err, "the reason of the exemption is missing", rule->rules,
                      "set it with 'tally contract set --tax-reason'");
    return 0;
}

static int check_lines(const tally_invoice *invoice, tally_error *err) {
    if (!invoice->line_count)
        return refuse(err, "it has no lines", "BR-16", "there is nothing to send");
    for (size_t i = 0; i < invoice->line_count; i++)
        if (!rule_of(invoice->lines[i].tax_category))
            return refuse(err, "a line has no tax category of S, Z, E, AE or O", "BR-CO-04",
                          "set one with 'tally contract set --tax-category'");
    return 0;
}

typedef struct ubl_amount {
    const char *what;
    int64_t minor;
    const char *rule;
} ubl_amount;

/* EN 16931 allows every amount two decimals, and prices any number: an amount in dinars passes
 * where it has no fils of its own. */
static int check_amounts(const tally_invoice *invoice, const ubl_amount *amounts, size_t count,
                         tally_error *err) {
    char what[PAPER_FIGURE_BYTES + 128], figure[PAPER_FIGURE_BYTES];
    int64_t unit = 1;
    for (int i = UBL_MAX_DECIMALS; i < invoice->decimals; i++)
        unit *= 10;
    for (size_t i = 0; i < count; i++) {
        if (amounts[i].minor % unit == 0) continue;
        paper_money(amounts[i].minor, invoice->decimals, false, figure);
        snprintf(what, sizeof what, "%s, %s %.*s, has more than two decimals", amounts[i].what,
                 figure, (int)invoice->currency.len, (const char *)invoice->currency.ptr);
        return refuse(err, what, amounts[i].rule,
                      "EN 16931 allows two: bill amounts that need no third, or in another "
                      "currency, or send the PDF");
    }
    return 0;
}

static int check_decimals(const tally_invoice *invoice, tally_error *err) {
    const ubl_amount sums[] = {{"the sum of the lines", invoice->net, "BR-DEC-09"},
                               {"the tax", invoice->tax, "BR-DEC-13"},
                               {"the total", invoice->total, "BR-DEC-14"},
                               {"what was paid", invoice->paid, "BR-DEC-16"},
                               {"what is due", invoice->due, "BR-DEC-18"}};
    char what[48];
    int rc = 0;
    for (size_t i = 0; i < invoice->line_count && rc == 0; i++) {
        snprintf(what, sizeof what, "the amount of line %zu", i + 1);
        const ubl_amount of = {what, invoice->lines[i].amount, "BR-DEC-23"};
        rc = check_amounts(invoice, &of, 1, err);
    }
    for (size_t i = 0; i < invoice->tax_count && rc == 0; i++) {
        const ubl_amount of[] = {{"what a tax is on", invoice->taxes[i].base, "BR-DEC-19"},
                                 {"the tax of a category", invoice->taxes[i].tax, "BR-DEC-20"}};
        rc = check_amounts(invoice, of, 2, err);
    }
    return rc ? rc : check_amounts(invoice, sums, sizeof sums / sizeof *sums, err);
}

int ubl_check(const tally_invoice *invoice, tally_error *err) {
    int rc = 0;
    if (!invoice->number.len)
        return refuse(err, "a draft has no number", "BR-02", "issue it with 'tally invoice issue'");
    if ((rc = check_decimals(invoice, err)) != 0) return rc;
    if (invoice->paid && invoice->total < 0)
        return refuse(err, "a credit note that is partly paid cannot be said", "BT-113",
                      "send the PDF");
    if ((rc = check_parties(invoice, err)) != 0) return rc;
    if ((rc = check_lines(invoice, err)) != 0) return rc;
    if (!invoice->tax_count)
        return refuse(err, "it has no sums by tax category", "BR-CO-18",
                      "set one with 'tally contract set --tax-category'");
    if (invoice->tax_count > 1 && ubl_outside_vat(invoice))
        return refuse(err, "lines outside VAT (O) stand beside lines of other categories",
                      "BR-O-11", "issue them on an invoice of their own");
    for (size_t i = 0; i < invoice->tax_count && rc == 0; i++)
        rc = check_tax(invoice, &invoice->taxes[i], err);
    return rc;
}
