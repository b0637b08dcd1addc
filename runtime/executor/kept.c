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

void prt_kept_close(struct prt_cache *cache, bool made)
{
    if (keeps(cache))
        prt_cache_close(cache, made);
}
