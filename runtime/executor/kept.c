/* Why: see kept.h. */
#include "runtime/executor/kept.h"

#include "base/slab.h"
#include "runtime/deferred.h"
#include "runtime/executor/variant.h"
#include "runtime/graph_image.h"

#include <stdlib.h>
#include <string.h>

/* A build without layers, which is to be small, has nothing that is worth a cache: there the
 * compiler drops all of it. */
static bool keeps(const struct prt_cache *cache)
{
    return prt_deferred_any() && cache;
}

struct prt_cache *prt_kept_open(const struct prt_program *program,
                                const struct prt_model_options *options)
{
    bool wanted = prt_deferred_any() && options->cache && !options->observable;
    return wanted ? prt_cache_open(options->cache, program, options->backends) : NULL;
}

/* All that the cache's name does not say. */
static bool key_of(const struct prt_model_options *options, struct base_hash *key)
{
    const char *method = prt_model_method(options);
    const uint64_t kind = options->no_fusion ? 1 : 2;
    *key = (struct base_hash){0};
    base_hash_add(key, &kind, sizeof kind);
    base_hash_add(key, method, strlen(method));
    return options->choice_count == 0;
}

struct prt_graph *prt_kept_find(struct prt_cache *cache, const struct prt_program *program,
                                const struct prt_model_options *options)
{
    struct base_hash key;
    size_t bytes = 0;
    void *image =
        keeps(cache) && key_of(options, &key) ? prt_cache_find(cache, &key, &bytes) : NULL;
    if (!image)
        return NULL;
    struct prt_graph *graph = prt_graph_from_image(program, image, bytes);
    if (!graph) {
        base_slab_return(image, bytes);
        return NULL;
    }
    graph->kept = image;
    graph->kept_bytes = bytes;
    prt_cache_keep(cache, &key, image, bytes);
    return graph;
}

void prt_kept_add(struct prt_cache *cache, const struct prt_graph *graph,
                  const struct prt_model_options *options)
{
    struct base_hash key;
    size_t bytes;
    void *image = keeps(cache) && key_of(options, &key) ? prt_graph_image(graph, &bytes) : NULL;
    if (image)
        prt_cache_keep_own(cache, &key, image, bytes);
}

/* ---- constants ---- */

struct taking {
    struct prt_cache *cache;
    struct prt_graph *graph;
};

static struct base_hash key_of_constant(const struct prt_identity *identity)
{
    static const char kind[] = "as in the file";
    struct base_hash key = {0};
    base_hash_add(&key, kind, sizeof kind);
    base_hash_add(&key, identity, sizeof *identity);
    return key;
}

static void take_constant(void *context, struct prt_value *value,
                          const struct prt_identity *identity)
{
    const struct taking *taking = context;
    struct prt_graph *graph = taking->graph;
    struct base_hash key = key_of_constant(identity);
    size_t bytes = value->bytes;
    void *block =
        value->flags & PRT_FLAG_DEFERRED ? prt_cache_find(taking->cache, &key, &bytes) : NULL;
    if (!block)
        return;
    value->data = block;
    value->flags &= ~(uint32_t)PRT_FLAG_DEFERRED;
    prt_cache_keep(taking->cache, &key, block, bytes);
    if (graph->constants) { /* which holds this one as well */
        base_slab_return(block, bytes);
        return;
    }
    graph->constants = block;
    graph->constants_bytes = bytes;
}

void prt_kept_take_constants(struct prt_cache *cache, struct prt_graph *graph)
{
    struct taking taking = {cache, graph};
    if (keeps(cache))
        prt_deferred_each_plain(graph, take_constant, &taking);
}

static void add_constant(void *context, struct prt_value *value,
                         const struct prt_identity *identity)
{
    struct base_hash key = key_of_constant(identity);
    if (!(value->flags & PRT_FLAG_DEFERRED))
        prt_cache_keep(context, &key, value->data, value->bytes);
}

void prt_kept_add_constants(struct prt_cache *cache, struct prt_graph *graph)
{
    if (keeps(cache))
        prt_deferred_each_plain(graph, add_constant, cache);
}

/* ---- */

void prt_kept_close(struct prt_cache *cache, bool made)
{
    if (keeps(cache))
        prt_cache_close(cache, made);
}
