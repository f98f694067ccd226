/* tally version. */
#include "commands.h"

static int version_run(cli *run) {
    fprintf(cli_out(run), run->json ? "{\"version\":\"%s\"}\n" : "tally %s\n", TALLY_VERSION);
    return CLI_DONE;
}

const cli_command command_version = {.name = "version",
                                     .arguments = "",
                                     .summary = "which version this is",
                                     .example = "tally version",
                                     .run = version_run};
