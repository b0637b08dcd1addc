/* Why: a pipeline knows frames and nodes, the scheduler tasks and slots; this is all that they know
 * of each other. */
#include "pipelines/pipeline.h"

#include "base/clock.h"
#include "runtime/yield.h"

#include <stdio.h>
#include <string.h>

enum { CPU_LANE = 0 }; /* of the engine's gate */

/* ---- on the way: between two steps of a model, and while a device works ---- */

static void enter(struct pipe_pipeline *p)
{
    struct pipe_turn *turn = &p->schedule;
    sched_gate_enter(turn->gate, turn->task, CPU_LANE, turn->captured_ns);
    turn->inside = true;
    turn->yield.last_ns = base_clock_ns();
}

static void leave(struct pipe_pipeline *p)
{
    p->schedule.inside = false;
    sched_gate_leave(p->schedule.gate, p->schedule.task);
}

/* Models also run to be measured, before the pipeline has turns. */
static void on_step(void *context)
{
    struct pipe_pipeline *p = context;
    if (!p->schedule.inside)
        return;
    int64_t now = base_clock_ns();
    sched_gate_yield(p->schedule.gate, p->schedule.task);
    p->model_user.away_ns += base_clock_ns() - now;
}

static void on_wait(void *context)
{
    struct pipe_pipeline *p = context;
    if (p->schedule.inside)
        leave(p);
}

static void on_resume(void *context)
{
    struct pipe_pipeline *p = context;
    if (!p->schedule.captured_ns)
        return;
    int64_t now = base_clock_ns();
    enter(p);
    p->model_user.away_ns += base_clock_ns() - now;
}

/* Between the loops of kernels, too, and of what nodes do without a model. */
static void on_task(void *pipeline)
{
    struct pipe_pipeline *p = pipeline;
    if (p->schedule.inside)
        prt_yield_step(&p->schedule.yield);
}

void pipe_turn_attach(struct pipe_pipeline *p)
{
    base_pool_set_pause(on_task, p);
}

/* ---- turns ---- */

enum percept_status pipe_turn_init(struct pipe_pipeline *p, struct sched_gate *gate,
                                   struct percept_error *error)
{
    const struct sched_task task = pipe_config_task(p->config);
    enum percept_status status = sched_gate_add(gate, &task, &p->schedule.task, error);
    if (status != PERCEPT_OK)
        return status;
    p->schedule.gate = gate;
    sched_gate_park(gate, p->schedule.task, true);
    p->schedule.yield = (struct prt_yield){
        .step = on_step,
        .wait = on_wait,
        .resume = on_resume,
        .context = p,
        .bound_ns = (int64_t)(p->root->scheduler.segment_ms * 1e6),
    };
    p->model_user.priority = (enum pipe_priority)p->config->priority;
    p->model_user.yield = &p->schedule.yield;
    return PERCEPT_OK;
}

/* By the names of lanes: the thread's name is the pipeline's. */
void pipe_turn_trace(void *context, const struct sched_gate_event *event)
{
    static const enum pipe_trace_kind kinds[] = {[SCHED_GATE_WAIT] = PIPE_TRACE_WAIT,
                                                 [SCHED_GATE_SEGMENT] = PIPE_TRACE_SEGMENT,
                                                 [SCHED_GATE_LEAVE] = PIPE_TRACE_LEAVE};
    (void)context;
    if (!pipe_trace_begin())
        return;
    bool waits = event->kind == SCHED_GATE_WAIT;
    pipe_trace_add(kinds[event->kind], "cpu", event->begin_ns,
                   waits ? event->granted_ns : event->computed_ns,
                   waits ? event->captured_ns : event->own_ns);
}

void pipe_turn_open(struct pipe_pipeline *p, bool open)
{
    sched_gate_park(p->schedule.gate, p->schedule.task, !open);
}

void pipe_turn_fini(struct pipe_pipeline *p)
{
    if (p->schedule.gate)
        sched_gate_remove(p->schedule.gate, p->schedule.task);
}

static void change_step(struct pipe_pipeline *p)
{
    struct pipe_turn *turn = &p->schedule;
    struct sched_task_view view;
    char text[280];
    unsigned step = sched_gate_step(turn->gate, turn->task);
    if (step == turn->step)
        return;
    for (size_t i = 0; i < p->config->node_count; i++)
        p->nodes[i].node = p->nodes[i].by_step[step];
    sched_gate_look(turn->gate, turn->task, &view);
    if (view.step == step && step > turn->step)
        snprintf(text, sizeof text, "less quality: %s", view.cause);
    else
        snprintf(text, sizeof text, step ? "more quality: step %u of its ladder" : "full quality",
                 step);
    turn->step = step;
    turn->warm = false;
    p->host->event(p->host->context, p->config->name, text);
}

void pipe_turn_begin(struct pipe_pipeline *p, int64_t captured_ns)
{
    change_step(p);
    p->schedule.captured_ns = captured_ns;
    enter(p);
}

void pipe_turn_end(struct pipe_pipeline *p)
{
    leave(p);
    p->schedule.captured_ns = 0;
}

void pipe_turn_done(struct pipe_pipeline *p, int64_t captured_ns, bool well)
{
    struct pipe_turn *turn = &p->schedule;
    pipe_trace_add(PIPE_TRACE_DONE, p->config->name, pipe_trace_begin(), captured_ns, 0);
    sched_gate_forgive(turn->gate, turn->task, p->model_user.once_ns);
    sched_gate_done(turn->gate, turn->task, well && turn->warm);
    turn->warm = true;
}

void pipe_turn_stats(struct pipe_pipeline *p, struct pipe_stats *stats)
{
    struct sched_task_view view;
    sched_gate_look(p->schedule.gate, p->schedule.task, &view);
    stats->step = view.step;
    stats->steps = (unsigned)p->config->step_count;
    stats->admitted = view.admitted;
    stats->skipped = view.skipped;
    stats->missed = view.missed;
    stats->segments = view.segments;
    stats->revoked = view.revoked;
    stats->longest_segment_ns = view.longest_ns;
    stats->worst_ns = view.cost_ns;
    stats->load = view.load;
    memcpy(stats->quality, view.cause, sizeof stats->quality);
    stats->queue = p->sound.blocks ? (unsigned)pipe_audio_queue_count(&p->sound)
                                   : pipe_mailbox_holds(&p->mailbox);
}
