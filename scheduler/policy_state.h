/* What the parts of the policy share. Private to scheduler/. */
#ifndef SCHEDULER_POLICY_STATE_H
#define SCHEDULER_POLICY_STATE_H

#include "scheduler/policy.h"

/* The most and the mean of recent values. Two halves, so that one glitch is forgotten after at most
 * 2 * SCHED_RECENT values. */
#define SCHED_RECENT 128
struct sched_recent {
    int64_t most[2]; /* of this half, of the half before it */
    double mean;     /* exponential, over some 32 values */
    uint64_t count;
};

static inline int64_t sched_recent_most(const struct sched_recent *r)
{
    return r->most[0] > r->most[1] ? r->most[0] : r->most[1];
}

enum sched_job { SCHED_IDLE, SCHED_WAITING, SCHED_RUNNING };

struct sched_task_state {
    bool used, parked;
    struct sched_task config;

    /* the job */
    enum sched_job job;
    int lane;
    int64_t deadline_ns; /* of its frame, absolute: what it is ordered by */
    int64_t due_ns;      /* the same, as configured: what it may miss */
    int64_t served_ns;   /* when it last computed, or began to wait for a slot since */
    bool refused;        /* its last frame was not begun: it waits since that came */
    bool begun;          /* its frame has waited for a slot */
    unsigned begun_step; /* what it was begun at: its costs are that step's */
    int64_t spent_ns[SCHED_MAX_LANES]; /* of slots, so far */
    bool hurried;                      /* it runs, and needs more than its slot to be in time */
    struct sched_recent segments[SCHED_MAX_LANES];

    /* frames */
    double credit; /* of the next frame, by the step's rate; it is taken at 1 */
    int64_t last_frame_ns;
    struct sched_recent gap; /* time between frames */
    bool rested;             /* the last gap was no period, but a rest */

    /* quality */
    unsigned step;
    bool best_effort; /* not admitted */
    unsigned opposed; /* evaluations in a row that found otherwise */
    int64_t moved_ns; /* when its step changed last */
    bool moved_up;    /* and how */
    int64_t hold_ns;  /* without misses before the next step up */
    struct sched_recent cost[SCHED_MAX_STEPS][SCHED_MAX_LANES];
    uint64_t tick_frames, tick_missed;    /* since the last tick */
    char why_step[104], why_refused[128]; /* "": full quality; admitted */

    uint64_t frames, skipped, done, missed, segment_count, revoked, boosts;
};

struct sched_lane_state {
    struct sched_lane config;
    unsigned running, waiting, hurried; /* tasks; hurried ones are among the running */
    int64_t next_boost_ns;
    int64_t busy_ns;
};

struct sched_policy {
    struct sched_settings settings;
    struct sched_lane_state lanes[SCHED_MAX_LANES];
    struct sched_task_state tasks[SCHED_MAX_TASKS];
    size_t task_count; /* numbers in use are below */
    unsigned pressure;
    char pressure_cause[64];
    bool costs_changed; /* since admission was looked at */
    int64_t next_tick_ns;
    int64_t miss_ns[SCHED_HIGH + 1]; /* last tick with too many misses, of each priority */
};

/* Where a task competes: higher goes first. */
static inline int sched_level(const struct sched_task_state *t)
{
    return 2 * (int)t->config.priority + !t->best_effort;
}

/* For admission and ladders. */
static inline bool sched_counts(const struct sched_task_state *t)
{
    return t->used && !t->parked;
}

static inline unsigned sched_width(const struct sched_lane *lane)
{
    return lane->width <= 1 ? 1 : lane->width < lane->slots ? lane->width : lane->slots;
}

static inline const struct sched_step *sched_step_of(const struct sched_task_state *t)
{
    return &t->config.steps[t->step];
}

int64_t sched_period(const struct sched_task_state *t); /* 0: not known yet */
/* Relative; 0: not known yet. The period at most: who is not done by then costs the next frame. */
int64_t sched_deadline(const struct sched_task_state *t);
/* Of a frame at a step, on a lane: at worst, and on average. 0: not known, or none. */
int64_t sched_worst(const struct sched_task_state *t, unsigned step, int lane);
double sched_mean(const struct sched_task_state *t, unsigned step, int lane);
/* Share of a lane's slots that a task needs at a step, on average. */
double sched_load(const struct sched_policy *p, const struct sched_task_state *t, unsigned step,
                  int lane);

/* ---- admission.c: find who fits; true when that changed for anybody ---- */
bool sched_admit(struct sched_policy *p);

/* ---- ladder.c: true when a step changed ---- */
bool sched_walk(struct sched_policy *p, int64_t now);

#endif
