/*
 * The hand-over from a source's thread to its pipeline's: one frame, the newest. Nothing queues up,
 * so a slow pipeline works on what is now, not on what was.
 */
#ifndef PIPELINES_MAILBOX_H
#define PIPELINES_MAILBOX_H

#include "pipelines/frame.h"

#include <pthread.h>

struct pipe_mailbox {
    pthread_mutex_t mutex; /* guards the rest; held for a few instructions only */
    pthread_cond_t changed;
    struct pipe_frame *frame;
    bool reader_waits; /* the pipeline has nothing to do */
    bool closed;       /* no frame will come; one that is here may still be taken */
    bool cancelled;    /* nothing will be taken any more */
};

void pipe_mailbox_init(struct pipe_mailbox *mailbox);
void pipe_mailbox_fini(struct pipe_mailbox *mailbox); /* gives back a frame that nobody took */

/* Source: put a frame, whose reference moves. Returns one that it replaced (the caller gives it
 * back), or NULL. */
struct pipe_frame *pipe_mailbox_put(struct pipe_mailbox *mailbox, struct pipe_frame *frame);

/* Source: wait until the pipeline waits for a frame, or until a time on CLOCK_MONOTONIC; negative:
 * no limit. CANCELLED. */
enum percept_status pipe_mailbox_wait_reader(struct pipe_mailbox *mailbox, int64_t until_ns);

/* Source: that was the last one. */
void pipe_mailbox_close(struct pipe_mailbox *mailbox);

/* Any thread: wake both sides; whatever is in the box is dropped. */
void pipe_mailbox_cancel(struct pipe_mailbox *mailbox);

/* Any thread: does a frame wait in it? */
bool pipe_mailbox_holds(struct pipe_mailbox *mailbox);

/* Pipeline: wait for a frame. END after the last one, CANCELLED. */
enum percept_status pipe_mailbox_take(struct pipe_mailbox *mailbox, struct pipe_frame **frame);

#endif
