/* Branches and loops that the data decide, and loops that collect rows. */
#include "build.h"
#include "pte.h"
#include "run.h"
#include "runtime/prt.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOVE = 3, JUMP_FALSE = 4 };

static struct pte pte;
static struct prt_program *program;
static struct prt_model *model;

static void setup(void)
{
    pte = (struct pte){0};
}

static void teardown(void)
{
    prt_model_destroy(model);
    prt_program_close(program);
}

/* An operator on values of the method. */
static uint32_t call(const char *op, const char *format, uint32_t a, uint32_t b, uint32_t c)
{
    char args[96];
    snprintf(args, sizeof args, format, a, b, c);
    return pte_call(&pte, op, args);
}

static uint32_t input(const char *word)
{
    uint32_t v = pte_value(&pte, word);
    pte.inputs[pte.input_count++] = v;
    return v;
}

static void jump(uint32_t condition, uint32_t to)
{
    pte_instruction(&pte, JUMP_FALSE, (int32_t)condition, (int32_t)to);
}

static void make_model(uint32_t output)
{
    pte.outputs[0] = output;
    pte.output_count = 1;
    program = pte_open(&pte);
    model = run_model(program, NULL);
}

static float run(size_t index)
{
    run_now(model);
    return ((const float *)prt_model_output_data(model, 0))[index];
}

static void set(size_t index, float x)
{
    run_set(model, index, &x, sizeof x);
}

/* y = x > 0 ? -x : x * x, as torch.cond is written */
START_TEST(one_of_two_ways)
{
    uint32_t never = pte_value(&pte, "F"), y = pte_value(&pte, ">f32[1]"), x = input(">f32[1]");
    uint32_t positive = call("aten::gt.Scalar_out", "$%u 0 >bool[1] =", x, 0, 0);
    jump(positive, 5);
    uint32_t one = call("aten::neg.out", "$%u >f32[1] =", x, 0, 0);
    pte_instruction(&pte, MOVE, (int32_t)one, (int32_t)y);
    jump(never, 7);
    uint32_t other = call("aten::mul.out", "$%u $%u >f32[1] =", x, x, 0);
    pte_instruction(&pte, MOVE, (int32_t)other, (int32_t)y);
    make_model(y);
    for (int i = -3; i < 4; i++) {
        set(0, (float)i);
        ck_assert_float_eq(run(0), (float)(i > 0 ? -i : i * i));
    }
}
END_TEST

/* y = i < 3 ? table[i] : 7. The way that is not taken would look outside of the table. */
START_TEST(nothing_runs_on_a_way_that_is_not_taken)
{
    uint32_t never = pte_value(&pte, "F"), y = pte_value(&pte, ">f32[1]"), i = input(">i64[1]");
    uint32_t inside = call("aten::lt.Scalar_out", "$%u 3 >bool[1] =", i, 0, 0);
    jump(inside, 5);
    uint32_t one = call("aten::index_select.out", "cf32[3] 0 $%u >f32[1] =", i, 0, 0);
    pte_instruction(&pte, MOVE, (int32_t)one, (int32_t)y);
    jump(never, 7);
    uint32_t other = pte_call(&pte, "aten::full.out", "[1] 7 >f32[1] =");
    pte_instruction(&pte, MOVE, (int32_t)other, (int32_t)y);
    make_model(y);
    const int64_t places[] = {1, 100, 2, 3, 0};
    const float found[] = {1.5F, 7, 2.5F, 7, 0.5F};
    for (size_t n = 0; n < sizeof places / sizeof places[0]; n++) {
        ck_assert_int_eq(prt_model_set_input(model, 0, &places[n], 8, NULL), PERCEPT_OK);
        ck_assert_float_eq(run(0), found[n]);
    }
}
END_TEST

/* do { x = x * 2; } while (!(x > 100)) */
START_TEST(loop_that_the_data_end)
{
    uint32_t x = input(">f32[1]"), y = pte_value(&pte, ">f32[1]");
    call("aten::mul.Scalar_out", "$%u 2.0 $%u $%u", x, y, y);
    pte_instruction(&pte, MOVE, (int32_t)y, (int32_t)x);
    uint32_t done = call("aten::gt.Scalar_out", "$%u 100 >bool[1] =", y, 0, 0);
    jump(done, 0);
    make_model(y);
    const float starts[] = {60, 1, 101, 3, 0.0001F, 1};
    for (size_t n = 0; n < sizeof starts / sizeof starts[0]; n++) {
        float expected = starts[n];
        do
            expected *= 2;
        while (!(expected > 100));
        set(0, starts[n]);
        ck_assert_float_eq(run(0), expected);
    }
}
END_TEST

START_TEST(loop_that_never_ends_is_an_error)
{
    uint32_t x = input(">bool[1]");
    uint32_t y = call("aten::logical_and.out", "$%u $%u >bool[1] =", x, x, 0);
    jump(y, 0);
    make_model(y);
    struct percept_error error = {0};
    ck_assert_int_eq(prt_model_run(model, &error), PERCEPT_NO_MEMORY);
    ck_assert_ptr_nonnull(strstr(error.message, "the graph needs more than its limit"));
    ck_assert_int_eq(prt_model_set_input(model, 0, &(bool){true}, 1, NULL), PERCEPT_OK);
    ck_assert_int_eq(prt_model_run(model, &error), PERCEPT_OK);
}
END_TEST

/* A cache that the first run fills and all others read: k = first ? x : k; y = k + 0. The way that
 * fills it never reads it. */
START_TEST(cache_that_one_way_fills_and_another_reads)
{
    uint32_t never = pte_value(&pte, "F"), k = pte_value(&pte, ">f32[1]");
    uint32_t chosen = pte_value(&pte, ">f32[1]"), first = input(">bool[1]"), x = input(">f32[1]");
    jump(first, 4);
    uint32_t one = call("aten::neg.out", "$%u >f32[1] =", x, 0, 0);
    pte_instruction(&pte, MOVE, (int32_t)one, (int32_t)chosen);
    pte_instruction(&pte, JUMP_FALSE, (int32_t)never, 6);
    uint32_t kept = call("aten::clone.out", "$%u - >f32[1] =", k, 0, 0);
    pte_instruction(&pte, MOVE, (int32_t)kept, (int32_t)chosen);
    call("aten::copy_", "$%u $%u F $%u", k, chosen, k);
    uint32_t y = call("aten::add.Scalar_out", "$%u 1 1 >f32[1] =", chosen, 0, 0);
    make_model(y);
    for (int i = 0; i < 8; i++) {
        bool fill = i % 3 == 1;
        ck_assert_int_eq(prt_model_set_input(model, 0, &fill, 1, NULL), PERCEPT_OK);
        set(1, (float)i);
        int filled = i == 0 ? 0 : (i - 1) / 3 * 3 + 1; /* 0 until then */
        ck_assert_float_eq(run(0), (float)(1 - filled));
    }
}
END_TEST

/* cache[p] += 1, then a branch: what a run that begins again did to the cache is undone. */
START_TEST(cache_changes_once_when_a_run_begins_again)
{
    uint32_t never = pte_value(&pte, "F"), cache = pte_value(&pte, ">f32[2]");
    uint32_t chosen = pte_value(&pte, ">f32[1]"), p = input(">i64[1]");
    uint32_t old = call("aten::index_select.out", "$%u 0 $%u >f32[1] =", cache, p, 0);
    uint32_t more = call("aten::add.Scalar_out", "$%u 1 1 >f32[1] =", old, 0, 0);
    uint32_t next = call("aten::index_put.out", "$%u ($%u) $%u F >f32[2] =", cache, p, more);
    call("aten::copy_", "$%u $%u F $%u", cache, next, cache);
    uint32_t sum = call("aten::index_select.out", "$%u 0 ci64[1] >f32[1] =", next, 0, 0);
    uint32_t odd = call("aten::remainder.Scalar_out", "$%u 2 >f32[1] =", sum, 0, 0);
    uint32_t truth = call("aten::gt.Scalar_out", "$%u 0 >bool[1] =", odd, 0, 0);
    jump(truth, 10);
    pte_instruction(&pte, MOVE, (int32_t)sum, (int32_t)chosen);
    pte_instruction(&pte, JUMP_FALSE, (int32_t)never, 12);
    uint32_t negative = call("aten::neg.out", "$%u >f32[1] =", sum, 0, 0);
    pte_instruction(&pte, MOVE, (int32_t)negative, (int32_t)chosen);
    make_model(chosen);
    for (int i = 1; i < 7; i++)
        ck_assert_float_eq(run(0), (float)(i % 2 ? i : -i));
}
END_TEST

/* chosen = flag ? x : -x; cache[p] += chosen: the cache changes where it lies, after the branch. */
START_TEST(cache_changes_once_when_a_run_took_the_other_way_first)
{
    uint32_t never = pte_value(&pte, "F"), cache = pte_value(&pte, ">f32[2]");
    uint32_t chosen = pte_value(&pte, ">f32[1]"), flag = input(">bool[1]"), x = input(">f32[1]");
    uint32_t p = input(">i64[1]");
    jump(flag, 3);
    pte_instruction(&pte, MOVE, (int32_t)x, (int32_t)chosen);
    pte_instruction(&pte, JUMP_FALSE, (int32_t)never, 5);
    uint32_t negative = call("aten::neg.out", "$%u >f32[1] =", x, 0, 0);
    pte_instruction(&pte, MOVE, (int32_t)negative, (int32_t)chosen);
    uint32_t old = call("aten::index_select.out", "$%u 0 $%u >f32[1] =", cache, p, 0);
    uint32_t sum = call("aten::add.out", "$%u $%u 1 >f32[1] =", old, chosen, 0);
    uint32_t next = call("aten::index_put.out", "$%u ($%u) $%u F >f32[2] =", cache, p, sum);
    call("aten::copy_", "$%u $%u F $%u", cache, next, cache);
    make_model(sum);
    float expected[2] = {0};
    for (int i = 0; i < 8; i++) {
        bool way = i % 3 == 1 || i == 6;
        int64_t place = i / 2 % 2;
        ck_assert_int_eq(prt_model_set_input(model, 0, &way, 1, NULL), PERCEPT_OK);
        set(1, (float)(i + 1));
        ck_assert_int_eq(prt_model_set_input(model, 2, &place, 8, NULL), PERCEPT_OK);
        expected[place] += way ? (float)(i + 1) : -(float)(i + 1);
        ck_assert_float_eq(run(0), expected[place]);
    }
}
END_TEST

/* for i in range(3): rows[i] = -x[i], then i = 0 again */
START_TEST(rows_are_collected)
{
    uint32_t i = pte_value(&pte, "0"), one = pte_value(&pte, "1"), three = pte_value(&pte, "3");
    uint32_t done = pte_value(&pte, "F"), rows = pte_value(&pte, ">f32[3,2]^0");
    uint32_t x = input(">f32[3,2]");
    uint32_t row = call("aten::select_copy.int_out", "$%u 0 $%u >f32[2] =", x, i, 0);
    uint32_t negative = call("aten::neg.out", "$%u >f32[2] =", row, 0, 0);
    call("executorch_prim::et_copy_index.tensor", "$%u $%u $%u", rows, negative, i);
    call("executorch_prim::add.Scalar", "$%u $%u $%u", i, one, i);
    call("executorch_prim::eq.Scalar", "$%u $%u $%u", i, three, done);
    jump(done, 0);
    call("executorch_prim::sub.Scalar", "$%u $%u $%u", i, three, i);
    make_model(rows);
    const float in[6] = {1, 2, 3, 4, 5, 6};
    ck_assert_int_eq(prt_model_set_input(model, 0, in, sizeof in, NULL), PERCEPT_OK);
    for (size_t n = 0; n < 6; n++)
        ck_assert_float_eq(run(n), -in[n]);
}
END_TEST

/* n = x.item(); y = ones(n * 2 - 1): as many as the data say, and no more than are stated */
START_TEST(size_computed_from_the_data)
{
    uint32_t n = pte_value(&pte, "0"), two = pte_value(&pte, "2"), one = pte_value(&pte, "1");
    uint32_t twice = pte_value(&pte, "0"), size = pte_value(&pte, "0"), x = input(">i64[1]");
    call("aten::_local_scalar_dense", "$%u $%u", x, n, 0);
    call("executorch_prim::mul.Scalar", "$%u $%u $%u", n, two, twice);
    call("executorch_prim::sub.Scalar", "$%u $%u $%u", twice, one, size);
    uint32_t y = call("aten::arange.start_out", "0 $%u 1 >f32[5]^0 =", size, 0, 0);
    make_model(y);
    struct percept_error error = {0};
    const int64_t counts[] = {3, 1, 2, 3};
    for (size_t i = 0; i < 4; i++) {
        ck_assert_int_eq(prt_model_set_input(model, 0, &counts[i], 8, NULL), PERCEPT_OK);
        ck_assert_float_eq(run(0), 0);
        ck_assert_int_eq(prt_model_output_spec(model, 0)->sizes[0], 2 * counts[i] - 1);
    }
    ck_assert_int_eq(prt_model_set_input(model, 0, &(int64_t){4}, 8, NULL), PERCEPT_OK);
    ck_assert_int_eq(prt_model_run(model, &error), PERCEPT_INVALID);
    ck_assert_ptr_nonnull(strstr(error.message, "is 7, at most 5"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("branch");
    TCase *tests = tcase_create("branch");
    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, one_of_two_ways);
    tcase_add_test(tests, nothing_runs_on_a_way_that_is_not_taken);
    tcase_add_test(tests, loop_that_the_data_end);
    tcase_add_test(tests, loop_that_never_ends_is_an_error);
    tcase_add_test(tests, cache_that_one_way_fills_and_another_reads);
    tcase_add_test(tests, cache_changes_once_when_a_run_begins_again);
    tcase_add_test(tests, cache_changes_once_when_a_run_took_the_other_way_first);
    tcase_add_test(tests, rows_are_collected);
    tcase_add_test(tests, size_computed_from_the_data);
    suite_add_tcase(suite, tests);
    return build_run_suite(suite);
}
