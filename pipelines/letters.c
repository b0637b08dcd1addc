/* Why: signs are written in capitals, and translators learned from prose. */
#include "pipelines/letters.h"

#include "base/utf8.h"

#include <string.h>

/* Ranges of capitals. step 0: the small letter is `distance` further; 1: capitals and small ones
 * take turns, and it is the next. */
static const struct {
    uint32_t first, last, distance, step;
} capitals[] = {
    {'A', 'Z', 32, 0},     {0xc0, 0xd6, 32, 0},   {0xd8, 0xde, 32, 0},   {0x100, 0x12f, 1, 1},
    {0x132, 0x137, 1, 1},  {0x139, 0x148, 1, 1},  {0x14a, 0x177, 1, 1},  {0x179, 0x17e, 1, 1},
    {0x391, 0x3a1, 32, 0}, {0x3a3, 0x3a9, 32, 0}, {0x400, 0x40f, 80, 0}, {0x410, 0x42f, 32, 0},
};
#define RANGES (sizeof capitals / sizeof capitals[0])

uint32_t pipe_letter_lower(uint32_t code)
{
    for (size_t i = 0; i < RANGES; i++)
        if (code >= capitals[i].first && code <= capitals[i].last)
            return capitals[i].step && (code - capitals[i].first) % 2 ? code
                                                                      : code + capitals[i].distance;
    return code;
}

uint32_t pipe_letter_upper(uint32_t code)
{
    for (size_t i = 0; i < RANGES; i++) {
        uint32_t capital = code - capitals[i].distance;
        bool inside = capital >= capitals[i].first && capital <= capitals[i].last;
        if (inside && !(capitals[i].step && (capital - capitals[i].first) % 2))
            return capital;
    }
    return code;
}

bool pipe_letters_are_capitals(const char *text, size_t size)
{
    size_t found = 0;
    for (size_t at = 0; at < size;) {
        uint32_t code;
        at += base_utf8_next(text + at, size - at, &code);
        if (pipe_letter_upper(code) != code)
            return false;
        found += pipe_letter_lower(code) != code;
    }
    return found >= 2;
}

static void change(const char *text, size_t size, char *to, uint32_t (*how)(uint32_t),
                   bool but_first)
{
    for (size_t at = 0, taken; at < size; at += taken) {
        uint32_t code;
        char bytes[4];
        taken = base_utf8_next(text + at, size - at, &code);
        bool letter = pipe_letter_lower(code) != code || pipe_letter_upper(code) != code;
        uint32_t changed = but_first && letter ? code : how(code);
        but_first = but_first && !letter;
        if (changed != code && base_utf8_put(changed, bytes, sizeof bytes) == taken)
            memcpy(to + at, bytes, taken);
        else
            memmove(to + at, text + at, taken);
    }
}

void pipe_letters_lower(const char *text, size_t size, char *to)
{
    change(text, size, to, pipe_letter_lower, true);
}

void pipe_letters_upper(const char *text, size_t size, char *to)
{
    change(text, size, to, pipe_letter_upper, false);
}
