/* Calibration files of OpenCV and Kalibr, and the rectification that comes of them, against what
 * OpenCV computes from the same (stereo/make.py). */
#include "pictures.h"
#include "pipelines/calibration.h"
#include "suite.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static struct calibration calibration;

static const char *path_of(const char *name)
{
    static char path[2][600];
    static unsigned turn;
    const char *source = getenv("PERCEPT_SOURCE_DIR");
    turn = !turn;
    snprintf(path[turn], sizeof path[turn], "%s/tests/pipelines/stereo/%s", source ? source : ".",
             name);
    return path[turn];
}

static enum percept_status read_files(const char *first, const char *second,
                                      struct percept_error *error)
{
    const struct pipe_text items[2] = {{.text = first}, {.text = second}};
    const struct pipe_texts files = {second ? 2 : 1, items};
    return calibration_read(&files, NULL, &calibration, error);
}

static void expect(enum percept_status status, const struct percept_error *error)
{
    char text[1024];
    ck_assert_msg(status == PERCEPT_OK, "%s", percept_error_format(error, text, sizeof text));
}

static void read_sample(void)
{
    struct percept_error error = {0};
    expect(read_files(path_of("intrinsics.yml"), path_of("extrinsics.yml"), &error), &error);
    calibration.width = 640;
    calibration.height = 480;
}

/* ---- corners of chessboards, 13 pairs of photos ---- */

/* Where a pixel of a camera is in its rectified image: the inverse of calibration_find, by
 * Newton's steps, for it is smooth. */
static void rectify_point(unsigned eye, const double pixel[2], double out[2])
{
    double x = pixel[0], y = pixel[1];
    for (unsigned i = 0; i < 50; i++) {
        double at[2], dx[2], dy[2];
        calibration_find(&calibration, eye, x, y, at);
        calibration_find(&calibration, eye, x + 0.01, y, dx);
        calibration_find(&calibration, eye, x, y + 0.01, dy);
        double a = (dx[0] - at[0]) * 100, b = (dy[0] - at[0]) * 100;
        double c = (dx[1] - at[1]) * 100, d = (dy[1] - at[1]) * 100;
        double u = pixel[0] - at[0], v = pixel[1] - at[1], determinant = a * d - b * c;
        x += (d * u - b * v) / determinant;
        y += (a * v - c * u) / determinant;
    }
    out[0] = x;
    out[1] = y;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Rows apart of all pairs, sorted; how many. Disparities must be those of a board in front. */
static size_t rows_apart(double *rows, size_t capacity)
{
    FILE *file = fopen(path_of("corners.txt"), "r");
    char line[128];
    size_t count = 0;
    ck_assert_ptr_nonnull(file);
    while (count < capacity && fgets(line, sizeof line, file)) {
        double pixel[2][2], flat[2][2];
        char *at = line;
        for (unsigned i = 0; i < 4; i++)
            pixel[i / 2][i % 2] = strtod(at, &at);
        rectify_point(0, pixel[0], flat[0]);
        rectify_point(1, pixel[1], flat[1]);
        ck_assert_double_gt(flat[0][0], flat[1][0]);
        rows[count++] = fabs(flat[0][1] - flat[1][1]);
    }
    fclose(file);
    qsort(rows, count, sizeof *rows, by_value);
    return count;
}

static void expect_corners_on_rows(void)
{
    static double rows[2000];
    size_t count = rows_apart(rows, 2000);
    ck_assert_uint_eq(count, 13 * 54);
    ck_assert_double_lt(rows[count / 2], 0.25);
    ck_assert_double_lt(rows[count * 95 / 100], 0.5);
}

START_TEST(corners_are_on_the_same_rows_by_the_rectification_in_the_file)
{
    read_sample();
    ck_assert(calibration.rectified);
    expect_corners_on_rows();
}
END_TEST

START_TEST(corners_are_on_the_same_rows_by_ours)
{
    struct percept_error error = {0};
    read_sample();
    calibration.rectified = false;
    expect(calibration_rectify(&calibration, &error), &error);
    expect_corners_on_rows();
}
END_TEST

START_TEST(our_rectification_turns_the_cameras_as_opencv_does)
{
    struct percept_error error = {0};
    read_sample();
    struct calibration theirs = calibration;
    calibration.rectified = false;
    expect(calibration_rectify(&calibration, &error), &error);
    for (unsigned eye = 0; eye < 2; eye++)
        for (unsigned i = 0; i < 9; i++)
            ck_assert_double_eq_tol(calibration.to_rectified[eye][i / 3][i % 3],
                                    theirs.to_rectified[eye][i / 3][i % 3], 1e-9);
    const double ours_metres = -calibration.projection[1][0][3] / calibration.projection[1][0][0];
    const double their_metres = -theirs.projection[1][0][3] / theirs.projection[1][0][0];
    ck_assert_double_eq_tol(ours_metres, their_metres, 1e-9);
    ck_assert_double_eq_tol(ours_metres, 0.0832, 1e-3);
}
END_TEST

START_TEST(a_rectified_image_has_no_empty_border_and_is_no_smaller_than_need_be)
{
    struct percept_error error = {0};
    double nearest = 1e9;
    read_sample();
    calibration.rectified = false;
    expect(calibration_rectify(&calibration, &error), &error);
    for (unsigned eye = 0; eye < 2; eye++)
        for (int i = 0; i < 4 * 100; i++) {
            /* Along the four sides. */
            double along = i % 100 / 99.0, at[2];
            double x = i < 200 ? along * 639 : i < 300 ? 0 : 639;
            double y = i >= 200 ? along * 479 : i < 100 ? 0 : 479;
            calibration_find(&calibration, eye, x, y, at);
            double inside = fmin(fmin(at[0], at[1]), fmin(639 - at[0], 479 - at[1]));
            ck_assert_double_gt(inside, -1);
            nearest = fmin(nearest, inside);
        }
    ck_assert_double_lt(nearest, 1); /* it touches the border somewhere */
}
END_TEST

/* ---- lenses ---- */

START_TEST(a_fisheye_shows_rays_where_opencv_says)
{
    FILE *file = fopen(path_of("fisheye.txt"), "r");
    char line[128];
    unsigned count = 0;
    ck_assert_ptr_nonnull(file);
    read_sample();
    struct calibration_lens *lens = &calibration.lens[0];
    *lens = (struct calibration_lens){
        lens->fx, lens->fy, lens->cx, lens->cy, CALIBRATION_FISHEYE, {-0.03, 0.012, -0.006, 0.001}};
    /* A rectified image whose pixels are rays. */
    memset(calibration.to_rectified[0], 0, sizeof calibration.to_rectified[0]);
    memset(calibration.projection[0], 0, sizeof calibration.projection[0]);
    for (unsigned i = 0; i < 3; i++)
        calibration.to_rectified[0][i][i] = calibration.projection[0][i][i] = 1;
    while (fgets(line, sizeof line, file)) {
        char *at = line;
        double value[4], shown[2];
        for (unsigned i = 0; i < 4; i++)
            value[i] = strtod(at, &at);
        calibration_find(&calibration, 0, value[0], value[1], shown);
        ck_assert_double_eq_tol(shown[0], value[2], 1e-4);
        ck_assert_double_eq_tol(shown[1], value[3], 1e-4);
        count++;
    }
    fclose(file);
    ck_assert_uint_eq(count, 40);
}
END_TEST

/* ---- Kalibr ---- */

#define KALIBR_CAM(model, coefficients, pose)                                                    \
    "  camera_model: pinhole\n  distortion_model: " model "\n  distortion_coeffs: " coefficients \
    "\n  intrinsics: [460.5, 459.5, 367.2, 248.4]\n  resolution: [752, 480]\n" pose
#define POSE(x)                                                               \
    "  T_cn_cnm1:\n  - [1.0, 0.0, 0.0, " x "]\n  - [0.0, 1.0, 0.0, 0.0003]\n" \
    "  - [0.0, 0.0, 1.0, 0.0006]\n  - [0.0, 0.0, 0.0, 1.0]\n"

START_TEST(kalibr_files_are_read)
{
    struct percept_error error = {0};
    pictures_write_text(
        "camchain.yaml",
        "cam0:\n" KALIBR_CAM("radtan", "[-0.28, 0.07, 0.0002, 1.7e-05]", "") "cam1:\n" KALIBR_CAM(
            "equidistant", "[-0.01, 0.02, -0.03, 0.004]", POSE("-0.11")));
    expect(read_files("camchain.yaml", NULL, &error), &error);
    ck_assert_uint_eq(calibration.width, 752);
    ck_assert_double_eq(calibration.lens[0].fy, 459.5);
    ck_assert_double_eq(calibration.lens[0].k[3], 1.7e-5);
    ck_assert_int_eq(calibration.lens[1].kind, CALIBRATION_FISHEYE);
    ck_assert_double_eq(calibration.translation[0], -0.11);
    ck_assert(!calibration.rectified);
    expect(calibration_rectify(&calibration, &error), &error);
    ck_assert_double_eq_tol(-calibration.projection[1][0][3] / calibration.projection[1][0][0],
                            sqrt(0.11 * 0.11 + 0.0003 * 0.0003 + 0.0006 * 0.0006), 1e-9);
}
END_TEST

/* ---- what is wrong, in one line ---- */

static const struct {
    const char *text, *message;
} wrong[] = {
    {"M1: {rows: 3, cols: 3, data: [1, 2]}\n",
     "bad.yml:1:30: expected a list of 9 numbers, got a list"},
    {"M1: !!opencv-matrix\n   rows: 3\n   cols: 3\n   data: [1,0,a,0,1,0,0,0,1]\n",
     "bad.yml:4:15: expected a number, got 'a'"},
    {"%YAML:1.0\nM1: {rows: 3, cols: 3, data: [0,0,3,0,1,2,0,0,1]}\nD1: {rows: 1, cols: 4, data: "
     "[0,0,0,0]}\n",
     "bad.yml:2:5: a focal length of 0 x 1 pixels"},
    {"M1: {rows: 3, cols: 3, data: [1,0,3,0,1,2,0,0,1]}\nD1: {rows: 1, cols: 7, data: "
     "[0,0,0,0,0,0,0]}\n",
     "bad.yml:2:5: 7 coefficients of distortion; 4, 5 and 8 are known"},
    {"a: 1\n",
     "bad.yml: not a whole stereo calibration: expected M1 D1 M2 D2 R T (OpenCV, maybe in two "
     "files) or cam0 and cam1 (Kalibr)"},
    {"cam0: {camera_model: omni}\ncam1: {}\n", "bad.yml:1:22: camera_model: expected pinhole"},
    {"cam0: {camera_model: pinhole, distortion_model: fov}\ncam1: {}\n",
     "bad.yml:1:49: distortion_model: expected radtan, equidistant or none"},
    {"cam0:\n" KALIBR_CAM("none", "[]", "") "cam1:\n" KALIBR_CAM("none", "[]", ""),
     "bad.yml:8:3: no 'T_cn_cnm1'"},
    {"cam0:\n" KALIBR_CAM("none", "[]", "") "cam1:\n" KALIBR_CAM(
         "none", "[]", "  T_cn_cnm1: [[2,0,0,-1],[0,1,0,0],[0,0,1,0],[0,0,0,1]]\n"),
     "bad.yml: the rotation between the cameras is none"},
};

START_TEST(a_bad_file_is_told_by_its_place)
{
    struct percept_error error = {0};
    char text[1024];
    pictures_write_text("bad.yml", wrong[_i].text);
    ck_assert_int_eq(read_files("bad.yml", NULL, &error), PERCEPT_MALFORMED);
    ck_assert_str_eq(percept_error_format(&error, text, sizeof text), wrong[_i].message);
}
END_TEST

START_TEST(a_missing_file_is_told)
{
    struct percept_error error = {0};
    ck_assert_int_eq(read_files("none.yml", NULL, &error), PERCEPT_NOT_FOUND);
}
END_TEST

START_TEST(cameras_the_other_way_round_are_refused)
{
    struct percept_error error = {0};
    pictures_write_text(
        "camchain.yaml",
        "cam0:\n" KALIBR_CAM("none", "[]", "") "cam1:\n" KALIBR_CAM("none", "[]", POSE("0.11")));
    expect(read_files("camchain.yaml", NULL, &error), &error);
    ck_assert_int_eq(calibration_rectify(&calibration, &error), PERCEPT_INVALID);
    ck_assert_str_eq(error.message, "the second camera is to the left of the first: swap them");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("calibration");
    TCase *tests = tcase_create("calibration");
    tcase_set_timeout(tests, 100); /* a sanitizer on a busy machine */
    tcase_add_checked_fixture(tests, pictures_make_folder, pictures_remove_folder);
    tcase_add_test(tests, corners_are_on_the_same_rows_by_the_rectification_in_the_file);
    tcase_add_test(tests, corners_are_on_the_same_rows_by_ours);
    tcase_add_test(tests, our_rectification_turns_the_cameras_as_opencv_does);
    tcase_add_test(tests, a_rectified_image_has_no_empty_border_and_is_no_smaller_than_need_be);
    tcase_add_test(tests, a_fisheye_shows_rays_where_opencv_says);
    tcase_add_test(tests, kalibr_files_are_read);
    tcase_add_loop_test(tests, a_bad_file_is_told_by_its_place, 0, sizeof wrong / sizeof wrong[0]);
    tcase_add_test(tests, a_missing_file_is_told);
    tcase_add_test(tests, cameras_the_other_way_round_are_refused);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
