/* Why: states outlive the variants that use them, and lie where those have them at hand. */
#include "runtime/executor/states.h"

#include "base/pages.h"

#include <stdlib.h>
#include <string.h>

/* A state that is larger, such as a cache of keys and values, has pages of its own: those that
 * nothing was put into yet take no memory. */
enum { LEAST_PAGES = 256 << 10 };

/* Of a graph made by hand, which does not say where its states lie: each is its own. */
#define NO_BUFFER UINT32_MAX

static bool overlaps(const struct prt_model_state *a, const struct prt_model_state *b)
{
    return a->buffer == b->buffer && a->buffer != NO_BUFFER && a->offset < b->offset + b->bytes &&
           b->offset < a->offset + a->bytes;
}

static void reset(struct prt_model_state *state)
{
    if (state->initial && state->bytes)
        memcpy(state->memory, state->initial, state->bytes);
    else
        memset(state->memory, 0, state->bytes);
}

static void free_state(struct prt_model_state *state)
{
    if (state->owner)
        state->owner->memory_destroy(state->memory, state->bytes);
    else if (state->bytes >= LEAST_PAGES)
        base_pages_free(state->memory, state->bytes);
    else
        free(state->memory);
}

/* Zeroed memory if *zeroed says so: a backend's, whose device then has it at hand, or the host's.
 */
static void take_memory(struct prt_model_state *state, const struct prt_backend *owner,
                        bool *zeroed)
{
    size_t bytes = (state->bytes / PRT_PLAN_ALIGNMENT + 1) * PRT_PLAN_ALIGNMENT;
    *zeroed = true;
    state->memory = owner ? owner->memory_create(bytes) : NULL;
    state->owner = state->memory ? owner : NULL;
    if (state->memory)
        return;
    *zeroed = state->bytes >= LEAST_PAGES;
    state->memory =
        *zeroed ? base_pages_reserve(state->bytes) : aligned_alloc(PRT_PLAN_ALIGNMENT, bytes);
}

/* The model's state that lies where `wanted` does, made when it is new. */
static enum percept_status find_state(struct prt_states *states,
                                      const struct prt_model_state *wanted,
                                      const struct prt_backend *owner, void **memory,
                                      struct percept_error *error)
{
    for (uint32_t i = 0; i < states->count; i++) {
        const struct prt_model_state *state = &states->list[i];
        if (state->buffer == wanted->buffer && state->offset == wanted->offset &&
            state->bytes == wanted->bytes) {
            *memory = state->memory;
            return PERCEPT_OK;
        }
        if (overlaps(state, wanted))
            return percept_fail(error, PERCEPT_UNSUPPORTED,
                                "a state is a tensor of another size for these inputs");
    }
    struct prt_model_state *larger =
        realloc(states->list, ((size_t)states->count + 1) * sizeof *larger);
    if (!larger)
        return percept_fail(error, PERCEPT_NO_MEMORY, "no memory for a model's states");
    states->list = larger;
    struct prt_model_state made = *wanted;
    bool zeroed;
    take_memory(&made, owner, &zeroed);
    if (!made.memory)
        return percept_fail(error, PERCEPT_NO_MEMORY, "no memory for %zu bytes of state",
                            made.bytes);
    if (made.initial || !zeroed)
        reset(&made);
    states->list[states->count++] = made;
    *memory = made.memory;
    return PERCEPT_OK;
}

enum percept_status prt_states_place(struct prt_states *states, struct prt_variant *variant,
                                     struct percept_error *error)
{
    const struct prt_graph *graph = variant->graph;
    for (uint32_t i = 0; i < graph->value_count; i++) {
        const struct prt_value *value = &graph->values[i];
        if (value->kind != PRT_VALUE_TENSOR || !(value->flags & PRT_FLAG_STATE))
            continue;
        struct prt_model_state wanted = {
            .buffer = NO_BUFFER, .offset = i, .bytes = value->bytes, .initial = value->data};
        for (uint32_t s = 0; s < graph->state_count; s++) {
            if (graph->states[s].value == i) {
                wanted.buffer = graph->states[s].buffer;
                wanted.offset = graph->states[s].offset;
            }
        }
        void *memory;
        enum percept_status status =
            find_state(states, &wanted, variant->memory_backend, &memory, error);
        if (status != PERCEPT_OK)
            return status;
        prt_variant_place(variant, i, memory);
    }
    return PERCEPT_OK;
}

void prt_states_commit(const struct prt_variant *variant)
{
    const struct prt_graph *graph = variant->graph;
    for (uint32_t i = 0; i < graph->state_count; i++) {
        const struct prt_state *state = &graph->states[i];
        if (state->output == PRT_NO_VALUE)
            continue;
        size_t bytes = graph->values[state->value].bytes;
        /* The plan may have let it change where it lies. */
        if (bytes && variant->data[state->value] != variant->data[graph->outputs[state->output]])
            memcpy(variant->data[state->value], variant->data[graph->outputs[state->output]],
                   bytes);
    }
}

void prt_states_reset(struct prt_states *states)
{
    for (uint32_t i = 0; i < states->count; i++)
        reset(&states->list[i]);
}

void prt_states_free(struct prt_states *states)
{
    for (uint32_t i = 0; i < states->count; i++)
        free_state(&states->list[i]);
    free(states->list);
}
