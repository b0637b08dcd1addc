/*
 * Why: ATen states scale and zero point at each conversion; the graph keeps them with the value of
 * codes. A constant read with two scales becomes two values with one set of bytes.
 */
#include "runtime/import_aten.h"

#include <stdint.h>

/* quant_min and quant_max of each type; a quantisation may use less of it. */
static const struct {
    enum prt_dtype dtype;
    int64_t min, max;
} ranges[] = {
    {PRT_I8, INT8_MIN, INT8_MAX},
    {PRT_U8, 0, UINT8_MAX},
    {PRT_I32, INT32_MIN, INT32_MAX},
};

/* The whole range of a type of codes; false when it cannot hold any. */
static bool range_of(enum prt_dtype dtype, int64_t *min, int64_t *max)
{
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        if (ranges[i].dtype == dtype) {
            *min = ranges[i].min;
            *max = ranges[i].max;
            return true;
        }
    }
    return false;
}

static enum percept_status per_tensor(struct prt_import *import, const struct prt_call *call,
                                      struct prt_quant *quant)
{
    double scale = 0, zero_point = 0;
    enum percept_status status = prt_aten_known_number(import, call, 1, &scale);
    if (status == PERCEPT_OK)
        status = prt_aten_known_number(import, call, 2, &zero_point);
    if (status == PERCEPT_OK && !(zero_point >= INT32_MIN && zero_point <= INT32_MAX))
        status = prt_import_fail(import, PERCEPT_MALFORMED, "has the zero point %g", zero_point);
    if (status == PERCEPT_OK)
        *quant = (struct prt_quant){
            .kind = PRT_QUANT_PER_TENSOR, .scale = (float)scale, .zero_point = (int32_t)zero_point};
    return status;
}

/* Zero points as int32, NULL when there are none or all are 0. */
static enum percept_status zero_points_of(struct prt_import *import, uint32_t id, uint32_t count,
                                          const int32_t **zero_points)
{
    *zero_points = NULL;
    if (id == PRT_NO_VALUE)
        return PERCEPT_OK;
    const struct prt_value *value = &import->graph->values[id];
    enum prt_dtype dtype = value->tensor.dtype;
    if (!(value->flags & PRT_FLAG_CONSTANT) || prt_tensor_elements(&value->tensor) != count ||
        (dtype != PRT_I64 && dtype != PRT_I32))
        return prt_import_fail(import, PERCEPT_UNSUPPORTED,
                               "zero points are not constants, one a channel");
    bool any = false;
    for (uint32_t i = 0; i < count; i++) {
        int64_t point = dtype == PRT_I64 ? ((const int64_t *)value->data)[i]
                                         : ((const int32_t *)value->data)[i];
        if (point < INT32_MIN || point > INT32_MAX)
            return prt_import_fail(import, PERCEPT_MALFORMED, "has the zero point %lld",
                                   (long long)point);
        any |= point != 0;
    }
    if (!any)
        return PERCEPT_OK;
    int32_t *copy = base_arena_array(&import->graph->arena, count, sizeof *copy);
    if (!copy)
        return prt_import_no_memory(import);
    for (uint32_t i = 0; i < count; i++)
        copy[i] = dtype == PRT_I64 ? (int32_t)((const int64_t *)value->data)[i]
                                   : ((const int32_t *)value->data)[i];
    *zero_points = copy;
    return PERCEPT_OK;
}

static enum percept_status per_channel(struct prt_import *import, const struct prt_call *call,
                                       struct prt_quant *quant)
{
    const struct prt_tensor *x = prt_import_spec(import, call->operands[0]);
    const struct prt_value *scales = &import->graph->values[call->operands[1]];
    int32_t axis;
    enum percept_status status =
        prt_import_axis(import, prt_call_int(import, call, 3, 0), x->rank, &axis);
    if (status != PERCEPT_OK)
        return status;
    uint32_t count = (uint32_t)x->sizes[axis];
    if (!(scales->flags & PRT_FLAG_CONSTANT) || scales->tensor.dtype != PRT_F32 ||
        prt_tensor_elements(&scales->tensor) != count)
        return prt_import_fail(import, PERCEPT_UNSUPPORTED,
                               "scales are not float32 constants, one a channel");
    struct prt_quant made = {.kind = PRT_QUANT_PER_CHANNEL,
                             .axis = (uint32_t)axis,
                             .count = count,
                             .scales = scales->data};
    status = zero_points_of(import, call->operands[2], count, &made.zero_points);
    if (status == PERCEPT_OK)
        *quant = made;
    return status;
}

static bool same_quant(const struct prt_quant *a, const struct prt_quant *b)
{
    return a->kind == b->kind && a->kind == PRT_QUANT_PER_TENSOR && a->scale == b->scale &&
           a->zero_point == b->zero_point;
}

enum percept_status prt_import_codes(struct prt_import *import, uint32_t x,
                                     const struct prt_quant *quant, uint32_t *id)
{
    struct prt_value *value = &import->graph->values[x];
    int64_t min, max;
    *id = x;
    if (!range_of(value->tensor.dtype, &min, &max))
        return prt_import_fail(import, PERCEPT_UNSUPPORTED, "codes of type %s are not supported",
                               prt_dtype_name(value->tensor.dtype));
    if (value->flags & PRT_FLAG_CONSTANT) {
        struct prt_tensor spec = value->tensor;
        uint32_t deferred = value->flags & PRT_FLAGS_DEFERRED;
        spec.quant = *quant;
        enum percept_status status = prt_import_constant(import, &spec, value->data, id);
        if (status == PERCEPT_OK)
            import->graph->values[*id].flags |= deferred;
        return status;
    }
    if (same_quant(&value->tensor.quant, quant))
        return PERCEPT_OK;
    /* Integers that were computed: codes from here on. */
    if (value->tensor.quant.kind == PRT_QUANT_NONE && !(value->flags & PRT_FLAG_INPUT) &&
        quant->kind == PRT_QUANT_PER_TENSOR) {
        struct prt_tensor spec = value->tensor;
        spec.quant = *quant;
        enum percept_status status = prt_import_temporary(import, &spec, id);
        if (status != PERCEPT_OK)
            return status;
        return prt_import_node(import, PRT_OP_CODES, *id, 1, &x) ? PERCEPT_OK : PERCEPT_NO_MEMORY;
    }
    /* The caller's codes mean what their first reader says. */
    if (value->tensor.quant.kind != PRT_QUANT_NONE || !(value->flags & PRT_FLAG_INPUT) ||
        value->uses != 0 || quant->kind != PRT_QUANT_PER_TENSOR)
        return prt_import_fail(import, PERCEPT_UNSUPPORTED,
                               "reads codes with another scale than they were made with");
    value->tensor.quant = *quant;
    return PERCEPT_OK;
}

/* Are the parameters of a call known now, so that they can stand with the value? */
static bool is_known(const struct prt_import *import, const struct prt_call *call)
{
    for (unsigned i = 1; i < 3; i++) {
        uint32_t id = call->operands[i];
        if (id != PRT_NO_VALUE && !(import->graph->values[id].flags & PRT_FLAG_CONSTANT))
            return false;
    }
    return true;
}

/* (input, scale(s), zero_point(s), [axis,] quant_min, quant_max, dtype, out_dtype, out) */
static enum percept_status dequantize(struct prt_import *import, const struct prt_aten_op *op,
                                      struct prt_call *call)
{
    struct prt_quant quant;
    int64_t min, max;
    if (!is_known(import, call) ||
        !range_of(prt_import_spec(import, call->operands[0])->dtype, &min, &max))
        return prt_aten_dequantize_at_run(import, op, call);
    enum percept_status status = op->kind == PRT_QUANT_PER_CHANNEL
                                     ? per_channel(import, call, &quant)
                                     : per_tensor(import, call, &quant);
    uint32_t codes, y = prt_call_output(call), result = y;
    if (status == PERCEPT_OK)
        status = prt_import_codes(import, call->operands[0], &quant, &codes);
    struct prt_tensor spec = *prt_import_spec(import, y);
    if (status == PERCEPT_OK && spec.dtype != PRT_F32) {
        spec.dtype = PRT_F32;
        status = prt_import_temporary(import, &spec, &result);
    }
    if (status != PERCEPT_OK)
        return status;
    if (!prt_import_node(import, PRT_OP_DEQUANTIZE, result, 1, &codes))
        return PERCEPT_NO_MEMORY;
    if (result != y && !prt_import_node(import, PRT_OP_CONVERT, y, 1, &result))
        return PERCEPT_NO_MEMORY;
    return PERCEPT_OK;
}

/* Codes from min to max only: clamp the numbers to what these mean. The bounds lie on codes, so
 * rounding cannot leave them. */
static enum percept_status clamp_to_codes(struct prt_import *import, uint32_t *x,
                                          const struct prt_quant *quant, int64_t min, int64_t max)
{
    return prt_aten_apply(import, PRT_UNARY_CLAMP,
                          (double)(min - quant->zero_point) * (double)quant->scale,
                          (double)(max - quant->zero_point) * (double)quant->scale, x);
}

/* (input, scale(s), zero_point(s), [axis,] quant_min, quant_max, dtype, out) */
static enum percept_status quantize(struct prt_import *import, const struct prt_aten_op *op,
                                    struct prt_call *call)
{
    bool channels = op->kind == PRT_QUANT_PER_CHANNEL;
    uint32_t x = call->operands[0], y = prt_call_output(call);
    enum prt_dtype dtype = prt_import_spec(import, y)->dtype;
    struct prt_quant quant;
    int64_t lowest, highest;
    if (!is_known(import, call) || dtype == PRT_I32 || !range_of(dtype, &lowest, &highest))
        return prt_aten_quantize_at_run(import, op, call);
    enum percept_status status =
        channels ? per_channel(import, call, &quant) : per_tensor(import, call, &quant);
    if (status == PERCEPT_OK)
        status = prt_import_convert(import, x, PRT_F32, &x);
    if (status != PERCEPT_OK)
        return status;
    int64_t min = prt_call_int(import, call, channels ? 4 : 3, lowest);
    int64_t max = prt_call_int(import, call, channels ? 5 : 4, highest);
    if (min > max || min < lowest || max > highest)
        return prt_import_fail(import, PERCEPT_MALFORMED, "codes from %lld to %lld do not fit %s",
                               (long long)min, (long long)max, prt_dtype_name(dtype));
    bool narrow = min != lowest || max != highest;
    if (narrow && channels)
        return prt_import_fail(import, PERCEPT_UNSUPPORTED, "uses a part of the codes only");
    if (narrow)
        status = clamp_to_codes(import, &x, &quant, min, max);
    if (status != PERCEPT_OK)
        return status;
    import->graph->values[y].tensor.quant = quant;
    return prt_import_node(import, PRT_OP_QUANTIZE, y, 1, &x) ? PERCEPT_OK : PERCEPT_NO_MEMORY;
}

#define OP(name) "quantized_decomposed::" name

static const struct prt_aten_op ops[] = {
    {OP("quantize_per_tensor.out"), "TDIIIiOR", quantize, PRT_QUANT_PER_TENSOR},
    {OP("quantize_per_tensor.Tensor_out"), "TTTIIiOR", quantize, PRT_QUANT_PER_TENSOR},
    {OP("quantize_per_channel.out"), "TTTIIIiOR", quantize, PRT_QUANT_PER_CHANNEL},
    {OP("dequantize_per_tensor.out"), "QDIIIiiOR", dequantize, PRT_QUANT_PER_TENSOR},
    {OP("dequantize_per_tensor.Tensor_out"), "QTTIIiiOR", dequantize, PRT_QUANT_PER_TENSOR},
    {OP("dequantize_per_channel.out"), "QTtIIIiiOR", dequantize, PRT_QUANT_PER_CHANNEL},
};

const struct prt_aten_table prt_aten_quant = PRT_ATEN_TABLE(ops);
