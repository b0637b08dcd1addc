/*
 * Why: operators whose result is as large as the data say. With that number known (see
 * import_data_sizes.c), the places of what is true are the first of a stable order, and the rest is
 * looking up.
 */
#include "runtime/import_aten.h"

#include <string.h>

static enum percept_status row_of(struct prt_import *import, enum prt_dtype dtype, int32_t count,
                                  uint32_t *id)
{
    struct prt_tensor spec = {.dtype = dtype, .rank = 1, .sizes = {count}};
    return prt_import_temporary(import, &spec, id);
}

/* x's elements as a vector of another type. */
static enum percept_status flat_as(struct prt_import *import, uint32_t x, enum prt_dtype dtype,
                                   uint32_t *id)
{
    size_t count = prt_tensor_elements(prt_import_spec(import, x));
    if (count > INT32_MAX)
        return prt_import_fail(import, PERCEPT_LIMIT, "of %zu elements", count);
    int32_t size = (int32_t)count;
    enum percept_status status = prt_import_convert(import, x, dtype, &x);
    return status == PERCEPT_OK ? prt_aten_as(import, x, 1, &size, id) : status;
}

/* Expect the sum of a vector of I64 to be size. */
static enum percept_status expect_sum(struct prt_import *import, uint32_t vector, int64_t size)
{
    uint32_t sum;
    const struct prt_tensor one = {.dtype = PRT_I64, .rank = 1, .sizes = {1}};
    bool empty = prt_import_spec(import, vector)->sizes[0] == 0;
    enum percept_status status =
        empty ? prt_aten_filled(import, &one, 0, &sum) : prt_import_temporary(import, &one, &sum);
    if (status == PERCEPT_OK && !empty)
        status = prt_aten_reduce(import, PRT_REDUCE_SUM, vector, 1, true, sum);
    return status == PERCEPT_OK ? prt_import_expect(import, sum, size) : status;
}

/* Where mask, read row by row, is true: a vector of `count` indices. */
static enum percept_status true_places(struct prt_import *import, uint32_t mask, int32_t count,
                                       uint32_t *places)
{
    uint32_t truths, numbers, keys;
    enum percept_status status = flat_as(import, mask, PRT_BOOL, &truths);
    if (status == PERCEPT_OK)
        status = prt_import_convert(import, truths, PRT_I64, &numbers);
    if (status == PERCEPT_OK && count > prt_import_spec(import, numbers)->sizes[0])
        return prt_import_fail(import, PERCEPT_INVALID, "has not so many elements");
    if (status == PERCEPT_OK)
        status = expect_sum(import, numbers, count);
    if (status == PERCEPT_OK)
        status = prt_import_convert(import, truths, PRT_I32, &keys);
    if (status == PERCEPT_OK)
        status = row_of(import, PRT_I64, count, places);
    if (status != PERCEPT_OK)
        return status;
    struct prt_node *node = prt_import_node(import, PRT_OP_ARGSORT, *places, 1, &keys);
    if (!node)
        return PERCEPT_NO_MEMORY;
    node->attrs.argsort = (struct prt_argsort_attrs){.descending = true};
    return PERCEPT_OK;
}

static enum percept_status with_int(struct prt_import *import, enum prt_binary_kind kind,
                                    uint32_t x, int64_t number, uint32_t *y)
{
    uint32_t scalar;
    enum percept_status status = prt_import_int(import, number, &scalar);
    *y = x;
    return status == PERCEPT_OK ? prt_aten_with(import, kind, y, scalar) : status;
}

/* The index along each dimension of spec of places in it, read row by row. */
static enum percept_status coordinates(struct prt_import *import, uint32_t places,
                                       const struct prt_tensor *spec, uint32_t *indices)
{
    int64_t below = 1;
    enum percept_status status = PERCEPT_OK;
    for (unsigned d = spec->rank; d-- > 0 && status == PERCEPT_OK;) {
        int64_t size = spec->sizes[d] ? spec->sizes[d] : 1; /* then there are no places */
        indices[d] = places;
        if (below > 1)
            status = with_int(import, PRT_BINARY_FLOOR_DIV, indices[d], below, &indices[d]);
        if (status == PERCEPT_OK && d > 0)
            status = with_int(import, PRT_BINARY_REMAINDER, indices[d], size, &indices[d]);
        below *= size;
    }
    return status;
}

enum percept_status prt_aten_open_masks(struct prt_import *import, struct prt_call *call,
                                        int64_t stated)
{
    uint32_t wanted = 0, at = 0;
    for (uint32_t i = 0; i < call->list_count; i++) {
        bool mask = call->list[i] != PRT_NO_VALUE &&
                    prt_import_spec(import, call->list[i])->dtype == PRT_BOOL;
        wanted += mask ? prt_import_spec(import, call->list[i])->rank : 1;
    }
    if (wanted > PRT_MAX_RANK)
        return prt_import_fail(import, PERCEPT_MALFORMED, "%u indices", wanted);
    uint32_t *opened = base_arena_array(&import->arena, wanted + 1, sizeof *opened);
    if (!opened)
        return prt_import_no_memory(import);
    for (uint32_t i = 0; i < call->list_count; i++) {
        struct prt_tensor spec = {.rank = 0};
        if (call->list[i] != PRT_NO_VALUE)
            spec = *prt_import_spec(import, call->list[i]);
        if (call->list[i] == PRT_NO_VALUE || spec.dtype != PRT_BOOL) {
            opened[at++] = call->list[i];
            continue;
        }
        uint32_t places;
        int64_t most = (int64_t)prt_tensor_elements(&spec);
        int64_t count = stated >= 0 ? stated : prt_import_data_size(import, 0, most);
        if (spec.rank == 0 || count > INT32_MAX)
            return prt_import_fail(import, PERCEPT_UNSUPPORTED, "a mask of no dimension");
        enum percept_status status = true_places(import, call->list[i], (int32_t)count, &places);
        if (status == PERCEPT_OK)
            status = coordinates(import, places, &spec, opened + at);
        if (status != PERCEPT_OK)
            return status;
        at += spec.rank;
    }
    call->list = opened;
    call->list_count = wanted;
    return PERCEPT_OK;
}

/* (self, out): [number of elements that are not 0, dimensions] */
static enum percept_status nonzero(struct prt_import *import, const struct prt_aten_op *op,
                                   struct prt_call *call)
{
    (void)op;
    uint32_t x = call->operands[0], y = prt_call_output(call), places, columns[PRT_MAX_RANK];
    struct prt_tensor from = *prt_import_spec(import, x), to = *prt_import_spec(import, y);
    if (to.rank != 2 || to.sizes[1] != from.rank)
        return prt_import_fail(import, PERCEPT_MALFORMED, "the result has other dimensions");
    enum percept_status status = true_places(import, x, to.sizes[0], &places);
    if (status == PERCEPT_OK && from.rank == 0)
        return prt_aten_into(import, places, y);
    if (status == PERCEPT_OK)
        status = coordinates(import, places, &from, columns);
    for (unsigned d = 0; d < from.rank && status == PERCEPT_OK; d++)
        status = prt_aten_as(import, columns[d], 2, (const int32_t[]){to.sizes[0], 1}, &columns[d]);
    if (status != PERCEPT_OK)
        return status;
    struct prt_node *node = prt_import_node(import, PRT_OP_CONCAT, y, from.rank, columns);
    if (!node)
        return PERCEPT_NO_MEMORY;
    node->attrs.concat.axis = 1;
    return PERCEPT_OK;
}

/* The sizes that two tensors broadcast to; the graph checks that they do. */
static struct prt_tensor common(const struct prt_tensor *a, const struct prt_tensor *b)
{
    struct prt_tensor wide = a->rank >= b->rank ? *a : *b;
    const struct prt_tensor *other = a->rank >= b->rank ? b : a;
    for (unsigned i = 0; i < other->rank; i++) {
        int32_t *size = &wide.sizes[wide.rank - other->rank + i];
        *size = *size == 1 ? other->sizes[i] : *size;
    }
    return wide;
}

/* (self, mask, out): the elements where the mask is true */
static enum percept_status masked_select(struct prt_import *import, const struct prt_aten_op *op,
                                         struct prt_call *call)
{
    (void)op;
    uint32_t x = call->operands[0], mask = call->operands[1], y = prt_call_output(call), places;
    struct prt_tensor wide = common(prt_import_spec(import, x), prt_import_spec(import, mask));
    struct prt_index_attrs attrs = {.from = {PRT_INDEXED}};
    if (prt_import_spec(import, y)->rank != 1)
        return prt_import_fail(import, PERCEPT_MALFORMED, "the result is no vector");
    enum percept_status status = prt_aten_broadcast(import, x, wide.rank, wide.sizes, &x);
    if (status == PERCEPT_OK)
        status = prt_aten_broadcast(import, mask, wide.rank, wide.sizes, &mask);
    if (status == PERCEPT_OK)
        status = true_places(import, mask, prt_import_spec(import, y)->sizes[0], &places);
    if (status == PERCEPT_OK)
        status = flat_as(import, x, prt_import_spec(import, x)->dtype, &x);
    return status == PERCEPT_OK ? prt_aten_gather(import, x, 1, &places, &attrs, y) : status;
}

/* (self, mask, source, out): where the mask is true, the next element of source */
static enum percept_status masked_scatter(struct prt_import *import, const struct prt_aten_op *op,
                                          struct prt_call *call)
{
    (void)op;
    uint32_t x = call->operands[0], mask = call->operands[1], source = call->operands[2];
    uint32_t y = prt_call_output(call), order, summed, taken;
    struct prt_tensor wide = *prt_import_spec(import, y);
    struct prt_index_attrs attrs = {.from = {PRT_INDEXED}};
    enum percept_status status = prt_import_convert(import, mask, PRT_BOOL, &mask);
    if (status == PERCEPT_OK)
        status = prt_aten_broadcast(import, mask, wide.rank, wide.sizes, &mask);
    if (status == PERCEPT_OK)
        status = prt_aten_broadcast(import, x, wide.rank, wide.sizes, &x);
    if (status != PERCEPT_OK || prt_tensor_elements(prt_import_spec(import, source)) == 0)
        return status == PERCEPT_OK ? prt_aten_into(import, x, y) : status;
    status = flat_as(import, mask, PRT_I64, &order);
    if (status == PERCEPT_OK)
        status = prt_import_temporary(import, prt_import_spec(import, order), &summed);
    if (status != PERCEPT_OK)
        return status;
    struct prt_node *node = prt_import_node(import, PRT_OP_CUMSUM, summed, 1, &order);
    if (!node)
        return PERCEPT_NO_MEMORY;
    node->attrs.cumsum.axis = 0;
    status = with_int(import, PRT_BINARY_SUB, summed, 1, &order);
    if (status == PERCEPT_OK)
        status = with_int(import, PRT_BINARY_MAX, order, 0, &order);
    if (status == PERCEPT_OK)
        status = flat_as(import, source, wide.dtype, &source);
    if (status == PERCEPT_OK)
        status = row_of(import, wide.dtype, prt_import_spec(import, order)->sizes[0], &taken);
    if (status == PERCEPT_OK)
        status = prt_aten_gather(import, source, 1, &order, &attrs, taken);
    if (status == PERCEPT_OK)
        status = prt_aten_as(import, taken, wide.rank, wide.sizes, &taken);
    if (status != PERCEPT_OK)
        return status;
    return prt_import_node(import, PRT_OP_WHERE, y, 3, (const uint32_t[]){mask, taken, x})
               ? PERCEPT_OK
               : PERCEPT_NO_MEMORY;
}

/* (repeats, output_size, out): i as often as repeats[i] says, which is how many of the sums of
 * repeats are at most the place */
static enum percept_status repeat_interleave(struct prt_import *import,
                                             const struct prt_aten_op *op, struct prt_call *call)
{
    (void)op;
    uint32_t repeats, summed, y = prt_call_output(call), range, ends[2], passed, counts, result;
    struct prt_tensor to = *prt_import_spec(import, y);
    enum percept_status status = flat_as(import, call->operands[0], PRT_I64, &repeats);
    if (status != PERCEPT_OK)
        return status;
    int32_t n = prt_import_spec(import, repeats)->sizes[0], count = to.sizes[0];
    if (to.rank != 1)
        return prt_import_fail(import, PERCEPT_MALFORMED, "the result is no vector");
    status = expect_sum(import, repeats, count);
    if (status == PERCEPT_OK && (n == 0 || count == 0)) {
        status = prt_aten_filled(import, &to, 0, &result);
        return status == PERCEPT_OK ? prt_aten_into(import, result, y) : status;
    }
    if (status == PERCEPT_OK)
        status = row_of(import, PRT_I64, n, &summed);
    if (status != PERCEPT_OK)
        return status;
    struct prt_node *node = prt_import_node(import, PRT_OP_CUMSUM, summed, 1, &repeats);
    if (!node)
        return PERCEPT_NO_MEMORY;
    node->attrs.cumsum.axis = 0;
    for (int i = 0; i < 2 && status == PERCEPT_OK; i++)
        status = prt_import_int(import, i, &ends[i]);
    if (status == PERCEPT_OK)
        status = row_of(import, PRT_I64, count, &range);
    if (status != PERCEPT_OK)
        return status;
    if (!prt_import_node(import, PRT_OP_RANGE, range, 2, ends))
        return PERCEPT_NO_MEMORY;
    struct prt_tensor square = {
        .dtype = PRT_BOOL, .rank = 2, .dim_order = {0, 1}, .sizes = {count, n}};
    status = prt_aten_as(import, range, 2, (const int32_t[]){count, 1}, &range);
    if (status == PERCEPT_OK)
        status = prt_import_temporary(import, &square, &passed);
    if (status == PERCEPT_OK)
        status = prt_aten_binary(import, PRT_BINARY_LE, summed, range, 1, passed);
    if (status == PERCEPT_OK)
        status = prt_import_convert(import, passed, PRT_I64, &passed);
    if (status == PERCEPT_OK)
        status = row_of(import, PRT_I64, count, &counts);
    if (status == PERCEPT_OK)
        status = prt_aten_reduce(import, PRT_REDUCE_SUM, passed, 2, false, counts);
    return status == PERCEPT_OK ? prt_aten_into(import, counts, y) : status;
}

static const struct prt_aten_op ops[] = {
    {"aten::nonzero.out", "TOR", nonzero, 0},
    {"aten::masked_select.out", "QTOR", masked_select, 0},
    {"aten::masked_scatter.out", "TTTOR", masked_scatter, 0},
    {"aten::repeat_interleave.Tensor_out", "TiOR", repeat_interleave, 0},
};

const struct prt_aten_table prt_aten_masked = PRT_ATEN_TABLE(ops);
