/* tally demo: plays a story in a folder of its own, by running this program as its users do, and
 * checks that every step did what the story says. The story itself is in demo_story.c. */
#include "demo.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <tally/time.h>

#include "commands.h"
#include "format/json_out.h"

#define DAY_MS   86400000LL
#define THURSDAY 3 /* 1970-01-01, counted from Monday */

#define COMMAND_BYTES 1024u
#define STEP_PAUSE_MS 600 /* on a terminal, so that eyes can follow */
#define BOLD          "\x1b[1m"
#define PLAIN         "\x1b[0m"

typedef struct demo {
    cli *run;
    demo_stage stage;
    demo_output now, before; /* of this command and of the one before */
    cli_json json;
    int64_t monday_ms, now_ms;
    unsigned chapter, chapters;
    bool colour, wait, terminal;
} demo;

static void date_of(int64_t unix_ms, char out[11]) {
    char text[TALLY_TIME_TEXT_BYTES];
    tally_time_format(unix_ms, text);
    snprintf(out, 11, "%.10s", text);
}

/* ---- what is typed ---- */

/* The value of a name that a command holds as $NAME. */
static void value_of(const demo *play, const char *name, size_t len, char *out, size_t size) {
    char first[11], last[11];
    date_of(play->monday_ms, first);
    date_of(play->monday_ms + 6 * DAY_MS, last);
    *out = '\0';
    if (len == 4 && memcmp(name, "WEEK", len) == 0) snprintf(out, size, "%s..%s", first, last);
    if (len == 6 && memcmp(name, "FRIDAY", len) == 0) date_of(play->monday_ms + 4 * DAY_MS, out);
    if (len == 5 && memcmp(name, "TODAY", len) == 0) date_of(play->now_ms, out);
    date_of(play->now_ms, last);
    if (len == 6 && memcmp(name, "NUMBER", len) == 0) snprintf(out, size, "KI-%.4s-0001", last);
    if (len == 7 && memcmp(name, "ADDRESS", len) == 0)
        snprintf(out, size, "%s", play->stage.address);
    if (len == 8 && memcmp(name, "SESSION", 7) == 0)
        demo_session_name((size_t)(name[7] - '0'), out);
}

static void command_fill(const demo *play, const char *command, char out[COMMAND_BYTES]) {
    size_t used = 0;
    while (*command && used + 1 < COMMAND_BYTES) {
        char value[DEMO_ADDRESS_BYTES];
        size_t len = strspn(command + 1, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789");
        if (*command != '$') {
            out[used++] = *command++;
            continue;
        }
        value_of(play, command + 1, len, value, sizeof value);
        int put = snprintf(out + used, COMMAND_BYTES - used, "%s", value);
        if (put > 0) used += (size_t)put;
        command += 1 + len;
    }
    out[used < COMMAND_BYTES ? used : COMMAND_BYTES - 1] = '\0';
}

/* Cuts `text` into words in place, at blanks that stand in no quotes. */
static void words_split(char *text, char *words[DEMO_WORDS_MAX]) {
    size_t count = 0;
    while (*text && count + 1 < DEMO_WORDS_MAX) {
        char *out = text;
        bool quoted = false;
        words[count++] = text;
        for (; *text && (quoted || *text != ' '); text++)
            if (*text == '"')
                quoted = !quoted;
            else
                *out++ = *text;
        while (*text == ' ')
            text++;
        *out = '\0';
    }
    words[count] = NULL;
}

/* ---- telling ---- */

static void chapter_begin(demo *play, const char *words) {
    char number[16];
    play->chapter++;
    if (play->run->json) return;
    FILE *out = cli_out(play->run);
    if (play->wait && play->chapter > 1) {
        char line[8];
        fputs("\n(Enter goes on) ", out);
        fflush(out);
        if (!fgets(line, sizeof line, stdin)) play->wait = false;
    }
    snprintf(number, sizeof number, "%u/%u", play->chapter, play->chapters);
    fprintf(out, "\n# %s\n", number);
    cli_words_wrap(out, "# ", "# ", words);
}

static void command_tell(const demo *play, const demo_step *step, const char *typed) {
    FILE *out = cli_out(play->run);
    const char *on = play->colour ? BOLD : "", *off = play->colour ? PLAIN : "";
    if (step->act == DEMO_TAMPER)
        fprintf(out, "# (one byte of %s in %s's home becomes another)\n", typed,
                demo_who_name(step->who));
    else if (step->act != DEMO_LOGS)
        fprintf(out, "%s%s$ %s%s%s\n", on, demo_who_name(step->who), typed,
                step->act == DEMO_SERVE ? " &" : "", off);
    fflush(out);
}

/* The first lines of it; long ones, such as an invite, are for machines. */
static void output_tell(const demo *play, const demo_step *step) {
    FILE *out = cli_out(play->run);
    const char *at = play->now.text;
    unsigned more = 0;
    if (step->same) {
        fprintf(out, "(the same as on the other laptop, byte for byte)\n");
        return;
    }
    for (int line = 1; *at; line++) {
        size_t len = strcspn(at, "\n");
        bool shown = !step->lines || line <= step->lines;
        if (shown && strncmp(at, "tally1:", 7) == 0)
            fprintf(out, "%.*s...\n", (int)CLI_COLUMNS - 3, at);
        else if (shown)
            fprintf(out, "%.*s\n", (int)len, at);
        else
            more++;
        at += len + (at[len] == '\n');
    }
    if (more) fprintf(out, "... and %u lines more\n", more);
    fflush(out);
}

static void step_json(demo *play, const demo_step *step, const char *typed, bool held) {
    cli_json *json = &play->json;
    cli_json_open(json, NULL, '{');
    cli_json_string(json, "who", demo_who_name(step->who));
    cli_json_string(json, "command", typed);
    cli_json_i64(json, "exit", play->now.exit);
    cli_json_string(json, "output", play->now.text);
    cli_json_bool(json, "ok", held);
    cli_json_close(json, '}');
}

/* ---- playing ---- */

static int tamper(demo *play, const demo_step *step, tally_error *err) {
    /* In a store, a response's id, which stands in its record alone; in a pack, the end of a record
     * before the next one begins. */
    bool store = strstr(step->command, ".mdb") != NULL;
    int code = demo_tamper(&play->stage, step->who, step->command,
                           store ? "msg_demo" : "\nrecord 9 ", store ? 10 : -12, err);
    play->now.len = 0;
    play->now.text[0] = '\0';
    play->now.exit = 0;
    return code;
}

static int step_act(demo *play, const demo_step *step, char *const *words, tally_error *err) {
    demo_stage *stage = &play->stage;
    demo_output *out = &play->now;
    out->exit = 0;
    switch (step->act) {
    case DEMO_RUN: return demo_run(stage, step->who, words, out, err);
    case DEMO_INVITE: return demo_invite(stage, step->who, words, out, err);
    case DEMO_JOIN: return demo_join(stage, step->who, words, out, err);
    case DEMO_SERVE: return demo_daemon_start(stage, step->who, words, out, err);
    case DEMO_TAMPER: return tamper(play, step, err);
    case DEMO_STOP: out->text[out->len = 0] = '\0'; return demo_daemon_stop(stage, err);
    case DEMO_LOGS: out->text[out->len = 0] = '\0'; break;
    }
    return demo_logs_write(step->who, step->part, stage->homes[step->who], play->monday_ms,
                           play->now_ms, err);
}

/* Whether it did what the story says. */
static bool step_held(const demo *play, const demo_step *step) {
    return step->optional || (play->now.exit == step->exit &&
                              (!step->expects || strstr(play->now.text, step->expects)) &&
                              (!step->same || strcmp(play->now.text, play->before.text) == 0));
}

static int step_play(demo *play, const demo_step *step) {
    char typed[COMMAND_BYTES], split[COMMAND_BYTES], *words[DEMO_WORDS_MAX];
    tally_error err = {0};
    demo_output last = play->before;
    if (step->words) chapter_begin(play, step->words);
    command_fill(play, step->command, typed);
    memcpy(split, typed, sizeof split);
    words_split(split, words);
    if (!play->run->json) command_tell(play, step, typed);
    /* A join reads the line that the command before it printed. */
    if (step->act != DEMO_JOIN) {
        play->before = play->now;
        play->now = last;
    }
    int code = step_act(play, step, words, &err);
    bool held = !code && step_held(play, step);
    if (play->run->json)
        step_json(play, step, typed, held);
    else
        output_tell(play, step);
    if (demo_stopped() || held) return CLI_DONE;
    if (code) {
        (void)cli_fail(&err);
        return CLI_FAILED;
    }
    cli_say("tally: the demo ends here: '%s' ended with %d%s%s%s, and the story says otherwise; "
            "'tally doctor' looks at this machine",
            typed, play->now.exit, step->expects ? " and without '" : "",
            step->expects ? step->expects : "", step->expects ? "'" : "");
    return CLI_FAILED;
}

static void pause_a_little(const demo *play) {
    const struct timespec pause = {.tv_nsec = STEP_PAUSE_MS * 1000000L};
    if (play->terminal && !play->wait) (void)nanosleep(&pause, NULL);
}

static int story_play(demo *play) {
    int code = CLI_DONE;
    for (const demo_step *step = demo_steps; step->command; step++)
        play->chapters += step->words != NULL;
    for (const demo_step *step = demo_steps; step->command && code == CLI_DONE; step++) {
        code = step_play(play, step);
        if (demo_stopped()) return CLI_FAILED;
        pause_a_little(play);
    }
    return code;
}

static void story_begin(const demo *play) {
    cli_words_wrap(
        cli_out(play->run), "", "",
        "A week of two people, Ada and Ben, each with a laptop, played with the real "
        "programs in a folder of its own. Your ledger, your agents and your settings are not "
        "touched.");
}

static void story_end(const demo *play) {
    FILE *out = cli_out(play->run);
    fprintf(out, "\nThat was all of it: %u chapters, and every one did what it says.\n",
            play->chapters);
    if (play->stage.kept)
        fprintf(out, "Look around: HOME=%s/ada %s report\n", play->stage.root, play->stage.tally);
    fputs("Now yours:\n"
          "  tally init          makes your ledger\n"
          "  tally capture       reads what your agents have left here\n"
          "  tally report        says what it cost\n"
          "  tally doctor        looks at what could lose figures on this machine\n",
          out);
}

/* ---- the command ---- */

/* Monday of last week, or of the one asked for. */
static int week_choose(demo *play, const char *given) {
    char text[32];
    int64_t day = play->now_ms / DAY_MS;
    if (given) {
        int64_t ms;
        snprintf(text, sizeof text, "%.10sT00:00:00Z", given);
        if (strlen(given) != 10 || tally_time_parse(tally_span_str(text), &ms) != 0)
            return cli_usage(play->run, "'%s' is no day, like 2026-11-09", given);
        if ((ms / DAY_MS + THURSDAY) % 7 != 0 || ms / DAY_MS + 7 > day)
            return cli_usage(play->run, "%s is no Monday of a week that is over", given);
        play->monday_ms = ms;
        return CLI_DONE;
    }
    play->monday_ms = (day - (day + THURSDAY) % 7 - 7) * DAY_MS;
    return CLI_DONE;
}

static int play_whole(demo *play) {
    tally_error err = {0};
    if (demo_stage_open(&play->stage, cli_value(play->run, "keep"), &err)) return cli_fail(&err);
    if (play->run->json) {
        cli_json_begin(&play->json, cli_out(play->run));
        cli_json_open(&play->json, NULL, '{');
        cli_json_open(&play->json, "steps", '[');
    } else {
        story_begin(play);
    }
    int code = story_play(play);
    if (play->run->json) {
        cli_json_close(&play->json, ']');
        cli_json_bool(&play->json, "ok", code == CLI_DONE);
        cli_json_close(&play->json, '}');
        cli_json_end(&play->json);
    } else if (code == CLI_DONE) {
        story_end(play);
    }
    return code;
}

static int demo_command_run(cli *run) {
    const char *term = getenv("TERM"), *plain = getenv("NO_COLOR");
    demo *play = calloc(1, sizeof *play);
    if (!play) return cli_fail(&(tally_error){TALLY_ENOMEM, "memory ran out"});
    play->run = run;
    play->now_ms = cli_now_ms();
    play->terminal = isatty(STDOUT_FILENO) == 1;
    play->wait = cli_has(run, "pause") && play->terminal && isatty(STDIN_FILENO) == 1;
    play->colour = play->terminal && !(plain && *plain) && term && strcmp(term, "dumb") != 0;
    play->now.text = calloc(1, DEMO_OUTPUT_BYTES);
    play->before.text = calloc(1, DEMO_OUTPUT_BYTES);
    int code = play->now.text && play->before.text
                   ? week_choose(play, cli_value(run, "week"))
                   : cli_fail(&(tally_error){TALLY_ENOMEM, "memory ran out"});
    if (code == CLI_DONE) {
        code = play_whole(play);
        demo_stage_close(&play->stage);
    }
    free(play->now.text);
    free(play->before.text);
    free(play);
    int sig = demo_stopped();
    if (sig) raise(sig);
    return code;
}

static const cli_option options[] = {
    {"keep", "DIR", "play in this folder, which is new or empty, and leave it there"},
    {"pause", NULL, "wait for Enter before each chapter"},
    {"week", "MONDAY", "the week that is played (default: last week)"},
    {NULL, NULL, NULL}};

const cli_command command_demo = {
    .name = "demo",
    .arguments = "",
    .summary = "two laptops, a week, an invoice and its proof, played for you",
    .example = "tally demo",
    .options = options,
    .homeless = true,
    .run = demo_command_run};
