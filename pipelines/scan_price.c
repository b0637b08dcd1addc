/* Why: a price is a number with a currency beside it; which of its marks divides the cents is told
 * by how many digits follow. */
#include "pipelines/scan.h"

#include <stdio.h>
#include <string.h>

/* What a currency is written as, small; the longest counts. `language`: only, or sooner, in it.
 * where: B before the number, A after it, or both. word: a letter may not follow. */
static const struct {
    const char *sign, *code, *where, *language;
} signs[] = {
    {"us$", "USD", "BA", NULL},    {"u$s", "USD", "BA", NULL},    {"r$", "BRL", "BA", NULL},
    {"r $", "BRL", "B", NULL},     {"c$", "CAD", "B", NULL},      {"ca$", "CAD", "B", NULL},
    {"a$", "AUD", "B", NULL},      {"au$", "AUD", "B", NULL},     {"nz$", "NZD", "B", NULL},
    {"hk$", "HKD", "B", NULL},     {"nt$", "TWD", "B", NULL},     {"s$", "SGD", "B", NULL},
    {"mx$", "MXN", "B", NULL},     {"$", "USD", "BA", NULL},      {"€", "EUR", "BA", NULL},
    {"£", "GBP", "BA", NULL},      {"¥", "CNY", "BA", "zh"},      {"¥", "JPY", "BA", NULL},
    {"円", "JPY", "A", NULL},      {"元", "CNY", "A", NULL},      {"块", "CNY", "A", NULL},
    {"₹", "INR", "BA", NULL},      {"₩", "KRW", "BA", NULL},      {"₽", "RUB", "BA", NULL},
    {"₺", "TRY", "BA", NULL},      {"₪", "ILS", "BA", NULL},      {"฿", "THB", "BA", NULL},
    {"zł", "PLN", "A", NULL},      {"kč", "CZK", "A", NULL},      {"kr", "SEK", "BA", "sv"},
    {"kr", "DKK", "BA", "da"},     {"kr", "NOK", "BA", "no"},     {"usd", "USD", "BA", NULL},
    {"eur", "EUR", "BA", NULL},    {"gbp", "GBP", "BA", NULL},    {"brl", "BRL", "BA", NULL},
    {"chf", "CHF", "BA", NULL},    {"jpy", "JPY", "BA", NULL},    {"cny", "CNY", "BA", NULL},
    {"rmb", "CNY", "BA", NULL},    {"cad", "CAD", "BA", NULL},    {"aud", "AUD", "BA", NULL},
    {"sek", "SEK", "BA", NULL},    {"nok", "NOK", "BA", NULL},    {"dkk", "DKK", "BA", NULL},
    {"pln", "PLN", "BA", NULL},    {"mxn", "MXN", "BA", NULL},    {"inr", "INR", "BA", NULL},
    {"euro", "EUR", "A", NULL},    {"euros", "EUR", "A", NULL},   {"dollar", "USD", "A", NULL},
    {"dollars", "USD", "A", NULL}, {"dólares", "USD", "A", NULL}, {"reais", "BRL", "A", NULL},
    {"real", "BRL", "A", "pt"},    {"pounds", "GBP", "A", "en"},  {"yen", "JPY", "A", NULL},
    {"yuan", "CNY", "A", NULL},    {"fr.", "CHF", "B", "de"},
};

/* Characters of a sign at a place, and its row; 0: none. */
static size_t sign_at(const struct pipe_scan *s, size_t at, char where, size_t *row)
{
    size_t longest = 0;
    for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++) {
        size_t count = pipe_scan_word(s, at, signs[i].sign);
        bool cut = count && pipe_scan_is_letter(s->c[at + count - 1]) &&
                   pipe_scan_is_letter(s->c[at + count]);
        if (count <= longest || cut || !strchr(signs[i].where, where) ||
            (signs[i].language && strncmp(s->language, signs[i].language, 2) != 0))
            continue;
        longest = count;
        *row = i;
    }
    return longest;
}

struct amount {
    char text[40]; /* digits and perhaps a point */
    size_t end;
};

static bool is_mark(uint32_t c)
{
    return c == '.' || c == ',' || c == '\'';
}

/* How many digits stand at a place. */
static size_t digits_at(const struct pipe_scan *s, size_t at)
{
    size_t count = 0;
    while (pipe_scan_is_digit(s->c[at + count]))
        count++;
    return count;
}

/* A mark with digits behind it, maybe with a space that a reader put there: where those begin, or
 * 0. A space alone is a mark between thousands. */
static size_t group_at(const struct pipe_scan *s, size_t at, uint32_t *which)
{
    size_t space = s->c[at] == ' ' ? 1 : 0;
    if (is_mark(s->c[at + space])) {
        size_t behind = at + space + 1;
        behind += s->c[behind] == ' ' && digits_at(s, behind + 1) == 2 ? 1 : 0;
        if (space && digits_at(s, behind) != 2)
            return 0;
        *which = s->c[at + space];
        return behind;
    }
    *which = ' ';
    return space && digits_at(s, at + 1) == 3 ? at + 1 : 0;
}

/* 12 · 12.50 · 1.234,56 · 1,234.56 · 1 234,56 · 1'234.50 · 12,- */
static bool read_amount(const struct pipe_scan *s, size_t at, struct amount *a)
{
    size_t used = digits_at(s, at), first = used;
    if (used == 0 || used > 9)
        return false;
    for (size_t i = 0; i < used; i++)
        a->text[i] = (char)s->c[at + i];
    a->end = at + used;
    for (;;) {
        uint32_t which;
        size_t next = group_at(s, a->end, &which), count = next ? digits_at(s, next) : 0;
        bool thousands = count == 3 && first <= 3,
             cents = (count == 1 || count == 2) && which != ' ';
        if ((!thousands && !cents) || used + count + 2 > sizeof a->text - 1)
            break;
        if (cents)
            a->text[used++] = '.';
        for (size_t i = 0; i < count; i++)
            a->text[used++] = (char)s->c[next + i];
        a->end = next + count;
        if (cents)
            break;
    }
    a->text[used] = '\0';
    if ((s->c[a->end] == ',' || s->c[a->end] == '.') && s->c[a->end + 1] == '-')
        a->end += 2 + (s->c[a->end + 2] == '-');
    return !pipe_scan_is_digit(s->c[a->end]) &&
           !(is_mark(s->c[a->end]) && pipe_scan_is_digit(s->c[a->end + 1]));
}

/* A zero more than once at the beginning is no amount; nor are letters or a share behind it. */
static bool fits(const struct pipe_scan *s, const struct amount *a)
{
    return !(a->text[0] == '0' && a->text[1] && a->text[1] != '.') && s->c[a->end] != '%';
}

static bool give(const char *code, const struct amount *a, size_t end, struct pipe_found *found)
{
    snprintf(found->value, sizeof found->value, "%s %s", code, a->text);
    found->end = end;
    return true;
}

bool pipe_scan_price(const struct pipe_scan *s, size_t at, struct pipe_found *found)
{
    struct amount amount;
    size_t row, count;
    if (!pipe_scan_begins(s, at) &&
        !(at > 0 && pipe_scan_is_letter(s->c[at - 1]) && !pipe_scan_is_word(s->c[at])))
        return false;
    count = sign_at(s, at, 'B', &row);
    if (count) {
        size_t from = at + count + pipe_scan_spaces(s, at + count);
        return from - at - count <= 2 && read_amount(s, from, &amount) && fits(s, &amount) &&
               !pipe_scan_is_letter(s->c[amount.end]) &&
               give(signs[row].code, &amount, amount.end, found);
    }
    uint32_t before = at > 0 ? s->c[at - 1] : 0, further = at > 1 ? s->c[at - 2] : 0;
    if (before == '-' || before == '#' || (is_mark(before) && pipe_scan_is_digit(further)))
        return false;
    if (!pipe_scan_is_digit(s->c[at]) || !read_amount(s, at, &amount) || !fits(s, &amount))
        return false;
    size_t space = pipe_scan_spaces(s, amount.end);
    count = sign_at(s, amount.end + space, 'A', &row);
    if (!count || space > 1)
        return false;
    size_t end = amount.end + space + count;
    /* 12€50; but in "3 $5" the sign is the next one's. */
    size_t used = strlen(amount.text);
    if (digits_at(s, end) == 2 && space == 0 && !strchr(amount.text, '.') &&
        used + 3 < sizeof amount.text) {
        amount.text[used] = '.';
        amount.text[used + 1] = (char)s->c[end];
        amount.text[used + 2] = (char)s->c[end + 1];
        amount.text[used + 3] = '\0';
        end += 2;
    }
    return !pipe_scan_is_digit(s->c[end]) && give(signs[row].code, &amount, end, found);
}
