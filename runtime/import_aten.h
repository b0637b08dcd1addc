/* What the files of the ATen importer share. Private to them. */
#ifndef RUNTIME_IMPORT_ATEN_H
#define RUNTIME_IMPORT_ATEN_H

#include "runtime/import.h"

struct prt_aten_op {
    const char *name;      /* "aten::add.out" */
    const char *signature; /* see prt_import_call */
    enum percept_status (*translate)(struct prt_import *import, const struct prt_aten_op *op,
                                     struct prt_call *call);
    int kind; /* which of the functions that share a translator */
};

/* The rows of one file. */
struct prt_aten_table {
    const struct prt_aten_op *ops;
    size_t count;
};

extern const struct prt_aten_table prt_aten_math;         /* import_aten_math.c: elementwise */
extern const struct prt_aten_table prt_aten_quant_run;    /* import_aten_quant_run.c: by rows */
extern const struct prt_aten_table prt_aten_pointwise;    /* import_aten_pointwise.c: rarer ones */
extern const struct prt_aten_table prt_aten_reduce_table; /* import_aten_reduce.c */
extern const struct prt_aten_table prt_aten_shape;        /* import_aten_shape.c: moving data */
extern const struct prt_aten_table prt_aten_nn;           /* import_aten_nn.c: layers */
extern const struct prt_aten_table prt_aten_norm;         /* import_aten_norm.c */
extern const struct prt_aten_table prt_aten_quant;        /* import_aten_quant.c */
extern const struct prt_aten_table prt_aten_index;        /* import_aten_index.c: looking up */
extern const struct prt_aten_table prt_aten_order;        /* import_aten_order.c: sorting */
extern const struct prt_aten_table prt_aten_masked; /* import_aten_masked.c: as large as data say */
extern const struct prt_aten_table prt_aten_arrange;   /* import_aten_arrange.c: fixed patterns */
extern const struct prt_aten_table prt_aten_window;    /* import_aten_window.c: unusual windows */
extern const struct prt_aten_table prt_aten_resample;  /* import_aten_resample.c: other sizes */
extern const struct prt_aten_table prt_aten_product;   /* import_aten_product.c: of matrices */
extern const struct prt_aten_table prt_aten_normalise; /* import_aten_normalise.c: layers */
extern const struct prt_aten_table prt_aten_backward;  /* import_aten_backward.c: gradients */
extern const struct prt_aten_table prt_aten_spectrum;  /* import_aten_spectrum.c: Fourier's */
extern const struct prt_aten_table prt_aten_loop;      /* import_aten_loop.c: of rows */
extern const struct prt_aten_table prt_aten_prim;      /* import_aten_prim.c: scalar arithmetic */

extern const struct prt_aten_table prt_aten_cadence; /* import_cadence.c: a processor's own */
extern const struct prt_aten_table prt_aten_cadence_layers; /* import_cadence_layers.c */
extern const struct prt_aten_table prt_aten_llama;          /* import_aten_llama.c: caches */
extern const struct prt_aten_table prt_aten_affine;         /* import_aten_affine.c: torchao's */
extern const struct prt_aten_table prt_aten_mixed;     /* import_aten_mixed.c: codes and reals */
extern const struct prt_aten_table prt_aten_embedding; /* import_aten_embedding.c: codes */

/* The row of an operator, NULL when there is none. */
const struct prt_aten_op *prt_aten_find(const char *name);

#define PRT_ATEN_TABLE(rows)                   \
    {                                          \
        (rows), sizeof(rows) / sizeof(rows)[0] \
    }

bool prt_aten_is_float(enum prt_dtype dtype);
/* Argument index as an operand: its tensor, or its number. */
enum percept_status prt_aten_operand(struct prt_import *import, const struct prt_call *call,
                                     unsigned index, uint32_t *id);

/* y = a op b, computed in the element type of y (but for comparisons) and broadcast to it. Operands
 * are tensors or scalars of the graph. */
enum percept_status prt_aten_binary(struct prt_import *import, enum prt_binary_kind kind,
                                    uint32_t a, uint32_t b, double alpha, uint32_t y);
enum percept_status prt_aten_unary(struct prt_import *import, enum prt_unary_kind kind, uint32_t x,
                                   double a, double b, uint32_t y);
/* *x becomes f(*x), or *x op other, in a new value of its own sizes and element type. */
enum percept_status prt_aten_apply(struct prt_import *import, enum prt_unary_kind kind, double a,
                                   double b, uint32_t *x);
enum percept_status prt_aten_with(struct prt_import *import, enum prt_binary_kind kind, uint32_t *x,
                                  uint32_t other);
enum percept_status prt_aten_reduce(struct prt_import *import, enum prt_reduce_kind kind,
                                    uint32_t x, uint32_t axes, bool keep_dims, uint32_t y);
/* The list of dimensions in an argument as a bit set; an empty one and None mean all. */
enum percept_status prt_aten_axes(struct prt_import *import, const struct prt_call *call,
                                  unsigned index, unsigned rank, uint32_t *axes);
/* The mean over axes, x less it, and the mean of the square of that; axes stay with size 1. */
enum percept_status prt_aten_moments(struct prt_import *import, uint32_t x, uint32_t axes,
                                     uint32_t *mean, uint32_t *centred, uint32_t *variance);
/* The result of a binary op with x and a number, of x's type. */
enum percept_status prt_aten_with_number(struct prt_import *import, enum prt_binary_kind kind,
                                         uint32_t x, double number, uint32_t *y);
/* Quantise and dequantise with scales that only a run knows, or to types that hold no codes
 * (import_aten_quant_run.c). */
enum percept_status prt_aten_quantize_at_run(struct prt_import *import,
                                             const struct prt_aten_op *op, struct prt_call *call);
enum percept_status prt_aten_dequantize_at_run(struct prt_import *import,
                                               const struct prt_aten_op *op, struct prt_call *call);
/* x as y wants it: y's layout and, when it is 'Q', x's quantisation. */
void prt_aten_keep_quant(struct prt_import *import, uint32_t x, uint32_t y);
/* Rows a1..an of x along axis, in a new value. */
enum percept_status prt_aten_slice(struct prt_import *import, uint32_t x, int32_t axis,
                                   int64_t start, int64_t end, int64_t step, uint32_t y);
/* Of (self, dim, start, end, step, out): when only a run knows start or end, and how many elements
 * that are depends on it, they are taken to be what was found before; at first, all `most` of them,
 * or as many as the result may have. */
enum percept_status prt_aten_slice_bounds(struct prt_import *import, const struct prt_call *call,
                                          int32_t axis, int64_t most);
/* The same as prt_aten_slice for such a call, of which only a run knows start and end. */
enum percept_status prt_aten_slice_at_run(struct prt_import *import, const struct prt_call *call,
                                          int32_t axis);
/* How many elements that has. */
enum percept_status prt_aten_slice_count(struct prt_import *import, const struct prt_call *call,
                                         int64_t *count);
/* Indices along an axis of `rank`: as many as `count`, from the number in an argument of a call on.
 */
enum percept_status prt_aten_places(struct prt_import *import, const struct prt_call *call,
                                    unsigned index, int32_t count, int64_t step, unsigned rank,
                                    int32_t axis, uint32_t *id);
/* Is the number in an argument one that only a run knows? */
bool prt_call_is_at_run(const struct prt_import *import, const struct prt_call *call,
                        unsigned index);
/* The number in an argument as an INT or a tensor of one element. */
enum percept_status prt_aten_place(struct prt_import *import, const struct prt_call *call,
                                   unsigned index, uint32_t *id);
/* y[p] = x[c], see GATHER. */
enum percept_status prt_aten_gather(struct prt_import *import, uint32_t x, unsigned count,
                                    const uint32_t *indices, const struct prt_index_attrs *attrs,
                                    uint32_t y);
/* y = x but for y[c] = src[p], see SCATTER. */
enum percept_status prt_aten_scatter(struct prt_import *import, uint32_t x, uint32_t src,
                                     unsigned count, const uint32_t *indices,
                                     const struct prt_index_attrs *attrs, uint32_t y);
/* A scalar tensor as one of one element. */
enum percept_status prt_aten_lift(struct prt_import *import, uint32_t *x);
/* Argument `index` as an axis of x, which has at least one. */
enum percept_status prt_aten_axis_of(struct prt_import *import, const struct prt_call *call,
                                     unsigned index, int64_t fallback, uint32_t x, int32_t *axis);
/* A constant of `count` indices along one axis of `rank`; the other sizes are 1. */
enum percept_status prt_aten_index_list(struct prt_import *import, const int32_t *list,
                                        int32_t count, unsigned rank, int32_t axis, uint32_t *id);
/* Each dimension of x follows the same one of y. */
struct prt_index_attrs prt_aten_index_straight(void);
/* In a call's list of indices, a mask becomes one index for each of its dimensions. stated: how
 * many elements are true, when the program says so; else -1. */
enum percept_status prt_aten_open_masks(struct prt_import *import, struct prt_call *call,
                                        int64_t stated);
/* x as a new value of other sizes (dimensions of 1 where it has none), row-major. */
enum percept_status prt_aten_as(struct prt_import *import, uint32_t x, unsigned rank,
                                const int32_t *sizes, uint32_t *id);
/* x, broadcast to sizes by copying where they differ. */
enum percept_status prt_aten_broadcast(struct prt_import *import, uint32_t x, unsigned rank,
                                       const int32_t *sizes, uint32_t *id);
/* x moved into y of the same elements, converted when the element types differ. */
enum percept_status prt_aten_into(struct prt_import *import, uint32_t x, uint32_t y);
/* A new value of y's type, full of a number. */
enum percept_status prt_aten_filled(struct prt_import *import, const struct prt_tensor *spec,
                                    int64_t number, uint32_t *id);

/* One number that is known now: an argument, or a constant tensor with one element; and `count` of
 * them, from argument `first` on (import_aten_codes.c). */
enum percept_status prt_aten_known_number(struct prt_import *import, const struct prt_call *call,
                                          unsigned index, double *number);
enum percept_status prt_aten_known_numbers(struct prt_import *import, const struct prt_call *call,
                                           unsigned first, unsigned count, double *numbers);

/* Codes of 8 or 16 bits whose scale a call states, whatever they were made with
 * (import_aten_codes.c): scale * (x - zero), a new value; the same in *y, which 8 bits take; a
 * value for the real result that becomes y's codes; and x as these codes. */
enum percept_status prt_aten_numbers_of(struct prt_import *import, uint32_t x, double scale,
                                        double zero, uint32_t *id);
enum percept_status prt_aten_numbers_in(struct prt_import *import, uint32_t x, double scale,
                                        double zero, uint32_t *y);
enum percept_status prt_aten_real_result(struct prt_import *import, uint32_t y, uint32_t *id);
enum percept_status prt_aten_codes_of(struct prt_import *import, uint32_t x, double scale,
                                      double zero, uint32_t y);
/* x's bytes, of 8 bits, as codes with that scale and zero point. */
enum percept_status prt_aten_as_codes(struct prt_import *import, uint32_t x, double scale,
                                      double zero, uint32_t *id);

/* Elements of a row-major tensor in another order: up to four sizes, then ones. */
struct prt_weight_view {
    unsigned rank;
    int32_t sizes[4];
    int64_t strides[4], first;
};
struct prt_weight_view prt_aten_weight_view(const struct prt_import *import, uint32_t x);
/* The numbers of a weight, seen so. Kernels have signed ones alone, so unsigned codes become those
 * that mean the same. */
enum percept_status prt_aten_weight_of(struct prt_import *import, uint32_t x,
                                       const struct prt_weight_view *view, double scale,
                                       double zero, uint32_t *id);

/* Is x a constant, but for changes of order or type that a pass folds? */
bool prt_aten_is_weight(const struct prt_import *import, uint32_t x);
/* y = x weight^T + bias, all of one type: fp32, fp64 or int64. */
enum percept_status prt_aten_linear(struct prt_import *import, uint32_t x, uint32_t weight,
                                    uint32_t bias, uint32_t y);
/* (input, output_size, align_corners, scales.., out), kind 0: linear along each axis. */
enum percept_status prt_aten_resample_by(struct prt_import *import, const struct prt_aten_op *op,
                                         struct prt_call *call);
/* What import_aten_nn.c leaves to others: (as aten::convolution.out) in fp32 or fp64, weights
 * computed or not, one to three dimensions. */
enum percept_status prt_aten_conv3d(struct prt_import *import, const struct prt_call *call);
/* Stride, padding, dilation, transposed, output_padding and groups from argument `first` on. */
enum percept_status prt_aten_conv3d_attrs(struct prt_import *import, const struct prt_call *call,
                                          unsigned first, unsigned spatial,
                                          struct prt_conv3d_attrs *attrs);
/* x as five dimensions in dtype: missing ones of space have size 1. */
enum percept_status prt_aten_with_volume(struct prt_import *import, uint32_t *x,
                                         enum prt_dtype dtype);
/* Windows over the last `spatial` dimensions of x; attrs are for three. */
enum percept_status prt_aten_pool3d(struct prt_import *import, uint32_t x, unsigned spatial,
                                    const struct prt_pool3d_attrs *attrs, uint32_t y);
enum percept_status prt_aten_max_pool(struct prt_import *import, const struct prt_aten_op *op,
                                      struct prt_call *call);
enum percept_status prt_aten_average_pool(struct prt_import *import, const struct prt_aten_op *op,
                                          struct prt_call *call);
enum percept_status prt_aten_adaptive_pool(struct prt_import *import, const struct prt_aten_op *op,
                                           struct prt_call *call);

#endif
