/* Why: dates are written in every order. Where a language settles it, it does; a day above 12 does
 * as well; and only English leaves a question, which the configuration answers. */
#include "pipelines/scan.h"

#include <stdio.h>
#include <string.h>

struct date {
    unsigned year, month, day; /* 0: not written */
};

/* Names of months, small, in English, Portuguese, German, French and Spanish; of several that
 * match the longest counts. A short one may have a full stop. */
static const struct {
    const char *name;
    unsigned month;
} months[] = {
    {"january", 1},    {"janeiro", 1},    {"januar", 1},    {"jänner", 1},    {"janvier", 1},
    {"enero", 1},      {"jan", 1},        {"janv", 1},      {"ene", 1},       {"february", 2},
    {"fevereiro", 2},  {"februar", 2},    {"février", 2},   {"febrero", 2},   {"feb", 2},
    {"fev", 2},        {"févr", 2},       {"march", 3},     {"março", 3},     {"märz", 3},
    {"mars", 3},       {"marzo", 3},      {"mar", 3},       {"mär", 3},       {"april", 4},
    {"abril", 4},      {"avril", 4},      {"apr", 4},       {"abr", 4},       {"avr", 4},
    {"may", 5},        {"maio", 5},       {"mai", 5},       {"mayo", 5},      {"june", 6},
    {"junho", 6},      {"juni", 6},       {"juin", 6},      {"junio", 6},     {"jun", 6},
    {"july", 7},       {"julho", 7},      {"juli", 7},      {"juillet", 7},   {"julio", 7},
    {"jul", 7},        {"juil", 7},       {"august", 8},    {"agosto", 8},    {"août", 8},
    {"aug", 8},        {"ago", 8},        {"september", 9}, {"setembro", 9},  {"septembre", 9},
    {"septiembre", 9}, {"sept", 9},       {"sep", 9},       {"set", 9},       {"october", 10},
    {"outubro", 10},   {"oktober", 10},   {"octobre", 10},  {"octubre", 10},  {"oct", 10},
    {"okt", 10},       {"out", 10},       {"november", 11}, {"novembro", 11}, {"novembre", 11},
    {"noviembre", 11}, {"nov", 11},       {"december", 12}, {"dezembro", 12}, {"dezember", 12},
    {"décembre", 12},  {"diciembre", 12}, {"dec", 12},      {"dez", 12},      {"déc", 12},
    {"dic", 12},       {"maerz", 3},      {"fevrier", 2},   {"aout", 8},      {"decembre", 12},
};

static unsigned days_in(unsigned month, unsigned year)
{
    static const unsigned char days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year == 0 || (year % 4 == 0 && (year % 100 != 0 || year % 400 == 0));
    return month == 2 && !leap ? 28 : days[month - 1];
}

static bool is_date(const struct date *d)
{
    return d->month >= 1 && d->month <= 12 &&
           (d->year == 0 || (d->year >= 1900 && d->year < 2100)) &&
           d->day <= days_in(d->month, d->year);
}

/* 2026-03-12, 2026-03, --03-12: ISO 8601, as much as is written. */
static bool give(const struct pipe_scan *s, const struct date *d, size_t end,
                 struct pipe_found *found)
{
    size_t used = 0;
    if (!is_date(d) || (d->year == 0 && d->day == 0))
        return false;
    if (pipe_scan_is_digit(s->c[end]) ||
        (end > 0 && pipe_scan_is_letter(s->c[end]) && pipe_scan_is_word(s->c[end - 1])))
        return false;
    if (s->c[end] && s->c[end] < 0x80 && strchr(".-/", (int)s->c[end]) &&
        pipe_scan_is_digit(s->c[end + 1]))
        return false; /* more numbers follow */
    if (d->year)
        used = (size_t)snprintf(found->value, sizeof found->value, "%04u", d->year);
    used += (size_t)snprintf(found->value + used, sizeof found->value - used, "%s-%02u",
                             d->year ? "" : "-", d->month);
    if (d->day)
        snprintf(found->value + used, sizeof found->value - used, "-%02u", d->day);
    found->end = end;
    return true;
}

/* Four digits, or two: those of this century. Returns how many. */
static size_t read_year(const struct pipe_scan *s, size_t at, bool short_too, unsigned *year)
{
    unsigned value = 0;
    size_t count = pipe_scan_number(s, at, 5, &value);
    if (count != 4 && !(count == 2 && short_too))
        return 0;
    *year = count == 2 ? value + 2000 : value;
    return count;
}

/* ---- numbers only ---- */

/* A mark between numbers, with a space around it where a reader put one; 0: another one. */
static size_t mark(const struct pipe_scan *s, size_t at, uint32_t which)
{
    size_t before = s->c[at] == ' ' ? 1 : 0;
    if (s->c[at + before] != which)
        return 0;
    return before + 1 + (s->c[at + before + 1] == ' ' ? 1 : 0);
}

static bool year_first(const struct pipe_scan *s, size_t at, struct pipe_found *found)
{
    struct date d = {0};
    size_t step = read_year(s, at, false, &d.year);
    uint32_t which = s->c[at + step + (s->c[at + step] == ' ')];
    if (!step || (which != '-' && which != '/' && which != '.'))
        return false;
    at += step;
    for (unsigned *part = &d.month;; part = &d.day) {
        size_t between = mark(s, at, which), count;
        if (!between)
            return false;
        at += between;
        count = pipe_scan_number(s, at, 2, part);
        if (!count || *part == 0)
            return false;
        at += count;
        if (part == &d.day)
            break;
    }
    return give(s, &d, at, found);
}

static bool day_first(const struct pipe_scan *s, size_t at, struct pipe_found *found)
{
    unsigned first = 0, second = 0;
    struct date d = {0};
    size_t step = pipe_scan_number(s, at, 2, &first);
    uint32_t which = step ? s->c[at + step + (s->c[at + step] == ' ')] : 0;
    if (which != '-' && which != '/' && which != '.')
        return false;
    at += step;
    size_t between = mark(s, at, which);
    step = pipe_scan_number(s, at + between, 2, &second);
    if (!step)
        return false;
    at += between + step;
    between = mark(s, at, which);
    step = between ? read_year(s, at + between, true, &d.year) : 0;
    bool american = s->month_first && which == '/' && strncmp(s->language, "en", 2) == 0;
    bool swap = first <= 12 && (second > 12 ? which != '.' : american);
    d.day = swap ? second : first;
    d.month = swap ? first : second;
    if (!step || d.day == 0)
        return false;
    return give(s, &d, at + between + step, found);
}

/* ---- names of months ---- */

static size_t month_name(const struct pipe_scan *s, size_t at, unsigned *month)
{
    size_t longest = 0;
    for (size_t i = 0; i < sizeof months / sizeof months[0]; i++) {
        size_t count = pipe_scan_word(s, at, months[i].name);
        if (count > longest && !pipe_scan_is_letter(s->c[at + count])) {
            longest = count;
            *month = months[i].month;
        }
    }
    return longest + (longest && s->c[at + longest] == '.' ? 1 : 0);
}

/* Any number of spaces, and a word between them if it is there. */
static size_t joined(const struct pipe_scan *s, size_t at, const char *const *between)
{
    size_t skipped = pipe_scan_spaces(s, at);
    for (; *between; between++) {
        size_t count = pipe_scan_word(s, at + skipped, *between);
        bool whole = count && (!pipe_scan_is_letter(s->c[at + skipped + count - 1]) ||
                               !pipe_scan_is_word(s->c[at + skipped + count]));
        if (whole)
            return skipped + count + pipe_scan_spaces(s, at + skipped + count);
    }
    return skipped;
}

/* What may stand behind the day: 12th, 12., 1er, 1º. */
static size_t ordinal(const struct pipe_scan *s, size_t at)
{
    static const char *const endings[] = {"st", "nd", "rd", "th", "er", "º", "°", ".", "ª"};
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        size_t count = pipe_scan_word(s, at, endings[i]);
        if (count && !pipe_scan_is_word(s->c[at + count]))
            return count;
    }
    return 0;
}

static const char *const of_words[] = {"of", "de", "d'", "-", "/", NULL};
static const char *const year_words[] = {"de", "del", "of", ",", "-", "/", NULL};

/* 12 March 2026, 12. März, 1er mars 2026, 12 de março de 2026, 12-Mar-26 */
static bool day_and_month(const struct pipe_scan *s, size_t at, struct pipe_found *found)
{
    struct date d = {0};
    size_t step = pipe_scan_number(s, at, 2, &d.day);
    if (!step || d.day == 0 || pipe_scan_is_digit(s->c[at + step]))
        return false;
    at += step;
    at += ordinal(s, at);
    at += joined(s, at, of_words);
    step = month_name(s, at, &d.month);
    if (!step)
        return false;
    at += step;
    size_t between = joined(s, at, year_words);
    step = read_year(s, at + between, s->c[at] == '-' || s->c[at] == '/', &d.year);
    return give(s, &d, step ? at + between + step : at - (s->c[at - 1] == '.' && at == s->count),
                found);
}

/* March 12, 2026; March 2026; março de 2026 */
static bool month_and_day(const struct pipe_scan *s, size_t at, struct pipe_found *found)
{
    struct date d = {0};
    size_t step = month_name(s, at, &d.month), before = at;
    while (before > 0 && (s->c[before - 1] == ' ' || s->c[before - 1] == '.'))
        before--;
    if (!step || (before > 0 && pipe_scan_is_digit(s->c[before - 1])))
        return false; /* a day that the month does not have */
    at += step;
    size_t between = joined(s, at, year_words);
    step = read_year(s, at + between, false, &d.year);
    if (step)
        return give(s, &d, at + between + step, found);
    between = pipe_scan_spaces(s, at);
    step = between ? pipe_scan_number(s, at + between, 2, &d.day) : 0;
    if (!step || d.day == 0)
        return false;
    at += between + step;
    at += ordinal(s, at);
    if (s->c[at] == ':' || s->c[at] == '%')
        return false; /* a time, a share */
    between = joined(s, at, year_words);
    step = between ? read_year(s, at + between, false, &d.year) : 0;
    return give(s, &d, step ? at + between + step : at, found);
}

/* ---- Chinese and Japanese: 2026年3月12日, 2026年3月, 3月12日 ---- */

static bool with_signs(const struct pipe_scan *s, size_t at, struct pipe_found *found)
{
    static const struct {
        uint32_t sign[2];
        size_t digits;
    } parts[] = {{{0x5e74, 0x5e74}, 4}, {{0x6708, 0x6708}, 2}, {{0x65e5, 0x53f7}, 2}};
    struct date d = {0};
    unsigned *const fields[] = {&d.year, &d.month, &d.day};
    size_t end = at;
    for (size_t i = 0; i < 3; i++) {
        unsigned value = 0;
        size_t place = at + pipe_scan_spaces(s, at), count;
        count = pipe_scan_number(s, place, parts[i].digits, &value);
        place += count + pipe_scan_spaces(s, place + count);
        if (count && (s->c[place] == parts[i].sign[0] || s->c[place] == parts[i].sign[1])) {
            *fields[i] = value;
            at = end = place + 1;
        }
    }
    return d.month && give(s, &d, end, found);
}

bool pipe_scan_date(const struct pipe_scan *s, size_t at, struct pipe_found *found)
{
    static const pipe_scanner forms[] = {with_signs, year_first, day_first, day_and_month,
                                         month_and_day};
    uint32_t before = at > 0 ? s->c[at - 1] : 0;
    if (!pipe_scan_begins(s, at) || !pipe_scan_is_word(s->c[at]))
        return false;
    if (before && before < 0x80 && strchr("./-+,:", (int)before) && pipe_scan_is_digit(s->c[at]) &&
        at > 1 && pipe_scan_is_word(s->c[at - 2]))
        return false; /* the end of a longer number */
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++)
        if (forms[i](s, at, found))
            return true;
    return false;
}
