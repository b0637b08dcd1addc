/*
 * Why: widely dilated convolutions over small images have taps that meet nothing but padding,
 * whatever the output: those of a DeepLab at dilation 18 over 17 x 17 compute nine products where
 * one counts. Taps that are first or last along an axis go, and the padding that they wanted.
 */
#include "runtime/deferred.h"
#include "runtime/passes.h"
#include "runtime/passes/match.h"

#include <string.h>

enum { WEIGHT = 1, AXES = 2 };

/* Along one axis. */
struct line {
    int64_t in, out, taps, stride, dilation;
    int32_t *before, *after; /* padding */
};

/* Does the tap meet an element of the input, for some output? */
static bool meets(const struct line *line, int64_t tap)
{
    int64_t to_first = *line->before - tap * line->dilation; /* places from tap to element 0 */
    int64_t first = to_first > 0 ? (to_first + line->stride - 1) / line->stride : 0;
    return first < line->out && first * line->stride - to_first < line->in;
}

/* Take the padding of the taps that go; how many go in front and how many stay. */
static void trim(struct line *line, int32_t *first, int32_t *count)
{
    int64_t left = 0, right = line->taps;
    while (left < right - 1 && *line->before >= (left + 1) * line->dilation && !meets(line, left))
        left++;
    while (right - 1 > left && *line->after >= (line->taps - right + 1) * line->dilation &&
           !meets(line, right - 1))
        right--;
    *line->before -= (int32_t)(left * line->dilation);
    *line->after -= (int32_t)((line->taps - right) * line->dilation);
    *first = (int32_t)left;
    *count = (int32_t)(right - left);
}

/* The elements of one output channel that stay, in memory order: `to` of `from`, from `first` on.
 */
static void copy_channel(const struct prt_tensor *from, const struct prt_tensor *to,
                         const int32_t *first, const unsigned char *source, unsigned char *target)
{
    int64_t stride[PRT_MAX_RANK];
    size_t size = prt_dtype_size(to->dtype);
    const uint8_t *d = to->dim_order;
    prt_tensor_strides(from, stride);
    for (int64_t i = first[d[1]]; i < first[d[1]] + to->sizes[d[1]]; i++)
        for (int64_t j = first[d[2]]; j < first[d[2]] + to->sizes[d[2]]; j++)
            for (int64_t k = first[d[3]]; k < first[d[3]] + to->sizes[d[3]]; k++, target += size)
                memcpy(target,
                       source +
                           (size_t)(i * stride[d[1]] + j * stride[d[2]] + k * stride[d[3]]) * size,
                       size);
}

/* A constant of the taps that stay; PRT_NO_VALUE with the error filled in. The weight may lie in a
 * file, and is read a channel at a time. */
static uint32_t copy_weight(struct prt_graph *graph, uint32_t id, const struct prt_tensor *to,
                            const int32_t *first, struct percept_error *error)
{
    const struct prt_tensor from = graph->values[id].tensor;
    size_t channels = (size_t)from.sizes[0], size, whole = graph->values[id].bytes / channels;
    unsigned char *data = NULL, *channel = NULL;
    if (prt_tensor_bytes(to, &size)) {
        data = base_arena_alloc(&graph->arena, size);
        channel = base_arena_alloc(&graph->arena, whole);
    }
    for (size_t o = 0; data && channel && o < channels; o++) {
        if (prt_deferred_read_part(graph, id, o * whole, whole, channel, error))
            return PRT_NO_VALUE;
        copy_channel(&from, to, first, channel, data + o * (size / channels));
    }
    uint32_t made =
        data && channel ? prt_match_add_constant(graph, to, data) : (uint32_t)PRT_NO_VALUE;
    if (made == PRT_NO_VALUE)
        percept_fail(error, PERCEPT_NO_MEMORY, "no memory to trim a kernel");
    return made;
}

static bool has_weight(const struct prt_graph *graph, const struct prt_node *node)
{
    if (node->removed || node->op != PRT_OP_CONV2D || node->attrs.conv.transposed ||
        !prt_match_is_constant(graph, node->inputs[WEIGHT]))
        return false;
    const struct prt_value *weight = &graph->values[node->inputs[WEIGHT]];
    return weight->tensor.rank == 4 && weight->tensor.dim_order[0] == 0 &&
           weight->tensor.sizes[0] > 0 &&
           prt_tensor_elements(&weight->tensor) * prt_dtype_size(weight->tensor.dtype) ==
               weight->bytes;
}

static enum percept_status trim_node(struct prt_graph *graph, struct prt_node *node,
                                     struct percept_error *error)
{
    const struct prt_tensor *x = prt_match_tensor(graph, node->inputs[0]),
                            *y = prt_match_tensor(graph, node->outputs[0]);
    struct prt_conv_attrs attrs = node->attrs.conv;
    struct prt_tensor weight = *prt_match_tensor(graph, node->inputs[WEIGHT]);
    int32_t first[4] = {0};
    bool fewer = false;
    for (int i = 0; i < AXES; i++) {
        int axis = (attrs.nhwc ? 1 : 2) + i;
        struct line line = {
            .in = x->sizes[axis],
            .out = y->sizes[axis],
            .taps = weight.sizes[axis],
            .stride = attrs.stride[i],
            .dilation = attrs.dilation[i],
            .before = &attrs.padding[2 * i],
            .after = &attrs.padding[2 * i + 1],
        };
        trim(&line, &first[axis], &weight.sizes[axis]);
        fewer = fewer || weight.sizes[axis] < line.taps;
        if (weight.sizes[axis] == 1)
            attrs.dilation[i] = 1;
    }
    if (!fewer)
        return PERCEPT_OK;
    uint32_t made = copy_weight(graph, node->inputs[WEIGHT], &weight, first, error);
    if (made == PRT_NO_VALUE)
        return error ? error->status : PERCEPT_NO_MEMORY;
    node->inputs[WEIGHT] = made;
    node->attrs.conv = attrs;
    return PERCEPT_OK;
}

enum percept_status prt_pass_trim(struct prt_graph *graph,
                                  const struct prt_backend *const *backends,
                                  struct percept_error *error)
{
    (void)backends;
    enum percept_status status = PERCEPT_OK;
    for (uint32_t n = 0; n < graph->node_count && status == PERCEPT_OK; n++)
        if (has_weight(graph, &graph->nodes[n]))
            status = trim_node(graph, &graph->nodes[n], error);
    return status == PERCEPT_OK ? prt_graph_finish(graph, error) : status;
}
