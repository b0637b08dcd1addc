/*
 * Why: a blob lowered to XNNPACK is a network like any other, written in another dialect. This file
 * reads the blob's frame and its values; import_xnnpack_nodes.c its nodes.
 *
 * XNNPACK's tensors are dense and row-major: what is [N, C, H, W] in channels-last order for
 * PyTorch is [N, H, W, C] here, so a tensor that enters or leaves is permuted when its dim order
 * says so, which costs nothing.
 */
#include "runtime/import_xnnpack.h"

#include "base/checked.h"
#include "runtime/yield.h"

#include <string.h>

enum { HEADER_BYTES = 30 };
enum { EXTERNAL_INPUT = 1, EXTERNAL_OUTPUT = 2 };
enum { GRAPH_NODES = 1, GRAPH_VALUES = 2, GRAPH_BUFFERS = 6, GRAPH_DATA = 8 };
enum { VALUE_PLAIN = 1, VALUE_QUANTISED = 2 };

enum {
    TENSOR_DATATYPE,
    TENSOR_RANK,
    TENSOR_DIMS,
    TENSOR_DATA,
    TENSOR_EXTERNAL_ID,
    TENSOR_FLAGS,
    TENSOR_ID,
    TENSOR_DYNAMIC,
};

enum { QUANT_PER_CHANNEL = 1, QUANT_PER_TENSOR, QUANT_PER_TOKEN, QUANT_PER_GROUP };

/* By XNNPACK's number. Types without one of ours are refused by name. */
static const struct {
    const char *name;
    bool supported;
    bool four_bits, rows; /* a weight of half bytes; float32 that is rounded on the way */
    enum prt_dtype dtype;
    enum prt_quant_kind quant;
} datatypes[] = {
    [1] = {"fp32", true, false, false, PRT_F32, PRT_QUANT_NONE},
    [2] = {"fp16", true, false, false, PRT_F16, PRT_QUANT_NONE},
    [3] = {"qint8", true, false, false, PRT_I8, PRT_QUANT_PER_TENSOR},
    [4] = {"quint8", true, false, false, PRT_U8, PRT_QUANT_PER_TENSOR},
    [5] = {"qint32", true, false, false, PRT_I32, PRT_QUANT_PER_TENSOR},
    [6] = {"qcint8", true, false, false, PRT_I8, PRT_QUANT_PER_CHANNEL},
    [7] = {"qcint32", true, false, false, PRT_I32, PRT_QUANT_PER_CHANNEL},
    [8] = {"qcint4", true, true, false, PRT_I8, PRT_QUANT_PER_CHANNEL},
    [9] = {"qdint8", true, false, true, PRT_F32, PRT_QUANT_NONE},
    [10] = {"qbint4", true, true, false, PRT_I8, PRT_QUANT_NONE},
    [11] = {"qpint8", true, false, true, PRT_F32, PRT_QUANT_NONE},
    [12] = {"int32", true, false, false, PRT_I32, PRT_QUANT_NONE},
    [13] = {.name = "pfp32"},
    [14] = {"bf16", true, false, false, PRT_BF16, PRT_QUANT_NONE},
};
enum { DATATYPES = sizeof datatypes / sizeof datatypes[0] };

enum percept_status prt_xnn_check(struct prt_xnn *xnn)
{
    return xnn->buffer.fault
               ? prt_import_fail(xnn->import, PERCEPT_MALFORMED, "%s", xnn->buffer.fault)
               : PERCEPT_OK;
}

enum percept_status prt_xnn_value(struct prt_xnn *xnn, uint32_t id, uint32_t *value)
{
    if (id >= xnn->value_count || xnn->values[id] == PRT_NO_VALUE)
        return prt_import_fail(xnn->import, PERCEPT_MALFORMED, "names value %u, which is not there",
                               id);
    if (xnn->scales[id] != PRT_NO_VALUE)
        return prt_import_fail(xnn->import, PERCEPT_UNSUPPORTED,
                               "takes a weight with scales by group");
    *value = xnn->values[id];
    return PERCEPT_OK;
}

/* ---- the frame ---- */

/* Header "XH00" states where the flatbuffer and the constants are; older blobs are all flatbuffer.
 */
static enum percept_status open_blob(struct prt_xnn *xnn, const struct prt_bytes *blob,
                                     struct prt_fb_table *graph)
{
    struct prt_bytes flatbuffer = *blob;
    if (blob->size >= HEADER_BYTES && memcmp(blob->data + 4, "XH00", 4) == 0) {
        uint16_t length;
        uint32_t at, size, constants_at;
        uint64_t constants_size;
        memcpy(&length, blob->data + 8, sizeof length);
        memcpy(&at, blob->data + 10, sizeof at);
        memcpy(&size, blob->data + 14, sizeof size);
        memcpy(&constants_at, blob->data + 18, sizeof constants_at);
        memcpy(&constants_size, blob->data + 22, sizeof constants_size);
        if (length < HEADER_BYTES || !base_range_inside(at, size, blob->size) ||
            !base_range_inside(constants_at, constants_size, blob->size))
            return prt_import_fail(xnn->import, PERCEPT_MALFORMED,
                                   "the header leads outside the blob");
        flatbuffer = (struct prt_bytes){blob->data + at, size};
        xnn->constants = (struct prt_bytes){blob->data + constants_at, (size_t)constants_size};
        xnn->has_header = true;
    }
    *graph = prt_fb_open(&xnn->buffer, flatbuffer.data, flatbuffer.size, NULL);
    if (flatbuffer.size < 8 || (memcmp(flatbuffer.data + 4, "XN00", 4) != 0 &&
                                memcmp(flatbuffer.data + 4, "XN01", 4) != 0))
        return prt_import_fail(xnn->import, PERCEPT_MALFORMED, "the blob is not of XNNPACK");
    xnn->constant_buffer = prt_fb_list(*graph, GRAPH_BUFFERS, 4);
    xnn->constant_data = prt_fb_list(*graph, GRAPH_DATA, 4);
    return prt_xnn_check(xnn);
}

enum percept_status prt_xnn_find_constant(struct prt_xnn *xnn, uint32_t index, size_t wanted,
                                          const void **data)
{
    struct prt_fb_vector list = xnn->has_header ? xnn->constant_data : xnn->constant_buffer;
    struct prt_bytes piece = {0};
    if (index >= list.count)
        return prt_import_fail(xnn->import, PERCEPT_MALFORMED, "constant %u of %u", index,
                               list.count);
    struct prt_fb_table entry = prt_fb_item_table(list, index);
    if (!xnn->has_header) {
        struct prt_fb_vector bytes = prt_fb_list(entry, 0, 1);
        piece = (struct prt_bytes){xnn->buffer.bytes + bytes.at, bytes.count};
    } else {
        uint64_t offset = prt_fb_u64(entry, 0), size = prt_fb_u64(entry, 1);
        size_t length;
        const char *key = prt_fb_text(entry, 2, &length);
        if (length) {
            if (!prt_program_named(xnn->import->program, key, length, &piece))
                return prt_import_fail(xnn->import, PERCEPT_UNSUPPORTED,
                                       "the weight '%.*s' is not in the file",
                                       (int)(length < 64 ? length : 64), key);
        } else if (base_range_inside(offset, size, xnn->constants.size)) {
            piece = (struct prt_bytes){xnn->constants.data + offset, (size_t)size};
        }
    }
    if (piece.size < wanted)
        return prt_import_fail(xnn->import, PERCEPT_MALFORMED,
                               "constant %u has %zu bytes, its tensor needs %zu", index, piece.size,
                               wanted);
    *data = piece.data;
    return prt_xnn_check(xnn);
}

enum percept_status prt_xnn_constant(struct prt_xnn *xnn, uint32_t index, size_t wanted,
                                     const void **data)
{
    enum percept_status status = prt_xnn_find_constant(xnn, index, wanted, data);
    return status == PERCEPT_OK
               ? prt_program_need(xnn->import->program, *data, wanted, xnn->import->error)
               : status;
}

/* ---- values ---- */

static enum percept_status parse_shape(struct prt_xnn *xnn, struct prt_fb_table tensor,
                                       struct prt_tensor *spec)
{
    struct prt_fb_vector dims = prt_fb_list(tensor, TENSOR_DIMS, 4);
    uint32_t rank = prt_fb_u32(tensor, TENSOR_RANK);
    if (dims.count != rank || rank > PRT_XNN_MAX_RANK)
        return prt_import_fail(xnn->import, PERCEPT_MALFORMED,
                               "a value has %u sizes for %u dimensions, %d are the limit",
                               dims.count, rank, PRT_XNN_MAX_RANK);
    spec->rank = (uint8_t)rank;
    for (uint32_t i = 0; i < rank; i++) {
        uint32_t size = (uint32_t)prt_fb_item(dims, i, 4);
        if (size > INT32_MAX)
            return prt_import_fail(xnn->import, PERCEPT_MALFORMED, "a value has the size %u", size);
        spec->sizes[i] = (int32_t)size;
        spec->dim_order[i] = (uint8_t)i;
    }
    return PERCEPT_OK;
}

static enum percept_status parse_channel_quant(struct prt_xnn *xnn, struct prt_fb_table table,
                                               struct prt_tensor *spec)
{
    struct prt_fb_vector inline_scales = prt_fb_list(table, 0, 4);
    uint32_t axis = prt_fb_u32(table, 1), index = prt_fb_u32(table, 2);
    uint32_t count = index ? prt_fb_u32(table, 3) : inline_scales.count;
    if (axis >= spec->rank || count != (uint32_t)spec->sizes[axis])
        return prt_import_fail(xnn->import, PERCEPT_MALFORMED,
                               "a value has %u scales along dimension %u", count, axis);
    const void *scales = xnn->buffer.bytes + inline_scales.at;
    if (index) {
        enum percept_status status =
            prt_xnn_constant(xnn, index, (size_t)count * sizeof(float), &scales);
        if (status != PERCEPT_OK)
            return status;
    }
    if ((uintptr_t)scales % sizeof(float) != 0) {
        scales = base_arena_copy(&xnn->import->graph->arena, scales, (size_t)count * sizeof(float));
        if (!scales)
            return prt_import_no_memory(xnn->import);
    }
    spec->quant = (struct prt_quant){
        .kind = PRT_QUANT_PER_CHANNEL, .axis = axis, .count = count, .scales = scales};
    return PERCEPT_OK;
}

static enum percept_status parse_quant(struct prt_xnn *xnn, struct prt_fb_table value,
                                       enum prt_quant_kind wanted, struct prt_tensor *spec)
{
    uint8_t kind = prt_fb_u8(value, 1);
    struct prt_fb_table table = prt_fb_child(value, 2);
    if (kind == QUANT_PER_TENSOR && wanted == PRT_QUANT_PER_TENSOR) {
        spec->quant = (struct prt_quant){.kind = PRT_QUANT_PER_TENSOR,
                                         .scale = prt_fb_f32(table, 0),
                                         .zero_point = prt_fb_i32(table, 1)};
        return PERCEPT_OK;
    }
    if (kind == QUANT_PER_CHANNEL && wanted == PRT_QUANT_PER_CHANNEL)
        return parse_channel_quant(xnn, table, spec);
    return prt_import_fail(xnn->import, PERCEPT_MALFORMED,
                           "a value's quantisation does not fit its type");
}

/* Float32 whose rows are rounded to 8 bits where they are computed; only layers read it. */
static enum percept_status parse_rows(struct prt_xnn *xnn, struct prt_fb_table value,
                                      struct prt_fb_table tensor, const struct prt_tensor *spec)
{
    uint32_t dims = prt_fb_u32(prt_fb_child(value, 2), 0);
    if (prt_fb_u8(value, 1) != QUANT_PER_TOKEN || prt_fb_u32(tensor, TENSOR_FLAGS) ||
        prt_fb_u32(tensor, TENSOR_DATA))
        return prt_import_fail(xnn->import, PERCEPT_MALFORMED,
                               "a value's quantisation does not fit its type");
    if (dims == 0 || dims > spec->rank)
        return prt_import_fail(xnn->import, PERCEPT_MALFORMED,
                               "a value of %u dimensions has %u for a scale", spec->rank, dims);
    xnn->rows[prt_fb_u32(tensor, TENSOR_ID)] = (uint8_t)dims;
    return PERCEPT_OK;
}

static enum percept_status parse_type(struct prt_xnn *xnn, struct prt_fb_table value, uint8_t kind,
                                      struct prt_fb_table tensor, struct prt_tensor *spec)
{
    uint16_t type = (uint16_t)prt_fb_scalar(tensor, TENSOR_DATATYPE, 2, 0);
    if (type >= DATATYPES || !datatypes[type].name)
        return prt_import_fail(xnn->import, PERCEPT_MALFORMED, "a value has the unknown type %u",
                               type);
    if (!datatypes[type].supported || prt_fb_scalar(tensor, TENSOR_DYNAMIC, 2, 0) != 0)
        return prt_import_fail(xnn->import, PERCEPT_UNSUPPORTED, "values of type %s%s",
                               datatypes[type].name,
                               datatypes[type].supported ? ", quantised dynamically," : "");
    spec->dtype = datatypes[type].dtype;
    if (kind == VALUE_QUANTISED && datatypes[type].rows)
        return parse_rows(xnn, value, tensor, spec);
    if (kind == VALUE_QUANTISED && datatypes[type].four_bits &&
        prt_fb_u8(value, 1) == QUANT_PER_GROUP && datatypes[type].quant == PRT_QUANT_NONE)
        return PERCEPT_OK;
    if ((kind == VALUE_QUANTISED) != (datatypes[type].quant != PRT_QUANT_NONE) ||
        datatypes[type].rows)
        return prt_import_fail(xnn->import, PERCEPT_MALFORMED,
                               "a value's quantisation does not fit its type");
    return kind == VALUE_QUANTISED ? parse_quant(xnn, value, datatypes[type].quant, spec)
                                   : PERCEPT_OK;
}

/* A tensor of dynamic shape may be smaller than the blob states. Its sizes, outermost first, are
 * those of the blob. */
static enum percept_status resize_external(struct prt_xnn *xnn, uint32_t v, uint32_t id,
                                           struct prt_tensor *spec)
{
    const struct prt_program_value *value =
        &xnn->import->values[xnn->import->identity[xnn->call->args[v]]];
    const struct prt_tensor *x = prt_import_spec(xnn->import, id);
    if (!value->tensor->dynamic || x->rank != spec->rank)
        return PERCEPT_OK;
    for (unsigned i = 0; i < spec->rank; i++) {
        int32_t size = x->sizes[x->dim_order[i]];
        if (size > spec->sizes[i])
            return prt_import_fail(xnn->import, PERCEPT_MALFORMED,
                                   "size %u of a value is %d, at most %d", i, size, spec->sizes[i]);
        xnn->resized |= size != spec->sizes[i];
        spec->sizes[i] = size;
    }
    return PERCEPT_OK;
}

enum percept_status prt_xnn_read_external(struct prt_xnn *xnn, uint32_t external,
                                          struct prt_tensor *spec, uint32_t *id)
{
    if (external >= xnn->call->count)
        return prt_import_fail(xnn->import, PERCEPT_MALFORMED, "argument %u of %u", external,
                               xnn->call->count);
    enum percept_status status = prt_import_read(xnn->import, xnn->call->args[external], id);
    if (status == PERCEPT_OK)
        status = resize_external(xnn, external, *id, spec);
    if (status == PERCEPT_OK && spec->quant.kind != PRT_QUANT_NONE)
        status = prt_import_codes(xnn->import, *id, &spec->quant, id);
    else if (status == PERCEPT_OK &&
             prt_import_spec(xnn->import, *id)->quant.kind != PRT_QUANT_NONE)
        status = prt_import_fail(xnn->import, PERCEPT_UNSUPPORTED,
                                 "computes with quantised codes as if they were numbers");
    return status == PERCEPT_OK ? prt_import_reinterpret(xnn->import, *id, spec, id) : status;
}

static enum percept_status define_value(struct prt_xnn *xnn, struct prt_fb_table entry)
{
    struct prt_import *import = xnn->import;
    uint8_t kind = prt_fb_u8(entry, 0);
    struct prt_fb_table value = prt_fb_child(entry, 1);
    struct prt_fb_table tensor = kind == VALUE_QUANTISED ? prt_fb_child(value, 0) : value;
    if ((kind != VALUE_PLAIN && kind != VALUE_QUANTISED) || tensor.at == 0)
        return prt_import_fail(import, PERCEPT_MALFORMED, "a value is empty or of kind %u", kind);
    uint32_t id = prt_fb_u32(tensor, TENSOR_ID), flags = prt_fb_u32(tensor, TENSOR_FLAGS);
    uint32_t constant = prt_fb_u32(tensor, TENSOR_DATA);
    if (id >= xnn->value_count || xnn->values[id] != PRT_NO_VALUE)
        return prt_import_fail(import, PERCEPT_MALFORMED, "value %u is out of range or twice", id);
    if (flags > EXTERNAL_OUTPUT || (constant && flags))
        return prt_import_fail(import, PERCEPT_MALFORMED, "value %u has the flags 0x%x", id, flags);
    struct prt_tensor spec = {0};
    enum percept_status status = parse_shape(xnn, tensor, &spec);
    if (status == PERCEPT_OK)
        status = parse_type(xnn, value, kind, tensor, &spec);
    if (status != PERCEPT_OK)
        return status;
    for (unsigned i = 0; i < spec.rank; i++)
        xnn->bounds[id][i] = spec.sizes[i];
    uint16_t type = (uint16_t)prt_fb_scalar(tensor, TENSOR_DATATYPE, 2, 0);
    if (datatypes[type].four_bits) {
        bool groups = datatypes[type].quant == PRT_QUANT_NONE;
        if (!constant)
            return prt_import_fail(import, PERCEPT_UNSUPPORTED, "a weight of 4 bits is computed");
        return prt_xnn_four_bits(xnn, id, constant, &spec,
                                 groups ? prt_fb_child(value, 2) : (struct prt_fb_table){0});
    }
    if (constant) {
        size_t bytes;
        const void *data;
        if (!prt_tensor_bytes(&spec, &bytes))
            return prt_import_fail(import, PERCEPT_MALFORMED, "a value's size in bytes overflows");
        status = prt_xnn_find_constant(xnn, constant, bytes, &data);
        return status == PERCEPT_OK
                   ? prt_import_deferrable(import, PRT_NO_VALUE, &spec, data, &xnn->values[id])
                   : status;
    }
    uint32_t external = prt_fb_u32(tensor, TENSOR_EXTERNAL_ID);
    xnn->external[id] = flags != 0;
    if (flags && external < xnn->call->count)
        xnn->stated[external] = flags == EXTERNAL_INPUT ? PRT_XNN_OPERAND : PRT_XNN_RESULT;
    if (flags == EXTERNAL_INPUT)
        return prt_xnn_read_external(xnn, external, &spec, &xnn->values[id]);
    return prt_import_temporary(import, &spec, &xnn->values[id]);
}

/* A result of dynamic shape is as large as the value that was computed for it. */
static enum percept_status size_external(struct prt_xnn *xnn, uint32_t v, uint32_t result)
{
    struct prt_import *import = xnn->import;
    const struct prt_program_tensor *tensor = import->values[import->identity[v]].tensor;
    const struct prt_tensor *y = prt_import_spec(import, result);
    int64_t sizes[PRT_MAX_RANK] = {0};
    if (!tensor->dynamic || tensor->spec.rank != y->rank)
        return PERCEPT_OK;
    for (unsigned i = 0; i < y->rank; i++)
        sizes[tensor->spec.dim_order[i]] = y->sizes[i];
    return prt_import_set_sizes(import, v, y->rank, sizes);
}

enum percept_status prt_xnn_write_external(struct prt_xnn *xnn, uint32_t external, uint32_t result)
{
    struct prt_import *import = xnn->import;
    uint32_t id;
    if (external >= xnn->call->count)
        return prt_import_fail(import, PERCEPT_MALFORMED, "argument %u of %u", external,
                               xnn->call->count);
    uint32_t v = xnn->call->args[external];
    const struct prt_program_value *target = &import->values[import->identity[v]];
    if (target->kind != PRT_VALUE_TENSOR)
        return prt_import_fail(import, PERCEPT_MALFORMED, "argument %u is not a tensor", external);
    enum percept_status status = size_external(xnn, v, result);
    if (status == PERCEPT_OK)
        status = prt_import_reinterpret(import, result, &target->tensor->spec, &id);
    return status == PERCEPT_OK ? prt_import_bind(import, v, id) : status;
}

/* Hand results to the program once all are computed. */
static enum percept_status hand_out(struct prt_xnn *xnn, struct prt_fb_table entry)
{
    struct prt_fb_table value = prt_fb_child(entry, 1);
    struct prt_fb_table tensor =
        prt_fb_u8(entry, 0) == VALUE_QUANTISED ? prt_fb_child(value, 0) : value;
    if (prt_fb_u32(tensor, TENSOR_FLAGS) != EXTERNAL_OUTPUT)
        return PERCEPT_OK;
    return prt_xnn_write_external(xnn, prt_fb_u32(tensor, TENSOR_EXTERNAL_ID),
                                  xnn->values[prt_fb_u32(tensor, TENSOR_ID)]);
}

static enum percept_status for_each(struct prt_xnn *xnn, struct prt_fb_vector list,
                                    enum percept_status (*visit)(struct prt_xnn *xnn,
                                                                 struct prt_fb_table entry))
{
    enum percept_status status = PERCEPT_OK;
    for (uint32_t i = 0; i < list.count && status == PERCEPT_OK; i++) {
        status = visit(xnn, prt_fb_item_table(list, i));
        if (status == PERCEPT_OK)
            status = prt_xnn_check(xnn);
        prt_yield_plan();
    }
    return status;
}

enum percept_status prt_import_xnnpack(struct prt_import *import,
                                       const struct prt_delegate *delegate,
                                       const struct prt_instruction *call)
{
    struct prt_xnn xnn = {.import = import, .call = call};
    struct prt_fb_table graph;
    enum percept_status status = open_blob(&xnn, &delegate->blob, &graph);
    if (status != PERCEPT_OK)
        return status;
    struct prt_fb_vector values = prt_fb_list(graph, GRAPH_VALUES, 4);
    struct prt_fb_vector nodes = prt_fb_list(graph, GRAPH_NODES, 4);
    xnn.value_count = values.count;
    xnn.values = base_arena_array(&import->arena, values.count, sizeof *xnn.values);
    xnn.scales = base_arena_array(&import->arena, values.count, sizeof *xnn.scales);
    xnn.rows = base_arena_array(&import->arena, values.count, sizeof *xnn.rows);
    xnn.bounds = base_arena_array(&import->arena, values.count, sizeof *xnn.bounds);
    xnn.external = base_arena_array(&import->arena, values.count, sizeof *xnn.external);
    xnn.stated = base_arena_array(&import->arena, call->count, sizeof *xnn.stated);
    if (!xnn.values || !xnn.scales || !xnn.rows || !xnn.bounds || !xnn.external || !xnn.stated)
        return prt_import_no_memory(import);
    memset(xnn.values, 0xff, values.count * sizeof *xnn.values);
    memset(xnn.scales, 0xff, values.count * sizeof *xnn.scales);
    memset(xnn.rows, 0, values.count);
    memset(xnn.external, 0, values.count * sizeof *xnn.external);
    memset(xnn.stated, PRT_XNN_UNSTATED, call->count);
    status = for_each(&xnn, values, define_value);
    if (status == PERCEPT_OK)
        status = prt_xnn_enter(&xnn, nodes);
    if (status == PERCEPT_OK)
        status = for_each(&xnn, nodes, prt_xnn_node);
    import->name = delegate->id;
    if (status == PERCEPT_OK)
        status = for_each(&xnn, values, hand_out);
    if (status == PERCEPT_OK)
        status = prt_xnn_leave(&xnn, nodes);
    return status;
}
