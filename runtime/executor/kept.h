/*
 * The graph of a method from the cache of its program: import and passes are done once.
 *
 * Kept is the graph of a model as it is when it is new, with what its inputs are unless somebody
 * chooses: other numbers and sizes come and go, and each would have all of a cache written again.
 */
#ifndef RUNTIME_EXECUTOR_KEPT_H
#define RUNTIME_EXECUTOR_KEPT_H

#include "runtime/cache/cache.h"
#include "runtime/prt.h"

/* The program's cache as the options wish; NULL for none. */
struct prt_cache *prt_kept_open(const struct prt_program *program,
                                const struct prt_model_options *options);

/* The graph that these options ask for, after its passes; NULL when it has to be made. */
struct prt_graph *prt_kept_find(struct prt_cache *cache, const struct prt_program *program,
                                const struct prt_model_options *options);

/* Let large constants that nobody packs be those of the cache, as far as it has them. Not of a
 * graph that is to be kept: an image knows constants by where they are in the program's files. */
void prt_kept_take_constants(struct prt_cache *cache, struct prt_graph *graph);
/* Let those be found that are in memory, and stay there until the cache is closed. */
void prt_kept_add_constants(struct prt_cache *cache, struct prt_graph *graph);

/* Let it be found from now on. The graph stays as it is. */
void prt_kept_add(struct prt_cache *cache, const struct prt_graph *graph,
                  const struct prt_model_options *options);

/* Write what is new, if the model was made: else its weights are gone. NULL is fine. */
void prt_kept_close(struct prt_cache *cache, bool made);

#endif
