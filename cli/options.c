/* Option parsing over getopt_long, from the commands' tables. What options mean is the commands'
 * matter. */
#include "options.h"

#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#define OPTIONS_MAX      64u /* of one command, common ones and filters included */
#define OPTION_FIRST_VAL 256 /* above every character, apart from short options */

const cli_option cli_common_options[] = {
    {"json", NULL, "one JSON document instead of text"},
    {"ledger", "DIR", "the ledger (default: $TALLY_HOME, else $XDG_DATA_HOME/tally)"},
    {"help", NULL, "this text"},
    {NULL, NULL, NULL}};

const cli_option cli_filter_options[] = {
    {"period", "P", "2026-03, 2026-Q1, 2026, 2026-03-01..2026-03-15, today, last-month, all"},
    {"client", "NAME", "only this client"},
    {"project", "NAME", "only this project"},
    {"tag", "TAG", "only what carries this tag"},
    {"agent", "NAME",
     "only this agent (claude, codex, gemini, opencode, antigravity, copilot, aider)"},
    {"model", "NAME", "only this model"},
    {"member", "NAME", "only this member"},
    {"device", "NAME", "only this device"},
    {"path", "DIR", "only work in this directory or below it"},
    {"branch", "NAME", "only this branch"},
    {"session", "ID", "only this session"},
    {"min-cost", "AMOUNT", "at least this much"},
    {"max-cost", "AMOUNT", "at most this much"},
    {"unattributed", NULL, "only what belongs to no client or project"},
    {"unpriced", NULL, "only what has no price"},
    {NULL, NULL, NULL}};

/* The options of a command in one array, for getopt and for looking a match up again. */
typedef struct option_set {
    size_t count;
    const cli_option *rows[OPTIONS_MAX];
    struct option longs[OPTIONS_MAX + 1];
} option_set;

static void set_add(option_set *set, const cli_option *options) {
    for (; options && options->name && set->count < OPTIONS_MAX; options++) {
        set->longs[set->count] =
            (struct option){options->name, options->value ? required_argument : no_argument, NULL,
                            OPTION_FIRST_VAL + (int)set->count};
        set->rows[set->count++] = options;
    }
}

static int option_mistake(const cli *run, const option_set *set, int kind, int which, char **argv) {
    const char *text = optind > 0 && argv[optind - 1] ? argv[optind - 1] : "";
    size_t row = (size_t)(which - OPTION_FIRST_VAL);
    if (which >= OPTION_FIRST_VAL && row < set->count) {
        const char *name = set->rows[row]->name;
        if (kind == ':') return cli_usage(run, "--%s needs a value", name);
        return cli_usage(run, "--%s takes no value", name);
    }
    if (which > 0) return cli_usage(run, "unknown option '-%c'", which);
    return cli_usage(run, "unknown option '%s'", text);
}

static int arguments_check(const cli *run) {
    const cli_command *command = run->command;
    if (run->argument_count < command->min_arguments)
        return cli_usage(run, "'tally %s' needs %s", command->name, command->arguments);
    if (run->argument_count > command->max_arguments)
        return cli_usage(run, "'%s' is one argument too many",
                         run->arguments[command->max_arguments]);
    return CLI_DONE;
}

const cli_command *cli_command_find(const cli_command *const *commands, int argc, char **argv,
                                    int *words) {
    char pair[64];
    snprintf(pair, sizeof pair, "%.30s %.30s", argv[0], argc > 1 ? argv[1] : "");
    for (size_t i = 0; commands[i]; i++)
        if (strcmp(commands[i]->name, pair) == 0) {
            *words = 2;
            return commands[i];
        }
    for (size_t i = 0; commands[i]; i++)
        if (strcmp(commands[i]->name, argv[0]) == 0) {
            *words = 1;
            return commands[i];
        }
    return NULL;
}

int cli_options_parse(cli *run, int argc, char **argv) {
    option_set set = {.count = 0};
    set_add(&set, run->command->options);
    if (run->command->filters) set_add(&set, cli_filter_options);
    set_add(&set, cli_common_options);
    run->given_count = 0;
    run->given = calloc((size_t)argc + 1, sizeof *run->given);
    if (!run->given) {
        cli_say("tally: memory ran out; %s", tally_errno_advice(ENOMEM));
        return CLI_DAMAGED;
    }
    size_t output = 0; /* the one option with a short form: -o FILE is --output FILE */
    while (output < set.count && strcmp(set.rows[output]->name, "output") != 0)
        output++;
    opterr = 0;
    optind = 1;
    for (;;) {
        int got = getopt_long(argc, argv, output < set.count ? ":o:" : ":", set.longs, NULL);
        if (got == -1) break;
        if (got == 'o') got = OPTION_FIRST_VAL + (int)output;
        if (got == '?' || got == ':') return option_mistake(run, &set, got, optopt, argv);
        const cli_option *option = set.rows[got - OPTION_FIRST_VAL];
        assert(option);
        run->given[run->given_count++] = (cli_given){option, option->value ? optarg : NULL};
    }
    run->arguments = argv + optind;
    run->argument_count = argc - optind;
    run->json = cli_has(run, "json");
    return cli_has(run, "help") ? CLI_DONE : arguments_check(run);
}

const char *cli_value_next(const cli *run, const char *name, size_t *at) {
    while (*at < run->given_count) {
        const cli_given *given = &run->given[(*at)++];
        assert(given->option);
        if (strcmp(given->option->name, name) == 0) return given->value;
    }
    return NULL;
}

const char *cli_value(const cli *run, const char *name) {
    const char *last = NULL;
    size_t at = 0;
    for (const char *value; (value = cli_value_next(run, name, &at)) != NULL;)
        last = value;
    return last;
}

bool cli_has(const cli *run, const char *name) {
    for (size_t i = 0; i < run->given_count; i++)
        if (strcmp(run->given[i].option->name, name) == 0) return true;
    return false;
}
