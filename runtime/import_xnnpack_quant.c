/*
 * Why: XNNPACK's layers whose rows are quantised on the way, and weights of 4 bits. To a graph
 * those are bytes; the CPU packs them as it likes. A layer that has no kernel of this kind is
 * what the program means by it: the float layer of rounded rows and of the weight's numbers.
 */
#include "runtime/import_xnnpack_node.h"

#include "base/checked.h"

#include <math.h>
#include <string.h>

enum { GROUP_SCALES, GROUP_AXIS, GROUP_SIZE, GROUP_INDEX = 4, GROUP_COUNT };

/* ---- weights ---- */

/* Scales [O, groups], which are bfloat16 in constants and float32 inside the flatbuffer. */
static enum percept_status group_scales(struct prt_xnn *xnn, struct prt_fb_table table,
                                        const struct prt_tensor *spec, uint32_t *id)
{
    struct prt_fb_vector reals = prt_fb_list(table, GROUP_SCALES, 4);
    uint32_t size = prt_fb_u32(table, GROUP_SIZE), index = prt_fb_u32(table, GROUP_INDEX);
    uint32_t stated = index ? prt_fb_u32(table, GROUP_COUNT) : reals.count;
    if (size == 0 || spec->rank != 2 || prt_fb_u32(table, GROUP_AXIS) != 0 ||
        (uint32_t)spec->sizes[1] % size || spec->sizes[0] == 0 || spec->sizes[1] == 0)
        return prt_import_fail(xnn->import, PERCEPT_MALFORMED,
                               "a weight has groups of %u that do not fit it", size);
    const int32_t sizes[2] = {spec->sizes[0], (int32_t)((uint32_t)spec->sizes[1] / size)};
    uint64_t count = (uint64_t)sizes[0] * (uint64_t)sizes[1];
    if (stated != count)
        return prt_import_fail(xnn->import, PERCEPT_MALFORMED,
                               "a weight has %u scales for its groups", stated);
    const struct prt_tensor type = {.dtype = index ? PRT_BF16 : PRT_F32};
    const struct prt_tensor shape = prt_import_like(&type, 2, sizes);
    size_t bytes = (size_t)count * prt_dtype_size(type.dtype);
    const void *scales = xnn->buffer.bytes + reals.at;
    enum percept_status status =
        index ? prt_xnn_find_constant(xnn, index, bytes, &scales) : PERCEPT_OK;
    return status == PERCEPT_OK
               ? prt_import_deferrable(xnn->import, PRT_NO_VALUE, &shape, scales, id)
               : status;
}

enum percept_status prt_xnn_four_bits(struct prt_xnn *xnn, uint32_t id, uint32_t constant,
                                      struct prt_tensor *spec, struct prt_fb_table groups)
{
    struct prt_import *import = xnn->import;
    enum percept_status status =
        groups.at ? group_scales(xnn, groups, spec, &xnn->scales[id]) : PERCEPT_OK;
    size_t bytes;
    const void *data;
    if (status == PERCEPT_OK && (spec->rank == 0 || !prt_tensor_bytes(spec, &bytes)))
        status = prt_import_fail(import, PERCEPT_MALFORMED, "a value's size in bytes overflows");
    if (status != PERCEPT_OK)
        return status;
    size_t columns = (size_t)spec->sizes[spec->rank - 1], rows = columns ? bytes / columns : 0;
    status = prt_xnn_find_constant(xnn, constant, rows * (columns / 2 + columns % 2), &data);
    return status == PERCEPT_OK ? prt_import_half_bytes(import, spec, data, &xnn->values[id])
                                : status;
}

enum percept_status prt_xnn_weight(const struct prt_xnn_node *node, unsigned field,
                                   uint32_t *weight, uint32_t *scales)
{
    const struct prt_xnn *xnn = node->xnn;
    uint32_t id = prt_fb_u32(node->table, field);
    *scales = id < xnn->value_count ? xnn->scales[id] : PRT_NO_VALUE;
    if (*scales == PRT_NO_VALUE)
        return prt_xnn_value_at(node, field, weight);
    *weight = xnn->values[id];
    return PERCEPT_OK;
}

static float scale_at(const void *scales, bool halves, size_t i)
{
    uint32_t bits;
    float scale;
    if (halves)
        bits = (uint32_t)((const uint16_t *)scales)[i] << 16;
    else
        memcpy(&bits, (const float *)scales + i, sizeof bits);
    memcpy(&scale, &bits, sizeof scale);
    return scale;
}

enum percept_status prt_xnn_real_weight(const struct prt_xnn_node *node, uint32_t scales,
                                        uint32_t *weight)
{
    struct prt_import *import = node->xnn->import;
    const struct prt_value *value = &import->graph->values[*weight];
    struct prt_tensor spec = value->tensor;
    if (spec.dtype != PRT_I8 || !(value->flags & PRT_FLAG_CONSTANT))
        return PERCEPT_OK;
    const void *data = NULL;
    enum percept_status status =
        scales == PRT_NO_VALUE ? PERCEPT_OK : prt_import_data(import, scales, &data);
    if (status != PERCEPT_OK)
        return status;
    const void *by_group = data;
    bool halves = by_group && import->graph->values[scales].tensor.dtype == PRT_BF16;
    if (!by_group && spec.quant.kind == PRT_QUANT_NONE)
        return PERCEPT_OK;
    size_t count = prt_tensor_elements(&spec), inner = 1;
    size_t group = 1;
    if (by_group)
        group = count / prt_tensor_elements(&import->graph->values[scales].tensor);
    for (unsigned i = spec.quant.axis + 1; i < spec.rank; i++)
        inner *= (size_t)spec.sizes[i];
    float *reals = base_arena_array(&import->graph->arena, count ? count : 1, sizeof *reals);
    if (!reals)
        return prt_import_no_memory(import);
    status = prt_import_data(import, *weight, &data);
    if (status != PERCEPT_OK)
        return status;
    const int8_t *codes = data;
    for (size_t i = 0; i < count; i++) {
        if (by_group)
            reals[i] = (float)codes[i] * scale_at(by_group, halves, i / group);
        else if (spec.quant.kind == PRT_QUANT_PER_CHANNEL)
            reals[i] = (float)codes[i] * spec.quant.scales[i / inner % spec.quant.count];
        else
            reals[i] = (float)((double)codes[i] - (double)spec.quant.zero_point) * spec.quant.scale;
    }
    spec.dtype = PRT_F32;
    spec.quant = (struct prt_quant){0};
    return prt_import_constant(import, &spec, reals, weight);
}

/* ---- rows ---- */

enum percept_status prt_xnn_round_rows(const struct prt_xnn_node *node, uint32_t x, uint32_t y,
                                       unsigned dims)
{
    /* Exporters state the sizes of such rows as they were before x became channels last; XNNPACK
     * infers them from x. */
    const struct prt_tensor from = *prt_xnn_spec(node, x);
    struct prt_tensor *to = &node->xnn->import->graph->values[y].tensor;
    if (from.rank == to->rank && prt_tensor_elements(&from) == prt_tensor_elements(to))
        memcpy(to->sizes, from.sizes, sizeof to->sizes);
    struct prt_node *made = prt_xnn_add(node, PRT_OP_ROUND_ROWS, y, 1, &x);
    if (!made)
        return PERCEPT_NO_MEMORY;
    made->attrs.round_rows.dims = (int32_t)dims;
    return PERCEPT_OK;
}

/* Codes and their scales [O, 1] of a weight that has one for each output. */
static enum percept_status by_channel(const struct prt_xnn_node *node, uint32_t *weight,
                                      uint32_t *scales)
{
    struct prt_import *import = node->xnn->import;
    const struct prt_value from = import->graph->values[*weight];
    struct prt_tensor spec = from.tensor;
    const int32_t sizes[2] = {spec.sizes[0], 1};
    struct prt_tensor shape = prt_import_like(&(struct prt_tensor){.dtype = PRT_F32}, 2, sizes);
    enum percept_status status = prt_import_constant(import, &shape, spec.quant.scales, scales);
    spec.quant = (struct prt_quant){0};
    if (status == PERCEPT_OK)
        status = prt_import_constant(import, &spec, from.data, weight);
    if (status == PERCEPT_OK)
        import->graph->values[*weight].flags |= from.flags & PRT_FLAGS_DEFERRED;
    return status;
}

enum percept_status prt_xnn_dynamic_linear(const struct prt_xnn_node *node, uint32_t x,
                                           uint32_t weight, uint32_t scales, uint32_t bias,
                                           uint32_t y, bool *made)
{
    const struct prt_graph *graph = node->xnn->import->graph;
    const struct prt_value *value = &graph->values[weight];
    uint32_t producer = graph->values[x].producer;
    bool rows = producer != PRT_NO_VALUE && graph->nodes[producer].op == PRT_OP_ROUND_ROWS &&
                graph->nodes[producer].attrs.round_rows.dims == 1;
    bool channels = scales == PRT_NO_VALUE && value->tensor.quant.kind == PRT_QUANT_PER_CHANNEL &&
                    value->tensor.quant.axis == 0 && !value->tensor.quant.zero_points;
    if (!rows || node->flags & FLAG_TRANSPOSE || value->tensor.rank != 2 ||
        value->tensor.sizes[1] > PRT_DYNAMIC_INPUTS || value->tensor.dtype != PRT_I8 ||
        !(value->flags & PRT_FLAG_CONSTANT) || (scales == PRT_NO_VALUE && !channels))
        return PERCEPT_OK;
    x = graph->nodes[producer].inputs[0];
    enum percept_status status = channels ? by_channel(node, &weight, &scales) : PERCEPT_OK;
    if (status != PERCEPT_OK)
        return status;
    struct prt_node *layer =
        prt_xnn_add(node, PRT_OP_DYNAMIC_LINEAR, y, 4, (const uint32_t[]){x, weight, scales, bias});
    if (!layer)
        return PERCEPT_NO_MEMORY;
    layer->attrs.dynamic_linear.act = node->act;
    *made = true;
    return PERCEPT_OK;
}
