/* Why: a graph is made for sizes that only the data tell; a run that finds others must not go on.
 */
#include "backends/cpu/step.h"

#include <string.h>

struct expect {
    int64_t size;
    const char *name;
};

static void expect_run(const struct cpu_step *step, const struct cpu_run *run)
{
    const struct expect *op = step->state;
    int64_t found;
    memcpy(&found, run->data[step->inputs[0]], sizeof found);
    memcpy(run->data[step->output], &found, sizeof found);
    if (found == op->size)
        return;
    run->fault->is_size = true; /* one thread runs this step, and none other runs now */
    cpu_fault_index(run->fault, op->name, found, op->size);
}

static bool supports(const struct prt_graph *graph, const struct prt_node *node)
{
    (void)graph, (void)node;
    return true;
}

static enum percept_status prepare_expect(const struct cpu_prepare *prepare, struct cpu_step *step)
{
    struct expect *op = cpu_prepare_alloc(prepare, sizeof *op);
    if (!op)
        return PERCEPT_NO_MEMORY;
    *op = (struct expect){prepare->node->attrs.expect.size, prepare->node->name};
    step->run = expect_run;
    step->kernel = "expect";
    step->state = op;
    return PERCEPT_OK;
}

const struct cpu_kernel cpu_expect = {.supports = supports, .prepare = prepare_expect};
