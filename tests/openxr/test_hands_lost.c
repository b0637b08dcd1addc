/* Hands that an app does not see: those that are lost, daemons that restart, hang or send nonsense,
 * permissions that go; and that nothing is left then, or mixed up meanwhile. */
#include "hands_app.h"
#include "near.h"

#include "ipc/topic.h"

#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void gone(XrHandTrackerEXT tracker, void (*again)(void))
{
    struct app_joints joints;
    int64_t deadline = base_clock_ns() + PATIENCE;
    do {
        if (again)
            again();
        usleep(1000);
        hands_locate(tracker, app.local, app_time(base_clock_ns()), &joints);
    } while (joints.locations.isActive && base_clock_ns() < deadline);
    ck_assert(!joints.locations.isActive);
    ck_assert_uint_eq(joints.joints[0].locationFlags, 0);
}

static void publish_nothing(void)
{
    struct percept_hands nothing;
    hand_frame(&nothing, base_clock_ns());
    hands_publish(&nothing);
}

START_TEST(a_hand_that_is_lost_is_inactive_and_so_is_a_silent_topic)
{
    struct app_joints joints;
    hands_start();
    XrHandTrackerEXT tracker = app_tracker(&app, XR_HAND_RIGHT_EXT);
    hands_show(&rest, tracker, app.local, 0, &joints);
    gone(tracker, publish_nothing);
    hands_show(&rest, tracker, app.local, 0, &joints);
    gone(tracker, NULL);
    hands_stop();
}
END_TEST

START_TEST(a_daemon_that_restarts_is_found_again)
{
    struct app_joints joints;
    hands_start();
    XrHandTrackerEXT tracker = app_tracker(&app, XR_HAND_RIGHT_EXT);
    hands_show(&rest, tracker, app.local, 0, &joints);
    mini_stop(mini);
    gone(tracker, NULL);
    hands_start_daemon(NULL);
    hands_show(&rest, tracker, app.local, 0, &joints);
    hands_stop();
}
END_TEST

START_TEST(a_daemon_may_come_after_the_app)
{
    struct app_joints joints;
    hands_set_path();
    app_start(&app, APP_ALL, APP_ALL_COUNT);
    XrHandTrackerEXT tracker = app_tracker(&app, XR_HAND_RIGHT_EXT);
    gone(tracker, NULL);
    hands_start_daemon(NULL);
    hands_show(&rest, tracker, app.local, 0, &joints);
    hands_stop();
}
END_TEST

static atomic_bool permitted;

static enum percept_status may_read(void *context, const struct ipc_peer *peer,
                                    const struct ipc_topic *topic, struct percept_error *error)
{
    (void)context;
    (void)peer;
    (void)topic;
    return permitted ? PERCEPT_OK : percept_fail(error, PERCEPT_PERMISSION, "not now");
}

static void take_note(void *context, enum ipc_event kind, const struct ipc_peer *peer,
                      const char *topic, const char *text)
{
    (void)context;
    (void)kind;
    (void)peer;
    (void)topic;
    (void)text;
}

START_TEST(a_permission_may_come_and_go)
{
    const struct ipc_guard guard = {.may_read = may_read, .event = take_note};
    struct app_joints joints;
    hands_set_path();
    hands_start_daemon(&guard);
    app_start(&app, APP_ALL, APP_ALL_COUNT);
    XrHandTrackerEXT tracker = app_tracker(&app, XR_HAND_RIGHT_EXT);
    gone(tracker, publish_nothing);
    permitted = true;
    hands_show(&rest, tracker, app.local, 0, &joints);
    permitted = false;
    mini_recheck(mini);
    gone(tracker, NULL);
    hands_stop();
}
END_TEST

START_TEST(a_daemon_that_hangs_holds_nobody_up)
{
    struct app_joints joints;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    hands_set_path();
    strncpy(address.sun_path, path, sizeof address.sun_path - 1);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(listen(fd, 4), 0);
    app_start(&app, APP_ALL, APP_ALL_COUNT);
    /* Each of these would wait for the daemon five seconds: this test has two minutes at most. */
    for (int i = 0; i < 100; i++) {
        XrHandTrackerEXT tracker = app_tracker(&app, XR_HAND_RIGHT_EXT);
        hands_locate(tracker, app.local, app_time(base_clock_ns()), &joints);
        ck_assert(!joints.locations.isActive);
        ck_assert_int_eq(app.xrDestroyHandTrackerEXT(tracker), XR_SUCCESS);
    }
    app_stop(&app);
    close(fd);
}
END_TEST

START_TEST(samples_that_are_no_hands_do_no_harm)
{
    struct app_joints joints;
    hands_start();
    XrHandTrackerEXT tracker = app_tracker(&app, XR_HAND_RIGHT_EXT);
    hands_show(&rest, tracker, app.local, 0, &joints);
    struct percept_hands frame;
    hand_frame(&frame, base_clock_ns());
    memset(frame.hands, 0xff, sizeof frame.hands);
    frame.hand_count = 4000000000u;
    hands_publish(&frame);
    static const int64_t times[] = {INT64_MIN, -1, INT64_MAX - 1, INT64_MAX};
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        hand_frame(&frame, times[i]);
        hands_draw_rest(&frame, 0);
        hands_publish(&frame);
        usleep(2000);
    }
    for (size_t size = 0; size < sizeof frame; size += 97) {
        ck_assert_ptr_nonnull(ipc_topic_loan(mini_topic(mini)));
        ipc_topic_publish(mini_topic(mini), size, base_clock_ns());
        usleep(200);
    }
    hands_show(&rest, tracker, app.local, 0, &joints);
    near_vector(WRIST.position, at_rest.position);
    hands_stop();
}
END_TEST

START_TEST(nothing_is_left_when_the_last_tracker_is_gone)
{
    struct app_joints joints;
    hands_start();
    size_t before = mini_open_descriptors(), mapped = mini_mappings();
    XrHandTrackerEXT one = app_tracker(&app, XR_HAND_RIGHT_EXT);
    XrHandTrackerEXT two = app_tracker(&app, XR_HAND_LEFT_EXT);
    hands_show(&rest, one, app.local, 0, &joints);
    ck_assert_int_eq(app.xrDestroyHandTrackerEXT(two), XR_SUCCESS);
    hands_show(&rest, one, app.local, 0, &joints);
    ck_assert_int_eq(app.xrDestroyHandTrackerEXT(one), XR_SUCCESS);
    int64_t deadline = base_clock_ns() + PATIENCE;
    while ((mini_open_descriptors() != before || mini_mappings() != mapped) &&
           base_clock_ns() < deadline)
        usleep(1000);
    ck_assert_uint_eq(mini_open_descriptors(), before);
    ck_assert_uint_eq(mini_mappings(), mapped);
    /* And it begins anew. */
    one = app_tracker(&app, XR_HAND_RIGHT_EXT);
    hands_show(&rest, one, app.local, 0, &joints);
    hands_stop();
}
END_TEST

/* All events that there are; the last state of the session. */
static XrSessionState poll_events(void)
{
    XrSessionState state = XR_SESSION_STATE_UNKNOWN;
    XrEventDataBuffer event = {.type = XR_TYPE_EVENT_DATA_BUFFER};
    while (app.xrPollEvent(app.instance, &event) == XR_SUCCESS) {
        ck_assert_int_eq(event.type, XR_TYPE_EVENT_DATA_SESSION_STATE_CHANGED);
        state = ((XrEventDataSessionStateChanged *)&event)->state;
        event = (XrEventDataBuffer){.type = XR_TYPE_EVENT_DATA_BUFFER};
    }
    return state;
}

START_TEST(an_app_that_lost_focus_sees_no_hand)
{
    struct app_joints joints;
    XrSessionBeginInfo info = {.type = XR_TYPE_SESSION_BEGIN_INFO,
                               .primaryViewConfigurationType =
                                   XR_VIEW_CONFIGURATION_TYPE_PRIMARY_STEREO};
    hands_start();
    XrHandTrackerEXT tracker = app_tracker(&app, XR_HAND_RIGHT_EXT);
    hands_show(&rest, tracker, app.local, 0, &joints); /* it has not asked for events yet */
    ck_assert_int_eq(poll_events(), XR_SESSION_STATE_READY);
    hands_show(&rest, tracker, app.local, 0, &joints);
    ck_assert_int_eq(app.xrBeginSession(app.session, &info), XR_SUCCESS);
    ck_assert_int_eq(poll_events(), XR_SESSION_STATE_FOCUSED);
    hands_show(&rest, tracker, app.local, 0, &joints);
    ck_assert_int_eq(app.xrRequestExitSession(app.session), XR_SUCCESS);
    ck_assert_int_eq(poll_events(), XR_SESSION_STATE_STOPPING);
    for (int i = 0; i < 100; i++) {
        struct percept_hands frame;
        hand_frame(&frame, base_clock_ns());
        hands_draw_rest(&frame, 0);
        hands_publish(&frame);
        usleep(1000);
        hands_locate(tracker, app.local, app_time(base_clock_ns()), &joints);
        ck_assert(!joints.locations.isActive);
    }
    hands_stop();
}
END_TEST

/* ---- threads ---- */

enum { READERS = 2, SAMPLES = 10000, ENOUGH = 100 };

static const XrVector3f step = {0.0001f, 0, -0.0001f};
static atomic_bool done;
static atomic_uint told; /* hands, to all readers */

/* However often the ring goes round meanwhile, a hand is of one sample. */
static void *read_hands(void *argument)
{
    const XrHandTrackerEXT *tracker = argument;
    XrVector3f tip = hand_landmark(8, true, 0);
    while (!done) {
        struct app_joints joints;
        if (hands_newest(*tracker, &joints) == 0)
            continue;
        XrVector3f apart =
            vec_sub(joints.joints[XR_HAND_JOINT_INDEX_TIP_EXT].pose.position, WRIST.position);
        near_vector(apart, tip);
        told++;
    }
    return NULL;
}

START_TEST(a_hand_is_never_of_two_samples)
{
    pthread_t readers[READERS];
    hands_start();
    XrHandTrackerEXT tracker = app_tracker(&app, XR_HAND_RIGHT_EXT);
    for (size_t i = 0; i < READERS; i++)
        ck_assert_int_eq(pthread_create(&readers[i], NULL, read_hands, &tracker), 0);
    int64_t deadline = base_clock_ns() + PATIENCE;
    for (int i = 0; (i < SAMPLES || told < ENOUGH) && base_clock_ns() < deadline; i++) {
        struct percept_hands frame;
        XrPosef wrist = at_rest;
        wrist.position = vec_add(wrist.position, vec_scale(step, (float)(i % 1000)));
        wrist.position.x -= i % 2 ? 0.2f : 0;
        hand_frame(&frame, base_clock_ns());
        hand_add(&frame, 1, true, &wrist, 0);
        hands_publish(&frame);
    }
    done = true;
    for (size_t i = 0; i < READERS; i++)
        pthread_join(readers[i], NULL);
    ck_assert_uint_ge(told, ENOUGH);
    hands_stop();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("openxr hands lost");
    TCase *tests = tcase_create("lost");
    tcase_set_timeout(tests, 90);
    tcase_add_test(tests, a_hand_that_is_lost_is_inactive_and_so_is_a_silent_topic);
    tcase_add_test(tests, a_daemon_that_restarts_is_found_again);
    tcase_add_test(tests, a_daemon_may_come_after_the_app);
    tcase_add_test(tests, a_permission_may_come_and_go);
    tcase_add_test(tests, samples_that_are_no_hands_do_no_harm);
    tcase_add_test(tests, nothing_is_left_when_the_last_tracker_is_gone);
    tcase_add_test(tests, an_app_that_lost_focus_sees_no_hand);
    tcase_add_test(tests, a_hand_is_never_of_two_samples);
    suite_add_tcase(suite, tests);
    TCase *hang = tcase_create("hang");
    tcase_set_timeout(hang, 30);
    tcase_add_test(hang, a_daemon_that_hangs_holds_nobody_up);
    suite_add_tcase(suite, hang);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
