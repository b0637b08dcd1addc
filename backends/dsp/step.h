/* The rules of a step, which the host goes by when it makes one and the firmware before it runs
 * one: what is legal, how many bytes each operand has, and how it is cut into tiles. */
#ifndef BACKENDS_DSP_STEP_H
#define BACKENDS_DSP_STEP_H

#include "backends/dsp/protocol.h"

#include <stdbool.h>
#include <stddef.h>

/* What is wrong with a step, static text; NULL for nothing. Operands' places are not looked at. */
const char *dsp_step_check(const struct dsp_step *step);

/* Bytes of y and of each x; 0 for one that the op does not have. Of a step that was checked. */
struct dsp_step_bytes {
    uint64_t y, x[DSP_OPERANDS];
};
struct dsp_step_bytes dsp_step_bytes(const struct dsp_step *step);

/* Of a code; of a result that may be a sum of 32 bits; of the weights of an output channel. */
static inline uint64_t dsp_code_bytes(const struct dsp_code *code)
{
    return code->type < DSP_I16 ? 1 : sizeof(int16_t);
}

static inline uint64_t dsp_result_bytes(uint32_t sums, const struct dsp_code *code)
{
    return sums ? sizeof(int32_t) : dsp_code_bytes(code);
}

/* Of the powers of a SOFTMAX. */
static inline uint64_t dsp_powers_bytes(const struct dsp_code *code)
{
    return code->type < DSP_I16 ? DSP_POWERS * sizeof(uint32_t) : 2 * DSP_POWERS * sizeof(uint64_t);
}

static inline uint64_t dsp_weight_bytes(const struct dsp_conv *conv)
{
    return (uint64_t)conv->kernel[0] * (uint64_t)conv->kernel[1] *
           (uint64_t)(conv->x.c / conv->groups);
}

/* How much is in local memory at a time. Operands whose space is DSP_LOCAL take no room. */
struct dsp_tile {
    int32_t rows;    /* of y: CONV, POOL, MATMUL, NORM; of the outermost dimension: SOFTMAX */
    int32_t columns; /* channels of y: CONV; columns of y: MATMUL */
    int64_t run;     /* elements: BINARY, PRELU, TABLE */
};

/* The largest tile for so much memory. False when not even the least fits: *least is what that
 * needs. */
bool dsp_step_tile(const struct dsp_step *step, size_t memory, struct dsp_tile *tile,
                   size_t *least);

/* Rows [*first, *end) of x that rows [y, y + rows) of a window's result see. */
void dsp_rows_seen(int32_t y, int32_t rows, int32_t stride, int32_t padding, int32_t reach,
                   int32_t height, int32_t *first, int32_t *end);

/* The same of a convolution, also of a transposed one. */
void dsp_conv_rows(const struct dsp_conv *conv, int32_t y, int32_t rows, int32_t *first,
                   int32_t *end);

/* Rows of x that `rows` rows of y see at most. */
int32_t dsp_most_rows(int32_t rows, int32_t stride, int32_t reach, int32_t height);

#endif
