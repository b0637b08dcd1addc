#include "openxr/feed_planes.h"

#include "openxr/feed_latest.h"
#include "openxr/feed_source.h"

#include "base/clock.h"

#include <string.h>

static struct feed_latest latest = FEED_LATEST(500 * BASE_NS_PER_MS);

static void take(const struct percept_sample *sample)
{
    struct percept_planes planes; /* a copy: what is checked is what is used */
    if (sample->size != sizeof planes)
        return;
    memcpy(&planes, sample->data, sizeof planes);
    if (planes.plane_count <= PERCEPT_PLANES_MAX && !(planes.flags & PERCEPT_DEPTH_NO_METRES) &&
        planes.capture_ns >= 0 && planes.capture_ns <= base_clock_ns())
        feed_latest_publish_copy(&latest, &planes, sizeof planes, planes.capture_ns);
}

static void end(void)
{
    feed_latest_forget(&latest);
}

bool feed_planes_read(struct percept_planes *planes)
{
    const struct feed_sample *sample = feed_latest_hold(&latest);
    if (sample)
        memcpy(planes, sample->data, sizeof *planes);
    feed_latest_release(&latest, sample);
    return sample != NULL;
}

const struct feed_source feed_planes = {
    .topic = "planes",
    .schema = PERCEPT_PLANES_SCHEMA,
    .linger_ns = 2 * BASE_NS_PER_S,
    .take = take,
    .end = end,
};
