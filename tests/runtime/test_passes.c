/*
 * What the passes promise: each pattern ends in the nodes that it should, and computes what it
 * computed before. A case's graph runs as imported and fused on the CPU, and the numbers are
 * compared; what is run after fusion is written down as text.
 */
#include "passes_cases.h"

#include "backends/cpu/cpu.h"
#include "runtime/passes.h"
#include "runtime/prt.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct prt_backend *const backends[] = {&prt_cpu_backend, NULL};

static struct prt_model *make(size_t row, bool fuse)
{
    struct percept_error error = {0};
    struct prt_graph *graph = build_graph();
    uint32_t x = build_input(graph, PASSES_IMAGE);
    build_finish(graph, IDS(passes_cases[row].build(graph, x)));
    struct prt_model_options options = {.backends = backends, .no_fusion = !fuse};
    struct prt_model *model = NULL;
    ck_assert_msg(prt_model_from_graph(graph, &options, &model, &error) == PERCEPT_OK, "%s: %s",
                  passes_cases[row].name, error.message);
    float *data = prt_model_input_data(model, 0);
    build_fill(data, prt_tensor_elements(prt_model_input_spec(model, 0)), 7);
    ck_assert_msg(prt_model_run(model, &error) == PERCEPT_OK, "%s", error.message);
    return model;
}

static void executed_ops(const struct prt_model *model, char *text, size_t size)
{
    const struct prt_graph *graph = prt_model_graph(model);
    size_t used = 0;
    text[0] = '\0';
    for (uint32_t n = 0; n < graph->node_count && used < size; n++)
        if (prt_model_placement(model, n))
            used += (size_t)snprintf(text + used, size - used, "%s%s", used ? " " : "",
                                     prt_op_name(graph->nodes[n].op));
}

START_TEST(fused_graphs_compute_the_same_with_fewer_nodes)
{
    struct prt_model *plain = make((size_t)_i, false), *fused = make((size_t)_i, true);
    const struct prt_tensor *spec = prt_model_output_spec(plain, 0);
    ck_assert(prt_tensor_same_layout(spec, prt_model_output_spec(fused, 0)));
    const float *a = prt_model_output_data(plain, 0), *b = prt_model_output_data(fused, 0);
    double largest = 0, apart = 0, mean = 0;
    for (size_t i = 0; i < prt_tensor_elements(spec); i++) {
        largest = fmax(largest, fabs((double)a[i]));
        apart = fmax(apart, fabs((double)a[i] - (double)b[i]));
        mean += fabs((double)a[i] - (double)b[i]) / (double)prt_tensor_elements(spec);
    }
    char ops[256];
    executed_ops(fused, ops, sizeof ops);
    ck_assert_msg(strcmp(ops, passes_cases[_i].runs) == 0, "%s: runs '%s', not '%s'",
                  passes_cases[_i].name, ops, passes_cases[_i].runs);
    double tolerance = passes_cases[_i].tolerance;
    ck_assert_msg(largest > 0 && apart <= tolerance * 1.001, "%s: %g apart of %g",
                  passes_cases[_i].name, apart, largest);
    /* Ties of float arithmetic are rare: all but a few codes are the same. */
    ck_assert_msg(tolerance < 0.01 || mean < tolerance / 100, "%s: %g apart on average",
                  passes_cases[_i].name, mean);
    prt_model_destroy(plain);
    prt_model_destroy(fused);
}
END_TEST

/* ---- kernels without the taps that meet padding only ---- */

static const struct {
    const char *name;
    struct {
        int32_t stride[2], dilation[2], padding[4], groups;
        bool nhwc;
    } conv;
    int32_t input[2], kernel, left[2]; /* left: rows and columns of the kernel that stay */
} kernels[] = {
    {"all taps meet the input", {{1, 1}, {6, 6}, {6, 6, 6, 6}, 1, false}, {7, 7}, 3, {3, 3}},
    {"as far as the input is wide", {{1, 1}, {7, 7}, {7, 7, 7, 7}, 1, false}, {7, 7}, 3, {1, 1}},
    {"in one dimension", {{1, 1}, {5, 5}, {5, 5, 5, 5}, 1, false}, {4, 6}, 3, {1, 3}},
    {"two of five", {{1, 1}, {3, 3}, {6, 6, 6, 6}, 1, false}, {5, 5}, 5, {3, 3}},
    {"on one side, with a stride that passes over the rest",
     {{2, 2}, {4, 1}, {5, 4, 1, 1}, 1, false},
     {5, 8},
     3,
     {2, 3}},
    {"padding below alone", {{1, 1}, {9, 9}, {0, 18, 0, 18}, 1, false}, {9, 9}, 3, {1, 1}},
    {"depthwise, channels last", {{1, 1}, {8, 8}, {8, 8, 8, 8}, 8, true}, {6, 9}, 3, {1, 3}},
    {"channels last", {{1, 1}, {8, 8}, {8, 8, 8, 8}, 2, true}, {6, 9}, 3, {1, 3}},
};

/* What the graph of a row computes, and the sizes of its kernel then. */
static struct prt_model *run_kernel(size_t row, bool fuse, int32_t *left)
{
    enum { CHANNELS = 8 };
    struct percept_error error = {0};
    struct prt_graph *graph = build_graph();
    struct prt_conv_attrs attrs = {.groups = kernels[row].conv.groups,
                                   .nhwc = kernels[row].conv.nhwc};
    memcpy(attrs.stride, kernels[row].conv.stride, sizeof attrs.stride);
    memcpy(attrs.dilation, kernels[row].conv.dilation, sizeof attrs.dilation);
    memcpy(attrs.padding, kernels[row].conv.padding, sizeof attrs.padding);
    const int32_t *image = kernels[row].input;
    int32_t k = kernels[row].kernel, in = CHANNELS / attrs.groups, sizes[2];
    for (int i = 0; i < 2; i++)
        sizes[i] = (image[i] + attrs.padding[2 * i] + attrs.padding[2 * i + 1] -
                    attrs.dilation[i] * (k - 1) - 1) /
                       attrs.stride[i] +
                   1;
    uint32_t x, w, y, bias = build_constant(graph, SIZES(CHANNELS));
    if (attrs.nhwc) {
        x = build_input(graph, SIZES(1, image[0], image[1], CHANNELS));
        w = build_constant(graph, SIZES(CHANNELS, k, k, in));
    } else {
        x = build_input(graph, SIZES(1, CHANNELS, image[0], image[1]));
        w = build_constant(graph, SIZES(CHANNELS, in, k, k));
    }
    const uint32_t inputs[] = {x, w, bias, PRT_NO_VALUE, PRT_NO_VALUE};
    struct prt_node *node = attrs.nhwc ? build_node(graph, PRT_OP_CONV2D, inputs, 5,
                                                    SIZES(1, sizes[0], sizes[1], CHANNELS), &y)
                                       : build_node(graph, PRT_OP_CONV2D, inputs, 5,
                                                    SIZES(1, CHANNELS, sizes[0], sizes[1]), &y);
    node->attrs.conv = attrs;
    build_finish(graph, IDS(y));
    struct prt_model_options options = {.backends = backends, .no_fusion = !fuse};
    struct prt_model *model = NULL;
    ck_assert_msg(prt_model_from_graph(graph, &options, &model, &error) == PERCEPT_OK, "%s: %s",
                  kernels[row].name, error.message);
    const struct prt_graph *made = prt_model_graph(model);
    for (uint32_t n = 0; n < made->node_count; n++)
        if (made->nodes[n].op == PRT_OP_CONV2D)
            for (int i = 0; i < 2; i++)
                left[i] =
                    made->values[made->nodes[n].inputs[1]].tensor.sizes[(attrs.nhwc ? 1 : 2) + i];
    float *data = prt_model_input_data(model, 0);
    build_fill(data, prt_tensor_elements(prt_model_input_spec(model, 0)), 5);
    ck_assert_msg(prt_model_run(model, &error) == PERCEPT_OK, "%s", error.message);
    return model;
}

START_TEST(kernels_lose_the_taps_that_meet_padding_only)
{
    int32_t whole[2], left[2];
    struct prt_model *plain = run_kernel((size_t)_i, false, whole),
                     *trimmed = run_kernel((size_t)_i, true, left);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(whole[i], kernels[_i].kernel);
        ck_assert_msg(left[i] == kernels[_i].left[i], "%s: %d taps", kernels[_i].name, left[i]);
    }
    const struct prt_tensor *spec = prt_model_output_spec(plain, 0);
    const float *a = prt_model_output_data(plain, 0), *b = prt_model_output_data(trimmed, 0);
    for (size_t i = 0; i < prt_tensor_elements(spec); i++)
        ck_assert_msg(fabsf(a[i] - b[i]) <= 1e-6f, "%s: element %zu is %g, not %g",
                      kernels[_i].name, i, (double)b[i], (double)a[i]);
    prt_model_destroy(plain);
    prt_model_destroy(trimmed);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("passes");
    TCase *tests = tcase_create("passes");
    tcase_add_loop_test(tests, fused_graphs_compute_the_same_with_fewer_nodes, 0,
                        (int)passes_case_count);
    tcase_add_loop_test(tests, kernels_lose_the_taps_that_meet_padding_only, 0,
                        sizeof kernels / sizeof *kernels);
    suite_add_tcase(suite, tests);
    return build_run_suite(suite);
}
