/* Why: written once, broadcasting and layouts need no code in any kernel. */
#include "backends/cpu/nest.h"

#include <string.h>

void cpu_nest_init(struct cpu_nest *nest, const struct prt_tensor *shape)
{
    memset(nest, 0, sizeof *nest);
    nest->rank = shape->rank;
    for (unsigned i = 0; i < shape->rank; i++) {
        nest->axes[i] = shape->dim_order[i];
        nest->sizes[i] = shape->sizes[shape->dim_order[i]];
    }
}

void cpu_nest_add(struct cpu_nest *nest, const int64_t strides[PRT_MAX_RANK])
{
    for (unsigned i = 0; i < nest->rank; i++)
        nest->strides[nest->operands][i] = strides[nest->axes[i]];
    nest->operands++;
}

void cpu_nest_add_tensor(struct cpu_nest *nest, const struct prt_tensor *tensor)
{
    int64_t own[PRT_MAX_RANK], strides[PRT_MAX_RANK] = {0};
    prt_tensor_strides(tensor, own);
    for (unsigned i = 0; i < tensor->rank; i++)
        if (tensor->sizes[i] != 1)
            strides[nest->rank - tensor->rank + i] = own[i];
    cpu_nest_add(nest, strides);
}

static bool mergeable(const struct cpu_nest *nest, unsigned outer, unsigned inner)
{
    for (unsigned o = 0; o < nest->operands; o++)
        if (nest->strides[o][outer] != nest->strides[o][inner] * nest->sizes[inner])
            return false;
    return true;
}

void cpu_nest_finish(struct cpu_nest *nest)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < nest->rank; i++) {
        if (nest->sizes[i] == 1)
            continue;
        bool merge = kept && mergeable(nest, kept - 1, i);
        unsigned to = merge ? kept - 1 : kept++;
        nest->sizes[to] = merge ? nest->sizes[to] * nest->sizes[i] : nest->sizes[i];
        for (unsigned o = 0; o < nest->operands; o++)
            nest->strides[o][to] = nest->strides[o][i];
    }
    nest->rank = kept;
    if (kept == 0) {
        nest->rank = 1;
        nest->sizes[0] = 1;
        for (unsigned o = 0; o < nest->operands; o++)
            nest->strides[o][0] = 1;
    }
}

struct nest_job {
    const struct cpu_nest *nest;
    size_t total, chunk; /* in rows; in elements for a nest of one loop */
    cpu_rows_fn fn;
    const void *context;
};

static void run_flat(const struct nest_job *job, size_t start, size_t end, unsigned worker)
{
    struct cpu_rows rows = {.rows = 1, .count = end - start};
    for (unsigned o = 0; o < job->nest->operands; o++) {
        rows.step[o] = job->nest->strides[o][0];
        rows.offset[o] = (int64_t)start * rows.step[o];
    }
    job->fn(job->context, &rows, worker);
}

static void run_rows(const struct nest_job *job, size_t start, size_t end, unsigned worker)
{
    const struct cpu_nest *nest = job->nest;
    unsigned row = nest->rank - 2;
    struct cpu_rows rows = {.count = (size_t)nest->sizes[row + 1]};
    for (unsigned o = 0; o < nest->operands; o++) {
        rows.row[o] = nest->strides[o][row];
        rows.step[o] = nest->strides[o][row + 1];
    }
    while (start < end) {
        size_t rest = start, size = (size_t)nest->sizes[row], first = rest % size;
        memset(rows.offset, 0, sizeof rows.offset);
        for (unsigned i = row + 1; i-- > 0;) {
            int64_t index = (int64_t)(rest % (size_t)nest->sizes[i]);
            rest /= (size_t)nest->sizes[i];
            for (unsigned o = 0; o < nest->operands; o++)
                rows.offset[o] += index * nest->strides[o][i];
        }
        rows.rows = size - first < end - start ? size - first : end - start;
        job->fn(job->context, &rows, worker);
        start += rows.rows;
    }
}

static void run_task(void *context, size_t task, unsigned worker)
{
    const struct nest_job *job = context;
    size_t start = task * job->chunk;
    size_t end = start + job->chunk < job->total ? start + job->chunk : job->total;
    if (job->nest->rank == 1)
        run_flat(job, start, end, worker);
    else
        run_rows(job, start, end, worker);
}

void cpu_nest_run(const struct cpu_nest *nest, size_t grain, struct base_pool *pool, cpu_rows_fn fn,
                  const void *context)
{
    size_t elements = 1, total = 1;
    for (unsigned i = 0; i < nest->rank; i++) {
        elements *= (size_t)nest->sizes[i];
        if (nest->rank == 1 || i + 1 < nest->rank)
            total *= (size_t)nest->sizes[i];
    }
    if (elements == 0)
        return;
    /* A few tasks a worker even out what else the cores are doing. */
    unsigned threads = pool ? base_pool_threads(pool) : 1;
    size_t tasks = elements / grain, most = threads > 1 ? threads * (size_t)4 : 1;
    if (tasks > most)
        tasks = most;
    if (tasks > total)
        tasks = total;
    if (tasks == 0)
        tasks = 1;
    struct nest_job job = {nest, total, (total + tasks - 1) / tasks, fn, context};
    if (nest->rank == 1) /* keep the cuts on cache lines */
        job.chunk = (job.chunk + 63) & ~(size_t)63;
    tasks = (total + job.chunk - 1) / job.chunk;
    base_pool_run(tasks > 1 ? pool : NULL, tasks, run_task, &job);
}

void cpu_spread(struct base_pool *pool, size_t units, size_t grain, size_t tasks, base_pool_fn fn,
                void *context)
{
    base_pool_run(units < 2 * grain ? NULL : pool, tasks, fn, context);
}
