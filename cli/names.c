/* Names of people and machines when nobody gives one. */
#include "names.h"

#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void cli_name_copy(char *out, const char *text, size_t length) {
    if (length > CLI_NAME_MAX_BYTES) length = CLI_NAME_MAX_BYTES;
    memcpy(out, text, length);
    out[length] = '\0';
}

/* The full name up to the first comma of the password file's comment, else the login name. */
void cli_name_member(char *out, const char *given) {
    const struct passwd *user = getpwuid(geteuid());
    const char *login = getenv("USER");
    size_t full = user && user->pw_gecos ? strcspn(user->pw_gecos, ",") : 0;
    if (given)
        cli_name_copy(out, given, strlen(given));
    else if (full)
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
