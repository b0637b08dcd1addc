/*
 * Layers whose rows are quantised while they run: x's row becomes bytes that cover its own range,
 * and weights of 8 or 4 bits meet them in exact integers, group by group. Every instruction set
 * computes the same bits.
 */
#ifndef BACKENDS_CPU_ROWS_H
#define BACKENDS_CPU_ROWS_H

#include "backends/cpu/isa.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CPU_ROWS_BLOCK = 32 }; /* codes of a row that a step takes; groups are padded to them */

/* real = scale * (code - zero), code and zero from 0 to 255 */
struct cpu_row_code {
    float scale;
    int32_t zero;
};

/* A panel holds the weights of some outputs beside each other: for each group and block runs of
 * bytes, of each output the first, of each the second, and so on. A byte is a code, or two: code i
 * and code i + 16, plus 8. Padding counts as 0. */
struct cpu_rows_job {
    size_t rows, groups, blocks; /* blocks a group */
    size_t panel, panel_end, outputs;
    bool four_bits;
    const uint8_t *x; /* [rows][groups * blocks * CPU_ROWS_BLOCK] */
    const struct cpu_row_code *codes;
    const uint8_t *weights;
    const float *scales;    /* [panels][groups][outputs of a panel] */
    const uint16_t *halves; /* or, if they are exact so, the upper halves of scales */
    const int32_t *sums;    /* of the weights, likewise */
    const float *bias;      /* [panels][outputs of a panel] */
    float lo, hi;
    float *y; /* [rows][outputs] */
};

static inline float cpu_rows_scale(const struct cpu_rows_job *job, size_t at)
{
    if (!job->halves)
        return job->scales[at];
    union {
        uint32_t bits;
        float number;
    } scale = {(uint32_t)job->halves[at] << 16};
    return scale.number;
}

struct cpu_row_kernels {
    const char *name_8, *name_4;
    unsigned outputs;      /* of a panel */
    unsigned run_4, run_8; /* bytes, of half bytes and of bytes */
    struct cpu_row_code (*range)(size_t n, const float *x);
    void (*quantise)(size_t n, uint8_t *codes, const float *x, const struct cpu_row_code *code);
    void (*round)(size_t n, float *y, const float *x, const struct cpu_row_code *code);
    void (*layer)(const struct cpu_rows_job *job);
};

extern const struct cpu_row_kernels cpu_row_kernels_plain, cpu_row_kernels_avx2,
    cpu_row_kernels_avxvnni, cpu_row_kernels_avx512vnni, cpu_row_kernels_amxint8,
    cpu_row_kernels_dotprod;

/* Of an instruction set that this processor has. */
const struct cpu_row_kernels *cpu_row_kernels_of(enum cpu_isa isa);

#endif
