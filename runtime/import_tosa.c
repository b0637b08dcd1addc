/*
 * Why: a TOSA graph, which is what Arm's exporters hand to an NPU, is a network like any other.
 * This file reads the frame, the tensors and the borders; import_tosa_*.c the operators.
 *
 * Integers in TOSA are just integers: what a scale or a zero point does to them is spelled out by
 * operators. So the codes of a quantised tensor lose their meaning where they enter (CODES), and
 * have it again where they leave.
 */
#include "runtime/import_tosa.h"

#include "base/checked.h"

#include <stdlib.h>
#include <string.h>

enum { GRAPH_REGIONS = 1, REGION_BLOCKS = 1 };
enum { BLOCK_OPERATORS = 1, BLOCK_TENSORS, BLOCK_INPUTS, BLOCK_OUTPUTS, BLOCK_SHAPES };
enum { TENSOR_NAME, TENSOR_SHAPE, TENSOR_TYPE, TENSOR_DATA, TENSOR_VARIABLE, TENSOR_UNRANKED };
enum { TENSOR_OFFSET = 7 };
enum { OP_NUMBER, OP_ATTRIBUTE_KIND, OP_ATTRIBUTE, OP_INPUTS, OP_OUTPUTS };
enum { NAME_LIMIT = 1024 }; /* or comparing names would take the file's size each */
enum { TYPE_INT4 = 2, TYPE_INT48 = 6 };

/* By TOSA's number. What is narrower or wider than ours has the next type that holds it. */
static const struct {
    const char *name;
    bool supported;
    enum prt_dtype dtype;
    unsigned bits;
} types[] = {
    {.name = "unknown"},
    {"bool", true, PRT_BOOL, 8},
    {"int4", true, PRT_I8, 4},
    {"int8", true, PRT_I8, 8},
    {"int16", true, PRT_I16, 16},
    {"int32", true, PRT_I32, 32},
    {"int48", true, PRT_I64, 48},
    {"fp32", true, PRT_F32, 32},
    {"fp16", true, PRT_F16, 16},
    {"bf16", true, PRT_BF16, 16},
    {.name = "shape"},
    {.name = "fp8e4m3"},
    {.name = "fp8e5m2"},
    {.name = "fp6e2m3"},
    {.name = "fp6e3m2"},
    {.name = "fp4e2m1"},
    {.name = "fp8ue8m0"},
    {"int64", true, PRT_I64, 64},
    {.name = "mxint8"},
};
enum { TYPES = sizeof types / sizeof types[0] };

enum percept_status prt_tosa_check(struct prt_tosa *tosa)
{
    return tosa->buffer.fault
               ? prt_import_fail(tosa->import, PERCEPT_MALFORMED, "%s", tosa->buffer.fault)
               : PERCEPT_OK;
}

/* ---- names ---- */

static int compare(const void *a, const void *b)
{
    const struct prt_tosa_value *p = a, *q = b;
    if (p->length != q->length)
        return p->length < q->length ? -1 : 1;
    return memcmp(p->name, q->name, p->length);
}

static enum percept_status find(struct prt_tosa *tosa, struct prt_fb_vector names, uint32_t index,
                                struct prt_tosa_value **value)
{
    struct prt_tosa_value wanted = {0};
    wanted.name = prt_fb_item_text(names, index, &wanted.length);
    *value =
        tosa->count ? bsearch(&wanted, tosa->values, tosa->count, sizeof wanted, compare) : NULL;
    if (tosa->buffer.fault)
        return prt_tosa_check(tosa);
    if (!*value)
        return prt_import_fail(tosa->import, PERCEPT_MALFORMED, "names '%.*s', which is not there",
                               (int)(wanted.length < 64 ? wanted.length : 64), wanted.name);
    return PERCEPT_OK;
}

/* ---- tensors ---- */

static enum percept_status parse_tensor(struct prt_tosa *tosa, struct prt_fb_table table,
                                        struct prt_tosa_value *value)
{
    struct prt_import *import = tosa->import;
    uint32_t type = prt_fb_u32(table, TENSOR_TYPE);
    if (type >= TYPES)
        return prt_import_fail(import, PERCEPT_MALFORMED, "a tensor has the unknown type %u", type);
    if (!types[type].supported)
        return prt_import_fail(import, PERCEPT_UNSUPPORTED, "tensors of type %s", types[type].name);
    if (prt_fb_bool(table, TENSOR_VARIABLE) || prt_fb_bool(table, TENSOR_UNRANKED))
        return prt_import_fail(import, PERCEPT_UNSUPPORTED,
                               "variables and tensors without a rank are not supported");
    if (prt_fb_u64(table, TENSOR_OFFSET) > 1)
        return prt_import_fail(import, PERCEPT_UNSUPPORTED, "data outside of the blob");
    struct prt_fb_vector shape = prt_fb_list(table, TENSOR_SHAPE, 4);
    if (shape.count > PRT_MAX_RANK)
        return prt_import_fail(import, PERCEPT_MALFORMED,
                               "a tensor has %u dimensions, %d are the limit", shape.count,
                               PRT_MAX_RANK);
    value->type = type;
    value->spec.dtype = types[type].dtype;
    value->spec.rank = (uint8_t)shape.count;
    for (uint32_t i = 0; i < shape.count; i++) {
        int32_t size = (int32_t)(uint32_t)prt_fb_item(shape, i, 4);
        if (size < 0)
            return prt_import_fail(import, PERCEPT_UNSUPPORTED, "a tensor has the size %d", size);
        value->spec.sizes[i] = size;
        value->spec.dim_order[i] = (uint8_t)i;
    }
    size_t bytes;
    if (!prt_tensor_bytes(&value->spec, &bytes))
        return prt_import_fail(import, PERCEPT_MALFORMED, "a tensor's size in bytes overflows");
    struct prt_fb_vector data = prt_fb_list(table, TENSOR_DATA, 1);
    value->data = (struct prt_bytes){tosa->buffer.bytes + data.at, data.count};
    size_t elements = prt_tensor_elements(&value->spec);
    size_t stored =
        types[type].bits == 4 ? elements / 2 + elements % 2 : elements * (types[type].bits / 8);
    if (data.count && data.count < stored)
        return prt_import_fail(import, PERCEPT_MALFORMED,
                               "a constant has %u bytes, its tensor needs %zu", data.count, stored);
    return prt_tosa_check(tosa);
}

/* Codes of 4 bits, two a byte, the low one first; numbers of 48 bits. */
static void *unpack(struct prt_tosa *tosa, const struct prt_tosa_value *value)
{
    size_t elements = prt_tensor_elements(&value->spec);
    bool nibbles = value->type == TYPE_INT4;
    int8_t *narrow =
        base_arena_array(&tosa->import->graph->arena, elements, nibbles ? 1 : sizeof(int64_t));
    int64_t *wide = (int64_t *)(void *)narrow;
    for (size_t i = 0; i < elements && narrow; i++) {
        if (nibbles) {
            narrow[i] =
                (int8_t)((int8_t)(uint8_t)(value->data.data[i / 2] << (i % 2 ? 0 : 4)) >> 4);
        } else {
            uint64_t bits = 0;
            memcpy(&bits, value->data.data + 6 * i, 6);
            wide[i] = (int64_t)(bits << 16) >> 16;
        }
    }
    return narrow;
}

/* A tensor that holds data is a constant, whether or not an operator CONST says so. */
static enum percept_status define(struct prt_tosa *tosa, struct prt_tosa_value *value)
{
    if (value->data.size == 0 || value->is_shape)
        return PERCEPT_OK;
    const void *data = value->data.data;
    if (value->type == TYPE_INT4 || value->type == TYPE_INT48)
        data = unpack(tosa, value);
    if (!data)
        return prt_import_no_memory(tosa->import);
    return prt_import_constant(tosa->import, &value->spec, data, &value->id);
}

static enum percept_status parse_value(struct prt_tosa *tosa, struct prt_fb_table table,
                                       bool is_shape, struct prt_tosa_value *value)
{
    *value = (struct prt_tosa_value){.is_shape = is_shape, .id = PRT_NO_VALUE};
    value->name = prt_fb_text(table, TENSOR_NAME, &value->length);
    if (value->length > NAME_LIMIT)
        return prt_import_fail(tosa->import, PERCEPT_LIMIT, "a name of %zu bytes", value->length);
    if (!is_shape)
        return parse_tensor(tosa, table, value);
    struct prt_fb_vector data = prt_fb_list(table, 2, 1);
    value->data = (struct prt_bytes){tosa->buffer.bytes + data.at, data.count};
    if (data.count / sizeof(int64_t) < prt_fb_u32(table, 1))
        return prt_import_fail(tosa->import, PERCEPT_MALFORMED,
                               "a shape has %u bytes for %u numbers", data.count,
                               prt_fb_u32(table, 1));
    return prt_tosa_check(tosa);
}

static enum percept_status parse_values(struct prt_tosa *tosa, struct prt_fb_table block)
{
    struct prt_fb_vector tensors = prt_fb_list(block, BLOCK_TENSORS, 4);
    struct prt_fb_vector shapes = prt_fb_list(block, BLOCK_SHAPES, 4);
    size_t count;
    if (!base_add_size(tensors.count, shapes.count, &count) || count > INT32_MAX)
        return prt_import_no_memory(tosa->import);
    tosa->values = base_arena_array(&tosa->import->arena, count, sizeof *tosa->values);
    if (!tosa->values)
        return prt_import_no_memory(tosa->import);
    enum percept_status status = prt_tosa_check(tosa);
    for (uint32_t i = 0; i < tensors.count && status == PERCEPT_OK; i++)
        status =
            parse_value(tosa, prt_fb_item_table(tensors, i), false, &tosa->values[tosa->count++]);
    for (uint32_t i = 0; i < shapes.count && status == PERCEPT_OK; i++)
        status =
            parse_value(tosa, prt_fb_item_table(shapes, i), true, &tosa->values[tosa->count++]);
    if (status != PERCEPT_OK)
        return status;
    qsort(tosa->values, tosa->count, sizeof *tosa->values, compare);
    for (uint32_t i = 0; i < tosa->count && status == PERCEPT_OK; i++) {
        if (i > 0 && compare(&tosa->values[i - 1], &tosa->values[i]) == 0)
            return prt_import_fail(tosa->import, PERCEPT_MALFORMED,
                                   "the name '%.*s' is there twice",
                                   (int)(tosa->values[i].length < 64 ? tosa->values[i].length : 64),
                                   tosa->values[i].name);
        status = define(tosa, &tosa->values[i]);
    }
    return status;
}

/* ---- operands ---- */

const struct prt_tensor *prt_tosa_input(const struct prt_tosa_call *call, uint32_t index)
{
    return prt_import_spec(call->import, call->ids[index]);
}

const struct prt_tensor *prt_tosa_result(const struct prt_tosa_call *call)
{
    return prt_import_spec(call->import, call->y);
}

static double number_at(const struct prt_tosa_value *value, size_t i)
{
    const uint8_t *at = value->data.data + i * (value->is_shape ? 8 : types[value->type].bits / 8);
    int64_t whole = 0;
    float real;
    if (value->type == 7 && !value->is_shape) {
        memcpy(&real, at, sizeof real);
        return (double)real;
    }
    unsigned bits = value->is_shape ? 64 : types[value->type].bits;
    memcpy(&whole, at, bits / 8);
    return (double)((int64_t)((uint64_t)whole << (64 - bits)) >> (64 - bits));
}

enum percept_status prt_tosa_numbers(struct prt_tosa_call *call, uint32_t index, double *numbers,
                                     uint32_t capacity, uint32_t *count)
{
    const struct prt_tosa_value *value = call->inputs[index];
    size_t elements = value->is_shape ? value->data.size / 8 : prt_tensor_elements(&value->spec);
    bool known = value->is_shape || value->data.size;
    if (!known)
        return prt_import_fail(call->import, PERCEPT_UNSUPPORTED,
                               "operand %u is computed, but must be a constant", index);
    if (!value->is_shape && (value->type == 8 || value->type == 9 || value->type == TYPE_INT4))
        return prt_import_fail(call->import, PERCEPT_UNSUPPORTED, "operand %u is of type %s", index,
                               types[value->type].name);
    if (elements > capacity)
        return prt_import_fail(call->import, PERCEPT_MALFORMED,
                               "operand %u has %zu numbers, %u are the limit", index, elements,
                               capacity);
    for (size_t i = 0; i < elements; i++)
        numbers[i] = number_at(value, i);
    *count = (uint32_t)elements;
    return PERCEPT_OK;
}

enum percept_status prt_tosa_ints(struct prt_tosa_call *call, uint32_t index, int64_t *ints,
                                  uint32_t capacity, uint32_t *count)
{
    double numbers[2 * PRT_MAX_RANK];
    uint32_t limit = capacity < 2 * PRT_MAX_RANK ? capacity : 2 * PRT_MAX_RANK;
    enum percept_status status = prt_tosa_numbers(call, index, numbers, limit, count);
    for (uint32_t i = 0; status == PERCEPT_OK && i < *count; i++) {
        if (!(numbers[i] >= -0x1p52 && numbers[i] <= 0x1p52))
            return prt_import_fail(call->import, PERCEPT_MALFORMED, "operand %u is out of range",
                                   index);
        ints[i] = (int64_t)numbers[i];
    }
    return status;
}

enum percept_status prt_tosa_zero(struct prt_tosa_call *call, uint32_t index, int32_t *zero)
{
    int64_t number = 0;
    uint32_t count = 0;
    enum percept_status status = prt_tosa_ints(call, index, &number, 1, &count);
    if (status != PERCEPT_OK)
        return status;
    if (count != 1 || number < INT16_MIN || number > UINT16_MAX)
        return prt_import_fail(call->import, PERCEPT_MALFORMED, "operand %u is no zero point",
                               index);
    *zero = (int32_t)number;
    return PERCEPT_OK;
}

enum percept_status prt_tosa_list(struct prt_tosa_call *call, unsigned field, int32_t *items,
                                  uint32_t count)
{
    struct prt_fb_vector list = prt_fb_list(call->attributes, field, 4);
    if (list.count != count)
        return prt_import_fail(call->import, PERCEPT_MALFORMED, "a list has %u items instead of %u",
                               list.count, count);
    for (uint32_t i = 0; i < count; i++)
        items[i] = (int32_t)(uint32_t)prt_fb_item(list, i, 4);
    return prt_tosa_check(call->tosa);
}

enum percept_status prt_tosa_axis(struct prt_tosa_call *call, unsigned field, unsigned rank,
                                  int32_t *axis)
{
    int32_t given = prt_fb_i32(call->attributes, field);
    if (given < 0)
        return prt_import_fail(call->import, PERCEPT_MALFORMED, "dimension %d", given);
    return prt_import_axis(call->import, given, rank, axis);
}

/* ---- operators ---- */

static const struct prt_tosa_table *const tables[] = {
    &prt_tosa_simple, &prt_tosa_windows, &prt_tosa_index, &prt_tosa_integer, &prt_tosa_volume};

/* What is refused by name; what has no name here, by its number. */
static const char *const refused[] = {
    [69] = "TOSA CUSTOM",
    [70] = "TOSA COND_IF",
    [71] = "TOSA WHILE_LOOP",
    [72] = "TOSA VARIABLE",
    [73] = "TOSA VARIABLE_WRITE",
    [74] = "TOSA VARIABLE_READ",
    [76] = "TOSA MATMUL_T_BLOCK_SCALED",
    [77] = "TOSA CAST_FROM_BLOCK_SCALED",
    [78] = "TOSA CAST_TO_BLOCK_SCALED",
};

static const struct prt_tosa_op *find_op(uint32_t number)
{
    for (size_t t = 0; t < sizeof tables / sizeof tables[0]; t++)
        for (size_t i = 0; i < tables[t]->count; i++)
            if (tables[t]->ops[i].number == number)
                return &tables[t]->ops[i];
    return NULL;
}

/* Operators with operands that may be shapes, and which: a bit set. All others are tensors. */
static uint32_t shapes_of(uint32_t number)
{
    enum { PAD = 56, RESHAPE = 57, SLICE = 59, TILE = 60, RESIZE = 64 };
    static const struct {
        uint32_t number, shapes;
    } with_shapes[] = {{PAD, 2}, {RESHAPE, 2}, {SLICE, 2 | 4}, {TILE, 2}, {RESIZE, 2 | 4 | 8}};
    for (size_t i = 0; i < sizeof with_shapes / sizeof with_shapes[0]; i++)
        if (with_shapes[i].number == number)
            return with_shapes[i].shapes;
    return 0;
}

static enum percept_status read_inputs(struct prt_tosa *tosa, struct prt_fb_vector names,
                                       uint32_t shapes, struct prt_tosa_call *call)
{
    uint32_t *ids = base_arena_array(&tosa->import->arena, names.count, sizeof *ids);
    call->inputs = base_arena_array(&tosa->import->arena, names.count, sizeof(void *));
    if (!ids || !call->inputs)
        return prt_import_no_memory(tosa->import);
    for (uint32_t i = 0; i < names.count; i++) {
        enum percept_status status = find(tosa, names, i, &call->inputs[i]);
        if (status != PERCEPT_OK)
            return status;
        ids[i] = call->inputs[i]->id;
        if (call->inputs[i]->is_shape && (i >= 32 || !(shapes >> i & 1)))
            return prt_import_fail(tosa->import, PERCEPT_MALFORMED,
                                   "operand %u is a shape instead of a tensor", i);
        if (ids[i] == PRT_NO_VALUE && !call->inputs[i]->is_shape)
            return prt_import_fail(tosa->import, PERCEPT_MALFORMED,
                                   "operand %u is used before it is computed", i);
    }
    call->ids = ids;
    call->count = names.count;
    return PERCEPT_OK;
}

enum percept_status prt_tosa_operator(struct prt_tosa *tosa, struct prt_fb_table table)
{
    struct prt_import *import = tosa->import;
    uint32_t number = prt_fb_u32(table, OP_NUMBER);
    const struct prt_tosa_op *op = find_op(number);
    import->name = tosa->name;
    if (!op && number < sizeof refused / sizeof refused[0] && refused[number])
        import->name = refused[number];
    if (!op)
        return prt_import_fail(import, PERCEPT_UNSUPPORTED, "operator %u is not supported", number);
    import->name = op->name;
    if (!op->translate)
        return PERCEPT_OK; /* a constant: its tensor has the data */
    struct prt_fb_vector inputs = prt_fb_list(table, OP_INPUTS, 4);
    struct prt_fb_vector outputs = prt_fb_list(table, OP_OUTPUTS, 4);
    /* A pool of floats or a product may leave its zero points or its shift out. */
    if ((op->inputs != PRT_TOSA_ANY && inputs.count != op->inputs) || inputs.count == 0 ||
        outputs.count != 1)
        return prt_import_fail(import, PERCEPT_MALFORMED,
                               "has %u operands and %u results instead of %u and 1", inputs.count,
                               outputs.count, op->inputs);
    struct prt_tosa_call call = {.tosa = tosa, .import = import};
    call.attributes = prt_fb_child(table, OP_ATTRIBUTE);
    struct prt_tosa_value *result;
    enum percept_status status = read_inputs(tosa, inputs, shapes_of(number), &call);
    if (status == PERCEPT_OK)
        status = find(tosa, outputs, 0, &result);
    if (status != PERCEPT_OK)
        return status;
    if (result->is_shape || result->id != PRT_NO_VALUE)
        return prt_import_fail(import, PERCEPT_MALFORMED, "computes what is there already");
    status = prt_import_temporary(import, &result->spec, &call.y);
    if (status == PERCEPT_OK)
        status = op->translate(&call, op->kind);
    if (status == PERCEPT_OK)
        status = prt_tosa_check(tosa);
    result->id = call.y;
    return status;
}

/* ---- the borders ---- */

/* x's bytes as codes of another meaning: x, or after CODES. */
static enum percept_status recode(struct prt_import *import, uint32_t x,
                                  const struct prt_quant *quant, uint32_t *id)
{
    struct prt_tensor spec = *prt_import_spec(import, x);
    *id = x;
    if (spec.quant.kind == PRT_QUANT_NONE && quant->kind == PRT_QUANT_NONE)
        return PERCEPT_OK;
    spec.quant = *quant;
    enum percept_status status = prt_import_temporary(import, &spec, id);
    if (status != PERCEPT_OK)
        return status;
    return prt_import_node(import, PRT_OP_CODES, *id, 1, &x) ? PERCEPT_OK : PERCEPT_NO_MEMORY;
}

static enum percept_status read_input(struct prt_tosa *tosa, uint32_t v,
                                      struct prt_tosa_value *value)
{
    struct prt_import *import = tosa->import;
    uint32_t id;
    if (value->is_shape || value->id != PRT_NO_VALUE)
        return prt_import_fail(import, PERCEPT_MALFORMED, "an input is a constant or there twice");
    enum percept_status status = prt_import_read(import, v, &id);
    if (status == PERCEPT_OK)
        status = recode(import, id, &(struct prt_quant){0}, &id);
    if (status == PERCEPT_OK && prt_import_spec(import, id)->dtype == PRT_I64)
        status = prt_import_convert(import, id, value->spec.dtype, &id);
    return status == PERCEPT_OK ? prt_import_reinterpret(import, id, &value->spec, &value->id)
                                : status;
}

static enum percept_status write_output(struct prt_tosa *tosa, uint32_t v,
                                        const struct prt_tosa_value *value)
{
    struct prt_import *import = tosa->import;
    const struct prt_program_value *target = &import->values[import->identity[v]];
    if (target->kind != PRT_VALUE_TENSOR)
        return prt_import_fail(import, PERCEPT_MALFORMED, "value %u is written but no tensor", v);
    if (value->is_shape || value->id == PRT_NO_VALUE)
        return prt_import_fail(import, PERCEPT_MALFORMED, "an output is never computed");
    uint32_t id = value->id;
    enum percept_status status = PERCEPT_OK;
    if (target->tensor->spec.dtype == PRT_I64)
        status = prt_import_convert(import, id, PRT_I64, &id);
    if (status == PERCEPT_OK)
        status = prt_import_reinterpret(import, id, &target->tensor->spec, &id);
    return status == PERCEPT_OK ? prt_import_bind(import, v, id) : status;
}

static enum percept_status cross(struct prt_tosa *tosa, struct prt_fb_vector names,
                                 const uint32_t *args, bool in)
{
    enum percept_status status = PERCEPT_OK;
    for (uint32_t i = 0; i < names.count && status == PERCEPT_OK; i++) {
        struct prt_tosa_value *value;
        status = find(tosa, names, i, &value);
        if (status == PERCEPT_OK)
            status = in ? read_input(tosa, args[i], value) : write_output(tosa, args[i], value);
    }
    return status;
}

static enum percept_status only_item(struct prt_tosa *tosa, struct prt_fb_table table,
                                     unsigned field, struct prt_fb_table *item)
{
    struct prt_fb_vector list = prt_fb_list(table, field, 4);
    if (tosa->buffer.fault)
        return prt_tosa_check(tosa);
    if (list.count != 1)
        return prt_import_fail(tosa->import, PERCEPT_UNSUPPORTED,
                               "has %u regions or blocks: control flow is not supported",
                               list.count);
    *item = prt_fb_item_table(list, 0);
    return prt_tosa_check(tosa);
}

enum percept_status prt_import_tosa(struct prt_import *import, const struct prt_delegate *delegate,
                                    const struct prt_instruction *call)
{
    struct prt_tosa tosa = {.import = import, .name = import->name};
    struct prt_fb_table graph =
        prt_fb_open(&tosa.buffer, delegate->blob.data, delegate->blob.size, "TOSA");
    struct prt_fb_table region, block;
    enum percept_status status = only_item(&tosa, graph, GRAPH_REGIONS, &region);
    if (status == PERCEPT_OK)
        status = only_item(&tosa, region, REGION_BLOCKS, &block);
    if (status == PERCEPT_OK)
        status = parse_values(&tosa, block);
    if (status != PERCEPT_OK)
        return status;
    struct prt_fb_vector inputs = prt_fb_list(block, BLOCK_INPUTS, 4);
    struct prt_fb_vector outputs = prt_fb_list(block, BLOCK_OUTPUTS, 4);
    struct prt_fb_vector operators = prt_fb_list(block, BLOCK_OPERATORS, 4);
    if (inputs.count > call->count || outputs.count != call->count - inputs.count)
        return prt_import_fail(import, PERCEPT_MALFORMED,
                               "has %u arguments for %u inputs and %u outputs", call->count,
                               inputs.count, outputs.count);
    status = cross(&tosa, inputs, call->args, true);
    for (uint32_t i = 0; i < operators.count && status == PERCEPT_OK; i++) {
        status = prt_tosa_check(&tosa);
        if (status == PERCEPT_OK)
            status = prt_tosa_operator(&tosa, prt_fb_item_table(operators, i));
    }
    if (status != PERCEPT_OK)
        return status;
    import->name = tosa.name;
    return cross(&tosa, outputs, call->args + inputs.count, false);
}
