/* Why: see cache.h. A file is a header, an index, and blocks at multiples of 64 bytes, the first on
 * a page's border; numbers are as this machine has them, since no other reads them. */
#include "runtime/cache/cache.h"

#include "base/checked.h"
#include "base/slab.h"
#include "runtime/cache/build_id.h"
#include "runtime/cache/private_file.h"
#include "runtime/cache/seen.h"
#include "runtime/program_data.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ALIGNMENT = 64, PAGE = 4096, MOST_BLOCKS = 8192, NAME_BYTES = 48 };
/* A cache may be that much larger than its model's file: int8 weights become int16, and numbers of
 * shapes and methods add some. */
#define MOST_TIMES 8
#define MOST_MORE  ((uint64_t)64 << 20)

static const char magic[8] = "PRTW\0\0\0\3";

struct header {
    char magic[8];
    uint64_t file_bytes;
    uint64_t count;
    struct base_hash seal; /* of the header with this zeroed, the index and the blocks */
    uint64_t unused[3];
};

struct record {
    struct base_hash key;
    uint64_t offset, bytes;
};

struct kept {
    struct base_hash key;
    const void *block;
    size_t bytes;
    void *own; /* to be freed; or NULL */
};

struct prt_cache {
    int folder;
    char name[NAME_BYTES];
    uint64_t most_bytes;
    struct base_slab *mapping; /* NULL: there is no file, or none that is right */
    const unsigned char *memory;
    const struct record *records;
    size_t count, last; /* records, and the one that was found last */
    struct kept *kept;
    size_t kept_count, kept_capacity;
    bool is_new; /* something kept is not in the file */
};

/* ---- reading ---- */

/* Does everything lie inside? */
static bool fits(const unsigned char *memory, uint64_t size)
{
    struct header header;
    if (size < sizeof header)
        return false;
    memcpy(&header, memory, sizeof header);
    if (memcmp(header.magic, magic, sizeof magic) != 0 || header.file_bytes != size ||
        header.count > MOST_BLOCKS ||
        !base_range_inside(sizeof header, header.count * sizeof(struct record), size))
        return false;
    const struct record *records = (const void *)(memory + sizeof header);
    for (uint64_t i = 0; i < header.count; i++)
        if (records[i].offset % ALIGNMENT || records[i].offset < sizeof header ||
            !base_range_inside(records[i].offset, records[i].bytes, size))
            return false;
    return true;
}

static bool is_sealed(const unsigned char *memory)
{
    struct base_hash seal = {0}, stated;
    struct header header;
    const struct record *records = (const void *)(memory + sizeof header);
    memcpy(&header, memory, sizeof header);
    stated = header.seal;
    header.seal = (struct base_hash){0};
    base_hash_add(&seal, &header, sizeof header);
    base_hash_add(&seal, records, header.count * sizeof *records);
    for (uint64_t i = 0; i < header.count; i++)
        base_hash_add(&seal, memory + records[i].offset, records[i].bytes);
    return memcmp(&seal, &stated, sizeof seal) == 0;
}

/* Is it as it was written? Reads all of it, if nobody has since the machine started. */
static bool is_right(const struct prt_cache *cache, const unsigned char *memory,
                     const struct stat *info)
{
    if (!fits(memory, (uint64_t)info->st_size))
        return false;
    if (prt_seen(cache->folder, cache->name, info))
        return true;
    if (!is_sealed(memory))
        return false;
    prt_seen_note(cache->folder, cache->name, info);
    return true;
}

static void map_file(struct prt_cache *cache)
{
    struct stat info;
    int file = prt_private_open(cache->folder, cache->name, &info);
    if (file < 0)
        return;
    void *memory = MAP_FAILED;
    size_t size = 0;
    if (info.st_size > 0 && (uint64_t)info.st_size <= cache->most_bytes) {
        size = (size_t)info.st_size;
        memory = mmap(NULL, size, PROT_READ, MAP_SHARED | MAP_POPULATE, file, 0);
    }
    close(file);
    if (memory == MAP_FAILED)
        return;
    if (!is_right(cache, memory, &info) || !(cache->mapping = base_slab_adopt(memory, size))) {
        munmap(memory, size);
        return;
    }
    struct header header;
    memcpy(&header, memory, sizeof header);
    cache->memory = memory;
    cache->records = (const void *)(cache->memory + sizeof header);
    cache->count = (size_t)header.count;
}

/* All that what is kept depends on; false when that cannot be told. */
static bool name_of(const struct prt_program *program, const struct prt_backend *const *backends,
                    struct base_hash *name)
{
    for (uint32_t i = 0; i <= program->data_count; i++) {
        const struct prt_file *file = prt_program_file(program, i);
        struct prt_identity identity;
        if (!prt_file_is(file, &identity))
            return false;
        base_hash_add(name, &identity, sizeof identity);
    }
    for (; *backends; backends++) {
        const char *code = (*backends)->code ? (*backends)->code() : NULL;
        if (!code)
            return false;
        base_hash_add(name, (*backends)->name, strlen((*backends)->name));
        base_hash_add(name, code, strlen(code));
    }
    return prt_build_id_add(name);
}

struct prt_cache *prt_cache_open(const char *folder, const struct prt_program *program,
                                 const struct prt_backend *const *backends)
{
    struct base_hash name = {0};
    uint64_t most;
    if (!name_of(program, backends, &name) ||
        __builtin_mul_overflow((uint64_t)program->total_bytes, MOST_TIMES, &most) ||
        __builtin_add_overflow(most, MOST_MORE, &most))
        return NULL;
    struct prt_cache *cache = calloc(1, sizeof *cache);
    if (!cache)
        return NULL;
    cache->folder = prt_private_folder(folder);
    if (cache->folder < 0) {
        free(cache);
        return NULL;
    }
    cache->most_bytes = most;
    snprintf(cache->name, sizeof cache->name, "%016llx%016llx.weights",
             (unsigned long long)name.words[0], (unsigned long long)name.words[1]);
    map_file(cache);
    return cache;
}

/* ---- blocks ---- */

/* Layers come in the same order each time, so it is mostly the last one or the next. Of any size
 * when bytes is 0. */
static const struct record *record_of(struct prt_cache *cache, const struct base_hash *key,
                                      size_t bytes)
{
    for (size_t i = 0; i < cache->count; i++) {
        size_t at = (cache->last + i) % cache->count;
        const struct record *record = &cache->records[at];
        if (memcmp(&record->key, key, sizeof *key) == 0 && (!bytes || record->bytes == bytes)) {
            cache->last = at;
            return record;
        }
    }
    return NULL;
}

void *prt_cache_find(struct prt_cache *cache, const struct base_hash *key, size_t *bytes)
{
    const struct record *record = cache ? record_of(cache, key, *bytes) : NULL;
    if (!record)
        return NULL;
    base_slab_hold(cache->mapping);
    *bytes = (size_t)record->bytes;
    return (void *)(uintptr_t)(cache->memory + record->offset);
}

bool prt_cache_is_filled(const struct prt_cache *cache)
{
    return cache && cache->count;
}

static bool is_kept(const struct prt_cache *cache, const struct base_hash *key, size_t bytes)
{
    for (size_t i = 0; i < cache->kept_count; i++)
        if (memcmp(&cache->kept[i].key, key, sizeof *key) == 0 && cache->kept[i].bytes == bytes)
            return true;
    return false;
}

static void add_kept(struct prt_cache *cache, const struct base_hash *key, const void *block,
                     size_t bytes)
{
    if (cache->kept_count == MOST_BLOCKS || is_kept(cache, key, bytes))
        return;
    if (cache->kept_count == cache->kept_capacity) {
        size_t capacity = cache->kept_capacity ? 2 * cache->kept_capacity : 64;
        struct kept *larger = realloc(cache->kept, capacity * sizeof *larger);
        if (!larger)
            return; /* one less */
        cache->kept = larger;
        cache->kept_capacity = capacity;
    }
    cache->kept[cache->kept_count++] = (struct kept){*key, block, bytes, NULL};
}

void prt_cache_keep(struct prt_cache *cache, const struct base_hash *key, const void *block,
                    size_t bytes)
{
    if (!cache)
        return;
    add_kept(cache, key, block, bytes);
    cache->is_new |= !record_of(cache, key, bytes);
}

void prt_cache_keep_own(struct prt_cache *cache, const struct base_hash *key, void *block,
                        size_t bytes)
{
    size_t before = cache->kept_count;
    prt_cache_keep(cache, key, block, bytes);
    if (cache->kept_count > before)
        cache->kept[before].own = block;
    else
        free(block);
}

/* ---- writing ---- */

static bool write_file(const void *context, int file)
{
    const struct prt_cache *cache = context;
    struct header header = {.count = cache->kept_count};
    struct record *records = calloc(cache->kept_count, sizeof *records);
    if (!records)
        return false;
    memcpy(header.magic, magic, sizeof magic);
    uint64_t at = (sizeof header + header.count * sizeof *records + PAGE - 1) / PAGE * PAGE;
    for (size_t i = 0; i < cache->kept_count; i++) {
        records[i] = (struct record){cache->kept[i].key, at, cache->kept[i].bytes};
        at += (records[i].bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    }
    header.file_bytes = at;
    struct base_hash seal = {0};
    base_hash_add(&seal, &header, sizeof header);
    base_hash_add(&seal, records, cache->kept_count * sizeof *records);
    bool written =
        at <= cache->most_bytes && ftruncate(file, (off_t)at) == 0 &&
        prt_private_write(file, records, cache->kept_count * sizeof *records, sizeof header);
    for (size_t i = 0; i < cache->kept_count && written; i++) {
        base_hash_add(&seal, cache->kept[i].block, cache->kept[i].bytes);
        written =
            prt_private_write(file, cache->kept[i].block, cache->kept[i].bytes, records[i].offset);
    }
    header.seal = seal;
    written = written && prt_private_write(file, &header, sizeof header, 0);
    free(records);
    return written;
}

static void write_new(struct prt_cache *cache)
{
    uint64_t total = 0;
    for (size_t i = 0; i < cache->kept_count; i++)
        total += cache->kept[i].bytes;
    /* What other methods and shapes left there stays, while there is room. */
    for (size_t i = 0; i < cache->count; i++) {
        const struct record *record = &cache->records[i];
        total += record->bytes;
        if (total <= cache->most_bytes / 2)
            add_kept(cache, &record->key, cache->memory + record->offset, (size_t)record->bytes);
    }
    prt_private_replace(cache->folder, cache->name, write_file, cache);
}

void prt_cache_close(struct prt_cache *cache, bool exists)
{
    if (!cache)
        return;
    if (exists && cache->is_new)
        write_new(cache);
    for (size_t i = 0; i < cache->kept_count; i++)
        free(cache->kept[i].own);
    base_slab_close(cache->mapping);
    close(cache->folder);
    free(cache->kept);
    free(cache);
}
