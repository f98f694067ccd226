/* What each type of a policy's field may hold, and the words for what it must be. Which fields a
 * table has is policy.c's. */
#include "policy_field.h"

#include <tally/cosign.h>
#include <tally/money.h>
#include <tally/time.h>

#include <string.h>

#define TEXT_MAX_BYTES 1024u /* of a path, a remote, an address */
#define PRIORITY_MAX   1000
#define CHOICES_MAX    5u
#define DAYS_MAX       365u
#define PART_MAX       10000u
#define PERCENT_MAX    10000u
#define MINUTES_MAX    1440u

static bool plain_text(tally_span text, size_t max) {
    if (text.len == 0 || text.len > max) return false;
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] < 0x20 || text.ptr[i] == 0x7f) return false;
    return true;
}

static bool month_ok(tally_span text) {
    char date[11] = {0};
    int64_t days;
    if (text.len != 7) return false;
    memcpy(date, text.ptr, 7);
    memcpy(date + 7, "-01", 3);
    return tally_date_parse(tally_span_of(date, 10), &days) == 0;
}

static bool ordinal_ok(tally_span text) {
    if (text.len == 0 || text.len > 2 || text.ptr[0] == '0') return false;
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] < '0' || text.ptr[i] > '9') return false;
    return true;
}

static bool country_ok(tally_span text) {
    return text.len == 2 && text.ptr[0] >= 'A' && text.ptr[0] <= 'Z' && text.ptr[1] >= 'A' &&
           text.ptr[1] <= 'Z';
}

/* Fields that hold one of few words. */
static const struct {
    const char *words[CHOICES_MAX], *said;
} choices[] = {
    [TALLY_FIELD_PERIOD] = {{"daily", "weekly", "monthly"}, "daily, weekly or monthly"},
    [TALLY_FIELD_COVERS] = {{"all", "beyond-plan"}, "all or beyond-plan"},
    [TALLY_FIELD_OVERLAP] = {{"split", "focus", "parallel"}, "split, focus or parallel"},
    [TALLY_FIELD_ROUNDING] = {{"up", "nearest"}, "up or nearest"},
    [TALLY_FIELD_PER] = {{"entry", "day", "line"}, "entry, day or line"},
    [TALLY_FIELD_AI_COST] = {{"at_cost", "markup", "in_rate", "budget", "none"},
                             "at_cost, markup, in_rate, budget or none"},
    [TALLY_FIELD_BASIS] = {{"list", "paid"}, "list or paid"},
    [TALLY_FIELD_LINES] = {{"description", "entry", "project", "day", "tag"},
                           "description, entry, project, day or tag"},
    [TALLY_FIELD_TAX] = {{"S", "Z", "E", "AE", "O"}, "S, Z, E, AE or O"},
    [TALLY_FIELD_WITNESS] = {{"any", "admin", "member", "auditor"},
                             "any, admin, member or auditor"},
    [TALLY_FIELD_YES_NO] = {{"yes", "no"}, "yes or no"},
};

static const char *choice_fault(tally_field_type type, tally_span text) {
    for (size_t i = 0; i < CHOICES_MAX && choices[type].words[i]; i++)
        if (tally_span_is(text, choices[type].words[i])) return NULL;
    return choices[type].said;
}

const char *tally_field_text_fault(tally_field_type type, tally_span text) {
    int64_t days;
    switch (type) {
    case TALLY_FIELD_NAME:
        return plain_text(text, TALLY_NAME_MAX_BYTES) ? NULL
                                                      : "1 to 64 bytes without control characters";
    case TALLY_FIELD_TEXT:
        return plain_text(text, TEXT_MAX_BYTES) ? NULL
                                                : "1 to 1,024 bytes without control characters";
    case TALLY_FIELD_DATE:
        return tally_date_parse(text, &days) == 0 ? NULL : "a date as 2026-03-31";
    case TALLY_FIELD_MONTH: return month_ok(text) ? NULL : "a month as 2026-03";
    case TALLY_FIELD_CURRENCY:
        return tally_currency_decimals(text) >= 0 ? NULL : "an ISO 4217 code such as EUR";
    case TALLY_FIELD_ORDINAL: return ordinal_ok(text) ? NULL : "a number from 1 to 99";
    case TALLY_FIELD_COUNTRY: return country_ok(text) ? NULL : "a country's two letters such as DE";
    case TALLY_FIELD_BLOB: return "a file's id";
    default: break;
    }
    return tally_field_is_number(type) ? "a number" : choice_fault(type, text);
}

static bool all_blank(tally_span text) {
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] != ' ') return false;
    return true;
}

const char *tally_field_typed_fault(tally_field_type type, tally_span text) {
    const char *fault = tally_field_text_fault(type, text);
    bool dated = type == TALLY_FIELD_DATE || type == TALLY_FIELD_MONTH;
    if (fault) return fault;
    if (!tally_utf8_valid(text)) return "UTF-8 text";
    if (dated && memcmp(text.ptr, "0000", 4) == 0) return "of the year 1 or later";
    return all_blank(text) ? "more than blanks" : NULL;
}

static const char *number_fault(tally_field_type type, const tally_value *value) {
    bool positive = value->type == TALLY_VALUE_UINT;
    uint64_t number = positive ? value->as.uint : 0;
    switch (type) {
    case TALLY_FIELD_PICO:
        return positive && number > 0 && number <= INT64_MAX ? NULL : "an amount above zero";
    case TALLY_FIELD_PERCENT:
        return positive && number > 0 && number <= PERCENT_MAX ? NULL : "1 to 10000 percent";
    case TALLY_FIELD_QUORUM:
        return positive && number > 0 && number <= TALLY_QUORUM_MAX ? NULL : "1 to 16 members";
    case TALLY_FIELD_HOURS:
        return positive && number > 0 && number <= TALLY_BACKDATE_MAX_HOURS ? NULL
                                                                            : "1 to 878400 hours";
    case TALLY_FIELD_MINUTES:
        return positive && number > 0 && number <= MINUTES_MAX ? NULL : "1 to 1440 minutes";
    case TALLY_FIELD_PRIORITY:
        if (positive) return number <= PRIORITY_MAX ? NULL : "-1000 to 1000";
        return value->as.integer >= -PRIORITY_MAX ? NULL : "-1000 to 1000";
    case TALLY_FIELD_STEP: return positive && number <= MINUTES_MAX ? NULL : "0 to 1440 minutes";
    case TALLY_FIELD_DAYS: return positive && number <= DAYS_MAX ? NULL : "0 to 365 days";
    case TALLY_FIELD_PART:
        return positive && number <= PART_MAX ? NULL : "0 to 10000 hundredths of a percent";
    default: return "a text";
    }
}

const char *policy_field_fault(const tally_policy_field *f, const tally_record *record,
                               bool *there) {
    tally_value value;
    tally_i128 amount;
    *there = tally_body_get(record, f->name, &value);
    if (!*there) return f->needed ? "given" : NULL;
    if (f->type == TALLY_FIELD_AMOUNT)
        return tally_value_amount(&value, &amount) && amount > 0 ? NULL : "an amount above zero";
    if (value.type == TALLY_VALUE_STR) return tally_field_text_fault(f->type, value.bytes);
    if (value.type == TALLY_VALUE_BIN && f->type == TALLY_FIELD_BLOB)
        return value.bytes.len == TALLY_HASH_BYTES ? NULL : "32 bytes";
    if (value.type == TALLY_VALUE_UINT || value.type == TALLY_VALUE_INT)
        return number_fault(f->type, &value);
    return "a text or a number";
}
