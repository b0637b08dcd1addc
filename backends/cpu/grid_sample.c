/* Why: sampling an image where a second tensor says; each result looks somewhere else, so there is
 * nothing to vectorise and the loops are plain. */
#include "backends/cpu/nest.h"
#include "backends/cpu/step.h"

#include <math.h>

struct grid_sample {
    struct prt_grid_attrs attrs;
    int64_t batch, channels, x[2], y[2]; /* h, w */
    enum prt_dtype dtype;
};

struct grid_run {
    const struct grid_sample *op;
    const void *x, *grid;
    void *y;
};

/* Where -1 to 1 is in pixels, in the arithmetic of the element type, whose rounding decides which
 * pixel is the nearest. */
static double unnormalise(const struct grid_sample *op, double at, int64_t size)
{
    bool align = op->attrs.align_corners;
    if (op->dtype == PRT_F64)
        return align ? (at + 1) / 2 * (double)(size - 1) : ((at + 1) * (double)size - 1) / 2;
    float x = (float)at, n = (float)size;
    return align ? (double)((x + 1) / 2 * (n - 1)) : (double)(((x + 1) * n - 1) / 2);
}

static double reflect(double at, double low, double span)
{
    if (span <= 0)
        return 0;
    at = fabs(at - low);
    double extra = fmod(at, span);
    return (fmod(floor(at / span), 2) == 0 ? extra : span - extra) + low;
}

/* The coordinate as the edge rule wants it. What cannot be a coordinate is far outside. */
static double settle(const struct grid_sample *op, double at, int64_t size)
{
    enum { FAR_OUTSIDE = -16 };
    double last = (double)(size - 1);
    if (!(fabs(at) < 0x1p40))
        at = FAR_OUTSIDE;
    if (op->attrs.edge == PRT_GRID_REFLECTION)
        at = op->attrs.align_corners ? reflect(at, 0, last) : reflect(at, -0.5, (double)size);
    if (op->attrs.edge != PRT_GRID_ZEROS)
        at = at < 0 ? 0 : at > last ? last : at;
    return at;
}

static double pixel(const struct grid_sample *op, const void *plane, double h, double w)
{
    if (!(h >= 0 && h < (double)op->x[0] && w >= 0 && w < (double)op->x[1]))
        return 0;
    int64_t at = (int64_t)h * op->x[1] + (int64_t)w;
    return op->dtype == PRT_F32 ? (double)((const float *)plane)[at] : ((const double *)plane)[at];
}

static double bilinear(const struct grid_sample *op, const void *plane, double h, double w)
{
    h = settle(op, h, op->x[0]);
    w = settle(op, w, op->x[1]);
    double top = floor(h), left = floor(w), down = h - top, right = w - left;
    return pixel(op, plane, top, left) * (1 - down) * (1 - right) +
           pixel(op, plane, top, left + 1) * (1 - down) * right +
           pixel(op, plane, top + 1, left) * down * (1 - right) +
           pixel(op, plane, top + 1, left + 1) * down * right;
}

static double nearest(const struct grid_sample *op, const void *plane, double h, double w)
{
    return pixel(op, plane, rint(settle(op, h, op->x[0])), rint(settle(op, w, op->x[1])));
}

/* Keys' cubic convolution, a = -0.75. */
static void cubic_shares(double t, double share[4])
{
    const double a = -0.75;
    const double x[4] = {t + 1, t, 1 - t, 2 - t};
    for (int i = 0; i < 4; i++)
        share[i] = i == 1 || i == 2 ? ((a + 2) * x[i] - (a + 3)) * x[i] * x[i] + 1
                                    : ((a * x[i] - 5 * a) * x[i] + 8 * a) * x[i] - 4 * a;
}

static double bicubic(const struct grid_sample *op, const void *plane, double h, double w)
{
    double down[4], right[4], sum = 0;
    if (!(fabs(h) < 0x1p40) || !(fabs(w) < 0x1p40))
        return 0;
    cubic_shares(h - floor(h), down);
    cubic_shares(w - floor(w), right);
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < 4; j++)
            sum += down[i] * right[j] *
                   pixel(op, plane, floor(settle(op, floor(h) - 1 + i, op->x[0])),
                         floor(settle(op, floor(w) - 1 + j, op->x[1])));
    return sum;
}

static double (*const samplers[PRT_GRID_MODES])(const struct grid_sample *op, const void *plane,
                                                double h, double w) = {
    [PRT_GRID_BILINEAR] = bilinear,
    [PRT_GRID_NEAREST] = nearest,
    [PRT_GRID_BICUBIC] = bicubic,
};

static void grid_task(void *context, size_t task, unsigned worker)
{
    (void)worker;
    const struct grid_run *run = context;
    const struct grid_sample *op = run->op;
    size_t n = task / (size_t)op->channels, area = (size_t)(op->y[0] * op->y[1]);
    size_t plane_bytes = (size_t)(op->x[0] * op->x[1]) * prt_dtype_size(op->dtype);
    const char *plane = (const char *)run->x + task * plane_bytes;
    for (size_t i = 0; i < area; i++) {
        size_t at = 2 * (n * area + i), to = task * area + i;
        bool single = op->dtype == PRT_F32;
        double w =
            single ? (double)((const float *)run->grid)[at] : ((const double *)run->grid)[at];
        double h = single ? (double)((const float *)run->grid)[at + 1]
                          : ((const double *)run->grid)[at + 1];
        double sample = samplers[op->attrs.mode](op, plane, unnormalise(op, h, op->x[0]),
                                                 unnormalise(op, w, op->x[1]));
        if (single)
            ((float *)run->y)[to] = (float)sample;
        else
            ((double *)run->y)[to] = sample;
    }
}

static void grid_sample_run(const struct cpu_step *step, const struct cpu_run *run)
{
    const struct grid_sample *op = step->state;
    struct grid_run job = {op, run->data[step->inputs[0]], run->data[step->inputs[1]],
                           run->data[step->output]};
    size_t planes = (size_t)(op->batch * op->channels);
    cpu_spread(run->pool, planes * (size_t)(op->y[0] * op->y[1]) * 8, CPU_GRAIN, planes, grid_task,
               &job);
}

static bool supports(const struct prt_graph *graph, const struct prt_node *node)
{
    return prt_tensor_is_contiguous(cpu_operand(graph, node, 0)) &&
           prt_tensor_is_contiguous(cpu_operand(graph, node, 1)) &&
           prt_tensor_is_contiguous(cpu_result(graph, node));
}

static enum percept_status prepare_grid(const struct cpu_prepare *prepare, struct cpu_step *step)
{
    const struct prt_tensor *x = cpu_operand(prepare->graph, prepare->node, 0),
                            *y = cpu_result(prepare->graph, prepare->node);
    struct grid_sample *op = cpu_prepare_alloc(prepare, sizeof *op);
    if (!op)
        return PERCEPT_NO_MEMORY;
    *op = (struct grid_sample){
        .attrs = prepare->node->attrs.grid,
        .batch = x->sizes[0],
        .channels = x->sizes[1],
        .x = {x->sizes[2], x->sizes[3]},
        .y = {y->sizes[2], y->sizes[3]},
        .dtype = x->dtype,
    };
    step->run = grid_sample_run;
    step->kernel = "grid sample";
    step->state = op;
    return PERCEPT_OK;
}

const struct cpu_kernel cpu_grid_sample = {.supports = supports, .prepare = prepare_grid};
