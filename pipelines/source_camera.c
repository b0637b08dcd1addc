/* Why: the most common source is one camera; what is hard about it is in camera_slot.c. */
#include "pipelines/camera_slot.h"

#include <stdlib.h>

struct params {
    const char *device;
    struct pipe_camera_params cameras;
};

static const struct pipe_param camera_params[] = {
    {.name = "device",
     .kind = PIPE_PARAM_TEXT,
     .offset = offsetof(struct params, device),
     .fallback_text = "/dev/video0",
     .help = "the V4L2 device"},
    PIPE_CAMERA_PARAMS(params, "a frame", 1),
    PIPE_CAMERA_FORMAT(params),
    {0},
};

struct pipe_source {
    struct pipe_camera_slot slot;
};

static void destroy(struct pipe_source *s)
{
    if (!s)
        return;
    pipe_camera_slot_close(&s->slot);
    free(s);
}

static enum percept_status create(const struct pipe_source_setup *setup,
                                  struct pipe_source **source, struct percept_error *error)
{
    const struct params *p = setup->params;
    struct pipe_source *s = calloc(1, sizeof *s);
    if (!s)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    const struct pipe_camera_options options = pipe_camera_options_of(&p->cameras, p->device);
    enum percept_status status =
        pipe_camera_slot_open(&s->slot, setup, &options, p->cameras.retry, error);
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
    return pipe_camera_slot_next(&s->slot, frame, time_ns, error);
}

static void rest(struct pipe_source *s)
{
    pipe_camera_slot_close(&s->slot);
}

static size_t max_pixels(const struct pipe_source *s)
{
    return s->slot.options.max_pixels;
}

const struct pipe_source_class pipe_source_camera = {
    .name = "camera",
    .summary = "A V4L2 camera",
    .recorded = false,
    .params = camera_params,
    .params_size = sizeof(struct params),
    .create = create,
    .next = next,
    .rest = rest,
    .max_pixels = max_pixels,
    .destroy = destroy,
};
