/* Why: what a deployment does on a device with eight cores and an NPU must be known before there is
 * one, and what the policy promises must hold for thousands of deployments, not for ours. */
#include "scheduler/simulate.h"

#include <stdlib.h>

#define NEVER    INT64_MAX
#define NO_FRAME (-1)
#define IN_ONE   (-1) /* sched_sim_piece.away_ns */

struct sim_task {
    const struct sched_sim_task *given;
    int64_t next_frame_ns;
    int64_t pending_ns;  /* capture of the frame that waits; NO_FRAME */
    int64_t captured_ns; /* of the one in work; NO_FRAME */
    int lane;            /* where its job is */
    int64_t left_ns;     /* to compute there, on one slot, or of the piece */
    int64_t cost[SCHED_MAX_LANES];
    unsigned step;
    /* what was recorded */
    size_t next, pending;                 /* frames: to come, the one that waits */
    const struct sched_sim_piece *pieces; /* those of the one in work that are to come */
    size_t piece_count;
    const struct sched_sim_frame *before; /* the last one that was begun in reality */
    int64_t back_ns;                      /* when it waits for its lane, from elsewhere; NEVER */
    bool fresh;                           /* the job has not had a slot yet */
    /* the segment that runs */
    bool runs;
    unsigned slot, speed;                /* slots that it computes on: its own, and spare ones */
    int64_t began_ns, since_ns, done_ns; /* since then at this speed; by then so much was done */
    int64_t cut_ns, ends_ns;             /* when the segment is long enough; when it ends */
    struct sched_span span;              /* since it has the slot */
    uint64_t latencies;
    double latency_sum;
    int64_t finished_ns;
};

struct sim {
    const struct sched_sim_settings *settings;
    struct sched_policy *policy;
    size_t count;
    struct sim_task *tasks;
    struct sched_sim_result *results;
    uint64_t random;
    int64_t now;
};

/* SplitMix64 (Steele, Lea, Flood 2014), as a number in [0, 1). */
static double draw(struct sim *s)
{
    uint64_t z = s->random += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (double)((z ^ z >> 31) >> 11) * 0x1p-53;
}

static void tell(struct sim *s, const struct sched_sim_event *event)
{
    if (s->settings->event)
        s->settings->event(s->settings->context, event);
}

static void tell_now(struct sim *s, enum sched_event kind, int task)
{
    tell(s, &(struct sched_sim_event){.kind = kind,
                                      .task = task,
                                      .lane = SCHED_NOBODY,
                                      .step = s->tasks[task].step,
                                      .start_ns = s->now,
                                      .end_ns = s->now});
}

static void tell_of(struct sim *s, enum sched_event kind, int task, int64_t captured_ns)
{
    tell(s, &(struct sched_sim_event){.kind = kind,
                                      .task = task,
                                      .lane = SCHED_NOBODY,
                                      .step = s->tasks[task].step,
                                      .start_ns = captured_ns,
                                      .end_ns = s->now});
}

static void drop(struct sim *s, int task, int64_t captured_ns)
{
    sched_drop(s->policy, task);
    s->results[task].dropped++;
    tell_of(s, SCHED_EVENT_MISS, task, captured_ns);
}

/* ---- jobs ---- */

static void finish_job(struct sim *s, int task);
static void take_pending(struct sim *s, int task);

/* On to the next lane on which the job has work; the first is `from`. */
static void go_to_lane(struct sim *s, int task, int from)
{
    struct sim_task *t = &s->tasks[task];
    int lanes = (int)s->settings->policy.lane_count;
    while (from < lanes && t->cost[from] == 0)
        from++;
    if (from == lanes) {
        finish_job(s, task);
        return;
    }
    t->lane = from;
    t->left_ns = t->cost[from];
    sched_wait(s->policy, task, from, t->captured_ns, s->now);
}

/* On to the next piece of what was recorded: at once, after a while, or there is none. */
static void go_to_piece(struct sim *s, int task)
{
    struct sim_task *t = &s->tasks[task];
    if (!t->piece_count) {
        finish_job(s, task);
        return;
    }
    t->back_ns = s->now + t->pieces->away_ns;
    t->left_ns = t->pieces->cost_ns;
    t->pieces++;
    t->piece_count--;
}

static void begin_recorded(struct sim *s, int task, size_t number)
{
    struct sim_task *t = &s->tasks[task];
    const struct sched_sim_frame *frame = &t->given->frames[number];
    if (frame->piece_count)
        t->before = frame;
    t->captured_ns = frame->captured_ns;
    t->pieces = t->before ? t->before->pieces : NULL;
    t->piece_count = t->before ? t->before->piece_count : 0;
    t->cost[0] = 0;
    for (size_t i = 0; i < t->piece_count; i++)
        t->cost[0] += t->pieces[i].cost_ns;
    go_to_piece(s, task);
}

static void begin_job(struct sim *s, int task, int64_t captured_ns, size_t number)
{
    struct sim_task *t = &s->tasks[task];
    const struct sched_step *step = &t->given->config.steps[t->step];
    t->fresh = true;
    if (t->given->frames) {
        begin_recorded(s, task, number);
        return;
    }
    t->captured_ns = captured_ns;
    for (size_t lane = 0; lane < s->settings->policy.lane_count; lane++)
        t->cost[lane] =
            (int64_t)((double)step->cost_ns[lane] * (1 - (1 - s->settings->least) * draw(s)));
    go_to_lane(s, task, 0);
}

static void finish_job(struct sim *s, int task)
{
    struct sim_task *t = &s->tasks[task];
    struct sched_sim_result *r = &s->results[task];
    int64_t latency = s->now - t->captured_ns, gap = s->now - t->finished_ns;
    if (!sched_done(s->policy, task, t->cost, s->now))
        tell_of(s, SCHED_EVENT_MISS, task, t->captured_ns);
    tell_of(s, SCHED_EVENT_DONE, task, t->captured_ns);
    t->latencies++;
    t->latency_sum += (double)latency;
    r->latency_most_ns = latency > r->latency_most_ns ? latency : r->latency_most_ns;
    r->longest_gap_ns = gap > r->longest_gap_ns ? gap : r->longest_gap_ns;
    t->finished_ns = s->now;
    take_pending(s, task);
}

/* The frame in work is over, one way or another. */
static void take_pending(struct sim *s, int task)
{
    struct sim_task *t = &s->tasks[task];
    int64_t pending = t->pending_ns;
    t->captured_ns = t->pending_ns = NO_FRAME;
    if (pending != NO_FRAME)
        begin_job(s, task, pending, t->pending);
}

/* ---- events ---- */

static void frame(struct sim *s, int task)
{
    struct sim_task *t = &s->tasks[task];
    int64_t captured_ns = s->now;
    size_t number = t->next++;
    if (t->given->frames) {
        captured_ns = t->given->frames[number].captured_ns;
        t->next_frame_ns =
            t->next < t->given->frame_count ? t->given->frames[t->next].arrived_ns : NEVER;
    } else {
        int64_t period = t->given->config.period_ns;
        t->next_frame_ns =
            s->now + period + (int64_t)((double)period * s->settings->jitter * draw(s));
    }
    if (!sched_frame(s->policy, task, s->now))
        return;
    if (t->captured_ns == NO_FRAME) {
        begin_job(s, task, captured_ns, number);
        return;
    }
    if (t->pending_ns != NO_FRAME)
        drop(s, task, t->pending_ns);
    t->pending_ns = captured_ns;
    t->pending = number;
}

static void begin_segment(struct sim *s, struct sim_task *t)
{
    int64_t most = s->settings->segment_ns[t->lane];
    t->runs = true;
    t->began_ns = t->since_ns = s->now;
    t->done_ns = 0;
    t->left_ns += s->settings->switch_ns;
    t->cut_ns = most && !t->given->frames ? s->now + most + s->settings->switch_ns : NEVER;
}

/* Has its job, at the end of a segment, more to do without leaving the lane? */
static bool goes_on(struct sim_task *t)
{
    if (t->left_ns > 0)
        return true;
    if (!t->given->frames || !t->piece_count || t->pieces->away_ns != IN_ONE)
        return false;
    t->left_ns = t->pieces->cost_ns;
    t->pieces++;
    t->piece_count--;
    return true;
}

static void come_back(struct sim *s, int task)
{
    struct sim_task *t = &s->tasks[task];
    t->back_ns = NEVER;
    t->lane = 0;
    sched_wait(s->policy, task, 0, t->captured_ns, s->now);
}

/* As in the gate: it keeps its slot until the policy wants it for another. */
static void end_segment(struct sim *s, int task)
{
    struct sim_task *t = &s->tasks[task];
    int64_t length = s->now - t->began_ns;
    tell(s, &(struct sched_sim_event){.kind = SCHED_EVENT_SEGMENT,
                                      .task = task,
                                      .lane = t->lane,
                                      .slot = t->slot,
                                      .step = t->step,
                                      .start_ns = t->began_ns,
                                      .end_ns = s->now});
    t->left_ns -= t->done_ns;
    t->span.computed_ns += t->done_ns;
    t->span.longest_ns = length > t->span.longest_ns ? length : t->span.longest_ns;
    t->span.segments++;
    bool more = goes_on(t);
    if (more && !sched_gives_way(s->policy, task, t->span.computed_ns, s->now)) {
        begin_segment(s, t);
        return;
    }
    t->runs = false;
    sched_release(s->policy, task, &t->span, more, s->now);
    if (!more && t->given->frames)
        go_to_piece(s, task);
    else if (!more)
        go_to_lane(s, task, t->lane + 1);
}

static unsigned free_slot(const struct sim *s, int lane)
{
    unsigned slot = 0;
    for (size_t i = 0; i < s->count; i++) {
        if (s->tasks[i].runs && s->tasks[i].lane == lane && s->tasks[i].slot == slot) {
            slot++;
            i = SIZE_MAX; /* from the first again */
        }
    }
    return slot;
}

/* A frame that is past its deadline when its turn comes is not begun. */
static void turn_away(struct sim *s, int task)
{
    sched_release(s->policy, task, &(struct sched_span){0}, false, s->now);
    drop(s, task, s->tasks[task].captured_ns);
    take_pending(s, task);
}

static void grant(struct sim *s)
{
    for (size_t lane = 0; lane < s->settings->policy.lane_count; lane++) {
        for (int task; (task = sched_pick(s->policy, (int)lane, s->now)) != SCHED_NOBODY;) {
            struct sim_task *t = &s->tasks[task];
            bool fresh = t->fresh;
            t->fresh = false;
            if (fresh && !sched_begins(s->policy, task, s->now)) {
                turn_away(s, task);
                continue;
            }
            t->slot = free_slot(s, (int)lane);
            t->span = (struct sched_span){0};
            begin_segment(s, t);
        }
    }
}

/* What was done since things changed last. */
static void compute(struct sim *s)
{
    for (size_t i = 0; i < s->count; i++) {
        struct sim_task *t = &s->tasks[i];
        if (t->runs)
            t->done_ns += (s->now - t->since_ns) * t->speed;
        t->since_ns = s->now;
    }
}

/* Whose are the spare slots of a lane, now: the one that is in a hurry, else the first, as the one
 * that came first has the workers. */
static bool has_spare(const struct sim *s, const struct sim_task *t)
{
    int favoured = sched_favoured(s->policy, t->lane, s->now);
    for (size_t i = 0; favoured == SCHED_NOBODY; i++)
        if (s->tasks[i].runs && s->tasks[i].lane == t->lane)
            favoured = (int)i;
    return t == &s->tasks[favoured];
}

static void set_speeds(struct sim *s)
{
    for (size_t i = 0; i < s->count; i++) {
        struct sim_task *t = &s->tasks[i];
        if (!t->runs)
            continue;
        unsigned width = s->settings->policy.lanes[t->lane].width;
        unsigned spare = sched_spare(s->policy, t->lane);
        t->speed = 1;
        if (width > 1 && spare && has_spare(s, t))
            t->speed += spare < width ? spare : width - 1;
        int64_t left = t->left_ns - t->done_ns;
        int64_t ends = s->now + (left + t->speed - 1) / t->speed;
        t->ends_ns = ends < t->cut_ns ? ends : t->cut_ns;
    }
}

static void look_at_steps(struct sim *s)
{
    for (size_t i = 0; i < s->count; i++) {
        struct sched_task_view view;
        sched_task_look(s->policy, (int)i, &view);
        if (view.step == s->tasks[i].step)
            continue;
        s->tasks[i].step = view.step;
        s->results[i].steps++;
        s->results[i].last_step_ns = s->now;
        tell_now(s, SCHED_EVENT_STEP, (int)i);
    }
}

/* The time of what happens next. */
static int64_t next(const struct sim *s)
{
    int64_t at = NEVER;
    for (size_t i = 0; i < s->count; i++) {
        const struct sim_task *t = &s->tasks[i];
        at = t->next_frame_ns < at ? t->next_frame_ns : at;
        at = t->runs && t->ends_ns < at ? t->ends_ns : at;
        at = t->back_ns < at ? t->back_ns : at;
    }
    return at;
}

static void run(struct sim *s)
{
    for (; s->now <= s->settings->length_ns; s->now = next(s)) {
        compute(s);
        /* What ends now before what comes now: a slot is free for it. */
        for (size_t i = 0; i < s->count; i++)
            if (s->tasks[i].runs && s->tasks[i].ends_ns <= s->now)
                end_segment(s, (int)i);
        if (sched_tick(s->policy, s->now))
            look_at_steps(s);
        for (size_t i = 0; i < s->count; i++)
            if (s->tasks[i].next_frame_ns <= s->now)
                frame(s, (int)i);
        for (size_t i = 0; i < s->count; i++)
            if (s->tasks[i].back_ns <= s->now)
                come_back(s, (int)i);
        grant(s);
        set_speeds(s);
    }
}

/* ---- all of it ---- */

static enum percept_status add_tasks(struct sim *s, const struct sched_sim_task *tasks,
                                     struct percept_error *error)
{
    enum percept_status status = PERCEPT_OK;
    for (size_t i = 0; i < s->count && status == PERCEPT_OK; i++) {
        struct sched_task config = tasks[i].config;
        int number;
        if (config.period_ns <= 0 && !tasks[i].frames)
            return percept_fail(error, PERCEPT_INVALID, "'%s' has no rate", config.name);
        for (size_t step = 0; step < config.step_count && !tasks[i].declared; step++)
            for (size_t lane = 0; lane < SCHED_MAX_LANES; lane++)
                config.steps[step].cost_ns[lane] = 0;
        status = sched_task_add(s->policy, &config, &number, error);
        s->tasks[i] = (struct sim_task){.given = &tasks[i],
                                        .next_frame_ns = tasks[i].offset_ns,
                                        .back_ns = NEVER,
                                        .pending_ns = NO_FRAME,
                                        .captured_ns = NO_FRAME};
        if (tasks[i].frames)
            s->tasks[i].next_frame_ns =
                tasks[i].frame_count ? tasks[i].frames[0].arrived_ns : NEVER;
    }
    return status;
}

enum percept_status sched_simulate(const struct sched_sim_settings *settings,
                                   const struct sched_sim_task *tasks, size_t task_count,
                                   struct sched_sim_result *results, struct sched_lane_view *lanes,
                                   struct percept_error *error)
{
    struct sim s = {.settings = settings,
                    .count = task_count,
                    .results = results,
                    .random = settings->seed,
                    .tasks = calloc(task_count + 1, sizeof *s.tasks)};
    if (!s.tasks)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < task_count; i++)
        results[i] = (struct sched_sim_result){0};
    enum percept_status status = sched_policy_create(&settings->policy, &s.policy, error);
    if (status == PERCEPT_OK)
        status = add_tasks(&s, tasks, error);
    if (status == PERCEPT_OK && task_count)
        run(&s);
    for (size_t i = 0; i < task_count && status == PERCEPT_OK; i++) {
        int64_t unfinished = settings->length_ns - s.tasks[i].finished_ns;
        sched_task_look(s.policy, (int)i, &results[i].view);
        if (s.tasks[i].latencies)
            results[i].latency_mean_ns =
                (int64_t)(s.tasks[i].latency_sum / (double)s.tasks[i].latencies);
        if (unfinished > results[i].longest_gap_ns)
            results[i].longest_gap_ns = unfinished;
    }
    for (size_t i = 0; i < settings->policy.lane_count && lanes && status == PERCEPT_OK; i++)
        sched_lane_look(s.policy, (int)i, &lanes[i]);
    sched_policy_destroy(s.policy);
    free(s.tasks);
    return status;
}
