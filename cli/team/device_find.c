/* How people name devices, and how those are shown. */
#include "device.h"

#include <string.h>

#define ID_PREFIX_MIN_DIGITS 4u

static const struct {
    const char *text;
    tally_role role;
} roles[] = {
    {"admin", TALLY_ROLE_ADMIN}, {"member", TALLY_ROLE_MEMBER}, {"auditor", TALLY_ROLE_AUDITOR}};

const char *cli_role_text(tally_role role) {
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++)
        if (roles[i].role == role) return roles[i].text;
    return "unknown";
}

bool cli_role_parse(const char *text, tally_role *out) {
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++) {
        if (strcmp(roles[i].text, text) != 0) continue;
        *out = roles[i].role;
        return true;
    }
    return false;
}

void cli_id_text(const uint8_t *bytes, char out[CLI_ID_TEXT_BYTES]) {
    tally_hex(tally_span_of(bytes, (CLI_ID_TEXT_BYTES - 1) / 2), out);
}

void cli_device_names(const tally_team_device *device, char out[CLI_NAMES_TEXT_BYTES]) {
    snprintf(out, CLI_NAMES_TEXT_BYTES, "%.*s/%.*s", (int)device->member.len,
             (const char *)device->member.ptr, (int)device->name.len,
             (const char *)device->name.ptr);
    cli_text_one_line(out);
}

void cli_device_json(cli_json *json, const tally_team_device *device) {
    cli_json_text(json, "member", device->member);
    cli_json_text(json, "name", device->name);
    cli_json_hex(json, "device", tally_span_of(device->device.b, sizeof device->device.b));
}

/* The ways in which a text may mean a device. */
typedef enum naming { NAMED_BY_PAIR, NAMED_BY_ID, NAMED_BY_NAME, NAMED_BY_MEMBER } naming;

static bool id_begins(const tally_device_id *id, tally_span text) {
    char hex[2 * TALLY_PUBLIC_KEY_BYTES + 1];
    if (text.len < ID_PREFIX_MIN_DIGITS || text.len >= sizeof hex) return false;
    tally_hex(tally_span_of(id->b, sizeof id->b), hex);
    return memcmp(hex, text.ptr, text.len) == 0;
}

static bool pair_is(const tally_team_device *device, tally_span text) {
    size_t member = device->member.len;
    return text.len == member + 1 + device->name.len && text.ptr[member] == '/' &&
           tally_span_eq(tally_span_of(text.ptr, member), device->member) &&
           tally_span_eq(tally_span_of(text.ptr + member + 1, device->name.len), device->name);
}

static bool means(const cli_device *device, tally_span text, naming how) {
    switch (how) {
    case NAMED_BY_PAIR: return pair_is(&device->in, text);
    case NAMED_BY_ID: return id_begins(&device->in.device, text);
    case NAMED_BY_NAME: return tally_span_eq(device->in.name, text);
    case NAMED_BY_MEMBER: return tally_span_eq(device->in.member, text);
    }
    return false;
}

/* Those a text means in one way. A lost laptop's successor often bears its name: revoked devices
 * count only where no other bears the name. */
static size_t collect(const cli_devices *devices, tally_span text, naming how,
                      const cli_device **each) {
    size_t count = 0;
    for (int revoked = 0; revoked <= (how != NAMED_BY_MEMBER) && count == 0; revoked++)
        for (size_t i = 0; i < devices->count; i++) {
            const cli_device *device = &devices->rows[i];
            if (cli_device_revoked(device) == (revoked == 1) && means(device, text, how))
                each[count++] = device;
        }
    return count;
}

static bool all_among(const cli_device *const *some, size_t some_count,
                      const cli_device *const *others, size_t other_count) {
    for (size_t i = 0; i < some_count; i++) {
        size_t at = 0;
        while (at < other_count && others[at] != some[i])
            at++;
        if (at == other_count) return false;
    }
    return true;
}

static int ambiguous(const char *text, tally_error *err) {
    return tally_fail(
        err, TALLY_EINVAL,
        "'%s' means more than one device; say MEMBER/NAME or the beginning of the id, "
        "as 'tally team show' lists them",
        text);
}

/* A text may mean devices in several ways; then all of them must agree. */
static int find(const cli_devices *devices, const char *text, bool whole_member,
                const cli_device **each, size_t *count, tally_error *err) {
    const cli_device *others[TALLY_TEAM_MAX_DEVICES];
    *count = 0;
    for (naming how = NAMED_BY_PAIR; how <= NAMED_BY_MEMBER; how++) {
        size_t found = collect(devices, tally_span_str(text), how, others);
        if (!found) continue;
        if (found > 1 && !(whole_member && how == NAMED_BY_MEMBER)) return ambiguous(text, err);
        if (*count && (found != *count || !all_among(others, found, each, *count)))
            return ambiguous(text, err);
        memcpy(each, others, found * sizeof *each);
        *count = found;
        if (how == NAMED_BY_PAIR) break;
    }
    if (*count) return 0;
    return tally_fail(err, TALLY_ENOTFOUND,
                      "no device or member is called '%s'; 'tally team show' lists them", text);
}

int cli_device_find(const cli_devices *devices, const char *text, const cli_device **out,
                    tally_error *err) {
    const cli_device *each[TALLY_TEAM_MAX_DEVICES];
    size_t count;
    int code = find(devices, text, false, each, &count, err);
    if (!code) *out = each[0];
    return code;
}

int cli_device_find_all(const cli_devices *devices, const char *text, const cli_device **each,
                        size_t *count, tally_error *err) {
    return find(devices, text, true, each, count, err);
}
