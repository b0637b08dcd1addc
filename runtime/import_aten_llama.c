/*
 * Why: exported language models keep keys and values in caches by operators of their own. An update
 * is a SCATTER, which the plan lets a state take in place, and attention is told how much of the
 * caches means something.
 */
#include "runtime/import_aten.h"

#include <math.h>

enum { DIMENSIONS = 4, SEQUENCE = 1 }; /* [batch, sequence, heads, depth] */

/* The next version of the cache in tensor v: `places` of its rows are values. */
static enum percept_status update(struct prt_import *import, uint32_t v, uint32_t cache,
                                  uint32_t values, uint32_t places)
{
    struct prt_index_attrs attrs = prt_aten_index_straight();
    attrs.from[SEQUENCE] = PRT_INDEXED;
    uint32_t next;
    enum percept_status status = prt_import_write(import, v, &next);
    return status == PERCEPT_OK ? prt_aten_scatter(import, cache, values, 1, &places, &attrs, next)
                                : status;
}

static enum percept_status check_cache(struct prt_import *import, uint32_t values, uint32_t cache)
{
    const struct prt_tensor *x = prt_import_spec(import, values),
                            *y = prt_import_spec(import, cache);
    bool fits = x->rank == DIMENSIONS && y->rank == DIMENSIONS && x->dtype == y->dtype;
    for (unsigned i = 0; fits && i < DIMENSIONS; i++)
        fits = i == SEQUENCE || x->sizes[i] == y->sizes[i];
    return fits ? PERCEPT_OK
                : prt_import_fail(import, PERCEPT_MALFORMED, "the values do not fit the cache");
}

/* Values of a call into a cache of it, from a position on. */
static enum percept_status append(struct prt_import *import, const struct prt_call *call,
                                  unsigned values, unsigned cache, unsigned position)
{
    uint32_t x = call->operands[values], places;
    enum percept_status status = check_cache(import, x, call->operands[cache]);
    if (status == PERCEPT_OK)
        status =
            prt_aten_places(import, call, position, prt_import_spec(import, x)->sizes[SEQUENCE], 1,
                            DIMENSIONS, SEQUENCE, &places);
    return status == PERCEPT_OK
               ? update(import, call->args[cache], call->operands[cache], x, places)
               : status;
}

/* (value, cache, start_pos, out) */
static enum percept_status update_cache(struct prt_import *import, const struct prt_aten_op *op,
                                        struct prt_call *call)
{
    (void)op;
    return append(import, call, 0, 1, 2);
}

/* (value, cache, start_pos, indices, out): each batch has places of its own */
static enum percept_status update_at_indices(struct prt_import *import,
                                             const struct prt_aten_op *op, struct prt_call *call)
{
    (void)op;
    uint32_t x = call->operands[0], cache = call->operands[1], index = call->operands[3];
    enum percept_status status = check_cache(import, x, cache);
    if (status != PERCEPT_OK)
        return status;
    const struct prt_tensor values = *prt_import_spec(import, x);
    const struct prt_tensor *places = prt_import_spec(import, index);
    if (places->rank != 2 || places->sizes[0] != values.sizes[0] ||
        places->sizes[1] != values.sizes[SEQUENCE] ||
        (places->dtype != PRT_I64 && places->dtype != PRT_I32))
        return prt_import_fail(import, PERCEPT_MALFORMED, "the indices do not fit the values");
    const int32_t sizes[DIMENSIONS] = {values.sizes[0], values.sizes[SEQUENCE], 1, 1};
    status = prt_aten_as(import, index, DIMENSIONS, sizes, &index);
    return status == PERCEPT_OK ? update(import, call->args[1], cache, x, index) : status;
}

/* x as [batch, heads, sequence, depth], as y */
static enum percept_status by_heads(struct prt_import *import, uint32_t x, uint32_t *y)
{
    static const uint8_t order[DIMENSIONS] = {0, 2, 1, 3};
    const struct prt_tensor from = *prt_import_spec(import, x);
    if (from.rank != DIMENSIONS)
        return prt_import_fail(import, PERCEPT_MALFORMED, "takes tensors of four dimensions");
    const int32_t sizes[DIMENSIONS] = {from.sizes[0], from.sizes[2], from.sizes[1], from.sizes[3]};
    struct prt_tensor spec = prt_import_like(&from, DIMENSIONS, sizes);
    enum percept_status status = prt_import_temporary(import, &spec, y);
    return status == PERCEPT_OK ? prt_import_permute(import, x, order, *y) : status;
}

/* Attention of a call: q, k and v are given, the position and what follows it are arguments:
 * (start_pos, attn_mask, drpout_p, is_causal, scale, out). With a mask, that says all. */
static enum percept_status attend(struct prt_import *import, struct prt_call *call, uint32_t q,
                                  uint32_t k, uint32_t v, unsigned position, unsigned mask)
{
    uint32_t inputs[5] = {PRT_NO_VALUE, PRT_NO_VALUE, PRT_NO_VALUE, call->operands[mask],
                          PRT_NO_VALUE};
    uint32_t y = prt_call_output(call), found;
    bool causal = prt_call_bool(import, call, mask + 2);
    if (inputs[3] != PRT_NO_VALUE && causal)
        return prt_import_fail(import, PERCEPT_MALFORMED, "is causal and has a mask");
    if (prt_call_number(import, call, mask + 1, 0) != 0)
        return prt_import_fail(import, PERCEPT_UNSUPPORTED, "drops out at random");
    const uint32_t operands[3] = {q, k, v};
    enum percept_status status = PERCEPT_OK;
    for (unsigned i = 0; i < 3 && status == PERCEPT_OK; i++)
        status = by_heads(import, operands[i], &inputs[i]);
    if (status == PERCEPT_OK && inputs[3] == PRT_NO_VALUE)
        status = prt_aten_place(import, call, position, &inputs[4]);
    if (status != PERCEPT_OK)
        return status;
    const struct prt_tensor spec = *prt_import_spec(import, inputs[0]);
    status = prt_import_temporary(import, &spec, &found);
    if (status != PERCEPT_OK)
        return status;
    double usual = 1 / sqrt(spec.sizes[DIMENSIONS - 1]);
    struct prt_node *node = prt_import_node(import, PRT_OP_ATTENTION, found, 5, inputs);
    if (!node)
        return PERCEPT_NO_MEMORY;
    node->attrs.attention = (struct prt_attention_attrs){
        .scale = (float)prt_call_number(import, call, mask + 3, usual), .causal = causal};
    static const uint8_t back[DIMENSIONS] = {0, 2, 1, 3};
    return prt_import_permute(import, found, back, y);
}

/* (query, key, value, start_pos, attn_mask, drpout_p, is_causal, scale, out) */
static enum percept_status custom_sdpa(struct prt_import *import, const struct prt_aten_op *op,
                                       struct prt_call *call)
{
    (void)op;
    return attend(import, call, call->operands[0], call->operands[1], call->operands[2], 3, 4);
}

/* (query, key, value, key_cache, value_cache, start_pos, seq_len, attn_mask, drpout_p, is_causal,
 * scale, out) */
static enum percept_status sdpa_with_cache(struct prt_import *import, const struct prt_aten_op *op,
                                           struct prt_call *call)
{
    (void)op;
    uint32_t k, v;
    enum percept_status status = append(import, call, 1, 3, 5);
    if (status == PERCEPT_OK)
        status = append(import, call, 2, 4, 5);
    if (status == PERCEPT_OK)
        status = prt_import_read(import, call->args[3], &k);
    if (status == PERCEPT_OK)
        status = prt_import_read(import, call->args[4], &v);
    return status == PERCEPT_OK ? attend(import, call, call->operands[0], k, v, 5, 7) : status;
}

static const struct prt_aten_op ops[] = {
    {"llama::update_cache.out", "TTPXR", update_cache, 0},
    {"llama::update_cache_with_indices.out", "TTPTXR", update_at_indices, 0},
    {"llama::custom_sdpa.out", "TTTPtDBdOR", custom_sdpa, 0},
    {"llama::sdpa_with_kv_cache.out", "TTTTTP_tDBdOR", sdpa_with_cache, 0},
};

const struct prt_aten_table prt_aten_llama = PRT_ATEN_TABLE(ops);
