/* UBL: the business rules of EN 16931 as XPath 1.0, asked of libxml2; and what is refused. */
#include "paper_made.h"

#define COMMAND_BYTES 2048

/* Short names for the rules: /x is the root, a(X) a child by its local name, cents(X) a sum. */
#define A(name)     "*[local-name()='" name "']"
#define ROOT        "/*"
#define TOTAL(name) ROOT "/" A("LegalMonetaryTotal") "/" A(name)
#define CENTS(path) "round(100*sum(" path "))"
#define LINES       ROOT "/*[local-name()='InvoiceLine' or local-name()='CreditNoteLine']"
#define GROUPS      ROOT "/" A("TaxTotal") "/" A("TaxSubtotal")
#define QUANTITY    "*[local-name()='InvoicedQuantity' or local-name()='CreditedQuantity']"
#define ITEM_TAX    A("Item") "/" A("ClassifiedTaxCategory")
#define SUPPLIER    ROOT "/" A("AccountingSupplierParty") "/" A("Party")
#define CUSTOMER    ROOT "/" A("AccountingCustomerParty") "/" A("Party")

typedef struct business_rule {
    const char *name, *xpath;
} business_rule;

/* Each must be true of every document. */
static const business_rule rules[] = {
    {"BR-01", ROOT "/" A("CustomizationID") "='urn:cen.eu:en16931:2017'"},
    {"BR-02", "string-length(" ROOT "/" A("ID") ")>0"},
    {"BR-03", "string-length(" ROOT "/" A("IssueDate") ")=10"},
    {"BR-05", "string-length(" ROOT "/" A("DocumentCurrencyCode") ")=3"},
    {"BR-06", "string-length(" SUPPLIER "/" A("PartyLegalEntity") "/" A("RegistrationName") ")>0"},
    {"BR-07", "string-length(" CUSTOMER "/" A("PartyLegalEntity") "/" A("RegistrationName") ")>0"},
    {"BR-09", "string-length(" SUPPLIER "/" A("PostalAddress") "/" A("Country") ")>1"},
    {"BR-11", "string-length(" CUSTOMER "/" A("PostalAddress") "/" A("Country") ")>1"},
    {"BR-16", "count(" LINES ")>0"},
    {"BR-21", "count(" LINES "/" A("ID") ")=count(" LINES ")"},
    {"BR-23", "count(" LINES "/" QUANTITY "/@unitCode)=count(" LINES ")"},
    {"BR-25", "count(" LINES "/" A("Item") "/" A("Name") ")=count(" LINES ")"},
    {"BR-27", "count(" LINES "/" A("Price") "/" A("PriceAmount") "[.<0])=0"},
    {"BR-CO-04", "count(" LINES "/" ITEM_TAX "/" A("ID") ")=count(" LINES ")"},
    {"BR-CO-10", CENTS(LINES "/" A("LineExtensionAmount")) "=" CENTS(TOTAL("LineExtensionAmount"))},
    {"BR-CO-13", CENTS(TOTAL("TaxExclusiveAmount")) "=" CENTS(TOTAL("LineExtensionAmount"))},
    {"BR-CO-14",
     CENTS(ROOT "/" A("TaxTotal") "/" A("TaxAmount")) "=" CENTS(GROUPS "/" A("TaxAmount"))},
    {"BR-CO-15", CENTS(TOTAL("TaxInclusiveAmount")) "=" CENTS(TOTAL(
                     "TaxExclusiveAmount")) "+" CENTS(ROOT "/" A("TaxTotal") "/" A("TaxAmount"))},
    {"BR-CO-16", CENTS(TOTAL("PayableAmount")) "=" CENTS(TOTAL("TaxInclusiveAmount")) "-" CENTS(
                     TOTAL("PrepaidAmount"))},
    {"BR-CO-18", "count(" GROUPS ")>0"},
    {"BR-CO-25", CENTS(TOTAL("PayableAmount")) "<=0 or count(" ROOT "/" A("DueDate") "|" ROOT "/" A(
                     "PaymentTerms") ")>0"},
    {"BR-CO-26",
     "count(" SUPPLIER "/" A("PartyIdentification") "|" SUPPLIER "/" A("PartyLegalEntity") "/" A(
         "CompanyID") "|" SUPPLIER
                      "/" A("PartyTaxScheme") "[" A("TaxScheme") "/" A("ID") "='VAT'])>0"},
    {"BR-O-05", "count(" LINES "/" ITEM_TAX "[" A("ID") "='O'][" A("Percent") "])=0"},
    {"BR-O-02",
     "count(" LINES "/" ITEM_TAX "[" A("ID") "='O'])=0 or count(//" A("PartyTaxScheme") ")=0"},
    {"BR-S-02", "count(" LINES "/" ITEM_TAX "[" A("ID") "='S'])=0 or count(" SUPPLIER
                                                        "/" A("PartyTaxScheme") ")>0"},
    {"BR-AE-02", "count(" LINES "/" ITEM_TAX "[" A("ID") "='AE'])=0 or count(" CUSTOMER
                                                         "/" A("PartyTaxScheme") ")>0"},
    {"BR-AE-10, BR-E-10, BR-O-10", "count(" GROUPS "/" A("TaxCategory") "[" A("ID") "!='S' and " A(
                                       "ID") "!='Z'][not(" A("TaxExemptionReason") ")])=0"},
    {"BR-S-10",
     "count(" GROUPS "/" A("TaxCategory") "[" A("ID") "='S'][" A("TaxExemptionReason") "])=0"},
    {"BR-DEC", "count(//*[@currencyID and "
               "local-name()!='PriceAmount'][string-length(substring-after(.,'.'))>2])=0"},
    {"one currency",
     "count(//*[@currencyID][@currencyID!=" ROOT "/" A("DocumentCurrencyCode") "])=0"}};

static void asserts(const char *path, const char *name, const char *xpath) {
    char command[COMMAND_BYTES];
    int len = snprintf(command, sizeof command, "xmllint --xpath \"%s\" %s", xpath, path);
    assert_in_range(len, 1, sizeof command - 1);
    char *words = said(command);
    if (!words || strncmp(words, "true", 4) != 0) fail_msg("%s of %s: %s", name, path, words);
    free(words);
}

static void save_ubl(const tally_invoice *invoice, char *path) {
    paper_made made = make(invoice, PAPER_UBL);
    if (made.rc != 0) fail_msg("%s", made.err.text);
    made_save(&made, path);
    made_free(&made);
}

typedef const tally_invoice *(*fixture_maker)(paper_fixture *fixture);

static const tally_invoice *some_lines(paper_fixture *of) {
    return fixture_long(of, 9);
}

static void the_business_rules_hold(void **state) {
    (void)state;
    static const fixture_maker makers[] = {fixture_hourly,  fixture_milestone, fixture_yen,
                                           fixture_reverse, fixture_mixed_tax, fixture_credit_note,
                                           some_lines};
    char path[FIXTURE_TEXT];
    if (!have("xmllint")) skip();
    for (size_t i = 0; i < sizeof makers / sizeof *makers; i++) {
        save_ubl(makers[i](fixture), path);
        for (size_t at = 0; at < sizeof rules / sizeof *rules; at++)
            asserts(path, rules[at].name, rules[at].xpath);
        unlink(path);
    }
}

/* Of each line: quantity x price is the amount, to the cent. XPath 1.0 has no loop over lines. */
static void quantity_times_price_is_each_lines_amount(void **state) {
    (void)state;
    char path[FIXTURE_TEXT], xpath[COMMAND_BYTES / 2];
    if (!have("xmllint")) skip();
    save_ubl(fixture_milestone(fixture), path);
    for (int line = 1; line <= 7; line++) {
        snprintf(xpath, sizeof xpath,
                 "round(100*(" LINES ")[%d]/" QUANTITY "*(" LINES
                 ")[%d]/" A("Price") "/" A("PriceAmount") ")=round(100*(" LINES
                                                          ")[%d]/" A("LineExtensionAmount") ")",
                 line, line, line);
        asserts(path, "quantity x price", xpath);
    }
    asserts(path, "a credit has a negative quantity", "(" LINES ")[7]/" QUANTITY "=-1");
    unlink(path);
}

static void figures_and_codes_are_those_of_the_invoice(void **state) {
    (void)state;
    char path[FIXTURE_TEXT];
    if (!have("xmllint")) skip();
    save_ubl(fixture_mixed_tax(fixture), path);
    asserts(path, "payable", TOTAL("PayableAmount") "='1525.66'");
    asserts(path, "prepaid", TOTAL("PrepaidAmount") "='200.00'");
    asserts(path, "type", ROOT "/" A("InvoiceTypeCode") "='380'");
    asserts(path, "account",
            "//" A("PayeeFinancialAccount") "/" A("ID") "='DE89370400440532013000'");
    asserts(path, "SEPA", "//" A("PaymentMeansCode") "='58'");
    asserts(path, "VAT number",
            SUPPLIER "/" A("PartyTaxScheme") "/" A("CompanyID") "='DE123456789'");
    asserts(path, "hours", "(" LINES ")[1]/" QUANTITY "/@unitCode='HUR'");
    unlink(path);
    save_ubl(fixture_milestone(fixture), path);
    asserts(path, "credit transfer", "//" A("PaymentMeansCode") "='30'");
    asserts(path, "order", ROOT "/" A("OrderReference") "/" A("ID") "='PO-77120'");
    asserts(path, "due", ROOT "/" A("DueDate") "='2026-04-15'");
    unlink(path);
    /* 100.00 of work less 300.00: -200.00, and 19 % of it: -38.00. */
    save_ubl(fixture_credit_note(fixture), path);
    asserts(path, "root", "local-name(" ROOT ")='CreditNote'");
    asserts(path, "type", ROOT "/" A("CreditNoteTypeCode") "='381'");
    asserts(path, "payable", TOTAL("PayableAmount") "='238.00'");
    asserts(path, "work counts against it",
            "(" LINES ")[1]/" A("LineExtensionAmount") "='-100.00'");
    unlink(path);
}

static void refused(const tally_invoice *invoice, const char *rule) {
    paper_made made = make(invoice, PAPER_UBL);
    assert_int_equal(made.rc, TALLY_EREFUSED);
    assert_null(made.bytes);
    if (!strstr(made.err.text, rule)) fail_msg("no %s in: %s", rule, made.err.text);
}

static tally_invoice *reverse(void) {
    fixture_reverse(fixture);
    return &fixture->invoice;
}

static tally_invoice *taxed(void) {
    fixture_mixed_tax(fixture);
    return &fixture->invoice;
}

static void what_the_standard_needs_is_named_when_missing(void **state) {
    (void)state;
    tally_invoice *invoice = reverse();
    invoice->number = TEXT("");
    refused(invoice, "BR-02");
    invoice = reverse();
    invoice->seller.name = TEXT("");
    refused(invoice, "BR-06");
    invoice = reverse();
    invoice->buyer.name = TEXT("");
    refused(invoice, "BR-07");
    invoice = reverse();
    invoice->seller.country = TEXT("");
    refused(invoice, "BR-09");
    invoice = reverse();
    invoice->buyer.country = TEXT("XX");
    refused(invoice, "BR-11");
    invoice = reverse();
    invoice->buyer.tax_id = TEXT("");
    refused(invoice, "BR-AE-02");
    invoice = reverse();
    invoice->line_count = 0;
    refused(invoice, "BR-16");
    invoice = taxed();
    invoice->seller.tax_id = TEXT("");
    refused(invoice, "BR-CO-26");
    invoice->seller.company_id = TEXT("HRB 1");
    refused(invoice, "BR-S-02");
    invoice = taxed();
    fixture->taxes[2].reason = TEXT("");
    refused(invoice, "BR-E-10");
    invoice = taxed();
    fixture->taxes[0].rate = 0;
    refused(invoice, "BR-S-05");
    invoice = taxed();
    fixture->lines[0].tax_category = TEXT("");
    refused(invoice, "BR-CO-04");
    invoice = taxed();
    fixture->taxes[2].category = TEXT("O");
    refused(invoice, "BR-O-11");
}

/* 1.6 hours at KWD 45.125 are 72.200: no third decimal in an amount, one in the price. */
static const tally_invoice *round_dinars(int64_t quantity, const char *category, uint32_t rate) {
    fixture_open(fixture, "AK-2026-0012", "KWD", 3);
    fixture_german_buyer(fixture);
    fixture_hours(fixture, "Review", quantity, 45125);
    fixture_all_bear(fixture, category, rate, "");
    return fixture_close(fixture);
}

static void a_currency_of_three_decimals_is_said_where_two_are_enough(void **state) {
    (void)state;
    char path[FIXTURE_TEXT];
    /* 1.25 hours are 56.40625, rounded 56.406; 19 % of 72.200 are 13.718. */
    refused(round_dinars(125, "Z", 0), "the amount of line 1, 56.406 KWD, has more than two");
    refused(round_dinars(125, "Z", 0), "BR-DEC-23");
    refused(round_dinars(160, "S", 1900), "13.718 KWD, has more than two decimals (BR-DEC-20)");
    round_dinars(160, "Z", 0);
    fixture->invoice.paid = 1005;
    fixture->invoice.due = 72200 - 1005;
    refused(&fixture->invoice, "BR-DEC-16");
    if (!have("xmllint")) skip();
    save_ubl(round_dinars(160, "Z", 0), path);
    asserts(path, "line", LINES "/" A("LineExtensionAmount") "='72.20'");
    asserts(path, "price", LINES "/" A("Price") "/" A("PriceAmount") "='45.125'");
    asserts(path, "payable", TOTAL("PayableAmount") "='72.20'");
    for (size_t at = 0; at < sizeof rules / sizeof *rules; at++)
        asserts(path, rules[at].name, rules[at].xpath);
    unlink(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_business_rules_hold),
        cmocka_unit_test(quantity_times_price_is_each_lines_amount),
        cmocka_unit_test(figures_and_codes_are_those_of_the_invoice),
        cmocka_unit_test(what_the_standard_needs_is_named_when_missing),
        cmocka_unit_test(a_currency_of_three_decimals_is_said_where_two_are_enough)};
    return cmocka_run_group_tests(tests, make_fixture, free_fixture);
}
