/*
 * What Percept publishes, read by one thread of the layer's own over one connection: each topic for
 * as long as somebody holds it, so that pipelines run on demand. A daemon that is absent, refuses,
 * hangs or restarts is tried again for as long, a topic by itself; nothing here ever waits for it.
 *
 * What a topic's samples become, and how they are read, is in feed_TOPIC.h.
 */
#ifndef OPENXR_FEED_H
#define OPENXR_FEED_H

#include <stdbool.h>

/* In the order of the table in feed.c. */
enum feed_topic {
    FEED_HANDS,
    FEED_DEPTH,
    FEED_PLANES,
    FEED_TEXT,
    FEED_TEXT_SELECTED,
    FEED_CAPTIONS,
    FEED_TOPICS, /* their number */
};

/* Hold a topic, from any thread. False: there is no thread or descriptor to be had. */
bool feed_hold(enum feed_topic topic);
/* Let go of it. The thread reads no more of it soon, not at once. */
void feed_release(enum feed_topic topic);
/* Have a topic read for as long as it lingers, without holding it. False as above. */
bool feed_want(enum feed_topic topic);

#endif
