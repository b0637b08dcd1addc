/* Where XR_PERCEPT_text puts texts: in their directions, in metres where depth is known, and the
 * one that is pointed at. */
#include "depth_scene.h"
#include "near.h"
#include "text_app.h"

#include "openxr/pose.h"

#include "base/clock.h"

#include <stdlib.h>

/* ---- in directions ---- */

#define HALF_WIDTH 0.63707026f /* tan(65 degrees / 2) */

START_TEST(a_text_is_a_quad_in_its_direction)
{
    const XrPosef head = {quat_exp((XrVector3f){0, 1.5707963f, 0}), {1, 0.5f, 2}};
    text_begin();
    XrTextTrackerPERCEPT tracker = percept_app_text(&app, XR_TEXT_SCOPE_ALL_PERCEPT);
    text_add(1, "ahead", 280, 220, 80, 40);
    text_add(2, "at the right edge", 600, 220, 40, 40)->seen = 0;
    text_show();
    text_locate(tracker, app.app.local);
    ck_assert(places.told.isActive);
    ck_assert_int_eq(places.told.captureTime, app_time(sample.capture_ns));
    ck_assert_int_eq(places.told.imageSize.width, 640);
    ck_assert_uint_eq(places.told.cameraFlags, mock_script.head.flags);
    near_vector(places.told.cameraPose.position, (XrVector3f){0, 0, 0});
    const XrTextLocationPERCEPT *ahead = &places.list[0], *edge = &places.list[1];
    ck_assert_uint_eq(ahead->locationFlags, XR_TEXT_LOCATION_VALID_BIT_PERCEPT |
                                                XR_TEXT_LOCATION_TRACKED_BIT_PERCEPT |
                                                XR_TEXT_LOCATION_SEEN_BIT_PERCEPT);
    ck_assert(!(edge->locationFlags & XR_TEXT_LOCATION_SEEN_BIT_PERCEPT));
    near_vector(ahead->pose.position, (XrVector3f){0, 0, -1});
    near_axes(ahead->pose.orientation, ((XrVector3f){1, 0, 0}), ((XrVector3f){0, 1, 0}),
              ((XrVector3f){0, 0, 1}));
    ck_assert(fabsf(ahead->extents.width - HALF_WIDTH * 2 * 80 / 640) < 1e-4f);
    ck_assert(fabsf(ahead->extents.height - HALF_WIDTH * 2 * 40 / 640) < 1e-4f);
    near_vector(edge->corners[1], (XrVector3f){HALF_WIDTH, HALF_WIDTH * 20 / 320, -1});
    near_vector(edge->corners[2], (XrVector3f){HALF_WIDTH, -HALF_WIDTH * 20 / 320, -1});
    ck_assert(edge->imageCorners[1].x == 640 && edge->imageCorners[1].y == 220);
    /* In the world by where the head was; in another space as that is now. */
    mock_script.head.pose = head;
    text_locate(tracker, app.app.local);
    near_vector(places.list[0].pose.position, pose_point(&head, (XrVector3f){0, 0, -1}));
    near_vector(places.told.cameraPose.position, head.position);
    text_locate(tracker, app.app.view);
    near_vector(places.list[0].pose.position, (XrVector3f){0, 0, -1});
    text_locate(tracker, app.app.stage);
    XrSpaceLocation local = {.type = XR_TYPE_SPACE_LOCATION};
    ck_assert_int_eq(app.app.xrLocateSpace(app.app.local, app.app.stage, 1, &local), XR_SUCCESS);
    near_vector(places.list[0].pose.position,
                pose_point(&local.pose, pose_point(&head, (XrVector3f){0, 0, -1})));
    text_finish();
}
END_TEST

START_TEST(a_text_stays_while_the_head_turns)
{
    text_begin();
    XrTextTrackerPERCEPT tracker = percept_app_text(&app, XR_TEXT_SCOPE_ALL_PERCEPT);
    text_add(1, "ahead", 280, 220, 80, 40);
    text_show();
    /* Straight ahead when it was seen, and turning to the left for half a second since. */
    mock_script.head.time = app_time(sample.capture_ns);
    mock_script.head.angular = (XrVector3f){0, 1, 0};
    percept_app_places_init(&places, app.app.local, mock_script.head.time + BASE_NS_PER_S / 2);
    ck_assert_int_eq(app.xrLocateTextsPERCEPT(tracker, &places.info, &places.told), XR_SUCCESS);
    near_vector(places.list[0].pose.position, (XrVector3f){0, 0, -1});
    places.info.baseSpace = app.app.view;
    ck_assert_int_eq(app.xrLocateTextsPERCEPT(tracker, &places.info, &places.told), XR_SUCCESS);
    near_vector(places.list[0].pose.position, (XrVector3f){sinf(0.5f), 0, -cosf(0.5f)});
    text_finish();
}
END_TEST

START_TEST(a_leaning_line_has_a_leaning_pose)
{
    text_begin();
    XrTextTrackerPERCEPT tracker = percept_app_text(&app, XR_TEXT_SCOPE_ALL_PERCEPT);
    struct percept_text_line *line = text_add(1, "down", 0, 0, 1, 1);
    /* Read from top to bottom: its top left is the image's top right. */
    const float corners[4][2] = {{340, 200}, {340, 280}, {300, 280}, {300, 200}};
    memcpy(line->corners, corners, sizeof corners);
    text_show();
    text_locate(tracker, app.app.local);
    near_axes(places.list[0].pose.orientation, ((XrVector3f){0, -1, 0}), ((XrVector3f){1, 0, 0}),
              ((XrVector3f){0, 0, 1}));
    ck_assert(places.list[0].extents.width > places.list[0].extents.height);
    /* One that is but a point has a pose all the same. */
    for (size_t i = 0; i < 4; i++)
        line->corners[i][0] = line->corners[i][1] = 100;
    text_show();
    text_locate(tracker, app.app.local);
    XrQuaternionf q = places.list[0].pose.orientation;
    ck_assert(fabsf(q.x * q.x + q.y * q.y + q.z * q.z + q.w * q.w - 1) < 1e-4f);
    text_finish();
}
END_TEST

START_TEST(where_the_head_is_lost_there_are_no_places)
{
    text_begin();
    XrTextTrackerPERCEPT tracker = percept_app_text(&app, XR_TEXT_SCOPE_ALL_PERCEPT);
    text_add(1, "ahead", 280, 220, 80, 40);
    text_show();
    mock_script.head.flags = XR_SPACE_LOCATION_ORIENTATION_VALID_BIT;
    text_locate(tracker, app.app.local);
    ck_assert(places.told.isActive);
    ck_assert_uint_eq(places.told.cameraFlags, 0);
    ck_assert_uint_eq(places.list[0].locationFlags, XR_TEXT_LOCATION_SEEN_BIT_PERCEPT);
    ck_assert(places.list[0].imageCorners[0].x == 280);
    mock_script.head.flags |= XR_SPACE_LOCATION_POSITION_VALID_BIT;
    text_locate(tracker, app.app.local);
    ck_assert_uint_eq(places.list[0].locationFlags,
                      XR_TEXT_LOCATION_VALID_BIT_PERCEPT | XR_TEXT_LOCATION_SEEN_BIT_PERCEPT);
    sample.image_width = 0;
    text_show();
    text_locate(tracker, app.app.local);
    ck_assert_uint_eq(places.list[0].locationFlags, XR_TEXT_LOCATION_SEEN_BIT_PERCEPT);
    text_finish();
}
END_TEST

/* ---- in metres ---- */

static XrTextTrackerPERCEPT metric_tracker(void)
{
    XrTextTrackerCreateInfoPERCEPT info = {.type = XR_TYPE_TEXT_TRACKER_CREATE_INFO_PERCEPT,
                                           .createFlags = XR_TEXT_TRACKER_CREATE_METRIC_BIT_PERCEPT,
                                           .scope = XR_TEXT_SCOPE_ALL_PERCEPT};
    XrTextTrackerPERCEPT tracker;
    ck_assert_int_eq(app.xrCreateTextTrackerPERCEPT(app.app.session, &info, &tracker), XR_SUCCESS);
    return tracker;
}

/* A wall, as the camera sees it from where the head is at the time: metres along z by its pixel. */
static void measure(int64_t capture_ns, float (*metres)(float x, float y))
{
    static _Alignas(64) char payload[SCENE_BYTES];
    struct percept_depth *depth = (void *)payload;
    size_t size = scene_draw(depth, capture_ns, SCENE_SCALE_MAX, true);
    float *map = (void *)(payload + depth->maps[0].offset);
    memset(payload + depth->maps[1].offset, 200, depth->maps[1].bytes);
    for (uint32_t y = 0; y < depth->height; y++)
        for (uint32_t x = 0; x < depth->width; x++)
            map[y * depth->width + x] = metres(((float)x + 0.5f - depth->cx) / depth->fx,
                                               ((float)y + 0.5f - depth->cy) / depth->fy);
    percept_app_feed(&feed_depth, depth, size);
}

static float flat(float x, float y)
{
    (void)x;
    (void)y;
    return 2;
}

/* z = 2 + X / 2: the right side is farther. */
static float slope(float x, float y)
{
    (void)y;
    return 2 / (1 - x / 2);
}

/* A pole stands before the wall. */
static float pole(float x, float y)
{
    return fabsf(x) < 0.05f ? 0.5f : flat(x, y);
}

static float nothing(float x, float y)
{
    (void)x;
    (void)y;
    return 0;
}

#define IS_METRIC(i) ((places.list[i].locationFlags & XR_TEXT_LOCATION_METRIC_BIT_PERCEPT) != 0)

/* Show the text, and the wall as it was so much earlier; again where that took so long that the map
 * has become stale. */
static void locate_before(XrTextTrackerPERCEPT tracker, int64_t earlier_ns,
                          float (*metres)(float x, float y))
{
    do {
        text_show();
        mock_script.head.time = app_time(sample.capture_ns);
        measure(sample.capture_ns - earlier_ns, metres);
        text_locate(tracker, app.app.local);
    } while (base_clock_ns() - sample.capture_ns + earlier_ns > 400 * BASE_NS_PER_MS);
}

START_TEST(with_depth_a_text_is_where_it_stands)
{
    text_begin();
    XrTextTrackerPERCEPT tracker = metric_tracker();
    XrTextTrackerPERCEPT other = percept_app_text(&app, XR_TEXT_SCOPE_ALL_PERCEPT);
    text_add(1, "WIDE AND HIGH", 220, 190, 200, 100);
    text_show();
    text_locate(tracker, app.app.local);
    ck_assert(!IS_METRIC(0)); /* there is no map */
    near_vector(places.list[0].pose.position, (XrVector3f){0, 0, -1});
    locate_before(tracker, 0, flat);
    ck_assert(IS_METRIC(0));
    near_vector(places.list[0].pose.position, (XrVector3f){0, 0, -2});
    ck_assert(fabsf(places.list[0].extents.width - 2 * HALF_WIDTH * 2 * 200 / 640) < 5e-3f);
    locate_before(other, 0, flat); /* who did not ask for it */
    ck_assert(!IS_METRIC(0));
    locate_before(tracker, 0, slope);
    ck_assert(IS_METRIC(0));
    XrVector3f out = quat_rotate(places.list[0].pose.orientation, (XrVector3f){0, 0, 1});
    ck_assert_msg(vec_dot(out, vec_unit((XrVector3f){0.5f, 0, 1}, out)) > 0.999f,
                  "turned to %f %f %f", (double)out.x, (double)out.y, (double)out.z);
    for (size_t i = 0; i < 4; i++) {
        XrVector3f corner = places.list[0].corners[i];
        ck_assert(fabsf(-corner.z - (2 + corner.x / 2)) < 0.05f);
    }
    /* Things before it do not count, nor does what is not known. */
    locate_before(tracker, 0, pole);
    near_vector(places.list[0].pose.position, (XrVector3f){0, 0, -2});
    locate_before(tracker, 0, nothing);
    ck_assert(!IS_METRIC(0));
    near_vector(places.list[0].pose.position, (XrVector3f){0, 0, -1});
    text_finish();
}
END_TEST

START_TEST(depth_that_was_measured_elsewhere_is_brought_along)
{
    text_begin();
    XrTextTrackerPERCEPT tracker = metric_tracker();
    text_add(1, "WIDE AND HIGH", 220, 190, 200, 100);
    /* Ahead by two metres a second, so the wall was 0.2 m farther off a tenth of a second ago. */
    mock_script.head.linear = (XrVector3f){1, 0, -2};
    locate_before(tracker, 100 * BASE_NS_PER_MS, flat);
    ck_assert(IS_METRIC(0));
    ck_assert(fabsf(places.list[0].pose.position.z - -1.8f) < 5e-3f);
    near_vector(places.told.cameraPose.position, (XrVector3f){0, 0, 0});
    /* A text that was seen too long before. */
    measure(base_clock_ns(), flat);
    sample.capture_ns = base_clock_ns() - 2 * BASE_NS_PER_S;
    percept_app_feed(&feed_text, &sample, sizeof sample);
    text_locate(tracker, app.app.local);
    ck_assert(places.told.isActive && !IS_METRIC(0));
    text_finish();
}
END_TEST

/* ---- the selected text ---- */

START_TEST(what_is_pointed_at_is_told_alone)
{
    struct percept_text_selected selected = {.since_ns = 5000};
    XrTextSelectionPERCEPT selection = {.type = XR_TYPE_TEXT_SELECTION_PERCEPT};
    text_begin();
    XrTextTrackerPERCEPT tracker = percept_app_text(&app, XR_TEXT_SCOPE_SELECTED_PERCEPT);
    selected.capture_ns = base_clock_ns();
    percept_app_feed(&feed_text_selected, &selected, sizeof selected);
    text_get(tracker);
    ck_assert(texts.told.isActive);
    ck_assert_uint_eq(texts.told.textCountOutput, 0);
    ck_assert_uint_eq(texts.told.bufferCountOutput, 1);
    selected.selected = 1;
    selected.since_ns = 9000;
    selected.point[0] = 300;
    selected.point[1] = 230;
    selected.line = *text_add(5, "info@example.org", 280, 220, 80, 40);
    selected.action_count = 1;
    selected.actions[0] = (struct percept_text_action){
        .kind = PERCEPT_ACTION_EMAIL, .end = 16, .value = "info@example.org"};
    percept_app_feed(&feed_text_selected, &selected, sizeof selected);
    percept_app_texts_init(&texts);
    texts.told.next = &selection;
    ck_assert_int_eq(app.xrGetTextsPERCEPT(tracker, &texts.info, &texts.told), XR_SUCCESS);
    ck_assert_uint_eq(texts.told.textCountOutput, 1);
    ck_assert_str_eq(text_of(0), "info@example.org");
    ck_assert_uint_eq(texts.texts[0].actionCount, 1);
    ck_assert_int_eq(texts.actions[0].actionType, XR_TEXT_ACTION_TYPE_EMAIL_PERCEPT);
    ck_assert_int_eq(selection.sinceTime, app_time(9000));
    ck_assert(selection.imagePoint.x == 300 && selection.imagePoint.y == 230);
    /* Where it is in the world only who may see the other text, too, is told. */
    text_locate(tracker, app.app.local);
    ck_assert_uint_eq(places.told.locationCountOutput, 1);
    ck_assert_uint_eq(places.list[0].locationFlags, XR_TEXT_LOCATION_SEEN_BIT_PERCEPT);
    text_show();
    percept_app_feed(&feed_text_selected, &selected, sizeof selected);
    text_locate(tracker, app.app.local);
    near_vector(places.list[0].pose.position, (XrVector3f){0, 0, -1});
    text_finish();
}
END_TEST

int main(void)
{
    setenv("PERCEPT_SOCKET", "/nonexistent/percept.sock", 1);
    Suite *suite = suite_create("openxr text places");
    TCase *tests = tcase_create("places");
    tcase_set_timeout(tests, 100);
    tcase_add_test(tests, a_text_is_a_quad_in_its_direction);
    tcase_add_test(tests, a_text_stays_while_the_head_turns);
    tcase_add_test(tests, a_leaning_line_has_a_leaning_pose);
    tcase_add_test(tests, where_the_head_is_lost_there_are_no_places);
    tcase_add_test(tests, with_depth_a_text_is_where_it_stands);
    tcase_add_test(tests, depth_that_was_measured_elsewhere_is_brought_along);
    tcase_add_test(tests, what_is_pointed_at_is_told_alone);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
