/* The team view: the team's settings and who owns which feed. */
#include "view_fold.h"

#include <tally/view.h>

static const char team_row[] = "team";

int view_fold_team_create(const view_source *source, const tally_record *record, tally_error *err) {
    int rc = view_register_put(source, TABLE_VIEW_TEAM, tally_span_str(team_row), record->hlc,
                               record->body, err);
    if (rc != 0) return rc;
    return view_register_put(source, TABLE_VIEW_DEVICES,
                             tally_span_of(source->device->b, TALLY_PUBLIC_KEY_BYTES), record->hlc,
                             record->body, err);
}

int tally_team_get(tally_txn *txn, tally_team *out, tally_error *err) {
    tally_span body;
    *out = (tally_team){0};
    int rc = view_register_get(txn, TABLE_VIEW_TEAM, tally_span_str(team_row), NULL, &body);
    if (rc != 0)
        return tally_fail(err, TALLY_ECORRUPT,
                          "the team's settings are missing; run 'tally rebuild'");
    tally_record record = {.body = body};
    (void)tally_body_str(&record, "team", &out->name);
    (void)tally_body_str(&record, "timezone", &out->timezone);
    (void)tally_body_str(&record, "currency", &out->currency);
    return 0;
}

int tally_feed_names(tally_txn *txn, uint32_t feed, tally_span *member, tally_span *device) {
    tally_device_id id;
    tally_span body;
    *member = *device = (tally_span){0};
    int rc = view_feed_device(txn, feed, &id, NULL);
    if (rc == 0)
        rc = view_register_get(txn, TABLE_VIEW_DEVICES, tally_span_of(id.b, sizeof id.b), NULL,
                               &body);
    if (rc != 0) return rc;
    tally_record record = {.body = body};
    (void)tally_body_str(&record, "member", member);
    (void)tally_body_str(&record, "device", device);
    return 0;
}
