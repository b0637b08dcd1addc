/* The newest hands, of the topic "hands" while it is held (FEED_HANDS). */
#ifndef OPENXR_FEED_HANDS_H
#define OPENXR_FEED_HANDS_H

#include "openxr/feed.h"
#include "openxr/skeleton.h"

struct feed_hands_view {
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
void feed_hands_read(XrHandEXT hand, int64_t time_ns, struct feed_hands_view *view);

#endif
