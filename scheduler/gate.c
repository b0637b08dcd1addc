/* Why: one lock over the policy, held for a decision, is quicker than anything finer: the threads
 * that meet here are few, and come a millisecond apart. */
#include "scheduler/gate.h"

#include "base/clock.h"

#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

struct member {
    pthread_cond_t granted_or_late;
    const char *name;
    bool granted;       /* the lock's */
    bool lost;          /* its slot was taken from it; the lock's */
    int64_t granted_ns; /* the lock's, too */
    int lane;           /* its own thread's, as those below but one */
    int64_t captured_ns;
    const void *thread;            /* that computes; the lock's */
    int64_t began_ns;              /* CPU time of its thread, when this segment began */
    int64_t helped_ns;             /* what its thread had been helped then */
    struct sched_span span;        /* since it has the slot */
    int64_t cost[SCHED_MAX_LANES]; /* of this frame */
    /* When it last came by. Written by its thread, relaxed; who waits reads it to see that it
     * lives, and a value that is a little old only makes it wait longer. */
    atomic_int_fast64_t seen_ns;
    atomic_uint step; /* written under the lock; relaxed: it takes effect with some next frame */
};

struct sched_gate {
    struct sched_gate_options options;
    pthread_mutex_t mutex; /* guards the policy and what is said to be the lock's */
    struct sched_policy *policy;
    /* Could anybody have to give way in a lane? So that a yield need not take the lock to see that
     * nobody has. Written under it; relaxed: what comes too late for this yield is seen by the
     * next. */
    atomic_bool contended[SCHED_MAX_LANES];
    bool running[SCHED_MAX_TASKS];  /* has a slot; the lock's */
    unsigned lost[SCHED_MAX_LANES]; /* members that go on without the slot that was taken from them;
                                       the lock's */
    struct member members[SCHED_MAX_TASKS];
};

/* ---- under the lock ---- */

static void begin_segment(struct member *m)
{
    m->began_ns = base_clock_thread_ns();
    m->helped_ns = base_pool_helped_ns();
    atomic_store_explicit(&m->seen_ns, base_clock_ns(), memory_order_relaxed);
}

static void end_segment(const struct sched_gate *gate, int task, struct member *m, bool leaves)
{
    int64_t own = base_clock_thread_ns() - m->began_ns;
    int64_t computed = own + base_pool_helped_ns() - m->helped_ns;
    m->span.computed_ns += computed;
    m->span.longest_ns = own > m->span.longest_ns ? own : m->span.longest_ns;
    m->span.segments++;
    if (gate->options.event)
        gate->options.event(gate->options.context,
                            &(struct sched_gate_event){
                                .task = task,
                                .lane = m->lane,
                                .kind = leaves ? SCHED_GATE_LEAVE : SCHED_GATE_SEGMENT,
                                .begin_ns = atomic_load_explicit(&m->seen_ns, memory_order_relaxed),
                                .computed_ns = computed,
                                .own_ns = own});
}

/* Free slots to those that are next. */
static void grant(struct sched_gate *gate, int lane)
{
    int64_t now = base_clock_ns();
    for (int task; (task = sched_pick(gate->policy, lane, now)) != SCHED_NOBODY;) {
        struct member *m = &gate->members[task];
        m->granted = true;
        m->granted_ns = now;
        gate->running[task] = true;
        atomic_store_explicit(&m->seen_ns, now, memory_order_relaxed);
        pthread_cond_signal(&m->granted_or_late);
    }
    int favoured = sched_favoured(gate->policy, lane, now);
    base_pool_limit(gate->options.pools[lane], sched_spare(gate->policy, lane),
                    favoured == SCHED_NOBODY ? NULL : gate->members[favoured].thread);
    atomic_store_explicit(&gate->contended[lane],
                          gate->lost[lane] > 0 || sched_contended(gate->policy, lane),
                          memory_order_relaxed);
}

static void tick(struct sched_gate *gate, int64_t now)
{
    struct sched_task_view view;
    if (!sched_tick(gate->policy, now))
        return;
    for (int task = 0; task < SCHED_MAX_TASKS; task++) {
        sched_task_look(gate->policy, task, &view);
        atomic_store_explicit(&gate->members[task].step, view.step, memory_order_relaxed);
    }
}

/* Take the slot from one that has not been seen for long; SCHED_NOBODY: there is none. */
static int revoke_one(struct sched_gate *gate, int lane)
{
    int64_t now = base_clock_ns();
    for (int task = 0; task < SCHED_MAX_TASKS; task++) {
        struct member *m = &gate->members[task];
        if (!gate->running[task] || m->lane != lane ||
            now - atomic_load_explicit(&m->seen_ns, memory_order_relaxed) < gate->options.grace_ns)
            continue;
        gate->running[task] = false;
        m->lost = true;
        gate->lost[lane]++;
        sched_revoke(gate->policy, task);
        grant(gate, lane);
        return task;
    }
    return SCHED_NOBODY;
}

static void give_back(struct sched_gate *gate, int task, bool again)
{
    struct member *m = &gate->members[task];
    m->cost[m->lane] += m->span.computed_ns;
    if (!m->lost) {
        gate->running[task] = false;
        sched_release(gate->policy, task, &m->span, again, base_clock_ns());
    } else {
        gate->lost[m->lane]--;
        if (again)
            sched_wait(gate->policy, task, m->lane, m->captured_ns, base_clock_ns());
    }
    m->lost = false;
    m->span = (struct sched_span){0};
    grant(gate, m->lane);
}

/* Until it has a slot. Who waits looks after those that compute. Gives up the lock meanwhile. */
static void await_slot(struct sched_gate *gate, int task, int64_t since_ns)
{
    struct member *m = &gate->members[task];
    while (!m->granted) {
        int64_t until_ns = base_clock_ns() + gate->options.grace_ns / 2;
        const struct timespec until = {.tv_sec = (time_t)(until_ns / BASE_NS_PER_S),
                                       .tv_nsec = (long)(until_ns % BASE_NS_PER_S)};
        if (!pthread_cond_clockwait(&m->granted_or_late, &gate->mutex, CLOCK_MONOTONIC, &until) ||
            m->granted)
            continue;
        int hanging = revoke_one(gate, m->lane);
        if (hanging == SCHED_NOBODY || !gate->options.revoked)
            continue;
        const char *name = gate->members[hanging].name; /* it stays: its thread is inside */
        pthread_mutex_unlock(&gate->mutex);
        gate->options.revoked(gate->options.context, name);
        pthread_mutex_lock(&gate->mutex);
    }
    m->granted = false;
    if (gate->options.event)
        gate->options.event(gate->options.context,
                            &(struct sched_gate_event){.task = task,
                                                       .lane = m->lane,
                                                       .kind = SCHED_GATE_WAIT,
                                                       .begin_ns = since_ns,
                                                       .granted_ns = m->granted_ns,
                                                       .captured_ns = m->captured_ns});
    begin_segment(m);
}

/* ---- computing ---- */

void sched_gate_enter(struct sched_gate *gate, int task, int lane, int64_t captured_ns)
{
    struct member *m = &gate->members[task];
    pthread_mutex_lock(&gate->mutex);
    m->lane = lane;
    m->captured_ns = captured_ns;
    m->thread = base_pool_thread();
    int64_t now = base_clock_ns();
    sched_wait(gate->policy, task, lane, captured_ns, now);
    grant(gate, lane);
    await_slot(gate, task, now);
    pthread_mutex_unlock(&gate->mutex);
}

bool sched_gate_begins(struct sched_gate *gate, int task)
{
    int64_t now = base_clock_ns();
    pthread_mutex_lock(&gate->mutex);
    bool begins = sched_begins(gate->policy, task, now);
    pthread_mutex_unlock(&gate->mutex);
    return begins;
}

void sched_gate_yield(struct sched_gate *gate, int task)
{
    struct member *m = &gate->members[task];
    end_segment(gate, task, m, false);
    if (!atomic_load_explicit(&gate->contended[m->lane], memory_order_relaxed)) {
        begin_segment(m);
        return;
    }
    pthread_mutex_lock(&gate->mutex);
    int64_t now = base_clock_ns();
    if (m->lost || sched_gives_way(gate->policy, task, m->span.computed_ns, now)) {
        give_back(gate, task, true);
        await_slot(gate, task, now);
    } else {
        grant(gate, m->lane); /* who was held back may be no longer: time has passed */
        begin_segment(m);
    }
    pthread_mutex_unlock(&gate->mutex);
}

void sched_gate_leave(struct sched_gate *gate, int task)
{
    end_segment(gate, task, &gate->members[task], true);
    pthread_mutex_lock(&gate->mutex);
    give_back(gate, task, false);
    pthread_mutex_unlock(&gate->mutex);
}

void sched_gate_forgive(struct sched_gate *gate, int task, int64_t cost_ns)
{
    struct member *m = &gate->members[task];
    int64_t *cost = &m->cost[m->lane];
    *cost = cost_ns < *cost ? *cost - cost_ns : 0;
}

void sched_gate_done(struct sched_gate *gate, int task, bool well)
{
    struct member *m = &gate->members[task];
    int64_t now = base_clock_ns();
    pthread_mutex_lock(&gate->mutex);
    sched_done(gate->policy, task, well ? m->cost : NULL, now);
    tick(gate, now);
    pthread_mutex_unlock(&gate->mutex);
    for (size_t lane = 0; lane < SCHED_MAX_LANES; lane++)
        m->cost[lane] = 0;
}

/* ---- the rest ---- */

enum percept_status sched_gate_create(const struct sched_gate_options *options,
                                      struct sched_gate **gate, struct percept_error *error)
{
    struct sched_gate *g = calloc(1, sizeof *g);
    if (!g)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    g->options = *options;
    if (!g->options.grace_ns)
        g->options.grace_ns = BASE_NS_PER_S;
    enum percept_status status = sched_policy_create(&options->settings, &g->policy, error);
    if (status != PERCEPT_OK) {
        free(g);
        return status;
    }
    pthread_mutex_init(&g->mutex, NULL);
    for (size_t i = 0; i < SCHED_MAX_TASKS; i++)
        pthread_cond_init(&g->members[i].granted_or_late, NULL);
    *gate = g;
    return PERCEPT_OK;
}

void sched_gate_destroy(struct sched_gate *gate)
{
    if (!gate)
        return;
    for (size_t i = 0; i < SCHED_MAX_TASKS; i++)
        pthread_cond_destroy(&gate->members[i].granted_or_late);
    for (size_t i = 0; i < SCHED_MAX_LANES; i++)
        base_pool_limit(gate->options.pools[i], UINT_MAX, NULL);
    pthread_mutex_destroy(&gate->mutex);
    sched_policy_destroy(gate->policy);
    free(gate);
}

enum percept_status sched_gate_add(struct sched_gate *gate, const struct sched_task *config,
                                   int *task, struct percept_error *error)
{
    pthread_mutex_lock(&gate->mutex);
    enum percept_status status = sched_task_add(gate->policy, config, task, error);
    if (status == PERCEPT_OK)
        atomic_store_explicit(&gate->members[*task].step, 0, memory_order_relaxed);
    if (status == PERCEPT_OK)
        gate->members[*task].name = config->name;
    pthread_mutex_unlock(&gate->mutex);
    return status;
}

void sched_gate_remove(struct sched_gate *gate, int task)
{
    pthread_mutex_lock(&gate->mutex);
    sched_task_remove(gate->policy, task);
    pthread_mutex_unlock(&gate->mutex);
}

void sched_gate_park(struct sched_gate *gate, int task, bool parked)
{
    pthread_mutex_lock(&gate->mutex);
    sched_task_park(gate->policy, task, parked);
    pthread_mutex_unlock(&gate->mutex);
}

bool sched_gate_frame(struct sched_gate *gate, int task)
{
    int64_t now = base_clock_ns();
    pthread_mutex_lock(&gate->mutex);
    /* Here, too: while all are paused no job is ever done. */
    tick(gate, now);
    bool taken = sched_frame(gate->policy, task, now);
    pthread_mutex_unlock(&gate->mutex);
    return taken;
}

void sched_gate_drop(struct sched_gate *gate, int task)
{
    pthread_mutex_lock(&gate->mutex);
    sched_drop(gate->policy, task);
    pthread_mutex_unlock(&gate->mutex);
}

unsigned sched_gate_step(const struct sched_gate *gate, int task)
{
    return atomic_load_explicit(&gate->members[task].step, memory_order_relaxed);
}

void sched_gate_set_pressure(struct sched_gate *gate, unsigned pressure, const char *cause)
{
    pthread_mutex_lock(&gate->mutex);
    sched_set_pressure(gate->policy, pressure, cause);
    pthread_mutex_unlock(&gate->mutex);
}

void sched_gate_look(struct sched_gate *gate, int task, struct sched_task_view *view)
{
    pthread_mutex_lock(&gate->mutex);
    sched_task_look(gate->policy, task, view);
    pthread_mutex_unlock(&gate->mutex);
}

void sched_gate_look_lane(struct sched_gate *gate, int lane, struct sched_lane_view *view)
{
    pthread_mutex_lock(&gate->mutex);
    sched_lane_look(gate->policy, lane, view);
    pthread_mutex_unlock(&gate->mutex);
}
