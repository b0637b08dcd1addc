/* Why: see kept.h. */
#include "runtime/executor/kept.h"

#include "base/slab.h"
#include "runtime/deferred.h"
#include "runtime/graph_image.h"

#include <stdlib.h>
#include <string.h>

struct prt_cache *prt_kept_open(const struct prt_program *program,
                                const struct prt_model_options *options)
{
    /* A build without layers has nothing that is worth a cache. */
    bool wanted = prt_deferred_any() && options->cache && !options->observable;
    return wanted ? prt_cache_open(options->cache, program, options->backends) : NULL;
}

/* All that the cache's name does not say. */
static bool key_of(const struct prt_model_options *options, struct base_hash *key)
{
    const char *method = options->method ? options->method : "forward";
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
    void *image = cache && key_of(options, &key) ? prt_cache_find(cache, &key, &bytes) : NULL;
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
    void *image = cache && key_of(options, &key) ? prt_graph_image(graph, &bytes) : NULL;
    if (image)
        prt_cache_keep_own(cache, &key, image, bytes);
}
