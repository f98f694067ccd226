/* Names of people and machines when nobody gives one. */
#include "names.h"

#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <tally/record.h>

#define DELETE 0x7f

bool cli_name_given_ok(const char *given) {
    if (!given) return true;
    size_t length = strlen(given);
    bool blank = true;
    if (length > CLI_NAME_MAX_BYTES || !tally_utf8_valid(tally_span_of(given, length)))
        return false;
    for (const char *c = given; *c; c++) {
        if ((unsigned char)*c < ' ' || *c == DELETE) return false;
        blank = blank && *c == ' ';
    }
    return !blank;
}

/* Cuts between two characters: half of one would make the name no text. */
void cli_name_copy(char *out, const char *text, size_t length) {
    if (length > CLI_NAME_MAX_BYTES)
        for (length = CLI_NAME_MAX_BYTES; length && ((unsigned char)text[length] & 0xc0) == 0x80;)
            length--;
    memcpy(out, text, length);
    out[length] = '\0';
}

/* The full name up to the first comma of the password file's comment, else the login name. */
void cli_name_member(char *out, const char *given) {
    if (given) {
        cli_name_copy(out, given, strlen(given));
        return;
    }
    const struct passwd *user = getpwuid(geteuid());
    const char *login = getenv("USER");
    size_t full = user && user->pw_gecos ? strcspn(user->pw_gecos, ",") : 0;
    if (full)
        cli_name_copy(out, user->pw_gecos, full);
    else if (login && *login)
        cli_name_copy(out, login, strlen(login));
    else if (user)
        cli_name_copy(out, user->pw_name, strlen(user->pw_name));
    else
        cli_name_copy(out, "me", 2);
}

void cli_name_device(char *out, const char *given) {
    if (given)
        cli_name_copy(out, given, strlen(given));
    else if (gethostname(out, CLI_NAME_MAX_BYTES) || !*out)
        cli_name_copy(out, "device", 6);
    out[CLI_NAME_MAX_BYTES] = '\0';
}
