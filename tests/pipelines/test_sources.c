/* Files as sources: which frames they give, when, and what is not taken. */
#include "pictures.h"
#include "pipelines/config.h"
#include "pipelines/window.h"
#include "suite.h"

#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

static struct pipe_config *config;
static const struct pipe_source_class *class;
static struct pipe_source *source;
static struct pipe_frame_pool *pool;
static struct pipe_frame *frame;

static void setup(void)
{
    pictures_make_folder();
    ck_assert_int_eq(pipe_frame_pool_create(1, &pool, NULL), PERCEPT_OK);
    frame = pipe_frame_get(pool);
}

static void teardown(void)
{
    if (class)
        class->destroy(source);
    pipe_frame_unref(frame);
    pipe_frame_pool_destroy(pool);
    pipe_config_destroy(config);
    pictures_remove_folder();
}

/* A source from what stands in its braces; ${PERCEPT_MEDIA} may be in it. */
static void open_source(const char *braces)
{
    char text[1024], message[1024];
    struct percept_error error = {0};
    snprintf(text, sizeof text, "version: 1\npipelines:\n  a:\n    source: {%s}\n", braces);
    enum percept_status status =
        pipe_config_parse("test.yaml", text, strlen(text), &config, &error);
    if (status == PERCEPT_OK) {
        class = config->pipelines[0].source;
        const struct pipe_source_setup source_setup = {
            .params = config->pipelines[0].source_params,
            .stop_fd = -1,
        };
        status = class->create(&source_setup, &source, &error);
    }
    ck_assert_msg(status == PERCEPT_OK, "%s",
                  percept_error_format(&error, message, sizeof message));
}

static enum percept_status next(int64_t *time_ns, struct percept_error *error)
{
    return class->next(source, frame, time_ns, error);
}

static void expect_frame(int64_t expected_ms, uint32_t width, uint32_t height)
{
    int64_t time_ns = -1;
    struct percept_error error = {0};
    enum percept_status status = next(&time_ns, &error);
    ck_assert_msg(status == PERCEPT_OK, "%s", error.message);
    ck_assert_int_eq(time_ns / BASE_NS_PER_MS, expected_ms);
    ck_assert_uint_eq(frame->width, width);
    ck_assert_uint_eq(frame->height, height);
}

static void expect_status(enum percept_status expected, const char *text)
{
    int64_t time_ns;
    struct percept_error error = {0};
    char message[1024];
    ck_assert_int_eq(next(&time_ns, &error), expected);
    percept_error_format(&error, message, sizeof message);
    ck_assert_msg(!text || strstr(message, text), "'%s' is not in '%s'", text, message);
}

/* Copy a file of the sample media, its first `size` bytes; false when it is not there. */
static bool copy_media(const char *name, const char *to, size_t size)
{
    static char bytes[4 << 20];
    char path[512];
    const char *media = getenv("PERCEPT_MEDIA");
    snprintf(path, sizeof path, "%s/hands/%s", media ? media : "", name);
    FILE *in = fopen(path, "rb");
    if (!in)
        return false;
    size_t got = fread(bytes, 1, size < sizeof bytes ? size : sizeof bytes, in);
    fclose(in);
    FILE *out = fopen(to, "wb");
    ck_assert_ptr_nonnull(out);
    ck_assert_uint_eq(fwrite(bytes, 1, got, out), got);
    fclose(out);
    return true;
}

START_TEST(images_come_at_their_rate_whatever_file_they_are_from)
{
    if (!copy_media("nocurl.jpg", "a.jpg", SIZE_MAX) ||
        !copy_media("fingers-lq.gif", "b.gif", SIZE_MAX))
        return;
    open_source("type: images, paths: [a.jpg, b.gif], rate: 20");
    expect_frame(0, 480, 640);
    for (int i = 1; i <= 43; i++)
        expect_frame(50 * i, 320, 240);
    expect_status(PERCEPT_END, NULL);
}
END_TEST

START_TEST(an_animation_has_its_own_pace_and_the_next_file_follows_it)
{
    if (!copy_media("fingers-lq.gif", "a.gif", SIZE_MAX))
        return;
    open_source("type: video, paths: a.gif, loop: 2");
    for (int i = 0; i < 86; i++) /* 10 frames a second, as the file says */
        expect_frame(100 * i, 320, 240);
    expect_status(PERCEPT_END, NULL);
}
END_TEST

START_TEST(a_rate_overrides_the_pace_of_a_video)
{
    if (!copy_media("fingers-lq.gif", "a.gif", SIZE_MAX))
        return;
    open_source("type: video, paths: a.gif, rate: 1000");
    for (int i = 0; i < 43; i++)
        expect_frame(i, 320, 240);
}
END_TEST

START_TEST(globs_and_folders_are_in_the_order_of_names)
{
    pictures_write_series(11);
    open_source("type: images, paths: ['1*.ppm', .], rate: 1000");
    static const uint8_t order[] = {1, 10, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
    for (size_t i = 0; i < sizeof order; i++) {
        expect_frame((int64_t)i, 8, 8);
        ck_assert_uint_eq(frame->pixels[0], 10 + order[i]);
        ck_assert_uint_eq(frame->pixels[1], 20);
        ck_assert_uint_eq(frame->pixels[2], 30);
    }
    expect_status(PERCEPT_END, NULL);
}
END_TEST

START_TEST(an_image_that_is_too_large_is_refused_before_it_is_decoded)
{
    const uint8_t grey[3] = {9, 9, 9};
    pictures_write("a.ppm", 100, 10, grey);
    pictures_write("b.ppm", 10, 10, grey);
    bool have_jpeg = copy_media("nocurl.jpg", "c.jpg", SIZE_MAX);
    open_source("type: images, paths: ., max_pixels: 999, rate: 1000");
    expect_status(PERCEPT_MALFORMED, "./a.ppm: 100 x 10 pixels, more than max_pixels (999)");
    expect_frame(0, 10, 10);
    if (have_jpeg)
        expect_status(PERCEPT_MALFORMED, "./c.jpg: 480 x 640 pixels, more than max_pixels (999)");
    expect_status(PERCEPT_END, NULL);
    ck_assert_uint_eq(class->max_pixels(source), 999);
}
END_TEST

START_TEST(half_a_jpeg_is_no_image)
{
    if (!copy_media("nocurl.jpg", "a.jpg", 20000))
        return;
    pictures_write_series(1);
    open_source("type: images, paths: [a.jpg, 0.ppm], loop: 2");
    expect_status(PERCEPT_MALFORMED, "a.jpg: JPEG: Premature end of JPEG file");
    expect_frame(0, 8, 8);
    expect_frame(33, 8, 8); /* the second time without a word about the other */
    expect_status(PERCEPT_END, NULL);
}
END_TEST

START_TEST(half_an_animation_plays_to_where_it_breaks_every_time)
{
    if (!copy_media("fingers-lq.gif", "a.gif", 900000))
        return;
    open_source("type: images, paths: a.gif, loop: 2, rate: 1000");
    int frames = 0, faults = 0;
    for (;;) {
        int64_t time_ns;
        struct percept_error error;
        enum percept_status status = next(&time_ns, &error);
        if (status == PERCEPT_END)
            break;
        frames += status == PERCEPT_OK;
        faults += status == PERCEPT_MALFORMED;
    }
    ck_assert_int_ge(frames, 30);
    ck_assert_int_eq(frames % 2, 0);
    ck_assert_int_le(faults, 1);
}
END_TEST

START_TEST(a_playlist_opens_no_other_file)
{
    pictures_write_series(1);
    pictures_write_text("a.m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n0.ppm\n");
    pictures_write_text("b.txt", "ffconcat version 1.0\nfile 0.ppm\n");
    open_source("type: video, paths: [a.m3u8, b.txt]");
    expect_status(PERCEPT_MALFORMED, "a.m3u8");
    expect_status(PERCEPT_MALFORMED, "b.txt");
    expect_status(PERCEPT_NOT_FOUND, "none of 2 files could be read");
}
END_TEST

/* ---- small parts ---- */

START_TEST(frames_return_to_their_pool_with_the_last_reference)
{
    ck_assert_ptr_null(pipe_frame_get(pool)); /* `frame` has the only one */
    pipe_frame_ref(frame);
    pipe_frame_unref(frame);
    ck_assert_ptr_null(pipe_frame_get(pool));
    pipe_frame_unref(frame);
    ck_assert_ptr_eq(pipe_frame_get(pool), frame);
}
END_TEST

START_TEST(a_frame_keeps_its_memory_while_it_fits)
{
    ck_assert_int_eq(pipe_frame_resize(frame, 100, 100, NULL), PERCEPT_OK);
    const uint8_t *pixels = frame->pixels;
    ck_assert_int_eq(pipe_frame_resize(frame, 50, 90, NULL), PERCEPT_OK);
    ck_assert_ptr_eq(frame->pixels, pixels);
    ck_assert_uint_ge(frame->stride, 150);
    ck_assert_int_eq(pipe_frame_resize(frame, 0, 5, NULL), PERCEPT_LIMIT);
    ck_assert_int_eq(pipe_frame_resize(frame, 5, PIPE_FRAME_MAX_SIDE + 1, NULL), PERCEPT_LIMIT);
    ck_assert_uint_eq(frame->width, 50);
}
END_TEST

START_TEST(percentiles_are_those_of_the_newest_values)
{
    static struct pipe_window window;
    int64_t p50, p99;
    pipe_window_percentiles(&window, &p50, &p99);
    ck_assert_int_eq(p50 + p99, 0);
    pipe_window_add(&window, 7);
    pipe_window_percentiles(&window, &p50, &p99);
    ck_assert_int_eq(p50, 7);
    ck_assert_int_eq(p99, 7);
    for (int64_t i = 0; i < PIPE_WINDOW_VALUES; i++) /* the 7 is pushed out */
        pipe_window_add(&window, 1000 + (i * 37) % PIPE_WINDOW_VALUES);
    pipe_window_percentiles(&window, &p50, &p99);
    ck_assert_int_eq(p50, 1000 + PIPE_WINDOW_VALUES / 2 - 1);
    ck_assert_int_eq(p99, 1000 + (PIPE_WINDOW_VALUES * 99 + 99) / 100 - 1);
    ck_assert_uint_eq(pipe_window_count(&window), PIPE_WINDOW_VALUES + 1);
}
END_TEST

START_TEST(waiting_ends_in_time_or_when_it_is_told_to)
{
    int fd = eventfd(0, EFD_CLOEXEC);
    int64_t until = base_clock_ns() + 5 * BASE_NS_PER_MS;
    ck_assert_int_eq(pipe_wait(fd, until), PERCEPT_OK);
    ck_assert_int_ge(base_clock_ns(), until);
    ck_assert_int_eq(pipe_wait(fd, 0), PERCEPT_OK);
    uint64_t one = 1;
    ck_assert_int_eq(write(fd, &one, sizeof one), sizeof one);
    ck_assert_int_eq(pipe_wait(fd, -1), PERCEPT_CANCELLED);
    ck_assert_int_eq(pipe_wait(fd, 0), PERCEPT_CANCELLED);
    close(fd);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sources");
    TCase *tests = tcase_create("sources");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, images_come_at_their_rate_whatever_file_they_are_from);
    tcase_add_test(tests, an_animation_has_its_own_pace_and_the_next_file_follows_it);
    tcase_add_test(tests, a_rate_overrides_the_pace_of_a_video);
    tcase_add_test(tests, globs_and_folders_are_in_the_order_of_names);
    tcase_add_test(tests, an_image_that_is_too_large_is_refused_before_it_is_decoded);
    tcase_add_test(tests, half_a_jpeg_is_no_image);
    tcase_add_test(tests, half_an_animation_plays_to_where_it_breaks_every_time);
    tcase_add_test(tests, a_playlist_opens_no_other_file);
    tcase_add_test(tests, frames_return_to_their_pool_with_the_last_reference);
    tcase_add_test(tests, a_frame_keeps_its_memory_while_it_fits);
    tcase_add_test(tests, percentiles_are_those_of_the_newest_values);
    tcase_add_test(tests, waiting_ends_in_time_or_when_it_is_told_to);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
