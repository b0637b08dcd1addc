/*
 * A thread that does one thing after another, for whoever must not wait for each: what a recorder
 * has gathered goes to a disk that may stand still. What may wait is bounded.
 */
#ifndef CLI_RECORDING_QUEUE_H
#define CLI_RECORDING_QUEUE_H

#include "base/status.h"

#include <stddef.h>

struct recording_queue;

/* run is called on the queue's thread, with each job in order. */
enum percept_status recording_queue_create(void (*run)(void *context, void *job), void *context,
                                           struct recording_queue **queue,
                                           struct percept_error *error);
/* Waits while `most` bytes or RECORDING_JOBS jobs are ahead of it. One thread pushes. */
enum { RECORDING_JOBS = 64 };
void recording_queue_push(struct recording_queue *queue, void *job, size_t bytes, size_t most);
/* Wait until all that was pushed is done. */
void recording_queue_settle(struct recording_queue *queue);
/* The same, and the thread has ended. NULL is fine. */
void recording_queue_destroy(struct recording_queue *queue);

#endif
