/*
 * The newest sample of a topic, for those that are too large to be copied for every reader: whoever
 * holds a sample reads it at leisure, and it does not change. In a steady state nothing is
 * allocated: the sample before the newest is used again.
 */
#ifndef OPENXR_FEED_LATEST_H
#define OPENXR_FEED_LATEST_H

#include <pthread.h>
#include <stdint.h>

struct feed_sample {
    unsigned holders; /* under the lock */
    size_t capacity;
    int64_t capture_ns;
    size_t size;
    _Alignas(64) unsigned char data[];
};

struct feed_latest {
    pthread_mutex_t lock; /* held for no longer than it takes to change a pointer */
    int64_t stale_ns;     /* from capture on a sample is of use for so long */
    struct feed_sample *newest;
    struct feed_sample *spare;
};

#define FEED_LATEST(stale)                                     \
    {                                                          \
        .lock = PTHREAD_MUTEX_INITIALIZER, .stale_ns = (stale) \
    }

/* ---- of the thread ---- */

/* Room for a sample, to be filled; NULL: out of memory. */
struct feed_sample *feed_latest_room(struct feed_latest *latest, size_t size);
/* It is the newest from now on. */
void feed_latest_publish(struct feed_latest *latest, struct feed_sample *sample,
                         int64_t capture_ns);
/* A copy of these bytes is. Out of memory, they are missed. */
void feed_latest_publish_copy(struct feed_latest *latest, const void *data, size_t size,
                              int64_t capture_ns);
/* There is none. */
void feed_latest_forget(struct feed_latest *latest);

/* ---- of any thread ---- */

/* NULL: there is none, or it is stale. */
const struct feed_sample *feed_latest_hold(struct feed_latest *latest);
/* NULL is fine. */
void feed_latest_release(struct feed_latest *latest, const struct feed_sample *sample);

#endif
