/*
 * Attention. A workgroup has ROWS queries of one head; its 128 invocations are four slots of 32,
 * PARTS slots to a row, which take the keys 32 at a time in turn. A lane has the score of one key,
 * then some columns of the result. What is kept of the scores is the greatest so far and the sum of
 * the weights relative to it; slots of a row settle at the end.
 */
#include "common.glsl"

layout(constant_id = 1) const uint TYPE_Y = 0;
layout(constant_id = 2) const uint TYPE_Q = 0;
layout(constant_id = 3) const uint TYPE_K = 0;
layout(constant_id = 4) const uint TYPE_V = 0;
layout(constant_id = 5) const uint TYPE_MASK = 0;
layout(constant_id = 6) const uint TYPE_START = 0;
layout(constant_id = 7) const uint ROWS = 1;    /* 1, 2 or 4 */
layout(constant_id = 8) const uint COLUMNS = 1; /* of a lane */
layout(constant_id = 9) const uint HAS = 0;     /* 1: a mask, 2: a start in memory, 4: one in start */
layout(constant_id = 10) const uint SAFE = 0;
layout(constant_id = 11) const uint PAIRS = 0; /* results lie in whole words by twos */

#define PARTS (4u / ROWS)
#define KEYS 32u  /* of a chunk */
#define DEPTH 16u /* of the elements of those that are in shared memory at a time */
#define WIDTH 256u

layout(set = 0, binding = 0) uniform Params {
    uvec4 base[2];
    ivec4 lead;                           /* sizes of the leading dimensions, outermost first */
    ivec4 q_lead, k_lead, v_lead, y_lead; /* strides along them */
    ivec4 k_share, v_share;               /* how many of q's heads share one */
    ivec4 row;                            /* strides of the rows of q, k, v, y */
    uint rows, keys, depth, width;
    int seen, seen_step; /* keys that the first row sees, and how many more each next one does */
    int start, last;     /* of those that start among the keys: a constant, and the last one */
    float scale;
    uint mask_head, node;
} p;
layout(set = 0, binding = 1) buffer Y { uint y_words[]; };
layout(set = 0, binding = 2) readonly buffer Q { uint q_words[]; };
layout(set = 0, binding = 3) readonly buffer K { uint k_words[]; };
layout(set = 0, binding = 4) readonly buffer V { uint v_words[]; };
layout(set = 0, binding = 5) readonly buffer Mask { uint mask_words[]; };
layout(set = 0, binding = 6) readonly buffer Start { uint start_words[]; };
layout(set = 0, binding = 7) buffer Faults { uint fault_words[]; };

#define SCALE 1.0
#define ZERO 0
#define WORDS q_words
#define BASE p.base[0].y
#define FLOAT_AT q_float
#define INT_AT q_int
#include "access.glsl"
#define SCALE 1.0
#define ZERO 0
#define WORDS k_words
#define BASE p.base[0].z
#define FLOAT_AT k_float
#define INT_AT k_int
#include "access.glsl"
#define SCALE 1.0
#define ZERO 0
#define WORDS v_words
#define BASE p.base[0].w
#define FLOAT_AT v_float
#define INT_AT v_int
#include "access.glsl"
#define SCALE 1.0
#define ZERO 0
#define WORDS mask_words
#define BASE p.base[1].x
#define FLOAT_AT mask_float
#define INT_AT mask_int
#include "access.glsl"
#include "store.glsl"
#include "fault.glsl"

shared float tile[4u * KEYS * (DEPTH + 1u)]; /* keys, a part each; in the end results, a slot each */
shared float queries[4u * DEPTH];            /* by slot */
shared float weights[4u * KEYS];
shared float greatest[4], totals[4];

/* NaN stays NaN, whatever the hardware makes of it. */
float weight_of(float x)
{
    return is_nan(x) ? x : exp(x);
}

/* What the scores of a row are relative to. */
float base_of(float most)
{
    return most == -INFINITY ? 0.0 : most;
}

int first_seen()
{
    if ((HAS & 6u) == 0u)
        return p.seen;
    uvec2 start = uvec2(p.start, p.start >> 31);
    if ((HAS & 2u) != 0u) {
        start.x = start_words[p.base[1].y];
        start.y = TYPE_START == VK_I64 ? start_words[p.base[1].y + 1u] : uint(int(start.x) >> 31);
    }
    if (start.y != 0u || start.x > uint(p.last)) {
        fault(VK_FAULT_OUTSIDE, p.node, start, uint(p.last + 1));
        return p.seen;
    }
    return int(start.x) + p.seen;
}

void main()
{
    uint slot = gl_LocalInvocationID.x / KEYS, lane = gl_LocalInvocationID.x % KEYS;
    uint row = slot % ROWS, part = slot / ROWS, m = gl_WorkGroupID.x * ROWS + row;
    int q_at = 0, k_at = 0, v_at = 0, y_at = 0, head = int(gl_WorkGroupID.y);
    for (int d = 3; d >= 0; d--) {
        int at = head % p.lead[d];
        head /= p.lead[d];
        q_at += at * p.q_lead[d];
        k_at += at / p.k_share[d] * p.k_lead[d];
        v_at += at / p.v_share[d] * p.v_lead[d];
        y_at += at * p.y_lead[d];
    }
    uint column = gl_WorkGroupID.z * WIDTH;
    uint live_row = min(m, p.rows - 1u), last_row = min((gl_WorkGroupID.x + 1u) * ROWS, p.rows) - 1u;
    int first_of_all = first_seen();
    uint seen = min(uint(first_of_all + int(live_row) * p.seen_step), p.keys);
    uint most_seen = min(uint(first_of_all + int(last_row) * p.seen_step), p.keys);
    uint mask_at = gl_WorkGroupID.y * p.mask_head + live_row * p.keys;
    float most = -INFINITY, total = 0.0, sums[8];
    for (uint j = 0u; j < COLUMNS; j++)
        sums[j] = 0.0;

    for (uint start = 0u; start < most_seen; start += KEYS * PARTS) {
        uint first = start + part * KEYS, key = first + lane;
        float score = 0.0;
        for (uint depth = 0u; depth < p.depth; depth += DEPTH) {
            for (uint e = row * KEYS + lane; e < KEYS * DEPTH; e += ROWS * KEYS) {
                uint other = first + e / DEPTH, d = depth + e % DEPTH;
                bool there = other < most_seen && d < p.depth;
                tile[part * KEYS * (DEPTH + 1u) + e / DEPTH * (DEPTH + 1u) + e % DEPTH] =
                    there ? k_float(TYPE_K, uint(k_at + int(other) * p.row.y) + d) : 0.0;
            }
            if (lane < DEPTH)
                queries[slot * DEPTH + lane] =
                    depth + lane < p.depth
                        ? q_float(TYPE_Q, uint(q_at + int(live_row) * p.row.x) + depth + lane)
                        : 0.0;
            barrier();
            for (uint d = 0u; d < DEPTH; d++)
                score += queries[slot * DEPTH + d] * tile[(part * KEYS + lane) * (DEPTH + 1u) + d];
            barrier();
        }
        score *= p.scale;
        if ((HAS & 1u) != 0u && key < seen)
            score += mask_float(TYPE_MASK, mask_at + key);
        if (key >= seen)
            score = -INFINITY;
        weights[slot * KEYS + lane] = score;
        barrier();
        float before = most, sum = 0.0;
        for (uint i = 0u; i < KEYS; i++)
            most = max(most, weights[slot * KEYS + i]);
        float factor = weight_of(before - base_of(most));
        barrier();
        weights[slot * KEYS + lane] = weight_of(score - base_of(most));
        barrier();
        for (uint j = 0u; j < COLUMNS; j++)
            sums[j] *= factor;
        uint count = seen > first ? min(seen - first, KEYS) : 0u;
        for (uint i = 0u; i < count; i++) {
            float weight = weights[slot * KEYS + i];
            uint at = uint(v_at + int(first + i) * p.row.z) + column + lane;
            sum += weight;
            for (uint j = 0u; j < COLUMNS; j++)
                if (column + lane + j * KEYS < p.width)
                    sums[j] += weight * v_float(TYPE_V, at + j * KEYS);
        }
        total = total * factor + sum;
        barrier();
    }

    if (lane == 0u) {
        greatest[slot] = most;
        totals[slot] = total;
    }
    barrier();
    for (uint i = 0u; i < PARTS; i++)
        most = max(most, greatest[i * ROWS + row]);
    float factor = weight_of(greatest[slot] - base_of(most));
    for (uint j = 0u; j < COLUMNS; j++)
        tile[slot * WIDTH + j * KEYS + lane] = sums[j] * factor;
    barrier();
    if (lane == 0u)
        totals[slot] *= factor;
    barrier();
    for (uint i = gl_LocalInvocationID.x; i < ROWS * WIDTH / 2u; i += gl_WorkGroupSize.x) {
        uint r = i / (WIDTH / 2u), c = i % (WIDTH / 2u) * 2u;
        m = gl_WorkGroupID.x * ROWS + r;
        if (m >= p.rows || column + c >= p.width)
            continue;
        vec2 y = vec2(0.0);
        float whole = 0.0;
        for (uint k = 0u; k < PARTS; k++) {
            y += vec2(tile[(k * ROWS + r) * WIDTH + c], tile[(k * ROWS + r) * WIDTH + c + 1u]);
            whole += totals[k * ROWS + r];
        }
        y *= SAFE != 0u && whole == 0.0 ? 0.0 : 1.0 / whole;
        uint at = uint(y_at + int(m) * p.row.w) + column + c;
        if (PAIRS != 0u) {
            y_words[p.base[0].x + at / 2u] = packHalf2x16(y);
            continue;
        }
        store_one(TYPE_Y, at, bits_for(TYPE_Y, y.x));
        if (column + c + 1u < p.width)
            store_one(TYPE_Y, at + 1u, bits_for(TYPE_Y, y.y));
    }
}
