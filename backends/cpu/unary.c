/* Why: functions of one operand. */
#include "backends/cpu/elementwise.h"

#include <math.h>

static cpu_body body_of(const struct cpu_loops *loops, enum prt_unary_kind kind,
                        enum cpu_domain domain)
{
    return domain == CPU_DOMAIN_F32 ? loops->unary[kind] : cpu_wide_unary[domain][kind];
}

static bool supports(const struct prt_graph *graph, const struct prt_node *node)
{
    enum cpu_domain domain = cpu_domain_of(graph, node);
    return body_of(&cpu_loops_plain, node->attrs.unary.kind, domain) &&
           cpu_elementwise_supports(graph, node, domain);
}

static enum percept_status prepare_unary(const struct cpu_prepare *prepare, struct cpu_step *step)
{
    const struct prt_unary_attrs *attrs = &prepare->node->attrs.unary;
    enum cpu_domain domain = cpu_domain_of(prepare->graph, prepare->node);
    struct cpu_elementwise op = {
        .domain = domain,
        .body = body_of(prepare->loops, attrs->kind, domain),
        .params = {.a = attrs->a, .b = attrs->b, .lo = -HUGE_VALF, .hi = HUGE_VALF},
        .kernel = "unary",
    };
    return cpu_elementwise_prepare(prepare, &op, 1, step);
}

const struct cpu_kernel cpu_unary = {.supports = supports, .prepare = prepare_unary};
