/* The demo's story: two people, a week, an invoice and its proof. What each step has to print
 * stands beside it; costs and hours follow from the tables of demo_logs.c (ten turns are an hour).
 */
#include "demo.h"

#define REPORT  "tally report --by client,member --period $WEEK"
#define CLIENTS "tally report --by client --period $WEEK"
#define SERVE   "tallyd --listen $ADDRESS --no-beacon --no-capture"

const demo_step demo_steps[] = {
    /* Two laptops */
    {.words = "Ada makes a ledger. It is a file in her home, and a key that signs what she adds.",
     .who = DEMO_ADA,
     .command = "tally init --member \"Ada Kline\" --device laptop --team \"Kline & Ito\" "
                "--timezone UTC --currency USD"},
    {.words = "Ben joins from his laptop. On a real network both compare a short code; here the "
              "line goes from one process to the other over the loopback.",
     .who = DEMO_ADA,
     .act = DEMO_INVITE,
     .command = "tally team invite --listen 127.0.0.1:0 --yes"},
    {.who = DEMO_BEN,
     .act = DEMO_JOIN,
     .expects = "Ben Ito/notebook is in the team",
     .command = "tally team join --member \"Ben Ito\" --device notebook"},

    /* Monday and Tuesday */
    {.words = "Monday and Tuesday: Claude Code and Codex work for both, and leave their logs, as "
              "they always do. Tally reads them. Prompts and code stay where they are.",
     .who = DEMO_ADA,
     .act = DEMO_LOGS,
     .part = DEMO_MONDAY_TUESDAY,
     .command = "ls .claude .codex"},
    {.who = DEMO_ADA, .expects = "new: 2 sessions, 15 requests", .command = "tally capture"},
    {.who = DEMO_BEN, .act = DEMO_LOGS, .part = DEMO_MONDAY_TUESDAY, .command = "ls .claude"},
    {.who = DEMO_BEN, .expects = "new: 1 sessions, 10 requests", .command = "tally capture"},
    {.words = "Captured twice is counted once.",
     .who = DEMO_BEN,
     .expects = "new: 0 sessions, 0 requests",
     .command = "tally capture"},
    {.words = "Whose work is it? Rules say so, by folder here. They apply to what has been "
              "recorded already.",
     .who = DEMO_ADA,
     .command = "tally client set larkspur --title \"Larkspur Books\" --city London --country GB"},
    {.who = DEMO_ADA,
     .command = "tally rule set larkspur --path larkspur-books --client larkspur --project shop"},
    {.who = DEMO_ADA, .command = "tally client set harbor --title \"Harbor Clinic\""},
    {.who = DEMO_ADA, .command = "tally rule set harbor --path harbor-clinic --client harbor"},
    {.who = DEMO_ADA,
     .expects = "gift-cards",
     .command = "tally tag add gift-cards --session $SESSION0"},
    {.words = "The two sync: Ada's daemon listens, Ben calls. What goes over the wire is encrypted "
              "and reaches nobody else; what arrives is checked up to a signature.",
     .who = DEMO_ADA,
     .act = DEMO_SERVE,
     .command = SERVE},
    {.who = DEMO_BEN, .expects = "reached 1 of 1 addresses", .command = "tally sync now $ADDRESS"},
    {.who = DEMO_BEN, .expects = "4.2000", .command = REPORT},

    /* A trip */
    {.words = "Wednesday: Ben takes a train, and there is no network. Work goes on in both places.",
     .who = DEMO_ADA,
     .act = DEMO_STOP,
     .command = "kill %tallyd"},
    {.who = DEMO_BEN,
     .exit = 1,
     .expects = "connection refused",
     .command = "tally sync now $ADDRESS"},
    {.who = DEMO_BEN,
     .act = DEMO_LOGS,
     .part = DEMO_WEDNESDAY_FRIDAY,
     .command = "ls .claude .codex"},
    {.who = DEMO_BEN, .expects = "new: 3 sessions, 20 requests", .command = "tally capture"},
    {.who = DEMO_ADA, .act = DEMO_LOGS, .part = DEMO_WEDNESDAY_FRIDAY, .command = "ls .claude"},
    {.who = DEMO_ADA, .expects = "new: 2 sessions, 10 requests", .command = "tally capture"},
    {.words = "For three days each knows a part. That is what the two see on Friday:",
     .who = DEMO_ADA,
     .expects = "6.1000",
     .command = CLIENTS},
    {.who = DEMO_BEN, .expects = "6.3750", .command = CLIENTS},
    {.words = "Ben is back. One sync, and both ledgers say the same, to the last digit.",
     .who = DEMO_ADA,
     .act = DEMO_SERVE,
     .command = SERVE},
    {.who = DEMO_BEN, .expects = "reached 1 of 1 addresses", .command = "tally sync now $ADDRESS"},
    {.who = DEMO_ADA, .expects = "8.2750", .command = REPORT},
    {.who = DEMO_BEN, .same = true, .expects = "8.2750", .command = REPORT},

    /* Limits */
    {.words = "An experiment of their own gets a limit. Today's session takes it past four fifths, "
              "and the capture that sees it says so.",
     .who = DEMO_ADA,
     .command = "tally client set own --title \"Our own work\""},
    {.who = DEMO_ADA, .command = "tally rule set lab --path lab --client own --project lab"},
    {.who = DEMO_ADA,
     .command = "tally budget set --client own --period monthly --limit 0.50 --notify-at 80"},
    {.who = DEMO_ADA, .act = DEMO_LOGS, .part = DEMO_TODAY, .command = "ls .claude"},
    {.who = DEMO_ADA, .expects = "own-monthly", .command = "tally capture"},
    {.who = DEMO_ADA, .expects = "96.0 %", .command = "tally budget status"},

    /* The invoice */
    {.words =
         "Not everything is an agent's. A bill of a hosting company belongs to the client too.",
     .who = DEMO_ADA,
     .command = "tally expense add --category vector_db --provider Pinecone --amount 89 "
                "--client larkspur --date $FRIDAY"},
    {.words = "What was agreed with the client, and who writes the invoice:",
     .who = DEMO_ADA,
     .command = "tally contract set shop --client larkspur --title \"Guest checkout\" --rate 120 "
                "--rounding-minutes 15"},
    {.who = DEMO_ADA,
     .command = "tally issuer set \"Ada Kline\" --name \"Kline & Ito\" --prefix KI --city Berlin "
                "--country DE"},
    {.words = "The invoice: 4.50 hours at 120.00 are 540.00; tokens 6.90, hosting 89.00. Issuing "
              "freezes it; nothing on it can be billed again.",
     .who = DEMO_ADA,
     .expects = "USD 635.90",
     .command = "tally invoice issue shop --period $WEEK --issue-date $TODAY --yes"},
    {.who = DEMO_ADA, .command = "tally invoice show $NUMBER --format html --output $NUMBER.html"},
    {.who = DEMO_ADA,
     .optional = true,
     .command = "tally invoice show $NUMBER --format pdf --output $NUMBER.pdf"},
    {.words = "Ask a line, and it names the signed records that it came from.",
     .who = DEMO_ADA,
     .command = "tally invoice explain $NUMBER 1"},
    {.words = "Ben's laptop takes the invoice in, derives it again from the records, and compares "
              "byte by byte. Then the client pays.",
     .who = DEMO_BEN,
     .expects = "reached 1 of 1 addresses",
     .command = "tally sync now $ADDRESS"},
    {.who = DEMO_BEN, .expects = "byte for byte", .command = "tally invoice verify $NUMBER"},
    {.who = DEMO_BEN, .command = "tally invoice pay $NUMBER --date $TODAY"},
    {.words = "Each signs, with the time, what it has seen of the other. From then on neither can "
              "rewrite it unnoticed, not even the owner of the key.",
     .who = DEMO_BEN,
     .command = "tally audit cosign"},
    {.who = DEMO_BEN, .expects = "reached 1 of 1 addresses", .command = "tally sync now $ADDRESS"},
    {.who = DEMO_ADA, .command = "tally audit cosign"},
    {.who = DEMO_ADA, .expects = "paid", .command = "tally invoice list"},

    /* Proof */
    {.words =
         "The client's auditor gets one file: the invoice, its records, proofs and signatures, "
         "and nothing of other clients. The .html is a page that checks itself in a browser.",
     .who = DEMO_ADA,
     .expects = "ok: ",
     .command = "tally audit pack --invoice $NUMBER --output pack.txt"},
    {.who = DEMO_ADA,
     .expects = "ok: ",
     .command = "tally audit pack --invoice $NUMBER --output pack.html"},
    {.who = DEMO_ADA, .expects = "ok: ", .command = "tally audit verify pack.txt"},
    {.words = "And the ledger itself: every record hashed again, every signature checked.",
     .who = DEMO_ADA,
     .expects = "97 of 97 records",
     .command = "tally verify --deep"},
    {.words = "Now somebody cheats: one byte of a record in a copy of the auditor's file, then one "
              "in a copy of the ledger. Both are found.",
     .who = DEMO_ADA,
     .command = "mkdir copy"},
    {.who = DEMO_ADA, .command = "cp pack.txt copy"},
    {.who = DEMO_ADA, .act = DEMO_TAMPER, .command = "copy/pack.txt"},
    {.who = DEMO_ADA,
     .exit = 1,
     .expects = "bad, line",
     .command = "tally audit verify copy/pack.txt"},
    {.who = DEMO_ADA, .command = "tally backup copy/ledger.mdb"},
    {.who = DEMO_ADA, .act = DEMO_TAMPER, .command = "copy/ledger.mdb"},
    {.who = DEMO_ADA,
     .exit = 3,
     .expects = "its bytes are not what was recorded",
     .lines = 3,
     .command = "tally fsck --ledger copy"},
    {.who = DEMO_ADA, .act = DEMO_STOP, .command = "kill %tallyd"},
    {.command = NULL},
};
