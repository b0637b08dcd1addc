/*
 * Why: a tensor of a file is where sizes, offsets and bytes meet, and where most of the known holes
 * were (docs/pte.md). Each is checked here before anything is computed from it.
 */
#include "base/checked.h"
#include "runtime/program_data.h"

#include <string.h>

enum {
    TENSOR_DTYPE,
    TENSOR_STORAGE_OFFSET,
    TENSOR_SIZES,
    TENSOR_DIM_ORDER,
    TENSOR_REQUIRES_GRAD,
    TENSOR_DATA_INDEX,
    TENSOR_ALLOCATION,
    TENSOR_LAYOUT,
    TENSOR_DYNAMISM,
    TENSOR_EXTRA,
};

enum { DYNAMISM_STATIC, DYNAMISM_BOUNDED, DYNAMISM_UNBOUNDED };
enum { COMPLEX_FLOAT = 9, COMPLEX_DOUBLE = 10 }; /* element types */
enum { LOCATION_EXTERNAL = 1 };

enum percept_status prt_parse_sizes(struct prt_parse *parse, struct prt_fb_table table,
                                    unsigned sizes_field, unsigned order_field,
                                    struct prt_tensor *spec)
{
    struct prt_fb_vector sizes = prt_fb_list(table, sizes_field, 4);
    struct prt_fb_vector order = prt_fb_list(table, order_field, 1);
    if (sizes.count > PRT_MAX_RANK)
        return prt_parse_fail(parse, PERCEPT_LIMIT, "a tensor has %u dimensions, %d are the limit",
                              sizes.count, PRT_MAX_RANK);
    if (order.present && order.count != sizes.count)
        return prt_parse_fail(parse, PERCEPT_MALFORMED,
                              "a tensor of %u dimensions has a dim order of %u", sizes.count,
                              order.count);
    spec->rank = (uint8_t)sizes.count;
    uint32_t seen = 0;
    for (uint32_t i = 0; i < sizes.count; i++) {
        spec->sizes[i] = (int32_t)prt_fb_item(sizes, i, 4);
        spec->dim_order[i] = order.present ? (uint8_t)prt_fb_item(order, i, 1) : (uint8_t)i;
        if (spec->sizes[i] < 0)
            return prt_parse_fail(parse, PERCEPT_MALFORMED, "a tensor has the size %d",
                                  spec->sizes[i]);
        if (spec->dim_order[i] >= sizes.count || seen >> spec->dim_order[i] & 1)
            return prt_parse_fail(parse, PERCEPT_MALFORMED,
                                  "a tensor's dim order is no permutation");
        seen |= 1u << spec->dim_order[i];
    }
    return PERCEPT_OK;
}

/* Bytes of a constant. wanted is what the tensor needs; the piece may be longer. */
static enum percept_status find_constant(struct prt_parse *parse, uint32_t index, size_t wanted,
                                         const uint8_t **data)
{
    struct prt_bytes piece;
    if (parse->constant_count) {
        if (index >= parse->constant_count)
            return prt_parse_fail(parse, PERCEPT_MALFORMED, "constant %u of %u", index,
                                  parse->constant_count);
        uint64_t offset = parse->constant_offsets[index];
        if (offset > parse->constants.size)
            return prt_parse_fail(parse, PERCEPT_MALFORMED, "constant %u lies outside its segment",
                                  index);
        piece = (struct prt_bytes){parse->constants.data + offset,
                                   parse->constants.size - (size_t)offset};
    } else {
        if (index >= parse->inline_constants.count)
            return prt_parse_fail(parse, PERCEPT_MALFORMED, "constant %u of %u", index,
                                  parse->inline_constants.count);
        struct prt_fb_vector bytes =
            prt_fb_list(prt_fb_item_table(parse->inline_constants, index), 0, 1);
        piece = (struct prt_bytes){parse->buffer.bytes + bytes.at, bytes.count};
    }
    if (piece.size < wanted)
        return prt_parse_fail(parse, PERCEPT_MALFORMED,
                              "constant %u has %zu bytes, its tensor needs %zu", index, piece.size,
                              wanted);
    *data = piece.data;
    return PERCEPT_OK;
}

/* Initial state of a mutable tensor: its segment, then its offset there. */
static enum percept_status find_state(struct prt_parse *parse, struct prt_fb_table extra,
                                      uint32_t index, size_t wanted, const uint8_t **data)
{
    uint64_t list = prt_fb_u64(extra, 0);
    if (list >= parse->mutable_segments.count)
        return prt_parse_fail(parse, PERCEPT_MALFORMED, "initial state in list %llu of %u",
                              (unsigned long long)list, parse->mutable_segments.count);
    struct prt_fb_table entry = prt_fb_item_table(parse->mutable_segments, (uint32_t)list);
    struct prt_fb_vector offsets = prt_fb_list(entry, 1, 8);
    uint32_t segment = prt_fb_u32(entry, 0);
    if (segment >= parse->program->segment_count || index >= offsets.count)
        return prt_parse_fail(parse, PERCEPT_MALFORMED, "initial state %u does not exist", index);
    const struct prt_bytes *bytes = &parse->program->segments[segment];
    uint64_t offset = prt_fb_item(offsets, index, 8);
    if (!base_range_inside(offset, wanted, bytes->size))
        return prt_parse_fail(parse, PERCEPT_MALFORMED, "initial state %u lies outside its segment",
                              index);
    *data = bytes->data + offset;
    return PERCEPT_OK;
}

static enum percept_status parse_allocation(struct prt_parse *parse, struct prt_fb_table allocation,
                                            struct prt_fb_vector buffer_sizes,
                                            struct prt_program_tensor *tensor)
{
    tensor->buffer = prt_fb_u32(allocation, 0);
    tensor->offset = prt_fb_u32(allocation, 1) | (uint64_t)prt_fb_u32(allocation, 2) << 32;
    /* Buffer 0 is reserved. */
    if (tensor->buffer == 0 || tensor->buffer >= buffer_sizes.count)
        return prt_parse_fail(parse, PERCEPT_MALFORMED, "a tensor lies in buffer %u of %u",
                              tensor->buffer, buffer_sizes.count);
    int64_t size = (int64_t)prt_fb_item(buffer_sizes, tensor->buffer, 8);
    if (size < 0 || !base_range_inside(tensor->offset, tensor->bytes, (uint64_t)size))
        return prt_parse_fail(
            parse, PERCEPT_MALFORMED,
            "a tensor of %zu bytes at offset %llu lies outside its buffer of %lld bytes",
            tensor->bytes, (unsigned long long)tensor->offset, (long long)size);
    tensor->planned = true;
    return PERCEPT_OK;
}

/* Data of a .ptd file, which may say what tensor it is. Without the file the key remains. */
static enum percept_status find_external(struct prt_parse *parse, const char *key, size_t length,
                                         struct prt_program_tensor *tensor)
{
    const struct prt_named_data *entry = prt_program_named_entry(parse->program, key, length);
    if (!entry)
        return PERCEPT_OK;
    const struct prt_tensor *spec = &tensor->spec;
    bool same =
        !entry->spec || (entry->spec->dtype == spec->dtype && entry->spec->rank == spec->rank);
    for (unsigned i = 0; same && entry->spec && i < spec->rank; i++)
        same = entry->spec->sizes[i] == spec->sizes[i] &&
               entry->spec->dim_order[i] == spec->dim_order[i];
    if (!same)
        return prt_parse_fail(parse, PERCEPT_MALFORMED,
                              "the weight '%.64s' is another tensor in the .ptd file", entry->key);
    if (entry->bytes.size < tensor->bytes)
        return prt_parse_fail(parse, PERCEPT_MALFORMED,
                              "the weight '%.64s' has %zu bytes, its tensor needs %zu", entry->key,
                              entry->bytes.size, tensor->bytes);
    tensor->data = entry->bytes.data;
    tensor->external = NULL;
    return PERCEPT_OK;
}

static enum percept_status parse_data(struct prt_parse *parse, struct prt_fb_table table,
                                      struct prt_program_tensor *tensor)
{
    struct prt_fb_table extra = prt_fb_child(table, TENSOR_EXTRA);
    if (prt_fb_u8(extra, 2) == LOCATION_EXTERNAL) {
        size_t length;
        const char *key = prt_fb_text(extra, 1, &length);
        tensor->external = base_arena_strndup(&parse->program->arena, key, length);
        return tensor->external ? find_external(parse, key, length, tensor)
                                : prt_parse_no_memory(parse);
    }
    uint32_t index = prt_fb_u32(table, TENSOR_DATA_INDEX);
    if (index == 0)
        return PERCEPT_OK;
    return tensor->planned ? find_state(parse, extra, index, tensor->bytes, &tensor->data)
                           : find_constant(parse, index, tensor->bytes, &tensor->data);
}

enum percept_status prt_parse_tensor(struct prt_parse *parse, struct prt_fb_table table,
                                     struct prt_fb_vector buffer_sizes,
                                     const struct prt_program_tensor **tensor)
{
    struct prt_program_tensor *parsed = base_arena_alloc(&parse->program->arena, sizeof *parsed);
    if (!parsed)
        return prt_parse_no_memory(parse);
    uint8_t dtype = prt_fb_u8(table, TENSOR_DTYPE);
    parsed->complex = dtype == COMPLEX_FLOAT || dtype == COMPLEX_DOUBLE;
    if (parsed->complex)
        dtype = dtype == COMPLEX_FLOAT ? PRT_F32 : PRT_F64;
    if (!prt_dtype_known(dtype))
        return prt_parse_fail(parse, PERCEPT_UNSUPPORTED,
                              "a tensor has the unsupported element type %u", dtype);
    parsed->spec.dtype = (enum prt_dtype)dtype;
    if (prt_fb_i32(table, TENSOR_STORAGE_OFFSET) != 0)
        return prt_parse_fail(parse, PERCEPT_UNSUPPORTED, "a tensor has a storage offset");
    uint8_t dynamism = prt_fb_u8(table, TENSOR_DYNAMISM);
    parsed->unbounded = dynamism == DYNAMISM_UNBOUNDED;
    parsed->dynamic = parsed->unbounded || dynamism == DYNAMISM_BOUNDED;
    enum percept_status status =
        prt_parse_sizes(parse, table, TENSOR_SIZES, TENSOR_DIM_ORDER, &parsed->spec);
    if (status == PERCEPT_OK && parsed->complex && parsed->spec.rank == PRT_MAX_RANK)
        return prt_parse_fail(parse, PERCEPT_LIMIT, "a tensor has %u dimensions, %d are the limit",
                              PRT_MAX_RANK + 1u, PRT_MAX_RANK);
    if (status != PERCEPT_OK)
        return status;
    if (parsed->complex) {
        unsigned last = parsed->spec.rank++;
        parsed->spec.sizes[last] = 2;
        parsed->spec.dim_order[last] = (uint8_t)last;
    }
    if (!prt_tensor_bytes(&parsed->spec, &parsed->bytes))
        return prt_parse_fail(parse, PERCEPT_MALFORMED, "a tensor's size in bytes overflows");
    struct prt_fb_table allocation = prt_fb_child(table, TENSOR_ALLOCATION);
    if (allocation.at)
        status = parse_allocation(parse, allocation, buffer_sizes, parsed);
    if (status == PERCEPT_OK)
        status = parse_data(parse, table, parsed);
    if (status == PERCEPT_OK)
        status = prt_parse_check(parse);
    if (status == PERCEPT_OK)
        *tensor = parsed;
    return status;
}
