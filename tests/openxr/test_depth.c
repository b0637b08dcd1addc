/* XR_META_environment_depth and XR_PERCEPT_depth_map over a daemon's topic: maps, places,
 * providers, and topics that come and go by themselves. Images are in test_depth_images.c. */
#include "depth_app.h"
#include "hand.h"
#include "near.h"

#include "openxr/layer.h"

#include "ipc/topic.h"

#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- maps ---- */

static void check_map(const XrDepthMapPERCEPT *map, uint32_t scale, float tolerance)
{
    ck_assert_uint_eq(map->width, SCENE_WIDTH * scale);
    ck_assert_uint_eq(map->height, SCENE_HEIGHT * scale);
    ck_assert_uint_eq(map->countOutput, PIXELS * scale * scale);
    for (uint32_t y = 0; y < map->height; y++)
        for (uint32_t x = 0; x < map->width; x++) {
            size_t i = (size_t)y * map->width + x;
            float want = scene_metres(x / scale, y / scale);
            ck_assert_msg(fabsf(metres[i] - want) <= tolerance, "%u %u: %f, not %f", x, y,
                          (double)metres[i], (double)want);
            ck_assert_uint_eq(confidence[i], scene_confidence(x / scale, y / scale));
        }
}

START_TEST(a_map_is_told_as_it_was_measured)
{
    XrDepthMapPERCEPT map;
    const float eighth = 0.78539816f;
    depth_start();
    XrDepthReaderPERCEPT from = depth_reader();
    mock_script.head.pose = (XrPosef){quat_exp((XrVector3f){0, 1, 0}), {1, 2, 3}};
    depth_show(from, app.local, 1, false, &map);
    check_map(&map, 1, 0.0006f);
    near_vector(map.pose.position, ((XrVector3f){1, 2, 3}));
    near_vector(quat_log(map.pose.orientation), ((XrVector3f){0, 1, 0}));
    ck_assert_uint_eq(map.locationFlags, mock_script.head.flags);
    ck_assert(fabsf(map.fov.angleRight - eighth) < 1e-4f);
    ck_assert(fabsf(map.fov.angleLeft + eighth) < 1e-4f);
    ck_assert(fabsf(map.fov.angleUp - atanf(0.75f)) < 1e-4f);
    ck_assert(fabsf(map.fov.angleDown + atanf(0.75f)) < 1e-4f);
    ck_assert(map.nearZ == SCENE_NEAR && map.farZ == SCENE_FAR);
    depth_show(from, app.view, 3, true, &map);
    check_map(&map, 3, 0);
    near_vector(map.pose.position, ((XrVector3f){0, 0, 0}));
    depth_stop();
}
END_TEST

START_TEST(a_map_needs_room)
{
    XrDepthMapPERCEPT map;
    depth_start();
    XrDepthReaderPERCEPT from = depth_reader();
    depth_show(from, app.local, 1, false, &map);
    metres[0] = -7;
    ck_assert_int_eq(depth_read(from, app.local, 0, &map), XR_SUCCESS);
    ck_assert_uint_eq(map.countOutput, PIXELS);
    ck_assert_int_eq(depth_read(from, app.local, PIXELS - 1, &map), XR_ERROR_SIZE_INSUFFICIENT);
    ck_assert_uint_eq(map.countOutput, PIXELS);
    ck_assert(metres[0] == -7);
    ck_assert_int_eq(depth_read(from, app.local, PIXELS, &map), XR_SUCCESS);
    ck_assert(metres[0] > 0);
    depth_stop();
}
END_TEST

static void in_baselines(struct percept_depth *depth)
{
    depth->flags = PERCEPT_DEPTH_NO_METRES;
}

static void of_the_future(struct percept_depth *depth)
{
    depth->capture_ns = INT64_MAX;
}

static void without_focus(struct percept_depth *depth)
{
    depth->fx = 0;
}

static void inside_out(struct percept_depth *depth)
{
    depth->near_m = depth->far_m;
}

static void beyond_its_end(struct percept_depth *depth)
{
    depth->maps[1].offset = SCENE_BYTES;
}

static void too_wide(struct percept_depth *depth)
{
    depth->width = depth->maps[0].sizes[1] = UINT32_MAX;
}

static void without_maps(struct percept_depth *depth)
{
    depth->map_count = 0;
}

START_TEST(what_is_no_map_is_none)
{
    void (*const spoil[])(struct percept_depth *) = {in_baselines, of_the_future,  without_focus,
                                                     inside_out,   beyond_its_end, too_wide,
                                                     without_maps};
    XrDepthMapPERCEPT map;
    depth_start();
    XrDepthReaderPERCEPT from = depth_reader();
    for (size_t i = 0; i < sizeof spoil / sizeof spoil[0]; i++) {
        depth_show(from, app.local, 1, false, &map);
        XrTime before = map.captureTime;
        depth_publish(1, false, spoil[i]);
        usleep(20000);
        ck_assert_int_eq(depth_read(from, app.local, PIXELS, &map), XR_SUCCESS);
        ck_assert(!map.isActive || map.captureTime == before);
    }
    depth_stop();
}
END_TEST

static void wait_till_gone(XrDepthReaderPERCEPT from)
{
    XrDepthMapPERCEPT map;
    int64_t deadline = base_clock_ns() + PATIENCE;
    do {
        usleep(1000);
        ck_assert_int_eq(depth_read(from, app.local, PIXELS_MAX, &map), XR_SUCCESS);
    } while (map.isActive && base_clock_ns() < deadline);
    ck_assert(!map.isActive);
    ck_assert_uint_eq(map.countOutput, 0);
}

START_TEST(a_silent_topic_is_inactive)
{
    XrDepthMapPERCEPT map;
    depth_start();
    XrDepthReaderPERCEPT from = depth_reader();
    wait_till_gone(from); /* nothing yet */
    depth_show(from, app.local, 1, false, &map);
    wait_till_gone(from);
    depth_stop();
}
END_TEST

START_TEST(maps_are_checked)
{
    XrDepthReaderPERCEPT from;
    XrDepthReaderCreateInfoPERCEPT create = {.type = XR_TYPE_DEPTH_READER_CREATE_INFO_PERCEPT};
    XrDepthMapPERCEPT map = {.type = XR_TYPE_DEPTH_MAP_PERCEPT};
    XrDepthMapGetInfoPERCEPT info = {
        .type = XR_TYPE_DEPTH_MAP_GET_INFO_PERCEPT, .space = app.local, .time = 1};
    depth_start();
    info.space = app.local;
    info.time = depth_now();
    ck_assert_int_eq(xr.xrCreateDepthReaderPERCEPT(XR_NULL_HANDLE, &create, &from),
                     XR_ERROR_HANDLE_INVALID);
    ck_assert_int_eq(xr.xrCreateDepthReaderPERCEPT(app.session, NULL, &from),
                     XR_ERROR_VALIDATION_FAILURE);
    ck_assert_int_eq(xr.xrCreateDepthReaderPERCEPT(app.session, &create, NULL),
                     XR_ERROR_VALIDATION_FAILURE);
    from = depth_reader();
    ck_assert_int_eq(xr.xrGetDepthMapPERCEPT(from, &info, &map), XR_SUCCESS);
    ck_assert_int_eq(xr.xrGetDepthMapPERCEPT(from, NULL, &map), XR_ERROR_VALIDATION_FAILURE);
    ck_assert_int_eq(xr.xrGetDepthMapPERCEPT(from, &info, NULL), XR_ERROR_VALIDATION_FAILURE);
    map.type = XR_TYPE_UNKNOWN;
    ck_assert_int_eq(xr.xrGetDepthMapPERCEPT(from, &info, &map), XR_ERROR_VALIDATION_FAILURE);
    map.type = XR_TYPE_DEPTH_MAP_PERCEPT;
    info.time = 0;
    ck_assert_int_eq(xr.xrGetDepthMapPERCEPT(from, &info, &map), XR_ERROR_TIME_INVALID);
    info.time = depth_now();
    info.space = XR_NULL_HANDLE;
    ck_assert_int_eq(xr.xrGetDepthMapPERCEPT(from, &info, &map), XR_ERROR_HANDLE_INVALID);
    info.space = app.local;
    ck_assert_int_eq(xr.xrDestroyDepthReaderPERCEPT(from), XR_SUCCESS);
    ck_assert_int_eq(xr.xrDestroyDepthReaderPERCEPT(from), XR_ERROR_HANDLE_INVALID);
    ck_assert_int_eq(xr.xrGetDepthMapPERCEPT(from, &info, &map), XR_ERROR_HANDLE_INVALID);
    depth_stop();
}
END_TEST

/* ---- topics by themselves ---- */

static void await_subscribers(unsigned count)
{
    int64_t deadline = base_clock_ns() + PATIENCE;
    while (atomic_load(&mini_topic(mini)->subscribers) != count && base_clock_ns() < deadline)
        usleep(500);
    ck_assert_uint_eq(atomic_load(&mini_topic(mini)->subscribers), count);
}

static struct ipc_topic *hands;

static void add_hands(struct ipc_server *server, void *unused)
{
    (void)unused;
    ck_assert_int_eq(ipc_server_add_topic(server, hands, NULL), PERCEPT_OK);
}

static bool sees_hand(XrHandTrackerEXT tracker)
{
    static const XrPosef at_rest = {{0, 0, 0, 1}, {0.1f, -0.2f, -0.5f}};
    struct app_joints joints;
    struct percept_hands *frame = ipc_topic_loan(hands);
    if (frame) {
        hand_frame(frame, base_clock_ns());
        hand_add(frame, 1, true, &at_rest, 0);
        ipc_topic_publish(hands, sizeof *frame, frame->capture_ns);
    }
    usleep(1000);
    app_joints_init(&joints, app.local, depth_now());
    ck_assert_int_eq(app.xrLocateHandJointsEXT(tracker, &joints.info, &joints.locations),
                     XR_SUCCESS);
    return joints.locations.isActive;
}

START_TEST(a_topic_that_is_absent_disturbs_no_other)
{
    XrDepthMapPERCEPT map;
    struct ipc_topic_options options = {
        .name = "hands", .schema = PERCEPT_HANDS_SCHEMA, .max_bytes = sizeof(struct percept_hands)};
    ck_assert_int_eq(ipc_topic_create(&options, &hands, NULL), PERCEPT_OK);
    depth_start();
    XrHandTrackerEXT tracker = app_tracker(&app, XR_HAND_RIGHT_EXT); /* there are no hands */
    XrDepthReaderPERCEPT from = depth_reader();
    depth_show(from, app.local, 1, false, &map);
    ck_assert(!sees_hand(tracker));
    mini_call(mini, add_hands, NULL);
    int64_t deadline = base_clock_ns() + PATIENCE;
    bool seen = false;
    while (!seen && base_clock_ns() < deadline)
        seen = sees_hand(tracker);
    ck_assert(seen);
    ck_assert_uint_eq(atomic_load(&mini_topic(mini)->subscribers), 1);
    depth_show(from, app.local, 1, false, &map);
    ck_assert_int_eq(xr.xrDestroyDepthReaderPERCEPT(from), XR_SUCCESS);
    await_subscribers(0);
    for (seen = false; !seen && base_clock_ns() < deadline;)
        seen = sees_hand(tracker);
    ck_assert(seen);
    depth_stop();
    ipc_topic_destroy(hands);
}
END_TEST

/* ---- providers ---- */

START_TEST(depth_is_measured_while_a_provider_is_started)
{
    depth_start();
    XrEnvironmentDepthProviderMETA made = depth_provider();
    usleep(20000);
    await_subscribers(0);
    ck_assert_int_eq(xr.xrStopEnvironmentDepthProviderMETA(made),
                     XR_ERROR_UNEXPECTED_STATE_PASSTHROUGH_FB);
    ck_assert_int_eq(xr.xrStartEnvironmentDepthProviderMETA(made), XR_SUCCESS);
    await_subscribers(1);
    ck_assert_int_eq(xr.xrStartEnvironmentDepthProviderMETA(made),
                     XR_ERROR_UNEXPECTED_STATE_PASSTHROUGH_FB);
    ck_assert_int_eq(xr.xrStopEnvironmentDepthProviderMETA(made), XR_SUCCESS);
    await_subscribers(0);
    ck_assert_int_eq(xr.xrStartEnvironmentDepthProviderMETA(made), XR_SUCCESS);
    await_subscribers(1);
    ck_assert_int_eq(xr.xrDestroyEnvironmentDepthProviderMETA(made), XR_SUCCESS);
    await_subscribers(0);
    ck_assert_int_eq(xr.xrStartEnvironmentDepthProviderMETA(made), XR_ERROR_HANDLE_INVALID);
    depth_stop();
}
END_TEST

START_TEST(providers_are_checked)
{
    XrEnvironmentDepthProviderMETA made;
    XrEnvironmentDepthSwapchainMETA swapchain;
    XrEnvironmentDepthProviderCreateInfoMETA info = {
        .type = XR_TYPE_ENVIRONMENT_DEPTH_PROVIDER_CREATE_INFO_META};
    XrEnvironmentDepthSwapchainCreateInfoMETA chain_info = {
        .type = XR_TYPE_ENVIRONMENT_DEPTH_SWAPCHAIN_CREATE_INFO_META};
    XrEnvironmentDepthHandRemovalSetInfoMETA removal = {
        .type = XR_TYPE_ENVIRONMENT_DEPTH_HAND_REMOVAL_SET_INFO_META, .enabled = XR_TRUE};
    depth_start();
#define CREATE(session, info, out, want) \
    ck_assert_int_eq(xr.xrCreateEnvironmentDepthProviderMETA(session, info, out), want)
    CREATE(XR_NULL_HANDLE, &info, &made, XR_ERROR_HANDLE_INVALID);
    CREATE((XrSession)app.instance, &info, &made, XR_ERROR_HANDLE_INVALID);
    CREATE(app.session, NULL, &made, XR_ERROR_VALIDATION_FAILURE);
    CREATE(app.session, &info, NULL, XR_ERROR_VALIDATION_FAILURE);
    info.createFlags = 1;
    CREATE(app.session, &info, &made, XR_ERROR_VALIDATION_FAILURE);
    info.createFlags = 0;
    info.type = XR_TYPE_UNKNOWN;
    CREATE(app.session, &info, &made, XR_ERROR_VALIDATION_FAILURE);
    made = depth_provider();
    ck_assert_int_eq(xr.xrSetEnvironmentDepthHandRemovalMETA(made, &removal),
                     XR_ERROR_FEATURE_UNSUPPORTED);
    ck_assert_int_eq(xr.xrSetEnvironmentDepthHandRemovalMETA(made, NULL),
                     XR_ERROR_VALIDATION_FAILURE);
    ck_assert_int_eq(xr.xrSetEnvironmentDepthHandRemovalMETA(XR_NULL_HANDLE, &removal),
                     XR_ERROR_HANDLE_INVALID);
    /* A session that does not draw gets no images. */
    ck_assert_int_eq(xr.xrCreateEnvironmentDepthSwapchainMETA(made, &chain_info, &swapchain),
                     XR_ERROR_FUNCTION_UNSUPPORTED);
    ck_assert_int_eq(xr.xrCreateEnvironmentDepthSwapchainMETA(made, NULL, &swapchain),
                     XR_ERROR_VALIDATION_FAILURE);
    ck_assert_int_eq(xr.xrCreateEnvironmentDepthSwapchainMETA(made, &chain_info, NULL),
                     XR_ERROR_VALIDATION_FAILURE);
    ck_assert_int_eq(
        xr.xrDestroyEnvironmentDepthSwapchainMETA((XrEnvironmentDepthSwapchainMETA)made),
        XR_ERROR_HANDLE_INVALID);
    XrSystemEnvironmentDepthPropertiesMETA depth = {
        .type = XR_TYPE_SYSTEM_ENVIRONMENT_DEPTH_PROPERTIES_META, .supportsHandRemoval = XR_TRUE};
    XrSystemProperties properties = {.type = XR_TYPE_SYSTEM_PROPERTIES, .next = &depth};
    ck_assert_int_eq(app.xrGetSystemProperties(app.instance, 1, &properties), XR_SUCCESS);
    ck_assert(depth.supportsEnvironmentDepth && !depth.supportsHandRemoval);
    depth_stop();
}
END_TEST

START_TEST(without_times_there_is_no_depth)
{
    XrEnvironmentDepthProviderMETA made;
    XrEnvironmentDepthProviderCreateInfoMETA info = {
        .type = XR_TYPE_ENVIRONMENT_DEPTH_PROVIDER_CREATE_INFO_META};
    XrSystemEnvironmentDepthPropertiesMETA depth = {
        .type = XR_TYPE_SYSTEM_ENVIRONMENT_DEPTH_PROPERTIES_META,
        .supportsEnvironmentDepth = XR_TRUE};
    XrSystemProperties properties = {.type = XR_TYPE_SYSTEM_PROPERTIES, .next = &depth};
    mock_script.lacks_timespec = XR_TRUE;
    depth_start();
    ck_assert_int_eq(app.xrGetSystemProperties(app.instance, 1, &properties), XR_SUCCESS);
    ck_assert(!depth.supportsEnvironmentDepth);
    CREATE(app.session, &info, &made, XR_ERROR_FEATURE_UNSUPPORTED);
    depth_stop();
}
END_TEST

START_TEST(a_runtime_with_depth_keeps_it)
{
    PFN_xrVoidFunction function;
    mock_script.has_depth_and_planes = XR_TRUE;
    depth_start_daemon();
    app_start(&app, depth_extensions, DEPTH_EXTENSIONS - 1);
    ck_assert_int_eq(
        layer_get_instance_proc_addr(app.instance, "xrCreateEnvironmentDepthProviderMETA",
                                     &function),
        XR_ERROR_FUNCTION_UNSUPPORTED); /* the mock's answer: it has it by name alone */
    app_function(app.instance, "xrGetDepthMapPERCEPT");
    depth_stop();
}
END_TEST

/* ---- threads ---- */

enum { THREADS = 4, ROUNDS = 200 };

static atomic_uint maps_seen;
static atomic_bool done;

static void *use_depth(void *unused)
{
    for (int i = 0; i < ROUNDS || (maps_seen < ROUNDS && !done); i++) {
        XrDepthReaderPERCEPT from = depth_reader();
        XrEnvironmentDepthProviderMETA depth = depth_provider();
        ck_assert_int_eq(xr.xrStartEnvironmentDepthProviderMETA(depth), XR_SUCCESS);
        float near_line[PIXELS];
        XrDepthMapGetInfoPERCEPT info = {
            .type = XR_TYPE_DEPTH_MAP_GET_INFO_PERCEPT, .space = app.local, .time = depth_now()};
        XrDepthMapPERCEPT map = {
            .type = XR_TYPE_DEPTH_MAP_PERCEPT, .capacityInput = PIXELS, .metres = near_line};
        ck_assert_int_eq(xr.xrGetDepthMapPERCEPT(from, &info, &map), XR_SUCCESS);
        /* A map is of one sample. */
        for (size_t pixel = 1; map.isActive && pixel < PIXELS; pixel++)
            ck_assert(near_line[pixel] == near_line[0]);
        maps_seen += map.isActive;
        ck_assert_int_eq(xr.xrDestroyEnvironmentDepthProviderMETA(depth), XR_SUCCESS);
        ck_assert_int_eq(xr.xrDestroyDepthReaderPERCEPT(from), XR_SUCCESS);
    }
    return unused;
}

static void flat(struct percept_depth *depth)
{
    static uint16_t level = 500;
    uint16_t *pixels = (void *)((char *)depth + depth->maps[0].offset);
    level = (uint16_t)(level % 5000 + 500);
    for (size_t i = 0; i < PIXELS; i++)
        pixels[i] = level;
}

START_TEST(many_threads_may_use_it_at_once)
{
    pthread_t threads[THREADS];
    depth_start();
    XrDepthReaderPERCEPT keep = depth_reader(); /* the topic is read throughout */
    for (size_t i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, use_depth, NULL), 0);
    int64_t deadline = base_clock_ns() + PATIENCE;
    while (maps_seen < ROUNDS && base_clock_ns() < deadline) {
        depth_publish(1, false, flat);
        usleep(200);
    }
    done = true;
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    ck_assert_uint_ge(maps_seen, ROUNDS);
    ck_assert_int_eq(xr.xrDestroyDepthReaderPERCEPT(keep), XR_SUCCESS);
    depth_stop();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("openxr depth");
    TCase *tests = tcase_create("depth");
    tcase_set_timeout(tests, 100);
    tcase_add_test(tests, a_map_is_told_as_it_was_measured);
    tcase_add_test(tests, a_map_needs_room);
    tcase_add_test(tests, what_is_no_map_is_none);
    tcase_add_test(tests, a_silent_topic_is_inactive);
    tcase_add_test(tests, maps_are_checked);
    tcase_add_test(tests, a_topic_that_is_absent_disturbs_no_other);
    tcase_add_test(tests, depth_is_measured_while_a_provider_is_started);
    tcase_add_test(tests, providers_are_checked);
    tcase_add_test(tests, without_times_there_is_no_depth);
    tcase_add_test(tests, a_runtime_with_depth_keeps_it);
    tcase_add_test(tests, many_threads_may_use_it_at_once);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
