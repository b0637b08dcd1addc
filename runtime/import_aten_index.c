/* Why: operators that look elements up by indices, or put them there. */
#include "runtime/import_aten.h"

#include <string.h>

/* ---- building blocks ---- */

struct prt_index_attrs prt_aten_index_straight(void)
{
    struct prt_index_attrs attrs = {.add = false};
    for (uint8_t i = 0; i < PRT_MAX_RANK; i++)
        attrs.from[i] = i;
    return attrs;
}

static enum percept_status index_node(struct prt_import *import, enum prt_op op,
                                      const uint32_t *first, unsigned firsts, unsigned count,
                                      const uint32_t *indices, const struct prt_index_attrs *attrs,
                                      uint32_t y)
{
    uint32_t inputs[2 + PRT_MAX_RANK];
    memcpy(inputs, first, firsts * sizeof *first);
    for (unsigned i = 0; i < count; i++)
        inputs[firsts + i] = indices[i];
    prt_aten_keep_quant(import, first[0], y);
    struct prt_node *node = prt_import_node(import, op, y, firsts + count, inputs);
    if (!node)
        return PERCEPT_NO_MEMORY;
    node->attrs.index = *attrs;
    return PERCEPT_OK;
}

enum percept_status prt_aten_gather(struct prt_import *import, uint32_t x, unsigned count,
                                    const uint32_t *indices, const struct prt_index_attrs *attrs,
                                    uint32_t y)
{
    return index_node(import, PRT_OP_GATHER, &x, 1, count, indices, attrs, y);
}

enum percept_status prt_aten_scatter(struct prt_import *import, uint32_t x, uint32_t src,
                                     unsigned count, const uint32_t *indices,
                                     const struct prt_index_attrs *attrs, uint32_t y)
{
    return index_node(import, PRT_OP_SCATTER, (const uint32_t[]){x, src}, 2, count, indices, attrs,
                      y);
}

enum percept_status prt_aten_as(struct prt_import *import, uint32_t x, unsigned rank,
                                const int32_t *sizes, uint32_t *id)
{
    struct prt_tensor from = *prt_import_spec(import, x),
                      spec = prt_import_like(&from, rank, sizes);
    if (prt_tensor_same_sizes(&from, &spec)) {
        *id = x;
        return PERCEPT_OK;
    }
    enum percept_status status = prt_import_temporary(import, &spec, id);
    return status == PERCEPT_OK ? prt_import_reshape(import, x, *id) : status;
}

enum percept_status prt_aten_into(struct prt_import *import, uint32_t x, uint32_t y)
{
    enum percept_status status =
        prt_import_convert(import, x, prt_import_spec(import, y)->dtype, &x);
    prt_aten_keep_quant(import, x, y);
    return status == PERCEPT_OK ? prt_import_reshape(import, x, y) : status;
}

enum percept_status prt_aten_filled(struct prt_import *import, const struct prt_tensor *spec,
                                    int64_t number, uint32_t *id)
{
    uint32_t value;
    enum percept_status status = prt_import_int(import, number, &value);
    if (status == PERCEPT_OK)
        status = prt_import_temporary(import, spec, id);
    if (status != PERCEPT_OK)
        return status;
    return prt_import_node(import, PRT_OP_FULL, *id, 1, &value) ? PERCEPT_OK : PERCEPT_NO_MEMORY;
}

enum percept_status prt_aten_broadcast(struct prt_import *import, uint32_t x, unsigned rank,
                                       const int32_t *sizes, uint32_t *id)
{
    struct prt_tensor from = *prt_import_spec(import, x), to = prt_import_like(&from, rank, sizes);
    if (prt_tensor_same_sizes(&from, &to)) {
        *id = x;
        return PERCEPT_OK;
    }
    if (from.rank > rank)
        return prt_import_fail(import, PERCEPT_MALFORMED, "%u dimensions for %u", from.rank, rank);
    /* Dimensions of size 1 go; those that stay follow the ones of the result. */
    struct prt_index_attrs attrs = {.add = false};
    int32_t kept[PRT_MAX_RANK];
    unsigned count = 0;
    for (unsigned i = 0; i < from.rank; i++) {
        unsigned d = rank - from.rank + i;
        if (from.sizes[i] == 1 && sizes[d] != 1)
            continue;
        attrs.from[count] = (uint8_t)d;
        kept[count++] = from.sizes[i];
    }
    uint32_t narrow;
    enum percept_status status = prt_aten_as(import, x, count, kept, &narrow);
    if (status == PERCEPT_OK)
        status = prt_import_temporary(import, &to, id);
    return status == PERCEPT_OK ? prt_aten_gather(import, narrow, 0, NULL, &attrs, *id) : status;
}

enum percept_status prt_aten_index_list(struct prt_import *import, const int32_t *list,
                                        int32_t count, unsigned rank, int32_t axis, uint32_t *id)
{
    struct prt_tensor spec = {.dtype = PRT_I32, .rank = (uint8_t)rank};
    for (unsigned i = 0; i < rank; i++) {
        spec.dim_order[i] = (uint8_t)i;
        spec.sizes[i] = (int32_t)i == axis ? count : 1;
    }
    const int32_t *copy =
        base_arena_copy(&import->graph->arena, list, (size_t)count * sizeof *list);
    return copy ? prt_import_constant(import, &spec, copy, id) : prt_import_no_memory(import);
}

/* Numbers that a kernel takes as indices: I32, I64. */
static enum percept_status as_index(struct prt_import *import, uint32_t *index)
{
    enum prt_dtype dtype = prt_import_spec(import, *index)->dtype;
    if (dtype == PRT_I32 || dtype == PRT_I64)
        return PERCEPT_OK;
    if (dtype == PRT_BOOL)
        return prt_import_fail(import, PERCEPT_UNSUPPORTED,
                               "a mask gives a result whose size only the data tell");
    return prt_import_convert(import, *index, PRT_I64, index);
}

/* A scalar tensor as one of one element. */
enum percept_status prt_aten_lift(struct prt_import *import, uint32_t *x)
{
    static const int32_t one = 1;
    return prt_import_spec(import, *x)->rank == 0 ? prt_aten_as(import, *x, 1, &one, x)
                                                  : PERCEPT_OK;
}

/* What to compute instead of y when that is a scalar tensor: finish with prt_aten_into. */
static enum percept_status lifted_result(struct prt_import *import, uint32_t y, uint32_t *result)
{
    struct prt_tensor spec = *prt_import_spec(import, y);
    *result = y;
    if (spec.rank != 0)
        return PERCEPT_OK;
    spec.rank = 1;
    spec.sizes[0] = 1;
    return prt_import_temporary(import, &spec, result);
}

/* Argument `index` as an axis of x, which has at least one. */
enum percept_status prt_aten_axis_of(struct prt_import *import, const struct prt_call *call,
                                     unsigned index, int64_t fallback, uint32_t x, int32_t *axis)
{
    return prt_import_axis(import, prt_call_int(import, call, index, fallback),
                           prt_import_spec(import, x)->rank, axis);
}

/* ---- gather ---- */

/* (self, dim, index, sparse_grad, out) */
static enum percept_status gather(struct prt_import *import, const struct prt_aten_op *op,
                                  struct prt_call *call)
{
    (void)op;
    uint32_t x = call->operands[0], index = call->operands[2], y = prt_call_output(call), result;
    struct prt_index_attrs attrs = prt_aten_index_straight();
    int32_t axis;
    enum percept_status status = prt_aten_lift(import, &x);
    if (status == PERCEPT_OK)
        status = prt_aten_lift(import, &index);
    if (status == PERCEPT_OK)
        status = as_index(import, &index);
    if (status == PERCEPT_OK)
        status = prt_aten_axis_of(import, call, 1, 0, x, &axis);
    if (status == PERCEPT_OK)
        status = lifted_result(import, y, &result);
    if (status != PERCEPT_OK)
        return status;
    attrs.from[axis] = PRT_INDEXED;
    status = prt_aten_gather(import, x, 1, &index, &attrs, result);
    return status == PERCEPT_OK && result != y ? prt_aten_into(import, result, y) : status;
}

/* A vector of indices as an operand for one axis. */
static enum percept_status along(struct prt_import *import, uint32_t vector, unsigned rank,
                                 int32_t axis, uint32_t *index)
{
    int32_t sizes[PRT_MAX_RANK];
    for (unsigned i = 0; i < rank; i++)
        sizes[i] =
            (int32_t)i == axis ? (int32_t)prt_tensor_elements(prt_import_spec(import, vector)) : 1;
    enum percept_status status = as_index(import, &vector);
    return status == PERCEPT_OK ? prt_aten_as(import, vector, rank, sizes, index) : status;
}

/* (self, dim, index, out) */
static enum percept_status index_select(struct prt_import *import, const struct prt_aten_op *op,
                                        struct prt_call *call)
{
    (void)op;
    uint32_t x = call->operands[0], y = prt_call_output(call), index, result;
    struct prt_index_attrs attrs = prt_aten_index_straight();
    int32_t axis;
    enum percept_status status = prt_aten_lift(import, &x);
    if (status == PERCEPT_OK)
        status = prt_aten_axis_of(import, call, 1, 0, x, &axis);
    if (status == PERCEPT_OK)
        status = along(import, call->operands[2], prt_import_spec(import, x)->rank, axis, &index);
    if (status == PERCEPT_OK)
        status = lifted_result(import, y, &result);
    if (status != PERCEPT_OK)
        return status;
    attrs.from[axis] = PRT_INDEXED;
    status = prt_aten_gather(import, x, 1, &index, &attrs, result);
    return status == PERCEPT_OK && result != y ? prt_aten_into(import, result, y) : status;
}

/* (weight, indices, padding_idx, scale_grad_by_freq, sparse, out): what is not about training is a
 * row of weight an index */
static enum percept_status embedding(struct prt_import *import, const struct prt_aten_op *op,
                                     struct prt_call *call)
{
    (void)op;
    uint32_t index = call->operands[1], y = prt_call_output(call);
    struct prt_tensor from = *prt_import_spec(import, index);
    if (prt_import_spec(import, call->operands[0])->rank != 2 || from.rank + 1 > PRT_MAX_RANK)
        return prt_import_fail(import, PERCEPT_MALFORMED, "the weight is no matrix");
    struct prt_index_attrs attrs = {.from = {PRT_INDEXED, from.rank}};
    from.sizes[from.rank] = 1;
    enum percept_status status = as_index(import, &index);
    if (status == PERCEPT_OK)
        status = prt_aten_as(import, index, from.rank + 1u, from.sizes, &index);
    return status == PERCEPT_OK ? prt_aten_gather(import, call->operands[0], 1, &index, &attrs, y)
                                : status;
}

/* (weight, indices, offsets, scale_grad_by_freq, mode, sparse, per_sample_weights,
 * include_last_offset, padding_idx, out, offset2bag, bag_size, max_indices): what comes after out
 * is for training */
static enum percept_status embedding_bag(struct prt_import *import, const struct prt_aten_op *op,
                                         struct prt_call *call)
{
    (void)op;
    uint32_t operands[4] = {call->operands[0], call->operands[1], call->operands[2],
                            call->operands[6]};
    uint32_t y = prt_call_output(call), result;
    struct prt_tensor spec = *prt_import_spec(import, y);
    int64_t mode = prt_call_int(import, call, 4, 0), padding = prt_call_int(import, call, 8, -1);
    int32_t rows = prt_import_spec(import, operands[0])->sizes[0];
    if (mode < 0 || mode >= PRT_BAG_MODES)
        return prt_import_fail(import, PERCEPT_MALFORMED, "has no mode %lld", (long long)mode);
    spec.dtype = spec.dtype == PRT_F64 ? PRT_F64 : PRT_F32;
    enum percept_status status = PERCEPT_OK;
    for (int i = 0; i < 4 && status == PERCEPT_OK; i++) {
        if (i == 1 || i == 2)
            status = as_index(import, &operands[i]);
        else if (operands[i] != PRT_NO_VALUE)
            status = prt_import_convert(import, operands[i], spec.dtype, &operands[i]);
    }
    if (status == PERCEPT_OK)
        status = prt_import_temporary(import, &spec, &result);
    if (status != PERCEPT_OK)
        return status;
    struct prt_node *node = prt_import_node(import, PRT_OP_EMBEDDING_BAG, result, 4, operands);
    if (!node)
        return PERCEPT_NO_MEMORY;
    node->attrs.bag =
        (struct prt_bag_attrs){(enum prt_bag_mode)mode, padding < -1 ? padding + rows : padding};
    return prt_aten_into(import, result, y);
}

/* ---- several indices at once ---- */

/* What x[i, :, j] means: the sizes of p, where its dimensions come from, and the operands. */
struct lookup {
    struct prt_index_attrs attrs;
    unsigned rank, count;
    int32_t sizes[PRT_MAX_RANK];
    uint32_t indices[PRT_MAX_RANK];
};

/* The sizes that all index tensors broadcast to. */
static enum percept_status common_sizes(struct prt_import *import, const struct prt_call *call,
                                        unsigned *rank, int32_t *sizes)
{
    *rank = 0;
    for (uint32_t i = 0; i < call->list_count; i++) {
        if (call->list[i] == PRT_NO_VALUE)
            continue;
        const struct prt_tensor *index = prt_import_spec(import, call->list[i]);
        if (index->rank > *rank) {
            unsigned more = index->rank - *rank;
            memmove(sizes + more, sizes, *rank * sizeof *sizes);
            for (unsigned d = 0; d < more; d++)
                sizes[d] = 1;
            *rank = index->rank;
        }
        for (unsigned d = 0; d < index->rank; d++) {
            int32_t *size = &sizes[*rank - index->rank + d];
            if (*size != 1 && index->sizes[d] != 1 && *size != index->sizes[d])
                return prt_import_fail(import, PERCEPT_MALFORMED, "indices of unlike sizes");
            *size = *size == 1 ? index->sizes[d] : *size;
        }
    }
    return PERCEPT_OK;
}

static enum percept_status look_up(struct prt_import *import, const struct prt_call *call,
                                   uint32_t x, struct lookup *lookup)
{
    const struct prt_tensor from = *prt_import_spec(import, x);
    int32_t common[PRT_MAX_RANK];
    unsigned width, runs = 0, first = 0, count = 0;
    bool before = false;
    *lookup = (struct lookup){.count = 0};
    if (call->list_count > from.rank)
        return prt_import_fail(import, PERCEPT_MALFORMED, "%u indices of %u dimensions",
                               call->list_count, from.rank);
    for (uint32_t i = 0; i < call->list_count; i++) {
        bool given = call->list[i] != PRT_NO_VALUE;
        if (given && !before && runs++ == 0)
            first = i;
        before = given;
        count += given;
        enum percept_status status = given ? as_index(import, &call->list[i]) : PERCEPT_OK;
        if (status != PERCEPT_OK)
            return status;
    }
    enum percept_status status = common_sizes(import, call, &width, common);
    if (status != PERCEPT_OK)
        return status;
    if (count == 0 || width + from.rank - count > PRT_MAX_RANK)
        return prt_import_fail(import, PERCEPT_UNSUPPORTED, "%u indices", count);
    /* Indices side by side are replaced where they stand; apart, by the first dimensions. */
    unsigned at = runs == 1 ? first : 0;
    for (unsigned d = 0, to = 0; d <= from.rank; d++) {
        if (to == at) {
            memcpy(lookup->sizes + to, common, width * sizeof *common);
            to += width;
        }
        if (d == from.rank) {
            lookup->rank = to;
            break;
        }
        if (d < call->list_count && call->list[d] != PRT_NO_VALUE) {
            lookup->attrs.from[d] = (uint8_t)(PRT_INDEXED + (int)lookup->count);
            lookup->indices[lookup->count++] = call->list[d];
        } else {
            lookup->attrs.from[d] = (uint8_t)to;
            lookup->sizes[to++] = from.sizes[d];
        }
    }
    for (unsigned k = 0; k < lookup->count; k++) {
        const struct prt_tensor *index = prt_import_spec(import, lookup->indices[k]);
        int32_t sizes[PRT_MAX_RANK];
        for (unsigned d = 0; d < lookup->rank; d++) {
            int own = (int)d - (int)at - (int)(width - index->rank);
            sizes[d] = own >= 0 && d < at + width ? index->sizes[own] : 1;
        }
        status = prt_aten_as(import, lookup->indices[k], lookup->rank, sizes, &lookup->indices[k]);
        if (status != PERCEPT_OK)
            return status;
    }
    return PERCEPT_OK;
}

/* How long the indices are, as the result says: where the first of them stands, or the first
 * dimension when they stand apart. -1 without an index. */
static int64_t stated_size(const struct prt_import *import, const struct prt_call *call, uint32_t y)
{
    const struct prt_tensor *to = prt_import_spec(import, y);
    uint32_t first = 0, last = call->list_count;
    while (first < last && call->list[first] == PRT_NO_VALUE)
        first++;
    while (last > first && call->list[last - 1] == PRT_NO_VALUE)
        last--;
    for (uint32_t i = first; i < last; i++)
        if (call->list[i] == PRT_NO_VALUE)
            first = 0;
    return first < to->rank ? to->sizes[first] : -1;
}

/* (self, indices, out) */
static enum percept_status index_tensor(struct prt_import *import, const struct prt_aten_op *op,
                                        struct prt_call *call)
{
    (void)op;
    struct lookup lookup;
    enum percept_status status =
        prt_aten_open_masks(import, call, stated_size(import, call, prt_call_output(call)));
    if (status == PERCEPT_OK)
        status = look_up(import, call, call->operands[0], &lookup);
    return status == PERCEPT_OK
               ? prt_aten_gather(import, call->operands[0], lookup.count, lookup.indices,
                                 &lookup.attrs, prt_call_output(call))
               : status;
}

/* Is a mask given the same value, or values, wherever it is true? */
static bool is_copied(const struct prt_import *import, uint32_t x, uint32_t mask, uint32_t values)
{
    const struct prt_tensor *from = prt_import_spec(import, x), *m = prt_import_spec(import, mask),
                            *v = prt_import_spec(import, values);
    return m->dtype == PRT_BOOL && ((m->rank <= from->rank && v->rank <= from->rank - m->rank) ||
                                    prt_tensor_elements(v) == 1);
}

/* x[mask] = value, of one value or one that broadcasts over what a truth of the mask stands for. */
static enum percept_status put_mask(struct prt_import *import, uint32_t x, uint32_t mask,
                                    uint32_t value, uint32_t y)
{
    struct prt_tensor from = *prt_import_spec(import, x), spec = *prt_import_spec(import, mask);
    const struct prt_tensor *values = prt_import_spec(import, value);
    bool fits = spec.rank <= from.rank && values->rank <= from.rank - spec.rank;
    int32_t sizes[PRT_MAX_RANK];
    for (unsigned i = 0; i < from.rank; i++)
        sizes[i] = i < spec.rank ? spec.sizes[i] : 1;
    enum percept_status status = prt_aten_as(import, mask, from.rank, sizes, &mask);
    if (status == PERCEPT_OK && !fits)
        status = prt_aten_as(import, value, 0, NULL, &value);
    if (status != PERCEPT_OK)
        return status;
    return prt_import_node(import, PRT_OP_WHERE, y, 3, (const uint32_t[]){mask, value, x})
               ? PERCEPT_OK
               : PERCEPT_NO_MEMORY;
}

/* How many elements of the one mask of a call are true, as the number of values says; -1 when it
 * says nothing. */
static int64_t given_size(const struct prt_import *import, const struct prt_call *call, uint32_t x,
                          uint32_t values)
{
    const struct prt_tensor *v = prt_import_spec(import, values);
    if (call->list_count != 1 || call->list[0] == PRT_NO_VALUE)
        return -1;
    int rest = prt_import_spec(import, x)->rank - prt_import_spec(import, call->list[0])->rank;
    if (rest < 0 || v->rank <= rest || v->sizes[v->rank - 1 - rest] == 1)
        return -1;
    return v->sizes[v->rank - 1 - rest];
}

static enum percept_status put(struct prt_import *import, struct prt_call *call, uint32_t y)
{
    uint32_t x = call->operands[0], values = call->operands[2];
    bool add = prt_call_bool(import, call, 3);
    enum percept_status status =
        prt_import_convert(import, values, prt_import_spec(import, x)->dtype, &values);
    if (status != PERCEPT_OK)
        return status;
    if (call->list_count == 1 && !add && call->list[0] != PRT_NO_VALUE &&
        is_copied(import, x, call->list[0], values))
        return put_mask(import, x, call->list[0], values, y);
    struct lookup lookup;
    status = prt_aten_open_masks(import, call, given_size(import, call, x, values));
    if (status == PERCEPT_OK)
        status = look_up(import, call, x, &lookup);
    if (status == PERCEPT_OK)
        status = prt_aten_broadcast(import, values, lookup.rank, lookup.sizes, &values);
    lookup.attrs.add = add;
    return status == PERCEPT_OK
               ? prt_aten_scatter(import, x, values, lookup.count, lookup.indices, &lookup.attrs, y)
               : status;
}

/* (self, indices, values, accumulate, out) */
static enum percept_status index_put(struct prt_import *import, const struct prt_aten_op *op,
                                     struct prt_call *call)
{
    (void)op;
    return put(import, call, prt_call_output(call));
}

/* (self, indices, values, accumulate, self again) */
static enum percept_status index_put_in_place(struct prt_import *import,
                                              const struct prt_aten_op *op, struct prt_call *call)
{
    (void)op;
    uint32_t y;
    struct prt_tensor spec = *prt_import_spec(import, call->operands[0]);
    enum percept_status status = prt_import_temporary(import, &spec, &y);
    if (status == PERCEPT_OK)
        status = put(import, call, y);
    if (status == PERCEPT_OK)
        status = prt_import_bind(import, call->args[0], y);
    if (status == PERCEPT_OK && call->args[4] != call->args[0] &&
        import->values[call->args[4]].kind == PRT_VALUE_TENSOR)
        status = prt_import_bind(import, call->args[4], y);
    return status;
}

/* ---- scatter ---- */

/* The first elements of x along each dimension, as many as sizes. */
static enum percept_status corner(struct prt_import *import, uint32_t *x, const int32_t *sizes)
{
    for (unsigned i = 0; i < prt_import_spec(import, *x)->rank; i++) {
        struct prt_tensor spec = *prt_import_spec(import, *x);
        if (spec.sizes[i] == sizes[i])
            continue;
        if (spec.sizes[i] < sizes[i])
            return prt_import_fail(import, PERCEPT_MALFORMED, "more indices than elements");
        uint32_t part;
        spec.sizes[i] = sizes[i];
        spec = prt_import_like(&spec, spec.rank, spec.sizes);
        enum percept_status status = prt_import_temporary(import, &spec, &part);
        if (status == PERCEPT_OK)
            status = prt_aten_slice(import, *x, (int32_t)i, 0, sizes[i], 1, part);
        if (status != PERCEPT_OK)
            return status;
        *x = part;
    }
    return PERCEPT_OK;
}

/* A tensor of index's sizes, full of the number in an argument, of x's type. */
static enum percept_status full_of(struct prt_import *import, const struct prt_call *call,
                                   unsigned argument, uint32_t x, uint32_t index, uint32_t *src)
{
    const struct prt_tensor *sizes = prt_import_spec(import, index);
    struct prt_tensor spec = prt_import_like(prt_import_spec(import, x), sizes->rank, sizes->sizes);
    uint32_t value;
    enum percept_status status = prt_import_scalar(import, call->args[argument], &value);
    if (status == PERCEPT_OK)
        status = prt_import_temporary(import, &spec, src);
    if (status != PERCEPT_OK)
        return status;
    return prt_import_node(import, PRT_OP_FULL, *src, 1, &value) ? PERCEPT_OK : PERCEPT_NO_MEMORY;
}

enum { SCATTER_SET, SCATTER_ADD };

/* (self, dim, index, src or value, out); the kind says whether values are added */
static enum percept_status scatter(struct prt_import *import, const struct prt_aten_op *op,
                                   struct prt_call *call)
{
    uint32_t x = call->operands[0], index = call->operands[2], src = call->operands[3];
    uint32_t y = prt_call_output(call), result;
    struct prt_index_attrs attrs = prt_aten_index_straight();
    int32_t axis;
    enum percept_status status = prt_aten_lift(import, &x);
    if (status == PERCEPT_OK)
        status = prt_aten_lift(import, &index);
    if (status == PERCEPT_OK)
        status = as_index(import, &index);
    if (status == PERCEPT_OK)
        status = prt_aten_axis_of(import, call, 1, 0, x, &axis);
    if (status == PERCEPT_OK && src == PRT_NO_VALUE)
        status = full_of(import, call, 3, x, index, &src);
    if (status == PERCEPT_OK)
        status = prt_aten_lift(import, &src);
    if (status == PERCEPT_OK)
        status = prt_import_convert(import, src, prt_import_spec(import, x)->dtype, &src);
    if (status != PERCEPT_OK)
        return status;
    struct prt_tensor wanted = *prt_import_spec(import, index);
    if (wanted.rank != prt_import_spec(import, x)->rank ||
        wanted.rank != prt_import_spec(import, src)->rank)
        return prt_import_fail(import, PERCEPT_MALFORMED, "operands of unlike rank");
    status = corner(import, &src, wanted.sizes);
    if (status == PERCEPT_OK)
        status = lifted_result(import, y, &result);
    if (status != PERCEPT_OK)
        return status;
    attrs.from[axis] = PRT_INDEXED;
    attrs.add = op->kind == SCATTER_ADD;
    status = prt_aten_scatter(import, x, src, 1, &index, &attrs, result);
    return status == PERCEPT_OK && result != y ? prt_aten_into(import, result, y) : status;
}

/* (self, dim, index, src, reduce, include_self, out) */
static enum percept_status scatter_reduce(struct prt_import *import, const struct prt_aten_op *op,
                                          struct prt_call *call)
{
    if (!prt_call_text_is(import, call, 4, "sum") || !prt_call_bool(import, call, 5))
        return prt_import_fail(import, PERCEPT_UNSUPPORTED, "only sums are supported");
    return scatter(import, op, call);
}

static const struct prt_aten_op ops[] = {
    {"aten::gather.out", "QITBOR", gather, 0},
    {"aten::index_select.out", "QITOR", index_select, 0},
    {"aten::embedding.out", "QTIBBOR", embedding, 0},
    {"aten::_embedding_bag.out", "TTTBIBtBIOXXXR", embedding_bag, 0},
    {"aten::_embedding_bag_forward_only.out", "TTTBIBtBIOXXXR", embedding_bag, 0},
    {"aten::index.Tensor_out", "QaOR", index_tensor, 0},
    {"aten::index_put.out", "TaTBOR", index_put, 0},
    {"aten::index_put_", "TaTBR", index_put_in_place, 0},
    {"aten::scatter.src_out", "TITTOR", scatter, SCATTER_SET},
    {"aten::scatter.value_out", "TITNOR", scatter, SCATTER_SET},
    {"aten::scatter_add.out", "TITTOR", scatter, SCATTER_ADD},
    {"aten::scatter_reduce.two_out", "TITTSBOR", scatter_reduce, SCATTER_ADD},
};

const struct prt_aten_table prt_aten_index = PRT_ATEN_TABLE(ops);
