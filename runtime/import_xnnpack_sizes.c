/*
 * Why: a blob states the largest sizes of its values. When an input is smaller, what each node
 * computes is smaller, too, and the sizes are known before the node is translated. The node's own
 * check then holds them against its operands, as always.
 */
#include "runtime/import_xnnpack_node.h"

#include "base/checked.h"

/* What a rule works on. Sizes are computed in 64 bits, which nothing in a blob can overflow. */
struct sizing {
    struct prt_xnn_node node;
    const struct prt_tensor *x;
    int64_t y[PRT_MAX_RANK];
    unsigned rank; /* of y: what the blob states */
    int detail;
};

typedef enum percept_status rule(struct sizing *sizing);

/* Where a kind has its first operand and its result, and how one follows from the other. */
struct row {
    unsigned input, output;
    rule *size;
    int detail;
};

static enum percept_status wrong(const struct sizing *sizing)
{
    return prt_import_fail(sizing->node.xnn->import, PERCEPT_INVALID,
                           "has no result for operands of these sizes");
}

static enum percept_status operand(const struct sizing *sizing, unsigned field,
                                   const struct prt_tensor **spec)
{
    uint32_t id, scales;
    enum percept_status status = prt_xnn_weight(&sizing->node, field, &id, &scales);
    if (status == PERCEPT_OK)
        *spec = prt_xnn_spec(&sizing->node, id);
    return status;
}

static enum percept_status like(struct sizing *sizing)
{
    if (sizing->x->rank != sizing->rank)
        return wrong(sizing);
    for (unsigned i = 0; i < sizing->rank; i++)
        sizing->y[i] = sizing->x->sizes[i];
    return PERCEPT_OK;
}

static enum percept_status binary(struct sizing *sizing)
{
    const struct prt_tensor *sides[2] = {sizing->x, NULL};
    enum percept_status status = operand(sizing, TWO_B, &sides[1]);
    if (status != PERCEPT_OK)
        return status;
    for (unsigned i = 0; i < sizing->rank; i++)
        sizing->y[i] = 1;
    for (unsigned k = 0; k < 2; k++) {
        if (sides[k]->rank > sizing->rank)
            return wrong(sizing);
        for (unsigned i = 0; i < sides[k]->rank; i++) {
            int64_t *size = &sizing->y[sizing->rank - sides[k]->rank + i];
            *size = *size == 1 ? sides[k]->sizes[i] : *size;
        }
    }
    return PERCEPT_OK;
}

/* ---- products ---- */

static enum percept_status fully_connected(struct sizing *sizing)
{
    const struct prt_tensor *weight;
    enum percept_status status = operand(sizing, LINEAR_WEIGHT, &weight);
    if (status == PERCEPT_OK)
        status = like(sizing);
    if (status == PERCEPT_OK && (weight->rank != 2 || sizing->rank < 1))
        status = wrong(sizing);
    if (status == PERCEPT_OK)
        sizing->y[sizing->rank - 1] = weight->sizes[sizing->node.flags & FLAG_TRANSPOSE ? 1 : 0];
    return status;
}

static enum percept_status matmul(struct sizing *sizing)
{
    const struct prt_tensor *b;
    enum percept_status status = binary(sizing);
    if (status == PERCEPT_OK)
        status = operand(sizing, TWO_B, &b);
    if (status == PERCEPT_OK && (b->rank < 2 || sizing->x->rank < 2))
        status = wrong(sizing);
    if (status != PERCEPT_OK)
        return status;
    bool transposed = sizing->node.flags & FLAG_TRANSPOSE;
    sizing->y[sizing->rank - 2] = sizing->x->sizes[sizing->x->rank - 2];
    sizing->y[sizing->rank - 1] = b->sizes[b->rank - (transposed ? 2 : 1)];
    return PERCEPT_OK;
}

/* The query's, but for the last: that of the values. */
static enum percept_status attention(struct sizing *sizing)
{
    enum { VALUES = 2 };
    const struct prt_tensor *values;
    enum percept_status status = operand(sizing, VALUES, &values);
    if (status == PERCEPT_OK)
        status = like(sizing);
    if (status == PERCEPT_OK && (sizing->rank < 1 || values->rank < 1))
        status = wrong(sizing);
    if (status == PERCEPT_OK)
        sizing->y[sizing->rank - 1] = values->sizes[values->rank - 1];
    return status;
}

/* ---- windows ---- */

enum { CONV, TRANSPOSED, POOL, POOL_WITHOUT_DILATION };

/* [N, H, W, C] */
static enum percept_status window(struct sizing *sizing)
{
    const struct prt_fb_table t = sizing->node.table;
    bool pools = sizing->detail >= POOL;
    enum percept_status status = like(sizing);
    if (status == PERCEPT_OK && sizing->rank != 4)
        status = wrong(sizing);
    if (status != PERCEPT_OK)
        return status;
    const int32_t pads[2] = {prt_fb_i32(t, WINDOW_TOP), prt_fb_i32(t, WINDOW_LEFT)},
                  more[2] = {prt_fb_i32(t, WINDOW_BOTTOM), prt_fb_i32(t, WINDOW_RIGHT)};
    for (unsigned i = 0; i < 2; i++) {
        int64_t kernel = prt_fb_i32(t, WINDOW_KERNEL + i),
                stride = prt_fb_i32(t, WINDOW_STRIDE + i);
        int64_t dilation =
            sizing->detail == POOL_WITHOUT_DILATION ? 1 : prt_fb_i32(t, WINDOW_DILATION + i);
        int64_t padding = (int64_t)pads[i] + more[i], *size = &sizing->y[1 + i];
        if (kernel < 1 || stride < 1 || dilation < 1)
            return wrong(sizing);
        int64_t reach = (kernel - 1) * dilation + 1;
        if (sizing->detail == TRANSPOSED)
            *size = (*size - 1) * stride - padding + reach + prt_fb_i32(t, CONV_ADJUSTMENT + i);
        else if (*size + padding < reach)
            return wrong(sizing);
        else
            *size = (*size + padding - reach) / stride + 1;
    }
    if (!pools)
        sizing->y[3] = (int64_t)prt_fb_i32(t, CONV_GROUP_OUTPUTS) * prt_fb_i32(t, CONV_GROUPS);
    return PERCEPT_OK;
}

/* [N, 1, 1, C] or [N, C] */
static enum percept_status global_average(struct sizing *sizing)
{
    if (sizing->x->rank != 4 || (sizing->rank != 4 && sizing->rank != 2))
        return wrong(sizing);
    for (unsigned i = 0; i < sizing->rank; i++)
        sizing->y[i] = 1;
    sizing->y[0] = sizing->x->sizes[0];
    sizing->y[sizing->rank - 1] = sizing->x->sizes[3];
    return PERCEPT_OK;
}

static enum percept_status resize(struct sizing *sizing)
{
    enum percept_status status = like(sizing);
    if (status == PERCEPT_OK && sizing->rank != 4)
        status = wrong(sizing);
    sizing->y[1] = prt_fb_i32(sizing->node.table, SHAPE_FIRST);
    sizing->y[2] = prt_fb_i32(sizing->node.table, SHAPE_SECOND);
    return status;
}

/* ---- moving data ---- */

/* Integers of a vector that has one for each of `count` dimensions. */
static enum percept_status integers(const struct sizing *sizing, unsigned field, unsigned count,
                                    int32_t *items)
{
    struct prt_fb_vector list = prt_fb_list(sizing->node.table, field, 4);
    if (list.count != count)
        return wrong(sizing);
    for (uint32_t i = 0; i < count; i++) {
        items[i] = (int32_t)prt_fb_item(list, i, 4);
        if (items[i] < 0)
            return wrong(sizing);
    }
    return PERCEPT_OK;
}

static enum percept_status transpose(struct sizing *sizing)
{
    int32_t order[PRT_MAX_RANK];
    enum percept_status status = like(sizing);
    if (status == PERCEPT_OK)
        status = integers(sizing, SHAPE_SECOND, sizing->rank, order);
    for (unsigned i = 0; i < sizing->rank && status == PERCEPT_OK; i++) {
        if (order[i] >= (int32_t)sizing->rank)
            return wrong(sizing);
        sizing->y[i] = sizing->x->sizes[order[i]];
    }
    return status;
}

/* What is stated; 0 stands for what is left over. */
static enum percept_status reshape(struct sizing *sizing)
{
    int32_t stated[PRT_MAX_RANK];
    int64_t left = 1;
    unsigned open = PRT_MAX_RANK;
    enum percept_status status = integers(sizing, SHAPE_SECOND, sizing->rank, stated);
    for (unsigned i = 0; i < sizing->x->rank; i++)
        if (!base_mul_i64(left, sizing->x->sizes[i], &left))
            return wrong(sizing);
    for (unsigned i = 0; i < sizing->rank && status == PERCEPT_OK; i++) {
        sizing->y[i] = stated[i];
        if (stated[i] == 0 && open == PRT_MAX_RANK)
            open = i;
        else if (stated[i] == 0 || left % stated[i])
            return wrong(sizing);
        else
            left /= stated[i];
    }
    if (open < PRT_MAX_RANK)
        sizing->y[open] = left;
    return status;
}

static enum percept_status pad(struct sizing *sizing)
{
    int32_t before[PRT_MAX_RANK], after[PRT_MAX_RANK];
    enum percept_status status = like(sizing);
    if (status == PERCEPT_OK)
        status = integers(sizing, PART_FIRST, sizing->rank, before);
    if (status == PERCEPT_OK)
        status = integers(sizing, PART_SECOND, sizing->rank, after);
    for (unsigned i = 0; i < sizing->rank && status == PERCEPT_OK; i++)
        sizing->y[i] += (int64_t)before[i] + after[i];
    return status;
}

int32_t prt_xnn_part(const struct prt_xnn_node *node, unsigned axis, int32_t offset, int32_t size,
                     int32_t left)
{
    const int32_t *bounds = node->xnn->bounds[prt_fb_u32(node->table, PART_INPUT)];
    bool rest = node->xnn->resized && (int64_t)offset + size == bounds[axis];
    return size == 0 || rest ? left : size;
}

static enum percept_status slice(struct sizing *sizing)
{
    int32_t offsets[PRT_MAX_RANK], sizes[PRT_MAX_RANK];
    enum percept_status status = like(sizing);
    if (status == PERCEPT_OK)
        status = integers(sizing, PART_SECOND, sizing->rank, offsets);
    if (status == PERCEPT_OK)
        status = integers(sizing, PART_THIRD, sizing->rank, sizes);
    for (unsigned i = 0; i < sizing->rank && status == PERCEPT_OK; i++)
        sizing->y[i] =
            prt_xnn_part(&sizing->node, i, offsets[i], sizes[i], sizing->x->sizes[i] - offsets[i]);
    return status;
}

static enum percept_status concat(struct sizing *sizing)
{
    int32_t axis = prt_fb_i32(sizing->node.table, CAT_AXIS);
    enum percept_status status = like(sizing);
    if (status == PERCEPT_OK && (axis < 0 || axis >= (int32_t)sizing->rank))
        status = wrong(sizing);
    for (int i = 1; i < sizing->detail && status == PERCEPT_OK; i++) {
        const struct prt_tensor *part;
        status = operand(sizing, i < 4 ? CAT_FIRST + (unsigned)i : CAT_FIFTH, &part);
        if (status == PERCEPT_OK && part->rank != sizing->rank)
            status = wrong(sizing);
        if (status == PERCEPT_OK)
            sizing->y[axis] += part->sizes[axis];
    }
    return status;
}

/* ---- the table ---- */

#define UNARY                          \
    {                                  \
        ONE_INPUT, ONE_OUTPUT, like, 0 \
    }
#define BINARY                       \
    {                                \
        TWO_A, TWO_OUTPUT, binary, 0 \
    }

/* By XNNPACK's number, as in import_xnnpack_nodes.c. Kinds without a rule run at their largest. */
static const struct row rows[] = {
    [1] = BINARY,
    [2] = {LINEAR_INPUT, LINEAR_OUTPUT, fully_connected, 0},
    [3] = UNARY,
    [4] = UNARY,
    [5] = {SHAPE_INPUT, SHAPE_OUTPUT, transpose, 0},
    [6] = UNARY,
    [7] = {CONV_INPUT, CONV_OUTPUT, window, CONV},
    [8] = BINARY,
    [9] = {SHAPE_INPUT, SHAPE_OUTPUT, resize, 0},
    [10] = {PART_INPUT, PART_OUTPUT, pad, 0},
    [11] = {POOL_INPUT, POOL_OUTPUT, window, POOL_WITHOUT_DILATION},
    [12] = BINARY,
    [13] = {CONV_INPUT, CONV_OUTPUT, window, CONV},
    [14] = {POOL_INPUT, POOL_OUTPUT, window, POOL},
    [15] = BINARY,
    [16] = BINARY,
    [17] = UNARY,
    [18] = UNARY,
    [19] = {ONE_INPUT, ONE_OUTPUT, global_average, 0},
    [20] = {SHAPE_INPUT, SHAPE_OUTPUT, reshape, 0},
    [22] = UNARY,
    [23] = UNARY,
    [24] = UNARY,
    [25] = {PARAMETER_INPUT, PARAMETER_OUTPUT, like, 0},
    [26] = BINARY,
    [27] = UNARY,
    [28] = UNARY,
    [29] = {PARAMETER_INPUT, PARAMETER_OUTPUT, like, 0},
    [30] = UNARY,
    [31] = {TWO_A, TWO_OUTPUT, like, 0},
    [32] = {CAT_FIRST, CAT_OUTPUT, concat, 2},
    [33] = {CAT_FIRST, CAT_OUTPUT, concat, 3},
    [34] = {CAT_FIRST, CAT_OUTPUT, concat, 4},
    [35] = {PART_INPUT, PART_OUTPUT, slice, 0},
    [36] = {0, 5, attention, 0},
    [37] = {TWO_A, TWO_OUTPUT, matmul, 0},
    [38] = {CAT_FIRST, CAT_OUTPUT, concat, 5},
    [39] = {CONV_INPUT, CONV_OUTPUT, window, TRANSPOSED},
    [40] = UNARY,
    [41] = UNARY,
    [42] = UNARY,
    [43] = UNARY,
    [44] = UNARY,
    [45] = UNARY,
    [46] = UNARY,
    [47] = UNARY,
};

bool prt_xnn_result_field(uint8_t kind, unsigned *field)
{
    if (kind >= sizeof rows / sizeof rows[0] || !rows[kind].size)
        return false;
    *field = rows[kind].output;
    return true;
}

/* A value that nothing computed or read yet becomes smaller. */
static enum percept_status shrink(const struct sizing *sizing, uint32_t y)
{
    struct prt_value *value = &sizing->node.xnn->import->graph->values[y];
    if (value->producer != PRT_NO_VALUE || value->flags || value->uses)
        return prt_xnn_malformed(&sizing->node, "the result was read or computed before");
    for (unsigned i = 0; i < sizing->rank; i++) {
        if (sizing->y[i] < 0 || sizing->y[i] > value->tensor.sizes[i])
            return prt_import_fail(sizing->node.xnn->import, PERCEPT_INVALID,
                                   "size %u of its result is %lld, at most %d", i,
                                   (long long)sizing->y[i], value->tensor.sizes[i]);
    }
    for (unsigned i = 0; i < sizing->rank; i++)
        value->tensor.sizes[i] = (int32_t)sizing->y[i];
    return prt_tensor_bytes(&value->tensor, &value->bytes)
               ? PERCEPT_OK
               : prt_xnn_malformed(&sizing->node, "a value's size in bytes overflows");
}

enum percept_status prt_xnn_size_result(struct prt_xnn *xnn, uint8_t kind, struct prt_fb_table node,
                                        uint32_t flags)
{
    struct sizing sizing = {.node = {.xnn = xnn, .table = node, .flags = flags}};
    uint32_t x, y;
    if (kind >= sizeof rows / sizeof rows[0] || !rows[kind].size)
        return prt_import_fail(xnn->import, PERCEPT_UNSUPPORTED,
                               "how large its result is for smaller inputs is not known");
    const struct row *row = &rows[kind];
    enum percept_status status = prt_xnn_values_at(&sizing.node, row->input, row->output, &x, &y);
    if (status != PERCEPT_OK)
        return status;
    sizing.x = prt_import_spec(xnn->import, x);
    sizing.rank = prt_import_spec(xnn->import, y)->rank;
    sizing.detail = row->detail;
    status = row->size(&sizing);
    return status == PERCEPT_OK ? shrink(&sizing, y) : status;
}
