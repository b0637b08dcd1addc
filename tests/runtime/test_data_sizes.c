/* Results that are as large as the data say. */
#include "backends/cpu/cpu.h"
#include "build.h"
#include "pte.h"
#include "run.h"
#include "runtime/prt.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct prt_backend *const backends[] = {&prt_cpu_backend, NULL};
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

static void make_model(void)
{
    program = pte_open(&pte);
    model = run_model(program, NULL);
}

static void set(size_t input, const void *data, size_t size)
{
    run_set(model, input, data, size);
}

/* Run and compare the only output, `count` elements of `size` bytes in all. */
static void expect(const void *wanted, int32_t count, size_t size)
{
    run_now(model);
    const struct prt_tensor *spec = prt_model_output_spec(model, 0);
    ck_assert_uint_eq(prt_model_output_count(model), 1);
    ck_assert_int_eq(spec->sizes[0], count);
    if (size)
        ck_assert_mem_eq(prt_model_output_data(model, 0), wanted, size);
}

START_TEST(places_of_what_is_not_zero)
{
    pte_call(&pte, "aten::nonzero.out", "f32[2,3] >i64[6,2]^0 =");
    make_model();
    const float some[6] = {0, 2, 0, 0, -1, 3}, none[6] = {0}, all[6] = {1, 1, 1, 1, 1, 1};
    const int64_t places[6] = {0, 1, 1, 1, 1, 2};
    const int64_t every[12] = {0, 0, 0, 1, 0, 2, 1, 0, 1, 1, 1, 2};
    for (int round = 0; round < 2; round++) {
        set(0, some, sizeof some);
        expect(places, 3, sizeof places);
        set(0, none, sizeof none);
        expect(NULL, 0, 0);
        set(0, all, sizeof all);
        expect(every, 6, sizeof every);
    }
}
END_TEST

START_TEST(elements_under_a_mask)
{
    pte_call(&pte, "aten::masked_select.out", "f32[2,3] bool[3] >f32[6]^0 =");
    make_model();
    const float x[6] = {1, 2, 3, 4, 5, 6}, two[2] = {2, 5}, four[4] = {1, 3, 4, 6};
    set(0, x, sizeof x);
    set(1, (const bool[]){false, true, false}, 3);
    expect(two, 2, sizeof two);
    set(1, (const bool[]){true, false, true}, 3);
    expect(four, 4, sizeof four);
}
END_TEST

/* x[mask], then x[:, mask]: a mask stands for as many indices as it has dimensions. */
START_TEST(a_mask_as_an_index)
{
    pte_call(&pte, "aten::index.Tensor_out", "f32[2,2,2] (bool[2,2]) >f32[4,2]^0 =");
    make_model();
    const float x[8] = {1, 2, 3, 4, 5, 6, 7, 8}, rows[4] = {3, 4, 5, 6};
    set(0, x, sizeof x);
    set(1, (const bool[]){false, true, true, false}, 4);
    expect(rows, 2, sizeof rows);
}
END_TEST

START_TEST(a_mask_behind_a_dimension)
{
    pte_call(&pte, "aten::index.Tensor_out", "f32[2,3] (- bool[3]) >f32[2,3]^0 =");
    make_model();
    const float x[6] = {1, 2, 3, 4, 5, 6}, columns[4] = {1, 3, 4, 6};
    set(0, x, sizeof x);
    set(1, (const bool[]){true, false, true}, 3);
    expect(columns, 2, sizeof columns);
    ck_assert_int_eq(prt_model_output_spec(model, 0)->sizes[1], 2);
}
END_TEST

START_TEST(values_for_a_mask)
{
    pte_call(&pte, "aten::index_put.out", "f32[4] (bool[4]) f32[2] F >f32[4] =");
    make_model();
    const float x[4] = {1, 2, 3, 4}, values[2] = {-1, -2}, y[4] = {1, -1, 3, -2};
    set(0, x, sizeof x);
    set(1, (const bool[]){false, true, false, true}, 4);
    set(2, values, sizeof values);
    expect(y, 4, sizeof y);
}
END_TEST

START_TEST(the_next_element_under_a_mask)
{
    pte_call(&pte, "aten::masked_scatter.out", "f32[2,2] bool[2,2] f32[3] >f32[2,2] =");
    make_model();
    const float x[4] = {1, 2, 3, 4}, source[3] = {-1, -2, -3}, y[4] = {1, -1, -2, 4};
    set(0, x, sizeof x);
    set(1, (const bool[]){false, true, true, false}, 4);
    set(2, source, sizeof source);
    expect(y, 2, sizeof y);
}
END_TEST

START_TEST(repeated_as_often_as_stated)
{
    pte_call(&pte, "aten::repeat_interleave.Tensor_out", "i64[3] - >i64[8]^0 =");
    make_model();
    const int64_t repeats[3] = {2, 0, 3}, y[5] = {0, 0, 2, 2, 2}, more[3] = {4, 4, 4};
    set(0, repeats, sizeof repeats);
    expect(y, 5, sizeof y);
    set(0, more, sizeof more); /* more than the program allows */
    struct percept_error error = {0};
    ck_assert_int_eq(prt_model_run(model, &error), PERCEPT_INVALID);
    ck_assert_ptr_nonnull(strstr(error.message, "is 12, at most 8"));
    set(0, repeats, sizeof repeats);
    expect(y, 5, sizeof y);
}
END_TEST

/* The second size depends on the first, and a number on both: x = x[x > 1]; x = x[x > 2]; -x. */
START_TEST(sizes_that_follow_from_others)
{
    uint32_t few = pte_call(&pte, "aten::gt.Scalar_out", "f32[6] 1 >bool[6] =");
    char args[96];
    snprintf(args, sizeof args, "$0 $%u >f32[6]^0 =", few);
    uint32_t kept = pte_call(&pte, "aten::masked_select.out", args);
    snprintf(args, sizeof args, "$%u 2 >bool[6]^0 =", kept);
    uint32_t fewer = pte_call(&pte, "aten::gt.Scalar_out", args);
    snprintf(args, sizeof args, "$%u $%u >f32[6]^0 =", kept, fewer);
    uint32_t left = pte_call(&pte, "aten::masked_select.out", args);
    snprintf(args, sizeof args, "$%u >f32[6]^0 =", left);
    pte_call(&pte, "aten::neg.out", args);
    make_model();
    for (int n = 0; n < 12; n++) { /* more combinations than are kept */
        float x[6], y[6];
        int32_t count = 0;
        for (int i = 0; i < 6; i++) {
            x[i] = (float)((i * 5 + n * 3) % 7 + n % 3 - 1);
            if (x[i] > 2)
                y[count++] = -x[i];
        }
        set(0, x, sizeof x);
        expect(y, count, (size_t)count * sizeof *y);
    }
}
END_TEST

START_TEST(every_word_spoilt)
{
    pte_call(&pte, "aten::index.Tensor_out", "f32[2,3,4] (bool[2] - i64[1]) >f32[2,3]^0 =");
    pte_call(&pte, "aten::nonzero.out", "f32[2,3] >i64[6,2]^0 =");
    pte_call(&pte, "aten::repeat_interleave.Tensor_out", "i64[3] - >i64[8]^0 =");
    struct flat file = pte_write(&pte, false);
    pte_spoil_words(&file);
    free(file.bytes);
}
END_TEST

/* A state changes once, however often a run had to begin again. */
START_TEST(a_state_changes_once)
{
    uint32_t state = pte_value(&pte, ">f32[1]");
    char args[96];
    uint32_t y = pte_call(&pte, "aten::masked_select.out", "f32[2] bool[2] >f32[2]^0 =");
    snprintf(args, sizeof args, "$%u 1.0 1 >f32[1] =", state);
    uint32_t next = pte_call(&pte, "aten::add.Scalar_out", args);
    snprintf(args, sizeof args, "$%u $%u F $%u", state, next, state);
    pte_call(&pte, "aten::copy_", args);
    pte.outputs[0] = y;
    pte.outputs[1] = next;
    pte.output_count = 2;
    make_model();
    set(0, (const float[]){1, 2}, 8);
    for (int i = 0; i < 6; i++) {
        set(1, (const bool[]){i % 2, i % 3 == 0}, 2);
        ck_assert_int_eq(prt_model_run(model, NULL), PERCEPT_OK);
        ck_assert_uint_eq(prt_model_output_count(model), 2);
        ck_assert_int_eq(prt_model_output_spec(model, 0)->sizes[0], i % 2 + (i % 3 == 0));
        ck_assert_float_eq(*(const float *)prt_model_output_data(model, 1), (float)(i + 1));
    }
}
END_TEST

/* A program that fixes what its data do not hold to. */
START_TEST(a_fixed_size_that_the_data_break)
{
    pte_call(&pte, "aten::masked_select.out", "f32[3] bool[3] >f32[2] =");
    make_model();
    const float x[3] = {1, 2, 3}, two[2] = {1, 3};
    set(0, x, sizeof x);
    set(1, (const bool[]){true, false, true}, 3);
    expect(two, 2, sizeof two);
    set(1, (const bool[]){true, true, true}, 3);
    struct percept_error error = {0};
    ck_assert_int_eq(prt_model_run(model, &error), PERCEPT_INVALID);
    ck_assert_str_eq(error.message, "a size is 3, the program states 2");
}
END_TEST

/* Without a program there is no other graph to go on with. */
START_TEST(a_graph_alone_fits_one_size)
{
    pte_call(&pte, "aten::masked_select.out", "f32[3] bool[3] >f32[3]^0 =");
    program = pte_open(&pte);
    struct prt_graph *graph = NULL;
    const struct prt_model_options options = {.backends = backends};
    ck_assert_int_eq(prt_program_import(program, "forward", &graph, NULL), PERCEPT_OK);
    ck_assert_int_eq(prt_model_from_graph(graph, &options, &model, NULL), PERCEPT_OK);
    set(1, (const bool[]){true, false, true}, 3);
    ck_assert_int_eq(prt_model_run(model, NULL), PERCEPT_INVALID);
    set(1, (const bool[]){true, true, true}, 3);
    ck_assert_int_eq(prt_model_run(model, NULL), PERCEPT_OK);
}
END_TEST

START_TEST(a_profile_belongs_to_one_graph)
{
    pte_call(&pte, "aten::masked_select.out", "f32[3] bool[3] >f32[3]^0 =");
    make_model();
    set(1, (const bool[]){true, false, true}, 3);
    struct prt_step_time times[64];
    ck_assert_uint_le(prt_model_graph(model)->node_count, 64);
    ck_assert_int_eq(prt_model_run_profiled(model, times, NULL), PERCEPT_CANCELLED);
    ck_assert_int_eq(prt_model_run_profiled(model, times, NULL), PERCEPT_OK);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("data_sizes");
    TCase *tests = tcase_create("data_sizes");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, places_of_what_is_not_zero);
    tcase_add_test(tests, elements_under_a_mask);
    tcase_add_test(tests, a_mask_as_an_index);
    tcase_add_test(tests, a_mask_behind_a_dimension);
    tcase_add_test(tests, values_for_a_mask);
    tcase_add_test(tests, the_next_element_under_a_mask);
    tcase_add_test(tests, repeated_as_often_as_stated);
    tcase_add_test(tests, sizes_that_follow_from_others);
    tcase_add_test(tests, every_word_spoilt);
    tcase_add_test(tests, a_state_changes_once);
    tcase_add_test(tests, a_fixed_size_that_the_data_break);
    tcase_add_test(tests, a_graph_alone_fits_one_size);
    tcase_add_test(tests, a_profile_belongs_to_one_graph);
    suite_add_tcase(suite, tests);
    return build_run_suite(suite);
}
