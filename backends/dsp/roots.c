/* Why: a segment copies no more than what others wrote before it or read after it, and keeps what
 * nobody else sees where the processor is quick to reach it. */
#include "backends/dsp/segment.h"

#include "base/checked.h"
#include "runtime/crossings.h"

#include <stdlib.h>

static bool is_tensor(const struct prt_graph *graph, uint32_t id)
{
    return id != PRT_NO_VALUE && graph->values[id].kind == PRT_VALUE_TENSOR;
}

static const struct dsp_root *root_of(const struct prt_segment *segment, uint32_t id)
{
    return &segment->roots[segment->places[id].root];
}

size_t dsp_root_offset(const struct prt_segment *segment, uint32_t value)
{
    return root_of(segment, value)->offset + segment->places[value].delta;
}

/* Without a plan each value lies by itself. */
static enum percept_status make_places(struct prt_segment *segment, struct percept_error *error)
{
    segment->own_places =
        calloc((size_t)segment->graph->value_count + 1, sizeof *segment->own_places);
    if (!segment->own_places)
        return percept_fail(error, PERCEPT_NO_MEMORY, "dsp: no memory for a segment");
    for (uint32_t i = 0; i < segment->graph->value_count; i++) {
        const struct prt_value *value = &segment->graph->values[i];
        size_t bytes;
        segment->own_places[i] = (struct prt_place){.root = i, .offset = segment->arena_bytes};
        if (is_tensor(segment->graph, i) && !(value->flags & PRT_FLAG_CONSTANT) &&
            (!base_align_size(value->bytes, 64, &bytes) ||
             !base_add_size(segment->arena_bytes, bytes, &segment->arena_bytes)))
            return percept_fail(error, PERCEPT_LIMIT, "dsp: the tensors are too large");
    }
    segment->places = segment->own_places;
    return PERCEPT_OK;
}

static void touch(struct prt_segment *segment, uint32_t step, uint32_t id, bool writes)
{
    if (id == PRT_NO_VALUE)
        return;
    uint32_t root = segment->places[id].root;
    struct dsp_root *place = &segment->roots[root];
    if (!place->used) {
        segment->touched[segment->touched_count++] = root;
        place->first = step;
    }
    place->used = true;
    place->written |= writes;
    place->last = step;
}

/* What others do with the roots. */
static bool find_neighbours(struct prt_segment *segment, const struct prt_compile *compile)
{
    struct prt_crossing *crossings =
        calloc((size_t)compile->graph->value_count + 1, sizeof *crossings);
    if (!crossings)
        return false;
    prt_crossings_find(compile, crossings);
    for (uint32_t t = 0; t < segment->touched_count; t++) {
        struct dsp_root *root = &segment->roots[segment->touched[t]];
        root->enters = crossings[segment->touched[t]].enters;
        root->leaves = crossings[segment->touched[t]].leaves;
    }
    free(crossings);
    return true;
}

/* Constants lie in the order in which they are met, states behind the arena. */
static bool place(struct prt_segment *segment, uint32_t id)
{
    const struct prt_value *value = &segment->graph->values[id];
    struct dsp_root *root = &segment->roots[id];
    size_t *end =
        value->flags & PRT_FLAG_CONSTANT ? &segment->constants_bytes : &segment->arena_bytes;
    root->bytes = value->bytes;
    root->space = value->flags & PRT_FLAG_CONSTANT ? DSP_CONSTANTS : DSP_ARENA;
    root->offset = segment->places[id].offset;
    if (!(value->flags & (PRT_FLAG_CONSTANT | PRT_FLAG_STATE)))
        return true;
    return base_align_size(*end, 64, &root->offset) &&
           base_add_size(root->offset, root->bytes, end);
}

enum percept_status dsp_find_roots(struct prt_segment *segment, const struct prt_compile *compile,
                                   struct percept_error *error)
{
    segment->roots = calloc((size_t)segment->graph->value_count + 1, sizeof *segment->roots);
    segment->touched = calloc((size_t)segment->graph->value_count + 1, sizeof *segment->touched);
    if (!segment->roots || !segment->touched)
        return percept_fail(error, PERCEPT_NO_MEMORY, "dsp: no memory for a segment");
    segment->places = compile->places;
    segment->arena_bytes = compile->places ? compile->arena_bytes : 0;
    enum percept_status status = segment->places ? PERCEPT_OK : make_places(segment, error);
    if (status != PERCEPT_OK)
        return status;
    for (uint32_t i = 0; i < segment->step_count; i++) {
        const struct dsp_lowered *lowered = &segment->steps[i].lowered;
        for (int k = 0; k < DSP_OPERANDS; k++)
            touch(segment, i, lowered->x[k], false);
        touch(segment, i, lowered->y, true);
    }
    if (!find_neighbours(segment, compile))
        return percept_fail(error, PERCEPT_NO_MEMORY, "dsp: no memory for a segment");
    for (uint32_t t = 0; t < segment->touched_count; t++)
        if (!place(segment, segment->touched[t]))
            return percept_fail(error, PERCEPT_LIMIT, "dsp: the tensors are too large");
    return PERCEPT_OK;
}
