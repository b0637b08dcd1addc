/* Why: the sizes of what operators move, make, order and reduce. */
#include "runtime/import_sizes.h"

#include "base/checked.h"
#include "runtime/import_aten.h"

#include <math.h>
#include <string.h>

/* Argument `index` as a dimension of x, of which there is at least one. */
static enum percept_status axis_of(struct prt_import *import, const struct prt_call *call,
                                   unsigned index, unsigned rank, int32_t *axis)
{
    if (rank == 0)
        return prt_size_wrong(import);
    return prt_import_axis(import, prt_call_int(import, call, index, 0), rank, axis);
}

/* ---- as an operand ---- */

static enum percept_status like(struct prt_import *import, const struct prt_call *call,
                                const struct prt_size_row *row, unsigned which, struct prt_sizes *y)
{
    (void)which;
    return prt_size_like(import, call, (unsigned)row->a, y);
}

/* ---- as stated ---- */

/* A list of sizes; of operand a, -1 stands for as many elements as are left over. */
static enum percept_status view(struct prt_import *import, const struct prt_call *call,
                                const struct prt_size_row *row, unsigned which, struct prt_sizes *y)
{
    (void)which;
    struct prt_sizes x;
    int64_t left = 1;
    unsigned open = PRT_MAX_RANK;
    enum percept_status status = prt_size_like(import, call, 0, &x);
    if (status == PERCEPT_OK)
        status = prt_call_ints(import, call, (unsigned)row->a, y->at, PRT_MAX_RANK, &y->rank);
    if (status != PERCEPT_OK)
        return status;
    for (unsigned i = 0; i < x.rank; i++)
        if (!base_mul_i64(left, x.at[i], &left))
            return prt_size_wrong(import);
    for (unsigned i = 0; i < y->rank; i++) {
        if (y->at[i] == -1 && open == PRT_MAX_RANK)
            open = i;
        else if (y->at[i] < 1 || left % y->at[i])
            return y->at[i] == 0 && left == 0 ? PERCEPT_OK : prt_size_wrong(import);
        else
            left /= y->at[i];
    }
    if (open < PRT_MAX_RANK)
        y->at[open] = left;
    return PERCEPT_OK;
}

/* A list of sizes that has the result's; -1 keeps that of the operand, which ends where it does. */
static enum percept_status expand(struct prt_import *import, const struct prt_call *call,
                                  const struct prt_size_row *row, unsigned which,
                                  struct prt_sizes *y)
{
    (void)row, (void)which;
    struct prt_sizes x;
    enum percept_status status = prt_size_like(import, call, 0, &x);
    if (status == PERCEPT_OK)
        status = prt_call_ints(import, call, 1, y->at, PRT_MAX_RANK, &y->rank);
    if (status == PERCEPT_OK && y->rank < x.rank)
        status = prt_size_wrong(import);
    for (unsigned i = 0; status == PERCEPT_OK && i < x.rank; i++) {
        int64_t *size = &y->at[y->rank - x.rank + i];
        *size = *size == -1 ? x.at[i] : *size;
    }
    return status;
}

static enum percept_status listed(struct prt_import *import, const struct prt_call *call,
                                  const struct prt_size_row *row, unsigned which,
                                  struct prt_sizes *y)
{
    (void)which;
    return prt_call_ints(import, call, (unsigned)row->a, y->at, PRT_MAX_RANK, &y->rank);
}

static enum percept_status scalar(struct prt_import *import, const struct prt_call *call,
                                  const struct prt_size_row *row, unsigned which,
                                  struct prt_sizes *y)
{
    (void)import, (void)call, (void)row, (void)which;
    *y = (struct prt_sizes){0};
    return PERCEPT_OK;
}

/* (end, out) or (start, end, step, out) */
static enum percept_status range(struct prt_import *import, const struct prt_call *call,
                                 const struct prt_size_row *row, unsigned which,
                                 struct prt_sizes *y)
{
    (void)which;
    double start = row->a ? prt_call_number(import, call, 0, 0) : 0;
    double end = prt_call_number(import, call, (unsigned)row->a, 0);
    double count = ceil((end - start) / (row->a ? prt_call_number(import, call, 2, 1) : 1));
    if (!(count >= 0 && count <= INT32_MAX))
        return prt_size_wrong(import);
    *y = (struct prt_sizes){.rank = 1, .at = {(int64_t)count}};
    return PERCEPT_OK;
}

static enum percept_status repeat(struct prt_import *import, const struct prt_call *call,
                                  const struct prt_size_row *row, unsigned which,
                                  struct prt_sizes *y)
{
    (void)row, (void)which;
    struct prt_sizes x;
    enum percept_status status = prt_size_like(import, call, 0, &x);
    if (status == PERCEPT_OK)
        status = prt_size_list(import, call, 1, x.rank, PRT_MAX_RANK, y->at, &y->rank);
    for (unsigned i = 0; status == PERCEPT_OK && i < x.rank; i++)
        y->at[y->rank - x.rank + i] *= x.at[i];
    return status;
}

/* ---- dimensions that come, go and change places ---- */

static enum percept_status unsqueeze(struct prt_import *import, const struct prt_call *call,
                                     const struct prt_size_row *row, unsigned which,
                                     struct prt_sizes *y)
{
    (void)row, (void)which;
    int32_t axis;
    enum percept_status status = prt_size_like(import, call, 0, y);
    if (status == PERCEPT_OK && y->rank == PRT_MAX_RANK)
        status = prt_size_wrong(import);
    if (status == PERCEPT_OK)
        status = axis_of(import, call, 1, y->rank + 1, &axis);
    if (status != PERCEPT_OK)
        return status;
    memmove(y->at + axis + 1, y->at + axis, (y->rank++ - (unsigned)axis) * sizeof *y->at);
    y->at[axis] = 1;
    return PERCEPT_OK;
}

static void drop(struct prt_sizes *y, uint32_t axes)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < y->rank; i++)
        if (!(axes >> i & 1))
            y->at[kept++] = y->at[i];
    y->rank = kept;
}

/* b: is argument 1 a list? Dimensions of another size than 1 stay. */
static enum percept_status squeeze(struct prt_import *import, const struct prt_call *call,
                                   const struct prt_size_row *row, unsigned which,
                                   struct prt_sizes *y)
{
    (void)which;
    uint32_t axes = 0, ones = 0;
    int32_t axis = 0;
    enum percept_status status = prt_size_like(import, call, 0, y);
    if (status == PERCEPT_OK && row->b && prt_call_list_count(import, call, 1))
        status = prt_aten_axes(import, call, 1, y->rank, &axes);
    else if (status == PERCEPT_OK && !row->b) {
        status = axis_of(import, call, 1, y->rank, &axis);
        axes = 1u << axis;
    }
    for (unsigned i = 0; i < y->rank && status == PERCEPT_OK; i++)
        ones |= y->at[i] == 1 ? 1u << i : 0;
    if (status == PERCEPT_OK)
        drop(y, axes & ones);
    return status;
}

static enum percept_status permute(struct prt_import *import, const struct prt_call *call,
                                   const struct prt_size_row *row, unsigned which,
                                   struct prt_sizes *y)
{
    (void)row, (void)which;
    struct prt_sizes x;
    int64_t dims[PRT_MAX_RANK];
    uint32_t count;
    enum percept_status status = prt_size_like(import, call, 0, &x);
    if (status == PERCEPT_OK)
        status = prt_call_ints(import, call, 1, dims, PRT_MAX_RANK, &count);
    y->rank = x.rank;
    if (status == PERCEPT_OK && count != x.rank)
        status = prt_size_wrong(import);
    for (unsigned i = 0; status == PERCEPT_OK && i < x.rank; i++) {
        int32_t axis = 0;
        status = prt_import_axis(import, dims[i], x.rank, &axis);
        y->at[i] = x.at[axis];
    }
    return status;
}

/* Of the two dimensions in arguments 1 and 2, or those of a matrix. */
static enum percept_status transpose(struct prt_import *import, const struct prt_call *call,
                                     const struct prt_size_row *row, unsigned which,
                                     struct prt_sizes *y)
{
    (void)which;
    int32_t axes[2] = {0, 1};
    enum percept_status status = prt_size_like(import, call, 0, y);
    if (status != PERCEPT_OK || y->rank < 2)
        return status;
    for (unsigned i = 0; i < 2 && row->a && status == PERCEPT_OK; i++)
        status = axis_of(import, call, 1 + i, y->rank, &axes[i]);
    if (status != PERCEPT_OK)
        return status;
    int64_t first = y->at[axes[0]];
    y->at[axes[0]] = y->at[axes[1]];
    y->at[axes[1]] = first;
    return PERCEPT_OK;
}

/* a: backwards */
static enum percept_status pixel_shuffle(struct prt_import *import, const struct prt_call *call,
                                         const struct prt_size_row *row, unsigned which,
                                         struct prt_sizes *y)
{
    (void)which;
    int64_t factor = prt_call_int(import, call, 1, 1);
    enum percept_status status = prt_size_like(import, call, 0, y);
    if (status == PERCEPT_OK && (y->rank < 3 || factor < 1 || factor > UINT16_MAX))
        status = prt_size_wrong(import);
    if (status != PERCEPT_OK)
        return status;
    int64_t *last = &y->at[y->rank - 1], square = factor * factor;
    last[-2] = row->a ? last[-2] * square : last[-2] / square;
    for (int i = -1; i <= 0; i++)
        last[i] = row->a ? last[i] / factor : last[i] * factor;
    return PERCEPT_OK;
}

/* ---- parts ---- */

static int64_t bounded(int64_t at, int64_t size)
{
    at += at < 0 ? size : 0;
    return at < 0 ? 0 : at > size ? size : at;
}

/* (self, dim, start, end, step, out) */
static enum percept_status slice(struct prt_import *import, const struct prt_call *call,
                                 const struct prt_size_row *row, unsigned which,
                                 struct prt_sizes *y)
{
    (void)row, (void)which;
    int32_t axis;
    int64_t step = prt_call_int(import, call, 4, 1);
    enum percept_status status = prt_size_like(import, call, 0, y);
    if (status == PERCEPT_OK)
        status = axis_of(import, call, 1, y->rank, &axis);
    if (status == PERCEPT_OK && step < 1)
        status = prt_size_wrong(import);
    if (status == PERCEPT_OK)
        status = prt_aten_slice_bounds(import, call, axis, y->at[axis]);
    if (status != PERCEPT_OK)
        return status;
    if (prt_call_is_at_run(import, call, 2) || prt_call_is_at_run(import, call, 3))
        return prt_aten_slice_count(import, call, &y->at[axis]);
    int64_t start = bounded(prt_call_int(import, call, 2, 0), y->at[axis]);
    int64_t end = bounded(prt_call_int(import, call, 3, INT64_MAX), y->at[axis]);
    y->at[axis] = end > start ? (end - start - 1) / step + 1 : 0;
    return PERCEPT_OK;
}

/* One dimension, in argument a, of the size that is in argument b. */
static enum percept_status one_size(struct prt_import *import, const struct prt_call *call,
                                    const struct prt_size_row *row, unsigned which,
                                    struct prt_sizes *y)
{
    (void)which;
    int32_t axis;
    enum percept_status status = prt_size_like(import, call, 0, y);
    if (status != PERCEPT_OK || y->rank == 0)
        return status;
    status = axis_of(import, call, (unsigned)row->a, y->rank, &axis);
    if (status == PERCEPT_OK)
        y->at[axis] = prt_call_int(import, call, (unsigned)row->b, 0);
    return status;
}

/* x without the dimension in argument 1 */
static enum percept_status select_one(struct prt_import *import, const struct prt_call *call,
                                      const struct prt_size_row *row, unsigned which,
                                      struct prt_sizes *y)
{
    (void)row, (void)which;
    int32_t axis;
    enum percept_status status = prt_size_like(import, call, 0, y);
    if (status == PERCEPT_OK)
        status = axis_of(import, call, 1, y->rank, &axis);
    if (status == PERCEPT_OK)
        drop(y, 1u << axis);
    return status;
}

/* (self, size or sizes, dim, outs) */
static enum percept_status split(struct prt_import *import, const struct prt_call *call,
                                 const struct prt_size_row *row, unsigned which,
                                 struct prt_sizes *y)
{
    int32_t axis;
    int64_t sizes[64], each = prt_call_int(import, call, 1, 0);
    uint32_t count = 0;
    enum percept_status status = prt_size_like(import, call, 0, y);
    if (status == PERCEPT_OK)
        status = axis_of(import, call, 2, y->rank, &axis);
    if (status == PERCEPT_OK && row->a)
        status = prt_call_ints(import, call, 1, sizes, sizeof sizes / sizeof *sizes, &count);
    if (status != PERCEPT_OK)
        return status;
    if (row->a ? which >= count : each < 1)
        return prt_size_wrong(import);
    int64_t left = y->at[axis];
    for (unsigned i = 0; i < which && !row->a; i++)
        left -= left < each ? left : each;
    y->at[axis] = row->a ? sizes[which] : left < each ? left : each;
    return PERCEPT_OK;
}

/* ---- several in one ---- */

/* (tensors, dim, out) */
static enum percept_status cat(struct prt_import *import, const struct prt_call *call,
                               const struct prt_size_row *row, unsigned which, struct prt_sizes *y)
{
    (void)row, (void)which;
    int32_t axis = 0;
    int64_t sum = 0;
    bool first = true;
    *y = (struct prt_sizes){.rank = 1};
    for (uint32_t i = 0; i < call->list_count; i++) {
        const struct prt_tensor *part = prt_import_spec(import, call->list[i]);
        if (part->rank == 1 && part->sizes[0] == 0)
            continue; /* PyTorch lets such a one go with any shape */
        if (first)
            *y = prt_sizes_of(part);
        enum percept_status status =
            first ? axis_of(import, call, 1, part->rank, &axis) : PERCEPT_OK;
        if (status != PERCEPT_OK)
            return status;
        if (part->rank != y->rank)
            return prt_size_wrong(import);
        sum += part->sizes[axis];
        first = false;
    }
    y->at[axis] = sum;
    return PERCEPT_OK;
}

/* (tensors, dim, out) */
static enum percept_status stack(struct prt_import *import, const struct prt_call *call,
                                 const struct prt_size_row *row, unsigned which,
                                 struct prt_sizes *y)
{
    (void)row, (void)which;
    int32_t axis;
    if (call->list_count == 0 || prt_import_spec(import, call->list[0])->rank == PRT_MAX_RANK)
        return prt_size_wrong(import);
    *y = prt_sizes_of(prt_import_spec(import, call->list[0]));
    enum percept_status status = axis_of(import, call, 1, y->rank + 1, &axis);
    if (status != PERCEPT_OK)
        return status;
    memmove(y->at + axis + 1, y->at + axis, (y->rank++ - (unsigned)axis) * sizeof *y->at);
    y->at[axis] = call->list_count;
    return PERCEPT_OK;
}

/* (self, amounts, .., out): from the last dimension on, before and after each */
static enum percept_status pad(struct prt_import *import, const struct prt_call *call,
                               const struct prt_size_row *row, unsigned which, struct prt_sizes *y)
{
    (void)row, (void)which;
    int64_t amounts[2 * PRT_MAX_RANK];
    uint32_t count;
    enum percept_status status = prt_size_like(import, call, 0, y);
    if (status == PERCEPT_OK)
        status = prt_call_ints(import, call, 1, amounts, 2 * PRT_MAX_RANK, &count);
    if (status == PERCEPT_OK && (count % 2 || count / 2 > y->rank))
        status = prt_size_wrong(import);
    for (uint32_t i = 0; status == PERCEPT_OK && i < count; i++) {
        if (amounts[i] < INT32_MIN || amounts[i] > INT32_MAX)
            return prt_size_wrong(import);
        y->at[y->rank - 1 - i / 2] += amounts[i];
    }
    return status;
}

/* ---- over dimensions ---- */

enum { EVERY_DIM, LISTED_DIMS, ONE_DIM };

/* a: which dimensions, argument 1 (ONE_DIM + n: argument 1 + n); b: the argument that says whether
 * they stay, with size 1. */
static enum percept_status reduce(struct prt_import *import, const struct prt_call *call,
                                  const struct prt_size_row *row, unsigned which,
                                  struct prt_sizes *y)
{
    (void)which;
    int32_t axis = 0;
    uint32_t axes = UINT32_MAX;
    bool keep = row->b && prt_call_bool(import, call, (unsigned)row->b);
    unsigned at = 1u + (unsigned)(row->a - ONE_DIM);
    enum percept_status status = prt_size_like(import, call, 0, y);
    if (status == PERCEPT_OK && row->a == LISTED_DIMS)
        status = prt_aten_axes(import, call, 1, y->rank, &axes);
    if (status == PERCEPT_OK && row->a >= ONE_DIM && y->rank && prt_call_has(import, call, at)) {
        status = axis_of(import, call, at, y->rank, &axis);
        axes = 1u << axis;
    }
    for (unsigned i = 0; status == PERCEPT_OK && keep && i < y->rank; i++)
        y->at[i] = axes >> i & 1 ? 1 : y->at[i];
    if (status == PERCEPT_OK && !keep)
        drop(y, axes);
    return status;
}

/* The last dimension is 1. */
static enum percept_status by_row(struct prt_import *import, const struct prt_call *call,
                                  const struct prt_size_row *row, unsigned which,
                                  struct prt_sizes *y)
{
    (void)row, (void)which;
    enum percept_status status = prt_size_like(import, call, 0, y);
    if (status == PERCEPT_OK && y->rank)
        y->at[y->rank - 1] = 1;
    return status;
}

/* ---- the table ---- */

static const struct prt_size_row rows[] = {
    {"aten::view_copy.out", view, 1, 0},
    {"executorch_prim::et_view.default", view, 1, 0},
    {"aten::expand_copy.out", expand, 0, 0},
    {"aten::unsqueeze_copy.out", unsqueeze, 0, 0},
    {"aten::squeeze_copy.dim_out", squeeze, 0, false},
    {"aten::squeeze_copy.dims_out", squeeze, 0, true},
    {"aten::permute_copy.out", permute, 0, 0},
    {"aten::transpose_copy.int_out", transpose, true, 0},
    {"aten::t_copy.out", transpose, false, 0},
    {"aten::pixel_shuffle.out", pixel_shuffle, false, 0},
    {"aten::pixel_unshuffle.out", pixel_shuffle, true, 0},
    {"aten::slice_copy.Tensor_out", slice, 0, 0},
    {"aten::narrow_copy.out", one_size, 1, 3},
    {"aten::select_copy.int_out", select_one, 0, 0},
    {"aten::unbind_copy.int_out", select_one, 0, 0},
    {"aten::split_copy.Tensor_out", split, false, 0},
    {"aten::split_with_sizes_copy.out", split, true, 0},
    {"aten::cat.out", cat, 0, 0},
    {"aten::stack.out", stack, 0, 0},
    {"aten::repeat.out", repeat, 0, 0},
    {"aten::constant_pad_nd.out", pad, 0, 0},
    {"aten::reflection_pad1d.out", pad, 0, 0},
    {"aten::reflection_pad2d.out", pad, 0, 0},
    {"aten::reflection_pad3d.out", pad, 0, 0},
    {"aten::replication_pad1d.out", pad, 0, 0},
    {"aten::replication_pad2d.out", pad, 0, 0},
    {"aten::replication_pad3d.out", pad, 0, 0},

    {"aten::full.out", listed, 0, 0},
    {"aten::zeros.out", listed, 0, 0},
    {"aten::ones.out", listed, 0, 0},
    {"aten::empty.out", listed, 0, 0},
    {"dim_order_ops::_empty_dim_order.out", listed, 0, 0},
    {"aten::as_strided_copy.out", listed, 1, 0},
    {"aten::scalar_tensor.out", scalar, 0, 0},
    {"aten::arange.out", range, 0, 0},
    {"aten::arange.start_out", range, 1, 0},

    {"aten::alias_copy.out", like, 0, 0},
    {"llama::custom_sdpa.out", like, 0, 0},
    {"llama::sdpa_with_kv_cache.out", like, 0, 0},
    {"aten::detach_copy.out", like, 0, 0},
    {"aten::lift_fresh_copy.out", like, 0, 0},
    {"aten::clone.out", like, 0, 0},
    {"aten::_to_copy.out", like, 0, 0},
    {"dim_order_ops::_clone_dim_order.out", like, 0, 0},
    {"dim_order_ops::_to_dim_order_copy.out", like, 0, 0},
    {"aten::copy.out", like, 0, 0},
    {"aten::full_like.out", like, 0, 0},
    {"aten::fill.Scalar_out", like, 0, 0},
    {"aten::fill.Tensor_out", like, 0, 0},
    {"et_vk.rms_norm.default", like, 0, 0},
    {"aten::_softmax.out", like, 0, 0},
    {"aten::_log_softmax.out", like, 0, 0},
    {"aten::cumsum.out", like, 0, 0},
    {"aten::flip.out", like, 0, 0},
    {"aten::roll.out", like, 0, 0},
    {"aten::channel_shuffle.out", like, 0, 0},
    {"aten::tril.out", like, 0, 0},
    {"aten::triu.out", like, 0, 0},
    {"aten::select_scatter.out", like, 0, 0},
    {"aten::slice_scatter.out", like, 0, 0},
    {"aten::native_dropout.out", like, 0, 0},
    {"aten::index_put.out", like, 0, 0},
    {"aten::scatter.src_out", like, 0, 0},
    {"aten::scatter.value_out", like, 0, 0},
    {"aten::scatter_add.out", like, 0, 0},
    {"aten::scatter_reduce.two_out", like, 0, 0},
    {"aten::sort.values", like, 0, 0},
    {"aten::sort.values_stable", like, 0, 0},
    {"aten::argsort.stable_out", like, 0, 0},
    {"aten::gather.out", like, 2, 0},
    {"aten::max_pool2d_with_indices_backward.grad_input", like, 1, 0},
    {"quantized_decomposed::quantize_per_tensor.out", like, 0, 0},
    {"quantized_decomposed::quantize_per_tensor.Tensor_out", like, 0, 0},
    {"quantized_decomposed::quantize_per_channel.out", like, 0, 0},
    {"quantized_decomposed::quantize_per_token.out", like, 0, 0},
    {"quantized_decomposed::dequantize_per_tensor.out", like, 0, 0},
    {"quantized_decomposed::dequantize_per_tensor.Tensor_out", like, 0, 0},
    {"quantized_decomposed::dequantize_per_channel.out", like, 0, 0},
    {"quantized_decomposed::dequantize_per_token.out", like, 0, 0},
    {"quantized_decomposed::choose_qparams_per_token_asymmetric.out", by_row, 0, 0},

    {"aten::mean.out", reduce, LISTED_DIMS, 2},
    {"aten::mean.dtype_out", reduce, EVERY_DIM, 0},
    {"aten::sum.IntList_out", reduce, LISTED_DIMS, 2},
    {"aten::prod.out", reduce, EVERY_DIM, 0},
    {"aten::prod.int_out", reduce, ONE_DIM, 2},
    {"aten::amax.out", reduce, LISTED_DIMS, 2},
    {"aten::amin.out", reduce, LISTED_DIMS, 2},
    {"aten::max.unary_out", reduce, EVERY_DIM, 0},
    {"aten::min.unary_out", reduce, EVERY_DIM, 0},
    {"aten::any.out", reduce, ONE_DIM, 2},
    {"aten::any.dims_out", reduce, LISTED_DIMS, 2},
    {"aten::any.all_out", reduce, EVERY_DIM, 0},
    {"aten::all.out", reduce, ONE_DIM, 2},
    {"aten::all.dims_out", reduce, LISTED_DIMS, 2},
    {"aten::all.all_out", reduce, EVERY_DIM, 0},
    {"aten::max.dim_max", reduce, ONE_DIM, 2},
    {"aten::min.dim_min", reduce, ONE_DIM, 2},
    {"aten::argmax.out", reduce, ONE_DIM, 2},
    {"aten::argmin.out", reduce, ONE_DIM, 2},
    {"aten::var.correction_out", reduce, LISTED_DIMS, 3},
    {"aten::var_mean.correction_out", reduce, LISTED_DIMS, 3},
    {"aten::var.out", reduce, LISTED_DIMS, 3},
    {"aten::kthvalue.values", reduce, ONE_DIM + 1, 3},
    {"aten::median.dim_values", reduce, ONE_DIM, 2},
    {"aten::median.out", reduce, EVERY_DIM, 0},
    {"aten::topk.values", one_size, 2, 1},
};

const struct prt_size_row *prt_size_of_move(const char *name)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    return NULL;
}
