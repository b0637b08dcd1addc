/* How instructions on planned memory become values: views, reuse, moves, state, quantised codes. */
#include "pte.h"

#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct pte pte;

static void setup(void)
{
    pte = (struct pte){0};
}

/* pte_call with the arguments as a format. */
static uint32_t call(const char *op, const char *format, ...) __attribute__((format(printf, 2, 3)));
static uint32_t call(const char *op, const char *format, ...)
{
    char args[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(args, sizeof args, format, arguments);
    va_end(arguments);
    return pte_call(&pte, op, args);
}

static void expect(const char *expected)
{
    char *nodes = pte_import(&pte);
    ck_assert_str_eq(nodes, expected);
    free(nodes);
}

/* A new tensor that no call writes, at the place of another. */
static uint32_t alias(const char *word, uint32_t where, uint64_t bytes)
{
    uint32_t id = pte_value(&pte, word);
    pte_place(&pte, id, where, bytes);
    return id;
}

START_TEST(view_that_was_left_out_is_a_reshape_made_once)
{
    uint32_t y = call("aten::relu.out", "f32[2,3] >f32[2,3] =");
    uint32_t view = alias(">f32[6]", y, 0);
    uint32_t a = call("aten::neg.out", "$%u >f32[6] =", view);
    call("aten::mul.out", "$%u $%u >f32[6] =", view, a);
    expect("v1: float32[2, 3] = unary(v0) clamp(0, inf)\n"
           "v2: float32[6] = reshape(v1)\n"
           "v3: float32[6] = unary(v2) neg\n"
           "v4: float32[6] = binary(v2, v3) mul\n");
}
END_TEST

START_TEST(view_of_channels_last_follows_the_bytes)
{
    uint32_t y = call("aten::relu.out", "f32[1,2,3,4]@0231 >f32[1,2,3,4]@0231 =");
    call("aten::neg.out", "$%u >f32[24] =", alias(">f32[24]", y, 0));
    expect("v1: float32[1, 2, 3, 4] order(0,2,3,1) = unary(v0) clamp(0, inf)\n"
           "v2: float32[1, 3, 4, 2] = permute(v1) order(0,2,3,1)\n"
           "v3: float32[24] = reshape(v2)\n"
           "v4: float32[24] = unary(v3) neg\n");
}
END_TEST

START_TEST(view_into_channels_last_follows_the_bytes)
{
    uint32_t y = call("aten::relu.out", "f32[1,3,4,2] >f32[1,3,4,2] =");
    call("aten::neg.out", "$%u >f32[1,2,3,4]@0231 =", alias(">f32[1,2,3,4]@0231", y, 0));
    expect("v1: float32[1, 3, 4, 2] = unary(v0) clamp(0, inf)\n"
           "v2: float32[1, 2, 3, 4] order(0,2,3,1) = permute(v1) order(0,3,1,2)\n"
           "v3: float32[1, 2, 3, 4] order(0,2,3,1) = unary(v2) neg\n");
}
END_TEST

START_TEST(result_in_the_memory_of_its_operand_is_a_new_value)
{
    uint32_t y = call("aten::relu.out", "f32[4] >f32[4] =");
    uint32_t over = alias(">f32[4]", y, 0);
    call("aten::neg.out", "$%u $%u $%u", y, over, over);
    pte.outputs[0] = over;
    expect("v1: float32[4] = unary(v0) clamp(0, inf)\n"
           "v2: float32[4] = unary(v1) neg\n");
}
END_TEST

START_TEST(memory_written_again_is_not_the_old_value)
{
    uint32_t y = call("aten::relu.out", "f32[4] >f32[4] =");
    uint32_t half = alias(">f32[2]", y, 8);
    call("aten::full.out", "[2] 0 $%u $%u", half, half);
    call("aten::neg.out", "$%u >f32[4] =", y);
    expect("UNSUPPORTED: method 'forward', instruction 2, aten::neg.out: reads tensor 1, which "
           "nothing wrote as a whole before");
}
END_TEST

START_TEST(part_of_a_value_is_refused)
{
    uint32_t y = call("aten::relu.out", "f32[4] >f32[4] =");
    call("aten::neg.out", "$%u >f32[2] =", alias(">f32[2]", y, 0));
    expect("UNSUPPORTED: method 'forward', instruction 1, aten::neg.out: reads tensor 2, which "
           "overlaps tensor 1 but is not a view of it");
}
END_TEST

START_TEST(bytes_of_another_type_are_refused)
{
    uint32_t y = call("aten::relu.out", "f32[4] >f32[4] =");
    call("aten::neg.out", "$%u >i32[4] =", alias(">i32[4]", y, 0));
    expect("UNSUPPORTED: method 'forward', instruction 1, aten::neg.out: reads tensor 2, which "
           "overlaps tensor 1 but is not a view of it");
}
END_TEST

START_TEST(memory_that_nothing_ever_writes_is_refused)
{
    uint32_t state = pte_value(&pte, ">f32[4]");
    call("aten::neg.out", "$%u >f32[4] =", state);
    expect("UNSUPPORTED: method 'forward', instruction 0, aten::neg.out: reads tensor 0, which "
           "nothing wrote before or writes later");
}
END_TEST

START_TEST(constant_cannot_be_written)
{
    uint32_t constant = pte_value(&pte, "cf32[4]");
    call("aten::neg.out", "f32[4] $%u $%u", constant, constant);
    expect("MALFORMED: method 'forward', instruction 0, aten::neg.out: constant 0 is written");
}
END_TEST

START_TEST(results_that_are_not_computed_are_refused_only_when_read)
{
    call("aten::_native_batch_norm_legit_no_training.out",
         "f32[1,2] - - cf32[2] cf32[2] 0.1 0.5 >f32[1,2] >f32[2] >f32[0] -");
    call("aten::neg.out", "$8 >f32[2] =");
    expect("UNSUPPORTED: method 'forward', instruction 1, aten::neg.out: reads tensor 8, a result "
           "that is not computed here");
}
END_TEST

START_TEST(method_may_hand_back_its_input)
{
    pte.inputs[pte.input_count++] = pte_value(&pte, ">f32[4]");
    pte.outputs[pte.output_count++] = 0;
    expect("");
}
END_TEST

START_TEST(empty_tensor_needs_no_writer)
{
    call("aten::cat.out", "(f32[2,3] >f32[0,3]) 0 >f32[2,3] =");
    expect("v2: float32[0, 3] = full(0)\n"
           "v3: float32[2, 3] = concat(v0, v2) axis(0)\n");
}
END_TEST

START_TEST(view_call_aliases_its_operand)
{
    uint32_t view = pte_call(&pte, "executorch_prim::et_view.default", "f32[2,3] [6] >f32[6]");
    call("aten::neg.out", "$%u >f32[6] =", view);
    expect("v1: float32[6] = reshape(v0)\n"
           "v2: float32[6] = unary(v1) neg\n");
}
END_TEST

START_TEST(move_gives_a_tensor_another_name)
{
    uint32_t y = call("aten::relu.out", "f32[4] >f32[4] =");
    uint32_t other = pte_value(&pte, ">f32[4]");
    pte_instruction(&pte, 3, (int32_t)y, (int32_t)other);
    pte_instruction(&pte, 5, (int32_t)y, 0); /* FreeCall: no effect here */
    call("aten::neg.out", "$%u >f32[4] =", other);
    expect("v1: float32[4] = unary(v0) clamp(0, inf)\n"
           "v2: float32[4] = unary(v1) neg\n");
}
END_TEST

START_TEST(move_cannot_change_what_a_list_holds)
{
    call("aten::cat.out", "(f32[2] f32[2]) 0 >f32[4] =");
    pte_instruction(&pte, 3, (int32_t)pte_value(&pte, "7"), 0);
    expect("MALFORMED: method 'forward', instruction 1, MoveCall: changes the kind of value 0");
}
END_TEST

START_TEST(freeing_a_number_is_malformed)
{
    uint32_t seven = pte_value(&pte, "7");
    pte_instruction(&pte, 5, (int32_t)seven, 0);
    expect("MALFORMED: method 'forward', instruction 0, FreeCall: frees value 0, which is no "
           "tensor");
}
END_TEST

START_TEST(endless_loop_is_a_limit)
{
    uint32_t condition = pte_value(&pte, "F");
    pte_instruction(&pte, 4, (int32_t)condition, 0);
    expect("LIMIT: method 'forward', instruction 0, JumpFalseCall: 1 instructions run more than "
           "65537 times: an endless loop?");
}
END_TEST

START_TEST(endless_loop_that_computes_is_a_limit)
{
    uint32_t condition = pte_value(&pte, "F"), x = call("aten::relu.out", "f32[4] >f32[4] =");
    call("aten::neg.out", "$%u $%u $%u", x, x, x);
    pte_instruction(&pte, 4, (int32_t)condition, 0);
    char *nodes = pte_import(&pte);
    ck_assert_msg(strncmp(nodes, "LIMIT: ", 7) == 0 || strncmp(nodes, "NO_MEMORY: ", 11) == 0,
                  "%.200s", nodes);
    free(nodes);
}
END_TEST

START_TEST(jump_out_of_the_method_is_malformed)
{
    uint32_t condition = pte_value(&pte, "F");
    pte_instruction(&pte, 4, (int32_t)condition, 2);
    char *nodes = pte_import(&pte);
    ck_assert_ptr_nonnull(strstr(nodes, "a jump goes to instruction 2 of 1"));
    free(nodes);
}
END_TEST

START_TEST(condition_is_one_truth)
{
    uint32_t condition = pte_value(&pte, "7");
    pte_instruction(&pte, 4, (int32_t)condition, 0);
    expect("MALFORMED: method 'forward', instruction 0, JumpFalseCall: the condition is not one "
           "truth");
}
END_TEST

START_TEST(condition_that_only_a_run_knows_is_compared)
{
    uint32_t condition = pte_value(&pte, ">bool[1]");
    pte.inputs[pte.input_count++] = condition;
    pte_instruction(&pte, 4, (int32_t)condition, 1);
    expect("v1: int64[1] = convert(v0)\nv2: int64[1] = expect(v1) size(0)\n");
}
END_TEST

START_TEST(condition_of_several_truths_is_refused)
{
    uint32_t condition = pte_value(&pte, ">bool[2]");
    pte.inputs[pte.input_count++] = condition;
    pte_instruction(&pte, 4, (int32_t)condition, 1);
    expect("MALFORMED: method 'forward', instruction 0, JumpFalseCall: the condition is not one "
           "truth");
}
END_TEST

START_TEST(branch_not_taken_leaves_nothing)
{
    uint32_t condition = pte_value(&pte, "F"), x = pte_value(&pte, ">f32[4]");
    pte.inputs[pte.input_count++] = x;
    pte_instruction(&pte, 4, (int32_t)condition, 2);
    call("aten::neg.out", "$%u >f32[4] =", x);
    uint32_t y = call("aten::relu.out", "$%u >f32[4] =", x);
    pte.outputs[0] = y;
    pte.output_count = 1;
    expect("v1: float32[4] = unary(v0) clamp(0, inf)\n");
}
END_TEST

/* do { x = -x; i += 1; } while (!(i == 3)) */
START_TEST(loop_is_unrolled)
{
    uint32_t i = pte_value(&pte, "0"), one = pte_value(&pte, "1"), end = pte_value(&pte, "3");
    uint32_t done = pte_value(&pte, "F"), x = pte_value(&pte, ">f32[4]");
    pte.inputs[pte.input_count++] = x;
    call("aten::neg.out", "$%u $%u $%u", x, x, x);
    call("executorch_prim::add.Scalar", "$%u $%u $%u", i, one, i);
    call("executorch_prim::eq.Scalar", "$%u $%u $%u", i, end, done);
    pte_instruction(&pte, 4, (int32_t)done, 0);
    pte.outputs[0] = x;
    pte.output_count = 1;
    expect("v1: float32[4] = unary(v0) neg\n"
           "v2: float32[4] = unary(v1) neg\n"
           "v3: float32[4] = unary(v2) neg\n");
}
END_TEST

/* state += x; the result is what it was. */
START_TEST(memory_read_before_it_is_written_is_a_state)
{
    uint32_t state = pte_value(&pte, ">f32[4]");
    uint32_t y = call("aten::neg.out", "$%u >f32[4] =", state);
    uint32_t sum = call("aten::add.out", "$%u f32[4] 1 >f32[4] =", state);
    call("aten::copy_", "$%u $%u F $%u", state, sum, state);
    pte.outputs[0] = y;
    pte.output_count = 1;
    struct prt_program *program = pte_open(&pte);
    struct prt_graph *graph = NULL;
    ck_assert_int_eq(prt_program_import(program, "forward", &graph, NULL), PERCEPT_OK);
    ck_assert_uint_eq(graph->state_count, 1);
    ck_assert_uint_eq(graph->hidden_output_count, 1);
    ck_assert_uint_eq(graph->output_count, 2);
    ck_assert_uint_eq(graph->states[0].output, 1);
    ck_assert(graph->values[graph->states[0].value].flags & PRT_FLAG_STATE);
    ck_assert_int_eq(graph->nodes[graph->node_count - 1].op, PRT_OP_BINARY);
    ck_assert_uint_eq(graph->outputs[1], graph->nodes[graph->node_count - 1].outputs[0]);
    prt_graph_destroy(graph);
    prt_program_close(program);
}
END_TEST

START_TEST(number_of_another_kind_is_refused)
{
    uint32_t number = pte_value(&pte, "7");
    pte.inputs[pte.input_count++] = number;
    pte.outputs[pte.output_count++] = number;
    struct prt_program *program = pte_open(&pte);
    struct prt_graph *graph = NULL;
    const struct prt_choice wrong = {.number = {.kind = PRT_VALUE_DOUBLE, .d = 1}};
    ck_assert_int_eq(prt_program_import_with(program, "forward", &wrong, 1, &graph, NULL),
                     PERCEPT_INVALID);
    ck_assert_ptr_null(graph);
    const struct prt_choice right = {.number = {.kind = PRT_VALUE_INT, .i = -5}};
    ck_assert_int_eq(prt_program_import_with(program, "forward", &right, 1, &graph, NULL),
                     PERCEPT_OK);
    ck_assert_int_eq(graph->values[graph->outputs[0]].i, -5);
    prt_graph_destroy(graph);
    prt_program_close(program);
}
END_TEST

START_TEST(sizes_are_computed_at_import)
{
    uint32_t six = pte_value(&pte, "0"), half = pte_value(&pte, "0"), two = pte_value(&pte, "2");
    call("aten::sym_size.int", "f32[2,6] -1 $%u", six);
    call("executorch_prim::floordiv.Scalar", "$%u $%u $%u", six, two, half);
    call("aten::slice_copy.Tensor_out", "$3 1 $%u - 1 >f32[2,3] =", half);
    expect("v1: float32[2, 3] = slice(v0, 3, 9223372036854775807) axis(1)\n");
}
END_TEST

START_TEST(division_by_zero_is_malformed)
{
    call("executorch_prim::floordiv.Scalar", "7 0 0");
    expect("MALFORMED: method 'forward', instruction 0, executorch_prim::floordiv.Scalar: has no "
           "result for these numbers");
}
END_TEST

START_TEST(codes_keep_their_scale_while_they_move)
{
    uint32_t q = call("quantized_decomposed::quantize_per_tensor.out",
                      "f32[2,3] 0.5 3 -128 127 1 >i8[2,3] =");
    uint32_t turned = call("aten::permute_copy.out", "$%u [1,0] >i8[3,2] =", q);
    uint32_t view = alias(">i8[6]", turned, 0);
    call("quantized_decomposed::dequantize_per_tensor.out",
         "$%u 0.5 3 -128 127 1 - >f32[6] =", view);
    expect("v1: int8[2, 3] q(0.5, 3) = quantize(v0)\n"
           "v2: int8[3, 2] q(0.5, 3) = permute(v1) order(1,0)\n"
           "v3: int8[6] q(0.5, 3) = reshape(v2)\n"
           "v4: float32[6] = dequantize(v3)\n");
}
END_TEST

START_TEST(codes_have_one_scale)
{
    uint32_t q =
        call("quantized_decomposed::quantize_per_tensor.out", "f32[4] 0.5 3 -128 127 1 >i8[4] =");
    call("quantized_decomposed::dequantize_per_tensor.out", "$%u 0.25 3 -128 127 1 - >f32[4] =", q);
    expect("UNSUPPORTED: method 'forward', instruction 1, "
           "quantized_decomposed::dequantize_per_tensor.out: reads codes with another scale than "
           "they were made with");
}
END_TEST

START_TEST(codes_are_no_numbers)
{
    uint32_t q =
        call("quantized_decomposed::quantize_per_tensor.out", "f32[4] 0.5 3 -128 127 1 >i8[4] =");
    call("aten::add.out", "$%u $%u 1 >i8[4] =", q, q);
    expect("UNSUPPORTED: method 'forward', instruction 1, aten::add.out: computes with quantised "
           "codes as if they were numbers");
}
END_TEST

START_TEST(constant_codes_may_have_two_scales)
{
    uint32_t codes = pte_value(&pte, "ci8[4]");
    uint32_t a = call("quantized_decomposed::dequantize_per_tensor.out",
                      "$%u 0.5 0 -128 127 1 - >f32[4] =", codes);
    uint32_t b = call("quantized_decomposed::dequantize_per_tensor.out",
                      "$%u 0.25 1 -128 127 1 - >f32[4] =", codes);
    call("aten::add.out", "$%u $%u 1 >f32[4] =", a, b);
    struct prt_program *program = pte_open(&pte);
    struct prt_graph *graph = NULL;
    ck_assert_int_eq(prt_program_import(program, "forward", &graph, NULL), PERCEPT_OK);
    const struct prt_value *first = &graph->values[graph->nodes[0].inputs[0]];
    const struct prt_value *second = &graph->values[graph->nodes[1].inputs[0]];
    ck_assert_ptr_eq(first->data, second->data);
    ck_assert_float_eq(first->tensor.quant.scale, 0.5f);
    ck_assert_float_eq(second->tensor.quant.scale, 0.25f);
    ck_assert_int_eq(second->tensor.quant.zero_point, 1);
    prt_graph_destroy(graph);
    prt_program_close(program);
}
END_TEST

START_TEST(batch_norm_becomes_a_factor_and_a_term)
{
    /* Constants are 0.5 and 1.5 each, eps 0.5: factor = w / sqrt(v + eps), term = b - m * factor.
     */
    call("aten::_native_batch_norm_legit_no_training.out",
         "f32[1,2,3,3] cf32[2] cf32[2] cf32[2] cf32[2] 0.1 0.5 >f32[1,2,3,3] >f32[0] >f32[0] -");
    struct prt_program *program = pte_open(&pte);
    struct prt_graph *graph = NULL;
    ck_assert_int_eq(prt_program_import(program, "forward", &graph, NULL), PERCEPT_OK);
    const float *factor = graph->values[graph->nodes[0].inputs[1]].data;
    const float *term = graph->values[graph->nodes[1].inputs[1]].data;
    ck_assert_float_eq_tol(factor[0], 0.5f, 1e-6f);
    ck_assert_float_eq_tol(factor[1], 1.0606602f, 1e-6f);
    ck_assert_float_eq_tol(term[0], 0.25f, 1e-6f);
    ck_assert_float_eq_tol(term[1], -0.0909903f, 1e-6f);
    prt_graph_destroy(graph);
    prt_program_close(program);
}
END_TEST

START_TEST(missing_method_is_not_found)
{
    call("aten::relu.out", "f32[4] >f32[4] =");
    struct prt_program *program = pte_open(&pte);
    struct prt_graph *graph = NULL;
    struct percept_error error;
    ck_assert_int_eq(prt_program_import(program, "backward", &graph, &error), PERCEPT_NOT_FOUND);
    ck_assert_str_eq(error.message, "there is no method 'backward'");
    ck_assert_ptr_null(graph);
    prt_program_close(program);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("import");
    TCase *tests = tcase_create("import");
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_test(tests, view_that_was_left_out_is_a_reshape_made_once);
    tcase_add_test(tests, view_of_channels_last_follows_the_bytes);
    tcase_add_test(tests, view_into_channels_last_follows_the_bytes);
    tcase_add_test(tests, result_in_the_memory_of_its_operand_is_a_new_value);
    tcase_add_test(tests, memory_written_again_is_not_the_old_value);
    tcase_add_test(tests, part_of_a_value_is_refused);
    tcase_add_test(tests, bytes_of_another_type_are_refused);
    tcase_add_test(tests, memory_that_nothing_ever_writes_is_refused);
    tcase_add_test(tests, constant_cannot_be_written);
    tcase_add_test(tests, results_that_are_not_computed_are_refused_only_when_read);
    tcase_add_test(tests, method_may_hand_back_its_input);
    tcase_add_test(tests, empty_tensor_needs_no_writer);
    tcase_add_test(tests, view_call_aliases_its_operand);
    tcase_add_test(tests, move_gives_a_tensor_another_name);
    tcase_add_test(tests, move_cannot_change_what_a_list_holds);
    tcase_add_test(tests, freeing_a_number_is_malformed);
    tcase_add_test(tests, endless_loop_is_a_limit);
    tcase_add_test(tests, endless_loop_that_computes_is_a_limit);
    tcase_add_test(tests, jump_out_of_the_method_is_malformed);
    tcase_add_test(tests, condition_is_one_truth);
    tcase_add_test(tests, condition_that_only_a_run_knows_is_compared);
    tcase_add_test(tests, condition_of_several_truths_is_refused);
    tcase_add_test(tests, branch_not_taken_leaves_nothing);
    tcase_add_test(tests, loop_is_unrolled);
    tcase_add_test(tests, memory_read_before_it_is_written_is_a_state);
    tcase_add_test(tests, number_of_another_kind_is_refused);
    tcase_add_test(tests, sizes_are_computed_at_import);
    tcase_add_test(tests, division_by_zero_is_malformed);
    tcase_add_test(tests, codes_keep_their_scale_while_they_move);
    tcase_add_test(tests, codes_have_one_scale);
    tcase_add_test(tests, codes_are_no_numbers);
    tcase_add_test(tests, constant_codes_may_have_two_scales);
    tcase_add_test(tests, batch_norm_becomes_a_factor_and_a_term);
    tcase_add_test(tests, missing_method_is_not_found);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
