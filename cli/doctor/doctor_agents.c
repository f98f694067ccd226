/* Doctor's look at the agents: which have left logs here, what those lack, whether they will be
 * deleted before they are captured, and whether our hooks in their settings still work. */
#include "doctor.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <capture/adapters.h>
#include <tally/json.h>

#include "file.h"
#include "hook/hook_log.h"
#include "hook/settings_file.h"
#include "shell.h"

#define CLEANUP_DEFAULT_DAYS 30u
#define CLEANUP_GOOD_DAYS    365u

static void place_path(const capture_place *place, const char *rest, char *out, size_t size) {
    const char *set = place->variable ? getenv(place->variable) : NULL, *home = cli_home();
    /* A list of folders: the first stands for all. */
    int n = set && *set ? snprintf(out, size, "%.*s", (int)strcspn(set, ","), set)
                        : snprintf(out, size, "%s%s%s", home ? home : "", *place->base ? "/" : "",
                                   place->base);
    if (n > 0 && (size_t)n < size && *rest) snprintf(out + n, size - (size_t)n, "/%s", rest);
}

/* Days after which Claude Code deletes transcripts. */
static uint64_t cleanup_days(const char *path) {
    uint8_t *text = NULL;
    size_t len = 0;
    uint64_t days = CLEANUP_DEFAULT_DAYS;
    tally_json settings, value;
    if (cli_file_read(path, SETTINGS_MAX_BYTES, &text, &len, NULL)) return days;
    if (tally_json_parse(tally_span_of(text, len), &settings) == 0 &&
        tally_json_get(&settings, "cleanupPeriodDays", &value))
        (void)tally_json_u64(&value, &days);
    free(text);
    return days;
}

static bool is_folder(const char *path) {
    struct stat there;
    return stat(path, &there) == 0 && S_ISDIR(there.st_mode);
}

static void check_cleanup(doctor *doc, const capture_place *claude) {
    char path[PATH_MAX];
    place_path(claude, claude->below, path, sizeof path);
    if (!is_folder(path)) return;
    place_path(claude, "settings.json", path, sizeof path);
    uint64_t days = cleanup_days(path);
    if (days >= CLEANUP_GOOD_DAYS) {
        doctor_say(doc, DOCTOR_OK, "Claude Code keeps transcripts for %" PRIu64 " days", days);
        return;
    }
    doctor_say(doc, DOCTOR_WARNING, "Claude Code deletes transcripts after %" PRIu64 " days", days);
    doctor_why(doc, "what is not captured by then is lost");
    doctor_next(doc, "put \"cleanupPeriodDays\": 3650 into %s", path);
}

void doctor_retention(doctor *doc) {
    for (size_t p = 0; p < capture_place_count(&capture_claude); p++)
        check_cleanup(doc, &capture_claude.places[p]);
}

/* True when something is there. What the logs lack is `told` once for an agent. */
static bool check_place(doctor *doc, const capture_adapter *adapter, const capture_place *place,
                        bool told) {
    char path[PATH_MAX];
    place_path(place, place->below, path, sizeof path);
    if (place->asked) {
        doctor_say(doc, DOCTOR_OK, "%s: looked for below %s by 'tally capture --agent %s'; %s",
                   adapter->agent, path, adapter->alias, adapter->gap ? adapter->gap : "");
        return false;
    }
    bool found = is_folder(path);
    if (found && access(path, R_OK | X_OK) != 0) {
        doctor_say(doc, DOCTOR_ERROR, "%s: %s cannot be read", adapter->agent, path);
        doctor_why(doc, "nothing of this agent is captured");
        doctor_next(doc, "chmod u+rx %s, or give it back to this user",
                    doctor_word(doc, tally_span_str(path)));
        return true;
    }
    bool lacks = found && adapter->gap && !told;
    doctor_say(doc, DOCTOR_OK, "%s: %s %s%s%s", adapter->agent, found ? "logs in" : "nothing in",
               path, lacks ? "; " : "", lacks ? adapter->gap : "");
    return found;
}

void doctor_agents(doctor *doc) {
    const capture_adapter *adapter;
    bool any = false;
    for (size_t i = 0; (adapter = capture_adapter_at(i)); i++) {
        bool told = false;
        for (size_t p = 0; p < capture_place_count(adapter); p++)
            told |= check_place(doc, adapter, &adapter->places[p], told);
        any |= told;
    }
    if (any) return;
    doctor_say(doc, DOCTOR_NOTE, "no agent has left logs here");
    doctor_next(doc, "tally capture --root DIR, if they are in another home");
}

/* ---- hooks ---- */

static void check_command(doctor *doc, const settings_file *file, const char *command,
                          const char *option) {
    char program[PATH_MAX];
    cli_shell_first(command, program, sizeof program);
    if (program[0] != '/' || access(program, X_OK) == 0) return;
    doctor_say(doc, DOCTOR_ERROR, "%s calls %s, which is not there", file->path, program);
    doctor_why(doc, "the agent's work is not captured while it runs, and budgets do not stop it");
    doctor_next(doc, "tally hook install %s%s", file->agent->name, option);
}

static void check_settings(doctor *doc, const settings_file *file, settings_found *found) {
    tally_error err = {0};
    unsigned events = 0;
    tally_span text = tally_span_of(file->text.bytes, file->text.len);
    if (settings_hooks_find(text, file->agent, found, &err)) {
        doctor_say(doc, DOCTOR_WARNING, "%s cannot be understood: %s", file->path, err.text);
        doctor_why(doc, "whether hooks call tally cannot be told, nor how long logs are kept");
        doctor_next(doc, "mend its JSON");
        return;
    }
    while (events < HOOK_EVENTS_MAX && file->agent->events[events].name)
        events++;
    check_command(doc, file, found->command, "");
    check_command(doc, file, found->statusline, " --statusline");
    if (found->events > 0 && found->events < events) {
        doctor_say(doc, DOCTOR_WARNING, "%s: %u of %u events call tally", file->path, found->events,
                   events);
        doctor_why(doc, "some of the agent's work is captured late, or not stopped by budgets");
        doctor_next(doc, "tally hook install %s", file->agent->name);
    } else {
        doctor_say(doc, DOCTOR_OK, "%s: %s", file->agent->name,
                   found->events ? "its hooks call tally" : "no hooks");
    }
}

void doctor_hooks(doctor *doc) {
    settings_file *file = malloc(sizeof *file);
    settings_found *found = malloc(sizeof *found);
    char folder[PATH_MAX];
    for (size_t i = 0; file && found && hook_agent_at(i); i++) {
        tally_error err = {0};
        if (!settings_folder(hook_agent_at(i), folder) || !is_folder(folder)) continue;
        if (settings_file_read(hook_agent_at(i), false, file, &err)) {
            doctor_say(doc, DOCTOR_WARNING, "%s", err.text);
            doctor_next(doc, "make it readable for this user");
        } else {
            check_settings(doc, file, found);
        }
        settings_file_clear(file);
    }
    free(found);
    free(file);
}

void doctor_hook_log(doctor *doc) {
    char last[512];
    hook_log_last(doc->run, last, sizeof last);
    if (!*last) return;
    doctor_say(doc, DOCTOR_NOTE, "a hook's last trouble: %s", last);
    doctor_why(doc, "agents do not show what goes wrong in hooks");
    doctor_next(doc, "tally hook status");
}
