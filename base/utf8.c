#include "base/utf8.h"

#include <string.h>

/* A row a form: which first bytes have it, how long it is, the least it may stand for. */
static const struct {
    unsigned char mask, bits, size;
    uint32_t least;
} forms[] = {
    {0x80, 0x00, 1, 0}, {0xe0, 0xc0, 2, 0x80}, {0xf0, 0xe0, 3, 0x800}, {0xf8, 0xf0, 4, 0x10000}};

size_t base_utf8_next(const char *text, size_t size, uint32_t *code)
{
    const unsigned char *bytes = (const unsigned char *)text;
    *code = BASE_UTF8_BAD;
    for (size_t f = 0; f < sizeof forms / sizeof forms[0]; f++) {
        if ((bytes[0] & forms[f].mask) != forms[f].bits)
            continue;
        if (forms[f].size > size)
            return 1;
        uint32_t value = bytes[0] & (uint32_t)(unsigned char)~forms[f].mask;
        for (size_t i = 1; i < forms[f].size; i++) {
            if ((bytes[i] & 0xc0) != 0x80)
                return 1;
            value = value << 6 | (bytes[i] & 0x3fu);
        }
        if (value < forms[f].least || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
            return 1;
        *code = value;
        return forms[f].size;
    }
    return 1;
}

size_t base_utf8_put(uint32_t code, char *to, size_t room)
{
    size_t size = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    if (size > room)
        return 0;
    for (size_t i = size - 1; i > 0; i--, code >>= 6)
        to[i] = (char)(0x80 | (code & 0x3f));
    to[0] = (char)(forms[size - 1].bits | code);
    return size;
}

size_t base_utf8_fit(const char *text, size_t size, size_t room)
{
    if (size <= room)
        return size;
    while (room > 0 && ((unsigned char)text[room] & 0xc0) == 0x80)
        room--;
    return room;
}

size_t base_utf8_copy(const char *text, size_t size, char *to, size_t room)
{
    size_t used = 0;
    for (size_t at = 0; at < size;) {
        uint32_t code;
        at += base_utf8_next(text + at, size - at, &code);
        size_t put = base_utf8_put(code, to + used, room - 1 - used);
        if (!put)
            break;
        used += put;
    }
    memset(to + used, 0, room - used);
    return used;
}
