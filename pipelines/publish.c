/* Why: one table says what each type of stream looks like outside. */
#include "pipelines/publish.h"

#include "base/checked.h"
#include "pipelines/depth_map.h"
#include "pipelines/stream.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

struct pipe_publisher {
    const char *schema;
    /* For what is published as it flows: its size, and where in it model_ns is (0: nowhere). */
    size_t plain_bytes, model_ns_at;
    /* For the rest. */
    size_t (*max_bytes)(size_t max_pixels, size_t data_bytes);
    size_t (*write)(void *slot, size_t max_bytes, const void *payload, int64_t model_ns,
                    struct base_pool *pool);
};

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

/* ---- depth ---- */

static size_t depth_max_bytes(size_t max_pixels, size_t data_bytes)
{
    (void)max_pixels;
    return round_up(sizeof(struct percept_depth)) + data_bytes;
}

static size_t depth_write(void *slot, size_t max_bytes, const void *payload, int64_t model_ns,
                          struct base_pool *pool)
{
    return pipe_depth_write(slot, max_bytes, payload, model_ns, pool);
}

/* ---- the table ---- */

#define PLAIN(schema_, type)                                   \
    sizeof(struct type),                                       \
    {                                                          \
        .schema = schema_, .plain_bytes = sizeof(struct type), \
    }
#define TIMED(schema_, type)                                   \
    sizeof(struct type),                                       \
    {                                                          \
        .schema = schema_, .plain_bytes = sizeof(struct type), \
        .model_ns_at = offsetof(struct type, model_ns)         \
    }
#define WRITTEN(schema_, function)                                                      \
    {                                                                                   \
        .schema = schema_, .max_bytes = function##_max_bytes, .write = function##_write \
    }

static const struct {
    const char *name; /* as messages say it: "takes ..." */
    size_t size;
    struct pipe_publisher publisher;
} types[PIPE_STREAM_TYPES] = {
    [PIPE_FRAME] = {"a frame", 0, WRITTEN(PERCEPT_FRAME_SCHEMA, frame)},
    [PIPE_DETECTIONS] = {"detections", sizeof(struct pipe_detections), {0}},
    [PIPE_TEXT_REGIONS] = {"text regions", sizeof(struct pipe_text_regions), {0}},
    [PIPE_REGIONS] = {"regions", sizeof(struct pipe_regions), {0}},
    [PIPE_HANDS] = {"hands", TIMED(PERCEPT_HANDS_SCHEMA, percept_hands)},
    [PIPE_HANDS_PRESENCE] = {"the presence of hands",
                             PLAIN(PERCEPT_HANDS_PRESENCE_SCHEMA, percept_hands_presence)},
    [PIPE_TENSORS] = {"tensors", sizeof(struct pipe_tensors),
                      WRITTEN(PERCEPT_TENSORS_SCHEMA, tensors)},
    [PIPE_TEXT] = {"text", TIMED(PERCEPT_TEXT_SCHEMA, percept_text)},
    [PIPE_TEXT_SELECTED] = {"the selected text",
                            PLAIN(PERCEPT_TEXT_SELECTED_SCHEMA, percept_text_selected)},
    [PIPE_TEXT_PRESENCE] = {"the presence of text",
                            PLAIN(PERCEPT_TEXT_PRESENCE_SCHEMA, percept_text_presence)},
    [PIPE_STEREO] = {"a stereo frame", 0, WRITTEN(PERCEPT_FRAME_SCHEMA, frame)},
    [PIPE_RGBD] = {"a frame with depths", 0, WRITTEN(PERCEPT_FRAME_SCHEMA, frame)},
    [PIPE_DEPTH] = {"depth", sizeof(struct pipe_depth), WRITTEN(PERCEPT_DEPTH_SCHEMA, depth)},
    [PIPE_PLANES] = {"planes", PLAIN(PERCEPT_PLANES_SCHEMA, percept_planes)},
    [PIPE_CAPTIONS] = {"captions", TIMED(PERCEPT_CAPTIONS_SCHEMA, percept_captions)},
    [PIPE_AUDIO] = {"sound", sizeof(struct pipe_audio), {0}},
    [PIPE_SPEECH] = {"speech", sizeof(struct pipe_speech), {0}},
};

const char *pipe_stream_type_name(enum pipe_stream_type type)
{
    return types[type].name;
}

size_t pipe_stream_type_size(enum pipe_stream_type type)
{
    return types[type].size;
}

size_t pipe_stream_type_room(enum pipe_stream_type type)
{
    return type == PIPE_TENSORS || type == PIPE_DEPTH ? round_up(types[type].size) : 0;
}

bool pipe_stream_type_takes(enum pipe_stream_type input, enum pipe_stream_type stream)
{
    return input == stream ||
           (input == PIPE_FRAME && (stream == PIPE_STEREO || stream == PIPE_RGBD));
}

const struct pipe_publisher *pipe_publisher_of(enum pipe_stream_type type)
{
    return types[type].publisher.schema ? &types[type].publisher : NULL;
}

const char *pipe_publisher_schema(const struct pipe_publisher *publisher)
{
    return publisher->schema;
}

size_t pipe_publisher_max_bytes(const struct pipe_publisher *publisher, size_t max_pixels,
                                size_t data_bytes)
{
    return publisher->max_bytes ? publisher->max_bytes(max_pixels, data_bytes)
                                : publisher->plain_bytes;
}

size_t pipe_publisher_write(const struct pipe_publisher *publisher, void *slot, size_t max_bytes,
                            const void *payload, int64_t model_ns, struct base_pool *pool)
{
    if (publisher->write)
        return publisher->write(slot, max_bytes, payload, model_ns, pool);
    if (publisher->plain_bytes > max_bytes)
        return 0;
    memcpy(slot, payload, publisher->plain_bytes);
    if (publisher->model_ns_at)
        memcpy((char *)slot + publisher->model_ns_at, &model_ns, sizeof model_ns);
    return publisher->plain_bytes;
}
