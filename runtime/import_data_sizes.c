/*
 * Why: how many elements of a mask are true, a run tells, and graphs have fixed sizes. So a graph
 * is made for a number that was found before, or for the largest, and has an EXPECT that compares
 * it with the run's own: on a difference the run ends, and the model makes the graph for that
 * number.
 */
#include "runtime/import.h"

#include <string.h>

enum { FIRST_SIZES = 16 };

int64_t prt_import_data_size(const struct prt_import *import, unsigned ahead, int64_t most)
{
    size_t index = (size_t)import->found_count + ahead;
    return index < import->data_size_count ? import->data_sizes[index] : most;
}

static enum percept_status grow(struct prt_import *import)
{
    uint32_t capacity = import->found_capacity ? import->found_capacity * 2 : FIRST_SIZES;
    uint32_t *found = base_arena_array(&import->arena, capacity, sizeof *found);
    int64_t *expected = base_arena_array(&import->arena, capacity, sizeof *expected);
    if (!found || !expected || capacity < import->found_capacity)
        return prt_import_no_memory(import);
    if (import->found_count) {
        memcpy(found, import->found, import->found_count * sizeof *found);
        memcpy(expected, import->expected, import->found_count * sizeof *expected);
    }
    import->found = found;
    import->expected = expected;
    import->found_capacity = capacity;
    return PERCEPT_OK;
}

enum percept_status prt_import_expect(struct prt_import *import, uint32_t x, int64_t size)
{
    uint32_t y;
    enum percept_status status =
        import->found_count == import->found_capacity ? grow(import) : PERCEPT_OK;
    if (status == PERCEPT_OK)
        status = prt_import_temporary(import, prt_import_spec(import, x), &y);
    if (status != PERCEPT_OK)
        return status;
    struct prt_node *node = prt_import_node(import, PRT_OP_EXPECT, y, 1, &x);
    if (!node)
        return PERCEPT_NO_MEMORY;
    node->attrs.expect.size = size;
    import->expected[import->found_count] = size;
    import->found[import->found_count++] = y;
    return PERCEPT_OK;
}

enum percept_status prt_import_data_outputs(struct prt_import *import)
{
    struct prt_graph *graph = import->graph;
    if (import->found_count == 0)
        return PERCEPT_OK;
    uint32_t *outputs = base_arena_array(
        &graph->arena, (size_t)graph->output_count + import->found_count, sizeof *outputs);
    graph->data_sizes =
        base_arena_array(&graph->arena, import->found_count, sizeof *graph->data_sizes);
    if (!outputs || !graph->data_sizes)
        return prt_import_no_memory(import);
    if (graph->output_count)
        memcpy(outputs, graph->outputs, graph->output_count * sizeof *outputs);
    graph->outputs = outputs;
    for (uint32_t i = 0; i < import->found_count; i++) {
        graph->data_sizes[i] = (struct prt_data_size){graph->output_count, import->expected[i]};
        outputs[graph->output_count++] = import->found[i];
    }
    graph->data_size_count = import->found_count;
    graph->hidden_output_count += import->found_count;
    return PERCEPT_OK;
}
