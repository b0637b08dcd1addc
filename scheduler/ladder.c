/*
 * Why: what is too much for a device should cost the least important things their best, not all
 * things their deadlines; and it should settle.
 *
 * One step of one task a tick. Down: while a task misses deadlines, the least important of those at
 * its level or below that still have a step; and before any misses, as many steps as it takes,
 * where mean costs say that there is more to do than can be done. Up: the most important, once
 * nobody of its priority or above has missed for a while and the mean costs say that there is room.
 * A step up that fails doubles the while of its task, so that what cannot be is tried ever more
 * seldom.
 */
#include "scheduler/policy_state.h"

#include <stdio.h>

#define ROOM       0.85 /* of a lane that levels may use on average for a step up */
#define MOST_HOLDS 64   /* times the settings' hold, at most */

/* Two of a tick and a twentieth of its frames: one is an accident. */
static bool misses(const struct sched_task_state *t)
{
    return sched_counts(t) && t->tick_missed >= 2 && t->tick_missed * 20 >= t->tick_frames;
}

static unsigned least_step(const struct sched_policy *p, const struct sched_task_state *t)
{
    unsigned last = (unsigned)t->config.step_count - 1, priority = t->config.priority;
    unsigned least = p->pressure > priority ? p->pressure - priority : 0;
    return least < last ? least : last;
}

static void move(struct sched_task_state *t, unsigned step, int64_t now, const char *why)
{
    t->moved_up = step < t->step;
    t->moved_ns = now;
    t->step = step;
    t->why_step[0] = '\0';
    if (step)
        snprintf(t->why_step, sizeof t->why_step, "at step %u of its ladder: %s", step, why);
}

static double load_on(const struct sched_policy *p, const struct sched_task_state *t, unsigned step)
{
    double most = 0;
    for (size_t lane = 0; lane < p->settings.lane_count; lane++) {
        double load = sched_load(p, t, step, (int)lane);
        most = load > most ? load : most;
    }
    return most;
}

/* ---- down ---- */

static bool share_a_lane(const struct sched_policy *p, const struct sched_task_state *a,
                         const struct sched_task_state *b)
{
    for (size_t lane = 0; lane < p->settings.lane_count; lane++)
        if (sched_load(p, a, a->step, (int)lane) > 0 && sched_load(p, b, b->step, (int)lane) > 0)
            return true;
    return a == b;
}

/* Less important: of a lower level, else with more to give back. */
static bool goes_first(const struct sched_policy *p, const struct sched_task_state *a,
                       const struct sched_task_state *b)
{
    if (sched_level(a) != sched_level(b))
        return sched_level(a) < sched_level(b);
    return load_on(p, a, a->step) > load_on(p, b, b->step);
}

static bool step_down(struct sched_policy *p, const struct sched_task_state *for_whom, int64_t now,
                      const char *why)
{
    struct sched_task_state *victim = NULL;
    for (size_t i = 0; i < p->task_count; i++) {
        struct sched_task_state *t = &p->tasks[i];
        if (sched_counts(t) && t->step + 1 < t->config.step_count &&
            sched_level(t) <= sched_level(for_whom) && share_a_lane(p, t, for_whom) &&
            (!victim || goes_first(p, t, victim)))
            victim = t;
    }
    if (!victim)
        return false;
    if (victim->moved_up && now - victim->moved_ns < 2 * victim->hold_ns &&
        victim->hold_ns < MOST_HOLDS * p->settings.hold_ns)
        victim->hold_ns *= 2;
    char text[64];
    snprintf(text, sizeof text, "%.40s %.22s", for_whom->config.name, why);
    move(victim, victim->step + 1, now, text);
    return true;
}

/* Of the highest priority which, with those above it, wants more of a lane than there is: it cannot
 * but miss deadlines. NULL: there is none. */
static const struct sched_task_state *overloaded(const struct sched_policy *p)
{
    for (size_t lane = 0; lane < p->settings.lane_count; lane++) {
        double load = 0;
        for (int priority = SCHED_HIGH; priority >= SCHED_LOW; priority--) {
            const struct sched_task_state *one = NULL;
            for (size_t i = 0; i < p->task_count; i++) {
                const struct sched_task_state *t = &p->tasks[i];
                double its = sched_load(p, t, t->step, (int)lane);
                if (!sched_counts(t) || (int)t->config.priority != priority || its <= 0)
                    continue;
                load += its;
                one = !one || t->config.deadline_ns ? t : one;
            }
            if (load > 1 && one && one->config.deadline_ns)
                return one;
        }
    }
    return NULL;
}

/* ---- up ---- */

static bool has_room(const struct sched_policy *p, const struct sched_task_state *t)
{
    for (size_t lane = 0; lane < p->settings.lane_count; lane++) {
        double load = sched_load(p, t, t->step - 1, (int)lane);
        if (load <= sched_load(p, t, t->step, (int)lane))
            continue;
        for (size_t i = 0; i < p->task_count; i++) {
            const struct sched_task_state *other = &p->tasks[i];
            if (sched_counts(other) && other != t && other->config.priority >= t->config.priority)
                load += sched_load(p, other, other->step, (int)lane);
        }
        if (load > ROOM)
            return false;
    }
    return true;
}

static bool may_rise(const struct sched_policy *p, const struct sched_task_state *t, int64_t now)
{
    int64_t quiet_since = t->moved_ns;
    for (int priority = (int)t->config.priority; priority <= SCHED_HIGH; priority++)
        if (p->miss_ns[priority] > quiet_since)
            quiet_since = p->miss_ns[priority];
    return sched_counts(t) && t->step > least_step(p, t) && now - quiet_since >= t->hold_ns &&
           has_room(p, t);
}

static bool step_up(struct sched_policy *p, int64_t now)
{
    struct sched_task_state *best = NULL;
    for (size_t i = 0; i < p->task_count; i++) {
        struct sched_task_state *t = &p->tasks[i];
        if (may_rise(p, t, now) && (!best || goes_first(p, best, t)))
            best = t;
    }
    if (best)
        move(best, best->step - 1, now, "on its way up");
    return best != NULL;
}

/* ---- a tick ---- */

bool sched_walk(struct sched_policy *p, int64_t now)
{
    const struct sched_task_state *worst = NULL;
    bool changed = false;
    for (size_t i = 0; i < p->task_count; i++) {
        struct sched_task_state *t = &p->tasks[i];
        if (!sched_counts(t))
            continue;
        if (t->step < least_step(p, t)) {
            move(t, least_step(p, t), now, p->pressure_cause);
            changed = true;
        }
        if (misses(t)) {
            p->miss_ns[t->config.priority] = now;
            if (!worst || sched_level(t) > sched_level(worst))
                worst = t;
        }
    }
    bool down = worst && step_down(p, worst, now, "missed deadlines");
    while ((worst = overloaded(p)) != NULL && step_down(p, worst, now, "would miss deadlines"))
        down = true;
    changed |= down || step_up(p, now);
    for (size_t i = 0; i < p->task_count; i++)
        p->tasks[i].tick_frames = p->tasks[i].tick_missed = 0;
    return changed;
}
