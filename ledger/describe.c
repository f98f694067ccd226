/* Descriptions: which words are the line of a session or of manual time, and whether they say
 * anything. Recorded words are in view_words.c; what is vague in vague.c. */
#include <tally/describe.h>

#include "scan.h"

#include <stdio.h>

static bool from_title(tally_txn *txn, const tally_agent_session *session, tally_words_from from,
                       tally_description *out) {
    tally_span text;
    bool prompt = tally_span_is(session->title_from, "prompt");
    if (!session->title || prompt != (from == TALLY_WORDS_PROMPT) ||
        tally_blob_get(txn, session->title, &text) != 0 || text.len == 0)
        return false;
    *out = (tally_description){text, from, tally_words_vague(text), session->title};
    return true;
}

static int first_event(void *ctx, const tally_activity *activity) {
    int64_t *first = ctx;
    *first = activity->start_ms;
    return 1;
}

/* Cut between characters, so that what is shown is UTF-8. */
static int fitting(tally_span text, size_t max) {
    if (text.len <= max) return (int)text.len;
    while (max > 0 && (text.ptr[max] & 0xc0) == 0x80)
        max--;
    return (int)max;
}

static void made_up(tally_span who, tally_span where, const char *date,
                    char room[TALLY_WORDS_SPARE_BYTES], tally_description *out) {
    const size_t part = TALLY_WORDS_SPARE_BYTES / 3;
    int len =
        snprintf(room, TALLY_WORDS_SPARE_BYTES, "%.*s%s%.*s%s%s", fitting(who, part),
                 (const char *)who.ptr, who.len && where.len ? " in " : "", fitting(where, part),
                 (const char *)where.ptr, who.len + where.len && *date ? ", " : "", date);
    *out = (tally_description){.from = TALLY_WORDS_NONE, .vague = true};
    out->text = tally_span_of((const uint8_t *)room, len > 0 ? (size_t)len : 0);
}

static void last_resort(tally_txn *txn, const tally_agent_session *session, const tally_zone *zone,
                        char room[TALLY_WORDS_SPARE_BYTES], tally_description *out) {
    char date[TALLY_TIME_TEXT_BYTES] = "";
    int64_t first = -1;
    (void)tally_activity_each(txn, session->ref, first_event, &first);
    if (first >= 0)
        tally_date_format(zone ? tally_zone_day(zone, first) : first / TALLY_DAY_MS, date);
    made_up(session->agent, scan_last_component(session->cwd), date, room, out);
}

static void session_from(tally_txn *txn, uint64_t ref, unsigned from, const tally_zone *zone,
                         char room[TALLY_WORDS_SPARE_BYTES], tally_description *out) {
    uint8_t target[TALLY_ENTRY_BYTES] = {0};
    tally_agent_session session = {.ref = ref};
    tally_put_be64(target, ref);
    for (; from < TALLY_WORDS_RECORDED; from++)
        if (tally_words_get(txn, target, (tally_words_from)from, out)) return;
    if (tally_agent_session_get(txn, ref, &session) != 0)
        session = (tally_agent_session){.ref = ref};
    for (; from < TALLY_WORDS_NONE; from++)
        if (from_title(txn, &session, (tally_words_from)from, out)) return;
    last_resort(txn, &session, zone, room, out);
}

void tally_describe_session(tally_txn *txn, uint64_t session, const tally_zone *zone,
                            char room[TALLY_WORDS_SPARE_BYTES], tally_description *out) {
    session_from(txn, session, TALLY_WORDS_PERSON, zone, room, out);
}

void tally_describe_session_after(tally_txn *txn, uint64_t session, tally_words_from from,
                                  const tally_zone *zone, char room[TALLY_WORDS_SPARE_BYTES],
                                  tally_description *out) {
    session_from(txn, session, from + 1u, zone, room, out);
}

void tally_describe_time(tally_txn *txn, const tally_time_entry *entry,
                         char room[TALLY_WORDS_SPARE_BYTES], tally_description *out) {
    tally_span text;
    char date[TALLY_TIME_TEXT_BYTES];
    if (tally_words_get(txn, entry->id.b, TALLY_WORDS_PERSON, out)) return;
    if (entry->text && tally_blob_get(txn, entry->text, &text) == 0 && text.len > 0) {
        *out = (tally_description){text, TALLY_WORDS_PERSON, tally_words_vague(text), entry->text};
        return;
    }
    tally_date_format(entry->day, date);
    made_up((tally_span){0}, entry->project.len ? entry->project : entry->client, date, room, out);
}
