/* Why: ten pipelines with one model should cost one model's weights. */
#include "backends/cpu/shared.h"

#include "base/checked.h"
#include "base/pages.h"
#include "base/slab.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { BUCKETS = 1024, SAMPLES = 16, LEAST_BYTES = 4096 };
/* From here on a block is a mapping of its own: one that turns out to exist already goes back to
 * the system at once, and does not leave a hole among what malloc holds. */
enum { MAPPED_BYTES = 256 << 10, ALIGNMENT = 64 };

struct entry {
    struct entry *next, *next_of_key;
    void *block;
    size_t bytes, users;
    struct base_hash key;
    bool keyed;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct entry *buckets[BUCKETS], *by_key[BUCKETS]; /* under the lock */

/* By some words of it; a block does not change, so this finds it again. */
static struct entry **bucket_of(const void *block, size_t bytes)
{
    uint64_t hash = bytes;
    size_t words = bytes / sizeof(uint64_t), step = words / SAMPLES + 1;
    for (size_t i = 0; i < words; i += step) {
        uint64_t word;
        memcpy(&word, (const char *)block + i * sizeof word, sizeof word);
        hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
        hash ^= hash >> 29;
    }
    return &buckets[hash % BUCKETS];
}

bool cpu_shared_bytes(size_t count, size_t size, size_t *bytes)
{
    return base_mul_size(count, size, bytes) &&
           base_align_size(*bytes ? *bytes : 1, ALIGNMENT, bytes);
}

void *cpu_shared_alloc(struct base_slab *slab, size_t count, size_t size, size_t *bytes)
{
    size_t wanted;
    if (!cpu_shared_bytes(count, size, &wanted))
        return NULL;
    /* Of a model's further sizes all large ones are shared, and the first cut takes a huge page. */
    void *block = wanted >= LEAST_BYTES ? base_slab_cut(slab, wanted) : NULL;
    if (block) {
        *bytes = wanted;
        return block;
    }
    if (wanted >= MAPPED_BYTES) {
        block = base_pages_reserve(wanted);
        if (!block)
            return NULL;
        base_pages_touch(block, 0, wanted);
    } else {
        block = aligned_alloc(ALIGNMENT, wanted);
        if (!block)
            return NULL;
        memset(block, 0, wanted);
    }
    *bytes = wanted;
    return block;
}

static void free_block(void *block, size_t bytes)
{
    if (!block || base_slab_return(block, bytes))
        return;
    if (bytes >= MAPPED_BYTES)
        base_pages_free(block, bytes);
    else
        free(block);
}

static struct entry **bucket_of_key(const struct base_hash *key)
{
    return &by_key[key->words[0] % BUCKETS];
}

/* The first key that a block gets is the one by which it is found. Under the lock. */
static void set_key(struct entry *entry, const struct base_hash *key)
{
    if (!key || entry->keyed)
        return;
    struct entry **bucket = bucket_of_key(key);
    entry->key = *key;
    entry->keyed = true;
    entry->next_of_key = *bucket;
    *bucket = entry;
}

/* Under the lock. */
static void drop_key(struct entry *entry)
{
    struct entry **at = entry->keyed ? bucket_of_key(&entry->key) : NULL;
    while (at && *at != entry)
        at = &(*at)->next_of_key;
    if (at)
        *at = entry->next_of_key;
}

void *cpu_shared_find(const struct base_hash *key, size_t count, size_t size, size_t *bytes)
{
    size_t wanted;
    if (!cpu_shared_bytes(count, size, &wanted))
        return NULL;
    pthread_mutex_lock(&lock);
    struct entry *found = *bucket_of_key(key);
    while (found && (found->bytes != wanted || memcmp(&found->key, key, sizeof *key) != 0))
        found = found->next_of_key;
    if (found)
        found->users++;
    pthread_mutex_unlock(&lock);
    if (!found)
        return NULL;
    *bytes = wanted;
    return found->block;
}

void *cpu_shared_block(void *block, size_t bytes)
{
    return cpu_shared_keyed(block, bytes, NULL);
}

void *cpu_shared_keyed(void *block, size_t bytes, const struct base_hash *key)
{
    if (!block || bytes < LEAST_BYTES)
        return block;
    struct entry **bucket = bucket_of(block, bytes);
    pthread_mutex_lock(&lock);
    struct entry *found = *bucket;
    while (found && (found->bytes != bytes || memcmp(found->block, block, bytes) != 0))
        found = found->next;
    if (found) {
        found->users++;
    } else if ((found = malloc(sizeof *found))) {
        *found = (struct entry){.next = *bucket, .block = block, .bytes = bytes, .users = 1};
        *bucket = found;
    }
    if (found)
        set_key(found, key);
    /* Without memory for an entry the block is its owner's alone. */
    void *kept = found ? found->block : block;
    pthread_mutex_unlock(&lock);
    if (kept != block)
        free_block(block, bytes);
    return kept;
}

void cpu_shared_release(void *block, size_t bytes)
{
    struct entry *last = NULL;
    if (block && bytes >= LEAST_BYTES) {
        struct entry **at = bucket_of(block, bytes);
        pthread_mutex_lock(&lock);
        while (*at && (*at)->block != block)
            at = &(*at)->next;
        if (*at && --(*at)->users > 0) {
            block = NULL; /* others have it */
        } else if (*at) {
            last = *at;
            *at = last->next;
            drop_key(last);
        }
        pthread_mutex_unlock(&lock);
    }
    free(last);
    free_block(block, bytes);
}
