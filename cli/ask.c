/* Asking yes or no on the terminal. Passphrases are in passphrase.c. */
#include "ask.h"

#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

#define QUESTION_MAX_BYTES 1024
#define ANSWER_MAX_BYTES   256

bool cli_ask_yes(const char *question, tally_error *err) {
    static const char choice[] = " [y/N] ";
    char text[QUESTION_MAX_BYTES], answer[ANSWER_MAX_BYTES];
    int terminal = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    if (terminal < 0) {
        tally_fail(err, TALLY_EREFUSED,
                   "this has to be answered on a terminal, and there is none; --yes answers "
                   "beforehand");
        return false;
    }
    snprintf(text, sizeof text, "%s", question);
    cli_text_one_line(text);
    /* What was typed before the question was not an answer to it. */
    tcflush(terminal, TCIFLUSH);
    (void)!write(terminal, text, strlen(text));
    (void)!write(terminal, choice, sizeof choice - 1);
    ssize_t got = read(terminal, answer, sizeof answer);
    if (got <= 0) (void)!write(terminal, "\n", 1);
    close(terminal);
    return got > 0 && (answer[0] == 'y' || answer[0] == 'Y');
}
