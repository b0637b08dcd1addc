/* Memory in whole lines of the cache, so that workers share none. */
#ifndef BACKENDS_CPU_LINES_H
#define BACKENDS_CPU_LINES_H

#include <stddef.h>

static inline size_t cpu_align64(size_t bytes)
{
    return (bytes + 63) & ~(size_t)63;
}

#endif
