/*
 * What the host asks of the remote processor, and what it runs: a program, which is a list of
 * steps. Neither side believes the other: a message or a program is copied once and checked, and
 * only the copy is used (step.h has the rules that both apply).
 *
 * All numbers are of the machine's byte order; both sides are little-endian.
 */
#ifndef BACKENDS_DSP_PROTOCOL_H
#define BACKENDS_DSP_PROTOCOL_H

#include <stdint.h>

#define DSP_VERSION 4

enum dsp_request_kind {
    DSP_HELLO = 1, /* a: DSP_VERSION.          reply a: DSP_VERSION, b: bytes of its memory */
    DSP_LOAD,      /* a, b: where a program is. reply a: its handle */
    DSP_RUN,       /* a: handle */
    DSP_UNLOAD,    /* a: handle */
};

struct dsp_request {
    uint32_t kind, sequence;
    uint64_t a, b;
};

enum { DSP_TEXT = 256 };

struct dsp_reply {
    uint32_t kind, sequence; /* those of the request */
    uint32_t failed;         /* 0, or 1: text says why */
    uint32_t reserved;
    uint64_t a, b;
    char text[DSP_TEXT];
};

/* ---- programs ---- */

/* Where an operand is. */
enum dsp_space {
    DSP_NOWHERE,   /* there is none */
    DSP_ARENA,     /* shared memory: what may change from run to run */
    DSP_CONSTANTS, /* shared memory: weights, scales, tables; streamed into local memory by tiles */
    DSP_LOCAL,     /* the processor's own memory: values that only this program sees */
    DSP_SPACES
};

struct dsp_range {
    uint64_t offset, bytes;
};

struct dsp_operand {
    uint32_t space, reserved;
    uint64_t offset, bytes; /* in that space; bytes as dsp_step_bytes says */
};

enum dsp_op {
    DSP_CONV, /* x, weight [O, kh, kw, I/groups] of I8, channels [O], residual */
    DSP_MATMUL,
    DSP_BINARY, /* a, b */
    DSP_PRELU,  /* x, multipliers (I32) below zero */
    DSP_TABLE,  /* x, 256 answers in the order of the codes' bytes */
    DSP_POOL,
    DSP_RESIZE, /* x, taps of rows and then of columns */
    DSP_COPY,
    DSP_RESCALE, /* x, dsp_scale of each channel */
    DSP_SOFTMAX, /* x, powers of e: dsp_softmax */
    DSP_NORM,    /* x, dsp_norm_channel of each element of a row */
    DSP_OPS
};

enum { DSP_OPERANDS = 4, DSP_LOOPS = 6, DSP_BATCH_LOOPS = 3 };

struct dsp_image {
    int32_t n, h, w, c; /* in that order in memory */
};

/* Codes: odd ones are unsigned, and from DSP_I16 on they have two bytes. Sums of products of those
 * have 64 bits, of bytes 32. */
enum dsp_type { DSP_I8, DSP_U8, DSP_I16, DSP_U16, DSP_TYPES };

/* round(sum * multiplier / 2^shift), half to even, is the number in steps of the result; of a
 * RESCALE, rounded as that says. */
struct dsp_scale {
    int32_t multiplier;
    uint32_t shift;
};

/* The result's codes: zero is added, then it is held between lo and hi. */
struct dsp_code {
    int32_t zero, lo, hi;
    uint32_t type; /* of operands and results alike */
};

/* Of an output channel of a CONV: (sum * multiplier + offset + (r - zero) * residual) / 2^shift,
 * [0]; should that be below zero, [1]. Codes of two bytes have [0] alone, and no residual. */
struct dsp_channel {
    int64_t offset[2], residual[2];
    int32_t multiplier[2];
    uint32_t shift, reserved;
};

struct dsp_conv {
    struct dsp_image x, y;
    int32_t kernel[2], stride[2], dilation[2], padding[2]; /* padding: top, left */
    int32_t groups, zero_x, zero_w, zero_residual;
    uint32_t sums;       /* y is of I32: sum + offset[0], which wraps */
    uint32_t transposed; /* pixel i of x meets pixel i * stride - padding + tap * dilation of y */
    uint32_t reserved;
    struct dsp_code code;
};

/* y [batch.., M, N] = (a - zero_a) [.., M, K] * (b - zero_b) [.., K, N] */
struct dsp_matmul {
    uint32_t loops; /* of batches */
    int32_t sizes[DSP_BATCH_LOOPS];
    int64_t strides[2][DSP_BATCH_LOOPS]; /* of a and b, in elements */
    int32_t m, k, n, zero_a, zero_b;
    uint32_t transposed; /* b is [.., N, K] */
    uint32_t sums;       /* y is of I32: the sums */
    struct dsp_scale scale;
    struct dsp_code code;
};

/* Loops over a result, outermost first; steps of each operand in elements. */
struct dsp_nest {
    uint32_t loops;
    int32_t sizes[DSP_LOOPS];
    int64_t strides[3][DSP_LOOPS]; /* of y, of x[0], of x[1] */
};

enum dsp_binary_kind { DSP_ADD, DSP_MUL, DSP_MAX, DSP_MIN, DSP_BINARIES };

/* ADD, MAX, MIN: of (a - zero) * multiplier, both in 2^-shift. MUL: multiplier[0] alone.
 * PRELU: multiplier[0] above zero. Of wide ones all are of I32 that wrap, and ADD is
 * a + b * multiplier[1]. */
struct dsp_binary {
    struct dsp_nest nest;
    uint32_t kind, wide;
    int32_t zero[2], multiplier[2];
    uint32_t shift;
    struct dsp_code code;
};

struct dsp_table {
    uint64_t count;
    uint32_t flip; /* 0x80 when the codes are signed: answers are in the order of the codes */
    uint32_t reserved;
};

/* Windows. An average divides by what is inside of the image, by what is inside of the padded one,
 * or (a sum) by nothing; TOSA's multiplies by a reciprocal. */
enum dsp_pool_kind {
    DSP_MAX_POOL,
    DSP_AVERAGE,
    DSP_AVERAGE_PADDED,
    DSP_SUM,
    DSP_AVERAGE_TOSA,
    DSP_POOLS
};
struct dsp_pool {
    struct dsp_image x, y;
    int32_t kernel[2], stride[2], dilation[2], padding[4];
    uint32_t kind;
    int32_t zero_x;
    struct dsp_scale scale;
    struct dsp_code code;
};

/* What a row or a column is made of: two of x's, and the second one's share of 2^20. */
enum { DSP_SHARE_BITS = 20 };
struct dsp_tap {
    int32_t from[2], share;
};
struct dsp_resize {
    struct dsp_image x, y;
    uint32_t bilinear, is_unsigned;
    int32_t zero; /* ties go to the even number of steps from it */
};

struct dsp_copy {
    struct dsp_nest nest;       /* strides[2] is not used */
    int64_t to, from;           /* first elements */
    uint32_t each;              /* bytes of an element: 1 or 2 */
    uint32_t fills, fill_value; /* first fill all of y with this element */
    uint32_t reserved;
};

/* y = (x - zero_x) * multiplier / 2^shift, rounded, + zero_y. Elements have 1, 2 or 4 bytes; scales
 * come in turn. TOSA rounds halves up, or twice: first away from zero, where shifts are above 31.
 */
enum dsp_rounding { DSP_HALVES_UP, DSP_TWICE, DSP_HALVES_EVEN, DSP_ROUNDINGS };
struct dsp_rescale {
    uint64_t count;
    uint32_t scales, x_bytes, y_bytes, unsigned_x;
    uint32_t rounding;
    int32_t zero_x, zero_y, lo, hi;
    uint32_t reserved;
};

/*
 * Along the middle one of three dimensions: e^(x - the largest x), divided by the sum of these. Of
 * bytes, x[1] has e^-i steps in 2^-30, i = 0 to 255, as uint32_t. Of two bytes, the difference
 * 256 i + j has the product of two: x[1] has e^-256i steps, and then e^-j steps, in 2^-42, as
 * uint64_t.
 */
enum { DSP_EXP_BITS = 30, DSP_WIDE_EXP_BITS = 42, DSP_POWERS = 256 };
struct dsp_softmax {
    int32_t outer, length, inner;
    uint32_t reserved;
    struct dsp_scale scale; /* of a part of the whole */
    struct dsp_code code;
};

/*
 * Rows, each by itself. With d = length * (x - zero_x) - their sum, and v = length * the sum of
 * (x - zero_x)^2 - the square of their sum (when rms, both without the sum), which are whole
 * numbers: y = (d / sqrt(v + epsilon) * multiplier + offset) / 2^shift, the quotient in
 * 2^-DSP_NORM_BITS.
 */
enum { DSP_NORM_BITS = 22 };
struct dsp_norm_channel {
    int64_t offset;
    int32_t multiplier;
    uint32_t shift;
};
struct dsp_norm {
    int32_t rows, length, zero_x;
    uint32_t rms, shift; /* v and epsilon are in 2^-shift, which is even */
    uint32_t reserved;
    uint64_t epsilon;
    struct dsp_code code;
};

struct dsp_step {
    uint32_t op, reserved;
    struct dsp_operand y, x[DSP_OPERANDS];
    union {
        struct dsp_conv conv;
        struct dsp_matmul matmul;
        struct dsp_binary binary;
        struct dsp_table table;
        struct dsp_pool pool;
        struct dsp_resize resize;
        struct dsp_copy copy;
        struct dsp_rescale rescale;
        struct dsp_softmax softmax;
        struct dsp_norm norm;
    } as;
};

#define DSP_MAGIC 0x50534450u /* "PDSP" */
enum { DSP_MAX_STEPS = 4096 };

/* Ranges of shared memory, but for `local`, how much of the processor's own memory holds values. */
struct dsp_program {
    uint32_t magic, version, step_count, reserved;
    struct dsp_range arena, constants;
    uint64_t local;
    uint64_t times; /* where to note a struct dsp_time for each step */
    struct dsp_step steps[];
};

struct dsp_time {
    uint64_t start, end; /* CLOCK_MONOTONIC, or what the processor counts, in ns */
};

#endif
