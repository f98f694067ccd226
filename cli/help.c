/* Help texts, on 80 columns: all commands by subject, or one with its options and its example. What
 * they say stands with each command and option, not here. */
#include "help.h"

#include <string.h>

#include "options.h"

#define COMMAND_COLUMNS 26
#define OPTION_COLUMNS  22

const cli_subject cli_subjects[] = {
    {"Agents' work", " init capture sessions costs report statusline "},
    {"Whose work it is", " client project rule assign split tag "},
    {"Words, hours, expenses, corrections", " describe time expense void redact "},
    {"Money and limits", " rate engaged plan bill reconcile fx prices budget "},
    {"Contracts and invoices", " issuer contract milestone change deposit invoice "},
    {"Inside other programs", " hook webhook completion "},
    {"Teammates", " team sync node "},
    {"Proof", " verify log show audit "},
    {"The ledger and this machine", " status doctor demo backup fsck rebuild config version "},
    {"More", NULL},
    {NULL, NULL},
};

/* "  LEFT  words"; the words below LEFT where it leaves them no room. */
static void help_row(FILE *out, int columns, const char *left, const char *words) {
    char first[CLI_COLUMNS], rest[CLI_COLUMNS];
    snprintf(rest, sizeof rest, "  %*s ", columns, "");
    snprintf(first, sizeof first, "  %-*s ", columns, left);
    if (strlen(left) > (size_t)columns) fprintf(out, "%s\n", first);
    cli_words_wrap(out, strlen(left) > (size_t)columns ? rest : first, rest, words);
}

static void help_options(FILE *out, const char *title, const cli_option *options) {
    if (!options) return;
    fprintf(out, "\n%s\n", title);
    for (; options->name; options++) {
        char left[40];
        snprintf(left, sizeof left, "--%s%s%s", options->name, options->value ? " " : "",
                 options->value ? options->value : "");
        help_row(out, OPTION_COLUMNS, left, options->help);
    }
}

void cli_help_command(FILE *out, const cli_command *command) {
    fprintf(out, "tally %s: %s\n\nUsage: tally %s%s%s [options]\nExample: %s\n", command->name,
            command->summary, command->name, *command->arguments ? " " : "", command->arguments,
            command->example);
    help_options(out, "Options", command->options);
    if (command->filters) help_options(out, "Filters", cli_filter_options);
    help_options(out, "Always", cli_common_options);
}

static void help_line(FILE *out, const cli_command *command) {
    char left[64];
    snprintf(left, sizeof left, "%s%s%s", command->name, *command->arguments ? " " : "",
             command->arguments);
    help_row(out, COMMAND_COLUMNS, left, command->summary);
}

const cli_subject *cli_subject_of(const cli_command *command) {
    char noun[32];
    snprintf(noun, sizeof noun, " %.*s ", (int)strcspn(command->name, " "), command->name);
    const cli_subject *subject = cli_subjects;
    while (subject->nouns && !strstr(subject->nouns, noun))
        subject++;
    return subject;
}

static void help_subject(FILE *out, const cli_command *const *commands,
                         const cli_subject *subject) {
    bool any = false;
    for (; *commands; commands++) {
        if (cli_subject_of(*commands) != subject) continue;
        if (!any) fprintf(out, "\n%s\n", subject->title);
        any = true;
        help_line(out, *commands);
    }
}

void cli_help_all(FILE *out, const cli_command *const *commands) {
    fprintf(out, "tally: a ledger of what AI coding agents did and what it cost\n\n"
                 "Usage: tally COMMAND [options]\n"
                 "'tally help COMMAND' shows its options and an example.\n");
    for (const cli_subject *subject = cli_subjects; subject->title; subject++)
        help_subject(out, commands, subject);
    fprintf(out, "\nTo begin: 'tally init', 'tally capture', 'tally report'\n");
}

bool cli_help_noun(FILE *out, const cli_command *const *commands, const char *noun) {
    size_t length = strlen(noun);
    bool found = false;
    for (; *commands; commands++) {
        if (strncmp((*commands)->name, noun, length) != 0 || (*commands)->name[length] != ' ')
            continue;
        help_line(out, *commands);
        found = true;
    }
    return found;
}
