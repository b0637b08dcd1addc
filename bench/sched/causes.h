/* Why a frame missed its deadline: what of its time its pipeline had no part in. */
#ifndef BENCH_SCHED_CAUSES_H
#define BENCH_SCHED_CAUSES_H

#include "scheduler/gate.h"

enum cause {
    CAUSE_STOLEN,  /* since no frame that is as important was in work last, other programs and the
                      host had taken at least as much of our CPU time as it was late */
    CAUSE_FIRST,   /* nothing was known of its cost yet */
    CAUSE_WAKING,  /* threads that had a slot, or a frame, were not awake yet */
    CAUSE_BLOCKED, /* the slots were others': without that, too, it was in time */
    CAUSE_COST,    /* the frame took more than there was time for */
    CAUSES
};
extern const char *const cause_names[CAUSES];

/* Of one pipeline; its thread's. */
struct account {
    enum sched_priority priority;
    unsigned frames; /* ever begun */
    enum cause last; /* of the last miss, which those that it made impossible have, too */
    int64_t waited_ns, woke_ns;
    unsigned long misses[CAUSES];
};

/* Once, when the pool's threads are there and no other ones but the caller's. */
void causes_find_workers(unsigned cores);
/* Before pipelines begin. */
void causes_begin(void);

/* The calling thread is that of a pipeline of this priority. */
void account_open(struct account *account, enum sched_priority priority);
/* A frame that was due then is begun now. */
void account_begin(struct account *account, int64_t due_ns, int64_t now_ns);
/* What the gate tells of its thread meanwhile. */
void account_event(struct account *account, const struct sched_gate_event *event);
/* It is over, and so much too late, if more than 0. */
void account_end(struct account *account, int64_t late_ns);
/* So many were never begun, since the one before was still in work. */
void account_skipped(struct account *account, unsigned long count);

#endif
