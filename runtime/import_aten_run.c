/*
 * Why: a position in a cache is a number that only a run knows. Sizes do not depend on it, so what
 * it moves is a look-up: a slice from such a place on is a GATHER.
 */
#include "runtime/import_aten.h"

static const struct prt_program_value *number_of(const struct prt_import *import,
                                                 const struct prt_call *call, unsigned index)
{
    return &import->values[call->args[index]];
}

bool prt_call_is_at_run(const struct prt_import *import, const struct prt_call *call,
                        unsigned index)
{
    return number_of(import, call, index)->kind == PRT_VALUE_AT_RUN;
}

static enum percept_status unknown(struct prt_import *import)
{
    return prt_import_fail(import, PERCEPT_UNSUPPORTED,
                           "takes a number that is computed from the data of a run");
}

enum percept_status prt_aten_place(struct prt_import *import, const struct prt_call *call,
                                   unsigned index, uint32_t *id)
{
    const struct prt_program_value *number = number_of(import, call, index);
    if (number->kind != PRT_VALUE_AT_RUN)
        return prt_import_int(import, number->i, id);
    return number->run.offset               ? prt_aten_places(import, call, index, 1, 1, 1, 0, id)
           : number->run.id == PRT_NO_VALUE ? unknown(import)
                                            : (*id = number->run.id, PERCEPT_OK);
}

/* offset, offset + step, ... as a constant */
static enum percept_status constant_places(struct prt_import *import, int64_t offset, int32_t count,
                                           int64_t step, unsigned rank, int32_t axis, uint32_t *id)
{
    struct prt_tensor spec = {.dtype = PRT_I64, .rank = (uint8_t)rank};
    for (unsigned i = 0; i < rank; i++) {
        spec.dim_order[i] = (uint8_t)i;
        spec.sizes[i] = (int32_t)i == axis ? count : 1;
    }
    int64_t *list = base_arena_array(&import->graph->arena, (size_t)count, sizeof *list);
    if (!list)
        return prt_import_no_memory(import);
    /* An overflow wraps around, and is then outside of any tensor that has places. */
    for (int32_t i = 0; i < count; i++)
        list[i] = (int64_t)((uint64_t)offset + (uint64_t)i * (uint64_t)step);
    return prt_import_constant(import, &spec, list, id);
}

enum percept_status prt_aten_places(struct prt_import *import, const struct prt_call *call,
                                    unsigned index, int32_t count, int64_t step, unsigned rank,
                                    int32_t axis, uint32_t *id)
{
    const struct prt_program_value number = *number_of(import, call, index);
    int32_t ones[PRT_MAX_RANK];
    for (unsigned i = 0; i < rank; i++)
        ones[i] = 1;
    bool at_run = number.kind == PRT_VALUE_AT_RUN;
    if (at_run && number.run.id == PRT_NO_VALUE)
        return unknown(import);
    uint32_t from, list;
    enum percept_status status = constant_places(import, at_run ? number.run.offset : number.i,
                                                 count, step, rank, axis, &list);
    if (status != PERCEPT_OK || !at_run) {
        *id = list;
        return status;
    }
    const struct prt_tensor spec = *prt_import_spec(import, list);
    status = prt_aten_as(import, number.run.id, rank, ones, &from);
    if (status == PERCEPT_OK)
        status = prt_import_temporary(import, &spec, id);
    return status == PERCEPT_OK ? prt_aten_binary(import, PRT_BINARY_ADD, from, list, 1, *id)
                                : status;
}

/* Are both as far from the same number, so that it is known how many there are? */
static bool counts(const struct prt_import *import, const struct prt_call *call, int64_t *length)
{
    const struct prt_program_value *start = number_of(import, call, 2),
                                   *end = number_of(import, call, 3);
    return start->kind == PRT_VALUE_AT_RUN && end->kind == PRT_VALUE_AT_RUN &&
           start->run.id != PRT_NO_VALUE && start->run.id == end->run.id &&
           !__builtin_sub_overflow(end->run.offset, start->run.offset, length);
}

enum percept_status prt_aten_slice_bounds(struct prt_import *import, const struct prt_call *call,
                                          int32_t axis, int64_t most)
{
    int64_t length;
    if (counts(import, call, &length))
        return PERCEPT_OK;
    const struct prt_program_value *y = &import->method->values[import->identity[call->args[5]]];
    if (y->kind == PRT_VALUE_TENSOR && !y->tensor->unbounded &&
        (unsigned)axis < y->tensor->spec.rank && y->tensor->spec.sizes[axis] < most)
        most = y->tensor->spec.sizes[axis];
    enum percept_status status = prt_import_settle(import, call->args[2], 0);
    return status == PERCEPT_OK ? prt_import_settle(import, call->args[3], most) : status;
}

enum percept_status prt_aten_slice_count(struct prt_import *import, const struct prt_call *call,
                                         int64_t *count)
{
    int64_t step = prt_call_int(import, call, 4, 1), length;
    if (!counts(import, call, &length) || step < 1 || length < 0)
        return prt_import_fail(import, PERCEPT_MALFORMED, "takes a part that does not exist");
    *count = length / step + (length % step != 0);
    return PERCEPT_OK;
}

enum percept_status prt_aten_slice_at_run(struct prt_import *import, const struct prt_call *call,
                                          int32_t axis)
{
    uint32_t x = call->operands[0], y = prt_call_output(call), places;
    const struct prt_tensor *result = prt_import_spec(import, y);
    unsigned rank = prt_import_spec(import, x)->rank;
    int32_t size = result->rank == rank ? result->sizes[axis] : -1;
    int64_t count;
    enum percept_status status = prt_aten_slice_count(import, call, &count);
    if (status == PERCEPT_OK && count != size)
        status = prt_import_fail(import, PERCEPT_MALFORMED, "has a result of another size");
    if (status == PERCEPT_OK)
        status = prt_aten_places(import, call, 2, size, prt_call_int(import, call, 4, 1), rank,
                                 axis, &places);
    if (status != PERCEPT_OK)
        return status;
    struct prt_index_attrs attrs = prt_aten_index_straight();
    attrs.from[axis] = PRT_INDEXED;
    return prt_aten_gather(import, x, 1, &places, &attrs, y);
}
