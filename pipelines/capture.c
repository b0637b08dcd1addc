/* Why: whatever a source does (blocks, skips, dies, comes back), its pipeline sees only good frames
 * in order, each with the time at which it was captured. */
#include "pipelines/capture.h"

#include "base/clock.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A capture time outside of this around now is some driver's mistake. */
#define MOST_AHEAD_NS (50 * BASE_NS_PER_MS)
#define MOST_AGE_NS   (10 * BASE_NS_PER_S)

/* Events about single frames in a second: a folder of bad files is worth that many lines, a camera
 * gone mad is not. */
#define MOST_EVENTS 20

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

void pipe_capture_count(atomic_uint_fast64_t *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

void pipe_capture_tell(struct pipe_capture *c, const char *text)
{
    int64_t second = base_clock_ns() / BASE_NS_PER_S;
    if (strncmp(text, c->told, sizeof c->told - 1) == 0)
        return;
    strncpy(c->told, text, sizeof c->told - 1);
    c->told_in_second = second == c->told_second ? c->told_in_second + 1 : 1;
    c->told_second = second;
    if (c->told_in_second <= MOST_EVENTS)
        c->pipeline->host->event(c->pipeline->host->context, c->pipeline->config->name, text);
}

bool pipe_capture_rests(const struct pipe_pipeline *p)
{
    return atomic_load_explicit(&p->rests, memory_order_relaxed) != 0;
}

/* What woke the source was not the end. The reading comes first: an end after it wakes again. */
static bool goes_on(struct pipe_pipeline *p)
{
    uint64_t count;
    ssize_t ignored = read(p->stop_fd, &count, sizeof count); /* fails only when it is empty */
    (void)ignored;
    return !atomic_load_explicit(&p->stops, memory_order_relaxed);
}

/* Until a frame is wanted again. To a recording no time has passed. */
enum percept_status pipe_capture_rest(struct pipe_capture *c)
{
    struct pipe_pipeline *p = c->pipeline;
    int64_t since_ns = base_clock_ns();
    if (p->config->source->rest)
        p->config->source->rest(p->source);
    while (pipe_capture_rests(p))
        if (pipe_wait(p->stop_fd, -1) == PERCEPT_CANCELLED && !goes_on(p))
            return PERCEPT_CANCELLED;
    if (c->start_ns)
        c->start_ns += base_clock_ns() - since_ns;
    return PERCEPT_OK;
}

/* Hold a recorded frame until it is due, and stamp it with the moment it goes out. */
static enum percept_status pace(struct pipe_capture *c, int64_t time_ns, struct pipe_frame *frame)
{
    struct pipe_pipeline *p = c->pipeline;
    enum percept_status status = PERCEPT_OK;
    if (c->start_ns == 0)
        c->start_ns = base_clock_ns() - time_ns;
    do /* what woke it may have been the end of a rest */
        status = pipe_wait(p->stop_fd, c->start_ns + time_ns);
    while (status == PERCEPT_CANCELLED && goes_on(p) && !pipe_capture_rests(p));
    if (status == PERCEPT_OK && p->config->when_late == PIPE_WHEN_LATE_WAIT)
        status = pipe_mailbox_wait_reader(&p->mailbox, -1);
    frame->capture_ns = base_clock_ns();
    if (frame->capture_ns <= c->last_ns)
        frame->capture_ns = c->last_ns + 1;
    /* Having waited, the rest keeps its distance instead of catching up in a burst. */
    if (p->config->when_late == PIPE_WHEN_LATE_WAIT && c->start_ns + time_ns < frame->capture_ns)
        c->start_ns = frame->capture_ns - time_ns;
    /* Decoding the next frame would compete with the nodes for the cores, and the thread woken by
     * this frame would queue behind it. Three quarters of the pause till then is enough rest. */
    c->rest_ns = frame->capture_ns + (time_ns - c->time_ns) / 4 * 3;
    c->time_ns = time_ns;
    return status;
}

const char *pipe_capture_absurd(const struct pipe_capture *c, int64_t capture_ns)
{
    int64_t now = base_clock_ns();
    if (capture_ns <= c->last_ns)
        return "frames with a capture time that is not after the last frame's are dropped";
    if (capture_ns > now + MOST_AHEAD_NS)
        return "frames with a capture time in the future are dropped";
    if (capture_ns < now - MOST_AGE_NS)
        return "frames with a capture time long ago are dropped";
    return NULL;
}

/* Takes over the frame's reference. */
static enum percept_status hand_over(struct pipe_capture *c, struct pipe_frame *frame,
                                     int64_t time_ns)
{
    struct pipe_pipeline *p = c->pipeline;
    enum percept_status status = PERCEPT_OK;
    frame->number = c->number++;
    if (p->config->source->recorded)
        status = pace(c, time_ns, frame);
    else
        frame->capture_ns = time_ns;
    if (status != PERCEPT_OK) {
        pipe_frame_unref(frame);
        return status;
    }
    const char *why = pipe_capture_absurd(c, frame->capture_ns);
    if (why) {
        pipe_capture_count(&p->dropped_bad);
        pipe_capture_tell(c, why);
        pipe_frame_unref(frame);
        return PERCEPT_OK;
    }
    if (pipe_capture_rests(p)) {
        pipe_frame_unref(frame);
        return PERCEPT_OK;
    }
    c->last_ns = frame->capture_ns;
    pipe_health_good(&p->health, PIPE_SIDE_SOURCE, 1);
    pipe_trace_add(PIPE_TRACE_ARRIVE, p->config->name, pipe_trace_begin(), frame->capture_ns, 0);
    if (!sched_gate_frame(p->schedule.gate, p->schedule.task)) {
        pipe_frame_unref(frame);
        return PERCEPT_OK;
    }
    struct pipe_frame *late = pipe_mailbox_put(&p->mailbox, frame);
    if (late) {
        pipe_capture_count(&p->dropped_late);
        sched_gate_drop(p->schedule.gate, p->schedule.task);
        pipe_frame_unref(late);
    }
    return PERCEPT_OK;
}

enum percept_status pipe_capture_fault(struct pipe_capture *c, enum percept_status status,
                                       const struct percept_error *error)
{
    struct pipe_pipeline *p = c->pipeline;
    char text[sizeof error->message + sizeof error->file];
    if (status == PERCEPT_MALFORMED) {
        c->number++;
        pipe_capture_count(&p->dropped_bad);
        pipe_capture_tell(c, percept_error_format(error, text, sizeof text));
        return PERCEPT_OK;
    }
    if (status == PERCEPT_DISCONNECTED) {
        pipe_health_bad(&p->health, PIPE_SIDE_SOURCE,
                        percept_error_format(error, text, sizeof text));
        return PERCEPT_OK;
    }
    return status;
}

/* One call of the source. OK: go on. */
static enum percept_status capture_one(struct pipe_capture *c, struct percept_error *error)
{
    struct pipe_pipeline *p = c->pipeline;
    if (pipe_capture_rests(p))
        return pipe_capture_rest(c);
    struct pipe_frame *frame = pipe_frame_get(p->frames);
    if (!frame) /* nodes hold them; one comes back when this frame's turn is over */
        return pipe_wait(p->stop_fd, base_clock_ns() + BASE_NS_PER_MS);
    int64_t time_ns = 0;
    enum percept_status status = PERCEPT_OK;
    if (p->config->source->recorded) /* a camera waits by itself */
        status = pipe_mailbox_wait_reader(&p->mailbox, c->rest_ns);
    int64_t begin = pipe_trace_begin();
    if (status == PERCEPT_OK)
        status = p->config->source->next(p->source, frame, &time_ns, error);
    pipe_trace_end(PIPE_TRACE_CAPTURE, p->config->name, begin);
    if (status == PERCEPT_OK)
        return hand_over(c, frame, time_ns);
    pipe_frame_unref(frame);
    return pipe_capture_fault(c, status, error);
}

void *pipe_capture_main(void *pipeline)
{
    struct pipe_pipeline *p = pipeline;
    struct pipe_capture c = {.pipeline = p};
    struct percept_error error = {0};
    enum percept_status status = PERCEPT_OK;
    bool sound = p->config->source->output == PIPE_AUDIO;
    pipe_trace_here(&p->traces[PIPE_THREAD_SOURCE]);
    while (status == PERCEPT_OK) {
        status = sound ? pipe_capture_audio(&c, &error) : capture_one(&c, &error);
        if (status == PERCEPT_CANCELLED && goes_on(p))
            status = PERCEPT_OK;
    }
    p->end = status;
    p->end_error = error;
    if (p->config->source->detach) /* who pushes is not to wait for nothing */
        p->config->source->detach(p->source, PERCEPT_DISCONNECTED, "the pipeline has ended");
    if (sound)
        pipe_audio_queue_close(&p->sound);
    else
        pipe_mailbox_close(&p->mailbox);
    return NULL;
}
