/*
 * Why: rotary embeddings of Vulkan blobs turn pairs of elements by an angle; here they are products
 * and sums of halves. A pair stands side by side, or its elements are half a row apart.
 *
 * Source of the meaning: backends/vulkan/custom_ops_lib.py and patterns/rope*.py of ExecuTorch
 * v1.4.1.
 */
#include "runtime/import_vulkan.h"

/* a op b, broadcast to y's sizes; a new value. */
static enum percept_status compute(struct prt_import *import, enum prt_binary_kind kind, uint32_t a,
                                   uint32_t b, uint32_t *y)
{
    struct prt_tensor spec = *prt_import_spec(import, a);
    enum percept_status status = prt_import_temporary(import, &spec, y);
    return status == PERCEPT_OK ? prt_aten_binary(import, kind, a, b, 1, *y) : status;
}

/* Elements from start to before end of the axis. */
static enum percept_status part(struct prt_import *import, uint32_t x, int32_t axis, int32_t start,
                                int32_t end, uint32_t *y)
{
    struct prt_tensor spec = *prt_import_spec(import, x);
    spec.sizes[axis] = end - start;
    spec = prt_import_like(&spec, spec.rank, spec.sizes);
    enum percept_status status = prt_import_temporary(import, &spec, y);
    return status == PERCEPT_OK ? prt_aten_slice(import, x, axis, start, end, 1, *y) : status;
}

/* (a, b) turned by angles whose cosines and sines broadcast over a and b. */
static enum percept_status turn(struct prt_import *import, const uint32_t pair[2],
                                const uint32_t cosines[2], const uint32_t sines[2],
                                uint32_t turned[2])
{
    static const enum prt_binary_kind kinds[2] = {PRT_BINARY_SUB, PRT_BINARY_ADD};
    enum percept_status status = PERCEPT_OK;
    for (int i = 0; i < 2 && status == PERCEPT_OK; i++) {
        uint32_t kept, crossed;
        status = compute(import, PRT_BINARY_MUL, pair[i], cosines[i], &kept);
        if (status == PERCEPT_OK)
            status = compute(import, PRT_BINARY_MUL, pair[1 - i], sines[i], &crossed);
        if (status == PERCEPT_OK)
            status = compute(import, kinds[i], kept, crossed, &turned[i]);
    }
    return status;
}

static enum percept_status join(struct prt_import *import, const uint32_t *parts, unsigned count,
                                int32_t axis, uint32_t *y)
{
    struct prt_tensor spec = *prt_import_spec(import, parts[0]);
    spec.sizes[axis] = 0;
    for (unsigned i = 0; i < count; i++)
        spec.sizes[axis] += prt_import_spec(import, parts[i])->sizes[axis];
    spec = prt_import_like(&spec, spec.rank, spec.sizes);
    enum percept_status status = prt_import_temporary(import, &spec, y);
    if (status != PERCEPT_OK)
        return status;
    struct prt_node *node = prt_import_node(import, PRT_OP_CONCAT, *y, count, parts);
    if (!node)
        return PERCEPT_NO_MEMORY;
    node->attrs.concat.axis = axis;
    return PERCEPT_OK;
}

/* x, whose last two dimensions are pairs, turned into y of the same elements. */
static enum percept_status turn_pairs(struct prt_import *import, uint32_t x, uint32_t cosine,
                                      uint32_t sine, uint32_t y)
{
    int32_t axis = prt_import_spec(import, x)->rank - 1;
    uint32_t pair[2] = {0}, turned[2], joined;
    enum percept_status status = part(import, x, axis, 0, 1, &pair[0]);
    if (status == PERCEPT_OK)
        status = part(import, x, axis, 1, 2, &pair[1]);
    if (status == PERCEPT_OK)
        status = turn(import, pair, (const uint32_t[]){cosine, cosine},
                      (const uint32_t[]){sine, sine}, turned);
    if (status == PERCEPT_OK)
        status = join(import, turned, 2, axis, &joined);
    return status == PERCEPT_OK ? prt_aten_into(import, joined, y) : status;
}

/* Every operand is float32, and every x has four dimensions: [batch, step, head, element]. */
static enum percept_status check(struct prt_import *import, const struct prt_call *call)
{
    for (unsigned i = 0; i < 4; i++) {
        const struct prt_tensor *x = prt_import_spec(import, call->operands[i]);
        if (x->dtype != PRT_F32)
            return prt_import_fail(import, PERCEPT_UNSUPPORTED, "operand %u is not float32", i);
        if (i < 2 && (x->rank != 4 || x->sizes[3] < 2 || x->sizes[3] % 2))
            return prt_import_fail(import, PERCEPT_MALFORMED, "operand %u has no pairs", i);
    }
    return PERCEPT_OK;
}

/* (xq, xk, cosines, sines): [step, pair], or [step, head, pair] */
static enum percept_status side_by_side(struct prt_import *import, const struct prt_aten_op *op,
                                        struct prt_call *call)
{
    (void)op;
    enum percept_status status = check(import, call);
    for (unsigned i = 0; i < 2 && status == PERCEPT_OK; i++) {
        const struct prt_tensor from = *prt_import_spec(import, call->operands[i]);
        int32_t pairs = from.sizes[3] / 2;
        const int32_t apart[] = {from.sizes[0], from.sizes[1], from.sizes[2], pairs, 2};
        uint32_t x, angles[2];
        status = prt_aten_as(import, call->operands[i], 5, apart, &x);
        for (unsigned j = 0; j < 2 && status == PERCEPT_OK; j++) {
            const struct prt_tensor given = *prt_import_spec(import, call->operands[2 + j]);
            bool heads = given.rank == 3;
            const int32_t wide[] = {1, from.sizes[1], heads ? given.sizes[1] : 1, pairs, 1};
            if (given.rank < 2 || given.rank > 3 || given.sizes[0] != from.sizes[1] ||
                given.sizes[given.rank - 1] != pairs ||
                (heads && given.sizes[1] != 1 && given.sizes[1] != from.sizes[2]))
                return prt_import_fail(import, PERCEPT_MALFORMED, "its angles do not fit");
            status = prt_aten_as(import, call->operands[2 + j], 5, wide, &angles[j]);
        }
        if (status == PERCEPT_OK)
            status = turn_pairs(import, x, angles[0], angles[1], call->operands[4 + i]);
    }
    return status;
}

/* Half of the angles from a step on, as [1, step, 1, element]. */
static enum percept_status angles_of(struct prt_import *import, const struct prt_call *call,
                                     unsigned index, int32_t steps, int64_t start, int32_t first,
                                     int32_t count, uint32_t *id)
{
    const int32_t wide[] = {1, steps, 1, count};
    uint32_t rows, half;
    enum percept_status status =
        part(import, call->operands[index], 0, (int32_t)start, (int32_t)start + steps, &rows);
    if (status == PERCEPT_OK)
        status = part(import, rows, 1, first, first + count, &half);
    return status == PERCEPT_OK ? prt_aten_as(import, half, 4, wide, id) : status;
}

/* (xq, xk, cosines, sines, start): [position, element]; what is behind these elements stays */
static enum percept_status half_apart(struct prt_import *import, const struct prt_aten_op *op,
                                      struct prt_call *call)
{
    (void)op;
    enum percept_status status = check(import, call);
    int64_t start = prt_call_int(import, call, 4, 0);
    for (unsigned i = 0; i < 2 && status == PERCEPT_OK; i++) {
        const struct prt_tensor x = *prt_import_spec(import, call->operands[i]);
        const struct prt_tensor given = *prt_import_spec(import, call->operands[2]);
        int32_t steps = x.sizes[1], turning = given.sizes[1], half = turning / 2;
        uint32_t pair[2], cosines[2], sines[2], parts[3], joined;
        if (given.rank != 2 ||
            !prt_tensor_same_sizes(&given, prt_import_spec(import, call->operands[3])) ||
            turning < 2 || turning % 2 || turning > x.sizes[3] || start < 0 ||
            start > given.sizes[0] - (int64_t)steps)
            return prt_import_fail(import, PERCEPT_MALFORMED, "its angles do not fit");
        for (int32_t j = 0; j < 2 && status == PERCEPT_OK; j++) {
            status = part(import, call->operands[i], 3, j * half, (j + 1) * half, &pair[j]);
            if (status == PERCEPT_OK)
                status = angles_of(import, call, 2, steps, start, j * half, half, &cosines[j]);
            if (status == PERCEPT_OK)
                status = angles_of(import, call, 3, steps, start, j * half, half, &sines[j]);
        }
        if (status == PERCEPT_OK)
            status = turn(import, pair, cosines, sines, parts);
        bool rest = turning < x.sizes[3];
        if (status == PERCEPT_OK && rest)
            status = part(import, call->operands[i], 3, turning, x.sizes[3], &parts[2]);
        if (status == PERCEPT_OK)
            status = join(import, parts, rest ? 3 : 2, 3, &joined);
        if (status == PERCEPT_OK)
            status = prt_aten_into(import, joined, call->operands[5 + i]);
    }
    return status;
}

/* (x [batch, step, element], angles: cosine and sine of a pair side by side) */
static enum percept_status interleaved(struct prt_import *import, const struct prt_aten_op *op,
                                       struct prt_call *call)
{
    (void)op;
    const struct prt_tensor x = *prt_import_spec(import, call->operands[0]);
    const struct prt_tensor *angles = prt_import_spec(import, call->operands[1]);
    if (x.rank != 3 || x.sizes[2] < 2 || x.sizes[2] % 2 || x.dtype != PRT_F32 ||
        angles->dtype != PRT_F32 ||
        prt_tensor_elements(angles) != (size_t)x.sizes[1] * (size_t)x.sizes[2])
        return prt_import_fail(import, PERCEPT_MALFORMED, "its angles do not fit");
    const int32_t apart[] = {x.sizes[0], x.sizes[1], x.sizes[2] / 2, 2};
    const int32_t wide[] = {1, x.sizes[1], x.sizes[2] / 2, 2};
    uint32_t pairs, both, cosine, sine;
    enum percept_status status = prt_aten_as(import, call->operands[0], 4, apart, &pairs);
    if (status == PERCEPT_OK)
        status = prt_aten_as(import, call->operands[1], 4, wide, &both);
    if (status == PERCEPT_OK)
        status = part(import, both, 3, 0, 1, &cosine);
    if (status == PERCEPT_OK)
        status = part(import, both, 3, 1, 2, &sine);
    return status == PERCEPT_OK ? turn_pairs(import, pairs, cosine, sine, prt_call_output(call))
                                : status;
}

static const struct prt_aten_op ops[] = {
    {"et_vk.apply_rotary_emb.default", "TTTTOO", side_by_side, 0},
    {"et_vk.apply_rotary_emb_hf.default", "TTTTIOO", half_apart, 0},
    {"et_vk.apply_rotary_emb_interleaved.default", "TTO", interleaved, 0},
};

const struct prt_aten_table prt_vulkan_rotary = PRT_ATEN_TABLE(ops);
