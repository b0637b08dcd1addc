/* Why: a net gives numbers of classes; apps want text. */
#include "pipelines/text_keys.h"

#include "base/thread_pool.h"
#include "signing/signing.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct pipe_text_keys {
    size_t count;
    uint32_t *starts; /* count + 1: where the keys begin in bytes, without the ends of lines */
    char *bytes;
};

int pipe_text_is_utf8(const char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes;) {
        unsigned char lead = (unsigned char)text[i++];
        unsigned more = lead < 0x80 ? 0 : lead < 0xc2 ? 4 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
        if (lead > 0xf4 || more == 4 || more > bytes - i)
            return 0;
        unsigned char low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
        unsigned char high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
        for (; more; more--, low = 0x80, high = 0xbf) {
            unsigned char next = (unsigned char)text[i++];
            if (next < low || next > high)
                return 0;
        }
    }
    return 1;
}

/* The lines of the file, moved together. */
static enum percept_status split(const char *path, struct pipe_text_keys *keys, size_t size,
                                 struct percept_error *error)
{
    size_t used = 0;
    for (size_t at = 0; at < size; keys->count++) {
        const char *line = keys->bytes + at, *end = memchr(line, '\n', size - at);
        size_t bytes = end ? (size_t)(end - line) : size - at;
        at += bytes + 1;
        if (bytes && line[bytes - 1] == '\r')
            bytes--;
        if (bytes == 0 || memchr(line, '\0', bytes) || !pipe_text_is_utf8(line, bytes))
            return percept_fail_at(error, PERCEPT_MALFORMED, path, (unsigned)keys->count + 1, 0,
                                   "expected a character in UTF-8, alone on its line");
        keys->starts[keys->count] = (uint32_t)used;
        memmove(keys->bytes + used, line, bytes);
        used += bytes;
    }
    keys->starts[keys->count] = (uint32_t)used;
    return PERCEPT_OK;
}

enum percept_status pipe_text_keys_load(const char *path, const struct signing_keys *trusted,
                                        struct pipe_text_keys **result, struct percept_error *error)
{
    size_t size = 0, lines = 1;
    struct pipe_text_keys *keys = calloc(1, sizeof *keys);
    if (!keys)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    void *bytes = NULL;
    enum percept_status status =
        signing_read_file(trusted, path, PIPE_KEYS_BYTES, &bytes, &size, error);
    keys->bytes = bytes;
    for (size_t i = 0; status == PERCEPT_OK && i < size; i++)
        lines += keys->bytes[i] == '\n';
    if (status == PERCEPT_OK) {
        keys->starts = calloc(lines + 1, sizeof *keys->starts);
        status = keys->starts ? split(path, keys, size, error)
                              : percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    }
    if (status != PERCEPT_OK) {
        pipe_text_keys_destroy(keys);
        return status;
    }
    *result = keys;
    return PERCEPT_OK;
}

void pipe_text_keys_destroy(struct pipe_text_keys *keys)
{
    if (!keys)
        return;
    free(keys->starts);
    free(keys->bytes);
    free(keys);
}

size_t pipe_text_keys_classes(const struct pipe_text_keys *keys)
{
    return keys->count + 2;
}

static size_t likeliest(const float *row, size_t classes)
{
    size_t best = 0;
    for (size_t i = 1; i < classes; i++)
        if (row[i] > row[best])
            best = i;
    return best;
}

float pipe_text_read(const struct pipe_text_keys *keys, const float *probabilities, size_t steps,
                     char *text, size_t capacity)
{
    size_t classes = pipe_text_keys_classes(keys), before = 0, used = 0, characters = 0;
    double sum = 0;
    bool full = false;
    for (size_t step = 0; step < steps; step++) {
        base_pool_pause();
        const float *row = probabilities + step * classes;
        size_t best = likeliest(row, classes);
        bool begins = best != before && best != 0;
        before = best;
        if (!begins)
            continue;
        bool space = best == classes - 1;
        const char *key = space ? " " : keys->bytes + keys->starts[best - 1];
        size_t bytes = space ? 1 : keys->starts[best] - keys->starts[best - 1];
        full = full || bytes >= capacity - used;
        if (!full) {
            memcpy(text + used, key, bytes);
            used += bytes;
        }
        sum += (double)row[best];
        characters++;
    }
    text[used] = '\0';
    double score = characters ? sum / (double)characters : 0;
    return isfinite(score) ? (float)fmin(fmax(score, 0), 1) : 0;
}
