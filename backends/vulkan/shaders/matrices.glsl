/*
 * tile.glsl by cooperative matrices (VK_KHR_cooperative_matrix): each of ACROSS * DOWN subgroups has
 * ROWS * ROWS matrices of y. Halves multiply to floats, or where DOTS is defined, codes of 8 bits to
 * integers: both products are exact. All in shared memory are words of 16 bytes, at which the rows
 * of matrices begin.
 */
#pragma use_vulkan_memory_model
#extension GL_KHR_memory_scope_semantics : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_EXT_spirv_intrinsics : require
#include "lines.glsl"
#ifdef DOTS
#include "words.glsl"
#endif

layout(constant_id = 16) const uint M = 8; /* a matrix of y has M rows and N columns; sums of K */
layout(constant_id = 17) const uint N = 8;
layout(constant_id = 18) const uint K = 8;
layout(constant_id = 19) const uint SUBGROUP = 8;

/* Numbers, which matrix_types.c replaces: components; 3 is a subgroup; M, N and K. */
#define MATRIX(capability, component, rows, columns, use)                                        \
    spirv_type(extensions = ["SPV_KHR_cooperative_matrix"], capabilities = [6022, capability], \
               id = 4456, component, 3, rows, columns, use)
#ifdef DOTS
#define MATRIX_X MATRIX(39, VK_MATRIX_S8, 16, 18, 0)
#define MATRIX_W MATRIX(39, VK_MATRIX_S8, 18, 17, 1)
#define MATRIX_Y MATRIX(39, VK_MATRIX_S32, 16, 17, 2)
#define ZERO_OF_SUM 0
#define SUM int
#define SIGNED 15 /* all operands of a product */
const uint BYTES = 1;
#else
#define MATRIX_X MATRIX(9, VK_MATRIX_F16, 16, 18, 0)
#define MATRIX_W MATRIX(9, VK_MATRIX_F16, 18, 17, 1)
#define MATRIX_Y MATRIX(9, VK_MATRIX_F32, 16, 17, 2)
#define ZERO_OF_SUM 0.0
#define SUM float
#define SIGNED 0
const uint BYTES = 2;
#endif
#define BY_ROWS 0u /* how a matrix lies */
#define BY_COLUMNS 1u
#define READ 48 /* memory operands: not private to an invocation, made visible to the workgroup .. */
#define WRITE 40 /* .. or available */
#define WORKGROUP 2u
spirv_instruction(id = 4457)
MATRIX_X load_x(spirv_by_reference uvec4 from, uint lies, uint stride, spirv_literal int how, uint scope);
spirv_instruction(id = 4457)
MATRIX_W load_w(spirv_by_reference uvec4 from, uint lies, uint stride, spirv_literal int how, uint scope);
spirv_instruction(id = 4458)
void store_y(spirv_by_reference uvec4 to, MATRIX_Y y, uint lies, uint stride, spirv_literal int how, uint scope);
spirv_instruction(id = 4459)
MATRIX_Y multiply_add(MATRIX_X x, MATRIX_W w, MATRIX_Y y, spirv_literal int signs);
spirv_instruction(id = 80) MATRIX_Y filled(SUM value); /* OpCompositeConstruct */

const uint DEPTH = 32; /* numbers that are brought together at a time: some K */
const uint TILE_ROWS = DOWN * ROWS * M;
const uint TILE_COLUMNS = ACROSS * ROWS * N;
const uint THREADS = SUBGROUP * ACROSS * DOWN;
/* A line is DEPTH numbers, K after K of them, each from a word on; one word more, for the banks. */
const uint BLOCK = (K * BYTES + 15) / 16;
const uint LINE = DEPTH / K * BLOCK + 1;
/* Weights are lines of columns, or else, halves side by side, rows of TILE_COLUMNS. */
const bool W_LINES = BYTES == 1 || WEIGHTS == VK_WEIGHTS_COLUMNS;
const uint W_ROW = TILE_COLUMNS / 8 + 1;
const uint W_AT = TILE_ROWS * LINE;
const uint LOADED = W_AT + (W_LINES ? TILE_COLUMNS * LINE : DEPTH * W_ROW);
const uint RESULT = TILE_ROWS * TILE_COLUMNS / 4;
shared uvec4 tile[LOADED > RESULT ? LOADED : RESULT];

/* Four numbers of a line, from number 4 * four on. */
#ifdef DOTS
#define FOUR uint
void put(uint line, uint four, uint codes)
{
    uint k = 4u * four, word = k % K / 4u;
    tile[line + k / K * BLOCK + word / 4u][word % 4u] = codes;
}
#else
#define FOUR uvec2
void put(uint line, uint four, uvec2 halves)
{
    uint k = 4u * four, word = k % K / 2u, at = line + k / K * BLOCK + word / 4u;
    tile[at][word % 4u] = halves.x;
    tile[at][word % 4u + 1u] = halves.y;
}
uvec2 FOUR_OF(vec4 x)
{
    return uvec2(packHalf2x16(x.xy), packHalf2x16(x.zw));
}
uvec2 PACKED_FOUR(uint group, uint k, uint four)
{
    return w_twos[(group * uint(p.depth.y) + k) * uint(p.depth.z) + four];
}
void put_line(uint number, uint four, uvec2 w)
{
    uint at = W_AT + number * W_ROW + four / 2u, word = 2u * (four % 2u);
    tile[at][word] = w.x;
    tile[at][word + 1u] = w.y;
}
#endif
void put_x(uint row, uint four, FOUR x)
{
    put(row * LINE, four, x);
}
void put_column(uint column, uint four, FOUR w)
{
    put(W_AT + column * LINE, four, w);
}
#include "loads.glsl"

void main()
{
    uint thread = gl_LocalInvocationID.x, group = gl_WorkGroupID.z / PARTS, part = gl_WorkGroupID.z % PARTS;
    uint row = gl_WorkGroupID.x * TILE_ROWS, column = gl_WorkGroupID.y * TILE_COLUMNS;
    uint sx = gl_SubgroupID % ACROSS, sy = gl_SubgroupID / ACROSS;
    uvec2 begin = begin_of(group), numbers = part_of(part, DEPTH);
    begin_loads(row, begin.x, numbers.x);

    MATRIX_Y sum[ROWS * ROWS];
    [[unroll]] for (uint i = 0u; i < ROWS * ROWS; i++)
        sum[i] = filled(ZERO_OF_SUM);
    for (uint first = numbers.x; first < numbers.y; first += DEPTH) {
        load(group, first, column, begin.y);
        for (uint k = 0u; k < DEPTH / K; k++) {
            MATRIX_X x[ROWS];
            [[unroll]] for (uint r = 0u; r < ROWS; r++)
                x[r] = load_x(tile[(sy * ROWS + r) * M * LINE + k * BLOCK], BY_ROWS, LINE, READ, WORKGROUP);
            [[unroll]] for (uint c = 0u; c < ROWS; c++) {
                uint n = (sx * ROWS + c) * N;
                MATRIX_W w;
                if (W_LINES)
                    w = load_w(tile[W_AT + n * LINE + k * BLOCK], BY_COLUMNS, LINE, READ, WORKGROUP);
                else
                    w = load_w(tile[W_AT + k * K * W_ROW + n / 8u], BY_ROWS, W_ROW, READ, WORKGROUP);
                [[unroll]] for (uint r = 0u; r < ROWS; r++)
                    sum[r * ROWS + c] = multiply_add(x[r], w, sum[r * ROWS + c], SIGNED);
            }
        }
    }

    /* To where the numbers were: who completes a sum needs to know which it is. */
    barrier();
    [[unroll]] for (uint i = 0u; i < ROWS * ROWS; i++)
        store_y(tile[(sy * ROWS + i / ROWS) * M * TILE_FOURS + (sx * ROWS + i % ROWS) * N / 4u], sum[i], BY_ROWS,
                TILE_FOURS, WRITE, WORKGROUP);
    barrier();
    for (uint i = thread; i < RESULT; i += THREADS) {
        uint m = row + i / TILE_FOURS, n = column + 4u * (i % TILE_FOURS);
        if (m >= uint(p.grid.x) || n >= uint(p.y.w))
            continue;
        uvec4 bits = tile[i];
#ifdef DOTS
        if (part == 0u)
            bits = uvec4(ivec4(bits) - x_zero(vec4(0.0)) * group_sums[group * uint(p.depth.z) + (n >> 2)]);
#else
        if (WEIGHTS == VK_WEIGHTS_PACKED)
            bits = floatBitsToUint(uintBitsToFloat(bits) * group_scales[group * uint(p.depth.z) + (n >> 2)]);
#endif
        if (PARTS > 1u)
            put_part(part, gl_NumWorkGroups.z / PARTS, group, m, n, bits);
        else
            put_result(group, m, n, BYTES == 1u ? vec4(ivec4(bits)) : uintBitsToFloat(bits));
    }
}
