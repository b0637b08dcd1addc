/* Spaces and times as the runtime has them, and where the camera was in them. */
#ifndef OPENXR_SPACE_H
#define OPENXR_SPACE_H

#include "openxr/objects.h"

#define LOCATED_VALID \
    (XR_SPACE_LOCATION_POSITION_VALID_BIT | XR_SPACE_LOCATION_ORIENTATION_VALID_BIT)
#define LOCATED_TRACKED \
    (XR_SPACE_LOCATION_POSITION_TRACKED_BIT | XR_SPACE_LOCATION_ORIENTATION_TRACKED_BIT)

/* Without these conversions nothing tells what a camera's time is in the runtime's. */
bool space_times_convert(const struct instance *instance);
/* CLOCK_MONOTONIC and back; false when the runtime knows no such time. */
bool space_to_ns(const struct instance *instance, XrTime time, int64_t *ns);
bool space_from_ns(const struct instance *instance, int64_t ns, XrTime *time);

/* A space in another one. */
struct located {
    XrPosef pose;
    XrSpaceLocationFlags flags;
    XrVector3f linear,
        angular; /* metres and radians a second; zero where the runtime does not say */
};

/* The runtime's answer; located->flags tells what of it is valid. */
XrResult space_locate(const struct instance *instance, XrSpace space, XrSpace base, XrTime time,
                      struct located *located);

/* By which the camera is found: spaces of a session. */
struct sight {
    XrSpace view, world; /* world is the LOCAL space: it keeps still while a head moves */
};

/* On failure there is nothing to close. A session takes its sights with it. */
XrResult sight_open(const struct instance *instance, XrSession session, struct sight *sight);
void sight_close(const struct instance *instance, struct sight *sight);

/* When a sample was captured. Poses are in the app's space. */
struct moment {
    XrTime time;
    bool head_is_known;
    XrPosef head, camera;
};

/* base: the sight's world in the app's space, at the time that the app asks for. False when it is
 * not known where the camera was. */
bool sight_look_back(const struct instance *instance, const struct sight *sight,
                     const struct located *base, int64_t capture_ns, struct moment *moment);

#endif
