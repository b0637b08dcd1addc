/* Why: the same sign is in every frame for as long as one looks at it. */
#include "pipelines/translation_cache.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX

struct entry {
    uint64_t hash;
    uint32_t next;         /* of the same bucket */
    uint32_t newer, older; /* by use */
    char text[PIPE_TRANSLATION_BYTES], translation[PIPE_TRANSLATION_BYTES];
};

struct pipe_translation_cache {
    struct entry *entries;
    uint32_t *buckets; /* the first entry of each */
    uint32_t count, capacity, mask, newest, oldest;
};

struct pipe_translation_cache *pipe_translation_cache_create(size_t entries)
{
    struct pipe_translation_cache *c = calloc(1, sizeof *c);
    uint32_t buckets = 1;
    if (!c || entries < 1 || entries > 65536) {
        free(c);
        return NULL;
    }
    while (buckets < entries)
        buckets *= 2;
    c->capacity = (uint32_t)entries;
    c->mask = buckets - 1;
    c->newest = c->oldest = NONE;
    c->entries = calloc(entries, sizeof *c->entries);
    c->buckets = malloc(buckets * sizeof *c->buckets);
    if (!c->entries || !c->buckets) {
        pipe_translation_cache_destroy(c);
        return NULL;
    }
    memset(c->buckets, 0xff, buckets * sizeof *c->buckets);
    return c;
}

void pipe_translation_cache_destroy(struct pipe_translation_cache *c)
{
    if (c) {
        free(c->entries);
        free(c->buckets);
    }
    free(c);
}

static uint64_t hash_of(const char *text)
{
    uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a */
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 0x100000001b3u;
    return hash ^ hash >> 32;
}

static void unlink_use(struct pipe_translation_cache *c, uint32_t at)
{
    struct entry *e = &c->entries[at];
    *(e->newer == NONE ? &c->newest : &c->entries[e->newer].older) = e->older;
    *(e->older == NONE ? &c->oldest : &c->entries[e->older].newer) = e->newer;
}

static void make_newest(struct pipe_translation_cache *c, uint32_t at)
{
    struct entry *e = &c->entries[at];
    e->newer = NONE;
    e->older = c->newest;
    *(c->newest == NONE ? &c->oldest : &c->entries[c->newest].newer) = at;
    c->newest = at;
}

static uint32_t find(const struct pipe_translation_cache *c, const char *text, uint64_t hash)
{
    uint32_t at = c->buckets[hash & c->mask];
    while (at != NONE && (c->entries[at].hash != hash || strcmp(c->entries[at].text, text) != 0))
        at = c->entries[at].next;
    return at;
}

static void leave_bucket(struct pipe_translation_cache *c, uint32_t at)
{
    uint32_t *link = &c->buckets[c->entries[at].hash & c->mask];
    while (*link != at)
        link = &c->entries[*link].next;
    *link = c->entries[at].next;
}

const char *pipe_translation_cache_get(struct pipe_translation_cache *c, const char *text)
{
    uint32_t at = find(c, text, hash_of(text));
    if (at == NONE)
        return NULL;
    unlink_use(c, at);
    make_newest(c, at);
    return c->entries[at].translation;
}

void pipe_translation_cache_put(struct pipe_translation_cache *c, const char *text,
                                const char *translation)
{
    size_t size = strlen(text), translated = strlen(translation);
    if (size >= PIPE_TRANSLATION_BYTES || translated >= PIPE_TRANSLATION_BYTES)
        return;
    uint64_t hash = hash_of(text);
    uint32_t at = find(c, text, hash);
    if (at != NONE) {
        unlink_use(c, at);
    } else {
        if (c->count < c->capacity) {
            at = c->count++;
        } else {
            at = c->oldest;
            unlink_use(c, at);
            leave_bucket(c, at);
        }
        c->entries[at].hash = hash;
        c->entries[at].next = c->buckets[hash & c->mask];
        c->buckets[hash & c->mask] = at;
        memcpy(c->entries[at].text, text, size + 1);
    }
    memcpy(c->entries[at].translation, translation, translated + 1);
    make_newest(c, at);
}
