/* Why: the door of the ATen importer: finds the operator in one of the tables, checks the call,
 * translates it. */
#include "runtime/import_aten.h"

#include <string.h>

static const struct prt_aten_table *const tables[] = {
    &prt_aten_math,      &prt_aten_pointwise,      &prt_aten_reduce_table, &prt_aten_shape,
    &prt_aten_nn,        &prt_aten_norm,           &prt_aten_index,        &prt_aten_order,
    &prt_aten_arrange,   &prt_aten_window,         &prt_aten_resample,     &prt_aten_product,
    &prt_aten_normalise, &prt_aten_backward,       &prt_aten_quant,        &prt_aten_quant_run,
    &prt_aten_embedding, &prt_aten_affine,         &prt_aten_mixed,        &prt_aten_llama,
    &prt_aten_masked,    &prt_aten_loop,           &prt_aten_prim,         &prt_aten_spectrum,
    &prt_aten_cadence,   &prt_aten_cadence_layers,
};

static const struct prt_aten_op *find_in(const struct prt_aten_table *table, const char *name)
{
    for (size_t i = 0; i < table->count; i++)
        if (strcmp(table->ops[i].name, name) == 0)
            return &table->ops[i];
    return NULL;
}

const struct prt_aten_op *prt_aten_find(const char *name)
{
    const struct prt_aten_op *op = NULL;
    for (size_t t = 0; t < sizeof tables / sizeof tables[0] && !op; t++)
        op = find_in(tables[t], name);
    return op;
}

enum percept_status prt_import_aten(struct prt_import *import,
                                    const struct prt_instruction *instruction)
{
    const struct prt_aten_op **looked_up = &import->operators[instruction->index];
    if (!*looked_up)
        *looked_up = prt_aten_find(import->name);
    const struct prt_aten_op *op = *looked_up;
    if (!op)
        return prt_import_fail(import, PERCEPT_UNSUPPORTED, "the operator is not supported");
    struct prt_call call;
    enum percept_status status =
        prt_import_call(import, op->signature, instruction->args, instruction->count, &call);
    return status == PERCEPT_OK ? op->translate(import, op, &call) : status;
}
