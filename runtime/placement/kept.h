/* What a placement was found to be, in the cache of its program. Private to the runtime. */
#ifndef RUNTIME_PLACEMENT_KEPT_H
#define RUNTIME_PLACEMENT_KEPT_H

#include "runtime/cache/cache.h"
#include "runtime/placement/measure.h"

/* What is known of as many of the lists as there is, malloc'ed; NULL for nothing. The cache may be
 * NULL. */
struct prt_placement *prt_placement_load(struct prt_cache *cache,
                                         const struct prt_model_options *options,
                                         unsigned list_count);
void prt_placement_save(struct prt_cache *cache, const struct prt_model_options *options,
                        const struct prt_placement *placement, unsigned known);

#endif
