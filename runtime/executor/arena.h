/* Memory that models share; prt.h has what users see of it. Private to the executor. */
#ifndef RUNTIME_EXECUTOR_ARENA_H
#define RUNTIME_EXECUTOR_ARENA_H

#include "runtime/backend.h"

#include <stdbool.h>
#include <stddef.h>

struct prt_arena;

/* That many bytes of the arena at least, which stay where they are as long as it; NULL without
 * memory. Of the host they begin on a huge page's border and are the same for all models; with an
 * owner, which has memory_create, they are that backend's. */
void *prt_arena_need(struct prt_arena *arena, const struct prt_backend *owner, size_t bytes);

/* Between the start of a run of one of its models and the wait for it. */
void prt_arena_set_taken(struct prt_arena *arena, bool is_taken);
bool prt_arena_is_taken(const struct prt_arena *arena);

#endif
