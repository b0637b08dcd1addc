/* Convolutions, linear layers and products of matrices on a GPU, of the sizes that
 * test_cpu_layers.c does not reach: several workgroups along every axis, tiles that are partly
 * empty, sums that are longer than floats hold exactly. What is right is what the CPU computes. */
#include "layer_operands.h"
#include "on_vulkan.h"
#include "one_node.h"

#include "backends/cpu/cpu.h"
#include "backends/vulkan/device.h"
#include "backends/vulkan/vulkan.h"
#include "runtime/plan.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- operands ---- */

static uint32_t input(struct one_node *one, struct prt_tensor tensor)
{
    uint32_t id = one_node_input(one, tensor);
    one_node_fill(one, id, -1, 1);
    return id;
}

/* A weight whose sums stay near 1, in any order of its dimensions. */
static uint32_t random_weight(struct one_node *one, enum number number, struct prt_tensor shape,
                              unsigned out_axis, int32_t depth)
{
    double size = 1 / sqrt((double)depth);
    shape = shuffled(shape);
    if (number != REAL) {
        float *scales =
            base_arena_array(&one->graph->arena, (size_t)shape.sizes[out_axis], sizeof *scales);
        for (int32_t i = 0; i < shape.sizes[out_axis]; i++)
            scales[i] = (float)(random_real(0.5, 2) * size / 100);
        shape.dtype = PRT_I8;
        shape.quant.kind = random_between(0, 2) ? PRT_QUANT_PER_CHANNEL : PRT_QUANT_PER_TENSOR;
        shape.quant.scale = (float)(size / 100);
        shape.quant.axis = out_axis;
        shape.quant.count = (uint32_t)shape.sizes[out_axis];
        shape.quant.scales = scales;
    }
    return constant(one, shape, -size, size);
}

struct layer {
    uint32_t x, weight, bias, residual, slope;
    struct prt_activation act;
    struct prt_after after;
};

static void random_epilogue(struct one_node *one, struct layer *l, enum number number,
                            struct prt_tensor *y, int32_t channels)
{
    *y = typed(number, *y, 0.05);
    l->bias = l->residual = l->slope = PRT_NO_VALUE;
    if (random_between(0, 3))
        l->bias = constant(one, TENSOR(PRT_F32, channels), -1, 1);
    if (random_between(0, 1))
        l->residual = input(one, typed(number, *y, 0.02));
    int choice = random_between(0, 2);
    if (choice == 1)
        l->act = (struct prt_activation){PRT_ACT_CLAMP, 0, 1};
    if (choice == 2) {
        l->act.kind = PRT_ACT_PRELU;
        l->slope = constant(one, TENSOR(PRT_F32, random_between(0, 1) ? channels : 1), -1, 1);
    }
    if (number == REAL && random_between(0, 1))
        l->after = (struct prt_after){true, PRT_UNARY_HARDSWISH, 0, 0, 1.5f, -0.25f};
}

/* Cases take turns with the sizes of work-groups, of which one device would take few. */
static void take_next_size(void)
{
    const char *why;
    struct vk_device *device = vk_device_get(&why);
    device->preferred_size++;
    vk_device_release(device);
}

/* ---- convolutions ---- */

struct size {
    int32_t n, h, w, inputs, outputs, kernel, stride, dilation, groups;
    bool transposed;
};

static const struct size sizes[] = {
    {1, 40, 40, 64, 72, 1, 1, 1, 1, false},  {2, 7, 7, 160, 200, 1, 1, 1, 1, false},
    {1, 60, 62, 3, 24, 5, 2, 1, 1, false},   {1, 66, 64, 32, 40, 3, 1, 1, 1, false},
    {1, 66, 64, 16, 96, 3, 1, 1, 1, false}, /* the largest tiles */
    {1, 20, 21, 24, 12, 3, 1, 2, 1, false},  {1, 17, 19, 8, 1, 3, 1, 1, 1, false},
    {1, 31, 33, 5, 17, 3, 2, 1, 1, false},   {3, 9, 5, 30, 63, 3, 2, 3, 1, false},
    {1, 6, 6, 600, 70, 3, 1, 1, 1, false}, /* sums that are longer than floats hold exactly */
    {1, 1, 1, 700, 63, 1, 1, 1, 1, false}, /* few rows */
    {1, 3, 3, 40, 33, 3, 1, 1, 1, false},  /* few pixels */
    {1, 56, 56, 40, 40, 5, 1, 1, 40, false}, {2, 33, 31, 24, 24, 3, 2, 1, 24, false},
    {1, 9, 9, 30, 30, 3, 1, 2, 30, false},   {1, 14, 3, 10, 30, 3, 1, 1, 10, false},
    {1, 12, 12, 12, 48, 3, 2, 1, 12, false}, {1, 33, 40, 48, 96, 3, 1, 1, 3, false},
    {1, 13, 14, 15, 21, 3, 1, 1, 3, false},  {1, 20, 20, 64, 64, 3, 1, 1, 16, false},
    {1, 20, 20, 24, 16, 2, 2, 1, 1, true},   {1, 13, 9, 17, 33, 3, 2, 1, 1, true},
    {2, 9, 8, 12, 7, 4, 3, 1, 1, true},      {1, 9, 9, 8, 8, 3, 2, 2, 2, true},
    {1, 8, 8, 12, 12, 4, 2, 1, 12, true},    {1, 8, 8, 16, 16, 1, 3, 1, 1, true},
};

static void conv_case(const struct size *s, enum number number, bool nhwc)
{
    struct one_node one = one_node_begin();
    struct layer l = {0};
    struct prt_conv_attrs a = {.stride = {s->stride, s->stride},
                               .dilation = {s->dilation, s->dilation},
                               .groups = s->groups,
                               .transposed = s->transposed,
                               .nhwc = nhwc};
    int32_t in[2] = {s->h, s->w}, out[2], span = (s->kernel - 1) * s->dilation;
    for (int i = 0; i < 2; i++) {
        a.padding[2 * i] = a.padding[2 * i + 1] = span / 2;
        a.padding[2 * i + 1] += !s->transposed && i;
        int32_t both = a.padding[2 * i] + a.padding[2 * i + 1];
        out[i] = s->transposed ? (in[i] - 1) * s->stride - both + span + 1
                               : (in[i] + both - span - 1) / s->stride + 1;
    }
    int32_t k = s->kernel, group_in = s->inputs / s->groups, group_out = s->outputs / s->groups;
    struct prt_tensor x = nhwc ? TENSOR(PRT_F32, s->n, in[0], in[1], s->inputs)
                               : channels_last(TENSOR(PRT_F32, s->n, s->inputs, in[0], in[1]));
    struct prt_tensor y = nhwc ? TENSOR(PRT_F32, s->n, out[0], out[1], s->outputs)
                               : channels_last(TENSOR(PRT_F32, s->n, s->outputs, out[0], out[1]));
    struct prt_tensor w = nhwc            ? TENSOR(PRT_F32, s->outputs, k, k, group_in)
                          : s->transposed ? TENSOR(PRT_F32, s->inputs, group_out, k, k)
                                          : TENSOR(PRT_F32, s->outputs, group_in, k, k);
    l.x = input(&one, typed(number, x, 0.01));
    l.weight = random_weight(&one, number, w, s->transposed && !nhwc ? 1 : 0, k * k * group_in);
    random_epilogue(&one, &l, number, &y, s->outputs);
    a.act = l.act;
    a.after = l.after;
    NODE(&one, PRT_OP_CONV2D, y, l.x, l.weight, l.bias, l.residual, l.slope)->attrs.conv = a;
    take_next_size();
    one_node_run(&one);
    ck_assert(on_vulkan_takes(&one));
    one_node_end(&one);
}

START_TEST(convolutions)
{
    random_seed(800 + (uint64_t)_i);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        conv_case(&sizes[i], (enum number)_i, i % 2);
    ck_assert_uint_eq(on_vulkan_codes_off(), 0);
}
END_TEST

/* ---- linear layers ---- */

static const int32_t linear_sizes[][3] = {
    /* rows, inputs, outputs */
    {1, 600, 300},  {1, 64, 4160}, {3, 37, 21},   {4, 1100, 70}, {2, 16, 1},     {5, 33, 70},
    {16, 600, 130}, {17, 64, 66},  {70, 130, 15}, {130, 96, 70}, {600, 40, 520}, {65, 1028, 64},
};

START_TEST(linear_layers)
{
    enum number number = (enum number)_i;
    random_seed(810 + (uint64_t)_i);
    for (size_t i = 0; i < sizeof linear_sizes / sizeof *linear_sizes; i++) {
        const int32_t *s = linear_sizes[i];
        struct one_node one = one_node_begin();
        struct layer l = {0};
        bool io = i % 2;
        struct prt_tensor y = TENSOR(PRT_F32, s[0], s[2]);
        l.x = input(&one, typed(number, TENSOR(PRT_F32, s[0], s[1]), 0.01));
        l.weight = random_weight(
            &one, number, io ? TENSOR(PRT_F32, s[1], s[2]) : TENSOR(PRT_F32, s[2], s[1]), io, s[1]);
        random_epilogue(&one, &l, number, &y, s[2]);
        NODE(&one, PRT_OP_LINEAR, y, l.x, l.weight, l.bias, l.residual, l.slope)->attrs.linear =
            (struct prt_linear_attrs){.weight_is_io = io, .act = l.act, .after = l.after};
        take_next_size();
        one_node_run(&one);
        ck_assert(on_vulkan_takes(&one));
        one_node_end(&one);
    }
    ck_assert_uint_eq(on_vulkan_codes_off(), 0);
}
END_TEST

/* Sums that go far beyond what floats hold exactly, and come back. */
START_TEST(sums_of_codes_are_exact)
{
    enum { INPUTS = 9000, OUTPUTS = 40 };
    const double unit = 1e-4, step = 255 * unit;
    random_seed(820);
    for (int rows = 1; rows < 100; rows += 24) {
        struct one_node one = one_node_begin();
        uint32_t x = input(&one, quantised(TENSOR(PRT_U8, rows, INPUTS), 0.01, 0));
        memset(one.data[x], 255, (size_t)rows * INPUTS);
        uint32_t w = one_node_input(&one, quantised(TENSOR(PRT_I8, OUTPUTS, INPUTS), 0.01, 0));
        int8_t *weight = one.data[w];
        for (int32_t o = 0; o < OUTPUTS;
             o++) /* each sum is by one step of y above the last one's */
            for (int32_t i = 0; i < INPUTS; i++)
                weight[o * INPUTS + i] = (int8_t)((i < INPUTS / 2 ? -128 : 127) + (i < o));
        one_node_make_constant(&one, w);
        uint32_t bias = one_node_input(&one, TENSOR(PRT_F32, OUTPUTS));
        for (int32_t o = 0; o < OUTPUTS; o++)
            ((float *)one.data[bias])[o] = (float)(step * (INPUTS / 2 + 10));
        one_node_make_constant(&one, bias);
        NODE(&one, PRT_OP_LINEAR, quantised(TENSOR(PRT_U8, rows, OUTPUTS), step, 0), x, w, bias,
             PRT_NO_VALUE, PRT_NO_VALUE);
        one_node_run(&one);
        const uint8_t *codes = one.data[one.y];
        for (int32_t o = 0; o < OUTPUTS; o++)
            ck_assert_int_eq(codes[o], o + 10);
        one_node_end(&one);
    }
    ck_assert_uint_eq(on_vulkan_codes_off(), 0);
}
END_TEST

START_TEST(rows_with_scales_of_their_own)
{
    static const int32_t rows_sizes[][4] = {
        /* rows, groups, inputs of a group, outputs */
        {1, 18, 32, 576},  {1, 1, 576, 4170},  {4, 3, 70, 21},  {100, 1, 1100, 70},
        {100, 4, 600, 33}, {200, 2, 128, 200}, {17, 5, 33, 66},
    };
    random_seed(830);
    for (size_t i = 0; i < 2 * sizeof rows_sizes / sizeof *rows_sizes; i++) {
        const int32_t *s = rows_sizes[i / 2];
        struct one_node one = one_node_begin();
        int32_t inputs = s[1] * s[2], least = i % 2 ? -8 : -128;
        uint32_t x = input(&one, TENSOR(PRT_F32, s[0], inputs));
        uint32_t w = one_node_input(&one, TENSOR(PRT_I8, s[3], inputs));
        for (int32_t k = 0; k < s[3] * inputs; k++)
            ((int8_t *)one.data[w])[k] = (int8_t)random_between(least, -least - 1);
        one_node_make_constant(&one, w);
        uint32_t scales = constant(&one, TENSOR(PRT_F32, s[3], s[1]), 0.001, 0.01);
        uint32_t bias = constant(&one, TENSOR(PRT_F32, s[3]), -1, 1);
        struct prt_node *node =
            NODE(&one, PRT_OP_DYNAMIC_LINEAR, TENSOR(PRT_F32, s[0], s[3]), x, w, scales, bias);
        node->attrs.dynamic_linear.whole = i % 3 == 0;
        one_node_run(&one);
        ck_assert(on_vulkan_takes(&one));
        one_node_end(&one);
    }
}
END_TEST

START_TEST(products_of_computed_matrices)
{
    static const int32_t product_sizes[][3] = {
        /* rows, numbers, columns */
        {70, 64, 70}, {1, 33, 200}, {40, 1, 3}, {65, 600, 17}, {130, 40, 132}, {300, 20, 320},
    };
    random_seed(840);
    for (size_t i = 0; i < 2 * sizeof product_sizes / sizeof *product_sizes; i++) {
        const int32_t *s = product_sizes[i / 2];
        bool transposed = i % 2;
        struct one_node one = one_node_begin();
        uint32_t a = input(&one, TENSOR(PRT_F32, 2, 1, s[0], s[1]));
        uint32_t b = input(&one, transposed ? TENSOR(PRT_F32, 3, s[2], s[1])
                                            : TENSOR(PRT_F32, 3, s[1], s[2]));
        NODE(&one, PRT_OP_MATMUL, TENSOR(PRT_F32, 2, 3, s[0], s[2]), a, b)
            ->attrs.matmul.transpose_b = transposed;
        take_next_size();
        one_node_run(&one);
        ck_assert(on_vulkan_takes(&one));
        one_node_end(&one);
    }
}
END_TEST

START_TEST(nan_is_not_hidden)
{
    random_seed(850);
    for (int32_t rows = 2; rows < 40; rows += 37) {
        struct one_node one = one_node_begin();
        struct prt_activation act = {.kind = PRT_ACT_CLAMP, .lo = 0, .hi = 6};
        uint32_t x = input(&one, TENSOR(PRT_F32, rows, 5)),
                 w = constant(&one, TENSOR(PRT_F32, 3, 5), -1, 1);
        ((float *)one.data[x])[4] = NAN;
        NODE(&one, PRT_OP_LINEAR, TENSOR(PRT_F32, rows, 3), x, w, PRT_NO_VALUE, PRT_NO_VALUE,
             PRT_NO_VALUE)
            ->attrs.linear.act = act;
        one_node_run(&one);
        ck_assert(isnan(((float *)one.data[one.y])[0]));
        one_node_end(&one);
    }
}
END_TEST

START_TEST(computed_weights_are_refused)
{
    struct one_node one = one_node_begin();
    uint32_t x = input(&one, TENSOR(PRT_F32, 2, 3)), w = input(&one, TENSOR(PRT_F32, 4, 3));
    NODE(&one, PRT_OP_LINEAR, TENSOR(PRT_F32, 2, 4), x, w, PRT_NO_VALUE, PRT_NO_VALUE,
         PRT_NO_VALUE);
    ck_assert(!one_node_supported(&one));
    ck_assert(!on_vulkan_takes(&one));
    one_node_end(&one);
}
END_TEST

/* ---- floats of 16 bits between the nodes ---- */

/* The absolute value, a layer with a residual, another value: all between the two is of 16 bits. */
struct chain {
    struct prt_graph *graph;
    uint32_t x, y;
    float *input, *weight;
};

static uint32_t add_value(struct prt_graph *graph, const struct prt_tensor *tensor, uint32_t flags)
{
    uint32_t id = prt_graph_add_tensor(graph, tensor);
    graph->values[id].flags = flags;
    return id;
}

static void add_unary(struct prt_graph *graph, enum prt_unary_kind kind, uint32_t from, uint32_t to)
{
    struct prt_node *node = prt_graph_add_node(graph, PRT_OP_UNARY, 1, 1);
    node->inputs[0] = from;
    node->outputs[0] = to;
    node->attrs.unary.kind = kind;
}

static float *floats(size_t count)
{
    float *list = malloc(count * sizeof *list);
    for (size_t i = 0; i < count; i++)
        list[i] = (float)random_real(-1, 1);
    return list;
}

static struct chain make_chain(enum prt_op op, const int32_t *s)
{
    struct chain chain;
    bool conv = op == PRT_OP_CONV2D, product = op == PRT_OP_MATMUL;
    int32_t group = s[3] == 1 ? 1 : s[1];
    struct prt_tensor x = conv ? TENSOR(PRT_F32, 1, s[0], s[0], s[1]) : TENSOR(PRT_F32, s[0], s[1]);
    struct prt_tensor y = conv ? TENSOR(PRT_F32, 1, s[0], s[0], s[2]) : TENSOR(PRT_F32, s[0], s[2]);
    struct prt_tensor w = conv ? TENSOR(PRT_F32, s[2], 3, 3, s[1] / (group == 1 ? s[1] : 1))
                               : TENSOR(PRT_F32, s[2], s[1]);
    ck_assert_int_eq(prt_graph_create(&chain.graph, NULL), PERCEPT_OK);
    struct prt_graph *graph = chain.graph;
    chain.x = add_value(graph, &x, PRT_FLAG_INPUT);
    uint32_t inner = add_value(graph, &x, 0), sum = add_value(graph, &y, 0);
    uint32_t weight = add_value(graph, &w, PRT_FLAG_CONSTANT);
    uint32_t matrix = product ? add_value(graph, &w, 0) : weight;
    chain.y = add_value(graph, &y, PRT_FLAG_OUTPUT);
    chain.input = floats(prt_tensor_elements(&x));
    chain.weight = floats(prt_tensor_elements(&w));
    graph->values[weight].data = chain.weight;
    add_unary(graph, PRT_UNARY_ABS, chain.x, inner);
    if (product)
        add_unary(graph, PRT_UNARY_NEG, weight, matrix);
    struct prt_node *node = prt_graph_add_node(graph, op, product ? 2 : 5, 1);
    node->inputs[0] = inner;
    node->inputs[1] = matrix;
    node->outputs[0] = sum;
    if (conv)
        node->attrs.conv = (struct prt_conv_attrs){.stride = {1, 1},
                                                   .dilation = {1, 1},
                                                   .padding = {1, 1, 1, 1},
                                                   .groups = group == 1 ? s[1] : 1,
                                                   .nhwc = true};
    if (product)
        node->attrs.matmul.transpose_b = true;
    add_unary(graph, PRT_UNARY_NEG, sum, chain.y);
    graph->inputs = base_arena_array(&graph->arena, 2, sizeof *graph->inputs);
    graph->outputs = graph->inputs + 1;
    graph->inputs[0] = chain.x;
    graph->outputs[0] = chain.y;
    graph->input_count = graph->output_count = 1;
    struct percept_error error = {0};
    ck_assert_msg(prt_graph_finish(graph, &error) == PERCEPT_OK, "%s", error.message);
    return chain;
}

static const char *layer_kernel; /* of the last chain that ran on the GPU */

static float *run_chain(const struct chain *chain, const struct prt_backend *backend, bool half)
{
    struct percept_error error = {0};
    const struct prt_backend *backends[] = {backend, NULL};
    struct prt_graph *graph = chain->graph;
    struct prt_plan plan = {0};
    ck_assert_msg(prt_plan_make(graph, backends, &plan, &error) == PERCEPT_OK, "%s", error.message);
    uint32_t nodes[] = {0, 1, 2, 3};
    struct prt_compile compile = {.graph = graph,
                                  .nodes = nodes,
                                  .node_count = graph->node_count,
                                  .threads = 1,
                                  .places = plan.places,
                                  .arena_bytes = plan.arena_bytes,
                                  .half = half};
    struct prt_segment *segment = NULL;
    ck_assert_msg(backend->compile(&compile, &segment, &error) == PERCEPT_OK, "%s", error.message);
    void *arena = aligned_alloc(64, (plan.arena_bytes + 127) / 64 * 64), *data[8];
    for (uint32_t i = 0; i < graph->value_count; i++)
        data[i] = graph->values[i].flags & PRT_FLAG_CONSTANT
                      ? (void *)(uintptr_t)graph->values[i].data
                      : prt_plan_address(graph, &plan, arena, i);
    memcpy(data[chain->x], chain->input, graph->values[chain->x].bytes);
    void *scratch = aligned_alloc(64, (backend->scratch_bytes(segment) + 127) / 64 * 64);
    struct prt_step_time times[4];
    struct prt_execution execution = {
        .data = data, .scratch = scratch, .times = backend == &prt_vulkan_backend ? times : NULL};
    ck_assert_msg(backend->execute(segment, &execution, &error) == PERCEPT_OK, "%s", error.message);
    float *y = malloc(graph->values[chain->y].bytes);
    memcpy(y, data[chain->y], graph->values[chain->y].bytes);
    if (execution.times)
        layer_kernel = times[graph->node_count - 2].kernel;
    backend->destroy(segment);
    prt_plan_free(&plan);
    free(scratch);
    free(arena);
    return y;
}

/* Runs the chain on the CPU in fp32 and on the GPU in halves. */
static void compare_chain(enum prt_op op, const int32_t of[4])
{
    struct chain chain = make_chain(op, of);
    size_t count = prt_tensor_elements(&chain.graph->values[chain.y].tensor);
    float *expected = run_chain(&chain, &prt_cpu_backend, false);
    float *got = run_chain(&chain, &prt_vulkan_backend, true);
    bool same = true;
    for (size_t j = 0; j < count; j++) {
        ck_assert_msg(fabsf(expected[j] - got[j]) <= 0.02f + fabsf(expected[j]) / 256,
                      "op %d of %d: element %zu is %g, not %g", (int)op, of[0], j, (double)got[j],
                      (double)expected[j]);
        same &= expected[j] == got[j];
    }
    ck_assert_msg(!same, "nothing was of 16 bits");
    free(expected);
    free(got);
    free(chain.input);
    free(chain.weight);
    prt_graph_destroy(chain.graph);
}

static const struct {
    enum prt_op op;
    int32_t sizes[4]; /* side or rows, inputs, outputs; 1: depthwise */
} chains[] = {
    {PRT_OP_CONV2D, {20, 24, 40, 0}}, {PRT_OP_CONV2D, {11, 5, 7, 0}},
    {PRT_OP_CONV2D, {9, 24, 24, 1}},  {PRT_OP_CONV2D, {9, 7, 7, 1}},
    {PRT_OP_LINEAR, {2, 130, 70, 0}}, {PRT_OP_LINEAR, {40, 33, 69, 0}},
    {PRT_OP_MATMUL, {40, 64, 72, 0}}, {PRT_OP_MATMUL, {33, 31, 35, 0}},
};

START_TEST(halves_between_the_nodes)
{
    random_seed(860);
    for (size_t i = 0; i < sizeof chains / sizeof *chains; i++)
        compare_chain(chains[i].op, chains[i].sizes);
}
END_TEST

/* The device, told to multiply matrices of halves, if it can. */
static struct vk_device *take_matrices(void)
{
    const char *why;
    struct vk_device *device = vk_device_get(&why);
    device->uses_matrices = true;
    if (device->matrices.halves.rows)
        return device;
    fprintf(stderr, "skipped: %s lists no cooperative matrices of halves\n", device->name);
    vk_device_release(device);
    return NULL;
}

START_TEST(subgroups_multiply_matrices_of_halves)
{
    static const int32_t long_sums[] = {40, 3000, 33, 0};
    struct vk_device *device = take_matrices();
    if (!device)
        return;
    random_seed(870);
    for (size_t i = 0; i < sizeof chains / sizeof *chains; i++) {
        bool few = chains[i].sizes[0] < 9 || chains[i].sizes[2] < 17 || chains[i].sizes[3];
        device->preferred_size = (uint32_t)i;
        compare_chain(chains[i].op, chains[i].sizes);
        ck_assert_msg(few || strcmp(layer_kernel, "matrices") == 0, "chain %zu: %s", i,
                      layer_kernel);
    }
    device->idle_below = 100;
    compare_chain(PRT_OP_LINEAR, long_sums);
    ck_assert_str_eq(layer_kernel, "matrices");
    vk_device_release(device);
}
END_TEST

/* Large numbers that cancel out: no sum may become infinite on its way. */
START_TEST(sums_of_halves_stay_finite)
{
    enum { ROWS = 40, INPUTS = 64, OUTPUTS = 8 };
    struct chain chain = make_chain(PRT_OP_LINEAR, (int32_t[]){ROWS, INPUTS, OUTPUTS, 0});
    for (int i = 0; i < ROWS * INPUTS; i++)
        chain.input[i] = 32768;
    for (int o = 0; o < OUTPUTS; o++)
        for (int i = 0; i < INPUTS; i++)
            chain.weight[o * INPUTS + i] = i < INPUTS / 2   ? 1
                                           : i < INPUTS - 1 ? -1
                                                            : -1 + (float)o / 4;
    float *got = run_chain(&chain, &prt_vulkan_backend, true);
    for (int i = 0; i < ROWS * OUTPUTS; i++)
        ck_assert_msg(fabsf(got[i] + 8192.f * (float)(i % OUTPUTS)) <= 4, "element %d is %g", i,
                      (double)got[i]);
    free(got);
    free(chain.input);
    free(chain.weight);
    prt_graph_destroy(chain.graph);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("vulkan layers");
    TCase *tests = tcase_create("vulkan layers");
    tcase_set_timeout(tests, 110);
    tcase_add_loop_test(tests, convolutions, 0, NUMBERS);
    tcase_add_loop_test(tests, linear_layers, 0, NUMBERS);
    tcase_add_test(tests, sums_of_codes_are_exact);
    tcase_add_test(tests, rows_with_scales_of_their_own);
    tcase_add_test(tests, products_of_computed_matrices);
    tcase_add_test(tests, nan_is_not_hidden);
    tcase_add_test(tests, computed_weights_are_refused);
    TCase *halves = tcase_create("halves");
    tcase_set_timeout(halves, 110);
    tcase_add_test(halves, halves_between_the_nodes);
    tcase_add_test(halves, sums_of_halves_stay_finite);
    tcase_add_test(halves, subgroups_multiply_matrices_of_halves);
    suite_add_tcase(suite, tests);
    suite_add_tcase(suite, halves);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
