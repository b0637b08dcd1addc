/*
 * The innermost loops of convolutions: one table of functions for each instruction set.
 *
 * gemm_f32.inc, gemm_i8.inc and depthwise.inc are written once, on the vectors of simd.h, and
 * compiled for each row of isa.h (kernels_plain.c, kernels_avx2.c). They know nothing of images:
 * conv_gemm.c and conv_depthwise.c cut a convolution into these jobs. All of them trust their
 * arguments.
 */
#ifndef BACKENDS_CPU_KERNELS_H
#define BACKENDS_CPU_KERNELS_H

#include "backends/cpu/isa.h"
#include "runtime/graph.h"

/* What happens to a sum before it is stored: y = act(sum + bias + residual), NONE is written as a
 * CLAMP without bounds; fp32, where swish: then y = scale * y * min(max(y + 3, 0), 6) + shift. In
 * this header every pointer that has an entry an output channel points to that of the job's first
 * channel, and may be read up to a whole vector or panel past its last. */
struct cpu_finish {
    bool prelu, swish;
    float lo, hi;       /* CLAMP */
    float scale, shift; /* swish */
    const float *slope; /* PRELU, an output channel */
};

/* The same for int8, all in units of one step of y: lo and hi bound sum + bias + residual before
 * the zero point is added, for int8's range as well as for CLAMP. flip is 0 for I8 and 128 for U8:
 * byte ^ flip is a signed number, and r_zero is in terms of that; so is x_zero elsewhere. */
struct cpu_requant {
    struct cpu_finish finish;
    const float *scale, *bias; /* an output channel: sum * scale + bias */
    float r_scale;             /* of (residual - r_zero) */
    int32_t r_zero, y_zero;
    uint8_t flip;
};

/*
 * y[r][c] = finish(bias[c] + sum over taps t, depth k of a[t * rows + r][k] * weight[t, k, c]).
 *
 * Weights are packed in panels of `columns` channels: bias, then for each (t, k) one number a
 * channel, zeros beyond the last one. The last panel is only one vector wide if that holds what
 * remains. cpu_panel_columns() is that rule.
 */
struct cpu_gemm_f32 {
    size_t rows, taps, depth, channels;
    const float *const *a; /* taps * rows */
    const float *zeros;    /* what an `a` outside the image points to, or NULL */
    const float *panels;
    const float *residual; /* or NULL */
    float *y;
    size_t y_stride; /* elements from row to row, in y and residual */
    struct cpu_finish finish;
};

/* Outputs of a block of struct cpu_winograd, inputs under it, places of its products; what undoes a
 * factor of 9 modulo 2^32; the most channels. */
enum { CPU_WINOGRAD_BLOCK = 4, CPU_WINOGRAD_SIDE = 6, CPU_WINOGRAD_PLACES = 36 };
#define CPU_WINOGRAD_INVERSE 0x38e38e39u
enum { CPU_WINOGRAD_INPUTS = 112 };

/*
 * The same with a of whole numbers. A step of a sum is some bytes of a, and as many of weights a
 * channel: two int16, or four or eight bytes where the processor multiplies those (SIMD_DOT4 and
 * SIMD_MATRIX8 in simd_*.h).
 * Panels: an int32 a channel that sums start from, then the steps. Bytes of a are x's without its
 * zero point taken off, which is what sums start from then. The whole sum must fit an int32. The
 * bias is the requant's.
 */
struct cpu_gemm_i8 {
    size_t rows, steps, channels;
    const void *a; /* rows * steps */
    const void *panels;
    const uint8_t *residual;
    uint8_t *y;
    size_t y_stride;
    struct cpu_requant requant;
};

/*
 * A row of blocks of 4x4 outputs of an int8 3x3 convolution with stride 1, by fewer products: a
 * block's 6x6 inputs become 36 other numbers of each channel, which are multiplied with as many
 * weights instead of 4 * 4 * 9 (Winograd's F(4x4, 3x3): Lavin and Gray, "Fast Algorithms for
 * Convolutional Neural Networks", 2015). Sums of at most CPU_WINOGRAD_INPUTS channels come out
 * exact, as those of gemm_i8: winograd.inc says why.
 *
 * Panels: for each of the 36 places those of gemm_i8, of the place's weights, which
 * cpu_winograd_weights makes.
 */
struct cpu_winograd {
    size_t tiles, inputs, steps, channels; /* steps of gemm_i8 that the inputs are */
    /* Of the (4 * tiles + 2) input columns under the blocks, [first, last) are in the image; rows
     * point to the first of them. Of a row that is not, to bytes that stand for 0. */
    const uint8_t *rows[CPU_WINOGRAD_SIDE];
    size_t first, last;
    uint8_t flip;
    int32_t zero;
    const void *panels;
    int16_t *down;           /* scratch: [6][columns][inputs], each of 6 and a vector */
    int16_t *across;         /* [36][tiles][2 * steps], each of 36 and a vector */
    int32_t *sums;           /* [tiles][36][channels of a panel] */
    size_t height, width;    /* of the outputs that there are */
    const uint8_t *residual; /* or NULL */
    uint8_t *y;
    size_t y_row; /* bytes from row to row, also of residual; pixels are dense */
    struct cpu_requant requant;
};

/*
 * y = a * b, or y += a * b: y[r][c] = sum over k of a[r * a_row + k * a_step] * b's number at k, c.
 * Columns come in panels of `columns` of the table; b_step is from k to k + 1 within a panel,
 * b_panel from one panel to the next. Nothing beyond the last column is touched.
 */
struct cpu_product {
    size_t rows, columns, depth;
    const float *a;
    size_t a_row, a_step;
    const float *b;
    size_t b_step, b_panel;
    float *y;
    size_t y_row;
    bool add;
};

/* y[r][c] = sum over k of a[r][k] * b[c][k]: numbers of both lie side by side. */
struct cpu_dots {
    size_t rows, columns, depth;
    const float *a, *b;
    float *y;
    size_t a_row, b_row, y_row;
};

/* Most rows of one attention job, and keys that it looks at at once. */
enum { CPU_ATTEND_ROWS = 96, CPU_ATTEND_KEYS = 240 };

/*
 * Rows of softmax(scale * q * k^T + mask) * v: q [rows, depth], k [keys, depth], v [keys, width],
 * each with a stride from row to row. Row r sees the first seen + r * seen_step keys.
 */
struct cpu_attend {
    size_t rows, keys, depth, width;
    const float *q, *k, *v;
    const float *mask; /* [rows, keys], or NULL */
    float *y;
    size_t q_row, k_row, v_row, mask_row, y_row;
    size_t seen, seen_step;
    float scale;
    bool safe;      /* a row without keys is 0 and not NaN */
    float *scratch; /* attend_scratch() floats */
};

/* Most channels of one depthwise job. */
enum { CPU_DEPTHWISE_CHANNELS = 64 };

/*
 * Output rows [row, row_end) and columns [column, column_end) of a depthwise convolution: for row
 * r, column j and channel c y[r][j][c] = finish(bias[c] + sum over i, k of w[i][k][c] * x[r *
 * stride - pad + i * dilation][j * stride - pad + k * dilation][c]) where x outside the image
 * counts as 0. Pairs are vertical, horizontal; strides from row to row and pixel to pixel are in
 * floats. Weights are packed by vectors of channels: `taps` (kernel rows times columns) vectors
 * each.
 */
struct cpu_depthwise {
    size_t kernel[2], stride[2], dilation[2], pad[2], input[2];
    size_t row, row_end, column, column_end, channels, taps;
    const float *x;
    size_t x_row, x_pixel;
    const float *weights, *bias;
    float *y;
    const float *residual; /* or NULL */
    size_t y_row, y_pixel; /* also of residual */
    struct cpu_finish finish;
};

/*
 * Rows x columns of a depthwise convolution of bytes, 3 or 5 columns wide, with stride 1 or 2. x is
 * what widen_pairs makes: each int32 has a number in its lower half and the one that many input
 * rows below it as the kernel's dilation says in its upper half. Pixels have whole vectors of
 * channels, and all columns that blocks of 4 outputs read exist. Weights, by vectors of channels:
 * for each pair of kernel rows and each column a vector of such pairs; 0 below an odd last row.
 */
struct cpu_depthwise_i8 {
    size_t kernel, stride, pair_rows, rows, columns, channels;
    const int32_t *x;
    size_t x_row, x_pair, x_pixel; /* from output row to output row, pair to pair, pixel to pixel */
    const int32_t *weights;
    const uint8_t *residual; /* or NULL */
    uint8_t *y;
    size_t y_row, y_pixel; /* bytes, also of residual */
    struct cpu_requant requant;
};

/* Sums (exact whole numbers in fp32) of pixels x channels, dense, to bytes. */
struct cpu_narrow {
    size_t pixels, channels;
    const float *sums;
    const uint8_t *residual; /* or NULL */
    uint8_t *y;
    size_t y_stride; /* bytes from pixel to pixel, also of residual */
    struct cpu_requant requant;
};

struct cpu_kernels {
    const char *gemm_f32_name, *gemm_i8_name, *winograd_name, *depthwise_f32_name,
        *depthwise_i8_name;
    unsigned width;         /* floats a vector */
    unsigned rows, columns; /* of a GEMM tile */
    unsigned i8_rows;       /* likewise */
    unsigned i8_numbers;    /* of a step of gemm_i8: 2 of 16 bits, or 4 or 8 of 8 */
    unsigned i8_step;       /* its bytes */
    uint8_t i8_flip;        /* bytes of a: (x ^ flip, a signed number) ^ i8_flip; 0 or 128 */
    void (*gemm_f32)(const struct cpu_gemm_f32 *gemm);
    void (*gemm_i8)(const struct cpu_gemm_i8 *gemm);
    void (*winograd)(const struct cpu_winograd *winograd); /* NULL: gemm_i8 is as fast */
    void (*depthwise)(const struct cpu_depthwise *depthwise);
    void (*depthwise_i8)(const struct cpu_depthwise_i8 *depthwise);
    /* Two rows of pixels, `stride` bytes apart, to pairs; either row may be NULL for zeros. Whole
     * vectors are written for each pixel. */
    void (*widen_pairs)(int32_t *to, size_t to_pixel, const uint8_t *above, const uint8_t *below,
                        size_t pixels, size_t channels, size_t stride, uint8_t flip, int32_t zero);
    void (*narrow)(const struct cpu_narrow *narrow);
    void (*product)(const struct cpu_product *product);
    void (*dots)(const struct cpu_dots *dots);
    void (*attend)(const struct cpu_attend *attend);
    /* Floats that a job of so many rows and such vectors needs. */
    size_t (*attend_scratch)(size_t rows, size_t depth, size_t width);
    void (*affine)(float *y, size_t n, float scale, float shift); /* y = scale * y + shift */
    /* x to a of gemm_i8: (int8_t)(from[i] ^ flip) - zero, or the byte from[i] ^ flip ^ i8_flip */
    void (*take_i8)(void *to, const uint8_t *from, size_t n, uint8_t flip, int32_t zero);
    /* to[i] = (int8_t)(from[i] ^ flip) - zero, for pixels that are `stride` bytes apart, and dense
     * in to. */
    void (*widen_f32)(float *to, const uint8_t *from, size_t pixels, size_t channels, size_t stride,
                      uint8_t flip, int32_t zero);
};

extern const struct cpu_kernels cpu_kernels_plain, cpu_kernels_avx2, cpu_kernels_avxvnni,
    cpu_kernels_avx512, cpu_kernels_avx512vnni, cpu_kernels_amxint8, cpu_kernels_dotprod,
    cpu_kernels_i8mm;

/* The 36 weights of struct cpu_winograd, of an input and an output channel: of nine, whose rows and
 * columns are that far apart. */
void cpu_winograd_weights(const int8_t *weight, int64_t row, int64_t column,
                          int16_t places[CPU_WINOGRAD_PLACES]);

/* Of an instruction set that this processor has. */
const struct cpu_kernels *cpu_kernels_of(enum cpu_isa isa);

static inline size_t cpu_panel_columns(const struct cpu_kernels *kernels, size_t remaining)
{
    return remaining <= kernels->width ? kernels->width : kernels->columns;
}

#endif
