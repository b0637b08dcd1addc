/* Why: kernels see two plain loops, whatever the nest and the number of threads. */
#include "backends/cpu/nest.h"

#include "backends/cpu/lines.h"

#include <string.h>

struct nest_job {
    const struct prt_nest *nest;
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
    const struct prt_nest *nest = job->nest;
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

void cpu_nest_run(const struct prt_nest *nest, size_t grain, struct base_pool *pool, cpu_rows_fn fn,
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
        job.chunk = cpu_align64(job.chunk);
    tasks = (total + job.chunk - 1) / job.chunk;
    base_pool_run(tasks > 1 ? pool : NULL, tasks, run_task, &job);
}

void cpu_spread(struct base_pool *pool, size_t units, size_t grain, size_t tasks, base_pool_fn fn,
                void *context)
{
    base_pool_run(units < 2 * grain ? NULL : pool, tasks, fn, context);
}
