/*
 * Why: embeddings whose rows are codes of 8, 4 or 2 bits with a scale for each group of a row. A
 * lookup is a row of codes and a row of scales, so only what is looked up becomes float32.
 */
#include "runtime/import_aten.h"

#include <string.h>

enum { WEIGHT, SCALES, ZERO_POINTS, INDICES = 5 };

/* Codes of `bits` bits, as ExecuTorch packs them, of a row's element i. */
static int8_t code_at(const uint8_t *row, size_t i, int bits)
{
    if (bits == 4) /* the first of a pair is in the upper half */
        return (int8_t)((i % 2 ? row[i / 2] & 15 : row[i / 2] >> 4) - 8);
    return (int8_t)((row[i / 4] >> i % 4 * 2 & 3) - 2);
}

/* The weight with a byte for each code. */
static enum percept_status unpack(struct prt_import *import, int bits, uint32_t *weight)
{
    const struct prt_value *value = &import->graph->values[*weight];
    struct prt_tensor spec = value->tensor;
    const uint8_t *data = value->data;
    if (spec.rank != 2 || (spec.dtype != PRT_U8 && spec.dtype != PRT_I8))
        return prt_import_fail(import, PERCEPT_MALFORMED, "the weight is no matrix of codes");
    if (bits == 8)
        return PERCEPT_OK;
    size_t rows = (size_t)spec.sizes[0], stride = (size_t)spec.sizes[1];
    size_t columns = stride * (size_t)(8 / bits);
    if (!(value->flags & PRT_FLAG_CONSTANT) || !prt_tensor_is_contiguous(&spec))
        return prt_import_fail(import, PERCEPT_UNSUPPORTED, "the weight is not a constant");
    if (columns > INT32_MAX)
        return prt_import_fail(import, PERCEPT_LIMIT, "the weight has too long rows");
    int8_t *codes = base_arena_array(&import->graph->arena, columns ? rows : 0, columns);
    if (!codes)
        return prt_import_no_memory(import);
    for (size_t r = 0; r < rows; r++)
        for (size_t i = 0; i < columns; i++)
            codes[r * columns + i] = code_at(data + r * stride, i, bits);
    const int32_t sizes[2] = {(int32_t)rows, (int32_t)columns};
    spec.dtype = PRT_I8;
    spec = prt_import_like(&spec, 2, sizes);
    return prt_import_constant(import, &spec, codes, weight);
}

/* Rows of a matrix by index [indices, 1], in float32, as [indices, groups, columns / groups]. */
static enum percept_status rows_of(struct prt_import *import, uint32_t matrix, uint32_t index,
                                   int32_t groups, uint32_t *rows)
{
    struct prt_tensor from = *prt_import_spec(import, matrix);
    int32_t count = prt_import_spec(import, index)->sizes[0], columns = from.sizes[1];
    const int32_t sizes[3] = {count, groups, columns / groups};
    struct prt_tensor spec = prt_import_like(&from, 2, (const int32_t[]){count, columns});
    struct prt_index_attrs attrs = {.from = {PRT_INDEXED, 1}};
    uint32_t picked;
    enum percept_status status = prt_import_temporary(import, &spec, &picked);
    if (status == PERCEPT_OK)
        status = prt_aten_gather(import, matrix, 1, &index, &attrs, picked);
    if (status == PERCEPT_OK)
        status = prt_import_convert(import, picked, PRT_F32, &picked);
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

/* y = (codes - zero points) * scales */
static enum percept_status embedding(struct prt_import *import, const struct prt_aten_op *op,
                                     struct prt_call *call)
{
    uint32_t weight = call->operands[WEIGHT], index = call->operands[INDICES], y, scales, codes;
    uint32_t points = call->operands[ZERO_POINTS], real;
    int32_t groups, same;
    enum percept_status status = unpack(import, op->kind, &weight);
    if (status != PERCEPT_OK)
        return status;
    int32_t rows = prt_import_spec(import, weight)->sizes[0];
    int32_t columns = prt_import_spec(import, weight)->sizes[1];
    size_t count = prt_tensor_elements(prt_import_spec(import, index));
    if (count > INT32_MAX || columns == 0)
        return prt_import_fail(import, PERCEPT_LIMIT, "looks up too much, or nothing");
    status = by_row(import, call->operands[SCALES], rows, columns, &groups, &scales);
    if (status == PERCEPT_OK)
        status = prt_aten_as(import, index, 2, (const int32_t[]){(int32_t)count, 1}, &index);
    if (status == PERCEPT_OK)
        status = rows_of(import, weight, index, groups, &codes);
    if (status == PERCEPT_OK && points != PRT_NO_VALUE) {
        status = by_row(import, points, rows, columns, &same, &points);
        if (status == PERCEPT_OK && same != groups)
            status = prt_import_fail(import, PERCEPT_MALFORMED, "scales do not fit the weight");
        if (status == PERCEPT_OK)
            status = rows_of(import, points, index, groups, &points);
        struct prt_tensor spec = *prt_import_spec(import, codes);
        if (status == PERCEPT_OK)
            status = prt_import_temporary(import, &spec, &real);
        if (status == PERCEPT_OK)
            status = prt_aten_binary(import, PRT_BINARY_SUB, codes, points, 1, real);
        if (status == PERCEPT_OK)
            codes = real;
    }
    if (status == PERCEPT_OK)
        status = rows_of(import, scales, index, groups, &scales);
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
    {"quantized_decomposed::embedding_4bit.out", "TTtIITOR", embedding, 4},
    {"quantized_decomposed::embedding_4bit.dtype_out", "TTtIITiOR", embedding, 4},
    {"quantized_decomposed::embedding_2bit.out", "TTtIITOR", embedding, 2},
    {"quantized_decomposed::embedding_2bit.dtype_out", "TTtIITiOR", embedding, 2},
};

const struct prt_aten_table prt_aten_embedding = PRT_ATEN_TABLE(ops);
