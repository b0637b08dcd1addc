/* Where text is, and in which order it is read: quadrilaterals, boxes of a map, crops, rows. */
#include "suite.h"

#include "pipelines/text_boxes.h"
#include "pipelines/text_change.h"
#include "pipelines/text_image.h"
#include "pipelines/text_motion.h"
#include "pipelines/text_order.h"

#include <math.h>
#include <string.h>

static float uniform(float low, float high)
{
    return low + (high - low) * (float)rand() / (float)RAND_MAX;
}

/* A rectangle, turned clockwise by radians around its centre. */
static void make_quad(float quad[4][2], float x, float y, float width, float height, float angle)
{
    for (int c = 0; c < 4; c++) {
        float u = (c == 0 || c == 3 ? -0.5f : 0.5f) * width, v = (c < 2 ? -0.5f : 0.5f) * height;
        quad[c][0] = x + u * cosf(angle) - v * sinf(angle);
        quad[c][1] = y + u * sinf(angle) + v * cosf(angle);
    }
}

static void assert_quad(const float (*a)[2], const float (*b)[2], float tolerance)
{
    for (int c = 0; c < 4; c++)
        for (int axis = 0; axis < 2; axis++)
            ck_assert_float_eq_tol(a[c][axis], b[c][axis], tolerance);
}

#define QUAD(q) ((const float(*)[2])(q))

/* ---- quadrilaterals ---- */

START_TEST(overlap_is_that_of_areas)
{
    pipe_quad a, b;
    make_quad(a, 50, 50, 40, 20, 0);
    ck_assert_float_eq_tol(pipe_quad_overlap(QUAD(a), QUAD(a)), 1, 1e-5f);
    make_quad(b, 70, 50, 40, 20, 0);
    ck_assert_float_eq_tol(pipe_quad_overlap(QUAD(a), QUAD(b)), 1 / 3.0f, 1e-5f);
    make_quad(b, 50, 50, 40, 20, (float)M_PI / 2); /* a cross: 20 x 20 of 1200 */
    ck_assert_float_eq_tol(pipe_quad_overlap(QUAD(a), QUAD(b)), 400 / 1200.0f, 1e-4f);
    make_quad(b, 150, 50, 40, 20, 0);
    ck_assert_float_eq(pipe_quad_overlap(QUAD(a), QUAD(b)), 0);
    memset(b, 0, sizeof b);
    ck_assert_float_eq(pipe_quad_overlap(QUAD(a), QUAD(b)), 0);
}
END_TEST

START_TEST(overlap_agrees_with_counting_points)
{
    srand(1);
    for (int round = 0; round < 20; round++) {
        pipe_quad a, b;
        make_quad(a, 50, 50, uniform(20, 60), uniform(10, 40), uniform(-3, 3));
        make_quad(b, uniform(40, 60), uniform(40, 60), uniform(20, 60), uniform(10, 40),
                  uniform(-3, 3));
        int both = 0, either = 0;
        for (float y = 0; y < 100; y += 0.25f)
            for (float x = 0; x < 100; x += 0.25f) {
                bool in[2] = {true, true};
                for (int c = 0; c < 4; c++)
                    for (int q = 0; q < 2; q++) {
                        const float *from = q ? b[c] : a[c],
                                    *to = q ? b[(c + 1) % 4] : a[(c + 1) % 4];
                        in[q] = in[q] && (to[0] - from[0]) * (y - from[1]) -
                                                 (to[1] - from[1]) * (x - from[0]) >=
                                             0;
                    }
                both += in[0] && in[1];
                either += in[0] || in[1];
            }
        ck_assert_float_eq_tol(pipe_quad_overlap(QUAD(a), QUAD(b)), (float)both / (float)either,
                               0.02f);
    }
}
END_TEST

START_TEST(the_smallest_rectangle_around_the_points_of_one_is_it)
{
    srand(2);
    for (int round = 0; round < 50; round++) {
        pipe_quad quad, found;
        float points[64][2], hull[65][2];
        float angle = uniform(-0.7f, 0.7f);
        make_quad(quad, uniform(100, 200), uniform(100, 200), uniform(50, 90), uniform(10, 30),
                  angle);
        memcpy(points, quad, sizeof quad);
        for (int i = 4; i < 64; i++) { /* within it */
            float u = uniform(0, 1), v = uniform(0, 1);
            for (int axis = 0; axis < 2; axis++)
                points[i][axis] = quad[0][axis] + u * (quad[1][axis] - quad[0][axis]) +
                                  v * (quad[3][axis] - quad[0][axis]);
        }
        struct pipe_rectangle r = pipe_smallest_rectangle(points, 64, hull);
        ck_assert_float_eq_tol(r.side, pipe_quad_height(QUAD(quad)), 0.01f);
        memcpy(found, r.corners, sizeof found);
        pipe_quad_order(found);
        assert_quad(QUAD(found), QUAD(quad), 0.05f);
    }
}
END_TEST

START_TEST(a_point_and_a_row_of_points_have_rectangles_without_area)
{
    float point[1][2] = {{3, 4}}, row[3][2] = {{1, 1}, {9, 1}, {5, 1}}, hull[4][2];
    struct pipe_rectangle r = pipe_smallest_rectangle(point, 1, hull);
    ck_assert_float_eq(r.side, 0);
    ck_assert_float_eq(r.corners[2][0], 3);
    r = pipe_smallest_rectangle(row, 3, hull);
    ck_assert_float_eq(r.side, 0);
    ck_assert_float_eq(pipe_quad_width(QUAD(r.corners)) + pipe_quad_height(QUAD(r.corners)), 8);
}
END_TEST

/* ---- boxes ---- */

static const struct pipe_box_options usual = {0.3f, 0.5f, 1.6f};

static size_t boxes_of(const float *map, uint32_t width, uint32_t height,
                       struct pipe_text_box *found, size_t capacity)
{
    struct pipe_boxes *boxes;
    ck_assert_int_eq(pipe_boxes_create(512, &boxes, NULL), PERCEPT_OK);
    size_t count = pipe_boxes_find(boxes, map, width, height, &usual, found, capacity);
    pipe_boxes_destroy(boxes);
    return count;
}

static float map[512 * 512];

static void fill(uint32_t stride, uint32_t left, uint32_t top, uint32_t right, uint32_t bottom,
                 float value)
{
    for (uint32_t y = top; y < bottom; y++)
        for (uint32_t x = left; x < right; x++)
            map[y * stride + x] = value;
}

START_TEST(a_block_becomes_its_rectangle_grown_by_area_over_circumference)
{
    struct pipe_text_box found[4];
    memset(map, 0, sizeof map);
    fill(200, 50, 40, 150, 60, 0.9f); /* with the dilation 100 x 20 from the first to the last */
    ck_assert_uint_eq(boxes_of(map, 200, 100, found, 4), 1);
    float grown = roundf(100 * 20 * 1.6f / 240);
    ck_assert_float_eq_tol(found[0].corners[0][0], 50 - grown, 1.01f);
    ck_assert_float_eq_tol(found[0].corners[0][1], 40 - grown, 1.01f);
    ck_assert_float_eq_tol(found[0].corners[2][0], 150 + grown, 1.01f);
    ck_assert_float_eq_tol(found[0].corners[2][1], 60 + grown, 1.01f);
    /* The dilated border is part of the box and 0 in the map. */
    ck_assert_float_eq_tol(found[0].score, 0.9f * 2000 / (101 * 21), 1e-3f);
}
END_TEST

START_TEST(blocks_apart_are_boxes_best_first_and_touching_ones_are_one)
{
    struct pipe_text_box found[4];
    memset(map, 0, sizeof map);
    fill(200, 10, 10, 60, 20, 0.7f);
    fill(200, 100, 10, 150, 20, 0.95f);
    fill(200, 20, 50, 60, 60, 0.8f);
    fill(200, 60, 60, 100, 70, 0.8f); /* corner to corner with the one above */
    ck_assert_uint_eq(boxes_of(map, 200, 100, found, 4), 2);
    ck_assert(found[0].score > found[1].score && found[0].corners[0][0] > 90);
    /* The pair leans, and too much of its rectangle is empty. With more in it, it counts. */
    fill(200, 20, 50, 100, 70, 0.8f);
    ck_assert_uint_eq(boxes_of(map, 200, 100, found, 4), 3);
    ck_assert_uint_eq(boxes_of(map, 200, 100, found, 1), 1);
    ck_assert_float_gt(found[0].corners[0][0], 90);
}
END_TEST

START_TEST(a_leaning_block_gets_a_leaning_box)
{
    struct pipe_text_box found[1];
    pipe_quad quad;
    memset(map, 0, sizeof map);
    make_quad(quad, 150, 150, 160, 24, 0.4f);
    for (int y = 0; y < 300; y++)
        for (int x = 0; x < 300; x++) {
            float u = ((float)x - 150) * cosf(0.4f) + ((float)y - 150) * sinf(0.4f),
                  v = ((float)y - 150) * cosf(0.4f) - ((float)x - 150) * sinf(0.4f);
            map[y * 300 + x] = fabsf(u) < 80 && fabsf(v) < 12 ? 1 : 0;
        }
    ck_assert_uint_eq(boxes_of(map, 300, 300, found, 1), 1);
    const float(*c)[2] = QUAD(found[0].corners);
    ck_assert_float_eq_tol(atan2f(c[1][1] - c[0][1], c[1][0] - c[0][0]), 0.4f, 0.03f);
    float grown = 160 * 24 * 1.6f / (2 * 184);
    ck_assert_float_eq_tol(pipe_quad_width(c), 160 + 2 * grown, 3);
    ck_assert_float_eq_tol(pipe_quad_height(c), 24 + 2 * grown, 3);
}
END_TEST

START_TEST(specks_faint_blocks_and_what_is_no_number_are_no_text)
{
    struct pipe_text_box found[4];
    memset(map, 0, sizeof map);
    fill(200, 10, 10, 12, 12, 1);     /* 2 x 2 */
    fill(200, 50, 50, 120, 60, 0.4f); /* above the threshold of pixels, below that of boxes */
    fill(200, 150, 80, 190, 90, (float)NAN);
    ck_assert_uint_eq(boxes_of(map, 200, 100, found, 4), 0);
    ck_assert_uint_eq(boxes_of(map, 0, 100, found, 4), 0);
    ck_assert_uint_eq(boxes_of(map, 1, 1, found, 4), 0);
}
END_TEST

START_TEST(noise_and_a_full_map_come_to_an_end)
{
    struct pipe_text_box found[64];
    srand(3);
    for (int i = 0; i < 512 * 512; i++)
        map[i] = uniform(0, 1) > 0.8f ? 1 : 0;
    ck_assert_uint_le(boxes_of(map, 512, 512, found, 64), 64);
    for (int i = 0; i < 512 * 512; i++)
        map[i] = (i / 512 + i) % 4 ? 0 : 1; /* as many runs as there can be */
    ck_assert_uint_le(boxes_of(map, 512, 512, found, 64), 64);
    for (int i = 0; i < 512 * 512; i++)
        map[i] = 1;
    ck_assert_uint_eq(boxes_of(map, 512, 512, found, 64), 1);
    ck_assert_float_eq_tol(found[0].score, 1, 1e-5f);
}
END_TEST

/* ---- pictures ---- */

static uint8_t pixels[64 * 64 * 3 + PIPE_FRAME_PADDING];
static float picture_data[3 * 4096];

static struct pipe_frame make_frame(uint32_t width, uint32_t height)
{
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++) {
            pixels[(y * width + x) * 3] = (uint8_t)(x * 4);
            pixels[(y * width + x) * 3 + 1] = (uint8_t)(y * 4);
            pixels[(y * width + x) * 3 + 2] = 200;
        }
    return (struct pipe_frame){
        .pixels = pixels, .width = width, .height = height, .stride = 3 * width};
}

static struct pipe_picture make_picture(uint32_t width, uint32_t height, bool planar)
{
    memset(picture_data, 0x7f, sizeof picture_data);
    return (struct pipe_picture){picture_data,
                                 width,
                                 height,
                                 planar ? 1 : 3,
                                 planar ? width : 3 * width,
                                 planar ? width * height : 1};
}

/* As a channel, 0..255. */
static float at(const struct pipe_picture *p, uint32_t x, uint32_t y, int channel)
{
    return (p->data[x * p->step_x + y * p->step_y + channel * p->step_channel] + 1) * 127.5f;
}

START_TEST(a_frame_of_the_pictures_size_is_copied_blue_first)
{
    struct pipe_frame frame = make_frame(32, 16);
    struct pipe_column columns[32];
    for (int planar = 0; planar < 2; planar++) {
        struct pipe_picture picture = make_picture(32, 16, planar);
        pipe_text_resize(&frame, 0, &picture, columns, NULL);
        ck_assert_float_eq_tol(at(&picture, 5, 7, 0), 200, 1e-3f);
        ck_assert_float_eq_tol(at(&picture, 5, 7, 1), 28, 1e-3f);
        ck_assert_float_eq_tol(at(&picture, 5, 7, 2), 20, 1e-3f);
    }
}
END_TEST

START_TEST(a_frame_grows_linearly_between_the_centres_of_its_pixels)
{
    struct pipe_frame frame = make_frame(16, 16);
    struct pipe_column columns[32];
    struct pipe_picture picture = make_picture(32, 32, true);
    pipe_text_resize(&frame, 0, &picture, columns, NULL);
    ck_assert_float_eq_tol(at(&picture, 0, 5, 2), 0, 1e-3f);   /* at the border: its colour */
    ck_assert_float_eq_tol(at(&picture, 1, 5, 2), 1, 1e-3f);   /* at 0.25 */
    ck_assert_float_eq_tol(at(&picture, 14, 5, 2), 27, 1e-3f); /* at 6.75 */
    ck_assert_float_eq_tol(at(&picture, 31, 31, 1), 60, 1e-3f);
}
END_TEST

START_TEST(bars_are_black_and_belong_to_the_frame)
{
    struct pipe_frame frame = make_frame(16, 8);
    struct pipe_column columns[16];
    struct pipe_picture picture = make_picture(16, 16, true);
    pipe_text_resize(&frame, 4, &picture, columns, NULL);
    ck_assert_float_eq_tol(at(&picture, 3, 3, 0), 0, 1e-3f);
    ck_assert_float_eq_tol(at(&picture, 3, 4, 0), 200, 1e-3f);
    ck_assert_float_eq_tol(at(&picture, 3, 11, 0), 200, 1e-3f);
    ck_assert_float_eq_tol(at(&picture, 3, 12, 0), 0, 1e-3f);
}
END_TEST

/* Both ways to cut show the same place; smooth pictures cannot tell them apart. */
START_TEST(a_crop_takes_its_corners_to_the_quadrilaterals)
{
    struct pipe_frame frame = make_frame(48, 48);
    struct pipe_picture picture = make_picture(20, 10, true);
    struct pipe_strip strip = {.pixels = malloc(PIPE_STRIP_BYTES)};
    pipe_quad quad;
    for (int turns = 0; turns < 4; turns++) {
        make_quad(quad, 24, 24, 20, 10, (float)turns * (float)M_PI / 2);
        for (int two_steps = 0; two_steps < 2; two_steps++) {
            if (two_steps) {
                pipe_text_cut(&frame, QUAD(quad), &strip);
                ck_assert(strip.width >= 19 && strip.width <= 20);
                pipe_text_place(&strip, false, &picture, 20);
            } else {
                pipe_text_crop(&frame, QUAD(quad), &picture, 20);
            }
            for (int c = 0; c < 4; c++) {
                uint32_t u = c == 0 || c == 3 ? 0 : 19, v = c < 2 ? 0 : 9;
                float inwards_u = u ? -0.5f : 0.5f, inwards_v = v ? -0.5f : 0.5f;
                float angle = (float)turns * (float)M_PI / 2;
                float x = quad[c][0] + inwards_u * cosf(angle) - inwards_v * sinf(angle);
                float y = quad[c][1] + inwards_u * sinf(angle) + inwards_v * cosf(angle);
                ck_assert_float_eq_tol(at(&picture, u, v, 2), 4 * (x - 0.5f), 3);
                ck_assert_float_eq_tol(at(&picture, u, v, 1), 4 * (y - 0.5f), 3);
            }
        }
    }
    free(strip.pixels);
}
END_TEST

START_TEST(perspective_is_taken_out)
{
    /* A plane's squares: where lines through opposite sides meet, all projections agree. */
    struct pipe_frame frame = make_frame(60, 60);
    struct pipe_picture picture = make_picture(31, 31, true);
    pipe_quad quad = {{10, 20}, {50, 10}, {50, 50}, {10, 40}};
    pipe_text_crop(&frame, QUAD(quad), &picture, 31);
    /* The diagonals cross at x = 10 + 40 / 3, and so does the middle of the picture. */
    ck_assert_float_eq_tol(at(&picture, 15, 15, 2), 4 * (10 + 40 / 3.0f - 0.5f), 1);
    ck_assert_float_eq_tol(at(&picture, 15, 15, 1), 4 * (30 - 0.5f), 1);
}
END_TEST

START_TEST(a_turned_strip_is_the_strip_from_its_end)
{
    struct pipe_frame frame = make_frame(48, 48);
    struct pipe_strip strip = {.pixels = malloc(PIPE_STRIP_BYTES)};
    struct pipe_picture picture = make_picture(24, 8, false);
    pipe_quad quad;
    make_quad(quad, 24, 24, 20, 10, 0);
    pipe_text_cut(&frame, QUAD(quad), &strip);
    pipe_text_place(&strip, false, &picture, 20);
    float first = at(&picture, 0, 0, 2), last = at(&picture, 19, 7, 1);
    ck_assert_float_eq_tol(at(&picture, 20, 3, 0), 127.5f, 1e-3f); /* zero, beyond the line */
    pipe_text_place(&strip, true, &picture, 20);
    ck_assert_float_eq_tol(at(&picture, 19, 7, 2), first, 1e-3f);
    ck_assert_float_eq_tol(at(&picture, 0, 0, 1), last, 1e-3f);
    ck_assert_float_eq_tol(at(&picture, 20, 3, 0), 127.5f, 1e-3f);
    free(strip.pixels);
}
END_TEST

START_TEST(corners_of_any_kind_are_cut_without_leaving_the_frame)
{
    struct pipe_frame frame = make_frame(1, 1);
    struct pipe_picture picture = make_picture(16, 8, true);
    struct pipe_strip strip = {.pixels = malloc(PIPE_STRIP_BYTES)};
    static const float strange[] = {0, 1, -1e30f, 1e30f, (float)INFINITY, (float)NAN, 5, 5};
    srand(4);
    for (int round = 0; round < 200; round++) {
        pipe_quad quad;
        for (int i = 0; i < 8; i++)
            quad[i / 2][i % 2] = strange[rand() % 8];
        pipe_text_crop(&frame, QUAD(quad), &picture, 16);
        if (round % 50 == 0) { /* strips of the largest size take a while */
            pipe_text_cut(&frame, QUAD(quad), &strip);
            pipe_text_place(&strip, round % 100 == 0, &picture, 16);
        }
        for (uint32_t x = 0; x < 16; x++)
            ck_assert_float_eq_tol(at(&picture, x, 4, 0), 200, 1); /* its only pixel */
    }
    free(strip.pixels);
}
END_TEST

START_TEST(blurring_takes_sharpness)
{
    struct pipe_picture picture = make_picture(32, 8, true);
    for (int i = 0; i < 3 * 32 * 8; i++)
        picture.data[i] = i / 2 % 2 ? 1 : -1;
    float sharp = pipe_text_sharpness(&picture, 32);
    for (int i = 0; i < 3 * 32 * 8; i++)
        picture.data[i] *= 0.5f;
    ck_assert_float_eq_tol(pipe_text_sharpness(&picture, 32), sharp / 2, 1e-4f);
    ck_assert_float_eq(pipe_text_sharpness(&picture, 1), 0);
}
END_TEST

/* ---- change ---- */

START_TEST(a_picture_that_stays_has_not_changed_and_noise_is_no_change)
{
    struct pipe_text_change *change;
    struct pipe_frame frame = make_frame(60, 40);
    ck_assert_int_eq(pipe_text_change_create(&change, NULL), PERCEPT_OK);
    ck_assert(pipe_text_change_found(change, &frame, 12));
    ck_assert(!pipe_text_change_found(change, &frame, 12));
    for (uint32_t i = 0; i < 60 * 40 * 3; i++)
        pixels[i] = (uint8_t)(pixels[i] + (i % 2 && pixels[i] < 250 ? 3 : 0));
    ck_assert(!pipe_text_change_found(change, &frame, 12));
    pixels[3 * (20 * 60 + 30) + 1] ^= 0x40; /* one spot */
    ck_assert(pipe_text_change_found(change, &frame, 12));
    ck_assert(!pipe_text_change_found(change, &frame, 12));
    pipe_text_change_forget(change);
    ck_assert(pipe_text_change_found(change, &frame, 12));
    frame.width = 59;
    ck_assert(pipe_text_change_found(change, &frame, 12));
    pipe_text_change_destroy(change);
}
END_TEST

/* What a camera sees of a wall of tiles, from there on. */
static void measure_wall(uint32_t left, uint32_t top, uint32_t width, uint32_t height,
                         struct pipe_profiles *profiles)
{
    static uint8_t wall[3 * 2100 * 200];
    struct pipe_frame frame = {
        .pixels = wall, .width = width, .height = height, .stride = 3 * width};
    ck_assert_uint_le(3 * width * height, sizeof wall);
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++) {
            uint32_t tile = ((left + x) / 6 * 7919) ^ ((top + y) / 9 * 104729);
            tile = (tile ^ tile >> 13) * 0x5bd1e995u;
            wall[3 * ((size_t)y * width + x) + 1] = (uint8_t)(tile >> 24);
        }
    pipe_profiles_measure(&frame, profiles);
}

START_TEST(a_picture_that_moves_as_a_whole_says_how_far)
{
    static struct pipe_profiles before, now;
    static const int moves[][2] = {{0, 0}, {1, 0}, {-3, 2}, {20, -12}, {-16, 10}};
    float shift[2];
    measure_wall(100, 100, 200, 150, &before);
    for (size_t i = 0; i < sizeof moves / sizeof moves[0]; i++) {
        measure_wall((uint32_t)(100 - moves[i][0]), (uint32_t)(100 - moves[i][1]), 200, 150, &now);
        ck_assert(pipe_profiles_shift(&before, &now, shift));
        ck_assert_float_eq(shift[0], (float)moves[i][0]);
        ck_assert_float_eq(shift[1], (float)moves[i][1]);
    }
    measure_wall(1000, 2000, 200, 150, &now); /* something else */
    ck_assert(!pipe_profiles_shift(&before, &now, shift));
    measure_wall(100, 100, 190, 150, &now); /* another size */
    ck_assert(!pipe_profiles_shift(&before, &now, shift));
    measure_wall(0, 0, 5, 8, &before); /* nothing to see, and hardly any of it */
    ck_assert(!pipe_profiles_shift(&before, &before, shift));
    measure_wall(90, 100, 2100, 100, &before); /* three pixels a bin */
    measure_wall(60, 100, 2100, 100, &now);
    ck_assert(pipe_profiles_shift(&before, &now, shift));
    ck_assert_float_eq(shift[0], 30);
    ck_assert_float_eq(shift[1], 0);
}
END_TEST

START_TEST(slow_changes_add_up)
{
    struct pipe_text_change *change;
    struct pipe_frame frame = make_frame(16, 16);
    int found = 0;
    ck_assert_int_eq(pipe_text_change_create(&change, NULL), PERCEPT_OK);
    for (int i = 0; i < 40; i++) {
        memset(pixels, 100 + i, sizeof pixels);
        found += pipe_text_change_found(change, &frame, 12);
    }
    ck_assert_int_eq(found, 4); /* the first, and each thirteenth */
    pipe_text_change_destroy(change);
}
END_TEST

/* ---- order ---- */

static void assert_order(const pipe_quad *lines, uint32_t count)
{
    uint32_t order[PIPE_ORDER_MAX], shuffled[PIPE_ORDER_MAX];
    pipe_quad mixed[PIPE_ORDER_MAX];
    for (int round = 0; round < 10; round++) {
        for (uint32_t i = 0; i < count; i++)
            shuffled[i] = i;
        for (uint32_t i = count; i > 1; i--) {
            uint32_t j = (uint32_t)rand() % i, kept = shuffled[i - 1];
            shuffled[i - 1] = shuffled[j];
            shuffled[j] = kept;
        }
        for (uint32_t i = 0; i < count; i++)
            memcpy(mixed[i], lines[shuffled[i]], sizeof mixed[i]);
        pipe_text_order((const pipe_quad *)mixed, count, order);
        for (uint32_t i = 0; i < count; i++)
            ck_assert_uint_eq(shuffled[order[i]], i);
    }
}

START_TEST(rows_are_read_from_the_top_and_from_the_left_at_any_slant)
{
    for (float angle = -0.5f; angle <= 0.5f; angle += 0.25f) {
        pipe_quad lines[9];
        for (int i = 0; i < 9; i++) {
            float u = (float)(i % 3) * 60 - 60, v = (float)(i / 3) * 24 - 24;
            make_quad(lines[i], 200 + u * cosf(angle) - v * sinf(angle),
                      200 + u * sinf(angle) + v * cosf(angle), 50, 20, angle);
        }
        assert_order((const pipe_quad *)lines, 9);
    }
}
END_TEST

START_TEST(columns_of_text_are_read_one_after_the_other_under_their_heading)
{
    pipe_quad lines[9];
    make_quad(lines[0], 250, 20, 400, 40, 0);
    for (int i = 0; i < 4; i++) {
        make_quad(lines[1 + i], 120, 100 + 24 * (float)i, 180, 20, 0);
        make_quad(lines[5 + i], 380, 100 + 24 * (float)i, 180, 20, 0);
    }
    assert_order((const pipe_quad *)lines, 9);
}
END_TEST

START_TEST(a_table_of_short_entries_is_read_row_by_row)
{
    pipe_quad lines[8];
    for (int i = 0; i < 8; i++)
        make_quad(lines[i], i % 2 ? 300 : 100, 100 + 24 * (float)(i / 2), 60, 20, 0);
    assert_order((const pipe_quad *)lines, 8);
}
END_TEST

START_TEST(one_line_none_and_those_in_one_place_have_an_order)
{
    pipe_quad lines[4] = {{{0}}};
    uint32_t order[4] = {9, 9, 9, 9};
    pipe_text_order((const pipe_quad *)lines, 0, order);
    ck_assert_uint_eq(order[0], 9);
    pipe_text_order((const pipe_quad *)lines, 4, order);
    ck_assert_uint_eq(order[0] + order[1] + order[2] + order[3], 6);
    lines[1][2][0] = (float)NAN;
    lines[2][2][0] = (float)INFINITY;
    pipe_text_order((const pipe_quad *)lines, 4, order);
    ck_assert_uint_eq(order[0] + order[1] + order[2] + order[3], 6);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("text places");
    TCase *quads = tcase_create("quadrilaterals"), *boxes = tcase_create("boxes"),
          *pictures = tcase_create("pictures"), *change = tcase_create("change"),
          *order = tcase_create("order");
    TCase *const all[] = {quads, boxes, pictures, change, order};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        tcase_set_timeout(all[i], 100); /* a sanitizer on a busy machine */
    tcase_add_test(quads, overlap_is_that_of_areas);
    tcase_add_test(quads, overlap_agrees_with_counting_points);
    tcase_add_test(quads, the_smallest_rectangle_around_the_points_of_one_is_it);
    tcase_add_test(quads, a_point_and_a_row_of_points_have_rectangles_without_area);
    tcase_add_test(boxes, a_block_becomes_its_rectangle_grown_by_area_over_circumference);
    tcase_add_test(boxes, blocks_apart_are_boxes_best_first_and_touching_ones_are_one);
    tcase_add_test(boxes, a_leaning_block_gets_a_leaning_box);
    tcase_add_test(boxes, specks_faint_blocks_and_what_is_no_number_are_no_text);
    tcase_add_test(boxes, noise_and_a_full_map_come_to_an_end);
    tcase_add_test(pictures, a_frame_of_the_pictures_size_is_copied_blue_first);
    tcase_add_test(pictures, a_frame_grows_linearly_between_the_centres_of_its_pixels);
    tcase_add_test(pictures, bars_are_black_and_belong_to_the_frame);
    tcase_add_test(pictures, a_crop_takes_its_corners_to_the_quadrilaterals);
    tcase_add_test(pictures, perspective_is_taken_out);
    tcase_add_test(pictures, a_turned_strip_is_the_strip_from_its_end);
    tcase_add_test(pictures, corners_of_any_kind_are_cut_without_leaving_the_frame);
    tcase_add_test(pictures, blurring_takes_sharpness);
    tcase_add_test(change, a_picture_that_stays_has_not_changed_and_noise_is_no_change);
    tcase_add_test(change, slow_changes_add_up);
    tcase_add_test(change, a_picture_that_moves_as_a_whole_says_how_far);
    tcase_add_test(order, rows_are_read_from_the_top_and_from_the_left_at_any_slant);
    tcase_add_test(order, columns_of_text_are_read_one_after_the_other_under_their_heading);
    tcase_add_test(order, a_table_of_short_entries_is_read_row_by_row);
    tcase_add_test(order, one_line_none_and_those_in_one_place_have_an_order);
    suite_add_tcase(suite, quads);
    suite_add_tcase(suite, boxes);
    suite_add_tcase(suite, pictures);
    suite_add_tcase(suite, change);
    suite_add_tcase(suite, order);
    return run_suite(suite);
}
