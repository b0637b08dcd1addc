/*
 * Why: to work on a frame where it lies is to have another address in the variant's table: the CPU
 * reads there, and a backend with a device looks an address up anyway.
 */
#include "runtime/executor/bound.h"

#include "base/checked.h"

#include <stdlib.h>
#include <string.h>

void prt_bindings_free(struct prt_bindings *bindings)
{
    free(bindings->list);
    *bindings = (struct prt_bindings){0};
}

static struct prt_binding *find(const struct prt_bindings *bindings, bool is_output, size_t index)
{
    for (size_t i = 0; i < bindings->count; i++)
        if (bindings->list[i].is_output == is_output && bindings->list[i].index == index)
            return &bindings->list[i];
    return NULL;
}

bool prt_bindings_has_input(const struct prt_bindings *bindings, size_t index)
{
    return find(bindings, false, index) != NULL;
}

/* ---- values ---- */

/* The tensor that is to be bound, or PRT_NO_VALUE. */
static uint32_t value_of(const struct prt_graph *graph, const struct prt_binding *binding)
{
    size_t count =
        binding->is_output ? graph->output_count - graph->hidden_output_count : graph->input_count;
    if (binding->index >= count)
        return PRT_NO_VALUE;
    uint32_t id =
        binding->is_output ? graph->outputs[binding->index] : graph->inputs[binding->index];
    return graph->values[id].kind == PRT_VALUE_TENSOR ? id : PRT_NO_VALUE;
}

static unsigned char *address_of(const struct prt_binding *binding)
{
    return (unsigned char *)prt_buffer_data(binding->buffer) + binding->offset;
}

static enum percept_status check(const struct prt_variant *variant,
                                 const struct prt_binding *binding, struct percept_error *error)
{
    const char *what = binding->is_output ? "output" : "input";
    uint32_t id = value_of(variant->graph, binding);
    size_t end;
    if (id == PRT_NO_VALUE)
        return percept_fail(error, PERCEPT_INVALID, "%s %zu is no tensor of the method", what,
                            binding->index);
    if (!binding->buffer)
        return PERCEPT_OK;
    size_t bytes = variant->graph->values[id].bytes, most = prt_buffer_bytes(binding->buffer);
    if (!base_add_size(binding->offset, bytes, &end) || end > most)
        return percept_fail(error, PERCEPT_INVALID,
                            "%s %zu has %zu bytes: from %zu on, a buffer of %zu has no room", what,
                            binding->index, bytes, binding->offset, most);
    if ((uintptr_t)address_of(binding) % PRT_PLAN_ALIGNMENT)
        return percept_fail(
            error, PERCEPT_INVALID,
            "%s %zu would begin at byte %zu of a buffer, which is no multiple of %d", what,
            binding->index, binding->offset, PRT_PLAN_ALIGNMENT);
    return binding->is_output && prt_buffer_is_read_only(binding->buffer)
               ? percept_fail(error, PERCEPT_INVALID, "output %zu: the buffer may be read only",
                              binding->index)
               : PERCEPT_OK;
}

static unsigned times_in(const uint32_t *ids, uint32_t count, uint32_t id)
{
    unsigned times = 0;
    for (uint32_t i = 0; i < count; i++)
        times += ids[i] == id;
    return times;
}

/* May the value's root lie elsewhere? It must be no more than the value, and be nobody else's to
 * read or write; and devices write whole words of 32 bits. */
static bool may_move(const struct prt_variant *variant, uint32_t id, bool is_output)
{
    const unsigned outside = PRT_FLAG_INPUT | PRT_FLAG_OUTPUT | PRT_FLAG_STATE;
    const struct prt_graph *graph = variant->graph;
    const struct prt_place *places = variant->plan.places;
    uint32_t root = places[id].root;
    if (places[id].delta || graph->values[root].bytes != graph->values[id].bytes ||
        graph->values[root].flags & (PRT_FLAG_CONSTANT | PRT_FLAG_STATE) ||
        (is_output && graph->values[id].bytes % 4) ||
        times_in(graph->inputs, graph->input_count, id) +
                times_in(graph->outputs, graph->output_count, id) !=
            1)
        return false;
    for (uint32_t i = 0; i < graph->value_count; i++)
        if (i != id && graph->values[i].kind == PRT_VALUE_TENSOR && places[i].root == root &&
            graph->values[i].flags & outside)
            return false;
    return true;
}

/* ---- placing ---- */

static void place_home(struct prt_variant *variant, uint32_t id)
{
    uint32_t root = variant->plan.places[id].root;
    void *home = prt_plan_address(variant->graph, &variant->plan, variant->memory, root);
    if (home && !(variant->graph->values[root].flags & PRT_FLAG_CONSTANT))
        prt_variant_place(variant, root, home);
}

static void place(struct prt_variant *variant, struct prt_binding *binding)
{
    uint32_t id = value_of(variant->graph, binding);
    binding->in_place = binding->buffer && may_move(variant, id, binding->is_output);
    binding->taker = NULL;
    if (!binding->in_place) {
        place_home(variant, id);
        return;
    }
    const struct prt_backend *const *backends = variant->placements[0].backends;
    for (unsigned i = 0; backends[i] && !binding->taker; i++)
        if (prt_buffer_offer(binding->buffer, backends[i]))
            binding->taker = backends[i];
    prt_variant_place(variant, variant->plan.places[id].root, address_of(binding));
}

enum percept_status prt_bindings_set(struct prt_bindings *bindings, struct prt_variant *variant,
                                     const struct prt_binding *wanted, struct percept_error *error)
{
    if (PRT_ONE_BACKEND)
        return percept_fail(error, PERCEPT_UNSUPPORTED,
                            "a runtime for some programs has no buffers");
    enum percept_status status = check(variant, wanted, error);
    if (status != PERCEPT_OK)
        return status;
    struct prt_binding *binding = find(bindings, wanted->is_output, wanted->index);
    if (!binding && !wanted->buffer)
        return PERCEPT_OK;
    if (!binding) {
        struct prt_binding *larger =
            realloc(bindings->list, (bindings->count + 1) * sizeof *larger);
        if (!larger)
            return percept_fail(error, PERCEPT_NO_MEMORY, "no memory to bind a buffer");
        bindings->list = larger;
        binding = &larger[bindings->count++];
    }
    *binding = *wanted;
    place(variant, binding);
    if (!wanted->buffer)
        *binding = bindings->list[--bindings->count];
    return PERCEPT_OK;
}

enum percept_status prt_bindings_apply(struct prt_bindings *bindings, struct prt_variant *variant,
                                       struct percept_error *error)
{
    const struct prt_graph *graph = variant->graph;
    if (PRT_ONE_BACKEND)
        return PERCEPT_OK;
    for (size_t i = 0; i < bindings->count; i++) {
        enum percept_status status = check(variant, &bindings->list[i], error);
        if (status != PERCEPT_OK)
            return status;
    }
    /* It may have run before, with other ones. */
    for (uint32_t i = 0; i < graph->input_count + graph->output_count; i++) {
        uint32_t id =
            i < graph->input_count ? graph->inputs[i] : graph->outputs[i - graph->input_count];
        if (graph->values[id].kind == PRT_VALUE_TENSOR)
            place_home(variant, id);
    }
    for (size_t i = 0; i < bindings->count; i++)
        place(variant, &bindings->list[i]);
    return PERCEPT_OK;
}

/* ---- running ---- */

/* Will the host read or write the buffer in a run? */
static bool host_uses(const struct prt_binding *binding, const struct prt_variant *variant)
{
    const struct prt_variant_placement *placement = prt_variant_placement(variant);
    bool uses = !binding->in_place;
    for (uint32_t i = 0; i < placement->segment_count; i++)
        uses |= placement->segments[i].backend != binding->taker;
    return uses;
}

enum percept_status prt_bindings_begin(struct prt_bindings *bindings,
                                       const struct prt_variant *variant,
                                       struct percept_error *error)
{
    for (size_t i = 0; !PRT_ONE_BACKEND && i < bindings->count; i++) {
        struct prt_binding *binding = &bindings->list[i];
        bool host = host_uses(binding, variant);
        enum percept_status status = PERCEPT_OK;
        if (!host)
            status = prt_buffer_wait(binding->buffer, binding->is_output, error);
        else if (!binding->begun)
            status = prt_buffer_begin(binding->buffer, binding->is_output, error);
        if (status != PERCEPT_OK)
            return status;
        binding->begun |= host;
        uint32_t id = value_of(variant->graph, binding);
        if (!binding->in_place && !binding->is_output && variant->graph->values[id].bytes)
            memcpy(variant->data[id], address_of(binding), variant->graph->values[id].bytes);
    }
    return PERCEPT_OK;
}

enum percept_status prt_bindings_end(struct prt_bindings *bindings,
                                     const struct prt_variant *variant, enum percept_status status,
                                     struct percept_error *error)
{
    for (size_t i = 0; !PRT_ONE_BACKEND && i < bindings->count; i++) {
        struct prt_binding *binding = &bindings->list[i];
        uint32_t id = value_of(variant->graph, binding);
        if (status == PERCEPT_OK && !binding->in_place && binding->is_output &&
            variant->graph->values[id].bytes)
            memcpy(address_of(binding), variant->data[id], variant->graph->values[id].bytes);
        if (!binding->begun)
            continue;
        binding->begun = false;
        enum percept_status ended = prt_buffer_end(binding->buffer, binding->is_output,
                                                   status == PERCEPT_OK ? error : NULL);
        status = status == PERCEPT_OK ? ended : status;
    }
    return status;
}
