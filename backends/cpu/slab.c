/* Why: half of what loading a model costs is page faults, and most pages are packed weights. */
#include "backends/cpu/slab.h"

#include "base/checked.h"
#include "base/pages.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 64 };

struct cpu_slab {
    struct cpu_slab *next;
    unsigned char *memory;
    size_t bytes, used; /* cut so far */
    size_t dirty;       /* up to here bytes may not be 0 */
    size_t pieces;      /* out, and one while it is open */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct cpu_slab *slabs; /* these, and what is in them, under the lock */

static struct cpu_slab *new_slab(void *memory, size_t bytes, size_t used)
{
    struct cpu_slab *slab = calloc(1, sizeof *slab);
    if (!slab)
        return NULL;
    *slab = (struct cpu_slab){.memory = memory, .bytes = bytes, .used = used, .pieces = 1};
    pthread_mutex_lock(&lock);
    slab->next = slabs;
    slabs = slab;
    pthread_mutex_unlock(&lock);
    return slab;
}

struct cpu_slab *cpu_slab_create(size_t bytes)
{
    unsigned char *memory = base_pages_reserve(bytes);
    if (!memory)
        return NULL;
    base_pages_wish_huge(memory, 0, bytes);
    struct cpu_slab *slab = new_slab(memory, bytes, 0);
    if (!slab)
        base_pages_free(memory, bytes);
    return slab;
}

struct cpu_slab *cpu_slab_adopt(void *memory, size_t bytes)
{
    return new_slab(memory, bytes, bytes);
}

void cpu_slab_hold(struct cpu_slab *slab)
{
    pthread_mutex_lock(&lock);
    slab->pieces++;
    pthread_mutex_unlock(&lock);
}

/* Under the lock. */
static void drop_piece(struct cpu_slab *slab)
{
    if (--slab->pieces)
        return;
    for (struct cpu_slab **at = &slabs; *at; at = &(*at)->next) {
        if (*at == slab) {
            *at = slab->next;
            break;
        }
    }
    base_pages_free(slab->memory, slab->bytes);
    free(slab);
}

void cpu_slab_close(struct cpu_slab *slab)
{
    if (!slab)
        return;
    pthread_mutex_lock(&lock);
    drop_piece(slab);
    pthread_mutex_unlock(&lock);
}

void *cpu_slab_cut(struct cpu_slab *slab, size_t bytes)
{
    void *piece = NULL;
    size_t stale = 0;
    if (!slab || !base_align_size(bytes, ALIGNMENT, &bytes))
        return NULL;
    pthread_mutex_lock(&lock);
    if (bytes <= slab->bytes - slab->used) {
        piece = slab->memory + slab->used;
        if (slab->dirty < slab->used + bytes)
            base_pages_touch(slab->memory, slab->dirty, slab->used + bytes);
        if (slab->dirty > slab->used)
            stale = slab->dirty - slab->used < bytes ? slab->dirty - slab->used : bytes;
        slab->used += bytes;
        slab->dirty = slab->dirty < slab->used ? slab->used : slab->dirty;
        slab->pieces++;
    }
    pthread_mutex_unlock(&lock);
    if (stale)
        memset(piece, 0, stale);
    return piece;
}

bool cpu_slab_return(void *piece, size_t bytes)
{
    uintptr_t at = (uintptr_t)piece;
    pthread_mutex_lock(&lock);
    struct cpu_slab *slab = slabs;
    while (slab && (at < (uintptr_t)slab->memory || at - (uintptr_t)slab->memory >= slab->bytes))
        slab = slab->next;
    if (slab) {
        if (slab->dirty && at - (uintptr_t)slab->memory + bytes == slab->used)
            slab->used -= bytes; /* not of an adopted one, in which nothing is cut */
        drop_piece(slab);
    }
    pthread_mutex_unlock(&lock);
    return slab != NULL;
}
