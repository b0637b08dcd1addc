/* Why: see cache.h. A file is a header, an index, and blocks at multiples of 64 bytes, the first on
 * a page's border; numbers are as this machine has them, since no other reads them. */
#include "backends/cpu/cache.h"

#include "backends/cpu/build_id.h"
#include "backends/cpu/isa.h"
#include "backends/cpu/slab.h"
#include "base/checked.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ALIGNMENT = 64, PAGE = 4096, MOST_BLOCKS = 8192, NAME_BYTES = 48, TRIES = 16 };
/* A cache may be that much larger than its model's file: int8 weights become int16, and numbers of
 * shapes and methods add some. */
#define MOST_TIMES 8
#define MOST_MORE  ((uint64_t)64 << 20)

static const char magic[8] = "PRTW\0\0\0\1";

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
};

struct cpu_cache {
    int folder;
    char name[NAME_BYTES];
    uint64_t most_bytes;
    struct cpu_slab *mapping; /* NULL: there is no file, or none that is right */
    const unsigned char *memory;
    const struct record *records;
    size_t count;
    struct kept *kept;
    size_t kept_count, kept_capacity;
    bool is_new; /* something kept is not in the file */
};

/* ---- reading ---- */

static struct base_hash seal_of(const struct header *header, const struct record *records,
                                const unsigned char *memory)
{
    struct base_hash seal = {0};
    struct header plain = *header;
    plain.seal = (struct base_hash){0};
    base_hash_add(&seal, &plain, sizeof plain);
    base_hash_add(&seal, records, plain.count * sizeof *records);
    for (uint64_t i = 0; i < plain.count; i++)
        base_hash_add(&seal, memory + records[i].offset, records[i].bytes);
    return seal;
}

/* Does everything lie inside, and is it as it was written? */
static bool is_right(const unsigned char *memory, uint64_t size)
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
    struct base_hash seal = seal_of(&header, records, memory);
    return memcmp(&seal, &header.seal, sizeof seal) == 0;
}

/* Ours, and nobody else's to write. */
static bool is_private(const struct stat *info)
{
    return info->st_uid == geteuid() && (info->st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

static void map_file(struct cpu_cache *cache)
{
    struct stat info;
    int file = openat(cache->folder, cache->name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (file < 0)
        return;
    void *memory = MAP_FAILED;
    size_t size = 0;
    if (fstat(file, &info) == 0 && S_ISREG(info.st_mode) && is_private(&info) && info.st_size > 0 &&
        (uint64_t)info.st_size <= cache->most_bytes) {
        size = (size_t)info.st_size;
        memory = mmap(NULL, size, PROT_READ, MAP_SHARED | MAP_POPULATE, file, 0);
    }
    close(file);
    if (memory == MAP_FAILED)
        return;
    if (!is_right(memory, size) || !(cache->mapping = cpu_slab_adopt(memory, size))) {
        munmap(memory, size);
        return;
    }
    struct header header;
    memcpy(&header, memory, sizeof header);
    cache->memory = memory;
    cache->records = (const void *)(cache->memory + sizeof header);
    cache->count = (size_t)header.count;
}

/* ---- the folder ---- */

/* Make the folder and those above it that are missing, for this user only. */
static void make_folders(const char *folder)
{
    char path[4096];
    size_t length = strlen(folder);
    if (length >= sizeof path)
        return;
    memcpy(path, folder, length + 1);
    for (size_t i = 1; i <= length; i++) {
        if (path[i] != '/' && path[i] != '\0')
            continue;
        char end = path[i];
        path[i] = '\0';
        (void)mkdir(path, S_IRWXU); /* what fails here fails when it is opened */
        path[i] = end;
    }
}

static int open_folder(const char *folder)
{
    const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
    int opened = open(folder, flags);
    if (opened < 0 && errno == ENOENT) {
        make_folders(folder);
        opened = open(folder, flags);
    }
    struct stat info;
    if (opened >= 0 && (fstat(opened, &info) != 0 || !is_private(&info))) {
        close(opened);
        opened = -1;
    }
    return opened;
}

struct cpu_cache *cpu_cache_open(const char *folder, const struct prt_identity *file)
{
    struct prt_identity whole = *file;
    struct base_hash name = {0};
    enum cpu_isa isa = cpu_isa_best();
    whole.offset = whole.size = 0;
    base_hash_add(&name, &whole, sizeof whole);
    base_hash_add(&name, &isa, sizeof isa);
    uint64_t most;
    if (!cpu_build_id_add(&name) || __builtin_mul_overflow(file->file_size, MOST_TIMES, &most) ||
        __builtin_add_overflow(most, MOST_MORE, &most))
        return NULL;
    struct cpu_cache *cache = calloc(1, sizeof *cache);
    if (!cache)
        return NULL;
    cache->folder = open_folder(folder);
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

static const struct record *record_of(const struct cpu_cache *cache, const struct base_hash *key,
                                      size_t bytes)
{
    for (size_t i = 0; i < cache->count; i++)
        if (memcmp(&cache->records[i].key, key, sizeof *key) == 0 &&
            cache->records[i].bytes == bytes)
            return &cache->records[i];
    return NULL;
}

void *cpu_cache_find(struct cpu_cache *cache, const struct base_hash *key, size_t bytes)
{
    const struct record *record = cache ? record_of(cache, key, bytes) : NULL;
    if (!record)
        return NULL;
    cpu_slab_hold(cache->mapping);
    return (void *)(uintptr_t)(cache->memory + record->offset);
}

bool cpu_cache_is_filled(const struct cpu_cache *cache)
{
    return cache && cache->count;
}

static bool is_kept(const struct cpu_cache *cache, const struct base_hash *key, size_t bytes)
{
    for (size_t i = 0; i < cache->kept_count; i++)
        if (memcmp(&cache->kept[i].key, key, sizeof *key) == 0 && cache->kept[i].bytes == bytes)
            return true;
    return false;
}

static void add_kept(struct cpu_cache *cache, const struct base_hash *key, const void *block,
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
    cache->kept[cache->kept_count++] = (struct kept){*key, block, bytes};
}

void cpu_cache_keep(struct cpu_cache *cache, const struct base_hash *key, const void *block,
                    size_t bytes)
{
    if (!cache)
        return;
    add_kept(cache, key, block, bytes);
    cache->is_new |= !record_of(cache, key, bytes);
}

/* ---- writing ---- */

static bool write_at(int file, const void *data, size_t size, uint64_t offset)
{
    for (size_t done = 0; done < size;) {
        ssize_t put = pwrite(file, (const char *)data + done, size - done, (off_t)(offset + done));
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return false;
        done += (size_t)put;
    }
    return true;
}

static bool write_file(const struct cpu_cache *cache, int file)
{
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
    bool written = at <= cache->most_bytes && ftruncate(file, (off_t)at) == 0 &&
                   write_at(file, records, cache->kept_count * sizeof *records, sizeof header);
    for (size_t i = 0; i < cache->kept_count && written; i++) {
        base_hash_add(&seal, cache->kept[i].block, cache->kept[i].bytes);
        written = write_at(file, cache->kept[i].block, cache->kept[i].bytes, records[i].offset);
    }
    header.seal = seal;
    written = written && write_at(file, &header, sizeof header, 0);
    free(records);
    return written;
}

/* A new file in the folder, with a name of its own; -1 when there is none. */
static int create_file(const struct cpu_cache *cache, char name[NAME_BYTES + 16])
{
    static _Atomic unsigned count;
    for (int i = 0; i < TRIES; i++) {
        snprintf(name, NAME_BYTES + 16, "%s.%08x", cache->name, (unsigned)getpid() * 64 + count++);
        int file = openat(cache->folder, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
                          S_IRUSR);
        if (file >= 0 || errno != EEXIST)
            return file;
        (void)unlinkat(cache->folder, name, 0); /* of a process that died while it wrote */
    }
    return -1;
}

static void write_new(struct cpu_cache *cache)
{
    char name[NAME_BYTES + 16];
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
    int file = create_file(cache, name);
    if (file < 0)
        return;
    bool written = write_file(cache, file);
    written = close(file) == 0 && written;
    if (!written || renameat(cache->folder, name, cache->folder, cache->name) != 0)
        (void)unlinkat(cache->folder, name, 0);
}

void cpu_cache_close(struct cpu_cache *cache)
{
    if (!cache)
        return;
    if (cache->is_new)
        write_new(cache);
    cpu_slab_close(cache->mapping);
    close(cache->folder);
    free(cache->kept);
    free(cache);
}
