/* Hours as lines: rounded as the contract says, grouped as it says, at the rates in force. */
#include "hours.h"

#include "../intern.h"

#include <stdlib.h>

typedef struct hour_group {
    tally_span text;
    int64_t price;
    tally_span rate_words;
    tally_span project;
    int64_t quantity_ms; /* rounded */
    int64_t open_ms;     /* per day or line: not rounded yet */
    int64_t open_day;
    bool with_agent;
    size_t count; /* of its items */
} hour_group;

typedef struct hour_groups {
    hour_group *items;
    size_t count, room;
    index_map index;
} hour_groups;

/* ---- rounding ---- */

int64_t hours_round(const tally_contract *contract, int64_t ms) {
    int64_t unit = (int64_t)contract->rounding_minutes * MINUTE_MS;
    if (unit == 0) return ms;
    int64_t up = contract->rounding == TALLY_ROUND_UP ? unit - 1 : unit / 2;
    return (ms + up) / unit * unit;
}

static int64_t of_entry(const tally_contract *contract, int64_t ms) {
    int64_t least = (int64_t)contract->minimum_minutes * MINUTE_MS;
    if (ms < least) ms = least;
    return contract->rounding_per == TALLY_PER_ENTRY ? hours_round(contract, ms) : ms;
}

/* Of time that came later, what it adds: a minimum counts once, and no minute is rounded twice. */
int64_t hours_counted(const tally_contract *contract, int64_t after_ms, int64_t ms) {
    int64_t before = after_ms > 0 ? of_entry(contract, after_ms) : 0;
    return of_entry(contract, after_ms + ms) - before;
}

bool hours_add_up(const tally_contract *contract) {
    return contract->minimum_minutes == 0 &&
           (contract->rounding_minutes == 0 || contract->rounding_per != TALLY_PER_ENTRY);
}

int64_t hours_quantity(int64_t ms) {
    return (ms * 100 + HOUR_MS / 2) / HOUR_MS;
}

void hours_trace(draft *d, const hour_item *item) {
    tally_trace trace = {.entry = item->entry,
                         .leaf = item->leaf,
                         .what = tally_span_str(item->is_session ? "session" : "time.add"),
                         .day = item->day,
                         .ms = item->ms,
                         .part = item->part,
                         .parts = item->parts,
                         .after_ms = item->after_ms,
                         .decided = item->decided,
                         .rate = item->rate.leaf,
                         .why = item->rate.words.len
                                    ? draft_text(d, "%.*s%s%.*s", SPAN(item->why),
                                                 item->why.len ? "; " : "", SPAN(item->rate.words))
                                    : item->why};
    draft_trace(d, &trace);
}

/* ---- grouping ---- */

static tally_span project_words(draft *d, tally_span project) {
    tally_policy_row row;
    tally_span title;
    if (project.len > 0 && tally_policy_get(d->txn, TALLY_POLICY_PROJECT, &project, 1, &row) == 0 &&
        tally_body_str(&row.record, "title", &title))
        return draft_copy(d, title);
    if (project.len > 0) return draft_copy(d, project);
    return d->contract.title.len ? d->contract.title : tally_span_str("Work");
}

static tally_span group_text(draft *d, const hour_item *item) {
    switch (d->contract.lines) {
    case TALLY_LINES_PROJECT: return project_words(d, item->project);
    case TALLY_LINES_DAY: return draft_day(d, item->day);
    case TALLY_LINES_TAG: return item->tag.len ? item->tag : tally_span_str("Other work");
    default: return item->text;
    }
}

/* Equal keys are one line. Entries keep apart even where their words are equal. */
static uint64_t group_key(const draft *d, const hour_item *item, tally_span text) {
    uint64_t key = index_mix(tally_string_ref(text), (uint64_t)item->rate.price);
    if (d->contract.lines != TALLY_LINES_ENTRY) return key;
    return index_mix(index_mix(key, tally_get_be64(item->entry.b)),
                     tally_get_be64(item->entry.b + 8));
}

static hour_group *group_of(draft *d, hour_groups *groups, hour_item *item) {
    tally_span text = group_text(d, item);
    uint32_t *slot = index_map_slot(&groups->index, group_key(d, item, text));
    if (slot && *slot != 0) {
        item->group = *slot - 1;
        return &groups->items[item->group];
    }
    if (!slot || !draft_grow(d, (void **)&groups->items, &groups->room, groups->count,
                             sizeof *groups->items))
        return NULL;
    item->group = (uint32_t)groups->count++;
    *slot = item->group + 1;
    groups->items[item->group] = (hour_group){.text = text,
                                              .price = item->rate.price,
                                              .rate_words = item->rate.words,
                                              .project = item->project,
                                              .open_day = item->day};
    return &groups->items[item->group];
}

/* Days ascend within a group. */
static void group_close(const draft *d, hour_group *group) {
    group->quantity_ms += hours_round(&d->contract, group->open_ms);
    group->open_ms = 0;
}

static int group_add(draft *d, hour_groups *groups, hour_item *item) {
    hour_group *group = group_of(d, groups, item);
    if (!group) return tally_fail(d->err, TALLY_ENOMEM, "no memory for hours");
    item->counted_ms = hours_counted(&d->contract, item->after_ms, item->ms);
    if (d->contract.rounding_per == TALLY_PER_DAY && item->day != group->open_day)
        group_close(d, group);
    group->open_day = item->day;
    group->open_ms += item->counted_ms;
    group->with_agent = group->with_agent || item->is_session;
    group->count++;
    if (d->contract.rounding_per == TALLY_PER_ENTRY) {
        group->quantity_ms += group->open_ms; /* rounded already */
        group->open_ms = 0;
    }
    return 0;
}

static int groups_make(draft *d, hour_list *list, hour_groups *groups) {
    int rc = 0;
    for (size_t i = 0; i < list->count && rc == 0; i++) {
        hour_item *item = &list->items[i];
        if (item->billed) continue;
        rc = draft_rate(d, item->project, item->member, item->day, &item->rate);
        if (rc == 0) rc = group_add(d, groups, item);
    }
    for (size_t i = 0; i < groups->count; i++)
        group_close(d, &groups->items[i]);
    return rc;
}

/* Items by the line they are on, in their order: a counting sort. */
static const hour_item **items_by_group(draft *d, const hour_list *list,
                                        const hour_groups *groups) {
    const hour_item **sorted = draft_take(d, (list->count + 1) * sizeof *sorted);
    size_t *next = draft_take(d, (groups->count + 1) * sizeof *next);
    if (!sorted || !next) return NULL;
    next[0] = 0;
    for (size_t g = 0; g < groups->count; g++)
        next[g + 1] = next[g] + groups->items[g].count;
    for (size_t i = 0; i < list->count; i++)
        if (!list->items[i].billed) sorted[next[list->items[i].group]++] = &list->items[i];
    return sorted;
}

int hours_bill_lines(draft *d, hour_list *list) {
    hour_groups groups = {0};
    int rc = index_map_init(&groups.index) == 0
                 ? groups_make(d, list, &groups)
                 : tally_fail(d->err, TALLY_ENOMEM, "no memory for hours");
    const hour_item **sorted = rc == 0 ? items_by_group(d, list, &groups) : NULL;
    for (size_t g = 0, at = 0; sorted && g < groups.count; at += groups.items[g++].count) {
        const hour_group *group = &groups.items[g];
        int64_t quantity = hours_quantity(group->quantity_ms);
        if (quantity == 0) continue; /* seconds: they wait until there is more */
        draft_line(d, (tally_invoice_line){.kind = TALLY_LINE_HOURS,
                                           .description = group->text,
                                           .quantity = quantity,
                                           .unit = tally_span_str("hour"),
                                           .price = group->price,
                                           .with_agent = group->with_agent});
        for (size_t i = 0; i < group->count; i++)
            hours_trace(d, sorted[at + i]);
    }
    free(groups.items);
    index_map_clear(&groups.index);
    return rc;
}
