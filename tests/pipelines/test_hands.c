/* The arithmetic of the hands nodes: each piece against the rule that it follows. */
#include "pipelines/hand_geometry.h"
#include "pipelines/one_euro.h"
#include "pipelines/palm.h"
#include "suite.h"
#include "synthetic_hand.h"

#include <math.h>
#include <string.h>

/* ---- palms ---- */

START_TEST(there_are_2016_anchors_where_mediapipe_has_them)
{
    static float anchors[2016][2];
    ck_assert_uint_eq(pipe_palm_anchor_count(192), 2016);
    ck_assert_uint_eq(pipe_palm_anchor_count(190), 0);
    pipe_palm_anchors(192, anchors);
    ck_assert_float_eq(anchors[0][0], 4); /* two in the first cell of 8 pixels */
    ck_assert_float_eq(anchors[1][0], 4);
    ck_assert_float_eq(anchors[2][0], 12);
    ck_assert_float_eq(anchors[2][1], 4);
    ck_assert_float_eq(anchors[48][1], 12);    /* the second row of 24 cells */
    ck_assert_float_eq(anchors[1151][0], 188); /* the last of the fine cells */
    ck_assert_float_eq(anchors[1152][0], 8);   /* six in the first of the coarse ones */
    ck_assert_float_eq(anchors[1157][0], 8);
    ck_assert_float_eq(anchors[1158][0], 24);
    ck_assert_float_eq(anchors[2015][1], 184);
}
END_TEST

START_TEST(a_box_is_decoded_about_its_anchor)
{
    const float anchors[2][2] = {{4, 4}, {100, 60}};
    float boxes[2][PIPE_PALM_VALUES] = {{0}, {2, -1, 20, 30}}, scores[2] = {-3, 0};
    struct pipe_detection out[2];
    for (int i = 4; i < PIPE_PALM_VALUES; i++)
        boxes[1][i] = (float)i;
    ck_assert_uint_eq(pipe_palm_decode(&boxes[0][0], scores, anchors, 2, 0.5f, out), 1);
    ck_assert_float_eq(out[0].score, 0.5f);
    ck_assert_float_eq(out[0].left, 92);
    ck_assert_float_eq(out[0].top, 44);
    ck_assert_float_eq(out[0].width, 20);
    ck_assert_float_eq(out[0].height, 30);
    ck_assert_float_eq(out[0].keypoints[0][0], 104);
    ck_assert_float_eq(out[0].keypoints[6][1], 77);
}
END_TEST

START_TEST(numbers_that_are_none_are_no_palms)
{
    const float anchors[4][2] = {{4, 4}, {4, 4}, {4, 4}, {4, 4}};
    float boxes[4][PIPE_PALM_VALUES] = {{0}}, scores[4] = {NAN, INFINITY, 5, 1000};
    struct pipe_detection out[4];
    boxes[1][3] = NAN;
    boxes[2][7] = INFINITY;
    ck_assert_uint_eq(pipe_palm_decode(&boxes[0][0], scores, anchors, 4, 0.5f, out), 1);
    ck_assert_float_eq_tol(out[0].score, 1, 1e-6f);
}
END_TEST

/* Suppression as models/hands.py writes it: sort, gather, average, remove. */
static size_t plain_suppress(struct pipe_detection *in, size_t count, double overlap,
                             struct pipe_detection *out, size_t most)
{
    bool used[64] = {false};
    size_t found = 0;
    while (found < most) {
        size_t best = count;
        for (size_t i = 0; i < count; i++)
            if (!used[i] && (best == count || in[i].score > in[best].score))
                best = i;
        if (best == count)
            return found;
        double total = 0, box[4] = {0}, points[7][2] = {{0}};
        for (size_t i = 0; i < count; i++) {
            double across = fmin(in[i].left + in[i].width, in[best].left + in[best].width) -
                            fmax(in[i].left, in[best].left);
            double down = fmin(in[i].top + in[i].height, in[best].top + in[best].height) -
                          fmax(in[i].top, in[best].top);
            double shared = fmax(across, 0) * fmax(down, 0);
            double all = in[i].width * in[i].height + in[best].width * in[best].height - shared;
            if (used[i] || shared <= overlap * all)
                continue;
            used[i] = true;
            total += in[i].score;
            box[0] += in[i].score * in[i].left;
            box[1] += in[i].score * in[i].top;
            box[2] += in[i].score * in[i].width;
            box[3] += in[i].score * in[i].height;
            for (size_t k = 0; k < 7; k++)
                for (size_t axis = 0; axis < 2; axis++)
                    points[k][axis] += in[i].score * in[i].keypoints[k][axis];
        }
        struct pipe_detection *d = &out[found++];
        *d = (struct pipe_detection){
            .score = in[best].score,
            .left = (float)(box[0] / total),
            .top = (float)(box[1] / total),
            .width = (float)(box[2] / total),
            .height = (float)(box[3] / total),
        };
        for (size_t k = 0; k < 7; k++)
            for (size_t axis = 0; axis < 2; axis++)
                d->keypoints[k][axis] = (float)(points[k][axis] / total);
    }
    return found;
}

START_TEST(suppression_is_that_of_the_plain_rule)
{
    srand(2);
    for (int round = 0; round < 300; round++) {
        struct pipe_detection in[40], mine[8], plain[8];
        size_t count = (size_t)rand() % 40;
        for (size_t i = 0; i < count; i++) {
            in[i] = (struct pipe_detection){
                .score = uniform(0.5f, 1),
                .left = uniform(0, 150),
                .top = uniform(0, 150),
                .width = uniform(20, 60),
                .height = uniform(20, 60),
            };
            for (size_t k = 0; k < 7; k++)
                in[i].keypoints[k][0] = in[i].keypoints[k][1] = uniform(0, 200);
        }
        size_t expected = plain_suppress(in, count, 0.3, plain, 8);
        size_t found = pipe_palm_suppress(in, count, 0.3f, mine, 8);
        ck_assert_uint_eq(found, expected);
        for (size_t i = 0; i < found; i++) {
            ck_assert_float_eq(mine[i].score, plain[i].score);
            ck_assert_float_eq_tol(mine[i].left, plain[i].left, 1e-3f);
            ck_assert_float_eq_tol(mine[i].height, plain[i].height, 1e-3f);
            ck_assert_float_eq_tol(mine[i].keypoints[6][1], plain[i].keypoints[6][1], 1e-3f);
        }
    }
}
END_TEST

START_TEST(boxes_without_area_are_dropped_and_do_not_stop_the_rest)
{
    struct pipe_detection in[3] = {
        {.score = 0.9f, .left = 5, .top = 5},
        {.score = 0.8f, .width = 10, .height = 10},
        {.score = 0.7f, .left = 5, .top = 5, .width = -3, .height = 4},
    };
    struct pipe_detection out[3];
    ck_assert_uint_eq(pipe_palm_suppress(in, 3, 0.3f, out, 3), 1);
    ck_assert_float_eq(out[0].score, 0.8f);
}
END_TEST

/* ---- geometry ---- */

START_TEST(a_palm_that_points_up_gives_an_upright_square_moved_to_the_fingers)
{
    struct pipe_detection palm = {.left = 100, .top = 200, .width = 40, .height = 60};
    palm.keypoints[0][0] = palm.keypoints[2][0] = 120;
    palm.keypoints[0][1] = 260;
    palm.keypoints[2][1] = 200;
    struct pipe_square square = pipe_square_from_palm(&palm);
    ck_assert_float_eq_tol(square.rotation, 0, 1e-5f);
    ck_assert_float_eq_tol(square.x, 120, 1e-3f);
    ck_assert_float_eq_tol(square.y, 230 - 30, 1e-3f);
    ck_assert_float_eq_tol(square.side, 156, 1e-3f);
}
END_TEST

START_TEST(a_palm_that_points_right_is_turned_a_quarter_clockwise)
{
    struct pipe_detection palm = {.left = 0, .top = 0, .width = 50, .height = 50};
    palm.keypoints[2][0] = 50;
    struct pipe_square square = pipe_square_from_palm(&palm);
    ck_assert_float_eq_tol(square.rotation, 90 * DEGREE, 1e-5f);
    ck_assert_float_eq_tol(square.x, 50, 1e-3f);
    ck_assert_float_eq_tol(square.y, 25, 1e-3f);
}
END_TEST

START_TEST(angles_are_brought_into_half_a_turn_either_way)
{
    ck_assert_float_eq_tol(pipe_normalize_angle(190 * DEGREE), -170 * DEGREE, 1e-5f);
    ck_assert_float_eq_tol(pipe_normalize_angle(-725 * DEGREE), -5 * DEGREE, 1e-4f);
    ck_assert_float_eq_tol(pipe_normalize_angle(180 * DEGREE), -180 * DEGREE, 1e-5f);
}
END_TEST

START_TEST(the_square_around_landmarks_turns_with_the_hand)
{
    struct percept_hand upright, turned;
    make_hand(&upright, 1, 200, 200, 100, 0);
    struct pipe_square a = pipe_square_from_landmarks(upright.image);
    ck_assert_float_eq_tol(a.rotation, 0, 1e-5f);
    for (int degrees = -170; degrees < 180; degrees += 10) {
        make_hand(&turned, 1, 200, 200, 100, (float)degrees * DEGREE);
        struct pipe_square b = pipe_square_from_landmarks(turned.image);
        ck_assert_float_eq_tol(b.rotation, (float)degrees * DEGREE, 1e-4f);
        ck_assert_float_eq_tol(b.side, a.side, 1e-2f);
        /* Its centre goes round the hand's middle by the same angle. */
        float c = cosf(b.rotation), s = sinf(b.rotation);
        ck_assert_float_eq_tol(b.x, 200 + c * (a.x - 200) - s * (a.y - 200), 1e-2f);
        ck_assert_float_eq_tol(b.y, 200 + s * (a.x - 200) + c * (a.y - 200), 1e-2f);
    }
}
END_TEST

START_TEST(world_landmarks_are_metres_from_the_wrist_in_the_images_axes)
{
    float raw[63] = {0.01f, 0.02f, 0.03f}, world[PERCEPT_HAND_LANDMARKS][3];
    raw[3] = 0.01f;
    raw[4] = 0.02f - 0.1f; /* 10 cm up in the crop */
    raw[5] = 0.05f;
    pipe_landmarks_to_world(raw, 90 * DEGREE, world);
    ck_assert_float_eq_tol(world[0][0] + world[0][1] + world[0][2], 0, 1e-6f);
    ck_assert_float_eq_tol(world[1][0], 0.1f, 1e-6f); /* a hand turned clockwise points right */
    ck_assert_float_eq_tol(world[1][1], 0, 1e-6f);
    ck_assert_float_eq_tol(world[1][2], 0.02f, 1e-6f);
}
END_TEST

/* ---- One Euro ---- */

/* The paper's algorithm 1, in double. */
static double paper(double *x, double *dx, bool *first, double value, double rate,
                    double min_cutoff, double beta, double derivative_cutoff)
{
    double tau_d = 1 / (2 * M_PI * derivative_cutoff), alpha_d = 1 / (1 + tau_d * rate);
    if (*first) {
        *first = false;
        *dx = 0;
        return *x = value;
    }
    *dx = alpha_d * (value - *x) * rate + (1 - alpha_d) * *dx;
    double tau = 1 / (2 * M_PI * (min_cutoff + beta * fabs(*dx))), alpha = 1 / (1 + tau * rate);
    return *x = alpha * value + (1 - alpha) * *x;
}

START_TEST(the_filter_is_the_papers)
{
    const struct pipe_one_euro_params params = {1.2f, 0.3f, 1.0f};
    struct pipe_one_euro filter = {0};
    double x = 0, dx = 0;
    bool first = true;
    srand(3);
    for (int i = 0; i < 500; i++) {
        float value = 100 * sinf((float)i / 20) + uniform(-1, 1), seconds = uniform(0.01f, 0.05f);
        double expected = paper(&x, &dx, &first, value, 1 / (double)seconds, 1.2, 0.3, 1.0);
        ck_assert_float_eq_tol(pipe_one_euro_step(&filter, &params, value, seconds, 1),
                               (float)expected, 1e-2f);
    }
}
END_TEST

START_TEST(scale_makes_near_and_far_hands_alike)
{
    const struct pipe_one_euro_params params = {1.2f, 5, 1.0f};
    struct pipe_one_euro near = {0}, far = {0};
    for (int i = 0; i < 100; i++) {
        float value = sinf((float)i / 5);
        float a = pipe_one_euro_step(&near, &params, 300 * value, 0.033f, 300);
        float b = pipe_one_euro_step(&far, &params, 50 * value, 0.033f, 50);
        ck_assert_float_eq_tol(a / 300, b / 50, 1e-4f);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("hands");
    TCase *tests = tcase_create("hands");
    tcase_add_test(tests, there_are_2016_anchors_where_mediapipe_has_them);
    tcase_add_test(tests, a_box_is_decoded_about_its_anchor);
    tcase_add_test(tests, numbers_that_are_none_are_no_palms);
    tcase_add_test(tests, suppression_is_that_of_the_plain_rule);
    tcase_add_test(tests, boxes_without_area_are_dropped_and_do_not_stop_the_rest);
    tcase_add_test(tests, a_palm_that_points_up_gives_an_upright_square_moved_to_the_fingers);
    tcase_add_test(tests, a_palm_that_points_right_is_turned_a_quarter_clockwise);
    tcase_add_test(tests, angles_are_brought_into_half_a_turn_either_way);
    tcase_add_test(tests, the_square_around_landmarks_turns_with_the_hand);
    tcase_add_test(tests, world_landmarks_are_metres_from_the_wrist_in_the_images_axes);
    tcase_add_test(tests, the_filter_is_the_papers);
    tcase_add_test(tests, scale_makes_near_and_far_hands_alike);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
