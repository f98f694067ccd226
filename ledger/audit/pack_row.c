/* The rows of an invoice's trace in a pack: which record each is, and what says whose it is. Their
 * figures are in pack_figure.c. */
#include "pack.h"

#include <tally/attribution.h>

#define ROW_MAX_MS INT64_C(93600000) /* a day of 26 hours */

typedef struct row_refs {
    const pack_item *item, *decided, *rate; /* NULL: none */
    const pack_item *sessions[PACK_LIST_MAX];
    size_t session_count;
} row_refs;

static bool item_holds(pack_line *line, const tally_trace *row, const pack_item *item) {
    static const tally_hash none;
    if (!item) return tally_hash_eq(&row->leaf, &none) || pack_bad(line, "its record is not named");
    if (!tally_hash_eq(&row->leaf, &item->leaf)) return pack_bad(line, "its record is another");
    return pack_is_leaf(item) || tally_span_eq(item->record.kind, row->what) ||
           pack_bad(line, "its record is of another kind");
}

/* Of the first session: what the row is about. */
static bool first_holds(const tally_trace *row, const row_refs *refs) {
    const pack_item *first = refs->sessions[0];
    if (tally_span_is(row->what, "session")) return first == refs->item;
    if (pack_is_leaf(first) || !refs->item || pack_is_leaf(refs->item)) return true;
    return tally_span_eq(pack_text_of(first, "agent"), pack_text_of(refs->item, "agent")) &&
           tally_span_eq(pack_text_of(first, "id"), pack_text_of(refs->item, "session"));
}

/* Each is the parent of the one before it. */
static bool sessions_hold(pack_line *line, const tally_trace *row, const row_refs *refs) {
    bool may = tally_span_is(row->what, "cost") || tally_span_is(row->what, "session");
    if (refs->session_count == 0) return true;
    if (!may) return pack_bad(line, "it is of no session");
    for (size_t i = 0; i < refs->session_count; i++) {
        const pack_item *session = refs->sessions[i], *child = i ? refs->sessions[i - 1] : NULL;
        if (pack_is_leaf(session)) continue;
        if (!pack_is_kind(session, "session")) return pack_bad(line, "it names no session");
        if (child && !pack_is_leaf(child) &&
            (!tally_span_eq(pack_text_of(session, "agent"), pack_text_of(child, "agent")) ||
             !tally_span_eq(pack_text_of(session, "id"), pack_text_of(child, "parent"))))
            return pack_bad(line, "a session is not the parent of the one before it");
    }
    return first_holds(row, refs) || pack_bad(line, "its session is another");
}

/* ---- who decided ---- */

typedef enum row_answer { ROW_BAD, ROW_CLAIMED, ROW_HOLDS } row_answer;

static row_answer split_names(const pack_item *decided, const tally_trace *row, tally_span client) {
    tally_value list, share, who, project, parts;
    uint64_t sum = 0;
    row_answer answer = ROW_BAD;
    if (!tally_body_get(&decided->record, "shares", &list) || list.type != TALLY_VALUE_ARRAY)
        return ROW_BAD;
    tally_cursor cursor = tally_cursor_of(&list);
    while (tally_cursor_next(&cursor, &share)) {
        if (share.type != TALLY_VALUE_ARRAY || share.count != 3) return ROW_BAD;
        tally_cursor fields = tally_cursor_of(&share);
        (void)tally_cursor_next(&fields, &who);
        (void)tally_cursor_next(&fields, &project);
        (void)tally_cursor_next(&fields, &parts);
        if (who.type != TALLY_VALUE_STR || parts.type != TALLY_VALUE_UINT ||
            parts.as.uint > TALLY_MAX_PARTS)
            return ROW_BAD;
        sum += parts.as.uint;
        if (parts.as.uint != row->part) continue;
        if (tally_span_eq(who.bytes, client)) answer = ROW_HOLDS;
        if (who.bytes.len == 0 && answer == ROW_BAD) answer = ROW_CLAIMED; /* its project's */
    }
    return sum == row->parts ? answer : ROW_BAD;
}

static row_answer client_named(const pack_item *decided, const tally_trace *row,
                               tally_span client) {
    tally_span named = pack_text_of(decided, "client");
    if (pack_is_kind(decided, "split")) return split_names(decided, row, client);
    if (row->part != row->parts) return ROW_BAD;
    if (named.len == 0) return ROW_CLAIMED; /* by its project */
    return tally_span_eq(named, client) ? ROW_HOLDS : ROW_BAD;
}

/* An assign or split is about the row's entry, or about one of its sessions. */
static row_answer target_named(const pack_item *decided, const tally_trace *row,
                               const row_refs *refs) {
    const uint8_t *entry;
    tally_span agent = pack_text_of(decided, "agent"), id = pack_text_of(decided, "session");
    bool withheld = refs->session_count == 0;
    if (tally_body_bin(&decided->record, "entry", TALLY_ENTRY_BYTES, &entry))
        return memcmp(entry, row->entry.b, TALLY_ENTRY_BYTES) == 0 ? ROW_HOLDS : ROW_BAD;
    for (size_t i = 0; i < refs->session_count; i++) {
        const pack_item *session = refs->sessions[i];
        if (!pack_is_leaf(session) && tally_span_eq(pack_text_of(session, "agent"), agent) &&
            tally_span_eq(pack_text_of(session, "id"), id))
            return ROW_HOLDS;
        withheld = withheld || pack_is_leaf(session);
    }
    return withheld ? ROW_CLAIMED : ROW_BAD;
}

static bool decision_holds(pack_line *line, const tally_trace *row, const row_refs *refs,
                           tally_span client, bool *recomputed) {
    const pack_item *decided = refs->decided;
    bool person, typed;
    if (!decided || pack_is_leaf(decided)) {
        *recomputed = false;
        return true;
    }
    person = pack_is_kind(decided, "assign") || pack_is_kind(decided, "split");
    typed = decided == refs->item &&
            (pack_is_kind(decided, "time.add") || pack_is_kind(decided, "expense"));
    if (!person && !typed && !pack_is_kind(decided, "rule.set"))
        return pack_bad(line, "what decided whose it is decides nothing");
    row_answer answer = client_named(decided, row, client);
    if (answer == ROW_BAD) return pack_bad(line, "what decided says another share or client");
    *recomputed = *recomputed && answer == ROW_HOLDS;
    if (!person) return true;
    answer = target_named(decided, row, refs);
    *recomputed = *recomputed && answer == ROW_HOLDS;
    return answer != ROW_BAD || pack_bad(line, "what decided is about something else");
}

/* ---- the line ---- */

static const pack_item *item_at(const tally_pack *pack, uint64_t ref) {
    return ref == PACK_NONE ? NULL : &pack->items[ref];
}

static bool read_refs(pack_line *line, row_refs *refs) {
    tally_pack *pack = line->pack;
    uint64_t item, decided, rate;
    pack_list sessions;
    if (!pack_ref(line, false, "its record", pack->item_count, &item) ||
        !pack_ref(line, false, "what decided", pack->item_count, &decided) ||
        !pack_list_of(line, false, "its sessions", pack->item_count, &sessions) ||
        !pack_ref(line, true, "its rate", pack->item_count, &rate))
        return false;
    refs->item = item_at(pack, item);
    refs->decided = item_at(pack, decided);
    refs->rate = item_at(pack, rate);
    refs->session_count = sessions.count;
    for (size_t i = 0; i < sessions.count; i++)
        refs->sessions[i] = &pack->items[sessions.items[i]];
    if (!pack_grow(line, (void **)&pack->rates, &pack->rate_room, pack->rate_count,
                   sizeof *pack->rates))
        return false;
    pack->rates[pack->rate_count++] = rate;
    return true;
}

/* Work and money have somebody's; what was agreed has its record. */
static bool is_observed(tally_span what) {
    return tally_span_is(what, "cost") || tally_span_is(what, "session") ||
           tally_span_is(what, "time.add") || tally_span_is(what, "expense");
}

/* A rate of one member or project is of this row only if it is theirs: false where the pack does
 * not show it. */
static bool rate_is_theirs(const tally_pack *pack, const row_refs *refs) {
    if (!refs->rate || !pack_is_kind(refs->rate, "rate.set")) return true;
    tally_span member = pack_text_of(refs->rate, "member"),
               project = pack_text_of(refs->rate, "project");
    if (member.len &&
        (!refs->item || !tally_span_eq(member, pack->devices[refs->item->device].member)))
        return false;
    return project.len == 0 || (refs->decided && !pack_is_leaf(refs->decided) &&
                                tally_span_eq(project, pack_text_of(refs->decided, "project")));
}

bool pack_trace_line(pack_line *line) {
    tally_pack *pack = line->pack;
    const pack_document *document = &pack->documents[pack->document_count - 1];
    const tally_trace *row = &document->invoice->trace[pack->row];
    row_refs refs;
    uint64_t number;
    if (!pack_number(line, false, "its number", &number)) return false;
    if (number != pack->row)
        return pack_bad(line, "its number is not the next, which is %zu", pack->row);
    pack_subject(line, "trace %zu", pack->row);
    pack->rows_begun = true;
    if (!read_refs(line, &refs) || !item_holds(line, row, refs.item)) return false;
    bool recomputed = refs.item && !pack_is_leaf(refs.item);
    if (row->part < 1 || row->part > row->parts || row->ms < 0 || row->ms > ROW_MAX_MS)
        return pack_bad(line, "its part or its time is out of range");
    if (!sessions_hold(line, row, &refs)) return false;
    if (is_observed(row->what) &&
        (!pack_row_once(line, row, refs.item) || !pack_row_alone(line, document, row, refs.item) ||
         !decision_holds(line, row, &refs, document->invoice->client, &recomputed) ||
         !pack_row_figure(line, document, row, refs.item, refs.rate, &recomputed)))
        return false;
    recomputed = recomputed && rate_is_theirs(pack, &refs);
    pack->verdict->rows++;
    pack->verdict->rows_recomputed += recomputed;
    pack->line_recomputed = pack->line_recomputed && recomputed;
    pack->row++;
    return true;
}
