/* The style and the script of pages: cli/report/page/, inside the program. Built with
 * TALLY_PAGE_DIR, the path of that folder. */
#include "report_view.h"

/* The assembler reads the files themselves, as it does ledger/price_table.c's. */
#define ASSET(name, file)                                                                          \
    __asm__(".pushsection .rodata\n"                                                               \
            ".globl " #name "_start\n.hidden " #name "_start\n" #name "_start:\n"                  \
            ".incbin \"" TALLY_PAGE_DIR "/" file "\"\n"                                            \
            ".globl " #name "_end\n.hidden " #name "_end\n" #name "_end:\n.byte 0\n"               \
            ".popsection\n");                                                                      \
    extern const uint8_t name##_start[] __attribute__((visibility("hidden")));                     \
    extern const uint8_t name##_end[] __attribute__((visibility("hidden")))

ASSET(tally_page_style, "report.css");
ASSET(tally_page_script, "report.js");

static tally_span between(const uint8_t *start, const uint8_t *end) {
    return tally_span_of(start, (size_t)((uintptr_t)end - (uintptr_t)start));
}

tally_span report_page_style(void) {
    return between(tally_page_style_start, tally_page_style_end);
}

tally_span report_page_script(void) {
    return between(tally_page_script_start, tally_page_script_end);
}
