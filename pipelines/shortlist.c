/* Why: most of a translator's work would be to say how unlikely all the words are that have nothing
 * to do with the sentence. */
#include "pipelines/shortlist.h"

#include "signing/signing.h"

#include <stdlib.h>
#include <string.h>

enum { HEADER = 48, MAX_FILE = 256 << 20 };
#define MAGIC 0xf11a48d5013417f5u

struct pipe_shortlist {
    uint32_t vocabulary, frequent;
    size_t most_each; /* tokens for one of a sentence */
    uint32_t *places; /* vocabulary + 1 */
    uint32_t *tokens;
    uint64_t *chosen; /* a bit a token; zero between two sentences */
    size_t words;     /* of chosen */
};

static uint64_t number(const unsigned char *bytes, size_t size)
{
    uint64_t value = 0;
    for (size_t i = size; i > 0; i--)
        value = value << 8 | bytes[i - 1];
    return value;
}

static enum percept_status read_all(struct pipe_shortlist *s, const unsigned char *bytes,
                                    size_t count, const char *name, struct percept_error *error)
{
    const unsigned char *places = bytes + HEADER,
                        *tokens = places + 8 * ((size_t)s->vocabulary + 1);
    for (size_t i = 0; i <= s->vocabulary; i++) {
        uint64_t place = number(places + 8 * i, 8);
        if (place > count || (i > 0 && place < s->places[i - 1]))
            return percept_fail_at(error, PERCEPT_MALFORMED, name, 0, 0,
                                   "the tokens of token %zu are nowhere", i);
        s->places[i] = (uint32_t)place;
        if (i > 0 && place - s->places[i - 1] > s->most_each)
            s->most_each = (size_t)place - s->places[i - 1];
    }
    for (size_t i = 0; i < count; i++) {
        s->tokens[i] = (uint32_t)number(tokens + 4 * i, 4);
        if (s->tokens[i] >= s->vocabulary)
            return percept_fail_at(error, PERCEPT_MALFORMED, name, 0, 0,
                                   "token %u, the vocabulary has %u", s->tokens[i], s->vocabulary);
    }
    return PERCEPT_OK;
}

enum percept_status pipe_shortlist_open_bytes(const void *bytes, size_t size, const char *name,
                                              uint32_t vocabulary,
                                              struct pipe_shortlist **shortlist,
                                              struct percept_error *error)
{
    const unsigned char *header = bytes;
    uint64_t field[6] = {0};
    for (size_t i = 0; size >= HEADER && i < 6; i++)
        field[i] = number(header + 8 * i, 8);
    if (field[0] != MAGIC)
        return percept_fail_at(error, PERCEPT_MALFORMED, name, 0, 0, "no lexical shortlist");
    if (vocabulary < 1 || vocabulary > 1 << 24 || field[4] != (uint64_t)vocabulary + 1)
        return percept_fail_at(error, PERCEPT_MALFORMED, name, 0, 0,
                               "a shortlist for another vocabulary: not for %u tokens", vocabulary);
    size_t rest = size - HEADER;
    if (field[5] > rest / 4 || field[5] > UINT32_MAX || rest != 8 * field[4] + 4 * field[5])
        return percept_fail_at(error, PERCEPT_MALFORMED, name, 0, 0,
                               "%zu bytes are not what its header says", size);
    struct pipe_shortlist *s = calloc(1, sizeof *s);
    if (!s)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    s->vocabulary = vocabulary;
    s->frequent = field[2] < vocabulary ? (uint32_t)field[2] : vocabulary;
    s->words = ((size_t)vocabulary + 63) / 64;
    s->places = calloc((size_t)vocabulary + 1, sizeof *s->places);
    s->tokens = calloc((size_t)field[5] + 1, sizeof *s->tokens);
    s->chosen = calloc(s->words, sizeof *s->chosen);
    enum percept_status status = s->places && s->tokens && s->chosen
                                     ? read_all(s, header, (size_t)field[5], name, error)
                                     : percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    if (status == PERCEPT_OK)
        *shortlist = s;
    else
        pipe_shortlist_close(s);
    return status;
}

enum percept_status pipe_shortlist_open(const char *path, const struct signing_keys *keys,
                                        uint32_t vocabulary, struct pipe_shortlist **shortlist,
                                        struct percept_error *error)
{
    void *bytes;
    size_t size;
    enum percept_status status = signing_read_file(keys, path, MAX_FILE, &bytes, &size, error);
    if (status != PERCEPT_OK)
        return status;
    status = pipe_shortlist_open_bytes(bytes, size, path, vocabulary, shortlist, error);
    free(bytes);
    return status;
}

void pipe_shortlist_close(struct pipe_shortlist *s)
{
    if (s) {
        free(s->places);
        free(s->tokens);
        free(s->chosen);
    }
    free(s);
}

size_t pipe_shortlist_most(const struct pipe_shortlist *s, size_t count)
{
    size_t most = s->frequent;
    return count > 0 && s->most_each > (s->vocabulary - most) / count ? s->vocabulary
                                                                      : most + count * s->most_each;
}

size_t pipe_shortlist_choose(struct pipe_shortlist *s, const uint32_t *sentence, size_t count,
                             int64_t *candidates, size_t room)
{
    size_t found = 0;
    for (uint32_t i = 0; i < s->frequent; i++)
        s->chosen[i / 64] |= (uint64_t)1 << i % 64;
    for (size_t i = 0; i < count; i++) {
        if (sentence[i] >= s->vocabulary)
            continue;
        for (uint32_t at = s->places[sentence[i]]; at < s->places[sentence[i] + 1]; at++)
            s->chosen[s->tokens[at] / 64] |= (uint64_t)1 << s->tokens[at] % 64;
    }
    for (size_t w = 0; w < s->words; w++) {
        for (uint64_t bits = s->chosen[w]; bits && found < room; bits &= bits - 1)
            candidates[found++] = (int64_t)(w * 64) + __builtin_ctzll(bits);
        s->chosen[w] = 0;
    }
    return found;
}
