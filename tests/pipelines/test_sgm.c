/* Semi-global matching: against a plain computation of the same sums, and on scenes whose disparity
 * is known. */
#include "pipelines/disparity.h"
#include "pipelines/sgm.h"
#include "pipelines/sgm_kernels.h"
#include "pipelines/stereo_smooth.h"
#include "suite.h"

#include <math.h>
#include <string.h>

#define W 96
#define H 64
#define D 32

static uint8_t left[W * H], right[W * H], confidence[W * H];
static float disparity[W * H];
static struct sgm *sgm;
static struct base_pool *pool;

static uint32_t seed = 1;
static uint32_t random_number(void)
{
    seed = seed * 1664525u + 1013904223u;
    return seed >> 8;
}

static struct sgm_options usual(void)
{
    return (struct sgm_options){W, H, D, 10, 100, 5};
}

static void make(const struct sgm_options *options)
{
    struct percept_error error = {0};
    ck_assert_msg(sgm_create(options, pool, &sgm, &error) == PERCEPT_OK, "%s", error.message);
}

static void setup(void)
{
    ck_assert_int_eq(base_pool_create(2, &pool, NULL), PERCEPT_OK);
}

static void teardown(void)
{
    sgm_destroy(sgm);
    base_pool_destroy(pool);
}

/* ---- sums of paths ---- */

static int cost_of(const uint8_t *costs, int x, int y, int d)
{
    return costs[(y * W + x) * D + d];
}

/* One path, by the book: L(p, d) = C(p, d) + min(L(q, d), L(q, d +- 1) + P1, min L(q) + P2). */
static void add_path(const uint8_t *costs, int dx, int dy, int p1, int p2, double *sums)
{
    static double path[H][W][D];
    for (int j = 0; j < H; j++)
        for (int i = 0; i < W; i++) {
            int x = dx > 0 || (dx == 0 && dy > 0) ? i : W - 1 - i;
            int y = dy >= 0 ? j : H - 1 - j;
            int qx = x - dx, qy = y - dy;
            bool inside = qx >= 0 && qx < W && qy >= 0 && qy < H;
            double least = INFINITY, own = INFINITY;
            for (int d = 0; inside && d < D; d++)
                least = fmin(least, path[qy][qx][d]);
            int step = inside ? p2 * 8 / (8 + abs(left[y * W + x] - left[qy * W + qx])) : 0;
            step = step > p1 ? step : p1 + 1;
            for (int d = 0; d < D; d++) {
                double before = 0;
                if (inside) {
                    before = fmin(path[qy][qx][d], least + step);
                    before = fmin(before, d > 0 ? path[qy][qx][d - 1] + p1 : INFINITY);
                    before = fmin(before, d + 1 < D ? path[qy][qx][d + 1] + p1 : INFINITY);
                }
                path[y][x][d] = cost_of(costs, x, y, d) + before;
                own = fmin(own, path[y][x][d]);
            }
            /* Less the least, as sums are made of it: it differs from pixel to pixel only. */
            for (int d = 0; d < D; d++) {
                path[y][x][d] -= own;
                sums[(y * W + x) * D + d] += path[y][x][d];
            }
        }
}

START_TEST(disparities_are_those_of_eight_plain_paths)
{
    static double sums[W * H * D];
    static const int paths[8][2] = {{1, 0},  {1, 1},   {0, 1},  {-1, 1},
                                    {-1, 0}, {-1, -1}, {0, -1}, {1, -1}};
    struct sgm_options options = usual();
    make(&options);
    uint8_t *costs = sgm_costs(sgm);
    memset(sums, 0, sizeof sums);
    for (size_t i = 0; i < W * H; i++)
        left[i] = (uint8_t)(random_number() % 4 ? 100 : random_number());
    for (size_t i = 0; i < (size_t)W * H * D; i++)
        costs[i] = (uint8_t)(random_number() % (SGM_MAX_COST + 1));
    for (unsigned p = 0; p < 8; p++)
        add_path(costs, paths[p][0], paths[p][1], 10, 100, sums);
    sgm_run(sgm, left, disparity, confidence);
    for (size_t i = 0; i < W * H; i++) {
        size_t best = 0;
        for (size_t d = 1; d < D; d++)
            best = sums[i * D + d] < sums[i * D + best] ? d : best;
        ck_assert_msg(fabsf(disparity[i] - (float)best) <= 0.5F, "%zu: %f, expected %zu", i,
                      (double)disparity[i], best);
    }
}
END_TEST

START_TEST(all_kernels_agree)
{
#ifdef __x86_64__
    static uint8_t images[2][W * 16 + 64];
    static uint8_t planes[2][SGM_PLANES * W];
    if (!__builtin_cpu_supports("avx2"))
        return;
    for (size_t i = 0; i < sizeof images[0]; i++)
        images[0][i] = (uint8_t)random_number();
    const struct sgm_kernels *kernels[2] = {&sgm_kernels_plain, &sgm_kernels_avx2};
    for (unsigned k = 0; k < 2; k++) {
        struct sgm_census census = {.width = W - 8, .planes = planes[k], .pitch = W};
        for (unsigned r = 0; r < 7; r++)
            census.rows[r] = images[0] + r * W + 4;
        kernels[k]->census(&census);
    }
    ck_assert_mem_eq(planes[0], planes[1], sizeof planes[0]);
    static uint8_t both[2][9 * (W + D)], costs[2][W * D];
    for (size_t i = 0; i < sizeof both[0]; i++) {
        both[0][i] = (uint8_t)random_number();
        both[1][i] = (uint8_t)random_number();
    }
    for (unsigned k = 0; k < 2; k++) {
        const struct sgm_match match = {both[0], both[1], W, D, 20, costs[k]};
        kernels[k]->match(&match);
    }
    ck_assert_mem_eq(costs[0], costs[1], sizeof costs[0]);
    static uint8_t noisy[W * (2 * SGM_DENOISE + 1)], out[2][W];
    static uint16_t columns[W];
    static float sums[W], shares[W];
    for (size_t i = 0; i < sizeof noisy; i++)
        noisy[i] = (uint8_t)(100 + random_number() % 16);
    for (unsigned k = 0; k < 2; k++) {
        const struct sgm_denoise denoise = {noisy + SGM_DENOISE * W + SGM_DENOISE,
                                            W,
                                            W - 2 * SGM_DENOISE,
                                            100,
                                            160,
                                            columns,
                                            sums,
                                            shares,
                                            3,
                                            -200,
                                            out[k]};
        kernels[k]->denoise(&denoise);
    }
    for (size_t i = 0; i < W; i++) /* one fuses products and sums, and rounds less */
        ck_assert_int_le(abs(out[0][i] - out[1][i]), 1);
#endif
}
END_TEST

START_TEST(costs_by_features_are_those_of_their_products)
{
    enum { C = 5 };
    static float of_left[C * W], of_right[C * W], reversed[C * (W + D)], sums[D];
    static uint8_t costs[W * D];
    for (size_t i = 0; i < C * W; i++) {
        of_left[i] = (float)(random_number() % 2000) * 1e-3F - 1;
        of_right[i] = (float)(random_number() % 2000) * 1e-3F - 1;
        reversed[i / W * (W + D) + W - 1 - i % W] = of_right[i];
    }
    static uint8_t before[W * D];
    for (size_t i = 0; i < W * D; i++)
        costs[i] = before[i] = (uint8_t)(random_number() % 75);
    const struct sgm_features features = {
        .left = of_left,
        .left_pitch = W,
        .right = reversed,
        .channels = C,
        .width = W,
        .disparities = D,
        .share = 0.25F,
        .scale = 20,
        .none = 0.5F,
        .most = 60,
        .sums = sums,
        .costs = costs,
    };
    sgm_kernels_here()->features(&features);
    for (size_t x = 0; x < W; x++) {
        double alike[D], best = 0.5;
        for (size_t d = 0; d < D; d++) {
            alike[d] = d <= x ? 0 : 0.5;
            for (size_t c = 0; c < C && d <= x; c++)
                alike[d] += (double)of_left[c * W + x] * (double)of_right[c * W + x - d];
            best = fmax(best, alike[d]);
        }
        for (size_t d = 0; d < D; d++) {
            double expected = 0.25 * before[x * D + d] + 20 * (best - alike[d]);
            ck_assert_double_eq_tol(costs[x * D + d], fmin(expected, 60), 0.51);
        }
    }
}
END_TEST

/* ---- scenes ---- */

/* Noise on a wall at disparity 4, and before it a square at 12. */
static int true_disparity(int x, int y)
{
    return x >= 40 && x < 70 && y >= 16 && y < 48 ? 12 : 4;
}

static void make_scene(void)
{
    static uint8_t wall[W * H], square[W * H];
    for (size_t i = 0; i < W * H; i++) {
        wall[i] = (uint8_t)(random_number() % 100);
        square[i] = (uint8_t)(155 + random_number() % 100);
    }
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++) {
            bool near = true_disparity(x, y) == 12;
            left[y * W + x] = near ? square[y * W + x] : wall[y * W + x];
            /* The right eye sees the square 12 columns further to the left. */
            int of_square = x + 12, of_wall = x + 4 < W ? x + 4 : x;
            near = of_square < W && true_disparity(of_square, y) == 12;
            right[y * W + x] = near ? square[y * W + of_square] : wall[y * W + of_wall];
        }
}

/* Share of pixels off by more than one, of those whose confidence is at least that. */
static double share_off(uint8_t least, size_t *counted)
{
    size_t off = 0, count = 0;
    for (int y = 0; y < H; y++)
        for (int x = 12; x < W - 4; x++) {
            if (confidence[y * W + x] < least)
                continue;
            count++;
            off += fabsf(disparity[y * W + x] - (float)true_disparity(x, y)) > 1;
        }
    *counted = count;
    return (double)off / (double)count;
}

START_TEST(a_square_before_a_wall_is_found)
{
    struct sgm_options options = usual();
    size_t count;
    make(&options);
    make_scene();
    sgm_census(sgm, left, right);
    sgm_run(sgm, left, disparity, confidence);
    ck_assert_double_lt(share_off(2, &count), 0.02);
    ck_assert_uint_gt(count, W * H / 2);
}
END_TEST

START_TEST(what_only_one_eye_sees_is_rejected_and_then_filled_from_behind)
{
    struct sgm_options options = usual();
    struct disparity_mender *mender;
    size_t count, rejected = 0, hidden = 0;
    make(&options);
    make_scene();
    sgm_census(sgm, left, right);
    sgm_run(sgm, left, disparity, confidence);
    for (int y = 20; y < 44; y++)
        for (int x = 33; x < 39; x++) { /* the wall left of the square: only the left eye's */
            rejected += confidence[y * W + x] == 0;
            hidden++;
        }
    ck_assert_uint_gt(rejected * 10, hidden * 7);
    ck_assert_int_eq(disparity_mender_create(W, H, pool, &mender, NULL), PERCEPT_OK);
    disparity_reject_speckles(mender, disparity, confidence, 20);
    ck_assert(disparity_fill(mender, disparity, confidence));
    disparity_median(mender, disparity);
    disparity_mender_destroy(mender);
    ck_assert_double_lt(share_off(1, &count), 0.04);
    ck_assert_uint_eq(count, H * (W - 16));
}
END_TEST

/* Half of the map is forgotten, in specks. */
START_TEST(many_holes_are_filled_with_what_is_around_and_looks_alike)
{
    struct sgm_options options = usual();
    struct disparity_mender *mender;
    static float known[W * H];
    static uint8_t sure[W * H];
    size_t count;
    make(&options);
    make_scene();
    sgm_census(sgm, left, right);
    sgm_run(sgm, left, disparity, confidence);
    for (size_t i = 0; i < W * H; i++)
        if (random_number() % 2)
            confidence[i] = 0;
    memcpy(known, disparity, sizeof known);
    memcpy(sure, confidence, sizeof sure);
    ck_assert_int_eq(disparity_mender_create(W, H, pool, &mender, NULL), PERCEPT_OK);
    ck_assert(disparity_fill_alike(mender, left, disparity, confidence));
    disparity_mender_destroy(mender);
    for (size_t i = 0; i < W * H; i++) {
        if (confidence[i] == DISPARITY_FILLED)
            continue;
        ck_assert_int_eq(confidence[i], sure[i]);
        ck_assert(disparity[i] == known[i]);
    }
    ck_assert_double_lt(share_off(DISPARITY_FILLED, &count), 0.04);
    ck_assert_uint_eq(count, H * (W - 16));
}
END_TEST

START_TEST(noise_is_measured_and_smoothed_where_it_is_high)
{
    enum { N = 128 };
    static uint8_t clean[N * N], noisy[N * N];
    struct stereo_smoother *smoother;
    for (unsigned i = 0; i < N * N; i++) {
        int noise = 0; /* twelve dice: a variance of 12 * (9 * 9 - 1) / 12 */
        for (unsigned n = 0; n < 12; n++)
            noise += (int)(random_number() % 9) - 4;
        clean[i] = (uint8_t)(60 + i % N + (i / N / 32 % 2 ? 40 : 0));
        noisy[i] = (uint8_t)(clean[i] + noise < 0 ? 0 : clean[i] + noise);
    }
    struct stereo_noise none = stereo_noise_measure(clean, N, N);
    struct stereo_noise much = stereo_noise_measure(noisy, N, N);
    ck_assert_float_lt(none.noise, 0.5F);
    ck_assert_float_eq_tol(much.noise, sqrtf(80), sqrtf(80) / 6);
    ck_assert_int_eq(stereo_smoother_create(N, N, pool, &smoother, NULL), PERCEPT_OK);
    const uint8_t *eyes[2] = {clean, clean};
    stereo_smoother_run(smoother, eyes);
    ck_assert_ptr_eq(eyes[0], clean);
    ck_assert_ptr_eq(eyes[1], clean);
    eyes[1] = noisy;
    stereo_smoother_run(smoother, eyes);
    ck_assert_float_lt(stereo_noise_measure(eyes[1], N, N).noise, much.noise / 2);
    /* The edges are as they were: 40 from one row to the next. */
    double edge = 0;
    for (unsigned x = 0; x < N; x++)
        edge += (eyes[1][32 * N + x] - eyes[1][31 * N + x]) / (double)N;
    ck_assert_double_eq_tol(edge * much.contrast / stereo_noise_measure(eyes[1], N, N).contrast, 40,
                            8);
    stereo_smoother_destroy(smoother);
}
END_TEST

START_TEST(a_faint_image_is_stretched_when_its_noise_is_gone)
{
    enum { N = 128 };
    static uint8_t faint[2][N * N];
    struct stereo_smoother *smoother;
    for (unsigned i = 0; i < N * N; i++)
        for (unsigned e = 0; e < 2; e++) {
            unsigned noise = random_number() % 4 + random_number() % 4;
            faint[e][i] = (uint8_t)(40 + (i / N / 32 % 2 ? 20 : 0) + noise);
        }
    ck_assert_int_eq(stereo_smoother_create(N, N, pool, &smoother, NULL), PERCEPT_OK);
    const uint8_t *eyes[2] = {faint[0], faint[1]};
    stereo_smoother_run(smoother, eyes);
    for (unsigned e = 0; e < 2; e++) {
        struct stereo_noise n = stereo_noise_measure(eyes[e], N, N);
        ck_assert_float_gt(n.contrast, 3.5F * stereo_noise_measure(faint[e], N, N).contrast);
        ck_assert_float_eq_tol(n.mean, 128, 8);
    }
    stereo_smoother_destroy(smoother);
}
END_TEST

/* What each eye sees is of smooth surfaces, without noise; the dark one has a gamma, too. */
START_TEST(an_eye_that_is_exposed_otherwise_gets_the_levels_of_the_other)
{
    enum { N = 128, MOVED = 6 };
    static uint8_t bright[2][N * N], dark[2][N * N];
    struct stereo_smoother *smoother;
    for (unsigned e = 0; e < 2; e++)
        for (unsigned i = 0; i < N * N; i++) {
            double x = i % N + e * MOVED, y = i / N;
            double v = 120 + 50 * sin(x * 0.07 + y * 0.05) + 40 * sin(x * 0.05 - y * 0.11);
            bright[e][i] = (uint8_t)v;
            dark[e][i] = (uint8_t)(255 * pow(v / 255 * 0.6, 1.15));
        }
    ck_assert_int_eq(stereo_smoother_create(N, N, pool, &smoother, NULL), PERCEPT_OK);
    const uint8_t *same[2] = {bright[0], bright[1]};
    stereo_smoother_run(smoother, same);
    ck_assert_ptr_eq(same[0], bright[0]);
    ck_assert_ptr_eq(same[1], bright[1]);
    for (unsigned e = 0; e < 2; e++) { /* either eye may be the dark one */
        const uint8_t *eyes[2] = {bright[0], bright[1]};
        double before = 0, after = 0;
        eyes[e] = dark[e];
        stereo_smoother_run(smoother, eyes);
        ck_assert_ptr_eq(eyes[!e], bright[!e]);
        for (unsigned i = 0; i < N * N; i++) {
            before += abs(bright[e][i] - dark[e][i]) / (double)(N * N);
            after += abs(bright[e][i] - eyes[e][i]) / (double)(N * N);
        }
        ck_assert_double_gt(before, 40);
        ck_assert_double_lt(after, 4);
    }
    stereo_smoother_destroy(smoother);
}
END_TEST

START_TEST(a_hole_at_an_edge_is_filled_on_both_sides_of_it)
{
    enum { EDGE = W / 2, HOLE = 5 };
    struct disparity_mender *mender;
    for (int i = 0; i < W * H; i++) {
        left[i] = i % W < EDGE ? 60 : 180;
        disparity[i] = i % W < EDGE ? 10 : 20;
        confidence[i] = 100;
    }
    for (int x = EDGE - HOLE; x < EDGE + HOLE; x++)
        confidence[H / 2 * W + x] = 0;
    ck_assert_int_eq(disparity_mender_create(W, H, pool, &mender, NULL), PERCEPT_OK);
    ck_assert(disparity_fill_alike(mender, left, disparity, confidence));
    disparity_mender_destroy(mender);
    for (int x = EDGE - HOLE; x < EDGE + HOLE; x++) {
        ck_assert_int_eq(confidence[H / 2 * W + x], DISPARITY_FILLED);
        ck_assert_float_eq_tol(disparity[H / 2 * W + x], x < EDGE ? 10 : 20, 0.01F);
    }
}
END_TEST

/* Left of the edge is a wall. The thing before it hides some of it, and was given three columns too
 * many. */
START_TEST(what_is_near_gives_back_what_it_took_beside_a_gap)
{
    enum { EDGE = W / 2, TAKEN = 3, HOLE = 8 };
    struct disparity_mender *mender;
    for (int i = 0; i < W * H; i++) {
        int x = i % W;
        left[i] = x < EDGE ? 60 : 180;
        disparity[i] = x < EDGE - TAKEN ? 10 : 20;
        confidence[i] = x >= EDGE - TAKEN - HOLE && x < EDGE - TAKEN ? 0 : 100;
    }
    ck_assert_int_eq(disparity_mender_create(W, H, pool, &mender, NULL), PERCEPT_OK);
    ck_assert(disparity_fill_alike(mender, left, disparity, confidence));
    disparity_mender_destroy(mender);
    for (int i = 0; i < W * H; i++)
        ck_assert_float_eq_tol(disparity[i], i % W < EDGE ? 10 : 20, 0.01F);
}
END_TEST

START_TEST(disparities_between_pixels_are_found)
{
    struct sgm_options options = usual();
    double sum = 0;
    size_t count = 0;
    make(&options);
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++) {
            /* Waves of several lengths, moved by 6.5 pixels. */
            double at[2] = {x, x + 6.5};
            for (unsigned e = 0; e < 2; e++) {
                double v = sin(at[e] * 0.9 + y * 0.7) + sin(at[e] * 0.37 - y * 0.5) +
                           sin(at[e] * 0.23 + y * 0.31);
                (e ? right : left)[y * W + x] = (uint8_t)(128 + 40 * v);
            }
        }
    sgm_census(sgm, left, right);
    sgm_run(sgm, left, disparity, confidence);
    for (int y = 8; y < H - 8; y++)
        for (int x = 16; x < W - 8; x++)
            if (confidence[y * W + x]) {
                sum += (double)fabsf(disparity[y * W + x] - 6.5F);
                count++;
            }
    ck_assert_uint_gt(count, 2000);
    ck_assert_double_lt(sum / (double)count, 0.2);
}
END_TEST

START_TEST(options_out_of_range_are_refused)
{
    const struct sgm_options bad[] = {{8, H, D, 10, 100, 5},   {W, H, 33, 10, 100, 5},
                                      {W, H, 512, 10, 100, 5}, {W, H, D, 41, 100, 5},
                                      {W, H, D, 10, 101, 5},   {W, H, D, 10, 10, 5},
                                      {W, H, D, 10, 100, 100}};
    struct percept_error error = {0};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        ck_assert_int_eq(sgm_create(&bad[i], pool, &sgm, &error), PERCEPT_INVALID);
    sgm = NULL;
}
END_TEST

/* ---- mending ---- */

static struct disparity_mender *mender_of(uint32_t width, uint32_t height)
{
    struct disparity_mender *mender;
    ck_assert_int_eq(disparity_mender_create(width, height, NULL, &mender, NULL), PERCEPT_OK);
    return mender;
}

START_TEST(a_map_with_nothing_good_in_it_is_not_filled)
{
    float d[4] = {1, 2, 3, 4};
    uint8_t c[4] = {0};
    struct disparity_mender *mender = mender_of(2, 2);
    ck_assert(!disparity_fill(mender, d, c));
    disparity_mender_destroy(mender);
    ck_assert_uint_eq(c[0], 0);
}
END_TEST

START_TEST(rows_without_anything_good_take_those_of_the_nearest)
{
    float d[5] = {9, 9, 7, 9, 9};
    uint8_t c[5] = {0, 0, 200, 0, 0};
    struct disparity_mender *mender = mender_of(1, 5);
    ck_assert(disparity_fill(mender, d, c));
    disparity_mender_destroy(mender);
    for (unsigned i = 0; i < 5; i++) {
        ck_assert_float_eq(d[i], 7);
        ck_assert_uint_eq(c[i], i == 2 ? 200 : DISPARITY_FILLED);
    }
}
END_TEST

START_TEST(time_averages_what_stays_and_lets_go_of_what_moves)
{
    uint8_t gray[2] = {100, 100};
    float d[2] = {10, 10};
    struct disparity_mender *mender = mender_of(2, 1);
    disparity_settle(mender, d, gray, 0.5F);
    d[0] = 10.4F; /* noise */
    d[1] = 14;    /* another surface */
    disparity_settle(mender, d, gray, 0.5F);
    ck_assert_float_eq_tol(d[0], 10.2F, 1e-5F);
    ck_assert_float_eq(d[1], 14);
    gray[0] = 160; /* moved, though at nearly the same disparity */
    d[0] = 10.4F;
    disparity_settle(mender, d, gray, 0.5F);
    ck_assert_float_eq(d[0], 10.4F);
    disparity_mender_destroy(mender);
}
END_TEST

START_TEST(an_enlarged_map_has_its_edge_where_the_image_has_it)
{
    /* 4 x 1 with an edge in the middle; the large image has it two pixels further to the right. */
    const float d[4] = {2, 2, 8, 8};
    const uint8_t c[4] = {9, 9, 9, 9}, gray[4] = {20, 20, 200, 200};
    uint8_t large[16], out_confidence[16];
    float out[16];
    for (unsigned x = 0; x < 16; x++)
        large[x] = x < 9 ? 20 : 200;
    const struct disparity_image from = {4, 1, gray}, to = {16, 1, large};
    disparity_enlarge(&from, d, c, &to, out, out_confidence, NULL);
    for (unsigned x = 0; x < 16; x++) {
        ck_assert_float_eq_tol(out[x], x < 9 ? 8 : 32, 0.01F);
        ck_assert_uint_eq(out_confidence[x], 9);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sgm");
    TCase *tests = tcase_create("sgm");
    tcase_set_timeout(tests, 100); /* a sanitizer on a busy machine */
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, disparities_are_those_of_eight_plain_paths);
    tcase_add_test(tests, all_kernels_agree);
    tcase_add_test(tests, costs_by_features_are_those_of_their_products);
    tcase_add_test(tests, a_square_before_a_wall_is_found);
    tcase_add_test(tests, what_only_one_eye_sees_is_rejected_and_then_filled_from_behind);
    tcase_add_test(tests, many_holes_are_filled_with_what_is_around_and_looks_alike);
    tcase_add_test(tests, noise_is_measured_and_smoothed_where_it_is_high);
    tcase_add_test(tests, a_faint_image_is_stretched_when_its_noise_is_gone);
    tcase_add_test(tests, an_eye_that_is_exposed_otherwise_gets_the_levels_of_the_other);
    tcase_add_test(tests, a_hole_at_an_edge_is_filled_on_both_sides_of_it);
    tcase_add_test(tests, what_is_near_gives_back_what_it_took_beside_a_gap);
    tcase_add_test(tests, disparities_between_pixels_are_found);
    tcase_add_test(tests, options_out_of_range_are_refused);
    tcase_add_test(tests, a_map_with_nothing_good_in_it_is_not_filled);
    tcase_add_test(tests, rows_without_anything_good_take_those_of_the_nearest);
    tcase_add_test(tests, time_averages_what_stays_and_lets_go_of_what_moves);
    tcase_add_test(tests, an_enlarged_map_has_its_edge_where_the_image_has_it);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
