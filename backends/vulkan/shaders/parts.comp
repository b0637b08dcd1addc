/* ACROSS: groups, or matrices. Adds up what work-groups have of sums that they share, always in the same order, and completes
 * them. X is what put_part made. */
#include "layer.glsl"

void main()
{
    uint i = item(), four = i % uint(p.depth.z), m = i / uint(p.depth.z) % uint(p.grid.x);
    uint sums = uint(p.depth.z * p.grid.x) * ACROSS, group = i / uint(p.depth.z * p.grid.x);
    if (i >= sums)
        return;
    vec4 sum = vec4(0.0);
    ivec4 whole = ivec4(0);
    for (uint part = 0u; part < PARTS; part++) {
        uvec4 bits = x_fours[part * sums + i];
        if (NUMBERS == VK_NUMBERS_CODES)
            whole += ivec4(bits);
        else
            sum += uintBitsToFloat(bits);
    }
    if (NUMBERS == VK_NUMBERS_CODES)
        sum = vec4(whole);
    if (NUMBERS == VK_NUMBERS_ROUNDED)
        sum *= code_of_row(m).x;
    put_result(group, m, 4u * four, sum);
}
