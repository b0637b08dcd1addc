/*
 * The policy (policy.h) on a device that is not there: a discrete-event simulation of pipelines as
 * pipelines/ runs them. A frame that finds its pipeline at work waits, and is replaced by a newer
 * one; one past its deadline is not begun; a job computes on its lanes one after the other, in
 * segments.
 *
 * The same settings give the same result, on any machine.
 */
#ifndef SCHEDULER_SIMULATE_H
#define SCHEDULER_SIMULATE_H

#include "scheduler/policy.h"

/* What happens, with its time. lane, slot: SCHED_NOBODY where it has none. */
enum sched_event { SCHED_EVENT_SEGMENT, SCHED_EVENT_MISS, SCHED_EVENT_STEP };
struct sched_sim_event {
    enum sched_event kind;
    int task, lane;
    unsigned slot, step;
    int64_t start_ns, end_ns;
};

struct sched_sim_settings {
    struct sched_settings policy;
    /* Longest segment of each lane; 0: a job's whole part on that lane is one. */
    int64_t segment_ns[SCHED_MAX_LANES];
    int64_t switch_ns; /* added to each segment */
    double least;      /* cost of a frame: from this share of the worst case, evenly; 0 to 1 */
    double jitter;     /* time between frames: up to this share of the period more, evenly */
    int64_t length_ns;
    uint64_t seed;
    void (*event)(void *context, const struct sched_sim_event *event); /* or NULL */
    void *context;
};

/* steps[].cost_ns of a task is its worst case: what is drawn from, and what the policy is told if
 * `declared`. Its lanes are visited in their order. period_ns must not be 0. */
struct sched_sim_task {
    struct sched_task config;
    bool declared;
    int64_t offset_ns; /* of its first frame */
};

struct sched_sim_result {
    struct sched_task_view view;              /* at the end */
    uint64_t dropped;                         /* frames that were replaced, or too old to begin */
    int64_t latency_mean_ns, latency_most_ns; /* capture to end */
    unsigned steps;                           /* how often its step changed */
    int64_t last_step_ns;                     /* when it did last */
    int64_t longest_gap_ns;                   /* between two frames that it finished */
};

/* results: one a task. lanes: one a lane, or NULL. INVALID. */
enum percept_status sched_simulate(const struct sched_sim_settings *settings,
                                   const struct sched_sim_task *tasks, size_t task_count,
                                   struct sched_sim_result *results, struct sched_lane_view *lanes,
                                   struct percept_error *error);

#endif
