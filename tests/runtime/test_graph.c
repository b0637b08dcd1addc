/* What prt_graph_finish promises: dead nodes go, counts are right, and no graph that breaks a rule
 * reaches a kernel. */
#include "build.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* x [1, 4, 8, 8] -> conv 3x3 -> clamp; the convolution is node 0. */
static struct prt_graph *small_net(uint32_t *x)
{
    struct prt_graph *graph = build_graph();
    *x = build_input(graph, SIZES(1, 4, 8, 8));
    uint32_t y = build_conv(graph, *x, (struct conv){.channels = 6, .kernel = 3, .padding = 1});
    build_finish(graph, IDS(build_clamp(graph, y, 0, 6)));
    return graph;
}

static void refused(struct prt_graph *graph, const char *part)
{
    struct percept_error error = {0};
    ck_assert_int_eq(prt_graph_finish(graph, &error), PERCEPT_MALFORMED);
    ck_assert_msg(strstr(error.message, part) != NULL, "'%s' lacks '%s'", error.message, part);
    prt_graph_destroy(graph);
}

START_TEST(unused_nodes_go_and_uses_are_counted)
{
    struct prt_graph *graph = build_graph();
    uint32_t x = build_input(graph, SIZES(2, 3));
    uint32_t a = build_clamp(graph, x, 0, 1);
    uint32_t unused = build_clamp(graph, a, 0, 2);
    build_clamp(graph, unused, 0, 3);
    uint32_t y = build_binary(graph, PRT_BINARY_ADD, a, a);
    build_finish(graph, IDS(y, a));
    ck_assert_str_eq(build_ops(graph), "unary binary");
    ck_assert_uint_eq(graph->values[a].producer, 0);
    ck_assert_uint_eq(graph->values[a].uses, 3); /* twice by the sum, once by the caller */
    ck_assert_uint_eq(graph->values[x].uses, 1);
    ck_assert_uint_eq(graph->values[unused].producer, PRT_NO_VALUE);
    ck_assert_uint_eq(graph->values[x].flags, PRT_FLAG_INPUT);
    ck_assert_uint_eq(graph->values[y].flags, PRT_FLAG_OUTPUT);
    prt_graph_destroy(graph);
}
END_TEST

START_TEST(dump_reads_like_a_program)
{
    uint32_t x;
    struct prt_graph *graph = small_net(&x);
    char *text = prt_graph_dump(graph);
    ck_assert_str_eq(text, "input v0: float32[1, 4, 8, 8]\n"
                           "v3: float32[1, 6, 8, 8] = conv2d(v0, c1, c2, -, -) padding(1,1,1,1)\n"
                           "v4: float32[1, 6, 8, 8] = unary(v3) clamp(0, 6)\n"
                           "output v4\n");
    free(text);
    prt_graph_destroy(graph);
}
END_TEST

START_TEST(order_is_checked)
{
    uint32_t x;
    struct prt_graph *graph = small_net(&x);
    graph->nodes[0].inputs[0] = graph->value_count;
    refused(graph, "operand 0 does not exist");

    graph = small_net(&x);
    graph->nodes[0].inputs[0] = graph->nodes[1].outputs[0];
    refused(graph, "read before it is computed");

    graph = small_net(&x);
    graph->nodes[1].outputs[0] = graph->nodes[0].outputs[0];
    refused(graph, "written twice");

    graph = small_net(&x);
    graph->nodes[1].outputs[0] = x;
    refused(graph, "written twice, or an input or constant");

    graph = small_net(&x);
    graph->outputs[0] = build_tensor(graph, SIZES(1));
    refused(graph, "nothing computes");

    graph = small_net(&x);
    graph->inputs[0] = UINT32_MAX;
    refused(graph, "input 0 of the method");
}
END_TEST

START_TEST(tensors_are_checked)
{
    uint32_t x;
    struct prt_graph *graph = small_net(&x);
    graph->values[x].tensor.dim_order[2] = 0;
    refused(graph, "dim order");

    graph = small_net(&x);
    graph->values[x].bytes++;
    refused(graph, "byte count");

    graph = small_net(&x);
    graph->values[x].tensor.dtype = (enum prt_dtype)9;
    refused(graph, "element type");

    graph = small_net(&x);
    graph->values[graph->nodes[0].inputs[1]].data = NULL;
    refused(graph, "constant without data");

    graph = small_net(&x);
    uint32_t weight = graph->nodes[0].inputs[1];
    graph->values[weight].data = (const char *)graph->values[weight].data + 1;
    refused(graph, "aligned");

    graph = small_net(&x);
    graph->values[x].tensor.quant.kind = PRT_QUANT_PER_TENSOR;
    refused(graph, "quantised element type");
}
END_TEST

/* One way to break the convolution of small_net; each must be refused by its shape rule. */
struct damage {
    const char *name;
    void (*apply)(struct prt_graph *graph, struct prt_conv_attrs *attrs);
};

static void zero_stride(struct prt_graph *graph, struct prt_conv_attrs *attrs)
{
    (void)graph;
    attrs->stride[1] = 0;
}

static void huge_dilation(struct prt_graph *graph, struct prt_conv_attrs *attrs)
{
    (void)graph;
    attrs->dilation[0] = INT32_MAX;
}

static void negative_padding(struct prt_graph *graph, struct prt_conv_attrs *attrs)
{
    (void)graph;
    attrs->padding[3] = -1;
}

static void huge_padding(struct prt_graph *graph, struct prt_conv_attrs *attrs)
{
    (void)graph;
    attrs->padding[0] = attrs->padding[1] = 1 << 30;
    attrs->stride[0] = INT32_MAX;
}

static void no_groups(struct prt_graph *graph, struct prt_conv_attrs *attrs)
{
    (void)graph;
    attrs->groups = 0;
}

static void odd_groups(struct prt_graph *graph, struct prt_conv_attrs *attrs)
{
    (void)graph;
    attrs->groups = 3;
}

static void short_bias(struct prt_graph *graph, struct prt_conv_attrs *attrs)
{
    (void)attrs;
    graph->nodes[0].inputs[2] = build_constant(graph, SIZES(5));
}

static void other_residual(struct prt_graph *graph, struct prt_conv_attrs *attrs)
{
    (void)attrs;
    graph->nodes[0].inputs[3] = build_constant(graph, SIZES(1, 6, 8, 7));
}

static void slope_without_prelu(struct prt_graph *graph, struct prt_conv_attrs *attrs)
{
    (void)attrs;
    graph->nodes[0].inputs[4] = build_constant(graph, SIZES(6));
}

static void prelu_without_slope(struct prt_graph *graph, struct prt_conv_attrs *attrs)
{
    (void)graph;
    attrs->act.kind = PRT_ACT_PRELU;
}

static void clamp_to_nan(struct prt_graph *graph, struct prt_conv_attrs *attrs)
{
    (void)graph;
    attrs->act = (struct prt_activation){PRT_ACT_CLAMP, NAN, 1};
}

static void scalar_weight(struct prt_graph *graph, struct prt_conv_attrs *attrs)
{
    (void)attrs;
    graph->nodes[0].inputs[1] = build_number(graph, 1);
}

static void integer_weight(struct prt_graph *graph, struct prt_conv_attrs *attrs)
{
    (void)attrs;
    graph->nodes[0].inputs[1] = build_int8_weight(graph, SIZES(6, 4, 3, 3));
}

static void larger_result(struct prt_graph *graph, struct prt_conv_attrs *attrs)
{
    (void)attrs;
    struct prt_value *y = &graph->values[graph->nodes[0].outputs[0]];
    y->tensor.sizes[2] = 9;
    y->bytes = y->bytes / 8 * 9;
}

static void fewer_operands(struct prt_graph *graph, struct prt_conv_attrs *attrs)
{
    (void)attrs;
    graph->nodes[0].input_count = 3;
}

static const struct damage damages[] = {
    {"zero stride", zero_stride},
    {"huge dilation", huge_dilation},
    {"negative padding", negative_padding},
    {"huge padding", huge_padding},
    {"no groups", no_groups},
    {"odd groups", odd_groups},
    {"short bias", short_bias},
    {"other residual", other_residual},
    {"slope without prelu", slope_without_prelu},
    {"prelu without slope", prelu_without_slope},
    {"clamp to nan", clamp_to_nan},
    {"scalar weight", scalar_weight},
    {"integer weight", integer_weight},
    {"larger result", larger_result},
    {"fewer operands", fewer_operands},
};

START_TEST(convolutions_are_checked)
{
    uint32_t x;
    struct prt_graph *graph = small_net(&x);
    damages[_i].apply(graph, &graph->nodes[0].attrs.conv);
    refused(graph, "node 0 conv2d");
}
END_TEST

START_TEST(a_slice_is_as_python_says)
{
    static const struct {
        int64_t start, end, from, to;
    } cases[] = {
        {0, INT64_MAX, 0, 10}, {2, 5, 2, 5}, {-3, INT64_MAX, 7, 10}, {-3, -1, 7, 9},
        {INT64_MIN, 4, 0, 4},  {8, 3, 8, 8}, {50, 60, 10, 10},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct prt_graph *graph = build_graph();
        uint32_t x = build_input(graph, SIZES(10, 2)), y;
        uint32_t start = build_int(graph, cases[i].start), end = build_int(graph, cases[i].end);
        int32_t size = (int32_t)(cases[i].to - cases[i].from);
        build_node(graph, PRT_OP_SLICE, IDS(x, start, end), SIZES(size, 2), &y)->attrs.slice =
            (struct prt_slice_attrs){.axis = 0, .step = 1};
        build_finish(graph, IDS(y));
        int64_t from, to;
        prt_slice_range(graph, &graph->nodes[0], &from, &to);
        ck_assert_int_eq(from, cases[i].from);
        ck_assert_int_eq(to, cases[i].to);
        graph->values[y].tensor.sizes[0]++;
        graph->values[y].bytes += 2 * sizeof(float);
        refused(graph, "slice");
    }
}
END_TEST

START_TEST(a_pooling_window_that_sees_only_padding_is_refused)
{
    struct prt_graph *graph = build_graph();
    uint32_t x = build_input(graph, SIZES(1, 3, 8, 8));
    uint32_t y = build_max_pool(graph, x);
    build_finish(graph, IDS(y));
    struct prt_pool_attrs *pool = &graph->nodes[0].attrs.pool;
    pool->padding[0] = 2; /* the first row of windows would see nothing */
    graph->values[y].tensor.sizes[2] = 5;
    graph->values[y].bytes = graph->values[y].bytes / 4 * 5;
    refused(graph, "pool2d");
}
END_TEST

START_TEST(a_crop_past_the_other_edge_is_refused)
{
    struct prt_graph *graph = build_graph();
    uint32_t x = build_input(graph, SIZES(4, 4));
    uint32_t y = build_pad(graph, x, (int32_t[]){-6, 0}, (int32_t[]){4, 0}, 0);
    (void)y;
    graph->outputs = &y;
    graph->output_count = 1;
    refused(graph, "pad");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("graph");
    TCase *tests = tcase_create("graph");
    tcase_add_test(tests, unused_nodes_go_and_uses_are_counted);
    tcase_add_test(tests, dump_reads_like_a_program);
    tcase_add_test(tests, order_is_checked);
    tcase_add_test(tests, tensors_are_checked);
    tcase_add_loop_test(tests, convolutions_are_checked, 0, sizeof damages / sizeof *damages);
    tcase_add_test(tests, a_slice_is_as_python_says);
    tcase_add_test(tests, a_pooling_window_that_sees_only_padding_is_refused);
    tcase_add_test(tests, a_crop_past_the_other_edge_is_refused);
    suite_add_tcase(suite, tests);
    return build_run_suite(suite);
}
