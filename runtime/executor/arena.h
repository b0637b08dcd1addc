/* Memory that models share; prt.h has what users see of it. Private to the executor. */
#ifndef RUNTIME_EXECUTOR_ARENA_H
#define RUNTIME_EXECUTOR_ARENA_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

struct prt_arena;

/* Let the arena have that many bytes at least. Returns where it begins, which never changes, on a
 * huge page's border; NULL without memory. */
void *prt_arena_need(struct prt_arena *arena, size_t bytes);

/* Between the start of a run of one of its models and the wait for it. */
void prt_arena_set_taken(struct prt_arena *arena, bool is_taken);
bool prt_arena_is_taken(const struct prt_arena *arena);

#endif
