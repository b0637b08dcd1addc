/* Why: GATHER and SCATTER are loops over the places of the smaller side; shaders/look_up.glsl. */
#include "backends/vulkan/elements.h"
#include "backends/vulkan/elementwise.h"

enum { LOCAL = 64, ALONE = 4096 /* most steps in turn where there is little beside */ };

struct index_params {
    VK_PARAMS_HEAD;
    int32_t sizes[VK_MAP_RANK];
    int32_t x[VK_MAP_RANK], p[VK_MAP_RANK];
    int32_t index[VK_INDEX_OPERANDS][VK_MAP_RANK];
    int32_t uses[8][4];
    uint32_t count, node, inner, steps;
};

struct walk {
    struct index_params params;
    const struct prt_tensor *x, *p; /* what is looked up, and whose places lead there */
    const struct prt_node *node;
    const struct prt_graph *graph;
    unsigned first, operands; /* inputs that are indices */
    unsigned rank, free, uses;
    uint32_t wide;
};

/* ---- loops ---- */

static const struct prt_tensor *index_operand(const struct walk *walk, unsigned k)
{
    return vk_tensor(walk->graph, walk->node, walk->first + k);
}

static const char *add_loop(struct walk *walk, unsigned d)
{
    struct index_params *params = &walk->params;
    int64_t strides[PRT_MAX_RANK];
    unsigned i = walk->rank;
    if (walk->p->sizes[d] == 1)
        return NULL;
    if (i == VK_MAP_RANK)
        return "the loops over it are nested too deep";
    params->sizes[i] = walk->p->sizes[d];
    prt_tensor_strides(walk->p, strides);
    params->p[i] = (int32_t)strides[d];
    prt_tensor_strides(walk->x, strides);
    for (unsigned e = 0; e < walk->x->rank; e++)
        if (walk->node->attrs.index.from[e] == d)
            params->x[i] += (int32_t)strides[e];
    for (unsigned k = 0; k < walk->operands; k++) {
        const struct prt_tensor *operand = index_operand(walk, k);
        prt_tensor_strides(operand, strides);
        params->index[k][i] = operand->sizes[d] == 1 ? 0 : (int32_t)strides[d];
    }
    walk->rank++;
    return NULL;
}

static const char *begin(struct walk *walk, const struct prt_graph *graph,
                         const struct prt_node *node)
{
    bool scatters = node->op == PRT_OP_SCATTER;
    *walk = (struct walk){.graph = graph, .node = node, .first = scatters ? 2 : 1};
    walk->x = scatters ? vk_result(graph, node) : vk_tensor(graph, node, 0);
    walk->p = scatters ? vk_tensor(graph, node, 1) : vk_result(graph, node);
    walk->operands = node->input_count - walk->first;
    walk->params.node = (uint32_t)(node - graph->nodes);
    if (walk->operands > VK_INDEX_OPERANDS)
        return "it has too many index operands";
    for (unsigned k = 0; k < walk->operands; k++) {
        walk->wide |= (index_operand(walk, k)->dtype == PRT_I64 ? 1u : 0) << k;
        if (vk_refuses_large(index_operand(walk, k)))
            return vk_refuses_large(index_operand(walk, k));
    }
    int64_t strides[PRT_MAX_RANK];
    prt_tensor_strides(walk->x, strides);
    for (unsigned e = 0; e < walk->x->rank; e++) {
        unsigned from = node->attrs.index.from[e];
        if (from < PRT_INDEXED)
            continue;
        if (walk->uses == sizeof walk->params.uses / sizeof walk->params.uses[0])
            return "too many dimensions are indexed";
        int32_t *use = walk->params.uses[walk->uses++];
        use[0] = (int32_t)(from - PRT_INDEXED);
        use[1] = walk->x->sizes[e];
        use[2] = (int32_t)strides[e];
    }
    return vk_refuses_large(walk->x) ? vk_refuses_large(walk->x) : vk_refuses_large(walk->p);
}

/* Do loops i and i + 1 go through all operands as one would? */
static bool is_one(const struct index_params *params, unsigned i)
{
    int64_t size = params->sizes[i + 1];
    bool one = params->x[i] == params->x[i + 1] * size && params->p[i] == params->p[i + 1] * size;
    for (unsigned k = 0; k < VK_INDEX_OPERANDS; k++)
        one = one && params->index[k][i] == params->index[k][i + 1] * size;
    return one;
}

static void copy_loop(struct index_params *params, unsigned to, unsigned from)
{
    params->sizes[to] = params->sizes[from];
    params->x[to] = params->x[from];
    params->p[to] = params->p[from];
    for (unsigned k = 0; k < VK_INDEX_OPERANDS; k++)
        params->index[k][to] = params->index[k][from];
}

static void merge_loops(struct walk *walk)
{
    struct index_params *params = &walk->params;
    for (unsigned i = walk->rank; i-- > 1;) {
        if (!is_one(params, i - 1))
            continue;
        int32_t size = params->sizes[i - 1] * params->sizes[i];
        for (unsigned j = i; j < walk->rank; j++)
            copy_loop(params, j - 1, j);
        params->sizes[i - 1] = size;
        walk->rank--;
    }
}

/* Elements of 8 bytes are pairs of words; the loop over them is the one before `at`. */
static const char *add_halves(struct walk *walk, unsigned at)
{
    struct index_params *params = &walk->params;
    if (walk->rank == VK_MAP_RANK)
        return "the loops over it are nested too deep";
    for (unsigned i = 0; i < walk->rank; i++) {
        params->x[i] *= 2;
        params->p[i] *= 2;
    }
    for (unsigned u = 0; u < walk->uses; u++)
        params->uses[u][2] *= 2;
    for (unsigned i = walk->rank++; i > at; i--)
        copy_loop(params, i, i - 1);
    params->sizes[at] = 2;
    params->x[at] = params->p[at] = 1;
    for (unsigned k = 0; k < VK_INDEX_OPERANDS; k++)
        params->index[k][at] = 0;
    return NULL;
}

static uint32_t steps_of(const struct walk *walk, unsigned first, unsigned end)
{
    uint32_t steps = 1;
    for (unsigned i = first; i < end; i++)
        steps *= (uint32_t)walk->params.sizes[i];
    return steps;
}

static void bind_indices(const struct walk *walk, struct vk_call *call)
{
    for (unsigned k = 0; k < walk->operands; k++)
        call->operands[2 + k] = vk_read(walk->node->inputs[walk->first + k]);
    call->operands[6] = vk_faults();
}

/* ---- gather ---- */

static const char *build_gather(struct walk *walk, const struct prt_graph *graph,
                                const struct prt_node *node)
{
    const char *refusal = begin(walk, graph, node);
    for (unsigned i = 0; i < walk->p->rank && !refusal; i++)
        refusal = add_loop(walk, walk->p->dim_order[i]);
    if (!refusal && prt_dtype_size(walk->x->dtype) == 8)
        refusal = add_halves(walk, walk->rank);
    merge_loops(walk);
    walk->params.count = steps_of(walk, 0, walk->rank);
    return refusal;
}

static const char *gather_refuses(const struct prt_graph *graph, const struct prt_node *node)
{
    struct walk walk;
    return build_gather(&walk, graph, node);
}

static enum percept_status gather_emit(const struct vk_emit *emit)
{
    struct walk walk;
    struct index_params *params = &walk.params;
    uint32_t x = emit->node->inputs[0], y = emit->node->outputs[0];
    (void)build_gather(&walk, emit->graph, emit->node);
    if (params->count == 0)
        return PERCEPT_OK;
    bool shares = walk.rank > 0 && params->sizes[walk.rank - 1] % 4 == 0;
    for (unsigned k = 0; k < walk.operands && shares; k++)
        shares = params->index[k][walk.rank - 1] == 0;
    if (shares)
        params->inner = (uint32_t)params->x[walk.rank - 1];
    bool moves = vk_type(emit, x) == vk_type(emit, y);
    struct vk_call call = {.shader = VK_SHADER_gather,
                           .constant_count = 8,
                           .constants = {LOCAL, moves ? vk_mover(emit, y) : vk_type(emit, y),
                                         moves ? vk_mover(emit, x) : vk_type(emit, x), walk.rank,
                                         walk.uses, walk.wide, shares ? 4 : 1,
                                         moves ? VK_BRING_MOVE : VK_BRING_CONVERT},
                           .params = params,
                           .params_bytes = sizeof *params,
                           .operands = {vk_write(y), vk_read(x)}};
    bind_indices(&walk, &call);
    vk_spread(emit, ((uint64_t)params->count + 3) / 4, LOCAL, call.groups);
    return vk_dispatch(emit, &call);
}

const struct vk_kernel vk_gather = {gather_refuses, gather_emit};

/* ---- scatter ---- */

/* A dimension of the source that leads to one of its own. */
static bool is_free(const struct walk *walk, unsigned d)
{
    bool found = false;
    for (unsigned e = 0; e < walk->x->rank; e++)
        found |= walk->node->attrs.index.from[e] == d;
    return found;
}

static const char *build_scatter(struct walk *walk, const struct prt_graph *graph,
                                 const struct prt_node *node)
{
    const char *refusal = begin(walk, graph, node);
    size_t size = prt_dtype_size(walk->x->dtype);
    for (unsigned i = 0; i < walk->p->rank && !refusal; i++)
        if (is_free(walk, walk->p->dim_order[i]))
            refusal = add_loop(walk, walk->p->dim_order[i]);
    walk->free = walk->rank;
    for (unsigned d = 0; d < walk->p->rank && !refusal; d++)
        if (!is_free(walk, d))
            refusal = add_loop(walk, d);
    if (!refusal && size == 8) {
        refusal = node->attrs.index.add ? "sums of 64 bits are left to the CPU"
                                        : add_halves(walk, walk->free);
        walk->free++;
    }
    if (refusal)
        return refusal;
    walk->params.count = prt_tensor_elements(walk->p) ? steps_of(walk, 0, walk->free) : 0;
    walk->params.steps = steps_of(walk, walk->free, walk->rank);
    if (walk->params.steps > ALONE && walk->params.count < LOCAL)
        return "too many elements may fall together";
    return NULL;
}

/* y = x, before the rest. */
static const char *build_keep(struct vk_map *map)
{
    vk_map_begin(map, VK_MAP_COPY);
    map->moves = true;
    vk_map_add(map, 0, NULL);
    return vk_map_finish(map);
}

static const char *scatter_refuses(const struct prt_graph *graph, const struct prt_node *node)
{
    struct walk walk;
    const struct prt_tensor *y = vk_result(graph, node);
    if (node->attrs.index.add && (y->dtype == PRT_U32 || y->dtype == PRT_F64))
        return "sums of such elements are left to the CPU";
    const char *refusal = build_scatter(&walk, graph, node);
    return refusal ? refusal : vk_map_refuses(graph, node, build_keep);
}

static uint32_t bring_of(const struct walk *walk, bool moves)
{
    if (!walk->node->attrs.index.add)
        return moves ? VK_BRING_MOVE : VK_BRING_CONVERT;
    if (walk->x->dtype == PRT_BOOL)
        return VK_BRING_OR;
    return vk_is_real(walk->x) ? VK_BRING_ADD : VK_BRING_ADD_INTS;
}

static enum percept_status scatter_emit(const struct vk_emit *emit)
{
    struct walk walk;
    struct index_params *params = &walk.params;
    uint32_t src = emit->node->inputs[1], y = emit->node->outputs[0];
    (void)build_scatter(&walk, emit->graph, emit->node);
    enum percept_status status = PERCEPT_OK;
    if (!vk_same_place(emit, emit->node->inputs[0], y))
        status = vk_map_emit(emit, build_keep);
    if (status != PERCEPT_OK || params->count == 0)
        return status;
    bool moves = vk_type(emit, src) == vk_type(emit, y);
    bool sized = moves && !emit->node->attrs.index.add;
    /* The next graph of a run that begins again finds the state as it was. */
    bool guarded = emit->graph->data_size_count && vk_in_state(emit, y);
    struct vk_call call = {.shader = VK_SHADER_scatter,
                           .constant_count = 9,
                           .constants = {LOCAL, sized ? vk_mover(emit, y) : vk_type(emit, y),
                                         sized ? vk_mover(emit, src) : vk_type(emit, src),
                                         walk.free, walk.uses, walk.wide, walk.rank,
                                         bring_of(&walk, moves), guarded},
                           .params = params,
                           .params_bytes = sizeof *params,
                           .operands = {vk_write(y), vk_read(src)}};
    bind_indices(&walk, &call);
    if (guarded)
        call.operands[6] = vk_faults_in_order(false);
    vk_spread(emit, params->count, LOCAL, call.groups);
    return vk_dispatch(emit, &call);
}

const struct vk_kernel vk_scatter = {scatter_refuses, scatter_emit};
