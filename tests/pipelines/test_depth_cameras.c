/* Live depth against drivers in memory: two eyes on two devices or one, and cameras that measure
 * depth. */
#include "fake_camera.h"
#include "host.h"
#include "pictures.h"
#include "stereo_scene.h"
#include "suite.h"

#include "base/clock.h"
#include "pipelines/config.h"
#include "pipelines/frame.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <linux/videodev2.h>

#define MS       BASE_NS_PER_MS
#define STEREO   "type: stereo_camera, left: /dev/fake, right: /dev/fake2"
#define DEPTH    "type: depth_camera, device: /dev/fake"
#define COLOURED DEPTH ", colour: /dev/fake2"

enum { LEFT, RIGHT };

static const struct fake_camera_options yuyv = {
    .pixel_format = V4L2_PIX_FMT_YUYV, .width = 4, .height = 2};
static const struct fake_camera_options z16 = {
    .pixel_format = V4L2_PIX_FMT_Z16, .width = 3, .height = 2};

static struct pipe_config *config;
static const struct pipe_config_pipeline *pipeline;
static struct pipe_source *source;
static struct pipe_frame_pool *pool;
static struct pipe_frame *frame;
static struct percept_error error;
static char said[1024];
static int64_t start, at;

static void setup(void)
{
    pictures_make_folder();
    pipe_camera_set_io(&fake_camera_io);
    ck_assert_int_eq(pipe_frame_pool_create(1, &pool, NULL), PERCEPT_OK);
    frame = pipe_frame_get(pool);
    start = base_clock_ns() / 1000 * 1000; /* drivers count microseconds */
}

static void teardown(void)
{
    if (source)
        pipeline->source->destroy(source);
    for (unsigned i = 0; i < FAKE_CAMERAS; i++)
        fake_camera_unplug_nth(i);
    ck_assert_int_eq(fake_camera_leaks(), 0);
    pipe_frame_unref(frame);
    pipe_frame_pool_destroy(pool);
    pipe_config_destroy(config);
    pictures_remove_folder();
}

static enum percept_status open_source(const char *braces)
{
    char text[1024];
    snprintf(text, sizeof text, "version: 1\npipelines:\n  a:\n    source: {%s}\n", braces);
    error = (struct percept_error){0};
    ck_assert_int_eq(pipe_config_parse("test.yaml", text, strlen(text), &config, &error),
                     PERCEPT_OK);
    pipeline = &config->pipelines[0];
    const struct pipe_source_setup of = {.params = pipeline->source_params, .stop_fd = -1};
    return pipeline->source->create(&of, &source, &error);
}

static void must(enum percept_status status)
{
    ck_assert_msg(status == PERCEPT_OK, "%s", percept_error_format(&error, said, sizeof said));
}

static enum percept_status next(void)
{
    error = (struct percept_error){0};
    pipe_frame_unref(frame);
    frame = pipe_frame_get(pool);
    return pipeline->source->next(source, frame, &at, &error);
}

static void plug_both(const struct fake_camera_options *first,
                      const struct fake_camera_options *second)
{
    fake_camera_plug_nth(0, first);
    fake_camera_plug_nth(1, second);
}

/* An image of one brightness. */
static void capture(unsigned eye, uint8_t luma, int64_t capture_ns)
{
    uint8_t bytes[4 * 2 * 2];
    for (size_t i = 0; i < sizeof bytes; i += 2) {
        bytes[i] = luma;
        bytes[i + 1] = 128;
    }
    ck_assert(fake_camera_capture_nth(eye, bytes, sizeof bytes, capture_ns, false));
}

static const uint16_t depths[6] = {0, 1, 1000, 2000, 40000, 65535};

static void capture_depths(int64_t capture_ns)
{
    ck_assert(fake_camera_capture_nth(0, depths, sizeof depths, capture_ns, false));
}

/* ---- two eyes ---- */

START_TEST(two_cameras_are_a_frame_with_two_eyes)
{
    plug_both(&yuyv, &yuyv);
    must(open_source(STEREO));
    capture(LEFT, 16, start);
    capture(RIGHT, 235, start + 2 * MS);
    must(next());
    ck_assert_int_eq(at, start);
    ck_assert_int_eq(frame->skew_ns, 2 * MS);
    ck_assert_uint_eq(frame->width, 4);
    ck_assert_uint_eq(frame->pixels[0], 0);
    ck_assert_uint_eq(frame->right->width, 4);
    ck_assert_uint_eq(frame->right->pixels[0], 255);
}
END_TEST

START_TEST(a_camera_that_is_behind_catches_up)
{
    plug_both(&yuyv, &yuyv);
    must(open_source(STEREO));
    for (int i = 0; i < 4; i++)
        capture(RIGHT, (uint8_t)(60 + i), start + i * 33 * MS);
    capture(LEFT, 50, start + 68 * MS);
    capture(LEFT, 50, start + 101 * MS);
    must(next());
    ck_assert_int_eq(at, start + 68 * MS);
    ck_assert_int_eq(frame->skew_ns, -2 * MS);
    must(next()); /* and stays with it */
    ck_assert_int_eq(at, start + 101 * MS);
    ck_assert_int_eq(frame->skew_ns, -2 * MS);
}
END_TEST

START_TEST(of_a_faster_camera_every_second_frame_is_taken)
{
    plug_both(&yuyv, &yuyv);
    must(open_source(STEREO));
    for (int i = 0; i < 12; i++) { /* half a frame later, 60 a second */
        capture(RIGHT, 60, start + 4 * MS + 2 * i * 16 * MS);
        capture(LEFT, 50, start + i * 32 * MS);
        must(next());
        capture(RIGHT, 60, start + 4 * MS + (2 * i + 1) * 16 * MS);
        ck_assert_int_eq(at, start + i * 32 * MS);
        ck_assert_int_eq(frame->skew_ns, 4 * MS);
    }
}
END_TEST

static atomic_bool fed;

/* Frames of the right eye whose clock is ten seconds behind. */
static void *feed(void *unused)
{
    for (int i = 0; !atomic_load(&fed); i++) {
        uint8_t bytes[16] = {0};
        if (fake_camera_ready_nth(RIGHT))
            fake_camera_capture_nth(RIGHT, bytes, sizeof bytes,
                                    start - 10 * BASE_NS_PER_S + i * 33 * MS, false);
    }
    return unused;
}

START_TEST(clocks_that_have_nothing_to_do_with_each_other_are_told)
{
    pthread_t thread;
    plug_both(&yuyv, &yuyv);
    must(open_source(STEREO));
    capture(LEFT, 50, start);
    atomic_store(&fed, false);
    ck_assert_int_eq(pthread_create(&thread, NULL, feed, NULL), 0);
    must(next()); /* it does not wait for ever */
    atomic_store(&fed, true);
    pthread_join(thread, NULL);
    ck_assert_int_eq(at, start);
    ck_assert_int_lt(frame->skew_ns, -9 * BASE_NS_PER_S);
}
END_TEST

START_TEST(one_device_with_both_eyes_is_cut_in_two)
{
    static const uint8_t halves[2][8] = {{16, 128, 16, 128, 235, 128, 235, 128},
                                         {16, 128, 16, 128, 235, 128, 235, 128}};
    fake_camera_plug(&yuyv);
    must(open_source("type: stereo_camera, side_by_side: /dev/fake"));
    ck_assert(fake_camera_capture(halves, sizeof halves, start, false));
    must(next());
    ck_assert_int_eq(at, start);
    ck_assert_int_eq(frame->skew_ns, 0);
    ck_assert_uint_eq(frame->width, 2);
    ck_assert_uint_eq(frame->right->width, 2);
    for (unsigned y = 0; y < 2; y++)
        for (unsigned x = 0; x < 6; x++) {
            ck_assert_uint_eq(frame->pixels[y * frame->stride + x], 0);
            ck_assert_uint_eq(frame->right->pixels[y * frame->right->stride + x], 255);
        }
}
END_TEST

static void *come_back(void *unused)
{
    uint8_t bytes[16] = {0};
    if (fake_camera_ready_nth(RIGHT))
        fake_camera_capture_nth(RIGHT, bytes, sizeof bytes, start + 100 * MS, false);
    return unused;
}

START_TEST(an_eye_that_is_unplugged_is_waited_for)
{
    plug_both(&yuyv, &yuyv);
    must(open_source(STEREO));
    capture(LEFT, 50, start);
    fake_camera_unplug_nth(RIGHT);
    ck_assert_int_eq(next(), PERCEPT_DISCONNECTED);
    ck_assert_str_eq(error.message, "camera /dev/fake2 was unplugged");
    /* The other eye goes on by itself: what its buffers hold is old when both are there again. */
    for (int i = 1; i < 4; i++)
        capture(LEFT, 50, start + i * 33 * MS);
    ck_assert_int_eq(next(), PERCEPT_DISCONNECTED);
    ck_assert_str_eq(error.message, "camera /dev/fake2: open: No such file or directory");
    fake_camera_plug_nth(RIGHT, &yuyv);
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, come_back, NULL), 0);
    must(next());
    pthread_join(thread, NULL);
    ck_assert_int_eq(at, start + 99 * MS);
    ck_assert_int_eq(frame->skew_ns, MS);
}
END_TEST

START_TEST(a_damaged_frame_costs_one_pair)
{
    uint8_t bytes[16] = {0};
    plug_both(&yuyv, &yuyv);
    must(open_source(STEREO));
    capture(LEFT, 50, start);
    ck_assert(fake_camera_capture_nth(RIGHT, bytes, sizeof bytes, start, true));
    capture(LEFT, 51, start + 33 * MS);
    capture(RIGHT, 61, start + 33 * MS);
    ck_assert_int_eq(next(), PERCEPT_MALFORMED);
    ck_assert_str_eq(error.message, "camera /dev/fake2: a damaged frame");
    must(next());
    ck_assert_int_eq(at, start + 33 * MS);
    ck_assert_int_eq(frame->skew_ns, 0);
}
END_TEST

START_TEST(at_rest_both_eyes_are_closed)
{
    plug_both(&yuyv, &yuyv);
    must(open_source(STEREO));
    ck_assert_int_gt(fake_camera_leaks(), 0);
    pipeline->source->rest(source);
    ck_assert_int_eq(fake_camera_leaks(), 0);
}
END_TEST

/* ---- depths ---- */

static const uint32_t depth_formats[] = {V4L2_PIX_FMT_Z16, V4L2_PIX_FMT_Y16};

START_TEST(depths_come_as_the_driver_gives_them)
{
    struct fake_camera_options options = z16;
    options.pixel_format = depth_formats[_i];
    fake_camera_plug(&options);
    must(open_source(DEPTH ", unit: 0.00025"));
    capture_depths(start);
    must(next());
    ck_assert_int_eq(at, start);
    ck_assert_uint_eq(frame->raw->width, 3);
    ck_assert_uint_eq(frame->raw->height, 2);
    ck_assert_mem_eq(frame->raw->values, depths, sizeof depths);
    ck_assert_double_eq(frame->raw->unit_m, 0.00025);
    ck_assert(!frame->raw->has_photo);
    ck_assert_uint_eq(frame->width, 3); /* drawn */
    ck_assert_uint_eq(frame->pixels[0], 0);
    ck_assert_uint_eq(frame->pixels[6], 204); /* a quarter of a metre */
}
END_TEST

START_TEST(rows_of_depths_may_be_longer_than_their_pixels)
{
    struct fake_camera_options options = z16;
    uint16_t bytes[8 * 2] = {1, 2, 3, 99, 99, 99, 99, 99, 4, 5, 6};
    options.stride = 16;
    fake_camera_plug(&options);
    must(open_source(DEPTH));
    ck_assert(fake_camera_capture(bytes, sizeof bytes, start, false));
    must(next());
    const uint16_t expected[6] = {1, 2, 3, 4, 5, 6};
    ck_assert_mem_eq(frame->raw->values, expected, sizeof expected);
}
END_TEST

START_TEST(depths_that_are_cut_short_are_not_read_past_their_end)
{
    fake_camera_plug(&z16);
    must(open_source(DEPTH));
    ck_assert(fake_camera_capture(depths, sizeof depths - 1, start, false));
    ck_assert_int_eq(next(), PERCEPT_MALFORMED);
    ck_assert_str_eq(error.message, "camera /dev/fake: a frame that is cut short");
}
END_TEST

START_TEST(depths_and_colours_of_one_moment_are_a_frame)
{
    plug_both(&z16, &yuyv);
    must(open_source(COLOURED));
    capture(1, 16, start - 33 * MS);
    capture(1, 235, start + MS);
    capture_depths(start);
    must(next());
    ck_assert_int_eq(at, start);
    ck_assert_int_eq(frame->skew_ns, MS);
    ck_assert(frame->raw->has_photo);
    ck_assert_uint_eq(frame->width, 4);
    ck_assert_uint_eq(frame->pixels[0], 255);
    ck_assert_mem_eq(frame->raw->values, depths, sizeof depths);
}
END_TEST

static const struct {
    const struct fake_camera_options *first, *second;
    const char *source, *message;
} refused[] = {
    {&yuyv, NULL, DEPTH,
     "camera /dev/fake gives none of Z16 and Y16 as was asked for, of at most 2073600 pixels"},
    {&z16, NULL, "type: camera, device: /dev/fake",
     "camera /dev/fake gives none of YUYV, NV12 and MJPEG as was asked for, of at most 2073600 "
     "pixels"},
    {&z16, NULL, COLOURED, "camera /dev/fake2: open: No such file or directory"},
    {&yuyv, NULL, STEREO, "camera /dev/fake2: open: No such file or directory"},
    {NULL, &yuyv, STEREO, "camera /dev/fake: open: No such file or directory"},
    {&yuyv, &yuyv, "type: stereo_camera, left: /dev/fake",
     "expected either left and right, or side_by_side"},
    {&yuyv, &yuyv, STEREO ", side_by_side: /dev/fake",
     "expected either left and right, or side_by_side"},
};

START_TEST(cameras_that_will_not_do_are_refused)
{
    if (refused[_i].first)
        fake_camera_plug_nth(0, refused[_i].first);
    if (refused[_i].second)
        fake_camera_plug_nth(1, refused[_i].second);
    ck_assert_int_lt(open_source(refused[_i].source), 0);
    ck_assert_str_eq(error.message, refused[_i].message);
    ck_assert_int_eq(fake_camera_leaks(), 0);
}
END_TEST

/* ---- in a pipeline ---- */

#define EYE_WIDTH  320
#define EYE_HEIGHT 240

static void capture_scene(unsigned eye, int64_t capture_ns)
{
    static const struct stereo_scene scene = {EYE_WIDTH, EYE_HEIGHT, 8, 24, 0, 2};
    static uint8_t rgb[EYE_WIDTH * EYE_HEIGHT * 3], bytes[EYE_WIDTH * EYE_HEIGHT * 2];
    stereo_scene_draw(&scene, eye, rgb, EYE_WIDTH * 3);
    for (size_t i = 0; i < EYE_WIDTH * EYE_HEIGHT; i++) {
        bytes[2 * i] = rgb[3 * i];
        bytes[2 * i + 1] = 128;
    }
    ck_assert(fake_camera_ready_nth(eye));
    ck_assert(fake_camera_capture_nth(eye, bytes, sizeof bytes, capture_ns, false));
}

START_TEST(eyes_that_are_not_synchronised_degrade_the_pipeline)
{
    static struct host host;
    const struct fake_camera_options options = {
        .pixel_format = V4L2_PIX_FMT_YUYV, .width = EYE_WIDTH, .height = EYE_HEIGHT};
    plug_both(&options, &options);
    host_init(&host);
    host_start(&host,
               "version: 1\npipelines:\n  a:\n"
               "    source: {" STEREO "}\n"
               "    nodes: [{node: stereo_depth, inputs: {frame: source}, width: 96, height: "
               "72, disparities: 32}]\n"
               "    topics: {depth: stereo_depth}\n");
    capture_scene(LEFT, start);
    capture_scene(RIGHT, start + 12 * MS);
    host_wait_events(&host,
                     "a: degraded: node 'stereo_depth': the eyes were captured at different times",
                     1, 200);
    host_wait_samples(&host, "depth", 1, 200);
    ck_assert_int_eq(host_topic(&host, "depth")->samples[0].capture_ns, start);
    for (int i = 1; i < 14; i++) { /* it takes ten good ones */
        int64_t now = base_clock_ns();
        capture_scene(LEFT, now);
        capture_scene(RIGHT, now + MS);
        host_wait_samples(&host, "depth", (size_t)i + 1, 200);
    }
    host_wait_events(&host, "recovered", 1, 200);
    host_fini(&host);
}
END_TEST

START_TEST(a_depth_camera_that_is_unplugged_is_waited_for)
{
    static struct host host;
    host_init(&host);
    fake_camera_plug(&z16);
    host_start(&host, "version: 1\npipelines:\n  a:\n"
                      "    source: {" DEPTH "}\n"
                      "    nodes: [{node: measured_depth, inputs: {frame: source}, intrinsics: [3, "
                      "3, 1, 0.5], calibrated_width: 3, calibrated_height: 2, width: 48, height: "
                      "32, far: 60, agree: 0, speckle: 0}]\n"
                      "    topics: {depth: measured_depth, frames: source}\n");
    capture_depths(start);
    host_wait_samples(&host, "depth", 1, 200);
    fake_camera_unplug();
    host_wait_events(&host, "degraded: camera /dev/fake was unplugged", 1, 200);
    fake_camera_plug(&z16);
    ck_assert(fake_camera_ready());
    capture_depths(base_clock_ns());
    host_wait_samples(&host, "depth", 2, 200);
    host_wait_events(&host, "recovered", 1, 200);
    ck_assert_str_eq(host_stats(&host, 0).state, "running");
    ck_assert_str_eq(host_stats(&host, 0).source, "depth_camera");
    host_fini(&host);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("depth_cameras");
    TCase *tests = tcase_create("depth_cameras");
    tcase_set_timeout(tests, 100);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, two_cameras_are_a_frame_with_two_eyes);
    tcase_add_test(tests, a_camera_that_is_behind_catches_up);
    tcase_add_test(tests, of_a_faster_camera_every_second_frame_is_taken);
    tcase_add_test(tests, clocks_that_have_nothing_to_do_with_each_other_are_told);
    tcase_add_test(tests, one_device_with_both_eyes_is_cut_in_two);
    tcase_add_test(tests, an_eye_that_is_unplugged_is_waited_for);
    tcase_add_test(tests, a_damaged_frame_costs_one_pair);
    tcase_add_test(tests, at_rest_both_eyes_are_closed);
    tcase_add_loop_test(tests, depths_come_as_the_driver_gives_them, 0, 2);
    tcase_add_test(tests, rows_of_depths_may_be_longer_than_their_pixels);
    tcase_add_test(tests, depths_that_are_cut_short_are_not_read_past_their_end);
    tcase_add_test(tests, depths_and_colours_of_one_moment_are_a_frame);
    tcase_add_loop_test(tests, cameras_that_will_not_do_are_refused, 0,
                        sizeof refused / sizeof refused[0]);
    tcase_add_test(tests, eyes_that_are_not_synchronised_degrade_the_pipeline);
    tcase_add_test(tests, a_depth_camera_that_is_unplugged_is_waited_for);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
