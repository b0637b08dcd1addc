/* Why: operators that order elements, or take one by its place in the order. */
#include "runtime/import_aten.h"

/* Indices along axis in order, `count` of them. */
static enum percept_status argsort_node(struct prt_import *import, uint32_t x,
                                        struct prt_argsort_attrs attrs, int32_t count, uint32_t *y)
{
    struct prt_tensor spec = *prt_import_spec(import, x);
    spec.sizes[attrs.axis] = count;
    spec = prt_import_like(&spec, spec.rank, spec.sizes);
    spec.dtype = PRT_I64;
    enum percept_status status = prt_import_temporary(import, &spec, y);
    if (status != PERCEPT_OK)
        return status;
    struct prt_node *node = prt_import_node(import, PRT_OP_ARGSORT, *y, 1, &x);
    if (!node)
        return PERCEPT_NO_MEMORY;
    node->attrs.argsort = attrs;
    return PERCEPT_OK;
}

/* The elements of x at indices along axis into values, the indices into places; either may be
 * absent. */
static enum percept_status deliver(struct prt_import *import, uint32_t x, int32_t axis,
                                   uint32_t indices, uint32_t values, uint32_t places)
{
    struct prt_index_attrs attrs = prt_aten_index_straight();
    attrs.from[axis] = PRT_INDEXED;
    enum percept_status status = PERCEPT_OK;
    if (places != PRT_NO_VALUE)
        status = prt_aten_into(import, indices, places);
    if (values == PRT_NO_VALUE || status != PERCEPT_OK)
        return status;
    const struct prt_tensor *sizes = prt_import_spec(import, indices);
    struct prt_tensor spec = prt_import_like(prt_import_spec(import, x), sizes->rank, sizes->sizes);
    uint32_t found;
    status = prt_import_temporary(import, &spec, &found);
    if (status == PERCEPT_OK)
        status = prt_aten_gather(import, x, 1, &indices, &attrs, found);
    return status == PERCEPT_OK ? prt_aten_into(import, found, values) : status;
}

/* How each operator says what it wants; an argument number of -1 means that it has none. */
struct order_row {
    int axis, descending, k, values, indices;
    bool greatest_first, median;
};
enum { ORDER_TOPK, ORDER_SORT, ORDER_SORT_STABLE, ORDER_ARGSORT, ORDER_KTH, ORDER_MEDIAN };
static const struct order_row orders[] = {
    [ORDER_TOPK] = {.axis = 2, .descending = 3, .k = 1, .values = 5, .indices = 6},
    [ORDER_SORT] = {.axis = 1, .descending = 2, .k = -1, .values = 3, .indices = 4},
    [ORDER_SORT_STABLE] = {.axis = 2, .descending = 3, .k = -1, .values = 4, .indices = 5},
    [ORDER_ARGSORT] = {.axis = 2, .descending = 3, .k = -1, .values = -1, .indices = 4},
    [ORDER_KTH] = {.axis = 2, .descending = -1, .k = 1, .values = 4, .indices = 5},
    [ORDER_MEDIAN] =
        {.axis = 1, .descending = -1, .k = -1, .values = 3, .indices = 4, .median = true},
};

static enum percept_status order(struct prt_import *import, const struct prt_aten_op *op,
                                 struct prt_call *call)
{
    const struct order_row *row = &orders[op->kind];
    uint32_t x = call->operands[0], indices;
    struct prt_argsort_attrs attrs = {.median = row->median};
    enum percept_status status = prt_aten_lift(import, &x);
    if (status == PERCEPT_OK)
        status = prt_aten_axis_of(import, call, (unsigned)row->axis, -1, x, &attrs.axis);
    if (status != PERCEPT_OK)
        return status;
    int32_t size = prt_import_spec(import, x)->sizes[attrs.axis];
    int64_t k = row->k < 0 ? size : prt_call_int(import, call, (unsigned)row->k, 0);
    attrs.descending =
        row->descending >= 0 && prt_call_bool(import, call, (unsigned)row->descending);
    if (k < (op->kind == ORDER_KTH) || k > size || (row->median && size < 1))
        return prt_import_fail(import, PERCEPT_MALFORMED, "takes %lld of %d", (long long)k, size);
    status = argsort_node(import, x, attrs, row->median ? 1 : (int32_t)k, &indices);
    if (status == PERCEPT_OK && op->kind == ORDER_KTH) {
        struct prt_tensor spec = *prt_import_spec(import, indices);
        uint32_t last;
        spec.sizes[attrs.axis] = 1;
        status = prt_import_temporary(import, &spec, &last);
        if (status == PERCEPT_OK)
            status = prt_aten_slice(import, indices, attrs.axis, k - 1, k, 1, last);
        indices = last;
    }
    return status == PERCEPT_OK
               ? deliver(import, x, attrs.axis, indices,
                         row->values < 0 ? PRT_NO_VALUE : call->operands[row->values],
                         call->operands[row->indices])
               : status;
}

/* (self, out): of all elements */
static enum percept_status median_all(struct prt_import *import, const struct prt_aten_op *op,
                                      struct prt_call *call)
{
    (void)op;
    uint32_t x = call->operands[0], indices;
    size_t count = prt_tensor_elements(prt_import_spec(import, x));
    if (count < 1 || count > INT32_MAX)
        return prt_import_fail(import, PERCEPT_UNSUPPORTED, "of %zu elements", count);
    int32_t size = (int32_t)count;
    enum percept_status status = prt_aten_as(import, x, 1, &size, &x);
    if (status == PERCEPT_OK)
        status = argsort_node(import, x, (struct prt_argsort_attrs){.median = true}, 1, &indices);
    return status == PERCEPT_OK
               ? deliver(import, x, 0, indices, prt_call_output(call), PRT_NO_VALUE)
               : status;
}

static const struct prt_aten_op ops[] = {
    {"aten::topk.values", "TIIBBOOR", order, ORDER_TOPK},
    {"aten::sort.values", "TIBOOR", order, ORDER_SORT},
    {"aten::sort.values_stable", "TbIBOOR", order, ORDER_SORT_STABLE},
    {"aten::argsort.stable_out", "TBIBOR", order, ORDER_ARGSORT},
    {"aten::kthvalue.values", "TIIBOOR", order, ORDER_KTH},
    {"aten::median.dim_values", "TIBOOR", order, ORDER_MEDIAN},
    {"aten::median.out", "TOR", median_all, 0},
};

const struct prt_aten_table prt_aten_order = PRT_ATEN_TABLE(ops);
