/* Why: TOSA's operators that look elements up, built from the graph's lookups. */
#include "runtime/import_tosa.h"

/* Indices [N, W] as the lookups want them: of the rank of what is looked up. */
static enum percept_status as_index(struct prt_tosa_call *call, uint32_t operand, uint32_t *index)
{
    const struct prt_tensor *spec = prt_tosa_input(call, operand);
    if (spec->rank != 2 || prt_tosa_result(call)->rank != 3 || prt_tosa_input(call, 0)->rank != 3)
        return prt_import_fail(call->import, PERCEPT_MALFORMED, "looks up with %u dimensions in %u",
                               spec->rank, prt_tosa_input(call, 0)->rank);
    struct prt_tensor made =
        prt_import_like(spec, 3, (const int32_t[]){spec->sizes[0], spec->sizes[1], 1});
    enum percept_status status = prt_import_temporary(call->import, &made, index);
    return status == PERCEPT_OK ? prt_import_reshape(call->import, call->ids[operand], *index)
                                : status;
}

static enum percept_status look_up(struct prt_tosa_call *call, enum prt_op op, unsigned count,
                                   const uint32_t *inputs, struct prt_index_attrs attrs)
{
    struct prt_node *node = prt_import_node(call->import, op, call->y, count, inputs);
    if (!node)
        return PERCEPT_NO_MEMORY;
    node->attrs.index = attrs;
    return PERCEPT_OK;
}

static const struct prt_index_attrs by_row = {.from = {0, PRT_INDEXED, 2}};

/* (values [N, K, C], indices [N, W]) */
static enum percept_status gather(struct prt_tosa_call *call, int kind)
{
    (void)kind;
    uint32_t index;
    enum percept_status status = as_index(call, 1, &index);
    if (status != PERCEPT_OK)
        return status;
    return look_up(call, PRT_OP_GATHER, 2, (const uint32_t[]){call->ids[0], index}, by_row);
}

/* (values [N, K, C], indices [N, W], rows [N, W, C]) */
static enum percept_status scatter(struct prt_tosa_call *call, int kind)
{
    (void)kind;
    uint32_t index;
    enum percept_status status = as_index(call, 1, &index);
    if (status != PERCEPT_OK)
        return status;
    return look_up(call, PRT_OP_SCATTER, 3, (const uint32_t[]){call->ids[0], call->ids[2], index},
                   by_row);
}

/* A dimension the other way round. */
static enum percept_status reverse(struct prt_tosa_call *call, int kind)
{
    (void)kind;
    struct prt_import *import = call->import;
    struct prt_tensor spec = *prt_tosa_input(call, 0);
    int32_t axis, sizes[PRT_MAX_RANK];
    enum percept_status status = prt_tosa_axis(call, 0, spec.rank, &axis);
    if (status != PERCEPT_OK)
        return status;
    struct prt_index_attrs attrs = {0};
    for (uint8_t i = 0; i < spec.rank; i++) {
        attrs.from[i] = i == axis ? PRT_INDEXED : i;
        sizes[i] = i == axis ? spec.sizes[i] : 1;
    }
    int32_t *places =
        base_arena_array(&import->graph->arena, (size_t)spec.sizes[axis], sizeof *places);
    if (!places)
        return prt_import_no_memory(import);
    for (int32_t i = 0; i < spec.sizes[axis]; i++)
        places[i] = spec.sizes[axis] - 1 - i;
    spec.dtype = PRT_I32;
    struct prt_tensor index_spec = prt_import_like(&spec, spec.rank, sizes);
    uint32_t index;
    status = prt_import_constant(import, &index_spec, places, &index);
    if (status != PERCEPT_OK)
        return status;
    return look_up(call, PRT_OP_GATHER, 2, (const uint32_t[]){call->ids[0], index}, attrs);
}

/* The first greatest along a dimension, which goes. */
static enum percept_status argmax(struct prt_tosa_call *call, int kind)
{
    (void)kind;
    struct prt_import *import = call->import;
    struct prt_tensor spec = *prt_tosa_input(call, 0);
    int32_t axis;
    uint32_t place, number;
    enum percept_status status = prt_tosa_axis(call, 0, spec.rank, &axis);
    if (status != PERCEPT_OK)
        return status;
    spec.sizes[axis] = 1;
    spec.dtype = PRT_I64;
    status = prt_import_temporary(import, &spec, &place);
    if (status != PERCEPT_OK)
        return status;
    struct prt_node *node = prt_import_node(import, PRT_OP_ARGSORT, place, 1, call->ids);
    if (!node)
        return PERCEPT_NO_MEMORY;
    node->attrs.argsort = (struct prt_argsort_attrs){.axis = axis, .descending = true};
    status = prt_import_convert(import, place, prt_tosa_result(call)->dtype, &number);
    return status == PERCEPT_OK ? prt_import_reshape(import, number, call->y) : status;
}

static const struct prt_tosa_op ops[] = {
    {1, "TOSA ARGMAX", 1, argmax, 0},
    {58, "TOSA REVERSE", 1, reverse, 0},
    {62, "TOSA GATHER", 2, gather, 0},
    {63, "TOSA SCATTER", 3, scatter, 0},
};

const struct prt_tosa_table prt_tosa_index = PRT_TOSA_TABLE(ops);
