/* Why: bags of rows of a table; which rows make a bag comes with the data. */
#include "backends/vulkan/elements.h"

enum { LOCAL = 64 };

_Static_assert(VK_BAG_SUM == PRT_BAG_SUM && VK_BAG_MEAN == PRT_BAG_MEAN &&
                   VK_BAG_MAX == PRT_BAG_MAX,
               "shaders/codes.h");

struct bag_params {
    VK_PARAMS_HEAD;
    uint32_t rows, width, indices, offsets, bags, node;
    int64_t padding;
};

static const char *embedding_bag_refuses(const struct prt_graph *graph, const struct prt_node *node)
{
    for (unsigned i = 0; i < 4; i++) {
        const struct prt_tensor *x = vk_tensor(graph, node, i);
        if (x && !prt_tensor_is_contiguous(x))
            return "an operand is not row-major";
        if (x && vk_refuses_large(x))
            return vk_refuses_large(x);
    }
    const struct prt_tensor *y = vk_result(graph, node);
    if (!prt_tensor_is_contiguous(y))
        return "the result is not row-major";
    return vk_is_real(y) ? vk_refuses_large(y) : "the elements have 64 bits";
}

static enum percept_status embedding_bag_emit(const struct vk_emit *emit)
{
    const struct prt_node *node = emit->node;
    const struct prt_tensor *table = vk_tensor(emit->graph, node, 0),
                            *y = vk_result(emit->graph, node);
    bool weighted = vk_tensor(emit->graph, node, 3) != NULL;
    struct bag_params params = {
        .rows = (uint32_t)table->sizes[0],
        .width = (uint32_t)table->sizes[1],
        .indices = (uint32_t)vk_tensor(emit->graph, node, 1)->sizes[0],
        .offsets = (uint32_t)vk_tensor(emit->graph, node, 2)->sizes[0],
        .bags = (uint32_t)y->sizes[0],
        .node = (uint32_t)(node - emit->graph->nodes),
        .padding = node->attrs.bag.padding,
    };
    struct vk_call call = {
        .shader = VK_SHADER_embedding_bag,
        .constant_count = 8,
        .constants = {LOCAL, vk_type(emit, node->outputs[0]), vk_type(emit, node->inputs[0]),
                      vk_type(emit, node->inputs[1]), vk_type(emit, node->inputs[2]),
                      weighted ? vk_type(emit, node->inputs[3]) : 0, weighted,
                      node->attrs.bag.mode},
        .params = &params,
        .params_bytes = sizeof params,
        .operands = {vk_write(node->outputs[0]), vk_read(node->inputs[0]), vk_read(node->inputs[1]),
                     vk_read(node->inputs[2])}};
    if (weighted)
        call.operands[4] = vk_read(node->inputs[3]);
    call.operands[5] = vk_faults();
    uint64_t count = prt_tensor_elements(y);
    vk_spread(emit, count, LOCAL, call.groups);
    return count ? vk_dispatch(emit, &call) : PERCEPT_OK;
}

const struct vk_kernel vk_embedding_bag = {embedding_bag_refuses, embedding_bag_emit};
