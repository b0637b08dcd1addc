/* From a daemon's samples to what an app is told: places, times, motion, and daemons that fail. */
#include "app.h"
#include "hand.h"
#include "mini.h"
#include "near.h"

#include "base/clock.h"

#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define PATIENCE (60 * BASE_NS_PER_S)
#define FRAME    (33 * BASE_NS_PER_MS)

static struct app app;
static const char *path;
static struct mini *mini;

/* What the camera sees at a time, in ns from the newest sample. */
struct scene {
    unsigned samples; /* FRAME apart */
    void (*draw)(struct percept_hands *frame, int64_t from_newest);
};

static void start_daemon(const struct ipc_guard *guard)
{
    struct mini_options options = {.topic = "hands",
                                   .schema = PERCEPT_HANDS_SCHEMA,
                                   .max_bytes = sizeof(struct percept_hands),
                                   .guard = guard};
    mini = mini_start(path, &options);
}

static void start(void)
{
    path = mini_path();
    setenv("PERCEPT_SOCKET", path, 1);
    start_daemon(NULL);
    app_start(&app, APP_ALL, APP_ALL_COUNT);
}

static void stop(void)
{
    app_stop(&app);
    ck_assert_uint_eq(mock_objects(), 0);
    mini_stop(mini);
}

static void publish(const struct percept_hands *frame)
{
    struct percept_hands *payload = ipc_topic_loan(mini_topic(mini));
    ck_assert_ptr_nonnull(payload);
    *payload = *frame;
    ipc_topic_publish(mini_topic(mini), sizeof *frame, frame->capture_ns);
}

static void locate(XrHandTrackerEXT tracker, XrSpace base, XrTime time, struct app_joints *joints)
{
    app_joints_init(joints, base, time);
    ck_assert_int_eq(app.xrLocateHandJointsEXT(tracker, &joints->info, &joints->locations),
                     XR_SUCCESS);
}

/* Capture time of the newest sample that the layer has, when a hand is in it; 0. */
static XrTime newest(XrHandTrackerEXT tracker, struct app_joints *joints)
{
    XrHandTrackingUnextrapolatedPosesRequestMETA request = {
        .type = XR_TYPE_HAND_TRACKING_UNEXTRAPOLATED_POSES_REQUEST_META};
    XrHandTrackingUnextrapolatedPosesMETA answer = {
        .type = XR_TYPE_HAND_TRACKING_UNEXTRAPOLATED_POSES_META, .captureTime = -1};
    app_joints_init(joints, app.local, app_time(base_clock_ns()));
    joints->info.next = &request;
    joints->velocities.next = &answer;
    ck_assert_int_eq(app.xrLocateHandJointsEXT(tracker, &joints->info, &joints->locations),
                     XR_SUCCESS);
    ck_assert_int_ge(answer.captureTime, 0);
    ck_assert(joints->locations.isActive == (answer.captureTime > 0));
    joints->info.next = joints->velocities.next = NULL;
    return answer.captureTime;
}

static bool show_once(const struct scene *scene, XrHandTrackerEXT tracker, int64_t now)
{
    struct app_joints joints;
    for (unsigned i = scene->samples; i-- > 0;) {
        struct percept_hands frame;
        hand_frame(&frame, now - i * FRAME);
        scene->draw(&frame, -(int64_t)i * FRAME);
        publish(&frame);
        int64_t until = base_clock_ns() + 200 * BASE_NS_PER_MS;
        while (newest(tracker, &joints) != app_time(frame.capture_ns))
            if (base_clock_ns() > until)
                return false;
            else
                usleep(500);
    }
    return true;
}

/*
 * Have the layer see the scene, then locate the hand at a time from its newest sample. On a machine
 * that is slow samples may be too old before we ask: then they are shown again. Returns the newest
 * sample's time.
 */
static int64_t show(const struct scene *scene, XrHandTrackerEXT tracker, XrSpace base,
                    int64_t from_newest, struct app_joints *joints)
{
    int64_t deadline = base_clock_ns() + PATIENCE;
    do {
        int64_t now = base_clock_ns();
        if (!show_once(scene, tracker, now))
            continue;
        locate(tracker, base, app_time(now + from_newest), joints);
        if (joints->locations.isActive)
            return now;
    } while (base_clock_ns() < deadline);
    ck_abort_msg("the hand is not seen");
}

#define WRIST        joints.joints[XR_HAND_JOINT_WRIST_EXT].pose
#define WRIST_RATE   joints.rates[XR_HAND_JOINT_WRIST_EXT]
#define LATER(s, ms) vec_scale((s), (float)(ms) / 1000)

/* ---- scenes ---- */

static const XrPosef at_rest = {{0, 0, 0, 1}, {0.1f, -0.2f, -0.5f}};

static void draw_rest(struct percept_hands *frame, int64_t from_newest)
{
    (void)from_newest;
    hand_add(frame, 1, true, &at_rest, 0);
}

static const XrVector3f speed = {0.4f, 0.2f, -0.6f}, spin = {0, 1.5f, 0};

static void draw_motion(struct percept_hands *frame, int64_t from_newest)
{
    float seconds = (float)from_newest / (float)BASE_NS_PER_S;
    XrPosef wrist = {quat_exp(vec_scale(spin, seconds)),
                     vec_add(at_rest.position, vec_scale(speed, seconds))};
    hand_add(frame, 1, true, &wrist, 0);
}

static void draw_both(struct percept_hands *frame, int64_t from_newest)
{
    XrPosef left = {{0, 0, 0, 1}, {-0.2f, 0, -0.4f}};
    hand_add(frame, 2, false, &left, 0.5f);
    draw_rest(frame, from_newest);
}

static const struct scene rest = {2, draw_rest}, motion = {2, draw_motion}, both = {1, draw_both},
                          one_sample = {1, draw_motion};

/* ---- places ---- */

START_TEST(joints_are_told_in_the_space_that_the_app_names)
{
    struct app_joints joints;
    XrPosef head = {quat_exp((XrVector3f){0, 1.5707963f, 0}), {1, 0.5f, 2}};
    start();
    XrHandTrackerEXT tracker = app_tracker(&app, XR_HAND_RIGHT_EXT);
    mock_script.head.pose = head;
    show(&rest, tracker, app.local, 0, &joints);
    near_vector(WRIST.position, pose_point(&head, at_rest.position));
    near_vector(WRIST.position, (XrVector3f){1 - 0.5f, 0.5f - 0.2f, 2 - 0.1f});
    near_axes(WRIST.orientation, ((XrVector3f){0, 0, -1}), ((XrVector3f){0, 1, 0}),
              ((XrVector3f){1, 0, 0}));
    ck_assert_uint_eq(joints.joints[0].locationFlags, mock_script.head.flags);
    show(&rest, tracker, app.view, 0, &joints);
    near_vector(WRIST.position, at_rest.position);
    show(&rest, tracker, app.stage, 0, &joints);
    XrSpaceLocation local = {.type = XR_TYPE_SPACE_LOCATION};
    ck_assert_int_eq(app.xrLocateSpace(app.local, app.stage, 1, &local), XR_SUCCESS);
    near_vector(WRIST.position, pose_point(&local.pose, pose_point(&head, at_rest.position)));
    stop();
}
END_TEST

START_TEST(left_and_right_are_told_apart)
{
    struct app_joints joints;
    start();
    show(&both, app_tracker(&app, XR_HAND_LEFT_EXT), app.local, 0, &joints);
    near_vector(WRIST.position, (XrVector3f){-0.2f, 0, -0.4f});
    show(&both, app_tracker(&app, XR_HAND_RIGHT_EXT), app.local, 0, &joints);
    near_vector(WRIST.position, at_rest.position);
    stop();
}
END_TEST

START_TEST(a_camera_may_stand_elsewhere)
{
    struct app_joints joints;
    setenv("PERCEPT_OPENXR_CAMERA_SPACE", "local", 1);
    setenv("PERCEPT_OPENXR_CAMERA", "0 0 -0.6 0 1 0 0", 1);
    mock_script.head.pose.position = (XrVector3f){3, 3, 3}; /* does not matter */
    start();
    show(&rest, app_tracker(&app, XR_HAND_RIGHT_EXT), app.local, 0, &joints);
    near_vector(WRIST.position, (XrVector3f){-0.1f, -0.2f, -0.1f});
    stop();
}
END_TEST

START_TEST(settings_that_make_no_sense_are_ignored)
{
    struct app_joints joints;
    setenv("PERCEPT_OPENXR_CAMERA", "0 0 -0.6 0 1 0", 1);
    setenv("PERCEPT_OPENXR_CAMERA_SPACE", "moon", 1);
    setenv("PERCEPT_OPENXR_FOV", "1000", 1);
    setenv("PERCEPT_OPENXR_PREDICTION_MS", "-1", 1);
    setenv("PERCEPT_OPENXR_OVERRIDE", "yes", 1);
    start();
    show(&rest, app_tracker(&app, XR_HAND_RIGHT_EXT), app.local, 0, &joints);
    near_vector(WRIST.position, at_rest.position);
    stop();
}
END_TEST

/* ---- times ---- */

START_TEST(a_hand_is_where_it_will_be)
{
    struct app_joints joints;
    start();
    XrHandTrackerEXT tracker = app_tracker(&app, XR_HAND_RIGHT_EXT);
    show(&motion, tracker, app.local, 50 * BASE_NS_PER_MS, &joints);
    near_vector(WRIST.position, vec_add(at_rest.position, LATER(speed, 50)));
    XrVector3f turned = quat_log(WRIST.orientation);
    near_vector(turned, LATER(spin, 50));
    near_vector(WRIST_RATE.linearVelocity, speed);
    near_vector(WRIST_RATE.angularVelocity, spin);
    /* But no further than a tenth of a second ahead. */
    show(&motion, tracker, app.local, 5 * BASE_NS_PER_S, &joints);
    near_vector(WRIST.position, vec_add(at_rest.position, LATER(speed, 100)));
    stop();
}
END_TEST

START_TEST(a_hand_is_where_it_was)
{
    struct app_joints joints;
    start();
    XrHandTrackerEXT tracker = app_tracker(&app, XR_HAND_RIGHT_EXT);
    show(&motion, tracker, app.local, -20 * BASE_NS_PER_MS, &joints);
    near_vector(WRIST.position, vec_add(at_rest.position, LATER(speed, -20)));
    /* Four samples, and a time between the second and the third. */
    struct scene long_motion = {4, draw_motion};
    show(&long_motion, tracker, app.local, -50 * BASE_NS_PER_MS, &joints);
    near_vector(WRIST.position, vec_add(at_rest.position, LATER(speed, -50)));
    /* Five samples are kept; before them it is where the first of these saw it. */
    struct scene longer_motion = {6, draw_motion};
    show(&longer_motion, tracker, app.local, -2 * BASE_NS_PER_S, &joints);
    near_vector(WRIST.position, vec_add(at_rest.position, LATER(speed, -4 * 33)));
    stop();
}
END_TEST

START_TEST(one_sample_tells_no_motion)
{
    struct app_joints joints;
    start();
    XrHandTrackerEXT tracker = app_tracker(&app, XR_HAND_RIGHT_EXT);
    int64_t deadline = base_clock_ns() + PATIENCE;
    do { /* a second showing would be a second sample: each is of another hand, then */
        usleep(300000);
        show(&one_sample, tracker, app.local, 50 * BASE_NS_PER_MS, &joints);
    } while (WRIST_RATE.velocityFlags != 0 && base_clock_ns() < deadline);
    ck_assert_uint_eq(WRIST_RATE.velocityFlags, 0);
    near_vector(WRIST.position, at_rest.position);
    stop();
}
END_TEST

START_TEST(unextrapolated_is_as_it_was_captured)
{
    struct app_joints joints;
    start();
    XrHandTrackerEXT tracker = app_tracker(&app, XR_HAND_RIGHT_EXT);
    int64_t deadline = base_clock_ns() + PATIENCE;
    XrTime captured;
    int64_t shown;
    do {
        shown = show(&motion, tracker, app.local, 0, &joints);
        captured = newest(tracker, &joints);
    } while (captured == 0 && base_clock_ns() < deadline);
    ck_assert_int_eq(captured, app_time(shown));
    near_vector(WRIST.position, at_rest.position);
    stop();
}
END_TEST

START_TEST(a_hand_that_rests_before_a_turning_head_moves_through_the_world)
{
    struct app_joints joints;
    start();
    XrHandTrackerEXT tracker = app_tracker(&app, XR_HAND_RIGHT_EXT);
    mock_script.head.angular = (XrVector3f){0, 2, 0};
    mock_script.head.linear = (XrVector3f){0, 0, 0.5f};
    mock_script.head.time = app_time(base_clock_ns());
    int64_t shown = show(&rest, tracker, app.local, 20 * BASE_NS_PER_MS, &joints);
    /* In the world it goes with the head, */
    XrSpaceVelocity rate = {.type = XR_TYPE_SPACE_VELOCITY};
    XrSpaceLocation head = {.type = XR_TYPE_SPACE_LOCATION, .next = &rate};
    ck_assert_int_eq(app.xrLocateSpace(app.view, app.local, app_time(shown), &head), XR_SUCCESS);
    near_vector(WRIST_RATE.angularVelocity, rate.angularVelocity);
    XrVector3f arm = quat_rotate(head.pose.orientation, at_rest.position);
    XrVector3f swept = vec_add(rate.linearVelocity, vec_cross(rate.angularVelocity, arm));
    ck_assert(vec_length(vec_sub(WRIST_RATE.linearVelocity, swept)) < 0.05f); /* a chord of it */
    /* and before the head it rests. */
    show(&rest, tracker, app.view, 0, &joints);
    near_vector(WRIST.position, at_rest.position);
    near_vector(WRIST_RATE.angularVelocity, (XrVector3f){0, 0, 0});
    ck_assert(vec_length(WRIST_RATE.linearVelocity) < 0.05f);
    stop();
}
END_TEST

/* ---- aim and source ---- */

static void draw_pinch(struct percept_hands *frame, int64_t from_newest)
{
    (void)from_newest;
    struct percept_hand *hand = hand_add(frame, 9, true, &at_rest, 0);
    memcpy(hand->world[4], hand->world[8], sizeof hand->world[4]);
    memcpy(hand->image[4], hand->image[8], sizeof hand->image[4]);
}

static void check_aim(XrHandTrackerEXT tracker, XrSpace base)
{
    const struct scene pinch = {1, draw_pinch};
    struct app_joints joints;
    XrHandTrackingAimStateFB aim;
    XrSpaceLocation local = {.type = XR_TYPE_SPACE_LOCATION};
    int64_t deadline = base_clock_ns() + PATIENCE;
    do {
        int64_t shown = show(&pinch, tracker, base, 0, &joints);
        aim = (XrHandTrackingAimStateFB){.type = XR_TYPE_HAND_TRACKING_AIM_STATE_FB};
        app_joints_init(&joints, base, app_time(shown));
        joints.velocities.next = &aim;
        ck_assert_int_eq(app.xrLocateHandJointsEXT(tracker, &joints.info, &joints.locations),
                         XR_SUCCESS);
    } while (!joints.locations.isActive && base_clock_ns() < deadline);
    ck_assert_uint_eq(aim.status, XR_HAND_TRACKING_AIM_COMPUTED_BIT_FB |
                                      XR_HAND_TRACKING_AIM_VALID_BIT_FB |
                                      XR_HAND_TRACKING_AIM_INDEX_PINCHING_BIT_FB);
    ck_assert(aim.pinchStrengthIndex > 0.99f && aim.pinchStrengthLittle < 0.5f);
    ck_assert_int_eq(app.xrLocateSpace(app.local, base, 1, &local), XR_SUCCESS);
    XrVector3f shoulder = pose_point(&local.pose, (XrVector3f){0.17f, -0.2f, 0});
    XrVector3f knuckle = joints.joints[XR_HAND_JOINT_INDEX_PROXIMAL_EXT].pose.position;
    near_vector(aim.aimPose.position, knuckle);
    XrVector3f ahead = quat_rotate(aim.aimPose.orientation, (XrVector3f){0, 0, -1});
    near_vector(ahead, vec_unit(vec_sub(knuckle, shoulder), ahead));
    XrVector3f across = quat_rotate(aim.aimPose.orientation, (XrVector3f){1, 0, 0});
    ck_assert(fabsf(across.y) < 1e-3f); /* it does not roll */
}

START_TEST(aim_goes_from_the_shoulder_through_the_knuckle)
{
    start();
    XrHandTrackerEXT tracker = app_tracker(&app, XR_HAND_RIGHT_EXT);
    check_aim(tracker, app.local);
    check_aim(tracker, app.stage);
    stop();
}
END_TEST

START_TEST(a_source_is_active_without_a_hand)
{
    XrHandTrackingDataSourceEXT sources[] = {XR_HAND_TRACKING_DATA_SOURCE_CONTROLLER_EXT,
                                             XR_HAND_TRACKING_DATA_SOURCE_UNOBSTRUCTED_EXT};
    XrHandTrackingDataSourceInfoEXT info = {.type = XR_TYPE_HAND_TRACKING_DATA_SOURCE_INFO_EXT,
                                            .requestedDataSources = sources};
    XrHandTrackerCreateInfoEXT create = {.type = XR_TYPE_HAND_TRACKER_CREATE_INFO_EXT,
                                         .next = &info,
                                         .hand = XR_HAND_RIGHT_EXT,
                                         .handJointSet = XR_HAND_JOINT_SET_DEFAULT_EXT};
    XrHandTrackingDataSourceStateEXT state[2];
    XrHandTrackerEXT trackers[2]; /* one that takes controllers, one that takes anything */
    struct app_joints joints;
    start();
    for (uint32_t i = 0; i < 2; i++) {
        info.requestedDataSourceCount = i + 1;
        ck_assert_int_eq(app.xrCreateHandTrackerEXT(app.session, &create, &trackers[i]),
                         XR_SUCCESS);
    }
    int64_t deadline = base_clock_ns() + PATIENCE;
    do {
        struct percept_hands nothing;
        hand_frame(&nothing, base_clock_ns());
        publish(&nothing);
        usleep(1000);
        for (size_t i = 0; i < 2; i++) {
            app_joints_init(&joints, app.local, app_time(base_clock_ns()));
            state[i] = (XrHandTrackingDataSourceStateEXT){
                .type = XR_TYPE_HAND_TRACKING_DATA_SOURCE_STATE_EXT};
            joints.locations.next = &state[i];
            ck_assert_int_eq(
                app.xrLocateHandJointsEXT(trackers[i], &joints.info, &joints.locations),
                XR_SUCCESS);
            ck_assert(!joints.locations.isActive);
        }
    } while (!state[1].isActive && base_clock_ns() < deadline);
    ck_assert(state[1].isActive && !state[0].isActive);
    ck_assert_int_eq(state[1].dataSource, XR_HAND_TRACKING_DATA_SOURCE_UNOBSTRUCTED_EXT);
    stop();
}
END_TEST

/* ---- daemons and hands that go ---- */

static void gone(XrHandTrackerEXT tracker, void (*again)(void))
{
    struct app_joints joints;
    int64_t deadline = base_clock_ns() + PATIENCE;
    do {
        if (again)
            again();
        usleep(1000);
        locate(tracker, app.local, app_time(base_clock_ns()), &joints);
    } while (joints.locations.isActive && base_clock_ns() < deadline);
    ck_assert(!joints.locations.isActive);
    ck_assert_uint_eq(joints.joints[0].locationFlags, 0);
}

static void publish_nothing(void)
{
    struct percept_hands nothing;
    hand_frame(&nothing, base_clock_ns());
    publish(&nothing);
}

START_TEST(a_hand_that_is_lost_is_inactive_and_so_is_a_silent_topic)
{
    struct app_joints joints;
    start();
    XrHandTrackerEXT tracker = app_tracker(&app, XR_HAND_RIGHT_EXT);
    show(&rest, tracker, app.local, 0, &joints);
    gone(tracker, publish_nothing);
    show(&rest, tracker, app.local, 0, &joints);
    gone(tracker, NULL);
    stop();
}
END_TEST

START_TEST(a_daemon_that_restarts_is_found_again)
{
    struct app_joints joints;
    start();
    XrHandTrackerEXT tracker = app_tracker(&app, XR_HAND_RIGHT_EXT);
    show(&rest, tracker, app.local, 0, &joints);
    mini_stop(mini);
    gone(tracker, NULL);
    start_daemon(NULL);
    show(&rest, tracker, app.local, 0, &joints);
    stop();
}
END_TEST

START_TEST(a_daemon_may_come_after_the_app)
{
    struct app_joints joints;
    path = mini_path();
    setenv("PERCEPT_SOCKET", path, 1);
    app_start(&app, APP_ALL, APP_ALL_COUNT);
    XrHandTrackerEXT tracker = app_tracker(&app, XR_HAND_RIGHT_EXT);
    gone(tracker, NULL);
    start_daemon(NULL);
    show(&rest, tracker, app.local, 0, &joints);
    stop();
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
    path = mini_path();
    setenv("PERCEPT_SOCKET", path, 1);
    start_daemon(&guard);
    app_start(&app, APP_ALL, APP_ALL_COUNT);
    XrHandTrackerEXT tracker = app_tracker(&app, XR_HAND_RIGHT_EXT);
    gone(tracker, publish_nothing);
    permitted = true;
    show(&rest, tracker, app.local, 0, &joints);
    permitted = false;
    mini_recheck(mini);
    gone(tracker, NULL);
    stop();
}
END_TEST

START_TEST(a_daemon_that_hangs_holds_nobody_up)
{
    struct app_joints joints;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    path = mini_path();
    setenv("PERCEPT_SOCKET", path, 1);
    strncpy(address.sun_path, path, sizeof address.sun_path - 1);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(listen(fd, 4), 0);
    app_start(&app, APP_ALL, APP_ALL_COUNT);
    /* Each of these would wait for the daemon five seconds: this test has half a minute. */
    for (int i = 0; i < 20; i++) {
        XrHandTrackerEXT tracker = app_tracker(&app, XR_HAND_RIGHT_EXT);
        locate(tracker, app.local, app_time(base_clock_ns()), &joints);
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
    start();
    XrHandTrackerEXT tracker = app_tracker(&app, XR_HAND_RIGHT_EXT);
    show(&rest, tracker, app.local, 0, &joints);
    struct percept_hands frame;
    hand_frame(&frame, base_clock_ns());
    memset(frame.hands, 0xff, sizeof frame.hands);
    frame.hand_count = 4000000000u;
    publish(&frame);
    static const int64_t times[] = {INT64_MIN, -1, INT64_MAX - 1, INT64_MAX};
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        hand_frame(&frame, times[i]);
        draw_rest(&frame, 0);
        publish(&frame);
        usleep(2000);
    }
    for (size_t size = 0; size < sizeof frame; size += 97) {
        ck_assert_ptr_nonnull(ipc_topic_loan(mini_topic(mini)));
        ipc_topic_publish(mini_topic(mini), size, base_clock_ns());
        usleep(200);
    }
    show(&rest, tracker, app.local, 0, &joints);
    near_vector(WRIST.position, at_rest.position);
    stop();
}
END_TEST

START_TEST(nothing_is_left_when_the_last_tracker_is_gone)
{
    struct app_joints joints;
    start();
    size_t before = mini_open_descriptors(), mapped = mini_mappings();
    XrHandTrackerEXT one = app_tracker(&app, XR_HAND_RIGHT_EXT);
    XrHandTrackerEXT two = app_tracker(&app, XR_HAND_LEFT_EXT);
    show(&rest, one, app.local, 0, &joints);
    ck_assert_int_eq(app.xrDestroyHandTrackerEXT(two), XR_SUCCESS);
    show(&rest, one, app.local, 0, &joints);
    ck_assert_int_eq(app.xrDestroyHandTrackerEXT(one), XR_SUCCESS);
    int64_t deadline = base_clock_ns() + PATIENCE;
    while ((mini_open_descriptors() != before || mini_mappings() != mapped) &&
           base_clock_ns() < deadline)
        usleep(1000);
    ck_assert_uint_eq(mini_open_descriptors(), before);
    ck_assert_uint_eq(mini_mappings(), mapped);
    /* And it begins anew. */
    one = app_tracker(&app, XR_HAND_RIGHT_EXT);
    show(&rest, one, app.local, 0, &joints);
    stop();
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
    start();
    XrHandTrackerEXT tracker = app_tracker(&app, XR_HAND_RIGHT_EXT);
    show(&rest, tracker, app.local, 0, &joints); /* it has not asked for events yet */
    ck_assert_int_eq(poll_events(), XR_SESSION_STATE_READY);
    show(&rest, tracker, app.local, 0, &joints);
    ck_assert_int_eq(app.xrBeginSession(app.session, &info), XR_SUCCESS);
    ck_assert_int_eq(poll_events(), XR_SESSION_STATE_FOCUSED);
    show(&rest, tracker, app.local, 0, &joints);
    ck_assert_int_eq(app.xrRequestExitSession(app.session), XR_SUCCESS);
    ck_assert_int_eq(poll_events(), XR_SESSION_STATE_STOPPING);
    for (int i = 0; i < 100; i++) {
        struct percept_hands frame;
        hand_frame(&frame, base_clock_ns());
        draw_rest(&frame, 0);
        publish(&frame);
        usleep(1000);
        locate(tracker, app.local, app_time(base_clock_ns()), &joints);
        ck_assert(!joints.locations.isActive);
    }
    stop();
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
        if (newest(*tracker, &joints) == 0)
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
    start();
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
        publish(&frame);
    }
    done = true;
    for (size_t i = 0; i < READERS; i++)
        pthread_join(readers[i], NULL);
    ck_assert_uint_ge(told, ENOUGH);
    stop();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("openxr hands");
    TCase *tests = tcase_create("hands");
    tcase_set_timeout(tests, 90);
    tcase_add_test(tests, joints_are_told_in_the_space_that_the_app_names);
    tcase_add_test(tests, left_and_right_are_told_apart);
    tcase_add_test(tests, a_camera_may_stand_elsewhere);
    tcase_add_test(tests, settings_that_make_no_sense_are_ignored);
    tcase_add_test(tests, a_hand_is_where_it_will_be);
    tcase_add_test(tests, a_hand_is_where_it_was);
    tcase_add_test(tests, one_sample_tells_no_motion);
    tcase_add_test(tests, unextrapolated_is_as_it_was_captured);
    tcase_add_test(tests, a_hand_that_rests_before_a_turning_head_moves_through_the_world);
    tcase_add_test(tests, aim_goes_from_the_shoulder_through_the_knuckle);
    tcase_add_test(tests, a_source_is_active_without_a_hand);
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
