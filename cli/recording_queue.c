#include "cli/recording_queue.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>

struct job {
    void *job;
    size_t bytes;
};

struct recording_queue {
    void (*run)(void *context, void *job);
    void *context;
    pthread_t thread;
    pthread_mutex_t lock;   /* of all that follows */
    pthread_cond_t changed; /* any of it */
    struct job jobs[RECORDING_JOBS];
    unsigned first, count; /* the first one is being done, and counts until it is */
    size_t bytes;
    bool ends;
};

static void *work(void *context)
{
    struct recording_queue *queue = context;
    pthread_mutex_lock(&queue->lock);
    for (;;) {
        while (queue->count == 0 && !queue->ends)
            pthread_cond_wait(&queue->changed, &queue->lock);
        if (queue->count == 0)
            break;
        struct job job = queue->jobs[queue->first];
        pthread_mutex_unlock(&queue->lock);
        queue->run(queue->context, job.job);
        pthread_mutex_lock(&queue->lock);
        queue->first = (queue->first + 1) % RECORDING_JOBS;
        queue->count--;
        queue->bytes -= job.bytes;
        pthread_cond_broadcast(&queue->changed);
    }
    pthread_mutex_unlock(&queue->lock);
    return NULL;
}

enum percept_status recording_queue_create(void (*run)(void *context, void *job), void *context,
                                           struct recording_queue **result,
                                           struct percept_error *error)
{
    struct recording_queue *queue = calloc(1, sizeof *queue);
    if (!queue)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    queue->run = run;
    queue->context = context;
    pthread_mutex_init(&queue->lock, NULL);
    pthread_cond_init(&queue->changed, NULL);
    /* Ctrl-C is for the thread that reads topics, whose poll it interrupts. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int number = pthread_create(&queue->thread, NULL, work, queue);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (number != 0) {
        pthread_cond_destroy(&queue->changed);
        pthread_mutex_destroy(&queue->lock);
        free(queue);
        return percept_fail(error, percept_status_from_errno(number), "no thread to write with");
    }
    *result = queue;
    return PERCEPT_OK;
}

void recording_queue_push(struct recording_queue *queue, void *job, size_t bytes, size_t most)
{
    pthread_mutex_lock(&queue->lock);
    while (queue->count == RECORDING_JOBS || queue->bytes >= most)
        pthread_cond_wait(&queue->changed, &queue->lock);
    queue->jobs[(queue->first + queue->count) % RECORDING_JOBS] = (struct job){job, bytes};
    queue->count++;
    queue->bytes += bytes;
    pthread_cond_broadcast(&queue->changed);
    pthread_mutex_unlock(&queue->lock);
}

void recording_queue_settle(struct recording_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    while (queue->count > 0)
        pthread_cond_wait(&queue->changed, &queue->lock);
    pthread_mutex_unlock(&queue->lock);
}

void recording_queue_destroy(struct recording_queue *queue)
{
    if (!queue)
        return;
    pthread_mutex_lock(&queue->lock);
    queue->ends = true;
    pthread_cond_broadcast(&queue->changed);
    pthread_mutex_unlock(&queue->lock);
    pthread_join(queue->thread, NULL);
    pthread_cond_destroy(&queue->changed);
    pthread_mutex_destroy(&queue->lock);
    free(queue);
}
