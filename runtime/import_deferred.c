/*
 * Why: most of a file is weights of convolutions and products, which only backends look at, once.
 * Here the import finds out which of a program's constants are no more than that, so that they stay
 * in the file until then.
 *
 * Only operators of this table, whose translators do not read what is in the argument, may defer a
 * constant that a method names.
 */
#include "runtime/deferred.h"
#include "runtime/import.h"

#include <string.h>

static const struct {
    const char *name;
    uint32_t argument;
} weights[] = {
    {"aten::convolution.out", 1},
    {"aten::linear.out", 1},
    {"aten::addmm.out", 2},
    {"aten::mm.out", 1},
    {"aten::bmm.out", 1},
    {"aten::permute_copy.out", 0},
    {"aten::transpose_copy.int_out", 0},
    {"aten::t_copy.out", 0},
    {"aten::view_copy.out", 0},
    {"aten::expand_copy.out", 0},
    {"dim_order_ops::_clone_dim_order.out", 0},
    {"aten::embedding.out", 0},
    {"quantized_decomposed::embedding_byte.out", 0},
    {"quantized_decomposed::embedding_byte.dtype_out", 0},
    {"quantized_decomposed::embedding_4bit.out", 0},
    {"quantized_decomposed::embedding_4bit.dtype_out", 0},
    {"quantized_decomposed::embedding_2bit.out", 0},
    {"quantized_decomposed::embedding_2bit.dtype_out", 0},
    {"quantized_decomposed::dequantize_per_tensor.out", 0},
    {"quantized_decomposed::dequantize_per_channel.out", 0},
};

enum { READ_AS_WEIGHT = 1, READ_OTHERWISE = 2 };

/* The argument of an operator that is a weight; count when it has none. */
static uint32_t weight_of(const char *operator, uint32_t count)
{
    for (unsigned i = 0; i < sizeof weights / sizeof *weights; i++)
        if (strcmp(operator, weights[i].name) == 0)
            return weights[i].argument;
    return count;
}

static void note_instruction(struct prt_import *import, const struct prt_instruction *instruction,
                             const uint32_t *argument_of)
{
    uint32_t weight = instruction->kind == PRT_INSTRUCTION_KERNEL ? argument_of[instruction->index]
                                                                  : instruction->count;
    bool is_call = instruction->kind == PRT_INSTRUCTION_KERNEL ||
                   instruction->kind == PRT_INSTRUCTION_DELEGATE;
    uint32_t count = is_call                                     ? instruction->count
                     : instruction->kind == PRT_INSTRUCTION_MOVE ? 2
                                                                 : 0;
    for (uint32_t i = 0; i < count; i++)
        import->weights[instruction->args[i]] |= i == weight ? READ_AS_WEIGHT : READ_OTHERWISE;
}

/* By value of the method, how it is read. False without memory. */
static bool find_weights(struct prt_import *import)
{
    const struct prt_method *method = import->method;
    import->weights = base_arena_alloc(&import->arena, (size_t)method->value_count + 1);
    uint32_t *argument_of =
        base_arena_array(&import->arena, (size_t)method->operator_count + 1, sizeof *argument_of);
    if (!import->weights || !argument_of)
        return false;
    memset(import->weights, 0, method->value_count);
    for (uint32_t i = 0; i < method->operator_count; i++)
        argument_of[i] = weight_of(method->operators[i], UINT32_MAX);
    for (uint32_t i = 0; i < method->instruction_count; i++)
        note_instruction(import, &method->instructions[i], argument_of);
    for (uint32_t v = 0; v < method->value_count; v++) {
        const struct prt_program_value *value = &method->values[v];
        for (uint32_t i = 0; value->kind == PRT_VALUE_TENSOR_LIST && i < value->list.count; i++)
            if (value->list.ids[i] != PRT_NO_VALUE)
                import->weights[value->list.ids[i]] |= READ_OTHERWISE;
    }
    for (uint32_t i = 0; i < method->output_count; i++)
        import->weights[method->outputs[i]] |= READ_OTHERWISE;
    return true;
}

static bool is_large(const struct prt_import *import, size_t bytes)
{
    return import->defers && prt_deferred_any() && bytes >= PRT_DEFERRED_LEAST;
}

enum percept_status prt_import_deferrable(struct prt_import *import, uint32_t v,
                                          const struct prt_tensor *spec, const void *data,
                                          uint32_t *id)
{
    size_t bytes;
    if (!prt_tensor_bytes(spec, &bytes))
        return prt_import_fail(import, PERCEPT_MALFORMED, "a tensor's size in bytes overflows");
    bool large = is_large(import, bytes) && (uintptr_t)data % prt_dtype_size(spec->dtype) == 0;
    if (large && v != PRT_NO_VALUE && !import->weights && !find_weights(import))
        return prt_import_no_memory(import);
    bool deferred = large && (v == PRT_NO_VALUE || import->weights[v] == READ_AS_WEIGHT) &&
                    prt_program_lacks(import->program, data, bytes);
    enum percept_status status = PERCEPT_OK;
    if (!deferred)
        status = prt_program_need(import->program, data, bytes, import->error);
    if (status == PERCEPT_OK)
        status = prt_import_constant(import, spec, data, id);
    if (status == PERCEPT_OK && deferred)
        import->graph->values[*id].flags |= PRT_FLAG_DEFERRED;
    return status;
}

/* Rows of half bytes, each beginning with a byte of its own. */
static enum percept_status spread(struct prt_import *import, const struct prt_tensor *spec,
                                  size_t rows, size_t columns, const uint8_t *data, uint32_t *id)
{
    enum { ZERO = 8 };
    size_t stride = columns / 2 + columns % 2;
    enum percept_status status =
        prt_program_need(import->program, data, rows * stride, import->error);
    if (status != PERCEPT_OK)
        return status;
    int8_t *codes = base_arena_array(&import->graph->arena, rows ? rows : 1, columns);
    if (!codes)
        return prt_import_no_memory(import);
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < columns; c++) {
            uint8_t pair = data[r * stride + c / 2];
            codes[r * columns + c] = (int8_t)((c % 2 ? pair >> 4 : pair & 15) - ZERO);
        }
    return prt_import_constant(import, spec, codes, id);
}

enum percept_status prt_import_half_bytes(struct prt_import *import, const struct prt_tensor *spec,
                                          const void *data, uint32_t *id)
{
    size_t bytes;
    if (spec->rank == 0 || !prt_tensor_bytes(spec, &bytes))
        return prt_import_fail(import, PERCEPT_MALFORMED, "a value's size in bytes overflows");
    size_t columns = (size_t)spec->sizes[spec->rank - 1], rows = columns ? bytes / columns : 0;
    if (!is_large(import, bytes) || columns % 2 ||
        !prt_program_lacks(import->program, data, bytes / 2))
        return spread(import, spec, rows, columns, data, id);
    enum percept_status status = prt_import_constant(import, spec, data, id);
    if (status == PERCEPT_OK)
        import->graph->values[*id].flags |= PRT_FLAGS_DEFERRED;
    return status;
}

enum percept_status prt_import_data(struct prt_import *import, uint32_t id, const void **data)
{
    enum percept_status status = prt_deferred_fetch(import->graph, id, import->error);
    *data = import->graph->values[id].data;
    return status;
}
