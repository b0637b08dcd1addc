/* Memory that models share; prt.h has what users see of it. Private to the executor. */
#ifndef RUNTIME_EXECUTOR_ARENA_H
#define RUNTIME_EXECUTOR_ARENA_H

#include "base/status.h"

#include <stddef.h>

struct prt_arena;

/* Let the arena have that many bytes at least. Returns where it begins, which never changes, on a
 * huge page's border; NULL without memory. */
void *prt_arena_need(struct prt_arena *arena, size_t bytes);

#endif
