/* Why: a frame that came late is replaced by the next; sound that was left out makes another
 * sentence. So blocks queue up, and where something is missing the next one says so. */
#include "pipelines/capture.h"

#include "base/clock.h"

#include <stdio.h>

static int64_t samples_ns(uint64_t samples)
{
    return (int64_t)(samples * (BASE_NS_PER_S / PIPE_AUDIO_RATE));
}

/* A recorded block goes out when its last sample is over; its time is that of its place in the
 * recording, so that the times within a sentence are as exact as the recording is. */
static enum percept_status pace(struct pipe_capture *c, int64_t due_ns, struct pipe_audio *block)
{
    struct pipe_pipeline *p = c->pipeline;
    bool paced = due_ns > 0;
    int64_t begin_ns = samples_ns(block->first), now = base_clock_ns();
    enum percept_status status = PERCEPT_OK;
    if (c->start_ns == 0)
        c->start_ns = now - begin_ns;
    if (paced)
        status = pipe_wait(p->stop_fd, c->start_ns + due_ns);
    if (status == PERCEPT_OK && (!paced || p->config->when_late == PIPE_WHEN_LATE_WAIT)) {
        now = base_clock_ns();
        status = pipe_audio_queue_wait_room(&p->sound);
        /* Having waited, the rest keeps its distance. */
        if (paced && c->start_ns + due_ns < now)
            c->start_ns += base_clock_ns() - now;
    }
    block->capture_ns = c->start_ns + begin_ns;
    return status;
}

static void put(struct pipe_capture *c, const struct pipe_audio *block)
{
    struct pipe_pipeline *p = c->pipeline;
    if (!pipe_audio_queue_put(&p->sound, block))
        return;
    atomic_fetch_add_explicit(&p->lost, PIPE_AUDIO_SAMPLES, memory_order_relaxed);
    pipe_capture_count(&p->dropped_late);
    sched_gate_drop(p->schedule.gate, p->schedule.task);
    pipe_capture_tell(c, "sound is lost: the pipeline is half a minute behind");
}

/* Not handed over: the next one says so. */
static enum percept_status leave_out(struct pipe_capture *c, const struct pipe_audio *block)
{
    c->lost += block->lost + block->count;
    c->begins = true;
    return PERCEPT_OK;
}

static enum percept_status hand_over(struct pipe_capture *c, struct pipe_audio *block,
                                     int64_t time_ns)
{
    struct pipe_pipeline *p = c->pipeline;
    enum percept_status status = PERCEPT_OK;
    atomic_fetch_add_explicit(&p->lost, block->lost, memory_order_relaxed);
    c->number += block->lost;
    block->first = c->number;
    c->number += block->count;
    if (p->config->source->recorded)
        status = pace(c, time_ns, block);
    else
        block->capture_ns = time_ns;
    if (status != PERCEPT_OK) {
        leave_out(c, block);
        return status;
    }
    /* A clock that was set right, or a driver's guess: nothing is the matter with the sound. */
    if (block->capture_ns <= c->last_ns)
        block->capture_ns = c->last_ns + 1;
    const char *why =
        p->config->source->recorded ? NULL : pipe_capture_absurd(c, block->capture_ns);
    if (why) {
        pipe_capture_count(&p->dropped_bad);
        pipe_capture_tell(c, why);
        atomic_fetch_add_explicit(&p->lost, block->count, memory_order_relaxed);
        return leave_out(c, block);
    }
    if (pipe_capture_rests(p) || !sched_gate_frame(p->schedule.gate, p->schedule.task))
        return leave_out(c, block);
    c->last_ns = block->capture_ns;
    pipe_health_good(&p->health, PIPE_SIDE_SOURCE, 1);
    block->lost += c->lost;
    block->begins |= c->begins;
    block->forget = c->forget;
    c->lost = 0;
    c->begins = c->forget = false;
    put(c, block);
    return PERCEPT_OK;
}

/* An empty block, so that a sentence that is open at the end is not lost. */
static void end(struct pipe_capture *c)
{
    const struct pipe_audio block = {
        .capture_ns = c->last_ns + 1,
        .first = c->number,
        .lost = c->lost,
        .begins = c->begins,
        .forget = c->forget,
        .last = true,
    };
    struct pipe_pipeline *p = c->pipeline;
    /* Nothing comes after it that would be late for its waiting. */
    if (p->config->source->recorded && pipe_audio_queue_wait_room(&p->sound) != PERCEPT_OK)
        return;
    if (c->last_ns && sched_gate_frame(p->schedule.gate, p->schedule.task))
        put(c, &block);
}

enum percept_status pipe_capture_audio(struct pipe_capture *c, struct percept_error *error)
{
    struct pipe_pipeline *p = c->pipeline;
    struct pipe_audio block = {0};
    int64_t time_ns = 0;
    if (pipe_capture_rests(p)) {
        for (size_t left = pipe_audio_queue_clear(&p->sound); left; left--)
            sched_gate_drop(p->schedule.gate, p->schedule.task);
        c->begins = c->forget = true;
        return pipe_capture_rest(c);
    }
    int64_t begin = pipe_trace_begin();
    enum percept_status status = p->config->source->next_audio(p->source, &block, &time_ns, error);
    pipe_trace_end(PIPE_TRACE_CAPTURE, p->config->name, begin);
    if (status == PERCEPT_OK)
        return hand_over(c, &block, time_ns);
    if (status == PERCEPT_END)
        end(c);
    /* What comes after a fault is no continuation. */
    c->begins |= status == PERCEPT_MALFORMED || status == PERCEPT_DISCONNECTED;
    uint64_t number = c->number;
    status = pipe_capture_fault(c, status, error);
    c->number = number; /* of samples, which a fault is none of */
    return status;
}
