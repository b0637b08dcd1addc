/* Why: images at other sizes. What RESIZE2D cannot say is, along each axis, a product with a matrix
 * of shares that only the two sizes decide, or a gather. */
#include "runtime/import_aten.h"

#include <math.h>
#include <string.h>

enum filter { FILTER_LINEAR, FILTER_CUBIC };

struct resample {
    enum filter filter;
    bool align_corners, antialias;
};

/* Input steps an output step, as PyTorch computes it. */
static double step_of(bool align_corners, double scale, int32_t in, int32_t out)
{
    if (align_corners)
        return out > 1 ? (double)(in - 1) / (double)(out - 1) : 0;
    return scale > 0 ? 1 / scale : (double)in / (double)out;
}

static double cubic(double x, double a)
{
    x = fabs(x);
    if (x < 1)
        return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

/* Shares of x's elements in element `at`: the neighbours, those beyond the edge the edge's. */
static void plain_shares(const struct resample *how, double step, int32_t in, int32_t at,
                         double *shares)
{
    double centre = how->align_corners ? step * at : step * (at + 0.5) - 0.5;
    if (how->filter == FILTER_LINEAR && centre < 0)
        centre = 0;
    double first = floor(centre), part = centre - first;
    int reach = how->filter == FILTER_LINEAR ? 1 : 2;
    for (int k = 1 - reach; k <= reach; k++) {
        double share =
            how->filter == FILTER_LINEAR ? (k ? part : 1 - part) : cubic((double)k - part, -0.75);
        double place = first + k;
        int32_t from = place < 0 ? 0 : place > in - 1 ? in - 1 : (int32_t)place;
        shares[from] += share;
    }
}

/* The filter widened to cover all of x that an element stands for, so that nothing is skipped. */
static void smooth_shares(const struct resample *how, double step, int32_t in, int32_t at,
                          double *shares)
{
    double wide = step > 1 ? step : 1, support = (how->filter == FILTER_LINEAR ? 1 : 2) * wide;
    double centre = step * (at + 0.5), sum = 0;
    double low = fmax(floor(centre - support + 0.5), 0), high = floor(centre + support + 0.5);
    int32_t first = (int32_t)fmin(low, in), end = high < in ? (int32_t)fmax(high, 0) : in;
    for (int pass = 0; pass < 2; pass++)
        for (int32_t i = first; i < end; i++) {
            double x = ((double)i - centre + 0.5) / wide;
            double share = how->filter == FILTER_LINEAR ? fmax(1 - fabs(x), 0) : cubic(x, -0.5);
            if (pass == 0)
                sum += share;
            else
                shares[i] = sum != 0 ? share / sum : share;
        }
}

/* The matrix [out, in] of all shares, of x's type, which is fp32 or fp64. */
static enum percept_status share_matrix(struct prt_import *import, const struct resample *how,
                                        const struct prt_tensor *x, int32_t in, int32_t out,
                                        double scale, uint32_t *matrix)
{
    const int32_t sizes[2] = {out, in};
    struct prt_tensor spec = prt_import_like(x, 2, sizes);
    size_t count = (size_t)in * (size_t)out;
    double step = step_of(how->align_corners, scale, in, out);
    if (!(step >= 0 && step <= INT32_MAX))
        return prt_import_fail(import, PERCEPT_MALFORMED, "scales by %g", scale);
    double *shares = base_arena_array(&import->graph->arena, count, sizeof *shares);
    if (!shares)
        return prt_import_no_memory(import);
    memset(shares, 0, count * sizeof *shares);
    for (int32_t i = 0; i < out; i++)
        (how->antialias ? smooth_shares : plain_shares)(how, step, in, i,
                                                        shares + (size_t)i * (size_t)in);
    if (spec.dtype == PRT_F64)
        return prt_import_constant(import, &spec, shares, matrix);
    float *single = base_arena_array(&import->graph->arena, count, sizeof *single);
    if (!single)
        return prt_import_no_memory(import);
    for (size_t i = 0; i < count; i++)
        single[i] = (float)shares[i];
    return prt_import_constant(import, &spec, single, matrix);
}

/* x with another size along axis: a product with the axis last. */
static enum percept_status resample_axis(struct prt_import *import, const struct resample *how,
                                         uint32_t *x, int32_t axis, int32_t out, double scale)
{
    struct prt_tensor spec = *prt_import_spec(import, *x);
    int32_t in = spec.sizes[axis], last = spec.rank - 1;
    if (in < 1 || out < 1)
        return prt_import_fail(import, PERCEPT_MALFORMED, "resizes %d to %d", in, out);
    uint8_t order[PRT_MAX_RANK];
    for (uint8_t i = 0; i < PRT_MAX_RANK; i++)
        order[i] = i;
    order[axis] = (uint8_t)last;
    order[last] = (uint8_t)axis;
    uint32_t weight, turned, product, back;
    enum percept_status status = share_matrix(import, how, &spec, in, out, scale, &weight);
    spec.sizes[axis] = spec.sizes[last];
    spec.sizes[last] = in;
    spec = prt_import_like(&spec, spec.rank, spec.sizes);
    if (status == PERCEPT_OK)
        status = prt_import_temporary(import, &spec, &turned);
    if (status == PERCEPT_OK)
        status = prt_import_permute(import, *x, order, turned);
    spec.sizes[last] = out;
    if (status == PERCEPT_OK)
        status = prt_import_temporary(import, &spec, &product);
    if (status != PERCEPT_OK)
        return status;
    status = prt_aten_linear(import, turned, weight, PRT_NO_VALUE, product);
    if (status != PERCEPT_OK)
        return status;
    spec.sizes[last] = spec.sizes[axis];
    spec.sizes[axis] = out;
    status = prt_import_temporary(import, &spec, &back);
    if (status == PERCEPT_OK)
        status = prt_import_permute(import, product, order, back);
    if (status == PERCEPT_OK)
        *x = back;
    return status;
}

/* The factors that a call states, one for each of `spatial` axes, 0 where it states none. */
static double factor(const struct prt_import *import, const struct prt_call *call, unsigned first,
                     unsigned at)
{
    if (call->signature[first] != 'f')
        return prt_call_number(import, call, first + at, 0);
    return at < prt_call_list_count(import, call, first) ? prt_call_real(import, call, first, at)
                                                         : 0;
}

enum { BY_LINEAR = 0, BY_CUBIC = 1, SMOOTHLY = 2 };

/* (self, output_size, align_corners, scales.., out) */
enum percept_status prt_aten_resample_by(struct prt_import *import, const struct prt_aten_op *op,
                                         struct prt_call *call)
{
    uint32_t x = call->operands[0], y = prt_call_output(call);
    struct prt_tensor to = *prt_import_spec(import, y);
    struct resample how = {.filter = op->kind & BY_CUBIC ? FILTER_CUBIC : FILTER_LINEAR,
                           .align_corners = prt_call_bool(import, call, 2),
                           .antialias = op->kind & SMOOTHLY};
    if (to.rank < 3 || to.rank != prt_import_spec(import, x)->rank)
        return prt_import_fail(import, PERCEPT_MALFORMED, "%u dimensions", to.rank);
    enum percept_status status =
        prt_import_convert(import, x, to.dtype == PRT_F64 ? PRT_F64 : PRT_F32, &x);
    for (unsigned i = 2; i < to.rank && status == PERCEPT_OK; i++)
        status = resample_axis(import, &how, &x, (int32_t)i, to.sizes[i],
                               factor(import, call, 3, i - 2));
    return status == PERCEPT_OK ? prt_aten_into(import, x, y) : status;
}

/* (self, output_size, scales.., out): a gather; the kind 1 looks from the middle of elements */
static enum percept_status nearest(struct prt_import *import, const struct prt_aten_op *op,
                                   struct prt_call *call)
{
    uint32_t x = call->operands[0], y = prt_call_output(call), indices[PRT_MAX_RANK];
    struct prt_tensor from = *prt_import_spec(import, x), to = *prt_import_spec(import, y);
    struct prt_index_attrs attrs = prt_aten_index_straight();
    if (to.rank < 3 || to.rank != from.rank)
        return prt_import_fail(import, PERCEPT_MALFORMED, "%u dimensions", to.rank);
    for (unsigned d = 2; d < to.rank; d++) {
        int32_t *list = base_arena_array(&import->arena, (size_t)to.sizes[d] + 1, sizeof *list);
        if (!list)
            return prt_import_no_memory(import);
        if (from.sizes[d] < 1)
            return prt_import_fail(import, PERCEPT_MALFORMED, "of an empty image");
        float step = (float)step_of(false, factor(import, call, 2, d - 2), from.sizes[d],
                                    to.sizes[d] ? to.sizes[d] : 1);
        for (int32_t i = 0; i < to.sizes[d]; i++) {
            float at = floorf(((float)i + (op->kind ? 0.5f : 0.0f)) * step);
            list[i] = at < (float)from.sizes[d] ? (int32_t)at : from.sizes[d] - 1;
            if (!(at >= 0) || list[i] >= from.sizes[d])
                list[i] = from.sizes[d] - 1;
        }
        attrs.from[d] = (uint8_t)(PRT_INDEXED + (int)(d - 2));
        enum percept_status status =
            prt_aten_index_list(import, list, to.sizes[d], to.rank, (int32_t)d, &indices[d - 2]);
        if (status != PERCEPT_OK)
            return status;
    }
    return prt_aten_gather(import, x, to.rank - 2u, indices, &attrs, y);
}

/* (input, grid, interpolation_mode, padding_mode, align_corners, out) */
static enum percept_status grid_sampler(struct prt_import *import, const struct prt_aten_op *op,
                                        struct prt_call *call)
{
    (void)op;
    uint32_t x = call->operands[0], grid = call->operands[1], y = prt_call_output(call), result;
    struct prt_tensor spec = *prt_import_spec(import, y);
    int64_t mode = prt_call_int(import, call, 2, 0), edge = prt_call_int(import, call, 3, 0);
    if (mode < 0 || mode >= PRT_GRID_MODES || edge < 0 || edge >= PRT_GRID_EDGES)
        return prt_import_fail(import, PERCEPT_MALFORMED, "mode %lld, padding %lld",
                               (long long)mode, (long long)edge);
    spec.dtype = spec.dtype == PRT_F64 ? PRT_F64 : PRT_F32;
    spec = prt_import_like(&spec, spec.rank, spec.sizes);
    enum percept_status status = prt_import_convert(import, x, spec.dtype, &x);
    if (status == PERCEPT_OK)
        status = prt_import_convert(import, grid, spec.dtype, &grid);
    if (status == PERCEPT_OK)
        status = prt_import_temporary(import, &spec, &result);
    if (status != PERCEPT_OK)
        return status;
    struct prt_node *node =
        prt_import_node(import, PRT_OP_GRID_SAMPLE, result, 2, (const uint32_t[]){x, grid});
    if (!node)
        return PERCEPT_NO_MEMORY;
    node->attrs.grid = (struct prt_grid_attrs){(enum prt_grid_mode)mode, (enum prt_grid_edge)edge,
                                               prt_call_bool(import, call, 4)};
    return prt_aten_into(import, result, y);
}

static const struct prt_aten_op ops[] = {
    {"aten::upsample_linear1d.out", "TLBdOR", prt_aten_resample_by, BY_LINEAR},
    {"aten::upsample_bilinear2d.out", "TLBddOR", prt_aten_resample_by, BY_LINEAR},
    {"aten::upsample_trilinear3d.out", "TLBdddOR", prt_aten_resample_by, BY_LINEAR},
    {"aten::upsample_bicubic2d.out", "TLBddOR", prt_aten_resample_by, BY_CUBIC},
    {"aten::_upsample_bilinear2d_aa.out", "TLBddOR", prt_aten_resample_by, BY_LINEAR | SMOOTHLY},
    {"aten::_upsample_bicubic2d_aa.out", "TLBddOR", prt_aten_resample_by, BY_CUBIC | SMOOTHLY},
    {"aten::upsample_nearest1d.out", "QLdOR", nearest, 0},
    {"aten::upsample_nearest2d.out", "QLddOR", nearest, 0},
    {"aten::upsample_nearest3d.out", "QLdddOR", nearest, 0},
    {"aten::_upsample_nearest_exact1d.out", "QLdOR", nearest, 1},
    {"aten::_upsample_nearest_exact2d.out", "QLddOR", nearest, 1},
    {"aten::_upsample_nearest_exact3d.out", "QLdddOR", nearest, 1},
    {"aten::grid_sampler_2d.out", "TTIIBOR", grid_sampler, 0},
};

const struct prt_aten_table prt_aten_resample = PRT_ATEN_TABLE(ops);
