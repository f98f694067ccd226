/* The commands over policy tables: their options, summaries and examples. What they do is in
 * policy.c, the fields' rules in ledger/policy.c. */
#include "commands.h"
#include "policy.h"
#include "policy_command.h"

#define NAME_OF_CLIENT                                                                             \
    { "client", "NAME", "the client" }

/* ---- client ---- */

static const cli_option client_options[] = {
    {"title", "TEXT", "the full name, for invoices; '' takes it away, as with every option"},
    {"timezone", "TZ", "where the client's days and months are cut, like Europe/Berlin"},
    {"currency", "C", "ISO 4217, of invoices"},
    {"email", "TEXT", "where invoices go"},
    {"address", "TEXT", "as it stands on invoices, where no street is given"},
    {"contact", "NAME", "whom invoices name"},
    {"street", "TEXT", "street and number"},
    {"street2", "TEXT", "a second line"},
    {"city", "TEXT", "city"},
    {"postcode", "TEXT", "postal code"},
    {"region", "TEXT", "state or region"},
    {"country", "CC", "ISO 3166-1, like DE"},
    {"tax-id", "ID", "VAT number"},
    {"company-id", "ID", "number in the company register"},
    END};

COMMAND(client_set, "client set", "NAME", 1, "make a client, or change what is given",
        "tally client set acme --title 'Acme Ltd' --timezone Europe/Berlin --currency EUR",
        client_options, cli_policy_set);
COMMAND(client_list, "client list", "", 0, "the clients", "tally client list", NULL,
        cli_policy_list);
COMMAND(client_unset, "client unset", "NAME", 1, "take a client's row away",
        "tally client unset acme", NULL, cli_policy_unset);

/* ---- project ---- */

static const cli_option project_options[] = {
    NAME_OF_CLIENT, {"title", "TEXT", "the full name, for invoices"}, END};

COMMAND(project_set, "project set", "NAME", 1, "make a project of a client, or change it",
        "tally project set shop --client acme --title 'Web shop'", project_options, cli_policy_set);
COMMAND(project_list, "project list", "", 0, "the projects and whose they are",
        "tally project list --json", NULL, cli_policy_list);
COMMAND(project_unset, "project unset", "NAME", 1, "take a project's row away",
        "tally project unset shop", NULL, cli_policy_unset);

/* ---- rule ---- */

static const cli_option rule_options[] = {
    {"client", "NAME", "whose the work is (default: the project's client)"},
    {"project", "NAME", "and which project"},
    {"path", "DIR", "work in this directory or below; without / or ./ before it: anywhere"},
    {"remote", "URL", "work in this git repository, or below this host or owner"},
    {"branch", "NAME", "work on this branch; a final * stands for any ending"},
    {"agent", "NAME", "work of this agent (claude, codex-cli)"},
    {"tag", "TAG", "work that carries this tag"},
    {"priority", "N", "-1000 to 1000 (default 0); the largest wins, then the longest path"},
    END};

COMMAND(rule_set, "rule set", "NAME", 1, "say whose work is: by path, remote, branch, agent, tag",
        "tally rule set acme-shop --path ~/work/acme --client acme --project shop", rule_options,
        cli_policy_set);
COMMAND(rule_list, "rule list", "", 0, "the rules", "tally rule list", NULL, cli_policy_list);
COMMAND(rule_unset, "rule unset", "NAME", 1, "take a rule away; history follows at once",
        "tally rule unset acme-shop", NULL, cli_policy_unset);

/* ---- rate ---- */

static const cli_option rate_options[] = {
    {"amount", "AMOUNT", "an hour"},
    {"currency", "C", "ISO 4217"},
    {"client", "NAME", "for this client"},
    {"project", "NAME", "for this project"},
    {"member", "NAME", "of this member's work"},
    {"from", "DATE", "in force from this day (default: always)"},
    END};
static const cli_option rate_keys[] = {{"client", "NAME", "the row of this client"},
                                       {"project", "NAME", "of this project"},
                                       {"member", "NAME", "of this member"},
                                       {"from", "DATE", "from this day"},
                                       END};

COMMAND(rate_set, "rate set", "", 0, "set what an hour is worth",
        "tally rate set --client acme --amount 185.00 --currency EUR --from 2026-01-01",
        rate_options, cli_policy_set);
COMMAND(rate_list, "rate list", "", 0, "the hourly rates", "tally rate list", NULL,
        cli_policy_list);
COMMAND(rate_unset, "rate unset", "", 0, "take a rate away",
        "tally rate unset --client acme --from 2026-01-01", rate_keys, cli_policy_unset);

/* ---- plan ---- */

static const cli_option plan_options[] = {
    {"provider", "NAME", "whose usage it pays for: an agent (claude) or a vendor (anthropic)"},
    {"fee", "AMOUNT", "a month"},
    {"currency", "C", "ISO 4217, of the fee"},
    {"from", "MONTH", "the first month, like 2026-01"},
    {"until", "MONTH", "the last month (default: it goes on)"},
    {"member", "NAME", "whose seat it is (default: the team's)"},
    END};
static const cli_option plan_keys[] = {{"from", "MONTH", "the row that begins with this month"},
                                       END};

COMMAND(plan_set, "plan set", "NAME", 1, "record a flat fee that pays for usage",
        "tally plan set claude-max --provider anthropic --fee 200 --currency USD --from 2026-01",
        plan_options, cli_policy_set);
COMMAND(plan_list, "plan list", "", 0, "the plans", "tally plan list", NULL, cli_policy_list);
COMMAND(plan_unset, "plan unset", "NAME", 1, "take a plan's row away",
        "tally plan unset claude-max --from 2026-01", plan_keys, cli_policy_unset);

/* ---- fx ---- */

static const cli_option fx_options[] = {{"date", "DATE", "the day of the rate"},
                                        {"rate", "NUMBER", "so much QUOTE for one BASE"},
                                        {"source", "TEXT", "who published it"},
                                        END};
static const cli_option fx_keys[] = {{"date", "DATE", "the day of the rate"}, END};

COMMAND(fx_set, "fx set", "BASE QUOTE", 2, "record an exchange rate",
        "tally fx set EUR USD --date 2026-03-31 --rate 1.0812 --source ECB", fx_options,
        cli_policy_set);
COMMAND(fx_list, "fx list", "", 0, "the exchange rates", "tally fx list", NULL, cli_policy_list);
COMMAND(fx_unset, "fx unset", "BASE QUOTE", 2, "take an exchange rate away",
        "tally fx unset EUR USD --date 2026-03-31", fx_keys, cli_policy_unset);

/* ---- bill ---- */

static const cli_option bill_options[] = {
    {"amount", "AMOUNT", "what the provider charged for the month"},
    {"currency", "C", "ISO 4217, of the amount"},
    {"member", "NAME", "whose account it is (default: the team's)"},
    {"covers", "WHAT", "all (default), or beyond-plan: on top of a plan's fee"},
    {"source", "TEXT", "the bill's number, or the file it came from"},
    END};
static const cli_option bill_keys[] = {{"member", "NAME", "the bill of this member's account"},
                                       END};

COMMAND(bill_set, "bill set", "PROVIDER MONTH", 2, "record what a provider charged for a month",
        "tally bill set anthropic 2026-03 --amount 351.17 --currency USD", bill_options,
        cli_policy_set);
COMMAND(bill_list, "bill list", "", 0, "the providers' bills", "tally bill list", NULL,
        cli_policy_list);
COMMAND(bill_unset, "bill unset", "PROVIDER MONTH", 2, "take a bill away",
        "tally bill unset anthropic 2026-03", bill_keys, cli_policy_unset);

/* ---- engaged ---- */

static const cli_option engaged_options[] = {
    {"overlap", "split|focus|parallel",
     "minutes with several sessions: shared, the last prompt's, or counted in each"},
    {"idle", "MINUTES", "longer gaps do not count (default 10m)"},
    {"unattended", "MINUTES", "so long after a prompt the agent's work counts (default 15m)"},
    END};

COMMAND(engaged_set, "engaged set", "", 0, "set how hours are counted, for the team",
        "tally engaged set --overlap focus --idle 10m --unattended 15m", engaged_options,
        cli_policy_set);

/* ---- audit ---- */

static const cli_option audit_options[] = {
    {"quorum", "N", "so many members, the author aside, make a record witnessed (default 1)"},
    {"witnesses", "ROLE", "whose devices count: any (default), admin, member or auditor"},
    {"backdate-limit", "HOURS", "'tally verify' names records seen later than this (default 72)"},
    END};

COMMAND(audit_set, "audit set", "", 0, "say when a record counts as witnessed",
        "tally audit set --quorum 2 --backdate-limit 168", audit_options, cli_policy_set);
COMMAND(audit_list, "audit list", "", 0, "what is set of this", "tally audit list --json", NULL,
        cli_policy_list);
COMMAND(audit_unset, "audit unset", "", 0, "go back to the defaults", "tally audit unset", NULL,
        cli_policy_unset);
