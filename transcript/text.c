#include "transcript/text.h"

#include <stdint.h>
#include <string.h>

static const char replacement[] = "\xef\xbf\xbd"; /* U+FFFD */

/* Bytes of the character at the beginning of `left` bytes; 0: there is none. *code is which. */
static size_t decode(const unsigned char *s, size_t left, uint32_t *code)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t length = s[0] < 0x80       ? 1
                    : s[0] >> 5 == 6  ? 2
                    : s[0] >> 4 == 14 ? 3
                    : s[0] >> 3 == 30 ? 4
                                      : 0;
    if (length == 0 || length > left)
        return 0;
    *code = length == 1 ? s[0] : s[0] & (0x7fu >> length);
    for (size_t i = 1; i < length; i++) {
        if (s[i] >> 6 != 2)
            return 0;
        *code = *code << 6 | (s[i] & 0x3fu);
    }
    return *code < least[length] || *code > 0x10ffff || *code >> 11 == 0x1b ? 0 : length;
}

bool transcript_text_valid(const char *text)
{
    size_t left = strlen(text), length;
    uint32_t code;
    for (; left; text += length, left -= length)
        if ((length = decode((const unsigned char *)text, left, &code)) == 0)
            return false;
    return true;
}

size_t transcript_text_copy(char *to, size_t size, const char *from, size_t most)
{
    size_t left = strnlen(from, most), used = 0;
    while (left) {
        uint32_t code = 0;
        size_t length = decode((const unsigned char *)from, left, &code), bytes = length;
        const char *bytes_of = from;
        if (length == 0) {
            bytes_of = replacement;
            bytes = sizeof replacement - 1;
            length = 1;
        } else if (code < 0x20 || (code >= 0x7f && code < 0xa0)) {
            bytes_of = " ";
            bytes = 1;
        }
        if (used + bytes >= size)
            break;
        memcpy(to + used, bytes_of, bytes);
        used += bytes;
        from += length;
        left -= length;
    }
    to[used] = '\0';
    return used;
}
