/* Why: half of what loading a model costs is page faults, and most pages are packed weights. */
#include "base/slab.h"

#include "base/checked.h"
#include "base/pages.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 64 };

struct base_slab {
    struct base_slab *next;
    unsigned char *memory;
    size_t bytes, used; /* cut so far */
    size_t dirty;       /* up to here bytes may not be 0 */
    size_t pieces;      /* out, and one while it is open */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct base_slab *slabs; /* these, and what is in them, under the lock */

static struct base_slab *new_slab(void *memory, size_t bytes, size_t used)
{
    struct base_slab *slab = calloc(1, sizeof *slab);
    if (!slab)
        return NULL;
    *slab = (struct base_slab){.memory = memory, .bytes = bytes, .used = used, .pieces = 1};
    pthread_mutex_lock(&lock);
    slab->next = slabs;
    slabs = slab;
    pthread_mutex_unlock(&lock);
    return slab;
}

struct base_slab *base_slab_create(size_t bytes)
{
    unsigned char *memory = base_pages_reserve(bytes);
    if (!memory)
        return NULL;
    base_pages_wish_huge(memory, 0, bytes);
    struct base_slab *slab = new_slab(memory, bytes, 0);
    if (!slab)
        base_pages_free(memory, bytes);
    return slab;
}

struct base_slab *base_slab_adopt(void *memory, size_t bytes)
{
    return new_slab(memory, bytes, bytes);
}

void base_slab_hold(struct base_slab *slab)
{
    pthread_mutex_lock(&lock);
    slab->pieces++;
    pthread_mutex_unlock(&lock);
}

/* Under the lock. */
static void drop_piece(struct base_slab *slab)
{
    if (--slab->pieces)
        return;
    for (struct base_slab **at = &slabs; *at; at = &(*at)->next) {
        if (*at == slab) {
            *at = slab->next;
            break;
        }
    }
    base_pages_free(slab->memory, slab->bytes);
    free(slab);
}

void base_slab_close(struct base_slab *slab)
{
    if (!slab)
        return;
    pthread_mutex_lock(&lock);
    drop_piece(slab);
    pthread_mutex_unlock(&lock);
}

void *base_slab_cut(struct base_slab *slab, size_t bytes)
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

bool base_slab_return(void *piece, size_t bytes)
{
    uintptr_t at = (uintptr_t)piece;
    pthread_mutex_lock(&lock);
    struct base_slab *slab = slabs;
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
