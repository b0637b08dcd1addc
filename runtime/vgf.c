/* Why: see vgf.h. Nothing of a file reaches a driver but what was checked here. */
#include "runtime/vgf.h"

#include "base/checked.h"
#include "runtime/flatbuffer.h"

#include <stdlib.h>
#include <string.h>

enum { HEADER_BYTES = 128, MAJOR = 0, MINOR = 4 };
enum { MODULES_AT = 16, SEQUENCE_AT = 32, RESOURCES_AT = 48, CONSTANTS_AT = 64 }; /* places */
enum { CONSTANTS_HEAD = 16, CONSTANT_RECORD = 24 };
enum { ARENA_BYTES_PER_BYTE = 64, ARENA_BYTES_MIN = 1 << 16 };

#define NO_INDEX UINT32_MAX

/* Fields, in the order of the schema. */
enum { MODULE_TYPE, MODULE_NAME, MODULE_ENTRY, MODULE_CODE_TYPE, MODULE_CODE };
enum {
    RESOURCE_DESCRIPTOR,
    RESOURCE_FORMAT,
    RESOURCE_CATEGORY,
    RESOURCE_DESCRIPTION,
    RESOURCE_CONFIG_TYPE,
    RESOURCE_CONFIG,
    RESOURCE_ALIAS
};
enum { DESCRIPTION_SHAPE, DESCRIPTION_STRIDES };
enum { SET_BINDINGS, SET_INDEX };
enum { SLOT_BINDING, SLOT_RESOURCE };
enum {
    SEGMENT_TYPE,
    SEGMENT_NAME,
    SEGMENT_MODULE,
    SEGMENT_SETS,
    SEGMENT_INPUTS,
    SEGMENT_OUTPUTS,
    SEGMENT_CONSTANTS
};
enum { SEQUENCE_SEGMENTS, SEQUENCE_INPUTS, SEQUENCE_OUTPUTS };
enum { TYPE_GRAPH = 1, CODE_SPIRV = 1 };
enum { DESCRIPTOR_TENSOR = 1000460000 };                        /* VK_DESCRIPTOR_TYPE_TENSOR_ARM */
enum { OP_GRAPH_CONSTANT = 4181, OP_GRAPH_ENTRY_POINT = 4182 }; /* SPV_ARM_graph */
enum { SPIRV_MAGIC = 0x07230203, SPIRV_HEAD = 5 };

/* VkFormats of one number. */
static const struct {
    uint32_t format;
    enum prt_dtype dtype;
} formats[] = {
    {13, PRT_U8},   {14, PRT_I8},           {74, PRT_U16},          {75, PRT_I16},  {76, PRT_F16},
    {98, PRT_U32},  {99, PRT_I32},          {100, PRT_F32},         {110, PRT_U64}, {111, PRT_I64},
    {112, PRT_F64}, {1000460000, PRT_BOOL}, {1000460001, PRT_BF16},
};

struct reader {
    struct prt_vgf *vgf;
    const uint8_t *bytes;
    size_t size;
    struct percept_error *error;
};

#define fail(reader, status, ...) percept_fail((reader)->error, status, "VGF: " __VA_ARGS__)

static enum percept_status no_memory(struct reader *reader)
{
    return fail(reader, PERCEPT_NO_MEMORY, "memory is short, or the file asks for too much");
}

static uint64_t load(const uint8_t *at, unsigned bytes)
{
    uint64_t value = 0;
    memcpy(&value, at, bytes);
    return value;
}

/* ---- sections ---- */

static enum percept_status find_section(struct reader *reader, unsigned place, const char *name,
                                        const uint8_t **bytes, size_t *size)
{
    uint64_t offset = load(reader->bytes + place, 8), length = load(reader->bytes + place + 8, 8);
    if (!base_range_inside(offset, length, reader->size))
        return fail(reader, PERCEPT_MALFORMED, "the section of %s ends outside of the file", name);
    *bytes = reader->bytes + offset;
    *size = (size_t)length;
    return PERCEPT_OK;
}

static enum percept_status open_table(struct reader *reader, unsigned place, const char *name,
                                      struct prt_fb *buffer, struct prt_fb_table *root)
{
    const uint8_t *bytes;
    size_t size;
    enum percept_status status = find_section(reader, place, name, &bytes, &size);
    if (status == PERCEPT_OK)
        *root = prt_fb_open(buffer, bytes, size, NULL);
    return status;
}

static enum percept_status check_table(struct reader *reader, const char *name,
                                       const struct prt_fb *buffer)
{
    return buffer->fault ? fail(reader, PERCEPT_MALFORMED, "%s: %s", name, buffer->fault)
                         : PERCEPT_OK;
}

static enum percept_status check_header(struct reader *reader)
{
    if (reader->size < HEADER_BYTES || memcmp(reader->bytes, "VGF1", 4) != 0)
        return fail(reader, PERCEPT_MALFORMED, "this is no VGF file");
    unsigned major = reader->bytes[8], minor = reader->bytes[9];
    if (major != MAJOR || minor != MINOR)
        return fail(reader, PERCEPT_VERSION, "the file is of version %u.%u, we read %d.%d", major,
                    minor, MAJOR, MINOR);
    return PERCEPT_OK;
}

/* ---- modules ---- */

/* Instructions follow each other up to the end; what they say is for the driver. */
static bool is_spirv(const uint32_t *words, uint32_t count)
{
    if (count < SPIRV_HEAD || words[0] != SPIRV_MAGIC)
        return false;
    for (uint32_t at = SPIRV_HEAD; at < count;) {
        uint32_t length = words[at] >> 16;
        if (length == 0 || length > count - at)
            return false;
        at += length;
    }
    return true;
}

static enum percept_status read_module(struct reader *reader, struct prt_fb_table table,
                                       uint32_t index, struct prt_vgf_module *module)
{
    size_t length;
    if (prt_fb_u8(table, MODULE_TYPE) != TYPE_GRAPH)
        return fail(reader, PERCEPT_UNSUPPORTED, "module %u is a compute shader, not a graph",
                    index);
    if (prt_fb_u8(table, MODULE_CODE_TYPE) != CODE_SPIRV)
        return fail(reader, PERCEPT_UNSUPPORTED, "module %u has no SPIR-V", index);
    const char *entry = prt_fb_text(table, MODULE_ENTRY, &length);
    struct prt_fb_vector words = prt_fb_list(prt_fb_child(table, MODULE_CODE), 0, 4);
    module->entry = base_arena_strndup(&reader->vgf->arena, entry, length);
    module->words =
        words.count
            ? (const uint32_t *)base_arena_copy(&reader->vgf->arena, words.buffer->bytes + words.at,
                                                (size_t)words.count * sizeof(uint32_t))
            : NULL;
    module->word_count = words.count;
    if (!module->entry || (words.count && !module->words))
        return no_memory(reader);
    if (!is_spirv(module->words, module->word_count))
        return fail(reader, PERCEPT_MALFORMED, "module %u is no SPIR-V", index);
    return PERCEPT_OK;
}

static enum percept_status read_modules(struct reader *reader)
{
    struct prt_fb buffer;
    struct prt_fb_table root;
    enum percept_status status = open_table(reader, MODULES_AT, "modules", &buffer, &root);
    if (status != PERCEPT_OK)
        return status;
    struct prt_fb_vector list = prt_fb_list(root, 0, 4);
    struct prt_vgf_module *modules =
        base_arena_array(&reader->vgf->arena, list.count, sizeof *modules);
    if (!modules)
        return no_memory(reader);
    for (uint32_t i = 0; i < list.count && status == PERCEPT_OK; i++)
        status = read_module(reader, prt_fb_item_table(list, i), i, &modules[i]);
    reader->vgf->modules = modules;
    reader->vgf->module_count = list.count;
    enum percept_status checked = check_table(reader, "modules", &buffer);
    return checked == PERCEPT_OK ? status : checked;
}

/* The words of the next instruction of this operation at or behind *at, which moves behind it; NULL
 * when there is none. */
static const uint32_t *next_of(const struct prt_vgf_module *module, uint32_t op, uint32_t *at)
{
    while (*at < module->word_count) {
        const uint32_t *words = module->words + *at;
        *at += words[0] >> 16;
        if ((words[0] & 0xffff) == op)
            return words;
    }
    return NULL;
}

static bool has_entry(const struct prt_vgf_module *module)
{
    size_t length = strlen(module->entry) + 1;
    uint32_t at = SPIRV_HEAD;
    const uint32_t *words;
    while ((words = next_of(module, OP_GRAPH_ENTRY_POINT, &at)))
        if ((size_t)((words[0] >> 16) - 1) * sizeof *words >= sizeof *words + length &&
            memcmp(words + 2, module->entry, length) == 0)
            return true;
    return false;
}

/* What a segment hands to its module: the graph by that name, and each constant that it asks for.
 */
static enum percept_status check_use(struct reader *reader, uint32_t index,
                                     const struct prt_vgf_segment *segment)
{
    const struct prt_vgf_module *module = &reader->vgf->modules[segment->module];
    uint32_t at = SPIRV_HEAD;
    const uint32_t *words;
    if (!has_entry(module))
        return fail(reader, PERCEPT_MALFORMED, "module %u has no graph '%.64s'", segment->module,
                    module->entry);
    while ((words = next_of(module, OP_GRAPH_CONSTANT, &at)))
        if (words[0] >> 16 != 4 || words[3] >= segment->constant_count)
            return fail(reader, PERCEPT_MALFORMED, "segment %u lacks a constant of its graph",
                        index);
    return PERCEPT_OK;
}

/* ---- resources ---- */

static enum percept_status read_sizes(struct reader *reader, struct prt_fb_table table,
                                      uint32_t index, struct prt_vgf_resource *resource)
{
    struct prt_fb_table description = prt_fb_child(table, RESOURCE_DESCRIPTION);
    struct prt_fb_vector shape = prt_fb_list(description, DESCRIPTION_SHAPE, 8),
                         strides = prt_fb_list(description, DESCRIPTION_STRIDES, 8);
    resource->rank = shape.count ? shape.count : 1; /* SPIR-V has no tensor of rank 0 */
    resource->sizes[0] = 1;
    if (shape.count > PRT_MAX_RANK)
        return fail(reader, PERCEPT_UNSUPPORTED, "resource %u has %u dimensions", index,
                    shape.count);
    for (uint32_t i = 0; i < shape.count; i++) {
        resource->sizes[i] = (int64_t)prt_fb_item(shape, i, 8);
        if (resource->sizes[i] < 1 || resource->sizes[i] > INT32_MAX)
            return fail(reader, PERCEPT_MALFORMED, "resource %u has the size %lld in dimension %u",
                        index, (long long)resource->sizes[i], i);
        if (!base_mul_size(resource->bytes, (size_t)resource->sizes[i], &resource->bytes))
            return fail(reader, PERCEPT_MALFORMED, "the size of resource %u overflows", index);
    }
    if (strides.count)
        return fail(reader, PERCEPT_UNSUPPORTED, "resource %u has strides", index);
    return PERCEPT_OK;
}

static enum percept_status read_resource(struct reader *reader, struct prt_fb_table table,
                                         uint32_t index, struct prt_vgf_resource *resource)
{
    uint8_t category = prt_fb_u8(table, RESOURCE_CATEGORY);
    uint32_t type = prt_fb_u32(table, RESOURCE_DESCRIPTOR);
    if (category > PRT_VGF_CONSTANT)
        return fail(reader, PERCEPT_MALFORMED, "resource %u is of category %u", index, category);
    resource->category = (enum prt_vgf_category)category;
    if (type != DESCRIPTOR_TENSOR && category != PRT_VGF_CONSTANT)
        return fail(reader, PERCEPT_UNSUPPORTED, "resource %u is no tensor (descriptor type %u)",
                    index, type);
    if ((uint32_t)prt_fb_scalar(table, RESOURCE_ALIAS, 4, NO_INDEX) != NO_INDEX)
        return fail(reader, PERCEPT_UNSUPPORTED, "resource %u shares its memory with another",
                    index);
    resource->format = prt_fb_u32(table, RESOURCE_FORMAT);
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++)
        if (formats[i].format == resource->format) {
            resource->dtype = formats[i].dtype;
            resource->bytes = prt_dtype_size(formats[i].dtype);
        }
    if (resource->bytes == 0)
        return fail(reader, PERCEPT_UNSUPPORTED, "resource %u has the format %u", index,
                    resource->format);
    return read_sizes(reader, table, index, resource);
}

static enum percept_status read_resources(struct reader *reader)
{
    struct prt_fb buffer;
    struct prt_fb_table root;
    enum percept_status status = open_table(reader, RESOURCES_AT, "resources", &buffer, &root);
    if (status != PERCEPT_OK)
        return status;
    struct prt_fb_vector list = prt_fb_list(root, 0, 4);
    struct prt_vgf_resource *resources =
        base_arena_array(&reader->vgf->arena, list.count, sizeof *resources);
    if (!resources)
        return no_memory(reader);
    for (uint32_t i = 0; i < list.count && status == PERCEPT_OK; i++)
        status = read_resource(reader, prt_fb_item_table(list, i), i, &resources[i]);
    reader->vgf->resources = resources;
    reader->vgf->resource_count = list.count;
    enum percept_status checked = check_table(reader, "resources", &buffer);
    return checked == PERCEPT_OK ? status : checked;
}

/* ---- constants ---- */

static enum percept_status read_constant(struct reader *reader, const uint8_t *record,
                                         const uint8_t *payload, size_t payload_bytes,
                                         uint32_t index, struct prt_vgf_constant *constant)
{
    const struct prt_vgf *vgf = reader->vgf;
    uint32_t resource = (uint32_t)load(record, 4);
    int32_t sparse = (int32_t)load(record + 4, 4);
    uint64_t bytes = load(record + 8, 8), offset = load(record + 16, 8);
    if (sparse != -1)
        return fail(reader, PERCEPT_UNSUPPORTED, "constant %u is sparse", index);
    if (resource >= vgf->resource_count || vgf->resources[resource].category != PRT_VGF_CONSTANT)
        return fail(reader, PERCEPT_MALFORMED, "constant %u is resource %u, which is none", index,
                    resource);
    if (bytes != vgf->resources[resource].bytes)
        return fail(reader, PERCEPT_MALFORMED, "constant %u has %llu bytes instead of %zu", index,
                    (unsigned long long)bytes, vgf->resources[resource].bytes);
    if (!base_range_inside(offset, bytes, payload_bytes))
        return fail(reader, PERCEPT_MALFORMED, "constant %u ends outside of its section", index);
    *constant = (struct prt_vgf_constant){.resource = resource, .data = payload + offset};
    return PERCEPT_OK;
}

static enum percept_status read_constants(struct reader *reader)
{
    const uint8_t *bytes;
    size_t size;
    enum percept_status status = find_section(reader, CONSTANTS_AT, "constants", &bytes, &size);
    if (status != PERCEPT_OK || size == 0)
        return status;
    if (size < CONSTANTS_HEAD || memcmp(bytes, "CONST00", 8) != 0)
        return fail(reader, PERCEPT_UNSUPPORTED, "constants are kept in another way than CONST00");
    uint64_t count = load(bytes + 8, 8);
    if (count > (size - CONSTANTS_HEAD) / CONSTANT_RECORD)
        return fail(reader, PERCEPT_MALFORMED, "there is no room for %llu constants",
                    (unsigned long long)count);
    struct prt_vgf_constant *constants =
        base_arena_array(&reader->vgf->arena, (size_t)count, sizeof *constants);
    if (!constants)
        return no_memory(reader);
    size_t head = CONSTANTS_HEAD + (size_t)count * CONSTANT_RECORD;
    for (uint32_t i = 0; i < count && status == PERCEPT_OK; i++)
        status = read_constant(reader, bytes + CONSTANTS_HEAD + (size_t)i * CONSTANT_RECORD,
                               bytes + head, size - head, i, &constants[i]);
    reader->vgf->constants = constants;
    reader->vgf->constant_count = (uint32_t)count;
    return status;
}

/* ---- the sequence ---- */

static int by_place(const void *a, const void *b)
{
    const struct prt_vgf_binding *p = a, *q = b;
    if (p->set != q->set)
        return p->set < q->set ? -1 : 1;
    return p->binding < q->binding ? -1 : p->binding > q->binding;
}

/* Where it is not stated, the place in the list is the number. */
static uint32_t set_of(struct prt_fb_table set, uint32_t position)
{
    uint32_t index = (uint32_t)prt_fb_scalar(set, SET_INDEX, 4, NO_INDEX);
    return index == NO_INDEX ? position : index;
}

static enum percept_status add_bindings(struct reader *reader, struct prt_fb_table table,
                                        uint32_t position, struct prt_vgf_binding *bindings,
                                        struct prt_vgf_segment *segment)
{
    uint32_t set = set_of(table, position);
    struct prt_fb_vector list = prt_fb_list(table, SET_BINDINGS, 4);
    if (set >= PRT_VGF_SETS)
        return fail(reader, PERCEPT_LIMIT, "descriptor set %u, %d are the limit", set,
                    PRT_VGF_SETS);
    segment->set_count = set + 1 > segment->set_count ? set + 1 : segment->set_count;
    for (uint32_t i = 0; i < list.count; i++) {
        struct prt_fb_table slot = prt_fb_item_table(list, i);
        uint32_t resource = prt_fb_u32(slot, SLOT_RESOURCE);
        if (resource >= reader->vgf->resource_count ||
            reader->vgf->resources[resource].category == PRT_VGF_CONSTANT)
            return fail(reader, PERCEPT_MALFORMED, "resource %u is bound, which is no tensor",
                        resource);
        bindings[segment->binding_count++] = (struct prt_vgf_binding){
            .set = set, .binding = prt_fb_u32(slot, SLOT_BINDING), .resource = resource};
    }
    return PERCEPT_OK;
}

static enum percept_status read_bindings(struct reader *reader, struct prt_fb_table table,
                                         struct prt_vgf_segment *segment)
{
    struct prt_fb_vector sets = prt_fb_list(table, SEGMENT_SETS, 4);
    size_t count = 0;
    if (sets.count > PRT_VGF_SETS)
        return fail(reader, PERCEPT_LIMIT, "%u descriptor sets, %d are the limit", sets.count,
                    PRT_VGF_SETS);
    for (uint32_t i = 0; i < sets.count; i++)
        count += prt_fb_list(prt_fb_item_table(sets, i), SET_BINDINGS, 4).count;
    struct prt_vgf_binding *bindings =
        base_arena_array(&reader->vgf->arena, count, sizeof *bindings);
    if (!bindings)
        return no_memory(reader);
    enum percept_status status = PERCEPT_OK;
    for (uint32_t i = 0; i < sets.count && status == PERCEPT_OK; i++)
        status = add_bindings(reader, prt_fb_item_table(sets, i), i, bindings, segment);
    if (status != PERCEPT_OK)
        return status;
    qsort(bindings, segment->binding_count, sizeof *bindings, by_place);
    for (uint32_t i = 1; i < segment->binding_count; i++)
        if (by_place(&bindings[i - 1], &bindings[i]) == 0)
            return fail(reader, PERCEPT_MALFORMED, "binding %u of set %u is there twice",
                        bindings[i].binding, bindings[i].set);
    segment->bindings = bindings;
    return PERCEPT_OK;
}

static enum percept_status read_segment(struct reader *reader, struct prt_fb_table table,
                                        uint32_t index, struct prt_vgf_segment *segment)
{
    const struct prt_vgf *vgf = reader->vgf;
    segment->module = prt_fb_u32(table, SEGMENT_MODULE);
    if (prt_fb_u8(table, SEGMENT_TYPE) != TYPE_GRAPH)
        return fail(reader, PERCEPT_UNSUPPORTED, "segment %u is a compute shader, not a graph",
                    index);
    if (segment->module >= vgf->module_count)
        return fail(reader, PERCEPT_MALFORMED, "segment %u is of module %u, which is not there",
                    index, segment->module);
    struct prt_fb_vector list = prt_fb_list(table, SEGMENT_CONSTANTS, 4);
    uint32_t *constants = base_arena_array(&reader->vgf->arena, list.count, sizeof *constants);
    if (!constants)
        return no_memory(reader);
    for (uint32_t i = 0; i < list.count; i++) {
        constants[i] = (uint32_t)prt_fb_item(list, i, 4);
        if (constants[i] >= vgf->constant_count)
            return fail(reader, PERCEPT_MALFORMED, "segment %u takes constant %u of %u", index,
                        constants[i], vgf->constant_count);
    }
    segment->constants = constants;
    segment->constant_count = list.count;
    enum percept_status status = check_use(reader, index, segment);
    return status == PERCEPT_OK ? read_bindings(reader, table, segment) : status;
}

/* The model's inputs or outputs. */
static enum percept_status read_ends(struct reader *reader, struct prt_fb_table sequence,
                                     unsigned field, enum prt_vgf_category category,
                                     const uint32_t **ends, uint32_t *count)
{
    struct prt_fb_vector list = prt_fb_list(sequence, field, 4);
    uint32_t *ids = base_arena_array(&reader->vgf->arena, list.count, sizeof *ids);
    if (!ids)
        return no_memory(reader);
    for (uint32_t i = 0; i < list.count; i++) {
        ids[i] = prt_fb_u32(prt_fb_item_table(list, i), SLOT_RESOURCE);
        if (ids[i] >= reader->vgf->resource_count ||
            reader->vgf->resources[ids[i]].category != category)
            return fail(reader, PERCEPT_MALFORMED, "%s %u is resource %u, which is none",
                        category == PRT_VGF_INPUT ? "input" : "output", i, ids[i]);
    }
    *ends = ids;
    *count = list.count;
    return PERCEPT_OK;
}

static enum percept_status read_sequence(struct reader *reader)
{
    struct prt_vgf *vgf = reader->vgf;
    struct prt_fb buffer;
    struct prt_fb_table root;
    enum percept_status status = open_table(reader, SEQUENCE_AT, "the sequence", &buffer, &root);
    if (status != PERCEPT_OK)
        return status;
    struct prt_fb_vector list = prt_fb_list(root, SEQUENCE_SEGMENTS, 4);
    struct prt_vgf_segment *segments = base_arena_array(&vgf->arena, list.count, sizeof *segments);
    if (!segments)
        return no_memory(reader);
    for (uint32_t i = 0; i < list.count && status == PERCEPT_OK; i++)
        status = read_segment(reader, prt_fb_item_table(list, i), i, &segments[i]);
    vgf->segments = segments;
    vgf->segment_count = list.count;
    if (status == PERCEPT_OK)
        status = read_ends(reader, root, SEQUENCE_INPUTS, PRT_VGF_INPUT, &vgf->inputs,
                           &vgf->input_count);
    if (status == PERCEPT_OK)
        status = read_ends(reader, root, SEQUENCE_OUTPUTS, PRT_VGF_OUTPUT, &vgf->outputs,
                           &vgf->output_count);
    enum percept_status checked = check_table(reader, "the sequence", &buffer);
    if (checked != PERCEPT_OK || status != PERCEPT_OK)
        return checked != PERCEPT_OK ? checked : status;
    return list.count ? PERCEPT_OK : fail(reader, PERCEPT_MALFORMED, "nothing runs in it");
}

enum percept_status prt_vgf_parse(struct prt_vgf *vgf, const void *bytes, size_t size,
                                  struct percept_error *error)
{
    struct prt_vgf made = {0};
    struct reader reader = {.vgf = &made, .bytes = bytes, .size = size, .error = error};
    if (!base_mul_size(size, ARENA_BYTES_PER_BYTE, &made.arena.limit) ||
        !base_add_size(made.arena.limit, ARENA_BYTES_MIN, &made.arena.limit))
        made.arena.limit = SIZE_MAX;
    enum percept_status status = check_header(&reader);
    if (status == PERCEPT_OK)
        status = read_modules(&reader);
    if (status == PERCEPT_OK)
        status = read_resources(&reader);
    if (status == PERCEPT_OK)
        status = read_constants(&reader);
    if (status == PERCEPT_OK)
        status = read_sequence(&reader);
    if (status == PERCEPT_OK)
        *vgf = made;
    else
        prt_vgf_reset(&made);
    return status;
}

void prt_vgf_reset(struct prt_vgf *vgf)
{
    base_arena_reset(&vgf->arena);
    *vgf = (struct prt_vgf){0};
}
