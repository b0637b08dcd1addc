/* Why: nodes compute in metres and floats; what apps read is smaller, and says what is wrong. */
#include "pipelines/depth_map.h"

#include <math.h>
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

enum percept_status pipe_depth_check(int64_t out_width, int64_t out_height,
                                     const struct pipe_numbers *pose, struct percept_error *error)
{
    if ((out_width == 0) != (out_height == 0))
        return percept_fail(error, PERCEPT_INVALID, "out_width without out_height, or reversed");
    if (pose->count != 0 && pose->count != 7)
        return percept_fail(error, PERCEPT_INVALID, "pose: expected 7 numbers, got %zu",
                            pose->count);
    return PERCEPT_OK;
}

void pipe_depth_set_pose(struct pipe_depth *out, const struct pipe_numbers *fixed,
                         const struct pipe_pose *of_frame)
{
    struct pipe_pose pose = *of_frame;
    if (fixed->count == 7) {
        pose.known = true;
        for (size_t i = 0; i < 7; i++)
            *(i < 3 ? &pose.position_m[i] : &pose.orientation[i - 3]) = (float)fixed->items[i];
    }
    if (!pose.known)
        pose = (struct pipe_pose){0};
    out->pose_known = pose.known;
    memcpy(out->position_m, pose.position_m, sizeof out->position_m);
    memcpy(out->orientation, pose.orientation, sizeof out->orientation);
}

void pipe_depth_turn_pose(struct pipe_depth *out, const double m[3][3])
{
    /* Back from the rectified: the transpose, as a quaternion. It is by far less than half a turn.
     */
    double w = sqrt(fmax(1 + m[0][0] + m[1][1] + m[2][2], 0)) / 2;
    if (!out->pose_known || !(w > 0.1))
        return;
    double x = (m[1][2] - m[2][1]) / (4 * w), y = (m[2][0] - m[0][2]) / (4 * w),
           z = (m[0][1] - m[1][0]) / (4 * w);
    const float *q = out->orientation;
    double a = (double)q[0], b = (double)q[1], c = (double)q[2], d = (double)q[3];
    const double turned[4] = {
        d * x + a * w + b * z - c * y,
        d * y - a * z + b * w + c * x,
        d * z + a * y - b * x + c * w,
        d * w - a * x - b * y - c * z,
    };
    for (unsigned i = 0; i < 4; i++)
        out->orientation[i] = (float)turned[i];
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
        "the camera measures nothing",
        "the right eye is off vertically, which is corrected",
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
