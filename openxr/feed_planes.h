/* The newest planes, of the topic "planes" while it is wanted (FEED_PLANES). */
#ifndef OPENXR_FEED_PLANES_H
#define OPENXR_FEED_PLANES_H

#include "openxr/feed.h"

#include "ipc/topics.h"

#include <stdbool.h>

/* False: there are none, or they are stale. What they say is as it was published: anything, but for
 * their count and the time. Any thread. */
bool feed_planes_read(struct percept_planes *planes);

#endif
