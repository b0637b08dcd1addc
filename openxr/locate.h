/* From samples of a hand to where it is at a time, in the space that the app names. */
#ifndef OPENXR_LOCATE_H
#define OPENXR_LOCATE_H

#include "openxr/feed_hands.h"
#include "openxr/space.h"

/* Behind an XrHandTrackerEXT. */
struct hand_tracker {
    struct object object;
    bool ours; /* else it is of the runtime, and what follows means nothing */
    bool fed;  /* holds FEED_HANDS */
    XrHandEXT hand;
    bool told_sources;  /* the app said which sources it takes */
    bool takes_cameras; /* and such as ours is among them, or it did not say */
    struct sight sight;
};

/* A hand in the app's space, as that space stands in the world at the time asked for: it moves as
 * if the space did not. */
struct hand_motion {
    bool tracked;    /* what follows means something */
    bool moves;      /* and velocities do, too */
    XrTime captured; /* the sample that it stands on */
    XrPosef head;    /* at that time */
    bool head_is_known;
    XrVector3f up; /* of the world */
    float pinch_strength[SKELETON_FINGERS];
    uint32_t pinching;
    struct {
        XrPosef pose;
        XrVector3f linear, angular;
        float radius;
    } joints[XR_HAND_JOINT_COUNT_EXT];
};

/*
 * Where the hand is at the time; extrapolate false: where it was when last seen. base: the
 * tracker's world in the app's space at the time. Sets *live: samples come, whether or not a hand
 * is in them. Never waits.
 */
void locate_hand(const struct hand_tracker *tracker, const struct located *base, XrTime time,
                 bool extrapolate, struct hand_motion *motion, bool *live);

#endif
