/* From a daemon's samples to what an app is told: places, times, motion, aim. What goes wrong is in
 * test_hands_lost.c. */
#include "hands_app.h"
#include "near.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WRIST_RATE   joints.rates[XR_HAND_JOINT_WRIST_EXT]
#define TIP_RATE(j)  (j).rates[XR_HAND_JOINT_MIDDLE_TIP_EXT].linearVelocity
#define PLACE(j, i)  (j).joints[i].pose.position
#define LATER(s, ms) vec_scale((s), (float)(ms) / 1000)

/* ---- scenes ---- */

static const XrVector3f speed = {0.4f, 0.2f, -0.6f}, spin = {0, 1.5f, 0};

static void draw_motion(struct percept_hands *frame, int64_t from_newest)
{
    float seconds = (float)from_newest / (float)BASE_NS_PER_S;
    XrPosef wrist = {quat_exp(vec_scale(spin, seconds)),
                     vec_add(at_rest.position, vec_scale(speed, seconds))};
    hand_add(frame, 1, true, &wrist, 0);
}

/* Fingers that close faster than any. */
static void draw_clench(struct percept_hands *frame, int64_t from_newest)
{
    hand_add(frame, 1, true, &at_rest, from_newest ? 0 : 0.8f);
}

static void draw_both(struct percept_hands *frame, int64_t from_newest)
{
    XrPosef left = {{0, 0, 0, 1}, {-0.2f, 0, -0.4f}};
    hand_add(frame, 2, false, &left, 0.5f);
    hands_draw_rest(frame, from_newest);
}

static const struct scene motion = {2, draw_motion}, both = {1, draw_both},
                          clench = {2, draw_clench}, one_sample = {1, draw_motion};

/* ---- places ---- */

START_TEST(joints_are_told_in_the_space_that_the_app_names)
{
    struct app_joints joints;
    XrPosef head = {quat_exp((XrVector3f){0, 1.5707963f, 0}), {1, 0.5f, 2}};
    hands_start();
    XrHandTrackerEXT tracker = app_tracker(&app, XR_HAND_RIGHT_EXT);
    mock_script.head.pose = head;
    hands_show(&rest, tracker, app.local, 0, &joints);
    near_vector(WRIST.position, pose_point(&head, at_rest.position));
    near_vector(WRIST.position, (XrVector3f){1 - 0.5f, 0.5f - 0.2f, 2 - 0.1f});
    near_axes(WRIST.orientation, ((XrVector3f){0, 0, -1}), ((XrVector3f){0, 1, 0}),
              ((XrVector3f){1, 0, 0}));
    ck_assert_uint_eq(joints.joints[0].locationFlags, mock_script.head.flags);
    hands_show(&rest, tracker, app.view, 0, &joints);
    near_vector(WRIST.position, at_rest.position);
    hands_show(&rest, tracker, app.stage, 0, &joints);
    XrSpaceLocation local = {.type = XR_TYPE_SPACE_LOCATION};
    ck_assert_int_eq(app.xrLocateSpace(app.local, app.stage, 1, &local), XR_SUCCESS);
    near_vector(WRIST.position, pose_point(&local.pose, pose_point(&head, at_rest.position)));
    hands_stop();
}
END_TEST

START_TEST(left_and_right_are_told_apart)
{
    struct app_joints joints;
    hands_start();
    hands_show(&both, app_tracker(&app, XR_HAND_LEFT_EXT), app.local, 0, &joints);
    near_vector(WRIST.position, (XrVector3f){-0.2f, 0, -0.4f});
    hands_show(&both, app_tracker(&app, XR_HAND_RIGHT_EXT), app.local, 0, &joints);
    near_vector(WRIST.position, at_rest.position);
    hands_stop();
}
END_TEST

START_TEST(a_camera_may_stand_elsewhere)
{
    struct app_joints joints;
    setenv("PERCEPT_OPENXR_CAMERA_SPACE", "local", 1);
    setenv("PERCEPT_OPENXR_CAMERA", "0 0 -0.6 0 1 0 0", 1);
    mock_script.head.pose.position = (XrVector3f){3, 3, 3}; /* does not matter */
    hands_start();
    hands_show(&rest, app_tracker(&app, XR_HAND_RIGHT_EXT), app.local, 0, &joints);
    near_vector(WRIST.position, (XrVector3f){-0.1f, -0.2f, -0.1f});
    hands_stop();
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
    hands_start();
    hands_show(&rest, app_tracker(&app, XR_HAND_RIGHT_EXT), app.local, 0, &joints);
    near_vector(WRIST.position, at_rest.position);
    hands_stop();
}
END_TEST

/* ---- times ---- */

START_TEST(a_hand_is_where_it_will_be)
{
    struct app_joints joints;
    hands_start();
    XrHandTrackerEXT tracker = app_tracker(&app, XR_HAND_RIGHT_EXT);
    hands_show(&motion, tracker, app.local, 50 * BASE_NS_PER_MS, &joints);
    near_vector(WRIST.position, vec_add(at_rest.position, LATER(speed, 50)));
    XrVector3f turned = quat_log(WRIST.orientation);
    near_vector(turned, LATER(spin, 50));
    near_vector(WRIST_RATE.linearVelocity, speed);
    near_vector(WRIST_RATE.angularVelocity, spin);
    /* But no further than a tenth of a second ahead. */
    hands_show(&motion, tracker, app.local, 5 * BASE_NS_PER_S, &joints);
    near_vector(WRIST.position, vec_add(at_rest.position, LATER(speed, 100)));
    hands_stop();
}
END_TEST

START_TEST(a_hand_stays_as_large_as_it_is)
{
    struct app_joints now, later;
    hands_start();
    XrHandTrackerEXT tracker = app_tracker(&app, XR_HAND_RIGHT_EXT);
    hands_show(&clench, tracker, app.local, 0, &now);
    hands_show(&clench, tracker, app.local, 100 * BASE_NS_PER_MS, &later);
    ck_assert(vec_length(TIP_RATE(later)) > 1);
    for (size_t i = XR_HAND_JOINT_THUMB_METACARPAL_EXT + 1; i < XR_HAND_JOINT_COUNT_EXT; i++) {
        float bone = vec_length(vec_sub(PLACE(now, i), PLACE(now, i - 1)));
        float then = vec_length(vec_sub(PLACE(later, i), PLACE(later, i - 1)));
        bool begins = (i - XR_HAND_JOINT_THUMB_TIP_EXT) % 5 == 1; /* at the wrist, not at i - 1 */
        ck_assert_msg(begins || fabsf(bone - then) < 1e-3f, "joint %zu: %f, then %f", i,
                      (double)bone, (double)then);
    }
    hands_stop();
}
END_TEST

START_TEST(a_hand_is_where_it_was)
{
    struct app_joints joints;
    hands_start();
    XrHandTrackerEXT tracker = app_tracker(&app, XR_HAND_RIGHT_EXT);
    hands_show(&motion, tracker, app.local, -20 * BASE_NS_PER_MS, &joints);
    near_vector(WRIST.position, vec_add(at_rest.position, LATER(speed, -20)));
    /* Four samples, and a time between the second and the third. */
    struct scene long_motion = {4, draw_motion};
    hands_show(&long_motion, tracker, app.local, -50 * BASE_NS_PER_MS, &joints);
    near_vector(WRIST.position, vec_add(at_rest.position, LATER(speed, -50)));
    /* Five samples are kept; before them it is where the first of these saw it. */
    struct scene longer_motion = {6, draw_motion};
    hands_show(&longer_motion, tracker, app.local, -2 * BASE_NS_PER_S, &joints);
    near_vector(WRIST.position, vec_add(at_rest.position, LATER(speed, -4 * 33)));
    hands_stop();
}
END_TEST

START_TEST(one_sample_tells_no_motion)
{
    struct app_joints joints;
    hands_start();
    XrHandTrackerEXT tracker = app_tracker(&app, XR_HAND_RIGHT_EXT);
    int64_t deadline = base_clock_ns() + PATIENCE;
    do { /* a second showing would be a second sample: each is of another hand, then */
        usleep(300000);
        hands_show(&one_sample, tracker, app.local, 50 * BASE_NS_PER_MS, &joints);
    } while (WRIST_RATE.velocityFlags != 0 && base_clock_ns() < deadline);
    ck_assert_uint_eq(WRIST_RATE.velocityFlags, 0);
    near_vector(WRIST.position, at_rest.position);
    hands_stop();
}
END_TEST

START_TEST(unextrapolated_is_as_it_was_captured)
{
    struct app_joints joints;
    hands_start();
    XrHandTrackerEXT tracker = app_tracker(&app, XR_HAND_RIGHT_EXT);
    int64_t deadline = base_clock_ns() + PATIENCE;
    XrTime captured;
    int64_t shown;
    do {
        shown = hands_show(&motion, tracker, app.local, 0, &joints);
        captured = hands_newest(tracker, &joints);
    } while (captured == 0 && base_clock_ns() < deadline);
    ck_assert_int_eq(captured, app_time(shown));
    near_vector(WRIST.position, at_rest.position);
    hands_stop();
}
END_TEST

START_TEST(a_hand_that_rests_before_a_turning_head_moves_through_the_world)
{
    struct app_joints joints;
    hands_start();
    XrHandTrackerEXT tracker = app_tracker(&app, XR_HAND_RIGHT_EXT);
    mock_script.head.angular = (XrVector3f){0, 2, 0};
    mock_script.head.linear = (XrVector3f){0, 0, 0.5f};
    mock_script.head.time = app_time(base_clock_ns());
    int64_t shown = hands_show(&rest, tracker, app.local, 20 * BASE_NS_PER_MS, &joints);
    /* In the world it goes with the head, */
    XrSpaceVelocity rate = {.type = XR_TYPE_SPACE_VELOCITY};
    XrSpaceLocation head = {.type = XR_TYPE_SPACE_LOCATION, .next = &rate};
    ck_assert_int_eq(app.xrLocateSpace(app.view, app.local, app_time(shown), &head), XR_SUCCESS);
    near_vector(WRIST_RATE.angularVelocity, rate.angularVelocity);
    XrVector3f arm = quat_rotate(head.pose.orientation, at_rest.position);
    XrVector3f swept = vec_add(rate.linearVelocity, vec_cross(rate.angularVelocity, arm));
    ck_assert(vec_length(vec_sub(WRIST_RATE.linearVelocity, swept)) < 0.05f); /* a chord of it */
    /* and before the head it rests. */
    hands_show(&rest, tracker, app.view, 0, &joints);
    near_vector(WRIST.position, at_rest.position);
    near_vector(WRIST_RATE.angularVelocity, (XrVector3f){0, 0, 0});
    ck_assert(vec_length(WRIST_RATE.linearVelocity) < 0.05f);
    hands_stop();
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
        int64_t shown = hands_show(&pinch, tracker, base, 0, &joints);
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
    hands_start();
    XrHandTrackerEXT tracker = app_tracker(&app, XR_HAND_RIGHT_EXT);
    check_aim(tracker, app.local);
    check_aim(tracker, app.stage);
    hands_stop();
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
    hands_start();
    for (uint32_t i = 0; i < 2; i++) {
        info.requestedDataSourceCount = i + 1;
        ck_assert_int_eq(app.xrCreateHandTrackerEXT(app.session, &create, &trackers[i]),
                         XR_SUCCESS);
    }
    int64_t deadline = base_clock_ns() + PATIENCE;
    do {
        struct percept_hands nothing;
        hand_frame(&nothing, base_clock_ns());
        hands_publish(&nothing);
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
    hands_stop();
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
    tcase_add_test(tests, a_hand_stays_as_large_as_it_is);
    tcase_add_test(tests, a_hand_is_where_it_was);
    tcase_add_test(tests, one_sample_tells_no_motion);
    tcase_add_test(tests, unextrapolated_is_as_it_was_captured);
    tcase_add_test(tests, a_hand_that_rests_before_a_turning_head_moves_through_the_world);
    tcase_add_test(tests, aim_goes_from_the_shoulder_through_the_knuckle);
    tcase_add_test(tests, a_source_is_active_without_a_hand);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
