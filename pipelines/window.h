/* The recent values of something measured, and their percentiles; written and read by any thread.
 */
#ifndef PIPELINES_WINDOW_H
#define PIPELINES_WINDOW_H

#include <stdatomic.h>
#include <stdint.h>

#define PIPE_WINDOW_VALUES 512

/*
 * Relaxed throughout: each value stands for itself, so a reader that sees a new one beside an old
 * one sees a window that is a little newer in one place.
 */
struct pipe_window {
    atomic_uint_fast64_t count; /* values ever added */
    _Atomic int64_t values[PIPE_WINDOW_VALUES];
};

void pipe_window_add(struct pipe_window *window, int64_t value);
uint64_t pipe_window_count(const struct pipe_window *window);

/* Both 0 for an empty window. Nearest rank. */
void pipe_window_percentiles(const struct pipe_window *window, int64_t *p50, int64_t *p99);

#endif
