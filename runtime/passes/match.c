/* Why: patterns read as patterns when the questions they are made of have names. */
#include "runtime/passes/match.h"

#include "runtime/deferred.h"

#include <string.h>

struct prt_node *prt_match_producer(const struct prt_graph *graph, uint32_t id)
{
    if (id == PRT_NO_VALUE || graph->values[id].producer == PRT_NO_VALUE)
        return NULL;
    struct prt_node *node = &graph->nodes[graph->values[id].producer];
    return node->removed ? NULL : node;
}

struct prt_node *prt_match_made_by(const struct prt_graph *graph, uint32_t id, enum prt_op op)
{
    struct prt_node *node = prt_match_producer(graph, id);
    return node && node->op == op ? node : NULL;
}

const struct prt_backend *prt_match_backend(const struct prt_graph *graph,
                                            const struct prt_node *node,
                                            const struct prt_backend *const *backends)
{
    while (*backends && !(*backends)->supports(graph, node))
        backends++;
    return *backends;
}

bool prt_match_append(struct prt_graph *graph, const struct prt_node *node)
{
    struct prt_node *appended = prt_graph_add_node(graph, node->op, 0, 0);
    if (appended)
        *appended = *node;
    return appended != NULL;
}

const struct prt_tensor *prt_match_tensor(const struct prt_graph *graph, uint32_t id)
{
    if (id == PRT_NO_VALUE || graph->values[id].kind != PRT_VALUE_TENSOR)
        return NULL;
    return &graph->values[id].tensor;
}

bool prt_match_is_constant(const struct prt_graph *graph, uint32_t id)
{
    return prt_match_tensor(graph, id) && graph->values[id].flags & PRT_FLAG_CONSTANT;
}

bool prt_match_is_quantised(const struct prt_graph *graph, uint32_t id)
{
    const struct prt_tensor *tensor = prt_match_tensor(graph, id);
    return tensor && tensor->quant.kind != PRT_QUANT_NONE;
}

bool prt_match_is_f32(const struct prt_graph *graph, uint32_t id)
{
    const struct prt_tensor *tensor = prt_match_tensor(graph, id);
    return tensor && tensor->dtype == PRT_F32;
}

bool prt_match_same_codes(const struct prt_tensor *a, const struct prt_tensor *b)
{
    if (a->dtype != b->dtype || a->quant.kind != b->quant.kind)
        return false;
    return a->quant.kind == PRT_QUANT_NONE ||
           (a->quant.kind == PRT_QUANT_PER_TENSOR && a->quant.scale == b->quant.scale &&
            a->quant.zero_point == b->quant.zero_point);
}

bool prt_match_number(const struct prt_graph *graph, uint32_t id, double *number)
{
    if (id == PRT_NO_VALUE)
        return false;
    const struct prt_value *value = &graph->values[id];
    switch (value->kind) {
    case PRT_VALUE_INT:
        *number = (double)value->i;
        return true;
    case PRT_VALUE_DOUBLE:
        *number = value->d;
        return true;
    case PRT_VALUE_BOOL:
        *number = value->b;
        return true;
    default:
        if (!prt_match_is_constant(graph, id) || !prt_match_is_f32(graph, id) ||
            prt_tensor_elements(&value->tensor) != 1)
            return false;
        *number = (double)*(const float *)value->data;
        return true;
    }
}

float *prt_match_channels(struct prt_graph *graph, uint32_t id, const struct prt_tensor *y,
                          unsigned axis)
{
    const struct prt_tensor *x = prt_match_tensor(graph, id);
    size_t count = (size_t)y->sizes[axis];
    double number;
    bool same = prt_match_number(graph, id, &number);
    if (!same) {
        if (!x || !prt_match_is_constant(graph, id) || x->dtype != PRT_F32 || x->rank > y->rank)
            return NULL;
        for (unsigned i = 0; i < x->rank; i++) {
            bool along = i + (y->rank - x->rank) == axis;
            if (x->sizes[i] != (along ? y->sizes[axis] : 1))
                return NULL;
        }
        if (prt_tensor_elements(x) != count)
            return NULL;
    }
    const float *data = same ? NULL : prt_deferred_data(graph, id);
    float *channels = base_arena_array(&graph->arena, count, sizeof *channels);
    if (!channels || (!same && !data))
        return NULL;
    for (size_t i = 0; i < count; i++)
        channels[i] = same ? (float)number : data[i];
    return channels;
}

uint32_t prt_match_add_constant(struct prt_graph *graph, const struct prt_tensor *tensor,
                                const void *data)
{
    uint32_t id = prt_graph_add_tensor(graph, tensor);
    if (id != PRT_NO_VALUE) {
        graph->values[id].flags = PRT_FLAG_CONSTANT;
        graph->values[id].data = data;
    }
    return id;
}

uint32_t prt_match_add_vector(struct prt_graph *graph, const float *data, int32_t count)
{
    const struct prt_tensor tensor = {.dtype = PRT_F32, .rank = 1, .sizes = {count}};
    return prt_match_add_constant(graph, &tensor, data);
}

static float clamp(float x, double lo, double hi)
{
    double low = (double)x > lo ? (double)x : lo;
    return (float)(low < hi ? low : hi);
}

void prt_match_merge_clamp(struct prt_activation *inner, double lo, double hi)
{
    if (inner->kind == PRT_ACT_CLAMP)
        *inner = (struct prt_activation){PRT_ACT_CLAMP, clamp(inner->lo, lo, hi),
                                         clamp(inner->hi, lo, hi)};
    else
        *inner = (struct prt_activation){PRT_ACT_CLAMP, (float)lo, (float)hi};
}
