/* Why: ops that only move bytes are all one copy with strides on both sides. */
#include "backends/dsp/lower.h"
#include "runtime/nest.h"

#include <math.h>

/* A copy of `sizes` elements between two tensors, from these first elements on. */
struct move {
    int32_t sizes[PRT_MAX_RANK];
    int64_t to_strides[PRT_MAX_RANK], from_strides[PRT_MAX_RANK], to, from;
};

static const char *fill_copy(const struct prt_tensor *y, const struct move *move,
                             struct dsp_copy *copy)
{
    struct prt_tensor shape = *y;
    struct prt_nest loops;
    for (unsigned i = 0; i < shape.rank; i++)
        shape.sizes[i] = move->sizes[i];
    prt_nest_init(&loops, &shape);
    prt_nest_add(&loops, move->to_strides);
    prt_nest_add(&loops, move->from_strides);
    prt_nest_finish(&loops);
    if (loops.rank > DSP_LOOPS)
        return "more loops than it has";
    copy->nest.loops = loops.rank;
    copy->to = move->to;
    copy->from = move->from;
    for (unsigned i = 0; i < loops.rank; i++) {
        if (loops.sizes[i] > INT32_MAX)
            return "too many elements";
        copy->nest.sizes[i] = (int32_t)loops.sizes[i];
        copy->nest.strides[0][i] = loops.strides[0][i];
        copy->nest.strides[1][i] = loops.strides[1][i];
    }
    return NULL;
}

/* ---- what differs ---- */

static void concat(const struct dsp_lowering *lowering, struct move *move)
{
    int32_t axis = lowering->node->attrs.concat.axis;
    for (unsigned i = 0; i < lowering->part; i++)
        move->to += dsp_operand(lowering, i)->sizes[axis] * move->to_strides[axis];
}

static void slice(const struct dsp_lowering *lowering, struct move *move)
{
    const struct prt_slice_attrs *attrs = &lowering->node->attrs.slice;
    int64_t start, end;
    prt_slice_range(lowering->graph, lowering->node, &start, &end);
    move->from = start * move->from_strides[attrs->axis];
    move->from_strides[attrs->axis] *= move->sizes[attrs->axis] > 1 ? attrs->step : 1;
}

static void permute(const struct dsp_lowering *lowering, struct move *move)
{
    int64_t own[PRT_MAX_RANK];
    prt_tensor_strides(dsp_operand(lowering, 0), own);
    for (unsigned i = 0; i < dsp_result(lowering)->rank; i++)
        move->from_strides[i] = own[lowering->node->attrs.permute.order[i]];
}

/* What is left of x when negative amounts are cut off, and where it goes. */
static void pad(const struct dsp_lowering *lowering, struct move *move, struct dsp_copy *copy)
{
    const struct prt_pad_attrs *attrs = &lowering->node->attrs.pad;
    const struct prt_tensor *x = dsp_operand(lowering, 0), *y = dsp_result(lowering);
    const struct dsp_code range = dsp_code_for(y, NULL);
    double code = attrs->value;
    if (dsp_is_codes(y))
        code = fmin(fmax(rint(code / (double)y->quant.scale) + range.zero, range.lo), range.hi);
    copy->fills = 1;
    copy->fill_value = copy->each == 1 ? (uint8_t)(int32_t)code : (uint16_t)(int32_t)code;
    for (unsigned i = 0; i < x->rank; i++) {
        int32_t before = attrs->before[i], after = attrs->after[i];
        move->sizes[i] = x->sizes[i] + (before < 0 ? before : 0) + (after < 0 ? after : 0);
        if (before < 0)
            move->from -= before * move->from_strides[i];
        else
            move->to += before * move->to_strides[i];
    }
}

static const char *check(const struct dsp_lowering *lowering, const struct prt_tensor *x,
                         const struct prt_tensor *y)
{
    if (!x || x->dtype != y->dtype ||
        (prt_dtype_size(x->dtype) != 1 && !(prt_dtype_size(x->dtype) == 2 && dsp_is_codes(y))))
        return "it runs integers of 8 bits and codes of 16 only";
    if (lowering->node->op == PRT_OP_RESHAPE &&
        !(prt_tensor_is_contiguous(x) && prt_tensor_is_contiguous(y)))
        return "rows that are not whole in memory";
    if (lowering->node->op == PRT_OP_PAD && !dsp_is_codes(y) &&
        !(y->dtype == PRT_I8 && y->quant.kind == PRT_QUANT_NONE &&
          lowering->node->attrs.pad.value >= -128 && lowering->node->attrs.pad.value <= 127))
        return "it pads with codes only";
    return NULL;
}

const char *dsp_lower_move(const struct dsp_lowering *lowering, struct dsp_lowered *lowered)
{
    const struct prt_node *node = lowering->node;
    const struct prt_tensor *x = dsp_operand(lowering, lowering->part), *y = dsp_result(lowering);
    const char *why = check(lowering, x, y);
    struct move move = {0};
    if (why)
        return why;
    lowered->step.as.copy.each = (uint32_t)prt_dtype_size(y->dtype);
    prt_tensor_strides(y, move.to_strides);
    prt_tensor_strides(x, move.from_strides);
    for (unsigned i = 0; i < y->rank; i++)
        move.sizes[i] = node->op == PRT_OP_CONCAT ? x->sizes[i] : y->sizes[i];
    if (node->op == PRT_OP_CONCAT)
        concat(lowering, &move);
    else if (node->op == PRT_OP_SLICE)
        slice(lowering, &move);
    else if (node->op == PRT_OP_PERMUTE)
        permute(lowering, &move);
    else if (node->op == PRT_OP_PAD)
        pad(lowering, &move, &lowered->step.as.copy);
    else if (node->op == PRT_OP_RESHAPE)
        prt_tensor_strides(y, move.from_strides);
    for (unsigned i = 0; i < y->rank; i++)
        if (move.sizes[i] < 1)
            return "a part without elements";
    lowered->step.op = DSP_COPY;
    lowered->x[0] = node->inputs[lowering->part];
    return fill_copy(y, &move, &lowered->step.as.copy);
}
