/* Why: softmax and norms read a row a few times; those who share it add up in shared memory. */
#include "backends/vulkan/rows.h"

#include "backends/vulkan/elements.h"

struct row_params {
    VK_PARAMS_HEAD;
    struct vk_coding coding;
    uint32_t rows, length, inner, elements;
    float epsilon, unused[3];
};

static enum percept_status dispatch_rows(const struct vk_emit *emit, struct vk_call *call,
                                         struct row_params *params, enum vk_shader plain,
                                         enum vk_shader subgroup)
{
    bool across = params->inner > 1;
    uint32_t lanes = vk_lanes(params->length, across);
    if (params->elements == 0)
        return PERCEPT_OK;
    call->shader = vk_folding(emit, lanes, plain, subgroup);
    call->constants[0] = VK_ROWS_LOCAL;
    call->constants[1] = vk_type(emit, emit->node->outputs[0]);
    call->constants[2] = vk_type(emit, emit->node->inputs[0]);
    call->constants[3] = lanes;
    call->constants[4] = across;
    call->constants[5] = !across && params->length % 4 == 0 ? 4 : 1;
    call->params = params;
    call->params_bytes = sizeof *params;
    call->operands[0] = vk_write(emit->node->outputs[0]);
    call->operands[1] = vk_read(emit->node->inputs[0]);
    vk_spread(emit, (uint64_t)params->rows * lanes, VK_ROWS_LOCAL, call->groups);
    return vk_dispatch(emit, call);
}

/* ---- softmax ---- */

static const char *softmax_refuses(const struct prt_graph *graph, const struct prt_node *node)
{
    const struct prt_tensor *x = vk_tensor(graph, node, 0), *y = vk_result(graph, node);
    if (!prt_tensor_is_contiguous(x) || !prt_tensor_is_contiguous(y))
        return "the tensor is not row-major";
    const char *refusal = vk_refuses_large(y);
    return refusal ? refusal : vk_refuses_unreal(x, y);
}

static enum percept_status softmax_emit(const struct vk_emit *emit)
{
    const struct prt_softmax_attrs *attrs = &emit->node->attrs.softmax;
    const struct prt_tensor *x = vk_tensor(emit->graph, emit->node, 0),
                            *y = vk_result(emit->graph, emit->node);
    struct row_params params = {
        .coding = vk_coding_of(x, y),
        .rows = 1,
        .length = (uint32_t)x->sizes[attrs->axis],
        .inner = 1,
        .elements = (uint32_t)prt_tensor_elements(y),
    };
    for (int i = 0; i < x->rank; i++) {
        params.rows *= i == attrs->axis ? 1 : (uint32_t)x->sizes[i];
        params.inner *= i > attrs->axis ? (uint32_t)x->sizes[i] : 1;
    }
    struct vk_call call = {.constant_count = 7, .constants[6] = attrs->log};
    return dispatch_rows(emit, &call, &params, VK_SHADER_softmax, VK_SHADER_softmax_subgroup);
}

const struct vk_kernel vk_softmax = {softmax_refuses, softmax_emit};

/* ---- norms ---- */

static const char *layer_norm_refuses(const struct prt_graph *graph, const struct prt_node *node)
{
    const struct prt_tensor *x = vk_tensor(graph, node, 0), *y = vk_result(graph, node);
    if (vk_is_code(x))
        return "its elements are codes";
    for (unsigned i = 1; i < 3; i++)
        if (vk_tensor(graph, node, i) && !prt_tensor_is_contiguous(vk_tensor(graph, node, i)))
            return "the factors are not dense";
    if (!prt_tensor_same_layout(x, y) || x->dim_order[x->rank - 1] != x->rank - 1)
        return "the rows are not dense";
    const char *refusal = vk_refuses_large(y);
    return refusal ? refusal : vk_refuses_unreal(x, y);
}

static enum percept_status layer_norm_emit(const struct vk_emit *emit)
{
    const struct prt_layer_norm_attrs *attrs = &emit->node->attrs.layer_norm;
    const struct prt_tensor *x = vk_tensor(emit->graph, emit->node, 0);
    uint32_t elements = (uint32_t)prt_tensor_elements(x), length = (uint32_t)x->sizes[x->rank - 1];
    struct row_params params = {
        .coding = vk_coding_of(x, vk_result(emit->graph, emit->node)),
        .rows = length ? elements / length : 0,
        .length = length,
        .inner = 1,
        .elements = elements,
        .epsilon = (float)attrs->epsilon,
    };
    struct vk_call call = {.constant_count = 10, .constants[6] = attrs->rms};
    for (unsigned i = 1; i < 3; i++) {
        if (!vk_tensor(emit->graph, emit->node, i))
            continue;
        call.operands[1 + i] = vk_read(emit->node->inputs[i]);
        call.constants[6 + i] = vk_type(emit, emit->node->inputs[i]);
        call.constants[9] |= i;
    }
    return dispatch_rows(emit, &call, &params, VK_SHADER_layer_norm, VK_SHADER_layer_norm_subgroup);
}

const struct vk_kernel vk_layer_norm = {layer_norm_refuses, layer_norm_emit};
