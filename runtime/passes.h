/*
 * What is done to a graph between its import and its execution, in the order of this header.
 *
 * Each pass takes a finished graph and leaves a finished graph that computes the same outputs, up
 * to the rounding of reordered float arithmetic. Why each exists and what it matches:
 * docs/architecture/runtime.md. `backends` is NULL-terminated, most preferred first.
 */
#ifndef RUNTIME_PASSES_H
#define RUNTIME_PASSES_H

#include "runtime/backend.h"
#include "runtime/graph.h"

typedef enum percept_status prt_pass(struct prt_graph *graph,
                                     const struct prt_backend *const *backends,
                                     struct percept_error *error);

/* All of them; those that fuse only when wanted. */
enum percept_status prt_passes_run(struct prt_graph *graph,
                                   const struct prt_backend *const *backends, bool fuse,
                                   struct percept_error *error);

/*
 * Compute what depends on constants only, with the first backend that can; views of constants cost
 * nothing. What no backend can take stays. The first form leaves DEQUANTIZE alone, so that
 * prt_pass_quantise sees quantised weights. The last is for after prt_pass_layout; before it, only
 * operands whose order cannot matter are folded.
 */
prt_pass prt_pass_fold_floats, prt_pass_fold, prt_pass_fold_laid_out;

/* Drop what changes nothing, join chains of views, recognise PRELU, CLAMP and LINEAR. */
prt_pass prt_pass_simplify;

/* Make one op of a function that a program spells out: hardswish, silu, gelu, layer norm. */
prt_pass prt_pass_recognise;

/* Make one ATTENTION of two products and the softmax between them. */
prt_pass prt_pass_attention;

/* Move functions up over views, and views of rows up over LINEAR, so that layers meet what they can
 * take in. */
prt_pass prt_pass_hoist;

/* Make one DYNAMIC_LINEAR of a product of rounded rows with a constant weight of 8 bits. */
prt_pass prt_pass_dynamic;

/* Take padding, bias, scale, residual, activation and a function after it into CONV2D,
 * LINEAR, BINARY and POOL2D. */
prt_pass prt_pass_fuse;

/*
 * Turn float ops between DEQUANTIZE and QUANTIZE into ops on the integers. Quantised forms that it
 * makes: CONV2D and LINEAR (bias F32 or I32, any activation), BINARY add to min (scalars stay),
 * UNARY, PRELU, POOL2D, REDUCE, RESIZE2D, CONCAT, and the views; QUANTIZE from I8 or U8. Where a
 * backend that is not on the host takes them: MATMUL, SOFTMAX, LAYER_NORM, weights with a zero
 * point.
 */
prt_pass prt_pass_quantise;

/* Leave the taps out of CONV2D kernels that meet nothing but padding. */
prt_pass prt_pass_trim;

/* Make one TABLE of each chain of functions from 8-bit codes to 8-bit codes. */
prt_pass prt_pass_tabulate;

/*
 * Fix the dim_order of every value by its producer's layout rule and insert LAYOUT copies where two
 * rules meet that disagree. The method's inputs and outputs keep the program's order. Afterwards
 * the bytes of a PERMUTE's or a RESHAPE's input are the bytes of its output.
 */
prt_pass prt_pass_layout;

/*
 * Rewrite the quantised nodes that no backend takes as DEQUANTIZE, the op on floats, QUANTIZE:
 * importers and passes may then make any quantised node, and backends offer those worth having.
 */
prt_pass prt_pass_expand;

#endif
