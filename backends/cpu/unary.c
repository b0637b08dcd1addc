/* Why: functions of one operand: vector loops, and for 8-bit codes a table of all 256 answers. */
#include "backends/cpu/elementwise.h"

#include <math.h>

static cpu_body body_of(const struct cpu_loops *loops, enum prt_unary_kind kind,
                        enum cpu_domain domain)
{
    return domain == CPU_DOMAIN_F32 ? loops->unary[kind] : cpu_wide_unary[domain][kind];
}

/* ---- table ---- */

struct table {
    size_t count;
    uint8_t answer[256];
};

static void look_up(const struct table *table, uint8_t *y, const uint8_t *x, size_t count)
{
    for (size_t i = 0; i < count; i++)
        y[i] = table->answer[x[i]];
}

struct table_run {
    const struct table *table;
    uint8_t *y;
    const uint8_t *x;
};

static void table_task(void *context, size_t task, unsigned worker)
{
    (void)worker;
    const struct table_run *job = context;
    size_t start = task * CPU_GRAIN, rest = job->table->count - start;
    look_up(job->table, job->y + start, job->x + start, rest < CPU_GRAIN ? rest : CPU_GRAIN);
}

static void table_run(const struct cpu_step *step, const struct cpu_run *run)
{
    const struct table *table = step->state;
    struct table_run job = {table, run->data[step->output], run->data[step->inputs[0]]};
    cpu_spread(run->pool, table->count, CPU_GRAIN, (table->count + CPU_GRAIN - 1) / CPU_GRAIN,
               table_task, &job);
}

/* The answers come from the very loops that would have run on every element. */
static enum percept_status table_prepare(const struct cpu_prepare *prepare, cpu_body body,
                                         const struct cpu_params *params, struct cpu_step *step)
{
    const struct prt_tensor *x = cpu_operand(prepare->graph, prepare->node, 0);
    const struct prt_tensor *y = cpu_result(prepare->graph, prepare->node);
    struct table *table = cpu_prepare_alloc(prepare, sizeof *table);
    if (!table)
        return PERCEPT_NO_MEMORY;
    table->count = prt_tensor_elements(y);
    uint8_t codes[256];
    float numbers[256];
    struct cpu_code from = cpu_code_of(x), to = cpu_code_of(y);
    for (unsigned i = 0; i < 256; i++)
        codes[i] = (uint8_t)i;
    prepare->loops->load[x->dtype](256, numbers, codes, 1, &from);
    struct cpu_tile tile = {.rows = 1, .count = 256, .y = numbers, .x[0] = {numbers, 0, 1}};
    body(&tile, params);
    prepare->loops->store[y->dtype](256, table->answer, 1, numbers, &to);
    step->run = table_run;
    step->kernel = "table";
    step->state = table;
    return PERCEPT_OK;
}

/* ---- the row ---- */

static bool supports(const struct prt_graph *graph, const struct prt_node *node)
{
    enum cpu_domain domain = cpu_domain_of(graph, node);
    return body_of(&cpu_loops_plain, node->attrs.unary.kind, domain) &&
           cpu_elementwise_supports(graph, node, domain);
}

static enum percept_status prepare_unary(const struct cpu_prepare *prepare, struct cpu_step *step)
{
    const struct prt_unary_attrs *attrs = &prepare->node->attrs.unary;
    const struct prt_tensor *x = cpu_operand(prepare->graph, prepare->node, 0);
    const struct prt_tensor *y = cpu_result(prepare->graph, prepare->node);
    enum cpu_domain domain = cpu_domain_of(prepare->graph, prepare->node);
    struct cpu_elementwise op = {
        .domain = domain,
        .body = body_of(prepare->loops, attrs->kind, domain),
        .params = {.a = attrs->a, .b = attrs->b, .lo = -HUGE_VALF, .hi = HUGE_VALF},
        .kernel = "unary",
    };
    bool codes = x->quant.kind != PRT_QUANT_NONE && y->quant.kind != PRT_QUANT_NONE &&
                 prt_dtype_size(x->dtype) == 1 && prt_dtype_size(y->dtype) == 1;
    if (codes && prt_tensor_same_layout(x, y))
        return table_prepare(prepare, op.body, &op.params, step);
    return cpu_elementwise_prepare(prepare, &op, 1, step);
}

const struct cpu_kernel cpu_unary = {.supports = supports, .prepare = prepare_unary};
