/*
 * Why: convolutions that the packed kernels of conv.h do not offer: three dimensions, fp64, or
 * weights that are computed. One plane of the result at a time is summed up from shifted planes of
 * x, each times one weight, so the innermost loop runs along memory on both sides.
 */
#include "backends/cpu/nest.h"
#include "backends/cpu/step.h"

struct conv3d {
    struct prt_conv3d_attrs attrs;
    int64_t batch, in, out;   /* channels */
    int64_t x[3], y[3], k[3]; /* d, h, w */
    enum prt_dtype dtype;
    bool biased;
};

struct conv3d_run {
    const struct conv3d *op;
    const void *x, *weight, *bias;
    void *y;
};

/*
 * At tap t, b of the one side meets a = b * stride + t * dilation - padding of the other. b is of
 * y, a of x; of a transposed convolution the other way round. Sets the b whose a is inside.
 */
static void inside(const struct conv3d *op, int axis, int64_t tap, int64_t *first, int64_t *end,
                   int64_t *shift)
{
    int64_t stride = op->attrs.stride[axis];
    int64_t wide = op->attrs.transposed ? op->y[axis] : op->x[axis];
    int64_t narrow = op->attrs.transposed ? op->x[axis] : op->y[axis];
    *shift = tap * op->attrs.dilation[axis] - op->attrs.padding[axis];
    *first = *shift >= 0 ? 0 : (-*shift + stride - 1) / stride;
    int64_t last = wide - 1 - *shift;
    *end = last < 0 ? 0 : last / stride + 1;
    if (*end > narrow)
        *end = narrow;
}

#define CONV3D(name, type)                                                                        \
    /* y += weight * x along a row: x has the stride, or, transposed, y has. */                   \
    static void row_##name(bool transposed, int64_t n, type *y, const type *x, int64_t stride,    \
                           type weight)                                                           \
    {                                                                                             \
        if (stride == 1)                                                                          \
            for (int64_t i = 0; i < n; i++)                                                       \
                y[i] += weight * x[i];                                                            \
        else if (transposed)                                                                      \
            for (int64_t i = 0; i < n; i++)                                                       \
                y[i * stride] += weight * x[i];                                                   \
        else                                                                                      \
            for (int64_t i = 0; i < n; i++)                                                       \
                y[i] += weight * x[i * stride];                                                   \
    }                                                                                             \
                                                                                                  \
    static void tap_##name(const struct conv3d *op, type *y, const type *x, const int64_t tap[3], \
                           type weight)                                                           \
    {                                                                                             \
        const int32_t *stride = op->attrs.stride;                                                 \
        bool transposed = op->attrs.transposed;                                                   \
        int64_t first[3], end[3], shift[3];                                                       \
        for (int i = 0; i < 3; i++)                                                               \
            inside(op, i, tap[i], &first[i], &end[i], &shift[i]);                                 \
        if (end[2] <= first[2])                                                                   \
            return;                                                                               \
        for (int64_t d = first[0]; d < end[0]; d++)                                               \
            for (int64_t h = first[1]; h < end[1]; h++) {                                         \
                int64_t ad = d * stride[0] + shift[0], ah = h * stride[1] + shift[1];             \
                int64_t aw = first[2] * stride[2] + shift[2];                                     \
                type *to = transposed ? y + (ad * op->y[1] + ah) * op->y[2] + aw                  \
                                      : y + (d * op->y[1] + h) * op->y[2] + first[2];             \
                const type *from = transposed ? x + (d * op->x[1] + h) * op->x[2] + first[2]      \
                                              : x + (ad * op->x[1] + ah) * op->x[2] + aw;         \
                row_##name(transposed, end[2] - first[2], to, from, stride[2], weight);           \
            }                                                                                     \
    }                                                                                             \
                                                                                                  \
    static void plane_##name(void *context, size_t task, unsigned worker)                         \
    {                                                                                             \
        (void)worker;                                                                             \
        const struct conv3d_run *run = context;                                                   \
        const struct conv3d *op = run->op;                                                        \
        int64_t n = (int64_t)task / op->out, o = (int64_t)task % op->out;                         \
        int64_t in_each = op->in / op->attrs.groups, out_each = op->out / op->attrs.groups;       \
        int64_t group = o / out_each, taps = op->k[0] * op->k[1] * op->k[2];                      \
        int64_t volume_x = op->x[0] * op->x[1] * op->x[2];                                        \
        int64_t volume_y = op->y[0] * op->y[1] * op->y[2];                                        \
        type *y = (type *)run->y + (int64_t)task * volume_y;                                      \
        type start = op->biased ? ((const type *)run->bias)[o] : 0;                               \
        for (int64_t i = 0; i < volume_y; i++)                                                    \
            y[i] = start;                                                                         \
        for (int64_t c = 0; c < in_each; c++) {                                                   \
            int64_t channel = group * in_each + c;                                                \
            const type *x = (const type *)run->x + (n * op->in + channel) * volume_x;             \
            const type *weight = (const type *)run->weight +                                      \
                                 taps * (op->attrs.transposed ? channel * out_each + o % out_each \
                                                              : o * in_each + c);                 \
            for (int64_t t = 0; t < taps; t++) {                                                  \
                int64_t tap[3] = {t / (op->k[1] * op->k[2]), t / op->k[2] % op->k[1],             \
                                  t % op->k[2]};                                                  \
                tap_##name(op, y, x, tap, weight[t]);                                             \
            }                                                                                     \
        }                                                                                         \
    }
CONV3D(f32, float)
CONV3D(f64, double)

static void conv3d_run(const struct cpu_step *step, const struct cpu_run *run)
{
    const struct conv3d *op = step->state;
    struct conv3d_run job = {op, run->data[step->inputs[0]], run->data[step->inputs[1]],
                             op->biased ? run->data[step->inputs[2]] : NULL,
                             run->data[step->output]};
    size_t planes = (size_t)(op->batch * op->out);
    size_t work = planes * (size_t)(op->y[0] * op->y[1] * op->y[2]) *
                  (size_t)(op->in / op->attrs.groups * op->k[0] * op->k[1] * op->k[2] / 4 + 1);
    cpu_spread(run->pool, work, CPU_GRAIN, planes, op->dtype == PRT_F32 ? plane_f32 : plane_f64,
               &job);
}

static bool supports(const struct prt_graph *graph, const struct prt_node *node)
{
    for (unsigned i = 0; i < 3; i++)
        if (cpu_operand(graph, node, i) && !prt_tensor_is_contiguous(cpu_operand(graph, node, i)))
            return false;
    return prt_tensor_is_contiguous(cpu_result(graph, node));
}

static enum percept_status prepare_conv3d(const struct cpu_prepare *prepare, struct cpu_step *step)
{
    const struct prt_tensor *x = cpu_operand(prepare->graph, prepare->node, 0),
                            *weight = cpu_operand(prepare->graph, prepare->node, 1),
                            *y = cpu_result(prepare->graph, prepare->node);
    struct conv3d *op = cpu_prepare_alloc(prepare, sizeof *op);
    if (!op)
        return PERCEPT_NO_MEMORY;
    *op = (struct conv3d){
        .attrs = prepare->node->attrs.conv3d,
        .batch = x->sizes[0],
        .in = x->sizes[1],
        .out = y->sizes[1],
        .dtype = x->dtype,
        .biased = cpu_operand(prepare->graph, prepare->node, 2) != NULL,
    };
    for (int i = 0; i < 3; i++) {
        op->x[i] = x->sizes[2 + i];
        op->y[i] = y->sizes[2 + i];
        op->k[i] = weight->sizes[2 + i];
    }
    step->run = conv3d_run;
    step->kernel = "conv3d";
    step->state = op;
    return PERCEPT_OK;
}

const struct cpu_kernel cpu_conv3d = {.supports = supports, .prepare = prepare_conv3d};
