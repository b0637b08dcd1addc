/* Why: FULL and PAD write one number many times. */
#include "backends/cpu/elementwise.h"

#include <string.h>

/* ---- one number in a tensor's type ---- */

struct pattern {
    size_t size;
    unsigned char bytes[8];
    bool uniform; /* all bytes alike, as those of zero */
};

/* Integers exactly, floats and codes as CONVERT and QUANTIZE do. */
static void encode(const struct cpu_loops *loops, const struct prt_tensor *y,
                   const struct prt_value *number, void *bytes)
{
    struct cpu_code code = cpu_code_of(y);
    if (number->kind != PRT_VALUE_DOUBLE && cpu_can_store(y, CPU_DOMAIN_I64)) {
        int64_t integer = number->kind == PRT_VALUE_INT ? number->i : number->b;
        cpu_wide_store[CPU_DOMAIN_I64][y->dtype](1, bytes, 1, &integer, &code);
        return;
    }
    double real = number->kind == PRT_VALUE_DOUBLE ? number->d
                  : number->kind == PRT_VALUE_INT  ? (double)number->i
                                                   : (double)number->b;
    float single = (float)real;
    if (cpu_can_store(y, CPU_DOMAIN_F64))
        cpu_wide_store[CPU_DOMAIN_F64][y->dtype](1, bytes, 1, &real, &code);
    else
        loops->store[y->dtype](1, bytes, 1, &single, &code);
}

static struct pattern pattern_of(const struct cpu_loops *loops, const struct prt_tensor *y,
                                 const struct prt_value *number)
{
    struct pattern pattern = {.size = prt_dtype_size(y->dtype), .uniform = true};
    encode(loops, y, number, pattern.bytes);
    for (size_t i = 1; i < pattern.size; i++)
        pattern.uniform &= pattern.bytes[i] == pattern.bytes[0];
    return pattern;
}

static void fill(char *to, size_t count, const struct pattern *pattern)
{
    if (count == 0)
        return;
    if (pattern->uniform) {
        memset(to, pattern->bytes[0], count * pattern->size);
        return;
    }
    /* Doubling what is written already runs at memory speed for every size. */
    size_t total = count * pattern->size, done = pattern->size;
    memcpy(to, pattern->bytes, pattern->size);
    while (done < total) {
        size_t more = done < total - done ? done : total - done;
        memcpy(to + done, to, more < 4096 ? more : 4096);
        done += more < 4096 ? more : 4096;
    }
}

static bool can_fill(const struct prt_tensor *y)
{
    return cpu_can_store(y, CPU_DOMAIN_F32) || cpu_can_store(y, CPU_DOMAIN_F64) ||
           cpu_can_store(y, CPU_DOMAIN_I64);
}

/* ---- full ---- */

struct full {
    size_t count;
    struct pattern pattern;
};

static void full_run(const struct cpu_step *step, const struct cpu_run *run)
{
    const struct full *full = step->state;
    fill(run->data[step->output], full->count, &full->pattern);
}

static bool full_supports(const struct prt_graph *graph, const struct prt_node *node)
{
    return can_fill(cpu_result(graph, node));
}

static enum percept_status full_prepare(const struct cpu_prepare *prepare, struct cpu_step *step)
{
    struct full *full = cpu_prepare_alloc(prepare, sizeof *full);
    if (!full)
        return PERCEPT_NO_MEMORY;
    const struct prt_tensor *y = cpu_result(prepare->graph, prepare->node);
    full->count = prt_tensor_elements(y);
    full->pattern =
        pattern_of(prepare->loops, y, &prepare->graph->values[prepare->node->inputs[0]]);
    step->run = full_run;
    step->kernel = "fill";
    step->state = full;
    return PERCEPT_OK;
}

const struct cpu_kernel cpu_full = {.supports = full_supports, .prepare = full_prepare};

/* ---- pad ---- */

/* One dimension, outermost first; counts and strides in elements. */
struct pad_dimension {
    int64_t before, middle, after; /* of y: padding, what comes from x, padding */
    int64_t skip;                  /* of x: cropped at the front */
    int64_t x_stride, y_stride;
};

struct pad {
    struct pattern pattern;
    unsigned rank;
    struct pad_dimension dimensions[PRT_MAX_RANK + 1];
};

struct pad_run {
    const struct pad *pad;
    char *y;
    const char *x;
};

static void pad_from(const struct pad *pad, unsigned d, char *y, const char *x)
{
    int64_t size = (int64_t)pad->pattern.size;
    const struct pad_dimension *dimension = &pad->dimensions[d];
    char *middle = y + dimension->before * dimension->y_stride * size;
    const char *from = x + dimension->skip * dimension->x_stride * size;
    fill(y, (size_t)(dimension->before * dimension->y_stride), &pad->pattern);
    if (d + 1 == pad->rank)
        memcpy(middle, from, (size_t)(dimension->middle * dimension->y_stride * size));
    else
        for (int64_t i = 0; i < dimension->middle; i++)
            pad_from(pad, d + 1, middle + i * dimension->y_stride * size,
                     from + i * dimension->x_stride * size);
    fill(middle + dimension->middle * dimension->y_stride * size,
         (size_t)(dimension->after * dimension->y_stride), &pad->pattern);
}

static void pad_task(void *context, size_t task, unsigned worker)
{
    (void)worker;
    const struct pad_run *run = context;
    const struct pad_dimension *outer = &run->pad->dimensions[0];
    int64_t size = (int64_t)run->pad->pattern.size, at = (int64_t)task;
    pad_from(run->pad, 1, run->y + (outer->before + at) * outer->y_stride * size,
             run->x + (outer->skip + at) * outer->x_stride * size);
}

static void pad_run(const struct cpu_step *step, const struct cpu_run *run)
{
    const struct pad *pad = step->state;
    const struct pad_dimension *outer = &pad->dimensions[0];
    char *y = run->data[step->output];
    size_t size = pad->pattern.size, before = (size_t)(outer->before * outer->y_stride),
           middle = (size_t)(outer->middle * outer->y_stride);
    if (pad->rank == 1) {
        pad_from(pad, 0, y, run->data[step->inputs[0]]);
        return;
    }
    fill(y, before, &pad->pattern);
    struct pad_run job = {pad, y, run->data[step->inputs[0]]};
    cpu_spread(run->pool, middle, CPU_GRAIN, (size_t)outer->middle, pad_task, &job);
    fill(y + (before + middle) * size, (size_t)(outer->after * outer->y_stride), &pad->pattern);
}

/* Both sides in one order: dimensions of size 1 may stand anywhere, so compare without them. */
static bool pad_supports(const struct prt_graph *graph, const struct prt_node *node)
{
    const struct prt_tensor *x = cpu_operand(graph, node, 0), *y = cpu_result(graph, node);
    struct prt_tensor like_y = *x;
    memcpy(like_y.dim_order, y->dim_order, sizeof like_y.dim_order);
    return can_fill(y) && prt_tensor_same_layout(x, &like_y);
}

static enum percept_status pad_prepare(const struct cpu_prepare *prepare, struct cpu_step *step)
{
    struct pad *pad = cpu_prepare_alloc(prepare, sizeof *pad);
    if (!pad)
        return PERCEPT_NO_MEMORY;
    const struct prt_pad_attrs *attrs = &prepare->node->attrs.pad;
    const struct prt_tensor *x = cpu_operand(prepare->graph, prepare->node, 0);
    const struct prt_tensor *y = cpu_result(prepare->graph, prepare->node);
    struct prt_value number = {.kind = PRT_VALUE_DOUBLE, .d = attrs->value};
    pad->pattern = pattern_of(prepare->loops, y, &number);
    int64_t x_stride = 1, y_stride = 1;
    struct pad_dimension inner_first[PRT_MAX_RANK + 1];
    for (unsigned i = y->rank; i-- > 0;) {
        uint8_t axis = y->dim_order[i];
        int64_t before = attrs->before[axis], after = attrs->after[axis];
        struct pad_dimension dimension = {
            .before = before > 0 ? before : 0,
            .after = after > 0 ? after : 0,
            .skip = before < 0 ? -before : 0,
            .x_stride = x_stride,
            .y_stride = y_stride,
        };
        dimension.middle = y->sizes[axis] - dimension.before - dimension.after;
        /* What is whole inside is one run of the dimension around it. */
        bool whole = before == 0 && after == 0;
        if (!whole || (pad->rank && y->sizes[axis] != 1))
            inner_first[pad->rank++] = dimension;
        x_stride *= x->sizes[axis];
        y_stride *= y->sizes[axis];
    }
    if (pad->rank == 0)
        inner_first[pad->rank++] =
            (struct pad_dimension){.middle = 1, .x_stride = x_stride, .y_stride = y_stride};
    for (unsigned i = 0; i < pad->rank; i++)
        pad->dimensions[i] = inner_first[pad->rank - 1 - i];
    step->run = pad_run;
    step->kernel = "pad";
    step->state = pad;
    return PERCEPT_OK;
}

const struct cpu_kernel cpu_pad = {.supports = pad_supports, .prepare = pad_prepare};
