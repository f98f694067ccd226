/* tally complete: finds out what the word at the cursor is: a command, an option, the value of one,
 * or an argument. What a value may be is complete_values.c's. */
#include "complete.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "open.h"
#include "options.h"

#define WORK_MAX_US     40000 /* of processor time: the shell waits for us at each press of a key */
#define WAIT_MAX_S      1     /* a disk may be slow once */
#define PLACEHOLDER_MAX 64u
#define WORDS_MAX       256 /* of a line; who types more gets nothing */
#define END_OF_OPTIONS  "--"

/* The line as far as it was typed. */
typedef struct typed_line {
    const cli_command *command;
    int argument;             /* which one stands at the cursor, from 0 */
    const cli_option *option; /* whose value stands at the cursor; else NULL */
    bool options_ended;
    const char *ledger;
} typed_line;

void cli_candidate_add(cli_candidates *list, tally_span text, const char *help) {
    size_t typed = strlen(list->typed);
    if (!text.len || text.len > CLI_CANDIDATE_MAX_BYTES || list->count == CLI_CANDIDATES_MAX)
        return;
    if (text.len < typed || memcmp(text.ptr, list->typed, typed) != 0 || text.ptr[0] == ':') return;
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] < 0x20 || text.ptr[i] == 0x7f) return;
    for (size_t i = list->count; i-- > 0;)
        if (tally_span_is(text, list->rows[i].text)) return;
    cli_candidate *row = &list->rows[list->count++];
    memcpy(row->text, text.ptr, text.len);
    row->text[text.len] = '\0';
    for (const char *at = row->text; *at; at++)
        if (cli_steering_bytes(at)) {
            list->count--;
            return;
        }
    row->help = help;
}

/* ---- commands ---- */

/* The first words of commands. What one that stands before verbs does is said with those. */
static void nouns_add(cli_candidates *list, const cli_command *const *commands) {
    for (; *commands; commands++) {
        size_t length = strcspn((*commands)->name, " ");
        cli_candidate_add(list, tally_span_of((*commands)->name, length),
                          (*commands)->name[length] ? NULL : (*commands)->summary);
    }
    cli_candidate_add(list, tally_span_str("help"), "help of a command");
}

static bool verbs_add(cli_candidates *list, const cli_command *const *commands, const char *noun) {
    size_t length = strlen(noun);
    bool any = false;
    for (; *commands; commands++) {
        const char *name = (*commands)->name;
        if (strncmp(name, noun, length) != 0 || name[length] != ' ') continue;
        any = true;
        cli_candidate_add(list, tally_span_str(name + length + 1), (*commands)->summary);
    }
    return any;
}

/* ---- options ---- */

typedef void option_fn(void *ctx, const cli_option *option);

static void options_each(const cli_command *command, option_fn *fn, void *ctx) {
    const cli_option *const sets[] = {
        command->options, command->filters ? cli_filter_options : NULL, cli_common_options};
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
        for (const cli_option *option = sets[i]; option && option->name; option++)
            fn(ctx, option);
}

static void option_add(void *ctx, const cli_option *option) {
    char text[PLACEHOLDER_MAX];
    snprintf(text, sizeof text, "--%s", option->name);
    cli_candidate_add(ctx, tally_span_str(text), option->help);
}

typedef struct option_search {
    const char *name;
    size_t length;
    const cli_option *found;
} option_search;

static void option_match(void *ctx, const cli_option *option) {
    option_search *search = ctx;
    if (!search->found && strlen(option->name) == search->length &&
        memcmp(option->name, search->name, search->length) == 0)
        search->found = option;
}

/* "--by", "--by=client" or "-o". */
static const cli_option *option_of(const cli_command *command, const char *word) {
    if (strcmp(word, "-o") == 0) word = "--output";
    if (strncmp(word, "--", 2) != 0) return NULL;
    option_search search = {word + 2, strcspn(word + 2, "="), NULL};
    options_each(command, option_match, &search);
    return search.found;
}

/* ---- the line ---- */

/* Bash hands "--by=client" over as three words, and wants an answer for the last alone. */
static int words_join(int count, char **words, char **out) {
    int kept = 0;
    for (int i = 0; i < count; i++) {
        bool assign =
            strcmp(words[i], "=") == 0 && kept > 0 && strncmp(out[kept - 1], "--", 2) == 0;
        if (!assign) out[kept++] = words[i];
        if (assign && i + 1 == count) out[kept++] = words[i] + 1; /* nothing typed yet */
    }
    return kept;
}

/* Walks over the words after the command's name, the last one aside. */
static void line_read(typed_line *line, int count, char **words) {
    for (int i = 0; i < count - 1; i++) {
        const cli_option *option = line->options_ended ? NULL : option_of(line->command, words[i]);
        if (!line->options_ended && strcmp(words[i], END_OF_OPTIONS) == 0) {
            line->options_ended = true;
        } else if (option) {
            const char *value = strchr(words[i], '=');
            if (option->value && !value) {
                value = words[++i];
                if (i == count - 1) line->option = option;
            } else if (value)
                value++;
            if (value && i < count - 1 && strcmp(option->name, "ledger") == 0) line->ledger = value;
        } else if (line->options_ended || words[i][0] != '-' || !words[i][1])
            line->argument++;
    }
}

/* The placeholder of the argument at the cursor: "NAME" of "NAME [DIR]...". */
static bool placeholder_at(const typed_line *line, char out[PLACEHOLDER_MAX]) {
    const char *at = line->command->arguments, *last = NULL;
    size_t length = 0;
    for (int i = 0; *at; i++) {
        last = at;
        length = strcspn(at, " ");
        if (i == line->argument) break;
        at += length + (at[length] == ' ');
        if (!*at && (length < 3 || !memmem(last, length, "...", 3))) return false;
    }
    if (!last) return false;
    while (length && *last == '[')
        last++, length--;
    while (length && strchr(".]", last[length - 1]))
        length--;
    snprintf(out, PLACEHOLDER_MAX, "%.*s", (int)length, last);
    return true;
}

static void word_complete(cli_candidates *list, typed_line *line, const char *word) {
    char shown[PLACEHOLDER_MAX];
    cli_option ledger = {.name = "ledger", .value = "DIR"};
    cli_given given = {&ledger, line->ledger};
    cli run = {.command = line->command, .given = &given, .given_count = line->ledger ? 1 : 0};
    if (cli_dir_find(&run, NULL)) run.dir[0] = '\0';
    if (line->option) {
        list->typed = word;
        cli_values_add(list, &run, line->option->name, line->option->value);
    } else if (!line->options_ended && word[0] == '-') {
        list->typed = word;
        options_each(line->command, option_add, list);
    } else if (placeholder_at(line, shown)) {
        list->typed = word;
        cli_values_add(list, &run, shown, shown);
    } else if (!line->options_ended && !*word)
        options_each(line->command, option_add, list);
}

/* What stands before the part that candidates replace: "--by=", "client,". */
static size_t prefix_of(const cli_command *command, typed_line *line, const char *word) {
    size_t prefix = 0;
    if (!line->option && !line->options_ended && strchr(word, '=')) {
        line->option = option_of(command, word);
        if (line->option && line->option->value)
            prefix = (size_t)(strchr(word, '=') - word) + 1;
        else
            line->option = NULL;
    }
    const char *comma = strrchr(word + prefix, ',');
    if (line->option && strcmp(line->option->name, "by") == 0 && comma)
        prefix = (size_t)(comma - word) + 1;
    return prefix;
}

static void candidates_find(cli_candidates *list, const cli_command *const *commands, int count,
                            char **words, size_t *prefix) {
    typed_line line = {.argument = 0};
    int used = 0;
    list->typed = words[count - 1];
    bool help = strcmp(words[0], "help") == 0 && count > 1;
    if (help) words++, count--;
    if (count == 1) {
        nouns_add(list, commands);
        return;
    }
    if (count == 2) (void)verbs_add(list, commands, words[0]);
    line.command = help ? NULL : cli_command_find(commands, count - 1, words, &used);
    if (!line.command) return;
    line_read(&line, count - used, words + used);
    *prefix = prefix_of(line.command, &line, words[count - 1]);
    word_complete(list, &line, words[count - 1] + *prefix);
}

/* ---- the process ---- */

static void too_late(int sig) {
    (void)sig;
    _exit(CLI_DONE);
}

/* Whatever goes wrong from here on, the person who types sees nothing of it. */
static void quiet(void) {
    const int signals[] = {SIGPROF, SIGALRM, SIGSEGV, SIGBUS};
    const struct itimerval timer = {.it_value = {.tv_usec = WORK_MAX_US}};
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (fd >= 0) {
        (void)dup2(fd, STDERR_FILENO);
        (void)dup2(fd, STDIN_FILENO);
        (void)close(fd);
    }
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        signal(signals[i], too_late);
    (void)setitimer(ITIMER_PROF, &timer, NULL);
    (void)alarm(WAIT_MAX_S);
}

int cli_complete(const cli_command *const *commands, int count, char **words) {
    static cli_candidates list; /* large */
    static const struct itimerval stopped;
    char *joined[WORDS_MAX];
    size_t prefix = 0;
    quiet();
    if (count > 0 && strcmp(words[0], END_OF_OPTIONS) == 0) words++, count--;
    if (count < 1 || count > WORDS_MAX) return CLI_DONE;
    count = words_join(count, words, joined);
    candidates_find(&list, commands, count, joined, &prefix);
    (void)setitimer(ITIMER_PROF, &stopped, NULL);
    for (size_t i = 0; i < list.count; i++)
        printf("%.*s%s%s%s\n", (int)prefix, joined[count - 1], list.rows[i].text,
               list.rows[i].help ? "\t" : "", list.rows[i].help ? list.rows[i].help : "");
    if (list.kind) printf(":%s\n", list.kind);
    return fflush(stdout) ? CLI_DAMAGED : CLI_DONE;
}
