/* Why: which shader, and which size of its tiles, suits a product of matrices. */
#include "backends/vulkan/layer.h"

#include <string.h>

enum {
    FEW_ROWS = 4,        /* for which weights are what takes time */
    LEAST_LIMIT = 65535, /* workgroups along an axis that every device has */
    LEAST_TILE = 32,     /* rows of a tile when there are many */
    STRIP = 4,           /* pixels of an invocation of depthwise.comp */
    LOCAL = 64,
    MANY_TILES = 64, /* fewer large ones leave a device idle */
};

/* Invocations beside and below each other, rows of one: constants 12 to 14 of the shaders. */
struct shape {
    uint32_t across, down, rows;
};

static const struct shape narrow = {4, 16, 4}, low = {16, 4, 4}, small = {8, 8, 4},
                          wide = {16, 8, 4}, large = {16, 8, 8};

bool vk_layer_is_too_large(int64_t rows, int64_t groups)
{
    return rows > (int64_t)LEAST_LIMIT * LEAST_TILE || groups > LEAST_LIMIT;
}

void vk_layer_rows(struct vk_layer *layer, int32_t rows, int32_t inputs, int32_t outputs)
{
    struct vk_layer_params *p = &layer->params;
    layer->groups = 1;
    memcpy(p->x, (int32_t[]){1, rows, inputs, inputs}, sizeof p->x);
    memcpy(p->y, (int32_t[]){1, rows, outputs, outputs}, sizeof p->y);
    memcpy(p->grid, (int32_t[]){rows, rows, rows, 1}, sizeof p->grid);
    memcpy(p->place, (int32_t[]){0, 0, 1, 1}, sizeof p->place);
    memcpy(p->window, (int32_t[]){1, 1, 1, 1}, sizeof p->window);
    memcpy(p->taps, (int32_t[]){0, 0, 1, 1}, sizeof p->taps);
}

static uint32_t pieces(int32_t count, uint32_t size)
{
    return ((uint32_t)count + size - 1) / size;
}

static const struct shape *shape_of(const struct vk_layer *layer)
{
    int32_t rows = layer->params.grid[0], columns = layer->params.y[3];
    if (columns <= 16)
        return &narrow;
    if (rows <= 16)
        return &low;
    uint64_t tiles = (uint64_t)pieces(rows, 64) * pieces(columns, 64) * (uint64_t)layer->groups;
    if (columns <= 32 || tiles < MANY_TILES)
        return &small;
    bool few_sums =
        layer->numbers == VK_NUMBERS_REAL || (layer->dots && layer->numbers == VK_NUMBERS_CODES);
    return few_sums ? &large : &wide; /* other sums of codes take more registers */
}

static uint32_t fours_of(const struct vk_layer *layer)
{
    const struct vk_layer_params *p = &layer->params;
    bool x = layer->depthwise ? p->x[2] % 4 == 0 && p->y[2] == p->x[2]
                              : p->x[2] % 4 == 0 && p->x[3] % 4 == 0;
    bool y = p->y[2] % 4 == 0 && (layer->depthwise || p->y[3] % 4 == 0);
    return (x ? VK_FOURS_X : 0) | (y ? VK_FOURS_Y : 0);
}

/* The shader, its constants and workgroups. */
static void choose(const struct vk_layer *layer, struct vk_call *call)
{
    const struct vk_layer_params *p = &layer->params;
    int32_t rows = p->grid[0], columns = p->y[3];
    struct shape shape;
    if (layer->depthwise) {
        shape = (struct shape){1, 1, p->grid[2] < STRIP ? (uint32_t)p->grid[2] : STRIP};
        call->shader = VK_SHADER_depthwise;
        call->constants[0] = LOCAL;
        uint64_t strips = (uint64_t)pieces(p->grid[2], shape.rows) * (uint32_t)(rows / p->grid[2]);
        vk_spread(layer->emit, strips * (uint32_t)p->depth[2], LOCAL, call->groups);
    } else if (rows <= FEW_ROWS && !layer->windows && layer->groups == 1 &&
               layer->weights == VK_WEIGHTS_PACKED) {
        bool is_wide = pieces(columns, 64) >= MANY_TILES;
        shape = (struct shape){is_wide ? 16 : 4, is_wide ? 8 : 32, (uint32_t)rows};
        call->shader = layer->dots ? VK_SHADER_few_rows_dots : VK_SHADER_few_rows;
        call->constants[0] = shape.across * shape.down;
        call->groups[0] = pieces(columns, 4 * shape.across);
    } else {
        shape = *shape_of(layer);
        call->shader = layer->dots ? VK_SHADER_tile_dots : VK_SHADER_tile;
        call->constants[0] = shape.across * shape.down;
        call->groups[0] = pieces(rows, shape.down * shape.rows);
        call->groups[1] = pieces(columns, 4 * shape.across);
        call->groups[2] = (uint32_t)layer->groups;
    }
    call->constants[12] = shape.across;
    call->constants[13] = shape.down;
    call->constants[14] = shape.rows;
}

enum percept_status vk_layer_dispatch(const struct vk_layer *layer)
{
    const struct vk_emit *emit = layer->emit;
    const struct prt_node *node = emit->node;
    if (layer->params.grid[0] == 0 || layer->params.y[3] == 0)
        return PERCEPT_OK;
    bool residual = layer->residual != PRT_NO_VALUE;
    struct vk_call call = {
        .constant_count = 15,
        .constants = {[1] = vk_type(emit, node->outputs[0]),
                      vk_type(emit, node->inputs[0]),
                      layer->type_w,
                      residual ? vk_type(emit, layer->residual) : VK_F32,
                      layer->numbers,
                      layer->act,
                      layer->after,
                      residual,
                      fours_of(layer),
                      layer->windows,
                      layer->weights},
        .params = &layer->params,
        .params_bytes = sizeof layer->params,
        .operands = {vk_write(node->outputs[0]), vk_read(node->inputs[0]), layer->w,
                     layer->channels, vk_read(layer->residual), layer->row_codes,
                     layer->group_numbers},
    };
    choose(layer, &call);
    return vk_dispatch(emit, &call);
}
