/*
 * A thread pool for data-parallel kernels.
 *
 * The caller is always one of the workers and claims tasks like them, one atomic addition each, so
 * a run never waits for a worker that has not started: on a machine whose cores are taken by
 * others, the caller simply does all the work itself. Workers spin for a bounded, short while after
 * a job (the next layer's job usually follows within microseconds) and then sleep on a futex: an
 * idle pool burns no CPU.
 *
 * Several threads may call base_pool_run on one pool at once. One of them gets the workers; the
 * others run their tasks on their own thread meanwhile. Nobody waits for a turn. Somebody who knows
 * which cores are free, and whose work is urgent, can say so (base_pool_limit); it takes effect
 * within a task.
 */
#ifndef BASE_THREAD_POOL_H
#define BASE_THREAD_POOL_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

struct base_pool;

/* Called for each task in [0, count); worker is in [0, threads), distinct among concurrent calls of
 * one run. */
typedef void (*base_pool_fn)(void *context, size_t task, unsigned worker);

/*
 * threads counts the caller: 1 makes a pool without workers; 0 means one per CPU that this process
 * may run on (its affinity mask). The pool is freed with base_pool_destroy, after the last run has
 * returned.
 */
enum percept_status base_pool_create(unsigned threads, struct base_pool **pool,
                                     struct percept_error *error);

unsigned base_pool_threads(const struct base_pool *pool);

/*
 * Run fn for all tasks and return when all are done. Everything that the caller wrote before is
 * visible to the tasks, and everything that the tasks wrote is visible to the caller after. Does
 * not allocate. pool NULL runs on the caller's thread.
 */
void base_pool_run(struct base_pool *pool, size_t count, base_pool_fn fn, void *context);

/* A name for the calling thread, as long as it lives. */
const void *base_pool_thread(void);

/*
 * From now on so many workers may help at a time, of those that there are; and only that thread's
 * runs, unless it is NULL. Any thread, also while runs are on. pool NULL is fine.
 */
void base_pool_limit(struct base_pool *pool, unsigned helpers, const void *thread);

/* Let its workers run in real time, SCHED_FIFO at that priority. 0 or an errno. pool NULL is fine.
 */
int base_pool_realtime(struct base_pool *pool, int priority);

/*
 * Call this on the calling thread after each of its runs, between two tasks of those in which
 * nobody helps, and of the others every two milliseconds, when all of it rests; it may take as long
 * as it likes, as to let others compute meanwhile. NULL: nothing, as in the beginning.
 */
void base_pool_set_pause(void (*pause)(void *context), void *context);

/* Call it, from a loop that does without a pool, where it may take as long as it likes. */
void base_pool_pause(void);

/* CPU time of the workers that was spent on the calling thread's runs so far, of all together. */
int64_t base_pool_helped_ns(void);

void base_pool_destroy(struct base_pool *pool); /* NULL is fine */

#endif
