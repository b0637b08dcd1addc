/* Why: means and variances. The graph has means and arithmetic only, so a variance is several
 * nodes. */
#include "runtime/import_aten.h"

enum percept_status prt_aten_moments(struct prt_import *import, uint32_t x, uint32_t axes,
                                     uint32_t *mean, uint32_t *centred, uint32_t *variance)
{
    struct prt_tensor spec = *prt_import_spec(import, x), narrow = spec;
    uint32_t square;
    for (unsigned i = 0; i < spec.rank; i++)
        if (axes >> i & 1)
            narrow.sizes[i] = 1;
    enum percept_status status = prt_import_temporary(import, &narrow, mean);
    if (status == PERCEPT_OK)
        status = prt_aten_reduce(import, PRT_REDUCE_MEAN, x, axes, true, *mean);
    if (status == PERCEPT_OK)
        status = prt_import_temporary(import, &spec, centred);
    if (status == PERCEPT_OK)
        status = prt_aten_binary(import, PRT_BINARY_SUB, x, *mean, 1, *centred);
    if (status == PERCEPT_OK)
        status = prt_import_temporary(import, &spec, &square);
    if (status == PERCEPT_OK)
        status = prt_aten_unary(import, PRT_UNARY_SQUARE, *centred, 0, 0, square);
    if (status == PERCEPT_OK)
        status = prt_import_temporary(import, &narrow, variance);
    if (status == PERCEPT_OK)
        status = prt_aten_reduce(import, PRT_REDUCE_MEAN, square, axes, true, *variance);
    return status;
}

/* The variance over axes, into y. correction is what the divisor is less than the count. */
static enum percept_status variance(struct prt_import *import, uint32_t x, uint32_t axes,
                                    double correction, uint32_t y)
{
    const struct prt_tensor *spec = prt_import_spec(import, x);
    double count = 1;
    for (unsigned i = 0; i < spec->rank; i++)
        if (axes >> i & 1)
            count *= spec->sizes[i];
    if (!(count > correction) || axes == 0)
        return prt_import_fail(import, PERCEPT_UNSUPPORTED, "%g elements, corrected by %g", count,
                               correction);
    uint32_t centred, mean, spread;
    enum percept_status status = prt_aten_moments(import, x, axes, &mean, &centred, &spread);
    if (status == PERCEPT_OK)
        status = prt_aten_with_number(import, PRT_BINARY_MUL, spread, count / (count - correction),
                                      &spread);
    return status == PERCEPT_OK ? prt_import_reshape(import, spread, y) : status;
}

/* (self, dims, correction, keepdim, out) or, with the kind 1, (self, dims, unbiased, keepdim, out)
 */
static enum percept_status var(struct prt_import *import, const struct prt_aten_op *op,
                               struct prt_call *call)
{
    uint32_t axes;
    enum percept_status status =
        prt_aten_axes(import, call, 1, prt_import_spec(import, call->operands[0])->rank, &axes);
    double correction =
        op->kind ? prt_call_bool(import, call, 2) : prt_call_number(import, call, 2, 1);
    return status == PERCEPT_OK
               ? variance(import, call->operands[0], axes, correction, prt_call_output(call))
               : status;
}

/* (self, dims, correction, keepdim, variance, mean) */
static enum percept_status var_mean(struct prt_import *import, const struct prt_aten_op *op,
                                    struct prt_call *call)
{
    uint32_t axes, x = call->operands[0];
    enum percept_status status =
        prt_aten_axes(import, call, 1, prt_import_spec(import, x)->rank, &axes);
    if (status == PERCEPT_OK)
        status = prt_aten_reduce(import, PRT_REDUCE_MEAN, x, axes, prt_call_bool(import, call, 3),
                                 call->operands[5]);
    return status == PERCEPT_OK ? var(import, op, call) : status;
}

static const struct prt_aten_op ops[] = {
    {"aten::var.correction_out", "TlnBOR", var, 0},
    {"aten::var_mean.correction_out", "TlnBOOR", var_mean, 0},
    {"aten::var.out", "TlBBOR", var, 1},
};

const struct prt_aten_table prt_aten_norm = PRT_ATEN_TABLE(ops);
