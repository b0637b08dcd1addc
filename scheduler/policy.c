/* Why: a decision a millisecond, by tables of at most 64 rows: loops over them are quicker than any
 * queue, and can be read. */
#include "scheduler/policy_state.h"

#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UNKNOWN_DEADLINE_NS (100 * BASE_NS_PER_MS)
#define REST                10.0 /* periods without a frame are a rest */

static void add_recent(struct sched_recent *r, int64_t value)
{
    if (r->count % SCHED_RECENT == 0 && r->count) {
        r->most[1] = r->most[0];
        r->most[0] = 0;
    }
    if (value > r->most[0])
        r->most[0] = value;
    r->count++;
    double weight = r->count < 32 ? 1.0 / (double)r->count : 1.0 / 32;
    r->mean += ((double)value - r->mean) * weight;
}

/* ---- what is known of a task ---- */

int64_t sched_period(const struct sched_task_state *t)
{
    /* Measured: the mean, since a frame that came late makes the gap after it short. */
    return t->config.period_ns ? t->config.period_ns
                               : (t->gap.count >= 8 ? (int64_t)t->gap.mean : 0);
}

int64_t sched_deadline(const struct sched_task_state *t)
{
    int64_t deadline = t->config.deadline_ns, period = sched_period(t);
    return deadline && (!period || deadline < period) ? deadline : period;
}

/* The costs measured nearest to a step: its own, else those of a better step, which has no less to
 * do, else of a worse one. */
static const struct sched_recent *costs_near(const struct sched_task_state *t, unsigned step,
                                             int lane)
{
    for (unsigned s = step + 1; s-- > 0;)
        if (t->cost[s][lane].count)
            return &t->cost[s][lane];
    for (unsigned s = step + 1; s < t->config.step_count; s++)
        if (t->cost[s][lane].count)
            return &t->cost[s][lane];
    return NULL;
}

int64_t sched_worst(const struct sched_task_state *t, unsigned step, int lane)
{
    const struct sched_recent *near = costs_near(t, step, lane);
    int64_t declared = t->config.steps[step].cost_ns[lane];
    int64_t measured = near ? sched_recent_most(near) : 0;
    return measured > declared ? measured : declared;
}

double sched_mean(const struct sched_task_state *t, unsigned step, int lane)
{
    const struct sched_recent *near = costs_near(t, step, lane);
    return near ? near->mean : (double)t->config.steps[step].cost_ns[lane];
}

double sched_load(const struct sched_policy *p, const struct sched_task_state *t, unsigned step,
                  int lane)
{
    int64_t period = sched_period(t);
    return period ? sched_mean(t, step, lane) * t->config.steps[step].rate / (double)period /
                        p->lanes[lane].config.slots
                  : 0;
}

/* ---- making one ---- */

enum percept_status sched_policy_create(const struct sched_settings *settings,
                                        struct sched_policy **policy, struct percept_error *error)
{
    if (settings->lane_count > SCHED_MAX_LANES)
        return percept_fail(error, PERCEPT_LIMIT, "at most %d lanes, not %zu", SCHED_MAX_LANES,
                            settings->lane_count);
    for (size_t i = 0; i < settings->lane_count; i++)
        if (!settings->lanes[i].slots)
            return percept_fail(error, PERCEPT_INVALID, "lane '%s' has no slot",
                                settings->lanes[i].name);
    if (!(settings->share >= 0 && settings->share <= 0.5))
        return percept_fail(error, PERCEPT_INVALID, "a share of %g; expected 0 to 0.5",
                            settings->share);
    struct sched_policy *p = calloc(1, sizeof *p);
    if (!p)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    p->settings = *settings;
    if (!p->settings.segment_ns)
        p->settings.segment_ns = BASE_NS_PER_MS;
    if (!p->settings.starve_ns)
        p->settings.starve_ns = 100 * BASE_NS_PER_MS;
    if (!p->settings.tick_ns)
        p->settings.tick_ns = BASE_NS_PER_S / 2;
    if (!p->settings.hold_ns)
        p->settings.hold_ns = 2 * BASE_NS_PER_S;
    for (size_t i = 0; i < settings->lane_count; i++)
        p->lanes[i].config = settings->lanes[i];
    *policy = p;
    return PERCEPT_OK;
}

void sched_policy_destroy(struct sched_policy *policy)
{
    free(policy);
}

enum percept_status sched_task_add(struct sched_policy *p, const struct sched_task *config,
                                   int *task, struct percept_error *error)
{
    int index = 0;
    while (index < SCHED_MAX_TASKS && p->tasks[index].used)
        index++;
    if (index == SCHED_MAX_TASKS)
        return percept_fail(error, PERCEPT_LIMIT, "more than %d tasks", SCHED_MAX_TASKS);
    if (config->step_count < 1 || config->step_count > SCHED_MAX_STEPS)
        return percept_fail(error, PERCEPT_INVALID, "task '%s' has %zu steps; expected 1 to %d",
                            config->name, config->step_count, SCHED_MAX_STEPS);
    p->tasks[index] = (struct sched_task_state){
        .used = true, .config = *config, .hold_ns = p->settings.hold_ns, .credit = 1};
    if ((size_t)index >= p->task_count)
        p->task_count = (size_t)index + 1;
    p->costs_changed = true;
    *task = index;
    return PERCEPT_OK;
}

void sched_task_remove(struct sched_policy *p, int task)
{
    p->tasks[task].used = false;
    p->costs_changed = true;
}

void sched_task_park(struct sched_policy *p, int task, bool parked)
{
    p->tasks[task].parked = parked;
    p->costs_changed = true;
}

/* ---- frames ---- */

/* A source that has rested is as quick as before; one that is slower from now on shows it again. */
static void measure_gap(struct sched_task_state *t, int64_t gap)
{
    t->rested = !t->rested && t->gap.count >= 8 && (double)gap > REST * t->gap.mean;
    if (!t->rested)
        add_recent(&t->gap, gap);
}

bool sched_frame(struct sched_policy *p, int task, int64_t now)
{
    struct sched_task_state *t = &p->tasks[task];
    if (t->frames++)
        measure_gap(t, now - t->last_frame_ns);
    p->costs_changed |= t->frames == 9; /* the period is known */
    t->last_frame_ns = now;
    t->credit += sched_step_of(t)->rate;
    if (t->credit < 1 - 1e-9) {
        t->skipped++;
        return false;
    }
    t->credit = t->credit - 1 > 1 ? 1 : t->credit - 1;
    t->tick_frames++;
    return true;
}

static void miss(struct sched_task_state *t)
{
    t->missed += t->config.deadline_ns > 0;
    t->tick_missed += t->config.deadline_ns > 0;
}

void sched_drop(struct sched_policy *p, int task)
{
    miss(&p->tasks[task]);
}

/* ---- jobs ---- */

void sched_wait(struct sched_policy *p, int task, int lane, int64_t captured, int64_t now)
{
    struct sched_task_state *t = &p->tasks[task];
    int64_t relative = sched_deadline(t);
    if (!t->begun)
        t->begun_step = t->step;
    t->begun = true;
    t->job = SCHED_WAITING;
    t->lane = lane;
    t->deadline_ns = captured + (relative ? relative : UNKNOWN_DEADLINE_NS);
    t->due_ns = captured + (t->config.deadline_ns ? t->config.deadline_ns : relative);
    if (!t->refused)
        t->served_ns = now;
    p->lanes[lane].waiting++;
}

bool sched_begins(struct sched_policy *p, int task, int64_t now)
{
    struct sched_task_state *t = &p->tasks[task];
    bool starves =
        t->refused && p->settings.share > 0 && now - t->served_ns > p->settings.starve_ns;
    t->refused = t->config.deadline_ns && now > t->due_ns && !starves;
    t->begun &= !t->refused;
    return !t->refused;
}

void sched_release(struct sched_policy *p, int task, const struct sched_span *span, bool again,
                   int64_t now)
{
    struct sched_task_state *t = &p->tasks[task];
    struct sched_lane_state *lane = &p->lanes[t->lane];
    struct sched_recent *segments = &t->segments[t->lane];
    int64_t most = sched_recent_most(segments);
    add_recent(segments, span->longest_ns);
    p->costs_changed |= sched_recent_most(segments) != most;
    t->segment_count += span->segments;
    t->spent_ns[t->lane] += span->computed_ns;
    lane->hurried -= t->hurried;
    t->hurried = false;
    lane->running--;
    lane->busy_ns += span->computed_ns;
    lane->waiting += again;
    if (!t->refused)
        t->served_ns = now;
    t->job = again ? SCHED_WAITING : SCHED_IDLE;
}

void sched_revoke(struct sched_policy *p, int task)
{
    struct sched_task_state *t = &p->tasks[task];
    p->lanes[t->lane].running--;
    p->lanes[t->lane].hurried -= t->hurried;
    t->hurried = false;
    t->job = SCHED_IDLE;
    t->revoked++;
}

bool sched_done(struct sched_policy *p, int task, const int64_t *cost_ns, int64_t now)
{
    struct sched_task_state *t = &p->tasks[task];
    t->done++;
    t->begun = false;
    memset(t->spent_ns, 0, sizeof t->spent_ns);
    for (size_t lane = 0; cost_ns && lane < p->settings.lane_count; lane++) {
        if (!cost_ns[lane])
            continue;
        struct sched_recent *cost = &t->cost[t->begun_step][lane];
        int64_t most = sched_recent_most(cost);
        add_recent(cost, cost_ns[lane]);
        p->costs_changed |= sched_recent_most(cost) != most;
    }
    if (!t->config.deadline_ns || now <= t->due_ns)
        return true;
    miss(t);
    return false;
}

/* ---- who is next ---- */

static bool is_before(const struct sched_task_state *a, const struct sched_task_state *b,
                      int64_t now)
{
    if (sched_level(a) != sched_level(b))
        return sched_level(a) > sched_level(b);
    bool a_late = now > a->due_ns, b_late = now > b->due_ns;
    return a_late != b_late ? b_late : a->deadline_ns < b->deadline_ns;
}

/* For how long all slots may be gone, when the dearest frame of those that go before it comes. */
static int64_t interruption(const struct sched_policy *p, const struct sched_task_state *t)
{
    int64_t most = 0;
    for (size_t i = 0; i < p->task_count; i++) {
        const struct sched_task_state *other = &p->tasks[i];
        if (!sched_counts(other) || sched_level(other) <= sched_level(t))
            continue;
        int64_t cost = sched_worst(other, other->step, t->lane);
        most = cost > most ? cost : most;
    }
    return most / sched_width(&p->lanes[t->lane].config);
}

/*
 * Would it be late, at worst, with no more than its slot? Of what is not known yet: maybe. A
 * quarter more than what is left, since the machine has others to serve; a segment, until a slot
 * that is taken back is free; and what may come in between, of which it must not be the end when
 * there is little left to do.
 */
static bool is_hurried(const struct sched_policy *p, const struct sched_task_state *t,
                       int64_t computed_ns, int64_t now)
{
    if (sched_width(&p->lanes[t->lane].config) == 1 || now > t->deadline_ns)
        return false;
    int64_t worst = sched_worst(t, t->step, t->lane),
            left = worst - t->spent_ns[t->lane] - computed_ns;
    return !worst ||
           (left > 0 &&
            now + left + left / 4 + p->settings.segment_ns + interruption(p, t) > t->deadline_ns);
}

/* The one that goes before all others of a lane in that state; NULL: there is none. Equals go by
 * their number. */
static struct sched_task_state *first(const struct sched_policy *p, int lane, enum sched_job job,
                                      bool hurried, int64_t now)
{
    const struct sched_task_state *best = NULL;
    for (size_t i = 0; i < p->task_count; i++) {
        const struct sched_task_state *t = &p->tasks[i];
        if (t->used && t->job == job && t->hurried == hurried && t->lane == lane &&
            (!best || is_before(t, best, now)))
            best = t;
    }
    return (struct sched_task_state *)best;
}

static struct sched_task_state *first_waiting(const struct sched_policy *p, int lane, int64_t now)
{
    return first(p, lane, SCHED_WAITING, false, now);
}

static struct sched_task_state *first_hurried(const struct sched_policy *p, int lane, int64_t now)
{
    return p->lanes[lane].hurried ? first(p, lane, SCHED_RUNNING, true, now) : NULL;
}

/* Does one that hurries and goes before it need so many slots on top of those that are free? */
static bool is_in_the_way(const struct sched_policy *p, const struct sched_task_state *t,
                          unsigned slots, int64_t now)
{
    if (sched_spare(p, t->lane) + 1 >= sched_width(&p->lanes[t->lane].config) + slots)
        return false;
    const struct sched_task_state *other = first_hurried(p, t->lane, now);
    return other && other != t && is_before(other, t, now);
}

/* The one that has waited longest, if that is too long and a segment of the share is due. */
static struct sched_task_state *starving(const struct sched_policy *p, int lane, int64_t now)
{
    const struct sched_task_state *longest = NULL;
    if (p->settings.share <= 0 || now < p->lanes[lane].next_boost_ns)
        return NULL;
    for (size_t i = 0; i < p->task_count; i++) {
        const struct sched_task_state *t = &p->tasks[i];
        if (t->used && t->job == SCHED_WAITING && t->lane == lane &&
            now - t->served_ns > p->settings.starve_ns &&
            (!longest || t->served_ns < longest->served_ns))
            longest = t;
    }
    return (struct sched_task_state *)longest;
}

/* A segment each so long keeps the starving within their share, if it is as long as the longest. */
static int64_t boost_gap(const struct sched_policy *p, const struct sched_task_state *t)
{
    int64_t longest = sched_recent_most(&t->segments[t->lane]);
    if (longest < p->settings.segment_ns)
        longest = p->settings.segment_ns;
    return (int64_t)((double)longest / p->settings.share);
}

int sched_pick(struct sched_policy *p, int lane, int64_t now)
{
    struct sched_lane_state *l = &p->lanes[lane];
    if (!l->waiting || !sched_spare(p, lane))
        return SCHED_NOBODY;
    struct sched_task_state *t = starving(p, lane, now), *best = first_waiting(p, lane, now);
    bool held_back = is_in_the_way(p, best, 1, now);
    if (t && (t != best || held_back)) {
        l->next_boost_ns = now + boost_gap(p, t);
        t->boosts++;
    } else if (held_back) {
        return SCHED_NOBODY;
    } else {
        t = best;
        t->hurried = is_hurried(p, t, 0, now);
        l->hurried += t->hurried;
    }
    t->job = SCHED_RUNNING;
    l->waiting--;
    l->running++;
    return (int)(t - p->tasks);
}

bool sched_gives_way(struct sched_policy *p, int task, int64_t computed_ns, int64_t now)
{
    struct sched_task_state *t = &p->tasks[task];
    if (!t->hurried && t->job == SCHED_RUNNING && is_hurried(p, t, computed_ns, now)) {
        t->hurried = true;
        p->lanes[t->lane].hurried++;
    }
    if (is_in_the_way(p, t, 0, now))
        return true;
    if (!p->lanes[t->lane].waiting)
        return false;
    const struct sched_task_state *best = first_waiting(p, t->lane, now);
    return is_before(best, t, now) || starving(p, t->lane, now);
}

bool sched_contended(const struct sched_policy *p, int lane)
{
    const struct sched_lane_state *l = &p->lanes[lane];
    return l->waiting > 0 || (sched_width(&l->config) > 1 && l->running > 1);
}

int sched_favoured(const struct sched_policy *p, int lane, int64_t now)
{
    const struct sched_task_state *best = first_hurried(p, lane, now);
    return best ? (int)(best - p->tasks) : SCHED_NOBODY;
}

unsigned sched_spare(const struct sched_policy *p, int lane)
{
    const struct sched_lane_state *l = &p->lanes[lane];
    return l->config.slots > l->running ? l->config.slots - l->running : 0;
}

/* ---- now and then ---- */

bool sched_tick(struct sched_policy *p, int64_t now)
{
    if (now < p->next_tick_ns)
        return false;
    p->next_tick_ns = now + p->settings.tick_ns;
    bool changed = sched_walk(p, now);
    p->costs_changed |= changed;
    return sched_admit(p) || changed;
}

void sched_set_pressure(struct sched_policy *p, unsigned pressure, const char *cause)
{
    p->pressure = pressure;
    snprintf(p->pressure_cause, sizeof p->pressure_cause, "%s", cause);
}

void sched_task_look(const struct sched_policy *p, int task, struct sched_task_view *view)
{
    const struct sched_task_state *t = &p->tasks[task];
    *view = (struct sched_task_view){
        .step = t->step,
        .admitted = !t->best_effort,
        .frames = t->frames,
        .skipped = t->skipped,
        .done = t->done,
        .missed = t->missed,
        .segments = t->segment_count,
        .revoked = t->revoked,
        .boosts = t->boosts,
        .period_ns = sched_period(t),
        .deadline_ns = sched_deadline(t),
    };
    for (size_t lane = 0; lane < p->settings.lane_count; lane++) {
        double load = sched_load(p, t, t->step, (int)lane);
        view->load = load > view->load ? load : view->load;
        view->cost_ns += sched_worst(t, t->step, (int)lane);
        int64_t longest = sched_recent_most(&t->segments[lane]);
        view->longest_ns = longest > view->longest_ns ? longest : view->longest_ns;
    }
    snprintf(view->cause, sizeof view->cause, "%s%s%s", t->why_step,
             t->why_step[0] && t->why_refused[0] ? "; " : "", t->why_refused);
}

void sched_lane_look(const struct sched_policy *p, int lane, struct sched_lane_view *view)
{
    const struct sched_lane_state *l = &p->lanes[lane];
    *view = (struct sched_lane_view){
        .running = l->running, .waiting = l->waiting, .busy_ns = l->busy_ns};
}
