/* Records as JSON: the members shared by `log` and `show`. */
#ifndef TALLY_CLI_RECORD_OUT_H
#define TALLY_CLI_RECORD_OUT_H

#include <tally/ledger.h>

#include "json_out.h"

/* Members "device","index","hash","hlc","time","kind","body" of one stored record into the object
 * that is open. Byte strings are hex. TALLY_ECORRUPT when the bytes are no record. */
int cli_record_json(cli_json *json, const tally_device_id *device, uint64_t index, tally_span bytes,
                    tally_error *err);

#endif
