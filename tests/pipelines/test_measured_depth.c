/* Depths that a camera measured: files, what they must not be, and the node that makes a map of
 * them. */
#include "pictures.h"
#include "pipelines/config.h"
#include "pipelines/depth_map.h"
#include "suite.h"

#include "base/clock.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define WIDTH  64
#define HEIGHT 48
#define LENS   ", intrinsics: [60, 60, 31.5, 23.5], calibrated_width: 64, calibrated_height: 48"
#define SMALL  LENS ", width: 64, height: 48"

static struct pipe_config *config;
static const struct pipe_config_pipeline *pipeline;
static struct pipe_source *source;
static struct pipe_node *node;
static struct pipe_frame_pool *pool;
static struct pipe_frame *frame;
static struct pipe_depth *depth;
static struct percept_error error;
static char said[1024];

static void setup(void)
{
    pictures_make_folder();
    ck_assert_int_eq(pipe_frame_pool_create(1, &pool, NULL), PERCEPT_OK);
    frame = pipe_frame_get(pool);
}

static void teardown(void)
{
    if (source)
        pipeline->source->destroy(source);
    if (node)
        pipeline->nodes[0].class->destroy(node);
    pipe_frame_unref(frame);
    pipe_frame_pool_destroy(pool);
    pipe_config_destroy(config);
    free(depth);
    pictures_remove_folder();
}

static void expect(enum percept_status status)
{
    ck_assert_msg(status == PERCEPT_OK, "%s", percept_error_format(&error, said, sizeof said));
}

/* Braces of the source and of the node. */
static void parse(const char *source_braces, const char *node_braces)
{
    char text[2048];
    snprintf(text, sizeof text,
             "version: 1\npipelines:\n  a:\n    source: {type: depth_files, depth: ., %s}\n"
             "    nodes:\n      - {node: measured_depth, inputs: {frame: source}%s}\n"
             "    topics: {depth: measured_depth, frames: source}\n",
             source_braces, node_braces);
    expect(pipe_config_parse("test.yaml", text, strlen(text), &config, &error));
    pipeline = &config->pipelines[0];
}

static enum percept_status open_source(const char *braces)
{
    char text[2048];
    snprintf(text, sizeof text,
             "version: 1\npipelines:\n  a:\n    source: {type: depth_files, %s}\n", braces);
    expect(pipe_config_parse("test.yaml", text, strlen(text), &config, &error));
    pipeline = &config->pipelines[0];
    const struct pipe_source_setup of = {.params = pipeline->source_params, .stop_fd = -1};
    return pipeline->source->create(&of, &source, &error);
}

static enum percept_status create_node(const char *braces)
{
    parse("rate: 30", braces);
    const struct pipe_node_setup of = {.name = "n", .params = pipeline->nodes[0].params};
    return pipeline->nodes[0].class->create(&of, &node, &error);
}

static void open_node(const char *braces)
{
    expect(create_node(braces));
    size_t bytes =
        pipe_stream_type_room(PIPE_DEPTH) + pipeline->nodes[0].class->output_bytes(node, 0);
    depth = aligned_alloc(PIPE_TENSOR_ALIGNMENT, (bytes + 63) / 64 * 64);
    ck_assert_ptr_nonnull(depth);
}

static enum percept_status next(void)
{
    int64_t time_ns;
    pipe_frame_unref(frame);
    frame = pipe_frame_get(pool);
    return pipeline->source->next(source, frame, &time_ns, &error);
}

/* ---- files ---- */

/* A PGM of 16 bits; most: what is white in it. */
static void write_pgm(const char *name, uint32_t width, uint32_t height, unsigned most,
                      const uint16_t *values)
{
    FILE *file = fopen(name, "wb");
    ck_assert_ptr_nonnull(file);
    fprintf(file, "P5\n# depth\n%u %u\n%u\n", width, height, most);
    for (size_t i = 0; i < (size_t)width * height; i++) {
        putc(values[i] >> 8, file);
        putc(values[i] & 255, file);
    }
    fclose(file);
}

static uint32_t crc_of(const uint8_t *bytes, size_t size)
{
    uint32_t crc = 0xFFFFFFFF;
    for (size_t i = 0; i < size; i++) {
        crc ^= bytes[i];
        for (int k = 0; k < 8; k++)
            crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320 : 0);
    }
    return ~crc;
}

static void put32(uint8_t *to, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        to[i] = (uint8_t)(value >> (24 - 8 * i));
}

static void put_chunk(FILE *file, const char *name, const uint8_t *data, uint32_t size)
{
    uint8_t chunk[8192 + 12];
    put32(chunk, size);
    memcpy(chunk + 4, name, 4);
    memcpy(chunk + 8, data, size);
    put32(chunk + 8 + size, crc_of(chunk + 4, size + 4));
    fwrite(chunk, 1, size + 12, file);
}

/* A PNG of 16-bit grey, not compressed; up to 8 KB. */
static void write_png(const char *name, uint32_t width, uint32_t height, const uint16_t *values)
{
    static const uint8_t magic[] = {137, 'P', 'N', 'G', '\r', '\n', 26, '\n'};
    uint8_t head[13] = {0}, data[8192] = {0x78, 1, 1};
    uint32_t raw = height * (1 + 2 * width), a = 1, b = 0;
    uint8_t *at = data + 7;
    FILE *file = fopen(name, "wb");
    ck_assert_ptr_nonnull(file);
    put32(head, width);
    put32(head + 4, height);
    head[8] = 16;
    data[3] = (uint8_t)raw, data[4] = (uint8_t)(raw >> 8);
    data[5] = (uint8_t)~data[3], data[6] = (uint8_t)~data[4];
    for (uint32_t y = 0; y < height; y++) {
        *at++ = 0;
        for (uint32_t x = 0; x < width; x++) {
            *at++ = (uint8_t)(values[y * width + x] >> 8);
            *at++ = (uint8_t)values[y * width + x];
        }
    }
    for (uint32_t i = 0; i < raw; i++) {
        a = (a + data[7 + i]) % 65521;
        b = (b + a) % 65521;
    }
    put32(at, b << 16 | a);
    fwrite(magic, 1, sizeof magic, file);
    put_chunk(file, "IHDR", head, sizeof head);
    put_chunk(file, "IDAT", data, raw + 11);
    put_chunk(file, "IEND", data, 0);
    fclose(file);
}

static const uint16_t every[] = {0, 1, 255, 256, 257, 1000, 3999, 4000, 4095};

START_TEST(values_are_those_of_the_file)
{
    write_png("0.png", 9, 1, every);
    write_pgm("1.pgm", 9, 1, 65535, every);
    write_pgm("2.pgm", 9, 1, 4095, every);
    write_pgm("3.pgm", 9, 1, 10000, every);
    expect(open_source("depth: ['0.png', '1.pgm', '2.pgm', '3.pgm'], unit: 0.0002"));
    for (unsigned i = 0; i < 4; i++) {
        expect(next());
        ck_assert_uint_eq(frame->raw->width, 9);
        ck_assert_mem_eq(frame->raw->values, every, sizeof every);
        ck_assert_double_eq(frame->raw->unit_m, 0.0002);
        ck_assert(!frame->raw->has_photo);
        /* Drawn: nothing is black, near is bright. */
        ck_assert_uint_eq(frame->pixels[0], 0);
        ck_assert_uint_eq(frame->pixels[3], 254);
        ck_assert_uint_eq(frame->pixels[3 * 8], 140);
    }
    ck_assert_int_eq(next(), PERCEPT_END);
}
END_TEST

START_TEST(a_photo_is_the_frames_picture)
{
    const uint8_t red[3] = {200, 10, 20};
    const uint16_t values[4] = {1, 2, 3, 4};
    write_pgm("d.pgm", 2, 2, 65535, values);
    pictures_write("c.ppm", 32, 32, red);
    expect(open_source("depth: d.pgm, colour: c.ppm"));
    expect(next());
    ck_assert(frame->raw->has_photo);
    ck_assert_uint_eq(frame->width, 32);
    ck_assert_mem_eq(frame->pixels, red, 3);
    ck_assert_uint_eq(frame->raw->width, 2);
}
END_TEST

static const struct {
    const char *source, *message;
} bad_files[] = {
    {"depth: a.ppm", "a.ppm: pixels are rgb24; depths are 16-bit grey"},
    {"depth: gray.pgm", "gray.pgm: pixels are gray; depths are 16-bit grey"},
    {"depth: ok.pgm, max_pixels: 3", "ok.pgm: 2 x 2 pixels, more than max_pixels (3)"},
    {"depth: ok.pgm, colour: junk", "junk: not a known image or video: Invalid data found when "
                                    "processing input"},
};

START_TEST(a_file_that_is_no_depth_is_told_once_and_left_out)
{
    const uint8_t gray[3] = {9, 9, 9};
    const uint16_t values[4] = {1, 2, 3, 4};
    pictures_write("a.ppm", 2, 2, gray);
    pictures_write_text("gray.pgm", "P5\n2 2\n255\nabcd");
    pictures_write_text("junk", "no picture");
    write_pgm("ok.pgm", 2, 2, 65535, values);
    expect(open_source(bad_files[_i].source));
    ck_assert_int_eq(next(), PERCEPT_MALFORMED);
    ck_assert_str_eq(percept_error_format(&error, said, sizeof said), bad_files[_i].message);
    ck_assert_int_eq(next(), PERCEPT_NOT_FOUND);
    ck_assert_str_eq(error.message, "none of 1 files could be read");
}
END_TEST

START_TEST(lists_of_different_lengths_are_refused)
{
    const uint8_t gray[3] = {9, 9, 9};
    pictures_write("a.ppm", 2, 2, gray);
    ck_assert_int_eq(open_source("depth: a.ppm, colour: [a.ppm, a.ppm]"), PERCEPT_INVALID);
    ck_assert_str_eq(error.message, "1 files of depths, 2 of photos");
}
END_TEST

/* ---- poses ---- */

#define TURN "0 0 0.70710678 0.70710678" /* a quarter about z */

START_TEST(poses_are_interpolated_to_the_time_in_a_files_name)
{
    const uint16_t values[4] = {1, 2, 3, 4};
    static const char *const names[] = {"99.5.pgm", "100.25.pgm", "100.5.pgm", "101.5.pgm",
                                        "103.5.pgm"};
    for (size_t i = 0; i < 5; i++)
        write_pgm(names[i], 2, 2, 65535, values);
    pictures_write_text("poses.txt", "# a comment\n100 1 2 3 0 0 0 1\n\n100.5 3 2 3 " TURN
                                     "\n102.5 5 2 3 0 0 0 -1 # another\n102.6 5 2 3 0 0 0 1\n");
    expect(open_source("depth: ['99.5.pgm', '100.25.pgm', '100.5.pgm', '101.5.pgm', '103.5.pgm'], "
                       "poses: poses.txt"));
    expect(next());
    ck_assert(!frame->pose.known); /* before the first */
    expect(next());
    ck_assert(frame->pose.known);
    ck_assert_float_eq_tol(frame->pose.position_m[0], 2, 1e-6F);
    ck_assert_float_eq_tol(frame->pose.orientation[2], 0.38268343F, 1e-6F); /* an eighth */
    ck_assert_float_eq_tol(frame->pose.orientation[3], 0.92387953F, 1e-6F);
    expect(next());
    ck_assert_float_eq_tol(frame->pose.position_m[0], 3, 1e-6F);
    expect(next());
    ck_assert(!frame->pose.known); /* two seconds in which it may have been anywhere */
    expect(next());
    ck_assert(!frame->pose.known); /* after the last */
}
END_TEST

START_TEST(without_times_in_names_the_rate_says_when)
{
    const uint16_t values[4] = {1, 2, 3, 4};
    write_pgm("0001.pgm", 2, 2, 65535, values);
    write_pgm("0002.pgm", 2, 2, 65535, values);
    pictures_write_text("poses.txt", "0 0 0 0 0 0 0 1\n0.2 2 0 0 0 0 0 1\n");
    expect(open_source("depth: '*.pgm', rate: 10, loop: 2, poses: poses.txt"));
    for (int i = 0; i < 4; i++) { /* each round from its start */
        expect(next());
        ck_assert(frame->pose.known);
        ck_assert_float_eq_tol(frame->pose.position_m[0], (float)(i % 2), 1e-6F);
    }
}
END_TEST

static const struct {
    const char *text, *message;
} bad_poses[] = {
    {"", "poses.txt: no pose in it"},
    {"0 1 2 3 0 0 0 1\n1 2 3\n", "poses.txt:2: expected the 8 numbers of t x y z qx qy qz qw"},
    {"0 1 2 3 0 0 0 1 5\n", "poses.txt:1: expected the 8 numbers of t x y z qx qy qz qw"},
    {"0 1 2 3 0 0 zero 1\n", "poses.txt:1: expected the 8 numbers of t x y z qx qy qz qw"},
    {"0 1 2 3 0 0 nan 1\n", "poses.txt:1: expected the 8 numbers of t x y z qx qy qz qw"},
    {"0 1 2 3 0 0 0 0\n", "poses.txt:1: a quaternion of length 0; expected 1"},
    {"1 1 2 3 0 0 0 1\n1 1 2 3 0 0 0 1\n",
     "poses.txt:2: time 1.000000 is not after the line before's"},
};

START_TEST(bad_poses_are_told_with_their_line)
{
    const uint16_t values[4] = {1, 2, 3, 4};
    write_pgm("d.pgm", 2, 2, 65535, values);
    pictures_write_text("poses.txt", bad_poses[_i].text);
    ck_assert_int_eq(open_source("depth: d.pgm, poses: poses.txt"), PERCEPT_MALFORMED);
    ck_assert_str_eq(percept_error_format(&error, said, sizeof said), bad_poses[_i].message);
}
END_TEST

/* ---- the node ---- */

/* A wall at 2 m with a square at 1 m before it, and to the left of that a shadow, where the sensor
 * saw nothing; millimetres. */
static uint16_t scene(uint32_t x, uint32_t y)
{
    bool rows = y >= 16 && y < 32;
    return rows && x >= 24 && x < 40 ? 1000 : rows && x >= 20 && x < 24 ? 0 : 2000;
}

static void show(uint32_t times)
{
    expect(pipe_frame_add_depth(frame, WIDTH * times, HEIGHT * times, &error));
    frame->raw->unit_m = 0.001;
    for (uint32_t y = 0; y < HEIGHT * times; y++)
        for (uint32_t x = 0; x < WIDTH * times; x++)
            frame->raw->values[y * WIDTH * times + x] = scene(x / times, y / times);
    expect(pipe_frame_draw_depth(frame, &error));
    frame->number++;
    frame->capture_ns = (int64_t)frame->number;
}

static enum percept_status process(void)
{
    const void *inputs[PIPE_MAX_PORTS] = {frame};
    void *outputs[PIPE_MAX_PORTS] = {depth};
    error = (struct percept_error){0};
    return pipeline->nodes[0].class->process(node, inputs, outputs, &error);
}

static float at(uint32_t x, uint32_t y)
{
    return depth->metres[y * depth->width + x];
}

static uint8_t confidence_at(uint32_t x, uint32_t y)
{
    return depth->confidence[y * depth->width + x];
}

START_TEST(measured_depths_are_metres_as_they_were)
{
    open_node(SMALL ", pose: [1, 2, 3, 0, 0, 0, 1]");
    show(1);
    expect(process());
    ck_assert_str_eq(error.message, "");
    ck_assert_uint_eq(depth->flags, 0);
    ck_assert_float_eq(depth->fx, 60);
    ck_assert_float_eq(depth->cx, 32); /* the centre of the middle, from the border */
    ck_assert_float_eq(depth->baseline_m, 0);
    ck_assert_float_eq(depth->far_m, 10);
    ck_assert(depth->pose_known);
    ck_assert_float_eq(depth->position_m[2], 3);
    for (uint32_t y = 0; y < HEIGHT; y++)
        for (uint32_t x = 0; x < WIDTH; x++) {
            bool shadow = scene(x, y) == 0;
            ck_assert_float_eq_tol(at(x, y), shadow ? 2 : (float)scene(x, y) / 1000, 1e-5F);
            ck_assert(shadow ? confidence_at(x, y) == 1 : confidence_at(x, y) > 30);
        }
    ck_assert_uint_eq(confidence_at(5, 5), 255);
    ck_assert_uint_lt(confidence_at(24, 16), 255); /* a corner */
    ck_assert_float_eq_tol(depth->known, 1 - 64.0F / (WIDTH * HEIGHT), 1e-6F);
}
END_TEST

START_TEST(what_lies_between_two_surfaces_is_not_believed)
{
    open_node(SMALL ", fill: 0, speckle: 0");
    show(1);
    for (uint32_t y = 16; y < 32; y++) /* the right edge, mixed differently in each row */
        frame->raw->values[y * WIDTH + 40] = (uint16_t)(1100 + (y * 37) % 16 * 50);
    expect(process());
    for (uint32_t y = 16; y < 32; y++) {
        ck_assert_float_eq(at(40, y), 0);
        ck_assert_uint_eq(confidence_at(40, y), 0);
        ck_assert_float_eq(at(22, y), 0); /* the shadow stays unknown */
    }
}
END_TEST

START_TEST(a_speck_is_an_outlier)
{
    open_node(SMALL ", fill: 0, speckle: 10");
    show(1);
    for (uint32_t i = 0; i < 4; i++)
        frame->raw->values[(5 + i / 2) * WIDTH + 5 + i % 2] = 500;
    expect(process());
    ck_assert_float_eq(at(5, 5), 0);
    ck_assert_float_eq_tol(at(8, 5), 2, 1e-5F);
}
END_TEST

START_TEST(what_is_too_near_or_too_far_is_not_known)
{
    open_node(SMALL ", fill: 0, near: 1.5, far: 1.9");
    show(1);
    expect(process());
    ck_assert_uint_eq(depth->flags, PERCEPT_DEPTH_NOTHING_MEASURED);
    ck_assert_str_eq(error.message, "the camera measures nothing");
    ck_assert_float_eq(depth->known, 0);
    for (size_t i = 0; i < WIDTH * HEIGHT; i++)
        ck_assert(depth->metres[i] == 0 && depth->confidence[i] == 0);
}
END_TEST

START_TEST(wide_holes_stay_holes)
{
    open_node(SMALL ", fill: 3");
    show(1);
    expect(process());
    ck_assert_float_eq(at(21, 20), 0); /* four pixels wide */
}
END_TEST

START_TEST(noise_is_averaged_where_nothing_moves)
{
    open_node(SMALL ", smoothing: 0.5");
    show(1);
    expect(process());
    show(1);
    frame->raw->values[5] = 2010;    /* noise */
    for (uint32_t i = 0; i < 8; i++) /* something came */
        for (uint32_t k = 0; k < 8; k++)
            frame->raw->values[(36 + i) * WIDTH + 50 + k] = 1500;
    expect(process());
    ck_assert_float_gt(at(5, 0), 2.003F);
    ck_assert_float_lt(at(5, 0), 2.007F);
    ck_assert_float_eq_tol(at(54, 40), 1.5F, 1e-5F);
    frame->number += 3; /* frames are missing: no past */
    show(1);
    frame->raw->values[5] = 2010;
    expect(process());
    ck_assert_float_eq_tol(at(5, 0), 2.010F, 1e-5F);
}
END_TEST

START_TEST(depths_of_another_size_are_those_of_the_same_view)
{
    open_node(SMALL);
    show(3);
    expect(process());
    ck_assert_float_eq(depth->fx, 60);
    ck_assert_float_eq_tol(at(30, 20), 1, 1e-5F);
    ck_assert_float_eq_tol(at(50, 20), 2, 1e-5F);
}
END_TEST

START_TEST(a_photo_says_where_the_edges_of_a_larger_map_are)
{
    open_node(SMALL ", out_width: 256, out_height: 192");
    show(1);
    ck_assert_int_eq(process(), PERCEPT_INVALID);
    ck_assert_str_eq(error.message,
                     "a larger map takes photos beside the depths; the source has none");
    frame->raw->has_photo = true;
    expect(pipe_frame_resize(frame, 256, 192, &error));
    for (uint32_t y = 0; y < 192; y++) /* the square, one pixel of the photo narrower */
        for (uint32_t x = 0; x < 768; x++)
            frame->pixels[y * frame->stride + x] =
                y >= 64 && y < 128 && x / 3 >= 96 && x / 3 < 159 ? 200 : 50;
    expect(process());
    ck_assert_uint_eq(depth->width, 256);
    ck_assert_float_eq(depth->fx, 240);
    ck_assert_float_eq_tol(at(157, 100), 1, 1e-4F);
    ck_assert_float_eq_tol(at(161, 100), 2, 1e-4F);
}
END_TEST

START_TEST(a_photo_of_another_moment_is_told)
{
    open_node(SMALL ", max_skew_ms: 5");
    show(1);
    frame->skew_ns = -6 * BASE_NS_PER_MS;
    expect(process());
    ck_assert_uint_eq(depth->flags, PERCEPT_DEPTH_UNSYNCHRONISED);
    ck_assert_str_eq(error.message, "depths and photo were captured at different times");
}
END_TEST

START_TEST(depths_of_other_proportions_are_refused)
{
    open_node(SMALL);
    expect(pipe_frame_add_depth(frame, 64, 64, &error));
    frame->raw->unit_m = 0.001;
    memset(frame->raw->values, 0, 64 * 64 * sizeof(uint16_t));
    expect(pipe_frame_draw_depth(frame, &error));
    ck_assert_int_eq(process(), PERCEPT_INVALID);
    ck_assert_str_eq(error.message, "depths of 64 x 64 pixels; the calibration is for 64 x 48");
}
END_TEST

/* ---- calibrations ---- */

static const char *const cameras[] = {
    "{\"K\": [60, 0, 31.5, 0, 62, 23.5, 0, 0, 1], \"D\": [0, 0, 0, 0, 0], \"width\": 64, "
    "\"height\": 48, \"distortion_model\": \"plumb_bob\"}",
    "image_width: 64\nimage_height: 48\ncamera_matrix: {rows: 3, cols: 3, data: [60, 0, 31.5, 0, "
    "62, 23.5, 0, 0, 1]}\ndistortion_model: plumb_bob\ndistortion_coefficients: {rows: 1, cols: 5, "
    "data: [0, 0, 0, 0, 0]}\n",
    "%YAML:1.0\n---\nimage_width: 64\nimage_height: 48\ncamera_matrix: !!opencv-matrix\n   rows: "
    "3\n   cols: 3\n   dt: d\n   data: [60., 0., 31.5, 0., 62., 23.5, 0., 0., 1.]\n"
    "distortion_coefficients: !!opencv-matrix\n   rows: 5\n   cols: 1\n   dt: d\n   data: [0, 0, "
    "0, 0, 0]\n",
    "cam0:\n  camera_model: pinhole\n  distortion_model: none\n  intrinsics: [60, 62, 31.5, 23.5]\n"
    "  resolution: [64, 48]\n",
};

START_TEST(a_calibration_of_each_tool_says_the_same)
{
    pictures_write_text("camera", cameras[_i]);
    open_node(", calibration: camera, width: 32, height: 24");
    show(1);
    expect(process());
    ck_assert_float_eq(depth->fx, 30);
    ck_assert_float_eq(depth->fy, 31);
    ck_assert_float_eq(depth->cx, 16);
    ck_assert_float_eq(depth->cy, 12);
    ck_assert_float_eq_tol(at(15, 12), 1, 1e-5F);
}
END_TEST

START_TEST(a_lens_is_undone)
{
    pictures_write_text("camera", "{\"K\": [60, 0, 31.5, 0, 60, 23.5, 0, 0, 1], \"D\": [-0.2, 0, "
                                  "0, 0, 0], \"width\": 64, \"height\": 48}");
    open_node(", calibration: camera, width: 64, height: 48, fill: 0");
    show(1);
    for (uint32_t y = 0; y < HEIGHT; y++) /* a step at column 58 of the bent image */
        for (uint32_t x = 58; x < WIDTH; x++)
            frame->raw->values[y * WIDTH + x] = 3000;
    expect(process());
    /* The ray of column 60 of the straight image is at (60 - 31.5) / 60 = 0.475, which the lens
     * shows at 0.475 * (1 - 0.2 * 0.475 ^ 2) * 60 + 31.5 = 58.7; that of 59 at 57.8. */
    ck_assert_float_eq_tol(at(58, 24), 2, 1e-5F);
    ck_assert_float_eq_tol(at(61, 24), 3, 1e-5F);
}
END_TEST

static const struct {
    const char *node, *camera, *message;
} bad[] = {
    {"", NULL, "expected either calibration or intrinsics"},
    {LENS ", calibration: camera", "", "expected either calibration or intrinsics"},
    {", intrinsics: [1, 2]", NULL, "intrinsics: expected fx fy cx cy, got 2"},
    {", intrinsics: [0, 60, 1, 1], calibrated_width: 64, calibrated_height: 48", NULL,
     "a focal length of 0 x 60 pixels"},
    {", intrinsics: [60, 60, 1, 1]", NULL,
     "calibrated_width and calibrated_height are needed: the calibration does not say what size of "
     "image it is for"},
    {LENS ", near: 3, far: 2", NULL, "near must be below far"},
    {LENS ", out_width: 100", NULL, "out_width without out_height, or reversed"},
    {LENS ", pose: [1]", NULL, "pose: expected 7 numbers, got 1"},
    {", calibration: camera", "{}", "camera:1:1: no 'camera_matrix'"},
    {", calibration: camera", "{K: [1, 2]}",
     "camera:1:5: expected a list of 9 numbers, got a list"},
    {", calibration: camera", "{K: [60, 0, 1, 0, 60, 1, 0, 0, 1]}", "camera:1:1: no 'D'"},
    {", calibration: camera",
     "{K: [60, 0, 1, 0, 60, 1, 0, 0, 1], D: [0, 0, 0, 0], distortion_model: spline}",
     "camera:1:71: distortion_model: expected plumb_bob, rational_polynomial or equidistant"},
};

START_TEST(a_mistake_is_told)
{
    if (bad[_i].camera)
        pictures_write_text("camera", bad[_i].camera);
    ck_assert_int_lt(create_node(bad[_i].node), 0);
    ck_assert_str_eq(percept_error_format(&error, said, sizeof said), bad[_i].message);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("measured_depth");
    TCase *tests = tcase_create("measured_depth");
    tcase_set_timeout(tests, 100);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, values_are_those_of_the_file);
    tcase_add_test(tests, a_photo_is_the_frames_picture);
    tcase_add_loop_test(tests, a_file_that_is_no_depth_is_told_once_and_left_out, 0,
                        sizeof bad_files / sizeof bad_files[0]);
    tcase_add_test(tests, lists_of_different_lengths_are_refused);
    tcase_add_test(tests, poses_are_interpolated_to_the_time_in_a_files_name);
    tcase_add_test(tests, without_times_in_names_the_rate_says_when);
    tcase_add_loop_test(tests, bad_poses_are_told_with_their_line, 0,
                        sizeof bad_poses / sizeof bad_poses[0]);
    tcase_add_test(tests, measured_depths_are_metres_as_they_were);
    tcase_add_test(tests, what_lies_between_two_surfaces_is_not_believed);
    tcase_add_test(tests, a_speck_is_an_outlier);
    tcase_add_test(tests, what_is_too_near_or_too_far_is_not_known);
    tcase_add_test(tests, wide_holes_stay_holes);
    tcase_add_test(tests, noise_is_averaged_where_nothing_moves);
    tcase_add_test(tests, depths_of_another_size_are_those_of_the_same_view);
    tcase_add_test(tests, a_photo_says_where_the_edges_of_a_larger_map_are);
    tcase_add_test(tests, a_photo_of_another_moment_is_told);
    tcase_add_test(tests, depths_of_other_proportions_are_refused);
    tcase_add_loop_test(tests, a_calibration_of_each_tool_says_the_same, 0,
                        sizeof cameras / sizeof cameras[0]);
    tcase_add_test(tests, a_lens_is_undone);
    tcase_add_loop_test(tests, a_mistake_is_told, 0, sizeof bad / sizeof bad[0]);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
