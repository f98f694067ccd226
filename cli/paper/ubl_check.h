/* What EN 16931 asks of an invoice before it can be said in UBL. */
#ifndef TALLY_PAPER_UBL_CHECK_H
#define TALLY_PAPER_UBL_CHECK_H

#include <tally/invoice.h>

#define UBL_MAX_DECIMALS 2 /* of an amount: BR-DEC-09 to BR-DEC-23. Prices have no such limit */

/* TALLY_EREFUSED with what is missing, the standard's rule and the next step. */
int ubl_check(const tally_invoice *invoice, tally_error *err);
/* True where the invoice is outside VAT altogether: then no VAT number may stand on it (BR-O-02).
 */
bool ubl_outside_vat(const tally_invoice *invoice);

#endif
