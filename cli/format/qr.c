/* Draws QR codes: libqrencode makes the modules, two rows of them stand in one line of text. */
#include "qr.h"

#include <errno.h>
#include <limits.h>
#include <qrencode.h>

#define QUIET_MODULES 4 /* ISO/IEC 18004: light on all sides */

/* Colours of the fixed cube: themes change the first sixteen. */
#define BLACK_ON_WHITE "\033[38;5;16;48;5;231m"
#define RESET          "\033[0m"

static bool dark(const QRcode *code, int row, int column) {
    int y = row - QUIET_MODULES, x = column - QUIET_MODULES;
    if (x < 0 || y < 0 || x >= code->width || y >= code->width) return false;
    return code->data[y * code->width + x] & 1;
}

static void line_draw(FILE *out, const QRcode *code, int row, int side) {
    static const char *const blocks[] = {" ", "\xe2\x96\x80", "\xe2\x96\x84", "\xe2\x96\x88"};
    fputs(BLACK_ON_WHITE, out);
    for (int column = 0; column < side; column++)
        fputs(blocks[dark(code, row, column) + 2 * dark(code, row + 1, column)], out);
    fputs(RESET "\n", out);
}

int cli_qr_draw(FILE *out, tally_span text, unsigned columns, tally_error *err) {
    if (!text.len || text.len > INT_MAX)
        return tally_fail(err, TALLY_ELIMIT, "that is too long for a QR code");
    QRcode *code = QRcode_encodeData((int)text.len, text.ptr, 0, QR_ECLEVEL_L);
    if (!code)
        return tally_fail(err, errno == ENOMEM ? TALLY_ENOMEM : TALLY_ELIMIT,
                          "no QR code can be made of %zu bytes", text.len);
    int side = code->width + 2 * QUIET_MODULES, failed = 0;
    if (columns && columns < (unsigned)side)
        failed = tally_fail(err, TALLY_ELIMIT, "the terminal has %u columns and the QR code %d",
                            columns, side);
    for (int row = 0; !failed && row < side; row += 2)
        line_draw(out, code, row, side);
    QRcode_free(code);
    return failed;
}
