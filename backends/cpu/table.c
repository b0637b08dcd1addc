/* Why: what an 8-bit network does to its codes between two layers is one TABLE; TOSA has its own.
 */
#include "backends/cpu/integer.h"
#include "backends/cpu/loops.h"
#include "backends/cpu/nest.h"
#include "backends/cpu/step.h"

struct table {
    size_t count;
    enum prt_dtype from;
    const struct cpu_loops *loops;
};

struct table_run {
    const struct table *op;
    const void *x, *table;
    void *y;
};

/* 9 bits choose two neighbours, 7 stand between them. */
static void look_up_i16(size_t count, int32_t *y, const int16_t *x, const int16_t *table)
{
    for (size_t i = 0; i < count; i++) {
        int32_t at = (x[i] >> 7) + 256, between = x[i] & 127;
        y[i] = table[at] * 128 + (table[at + 1] - table[at]) * between;
    }
}

static void table_task(void *context, size_t task, unsigned worker)
{
    (void)worker;
    const struct table_run *job = context;
    size_t first = task * CPU_GRAIN, rest = job->op->count - first;
    size_t count = rest < CPU_GRAIN ? rest : CPU_GRAIN;
    if (job->op->from == PRT_I16)
        look_up_i16(count, (int32_t *)job->y + first, (const int16_t *)job->x + first, job->table);
    else
        job->op->loops->look_up(count, (uint8_t *)job->y + first, (const uint8_t *)job->x + first,
                                job->table, job->op->from == PRT_I8 ? 0x80 : 0);
}

static void table_run(const struct cpu_step *step, const struct cpu_run *run)
{
    const struct table *op = step->state;
    struct table_run job = {op, run->data[step->inputs[0]], run->data[step->inputs[1]],
                            run->data[step->output]};
    cpu_spread(run->pool, op->count, CPU_GRAIN, (op->count + CPU_GRAIN - 1) / CPU_GRAIN, table_task,
               &job);
}

static enum percept_status table_prepare(const struct cpu_prepare *prepare, struct cpu_step *step)
{
    struct table *op = cpu_prepare_alloc(prepare, sizeof *op);
    if (!op)
        return PERCEPT_NO_MEMORY;
    const struct prt_tensor *x = cpu_operand(prepare->graph, prepare->node, 0);
    *op = (struct table){prt_tensor_elements(x), x->dtype, prepare->loops};
    step->run = table_run;
    step->kernel = "table";
    step->state = op;
    return PERCEPT_OK;
}

const struct cpu_kernel cpu_table = {.supports = cpu_integer_supports, .prepare = table_prepare};
