/*
 * Rows that several invocations share, and what these add up. A shader has the constants LANES, how
 * many share a row (a power of two), and ACROSS: neighbours are of neighbouring rows, whose elements
 * lie side by side, and not of one row. Everyone of a workgroup must call fold. Needs wide.glsl.
 */
#define ROWS (gl_WorkGroupSize.x / LANES)

#ifdef SUBGROUPS
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_arithmetic : require
#endif

shared uint folded[VK_ROWS_LOCAL], folded_high[VK_ROWS_LOCAL];

/* What an invocation has for others: a float, or an integer of 64 bits. */
void keep(uint at, float x)
{
    folded[at] = floatBitsToUint(x);
}

void keep(uint at, uvec2 x)
{
    folded[at] = x.x;
    folded_high[at] = x.y;
}

void recall(uint at, out float x)
{
    x = uintBitsToFloat(folded[at]);
}

void recall(uint at, out uvec2 x)
{
    x = uvec2(folded[at], folded_high[at]);
}

uint lane_of_row()
{
    return ACROSS != 0u ? gl_LocalInvocationID.x / ROWS : gl_LocalInvocationID.x % LANES;
}

uint row_of_all()
{
    uint group = gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x;
    return group * ROWS +
           (ACROSS != 0u ? gl_LocalInvocationID.x % ROWS : gl_LocalInvocationID.x / LANES);
}

/* NaN wins. */
float combine(const uint kind, float a, float b)
{
    switch (kind) {
    case VK_REDUCE_MAX: return is_nan(a) || a > b ? a : b;
    case VK_REDUCE_MIN: return is_nan(a) || a < b ? a : b;
    case VK_REDUCE_PROD: return a * b;
    default: return a + b;
    }
}

uvec2 combine(const uint kind, uvec2 a, uvec2 b)
{
    switch (kind) {
    case VK_REDUCE_MAX: return wide_less(a, b) ? b : a;
    case VK_REDUCE_MIN: return wide_less(b, a) ? b : a;
    case VK_REDUCE_PROD: return wide_mul(a, b);
    default: return wide_add(a, b);
    }
}

#define FOLD(type)                                                         \
    type fold_row(const uint kind, type x)                                 \
    {                                                                      \
        uint at = gl_LocalInvocationID.x, next = ACROSS != 0u ? ROWS : 1u; \
        type other;                                                        \
        keep(at, x);                                                       \
        barrier();                                                         \
        for (uint some = LANES / 2u; some > 0u; some /= 2u) {              \
            if (lane_of_row() < some) {                                    \
                recall(at + some * next, other);                           \
                x = combine(kind, x, other);                               \
                keep(at, x);                                               \
            }                                                              \
            barrier();                                                     \
        }                                                                  \
        recall(at - lane_of_row() * next, x);                              \
        barrier();                                                         \
        return x;                                                          \
    }
FOLD(float)
FOLD(uvec2)

uvec2 fold(const uint kind, uvec2 x)
{
    return LANES == 1u ? x : fold_row(kind, x);
}

float fold(const uint kind, float x)
{
    if (LANES == 1u)
        return x;
#ifdef SUBGROUPS
    if (LANES == gl_WorkGroupSize.x && (kind == VK_REDUCE_SUM || kind == VK_REDUCE_MEAN)) {
        x = subgroupAdd(x);
        if (subgroupElect())
            folded[gl_SubgroupID] = floatBitsToUint(x);
        barrier();
        x = 0.0;
        for (uint i = 0u; i < gl_NumSubgroups; i++)
            x += uintBitsToFloat(folded[i]);
        barrier();
        return x;
    }
#endif
    return fold_row(kind, x);
}
