/* Why: which shader, and which size of its tiles, suits a product of matrices, and whether
 * work-groups share a sum. */
#include "backends/vulkan/layer.h"

#include <stddef.h>
#include <string.h>

enum {
    FEW_ROWS = 4,        /* for which weights are what takes time */
    LEAST_LIMIT = 65535, /* workgroups along an axis that every device has */
    LEAST_TILE = 32,     /* rows of a tile when there are many */
    STRIP = 4,           /* pixels of an invocation of depthwise.comp */
    LOCAL = 64,
    MANY_TILES = 64,  /* fewer large ones leave a device idle */
    LEAST_PART = 512, /* numbers of a sum that a work-group is worth */
    LEAST_SIDE = 17,  /* rows and columns for matrices: less leaves most of a tile empty */
    DEPTH = 32,       /* of matrices.glsl */
    CONSTANTS = 20,   /* of that shader, which has the most */
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
/* Of matrices.glsl: subgroups beside and below each other, matrices of each either way. */
static const struct shape matrices[] = {{2, 2, 2}, {2, 2, 1}, {2, 4, 2}, {4, 2, 2},
                                        {4, 4, 1}, {1, 2, 2}, {2, 1, 2}, {1, 1, 1}};
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

/* ---- cooperative matrices ---- */

static const struct vk_matrix_shape *matrix_of(const struct vk_layer *layer)
{
    const struct vk_matrix_shapes *shapes = &layer->emit->device->matrices;
    return layer->numbers == VK_NUMBERS_CODES ? &shapes->codes : &shapes->halves;
}

/* Of the work-group's tile, as matrices.glsl has it in shared memory. */
static uint64_t matrices_bytes(const struct vk_layer *layer, struct shape shape)
{
    const struct vk_matrix_shape *matrix = matrix_of(layer);
    bool codes = layer->numbers == VK_NUMBERS_CODES;
    uint64_t rows = (uint64_t)shape.down * shape.rows * matrix->rows,
             columns = (uint64_t)shape.across * shape.rows * matrix->columns;
    uint64_t block = (matrix->numbers * (codes ? 1 : 2) + 15) / 16;
    uint64_t line = DEPTH / matrix->numbers * block + 1, row = columns / 8 + 1;
    bool lines = codes || layer->weights == VK_WEIGHTS_COLUMNS;
    uint64_t loaded = rows * line + (lines ? columns * line : DEPTH * row);
    uint64_t result = rows * columns / 4;
    return 16 * (loaded > result ? loaded : result);
}

static bool suits_matrices(const struct vk_layer *layer, struct shape shape)
{
    const struct vk_device *device = layer->emit->device;
    uint32_t local = device->subgroup * shape.across * shape.down;
    return local % (DEPTH / 4) == 0 && local <= device->limits.maxComputeWorkGroupInvocations &&
           local <= device->limits.maxComputeWorkGroupSize[0] &&
           matrices_bytes(layer, shape) <= device->limits.maxComputeSharedMemorySize;
}

/* The first of their sizes that the device has room for; how many there are when it has for none.
 */
static unsigned first_matrices(const struct vk_layer *layer)
{
    unsigned count = sizeof matrices / sizeof matrices[0], first = 0;
    while (first < count && !suits_matrices(layer, matrices[first]))
        first++;
    return first;
}

bool vk_layer_takes_matrices(const struct vk_layer *layer)
{
    const struct vk_device *device = layer->emit->device;
    return device->uses_matrices && device->subgroup > 1 && matrix_of(layer)->rows &&
           layer->numbers != VK_NUMBERS_ROUNDED && !layer->depthwise &&
           layer->params.grid[0] >= LEAST_SIDE && layer->params.y[3] >= LEAST_SIDE &&
           first_matrices(layer) < sizeof matrices / sizeof matrices[0];
}

/* Once packed: are the numbers halves, or codes? */
static bool is_for_matrices(const struct vk_layer *layer)
{
    const struct vk_emit *emit = layer->emit;
    bool halves =
        layer->halves || (layer->weights != VK_WEIGHTS_PACKED && layer->type_w == VK_F16 &&
                          vk_type(emit, emit->node->inputs[0]) == VK_F16);
    return (layer->dots || halves) && vk_layer_takes_matrices(layer);
}

static void add_matrices(const struct vk_layer *layer, struct vk_call *call, struct shape shape)
{
    const struct vk_matrix_shape *matrix = matrix_of(layer);
    uint32_t groups[3] = {pieces(layer->params.grid[0], shape.down * shape.rows * matrix->rows),
                          pieces(layer->params.y[3], shape.across * shape.rows * matrix->columns),
                          (uint32_t)layer->groups};
    add_size(call, shape, layer->emit->device->subgroup * shape.across * shape.down, groups);
    if (!suits_matrices(layer, shape))
        call->size_count--;
}

/* ---- the choice ---- */

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
    } else if (is_for_matrices(layer)) {
        const struct vk_matrix_shape *matrix = matrix_of(layer);
        call->shader = layer->dots ? VK_SHADER_matrices_dots : VK_SHADER_matrices;
        memcpy(&call->constants[16],
               (uint32_t[]){matrix->rows, matrix->columns, matrix->numbers,
                            layer->emit->device->subgroup},
               4 * sizeof(uint32_t));
        add = add_matrices;
        shapes = matrices;
        count = sizeof matrices / sizeof matrices[0];
        first = first_matrices(layer);
    } else {
        first = tile_of(layer);
    }
    add(layer, call, shapes[first]);
    for (unsigned i = 0; i < count; i++) {
        if (i == first)
            continue;
        unsigned before = call->size_count;
        add(layer, call, shapes[i]);
        if (call->size_count > before && !has_room(layer, &call->sizes[before]))
            call->size_count = before;
    }
}

/* ---- sums that work-groups share ---- */

/* How many to a sum: as many as the device would else have idle, if the sum is long. */
static uint32_t parts_of(const struct vk_layer *layer, const struct vk_call *call)
{
    const uint32_t *groups = call->sizes[0].groups;
    uint64_t count = (uint64_t)groups[0] * groups[1] * groups[2];
    uint64_t most = (uint64_t)layer->params.depth[1] / LEAST_PART,
             parts = layer->emit->device->idle_below / count;
    bool by_groups = layer->numbers == VK_NUMBERS_ROUNDED && !vk_layer_is_few(layer);
    parts = layer->depthwise || by_groups ? 1 : parts < most ? parts : most;
    return parts ? (uint32_t)parts : 1;
}

/* The dispatch that makes the parts, then the one that adds them up. */
static enum percept_status dispatch_parts(const struct vk_layer *layer, struct vk_call *call,
                                          uint32_t parts)
{
    const struct vk_emit *emit = layer->emit;
    struct vk_call sum = *call;
    uint64_t fours = (uint64_t)layer->params.grid[0] * (uint32_t)layer->params.depth[2] *
                     (uint32_t)layer->groups;
    /* Row codes are scratch, too. */
    size_t from =
        (layer->row_codes.bytes + VK_BIND_ALIGNMENT - 1) / VK_BIND_ALIGNMENT * VK_BIND_ALIGNMENT;
    struct vk_operand made = vk_scratch(emit, from, (size_t)fours * parts * 4 * sizeof(float));
    sum.operands[1] = made;
    made.written = true;
    call->operands[0] = made;
    call->constants[15] = sum.constants[15] = parts;
    for (unsigned i = 0; i < call->size_count; i++)
        call->sizes[i].groups[2] *= parts;
    enum percept_status status = vk_dispatch(emit, call);
    sum.shader = VK_SHADER_parts;
    sum.unnamed = true;
    sum.constants[0] = LOCAL;
    sum.constants[12] = (uint32_t)layer->groups;
    sum.constants[13] = sum.constants[14] = 1;
    sum.size_count = 0;
    vk_spread(emit, fours, LOCAL, sum.groups);
    return status == PERCEPT_OK ? vk_dispatch(emit, &sum) : status;
}

enum percept_status vk_layer_dispatch(const struct vk_layer *layer)
{
    const struct vk_emit *emit = layer->emit;
    const struct prt_node *node = emit->node;
    if (layer->params.grid[0] == 0 || layer->params.y[3] == 0)
        return PERCEPT_OK;
    bool residual = layer->residual != PRT_NO_VALUE;
    struct vk_call call = {
        .constant_count = CONSTANTS,
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
                      layer->weights,
                      [15] = 1},
        .params = &layer->params,
        .params_bytes = sizeof layer->params,
        .shape_bytes = offsetof(struct vk_layer_params, zero) - offsetof(struct vk_layer_params, x),
        .operands = {vk_write(node->outputs[0]), vk_read(node->inputs[0]), layer->w,
                     layer->channels, vk_read(layer->residual), layer->row_codes,
                     layer->group_numbers},
    };
    choose(layer, &call);
    uint32_t parts = parts_of(layer, &call);
    return parts > 1 ? dispatch_parts(layer, &call, parts) : vk_dispatch(emit, &call);
}
