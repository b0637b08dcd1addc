/* Why: broadcasting, layouts and element types are solved once, in one shader, for all simple ops.
 */
#include "backends/vulkan/elementwise.h"

#include "backends/vulkan/elements.h"

#include <math.h>
#include <string.h>

enum { LOCAL = 64 };

#define CHECK_UNARY(name, text) \
    _Static_assert(VK_UNARY_##name == PRT_UNARY_##name, "shaders/codes.h");
PRT_UNARY_TABLE(CHECK_UNARY)
#define CHECK_BINARY(name, text) \
    _Static_assert(VK_BINARY_##name == PRT_BINARY_##name, "shaders/codes.h");
PRT_BINARY_TABLE(CHECK_BINARY)
_Static_assert(VK_ACT_CLAMP == PRT_ACT_CLAMP && VK_ACT_PRELU == PRT_ACT_PRELU, "shaders/codes.h");

/* ---- what fits ---- */

static const struct prt_tensor *tensor_of(const struct vk_map *map, unsigned place)
{
    uint32_t id = map->values[place];
    return id == PRT_NO_VALUE ? NULL : &map->graph->values[id].tensor;
}

static bool is_code(const struct prt_tensor *tensor)
{
    return tensor->quant.kind != PRT_QUANT_NONE;
}

static bool is_small_integer(const struct prt_tensor *tensor)
{
    return tensor->dtype == PRT_I32 || tensor->dtype == PRT_I16 || tensor->dtype == PRT_I8 ||
           tensor->dtype == PRT_U8;
}

static bool integers_have(const struct vk_map *map)
{
    static const bool unary[PRT_UNARY_COUNT] = {
        [PRT_UNARY_ABS] = true, [PRT_UNARY_NEG] = true,  [PRT_UNARY_SQUARE] = true,
        [PRT_UNARY_NOT] = true, [PRT_UNARY_SIGN] = true,
    };
    static const bool lacks_binary[PRT_BINARY_COUNT] = {
        [PRT_BINARY_DIV] = true,
        [PRT_BINARY_POW] = true,
        [PRT_BINARY_ATAN2] = true,
        [PRT_BINARY_SQUARED_DIFFERENCE] = true,
    };
    if (map->op == VK_MAP_UNARY)
        return unary[map->kind];
    if (map->op == VK_MAP_BINARY)
        return !lacks_binary[map->kind] && map->params.real[3] == truncf(map->params.real[3]);
    return map->op != VK_MAP_PRELU;
}

static bool reals_have(const struct vk_map *map)
{
    return map->op != VK_MAP_BINARY || map->kind < PRT_BINARY_BIT_AND;
}

/* Floats or integers, as the CPU chooses; what it computes in 64 bits stays there. */
static const char *choose_domain(struct vk_map *map)
{
    bool real = false, integer = false, real_scalar = false;
    const struct prt_tensor *y = tensor_of(map, 0);
    for (unsigned i = 0; i <= map->operands; i++) {
        const struct prt_tensor *x = tensor_of(map, i);
        if (!x) {
            const struct prt_value *scalar = &map->graph->values[map->node->inputs[i - 1]];
            real_scalar |= scalar->kind == PRT_VALUE_DOUBLE;
            if (scalar->kind == PRT_VALUE_INT && scalar->i != (int32_t)scalar->i)
                return "a number has more than 32 bits";
        } else if (is_code(x)) {
            if (x->quant.kind != PRT_QUANT_PER_TENSOR || prt_dtype_size(x->dtype) != 1)
                return "the codes are not 8-bit ones of one scale";
            real = true;
        } else if (vk_is_real(x)) {
            real = true;
        } else if (is_small_integer(x)) {
            integer = true;
        } else if (x->dtype == PRT_I64 && vk_has_int64()) {
            integer = map->is_wide = true;
        } else if (x->dtype != PRT_BOOL) {
            return "elements of 64 bits, and unsigned ones, are left to the CPU";
        }
    }
    map->store = y->dtype == PRT_BOOL ? VK_STORE_TRUTH : VK_STORE_PLAIN;
    if (map->op == VK_MAP_COPY) { /* a conversion: its sides may differ */
        const struct prt_tensor *x = tensor_of(map, 1);
        bool from_real = x ? vk_is_real(x) || is_code(x) : real_scalar;
        map->integers = !from_real && !vk_is_real(y) && !is_code(y);
        if (x && vk_is_real(x) && is_small_integer(y) && !is_code(y) && y->dtype != PRT_I32)
            return "real numbers become integers of 32 bits only";
    } else {
        map->integers = !real;
        if (integer ? real || real_scalar : real_scalar && !real)
            return "integers with real numbers are left to the CPU";
    }
    if (map->integers ? !integers_have(map) : !reals_have(map))
        return "the function is not one of these elements";
    if (is_code(y) && !map->integers)
        map->store = VK_STORE_CODES;
    return NULL;
}

/* ---- putting together ---- */

void vk_map_begin(struct vk_map *map, uint32_t op)
{
    const struct prt_tensor *y = vk_result(map->graph, map->node);
    map->op = op;
    map->values[0] = map->node->outputs[0];
    for (unsigned i = 1; i < 4; i++)
        map->values[i] = PRT_NO_VALUE;
    map->params.numbers[2] = -HUGE_VALF;
    map->params.numbers[3] = HUGE_VALF;
    map->params.real[3] = 1;
    prt_nest_init(&map->nest, y);
    prt_nest_add_tensor(&map->nest, y);
}

void vk_map_add(struct vk_map *map, unsigned index, const int64_t *strides)
{
    const struct prt_value *value = &map->graph->values[map->node->inputs[index]];
    unsigned place = map->operands++;
    if (value->kind == PRT_VALUE_TENSOR) {
        map->values[place + 1] = map->node->inputs[index];
        if (strides)
            prt_nest_add(&map->nest, strides);
        else
            prt_nest_add_tensor(&map->nest, &value->tensor);
        return;
    }
    double real = value->kind == PRT_VALUE_DOUBLE ? value->d
                  : value->kind == PRT_VALUE_INT  ? (double)value->i
                                                  : (double)value->b;
    map->params.real[place] = (float)real;
    map->params.whole[place] = value->kind == PRT_VALUE_INT ? (int32_t)value->i : (int32_t)value->b;
    map->scalars |= 1u << place;
    prt_nest_add(&map->nest, (const int64_t[PRT_MAX_RANK]){0});
}

static bool all_as_y(const struct vk_map *map)
{
    if (map->nest.rank != 1 || map->is_unmerged)
        return false;
    for (unsigned i = 1; i <= map->operands; i++)
        if (!(map->scalars >> (i - 1) & 1) && map->nest.strides[i][0] != 1)
            return false;
    return true;
}

/* Elements of 8 bytes move as pairs of words. */
static void halve_elements(struct vk_map *map)
{
    unsigned r = map->nest.rank++;
    map->nest.sizes[r] = 2;
    for (unsigned o = 0; o <= map->operands; o++) {
        for (unsigned i = 0; i < r; i++)
            map->nest.strides[o][i] *= 2;
        map->nest.strides[o][r] = 1;
    }
    for (unsigned i = 0; i < 3; i++)
        map->params.start[i] *= 2;
}

static const char *settle_loops(struct vk_map *map)
{
    if (!map->is_unmerged)
        prt_nest_finish(&map->nest);
    if (map->moves && prt_dtype_size(tensor_of(map, 0)->dtype) == 8 &&
        map->nest.rank < PRT_MAX_RANK)
        halve_elements(map);
    if (map->nest.rank > VK_MAP_RANK)
        return "the loops over it are nested too deep";
    int64_t count = 1;
    for (unsigned i = 0; i < map->nest.rank; i++) {
        count *= map->nest.sizes[i];
        map->params.sizes[i] = (int32_t)map->nest.sizes[i];
        for (unsigned o = 1; o <= map->operands; o++)
            map->params.strides[o - 1][i] = (int32_t)map->nest.strides[o][i];
    }
    if (count > INT32_MAX)
        return "it has too many elements";
    map->params.count = (uint32_t)count;
    return NULL;
}

static void settle_codes(struct vk_map *map)
{
    for (unsigned i = 0; i < 4; i++) {
        const struct prt_tensor *x = tensor_of(map, (i + 1) % 4); /* y's are the last */
        bool coded = x && is_code(x);
        float scale = coded ? x->quant.scale : 1;
        map->params.scale[i] = i < 3 ? scale : 1 / scale;
        map->params.zero[i] = coded ? x->quant.zero_point : 0;
    }
    if (map->store == VK_STORE_CODES) {
        bool is_signed = tensor_of(map, 0)->dtype == PRT_I8;
        map->params.start[3] = is_signed ? -128 : 0;
        map->params.whole[3] = is_signed ? 127 : 255;
    }
}

const char *vk_map_finish(struct vk_map *map)
{
    const char *refusal = map->moves ? NULL : choose_domain(map);
    if (!refusal)
        refusal = settle_loops(map);
    if (!refusal)
        settle_codes(map);
    return refusal;
}

const char *vk_map_refuses(const struct prt_graph *graph, const struct prt_node *node,
                           vk_map_build build)
{
    struct vk_map map = {.graph = graph, .node = node};
    return build(&map);
}

/* Moves see elements as integers of their size, unless they change type on the way (halves). */
static void settle_types(const struct vk_emit *emit, struct vk_map *map, uint32_t types[4])
{
    bool same = true;
    for (unsigned i = 0; i < 4; i++) {
        types[i] = map->values[i] == PRT_NO_VALUE ? VK_F32 : vk_type(emit, map->values[i]);
        same &= map->values[i] == PRT_NO_VALUE || types[i] == types[0];
    }
    if (!map->moves)
        return;
    map->integers = same && !map->scalars;
    for (unsigned i = 0; i < 4 && map->integers; i++)
        types[i] = vk_mover(emit, map->values[0]);
}

enum percept_status vk_map_dispatch(const struct vk_emit *emit, struct vk_map *map)
{
    uint32_t types[4];
    if (map->params.count == 0)
        return PERCEPT_OK;
    settle_types(emit, map, types);
    struct vk_call call = {
        .shader = map->is_wide ? VK_SHADER_elementwise_int64 : VK_SHADER_elementwise,
        .constant_count = 11,
        .constants = {LOCAL, map->op, map->kind, types[0], types[1], types[2], types[3],
                      map->integers, map->scalars, all_as_y(map) ? 0 : map->nest.rank, map->store},
        .params = &map->params,
        .params_bytes = sizeof map->params,
        .operands = {vk_write(map->values[0])},
    };
    for (unsigned i = 1; i < 4; i++)
        call.operands[i] = vk_read(map->values[i]);
    vk_spread(emit, (map->params.count + 3) / 4, LOCAL, call.groups);
    return vk_dispatch(emit, &call);
}

enum percept_status vk_map_emit(const struct vk_emit *emit, vk_map_build build)
{
    struct vk_map map = {.graph = emit->graph, .node = emit->node, .emit = emit};
    (void)build(&map);
    return vk_map_dispatch(emit, &map);
}

/* ---- the ops ---- */

static const char *build_unary(struct vk_map *map)
{
    vk_map_begin(map, VK_MAP_UNARY);
    map->kind = map->node->attrs.unary.kind;
    map->params.numbers[0] = (float)map->node->attrs.unary.a;
    map->params.numbers[1] = (float)map->node->attrs.unary.b;
    vk_map_add(map, 0, NULL);
    return vk_map_finish(map);
}
VK_MAP_KERNEL(unary)

static const char *build_binary(struct vk_map *map)
{
    const struct prt_binary_attrs *attrs = &map->node->attrs.binary;
    vk_map_begin(map, VK_MAP_BINARY);
    map->kind = attrs->kind;
    map->params.real[3] = (float)attrs->alpha;
    if (attrs->act.kind == PRT_ACT_PRELU)
        return "it ends in a PReLU";
    if (attrs->act.kind == PRT_ACT_CLAMP) {
        map->params.numbers[2] = attrs->act.lo;
        map->params.numbers[3] = attrs->act.hi;
    }
    vk_map_add(map, 0, NULL);
    vk_map_add(map, 1, NULL);
    return vk_map_finish(map);
}
VK_MAP_KERNEL(binary)

static const char *build_prelu(struct vk_map *map)
{
    const struct prt_tensor *slope = vk_tensor(map->graph, map->node, 1);
    int64_t strides[PRT_MAX_RANK] = {0};
    strides[map->node->attrs.prelu.nhwc ? 3 : 1] = slope->sizes[0] != 1;
    vk_map_begin(map, VK_MAP_PRELU);
    vk_map_add(map, 0, NULL);
    vk_map_add(map, 1, strides);
    return vk_map_finish(map);
}
VK_MAP_KERNEL(prelu)

static const char *build_where(struct vk_map *map)
{
    vk_map_begin(map, VK_MAP_WHERE);
    for (unsigned i = 0; i < 3; i++)
        vk_map_add(map, i, NULL);
    return vk_map_finish(map);
}
VK_MAP_KERNEL(where)

static const char *build_convert(struct vk_map *map)
{
    vk_map_begin(map, VK_MAP_COPY);
    vk_map_add(map, 0, NULL);
    return vk_map_finish(map);
}
VK_MAP_KERNEL(convert)
