/* Doctor's look at the team: forks, members, when teammates were met, what nobody else holds, who
 * has cosigned, and messages that did not arrive. */
#include "doctor.h"

#include <inttypes.h>
#include <string.h>

#include <tally/cosign.h>
#include <tally/outbox.h>

#define DAY_MS       (24LL * 3600 * 1000)
#define PEER_DAYS    14
#define CLOCK_OFF_MS 60000

typedef struct fork_look {
    doctor *doc;
    uint32_t told;
} fork_look;

static int fork_take(void *ctx, const tally_fork_state *state, tally_error *err) {
    fork_look *look = ctx;
    const cli_reading *reading = &look->doc->reading;
    const tally_device_id *device = &state->proof.device;
    const tally_device_id *own = tally_ledger_device(reading->ledger);
    tally_team_device known = {.device = *device};
    char names[CLI_NAMES_TEXT_BYTES];
    (void)err;
    if (memcmp(device->b, own->b, sizeof own->b) == 0) {
        look->told++;
        doctor_say(look->doc, DOCTOR_ERROR,
                   "two copies of this ledger went different ways after %" PRIu64
                   " records, and this device appends no more",
                   state->proof.common);
        doctor_why(look->doc, "nothing is recorded here until the device has joined again");
        doctor_next(look->doc, "let it join again with another --ledger ('tally help team join')");
    } else if (!state->resolved) {
        look->told++;
        (void)tally_team_device_get(reading->txn, device, &known);
        cli_device_names(&known, names);
        doctor_say(look->doc, DOCTOR_WARNING, "%s signed two histories", names);
        doctor_why(look->doc, "nothing after where they part counts until an admin chooses");
        doctor_next(look->doc, "tally team forks");
    }
    return 0;
}

void doctor_forks(doctor *doc) {
    fork_look look = {.doc = doc};
    tally_error err = {0};
    if (tally_fork_each(doc->reading.txn, fork_take, &look, &err))
        doctor_say(doc, DOCTOR_ERROR, "%s", err.text);
    else if (!look.told)
        doctor_say(doc, DOCTOR_OK, "no feed is frozen");
}

/* Teammates' devices that still count. */
static bool is_peer(const cli_device *device) {
    return !device->itself && !cli_device_revoked(device);
}

void doctor_members(doctor *doc) {
    char names[CLI_NAMES_TEXT_BYTES];
    unsigned told = 0;
    for (size_t i = 0; i < doc->devices.count; i++) {
        const cli_device *device = &doc->devices.rows[i];
        if (device->itself && cli_device_revoked(device)) {
            told++;
            doctor_say(doc, DOCTOR_ERROR, "this device is revoked");
            doctor_why(doc, "what it records counts for nothing");
            doctor_next(doc, "let it join again with another --ledger ('tally help team join')");
        } else if (is_peer(device) && !device->frozen && device->counting < device->records) {
            told++;
            cli_device_names(&device->in, names);
            doctor_say(doc, DOCTOR_WARNING, "%" PRIu64 " of %" PRIu64 " records of %s do not count",
                       device->records - device->counting, device->records, names);
            doctor_why(doc, "nobody who may has let that device in");
            doctor_next(doc, "tally team show");
        }
    }
    if (!told) doctor_say(doc, DOCTOR_OK, "every device held here may record");
}

void doctor_peers(doctor *doc) {
    char names[CLI_NAMES_TEXT_BYTES];
    unsigned told = 0, peers = 0;
    for (size_t i = 0; i < doc->devices.count; i++) {
        const cli_device *device = &doc->devices.rows[i];
        if (!is_peer(device)) continue;
        peers++;
        int64_t days = device->met ? (doc->now_ms - device->seen_ms) / DAY_MS : 0;
        if (device->met && days < PEER_DAYS) continue;
        told++;
        cli_device_names(&device->in, names);
        if (device->met)
            doctor_say(doc, DOCTOR_WARNING, "%s was last met %" PRId64 " days ago", names, days);
        else
            doctor_say(doc, DOCTOR_NOTE, "%s was never met from here", names);
        doctor_why(doc, "what it recorded since may be in no figure of this machine");
        doctor_next(doc, "tally sync now%s%s", device->address.len ? " " : "",
                    device->address.len ? doctor_word(doc, device->address) : "");
    }
    if (!told && peers)
        doctor_say(doc, DOCTOR_OK, "each of %u was met within %u days", peers, PEER_DAYS);
}

void doctor_clocks(doctor *doc) {
    char names[CLI_NAMES_TEXT_BYTES];
    for (size_t i = 0; i < doc->devices.count; i++) {
        const cli_device *device = &doc->devices.rows[i];
        int64_t off = device->clock_off_ms;
        if (!is_peer(device) || !device->met || (off <= CLOCK_OFF_MS && off >= -CLOCK_OFF_MS))
            continue;
        cli_device_names(&device->in, names);
        doctor_say(doc, DOCTOR_WARNING, "the clock of %s was %" PRId64 " s %s this one", names,
                   (off < 0 ? -off : off) / 1000, off < 0 ? "behind" : "ahead of");
        doctor_why(doc, "of two settings the one with the later clock wins");
        doctor_next(doc, "timedatectl set-ntp true (on the machine whose clock is wrong)");
    }
}

/* Own records that no other device was known to hold when it was last met. */
void doctor_copies(doctor *doc) {
    uint64_t lack = UINT64_MAX;
    unsigned peers = 0;
    for (size_t i = 0; i < doc->devices.count; i++) {
        const cli_device *device = &doc->devices.rows[i];
        if (!is_peer(device)) continue;
        peers++;
        uint64_t theirs = device->met ? device->they_lack : doc->devices.records;
        if (theirs < lack) lack = theirs;
    }
    if (!peers) {
        doctor_say(doc, DOCTOR_NOTE, "you are alone: nobody else has a copy of this ledger");
        doctor_why(doc, "what this disk loses is lost");
        doctor_next(doc, "tally backup FILE, on another disk; and keep device.key apart");
    } else if (lack) {
        doctor_say(doc, DOCTOR_NOTE, "%" PRIu64 " records are not known to be with any teammate",
                   lack);
        doctor_why(doc, "until they are, this disk has the only copy");
        doctor_next(doc, "tally sync now");
    } else {
        doctor_say(doc, DOCTOR_OK, "a teammate holds every record that is here");
    }
}

void doctor_witnesses(doctor *doc) {
    tally_witness_counts counts;
    tally_error err = {0};
    if (tally_witness_count(doc->reading.txn, doc->now_ms, &counts, &err)) {
        doctor_say(doc, DOCTOR_ERROR, "%s", err.text);
        return;
    }
    if (!counts.witnesses) return;
    if (counts.overdue) {
        doctor_say(doc, DOCTOR_WARNING,
                   "%" PRIu64 " of %" PRIu64 " records have waited too long "
                   "for a cosignature",
                   counts.overdue, counts.records);
        doctor_why(doc, "for an auditor they may have been written at any later time");
        doctor_next(doc, "tally sync now (the teammate who is met cosigns)");
    } else {
        doctor_say(doc, counts.never ? DOCTOR_NOTE : DOCTOR_OK,
                   "%" PRIu64 " of %" PRIu64 " records are cosigned by others",
                   counts.records - counts.never, counts.records);
        if (counts.never) doctor_next(doc, "tally sync now (the teammate who is met cosigns)");
    }
}

typedef struct outbox_look {
    uint64_t dead, trying, waiting;
    char why[200];
} outbox_look;

static int message_take(void *ctx, const tally_message *message, tally_error *err) {
    outbox_look *look = ctx;
    (void)err;
    if (message->state == TALLY_MESSAGE_DELIVERED) return 0;
    look->waiting++;
    look->dead += message->state == TALLY_MESSAGE_DEAD;
    look->trying += message->state == TALLY_MESSAGE_WAITING && message->tries > 0;
    if (message->why.len)
        snprintf(look->why, sizeof look->why, "%.*s", (int)message->why.len,
                 (const char *)message->why.ptr);
    return 0;
}

void doctor_webhooks(doctor *doc) {
    outbox_look look = {.dead = 0};
    tally_error err = {0};
    if (tally_outbox_each(doc->reading.txn, message_take, &look, &err)) {
        doctor_say(doc, DOCTOR_ERROR, "%s", err.text);
    } else if (look.dead) {
        doctor_say(doc, DOCTOR_WARNING,
                   "%" PRIu64 " messages were given up; the last failure was: %s", look.dead,
                   look.why);
        doctor_why(doc, "the program that waits for them does not know of these invoices, sessions "
                        "or budgets");
        doctor_next(doc, "tally webhook outbox");
    } else if (look.trying) {
        doctor_say(doc, DOCTOR_NOTE, "%" PRIu64 " messages wait to be tried again: %s", look.trying,
                   look.why);
        doctor_next(doc, "tally webhook outbox");
    }
}
