/* An invoice in UBL 2.1 as EN 16931-3-2 binds it. A negative total makes a credit note (381), whose
 * figures have the other sign; a negative price is a negative quantity (BR-27). */
#include "formats.h"

#include <inttypes.h>

#include <tally/hash.h>

#include "figures.h"
#include "format/printable.h"
#include "sheet_text.h"
#include "ubl_check.h"

#define CUSTOMIZATION "urn:cen.eu:en16931:2017"
#define NAMESPACES                                                                                 \
    " xmlns:cac=\"urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2\""      \
    " xmlns:cbc=\"urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2\""

typedef struct ubl_words {
    const char *root, *type_element, *type, *line, *quantity;
} ubl_words;

static const ubl_words invoice_words = {"Invoice", "cbc:InvoiceTypeCode", "380", "cac:InvoiceLine",
                                        "cbc:InvoicedQuantity"};
static const ubl_words credit_words = {"CreditNote", "cbc:CreditNoteTypeCode", "381",
                                       "cac:CreditNoteLine", "cbc:CreditedQuantity"};

typedef struct ubl {
    FILE *out;
    const tally_invoice *invoice;
    const ubl_words *words;
    int sign; /* -1 on a credit note */
    int depth;
} ubl;

static void indent(const ubl *doc) {
    fprintf(doc->out, "%*s", 2 * doc->depth, "");
}

static void begin(ubl *doc, const char *name) {
    indent(doc);
    fprintf(doc->out, "<%s>\n", name);
    doc->depth++;
}

static void end(ubl *doc, const char *name) {
    doc->depth--;
    indent(doc);
    fprintf(doc->out, "</%s>\n", name);
}

static void escaped(FILE *out, tally_span text) {
    while (text.len) {
        char bytes[4];
        uint32_t character = cli_printable(&text);
        switch (character) {
        case '&': fputs("&amp;", out); break;
        case '<': fputs("&lt;", out); break;
        case '>': fputs("&gt;", out); break;
        case '"': fputs("&quot;", out); break;
        default: fwrite(bytes, 1, cli_utf8(character, bytes), out);
        }
    }
}

/* An element with text; none when there is no text. `attribute` is ours: ` unitCode="HUR"`. */
static void leaf(ubl *doc, const char *name, const char *attribute, tally_span text) {
    if (!text.len) return;
    indent(doc);
    fprintf(doc->out, "<%s%s>", name, attribute);
    escaped(doc->out, text);
    fprintf(doc->out, "</%s>\n", name);
}

static void word(ubl *doc, const char *name, const char *text) {
    leaf(doc, name, "", tally_span_str(text));
}

static void date(ubl *doc, const char *name, int64_t day) {
    char text[TALLY_TIME_TEXT_BYTES];
    tally_date_format(day, text);
    word(doc, name, text);
}

static void figure(ubl *doc, const char *name, int64_t minor, int decimals) {
    char text[PAPER_FIGURE_BYTES];
    paper_money(minor, decimals, false, text);
    indent(doc);
    fprintf(doc->out, "<%s currencyID=\"", name);
    escaped(doc->out, doc->invoice->currency);
    fprintf(doc->out, "\">%s</%s>\n", text, name);
}

/* With at most two decimals: ubl_check has seen that no more are needed. */
static void amount(ubl *doc, const char *name, int64_t minor) {
    int decimals = doc->invoice->decimals;
    for (; decimals > UBL_MAX_DECIMALS; decimals--)
        minor /= 10;
    figure(doc, name, minor, decimals);
}

static void inside(ubl *doc, const char *outer, const char *name, tally_span text) {
    if (!text.len) return;
    begin(doc, outer);
    leaf(doc, name, "", text);
    end(doc, outer);
}

static void tax_scheme(ubl *doc, const char *id) {
    inside(doc, "cac:TaxScheme", "cbc:ID", tally_span_str(id));
}

/* One note: Peppol allows no more. */
static void note(ubl *doc) {
    const tally_invoice *invoice = doc->invoice;
    if (!invoice->title.len && !invoice->clause_count) return;
    indent(doc);
    fputs("<cbc:Note>", doc->out);
    escaped(doc->out, invoice->title);
    for (size_t i = 0; i < invoice->clause_count; i++) {
        if (i || invoice->title.len) fputs(i ? " " : ": ", doc->out);
        escaped(doc->out, invoice->clauses[i]);
    }
    fputs("</cbc:Note>\n", doc->out);
}

static void head(ubl *doc) {
    const tally_invoice *invoice = doc->invoice;
    char trace[2 * TALLY_HASH_BYTES + 1];
    word(doc, "cbc:CustomizationID", CUSTOMIZATION);
    leaf(doc, "cbc:ID", "", invoice->number);
    date(doc, "cbc:IssueDate", invoice->issue_day);
    if (doc->sign > 0) date(doc, "cbc:DueDate", invoice->due_day);
    word(doc, doc->words->type_element, doc->words->type);
    note(doc);
    leaf(doc, "cbc:DocumentCurrencyCode", "", invoice->currency);
    leaf(doc, "cbc:BuyerReference", "", invoice->po_number);
    if (invoice->end_day > invoice->first_day) {
        begin(doc, "cac:InvoicePeriod");
        date(doc, "cbc:StartDate", invoice->first_day);
        date(doc, "cbc:EndDate", invoice->end_day - 1);
        end(doc, "cac:InvoicePeriod");
    }
    inside(doc, "cac:OrderReference", "cbc:ID", invoice->po_number);
    inside(doc, "cac:ContractDocumentReference", "cbc:ID", invoice->contract);
    tally_hex(tally_span_of(invoice->trace_digest.b, TALLY_HASH_BYTES), trace);
    begin(doc, "cac:AdditionalDocumentReference");
    word(doc, "cbc:ID", trace);
    word(doc, "cbc:DocumentDescription", "SHA-256 of the trace of all lines");
    end(doc, "cac:AdditionalDocumentReference");
}

static void address(ubl *doc, const tally_party *party) {
    begin(doc, "cac:PostalAddress");
    leaf(doc, "cbc:StreetName", "", party->street);
    leaf(doc, "cbc:AdditionalStreetName", "", party->street2);
    leaf(doc, "cbc:CityName", "", party->city);
    leaf(doc, "cbc:PostalZone", "", party->postcode);
    leaf(doc, "cbc:CountrySubentity", "", party->region);
    inside(doc, "cac:Country", "cbc:IdentificationCode", party->country);
    end(doc, "cac:PostalAddress");
}

/* A number that is none for VAT identifies the party (BT-29, BT-46), and a seller also for its own
 * country's taxes (BT-32). */
static void party(ubl *doc, const char *role, const tally_party *party, bool seller) {
    bool vat = paper_is_vat_number(party->tax_id) && !ubl_outside_vat(doc->invoice);
    bool taxed = party->tax_id.len && (vat || (seller && !ubl_outside_vat(doc->invoice)));
    begin(doc, role);
    begin(doc, "cac:Party");
    if (!vat) inside(doc, "cac:PartyIdentification", "cbc:ID", party->tax_id);
    address(doc, party);
    if (taxed) {
        begin(doc, "cac:PartyTaxScheme");
        leaf(doc, "cbc:CompanyID", "", party->tax_id);
        tax_scheme(doc, vat ? "VAT" : "TAX");
        end(doc, "cac:PartyTaxScheme");
    }
    begin(doc, "cac:PartyLegalEntity");
    leaf(doc, "cbc:RegistrationName", "", party->name);
    leaf(doc, "cbc:CompanyID", "", party->company_id);
    end(doc, "cac:PartyLegalEntity");
    if (party->contact.len || party->email.len) {
        begin(doc, "cac:Contact");
        leaf(doc, "cbc:Name", "", party->contact);
        leaf(doc, "cbc:ElectronicMail", "", party->email);
        end(doc, "cac:Contact");
    }
    end(doc, "cac:Party");
    end(doc, role);
}

/* UNCL 4461: 58 is a SEPA credit transfer, 30 any other. */
static void payment(ubl *doc) {
    const tally_party *seller = &doc->invoice->seller;
    if (seller->iban.len && doc->sign > 0) {
        begin(doc, "cac:PaymentMeans");
        word(doc, "cbc:PaymentMeansCode",
             tally_span_is(doc->invoice->currency, "EUR") ? "58" : "30");
        leaf(doc, "cbc:PaymentID", "", doc->invoice->number);
        begin(doc, "cac:PayeeFinancialAccount");
        leaf(doc, "cbc:ID", "", seller->iban);
        leaf(doc, "cbc:Name", "", seller->payee.len ? seller->payee : seller->name);
        inside(doc, "cac:FinancialInstitutionBranch", "cbc:ID", seller->bic);
        end(doc, "cac:PayeeFinancialAccount");
        end(doc, "cac:PaymentMeans");
    }
    tally_span credited = tally_span_str("Credited to the buyer's account");
    inside(doc, "cac:PaymentTerms", "cbc:Note", doc->sign < 0 ? credited : doc->invoice->terms);
}

/* Outside VAT there is no rate, not even one of zero (BR-O-05). */
static void tax_percent(ubl *doc, tally_span category, uint32_t rate) {
    char percent[PAPER_FIGURE_BYTES];
    paper_money(rate, 2, false, percent);
    leaf(doc, "cbc:ID", "", category);
    if (!tally_span_is(category, "O")) word(doc, "cbc:Percent", percent);
}

static void tax_reason(ubl *doc, const tally_tax_group *tax) {
    static const char *const known[][3] = {{"AE", "VATEX-EU-AE", "Reverse charge"},
                                           {"O", "VATEX-EU-O", "Not subject to VAT"}};
    if (tally_span_is(tax->category, "S") || tally_span_is(tax->category, "Z")) return;
    const char *text = "";
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (tally_span_is(tax->category, known[i][0])) {
            word(doc, "cbc:TaxExemptionReasonCode", known[i][1]);
            text = known[i][2];
        }
    leaf(doc, "cbc:TaxExemptionReason", "", tax->reason.len ? tax->reason : tally_span_str(text));
}

static void taxes(ubl *doc) {
    begin(doc, "cac:TaxTotal");
    amount(doc, "cbc:TaxAmount", doc->sign * doc->invoice->tax);
    for (size_t i = 0; i < doc->invoice->tax_count; i++) {
        const tally_tax_group *tax = &doc->invoice->taxes[i];
        begin(doc, "cac:TaxSubtotal");
        amount(doc, "cbc:TaxableAmount", doc->sign * tax->base);
        amount(doc, "cbc:TaxAmount", doc->sign * tax->tax);
        begin(doc, "cac:TaxCategory");
        tax_percent(doc, tax->category, tax->rate);
        tax_reason(doc, tax);
        tax_scheme(doc, "VAT");
        end(doc, "cac:TaxCategory");
        end(doc, "cac:TaxSubtotal");
    }
    end(doc, "cac:TaxTotal");
}

static void totals(ubl *doc) {
    const tally_invoice *invoice = doc->invoice;
    begin(doc, "cac:LegalMonetaryTotal");
    amount(doc, "cbc:LineExtensionAmount", doc->sign * invoice->net);
    amount(doc, "cbc:TaxExclusiveAmount", doc->sign * invoice->net);
    amount(doc, "cbc:TaxInclusiveAmount", doc->sign * invoice->total);
    if (invoice->paid) amount(doc, "cbc:PrepaidAmount", doc->sign * invoice->paid);
    amount(doc, "cbc:PayableAmount", doc->sign * invoice->due);
    end(doc, "cac:LegalMonetaryTotal");
}

/* UN/ECE Recommendation 20. */
static const char *unit_attribute(tally_span unit) {
    if (tally_span_is(unit, "hour")) return " unitCode=\"HUR\"";
    if (tally_span_is(unit, "month")) return " unitCode=\"MON\"";
    return " unitCode=\"C62\"";
}

static void line(ubl *doc, size_t at) {
    const tally_invoice_line *line = &doc->invoice->lines[at];
    int sign = line->price < 0 ? -doc->sign : doc->sign;
    char number[PAPER_FIGURE_BYTES], quantity[PAPER_FIGURE_BYTES];
    snprintf(number, sizeof number, "%zu", at + 1);
    paper_money(sign * line->quantity, 2, false, quantity);
    begin(doc, doc->words->line);
    word(doc, "cbc:ID", number);
    leaf(doc, doc->words->quantity, unit_attribute(line->unit), tally_span_str(quantity));
    amount(doc, "cbc:LineExtensionAmount", doc->sign * line->amount);
    begin(doc, "cac:Item");
    leaf(doc, "cbc:Description", "", line->detail);
    leaf(doc, "cbc:Name", "", line->description);
    begin(doc, "cac:ClassifiedTaxCategory");
    tax_percent(doc, line->tax_category, line->tax_rate);
    tax_scheme(doc, "VAT");
    end(doc, "cac:ClassifiedTaxCategory");
    end(doc, "cac:Item");
    begin(doc, "cac:Price");
    figure(doc, "cbc:PriceAmount", line->price < 0 ? -line->price : line->price,
           doc->invoice->decimals);
    end(doc, "cac:Price");
    end(doc, doc->words->line);
}

int paper_ubl(FILE *out, const tally_invoice *invoice, const paper_sheet *sheet, tally_error *err) {
    bool credit = invoice->total < 0;
    ubl doc = {out, invoice, credit ? &credit_words : &invoice_words, credit ? -1 : 1, 1};
    (void)sheet;
    int rc = ubl_check(invoice, err);
    if (rc != 0) return rc;
    fprintf(out,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<%s "
            "xmlns=\"urn:oasis:names:specification:ubl:schema:xsd:%s-2\"" NAMESPACES ">\n",
            doc.words->root, doc.words->root);
    head(&doc);
    party(&doc, "cac:AccountingSupplierParty", &invoice->seller, true);
    party(&doc, "cac:AccountingCustomerParty", &invoice->buyer, false);
    payment(&doc);
    taxes(&doc);
    totals(&doc);
    for (size_t i = 0; i < invoice->line_count; i++)
        line(&doc, i);
    fprintf(out, "</%s>\n", doc.words->root);
    return 0;
}
