/*
 * Why: layers of Vulkan blobs whose weights have a scale for each channel, or 4 bits and a scale
 * for each group of a row. What is computed with them is real, so the weights become real numbers
 * when a program is loaded; an embedding's do when they are looked up.
 *
 * Source of the meaning: as import_vulkan_quant.c.
 */
#include "runtime/import_vulkan.h"

#include <string.h>

enum { LOWER_FIRST, UPPER_FIRST };
enum { INT4_LEAST = -8, INT8_LEAST = -128, INT8_MOST = 127 };

static const struct prt_value *constant_of(const struct prt_import *import, uint32_t id)
{
    const struct prt_value *value = &import->graph->values[id];
    bool fits = value->flags & PRT_FLAG_CONSTANT && prt_tensor_is_contiguous(&value->tensor);
    return fits ? value : NULL;
}

/* Two codes a byte, 8 more than they are: the first of a pair is in the lower half, or the upper.
 */
static int nibble(const uint8_t *row, int32_t i, bool upper_first)
{
    return ((i % 2 == 1) != upper_first ? row[i / 2] >> 4 : row[i / 2] & 15) + INT4_LEAST;
}

/* What a weight [O, I] is made of. Bytes of a row, and scales of a group, may be padded behind. */
struct packed {
    const struct prt_value *weight, *scales;
    int32_t outputs, inputs, group;
    bool nibbles, upper_first;
    size_t row, by_group, by_output; /* strides: bytes; scales */
};

static enum percept_status real_weight(struct prt_import *import, const struct packed *packed,
                                       uint32_t *id)
{
    struct prt_tensor spec = {.dtype = PRT_F32,
                              .rank = 2,
                              .dim_order = {0, 1},
                              .sizes = {packed->outputs, packed->inputs}};
    size_t bytes;
    float *real = NULL;
    if (prt_tensor_bytes(&spec, &bytes))
        real = base_arena_alloc(&import->graph->arena, bytes);
    if (!real)
        return prt_import_no_memory(import);
    const float *scales = packed->scales->data;
    for (int32_t o = 0; o < packed->outputs; o++) {
        const uint8_t *row = (const uint8_t *)packed->weight->data + (size_t)o * packed->row;
        for (int32_t i = 0; i < packed->inputs; i++) {
            int code = packed->nibbles ? nibble(row, i, packed->upper_first) : (int8_t)row[i];
            float scale = scales[(size_t)(i / packed->group) * packed->by_group +
                                 (size_t)o * packed->by_output];
            real[(size_t)o * (size_t)packed->inputs + (size_t)i] = (float)code * scale;
        }
    }
    return prt_import_constant(import, &spec, real, id);
}

/* The weight and scales in these arguments. group: 0 when a row has one scale. */
static enum percept_status packed_weight(struct prt_import *import, const struct prt_call *call,
                                         unsigned weight, unsigned scales, int64_t group,
                                         struct packed *packed)
{
    const struct prt_tensor *x = prt_import_spec(import, call->operands[0]);
    *packed = (struct packed){.weight = constant_of(import, call->operands[weight]),
                              .scales = constant_of(import, call->operands[scales]),
                              .inputs = x->rank ? x->sizes[x->rank - 1] : 0};
    if (!packed->weight || !packed->scales || packed->scales->tensor.dtype != PRT_F32)
        return prt_import_fail(import, PERCEPT_UNSUPPORTED, "its weight is not constant");
    const struct prt_tensor *w = &packed->weight->tensor, *s = &packed->scales->tensor;
    packed->nibbles = w->dtype == PRT_U8;
    if (w->rank != 2 || (w->dtype != PRT_U8 && w->dtype != PRT_I8))
        return prt_import_fail(import, PERCEPT_MALFORMED, "its weight is no matrix of codes");
    packed->outputs = w->sizes[0];
    packed->row = (size_t)w->sizes[1];
    int64_t held = (int64_t)w->sizes[1] * (packed->nibbles ? 2 : 1);
    bool fits = packed->inputs >= 1 && packed->inputs <= held && group >= 0 && group <= INT32_MAX;
    if (group == 0) {
        fits = fits && s->rank == 1 && s->sizes[0] >= packed->outputs;
        packed->group = packed->inputs;
        packed->by_output = 1;
    } else {
        fits = fits && s->rank == 2 && s->sizes[1] >= packed->outputs &&
               (int64_t)s->sizes[0] * group >= packed->inputs;
        packed->group = (int32_t)group;
        packed->by_group = fits ? (size_t)s->sizes[1] : 0;
        packed->by_output = 1;
    }
    return fits ? PERCEPT_OK
                : prt_import_fail(import, PERCEPT_MALFORMED, "its scales do not fit its weight");
}

/* x times the weight, and a bias that may be padded. */
static enum percept_status linear_node(struct prt_import *import, const struct packed *packed,
                                       uint32_t x, uint32_t bias, uint32_t y)
{
    uint32_t weight;
    enum percept_status status = real_weight(import, packed, &weight);
    if (status == PERCEPT_OK && bias != PRT_NO_VALUE) {
        const struct prt_value *value = constant_of(import, bias);
        if (!value || value->tensor.dtype != PRT_F32 || value->tensor.rank != 1 ||
            value->tensor.sizes[0] < packed->outputs)
            return prt_import_fail(import, PERCEPT_UNSUPPORTED,
                                   "its bias is no constant that fits");
        struct prt_tensor spec = {.dtype = PRT_F32, .rank = 1, .sizes = {packed->outputs}};
        status = prt_import_constant(import, &spec, value->data, &bias);
    }
    if (status != PERCEPT_OK)
        return status;
    return prt_import_node(import, PRT_OP_LINEAR, y, 5,
                           (const uint32_t[]){x, weight, bias, PRT_NO_VALUE, PRT_NO_VALUE})
               ? PERCEPT_OK
               : PERCEPT_NO_MEMORY;
}

/* (x, weight, scales): scales are by channel; packed otherwise than by group */
static enum percept_status by_channel(struct prt_import *import, const struct prt_aten_op *op,
                                      struct prt_call *call)
{
    struct packed packed;
    enum percept_status status = packed_weight(import, call, 1, 2, 0, &packed);
    packed.upper_first = op->kind == UPPER_FIRST;
    return status == PERCEPT_OK ? linear_node(import, &packed, call->operands[0], PRT_NO_VALUE,
                                              prt_call_output(call))
                                : status;
}

/* (x, weight, scales, group, bias) */
static enum percept_status by_group(struct prt_import *import, const struct prt_aten_op *op,
                                    struct prt_call *call)
{
    (void)op;
    struct packed packed;
    int64_t group = prt_call_int(import, call, 3, 0);
    if (group < 1)
        return prt_import_fail(import, PERCEPT_MALFORMED, "groups of %lld", (long long)group);
    enum percept_status status = packed_weight(import, call, 1, 2, group, &packed);
    return status == PERCEPT_OK ? linear_node(import, &packed, call->operands[0], call->operands[4],
                                              prt_call_output(call))
                                : status;
}

/* ---- rows that are quantised on the way ---- */

/* A scale or zero point for each row of x, as real numbers that broadcast over x. */
static enum percept_status by_row(struct prt_import *import, const struct prt_tensor *x,
                                  uint32_t *id)
{
    int32_t sizes[PRT_MAX_RANK];
    size_t rows = 1;
    for (unsigned i = 0; i < x->rank; i++) {
        sizes[i] = i + 1 == x->rank ? 1 : x->sizes[i];
        rows *= (size_t)sizes[i];
    }
    size_t given = prt_tensor_elements(prt_import_spec(import, *id));
    if (given != rows && given != 1)
        return prt_import_fail(import, PERCEPT_MALFORMED, "%zu scales for %zu rows", given, rows);
    for (unsigned i = 0; i < x->rank && given == 1; i++)
        sizes[i] = 1;
    enum percept_status status = prt_import_convert(import, *id, PRT_F32, id);
    return status == PERCEPT_OK ? prt_aten_as(import, *id, x->rank, sizes, id) : status;
}

/* x rounded to 8 bits with the scale and zero point of its row. */
static enum percept_status rounded_rows(struct prt_import *import, uint32_t *x, uint32_t scale,
                                        uint32_t zero)
{
    const struct prt_tensor spec = *prt_import_spec(import, *x);
    enum percept_status status = by_row(import, &spec, &scale);
    if (status == PERCEPT_OK)
        status = by_row(import, &spec, &zero);
    if (status == PERCEPT_OK)
        status = prt_aten_with(import, PRT_BINARY_DIV, x, scale);
    if (status == PERCEPT_OK)
        status = prt_aten_apply(import, PRT_UNARY_ROUND, 0, 0, x);
    if (status == PERCEPT_OK)
        status = prt_aten_with(import, PRT_BINARY_ADD, x, zero);
    if (status == PERCEPT_OK)
        status = prt_aten_apply(import, PRT_UNARY_CLAMP, INT8_LEAST, INT8_MOST, x);
    if (status == PERCEPT_OK)
        status = prt_aten_with(import, PRT_BINARY_SUB, x, zero);
    return status == PERCEPT_OK ? prt_aten_with(import, PRT_BINARY_MUL, x, scale) : status;
}

/* (x, scales, zero points, weight, sums, weight scales, group, bias); x is real */
static enum percept_status rows_by_group(struct prt_import *import, const struct prt_aten_op *op,
                                         struct prt_call *call)
{
    (void)op;
    struct packed packed;
    uint32_t x = call->operands[0];
    int64_t group = prt_call_int(import, call, 6, 0);
    if (group < 1 || prt_import_spec(import, x)->dtype != PRT_F32)
        return prt_import_fail(import, PERCEPT_MALFORMED, "groups of %lld, or rows not of float32",
                               (long long)group);
    enum percept_status status = packed_weight(import, call, 3, 5, group, &packed);
    if (status == PERCEPT_OK)
        status = rounded_rows(import, &x, call->operands[1], call->operands[2]);
    return status == PERCEPT_OK
               ? linear_node(import, &packed, x, call->operands[7], prt_call_output(call))
               : status;
}

/* ---- embeddings ---- */

/* The other order of the codes in a byte. */
static enum percept_status swap_nibbles(struct prt_import *import, uint32_t *weight)
{
    const struct prt_value *value = constant_of(import, *weight);
    if (!value || value->tensor.dtype != PRT_U8)
        return prt_import_fail(import, PERCEPT_UNSUPPORTED, "its weight is not constant");
    uint8_t *swapped = base_arena_array(&import->graph->arena, value->bytes, 1);
    if (!swapped)
        return prt_import_no_memory(import);
    for (size_t i = 0; i < value->bytes; i++) {
        uint8_t byte = ((const uint8_t *)value->data)[i];
        swapped[i] = (uint8_t)(byte << 4 | byte >> 4);
    }
    const struct prt_tensor spec = value->tensor;
    return prt_import_constant(import, &spec, swapped, weight);
}

/* (weight, scales, group, indices, is the weight's order that of linear layers) */
static enum percept_status embedding(struct prt_import *import, const struct prt_aten_op *op,
                                     struct prt_call *call)
{
    (void)op;
    /* As that row has it: (weight, scales, zero points, min, max, indices, out, out). */
    const struct prt_aten_op *row = prt_aten_find("quantized_decomposed::embedding_4bit.out");
    struct prt_call inner = {.name = call->name, .signature = row->signature, .count = 8};
    const uint32_t args[] = {call->args[0], call->args[1], call->args[0], call->args[0],
                             call->args[0], call->args[3], call->args[5], call->args[5]};
    inner.args = args;
    memset(inner.operands, 0xff, sizeof inner.operands);
    inner.operands[0] = call->operands[0];
    inner.operands[1] = call->operands[1];
    inner.operands[5] = call->operands[3];
    inner.operands[6] = prt_call_output(call);
    enum percept_status status = PERCEPT_OK;
    if (prt_call_bool(import, call, 4))
        status = swap_nibbles(import, &inner.operands[0]);
    return status == PERCEPT_OK ? row->translate(import, row, &inner) : status;
}

static const struct prt_aten_op ops[] = {
    {"aten._weight_int8pack_mm.default", "TTTO", by_channel, LOWER_FIRST},
    {"et_vk.linear_qcs4w.default", "TTTO", by_channel, UPPER_FIRST},
    {"et_vk.linear_q4gsw.default", "TTTItO", by_group, 0},
    {"et_vk.linear_dq8ca_q4gsw.default", "TTTT_TItO", rows_by_group, 0},
    {"et_vk.embedding_q4gsw.default", "TTITBO", embedding, 0},
};

const struct prt_aten_table prt_vulkan_packed = PRT_ATEN_TABLE(ops);
