/*
 * An OpenXR runtime without a headset, for tests: a library that a loader loads, or linked in. It
 * is strict where the specification lets runtimes be lenient: extensions, functions and structs
 * that it does not know, or that were not enabled, are refused, and counted as offences.
 *
 * XrTime is CLOCK_MONOTONIC and a constant, so that times that were not converted are far off. The
 * STAGE's origin is at the floor, a quarter turn away from LOCAL's.
 */
#ifndef TESTS_OPENXR_MOCK_RUNTIME_H
#define TESTS_OPENXR_MOCK_RUNTIME_H

#include "openxr/openxr_declarations.h"

#define MOCK_TIME_OFFSET 7000000000000LL
#define MOCK_FLOOR       1.5f /* LOCAL is so far above STAGE, metres */

/* What the head does in LOCAL: it is at the pose at the time, and moves on from there. */
struct mock_head {
    XrPosef pose;
    XrTime time;
    XrVector3f linear, angular;
    XrSpaceLocationFlags flags;
};

struct mock_script {
    struct mock_head head;
    XrBool32 has_hands;         /* it has XR_EXT_hand_tracking itself, and finds a hand 10 m away */
    XrBool32 hands_unsupported; /* ...and no device for it, as Monado on most headsets */
    XrBool32 lacks_timespec;    /* it has no XR_KHR_convert_timespec_time */
    XrBool32 lacks_headless;
    XrBool32 has_depth_and_planes; /* by name alone */
};

/* To be changed while no call is under way. Starts with a head at rest at LOCAL's origin; the
 * environment may set MOCK_RUNTIME_HANDS=1. */
extern struct mock_script mock_script;

/* Calls that asked for what is not there, since the start. */
unsigned mock_offences(void);
/* Objects that are alive. */
unsigned mock_objects(void);

XRAPI_ATTR XrResult XRAPI_CALL mock_get_instance_proc_addr(XrInstance instance, const char *name,
                                                           PFN_xrVoidFunction *function);
XRAPI_ATTR XrResult XRAPI_CALL xrNegotiateLoaderRuntimeInterface(
    const XrNegotiateLoaderInfo *loader, XrNegotiateRuntimeRequest *request);

#endif
