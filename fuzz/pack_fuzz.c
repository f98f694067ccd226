/* Audit packs from outside: whatever they hold, the verdict is good, or bad at one of their lines
 * (or just past the last). */
#include <tally/audit.h>

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    tally_pack_verdict verdict;
    tally_pack *pack;
    uint64_t lines = 1;
    for (size_t i = 0; i < size; i++)
        lines += data[i] == '\n';
    if (tally_pack_read(tally_span_of(data, size), &pack, &verdict, NULL) != 0) return 0;
    if (verdict.ok != (pack != NULL)) abort();
    if (!verdict.ok && (verdict.line < 1 || verdict.line > lines || !verdict.subject[0])) abort();
    tally_pack_free(pack);
    return 0;
}
