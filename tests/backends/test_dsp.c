/* The remote processor's own: what does not fit, and programs that no backend of ours would write.
 * What it computes is in test_dsp_codes.c and, where the CPU does, too, in the tests of that
 * (on_dsp.h). */
#include "on_dsp.h"

#include "backends/dsp/firmware/programs.h"
#include "backends/dsp/fixed.h"
#include "backends/dsp/lower.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* ---- memory ---- */

static struct one_node pool_of(int32_t width, int32_t channels)
{
    struct one_node one = one_node_begin();
    struct prt_tensor x = channels_last(tensor_of(PRT_I8, 4, (int32_t[]){1, channels, 8, width}));
    uint32_t id = one_node_input(&one, quantised(x, 0.5, 3));
    x.sizes[2] = 4;
    x.sizes[3] = width / 2;
    struct prt_node *node =
        one_node_make(&one, PRT_OP_POOL2D, quantised(x, 0.5, 3), 1, (uint32_t[]){id});
    node->attrs.pool = (struct prt_pool_attrs){
        .is_max = true, .kernel = {2, 2}, .stride = {2, 2}, .dilation = {1, 1}};
    ck_assert(one_node_supported(&one));
    return one;
}

START_TEST(what_no_tile_makes_fit_is_refused_with_both_sizes)
{
    struct one_node one = pool_of(64, 128);
    /* two rows of 64 pixels of 128 channels in, one of 32 out */
    ck_assert_str_eq(on_dsp_refuses(&one, 16384),
                     "it needs 20480 bytes of tightly-coupled memory, there are 16384");
    ck_assert_ptr_null(on_dsp_refuses(&one, 20480));
    on_dsp_compare(&one);
    one_node_end(&one);
}
END_TEST

START_TEST(floats_are_refused_with_a_reason)
{
    struct one_node one = one_node_begin();
    uint32_t id = one_node_input(&one, tensor_of(PRT_F32, 1, (int32_t[]){8}));
    struct prt_tensor y = quantised(tensor_of(PRT_I8, 1, (int32_t[]){8}), 0.1, 0);
    one_node_make(&one, PRT_OP_QUANTIZE, y, 1, &id);
    ck_assert(one_node_supported(&one));
    ck_assert_str_eq(on_dsp_refuses(&one, 2 << 20), "floats are the host's");
    one_node_end(&one);
}
END_TEST

/* ---- rounding ---- */

START_TEST(halves_go_to_the_even_neighbour)
{
    static const struct {
        int64_t v, rounded;
    } quarters[] = {{0, 0},  {1, 0},  {2, 0},   {3, 1},   {5, 1},   {6, 2},
                    {-1, 0}, {-2, 0}, {-3, -1}, {-6, -2}, {-7, -2}, {10, 2}};
    for (size_t i = 0; i < sizeof quarters / sizeof quarters[0]; i++) {
        ck_assert_int_eq(dsp_round_shift(quarters[i].v, 2), quarters[i].rounded);
        ck_assert_int_eq(dsp_round_divide(quarters[i].v, 4), quarters[i].rounded);
    }
    for (size_t i = 0; i < sizeof quarters / sizeof quarters[0]; i++) {
        int64_t v = quarters[i].v, far = v << 46; /* more than 64 bits hold */
        ck_assert_int_eq(dsp_round_product(v, 1 << 30, 0, 32), quarters[i].rounded);
        ck_assert_int_eq(dsp_round_product(far, 1 << 30, 0, 62), v << 14);
        ck_assert_int_eq(dsp_round_product(v, 1 << 30, 1, 32),
                         quarters[i].rounded + (v == 2 || v == 10 || v == -6));
        ck_assert_int_eq(dsp_round_product(v, 3, 1, 2), dsp_round_shift(3 * v + 1, 2));
    }
    ck_assert_int_eq(dsp_part(1, 1), (int64_t)1 << DSP_PART_BITS);
    ck_assert_int_eq(dsp_part(1, 3), ((int64_t)1 << DSP_PART_BITS) / 3);
    ck_assert_int_eq(dsp_part((1ull << 58) / 7, 1ull << 58), ((int64_t)1 << DSP_PART_BITS) / 7);
    ck_assert_int_eq(dsp_round_shift(-7, 0), -7);
    ck_assert_int_eq(dsp_round_shift(INT64_MIN, 63), -1);
    ck_assert_int_eq(dsp_round_divide(7, 3), 2);
    ck_assert_int_eq(dsp_code_of(1000, -5, -128, 127), 127);
    ck_assert_int_eq(dsp_code_of(INT64_MIN, 200, 0, 255), 0);
}
END_TEST

/* ---- programs from somebody else ---- */

enum { SHARED = 64 << 10, LOCAL = 8 << 10 };

/* One of each op, in memory of which the last byte is the processor's. */
static size_t write_program(unsigned char *shared)
{
    struct dsp_program *program = (struct dsp_program *)(void *)shared;
    const struct dsp_image image = {1, 4, 4, 8};
    const struct dsp_code code = {.lo = -128, .hi = 127};
    const struct dsp_code wide = {.zero = 9, .lo = -30000, .hi = 30000, .type = DSP_I16};
    const struct dsp_code wide_unsigned = {.zero = 40000, .hi = 60000, .type = DSP_U16};
    const struct dsp_nest nest = {1, {128}, {{1}, {1}, {1}}};
    struct dsp_step steps[] = {
        {.op = DSP_CONV,
         .as.conv = {.x = image,
                     .y = image,
                     .kernel = {3, 3},
                     .stride = {1, 1},
                     .dilation = {1, 1},
                     .padding = {1, 1},
                     .groups = 2,
                     .code = code}},
        {.op = DSP_MATMUL, .as.matmul = {.m = 8, .k = 16, .n = 8, .code = code}},
        {.op = DSP_BINARY, .as.binary = {.nest = nest, .kind = DSP_ADD, .code = code}},
        {.op = DSP_PRELU, .as.binary = {.nest = nest, .code = code}},
        {.op = DSP_TABLE, .as.table = {.count = 128, .flip = 0x80}},
        {.op = DSP_POOL,
         .as.pool = {.x = image,
                     .y = {1, 2, 2, 8},
                     .kernel = {2, 2},
                     .stride = {2, 2},
                     .dilation = {1, 1},
                     .kind = DSP_AVERAGE,
                     .code = code}},
        {.op = DSP_RESIZE, .as.resize = {.x = image, .y = image, .bilinear = 1}},
        {.op = DSP_COPY, .as.copy = {.nest = nest, .each = 1}},
        {.op = DSP_RESCALE,
         .as.rescale = {.count = 128, .scales = 8, .x_bytes = 4, .y_bytes = 1, .lo = -9, .hi = 9}},
        {.op = DSP_CONV,
         .as.conv = {.x = image,
                     .y = image,
                     .kernel = {1, 1},
                     .stride = {1, 1},
                     .dilation = {1, 1},
                     .groups = 1,
                     .sums = 1,
                     .code = code}},
        {.op = DSP_MATMUL, .as.matmul = {.m = 8, .k = 16, .n = 8, .sums = 1, .code = code}},
        {.op = DSP_BINARY, .as.binary = {.nest = nest, .kind = DSP_MUL, .wide = 1, .code = code}},
        {.op = DSP_POOL,
         .as.pool = {.x = image,
                     .y = image,
                     .kernel = {1, 1},
                     .stride = {1, 1},
                     .dilation = {1, 1},
                     .kind = DSP_AVERAGE_TOSA,
                     .code = code}},
        {.op = DSP_CONV,
         .as.conv = {.x = image,
                     .y = {1, 7, 7, 8},
                     .kernel = {3, 3},
                     .stride = {2, 2},
                     .dilation = {1, 1},
                     .padding = {1, 1},
                     .groups = 1,
                     .zero_w = 5,
                     .transposed = 1,
                     .code = code}},
        {.op = DSP_SOFTMAX,
         .as.softmax = {.outer = 4, .length = 8, .inner = 4, .scale = {1 << 24, 16}, .code = code}},
        {.op = DSP_NORM,
         .as.norm = {.rows = 8, .length = 16, .shift = 30, .epsilon = 1 << 20, .code = code}},
        {.op = DSP_CONV,
         .as.conv = {.x = image,
                     .y = image,
                     .kernel = {3, 3},
                     .stride = {1, 1},
                     .dilation = {1, 1},
                     .padding = {1, 1},
                     .groups = 2,
                     .zero_w = -3,
                     .code = wide}},
        {.op = DSP_CONV, /* depthwise */
         .as.conv = {.x = image,
                     .y = image,
                     .kernel = {3, 3},
                     .stride = {1, 1},
                     .dilation = {1, 1},
                     .padding = {1, 1},
                     .groups = 8,
                     .code = wide_unsigned}},
        {.op = DSP_MATMUL,
         .as.matmul = {.m = 8, .k = 16, .n = 8, .zero_a = 7, .scale = {1 << 29, 40}, .code = wide}},
        {.op = DSP_BINARY,
         .as.binary = {.nest = nest, .kind = DSP_MUL, .shift = 33, .code = wide_unsigned}},
        {.op = DSP_PRELU, .as.binary = {.nest = nest, .code = wide}},
        {.op = DSP_POOL,
         .as.pool = {.x = image,
                     .y = {1, 2, 2, 8},
                     .kernel = {2, 2},
                     .stride = {2, 2},
                     .dilation = {1, 1},
                     .kind = DSP_AVERAGE,
                     .code = wide_unsigned}},
        {.op = DSP_COPY, .as.copy = {.nest = nest, .each = 2, .fills = 1, .fill_value = 65535}},
        {.op = DSP_RESCALE,
         .as.rescale = {.count = 128,
                        .scales = 1,
                        .x_bytes = 2,
                        .y_bytes = 2,
                        .rounding = DSP_HALVES_EVEN,
                        .lo = -9999,
                        .hi = 9999}},
        {.op = DSP_SOFTMAX,
         .as.softmax = {.outer = 4, .length = 8, .inner = 4, .scale = {1 << 30, 14}, .code = wide}},
    };
    uint32_t count = sizeof steps / sizeof steps[0];
    *program = (struct dsp_program){.magic = DSP_MAGIC,
                                    .version = DSP_VERSION,
                                    .step_count = count,
                                    .arena = {SHARED - 8192, 4096},
                                    .constants = {SHARED - 4096, 4096},
                                    .local = 1024,
                                    .times = SHARED - 16384};
    for (uint32_t i = 0; i < count; i++) {
        struct dsp_step_bytes bytes = dsp_step_bytes(&steps[i]);
        steps[i].y = (struct dsp_operand){DSP_ARENA, 0, 4096 - bytes.y, bytes.y};
        for (int k = 0; k < DSP_OPERANDS; k++)
            if (bytes.x[k])
                steps[i].x[k] = (struct dsp_operand){k ? DSP_CONSTANTS : DSP_LOCAL, 0,
                                                     (k ? 4096 : 1024) - bytes.x[k], bytes.x[k]};
    }
    memcpy(program->steps, steps, sizeof steps);
    return sizeof *program + sizeof steps;
}

static struct dsp_processor processor_make(void)
{
    struct dsp_processor processor = {.shared = calloc(1, SHARED),
                                      .local = aligned_alloc(64, LOCAL),
                                      .shared_bytes = SHARED,
                                      .local_bytes = LOCAL};
    memset(processor.local, 0, LOCAL);
    return processor;
}

static void processor_free(struct dsp_processor *processor)
{
    dsp_unload_all(processor);
    free(processor->shared);
    free(processor->local);
}

START_TEST(a_legal_program_loads_and_runs)
{
    struct dsp_processor processor = processor_make();
    uint64_t handle = 0;
    size_t bytes = write_program(processor.shared);
    const char *wrong = dsp_load_program(&processor, 0, bytes, &handle);
    ck_assert_msg(!wrong, "%s", wrong);
    ck_assert_ptr_null(dsp_run_program(&processor, handle));
    ck_assert_ptr_null(dsp_unload_program(&processor, handle));
    ck_assert_str_eq(dsp_run_program(&processor, handle), "there is no such program");
    ck_assert_str_eq(dsp_unload_program(&processor, handle), "there is no such program");
    ck_assert_ptr_nonnull(dsp_run_program(&processor, UINT64_MAX));
    ck_assert_str_eq(dsp_load_program(&processor, 0, bytes - 1, &handle),
                     "a program is not as long as its steps");
    ck_assert_str_eq(dsp_load_program(&processor, SHARED - 8, bytes, &handle),
                     "a program is not in what is shared");
    processor_free(&processor);
}
END_TEST

/* Sanitizers see whether one that is taken leads anywhere. */
START_TEST(no_program_leads_out_of_the_memory)
{
    static const uint64_t values[] = {0,          1,          2,        7,          255,
                                      256,        4096,       65535,    INT32_MAX,  UINT32_MAX,
                                      INT64_MAX,  UINT64_MAX, SHARED,   0x80000000, 1u << 24,
                                      1ull << 40, LOCAL,      1u << 15, 3,          16};
    random_seed(61);
    unsigned refused = 0, ran = 0;
    struct dsp_processor processor = processor_make();
    for (int round = 0; round < 20000; round++) {
        uint64_t handle = 0;
        size_t bytes = write_program(processor.shared);
        for (int change = random_between(1, 2); change > 0; change--) {
            uint64_t value = values[random_between(0, sizeof values / sizeof values[0] - 1)];
            size_t size = random_between(0, 1) ? 4 : 8;
            size_t at = (size_t)random_between(0, (int32_t)((bytes - 8) / 4)) * 4;
            memcpy(processor.shared + at, &value, size);
        }
        if (dsp_load_program(&processor, 0, bytes, &handle)) {
            refused++;
            continue;
        }
        memset(processor.shared + SHARED - 8192, random_between(0, 255), 8192);
        ck_assert_ptr_null(dsp_run_program(&processor, handle));
        ck_assert_ptr_null(dsp_unload_program(&processor, handle));
        ran++;
    }
    ck_assert_uint_gt(refused, 1000);
    ck_assert_uint_gt(ran, 1000);
    processor_free(&processor);
}
END_TEST

START_TEST(no_more_programs_than_there_can_be)
{
    struct dsp_processor processor = processor_make();
    uint64_t handle;
    size_t bytes = write_program(processor.shared);
    for (int i = 0; i < DSP_PROGRAMS; i++)
        ck_assert_ptr_null(dsp_load_program(&processor, 0, bytes, &handle));
    ck_assert_str_eq(dsp_load_program(&processor, 0, bytes, &handle),
                     "there are as many programs as there can be");
    processor_free(&processor);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("dsp");
    TCase *tests = tcase_create("dsp");
    tcase_set_timeout(tests, 250);
    tcase_add_test(tests, what_no_tile_makes_fit_is_refused_with_both_sizes);
    tcase_add_test(tests, floats_are_refused_with_a_reason);
    tcase_add_test(tests, halves_go_to_the_even_neighbour);
    tcase_add_test(tests, a_legal_program_loads_and_runs);
    tcase_add_test(tests, no_program_leads_out_of_the_memory);
    tcase_add_test(tests, no_more_programs_than_there_can_be);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
