/* From samples of a hand to where it is at a time, in the space that the app names. */
#ifndef OPENXR_LOCATE_H
#define OPENXR_LOCATE_H

#include "openxr/feed.h"
#include "openxr/objects.h"

#define LOCATED_VALID \
    (XR_SPACE_LOCATION_POSITION_VALID_BIT | XR_SPACE_LOCATION_ORIENTATION_VALID_BIT)
#define LOCATED_TRACKED \
    (XR_SPACE_LOCATION_POSITION_TRACKED_BIT | XR_SPACE_LOCATION_ORIENTATION_TRACKED_BIT)

/* A space in another one. */
struct located {
    XrPosef pose;
    XrSpaceLocationFlags flags;
    XrVector3f linear,
        angular; /* metres and radians a second; zero where the runtime does not say */
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

/* The runtime's answer; located->flags tells what of it is valid. */
XrResult locate_space(const struct tracker *tracker, XrSpace space, XrSpace base, XrTime time,
                      struct located *located);

/*
 * Where the hand is at the time; extrapolate false: where it was when last seen. base: the
 * tracker's world in the app's space at the time. Sets *live: samples come, whether or not a hand
 * is in them. Never waits.
 */
void locate_hand(const struct tracker *tracker, const struct located *base, XrTime time,
                 bool extrapolate, struct hand_motion *motion, bool *live);

#endif
