/*
 * Why: a Fourier transform over a fixed number of samples is a product with a constant matrix, for
 * which kernels are there. Complex numbers are pairs of real ones, in a last dimension of two that
 * the program's own sizes leave out (program_tensor.c); only the operators here take them.
 */
#include "runtime/import_aten.h"

#include <math.h>

enum { REAL = 1, COMPLEX = 2, MOST_ELEMENTS = 1 << 24 };

/* y[k] = sum of x[j] e^(sign 2 pi i j k / n), of `from` numbers j and `to` numbers k. */
struct transform {
    int32_t n, from, to;
    int in, out; /* REAL or COMPLEX */
    double sign, scale;
    bool half; /* the numbers x[n - j] that are not there are those of j, conjugated */
};

/* What part `in` of x[j] adds to part `out` of y[k]. */
static double weight_of(const struct transform *transform, int64_t k, int out, int64_t j, int in)
{
    double angle = 2 * M_PI * (double)(j * k % transform->n) / transform->n;
    double twice = transform->half && j != 0 && 2 * j != transform->n ? 2 : 1;
    double part = in == out ? cos(angle) : (out ? 1 : -1) * transform->sign * sin(angle);
    return transform->scale * twice * part;
}

static enum percept_status matrix_of(struct prt_import *import, const struct transform *transform,
                                     enum prt_dtype dtype, uint32_t *id)
{
    int64_t rows = (int64_t)transform->to * transform->out,
            columns = (int64_t)transform->from * transform->in;
    if (rows > MOST_ELEMENTS || columns > MOST_ELEMENTS || rows * columns > MOST_ELEMENTS)
        return prt_import_fail(import, PERCEPT_LIMIT, "transforms %d numbers", transform->n);
    struct prt_tensor spec = {
        .dtype = dtype, .rank = 2, .sizes = {(int32_t)rows, (int32_t)columns}, .dim_order = {0, 1}};
    void *data =
        base_arena_array(&import->graph->arena, (size_t)(rows * columns), prt_dtype_size(dtype));
    if (!data)
        return prt_import_no_memory(import);
    for (int64_t i = 0; i < rows * columns; i++) {
        int64_t row = i / columns, column = i % columns;
        double weight = weight_of(transform, row / transform->out, (int)(row % transform->out),
                                  column / transform->in, (int)(column % transform->in));
        if (dtype == PRT_F64)
            ((double *)data)[i] = weight;
        else
            ((float *)data)[i] = (float)weight;
    }
    return prt_import_constant(import, &spec, data, id);
}

/* x with its dimensions in another order. */
static enum percept_status permuted(struct prt_import *import, uint32_t *x, const uint8_t *order)
{
    const struct prt_tensor from = *prt_import_spec(import, *x);
    int32_t sizes[PRT_MAX_RANK];
    for (unsigned i = 0; i < from.rank; i++)
        sizes[i] = from.sizes[order[i]];
    struct prt_tensor spec = prt_import_like(&from, from.rank, sizes);
    uint32_t y;
    enum percept_status status = prt_import_temporary(import, &spec, &y);
    if (status == PERCEPT_OK)
        status = prt_import_permute(import, *x, order, y);
    *x = y;
    return status;
}

/* *x transformed along an axis. */
static enum percept_status apply(struct prt_import *import, const struct transform *transform,
                                 int32_t axis, uint32_t *x)
{
    const struct prt_tensor spec = *prt_import_spec(import, *x);
    unsigned whole = spec.rank - (transform->in == COMPLEX), rows = whole - 1;
    uint8_t there[PRT_MAX_RANK], back[PRT_MAX_RANK];
    int32_t sizes[PRT_MAX_RANK];
    for (unsigned i = 0, at = 0; i < whole; i++)
        if ((int32_t)i != axis)
            there[at++] = (uint8_t)i;
    there[rows] = (uint8_t)axis;
    there[whole] = (uint8_t)whole;
    for (unsigned i = 0; i <= whole; i++)
        back[there[i]] = (uint8_t)i;
    for (unsigned i = 0; i < rows; i++)
        sizes[i] = spec.sizes[there[i]];
    uint32_t matrix, y;
    enum percept_status status = matrix_of(import, transform, spec.dtype, &matrix);
    if (status == PERCEPT_OK)
        status = permuted(import, x, there);
    sizes[rows] = transform->from * transform->in;
    if (status == PERCEPT_OK)
        status = prt_aten_as(import, *x, whole, sizes, x);
    sizes[rows] = transform->to * transform->out;
    struct prt_tensor made = prt_import_like(&spec, whole, sizes);
    if (status == PERCEPT_OK)
        status = prt_import_temporary(import, &made, &y);
    if (status == PERCEPT_OK)
        status = prt_aten_linear(import, *x, matrix, PRT_NO_VALUE, y);
    sizes[rows] = transform->to;
    sizes[whole] = COMPLEX;
    if (status == PERCEPT_OK)
        status = prt_aten_as(import, y, whole + (transform->out == COMPLEX), sizes, x);
    return status == PERCEPT_OK ? permuted(import, x, back) : status;
}

/* The dimensions of a call, the factor for all of them, and the operand in the result's type. */
static enum percept_status begin(struct prt_import *import, const struct prt_call *call, uint32_t y,
                                 unsigned rank, int32_t *axes, uint32_t *count, uint32_t *x)
{
    int64_t dims[PRT_MAX_RANK];
    uint32_t seen = 0;
    enum percept_status status = prt_call_ints(import, call, 1, dims, PRT_MAX_RANK, count);
    if (status == PERCEPT_OK && *count == 0)
        return prt_import_fail(import, PERCEPT_UNSUPPORTED, "transforms no dimension");
    for (uint32_t i = 0; i < *count && status == PERCEPT_OK; i++) {
        status = prt_import_axis(import, dims[i], rank, &axes[i]);
        if (status == PERCEPT_OK && seen >> axes[i] & 1)
            status = prt_import_fail(import, PERCEPT_MALFORMED, "transforms a dimension twice");
        if (status == PERCEPT_OK)
            seen |= 1u << axes[i];
    }
    enum prt_dtype dtype = prt_import_spec(import, y)->dtype;
    if (status == PERCEPT_OK && dtype != PRT_F32 && dtype != PRT_F64)
        status = prt_import_fail(import, PERCEPT_UNSUPPORTED, "gives numbers of type %s",
                                 prt_dtype_name(dtype));
    return status == PERCEPT_OK ? prt_import_convert(import, call->operands[0], dtype, x) : status;
}

/* One over the number of samples, its root, or 1, as argument 2 says. */
static double scale_of(const struct prt_import *import, const struct prt_call *call, double samples)
{
    int64_t kind = prt_call_int(import, call, 2, 0);
    return kind == 1 ? 1 / sqrt(samples) : kind == 2 ? 1 / samples : 1;
}

/* (self, dim, normalization, onesided, out): of real numbers */
static enum percept_status from_real(struct prt_import *import, const struct prt_aten_op *op,
                                     struct prt_call *call)
{
    (void)op;
    const struct prt_tensor spec = *prt_import_spec(import, call->operands[0]);
    uint32_t y = call->operands[4], x, count = 0;
    int32_t axes[PRT_MAX_RANK];
    enum percept_status status = begin(import, call, y, spec.rank, axes, &count, &x);
    double samples = 1;
    for (uint32_t i = 0; i < count && status == PERCEPT_OK; i++)
        samples *= spec.sizes[axes[i]];
    if (status == PERCEPT_OK && !(samples >= 1))
        return prt_import_fail(import, PERCEPT_MALFORMED, "transforms nothing");
    bool half = prt_call_bool(import, call, 3);
    for (uint32_t i = count; i-- > 0 && status == PERCEPT_OK;) {
        bool first = i == count - 1; /* of all: the last dimension */
        int32_t n = spec.sizes[axes[i]];
        struct transform transform = {.n = n,
                                      .from = n,
                                      .to = first && half ? n / 2 + 1 : n,
                                      .in = first ? REAL : COMPLEX,
                                      .out = COMPLEX,
                                      .sign = -1,
                                      .scale = first ? scale_of(import, call, samples) : 1};
        status = apply(import, &transform, axes[i], &x);
    }
    return status == PERCEPT_OK ? prt_aten_into(import, x, y) : status;
}

/* (self, dim, normalization, last_dim_size, out): of complex numbers to real ones, of which the
 * last dimension has the first half */
static enum percept_status to_real(struct prt_import *import, const struct prt_aten_op *op,
                                   struct prt_call *call)
{
    (void)op;
    const struct prt_tensor spec = *prt_import_spec(import, call->operands[0]);
    uint32_t y = call->operands[4], x, count = 0;
    int32_t axes[PRT_MAX_RANK];
    int64_t last = prt_call_int(import, call, 3, 0);
    enum percept_status status = begin(import, call, y, spec.rank - 1u, axes, &count, &x);
    if (status == PERCEPT_OK && (last < 1 || last / 2 + 1 != spec.sizes[axes[count - 1]]))
        return prt_import_fail(import, PERCEPT_MALFORMED, "makes %lld samples of %d numbers",
                               (long long)last, spec.sizes[axes[count - 1]]);
    double samples = (double)last;
    for (uint32_t i = 0; i + 1 < count && status == PERCEPT_OK; i++)
        samples *= spec.sizes[axes[i]];
    if (status == PERCEPT_OK && !(samples >= 1))
        return prt_import_fail(import, PERCEPT_MALFORMED, "transforms nothing");
    for (uint32_t i = 0; i < count && status == PERCEPT_OK; i++) {
        bool final = i == count - 1;
        int32_t n = final ? (int32_t)last : spec.sizes[axes[i]];
        struct transform transform = {.n = n,
                                      .from = spec.sizes[axes[i]],
                                      .to = n,
                                      .in = COMPLEX,
                                      .out = final ? REAL : COMPLEX,
                                      .sign = 1,
                                      .scale = final ? scale_of(import, call, samples) : 1,
                                      .half = final};
        status = apply(import, &transform, axes[i], &x);
    }
    return status == PERCEPT_OK ? prt_aten_into(import, x, y) : status;
}

/* (self, out): the pairs as they are */
static enum percept_status parts(struct prt_import *import, const struct prt_aten_op *op,
                                 struct prt_call *call)
{
    (void)op;
    return prt_aten_into(import, call->operands[0], prt_call_output(call));
}

static const struct prt_aten_op ops[] = {
    {"aten::_fft_r2c.out", "TLIBKR", from_real, 0},
    {"aten::_fft_c2r.out", "CLIIOR", to_real, 0},
    {"aten::view_as_real_copy.out", "COR", parts, 0},
};

const struct prt_aten_table prt_aten_spectrum = PRT_ATEN_TABLE(ops);
