/*
 * A workgroup computes a tile of y: 4 * ACROSS columns and DOWN * ROWS rows. It goes through the
 * sum 16 numbers at a time, which it first brings together in shared memory. Where DOTS is defined,
 * four numbers of 8 bits share a word there. Where HALVES is, floats of 16 bits multiply, and add up
 * VK_HALVES at a time; columns of weights are scaled so that such a sum is finite whatever x is.
 */
#include "lines.glsl"
#ifdef DOTS
#include "dots.glsl"
#endif
#ifdef HALVES
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
#define REAL float16_t
#define REAL4 f16vec4
#define SUM part /* of VK_HALVES numbers */
#else
#define REAL float
#define REAL4 vec4
#define SUM sum
#endif

const uint DEPTH = 16;
const uint TILE_COLUMNS = 4 * ACROSS;
const uint TILE_ROWS = DOWN * ROWS;
const uint THREADS = ACROSS * DOWN;
const uint X_STRIDE = TILE_ROWS + 4; /* not a power of 2, for the banks of shared memory */
#ifdef DOTS
const uint LINES = DEPTH / 4;
shared uint x_tile[LINES * X_STRIDE];
shared uint w_tile[LINES * TILE_COLUMNS];
#define FOUR uint
void put_x(uint row, uint four, uint x)
{
    x_tile[four * X_STRIDE + row] = x;
}
void put_column(uint column, uint four, uint w)
{
    w_tile[four * TILE_COLUMNS + column] = w;
}
#else
const uint EXACT = 512; /* so many products of codes are exact when floats add them up */
shared REAL x_tile[DEPTH * X_STRIDE];
shared REAL w_tile[DEPTH * TILE_COLUMNS];
#define FOUR vec4
#define FOUR_OF(x) (x)
#define PACKED_FOUR weights_of
void put_x(uint row, uint four, vec4 x)
{
    for (uint j = 0u; j < 4u; j++)
        x_tile[(4u * four + j) * X_STRIDE + row] = REAL(x[j]);
}
void put_column(uint column, uint four, vec4 w)
{
    for (uint j = 0u; j < 4u; j++)
        w_tile[(4u * four + j) * TILE_COLUMNS + column] = REAL(w[j]);
}
void put_line(uint number, uint four, vec4 w)
{
    for (uint j = 0u; j < 4u; j++)
        w_tile[number * TILE_COLUMNS + 4u * four + j] = REAL(w[j]);
}
#endif
#include "loads.glsl"

void main()
{
    uint thread = gl_LocalInvocationID.x, group = gl_WorkGroupID.z / PARTS, part_ = gl_WorkGroupID.z % PARTS;
    uint row = gl_WorkGroupID.x * TILE_ROWS, column = gl_WorkGroupID.y * TILE_COLUMNS;
    uint tx = thread % ACROSS, ty = thread / ACROSS;
    uvec2 begin = begin_of(group), numbers = part_of(part_, DEPTH);
    begin_loads(row, begin.x, numbers.x);

    vec4 sum[ROWS];
    ivec4 whole[ROWS];
    vec4 total[ROWS];
    [[unroll]] for (uint r = 0u; r < ROWS; r++) {
        sum[r] = vec4(0.0);
        whole[r] = ivec4(0);
        total[r] = vec4(0.0);
    }
#ifdef DOTS
    int zero[ROWS];
    [[unroll]] for (uint r = 0u; r < ROWS; r++)
        zero[r] = x_zero(NUMBERS == VK_NUMBERS_ROUNDED ? code_of_row(min(row + ty * ROWS + r, uint(p.grid.x) - 1u)) : vec4(0.0));
#endif
    for (uint first = numbers.x; first < numbers.y; first += DEPTH) {
        load(group, first, column, begin.y);
#ifdef DOTS
        for (uint k = 0u; k < LINES; k++) {
            uint from = k * TILE_COLUMNS + 4u * tx;
            uvec4 w = uvec4(w_tile[from], w_tile[from + 1u], w_tile[from + 2u], w_tile[from + 3u]);
            [[unroll]] for (uint r = 0u; r < ROWS; r++)
                whole[r] += dots_of(x_tile[k * X_STRIDE + ty * ROWS + r], w);
        }
#else
#ifdef HALVES
        f16vec4 part[ROWS];
        [[unroll]] for (uint r = 0u; r < ROWS; r++)
            part[r] = f16vec4(0.0);
#endif
        for (uint k = 0u; k < DEPTH; k++) {
            uint from = k * TILE_COLUMNS + 4u * tx;
            REAL4 w = REAL4(w_tile[from], w_tile[from + 1u], w_tile[from + 2u], w_tile[from + 3u]);
            [[unroll]] for (uint r = 0u; r < ROWS; r++)
                SUM[r] += x_tile[k * X_STRIDE + ty * ROWS + r] * w;
#ifdef HALVES
            if (k % VK_HALVES == VK_HALVES - 1)
                [[unroll]] for (uint r = 0u; r < ROWS; r++) {
                    sum[r] += vec4(part[r]);
                    part[r] = f16vec4(0.0);
                }
#endif
        }
#endif
        uint next = first + DEPTH;
        bool ends = NUMBERS == VK_NUMBERS_ROUNDED && next % uint(p.depth.x) == 0u;
#ifndef DOTS
        if (NUMBERS != VK_NUMBERS_REAL && (next % EXACT == 0u || next >= numbers.y || ends))
            [[unroll]] for (uint r = 0u; r < ROWS; r++) {
                whole[r] += ivec4(sum[r]);
                sum[r] = vec4(0.0);
            }
#endif
        if (ends) {
            uint four = min((column >> 2) + tx, uint(p.depth.z) - 1u);
            uint at = (next / uint(p.depth.x) - 1u) * uint(p.depth.z) + four;
            vec4 scale = group_scales[at];
            [[unroll]] for (uint r = 0u; r < ROWS; r++) {
#ifdef DOTS
                whole[r] -= zero[r] * group_sums[uint(p.taps.z) * uint(p.depth.z) + at];
#endif
                total[r] += vec4(whole[r]) * scale;
                whole[r] = ivec4(0);
            }
        }
    }

    uint n = column + 4u * tx;
    if (n >= uint(p.y.w))
        return;
    [[unroll]] for (uint r = 0u; r < ROWS; r++) {
        uint m = row + ty * ROWS + r;
        if (m >= uint(p.grid.x))
            continue;
#ifdef DOTS
        if (NUMBERS == VK_NUMBERS_CODES && part_ == 0u)
            whole[r] -= zero[r] * group_sums[group * uint(p.depth.z) + (n >> 2)];
#endif
#ifdef HALVES
        sum[r] *= group_scales[group * uint(p.depth.z) + (n >> 2)];
#endif
        if (PARTS > 1u) {
            uvec4 bits = NUMBERS == VK_NUMBERS_REAL ? floatBitsToUint(sum[r]) : uvec4(whole[r]);
            put_part(part_, gl_NumWorkGroups.z / PARTS, group, m, n, bits);
            continue;
        }
        vec4 v = NUMBERS == VK_NUMBERS_REAL ? sum[r] : vec4(whole[r]);
        if (NUMBERS == VK_NUMBERS_ROUNDED)
            v = total[r] * code_of_row(m).x;
        put_result(group, m, n, v);
    }
}
