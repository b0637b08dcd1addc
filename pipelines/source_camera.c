/* Why: people unplug cameras. The pipeline stays, says why nothing comes, and goes on when the
 * camera is back. */
#include "pipelines/camera.h"
#include "pipelines/source.h"

#include "base/clock.h"

#include <stdlib.h>

#define FIRST_PAUSE_NS   (250 * BASE_NS_PER_MS)
#define LONGEST_PAUSE_NS (5 * BASE_NS_PER_S)

struct params {
    const char *device;
    int64_t width, height, max_pixels;
    double rate;
    int format;
    bool retry;
};

static const char *const format_choices[] = {"auto", "yuyv", "nv12", "mjpeg", NULL};

static const struct pipe_param camera_params[] = {
    {.name = "device",
     .kind = PIPE_PARAM_TEXT,
     .offset = offsetof(struct params, device),
     .fallback_text = "/dev/video0",
     .help = "the V4L2 device"},
    {.name = "width",
     .kind = PIPE_PARAM_INT,
     .offset = offsetof(struct params, width),
     .fallback = 640,
     .min = 16,
     .max = PIPE_FRAME_MAX_SIDE,
     .help = "wanted width, pixels; the camera gives the nearest that it can"},
    {.name = "height",
     .kind = PIPE_PARAM_INT,
     .offset = offsetof(struct params, height),
     .fallback = 480,
     .min = 16,
     .max = PIPE_FRAME_MAX_SIDE,
     .help = "wanted height, pixels"},
    {.name = "rate",
     .kind = PIPE_PARAM_NUMBER,
     .offset = offsetof(struct params, rate),
     .max = 1000,
     .help = "wanted frames per second; 0: the camera's own"},
    {.name = "format",
     .kind = PIPE_PARAM_CHOICE,
     .offset = offsetof(struct params, format),
     .fallback = PIPE_CAMERA_AUTO,
     .choices = format_choices,
     .help = "what the camera sends; auto: the first of these that it has"},
    {.name = "retry",
     .kind = PIPE_PARAM_BOOL,
     .offset = offsetof(struct params, retry),
     .help = "wait for a camera that is absent at the start; one that is unplugged later is always "
             "waited for"},
    {.name = "max_pixels",
     .kind = PIPE_PARAM_INT,
     .offset = offsetof(struct params, max_pixels),
     .fallback = 1920 * 1080,
     .min = 256,
     .max = 268435456,
     .help = "width * height of the largest frame that is taken"},
    {0},
};

struct pipe_source {
    const struct pipe_camera_io *io;
    struct pipe_camera_options options;
    struct pipe_camera *camera; /* NULL: away */
    int stop_fd;
    int64_t pause_ns, retry_at_ns;
};

static const struct pipe_camera_io *test_io;

void pipe_camera_set_io(const struct pipe_camera_io *io)
{
    test_io = io;
}

static void destroy(struct pipe_source *s)
{
    if (!s)
        return;
    pipe_camera_close(s->camera);
    free(s);
}

/* Twice as long each time that it is not there. */
static void pause_longer(struct pipe_source *s)
{
    s->retry_at_ns = base_clock_ns() + s->pause_ns;
    s->pause_ns = s->pause_ns * 2 < LONGEST_PAUSE_NS ? s->pause_ns * 2 : LONGEST_PAUSE_NS;
}

static enum percept_status create(const struct pipe_source_setup *setup,
                                  struct pipe_source **source, struct percept_error *error)
{
    const struct params *p = setup->params;
    struct pipe_source *s = calloc(1, sizeof *s);
    if (!s)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    s->io = test_io;
    s->stop_fd = setup->stop_fd;
    s->pause_ns = FIRST_PAUSE_NS;
    s->options = (struct pipe_camera_options){
        .device = p->device,
        .width = (uint32_t)p->width,
        .height = (uint32_t)p->height,
        .rate = p->rate,
        .format = p->format,
        .max_pixels = (size_t)p->max_pixels,
    };
    enum percept_status status =
        setup->rests ? PERCEPT_OK : pipe_camera_open(s->io, &s->options, &s->camera, error);
    if (status != PERCEPT_OK && !p->retry) {
        destroy(s);
        return status;
    }
    *source = s;
    return PERCEPT_OK;
}

static enum percept_status reopen(struct pipe_source *s, struct percept_error *error)
{
    struct percept_error cause = {0};
    enum percept_status status = pipe_wait(s->stop_fd, s->retry_at_ns);
    if (status != PERCEPT_OK)
        return status;
    status = pipe_camera_open(s->io, &s->options, &s->camera, &cause);
    if (status == PERCEPT_OK || status == PERCEPT_NO_MEMORY)
        return status;
    pause_longer(s);
    return percept_fail(error, PERCEPT_DISCONNECTED, "%s", cause.message);
}

static enum percept_status next(struct pipe_source *s, struct pipe_frame *frame, int64_t *time_ns,
                                struct percept_error *error)
{
    enum percept_status status = s->camera ? PERCEPT_OK : reopen(s, error);
    if (status == PERCEPT_OK)
        status = pipe_camera_next(s->camera, s->stop_fd, frame, time_ns, error);
    if (status == PERCEPT_OK)
        s->pause_ns = FIRST_PAUSE_NS;
    if (status == PERCEPT_DISCONNECTED && s->camera) {
        pipe_camera_close(s->camera);
        s->camera = NULL;
        pause_longer(s);
    }
    return status;
}

static void rest(struct pipe_source *s)
{
    pipe_camera_close(s->camera);
    s->camera = NULL;
    s->pause_ns = FIRST_PAUSE_NS;
    s->retry_at_ns = 0;
}

static size_t max_pixels(const struct pipe_source *s)
{
    return s->options.max_pixels;
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
