/* What the net tells commands, as words for people. */
#ifndef TALLY_CLI_NEWS_H
#define TALLY_CLI_NEWS_H

#include <net/net.h>

/* A line on stderr for each warning and error; the ordinary course of things is not told. */
net_news_fn cli_news_say;

/* cli_fail, for what the net reports: a teammate who cannot be reached (TALLY_EIO) is nothing that
 * is damaged here. */
int cli_net_fail(const tally_error *err);

#endif
