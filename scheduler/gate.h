/*
 * The policy (policy.h) in real time: threads that compute come through here.
 *
 *     sched_gate_enter(gate, task, lane, captured_ns);  waits for a slot of the lane
 *     ... compute; between two steps: sched_gate_yield(gate, task) ...
 *     sched_gate_leave(gate, task);
 *     sched_gate_done(gate, task, true);                the frame is over
 *
 * Of a task, enter, yield, leave and done are one thread's; all else is any thread's. While nobody
 * waits a yield takes two clock readings and no lock. Nothing allocates after the tasks were added.
 *
 * A thread that has not come to a yield for the grace time loses its slot, so that the others go
 * on beside it: at its next yield it waits for one like all.
 */
#ifndef SCHEDULER_GATE_H
#define SCHEDULER_GATE_H

#include "base/thread_pool.h"
#include "scheduler/policy.h"

struct sched_gate;

/* What a thread did in the gate, told by it when that is over. */
struct sched_gate_event {
    int task, lane;
    enum {
        SCHED_GATE_WAIT,    /* for a slot, which it had from granted_ns on */
        SCHED_GATE_SEGMENT, /* it computed, and came by a yield */
        SCHED_GATE_LEAVE,   /* the same, and left the lane */
    } kind;
    int64_t begin_ns;
    int64_t granted_ns, captured_ns; /* of a wait; of its frame */
    int64_t computed_ns, own_ns; /* CPU time of a segment, with the workers that helped; without */
};

struct sched_gate_options {
    struct sched_settings settings;
    int64_t grace_ns; /* 0: 1 s */
    /* Of wide lanes: whose workers compute on the slots that no task has. Its threads are what the
     * lane's width says. NULL: none. It must outlive the gate. */
    struct base_pool *pools[SCHED_MAX_LANES];
    /* A slot was taken from the task of that name; the thread of another one calls, without a lock.
     * NULL: nobody cares. */
    void (*revoked)(void *context, const char *task);
    /* To be quick, and not to come here again. NULL: nobody cares. */
    void (*event)(void *context, const struct sched_gate_event *event);
    void *context;
};

enum percept_status sched_gate_create(const struct sched_gate_options *options,
                                      struct sched_gate **gate, struct percept_error *error);
void sched_gate_destroy(struct sched_gate *gate); /* nobody inside; NULL is fine */

enum percept_status sched_gate_add(struct sched_gate *gate, const struct sched_task *config,
                                   int *task, struct percept_error *error);
void sched_gate_remove(struct sched_gate *gate, int task);            /* not inside */
void sched_gate_park(struct sched_gate *gate, int task, bool parked); /* as sched_task_park */

/* sched_frame and sched_drop, now. */
bool sched_gate_frame(struct sched_gate *gate, int task);
void sched_gate_drop(struct sched_gate *gate, int task);

void sched_gate_enter(struct sched_gate *gate, int task, int lane, int64_t captured_ns);
/* sched_begins, now. */
bool sched_gate_begins(struct sched_gate *gate, int task);
void sched_gate_yield(struct sched_gate *gate, int task);
void sched_gate_leave(struct sched_gate *gate, int task);
/* So much of what this frame has cost comes but once, and no other one has to be feared to cost it.
 * Outside of a lane, before done. */
void sched_gate_forgive(struct sched_gate *gate, int task, int64_t cost_ns);
/* Outside of a lane. Of a frame that failed, the cost says nothing. */
void sched_gate_done(struct sched_gate *gate, int task, bool well);

/* At which step of its ladder a task is to be; cheap. */
unsigned sched_gate_step(const struct sched_gate *gate, int task);

void sched_gate_set_pressure(struct sched_gate *gate, unsigned pressure, const char *cause);

void sched_gate_look(struct sched_gate *gate, int task, struct sched_task_view *view);
void sched_gate_look_lane(struct sched_gate *gate, int lane, struct sched_lane_view *view);

#endif
