/* Why nothing is stale: where nobody speaks nothing is published. What was said stays said. */
#include "openxr/feed_captions.h"

#include "openxr/feed_latest.h"
#include "openxr/feed_source.h"

#include "base/clock.h"

#include <stddef.h>
#include <string.h>

static struct feed_latest latest = FEED_LATEST(INT64_MAX);

/* The thread's own: the last view, and the one being made. */
static struct captions_view views[2];
static unsigned last;

static void publish(void)
{
    const struct captions_view *view = &views[last];
    size_t size = offsetof(struct captions_view, captions) + view->count * sizeof view->captions[0];
    feed_latest_publish_copy(&latest, view, size, view->capture_ns);
}

/* Who reads the topic is told so before anybody speaks. */
static void begin(void)
{
    views[last].speaking = false;
    publish();
}

static void take(const struct percept_sample *sample)
{
    static struct percept_captions captions;
    if (sample->size != sizeof captions)
        return;
    memcpy(&captions, sample->data, sizeof captions);
    if (captions.capture_ns < 0 || captions.capture_ns > base_clock_ns() ||
        !captions_view_of(&captions, &views[last], &views[!last]))
        return;
    last = !last;
    publish();
}

static void end(void)
{
    feed_latest_forget(&latest);
}

const struct feed_source feed_captions = {.topic = "captions",
                                          .schema = PERCEPT_CAPTIONS_SCHEMA,
                                          .begin = begin,
                                          .take = take,
                                          .end = end};

const struct captions_view *feed_captions_hold(void)
{
    const struct feed_sample *sample = feed_latest_hold(&latest);
    return sample ? (const struct captions_view *)sample->data : NULL;
}

void feed_captions_release(const struct captions_view *view)
{
    if (view)
        feed_latest_release(
            &latest,
            (const struct feed_sample *)((const char *)view - offsetof(struct feed_sample, data)));
}
