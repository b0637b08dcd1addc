/*
 * The innermost loops, in fp32, once for each instruction set.
 *
 * loops_elementwise.inc and loops_window.inc are plain C that the compiler vectorises; they are
 * compiled once for each row of isa.h. No fused multiply-add and no reassociation is allowed in
 * them, so every instruction set computes the same bits (asserted by the tests).
 *
 * Other element types pass through fp32: `load` turns a run of elements into floats, `store` turns
 * floats into elements. For quantised tensors that is the definition of PT2E: real arithmetic in
 * fp32, then clamp(round_half_even(x * (1 / scale)) + zero_point).
 */
#ifndef BACKENDS_CPU_LOOPS_H
#define BACKENDS_CPU_LOOPS_H

#include "backends/cpu/isa.h"
#include "runtime/graph.h"

enum {
    CPU_DTYPES = PRT_U64 + 1,
    CPU_TILE = 1024 /* elements in a stack buffer */,
    CPU_PANEL = 16 /* columns of a packed matrix */
};

/* How stored numbers stand for real ones; identity for plain types. */
struct cpu_code {
    float scale, inverse;
    int32_t zero_point;
};

/* Bodies get numbers of one type (fp32 here; double or int64_t in wide.c). step is 0 or 1. */
struct cpu_tile {
    size_t rows, count;
    void *y;
    int64_t y_row; /* elements from row to row; within a row y is dense */
    struct {
        const void *p;
        int64_t row, step;
    } x[3];
};

/* What bodies need besides operands: alpha of a binary op, a and b of a unary one, final bounds. */
struct cpu_params {
    double a, b;
    float lo, hi;
};

typedef void (*cpu_body)(const struct cpu_tile *tile, const struct cpu_params *params);
/* n elements, `step` apart (0 repeats one), to a dense run; and back. */
typedef void (*cpu_load)(size_t n, void *to, const void *from, int64_t step,
                         const struct cpu_code *code);
typedef void (*cpu_store)(size_t n, void *to, int64_t step, const void *from,
                          const struct cpu_code *code);

/*
 * Sums and prelus of 8-bit codes in 32-bit fixed point, to the bit as XNNPACK has its sums:
 * multipliers have 21 bits, and halves go up. A number times 2^-shift is in steps of the result.
 */
enum { CPU_MULTIPLIER_BITS = 7, CPU_MULTIPLIER_UNIT = 1 << CPU_MULTIPLIER_BITS };
struct cpu_multiplier {
    int16_t low, high; /* low + CPU_MULTIPLIER_UNIT * high, low from 0 to below a unit */
};
struct cpu_fixed {
    struct cpu_multiplier
        multiplier[2]; /* of the operands; of a prelu only the first's, when x > 0 */
    int32_t zero;      /* of a prelu's operand */
    int32_t bias;      /* a half, and in a sum less what the operands' zeros come to */
    int32_t shift;
    int32_t result_zero, lo, hi; /* codes */
};
enum { CPU_I8, CPU_U8, CPU_BYTES };

/* What one output row or column of a bilinear resize is made of: two input ones and their shares.
 */
struct cpu_tap {
    int32_t from[2];
    float share[2];
};

/* An output row of a bilinear resize of channels-last codes, all of whose shares are eighths. */
struct cpu_lerp_row {
    const void *above, *below; /* input rows */
    void *y;
    size_t pixels, channels;
    bool is_signed;                /* of the codes */
    const float *down;             /* shares of the two rows */
    const struct cpu_tap *columns; /* of each pixel */
    int16_t zero; /* halves go to the code that is an even number of steps from it */
};

struct cpu_loops {
    const char *name;
    cpu_load load[CPU_DTYPES]; /* NULL: no such type */
    cpu_store store[CPU_DTYPES];
    cpu_body binary[PRT_BINARY_COUNT], unary[PRT_UNARY_COUNT], prelu, where;
    void (*add_codes[CPU_BYTES])(size_t n, void *y, const void *a, const void *b,
                                 const struct cpu_fixed *fixed);
    /* Dense rows of n; below is the multiplier of each column when x <= 0. */
    void (*prelu_codes[CPU_BYTES])(size_t rows, size_t n, void *y, const void *x,
                                   const struct cpu_multiplier *below,
                                   const struct cpu_fixed *fixed);

    /* y[i] = table[x[i] ^ first], of 256 bytes; y may be x. */
    void (*look_up)(size_t n, uint8_t *y, const uint8_t *x, const uint8_t *table, uint8_t first);

    /* y[i] = max over k of x[k][i], NaN if one is; count is a multiple of 4. */
    void (*max_f32)(size_t n, float *y, const float *const *x, size_t count);
    void (*max_i8)(size_t n, int8_t *y, const int8_t *const *x, size_t count);
    void (*max_u8)(size_t n, uint8_t *y, const uint8_t *const *x, size_t count);
    /* Three planes `plane` apart to n pixels of three. */
    void (*interleave_u8)(size_t n, uint8_t *y, const uint8_t *x, int64_t plane);
    void (*interleave_u32)(size_t n, uint32_t *y, const uint32_t *x, int64_t plane);
    void (*add_f32)(size_t n, float *y, const float *x); /* y += x */
    /* Bilinear: y = down[0] * (right[0] * x0 + right[1] * x1) + down[1] * (.. x2 .. x3). */
    void (*lerp_f32)(size_t n, float *y, const float *const x[4], const float down[2],
                     const float right[2], const struct cpu_code *code);
    void (*lerp_i8)(size_t n, int8_t *y, const int8_t *const x[4], const float down[2],
                    const float right[2], const struct cpu_code *code);
    void (*lerp_u8)(size_t n, uint8_t *y, const uint8_t *const x[4], const float down[2],
                    const float right[2], const struct cpu_code *code);

    /* The same of a row, in whole numbers, and so exact. */
    void (*lerp_codes)(const struct cpu_lerp_row *row);

    /* Reductions accumulate in double. accumulate: acc[i] op= x[i]; fold: one number from a run. */
    void (*accumulate[PRT_REDUCE_COUNT])(size_t n, double *acc, const float *x);
    double (*fold[PRT_REDUCE_COUNT])(size_t n, double acc, const float *x);

    void (*softmax)(size_t n, float *x, bool log); /* in place */
    /* A row of LAYER_NORM; weight and bias may be NULL, y may be x. */
    void (*layer_norm)(size_t n, float *y, const float *x, const float *weight, const float *bias,
                       float epsilon, bool rms);

    /* y [m rows of columns <= CPU_PANEL, y_row apart] = a [m, k] * panel [k, CPU_PANEL] */
    void (*matmul)(size_t m, size_t columns, size_t k, float *y, size_t y_row, const float *a,
                   int64_t a_row, const float *panel);
};

extern const struct cpu_loops cpu_loops_plain, cpu_loops_avx2, cpu_loops_avx512;

/* Of an instruction set that this processor has; of cpu_isa_best(). */
const struct cpu_loops *cpu_loops_of(enum cpu_isa isa);
const struct cpu_loops *cpu_loops_best(void);

/* The code of a tensor: of its quantisation when PER_TENSOR, else the identity. */
struct cpu_code cpu_code_of(const struct prt_tensor *tensor);

#endif
