/* Why: each pattern is told from what nearly is one. */
#include "passes_cases.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* ---- folding padding, bias, scale, residual and activation into a convolution ---- */

static uint32_t conv3(struct prt_graph *graph, uint32_t x)
{
    return build_conv(graph, x, (struct conv){.channels = 8, .kernel = 3, .padding = 1});
}

static uint32_t padded_conv(struct prt_graph *graph, uint32_t x)
{
    x = build_pad(graph, x, (int32_t[]){0, 0, 1, 0}, (int32_t[]){0, 0, 2, 1}, 0);
    return build_conv(graph, x, (struct conv){.channels = 8, .kernel = 3, .stride = 2});
}

static uint32_t conv_padded_with_ones(struct prt_graph *graph, uint32_t x)
{
    x = build_pad(graph, x, (int32_t[]){0, 0, 1, 1}, (int32_t[]){0, 0, 1, 1}, 1);
    return build_conv(graph, x, (struct conv){.channels = 8, .kernel = 3});
}

static uint32_t conv_padded_in_channels(struct prt_graph *graph, uint32_t x)
{
    x = build_pad(graph, x, (int32_t[]){0, 0, 0, 0}, (int32_t[]){0, 4, 0, 0}, 0);
    return build_conv(graph, x, (struct conv){.channels = 8});
}

static uint32_t padded_max_pool(struct prt_graph *graph, uint32_t x)
{
    x = build_pad(graph, x, (int32_t[]){0, 0, 1, 1}, (int32_t[]){0, 0, 1, 1}, -INFINITY);
    return build_max_pool(graph, x);
}

static uint32_t max_pool_of_mere_padding(struct prt_graph *graph, uint32_t x)
{
    x = build_pad(graph, x, (int32_t[]){0, 0, 2, 0}, (int32_t[]){0, 0, 0, 0}, (double)-FLT_MAX);
    return build_max_pool(graph, x);
}

static uint32_t conv_bias(struct prt_graph *graph, uint32_t x)
{
    x = build_conv(graph, x, (struct conv){.channels = 8, .no_bias = true});
    return build_binary(graph, PRT_BINARY_ADD, x, build_constant(graph, SIZES(8, 1, 1)));
}

static uint32_t batch_norm(struct prt_graph *graph, uint32_t x)
{
    x = build_binary(graph, PRT_BINARY_MUL, conv3(graph, x), build_constant(graph, SIZES(8, 1, 1)));
    x = build_binary(graph, PRT_BINARY_SUB, x, build_constant(graph, SIZES(1, 8, 1, 1)));
    return build_clamp(graph, x, 0, INFINITY);
}

static uint32_t bias_of_wrong_axis(struct prt_graph *graph, uint32_t x)
{
    x = build_conv(graph, x, (struct conv){.channels = 8});
    return build_binary(graph, PRT_BINARY_ADD, x, build_constant(graph, SIZES(12)));
}

static uint32_t residual_prelu(struct prt_graph *graph, uint32_t x)
{
    uint32_t y = build_binary(graph, PRT_BINARY_ADD, x, conv3(graph, conv3(graph, x)));
    return build_prelu_parts(graph, y, 1);
}

static uint32_t two_convs_added(struct prt_graph *graph, uint32_t x)
{
    uint32_t y = build_binary(graph, PRT_BINARY_ADD, conv3(graph, x), conv3(graph, x));
    return build_clamp(graph, build_clamp(graph, y, 0, INFINITY), -INFINITY, 0.5);
}

static uint32_t activation_before_residual(struct prt_graph *graph, uint32_t x)
{
    return build_binary(graph, PRT_BINARY_ADD, build_clamp(graph, conv3(graph, x), 0, 6), x);
}

static uint32_t conv_read_twice(struct prt_graph *graph, uint32_t x)
{
    uint32_t y = conv3(graph, x);
    return build_binary(graph, PRT_BINARY_MUL, y, build_clamp(graph, y, 0, 1));
}

static uint32_t relu_by_maximum(struct prt_graph *graph, uint32_t x)
{
    return build_binary(graph, PRT_BINARY_MAX, build_number(graph, 0), conv3(graph, x));
}

static uint32_t sum_then_clamp(struct prt_graph *graph, uint32_t x)
{
    uint32_t y = build_binary(graph, PRT_BINARY_ADD, build_clamp(graph, x, -1, 0.5), x);
    return build_clamp(graph, y, 0, 1);
}

static uint32_t scale_of_constants(struct prt_graph *graph, uint32_t x)
{
    uint32_t c = build_binary(graph, PRT_BINARY_ADD, build_constant(graph, SIZES(8, 1, 1)),
                              build_constant(graph, SIZES(8, 1, 1)));
    return build_binary(graph, PRT_BINARY_MUL, x, c);
}

/* ---- images that are resized to their own size ---- */

static uint32_t resized(struct prt_graph *graph, uint32_t x, struct prt_resize_attrs attrs)
{
    uint32_t y;
    build_node(graph, PRT_OP_RESIZE2D, IDS(x), PASSES_IMAGE, &y)->attrs.resize = attrs;
    return build_clamp(graph, y, 0, 1);
}

/* 1.05 times 12 are 12 pixels, of which the last shows the last but one. */
static uint32_t nearest_of_a_little_more(struct prt_graph *graph, uint32_t x)
{
    return resized(graph, x, (struct prt_resize_attrs){.scale = {1.05, 1.05}});
}

static uint32_t wider_only(struct prt_graph *graph, uint32_t x)
{
    return resized(
        graph, x,
        (struct prt_resize_attrs){.bilinear = true, .half_pixel = true, .scale = {1, 1.07}});
}

static uint32_t resized_to_itself(struct prt_graph *graph, uint32_t x)
{
    return resized(graph, x, (struct prt_resize_attrs){.scale = {1, 1}});
}

/* Corners that stay where they are need no scale. */
static uint32_t resized_from_corner_to_corner(struct prt_graph *graph, uint32_t x)
{
    return resized(
        graph, x,
        (struct prt_resize_attrs){.bilinear = true, .align_corners = true, .scale = {1.05, 1.05}});
}

/* ---- views ---- */

static const int32_t to_nhwc[] = {0, 2, 3, 1}, to_nchw[] = {0, 3, 1, 2};

static uint32_t nhwc_island(struct prt_graph *graph, uint32_t x)
{
    x = build_pad(graph, x, (int32_t[]){0, 0, 1, 1}, (int32_t[]){0, 0, 1, 1}, 0);
    x = build_permute(graph, x, to_nhwc, 4);
    x = build_conv(graph, x, (struct conv){.channels = 8, .kernel = 3, .nhwc = true});
    x = build_prelu_parts(graph, x, 3);
    x = build_conv(graph, x, (struct conv){.channels = 8, .nhwc = true});
    return build_permute(graph, x, to_nchw, 4);
}

static uint32_t views_that_cancel(struct prt_graph *graph, uint32_t x)
{
    x = build_permute(graph, build_permute(graph, build_clamp(graph, x, 0, 1), to_nhwc, 4), to_nchw,
                      4);
    x = build_reshape(graph, build_reshape(graph, x, SIZES(8, 144)), PASSES_IMAGE);
    return build_clamp(graph, x, 0.25, 1);
}

static uint32_t head(struct prt_graph *graph, uint32_t x)
{
    uint32_t parts[2];
    for (int i = 0; i < 2; i++) {
        uint32_t y = build_conv(graph, x, (struct conv){.channels = 8});
        parts[i] = build_reshape(graph, build_permute(graph, y, to_nhwc, 4), SIZES(1, 576, 2));
    }
    return build_concat(graph, parts, 2, 1);
}

static uint32_t tokens_of_an_image(struct prt_graph *graph, uint32_t x)
{
    x = build_reshape(graph, conv3(graph, x), SIZES(1, 8, 144));
    return build_permute(graph, x, (int32_t[]){0, 2, 1}, 3);
}

static uint32_t constant_matrix(struct prt_graph *graph, uint32_t x)
{
    uint32_t y, rows = build_reshape(graph, x, SIZES(8, 144));
    uint32_t matrix =
        build_permute(graph, build_constant(graph, SIZES(5, 144)), (int32_t[]){1, 0}, 2);
    build_node(graph, PRT_OP_MATMUL, IDS(rows, matrix), SIZES(8, 5), &y);
    return build_binary(graph, PRT_BINARY_ADD, y, build_constant(graph, SIZES(5)));
}

/* ---- quantised chains; no scale is a simple multiple of another, which would make ties common
 * ---- */

static uint32_t q(struct prt_graph *graph, uint32_t x, float scale, int32_t zero_point)
{
    return build_dequantize(graph, build_quantize(graph, x, scale, zero_point));
}

static uint32_t qconv(struct prt_graph *graph, uint32_t x, int32_t kernel)
{
    uint32_t y = build_conv(graph, x, (struct conv){.channels = 8, .kernel = kernel});
    uint32_t node = graph->node_count - 1;
    uint32_t w = build_dequantize(graph, build_int8_weight(graph, SIZES(8, 8, kernel, kernel)));
    /* The DEQUANTIZE of the weight was appended last and has to come first. */
    struct prt_node conv = graph->nodes[node];
    graph->nodes[node] = graph->nodes[node + 1];
    graph->nodes[node + 1] = conv;
    graph->nodes[node + 1].inputs[1] = w;
    return y;
}

static uint32_t int8_conv_relu(struct prt_graph *graph, uint32_t x)
{
    x = build_clamp(graph, qconv(graph, q(graph, x, 0.0103f, 3), 1), 0, 6);
    return q(graph, x, 0.0531f, -128);
}

static uint32_t int8_padded_conv(struct prt_graph *graph, uint32_t x)
{
    x = build_clamp(graph, q(graph, x, 0.0103f, 3), 0, 1);
    x = build_pad(graph, x, (int32_t[]){0, 0, 1, 1}, (int32_t[]){0, 0, 1, 1}, 0);
    return q(graph, qconv(graph, q(graph, x, 0.0103f, -100), 3), 0.0617f, 1);
}

static uint32_t int8_residual(struct prt_graph *graph, uint32_t x)
{
    x = q(graph, x, 0.0103f, 3);
    uint32_t y = q(graph, qconv(graph, x, 1), 0.0531f, -4);
    return q(graph, build_binary(graph, PRT_BINARY_ADD, y, x), 0.0617f, 9);
}

static uint32_t int8_prelu_rounded_twice(struct prt_graph *graph, uint32_t x)
{
    x = build_prelu_parts(graph, q(graph, x, 0.0103f, 3), 1);
    uint32_t pooled = q(graph, build_max_pool(graph, x), 0.0211f, 0);
    uint32_t direct = q(graph, build_max_pool(graph, q(graph, x, 0.0307f, 10)), 0.0307f, 10);
    return q(graph, build_binary(graph, PRT_BINARY_MAX, pooled, direct), 0.0211f, -1);
}

static uint32_t int8_moves(struct prt_graph *graph, uint32_t x)
{
    x = q(graph, x, 0.0103f, 3);
    uint32_t y = q(graph, build_reshape(graph, x, SIZES(1, 96, 12)), 0.0103f, 3);
    return q(graph, build_concat(graph, IDS(y, y), 2), 0.0103f, 3);
}

static uint32_t rescaled(struct prt_graph *graph, uint32_t x)
{
    return q(graph, q(graph, x, 0.0103f, 3), 0.0153f, -7);
}

static uint32_t float_between(struct prt_graph *graph, uint32_t x)
{
    return build_prelu_parts(graph, build_binary(graph, PRT_BINARY_ADD, q(graph, x, 0.0103f, 3), x),
                             1);
}

/* ---- layers whose rows are quantised while they run ---- */

static uint32_t rounded(struct prt_graph *graph, uint32_t x, int32_t dims)
{
    const struct prt_tensor spec = graph->values[x].tensor;
    uint32_t y;
    build_node(graph, PRT_OP_ROUND_ROWS, IDS(x), spec.sizes, spec.rank, &y)->attrs.round_rows.dims =
        dims;
    return y;
}

/* [.., 144] to [.., 5], as ATen spells it: the product with a matrix that was turned. */
static uint32_t int8_layer(struct prt_graph *graph, uint32_t x, bool bias)
{
    const struct prt_tensor spec = graph->values[x].tensor;
    uint32_t y, w = build_dequantize(graph, build_int8_weight(graph, SIZES(5, 144)));
    w = build_permute(graph, w, (int32_t[]){1, 0}, 2);
    uint32_t b = bias ? build_constant(graph, SIZES(5)) : PRT_NO_VALUE;
    int32_t sizes[PRT_MAX_RANK];
    memcpy(sizes, spec.sizes, sizeof sizes);
    sizes[spec.rank - 1] = 5;
    build_node(graph, PRT_OP_LINEAR, IDS(x, w, b, PRT_NO_VALUE, PRT_NO_VALUE), sizes, spec.rank, &y)
        ->attrs.linear.weight_is_io = true;
    return y;
}

static uint32_t rows_of_their_own(struct prt_graph *graph, uint32_t x)
{
    x = rounded(graph, build_reshape(graph, x, SIZES(2, 4, 144)), 1);
    return build_clamp(graph, int8_layer(graph, x, true), 0, INFINITY);
}

/* With one range for all, views do not matter. */
static uint32_t rows_with_one_range(struct prt_graph *graph, uint32_t x)
{
    x = rounded(graph, x, 4);
    uint32_t a = int8_layer(graph, build_reshape(graph, x, SIZES(8, 144)), true);
    uint32_t b = int8_layer(graph, build_reshape(graph, x, SIZES(4, 2, 144)), false);
    return build_binary(graph, PRT_BINARY_SUB, a, build_reshape(graph, b, SIZES(8, 5)));
}

static uint32_t one_view_read_twice(struct prt_graph *graph, uint32_t x)
{
    x = build_reshape(graph, rounded(graph, x, 4), SIZES(8, 144));
    return build_binary(graph, PRT_BINARY_SUB, int8_layer(graph, x, true),
                        int8_layer(graph, x, false));
}

/* A range for each of two images is neither of the two that the layer knows. */
static uint32_t rows_of_images(struct prt_graph *graph, uint32_t x)
{
    x = rounded(graph, build_reshape(graph, x, SIZES(2, 4, 144)), 2);
    return int8_layer(graph, x, true);
}

/* ---- functions, attention and views between ---- */

static uint32_t unary(struct prt_graph *graph, enum prt_unary_kind kind, uint32_t x)
{
    const struct prt_tensor spec = graph->values[x].tensor;
    uint32_t y;
    build_node(graph, PRT_OP_UNARY, IDS(x), spec.sizes, spec.rank, &y)->attrs.unary.kind = kind;
    return y;
}

static uint32_t hardswish_parts(struct prt_graph *graph, uint32_t x)
{
    uint32_t ramp = build_binary(graph, PRT_BINARY_ADD, x, build_number(graph, 3));
    x = build_binary(graph, PRT_BINARY_MUL, x, build_clamp(graph, ramp, 0, 6));
    return build_binary(graph, PRT_BINARY_DIV, x, build_number(graph, 6));
}

static uint32_t hardswish_of_clamped_sum(struct prt_graph *graph, uint32_t x)
{
    uint32_t ramp = build_binary(graph, PRT_BINARY_ADD, x, build_number(graph, 3));
    graph->nodes[graph->node_count - 1].attrs.binary.act =
        (struct prt_activation){PRT_ACT_CLAMP, 0, 6};
    x = build_binary(graph, PRT_BINARY_MUL, x, ramp);
    return build_binary(graph, PRT_BINARY_DIV, x, build_number(graph, 6));
}

static uint32_t hardswish_alone(struct prt_graph *graph, uint32_t x)
{
    return hardswish_parts(graph, x);
}

static uint32_t not_quite_hardswish(struct prt_graph *graph, uint32_t x)
{
    uint32_t ramp = build_binary(graph, PRT_BINARY_ADD, x, build_number(graph, 3));
    x = build_binary(graph, PRT_BINARY_MUL, x, build_clamp(graph, ramp, 0, 6));
    return build_binary(graph, PRT_BINARY_DIV, x, build_number(graph, 5));
}

/* clamp(x + 3, 0, 6) once more clamped, which bends it elsewhere. */
static uint32_t ramp_clamped_twice(struct prt_graph *graph, uint32_t x)
{
    uint32_t ramp = build_binary(graph, PRT_BINARY_ADD, x, build_number(graph, 3));
    graph->nodes[graph->node_count - 1].attrs.binary.act =
        (struct prt_activation){PRT_ACT_CLAMP, 0, 6};
    x = build_binary(graph, PRT_BINARY_MUL, x, build_clamp(graph, ramp, 2.5, 3.25));
    return build_binary(graph, PRT_BINARY_DIV, x, build_number(graph, 6));
}

static uint32_t silu_parts(struct prt_graph *graph, uint32_t x)
{
    return build_binary(graph, PRT_BINARY_MUL, unary(graph, PRT_UNARY_SIGMOID, x), x);
}

/* 1 + erf(x / root) */
static uint32_t bell(struct prt_graph *graph, uint32_t x, double root)
{
    uint32_t y = build_binary(graph, PRT_BINARY_DIV, x, build_number(graph, root));
    y = unary(graph, PRT_UNARY_ERF, y);
    return build_binary(graph, PRT_BINARY_ADD, y, build_number(graph, 1));
}

static uint32_t gelu_after_conv(struct prt_graph *graph, uint32_t x)
{
    x = conv3(graph, x);
    x = build_binary(graph, PRT_BINARY_MUL, x, bell(graph, x, M_SQRT2));
    return build_binary(graph, PRT_BINARY_MUL, x, build_number(graph, 0.5));
}

static uint32_t gelu_of_half(struct prt_graph *graph, uint32_t x)
{
    uint32_t half = build_binary(graph, PRT_BINARY_DIV, x, build_number(graph, 2));
    return build_binary(graph, PRT_BINARY_MUL, bell(graph, x, M_SQRT2), half);
}

static uint32_t not_quite_gelu(struct prt_graph *graph, uint32_t x)
{
    uint32_t half = build_binary(graph, PRT_BINARY_DIV, x, build_number(graph, 2));
    return build_binary(graph, PRT_BINARY_MUL, bell(graph, x, 2), half);
}

static uint32_t row_mean(struct prt_graph *graph, uint32_t x, unsigned axis)
{
    struct prt_tensor spec = graph->values[x].tensor;
    uint32_t y;
    spec.sizes[axis] = 1;
    build_node(graph, PRT_OP_REDUCE, IDS(x), spec.sizes, spec.rank, &y)->attrs.reduce =
        (struct prt_reduce_attrs){PRT_REDUCE_MEAN, 1u << axis, true};
    return y;
}

static uint32_t over_deviation(struct prt_graph *graph, uint32_t centred, unsigned axis)
{
    uint32_t squares = row_mean(graph, unary(graph, PRT_UNARY_SQUARE, centred), axis);
    uint32_t sum = build_binary(graph, PRT_BINARY_ADD, squares, build_number(graph, 0.01));
    return build_binary(graph, PRT_BINARY_MUL, centred, unary(graph, PRT_UNARY_RSQRT, sum));
}

static uint32_t layer_norm_parts(struct prt_graph *graph, uint32_t x)
{
    uint32_t centred = build_binary(graph, PRT_BINARY_SUB, x, row_mean(graph, x, 3));
    x = build_binary(graph, PRT_BINARY_MUL, over_deviation(graph, centred, 3),
                     build_constant(graph, SIZES(12)));
    return build_binary(graph, PRT_BINARY_ADD, build_constant(graph, SIZES(1, 12)), x);
}

/* As a division by a root; and a bias of another size stays a sum. */
static uint32_t root_mean_square_parts(struct prt_graph *graph, uint32_t x)
{
    uint32_t squares = row_mean(graph, build_binary(graph, PRT_BINARY_MUL, x, x), 3);
    uint32_t sum = build_binary(graph, PRT_BINARY_ADD, build_number(graph, 0.01), squares);
    x = build_binary(graph, PRT_BINARY_DIV, x, unary(graph, PRT_UNARY_SQRT, sum));
    return build_binary(graph, PRT_BINARY_ADD, x, build_constant(graph, SIZES(12, 1)));
}

static uint32_t mean_that_others_read(struct prt_graph *graph, uint32_t x)
{
    uint32_t mean = row_mean(graph, x, 3);
    x = over_deviation(graph, build_binary(graph, PRT_BINARY_SUB, x, mean), 3);
    return build_binary(graph, PRT_BINARY_ADD, x, mean);
}

static uint32_t mean_of_other_rows(struct prt_graph *graph, uint32_t x)
{
    return over_deviation(graph, build_binary(graph, PRT_BINARY_SUB, x, row_mean(graph, x, 2)), 2);
}

static uint32_t scaled_hardswish_after_conv(struct prt_graph *graph, uint32_t x)
{
    x = hardswish_parts(graph, conv3(graph, x));
    x = build_binary(graph, PRT_BINARY_MUL, x, build_number(graph, 1.25));
    return build_binary(graph, PRT_BINARY_SUB, x, build_number(graph, 0.5));
}

static uint32_t clamp_after_function(struct prt_graph *graph, uint32_t x)
{
    x = unary(graph, PRT_UNARY_SIGMOID, conv3(graph, x));
    return build_clamp(graph, x, 0.3, 0.6);
}

static uint32_t function_behind_views(struct prt_graph *graph, uint32_t x)
{
    x = build_permute(graph, x, SIZES(0, 2, 3, 1));
    x = build_conv(graph, x, (struct conv){.channels = 8, .nhwc = true});
    x = build_permute(graph, x, SIZES(0, 3, 1, 2));
    x = unary(graph, PRT_UNARY_GELU, build_reshape(graph, x, SIZES(8, 144)));
    return build_binary(graph, PRT_BINARY_MUL, x, build_number(graph, 3));
}

static uint32_t matmul(struct prt_graph *graph, uint32_t a, uint32_t b)
{
    struct prt_tensor y = graph->values[a].tensor;
    const struct prt_tensor *other = &graph->values[b].tensor;
    uint32_t id;
    y.sizes[y.rank - 1] = other->sizes[other->rank - 1];
    build_node(graph, PRT_OP_MATMUL, IDS(a, b), y.sizes, y.rank, &id);
    return id;
}

static uint32_t rows_regrouped(struct prt_graph *graph, uint32_t x)
{
    uint32_t rows = build_reshape(graph, x, SIZES(96, 12));
    uint32_t y = matmul(graph, rows, build_constant(graph, SIZES(12, 12)));
    y = build_binary(graph, PRT_BINARY_ADD, y, build_constant(graph, SIZES(12)));
    y = build_reshape(graph, y, SIZES(1, 8, 12, 12));
    return build_binary(graph, PRT_BINARY_ADD, y, x);
}

/* The number has more dimensions than the layer's result, and cannot move up over the view. */
static uint32_t number_of_higher_rank(struct prt_graph *graph, uint32_t x)
{
    uint32_t rows = build_reshape(graph, x, SIZES(96, 12));
    uint32_t y = matmul(graph, rows, build_constant(graph, SIZES(12, 5)));
    y = build_reshape(graph, y, SIZES(96, 5, 1, 1));
    return build_binary(graph, PRT_BINARY_MUL, y, build_constant(graph, SIZES(1, 1, 1, 1)));
}

/* As x @ W is exported: W repeated along the batch by an expand. */
static uint32_t matrix_repeated(struct prt_graph *graph, uint32_t x)
{
    uint32_t rows = build_reshape(graph, x, SIZES(8, 12, 12)), matrix;
    uint32_t constant = build_constant(graph, SIZES(1, 12, 5));
    build_node(graph, PRT_OP_BINARY, IDS(constant, build_number(graph, 1)), SIZES(8, 12, 5),
               &matrix)
        ->attrs.binary.kind = PRT_BINARY_MUL;
    uint32_t y = matmul(graph, rows, matrix);
    return build_binary(graph, PRT_BINARY_ADD, y, build_constant(graph, SIZES(5)));
}

/* The same of codes, between codes: the layer computes with them. */
static uint32_t int8_matrix_repeated(struct prt_graph *graph, uint32_t x)
{
    uint32_t codes = build_int8_weight(graph, SIZES(5, 12)), weight, matrix;
    uint32_t rows = build_quantize(graph, build_reshape(graph, x, SIZES(8, 12, 12)), 0.02f, 3);
    build_node(graph, PRT_OP_DEQUANTIZE, IDS(codes), SIZES(5, 12), &weight);
    weight = build_permute(graph, weight, SIZES(1, 0));
    build_node(graph, PRT_OP_BINARY, IDS(weight, build_number(graph, 1)), SIZES(8, 12, 5), &matrix)
        ->attrs.binary.kind = PRT_BINARY_MUL;
    uint32_t y = matmul(graph, build_dequantize(graph, rows), matrix);
    return build_dequantize(graph, build_quantize(graph, y, 0.05f, -4));
}

/* A weight with a scale for each input, of which there is one, has none for each of the bias. */
static uint32_t int8_scale_of_inputs(struct prt_graph *graph, uint32_t x)
{
    static const float scales[1] = {0.005f};
    static const int32_t bias[5] = {100, -200, 300, -400, 500};
    uint32_t w = build_int8_weight(graph, SIZES(5, 1)), b = build_tensor(graph, SIZES(5)), y;
    graph->values[w].tensor.quant =
        (struct prt_quant){.kind = PRT_QUANT_PER_CHANNEL, .axis = 1, .count = 1, .scales = scales};
    graph->values[b].flags = PRT_FLAG_CONSTANT;
    graph->values[b].data = bias;
    graph->values[b].tensor.dtype = PRT_I32;
    graph->values[b].tensor.quant =
        (struct prt_quant){.kind = PRT_QUANT_PER_TENSOR, .scale = 0.0103f * scales[0]};
    x = q(graph, build_reshape(graph, x, SIZES(1152, 1)), 0.0103f, 3);
    build_node(
        graph, PRT_OP_LINEAR,
        IDS(x, build_dequantize(graph, w), build_dequantize(graph, b), PRT_NO_VALUE, PRT_NO_VALUE),
        SIZES(1152, 5), &y);
    return q(graph, y, 0.0501f, -4);
}

/* One matrix for each of the batch: no LINEAR. */
static uint32_t matrices_of_a_batch(struct prt_graph *graph, uint32_t x)
{
    uint32_t rows = build_reshape(graph, x, SIZES(8, 12, 12));
    return matmul(graph, rows, build_constant(graph, SIZES(8, 12, 5)));
}

/* x @ y^T, as it is exported. */
static uint32_t exchanged_matrix(struct prt_graph *graph, uint32_t x)
{
    uint32_t rows = build_reshape(graph, x, SIZES(8, 12, 12));
    uint32_t other = unary(graph, PRT_UNARY_TANH, rows);
    return matmul(graph, rows, build_permute(graph, other, SIZES(0, 2, 1)));
}

static uint32_t softmax(struct prt_graph *graph, uint32_t x)
{
    const struct prt_tensor spec = graph->values[x].tensor;
    uint32_t y;
    build_node(graph, PRT_OP_SOFTMAX, IDS(x), spec.sizes, spec.rank, &y)->attrs.softmax.axis =
        spec.rank - 1;
    return y;
}

/* q and k^T as torch.export scales and regroups them. */
static uint32_t scores(struct prt_graph *graph, uint32_t x)
{
    uint32_t q = build_binary(graph, PRT_BINARY_MUL, x, build_number(graph, 0.5));
    uint32_t k = build_permute(graph, x, SIZES(0, 1, 3, 2));
    k = build_binary(graph, PRT_BINARY_MUL, k, build_number(graph, 0.5));
    q = build_reshape(graph, q, SIZES(8, 12, 12));
    k = build_reshape(graph, k, SIZES(8, 12, 12));
    return build_reshape(graph, matmul(graph, q, k), SIZES(1, 8, 12, 12));
}

static uint32_t times_values(struct prt_graph *graph, uint32_t weights, uint32_t x)
{
    weights = build_reshape(graph, weights, SIZES(8, 12, 12));
    return matmul(graph, weights, build_reshape(graph, x, SIZES(8, 12, 12)));
}

static uint32_t masked_attention(struct prt_graph *graph, uint32_t x)
{
    uint32_t mask = build_constant(graph, SIZES(1, 1, 12, 12));
    uint32_t s = build_binary(graph, PRT_BINARY_ADD, scores(graph, x), mask);
    return times_values(graph, softmax(graph, s), x);
}

/* What is added has its rows in memory, but not in their order. */
static uint32_t mask_that_was_turned(struct prt_graph *graph, uint32_t x)
{
    uint32_t mask = unary(graph, PRT_UNARY_TANH, build_reshape(graph, x, SIZES(1, 12, 8, 12)));
    mask = build_permute(graph, mask, SIZES(0, 2, 1, 3));
    uint32_t s = build_binary(graph, PRT_BINARY_ADD, scores(graph, x), mask);
    return times_values(graph, softmax(graph, s), x);
}

static uint32_t bools(struct prt_graph *graph, enum prt_op op, const uint32_t *inputs, size_t count,
                      const int32_t *sizes, struct prt_node **node)
{
    uint32_t y;
    *node = build_node(graph, op, inputs, count, sizes, 4, &y);
    graph->values[y].tensor.dtype = PRT_BOOL;
    graph->values[y].bytes = prt_tensor_elements(&graph->values[y].tensor);
    return y;
}

static uint32_t safe_softmax(struct prt_graph *graph, uint32_t s, uint32_t *hidden)
{
    struct prt_node *node;
    const int32_t full[] = {1, 8, 12, 12}, narrow[] = {1, 8, 12, 1};
    *hidden = bools(graph, PRT_OP_BINARY, IDS(s, build_number(graph, -INFINITY)), full, &node);
    node->attrs.binary = (struct prt_binary_attrs){.kind = PRT_BINARY_EQ, .alpha = 1};
    uint32_t some = bools(graph, PRT_OP_UNARY, IDS(*hidden), full, &node);
    node->attrs.unary.kind = PRT_UNARY_NOT;
    uint32_t any = bools(graph, PRT_OP_REDUCE, IDS(some), narrow, &node);
    node->attrs.reduce =
        (struct prt_reduce_attrs){.kind = PRT_REDUCE_MAX, .axes = 1 << 3, .keep_dims = true};
    uint32_t none = bools(graph, PRT_OP_UNARY, IDS(any), narrow, &node);
    node->attrs.unary.kind = PRT_UNARY_NOT;
    uint32_t zero, y;
    build_node(graph, PRT_OP_FULL, IDS(build_number(graph, 0)), full, 4, &zero);
    build_node(graph, PRT_OP_WHERE, IDS(none, zero, softmax(graph, s)), full, 4, &y);
    return y;
}

static uint32_t safe_attention(struct prt_graph *graph, uint32_t x)
{
    uint32_t hidden;
    return times_values(graph, safe_softmax(graph, scores(graph, x), &hidden), x);
}

static uint32_t scores_read_twice(struct prt_graph *graph, uint32_t x)
{
    uint32_t s = scores(graph, x);
    uint32_t y = times_values(graph, softmax(graph, s), x);
    return build_binary(graph, PRT_BINARY_ADD, build_reshape(graph, y, SIZES(1, 8, 12, 12)), s);
}

static uint32_t scores_read_before_the_mask(struct prt_graph *graph, uint32_t x)
{
    uint32_t s = scores(graph, x), mask = build_constant(graph, SIZES(1, 1, 12, 12));
    uint32_t masked = build_binary(graph, PRT_BINARY_ADD, s, mask);
    uint32_t y = times_values(graph, softmax(graph, masked), x);
    return build_binary(graph, PRT_BINARY_ADD, build_reshape(graph, y, SIZES(1, 8, 12, 12)), s);
}

/* Two attentions with one mask, which is no reason to keep either's scores. */
static uint32_t mask_of_two(struct prt_graph *graph, uint32_t x)
{
    uint32_t mask = unary(graph, PRT_UNARY_TANH, x);
    for (int i = 0; i < 2; i++) {
        uint32_t s = build_binary(graph, PRT_BINARY_ADD, mask, scores(graph, x));
        x = build_reshape(graph, times_values(graph, softmax(graph, s), x), PASSES_IMAGE);
    }
    return x;
}

/* The weights are read as the product reads them: behind a view. */
static uint32_t weights_read_twice(struct prt_graph *graph, uint32_t x)
{
    uint32_t weights = build_reshape(graph, softmax(graph, scores(graph, x)), SIZES(8, 12, 12));
    uint32_t y = matmul(graph, weights, build_reshape(graph, x, SIZES(8, 12, 12)));
    return build_binary(graph, PRT_BINARY_ADD, y, weights);
}

static uint32_t safe_weights_read_twice(struct prt_graph *graph, uint32_t x)
{
    uint32_t hidden, weights = safe_softmax(graph, scores(graph, x), &hidden);
    uint32_t y = build_reshape(graph, times_values(graph, weights, x), PASSES_IMAGE);
    return build_binary(graph, PRT_BINARY_ADD, y, weights);
}

static uint32_t hidden_keys_read_twice(struct prt_graph *graph, uint32_t x)
{
    uint32_t hidden, weights = safe_softmax(graph, scores(graph, x), &hidden), y;
    y = build_reshape(graph, times_values(graph, weights, x), PASSES_IMAGE);
    build_node(graph, PRT_OP_WHERE, IDS(hidden, x, y), PASSES_IMAGE, &y);
    return y;
}

/* ---- the table ---- */

const struct passes_case passes_cases[] = {
    {"padded conv", padded_conv, "layout conv2d layout", 0},
    {"conv padded with ones", conv_padded_with_ones, "pad layout conv2d layout", 0},
    {"conv padded in channels", conv_padded_in_channels, "pad layout conv2d layout", 0},
    {"padded max pool", padded_max_pool, "layout pool2d layout", 0},
    {"max pool of mere padding", max_pool_of_mere_padding, "pad layout pool2d layout", 0},
    {"bias", conv_bias, "layout conv2d layout", 1e-5},
    {"batch norm", batch_norm, "layout conv2d layout", 1e-5},
    {"bias of wrong axis", bias_of_wrong_axis, "layout conv2d binary layout", 0},
    {"residual and prelu", residual_prelu, "layout conv2d conv2d layout", 1e-5},
    {"two convs added", two_convs_added, "layout conv2d conv2d layout", 1e-5},
    {"activation before residual", activation_before_residual, "layout conv2d binary layout", 0},
    {"conv read twice", conv_read_twice, "layout conv2d unary binary layout", 0},
    {"relu by maximum", relu_by_maximum, "layout conv2d layout", 0},
    {"sum then clamp", sum_then_clamp, "unary binary", 0},
    {"constants folded", scale_of_constants, "binary", 0},
    {"nearest of a little more", nearest_of_a_little_more, "layout resize2d unary layout", 0},
    {"wider only", wider_only, "layout resize2d unary layout", 0},
    {"resized to itself", resized_to_itself, "unary", 0},
    {"resized from corner to corner", resized_from_corner_to_corner, "unary", 1e-6},
    {"nhwc island", nhwc_island, "layout conv2d conv2d layout", 1e-5},
    {"views that cancel", views_that_cancel, "unary", 0},
    {"concat in place", head, "layout conv2d conv2d", 0},
    {"tokens of an image", tokens_of_an_image, "layout conv2d", 0},
    {"constant matrix", constant_matrix, "linear", 1e-5},
    {"int8 conv, relu", int8_conv_relu, "quantize layout conv2d dequantize layout", 0.0531},
    {"int8 padded conv", int8_padded_conv, "quantize table layout conv2d dequantize layout",
     0.0617},
    {"int8 residual", int8_residual, "quantize layout conv2d binary dequantize layout", 0.0617},
    {"int8 prelu, rounded twice", int8_prelu_rounded_twice,
     "quantize prelu layout pool2d prelu layout pool2d binary dequantize layout", 0.0307},
    {"int8 moves", int8_moves, "quantize concat dequantize", 0},
    {"rescaled", rescaled, "quantize table dequantize", 0},
    {"float between", float_between, "quantize dequantize binary prelu", 0},
    {"rows of their own", rows_of_their_own, "dynamic_linear unary", 1e-4},
    {"rows with one range", rows_with_one_range, "dynamic_linear dynamic_linear binary", 1e-4},
    {"one view read twice", one_view_read_twice, "dynamic_linear dynamic_linear binary", 1e-4},
    {"rows of images", rows_of_images, "round_rows linear", 1e-4},
    {"hardswish", hardswish_alone, "unary", 0},
    {"hardswish, clamped sum", hardswish_of_clamped_sum, "unary", 0},
    {"not quite hardswish", not_quite_hardswish, "binary binary binary", 0},
    {"ramp clamped twice", ramp_clamped_twice, "binary binary binary", 0},
    {"silu", silu_parts, "unary", 1e-6},
    {"gelu after a conv", gelu_after_conv, "layout conv2d layout", 1e-5},
    {"gelu of a half", gelu_of_half, "unary", 1e-6},
    {"not quite gelu", not_quite_gelu, "binary binary unary binary binary", 0},
    {"scaled hardswish after a conv", scaled_hardswish_after_conv, "layout conv2d layout", 1e-5},
    {"clamp after a function", clamp_after_function, "layout conv2d unary layout", 1e-5},
    {"function behind views", function_behind_views, "layout conv2d layout", 1e-5},
    {"layer norm", layer_norm_parts, "layer_norm", 1e-5},
    {"root mean square", root_mean_square_parts, "layer_norm binary", 1e-5},
    {"mean that others read", mean_that_others_read, "reduce layer_norm binary", 1e-5},
    {"mean of other rows", mean_of_other_rows, "reduce binary unary reduce binary unary binary", 0},
    {"rows regrouped", rows_regrouped, "linear", 1e-5},
    {"number of higher rank", number_of_higher_rank, "linear binary", 1e-5},
    {"matrix repeated", matrix_repeated, "linear", 1e-5},
    {"int8 matrix repeated", int8_matrix_repeated, "quantize linear dequantize", 0.0501},
    {"int8 scale of inputs", int8_scale_of_inputs, "quantize dequantize linear quantize dequantize",
     0.0501},
    {"matrices of a batch", matrices_of_a_batch, "matmul", 0},
    {"exchanged matrix", exchanged_matrix, "unary matmul", 1e-5},
    {"masked attention", masked_attention, "attention", 1e-5},
    {"safe attention", safe_attention, "attention", 1e-5},
    {"mask that was turned", mask_that_was_turned, "unary layout attention", 1e-5},
    {"scores read twice", scores_read_twice, "binary binary layout matmul softmax matmul binary",
     1e-5},
    {"mask of two", mask_of_two, "unary attention attention", 1e-5},
    {"scores read before the mask", scores_read_before_the_mask,
     "binary binary layout matmul binary softmax matmul binary", 1e-5},
    {"weights read twice", weights_read_twice, "binary binary layout matmul softmax matmul binary",
     1e-5},
    {"safe weights read twice", safe_weights_read_twice,
     "binary binary layout matmul binary unary reduce unary softmax where matmul binary", 1e-5},
    {"hidden keys read twice", hidden_keys_read_twice,
     "binary binary layout matmul binary unary reduce unary softmax where matmul where", 1e-5},
};

const size_t passes_case_count = sizeof passes_cases / sizeof *passes_cases;
