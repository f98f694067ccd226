/* The commands over contracts, milestones, change orders and issuers as tables: their options. What
 * they do is in policy.c; events are in contract_events.c, a contract as a whole in contract.c. */
#include "commands.h"
#include "policy/policy.h"
#include "policy/policy_command.h"

/* ---- contract ---- */

static const cli_option contract_options[] = {
    {"client", "NAME", "with whom"},
    {"project", "NAME", "for this project alone (default: all of the client's)"},
    {"title", "TEXT", "what it is for, as invoices say it"},
    {"currency", "C", "ISO 4217 (default: the client's, else the team's)"},
    {"from", "DATE", "the first day (default: always)"},
    {"until", "DATE", "the last day"},
    {"rate", "AMOUNT", "what an hour costs (default: 'tally rate set', where hours are billed)"},
    {"fee", "AMOUNT", "a fixed price; with milestones, what they share"},
    {"retainer", "AMOUNT", "a month"},
    {"included-hours", "HOURS", "hours a month that the retainer covers"},
    {"overage-rate", "AMOUNT", "what an hour above them costs (default: the rate)"},
    {"lines", "HOW", "a line for each description (default), entry, project, day or tag"},
    {"rounding-minutes", "N", "round hours to steps of 6, 15 or 30 minutes (default 0: exact)"},
    {"rounding", "HOW", "up (default) or nearest"},
    {"rounding-per", "WHAT",
     "what is rounded: each entry (default; a session's day is one), day or line"},
    {"minimum-minutes", "N", "the least an entry counts"},
    {"ai-cost", "HOW", "how tokens are billed: at_cost (default), markup, in_rate, budget or none"},
    {"markup-percent", "N", "added to compute, with --ai-cost markup"},
    {"rate-extra", "AMOUNT", "added to the rate, with --ai-cost in_rate"},
    {"ai-budget", "AMOUNT", "the most that is billed for compute in all, with --ai-cost budget"},
    {"basis", "B",
     "what tokens cost: list price (list, default), or their part of plans and bills (paid)"},
    {"terms-days", "N", "days to pay (default 15; 0: due on receipt)"},
    {"late-fee", "PERCENT", "a month (default 1.5)"},
    {"late-fee-max", "PERCENT", "the most that the law allows"},
    {"kill-fee", "PERCENT", "due at an early end, of the unpaid project value (default 25)"},
    {"tax-category", "C",
     "S standard, Z zero, E exempt, AE reverse charge, O outside (EN 16931; default O)"},
    {"tax-rate", "PERCENT", "with category S"},
    {"tax-reason", "TEXT", "why exempt or reverse charge, as the invoice says it"},
    {"compute-tax-category", "C", "the category of compute, where it differs"},
    {"compute-tax-rate", "PERCENT", "the rate of compute, where it differs"},
    {"established", "yes|no", "an established client is asked for a smaller deposit (default no)"},
    {"disclosure", "yes|no", "invoices say which work involved agents (default yes)"},
    {"po-number", "TEXT", "the client's purchase order"},
    {"issuer", "MEMBER", "whose name drafts carry"},
    {"notes", "TEXT", "printed on its invoices"},
    END};

COMMAND(contract_set, "contract set", "NAME", 1, "make a contract, or change what is given",
        "tally contract set rag --client acme --title 'RAG eval debugging' --rate 185",
        contract_options, cli_policy_set);
COMMAND(contract_list, "contract list", "", 0, "the contracts", "tally contract list", NULL,
        cli_policy_list);
COMMAND(contract_unset, "contract unset", "NAME", 1, "take a contract away; its invoices stay",
        "tally contract unset rag", NULL, cli_policy_unset);

/* ---- milestone, change ---- */

static const cli_option milestone_options[] = {
    {"title", "TEXT", "what is delivered"},
    {"fee", "AMOUNT", "what it costs"},
    {"percent", "PERCENT", "or its part of the contract's fee (default: an equal share)"},
    {"section", "TEXT", "of the contract"},
    {"criterion", "TEXT", "when it is accepted"},
    END};

COMMAND(milestone_set, "milestone set", "CONTRACT NUMBER", 2, "make a milestone, or change it",
        "tally milestone set mvp 2 --title 'Retrieval' --fee 9900 --section 'Section 4.2'",
        milestone_options, cli_policy_set);
COMMAND(milestone_list, "milestone list", "", 0, "the milestones of all contracts",
        "tally milestone list", NULL, cli_policy_list);
COMMAND(milestone_unset, "milestone unset", "CONTRACT NUMBER", 2, "take a milestone away",
        "tally milestone unset mvp 3", NULL, cli_policy_unset);

static const cli_option change_options[] = {
    {"title", "TEXT", "what is added"}, {"amount", "AMOUNT", "what it costs"}, END};

COMMAND(change_set, "change set", "CONTRACT NUMBER", 2, "write a change order, or change it",
        "tally change set mvp CR-002 --title 'Legal-doc OCR pipeline' --amount 2400",
        change_options, cli_policy_set);
COMMAND(change_list, "change list", "", 0, "the change orders of all contracts",
        "tally change list", NULL, cli_policy_list);
COMMAND(change_unset, "change unset", "CONTRACT NUMBER", 2, "take a change order away",
        "tally change unset mvp CR-002", NULL, cli_policy_unset);

/* ---- issuer ---- */

static const cli_option issuer_options[] = {
    {"name", "TEXT", "the legal name"},
    {"prefix", "TEXT", "what invoice numbers begin with (default: initials)"},
    {"contact", "NAME", "whom to ask"},
    {"email", "TEXT", "likewise"},
    {"street", "TEXT", "street and number"},
    {"street2", "TEXT", "a second line"},
    {"city", "TEXT", "city"},
    {"postcode", "TEXT", "postal code"},
    {"region", "TEXT", "state or region"},
    {"country", "CC", "ISO 3166-1, like US"},
    {"tax-id", "ID", "VAT number"},
    {"company-id", "ID", "number in the company register"},
    {"iban", "IBAN", "where to pay"},
    {"bic", "BIC", "its bank"},
    {"payee", "TEXT", "whose account it is (default: the name)"},
    END};

COMMAND(issuer_set, "issuer set", "MEMBER", 1, "say who a member's invoices come from",
        "tally issuer set Ada --name 'Ada Kline' --prefix AK --city Berlin --country DE",
        issuer_options, cli_policy_set);
COMMAND(issuer_list, "issuer list", "", 0, "who issues invoices", "tally issuer list", NULL,
        cli_policy_list);
COMMAND(issuer_unset, "issuer unset", "MEMBER", 1, "take an issuer's row away",
        "tally issuer unset Ada", NULL, cli_policy_unset);
