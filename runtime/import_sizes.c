/*
 * Why: what a program states for a tensor of dynamic shape is the largest that it may be. When the
 * inputs are smaller, so are the results, and what is translated from a call begins with their
 * sizes. So each operator has a rule here that computes them from its operands, which are known.
 *
 * A rule only has to be right for calls that are: the node that is made of the call is checked
 * against its operands like any other, and a size that the program forbids is an error here.
 */
#include "runtime/import_sizes.h"

#include "runtime/import_aten.h"

#include <string.h>

enum percept_status prt_size_wrong(struct prt_import *import)
{
    return prt_import_fail(import, PERCEPT_INVALID, "has no result for operands of these sizes");
}

const struct prt_tensor *prt_size_operand(const struct prt_import *import,
                                          const struct prt_call *call, unsigned index)
{
    if (call->operands[index] != PRT_NO_VALUE)
        return prt_import_spec(import, call->operands[index]);
    const struct prt_program_value *value = &import->values[import->identity[call->args[index]]];
    return value->kind == PRT_VALUE_TENSOR ? &value->tensor->spec : NULL;
}

struct prt_sizes prt_sizes_of(const struct prt_tensor *x)
{
    struct prt_sizes sizes = {.rank = x->rank};
    for (unsigned i = 0; i < x->rank; i++)
        sizes.at[i] = x->sizes[i];
    return sizes;
}

enum percept_status prt_size_like(struct prt_import *import, const struct prt_call *call,
                                  unsigned index, struct prt_sizes *y)
{
    const struct prt_tensor *x = prt_size_operand(import, call, index);
    if (!x)
        return prt_size_wrong(import);
    *y = prt_sizes_of(x);
    return PERCEPT_OK;
}

enum percept_status prt_size_list(struct prt_import *import, const struct prt_call *call,
                                  unsigned index, uint32_t least, uint32_t most, int64_t *items,
                                  uint32_t *count)
{
    enum percept_status status = prt_call_ints(import, call, index, items, most, count);
    if (status == PERCEPT_OK && *count < least)
        status = prt_size_wrong(import);
    for (uint32_t i = 0; status == PERCEPT_OK && i < *count; i++)
        if (items[i] < 0 || items[i] > INT32_MAX)
            status = prt_size_wrong(import);
    return status;
}

enum percept_status prt_size_broadcast(struct prt_import *import, struct prt_sizes *y,
                                       const struct prt_tensor *x)
{
    if (x->rank > y->rank) {
        unsigned more = x->rank - y->rank;
        memmove(y->at + more, y->at, y->rank * sizeof *y->at);
        for (unsigned i = 0; i < more; i++)
            y->at[i] = 1;
        y->rank = x->rank;
    }
    for (unsigned i = 0; i < x->rank; i++) {
        int64_t *size = &y->at[y->rank - x->rank + i];
        if (*size != 1 && x->sizes[i] != 1 && *size != x->sizes[i])
            return prt_size_wrong(import);
        *size = *size == 1 ? x->sizes[i] : *size;
    }
    return PERCEPT_OK;
}

static bool is_in(const struct prt_aten_table *table, const char *name)
{
    for (size_t i = 0; i < table->count; i++)
        if (strcmp(table->ops[i].name, name) == 0)
            return true;
    return false;
}

/* What all tensors of the call broadcast to. */
static enum percept_status broadcast(struct prt_import *import, const struct prt_call *call,
                                     const struct prt_size_row *row, unsigned which,
                                     struct prt_sizes *y)
{
    (void)row, (void)which;
    enum percept_status status = PERCEPT_OK;
    *y = (struct prt_sizes){0};
    for (unsigned i = 0; i < call->count && status == PERCEPT_OK; i++)
        if (call->operands[i] != PRT_NO_VALUE)
            status = prt_size_broadcast(import, y, prt_import_spec(import, call->operands[i]));
    return status;
}

static const struct prt_size_row *find(const char *name)
{
    static const struct prt_size_row elementwise = {"", broadcast, 0, 0};
    const struct prt_size_row *row = prt_size_of_move(name);
    row = row ? row : prt_size_of_layer(name);
    row = row ? row : prt_size_of_data(name);
    if (row)
        return row;
    return is_in(&prt_aten_math, name) || is_in(&prt_aten_pointwise, name) ? &elementwise : NULL;
}

/* ---- the results of a call ---- */

enum percept_status prt_import_set_sizes(struct prt_import *import, uint32_t v, unsigned rank,
                                         const int64_t *sizes)
{
    v = import->identity[v];
    struct prt_program_value *value = &import->values[v];
    const struct prt_program_tensor *stated = import->method->values[v].tensor;
    if (rank != stated->spec.rank)
        return prt_import_fail(import, PERCEPT_INVALID,
                               "tensor %u has %u dimensions, the program states %u", v, rank,
                               stated->spec.rank);
    struct prt_tensor spec = stated->spec;
    for (unsigned i = 0; i < rank; i++) {
        int64_t most = stated->unbounded ? INT32_MAX : stated->spec.sizes[i];
        if (sizes[i] < 0 || sizes[i] > most)
            return prt_import_fail(import, PERCEPT_INVALID,
                                   "size %u of tensor %u is %lld, at most %lld", i, v,
                                   (long long)sizes[i], (long long)most);
        spec.sizes[i] = (int32_t)sizes[i];
    }
    if (!stated->unbounded && prt_tensor_same_sizes(&spec, &value->tensor->spec))
        return PERCEPT_OK;
    /* Where it lies in planned memory, and how much room it has there, stays as stated. */
    struct prt_program_tensor *sized =
        value->tensor == stated ? base_arena_alloc(&import->arena, sizeof *sized)
                                : (struct prt_program_tensor *)value->tensor; /* made here before */
    if (!sized)
        return prt_import_no_memory(import);
    *sized = *stated;
    sized->spec = spec;
    sized->unbounded = false;
    value->tensor = sized;
    return PERCEPT_OK;
}

bool prt_import_is_smaller(const struct prt_import *import, uint32_t v)
{
    v = import->identity[v];
    const struct prt_program_value *value = &import->values[v];
    return value->kind == PRT_VALUE_TENSOR &&
           !prt_tensor_same_sizes(&value->tensor->spec, &import->method->values[v].tensor->spec);
}

static bool takes_smaller(const struct prt_import *import, const struct prt_call *call)
{
    for (unsigned i = 0; i < call->count; i++) {
        const struct prt_program_value *value = &import->values[call->args[i]];
        if (prt_import_is_smaller(import, call->args[i]))
            return true;
        for (uint32_t j = 0; value->kind == PRT_VALUE_TENSOR_LIST && j < value->list.count; j++)
            if (value->list.ids[j] != PRT_NO_VALUE &&
                prt_import_is_smaller(import, value->list.ids[j]))
                return true;
    }
    return import->resized;
}

static enum percept_status size_result(struct prt_import *import, const struct prt_call *call,
                                       uint32_t v, unsigned which)
{
    const struct prt_program_value *value = &import->values[import->identity[v]];
    if (value->kind != PRT_VALUE_TENSOR || !value->tensor->dynamic)
        return PERCEPT_OK;
    const struct prt_size_row *row = find(call->name);
    if (!row)
        return takes_smaller(import, call)
                   ? prt_import_fail(import, PERCEPT_UNSUPPORTED,
                                     "how large its result is for smaller inputs is "
                                     "not known")
                   : PERCEPT_OK;
    struct prt_sizes sizes = {0};
    enum percept_status status = row->rule(import, call, row, which, &sizes);
    return status == PERCEPT_OK ? prt_import_set_sizes(import, v, sizes.rank, sizes.at) : status;
}

enum percept_status prt_import_size_results(struct prt_import *import, const struct prt_call *call)
{
    unsigned which = 0;
    enum percept_status status = PERCEPT_OK;
    for (unsigned i = 0; i < call->count && status == PERCEPT_OK; i++) {
        if (call->signature[i] == 'O') {
            status = size_result(import, call, call->args[i], which++);
        } else if (call->signature[i] == 'Y') {
            const struct prt_program_value *list = &import->values[call->args[i]];
            for (uint32_t j = 0; j < list->list.count && status == PERCEPT_OK; j++)
                if (list->list.ids[j] != PRT_NO_VALUE)
                    status = size_result(import, call, list->list.ids[j], j);
        }
    }
    return status;
}
