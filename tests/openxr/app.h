/*
 * An app with the layer and the mock runtime beneath it, put together as a loader does. All asserts
 * that it goes well, but for app_try.
 */
#ifndef TESTS_OPENXR_APP_H
#define TESTS_OPENXR_APP_H

#include "mock_runtime.h"

#include <stddef.h>

#define APP_FUNCTIONS(X)      \
    X(xrDestroyInstance)      \
    X(xrPollEvent)            \
    X(xrGetSystemProperties)  \
    X(xrCreateSession)        \
    X(xrDestroySession)       \
    X(xrBeginSession)         \
    X(xrRequestExitSession)   \
    X(xrBeginFrame)           \
    X(xrEndFrame)             \
    X(xrCreateReferenceSpace) \
    X(xrLocateSpace)          \
    X(xrDestroySpace)

#define APP_HAND_FUNCTIONS(X)  \
    X(xrCreateHandTrackerEXT)  \
    X(xrDestroyHandTrackerEXT) \
    X(xrLocateHandJointsEXT)

struct app {
    XrInstance instance;
    XrSession session;
    XrSpace local, view, stage;
#define X(name) PFN_##name name;
    APP_FUNCTIONS(X)
    APP_HAND_FUNCTIONS(X)
#undef X
};

#define APP_ALL                                                              \
    (const char *const[])                                                    \
    {                                                                        \
        XR_MND_HEADLESS_EXTENSION_NAME, XR_EXT_HAND_TRACKING_EXTENSION_NAME, \
            XR_EXT_HAND_TRACKING_DATA_SOURCE_EXTENSION_NAME,                 \
            XR_FB_HAND_TRACKING_AIM_EXTENSION_NAME,                          \
            XR_META_HAND_TRACKING_UNEXTRAPOLATED_POSES_EXTENSION_NAME        \
    }
#define APP_ALL_COUNT 5

/* xrCreateInstance through the layer, no more. */
XrResult app_try(const char *const *extensions, uint32_t count, XrInstance *instance);
/* The same by a create info that may be anything. */
XrResult app_try_info(const XrInstanceCreateInfo *info, XrInstance *instance);
PFN_xrVoidFunction app_function(XrInstance instance, const char *name);

/* The two halves of app_start; chain: the session's, with graphics if it has some. */
void app_start_instance(struct app *app, const char *const *extensions, uint32_t count);
void app_start_session(struct app *app, const void *chain);
/* An instance, a session and spaces. */
void app_start(struct app *app, const char *const *extensions, uint32_t count);
/* The instance goes, and all else with it. */
void app_stop(struct app *app);

XrHandTrackerEXT app_tracker(const struct app *app, XrHandEXT hand);

/* What an app passes to xrLocateHandJointsEXT, with room for everything. */
struct app_joints {
    XrHandJointsLocateInfoEXT info;
    XrHandJointLocationsEXT locations;
    XrHandJointVelocitiesEXT velocities;
    XrHandJointLocationEXT joints[XR_HAND_JOINT_COUNT_EXT];
    XrHandJointVelocityEXT rates[XR_HAND_JOINT_COUNT_EXT];
};

/* Filled, with velocities chained; where is a space. */
void app_joints_init(struct app_joints *joints, XrSpace where, XrTime time);
/* CLOCK_MONOTONIC as the mock runtime's time. */
XrTime app_time(int64_t ns);

#endif
