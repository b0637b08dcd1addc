/* Why: one row for each kind of XNNPACK node, one translator for each family of rows. Operands that
 * do not fit together are found when the graph is finished. */
#include "runtime/import_xnnpack.h"

#include <math.h>
#include <string.h>

/* Where the tables of a family keep their fields; see runtime_schema.fbs. */
enum { ONE_INPUT, ONE_OUTPUT, ONE_FLAGS };
enum { TWO_A, TWO_B, TWO_OUTPUT, TWO_FLAGS };
enum { PARAMETER, PARAMETER_INPUT, PARAMETER_OUTPUT, PARAMETER_FLAGS };
enum { LINEAR_INPUT, LINEAR_WEIGHT, LINEAR_BIAS, LINEAR_OUTPUT, LINEAR_FLAGS };
/* Transpose, reshape, resize: two fields, then what they work on. */
enum { SHAPE_FIRST, SHAPE_SECOND, SHAPE_INPUT, SHAPE_OUTPUT, SHAPE_FLAGS };
/* Pad, slice: three fields. */
enum { PART_FIRST, PART_SECOND, PART_THIRD, PART_INPUT, PART_OUTPUT, PART_FLAGS };
enum { CAT_AXIS, CAT_FIRST, CAT_OUTPUT = 5, CAT_FLAGS, CAT_FIFTH };
enum {
    WINDOW_TOP,
    WINDOW_RIGHT,
    WINDOW_BOTTOM,
    WINDOW_LEFT,
    WINDOW_KERNEL,
    WINDOW_STRIDE = 6,
    WINDOW_DILATION = 8,
    POOL_INPUT = 10,
    POOL_OUTPUT,
    POOL_FLAGS,
    CONV_GROUP_INPUTS = 10,
    CONV_GROUP_OUTPUTS,
    CONV_GROUPS,
    CONV_ADJUSTMENT,
    CONV_INPUT = 15,
    CONV_WEIGHT,
    CONV_BIAS,
    CONV_OUTPUT,
    CONV_FLAGS,
};

enum {
    FLAG_TRANSPOSE = 1,
    FLAG_LEGACY_RESIZE = 4,
    FLAG_ALIGN_CORNERS = 8,
    FLAG_KEEP_DIMS = 0x40, /* exporters also set it where it means nothing */
};

struct node {
    struct prt_xnn *xnn;
    struct prt_fb_table table;
    uint32_t flags;
    struct prt_activation act; /* what the node states as bounds of its output */
};

struct row {
    const char *name;
    enum percept_status (*translate)(const struct node *node, int kind);
    int kind;
    unsigned flags_field;
    uint32_t allowed_flags;
};

/* ---- helpers ---- */

static enum percept_status value_at(const struct node *node, unsigned field, uint32_t *id)
{
    return prt_xnn_value(node->xnn, prt_fb_u32(node->table, field), id);
}

static enum percept_status values_at(const struct node *node, unsigned input, unsigned output,
                                     uint32_t *x, uint32_t *y)
{
    enum percept_status status = value_at(node, input, x);
    return status == PERCEPT_OK ? value_at(node, output, y) : status;
}

static const struct prt_tensor *spec_of(const struct node *node, uint32_t id)
{
    return prt_import_spec(node->xnn->import, id);
}

static struct prt_node *add(const struct node *node, enum prt_op op, uint32_t y, unsigned count,
                            const uint32_t *inputs)
{
    return prt_import_node(node->xnn->import, op, y, count, inputs);
}

static enum percept_status malformed(const struct node *node, const char *what)
{
    return prt_import_fail(node->xnn->import, PERCEPT_MALFORMED, "%s", what);
}

/* An op that moves codes cannot change their scale: y itself when it has x's, else a value that
 * finish_move then converts. */
static enum percept_status begin_move(const struct node *node, uint32_t x, uint32_t y,
                                      uint32_t *target)
{
    const struct prt_quant *from = &spec_of(node, x)->quant, *to = &spec_of(node, y)->quant;
    *target = y;
    if (from->kind != PRT_QUANT_PER_TENSOR || to->kind != PRT_QUANT_PER_TENSOR ||
        (from->scale == to->scale && from->zero_point == to->zero_point))
        return PERCEPT_OK;
    struct prt_tensor spec = *spec_of(node, y);
    spec.quant = *from;
    spec.dtype = spec_of(node, x)->dtype;
    return prt_import_temporary(node->xnn->import, &spec, target);
}

static enum percept_status finish_move(const struct node *node, uint32_t target, uint32_t y)
{
    if (target == y)
        return PERCEPT_OK;
    return add(node, PRT_OP_QUANTIZE, y, 1, &target) ? PERCEPT_OK : PERCEPT_NO_MEMORY;
}

/* Integers of a vector that must have count of them. */
static enum percept_status integers(const struct node *node, unsigned field, unsigned count,
                                    int32_t *items)
{
    struct prt_fb_vector list = prt_fb_list(node->table, field, 4);
    if (list.count != count)
        return malformed(node, "has a list that does not fit its operand's dimensions");
    for (uint32_t i = 0; i < count; i++) {
        items[i] = (int32_t)prt_fb_item(list, i, 4);
        if (items[i] < 0)
            return malformed(node, "has a number out of range");
    }
    return PERCEPT_OK;
}

/* ---- elementwise ---- */

static enum percept_status unary_node(const struct node *node, enum prt_unary_kind kind, uint32_t x,
                                      double a, double b, uint32_t y)
{
    struct prt_node *made = add(node, PRT_OP_UNARY, y, 1, &x);
    if (!made)
        return PERCEPT_NO_MEMORY;
    made->attrs.unary = (struct prt_unary_attrs){.kind = kind, .a = a, .b = b};
    return PERCEPT_OK;
}

static enum percept_status unary(const struct node *node, int kind)
{
    uint32_t x, y;
    enum percept_status status = values_at(node, ONE_INPUT, ONE_OUTPUT, &x, &y);
    bool clamp = kind == PRT_UNARY_CLAMP && node->act.kind == PRT_ACT_CLAMP;
    return status == PERCEPT_OK ? unary_node(node, (enum prt_unary_kind)kind, x,
                                             clamp ? (double)node->act.lo : -INFINITY,
                                             clamp ? (double)node->act.hi : INFINITY, y)
                                : status;
}

static enum percept_status unary_parameter(const struct node *node, int kind)
{
    uint32_t x, y;
    enum percept_status status = values_at(node, PARAMETER_INPUT, PARAMETER_OUTPUT, &x, &y);
    return status == PERCEPT_OK ? unary_node(node, (enum prt_unary_kind)kind, x,
                                             (double)prt_fb_f32(node->table, PARAMETER), 0, y)
                                : status;
}

static enum percept_status binary(const struct node *node, int kind)
{
    uint32_t a, b, y;
    enum percept_status status = values_at(node, TWO_A, TWO_OUTPUT, &a, &y);
    if (status == PERCEPT_OK)
        status = value_at(node, TWO_B, &b);
    if (status != PERCEPT_OK)
        return status;
    struct prt_node *made = add(node, PRT_OP_BINARY, y, 2, (const uint32_t[]){a, b});
    if (!made)
        return PERCEPT_NO_MEMORY;
    made->attrs.binary =
        (struct prt_binary_attrs){.kind = (enum prt_binary_kind)kind, .alpha = 1, .act = node->act};
    return PERCEPT_OK;
}

/* To another element type, or other codes. */
static enum percept_status convert(const struct node *node, int kind)
{
    (void)kind;
    uint32_t x, y;
    enum percept_status status = values_at(node, ONE_INPUT, ONE_OUTPUT, &x, &y);
    if (status != PERCEPT_OK)
        return status;
    bool from = spec_of(node, x)->quant.kind != PRT_QUANT_NONE;
    bool to = spec_of(node, y)->quant.kind != PRT_QUANT_NONE;
    enum prt_op op = to ? PRT_OP_QUANTIZE : from ? PRT_OP_DEQUANTIZE : PRT_OP_CONVERT;
    return add(node, op, y, 1, &x) ? PERCEPT_OK : PERCEPT_NO_MEMORY;
}

/* A constant of any shape as a vector: the same bytes. */
static enum percept_status vector_of(const struct node *node, uint32_t x, uint32_t *vector)
{
    struct prt_import *import = node->xnn->import;
    const struct prt_value *value = &import->graph->values[x];
    struct prt_tensor spec = value->tensor;
    *vector = x;
    if (spec.rank == 1)
        return PERCEPT_OK;
    size_t count = prt_tensor_elements(&spec);
    if (!(value->flags & PRT_FLAG_CONSTANT) || count > INT32_MAX ||
        spec.quant.kind == PRT_QUANT_PER_CHANNEL)
        return prt_import_fail(import, PERCEPT_UNSUPPORTED,
                               "a vector that is computed is not supported");
    const int32_t sizes[1] = {(int32_t)count};
    spec = prt_import_like(&spec, 1, sizes);
    return prt_import_constant(import, &spec, value->data, vector);
}

/* The slope belongs to the last dimension. */
static enum percept_status prelu(const struct node *node, int kind)
{
    (void)kind;
    uint32_t x, slope, y;
    enum percept_status status = values_at(node, TWO_A, TWO_OUTPUT, &x, &y);
    if (status == PERCEPT_OK)
        status = value_at(node, TWO_B, &slope);
    if (status == PERCEPT_OK)
        status = vector_of(node, slope, &slope);
    if (status != PERCEPT_OK)
        return status;
    if (spec_of(node, x)->rank != 4)
        return prt_import_fail(node->xnn->import, PERCEPT_UNSUPPORTED,
                               "only four dimensions are supported");
    struct prt_node *made = add(node, PRT_OP_PRELU, y, 2, (const uint32_t[]){x, slope});
    if (!made)
        return PERCEPT_NO_MEMORY;
    made->attrs.prelu.nhwc = true;
    return PERCEPT_OK;
}

static enum percept_status softmax(const struct node *node, int kind)
{
    (void)kind;
    uint32_t x, y;
    enum percept_status status = values_at(node, ONE_INPUT, ONE_OUTPUT, &x, &y);
    if (status != PERCEPT_OK)
        return status;
    unsigned rank = spec_of(node, x)->rank;
    struct prt_node *made = add(node, PRT_OP_SOFTMAX, y, 1, &x);
    if (!made)
        return PERCEPT_NO_MEMORY;
    made->attrs.softmax.axis = (int32_t)rank - 1;
    return PERCEPT_OK;
}

/* ---- convolution and products ---- */

/* [1, h, w, O] as [O, h, w, 1]: XNNPACK keeps the channels of a depthwise weight innermost. */
static enum percept_status depthwise_weight(const struct node *node, uint32_t *weight)
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
    uint8_t *data = base_arena_alloc(&import->graph->arena, value->bytes);
    if (!data)
        return prt_import_no_memory(import);
    const uint8_t *bytes = value->data;
    size_t size = prt_dtype_size(from.dtype), channels = (size_t)from.sizes[3];
    size_t taps = (size_t)from.sizes[1] * (size_t)from.sizes[2];
    for (size_t c = 0; c < channels; c++)
        for (size_t t = 0; t < taps; t++)
            memcpy(data + (c * taps + t) * size, bytes + (t * channels + c) * size, size);
    return prt_import_constant(import, &to, data, weight);
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
static enum percept_status bias_of(const struct node *node, unsigned field, uint32_t x,
                                   uint32_t weight, uint32_t *bias)
{
    struct prt_import *import = node->xnn->import;
    uint32_t id = prt_fb_u32(node->table, field);
    *bias = PRT_NO_VALUE;
    if (id == UINT32_MAX)
        return PERCEPT_OK;
    enum percept_status status = prt_xnn_value(node->xnn, id, bias);
    if (status == PERCEPT_OK)
        status = vector_of(node, *bias, bias);
    if (status != PERCEPT_OK)
        return status;
    const struct prt_value *value = &import->graph->values[*bias];
    struct prt_tensor spec = value->tensor;
    const struct prt_quant *input = &spec_of(node, x)->quant, *unit = &spec_of(node, weight)->quant;
    if (spec.dtype != PRT_I32 || input->kind != PRT_QUANT_PER_TENSOR ||
        unit->kind == PRT_QUANT_NONE)
        return PERCEPT_OK;
    if (spec.quant.kind == PRT_QUANT_NONE || !(value->flags & PRT_FLAG_CONSTANT))
        return prt_import_fail(import, PERCEPT_UNSUPPORTED, "the bias is not a quantised constant");
    uint32_t count = (uint32_t)spec.sizes[0];
    if (bias_scale_fits(&spec.quant, input, unit, count))
        return PERCEPT_OK;
    const int32_t *codes = value->data;
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

enum conv_kind { CONV_PLAIN, CONV_DEPTHWISE, CONV_TRANSPOSED };

static enum percept_status convolution(const struct node *node, int kind)
{
    uint32_t x, weight, bias, y;
    enum percept_status status = values_at(node, CONV_INPUT, CONV_OUTPUT, &x, &y);
    if (status == PERCEPT_OK)
        status = value_at(node, CONV_WEIGHT, &weight);
    if (status == PERCEPT_OK && kind == CONV_DEPTHWISE)
        status = depthwise_weight(node, &weight);
    if (status == PERCEPT_OK)
        status = bias_of(node, CONV_BIAS, x, weight, &bias);
    if (status != PERCEPT_OK)
        return status;
    const struct prt_fb_table t = node->table;
    const struct prt_tensor *w = spec_of(node, weight);
    struct prt_conv_attrs attrs = {
        .stride = {prt_fb_i32(t, WINDOW_STRIDE), prt_fb_i32(t, WINDOW_STRIDE + 1)},
        .dilation = {prt_fb_i32(t, WINDOW_DILATION), prt_fb_i32(t, WINDOW_DILATION + 1)},
        .padding = {prt_fb_i32(t, WINDOW_TOP), prt_fb_i32(t, WINDOW_BOTTOM),
                    prt_fb_i32(t, WINDOW_LEFT), prt_fb_i32(t, WINDOW_RIGHT)},
        .output_padding = {prt_fb_i32(t, CONV_ADJUSTMENT), prt_fb_i32(t, CONV_ADJUSTMENT + 1)},
        .groups = prt_fb_i32(t, CONV_GROUPS),
        .transposed = kind == CONV_TRANSPOSED,
        .nhwc = true,
        .act = node->act,
    };
    if (w->rank != 4 || w->sizes[1] != prt_fb_i32(t, WINDOW_KERNEL) ||
        w->sizes[2] != prt_fb_i32(t, WINDOW_KERNEL + 1) ||
        w->sizes[3] != prt_fb_i32(t, CONV_GROUP_INPUTS) ||
        w->sizes[0] != (int64_t)prt_fb_i32(t, CONV_GROUP_OUTPUTS) * attrs.groups)
        return malformed(node, "the weight's sizes are not those stated");
    struct prt_node *made = add(node, PRT_OP_CONV2D, y, 5,
                                (const uint32_t[]){x, weight, bias, PRT_NO_VALUE, PRT_NO_VALUE});
    if (!made)
        return PERCEPT_NO_MEMORY;
    made->attrs.conv = attrs;
    return PERCEPT_OK;
}

static enum percept_status fully_connected(const struct node *node, int kind)
{
    (void)kind;
    uint32_t x, weight, bias, y;
    enum percept_status status = values_at(node, LINEAR_INPUT, LINEAR_OUTPUT, &x, &y);
    if (status == PERCEPT_OK)
        status = value_at(node, LINEAR_WEIGHT, &weight);
    if (status == PERCEPT_OK)
        status = bias_of(node, LINEAR_BIAS, x, weight, &bias);
    if (status != PERCEPT_OK)
        return status;
    struct prt_node *made = add(node, PRT_OP_LINEAR, y, 5,
                                (const uint32_t[]){x, weight, bias, PRT_NO_VALUE, PRT_NO_VALUE});
    if (!made)
        return PERCEPT_NO_MEMORY;
    made->attrs.linear =
        (struct prt_linear_attrs){.weight_is_io = node->flags & FLAG_TRANSPOSE, .act = node->act};
    return PERCEPT_OK;
}

static enum percept_status matmul(const struct node *node, int kind)
{
    (void)kind;
    uint32_t a, b, y;
    enum percept_status status = values_at(node, TWO_A, TWO_OUTPUT, &a, &y);
    if (status == PERCEPT_OK)
        status = value_at(node, TWO_B, &b);
    if (status != PERCEPT_OK)
        return status;
    struct prt_node *made = add(node, PRT_OP_MATMUL, y, 2, (const uint32_t[]){a, b});
    if (!made)
        return PERCEPT_NO_MEMORY;
    made->attrs.matmul.transpose_b = node->flags & FLAG_TRANSPOSE;
    return PERCEPT_OK;
}

/* ---- windows ---- */

static enum percept_status pool(const struct node *node, int is_max)
{
    uint32_t x, y, target;
    enum percept_status status = values_at(node, POOL_INPUT, POOL_OUTPUT, &x, &y);
    target = y;
    if (status == PERCEPT_OK && is_max)
        status = begin_move(node, x, y, &target);
    if (status != PERCEPT_OK)
        return status;
    const struct prt_fb_table t = node->table;
    struct prt_node *made = add(node, PRT_OP_POOL2D, target, 1, &x);
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
    return finish_move(node, target, y);
}

static enum percept_status global_average(const struct node *node, int kind)
{
    (void)kind;
    uint32_t x, y, mean;
    enum percept_status status = values_at(node, ONE_INPUT, ONE_OUTPUT, &x, &y);
    mean = y;
    if (status == PERCEPT_OK && node->act.kind == PRT_ACT_CLAMP)
        status = prt_import_temporary(node->xnn->import, spec_of(node, y), &mean);
    if (status != PERCEPT_OK)
        return status;
    if (spec_of(node, x)->rank != 4)
        return malformed(node, "the operand has not four dimensions");
    struct prt_node *made = add(node, PRT_OP_REDUCE, mean, 1, &x);
    if (!made)
        return PERCEPT_NO_MEMORY;
    made->attrs.reduce = (struct prt_reduce_attrs){.kind = PRT_REDUCE_MEAN,
                                                   .axes = 1u << 1 | 1u << 2,
                                                   .keep_dims = node->flags & FLAG_KEEP_DIMS};
    return mean == y ? PERCEPT_OK
                     : unary_node(node, PRT_UNARY_CLAMP, mean, (double)node->act.lo,
                                  (double)node->act.hi, y);
}

static enum percept_status resize(const struct node *node, int kind)
{
    (void)kind;
    uint32_t x, y, target;
    enum percept_status status = values_at(node, SHAPE_INPUT, SHAPE_OUTPUT, &x, &y);
    if (status == PERCEPT_OK)
        status = begin_move(node, x, y, &target);
    if (status != PERCEPT_OK)
        return status;
    const struct prt_tensor *spec = spec_of(node, y);
    if (spec->rank != 4 || spec->sizes[1] != prt_fb_i32(node->table, SHAPE_FIRST) ||
        spec->sizes[2] != prt_fb_i32(node->table, SHAPE_SECOND))
        return malformed(node, "the result's sizes are not those stated");
    bool align = node->flags & FLAG_ALIGN_CORNERS, legacy = node->flags & FLAG_LEGACY_RESIZE;
    struct prt_node *made = add(node, PRT_OP_RESIZE2D, target, 1, &x);
    if (!made)
        return PERCEPT_NO_MEMORY;
    made->attrs.resize = (struct prt_resize_attrs){
        .nhwc = true, .bilinear = true, .align_corners = align, .half_pixel = !align && !legacy};
    return finish_move(node, target, y);
}

/* ---- moving data ---- */

static enum percept_status transpose(const struct node *node, int kind)
{
    (void)kind;
    uint32_t x, y, target;
    int32_t items[PRT_MAX_RANK];
    uint8_t order[PRT_MAX_RANK] = {0};
    enum percept_status status = values_at(node, SHAPE_INPUT, SHAPE_OUTPUT, &x, &y);
    if (status != PERCEPT_OK)
        return status;
    unsigned rank = spec_of(node, x)->rank;
    status = integers(node, SHAPE_SECOND, rank, items);
    for (unsigned i = 0; i < rank && status == PERCEPT_OK; i++) {
        if (items[i] >= (int32_t)rank)
            return malformed(node, "the order is no permutation");
        order[i] = (uint8_t)items[i];
    }
    if (status == PERCEPT_OK)
        status = begin_move(node, x, y, &target);
    if (status == PERCEPT_OK)
        status = prt_import_permute(node->xnn->import, x, order, target);
    return status == PERCEPT_OK ? finish_move(node, target, y) : status;
}

/* A reshape to x's own shape only gives x another id. */
static enum percept_status reshape_to(const struct node *node, unsigned output_field, uint32_t x,
                                      uint32_t y)
{
    const struct prt_tensor *from = spec_of(node, x), *to = spec_of(node, y);
    uint32_t target;
    if (from->dtype == to->dtype && prt_tensor_same_sizes(from, to) &&
        from->quant.kind == PRT_QUANT_NONE && to->quant.kind == PRT_QUANT_NONE) {
        const struct prt_value *result = &node->xnn->import->graph->values[y];
        if (result->producer != PRT_NO_VALUE || result->flags || result->uses || x == y)
            return malformed(node, "the result was read or computed before");
        node->xnn->values[prt_fb_u32(node->table, output_field)] = x;
        return PERCEPT_OK;
    }
    enum percept_status status = begin_move(node, x, y, &target);
    if (status == PERCEPT_OK)
        status = prt_import_reshape(node->xnn->import, x, target);
    return status == PERCEPT_OK ? finish_move(node, target, y) : status;
}

/* The new shape is the result's; 0 stands for what is left over. */
static enum percept_status reshape(const struct node *node, int kind)
{
    (void)kind;
    uint32_t x, y;
    int32_t sizes[PRT_MAX_RANK];
    enum percept_status status = values_at(node, SHAPE_INPUT, SHAPE_OUTPUT, &x, &y);
    if (status != PERCEPT_OK)
        return status;
    const struct prt_tensor *spec = spec_of(node, y);
    status = integers(node, SHAPE_SECOND, spec->rank, sizes);
    if (status != PERCEPT_OK)
        return status;
    for (unsigned i = 0; i < spec->rank; i++)
        if (sizes[i] != 0 && sizes[i] != spec->sizes[i])
            return malformed(node, "the result's sizes are not those stated");
    return reshape_to(node, SHAPE_OUTPUT, x, y);
}

static enum percept_status copy(const struct node *node, int kind)
{
    (void)kind;
    uint32_t x, y;
    enum percept_status status = values_at(node, ONE_INPUT, ONE_OUTPUT, &x, &y);
    return status == PERCEPT_OK ? reshape_to(node, ONE_OUTPUT, x, y) : status;
}

static enum percept_status pad(const struct node *node, int kind)
{
    (void)kind;
    uint32_t x, y, target;
    struct prt_pad_attrs attrs = {.value = (double)prt_fb_f32(node->table, PART_THIRD)};
    enum percept_status status = values_at(node, PART_INPUT, PART_OUTPUT, &x, &y);
    if (status != PERCEPT_OK)
        return status;
    unsigned rank = spec_of(node, x)->rank;
    status = integers(node, PART_FIRST, rank, attrs.before);
    if (status == PERCEPT_OK)
        status = integers(node, PART_SECOND, rank, attrs.after);
    if (status == PERCEPT_OK)
        status = begin_move(node, x, y, &target);
    if (status != PERCEPT_OK)
        return status;
    struct prt_node *made = add(node, PRT_OP_PAD, target, 1, &x);
    if (!made)
        return PERCEPT_NO_MEMORY;
    made->attrs.pad = attrs;
    return finish_move(node, target, y);
}

/* A part along several axes: one SLICE for each that is cut. */
static enum percept_status slice(const struct node *node, int kind)
{
    (void)kind;
    struct prt_import *import = node->xnn->import;
    uint32_t x, y, target;
    int32_t offsets[PRT_MAX_RANK], sizes[PRT_MAX_RANK];
    enum percept_status status = values_at(node, PART_INPUT, PART_OUTPUT, &x, &y);
    if (status != PERCEPT_OK)
        return status;
    struct prt_tensor spec = *spec_of(node, x);
    status = integers(node, PART_SECOND, spec.rank, offsets);
    if (status == PERCEPT_OK)
        status = integers(node, PART_THIRD, spec.rank, sizes);
    if (status == PERCEPT_OK)
        status = begin_move(node, x, y, &target);
    for (unsigned i = 0; i < spec.rank && status == PERCEPT_OK; i++) {
        int32_t left = spec.sizes[i] - offsets[i];
        int32_t size = sizes[i] ? sizes[i] : left;
        if (size < 0 || size > left)
            return malformed(node, "takes a part that does not exist");
        if (size == spec.sizes[i])
            continue;
        uint32_t part, bounds[2];
        spec.sizes[i] = size;
        spec = prt_import_like(&spec, spec.rank, spec.sizes);
        status = prt_import_temporary(import, &spec, &part);
        if (status == PERCEPT_OK)
            status = prt_import_int(import, offsets[i], &bounds[0]);
        if (status == PERCEPT_OK)
            status = prt_import_int(import, (int64_t)offsets[i] + size, &bounds[1]);
        if (status != PERCEPT_OK)
            return status;
        struct prt_node *made =
            add(node, PRT_OP_SLICE, part, 3, (const uint32_t[]){x, bounds[0], bounds[1]});
        if (!made)
            return PERCEPT_NO_MEMORY;
        made->attrs.slice = (struct prt_slice_attrs){.axis = (int32_t)i, .step = 1};
        x = part;
    }
    if (status == PERCEPT_OK)
        status = prt_import_reshape(import, x, target);
    return status == PERCEPT_OK ? finish_move(node, target, y) : status;
}

static enum percept_status concat(const struct node *node, int count)
{
    uint32_t parts[5], y;
    enum percept_status status = value_at(node, CAT_OUTPUT, &y);
    for (int i = 0; i < count && status == PERCEPT_OK; i++)
        status = value_at(node, i < 4 ? CAT_FIRST + (unsigned)i : CAT_FIFTH, &parts[i]);
    /* The graph joins codes of one scale only. */
    for (int i = 0; i < count && status == PERCEPT_OK; i++) {
        const struct prt_quant *from = &spec_of(node, parts[i])->quant;
        const struct prt_quant *to = &spec_of(node, y)->quant;
        if (from->kind != PRT_QUANT_PER_TENSOR || to->kind != PRT_QUANT_PER_TENSOR ||
            (from->scale == to->scale && from->zero_point == to->zero_point))
            continue;
        struct prt_tensor spec = *spec_of(node, parts[i]);
        uint32_t same;
        spec.quant = *to;
        status = prt_import_temporary(node->xnn->import, &spec, &same);
        if (status == PERCEPT_OK && !add(node, PRT_OP_QUANTIZE, same, 1, &parts[i]))
            status = PERCEPT_NO_MEMORY;
        parts[i] = same;
    }
    if (status != PERCEPT_OK)
        return status;
    struct prt_node *made = add(node, PRT_OP_CONCAT, y, (unsigned)count, parts);
    if (!made)
        return PERCEPT_NO_MEMORY;
    made->attrs.concat.axis = prt_fb_i32(node->table, CAT_AXIS);
    return PERCEPT_OK;
}

/* ---- the table ---- */

#define UNARY(name, kind)                           \
    {                                               \
        name, unary, PRT_UNARY_##kind, ONE_FLAGS, 0 \
    }
#define BINARY(name, kind)                            \
    {                                                 \
        name, binary, PRT_BINARY_##kind, TWO_FLAGS, 0 \
    }

/* By XNNPACK's number, the place in the union XNodeUnion. */
static const struct row rows[] = {
    [1] = BINARY("XNNAdd", ADD),
    [2] = {"XNNFullyConnected", fully_connected, 0, LINEAR_FLAGS, FLAG_TRANSPOSE},
    [3] = {"XNNSoftmax", softmax, 0, ONE_FLAGS, 0},
    [4] = UNARY("XNNSigmoid", SIGMOID),
    [5] = {"XNNStaticTranspose", transpose, 0, SHAPE_FLAGS, 0},
    [6] = UNARY("XNNClamp", CLAMP),
    [7] = {"XNNConv2d", convolution, CONV_PLAIN, CONV_FLAGS, 0},
    [8] = BINARY("XNNDiv", DIV),
    [9] = {"XNNStaticResizeBilinear2D", resize, 0, SHAPE_FLAGS,
           FLAG_ALIGN_CORNERS | FLAG_LEGACY_RESIZE},
    [10] = {"XNNStaticConstantPad", pad, 0, PART_FLAGS, 0},
    [11] = {"XNNAvgPooling2d", pool, false, POOL_FLAGS, FLAG_KEEP_DIMS},
    [12] = BINARY("XNNMinimum", MIN),
    [13] = {"XNNDepthwiseConv2d", convolution, CONV_DEPTHWISE, CONV_FLAGS, 0},
    [14] = {"XNNMaxPooling2d", pool, true, POOL_FLAGS, FLAG_KEEP_DIMS},
    [15] = BINARY("XNNMultiply", MUL),
    [16] = BINARY("XNNSubtract", SUB),
    [17] = UNARY("XNNFloor", FLOOR),
    [18] = {"XNNConvert", convert, 0, ONE_FLAGS, 0},
    [19] = {"XNNGlobalAvgPooling2d", global_average, 0, ONE_FLAGS, FLAG_KEEP_DIMS},
    [20] = {"XNNStaticReshape", reshape, 0, SHAPE_FLAGS, 0},
    [21] = {.name = "XNNArgMaxPooling2d"},
    [22] = UNARY("XNNSquareRoot", SQRT),
    [23] = UNARY("XNNCeiling", CEIL),
    [24] = UNARY("XNNHardswish", HARDSWISH),
    [25] = {"XNNLeakyReLU", unary_parameter, PRT_UNARY_LEAKY_RELU, PARAMETER_FLAGS, 0},
    [26] = BINARY("XNNMaximum", MAX),
    [27] = UNARY("XNNNegate", NEG),
    [28] = UNARY("XNNSquare", SQUARE),
    [29] = {"XNNELU", unary_parameter, PRT_UNARY_ELU, PARAMETER_FLAGS, 0},
    [30] = UNARY("XNNAbs", ABS),
    [31] = {"XNNPReLU", prelu, 0, TWO_FLAGS, 0},
    [32] = {"XNNConcatenate2", concat, 2, CAT_FLAGS, 0},
    [33] = {"XNNConcatenate3", concat, 3, CAT_FLAGS, 0},
    [34] = {"XNNConcatenate4", concat, 4, CAT_FLAGS, 0},
    [35] = {"XNNStaticSlice", slice, 0, PART_FLAGS, 0},
    [36] = {.name = "XNNScaledDotProductAttention"},
    [37] = {"XNNBatchMatrixMultiply", matmul, 0, TWO_FLAGS, FLAG_TRANSPOSE},
    [38] = {"XNNConcatenate5", concat, 5, CAT_FLAGS, 0},
    [39] = {"XNNConvTranspose2d", convolution, CONV_TRANSPOSED, CONV_FLAGS, 0},
    [40] = UNARY("XNNReciprocalSquareRoot", RSQRT),
    [41] = UNARY("XNNLog", LOG),
    [42] = UNARY("XNNGelu", GELU),
    [43] = UNARY("XNNTanh", TANH),
    [44] = UNARY("XNNExp", EXP),
    [45] = UNARY("XNNSin", SIN),
    [46] = {"XNNCopy", copy, 0, ONE_FLAGS, 0},
    [47] = UNARY("XNNCos", COS),
};

static enum percept_status bounds_of(struct node *node, struct prt_fb_table bounds)
{
    if (bounds.at == 0)
        return PERCEPT_OK;
    node->act = (struct prt_activation){
        .kind = PRT_ACT_CLAMP, .lo = prt_fb_f32(bounds, 0), .hi = prt_fb_f32(bounds, 1)};
    if (!(node->act.lo <= node->act.hi))
        return malformed(node, "the bounds of the output are not in order");
    if (isinf(node->act.lo) && isinf(node->act.hi))
        node->act = (struct prt_activation){0};
    return PERCEPT_OK;
}

enum percept_status prt_xnn_node(struct prt_xnn *xnn, struct prt_fb_table entry)
{
    uint8_t kind = prt_fb_u8(entry, 0);
    struct node node = {.xnn = xnn, .table = prt_fb_child(entry, 1)};
    if (kind >= sizeof rows / sizeof rows[0] || !rows[kind].name || node.table.at == 0)
        return prt_import_fail(xnn->import, PERCEPT_MALFORMED, "a node is empty or of kind %u",
                               kind);
    const struct row *row = &rows[kind];
    xnn->import->name = row->name;
    if (!row->translate)
        return prt_import_fail(xnn->import, PERCEPT_UNSUPPORTED, "the node is not supported");
    node.flags = prt_fb_u32(node.table, row->flags_field);
    if (node.flags & ~row->allowed_flags)
        return prt_import_fail(xnn->import, PERCEPT_UNSUPPORTED, "flag 0x%x is not supported",
                               node.flags & ~row->allowed_flags);
    enum percept_status status = bounds_of(&node, prt_fb_child(entry, 3));
    return status == PERCEPT_OK ? row->translate(&node, row->kind) : status;
}
