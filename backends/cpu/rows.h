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

enum {
    CPU_ROWS_BLOCK = 32,  /* codes of a row that a step takes; groups are padded to them */
    CPU_ROWS_OUTPUTS = 4, /* outputs beside each other in a panel */
    CPU_ROWS_TABLE = 16,  /* and in tables of what each group has */
};

/* real = scale * (code - zero), code and zero from 0 to 255 */
struct cpu_row_code {
    float scale;
    int32_t zero;
};

/* Panel p holds outputs 4p to 4p + 3: for each group and block the four outputs' codes one after
 * another, a byte each, or two in a byte: code i and code i + 16, plus 8. Padding counts as 0. */
struct cpu_rows_job {
    size_t rows, groups, blocks; /* blocks a group */
    size_t panel, panel_end, outputs;
    bool four_bits;
    const uint8_t *x; /* [rows][groups * blocks * CPU_ROWS_BLOCK] */
    const struct cpu_row_code *codes;
    const uint8_t *weights;
    const float *scales; /* [panels / 4][groups][CPU_ROWS_TABLE] */
    const int32_t *sums; /* of the weights, likewise */
    const float *bias;   /* [panels * 4] */
    float lo, hi;
    float *y; /* [rows][outputs] */
};

/* Where tables have what group `group` of the first output of a panel has; the panel's other
 * outputs follow. */
static inline size_t cpu_rows_at(const struct cpu_rows_job *job, size_t panel, size_t group)
{
    const size_t panels = CPU_ROWS_TABLE / CPU_ROWS_OUTPUTS;
    return (panel / panels * job->groups + group) * CPU_ROWS_TABLE +
           panel % panels * CPU_ROWS_OUTPUTS;
}

struct cpu_row_kernels {
    const char *name_8, *name_4;
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
