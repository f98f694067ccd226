/* Doctor's look at the agents: which have left logs here, and whether they will delete them before
 * they are captured. */
#include "doctor.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <tally/json.h>

#include "file.h"
#include "open.h"

#define SETTINGS_MAX_BYTES   (4u * 1024u * 1024u)
#define CLEANUP_DEFAULT_DAYS 30u
#define CLEANUP_GOOD_DAYS    365u

typedef struct agent_place {
    const char *agent;
    const char *variable; /* names the folder instead, when set */
    const char *folder;   /* under the home directory */
    const char *logs;     /* under either */
} agent_place;

static const agent_place places[] = {
    {"claude-code", "CLAUDE_CONFIG_DIR", ".claude", "projects"},
    {"codex", "CODEX_HOME", ".codex", "sessions"},
};

static void place_path(const agent_place *place, const char *rest, char *out, size_t size) {
    const char *set = getenv(place->variable), *home = cli_home();
    /* A list of folders: the first stands for all. */
    if (set && *set)
        snprintf(out, size, "%.*s/%s", (int)strcspn(set, ","), set, rest);
    else
        snprintf(out, size, "%s/%s/%s", home ? home : "", place->folder, rest);
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

static void check_cleanup(doctor *doc, const agent_place *claude) {
    char path[PATH_MAX];
    place_path(claude, "settings.json", path, sizeof path);
    uint64_t days = cleanup_days(path);
    if (days >= CLEANUP_GOOD_DAYS)
        doctor_say(doc, "retention", DOCTOR_OK,
                   "Claude Code keeps transcripts for %" PRIu64 " days", days);
    else
        doctor_say(doc, "retention", DOCTOR_WARNING,
                   "Claude Code deletes transcripts after %" PRIu64
                   " days; put \"cleanupPeriodDays\": 3650 into %s",
                   days, path);
}

void doctor_check_agents(doctor *doc) {
    char path[PATH_MAX];
    struct stat there;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        place_path(&places[i], places[i].logs, path, sizeof path);
        bool found = stat(path, &there) == 0 && S_ISDIR(there.st_mode);
        doctor_say(doc, "agent", DOCTOR_OK, "%s: %s %s", places[i].agent,
                   found ? "logs in" : "nothing in", path);
        if (found && i == 0) check_cleanup(doc, &places[i]);
    }
}
