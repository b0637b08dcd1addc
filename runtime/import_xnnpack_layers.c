/* Why: the nodes of the XNNPACK importer that slide windows and multiply matrices. */
#include "runtime/import_xnnpack_node.h"

#include <math.h>
#include <string.h>

/* ---- convolution and products ---- */

/* [1, h, w, O] as [O, h, w, 1]: XNNPACK keeps the channels of a depthwise weight innermost, and
 * there they stay. */
static enum percept_status depthwise_weight(const struct prt_xnn_node *node, uint32_t *weight)
{
    struct prt_import *import = node->xnn->import;
    const struct prt_value *value = &import->graph->values[*weight];
    struct prt_tensor from = value->tensor;
    if (!(value->flags & PRT_FLAG_CONSTANT) || from.rank != 4 || from.sizes[0] != 1)
        return prt_import_fail(import, PERCEPT_UNSUPPORTED, "the weight is not a constant");
    const int32_t sizes[4] = {from.sizes[3], from.sizes[1], from.sizes[2], 1};
    struct prt_tensor to = prt_import_like(&from, 4, sizes);
    to.quant = from.quant;
    if (to.quant.kind == PRT_QUANT_PER_CHANNEL && to.quant.axis != 3)
        return prt_import_fail(import, PERCEPT_UNSUPPORTED, "scales are not by output channel");
    to.quant.axis = 0;
    memcpy(to.dim_order, (const uint8_t[]){3, 1, 2, 0}, 4);
    const uint32_t deferred = value->flags & PRT_FLAGS_DEFERRED;
    enum percept_status status = prt_import_constant(import, &to, value->data, weight);
    if (status == PERCEPT_OK)
        import->graph->values[*weight].flags |= deferred;
    return status;
}

/* Does a bias of integers count in units of input scale * weight scale, as it must? */
static bool bias_scale_fits(const struct prt_quant *bias, const struct prt_quant *input,
                            const struct prt_quant *weight, uint32_t count)
{
    if (bias->kind != PRT_QUANT_PER_TENSOR && bias->count != count)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        if (weight->kind == PRT_QUANT_PER_CHANNEL && i >= weight->count)
            return false;
        float stated = bias->kind == PRT_QUANT_PER_TENSOR ? bias->scale : bias->scales[i];
        float unit = weight->kind == PRT_QUANT_PER_TENSOR ? weight->scale : weight->scales[i];
        float wanted = input->scale * unit;
        if (!(fabsf(stated - wanted) <= 1e-5f * wanted))
            return false;
    }
    return true;
}

/* The bias of x * weight, as a vector; integers of another unit become float32. */
static enum percept_status bias_of(const struct prt_xnn_node *node, unsigned field, uint32_t x,
                                   uint32_t weight, uint32_t *bias)
{
    struct prt_import *import = node->xnn->import;
    uint32_t id = prt_fb_u32(node->table, field);
    *bias = PRT_NO_VALUE;
    if (id == UINT32_MAX)
        return PERCEPT_OK;
    enum percept_status status = prt_xnn_value(node->xnn, id, bias);
    if (status == PERCEPT_OK)
        status = prt_xnn_vector(node, *bias, bias);
    if (status != PERCEPT_OK)
        return status;
    const struct prt_value *value = &import->graph->values[*bias];
    struct prt_tensor spec = value->tensor;
    const struct prt_quant *input = &prt_xnn_spec(node, x)->quant,
                           *unit = &prt_xnn_spec(node, weight)->quant;
    if (spec.dtype != PRT_I32 || input->kind != PRT_QUANT_PER_TENSOR ||
        unit->kind == PRT_QUANT_NONE)
        return PERCEPT_OK;
    if (spec.quant.kind == PRT_QUANT_NONE || !(value->flags & PRT_FLAG_CONSTANT))
        return prt_import_fail(import, PERCEPT_UNSUPPORTED, "the bias is not a quantised constant");
    uint32_t count = (uint32_t)spec.sizes[0];
    if (bias_scale_fits(&spec.quant, input, unit, count))
        return PERCEPT_OK;
    const void *data;
    status = prt_import_data(import, *bias, &data);
    if (status != PERCEPT_OK)
        return status;
    const int32_t *codes = data;
    struct prt_quant quant = spec.quant;
    float *reals = base_arena_array(&import->graph->arena, count, sizeof *reals);
    if (!reals)
        return prt_import_no_memory(import);
    for (uint32_t i = 0; i < count; i++) {
        float scale = quant.kind == PRT_QUANT_PER_TENSOR ? quant.scale : quant.scales[i];
        reals[i] = (float)codes[i] * scale;
    }
    spec.dtype = PRT_F32;
    spec.quant = (struct prt_quant){0};
    return prt_import_constant(import, &spec, reals, bias);
}

enum percept_status prt_xnn_convolution(const struct prt_xnn_node *node, int kind)
{
    uint32_t x, weight, scales, bias, y;
    enum percept_status status = prt_xnn_values_at(node, CONV_INPUT, CONV_OUTPUT, &x, &y);
    if (status == PERCEPT_OK)
        status = prt_xnn_weight(node, CONV_WEIGHT, &weight, &scales);
    if (status == PERCEPT_OK && prt_xnn_spec(node, x)->dtype == PRT_F32)
        status = prt_xnn_real_weight(node, scales, &weight);
    if (status == PERCEPT_OK && kind == PRT_XNN_DEPTHWISE)
        status = depthwise_weight(node, &weight);
    if (status == PERCEPT_OK)
        status = bias_of(node, CONV_BIAS, x, weight, &bias);
    if (status != PERCEPT_OK)
        return status;
    const struct prt_fb_table t = node->table;
    const struct prt_tensor *w = prt_xnn_spec(node, weight);
    struct prt_conv_attrs attrs = {
        .stride = {prt_fb_i32(t, WINDOW_STRIDE), prt_fb_i32(t, WINDOW_STRIDE + 1)},
        .dilation = {prt_fb_i32(t, WINDOW_DILATION), prt_fb_i32(t, WINDOW_DILATION + 1)},
        .padding = {prt_fb_i32(t, WINDOW_TOP), prt_fb_i32(t, WINDOW_BOTTOM),
                    prt_fb_i32(t, WINDOW_LEFT), prt_fb_i32(t, WINDOW_RIGHT)},
        .output_padding = {prt_fb_i32(t, CONV_ADJUSTMENT), prt_fb_i32(t, CONV_ADJUSTMENT + 1)},
        .groups = prt_fb_i32(t, CONV_GROUPS),
        .transposed = kind == PRT_XNN_TRANSPOSED,
        .nhwc = true,
        .act = node->act,
    };
    if (w->rank != 4 || w->sizes[1] != prt_fb_i32(t, WINDOW_KERNEL) ||
        w->sizes[2] != prt_fb_i32(t, WINDOW_KERNEL + 1) ||
        w->sizes[3] != prt_fb_i32(t, CONV_GROUP_INPUTS) ||
        w->sizes[0] != (int64_t)prt_fb_i32(t, CONV_GROUP_OUTPUTS) * attrs.groups)
        return prt_xnn_malformed(node, "the weight's sizes are not those stated");
    struct prt_node *made = prt_xnn_add(
        node, PRT_OP_CONV2D, y, 5, (const uint32_t[]){x, weight, bias, PRT_NO_VALUE, PRT_NO_VALUE});
    if (!made)
        return PERCEPT_NO_MEMORY;
    made->attrs.conv = attrs;
    return PERCEPT_OK;
}

enum percept_status prt_xnn_fully_connected(const struct prt_xnn_node *node, int kind)
{
    (void)kind;
    uint32_t x, weight, scales, bias, y;
    bool done = false;
    enum percept_status status = prt_xnn_values_at(node, LINEAR_INPUT, LINEAR_OUTPUT, &x, &y);
    if (status == PERCEPT_OK)
        status = prt_xnn_weight(node, LINEAR_WEIGHT, &weight, &scales);
    if (status == PERCEPT_OK)
        status = bias_of(node, LINEAR_BIAS, x, weight, &bias);
    if (status == PERCEPT_OK && prt_xnn_spec(node, x)->dtype == PRT_F32)
        status = prt_xnn_dynamic_linear(node, x, weight, scales, bias, y, &done);
    if (status == PERCEPT_OK && !done && prt_xnn_spec(node, x)->dtype == PRT_F32)
        status = prt_xnn_real_weight(node, scales, &weight);
    if (status != PERCEPT_OK || done)
        return status;
    if (status != PERCEPT_OK)
        return status;
    struct prt_node *made = prt_xnn_add(
        node, PRT_OP_LINEAR, y, 5, (const uint32_t[]){x, weight, bias, PRT_NO_VALUE, PRT_NO_VALUE});
    if (!made)
        return PERCEPT_NO_MEMORY;
    made->attrs.linear =
        (struct prt_linear_attrs){.weight_is_io = node->flags & FLAG_TRANSPOSE, .act = node->act};
    return PERCEPT_OK;
}

enum percept_status prt_xnn_matmul(const struct prt_xnn_node *node, int kind)
{
    (void)kind;
    uint32_t a, b, y;
    enum percept_status status = prt_xnn_values_at(node, TWO_A, TWO_OUTPUT, &a, &y);
    if (status == PERCEPT_OK)
        status = prt_xnn_value_at(node, TWO_B, &b);
    if (status != PERCEPT_OK)
        return status;
    struct prt_node *made = prt_xnn_add(node, PRT_OP_MATMUL, y, 2, (const uint32_t[]){a, b});
    if (!made)
        return PERCEPT_NO_MEMORY;
    made->attrs.matmul.transpose_b = node->flags & FLAG_TRANSPOSE;
    return PERCEPT_OK;
}

/* XNNPACK scales each channel of the query: y = softmax((query * scale) key^T + mask) value. */
enum percept_status prt_xnn_attention(const struct prt_xnn_node *node, int kind)
{
    (void)kind;
    enum { QUERY, KEY, VALUE, SCALE, MASK, OUTPUT };
    uint32_t operands[OUTPUT + 1], scaled;
    enum percept_status status = PERCEPT_OK;
    for (unsigned i = 0; i <= OUTPUT && status == PERCEPT_OK; i++)
        status = prt_xnn_value_at(node, i, &operands[i]);
    if (status == PERCEPT_OK)
        status =
            prt_import_temporary(node->xnn->import, prt_xnn_spec(node, operands[QUERY]), &scaled);
    if (status != PERCEPT_OK)
        return status;
    struct prt_node *made = prt_xnn_add(node, PRT_OP_BINARY, scaled, 2,
                                        (const uint32_t[]){operands[QUERY], operands[SCALE]});
    if (!made)
        return PERCEPT_NO_MEMORY;
    made->attrs.binary = (struct prt_binary_attrs){.kind = PRT_BINARY_MUL, .alpha = 1};
    made = prt_xnn_add(node, PRT_OP_ATTENTION, operands[OUTPUT], 4,
                       (const uint32_t[]){scaled, operands[KEY], operands[VALUE], operands[MASK]});
    if (!made)
        return PERCEPT_NO_MEMORY;
    made->attrs.attention = (struct prt_attention_attrs){.scale = 1};
    return PERCEPT_OK;
}

/* ---- windows ---- */

enum percept_status prt_xnn_pool(const struct prt_xnn_node *node, int is_max)
{
    uint32_t x, y, target;
    enum percept_status status = prt_xnn_values_at(node, POOL_INPUT, POOL_OUTPUT, &x, &y);
    target = y;
    if (status == PERCEPT_OK && is_max)
        status = prt_xnn_begin_move(node, x, y, &target);
    if (status != PERCEPT_OK)
        return status;
    const struct prt_fb_table t = node->table;
    struct prt_node *made = prt_xnn_add(node, PRT_OP_POOL2D, target, 1, &x);
    if (!made)
        return PERCEPT_NO_MEMORY;
    /* XNNPACK's average leaves the padding out. */
    made->attrs.pool = (struct prt_pool_attrs){
        .is_max = is_max,
        .nhwc = true,
        .kernel = {prt_fb_i32(t, WINDOW_KERNEL), prt_fb_i32(t, WINDOW_KERNEL + 1)},
        .stride = {prt_fb_i32(t, WINDOW_STRIDE), prt_fb_i32(t, WINDOW_STRIDE + 1)},
        .dilation = {is_max ? prt_fb_i32(t, WINDOW_DILATION) : 1,
                     is_max ? prt_fb_i32(t, WINDOW_DILATION + 1) : 1},
        .padding = {prt_fb_i32(t, WINDOW_TOP), prt_fb_i32(t, WINDOW_BOTTOM),
                    prt_fb_i32(t, WINDOW_LEFT), prt_fb_i32(t, WINDOW_RIGHT)},
        .act = node->act,
    };
    return prt_xnn_finish_move(node, target, y);
}

/* Windows side by side. The places of the greatest are not computed: reading them is an error. */
enum percept_status prt_xnn_arg_max_pool(const struct prt_xnn_node *node, int kind)
{
    (void)kind;
    uint32_t x, y;
    enum percept_status status = prt_xnn_values_at(node, ARG_MAX_INPUT, ARG_MAX_OUTPUT, &x, &y);
    if (status != PERCEPT_OK)
        return status;
    const struct prt_fb_table t = node->table;
    int32_t height = prt_fb_i32(t, WINDOW_KERNEL), width = prt_fb_i32(t, WINDOW_KERNEL + 1);
    struct prt_node *made = prt_xnn_add(node, PRT_OP_POOL2D, y, 1, &x);
    if (!made)
        return PERCEPT_NO_MEMORY;
    made->attrs.pool = (struct prt_pool_attrs){
        .is_max = true,
        .nhwc = true,
        .kernel = {height, width},
        .stride = {height, width},
        .dilation = {1, 1},
        .padding = {prt_fb_i32(t, WINDOW_TOP), prt_fb_i32(t, WINDOW_BOTTOM),
                    prt_fb_i32(t, WINDOW_LEFT), prt_fb_i32(t, WINDOW_RIGHT)},
        .act = node->act,
    };
    return PERCEPT_OK;
}

enum percept_status prt_xnn_global_average(const struct prt_xnn_node *node, int kind)
{
    (void)kind;
    uint32_t x, y, mean;
    enum percept_status status = prt_xnn_values_at(node, ONE_INPUT, ONE_OUTPUT, &x, &y);
    mean = y;
    if (status == PERCEPT_OK && node->act.kind == PRT_ACT_CLAMP)
        status = prt_import_temporary(node->xnn->import, prt_xnn_spec(node, y), &mean);
    if (status != PERCEPT_OK)
        return status;
    if (prt_xnn_spec(node, x)->rank != 4)
        return prt_xnn_malformed(node, "the operand has not four dimensions");
    struct prt_node *made = prt_xnn_add(node, PRT_OP_REDUCE, mean, 1, &x);
    if (!made)
        return PERCEPT_NO_MEMORY;
    made->attrs.reduce = (struct prt_reduce_attrs){.kind = PRT_REDUCE_MEAN,
                                                   .axes = 1u << 1 | 1u << 2,
                                                   .keep_dims = node->flags & FLAG_KEEP_DIMS};
    return mean == y ? PERCEPT_OK
                     : prt_xnn_unary(node, PRT_UNARY_CLAMP, mean, (double)node->act.lo,
                                     (double)node->act.hi, y);
}

enum percept_status prt_xnn_resize(const struct prt_xnn_node *node, int kind)
{
    (void)kind;
    uint32_t x, y, target;
    enum percept_status status = prt_xnn_values_at(node, SHAPE_INPUT, SHAPE_OUTPUT, &x, &y);
    if (status == PERCEPT_OK)
        status = prt_xnn_begin_move(node, x, y, &target);
    if (status != PERCEPT_OK)
        return status;
    const struct prt_tensor *spec = prt_xnn_spec(node, y);
    if (spec->rank != 4 || spec->sizes[1] != prt_fb_i32(node->table, SHAPE_FIRST) ||
        spec->sizes[2] != prt_fb_i32(node->table, SHAPE_SECOND))
        return prt_xnn_malformed(node, "the result's sizes are not those stated");
    bool align = node->flags & FLAG_ALIGN_CORNERS, legacy = node->flags & FLAG_LEGACY_RESIZE;
    struct prt_node *made = prt_xnn_add(node, PRT_OP_RESIZE2D, target, 1, &x);
    if (!made)
        return PERCEPT_NO_MEMORY;
    made->attrs.resize = (struct prt_resize_attrs){
        .nhwc = true, .bilinear = true, .align_corners = align, .half_pixel = !align && !legacy};
    return prt_xnn_finish_move(node, target, y);
}
