/* Why: operators that move elements in a pattern that the program fixes: a gather with constant
 * indices, a copy through a mask, or arithmetic that other nodes already say. */
#include "runtime/import_aten.h"

#include <math.h>
#include <string.h>

static int32_t *list_of(struct prt_import *import, int64_t count)
{
    int32_t *list = count < 0 || count > INT32_MAX
                        ? NULL
                        : base_arena_array(&import->arena, (size_t)count + 1, sizeof *list);
    if (!list)
        prt_import_no_memory(import);
    return list;
}

/* One element along axis of x for each of y. */
typedef int64_t (*source)(int64_t at, int64_t size, int64_t count, int64_t parameter);

/* y = x read along each axis that has a source. */
static enum percept_status read_along(struct prt_import *import, uint32_t x, uint32_t axes,
                                      source from, const int64_t *parameters, uint32_t y)
{
    struct prt_tensor spec = *prt_import_spec(import, x), to = *prt_import_spec(import, y);
    struct prt_index_attrs attrs = prt_aten_index_straight();
    uint32_t indices[PRT_MAX_RANK];
    unsigned count = 0;
    if (to.rank != spec.rank)
        return prt_import_fail(import, PERCEPT_MALFORMED, "the result has another rank");
    for (unsigned d = 0; d < spec.rank; d++) {
        if (!(axes >> d & 1))
            continue;
        int32_t *list = list_of(import, to.sizes[d]);
        if (!list)
            return PERCEPT_NO_MEMORY;
        for (int32_t i = 0; i < to.sizes[d]; i++) {
            int64_t at = from(i, spec.sizes[d], to.sizes[d], parameters[d]);
            if (at < 0 || at >= spec.sizes[d])
                return prt_import_fail(import, PERCEPT_MALFORMED,
                                       "reads outside of dimension %u of %d", d, spec.sizes[d]);
            list[i] = (int32_t)at;
        }
        attrs.from[d] = (uint8_t)(PRT_INDEXED + (int)count);
        enum percept_status status = prt_aten_index_list(import, list, to.sizes[d], spec.rank,
                                                         (int32_t)d, &indices[count++]);
        if (status != PERCEPT_OK)
            return status;
    }
    return prt_aten_gather(import, x, count, indices, &attrs, y);
}

/* ---- pads ---- */

static int64_t reflected(int64_t at, int64_t size, int64_t count, int64_t before)
{
    (void)count;
    int64_t from = at < before ? before - at : at - before;
    return from < size ? from : 2 * (size - 1) - from;
}

static int64_t nearest(int64_t at, int64_t size, int64_t count, int64_t before)
{
    (void)count;
    int64_t from = at - before;
    return from < 0 ? 0 : from < size ? from : size - 1;
}

enum { PAD_REFLECT, PAD_REPLICATE };

/* (self, padding, out): padding counts from the last dimension, before and after each */
static enum percept_status pad(struct prt_import *import, const struct prt_aten_op *op,
                               struct prt_call *call)
{
    int64_t amounts[2 * PRT_MAX_RANK], before[PRT_MAX_RANK] = {0};
    uint32_t count, x = call->operands[0], axes = 0;
    unsigned rank = prt_import_spec(import, x)->rank;
    enum percept_status status = prt_call_ints(import, call, 1, amounts, 2 * PRT_MAX_RANK, &count);
    if (status != PERCEPT_OK)
        return status;
    if (count % 2 != 0 || count / 2 > rank)
        return prt_import_fail(import, PERCEPT_MALFORMED, "pads by a list of %u", count);
    for (uint32_t i = 0; i < count; i += 2) {
        axes |= 1u << (rank - 1 - i / 2);
        before[rank - 1 - i / 2] = amounts[i];
    }
    return read_along(import, x, axes, op->kind == PAD_REFLECT ? reflected : nearest, before,
                      prt_call_output(call));
}

/* ---- other orders ---- */

static int64_t backwards(int64_t at, int64_t size, int64_t count, int64_t parameter)
{
    (void)count, (void)parameter;
    return size - 1 - at;
}

/* (self, dims, out) */
static enum percept_status flip(struct prt_import *import, const struct prt_aten_op *op,
                                struct prt_call *call)
{
    (void)op;
    static const int64_t none[PRT_MAX_RANK];
    uint32_t x = call->operands[0], axes = 0;
    if (prt_call_list_count(import, call, 1) > 0) { /* of no dimension is not of all */
        enum percept_status status =
            prt_aten_axes(import, call, 1, prt_import_spec(import, x)->rank, &axes);
        if (status != PERCEPT_OK)
            return status;
    }
    return read_along(import, x, axes, backwards, none, prt_call_output(call));
}

static int64_t rolled(int64_t at, int64_t size, int64_t count, int64_t shift)
{
    (void)count;
    int64_t from = (at - shift % size) % size;
    return from < 0 ? from + size : from;
}

/* (self, shifts, dims, out); without dims the elements are rolled as one row */
static enum percept_status roll(struct prt_import *import, const struct prt_aten_op *op,
                                struct prt_call *call)
{
    (void)op;
    int64_t shifts[PRT_MAX_RANK], dims[PRT_MAX_RANK], by[PRT_MAX_RANK] = {0};
    uint32_t count, dim_count, axes = 0, x = call->operands[0], y = prt_call_output(call), result;
    struct prt_tensor spec = *prt_import_spec(import, x);
    enum percept_status status = prt_call_ints(import, call, 1, shifts, PRT_MAX_RANK, &count);
    if (status == PERCEPT_OK)
        status = prt_call_ints(import, call, 2, dims, PRT_MAX_RANK, &dim_count);
    if (status != PERCEPT_OK)
        return status;
    if (dim_count == 0 && count == 1) {
        size_t elements = prt_tensor_elements(&spec);
        if (elements > INT32_MAX)
            return prt_import_fail(import, PERCEPT_LIMIT, "rolls %zu elements", elements);
        struct prt_tensor row = prt_import_like(&spec, 1, (const int32_t[]){(int32_t)elements});
        status = prt_aten_as(import, x, 1, row.sizes, &x);
        if (status == PERCEPT_OK)
            status = prt_import_temporary(import, &row, &result);
        if (status == PERCEPT_OK)
            status = read_along(import, x, 1, rolled, shifts, result);
        return status == PERCEPT_OK ? prt_aten_into(import, result, y) : status;
    }
    if (count != dim_count)
        return prt_import_fail(import, PERCEPT_MALFORMED, "%u shifts of %u dimensions", count,
                               dim_count);
    for (uint32_t i = 0; i < count; i++) {
        int32_t axis;
        status = prt_import_axis(import, dims[i], spec.rank, &axis);
        if (status != PERCEPT_OK)
            return status;
        axes |= 1u << axis;
        by[axis] += spec.sizes[axis] ? shifts[i] % spec.sizes[axis] : 0;
    }
    return read_along(import, x, axes, rolled, by, y);
}

/* (self, groups, out): [N, g * c, ..] with g and c exchanged */
static enum percept_status channel_shuffle(struct prt_import *import, const struct prt_aten_op *op,
                                           struct prt_call *call)
{
    (void)op;
    uint32_t x = call->operands[0], y = prt_call_output(call), split, moved;
    struct prt_tensor spec = *prt_import_spec(import, x);
    int64_t groups = prt_call_int(import, call, 1, 1);
    if (spec.rank < 2 || spec.rank >= PRT_MAX_RANK || groups < 1 || spec.sizes[1] % groups != 0)
        return prt_import_fail(import, PERCEPT_MALFORMED, "%lld groups", (long long)groups);
    int32_t apart[PRT_MAX_RANK], woven[PRT_MAX_RANK];
    uint8_t order[PRT_MAX_RANK];
    for (unsigned i = 0; i <= spec.rank; i++) {
        apart[i] = i < 1 ? spec.sizes[0] : spec.sizes[i > 1 ? i - 1 : 1];
        order[i] = (uint8_t)(i == 1 ? 2 : i == 2 ? 1 : i);
    }
    apart[1] = (int32_t)groups;
    apart[2] = spec.sizes[1] / (int32_t)groups;
    for (unsigned i = 0; i <= spec.rank; i++)
        woven[i] = apart[order[i]];
    struct prt_tensor result = prt_import_like(&spec, spec.rank + 1u, woven);
    enum percept_status status = prt_aten_as(import, x, spec.rank + 1u, apart, &split);
    if (status == PERCEPT_OK)
        status = prt_import_temporary(import, &result, &moved);
    if (status == PERCEPT_OK)
        status = prt_import_permute(import, split, order, moved);
    return status == PERCEPT_OK ? prt_aten_into(import, moved, y) : status;
}

/* ---- parts ---- */

enum { TRIANGLE_LOWER, TRIANGLE_UPPER };

/* (self, diagonal, out): zero on the other side of it */
static enum percept_status triangle(struct prt_import *import, const struct prt_aten_op *op,
                                    struct prt_call *call)
{
    uint32_t x = call->operands[0], y = prt_call_output(call), mask, zero;
    struct prt_tensor spec = *prt_import_spec(import, x);
    int64_t diagonal = prt_call_int(import, call, 1, 0);
    if (spec.rank < 2)
        return prt_import_fail(import, PERCEPT_MALFORMED, "of no matrix");
    struct prt_tensor flags = prt_import_like(&spec, 2, spec.sizes + spec.rank - 2);
    flags.dtype = PRT_BOOL;
    uint8_t *kept = base_arena_alloc(&import->graph->arena, prt_tensor_elements(&flags) + 1);
    if (!kept)
        return prt_import_no_memory(import);
    for (int32_t i = 0; i < flags.sizes[0]; i++)
        for (int32_t j = 0; j < flags.sizes[1]; j++)
            kept[(int64_t)i * flags.sizes[1] + j] = op->kind == TRIANGLE_LOWER
                                                        ? (int64_t)j - i <= diagonal
                                                        : (int64_t)j - i >= diagonal;
    enum percept_status status = prt_import_constant(import, &flags, kept, &mask);
    if (status == PERCEPT_OK)
        status = prt_import_int(import, 0, &zero);
    if (status != PERCEPT_OK)
        return status;
    return prt_import_node(import, PRT_OP_WHERE, y, 3, (const uint32_t[]){mask, x, zero})
               ? PERCEPT_OK
               : PERCEPT_NO_MEMORY;
}

/* x from `start` on along axis, `count` elements. */
static enum percept_status narrowed(struct prt_import *import, uint32_t *x, int32_t axis,
                                    int64_t start, int32_t count)
{
    struct prt_tensor spec = *prt_import_spec(import, *x);
    if (start == 0 && spec.sizes[axis] == count)
        return PERCEPT_OK;
    uint32_t part;
    spec.sizes[axis] = count;
    spec = prt_import_like(&spec, spec.rank, spec.sizes);
    enum percept_status status = prt_import_temporary(import, &spec, &part);
    if (status == PERCEPT_OK)
        status = prt_aten_slice(import, *x, axis, start, start + count, 1, part);
    if (status == PERCEPT_OK)
        *x = part;
    return status;
}

/* (self, offset, dim1, dim2, out): both dimensions of x follow the last of y */
static enum percept_status diagonal(struct prt_import *import, const struct prt_aten_op *op,
                                    struct prt_call *call)
{
    (void)op;
    uint32_t x = call->operands[0], y = prt_call_output(call);
    struct prt_tensor from = *prt_import_spec(import, x), to = *prt_import_spec(import, y);
    int64_t offset = prt_call_int(import, call, 1, 0);
    int32_t rows, columns;
    enum percept_status status =
        prt_import_axis(import, prt_call_int(import, call, 2, 0), from.rank, &rows);
    if (status == PERCEPT_OK)
        status = prt_import_axis(import, prt_call_int(import, call, 3, 1), from.rank, &columns);
    if (status != PERCEPT_OK)
        return status;
    if (rows == columns || to.rank + 1 != from.rank || offset < INT32_MIN || offset > INT32_MAX)
        return prt_import_fail(import, PERCEPT_MALFORMED, "has no such diagonal");
    int32_t count = to.sizes[to.rank - 1];
    if (count == 0)
        return prt_import_reshape(import, x, y);
    status = narrowed(import, &x, rows, offset < 0 ? -offset : 0, count);
    if (status == PERCEPT_OK)
        status = narrowed(import, &x, columns, offset > 0 ? offset : 0, count);
    struct prt_index_attrs attrs = {.add = false};
    uint8_t at = 0;
    for (int32_t d = 0; d < from.rank; d++)
        attrs.from[d] = d == rows || d == columns ? (uint8_t)(to.rank - 1) : at++;
    return status == PERCEPT_OK ? prt_aten_gather(import, x, 0, NULL, &attrs, y) : status;
}

/* (self, dimension, size, step, out): windows along a dimension, their elements as a new last one
 */
static enum percept_status unfold(struct prt_import *import, const struct prt_aten_op *op,
                                  struct prt_call *call)
{
    (void)op;
    uint32_t x = call->operands[0], y = prt_call_output(call), index;
    struct prt_tensor from = *prt_import_spec(import, x), to = *prt_import_spec(import, y);
    int64_t step = prt_call_int(import, call, 3, 1);
    int32_t axis;
    if (from.rank == 0 || to.rank != from.rank + 1 || step < 1 || step > INT32_MAX)
        return prt_import_fail(import, PERCEPT_UNSUPPORTED, "of %u dimensions", from.rank);
    enum percept_status status =
        prt_import_axis(import, prt_call_int(import, call, 1, 0), from.rank, &axis);
    if (status != PERCEPT_OK)
        return status;
    int32_t count = to.sizes[axis], size = to.sizes[from.rank], sizes[PRT_MAX_RANK];
    int32_t *list = list_of(import, (int64_t)count * size);
    if (!list)
        return PERCEPT_NO_MEMORY;
    if (count && size && (count - 1) * step + size > from.sizes[axis])
        return prt_import_fail(import, PERCEPT_MALFORMED, "windows reach outside");
    for (int32_t i = 0; i < count; i++)
        for (int32_t j = 0; j < size; j++)
            list[(int64_t)i * size + j] = (int32_t)(i * step + j);
    struct prt_index_attrs attrs = prt_aten_index_straight();
    attrs.from[axis] = PRT_INDEXED;
    for (unsigned i = 0; i < to.rank; i++)
        sizes[i] = (int32_t)i == axis ? count : i == from.rank ? size : 1;
    status = prt_aten_index_list(import, list, count * size, 1, 0, &index);
    if (status == PERCEPT_OK)
        status = prt_aten_as(import, index, to.rank, sizes, &index);
    return status == PERCEPT_OK ? prt_aten_gather(import, x, 1, &index, &attrs, y) : status;
}

/* (self, size, stride, storage_offset, out): any elements of x in any order */
static enum percept_status as_strided(struct prt_import *import, const struct prt_aten_op *op,
                                      struct prt_call *call)
{
    (void)op;
    uint32_t x = call->operands[0], y = prt_call_output(call), index, count, result;
    int64_t strides[PRT_MAX_RANK], at[PRT_MAX_RANK] = {0};
    struct prt_tensor from = *prt_import_spec(import, x), to = *prt_import_spec(import, y);
    size_t elements = prt_tensor_elements(&from), wanted = prt_tensor_elements(&to);
    enum percept_status status = prt_call_ints(import, call, 2, strides, PRT_MAX_RANK, &count);
    if (status != PERCEPT_OK)
        return status;
    if (count != to.rank || elements > INT32_MAX || wanted > INT32_MAX ||
        !prt_tensor_is_contiguous(&from))
        return prt_import_fail(import, PERCEPT_UNSUPPORTED, "of %zu elements", elements);
    int32_t *list = list_of(import, (int64_t)wanted);
    if (!list)
        return PERCEPT_NO_MEMORY;
    for (size_t i = 0; i < wanted; i++) {
        double place = (double)prt_call_int(import, call, 3, 0); /* cannot overflow */
        for (unsigned d = 0; d < to.rank; d++)
            place += (double)at[d] * (double)strides[d];
        if (!(place >= 0 && place < (double)elements))
            return prt_import_fail(import, PERCEPT_MALFORMED, "reads outside of the tensor");
        list[i] = (int32_t)place;
        for (unsigned d = to.rank; d-- > 0 && ++at[d] == to.sizes[d];)
            at[d] = 0;
    }
    struct prt_index_attrs attrs = {.from = {PRT_INDEXED}};
    const int32_t sizes[2] = {(int32_t)elements, (int32_t)wanted};
    struct prt_tensor row = prt_import_like(&from, 1, sizes + 1);
    status = prt_aten_as(import, x, 1, sizes, &x);
    if (status == PERCEPT_OK)
        status = prt_aten_index_list(import, list, sizes[1], 1, 0, &index);
    if (status == PERCEPT_OK)
        status = prt_import_temporary(import, &row, &result);
    if (status == PERCEPT_OK)
        status = prt_aten_gather(import, x, 1, &index, &attrs, result);
    return status == PERCEPT_OK ? prt_aten_into(import, result, y) : status;
}

/* ---- overwriting a part ---- */

/* y = x but for `count` elements along axis from start on, every step-th: those of src. */
static enum percept_status overwrite(struct prt_import *import, uint32_t x, uint32_t src,
                                     int32_t axis, int64_t start, int64_t step, int32_t count,
                                     uint32_t y)
{
    struct prt_index_attrs attrs = prt_aten_index_straight();
    unsigned rank = prt_import_spec(import, x)->rank;
    uint32_t index;
    int32_t *list = list_of(import, count);
    if (!list)
        return PERCEPT_NO_MEMORY;
    for (int32_t i = 0; i < count; i++)
        list[i] = (int32_t)(start + i * step);
    attrs.from[axis] = PRT_INDEXED;
    enum percept_status status =
        prt_import_convert(import, src, prt_import_spec(import, x)->dtype, &src);
    if (status == PERCEPT_OK)
        status = prt_aten_index_list(import, list, count, rank, axis, &index);
    return status == PERCEPT_OK ? prt_aten_scatter(import, x, src, 1, &index, &attrs, y) : status;
}

/* (self, src, dim, index, out) */
static enum percept_status select_scatter(struct prt_import *import, const struct prt_aten_op *op,
                                          struct prt_call *call)
{
    (void)op;
    uint32_t x = call->operands[0], src = call->operands[1];
    struct prt_tensor spec = *prt_import_spec(import, x);
    int32_t axis;
    enum percept_status status =
        prt_import_axis(import, prt_call_int(import, call, 2, 0), spec.rank, &axis);
    if (status != PERCEPT_OK)
        return status;
    int64_t index = prt_call_int(import, call, 3, 0);
    index += index < 0 ? spec.sizes[axis] : 0;
    if (index < 0 || index >= spec.sizes[axis])
        return prt_import_fail(import, PERCEPT_MALFORMED, "a part that does not exist");
    spec.sizes[axis] = 1;
    status = prt_aten_as(import, src, spec.rank, spec.sizes, &src);
    return status == PERCEPT_OK
               ? overwrite(import, x, src, axis, index, 1, 1, prt_call_output(call))
               : status;
}

static int64_t bounded(int64_t at, int64_t size)
{
    at += at < 0 ? size : 0;
    return at < 0 ? 0 : at > size ? size : at;
}

/* (self, src, dim, start, end, step, out) */
static enum percept_status slice_scatter(struct prt_import *import, const struct prt_aten_op *op,
                                         struct prt_call *call)
{
    (void)op;
    uint32_t x = call->operands[0], src = call->operands[1];
    struct prt_tensor spec = *prt_import_spec(import, x);
    int32_t axis;
    enum percept_status status =
        prt_import_axis(import, prt_call_int(import, call, 2, 0), spec.rank, &axis);
    if (status != PERCEPT_OK)
        return status;
    int64_t size = spec.sizes[axis], start = bounded(prt_call_int(import, call, 3, 0), size);
    int64_t end = bounded(prt_call_int(import, call, 4, INT64_MAX), size);
    int64_t step = prt_call_int(import, call, 5, 1);
    if (step < 1)
        return prt_import_fail(import, PERCEPT_MALFORMED, "steps by %lld", (long long)step);
    int64_t count = end > start ? (end - start - 1) / step + 1 : 0;
    spec.sizes[axis] = (int32_t)count;
    status = prt_aten_broadcast(import, src, spec.rank, spec.sizes, &src);
    return status == PERCEPT_OK
               ? overwrite(import, x, src, axis, start, step, (int32_t)count, prt_call_output(call))
               : status;
}

/* (self, src, non_blocking, out): all of it, by src broadcast and converted */
static enum percept_status copy_over(struct prt_import *import, const struct prt_aten_op *op,
                                     struct prt_call *call)
{
    (void)op;
    uint32_t src = call->operands[1], y = prt_call_output(call);
    struct prt_tensor spec = *prt_import_spec(import, y);
    enum percept_status status = prt_aten_broadcast(import, src, spec.rank, spec.sizes, &src);
    return status == PERCEPT_OK ? prt_aten_into(import, src, y) : status;
}

/* ---- arithmetic that other nodes say ---- */

/* (self, dim, out): the first half times the sigmoid of the second */
static enum percept_status glu(struct prt_import *import, const struct prt_aten_op *op,
                               struct prt_call *call)
{
    (void)op;
    uint32_t x = call->operands[0], y = prt_call_output(call), first = x, second = x, gate;
    struct prt_tensor spec = *prt_import_spec(import, x);
    int32_t axis;
    enum percept_status status =
        prt_import_axis(import, prt_call_int(import, call, 1, -1), spec.rank, &axis);
    if (status != PERCEPT_OK)
        return status;
    int32_t half = spec.sizes[axis] / 2;
    if (spec.sizes[axis] % 2 != 0)
        return prt_import_fail(import, PERCEPT_MALFORMED, "halves %d", spec.sizes[axis]);
    status = narrowed(import, &first, axis, 0, half);
    if (status == PERCEPT_OK)
        status = narrowed(import, &second, axis, half, half);
    if (status == PERCEPT_OK)
        status = prt_import_temporary(import, prt_import_spec(import, second), &gate);
    if (status == PERCEPT_OK)
        status = prt_aten_unary(import, PRT_UNARY_SIGMOID, second, 0, 0, gate);
    return status == PERCEPT_OK ? prt_aten_binary(import, PRT_BINARY_MUL, first, gate, 1, y)
                                : status;
}

/* (input, p, train, out, mask): outside of training nothing is dropped */
static enum percept_status dropout(struct prt_import *import, const struct prt_aten_op *op,
                                   struct prt_call *call)
{
    (void)op;
    double p = prt_call_number(import, call, 1, 0);
    bool train = !prt_call_has(import, call, 2) || prt_call_bool(import, call, 2);
    if (train && p != 0)
        return prt_import_fail(import, PERCEPT_UNSUPPORTED, "drops at random");
    uint32_t one;
    enum percept_status status = prt_import_int(import, 1, &one);
    if (status != PERCEPT_OK)
        return status;
    if (!prt_import_node(import, PRT_OP_FULL, call->operands[4], 1, &one))
        return PERCEPT_NO_MEMORY;
    return prt_aten_into(import, call->operands[0], call->operands[3]);
}

static enum percept_status distance_node(struct prt_import *import, uint32_t a, uint32_t b,
                                         double p, uint32_t y)
{
    struct prt_node *node =
        prt_import_node(import, PRT_OP_DISTANCE, y, 2, (const uint32_t[]){a, b});
    if (!node)
        return PERCEPT_NO_MEMORY;
    node->attrs.distance.p = p;
    return PERCEPT_OK;
}

/* (x1, x2, p, compute_mode, out) */
static enum percept_status cdist(struct prt_import *import, const struct prt_aten_op *op,
                                 struct prt_call *call)
{
    (void)op;
    uint32_t sides[2] = {call->operands[0], call->operands[1]}, y = prt_call_output(call);
    struct prt_tensor spec = *prt_import_spec(import, y);
    for (int i = 0; i < 2; i++) {
        struct prt_tensor wide = spec;
        const struct prt_tensor *from = prt_import_spec(import, sides[i]);
        if (spec.rank < 2 || from->rank < 2)
            return prt_import_fail(import, PERCEPT_MALFORMED, "of no matrices");
        memcpy(wide.sizes + spec.rank - 2, from->sizes + from->rank - 2, 2 * sizeof *wide.sizes);
        enum percept_status status =
            prt_aten_broadcast(import, sides[i], spec.rank, wide.sizes, &sides[i]);
        if (status != PERCEPT_OK)
            return status;
    }
    return distance_node(import, sides[0], sides[1], prt_call_number(import, call, 2, 2), y);
}

/* (self, p, out): of each pair once */
static enum percept_status pdist(struct prt_import *import, const struct prt_aten_op *op,
                                 struct prt_call *call)
{
    (void)op;
    uint32_t x = call->operands[0], y = prt_call_output(call), all, index;
    struct prt_tensor spec = *prt_import_spec(import, x);
    if (spec.rank != 2 || spec.sizes[0] > 1 << 15)
        return prt_import_fail(import, PERCEPT_UNSUPPORTED, "of %d rows", spec.sizes[0]);
    int32_t n = spec.sizes[0], pairs = n > 1 ? n * (n - 1) / 2 : 0, at = 0;
    const int32_t sizes[2] = {n, n}, row = n * n;
    struct prt_tensor square = prt_import_like(&spec, 2, sizes);
    int32_t *list = list_of(import, pairs);
    if (!list)
        return PERCEPT_NO_MEMORY;
    for (int32_t i = 0; i < n; i++)
        for (int32_t j = i + 1; j < n; j++)
            list[at++] = i * n + j;
    enum percept_status status = prt_import_temporary(import, &square, &all);
    if (status == PERCEPT_OK)
        status = distance_node(import, x, x, prt_call_number(import, call, 1, 2), all);
    if (status == PERCEPT_OK)
        status = prt_aten_as(import, all, 1, &row, &all);
    if (status == PERCEPT_OK)
        status = prt_aten_index_list(import, list, pairs, 1, 0, &index);
    struct prt_index_attrs attrs = {.from = {PRT_INDEXED}};
    return status == PERCEPT_OK ? prt_aten_gather(import, all, 1, &index, &attrs, y) : status;
}

static const struct prt_aten_op ops[] = {
    {"aten::reflection_pad1d.out", "QLOR", pad, PAD_REFLECT},
    {"aten::reflection_pad2d.out", "QLOR", pad, PAD_REFLECT},
    {"aten::reflection_pad3d.out", "QLOR", pad, PAD_REFLECT},
    {"aten::replication_pad1d.out", "QLOR", pad, PAD_REPLICATE},
    {"aten::replication_pad2d.out", "QLOR", pad, PAD_REPLICATE},
    {"aten::replication_pad3d.out", "QLOR", pad, PAD_REPLICATE},
    {"aten::flip.out", "QLOR", flip, 0},
    {"aten::roll.out", "QLLOR", roll, 0},
    {"aten::channel_shuffle.out", "QIOR", channel_shuffle, 0},
    {"aten::tril.out", "TIOR", triangle, TRIANGLE_LOWER},
    {"aten::triu.out", "TIOR", triangle, TRIANGLE_UPPER},
    {"aten::diagonal_copy.out", "QIIIOR", diagonal, 0},
    {"aten::unfold_copy.out", "QIIIOR", unfold, 0},
    {"aten::as_strided_copy.out", "QLLiOR", as_strided, 0},
    {"aten::select_scatter.out", "TTIIOR", select_scatter, 0},
    {"aten::slice_scatter.out", "TTIiiIOR", slice_scatter, 0},
    {"aten::copy.out", "_TBOR", copy_over, 0},
    {"aten::glu.out", "TIOR", glu, 0},
    {"aten::native_dropout.out", "TDbOOR", dropout, 0},
    {"aten::_cdist_forward.out", "TTDiOR", cdist, 0},
    {"aten::_pdist_forward.out", "TDOR", pdist, 0},
};

const struct prt_aten_table prt_aten_arrange = PRT_ATEN_TABLE(ops);
