/*
 * Convolutions and fully connected layers on the CPU, fp32 and int8.
 *
 * A cpu_conv is made once from the shape and the weights, which it repacks and then owns, and runs
 * often. Activations are channels last: x [batch, h, w, c], dense; y and the residual likewise. A
 * linear layer of M rows is the 1x1 convolution of one image of 1 x M pixels (cpu_conv_linear).
 *
 *     y = after(act(conv(x, weight) + bias + residual))     (runtime/graph.h: prt_conv_attrs)
 *
 * int8: x, residual and y are I8 or U8, each with one scale and zero point; weights I8 with one
 * scale or one an output channel. The sum of products is exact (int32); the rest is done in fp32:
 * y = clamp(round_half_even(act(sum * x.scale * weight.scale + bias + residual) / y.scale) +
 * zero_point), which is what PT2E's quantise-dequantise graph states, to within one step.
 *
 * A cpu_conv does not change after it is made: several threads may run one at once, each with its
 * own scratch.
 */
#ifndef BACKENDS_CPU_CONV_H
#define BACKENDS_CPU_CONV_H

#include "backends/cpu/isa.h"
#include "base/hash.h"
#include "base/status.h"
#include "base/thread_pool.h"
#include "runtime/graph.h"

struct cpu_conv;

struct cpu_conv_code {
    float scale;
    int32_t zero_point;
};

struct cpu_conv_spec {
    enum cpu_isa isa;     /* usually cpu_isa_best() */
    unsigned threads;     /* most workers that a run will have; at least 1 */
    enum prt_dtype dtype; /* of x, residual and y: F32, I8 or U8 */
    int32_t batch;
    int32_t input[3], output[3]; /* h, w, c */
    int32_t kernel[2];           /* h, w */
    struct prt_conv_attrs attrs; /* nhwc is ignored: strides say how the weights lie; of the padding
                                    only top and left matter, the output's sizes imply the rest */
    bool residual;               /* runs add one */
    struct cpu_conv_code x, r, y; /* int8 only: codes of x, of the residual and of y */
};

/* A weight that is not in memory yet. */
struct cpu_weight_source {
    /* Some of its bytes, valid until the next are asked for; NULL, and the error filled. */
    const void *(*read)(void *context, size_t offset, size_t size);
    void *context;
    const enum percept_status *status; /* why there were none */
    size_t bytes;
    struct base_hash key; /* of what the bytes are, without reading them */
};

struct cpu_conv_weights {
    const void *weight; /* F32; I8 when the spec's dtype is I8 or U8 */
    int64_t first;      /* element of the weight that lies there: 0, unless it is read in parts */
    struct base_slab *slab;                 /* where packed weights go; or NULL */
    struct prt_cache *cache;                /* where they may be already; or NULL */
    const struct cpu_weight_source *source; /* NULL, or where it comes from when it is wanted: then
                                               weight is NULL */
    /* In elements: output channel, kernel row, kernel column, input channel. The input channel
     * counts within its group. Transposed: the output channel counts within its group, the input
     * channel over all groups. */
    int64_t strides[4];
    const void *bias;          /* one an output channel, or NULL */
    enum prt_dtype bias_dtype; /* F32, in real units; or, for int8, I32 in units of
                                  x.scale * weight scale */
    const float *scales;       /* int8: of the weights */
    uint32_t scale_count;      /* 1, or the output channels */
    const float *slope;        /* PRT_ACT_PRELU: */
    uint32_t slope_count;      /* 1, or the output channels */
};

/* The weight strides of PyTorch's [O, I/groups, kh, kw] (transposed: [I, O/groups, kh, kw]) and of
 * XNNPACK's [O, kh, kw, I/groups]. */
void cpu_conv_strides_torch(const struct cpu_conv_spec *spec, int64_t strides[4]);
void cpu_conv_strides_nhwc(const struct cpu_conv_spec *spec, int64_t strides[4]);

/* Shape a spec (everything else kept) into a linear layer: rows x inputs -> rows x outputs. Its
 * weight strides are {inputs, 0, 0, 1} for [O, I] and {1, 0, 0, outputs} for [I, O]. */
void cpu_conv_linear(struct cpu_conv_spec *spec, int32_t rows, int32_t inputs, int32_t outputs);

/*
 * Choose a kernel and pack the weights. Nothing of the arguments is kept. INVALID when sizes and
 * attributes disagree, UNSUPPORTED for a dtype, NO_MEMORY.
 */
enum percept_status cpu_conv_create(const struct cpu_conv_spec *spec,
                                    const struct cpu_conv_weights *weights, struct cpu_conv **conv,
                                    struct percept_error *error);
void cpu_conv_destroy(struct cpu_conv *conv); /* NULL is fine */

/* Bytes of scratch, 64-byte aligned, that a run needs; its contents do not matter. */
size_t cpu_conv_scratch_bytes(const struct cpu_conv *conv);

/* What runs, for profiles: "gemm f32 avx2". Static text. */
const char *cpu_conv_kernel(const struct cpu_conv *conv);

/*
 * Run. y may be the residual's memory, but must not overlap x. residual is NULL unless the spec has
 * one. A pool with more threads than the spec's is not used.
 */
void cpu_conv_run(const struct cpu_conv *conv, const void *x, const void *residual, void *y,
                  void *scratch, struct base_pool *pool);

#endif
