/* What becomes of single numbers: those that a program computes with, and one truth about a whole
 * tensor. */
#include "build.h"
#include "run.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

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

int main(void)
{
    Suite *suite = suite_create("run_numbers");
    TCase *tests = tcase_create("run_numbers");
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_loop_test(tests, number, 0, sizeof numbers / sizeof numbers[0]);
    tcase_add_loop_test(tests, all_close, 0, sizeof pairs / sizeof pairs[0]);
    tcase_add_test(tests, all_integers_close);
    suite_add_tcase(suite, tests);
    return build_run_suite(suite);
}
