/* Chains of functions from codes to codes are one table, with the very answers that they gave. */
#include "build.h"

#include "backends/cpu/cpu.h"
#include "runtime/prt.h"

#include <string.h>

static const struct prt_backend *const backends[] = {&prt_cpu_backend, NULL};

enum { ROWS = 3, COLUMNS = 4, WIDTH = 50 };

/* The next rounding of a chain, each to codes of another scale. */
static uint32_t rounded(struct prt_graph *graph, uint32_t x, float scale, int32_t zero_point)
{
    return build_dequantize(graph, build_quantize(graph, x, scale, zero_point));
}

static uint32_t by_number(struct prt_graph *graph, enum prt_binary_kind kind, uint32_t x,
                          double number)
{
    return build_binary(graph, kind, x, build_number(graph, number));
}

/* As PT2E leaves it: each step rounded. */
static uint32_t hardswish(struct prt_graph *graph, uint32_t x)
{
    uint32_t sum = rounded(graph, by_number(graph, PRT_BINARY_ADD, x, 3), 0.05f, 3);
    uint32_t gate = rounded(graph, build_clamp(graph, sum, 0, 6), 0.025f, -128);
    uint32_t product = rounded(graph, build_binary(graph, PRT_BINARY_MUL, x, gate), 0.07f, -90);
    return rounded(graph, by_number(graph, PRT_BINARY_DIV, product, 6), 0.02f, -100);
}

static uint32_t one_element(struct prt_graph *graph, uint32_t x)
{
    uint32_t slope = build_constant(graph, SIZES(1, 1, 1));
    return rounded(graph, build_binary(graph, PRT_BINARY_MUL, x, slope), 0.01f, 0);
}

static uint32_t a_channel_each(struct prt_graph *graph, uint32_t x)
{
    uint32_t slopes = build_constant(graph, SIZES(COLUMNS, 1));
    return rounded(graph, build_binary(graph, PRT_BINARY_MUL, x, slopes), 0.01f, 0);
}

static uint32_t a_scale_each(struct prt_graph *graph, uint32_t x)
{
    static const float scales[COLUMNS] = {0.03f, 0.02f, 0.05f, 0.1f};
    uint32_t codes = build_quantize(graph, x, 0, 0);
    graph->values[codes].tensor.quant = (struct prt_quant){
        .kind = PRT_QUANT_PER_CHANNEL, .axis = 1, .count = COLUMNS, .scales = scales};
    return rounded(graph, build_dequantize(graph, codes), 0.04f, 1);
}

/* Reversed, the codes of one place meet those of another. */
static uint32_t another_place(struct prt_graph *graph, uint32_t x)
{
    uint32_t turned = build_reshape(graph, x, SIZES(ROWS, COLUMNS, WIDTH));
    turned = build_permute(graph, turned, (int32_t[]){1, 0, 2}, 3);
    turned = build_reshape(graph, turned, SIZES(ROWS, COLUMNS, WIDTH));
    return rounded(graph, build_binary(graph, PRT_BINARY_MUL, x, turned), 0.03f, 7);
}

static uint32_t read_on_the_way(struct prt_graph *graph, uint32_t x)
{
    uint32_t sum = by_number(graph, PRT_BINARY_ADD, x, 1);
    uint32_t root = by_number(graph, PRT_BINARY_POW, sum, 2);
    uint32_t codes = rounded(graph, root, 0.1f, -20);
    return build_binary(graph, PRT_BINARY_ADD, codes, root);
}

static const struct {
    const char *name;
    uint32_t (*build)(struct prt_graph *graph, uint32_t x);
    const char *runs;
} cases[] = {
    {"a function in four steps", hardswish, "quantize table dequantize"},
    {"a constant of one element", one_element, "quantize table dequantize"},
    {"a constant for each channel", a_channel_each,
     "quantize dequantize binary quantize dequantize"},
    {"a scale for each channel", a_scale_each,
     "quantize dequantize quantize dequantize quantize dequantize"},
    {"two places", another_place,
     "quantize dequantize permute layout reshape binary quantize dequantize"},
    {"read on the way", read_on_the_way,
     "quantize dequantize binary unary table dequantize binary"},
};

static struct prt_model *run_case(size_t row, bool fuse)
{
    struct percept_error error = {0};
    struct prt_graph *graph = build_graph();
    uint32_t x = build_input(graph, SIZES(ROWS, COLUMNS, WIDTH));
    uint32_t y = cases[row].build(graph, rounded(graph, x, 0.03f, -4));
    build_finish(graph, IDS(y));
    struct prt_model_options options = {.backends = backends, .no_fusion = !fuse};
    struct prt_model *model = NULL;
    ck_assert_msg(prt_model_from_graph(graph, &options, &model, &error) == PERCEPT_OK, "%s: %s",
                  cases[row].name, error.message);
    float *data = prt_model_input_data(model, 0);
    for (int i = 0; i < ROWS * COLUMNS * WIDTH; i++) /* all codes, and more at both ends */
        data[i] = 0.03f * (float)((i * 7) % 300 - 150);
    ck_assert_msg(prt_model_run(model, &error) == PERCEPT_OK, "%s", error.message);
    return model;
}

START_TEST(a_table_answers_as_the_chain_did)
{
    struct prt_model *plain = run_case((size_t)_i, false), *fused = run_case((size_t)_i, true);
    const struct prt_tensor *spec = prt_model_output_spec(plain, 0);
    const float *a = prt_model_output_data(plain, 0), *b = prt_model_output_data(fused, 0);
    ck_assert_str_eq(build_ops(prt_model_graph(fused)), cases[_i].runs);
    for (size_t i = 0; i < prt_tensor_elements(spec); i++)
        ck_assert_msg(a[i] == b[i], "%s: element %zu is %g, not %g", cases[_i].name, i,
                      (double)b[i], (double)a[i]);
    prt_model_destroy(plain);
    prt_model_destroy(fused);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tabulate");
    TCase *tests = tcase_create("tabulate");
    tcase_add_loop_test(tests, a_table_answers_as_the_chain_did, 0, sizeof cases / sizeof *cases);
    suite_add_tcase(suite, tests);
    return build_run_suite(suite);
}
