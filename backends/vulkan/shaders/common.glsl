/* What every shader begins with. constant_id 0 is the size of a workgroup along x. */
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "codes.h"

layout(local_size_x_id = 0) in;

/* Place of this invocation in a dispatch that was spread over two dimensions (vk_spread). */
uint item()
{
    return (gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x) * gl_WorkGroupSize.x +
           gl_LocalInvocationID.x;
}

#define INFINITY uintBitsToFloat(0x7f800000u)
#define NAN uintBitsToFloat(0x7fc00000u)

/* isnan may be compiled to false where a compiler takes numbers to be finite. */
bool is_nan(float x)
{
    return (floatBitsToUint(x) & 0x7fffffffu) > 0x7f800000u;
}

/* NaN stays NaN. */
float clamp_to(float x, float lo, float hi)
{
    x = x < lo ? lo : x;
    return x > hi ? hi : x;
}

/* A real number's 8-bit code, as the CPU rounds it: half to even; NaN is the least. */
int code_of(float x, float inverse, int zero, int least, int most)
{
    precise float scaled = x * inverse;
    int code = int(roundEven(clamp(scaled, -1e6, 1e6)));
    return is_nan(x) ? least : clamp(code + zero, least, most);
}

/* Towards zero; what is out of range as near as can be, NaN 0. */
int int_of(float x)
{
    return is_nan(x) ? 0 : x >= 2147483648.0 ? 0x7fffffff : x <= -2147483648.0 ? int(0x80000000u) : int(x);
}

/* bfloat16 of a float, half to even. */
uint bf16_of(float x)
{
    uint bits = floatBitsToUint(x);
    return is_nan(x) ? 0x7fc0u : (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
}
