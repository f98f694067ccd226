/* What is no description: words that would stand on anybody's invoice. */
#include <tally/describe.h>

#define WORD_MAX_BYTES 15u /* longer words are in no table */
#define LETTERS_MIN    3u  /* bytes that must remain */

/* In bytewise order: looked up by halves. */
static const char *const empty_words[] = {
    "a",          "ad",          "agent",         "ai",          "aider",       "an",
    "and",        "antigravity", "assorted",      "bug",         "bugfix",      "bugfixes",
    "bugs",       "change",      "changes",       "chat",        "claude",      "cleanup",
    "cli",        "code",        "codex",         "coding",      "consult",     "consultancy",
    "consulting", "copilot",     "dev",           "development", "etc",         "fix",
    "fixed",      "fixes",       "fixing",        "for",         "from",        "gemini",
    "general",    "h",           "hotfix",        "hour",        "hours",       "hr",
    "hrs",        "in",          "initial",       "min",         "mins",        "minute",
    "minutes",    "misc",        "miscellaneous", "more",        "n",           "new",
    "of",         "on",          "opencode",      "other",       "programming", "s",
    "sec",        "service",     "services",      "session",     "small",       "some",
    "stuff",      "support",     "task",          "tasks",       "temp",        "test",
    "testing",    "tests",       "the",           "things",      "to",          "todo",
    "tweak",      "tweaks",      "untitled",      "update",      "updated",     "updates",
    "various",    "wip",         "with",          "work",        "working",
};

static bool is_letter(uint8_t c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c >= 0x80;
}

static bool is_empty_word(const char *word) {
    size_t low = 0, high = sizeof empty_words / sizeof *empty_words;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(empty_words[middle], word);
        if (order == 0) return true;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

/* Of a word without digits; nothing of an empty one. */
static size_t word_weight(const uint8_t *at, size_t len) {
    char word[WORD_MAX_BYTES + 1];
    if (len > WORD_MAX_BYTES) return len;
    for (size_t i = 0; i < len; i++)
        word[i] = (char)(at[i] >= 'A' && at[i] <= 'Z' ? at[i] + ('a' - 'A') : at[i]);
    word[len] = '\0';
    return is_empty_word(word) ? 0 : len;
}

bool tally_words_vague(tally_span text) {
    size_t weight = 0;
    for (size_t i = 0, end; i < text.len && weight < LETTERS_MIN; i = end + 1) {
        for (end = i; end < text.len && is_letter(text.ptr[end]); end++)
            ;
        weight += word_weight(text.ptr + i, end - i);
    }
    return weight < LETTERS_MIN;
}
