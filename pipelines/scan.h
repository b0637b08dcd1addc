/*
 * Finds what one could act on in a line of text: each kind has a scanner, which is asked at each
 * place. Scanners see characters as they were meant rather than as they were printed or read:
 * full-width forms are ASCII, all dashes are '-', all spaces are ' '.
 */
#ifndef PIPELINES_SCAN_H
#define PIPELINES_SCAN_H

#include "ipc/topics.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PIPE_SCAN_SLACK = 8 };

struct pipe_scan {
    uint32_t c[PERCEPT_LINE_BYTES + PIPE_SCAN_SLACK];     /* zeros follow the last character */
    uint32_t lower[PERCEPT_LINE_BYTES + PIPE_SCAN_SLACK]; /* the same in small letters */
    uint16_t byte[PERCEPT_LINE_BYTES + 1];                /* where each begins in the text */
    size_t count;
    const char *text;
    const char *language; /* "" when not known */
    bool month_first;     /* 3/4/2026 is in March, in an English text */
};

/* What a scanner found; it begins where it was asked. */
struct pipe_found {
    size_t end;
    bool cut; /* the value did not fit: half an address leads elsewhere */
    char value[sizeof((struct percept_text_action *)0)->value];
};

typedef bool (*pipe_scanner)(const struct pipe_scan *scan, size_t at, struct pipe_found *found);

bool pipe_scan_email(const struct pipe_scan *scan, size_t at, struct pipe_found *found);
bool pipe_scan_url(const struct pipe_scan *scan, size_t at, struct pipe_found *found);
bool pipe_scan_date(const struct pipe_scan *scan, size_t at, struct pipe_found *found);
bool pipe_scan_price(const struct pipe_scan *scan, size_t at, struct pipe_found *found);
bool pipe_scan_phone(const struct pipe_scan *scan, size_t at, struct pipe_found *found);
bool pipe_scan_address(const struct pipe_scan *scan, size_t at, struct pipe_found *found);

/*
 * Actions of one line in the order in which they stand, none within another; `line` is put into
 * each. Text is NUL-terminated; of what is longer than a line's text the rest is not looked at.
 * Returns how many there are, at most `room`.
 */
size_t pipe_scan_actions(const char *text, const char *language, bool month_first, uint32_t line,
                         struct percept_text_action *actions, size_t room);

/* ---- for scanners ---- */

static inline bool pipe_scan_is_digit(uint32_t c)
{
    return c >= '0' && c <= '9';
}

/* Of a word in an alphabet with spaces between words; what Chinese and Japanese write is none. */
static inline bool pipe_scan_is_letter(uint32_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= 0xc0 && c <= 0x24f && c != 0xd7 && c != 0xf7);
}

static inline bool pipe_scan_is_word(uint32_t c)
{
    return pipe_scan_is_digit(c) || pipe_scan_is_letter(c);
}

/* Does no word or number go on over this place from the left? */
static inline bool pipe_scan_begins(const struct pipe_scan *scan, size_t at)
{
    return at == 0 || !pipe_scan_is_word(scan->c[at - 1]);
}

size_t pipe_scan_spaces(const struct pipe_scan *scan, size_t at); /* how many there are */
/* How many characters there are of an ASCII or Latin word, whatever the case: 0 when there is
 * another one. The word may go on after it. */
size_t pipe_scan_word(const struct pipe_scan *scan, size_t at, const char *word);
/* Digits from `at` on, at most `most`; *value if there are some. Returns how many. */
size_t pipe_scan_number(const struct pipe_scan *scan, size_t at, size_t most, unsigned *value);
/* Append characters to a value; what does not fit is cut, and the find is none then. */
void pipe_scan_append(struct pipe_found *found, const struct pipe_scan *scan, size_t at,
                      size_t end);

#endif
