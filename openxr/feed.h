/*
 * The newest hands, kept by a thread of the layer's own that reads the topic "hands". It runs while
 * somebody holds the feed. A daemon that is absent, refuses, hangs or restarts is tried again for
 * as long; nothing here ever waits for it.
 */
#ifndef OPENXR_FEED_H
#define OPENXR_FEED_H

#include "openxr/skeleton.h"

/* Hold the feed, from any thread. False: there is no thread or descriptor to be had. */
bool feed_hold(void);
/* Let go of it. The thread ends soon, not at once. */
void feed_release(void);

struct feed_view {
    bool live;      /* samples come, whether or not a hand is in them */
    unsigned count; /* of samples, newest first: 0 no hand is seen; 2: they are of one hand */
    struct {
        int64_t capture_ns;
        struct skeleton hand;
    } samples[2];
};

/*
 * What is known of a hand about the time: the newest sample, and the one before it when that was of
 * the same hand; for a time that has passed, the two around it, or the oldest that is kept when
 * that is later. No locks; from any thread.
 */
void feed_read(XrHandEXT hand, int64_t time_ns, struct feed_view *view);

#endif
