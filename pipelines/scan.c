#include "pipelines/scan.h"

#include "base/utf8.h"
#include "pipelines/letters.h"

#include <string.h>

/* ---- characters as they were meant ---- */

static const struct {
    uint32_t first, last, to;
} folds[] = {
    {'\t', '\t', ' '},      {0xa0, 0xa0, ' '},      {0x2000, 0x200a, ' '},  {0x202f, 0x202f, ' '},
    {0x3000, 0x3000, ' '},  {0x2010, 0x2015, '-'},  {0x2212, 0x2212, '-'},  {0x2018, 0x2019, '\''},
    {0x2032, 0x2032, '\''}, {0xffe5, 0xffe5, 0xa5}, {0xffe1, 0xffe1, 0xa3}, {0xb4, 0xb4, '\''},
};

static uint32_t fold(uint32_t code)
{
    if (code >= 0xff01 && code <= 0xff5e)
        return code - 0xff01 + '!';
    for (size_t i = 0; i < sizeof folds / sizeof folds[0]; i++)
        if (code >= folds[i].first && code <= folds[i].last)
            return folds[i].to;
    return code;
}

static void open(struct pipe_scan *scan, const char *text)
{
    size_t size = base_utf8_fit(text, strlen(text), PERCEPT_LINE_BYTES - 1), at = 0;
    while (at < size) {
        uint32_t code;
        scan->byte[scan->count] = (uint16_t)at;
        at += base_utf8_next(text + at, size - at, &code);
        scan->c[scan->count] = fold(code);
        scan->lower[scan->count] = pipe_letter_lower(scan->c[scan->count]);
        scan->count++;
    }
    scan->byte[scan->count] = (uint16_t)at;
    scan->text = text;
}

/* ---- for scanners ---- */

size_t pipe_scan_spaces(const struct pipe_scan *scan, size_t at)
{
    size_t count = 0;
    while (scan->c[at + count] == ' ')
        count++;
    return count;
}

size_t pipe_scan_word(const struct pipe_scan *scan, size_t at, const char *word)
{
    unsigned char first = (unsigned char)word[0];
    if (first < 0x80 && first != scan->lower[at])
        return 0; /* as nearly always */
    size_t count = 0, size = strlen(word);
    for (size_t i = 0; i < size; count++) {
        uint32_t code;
        i += base_utf8_next(word + i, size - i, &code);
        if (at + count >= scan->count || scan->lower[at + count] != code)
            return 0;
    }
    return count;
}

size_t pipe_scan_number(const struct pipe_scan *scan, size_t at, size_t most, unsigned *value)
{
    size_t count = 0;
    unsigned number = 0;
    for (; count < most && pipe_scan_is_digit(scan->c[at + count]); count++)
        number = number * 10 + (scan->c[at + count] - '0');
    if (count)
        *value = number;
    return count;
}

void pipe_scan_append(struct pipe_found *found, const struct pipe_scan *scan, size_t at, size_t end)
{
    size_t used = strlen(found->value);
    for (; at < end; at++) {
        size_t put =
            base_utf8_put(scan->c[at], found->value + used, sizeof found->value - 1 - used);
        if (!put) {
            found->cut = true;
            break;
        }
        used += put;
    }
    found->value[used] = '\0';
}

/* ---- all kinds ---- */

/* What is found first is not looked into by those that follow: an address of mail has a domain in
 * it, and a date is numbers as a telephone's are. */
static const struct {
    enum percept_text_action_kind kind;
    pipe_scanner scan;
} scanners[] = {
    {PERCEPT_ACTION_EMAIL, pipe_scan_email},     {PERCEPT_ACTION_URL, pipe_scan_url},
    {PERCEPT_ACTION_PRICE, pipe_scan_price},     {PERCEPT_ACTION_DATE, pipe_scan_date},
    {PERCEPT_ACTION_ADDRESS, pipe_scan_address}, {PERCEPT_ACTION_PHONE, pipe_scan_phone},
};

/* In their order; false when another one is there already. */
static bool insert(const struct percept_text_action *action, struct percept_text_action *actions,
                   size_t count)
{
    size_t place = count;
    for (size_t i = 0; i < count; i++)
        if (action->begin < actions[i].end && actions[i].begin < action->end)
            return false;
    while (place > 0 && actions[place - 1].begin > action->begin)
        place--;
    memmove(&actions[place + 1], &actions[place], (count - place) * sizeof *actions);
    actions[place] = *action;
    return true;
}

size_t pipe_scan_actions(const char *text, const char *language, bool month_first, uint32_t line,
                         struct percept_text_action *actions, size_t room)
{
    struct pipe_scan scan = {.language = language, .month_first = month_first};
    size_t count = 0;
    open(&scan, text);
    for (size_t k = 0; k < sizeof scanners / sizeof scanners[0]; k++)
        for (size_t at = 0; at < scan.count && count < room;) {
            struct pipe_found found = {0};
            if (!scanners[k].scan(&scan, at, &found)) {
                at++;
                continue;
            }
            struct percept_text_action action = {.kind = scanners[k].kind,
                                                 .line = line,
                                                 .begin = scan.byte[at],
                                                 .end = scan.byte[found.end]};
            memcpy(action.value, found.value, sizeof action.value);
            count += !found.cut && insert(&action, actions, count);
            at = found.end;
        }
    return count;
}
