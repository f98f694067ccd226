/* What doctor's checks share. */
#ifndef TALLY_CLI_DOCTOR_H
#define TALLY_CLI_DOCTOR_H

#include "command.h"
#include "json_out.h"

typedef enum doctor_state { DOCTOR_OK, DOCTOR_WARNING, DOCTOR_FAILED } doctor_state;

typedef struct doctor {
    cli *run;
    cli_json json;
    unsigned failed;
} doctor;

/* One finding, printed at once. */
void doctor_say(doctor *doc, const char *check, doctor_state state, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Where agents leave their logs, and how long they keep them. */
void doctor_check_agents(doctor *doc);

#endif
