/*
 * The layer as an app meets it: through a real loader, by its manifest, over the mock runtime as a
 * library. Which loader and which other layers is the environment's to say (loader.sh). Of two
 * cases, only "misuse" does what an app must not.
 */
#include "hand.h"
#include "mini.h"
#include "mock_runtime.h"
#include "near.h"

#include "openxr/layer.h"

#include "base/clock.h"

#include <check.h>
#include <stdlib.h>
#include <unistd.h>

#define PATIENCE (200 * BASE_NS_PER_S)

#define FUNCTIONS(X)                  \
    X(xrConvertTimespecTimeToTimeKHR) \
    X(xrCreateHandTrackerEXT)         \
    X(xrDestroyHandTrackerEXT)        \
    X(xrLocateHandJointsEXT)

static XrInstance instance;
static XrSession session;
#define X(name) static PFN_##name name;
FUNCTIONS(X)
#undef X

static void begin(void)
{
    XrEventDataBuffer event;
    XrSessionBeginInfo info = {.type = XR_TYPE_SESSION_BEGIN_INFO,
                               .primaryViewConfigurationType =
                                   XR_VIEW_CONFIGURATION_TYPE_PRIMARY_STEREO};
    XrSessionState state = XR_SESSION_STATE_UNKNOWN;
    do {
        event = (XrEventDataBuffer){.type = XR_TYPE_EVENT_DATA_BUFFER};
        ck_assert_int_eq(xrPollEvent(instance, &event), XR_SUCCESS);
        if (event.type == XR_TYPE_EVENT_DATA_SESSION_STATE_CHANGED)
            state = ((XrEventDataSessionStateChanged *)&event)->state;
        if (state == XR_SESSION_STATE_READY)
            ck_assert_int_eq(xrBeginSession(session, &info), XR_SUCCESS);
    } while (state != XR_SESSION_STATE_FOCUSED);
}

static void start(void)
{
    static const char *const extensions[] = {
        XR_MND_HEADLESS_EXTENSION_NAME, XR_EXT_HAND_TRACKING_EXTENSION_NAME,
        XR_EXT_HAND_TRACKING_DATA_SOURCE_EXTENSION_NAME, XR_FB_HAND_TRACKING_AIM_EXTENSION_NAME,
        XR_KHR_CONVERT_TIMESPEC_TIME_EXTENSION_NAME};
    XrInstanceCreateInfo create = {
        .type = XR_TYPE_INSTANCE_CREATE_INFO,
        .applicationInfo = {.applicationName = "test", .apiVersion = XR_MAKE_VERSION(1, 0, 20)},
        .enabledExtensionCount = 5,
        .enabledExtensionNames = extensions};
    XrSystemGetInfo get = {.type = XR_TYPE_SYSTEM_GET_INFO,
                           .formFactor = XR_FORM_FACTOR_HEAD_MOUNTED_DISPLAY};
    XrSystemHandTrackingPropertiesEXT hands = {.type = XR_TYPE_SYSTEM_HAND_TRACKING_PROPERTIES_EXT};
    XrSystemProperties properties = {.type = XR_TYPE_SYSTEM_PROPERTIES, .next = &hands};
    XrSessionCreateInfo info = {.type = XR_TYPE_SESSION_CREATE_INFO};
    ck_assert_int_eq(xrCreateInstance(&create, &instance), XR_SUCCESS);
#define X(name)                                                                           \
    ck_assert_int_eq(xrGetInstanceProcAddr(instance, #name, (PFN_xrVoidFunction *)&name), \
                     XR_SUCCESS);
    FUNCTIONS(X)
#undef X
    ck_assert_int_eq(xrGetSystem(instance, &get, &info.systemId), XR_SUCCESS);
    ck_assert_int_eq(xrGetSystemProperties(instance, info.systemId, &properties), XR_SUCCESS);
    ck_assert(hands.supportsHandTracking);
    ck_assert_int_eq(xrCreateSession(instance, &info, &session), XR_SUCCESS);
    begin();
}

static bool lists_hands(const char *layer)
{
    XrExtensionProperties list[128];
    uint32_t count = 0;
    bool found = false;
    for (size_t i = 0; i < 128; i++)
        list[i] = (XrExtensionProperties){.type = XR_TYPE_EXTENSION_PROPERTIES};
    ck_assert_int_eq(xrEnumerateInstanceExtensionProperties(layer, 128, &count, list), XR_SUCCESS);
    for (uint32_t i = 0; i < count; i++)
        found |= strcmp(list[i].extensionName, XR_EXT_HAND_TRACKING_EXTENSION_NAME) == 0;
    return found;
}

START_TEST(the_loader_lists_our_extensions)
{
    ck_assert(lists_hands(NULL));
    ck_assert(lists_hands(LAYER_NAME));
}
END_TEST

static XrTime now(void)
{
    struct timespec t;
    XrTime time;
    clock_gettime(CLOCK_MONOTONIC, &t);
    ck_assert_int_eq(xrConvertTimespecTimeToTimeKHR(instance, &t, &time), XR_SUCCESS);
    return time;
}

START_TEST(an_app_sees_the_hand_before_the_camera)
{
    const XrPosef wrist = {{0, 0, 0, 1}, {0.1f, -0.2f, -0.5f}};
    const char *path = mini_path();
    struct mini_options options = {.topic = "hands",
                                   .schema = PERCEPT_HANDS_SCHEMA,
                                   .max_bytes = sizeof(struct percept_hands)};
    setenv("PERCEPT_SOCKET", path, 1);
    struct mini *mini = mini_start(path, &options);
    start();

    XrReferenceSpaceCreateInfo local = {.type = XR_TYPE_REFERENCE_SPACE_CREATE_INFO,
                                        .referenceSpaceType = XR_REFERENCE_SPACE_TYPE_LOCAL,
                                        .poseInReferenceSpace = POSE_IDENTITY};
    XrHandTrackingDataSourceEXT cameras = XR_HAND_TRACKING_DATA_SOURCE_UNOBSTRUCTED_EXT;
    XrHandTrackingDataSourceInfoEXT sources = {.type = XR_TYPE_HAND_TRACKING_DATA_SOURCE_INFO_EXT,
                                               .requestedDataSourceCount = 1,
                                               .requestedDataSources = &cameras};
    XrHandTrackerCreateInfoEXT create = {.type = XR_TYPE_HAND_TRACKER_CREATE_INFO_EXT,
                                         .next = &sources,
                                         .hand = XR_HAND_RIGHT_EXT,
                                         .handJointSet = XR_HAND_JOINT_SET_DEFAULT_EXT};
    XrHandTrackerEXT tracker;
    XrSpace space;
    ck_assert_int_eq(xrCreateReferenceSpace(session, &local, &space), XR_SUCCESS);
    ck_assert_int_eq(xrCreateHandTrackerEXT(session, &create, &tracker), XR_SUCCESS);

    XrHandJointLocationEXT joints[XR_HAND_JOINT_COUNT_EXT];
    XrHandJointVelocityEXT rates[XR_HAND_JOINT_COUNT_EXT];
    XrHandTrackingAimStateFB aim = {.type = XR_TYPE_HAND_TRACKING_AIM_STATE_FB};
    XrHandTrackingDataSourceStateEXT source = {.type = XR_TYPE_HAND_TRACKING_DATA_SOURCE_STATE_EXT,
                                               .next = &aim};
    XrHandJointVelocitiesEXT velocities = {.type = XR_TYPE_HAND_JOINT_VELOCITIES_EXT,
                                           .next = &source,
                                           .jointCount = XR_HAND_JOINT_COUNT_EXT,
                                           .jointVelocities = rates};
    XrHandJointLocationsEXT locations = {.type = XR_TYPE_HAND_JOINT_LOCATIONS_EXT,
                                         .next = &velocities,
                                         .jointCount = XR_HAND_JOINT_COUNT_EXT,
                                         .jointLocations = joints};
    int64_t deadline = base_clock_ns() + PATIENCE;
    do {
        struct percept_hands *payload = ipc_topic_loan(mini_topic(mini));
        ck_assert_ptr_nonnull(payload);
        hand_frame(payload, base_clock_ns());
        hand_add(payload, 1, true, &wrist, 0);
        ipc_topic_publish(mini_topic(mini), sizeof *payload, payload->capture_ns);
        usleep(5000);
        XrHandJointsLocateInfoEXT info = {
            .type = XR_TYPE_HAND_JOINTS_LOCATE_INFO_EXT, .baseSpace = space, .time = now()};
        ck_assert_int_eq(xrLocateHandJointsEXT(tracker, &info, &locations), XR_SUCCESS);
    } while (!(locations.isActive && rates[0].velocityFlags) && base_clock_ns() < deadline);
    ck_assert(locations.isActive && source.isActive && aim.status != 0);
    near_vector(joints[XR_HAND_JOINT_WRIST_EXT].pose.position, wrist.position);

    ck_assert_int_eq(xrDestroyHandTrackerEXT(tracker), XR_SUCCESS);
    ck_assert_int_eq(xrDestroySpace(space), XR_SUCCESS);
    ck_assert_int_eq(xrDestroySession(session), XR_SUCCESS);
    ck_assert_int_eq(xrDestroyInstance(instance), XR_SUCCESS);
    mini_stop(mini);
}
END_TEST

START_TEST(misuse_is_refused)
{
    XrHandTrackerCreateInfoEXT create = {.type = XR_TYPE_SESSION_CREATE_INFO};
    XrHandTrackerEXT tracker;
    start();
    ck_assert_int_eq(xrCreateHandTrackerEXT(session, &create, &tracker),
                     XR_ERROR_VALIDATION_FAILURE);
    ck_assert_int_eq(xrDestroyInstance(instance), XR_SUCCESS);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("openxr loader");
    TCase *use = tcase_create("use"), *misuse = tcase_create("misuse");
    tcase_set_timeout(use, 90);
    tcase_add_test(use, the_loader_lists_our_extensions);
    tcase_add_test(use, an_app_sees_the_hand_before_the_camera);
    tcase_add_test(misuse, misuse_is_refused);
    suite_add_tcase(suite, use);
    suite_add_tcase(suite, misuse);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
