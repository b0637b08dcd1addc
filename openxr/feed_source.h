/* Between the thread (feed.c) and what it reads (feed_TOPIC.c). */
#ifndef OPENXR_FEED_SOURCE_H
#define OPENXR_FEED_SOURCE_H

#include "ipc/percept.h"

/* All functions are called by the thread alone. */
struct feed_source {
    const char *topic, *schema;
    int64_t linger_ns;   /* who lets go often comes back within that: read on meanwhile */
    void (*begin)(void); /* samples follow that have nothing to do with those before; NULL: fine */
    void (*take)(const struct percept_sample *sample); /* which may be anything */
    void (*end)(void);                                 /* none follow for now */
};

extern const struct feed_source feed_hands, feed_depth, feed_planes, feed_text, feed_text_selected,
    feed_captions;

#endif
