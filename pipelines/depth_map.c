/* Why: nodes compute in metres and floats; what apps read is smaller, and says what is wrong. */
#include "pipelines/depth_map.h"

#include <stdio.h>
#include <string.h>

static size_t round_up(size_t bytes)
{
    return (bytes + PIPE_TENSOR_ALIGNMENT - 1) & ~(size_t)(PIPE_TENSOR_ALIGNMENT - 1);
}

size_t pipe_depth_bytes(uint32_t width, uint32_t height)
{
    size_t pixels = (size_t)width * height;
    return round_up(pixels * sizeof(float)) + round_up(pixels);
}

void pipe_depth_place(struct pipe_depth *out, uint32_t width, uint32_t height)
{
    char *room = (char *)out + pipe_stream_type_room(PIPE_DEPTH);
    out->width = width;
    out->height = height;
    out->metres = (float *)(void *)room;
    out->confidence = (uint8_t *)room + round_up((size_t)width * height * sizeof(float));
}

const char *pipe_depth_flag_text(unsigned bit)
{
    static const char *const texts[] = {
        "the left eye is covered",
        "the right eye is covered",
        "left and right are swapped",
        "what matches is on other rows: the calibration is off",
        "the eyes were captured at different times",
        "the eyes' images have different sizes",
        "too little texture to match by",
        "both eyes show the same picture",
        "the eyes show different things",
        "not calibrated: depth is in baselines",
    };
    return bit < sizeof texts / sizeof texts[0] ? texts[bit] : NULL;
}

/* ---- as a topic ---- */

#define BAND 16384 /* pixels a task */

struct conversion {
    const float *metres;
    uint16_t *millimetres;
    size_t pixels;
};

static void convert_band(void *context, size_t band, unsigned worker)
{
    const struct conversion *c = context;
    size_t begin = band * BAND, end = begin + BAND < c->pixels ? begin + BAND : c->pixels;
    (void)worker;
    for (size_t i = begin; i < end; i++) {
        float mm = c->metres[i] * 1000 + 0.5F;
        c->millimetres[i] = (uint16_t)(mm < 65535 ? mm : 0); /* too far to be said: not known */
    }
}

static struct percept_tensor map(const char *name, uint32_t dtype, const struct pipe_depth *depth,
                                 size_t offset, size_t bytes)
{
    struct percept_tensor tensor = {
        .dtype = dtype,
        .rank = 2,
        .sizes = {depth->height, depth->width},
        .offset = offset,
        .bytes = bytes,
    };
    snprintf(tensor.name, sizeof tensor.name, "%s", name);
    return tensor;
}

size_t pipe_depth_write(void *slot, size_t max_bytes, const struct pipe_depth *depth,
                        int64_t model_ns, struct base_pool *pool)
{
    struct percept_depth *out = slot;
    size_t pixels = (size_t)depth->width * depth->height;
    size_t bytes = pixels * (depth->dtype == PERCEPT_UINT16 ? sizeof(uint16_t) : sizeof(float));
    size_t at = round_up(sizeof *out), confidence_at = round_up(at + bytes);
    if (confidence_at + pixels > max_bytes)
        return 0;
    *out = (struct percept_depth){
        .capture_ns = depth->capture_ns,
        .model_ns = model_ns,
        .frame = depth->frame,
        .width = depth->width,
        .height = depth->height,
        .flags = depth->flags,
        .pose_known = depth->pose_known,
        .fx = depth->fx,
        .fy = depth->fy,
        .cx = depth->cx,
        .cy = depth->cy,
        .baseline_m = depth->baseline_m,
        .near_m = depth->near_m,
        .far_m = depth->far_m,
        .vertical_px = depth->vertical_px,
        .known = depth->known,
        .map_count = PERCEPT_DEPTH_MAPS,
        .maps = {map("depth", depth->dtype, depth, at, bytes),
                 map("confidence", PERCEPT_UINT8, depth, confidence_at, pixels)},
    };
    memcpy(out->position_m, depth->position_m, sizeof out->position_m);
    memcpy(out->orientation, depth->orientation, sizeof out->orientation);
    struct conversion conversion = {depth->metres, (uint16_t *)(void *)((char *)slot + at), pixels};
    if (depth->dtype == PERCEPT_UINT16)
        base_pool_run(pool, (pixels + BAND - 1) / BAND, convert_band, &conversion);
    else
        memcpy((char *)slot + at, depth->metres, bytes);
    memcpy((char *)slot + confidence_at, depth->confidence, pixels);
    return confidence_at + pixels;
}
