/* Why: people unplug cameras. The pipeline stays, says why nothing comes, and goes on when the
 * camera is back. */
#include "pipelines/camera_slot.h"

#include "base/clock.h"

#define FIRST_PAUSE_NS   (250 * BASE_NS_PER_MS)
#define LONGEST_PAUSE_NS (5 * BASE_NS_PER_S)

static const struct pipe_camera_io *test_io;

void pipe_camera_set_io(const struct pipe_camera_io *io)
{
    test_io = io;
}

const char *const pipe_camera_formats[] = {"auto", "yuyv", "nv12", "mjpeg", NULL};

struct pipe_camera_options pipe_camera_options_of(const struct pipe_camera_params *params,
                                                  const char *device)
{
    return (struct pipe_camera_options){
        .device = device,
        .width = (uint32_t)params->width,
        .height = (uint32_t)params->height,
        .rate = params->rate,
        .format = params->format,
        .max_pixels = (size_t)params->max_pixels,
    };
}

enum percept_status pipe_camera_slot_open(struct pipe_camera_slot *s,
                                          const struct pipe_source_setup *setup,
                                          const struct pipe_camera_options *options, bool retry,
                                          struct percept_error *error)
{
    *s = (struct pipe_camera_slot){
        .io = test_io,
        .options = *options,
        .stop_fd = setup->stop_fd,
        .pause_ns = FIRST_PAUSE_NS,
    };
    enum percept_status status =
        setup->rests ? PERCEPT_OK : pipe_camera_open(s->io, &s->options, &s->camera, error);
    return retry ? PERCEPT_OK : status;
}

/* Twice as long each time that it is not there. */
static void pause_longer(struct pipe_camera_slot *s)
{
    s->retry_at_ns = base_clock_ns() + s->pause_ns;
    s->pause_ns = s->pause_ns * 2 < LONGEST_PAUSE_NS ? s->pause_ns * 2 : LONGEST_PAUSE_NS;
}

static enum percept_status reopen(struct pipe_camera_slot *s, struct percept_error *error)
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

enum percept_status pipe_camera_slot_next(struct pipe_camera_slot *s, struct pipe_frame *frame,
                                          int64_t *capture_ns, struct percept_error *error)
{
    enum percept_status status = s->camera ? PERCEPT_OK : reopen(s, error);
    if (status == PERCEPT_OK)
        status = pipe_camera_next(s->camera, s->stop_fd, frame, capture_ns, error);
    if (status == PERCEPT_OK)
        s->pause_ns = FIRST_PAUSE_NS;
    if (status == PERCEPT_DISCONNECTED && s->camera) {
        pipe_camera_close(s->camera);
        s->camera = NULL;
        pause_longer(s);
    }
    return status;
}

void pipe_camera_slot_close(struct pipe_camera_slot *s)
{
    pipe_camera_close(s->camera);
    s->camera = NULL;
    s->pause_ns = FIRST_PAUSE_NS;
    s->retry_at_ns = 0;
}
