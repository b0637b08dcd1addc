/* Why: one row for each kind of XNNPACK node, one translator for each family of rows. Operands that
 * do not fit together are found when the graph is finished. */
#include "runtime/import_xnnpack_node.h"

#include <math.h>
#include <string.h>

struct row {
    const char *name;
    enum percept_status (*translate)(const struct prt_xnn_node *node, int kind);
    int kind;
    unsigned flags_field;
    uint32_t allowed_flags;
};

/* Integers of a vector that must have count of them. */
static enum percept_status integers(const struct prt_xnn_node *node, unsigned field, unsigned count,
                                    int32_t *items)
{
    struct prt_fb_vector list = prt_fb_list(node->table, field, 4);
    if (list.count != count)
        return prt_xnn_malformed(node, "has a list that does not fit its operand's dimensions");
    for (uint32_t i = 0; i < count; i++) {
        items[i] = (int32_t)prt_fb_item(list, i, 4);
        if (items[i] < 0)
            return prt_xnn_malformed(node, "has a number out of range");
    }
    return PERCEPT_OK;
}

/* ---- elementwise ---- */

static enum percept_status unary(const struct prt_xnn_node *node, int kind)
{
    uint32_t x, y;
    enum percept_status status = prt_xnn_values_at(node, ONE_INPUT, ONE_OUTPUT, &x, &y);
    bool clamp = kind == PRT_UNARY_CLAMP && node->act.kind == PRT_ACT_CLAMP;
    return status == PERCEPT_OK ? prt_xnn_unary(node, (enum prt_unary_kind)kind, x,
                                                clamp ? (double)node->act.lo : -INFINITY,
                                                clamp ? (double)node->act.hi : INFINITY, y)
                                : status;
}

static enum percept_status unary_parameter(const struct prt_xnn_node *node, int kind)
{
    uint32_t x, y;
    enum percept_status status = prt_xnn_values_at(node, PARAMETER_INPUT, PARAMETER_OUTPUT, &x, &y);
    return status == PERCEPT_OK ? prt_xnn_unary(node, (enum prt_unary_kind)kind, x,
                                                (double)prt_fb_f32(node->table, PARAMETER), 0, y)
                                : status;
}

static enum percept_status binary(const struct prt_xnn_node *node, int kind)
{
    uint32_t a, b, y;
    enum percept_status status = prt_xnn_values_at(node, TWO_A, TWO_OUTPUT, &a, &y);
    if (status == PERCEPT_OK)
        status = prt_xnn_value_at(node, TWO_B, &b);
    if (status != PERCEPT_OK)
        return status;
    struct prt_node *made = prt_xnn_add(node, PRT_OP_BINARY, y, 2, (const uint32_t[]){a, b});
    if (!made)
        return PERCEPT_NO_MEMORY;
    made->attrs.binary =
        (struct prt_binary_attrs){.kind = (enum prt_binary_kind)kind, .alpha = 1, .act = node->act};
    return PERCEPT_OK;
}

/* To another element type, or other codes. */
static enum percept_status convert(const struct prt_xnn_node *node, int kind)
{
    (void)kind;
    uint32_t x, y;
    enum percept_status status = prt_xnn_values_at(node, ONE_INPUT, ONE_OUTPUT, &x, &y);
    if (status != PERCEPT_OK)
        return status;
    uint8_t dims = node->xnn->rows[prt_fb_u32(node->table, ONE_OUTPUT)];
    if (dims)
        return prt_xnn_round_rows(node, x, y, dims);
    bool from = prt_xnn_spec(node, x)->quant.kind != PRT_QUANT_NONE;
    bool to = prt_xnn_spec(node, y)->quant.kind != PRT_QUANT_NONE;
    enum prt_op op = to ? PRT_OP_QUANTIZE : from ? PRT_OP_DEQUANTIZE : PRT_OP_CONVERT;
    return prt_xnn_add(node, op, y, 1, &x) ? PERCEPT_OK : PERCEPT_NO_MEMORY;
}

/* The slope belongs to the last dimension. */
static enum percept_status prelu(const struct prt_xnn_node *node, int kind)
{
    (void)kind;
    uint32_t x, slope, y;
    enum percept_status status = prt_xnn_values_at(node, TWO_A, TWO_OUTPUT, &x, &y);
    if (status == PERCEPT_OK)
        status = prt_xnn_value_at(node, TWO_B, &slope);
    if (status == PERCEPT_OK)
        status = prt_xnn_vector(node, slope, &slope);
    if (status != PERCEPT_OK)
        return status;
    if (prt_xnn_spec(node, x)->rank != 4)
        return prt_import_fail(node->xnn->import, PERCEPT_UNSUPPORTED,
                               "only four dimensions are supported");
    struct prt_node *made = prt_xnn_add(node, PRT_OP_PRELU, y, 2, (const uint32_t[]){x, slope});
    if (!made)
        return PERCEPT_NO_MEMORY;
    made->attrs.prelu.nhwc = true;
    return PERCEPT_OK;
}

static enum percept_status softmax(const struct prt_xnn_node *node, int kind)
{
    (void)kind;
    uint32_t x, y;
    enum percept_status status = prt_xnn_values_at(node, ONE_INPUT, ONE_OUTPUT, &x, &y);
    if (status != PERCEPT_OK)
        return status;
    unsigned rank = prt_xnn_spec(node, x)->rank;
    struct prt_node *made = prt_xnn_add(node, PRT_OP_SOFTMAX, y, 1, &x);
    if (!made)
        return PERCEPT_NO_MEMORY;
    made->attrs.softmax.axis = (int32_t)rank - 1;
    return PERCEPT_OK;
}

/* ---- moving data ---- */

static enum percept_status transpose(const struct prt_xnn_node *node, int kind)
{
    (void)kind;
    uint32_t x, y, target;
    int32_t items[PRT_MAX_RANK];
    uint8_t order[PRT_MAX_RANK] = {0};
    enum percept_status status = prt_xnn_values_at(node, SHAPE_INPUT, SHAPE_OUTPUT, &x, &y);
    if (status != PERCEPT_OK)
        return status;
    unsigned rank = prt_xnn_spec(node, x)->rank;
    status = integers(node, SHAPE_SECOND, rank, items);
    for (unsigned i = 0; i < rank && status == PERCEPT_OK; i++) {
        if (items[i] >= (int32_t)rank)
            return prt_xnn_malformed(node, "the order is no permutation");
        order[i] = (uint8_t)items[i];
    }
    if (status == PERCEPT_OK)
        status = prt_xnn_begin_move(node, x, y, &target);
    if (status == PERCEPT_OK)
        status = prt_import_permute(node->xnn->import, x, order, target);
    return status == PERCEPT_OK ? prt_xnn_finish_move(node, target, y) : status;
}

/* A reshape to x's own shape only gives x another id. */
static enum percept_status reshape_to(const struct prt_xnn_node *node, unsigned output_field,
                                      uint32_t x, uint32_t y)
{
    const struct prt_tensor *from = prt_xnn_spec(node, x), *to = prt_xnn_spec(node, y);
    uint32_t target;
    if (from->dtype == to->dtype && prt_tensor_same_sizes(from, to) &&
        from->quant.kind == PRT_QUANT_NONE && to->quant.kind == PRT_QUANT_NONE) {
        const struct prt_value *result = &node->xnn->import->graph->values[y];
        if (result->producer != PRT_NO_VALUE || result->flags || result->uses || x == y)
            return prt_xnn_malformed(node, "the result was read or computed before");
        node->xnn->values[prt_fb_u32(node->table, output_field)] = x;
        return PERCEPT_OK;
    }
    enum percept_status status = prt_xnn_begin_move(node, x, y, &target);
    if (status == PERCEPT_OK)
        status = prt_import_reshape(node->xnn->import, x, target);
    return status == PERCEPT_OK ? prt_xnn_finish_move(node, target, y) : status;
}

/* The new shape is the result's; 0 stands for what is left over. */
static enum percept_status reshape(const struct prt_xnn_node *node, int kind)
{
    (void)kind;
    uint32_t x, y;
    int32_t sizes[PRT_MAX_RANK];
    enum percept_status status = prt_xnn_values_at(node, SHAPE_INPUT, SHAPE_OUTPUT, &x, &y);
    if (status != PERCEPT_OK)
        return status;
    const struct prt_tensor *spec = prt_xnn_spec(node, y);
    status = integers(node, SHAPE_SECOND, spec->rank, sizes);
    if (status != PERCEPT_OK)
        return status;
    for (unsigned i = 0; i < spec->rank; i++)
        if (sizes[i] != 0 && sizes[i] != spec->sizes[i])
            return prt_xnn_malformed(node, "the result's sizes are not those stated");
    return reshape_to(node, SHAPE_OUTPUT, x, y);
}

static enum percept_status copy(const struct prt_xnn_node *node, int kind)
{
    (void)kind;
    uint32_t x, y;
    enum percept_status status = prt_xnn_values_at(node, ONE_INPUT, ONE_OUTPUT, &x, &y);
    return status == PERCEPT_OK ? reshape_to(node, ONE_OUTPUT, x, y) : status;
}

static enum percept_status pad(const struct prt_xnn_node *node, int kind)
{
    (void)kind;
    uint32_t x, y, target;
    struct prt_pad_attrs attrs = {.value = (double)prt_fb_f32(node->table, PART_THIRD)};
    enum percept_status status = prt_xnn_values_at(node, PART_INPUT, PART_OUTPUT, &x, &y);
    if (status != PERCEPT_OK)
        return status;
    unsigned rank = prt_xnn_spec(node, x)->rank;
    status = integers(node, PART_FIRST, rank, attrs.before);
    if (status == PERCEPT_OK)
        status = integers(node, PART_SECOND, rank, attrs.after);
    if (status == PERCEPT_OK)
        status = prt_xnn_begin_move(node, x, y, &target);
    if (status != PERCEPT_OK)
        return status;
    struct prt_node *made = prt_xnn_add(node, PRT_OP_PAD, target, 1, &x);
    if (!made)
        return PERCEPT_NO_MEMORY;
    made->attrs.pad = attrs;
    return prt_xnn_finish_move(node, target, y);
}

/* A part along several axes: one SLICE for each that is cut. */
static enum percept_status slice(const struct prt_xnn_node *node, int kind)
{
    (void)kind;
    struct prt_import *import = node->xnn->import;
    uint32_t x, y, target;
    int32_t offsets[PRT_MAX_RANK], sizes[PRT_MAX_RANK];
    enum percept_status status = prt_xnn_values_at(node, PART_INPUT, PART_OUTPUT, &x, &y);
    if (status != PERCEPT_OK)
        return status;
    struct prt_tensor spec = *prt_xnn_spec(node, x);
    status = integers(node, PART_SECOND, spec.rank, offsets);
    if (status == PERCEPT_OK)
        status = integers(node, PART_THIRD, spec.rank, sizes);
    if (status == PERCEPT_OK)
        status = prt_xnn_begin_move(node, x, y, &target);
    for (unsigned i = 0; i < spec.rank && status == PERCEPT_OK; i++) {
        int32_t left = spec.sizes[i] - offsets[i];
        int32_t size = prt_xnn_part(node, i, offsets[i], sizes[i], left);
        if (size < 0 || size > left)
            return prt_xnn_malformed(node, "takes a part that does not exist");
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
            prt_xnn_add(node, PRT_OP_SLICE, part, 3, (const uint32_t[]){x, bounds[0], bounds[1]});
        if (!made)
            return PERCEPT_NO_MEMORY;
        made->attrs.slice = (struct prt_slice_attrs){.axis = (int32_t)i, .step = 1};
        x = part;
    }
    if (status == PERCEPT_OK)
        status = prt_import_reshape(import, x, target);
    return status == PERCEPT_OK ? prt_xnn_finish_move(node, target, y) : status;
}

static enum percept_status concat(const struct prt_xnn_node *node, int count)
{
    uint32_t parts[5], y;
    enum percept_status status = prt_xnn_value_at(node, CAT_OUTPUT, &y);
    for (int i = 0; i < count && status == PERCEPT_OK; i++)
        status = prt_xnn_value_at(node, i < 4 ? CAT_FIRST + (unsigned)i : CAT_FIFTH, &parts[i]);
    /* The graph joins codes of one scale only. */
    for (int i = 0; i < count && status == PERCEPT_OK; i++) {
        const struct prt_quant *from = &prt_xnn_spec(node, parts[i])->quant;
        const struct prt_quant *to = &prt_xnn_spec(node, y)->quant;
        if (from->kind != PRT_QUANT_PER_TENSOR || to->kind != PRT_QUANT_PER_TENSOR ||
            (from->scale == to->scale && from->zero_point == to->zero_point))
            continue;
        struct prt_tensor spec = *prt_xnn_spec(node, parts[i]);
        uint32_t same;
        spec.quant = *to;
        status = prt_import_temporary(node->xnn->import, &spec, &same);
        if (status == PERCEPT_OK && !prt_xnn_add(node, PRT_OP_QUANTIZE, same, 1, &parts[i]))
            status = PERCEPT_NO_MEMORY;
        parts[i] = same;
    }
    if (status != PERCEPT_OK)
        return status;
    struct prt_node *made = prt_xnn_add(node, PRT_OP_CONCAT, y, (unsigned)count, parts);
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
    [2] = {"XNNFullyConnected", prt_xnn_fully_connected, 0, LINEAR_FLAGS, FLAG_TRANSPOSE},
    [3] = {"XNNSoftmax", softmax, 0, ONE_FLAGS, 0},
    [4] = UNARY("XNNSigmoid", SIGMOID),
    [5] = {"XNNStaticTranspose", transpose, 0, SHAPE_FLAGS, 0},
    [6] = UNARY("XNNClamp", CLAMP),
    [7] = {"XNNConv2d", prt_xnn_convolution, PRT_XNN_CONV, CONV_FLAGS, 0},
    [8] = BINARY("XNNDiv", DIV),
    [9] = {"XNNStaticResizeBilinear2D", prt_xnn_resize, 0, SHAPE_FLAGS,
           FLAG_ALIGN_CORNERS | FLAG_LEGACY_RESIZE},
    [10] = {"XNNStaticConstantPad", pad, 0, PART_FLAGS, 0},
    [11] = {"XNNAvgPooling2d", prt_xnn_pool, false, POOL_FLAGS, FLAG_KEEP_DIMS},
    [12] = BINARY("XNNMinimum", MIN),
    [13] = {"XNNDepthwiseConv2d", prt_xnn_convolution, PRT_XNN_DEPTHWISE, CONV_FLAGS, 0},
    [14] = {"XNNMaxPooling2d", prt_xnn_pool, true, POOL_FLAGS, FLAG_KEEP_DIMS},
    [15] = BINARY("XNNMultiply", MUL),
    [16] = BINARY("XNNSubtract", SUB),
    [17] = UNARY("XNNFloor", FLOOR),
    [18] = {"XNNConvert", convert, 0, ONE_FLAGS, 0},
    [19] = {"XNNGlobalAvgPooling2d", prt_xnn_global_average, 0, ONE_FLAGS, FLAG_KEEP_DIMS},
    [20] = {"XNNStaticReshape", reshape, 0, SHAPE_FLAGS, 0},
    [21] = {"XNNArgMaxPooling2d", prt_xnn_arg_max_pool, 0, ARG_MAX_FLAGS, 0},
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
    [36] = {"XNNScaledDotProductAttention", prt_xnn_attention, 0, 6, 0},
    [37] = {"XNNBatchMatrixMultiply", prt_xnn_matmul, 0, TWO_FLAGS, FLAG_TRANSPOSE},
    [38] = {"XNNConcatenate5", concat, 5, CAT_FLAGS, 0},
    [39] = {"XNNConvTranspose2d", prt_xnn_convolution, PRT_XNN_TRANSPOSED, CONV_FLAGS, 0},
    [40] = UNARY("XNNReciprocalSquareRoot", RSQRT),
    [41] = UNARY("XNNLog", LOG),
    [42] = UNARY("XNNGelu", GELU),
    [43] = UNARY("XNNTanh", TANH),
    [44] = UNARY("XNNExp", EXP),
    [45] = UNARY("XNNSin", SIN),
    [46] = {"XNNCopy", copy, 0, ONE_FLAGS, 0},
    [47] = UNARY("XNNCos", COS),
};

static enum percept_status bounds_of(struct prt_xnn_node *node, struct prt_fb_table bounds)
{
    if (bounds.at == 0)
        return PERCEPT_OK;
    node->act = (struct prt_activation){
        .kind = PRT_ACT_CLAMP, .lo = prt_fb_f32(bounds, 0), .hi = prt_fb_f32(bounds, 1)};
    if (!(node->act.lo <= node->act.hi))
        return prt_xnn_malformed(node, "the bounds of the output are not in order");
    if (isinf(node->act.lo) && isinf(node->act.hi))
        node->act = (struct prt_activation){0};
    return PERCEPT_OK;
}

enum percept_status prt_xnn_node(struct prt_xnn *xnn, struct prt_fb_table entry)
{
    uint8_t kind = prt_fb_u8(entry, 0);
    struct prt_xnn_node node = {.xnn = xnn, .table = prt_fb_child(entry, 1)};
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
    if (status == PERCEPT_OK && xnn->resized)
        status = prt_xnn_size_result(xnn, kind, node.table, node.flags);
    return status == PERCEPT_OK ? row->translate(&node, row->kind) : status;
}
