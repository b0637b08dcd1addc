/*
 * The hand-over of sound from a source's thread to its pipeline's. Sound that was not heard is
 * missed, so blocks queue up for a while: half a minute, which a recogniser may take for a long
 * sentence on a machine with other work. After that the oldest go, and the next one says so.
 */
#ifndef PIPELINES_AUDIO_QUEUE_H
#define PIPELINES_AUDIO_QUEUE_H

#include "base/status.h"
#include "pipelines/stream.h"

#include <pthread.h>

#define PIPE_AUDIO_QUEUE 1024 /* blocks: 32.8 s */

struct pipe_audio_queue {
    pthread_mutex_t mutex; /* guards the rest; held for the copy of a block */
    pthread_cond_t changed;
    struct pipe_audio *blocks; /* a ring of PIPE_AUDIO_QUEUE */
    size_t head, count;
    size_t deepest; /* that count has been since it was 0 */
    bool closed;    /* no block will come; those that are here may still be taken */
    bool cancelled; /* nothing will be taken any more */
};

enum percept_status pipe_audio_queue_init(struct pipe_audio_queue *queue,
                                          struct percept_error *error);
void pipe_audio_queue_fini(struct pipe_audio_queue *queue); /* one that is all zero is fine */
/* Empty, neither closed nor cancelled; nobody uses it. */
void pipe_audio_queue_reset(struct pipe_audio_queue *queue);

/* Source: a block is copied in. True when the oldest one had to go; what it lacked, and its own
 * samples, are `lost` of the one that is the oldest then. */
bool pipe_audio_queue_put(struct pipe_audio_queue *queue, const struct pipe_audio *block);
/* Source: wait until there is room, so that nothing has to go. CANCELLED. */
enum percept_status pipe_audio_queue_wait_room(struct pipe_audio_queue *queue);
/* Source: nobody is to hear what is in it; returns how many blocks that were. */
size_t pipe_audio_queue_clear(struct pipe_audio_queue *queue);
/* Source: that was the last one. */
void pipe_audio_queue_close(struct pipe_audio_queue *queue);

/* Any thread: wake both sides; what is in it is dropped. */
void pipe_audio_queue_cancel(struct pipe_audio_queue *queue);
/* Any thread: blocks that wait. */
size_t pipe_audio_queue_count(struct pipe_audio_queue *queue);

/* Pipeline: wait for a block, which is copied out. END after the last one, CANCELLED. */
enum percept_status pipe_audio_queue_take(struct pipe_audio_queue *queue, struct pipe_audio *block);

#endif
