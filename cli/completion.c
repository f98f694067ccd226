/* tally completion: the scripts of dist/completions/, for shells that find them nowhere. Built with
 * TALLY_COMPLETIONS_DIR, the path of that folder. What they ask is complete.c's. */
#include <string.h>

#include "commands.h"

/* The assembler reads the files themselves, as it does ledger/price_table.c's. */
#define SCRIPT(name, file)                                                                         \
    __asm__(".pushsection .rodata\n"                                                               \
            ".globl " #name "\n.hidden " #name "\n" #name ":\n"                                    \
            ".incbin \"" TALLY_COMPLETIONS_DIR "/" file "\"\n.byte 0\n"                            \
            ".popsection\n");                                                                      \
    extern const char name[] __attribute__((visibility("hidden")))

SCRIPT(tally_completion_bash, "tally.bash");
SCRIPT(tally_completion_fish, "tally.fish");
SCRIPT(tally_completion_zsh, "_tally");

static const struct {
    const char *shell, *script;
} scripts[] = {{"bash", tally_completion_bash},
               {"zsh", tally_completion_zsh},
               {"fish", tally_completion_fish}};

static int completion_run(cli *run) {
    for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
        if (strcmp(scripts[i].shell, run->arguments[0]) != 0) continue;
        fputs(scripts[i].script, cli_out(run));
        return CLI_DONE;
    }
    return cli_usage(run, "there is completion for bash, zsh and fish, not for '%s'",
                     run->arguments[0]);
}

const cli_command command_completion = {
    .name = "completion",
    .arguments = "SHELL",
    .summary = "a script that completes commands with TAB: bash, zsh, fish",
    .example = "tally completion bash > ~/.local/share/"
               "bash-completion/completions/tally",
    .min_arguments = 1,
    .max_arguments = 1,
    .run = completion_run};
