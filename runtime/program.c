/* Why: the public face of a `.pte` file: open, list, close. Reading is program_parse.c, translation
 * import.c. */
#include "runtime/program_data.h"

#include <stdlib.h>
#include <string.h>

static struct prt_program *new_program(const char *name, size_t data_count,
                                       struct percept_error *error)
{
    struct prt_program *program = calloc(1, sizeof *program);
    if (program && data_count)
        program->data = calloc(data_count, sizeof *program->data);
    if (!program || (data_count && !program->data)) {
        free(program);
        percept_fail(error, PERCEPT_NO_MEMORY, "%s: no memory", name);
        return NULL;
    }
    return program;
}

/* Parse what was taken in, or close it. */
static enum percept_status finish_open(struct prt_program *opened, enum percept_status status,
                                       struct prt_program **program, struct percept_error *error)
{
    opened->name = opened->source.name;
    opened->file = opened->source.bytes;
    opened->total_bytes = opened->file.size;
    /* A sum of what is in memory does not overflow. */
    for (uint32_t i = 0; i < opened->data_count; i++)
        opened->total_bytes += opened->data[i].bytes.size;
    if (status == PERCEPT_OK)
        status = prt_program_parse(opened, error);
    if (status == PERCEPT_OK)
        *program = opened;
    else
        prt_program_close(opened);
    return status;
}

enum percept_status prt_program_open(const char *path, struct prt_program **program,
                                     struct percept_error *error)
{
    return prt_program_open_with_data(path, NULL, 0, program, error);
}

static enum percept_status check_data_count(size_t count, struct percept_error *error)
{
    return count <= PRT_MAX_DATA_FILES
               ? PERCEPT_OK
               : percept_fail(error, PERCEPT_LIMIT, "%zu .ptd files, %d are the limit", count,
                              PRT_MAX_DATA_FILES);
}

enum percept_status prt_program_open_with_data(const char *path, const char *const *data_paths,
                                               size_t data_count, struct prt_program **program,
                                               struct percept_error *error)
{
    enum percept_status status = check_data_count(data_count, error);
    if (status != PERCEPT_OK)
        return status;
    struct prt_program *opened = new_program(path, data_count, error);
    if (!opened)
        return PERCEPT_NO_MEMORY;
    status = prt_file_map(&opened->source, path, true, error);
    while (status == PERCEPT_OK && opened->data_count < data_count) {
        struct prt_file *file = &opened->data[opened->data_count];
        status = prt_file_map(file, data_paths[opened->data_count++], false, error);
    }
    return finish_open(opened, status, program, error);
}

/* hash NULL: it has none, and need not be sealed. */
static enum percept_status open_descriptor(int descriptor, const uint8_t *hash, const char *name,
                                           struct prt_program **program,
                                           struct percept_error *error)
{
    struct prt_program *opened = new_program(name, 0, error);
    if (!opened)
        return PERCEPT_NO_MEMORY;
    enum percept_status status =
        hash ? prt_file_map_sealed(&opened->source, descriptor, hash, name, error)
             : prt_file_map_descriptor(&opened->source, descriptor, name, true, error);
    return finish_open(opened, status, program, error);
}

enum percept_status prt_program_open_descriptor(int descriptor, const char *name,
                                                struct prt_program **program,
                                                struct percept_error *error)
{
    return open_descriptor(descriptor, NULL, name, program, error);
}

enum percept_status prt_program_open_sealed(int descriptor, const uint8_t hash[PRT_HASH_BYTES],
                                            const char *name, struct prt_program **program,
                                            struct percept_error *error)
{
    return open_descriptor(descriptor, hash, name, program, error);
}

enum percept_status prt_program_open_buffer(const void *bytes, size_t size, const char *name,
                                            struct prt_program **program,
                                            struct percept_error *error)
{
    const struct prt_buffer file = {bytes, size, name};
    return prt_program_open_buffers(&file, NULL, 0, program, error);
}

enum percept_status prt_program_open_buffers(const struct prt_buffer *file,
                                             const struct prt_buffer *data, size_t data_count,
                                             struct prt_program **program,
                                             struct percept_error *error)
{
    enum percept_status status = check_data_count(data_count, error);
    if (status != PERCEPT_OK)
        return status;
    struct prt_program *opened = new_program(file->name, data_count, error);
    if (!opened)
        return PERCEPT_NO_MEMORY;
    status = prt_file_copy(&opened->source, file->bytes, file->size, file->name, error);
    while (status == PERCEPT_OK && opened->data_count < data_count) {
        const struct prt_buffer *from = &data[opened->data_count];
        struct prt_file *to = &opened->data[opened->data_count++];
        status = prt_file_copy(to, from->bytes, from->size, from->name, error);
    }
    return finish_open(opened, status, program, error);
}

enum percept_status prt_program_open_part(const uint8_t *bytes, size_t size, const char *name,
                                          struct prt_program **program, struct percept_error *error)
{
    struct prt_program *opened = new_program(name, 0, error);
    if (!opened)
        return PERCEPT_NO_MEMORY;
    opened->source = (struct prt_file){
        .name = strdup(name), .bytes = {.data = bytes, .size = size}, .part = true};
    enum percept_status status = PERCEPT_OK;
    if (!opened->source.name)
        status = percept_fail(error, PERCEPT_NO_MEMORY, "%s: no memory", name);
    return finish_open(opened, status, program, error);
}

void prt_program_close(struct prt_program *program)
{
    if (!program)
        return;
    prt_file_close(&program->source);
    for (uint32_t i = 0; i < program->data_count; i++)
        prt_file_close(&program->data[i]);
    free(program->data);
    base_arena_reset(&program->arena);
    free(program);
}

size_t prt_program_method_count(const struct prt_program *program)
{
    return program->method_count;
}

const char *prt_program_method_name(const struct prt_program *program, size_t index)
{
    return index < program->method_count ? program->methods[index].name : NULL;
}

size_t prt_program_item_count(const struct prt_program *program, size_t method)
{
    return method < program->method_count ? program->methods[method].item_count : 0;
}

const struct prt_program_item *prt_program_item(const struct prt_program *program, size_t method,
                                                size_t index)
{
    return index < prt_program_item_count(program, method) ? &program->methods[method].items[index]
                                                           : NULL;
}

const struct prt_program_item *prt_program_call(const struct prt_program *program, size_t method,
                                                size_t index)
{
    if (method >= program->method_count || index >= program->methods[method].instruction_count)
        return NULL;
    const struct prt_method *in = &program->methods[method];
    const struct prt_instruction *instruction = &in->instructions[index];
    if (instruction->kind == PRT_INSTRUCTION_KERNEL)
        return &in->items[instruction->index];
    if (instruction->kind == PRT_INSTRUCTION_DELEGATE)
        return &in->items[in->operator_count + instruction->index];
    return NULL;
}

size_t prt_program_numbers(const struct prt_program *program, const char *method, int64_t *numbers,
                           size_t most)
{
    const struct prt_method *found = NULL;
    for (uint32_t i = 0; i < program->method_count; i++)
        if (strcmp(program->methods[i].name, method) == 0)
            found = &program->methods[i];
    if (!found || found->instruction_count || found->input_count)
        return 0;
    size_t count = 0;
    for (uint32_t i = 0; i < found->output_count && count < most; i++) {
        const struct prt_program_value *value = &found->values[found->outputs[i]];
        if (value->kind == PRT_VALUE_INT)
            numbers[count++] = value->i;
        else if (value->kind == PRT_VALUE_BOOL)
            numbers[count++] = value->b;
    }
    return count;
}
