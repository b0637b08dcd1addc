/* Why: what only moves elements goes by their size, and needs no arithmetic. */
#include "backends/vulkan/elementwise.h"

#include <math.h>
#include <string.h>

/* Moves of elements of one type; the layout does not matter. */
static void begin_move(struct vk_map *map, uint32_t op)
{
    vk_map_begin(map, op);
    map->moves = true;
}

/* ---- views that were not free ---- */

static const char *build_layout(struct vk_map *map)
{
    begin_move(map, VK_MAP_COPY);
    vk_map_add(map, 0, NULL);
    return vk_map_finish(map);
}

static const char *build_permute(struct vk_map *map)
{
    const struct prt_tensor *x = vk_tensor(map->graph, map->node, 0);
    int64_t from[PRT_MAX_RANK], strides[PRT_MAX_RANK];
    prt_tensor_strides(x, from);
    for (unsigned i = 0; i < x->rank; i++)
        strides[i] = from[map->node->attrs.permute.order[i]];
    begin_move(map, VK_MAP_COPY);
    vk_map_add(map, 0, strides);
    return vk_map_finish(map);
}

/* A copy of bytes. */
static const char *build_view(struct vk_map *map)
{
    const struct prt_tensor *y = vk_result(map->graph, map->node);
    int64_t strides[PRT_MAX_RANK];
    prt_tensor_strides(y, strides);
    begin_move(map, VK_MAP_COPY);
    vk_map_add(map, 0, strides);
    return vk_map_finish(map);
}

/* ---- slices ---- */

static const char *build_slice(struct vk_map *map)
{
    const struct prt_slice_attrs *attrs = &map->node->attrs.slice;
    int64_t strides[PRT_MAX_RANK], start, end;
    prt_tensor_strides(vk_tensor(map->graph, map->node, 0), strides);
    prt_slice_range(map->graph, map->node, &start, &end);
    begin_move(map, VK_MAP_COPY);
    map->params.start[0] = (int32_t)(start * strides[attrs->axis]);
    strides[attrs->axis] *= attrs->step;
    vk_map_add(map, 0, strides);
    return vk_map_finish(map);
}

/* ---- parts of a larger tensor ---- */

/* Loops are y's dimensions in the order of its memory; `a` has those elements from before[i] on. */
static void place_part(struct vk_map *map, const struct prt_tensor *whole,
                       const struct prt_tensor *part, const int32_t *before)
{
    map->is_unmerged = true;
    for (unsigned i = 0; i < map->nest.rank && i < VK_MAP_RANK; i++) {
        unsigned axis = whole->dim_order[i];
        map->params.before[i] = before[axis];
        map->params.within[i] = part->sizes[axis];
    }
}

static const char *build_pad(struct vk_map *map)
{
    const struct prt_pad_attrs *attrs = &map->node->attrs.pad;
    const struct prt_tensor *x = vk_tensor(map->graph, map->node, 0);
    const struct prt_tensor *y = vk_result(map->graph, map->node);
    int64_t strides[PRT_MAX_RANK];
    prt_tensor_strides(x, strides);
    vk_map_begin(map, VK_MAP_PAD);
    map->moves = y->dtype != PRT_BOOL && prt_dtype_size(y->dtype) == 1 &&
                 y->quant.kind == PRT_QUANT_PER_TENSOR;
    map->params.real[0] = (float)attrs->value;
    map->params.whole[0] = (int32_t)attrs->value;
    if (map->moves) { /* the code of that number */
        float code = rintf((float)attrs->value / y->quant.scale) + (float)y->quant.zero_point;
        float least = y->dtype == PRT_I8 ? -128 : 0;
        map->params.whole[0] = (int32_t)fminf(fmaxf(code, least), least + 255);
    }
    vk_map_add(map, 0, strides);
    place_part(map, y, x, attrs->before);
    return vk_map_finish(map);
}

/* Do part and whole have the same elements, each of whole words? Else words have elements of
 * several parts. */
static bool goes_by_words(const struct vk_map *map, unsigned index)
{
    uint32_t y = map->node->outputs[0];
    size_t size = prt_dtype_size(map->graph->values[y].tensor.dtype);
    if (!map->emit || size != 4)
        return size >= 4;
    uint32_t type = vk_type(map->emit, y);
    return type != VK_F16 && type == vk_type(map->emit, map->node->inputs[index]);
}

/* One part of a concatenation. */
static const char *build_part(struct vk_map *map, unsigned index, int32_t at)
{
    const struct prt_tensor *x = vk_tensor(map->graph, map->node, index);
    const struct prt_tensor *y = vk_result(map->graph, map->node);
    int32_t before[PRT_MAX_RANK] = {0};
    int64_t strides[PRT_MAX_RANK], y_strides[PRT_MAX_RANK];
    unsigned axis = (unsigned)map->node->attrs.concat.axis;
    prt_tensor_strides(x, strides);
    prt_tensor_strides(y, y_strides);
    if (!goes_by_words(map, index)) {
        begin_move(map, VK_MAP_CONCAT);
        before[axis] = at;
        vk_map_add(map, index, strides);
        place_part(map, y, x, before);
        return vk_map_finish(map);
    }
    /* Loops over the part; y is where it goes. */
    begin_move(map, VK_MAP_PLACE);
    prt_nest_init(&map->nest, x);
    map->nest.operands = 0;
    prt_nest_add(&map->nest, strides);
    vk_map_add(map, index, strides);
    map->operands = 2; /* the second one is y again, as the shader takes it */
    prt_nest_add(&map->nest, y_strides);
    map->params.start[1] = (int32_t)(at * y_strides[axis]);
    return vk_map_finish(map);
}

static const char *concat_refuses(const struct prt_graph *graph, const struct prt_node *node)
{
    struct vk_map map = {.graph = graph, .node = node};
    return build_part(&map, 0, 0);
}

static enum percept_status concat_emit(const struct vk_emit *emit)
{
    int32_t at = 0;
    for (unsigned i = 0; i < emit->node->input_count; i++) {
        struct vk_map map = {.graph = emit->graph, .node = emit->node, .emit = emit};
        (void)build_part(&map, i, at);
        enum percept_status status = vk_map_dispatch(emit, &map);
        if (status != PERCEPT_OK)
            return status;
        at += vk_tensor(emit->graph, emit->node, i)->sizes[emit->node->attrs.concat.axis];
    }
    return PERCEPT_OK;
}

const struct vk_kernel vk_concat = {concat_refuses, concat_emit};

/* ---- a number everywhere ---- */

static const char *build_full(struct vk_map *map)
{
    vk_map_begin(map, VK_MAP_COPY);
    vk_map_add(map, 0, NULL);
    return vk_map_finish(map);
}

VK_MAP_KERNEL(layout)
VK_MAP_KERNEL(permute)
VK_MAP_KERNEL(view)
VK_MAP_KERNEL(slice)
VK_MAP_KERNEL(pad)
VK_MAP_KERNEL(full)
