/* The frame of the auditor's page; what it does is in cli/audit/page/. Built with
 * TALLY_PACK_PAGE_DIR, the path of that folder. */
#include "pack_page.h"

#include <assert.h>
#include <string.h>

#include "format/html_out.h"

/* The assembler reads the files themselves, as it does ledger/price_table.c's. */
#define BEGIN(name)                                                                                \
    ".pushsection .rodata\n.globl " #name "_start\n.hidden " #name "_start\n" #name "_start:\n"
#define FILE_AS_IT_STANDS(file) ".incbin \"" TALLY_PACK_PAGE_DIR "/" file "\"\n"
#define END(name)                                                                                  \
    ".globl " #name "_end\n.hidden " #name "_end\n" #name "_end:\n.byte 0\n.popsection\n"
#define DECLARE(name)                                                                              \
    extern const uint8_t name##_start[] __attribute__((visibility("hidden")));                     \
    extern const uint8_t name##_end[] __attribute__((visibility("hidden")))

__asm__(BEGIN(tally_pack_style) FILE_AS_IT_STANDS("pack.css") END(tally_pack_style));
/* One script: each file stands on those before it, and is run once all are known. */
__asm__(BEGIN(tally_pack_script) FILE_AS_IT_STANDS("hash.js") FILE_AS_IT_STANDS("ed25519.js")
            FILE_AS_IT_STANDS("msgpack.js") FILE_AS_IT_STANDS("price.js")
                FILE_AS_IT_STANDS("figure.js") FILE_AS_IT_STANDS("check.js")
                    FILE_AS_IT_STANDS("page.js") END(tally_pack_script));
DECLARE(tally_pack_style);
DECLARE(tally_pack_script);

static tally_span between(const uint8_t *start, const uint8_t *end) {
    return tally_span_of(start, (size_t)((uintptr_t)end - (uintptr_t)start));
}

void pack_page_write(FILE *out, tally_span pack) {
    tally_span style = between(tally_pack_style_start, tally_pack_style_end);
    tally_span script = between(tally_pack_script_start, tally_pack_script_end);
    cli_html html;
    /* No line of a pack can hold a '<': words are escaped, all else is digits and base64. */
    assert(pack.len == 0 || !memchr(pack.ptr, '<', pack.len));
    cli_html_begin(&html, out);
    cli_html_open(&html, tally_span_str("Audit pack"), style, script);
    cli_html_put(&html, "<noscript><p>This page checks the pack in it with a script, which your "
                        "browser does not run. `tally audit verify` checks the same file."
                        "</p></noscript>\n<script id=\"pack\" type=\"text/plain\">");
    (void)fwrite(pack.ptr, 1, pack.len, out);
    cli_html_put(&html, "</script>\n");
    cli_html_close(&html, script);
}
