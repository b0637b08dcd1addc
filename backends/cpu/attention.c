/* Why: the graph's ATTENTION, cut into jobs of some rows of one head each. */
#include "backends/cpu/denormals.h"
#include "backends/cpu/kernels.h"
#include "backends/cpu/loops.h"
#include "backends/cpu/nest.h"
#include "backends/cpu/step.h"

struct head {
    int64_t q, k, v, mask, y; /* first elements */
};

struct attention {
    const struct cpu_kernels *kernels;
    size_t heads, row_tasks, rows, scratch; /* scratch: floats a worker */
    bool masked, starts, causal;
    size_t start_bytes; /* of one that is an operand of the run; 0: it is `start` */
    int64_t start;
    size_t queries;        /* rows of q; the rows of a job may be heads that share their keys */
    const char *name;      /* of the node */
    struct cpu_attend job; /* what all jobs share */
    const struct head *of;
};

struct attention_run {
    const struct attention *op;
    size_t seen; /* keys that the first row sees */
    const float *q, *k, *v, *mask;
    float *y, *scratch;
};

static void attention_task(void *context, size_t task, unsigned worker)
{
    const struct attention_run *run = context;
    const struct attention *op = run->op;
    const struct head *head = &op->of[task / op->row_tasks];
    size_t part = task % op->row_tasks, row = op->rows * part / op->row_tasks,
           end = op->rows * (part + 1) / op->row_tasks;
    struct cpu_attend job = op->job;
    job.rows = end - row;
    job.q = run->q + head->q + row * job.q_row;
    job.k = run->k + head->k;
    job.v = run->v + head->v;
    job.mask = op->masked ? run->mask + head->mask + row * job.mask_row : NULL;
    job.y = run->y + head->y + row * job.y_row;
    job.seen = run->seen + row * job.seen_step;
    job.scratch = run->scratch + worker * op->scratch;
    const unsigned before = cpu_drop_denormals();
    op->kernels->attend(&job);
    cpu_keep_denormals(before);
}

/* Where the rows stand among the keys. */
static int64_t start_of(const struct cpu_step *step, const struct cpu_run *run)
{
    const struct attention *op = step->state;
    const void *data = op->start_bytes ? run->data[step->inputs[4]] : NULL;
    return data ? cpu_read_index(data, op->start_bytes == sizeof(int64_t), 0) : op->start;
}

static void attention_run(const struct cpu_step *step, const struct cpu_run *run)
{
    const struct attention *op = step->state;
    size_t seen = op->job.seen;
    if (op->starts) {
        int64_t start = start_of(step, run), last = (int64_t)op->job.keys - (int64_t)op->queries;
        if (start < 0 || start > last) {
            cpu_fault_index(run->fault, op->name, start, last + 1);
            return;
        }
        seen = (size_t)start + (op->causal ? 1 : op->queries);
    }
    struct attention_run job = {op,
                                seen,
                                run->data[step->inputs[0]],
                                run->data[step->inputs[1]],
                                run->data[step->inputs[2]],
                                op->masked ? run->data[step->inputs[3]] : NULL,
                                run->data[step->output],
                                run->scratch};
    base_pool_run(run->pool, op->heads * op->row_tasks, attention_task, &job);
}

static bool rows_dense(const struct prt_tensor *tensor)
{
    int64_t strides[PRT_MAX_RANK];
    if (!tensor || tensor->dtype != PRT_F32)
        return false;
    prt_tensor_strides(tensor, strides);
    return tensor->sizes[tensor->rank - 1] <= 1 || strides[tensor->rank - 1] == 1;
}

static bool supports(const struct prt_graph *graph, const struct prt_node *node)
{
    const struct prt_tensor *mask = cpu_operand(graph, node, 3);
    for (unsigned i = 0; i < 3; i++)
        if (!rows_dense(cpu_operand(graph, node, i)))
            return false;
    return rows_dense(cpu_result(graph, node)) && (!mask || prt_tensor_is_contiguous(mask));
}

/* Where head `index` of q's heads begins in a tensor that shares its own out among them. */
static int64_t head_offset(const struct prt_tensor *q, const struct prt_tensor *x, size_t index)
{
    int64_t strides[PRT_MAX_RANK], offset = 0;
    prt_tensor_strides(x, strides);
    for (int d = q->rank - 3; d >= 0; d--) {
        int32_t at = (int32_t)(index % (size_t)q->sizes[d]);
        index /= (size_t)q->sizes[d];
        offset += at / (q->sizes[d] / x->sizes[d]) * strides[d];
    }
    return offset;
}

static size_t row_stride(const struct prt_tensor *tensor)
{
    int64_t strides[PRT_MAX_RANK];
    prt_tensor_strides(tensor, strides);
    return (size_t)strides[tensor->rank - 2];
}

static size_t head_stride(const struct prt_tensor *tensor)
{
    int64_t strides[PRT_MAX_RANK];
    prt_tensor_strides(tensor, strides);
    return (size_t)strides[tensor->rank - 3];
}

/* How many neighbouring heads of q have their keys and values in common. */
static size_t sharing_heads(const struct prt_tensor *q, const struct prt_tensor *k,
                            const struct prt_tensor *v)
{
    if (q->rank < 3 || k->sizes[q->rank - 3] != v->sizes[q->rank - 3])
        return 1;
    size_t kept = (size_t)k->sizes[q->rank - 3];
    return kept ? (size_t)q->sizes[q->rank - 3] / kept : 1;
}

static enum percept_status prepare_attention(const struct cpu_prepare *prepare,
                                             struct cpu_step *step)
{
    const struct prt_graph *graph = prepare->graph;
    const struct prt_node *node = prepare->node;
    const struct prt_attention_attrs *attrs = &node->attrs.attention;
    const struct prt_tensor *q = cpu_operand(graph, node, 0), *k = cpu_operand(graph, node, 1),
                            *v = cpu_operand(graph, node, 2), *mask = cpu_operand(graph, node, 3),
                            *y = cpu_result(graph, node);
    struct attention *op = cpu_prepare_alloc(prepare, sizeof *op);
    if (!op)
        return PERCEPT_NO_MEMORY;
    unsigned last = q->rank - 1u;
    size_t rows = (size_t)q->sizes[last - 1], keys = (size_t)k->sizes[last - 1], heads = 1;
    for (unsigned i = 0; i + 2 < q->rank; i++)
        heads *= (size_t)q->sizes[i];
    if (prt_tensor_elements(y) == 0)
        heads = 0;
    struct head *of = cpu_prepare_alloc(prepare, heads * sizeof *of);
    if (!of)
        return PERCEPT_NO_MEMORY;
    for (size_t i = 0; i < heads; i++) {
        of[i] = (struct head){.q = head_offset(q, q, i),
                              .k = keys ? head_offset(q, k, i) : 0,
                              .v = keys ? head_offset(q, v, i) : 0,
                              .y = head_offset(y, y, i)};
        if (mask && prt_tensor_elements(mask) > rows * keys)
            of[i].mask = (int64_t)(i * rows * keys);
    }
    bool starts = node->input_count > 4 && node->inputs[4] != PRT_NO_VALUE;
    const struct prt_tensor *start = cpu_operand(graph, node, 4);
    *op = (struct attention){
        .starts = starts,
        .start_bytes = start ? prt_dtype_size(start->dtype) : 0,
        .start = starts ? prt_value_int(graph, node->inputs[4], 0) : 0,
        .queries = rows,
        .causal = attrs->causal,
        .name = node->name,
        .kernels = cpu_kernels_of(cpu_isa_best()),
        .heads = heads,
        .row_tasks = (rows + CPU_ATTEND_ROWS - 1) / CPU_ATTEND_ROWS,
        .rows = rows,
        .masked = mask != NULL,
        .job = {.keys = keys,
                .depth = (size_t)q->sizes[last],
                .width = (size_t)v->sizes[last],
                .q_row = row_stride(q),
                .k_row = row_stride(k),
                .v_row = row_stride(v),
                .mask_row = keys,
                .y_row = row_stride(y),
                .seen = attrs->causal ? 1 : keys,
                .seen_step = attrs->causal ? 1 : 0,
                .scale = attrs->scale,
                .safe = attrs->safe},
        .of = of,
    };
    size_t group = rows == 1 && !mask ? sharing_heads(q, k, v) : 1;
    if (group > 1 && heads) { /* those heads are the rows: each key is read once for all of them */
        op->heads = heads / group;
        op->rows = rows = group;
        op->row_tasks = 1;
        op->job.q_row = head_stride(q);
        op->job.y_row = head_stride(y);
        op->job.seen_step = 0;
        for (size_t i = 0; i < op->heads; i++)
            of[i] = of[i * group];
    }
    op->row_tasks = op->row_tasks ? op->row_tasks : 1;
    size_t most = (rows + op->row_tasks - 1) / op->row_tasks;
    /* A multiple of a cache line, so that workers share none. */
    op->scratch = (op->kernels->attend_scratch(most, op->job.depth, op->job.width) + 15) / 16 * 16;
    step->scratch = op->scratch * sizeof(float) * prepare->threads;
    step->run = attention_run;
    step->kernel = "attention";
    step->state = op;
    return PERCEPT_OK;
}

const struct cpu_kernel cpu_attention = {.supports = supports, .prepare = prepare_attention};
