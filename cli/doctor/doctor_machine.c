/* Doctor's look at the machine: libraries, clock, disk, fonts, the daemon and its unit, and what
 * killed runs left behind. */
#include "doctor.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <lmdb.h>
#include <net/net.h>
#include <sodium.h>
#include <tally/partial.h>
#include <tally/secret.h>
#include <uv.h>

#include "file.h"
#include "paper/formats.h"

#define CLOCK_FLOOR_MS 1767225600000LL /* 2026-01-01: this program is not older */
#define DISK_LOW_BYTES (256u * 1024u * 1024u)
#define DISK_MIB       (1024u * 1024u)
#define LITTER_HOURS   1
#define UNIT_MAX_BYTES 65536u
#define RANDOM_BYTES   6u /* what mkstemp puts behind a name */

void doctor_versions(doctor *doc) {
    doctor_say(doc, DOCTOR_OK, "tally " TALLY_VERSION ", %s, libsodium %s, libuv %s",
               mdb_version(NULL, NULL, NULL), sodium_version_string(), uv_version_string());
}

void doctor_clock(doctor *doc) {
    if (doc->now_ms >= CLOCK_FLOOR_MS) {
        doctor_say(doc, DOCTOR_OK, "plausible");
        return;
    }
    doctor_say(doc, DOCTOR_ERROR, "the clock stands before 2026");
    doctor_why(doc, "records carry its time, and others' settings win over yours");
    doctor_next(doc, "timedatectl set-ntp true");
}

/* Without the data base only UTC is known. */
void doctor_zones(doctor *doc) {
    tally_zone *zone = NULL;
    int code = cli_zone_load(tally_span_str("Europe/Berlin"), &zone, NULL);
    tally_zone_free(zone);
    if (!code) {
        doctor_say(doc, DOCTOR_OK, "the time zones are there");
        return;
    }
    doctor_say(doc, DOCTOR_WARNING, "the time zones are not installed");
    doctor_why(doc, "a ledger or client with a zone of its own cannot be read");
    doctor_next(doc, "apt-get install tzdata");
}

/* ---- disk ---- */

/* The ledger's folder, or the nearest one above it that is there. */
static void folder_there(const char *dir, char out[PATH_MAX]) {
    snprintf(out, PATH_MAX, "%s", *dir ? dir : "/");
    while (access(out, F_OK) != 0) {
        char *slash = strrchr(out, '/');
        if (!slash || slash == out) {
            snprintf(out, PATH_MAX, "%s", slash ? "/" : ".");
            return;
        }
        *slash = '\0';
    }
}

static bool is_remote(const char *path) {
    static const uint32_t kinds[] = {0x6969, 0xff534d42, 0xfe534d42,
                                     0x517b, 0x01021997, 0x00c36400};
    struct statfs fs;
    if (statfs(path, &fs) != 0) return false;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if ((uint32_t)fs.f_type == kinds[i]) return true; /* NFS, SMB, SMB2, NCP, 9P, Ceph */
    return false;
}

void doctor_disk(doctor *doc) {
    char path[PATH_MAX];
    struct statvfs fs;
    folder_there(doc->run->dir, path);
    if (statvfs(path, &fs) != 0) {
        doctor_say(doc, DOCTOR_WARNING, "%s cannot be looked at: %s", path, strerror(errno));
        return;
    }
    uint64_t room;
    if (__builtin_mul_overflow((uint64_t)fs.f_bavail, (uint64_t)fs.f_frsize, &room))
        room = UINT64_MAX;
    if (is_remote(path)) {
        doctor_say(doc, DOCTOR_ERROR, "%s is on a network file system", path);
        doctor_why(doc, "LMDB does not work there: the ledger can be damaged");
        doctor_next(doc, "move the ledger to a local disk, and name it with TALLY_HOME");
    } else if (room < DISK_LOW_BYTES) {
        doctor_say(doc, DOCTOR_WARNING, "%" PRIu64 " MiB are left on the disk of %s",
                   room / DISK_MIB, path);
        doctor_why(doc, "when it is full nothing more is recorded");
        doctor_next(doc, "df -h %s, and make room", doctor_word(doc, tally_span_str(path)));
    } else {
        doctor_say(doc, DOCTOR_OK, "%" PRIu64 " MiB are left on the disk of %s", room / DISK_MIB,
                   path);
    }
}

/* ---- what commands need ---- */

void doctor_memory(doctor *doc) {
    if (tally_secret_locks()) {
        doctor_say(doc, DOCTOR_OK, "keys stay out of swap");
        return;
    }
    doctor_say(doc, DOCTOR_WARNING, "this user may lock too little memory (ulimit -l)");
    doctor_why(doc, "keys may be written to swap while they are in use");
    doctor_next(doc, "ulimit -l 64, or encrypt swap");
}

void doctor_terminal(doctor *doc) {
    locale_t locale = newlocale(LC_CTYPE_MASK, "", (locale_t)0);
    bool utf8 = locale && strcmp(nl_langinfo_l(CODESET, locale), "UTF-8") == 0;
    if (locale) freelocale(locale);
    if (utf8) return;
    doctor_say(doc, DOCTOR_NOTE, "the locale is not UTF-8");
    doctor_why(doc, "names with other than English letters, and bars, may look wrong");
    doctor_next(doc, "export LC_ALL=C.UTF-8");
}

void doctor_pdf(doctor *doc) {
    tally_error err = {0};
    if (paper_pdf_ready(&err) == 0) {
        doctor_say(doc, DOCTOR_OK, "PDFs can be made");
        return;
    }
    doctor_say(doc, DOCTOR_NOTE, "%s", err.text);
    doctor_next(doc, "apt-get install libpangocairo-1.0-0 fonts-dejavu-core");
}

/* ---- the daemon ---- */

void doctor_daemon(doctor *doc) {
    char path[PATH_MAX + 16], *json = NULL;
    tally_error err = {0};
    if (access(doc->run->dir, F_OK) != 0) return;
    snprintf(path, sizeof path, "%s/" NET_CONTROL_FILE, doc->run->dir);
    int code = net_control(doc->run->dir, "status", &json, &err);
    free(json);
    if (!code) {
        doctor_say(doc, DOCTOR_OK, "tallyd serves this ledger");
    } else if (access(path, F_OK) != 0) {
        doctor_say(doc, DOCTOR_NOTE, "tallyd does not run");
        doctor_why(doc, "captures and syncs happen when you, or an agent's hook, ask for them");
        doctor_next(doc, "systemctl --user enable --now tallyd");
    } else if (code == TALLY_ENOTFOUND) {
        doctor_say(doc, DOCTOR_WARNING, "%s is left of a daemon that was killed", path);
        doctor_why(doc, "captures and syncs by themselves have stopped");
        doctor_next(doc, "systemctl --user restart tallyd, or 'tallyd'");
    } else {
        doctor_say(doc, DOCTOR_WARNING, "%s", err.text);
        doctor_next(doc, "systemctl --user restart tallyd");
    }
}

/* The program that a unit starts, when it is named by its path. */
static bool unit_program(const char *unit, char out[PATH_MAX]) {
    uint8_t *text = NULL;
    size_t len = 0;
    *out = '\0';
    if (cli_file_read(unit, UNIT_MAX_BYTES, &text, &len, NULL)) return false;
    static const char key[] = "\nExecStart=";
    const uint8_t *at = memmem(text, len, key, sizeof key - 1);
    size_t from = at ? (size_t)(at - text) + sizeof key - 1 : len;
    size_t used = 0;
    while (from < len && text[from] > ' ' && used + 1 < PATH_MAX)
        out[used++] = (char)text[from++];
    out[used] = '\0';
    free(text);
    return *out == '/';
}

void doctor_unit(doctor *doc) {
    const char *config = getenv("XDG_CONFIG_HOME"), *home = cli_home();
    char unit[PATH_MAX + 48], program[PATH_MAX];
    bool own = config && *config == '/';
    if (!own && !home) return;
    snprintf(unit, sizeof unit, "%s%s/systemd/user/tallyd.service", own ? config : home,
             own ? "" : "/.config");
    if (!unit_program(unit, program) || access(program, X_OK) == 0) return;
    doctor_say(doc, DOCTOR_WARNING, "%s starts %s, which is not there", unit, program);
    doctor_why(doc, "tallyd does not start with your session: nothing is captured or synced");
    doctor_next(doc, "put its new place behind ExecStart=; then 'systemctl --user daemon-reload'");
}

/* ---- litter ---- */

/* What mkstemp puts behind a name. */
static bool is_random(const char *text) {
    static const char random[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    return strspn(text, random) == RANDOM_BYTES && text[RANDOM_BYTES] == '\0';
}

/* A name that only a file on its way has: a stem of ours, and what mkstemp put behind it. */
static bool is_litter(const char *name) {
    static const char *const stems[] = {"ledger.mdb.", "device.key.", "segment.", "tally-demo."};
    for (size_t i = 0; i < sizeof stems / sizeof *stems; i++)
        if (strncmp(name, stems[i], strlen(stems[i])) == 0 && is_random(name + strlen(stems[i])))
            return true;
    return tally_partial_is(name);
}

static void litter_in(doctor *doc, const char *folder) {
    char path[PATH_MAX + NAME_MAX + 2];
    DIR *dir = opendir(folder);
    struct dirent *entry;
    while (dir && (entry = readdir(dir))) {
        struct stat at;
        if (!is_litter(entry->d_name) ||
            fstatat(dirfd(dir), entry->d_name, &at, AT_SYMLINK_NOFOLLOW) != 0 ||
            at.st_uid != geteuid() ||
            doc->now_ms / 1000 - (int64_t)at.st_mtim.tv_sec < LITTER_HOURS * 3600)
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        doctor_say(doc, DOCTOR_NOTE, "%s was left by a run that was killed", path);
        doctor_next(doc, "rm -r %s", doctor_word(doc, tally_span_str(path)));
    }
    if (dir) closedir(dir);
}

void doctor_litter(doctor *doc) {
    const char *temporary = getenv("TMPDIR");
    litter_in(doc, doc->run->dir);
    litter_in(doc, temporary && *temporary == '/' ? temporary : "/tmp");
}
