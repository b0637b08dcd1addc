/* Why: what every translator of an XNNPACK node needs: its values, moves of codes, vectors. */
#include "runtime/import_xnnpack_node.h"

enum percept_status prt_xnn_value_at(const struct prt_xnn_node *node, unsigned field, uint32_t *id)
{
    return prt_xnn_value(node->xnn, prt_fb_u32(node->table, field), id);
}

enum percept_status prt_xnn_values_at(const struct prt_xnn_node *node, unsigned input,
                                      unsigned output, uint32_t *x, uint32_t *y)
{
    enum percept_status status = prt_xnn_value_at(node, input, x);
    return status == PERCEPT_OK ? prt_xnn_value_at(node, output, y) : status;
}

const struct prt_tensor *prt_xnn_spec(const struct prt_xnn_node *node, uint32_t id)
{
    return prt_import_spec(node->xnn->import, id);
}

struct prt_node *prt_xnn_add(const struct prt_xnn_node *node, enum prt_op op, uint32_t y,
                             unsigned count, const uint32_t *inputs)
{
    return prt_import_node(node->xnn->import, op, y, count, inputs);
}

enum percept_status prt_xnn_malformed(const struct prt_xnn_node *node, const char *what)
{
    return prt_import_fail(node->xnn->import, PERCEPT_MALFORMED, "%s", what);
}

/* An op that moves codes cannot change their scale: y itself when it has x's, else a value that
 * finish_move then converts. */
enum percept_status prt_xnn_begin_move(const struct prt_xnn_node *node, uint32_t x, uint32_t y,
                                       uint32_t *target)
{
    const struct prt_quant *from = &prt_xnn_spec(node, x)->quant,
                           *to = &prt_xnn_spec(node, y)->quant;
    *target = y;
    if (from->kind != PRT_QUANT_PER_TENSOR || to->kind != PRT_QUANT_PER_TENSOR ||
        (from->scale == to->scale && from->zero_point == to->zero_point))
        return PERCEPT_OK;
    struct prt_tensor spec = *prt_xnn_spec(node, y);
    spec.quant = *from;
    spec.dtype = prt_xnn_spec(node, x)->dtype;
    return prt_import_temporary(node->xnn->import, &spec, target);
}

enum percept_status prt_xnn_finish_move(const struct prt_xnn_node *node, uint32_t target,
                                        uint32_t y)
{
    if (target == y)
        return PERCEPT_OK;
    return prt_xnn_add(node, PRT_OP_QUANTIZE, y, 1, &target) ? PERCEPT_OK : PERCEPT_NO_MEMORY;
}

enum percept_status prt_xnn_unary(const struct prt_xnn_node *node, enum prt_unary_kind kind,
                                  uint32_t x, double a, double b, uint32_t y)
{
    struct prt_node *made = prt_xnn_add(node, PRT_OP_UNARY, y, 1, &x);
    if (!made)
        return PERCEPT_NO_MEMORY;
    made->attrs.unary = (struct prt_unary_attrs){.kind = kind, .a = a, .b = b};
    return PERCEPT_OK;
}

/* A constant of any shape as a vector: the same bytes. */
enum percept_status prt_xnn_vector(const struct prt_xnn_node *node, uint32_t x, uint32_t *vector)
{
    struct prt_import *import = node->xnn->import;
    const struct prt_value *value = &import->graph->values[x];
    struct prt_tensor spec = value->tensor;
    *vector = x;
    if (spec.rank == 1)
        return PERCEPT_OK;
    size_t count = prt_tensor_elements(&spec);
    if (!(value->flags & PRT_FLAG_CONSTANT) || count > INT32_MAX ||
        spec.quant.kind == PRT_QUANT_PER_CHANNEL)
        return prt_import_fail(import, PERCEPT_UNSUPPORTED,
                               "a vector that is computed is not supported");
    const int32_t sizes[1] = {(int32_t)count};
    spec = prt_import_like(&spec, 1, sizes);
    const void *data;
    enum percept_status status = prt_import_data(import, x, &data);
    return status == PERCEPT_OK ? prt_import_constant(import, &spec, data, vector) : status;
}
