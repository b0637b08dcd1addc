/* Why: a stereo camera is two devices, or one that puts both eyes side by side; to a node it is
 * frames with two eyes, and how far apart they were captured. */
#include "pipelines/camera_pair.h"

#include <stdlib.h>

struct params {
    const char *left, *right, *side_by_side;
    struct pipe_camera_params cameras;
};

static const struct pipe_param params[] = {
    {.name = "left",
     .kind = PIPE_PARAM_TEXT,
     .offset = offsetof(struct params, left),
     .help = "the left eye's V4L2 device"},
    {.name = "right",
     .kind = PIPE_PARAM_TEXT,
     .offset = offsetof(struct params, right),
     .help = "the right eye's"},
    {.name = "side_by_side",
     .kind = PIPE_PARAM_TEXT,
     .offset = offsetof(struct params, side_by_side),
     .help = "instead: one device, whose left half is the left eye's"},
    PIPE_CAMERA_PARAMS(params, "one eye", 2),
    PIPE_CAMERA_FORMAT(params),
    {0},
};

struct pipe_source {
    const struct params *params;
    struct pipe_camera_pair cameras;
    struct pipe_frame_pool *pool; /* side by side: of the picture that has both */
    struct pipe_frame *both;
};

static void destroy(struct pipe_source *s)
{
    if (!s)
        return;
    pipe_camera_pair_close(&s->cameras);
    pipe_frame_unref(s->both);
    pipe_frame_pool_destroy(s->pool);
    free(s);
}

static enum percept_status open_cameras(struct pipe_source *s,
                                        const struct pipe_source_setup *setup,
                                        struct percept_error *error)
{
    const struct params *p = s->params;
    unsigned eyes = p->side_by_side ? 2 : 1; /* in a picture */
    struct pipe_camera_options options[PIPE_CAMERAS_MOST] = {
        pipe_camera_options_of(&p->cameras, p->side_by_side ? p->side_by_side : p->left),
        pipe_camera_options_of(&p->cameras, p->right),
    };
    options[0].width *= eyes;
    options[0].max_pixels *= eyes;
    if (p->side_by_side ? p->left || p->right : !p->left || !p->right)
        return percept_fail(error, PERCEPT_INVALID,
                            "expected either left and right, or side_by_side");
    if (p->side_by_side) {
        enum percept_status status = pipe_frame_pool_create(1, &s->pool, error);
        if (status != PERCEPT_OK)
            return status;
        s->both = pipe_frame_get(s->pool);
    }
    return pipe_camera_pair_open(&s->cameras, p->side_by_side ? 1 : 2, setup, options,
                                 p->cameras.retry, error);
}

static enum percept_status create(const struct pipe_source_setup *setup,
                                  struct pipe_source **source, struct percept_error *error)
{
    struct pipe_source *s = calloc(1, sizeof *s);
    if (!s)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    s->params = setup->params;
    enum percept_status status = open_cameras(s, setup, error);
    if (status != PERCEPT_OK) {
        destroy(s);
        return status;
    }
    *source = s;
    return PERCEPT_OK;
}

static enum percept_status split(const struct pipe_source *s, struct pipe_frame *frame,
                                 struct percept_error *error)
{
    uint32_t width = s->both->width / 2;
    if (s->both->width % 2)
        return percept_fail(error, PERCEPT_MALFORMED,
                            "camera %s: two eyes side by side in %u columns",
                            s->params->side_by_side, s->both->width);
    enum percept_status status = pipe_frame_take_columns(s->both, 0, width, frame, error);
    if (status == PERCEPT_OK)
        status = pipe_frame_take_columns(s->both, width, width, frame->right, error);
    return status;
}

static enum percept_status next(struct pipe_source *s, struct pipe_frame *frame, int64_t *time_ns,
                                struct percept_error *error)
{
    int64_t at_ns[PIPE_CAMERAS_MOST] = {0};
    struct pipe_frame *right = pipe_frame_add_right(frame);
    struct pipe_frame *const taken[] = {s->both ? s->both : frame, right};
    enum percept_status status = pipe_camera_pair_next(&s->cameras, taken, at_ns, error);
    if (status == PERCEPT_OK && s->both)
        status = split(s, frame, error);
    if (status != PERCEPT_OK)
        return status;
    frame->skew_ns = s->both ? 0 : at_ns[1] - at_ns[0];
    *time_ns = at_ns[0];
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

const struct pipe_source_class pipe_source_stereo_camera = {
    .name = "stereo_camera",
    .summary = "A stereo camera: two V4L2 devices, or one with both eyes side by side",
    .recorded = false,
    .output = PIPE_STEREO,
    .params = params,
    .params_size = sizeof(struct params),
    .create = create,
    .next = next,
    .rest = rest,
    .max_pixels = max_pixels,
    .destroy = destroy,
};
