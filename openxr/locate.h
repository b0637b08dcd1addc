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

struct hand_motion {
    bool tracked;    /* what follows means something */
    bool moves;      /* and velocities do, too */
    XrTime captured; /* the sample that it stands on */
    XrPosef head;    /* in the world, at that time */
    bool head_is_known;
    float pinch_strength[SKELETON_FINGERS];
    uint32_t pinching;
    struct {
        XrPosef pose; /* in the world, as are the velocities */
        XrVector3f linear, angular;
        float radius;
    } joints[XR_HAND_JOINT_COUNT_EXT];
};

/* The runtime's answer; located->flags tells what of it is valid. */
XrResult locate_space(const struct tracker *tracker, XrSpace space, XrSpace base, XrTime time,
                      struct located *located);

/*
 * Where the hand is in the tracker's world at the time; extrapolate false: where it was when last
 * seen. Sets *live: samples come, whether or not a hand is in them. Never waits.
 */
void locate_hand(const struct tracker *tracker, XrTime time, bool extrapolate,
                 struct hand_motion *motion, bool *live);

#endif
