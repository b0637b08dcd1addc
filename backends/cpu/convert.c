/* Why: changing types is an elementwise op without a body; only per-channel scales need loops. */
#include "backends/cpu/elementwise.h"

#include <math.h>

/* ---- one scale, or none ---- */

static bool supports(const struct prt_graph *graph, const struct prt_node *node)
{
    return cpu_elementwise_supports(graph, node, cpu_domain_of(graph, node));
}

static enum percept_status prepare_convert(const struct cpu_prepare *prepare, struct cpu_step *step)
{
    struct cpu_elementwise op = {
        .domain = cpu_domain_of(prepare->graph, prepare->node),
        .kernel = prt_op_name(prepare->node->op),
    };
    return cpu_elementwise_prepare(prepare, &op, 1, step);
}

const struct cpu_kernel cpu_convert = {.supports = supports, .prepare = prepare_convert};

/* ---- a scale for each channel ---- */

struct channels {
    struct prt_nest nest; /* y, x, and the channel's index as a third operand */
    enum prt_dtype dtype; /* of the codes */
    int32_t lo, hi;
    const struct prt_quant *quant;
};

struct channels_run {
    const struct channels *op;
    void *y;
    const void *x;
};

static int32_t zero_point(const struct prt_quant *quant, int64_t channel)
{
    return quant->zero_points ? quant->zero_points[channel] : 0;
}

static int32_t read_code(const void *codes, enum prt_dtype dtype, int64_t at)
{
    if (dtype == PRT_I32)
        return ((const int32_t *)codes)[at];
    return dtype == PRT_I8 ? ((const int8_t *)codes)[at] : ((const uint8_t *)codes)[at];
}

static void dequantize_rows(const void *context, const struct cpu_rows *rows, unsigned worker)
{
    (void)worker;
    const struct channels_run *job = context;
    const struct prt_quant *quant = job->op->quant;
    for (size_t r = 0; r < rows->rows; r++)
        for (size_t i = 0; i < rows->count; i++) {
            int64_t at[3];
            for (unsigned o = 0; o < 3; o++)
                at[o] = rows->offset[o] + (int64_t)r * rows->row[o] + (int64_t)i * rows->step[o];
            float code = (float)read_code(job->x, job->op->dtype, at[1]);
            ((float *)job->y)[at[0]] =
                (code - (float)zero_point(quant, at[2])) * quant->scales[at[2]];
        }
}

static void quantize_rows(const void *context, const struct cpu_rows *rows, unsigned worker)
{
    (void)worker;
    const struct channels_run *job = context;
    const struct channels *op = job->op;
    for (size_t r = 0; r < rows->rows; r++)
        for (size_t i = 0; i < rows->count; i++) {
            int64_t at[3];
            for (unsigned o = 0; o < 3; o++)
                at[o] = rows->offset[o] + (int64_t)r * rows->row[o] + (int64_t)i * rows->step[o];
            int32_t zero = zero_point(op->quant, at[2]);
            float lo = (float)(op->lo - zero), hi = (float)(op->hi - zero);
            float v = ((const float *)job->x)[at[1]] * (1.0f / op->quant->scales[at[2]]);
            v = v > lo ? v : lo;
            v = v < hi ? v : hi;
            ((uint8_t *)job->y)[at[0]] = (uint8_t)((int32_t)rintf(v) + zero);
        }
}

static void channels_run(const struct cpu_step *step, const struct cpu_run *run)
{
    const struct channels *op = step->state;
    struct channels_run job = {op, run->data[step->output], run->data[step->inputs[0]]};
    cpu_nest_run(&op->nest, CPU_GRAIN, run->pool,
                 op->dtype == PRT_F32 ? quantize_rows : dequantize_rows, &job);
}

static enum percept_status channels_prepare(const struct cpu_prepare *prepare,
                                            const struct prt_tensor *coded, struct cpu_step *step)
{
    struct channels *op = cpu_prepare_alloc(prepare, sizeof *op);
    if (!op)
        return PERCEPT_NO_MEMORY;
    const struct prt_tensor *x = cpu_operand(prepare->graph, prepare->node, 0);
    const struct prt_tensor *y = cpu_result(prepare->graph, prepare->node);
    int64_t strides[PRT_MAX_RANK] = {0};
    strides[coded->quant.axis] = 1;
    op->dtype = x->dtype;
    op->lo = coded->dtype == PRT_U8 ? 0 : -128;
    op->hi = coded->dtype == PRT_U8 ? 255 : 127;
    op->quant = &coded->quant;
    prt_nest_init(&op->nest, y);
    prt_nest_add_tensor(&op->nest, y);
    prt_nest_add_tensor(&op->nest, x);
    prt_nest_add(&op->nest, strides);
    prt_nest_finish(&op->nest);
    step->run = channels_run;
    step->kernel = x->dtype == PRT_F32 ? "quantize channels" : "dequantize channels";
    step->state = op;
    return PERCEPT_OK;
}

static bool per_channel_fits(const struct prt_tensor *plain, const struct prt_tensor *coded,
                             bool may_be_i32)
{
    return coded->quant.kind == PRT_QUANT_PER_CHANNEL && plain->dtype == PRT_F32 &&
           plain->quant.kind == PRT_QUANT_NONE &&
           (coded->dtype == PRT_I8 || coded->dtype == PRT_U8 ||
            (may_be_i32 && coded->dtype == PRT_I32));
}

static bool quantize_supports(const struct prt_graph *graph, const struct prt_node *node)
{
    return per_channel_fits(cpu_operand(graph, node, 0), cpu_result(graph, node), false) ||
           supports(graph, node);
}

static enum percept_status quantize_prepare(const struct cpu_prepare *prepare,
                                            struct cpu_step *step)
{
    const struct prt_tensor *y = cpu_result(prepare->graph, prepare->node);
    return y->quant.kind == PRT_QUANT_PER_CHANNEL ? channels_prepare(prepare, y, step)
                                                  : prepare_convert(prepare, step);
}

const struct cpu_kernel cpu_quantize = {.supports = quantize_supports, .prepare = quantize_prepare};

static bool dequantize_supports(const struct prt_graph *graph, const struct prt_node *node)
{
    return per_channel_fits(cpu_result(graph, node), cpu_operand(graph, node, 0), true) ||
           supports(graph, node);
}

static enum percept_status dequantize_prepare(const struct cpu_prepare *prepare,
                                              struct cpu_step *step)
{
    const struct prt_tensor *x = cpu_operand(prepare->graph, prepare->node, 0);
    return x->quant.kind == PRT_QUANT_PER_CHANNEL ? channels_prepare(prepare, x, step)
                                                  : prepare_convert(prepare, step);
}

const struct cpu_kernel cpu_dequantize = {.supports = dequantize_supports,
                                          .prepare = dequantize_prepare};
