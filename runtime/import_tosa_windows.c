/*
 * Why: TOSA's convolutions, products and pools. Of floats they are the graph's own; of integers
 * they keep their own ops, whose sums are exact.
 */
#include "runtime/import_tosa.h"

#include "runtime/graph_integer.h"

#include <string.h>

static bool is_integer(const struct prt_tensor *x)
{
    return x->dtype == PRT_I8 || x->dtype == PRT_I16;
}

static enum percept_status needs_rank(struct prt_tosa_call *call, uint32_t index, unsigned rank)
{
    unsigned found = prt_tosa_input(call, index)->rank;
    if (found != rank)
        return prt_import_fail(call->import, PERCEPT_MALFORMED,
                               "operand %u has %u dimensions instead of %u", index, found, rank);
    return PERCEPT_OK;
}

/* ---- convolutions ---- */

/* Depthwise weights are [kh, kw, C, M] here and [C * M, kh, kw, 1] in the graph. */
static enum percept_status depthwise_weight(struct prt_import *import, uint32_t *weight)
{
    struct prt_tensor spec = *prt_import_spec(import, *weight);
    static const uint8_t channels_first[PRT_MAX_RANK] = {2, 0, 1, 3};
    int64_t channels = (int64_t)spec.sizes[2] * spec.sizes[3];
    if (channels > INT32_MAX)
        return prt_import_fail(import, PERCEPT_MALFORMED, "a weight has too many channels");
    const int32_t rows = spec.sizes[0], columns = spec.sizes[1], out = (int32_t)channels;
    struct prt_tensor flat = prt_import_like(&spec, 4, (const int32_t[]){rows, columns, out, 1});
    struct prt_tensor moved = prt_import_like(&spec, 4, (const int32_t[]){out, rows, columns, 1});
    uint32_t a, b;
    enum percept_status status = prt_import_temporary(import, &flat, &a);
    if (status == PERCEPT_OK)
        status = prt_import_reshape(import, *weight, a);
    if (status == PERCEPT_OK)
        status = prt_import_temporary(import, &moved, &b);
    if (status == PERCEPT_OK)
        status = prt_import_permute(import, a, channels_first, b);
    if (status == PERCEPT_OK)
        *weight = b;
    return status;
}

/* A bias of one element is that of all channels. */
static enum percept_status wide_bias(struct prt_import *import, int32_t channels, uint32_t *bias)
{
    const struct prt_tensor *spec = prt_import_spec(import, *bias);
    if (spec->rank != 1 || spec->sizes[0] != 1 || channels == 1)
        return PERCEPT_OK;
    struct prt_tensor wide = prt_import_like(spec, 1, &channels);
    uint32_t one, y;
    enum percept_status status = prt_import_int(import, 1, &one);
    if (status == PERCEPT_OK)
        status = prt_import_temporary(import, &wide, &y);
    if (status == PERCEPT_OK)
        status = prt_aten_binary(import, PRT_BINARY_MUL, *bias, one, 1, y);
    if (status == PERCEPT_OK)
        *bias = y;
    return status;
}

static enum percept_status float_conv(struct prt_tosa_call *call,
                                      const struct prt_integer_conv_attrs *from)
{
    struct prt_import *import = call->import;
    uint32_t weight = call->ids[1], bias = call->ids[2];
    struct prt_conv_attrs attrs = {
        .groups = 1, .nhwc = true, .transposed = from->kind == PRT_INTEGER_TRANSPOSED};
    memcpy(attrs.stride, from->stride, sizeof attrs.stride);
    memcpy(attrs.dilation, from->dilation, sizeof attrs.dilation);
    memcpy(attrs.padding, from->padding, sizeof attrs.padding);
    enum percept_status status = PERCEPT_OK;
    if (attrs.transposed) {
        /* What TOSA adds around a result, the graph takes away, but for the end of it. */
        for (int i = 0; i < 4; i++) {
            if (from->padding[i] < -INT32_MAX)
                return prt_import_fail(import, PERCEPT_MALFORMED, "pads by %d", from->padding[i]);
            attrs.padding[i] = from->padding[i] > 0 ? 0 : -from->padding[i];
            if (from->padding[i] > 0 && i % 2)
                attrs.output_padding[i / 2] = from->padding[i];
            else if (from->padding[i] > 0)
                return prt_import_fail(import, PERCEPT_UNSUPPORTED, "adds rows before the result");
        }
    } else if (from->kind == PRT_INTEGER_DEPTHWISE) {
        attrs.groups = prt_tosa_input(call, 0)->sizes[3];
        status = depthwise_weight(import, &weight);
    }
    if (status == PERCEPT_OK)
        status = wide_bias(import, prt_tosa_result(call)->sizes[3], &bias);
    if (status != PERCEPT_OK)
        return status;
    struct prt_node *node =
        prt_import_node(import, PRT_OP_CONV2D, call->y, 5,
                        (const uint32_t[]){call->ids[0], weight, bias, PRT_NO_VALUE, PRT_NO_VALUE});
    if (!node)
        return PERCEPT_NO_MEMORY;
    node->attrs.conv = attrs;
    return PERCEPT_OK;
}

enum percept_status prt_tosa_conv2d(struct prt_tosa_call *call,
                                    const struct prt_integer_conv_attrs *from)
{
    struct prt_integer_conv_attrs attrs = *from;
    if (!is_integer(prt_tosa_input(call, 0)))
        return float_conv(call, from);
    enum percept_status status = prt_tosa_zero(call, 3, &attrs.zero_x);
    if (status == PERCEPT_OK)
        status = prt_tosa_zero(call, 4, &attrs.zero_weight);
    if (status != PERCEPT_OK)
        return status;
    struct prt_node *node =
        prt_import_node(call->import, PRT_OP_INTEGER_CONV, call->y, 3, call->ids);
    if (!node)
        return PERCEPT_NO_MEMORY;
    node->attrs.integer_conv = attrs;
    return PERCEPT_OK;
}

/* (input, weight, bias, input zero point, weight zero point); padding, stride, dilation */
static enum percept_status conv(struct prt_tosa_call *call, int kind)
{
    struct prt_integer_conv_attrs attrs = {.kind = (enum prt_integer_conv_kind)kind,
                                           .dilation = {1, 1}};
    enum percept_status status = needs_rank(call, 0, 4);
    if (status == PERCEPT_OK)
        status = needs_rank(call, 1, 4);
    if (status == PERCEPT_OK && prt_tosa_result(call)->rank != 4)
        status = prt_import_fail(call->import, PERCEPT_MALFORMED, "has no four dimensions");
    if (status == PERCEPT_OK)
        status = prt_tosa_list(call, 0, attrs.padding, 4);
    if (status == PERCEPT_OK)
        status = prt_tosa_list(call, 1, attrs.stride, 2);
    if (status == PERCEPT_OK && kind != PRT_INTEGER_TRANSPOSED)
        status = prt_tosa_list(call, 2, attrs.dilation, 2);
    return status == PERCEPT_OK ? prt_tosa_conv2d(call, &attrs) : status;
}

/* (a, b, zero points) */
static enum percept_status matmul(struct prt_tosa_call *call, int kind)
{
    (void)kind;
    struct prt_integer_matmul_attrs attrs = {0};
    enum percept_status status = PERCEPT_OK;
    if (!is_integer(prt_tosa_input(call, 0)))
        return prt_import_node(call->import, PRT_OP_MATMUL, call->y, 2, call->ids)
                   ? PERCEPT_OK
                   : PERCEPT_NO_MEMORY;
    status = prt_tosa_zero(call, 2, &attrs.zero_a);
    if (status == PERCEPT_OK)
        status = prt_tosa_zero(call, 3, &attrs.zero_b);
    if (status != PERCEPT_OK)
        return status;
    struct prt_node *node =
        prt_import_node(call->import, PRT_OP_INTEGER_MATMUL, call->y, 2, call->ids);
    if (!node)
        return PERCEPT_NO_MEMORY;
    node->attrs.integer_matmul = attrs;
    return PERCEPT_OK;
}

/* ---- pools ---- */

/* (input[, zero points]); kernel, stride, padding */
static enum percept_status pool(struct prt_tosa_call *call, int kind)
{
    struct prt_pool_attrs attrs = {.is_max = kind, .nhwc = true, .dilation = {1, 1}};
    enum percept_status status = prt_tosa_list(call, 0, attrs.kernel, 2);
    if (status == PERCEPT_OK)
        status = prt_tosa_list(call, 1, attrs.stride, 2);
    if (status == PERCEPT_OK)
        status = prt_tosa_list(call, 2, attrs.padding, 4);
    if (status != PERCEPT_OK)
        return status;
    bool integer = is_integer(prt_tosa_input(call, 0));
    int32_t zero_x = 0, zero_y = 0;
    if (integer && !attrs.is_max) {
        status = prt_tosa_zero(call, 1, &zero_x);
        if (status == PERCEPT_OK)
            status = prt_tosa_zero(call, 2, &zero_y);
        if (status != PERCEPT_OK)
            return status;
    }
    struct prt_node *node = prt_import_node(
        call->import, integer ? PRT_OP_INTEGER_POOL : PRT_OP_POOL2D, call->y, 1, call->ids);
    if (!node)
        return PERCEPT_NO_MEMORY;
    if (integer)
        node->attrs.integer_pool =
            (struct prt_integer_pool_attrs){.window = attrs, .zero_x = zero_x, .zero_y = zero_y};
    else
        node->attrs.pool = attrs;
    return PERCEPT_OK;
}

/* ---- resizing ---- */

static enum percept_status in_32_bits(struct prt_tosa_call *call, const int64_t *from,
                                      uint32_t count, uint32_t wanted, int32_t *to)
{
    for (uint32_t i = 0; i < count; i++)
        if (from[i] < INT16_MIN || from[i] > INT16_MAX)
            return prt_import_fail(call->import, PERCEPT_MALFORMED, "%lld is out of range",
                                   (long long)from[i]);
        else
            to[i] = (int32_t)from[i];
    return count == wanted ? PERCEPT_OK
                           : prt_import_fail(call->import, PERCEPT_MALFORMED,
                                             "has %u numbers instead of %u", count, wanted);
}

/* (input, scale, offset, border); mode */
static enum percept_status resize(struct prt_tosa_call *call, int kind)
{
    (void)kind;
    enum { BILINEAR = 2 };
    struct prt_scaled_resize_attrs attrs = {.bilinear =
                                                prt_fb_u32(call->attributes, 0) == BILINEAR};
    int64_t numbers[4];
    int32_t border[2];
    int32_t *const places[] = {attrs.scale, attrs.offset, border};
    static const uint32_t counts[] = {4, 2, 2};
    for (uint32_t i = 0; i < 3; i++) {
        uint32_t count;
        enum percept_status status = prt_tosa_ints(call, 1 + i, numbers, counts[i], &count);
        if (status == PERCEPT_OK)
            status = in_32_bits(call, numbers, count, counts[i], places[i]);
        if (status != PERCEPT_OK)
            return status;
    }
    struct prt_node *node =
        prt_import_node(call->import, PRT_OP_SCALED_RESIZE, call->y, 1, call->ids);
    if (!node)
        return PERCEPT_NO_MEMORY;
    node->attrs.scaled_resize = attrs;
    return PERCEPT_OK;
}

/* ---- scales and tables ---- */

/* (input, multiplier, shift, zero points); scale32, rounding, per channel, signs */
static enum percept_status rescale(struct prt_tosa_call *call, int kind)
{
    (void)kind;
    enum { SCALE32, ROUNDING, PER_CHANNEL, IN_UNSIGNED, OUT_UNSIGNED };
    enum { DOUBLE_ROUND = 3 };
    struct prt_import *import = call->import;
    struct prt_rescale_attrs attrs = {.double_round =
                                          prt_fb_u32(call->attributes, ROUNDING) == DOUBLE_ROUND,
                                      .unsigned_x = prt_fb_bool(call->attributes, IN_UNSIGNED),
                                      .unsigned_y = prt_fb_bool(call->attributes, OUT_UNSIGNED)};
    const struct prt_tensor *x = prt_tosa_input(call, 0);
    size_t count = prt_tensor_elements(prt_tosa_input(call, 1));
    size_t wanted =
        prt_fb_bool(call->attributes, PER_CHANNEL) && x->rank ? (size_t)x->sizes[x->rank - 1] : 1;
    if (count != wanted || prt_tensor_elements(prt_tosa_input(call, 2)) != wanted)
        return prt_import_fail(import, PERCEPT_MALFORMED, "has %zu scales instead of %zu", count,
                               wanted);
    double *numbers = base_arena_array(&import->arena, count, sizeof *numbers);
    int32_t *multipliers = base_arena_array(&import->graph->arena, count, sizeof *multipliers);
    uint8_t *shifts = base_arena_array(&import->graph->arena, count, sizeof *shifts);
    uint32_t found;
    if (!numbers || !multipliers || !shifts)
        return prt_import_no_memory(import);
    enum percept_status status = prt_tosa_numbers(call, 1, numbers, (uint32_t)count, &found);
    for (size_t i = 0; i < count && status == PERCEPT_OK; i++)
        multipliers[i] =
            numbers[i] >= INT32_MIN && numbers[i] <= INT32_MAX ? (int32_t)numbers[i] : 0;
    if (status == PERCEPT_OK)
        status = prt_tosa_numbers(call, 2, numbers, (uint32_t)count, &found);
    for (size_t i = 0; i < count && status == PERCEPT_OK; i++) {
        if (!(numbers[i] >= 2 && numbers[i] <= 62))
            return prt_import_fail(import, PERCEPT_MALFORMED, "shifts by %g", numbers[i]);
        shifts[i] = (uint8_t)numbers[i];
    }
    if (status == PERCEPT_OK)
        status = prt_tosa_zero(call, 3, &attrs.zero_x);
    if (status == PERCEPT_OK)
        status = prt_tosa_zero(call, 4, &attrs.zero_y);
    if (status != PERCEPT_OK)
        return status;
    attrs.count = (uint32_t)count;
    attrs.multipliers = multipliers;
    attrs.shifts = shifts;
    struct prt_node *node = prt_import_node(import, PRT_OP_RESCALE, call->y, 1, call->ids);
    if (!node)
        return PERCEPT_NO_MEMORY;
    node->attrs.rescale = attrs;
    return PERCEPT_OK;
}

/* (input, table) */
static enum percept_status table(struct prt_tosa_call *call, int kind)
{
    (void)kind;
    return prt_import_node(call->import, PRT_OP_TABLE, call->y, 2, call->ids) ? PERCEPT_OK
                                                                              : PERCEPT_NO_MEMORY;
}

static const struct prt_tosa_op ops[] = {
    {2, "TOSA AVG_POOL2D", 3, pool, false},
    {3, "TOSA CONV2D", 5, conv, PRT_INTEGER_CONV},
    {5, "TOSA DEPTHWISE_CONV2D", 5, conv, PRT_INTEGER_DEPTHWISE},
    {7, "TOSA MATMUL", 4, matmul, 0},
    {8, "TOSA MAX_POOL2D", 1, pool, true},
    {10, "TOSA TRANSPOSE_CONV2D", 5, conv, PRT_INTEGER_TRANSPOSED},
    {31, "TOSA TABLE", 2, table, 0},
    {64, "TOSA RESIZE", 4, resize, 0},
    {66, "TOSA RESCALE", 5, rescale, 0},
};

const struct prt_tosa_table prt_tosa_windows = PRT_TOSA_TABLE(ops);
