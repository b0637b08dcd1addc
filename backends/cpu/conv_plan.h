/*
 * What a cpu_conv is inside. Private to conv.c (arguments, packing of what belongs to channels),
 * conv_gemm.c, conv_depthwise.c and conv_pack.c.
 */
#ifndef BACKENDS_CPU_CONV_PLAN_H
#define BACKENDS_CPU_CONV_PLAN_H

#include "backends/cpu/conv.h"
#include "backends/cpu/kernels.h"
#include "backends/cpu/lines.h"
#include "backends/cpu/loops.h"

/* Padding of per-channel arrays: kernels read whole panels. */
enum { CPU_CHANNEL_SLACK = 32 };

struct cpu_conv_call {
    const struct cpu_conv *conv;
    const uint8_t *x, *residual;
    uint8_t *y, *scratch;
};

struct cpu_conv {
    struct cpu_conv_spec spec;
    const struct cpu_kernels *kernels;
    const char *name;
    base_pool_fn task; /* context is a struct cpu_conv_call */
    size_t tasks;
    size_t scratch_a_worker; /* a multiple of 64 */
    size_t element;          /* bytes of x and y */
    uint8_t flip;            /* 128 for U8, see struct cpu_requant */
    int32_t x_zero;          /* likewise */

    struct cpu_finish finish;   /* fp32 */
    cpu_body after;             /* fp32: the function that follows finish, or NULL */
    struct cpu_requant requant; /* int8 */
    float *channels;            /* bias, slope and scale, each of the output channels and slack */
    void *packed;               /* weights; shared with other models (shared.h) */
    size_t packed_bytes;

    union {
        struct {
            enum { CPU_GEMM_POINTS, CPU_GEMM_PIXELS, CPU_GEMM_ROWS, CPU_GEMM_BLOCKS } window;
            size_t taps, depth, row_bytes;    /* row_bytes: of a window */
            size_t steps, number_bytes;       /* int8: of a sum, of a number of x in a window */
            uint8_t zero;                     /* int8: bytes of such a number that stands for 0 */
            size_t column_bytes, group_bytes; /* packed weights of a channel, of a group */
            size_t row_tasks, panel_tasks, block_rows;
            size_t lines_offset;        /* int8: in a worker's scratch */
            size_t strip_tiles, strips; /* BLOCKS: tiles of a strip, strips of a row of tiles */
        } gemm;
        struct {
            size_t channel_group, row_tasks, column_tasks;
            size_t strip_columns; /* fp32; int8: all */
            size_t strip_rows;    /* int8 */
            /* int8, when there is a kernel for pairs: how many; input rows from one line of pairs
             * to the next; pixels in a line; int32s of a pixel. 0 pairs: on floats. */
            size_t pairs, line_step, line_pixels, pixel;
        } depthwise;
    };
};

/* Columns of all panels of so many outputs. */
static inline size_t cpu_padded_columns(const struct cpu_kernels *kernels, size_t outputs)
{
    size_t rest = outputs % kernels->columns;
    return outputs - rest + (rest ? cpu_panel_columns(kernels, rest) : 0);
}

/* Fill in what is theirs of a conv whose other fields are set; NO_MEMORY or LIMIT. */
enum percept_status cpu_conv_plan_gemm(struct cpu_conv *conv,
                                       const struct cpu_conv_weights *weights);
/* Blocks of 4x4 outputs (struct cpu_winograd): for convolutions of which this is true. */
bool cpu_conv_is_winograd(const struct cpu_conv *conv);
enum percept_status cpu_conv_plan_winograd(struct cpu_conv *conv,
                                           const struct cpu_conv_weights *weights);
enum percept_status cpu_conv_plan_depthwise(struct cpu_conv *conv,
                                            const struct cpu_conv_weights *weights);

/* Channels of one group. */
static inline size_t cpu_group_inputs(const struct cpu_conv_spec *spec)
{
    return (size_t)(spec->input[2] / spec->attrs.groups);
}

static inline size_t cpu_group_outputs(const struct cpu_conv_spec *spec)
{
    return (size_t)(spec->output[2] / spec->attrs.groups);
}

/* Let conv->packed be count * size bytes for which `fill` writes all that is not 0, or the same
 * that another conv has already. fill is false when the weights cannot be had. */
typedef bool cpu_conv_fill(const struct cpu_conv *conv, const struct cpu_conv_weights *weights);
enum percept_status cpu_conv_pack(struct cpu_conv *conv, const struct cpu_conv_weights *weights,
                                  size_t count, size_t size, cpu_conv_fill *fill);
/* Let *weights have the whole weight, valid until the next; false when it cannot be had. */
bool cpu_conv_read(struct cpu_conv_weights *weights);
/* Pack the weights of a conv of which everything else of the gemm is planned. */
enum percept_status cpu_conv_pack_gemm(struct cpu_conv *conv,
                                       const struct cpu_conv_weights *weights);

/* Into how many tasks of equal work to cut this many multiply-adds: enough that threads which are
 * slowed down can leave work to others, none so small that waking a thread costs as much. 1 means
 * that the caller does it all. */
size_t cpu_conv_tasks(const struct cpu_conv *conv, double macs, double macs_a_ns);

/* Apply spec.attrs.after, if there is one, to a block of y just computed: rows of `channels`
 * numbers, `stride` apart. */
void cpu_conv_after(const struct cpu_conv *conv, float *y, size_t rows, size_t channels,
                    size_t stride);

/* 64-byte aligned, zeroed; NULL when out of memory. Free with free(). */
void *cpu_conv_alloc(size_t count, size_t size);

/* Where the weight of output channel o, kernel row and column, input channel i of a group lies. */
static inline int64_t cpu_weight_at(const struct cpu_conv_spec *spec, const int64_t strides[4],
                                    size_t group, size_t o, size_t row, size_t column, size_t i)
{
    size_t groups = (size_t)spec->attrs.groups;
    /* PyTorch's weight of a transposed convolution has input channels first, and so its groups. */
    if (spec->attrs.transposed && !spec->attrs.nhwc)
        i += group * ((size_t)spec->input[2] / groups);
    else
        o += group * ((size_t)spec->output[2] / groups);
    return (int64_t)o * strides[0] + (int64_t)row * strides[1] + (int64_t)column * strides[2] +
           (int64_t)i * strides[3];
}

#endif
