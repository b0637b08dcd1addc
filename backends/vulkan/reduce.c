/* Why: what folds some dimensions of a tensor has two loop nests, of what stays and what goes. */
#include "backends/vulkan/elements.h"
#include "backends/vulkan/rows.h"
#include "runtime/nest.h"

#define CHECK_REDUCE(name) _Static_assert(VK_REDUCE_##name == PRT_REDUCE_##name, "shaders/codes.h")
CHECK_REDUCE(SUM);
CHECK_REDUCE(MEAN);
CHECK_REDUCE(MAX);
CHECK_REDUCE(MIN);
CHECK_REDUCE(PROD);

struct fold_params {
    VK_PARAMS_HEAD;
    struct vk_coding coding;
    int32_t kept_sizes[VK_MAP_RANK], kept_strides[VK_MAP_RANK];
    int32_t reduced_sizes[VK_MAP_RANK], reduced_strides[VK_MAP_RANK];
    uint32_t rows, length, unused[2];
};

struct fold {
    struct fold_params params;
    uint32_t kept_rank, reduced_rank, lanes;
    bool across;
};

/* The loops over x's axes of the set, and over those that y keeps of it. NULL, or why not. */
static const char *settle(struct fold *fold, const struct prt_tensor *x, const struct prt_tensor *y,
                          uint32_t axes, bool keep_dims)
{
    struct prt_nest kept, reduced;
    struct prt_tensor shape = *x;
    int64_t strides[PRT_MAX_RANK], along[PRT_MAX_RANK] = {0};
    prt_tensor_strides(x, strides);
    unsigned at = 0;
    for (unsigned i = 0; i < x->rank; i++) {
        if (axes >> i & 1) {
            at += keep_dims;
        } else {
            shape.sizes[i] = 1;
            along[at++] = strides[i];
        }
    }
    prt_nest_init(&kept, y);
    prt_nest_add_tensor(&kept, y);
    prt_nest_add(&kept, along);
    prt_nest_finish(&kept);
    prt_nest_init(&reduced, &shape);
    prt_nest_add(&reduced, strides);
    prt_nest_finish(&reduced);
    if (kept.rank > VK_MAP_RANK || reduced.rank > VK_MAP_RANK)
        return "the loops over it are nested too deep";
    fold->kept_rank = kept.rank;
    fold->reduced_rank = reduced.rank;
    fold->params.rows = (uint32_t)prt_tensor_elements(y);
    fold->params.length = (uint32_t)prt_tensor_elements(&shape);
    for (unsigned i = 0; i < kept.rank; i++) {
        fold->params.kept_sizes[i] = (int32_t)kept.sizes[i];
        fold->params.kept_strides[i] = (int32_t)kept.strides[1][i];
    }
    for (unsigned i = 0; i < reduced.rank; i++) {
        fold->params.reduced_sizes[i] = (int32_t)reduced.sizes[i];
        fold->params.reduced_strides[i] = (int32_t)reduced.strides[0][i];
    }
    fold->across = reduced.strides[0][reduced.rank - 1] != 1 && kept.strides[1][kept.rank - 1] == 1;
    fold->lanes = vk_lanes(fold->params.length, fold->across);
    return vk_refuses_large(x);
}

static enum percept_status dispatch(const struct vk_emit *emit, const struct fold *fold,
                                    struct vk_call *call)
{
    if (fold->params.rows == 0)
        return PERCEPT_OK;
    call->constants[0] = VK_ROWS_LOCAL;
    call->params = &fold->params;
    call->params_bytes = sizeof fold->params;
    call->operands[0] = vk_write(emit->node->outputs[0]);
    call->operands[1] = vk_read(emit->node->inputs[0]);
    vk_spread(emit, (uint64_t)fold->params.rows * fold->lanes, VK_ROWS_LOCAL, call->groups);
    return vk_dispatch(emit, call);
}

/* ---- reduce ---- */

static const char *reduce_refuses(const struct prt_graph *graph, const struct prt_node *node)
{
    const struct prt_tensor *x = vk_tensor(graph, node, 0), *y = vk_result(graph, node);
    const struct prt_reduce_attrs *attrs = &node->attrs.reduce;
    struct fold fold;
    bool whole = vk_is_integer(x) && vk_is_integer(y) && attrs->kind != PRT_REDUCE_MEAN;
    const char *refusal = whole ? NULL : vk_refuses_unreal(x, y);
    return refusal ? refusal : settle(&fold, x, y, attrs->axes, attrs->keep_dims);
}

static enum percept_status reduce_emit(const struct vk_emit *emit)
{
    const struct prt_reduce_attrs *attrs = &emit->node->attrs.reduce;
    const struct prt_tensor *x = vk_tensor(emit->graph, emit->node, 0),
                            *y = vk_result(emit->graph, emit->node);
    struct fold fold = {.params.coding = vk_coding_of(x, y)};
    (void)settle(&fold, x, y, attrs->axes, attrs->keep_dims);
    fold.params.coding.scale[2] =
        attrs->kind == PRT_REDUCE_MEAN ? (float)(1.0 / fold.params.length) : 1;
    struct vk_call call = {
        .shader = vk_folding(emit, fold.lanes, VK_SHADER_reduce, VK_SHADER_reduce_subgroup),
        .constant_count = 10,
        .constants = {0, vk_type(emit, emit->node->outputs[0]),
                      vk_type(emit, emit->node->inputs[0]), fold.lanes, fold.across, attrs->kind,
                      vk_is_integer(x), fold.kept_rank, fold.reduced_rank, y->dtype == PRT_BOOL}};
    return dispatch(emit, &fold, &call);
}

const struct vk_kernel vk_reduce = {reduce_refuses, reduce_emit};

/* ---- argmax ---- */

static const char *argmax_refuses(const struct prt_graph *graph, const struct prt_node *node)
{
    const struct prt_tensor *x = vk_tensor(graph, node, 0);
    if (!vk_is_real(x) && !vk_is_code(x) && !vk_is_integer(x))
        return "floats of 64 bits and unsigned integers of 32 or more are left to the CPU";
    struct fold fold;
    return settle(&fold, x, vk_result(graph, node), 1u << node->attrs.argmax.axis,
                  node->attrs.argmax.keep_dims);
}

static enum percept_status argmax_emit(const struct vk_emit *emit)
{
    const struct prt_argmax_attrs *attrs = &emit->node->attrs.argmax;
    const struct prt_tensor *x = vk_tensor(emit->graph, emit->node, 0);
    struct fold fold = {0};
    (void)settle(&fold, x, vk_result(emit->graph, emit->node), 1u << attrs->axis, attrs->keep_dims);
    struct vk_call call = {.shader = VK_SHADER_argmax,
                           .constant_count = 8,
                           .constants = {0, vk_type(emit, emit->node->outputs[0]),
                                         vk_type(emit, emit->node->inputs[0]), fold.lanes,
                                         fold.across, attrs->least, !vk_is_real(x),
                                         fold.kept_rank}};
    return dispatch(emit, &fold, &call);
}

const struct vk_kernel vk_argmax = {argmax_refuses, argmax_emit};

/* ---- running sums ---- */

struct cumsum_params {
    struct fold_params fold; /* what is reduced is the axis */
    int32_t y_strides[VK_MAP_RANK];
    int32_t y_step, unused[3];
};

/* Loops over all but the axis. */
static const char *settle_lanes(struct cumsum_params *params, const struct prt_tensor *x,
                                const struct prt_tensor *y, int32_t axis, struct prt_nest *nest)
{
    struct prt_tensor lanes = *y;
    int64_t from[PRT_MAX_RANK], to[PRT_MAX_RANK];
    prt_tensor_strides(x, from);
    prt_tensor_strides(y, to);
    lanes.sizes[axis] = 1;
    prt_nest_init(nest, &lanes);
    prt_nest_add(nest, to);
    prt_nest_add(nest, from);
    prt_nest_finish(nest);
    if (nest->rank > VK_MAP_RANK)
        return "the loops over it are nested too deep";
    params->fold.rows = (uint32_t)prt_tensor_elements(&lanes);
    params->fold.length = (uint32_t)x->sizes[axis];
    params->fold.reduced_strides[0] = (int32_t)from[axis];
    params->y_step = (int32_t)to[axis];
    for (unsigned i = 0; i < nest->rank; i++) {
        params->fold.kept_sizes[i] = (int32_t)nest->sizes[i];
        params->y_strides[i] = (int32_t)nest->strides[0][i];
        params->fold.kept_strides[i] = (int32_t)nest->strides[1][i];
    }
    return vk_refuses_large(x);
}

static const char *cumsum_refuses(const struct prt_graph *graph, const struct prt_node *node)
{
    const struct prt_tensor *x = vk_tensor(graph, node, 0), *y = vk_result(graph, node);
    struct cumsum_params params;
    struct prt_nest nest;
    if (!vk_is_real(x) && (!vk_is_integer(x) || x->dtype == PRT_BOOL))
        return "the elements are neither real numbers nor integers";
    return settle_lanes(&params, x, y, node->attrs.cumsum.axis, &nest);
}

static enum percept_status cumsum_emit(const struct vk_emit *emit)
{
    const struct prt_tensor *x = vk_tensor(emit->graph, emit->node, 0),
                            *y = vk_result(emit->graph, emit->node);
    struct cumsum_params params = {0};
    struct prt_nest nest;
    (void)settle_lanes(&params, x, y, emit->node->attrs.cumsum.axis, &nest);
    if (params.fold.rows == 0 || params.fold.length == 0)
        return PERCEPT_OK;
    bool across = params.fold.reduced_strides[0] != 1 && nest.strides[1][nest.rank - 1] == 1;
    uint32_t lanes = vk_lanes(params.fold.length, across);
    struct vk_call call = {
        .shader = VK_SHADER_cumsum,
        .constant_count = 7,
        .constants = {VK_ROWS_LOCAL, vk_type(emit, emit->node->outputs[0]),
                      vk_type(emit, emit->node->inputs[0]), lanes, across, !vk_is_real(x),
                      nest.rank},
        .params = &params,
        .params_bytes = sizeof params,
        .operands = {vk_write(emit->node->outputs[0]), vk_read(emit->node->inputs[0])}};
    vk_spread(emit, (uint64_t)params.fold.rows * lanes, VK_ROWS_LOCAL, call.groups);
    return vk_dispatch(emit, &call);
}

const struct vk_kernel vk_cumsum = {cumsum_refuses, cumsum_emit};
