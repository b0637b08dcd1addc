/*
 * Why: a postal address has no grammar, but each country has words for streets and a place for the
 * number. Those that are in this table are found, others are not: better none than a wrong one.
 */
#include "pipelines/letters.h"
#include "pipelines/scan.h"

#include <string.h>

enum { MOST_NAME = 48 }; /* characters of a street's name */

/* Words that stand before the name: Rua Augusta, 123; 12 rue de Rivoli; Calle Mayor 5. */
static const struct {
    const char *word;
    bool number_before; /* French: the number comes first */
} before_name[] = {
    {"rua", 0},      {"r.", 0},     {"avenida", 0},   {"av.", 0},     {"av", 0},      {"avda.", 0},
    {"travessa", 0}, {"praça", 0},  {"alameda", 0},   {"rodovia", 0}, {"estrada", 0}, {"largo", 0},
    {"calle", 0},    {"c/", 0},     {"plaza", 0},     {"paseo", 0},   {"camino", 0},  {"ronda", 0},
    {"rue", 1},      {"avenue", 1}, {"boulevard", 1}, {"bd", 1},      {"place", 1},   {"quai", 1},
    {"chemin", 1},   {"allée", 1},  {"impasse", 1},   {"cours", 1},   {"route", 1},
};

/* Words at the end of the name: 123 Main Street. */
static const char *const after_name[] = {
    "street",  "st.",       "st",       "avenue",  "ave.",     "ave", "road",    "rd.",
    "rd",      "boulevard", "blvd.",    "blvd",    "lane",     "ln",  "drive",   "dr.",
    "court",   "square",    "sq.",      "terrace", "place",    "way", "highway", "hwy",
    "parkway", "pkwy",      "crescent", "alley",   "broadway",
};

/* And at the end of the word itself: Hauptstraße 12a. */
static const char *const within_name[] = {"straße", "strasse", "str.", "weg",  "platz", "allee",
                                          "gasse",  "ring",    "damm", "ufer", "markt", "steig"};

static bool is_name(uint32_t c)
{
    return pipe_scan_is_word(c) || c == ' ' || c == '.' || c == '\'' || c == '-' || c == 0xba ||
           c == 0xaa;
}

static bool is_capital(uint32_t c)
{
    return pipe_letter_lower(c) != c;
}

/* The number of a house: 12, 12a, 221B, 12-14, 12 bis; behind nº if that is there. 0: none. */
static size_t house_number(const struct pipe_scan *s, size_t at)
{
    static const char *const number_words[] = {"nº", "n°", "no.", "n.", "nr.", "num."};
    size_t from = at, digits = 0;
    for (size_t i = 0; i < sizeof number_words / sizeof number_words[0]; i++)
        if (pipe_scan_word(s, at, number_words[i])) {
            from += pipe_scan_word(s, at, number_words[i]);
            from += pipe_scan_spaces(s, from);
            break;
        }
    while (pipe_scan_is_digit(s->c[from + digits]))
        digits++;
    if (digits == 0 || digits > 5)
        return 0;
    size_t end = from + digits;
    if (s->c[end] == '-' && pipe_scan_is_digit(s->c[end + 1]) &&
        !(pipe_scan_is_digit(s->c[end + 3]) && digits == 5)) {
        end++;
        while (pipe_scan_is_digit(s->c[end]))
            end++;
    } else if (pipe_scan_is_letter(s->c[end]) && !pipe_scan_is_word(s->c[end + 1])) {
        end++;
    }
    return pipe_scan_is_word(s->c[end]) ? 0 : end - at;
}

/* ---- what follows the street ---- */

/* A code of the post: 12345, 01310-200, 1234-567, SW1A 1AA. */
static bool is_post_code(const struct pipe_scan *s, size_t at)
{
    unsigned value;
    size_t digits = pipe_scan_number(s, at, 6, &value);
    if (digits == 5 || (digits == 4 && s->c[at + 4] == '-' && pipe_scan_is_digit(s->c[at + 5])))
        return true;
    bool british =
        is_capital(s->c[at]) && (is_capital(s->c[at + 1]) || pipe_scan_is_digit(s->c[at + 1]));
    size_t space = at;
    while (space < at + 5 && s->c[space] != ' ' && s->c[space])
        space++;
    return british && s->c[space] == ' ' && space - at >= 2 && space - at <= 4 &&
           pipe_scan_is_digit(s->c[space + 1]) && is_capital(s->c[space + 2]) &&
           is_capital(s->c[space + 3]) && !pipe_scan_is_word(s->c[space + 4]);
}

/* The rest of the line belongs to it when a code of the post is in it. */
static size_t with_city(const struct pipe_scan *s, size_t end)
{
    for (size_t at = end; at < s->count; at++)
        if (pipe_scan_begins(s, at) && is_post_code(s, at)) {
            size_t last = s->count;
            while (last > end && (s->c[last - 1] == ' ' || s->c[last - 1] == '.'))
                last--;
            return last;
        }
    return end;
}

static bool give(const struct pipe_scan *s, size_t at, size_t end, struct pipe_found *found)
{
    found->end = with_city(s, end);
    pipe_scan_append(found, s, at, found->end);
    return true;
}

/* ---- the orders in which it is written ---- */

/* A name after its word: at least one word with a capital. Ends before a comma or a number. */
static size_t name_end(const struct pipe_scan *s, size_t at)
{
    size_t end = at;
    bool capital = false;
    while (is_name(s->c[end]) && end - at < MOST_NAME) {
        if (pipe_scan_is_digit(s->c[end]) && pipe_scan_begins(s, end) && capital)
            break;
        if (s->c[end] == '-' && s->c[end - 1] == ' ')
            break;
        capital |= is_capital(s->c[end]);
        end++;
    }
    while (end > at && s->c[end - 1] == ' ')
        end--;
    return capital ? end : at;
}

static size_t gap(const struct pipe_scan *s, size_t at)
{
    size_t spaces = pipe_scan_spaces(s, at);
    if (s->c[at + spaces] == ',')
        spaces += 1 + pipe_scan_spaces(s, at + spaces + 1);
    return spaces;
}

static bool word_then_name(const struct pipe_scan *s, size_t at, struct pipe_found *found)
{
    for (size_t i = 0; i < sizeof before_name / sizeof before_name[0]; i++) {
        size_t count = pipe_scan_word(s, at, before_name[i].word);
        if (!count || before_name[i].number_before || pipe_scan_is_letter(s->c[at + count]))
            continue;
        if (s->c[at + count] != ' ' && s->c[at + count - 1] != '.' && s->c[at + count - 1] != '/')
            continue;
        size_t from = at + count + pipe_scan_spaces(s, at + count), name = name_end(s, from);
        size_t to = name + gap(s, name), number = name > from ? house_number(s, to) : 0;
        if (number && (to > name || s->c[name - 1] == '.'))
            return give(s, at, to + number, found);
    }
    return false;
}

static bool number_then_word(const struct pipe_scan *s, size_t at, struct pipe_found *found)
{
    size_t number = pipe_scan_is_digit(s->c[at]) ? house_number(s, at) : 0;
    if (!number)
        return false;
    size_t from = at + number;
    from += pipe_scan_word(s, from, " bis") + pipe_scan_word(s, from, " ter");
    from += gap(s, from);
    for (size_t i = 0; i < sizeof before_name / sizeof before_name[0]; i++) {
        size_t count = pipe_scan_word(s, from, before_name[i].word);
        if (!count || !before_name[i].number_before || s->c[from + count] != ' ')
            continue;
        size_t name = name_end(s, from + count + 1);
        if (name > from + count + 1)
            return give(s, at, name, found);
    }
    return false;
}

/* 123 North Main Street: words with capitals, the last of them one for streets. */
static bool number_then_name(const struct pipe_scan *s, size_t at, struct pipe_found *found)
{
    size_t number = pipe_scan_is_digit(s->c[at]) ? house_number(s, at) : 0, place = at + number;
    for (unsigned words = 0; number && words < 5; words++) {
        if (s->c[place] != ' ')
            return false;
        place += pipe_scan_spaces(s, place);
        for (size_t i = 0; words > 0 && i < sizeof after_name / sizeof after_name[0]; i++) {
            size_t count = pipe_scan_word(s, place, after_name[i]);
            if (count && is_capital(s->c[place]) && !pipe_scan_is_word(s->c[place + count]))
                return give(s, at, place + count, found);
        }
        if (!is_capital(s->c[place]) && !pipe_scan_is_digit(s->c[place]))
            return false;
        while (pipe_scan_is_word(s->c[place]) || s->c[place] == '\'' || s->c[place] == '-' ||
               s->c[place] == '.')
            place++;
    }
    return false;
}

/* Hauptstraße 12, Berliner Str. 5: the name's end says that it is a street. */
static bool name_then_number(const struct pipe_scan *s, size_t at, struct pipe_found *found)
{
    if (!is_capital(s->c[at]))
        return false;
    size_t end = at;
    while (pipe_scan_is_letter(s->c[end]) || s->c[end] == '-')
        end++;
    size_t second = end + (s->c[end] == ' ');
    for (size_t i = 0; i < sizeof within_name / sizeof within_name[0]; i++)
        for (size_t from = at + 1; from <= second; from++) {
            size_t count = pipe_scan_word(s, from, within_name[i]), to = from + count;
            if (!count || pipe_scan_is_letter(s->c[to]) || (from < second && to < end))
                continue;
            size_t spaces = pipe_scan_spaces(s, to), number = house_number(s, to + spaces);
            if (number && (spaces || s->c[to - 1] == '.'))
                return give(s, at, to + spaces + number, found);
        }
    return false;
}

/* Chinese …路12号, Japanese …1丁目2番3号 or 〒100-0001 …: all of the line. */
static bool with_signs(const struct pipe_scan *s, size_t at, struct pipe_found *found)
{
    bool road = false, digit = false, house = false, post = s->c[at] == 0x3012;
    if (at > 0 && s->c[at - 1] != ' ' && !post)
        return false;
    if (post && !pipe_scan_is_digit(s->c[at + 1]) && !pipe_scan_is_digit(s->c[at + 2]))
        return false;
    if (!post && (s->c[at] < 0x3400 || s->c[at] > 0x9fff))
        return false;
    size_t end = at, last = 0;
    for (; end < s->count && (s->c[end] != ' ' || post); end++) {
        uint32_t c = s->c[end];
        road |= c == 0x8def || c == 0x8857 || c == 0x9053 || c == 0x5df7 ||
                c == 0x76ee; /* 路街道巷目 */
        digit |= road && pipe_scan_is_digit(c);
        if (digit && (c == 0x53f7 || c == 0x865f || c == 0x756a)) { /* 号號番 */
            house = true;
            last = end + 1;
        }
    }
    if (post ? end - at < 9 : !house)
        return false;
    found->end = post ? end : last;
    pipe_scan_append(found, s, at, found->end);
    return true;
}

bool pipe_scan_address(const struct pipe_scan *s, size_t at, struct pipe_found *found)
{
    static const pipe_scanner orders[] = {word_then_name, number_then_word, number_then_name,
                                          name_then_number, with_signs};
    if (!pipe_scan_begins(s, at))
        return false;
    for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++)
        if (orders[i](s, at, found))
            return true;
    return false;
}
