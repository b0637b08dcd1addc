/*
 * Why: a method that reads planned memory before it has written any of it reads what an earlier run
 * left there: a KV cache, a counter, a moving average. Such memory becomes a state of the graph,
 * and what lies there after the last instruction is its next version.
 */
#include "runtime/import.h"

#include <string.h>

enum { FIRST_STATES = 16 };

struct prt_import_state {
    uint32_t v;     /* the tensor that was read first */
    uint32_t value; /* of the graph */
    uint32_t origin;
    const char *name; /* of the instruction that read it, for messages */
};

static enum percept_status add(struct prt_import *import, struct prt_import_state state)
{
    if (import->state_count == import->state_capacity) {
        uint32_t capacity = import->state_capacity ? import->state_capacity * 2 : FIRST_STATES;
        struct prt_import_state *larger =
            base_arena_array(&import->arena, capacity, sizeof *larger);
        if (!larger || capacity < import->state_capacity)
            return prt_import_no_memory(import);
        if (import->state_count)
            memcpy(larger, import->states, import->state_count * sizeof *larger);
        import->states = larger;
        import->state_capacity = capacity;
    }
    import->states[import->state_count++] = state;
    return PERCEPT_OK;
}

enum percept_status prt_import_state(struct prt_import *import, uint32_t v, uint32_t *id)
{
    const struct prt_program_tensor *tensor = import->values[v].tensor;
    const void *data = tensor->data;
    uint32_t created;
    if (tensor->unbounded)
        return prt_import_fail(import, PERCEPT_UNSUPPORTED, "tensor %u has no upper bound", v);
    enum percept_status status = prt_import_temporary(import, &tensor->spec, &created);
    if (status != PERCEPT_OK)
        return status;
    if (data)
        status = prt_program_need(import->program, data, tensor->bytes, import->error);
    if (status != PERCEPT_OK)
        return status;
    if (data && (uintptr_t)data % prt_dtype_size(tensor->spec.dtype) != 0) {
        data = base_arena_copy(&import->graph->arena, data, tensor->bytes);
        if (!data)
            return prt_import_no_memory(import);
    }
    import->graph->values[created].flags = PRT_FLAG_STATE;
    import->graph->values[created].data = data;
    /* Whoever reads the same bytes next, by whatever name, reads this value. */
    status = prt_import_bind(import, v, created);
    if (status == PERCEPT_OK)
        status = add(import, (struct prt_import_state){v, created, import->origin, import->name});
    if (status == PERCEPT_OK)
        *id = created;
    return status;
}

enum percept_status prt_import_states(struct prt_import *import)
{
    struct prt_graph *graph = import->graph;
    uint32_t *outputs = base_arena_array(
        &graph->arena, (size_t)graph->output_count + import->state_count, sizeof *outputs);
    graph->states = base_arena_array(&graph->arena, import->state_count, sizeof *graph->states);
    if (!outputs || !graph->states)
        return prt_import_no_memory(import);
    if (graph->output_count)
        memcpy(outputs, graph->outputs, graph->output_count * sizeof *outputs);
    graph->outputs = outputs;
    for (uint32_t i = 0; i < import->state_count; i++) {
        const struct prt_import_state *state = &import->states[i];
        const struct prt_program_tensor *tensor = import->values[state->v].tensor;
        uint32_t next;
        import->origin = state->origin;
        import->name = state->name;
        enum percept_status status = prt_import_read(import, state->v, &next);
        if (status != PERCEPT_OK)
            return status;
        bool written = next != state->value;
        /* An exporter has no use for memory that is only read and has no contents. Another way
         * through the program may be what writes it. */
        if (!written && !tensor->data && !import->jumps)
            return prt_import_fail(import, PERCEPT_UNSUPPORTED,
                                   "reads tensor %u, which nothing wrote before or writes later",
                                   state->v);
        graph->states[graph->state_count++] = (struct prt_state){
            .value = state->value,
            .output = written ? graph->output_count : PRT_NO_VALUE,
            .buffer = tensor->buffer,
            .offset = tensor->offset,
        };
        if (!written)
            continue;
        graph->outputs[graph->output_count++] = next;
        graph->hidden_output_count++;
    }
    return PERCEPT_OK;
}
