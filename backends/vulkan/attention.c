/* Why: attention without scores in memory; heads that share their keys are the rows of one matrix
 * when each has a single query. */
#include "backends/vulkan/elements.h"

enum { LOCAL = 128, LEAD = 4, WIDTH = 256 };

struct attention_params {
    VK_PARAMS_HEAD;
    int32_t lead[LEAD];
    int32_t lead_strides[4][LEAD]; /* of q, k, v, y */
    int32_t share[2][LEAD];        /* of k, v */
    int32_t row[4];                /* of q, k, v, y */
    uint32_t rows, keys, depth, width;
    int32_t seen, seen_step, start, last;
    float scale;
    uint32_t mask_head, node, unused;
};

static bool rows_dense(const struct prt_tensor *tensor)
{
    int64_t strides[PRT_MAX_RANK];
    prt_tensor_strides(tensor, strides);
    return tensor->sizes[tensor->rank - 1] <= 1 || strides[tensor->rank - 1] == 1;
}

static const char *attention_refuses(const struct prt_graph *graph, const struct prt_node *node)
{
    const struct prt_tensor *mask = vk_tensor(graph, node, 3), *y = vk_result(graph, node);
    for (unsigned i = 0; i < 4; i++) {
        const struct prt_tensor *x = i < 3 ? vk_tensor(graph, node, i) : y;
        if (!vk_is_real(x))
            return "the elements are no real numbers";
        if (!rows_dense(x))
            return "the rows are not dense";
        if (vk_refuses_large(x))
            return vk_refuses_large(x);
    }
    if (y->rank > LEAD + 2)
        return "it has too many dimensions";
    if (mask && (!prt_tensor_is_contiguous(mask) || !vk_is_real(mask)))
        return "the mask is not of real numbers in row-major order";
    return mask ? vk_refuses_large(mask) : NULL;
}

/* How many neighbouring heads of q have their keys and values in common. */
static int32_t sharing_heads(const struct prt_tensor *q, const struct prt_tensor *k,
                             const struct prt_tensor *v)
{
    if (q->rank < 3 || k->sizes[q->rank - 3] != v->sizes[q->rank - 3])
        return 1;
    int32_t kept = k->sizes[q->rank - 3];
    return kept ? q->sizes[q->rank - 3] / kept : 1;
}

/* Strides and sizes; returns how many heads there are. */
static uint32_t settle_heads(struct attention_params *params,
                             const struct prt_tensor *const tensors[4])
{
    const struct prt_tensor *q = tensors[0];
    uint32_t heads = 1;
    for (unsigned i = 0; i < LEAD; i++)
        params->lead[i] = params->share[0][i] = params->share[1][i] = 1;
    for (unsigned t = 0; t < 4; t++) {
        int64_t strides[PRT_MAX_RANK];
        prt_tensor_strides(tensors[t], strides);
        params->row[t] = (int32_t)strides[q->rank - 2];
        for (unsigned d = 0; d + 2 < q->rank; d++) {
            unsigned at = LEAD + 2 - q->rank + d;
            params->lead_strides[t][at] = (int32_t)strides[d];
            params->lead[at] = q->sizes[d];
            if ((t == 1 || t == 2) && tensors[t]->sizes[d])
                params->share[t - 1][at] = q->sizes[d] / tensors[t]->sizes[d];
        }
    }
    for (unsigned i = 0; i < LEAD; i++)
        heads *= (uint32_t)params->lead[i];
    return heads;
}

/* The heads that share keys become the rows: each key is read once for all of them. */
static void gather_heads(struct attention_params *params, int32_t group)
{
    params->rows = (uint32_t)group;
    params->lead[LEAD - 1] /= group;
    params->share[0][LEAD - 1] = params->share[1][LEAD - 1] = 1;
    params->seen_step = 0;
    for (unsigned t = 0; t < 4; t += 3) { /* of q and y */
        params->row[t] = params->lead_strides[t][LEAD - 1];
        params->lead_strides[t][LEAD - 1] *= group;
    }
}

/* May results be stored by twos, each pair in a word of halves? */
static bool in_pairs(const struct attention_params *params)
{
    int32_t all = (int32_t)params->width | params->row[3];
    for (unsigned i = 0; i < LEAD; i++)
        all |= params->lead_strides[3][i];
    return all % 2 == 0;
}

static enum percept_status attention_emit(const struct vk_emit *emit)
{
    const struct prt_graph *graph = emit->graph;
    const struct prt_node *node = emit->node;
    const struct prt_attention_attrs *attrs = &node->attrs.attention;
    const struct prt_tensor *tensors[4] = {vk_tensor(graph, node, 0), vk_tensor(graph, node, 1),
                                           vk_tensor(graph, node, 2), vk_result(graph, node)};
    const struct prt_tensor *q = tensors[0], *mask = vk_tensor(graph, node, 3);
    int32_t rows = q->sizes[q->rank - 2], keys = tensors[1]->sizes[q->rank - 2];
    bool starts = node->input_count > 4 && node->inputs[4] != PRT_NO_VALUE;
    struct attention_params params = {
        .rows = (uint32_t)rows,
        .keys = (uint32_t)keys,
        .depth = (uint32_t)q->sizes[q->rank - 1],
        .width = (uint32_t)tensors[2]->sizes[q->rank - 1],
        .seen = attrs->causal ? 1
                : starts      ? rows
                              : keys,
        .seen_step = attrs->causal,
        .last = keys - rows,
        .scale = attrs->scale,
        .node = (uint32_t)(node - graph->nodes),
    };
    if (prt_tensor_elements(tensors[3]) == 0)
        return PERCEPT_OK;
    uint32_t heads = settle_heads(&params, tensors);
    int32_t group = rows == 1 && !mask ? sharing_heads(q, tensors[1], tensors[2]) : 1;
    if (group > 1) {
        heads /= (uint32_t)group;
        gather_heads(&params, group);
    }
    if (mask && prt_tensor_elements(mask) > (size_t)rows * (size_t)keys)
        params.mask_head = (uint32_t)(rows * keys);
    const struct prt_tensor *start = vk_tensor(graph, node, 4);
    uint32_t has = (mask ? 1u : 0) | (start ? 2u : starts ? 4u : 0);
    if (starts && !start) {
        int64_t at = prt_value_int(graph, node->inputs[4], 0);
        params.start = (int32_t)(at < INT32_MIN ? INT32_MIN : at > INT32_MAX ? INT32_MAX : at);
    }
    uint32_t slots = params.rows >= 4 ? 4 : params.rows >= 2 ? 2 : 1, y = node->outputs[0];
    uint32_t wide = params.width < WIDTH ? params.width : WIDTH;
    struct vk_call call = {
        .shader = VK_SHADER_attention,
        .constant_count = 12,
        .constants = {LOCAL, vk_type(emit, y), vk_type(emit, node->inputs[0]),
                      vk_type(emit, node->inputs[1]), vk_type(emit, node->inputs[2]),
                      mask ? vk_type(emit, node->inputs[3]) : 0,
                      start ? vk_type(emit, node->inputs[4]) : 0, slots, (wide + 31) / 32, has,
                      attrs->safe, vk_type(emit, y) == VK_F16 && in_pairs(&params)},
        .params = &params,
        .params_bytes = sizeof params,
        .operands = {vk_write(y), vk_read(node->inputs[0]), vk_read(node->inputs[1]),
                     vk_read(node->inputs[2])},
        .groups = {(params.rows + slots - 1) / slots, heads, (params.width + WIDTH - 1) / WIDTH}};
    if (mask)
        call.operands[4] = vk_read(node->inputs[3]);
    if (start)
        call.operands[5] = vk_read(node->inputs[4]);
    call.operands[6] = vk_faults();
    return vk_dispatch(emit, &call);
}

const struct vk_kernel vk_attention = {attention_refuses, attention_emit};
