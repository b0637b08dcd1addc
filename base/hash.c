/* Why: a cache is only as fast as its checksum. Eight lanes of multiplications keep the processor's
 * pipelines full, which one chain would not. */
#include "base/hash.h"

#include <string.h>

enum { LANES = 8 };

static const uint64_t odd[LANES] = {0x9e3779b97f4a7c15u, 0xc2b2ae3d27d4eb4fu, 0x165667b19e3779f9u,
                                    0xd6e8feb86659fd93u, 0xbf58476d1ce4e5b9u, 0x94d049bb133111ebu,
                                    0xa0761d6478bd642fu, 0xe7037ed1a0b428dbu};

static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 32) * odd[0];
    x = (x ^ x >> 29) * odd[1];
    return x ^ x >> 32;
}

/* One step of a lane: no two words give the same result, and none gives what it was for all. */
static uint64_t step(uint64_t lane, uint64_t word, uint64_t factor)
{
    lane = (lane ^ word) * factor;
    return lane ^ lane >> 31;
}

void base_hash_add(struct base_hash *hash, const void *data, size_t size)
{
    const unsigned char *at = data;
    uint64_t lanes[LANES], words[LANES];
    for (int i = 0; i < LANES; i++)
        lanes[i] = mix(hash->words[i % 2] + odd[i] * (uint64_t)(i + 1)) ^ size;
    for (; size >= sizeof words; size -= sizeof words, at += sizeof words) {
        memcpy(words, at, sizeof words);
        for (int i = 0; i < LANES; i++)
            lanes[i] = step(lanes[i], words[i], odd[i]);
    }
    memset(words, 0, sizeof words);
    if (size)
        memcpy(words, at, size);
    for (int i = 0; i < LANES; i++)
        lanes[i] = step(lanes[i], words[i], odd[i]);
    for (int i = 0; i < LANES; i++)
        for (int w = 0; w < 2; w++)
            hash->words[w] = mix(hash->words[w] ^ mix(lanes[i] + odd[w] * (uint64_t)(i + 1)));
}
