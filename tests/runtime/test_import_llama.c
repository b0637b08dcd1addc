/* Caches of language models: the operators that fill and read them, and positions that only a run
 * knows. */
#include "pte.h"

#include "backends/cpu/cpu.h"
#include "runtime/prt.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct example {
    const char *op, *args, *nodes;
};

static const struct example examples[] = {
    {"llama::update_cache.out",
     "f32[1,2,3,4] f32[1,8,2,4] 5 >f32[1] =", "!MALFORMED the values do not fit the cache"},
    {"llama::update_cache_with_indices.out", "f32[2,2,3,4] f32[2,8,3,4] 0 i64[2,3] >f32[1] =",
     "!MALFORMED the indices do not fit the values"},
    {"llama::custom_sdpa.out", "f32[1,2,6,4] f32[1,8,3,4] f32[1,8,3,4] 5 - 0.0 T - >f32[1,2,6,4] =",
     "v4: float32[1, 6, 2, 4] = permute(v0) order(0,2,1,3)\n"
     "v5: float32[1, 3, 8, 4] = permute(v1) order(0,2,1,3)\n"
     "v6: float32[1, 3, 8, 4] = permute(v2) order(0,2,1,3)\n"
     "v8: float32[1, 6, 2, 4] = attention(v4, v5, v6, -, 5) scale(0.5) causal\n"
     "v3: float32[1, 2, 6, 4] = permute(v8) order(0,2,1,3)\n"},
    {"llama::custom_sdpa.out",
     "f32[1,2,6,4] f32[1,8,3,4] f32[1,8,3,4] 5 f32[2,8] 0.0 F 0.25 >f32[1,2,6,4] =",
     "v5: float32[1, 6, 2, 4] = permute(v0) order(0,2,1,3)\n"
     "v6: float32[1, 3, 8, 4] = permute(v1) order(0,2,1,3)\n"
     "v7: float32[1, 3, 8, 4] = permute(v2) order(0,2,1,3)\n"
     "v8: float32[1, 6, 2, 4] = attention(v5, v6, v7, v3, -) scale(0.25)\n"
     "v4: float32[1, 2, 6, 4] = permute(v8) order(0,2,1,3)\n"},
    {"llama::custom_sdpa.out",
     "f32[1,2,6,4] f32[1,8,3,4] f32[1,8,3,4] 5 f32[2,8] 0.0 T - >f32[1,2,6,4] =",
     "!MALFORMED is causal and has a mask"},
    {"llama::custom_sdpa.out", "f32[1,2,6,4] f32[1,8,3,4] f32[1,8,3,4] 5 - 0.5 T - >f32[1,2,6,4] =",
     "!UNSUPPORTED drops out at random"},
    {"llama::custom_sdpa.out", "f32[6,2,4] f32[3,8,4] f32[3,8,4] 5 - 0.0 T - >f32[6,2,4] =",
     "!MALFORMED takes tensors of four dimensions"},
    {"llama::sdpa_with_kv_cache.out",
     "f32[1,1,2,4] f32[1,1,2,4] f32[1,1,2,4] f32[1,8,2,4] f32[1,8,2,4] 5 1 - 0.0 F - "
     ">f32[1,1,2,4] =",
     "v7: float32[1, 8, 2, 4] = scatter(v3, v1, c6) from(0,#0,2,3)\n"
     "v9: float32[1, 8, 2, 4] = scatter(v4, v2, c8) from(0,#0,2,3)\n"
     "v10: float32[1, 2, 1, 4] = permute(v0) order(0,2,1,3)\n"
     "v11: float32[1, 2, 8, 4] = permute(v7) order(0,2,1,3)\n"
     "v12: float32[1, 2, 8, 4] = permute(v9) order(0,2,1,3)\n"
     "v14: float32[1, 2, 1, 4] = attention(v10, v11, v12, -, 5) scale(0.5)\n"
     "v5: float32[1, 1, 2, 4] = permute(v14) order(0,2,1,3)\n"},
};

/* Their results are the caches, argument 1. */
static const struct example updates[] = {
    {"llama::update_cache.out", "f32[1,2,3,4] f32[1,8,3,4] 5 >f32[1] =",
     "v3: float32[1, 8, 3, 4] = scatter(v1, v0, c2) from(0,#0,2,3)\n"},
    {"llama::update_cache_with_indices.out", "f32[2,2,3,4] f32[2,8,3,4] 0 i64[2,2] >f32[1] =",
     "v3: int64[2, 2, 1, 1] = reshape(v2)\n"
     "v4: float32[2, 8, 3, 4] = scatter(v1, v0, v3) from(0,#0,2,3)\n"},
};

START_TEST(update_is_a_scatter)
{
    struct pte pte = {0};
    pte_call(&pte, updates[_i].op, updates[_i].args);
    pte.outputs[0] = pte.inputs[1];
    pte.output_count = 1;
    char *found = pte_import(&pte);
    ck_assert_str_eq(found, updates[_i].nodes);
    free(found);
}
END_TEST

START_TEST(operator_becomes_nodes)
{
    pte_expect_nodes(examples[_i].op, examples[_i].args, examples[_i].nodes);
}
END_TEST

/* A method that gets a position out of a tensor. */
struct placed {
    struct pte pte;
    uint32_t tensor, place, later, one;
};

static void begin(struct placed *p, const char *tensor)
{
    *p = (struct placed){0};
    p->tensor = pte_value(&p->pte, tensor);
    p->pte.inputs[p->pte.input_count++] = p->tensor;
    p->place = pte_value(&p->pte, "0");
    p->later = pte_value(&p->pte, "0");
    p->one = pte_value(&p->pte, "3");
    char args[64];
    snprintf(args, sizeof args, "$%u $%u", p->tensor, p->place);
    pte_call(&p->pte, "aten::_local_scalar_dense", args);
    snprintf(args, sizeof args, "$%u $%u $%u", p->place, p->one, p->later);
    pte_call(&p->pte, "executorch_prim::add.Scalar", args);
    p->pte.output_count = 0;
}

static void expect(const struct placed *p, const char *expected)
{
    char *found = pte_import(&p->pte);
    ck_assert_str_eq(found, expected);
    free(found);
}

START_TEST(slice_from_a_place_on_is_a_look_up)
{
    struct placed p;
    char args[96];
    begin(&p, ">i32[1]");
    snprintf(args, sizeof args, "f32[16,2] 0 $%u $%u 1 >f32[3,2] =", p.place, p.later);
    uint32_t y = pte_call(&p.pte, "aten::slice_copy.Tensor_out", args);
    p.pte.outputs[0] = y;
    p.pte.output_count = 1;
    expect(&p, "v2: int64[1] = convert(v0)\n"
               "v5: int64[1, 1] = reshape(v2)\n"
               "v6: int64[3, 1] = binary(v5, c4) add\n"
               "v3: float32[3, 2] = gather(v1, v6) from(#0,1)\n");
}
END_TEST

START_TEST(slice_whose_size_depends_on_the_data_is_made_for_one_size)
{
    struct placed p;
    char args[96];
    begin(&p, ">i64[1]");
    snprintf(args, sizeof args, "f32[16,2] 0 0 $%u 1 >f32[16,2] =", p.later);
    pte_call(&p.pte, "aten::slice_copy.Tensor_out", args);
    expect(&p, "v3: int64[1] = expect(v0) size(13)\n"
               "v2: float32[16, 2] = slice(v1, 0, 16) axis(0)\n");
}
END_TEST

START_TEST(number_of_a_run_is_compared_where_it_must_be_known)
{
    struct placed p;
    char args[96];
    begin(&p, ">i64[1]");
    snprintf(args, sizeof args, "f32[16,2] 0 $%u 3 >f32[3,2] =", p.place);
    pte_call(&p.pte, "aten::narrow_copy.out", args);
    expect(&p, "v2: int64[1] = expect(v0) size(1)\n"
               "v3: float32[3, 2] = slice(v1, 1, 4) axis(0)\n");
}
END_TEST

START_TEST(comparison_of_a_number_of_a_run_is_computed_only_where_it_decides)
{
    struct placed p;
    char args[96];
    begin(&p, ">i64[1]");
    uint32_t truth = pte_value(&p.pte, "F");
    snprintf(args, sizeof args, "$%u $%u $%u", p.place, p.one, truth);
    pte_call(&p.pte, "executorch_prim::ge.Scalar", args);
    p.pte.output_count = 0;
    expect(&p, "");
    pte_instruction(&p.pte, 4, (int32_t)truth, 1);
    expect(&p, "v3: bool[1] = binary(v0, c1) ge\n"
               "v2: int64[1] = convert(v3)\n"
               "v4: int64[1] = expect(v2) size(1)\n");
}
END_TEST

START_TEST(number_in_a_constant_is_known)
{
    struct pte pte = {0};
    uint32_t place = pte_value(&pte, "0");
    char args[96];
    snprintf(args, sizeof args, "ci64[1] $%u", place);
    pte_call(&pte, "aten::_local_scalar_dense", args);
    snprintf(args, sizeof args, "f32[16,2] 0 $%u 2 1 >f32[2,2] =", place);
    pte.outputs[0] = pte_call(&pte, "aten::slice_copy.Tensor_out", args);
    pte.output_count = 1;
    char *found = pte_import(&pte);
    ck_assert_str_eq(found, "v2: float32[2, 2] = slice(v0, 0, 2) axis(0)\n");
    free(found);
}
END_TEST

/* ---- a cache from run to run ---- */

enum { CONTEXT = 8, HEADS = 2, KEPT = 1, DEPTH = 4, NEW = 2 };

/* forward(position, q, k, v): puts k and v into caches and attends to them. */
static struct prt_program *cache_program(void)
{
    struct placed p;
    begin(&p, ">i64[1]");
    struct pte *pte = &p.pte;
    uint32_t keys = pte_value(pte, ">f32[1,8,1,4]"), values = pte_value(pte, ">f32[1,8,1,4]"), y;
    char args[160];
    uint32_t q = pte_value(pte, ">f32[1,2,2,4]"), k = pte_value(pte, ">f32[1,2,1,4]"),
             v = pte_value(pte, ">f32[1,2,1,4]");
    pte->inputs[1] = q, pte->inputs[2] = k, pte->inputs[3] = v;
    pte->input_count = 4;
    snprintf(args, sizeof args, "$%u $%u $%u >f32[1] =", k, keys, p.place);
    pte_call(pte, "llama::update_cache.out", args);
    snprintf(args, sizeof args, "$%u $%u $%u >f32[1] =", v, values, p.place);
    pte_call(pte, "llama::update_cache.out", args);
    snprintf(args, sizeof args, "$%u $%u $%u $%u - 0.0 T - >f32[1,2,2,4] =", q, keys, values,
             p.place);
    y = pte_call(pte, "llama::custom_sdpa.out", args);
    pte->outputs[0] = y;
    pte->output_count = 1;
    return pte_open(pte);
}

static const struct prt_backend *const backends[] = {&prt_cpu_backend, NULL};

static float number(int64_t position, int i)
{
    return sinf((float)(position * 37 + i * 11));
}

/* What token `row` of a run at `start` attends to, in head `head`, at `d`; every token's key and
 * value are numbers of its own position. */
static double expected(int64_t start, int row, int head, int d)
{
    double total = 0, sum = 0;
    for (int64_t key = 0; key <= start + row; key++) {
        double score = 0;
        for (int i = 0; i < DEPTH; i++)
            score += (double)number(start + row, 100 + head * DEPTH + i) * (double)number(key, i);
        double weight = exp(score / 2);
        total += weight;
        sum += weight * (double)number(key, 50 + d);
    }
    return sum / total;
}

static enum percept_status show(struct prt_model *model, int64_t start, struct percept_error *error)
{
    *(int64_t *)prt_model_input_data(model, 0) = start;
    float *q = prt_model_input_data(model, 1), *k = prt_model_input_data(model, 2),
          *v = prt_model_input_data(model, 3);
    for (int row = 0; row < NEW; row++) {
        for (int i = 0; i < HEADS * DEPTH; i++)
            q[row * HEADS * DEPTH + i] = number(start + row, 100 + i);
        for (int i = 0; i < DEPTH; i++) {
            k[row * DEPTH + i] = number(start + row, i);
            v[row * DEPTH + i] = number(start + row, 50 + i);
        }
    }
    return prt_model_run(model, error);
}

START_TEST(a_cache_fills_where_it_lies)
{
    struct prt_program *program = cache_program();
    struct prt_model *model;
    struct percept_error error = {0};
    ck_assert_msg(prt_model_create(program, &(struct prt_model_options){.backends = backends},
                                   &model, &error) == PERCEPT_OK,
                  "%s", error.message);
    /* Caches of 128 bytes do not fit in there. */
    struct prt_model_stats stats;
    prt_model_stats(model, &stats);
    ck_assert_uint_le(stats.arena_bytes, 9 * 64);
    for (int round = 0; round < 2; round++) {
        for (int64_t start = 0; start < CONTEXT; start += NEW) {
            ck_assert_msg(show(model, start, &error) == PERCEPT_OK, "%s", error.message);
            const float *y = prt_model_output_data(model, 0);
            for (int row = 0; row < NEW; row++)
                for (int head = 0; head < HEADS; head++)
                    for (int d = 0; d < DEPTH; d++)
                        ck_assert_double_eq_tol((double)y[(row * HEADS + head) * DEPTH + d],
                                                expected(start, row, head, d), 1e-5);
        }
        prt_model_reset_state(model);
    }
    ck_assert_int_eq(show(model, CONTEXT - 1, &error), PERCEPT_INVALID);
    ck_assert_str_eq(error.message,
                     "llama::update_cache.out: index 8 is outside of a dimension of 8");
    prt_model_destroy(model);
    prt_program_close(program);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("import_llama");
    TCase *tests = tcase_create("import_llama");
    tcase_add_loop_test(tests, operator_becomes_nodes, 0, sizeof examples / sizeof examples[0]);
    tcase_add_loop_test(tests, update_is_a_scatter, 0, sizeof updates / sizeof updates[0]);
    tcase_add_test(tests, slice_from_a_place_on_is_a_look_up);
    tcase_add_test(tests, slice_whose_size_depends_on_the_data_is_made_for_one_size);
    tcase_add_test(tests, number_of_a_run_is_compared_where_it_must_be_known);
    tcase_add_test(tests, comparison_of_a_number_of_a_run_is_computed_only_where_it_decides);
    tcase_add_test(tests, number_in_a_constant_is_known);
    tcase_add_test(tests, a_cache_fills_where_it_lies);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
