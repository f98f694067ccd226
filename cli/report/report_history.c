/* The page's list of sessions. Each row carries what its session comes to by client, member and day
 * as exact texts, so that page/report.js can add up whatever the filters leave. */
#include <inttypes.h>
#include <stdlib.h>

#include <tally/money.h>

#include "attribution_out.h"
#include "report_view.h"
#include "sessions/sessions.h"

#define SESSIONS_MAX    5000u                /* the newest; more make a page slow */
#define PAGE_MAX_BYTES  (4u * 1024u * 1024u) /* no session is begun beyond */
#define NAMES_MAX       500u                 /* in one filter's list */
#define TITLE_MAX_BYTES 240u
#define TAGS_SHOWN      8u

/* Keys of the pieces; sessions are found by the first two. */
enum { PIECE_AGENT, PIECE_SESSION, PIECE_DAY, PIECE_CLIENT, PIECE_MEMBER, PIECE_KEYS };

/* Names of one kind, sorted and each once: rows and filters speak of them by number. */
typedef struct name_list {
    tally_span *names;
    size_t count, room;
} name_list;

typedef struct history {
    report_page *page;
    tally_session_list *list;
    tally_report *pieces;
    size_t shown;
    name_list clients, members, agents, tags;
    report_money money[2];
    size_t money_count;
} history;

static int name_add(name_list *list, tally_span name) {
    if (list->count && tally_span_eq(list->names[list->count - 1], name)) return 0;
    if (list->count == list->room) {
        size_t room = list->room ? list->room * 2 : 256;
        tally_span *grown = realloc(list->names, room * sizeof *grown);
        if (!grown) return -1;
        list->names = grown;
        list->room = room;
    }
    list->names[list->count++] = name;
    return 0;
}

/* The order of a report's keys: what is empty comes last. */
static int name_order(const void *a, const void *b) {
    const tally_span *x = a, *y = b;
    if (!x->len || !y->len) return (int)!x->len - (int)!y->len;
    return tally_span_cmp(*x, *y);
}

static void names_sort(name_list *list) {
    size_t kept = 0;
    if (list->count) qsort(list->names, list->count, sizeof *list->names, name_order);
    for (size_t i = 0; i < list->count; i++)
        if (!kept || !tally_span_eq(list->names[kept - 1], list->names[i]))
            list->names[kept++] = list->names[i];
    list->count = kept;
}

static size_t name_at(const name_list *list, tally_span name) {
    const tally_span *found =
        list->count ? bsearch(&name, list->names, list->count, sizeof name, name_order) : NULL;
    return found ? (size_t)(found - list->names) : list->count;
}

/* What a session without costs and minutes of its own belongs to. */
static tally_span share_client(const tally_session_row *row, uint32_t i) {
    return i < row->said.count ? row->said.shares[i].client : tally_span_str(NULL);
}

static tally_span member_of(const history *h, const tally_session_row *row) {
    tally_span member = {0}, device;
    (void)tally_feed_names(h->page->view->reading->txn, row->session.feed, &member, &device);
    return member;
}

static int names_gather(history *h) {
    int bad = 0;
    for (size_t i = 0; i < tally_report_count(h->pieces); i++) {
        const tally_report_row *piece = tally_report_at(h->pieces, i);
        bad |= name_add(&h->clients, piece->keys[PIECE_CLIENT]);
        bad |= name_add(&h->members, piece->keys[PIECE_MEMBER]);
    }
    for (size_t i = 0; i < h->shown; i++) {
        const tally_session_row *row = tally_sessions_at(h->list, i);
        bad |= name_add(&h->agents, row->session.agent);
        bad |= name_add(&h->members, member_of(h, row));
        for (uint32_t k = 0; k == 0 || k < row->said.count; k++)
            bad |= name_add(&h->clients, share_client(row, k));
        for (size_t k = 0; k < row->tag_count; k++)
            bad |= name_add(&h->tags, row->tags[k]);
    }
    names_sort(&h->clients);
    names_sort(&h->members);
    names_sort(&h->agents);
    names_sort(&h->tags);
    return bad;
}

static int history_read(history *h, tally_error *err) {
    static const tally_report_key keys[PIECE_KEYS] = {
        TALLY_BY_AGENT, TALLY_BY_SESSION, TALLY_BY_DAY, TALLY_BY_CLIENT, TALLY_BY_MEMBER};
    const report_view *view = h->page->view;
    tally_filter all = *view->filter;
    /* As in the list: limits are on the sum of a session, not on one response of it. */
    all.has_min_cost = all.has_max_cost = false;
    int code = tally_sessions_run(view->reading->txn, view->filter, &h->list, err);
    if (!code)
        code = tally_report_run(view->reading->txn, &all, keys, PIECE_KEYS, view->reading->zone,
                                &h->pieces, err);
    if (code) return code;
    size_t count = tally_sessions_count(h->list);
    h->shown = count < SESSIONS_MAX ? count : SESSIONS_MAX;
    h->money_count = report_money_columns(view->basis, h->money);
    return names_gather(h) ? tally_fail(err, TALLY_ENOMEM, "memory ran out") : 0;
}

/* ---- filters ---- */

static void select_put(cli_html *html, const char *id, const char *label, const char *all,
                       const name_list *list, const char *missing) {
    cli_html_format(html, "<label><span>%s</span><select id=\"%s\"><option value=\"\">%s</option>",
                    label, id, all);
    for (size_t i = 0; i < list->count && i < NAMES_MAX; i++) {
        cli_html_format(html, "<option value=\"%zu\"", i);
        cli_html_exact(html, "data-name", list->names[i]);
        cli_html_put(html, ">");
        cli_html_text(html, list->names[i].len ? list->names[i] : tally_span_str(missing));
        cli_html_put(html, "</option>");
    }
    cli_html_put(html, "</select></label>\n");
}

static void filters_put(history *h) {
    cli_html *html = &h->page->html;
    cli_html_put(html, "<form class=\"filters\" id=\"filters\" hidden>\n");
    select_put(html, "client", "Client", "All clients", &h->clients, "(unattributed)");
    select_put(html, "member", "Member", "All members", &h->members, "(none)");
    select_put(html, "agent", "Agent", "All agents", &h->agents, "(none)");
    if (h->tags.count) select_put(html, "tag", "Tag", "All tags", &h->tags, "(untagged)");
    cli_html_put(html, "<label><span>From</span><input type=\"date\" id=\"from\"></label>\n"
                       "<label><span>To</span><input type=\"date\" id=\"to\"></label>\n"
                       "<label class=\"text\"><span>Text</span><input type=\"search\" id=\"text\" "
                       "placeholder=\"project, description, id\"></label>\n"
                       "<button type=\"reset\">Clear</button>\n</form>\n");
}

/* ---- rows ---- */

static int piece_compare(const tally_report_row *piece, const tally_agent_session *session) {
    int order = name_order(&piece->keys[PIECE_AGENT], &session->agent);
    return order ? order : name_order(&piece->keys[PIECE_SESSION], &session->id);
}

/* Pieces are in ascending order of their keys: the first one of the session. */
static size_t pieces_first(const history *h, const tally_agent_session *session) {
    size_t low = 0, high = tally_report_count(h->pieces);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (piece_compare(tally_report_at(h->pieces, middle), session) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* CLIENT,MEMBER,DAY,ENGAGED-MS and for each basis COST,STATE: 0 all priced, 1 some, 2 none. */
static void piece_put(history *h, size_t client, size_t member, tally_span day,
                      const tally_sums *sums) {
    char cost[TALLY_MONEY_TEXT_BYTES];
    cli_html *html = &h->page->html;
    cli_html_format(html, "%zu,%zu,%.*s,%" PRIu64, client, member, (int)day.len,
                    (const char *)day.ptr, sums->engaged_ms);
    for (size_t i = 0; i < h->money_count; i++) {
        tally_sums shown = cli_basis_sums(h->money[i].basis, sums);
        tally_pico_format(shown.pico, 0, cost);
        cli_html_format(html, ",%s,%d", cost,
                        !cli_sums_priced(&shown)  ? 2
                        : shown.unpriced_requests ? 1
                                                  : 0);
    }
    cli_html_put(html, ";");
}

/* Everything that a session comes to; adds it up for who reads the page without its script. */
static int pieces_put(history *h, const tally_session_row *row, tally_sums *sum, tally_error *err) {
    size_t count = tally_report_count(h->pieces), at = pieces_first(h, &row->session), first = at;
    char day[TALLY_TIME_TEXT_BYTES];
    int bad = 0;
    cli_html_put(&h->page->html, " data-p=\"");
    for (; at < count; at++) {
        const tally_report_row *piece = tally_report_at(h->pieces, at);
        if (piece_compare(piece, &row->session) != 0) break;
        piece_put(h, name_at(&h->clients, piece->keys[PIECE_CLIENT]),
                  name_at(&h->members, piece->keys[PIECE_MEMBER]), piece->keys[PIECE_DAY],
                  &piece->sums);
        bad |= tally_add_i128(sum->pico, piece->sums.pico, &sum->pico);
        bad |= tally_add_i128(sum->paid_pico, piece->sums.paid_pico, &sum->paid_pico);
        bad |= tally_add_u64(sum->engaged_ms, piece->sums.engaged_ms, &sum->engaged_ms);
        sum->unpriced_requests += piece->sums.unpriced_requests;
        sum->unpaid_requests += piece->sums.unpaid_requests;
        sum->requests += piece->sums.requests;
    }
    if (at == first) {
        const tally_sums nothing = {.requests = 0};
        tally_date_format(tally_zone_day(h->page->view->reading->zone, row->start_ms), day);
        for (uint32_t i = 0; i == 0 || i < row->said.count; i++)
            piece_put(h, name_at(&h->clients, share_client(row, i)),
                      name_at(&h->members, member_of(h, row)), tally_span_str(day), &nothing);
    }
    cli_html_put(&h->page->html, "\"");
    return bad ? tally_inexact("a sum of costs", err) : 0;
}

static void start_put(history *h, const tally_session_row *row) {
    char utc[TALLY_TIME_TEXT_BYTES], local[TALLY_TIME_TEXT_BYTES];
    tally_time_format(row->start_ms, utc);
    tally_time_format(cli_local_ms(h->page->view->reading->zone, row->start_ms), local);
    cli_html_format(&h->page->html,
                    "<td class=\"start\"><time datetime=\"%s\">%.10s <span>%.5s</span></time></td>",
                    utc, local, local + 11);
}

static void title_put(history *h, const tally_session_row *row) {
    cli_html *html = &h->page->html;
    tally_span title = row->title, id = row->session.id;
    bool cut = title.len > TITLE_MAX_BYTES;
    for (title.len = cut ? TITLE_MAX_BYTES : title.len;
         cut && title.len && (title.ptr[title.len] & 0xc0) == 0x80;)
        title.len--;
    if (id.len > CLI_SESSION_SHORT_BYTES) id.len = CLI_SESSION_SHORT_BYTES;
    cli_html_put(html, "<td class=\"what\">");
    if (title.len) cli_html_name(html, title);
    if (cut) cli_html_put(html, "\xe2\x80\xa6");
    if (cli_title_redacted(h->page->view->reading, row))
        cli_html_put(html, "<i>" CLI_TITLE_REDACTED "</i>");
    for (size_t i = 0; i < row->tag_count && i < TAGS_SHOWN; i++) {
        cli_html_put(html, " <span class=\"tag\">");
        cli_html_name(html, row->tags[i]);
        cli_html_put(html, "</span>");
    }
    if (row->tag_count > TAGS_SHOWN)
        cli_html_format(html, " <span class=\"tag\">+%zu</span>", row->tag_count - TAGS_SHOWN);
    cli_html_put(html, " <code>");
    cli_html_text(html, id);
    cli_html_put(html, "</code></td>");
}

static void client_put(history *h, const tally_session_row *row) {
    cli_html *html = &h->page->html;
    cli_html_put(html, "<td class=\"client\">");
    if (!row->said.count)
        cli_html_format(html, "<span class=\"warn\">%s</span>",
                        row->said.by == TALLY_ATTRIBUTED_CONFLICT ? "(conflict)"
                                                                  : "(unattributed)");
    for (uint32_t i = 0; i < row->said.count; i++) {
        const tally_share *share = &row->said.shares[i];
        cli_html_put(html, i ? ", " : "");
        cli_html_name(html, share->client.len ? share->client : share->project);
        if (row->said.count > 1)
            cli_html_format(html, " <small>%" PRIu32 "/%" PRIu64 "</small>", share->parts,
                            row->said.parts);
    }
    cli_html_put(html, "</td>");
}

/* The end of the directory; the whole of it is in the tooltip. */
static void project_put(history *h, const tally_session_row *row) {
    cli_html *html = &h->page->html;
    tally_span path = row->session.cwd, end = path;
    for (size_t i = path.len; i-- > 0;)
        if (path.ptr[i] == '/' && i + 1 < path.len) {
            end = tally_span_of(path.ptr + i + 1, path.len - i - 1);
            break;
        }
    cli_html_put(html, "<td class=\"project\"");
    if (path.len) cli_html_attribute(html, "title", path);
    cli_html_put(html, ">");
    bool named = row->said.count == 1 && row->said.shares[0].project.len;
    cli_html_name(html, named ? row->said.shares[0].project : end);
    cli_html_put(html, "</td>");
}

static int row_put(history *h, const tally_session_row *row, tally_error *err) {
    cli_html *html = &h->page->html;
    tally_sums sum = {.has_time = h->page->has_time};
    cli_html_format(html, "<tr data-a=\"%zu\" data-t=\"", name_at(&h->agents, row->session.agent));
    for (size_t i = 0; i < row->tag_count; i++)
        cli_html_format(html, i ? ",%zu" : "%zu", name_at(&h->tags, row->tags[i]));
    cli_html_put(html, "\"");
    int code = pieces_put(h, row, &sum, err);
    cli_html_put(html, ">");
    start_put(h, row);
    title_put(h, row);
    client_put(h, row);
    project_put(h, row);
    cli_html_put(html, "<td class=\"agent\">");
    cli_html_name(html, row->session.agent);
    cli_html_put(html, "</td><td class=\"n\">");
    if (h->page->has_time) cli_html_hours(html, sum.engaged_ms);
    cli_html_put(html, "</td>");
    for (size_t i = 0; i < h->money_count; i++)
        report_money_cell(h->page, h->money[i].basis, &sum);
    cli_html_put(html, "</tr>\n");
    return code;
}

static void head_put(history *h) {
    cli_html *html = &h->page->html;
    cli_html_format(html,
                    "<section class=\"card history\" id=\"sessions\" data-decimals=\"%d\" "
                    "data-time=\"%d\" data-bases=\"%zu\" data-currency=\"" TALLY_COST_CURRENCY
                    "\">\n<h2>Sessions</h2>\n",
                    h->page->decimals, h->page->has_time, h->money_count);
    filters_put(h);
    cli_html_put(html, "<p id=\"found\" class=\"found\" aria-live=\"polite\" hidden></p>\n"
                       "<table id=\"rows\">\n<thead><tr>"
                       "<th scope=\"col\" data-sort=\"start\">Start</th>"
                       "<th scope=\"col\" data-sort=\"text\">Description</th>"
                       "<th scope=\"col\" data-sort=\"text\">Client</th>"
                       "<th scope=\"col\" data-sort=\"text\">Project</th>"
                       "<th scope=\"col\" data-sort=\"text\">Agent</th>"
                       "<th scope=\"col\" class=\"n\" data-sort=\"time\">Hours</th>");
    for (size_t i = 0; i < h->money_count; i++)
        cli_html_format(html, "<th scope=\"col\" class=\"n\" data-sort=\"cost%zu\">%s</th>", i,
                        h->money[i].title);
    cli_html_put(html, "</tr></thead>\n<tbody>\n");
}

int report_history_put(report_page *page, tally_error *err) {
    history h = {.page = page};
    int code = history_read(&h, err);
    size_t count = code ? 0 : tally_sessions_count(h.list), put = 0;
    if (!code) head_put(&h);
    for (; !code && put < h.shown && page->html.bytes < PAGE_MAX_BYTES; put++)
        code = row_put(&h, tally_sessions_at(h.list, put), err);
    if (!code) cli_html_put(&page->html, "</tbody></table>\n");
    if (!code && put < count)
        cli_html_format(
            &page->html,
            "<p class=\"note\">The newest %zu of %zu sessions are listed, and only they "
            "are filtered and added up here; charts and tables above hold all. "
            "'tally sessions' lists every one, and a shorter --period makes a page "
            "with its own.</p>\n",
            put, count);
    if (!code) cli_html_put(&page->html, "</section>\n");
    free(h.clients.names);
    free(h.members.names);
    free(h.agents.names);
    free(h.tags.names);
    tally_sessions_free(h.list);
    tally_report_free(h.pieces);
    return code;
}
