/* Manual pages as roff (man(7)), one for each noun, as git has them. dist/man/make.sh writes them
 * to files and puts the date where @date@ stands. */
#include "man.h"

#include <ctype.h>
#include <string.h>

#include "help.h"
#include "ledger/config.h"
#include "options.h"

static size_t noun_length(const cli_command *command) {
    return strcspn(command->name, " ");
}

static bool noun_is(const cli_command *command, const char *noun) {
    return strlen(noun) == noun_length(command) && strncmp(command->name, noun, strlen(noun)) == 0;
}

/* Hyphens stay what people can type; nothing is taken for a request. */
static void roff_n(FILE *out, const char *text, size_t length) {
    static const struct {
        char from;
        const char *to;
    } escapes[] = {{'\\', "\\e"}, {'-', "\\-"}, {'\'', "\\(aq"}, {'"', "\\(dq"}};
    if (length && *text == '.') fputs("\\&", out);
    for (size_t i = 0; i < length; i++) {
        size_t at = 0;
        while (at < sizeof escapes / sizeof *escapes && escapes[at].from != text[i])
            at++;
        if (at < sizeof escapes / sizeof *escapes)
            fputs(escapes[at].to, out);
        else
            fputc(text[i], out);
    }
}

static void roff(FILE *out, const char *text) {
    roff_n(out, text, strlen(text));
}

/* A sentence from words that help shows without capital and full stop. */
static void roff_sentence(FILE *out, const char *text) {
    const char first = (char)toupper((unsigned char)*text);
    size_t length = strlen(text);
    roff_n(out, &first, length ? 1 : 0);
    roff(out, length ? text + 1 : "");
    fputs(length && strchr(".!?", text[length - 1]) ? "\n" : ".\n", out);
}

static void man_options(FILE *out, const cli_option *options) {
    for (; options && options->name; options++) {
        fputs(".TP\n\\fB\\-\\-", out);
        roff(out, options->name);
        fputs("\\fR", out);
        if (options->value) {
            fputs(" \\fI", out);
            roff(out, options->value);
            fputs("\\fR", out);
        }
        fputc('\n', out);
        roff_sentence(out, options->help);
    }
}

/* "tally invoice draft [CONTRACT]" */
static void man_call(FILE *out, const cli_command *command) {
    fputs("\\fBtally ", out);
    roff(out, command->name);
    fputs("\\fR", out);
    if (!*command->arguments) return;
    fputs(" \\fI", out);
    roff(out, command->arguments);
    fputs("\\fR", out);
}

/* What apropos finds: a command's summary, or a noun's verbs. */
static void man_name(FILE *out, const cli_command *const *commands, const char *noun) {
    const cli_command *only = NULL;
    size_t count = 0;
    fprintf(out, ".SH NAME\ntally\\-%s \\- ", noun);
    for (const cli_command *const *at = commands; *at; at++)
        if (noun_is(*at, noun)) only = *at, count++;
    if (count == 1)
        roff(out, only->summary);
    else
        for (const char *between = ""; *commands; commands++) {
            size_t length = noun_length(*commands);
            if (!noun_is(*commands, noun)) continue;
            fputs(between, out);
            roff(out, (*commands)->name + ((*commands)->name[length] ? length + 1 : 0));
            between = ", ";
        }
    fputc('\n', out);
}

static void man_synopsis(FILE *out, const cli_command *const *commands, const char *noun) {
    fputs(".SH SYNOPSIS\n.nf\n", out);
    for (; *commands; commands++) {
        if (!noun_is(*commands, noun)) continue;
        man_call(out, *commands);
        fputs(" [\\fIoptions\\fR]\n", out);
    }
    fputs(".fi\n", out);
}

static void man_command(FILE *out, const cli_command *command) {
    fputs(".SS ", out);
    fputc('"', out);
    man_call(out, command);
    fputs("\"\n", out);
    roff_sentence(out, command->summary);
    man_options(out, command->options);
    if (command->filters) fputs(".PP\nTakes the filters below.\n", out);
    fputs(".PP\n.nf\n.RS 4\n", out);
    roff(out, command->example);
    fputs("\n.RE\n.fi\n", out);
}

static void man_head(FILE *out, const char *noun) {
    fputs(".TH TALLY\\-", out);
    for (; *noun; noun++)
        fputc(toupper((unsigned char)*noun), out);
    fputs(" 1 \"@date@\" \"Tally " TALLY_VERSION "\" \"Tally manual\"\n", out);
}

/* Pages of the same subject. */
static void man_see_also(FILE *out, const cli_command *const *commands,
                         const cli_command *command) {
    const cli_command *last = command;
    fputs(".SH SEE ALSO\n.BR tally (1)", out);
    for (; *commands; commands++) {
        if (cli_subject_of(*commands) != cli_subject_of(command)) continue;
        size_t length = noun_length(*commands);
        if (length == noun_length(last) && strncmp((*commands)->name, last->name, length) == 0)
            continue;
        last = *commands;
        if (length == noun_length(command) && strncmp(last->name, command->name, length) == 0)
            continue;
        fprintf(out, ",\n.BR tally\\-%.*s (1)", (int)length, last->name);
    }
    fputs(",\n.BR tally\\-ledger (5)\n", out);
}

static bool man_page(FILE *out, const cli_command *const *commands, const char *noun) {
    const cli_command *first = NULL;
    bool filters = false;
    for (const cli_command *const *at = commands; *at; at++) {
        if (!noun_is(*at, noun)) continue;
        if (!first) first = *at;
        filters = filters || (*at)->filters;
    }
    if (!first) return false;
    man_head(out, noun);
    man_name(out, commands, noun);
    man_synopsis(out, commands, noun);
    fputs(".SH DESCRIPTION\n", out);
    for (const cli_command *const *at = commands; *at; at++)
        if (noun_is(*at, noun)) man_command(out, *at);
    if (filters) {
        fputs(".SH FILTERS\n", out);
        man_options(out, cli_filter_options);
    }
    fputs(".SH COMMON OPTIONS\n", out);
    man_options(out, cli_common_options);
    fputs(".SH EXIT STATUS\nThat of\n.BR tally (1).\n", out);
    man_see_also(out, commands, first);
    return true;
}

static void man_commands(FILE *out, const cli_command *const *commands) {
    for (const cli_subject *subject = cli_subjects; subject->title; subject++) {
        bool any = false;
        for (const cli_command *const *at = commands; *at; at++) {
            if (cli_subject_of(*at) != subject) continue;
            if (!any) {
                fputs(".SS \"", out);
                roff(out, subject->title);
                fputs("\"\n", out);
            }
            any = true;
            fputs(".TP\n", out);
            man_call(out, *at);
            fputc('\n', out);
            roff_sentence(out, (*at)->summary);
        }
    }
}

static void man_settings(FILE *out) {
    const cli_setting *setting;
    for (size_t i = 0; (setting = cli_setting_at(i)) != NULL; i++) {
        fputs(".TP\n.B ", out);
        roff(out, setting->name);
        fputc('\n', out);
        roff_sentence(out, setting->help);
        roff_sentence(out, setting->form);
        fputs("Default: ", out);
        roff(out, *setting->fallback ? setting->fallback : "nothing");
        fputs(".\n", out);
    }
}

static void man_pages(FILE *out, const cli_command *const *commands) {
    for (const cli_command *const *at = commands; *at; at++) {
        size_t length = noun_length(*at);
        const cli_command *const *before = commands;
        while (before < at && (noun_length(*before) != length ||
                               strncmp((*before)->name, (*at)->name, length) != 0))
            before++;
        if (before == at) fprintf(out, "%.*s\n", (int)length, (*at)->name);
    }
}

bool cli_man(FILE *out, const cli_command *const *commands, const char *part) {
    if (!part) return false;
    if (strcmp(part, "pages") == 0)
        man_pages(out, commands);
    else if (strcmp(part, "commands") == 0)
        man_commands(out, commands);
    else if (strcmp(part, "settings") == 0)
        man_settings(out);
    else
        return man_page(out, commands, part);
    return true;
}
