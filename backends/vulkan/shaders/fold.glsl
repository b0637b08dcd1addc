/*
 * Rows that several invocations share, and what these add up. A shader has the constants LANES, how
 * many share a row (a power of two), and ACROSS: neighbours are of neighbouring rows, whose elements
 * lie side by side, and not of one row. Everyone of a workgroup must call fold.
 */
#define ROWS (gl_WorkGroupSize.x / LANES)

#ifdef SUBGROUPS
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_arithmetic : require
#endif

shared uint folded[VK_ROWS_LOCAL];

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

int combine(const uint kind, int a, int b)
{
    switch (kind) {
    case VK_REDUCE_MAX: return max(a, b);
    case VK_REDUCE_MIN: return min(a, b);
    case VK_REDUCE_PROD: return a * b;
    default: return a + b;
    }
}

#define FOLD(type, to_bits, from_bits)                                                      \
    type fold_row(const uint kind, type x)                                                  \
    {                                                                                       \
        uint at = gl_LocalInvocationID.x, next = ACROSS != 0u ? ROWS : 1u;                  \
        folded[at] = to_bits(x);                                                            \
        barrier();                                                                          \
        for (uint some = LANES / 2u; some > 0u; some /= 2u) {                               \
            if (lane_of_row() < some)                                                       \
                folded[at] = to_bits(combine(kind, from_bits(folded[at]),                   \
                                             from_bits(folded[at + some * next])));         \
            barrier();                                                                      \
        }                                                                                   \
        x = from_bits(folded[at - lane_of_row() * next]);                                   \
        barrier();                                                                          \
        return x;                                                                           \
    }
FOLD(float, floatBitsToUint, uintBitsToFloat)
FOLD(int, uint, int)

int fold(const uint kind, int x)
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
