/* Why: one table says what each type of stream looks like outside. */
#include "pipelines/publish.h"

#include "base/checked.h"
#include "pipelines/stream.h"

#include <stdio.h>
#include <string.h>

static size_t frame_max_bytes(size_t max_pixels, size_t data_bytes)
{
    (void)data_bytes;
    return sizeof(struct percept_frame) + 3 * max_pixels;
}

/* Rows of a frame on their way into a slot. The pool takes them in bands: what is published before
 * the first node runs is part of what every result waits for. */
#define BAND 32

struct copy {
    const struct pipe_frame *frame;
    struct percept_frame *out;
};

static void copy_band(void *context, size_t band, unsigned worker)
{
    const struct copy *copy = context;
    const struct pipe_frame *frame = copy->frame;
    size_t row = copy->out->stride, end = (band + 1) * BAND;
    (void)worker;
    for (size_t y = band * BAND; y < end && y < frame->height; y++)
        memcpy(copy->out->pixels + y * row, frame->pixels + y * frame->stride, row);
}

static size_t frame_write(void *slot, size_t max_bytes, const void *payload, int64_t model_ns,
                          struct base_pool *pool)
{
    const struct pipe_frame *frame = payload;
    struct percept_frame *out = slot;
    size_t row = (size_t)frame->width * 3, bytes = sizeof *out + row * frame->height;
    (void)model_ns;
    if (bytes > max_bytes)
        return 0;
    *out = (struct percept_frame){
        .capture_ns = frame->capture_ns,
        .frame = frame->number,
        .width = frame->width,
        .height = frame->height,
        .stride = (uint32_t)row,
        .format = PERCEPT_PIXELS_RGB8,
    };
    struct copy copy = {frame, out};
    base_pool_run(pool, (frame->height + BAND - 1) / BAND, copy_band, &copy);
    return bytes;
}

static size_t hands_max_bytes(size_t max_pixels, size_t data_bytes)
{
    (void)max_pixels;
    (void)data_bytes;
    return sizeof(struct percept_hands);
}

static size_t hands_write(void *slot, size_t max_bytes, const void *payload, int64_t model_ns,
                          struct base_pool *pool)
{
    (void)pool;
    struct percept_hands *out = slot;
    if (sizeof *out > max_bytes)
        return 0;
    *out = *(const struct percept_hands *)payload;
    out->model_ns = model_ns;
    return sizeof *out;
}

static size_t presence_max_bytes(size_t max_pixels, size_t data_bytes)
{
    (void)max_pixels;
    (void)data_bytes;
    return sizeof(struct percept_hands_presence);
}

static size_t presence_write(void *slot, size_t max_bytes, const void *payload, int64_t model_ns,
                             struct base_pool *pool)
{
    (void)model_ns;
    (void)pool;
    if (sizeof(struct percept_hands_presence) > max_bytes)
        return 0;
    memcpy(slot, payload, sizeof(struct percept_hands_presence));
    return sizeof(struct percept_hands_presence);
}

/* ---- tensors ---- */

static size_t round_up(size_t bytes)
{
    return (bytes + PIPE_TENSOR_ALIGNMENT - 1) & ~(size_t)(PIPE_TENSOR_ALIGNMENT - 1);
}

static size_t tensors_max_bytes(size_t max_pixels, size_t data_bytes)
{
    (void)max_pixels;
    return round_up(sizeof(struct percept_tensors)) + data_bytes;
}

static size_t tensors_write(void *slot, size_t max_bytes, const void *payload, int64_t model_ns,
                            struct base_pool *pool)
{
    const struct pipe_tensors *from = payload;
    struct percept_tensors *out = slot;
    size_t used = round_up(sizeof *out);
    (void)pool;
    *out = (struct percept_tensors){
        .capture_ns = from->capture_ns,
        .model_ns = model_ns,
        .frame = from->frame,
        .image_width = from->image_width,
        .image_height = from->image_height,
        .tensor_count = from->count,
    };
    memcpy(out->image_rect, from->image_rect, sizeof out->image_rect);
    for (uint32_t i = 0; i < from->count; i++) {
        const struct pipe_tensor *tensor = &from->items[i];
        struct percept_tensor *to = &out->tensors[i];
        if (used > max_bytes || tensor->bytes > max_bytes - used)
            return 0;
        snprintf(to->name, sizeof to->name, "%s", tensor->name);
        to->dtype = tensor->dtype;
        to->rank = tensor->rank;
        memcpy(to->sizes, tensor->sizes, sizeof to->sizes);
        to->offset = used;
        to->bytes = tensor->bytes;
        memcpy((char *)slot + used, tensor->data, tensor->bytes);
        used = round_up(used + tensor->bytes);
    }
    return used < max_bytes ? used : max_bytes;
}

static const struct {
    const char *name; /* as messages say it: "takes ..." */
    size_t size;
    struct pipe_publisher publisher;
} types[PIPE_STREAM_TYPES] = {
    [PIPE_FRAME] = {"a frame", 0, {PERCEPT_FRAME_SCHEMA, frame_max_bytes, frame_write}},
    [PIPE_DETECTIONS] = {"detections", sizeof(struct pipe_detections), {0}},
    [PIPE_REGIONS] = {"regions", sizeof(struct pipe_regions), {0}},
    [PIPE_HANDS] = {"hands",
                    sizeof(struct percept_hands),
                    {PERCEPT_HANDS_SCHEMA, hands_max_bytes, hands_write}},
    [PIPE_HANDS_PRESENCE] = {"the presence of hands",
                             sizeof(struct percept_hands_presence),
                             {PERCEPT_HANDS_PRESENCE_SCHEMA, presence_max_bytes, presence_write}},
    [PIPE_TENSORS] = {"tensors",
                      sizeof(struct pipe_tensors),
                      {PERCEPT_TENSORS_SCHEMA, tensors_max_bytes, tensors_write}},
};

const char *pipe_stream_type_name(enum pipe_stream_type type)
{
    return types[type].name;
}

size_t pipe_stream_type_size(enum pipe_stream_type type)
{
    return types[type].size;
}

const struct pipe_publisher *pipe_publisher_of(enum pipe_stream_type type)
{
    return types[type].publisher.schema ? &types[type].publisher : NULL;
}
