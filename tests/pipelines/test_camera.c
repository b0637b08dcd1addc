/* The camera source against a driver in memory: formats, timestamps, and what people do to plugs.
 */
#include "fake_camera.h"
#include "host.h"
#include "pictures.h"
#include "suite.h"

#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <linux/videodev2.h>

#define START                        \
    "version: 1\n"                   \
    "pipelines:\n"                   \
    "  cam:\n"                       \
    "    topics: {frames: source}\n" \
    "    source: {type: camera, device: /dev/fake"

static const struct fake_camera_options yuyv = {
    .pixel_format = V4L2_PIX_FMT_YUYV, .width = 8, .height = 4};
static const uint8_t white[8 * 4 * 2] = {235, 128, 235, 128, 235, 128, 235, 128,
                                         235, 128, 235, 128, 235, 128, 235, 128};

static struct host host;

static void setup(void)
{
    pictures_make_folder();
    pipe_camera_set_io(&fake_camera_io);
    host_init(&host);
}

static void teardown(void)
{
    host_fini(&host);
    fake_camera_unplug();
    ck_assert_int_eq(fake_camera_leaks(), 0);
    pictures_remove_folder();
}

static void capture(const void *bytes, size_t size, int64_t capture_ns)
{
    ck_assert(fake_camera_ready());
    ck_assert(fake_camera_capture(bytes, size, capture_ns, false));
}

/* Until nothing of it is open; the test's own timeout is the limit. */
static void await_let_go(void)
{
    while (fake_camera_leaks() != 0)
        usleep(1000);
}

/* ---- formats ---- */

START_TEST(frames_come_with_the_drivers_time)
{
    fake_camera_plug(&yuyv);
    host_start(&host, START "}\n");
    int64_t first = base_clock_ns() / 1000 * 1000 - 5 * BASE_NS_PER_MS;
    for (int i = 0; i < 3; i++) {
        capture(white, sizeof white, first + i * BASE_NS_PER_MS);
        host_wait_samples(&host, "frames", (size_t)i + 1, 200);
    }
    const struct pipe_topic *frames = host_topic(&host, "frames");
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(frames->samples[i].capture_ns, first + i * BASE_NS_PER_MS);
        ck_assert_uint_eq(frames->samples[i].frame, (uint64_t)i);
        ck_assert_uint_eq(frames->samples[i].width, 8);
        ck_assert_uint_eq(frames->samples[i].height, 4);
        ck_assert_uint_eq(frames->samples[i].pixel[1], 255);
    }
    ck_assert_str_eq(host_stats(&host, 0).source, "camera");
    ck_assert_str_eq(host_stats(&host, 0).state, "running");
}
END_TEST

START_TEST(rows_may_be_longer_than_their_pixels)
{
    struct fake_camera_options options = yuyv;
    uint8_t bytes[20 * 3 + 16];
    options.stride = 20;
    memset(bytes, 0, sizeof bytes);
    memcpy(bytes, white, 16);
    fake_camera_plug(&options);
    host_start(&host, START "}\n");
    capture(bytes, sizeof bytes, base_clock_ns());
    host_wait_samples(&host, "frames", 1, 200);
    ck_assert_uint_eq(host_topic(&host, "frames")->samples[0].pixel[0], 255);
}
END_TEST

START_TEST(nv12_is_understood)
{
    const struct fake_camera_options options = {
        .pixel_format = V4L2_PIX_FMT_NV12, .width = 8, .height = 4};
    uint8_t bytes[8 * 6];
    memset(bytes, 81, 32);
    for (int i = 0; i < 8; i++) {
        bytes[32 + 2 * i] = 90;
        bytes[33 + 2 * i] = 240;
    }
    fake_camera_plug(&options);
    host_start(&host, START "}\n");
    capture(bytes, sizeof bytes, base_clock_ns());
    host_wait_samples(&host, "frames", 1, 200);
    const uint8_t *pixel = host_topic(&host, "frames")->samples[0].pixel;
    ck_assert_uint_ge(pixel[0], 254); /* red */
    ck_assert_uint_le(pixel[1], 1);
    ck_assert_uint_le(pixel[2], 1);
}
END_TEST

START_TEST(mjpeg_is_understood_and_damaged_frames_are_dropped)
{
    const struct fake_camera_options options = {
        .pixel_format = V4L2_PIX_FMT_MJPEG, .width = 480, .height = 640};
    char path[512];
    const char *media = getenv("PERCEPT_MEDIA");
    static uint8_t bytes[200000];
    snprintf(path, sizeof path, "%s/hands/nocurl.jpg", media ? media : "");
    FILE *file = fopen(path, "rb");
    if (!file)
        return; /* the zoo's media are not there */
    size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    fake_camera_plug(&options);
    host_start(&host, START "}\n");
    capture(bytes, size, base_clock_ns());
    host_wait_samples(&host, "frames", 1, 200);
    capture(bytes, size / 2, base_clock_ns()); /* cut short, as a bad cable does */
    capture(bytes, size / 2, base_clock_ns());
    ck_assert(fake_camera_ready());
    ck_assert(fake_camera_capture(bytes, size, base_clock_ns(), true)); /* the driver says so */
    capture(bytes, size, base_clock_ns());
    host_wait_samples(&host, "frames", 2, 200);
    ck_assert_uint_eq(host_topic(&host, "frames")->samples[1].frame, 4);
    ck_assert_uint_eq(host_topic(&host, "frames")->samples[1].width, 480);
    ck_assert_uint_eq(host_stats(&host, 0).dropped_bad, 3);
    ck_assert_uint_eq(host_count_events(&host, "JPEG"), 1); /* the same again is not told again */
    ck_assert_uint_eq(host_count_events(&host, "damaged frame"), 1);
}
END_TEST

START_TEST(a_frame_that_is_cut_short_is_not_read_past_its_end)
{
    fake_camera_plug(&yuyv);
    host_start(&host, START "}\n");
    capture(white, sizeof white - 1, base_clock_ns());
    capture(white, sizeof white, base_clock_ns());
    host_wait_samples(&host, "frames", 1, 200);
    ck_assert_uint_eq(host_stats(&host, 0).dropped_bad, 1);
    ck_assert_uint_eq(host_count_events(&host, "cut short"), 1);
}
END_TEST

/* ---- time ---- */

START_TEST(frames_with_absurd_times_are_dropped_and_counted)
{
    fake_camera_plug(&yuyv);
    host_start(&host, START "}\n");
    int64_t now = base_clock_ns();
    const int64_t bad[] = {now - BASE_NS_PER_MS,     now, now + 60 * BASE_NS_PER_S,
                           now - 60 * BASE_NS_PER_S, 0,   -BASE_NS_PER_S};
    capture(white, sizeof white, now);
    host_wait_samples(&host, "frames", 1, 200);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        capture(white, sizeof white, bad[i]);
    capture(white, sizeof white, base_clock_ns());
    host_wait_samples(&host, "frames", 2, 200);
    ck_assert_uint_eq(host_stats(&host, 0).dropped_bad, sizeof bad / sizeof bad[0]);
    ck_assert_str_eq(host_stats(&host, 0).state, "running");
    /* One line a reason, not one a frame. */
    ck_assert_uint_eq(host_count_events(&host, "not after the last frame's"), 2);
    ck_assert_uint_eq(host_count_events(&host, "in the future"), 1);
}
END_TEST

START_TEST(without_a_drivers_time_a_frame_has_that_of_its_arrival)
{
    struct fake_camera_options options = yuyv;
    options.no_timestamps = true;
    fake_camera_plug(&options);
    host_start(&host, START "}\n");
    int64_t before = base_clock_ns();
    capture(white, sizeof white, 12345);
    host_wait_samples(&host, "frames", 1, 200);
    ck_assert_int_ge(host_topic(&host, "frames")->samples[0].capture_ns, before);
}
END_TEST

/* ---- plugs ---- */

static void refuse(const char *yaml, enum percept_status expected, const char *message)
{
    struct percept_error error = {0};
    char text[1024];
    enum percept_status status = host_try(&host, yaml, &error);
    ck_assert_str_eq(percept_error_format(&error, text, sizeof text), message);
    ck_assert_int_eq(status, expected);
}

START_TEST(a_camera_that_is_absent_is_an_error_with_its_place)
{
    refuse(START "}\n", PERCEPT_NOT_FOUND,
           "test.yaml:5:20: source of pipeline 'cam': camera /dev/fake: open: No such file or "
           "directory");
}
END_TEST

START_TEST(a_device_that_is_no_camera_is_refused)
{
    struct fake_camera_options options = yuyv;
    options.not_a_camera = true;
    fake_camera_plug(&options);
    refuse(START "}\n", PERCEPT_UNSUPPORTED,
           "test.yaml:5:20: source of pipeline 'cam': /dev/fake is not a camera");
}
END_TEST

START_TEST(a_format_that_it_lacks_is_refused)
{
    fake_camera_plug(&yuyv);
    refuse(
        START ", format: mjpeg}\n", PERCEPT_UNSUPPORTED,
        "test.yaml:5:20: source of pipeline 'cam': camera /dev/fake gives none of YUYV, NV12 and "
        "MJPEG as was asked for, of at most 2073600 pixels");
}
END_TEST

START_TEST(the_systems_own_calls_refuse_what_is_no_camera)
{
    pipe_camera_set_io(NULL);
    refuse("version: 1\npipelines: {a: {source: {type: camera, device: /dev/null}}}\n",
           PERCEPT_UNSUPPORTED,
           "test.yaml:2:32: source of pipeline 'a': /dev/null is not a camera");
}
END_TEST

START_TEST(with_retry_a_camera_may_come_later)
{
    host_start(&host, START ", retry: true}\n");
    host_wait_events(&host, "degraded: camera /dev/fake: open: No such file or directory", 1, 200);
    ck_assert_str_eq(host_stats(&host, 0).state, "degraded");
    ck_assert_str_eq(host_stats(&host, 0).cause,
                     "camera /dev/fake: open: No such file or directory");
    fake_camera_plug(&yuyv);
    capture(white, sizeof white, base_clock_ns());
    host_wait_samples(&host, "frames", 1, 200);
    host_wait_events(&host, "recovered", 1, 200);
    ck_assert_str_eq(host_stats(&host, 0).state, "running");
}
END_TEST

START_TEST(a_camera_that_is_unplugged_is_waited_for)
{
    fake_camera_plug(&yuyv);
    host_start(&host, START "}\n");
    capture(white, sizeof white, base_clock_ns());
    host_wait_samples(&host, "frames", 1, 200);
    for (size_t i = 0; i < 2; i++) {
        fake_camera_unplug();
        host_wait_events(&host, "degraded: camera /dev/fake was unplugged", i + 1, 200);
        ck_assert_str_eq(host_stats(&host, 0).state, "degraded");
        fake_camera_plug(&yuyv);
        capture(white, sizeof white, base_clock_ns());
        host_wait_samples(&host, "frames", i + 2, 200);
        ck_assert_str_eq(host_stats(&host, 0).state, "running");
    }
    ck_assert_uint_eq(host_count_events(&host, "was unplugged"), 2);
    ck_assert_uint_eq(host_count_events(&host, "recovered"), 2);
    ck_assert_uint_eq(host.finished_count, 0);
}
END_TEST

/* Nobody is filmed while the privacy switch is on: the device is closed, even one that waits for a
 * frame that does not come. */
START_TEST(a_camera_that_rests_is_closed)
{
    fake_camera_plug(&yuyv);
    host_start(&host, START "}\n");
    capture(white, sizeof white, base_clock_ns());
    host_wait_samples(&host, "frames", 1, 200);
    for (size_t i = 0; i < 2; i++) {
        pipe_engine_set_private(host.engine, true);
        ck_assert_str_eq(host_stats(&host, 0).state, "resting");
        ck_assert_str_eq(host_stats(&host, 0).cause, "the privacy switch is on");
        await_let_go();
        pipe_engine_set_private(host.engine, false);
        capture(white, sizeof white, base_clock_ns());
        host_wait_samples(&host, "frames", i + 2, 200);
        ck_assert_str_eq(host_stats(&host, 0).state, "running");
    }
    pipe_engine_set_private(host.engine, true);
    pipe_engine_stop(host.engine); /* one that rests stops as well */
}
END_TEST

/* One that is on demand is not even opened before somebody wants it. */
START_TEST(a_camera_on_demand_waits_for_demand)
{
    host_start(&host, "version: 1\n"
                      "pipelines:\n"
                      "  cam:\n"
                      "    on_demand: true\n"
                      "    topics: {frames: source}\n"
                      "    source: {type: camera, device: /dev/fake}\n");
    ck_assert_str_eq(host_stats(&host, 0).state, "resting");
    ck_assert_str_eq(host_stats(&host, 0).cause, "nobody subscribes");
    fake_camera_plug(&yuyv);
    pipe_engine_set_wanted(host.engine, 0, true);
    capture(white, sizeof white, base_clock_ns());
    host_wait_samples(&host, "frames", 1, 200);
    pipe_engine_set_wanted(host.engine, 0, false);
    await_let_go();
}
END_TEST

START_TEST(stopping_does_not_wait_for_a_camera)
{
    fake_camera_plug(&yuyv);
    host_start(&host, START "}\n");
    ck_assert(fake_camera_ready());
    pipe_engine_stop(host.engine);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("camera");
    TCase *tests = tcase_create("camera");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, frames_come_with_the_drivers_time);
    tcase_add_test(tests, rows_may_be_longer_than_their_pixels);
    tcase_add_test(tests, nv12_is_understood);
    tcase_add_test(tests, mjpeg_is_understood_and_damaged_frames_are_dropped);
    tcase_add_test(tests, a_frame_that_is_cut_short_is_not_read_past_its_end);
    tcase_add_test(tests, frames_with_absurd_times_are_dropped_and_counted);
    tcase_add_test(tests, without_a_drivers_time_a_frame_has_that_of_its_arrival);
    tcase_add_test(tests, a_camera_that_is_absent_is_an_error_with_its_place);
    tcase_add_test(tests, a_device_that_is_no_camera_is_refused);
    tcase_add_test(tests, a_format_that_it_lacks_is_refused);
    tcase_add_test(tests, the_systems_own_calls_refuse_what_is_no_camera);
    tcase_add_test(tests, with_retry_a_camera_may_come_later);
    tcase_add_test(tests, a_camera_that_is_unplugged_is_waited_for);
    tcase_add_test(tests, a_camera_that_rests_is_closed);
    tcase_add_test(tests, a_camera_on_demand_waits_for_demand);
    tcase_add_test(tests, stopping_does_not_wait_for_a_camera);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
