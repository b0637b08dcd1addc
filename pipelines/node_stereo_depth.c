/* Why: depth from two eyes, from rectification to metres; what it can't know it says. */
#include "pipelines/calibration.h"
#include "pipelines/depth_map.h"
#include "pipelines/disparity.h"
#include "pipelines/node.h"
#include "pipelines/rectify.h"
#include "pipelines/sgm.h"
#include "pipelines/stereo_align.h"
#include "pipelines/stereo_net.h"
#include "pipelines/stereo_smooth.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* With one of these there is nothing to match. */
#define HOPELESS                                                                        \
    (PERCEPT_DEPTH_LEFT_COVERED | PERCEPT_DEPTH_RIGHT_COVERED | PERCEPT_DEPTH_SWAPPED | \
     PERCEPT_DEPTH_SIZES_DIFFER | PERCEPT_DEPTH_SAME_VIEW | PERCEPT_DEPTH_UNMATCHED)

struct params {
    struct pipe_texts calibration;
    double unit, far, smoothing, max_skew_ms, align;
    int64_t calibrated_width, calibrated_height;
    int64_t width, height, out_width, out_height, disparities, small_step, large_step, uniqueness,
        speckle;
    int format;
    bool fill, smooth;
    struct pipe_numbers pose;
    const char *model, *refine;
    double census, scale, none;
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
     .kind = PIPE_PARAM_PATHS,
     .offset = offsetof(struct params, calibration),
     .help = "files of a stereo calibration, OpenCV's or Kalibr's; none: images are rectified, and "
             "there are no metres"},
    {.name = "model",
     .kind = PIPE_PARAM_MODEL,
     .offset = offsetof(struct params, model),
     .help = "a net whose features say what is alike; none: the census transform"},
    NUMBER(census, 0.5, 0, 1, "with a model: the share of the census in costs"),
    NUMBER(scale, 2, 0.01, 1000, "costs of one unit of the model's likeness"),
    NUMBER(none, 5, -1000, 1000, "how alike a pixel is to one that the right eye does not see"),
    {.name = "refine",
     .kind = PIPE_PARAM_MODEL,
     .offset = offsetof(struct params, refine),
     .help = "a net that improves the map; none: it is as matched"},
    NUMBER(unit, 1, 1e-6, 1000, "metres of one unit of the calibration's translation"),
    INT(calibrated_width, 0, 0, 16384, "of the calibration's images, pixels, if its file lacks it"),
    INT(calibrated_height, 0, 0, 16384, "the same"),
    INT(width, 320, 32, SGM_MAX_SIDE, "of the images that are matched, pixels"),
    INT(height, 240, 64, SGM_MAX_SIDE, "of the images that are matched, pixels"),
    INT(out_width, 0, 0, PIPE_DEPTH_MAX_SIDE, "of the map, pixels; 0: as matched"),
    INT(out_height, 0, 0, PIPE_DEPTH_MAX_SIDE, "of the map, pixels; 0: as matched"),
    INT(disparities, 64, 32, SGM_MAX_DISPARITIES,
        "that are looked at, pixels, a multiple of 32: more sees nearer things"),
    INT(small_step, 10, 1, 40, "penalty of a change of disparity by one; costs are up to 74"),
    INT(large_step, 100, 2, 100, "penalty of a change by more, where there is no edge"),
    INT(uniqueness, 5, 0, 99, "per cent by which the best match must beat others"),
    INT(speckle, 100, 0, 100000, "regions of fewer pixels are outliers"),
    {.name = "fill",
     .kind = PIPE_PARAM_BOOL,
     .offset = offsetof(struct params, fill),
     .fallback = 1,
     .help = "fill in what could not be matched, with confidence 1; false: it is not known"},
    {.name = "smooth",
     .kind = PIPE_PARAM_BOOL,
     .offset = offsetof(struct params, smooth),
     .fallback = 1,
     .help = "expose both images alike, take noise off them where it is high against contrast, and "
             "stretch what is faint"},
    NUMBER(smoothing, 0.5, 0, 0.95, "share of the past where nothing moves; 0: none"),
    NUMBER(far, 20, 0.1, 60, "metres; what is farther is not known"),
    NUMBER(align, 2.5, 0, 5,
           "pixels by which the right eye may be off vertically and is corrected; 0: it is not"),
    NUMBER(max_skew_ms, 5, 0, 1000, "eyes captured farther apart are not synchronised"),
    {.name = "format",
     .kind = PIPE_PARAM_CHOICE,
     .offset = offsetof(struct params, format),
     .choices = format_choices,
     .help = "of the topic: 16-bit millimetres or float metres"},
    {.name = "pose",
     .kind = PIPE_PARAM_NUMBERS,
     .offset = offsetof(struct params, pose),
     .help =
         "of a camera that does not move: x y z in metres, qx qy qz qw; none: as the source says"},
    {0},
};

static const struct pipe_port inputs[] = {{.name = "frame", .type = PIPE_STEREO}, {0}};
static const struct pipe_port outputs[] = {{.name = "depth", .type = PIPE_DEPTH}, {0}};

struct pipe_node {
    const struct params *params;
    struct base_pool *pool;
    bool calibrated;
    uint32_t width, height, out_width, out_height;
    struct rectifier *rectifier;
    struct rectifier *large; /* the left image at the map's size; NULL: the same as matched */
    struct stereo_aligner *aligner;
    struct stereo_check_result checked;
    struct stereo_smoother *smoother; /* NULL: images stay as they are */
    struct sgm *sgm;
    struct stereo_net_size net_size;
    struct stereo_costs *costs; /* NULL: the census */
    struct pipe_model *refine;  /* NULL: none */
    struct disparity_mender *mender;
    float *disparity; /* width * height */
    uint8_t *confidence;
    float *out_disparity; /* out_width * out_height; NULL without large */
    uint64_t last_frame;
};

static void destroy(struct pipe_node *n)
{
    if (!n)
        return;
    rectifier_destroy(n->rectifier);
    rectifier_destroy(n->large);
    stereo_aligner_destroy(n->aligner);
    stereo_smoother_destroy(n->smoother);
    sgm_destroy(n->sgm);
    stereo_costs_destroy(n->costs);
    disparity_mender_destroy(n->mender);
    free(n->disparity);
    free(n->confidence);
    free(n->out_disparity);
    free(n);
}

static enum percept_status check_params(const struct params *p, struct percept_error *error)
{
    if (p->disparities % 32)
        return percept_fail(error, PERCEPT_INVALID, "disparities: %lld is no multiple of 32",
                            (long long)p->disparities);
    if (p->disparities >= p->width)
        return percept_fail(error, PERCEPT_INVALID, "disparities: %lld in images %lld pixels wide",
                            (long long)p->disparities, (long long)p->width);
    if (p->large_step <= p->small_step)
        return percept_fail(error, PERCEPT_INVALID, "large_step must be above small_step");
    return pipe_depth_check(p->out_width, p->out_height, &p->pose, error);
}

static enum percept_status read_calibration(struct pipe_node *n, const struct signing_keys *keys,
                                            struct calibration *calibration,
                                            struct percept_error *error)
{
    const struct params *p = n->params;
    if (!p->calibration.count)
        return PERCEPT_OK;
    n->calibrated = true;
    enum percept_status status = calibration_read(&p->calibration, keys, calibration, error);
    if (status == PERCEPT_OK && !calibration->width) {
        calibration->width = (uint32_t)p->calibrated_width;
        calibration->height = (uint32_t)p->calibrated_height;
    }
    return status;
}

static enum percept_status create_parts(struct pipe_node *n, const struct calibration *calibration,
                                        struct percept_error *error)
{
    const struct params *p = n->params;
    struct rectifier_options rectify = {
        .calibration = n->calibrated ? calibration : NULL,
        .width = n->width,
        .height = n->height,
        .eyes = 2,
        .colour = p->model || p->refine,
    };
    const struct sgm_options sgm = {
        .width = n->width,
        .height = n->height,
        .disparities = (uint32_t)p->disparities,
        .small_step = (uint32_t)p->small_step,
        .large_step = (uint32_t)p->large_step,
        .uniqueness = (uint32_t)p->uniqueness,
    };
    enum percept_status status = rectifier_create(&rectify, n->pool, &n->rectifier, error);
    rectify.width = n->out_width;
    rectify.height = n->out_height;
    rectify.eyes = 1;
    rectify.colour = false;
    if (status == PERCEPT_OK && n->out_disparity)
        status = rectifier_create(&rectify, n->pool, &n->large, error);
    if (status == PERCEPT_OK)
        status = stereo_aligner_create(n->width, n->height, sgm.disparities, (float)p->align,
                                       n->pool, &n->aligner, error);
    if (status == PERCEPT_OK && p->smooth)
        status = stereo_smoother_create(n->width, n->height, n->pool, &n->smoother, error);
    if (status == PERCEPT_OK)
        status = sgm_create(&sgm, n->pool, &n->sgm, error);
    if (status == PERCEPT_OK)
        status = disparity_mender_create(n->width, n->height, n->pool, &n->mender, error);
    return status;
}

static enum percept_status open_nets(struct pipe_node *n, const struct pipe_node_setup *setup,
                                     struct percept_error *error)
{
    const struct params *p = n->params;
    struct pipe_model *model;
    enum percept_status status = PERCEPT_OK;
    n->net_size = (struct stereo_net_size){
        .width = n->width,
        .height = n->height,
        .disparities = (uint32_t)p->disparities,
        .share = (float)p->census,
        .scale = (float)p->scale,
        .none = (float)p->none,
    };
    if (p->model)
        status = setup->open_model(setup->host, p->model, &model, error);
    if (status == PERCEPT_OK && p->model)
        status = stereo_costs_create(model, &n->net_size, n->pool, &n->costs, error);
    if (status == PERCEPT_OK && p->refine)
        status = setup->open_model(setup->host, p->refine, &n->refine, error);
    if (status == PERCEPT_OK && p->refine)
        status = stereo_refine_check(n->refine, &n->net_size, error);
    return status;
}

static enum percept_status create(const struct pipe_node_setup *setup, struct pipe_node **node,
                                  struct percept_error *error)
{
    const struct params *p = setup->params;
    struct calibration calibration = {0};
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
    bool enlarges = n->out_width != n->width || n->out_height != n->height;
    n->disparity = calloc((size_t)n->width * n->height, sizeof *n->disparity);
    n->confidence = calloc((size_t)n->width * n->height, 1);
    n->out_disparity =
        enlarges ? calloc((size_t)n->out_width * n->out_height, sizeof *n->out_disparity) : NULL;
    if (!n->disparity || !n->confidence || (enlarges && !n->out_disparity))
        status = percept_fail(error, PERCEPT_NO_MEMORY, "out of memory for maps");
    if (status == PERCEPT_OK)
        status = read_calibration(n, setup->keys, &calibration, error);
    if (status == PERCEPT_OK)
        status = create_parts(n, &calibration, error);
    if (status == PERCEPT_OK)
        status = open_nets(n, setup, error);
    if (status != PERCEPT_OK) {
        destroy(n);
        return status;
    }
    *node = n;
    return PERCEPT_OK;
}

static size_t output_bytes(const struct pipe_node *n, unsigned output)
{
    (void)output;
    return pipe_depth_bytes(n->out_width, n->out_height);
}

/* ---- a frame ---- */

/* What can be said of it before anything is matched. */
static uint32_t look_at(struct pipe_node *n, const struct pipe_frame *frame)
{
    uint32_t flags = n->calibrated ? 0 : PERCEPT_DEPTH_NO_METRES;
    int64_t skew = frame->skew_ns < 0 ? -frame->skew_ns : frame->skew_ns;
    if ((double)skew > n->params->max_skew_ms * 1e6)
        flags |= PERCEPT_DEPTH_UNSYNCHRONISED;
    if (frame->width != frame->right->width || frame->height != frame->right->height)
        flags |= PERCEPT_DEPTH_SIZES_DIFFER;
    return flags;
}

/* The share of pixels that were measured. */
static float known(const uint8_t *confidence, size_t pixels)
{
    size_t count = 0;
    for (size_t i = 0; i < pixels; i++)
        count += confidence[i] > DISPARITY_FILLED;
    return (float)count / (float)pixels;
}

/* *any: something matched. */
static enum percept_status match(struct pipe_node *n, const struct pipe_frame *frame, bool *any,
                                 struct percept_error *error)
{
    const struct params *p = n->params;
    const uint8_t *eyes[2] = {rectifier_gray(n->rectifier, 0), rectifier_gray(n->rectifier, 1)};
    enum percept_status status = PERCEPT_OK;
    if (n->smoother)
        stereo_smoother_run(n->smoother, eyes);
    const uint8_t *left = eyes[0];
    sgm_census(n->sgm, left, eyes[1]);
    if (n->costs)
        status = stereo_costs_run(n->costs, n->rectifier, sgm_costs(n->sgm), error);
    if (status != PERCEPT_OK)
        return status;
    sgm_run(n->sgm, left, n->disparity, n->confidence);
    rectifier_blank(n->rectifier, n->confidence);
    if (p->speckle > 0)
        disparity_reject_speckles(n->mender, n->disparity, n->confidence, (uint32_t)p->speckle);
    *any = p->fill ? disparity_fill_alike(n->mender, left, n->disparity, n->confidence)
                   : disparity_fill(n->mender, n->disparity, n->confidence);
    if (!*any)
        return status;
    disparity_median(n->mender, n->disparity);
    if (n->refine)
        status = stereo_refine_run(n->refine, &n->net_size, n->rectifier, n->disparity,
                                   n->confidence, error);
    rectifier_blank(n->rectifier, n->confidence);
    if (frame->number != n->last_frame + 1)
        disparity_forget(n->mender);
    if (p->smoothing > 0)
        disparity_settle(n->mender, n->disparity, left, (float)p->smoothing);
    n->last_frame = frame->number;
    return status;
}

static enum percept_status enlarge(struct pipe_node *n, const struct pipe_frame *frame,
                                   struct pipe_depth *out, struct percept_error *error)
{
    struct rectified ignored;
    enum percept_status status = rectifier_run(n->large, frame, &ignored, error);
    if (status != PERCEPT_OK)
        return status;
    const struct disparity_image from = {n->width, n->height, rectifier_gray(n->rectifier, 0)};
    const struct disparity_image to = {n->out_width, n->out_height, rectifier_gray(n->large, 0)};
    disparity_enlarge(&from, n->disparity, n->confidence, &to, n->out_disparity, out->confidence,
                      n->pool);
    return PERCEPT_OK;
}

static void to_metres(const struct pipe_node *n, const struct rectified *rectified,
                      struct pipe_depth *out)
{
    const float *disparity = n->large ? n->out_disparity : n->disparity;
    float ratio = (float)n->out_width / (float)n->width;
    float shift = (float)rectified->shift * ratio, numerator = out->fx * out->baseline_m;
    bool fill = n->params->fill;
    for (size_t i = 0; i < (size_t)n->out_width * n->out_height; i++) {
        float apart = disparity[i] - shift;
        float metres = apart > 0 ? numerator / apart : 0;
        bool good = metres > 0 && metres <= out->far_m && out->confidence[i] &&
                    (fill || out->confidence[i] > DISPARITY_FILLED);
        out->metres[i] = good ? metres : 0;
        out->confidence[i] = good ? out->confidence[i] : 0;
    }
}

static void describe(const struct pipe_node *n, const struct pipe_frame *frame,
                     const struct rectified *rectified, struct pipe_depth *out)
{
    const struct params *p = n->params;
    double wide = (double)n->out_width / n->width, high = (double)n->out_height / n->height;
    pipe_depth_place(out, n->out_width, n->out_height);
    out->capture_ns = frame->capture_ns;
    out->frame = frame->number;
    out->dtype = format_dtypes[p->format];
    out->fx = (float)(rectified->fx * wide);
    out->fy = (float)(rectified->fy * high);
    out->cx = (float)(rectified->cx * wide);
    out->cy = (float)(rectified->cy * high);
    out->baseline_m = (float)(rectified->baseline * (n->calibrated ? p->unit : 1));
    double most = (double)p->disparities - 1 - rectified->shift;
    out->near_m = most > 0 ? (float)(rectified->fx * (double)out->baseline_m / most) : 0;
    out->far_m = (float)p->far;
    out->vertical_px = n->checked.vertical_px * (float)high;
    out->known = 0;
    pipe_depth_set_pose(out, &p->pose, &frame->pose);
    pipe_depth_turn_pose(out, rectified->turn);
}

static void nothing_known(const struct pipe_node *n, struct pipe_depth *out)
{
    size_t pixels = (size_t)n->out_width * n->out_height;
    memset(out->metres, 0, pixels * sizeof *out->metres);
    memset(out->confidence, 0, pixels);
    disparity_forget(n->mender);
}

/* That there are no metres was the choice of who configured it. */
static void doubt(const struct pipe_node *n, uint32_t flags, struct percept_error *error)
{
    for (unsigned bit = 0; pipe_depth_flag_text(bit); bit++) {
        if (!(flags & ~(uint32_t)PERCEPT_DEPTH_NO_METRES & 1u << bit))
            continue;
        if (1u << bit & (PERCEPT_DEPTH_MISALIGNED | PERCEPT_DEPTH_REALIGNED))
            percept_error_fill(error, PERCEPT_OK, NULL, 0, 0, "%s (by %.1f of %u pixels)",
                               pipe_depth_flag_text(bit), (double)n->checked.vertical_px,
                               n->height);
        else
            percept_error_fill(error, PERCEPT_OK, NULL, 0, 0, "%s", pipe_depth_flag_text(bit));
        return;
    }
}

static enum percept_status process(struct pipe_node *n, const void *const *in, void *const *out,
                                   struct percept_error *error)
{
    const struct pipe_frame *frame = in[0];
    struct pipe_depth *depth = out[0];
    struct rectified rectified = {.fx = 1, .fy = 1, .turn = {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}};
    uint32_t flags = look_at(n, frame);
    enum percept_status status = PERCEPT_OK;
    if (!(flags & PERCEPT_DEPTH_SIZES_DIFFER)) {
        status =
            stereo_aligner_run(n->aligner, n->rectifier, frame, &rectified, &n->checked, error);
        if (status != PERCEPT_OK)
            return status;
        flags |= n->checked.flags;
    }
    describe(n, frame, &rectified, depth);
    depth->flags = flags;
    bool any = false;
    if (!(flags & HOPELESS))
        status = match(n, frame, &any, error);
    if (status != PERCEPT_OK)
        return status;
    if (!any) {
        nothing_known(n, depth);
    } else {
        if (n->large)
            status = enlarge(n, frame, depth, error);
        else
            memcpy(depth->confidence, n->confidence, (size_t)n->width * n->height);
        if (status != PERCEPT_OK)
            return status;
        to_metres(n, &rectified, depth);
        depth->known = known(depth->confidence, (size_t)n->out_width * n->out_height);
    }
    doubt(n, flags, error);
    return PERCEPT_OK;
}

const struct pipe_node_class pipe_node_stereo_depth = {
    .version = PIPE_NODE_VERSION,
    .name = "stereo_depth",
    .summary = "Depth of what both eyes of a stereo frame show",
    .inputs = inputs,
    .outputs = outputs,
    .params = params,
    .params_size = sizeof(struct params),
    .create = create,
    .process = process,
    .destroy = destroy,
    .output_bytes = output_bytes,
};
