/* Money as exact integers: decimal text in and out, rounding, and the currencies of ISO 4217. Rates
 * and invoice rules live elsewhere. */
#include <tally/money.h>

#include <assert.h>
#include <stdlib.h>

#define MAX_EXPONENT 9999 /* larger ones mean the same: nothing, or more than fits */
/* Text of fewer decimals was typed by people, and is meant to the last digit. */
#define NOISE_MIN_DECIMALS 16
#define I128_MAX_DIGITS    39
#define GROUP_DIGITS       3
#define UNKNOWN_DECIMALS   2

/* A decimal number as it was written: the digits, and the power of ten (in pico-units) of the last
 * one. */
typedef struct decimal {
    tally_span whole, fraction;
    int64_t exponent;
    bool negative;
} decimal;

static bool is_digit(uint8_t c) {
    return c >= '0' && c <= '9';
}

static bool take_char(tally_span *text, char wanted) {
    if (text->len == 0 || text->ptr[0] != (uint8_t)wanted) return false;
    *text = tally_span_of(text->ptr + 1, text->len - 1);
    return true;
}

/* One digit or more. */
static bool take_digits(tally_span *text, tally_span *digits) {
    size_t len = 0;
    while (len < text->len && is_digit(text->ptr[len]))
        len++;
    *digits = tally_span_of(text->ptr, len);
    *text = tally_span_of(text->ptr + len, text->len - len);
    return len > 0;
}

static bool take_exponent(tally_span *text, int64_t *exponent) {
    tally_span digits;
    bool negative = take_char(text, '-');
    if (!negative) (void)take_char(text, '+');
    if (!take_digits(text, &digits)) return false;
    int64_t value = 0;
    for (size_t i = 0; i < digits.len && value <= MAX_EXPONENT; i++)
        value = value * 10 + (digits.ptr[i] - '0');
    if (value > MAX_EXPONENT) value = MAX_EXPONENT;
    *exponent = negative ? -value : value;
    return true;
}

static bool read_decimal(tally_span text, decimal *out) {
    *out = (decimal){0};
    if (text.len == 0 || text.len > TALLY_DECIMAL_TEXT_MAX_BYTES) return false;
    out->negative = take_char(&text, '-');
    if (!take_digits(&text, &out->whole)) return false;
    if (take_char(&text, '.') && !take_digits(&text, &out->fraction)) return false;
    if ((take_char(&text, 'e') || take_char(&text, 'E')) && !take_exponent(&text, &out->exponent))
        return false;
    return text.len == 0;
}

/* What lies below one pico-unit: thousandths of it, and whether anything lies below those. */
typedef struct residue {
    unsigned thousandths;
    bool more;
} residue;

static void add_below(residue *below, int64_t place, unsigned digit) {
    static const unsigned weight[] = {100, 10, 1};
    if (place >= -3)
        below->thousandths += digit * weight[-place - 1];
    else
        below->more = below->more || digit != 0;
}

/* Sums the digits of `number` into pico-units; every digit stands at its power of ten. */
static int sum_digits(const decimal *number, tally_u128 *pico, residue *below) {
    int64_t place = number->exponent + TALLY_PICO_DECIMALS + (int64_t)number->whole.len;
    size_t count = number->whole.len + number->fraction.len;
    tally_u128 sum = 0;
    for (size_t i = 0; i < count; i++) {
        unsigned digit =
            (unsigned)((i < number->whole.len ? number->whole.ptr[i]
                                              : number->fraction.ptr[i - number->whole.len]) -
                       '0');
        place--;
        if (place < 0)
            add_below(below, place, digit);
        else if (__builtin_mul_overflow(sum, 10u, &sum) || __builtin_add_overflow(sum, digit, &sum))
            return TALLY_EOVERFLOW;
    }
    for (; place > 0 && sum != 0; place--)
        if (__builtin_mul_overflow(sum, 10u, &sum)) return TALLY_EOVERFLOW;
    *pico = sum;
    return 0;
}

/* Half-even never has to choose: a change of at most 1e-15 is far from the half, 5e-13. */
static int round_noise(residue below, tally_u128 *pico) {
    if (below.thousandths == 0 || (below.thousandths == 1 && !below.more)) return 0;
    if (below.thousandths != 999) return TALLY_EFORMAT;
    return __builtin_add_overflow(*pico, 1u, pico) ? TALLY_EOVERFLOW : 0;
}

/* The number without its sign. */
static int parse_magnitude(tally_span text, bool lenient, tally_u128 *pico, bool *negative) {
    decimal number;
    residue below = {0};
    tally_u128 sum;
    if (!read_decimal(text, &number)) return TALLY_EFORMAT;
    int rc = sum_digits(&number, &sum, &below);
    if (rc != 0) return rc;
    if (below.thousandths != 0 || below.more) {
        int64_t decimals = (int64_t)number.fraction.len - number.exponent;
        if (!lenient || decimals < NOISE_MIN_DECIMALS) return TALLY_EFORMAT;
        rc = round_noise(below, &sum);
        if (rc != 0) return rc;
    }
    *pico = sum;
    *negative = number.negative;
    return 0;
}

int tally_pico_parse(tally_span text, bool lenient, int64_t *pico) {
    tally_u128 sum;
    bool negative;
    int rc = parse_magnitude(text, lenient, &sum, &negative);
    if (rc != 0) return rc;
    if (sum > (uint64_t)INT64_MAX + (negative ? 1u : 0u)) return TALLY_EOVERFLOW;
    /* Negated as unsigned: the magnitude of INT64_MIN has no positive int64_t. */
    *pico = (int64_t)(negative ? 0u - (uint64_t)sum : (uint64_t)sum);
    return 0;
}

int tally_amount_parse(tally_span text, tally_i128 *pico) {
    tally_u128 sum;
    bool negative;
    int rc = parse_magnitude(text, false, &sum, &negative);
    if (rc != 0) return rc;
    if (sum >= (tally_u128)TALLY_AMOUNT_LIMIT) return TALLY_EOVERFLOW;
    *pico = negative ? -(tally_i128)sum : (tally_i128)sum;
    return 0;
}

static tally_u128 magnitude(tally_i128 value) {
    return value < 0 ? 0u - (tally_u128)value : (tally_u128)value;
}

static tally_u128 power_of_ten(int exponent) {
    tally_u128 power = 1;
    for (int i = 0; i < exponent; i++)
        power *= 10u;
    return power;
}

/* Half away from zero, on the magnitude; `unit` is at most 1e12, so that nothing overflows. */
static tally_u128 round_to_unit(tally_u128 value, tally_u128 unit) {
    tally_u128 rest = value % unit;
    return value / unit + (rest != 0 && rest >= unit - rest ? 1u : 0u);
}

/* Writes `value`, of which the last `decimals` digits are behind the point. Filled from the right:
 * the digits come out so. The longest, a grouped INT128_MIN with 12 decimals, has 50 characters. */
static void write_decimal(bool negative, tally_u128 value, int decimals, bool group, char *out) {
    char text[TALLY_MONEY_TEXT_BYTES];
    size_t at = sizeof text;
    text[--at] = '\0';
    for (int i = 0; i < decimals; i++, value /= 10u)
        text[--at] = (char)('0' + (int)(value % 10u));
    if (decimals > 0) text[--at] = '.';
    int written = 0;
    do {
        if (group && written > 0 && written % GROUP_DIGITS == 0) text[--at] = ',';
        text[--at] = (char)('0' + (int)(value % 10u));
        value /= 10u;
        written++;
    } while (value != 0);
    assert(written <= I128_MAX_DIGITS);
    if (negative) text[--at] = '-';
    memcpy(out, text + at, sizeof text - at);
}

void tally_pico_format(tally_i128 pico, int min_decimals, char *out) {
    assert(min_decimals >= 0 && min_decimals <= TALLY_PICO_DECIMALS);
    tally_u128 value = magnitude(pico);
    int decimals = TALLY_PICO_DECIMALS;
    for (; decimals > min_decimals && value % 10u == 0; decimals--)
        value /= 10u;
    write_decimal(pico < 0, value, decimals, false, out);
}

void tally_pico_format_in(tally_i128 pico, tally_span currency, char *out) {
    int decimals = tally_currency_decimals(currency);
    tally_pico_format(pico, decimals < 0 ? UNKNOWN_DECIMALS : decimals, out);
}

void tally_pico_format_rounded(tally_i128 pico, int decimals, bool group, char *out) {
    assert(decimals >= 0 && decimals <= TALLY_PICO_DECIMALS);
    tally_u128 value = round_to_unit(magnitude(pico), power_of_ten(TALLY_PICO_DECIMALS - decimals));
    write_decimal(pico < 0 && value != 0, value, decimals, group, out);
}

tally_i128 tally_pico_to_minor(tally_i128 pico, int decimals) {
    assert(decimals >= 0 && decimals <= TALLY_PICO_DECIMALS);
    tally_u128 value = round_to_unit(magnitude(pico), power_of_ten(TALLY_PICO_DECIMALS - decimals));
    /* Negated as unsigned, as above: with 12 decimals the smallest value comes back unchanged. */
    return (tally_i128)(pico < 0 ? 0u - value : value);
}

/* a x b in 256 bits, from the products of their halves. */
static void multiply(tally_u128 a, tally_u128 b, tally_u128 *high, tally_u128 *low) {
    const tally_u128 half = UINT64_MAX;
    tally_u128 ll = (a & half) * (b & half), lh = (a & half) * (b >> 64);
    tally_u128 hl = (a >> 64) * (b & half), hh = (a >> 64) * (b >> 64);
    tally_u128 middle = (ll >> 64) + (lh & half) + (hl & half);
    *low = (middle << 64) | (ll & half);
    *high = hh + (lh >> 64) + (hl >> 64) + (middle >> 64);
}

int tally_pico_scale(tally_i128 value, tally_u128 num, tally_u128 den, tally_i128 *out) {
    const tally_u128 largest = ~(tally_u128)0 >> 1;
    tally_u128 rest, low, quotient = 0;
    multiply(magnitude(value), num, &rest, &low);
    if (rest >= den) return TALLY_EOVERFLOW;
    for (int bit = 127; bit >= 0; bit--) { /* long division, a binary digit at a time */
        bool carry = rest >> 127;
        rest = (rest << 1) | ((low >> bit) & 1u);
        quotient <<= 1;
        if (!carry && rest < den) continue;
        rest -= den;
        quotient |= 1u;
    }
    if (quotient <= largest && rest >= den - rest) quotient++;
    if (quotient > largest) return TALLY_EOVERFLOW;
    *out = value < 0 ? -(tally_i128)quotient : (tally_i128)quotient;
    return 0;
}

int tally_inexact(const char *figure, tally_error *err) {
    return tally_fail(err, TALLY_EOVERFLOW,
                      "%s is too large to be exact; ask for a shorter period, or for one client",
                      figure);
}

typedef struct minor_part {
    size_t at;
    tally_u128 below; /* what rounding towards zero left */
} minor_part;

/* The largest remainder first; of equal ones the earlier part. */
static int part_order(const void *a, const void *b) {
    const minor_part *x = a, *y = b;
    if (x->below != y->below) return x->below < y->below ? 1 : -1;
    return (x->at > y->at) - (x->at < y->at);
}

int tally_pico_to_minor_parts(const tally_i128 *pico, size_t count, int decimals, tally_i128 *out) {
    assert(decimals >= 0 && decimals <= TALLY_PICO_DECIMALS);
    const tally_u128 unit = power_of_ten(TALLY_PICO_DECIMALS - decimals);
    minor_part *parts = malloc((count ? count : 1) * sizeof *parts);
    tally_i128 sum = 0;
    if (!parts) return TALLY_ENOMEM;
    for (size_t i = 0; i < count; i++) {
        sum += pico[i];
        out[i] = (tally_i128)(magnitude(pico[i]) / unit);
        parts[i] = (minor_part){i, magnitude(pico[i]) % unit};
    }
    tally_u128 left = round_to_unit(magnitude(sum), unit);
    for (size_t i = 0; i < count; i++)
        left -= (tally_u128)out[i];
    qsort(parts, count, sizeof *parts, part_order);
    for (size_t i = 0; i < count && left > 0; i++, left--) /* at most `count` units are left */
        out[parts[i].at]++;
    for (size_t i = 0; i < count; i++)
        if (sum < 0) out[i] = -out[i];
    free(parts);
    return 0;
}

/* ISO 4217 list one, currencies and funds, each followed by a space; sorted for people. */
static const struct {
    int decimals;
    const char *codes;
} currencies[] = {
    {0, "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF "},
    {2, "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD "
        "CAD CDF CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP "
        "GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK "
        "LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO "
        "NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS "
        "SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST "
        "XAD XAG XAU XBA XBB XBC XBD XCD XCG XDR XPD XPT XSU XTS XUA XXX YER ZAR ZMW ZWG "},
    {3, "BHD IQD JOD KWD LYD OMR TND "},
    {4, "CLF UYW "},
};

int tally_currency_decimals(tally_span code) {
    const size_t code_len = 3;
    if (code.len != code_len) return -1;
    for (size_t i = 0; i < sizeof currencies / sizeof currencies[0]; i++)
        for (const char *at = currencies[i].codes; *at != '\0'; at += code_len + 1)
            if (memcmp(at, code.ptr, code_len) == 0) return currencies[i].decimals;
    return -1;
}
