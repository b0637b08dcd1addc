/* Why: RGB-D and time-of-flight cameras give depths as one V4L2 device (Z16), and colours as
 * another. */
#include "pipelines/camera_pair.h"

#include <stdlib.h>

struct params {
    const char *device, *colour;
    double unit;
    struct pipe_camera_params cameras;
};

static const struct pipe_param params[] = {
    {.name = "device",
     .kind = PIPE_PARAM_TEXT,
     .offset = offsetof(struct params, device),
     .fallback_text = "/dev/video0",
     .help = "the V4L2 device of depths: Z16, or Y16"},
    {.name = "colour",
     .kind = PIPE_PARAM_TEXT,
     .offset = offsetof(struct params, colour),
     .help = "the device of photos of the same view; none: depths are drawn"},
    {.name = "unit",
     .kind = PIPE_PARAM_NUMBER,
     .offset = offsetof(struct params, unit),
     .fallback = 0.001,
     .min = 1e-6,
     .max = 1,
     .help = "metres of a value of one: the camera's depth scale"},
    PIPE_CAMERA_PARAMS(params, "either image", 1),
    {0},
};

enum { DEPTH, COLOUR };

struct pipe_source {
    const struct params *params;
    struct pipe_camera_pair cameras;
};

static void destroy(struct pipe_source *s)
{
    if (!s)
        return;
    pipe_camera_pair_close(&s->cameras);
    free(s);
}

static enum percept_status create(const struct pipe_source_setup *setup,
                                  struct pipe_source **source, struct percept_error *error)
{
    const struct params *p = setup->params;
    struct pipe_source *s = calloc(1, sizeof *s);
    if (!s)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    s->params = p;
    struct pipe_camera_options options[PIPE_CAMERAS_MOST] = {
        [DEPTH] = pipe_camera_options_of(&p->cameras, p->device),
        [COLOUR] = pipe_camera_options_of(&p->cameras, p->colour),
    };
    options[DEPTH].format = PIPE_CAMERA_DEPTH;
    enum percept_status status = pipe_camera_pair_open(&s->cameras, p->colour ? 2 : 1, setup,
                                                       options, p->cameras.retry, error);
    if (status != PERCEPT_OK) {
        destroy(s);
        return status;
    }
    *source = s;
    return PERCEPT_OK;
}

static enum percept_status next(struct pipe_source *s, struct pipe_frame *frame, int64_t *time_ns,
                                struct percept_error *error)
{
    int64_t at_ns[PIPE_CAMERAS_MOST] = {0};
    struct pipe_frame *const taken[] = {frame, frame}; /* one fills its depths, one its pixels */
    enum percept_status status = pipe_camera_pair_next(&s->cameras, taken, at_ns, error);
    if (status != PERCEPT_OK)
        return status;
    frame->raw->unit_m = s->params->unit;
    frame->raw->has_photo = s->params->colour != NULL;
    if (!frame->raw->has_photo)
        status = pipe_frame_draw_depth(frame, error);
    frame->skew_ns = frame->raw->has_photo ? at_ns[COLOUR] - at_ns[DEPTH] : 0;
    *time_ns = at_ns[DEPTH];
    return status;
}

static void rest(struct pipe_source *s)
{
    pipe_camera_pair_close(&s->cameras);
}

static size_t max_pixels(const struct pipe_source *s)
{
    return (size_t)s->params->cameras.max_pixels;
}

const struct pipe_source_class pipe_source_depth_camera = {
    .name = "depth_camera",
    .summary = "A V4L2 camera that measures depth, and one of colours beside it",
    .recorded = false,
    .output = PIPE_RGBD,
    .params = params,
    .params_size = sizeof(struct params),
    .create = create,
    .next = next,
    .rest = rest,
    .max_pixels = max_pixels,
    .destroy = destroy,
};
