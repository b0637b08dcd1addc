/*
 * Print where the index fingertips are, as any OpenXR app may ask: nothing here knows of Percept.
 * Needs no headset and no graphics.
 *     cc openxr_joints.c -lopenxr_loader -o openxr_joints
 *     ENABLE_XR_APILAYER_PERCEPT_1=1 ./openxr_joints [COUNT]
 */
#define XR_USE_TIMESPEC
#include <time.h>

#include <openxr/openxr.h>
#include <openxr/openxr_platform.h>
#include <stdio.h>
#include <stdlib.h>

static XrInstance instance;
static XrSession session;

static void check(XrResult result, const char *what)
{
    if (XR_SUCCEEDED(result))
        return;
    fprintf(stderr, "openxr_joints: %s: result %d\n", what, (int)result);
    exit(1);
}

#define CALL(function, ...) check(function(__VA_ARGS__), #function)
#define LOAD(name)   \
    PFN_##name name; \
    check(xrGetInstanceProcAddr(instance, #name, (PFN_xrVoidFunction *)&name), #name)

/* A runtime says when a session may begin; without frames, that is all there is to it. */
static void begin(void)
{
    const struct timespec pause = {.tv_nsec = 10000000};
    XrSessionBeginInfo info = {XR_TYPE_SESSION_BEGIN_INFO, NULL,
                               XR_VIEW_CONFIGURATION_TYPE_PRIMARY_STEREO};
    for (;;) {
        XrEventDataBuffer event = {.type = XR_TYPE_EVENT_DATA_BUFFER};
        XrResult result = xrPollEvent(instance, &event);
        check(result, "xrPollEvent");
        if (result == XR_EVENT_UNAVAILABLE)
            nanosleep(&pause, NULL);
        else if (event.type == XR_TYPE_EVENT_DATA_SESSION_STATE_CHANGED &&
                 ((XrEventDataSessionStateChanged *)&event)->state == XR_SESSION_STATE_READY)
            break;
    }
    CALL(xrBeginSession, session, &info);
}

int main(int argc, char **argv)
{
    const char *extensions[] = {XR_MND_HEADLESS_EXTENSION_NAME, XR_EXT_HAND_TRACKING_EXTENSION_NAME,
                                XR_KHR_CONVERT_TIMESPEC_TIME_EXTENSION_NAME};
    XrInstanceCreateInfo create = {
        XR_TYPE_INSTANCE_CREATE_INFO,
        .applicationInfo = {"openxr_joints", 1, "", 0, XR_MAKE_VERSION(1, 0, 0)},
        .enabledExtensionCount = 3, .enabledExtensionNames = extensions};
    XrSystemGetInfo get = {XR_TYPE_SYSTEM_GET_INFO, NULL, XR_FORM_FACTOR_HEAD_MOUNTED_DISPLAY};
    XrSessionCreateInfo with = {.type = XR_TYPE_SESSION_CREATE_INFO};
    CALL(xrCreateInstance, &create, &instance);
    CALL(xrGetSystem, instance, &get, &with.systemId);
    CALL(xrCreateSession, instance, &with, &session);
    begin();
    LOAD(xrConvertTimespecTimeToTimeKHR);
    LOAD(xrCreateHandTrackerEXT);
    LOAD(xrLocateHandJointsEXT);
    XrReferenceSpaceCreateInfo local = {XR_TYPE_REFERENCE_SPACE_CREATE_INFO,
                                        NULL,
                                        XR_REFERENCE_SPACE_TYPE_LOCAL,
                                        {{0, 0, 0, 1}, {0, 0, 0}}};
    XrHandJointsLocateInfoEXT info = {.type = XR_TYPE_HAND_JOINTS_LOCATE_INFO_EXT};
    XrHandTrackerEXT hands[2];
    CALL(xrCreateReferenceSpace, session, &local, &info.baseSpace);
    for (int i = 0; i < 2; i++) {
        XrHandTrackerCreateInfoEXT hand = {XR_TYPE_HAND_TRACKER_CREATE_INFO_EXT,
                                           .hand = i ? XR_HAND_RIGHT_EXT : XR_HAND_LEFT_EXT};
        CALL(xrCreateHandTrackerEXT, session, &hand, &hands[i]);
    }
    for (long left = argc > 1 ? strtol(argv[1], NULL, 10) : -1; left != 0; left -= left > 0) {
        const struct timespec pause = {.tv_nsec = 100000000};
        struct timespec now;
        nanosleep(&pause, NULL);
        clock_gettime(CLOCK_MONOTONIC, &now);
        CALL(xrConvertTimespecTimeToTimeKHR, instance, &now, &info.time);
        for (int i = 0; i < 2; i++) {
            XrHandJointLocationEXT joints[XR_HAND_JOINT_COUNT_EXT];
            XrHandJointLocationsEXT found = {XR_TYPE_HAND_JOINT_LOCATIONS_EXT,
                                             .jointCount = XR_HAND_JOINT_COUNT_EXT,
                                             .jointLocations = joints};
            CALL(xrLocateHandJointsEXT, hands[i], &info, &found);
            const XrVector3f *tip = &joints[XR_HAND_JOINT_INDEX_TIP_EXT].pose.position;
            if (found.isActive)
                printf("%s index tip: %.3f %.3f %.3f m\n", i ? "right" : "left", (double)tip->x,
                       (double)tip->y, (double)tip->z);
        }
        fflush(stdout);
    }
    CALL(xrDestroyInstance, instance); /* and with it all that is its */
    return 0;
}
