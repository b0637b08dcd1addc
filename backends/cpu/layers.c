/* Why: what the graph calls CONV2D and LINEAR, said in the words of conv.h. */
#include "backends/cpu/conv.h"
#include "backends/cpu/image.h"
#include "backends/cpu/loops.h"
#include "backends/cpu/step.h"
#include "backends/cpu/weights.h"
#include "runtime/deferred.h"

struct layer {
    struct cpu_conv *conv;
    uint32_t x, residual, y; /* value ids */
};

static void layer_run(const struct cpu_step *step, const struct cpu_run *run)
{
    const struct layer *layer = step->state;
    const void *residual = layer->residual == PRT_NO_VALUE ? NULL : run->data[layer->residual];
    cpu_conv_run(layer->conv, run->data[layer->x], residual, run->data[layer->y], run->scratch,
                 run->pool);
}

static void layer_destroy(const void *state)
{
    cpu_conv_destroy(((const struct layer *)state)->conv);
}

static const struct prt_value *constant(const struct prt_graph *graph, const struct prt_node *node,
                                        unsigned index)
{
    const struct prt_value *value = &graph->values[node->inputs[index]];
    return value->flags & PRT_FLAG_CONSTANT ? value : NULL;
}

/* Weights, bias and slope are known now and can be packed; types are those of conv.h. */
static bool operands_fit(const struct prt_graph *graph, const struct prt_node *node)
{
    static const unsigned constants[] = {1, 2, 4};
    for (unsigned i = 0; i < sizeof constants / sizeof constants[0]; i++)
        if (cpu_operand(graph, node, constants[i]) && !constant(graph, node, constants[i]))
            return false;
    const struct prt_tensor *x = cpu_operand(graph, node, 0), *y = cpu_result(graph, node),
                            *residual = cpu_operand(graph, node, 3);
    if (residual && !prt_tensor_same_layout(residual, y))
        return false;
    if (x->dtype == PRT_F32)
        return y->dtype == PRT_F32;
    return (x->dtype == PRT_I8 || x->dtype == PRT_U8) && y->dtype == x->dtype &&
           (!residual || residual->dtype == x->dtype) &&
           cpu_operand(graph, node, 1)->quant.zero_point == 0;
}

static struct cpu_conv_code code_of(const struct prt_tensor *tensor)
{
    if (!tensor || tensor->quant.kind != PRT_QUANT_PER_TENSOR)
        return (struct cpu_conv_code){.scale = 1};
    return (struct cpu_conv_code){tensor->quant.scale, tensor->quant.zero_point};
}

static struct cpu_conv_spec spec_of(const struct cpu_prepare *prepare)
{
    const struct prt_graph *graph = prepare->graph;
    const struct prt_node *node = prepare->node;
    return (struct cpu_conv_spec){
        .isa = cpu_isa_best(),
        .threads = prepare->threads,
        .dtype = cpu_operand(graph, node, 0)->dtype,
        .residual = cpu_operand(graph, node, 3) != NULL,
        .x = code_of(cpu_operand(graph, node, 0)),
        .r = code_of(cpu_operand(graph, node, 3)),
        .y = code_of(cpu_result(graph, node)),
    };
}

/* The constants, but for the strides of the weight. */
static struct cpu_conv_weights weights_of(const struct cpu_prepare *prepare)
{
    const struct prt_graph *graph = prepare->graph;
    const struct prt_node *node = prepare->node;
    const struct prt_tensor *weight = cpu_operand(graph, node, 1),
                            *bias = cpu_operand(graph, node, 2),
                            *slope = cpu_operand(graph, node, 4);
    bool deferred = constant(graph, node, 1)->flags & PRT_FLAG_DEFERRED;
    struct cpu_conv_weights weights = {.weight = deferred ? NULL : constant(graph, node, 1)->data};
    if (bias) {
        weights.bias = constant(graph, node, 2)->data;
        weights.bias_dtype = bias->dtype;
    }
    if (weight->quant.kind == PRT_QUANT_PER_TENSOR) {
        weights.scales = &weight->quant.scale;
        weights.scale_count = 1;
    } else if (weight->quant.kind == PRT_QUANT_PER_CHANNEL) {
        weights.scales = weight->quant.scales;
        weights.scale_count = weight->quant.count;
    }
    if (slope) {
        weights.slope = constant(graph, node, 4)->data;
        weights.slope_count = (uint32_t)slope->sizes[0];
    }
    return weights;
}

/* ---- weights that are in the file still ---- */

struct reading {
    const struct cpu_prepare *prepare;
    enum percept_status status;
};

static const void *read_weight(void *context, size_t offset, size_t size)
{
    struct reading *reading = context;
    const struct cpu_prepare *prepare = reading->prepare;
    void *memory = cpu_weights_stage(prepare->weights, size);
    reading->status =
        memory ? prt_deferred_read_part(prepare->graph, prepare->node->inputs[1], offset, size,
                                        memory, prepare->error)
               : percept_fail(prepare->error, PERCEPT_NO_MEMORY, "cpu: no memory for a weight");
    return reading->status == PERCEPT_OK ? memory : NULL;
}

/* Weights that have a source; others are left as they are. */
static bool source_of(struct reading *reading, struct cpu_weight_source *source)
{
    const struct cpu_prepare *prepare = reading->prepare;
    const struct prt_value *weight = constant(prepare->graph, prepare->node, 1);
    *source = (struct cpu_weight_source){.read = read_weight,
                                         .context = reading,
                                         .status = &reading->status,
                                         .bytes = weight->bytes};
    return cpu_weights_identify(prepare->graph, prepare->node->inputs[1], &source->key);
}

static enum percept_status create(const struct cpu_prepare *prepare,
                                  const struct cpu_conv_spec *spec,
                                  const struct cpu_conv_weights *weights, struct cpu_step *step)
{
    struct layer *layer = cpu_prepare_alloc(prepare, sizeof *layer);
    if (!layer)
        return PERCEPT_NO_MEMORY;
    struct reading reading = {.prepare = prepare};
    struct cpu_weight_source source;
    struct cpu_conv_weights all = *weights;
    all.slab = prepare->weights->slab;
    all.cache = prepare->weights->cache;
    if (source_of(&reading, &source))
        all.source = &source;
    enum percept_status status = cpu_conv_create(spec, &all, &layer->conv, prepare->error);
    if (status != PERCEPT_OK)
        return status;
    const struct prt_node *node = prepare->node;
    layer->x = node->inputs[0];
    layer->residual = spec->residual ? node->inputs[3] : PRT_NO_VALUE;
    layer->y = node->outputs[0];
    step->scratch = cpu_conv_scratch_bytes(layer->conv);
    step->run = layer_run;
    step->destroy = layer_destroy;
    step->kernel = cpu_conv_kernel(layer->conv);
    step->state = layer;
    return PERCEPT_OK;
}

/* ---- convolution ---- */

static bool conv_supports(const struct prt_graph *graph, const struct prt_node *node)
{
    const struct prt_conv_attrs *attrs = &node->attrs.conv;
    /* XNNPACK's order of a grouped transposed weight has no strides by channel within the group. */
    return cpu_image_fits(cpu_operand(graph, node, 0), attrs->nhwc) &&
           cpu_image_fits(cpu_result(graph, node), attrs->nhwc) && operands_fit(graph, node);
}

/* A transposed weight of PyTorch has scales for the outputs of one group, the same for each. */
static enum percept_status repeat_scales(const struct cpu_prepare *prepare, uint32_t outputs,
                                         struct cpu_conv_weights *weights)
{
    if (weights->scale_count <= 1 || weights->scale_count == outputs)
        return PERCEPT_OK;
    float *scales = cpu_prepare_alloc(prepare, outputs * sizeof *scales);
    if (!scales)
        return PERCEPT_NO_MEMORY;
    for (uint32_t i = 0; i < outputs; i++)
        scales[i] = weights->scales[i % weights->scale_count];
    weights->scales = scales;
    weights->scale_count = outputs;
    return PERCEPT_OK;
}

static enum percept_status conv_prepare(const struct cpu_prepare *prepare, struct cpu_step *step)
{
    const struct prt_conv_attrs *attrs = &prepare->node->attrs.conv;
    const struct prt_tensor *weight = cpu_operand(prepare->graph, prepare->node, 1);
    struct cpu_image x = cpu_image_of(cpu_operand(prepare->graph, prepare->node, 0), attrs->nhwc),
                     y = cpu_image_of(cpu_result(prepare->graph, prepare->node), attrs->nhwc);
    struct cpu_conv_spec spec = spec_of(prepare);
    spec.batch = x.n;
    spec.input[0] = x.h, spec.input[1] = x.w, spec.input[2] = x.c;
    spec.output[0] = y.h, spec.output[1] = y.w, spec.output[2] = y.c;
    spec.attrs = *attrs;
    /* Where output channel, row, column and input channel are among the weight's dimensions. */
    static const unsigned dimensions[3][4] = {{0, 1, 2, 3}, {0, 2, 3, 1}, {1, 2, 3, 0}};
    const unsigned *at = dimensions[attrs->nhwc ? 0 : attrs->transposed ? 2 : 1];
    spec.kernel[0] = weight->sizes[at[1]];
    spec.kernel[1] = weight->sizes[at[2]];
    struct cpu_conv_weights weights = weights_of(prepare);
    int64_t strides[PRT_MAX_RANK];
    prt_tensor_strides(weight, strides);
    for (unsigned i = 0; i < 4; i++)
        weights.strides[i] = strides[at[i]];
    enum percept_status status = repeat_scales(prepare, (uint32_t)y.c, &weights);
    return status != PERCEPT_OK ? status : create(prepare, &spec, &weights, step);
}

const struct cpu_kernel cpu_conv2d = {
    .supports = conv_supports, .prepare = conv_prepare, .weights = &cpu_weights};

/* ---- linear ---- */

static size_t rows_of(const struct prt_tensor *x)
{
    size_t rows = 1;
    for (unsigned i = 0; i + 1 < x->rank; i++)
        rows *= (size_t)x->sizes[i];
    return rows;
}

static bool linear_supports(const struct prt_graph *graph, const struct prt_node *node)
{
    const struct prt_tensor *x = cpu_operand(graph, node, 0);
    return prt_tensor_is_contiguous(x) && prt_tensor_is_contiguous(cpu_result(graph, node)) &&
           rows_of(x) <= INT32_MAX && operands_fit(graph, node);
}

static void nothing(const struct cpu_step *step, const struct cpu_run *run)
{
    (void)step, (void)run;
}

static enum percept_status linear_prepare(const struct cpu_prepare *prepare, struct cpu_step *step)
{
    const struct prt_linear_attrs *attrs = &prepare->node->attrs.linear;
    const struct prt_tensor *x = cpu_operand(prepare->graph, prepare->node, 0),
                            *weight = cpu_operand(prepare->graph, prepare->node, 1);
    unsigned out = attrs->weight_is_io ? 1 : 0;
    size_t rows = rows_of(x);
    if (rows == 0) {
        step->run = nothing;
        step->kernel = "nothing";
        return PERCEPT_OK;
    }
    struct cpu_conv_spec spec = spec_of(prepare);
    spec.attrs.act = attrs->act;
    spec.attrs.after = attrs->after;
    cpu_conv_linear(&spec, (int32_t)rows, weight->sizes[1 - out], weight->sizes[out]);
    struct cpu_conv_weights weights = weights_of(prepare);
    int64_t strides[PRT_MAX_RANK];
    prt_tensor_strides(weight, strides);
    weights.strides[0] = strides[out];
    weights.strides[3] = strides[1 - out];
    return create(prepare, &spec, &weights, step);
}

const struct cpu_kernel cpu_linear = {
    .supports = linear_supports, .prepare = linear_prepare, .weights = &cpu_weights};
