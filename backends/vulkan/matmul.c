/* Why: products of two computed matrices. Those with constant weights are LINEAR, and packed. */
#include "backends/vulkan/layer.h"

#include <string.h>

enum { LEADING = 8 }; /* dimensions of batches: lead in shaders/layer.glsl */

static const char *refuses(const struct prt_graph *graph, const struct prt_node *node)
{
    const struct prt_tensor *a = vk_tensor(graph, node, 0), *b = vk_tensor(graph, node, 1),
                            *y = vk_result(graph, node);
    if (a->dtype != PRT_F32 || b->dtype != PRT_F32 || y->dtype != PRT_F32)
        return "it is not of 32-bit floats";
    if (!prt_tensor_is_contiguous(a) || !prt_tensor_is_contiguous(b) ||
        !prt_tensor_is_contiguous(y))
        return "its matrices do not lie in order";
    if (y->rank > LEADING + 2 || prt_tensor_elements(a) > INT32_MAX ||
        prt_tensor_elements(b) > INT32_MAX || prt_tensor_elements(y) > INT32_MAX)
        return "it is too large";
    int64_t batches = 1;
    for (unsigned i = 0; i + 2 < y->rank; i++)
        batches *= y->sizes[i];
    return vk_layer_is_too_large(y->sizes[y->rank - 2], batches) ? "it is too large" : NULL;
}

/* Stride of each of y's leading dimensions, the innermost last, in a tensor that broadcasts. */
static void lead_strides(const struct prt_tensor *tensor, int32_t to[LEADING])
{
    int64_t strides[PRT_MAX_RANK];
    prt_tensor_strides(tensor, strides);
    for (int d = 0; d + 2 < tensor->rank; d++)
        to[LEADING - tensor->rank + 2 + d] = tensor->sizes[d] == 1 ? 0 : (int32_t)strides[d];
}

static enum percept_status emit_matmul(const struct vk_emit *emit)
{
    const struct prt_tensor *a = vk_tensor(emit->graph, emit->node, 0),
                            *b = vk_tensor(emit->graph, emit->node, 1),
                            *y = vk_result(emit->graph, emit->node);
    int32_t rows = y->sizes[y->rank - 2], columns = y->sizes[y->rank - 1],
            numbers = a->sizes[a->rank - 1];
    struct vk_layer layer = {
        .emit = emit,
        .type_w = vk_type(emit, emit->node->inputs[1]),
        .after = VK_UNARY_NONE,
        .weights = emit->node->attrs.matmul.transpose_b ? VK_WEIGHTS_COLUMNS : VK_WEIGHTS_ROWS,
        .residual = PRT_NO_VALUE,
        .w = vk_read(emit->node->inputs[1]),
    };
    if (prt_tensor_elements(y) == 0)
        return PERCEPT_OK;
    vk_layer_rows(&layer, rows, numbers, columns);
    struct vk_layer_params *p = &layer.params;
    p->depth[0] = p->depth[1] = vk_layer_columns(numbers);
    p->depth[2] = p->depth[3] = vk_layer_columns(columns) / 4;
    for (int i = 0; i < LEADING; i++) {
        int d = i - LEADING + y->rank - 2;
        p->lead[i] = d < 0 ? 1 : y->sizes[d];
        layer.groups *= p->lead[i];
    }
    lead_strides(a, p->lead_x);
    lead_strides(b, p->lead_w);
    struct vk_channels channels; /* no bias */
    if (!vk_layer_channels(&layer, &channels))
        return PERCEPT_NO_MEMORY;
    return vk_layer_dispatch(&layer);
}

const struct vk_kernel vk_matmul = {refuses, emit_matmul};
