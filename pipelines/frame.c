/* Why: the last reader of a frame may be any thread, and giving it back must not block the
 * camera's.
 */
#include "pipelines/frame.h"

#include <stdatomic.h>
#include <stdlib.h>

struct eye {
    struct pipe_frame frame; /* first: the public pointer is this one */
    size_t capacity;         /* bytes of pixels without the padding */
};

struct pooled_frame {
    struct eye left; /* first, too; the only one but for stereo */
    struct eye right;
    /* 0: free. Taken by compare-exchange (acquire: what the last reader did is done), dropped with
     * release. */
    atomic_uint references;
};

struct pipe_frame_pool {
    unsigned count;
    struct pooled_frame frames[];
};

enum percept_status pipe_frame_pool_create(unsigned count, struct pipe_frame_pool **pool,
                                           struct percept_error *error)
{
    struct pipe_frame_pool *new = calloc(1, sizeof *new + count * sizeof new->frames[0]);
    if (!new)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    new->count = count;
    *pool = new;
    return PERCEPT_OK;
}

void pipe_frame_pool_destroy(struct pipe_frame_pool *pool)
{
    for (unsigned i = 0; pool && i < pool->count; i++) {
        free(pool->frames[i].left.frame.pixels);
        free(pool->frames[i].right.frame.pixels);
    }
    free(pool);
}

struct pipe_frame *pipe_frame_get(struct pipe_frame_pool *pool)
{
    for (unsigned i = 0; i < pool->count; i++) {
        unsigned free_mark = 0;
        if (atomic_compare_exchange_strong_explicit(&pool->frames[i].references, &free_mark, 1,
                                                    memory_order_acquire, memory_order_relaxed)) {
            pool->frames[i].left.frame.right = NULL;
            return &pool->frames[i].left.frame;
        }
    }
    return NULL;
}

enum percept_status pipe_frame_resize(struct pipe_frame *frame, uint32_t width, uint32_t height,
                                      struct percept_error *error)
{
    struct eye *eye = (struct eye *)frame;
    if (width == 0 || height == 0 || width > PIPE_FRAME_MAX_SIDE || height > PIPE_FRAME_MAX_SIDE)
        return percept_fail(error, PERCEPT_LIMIT, "an image of %u x %u pixels", width, height);
    /* Rows start at multiples of 64 bytes: what converters with vector stores want. */
    uint32_t stride = (width * 3 + 63) & ~63u;
    size_t bytes = (size_t)stride * height;
    if (bytes > eye->capacity) {
        uint8_t *pixels = aligned_alloc(64, bytes + PIPE_FRAME_PADDING);
        if (!pixels)
            return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory for an image");
        free(frame->pixels);
        frame->pixels = pixels;
        eye->capacity = bytes;
    }
    frame->width = width;
    frame->height = height;
    frame->stride = stride;
    frame->view[0] = frame->view[1] = 0;
    frame->view[2] = 1;
    frame->skew_ns = 0;
    return PERCEPT_OK;
}

struct pipe_frame *pipe_frame_add_right(struct pipe_frame *frame)
{
    frame->right = &((struct pooled_frame *)frame)->right.frame;
    return frame->right;
}

void pipe_frame_ref(struct pipe_frame *frame)
{
    atomic_fetch_add_explicit(&((struct pooled_frame *)frame)->references, 1, memory_order_relaxed);
}

void pipe_frame_unref(struct pipe_frame *frame)
{
    if (frame)
        atomic_fetch_sub_explicit(&((struct pooled_frame *)frame)->references, 1,
                                  memory_order_release);
}
