/*
 * Why: torch.export writes an attention as a product, a softmax over a matrix of scores as large as
 * the sequence squared, checks of that matrix for rows that see nothing, and another product. As
 * one op the scores never leave the cache.
 *
 *     matmul(softmax(matmul(q * a, permute(k) * b) [+ mask]), v)
 *
 * with views anywhere that only regroup what stands before the last two dimensions, and around the
 * softmax perhaps what PyTorch calls a safe one: where(any(scores != -inf), softmax(scores), 0).
 */
#include "runtime/deferred.h"
#include "runtime/passes.h"
#include "runtime/passes/match.h"

#include <math.h>

enum { MOST_VIEWS = 8 };

struct match {
    struct prt_graph *graph;
    double scale;
    uint32_t mask;
    bool safe;
    /* Values between k and the product, which will have their last two dimensions exchanged. */
    uint32_t exchanged[MOST_VIEWS];
    unsigned exchanged_count;
};

static const struct prt_tensor *tensor_of(const struct match *match, uint32_t id)
{
    return prt_match_tensor(match->graph, id);
}

/* A RESHAPE that keeps the last two dimensions. */
static struct prt_node *regrouping(const struct match *match, uint32_t id)
{
    struct prt_node *node = prt_match_made_by(match->graph, id, PRT_OP_RESHAPE);
    if (!node)
        return NULL;
    const struct prt_tensor *x = tensor_of(match, node->inputs[0]), *y = tensor_of(match, id);
    bool keeps = x->rank >= 2 && y->rank >= 2 && x->sizes[x->rank - 1] == y->sizes[y->rank - 1] &&
                 x->sizes[x->rank - 2] == y->sizes[y->rank - 2];
    return keeps ? node : NULL;
}

/* Does nobody else read it? Others would find numbers of a product whose operands have changed. */
static bool read_once(const struct match *match, uint32_t id)
{
    return match->graph->values[id].uses == 1;
}

/* What stands above views, PRT_NO_VALUE when others read it or one of them. */
static uint32_t through_views(const struct match *match, uint32_t id)
{
    for (struct prt_node *view; read_once(match, id); id = view->inputs[0])
        if (!(view = regrouping(match, id)))
            return id;
    return PRT_NO_VALUE;
}

static struct prt_node *binary(const struct match *match, uint32_t id, enum prt_binary_kind kind)
{
    struct prt_node *node = prt_match_made_by(match->graph, id, PRT_OP_BINARY);
    return node && node->attrs.binary.kind == kind && node->attrs.binary.act.kind == PRT_ACT_NONE &&
                   node->attrs.binary.alpha == 1
               ? node
               : NULL;
}

static struct prt_node *negation(const struct match *match, uint32_t id)
{
    struct prt_node *node = prt_match_made_by(match->graph, through_views(match, id), PRT_OP_UNARY);
    return node && node->attrs.unary.kind == PRT_UNARY_NOT ? node : NULL;
}

static bool is_zero(const struct match *match, uint32_t id)
{
    const struct prt_node *full = prt_match_made_by(match->graph, id, PRT_OP_FULL);
    double number;
    if (full)
        return prt_match_number(match->graph, full->inputs[0], &number) && number == 0;
    if (prt_match_number(match->graph, id, &number))
        return number == 0;
    if (!prt_match_is_constant(match->graph, id) || !prt_match_is_f32(match->graph, id))
        return false;
    const float *data = prt_deferred_data(match->graph, id);
    if (!data)
        return false;
    for (size_t i = 0; i < prt_tensor_elements(tensor_of(match, id)); i++)
        if (data[i] != 0)
            return false;
    return true;
}

static bool reduces_last(const struct match *match, const struct prt_node *node)
{
    unsigned rank = tensor_of(match, node->inputs[0])->rank;
    return node->attrs.reduce.kind == PRT_REDUCE_MAX && node->attrs.reduce.axes == 1u << (rank - 1);
}

/* not(any(not(scores == -inf))) */
static bool sees_nothing(const struct match *match, uint32_t id, uint32_t scores)
{
    const struct prt_node *none = negation(match, id);
    const struct prt_node *any =
        none ? prt_match_made_by(match->graph, through_views(match, none->inputs[0]), PRT_OP_REDUCE)
             : NULL;
    const struct prt_node *some =
        any && reduces_last(match, any) ? negation(match, any->inputs[0]) : NULL;
    const struct prt_node *is = some ? binary(match, some->inputs[0], PRT_BINARY_EQ) : NULL;
    double number;
    return is && is->inputs[0] == scores && read_once(match, some->inputs[0]) &&
           prt_match_number(match->graph, is->inputs[1], &number) && number == -HUGE_VAL;
}

/* The scores of the softmax that makes `id`, PRT_NO_VALUE when none does. */
static uint32_t scores_of(struct match *match, uint32_t id)
{
    id = through_views(match, id);
    const struct prt_node *where = prt_match_made_by(match->graph, id, PRT_OP_WHERE);
    if (where)
        id = through_views(match, where->inputs[2]);
    const struct prt_node *softmax = prt_match_made_by(match->graph, id, PRT_OP_SOFTMAX);
    if (!softmax || softmax->attrs.softmax.log ||
        softmax->attrs.softmax.axis != tensor_of(match, id)->rank - 1)
        return PRT_NO_VALUE;
    uint32_t scores = softmax->inputs[0];
    match->safe = where != NULL;
    if (where &&
        (!is_zero(match, where->inputs[1]) || !sees_nothing(match, where->inputs[0], scores)))
        return PRT_NO_VALUE;
    return scores;
}

/* The value above products with single numbers and regroupings, all of them for this chain alone.
 */
static uint32_t unscaled(struct match *match, uint32_t id)
{
    for (uint32_t first = id;;) {
        if (id != first && !read_once(match, id))
            return PRT_NO_VALUE;
        struct prt_node *mul = binary(match, id, PRT_BINARY_MUL),
                        *div = binary(match, id, PRT_BINARY_DIV), *view = regrouping(match, id);
        double number;
        if (mul && prt_match_number(match->graph, mul->inputs[1], &number)) {
            match->scale *= number;
            id = mul->inputs[0];
        } else if (div && prt_match_number(match->graph, div->inputs[1], &number)) {
            match->scale /= number;
            id = div->inputs[0];
        } else if (view) {
            id = view->inputs[0];
        } else {
            return id;
        }
    }
}

/* The product that makes the scores; a mask added to it is noted. */
static struct prt_node *product_of(struct match *match, uint32_t scores)
{
    struct prt_node *add = binary(match, scores, PRT_BINARY_ADD);
    for (unsigned i = 0; add && i < 2; i++) {
        struct prt_node *qk = NULL;
        if (read_once(match, add->inputs[i]))
            qk = prt_match_made_by(match->graph, unscaled(match, add->inputs[i]), PRT_OP_MATMUL);
        if (!qk) {
            match->scale = 1;
            continue;
        }
        match->mask = add->inputs[1 - i];
        return tensor_of(match, match->mask) ? qk : NULL;
    }
    return add ? NULL : prt_match_made_by(match->graph, unscaled(match, scores), PRT_OP_MATMUL);
}

/*
 * Move *operand above products with single numbers. Where one stands above a view that only this
 * chain reads, the view reads what the product read: the factor then comes later, in the scores.
 */
static void skip_scales(struct match *match, uint32_t *operand)
{
    for (uint32_t *slot = operand;;) {
        struct prt_node *node = prt_match_producer(match->graph, *slot);
        double number;
        bool product =
            node && (binary(match, *slot, PRT_BINARY_MUL) || binary(match, *slot, PRT_BINARY_DIV));
        if (product && prt_match_number(match->graph, node->inputs[1], &number) &&
            prt_tensor_same_sizes(tensor_of(match, node->inputs[0]), tensor_of(match, *slot))) {
            match->scale *= node->attrs.binary.kind == PRT_BINARY_MUL ? number : 1 / number;
            match->graph->values[*slot].uses--;
            match->graph->values[node->inputs[0]].uses++;
            *slot = node->inputs[0];
        } else if (node && (node->op == PRT_OP_RESHAPE || node->op == PRT_OP_PERMUTE) &&
                   read_once(match, *slot)) {
            slot = &node->inputs[0];
        } else {
            return;
        }
    }
}

/* Can k be had with keys as rows, by letting the PERMUTE above the product leave them so? */
static bool find_exchange(struct match *match, uint32_t id)
{
    for (match->exchanged_count = 0; match->exchanged_count < MOST_VIEWS;) {
        struct prt_node *node = prt_match_producer(match->graph, id);
        if (!node || !read_once(match, id) || match->graph->values[id].flags & PRT_FLAG_OUTPUT)
            return false;
        match->exchanged[match->exchanged_count++] = id;
        double number;
        if (node->op == PRT_OP_PERMUTE)
            return true;
        if (!regrouping(match, id) &&
            !((binary(match, id, PRT_BINARY_MUL) || binary(match, id, PRT_BINARY_DIV)) &&
              prt_match_number(match->graph, node->inputs[1], &number) &&
              prt_tensor_same_sizes(tensor_of(match, node->inputs[0]), tensor_of(match, id))))
            return false;
        id = node->inputs[0];
    }
    return false;
}

static void exchange(struct match *match)
{
    for (unsigned i = 0; i < match->exchanged_count; i++) {
        struct prt_value *value = &match->graph->values[match->exchanged[i]];
        struct prt_tensor *tensor = &value->tensor;
        unsigned last = tensor->rank - 1u;
        int32_t size = tensor->sizes[last];
        tensor->sizes[last] = tensor->sizes[last - 1];
        tensor->sizes[last - 1] = size;
        struct prt_node *node = &match->graph->nodes[value->producer];
        if (node->op == PRT_OP_PERMUTE) {
            uint8_t *order = node->attrs.permute.order, dimension = order[last];
            order[last] = order[last - 1];
            order[last - 1] = dimension;
        }
    }
}

static size_t leading(const struct prt_tensor *tensor)
{
    size_t count = 1;
    for (unsigned i = 0; i + 2 < tensor->rank; i++)
        count *= (size_t)tensor->sizes[i];
    return count;
}

static bool mask_fits(const struct match *match, const struct prt_tensor *q, int32_t keys)
{
    const struct prt_tensor *mask = tensor_of(match, match->mask);
    return mask->dtype == PRT_F32 && mask->rank >= 2 && mask->sizes[mask->rank - 1] == keys &&
           mask->sizes[mask->rank - 2] == q->sizes[q->rank - 2] &&
           (leading(mask) == 1 || leading(mask) == leading(q));
}

static bool same_leading(const struct prt_tensor *a, const struct prt_tensor *b)
{
    if (a->rank != b->rank || a->rank < 2)
        return false;
    for (unsigned i = 0; i + 2 < a->rank; i++)
        if (a->sizes[i] != b->sizes[i])
            return false;
    return true;
}

/* False: out of memory. */
static bool take(struct prt_graph *graph, struct prt_node *node)
{
    struct match match = {.graph = graph, .scale = 1, .mask = PRT_NO_VALUE};
    if (node->op != PRT_OP_MATMUL || node->attrs.matmul.transpose_b ||
        !prt_match_is_f32(graph, node->outputs[0]))
        return true;
    uint32_t scores = scores_of(&match, node->inputs[0]);
    if (scores == PRT_NO_VALUE || graph->values[scores].uses != (match.safe ? 2u : 1u) ||
        graph->values[scores].flags & PRT_FLAG_OUTPUT)
        return true;
    struct prt_node *qk = product_of(&match, scores);
    if (!qk)
        return true;
    const struct prt_tensor *q = tensor_of(&match, qk->inputs[0]),
                            *k = tensor_of(&match, qk->inputs[1]),
                            *v = tensor_of(&match, node->inputs[1]);
    int32_t keys = v->sizes[v->rank - 2];
    if (!same_leading(q, k) || !same_leading(q, v) ||
        q->rank != tensor_of(&match, node->outputs[0])->rank ||
        (match.mask != PRT_NO_VALUE && !mask_fits(&match, q, keys)) ||
        (!qk->attrs.matmul.transpose_b && !find_exchange(&match, qk->inputs[1])))
        return true;
    uint32_t v_id = node->inputs[1];
    if (!prt_node_resize_inputs(graph, node, 4))
        return false;
    if (!qk->attrs.matmul.transpose_b)
        exchange(&match);
    skip_scales(&match, &qk->inputs[0]);
    skip_scales(&match, &qk->inputs[1]);
    node->op = PRT_OP_ATTENTION;
    node->inputs[0] = qk->inputs[0];
    node->inputs[1] = qk->inputs[1];
    node->inputs[2] = v_id;
    node->inputs[3] = match.mask;
    node->attrs.attention =
        (struct prt_attention_attrs){.scale = (float)match.scale, .safe = match.safe};
    return true;
}

enum percept_status prt_pass_attention(struct prt_graph *graph,
                                       const struct prt_backend *const *backends,
                                       struct percept_error *error)
{
    (void)backends;
    for (uint32_t n = 0; n < graph->node_count; n++)
        if (!take(graph, &graph->nodes[n]))
            return percept_fail(error, PERCEPT_NO_MEMORY, "no memory to recognise attention");
    return prt_graph_finish(graph, error);
}
