/* What compute is called on an invoice. Private to ledger/billing. */
#ifndef LEDGER_BILLING_COMPUTE_H
#define LEDGER_BILLING_COMPUTE_H

#include "draft.h"

#define COMPUTE_NAME_BYTES TALLY_MODEL_MAX_BYTES

/* The product under which a provider of inference is known: "Anthropic Claude API"; else its own
 * name. In `room` or static. */
tally_span compute_product(tally_span provider, char room[COMPUTE_NAME_BYTES]);
/* Of a model: its maker's product, or that of the cloud before its first slash. */
tally_span compute_maker(tally_span model, char room[COMPUTE_NAME_BYTES]);
/* "LLM inference (Anthropic Claude API)", "Vector DB hosting (Pinecone, March 2026)". */
tally_span compute_words(draft *d, tally_expense_category category, tally_span provider);

#endif
