/* Captures: waits until the logs are quiet for a moment, runs `tally capture`, and reads its
 * counts. One at a time. Which folders are watched is in agents.c. */
#include "capturing.h"

#include <string.h>
#include <tally/json.h>
#include <tally/team.h>

static void plan(net_capturing *capturing);

/* ---- the child's end ---- */

/* What the child has told the desktop; here it is kept for whoever reads the log. */
static void notices_tell(net_capturing *capturing, const tally_json *document) {
    tally_json notices, notice, value;
    tally_json_iter iter;
    if (!tally_json_get(document, "notices", &notices)) return;
    tally_json_iter_init(&iter, &notices);
    while (tally_json_next(&iter, NULL, &notice)) {
        char text[NET_CHILD_WORDS_BYTES];
        size_t len;
        if (!tally_json_get(&notice, "text", &value)) continue;
        tally_json_text(&value, text, sizeof text, &len);
        net_say(capturing->hub, NET_WARN, "budget", NULL, "%.*s", (int)len, text);
    }
}

static void result_read(net_capturing *capturing) {
    tally_json document, value;
    net_captured *last = &capturing->last;
    const struct {
        const char *name;
        uint64_t *out;
    } counts[] = {{"files", &last->files},
                  {"sessions", &last->sessions},
                  {"costs", &last->costs},
                  {"activity", &last->activity}};
    *last = (net_captured){.time_ms = net_now_ms(), .exit_code = capturing->child.exit_code};
    if (tally_json_parse(tally_span_of(capturing->child.output, capturing->child.output_len),
                         &document) != 0)
        return;
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        if (tally_json_get(&document, counts[i].name, &value))
            (void)tally_json_u64(&value, counts[i].out);
    notices_tell(capturing, &document);
}

static void result_tell(net_capturing *capturing) {
    const net_captured *last = &capturing->last;
    const net_child *child = &capturing->child;
    if (last->exit_code != 0)
        net_say(capturing->hub, NET_ERROR, "capture failed", NULL, "%s ended with %lld%s%s",
                child->tally, (long long)last->exit_code, *child->said ? ": " : "", child->said);
    else if (last->sessions + last->costs + last->activity > 0)
        net_say(capturing->hub, NET_INFO, "captured", NULL,
                "new: %llu sessions, %llu requests, %llu activity",
                (unsigned long long)last->sessions, (unsigned long long)last->costs,
                (unsigned long long)last->activity);
}

static void on_ended(void *ctx) {
    net_capturing *capturing = ctx;
    if (capturing->open) {
        result_read(capturing);
        result_tell(capturing);
    }
    if (capturing->wanted && capturing->first_ms == 0) capturing->first_ms = net_now_ms();
    (void)net_hub_look(capturing->hub);
    plan(capturing);
}

/* ---- when ---- */

static void on_quiet(uv_timer_t *timer) {
    net_capturing *capturing = timer->data;
    if (capturing->child.running || capturing->waiting) return; /* its end plans again */
    if (net_agents_look(&capturing->agents)) capturing->first_ms = 0;
}

/* What has changed waits for a moment of silence, but not for ever: an agent writes all the time.
 */
static void plan(net_capturing *capturing) {
    if (!capturing->open || capturing->first_ms == 0) return;
    int64_t left = capturing->first_ms + NET_CAPTURE_LATEST_MS - net_now_ms();
    if (left < 0) left = 0;
    if (left > NET_CAPTURE_QUIET_MS) left = NET_CAPTURE_QUIET_MS;
    (void)uv_timer_start(&capturing->quiet, on_quiet, (uint64_t)left, 0);
}

static void on_touched(void *ctx) {
    net_capturing *capturing = ctx;
    if (capturing->first_ms == 0) capturing->first_ms = net_now_ms();
    plan(capturing);
}

/* Nothing that an auditor's device records would count, and it records nothing. */
static bool of_auditor(net_capturing *capturing) {
    tally_txn *txn;
    tally_team_device own;
    tally_ledger *ledger = capturing->hub->ledger;
    if (tally_read_begin(ledger, &txn, NULL) != 0) return false;
    bool auditor = tally_team_device_get(txn, tally_ledger_device(ledger), &own) == 0 &&
                   own.role == TALLY_ROLE_AUDITOR;
    tally_read_end(txn);
    if (auditor && !capturing->auditor_told)
        net_say(capturing->hub, NET_INFO, "no capture", NULL,
                "this device is an auditor's: it reads and cosigns, and captures nothing");
    capturing->auditor_told = auditor;
    return auditor;
}

static void run(net_capturing *capturing) {
    static const char *const command[] = {"capture", NULL};
    if (of_auditor(capturing) || net_child_run(&capturing->child, command))
        capturing->wanted = false;
}

static void on_looked(void *ctx, bool changed) {
    net_capturing *capturing = ctx;
    int64_t now = net_now_ms();
    if (changed) capturing->final_ms = now + NET_CAPTURE_FINAL_MS;
    if (capturing->final_ms != 0 && now >= capturing->final_ms) {
        capturing->final_ms = 0;
        capturing->wanted = true;
    }
    if ((changed || capturing->wanted) && !capturing->child.running && !capturing->waiting)
        run(capturing);
    else if (changed)
        capturing->wanted = true;
    if (capturing->first_ms != 0) plan(capturing);
}

static void on_look(uv_timer_t *timer) {
    net_capturing *capturing = timer->data;
    if (!capturing->waiting) (void)net_agents_look(&capturing->agents);
}

void net_capturing_open(net_capturing *capturing, net_hub *hub, const char *tally) {
    if (capturing->open || capturing->child.running) return;
    net_captured last = capturing->last;
    memset(capturing, 0, sizeof *capturing);
    capturing->hub = hub;
    capturing->child = (net_child){.hub = hub, .tally = tally, .ended = on_ended, .ctx = capturing};
    capturing->last = last;
    capturing->agents =
        (net_agents){.hub = hub, .touched = on_touched, .looked = on_looked, .ctx = capturing};
    capturing->open = capturing->waiting = capturing->wanted = true;
    (void)uv_timer_init(&hub->loop, &capturing->quiet);
    (void)uv_timer_init(&hub->loop, &capturing->look);
    capturing->quiet.data = capturing->look.data = capturing;
    (void)uv_timer_start(&capturing->look, on_look, NET_LOOK_MS, NET_LOOK_MS);
}

void net_capturing_begin(net_capturing *capturing) {
    if (!capturing->open || !capturing->waiting) return;
    capturing->waiting = false;
    (void)net_agents_look(&capturing->agents);
}

void net_capturing_close(net_capturing *capturing) {
    if (!capturing->open) return;
    capturing->open = false;
    net_agents_close(&capturing->agents);
    uv_close((uv_handle_t *)&capturing->quiet, NULL);
    uv_close((uv_handle_t *)&capturing->look, NULL);
    net_child_end(&capturing->child);
}
