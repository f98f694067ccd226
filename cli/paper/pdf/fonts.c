/* A fontconfig of our own that knows a handful of files. */
#include "fonts.h"

#include <pango/pangocairo.h>
#include <pango/pangofc-fontmap.h>
#include <string.h>

#ifndef TALLY_FONT_DIR
#define TALLY_FONT_DIR "/usr/share/fonts"
#endif

typedef struct font_file {
    const char *path, *package;
    bool other; /* than Latin, Greek and Cyrillic */
} font_file;

static const font_file font_files[] = {
    {TALLY_FONT_DIR "/opentype/inter/Inter-Regular.otf", "fonts-inter", false},
    {TALLY_FONT_DIR "/opentype/inter/Inter-SemiBold.otf", "fonts-inter", false},
    {TALLY_FONT_DIR "/truetype/dejavu/DejaVuSans.ttf", "fonts-dejavu-core", true},
    {TALLY_FONT_DIR "/truetype/dejavu/DejaVuSans-Bold.ttf", "fonts-dejavu-core", true},
    {TALLY_FONT_DIR "/truetype/droid/DroidSansFallbackFull.ttf", "fonts-droid-fallback", true},
    {TALLY_FONT_DIR "/truetype/ancient-scripts/Symbola_hint.ttf", "fonts-symbola", true}};

static void note_coverage(pdf_fonts *fonts) {
    FcFontSet *loaded = FcConfigGetFonts(fonts->config, FcSetApplication);
    for (int i = 0; loaded && i < loaded->nfont; i++) {
        FcCharSet *characters = NULL;
        if (FcPatternGetCharSet(loaded->fonts[i], FC_CHARSET, 0, &characters) == FcResultMatch)
            FcCharSetMerge(fonts->covered, characters, NULL);
    }
}

static int fonts_open(pdf_fonts *fonts, bool others, tally_error *err) {
    fonts->config = FcConfigCreate();
    fonts->covered = FcCharSetCreate();
    fonts->map = pango_cairo_font_map_new_for_font_type(CAIRO_FONT_TYPE_FT);
    if (!fonts->config || !fonts->covered || !fonts->map)
        return tally_fail(err, TALLY_ENOMEM, "cannot set up fonts for the PDF");
    for (size_t i = 0; i < sizeof font_files / sizeof *font_files; i++) {
        const font_file *file = &font_files[i];
        if (file->other && !others) continue;
        if (!FcConfigAppFontAddFile(fonts->config, (const FcChar8 *)file->path))
            return tally_fail(err, TALLY_ENOTFOUND,
                              "the PDF's font %s is missing; install it with 'apt install %s', or "
                              "use --format html",
                              file->path, file->package);
    }
    note_coverage(fonts);
    pango_fc_font_map_set_config(PANGO_FC_FONT_MAP(fonts->map), fonts->config);
    return 0;
}

static void fonts_close(pdf_fonts *fonts) {
    if (fonts->map) g_object_unref(fonts->map);
    if (fonts->covered) FcCharSetDestroy(fonts->covered);
    if (fonts->config) FcConfigDestroy(fonts->config);
    memset(fonts, 0, sizeof *fonts);
}

int fonts_get(bool others, const pdf_fonts **out, tally_error *err) {
    static pdf_fonts loaded[2];
    pdf_fonts *fonts = &loaded[others];
    int rc = fonts->map ? 0 : fonts_open(fonts, others, err);
    if (rc != 0) fonts_close(fonts);
    *out = rc == 0 ? fonts : NULL;
    return rc;
}

/* Joiners and variation selectors are shown by what they do to their neighbours. */
static bool needs_no_glyph(uint32_t character) {
    return character == 0x200c || character == 0x200d ||
           (character >= 0xfe00 && character <= 0xfe0f);
}

uint32_t fonts_missing(const pdf_fonts *fonts, const char *text) {
    for (; *text; text = g_utf8_find_next_char(text, NULL)) {
        uint32_t character = g_utf8_get_char(text);
        if (!FcCharSetHasChar(fonts->covered, character) && !needs_no_glyph(character))
            return character;
    }
    return 0;
}
