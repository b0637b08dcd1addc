#include "openxr/feed_latest.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

/* Under the lock. Returns what the caller has to free once it is off. */
static struct feed_sample *let_go(struct feed_latest *latest, struct feed_sample *sample)
{
    if (!sample || --sample->holders > 0)
        return NULL;
    struct feed_sample *old = latest->spare;
    latest->spare = sample;
    return old;
}

struct feed_sample *feed_latest_room(struct feed_latest *latest, size_t size)
{
    pthread_mutex_lock(&latest->lock);
    struct feed_sample *sample = latest->spare;
    latest->spare = NULL;
    pthread_mutex_unlock(&latest->lock);
    if (!sample || sample->capacity < size) {
        free(sample);
        size_t all = (sizeof *sample + size + 63) / 64 * 64;
        sample = all > size ? aligned_alloc(64, all) : NULL;
        if (!sample)
            return NULL;
        sample->capacity = size;
    }
    sample->holders = 1; /* the place of the newest */
    sample->size = size;
    return sample;
}

void feed_latest_publish(struct feed_latest *latest, struct feed_sample *sample, int64_t capture_ns)
{
    sample->capture_ns = capture_ns;
    pthread_mutex_lock(&latest->lock);
    struct feed_sample *old = let_go(latest, latest->newest);
    latest->newest = sample;
    pthread_mutex_unlock(&latest->lock);
    free(old);
}

void feed_latest_publish_copy(struct feed_latest *latest, const void *data, size_t size,
                              int64_t capture_ns)
{
    struct feed_sample *sample = feed_latest_room(latest, size);
    if (!sample)
        return;
    memcpy(sample->data, data, size);
    feed_latest_publish(latest, sample, capture_ns);
}

void feed_latest_forget(struct feed_latest *latest)
{
    pthread_mutex_lock(&latest->lock);
    struct feed_sample *old = let_go(latest, latest->newest);
    struct feed_sample *spare = latest->spare;
    latest->newest = latest->spare = NULL;
    pthread_mutex_unlock(&latest->lock);
    free(old);
    free(spare);
}

const struct feed_sample *feed_latest_hold(struct feed_latest *latest)
{
    int64_t now = base_clock_ns();
    pthread_mutex_lock(&latest->lock);
    struct feed_sample *sample = latest->newest;
    if (sample && now - sample->capture_ns < latest->stale_ns)
        sample->holders++;
    else
        sample = NULL;
    pthread_mutex_unlock(&latest->lock);
    return sample;
}

void feed_latest_release(struct feed_latest *latest, const struct feed_sample *sample)
{
    pthread_mutex_lock(&latest->lock);
    struct feed_sample *old = let_go(latest, (struct feed_sample *)sample);
    pthread_mutex_unlock(&latest->lock);
    free(old);
}
