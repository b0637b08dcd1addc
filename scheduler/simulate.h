/*
 * The policy (policy.h) on a device that is not there: a discrete-event simulation of pipelines as
 * pipelines/ runs them. A frame that finds its pipeline at work waits, and is replaced by a newer
 * one; one past its deadline is not begun; a job computes on its lanes one after the other, in
 * segments.
 *
 * The same settings give the same result, on any machine.
 *
 * Or it replays what was recorded of a daemon (`percept trace`): frames come when they came, and
 * each computes in the pieces in which it did; who has a slot when is the policy's decision.
 */
#ifndef SCHEDULER_SIMULATE_H
#define SCHEDULER_SIMULATE_H

#include "scheduler/policy.h"

/* What happens, with its time. lane, slot: SCHED_NOBODY where it has none. */
enum sched_event {
    SCHED_EVENT_SEGMENT,
    SCHED_EVENT_MISS, /* now, of the frame captured at start_ns */
    SCHED_EVENT_DONE, /* the same */
    SCHED_EVENT_STEP,
};
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

/* A piece of a frame's work on the first lane, as recorded. */
struct sched_sim_piece {
    int64_t away_ns; /* before it waits for the lane: since the piece before, or since the frame
                        could be begun; -1: it follows the piece before, after a yield */
    int64_t cost_ns; /* time of slots */
};
struct sched_sim_frame {
    int64_t arrived_ns, captured_ns; /* of the simulation's clock, which begins at 0 */
    const struct sched_sim_piece *pieces;
    size_t piece_count; /* 0: it was never begun; here it costs what the one before it did */
};

/* steps[].cost_ns of a task is its worst case: what is drawn from, and what the policy is told if
 * `declared`. Its lanes are visited in their order. period_ns must not be 0. */
struct sched_sim_task {
    struct sched_task config;
    bool declared;
    int64_t offset_ns; /* of its first frame */
    /* By their arrival; what would be drawn is these. NULL: nothing was recorded. */
    const struct sched_sim_frame *frames;
    size_t frame_count;
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
