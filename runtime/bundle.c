/* Why: a test case states sizes and bytes that must agree, like everything in a file; and a program
 * inside another file is as little to be trusted as one of its own. */
#include "runtime/bundle.h"

#include "base/checked.h"
#include "runtime/program_data.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BUNDLE_SUITES = 1, BUNDLE_PROGRAM };
enum { VALUE_TENSOR = 1, VALUE_INT, VALUE_BOOL, VALUE_DOUBLE };
enum { TENSOR_DTYPE, TENSOR_SIZES, TENSOR_DATA, TENSOR_DIM_ORDER };
static const char identifier[] = "BP08";

struct prt_bundle {
    struct base_arena arena;
    struct prt_file file;
    struct prt_program *program;
    struct prt_bundle_case *cases;
    uint32_t case_count;
};

static enum percept_status no_memory(struct prt_parse *parse)
{
    return prt_parse_fail(parse, PERCEPT_NO_MEMORY,
                          "the test cases need more than their limit, or memory is short");
}

/* ---- values ---- */

static enum percept_status parse_tensor(struct prt_parse *parse, struct prt_fb_table table,
                                        struct prt_bundle_value *value)
{
    uint8_t dtype = prt_fb_u8(table, TENSOR_DTYPE);
    struct prt_tensor *spec = &value->tensor.spec;
    if (!prt_dtype_known(dtype))
        return prt_parse_fail(parse, PERCEPT_UNSUPPORTED,
                              "a test's tensor has the unsupported element type %u", dtype);
    spec->dtype = (enum prt_dtype)dtype;
    enum percept_status status =
        prt_parse_sizes(parse, table, TENSOR_SIZES, TENSOR_DIM_ORDER, spec);
    if (status != PERCEPT_OK)
        return status;
    struct prt_fb_vector data = prt_fb_list(table, TENSOR_DATA, 1);
    size_t bytes;
    if (!prt_tensor_bytes(spec, &bytes) || bytes != data.count)
        return prt_parse_fail(parse, PERCEPT_MALFORMED,
                              "a test's tensor has %u bytes, which its sizes do not need",
                              data.count);
    value->kind = PRT_VALUE_TENSOR;
    value->tensor.data = parse->buffer.bytes + data.at;
    return PERCEPT_OK;
}

static enum percept_status parse_value(struct prt_parse *parse, struct prt_fb_table entry,
                                       struct prt_bundle_value *value)
{
    uint8_t type = prt_fb_u8(entry, 0);
    struct prt_fb_table table = prt_fb_child(entry, 1);
    if (type && !table.at)
        return prt_parse_fail(parse, PERCEPT_MALFORMED, "a test's value has a type but no content");
    switch (type) {
    case 0:
        return PERCEPT_OK;
    case VALUE_TENSOR:
        return parse_tensor(parse, table, value);
    case VALUE_INT:
        value->kind = PRT_VALUE_INT;
        value->i = prt_fb_i64(table, 0);
        return PERCEPT_OK;
    case VALUE_BOOL:
        value->kind = PRT_VALUE_BOOL;
        value->b = prt_fb_bool(table, 0);
        return PERCEPT_OK;
    case VALUE_DOUBLE:
        value->kind = PRT_VALUE_DOUBLE;
        value->d = prt_fb_f64(table, 0);
        return PERCEPT_OK;
    default:
        return prt_parse_fail(parse, PERCEPT_UNSUPPORTED, "a test's value has the unknown type %u",
                              type);
    }
}

static enum percept_status parse_values(struct prt_parse *parse, struct prt_bundle *bundle,
                                        struct prt_fb_vector list,
                                        const struct prt_bundle_value **values, uint32_t *count)
{
    struct prt_bundle_value *parsed = base_arena_array(&bundle->arena, list.count, sizeof *parsed);
    if (!parsed)
        return no_memory(parse);
    for (uint32_t i = 0; i < list.count; i++) {
        enum percept_status status = parse_value(parse, prt_fb_item_table(list, i), &parsed[i]);
        if (status != PERCEPT_OK)
            return status;
    }
    *values = parsed;
    *count = list.count;
    return prt_parse_check(parse);
}

/* ---- cases ---- */

static bool has_method(const struct prt_program *program, const char *name)
{
    for (size_t i = 0; i < prt_program_method_count(program); i++)
        if (strcmp(prt_program_method_name(program, i), name) == 0)
            return true;
    return false;
}

static enum percept_status parse_suite(struct prt_parse *parse, struct prt_bundle *bundle,
                                       struct prt_fb_table suite)
{
    size_t length;
    const char *text = prt_fb_text(suite, 0, &length);
    char *method = base_arena_strndup(&bundle->arena, text, length);
    struct prt_fb_vector cases = prt_fb_list(suite, 1, 4);
    if (!method)
        return no_memory(parse);
    if (!has_method(bundle->program, method))
        return prt_parse_fail(parse, PERCEPT_MALFORMED,
                              "there are tests of the method '%.64s', which the program lacks",
                              method);
    for (uint32_t i = 0; i < cases.count; i++) {
        struct prt_fb_table table = prt_fb_item_table(cases, i);
        struct prt_bundle_case *entry = &bundle->cases[bundle->case_count++];
        entry->method = method;
        enum percept_status status = parse_values(parse, bundle, prt_fb_list(table, 0, 4),
                                                  &entry->inputs, &entry->input_count);
        if (status == PERCEPT_OK)
            status = parse_values(parse, bundle, prt_fb_list(table, 1, 4), &entry->outputs,
                                  &entry->output_count);
        if (status != PERCEPT_OK)
            return status;
    }
    return prt_parse_check(parse);
}

static enum percept_status parse_suites(struct prt_parse *parse, struct prt_bundle *bundle,
                                        struct prt_fb_table root)
{
    struct prt_fb_vector suites = prt_fb_list(root, BUNDLE_SUITES, 4);
    size_t total = 0;
    for (uint32_t i = 0; i < suites.count; i++)
        total += prt_fb_list(prt_fb_item_table(suites, i), 1, 4).count;
    bundle->cases = base_arena_array(&bundle->arena, total, sizeof *bundle->cases);
    if (!bundle->cases)
        return no_memory(parse);
    for (uint32_t i = 0; i < suites.count; i++) {
        enum percept_status status = parse_suite(parse, bundle, prt_fb_item_table(suites, i));
        if (status != PERCEPT_OK)
            return status;
    }
    return prt_parse_check(parse);
}

static enum percept_status parse(struct prt_bundle *bundle, struct percept_error *error)
{
    struct prt_parse parse = {.name = bundle->file.name, .error = error};
    const struct prt_bytes *file = &bundle->file.bytes;
    if (!base_mul_size(file->size, PRT_PARSED_BYTES_PER_BYTE, &bundle->arena.limit) ||
        !base_add_size(bundle->arena.limit, PRT_PARSED_BYTES_MIN, &bundle->arena.limit))
        return prt_parse_fail(&parse, PERCEPT_LIMIT, "the file is too large");
    struct prt_fb_table root = prt_fb_open(&parse.buffer, file->data, file->size, identifier);
    struct prt_fb_vector program = prt_fb_list(root, BUNDLE_PROGRAM, 1);
    enum percept_status status = prt_parse_check(&parse);
    if (status == PERCEPT_OK)
        status = prt_program_open_part(file->data + program.at, program.count, bundle->file.name,
                                       &bundle->program, error);
    return status == PERCEPT_OK ? parse_suites(&parse, bundle, root) : status;
}

/* ---- opening ---- */

static enum percept_status finish_open(struct prt_bundle *opened, enum percept_status status,
                                       struct prt_bundle **bundle, struct percept_error *error)
{
    if (status == PERCEPT_OK)
        status = parse(opened, error);
    if (status == PERCEPT_OK)
        *bundle = opened;
    else
        prt_bundle_close(opened);
    return status;
}

enum percept_status prt_bundle_open(const char *path, struct prt_bundle **bundle,
                                    struct percept_error *error)
{
    struct prt_bundle *opened = calloc(1, sizeof *opened);
    if (!opened)
        return percept_fail(error, PERCEPT_NO_MEMORY, "%s: no memory", path);
    return finish_open(opened, prt_file_map(&opened->file, path, false, error), bundle, error);
}

enum percept_status prt_bundle_open_buffer(const void *bytes, size_t size, const char *name,
                                           struct prt_bundle **bundle, struct percept_error *error)
{
    struct prt_bundle *opened = calloc(1, sizeof *opened);
    if (!opened)
        return percept_fail(error, PERCEPT_NO_MEMORY, "%s: no memory", name);
    return finish_open(opened, prt_file_copy(&opened->file, bytes, size, name, error), bundle,
                       error);
}

void prt_bundle_close(struct prt_bundle *bundle)
{
    if (!bundle)
        return;
    prt_program_close(bundle->program);
    prt_file_close(&bundle->file);
    base_arena_reset(&bundle->arena);
    free(bundle);
}

bool prt_bundle_is_one(const char *path)
{
    char start[8] = "";
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0)
        return false;
    ssize_t count = read(file, start, sizeof start);
    close(file);
    return count == sizeof start && memcmp(start + 4, identifier, 4) == 0;
}

const struct prt_program *prt_bundle_program(const struct prt_bundle *bundle)
{
    return bundle->program;
}

size_t prt_bundle_case_count(const struct prt_bundle *bundle)
{
    return bundle->case_count;
}

const struct prt_bundle_case *prt_bundle_case(const struct prt_bundle *bundle, size_t index)
{
    return index < bundle->case_count ? &bundle->cases[index] : NULL;
}
