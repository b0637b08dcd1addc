/*
 * Why: how many elements of a mask are true, a run tells, and graphs have fixed sizes. So a graph
 * is made for a number that was found before, or for the largest, and has an EXPECT that compares
 * it with the run's own: on a difference the run ends, and the model makes the graph for that
 * number. Likewise for sizes that are computed from numbers in tensors, and for branches.
 */
#include "runtime/import.h"

#include <string.h>

enum { FIRST_SIZES = 16, MOST_SIZES = 4096 };

int64_t prt_import_data_size(const struct prt_import *import, unsigned ahead, int64_t most)
{
    size_t index = (size_t)import->found_count + ahead;
    return index < import->data_size_count ? import->data_sizes[index] : most;
}

static enum percept_status grow(struct prt_import *import)
{
    uint32_t capacity = import->found_capacity ? import->found_capacity * 2 : FIRST_SIZES;
    uint32_t *found = base_arena_array(&import->arena, capacity, sizeof *found);
    uint32_t *asked = base_arena_array(&import->arena, capacity, sizeof *asked);
    int64_t *expected = base_arena_array(&import->arena, capacity, sizeof *expected);
    if (!found || !asked || !expected)
        return prt_import_no_memory(import);
    if (import->found_count) {
        memcpy(found, import->found, import->found_count * sizeof *found);
        memcpy(asked, import->asked, import->found_count * sizeof *asked);
        memcpy(expected, import->expected, import->found_count * sizeof *expected);
    }
    import->found = found;
    import->asked = asked;
    import->expected = expected;
    import->found_capacity = capacity;
    return PERCEPT_OK;
}

enum percept_status prt_import_expect(struct prt_import *import, uint32_t x, int64_t size)
{
    uint32_t y;
    if (import->found_count == MOST_SIZES)
        return prt_import_fail(import, PERCEPT_LIMIT,
                               "the data decide more than %d sizes and branches", MOST_SIZES);
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
    import->asked[import->found_count] = x;
    import->found[import->found_count++] = y;
    return PERCEPT_OK;
}

enum percept_status prt_import_settle(struct prt_import *import, uint32_t v, int64_t most)
{
    struct prt_program_value *value = &import->values[v];
    if (value->kind != PRT_VALUE_AT_RUN)
        return PERCEPT_OK;
    uint32_t x = value->run.id;
    int64_t offset = value->run.offset, number;
    if (x == PRT_NO_VALUE || !prt_import_follows_data())
        return prt_import_fail(import, PERCEPT_UNSUPPORTED,
                               "takes a number that is computed from the data of a run");
    uint32_t known = 0;
    while (known < import->found_count && import->asked[known] != x)
        known++;
    if (known == import->found_count) {
        number = 0;
        (void)__builtin_sub_overflow(most, offset, &number); /* any number will do */
        number = prt_import_data_size(import, 0, number);
        enum percept_status status = prt_import_expect(import, x, number);
        if (status != PERCEPT_OK)
            return status;
    }
    if (__builtin_add_overflow(import->expected[known], offset, &number))
        return prt_import_fail(import, PERCEPT_MALFORMED, "takes a number that overflows");
    *value = (struct prt_program_value){.kind = PRT_VALUE_INT, .i = number};
    return PERCEPT_OK;
}

/*
 * What a run finds comes as early as it can, with what it is computed from and nothing else: a run
 * that ends there has computed little. One after the other as before, since what a later one is
 * computed from may rely on the earlier.
 */
static enum percept_status find_first(struct prt_import *import)
{
    struct prt_graph *graph = import->graph;
    uint32_t last = import->found_count, finds = last;
    struct prt_node *nodes =
        base_arena_copy(&import->arena, graph->nodes, graph->node_count * sizeof *nodes);
    uint32_t *rank = base_arena_array(&import->arena, graph->node_count, sizeof *rank);
    uint32_t *next = base_arena_array(&import->arena, (size_t)last + 2, sizeof *next);
    if (!nodes || !rank || !next)
        return prt_import_no_memory(import);
    for (uint32_t n = 0; n < graph->node_count; n++)
        rank[n] = last;
    for (uint32_t n = graph->node_count; n-- > 0;) {
        if (nodes[n].op == PRT_OP_EXPECT)
            rank[n] = --finds;
        for (unsigned i = 0; i < nodes[n].input_count; i++) {
            uint32_t x = nodes[n].inputs[i];
            uint32_t from = x == PRT_NO_VALUE ? PRT_NO_VALUE : graph->values[x].producer;
            if (from != PRT_NO_VALUE && rank[n] < rank[from])
                rank[from] = rank[n];
        }
    }
    for (uint32_t n = 0; n < graph->node_count; n++)
        next[rank[n] + 1]++;
    for (uint32_t r = 0; r < last; r++)
        next[r + 1] += next[r];
    for (uint32_t n = 0; n < graph->node_count; n++) {
        uint32_t place = next[rank[n]]++;
        graph->nodes[place] = nodes[n];
        for (unsigned i = 0; i < nodes[n].output_count; i++)
            graph->values[nodes[n].outputs[i]].producer = place;
    }
    return PERCEPT_OK;
}

enum percept_status prt_import_data_outputs(struct prt_import *import)
{
    struct prt_graph *graph = import->graph;
    if (import->found_count == 0 || !prt_import_follows_data())
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
    return find_first(import);
}
