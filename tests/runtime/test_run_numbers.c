/* What becomes of numbers: single ones that a program computes with, one truth about a whole
 * tensor, and complex ones. */
#include "build.h"
#include "run.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct pte pte;

static void setup(void)
{
    pte = (struct pte){0};
}

/* An operator on numbers, and the one that it writes. */
static const struct {
    const char *op, *args, *result;
    double expected;
} numbers[] = {
    {"executorch_prim::ceil.Scalar", "2.25", "0", 3},
    {"executorch_prim::ceil.Scalar", "-2.75", "0", -2},
    {"executorch_prim::ceil.Scalar", "7", "0", 7},
    {"executorch_prim::trunc.Scalar", "-2.75", "0", -2},
    {"executorch_prim::round.Scalar", "2.5", "0", 2},
    {"executorch_prim::round.Scalar", "3.5", "0", 4},
    {"executorch_prim::round.Scalar", "-0.75", "0", -1},
    {"executorch_prim::floordiv.int", "-7 2", "0", -4},
    {"executorch_prim::mod.int", "-7 4", "0", 1},
    {"executorch_prim::sym_not.Scalar", "T", "F", 0},
    {"executorch_prim::sym_not.Scalar", "0", "F", 1},
    {"executorch_prim::sym_ite.Scalar", "T 3 4", "0", 3},
    {"executorch_prim::sym_ite.Scalar", "F 3 0.5", "0.0", 0.5},
};

START_TEST(number)
{
    char args[96];
    pte.outputs[0] = pte_value(&pte, numbers[_i].result);
    pte.output_count = 1;
    snprintf(args, sizeof args, "%s $0", numbers[_i].args);
    pte_call(&pte, numbers[_i].op, args);
    struct run run = run_pte(&pte, NULL);
    struct prt_scalar found = prt_model_output_scalar(run.model, 0);
    double value = found.kind == PRT_VALUE_INT      ? (double)found.i
                   : found.kind == PRT_VALUE_DOUBLE ? found.d
                                                    : found.b;
    ck_assert_double_eq(value, numbers[_i].expected);
    run_free(&run);
}
END_TEST

/* a, b, whether NaN equals NaN, whether all is close (rtol 0.25, atol 0.5) */
static const struct {
    float a[2], b[2];
    bool nan, close;
} pairs[] = {
    {{1, 4}, {1, 4}, false, true},
    {{1, 5.5F}, {1, 4}, false, true},
    {{1, 5.75F}, {1, 4}, false, false},
    {{1, 4}, {1, 5.75F}, false, true}, /* relative to the second */
    {{INFINITY, 0}, {INFINITY, 0}, false, true},
    {{INFINITY, 0}, {-INFINITY, 0}, false, false},
    {{3, 0}, {INFINITY, 0}, false, false},
    {{INFINITY, 0}, {3, 0}, false, false},
    {{NAN, 0}, {NAN, 0}, false, false},
    {{NAN, 0}, {NAN, 0}, true, true},
    {{NAN, 0}, {1, 0}, true, false},
};

START_TEST(all_close)
{
    char args[96];
    snprintf(args, sizeof args,
             "f32[2] f32[2] 0.25 0.5 %c F >bool[1] =", pairs[_i].nan ? 'T' : 'F');
    pte_call(&pte, "aten::allclose.out", args);
    struct run run = run_pte(&pte, (const void *[]){pairs[_i].a, pairs[_i].b});
    ck_assert_int_eq(*(const bool *)prt_model_output_data(run.model, 0), pairs[_i].close);
    run_free(&run);
}
END_TEST

START_TEST(all_integers_close)
{
    pte_call(&pte, "aten::allclose.out", "i32[2,2] i32[2,2] 0.0 1.0 F F >bool[] =");
    const int32_t a[4] = {1, 2, 3, 4}, b[4] = {2, 1, 3, 5};
    struct run run = run_pte(&pte, (const void *[]){a, b});
    ck_assert(*(const bool *)prt_model_output_data(run.model, 0));
    run_free(&run);
}
END_TEST

/* What a transform of x along a dimension gives, forth, and forth and back. */
static const struct {
    const char *forth, *back;
    float scale;
    float spectrum[8]; /* of {1, 2, 4, 9} */
} transforms[] = {
    {"f32[4] [0] 0 T >z64[3] =", "$%u [0] 2 4 >f32[4] =", 1, {16, 0, -3, 7, -6, 0}},
    {"f32[4] [0] 1 T >z64[3] =", "$%u [-1] 1 4 >f32[4] =", 1, {8, 0, -1.5F, 3.5F, -3, 0}},
    {"f32[4] [0] 2 T >z64[3] =", "$%u [0] 0 4 >f32[4] =", 1, {4, 0, -0.75F, 1.75F, -1.5F, 0}},
    {"f32[4,1] [0] 0 T >z64[3,1] =", "$%u [0] 0 4 >f32[4,1] =", 4, {16, 0, -3, 7, -6, 0}},
    {"f32[2,2] [0,1] 0 T >z64[2,2] =",
     "$%u [0,1] 2 2 >f32[2,2] =",
     1,
     {16, 0, -6, 0, -10, 0, 4, 0}},
};

START_TEST(transform)
{
    static const float x[4] = {1, 2, 4, 9};
    char args[96];
    uint32_t spectrum = pte_call(&pte, "aten::_fft_r2c.out", transforms[_i].forth);
    bool square = transforms[_i].spectrum[7] != 0 || transforms[_i].spectrum[6] != 0;
    snprintf(args, sizeof args, "$%u >f32[%s2] =", spectrum,
             square                                ? "2,2,"
             : strstr(transforms[_i].forth, "4,1") ? "3,1,"
                                                   : "3,");
    uint32_t parts = pte_call(&pte, "aten::view_as_real_copy.out", args);
    snprintf(args, sizeof args, transforms[_i].back, spectrum);
    uint32_t again = pte_call(&pte, "aten::_fft_c2r.out", args);
    pte.outputs[0] = parts;
    pte.outputs[1] = again;
    pte.output_count = 2;
    struct run run = run_pte(&pte, (const void *[]){x});
    const float *found = prt_model_output_data(run.model, 0);
    for (size_t i = 0; i < (square ? 8 : 6); i++)
        ck_assert_float_eq_tol(found[i], transforms[_i].spectrum[i], 1e-5F);
    for (size_t i = 0; i < 4; i++)
        ck_assert_float_eq_tol(((const float *)prt_model_output_data(run.model, 1))[i],
                               x[i] * transforms[_i].scale, 1e-4F);
    run_free(&run);
}
END_TEST

/* What a transform cannot be asked for. */
static const struct {
    const char *op, *args, *message;
} refused[] = {
    {"aten::_fft_r2c.out", "f32[4] [] 0 T >z64[3] =", "transforms no dimension"},
    {"aten::_fft_r2c.out", "f32[4] [1] 0 T >z64[3] =", "dimension 1 of a tensor with 1"},
    {"aten::_fft_r2c.out", "f32[4,4] [0,0] 0 T >z64[3,4] =", "transforms a dimension twice"},
    {"aten::_fft_r2c.out", "f32[0] [0] 0 T >z64[1] =", "transforms nothing"},
    {"aten::_fft_r2c.out", "f32[5000] [0] 0 F >z64[5000] =", "transforms 5000 numbers"},
    {"aten::_fft_r2c.out", "f32[4] [0] 0 T >f32[3,2] =", "argument 4 has no complex numbers"},
    {"aten::_fft_r2c.out", "z64[4] [0] 0 T >z64[3] =", "input 0 has complex numbers"},
    {"aten::view_as_real_copy.out", "f32[4,2] >f32[4,2] =", "argument 0 has no complex numbers"},
    {"aten::_fft_r2c.out", "f32[4] [0] 0 T >z64[3] =", "output 0 has complex numbers"},
};

START_TEST(transform_is_refused)
{
    pte_call(&pte, refused[_i].op, refused[_i].args);
    char *text = pte_import(&pte);
    ck_assert_msg(strstr(text, refused[_i].message) != NULL, "%s", text);
    free(text);
}
END_TEST

START_TEST(other_operators_take_no_complex_numbers)
{
    char args[96];
    uint32_t spectrum = pte_call(&pte, "aten::_fft_r2c.out", "f32[4] [0] 0 T >z64[3] =");
    snprintf(args, sizeof args, "$%u $%u >z64[3] =", spectrum, spectrum);
    pte_call(&pte, "aten::mul.out", args);
    char *text = pte_import(&pte);
    ck_assert_ptr_nonnull(strstr(text, "aten::mul.out: argument 0 has complex numbers"));
    free(text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("run_numbers");
    TCase *tests = tcase_create("run_numbers");
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_loop_test(tests, number, 0, sizeof numbers / sizeof numbers[0]);
    tcase_add_loop_test(tests, all_close, 0, sizeof pairs / sizeof pairs[0]);
    tcase_add_test(tests, all_integers_close);
    tcase_add_loop_test(tests, transform, 0, sizeof transforms / sizeof transforms[0]);
    tcase_add_loop_test(tests, transform_is_refused, 0, sizeof refused / sizeof refused[0]);
    tcase_add_test(tests, other_operators_take_no_complex_numbers);
    suite_add_tcase(suite, tests);
    return build_run_suite(suite);
}
