/*
 * Why: weights may lie outside the program, in `.ptd` files, so that several programs share them.
 * All named data, the program's own and that of the files, becomes one sorted list before tensors
 * and delegates are read; from then on nobody asks where a piece came from.
 *
 * Source: ExecuTorch v1.4.1 extension/flat_tensor/serialize/flat_tensor.fbs and
 * flat_tensor_header.cpp.
 */
#include "base/checked.h"
#include "runtime/program_data.h"

#include <stdlib.h>
#include <string.h>

enum { HEADER_AT = 8, HEADER_BYTES = 40 };
enum { FLAT_SEGMENTS = 1, FLAT_NAMED_DATA };

/* ---- one list ---- */

/* Make room for count more; the list grows once a file. */
static struct prt_named_data *grow_named(struct prt_program *program, uint32_t count)
{
    uint32_t total = program->named_count + count;
    struct prt_named_data *grown =
        total < count ? NULL : base_arena_array(&program->arena, total, sizeof *grown);
    if (!grown)
        return NULL;
    if (program->named_count)
        memcpy(grown, program->named, program->named_count * sizeof *grown);
    program->named = grown;
    return grown + program->named_count;
}

enum percept_status prt_parse_named_list(struct prt_parse *parse, struct prt_fb_vector list,
                                         const struct prt_bytes *segments, uint32_t segment_count)
{
    struct prt_program *program = parse->program;
    struct prt_named_data *named = grow_named(program, list.count);
    if (!named)
        return prt_parse_no_memory(parse);
    for (uint32_t i = 0; i < list.count; i++) {
        struct prt_fb_table entry = prt_fb_item_table(list, i);
        size_t length;
        const char *key = prt_fb_text(entry, 0, &length);
        uint32_t segment = prt_fb_u32(entry, 1);
        if (segment >= segment_count)
            return prt_parse_fail(parse, PERCEPT_MALFORMED, "named data %u is in segment %u of %u",
                                  i, segment, segment_count);
        char *copy = base_arena_strndup(&program->arena, key, length);
        if (!copy)
            return prt_parse_no_memory(parse);
        named[i] = (struct prt_named_data){.key = copy, .bytes = segments[segment]};
        struct prt_fb_table layout = prt_fb_child(entry, 2);
        if (!layout.at)
            continue;
        struct prt_tensor *spec = base_arena_alloc(&program->arena, sizeof *spec);
        if (!spec)
            return prt_parse_no_memory(parse);
        uint8_t dtype = prt_fb_u8(layout, 0);
        if (!prt_dtype_known(dtype))
            return prt_parse_fail(parse, PERCEPT_UNSUPPORTED,
                                  "the data '%.64s' has the unsupported element type %u", copy,
                                  dtype);
        spec->dtype = (enum prt_dtype)dtype;
        enum percept_status status = prt_parse_sizes(parse, layout, 1, 2, spec);
        if (status != PERCEPT_OK)
            return status;
        named[i].spec = spec;
    }
    program->named_count += list.count;
    return prt_parse_check(parse);
}

static int by_key(const void *a, const void *b)
{
    return strcmp(((const struct prt_named_data *)a)->key, ((const struct prt_named_data *)b)->key);
}

enum percept_status prt_parse_sort_named(struct prt_parse *parse)
{
    struct prt_program *program = parse->program;
    if (program->named_count)
        qsort(program->named, program->named_count, sizeof *program->named, by_key);
    for (uint32_t i = 1; i < program->named_count; i++)
        if (by_key(&program->named[i - 1], &program->named[i]) == 0)
            return prt_parse_fail(parse, PERCEPT_MALFORMED, "two pieces of data are named '%.64s'",
                                  program->named[i].key);
    return PERCEPT_OK;
}

const struct prt_named_data *prt_program_named_entry(const struct prt_program *program,
                                                     const char *key, size_t length)
{
    size_t low = 0, high = program->named_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct prt_named_data *entry = &program->named[middle];
        int order = strncmp(entry->key, key, length);
        if (order == 0 && entry->key[length] == '\0')
            return entry;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

bool prt_program_named(const struct prt_program *program, const char *key, size_t length,
                       struct prt_bytes *bytes)
{
    const struct prt_named_data *entry = prt_program_named_entry(program, key, length);
    if (entry)
        *bytes = entry->bytes;
    return entry != NULL;
}

/* ---- a `.ptd` file ---- */

struct layout {
    uint64_t flatbuffer, flatbuffer_size, segments, segments_size;
};

static enum percept_status parse_header(struct prt_parse *parse, const struct prt_bytes *file,
                                        struct layout *layout)
{
    uint32_t length = 0;
    if (file->size < HEADER_AT + HEADER_BYTES || memcmp(file->data + HEADER_AT, "FH01", 4) != 0)
        return prt_parse_fail(parse, PERCEPT_MALFORMED, "not a .ptd file: it has no FH01 header");
    memcpy(&length, file->data + HEADER_AT + 4, sizeof length);
    if (length < HEADER_BYTES)
        return prt_parse_fail(parse, PERCEPT_MALFORMED, "the header has a length of %u", length);
    memcpy(layout, file->data + HEADER_AT + 8, sizeof *layout);
    if (!base_range_inside(layout->flatbuffer, layout->flatbuffer_size, file->size))
        return prt_parse_fail(parse, PERCEPT_MALFORMED, "the description lies outside the file");
    if (!base_range_inside(layout->segments, layout->segments_size, file->size))
        return prt_parse_fail(parse, PERCEPT_MALFORMED, "the segments lie outside the file");
    return PERCEPT_OK;
}

/* What is parsed may be larger than its encoding, as in the program itself. */
static bool raise_limit(struct prt_program *program, size_t flatbuffer_size)
{
    size_t more;
    return base_mul_size(flatbuffer_size, PRT_PARSED_BYTES_PER_BYTE, &more) &&
           base_add_size(program->arena.limit, more, &program->arena.limit);
}

static enum percept_status parse_file(struct prt_parse *parse, const struct prt_bytes *file)
{
    struct layout layout;
    enum percept_status status = parse_header(parse, file, &layout);
    if (status != PERCEPT_OK)
        return status;
    /* The header was put into the flatbuffer, behind its identifier: offsets count from the start
     * of the file, although the header says that the rest behind it is "the flatbuffer". */
    size_t size = (size_t)(layout.flatbuffer + layout.flatbuffer_size);
    if (!raise_limit(parse->program, size))
        return prt_parse_fail(parse, PERCEPT_LIMIT, "the file is too large");
    struct prt_fb_table root = prt_fb_open(&parse->buffer, file->data, size, "FT01");
    struct prt_fb_vector list = prt_fb_list(root, FLAT_SEGMENTS, 4);
    struct prt_bytes *segments =
        base_arena_array(&parse->program->arena, list.count, sizeof *segments);
    if (!segments)
        return prt_parse_no_memory(parse);
    for (uint32_t i = 0; i < list.count; i++) {
        struct prt_fb_table segment = prt_fb_item_table(list, i);
        uint64_t offset = prt_fb_u64(segment, 0), bytes = prt_fb_u64(segment, 1);
        if (!base_range_inside(offset, bytes, layout.segments_size))
            return prt_parse_fail(parse, PERCEPT_MALFORMED, "segment %u lies outside the file", i);
        segments[i] = (struct prt_bytes){file->data + layout.segments + offset, (size_t)bytes};
    }
    status = prt_parse_check(parse);
    return status == PERCEPT_OK ? prt_parse_named_list(parse, prt_fb_list(root, FLAT_NAMED_DATA, 4),
                                                       segments, list.count)
                                : status;
}

enum percept_status prt_parse_data_files(struct prt_parse *parse)
{
    for (uint32_t i = 0; i < parse->program->data_count; i++) {
        struct prt_file *file = &parse->program->data[i];
        struct prt_parse own = {
            .program = parse->program, .name = file->name, .error = parse->error};
        enum percept_status status = parse_file(&own, &file->bytes);
        if (status != PERCEPT_OK)
            return status;
    }
    return PERCEPT_OK;
}
