/* Why: the public face of a `.pte` file: open, list, close. Reading is program_parse.c, translation
 * import.c. */
#include "runtime/program_data.h"

#include <stdlib.h>
#include <string.h>

static struct prt_program *new_program(const char *name, struct percept_error *error)
{
    struct prt_program *program = calloc(1, sizeof *program);
    char *copy = strdup(name);
    if (!program || !copy) {
        free(program);
        free(copy);
        percept_fail(error, PERCEPT_NO_MEMORY, "%s: no memory", name);
        return NULL;
    }
    program->name = copy;
    return program;
}

/* Parse what was mapped, or close it. */
static enum percept_status finish_open(struct prt_program *opened, enum percept_status status,
                                       struct prt_program **program, struct percept_error *error)
{
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
    struct prt_program *opened = new_program(path, error);
    if (!opened)
        return PERCEPT_NO_MEMORY;
    return finish_open(opened, prt_program_map(opened, path, error), program, error);
}

enum percept_status prt_program_open_buffer(const void *bytes, size_t size, const char *name,
                                            struct prt_program **program,
                                            struct percept_error *error)
{
    struct prt_program *opened = new_program(name, error);
    if (!opened)
        return PERCEPT_NO_MEMORY;
    return finish_open(opened, prt_program_copy(opened, bytes, size, error), program, error);
}

void prt_program_close(struct prt_program *program)
{
    if (!program)
        return;
    prt_program_unmap(program);
    base_arena_reset(&program->arena);
    free(program->name);
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

bool prt_program_named(const struct prt_program *program, const char *key, size_t length,
                       struct prt_bytes *bytes)
{
    size_t low = 0, high = program->named_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct prt_named_data *entry = &program->named[middle];
        int order = strncmp(entry->key, key, length);
        if (order == 0)
            order = entry->key[length] != '\0';
        if (order == 0) {
            *bytes = entry->bytes;
            return true;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}
