/* Doctor's look at the agents: which have left logs here, what those lack, and whether they will be
 * deleted before they are captured. */
#include "doctor.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <capture/adapters.h>
#include <tally/json.h>

#include "file.h"
#include "open.h"

#define SETTINGS_MAX_BYTES   (4u * 1024u * 1024u)
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

static void check_cleanup(doctor *doc, const capture_place *claude) {
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

static void check_place(doctor *doc, const capture_adapter *adapter, const capture_place *place) {
    char path[PATH_MAX];
    struct stat there;
    place_path(place, place->below, path, sizeof path);
    bool found = stat(path, &there) == 0 && S_ISDIR(there.st_mode);
    bool lacks = found && adapter->gap;
    doctor_say(doc, "agent", DOCTOR_OK, "%s: %s %s%s%s", adapter->agent,
               found ? "logs in" : "nothing in", path, lacks ? "; " : "",
               lacks ? adapter->gap : "");
    if (found && adapter == &capture_claude) check_cleanup(doc, place);
}

void doctor_check_agents(doctor *doc) {
    const capture_adapter *adapter;
    for (size_t i = 0; (adapter = capture_adapter_at(i)); i++)
        for (size_t p = 0; p < capture_place_count(adapter); p++)
            check_place(doc, adapter, &adapter->places[p]);
}
