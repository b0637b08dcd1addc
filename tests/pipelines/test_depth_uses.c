/* What is made of a depth map: planes, the room without hands, and answers to clients. */
#include "ipc/depth.h"
#include "pipelines/depth_map.h"
#include "pipelines/node.h"
#include "pipelines/planes.h"
#include "pipelines/publish.h"
#include "suite.h"

#include <math.h>
#include <string.h>

#define W 160
#define H 120

static struct pipe_depth *depth, *out;
static struct percept_error error;
static void *slot;
static uint32_t seed;

static struct pipe_depth *make_map(void)
{
    size_t bytes = pipe_stream_type_room(PIPE_DEPTH) + pipe_depth_bytes(640 * 480, 1);
    struct pipe_depth *map = aligned_alloc(PIPE_TENSOR_ALIGNMENT, (bytes + 63) / 64 * 64);
    ck_assert_ptr_nonnull(map);
    memset(map, 0, sizeof *map);
    return map;
}

/* A pinhole of 160 pixels, eyes 0.4 m apart: 1 m is a disparity of 64. */
static void setup(void)
{
    seed = 1;
    depth = make_map();
    out = make_map();
    pipe_depth_place(depth, W, H);
    depth->dtype = PERCEPT_FLOAT32;
    depth->fx = depth->fy = 160;
    depth->cx = W / 2;
    depth->cy = H / 2;
    depth->baseline_m = 0.4F;
    depth->far_m = 20;
    memset(depth->confidence, 200, W * H);
}

static void teardown(void)
{
    free(depth);
    free(out);
    free(slot);
    slot = NULL;
}

/* Uniform in -1..1. */
static float noise(void)
{
    seed = seed * 1664525u + 1013904223u;
    return (float)(seed >> 8) / (float)(1 << 23) - 1;
}

/* A floor 1 m below the camera, up to a wall at 4 m; noise in pixels of disparity. */
static void show_room(float of_noise)
{
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++) {
            float ray = ((float)y + 0.5F - depth->cy) / depth->fy;
            float z = ray > 0 ? fminf(1 / ray, 4) : 4;
            float disparity = 64 / z + of_noise * noise();
            depth->metres[y * W + x] = 64 / disparity;
        }
}

/* ---- planes ---- */

static struct percept_planes find_planes(struct plane_finder *finder)
{
    struct percept_planes planes;
    plane_finder_run(finder, depth, &planes);
    return planes;
}

static struct plane_finder *make_finder(void)
{
    const struct plane_options options = {4, 2, 100, 0.75F, 0.08F};
    struct plane_finder *finder;
    ck_assert_int_eq(plane_finder_create(&options, 65536, &finder, &error), PERCEPT_OK);
    return finder;
}

START_TEST(floor_and_wall_are_found)
{
    struct plane_finder *finder = make_finder();
    show_room(0.3F);
    struct percept_planes planes = find_planes(finder);
    plane_finder_destroy(finder);
    ck_assert_uint_eq(planes.plane_count, 2);
    bool wall_first = fabsf(planes.planes[0].normal[1]) < 0.5F;
    const struct percept_plane *wall = &planes.planes[!wall_first];
    const struct percept_plane *floor = &planes.planes[wall_first];
    ck_assert_float_lt(wall->normal[2], -0.995F); /* towards the camera */
    ck_assert_float_eq_tol(wall->distance_m, 4, 0.08F);
    ck_assert_float_lt(floor->normal[1], -0.995F);
    ck_assert_float_eq_tol(floor->distance_m, 1, 0.02F);
    /* The wall: 4 m wide, from the upper border of the map to the floor, 1.5 + 1 m. */
    ck_assert_float_eq_tol(wall->extent_m[0], 4, 0.25F);
    ck_assert_float_eq_tol(wall->extent_m[1], 2.5F, 0.2F);
    ck_assert_float_eq_tol(wall->center[2], 4, 0.08F);
    ck_assert_float_eq_tol(wall->center[1], -0.25F, 0.1F);
    ck_assert_float_eq_tol(wall->axes[0][0] * wall->axes[0][0], 1, 0.01F);
    ck_assert_float_gt(wall->share + floor->share, 0.95F);
    ck_assert_float_lt(wall->residual_m, 0.3F);
}
END_TEST

START_TEST(a_plane_keeps_its_id)
{
    struct plane_finder *finder = make_finder();
    uint32_t ids[2] = {0};
    for (int i = 0; i < 5; i++) {
        show_room(0.3F);
        struct percept_planes planes = find_planes(finder);
        ck_assert_uint_eq(planes.plane_count, 2);
        for (unsigned p = 0; p < 2; p++) {
            bool floor = planes.planes[p].normal[1] < -0.5F;
            ck_assert(ids[floor] == 0 || ids[floor] == planes.planes[p].id);
            ids[floor] = planes.planes[p].id;
        }
    }
    plane_finder_destroy(finder);
    ck_assert_uint_ne(ids[0], ids[1]);
}
END_TEST

START_TEST(where_nothing_is_flat_or_known_there_is_no_plane)
{
    struct plane_finder *finder = make_finder();
    for (int i = 0; i < W * H; i++)
        depth->metres[i] = 1.2F + noise();
    ck_assert_uint_eq(find_planes(finder).plane_count, 0);
    memset(depth->metres, 0, W * H * sizeof(float));
    ck_assert_uint_eq(find_planes(finder).plane_count, 0);
    plane_finder_destroy(finder);
}
END_TEST

/* ---- hands ---- */

/* An open hand around the middle, at 0.5 m, in a frame of twice the map's size. */
static struct percept_hands show_hand(void)
{
    struct percept_hands hands = {.image_width = 2 * W, .image_height = 2 * H, .hand_count = 1};
    for (unsigned i = 0; i < PERCEPT_HAND_LANDMARKS; i++) {
        unsigned finger = i ? (i - 1) / 4 : 2, joint = i ? (i - 1) % 4 + 1 : 0;
        hands.hands[0].image[i][0] = 2 * (65 + 8 * (float)finger);
        hands.hands[0].image[i][1] = 2 * (90 - 14 * (float)joint);
    }
    show_room(0);
    for (int y = 32; y < 78; y++)
        for (int x = 63; x < 99; x++)
            depth->metres[y * W + x] = 0.5F;
    return hands;
}

static void take_hands_out(const struct percept_hands *hands, bool fill)
{
    const struct pipe_node_class *class = pipe_node_class_find("depth_without_hands");
    struct {
        int64_t max_pixels;
        double margin, thickness;
        bool fill;
    } values = {640 * 480, 0.4, 0.15, fill};
    ck_assert_uint_eq(class->params_size, sizeof values);
    const struct pipe_node_setup of = {.name = "n", .params = &values};
    struct pipe_node *node;
    const void *inputs[PIPE_MAX_PORTS] = {depth, hands};
    void *outputs[PIPE_MAX_PORTS] = {out};
    ck_assert_int_eq(class->create(&of, &node, &error), PERCEPT_OK);
    ck_assert_int_eq(class->process(node, inputs, outputs, &error), PERCEPT_OK);
    class->destroy(node);
}

START_TEST(a_hand_is_taken_out_and_the_room_behind_it_stays)
{
    struct percept_hands hands = show_hand();
    take_hands_out(&hands, _i);
    for (int i = 0; i < W * H; i++) {
        float z = out->metres[i];
        bool was_hand = depth->metres[i] == 0.5F;
        ck_assert_msg(z != 0.5F, "at %d, %d", i % W, i / W);
        if (!was_hand)
            ck_assert_float_eq(z, depth->metres[i]);
        else if (_i)
            ck_assert_float_gt(z, 1);
        else
            ck_assert_float_eq(z, 0);
        ck_assert(!was_hand || out->confidence[i] <= 1);
    }
}
END_TEST

START_TEST(without_hands_the_map_is_as_it_was)
{
    struct percept_hands none = {.image_width = W, .image_height = H};
    show_hand();
    take_hands_out(&none, true);
    ck_assert_mem_eq(out->metres, depth->metres, W * H * sizeof(float));
    ck_assert_mem_eq(out->confidence, depth->confidence, W * H);
}
END_TEST

/* ---- clients ---- */

static struct percept_depth_view publish(uint32_t dtype)
{
    const struct pipe_publisher *publisher = pipe_publisher_of(PIPE_DEPTH);
    struct percept_depth_view view;
    size_t most = pipe_publisher_max_bytes(publisher, 0, pipe_depth_bytes(W, H));
    depth->dtype = dtype;
    free(slot);
    slot = aligned_alloc(64, (most + 63) / 64 * 64);
    size_t size = pipe_publisher_write(publisher, slot, most, depth, 0, NULL);
    ck_assert_int_eq(percept_depth_look(slot, size, &view, &error), PERCEPT_OK);
    return view;
}

START_TEST(a_pixel_has_depth_and_a_point)
{
    float point[3];
    show_room(0);
    struct percept_depth_view view = publish(PERCEPT_UINT16);
    ck_assert_float_eq(percept_depth_at(&view, 80.5F, 10.5F, 1), 4);
    ck_assert_float_eq(percept_depth_at(&view, -0.1F, 10, 1), 0);
    ck_assert_float_eq(percept_depth_at(&view, 160, 10, 1), 0);
    ck_assert_float_eq(percept_depth_at(&view, NAN, 10, 1), 0);
    ck_assert_float_eq(percept_depth_at(&view, 80.5F, 10.5F, 201), 0);
    ck_assert_int_eq(percept_depth_point(&view, 159.5F, 110.5F, 1, point), 1);
    ck_assert_float_eq_tol(point[1], 1, 0.001F); /* on the floor */
    ck_assert_float_eq_tol(point[0] / point[2], 79.5F / 160, 1e-5F);
}
END_TEST

START_TEST(a_ray_from_the_eye_hits_what_its_pixel_shows)
{
    struct percept_depth_hit hit;
    show_room(0);
    struct percept_depth_view view = publish(PERCEPT_FLOAT32);
    const float eye[3] = {0}, ahead[3] = {0, -0.1F, 1}, floor[3] = {0, 0.3F, 1};
    ck_assert_int_eq(percept_depth_ray(&view, eye, ahead, 10, 0.1F, &hit), 1);
    ck_assert_float_eq_tol(hit.point[2], 4, 1e-3F);
    ck_assert_int_eq(percept_depth_ray(&view, eye, floor, 10, 0.1F, &hit), 1);
    ck_assert_float_eq_tol(hit.point[1], 1, 0.02F);
    ck_assert_float_eq_tol(hit.along, 1 / 0.3F, 0.1F);
    ck_assert_int_eq(percept_depth_ray(&view, eye, ahead, 3, 0.1F, &hit), 0); /* too short */
}
END_TEST

START_TEST(a_ray_from_aside_hits_the_floor_where_it_is)
{
    struct percept_depth_hit hit;
    show_room(0);
    struct percept_depth_view view = publish(PERCEPT_FLOAT32);
    /* From the left, half a metre above the floor, to the right and down. */
    const float from[3] = {-1, 0.5F, 3.2F}, to[3] = {1, 0.25F, 0}, back[3] = {0, 0, -1};
    ck_assert_int_eq(percept_depth_ray(&view, from, to, 5, 0.1F, &hit), 1);
    ck_assert_float_eq_tol(hit.point[1], 1, 0.03F);
    ck_assert_float_eq_tol(hit.point[0], 1, 0.12F);
    ck_assert_float_eq_tol(hit.point[2], 3.2F, 1e-4F);
    ck_assert_int_eq(percept_depth_ray(&view, from, back, 3, 0.1F, &hit), 0); /* to the camera */
}
END_TEST

START_TEST(what_is_behind_the_wall_is_hidden)
{
    show_room(0);
    struct percept_depth_view view = publish(PERCEPT_UINT16);
    const float behind[3] = {0, -0.5F, 4.5F}, before[3] = {0, -0.5F, 3.5F}, outside[3] = {9, 0, 1},
                back[3] = {0, 0, -1};
    ck_assert_int_eq(percept_depth_hides(&view, behind, 0.1F), 1);
    ck_assert_int_eq(percept_depth_hides(&view, before, 0.1F), 0);
    ck_assert_int_eq(percept_depth_hides(&view, outside, 0.1F), -1);
    ck_assert_int_eq(percept_depth_hides(&view, back, 0.1F), -1);
}
END_TEST

START_TEST(the_points_are_all_that_are_known)
{
    static float points[W * H][3];
    show_room(0);
    depth->metres[0] = 0;
    struct percept_depth_view view = publish(PERCEPT_FLOAT32);
    ck_assert_uint_eq(percept_depth_points(&view, 1, 1, points, W * H), W * H - 1);
    ck_assert_uint_eq(percept_depth_points(&view, 4, 1, points, 10), W / 4 * (H / 4) - 1);
    ck_assert_float_eq(points[0][2], 4);
}
END_TEST

START_TEST(a_sample_that_lies_is_refused)
{
    struct percept_depth_view view;
    show_room(0);
    publish(PERCEPT_FLOAT32);
    struct percept_depth *head = slot, good = *head;
    const size_t size = good.maps[1].offset + good.maps[1].bytes;
    ck_assert_int_eq(percept_depth_look(slot, 100, &view, &error), PERCEPT_MALFORMED);
    ck_assert_int_eq(percept_depth_look(slot, size - 1, &view, &error), PERCEPT_MALFORMED);
    head->width = 1u << 31;
    ck_assert_int_eq(percept_depth_look(slot, size, &view, &error), PERCEPT_MALFORMED);
    *head = good;
    head->maps[0].offset = UINT64_MAX - 3;
    ck_assert_int_eq(percept_depth_look(slot, size, &view, &error), PERCEPT_MALFORMED);
    *head = good;
    head->maps[0].dtype = PERCEPT_INT64;
    ck_assert_int_eq(percept_depth_look(slot, size, &view, &error), PERCEPT_MALFORMED);
    *head = good;
    ck_assert_int_eq(percept_depth_look(slot, size, &view, &error), PERCEPT_OK);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("depth_uses");
    TCase *tests = tcase_create("depth_uses");
    tcase_set_timeout(tests, 100); /* a sanitizer on a busy machine */
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, floor_and_wall_are_found);
    tcase_add_test(tests, a_plane_keeps_its_id);
    tcase_add_test(tests, where_nothing_is_flat_or_known_there_is_no_plane);
    tcase_add_loop_test(tests, a_hand_is_taken_out_and_the_room_behind_it_stays, 0, 2);
    tcase_add_test(tests, without_hands_the_map_is_as_it_was);
    tcase_add_test(tests, a_pixel_has_depth_and_a_point);
    tcase_add_test(tests, a_ray_from_the_eye_hits_what_its_pixel_shows);
    tcase_add_test(tests, a_ray_from_aside_hits_the_floor_where_it_is);
    tcase_add_test(tests, what_is_behind_the_wall_is_hidden);
    tcase_add_test(tests, the_points_are_all_that_are_known);
    tcase_add_test(tests, a_sample_that_lies_is_refused);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
