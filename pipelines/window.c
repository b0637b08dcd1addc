/* Why: a fixed window needs no memory and no lock, and says how things are now, not since start. */
#include "pipelines/window.h"

#include <stdlib.h>

void pipe_window_add(struct pipe_window *window, int64_t value)
{
    uint64_t at = atomic_fetch_add_explicit(&window->count, 1, memory_order_relaxed);
    atomic_store_explicit(&window->values[at % PIPE_WINDOW_VALUES], value, memory_order_relaxed);
}

uint64_t pipe_window_count(const struct pipe_window *window)
{
    return atomic_load_explicit(&window->count, memory_order_relaxed);
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

void pipe_window_percentiles(const struct pipe_window *window, int64_t *p50, int64_t *p99)
{
    int64_t values[PIPE_WINDOW_VALUES];
    uint64_t count = pipe_window_count(window);
    size_t used = count < PIPE_WINDOW_VALUES ? (size_t)count : PIPE_WINDOW_VALUES;
    *p50 = *p99 = 0;
    if (used == 0)
        return;
    for (size_t i = 0; i < used; i++)
        values[i] = atomic_load_explicit(&window->values[i], memory_order_relaxed);
    qsort(values, used, sizeof values[0], compare);
    *p50 = values[(used + 1) / 2 - 1];
    *p99 = values[(used * 99 + 99) / 100 - 1];
}
