/* Says what goes wrong on the net. */
#include "news.h"

#include "command.h"

void cli_news_say(void *ctx, const net_news *news) {
    (void)ctx;
    if (news->level == NET_INFO) return;
    cli_say("%s%s%s%s%s", news->address ? news->address : "", news->address ? ": " : "", news->what,
            news->text ? ": " : "", news->text ? news->text : "");
}

int cli_net_fail(const tally_error *err) {
    int code = cli_fail(err);
    return err->code == TALLY_EIO ? CLI_FAILED : code;
}
