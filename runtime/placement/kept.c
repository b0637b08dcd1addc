/* Why: see kept.h. The cache's name says program, backends and their code; the key says the rest
 * that costs depend on. */
#include "runtime/placement/kept.h"

#include "base/slab.h"
#include "runtime/executor/variant.h"

#include <stdlib.h>
#include <string.h>

/* As with graphs (executor/kept.h), nothing is kept for numbers and sizes that come and go. A block
 * is never written over, so what is known of more lists is another block. */
static bool key_of(const struct prt_model_options *options, uint32_t known, struct base_hash *key)
{
    static const char kind[] = "placement";
    const char *method = prt_model_method(options);
    const uint32_t numbers[] = {known, options->no_fusion, options->half,
                                options->pool ? base_pool_threads(options->pool) : 1};
    *key = (struct base_hash){0};
    base_hash_add(key, kind, sizeof kind);
    base_hash_add(key, numbers, sizeof numbers);
    base_hash_add(key, method, strlen(method));
    return options->choice_count == 0;
}

/* Is all that says where something is inside of what there is? */
static bool is_one(const struct prt_placement *placement, size_t bytes, unsigned list_count)
{
    if (bytes < sizeof *placement || placement->trial_count < list_count ||
        placement->trial_count > PRT_MAX_TRIALS || placement->piece_count > PRT_MAX_PIECES ||
        placement->name_count > PRT_MAX_BACKENDS || placement->chosen >= placement->trial_count ||
        bytes != sizeof *placement + placement->node_count)
        return false;
    for (uint32_t t = 0; t < placement->trial_count; t++) {
        const struct prt_trial *trial = &placement->trials[t];
        for (unsigned i = 0; i < trial->list_count; i++)
            if (trial->list_count > PRT_MAX_BACKENDS || trial->list[i] >= placement->name_count)
                return false;
    }
    for (uint32_t p = 0; p < placement->piece_count; p++)
        if (placement->pieces[p].trial >= placement->trial_count ||
            placement->pieces[p].home >= placement->name_count)
            return false;
    return true;
}

struct prt_placement *prt_placement_load(struct prt_cache *cache,
                                         const struct prt_model_options *options,
                                         unsigned list_count)
{
    struct base_hash key;
    size_t bytes = 0;
    void *block = NULL;
    for (unsigned known = list_count; cache && !block && known > 0; known--)
        if (key_of(options, known, &key))
            block = prt_cache_find(cache, &key, &bytes);
    struct prt_placement *placement =
        block && is_one(block, bytes, list_count) ? malloc(bytes) : NULL;
    if (placement) {
        memcpy(placement, block, bytes);
        placement->is_kept = true;
    }
    if (block)
        base_slab_return(block, bytes);
    return placement;
}

void prt_placement_save(struct prt_cache *cache, const struct prt_model_options *options,
                        const struct prt_placement *placement, unsigned known)
{
    struct base_hash key;
    size_t bytes = sizeof *placement + placement->node_count;
    void *copy = cache && key_of(options, known, &key) ? malloc(bytes) : NULL;
    if (copy)
        prt_cache_keep_own(cache, &key, memcpy(copy, placement, bytes), bytes);
}
