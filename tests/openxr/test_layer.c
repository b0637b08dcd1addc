/* The layer between loader and runtime: what it passes on, what it keeps, what it refuses. There is
 * no daemon here: everything works, and no hand is seen. */
#include "app.h"

#include "openxr/layer.h"
#include "openxr/pose.h"

#include "base/clock.h"

#include <check.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

XRAPI_ATTR XrResult XRAPI_CALL xrNegotiateLoaderApiLayerInterface(
    const XrNegotiateLoaderInfo *loader, const char *name, XrNegotiateApiLayerRequest *request);

static struct app app;

/* Nothing of ours went down the chain, nothing is left there. */
static void finish(void)
{
    app_stop(&app);
    ck_assert_uint_eq(mock_offences(), 0);
    ck_assert_uint_eq(mock_objects(), 0);
}

static XrTime now(void)
{
    return app_time(base_clock_ns());
}

/* ---- negotiation ---- */

static XrResult negotiate(const char *name, size_t bad_size, uint32_t min, uint32_t max,
                          XrVersion api)
{
    XrNegotiateLoaderInfo loader = {.structType = XR_LOADER_INTERFACE_STRUCT_LOADER_INFO,
                                    .structVersion = 1,
                                    .structSize = sizeof loader + bad_size,
                                    .minInterfaceVersion = min,
                                    .maxInterfaceVersion = max,
                                    .minApiVersion = api,
                                    .maxApiVersion = XR_MAKE_VERSION(9, 0, 0)};
    XrNegotiateApiLayerRequest request = {.structType =
                                              XR_LOADER_INTERFACE_STRUCT_API_LAYER_REQUEST,
                                          .structVersion = 1,
                                          .structSize = sizeof request};
    XrResult result = xrNegotiateLoaderApiLayerInterface(&loader, name, &request);
    ck_assert_int_eq(result == XR_SUCCESS, request.getInstanceProcAddr != NULL);
    return result;
}

START_TEST(negotiates_the_interface_that_it_knows)
{
    const XrVersion v1 = XR_MAKE_VERSION(1, 0, 0), v2 = XR_MAKE_VERSION(2, 0, 0);
    ck_assert_int_eq(negotiate(LAYER_NAME, 0, 1, 1, v1), XR_SUCCESS);
    ck_assert_int_eq(negotiate(LAYER_NAME, 0, 1, 9, v1), XR_SUCCESS);
    ck_assert_int_eq(negotiate(LAYER_NAME, 0, 1, 1, XR_MAKE_VERSION(1, 1, 0)), XR_SUCCESS);
    ck_assert_int_lt(negotiate("XR_APILAYER_other", 0, 1, 1, v1), 0);
    ck_assert_int_lt(negotiate(LAYER_NAME, 8, 1, 1, v1), 0);
    ck_assert_int_lt(negotiate(LAYER_NAME, 0, 2, 3, v1), 0);
    ck_assert_int_lt(negotiate(LAYER_NAME, 0, 0, 0, v1), 0);
    ck_assert_int_lt(negotiate(LAYER_NAME, 0, 1, 1, v2), 0);
    ck_assert_int_lt(xrNegotiateLoaderApiLayerInterface(NULL, NULL, NULL), 0);
}
END_TEST

/* ---- extensions ---- */

START_TEST(an_app_without_hands_sees_the_runtime_alone)
{
    const char *const headless[] = {XR_MND_HEADLESS_EXTENSION_NAME};
    PFN_xrVoidFunction function, theirs;
    app_start(&app, headless, 1);
    ck_assert_int_eq(
        layer_get_instance_proc_addr(app.instance, "xrCreateHandTrackerEXT", &function),
        XR_ERROR_FUNCTION_UNSUPPORTED);
    ck_assert_ptr_null(function);
    mock_get_instance_proc_addr(app.instance, "xrCreateSession", &theirs);
    ck_assert(app_function(app.instance, "xrCreateSession") == theirs);
    finish();
}
END_TEST

START_TEST(hands_appear_on_a_runtime_that_has_none)
{
    XrSystemHandTrackingPropertiesEXT hands = {.type = XR_TYPE_SYSTEM_HAND_TRACKING_PROPERTIES_EXT};
    XrSystemProperties properties = {.type = XR_TYPE_SYSTEM_PROPERTIES, .next = &hands};
    app_start(&app, APP_ALL, APP_ALL_COUNT);
    ck_assert_int_eq(app.xrGetSystemProperties(app.instance, 1, &properties), XR_SUCCESS);
    ck_assert(hands.supportsHandTracking);
    ck_assert_ptr_eq(properties.next, &hands);
    ck_assert_str_eq(properties.systemName, "no headset");
    ck_assert_int_eq(app.xrGetSystemProperties(app.instance, 1, NULL), XR_ERROR_VALIDATION_FAILURE);
    app_stop(&app);
    ck_assert_uint_eq(mock_offences(), 1); /* the NULL, which is the runtime's to refuse */
}
END_TEST

START_TEST(an_unknown_extension_is_the_runtimes_to_refuse)
{
    const char *const names[] = {XR_EXT_HAND_TRACKING_EXTENSION_NAME, "XR_EXT_no_such_thing"};
    XrInstance instance = XR_NULL_HANDLE;
    ck_assert_int_eq(app_try(names, 2, &instance), XR_ERROR_EXTENSION_NOT_PRESENT);
    ck_assert_uint_eq(mock_objects(), 0);
}
END_TEST

START_TEST(what_adds_to_hands_needs_hands)
{
    const char *const aim[] = {XR_FB_HAND_TRACKING_AIM_EXTENSION_NAME};
    XrInstanceCreateInfo info = {.type = XR_TYPE_INSTANCE_CREATE_INFO,
                                 .applicationInfo = {.apiVersion = XR_MAKE_VERSION(1, 1, 0)},
                                 .enabledExtensionCount = 1,
                                 .enabledExtensionNames = aim};
    XrInstance instance;
    ck_assert_int_eq(app_try_info(&info, &instance), XR_ERROR_EXTENSION_DEPENDENCY_NOT_ENABLED);
    info.applicationInfo.apiVersion = XR_MAKE_VERSION(1, 0, 20);
    ck_assert_int_eq(app_try_info(&info, &instance), XR_ERROR_VALIDATION_FAILURE);
}
END_TEST

START_TEST(a_runtime_with_hands_keeps_them)
{
    struct app_joints joints;
    XrHandTrackingAimStateFB aim = {.type = XR_TYPE_HAND_TRACKING_AIM_STATE_FB, .status = 0xff};
    XrHandTrackingDataSourceStateEXT source = {.type = XR_TYPE_HAND_TRACKING_DATA_SOURCE_STATE_EXT};
    mock_script.has_hands = XR_TRUE;
    app_start(&app, APP_ALL, APP_ALL_COUNT);
    XrHandTrackerEXT tracker = app_tracker(&app, XR_HAND_LEFT_EXT);
    app_joints_init(&joints, app.local, now());
    joints.locations.next = &aim;
    aim.next = &joints.velocities;
    joints.velocities.next = &source;
    ck_assert_int_eq(app.xrLocateHandJointsEXT(tracker, &joints.info, &joints.locations),
                     XR_SUCCESS);
    ck_assert(joints.locations.isActive);
    ck_assert(joints.joints[0].pose.position.z == -10); /* the runtime's */
    ck_assert_uint_eq(aim.status, 0);                   /* which knows no aims */
    ck_assert(source.isActive);
    ck_assert_ptr_eq(joints.locations.next, &aim);
    ck_assert_ptr_eq(aim.next, &joints.velocities);
    ck_assert_ptr_eq(joints.velocities.next, &source);
    ck_assert_int_eq(app.xrDestroyHandTrackerEXT(tracker), XR_SUCCESS);
    finish();
}
END_TEST

START_TEST(a_runtime_without_a_device_for_hands_gets_ours)
{
    struct app_joints joints;
    XrSystemHandTrackingPropertiesEXT hands = {.type = XR_TYPE_SYSTEM_HAND_TRACKING_PROPERTIES_EXT};
    XrSystemProperties properties = {.type = XR_TYPE_SYSTEM_PROPERTIES, .next = &hands};
    XrHandTrackingAimStateFB aim = {.type = XR_TYPE_HAND_TRACKING_AIM_STATE_FB, .status = 0xff};
    mock_script.has_hands = mock_script.hands_unsupported = XR_TRUE;
    app_start(&app, APP_ALL, APP_ALL_COUNT);
    ck_assert_int_eq(app.xrGetSystemProperties(app.instance, 1, &properties), XR_SUCCESS);
    ck_assert(hands.supportsHandTracking);
    XrHandTrackerEXT tracker = app_tracker(&app, XR_HAND_LEFT_EXT);
    app_joints_init(&joints, app.local, now());
    joints.velocities.next = &aim; /* which the runtime does not have at all */
    ck_assert_int_eq(app.xrLocateHandJointsEXT(tracker, &joints.info, &joints.locations),
                     XR_SUCCESS);
    ck_assert(!joints.locations.isActive); /* not the runtime's hand */
    ck_assert_uint_eq(aim.status, 0);
    ck_assert_int_eq(app.xrDestroyHandTrackerEXT(tracker), XR_SUCCESS);
    finish();
}
END_TEST

START_TEST(ours_override_the_runtimes_when_the_user_says_so)
{
    struct app_joints joints;
    setenv("PERCEPT_OPENXR_OVERRIDE", "1", 1);
    mock_script.has_hands = XR_TRUE;
    app_start(&app, APP_ALL, APP_ALL_COUNT);
    app_joints_init(&joints, app.local, now());
    ck_assert_int_eq(app.xrLocateHandJointsEXT(app_tracker(&app, XR_HAND_LEFT_EXT), &joints.info,
                                               &joints.locations),
                     XR_SUCCESS);
    ck_assert(!joints.locations.isActive);
    finish();
}
END_TEST

/* ---- without a daemon ---- */

static void inactive(const struct app_joints *joints)
{
    ck_assert(!joints->locations.isActive);
    for (size_t i = 0; i < XR_HAND_JOINT_COUNT_EXT; i++) {
        ck_assert_uint_eq(joints->joints[i].locationFlags, 0);
        ck_assert_uint_eq(joints->rates[i].velocityFlags, 0);
    }
}

START_TEST(without_a_daemon_no_hand_is_seen)
{
    struct app_joints joints;
    XrHandTrackingAimStateFB aim = {.type = XR_TYPE_HAND_TRACKING_AIM_STATE_FB, .status = 0xff};
    app_start(&app, APP_ALL, APP_ALL_COUNT);
    XrHandTrackerEXT tracker = app_tracker(&app, XR_HAND_RIGHT_EXT);
    app_joints_init(&joints, app.stage, now());
    joints.velocities.next = &aim;
    ck_assert_int_eq(app.xrLocateHandJointsEXT(tracker, &joints.info, &joints.locations),
                     XR_SUCCESS);
    inactive(&joints);
    ck_assert_uint_eq(aim.status, 0);
    ck_assert(aim.pinchStrengthIndex == 0);
    finish();
}
END_TEST

START_TEST(a_runtime_that_cannot_convert_times_gets_no_hands)
{
    XrSystemHandTrackingPropertiesEXT hands = {.type = XR_TYPE_SYSTEM_HAND_TRACKING_PROPERTIES_EXT,
                                               .supportsHandTracking = XR_TRUE};
    XrSystemProperties properties = {.type = XR_TYPE_SYSTEM_PROPERTIES, .next = &hands};
    XrHandTrackerCreateInfoEXT info = {.type = XR_TYPE_HAND_TRACKER_CREATE_INFO_EXT,
                                       .hand = XR_HAND_LEFT_EXT,
                                       .handJointSet = XR_HAND_JOINT_SET_DEFAULT_EXT};
    XrHandTrackerEXT tracker;
    mock_script.lacks_timespec = XR_TRUE;
    app_start(&app, APP_ALL, APP_ALL_COUNT);
    ck_assert_int_eq(app.xrGetSystemProperties(app.instance, 1, &properties), XR_SUCCESS);
    ck_assert(!hands.supportsHandTracking);
    ck_assert_int_eq(app.xrCreateHandTrackerEXT(app.session, &info, &tracker),
                     XR_ERROR_FEATURE_UNSUPPORTED);
    finish();
}
END_TEST

/* ---- valid usage ---- */

START_TEST(creation_is_checked)
{
    XrHandTrackerEXT tracker;
    const XrHandTrackerCreateInfoEXT good = {.type = XR_TYPE_HAND_TRACKER_CREATE_INFO_EXT,
                                             .hand = XR_HAND_LEFT_EXT,
                                             .handJointSet = XR_HAND_JOINT_SET_DEFAULT_EXT};
    app_start(&app, APP_ALL, APP_ALL_COUNT);
#define CREATE(change, want)                                                             \
    do {                                                                                 \
        XrHandTrackerCreateInfoEXT bad = good;                                           \
        change;                                                                          \
        ck_assert_int_eq(app.xrCreateHandTrackerEXT(app.session, &bad, &tracker), want); \
    } while (0)
    CREATE((void)bad, XR_SUCCESS);
    CREATE(bad.type = XR_TYPE_SESSION_CREATE_INFO, XR_ERROR_VALIDATION_FAILURE);
    CREATE(bad.hand = 0, XR_ERROR_VALIDATION_FAILURE);
    CREATE(bad.hand = 3, XR_ERROR_VALIDATION_FAILURE);
    CREATE(bad.handJointSet = 5, XR_ERROR_VALIDATION_FAILURE);
    ck_assert_int_eq(app.xrCreateHandTrackerEXT(app.session, NULL, &tracker),
                     XR_ERROR_VALIDATION_FAILURE);
    ck_assert_int_eq(app.xrCreateHandTrackerEXT(app.session, &good, NULL),
                     XR_ERROR_VALIDATION_FAILURE);
    ck_assert_int_eq(app.xrCreateHandTrackerEXT(XR_NULL_HANDLE, &good, &tracker),
                     XR_ERROR_HANDLE_INVALID);
    ck_assert_int_eq(app.xrCreateHandTrackerEXT((XrSession)app.instance, &good, &tracker),
                     XR_ERROR_HANDLE_INVALID);
    /* A chain of what nobody knows. */
    XrBaseOutStructure unknown = {.type = (XrStructureType)1999999000};
    CREATE(bad.next = &unknown, XR_SUCCESS);
    unknown.next = &unknown;
    CREATE(bad.next = &unknown, XR_SUCCESS);
    finish();
}
END_TEST

START_TEST(sources_are_checked)
{
    XrHandTrackingDataSourceEXT list[] = {XR_HAND_TRACKING_DATA_SOURCE_UNOBSTRUCTED_EXT,
                                          XR_HAND_TRACKING_DATA_SOURCE_CONTROLLER_EXT, 7};
    XrHandTrackingDataSourceInfoEXT info = {.type = XR_TYPE_HAND_TRACKING_DATA_SOURCE_INFO_EXT,
                                            .requestedDataSources = list};
    XrHandTrackerCreateInfoEXT create = {.type = XR_TYPE_HAND_TRACKER_CREATE_INFO_EXT,
                                         .next = &info,
                                         .hand = XR_HAND_LEFT_EXT,
                                         .handJointSet = XR_HAND_JOINT_SET_DEFAULT_EXT};
    XrHandTrackerEXT tracker;
    app_start(&app, APP_ALL, APP_ALL_COUNT);
    static const XrResult results[] = {XR_ERROR_VALIDATION_FAILURE, XR_SUCCESS, XR_SUCCESS,
                                       XR_ERROR_VALIDATION_FAILURE};
    for (uint32_t i = 0; i < 4; i++) {
        info.requestedDataSourceCount = i;
        ck_assert_int_eq(app.xrCreateHandTrackerEXT(app.session, &create, &tracker), results[i]);
    }
    info.requestedDataSourceCount = 2;
    list[1] = list[0];
    ck_assert_int_eq(app.xrCreateHandTrackerEXT(app.session, &create, &tracker),
                     XR_ERROR_VALIDATION_FAILURE);
    info.requestedDataSources = NULL;
    ck_assert_int_eq(app.xrCreateHandTrackerEXT(app.session, &create, &tracker),
                     XR_ERROR_VALIDATION_FAILURE);
    finish();
}
END_TEST

START_TEST(locating_is_checked)
{
    struct app_joints joints;
    app_start(&app, APP_ALL, APP_ALL_COUNT);
    XrHandTrackerEXT tracker = app_tracker(&app, XR_HAND_LEFT_EXT);
#define LOCATE(change, want)                                                                  \
    do {                                                                                      \
        app_joints_init(&joints, app.local, now());                                           \
        change;                                                                               \
        ck_assert_int_eq(app.xrLocateHandJointsEXT(tracker, &joints.info, &joints.locations), \
                         want);                                                               \
    } while (0)
    LOCATE((void)0, XR_SUCCESS);
    LOCATE(joints.locations.next = NULL, XR_SUCCESS);
    LOCATE(joints.info.type = XR_TYPE_UNKNOWN, XR_ERROR_VALIDATION_FAILURE);
    LOCATE(joints.locations.type = XR_TYPE_UNKNOWN, XR_ERROR_VALIDATION_FAILURE);
    LOCATE(joints.locations.jointCount = 25, XR_ERROR_VALIDATION_FAILURE);
    LOCATE(joints.locations.jointCount = 27, XR_ERROR_VALIDATION_FAILURE);
    LOCATE(joints.locations.jointLocations = NULL, XR_ERROR_VALIDATION_FAILURE);
    LOCATE(joints.velocities.jointCount = 0, XR_ERROR_VALIDATION_FAILURE);
    LOCATE(joints.velocities.jointVelocities = NULL, XR_ERROR_VALIDATION_FAILURE);
    LOCATE(joints.info.time = 0, XR_ERROR_TIME_INVALID);
    LOCATE(joints.info.time = -5, XR_ERROR_TIME_INVALID);
    LOCATE(joints.info.baseSpace = XR_NULL_HANDLE, XR_ERROR_HANDLE_INVALID);
    LOCATE(joints.info.baseSpace = (XrSpace)app.session, XR_ERROR_HANDLE_INVALID);
    /* Asked for its source, a tracker must have been told of sources. */
    XrHandTrackingDataSourceStateEXT state = {.type = XR_TYPE_HAND_TRACKING_DATA_SOURCE_STATE_EXT};
    LOCATE(joints.locations.next = &state, XR_ERROR_VALIDATION_FAILURE);
    ck_assert_int_eq(app.xrLocateHandJointsEXT(tracker, NULL, &joints.locations),
                     XR_ERROR_VALIDATION_FAILURE);
    ck_assert_int_eq(app.xrLocateHandJointsEXT(tracker, &joints.info, NULL),
                     XR_ERROR_VALIDATION_FAILURE);
    finish();
}
END_TEST

START_TEST(what_is_not_enabled_is_passed_over)
{
    static const char *const few[] = {XR_MND_HEADLESS_EXTENSION_NAME,
                                      XR_EXT_HAND_TRACKING_EXTENSION_NAME};
    struct app_joints joints;
    XrHandTrackingDataSourceStateEXT state = {.type = XR_TYPE_HAND_TRACKING_DATA_SOURCE_STATE_EXT};
    XrHandTrackingAimStateFB aim = {
        .type = XR_TYPE_HAND_TRACKING_AIM_STATE_FB, .next = &state, .status = 0xff};
    app_start(&app, few, 2);
    app_joints_init(&joints, app.local, now());
    joints.locations.next = &aim;
    ck_assert_int_eq(app.xrLocateHandJointsEXT(app_tracker(&app, XR_HAND_LEFT_EXT), &joints.info,
                                               &joints.locations),
                     XR_SUCCESS);
    ck_assert_uint_eq(aim.status, 0xff);
    finish();
}
END_TEST

START_TEST(handles_that_are_gone_are_invalid)
{
    struct app_joints joints;
    app_start(&app, APP_ALL, APP_ALL_COUNT);
    XrHandTrackerEXT first = app_tracker(&app, XR_HAND_LEFT_EXT);
    ck_assert_int_eq(app.xrDestroyHandTrackerEXT(first), XR_SUCCESS);
    XrHandTrackerEXT second = app_tracker(&app, XR_HAND_LEFT_EXT);
    ck_assert(first != second);
    app_joints_init(&joints, app.local, now());
    const XrHandTrackerEXT gone[] = {first, XR_NULL_HANDLE, (XrHandTrackerEXT)app.session};
    for (size_t i = 0; i < 3; i++) {
        ck_assert_int_eq(app.xrLocateHandJointsEXT(gone[i], &joints.info, &joints.locations),
                         XR_ERROR_HANDLE_INVALID);
        ck_assert_int_eq(app.xrDestroyHandTrackerEXT(gone[i]), XR_ERROR_HANDLE_INVALID);
    }
    /* A session takes its trackers with it. */
    ck_assert_int_eq(app.xrDestroySession(app.session), XR_SUCCESS);
    ck_assert_int_eq(app.xrLocateHandJointsEXT(second, &joints.info, &joints.locations),
                     XR_ERROR_HANDLE_INVALID);
    ck_assert_int_eq(app.xrDestroySession(app.session), XR_ERROR_HANDLE_INVALID);
    XrInstance instance = app.instance;
    finish();
    PFN_xrVoidFunction function;
    ck_assert_int_eq(app.xrDestroyInstance(instance), XR_ERROR_HANDLE_INVALID);
    ck_assert_int_eq(layer_get_instance_proc_addr(instance, "xrPollEvent", &function),
                     XR_ERROR_HANDLE_INVALID);
}
END_TEST

START_TEST(too_many_are_refused)
{
    XrHandTrackerCreateInfoEXT info = {.type = XR_TYPE_HAND_TRACKER_CREATE_INFO_EXT,
                                       .hand = XR_HAND_LEFT_EXT,
                                       .handJointSet = XR_HAND_JOINT_SET_DEFAULT_EXT};
    XrHandTrackerEXT tracker;
    XrResult result = XR_SUCCESS;
    unsigned count = 0;
    app_start(&app, APP_ALL, APP_ALL_COUNT);
    while (result == XR_SUCCESS && count < 10000) {
        result = app.xrCreateHandTrackerEXT(app.session, &info, &tracker);
        count += result == XR_SUCCESS;
    }
    ck_assert_int_eq(result, XR_ERROR_LIMIT_REACHED);
    ck_assert_uint_ge(count, 64);
    ck_assert_uint_eq(mock_objects(), 1 + 1 + 3 + 2 * count); /* none is left of what failed */
    finish();
}
END_TEST

START_TEST(two_instances_are_two)
{
    struct app other;
    struct app_joints joints;
    app_start(&app, APP_ALL, APP_ALL_COUNT);
    app_start(&other, APP_ALL, APP_ALL_COUNT);
    XrHandTrackerEXT one = app_tracker(&app, XR_HAND_LEFT_EXT);
    XrHandTrackerEXT two = app_tracker(&other, XR_HAND_LEFT_EXT);
    app_joints_init(&joints, app.local, now());
    ck_assert_int_eq(app.xrLocateHandJointsEXT(one, &joints.info, &joints.locations), XR_SUCCESS);
    app_stop(&other);
    ck_assert_int_eq(app.xrLocateHandJointsEXT(two, &joints.info, &joints.locations),
                     XR_ERROR_HANDLE_INVALID);
    ck_assert_int_eq(app.xrLocateHandJointsEXT(one, &joints.info, &joints.locations), XR_SUCCESS);
    finish();
}
END_TEST

/* ---- threads ---- */

enum { THREADS = 8, ROUNDS = 300 };

static void *use_trackers(void *unused)
{
    struct app_joints joints;
    for (int i = 0; i < ROUNDS; i++) {
        XrHandTrackerEXT tracker = app_tracker(&app, 1 + i % 2);
        app_joints_init(&joints, app.local, now());
        ck_assert_int_eq(app.xrLocateHandJointsEXT(tracker, &joints.info, &joints.locations),
                         XR_SUCCESS);
        ck_assert_int_eq(app.xrDestroyHandTrackerEXT(tracker), XR_SUCCESS);
    }
    return unused;
}

START_TEST(many_threads_may_use_it_at_once)
{
    pthread_t threads[THREADS];
    app_start(&app, APP_ALL, APP_ALL_COUNT);
    for (size_t i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, use_trackers, NULL), 0);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    finish();
}
END_TEST

int main(void)
{
    setenv("PERCEPT_SOCKET", "/nonexistent/percept.sock", 1);
    Suite *suite = suite_create("openxr layer");
    TCase *tests = tcase_create("layer");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, negotiates_the_interface_that_it_knows);
    tcase_add_test(tests, an_app_without_hands_sees_the_runtime_alone);
    tcase_add_test(tests, hands_appear_on_a_runtime_that_has_none);
    tcase_add_test(tests, an_unknown_extension_is_the_runtimes_to_refuse);
    tcase_add_test(tests, what_adds_to_hands_needs_hands);
    tcase_add_test(tests, a_runtime_with_hands_keeps_them);
    tcase_add_test(tests, a_runtime_without_a_device_for_hands_gets_ours);
    tcase_add_test(tests, ours_override_the_runtimes_when_the_user_says_so);
    tcase_add_test(tests, without_a_daemon_no_hand_is_seen);
    tcase_add_test(tests, a_runtime_that_cannot_convert_times_gets_no_hands);
    tcase_add_test(tests, creation_is_checked);
    tcase_add_test(tests, sources_are_checked);
    tcase_add_test(tests, locating_is_checked);
    tcase_add_test(tests, what_is_not_enabled_is_passed_over);
    tcase_add_test(tests, handles_that_are_gone_are_invalid);
    tcase_add_test(tests, too_many_are_refused);
    tcase_add_test(tests, two_instances_are_two);
    tcase_add_test(tests, many_threads_may_use_it_at_once);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
