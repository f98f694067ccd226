/* tally tag add, remove, list: people's marks on sessions and on single entries. */
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "format/json_out.h"
#include "open.h"
#include "sessions.h"
#include "tags.h"
#include "target.h"

typedef struct tag_change {
    const cli *run;
    bool add;
    tally_span tag;
    tally_writer *writer;
    uint64_t changed; /* targets; set anew when the write runs again */
} tag_change;

static int target_change(tag_change *change, tally_txn *txn, const cli_tag_target *target,
                         tally_error *err) {
    bool done = false;
    int code = change->add ? cli_tag_add(txn, change->writer, target, change->tag, &done, err)
                           : cli_tag_remove(txn, change->writer, target, change->tag, &done, err);
    change->changed += done;
    return code;
}

static int sessions_change(tag_change *change, tally_txn *txn, tally_error *err) {
    size_t at = 0;
    int code = 0;
    for (const char *id; !code && (id = cli_value_next(change->run, "session", &at));) {
        tally_agent_session session = {0};
        code = cli_session_find(txn, id, &session, err);
        cli_tag_target target = {.agent = session.agent, .session = session.id};
        if (!code) code = target_change(change, txn, &target, err);
    }
    return code;
}

static int entries_change(tag_change *change, tally_txn *txn, tally_error *err) {
    size_t at = 0;
    int code = 0;
    for (const char *id; !code && (id = cli_value_next(change->run, "entry", &at));) {
        tally_entry_id entry;
        cli_tag_target target = {.entry = &entry};
        if ((code = cli_entry_find(txn, id, &entry, err)) != 0) return code;
        code = target_change(change, txn, &target, err);
    }
    return code;
}

static int change_apply(void *ctx, tally_txn *txn, tally_error *err) {
    tag_change *change = ctx;
    change->changed = 0;
    int code = sessions_change(change, txn, err);
    return code ? code : entries_change(change, txn, err);
}

static void change_print(cli *run, const tag_change *change) {
    if (!run->json) {
        cli_say("%s '%s': %llu changed", change->add ? "tagged" : "untagged", run->arguments[0],
                (unsigned long long)change->changed);
        return;
    }
    cli_json json;
    cli_json_begin(&json, cli_out(run));
    cli_json_open(&json, NULL, '{');
    cli_json_text(&json, "tag", change->tag);
    cli_json_u64(&json, "changed", change->changed);
    cli_json_close(&json, '}');
    cli_json_end(&json);
}

static int change_run(cli *run, bool add) {
    tally_error err = {0};
    tally_ledger *ledger = NULL;
    tag_change change = {.run = run, .add = add, .tag = tally_span_str(run->arguments[0])};
    if (!cli_tag_ok(change.tag))
        return cli_usage(run,
                         "a tag has 1 to %u bytes and no comma, semicolon or control character",
                         CLI_TAG_MAX_BYTES);
    if (!cli_has(run, "session") && !cli_has(run, "entry"))
        return cli_usage(run, "say what to %s with --session ID or --entry ID",
                         add ? "tag" : "untag");
    int code = tally_writer_new(&change.writer, &err);
    if (!code) code = cli_ledger_open(run, false, &ledger, &err);
    if (!code) code = tally_ledger_write(ledger, cli_now_ms(), change_apply, &change, &err);
    /* Adding what is there is no mistake; removing what is not there is. */
    if (!code && !add && !change.changed)
        code = tally_fail(&err, TALLY_ENOTFOUND, "nothing of that carries the tag '%s'",
                          run->arguments[0]);
    if (!code) change_print(run, &change);
    tally_ledger_close(ledger);
    tally_writer_free(change.writer);
    return code ? cli_fail(&err) : CLI_DONE;
}

static int add_run(cli *run) {
    return change_run(run, true);
}
static int remove_run(cli *run) {
    return change_run(run, false);
}

/* Listing: tags of sessions are stored by reference, so the sessions' names are gathered first. */
typedef struct session_name {
    uint64_t ref;
    tally_span agent, id;
} session_name;

typedef struct tag_listing {
    cli_json *json;
    cli_table *table;
    session_name *names;
    size_t count, room;
    uint64_t lines;
    uint8_t target[TALLY_ENTRY_BYTES]; /* of the last line, to show a tag with two adds once */
    tally_span tag;
} tag_listing;

static int name_gather(void *ctx, const tally_agent_session *session) {
    tag_listing *listing = ctx;
    if (listing->count == listing->room) {
        size_t room = listing->room ? listing->room * 2 : 256;
        session_name *larger = realloc(listing->names, room * sizeof *larger);
        if (!larger) return TALLY_ENOMEM;
        listing->names = larger;
        listing->room = room;
    }
    listing->names[listing->count++] = (session_name){session->ref, session->agent, session->id};
    return 0;
}

static int name_compare(const void *left, const void *right) {
    uint64_t a = ((const session_name *)left)->ref, b = ((const session_name *)right)->ref;
    return (a > b) - (a < b);
}

/* The session a target means; NULL when it is an entry. */
static const session_name *target_session(const tag_listing *listing, const uint8_t *target) {
    static const uint8_t zeros[TALLY_ENTRY_BYTES - 8];
    session_name key = {.ref = tally_get_be64(target)};
    if (memcmp(target + 8, zeros, sizeof zeros) != 0 || !listing->count) return NULL;
    return bsearch(&key, listing->names, listing->count, sizeof key, name_compare);
}

static void listing_json(cli_json *json, tally_span tag, const session_name *session,
                         const uint8_t *target) {
    cli_json_open(json, NULL, '{');
    cli_json_text(json, "tag", tag);
    if (session) {
        cli_json_text(json, "agent", session->agent);
        cli_json_text(json, "session", session->id);
    } else {
        cli_json_hex(json, "entry", tally_span_of(target, TALLY_ENTRY_BYTES));
    }
    cli_json_close(json, '}');
}

static int tag_line(void *ctx, const uint8_t *target, tally_span tag, const tally_hash *add) {
    tag_listing *listing = ctx;
    char entry[2 * TALLY_ENTRY_BYTES + 1];
    (void)add;
    if (listing->lines && tally_span_eq(tag, listing->tag) &&
        memcmp(target, listing->target, TALLY_ENTRY_BYTES) == 0)
        return 0;
    listing->lines++;
    listing->tag = tag;
    memcpy(listing->target, target, TALLY_ENTRY_BYTES);
    const session_name *session = target_session(listing, target);
    if (listing->json) {
        listing_json(listing->json, tag, session, target);
        return 0;
    }
    tally_hex(tally_span_of(target, TALLY_ENTRY_BYTES), entry);
    cli_table_line(listing->table);
    cli_cell(listing->table, tag, CLI_PLAIN);
    cli_cell(listing->table, session ? session->agent : tally_span_str("entry"), CLI_PLAIN);
    cli_cell(listing->table, session ? session->id : tally_span_str(entry), CLI_PLAIN);
    return 0;
}

static int list_print(cli *run, tally_txn *txn, tag_listing *listing) {
    static const cli_column columns[] = {{"TAG", CLI_LEFT}, {"ON", CLI_LEFT}, {"ID", CLI_LEFT}};
    cli_json json;
    int code;
    if (run->json) {
        listing->json = &json;
        cli_json_begin(&json, cli_out(run));
        cli_json_open(&json, NULL, '{');
        cli_json_open(&json, "tags", '[');
        code = tally_tag_each(txn, tag_line, listing);
        cli_json_close(&json, ']');
        cli_json_close(&json, '}');
        cli_json_end(&json);
        return code;
    }
    listing->table = cli_table_new(cli_out_paged(run), columns, 3);
    if (!listing->table) return TALLY_ENOMEM;
    code = tally_tag_each(txn, tag_line, listing);
    if (!code && cli_table_print(listing->table)) code = TALLY_ENOMEM;
    if (!listing->lines) cli_say("nothing is tagged");
    cli_table_free(listing->table);
    return code;
}

static int list_run(cli *run) {
    tally_error err = {0};
    cli_reading reading = {0};
    tag_listing listing = {.json = NULL};
    int code = cli_reading_open(run, &reading, &err);
    if (!code) {
        code = tally_agent_session_each(reading.txn, name_gather, &listing);
        if (!code && listing.count)
            qsort(listing.names, listing.count, sizeof *listing.names, name_compare);
        if (!code) code = list_print(run, reading.txn, &listing);
        if (code) tally_fail(&err, code, "the tags cannot be listed; run 'tally fsck'");
    }
    free(listing.names);
    cli_reading_close(&reading);
    return code ? cli_fail(&err) : CLI_DONE;
}

static const cli_option options[] = {
    {"session", "ID", "a session, by its id or the beginning of it; may repeat"},
    {"entry", "ID", "one cost or manual time, by its entry id; may repeat"},
    {NULL, NULL, NULL}};

const cli_command command_tag_add = {.name = "tag add",
                                     .arguments = "TAG",
                                     .summary = "put a tag on sessions or entries",
                                     .example = "tally tag add acme --session 30dcd767",
                                     .options = options,
                                     .min_arguments = 1,
                                     .max_arguments = 1,
                                     .run = add_run};

const cli_command command_tag_remove = {.name = "tag remove",
                                        .arguments = "TAG",
                                        .summary = "take a tag off again",
                                        .example = "tally tag remove acme --session 30dcd767",
                                        .options = options,
                                        .min_arguments = 1,
                                        .max_arguments = 1,
                                        .run = remove_run};

const cli_command command_tag_list = {.name = "tag list",
                                      .arguments = "",
                                      .summary = "what carries which tag",
                                      .example = "tally tag list --json",
                                      .run = list_run};
