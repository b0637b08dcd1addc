/* Why: rows for the ops of two and three operands; elementwise.c does the work. */
#include "backends/cpu/codes.h"
#include "backends/cpu/elementwise.h"

#include <math.h>

static struct cpu_params bounds(const struct prt_activation *act)
{
    bool clamps = act->kind == PRT_ACT_CLAMP;
    return (struct cpu_params){
        .a = 1, .lo = clamps ? act->lo : -HUGE_VALF, .hi = clamps ? act->hi : HUGE_VALF};
}

/* ---- binary ---- */

static cpu_body binary_body(const struct cpu_loops *loops, enum prt_binary_kind kind,
                            enum cpu_domain domain)
{
    return domain == CPU_DOMAIN_F32 ? loops->binary[kind] : cpu_wide_binary[domain][kind];
}

static bool binary_supports(const struct prt_graph *graph, const struct prt_node *node)
{
    const struct prt_binary_attrs *attrs = &node->attrs.binary;
    enum cpu_domain domain = cpu_domain_of(graph, node);
    return attrs->act.kind != PRT_ACT_PRELU && binary_body(&cpu_loops_plain, attrs->kind, domain) &&
           cpu_elementwise_supports(graph, node, domain);
}

static enum percept_status binary_prepare(const struct cpu_prepare *prepare, struct cpu_step *step)
{
    const struct prt_binary_attrs *attrs = &prepare->node->attrs.binary;
    enum cpu_domain domain = cpu_domain_of(prepare->graph, prepare->node);
    bool taken;
    enum percept_status status = cpu_codes_prepare(prepare, step, &taken);
    if (status != PERCEPT_OK || taken)
        return status;
    struct cpu_elementwise op = {
        .domain = domain,
        .body = binary_body(prepare->loops, attrs->kind, domain),
        .params = bounds(&attrs->act),
        .kernel = "binary",
    };
    op.params.a = attrs->alpha;
    return cpu_elementwise_prepare(prepare, &op, 2, step);
}

const struct cpu_kernel cpu_binary = {.supports = binary_supports, .prepare = binary_prepare};

/* ---- prelu ---- */

static bool prelu_supports(const struct prt_graph *graph, const struct prt_node *node)
{
    enum cpu_domain domain = cpu_domain_of(graph, node);
    return domain != CPU_DOMAIN_I64 && cpu_elementwise_supports(graph, node, domain);
}

static enum percept_status prelu_prepare(const struct cpu_prepare *prepare, struct cpu_step *step)
{
    enum cpu_domain domain = cpu_domain_of(prepare->graph, prepare->node);
    bool taken;
    enum percept_status status = cpu_codes_prepare(prepare, step, &taken);
    if (status != PERCEPT_OK || taken)
        return status;
    struct cpu_elementwise op = {
        .domain = domain,
        .body = domain == CPU_DOMAIN_F32 ? prepare->loops->prelu : cpu_wide_prelu[domain],
        .params = bounds(&(struct prt_activation){0}),
        .kernel = "prelu",
    };
    /* The slope is a vector along the channel axis, wherever that is. */
    const struct prt_tensor *slope = cpu_operand(prepare->graph, prepare->node, 1);
    int64_t strides[PRT_MAX_RANK] = {0};
    strides[prepare->node->attrs.prelu.nhwc ? 3 : 1] = slope->sizes[0] != 1;
    return cpu_elementwise_prepare_strided(prepare, &op, 2, 1, strides, step);
}

const struct cpu_kernel cpu_prelu = {.supports = prelu_supports, .prepare = prelu_prepare};

/* ---- where ---- */

static bool where_supports(const struct prt_graph *graph, const struct prt_node *node)
{
    return cpu_elementwise_supports(graph, node, cpu_domain_of(graph, node));
}

static enum percept_status where_prepare(const struct cpu_prepare *prepare, struct cpu_step *step)
{
    enum cpu_domain domain = cpu_domain_of(prepare->graph, prepare->node);
    struct cpu_elementwise op = {
        .domain = domain,
        .body = domain == CPU_DOMAIN_F32 ? prepare->loops->where : cpu_wide_where[domain],
        .expand = true,
        .kernel = "where",
    };
    return cpu_elementwise_prepare(prepare, &op, 3, step);
}

const struct cpu_kernel cpu_where = {.supports = where_supports, .prepare = where_prepare};
