/* Why: the last reader of a frame may be any thread, and giving it back must not block the
 * camera's.
 */
#include "pipelines/frame.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct eye {
    struct pipe_frame frame; /* first: the public pointer is this one */
    size_t capacity;         /* bytes of pixels without the padding */
};

struct pooled_frame {
    struct eye left; /* first, too; the only one but for stereo */
    struct eye right;
    struct pipe_raw_depth raw;
    size_t raw_capacity; /* values */
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
        free(pool->frames[i].raw.values);
    }
    free(pool);
}

struct pipe_frame *pipe_frame_get(struct pipe_frame_pool *pool)
{
    for (unsigned i = 0; i < pool->count; i++) {
        unsigned free_mark = 0;
        if (atomic_compare_exchange_strong_explicit(&pool->frames[i].references, &free_mark, 1,
                                                    memory_order_acquire, memory_order_relaxed)) {
            struct pipe_frame *frame = &pool->frames[i].left.frame;
            frame->right = NULL;
            frame->raw = NULL;
            frame->pose.known = false;
            return frame;
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

enum percept_status pipe_frame_take_columns(const struct pipe_frame *from, uint32_t first,
                                            uint32_t width, struct pipe_frame *out,
                                            struct percept_error *error)
{
    enum percept_status status = pipe_frame_resize(out, width, from->height, error);
    for (uint32_t y = 0; y < from->height && status == PERCEPT_OK; y++)
        memcpy(out->pixels + (size_t)y * out->stride,
               from->pixels + (size_t)y * from->stride + (size_t)first * 3, (size_t)width * 3);
    return status;
}

enum percept_status pipe_frame_add_depth(struct pipe_frame *frame, uint32_t width, uint32_t height,
                                         struct percept_error *error)
{
    struct pooled_frame *pooled = (struct pooled_frame *)frame;
    size_t count = (size_t)width * height;
    if (width == 0 || height == 0 || width > PIPE_FRAME_MAX_SIDE || height > PIPE_FRAME_MAX_SIDE)
        return percept_fail(error, PERCEPT_LIMIT, "depths of %u x %u pixels", width, height);
    if (count > pooled->raw_capacity) {
        uint16_t *values = malloc(count * sizeof *values);
        if (!values)
            return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory for depths");
        free(pooled->raw.values);
        pooled->raw.values = values;
        pooled->raw_capacity = count;
    }
    pooled->raw.width = width;
    pooled->raw.height = height;
    pooled->raw.has_photo = false;
    frame->raw = &pooled->raw;
    return PERCEPT_OK;
}

/* White is here, half of it DRAWN_HALF_M away, black where nothing is known. */
#define DRAWN_HALF_M 1.0F

enum percept_status pipe_frame_draw_depth(struct pipe_frame *frame, struct percept_error *error)
{
    const struct pipe_raw_depth *raw = frame->raw;
    enum percept_status status = pipe_frame_resize(frame, raw->width, raw->height, error);
    for (uint32_t y = 0; y < raw->height && status == PERCEPT_OK; y++) {
        const uint16_t *values = raw->values + (size_t)y * raw->width;
        uint8_t *out = frame->pixels + (size_t)y * frame->stride;
        for (uint32_t x = 0; x < raw->width; x++, out += 3) {
            float metres = (float)values[x] * (float)raw->unit_m;
            float gray = values[x] ? 255 * DRAWN_HALF_M / (DRAWN_HALF_M + metres) : 0;
            out[0] = out[1] = out[2] = (uint8_t)gray;
        }
    }
    return status;
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
