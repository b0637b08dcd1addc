/*
 * Why: one network mixes rules about memory order: programs hand over NCHW, convolutions want
 * channels last, matrix products want rows. Walking forward, each value takes the order that its
 * producer makes anyway, views are made free, and a copy is inserted only where an operand lies in
 * an order that its reader cannot take.
 */
#include "runtime/passes.h"
#include "runtime/passes/match.h"

#include <string.h>

enum { MASK = 3 }; /* of an ATTENTION, and no other op of PRT_LAYOUT_ROWS has so many operands */

struct layout {
    struct prt_graph *graph;
    uint32_t *converted; /* by value: the same numbers in another order, or PRT_NO_VALUE */
    uint32_t known;      /* values that the table covers: those from before the pass */
};

static const uint8_t row_major[PRT_MAX_RANK] = {0, 1, 2,  3,  4,  5,  6,  7,
                                                8, 9, 10, 11, 12, 13, 14, 15};
static const uint8_t channels_last[PRT_MAX_RANK] = {0, 2, 3, 1};

static struct prt_tensor *tensor_of(struct layout *layout, uint32_t id)
{
    return &layout->graph->values[id].tensor;
}

static bool is_tensor(const struct layout *layout, uint32_t id)
{
    return id != PRT_NO_VALUE && layout->graph->values[id].kind == PRT_VALUE_TENSOR;
}

static bool in_order(const struct prt_tensor *tensor, const uint8_t *order)
{
    struct prt_tensor wanted = *tensor;
    memcpy(wanted.dim_order, order, sizeof wanted.dim_order);
    return prt_tensor_same_layout(tensor, &wanted);
}

static enum percept_status no_memory(struct percept_error *error)
{
    return percept_fail(error, PERCEPT_NO_MEMORY, "no memory for the layout pass");
}

/* A new value like `like`, but lying in `order`. */
static uint32_t value_in_order(struct layout *layout, uint32_t like, const uint8_t *order)
{
    struct prt_tensor tensor = *tensor_of(layout, like);
    memcpy(tensor.dim_order, order, sizeof tensor.dim_order);
    uint32_t id = prt_graph_add_tensor(layout->graph, &tensor);
    if (id != PRT_NO_VALUE)
        layout->graph->values[id].name = layout->graph->values[like].name;
    return id;
}

static bool append_copy(struct layout *layout, uint32_t from, uint32_t to)
{
    struct prt_node *copy = prt_graph_add_node(layout->graph, PRT_OP_LAYOUT, 1, 1);
    if (!copy)
        return false;
    copy->inputs[0] = from;
    copy->outputs[0] = to;
    copy->name = "layout";
    return true;
}

/* Make *operand a value that lies in `order`: itself, an earlier copy, or a new one. */
static bool require(struct layout *layout, uint32_t *operand, const uint8_t *order)
{
    uint32_t id = *operand;
    if (!is_tensor(layout, id) || in_order(tensor_of(layout, id), order))
        return true;
    uint32_t copy = id < layout->known ? layout->converted[id] : PRT_NO_VALUE;
    if (copy == PRT_NO_VALUE || !in_order(tensor_of(layout, copy), order)) {
        copy = value_in_order(layout, id, order);
        if (copy == PRT_NO_VALUE || !append_copy(layout, id, copy))
            return false;
        if (id < layout->known)
            layout->converted[id] = copy;
    }
    *operand = copy;
    return true;
}

/* ---- which order a node makes ---- */

static bool says_nhwc(const struct prt_node *node)
{
    switch (node->op) {
    case PRT_OP_CONV2D:
        return node->attrs.conv.nhwc;
    case PRT_OP_POOL2D:
        return node->attrs.pool.nhwc;
    default:
        return node->attrs.resize.nhwc;
    }
}

/* Do the elements of operand and output correspond, so that the two must lie alike? */
static bool lies_alike(const struct prt_node *node, const struct prt_tensor *x,
                       const struct prt_tensor *y)
{
    bool resizes = node->op == PRT_OP_CONCAT || node->op == PRT_OP_SLICE || node->op == PRT_OP_PAD;
    return resizes || prt_tensor_same_sizes(x, y);
}

/* The order of the elementwise ops: that of a full-sized operand. One that is not row-major wins:
 * it came from, and likely goes to, a convolution. */
static const uint8_t *common_order(struct layout *layout, const struct prt_node *node)
{
    const struct prt_tensor *y = tensor_of(layout, node->outputs[0]);
    for (unsigned i = 0; i < node->input_count; i++) {
        if (!is_tensor(layout, node->inputs[i]))
            continue;
        const struct prt_value *value = &layout->graph->values[node->inputs[i]];
        const struct prt_tensor *x = &value->tensor;
        if (value->flags & PRT_FLAG_OUTPUT && node->inputs[i] < layout->known &&
            layout->converted[node->inputs[i]] != PRT_NO_VALUE)
            x = tensor_of(layout, layout->converted[node->inputs[i]]); /* what was computed */
        if (lies_alike(node, x, y) && !prt_tensor_is_contiguous(x) &&
            !(value->flags & PRT_FLAG_CONSTANT))
            return x->dim_order;
    }
    return row_major;
}

/* y.sizes[i] = x.sizes[order[i]]: the same memory read with the dimensions renamed. */
static void permuted_order(const struct prt_tensor *x, const uint8_t *permutation, uint8_t *order)
{
    uint8_t place[PRT_MAX_RANK];
    for (uint8_t i = 0; i < x->rank; i++)
        place[permutation[i]] = i;
    for (unsigned i = 0; i < x->rank; i++)
        order[i] = place[x->dim_order[i]];
}

/*
 * The order in which y is x's memory seen with other sizes; false, and *result left, when there is
 * none.
 *
 * Row-major, both size lists fall into groups of equal product: [2,3,4] and [6,2,2] are (2,3 | 4)
 * and (6 | 2,2). Dimensions of x that merge must be neighbours in memory; the group's dimensions of
 * y then take their place.
 */
static bool reshaped_order(const struct prt_tensor *x, const struct prt_tensor *y, uint8_t *result)
{
    uint8_t order[PRT_MAX_RANK];
    uint8_t group_of_x[PRT_MAX_RANK], group_of_y[PRT_MAX_RANK], groups = 0;
    unsigned i = 0, j = 0;
    if (prt_tensor_elements(y) == 0 || prt_tensor_is_contiguous(x)) {
        memcpy(result, row_major, PRT_MAX_RANK);
        return true;
    }
    while (i < x->rank || j < y->rank) {
        int64_t from = 1, to = 1;
        do {
            if (j >= y->rank || (i < x->rank && from <= to))
                from *= x->sizes[i], group_of_x[i++] = groups;
            else
                to *= y->sizes[j], group_of_y[j++] = groups;
        } while (from != to);
        groups++;
    }
    /* Walk x's memory: each group must appear once, whole, its dimensions in rising order. */
    uint32_t seen = 0;
    unsigned out = 0;
    for (i = 0; i < x->rank; i++) {
        unsigned dim = x->dim_order[i];
        if (x->sizes[dim] == 1)
            continue;
        uint8_t group = group_of_x[dim];
        if (seen >> group & 1)
            return false;
        seen |= 1u << group;
        /* The larger dimensions of the group must follow in rising order. */
        for (unsigned next = dim, k = i + 1; k < x->rank; k++) {
            unsigned other = x->dim_order[k];
            if (x->sizes[other] == 1)
                continue;
            if (group_of_x[other] != group)
                break;
            if (other < next)
                return false;
            next = other;
            i = k;
        }
        for (uint8_t d = 0; d < y->rank; d++)
            if (group_of_y[d] == group)
                order[out++] = d;
    }
    /* Groups of ones only: they may stand anywhere. */
    for (uint8_t d = 0; d < y->rank; d++)
        if (!(seen >> group_of_y[d] & 1))
            order[out++] = d;
    memcpy(result, order, y->rank);
    return true;
}

static bool rows_innermost(const struct prt_tensor *tensor)
{
    return tensor->rank == 0 || tensor->dim_order[tensor->rank - 1] == tensor->rank - 1;
}

/* Does each dimension of the result come from the same one of x, through indices or not? */
static bool gathers_straight(const struct prt_node *node, const struct prt_tensor *x,
                             const struct prt_tensor *y)
{
    for (unsigned d = 0; d < x->rank; d++)
        if (node->attrs.index.from[d] < PRT_INDEXED && node->attrs.index.from[d] != d)
            return false;
    return x->rank == y->rank;
}

/* Choose the order in which the node writes its output, and give it operands that lie as its rule
 * wants. */
static bool settle_inputs(struct layout *layout, struct prt_node *node, uint8_t *order)
{
    struct prt_tensor y = *tensor_of(layout, node->outputs[0]); /* copies: values may move */
    struct prt_tensor x = {0};
    uint32_t wanted = 0; /* operands that must lie in `order` */
    if (node->input_count && is_tensor(layout, node->inputs[0]))
        x = *tensor_of(layout, node->inputs[0]);
    memcpy(order, row_major, PRT_MAX_RANK);
    switch (prt_op_layout(node->op)) {
    case PRT_LAYOUT_CHANNELS_LAST:
        if (!says_nhwc(node))
            memcpy(order, channels_last, PRT_MAX_RANK);
        wanted = node->op == PRT_OP_CONV2D ? 1 << 0 | 1 << 3 : 1 << 0;
        break;
    case PRT_LAYOUT_CONTIGUOUS:
        wanted = node->op == PRT_OP_LINEAR ? 1 << 0 | 1 << 3 : UINT32_MAX;
        break;
    case PRT_LAYOUT_ROWS:
        for (unsigned i = 0; i < node->input_count; i++)
            if (is_tensor(layout, node->inputs[i]) &&
                (i == MASK || !rows_innermost(tensor_of(layout, node->inputs[i]))) &&
                !require(layout, &node->inputs[i], row_major))
                return false;
        memcpy(order, tensor_of(layout, node->inputs[0])->dim_order, PRT_MAX_RANK);
        return true;
    case PRT_LAYOUT_SAME:
        memcpy(order, common_order(layout, node), PRT_MAX_RANK);
        for (unsigned i = 0; i < node->input_count; i++)
            if (is_tensor(layout, node->inputs[i]) &&
                lies_alike(node, tensor_of(layout, node->inputs[i]), &y) &&
                !require(layout, &node->inputs[i], order))
                return false;
        return true;
    case PRT_LAYOUT_VIEW:
        if (node->op == PRT_OP_PERMUTE)
            permuted_order(&x, node->attrs.permute.order, order);
        else if (node->op == PRT_OP_LAYOUT)
            memcpy(order, x.dim_order, PRT_MAX_RANK);
        else if (!reshaped_order(&x, &y, order))
            wanted = 1 << 0; /* row-major on both sides */
        break;
    case PRT_LAYOUT_ANY:
        if ((node->op == PRT_OP_REDUCE && node->attrs.reduce.keep_dims) ||
            node->op == PRT_OP_SCATTER ||
            (node->op == PRT_OP_GATHER && gathers_straight(node, &x, &y)))
            memcpy(order, x.dim_order, PRT_MAX_RANK);
        break;
    }
    for (unsigned i = 0; i < node->input_count; i++)
        if ((i < 32 ? wanted >> i & 1 : node->op == PRT_OP_BLOB) &&
            !require(layout, &node->inputs[i], order))
            return false;
    return true;
}

/* A payload writes each of its results row-major. One that is an output of the method and must lie
 * otherwise becomes a value of its own, which is then copied. */
static bool settle_results(struct layout *layout, const struct prt_node *node)
{
    struct prt_graph *graph = layout->graph;
    uint32_t *asked = base_arena_array(&graph->arena, node->output_count, sizeof *asked);
    if (!asked)
        return false;
    for (uint32_t i = 0; i < node->output_count; i++) {
        uint32_t y = asked[i] = node->outputs[i];
        if (in_order(tensor_of(layout, y), row_major))
            continue;
        if (!(graph->values[y].flags & PRT_FLAG_OUTPUT)) {
            memcpy(tensor_of(layout, y)->dim_order, row_major, PRT_MAX_RANK);
            continue;
        }
        uint32_t written = value_in_order(layout, y, row_major);
        if (written == PRT_NO_VALUE)
            return false;
        node->outputs[i] = layout->converted[y] = written;
    }
    bool settled = prt_match_append(graph, node);
    for (uint32_t i = 0; i < node->output_count && settled; i++)
        settled = node->outputs[i] == asked[i] || append_copy(layout, node->outputs[i], asked[i]);
    return settled;
}

/* The node writes `order`. When its result is an output of the method that must lie otherwise, it
 * writes a value of its own, which is then copied. */
static bool settle_output(struct layout *layout, struct prt_node node, const uint8_t *order)
{
    if (node.op == PRT_OP_BLOB)
        return settle_results(layout, &node);
    uint32_t y = node.outputs[0], written = y;
    bool fixed = layout->graph->values[y].flags & PRT_FLAG_OUTPUT;
    bool any = prt_op_layout(node.op) == PRT_LAYOUT_ANY || node.op == PRT_OP_LAYOUT;
    if (!fixed) {
        memcpy(tensor_of(layout, y)->dim_order, order, PRT_MAX_RANK);
    } else if (!any && !in_order(tensor_of(layout, y), order)) {
        written = value_in_order(layout, y, order);
        if (written == PRT_NO_VALUE)
            return false;
        layout->converted[y] = written;
    }
    node.outputs[0] = written;
    if (!prt_match_append(layout->graph, &node))
        return false;
    return written == y || append_copy(layout, written, y);
}

/* An output that no node computes (an input handed back, a constant) becomes a copy: the caller
 * owns the bytes of an output until the next run, and may refill an input before that. */
static bool compute_output(struct layout *layout, uint32_t index)
{
    struct prt_graph *graph = layout->graph;
    uint32_t id = graph->outputs[index];
    if (!is_tensor(layout, id) ||
        !(graph->values[id].flags & (PRT_FLAG_INPUT | PRT_FLAG_CONSTANT | PRT_FLAG_STATE)))
        return true;
    uint32_t copy = prt_graph_add_tensor(graph, tensor_of(layout, id));
    if (copy == PRT_NO_VALUE || !append_copy(layout, id, copy))
        return false;
    graph->outputs[index] = copy;
    return true;
}

enum percept_status prt_pass_layout(struct prt_graph *graph,
                                    const struct prt_backend *const *backends,
                                    struct percept_error *error)
{
    (void)backends; /* orders follow from the ops alone */
    struct layout layout = {.graph = graph, .known = graph->value_count};
    layout.converted = base_arena_array(&graph->arena, layout.known, sizeof *layout.converted);
    if (!layout.converted)
        return no_memory(error);
    for (uint32_t i = 0; i < layout.known; i++)
        layout.converted[i] = PRT_NO_VALUE;
    const struct prt_node *old = graph->nodes;
    uint32_t count = graph->node_count;
    graph->nodes = NULL;
    graph->node_count = graph->node_capacity = 0;
    for (uint32_t n = 0; n < count; n++) {
        struct prt_node node = old[n];
        uint8_t order[PRT_MAX_RANK];
        if (!settle_inputs(&layout, &node, order) || !settle_output(&layout, node, order))
            return no_memory(error);
    }
    for (uint32_t i = 0; i < graph->output_count; i++)
        if (!compute_output(&layout, i))
            return no_memory(error);
    return prt_graph_finish(graph, error);
}
