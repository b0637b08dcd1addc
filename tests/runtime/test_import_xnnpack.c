/* How XNNPACK's nodes appear in a graph. */
#include "xnnpack_case.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- nodes ---- */

struct simple {
    int kind;
    const char *layout, *node;
};

/* Nodes with one operand and no parameters. */
static const struct simple unaries[] = {
    {4, "444", "sigmoid"}, {6, "444", "clamp(-inf, inf)"},
    {17, "444", "floor"},  {22, "444", "sqrt"},
    {23, "444", "ceil"},   {24, "444", "hardswish"},
    {27, "444", "neg"},    {28, "444", "square"},
    {30, "444", "abs"},    {40, "444", "rsqrt"},
    {41, "444", "log"},    {42, "444", "gelu"},
    {43, "444", "tanh"},   {44, "444", "exp"},
    {45, "444", "sin"},    {47, "444", "cos"},
};

START_TEST(unary_node)
{
    const struct simple *example = &unaries[_i];
    char expected[128];
    uint32_t x = blob_value(&blob, "f32[2,3]", BLOB_INPUT, 0);
    uint32_t y = blob_value(&blob, "f32[2,3]", BLOB_OUTPUT, 1);
    blob_node(&blob, example->kind, example->layout, x, y, 0);
    snprintf(expected, sizeof expected, "v1: float32[2, 3] = unary(v0) %s\n", example->node);
    xnnpack_case_expect("f32[2,3] >f32[2,3]", expected);
}
END_TEST

static const struct simple binaries[] = {
    {1, "4444", "add"},  {8, "4444", "div"},  {12, "4444", "minimum"},
    {15, "4444", "mul"}, {16, "4444", "sub"}, {26, "4444", "maximum"},
};

START_TEST(binary_node)
{
    const struct simple *example = &binaries[_i];
    char expected[128];
    uint32_t a = blob_value(&blob, "f32[2,3]", BLOB_INPUT, 0);
    uint32_t b = blob_value(&blob, "f32[3]", BLOB_CONSTANT, 0);
    uint32_t y = blob_value(&blob, "f32[2,3]", BLOB_OUTPUT, 1);
    blob_node(&blob, example->kind, example->layout, a, b, y, 0);
    blob_bounds(&blob, 0, 6);
    snprintf(expected, sizeof expected, "v2: float32[2, 3] = binary(v0, c1) %s clamp(0, 6)\n",
             example->node);
    xnnpack_case_expect("f32[2,3] >f32[2,3]", expected);
}
END_TEST

START_TEST(unary_nodes_with_a_parameter)
{
    uint32_t x = blob_value(&blob, "f32[4]", BLOB_INPUT, 0);
    uint32_t h = blob_value(&blob, "f32[4]", BLOB_INTERNAL, 0);
    uint32_t y = blob_value(&blob, "f32[4]", BLOB_OUTPUT, 1);
    blob_node(&blob, 25, "f444", 0.25, x, h, 0);
    blob_node(&blob, 29, "f444", 1.5, h, y, 0);
    xnnpack_case_expect("f32[4] >f32[4]", "v1: float32[4] = unary(v0) leaky_relu(0.25)\n"
                                          "v2: float32[4] = unary(v1) elu(1.5)\n");
}
END_TEST

START_TEST(convolution_of_a_channels_last_tensor)
{
    uint32_t x = blob_value(&blob, "f32[1,5,4,2]", BLOB_INPUT, 0);
    uint32_t w = blob_value(&blob, "f32[3,3,2,2]", BLOB_CONSTANT, 0);
    uint32_t b = blob_value(&blob, "f32[3]", BLOB_CONSTANT, 0);
    uint32_t y = blob_value(&blob, "f32[1,3,3,3]", BLOB_OUTPUT, 1);
    blob_node(&blob, 7, XNNPACK_CONV, 1, 0, 0, 0, 3, 2, 2, 1, 1, 1, 2, 3, 1, 0, 0, x, w, b, y, 0);
    blob_bounds(&blob, 0, 6);
    xnnpack_case_expect(
        "f32[1,2,5,4]@0231 >f32[1,3,3,3]@0231",
        "MALFORMED: method 'forward': node 1 conv2d (XNNConv2d): sizes do not fit together");
    xnnpack_case_setup();
    x = blob_value(&blob, "f32[1,5,4,2]", BLOB_INPUT, 0);
    w = blob_value(&blob, "f32[3,3,2,2]", BLOB_CONSTANT, 0);
    b = blob_value(&blob, "f32[3]", BLOB_CONSTANT, 0);
    y = blob_value(&blob, "f32[1,2,3,3]", BLOB_OUTPUT, 1);
    blob_node(&blob, 7, XNNPACK_CONV, 1, 0, 0, 0, 3, 2, 2, 1, 1, 1, 2, 3, 1, 0, 0, x, w, b, y, 0);
    blob_bounds(&blob, 0, 6);
    xnnpack_case_expect(
        "f32[1,2,5,4]@0231 >f32[1,3,2,3]@0231",
        "v1: float32[1, 5, 4, 2] = permute(v0) order(0,2,3,1)\n"
        "v4: float32[1, 2, 3, 3] = conv2d(v1, c2, c3, -, -) stride(2,1) padding(1,0,0,0) nhwc "
        "clamp(0, 6)\n"
        "v5: float32[1, 3, 2, 3] order(0,2,3,1) = permute(v4) order(0,3,1,2)\n");
}
END_TEST

/* Sizes are those of one layout; the numbers stay where they are. */
START_TEST(depthwise_weight_is_turned_without_being_read)
{
    uint32_t x = blob_value(&blob, "f32[1,3,3,2]", BLOB_INPUT, 0);
    uint32_t w = blob_value(&blob, "f32[1,2,2,2]", BLOB_CONSTANT, 0);
    uint32_t y = blob_value(&blob, "f32[1,2,2,2]", BLOB_OUTPUT, 1);
    blob_node(&blob, 13, XNNPACK_CONV, 0, 0, 0, 0, 2, 2, 1, 1, 1, 1, 1, 1, 2, 0, 0, x, w,
              UINT32_MAX, y, 0);
    struct flat data = {0}, written = blob_write(&blob, &data);
    struct flat file = xnnpack_case_program(&written, &data, "f32[1,3,3,2] >f32[1,2,2,2]");
    struct prt_program *program = NULL;
    struct prt_graph *graph = NULL;
    struct percept_error error = {0};
    ck_assert_int_eq(prt_program_open_buffer(file.bytes, file.size, "test", &program, &error), 0);
    ck_assert_msg(prt_program_import(program, "forward", &graph, &error) == PERCEPT_OK, "%s",
                  error.message);
    ck_assert_uint_eq(graph->node_count, 1);
    ck_assert_int_eq(graph->nodes[0].attrs.conv.groups, 2);
    ck_assert_uint_eq(graph->nodes[0].inputs[2], PRT_NO_VALUE);
    const struct prt_value *weight = &graph->values[graph->nodes[0].inputs[1]];
    static const int32_t sizes[4] = {2, 2, 2, 1};
    static const float expected[8] = {0.5f, 2.5f, 4.5f, 6.5f, 1.5f, 3.5f, 5.5f, 7.5f};
    int64_t strides[PRT_MAX_RANK];
    ck_assert_mem_eq(weight->tensor.sizes, sizes, sizeof sizes);
    prt_tensor_strides(&weight->tensor, strides);
    for (int64_t o = 0; o < 2; o++)
        for (int64_t row = 0; row < 2; row++)
            for (int64_t column = 0; column < 2; column++)
                ck_assert_float_eq(
                    ((const float *)
                         weight->data)[o * strides[0] + row * strides[1] + column * strides[2]],
                    expected[o * 4 + row * 2 + column]);
    prt_graph_destroy(graph);
    prt_program_close(program);
    free(file.bytes);
    free(written.bytes);
}
END_TEST

START_TEST(transposed_convolution)
{
    uint32_t x = blob_value(&blob, "f32[1,4,4,2]", BLOB_INPUT, 0);
    uint32_t w = blob_value(&blob, "f32[3,3,3,2]", BLOB_CONSTANT, 0);
    uint32_t y = blob_value(&blob, "f32[1,8,8,3]", BLOB_OUTPUT, 1);
    blob_node(&blob, 39, XNNPACK_CONV, 1, 1, 1, 1, 3, 3, 2, 2, 1, 1, 2, 3, 1, 1, 1, x, w,
              UINT32_MAX, y, 0);
    xnnpack_case_expect(
        "f32[1,4,4,2] >f32[1,8,8,3]",
        "v2: float32[1, 8, 8, 3] = conv2d(v0, c1, -, -, -) stride(2,2) padding(1,1,1,1) "
        "transposed output_padding(1,1) nhwc\n");
}
END_TEST

START_TEST(quantised_convolution_by_channel)
{
    uint32_t x = blob_value(&blob, "q8[1,2,2,2]", BLOB_INTERNAL, 0);
    uint32_t w = blob_value(&blob, "c8@0[3,1,1,2]", BLOB_CONSTANT, 0);
    uint32_t b = blob_value(&blob, "c32@0[3]", BLOB_CONSTANT, 0);
    uint32_t y = blob_value(&blob, "q8[1,2,2,3]", BLOB_INTERNAL, 0);
    uint32_t in = blob_value(&blob, "f32[1,2,2,2]", BLOB_INPUT, 0);
    uint32_t out = blob_value(&blob, "f32[1,2,2,3]", BLOB_OUTPUT, 1);
    blob_scale(&blob, b, 0.25f); /* 0.5 * 0.5 * (i + 1): as it must be */
    blob_node(&blob, 18, "444", in, x, 0);
    blob_node(&blob, 7, XNNPACK_CONV, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 2, 3, 1, 0, 0, x, w, b, y, 0);
    blob_node(&blob, 18, "444", y, out, 0);
    xnnpack_case_expect("f32[1,2,2,2] >f32[1,2,2,3]",
                        "v1: int8[1, 2, 2, 2] q(0.5, 1) = quantize(v0)\n"
                        "v4: int8[1, 2, 2, 3] q(0.5, 1) = conv2d(v1, c2, c3, -, -) nhwc\n"
                        "v5: float32[1, 2, 2, 3] = dequantize(v4)\n");
}
END_TEST

START_TEST(bias_of_another_unit_becomes_real)
{
    uint32_t x = blob_value(&blob, "q8[1,2]", BLOB_INTERNAL, 0);
    uint32_t w = blob_value(&blob, "c8@0[3,2]", BLOB_CONSTANT, 0);
    uint32_t b = blob_value(&blob, "q32[3]", BLOB_CONSTANT, 0); /* 0.5, not 0.25 * (i + 1) */
    uint32_t y = blob_value(&blob, "q8[1,3]", BLOB_INTERNAL, 0);
    uint32_t in = blob_value(&blob, "f32[1,2]", BLOB_INPUT, 0);
    uint32_t out = blob_value(&blob, "f32[1,3]", BLOB_OUTPUT, 1);
    blob_node(&blob, 18, "444", in, x, 0);
    blob_node(&blob, 2, "44444", x, w, b, y, 0);
    blob_node(&blob, 18, "444", y, out, 0);
    xnnpack_case_expect("f32[1,2] >f32[1,3]",
                        "v1: int8[1, 2] q(0.5, 1) = quantize(v0)\n"
                        "v4: int8[1, 3] q(0.5, 1) = linear(v1, c2, c6, -, -)\n"
                        "v5: float32[1, 3] = dequantize(v4)\n");
}
END_TEST

START_TEST(products)
{
    uint32_t x = blob_value(&blob, "f32[2,3]", BLOB_INPUT, 0);
    uint32_t w = blob_value(&blob, "f32[3,4]", BLOB_CONSTANT, 0);
    uint32_t h = blob_value(&blob, "f32[2,4]", BLOB_INTERNAL, 0);
    uint32_t y = blob_value(&blob, "f32[2,2]", BLOB_OUTPUT, 1);
    blob_node(&blob, 2, "44444", x, w, UINT32_MAX, h, 1);
    blob_node(&blob, 37, "4444", h, h, y, 1);
    xnnpack_case_expect("f32[2,3] >f32[2,2]", "v2: float32[2, 4] = linear(v0, c1, -, -, -) io\n"
                                              "v3: float32[2, 2] = matmul(v2, v2) transpose_b\n");
}
END_TEST

static void rows_layer(const char *weight, uint32_t group)
{
    uint32_t x = blob_value(&blob, "f32[2,4]", BLOB_INPUT, 0);
    uint32_t d = blob_value(&blob, "qd8@1[2,4]", BLOB_INTERNAL, 0);
    uint32_t w = blob_value(&blob, weight, BLOB_CONSTANT, 0);
    uint32_t y = blob_value(&blob, "f32[2,3]", BLOB_OUTPUT, 1);
    blob_group(&blob, w, group, UINT32_MAX);
    blob_node(&blob, 18, "444", x, d, 0);
    blob_node(&blob, 2, "44444", d, w, UINT32_MAX, y, 0);
}

START_TEST(rows_quantised_on_the_way)
{
    rows_layer("c8@0[3,4]", 0);
    xnnpack_case_expect("f32[2,4] >f32[2,3]",
                        "v3: float32[2, 3] = dynamic_linear(v0, c5, c4, -)\n");
    xnnpack_case_setup();
    rows_layer("c4@0[3,4]", 0);
    xnnpack_case_expect("f32[2,4] >f32[2,3]",
                        "v3: float32[2, 3] = dynamic_linear(v0, c5, c4, -)\n");
    xnnpack_case_setup();
    rows_layer("g4@0[3,4]", 2);
    xnnpack_case_expect("f32[2,4] >f32[2,3]",
                        "v4: float32[2, 3] = dynamic_linear(v0, c3, c2, -)\n");
}
END_TEST

START_TEST(groups_that_do_not_fit)
{
    rows_layer("g4@0[3,4]", 0);
    xnnpack_case_fails("f32[2,4] >f32[2,3]", "MALFORMED",
                       "XnnpackBackend: a weight has groups of 0 that do not fit it");
    xnnpack_case_setup();
    rows_layer("g4@0[3,4]", 3);
    xnnpack_case_fails("f32[2,4] >f32[2,3]", "MALFORMED",
                       "XnnpackBackend: a weight has groups of 3 that do not fit it");
}
END_TEST

START_TEST(groups_of_no_rows) /* a division by zero where the layer's numbers are wanted */
{
    uint32_t x = blob_value(&blob, "f32[2,32]", BLOB_INPUT, 0);
    uint32_t w = blob_value(&blob, "g4@0[0,32]", BLOB_CONSTANT, 0);
    uint32_t y = blob_value(&blob, "f32[2,0]", BLOB_OUTPUT, 1);
    blob_group(&blob, w, 32, UINT32_MAX);
    blob_node(&blob, 2, "44444", x, w, UINT32_MAX, y, 0);
    xnnpack_case_fails("f32[2,32] >f32[2,0]", "MALFORMED",
                       "XnnpackBackend: a weight has groups of 32 that do not fit it");
}
END_TEST

/* The rows' sizes are stated as they were before the image became channels last. */
START_TEST(rows_of_an_image)
{
    uint32_t x = blob_value(&blob, "f32[1,3,4,2]", BLOB_INPUT, 0);
    uint32_t d = blob_value(&blob, "qd8@3[1,2,3,4]", BLOB_INTERNAL, 0);
    uint32_t w = blob_value(&blob, "c8@0[5,1,1,2]", BLOB_CONSTANT, 0);
    uint32_t y = blob_value(&blob, "f32[1,3,4,5]", BLOB_OUTPUT, 1);
    blob_node(&blob, 18, "444", x, d, 0);
    blob_node(&blob, 7, XNNPACK_CONV, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 2, 5, 1, 0, 0, d, w, UINT32_MAX,
              y, 0);
    xnnpack_case_expect("f32[1,3,4,2] >f32[1,3,4,5]",
                        "v1: float32[1, 3, 4, 2] = round_rows(v0) dims(3)\n"
                        "v3: float32[1, 3, 4, 5] = conv2d(v1, c4, -, -, -) nhwc\n");
}
END_TEST

START_TEST(attention)
{
    uint32_t q = blob_value(&blob, "f32[1,2,3,4]", BLOB_INPUT, 0);
    uint32_t k = blob_value(&blob, "f32[1,2,5,4]", BLOB_INPUT, 1);
    uint32_t scale = blob_value(&blob, "f32[4]", BLOB_CONSTANT, 0);
    uint32_t mask = blob_value(&blob, "f32[3,5]", BLOB_INPUT, 2);
    uint32_t y = blob_value(&blob, "f32[1,2,3,4]", BLOB_OUTPUT, 3);
    blob_node(&blob, 36, "4444444", q, k, k, scale, mask, y, 0);
    xnnpack_case_expect("f32[1,2,3,4] f32[1,2,5,4] f32[3,5] >f32[1,2,3,4]",
                        "v5: float32[1, 2, 3, 4] = binary(v0, c3) mul\n"
                        "v4: float32[1, 2, 3, 4] = attention(v5, v1, v1, v2) scale(1)\n");
}
END_TEST

START_TEST(greatest_of_a_window)
{
    uint32_t x = blob_value(&blob, "f32[1,4,4,2]", BLOB_INPUT, 0);
    uint32_t y = blob_value(&blob, "f32[1,2,2,2]", BLOB_OUTPUT, 1);
    uint32_t place = blob_value(&blob, "i32[1,2,2,2]", BLOB_INTERNAL, 0);
    blob_node(&blob, 21, "4444444444", 0, 0, 0, 0, 2, 2, x, y, place, 0);
    xnnpack_case_expect("f32[1,4,4,2] >f32[1,2,2,2]",
                        "v1: float32[1, 2, 2, 2] = pool2d(v0) max kernel(2,2) stride(2,2) nhwc\n");
}
END_TEST

#define POOL "4444444444444"

START_TEST(windows)
{
    uint32_t x = blob_value(&blob, "f32[1,4,4,2]", BLOB_INPUT, 0);
    uint32_t h = blob_value(&blob, "f32[1,2,2,2]", BLOB_INTERNAL, 0);
    uint32_t i = blob_value(&blob, "f32[1,2,2,2]", BLOB_INTERNAL, 0);
    uint32_t y = blob_value(&blob, "f32[1,1,1,2]", BLOB_OUTPUT, 1);
    blob_node(&blob, 14, POOL, 0, 0, 0, 0, 2, 2, 2, 2, 1, 1, x, h, 0x40);
    blob_node(&blob, 11, POOL, 1, 0, 0, 1, 2, 2, 1, 1, 0, 0, h, i, 0x40);
    blob_node(&blob, 19, "444", i, y, 0x40);
    xnnpack_case_expect(
        "f32[1,4,4,2] >f32[1,1,1,2]",
        "v1: float32[1, 2, 2, 2] = pool2d(v0) max kernel(2,2) stride(2,2) nhwc\n"
        "v2: float32[1, 2, 2, 2] = pool2d(v1) average kernel(2,2) padding(1,0,1,0) nhwc\n"
        "v3: float32[1, 1, 1, 2] = reduce(v2) mean axes(0x6) keep\n");
}
END_TEST

START_TEST(shapes)
{
    uint32_t x = blob_value(&blob, "f32[1,2,3,4]", BLOB_INPUT, 0);
    uint32_t h = blob_value(&blob, "f32[1,3,4,2]", BLOB_INTERNAL, 0);
    uint32_t i = blob_value(&blob, "f32[1,6,8,2]", BLOB_INTERNAL, 0);
    uint32_t j = blob_value(&blob, "f32[1,7,8,4]", BLOB_INTERNAL, 0);
    uint32_t y = blob_value(&blob, "f32[7,32]", BLOB_OUTPUT, 1);
    blob_node(&blob, 5, "4o444", 4, "0231", x, h, 0);
    blob_node(&blob, 9, "44444", 6, 8, h, i, 0);
    blob_node(&blob, 10, "oof444", "0101", "0001", 0.5, i, j, 0);
    blob_node(&blob, 20, "4o444", 2, "70", j, y, 0);
    xnnpack_case_expect(
        "f32[1,2,3,4] >f32[7,32]",
        "v1: float32[1, 3, 4, 2] = permute(v0) order(0,2,3,1)\n"
        "v2: float32[1, 6, 8, 2] = resize2d(v1) bilinear half_pixel nhwc\n"
        "v3: float32[1, 7, 8, 4] = pad(v2) before(0,1,0,1) after(0,0,0,1) value(0.5)\n"
        "v4: float32[7, 32] = reshape(v3)\n");
}
END_TEST

START_TEST(parts)
{
    uint32_t x = blob_value(&blob, "f32[4,5]", BLOB_INPUT, 0);
    uint32_t h = blob_value(&blob, "f32[2,3]", BLOB_INTERNAL, 0);
    uint32_t i = blob_value(&blob, "f32[10,3]", BLOB_INTERNAL, 0);
    uint32_t y = blob_value(&blob, "f32[10,3]", BLOB_OUTPUT, 1);
    blob_node(&blob, 35, "4oo444", 2, "12", "20", x, h, 0);
    blob_node(&blob, 38, "44444444", 0, h, h, h, h, i, 0, h);
    blob_node(&blob, 3, "444", i, y, 0);
    xnnpack_case_expect("f32[4,5] >f32[10,3]",
                        "v4: float32[2, 5] = slice(v0, 1, 3) axis(0)\n"
                        "v7: float32[2, 3] = slice(v4, 2, 5) axis(1)\n"
                        "v1: float32[2, 3] = reshape(v7)\n"
                        "v2: float32[10, 3] = concat(v1, v1, v1, v1, v1) axis(0)\n"
                        "v3: float32[10, 3] = softmax(v2) axis(1)\n");
}
END_TEST

START_TEST(slope_of_any_shape)
{
    uint32_t x = blob_value(&blob, "f32[1,2,2,3]", BLOB_INPUT, 0);
    uint32_t s = blob_value(&blob, "f32[1,1,1,3]", BLOB_CONSTANT, 0);
    uint32_t y = blob_value(&blob, "f32[1,2,2,3]", BLOB_OUTPUT, 1);
    blob_node(&blob, 31, "4444", x, s, y, 0);
    xnnpack_case_expect("f32[1,2,2,3] >f32[1,2,2,3]",
                        "v2: float32[1, 2, 2, 3] = prelu(v0, c3) nhwc\n");
}
END_TEST

START_TEST(codes_of_other_scales_are_converted_where_they_move)
{
    uint32_t in = blob_value(&blob, "f32[2]", BLOB_INPUT, 0);
    uint32_t a = blob_value(&blob, "q8[2]", BLOB_INTERNAL, 0);
    uint32_t y = blob_value(&blob, "q8[4]", BLOB_INTERNAL, 0);
    uint32_t out = blob_value(&blob, "f32[4]", BLOB_OUTPUT, 1);
    blob_scale(&blob, a, 0.25f);
    blob_node(&blob, 18, "444", in, a, 0);
    blob_node(&blob, 32, "4444444", 0, a, a, 0, 0, y, 0);
    blob_node(&blob, 18, "444", y, out, 0);
    xnnpack_case_expect("f32[2] >f32[4]", "v1: int8[2] q(0.25, 1) = quantize(v0)\n"
                                          "v4: int8[2] q(0.5, 1) = quantize(v1)\n"
                                          "v5: int8[2] q(0.5, 1) = quantize(v1)\n"
                                          "v2: int8[4] q(0.5, 1) = concat(v4, v5) axis(0)\n"
                                          "v3: float32[4] = dequantize(v2)\n");
}
END_TEST

START_TEST(copy_is_the_value_itself)
{
    uint32_t x = blob_value(&blob, "f32[2]", BLOB_INPUT, 0);
    uint32_t h = blob_value(&blob, "f32[2]", BLOB_INTERNAL, 0);
    uint32_t y = blob_value(&blob, "f32[2]", BLOB_OUTPUT, 1);
    blob_node(&blob, 46, "444", x, h, 0);
    blob_node(&blob, 27, "444", h, y, 0);
    xnnpack_case_expect("f32[2] >f32[2]", "v2: float32[2] = unary(v0) neg\n");
}
END_TEST

/* ---- where weights are ---- */

START_TEST(weights_behind_inline_or_named)
{
    xnnpack_case_product();
    blob.home = (enum blob_home)_i;
    xnnpack_case_expect("f32[1,2] >f32[1,3]", "v2: float32[1, 3] = linear(v0, c1, -, -, -)\n");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("import_xnnpack");
    TCase *tests = tcase_create("import_xnnpack");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, xnnpack_case_setup, NULL);
    tcase_add_loop_test(tests, unary_node, 0, (int)(sizeof unaries / sizeof unaries[0]));
    tcase_add_loop_test(tests, binary_node, 0, (int)(sizeof binaries / sizeof binaries[0]));
    const TTest *const all[] = {
        unary_nodes_with_a_parameter,
        convolution_of_a_channels_last_tensor,
        depthwise_weight_is_turned_without_being_read,
        transposed_convolution,
        quantised_convolution_by_channel,
        bias_of_another_unit_becomes_real,
        products,
        windows,
        shapes,
        parts,
        slope_of_any_shape,
        codes_of_other_scales_are_converted_where_they_move,
        copy_is_the_value_itself,
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        tcase_add_test(tests, all[i]);
    tcase_add_test(tests, rows_quantised_on_the_way);
    tcase_add_test(tests, rows_of_an_image);
    tcase_add_test(tests, groups_that_do_not_fit);
    tcase_add_test(tests, groups_of_no_rows);
    tcase_add_test(tests, attention);
    tcase_add_test(tests, greatest_of_a_window);
    tcase_add_loop_test(tests, weights_behind_inline_or_named, 0, 3);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
