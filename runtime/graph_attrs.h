/*
 * Attributes of the ops that look elements up, sort them, or slide windows in three dimensions.
 * Part of graph.h, which includes it.
 */
#ifndef RUNTIME_GRAPH_ATTRS_H
#define RUNTIME_GRAPH_ATTRS_H

#include "runtime/tensor.h"

/*
 * GATHER: inputs: x, index...   output: y, with y[p] = x[c] for each of y's indices p.
 * SCATTER: inputs: x, src, index...   output: y = x, and then y[c] = src[p] for each of src's
 * indices p in row-major order (or y[c] += src[p]).
 *
 * Along dimension d of x, c[d] = p[from[d]]; or, when from[d] is PRT_INDEXED + k, index operand k
 * at p. Index operands are I32 or I64, have p's rank, and along each dimension p's size or 1. They
 * count from the end when negative; one that is outside of x ends the run with an error.
 */
enum { PRT_INDEXED = PRT_MAX_RANK };
struct prt_index_attrs {
    uint8_t from[PRT_MAX_RANK];
    bool add; /* SCATTER only; a BOOL sum is "or" */
};

/*
 * ROUND_ROWS: inputs: x.   output: y, x's sizes. Each row of x, which is its last `dims`
 * dimensions, rounded to the 256 codes that cover its own range and 0 (asymmetric: PyTorch's
 * choose_qparams, quantize and dequantize in one). A scale, the step from code to code, is at least
 * `least`. F32.
 *
 * DYNAMIC_LINEAR: inputs: x [.., I], weight [O, I], scales [O, groups] (F32 or BF16), bias [O] |NO.
 * output: y [.., O] = act(r * w^T + bias), where r is ROUND_ROWS of x (with `least`; dims 1, or
 * with `whole` all of its dimensions) and w is the weight, I8, times the scale of its group of I /
 * groups neighbours. Products and sums of a group are exact. I is at most PRT_DYNAMIC_INPUTS, so
 * that 32 bits hold them. act: NONE or CLAMP, of graph.h.
 */
enum { PRT_DYNAMIC_INPUTS = 1 << 16 };
struct prt_round_rows_attrs {
    int32_t dims;
    float least; /* 0 or more, finite */
};

/*
 * inputs: x.   output: I64, x's sizes but for the axis: indices along it, in the order of the
 * elements there; only the first of them when y is shorter. Equal elements keep their order. NaN
 * counts as the greatest.
 * median: y has size 1 along the axis and is the index of the lower median, or of the first NaN.
 */
struct prt_argsort_attrs {
    int32_t axis;
    bool descending, median;
};

/*
 * inputs: x [N, C, D, H, W], weight [O, C/groups, kd, kh, kw] (transposed: [C, O/groups, ..]),
 * bias [O] |NO.   output: y [N, O, D, H, W]. F32 or F64; weights may be computed.
 */
struct prt_conv3d_attrs {
    int32_t stride[3], dilation[3], padding[3], output_padding[3]; /* d, h, w */
    int32_t groups;
    bool transposed;
};

/*
 * inputs: x [P, D, H, W].   output: y [P, D, H, W], of x's type, or I64 for MAX_INDEX: where the
 * maximum is among the D * H * W of its plane. NaN is a maximum.
 * adaptive: window i of n over a size s is [floor(i * s / n), ceil((i + 1) * s / n)); kernel and
 * what follows it do not count.
 */
enum prt_pool3d_kind { PRT_POOL3D_MAX, PRT_POOL3D_MAX_INDEX, PRT_POOL3D_AVERAGE };
struct prt_pool3d_attrs {
    enum prt_pool3d_kind kind;
    bool adaptive, count_include_pad;
    int32_t kernel[3], stride[3], dilation[3], padding[3]; /* d, h, w; both sides alike */
    int64_t divisor; /* of an average, in place of the window's count; 0: the count */
};

/*
 * inputs: x [N, C, H, W], grid [N, h, w, 2]: where to look, x (along W) first, -1 to 1 from edge to
 * edge.   output: y [N, C, h, w]. All F32 or all F64. As PyTorch's grid_sample.
 */
enum prt_grid_mode { PRT_GRID_BILINEAR, PRT_GRID_NEAREST, PRT_GRID_BICUBIC, PRT_GRID_MODES };
enum prt_grid_edge { PRT_GRID_ZEROS, PRT_GRID_BORDER, PRT_GRID_REFLECTION, PRT_GRID_EDGES };
struct prt_grid_attrs {
    enum prt_grid_mode mode;
    enum prt_grid_edge edge;
    bool align_corners;
};

/* inputs: a [..., P, M], b [..., R, M], leading dimensions alike.   output: [..., P, R]: the p-norm
 * of each difference (p = 0: how many differ; inf: the greatest). All F32 or all F64. */
struct prt_distance_attrs {
    double p;
};

/*
 * inputs: table [V, D], indices [N], offsets [B], or [B + 1], whose last ends the last bag,
 * weights [N] |NO.   output: [B, D]: of bag b the rows from index offsets[b] to before
 * offsets[b + 1], summed up (each times its weight), averaged, or the greatest; zeros when there
 * are none. Rows of the index `padding` do not count. Table, weights and result are all F32 or all
 * F64; indices and offsets I32 or I64. Those that are out of range end the run with an error. A
 * mean is PyTorch's, which takes the last offset for N when it counts the last bag.
 */
enum prt_bag_mode { PRT_BAG_SUM, PRT_BAG_MEAN, PRT_BAG_MAX, PRT_BAG_MODES };
struct prt_bag_attrs {
    enum prt_bag_mode mode;
    int64_t padding; /* -1: none */
};

/*
 * inputs: x, I64 of one element.   output: y = x. Another number than `size` ends the run with
 * CANCELLED: sizes of the graph follow from it. See struct prt_data_size.
 */
struct prt_expect_attrs {
    int64_t size;
};

/*
 * inputs: the tensors that a delegate's call hands in.   outputs: one or more, those that it gets
 * back. What a vendor's compiler made for its own processor: only a backend that knows the delegate
 * can run it, and nobody can look inside. All tensors lie row-major, in the order of their bytes in
 * the program (of OpenVINO's, in that of their sizes in PyTorch). Whoever runs it checks them
 * against what the payload says.
 */
struct prt_blob_attrs {
    const char *delegate; /* "VgfBackend" */
    const char *device;   /* it was compiled for, as its compiler was told: "NPU"; or NULL */
    const void *payload;  /* in the program's file */
    size_t bytes;
};

#endif
