/* Why: weights are read by fours of columns, row after row of the sum, which is no order that a
 * file has them in. */
#include "backends/vulkan/layer.h"

#include "base/checked.h"
#include "runtime/deferred.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum percept_status vk_read_constant(const struct vk_emit *emit, unsigned index, const void **data,
                                     void **owned)
{
    uint32_t id = emit->node->inputs[index];
    const struct prt_value *value = &emit->graph->values[id];
    *data = value->data;
    *owned = NULL;
    if (!(value->flags & PRT_FLAG_DEFERRED))
        return PERCEPT_OK;
    *data = *owned = malloc(value->bytes ? value->bytes : 1);
    if (!*owned)
        return percept_fail(emit->error, PERCEPT_NO_MEMORY, "vulkan: no memory for a weight");
    return prt_deferred_read(emit->graph, id, *owned, emit->error);
}

/* Numbers of a sum that a shader takes at a time: a scale's must not share them with another's. */
enum { DEPTH = 16 };
/* Outputs that are packed together: a cache line of what is written. */
enum { BLOCK = 16 };

/* Half to even; what is too large is infinite. */
static uint16_t half_of(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    uint32_t sign = bits >> 16 & 0x8000, rest = bits & 0x7fffffff;
    if (rest > 0x7f800000) /* NaN */
        return (uint16_t)(sign | 0x7e00);
    if (rest >= 0x47800000) /* 2^16 */
        return (uint16_t)(sign | 0x7c00);
    if (rest < 0x38800000) { /* 2^-14: adding 0.5 lines the bits up, and rounds */
        float sum;
        memcpy(&sum, &rest, sizeof sum);
        sum += 0.5f;
        memcpy(&rest, &sum, sizeof rest);
        return (uint16_t)(sign | (rest - 0x3f000000));
    }
    rest += 0xfff + (rest >> 13 & 1);
    return (uint16_t)(sign | ((rest - 0x38000000) >> 13));
}

static void put(void *to, uint32_t type, size_t at, const struct vk_weight *weight, int64_t from)
{
    if (type == VK_I8)
        ((int8_t *)to)[at] = ((const int8_t *)weight->data)[from];
    else if (type == VK_F16)
        ((uint16_t *)to)[at] = half_of(((const float *)weight->data)[from]);
    else
        ((float *)to)[at] = ((const float *)weight->data)[from];
}

/* Number k of a column among the weights: four numbers are side by side where they are multiplied
 * at once. */
static size_t place_of(const struct vk_layer *layer, size_t columns, size_t k, size_t column)
{
    return layer->dots ? (k / 4 * columns + column) * 4 + k % 4 : k * columns + column;
}

/* Some outputs of a group, all numbers of their sums. */
static void pack_block(const struct vk_layer *layer, const struct vk_weight *weight,
                       const struct vk_taps *taps, int32_t group, int32_t output, void *to)
{
    const int64_t *strides = weight->strides;
    int32_t count = weight->outputs - output < BLOCK ? weight->outputs - output : BLOCK;
    size_t columns = 4 * (size_t)layer->params.depth[2], row = 0;
    size_t column = (size_t)output;
    if (layer->depthwise) /* groups are beside each other, else below */
        column += (size_t)(group * weight->outputs);
    else
        row = (size_t)group * (size_t)layer->params.depth[1];
    for (int32_t ky = 0; ky < taps->count[0]; ky++)
        for (int32_t kx = 0; kx < taps->count[1]; kx++, row += (size_t)layer->params.depth[0]) {
            int64_t from = group * weight->group + output * strides[0] +
                           (taps->first[0] + ky * taps->step[0]) * strides[1] +
                           (taps->first[1] + kx * taps->step[1]) * strides[2];
            for (int32_t i = 0; i < weight->inputs; i++, from += strides[3])
                for (int32_t o = 0; o < count; o++)
                    put(to, layer->type_w,
                        place_of(layer, columns, row + (size_t)i, column + (size_t)o), weight,
                        from + o * strides[0]);
        }
}

static void pack_blocks(const struct vk_layer *layer, const struct vk_weight *weight,
                        const struct vk_taps *taps, void *to)
{
    for (int32_t g = 0; g < weight->groups; g++)
        for (int32_t o = 0; o < weight->outputs; o += BLOCK)
            pack_block(layer, weight, taps, g, o, to);
}

static void *room(struct vk_layer *layer, int64_t groups, int64_t numbers, int64_t columns,
                  size_t size, struct vk_operand *operand)
{
    size_t bytes;
    if (numbers > INT32_MAX || !base_mul_size((size_t)groups, (size_t)numbers, &bytes) ||
        !base_mul_size(bytes, (size_t)columns, &bytes) || bytes > INT32_MAX ||
        !base_mul_size(bytes, size, &bytes)) {
        (void)percept_fail(layer->emit->error, PERCEPT_LIMIT, "vulkan: a weight is too large");
        return NULL;
    }
    return vk_pack(layer->emit, bytes, operand);
}

static void settle_depth(struct vk_layer *layer, int64_t tap, int64_t taps, int64_t groups)
{
    int32_t *depth = layer->params.depth;
    depth[0] = (int32_t)tap;
    depth[1] = (int32_t)(tap * taps);
    depth[2] = vk_layer_columns(layer->params.y[layer->depthwise ? 2 : 3]) / 4;
    depth[3] = (int32_t)groups * depth[2];
}

static bool takes_dots(const struct vk_layer *layer)
{
    bool quick = layer->emit->device->uses_int_dot ||
                 (layer->numbers == VK_NUMBERS_CODES && vk_layer_takes_matrices(layer));
    return quick && layer->numbers != VK_NUMBERS_REAL && !layer->depthwise;
}

/* What dots.glsl takes off for the zero point of x: the sum of each group's columns. */
static bool pack_sums(struct vk_layer *layer, const int8_t *packed, size_t groups)
{
    size_t columns = 4 * (size_t)layer->params.depth[2], numbers = (size_t)layer->params.depth[1];
    int32_t *sums = vk_pack(layer->emit, groups * columns * sizeof *sums, &layer->group_numbers);
    for (size_t k = 0; sums && k < groups * numbers; k++)
        for (size_t column = 0; column < columns; column++)
            sums[k / numbers * columns + column] += packed[place_of(layer, columns, k, column)];
    return sums != NULL;
}

/* Values between the nodes are halves then, those that enter and leave a segment are not. */
static bool takes_halves(const struct vk_layer *layer)
{
    const struct vk_emit *emit = layer->emit;
    return emit->device->has_float16 && layer->numbers == VK_NUMBERS_REAL && !layer->depthwise &&
           !vk_layer_is_few(layer) && vk_type(emit, emit->node->inputs[0]) == VK_F16;
}

/* Columns of a group's weights as halves, each times the power of 2 that brings its largest to
 * below 1 / VK_HALVES: then a sum of so many products with halves is finite. */
static bool pack_halves(struct vk_layer *layer, const float *from, size_t groups, uint16_t *to)
{
    size_t columns = 4 * (size_t)layer->params.depth[2], numbers = (size_t)layer->params.depth[1];
    float *inverse =
        vk_pack(layer->emit, groups * columns * sizeof *inverse, &layer->group_numbers);
    for (size_t c = 0; inverse && c < groups * columns; c++) {
        size_t first = c / columns * numbers * columns + c % columns;
        float most = 0;
        int exponent = 0;
        for (size_t k = 0; k < numbers; k++)
            most = fmaxf(most, fabsf(from[first + k * columns]));
        if (isfinite(most * VK_HALVES))
            (void)frexpf(most * VK_HALVES, &exponent);
        inverse[c] = ldexpf(1, exponent);
        for (size_t k = 0; k < numbers; k++)
            to[first + k * columns] = half_of(ldexpf(from[first + k * columns], -exponent));
    }
    return inverse != NULL;
}

/* The weights as they are, then as halves. */
static enum percept_status pack_by_way_of_floats(struct vk_layer *layer,
                                                 const struct vk_weight *weight,
                                                 const struct vk_taps *taps, uint16_t *to)
{
    size_t groups = (size_t)weight->groups,
           size = groups * (size_t)layer->params.depth[1] * 4 * (size_t)layer->params.depth[2];
    float *floats = calloc(size + 1, sizeof *floats);
    if (!floats)
        return percept_fail(layer->emit->error, PERCEPT_NO_MEMORY,
                            "vulkan: no memory for a weight");
    layer->type_w = VK_F32;
    pack_blocks(layer, weight, taps, floats);
    layer->type_w = VK_F16;
    bool packed = pack_halves(layer, floats, groups, to);
    free(floats);
    return packed ? PERCEPT_OK : PERCEPT_NO_MEMORY;
}

enum percept_status vk_layer_pack(struct vk_layer *layer, const struct vk_weight *weight,
                                  const struct vk_taps *taps)
{
    static const size_t sizes[] = {[VK_F32] = 4, [VK_F16] = 2, [VK_I8] = 1};
    int64_t tap = layer->depthwise ? 1 : vk_layer_columns(weight->inputs);
    int64_t count = (int64_t)taps->count[0] * taps->count[1];
    layer->type_w = weight->is_code ? VK_I8 : vk_is_half(layer->emit) ? VK_F16 : VK_F32;
    layer->dots = takes_dots(layer) && weight->is_code;
    layer->halves = takes_halves(layer) && layer->type_w == VK_F16;
    int32_t groups = layer->depthwise ? 1 : weight->groups;
    layer->params.taps[2] = (int32_t)count;
    layer->params.taps[3] = taps->count[1];
    settle_depth(layer, tap, count, groups);
    void *to = room(layer, groups, tap * count, 4 * (int64_t)layer->params.depth[2],
                    sizes[layer->type_w], &layer->w);
    if (!to)
        return PERCEPT_NO_MEMORY;
    if (layer->halves)
        return pack_by_way_of_floats(layer, weight, taps, to);
    pack_blocks(layer, weight, taps, to);
    if (layer->dots && !pack_sums(layer, to, (size_t)groups))
        return PERCEPT_NO_MEMORY;
    return PERCEPT_OK;
}

bool vk_layer_channels(struct vk_layer *layer, struct vk_channels *channels)
{
    size_t count = 4 * (size_t)layer->params.depth[3];
    float *bias = vk_pack(layer->emit, 3 * count * sizeof *bias, &layer->channels);
    if (bias)
        *channels = (struct vk_channels){bias, bias + count, bias + 2 * count};
    return bias != NULL;
}

/* ---- codes with a scale for each group of inputs ---- */

static bool fits_four_bits(const int8_t *codes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (codes[i] < -8 || codes[i] > 7)
            return false;
    return true;
}

/* Number k of a column. A word has four columns of two numbers, the lower half the first's; with
 * dots two columns of four numbers, the lower half of each byte the first's. */
static void put_half_byte(const struct vk_layer *layer, uint8_t *to, size_t columns, size_t k,
                          size_t column, int8_t code)
{
    size_t word = k / 2 * (columns / 4) + column / 4, byte = k % 2 * 2 + column % 4 / 2;
    if (layer->dots) {
        word = k / 4 * (columns / 2) + column / 2;
        byte = k % 4;
    }
    to += 4 * word + byte;
    *to = (uint8_t)(*to | (code & 15) << (column % 2 * 4));
}

enum percept_status vk_layer_pack_groups(struct vk_layer *layer, const int8_t *codes,
                                         const float *scales, int32_t groups)
{
    size_t inputs = (size_t)layer->params.x[2], outputs = (size_t)layer->params.y[3];
    size_t group = inputs / (size_t)groups, tap = (group + DEPTH - 1) / DEPTH * DEPTH;
    size_t columns = (size_t)vk_layer_columns((int32_t)outputs);
    bool four = fits_four_bits(codes, inputs * outputs);
    layer->type_w = four ? VK_I4 : VK_I8;
    layer->dots = takes_dots(layer);
    layer->params.x[3] = (int32_t)group;
    layer->params.taps[2] = layer->params.taps[3] = groups;
    settle_depth(layer, (int64_t)tap, groups, 1);
    uint8_t *to =
        room(layer, groups, (int64_t)tap, (int64_t)columns / (four ? 2 : 1), 1, &layer->w);
    float *to_scales = to ? room(layer, groups, (int64_t)columns, layer->dots ? 2 : 1,
                                 sizeof *scales, &layer->group_numbers)
                          : NULL;
    if (!to_scales)
        return PERCEPT_NO_MEMORY;
    int32_t *sums = (int32_t *)(void *)to_scales + (size_t)groups * columns;
    for (size_t o = 0; o < outputs; o++)
        for (size_t g = 0; g < (size_t)groups; g++) {
            to_scales[g * columns + o] = scales[o * (size_t)groups + g];
            for (size_t i = 0; i < group; i++) {
                int8_t code = codes[o * inputs + g * group + i];
                if (four)
                    put_half_byte(layer, to, columns, g * tap + i, o, code);
                else
                    to[place_of(layer, columns, g * tap + i, o)] = (uint8_t)code;
                if (layer->dots)
                    sums[g * columns + o] += code;
            }
        }
    return PERCEPT_OK;
}
