/* Why: a row that shared memory holds is sorted there; longer ones are left to the CPU. */
#include "backends/vulkan/elements.h"

enum { LOCAL = 128 };

struct sort_params {
    VK_PARAMS_HEAD;
    uint32_t rows, size, inner, wanted;
};

static const char *argsort_refuses(const struct prt_graph *graph, const struct prt_node *node)
{
    const struct prt_tensor *x = vk_tensor(graph, node, 0), *y = vk_result(graph, node);
    if (!prt_tensor_is_contiguous(x) || !prt_tensor_is_contiguous(y))
        return "a tensor is not row-major";
    if (!vk_is_real(x) && !vk_is_code(x) && !vk_is_integer(x))
        return "elements of 64 bits, and unsigned ones, are left to the CPU";
    if (x->sizes[node->attrs.argsort.axis] > VK_SORT_SIZE)
        return "the rows are longer than shared memory";
    return vk_refuses_large(x);
}

static enum percept_status argsort_emit(const struct vk_emit *emit)
{
    const struct prt_argsort_attrs *attrs = &emit->node->attrs.argsort;
    const struct prt_tensor *x = vk_tensor(emit->graph, emit->node, 0),
                            *y = vk_result(emit->graph, emit->node);
    struct sort_params params = {.rows = 1,
                                 .size = (uint32_t)x->sizes[attrs->axis],
                                 .inner = 1,
                                 .wanted = (uint32_t)y->sizes[attrs->axis]};
    for (int i = 0; i < x->rank; i++) {
        params.rows *= i == attrs->axis ? 1 : (uint32_t)x->sizes[i];
        params.inner *= i > attrs->axis ? (uint32_t)x->sizes[i] : 1;
    }
    uint32_t room = 2;
    while (room < params.size)
        room *= 2;
    struct vk_call call = {
        .shader = VK_SHADER_argsort,
        .constant_count = 6,
        .constants = {LOCAL, vk_type(emit, emit->node->inputs[0]), room, !vk_is_real(x),
                      attrs->descending, attrs->median},
        .params = &params,
        .params_bytes = sizeof params,
        .operands = {vk_write(emit->node->outputs[0]), vk_read(emit->node->inputs[0])}};
    vk_spread(emit, (uint64_t)params.rows * LOCAL, LOCAL, call.groups);
    return prt_tensor_elements(y) ? vk_dispatch(emit, &call) : PERCEPT_OK;
}

const struct vk_kernel vk_argsort = {argsort_refuses, argsort_emit};
