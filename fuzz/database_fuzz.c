/* Fuzzes the reading of agents' databases: the input's first byte chooses the agent, the rest is an
 * SQLite file. Whatever it holds, reading must end, and what is emitted must be bounded. */
#include "adapter_fuzz.h"

#include <stdio.h>
#include <unistd.h>

#include "capture/adapters.h"
#include "capture/database.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The agents that keep databases; the `wanted`th of them, counted around. */
static const capture_adapter *adapter_with_rows(size_t wanted) {
    const capture_adapter *found[16];
    size_t count = 0;
    for (size_t i = 0; capture_adapter_at(i) && count < 16; i++)
        if (capture_adapter_at(i)->rows) found[count++] = capture_adapter_at(i);
    require(count > 0);
    return found[wanted % count];
}

static void pass(const capture_adapter *adapter, const char *path, bool idle, uint8_t *saved,
                 size_t *saved_len) {
    const capture_sink sink = {.session = fuzz_session,
                               .cost = fuzz_cost,
                               .activity = fuzz_activity,
                               .skipped = fuzz_skipped_row,
                               .each_line_of = fuzz_no_lines};
    const capture_file file = {.path = path, .now_ms = INT64_C(1800000000000), .idle = idle};
    capture_database *database;
    tally_error err;
    void *state = NULL;
    if (capture_database_open(path, &database, &err)) return;
    require(capture_adapter_open(adapter, &file, tally_span_of(saved, *saved_len), &sink, &state,
                                 &err) == 0);
    int more = 1;
    for (unsigned looks = 0; more == 1; looks++) {
        require(looks < 1000);
        if (capture_database_begin(database, &err)) break;
        more = adapter->rows(state, database, &err);
        capture_database_end(database);
    }
    require(adapter->end(state, &err) == 0);
    require(adapter->save(state, saved, saved_len, &err) == 0);
    require(*saved_len <= CAPTURE_STATE_MAX_BYTES);
    adapter->close(state);
    capture_database_close(database);
}

static void put(const char *path, const uint8_t *data, size_t size) {
    FILE *file = fopen(path, "wb");
    require(file && fwrite(data, 1, size, file) == size);
    require(fclose(file) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static char path[64];
    uint8_t saved[CAPTURE_STATE_MAX_BYTES];
    size_t saved_len = 0;
    if (size < 1) return 0;
    if (!*path) (void)snprintf(path, sizeof path, "/tmp/tally-fuzz-%ld.db", (long)getpid());
    const capture_adapter *adapter = adapter_with_rows(data[0] & 0x7f);
    put(path, data + 1, size - 1);
    pass(adapter, path, (data[0] & 0x80) != 0, saved, &saved_len);
    pass(adapter, path, true, saved, &saved_len);
    (void)unlink(path);
    return 0;
}
