/* Why: a loop over the rows of a tensor (torch.map, scan) is unrolled; what collects its results
 * grows by a row each time. */
#include "runtime/import_aten.h"

/* The first `count` rows of what tensor v holds. */
static enum percept_status rows_before(struct prt_import *import, uint32_t v, int64_t count,
                                       uint32_t *id)
{
    uint32_t x;
    enum percept_status status = prt_import_read(import, v, &x);
    if (status != PERCEPT_OK)
        return status;
    struct prt_tensor spec = *prt_import_spec(import, x);
    *id = x;
    if (spec.sizes[0] == count)
        return PERCEPT_OK;
    if (spec.sizes[0] < count)
        return prt_import_fail(import, PERCEPT_MALFORMED, "row %lld comes after %d rows",
                               (long long)count, spec.sizes[0]);
    spec.sizes[0] = (int32_t)count;
    status = prt_import_temporary(import, &spec, id);
    return status == PERCEPT_OK ? prt_aten_slice(import, x, 0, 0, count, 1, *id) : status;
}

/* (rows, row, index): row comes after the first `index` of rows, and nothing after it. The kernel
 * that ExecuTorch had for this wrote outside of rows (CVE-2025-54949). */
static enum percept_status copy_index(struct prt_import *import, const struct prt_aten_op *op,
                                      struct prt_call *call)
{
    (void)op;
    uint32_t v = import->identity[call->args[0]], row = call->operands[1], parts[2], y;
    if (import->values[v].kind != PRT_VALUE_TENSOR)
        return prt_import_fail(import, PERCEPT_MALFORMED, "argument 0 is not a tensor");
    const struct prt_tensor spec = *prt_import_spec(import, row);
    int64_t index = prt_call_int(import, call, 2, 0), sizes[PRT_MAX_RANK];
    int32_t one_row[PRT_MAX_RANK] = {1};
    if (import->values[v].tensor->spec.dtype != spec.dtype)
        return prt_import_fail(import, PERCEPT_MALFORMED, "has rows and a row of different types");
    if (index < 0 || index >= INT32_MAX || spec.rank == PRT_MAX_RANK)
        return prt_import_fail(import, PERCEPT_MALFORMED, "has no row %lld", (long long)index);
    sizes[0] = index + 1;
    for (unsigned i = 0; i < spec.rank; i++)
        sizes[i + 1] = one_row[i + 1] = spec.sizes[i];
    enum percept_status status = PERCEPT_OK;
    if (index > 0)
        status = rows_before(import, v, index, &parts[0]);
    if (status == PERCEPT_OK)
        status = prt_import_set_sizes(import, v, spec.rank + 1u, sizes);
    if (status == PERCEPT_OK)
        status = prt_aten_as(import, row, spec.rank + 1u, one_row, &parts[index > 0]);
    if (status == PERCEPT_OK && index == 0)
        return prt_import_bind(import, v, parts[0]);
    if (status == PERCEPT_OK)
        status = prt_import_write(import, v, &y);
    if (status != PERCEPT_OK)
        return status;
    prt_aten_keep_quant(import, row, y);
    struct prt_node *node = prt_import_node(import, PRT_OP_CONCAT, y, 2, parts);
    return node ? PERCEPT_OK : PERCEPT_NO_MEMORY;
}

static const struct prt_aten_op ops[] = {
    {"executorch_prim::et_copy_index.tensor", "_QI", copy_index, 0},
};

const struct prt_aten_table prt_aten_loop = PRT_ATEN_TABLE(ops);
