/*
 * Why: a network in int8 leaves XNNPACK where a layer is not one of its own, as a convolution of a
 * volume, and comes back behind it. There ExecuTorch 1.4.1's exporter takes the step between codes
 * and numbers for one inside the blob: it states the codes, but not that they are what the blob
 * gives back, as numbers, or what it is given. ExecuTorch's runtime refuses such a file. Which
 * value is meant can be told: codes that are converted and that no node makes are an operand, those
 * that were converted and that no node reads a result, and exactly one argument has no value. Where
 * more would fit, nothing is guessed.
 */
#include "runtime/import_xnnpack_node.h"

#include <string.h>

enum { KIND_CONVERT = 18 };

static bool is_of_codes(const struct prt_xnn *xnn, uint32_t id)
{
    if (id >= xnn->value_count || xnn->values[id] == PRT_NO_VALUE || xnn->external[id])
        return false;
    const struct prt_value *value = &xnn->import->graph->values[xnn->values[id]];
    return value->tensor.quant.kind == PRT_QUANT_PER_TENSOR && !value->flags;
}

/* Is argument `index` one that no value stands for, a tensor of numbers? */
static bool is_open(const struct prt_xnn *xnn, uint32_t index)
{
    const struct prt_import *import = xnn->import;
    const struct prt_program_value *value =
        &import->values[import->identity[xnn->call->args[index]]];
    return !xnn->stated[index] && value->kind == PRT_VALUE_TENSOR &&
           value->tensor->spec.dtype == PRT_F32;
}

/* Operands come first: an open one has no result before it, an open result no operand behind it. */
static bool find_open(const struct prt_xnn *xnn, uint8_t role, uint32_t *index)
{
    uint32_t count = xnn->call->count, at = 0, end = count;
    if (role == PRT_XNN_RESULT)
        for (uint32_t i = 0; i < count; i++)
            at = xnn->stated[i] == PRT_XNN_OPERAND ? i + 1 : at;
    else
        for (uint32_t i = count; i > 0; i--)
            end = xnn->stated[i - 1] == PRT_XNN_RESULT ? i - 1 : end;
    for (*index = at; *index < end; ++*index)
        if (is_open(xnn, *index))
            return true;
    return false;
}

static uint32_t count_open(const struct prt_xnn *xnn)
{
    uint32_t open = 0;
    for (uint32_t i = 0; i < xnn->call->count; i++)
        open += !xnn->stated[i];
    return open;
}

/* The one value of codes that an XNNConvert has in its field and that is not taken, by id; false if
 * there is none, or several. */
static bool find_converted(const struct prt_xnn *xnn, struct prt_fb_vector nodes, unsigned field,
                           const bool *taken, uint32_t *id)
{
    bool found = false;
    for (uint32_t i = 0; i < nodes.count; i++) {
        struct prt_fb_table entry = prt_fb_item_table(nodes, i);
        uint32_t candidate = prt_fb_u32(prt_fb_child(entry, 1), field);
        if (prt_fb_u8(entry, 0) != KIND_CONVERT || !is_of_codes(xnn, candidate) ||
            taken[candidate] || (found && candidate == *id))
            continue;
        if (found)
            return false;
        *id = candidate;
        found = true;
    }
    return found;
}

/* Mark what a node makes; false if that is not known of one of them. */
static bool mark_made(const struct prt_xnn *xnn, struct prt_fb_vector nodes, bool *made)
{
    for (uint32_t i = 0; i < nodes.count; i++) {
        struct prt_fb_table entry = prt_fb_item_table(nodes, i);
        unsigned field;
        if (!prt_xnn_result_field(prt_fb_u8(entry, 0), &field))
            return false;
        uint32_t id = prt_fb_u32(prt_fb_child(entry, 1), field);
        if (id < xnn->value_count)
            made[id] = true;
    }
    return true;
}

static void mark_read(const struct prt_xnn *xnn, bool *read)
{
    for (uint32_t id = 0; id < xnn->value_count; id++)
        read[id] =
            xnn->values[id] != PRT_NO_VALUE && xnn->import->graph->values[xnn->values[id]].uses > 0;
}

static struct prt_tensor numbers_of(const struct prt_tensor *codes)
{
    struct prt_tensor numbers = *codes;
    numbers.dtype = PRT_F32;
    numbers.quant = (struct prt_quant){0};
    return numbers;
}

enum percept_status prt_xnn_enter(struct prt_xnn *xnn, struct prt_fb_vector nodes)
{
    struct prt_import *import = xnn->import;
    uint32_t open = count_open(xnn), index, id, x;
    if (open == 0 || open > 2 || !find_open(xnn, PRT_XNN_OPERAND, &index))
        return PERCEPT_OK;
    bool *made = base_arena_array(&import->arena, xnn->value_count, sizeof *made);
    if (!made)
        return prt_import_no_memory(import);
    memset(made, 0, xnn->value_count * sizeof *made);
    if (!mark_made(xnn, nodes, made) || !find_converted(xnn, nodes, ONE_INPUT, made, &id))
        return PERCEPT_OK;
    struct prt_tensor codes = *prt_import_spec(import, xnn->values[id]);
    struct prt_tensor numbers = numbers_of(&codes);
    enum percept_status status = prt_xnn_read_external(xnn, index, &numbers, &x);
    if (status != PERCEPT_OK)
        return status;
    memcpy(codes.sizes, numbers.sizes, sizeof codes.sizes); /* it may be smaller than stated */
    xnn->stated[index] = PRT_XNN_OPERAND;
    status = prt_import_temporary(import, &codes, &xnn->values[id]);
    if (status == PERCEPT_OK && !prt_import_node(import, PRT_OP_QUANTIZE, xnn->values[id], 1, &x))
        status = PERCEPT_NO_MEMORY;
    return status;
}

enum percept_status prt_xnn_leave(struct prt_xnn *xnn, struct prt_fb_vector nodes)
{
    struct prt_import *import = xnn->import;
    uint32_t index, id, y;
    if (count_open(xnn) != 1 || !find_open(xnn, PRT_XNN_RESULT, &index))
        return PERCEPT_OK;
    bool *read = base_arena_array(&import->arena, xnn->value_count, sizeof *read);
    if (!read)
        return prt_import_no_memory(import);
    mark_read(xnn, read);
    if (!find_converted(xnn, nodes, ONE_OUTPUT, read, &id))
        return PERCEPT_OK;
    struct prt_tensor numbers = numbers_of(prt_import_spec(import, xnn->values[id]));
    enum percept_status status = prt_import_temporary(import, &numbers, &y);
    if (status == PERCEPT_OK && !prt_import_node(import, PRT_OP_DEQUANTIZE, y, 1, &xnn->values[id]))
        status = PERCEPT_NO_MEMORY;
    return status == PERCEPT_OK ? prt_xnn_write_external(xnn, index, y) : status;
}
