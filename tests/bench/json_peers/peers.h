/* What json_bench asks of every reader, and the readers it is compared with: one file each here,
 * none part of Tally. By hand, where their development packages are installed: gcc -O2
 * -DTALLY_JSON_PEERS for json_bench.c, the .c files here and ledger/json*.c; g++ -std=c++17 -O2 for
 * simdjson_peer.cc and to link. */
#ifndef TALLY_BENCH_JSON_PEERS_H
#define TALLY_BENCH_JSON_PEERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BENCH_PADDING_BYTES 64 /* readable after every line; simdjson needs it */

/* The fields an adapter reads, summed over a file, so that readers can be seen to agree. */
typedef struct bench_sums {
    uint64_t lines;
    uint64_t text_bytes; /* of type, uuid, timestamp, message.id, message.model */
    uint64_t tokens;     /* the numbers in message.usage */
} bench_sums;

/* Reads one line into the sums; false when it is not JSON. */
typedef bool bench_reader(const char *line, size_t len, bench_sums *sums);

bench_reader peer_simdjson, peer_cjson, peer_json_c, peer_jansson, peer_yajl;

#ifdef __cplusplus
}
#endif

#endif
