/*
 * Why: memory is the slow part of a small network. Values that are never alive together share
 * bytes, and whatever is only another view of bytes that exist is not copied.
 *
 * Three steps. Join: views, concatenations and in-place results give several values one root.
 * Lifetimes: a root lives from the first write to the last read of any of its values. Pack: roots
 * get offsets, largest first, each in the tightest gap between those that live at the same time.
 */
#include "runtime/plan.h"

#include "base/checked.h"
#include "runtime/delegates.h"

#include <stdlib.h>
#include <string.h>

#define NO_STORAGE SIZE_MAX

/* Life of a root, in nodes. The caller's writes come before node 0, its reads after the last. */
struct life {
    int64_t first, last;
    int64_t read; /* the last that reads it; INT64_MAX for the caller */
    size_t bytes;
    bool read_only; /* inputs, constants and state: never written over */
};

struct planner {
    const struct prt_graph *graph;
    struct prt_plan *plan;
    struct life *lives; /* by value; meaningful for roots */
    bool *skip;         /* by node */
    uint32_t *concat;   /* by root: 1 + the last concatenation that looked at it */
};

static const struct prt_value *value_of(const struct planner *planner, uint32_t id)
{
    return &planner->graph->values[id];
}

static bool is_tensor(const struct planner *planner, uint32_t id)
{
    return id != PRT_NO_VALUE && value_of(planner, id)->kind == PRT_VALUE_TENSOR;
}

/* ---- joining ---- */

/* The root of a value and how far into it the value begins; shortens the way for the next call. */
static uint32_t find(struct planner *planner, uint32_t id, size_t *delta)
{
    struct prt_place *places = planner->plan->places;
    uint32_t root = id;
    size_t sum = 0;
    for (; places[root].root != root; root = places[root].root)
        sum += places[root].delta;
    *delta = sum;
    while (places[id].root != root && places[id].root != id) {
        struct prt_place here = places[id];
        places[id].root = root;
        places[id].delta = sum;
        sum -= here.delta;
        id = here.root;
    }
    return root;
}

/* Make the root `from` a part of the root `into`, delta bytes from its start. */
static void join(struct planner *planner, uint32_t from, uint32_t into, size_t delta)
{
    struct life *a = &planner->lives[into];
    const struct life *b = &planner->lives[from];
    planner->plan->places[from].root = into;
    planner->plan->places[from].delta = delta;
    a->first = b->first < a->first ? b->first : a->first;
    a->last = b->last > a->last ? b->last : a->last;
    a->read = b->read > a->read ? b->read : a->read;
    a->read_only |= b->read_only;
}

/* Bytes from x's start at which a node that only shows a part of x shows it; false when it does
 * more than that. */
static bool shows(const struct planner *planner, const struct prt_node *node, size_t *delta)
{
    const struct prt_tensor *x = &value_of(planner, node->inputs[0])->tensor;
    const struct prt_tensor *y = &value_of(planner, node->outputs[0])->tensor;
    *delta = 0;
    if (node->op == PRT_OP_PERMUTE || node->op == PRT_OP_RESHAPE)
        return true; /* the layout pass saw to it */
    if (node->op == PRT_OP_LAYOUT || node->op == PRT_OP_CODES)
        return prt_tensor_same_layout(x, y);
    if (node->op != PRT_OP_SLICE || node->attrs.slice.step != 1)
        return false;
    /* A slice of the outermost dimension is a run of bytes. */
    int64_t start, end;
    unsigned axis = (unsigned)node->attrs.slice.axis;
    for (unsigned i = 0; i < x->rank && x->dim_order[i] != axis; i++)
        if (x->sizes[x->dim_order[i]] != 1)
            return false;
    prt_slice_range(planner->graph, node, &start, &end);
    size_t row =
        x->sizes[axis] ? value_of(planner, node->inputs[0])->bytes / (size_t)x->sizes[axis] : 0;
    *delta = row * (size_t)start;
    return *delta % PRT_PLAN_ALIGNMENT == 0;
}

static void join_view(struct planner *planner, uint32_t index)
{
    const struct prt_node *node = &planner->graph->nodes[index];
    size_t delta, base;
    if (!shows(planner, node, &delta))
        return;
    uint32_t root = find(planner, node->inputs[0], &base);
    /* The caller may refill an input before it has read an output: those two stay apart. */
    if (planner->lives[root].read_only &&
        value_of(planner, node->outputs[0])->flags & PRT_FLAG_OUTPUT)
        return;
    join(planner, node->outputs[0], root, base + delta);
    planner->skip[index] = true;
}

/* A concatenation of whole buffers along the outermost dimension need not move them: each part is
 * computed where it belongs. All parts or none. */
static void join_concat(struct planner *planner, uint32_t index)
{
    const struct prt_node *node = &planner->graph->nodes[index];
    const struct prt_tensor *y = &value_of(planner, node->outputs[0])->tensor;
    unsigned axis = (unsigned)node->attrs.concat.axis;
    size_t delta = 0, at;
    for (unsigned i = 0; i < y->rank && y->dim_order[i] != axis; i++)
        if (y->sizes[y->dim_order[i]] != 1)
            return;
    for (unsigned i = 0; i < node->input_count; i++) {
        uint32_t root = find(planner, node->inputs[i], &at);
        size_t bytes = value_of(planner, node->inputs[i])->bytes;
        if (planner->lives[root].read_only || at != 0 || planner->lives[root].bytes != bytes ||
            delta % PRT_PLAN_ALIGNMENT != 0)
            return;
        if (planner->concat[root] == index + 1)
            return; /* the same part twice */
        planner->concat[root] = index + 1;
        delta += bytes;
    }
    delta = 0;
    for (unsigned i = 0; i < node->input_count; i++) {
        join(planner, find(planner, node->inputs[i], &at), node->outputs[0], delta);
        delta += value_of(planner, node->inputs[i])->bytes;
    }
    planner->skip[index] = true;
}

/* How many of its first operands a result may lie over: elementwise, each needing only the
 * operand's element in the same place; and what a SCATTER changes only in part. */
static unsigned may_overwrite(const struct prt_node *node)
{
    if (node->op == PRT_OP_SCATTER)
        return 1;
    bool elementwise =
        node->op == PRT_OP_UNARY || node->op == PRT_OP_BINARY || node->op == PRT_OP_PRELU;
    return elementwise ? node->input_count : 0;
}

/* Write a result over an operand that nobody reads later. */
static void join_in_place(struct planner *planner, uint32_t index)
{
    const struct prt_node *node = &planner->graph->nodes[index];
    uint32_t y = node->outputs[0];
    size_t delta, ignored;
    uint32_t target = find(planner, y, &delta);
    if (!may_overwrite(node) || delta != 0 || planner->lives[target].first != index ||
        planner->lives[target].bytes != value_of(planner, y)->bytes)
        return;
    for (unsigned i = 0; i < may_overwrite(node); i++) {
        uint32_t x = node->inputs[i];
        if (!is_tensor(planner, x))
            continue;
        uint32_t root = find(planner, x, &delta);
        const struct life *life = &planner->lives[root];
        if (root == target || life->read_only || life->last != index || delta != 0 ||
            life->bytes != planner->lives[target].bytes ||
            !prt_tensor_same_layout(&value_of(planner, x)->tensor, &value_of(planner, y)->tensor))
            continue;
        bool shared = false; /* another operand reads the same bytes in another pattern */
        for (unsigned j = 0; j < node->input_count; j++)
            shared |= j != i && (node->inputs[j] != x || node->op == PRT_OP_SCATTER) &&
                      find(planner, node->inputs[j], &ignored) == root;
        if (shared)
            continue;
        join(planner, root, target, 0);
        return;
    }
}

/* A SCATTER may write over its first operand: nothing reads that later, or at the same time in
 * another pattern. */
static bool scatters_in_place(struct planner *planner, uint32_t index)
{
    const struct prt_node *node = &planner->graph->nodes[index];
    size_t delta;
    uint32_t root = find(planner, node->inputs[0], &delta);
    for (unsigned i = 1; i < node->input_count; i++)
        if (find(planner, node->inputs[i], &delta) == root)
            return false;
    return planner->lives[root].read <= (int64_t)index;
}

/* A run that finds other sizes than the graph has begins again, from the states that were. */
static bool may_begin_again(const struct prt_graph *graph, uint32_t after)
{
    for (uint32_t n = after + 1; graph->data_size_count && n < graph->node_count; n++)
        if (graph->nodes[n].op == PRT_OP_EXPECT)
            return true;
    return false;
}

/* A state whose next version is itself but for some elements, as a cache is, changes where it lies.
 */
static void join_state(struct planner *planner, const struct prt_state *state)
{
    const struct prt_graph *graph = planner->graph;
    uint32_t next = graph->outputs[state->output], v = next;
    size_t delta, bytes = value_of(planner, state->value)->bytes;
    if (!prt_tensor_same_layout(&value_of(planner, next)->tensor,
                                &value_of(planner, state->value)->tensor))
        return;
    while (v != state->value) {
        uint32_t root = find(planner, v, &delta), n = value_of(planner, v)->producer;
        if (n == PRT_NO_VALUE || delta != 0 || planner->lives[root].bytes != bytes)
            return;
        bool view = planner->skip[n] && graph->nodes[n].op != PRT_OP_CONCAT;
        bool scatter = graph->nodes[n].op == PRT_OP_SCATTER && scatters_in_place(planner, n) &&
                       !may_begin_again(graph, n);
        if (!view && !scatter)
            return;
        v = graph->nodes[n].inputs[0];
    }
    for (v = next; v != state->value; v = graph->nodes[value_of(planner, v)->producer].inputs[0]) {
        uint32_t root = find(planner, v, &delta);
        if (root != state->value)
            join(planner, root, state->value, 0);
    }
}

/* ---- lifetimes ---- */

static void live_from(struct planner *planner, uint32_t id, int64_t first, int64_t last)
{
    planner->plan->places[id].root = id;
    planner->lives[id] = (struct life){.first = first, .last = last, .read = -1};
    if (value_of(planner, id)->flags & PRT_FLAG_OUTPUT)
        planner->lives[id].read = INT64_MAX;
    planner->lives[id].bytes = value_of(planner, id)->bytes;
    planner->lives[id].read_only =
        value_of(planner, id)->flags & (PRT_FLAG_INPUT | PRT_FLAG_CONSTANT | PRT_FLAG_STATE);
}

static void find_lives(struct planner *planner)
{
    const struct prt_graph *graph = planner->graph;
    for (uint32_t i = 0; i < graph->value_count; i++) {
        const struct prt_value *value = &graph->values[i];
        bool kept = value->flags & (PRT_FLAG_INPUT | PRT_FLAG_STATE | PRT_FLAG_CONSTANT);
        int64_t end = graph->node_count;
        live_from(planner, i, kept ? -1 : (int64_t)value->producer,
                  kept || value->flags & PRT_FLAG_OUTPUT ? end : -1);
    }
    for (uint32_t n = 0; n < graph->node_count; n++) {
        const struct prt_node *node = &graph->nodes[n];
        for (unsigned i = 0; i < node->input_count; i++) {
            if (node->inputs[i] == PRT_NO_VALUE)
                continue;
            struct life *life = &planner->lives[node->inputs[i]];
            life->last = life->last < n ? n : life->last;
            life->read = life->read < n ? n : life->read;
        }
        for (unsigned i = 0; i < node->output_count; i++) /* written, even if nobody reads it */
            if (planner->lives[node->outputs[i]].last < n)
                planner->lives[node->outputs[i]].last = n;
    }
}

/* ---- packing ---- */

struct block {
    size_t offset, bytes;
    int64_t first, last;
    uint32_t value;
};

static int larger_first(const void *a, const void *b)
{
    const struct block *p = a, *q = b;
    if (p->bytes != q->bytes)
        return p->bytes < q->bytes ? 1 : -1;
    return p->value < q->value ? -1 : p->value > q->value;
}

/* The tightest gap that fits between placed blocks that live at the same time. `placed` is sorted
 * by offset. */
static size_t best_offset(const struct block *placed, uint32_t count, const struct block *block)
{
    size_t best = SIZE_MAX, best_gap = SIZE_MAX, end = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (placed[i].last < block->first || block->last < placed[i].first)
            continue;
        if (placed[i].offset > end) {
            size_t gap = placed[i].offset - end;
            if (gap >= block->bytes && gap < best_gap)
                best_gap = gap, best = end;
        }
        size_t after = placed[i].offset + placed[i].bytes;
        end = after > end ? after : end;
    }
    return best != SIZE_MAX ? best : end;
}

static enum percept_status pack(struct planner *planner, struct block *blocks, struct block *placed,
                                struct percept_error *error)
{
    uint32_t count = 0;
    size_t total = 0;
    for (uint32_t i = 0; i < planner->graph->value_count; i++) {
        const struct life *life = &planner->lives[i];
        planner->plan->places[i].offset = NO_STORAGE;
        if (!is_tensor(planner, i) || planner->plan->places[i].root != i || life->last < 0 ||
            value_of(planner, i)->flags & (PRT_FLAG_CONSTANT | PRT_FLAG_STATE))
            continue;
        size_t bytes;
        if (!base_align_size(life->bytes, PRT_PLAN_ALIGNMENT, &bytes) ||
            !base_add_size(total, bytes, &total))
            return percept_fail(error, PERCEPT_LIMIT, "the method needs more memory than there is");
        blocks[count++] = (struct block){0, bytes, life->first, life->last, i};
    }
    if (count > PRT_PLAN_MAX_VALUES)
        return percept_fail(error, PERCEPT_LIMIT, "the method has %u values to place", count);
    qsort(blocks, count, sizeof *blocks, larger_first);
    for (uint32_t n = 0; n < count; n++) {
        struct block *block = &blocks[n];
        block->offset = best_offset(placed, n, block);
        uint32_t at = n;
        for (; at > 0 && placed[at - 1].offset > block->offset; at--)
            placed[at] = placed[at - 1];
        placed[at] = *block;
        planner->plan->places[block->value].offset = block->offset;
        if (block->offset + block->bytes > planner->plan->arena_bytes)
            planner->plan->arena_bytes = block->offset + block->bytes;
    }
    if (planner->plan->arena_bytes > PRT_PLAN_LIMIT)
        return percept_fail(error, PERCEPT_LIMIT, "the method needs %zu bytes of memory at once",
                            planner->plan->arena_bytes);
    return PERCEPT_OK;
}

/* ---- placement ---- */

static enum percept_status place_node(const struct prt_graph *graph, uint32_t index,
                                      const struct prt_backend *const *backends,
                                      const struct prt_backend **chosen,
                                      struct percept_error *error)
{
    const struct prt_node *node = &graph->nodes[index];
    for (; *backends; backends++) {
        if ((*backends)->supports(graph, node)) {
            *chosen = *backends;
            return PERCEPT_OK;
        }
    }
    if (!PRT_ONE_BACKEND && node->op == PRT_OP_BLOB)
        return prt_delegate_unplaced(&node->attrs.blob, error);
    char y[160];
    return percept_fail(error, PERCEPT_UNSUPPORTED,
                        "no backend runs node %u %s%s%s%s with a result of %s", index,
                        prt_op_name(node->op), node->name ? " (" : "", node->name ? node->name : "",
                        node->name ? ")" : "",
                        prt_tensor_describe(&graph->values[node->outputs[0]].tensor, y, sizeof y));
}

enum percept_status prt_plan_place(const struct prt_graph *graph,
                                   const struct prt_backend *const *backends, struct prt_plan *plan,
                                   struct percept_error *error)
{
    const struct prt_backend **chosen = calloc((size_t)graph->node_count + 1, sizeof *chosen);
    enum percept_status status =
        chosen ? PERCEPT_OK : percept_fail(error, PERCEPT_NO_MEMORY, "no memory to plan");
    for (uint32_t n = 0; n < graph->node_count && status == PERCEPT_OK; n++)
        if (plan->backends[n])
            status = place_node(graph, n, backends, &chosen[n], error);
    if (status == PERCEPT_OK)
        memcpy(plan->backends, chosen, graph->node_count * sizeof *chosen);
    free(chosen);
    return status;
}

static enum percept_status make(struct planner *planner, const struct prt_backend *const *backends,
                                struct percept_error *error)
{
    const struct prt_graph *graph = planner->graph;
    find_lives(planner);
    for (uint32_t n = 0; n < graph->node_count; n++) {
        if (graph->nodes[n].op == PRT_OP_CONCAT)
            join_concat(planner, n);
        else
            join_view(planner, n);
    }
    for (uint32_t i = 0; i < graph->state_count; i++)
        if (graph->states[i].output != PRT_NO_VALUE)
            join_state(planner, &graph->states[i]);
    enum percept_status status = PERCEPT_OK;
    for (uint32_t n = 0; n < graph->node_count && status == PERCEPT_OK; n++) {
        join_in_place(planner, n);
        if (!planner->skip[n])
            status = place_node(graph, n, backends, &planner->plan->backends[n], error);
    }
    if (status != PERCEPT_OK)
        return status;
    struct block *blocks = calloc(2 * (size_t)graph->value_count + 1, sizeof *blocks);
    if (!blocks)
        return percept_fail(error, PERCEPT_NO_MEMORY, "no memory to plan");
    status = pack(planner, blocks, blocks + graph->value_count, error);
    free(blocks);
    for (uint32_t i = 0; i < graph->value_count && status == PERCEPT_OK; i++) {
        size_t delta;
        uint32_t root = find(planner, i, &delta);
        planner->plan->places[i].root = root;
        planner->plan->places[i].delta = delta;
    }
    return status;
}

enum percept_status prt_plan_make(const struct prt_graph *graph,
                                  const struct prt_backend *const *backends, struct prt_plan *plan,
                                  struct percept_error *error)
{
    struct prt_plan made = {
        .places = calloc(graph->value_count + 1, sizeof *made.places),
        .backends = calloc(graph->node_count + 1, sizeof(struct prt_backend *)),
    };
    struct planner planner = {
        .graph = graph,
        .plan = &made,
        .lives = calloc(graph->value_count + 1, sizeof *planner.lives),
        .skip = calloc(graph->node_count + 1, sizeof *planner.skip),
        .concat = calloc(graph->value_count + 1, sizeof *planner.concat),
    };
    enum percept_status status =
        made.places && made.backends && planner.lives && planner.skip && planner.concat
            ? make(&planner, backends, error)
            : percept_fail(error, PERCEPT_NO_MEMORY, "no memory to plan");
    free(planner.lives);
    free(planner.skip);
    free(planner.concat);
    if (status == PERCEPT_OK)
        *plan = made;
    else
        prt_plan_free(&made);
    return status;
}

void prt_plan_free(struct prt_plan *plan)
{
    free(plan->places);
    free(plan->backends);
    *plan = (struct prt_plan){0};
}

void *prt_plan_address(const struct prt_graph *graph, const struct prt_plan *plan, void *arena,
                       uint32_t value)
{
    if (graph->values[value].kind != PRT_VALUE_TENSOR)
        return NULL;
    const struct prt_place *place = &plan->places[value];
    const struct prt_value *root = &graph->values[place->root];
    if (root->flags & PRT_FLAG_CONSTANT)
        return (unsigned char *)(uintptr_t)root->data + place->delta;
    size_t offset = plan->places[place->root].offset;
    return offset == NO_STORAGE ? NULL : (unsigned char *)arena + offset + place->delta;
}
