/* Why: two threads, one slot; the simplest thing that is right is a lock held for an assignment. */
#include "pipelines/mailbox.h"

#include "base/clock.h"

#include <time.h>

void pipe_mailbox_init(struct pipe_mailbox *mailbox)
{
    *mailbox = (struct pipe_mailbox){0};
    pthread_mutex_init(&mailbox->mutex, NULL);
    pthread_cond_init(&mailbox->changed, NULL);
}

void pipe_mailbox_fini(struct pipe_mailbox *mailbox)
{
    pipe_frame_unref(mailbox->frame);
    pthread_cond_destroy(&mailbox->changed);
    pthread_mutex_destroy(&mailbox->mutex);
}

struct pipe_frame *pipe_mailbox_put(struct pipe_mailbox *mailbox, struct pipe_frame *frame)
{
    pthread_mutex_lock(&mailbox->mutex);
    struct pipe_frame *replaced = mailbox->frame;
    mailbox->frame = frame;
    pthread_cond_broadcast(&mailbox->changed);
    pthread_mutex_unlock(&mailbox->mutex);
    return replaced;
}

enum percept_status pipe_mailbox_wait_reader(struct pipe_mailbox *mailbox, int64_t until_ns)
{
    const struct timespec until = {.tv_sec = (time_t)(until_ns / BASE_NS_PER_S),
                                   .tv_nsec = (long)(until_ns % BASE_NS_PER_S)};
    int timed_out = 0;
    pthread_mutex_lock(&mailbox->mutex);
    while (!timed_out && !mailbox->cancelled && (mailbox->frame || !mailbox->reader_waits))
        timed_out = until_ns < 0 ? pthread_cond_wait(&mailbox->changed, &mailbox->mutex)
                                 : pthread_cond_clockwait(&mailbox->changed, &mailbox->mutex,
                                                          CLOCK_MONOTONIC, &until);
    enum percept_status status = mailbox->cancelled ? PERCEPT_CANCELLED : PERCEPT_OK;
    pthread_mutex_unlock(&mailbox->mutex);
    return status;
}

void pipe_mailbox_close(struct pipe_mailbox *mailbox)
{
    pthread_mutex_lock(&mailbox->mutex);
    mailbox->closed = true;
    pthread_cond_broadcast(&mailbox->changed);
    pthread_mutex_unlock(&mailbox->mutex);
}

void pipe_mailbox_cancel(struct pipe_mailbox *mailbox)
{
    pthread_mutex_lock(&mailbox->mutex);
    mailbox->cancelled = true;
    pthread_cond_broadcast(&mailbox->changed);
    pthread_mutex_unlock(&mailbox->mutex);
}

bool pipe_mailbox_holds(struct pipe_mailbox *mailbox)
{
    pthread_mutex_lock(&mailbox->mutex);
    bool holds = mailbox->frame != NULL;
    pthread_mutex_unlock(&mailbox->mutex);
    return holds;
}

enum percept_status pipe_mailbox_take(struct pipe_mailbox *mailbox, struct pipe_frame **frame)
{
    enum percept_status status = PERCEPT_OK;
    pthread_mutex_lock(&mailbox->mutex);
    mailbox->reader_waits = true;
    pthread_cond_broadcast(&mailbox->changed);
    while (!mailbox->cancelled && !mailbox->frame && !mailbox->closed)
        pthread_cond_wait(&mailbox->changed, &mailbox->mutex);
    mailbox->reader_waits = false;
    if (mailbox->cancelled) {
        status = PERCEPT_CANCELLED;
    } else if (mailbox->frame) {
        *frame = mailbox->frame;
        mailbox->frame = NULL;
    } else {
        status = PERCEPT_END;
    }
    pthread_mutex_unlock(&mailbox->mutex);
    return status;
}
