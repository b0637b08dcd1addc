/*
 * Why: a blob lowered to Vulkan is a list of ATen calls on values of its own. This file reads the
 * blob's frame and values and makes them the values of a method inside the method, so that the
 * rows of the ATen importer translate its calls; import_vulkan_calls.c finds the row.
 *
 * Storage, layout and shared memory objects are hints to a GPU and not looked at. With force_fp16
 * the blob's tensors are halves between float32 borders: they are computed in float32 here.
 */
#include "runtime/import_vulkan.h"

#include "base/checked.h"

#include <string.h>

enum { HEADER_BYTES = 30 };
enum { GRAPH_CHAIN = 1, GRAPH_VALUES, GRAPH_INPUTS, GRAPH_OUTPUTS, GRAPH_CONSTANTS };
enum { TENSOR_TYPE, TENSOR_DIMS, TENSOR_CONSTANT, TENSOR_STAGING = 6 };
#define NAMED UINT64_MAX /* the offset of a constant that has a key */

enum {
    KIND_NULL = 1,
    KIND_INT,
    KIND_DOUBLE,
    KIND_BOOL,
    KIND_TENSOR,
    KIND_INTS,
    KIND_DOUBLES,
    KIND_BOOLS,
    KIND_VALUES,
    KIND_STRING,
    KIND_SYMBOL,
};

/* By Vulkan's number. */
static const enum prt_dtype datatypes[] = {PRT_BOOL, PRT_U8,  PRT_I8,  PRT_I32,
                                           PRT_F16,  PRT_F32, PRT_F64, PRT_I64};
enum { DATATYPES = sizeof datatypes / sizeof datatypes[0], HALF = 4, FLOAT = 5 };

struct blob {
    struct prt_import *import;
    struct prt_fb buffer;
    struct prt_fb_vector values, constants;
    struct prt_bytes data; /* constants that have no key */
    struct prt_program_value *parsed;
    uint32_t used, capacity; /* of parsed: the blob's, then the items of lists */
    bool widens;             /* force_fp16 */
    bool resized; /* an input is smaller than stated: what the blob states is an upper bound */
};

static enum percept_status check(struct blob *blob)
{
    return blob->buffer.fault
               ? prt_import_fail(blob->import, PERCEPT_MALFORMED, "%s", blob->buffer.fault)
               : PERCEPT_OK;
}

/* ---- the frame ---- */

static enum percept_status open_blob(struct blob *blob, const struct prt_bytes *bytes,
                                     struct prt_fb_table *graph)
{
    uint16_t length;
    uint32_t at, size, data_at;
    uint64_t data_size;
    if (bytes->size < HEADER_BYTES || memcmp(bytes->data + 4, "VH00", 4) != 0)
        return prt_import_fail(blob->import, PERCEPT_MALFORMED, "the blob is not of Vulkan");
    memcpy(&length, bytes->data + 8, sizeof length);
    memcpy(&at, bytes->data + 10, sizeof at);
    memcpy(&size, bytes->data + 14, sizeof size);
    memcpy(&data_at, bytes->data + 18, sizeof data_at);
    memcpy(&data_size, bytes->data + 22, sizeof data_size);
    if (length < HEADER_BYTES || !base_range_inside(at, size, bytes->size) ||
        !base_range_inside(data_at, data_size, bytes->size))
        return prt_import_fail(blob->import, PERCEPT_MALFORMED,
                               "the header leads outside the blob");
    blob->data = (struct prt_bytes){bytes->data + data_at, (size_t)data_size};
    *graph = prt_fb_open(&blob->buffer, bytes->data + at, size, "VK00");
    blob->values = prt_fb_list(*graph, GRAPH_VALUES, 4);
    blob->constants = prt_fb_list(*graph, GRAPH_CONSTANTS, 4);
    return check(blob);
}

/* Constant number index, of at least wanted bytes. */
static enum percept_status find_constant(struct blob *blob, uint32_t index, size_t wanted,
                                         const uint8_t **data)
{
    struct prt_bytes piece = {0};
    if (index >= blob->constants.count)
        return prt_import_fail(blob->import, PERCEPT_MALFORMED, "constant %u of %u", index,
                               blob->constants.count);
    struct prt_fb_table entry = prt_fb_item_table(blob->constants, index);
    uint64_t offset = prt_fb_u64(entry, 0), size = prt_fb_u64(entry, 1);
    size_t length;
    const char *key = prt_fb_text(entry, 2, &length);
    if (offset != NAMED) {
        if (base_range_inside(offset, size, blob->data.size))
            piece = (struct prt_bytes){blob->data.data + offset, (size_t)size};
    } else if (!prt_program_named(blob->import->program, key, length, &piece)) {
        return prt_import_fail(blob->import, PERCEPT_UNSUPPORTED,
                               "the weight '%.*s' is not in the file",
                               (int)(length < 64 ? length : 64), key);
    }
    if (piece.size < wanted)
        return prt_import_fail(blob->import, PERCEPT_MALFORMED,
                               "constant %u has %zu bytes, its tensor needs %zu", index, piece.size,
                               wanted);
    enum percept_status status =
        prt_program_need(blob->import->program, piece.data, wanted, blob->import->error);
    if (status != PERCEPT_OK)
        return status;
    *data = piece.data;
    return check(blob);
}

/* ---- values ---- */

static enum percept_status parse_type(struct blob *blob, struct prt_fb_table table,
                                      struct prt_tensor *spec)
{
    uint8_t type = prt_fb_u8(table, TENSOR_TYPE);
    if (type >= DATATYPES)
        return prt_import_fail(blob->import, PERCEPT_MALFORMED, "a value has the unknown type %u",
                               type);
    spec->dtype = type == HALF && blob->widens ? PRT_F32 : datatypes[type];
    struct prt_fb_vector dims = prt_fb_list(table, TENSOR_DIMS, 4);
    if (dims.count > PRT_MAX_RANK)
        return prt_import_fail(blob->import, PERCEPT_MALFORMED,
                               "a value has %u dimensions, %d are the limit", dims.count,
                               PRT_MAX_RANK);
    spec->rank = (uint8_t)dims.count;
    for (uint32_t i = 0; i < dims.count; i++) {
        uint32_t size = (uint32_t)prt_fb_item(dims, i, 4);
        if (size > INT32_MAX)
            return prt_import_fail(blob->import, PERCEPT_MALFORMED, "a value has the size %u",
                                   size);
        spec->sizes[i] = (int32_t)size;
        spec->dim_order[i] = (uint8_t)i;
    }
    return check(blob);
}

static enum percept_status parse_tensor(struct blob *blob, struct prt_fb_table table,
                                        struct prt_program_value *value)
{
    struct prt_import *import = blob->import;
    struct prt_program_tensor *tensor = base_arena_alloc(&import->arena, sizeof *tensor);
    if (!tensor)
        return prt_import_no_memory(import);
    enum percept_status status = parse_type(blob, table, &tensor->spec);
    if (status != PERCEPT_OK)
        return status;
    if (!prt_tensor_bytes(&tensor->spec, &tensor->bytes))
        return prt_import_fail(import, PERCEPT_MALFORMED, "a value's size in bytes overflows");
    value->kind = PRT_VALUE_TENSOR;
    value->tensor = tensor;
    tensor->dynamic = blob->resized; /* the blob states the largest sizes, and no more */
    /* An absent field is 0: a constant. */
    int32_t constant = prt_fb_i32(table, TENSOR_CONSTANT);
    if (constant < 0)
        return PERCEPT_OK;
    tensor->dynamic = false;
    size_t stored = tensor->bytes;
    if (blob->widens && prt_fb_u8(table, TENSOR_TYPE) == HALF)
        stored /= 2;
    return find_constant(blob, (uint32_t)constant, stored, &tensor->data);
}

/* A list of integers: each item becomes a value. */
static enum percept_status parse_ints(struct blob *blob, struct prt_fb_table table,
                                      struct prt_program_value *value)
{
    struct prt_fb_vector items = prt_fb_list(table, 0, 8);
    if (items.count > blob->capacity - blob->used)
        return prt_import_fail(blob->import, PERCEPT_MALFORMED, "a list changes its length");
    uint32_t *ids = base_arena_array(&blob->import->arena, items.count, sizeof *ids);
    if (!ids)
        return prt_import_no_memory(blob->import);
    for (uint32_t i = 0; i < items.count; i++) {
        ids[i] = blob->used++;
        blob->parsed[ids[i]] = (struct prt_program_value){.kind = PRT_VALUE_INT,
                                                          .i = (int64_t)prt_fb_item(items, i, 8)};
    }
    value->kind = PRT_VALUE_INT_LIST;
    value->list.count = items.count;
    value->list.ids = ids;
    return PERCEPT_OK;
}

static enum percept_status parse_doubles(struct blob *blob, struct prt_fb_table table,
                                         struct prt_program_value *value)
{
    struct prt_fb_vector items = prt_fb_list(table, 0, 8);
    double *doubles = base_arena_array(&blob->import->arena, items.count, sizeof *doubles);
    if (!doubles)
        return prt_import_no_memory(blob->import);
    for (uint32_t i = 0; i < items.count; i++) {
        uint64_t bits = prt_fb_item(items, i, 8);
        memcpy(&doubles[i], &bits, sizeof bits);
    }
    value->kind = PRT_VALUE_DOUBLE_LIST;
    value->list.count = items.count;
    value->list.doubles = doubles;
    return PERCEPT_OK;
}

static enum percept_status parse_bools(struct blob *blob, struct prt_fb_table table,
                                       struct prt_program_value *value)
{
    struct prt_fb_vector items = prt_fb_list(table, 0, 1);
    bool *bools = base_arena_array(&blob->import->arena, items.count, sizeof *bools);
    if (!bools)
        return prt_import_no_memory(blob->import);
    for (uint32_t i = 0; i < items.count; i++)
        bools[i] = prt_fb_item(items, i, 1) != 0;
    value->kind = PRT_VALUE_BOOL_LIST;
    value->list.count = items.count;
    value->list.bools = bools;
    return PERCEPT_OK;
}

/* A list of other values: what kind of list, their kinds tell, which settle_lists looks at. */
static enum percept_status parse_list(struct blob *blob, struct prt_fb_table table,
                                      struct prt_program_value *value)
{
    struct prt_fb_vector items = prt_fb_list(table, 0, 4);
    uint32_t *ids = base_arena_array(&blob->import->arena, items.count, sizeof *ids);
    if (!ids)
        return prt_import_no_memory(blob->import);
    for (uint32_t i = 0; i < items.count; i++) {
        ids[i] = (uint32_t)prt_fb_item(items, i, 4);
        if (ids[i] >= blob->values.count)
            return prt_import_fail(blob->import, PERCEPT_MALFORMED,
                                   "names value %u, which is not there", ids[i]);
    }
    value->kind = PRT_VALUE_TENSOR_LIST;
    value->list.count = items.count;
    value->list.ids = ids;
    return PERCEPT_OK;
}

static enum percept_status parse_text(struct blob *blob, struct prt_fb_table table,
                                      struct prt_program_value *value)
{
    size_t length;
    const char *text = prt_fb_text(table, 0, &length);
    char *copy = base_arena_array(&blob->import->arena, length + 1, 1);
    if (!copy)
        return prt_import_no_memory(blob->import);
    memcpy(copy, text, length);
    copy[length] = '\0';
    value->kind = PRT_VALUE_STRING;
    value->string.text = copy;
    value->string.length = length;
    return PERCEPT_OK;
}

static enum percept_status parse_value(struct blob *blob, uint32_t index)
{
    struct prt_fb_table entry = prt_fb_item_table(blob->values, index);
    struct prt_fb_table table = prt_fb_child(entry, 1);
    struct prt_program_value *value = &blob->parsed[index];
    switch (prt_fb_u8(entry, 0)) {
    case KIND_NULL:
        return PERCEPT_OK;
    case KIND_INT:
        *value = (struct prt_program_value){.kind = PRT_VALUE_INT, .i = prt_fb_i64(table, 0)};
        return PERCEPT_OK;
    case KIND_SYMBOL:
        *value = (struct prt_program_value){.kind = PRT_VALUE_INT, .i = prt_fb_i32(table, 0)};
        return PERCEPT_OK;
    case KIND_BOOL:
        *value = (struct prt_program_value){.kind = PRT_VALUE_BOOL, .b = prt_fb_bool(table, 0)};
        return PERCEPT_OK;
    case KIND_DOUBLE:
        *value = (struct prt_program_value){.kind = PRT_VALUE_DOUBLE, .d = prt_fb_f64(table, 0)};
        return PERCEPT_OK;
    case KIND_TENSOR:
        return parse_tensor(blob, table, value);
    case KIND_INTS:
        return parse_ints(blob, table, value);
    case KIND_DOUBLES:
        return parse_doubles(blob, table, value);
    case KIND_BOOLS:
        return parse_bools(blob, table, value);
    case KIND_VALUES:
        return parse_list(blob, table, value);
    case KIND_STRING:
        return parse_text(blob, table, value);
    default:
        return prt_import_fail(blob->import, PERCEPT_MALFORMED, "value %u is of no known kind",
                               index);
    }
}

/* How many values the blob's lists of integers add, and whether halves stand for floats. */
static enum percept_status survey(struct blob *blob, size_t *items)
{
    *items = 0;
    for (uint32_t i = 0; i < blob->values.count; i++) {
        struct prt_fb_table entry = prt_fb_item_table(blob->values, i);
        struct prt_fb_table table = prt_fb_child(entry, 1);
        uint8_t kind = prt_fb_u8(entry, 0);
        if (kind == KIND_INTS)
            *items += prt_fb_list(table, 0, 8).count;
        else if (kind == KIND_TENSOR && prt_fb_u8(table, TENSOR_TYPE) == HALF &&
                 prt_fb_u8(table, TENSOR_STAGING) == FLOAT)
            blob->widens = true;
    }
    return check(blob);
}

/* What a list holds, its items tell: numbers, or tensors and None. */
static void settle_lists(struct blob *blob)
{
    for (uint32_t i = 0; i < blob->values.count; i++) {
        struct prt_program_value *value = &blob->parsed[i];
        if (value->kind != PRT_VALUE_TENSOR_LIST)
            continue;
        uint32_t numbers = 0;
        uint32_t *ids = (uint32_t *)value->list.ids; /* from our arena */
        for (uint32_t j = 0; j < value->list.count; j++) {
            enum prt_value_kind kind = blob->parsed[ids[j]].kind;
            numbers += kind == PRT_VALUE_INT || kind == PRT_VALUE_BOOL || kind == PRT_VALUE_DOUBLE;
            if (kind == PRT_VALUE_NONE)
                ids[j] = PRT_NO_VALUE;
        }
        if (numbers && numbers == value->list.count)
            value->kind = PRT_VALUE_INT_LIST;
    }
}

static enum percept_status parse_values(struct blob *blob)
{
    size_t items, total;
    enum percept_status status = survey(blob, &items);
    if (status != PERCEPT_OK)
        return status;
    if (!base_add_size(items, (size_t)blob->values.count + PRT_VULKAN_SPARE, &total) ||
        total > INT32_MAX)
        return prt_import_no_memory(blob->import);
    blob->parsed = base_arena_array(&blob->import->arena, total, sizeof *blob->parsed);
    if (!blob->parsed)
        return prt_import_no_memory(blob->import);
    blob->used = blob->values.count;
    blob->capacity = (uint32_t)total - PRT_VULKAN_SPARE;
    for (uint32_t i = 0; i < blob->values.count && status == PERCEPT_OK; i++) {
        status = parse_value(blob, i);
        if (status == PERCEPT_OK)
            status = check(blob);
    }
    settle_lists(blob);
    return status;
}

/* Constants that are stored as halves and used as floats. */
static enum percept_status widen_constants(struct blob *blob)
{
    struct prt_import *import = blob->import;
    enum percept_status status = PERCEPT_OK;
    for (uint32_t v = 0; v < blob->values.count && blob->widens && status == PERCEPT_OK; v++) {
        struct prt_fb_table table = prt_fb_child(prt_fb_item_table(blob->values, v), 1);
        if (blob->parsed[v].kind != PRT_VALUE_TENSOR || prt_fb_u8(table, TENSOR_TYPE) != HALF ||
            !blob->parsed[v].tensor->data)
            continue;
        struct prt_program_tensor *tensor = (struct prt_program_tensor *)blob->parsed[v].tensor;
        struct prt_tensor stored = tensor->spec;
        uint32_t id;
        stored.dtype = PRT_F16;
        status = prt_import_constant(import, &stored, tensor->data, &id);
        tensor->data = NULL; /* from here on a value like any other */
        if (status == PERCEPT_OK)
            status = prt_import_convert(import, id, PRT_F32, &id);
        if (status == PERCEPT_OK)
            status = prt_import_bind(import, v, id);
    }
    return status;
}

/* ---- the borders ---- */

/* x with the element type, sizes and layout of a tensor on the other side. */
static enum percept_status carry(struct prt_import *import, uint32_t x,
                                 const struct prt_tensor *wanted, bool lay_out, uint32_t *id)
{
    enum percept_status status = prt_import_convert(import, x, wanted->dtype, id);
    if (status != PERCEPT_OK)
        return status;
    struct prt_tensor spec = *prt_import_spec(import, *id);
    if (spec.quant.kind != PRT_QUANT_NONE && wanted->dtype != PRT_I8)
        return prt_import_fail(import, PERCEPT_UNSUPPORTED,
                               "computes with quantised codes as if they were numbers");
    if (prt_tensor_elements(&spec) != prt_tensor_elements(wanted))
        return prt_import_fail(import, PERCEPT_MALFORMED,
                               "takes a tensor for one of another type or size");
    bool same = prt_tensor_same_sizes(&spec, wanted);
    if (same && (!lay_out || prt_tensor_same_layout(&spec, wanted)))
        return PERCEPT_OK;
    struct prt_tensor made = same ? *wanted : prt_import_like(&spec, wanted->rank, wanted->sizes);
    made.quant = spec.quant;
    uint32_t y;
    status = prt_import_temporary(import, &made, &y);
    if (status == PERCEPT_OK && !same)
        status = prt_import_reshape(import, *id, y);
    else if (status == PERCEPT_OK && !prt_import_node(import, PRT_OP_LAYOUT, y, 1, id))
        status = PERCEPT_NO_MEMORY;
    if (status != PERCEPT_OK)
        return status;
    *id = y;
    return same || !lay_out ? PERCEPT_OK : carry(import, y, wanted, true, id);
}

/* What one of the blob's inputs is outside. */
struct handed_in {
    uint32_t id;                     /* a tensor of the graph, or */
    struct prt_program_value number; /* a number */
};

static enum percept_status read_argument(struct prt_import *import, uint32_t v,
                                         struct handed_in *input)
{
    if (import->values[v].kind == PRT_VALUE_TENSOR)
        return prt_import_read(import, v, &input->id);
    input->id = PRT_NO_VALUE;
    input->number = import->values[v];
    return PERCEPT_OK;
}

static enum percept_status define_input(struct blob *blob, uint32_t v,
                                        const struct handed_in *input)
{
    struct prt_import *import = blob->import;
    struct prt_program_value *value = v < blob->values.count ? &blob->parsed[v] : NULL;
    if (!value)
        return prt_import_fail(import, PERCEPT_MALFORMED, "names value %u, which is not there", v);
    if (input->id == PRT_NO_VALUE && value->kind == PRT_VALUE_INT &&
        input->number.kind == PRT_VALUE_INT) {
        value->i = input->number.i;
        return PERCEPT_OK;
    }
    if (value->kind != PRT_VALUE_TENSOR && input->id != PRT_NO_VALUE)
        return prt_import_fail(import, PERCEPT_UNSUPPORTED,
                               "takes a size from a tensor, which is not supported");
    if (value->kind != PRT_VALUE_TENSOR || input->id == PRT_NO_VALUE)
        return prt_import_fail(import, PERCEPT_MALFORMED, "takes value %u for another kind", v);
    struct prt_program_tensor *tensor = (struct prt_program_tensor *)value->tensor;
    if (tensor->data)
        return prt_import_fail(import, PERCEPT_MALFORMED, "input %u is a constant", v);
    const struct prt_tensor *outside = prt_import_spec(import, input->id);
    for (unsigned i = 0; i < tensor->spec.rank && outside->rank == tensor->spec.rank; i++)
        if (tensor->dynamic && outside->sizes[i] < tensor->spec.sizes[i])
            tensor->spec.sizes[i] = outside->sizes[i];
    uint32_t id;
    enum percept_status status = carry(import, input->id, &tensor->spec, false, &id);
    if (status != PERCEPT_OK)
        return status;
    /* The tensor inside takes the layout of the one outside: its elements need not move. */
    const struct prt_tensor *spec = prt_import_spec(import, id);
    memcpy(tensor->spec.dim_order, spec->dim_order, sizeof tensor->spec.dim_order);
    return prt_import_bind(import, v, id);
}

static enum percept_status write_output(const struct blob *blob, uint32_t v, uint32_t id)
{
    struct prt_import *import = blob->import;
    const struct prt_program_value *target = &import->values[import->identity[v]];
    if (target->kind != PRT_VALUE_TENSOR)
        return prt_import_fail(import, PERCEPT_MALFORMED, "value %u is written but no tensor", v);
    const struct prt_tensor *spec = prt_import_spec(import, id);
    int64_t sizes[PRT_MAX_RANK];
    for (unsigned i = 0; i < spec->rank; i++)
        sizes[i] = spec->sizes[i];
    enum percept_status status = PERCEPT_OK;
    if (blob->resized && target->tensor->dynamic)
        status = prt_import_set_sizes(import, v, spec->rank, sizes);
    if (status == PERCEPT_OK)
        status = carry(import, id, &target->tensor->spec, true, &id);
    return status == PERCEPT_OK ? prt_import_bind(import, v, id) : status;
}

/* ---- a method inside the method ---- */

/* The chain's calls, with import's values being the blob's; then what the outputs hold. */
static enum percept_status run_chain(struct blob *blob, struct prt_fb_table graph,
                                     const struct handed_in *inputs, uint32_t *results)
{
    struct prt_import *import = blob->import;
    struct prt_fb_vector input_ids = prt_fb_list(graph, GRAPH_INPUTS, 4);
    struct prt_fb_vector output_ids = prt_fb_list(graph, GRAPH_OUTPUTS, 4);
    struct prt_fb_vector chain = prt_fb_list(graph, GRAPH_CHAIN, 4);
    enum percept_status status = widen_constants(blob);
    for (uint32_t i = 0; i < input_ids.count && status == PERCEPT_OK; i++)
        status = define_input(blob, (uint32_t)prt_fb_item(input_ids, i, 4), &inputs[i]);
    const char *name = import->name;
    for (uint32_t i = 0; i < chain.count && status == PERCEPT_OK; i++) {
        struct prt_fb_table call = prt_fb_item_table(chain, i);
        status = check(blob);
        if (status == PERCEPT_OK)
            status = prt_vulkan_call(import, call, blob->capacity);
        if (status == PERCEPT_OK)
            status = check(blob);
    }
    if (status == PERCEPT_OK)
        import->name = name;
    for (uint32_t i = 0; i < output_ids.count && status == PERCEPT_OK; i++) {
        uint32_t v = (uint32_t)prt_fb_item(output_ids, i, 4);
        status = v < blob->values.count ? prt_import_read(import, v, &results[i])
                                        : prt_import_fail(import, PERCEPT_MALFORMED,
                                                          "names value %u, which is not there", v);
    }
    return status == PERCEPT_OK ? check(blob) : status;
}

/* Let the blob's values stand in for the method's while its chain is imported. */
static enum percept_status import_inside(struct blob *blob, struct prt_fb_table graph,
                                         const struct handed_in *inputs, uint32_t *results)
{
    struct prt_import *import = blob->import, outside = *import;
    struct prt_method method = {.name = outside.method->name,
                                .values = blob->parsed,
                                .value_count = blob->capacity + PRT_VULKAN_SPARE};
    import->method = &method;
    enum percept_status status = prt_import_begin(import);
    if (status == PERCEPT_OK) {
        blob->parsed = import->values;
        status = run_chain(blob, graph, inputs, results);
    }
    import->method = outside.method;
    import->values = outside.values;
    import->identity = outside.identity;
    import->constants = outside.constants;
    import->memory = outside.memory;
    import->operators = outside.operators;
    import->weights = outside.weights;
    return status;
}

enum percept_status prt_import_vulkan(struct prt_import *import,
                                      const struct prt_delegate *delegate,
                                      const struct prt_instruction *call)
{
    struct blob blob = {.import = import, .resized = import->resized};
    for (uint32_t i = 0; i < call->count; i++)
        blob.resized |= prt_import_is_smaller(import, call->args[i]);
    struct prt_fb_table graph;
    enum percept_status status = open_blob(&blob, &delegate->blob, &graph);
    if (status == PERCEPT_OK)
        status = parse_values(&blob);
    if (status != PERCEPT_OK)
        return status;
    uint32_t inputs = prt_fb_list(graph, GRAPH_INPUTS, 4).count;
    uint32_t outputs = prt_fb_list(graph, GRAPH_OUTPUTS, 4).count;
    if (inputs > call->count || outputs != call->count - inputs)
        return prt_import_fail(import, PERCEPT_MALFORMED,
                               "has %u arguments for %u inputs and %u outputs", call->count, inputs,
                               outputs);
    struct handed_in *handed = base_arena_array(&import->arena, inputs, sizeof *handed);
    uint32_t *results = base_arena_array(&import->arena, outputs, sizeof *results);
    if (!handed || !results)
        return prt_import_no_memory(import);
    for (uint32_t i = 0; i < inputs && status == PERCEPT_OK; i++)
        status = read_argument(import, call->args[i], &handed[i]);
    if (status == PERCEPT_OK)
        status = import_inside(&blob, graph, handed, results);
    for (uint32_t i = 0; i < outputs && status == PERCEPT_OK; i++)
        status = write_output(&blob, call->args[inputs + i], results[i]);
    return status;
}
