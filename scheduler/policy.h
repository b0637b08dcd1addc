/*
 * Who computes next, and at what quality: the scheduler's decisions as a state machine.
 *
 * It has no threads and no clock, and allocates only while it is made: what happened comes in with
 * its time, decisions go out. So the daemon (gate.h) and the simulator (simulate.h) run the same
 * code, and what the simulator shows of a deployment is what the daemon would do.
 *
 * A lane is a processor with some slots; a task is a pipeline. A frame of a task becomes a job,
 * which computes on one lane at a time, in segments: between two of them it may be put off. A job
 * has one slot; where a lane is wide, it also computes on slots that nobody has. Among those that
 * wait for a lane the one of the highest priority goes first, and within a priority the one whose
 * deadline is nearest. Tasks of which the worst case does not fit beside the others of their
 * priority and above are not admitted (admission.c): they go after those of their priority that
 * are, and may miss deadlines where those may not. A job that has missed its deadline goes after
 * those of its like that have not. A small share of each lane goes to those that would starve.
 *
 * On a wide lane many jobs side by side get more done than one after the other, since no job makes
 * full use of two cores. So they run side by side as long as that costs no deadline: a job that has
 * so little time left that it needs more than its slot is "hurried", and while it computes none
 * that goes after it takes a core from it.
 *
 * Each task has a ladder: steps of less and less quality. While tasks miss deadlines the least
 * important ones are walked down it, a step a tick, and up again when there is room (ladder.c).
 *
 * Times are nanoseconds of one clock, whichever. Calls must not overlap; the time must not go back.
 */
#ifndef SCHEDULER_POLICY_H
#define SCHEDULER_POLICY_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCHED_MAX_LANES 8
#define SCHED_MAX_TASKS 128
#define SCHED_MAX_STEPS 8
#define SCHED_NOBODY    (-1)

enum sched_priority { SCHED_LOW, SCHED_NORMAL, SCHED_HIGH };

/* Of a ladder. The first of each task is full quality. */
struct sched_step {
    double rate;                      /* share of the frames that are taken; 0: none, a pause */
    int64_t cost_ns[SCHED_MAX_LANES]; /* of a frame at worst, as declared; 0: as measured */
};

struct sched_task {
    const char *name; /* must outlive the policy */
    enum sched_priority priority;
    int64_t period_ns;   /* least time between two frames; 0: as measured */
    int64_t deadline_ns; /* from the capture of a frame; 0: it is ordered by the period, and never
                            misses */
    size_t step_count;   /* 1 to SCHED_MAX_STEPS */
    struct sched_step steps[SCHED_MAX_STEPS];
};

struct sched_lane {
    const char *name; /* must outlive the policy */
    unsigned slots;   /* cores, or jobs that compute there at once; at least 1 */
    unsigned width;   /* slots that a job can make use of, while nobody has them; 0: 1 */
};

struct sched_settings {
    size_t lane_count;
    struct sched_lane lanes[SCHED_MAX_LANES];
    int64_t segment_ns; /* what segments are meant to be bounded to; 0: 1 ms */
    double share;       /* of a lane, for those that would starve: 0 to 0.5 */
    int64_t starve_ns;  /* who has waited longer would starve; 0: 100 ms */
    int64_t tick_ns;    /* between two looks at the ladders; 0: 0.5 s */
    int64_t hold_ns;    /* without a miss before a step up; 0: 2 s */
};

struct sched_policy;

enum percept_status sched_policy_create(const struct sched_settings *settings,
                                        struct sched_policy **policy, struct percept_error *error);
void sched_policy_destroy(struct sched_policy *policy); /* NULL is fine */

/* *task is its number from then on. A slot of a removed one is used again. LIMIT, INVALID. */
enum percept_status sched_task_add(struct sched_policy *policy, const struct sched_task *config,
                                   int *task, struct percept_error *error);
void sched_task_remove(struct sched_policy *policy, int task); /* idle */
/* One that is parked gives no frames for now: it counts neither for admission nor for ladders. */
void sched_task_park(struct sched_policy *policy, int task, bool parked); /* idle */

/* ---- what happens ---- */

/* A frame was captured. False: its task's ladder has no room for it, so it is not to be processed.
 */
bool sched_frame(struct sched_policy *policy, int task, int64_t now);
/* A frame that was taken will not be processed: a newer one came first, or it is too old. */
void sched_drop(struct sched_policy *policy, int task);

/* The task's job waits for a slot of the lane; captured tells its deadline. */
void sched_wait(struct sched_policy *policy, int task, int lane, int64_t captured, int64_t now);
/* It has the first slot of its frame. False: that is past its deadline, and not to be begun: it
 * gives the slot back and drops it. Who would starve is let begin: late is more than never. */
bool sched_begins(struct sched_policy *policy, int task, int64_t now);
/* It gives its slot back, after these segments. again: it waits for the lane once more. */
struct sched_span {
    int64_t computed_ns; /* time of slots, of all segments together: on two for 1 ms is 2 ms */
    int64_t longest_ns;  /* the longest segment */
    uint64_t segments;
};
void sched_release(struct sched_policy *policy, int task, const struct sched_span *span, bool again,
                   int64_t now);
/* Take the slot from a task whose segment does not end. */
void sched_revoke(struct sched_policy *policy, int task);
/* The job, which has no slot, is over. cost: on each lane, NULL when it failed. True: it
 * was in time. */
bool sched_done(struct sched_policy *policy, int task, const int64_t *cost_ns, int64_t now);

/* ---- decisions ---- */

/* Who gets a free slot of the lane: that task computes. SCHED_NOBODY when nobody waits or
 * no slot is free. */
int sched_pick(struct sched_policy *policy, int lane, int64_t now);
/* Between two segments of a task that has computed so long since it has its slot: is there one that
 * should have it? A task may find here that it has to hurry. */
bool sched_gives_way(struct sched_policy *policy, int task, int64_t computed_ns, int64_t now);
/* Could sched_gives_way say yes to any task of the lane, before anything else happens? */
bool sched_contended(const struct sched_policy *policy, int lane);
/* Of the lane's slots, those that no job has, and who alone may make use of them; SCHED_NOBODY:
 * whoever comes first. */
unsigned sched_spare(const struct sched_policy *policy, int lane);
int sched_favoured(const struct sched_policy *policy, int lane, int64_t now);

/* Look at admission and ladders, when it is time to; cheap when not. True: something of what
 * sched_task_view shows has changed. */
bool sched_tick(struct sched_policy *policy, int64_t now);

/* How hot, empty or short of memory the device is: 0 well to 3 critical. Tasks of low priority are
 * at least so many steps down, those of normal one less, those of high two less. The cause is for
 * people. */
void sched_set_pressure(struct sched_policy *policy, unsigned pressure, const char *cause);

/* ---- looking inside ---- */

struct sched_task_view {
    unsigned step;
    bool admitted;    /* its worst case fits: it meets its deadlines while costs stay as measured */
    double load;      /* of what it needs of its busiest lane at this step, on average; 1: all */
    char cause[240];  /* why it is not admitted or not at full quality; else "" */
    uint64_t frames;  /* captured */
    uint64_t skipped; /* of these: by its ladder */
    uint64_t done, missed;              /* jobs; of these, and of dropped frames: not in time */
    uint64_t segments, revoked, boosts; /* boosts: segments that it had of the starving's share */
    int64_t longest_ns;                 /* segment, of the recent ones */
    int64_t cost_ns; /* of a frame at worst: time of slots, all lanes, at this step; recent */
    int64_t period_ns, deadline_ns; /* as they count */
};
void sched_task_look(const struct sched_policy *policy, int task, struct sched_task_view *view);

struct sched_lane_view {
    unsigned running, waiting; /* tasks */
    int64_t busy_ns;           /* time computed, of all slots, so far */
};
void sched_lane_look(const struct sched_policy *policy, int lane, struct sched_lane_view *view);

#endif
