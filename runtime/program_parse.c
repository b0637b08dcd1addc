/*
 * Why: the one place that reads a program's FlatBuffer. It copies what the runtime needs into
 * compact, checked structures, so that a hostile file has one narrow door to get through.
 * Source: ExecuTorch v1.4.1 schema/program.fbs; field numbers follow the order there.
 */
#include "base/checked.h"
#include "runtime/program_data.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HEADER_AT = 8, HEADER_MIN_BYTES = 24, HEADER_BYTES = 32 };
enum { MAX_METHODS = 1024 }; /* real programs have one to ten */

enum {
    PROGRAM_METHODS = 1,
    PROGRAM_CONSTANT_BUFFER,
    PROGRAM_DELEGATE_DATA,
    PROGRAM_SEGMENTS,
    PROGRAM_CONSTANT_SEGMENT,
    PROGRAM_MUTABLE_SEGMENTS,
    PROGRAM_NAMED_DATA,
};

void prt_parse_error(struct prt_parse *parse, enum percept_status status, const char *format, ...)
{
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    percept_error_fill(parse->error, status, parse->name, 0, 0, "%s", text);
}

enum percept_status prt_parse_check(struct prt_parse *parse)
{
    return parse->buffer.fault ? prt_parse_fail(parse, PERCEPT_MALFORMED, "%s", parse->buffer.fault)
                               : PERCEPT_OK;
}

enum percept_status prt_parse_no_memory(struct prt_parse *parse)
{
    return prt_parse_fail(parse, PERCEPT_NO_MEMORY,
                          "the program needs more than its limit of %zu bytes, or memory is short",
                          parse->program->arena.limit);
}

/* ---- the extended header ---- */

struct layout {
    size_t program_size, segment_base, segment_size;
};

static enum percept_status parse_header(struct prt_parse *parse, struct layout *layout)
{
    const struct prt_bytes *file = &parse->program->file;
    *layout = (struct layout){.program_size = file->size, .segment_base = file->size};
    size_t first = file->size < HEADER_AT + HEADER_BYTES ? file->size : HEADER_AT + HEADER_BYTES;
    enum percept_status status = prt_program_need(parse->program, file->data, first, parse->error);
    if (status != PERCEPT_OK)
        return status;
    if (file->size < HEADER_AT + HEADER_MIN_BYTES || memcmp(file->data + HEADER_AT, "eh00", 4) != 0)
        return PERCEPT_OK; /* older files have none: it is all flatbuffer */
    uint32_t length;
    uint64_t fields[3] = {0};
    memcpy(&length, file->data + HEADER_AT + 4, sizeof length);
    if (length < HEADER_MIN_BYTES || !base_range_inside(HEADER_AT, length, file->size))
        return prt_parse_fail(parse, PERCEPT_MALFORMED, "the extended header has a length of %u",
                              length);
    memcpy(fields, file->data + HEADER_AT + 8, length < HEADER_BYTES ? 16 : 24);
    if (fields[0] > file->size)
        return prt_parse_fail(parse, PERCEPT_MALFORMED,
                              "the header states a program of %llu bytes, the file has %zu",
                              (unsigned long long)fields[0], file->size);
    layout->program_size = (size_t)fields[0];
    if (fields[1] == 0)
        return PERCEPT_OK;
    if (fields[1] < fields[0] || fields[1] > file->size)
        return prt_parse_fail(parse, PERCEPT_MALFORMED,
                              "segments start at %llu, the program ends at %zu, the file at %zu",
                              (unsigned long long)fields[1], layout->program_size, file->size);
    layout->segment_base = (size_t)fields[1];
    layout->segment_size = file->size - layout->segment_base;
    if (length >= HEADER_BYTES && fields[2] != 0) {
        if (fields[2] > layout->segment_size)
            return prt_parse_fail(parse, PERCEPT_MALFORMED,
                                  "the header states %llu bytes of segments, the file has %zu",
                                  (unsigned long long)fields[2], layout->segment_size);
        layout->segment_size = (size_t)fields[2];
    }
    return PERCEPT_OK;
}

/* ---- data that tensors and delegates refer to ---- */

static enum percept_status parse_segments(struct prt_parse *parse, struct prt_fb_table root,
                                          const struct layout *layout)
{
    struct prt_program *program = parse->program;
    struct prt_fb_vector list = prt_fb_list(root, PROGRAM_SEGMENTS, 4);
    program->segments = base_arena_array(&program->arena, list.count, sizeof *program->segments);
    if (!program->segments)
        return prt_parse_no_memory(parse);
    for (uint32_t i = 0; i < list.count; i++) {
        struct prt_fb_table segment = prt_fb_item_table(list, i);
        uint64_t offset = prt_fb_u64(segment, 0), size = prt_fb_u64(segment, 1);
        if (!base_range_inside(offset, size, layout->segment_size))
            return prt_parse_fail(parse, PERCEPT_MALFORMED, "segment %u lies outside the file", i);
        program->segments[i] =
            (struct prt_bytes){program->file.data + layout->segment_base + offset, (size_t)size};
    }
    program->segment_count = list.count;
    return prt_parse_check(parse);
}

static enum percept_status parse_constants(struct prt_parse *parse, struct prt_fb_table root)
{
    struct prt_program *program = parse->program;
    parse->inline_constants = prt_fb_list(root, PROGRAM_CONSTANT_BUFFER, 4);
    parse->inline_delegates = prt_fb_list(root, PROGRAM_DELEGATE_DATA, 4);
    parse->mutable_segments = prt_fb_list(root, PROGRAM_MUTABLE_SEGMENTS, 4);
    struct prt_fb_table constants = prt_fb_child(root, PROGRAM_CONSTANT_SEGMENT);
    struct prt_fb_vector offsets = prt_fb_list(constants, 1, 8);
    if (offsets.count == 0)
        return prt_parse_check(parse);
    uint32_t segment = prt_fb_u32(constants, 0);
    if (segment >= program->segment_count)
        return prt_parse_fail(parse, PERCEPT_MALFORMED, "constants are in segment %u of %u",
                              segment, program->segment_count);
    uint64_t *copy = base_arena_array(&program->arena, offsets.count, sizeof *copy);
    if (!copy)
        return prt_parse_no_memory(parse);
    for (uint32_t i = 0; i < offsets.count; i++)
        copy[i] = prt_fb_item(offsets, i, 8);
    parse->constants = program->segments[segment];
    parse->constant_offsets = copy;
    parse->constant_count = offsets.count;
    return prt_parse_check(parse);
}

static enum percept_status parse_named_data(struct prt_parse *parse, struct prt_fb_table root)
{
    struct prt_program *program = parse->program;
    enum percept_status status = prt_parse_named_list(
        parse, prt_fb_list(root, PROGRAM_NAMED_DATA, 4), program->segments, program->segment_count);
    if (status == PERCEPT_OK)
        status = prt_parse_data_files(parse);
    return status == PERCEPT_OK ? prt_parse_sort_named(parse) : status;
}

/* ---- all of it ---- */

static enum percept_status parse_methods(struct prt_parse *parse, struct prt_fb_table root)
{
    struct prt_program *program = parse->program;
    struct prt_fb_vector plans = prt_fb_list(root, PROGRAM_METHODS, 4);
    if (plans.count == 0)
        return prt_parse_fail(parse, PERCEPT_MALFORMED, "the program has no methods");
    if (plans.count > MAX_METHODS)
        return prt_parse_fail(parse, PERCEPT_LIMIT, "the program has %u methods, %d are the limit",
                              plans.count, MAX_METHODS);
    program->methods = base_arena_array(&program->arena, plans.count, sizeof *program->methods);
    if (!program->methods)
        return prt_parse_no_memory(parse);
    for (uint32_t i = 0; i < plans.count; i++) {
        enum percept_status status =
            prt_parse_method(parse, prt_fb_item_table(plans, i), &program->methods[i]);
        if (status != PERCEPT_OK)
            return status;
        for (uint32_t j = 0; j < i; j++)
            if (strcmp(program->methods[i].name, program->methods[j].name) == 0)
                return prt_parse_fail(parse, PERCEPT_MALFORMED, "two methods are named '%.64s'",
                                      program->methods[i].name);
    }
    program->method_count = plans.count;
    return prt_parse_check(parse);
}

enum percept_status prt_program_parse(struct prt_program *program, struct percept_error *error)
{
    struct prt_parse parse = {.program = program, .name = program->name, .error = error};
    struct layout layout;
    enum percept_status status = parse_header(&parse, &layout);
    if (status != PERCEPT_OK)
        return status;
    if (!base_mul_size(layout.program_size, PRT_PARSED_BYTES_PER_BYTE, &program->arena.limit) ||
        !base_add_size(program->arena.limit, PRT_PARSED_BYTES_MIN, &program->arena.limit))
        return prt_parse_fail(&parse, PERCEPT_LIMIT, "the program is too large");
    status = prt_program_need(program, program->file.data, layout.program_size, error);
    if (status != PERCEPT_OK)
        return status;
    struct prt_fb_table root =
        prt_fb_open(&parse.buffer, program->file.data, layout.program_size, "ET12");
    status = prt_parse_check(&parse);
    if (status == PERCEPT_OK)
        status = parse_segments(&parse, root, &layout);
    if (status == PERCEPT_OK)
        status = parse_constants(&parse, root);
    if (status == PERCEPT_OK)
        status = parse_named_data(&parse, root);
    if (status == PERCEPT_OK)
        status = parse_methods(&parse, root);
    return status;
}
