/* Why: a block is two kilobytes, thirty times a second; copying it under a lock costs nothing that
 * anybody would notice, and then nobody owns memory of another. */
#include "pipelines/audio_queue.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define USUAL 64 /* blocks that may wait, two seconds, without having been behind */

enum percept_status pipe_audio_queue_init(struct pipe_audio_queue *queue,
                                          struct percept_error *error)
{
    *queue = (struct pipe_audio_queue){0};
    queue->blocks = calloc(PIPE_AUDIO_QUEUE, sizeof *queue->blocks);
    if (!queue->blocks)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    pthread_mutex_init(&queue->mutex, NULL);
    pthread_cond_init(&queue->changed, NULL);
    return PERCEPT_OK;
}

void pipe_audio_queue_fini(struct pipe_audio_queue *queue)
{
    if (!queue->blocks)
        return;
    pthread_cond_destroy(&queue->changed);
    pthread_mutex_destroy(&queue->mutex);
    free(queue->blocks);
    queue->blocks = NULL;
}

void pipe_audio_queue_reset(struct pipe_audio_queue *queue)
{
    queue->head = queue->count = 0;
    queue->closed = queue->cancelled = false;
}

static void drop_oldest(struct pipe_audio_queue *queue)
{
    const struct pipe_audio *oldest = &queue->blocks[queue->head];
    queue->head = (queue->head + 1) % PIPE_AUDIO_QUEUE;
    queue->count--;
    struct pipe_audio *next = &queue->blocks[queue->head];
    next->lost += oldest->lost + oldest->count;
    next->begins = true;
    next->forget |= oldest->forget;
}

bool pipe_audio_queue_put(struct pipe_audio_queue *queue, const struct pipe_audio *block)
{
    pthread_mutex_lock(&queue->mutex);
    bool full = queue->count == PIPE_AUDIO_QUEUE;
    if (full)
        drop_oldest(queue);
    queue->blocks[(queue->head + queue->count++) % PIPE_AUDIO_QUEUE] = *block;
    if (queue->count > queue->deepest)
        queue->deepest = queue->count;
    pthread_cond_broadcast(&queue->changed);
    pthread_mutex_unlock(&queue->mutex);
    return full;
}

enum percept_status pipe_audio_queue_wait_room(struct pipe_audio_queue *queue)
{
    pthread_mutex_lock(&queue->mutex);
    while (!queue->cancelled && queue->count == PIPE_AUDIO_QUEUE)
        pthread_cond_wait(&queue->changed, &queue->mutex);
    enum percept_status status = queue->cancelled ? PERCEPT_CANCELLED : PERCEPT_OK;
    pthread_mutex_unlock(&queue->mutex);
    return status;
}

size_t pipe_audio_queue_clear(struct pipe_audio_queue *queue)
{
    pthread_mutex_lock(&queue->mutex);
    size_t count = queue->count;
    queue->count = 0;
    pthread_mutex_unlock(&queue->mutex);
    return count;
}

void pipe_audio_queue_close(struct pipe_audio_queue *queue)
{
    pthread_mutex_lock(&queue->mutex);
    queue->closed = true;
    pthread_cond_broadcast(&queue->changed);
    pthread_mutex_unlock(&queue->mutex);
}

void pipe_audio_queue_cancel(struct pipe_audio_queue *queue)
{
    pthread_mutex_lock(&queue->mutex);
    queue->cancelled = true;
    pthread_cond_broadcast(&queue->changed);
    pthread_mutex_unlock(&queue->mutex);
}

size_t pipe_audio_queue_count(struct pipe_audio_queue *queue)
{
    pthread_mutex_lock(&queue->mutex);
    size_t count = queue->count;
    pthread_mutex_unlock(&queue->mutex);
    return count;
}

/* Nothing waits. The two megabytes are for when much does: begin again with the first of them, and
 * give the others back. */
static void rewind_ring(struct pipe_audio_queue *queue)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t begin = ((uintptr_t)(queue->blocks + USUAL) + page - 1) / page * page;
    uintptr_t end = (uintptr_t)(queue->blocks + PIPE_AUDIO_QUEUE) / page * page;
    if (queue->deepest > USUAL && begin < end)
        (void)madvise((void *)begin, end - begin, MADV_DONTNEED);
    queue->head = queue->deepest = 0;
}

enum percept_status pipe_audio_queue_take(struct pipe_audio_queue *queue, struct pipe_audio *block)
{
    enum percept_status status = PERCEPT_OK;
    pthread_mutex_lock(&queue->mutex);
    while (!queue->cancelled && !queue->count && !queue->closed)
        pthread_cond_wait(&queue->changed, &queue->mutex);
    if (queue->cancelled) {
        status = PERCEPT_CANCELLED;
    } else if (queue->count) {
        *block = queue->blocks[queue->head];
        queue->head = (queue->head + 1) % PIPE_AUDIO_QUEUE;
        if (--queue->count == 0)
            rewind_ring(queue);
        pthread_cond_broadcast(&queue->changed);
    } else {
        status = PERCEPT_END;
    }
    pthread_mutex_unlock(&queue->mutex);
    return status;
}
