/* The source of stereo files and the node stereo_depth: depth that is true, and faults that are
 * told. */
#include "host.h"
#include "ipc/depth.h"
#include "pictures.h"
#include "pipelines/config.h"
#include "pipelines/depth_map.h"
#include "pipelines/publish.h"
#include "stereo_scene.h"
#include "suite.h"

#include "base/clock.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static struct pipe_config *config;
static const struct pipe_config_pipeline *pipeline;
static struct pipe_source *source;
static struct pipe_node *node;
static struct pipe_frame_pool *pool;
static struct pipe_frame *frame;
static struct pipe_depth *depth;
static struct percept_error error;

static const struct stereo_scene usual = {320, 240, 8, 24, 0, 2};

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

static void write_eye(const struct stereo_scene *scene, unsigned eye, const char *name)
{
    uint8_t *pixels = malloc((size_t)scene->width * scene->height * 3);
    FILE *file = fopen(name, "wb");
    ck_assert_ptr_nonnull(file);
    stereo_scene_draw(scene, eye, pixels, scene->width * 3);
    fprintf(file, "P6\n%u %u\n255\n", scene->width, scene->height);
    fwrite(pixels, 3, (size_t)scene->width * scene->height, file);
    fclose(file);
    free(pixels);
}

/* A pinhole of 320 pixels, eyes 0.1 m apart, 320 x 240. */
#define LENS "{rows: 3, cols: 3, data: [320,0,159.5, 0,320,119.5, 0,0,1]}"
#define NONE "{rows: 1, cols: 5, data: [0,0,0,0,0]}"
static void write_calibration(void)
{
    pictures_write_text("c.yml", "%YAML:1.0\nimage_width: 320\nimage_height: 240\nM1: " LENS
                                 "\nM2: " LENS "\nD1: " NONE "\nD2: " NONE
                                 "\nR: {rows: 3, cols: 3, data: [1,0,0, 0,1,0, 0,0,1]}\n"
                                 "T: {rows: 3, cols: 1, data: [-0.1, 0, 0]}\n");
}

/* Parse; braces of the source and of the node. */
static enum percept_status parse(const char *source_braces, const char *node_braces)
{
    char text[2048];
    snprintf(text, sizeof text,
             "version: 1\npipelines:\n  a:\n    source: {%s}\n    nodes:\n"
             "      - {node: stereo_depth, inputs: {frame: source}%s}\n    topics: {depth: "
             "stereo_depth}\n",
             source_braces, node_braces);
    enum percept_status status =
        pipe_config_parse("test.yaml", text, strlen(text), &config, &error);
    if (status == PERCEPT_OK)
        pipeline = &config->pipelines[0];
    return status;
}

static void expect(enum percept_status status)
{
    char text[1024];
    ck_assert_msg(status == PERCEPT_OK, "%s", percept_error_format(&error, text, sizeof text));
}

static enum percept_status open_source(void)
{
    const struct pipe_source_setup of = {.params = pipeline->source_params, .stop_fd = -1};
    return pipeline->source->create(&of, &source, &error);
}

static void open_node(const char *node_braces)
{
    expect(parse("type: stereo_files, left: ., right: .", node_braces));
    const struct pipe_node_setup of = {.name = "n", .params = pipeline->nodes[0].params};
    const struct pipe_node_class *class = pipeline->nodes[0].class;
    expect(class->create(&of, &node, &error));
    size_t bytes = pipe_stream_type_room(PIPE_DEPTH) + class->output_bytes(node, 0);
    depth = aligned_alloc(PIPE_TENSOR_ALIGNMENT, (bytes + 63) / 64 * 64);
    ck_assert_ptr_nonnull(depth);
}

/* Put a scene before both eyes. */
static void show(const struct stereo_scene *scene)
{
    pipe_frame_add_right(frame);
    expect(pipe_frame_resize(frame, scene->width, scene->height, &error));
    expect(pipe_frame_resize(frame->right, scene->width, scene->height, &error));
    stereo_scene_draw(scene, 0, frame->pixels, frame->stride);
    stereo_scene_draw(scene, 1, frame->right->pixels, frame->right->stride);
    frame->number++;
    frame->capture_ns = (int64_t)frame->number;
}

static void process(void)
{
    const void *inputs[PIPE_MAX_PORTS] = {frame};
    void *outputs[PIPE_MAX_PORTS] = {depth};
    error = (struct percept_error){0};
    expect(pipeline->nodes[0].class->process(node, inputs, outputs, &error));
}

static float metres_at(int x, int y)
{
    return depth->metres[y * (int)depth->width + x];
}

/* ---- files ---- */

static void next(void)
{
    int64_t time_ns;
    expect(pipeline->source->next(source, frame, &time_ns, &error));
}

START_TEST(two_files_are_a_frame_with_two_eyes)
{
    write_eye(&usual, 0, "l.ppm");
    write_eye(&usual, 1, "r.ppm");
    expect(parse("type: stereo_files, left: l.ppm, right: r.ppm", ""));
    expect(open_source());
    next();
    ck_assert_ptr_nonnull(frame->right);
    uint8_t *expected = malloc(320 * 240 * 3);
    for (unsigned eye = 0; eye < 2; eye++) {
        const struct pipe_frame *got = eye ? frame->right : frame;
        stereo_scene_draw(&usual, eye, expected, 320 * 3);
        for (uint32_t y = 0; y < 240; y++)
            ck_assert_mem_eq(got->pixels + y * got->stride, expected + y * 960, 960);
    }
    free(expected);
}
END_TEST

START_TEST(one_picture_with_both_eyes_is_cut_in_two)
{
    FILE *file = fopen("both.ppm", "wb");
    fprintf(file, "P6\n8 2\n255\n");
    for (int i = 0; i < 16; i++)
        for (int c = 0; c < 3; c++)
            putc(i % 8 < 4 ? 10 : 200, file);
    fclose(file);
    expect(parse("type: stereo_files, side_by_side: both.ppm", ""));
    expect(open_source());
    next();
    ck_assert_uint_eq(frame->width, 4);
    ck_assert_uint_eq(frame->right->width, 4);
    for (int y = 0; y < 2; y++)
        for (int x = 0; x < 12; x++) {
            ck_assert_uint_eq(frame->pixels[y * (int)frame->stride + x], 10);
            ck_assert_uint_eq(frame->right->pixels[y * (int)frame->right->stride + x], 200);
        }
}
END_TEST

START_TEST(a_pan_shows_both_eyes_the_same_part)
{
    const struct stereo_scene large = {400, 300, 8, 24, 0, 0};
    write_eye(&large, 0, "l.ppm");
    write_eye(&large, 1, "r.ppm");
    expect(parse("type: stereo_files, left: l.ppm, right: r.ppm, pan: 20, width: 200, height: 160, "
                 "zoom: 1.5",
                 ""));
    expect(open_source());
    float most = 0;
    for (int i = 0; i < 20; i++) {
        next();
        ck_assert_uint_eq(frame->width, 200);
        ck_assert_float_ge(frame->view[2], 1);
        ck_assert_float_le(frame->view[0] + 200 / frame->view[2], 400.01F);
        ck_assert_float_le(frame->view[1] + 160 / frame->view[2], 300.01F);
        ck_assert_mem_eq(frame->view, frame->right->view, sizeof frame->view);
        most = fmaxf(most, frame->view[2]);
    }
    ck_assert_float_eq_tol(most, 1.5F, 0.01F);
    int64_t time_ns;
    ck_assert_int_eq(pipeline->source->next(source, frame, &time_ns, &error), PERCEPT_END);
}
END_TEST

START_TEST(a_recording_says_where_it_was)
{
    write_eye(&usual, 0, "l.ppm");
    write_eye(&usual, 1, "r.ppm");
    pictures_write_text("poses.txt", "0 1 2 3 0 0 0 1\n");
    expect(parse("type: stereo_files, left: l.ppm, right: r.ppm, pan: 2, width: 200, height: 160, "
                 "poses: poses.txt",
                 ""));
    expect(open_source());
    for (int i = 0; i < 2; i++) {
        next();
        ck_assert(frame->pose.known);
        ck_assert_float_eq(frame->pose.position_m[2], 3);
    }
}
END_TEST

static const struct {
    const char *source, *message;
} bad_files[] = {
    {"type: stereo_files, left: a.ppm", "expected either left and right, or side_by_side"},
    {"type: stereo_files, left: a.ppm, right: [a.ppm, a.ppm]",
     "1 files of the left eye, 2 of the right"},
    {"type: stereo_files, left: a.ppm, right: none.ppm", "'none.ppm': No such file or directory"},
};

START_TEST(files_that_are_no_pairs_are_refused)
{
    const uint8_t gray[3] = {9, 9, 9};
    pictures_write("a.ppm", 16, 16, gray);
    expect(parse(bad_files[_i].source, ""));
    ck_assert_int_lt(open_source(), 0);
    ck_assert_str_eq(error.message, bad_files[_i].message);
}
END_TEST

START_TEST(a_pair_of_which_one_is_damaged_is_left_out_and_the_next_stays_a_pair)
{
    write_eye(&usual, 0, "l1.ppm");
    pictures_write_text("r1.ppm", "no picture");
    write_eye(&usual, 0, "l2.ppm");
    write_eye(&usual, 1, "r2.ppm");
    expect(parse("type: stereo_files, left: 'l*.ppm', right: 'r*.ppm', loop: 2", ""));
    expect(open_source());
    int64_t time_ns;
    ck_assert_int_eq(pipeline->source->next(source, frame, &time_ns, &error), PERCEPT_MALFORMED);
    ck_assert_ptr_nonnull(strstr(error.file, "r1.ppm"));
    next();
    next(); /* the second round; the bad pair is not told again */
    ck_assert_ptr_nonnull(frame->right);
    ck_assert_int_eq(pipeline->source->next(source, frame, &time_ns, &error), PERCEPT_END);
}
END_TEST

/* ---- depth ---- */

START_TEST(depth_is_in_metres)
{
    size_t off = 0, count = 0;
    write_calibration();
    open_node(", calibration: c.yml");
    show(&usual);
    process();
    ck_assert_str_eq(error.message, "");
    ck_assert_uint_eq(depth->flags, 0);
    ck_assert_float_eq(depth->fx, 320);
    ck_assert_float_eq(depth->cx, 160); /* the centre of the middle, from the border */
    ck_assert_float_eq(depth->baseline_m, 0.1F);
    ck_assert_float_eq_tol(depth->near_m, 320 * 0.1F / 63, 1e-4F);
    ck_assert_float_gt(depth->known, 0.8F);
    for (int y = 0; y < 240; y++)
        for (int x = 30; x < 320; x++, count++) {
            float expected = 320 * 0.1F / (float)stereo_scene_disparity(&usual, x, y);
            off += fabsf(metres_at(x, y) - expected) > 0.04F * expected;
        }
    ck_assert_msg(off * 100 < count, "%zu of %zu", off, count);
}
END_TEST

START_TEST(a_larger_map_says_the_same_depths)
{
    write_calibration();
    open_node(", calibration: c.yml, out_width: 640, out_height: 480");
    show(&usual);
    process();
    ck_assert_uint_eq(depth->width, 640);
    ck_assert_float_eq(depth->fx, 640);
    ck_assert_float_eq_tol(metres_at(340, 240), 32.0F / 24, 0.03F);
    ck_assert_float_eq_tol(metres_at(560, 100), 32.0F / 8, 0.12F);
}
END_TEST

START_TEST(a_larger_frame_has_the_same_depth)
{
    /* Twice the pixels, so twice the disparity. */
    const struct stereo_scene large = {640, 480, 16, 48, 0, 2};
    write_calibration();
    open_node(", calibration: c.yml");
    show(&large);
    process();
    ck_assert_float_eq(depth->fx, 320);
    ck_assert_float_eq_tol(metres_at(170, 120), 32.0F / 24, 0.03F);
}
END_TEST

START_TEST(a_part_of_the_image_has_the_depth_of_the_whole)
{
    write_calibration();
    open_node(", calibration: c.yml, width: 160, height: 128, disparities: 64");
    const struct stereo_scene part = {160, 128, 8, 24, 0, 2};
    show(&part);
    frame->view[0] = 100;
    frame->view[1] = 50;
    process();
    ck_assert_float_eq_tol(metres_at(80, 64), 32.0F / 24, 0.03F);
    ck_assert_float_eq(depth->cx, 60);
    ck_assert_float_eq(depth->cy, 70);
}
END_TEST

/* Both cameras of a rig look to the right of their baseline by 0.1 radians, so rectification turns
 * them back. */
START_TEST(a_pose_is_that_of_the_rectified_camera)
{
    pictures_write_text("turned.yml", "%YAML:1.0\nimage_width: 320\nimage_height: 240\nM1: " LENS
                                      "\nM2: " LENS "\nD1: " NONE "\nD2: " NONE
                                      "\nR: {rows: 3, cols: 3, data: [1,0,0, 0,1,0, 0,0,1]}\n"
                                      "T: {rows: 3, cols: 1, data: [-0.0995004, 0, 0.0099833]}\n");
    open_node(", calibration: turned.yml, pose: [1, 2, 3, 0, 0.70710678, 0, 0.70710678]");
    show(&usual);
    process();
    ck_assert(depth->pose_known);
    ck_assert_float_eq(depth->position_m[0], 1);
    /* The rig's x axis seen from the left camera is along -T: (0.995, 0, -0.0998). In the world it
     * is turned by a quarter about y, by which (x, y, z) becomes (z, y, -x); and it is what the
     * topic's pose makes of the rectified camera's x axis. */
    const float *q = depth->orientation;
    float x = 1 - 2 * (q[1] * q[1] + q[2] * q[2]), y = 2 * (q[0] * q[1] + q[2] * q[3]),
          z = 2 * (q[0] * q[2] - q[1] * q[3]);
    ck_assert_float_eq_tol(x, -0.0998334F, 1e-4F);
    ck_assert_float_eq_tol(y, 0, 1e-4F);
    ck_assert_float_eq_tol(z, -0.9950042F, 1e-4F);
}
END_TEST

START_TEST(what_is_published_is_what_clients_read)
{
    struct percept_depth_view view;
    write_calibration();
    open_node(_i ? ", calibration: c.yml, format: metres, pose: [1,2,3,0,0,0,1]"
                 : ", calibration: c.yml");
    show(&usual);
    process();
    const struct pipe_publisher *publisher = pipe_publisher_of(PIPE_DEPTH);
    size_t most = pipe_publisher_max_bytes(publisher, 0, pipe_depth_bytes(320, 240));
    void *slot = aligned_alloc(64, (most + 63) / 64 * 64);
    size_t size = pipe_publisher_write(publisher, slot, most, depth, 77, NULL);
    ck_assert_uint_gt(size, 0);
    expect(percept_depth_look(slot, size, &view, &error));
    ck_assert_int_eq(view.depth->model_ns, 77);
    ck_assert_uint_eq(view.depth->pose_known, (uint32_t)_i);
    ck_assert_float_eq(view.depth->position_m[1], _i ? 2 : 0);
    for (uint32_t y = 0; y < 240; y++)
        for (uint32_t x = 0; x < 320; x++)
            ck_assert_float_eq_tol(percept_depth_at(&view, (float)x + 0.5F, (float)y + 0.5F, 0),
                                   metres_at((int)x, (int)y), _i ? 1e-6F : 0.00051F);
    ck_assert_uint_eq(pipe_publisher_write(publisher, slot, size - 1, depth, 0, NULL), 0);
    free(slot);
}
END_TEST

/* ---- faults ---- */

static void cover(struct pipe_frame *eye)
{
    memset(eye->pixels, 3, (size_t)eye->stride * eye->height);
}

static void swap(struct pipe_frame *a)
{
    uint8_t *kept = a->pixels;
    a->pixels = a->right->pixels;
    a->right->pixels = kept;
}

static void spoil(const char *how)
{
    struct stereo_scene scene = usual;
    scene.down = strcmp(how, "rows") == 0 ? 3 : 0;
    show(&scene);
    if (strcmp(how, "left") == 0)
        cover(frame);
    if (strcmp(how, "right") == 0)
        cover(frame->right);
    if (strcmp(how, "swapped") == 0)
        swap(frame);
    if (strcmp(how, "late") == 0)
        frame->skew_ns = -20 * BASE_NS_PER_MS;
    if (strcmp(how, "size") == 0)
        expect(pipe_frame_resize(frame->right, 160, 120, &error));
    if (strcmp(how, "same") == 0)
        memcpy(frame->right->pixels, frame->pixels, (size_t)frame->stride * frame->height);
    if (strcmp(how, "other") == 0) { /* upside down and inside out: nothing like the left eye's */
        for (size_t i = 0; i < (size_t)frame->stride * frame->height; i++)
            frame->right->pixels[i] =
                (uint8_t)(255 - frame->pixels[(size_t)frame->stride * frame->height - 1 - i]);
    }
    if (strcmp(how, "flat") == 0) /* a slope of brightness, a little noise */
        for (uint32_t y = 0; y < frame->height; y++)
            for (uint32_t x = 0; x < frame->width * 3; x++) {
                frame->pixels[y * frame->stride + x] = (uint8_t)(60 + x / 12);
                frame->right->pixels[y * frame->stride + x] = (uint8_t)(61 + x / 12);
            }
}

static const struct {
    const char *how;
    uint32_t flag;
    bool published; /* the map says something all the same */
    const char *message;
} faults[] = {
    {"left", PERCEPT_DEPTH_LEFT_COVERED, false, "the left eye is covered"},
    {"right", PERCEPT_DEPTH_RIGHT_COVERED, false, "the right eye is covered"},
    {"swapped", PERCEPT_DEPTH_SWAPPED, false, "left and right are swapped"},
    {"rows", PERCEPT_DEPTH_MISALIGNED, true,
     "what matches is on other rows: the calibration is off (by 3.0 of 240 pixels)"},
    {"late", PERCEPT_DEPTH_UNSYNCHRONISED, true, "the eyes were captured at different times"},
    {"size", PERCEPT_DEPTH_SIZES_DIFFER, false, "the eyes' images have different sizes"},
    {"same", PERCEPT_DEPTH_SAME_VIEW, false, "both eyes show the same picture"},
    {"other", PERCEPT_DEPTH_UNMATCHED, false, "the eyes show different things"},
    {"flat", PERCEPT_DEPTH_NO_TEXTURE, true, "too little texture to match by"},
};

START_TEST(a_fault_is_told_and_degrades)
{
    write_calibration();
    open_node(", calibration: c.yml");
    spoil(faults[_i].how);
    process();
    ck_assert_uint_eq(depth->flags, faults[_i].flag);
    ck_assert_str_eq(error.message, faults[_i].message);
    ck_assert_int_eq(error.status, PERCEPT_OK);
    if (faults[_i].published)
        return;
    for (size_t i = 0; i < 320 * 240; i++) {
        ck_assert_float_eq(depth->metres[i], 0);
        ck_assert_uint_eq(depth->confidence[i], 0);
    }
    ck_assert_float_eq(depth->known, 0);
}
END_TEST

START_TEST(an_eye_a_row_too_low_is_measured_corrected_and_told)
{
    struct stereo_scene scene = usual;
    scene.down = 1;
    open_node("");
    show(&scene);
    process();
    ck_assert_uint_eq(depth->flags, PERCEPT_DEPTH_NO_METRES | PERCEPT_DEPTH_REALIGNED);
    ck_assert_float_eq_tol(depth->vertical_px, 1, 0.1F);
    ck_assert_str_eq(error.message,
                     "the right eye is off vertically, which is corrected (by 1.0 of "
                     "240 pixels)");
    show(&usual); /* it is put right */
    for (unsigned i = 0; i < 12; i++)
        process();
    ck_assert_uint_eq(depth->flags, PERCEPT_DEPTH_NO_METRES);
}
END_TEST

START_TEST(a_fault_that_is_over_is_not_told_any_more)
{
    write_calibration();
    open_node(", calibration: c.yml");
    spoil("left");
    process();
    ck_assert_uint_ne(depth->flags, 0);
    for (int i = 0; i < 4; i++) { /* it looks at every fourth frame */
        show(&usual);
        process();
    }
    ck_assert_uint_eq(depth->flags, 0);
    ck_assert_float_gt(depth->known, 0.8F);
}
END_TEST

START_TEST(without_a_calibration_there_are_no_metres_and_that_is_told)
{
    open_node("");
    show(&usual);
    process();
    ck_assert_uint_eq(depth->flags, PERCEPT_DEPTH_NO_METRES);
    ck_assert_str_eq(error.message, ""); /* it was configured so */
}
END_TEST

START_TEST(frames_that_the_calibration_is_not_for_are_an_error)
{
    const struct stereo_scene wide = {400, 240, 8, 24, 0, 2};
    const void *inputs[PIPE_MAX_PORTS] = {frame};
    void *outputs[PIPE_MAX_PORTS] = {0};
    write_calibration();
    open_node(", calibration: c.yml");
    show(&wide);
    outputs[0] = depth;
    ck_assert_int_eq(pipeline->nodes[0].class->process(node, inputs, outputs, &error),
                     PERCEPT_INVALID);
    ck_assert_str_eq(error.message, "frames of 400 x 240 pixels; the calibration is for 320 x 240");
}
END_TEST

START_TEST(a_covered_eye_degrades_the_pipeline_by_name)
{
    static struct host host;
    const uint8_t black[3] = {0, 0, 0};
    write_eye(&usual, 0, "l.ppm");
    pictures_write("r.ppm", 320, 240, black);
    host_init(&host);
    host_start(&host, "version: 1\npipelines:\n  a:\n"
                      "    source: {type: stereo_files, left: l.ppm, right: r.ppm, loop: 12}\n"
                      "    nodes: [{node: stereo_depth, inputs: {frame: source}}]\n"
                      "    topics: {depth: stereo_depth, left: source}\n");
    host_wait_events(&host, "a: degraded: node 'stereo_depth': the right eye is covered", 1, 200);
    host_wait_finished(&host, 1, 200);
    ck_assert_uint_gt(host_topic(&host, "depth")->sample_count, 0);
    ck_assert_str_eq(host_topic(&host, "left")->schema, PERCEPT_FRAME_SCHEMA);
    host_fini(&host);
}
END_TEST

START_TEST(a_camera_of_one_eye_is_no_stereo_source)
{
    char text[] = "version: 1\npipelines:\n  a:\n    source: {type: images, paths: .}\n    nodes:\n"
                  "      - {node: stereo_depth, inputs: {frame: source}}\n";
    ck_assert_int_eq(pipe_config_parse("test.yaml", text, strlen(text), &config, &error),
                     PERCEPT_MALFORMED);
    ck_assert_str_eq(error.message,
                     "input 'frame' of node 'stereo_depth' takes a stereo frame, this stream "
                     "carries a frame");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("stereo");
    TCase *tests = tcase_create("stereo");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, two_files_are_a_frame_with_two_eyes);
    tcase_add_test(tests, one_picture_with_both_eyes_is_cut_in_two);
    tcase_add_test(tests, a_pan_shows_both_eyes_the_same_part);
    tcase_add_loop_test(tests, files_that_are_no_pairs_are_refused, 0,
                        sizeof bad_files / sizeof bad_files[0]);
    tcase_add_test(tests, a_pair_of_which_one_is_damaged_is_left_out_and_the_next_stays_a_pair);
    tcase_add_test(tests, depth_is_in_metres);
    tcase_add_test(tests, a_larger_map_says_the_same_depths);
    tcase_add_test(tests, a_larger_frame_has_the_same_depth);
    tcase_add_test(tests, a_part_of_the_image_has_the_depth_of_the_whole);
    tcase_add_test(tests, a_recording_says_where_it_was);
    tcase_add_test(tests, a_pose_is_that_of_the_rectified_camera);
    tcase_add_loop_test(tests, what_is_published_is_what_clients_read, 0, 2);
    tcase_add_loop_test(tests, a_fault_is_told_and_degrades, 0, sizeof faults / sizeof faults[0]);
    tcase_add_test(tests, an_eye_a_row_too_low_is_measured_corrected_and_told);
    tcase_add_test(tests, a_fault_that_is_over_is_not_told_any_more);
    tcase_add_test(tests, without_a_calibration_there_are_no_metres_and_that_is_told);
    tcase_add_test(tests, frames_that_the_calibration_is_not_for_are_an_error);
    tcase_add_test(tests, a_covered_eye_degrades_the_pipeline_by_name);
    tcase_add_test(tests, a_camera_of_one_eye_is_no_stereo_source);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
