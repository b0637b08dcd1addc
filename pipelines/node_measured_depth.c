/* Why: a camera that measures depth gives numbers with holes, values between two surfaces and a
 * lens of its own; apps want the same map in metres that two eyes give. */
#include "pipelines/calibration.h"
#include "pipelines/depth_map.h"
#include "pipelines/disparity.h"
#include "pipelines/node.h"
#include "pipelines/rectify.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NEIGHBOURS 8
#define BAND       16

struct params {
    const char *calibration;
    struct pipe_numbers intrinsics, pose;
    int64_t calibrated_width, calibrated_height;
    int64_t width, height, out_width, out_height, agree, speckle, fill;
    double near, far, noise, smoothing, max_skew_ms;
    int format;
};

static const char *const format_choices[] = {"millimetres", "metres", NULL};
static const uint32_t format_dtypes[] = {PERCEPT_UINT16, PERCEPT_FLOAT32};

#define NUMBER(name_, fallback_, min_, max_, help_)                                          \
    {                                                                                        \
        .name = #name_, .kind = PIPE_PARAM_NUMBER, .offset = offsetof(struct params, name_), \
        .fallback = fallback_, .min = min_, .max = max_, .help = help_                       \
    }
#define INT(name_, fallback_, min_, max_, help_)                                          \
    {                                                                                     \
        .name = #name_, .kind = PIPE_PARAM_INT, .offset = offsetof(struct params, name_), \
        .fallback = fallback_, .min = min_, .max = max_, .help = help_                    \
    }

static const struct pipe_param params[] = {
    {.name = "calibration",
     .kind = PIPE_PARAM_PATH,
     .offset = offsetof(struct params, calibration),
     .help = "a file of the camera's calibration: OpenCV's, ROS's (camera_info, YAML or JSON) or "
             "Kalibr's"},
    {.name = "intrinsics",
     .kind = PIPE_PARAM_NUMBERS,
     .offset = offsetof(struct params, intrinsics),
     .help = "instead, of a camera without distortion: fx fy cx cy, pixels of images of "
             "calibrated_width x calibrated_height; the first pixel's centre is at 0, 0"},
    INT(calibrated_width, 0, 0, 16384, "of the calibration's images, pixels, if its file lacks it"),
    INT(calibrated_height, 0, 0, 16384, "the same"),
    INT(width, 640, 16, PIPE_DEPTH_MAX_SIDE, "of the measured map, pixels; the camera's is best"),
    INT(height, 480, 16, PIPE_DEPTH_MAX_SIDE, "of the measured map, pixels"),
    INT(out_width, 0, 0, PIPE_DEPTH_MAX_SIDE,
        "of the topic's map, made larger along the photo's edges; 0: as measured"),
    INT(out_height, 0, 0, PIPE_DEPTH_MAX_SIDE, "the same"),
    NUMBER(near, 0.1, 0.01, 60, "metres; what is nearer is not known"),
    NUMBER(far, 10, 0.1, 60, "metres; what is farther is not known"),
    NUMBER(noise, 0.01, 1e-4, 1,
           "metres by which neighbours on one surface may differ a metre away; it grows with the "
           "square of the distance"),
    INT(agree, 2, 0, NEIGHBOURS,
        "of 8 neighbours that must be on its surface for a pixel to be believed: what is between "
        "two surfaces is on none"),
    INT(speckle, 20, 0, 100000, "regions of fewer pixels are outliers"),
    INT(fill, 8, 0, PIPE_DEPTH_MAX_SIDE,
        "holes up to so many pixels wide are filled from the farther side, with confidence 1"),
    NUMBER(smoothing, 0.5, 0, 0.95, "share of the past where nothing moves; 0: none"),
    NUMBER(max_skew_ms, 20, 0, 1000, "a photo taken farther apart is of another moment"),
    {.name = "format",
     .kind = PIPE_PARAM_CHOICE,
     .offset = offsetof(struct params, format),
     .choices = format_choices,
     .help = "of the topic: 16-bit millimetres or float metres"},
    {.name = "pose",
     .kind = PIPE_PARAM_NUMBERS,
     .offset = offsetof(struct params, pose),
     .help = "of a camera that does not move: x y z in metres, qx qy qz qw; none: as the source "
             "says"},
    {0},
};

static const struct pipe_port inputs[] = {{.name = "frame", .type = PIPE_RGBD}, {0}};
static const struct pipe_port outputs[] = {{.name = "depth", .type = PIPE_DEPTH}, {0}};

/*
 * Between raw values and metres stands nearness: 1 / noise / metres. What noise does to depth grows
 * with its square, so to nearness it does the same everywhere, one at most, as it does to a
 * disparity; and what is done to disparities after matching is right for nearness.
 */
struct pipe_node {
    const struct params *params;
    struct base_pool *pool;
    struct calibration calibration;
    uint32_t width, height, out_width, out_height;
    struct rectifier *picture, *large; /* large NULL: the map is as measured */
    struct disparity_mender *mender;
    float *grid;    /* height * width * 2: where in the camera's image, 0..1 */
    int32_t *index; /* of raw values of the size at hand; -1: outside */
    uint32_t raw_width, raw_height;
    float *nearness, *given; /* height * width; given: before neighbours were asked */
    uint8_t *confidence;
    float *out_nearness; /* out_height * out_width; NULL without large */
    uint64_t last_frame;
};

static void destroy(struct pipe_node *n)
{
    if (!n)
        return;
    rectifier_destroy(n->picture);
    rectifier_destroy(n->large);
    disparity_mender_destroy(n->mender);
    free(n->grid);
    free(n->index);
    free(n->nearness);
    free(n->given);
    free(n->confidence);
    free(n->out_nearness);
    free(n);
}

/* ---- making one ---- */

static enum percept_status check_params(const struct params *p, struct percept_error *error)
{
    if ((p->calibration != NULL) == (p->intrinsics.count != 0))
        return percept_fail(error, PERCEPT_INVALID, "expected either calibration or intrinsics");
    if (p->intrinsics.count != 0 && p->intrinsics.count != 4)
        return percept_fail(error, PERCEPT_INVALID, "intrinsics: expected fx fy cx cy, got %zu",
                            p->intrinsics.count);
    enum percept_status status = pipe_depth_check(p->out_width, p->out_height, &p->pose, error);
    if (status != PERCEPT_OK)
        return status;
    if (p->out_width && (p->out_width < p->width || p->out_height < p->height))
        return percept_fail(error, PERCEPT_INVALID,
                            "out_width x out_height is smaller than width "
                            "x height, which can be smaller itself");
    if (p->near >= p->far)
        return percept_fail(error, PERCEPT_INVALID, "near must be below far");
    return PERCEPT_OK;
}

static enum percept_status read_calibration(struct pipe_node *n, const struct signing_keys *keys,
                                            struct percept_error *error)
{
    const struct params *p = n->params;
    struct calibration *c = &n->calibration;
    enum percept_status status = PERCEPT_OK;
    if (p->calibration) {
        status = calibration_read_camera(p->calibration, keys, c, error);
    } else {
        const double *f = p->intrinsics.items;
        const struct calibration_lens lens = {.fx = f[0], .fy = f[1], .cx = f[2], .cy = f[3]};
        if (!(f[0] > 0 && f[1] > 0))
            return percept_fail(error, PERCEPT_INVALID, "a focal length of %g x %g pixels", f[0],
                                f[1]);
        calibration_set_pinhole(&lens, c);
    }
    if (status == PERCEPT_OK && !c->width) {
        c->width = (uint32_t)p->calibrated_width;
        c->height = (uint32_t)p->calibrated_height;
    }
    if (status == PERCEPT_OK && (!c->width || !c->height))
        status = percept_fail(error, PERCEPT_INVALID,
                              "calibrated_width and calibrated_height are needed: the calibration "
                              "does not say what size of image it is for");
    return status;
}

static enum percept_status take_memory(struct pipe_node *n, struct percept_error *error)
{
    size_t pixels = (size_t)n->width * n->height;
    bool enlarges = n->out_width != n->width || n->out_height != n->height;
    n->grid = calloc(pixels, 2 * sizeof *n->grid);
    n->index = calloc(pixels, sizeof *n->index);
    n->nearness = calloc(pixels, sizeof *n->nearness);
    n->given = calloc(pixels, sizeof *n->given);
    n->confidence = calloc(pixels, 1);
    if (enlarges)
        n->out_nearness = calloc((size_t)n->out_width * n->out_height, sizeof *n->out_nearness);
    if (!n->grid || !n->index || !n->nearness || !n->given || !n->confidence ||
        (enlarges && !n->out_nearness))
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory for maps");
    return PERCEPT_OK;
}

static void fill_grid(struct pipe_node *n)
{
    const struct calibration *c = &n->calibration;
    float *grid = n->grid;
    for (uint32_t y = 0; y < n->height; y++)
        for (uint32_t x = 0; x < n->width; x++, grid += 2) {
            double at[2], u = (x + 0.5) / n->width, v = (y + 0.5) / n->height;
            calibration_find(c, 0, u * c->width - 0.5, v * c->height - 0.5, at);
            grid[0] = (float)((at[0] + 0.5) / c->width);
            grid[1] = (float)((at[1] + 0.5) / c->height);
        }
}

static enum percept_status create_parts(struct pipe_node *n, struct percept_error *error)
{
    struct rectifier_options rectify = {
        .calibration = &n->calibration,
        .width = n->width,
        .height = n->height,
        .eyes = 1,
    };
    enum percept_status status = rectifier_create(&rectify, n->pool, &n->picture, error);
    rectify.width = n->out_width;
    rectify.height = n->out_height;
    if (status == PERCEPT_OK && n->out_nearness)
        status = rectifier_create(&rectify, n->pool, &n->large, error);
    if (status == PERCEPT_OK)
        status = disparity_mender_create(n->width, n->height, n->pool, &n->mender, error);
    return status;
}

static enum percept_status create(const struct pipe_node_setup *setup, struct pipe_node **node,
                                  struct percept_error *error)
{
    const struct params *p = setup->params;
    enum percept_status status = check_params(p, error);
    if (status != PERCEPT_OK)
        return status;
    struct pipe_node *n = calloc(1, sizeof *n);
    if (!n)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    n->params = p;
    n->pool = setup->pool;
    n->width = (uint32_t)p->width;
    n->height = (uint32_t)p->height;
    n->out_width = p->out_width ? (uint32_t)p->out_width : n->width;
    n->out_height = p->out_height ? (uint32_t)p->out_height : n->height;
    status = read_calibration(n, setup->keys, error);
    if (status == PERCEPT_OK)
        status = take_memory(n, error);
    if (status == PERCEPT_OK)
        status = create_parts(n, error);
    if (status != PERCEPT_OK) {
        destroy(n);
        return status;
    }
    fill_grid(n);
    *node = n;
    return PERCEPT_OK;
}

static size_t output_bytes(const struct pipe_node *n, unsigned output)
{
    (void)output;
    return pipe_depth_bytes(n->out_width, n->out_height);
}

/* ---- from raw values to nearness ---- */

/* Where each pixel's value is. Depths must not be interpolated: between two surfaces is nothing. */
static void take_size(struct pipe_node *n, const struct pipe_raw_depth *raw)
{
    if (raw->width == n->raw_width && raw->height == n->raw_height)
        return;
    for (size_t i = 0; i < (size_t)n->width * n->height; i++) {
        float x = n->grid[2 * i] * (float)raw->width, y = n->grid[2 * i + 1] * (float)raw->height;
        bool inside = x >= 0 && y >= 0 && x < (float)raw->width && y < (float)raw->height;
        n->index[i] = inside ? (int32_t)((uint32_t)y * raw->width + (uint32_t)x) : -1;
    }
    n->raw_width = raw->width;
    n->raw_height = raw->height;
    disparity_forget(n->mender);
}

static void take_values(struct pipe_node *n, const struct pipe_raw_depth *raw)
{
    const struct params *p = n->params;
    double scale = 1 / p->noise / raw->unit_m;
    double least = p->near / raw->unit_m, most = p->far / raw->unit_m;
    for (size_t i = 0; i < (size_t)n->width * n->height; i++) {
        double value = n->index[i] < 0 ? 0 : raw->values[n->index[i]];
        bool good = value > 0 && value >= least && value <= most;
        n->given[i] = good ? (float)(scale / value) : 0;
    }
}

static void ask_neighbours(struct pipe_node *n, uint32_t y)
{
    size_t row = (size_t)y * n->width;
    for (uint32_t x = 0; x < n->width; x++) {
        float here = n->given[row + x];
        unsigned alike = 0;
        uint32_t top = y ? y - 1 : 0, bottom = y + 1 < n->height ? y + 1 : y;
        uint32_t left = x ? x - 1 : 0, right = x + 1 < n->width ? x + 1 : x;
        for (uint32_t ny = top; ny <= bottom && here > 0; ny++)
            for (uint32_t nx = left; nx <= right; nx++) {
                float there = n->given[(size_t)ny * n->width + nx];
                alike += there > 0 && fabsf(there - here) <= 1;
            }
        bool good = here > 0 && alike - 1 >= (unsigned)n->params->agree;
        n->nearness[row + x] = good ? here : 0;
        /* Never as low as what is filled in. */
        n->confidence[row + x] = good ? (uint8_t)(31 + (alike - 1) * (255 - 31) / NEIGHBOURS) : 0;
    }
}

static void ask_band(void *context, size_t band, unsigned worker)
{
    struct pipe_node *n = context;
    (void)worker;
    for (size_t y = band * BAND; y < (band + 1) * BAND && y < n->height; y++)
        ask_neighbours(n, (uint32_t)y);
}

/* What a sensor does not see beside an edge is shaded by what is near, so it is of what is far. */
static void fill_row(const struct pipe_node *n, float *nearness, uint8_t *confidence)
{
    for (uint32_t x = 0, end; x < n->width; x = end + 1) {
        for (end = x; end < n->width && !confidence[end];)
            end++;
        if (x == 0 || end == n->width || end - x > (uint32_t)n->params->fill)
            continue;
        float farther = fminf(nearness[x - 1], nearness[end]);
        for (; x < end; x++) {
            nearness[x] = farther;
            confidence[x] = DISPARITY_FILLED;
        }
    }
}

static void measure(struct pipe_node *n, const struct pipe_frame *frame)
{
    const struct params *p = n->params;
    take_size(n, frame->raw);
    take_values(n, frame->raw);
    base_pool_run(n->pool, (n->height + BAND - 1) / BAND, ask_band, n);
    size_t pixels = (size_t)n->width * n->height;
    if (p->speckle > 0)
        disparity_reject_speckles(n->mender, n->nearness, n->confidence, (uint32_t)p->speckle);
    for (size_t i = 0; i < pixels; i++)
        n->nearness[i] = n->confidence[i] ? n->nearness[i] : 0;
    for (uint32_t y = 0; y < n->height; y++)
        fill_row(n, n->nearness + (size_t)y * n->width, n->confidence + (size_t)y * n->width);
    if (frame->number != n->last_frame + 1)
        disparity_forget(n->mender);
    if (p->smoothing > 0)
        disparity_settle(n->mender, n->nearness, rectifier_gray(n->picture, 0),
                         (float)p->smoothing);
    n->last_frame = frame->number;
}

/* ---- a frame ---- */

static enum percept_status check_frame(const struct pipe_node *n, const struct pipe_frame *frame,
                                       struct percept_error *error)
{
    const struct calibration *c = &n->calibration;
    const struct pipe_raw_depth *raw = frame->raw;
    if (fabs((double)raw->width * c->height / ((double)raw->height * c->width) - 1) > 0.01)
        return percept_fail(error, PERCEPT_INVALID,
                            "depths of %u x %u pixels; the calibration is for %u x %u", raw->width,
                            raw->height, c->width, c->height);
    if (n->large && !raw->has_photo)
        return percept_fail(error, PERCEPT_INVALID,
                            "a larger map takes photos beside the depths; the source has none");
    return PERCEPT_OK;
}

static void describe(const struct pipe_node *n, const struct pipe_frame *frame,
                     const struct rectified *rectified, struct pipe_depth *out)
{
    const struct params *p = n->params;
    double wide = (double)n->out_width / n->width, high = (double)n->out_height / n->height;
    pipe_depth_place(out, n->out_width, n->out_height);
    out->capture_ns = frame->capture_ns;
    out->frame = frame->number;
    out->flags = 0;
    out->dtype = format_dtypes[p->format];
    out->fx = (float)(rectified->fx * wide);
    out->fy = (float)(rectified->fy * high);
    out->cx = (float)(rectified->cx * wide);
    out->cy = (float)(rectified->cy * high);
    out->baseline_m = out->vertical_px = 0;
    out->near_m = (float)p->near;
    out->far_m = (float)p->far;
    pipe_depth_set_pose(out, &p->pose, &frame->pose);
}

static void to_metres(const struct pipe_node *n, struct pipe_depth *out)
{
    const float *nearness = n->large ? n->out_nearness : n->nearness;
    size_t pixels = (size_t)n->out_width * n->out_height, measured = 0;
    double one_metre = (double)n->out_width / n->width / n->params->noise;
    if (!n->large)
        memcpy(out->confidence, n->confidence, pixels);
    for (size_t i = 0; i < pixels; i++) {
        bool good = out->confidence[i] && nearness[i] > 0;
        out->metres[i] = good ? (float)(one_metre / (double)nearness[i]) : 0;
        out->confidence[i] = good ? out->confidence[i] : 0;
        measured += out->confidence[i] > DISPARITY_FILLED;
    }
    out->known = (float)measured / (float)pixels;
}

static enum percept_status process(struct pipe_node *n, const void *const *in, void *const *out,
                                   struct percept_error *error)
{
    const struct pipe_frame *frame = in[0];
    struct pipe_depth *depth = out[0];
    struct rectified rectified, ignored;
    enum percept_status status = check_frame(n, frame, error);
    if (status == PERCEPT_OK)
        status = rectifier_run(n->picture, frame, &rectified, error);
    if (status == PERCEPT_OK && n->large)
        status = rectifier_run(n->large, frame, &ignored, error);
    if (status != PERCEPT_OK)
        return status;
    describe(n, frame, &rectified, depth);
    measure(n, frame);
    if (n->large) {
        const struct disparity_image from = {n->width, n->height, rectifier_gray(n->picture, 0)};
        const struct disparity_image to = {n->out_width, n->out_height,
                                           rectifier_gray(n->large, 0)};
        disparity_enlarge(&from, n->nearness, n->confidence, &to, n->out_nearness,
                          depth->confidence, n->pool);
    }
    to_metres(n, depth);
    if (fabs((double)frame->skew_ns) > n->params->max_skew_ms * 1e6) {
        depth->flags |= PERCEPT_DEPTH_UNSYNCHRONISED;
        percept_error_fill(error, PERCEPT_OK, NULL, 0, 0,
                           "depths and photo were captured at different times");
    }
    if (!(depth->known > 0)) {
        depth->flags |= PERCEPT_DEPTH_NOTHING_MEASURED;
        percept_error_fill(error, PERCEPT_OK, NULL, 0, 0, "the camera measures nothing");
    }
    return PERCEPT_OK;
}

const struct pipe_node_class pipe_node_measured_depth = {
    .version = PIPE_NODE_VERSION,
    .name = "measured_depth",
    .summary = "Depth as a camera that measures it gives it: RGB-D, time of flight",
    .inputs = inputs,
    .outputs = outputs,
    .params = params,
    .params_size = sizeof(struct params),
    .create = create,
    .process = process,
    .destroy = destroy,
    .output_bytes = output_bytes,
};
