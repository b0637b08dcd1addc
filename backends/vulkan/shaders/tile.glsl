/*
 * A workgroup computes a tile of y: 4 * ACROSS columns and DOWN * ROWS rows. It goes through the
 * sum 16 numbers at a time, which it first brings together in shared memory. Where DOTS is defined,
 * four numbers of 8 bits share a word there. Where HALVES is, floats of 16 bits multiply, and add up
 * VK_HALVES at a time; columns of weights are scaled so that such a sum is finite whatever x is.
 */
#include "layer.glsl"
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
const uint X_STRIDE = TILE_ROWS + 4; /* not a power of 2, for the banks of shared memory */
const uint X_LOADS = 4 * ROWS / ACROSS;
const uint THREADS = ACROSS * DOWN;
#ifdef DOTS
const uint LINES = DEPTH / 4;
const uint W_LOADS = (LINES + DOWN - 1) / DOWN;
shared uint x_tile[LINES * X_STRIDE];
shared uint w_tile[LINES * TILE_COLUMNS];
#else
const uint W_LOADS = DEPTH / DOWN;
const uint EXACT = 512; /* so many products of codes are exact when floats add them up */
shared REAL x_tile[DEPTH * X_STRIDE];
shared REAL w_tile[DEPTH * TILE_COLUMNS];
#endif

/* First elements of a MATMUL's operands. */
uvec2 batch_of(uint batch)
{
    uvec2 at = uvec2(0u);
    for (int d = 7; d >= 0; d--) {
        uint size = uint(p.lead[d >> 2][d & 3]), index = batch % size;
        batch /= size;
        at += index * uvec2(p.lead_x[d >> 2][d & 3], p.lead_w[d >> 2][d & 3]);
    }
    return at;
}

#ifdef DOTS
void load_weights(uint group, uint first, uint column, uint begin)
{
    [[unroll]] for (uint slot = 0u; slot < W_LOADS; slot++) {
        uint i = slot * THREADS + gl_LocalInvocationID.x;
        uint k = first + 4u * (i / ACROSS), n = column + 4u * (i % ACROSS);
        if (i >= LINES * ACROSS)
            break;
        uvec4 w = uvec4(0u);
        if (n < uint(p.y.w) && k < uint(p.depth.y))
            w = words_of(group, k, n >> 2);
        for (uint j = 0u; j < 4u; j++)
            w_tile[i / ACROSS * TILE_COLUMNS + 4u * (i % ACROSS) + j] = w[j];
    }
}
#else
void load_weights(uint group, uint first, uint column, uint begin)
{
    [[unroll]] for (uint slot = 0u; slot < W_LOADS; slot++) {
        uint i = slot * THREADS + gl_LocalInvocationID.x;
        vec4 w = vec4(0.0);
        if (WEIGHTS == VK_WEIGHTS_COLUMNS) { /* w[n][k] */
            uint k = first + 4u * (i & 3u), n = column + (i >> 2);
            if (n < uint(p.y.w) && k < uint(p.x.w))
                w = w_four(TYPE_W, (FOURS & VK_FOURS_X) != 0u, begin + n * uint(p.x.w) + k, uint(p.x.w) - k);
            for (uint j = 0u; j < 4u; j++)
                w_tile[(4u * (i & 3u) + j) * TILE_COLUMNS + (i >> 2)] = REAL(w[j]);
            continue;
        }
        uint k = first + i / ACROSS, n = column + 4u * (i % ACROSS);
        if (WEIGHTS == VK_WEIGHTS_ROWS) { /* w[k][n] */
            if (n < uint(p.y.w) && k < uint(p.x.w))
                w = w_four(TYPE_W, (FOURS & VK_FOURS_Y) != 0u, begin + k * uint(p.y.w) + n, uint(p.y.w) - n);
        } else if (n < uint(p.y.w) && k < uint(p.depth.y)) {
            w = weights_of(group, k, n >> 2);
        }
        for (uint j = 0u; j < 4u; j++)
            w_tile[i / ACROSS * TILE_COLUMNS + 4u * (i % ACROSS) + j] = REAL(w[j]);
    }
}
#endif

void main()
{
    uint thread = gl_LocalInvocationID.x, group = gl_WorkGroupID.z;
    uint row = gl_WorkGroupID.x * TILE_ROWS, column = gl_WorkGroupID.y * TILE_COLUMNS;
    uint tx = thread % ACROSS, ty = thread / ACROSS;
    uvec2 begin = WEIGHTS == VK_WEIGHTS_PACKED ? uvec2(group * uint(p.x.w), 0u) : batch_of(group);

    /* The rows of x whose numbers this invocation loads, and where their windows begin. */
    uint x_row[X_LOADS];
    ivec2 corner[X_LOADS];
    vec4 code[X_LOADS];
    [[unroll]] for (uint slot = 0u; slot < X_LOADS; slot++) {
        uint m = row + slot * (THREADS / 4u) + (thread >> 2);
        bool exists = m < uint(p.grid.x);
        m = min(m, uint(p.grid.x) - 1u);
        if (WINDOWS != 0u) {
            uvec3 pixel = pixel_of(m);
            x_row[slot] = pixel.x * uint(p.x.x * p.x.y * p.x.z) + begin.x;
            corner[slot] = exists ? ivec2(pixel.yz) * p.window.xy - p.taps.xy : ivec2(-0x3fffffff);
        } else {
            x_row[slot] = m * uint(p.x.z) + begin.x;
            corner[slot] = ivec2(exists ? 0 : -1);
        }
        if (NUMBERS == VK_NUMBERS_ROUNDED)
            code[slot] = code_of_row(m);
    }
    /* The input, and the tap, of the numbers that it loads next. */
    uint input_ = 4u * (thread & 3u), tap = 0u;
    ivec2 at = ivec2(0);

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
    for (uint first = 0u; first < uint(p.depth.y); first += DEPTH) {
        while (input_ >= uint(p.depth.x) && tap < uint(p.taps.z)) {
            input_ -= uint(p.depth.x);
            tap++;
            at = at.y + 1 == p.taps.w ? ivec2(at.x + 1, 0) : ivec2(at.x, at.y + 1);
        }
        barrier();
        [[unroll]] for (uint slot = 0u; slot < X_LOADS; slot++) {
            bool inside = tap < uint(p.taps.z) && input_ < uint(p.x.w);
            uint from = x_row[slot] + input_;
            if (WINDOWS != 0u) {
                ivec2 pixel = corner[slot] + at * p.window.zw;
                inside = inside && all(greaterThanEqual(pixel, ivec2(0))) && all(lessThan(pixel, p.x.xy));
                from += uint(pixel.x * p.x.y + pixel.y) * uint(p.x.z);
            } else {
                inside = inside && corner[slot].x >= 0;
                from += tap * uint(p.x.w);
            }
            uint line = slot * (THREADS / 4u) + (thread >> 2);
#ifdef DOTS
            x_tile[(thread & 3u) * X_STRIDE + line] =
                inside ? x_word(from, uint(p.x.w) - input_, code[slot]) : word_of(ivec4(x_zero(code[slot])));
#else
            vec4 x = vec4(0.0);
            if (inside) {
                x = x_four(TYPE_X, X_FOURS, from, uint(p.x.w) - input_);
                if (NUMBERS == VK_NUMBERS_ROUNDED)
                    x = rounded(x, code[slot]);
            }
            for (uint j = 0u; j < 4u; j++)
                x_tile[(4u * (thread & 3u) + j) * X_STRIDE + line] = REAL(x[j]);
#endif
        }
        load_weights(group, first, column, begin.y);
        barrier();
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
        input_ += DEPTH;
        uint next = first + DEPTH;
        bool ends = NUMBERS == VK_NUMBERS_ROUNDED && next % uint(p.depth.x) == 0u;
#ifndef DOTS
        if (NUMBERS != VK_NUMBERS_REAL && (next % EXACT == 0u || next >= uint(p.depth.y) || ends))
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
    uint four = (WEIGHTS == VK_WEIGHTS_PACKED ? group * uint(p.depth.z) : 0u) + (n >> 2);
    [[unroll]] for (uint r = 0u; r < ROWS; r++) {
        uint m = row + ty * ROWS + r;
        if (m >= uint(p.grid.x))
            continue;
        uint to = WINDOWS != 0u ? result_of(pixel_of(m)) : m * uint(p.y.z);
        to += WEIGHTS == VK_WEIGHTS_PACKED ? group * uint(p.y.w) : group * uint(p.grid.x * p.y.z);
        to += n;
#ifdef DOTS
        if (NUMBERS == VK_NUMBERS_CODES)
            whole[r] -= zero[r] * group_sums[four];
#endif
#ifdef HALVES
        sum[r] *= group_scales[four];
#endif
        vec4 v = NUMBERS == VK_NUMBERS_REAL ? sum[r] : vec4(whole[r]);
        if (NUMBERS == VK_NUMBERS_ROUNDED)
            v = total[r] * code_of_row(m).x;
        put_four(TYPE_Y, Y_FOURS, to, uint(p.y.w) - n, finish(v, four, to, uint(p.y.w) - n));
    }
}
