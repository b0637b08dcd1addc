/* Why: whatever a source does (blocks, skips, dies, comes back), its pipeline sees only good frames
 * in order, each with the time at which it was captured. */
#include "pipelines/pipeline.h"

#include "base/clock.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

/* A capture time outside of this around now is some driver's mistake. */
#define MOST_AHEAD_NS (50 * BASE_NS_PER_MS)
#define MOST_AGE_NS   (10 * BASE_NS_PER_S)

enum percept_status pipe_wait(int fd, int64_t until_ns)
{
    for (;;) {
        struct pollfd watched = {.fd = fd, .events = POLLIN};
        int64_t left = until_ns - base_clock_ns();
        if (until_ns >= 0 && left < 0)
            left = 0;
        struct timespec timeout = {.tv_sec = (time_t)(left / BASE_NS_PER_S),
                                   .tv_nsec = (long)(left % BASE_NS_PER_S)};
        int ready = ppoll(&watched, 1, until_ns < 0 ? NULL : &timeout, NULL);
        if (ready > 0)
            return PERCEPT_CANCELLED;
        if (ready == 0)
            return PERCEPT_OK;
    }
}

struct capture {
    struct pipe_pipeline *pipeline;
    int64_t start_ns; /* when the first recorded frame was released; 0: not yet */
    int64_t last_ns;  /* capture time of the last frame that was handed over */
    uint64_t number;  /* of the next frame */
    char told[768];   /* the last event about an unreadable item: a camera's may all be alike */
};

static void count(atomic_uint_fast64_t *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

/* Hold a recorded frame until it is due, and stamp it with the moment it goes out. */
static enum percept_status pace(struct capture *c, int64_t time_ns, struct pipe_frame *frame)
{
    struct pipe_pipeline *p = c->pipeline;
    enum percept_status status = PERCEPT_OK;
    if (c->start_ns == 0)
        c->start_ns = base_clock_ns() - time_ns;
    status = pipe_wait(p->stop_fd, c->start_ns + time_ns);
    if (status == PERCEPT_OK && p->config->when_late == PIPE_WHEN_LATE_WAIT)
        status = pipe_mailbox_wait_reader(&p->mailbox);
    frame->capture_ns = base_clock_ns();
    if (frame->capture_ns <= c->last_ns)
        frame->capture_ns = c->last_ns + 1;
    /* Having waited, the rest keeps its distance instead of catching up in a burst. */
    if (p->config->when_late == PIPE_WHEN_LATE_WAIT && c->start_ns + time_ns < frame->capture_ns)
        c->start_ns = frame->capture_ns - time_ns;
    return status;
}

static bool sane(const struct capture *c, int64_t capture_ns, char *why, size_t size)
{
    int64_t now = base_clock_ns();
    if (capture_ns <= c->last_ns)
        snprintf(why, size, "a capture time %.3f ms before the last frame's",
                 (double)(c->last_ns - capture_ns) / 1e6);
    else if (capture_ns > now + MOST_AHEAD_NS)
        snprintf(why, size, "a capture time %.3f s in the future",
                 (double)(capture_ns - now) / 1e9);
    else if (capture_ns < now - MOST_AGE_NS)
        snprintf(why, size, "a capture time %.3f s ago", (double)(now - capture_ns) / 1e9);
    else
        return true;
    return false;
}

/* Takes over the frame's reference. */
static enum percept_status hand_over(struct capture *c, struct pipe_frame *frame, int64_t time_ns)
{
    struct pipe_pipeline *p = c->pipeline;
    enum percept_status status = PERCEPT_OK;
    char why[128];
    frame->number = c->number++;
    if (p->config->source->recorded)
        status = pace(c, time_ns, frame);
    else
        frame->capture_ns = time_ns;
    if (status != PERCEPT_OK) {
        pipe_frame_unref(frame);
        return status;
    }
    if (!sane(c, frame->capture_ns, why, sizeof why)) {
        count(&p->dropped_bad);
        pipe_health_bad(&p->health, PIPE_SIDE_SOURCE, why);
        pipe_frame_unref(frame);
        return PERCEPT_OK;
    }
    c->last_ns = frame->capture_ns;
    pipe_health_good(&p->health, PIPE_SIDE_SOURCE, 1);
    struct pipe_frame *late = pipe_mailbox_put(&p->mailbox, frame);
    if (late) {
        count(&p->dropped_late);
        pipe_frame_unref(late);
    }
    return PERCEPT_OK;
}

/* One call of the source. OK: go on. */
static enum percept_status capture_one(struct capture *c, struct percept_error *error)
{
    struct pipe_pipeline *p = c->pipeline;
    struct pipe_frame *frame = pipe_frame_get(p->frames);
    if (!frame) /* nodes hold them; one comes back when this frame's turn is over */
        return pipe_wait(p->stop_fd, base_clock_ns() + BASE_NS_PER_MS);
    int64_t time_ns = 0;
    char text[sizeof error->message + sizeof error->file];
    enum percept_status status = p->config->source->next(p->source, frame, &time_ns, error);
    if (status == PERCEPT_OK)
        return hand_over(c, frame, time_ns);
    pipe_frame_unref(frame);
    if (status == PERCEPT_MALFORMED) {
        c->number++;
        count(&p->dropped_bad);
        percept_error_format(error, text, sizeof text);
        if (strncmp(text, c->told, sizeof c->told - 1) != 0)
            p->host->event(p->host->context, p->config->name, text);
        snprintf(c->told, sizeof c->told, "%s", text);
        return PERCEPT_OK;
    }
    if (status == PERCEPT_DISCONNECTED) {
        pipe_health_bad(&p->health, PIPE_SIDE_SOURCE,
                        percept_error_format(error, text, sizeof text));
        return PERCEPT_OK;
    }
    return status;
}

void *pipe_capture_main(void *pipeline)
{
    struct pipe_pipeline *p = pipeline;
    struct capture c = {.pipeline = p};
    struct percept_error error = {0};
    enum percept_status status = PERCEPT_OK;
    while (status == PERCEPT_OK)
        status = capture_one(&c, &error);
    p->end = status;
    p->end_error = error;
    pipe_mailbox_close(&p->mailbox);
    return NULL;
}
