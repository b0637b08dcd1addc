/* Why: text has to reach a translator in the form in which its pieces were learned. The map comes
 * with a file, so nothing in it is trusted: each step of the walk looks at where it leads. */
#include "pipelines/charsmap.h"

#include <string.h>

static uint32_t little_endian(const unsigned char *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
           (uint32_t)bytes[3] << 24;
}

bool pipe_charsmap_open(struct pipe_charsmap *map, const void *bytes, size_t size)
{
    const unsigned char *start = bytes;
    if (size < 8)
        return false;
    size_t trie = little_endian(start);
    if (trie < 4 || trie % 4 || trie > size - 5 || start[size - 1] != 0)
        return false;
    *map = (struct pipe_charsmap){
        .units = start + 4,
        .unit_count = trie / 4,
        .texts = (const char *)start + 4 + trie,
        .text_bytes = size - 4 - trie,
    };
    return true;
}

/* What a unit says: the byte that leads to it (or an odd number), whether a rule ends at it, and
 * how far off its children are. */
static uint32_t label(uint32_t unit)
{
    return unit & (1u << 31 | 0xff);
}

static bool ends(uint32_t unit)
{
    return unit >> 8 & 1;
}

static uint32_t offset(uint32_t unit)
{
    return (unit >> 10) << ((unit & 1u << 9) >> 6);
}

size_t pipe_charsmap_match(const struct pipe_charsmap *map, const char *text, size_t size,
                           const char **to, size_t *to_size)
{
    size_t taken = 0;
    if (!map->unit_count)
        return 0;
    size_t at = offset(little_endian(map->units));
    for (size_t i = 0; i < size; i++) {
        unsigned char byte = (unsigned char)text[i];
        at ^= byte;
        if (at >= map->unit_count)
            break;
        uint32_t unit = little_endian(map->units + 4 * at);
        if (label(unit) != byte)
            break;
        at ^= offset(unit);
        if (at >= map->unit_count)
            break;
        if (!ends(unit))
            continue;
        uint32_t value = little_endian(map->units + 4 * at) & ~(1u << 31);
        if (value >= map->text_bytes)
            break;
        taken = i + 1;
        *to = map->texts + value;
        *to_size = strlen(*to); /* the texts end with a NUL */
    }
    return taken;
}
