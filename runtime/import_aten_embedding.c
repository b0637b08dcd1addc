/*
 * Why: embeddings whose rows are codes of 8, 4 or 2 bits with a scale for each group of a row. A
 * lookup is a row of codes and a row of scales, so only what is looked up becomes float32.
 */
#include "runtime/import_aten.h"

#include <string.h>

enum { WEIGHT, SCALES, ZERO_POINTS };

enum { BYTES = 256 };

/* What a code of fewer than 8 bits is, of a byte's `per` codes as ExecuTorch packs them. */
static float code_at(unsigned byte, unsigned i, unsigned per)
{
    if (per == 2) /* the first of a pair is in the upper half */
        return (float)(i ? byte & 15 : byte >> 4) - 8;
    return (float)(byte >> i * 2 & 3) - 2;
}

/* The weight as a matrix of bytes; I8 or, when a byte has several codes, U8. */
static enum percept_status bytes_of(struct prt_import *import, unsigned per, uint32_t *weight)
{
    const struct prt_value from = import->graph->values[*weight];
    struct prt_tensor spec = from.tensor;
    if (spec.rank != 2 || (spec.dtype != PRT_U8 && spec.dtype != PRT_I8))
        return prt_import_fail(import, PERCEPT_MALFORMED, "the weight is no matrix of codes");
    if (spec.sizes[1] > INT32_MAX / (int32_t)per)
        return prt_import_fail(import, PERCEPT_LIMIT, "the weight has too long rows");
    if (per == 1 || spec.dtype == PRT_U8)
        return PERCEPT_OK;
    if (!(from.flags & PRT_FLAG_CONSTANT))
        return prt_import_fail(import, PERCEPT_UNSUPPORTED, "the weight is not a constant");
    spec.dtype = PRT_U8;
    enum percept_status status = prt_import_constant(import, &spec, from.data, weight);
    if (status == PERCEPT_OK)
        import->graph->values[*weight].flags |= from.flags & PRT_FLAGS_DEFERRED;
    return status;
}

/* Rows of a matrix by index [indices, 1]. */
static enum percept_status look_up(struct prt_import *import, uint32_t matrix, uint32_t index,
                                   uint32_t *rows)
{
    struct prt_tensor from = *prt_import_spec(import, matrix);
    int32_t count = prt_import_spec(import, index)->sizes[0];
    struct prt_tensor spec = prt_import_like(&from, 2, (const int32_t[]){count, from.sizes[1]});
    struct prt_index_attrs attrs = {.from = {PRT_INDEXED, 1}};
    enum percept_status status = prt_import_temporary(import, &spec, rows);
    return status == PERCEPT_OK ? prt_aten_gather(import, matrix, 1, &index, &attrs, *rows)
                                : status;
}

/* Bytes [n, b] as the codes in them, float32: a row of a table for each. So a weight stays as it
 * is, and only what is looked up is taken apart. */
static enum percept_status codes_in(struct prt_import *import, unsigned per, uint32_t bytes,
                                    uint32_t *codes)
{
    struct prt_tensor from = *prt_import_spec(import, bytes);
    const struct prt_tensor real = {.dtype = PRT_F32};
    struct prt_tensor spec = prt_import_like(&real, 2, (const int32_t[]){BYTES, (int32_t)per});
    float *numbers = base_arena_array(&import->graph->arena, (size_t)BYTES * per, sizeof *numbers);
    uint32_t table, index;
    if (!numbers)
        return prt_import_no_memory(import);
    for (unsigned i = 0; i < BYTES * per; i++)
        numbers[i] = code_at(i / per, i % per, per);
    int64_t count = (int64_t)from.sizes[0] * from.sizes[1];
    if (count > INT32_MAX)
        return prt_import_fail(import, PERCEPT_LIMIT, "looks up too much, or nothing");
    enum percept_status status = prt_import_constant(import, &spec, numbers, &table);
    if (status == PERCEPT_OK)
        status = prt_import_convert(import, bytes, PRT_I64, &index);
    if (status == PERCEPT_OK)
        status = prt_aten_as(import, index, 2, (const int32_t[]){(int32_t)count, 1}, &index);
    return status == PERCEPT_OK ? look_up(import, table, index, codes) : status;
}

/* What is looked up in a matrix with `per` codes in a byte, or numbers, in float32, as [indices,
 * groups, columns / groups]. */
static enum percept_status rows_of(struct prt_import *import, uint32_t matrix, unsigned per,
                                   uint32_t index, int32_t groups, uint32_t *rows)
{
    int32_t count = prt_import_spec(import, index)->sizes[0];
    int32_t columns = prt_import_spec(import, matrix)->sizes[1] * (int32_t)per;
    const int32_t sizes[3] = {count, groups, columns / groups};
    uint32_t picked;
    enum percept_status status = look_up(import, matrix, index, &picked);
    if (status == PERCEPT_OK)
        status = per > 1 ? codes_in(import, per, picked, &picked)
                         : prt_import_convert(import, picked, PRT_F32, &picked);
    return status == PERCEPT_OK ? prt_aten_as(import, picked, 3, sizes, rows) : status;
}

/* Scales or zero points as [rows, groups]. */
static enum percept_status by_row(struct prt_import *import, uint32_t id, int32_t rows,
                                  int32_t columns, int32_t *groups, uint32_t *matrix)
{
    const struct prt_tensor *spec = prt_import_spec(import, id);
    *groups = spec->rank == 2 ? spec->sizes[1] : 1;
    if (spec->rank < 1 || spec->rank > 2 || spec->sizes[0] != rows || *groups < 1 ||
        columns % *groups)
        return prt_import_fail(import, PERCEPT_MALFORMED, "scales do not fit the weight");
    return prt_aten_as(import, id, 2, (const int32_t[]){rows, *groups}, matrix);
}

/* (weight, scales, zero points, [quant_min, quant_max,] indices, ..): y = (codes - zero points) *
 * scales. Cadence states no range, and whether rows are left out. */
static enum percept_status embedding(struct prt_import *import, const struct prt_aten_op *op,
                                     struct prt_call *call)
{
    bool ranged = op->signature[3] == 'I';
    uint32_t weight = call->operands[WEIGHT], index = call->operands[ranged ? 5 : 3];
    uint32_t y, scales, codes;
    uint32_t points = call->operands[ZERO_POINTS], real;
    int32_t groups, same;
    unsigned per = 8 / (unsigned)op->kind;
    if (!ranged && prt_call_bool(import, call, 4))
        return prt_import_fail(import, PERCEPT_UNSUPPORTED, "a weight with rows left out");
    enum percept_status status = bytes_of(import, per, &weight);
    if (status != PERCEPT_OK)
        return status;
    int32_t rows = prt_import_spec(import, weight)->sizes[0];
    int32_t columns = prt_import_spec(import, weight)->sizes[1] * (int32_t)per;
    size_t count = prt_tensor_elements(prt_import_spec(import, index));
    if (count > INT32_MAX || columns == 0)
        return prt_import_fail(import, PERCEPT_LIMIT, "looks up too much, or nothing");
    status = by_row(import, call->operands[SCALES], rows, columns, &groups, &scales);
    if (status == PERCEPT_OK)
        status = prt_aten_as(import, index, 2, (const int32_t[]){(int32_t)count, 1}, &index);
    if (status == PERCEPT_OK)
        status = rows_of(import, weight, per, index, groups, &codes);
    if (status == PERCEPT_OK && points != PRT_NO_VALUE) {
        status = by_row(import, points, rows, columns, &same, &points);
        if (status == PERCEPT_OK && same != groups)
            status = prt_import_fail(import, PERCEPT_MALFORMED, "scales do not fit the weight");
        if (status == PERCEPT_OK)
            status = rows_of(import, points, 1, index, groups, &points);
        struct prt_tensor spec = *prt_import_spec(import, codes);
        if (status == PERCEPT_OK)
            status = prt_import_temporary(import, &spec, &real);
        if (status == PERCEPT_OK)
            status = prt_aten_binary(import, PRT_BINARY_SUB, codes, points, 1, real);
        if (status == PERCEPT_OK)
            codes = real;
    }
    if (status == PERCEPT_OK)
        status = rows_of(import, scales, 1, index, groups, &scales);
    if (status != PERCEPT_OK)
        return status;
    struct prt_tensor spec = *prt_import_spec(import, codes);
    status = prt_import_temporary(import, &spec, &real);
    if (status == PERCEPT_OK)
        status = prt_aten_binary(import, PRT_BINARY_MUL, codes, scales, 1, real);
    y = prt_call_output(call);
    if (status == PERCEPT_OK)
        status = prt_import_convert(import, real, prt_import_spec(import, y)->dtype, &real);
    return status == PERCEPT_OK ? prt_import_reshape(import, real, y) : status;
}

static const struct prt_aten_op ops[] = {
    {"quantized_decomposed::embedding_byte.out", "TTtIITOR", embedding, 8},
    {"quantized_decomposed::embedding_byte.dtype_out", "TTtIITiOR", embedding, 8},
    {"cadence::quantized_embedding_byte.out", "TTtTBOR", embedding, 8},
    {"quantized_decomposed::embedding_4bit.out", "TTtIITOR", embedding, 4},
    {"quantized_decomposed::embedding_4bit.dtype_out", "TTtIITiOR", embedding, 4},
    {"quantized_decomposed::embedding_2bit.out", "TTtIITOR", embedding, 2},
    {"quantized_decomposed::embedding_2bit.dtype_out", "TTtIITiOR", embedding, 2},
};

const struct prt_aten_table prt_aten_embedding = PRT_ATEN_TABLE(ops);
