/* Loads the module that sets type (cli/paper/pdf/) and hands it the sheet. */
#include "pdf/pdf.h"

#include <dlfcn.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include <tally/program.h>

#include "formats.h"

#if defined(__SANITIZE_ADDRESS__)
#define UNDER_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define UNDER_SANITIZER 1
#endif
#endif

#ifdef UNDER_SANITIZER
/* fontconfig keeps offsets where others keep pointers: the sanitizer takes what it holds for lost.
 */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) {
    return "leak:libfontconfig";
}

const char *__lsan_default_options(void);
const char *__lsan_default_options(void) {
    return "print_suppressions=0";
}
#endif

/* Where the module lies, seen from the program's own folder: as built, as installed. */
static const char *const module_places[] = {"/lib/tally/" PDF_MODULE, "/../lib/tally/" PDF_MODULE};

/* Never unloaded: what GLib registers once cannot be taken back. */
static pdf_draw *module_load(tally_error *err) {
    char program[PATH_MAX], path[PATH_MAX + sizeof "/../lib/tally/" PDF_MODULE];
    int folder = tally_program_path(program, sizeof program);
    void *module = NULL;
    pdf_draw *draw = NULL;
    for (size_t i = 0; folder >= 0 && !module && i < sizeof module_places / sizeof *module_places;
         i++) {
        snprintf(path, sizeof path, "%.*s%s", folder, program, module_places[i]);
        if (access(path, R_OK) == 0) module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    }
    if (module) *(void **)&draw = dlsym(module, PDF_MODULE_SYMBOL);
    if (!draw) {
        const char *why = dlerror();
        tally_fail(err, TALLY_ENOTFOUND,
                   "cannot make a PDF: " PDF_MODULE " does not load (%s); install Tally whole and "
                   "libpangocairo-1.0-0, or use --format html",
                   why ? why : "it is not beside the program in lib/tally");
    }
    return draw;
}

static int to_file(void *ctx, const unsigned char *bytes, size_t len) {
    return fwrite(bytes, 1, len, (FILE *)ctx) == len ? 0 : -1;
}

int paper_pdf(FILE *out, const tally_invoice *invoice, const paper_sheet *sheet, tally_error *err) {
    (void)invoice;
    pdf_draw *draw = module_load(err);
    return draw ? draw(sheet, to_file, out, err) : TALLY_ENOTFOUND;
}

int paper_pdf_ready(tally_error *err) {
    return module_load(err) ? 0 : TALLY_ENOTFOUND;
}
