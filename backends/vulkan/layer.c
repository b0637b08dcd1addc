/* Why: which shader, and which size of its tiles, suits a product of matrices. */
#include "backends/vulkan/layer.h"

#include <stddef.h>
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

/* Of tile.comp: across divides 4 * rows and down 16, both tiles have 16 KiB at most. */
enum { NARROW, LOW, SMALL, WIDE, LARGE, TALL };
static const struct shape tiles[] = {
    [NARROW] = {4, 16, 4}, [LOW] = {16, 4, 4}, [SMALL] = {8, 8, 4}, [WIDE] = {16, 8, 4},
    [LARGE] = {16, 8, 8},  [TALL] = {8, 8, 8}, {16, 16, 4},         {32, 4, 8}};
/* Of few_rows.comp: down is a power of 2. */
enum { FEW_DEEP, FEW_WIDE };
static const struct shape few[] = {
    [FEW_DEEP] = {4, 32, 1}, [FEW_WIDE] = {16, 8, 1}, {8, 16, 1}, {32, 4, 1}, {8, 8, 1}};
/* Of depthwise.comp. */
static const struct shape strips[] = {{1, 1, STRIP}, {1, 1, 1}, {1, 1, 2}, {1, 1, 8}};

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

bool vk_layer_is_few(const struct vk_layer *layer)
{
    return layer->params.grid[0] <= FEW_ROWS && !layer->windows && layer->groups == 1 &&
           layer->weights == VK_WEIGHTS_PACKED;
}

static uint32_t pieces(int32_t count, uint32_t size)
{
    return ((uint32_t)count + size - 1) / size;
}

static unsigned tile_of(const struct vk_layer *layer)
{
    int32_t rows = layer->params.grid[0], columns = layer->params.y[3];
    if (layer->emit->device->properties.deviceType == VK_PHYSICAL_DEVICE_TYPE_CPU)
        return TALL; /* what tune.c found for each tile of hand_landmark_lite on lavapipe */
    if (columns <= 16)
        return NARROW;
    if (rows <= 16)
        return LOW;
    uint64_t count = (uint64_t)pieces(rows, 64) * pieces(columns, 64) * (uint64_t)layer->groups;
    if (columns <= 32 || count < MANY_TILES)
        return SMALL;
    bool few_sums =
        layer->numbers == VK_NUMBERS_REAL || (layer->dots && layer->numbers == VK_NUMBERS_CODES);
    return few_sums ? LARGE : WIDE; /* other sums of codes take more registers */
}

static uint32_t fours_of(const struct vk_layer *layer)
{
    const struct vk_layer_params *p = &layer->params;
    bool x = layer->depthwise ? p->x[2] % 4 == 0 && p->y[2] == p->x[2]
                              : p->x[2] % 4 == 0 && p->x[3] % 4 == 0;
    bool y = p->y[2] % 4 == 0 && (layer->depthwise || p->y[3] % 4 == 0);
    return (x ? VK_FOURS_X : 0) | (y ? VK_FOURS_Y : 0);
}

static void add_size(struct vk_call *call, struct shape shape, uint32_t local,
                     const uint32_t *groups)
{
    struct vk_size *size = &call->sizes[call->size_count++];
    *size = (struct vk_size){local, {shape.across, shape.down, shape.rows}, {0}};
    memcpy(size->groups, groups, sizeof size->groups);
}

static void add_strip(const struct vk_layer *layer, struct vk_call *call, struct shape shape)
{
    const struct vk_layer_params *p = &layer->params;
    uint32_t groups[3], line = (uint32_t)p->grid[2];
    shape.rows = shape.rows < line ? shape.rows : line;
    uint64_t count = (uint64_t)pieces(p->grid[2], shape.rows) * ((uint32_t)p->grid[0] / line);
    vk_spread(layer->emit, count * (uint32_t)p->depth[2], LOCAL, groups);
    add_size(call, shape, LOCAL, groups);
}

static void add_few(const struct vk_layer *layer, struct vk_call *call, struct shape shape)
{
    shape.rows = (uint32_t)layer->params.grid[0];
    uint32_t groups[3] = {pieces(layer->params.y[3], 4 * shape.across), 1, 1};
    add_size(call, shape, shape.across * shape.down, groups);
}

static void add_tile(const struct vk_layer *layer, struct vk_call *call, struct shape shape)
{
    uint32_t groups[3] = {pieces(layer->params.grid[0], shape.down * shape.rows),
                          pieces(layer->params.y[3], 4 * shape.across), (uint32_t)layer->groups};
    add_size(call, shape, shape.across * shape.down, groups);
}

/* Has the device? All have for the first choices. */
static bool has_room(const struct vk_layer *layer, const struct vk_size *size)
{
    const VkPhysicalDeviceLimits *limits = &layer->emit->device->limits;
    bool has = size->local <= limits->maxComputeWorkGroupInvocations;
    for (unsigned i = 0; i < 3; i++)
        has &= size->groups[i] <= limits->maxComputeWorkGroupCount[i];
    return has;
}

/* The shader, and the sizes that its work-groups may have. */
static void choose(const struct vk_layer *layer, struct vk_call *call)
{
    typedef void (*add_function)(const struct vk_layer *, struct vk_call *, struct shape);
    add_function add = add_tile;
    const struct shape *shapes = tiles;
    unsigned count = sizeof tiles / sizeof tiles[0], first = 0;
    call->shader = layer->dots     ? VK_SHADER_tile_dots
                   : layer->halves ? VK_SHADER_tile_halves
                                   : VK_SHADER_tile;
    if (layer->depthwise) {
        call->shader = VK_SHADER_depthwise;
        add = add_strip;
        shapes = strips;
        count = sizeof strips / sizeof strips[0];
    } else if (vk_layer_is_few(layer)) {
        call->shader = layer->dots ? VK_SHADER_few_rows_dots : VK_SHADER_few_rows;
        add = add_few;
        shapes = few;
        count = sizeof few / sizeof few[0];
        first = pieces(layer->params.y[3], 64) >= MANY_TILES ? FEW_WIDE : FEW_DEEP;
    } else {
        first = tile_of(layer);
    }
    add(layer, call, shapes[first]);
    for (unsigned i = 0; i < count; i++) {
        if (i == first)
            continue;
        add(layer, call, shapes[i]);
        if (!has_room(layer, &call->sizes[call->size_count - 1]))
            call->size_count--;
    }
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
        .shape_bytes = offsetof(struct vk_layer_params, zero) - offsetof(struct vk_layer_params, x),
        .operands = {vk_write(node->outputs[0]), vk_read(node->inputs[0]), layer->w,
                     layer->channels, vk_read(layer->residual), layer->row_codes,
                     layer->group_numbers},
    };
    choose(layer, &call);
    return vk_dispatch(emit, &call);
}
