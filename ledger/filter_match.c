/* What a filter says of one session, share, model or price. Nothing is looked up here: scan.c
 * joins, filter_days.c has the days. */
#include "scan.h"
#include "tag_list.h"

static bool starts_with(tally_span text, tally_span prefix) {
    return text.len >= prefix.len && memcmp(text.ptr, prefix.ptr, prefix.len) == 0;
}

static bool below_path(tally_span cwd, tally_span path) {
    while (path.len > 1 && path.ptr[path.len - 1] == '/')
        path.len--;
    if (!starts_with(cwd, path)) return false;
    return cwd.len == path.len || cwd.ptr[path.len] == '/' || tally_span_is(path, "/");
}

tally_span scan_last_component(tally_span path) {
    while (path.len > 1 && path.ptr[path.len - 1] == '/')
        path.len--;
    size_t at = path.len;
    if (at == 0) return path; /* which may be nowhere: nothing is added to its pointer */
    while (at > 0 && path.ptr[at - 1] != '/')
        at--;
    return tally_span_of(path.ptr + at, path.len - at);
}

static bool agent_matches(tally_span agent, tally_span wanted) {
    return starts_with(agent, wanted) && (agent.len == wanted.len || agent.ptr[wanted.len] == '-');
}

bool filter_session(const tally_filter *f, const scan_session *s) {
    const tally_agent_session *session = &s->session;
    if (f->agent.len && !agent_matches(session->agent, f->agent)) return false;
    if (f->path.len && !below_path(session->cwd, f->path)) return false;
    if (f->branch.len && !tally_span_eq(session->branch, f->branch)) return false;
    return !f->session.len || starts_with(session->id, f->session);
}

static bool project_matches(tally_span project, tally_span wanted) {
    return tally_span_eq(project, wanted) || tally_span_eq(scan_last_component(project), wanted);
}

bool filter_share(const tally_filter *f, const scan_row *row) {
    if (f->client.len && !tally_span_eq(row->client, f->client)) return false;
    if (f->project.len && !project_matches(row->project, f->project)) return false;
    return !f->unattributed || !row->share;
}

bool scan_row_passes(const tally_filter *f, const scan_row *row) {
    return filter_session(f, row->session) && filter_share(f, row) &&
           (f->tag.len == 0 || tag_list_has(row->tags, row->tag_count, f->tag));
}

bool filter_model(tally_span wanted, tally_span text) {
    char a[TALLY_MODEL_MAX_BYTES], b[TALLY_MODEL_MAX_BYTES];
    if (wanted.len == 0 || tally_span_eq(wanted, text)) return true;
    size_t n = tally_model_canonical(wanted, a), m = tally_model_canonical(text, b);
    return n > 0 && n == m && memcmp(a, b, n) == 0;
}

bool filter_work(const tally_filter *f) {
    return !f->agent.len && !f->path.len && !f->branch.len && !f->session.len && !f->model.len &&
           !f->unpriced && !f->has_min_cost && !f->has_max_cost;
}

bool filter_price(const tally_filter *f, const tally_priced *priced) {
    if (f->unpriced && priced->priced) return false;
    if ((f->has_min_cost || f->has_max_cost) && !priced->priced) return false;
    if (f->has_min_cost && priced->pico < f->min_cost) return false;
    return !f->has_max_cost || priced->pico <= f->max_cost;
}
