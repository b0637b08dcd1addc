/* Why: operators that move elements and compute nothing. They take quantised codes as they are. */
#include "runtime/import_aten.h"

#include <math.h>
#include <string.h>

void prt_aten_keep_quant(struct prt_import *import, uint32_t x, uint32_t y)
{
    const struct prt_quant *quant = &prt_import_spec(import, x)->quant;
    if (quant->kind == PRT_QUANT_PER_TENSOR)
        import->graph->values[y].tensor.quant = *quant;
}

/* ---- the same elements in another shape ---- */

static enum percept_status reshape(struct prt_import *import, const struct prt_aten_op *op,
                                   struct prt_call *call)
{
    (void)op; /* the sizes are the result's */
    prt_aten_keep_quant(import, call->operands[0], prt_call_output(call));
    return prt_import_reshape(import, call->operands[0], prt_call_output(call));
}

/* (self, ..., out): a copy, maybe with another layout or element type */
static enum percept_status copy(struct prt_import *import, const struct prt_aten_op *op,
                                struct prt_call *call)
{
    (void)op;
    uint32_t x = call->operands[0], y = prt_call_output(call);
    const struct prt_tensor *from = prt_import_spec(import, x), *to = prt_import_spec(import, y);
    if (from->quant.kind == PRT_QUANT_PER_CHANNEL)
        return prt_import_fail(import, PERCEPT_UNSUPPORTED, "copies quantised weights");
    bool converts = from->dtype != to->dtype;
    if (converts && from->quant.kind != PRT_QUANT_NONE)
        return prt_import_fail(import, PERCEPT_UNSUPPORTED,
                               "computes with quantised codes as if they were numbers");
    /* Values never change, so a copy is the value itself. */
    if (!converts && prt_tensor_same_sizes(from, to) && prt_tensor_same_layout(from, to))
        return prt_import_bind(import, call->args[strchr(call->signature, 'O') - call->signature],
                               x);
    prt_aten_keep_quant(import, x, y);
    return prt_import_node(import, converts ? PRT_OP_CONVERT : PRT_OP_LAYOUT, y, 1, &x)
               ? PERCEPT_OK
               : PERCEPT_NO_MEMORY;
}

/* (self, source, non_blocking, self again): what an exporter appends for each state that changes.
 */
static enum percept_status copy_in_place(struct prt_import *import, const struct prt_aten_op *op,
                                         struct prt_call *call)
{
    (void)op;
    const struct prt_tensor to = import->values[import->identity[call->args[0]]].tensor->spec;
    uint32_t x = call->operands[1], y;
    enum percept_status status = prt_import_convert(import, x, to.dtype, &x);
    if (status == PERCEPT_OK)
        status = prt_aten_broadcast(import, x, to.rank, to.sizes, &x);
    y = x;
    if (status == PERCEPT_OK && !prt_tensor_same_layout(prt_import_spec(import, x), &to)) {
        status = prt_import_temporary(import, &to, &y);
        if (status == PERCEPT_OK && !prt_import_node(import, PRT_OP_LAYOUT, y, 1, &x))
            status = PERCEPT_NO_MEMORY;
    }
    return status == PERCEPT_OK ? prt_import_bind(import, call->args[0], y) : status;
}

/* ---- other orders ---- */

static enum percept_status permute_by(struct prt_import *import, uint32_t x, const uint8_t *order,
                                      uint32_t y)
{
    prt_aten_keep_quant(import, x, y);
    return prt_import_permute(import, x, order, y);
}

/* (self, dims, out) */
static enum percept_status permute(struct prt_import *import, const struct prt_aten_op *op,
                                   struct prt_call *call)
{
    (void)op;
    int64_t dims[PRT_MAX_RANK];
    uint8_t order[PRT_MAX_RANK] = {0};
    uint32_t count;
    unsigned rank = prt_import_spec(import, call->operands[0])->rank;
    enum percept_status status = prt_call_ints(import, call, 1, dims, PRT_MAX_RANK, &count);
    if (status == PERCEPT_OK && count != rank)
        return prt_import_fail(import, PERCEPT_MALFORMED, "orders %u dimensions of %u", count,
                               rank);
    for (uint32_t i = 0; i < count && status == PERCEPT_OK; i++) {
        int32_t axis = 0;
        status = prt_import_axis(import, dims[i], rank, &axis);
        order[i] = (uint8_t)axis;
    }
    return status == PERCEPT_OK
               ? permute_by(import, call->operands[0], order, prt_call_output(call))
               : status;
}

static enum percept_status swap_axes(struct prt_import *import, const struct prt_call *call,
                                     int32_t a, int32_t b)
{
    uint8_t order[PRT_MAX_RANK];
    for (unsigned i = 0; i < PRT_MAX_RANK; i++)
        order[i] = (uint8_t)i;
    order[a] = (uint8_t)b;
    order[b] = (uint8_t)a;
    return permute_by(import, call->operands[0], order, prt_call_output(call));
}

/* (self, dim0, dim1, out) */
static enum percept_status transpose(struct prt_import *import, const struct prt_aten_op *op,
                                     struct prt_call *call)
{
    (void)op;
    unsigned rank = prt_import_spec(import, call->operands[0])->rank;
    int32_t a, b;
    if (rank == 0)
        return reshape(import, op, call);
    enum percept_status status =
        prt_import_axis(import, prt_call_int(import, call, 1, 0), rank, &a);
    if (status == PERCEPT_OK)
        status = prt_import_axis(import, prt_call_int(import, call, 2, 0), rank, &b);
    return status == PERCEPT_OK ? swap_axes(import, call, a, b) : status;
}

/* (self, out) */
static enum percept_status matrix_transpose(struct prt_import *import, const struct prt_aten_op *op,
                                            struct prt_call *call)
{
    unsigned rank = prt_import_spec(import, call->operands[0])->rank;
    return rank == 2 ? swap_axes(import, call, 0, 1) : reshape(import, op, call);
}

/* (self, factor, out): [N, C*r*r, H, W] to [N, C, H*r, W*r], or back */
static enum percept_status pixel_shuffle(struct prt_import *import, const struct prt_aten_op *op,
                                         struct prt_call *call)
{
    bool back = op->kind;
    uint32_t x = call->operands[0], y = prt_call_output(call), split, moved;
    struct prt_tensor from = *prt_import_spec(import, x), to = *prt_import_spec(import, y);
    int64_t factor = prt_call_int(import, call, 1, 0);
    if (from.rank != 4 || to.rank != 4 || factor < 1 || factor > INT16_MAX)
        return prt_import_fail(import, PERCEPT_UNSUPPORTED, "only four dimensions are supported");
    int32_t r = (int32_t)factor;
    const struct prt_tensor *few = back ? &to : &from, *many = back ? &from : &to;
    int32_t c = many->sizes[1], h = few->sizes[2], w = few->sizes[3], n = few->sizes[0];
    const int32_t apart[6] = {n, c, r, r, h, w}, woven[6] = {n, c, h, r, w, r};
    static const uint8_t weave[6] = {0, 1, 4, 2, 5, 3}, unweave[6] = {0, 1, 3, 5, 2, 4};
    uint8_t order[PRT_MAX_RANK] = {0};
    memcpy(order, back ? unweave : weave, sizeof weave);
    struct prt_tensor first = prt_import_like(&from, 6, back ? woven : apart);
    struct prt_tensor second = prt_import_like(&from, 6, back ? apart : woven);
    enum percept_status status = prt_import_temporary(import, &first, &split);
    if (status == PERCEPT_OK)
        status = prt_import_reshape(import, x, split);
    if (status == PERCEPT_OK)
        status = prt_import_temporary(import, &second, &moved);
    if (status == PERCEPT_OK)
        status = prt_import_permute(import, split, order, moved);
    prt_aten_keep_quant(import, x, y);
    return status == PERCEPT_OK ? prt_import_reshape(import, moved, y) : status;
}

/* ---- parts ---- */

enum percept_status prt_aten_slice(struct prt_import *import, uint32_t x, int32_t axis,
                                   int64_t start, int64_t end, int64_t step, uint32_t y)
{
    uint32_t bounds[2];
    enum percept_status status = prt_import_int(import, start, &bounds[0]);
    if (status == PERCEPT_OK)
        status = prt_import_int(import, end, &bounds[1]);
    if (status != PERCEPT_OK)
        return status;
    prt_aten_keep_quant(import, x, y);
    struct prt_node *node =
        prt_import_node(import, PRT_OP_SLICE, y, 3, (const uint32_t[]){x, bounds[0], bounds[1]});
    if (!node)
        return PERCEPT_NO_MEMORY;
    node->attrs.slice = (struct prt_slice_attrs){.axis = axis, .step = step};
    return PERCEPT_OK;
}

/* The axis that argument index names. */
static enum percept_status axis_of(struct prt_import *import, const struct prt_call *call,
                                   unsigned index, uint32_t x, int32_t *axis)
{
    return prt_import_axis(import, prt_call_int(import, call, index, 0),
                           prt_import_spec(import, x)->rank, axis);
}

/* (self, dim, start, end, step, out) */
static enum percept_status slice(struct prt_import *import, const struct prt_aten_op *op,
                                 struct prt_call *call)
{
    (void)op;
    int32_t axis;
    enum percept_status status = axis_of(import, call, 1, call->operands[0], &axis);
    if (status == PERCEPT_OK)
        status = prt_aten_slice_bounds(import, call, axis,
                                       prt_import_spec(import, call->operands[0])->sizes[axis]);
    if (status == PERCEPT_OK &&
        (prt_call_is_at_run(import, call, 2) || prt_call_is_at_run(import, call, 3)))
        return prt_aten_slice_at_run(import, call, axis);
    if (status == PERCEPT_OK)
        status = prt_aten_slice(import, call->operands[0], axis, prt_call_int(import, call, 2, 0),
                                prt_call_int(import, call, 3, INT64_MAX),
                                prt_call_int(import, call, 4, 1), prt_call_output(call));
    return status;
}

/* (self, dim, start, length, out) */
static enum percept_status narrow(struct prt_import *import, const struct prt_aten_op *op,
                                  struct prt_call *call)
{
    (void)op;
    uint32_t x = call->operands[0];
    int32_t axis;
    enum percept_status status = axis_of(import, call, 1, x, &axis);
    if (status != PERCEPT_OK)
        return status;
    int64_t size = prt_import_spec(import, x)->sizes[axis];
    int64_t start = prt_call_int(import, call, 2, 0), length = prt_call_int(import, call, 3, 0);
    if (start < 0)
        start += size;
    if (start < 0 || length < 0 || length > size || start > size - length)
        return prt_import_fail(import, PERCEPT_MALFORMED, "takes a part that does not exist");
    return prt_aten_slice(import, x, axis, start, start + length, 1, prt_call_output(call));
}

/* x at one index of axis, without the axis */
static enum percept_status select_index(struct prt_import *import, uint32_t x, int32_t axis,
                                        int64_t index, uint32_t y)
{
    struct prt_tensor spec = *prt_import_spec(import, x);
    if (index < 0)
        index += spec.sizes[axis];
    if (index < 0 || index >= spec.sizes[axis])
        return prt_import_fail(import, PERCEPT_MALFORMED, "takes a part that does not exist");
    spec.sizes[axis] = 1;
    spec = prt_import_like(&spec, spec.rank, spec.sizes);
    uint32_t part;
    enum percept_status status = prt_import_temporary(import, &spec, &part);
    if (status == PERCEPT_OK)
        status = prt_aten_slice(import, x, axis, index, index + 1, 1, part);
    prt_aten_keep_quant(import, x, y);
    return status == PERCEPT_OK ? prt_import_reshape(import, part, y) : status;
}

/* (self, dim, index, out) */
static enum percept_status select_one(struct prt_import *import, const struct prt_aten_op *op,
                                      struct prt_call *call)
{
    (void)op;
    int32_t axis;
    enum percept_status status = axis_of(import, call, 1, call->operands[0], &axis);
    if (status == PERCEPT_OK)
        status = select_index(import, call->operands[0], axis, prt_call_int(import, call, 2, 0),
                              prt_call_output(call));
    return status;
}

/* (self, dim, outs) */
static enum percept_status unbind(struct prt_import *import, const struct prt_aten_op *op,
                                  struct prt_call *call)
{
    (void)op;
    int32_t axis;
    enum percept_status status = axis_of(import, call, 1, call->operands[0], &axis);
    for (uint32_t i = 0; i < call->list_count && status == PERCEPT_OK; i++)
        status = select_index(import, call->operands[0], axis, i, call->list[i]);
    return status;
}

/* (self, size or sizes, dim, outs): the sizes are the results' */
static enum percept_status split(struct prt_import *import, const struct prt_aten_op *op,
                                 struct prt_call *call)
{
    (void)op;
    int32_t axis;
    int64_t start = 0;
    enum percept_status status = axis_of(import, call, 2, call->operands[0], &axis);
    for (uint32_t i = 0; i < call->list_count && status == PERCEPT_OK; i++) {
        const struct prt_tensor *part = prt_import_spec(import, call->list[i]);
        int64_t end = start + (axis < part->rank ? part->sizes[axis] : 0);
        status = prt_aten_slice(import, call->operands[0], axis, start, end, 1, call->list[i]);
        start = end;
    }
    return status;
}

/* ---- several in one ---- */

static enum percept_status concat(struct prt_import *import, const uint32_t *parts, uint32_t count,
                                  int32_t axis, uint32_t y)
{
    if (count == 0 || count > UINT16_MAX)
        return prt_import_fail(import, PERCEPT_UNSUPPORTED, "joins %u tensors", count);
    prt_aten_keep_quant(import, parts[0], y);
    struct prt_node *node = prt_import_node(import, PRT_OP_CONCAT, y, count, parts);
    if (!node)
        return PERCEPT_NO_MEMORY;
    node->attrs.concat.axis = axis;
    return PERCEPT_OK;
}

/* (tensors, dim, out) */
static enum percept_status cat(struct prt_import *import, const struct prt_aten_op *op,
                               struct prt_call *call)
{
    (void)op;
    int32_t axis;
    uint32_t count = 0;
    enum percept_status status = axis_of(import, call, 1, prt_call_output(call), &axis);
    for (uint32_t i = 0; i < call->list_count && status == PERCEPT_OK; i++) {
        const struct prt_tensor *part = prt_import_spec(import, call->list[i]);
        if (part->rank == 1 && part->sizes[0] == 0)
            continue; /* PyTorch lets such a one go with any shape */
        status = prt_import_convert(import, call->list[i],
                                    prt_import_spec(import, prt_call_output(call))->dtype,
                                    &call->list[count]);
        count++;
    }
    return status == PERCEPT_OK ? concat(import, call->list, count, axis, prt_call_output(call))
                                : status;
}

/* (tensors, dim, out) */
static enum percept_status stack(struct prt_import *import, const struct prt_aten_op *op,
                                 struct prt_call *call)
{
    (void)op;
    int32_t axis;
    enum percept_status status = axis_of(import, call, 1, prt_call_output(call), &axis);
    struct prt_tensor slot = *prt_import_spec(import, prt_call_output(call));
    for (uint32_t i = 0; i < call->list_count && status == PERCEPT_OK; i++) {
        uint32_t wider;
        slot.sizes[axis] = 1;
        slot = prt_import_like(prt_import_spec(import, call->list[i]), slot.rank, slot.sizes);
        status = prt_import_temporary(import, &slot, &wider);
        if (status == PERCEPT_OK)
            status = prt_import_reshape(import, call->list[i], wider);
        call->list[i] = wider;
    }
    return status == PERCEPT_OK
               ? concat(import, call->list, call->list_count, axis, prt_call_output(call))
               : status;
}

/* (self, repeats, out): copies along each axis in turn */
static enum percept_status repeat(struct prt_import *import, const struct prt_aten_op *op,
                                  struct prt_call *call)
{
    (void)op;
    int64_t repeats[PRT_MAX_RANK];
    uint32_t count, x = call->operands[0], y = prt_call_output(call), wider;
    enum percept_status status = prt_call_ints(import, call, 1, repeats, PRT_MAX_RANK, &count);
    struct prt_tensor from = *prt_import_spec(import, x);
    if (status != PERCEPT_OK)
        return status;
    if (count < from.rank)
        return prt_import_fail(import, PERCEPT_MALFORMED, "repeats %u dimensions of %u", count,
                               from.rank);
    int32_t sizes[PRT_MAX_RANK];
    for (uint32_t i = 0; i < count; i++)
        sizes[i] = i < count - from.rank ? 1 : from.sizes[i - (count - from.rank)];
    for (uint32_t i = 0; i <= count && status == PERCEPT_OK; i++) {
        /* Step 0 adds the leading dimensions, step i + 1 repeats along i. */
        int64_t times = i == 0 ? 1 : repeats[i - 1], size;
        if (i > 0 && times == 1)
            continue;
        size = i == 0 ? 0 : sizes[i - 1] * times;
        if (times < 1 || times > UINT16_MAX || size > INT32_MAX)
            return prt_import_fail(import, PERCEPT_UNSUPPORTED, "repeats %lld times",
                                   (long long)times);
        if (i > 0)
            sizes[i - 1] = (int32_t)size;
        struct prt_tensor spec = prt_import_like(&from, count, sizes);
        status = prt_import_temporary(import, &spec, &wider);
        if (status != PERCEPT_OK)
            return status;
        if (i == 0) {
            status = prt_import_reshape(import, x, wider);
        } else {
            uint32_t *parts = base_arena_array(&import->arena, (size_t)times, sizeof *parts);
            if (!parts)
                return prt_import_no_memory(import);
            for (int64_t j = 0; j < times; j++)
                parts[j] = x;
            status = concat(import, parts, (uint32_t)times, (int32_t)i - 1, wider);
        }
        x = wider;
    }
    prt_aten_keep_quant(import, x, y);
    return status == PERCEPT_OK ? prt_import_reshape(import, x, y) : status;
}

/* (self, sizes, implicit, out): the graph broadcasts in arithmetic, so times one */
static enum percept_status expand(struct prt_import *import, const struct prt_aten_op *op,
                                  struct prt_call *call)
{
    uint32_t x = call->operands[0], y = prt_call_output(call);
    const struct prt_tensor *from = prt_import_spec(import, x), *to = prt_import_spec(import, y);
    if (prt_tensor_same_sizes(from, to))
        return reshape(import, op, call);
    if (from->dtype == PRT_BOOL)
        return prt_aten_binary(import, PRT_BINARY_OR, x, x, 1, y);
    uint32_t one;
    enum percept_status status = prt_import_int(import, 1, &one);
    return status == PERCEPT_OK ? prt_aten_binary(import, PRT_BINARY_MUL, x, one, 1, y) : status;
}

/* (self, pad, value, out): pad counts from the last dimension, before and after each */
static enum percept_status pad(struct prt_import *import, const struct prt_aten_op *op,
                               struct prt_call *call)
{
    (void)op;
    int64_t amounts[2 * PRT_MAX_RANK];
    uint32_t count, x = call->operands[0];
    enum percept_status status = prt_call_ints(import, call, 1, amounts, 2 * PRT_MAX_RANK, &count);
    if (status != PERCEPT_OK)
        return status;
    struct prt_tensor spec = *prt_import_spec(import, x);
    if (count % 2 != 0 || count / 2 > spec.rank)
        return prt_import_fail(import, PERCEPT_MALFORMED, "pads by a list of %u", count);
    struct prt_pad_attrs attrs = {.value = prt_call_number(import, call, 2, 0)};
    if (spec.quant.kind == PRT_QUANT_PER_TENSOR) /* it was padded with a code */
        attrs.value = (attrs.value - spec.quant.zero_point) * (double)spec.quant.scale;
    for (uint32_t i = 0; i < count; i++) {
        if (amounts[i] < INT32_MIN || amounts[i] > INT32_MAX)
            return prt_import_fail(import, PERCEPT_MALFORMED, "pads by %lld",
                                   (long long)amounts[i]);
        int32_t *side = i % 2 ? attrs.after : attrs.before;
        side[spec.rank - 1 - i / 2] = (int32_t)amounts[i];
    }
    prt_aten_keep_quant(import, x, prt_call_output(call));
    struct prt_node *node = prt_import_node(import, PRT_OP_PAD, prt_call_output(call), 1, &x);
    if (!node)
        return PERCEPT_NO_MEMORY;
    node->attrs.pad = attrs;
    return PERCEPT_OK;
}

/* ---- from a number ---- */

static enum percept_status full(struct prt_import *import, const struct prt_aten_op *op,
                                struct prt_call *call)
{
    (void)op;
    uint32_t value = PRT_NO_VALUE;
    enum percept_status status = PERCEPT_OK;
    for (unsigned i = 0; i < call->count; i++)
        if (call->signature[i] == 'N')
            status = prt_import_scalar(import, call->args[i], &value);
    if (value == PRT_NO_VALUE && status == PERCEPT_OK)
        status = prt_import_int(import, op->kind, &value);
    if (status != PERCEPT_OK)
        return status;
    return prt_import_node(import, PRT_OP_FULL, prt_call_output(call), 1, &value)
               ? PERCEPT_OK
               : PERCEPT_NO_MEMORY;
}

static const struct prt_aten_op ops[] = {
    {"aten::view_copy.out", "QLOR", reshape, 0},
    {"aten::unsqueeze_copy.out", "QIOR", reshape, 0},
    {"aten::squeeze_copy.dim_out", "QIOR", reshape, 0},
    {"aten::squeeze_copy.dims_out", "QLOR", reshape, 0},
    {"executorch_prim::et_view.default", "QLO", reshape, 0},
    {"aten::copy_", "XT_R", copy_in_place, 0},
    {"aten::alias_copy.out", "QOR", copy, 0},
    {"et_copy::_h2d_copy.out", "QOR", copy, 0}, /* between the memories of devices: there is one */
    {"et_copy::_d2h_copy.out", "QOR", copy, 0},
    {"aten::detach_copy.out", "QOR", copy, 0},
    {"aten::lift_fresh_copy.out", "QOR", copy, 0},
    {"aten::clone.out", "Q_OR", copy, 0},
    {"aten::_to_copy.out", "Q__OR", copy, 0},
    {"dim_order_ops::_clone_dim_order.out", "Q__OR", copy, 0},
    {"dim_order_ops::_to_dim_order_copy.out", "Q__OR", copy, 0},
    {"aten::permute_copy.out", "QLOR", permute, 0},
    {"aten::transpose_copy.int_out", "QIIOR", transpose, 0},
    {"aten::t_copy.out", "QOR", matrix_transpose, 0},
    {"aten::pixel_shuffle.out", "QIOR", pixel_shuffle, false},
    {"aten::pixel_unshuffle.out", "QIOR", pixel_shuffle, true},
    {"aten::slice_copy.Tensor_out", "QIppIOR", slice, 0},
    {"aten::narrow_copy.out", "QIIIOR", narrow, 0},
    {"aten::select_copy.int_out", "QIIOR", select_one, 0},
    {"aten::unbind_copy.int_out", "QIYR", unbind, 0},
    {"aten::split_copy.Tensor_out", "QIIYR", split, 0},
    {"aten::split_with_sizes_copy.out", "QLIYR", split, 0},
    {"aten::cat.out", "AIOR", cat, 0},
    {"aten::stack.out", "AIOR", stack, 0},
    {"aten::repeat.out", "QLOR", repeat, 0},
    {"aten::expand_copy.out", "TLBOR", expand, 0},
    {"aten::constant_pad_nd.out", "QLNOR", pad, 0},
    {"aten::full.out", "LNOR", full, 0},
    {"aten::full_like.out", "_N_OR", full, 0},
    {"aten::fill.Scalar_out", "_NOR", full, 0},
    {"aten::scalar_tensor.out", "NOR", full, 0},
    {"aten::zeros.out", "LOR", full, 0},
    {"aten::empty.out", "L_OR", full, 0}, /* of no particular numbers; what is written is known */
    {"dim_order_ops::_empty_dim_order.out", "L_OR", full, 0},
    {"aten::ones.out", "LOR", full, 1},
};

const struct prt_aten_table prt_aten_shape = PRT_ATEN_TABLE(ops);
