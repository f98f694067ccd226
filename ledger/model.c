/* Model names: what is decoration and what is the model, and which name of a table a log's name
 * means. No prices. */
#include <tally/price.h>

/* A name taken apart. The spans borrow from it. */
typedef struct name {
    tally_span core;    /* the model itself, still with its punctuation */
    tally_span region;  /* "us", "eu" ...; empty for none and for "global" */
    tally_span version; /* "v1:0", "001"; empty for none */
    uint32_t date;      /* 20250929; 0 for none */
    char variant;       /* 'b' for :batch, 'f' for :free, which have prices of their own */
    bool prefixed;      /* a provider or region stood before it */
} name;

static const char *const REGIONS[] = {"us.", "eu.", "jp.", "au.", "apac.", "global."};
static const char *const VENDORS[] = {"anthropic.", "openai."};
/* Reasoning effort and context window: more tokens, the same price. */
static const char *const DECORATIONS[] = {"[1m]",  "(high)",     "(medium)",
                                          "(low)", "(xhigh)",    "(minimal)",
                                          "(max)", "(thinking)", ":thinking"};

/* ASCII, whatever the locale. */
static char lower(uint8_t c) {
    return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

static bool is_space(uint8_t c) {
    return c == ' ' || c == '\t';
}

static bool is_digit(uint8_t c) {
    return c >= '0' && c <= '9';
}

static bool starts_with(tally_span text, const char *prefix) {
    size_t len = strlen(prefix);
    if (text.len < len) return false;
    for (size_t i = 0; i < len; i++)
        if (lower(text.ptr[i]) != prefix[i]) return false;
    return true;
}

static bool ends_with(tally_span text, const char *suffix) {
    size_t len = strlen(suffix);
    if (text.len < len) return false;
    return starts_with(tally_span_of(text.ptr + (text.len - len), len), suffix);
}

static tally_span after(tally_span text, size_t n) {
    return tally_span_of(text.ptr + n, text.len - n);
}

static bool has_digit(tally_span text) {
    for (size_t i = 0; i < text.len; i++)
        if (is_digit(text.ptr[i])) return true;
    return false;
}

/* Offset behind the last `c`, 0 when there is none. */
static size_t behind_last(tally_span text, uint8_t c) {
    size_t at = text.len;
    while (at > 0 && text.ptr[at - 1] != c)
        at--;
    return at;
}

static void strip_prefixes(name *n) {
    size_t path = behind_last(n->core, '/'); /* provider, bedrock/, models/, the head of an ARN */
    n->core = after(n->core, path);
    n->prefixed = path > 0;
    for (size_t i = 0; i < sizeof REGIONS / sizeof REGIONS[0]; i++) {
        if (!starts_with(n->core, REGIONS[i])) continue;
        size_t len = strlen(REGIONS[i]);
        if (strcmp(REGIONS[i], "global.") != 0) n->region = tally_span_of(n->core.ptr, len - 1);
        n->core = after(n->core, len);
        n->prefixed = true;
        break;
    }
    for (size_t i = 0; i < sizeof VENDORS / sizeof VENDORS[0]; i++) {
        if (!starts_with(n->core, VENDORS[i])) continue;
        n->core = after(n->core, strlen(VENDORS[i]));
        n->prefixed = true;
        break;
    }
}

/* "20250929" or "2025-09-29" to a number; 0 when it is no date. */
static uint32_t date_of(tally_span text) {
    uint32_t value = 0;
    bool dashed = text.len == 10 && text.ptr[4] == '-' && text.ptr[7] == '-';
    if (text.len != 8 && !dashed) return 0;
    for (size_t i = 0; i < text.len; i++) {
        if (dashed && (i == 4 || i == 7)) continue;
        if (!is_digit(text.ptr[i])) return 0;
        value = value * 10 + (uint32_t)(text.ptr[i] - '0');
    }
    uint32_t month = value / 100 % 100, day = value % 100;
    if (value < 20000000 || value > 20999999 || month < 1 || month > 12 || day < 1 || day > 31)
        return 0;
    return value;
}

static bool strip_date(name *n) {
    static const size_t LENGTHS[] = {10, 8};
    for (size_t i = 0; i < 2 && n->date == 0; i++) {
        size_t len = LENGTHS[i];
        if (n->core.len <= len + 1 || n->core.ptr[n->core.len - len - 1] != '-') continue;
        n->date = date_of(after(n->core, n->core.len - len));
        if (n->date == 0) continue;
        n->core.len -= len + 1;
        return true;
    }
    return false;
}

/* "-v1:0", and "-v1" behind a vendor or region prefix, where Bedrock writes it. In "deepseek-v3"
 * and "claude-v2:1" it is the model itself: what is left must still hold a digit. */
static bool strip_version(name *n) {
    size_t at = n->core.len, colon = 0;
    while (at > 0 && (is_digit(n->core.ptr[at - 1]) || n->core.ptr[at - 1] == ':')) {
        at--;
        if (n->core.ptr[at] == ':') colon = at;
    }
    if (at < 3 || at == n->core.len || lower(n->core.ptr[at - 1]) != 'v' ||
        n->core.ptr[at - 2] != '-' || !is_digit(n->core.ptr[at]))
        return false;
    if (colon == 0 && !n->prefixed) return false;
    tally_span rest = tally_span_of(n->core.ptr, at - 2);
    if (!has_digit(rest)) return false;
    n->version = after(n->core, at - 1);
    n->core = rest;
    return true;
}

/* Vertex: "@20250514", "@default", "@001". */
static bool strip_at(name *n) {
    size_t at = behind_last(n->core, '@');
    if (at < 2) return false;
    tally_span rest = after(n->core, at);
    uint32_t date = date_of(rest);
    if (date != 0)
        n->date = date;
    else if (has_digit(rest))
        n->version = rest;
    n->core.len = at - 1;
    return true;
}

static bool strip_decoration(name *n) {
    if (n->core.len > 0 && is_space(n->core.ptr[n->core.len - 1])) {
        n->core.len--;
        return true;
    }
    for (size_t i = 0; i < sizeof DECORATIONS / sizeof DECORATIONS[0]; i++)
        if (ends_with(n->core, DECORATIONS[i])) {
            n->core.len -= strlen(DECORATIONS[i]);
            return true;
        }
    return false;
}

static bool strip_variant(name *n) {
    bool batch = ends_with(n->core, ":batch"), free_of_charge = ends_with(n->core, ":free");
    if (n->variant || (!batch && !free_of_charge)) return false;
    n->variant = batch ? 'b' : 'f';
    n->core.len -= batch ? strlen(":batch") : strlen(":free");
    return true;
}

static name parse(tally_span model) {
    name n = {.core = model};
    while (n.core.len > 0 && is_space(n.core.ptr[0]))
        n.core = after(n.core, 1);
    if (n.core.len == 0) return n;
    strip_prefixes(&n);
    while (strip_decoration(&n) || strip_variant(&n) || strip_at(&n) || strip_version(&n)) {}
    strip_date(&n);
    return n;
}

/* Punctuation and spaces go, letters get small. Returns the length. */
static size_t squeeze(tally_span core, char *out) {
    size_t len = 0;
    for (size_t i = 0; i < core.len; i++) {
        char c = lower(core.ptr[i]);
        if (core.ptr[i] >= 0x80 || is_digit(core.ptr[i]) || (c >= 'a' && c <= 'z')) out[len++] = c;
    }
    out[len] = '\0';
    return len;
}

size_t tally_model_canonical(tally_span model, char *out) {
    out[0] = '\0';
    if (model.len >= TALLY_MODEL_MAX_BYTES) return 0;
    return squeeze(parse(model).core, out);
}

bool tally_model_is_regional(tally_span model) {
    return parse(model).region.len > 0;
}

/* ---- resolving ---- */

typedef bool equal_fn(uint8_t a, uint8_t b);

static bool same_byte(uint8_t a, uint8_t b) {
    return a == b;
}

static uint8_t dashed(uint8_t c) {
    return c == '.' ? '-' : c;
}

static bool same_dashed(uint8_t a, uint8_t b) {
    return dashed(a) == dashed(b);
}

static bool same_any_case(uint8_t a, uint8_t b) {
    return lower(dashed(a)) == lower(dashed(b));
}

static bool spelled_alike(tally_span a, tally_span b, equal_fn *equal) {
    if (a.len != b.len) return false;
    for (size_t i = 0; i < a.len; i++)
        if (!equal(a.ptr[i], b.ptr[i])) return false;
    return true;
}

#define NONE      (-1)
#define AMBIGUOUS (-2)

static int resolve_spelling(tally_span model, const tally_span *candidates, size_t count,
                            equal_fn *equal) {
    int found = NONE;
    for (size_t i = 0; i < count && found != AMBIGUOUS; i++) {
        if (!spelled_alike(model, candidates[i], equal)) continue;
        if (found == NONE)
            found = (int)i;
        else if (!tally_span_eq(candidates[i], candidates[found]))
            found = AMBIGUOUS;
    }
    return found;
}

static bool same_text(tally_span a, tally_span b) {
    return spelled_alike(a, b, same_any_case);
}

/* How well two names of one canonical form agree: -1 when they contradict each other, larger is
 * better. */
static int agreement(const name *asked, const name *offered) {
    bool region = same_text(asked->region, offered->region);
    bool version = same_text(asked->version, offered->version);
    bool date = asked->date == offered->date;
    if (asked->variant != offered->variant) return -1;
    if (!region && offered->region.len > 0) return -1;
    if (!date && asked->date != 0 && offered->date != 0) return -1;
    if (!version && asked->version.len > 0 && offered->version.len > 0) return -1;
    return (region ? 8 : 0) + (offered->prefixed ? 0 : 4) + (date ? 2 : 0) + (version ? 1 : 0);
}

static int resolve_canonical(tally_span model, const tally_span *candidates, size_t count) {
    char want[TALLY_MODEL_MAX_BYTES], have[TALLY_MODEL_MAX_BYTES];
    int found = NONE, best = -1;
    name asked = parse(model);
    size_t len = squeeze(asked.core, want);
    if (len == 0) return NONE;
    for (size_t i = 0; i < count; i++) {
        if (candidates[i].len >= TALLY_MODEL_MAX_BYTES) continue;
        name offered = parse(candidates[i]);
        if (squeeze(offered.core, have) != len || memcmp(want, have, len) != 0) continue;
        int score = agreement(&asked, &offered);
        if (score > best) {
            best = score;
            found = (int)i;
        } else if (score == best && score >= 0 &&
                   (found == AMBIGUOUS || !tally_span_eq(candidates[i], candidates[found]))) {
            found = AMBIGUOUS;
        }
    }
    return found;
}

int tally_model_resolve(tally_span model, const tally_span *candidates, size_t count) {
    static equal_fn *const SPELLINGS[] = {same_byte, same_dashed, same_any_case};
    if (model.len == 0 || model.len >= TALLY_MODEL_MAX_BYTES || count > INT32_MAX) return -1;
    int found = NONE;
    for (size_t i = 0; i < sizeof SPELLINGS / sizeof SPELLINGS[0] && found == NONE; i++)
        found = resolve_spelling(model, candidates, count, SPELLINGS[i]);
    if (found == NONE) found = resolve_canonical(model, candidates, count);
    return found >= 0 ? found : -1;
}
