/* Why: one table says what each type of stream looks like outside. */
#include "pipelines/publish.h"

#include "base/checked.h"
#include "pipelines/stream.h"

#include <string.h>

static size_t frame_max_bytes(size_t max_pixels)
{
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

static size_t hands_max_bytes(size_t max_pixels)
{
    (void)max_pixels;
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

static size_t presence_max_bytes(size_t max_pixels)
{
    (void)max_pixels;
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
