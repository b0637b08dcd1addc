/* Why: a segment copies no more than what others wrote before it or read after it. */
#include "backends/vulkan/segment.h"

#include "base/checked.h"
#include "runtime/crossings.h"

#include <stdlib.h>

static bool is_tensor(const struct prt_graph *graph, uint32_t id)
{
    return id != PRT_NO_VALUE && graph->values[id].kind == PRT_VALUE_TENSOR;
}

static struct vk_root *root_of(struct prt_segment *segment, uint32_t id)
{
    return &segment->roots[segment->places[id].root];
}

/* Without a plan each value lies by itself. */
static enum percept_status make_places(struct prt_segment *segment, struct percept_error *error)
{
    segment->own_places =
        calloc((size_t)segment->graph->value_count + 1, sizeof *segment->own_places);
    if (!segment->own_places)
        return percept_fail(error, PERCEPT_NO_MEMORY, "vulkan: no memory for a segment");
    size_t offset = 0;
    for (uint32_t i = 0; i < segment->graph->value_count; i++)
        segment->own_places[i] = (struct prt_place){.root = i, .offset = SIZE_MAX};
    for (uint32_t n = 0; n < segment->node_count; n++) {
        const struct prt_node *node = &segment->graph->nodes[segment->nodes[n]];
        for (unsigned i = 0; i <= node->input_count; i++) {
            uint32_t id = i < node->input_count ? node->inputs[i] : node->outputs[0];
            if (!is_tensor(segment->graph, id) || segment->own_places[id].offset != SIZE_MAX)
                continue;
            segment->own_places[id].offset = offset;
            size_t bytes = segment->graph->values[id].bytes;
            if (!base_align_size(bytes + 64, 64, &bytes) || !base_add_size(offset, bytes, &offset))
                return percept_fail(error, PERCEPT_LIMIT, "vulkan: the tensors are too large");
        }
    }
    segment->places = segment->own_places;
    segment->own_bytes = offset;
    return PERCEPT_OK;
}

static void touch(struct prt_segment *segment, uint32_t id, bool writes)
{
    uint32_t root = segment->places[id].root;
    struct vk_root *place = &segment->roots[root];
    if (!place->used)
        segment->touched[segment->touched_count++] = root;
    place->used = true;
    place->written |= writes;
}

/* What others do with the roots, and what lies in them. */
static bool find_neighbours(struct prt_segment *segment, const struct prt_compile *compile)
{
    const struct prt_graph *graph = segment->graph;
    struct prt_crossing *crossings = calloc((size_t)graph->value_count + 1, sizeof *crossings);
    if (!crossings)
        return false;
    prt_crossings_find(compile, crossings);
    for (uint32_t i = 0; i < graph->value_count; i++) {
        if (!is_tensor(graph, i))
            continue;
        segment->roots[i].enters = crossings[i].enters;
        segment->roots[i].leaves = crossings[i].leaves;
        root_of(segment, i)->all_float &= graph->values[i].tensor.dtype == PRT_F32;
    }
    free(crossings);
    return true;
}

bool vk_is_constant(const struct prt_segment *segment, uint32_t root)
{
    return segment->graph->values[root].flags & PRT_FLAG_CONSTANT;
}

enum percept_status vk_find_roots(struct prt_segment *segment, const struct prt_compile *compile,
                                  struct percept_error *error)
{
    const struct prt_graph *graph = segment->graph;
    segment->roots = calloc((size_t)graph->value_count + 1, sizeof *segment->roots);
    segment->touched = calloc((size_t)graph->value_count + 1, sizeof *segment->touched);
    if (!segment->roots || !segment->touched)
        return percept_fail(error, PERCEPT_NO_MEMORY, "vulkan: no memory for a segment");
    segment->places = compile->places;
    segment->own_bytes = compile->arena_bytes;
    if (!segment->places) {
        enum percept_status status = make_places(segment, error);
        if (status != PERCEPT_OK)
            return status;
    }
    for (uint32_t i = 0; i < graph->value_count; i++)
        segment->roots[i].all_float = true;
    for (uint32_t n = 0; n < segment->node_count; n++) {
        const struct prt_node *node = &graph->nodes[segment->nodes[n]];
        for (unsigned i = 0; i < node->input_count; i++)
            if (is_tensor(graph, node->inputs[i]))
                touch(segment, node->inputs[i], false);
        touch(segment, node->outputs[0], true);
    }
    if (!find_neighbours(segment, compile))
        return percept_fail(error, PERCEPT_NO_MEMORY, "vulkan: no memory for a segment");
    /* Constants lie with the weights; states behind the arena. */
    uint32_t kept = 0;
    for (uint32_t t = 0; t < segment->touched_count; t++) {
        uint32_t id = segment->touched[t];
        struct vk_root *root = &segment->roots[id];
        if (vk_is_constant(segment, id))
            continue;
        root->bytes = graph->values[id].bytes;
        root->offset = segment->places[id].offset;
        root->is_half = segment->half && root->all_float && !root->enters && !root->leaves;
        if (graph->values[id].flags & PRT_FLAG_STATE) {
            size_t bytes;
            if (!base_align_size(segment->own_bytes, 64, &root->offset) ||
                !base_align_size(root->bytes, 64, &bytes) ||
                !base_add_size(root->offset, bytes, &segment->own_bytes))
                return percept_fail(error, PERCEPT_LIMIT, "vulkan: the states are too large");
        }
        segment->touched[kept++] = id;
    }
    segment->touched_count = kept;
    return PERCEPT_OK;
}
