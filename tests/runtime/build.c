/* Why: a test of a pass should read as the graph before and the graph after. */
#include "build.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_INTERFACE 8

struct prt_graph *build_graph(void)
{
    struct prt_graph *graph = NULL;
    ck_assert_int_eq(prt_graph_create(&graph, NULL), PERCEPT_OK);
    graph->inputs = base_arena_array(&graph->arena, MAX_INTERFACE, sizeof *graph->inputs);
    ck_assert_ptr_nonnull(graph->inputs);
    return graph;
}

void build_fill(float *data, size_t count, uint32_t seed)
{
    uint32_t state = seed * 2654435761u + 1;
    for (size_t i = 0; i < count; i++) {
        state = state * 1664525u + 1013904223u;
        data[i] = (float)(int32_t)state / 2147483648.0f;
    }
}

uint32_t build_tensor(struct prt_graph *graph, const int32_t *sizes, size_t rank)
{
    struct prt_tensor tensor = {.dtype = PRT_F32, .rank = (uint8_t)rank};
    for (uint8_t i = 0; i < rank; i++) {
        tensor.sizes[i] = sizes[i];
        tensor.dim_order[i] = i;
    }
    uint32_t id = prt_graph_add_tensor(graph, &tensor);
    ck_assert_uint_ne(id, PRT_NO_VALUE);
    return id;
}

uint32_t build_input(struct prt_graph *graph, const int32_t *sizes, size_t rank)
{
    uint32_t id = build_tensor(graph, sizes, rank);
    ck_assert_uint_lt(graph->input_count, MAX_INTERFACE);
    graph->inputs[graph->input_count++] = id;
    return id;
}

uint32_t build_constant(struct prt_graph *graph, const int32_t *sizes, size_t rank)
{
    uint32_t id = build_tensor(graph, sizes, rank);
    struct prt_value *value = &graph->values[id];
    float *data = base_arena_alloc(&graph->arena, value->bytes);
    ck_assert_ptr_nonnull(data);
    build_fill(data, value->bytes / sizeof *data, id);
    value->flags = PRT_FLAG_CONSTANT;
    value->data = data;
    return id;
}

uint32_t build_number(struct prt_graph *graph, double number)
{
    uint32_t id = prt_graph_add_value(graph, PRT_VALUE_DOUBLE);
    ck_assert_uint_ne(id, PRT_NO_VALUE);
    graph->values[id].d = number;
    return id;
}

uint32_t build_int(struct prt_graph *graph, int64_t number)
{
    uint32_t id = prt_graph_add_value(graph, PRT_VALUE_INT);
    ck_assert_uint_ne(id, PRT_NO_VALUE);
    graph->values[id].i = number;
    return id;
}

uint32_t build_int8_weight(struct prt_graph *graph, const int32_t *sizes, size_t rank)
{
    uint32_t id = build_constant(graph, sizes, rank);
    struct prt_value *value = &graph->values[id];
    const float *numbers = value->data;
    size_t count = value->bytes / sizeof *numbers;
    int8_t *codes = base_arena_alloc(&graph->arena, count);
    float *scales = base_arena_array(&graph->arena, (size_t)sizes[0], sizeof *scales);
    ck_assert(codes && scales);
    for (size_t i = 0; i < count; i++)
        codes[i] = (int8_t)(numbers[i] * 127);
    for (int32_t i = 0; i < sizes[0]; i++)
        scales[i] = 0.004f + 0.0001f * (float)i;
    value->data = codes;
    value->bytes = count;
    value->tensor.dtype = PRT_I8;
    value->tensor.quant = (struct prt_quant){
        .kind = PRT_QUANT_PER_CHANNEL, .count = (uint32_t)sizes[0], .scales = scales};
    return id;
}

struct prt_node *build_node(struct prt_graph *graph, enum prt_op op, const uint32_t *inputs,
                            size_t count, const int32_t *y_sizes, size_t y_rank, uint32_t *y)
{
    *y = build_tensor(graph, y_sizes, y_rank);
    struct prt_node *node = prt_graph_add_node(graph, op, (unsigned)count, 1);
    ck_assert_ptr_nonnull(node);
    memcpy(node->inputs, inputs, count * sizeof *inputs);
    node->outputs[0] = *y;
    return node;
}

/* A node whose result is like x. */
static struct prt_node *node_like(struct prt_graph *graph, enum prt_op op, const uint32_t *inputs,
                                  size_t count, uint32_t like, uint32_t *y)
{
    struct prt_tensor tensor = graph->values[like].tensor;
    struct prt_node *node = build_node(graph, op, inputs, count, tensor.sizes, tensor.rank, y);
    graph->values[*y].tensor.dtype = tensor.dtype;
    graph->values[*y].tensor.quant = tensor.quant;
    graph->values[*y].bytes = graph->values[like].bytes;
    return node;
}

uint32_t build_conv(struct prt_graph *graph, uint32_t x, struct conv conv)
{
    int32_t kernel = conv.kernel ? conv.kernel : 1, stride = conv.stride ? conv.stride : 1;
    int32_t groups = conv.groups ? conv.groups : 1, sizes[4];
    int channel = conv.nhwc ? 3 : 1, row = conv.nhwc ? 1 : 2;
    memcpy(sizes, graph->values[x].tensor.sizes, sizeof sizes);
    int32_t in = sizes[channel] / groups;
    uint32_t w = conv.nhwc ? build_constant(graph, SIZES(conv.channels, kernel, kernel, in))
                           : build_constant(graph, SIZES(conv.channels, in, kernel, kernel));
    uint32_t bias = conv.no_bias ? PRT_NO_VALUE : build_constant(graph, SIZES(conv.channels));
    sizes[channel] = conv.channels;
    for (int i = 0; i < 2; i++)
        sizes[row + i] = (sizes[row + i] + 2 * conv.padding - kernel) / stride + 1;
    uint32_t y;
    struct prt_node *node =
        build_node(graph, PRT_OP_CONV2D, IDS(x, w, bias, PRT_NO_VALUE, PRT_NO_VALUE), sizes, 4, &y);
    node->attrs.conv = (struct prt_conv_attrs){
        .stride = {stride, stride},
        .dilation = {1, 1},
        .padding = {conv.padding, conv.padding, conv.padding, conv.padding},
        .groups = groups,
        .nhwc = conv.nhwc,
    };
    return y;
}

uint32_t build_binary(struct prt_graph *graph, enum prt_binary_kind kind, uint32_t a, uint32_t b)
{
    uint32_t like = graph->values[a].kind == PRT_VALUE_TENSOR ? a : b, y;
    if (graph->values[b].kind == PRT_VALUE_TENSOR &&
        graph->values[b].tensor.rank > graph->values[like].tensor.rank)
        like = b;
    struct prt_node *node = node_like(graph, PRT_OP_BINARY, IDS(a, b), like, &y);
    node->attrs.binary = (struct prt_binary_attrs){.kind = kind, .alpha = 1};
    if (kind >= PRT_BINARY_EQ && kind <= PRT_BINARY_OR) {
        graph->values[y].tensor.dtype = PRT_BOOL;
        graph->values[y].bytes /= sizeof(float);
    }
    return y;
}

uint32_t build_clamp(struct prt_graph *graph, uint32_t x, double lo, double hi)
{
    uint32_t y;
    node_like(graph, PRT_OP_UNARY, IDS(x), x, &y)->attrs.unary =
        (struct prt_unary_attrs){PRT_UNARY_CLAMP, lo, hi};
    return y;
}

uint32_t build_permute(struct prt_graph *graph, uint32_t x, const int32_t *order, size_t rank)
{
    int32_t sizes[PRT_MAX_RANK] = {0};
    uint32_t y;
    for (size_t i = 0; i < rank; i++)
        sizes[i] = graph->values[x].tensor.sizes[order[i]];
    struct prt_node *node = build_node(graph, PRT_OP_PERMUTE, IDS(x), sizes, rank, &y);
    for (size_t i = 0; i < rank; i++)
        node->attrs.permute.order[i] = (uint8_t)order[i];
    return y;
}

uint32_t build_reshape(struct prt_graph *graph, uint32_t x, const int32_t *sizes, size_t rank)
{
    uint32_t y;
    build_node(graph, PRT_OP_RESHAPE, IDS(x), sizes, rank, &y);
    return y;
}

uint32_t build_pad(struct prt_graph *graph, uint32_t x, const int32_t *before, const int32_t *after,
                   double value)
{
    int32_t sizes[PRT_MAX_RANK] = {0};
    unsigned rank = graph->values[x].tensor.rank;
    uint32_t y;
    for (unsigned i = 0; i < rank; i++)
        sizes[i] = graph->values[x].tensor.sizes[i] + before[i] + after[i];
    struct prt_node *node = build_node(graph, PRT_OP_PAD, IDS(x), sizes, rank, &y);
    memcpy(node->attrs.pad.before, before, rank * sizeof *before);
    memcpy(node->attrs.pad.after, after, rank * sizeof *after);
    node->attrs.pad.value = value;
    return y;
}

uint32_t build_max_pool(struct prt_graph *graph, uint32_t x)
{
    const int32_t *s = graph->values[x].tensor.sizes;
    uint32_t y;
    struct prt_node *node =
        build_node(graph, PRT_OP_POOL2D, IDS(x), SIZES(s[0], s[1], s[2] / 2, s[3] / 2), &y);
    node->attrs.pool = (struct prt_pool_attrs){
        .is_max = true, .kernel = {2, 2}, .stride = {2, 2}, .dilation = {1, 1}};
    return y;
}

uint32_t build_concat(struct prt_graph *graph, const uint32_t *parts, size_t count, int32_t axis)
{
    int32_t sizes[PRT_MAX_RANK] = {0};
    unsigned rank = graph->values[parts[0]].tensor.rank;
    uint32_t y;
    memcpy(sizes, graph->values[parts[0]].tensor.sizes, sizeof sizes);
    for (size_t i = 1; i < count; i++)
        sizes[axis] += graph->values[parts[i]].tensor.sizes[axis];
    build_node(graph, PRT_OP_CONCAT, parts, count, sizes, rank, &y)->attrs.concat.axis = axis;
    return y;
}

uint32_t build_prelu_parts(struct prt_graph *graph, uint32_t x, unsigned axis)
{
    int32_t channels = graph->values[x].tensor.sizes[axis];
    uint32_t slope = axis == 1 ? build_constant(graph, SIZES(channels, 1, 1))
                               : build_constant(graph, SIZES(channels));
    uint32_t test = build_binary(graph, PRT_BINARY_GT, x, build_int(graph, 0));
    uint32_t scaled = build_binary(graph, PRT_BINARY_MUL, slope, x), y;
    node_like(graph, PRT_OP_WHERE, IDS(test, x, scaled), x, &y);
    return y;
}

uint32_t build_quantize(struct prt_graph *graph, uint32_t x, float scale, int32_t zero_point)
{
    uint32_t y;
    node_like(graph, PRT_OP_QUANTIZE, IDS(x), x, &y);
    graph->values[y].tensor.dtype = PRT_I8;
    graph->values[y].tensor.quant =
        (struct prt_quant){.kind = PRT_QUANT_PER_TENSOR, .scale = scale, .zero_point = zero_point};
    graph->values[y].bytes = prt_tensor_elements(&graph->values[y].tensor);
    return y;
}

uint32_t build_dequantize(struct prt_graph *graph, uint32_t x)
{
    uint32_t y;
    node_like(graph, PRT_OP_DEQUANTIZE, IDS(x), x, &y);
    graph->values[y].tensor.dtype = PRT_F32;
    graph->values[y].tensor.quant = (struct prt_quant){0};
    graph->values[y].bytes = prt_tensor_elements(&graph->values[y].tensor) * sizeof(float);
    return y;
}

void build_finish(struct prt_graph *graph, const uint32_t *outputs, size_t count)
{
    struct percept_error error = {0};
    graph->outputs = base_arena_copy(&graph->arena, outputs, count * sizeof *outputs);
    ck_assert_ptr_nonnull(graph->outputs);
    graph->output_count = (uint32_t)count;
    ck_assert_msg(prt_graph_finish(graph, &error) == PERCEPT_OK, "%s", error.message);
}

unsigned build_count(const struct prt_graph *graph, enum prt_op op)
{
    unsigned count = 0;
    for (uint32_t n = 0; n < graph->node_count; n++)
        count += graph->nodes[n].op == op;
    return count;
}

const char *build_ops(const struct prt_graph *graph)
{
    static char text[1024];
    size_t used = 0;
    text[0] = '\0';
    for (uint32_t n = 0; n < graph->node_count && used < sizeof text; n++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", n ? " " : "",
                                 prt_op_name(graph->nodes[n].op));
    return text;
}

int build_run_suite(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
