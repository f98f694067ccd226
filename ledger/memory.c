/* Notes that memory ran out: memory.h. What is done about it is the programs' matter. */
#include <tally/memory.h>

#include <stdatomic.h>
#include <stddef.h>

static _Atomic uint64_t losses;
static tally_memory_fn *_Atomic on_loss;

void tally_memory_lost(void) {
    tally_memory_fn *fn = atomic_load(&on_loss);
    atomic_fetch_add(&losses, 1);
    if (fn) fn();
}

uint64_t tally_memory_losses(void) {
    return atomic_load(&losses);
}

void tally_memory_on_loss(tally_memory_fn *fn) {
    atomic_store(&on_loss, fn);
}
