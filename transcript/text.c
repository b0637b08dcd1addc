#include "transcript/text.h"

#include "base/utf8.h"

#include <string.h>

bool transcript_text_valid(const char *text)
{
    size_t left = strlen(text), bytes;
    uint32_t code;
    for (; left; text += bytes, left -= bytes) {
        bytes = base_utf8_next(text, left, &code);
        if (code == BASE_UTF8_BAD && bytes == 1) /* U+FFFD itself has three */
            return false;
    }
    return true;
}

size_t transcript_text_copy(char *to, size_t size, const char *from, size_t most)
{
    size_t left = strnlen(from, most), used = 0;
    while (left) {
        uint32_t code;
        size_t bytes = base_utf8_next(from, left, &code);
        if (code < 0x20 || (code >= 0x7f && code < 0xa0))
            code = ' ';
        size_t put = base_utf8_put(code, to + used, size - 1 - used);
        if (!put)
            break;
        used += put;
        from += bytes;
        left -= bytes;
    }
    to[used] = '\0';
    return used;
}
