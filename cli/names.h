/* Names of people and machines when nobody gives one: from what the system says about its user. */
#ifndef TALLY_CLI_NAMES_H
#define TALLY_CLI_NAMES_H

#include <stdbool.h>
#include <stddef.h>

#define CLI_NAME_MAX_BYTES 128u
#define CLI_NAME_RULE      "a name is 1 to 128 bytes of UTF-8 without control characters, and not blank"

/* Whether a name may be taken as it was given. True for NULL: none was. */
bool cli_name_given_ok(const char *given);

/* Each `out` holds CLI_NAME_MAX_BYTES + 1; what is longer is cut. `given` may be NULL. */
void cli_name_copy(char *out, const char *text, size_t length);
/* The member: as given, else the user's full name or login. */
void cli_name_member(char *out, const char *given);
/* The device: as given, else the host's name. */
void cli_name_device(char *out, const char *given);

#endif
