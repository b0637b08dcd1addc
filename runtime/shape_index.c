/* Why: the rules of the ops that look elements up or order them. What the rules leave open, the
 * values of indices, is what kernels check while they run. */
#include "runtime/shape_rule.h"

static bool is_index(const struct prt_tensor *tensor)
{
    return (tensor->dtype == PRT_I32 || tensor->dtype == PRT_I64) && !is_quantised(tensor);
}

/* x's dimensions against p's (y of GATHER, src of SCATTER), and the index operands from `first`. */
static const char *check_indexed(const struct prt_check *check, const struct prt_tensor *x,
                                 const struct prt_tensor *p, unsigned first)
{
    const uint8_t *from = check->node->attrs.index.from;
    unsigned indices = check->node->input_count - first;
    for (unsigned d = 0; d < x->rank; d++) {
        if (from[d] >= PRT_INDEXED ? from[d] - PRT_INDEXED >= (int)indices : from[d] >= p->rank)
            return WRONG_ATTRIBUTE;
        if (from[d] < PRT_INDEXED && p->sizes[from[d]] > x->sizes[d])
            return WRONG_SIZES;
    }
    for (unsigned k = 0; k < indices; k++) {
        const struct prt_tensor *index = tensor_at(check, first + k);
        if (!index)
            return WRONG_KIND;
        if (!is_index(index))
            return WRONG_DTYPE;
        if (index->rank != p->rank || !broadcasts_to(index, p))
            return WRONG_SIZES;
    }
    return NULL;
}

const char *prt_shape_gather(const struct prt_check *check)
{
    const struct prt_tensor *x = tensor_at(check, 0);
    if (!x)
        return WRONG_KIND;
    if (!same_codes(x, check->y))
        return WRONG_DTYPE;
    if (check->node->attrs.index.add)
        return WRONG_ATTRIBUTE;
    return check_indexed(check, x, check->y, 1);
}

const char *prt_shape_scatter(const struct prt_check *check)
{
    const struct prt_tensor *x = tensor_at(check, 0), *src = tensor_at(check, 1);
    if (!x || !src)
        return WRONG_KIND;
    if (!same_codes(x, check->y) || !same_codes(src, check->y) ||
        (check->node->attrs.index.add && is_quantised(x)))
        return WRONG_DTYPE;
    if (!prt_tensor_same_sizes(x, check->y))
        return WRONG_SIZES;
    return check_indexed(check, x, src, 2);
}

const char *prt_shape_argsort(const struct prt_check *check)
{
    const struct prt_argsort_attrs *a = &check->node->attrs.argsort;
    const struct prt_tensor *x = tensor_at(check, 0), *y = check->y;
    if (!x)
        return WRONG_KIND;
    if (is_quantised(x) || y->dtype != PRT_I64 || is_quantised(y))
        return WRONG_DTYPE;
    if (a->axis < 0 || a->axis >= x->rank)
        return WRONG_ATTRIBUTE;
    struct prt_tensor wanted = *x;
    wanted.sizes[a->axis] = y->sizes[a->axis];
    bool fits = y->sizes[a->axis] <= x->sizes[a->axis] && (!a->median || y->sizes[a->axis] == 1);
    return fits && prt_tensor_same_sizes(&wanted, y) ? NULL : WRONG_SIZES;
}

const char *prt_shape_distance(const struct prt_check *check)
{
    const struct prt_tensor *a = tensor_at(check, 0), *b = tensor_at(check, 1), *y = check->y;
    if (!a || !b)
        return WRONG_KIND;
    if (!same_type(a, b) || !same_type(a, y) || (a->dtype != PRT_F32 && a->dtype != PRT_F64))
        return WRONG_DTYPE;
    if (!(check->node->attrs.distance.p >= 0))
        return WRONG_ATTRIBUTE;
    if (a->rank < 2 || b->rank != a->rank || y->rank != a->rank)
        return WRONG_SIZES;
    unsigned row = a->rank - 2u, column = a->rank - 1u;
    for (unsigned i = 0; i < row; i++)
        if (a->sizes[i] != y->sizes[i] || b->sizes[i] != y->sizes[i])
            return WRONG_SIZES;
    return a->sizes[column] == b->sizes[column] && y->sizes[row] == a->sizes[row] &&
                   y->sizes[column] == b->sizes[row]
               ? NULL
               : WRONG_SIZES;
}

const char *prt_shape_embedding_bag(const struct prt_check *check)
{
    const struct prt_tensor *table = tensor_at(check, 0), *indices = tensor_at(check, 1),
                            *offsets = tensor_at(check, 2), *weights = tensor_at(check, 3),
                            *y = check->y;
    if (!table || !indices || !offsets || (operand(check, 3) && !weights))
        return WRONG_KIND;
    if ((table->dtype != PRT_F32 && table->dtype != PRT_F64) || !same_type(table, y) ||
        (weights && !same_type(table, weights)) || !is_index(indices) || !is_index(offsets))
        return WRONG_DTYPE;
    if ((unsigned)check->node->attrs.bag.mode >= PRT_BAG_MODES)
        return WRONG_ATTRIBUTE;
    if (table->rank != 2 || indices->rank != 1 || offsets->rank != 1 || y->rank != 2 ||
        y->sizes[1] != table->sizes[1] || (weights && !vector_of(weights, indices->sizes[0])))
        return WRONG_SIZES;
    return offsets->sizes[0] == y->sizes[0] || offsets->sizes[0] - 1 == y->sizes[0] ? NULL
                                                                                    : WRONG_SIZES;
}

const char *prt_shape_expect(const struct prt_check *check)
{
    const struct prt_tensor *x = tensor_at(check, 0), *y = check->y;
    if (!x)
        return WRONG_KIND;
    if (x->dtype != PRT_I64 || is_quantised(x) || !same_type(x, y))
        return WRONG_DTYPE;
    return prt_tensor_elements(x) == 1 && prt_tensor_same_sizes(x, y) ? NULL : WRONG_SIZES;
}
