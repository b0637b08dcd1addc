/*
 * Why: operators of other processors compute with codes whose scales and zero points the call
 * states, and state no more of them than they need. Such codes are real numbers in the graph, and
 * quantised again at the end; weights are put in the order and the type that layers want.
 */
#include "runtime/import_aten.h"

#include <math.h>

/* ---- numbers of a call ---- */

enum percept_status prt_aten_known_number(struct prt_import *import, const struct prt_call *call,
                                          unsigned index, double *number)
{
    if (call->operands[index] == PRT_NO_VALUE) {
        *number = prt_call_number(import, call, index, 0);
        return PERCEPT_OK;
    }
    const struct prt_value *value = &import->graph->values[call->operands[index]];
    if (!(value->flags & PRT_FLAG_CONSTANT) || prt_tensor_elements(&value->tensor) != 1)
        return prt_import_fail(import, PERCEPT_UNSUPPORTED, "argument %u is not constant", index);
    switch (value->tensor.dtype) {
    case PRT_F32:
        *number = *(const float *)value->data;
        return PERCEPT_OK;
    case PRT_F64:
        *number = *(const double *)value->data;
        return PERCEPT_OK;
    case PRT_I32:
        *number = *(const int32_t *)value->data;
        return PERCEPT_OK;
    case PRT_I64:
        *number = (double)*(const int64_t *)value->data;
        return PERCEPT_OK;
    default:
        return prt_import_fail(import, PERCEPT_UNSUPPORTED, "argument %u is %s", index,
                               prt_dtype_name(value->tensor.dtype));
    }
}

enum percept_status prt_aten_known_numbers(struct prt_import *import, const struct prt_call *call,
                                           unsigned first, unsigned count, double *numbers)
{
    enum percept_status status = PERCEPT_OK;
    for (unsigned i = 0; i < count && status == PERCEPT_OK; i++)
        status = prt_aten_known_number(import, call, first + i, &numbers[i]);
    return status;
}

/* ---- codes ---- */

static enum percept_status quant_of(struct prt_import *import, double scale, double zero,
                                    struct prt_quant *quant)
{
    if (!((float)scale > 0) || !isfinite((float)scale) || !(zero >= INT16_MIN) ||
        !(zero <= UINT16_MAX))
        return prt_import_fail(import, PERCEPT_MALFORMED, "has the scale %g and the zero point %g",
                               scale, zero);
    *quant = (struct prt_quant){
        .kind = PRT_QUANT_PER_TENSOR, .scale = (float)scale, .zero_point = (int32_t)zero};
    return PERCEPT_OK;
}

static enum percept_status check_type(struct prt_import *import, const struct prt_tensor *spec)
{
    if (spec->dtype == PRT_I8 || spec->dtype == PRT_U8 || spec->dtype == PRT_I16 ||
        spec->dtype == PRT_U16)
        return PERCEPT_OK;
    return prt_import_fail(import, PERCEPT_UNSUPPORTED, "codes of type %s are not supported",
                           prt_dtype_name(spec->dtype));
}

enum percept_status prt_aten_as_codes(struct prt_import *import, uint32_t x, double scale,
                                      double zero, uint32_t *id)
{
    struct prt_quant quant;
    struct prt_tensor spec = *prt_import_spec(import, x);
    enum percept_status status = quant_of(import, scale, zero, &quant);
    if (status != PERCEPT_OK)
        return status;
    if (import->graph->values[x].flags & PRT_FLAG_CONSTANT)
        return prt_import_codes(import, x, &quant, id);
    *id = x;
    if (spec.quant.kind == PRT_QUANT_PER_TENSOR && spec.quant.scale == quant.scale &&
        spec.quant.zero_point == quant.zero_point)
        return PERCEPT_OK;
    spec.quant = quant;
    status = prt_import_temporary(import, &spec, id);
    if (status == PERCEPT_OK && !prt_import_node(import, PRT_OP_CODES, *id, 1, &x))
        status = PERCEPT_NO_MEMORY;
    return status;
}

enum percept_status prt_aten_numbers_in(struct prt_import *import, uint32_t x, double scale,
                                        double zero, uint32_t *y)
{
    struct prt_tensor spec = *prt_import_spec(import, x);
    bool constant = import->graph->values[x].flags & PRT_FLAG_CONSTANT;
    enum percept_status status =
        constant && spec.dtype == PRT_I32 ? PERCEPT_OK : check_type(import, &spec);
    if (status == PERCEPT_OK)
        status = prt_aten_as_codes(import, x, scale, zero, &x);
    spec.quant = (struct prt_quant){0};
    spec.dtype = PRT_F32;
    if (status == PERCEPT_OK && *y == PRT_NO_VALUE)
        status = prt_import_temporary(import, &spec, y);
    if (status != PERCEPT_OK)
        return status;
    return prt_import_node(import, PRT_OP_DEQUANTIZE, *y, 1, &x) ? PERCEPT_OK : PERCEPT_NO_MEMORY;
}

enum percept_status prt_aten_numbers_of(struct prt_import *import, uint32_t x, double scale,
                                        double zero, uint32_t *id)
{
    *id = PRT_NO_VALUE;
    return prt_aten_numbers_in(import, x, scale, zero, id);
}

enum percept_status prt_aten_real_result(struct prt_import *import, uint32_t y, uint32_t *id)
{
    struct prt_tensor spec = *prt_import_spec(import, y);
    enum percept_status status = check_type(import, &spec);
    spec.dtype = PRT_F32;
    return status == PERCEPT_OK ? prt_import_temporary(import, &spec, id) : status;
}

enum percept_status prt_aten_codes_of(struct prt_import *import, uint32_t x, double scale,
                                      double zero, uint32_t y)
{
    struct prt_quant quant;
    enum percept_status status = quant_of(import, scale, zero, &quant);
    if (status != PERCEPT_OK)
        return status;
    import->graph->values[y].tensor.quant = quant;
    return prt_import_node(import, PRT_OP_QUANTIZE, y, 1, &x) ? PERCEPT_OK : PERCEPT_NO_MEMORY;
}

/* ---- weights ---- */

struct prt_weight_view prt_aten_weight_view(const struct prt_import *import, uint32_t x)
{
    const struct prt_tensor *spec = prt_import_spec(import, x);
    struct prt_weight_view view = {.rank = spec->rank, .sizes = {1, 1, 1, 1}};
    int64_t stride = 1;
    for (unsigned i = spec->rank < 4 ? spec->rank : 4; i-- > 0; stride *= spec->sizes[i]) {
        view.sizes[i] = spec->sizes[i];
        view.strides[i] = stride;
    }
    return view;
}

static bool is_whole(const struct prt_import *import, uint32_t x,
                     const struct prt_weight_view *view)
{
    const struct prt_weight_view own = prt_aten_weight_view(import, x);
    bool same = view->rank == own.rank && view->first == 0;
    for (unsigned i = 0; i < 4; i++)
        same = same && view->sizes[i] == own.sizes[i] && view->strides[i] == own.strides[i];
    return same;
}

/* The codes in the view's order, of int8. */
static enum percept_status copy_view(struct prt_import *import, uint32_t x,
                                     const struct prt_weight_view *view, uint32_t *id)
{
    struct prt_tensor spec = prt_import_like(prt_import_spec(import, x), view->rank, view->sizes);
    const int32_t *n = view->sizes;
    const int64_t *s = view->strides;
    uint8_t flip = spec.dtype == PRT_U8 ? 0x80 : 0;
    size_t count = prt_tensor_elements(&spec);
    const void *data = NULL;
    uint8_t *codes = base_arena_alloc(&import->graph->arena, count + 1), *to = codes;
    if (!codes)
        return prt_import_no_memory(import);
    enum percept_status status = prt_import_data(import, x, &data);
    if (status != PERCEPT_OK)
        return status;
    for (int64_t i = 0; i < n[0]; i++)
        for (int64_t j = 0; j < n[1]; j++)
            for (int64_t k = 0; k < n[2]; k++)
                for (int64_t l = 0; l < n[3]; l++)
                    *to++ = ((const uint8_t *)
                                 data)[view->first + i * s[0] + j * s[1] + k * s[2] + l * s[3]] ^
                            flip;
    spec.dtype = PRT_I8;
    spec.quant = (struct prt_quant){0};
    return prt_import_constant(import, &spec, codes, id);
}

enum percept_status prt_aten_weight_of(struct prt_import *import, uint32_t x,
                                       const struct prt_weight_view *view, double scale,
                                       double zero, uint32_t *id)
{
    const struct prt_value *value = &import->graph->values[x];
    enum prt_dtype dtype = value->tensor.dtype;
    bool constant = value->flags & PRT_FLAG_CONSTANT;
    enum percept_status status = PERCEPT_OK;
    if (!is_whole(import, x, view) || (dtype == PRT_U8 && constant)) {
        if (!constant || view->rank > 4 || (dtype != PRT_U8 && dtype != PRT_I8) ||
            !prt_tensor_is_contiguous(&value->tensor))
            return prt_import_fail(import, PERCEPT_UNSUPPORTED,
                                   "a weight that is no constant of 8 bits");
        status = copy_view(import, x, view, &x);
        zero -= dtype == PRT_U8 ? 128 : 0;
    }
    return status == PERCEPT_OK ? prt_aten_numbers_of(import, x, scale, zero, id) : status;
}
