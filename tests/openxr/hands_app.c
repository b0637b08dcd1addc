#include "hands_app.h"

#include "ipc/topic.h"

#include <check.h>
#include <stdlib.h>
#include <unistd.h>

struct app app;
struct mini *mini;
const char *path;

void hands_start_daemon(const struct ipc_guard *guard)
{
    struct mini_options options = {.topic = "hands",
                                   .schema = PERCEPT_HANDS_SCHEMA,
                                   .max_bytes = sizeof(struct percept_hands),
                                   .guard = guard};
    mini = mini_start(path, &options);
}

void hands_set_path(void)
{
    path = mini_path();
    setenv("PERCEPT_SOCKET", path, 1);
}

void hands_start(void)
{
    hands_set_path();
    hands_start_daemon(NULL);
    app_start(&app, APP_ALL, APP_ALL_COUNT);
}

void hands_stop(void)
{
    app_stop(&app);
    ck_assert_uint_eq(mock_objects(), 0);
    mini_stop(mini);
}

void hands_publish(const struct percept_hands *frame)
{
    struct percept_hands *payload = ipc_topic_loan(mini_topic(mini));
    ck_assert_ptr_nonnull(payload);
    *payload = *frame;
    ipc_topic_publish(mini_topic(mini), sizeof *frame, frame->capture_ns);
}

void hands_locate(XrHandTrackerEXT tracker, XrSpace base, XrTime time, struct app_joints *joints)
{
    app_joints_init(joints, base, time);
    ck_assert_int_eq(app.xrLocateHandJointsEXT(tracker, &joints->info, &joints->locations),
                     XR_SUCCESS);
}

XrTime hands_newest(XrHandTrackerEXT tracker, struct app_joints *joints)
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
        hands_publish(&frame);
        int64_t until = base_clock_ns() + 200 * BASE_NS_PER_MS;
        while (hands_newest(tracker, &joints) != app_time(frame.capture_ns))
            if (base_clock_ns() > until)
                return false;
            else
                usleep(500);
    }
    return true;
}

int64_t hands_show(const struct scene *scene, XrHandTrackerEXT tracker, XrSpace base,
                   int64_t from_newest, struct app_joints *joints)
{
    int64_t deadline = base_clock_ns() + PATIENCE;
    do {
        int64_t now = base_clock_ns();
        if (!show_once(scene, tracker, now))
            continue;
        hands_locate(tracker, base, app_time(now + from_newest), joints);
        if (joints->locations.isActive)
            return now;
    } while (base_clock_ns() < deadline);
    ck_abort_msg("the hand is not seen");
}

const XrPosef at_rest = {{0, 0, 0, 1}, {0.1f, -0.2f, -0.5f}};

void hands_draw_rest(struct percept_hands *frame, int64_t from_newest)
{
    (void)from_newest;
    hand_add(frame, 1, true, &at_rest, 0);
}

const struct scene rest = {2, hands_draw_rest};
