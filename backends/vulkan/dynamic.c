/* Why: what the graph calls ROUND_ROWS and DYNAMIC_LINEAR: rows of numbers that get a scale of
 * their own at each run. */
#include "backends/vulkan/layer.h"

#include "runtime/deferred.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LOCAL = 128 }; /* MOST of round_rows.comp */

struct round_params {
    VK_PARAMS_HEAD;
    uint32_t sizes[4];
    float numbers[4];
};

static enum percept_status add_rounding(const struct vk_emit *emit, uint32_t rows, uint32_t columns,
                                        float least, const struct vk_operand *codes)
{
    struct round_params params = {.sizes = {rows, columns}, .numbers = {least}};
    uint32_t most = emit->device->limits.maxComputeWorkGroupCount[0];
    struct vk_call call = {
        .shader = VK_SHADER_round_rows,
        .constant_count = 5,
        .constants = {LOCAL, vk_type(emit, emit->node->outputs[0]),
                      vk_type(emit, emit->node->inputs[0]), codes != NULL, columns % 4 == 0},
        .params = &params,
        .params_bytes = sizeof params,
        .operands = {[1] = vk_read(emit->node->inputs[0])},
        .groups = {rows < most ? rows : most, 1, 1},
    };
    if (codes)
        call.operands[2] = *codes;
    else
        call.operands[0] = vk_write(emit->node->outputs[0]);
    return rows && columns ? vk_dispatch(emit, &call) : PERCEPT_OK;
}

static bool is_small(const struct prt_tensor *tensor)
{
    return prt_tensor_elements(tensor) <= INT32_MAX;
}

/* ---- ROUND_ROWS ---- */

static const char *rounding_refuses(const struct prt_graph *graph, const struct prt_node *node)
{
    const struct prt_tensor *x = vk_tensor(graph, node, 0), *y = vk_result(graph, node);
    if (!prt_tensor_is_contiguous(x) || !prt_tensor_is_contiguous(y))
        return "its rows do not lie one after the other";
    return is_small(x) ? NULL : "it has too many elements";
}

static enum percept_status rounding_emit(const struct vk_emit *emit)
{
    const struct prt_tensor *x = vk_tensor(emit->graph, emit->node, 0);
    const struct prt_round_rows_attrs *attrs = &emit->node->attrs.round_rows;
    uint32_t rows = 1, columns = 1;
    for (unsigned i = 0; i < x->rank; i++)
        *(i + (unsigned)attrs->dims < x->rank ? &rows : &columns) *= (uint32_t)x->sizes[i];
    return add_rounding(emit, rows, columns, attrs->least, NULL);
}

const struct vk_kernel vk_round_rows = {rounding_refuses, rounding_emit};

/* ---- DYNAMIC_LINEAR ---- */

static const char *layer_refuses(const struct prt_graph *graph, const struct prt_node *node)
{
    for (unsigned i = 0; i < 4; i++) {
        const struct prt_tensor *operand = vk_tensor(graph, node, i);
        if (operand && !prt_tensor_is_contiguous(operand))
            return "an operand does not lie in order";
        if (operand && i > 0 && !(graph->values[node->inputs[i]].flags & PRT_FLAG_CONSTANT))
            return "its weight, scales or bias are computed";
    }
    const struct prt_tensor *x = vk_tensor(graph, node, 0), *y = vk_result(graph, node);
    if (!prt_tensor_is_contiguous(y))
        return "its rows do not lie one after the other";
    if (!is_small(x) || !is_small(y))
        return "it has too many elements";
    int64_t rows = (int64_t)prt_tensor_elements(x) / x->sizes[x->rank - 1];
    return vk_layer_is_too_large(rows, 1) ? "it is too large" : NULL;
}

/* Scales may be the upper halves of floats. */
static void widen(const struct prt_tensor *scales, const void *from, float *to)
{
    size_t count = prt_tensor_elements(scales);
    for (size_t i = 0; i < count; i++) {
        uint32_t bits = scales->dtype == PRT_BF16 ? (uint32_t)((const uint16_t *)from)[i] << 16
                                                  : ((const uint32_t *)from)[i];
        memcpy(&to[i], &bits, sizeof bits);
    }
}

/* Codes and scales of a layer, to where its shader has them. */
static enum percept_status pack_weight(struct vk_layer *layer, const struct prt_tensor *scales)
{
    const struct vk_emit *emit = layer->emit;
    const void *codes, *given;
    void *own_codes = NULL, *own_scales = NULL;
    float *wide = malloc(prt_tensor_elements(scales) * sizeof *wide + 1);
    enum percept_status status = vk_read_constant(emit, 1, &codes, &own_codes);
    if (status == PERCEPT_OK)
        status = vk_read_constant(emit, 2, &given, &own_scales);
    if (status == PERCEPT_OK && !wide)
        status = percept_fail(emit->error, PERCEPT_NO_MEMORY, "vulkan: no memory for a weight");
    if (status == PERCEPT_OK) {
        widen(scales, given, wide);
        status = vk_layer_pack_groups(layer, codes, wide, scales->sizes[1]);
    }
    free(own_codes);
    free(own_scales);
    free(wide);
    return status;
}

static enum percept_status layer_emit(const struct vk_emit *emit)
{
    const struct prt_graph *graph = emit->graph;
    const struct prt_node *node = emit->node;
    const struct prt_tensor *x = vk_tensor(graph, node, 0), *weight = vk_tensor(graph, node, 1),
                            *scales = vk_tensor(graph, node, 2), *bias = vk_tensor(graph, node, 3);
    const struct prt_activation *act = &node->attrs.dynamic_linear.act;
    bool whole = node->attrs.dynamic_linear.whole;
    int32_t inputs = weight->sizes[1], outputs = weight->sizes[0];
    int32_t rows = (int32_t)prt_tensor_elements(x) / inputs;
    if (rows == 0 || outputs == 0)
        return PERCEPT_OK;
    struct vk_layer layer = {.emit = emit,
                             .numbers = VK_NUMBERS_ROUNDED,
                             .act = (uint32_t)act->kind,
                             .after = VK_UNARY_NONE,
                             .residual = PRT_NO_VALUE};
    vk_layer_rows(&layer, rows, inputs, outputs);
    layer.params.bounds[0] = act->kind == PRT_ACT_CLAMP ? act->lo : -HUGE_VALF;
    layer.params.bounds[1] = act->kind == PRT_ACT_CLAMP ? act->hi : HUGE_VALF;
    layer.params.numbers[3] = whole;
    enum percept_status status = pack_weight(&layer, scales);
    struct vk_channels channels;
    if (status != PERCEPT_OK)
        return status;
    if (!vk_layer_channels(&layer, &channels))
        return PERCEPT_NO_MEMORY;
    if (bias)
        status = prt_deferred_read(graph, node->inputs[3], channels.bias, emit->error);
    if (status != PERCEPT_OK)
        return status;
    /* Scale, zero point and 1 / scale of each row: the first dispatch leaves them to the second. */
    uint32_t ranges = whole ? 1 : (uint32_t)rows;
    layer.row_codes = vk_scratch(emit, 0, (size_t)ranges * 4 * sizeof(float));
    struct vk_operand written = layer.row_codes;
    written.written = true;
    status = add_rounding(emit, ranges, (uint32_t)rows / ranges * (uint32_t)inputs,
                          node->attrs.dynamic_linear.least, &written);
    return status == PERCEPT_OK ? vk_layer_dispatch(&layer) : status;
}

const struct vk_kernel vk_dynamic_linear = {layer_refuses, layer_emit};
