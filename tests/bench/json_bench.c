/* json_bench FILE...: megabytes a second of our reader taking type, uuid, timestamp, message.id,
 * message.model and the numbers of message.usage from every line of a log. With TALLY_JSON_PEERS it
 * measures other readers in the same run. */
#include <tally/json.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "json_peers/peers.h"

#define RUNS 5

static void add_text(const tally_json *value, bench_sums *sums) {
    if (value->type == TALLY_JSON_STRING) sums->text_bytes += value->raw.len;
}

static void add_usage(const tally_json *usage, bench_sums *sums) {
    tally_json_iter iter;
    tally_json key, value;
    uint64_t tokens;
    tally_json_iter_init(&iter, usage);
    while (tally_json_next(&iter, &key, &value))
        if (tally_json_u64(&value, &tokens)) sums->tokens += tokens;
}

static void add_message(const tally_json *message, bench_sums *sums) {
    tally_json_iter iter;
    tally_json key, value;
    tally_json_iter_init(&iter, message);
    while (tally_json_next(&iter, &key, &value)) {
        if (tally_json_key_is(&key, "id") || tally_json_key_is(&key, "model"))
            add_text(&value, sums);
        else if (tally_json_key_is(&key, "usage"))
            add_usage(&value, sums);
    }
}

static bool read_tally(const char *line, size_t len, bench_sums *sums) {
    tally_json root, key, value;
    tally_json_index index;
    tally_json_iter iter;
    if (tally_json_parse_indexed(tally_span_of(line, len), &index, &root) != 0) return false;
    tally_json_iter_init(&iter, &root);
    while (tally_json_next(&iter, &key, &value)) {
        if (tally_json_key_is(&key, "type") || tally_json_key_is(&key, "uuid") ||
            tally_json_key_is(&key, "timestamp"))
            add_text(&value, sums);
        else if (tally_json_key_is(&key, "message"))
            add_message(&value, sums);
    }
    sums->lines++;
    return true;
}

/* The validation alone: the price of refusing damaged lines. */
static bool read_tally_parse(const char *line, size_t len, bench_sums *sums) {
    tally_json root;
    sums->lines++;
    return tally_json_parse(tally_span_of(line, len), &root) == 0;
}

static const struct {
    const char *name;
    bench_reader *read;
} readers[] = {
    {"tally", read_tally},
    {"tally, parse only", read_tally_parse},
#ifdef TALLY_JSON_PEERS
    {"simdjson on-demand", peer_simdjson},
    {"yajl", peer_yajl},
    {"cJSON", peer_cjson},
    {"jansson", peer_jansson},
    {"json-c", peer_json_c},
#endif
};

static uint64_t now_ns(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

static bool read_lines(bench_reader *read, const char *text, size_t len, bench_sums *sums) {
    const char *end = text + len;
    bool valid = true;
    while (text < end) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        const char *stop = newline ? newline : end;
        valid = read(text, (size_t)(stop - text), sums) && valid;
        text = stop + 1;
    }
    return valid;
}

static void measure(const char *text, size_t len) {
    for (size_t r = 0; r < sizeof readers / sizeof readers[0]; r++) {
        uint64_t best = UINT64_MAX;
        bench_sums sums = {0};
        bool valid = true;
        for (int run = 0; run < RUNS; run++) {
            sums = (bench_sums){0};
            uint64_t start = now_ns();
            valid = read_lines(readers[r].read, text, len, &sums);
            uint64_t spent = now_ns() - start;
            if (spent < best) best = spent;
        }
        if (best == 0) best = 1;
        printf("%-20s %7llu MB/s  %8llu us  lines %llu  text %llu  tokens %llu%s\n",
               readers[r].name, (unsigned long long)(len * UINT64_C(1000) / best),
               (unsigned long long)(best / 1000), (unsigned long long)sums.lines,
               (unsigned long long)sums.text_bytes, (unsigned long long)sums.tokens,
               valid ? "" : "  (some lines refused)");
    }
}

/* The whole file with BENCH_PADDING_BYTES after it; NULL when it cannot be read. */
static char *read_file(const char *path, size_t *len) {
    char *text = NULL;
    FILE *file = fopen(path, "rb");
    if (!file) return NULL;
    if (fseek(file, 0, SEEK_END) != 0) goto done;
    long size = ftell(file);
    if (size < 0 || fseek(file, 0, SEEK_SET) != 0) goto done;
    *len = (size_t)size;
    text = calloc(*len + BENCH_PADDING_BYTES, 1);
    if (text && fread(text, 1, *len, file) != *len) {
        free(text);
        text = NULL;
    }
done:
    (void)fclose(file);
    return text;
}

int main(int argc, char **argv) {
    if (argc < 2) {
        fprintf(stderr, "usage: json_bench FILE...\n");
        return 2;
    }
    for (int i = 1; i < argc; i++) {
        size_t len = 0;
        char *text = read_file(argv[i], &len);
        if (!text) {
            perror(argv[i]);
            return 1;
        }
        printf("%s: %zu bytes, best of %d runs\n", argv[i], len, RUNS);
        measure(text, len);
        free(text);
    }
    return 0;
}
