/*
 * The graph IR: what every importer produces, every pass rewrites and every backend consumes.
 *
 * A graph is a list of values and a list of nodes in execution order, in SSA form: each tensor
 * value has at most one producer (none for inputs, constants and state), and memory is not part of
 * the IR; the planner assigns it last.
 *
 * The op set is canonical and small. Importers translate: `aten::add.out`, an XNNPACK add node and
 * a TOSA ADD all become PRT_OP_BINARY. What an exporter fixes (stride, axis, activation bounds) is
 * an attribute of the node; what a program can compute at run time (a tensor, a scalar operand, the
 * sizes of a reshape) is an input value, which is usually constant.
 *
 * Not thread-safe while it is built; read-only and shareable after prt_graph_finish.
 */
#ifndef RUNTIME_GRAPH_H
#define RUNTIME_GRAPH_H

#include "base/arena.h"
#include "base/status.h"
#include "runtime/graph_attrs.h"
#include "runtime/tensor.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PRT_NO_VALUE UINT32_MAX /* an absent optional operand */

/* ---- values ---- */

enum prt_value_kind {
    PRT_VALUE_NONE, /* also a value removed by a pass */
    PRT_VALUE_TENSOR,
    PRT_VALUE_INT,
    PRT_VALUE_DOUBLE,
    PRT_VALUE_BOOL,
    PRT_VALUE_STRING,
    PRT_VALUE_INT_LIST,
    PRT_VALUE_DOUBLE_LIST,
    PRT_VALUE_BOOL_LIST,
    PRT_VALUE_TENSOR_LIST, /* only inside importers: nodes take the tensors themselves */
    PRT_VALUE_AT_RUN,      /* likewise: an integer that a run computes */
};

enum prt_value_flag {
    PRT_FLAG_INPUT = 1 << 0, /* set by the caller before a run */
    PRT_FLAG_OUTPUT =
        1 << 1, /* read by the caller after a run; its dim_order is fixed by the program */
    PRT_FLAG_CONSTANT = 1 << 2, /* data holds its bytes, forever */
    PRT_FLAG_STATE = 1 << 3,    /* survives between runs; data is the initial state, NULL = zeros */
    PRT_FLAG_DEFERRED = 1 << 4, /* a CONSTANT that is not in memory yet: deferred.h */
    /* Of a DEFERRED I8: there it has half a byte for an element, plus 8, the first of two below. */
    PRT_FLAG_HALF_BYTES = 1 << 5,
    /* Whatever is said of data in another place, another view of it has, too. */
    PRT_FLAGS_DEFERRED = PRT_FLAG_DEFERRED | PRT_FLAG_HALF_BYTES,
};

struct prt_factors;
struct prt_program;

struct prt_value {
    enum prt_value_kind kind;
    uint32_t flags;
    uint32_t
        producer; /* index into nodes, PRT_NO_VALUE for none; kept by prt_graph_finish and passes */
    uint32_t uses;    /* how often it is an operand, plus one for an OUTPUT; kept likewise */
    const char *name; /* for people; may be NULL */
    const void *data; /* CONSTANT and STATE tensors: row of bytes in dim_order layout, aligned for
                         the dtype, owned elsewhere (the program's mapping or the graph's arena) */
    size_t bytes;     /* of a tensor */
    const struct prt_factors *factors; /* DEFERRED: what its elements are multiplied by; or NULL */
    union {
        struct prt_tensor tensor;
        int64_t i;
        double d;
        bool b;
        struct {
            const char *text;
            size_t length;
        } string;
        struct {
            uint32_t count;
            const uint32_t *ids; /* TENSOR_LIST; or an INT_LIST whose items are computed at run
                                    time; else NULL */
            const int64_t *ints;
            const double *doubles;
            const bool *bools;
        } list;
    };
};

/* ---- nodes ---- */

/* What a fused epilogue does last. CLAMP with -inf/inf bounds is legal and means NONE. */
enum prt_activation_kind {
    PRT_ACT_NONE,
    PRT_ACT_CLAMP, /* min(max(x, lo), hi): relu, relu6, hardtanh */
    PRT_ACT_PRELU, /* x < 0 ? slope[c] * x : x; slope is the node's last input */
};

struct prt_activation {
    enum prt_activation_kind kind;
    float lo, hi;
};

/* Functions of one number. a and b are the parameters of those that have them: leaky_relu slope =
 * a, elu alpha = a, clamp lo = a, hi = b, logit bound = a (x first goes to [a, 1 - a]). */
/* clang-format off */
#define PRT_UNARY_TABLE(X)                                                                     \
    X(CLAMP, "clamp") X(SIGMOID, "sigmoid") X(TANH, "tanh") X(HARDSWISH, "hardswish")           \
    X(HARDSIGMOID, "hardsigmoid") X(GELU, "gelu") X(GELU_TANH, "gelu_tanh") X(SILU, "silu")     \
    X(LEAKY_RELU, "leaky_relu") X(ELU, "elu") X(EXP, "exp") X(LOG, "log") X(SQRT, "sqrt")       \
    X(RSQRT, "rsqrt") X(ABS, "abs") X(NEG, "neg") X(RECIPROCAL, "reciprocal")                   \
    X(SQUARE, "square") X(FLOOR, "floor") X(CEIL, "ceil") X(ROUND, "round") X(SIN, "sin")       \
    X(COS, "cos") X(NOT, "logical_not") X(TAN, "tan") X(ASIN, "asin") X(ACOS, "acos")           \
    X(ATAN, "atan") X(SINH, "sinh") X(COSH, "cosh") X(ASINH, "asinh") X(ACOSH, "acosh")         \
    X(ATANH, "atanh") X(ERF, "erf") X(EXPM1, "expm1") X(LOG1P, "log1p") X(LOG2, "log2")         \
    X(LOG10, "log10") X(LOGIT, "logit") X(SIGN, "sign") X(TRUNC, "trunc")
/* clang-format on */

enum prt_unary_kind {
#define PRT_UNARY_ENUM(name, text) PRT_UNARY_##name,
    PRT_UNARY_TABLE(PRT_UNARY_ENUM)
#undef PRT_UNARY_ENUM
        PRT_UNARY_COUNT
};

/* What may follow the activation of an fp32 CONV2D or LINEAR: y = scale * function(x) + shift. */
struct prt_after {
    bool present;
    enum prt_unary_kind function;
    double a, b; /* as those of a UNARY */
    float scale, shift;
};

/*
 * inputs: x, weight, bias|NO, residual|NO, slope|NO.   output: y
 * y = after(act(conv(x, w) + bias + residual)). residual has y's sizes. slope: [C] or [1], with
 * PRT_ACT_PRELU. Axes: nhwc false: x is [N, C, H, W], weight [O, C/groups, kh, kw] (transposed: [C,
 * O/groups, kh, kw]) as PyTorch's. nhwc true: x is [N, H, W, C], weight [O, kh, kw, C/groups] as
 * XNNPACK's (depthwise is normalised to this, too). Either way the CPU wants x, residual and y
 * physically channels last; the layout pass sees to it. Quantised: x and y I8 or U8 PER_TENSOR;
 * weight I8 PER_TENSOR, or PER_CHANNEL (axis of O, zero point 0); bias I32 with scale
 * x.scale*w.scale, or F32. All from the values' quant specs.
 */
struct prt_conv_attrs {
    int32_t stride[2], dilation[2]; /* h, w */
    int32_t padding[4]; /* top, bottom, left, right, of zeros (of the zero point when quantised) */
    int32_t output_padding[2]; /* transposed only */
    int32_t groups;
    bool transposed, nhwc;
    struct prt_activation act;
    struct prt_after after;
};

/* inputs: x [..., I], weight [O, I] ([I, O] when weight_is_io), bias|NO, residual|NO, slope|NO.
 * output [..., O]. Quantised as conv. */
struct prt_linear_attrs {
    bool weight_is_io;
    struct prt_activation act;
    struct prt_after after;
};

/* inputs: a [..., M, K], b [..., K, N], leading dimensions broadcast. transpose_b: b is [..., N,
 * K]. */
struct prt_matmul_attrs {
    bool transpose_b;
};

/* inputs: a, b: tensors or scalars (INT, DOUBLE, BOOL values); broadcasting as PyTorch. a op (alpha
 * * b) for ADD and SUB. */
/* clang-format off */
#define PRT_BINARY_TABLE(X)                                                                    \
    X(ADD, "add") X(SUB, "sub") X(MUL, "mul") X(DIV, "div") X(MAX, "maximum") X(MIN, "minimum") \
    X(POW, "pow") X(EQ, "eq") X(NE, "ne") X(LT, "lt") X(LE, "le") X(GT, "gt") X(GE, "ge")       \
    X(AND, "logical_and") X(OR, "logical_or") X(SQUARED_DIFFERENCE, "squared_difference")       \
    X(FLOOR_DIV, "floor_div") X(TRUNC_DIV, "trunc_div") X(FMOD, "fmod")                         \
    X(REMAINDER, "remainder") X(ATAN2, "atan2") X(BIT_AND, "bitwise_and")                       \
    X(BIT_OR, "bitwise_or") X(BIT_XOR, "bitwise_xor") X(SHIFT_LEFT, "shift_left")               \
    X(SHIFT_RIGHT, "shift_right")
/* clang-format on */

enum prt_binary_kind {
#define PRT_BINARY_ENUM(name, text) PRT_BINARY_##name,
    PRT_BINARY_TABLE(PRT_BINARY_ENUM)
#undef PRT_BINARY_ENUM
        PRT_BINARY_COUNT
};

struct prt_binary_attrs {
    enum prt_binary_kind kind;
    double alpha;
    struct prt_activation act; /* NONE or CLAMP */
};

/* inputs: x. */
struct prt_unary_attrs {
    enum prt_unary_kind kind;
    double a, b;
};

/* inputs: x. output: y (average and max; for the indices of maxima there is POOL3D). */
struct prt_pool_attrs {
    bool is_max, nhwc, count_include_pad;
    int32_t kernel[2], stride[2], dilation[2], padding[4];
    struct prt_activation act; /* NONE or CLAMP */
};

#include "runtime/graph_integer.h" /* needs the pool's */

/* inputs: x. axes is a bit set of logical dimensions. */
enum prt_reduce_kind {
    PRT_REDUCE_SUM,
    PRT_REDUCE_MEAN,
    PRT_REDUCE_MAX,
    PRT_REDUCE_MIN,
    PRT_REDUCE_PROD,
    PRT_REDUCE_COUNT
};
struct prt_reduce_attrs {
    enum prt_reduce_kind kind;
    uint32_t axes;
    bool keep_dims;
};

/* inputs: x. output: I64, where the greatest (or least) element stands along an axis; the first of
 * equals. NaN is the greatest and the least. */
struct prt_argmax_attrs {
    int32_t axis;
    bool keep_dims, least;
};

/* inputs: x. y[i] = x[0] + ... + x[i] along the axis. */
struct prt_cumsum_attrs {
    int32_t axis;
};

/* inputs: the parts, in order. */
struct prt_concat_attrs {
    int32_t axis;
};

/* inputs: x, start (INT)|NO, end (INT)|NO; as in Python, but the step is at least 1. See
 * prt_slice_range. */
struct prt_slice_attrs {
    int32_t axis;
    int64_t step;
};

/* inputs: x. Negative amounts crop. value is in real units (a quantised x is padded with its code).
 */
struct prt_pad_attrs {
    int32_t before[PRT_MAX_RANK], after[PRT_MAX_RANK];
    double value;
};

/* inputs: x. y.sizes[i] = x.sizes[order[i]]. Usually free: only sizes and dim_order change. */
struct prt_permute_attrs {
    uint8_t order[PRT_MAX_RANK];
};

/* inputs: x. Output sizes are y's. (PyTorch's align_corners; half_pixel false and align false is
 * TensorFlow's legacy sampling.) */
struct prt_resize_attrs {
    bool nhwc, bilinear, align_corners, half_pixel;
    double scale[2]; /* output/input along h, w when the program states it, else 0: use the sizes */
};

/* inputs: x. */
struct prt_softmax_attrs {
    int32_t axis;
    bool log;
};

/*
 * inputs: x [.., D], weight|NO, bias|NO, both of D numbers along the last dimension. F32; x and y
 * may be quantised.
 * Each row by itself: y = (x - mean) / sqrt(variance + epsilon) * weight + bias. rms: the root mean
 * square takes the place of both, y = x / sqrt(mean(x^2) + epsilon) * weight + bias.
 */
struct prt_layer_norm_attrs {
    double epsilon;
    bool rms;
};

/*
 * inputs: q [.., M, D], k [.., S, D], v [.., S, W], mask|NO, start|NO.   output: y [.., M, W]
 * y = softmax(scale * q * k^T + mask) * v. Each leading dimension of k and v divides q's: its heads
 * are shared by neighbouring ones of q. mask is [M, S], or one for each head: only the number of
 * its leading elements matters. causal: row m sees the first m + 1 keys. safe: a row that sees no
 * key, every score -inf, is 0 and not NaN.
 * start, an INT or an I32 or I64 tensor of one element, is where the rows stand among the keys,
 * those of a cache, of which only the first start + M mean something: no row sees more, and row m
 * of a causal one sees start + m + 1. One outside of 0 to S - M ends the run with an error.
 */
struct prt_attention_attrs {
    float scale;
    bool causal, safe;
};

/*
 * Element types. What follows holds for every finished graph (graph_shapes.c checks it):
 *   - Every op but BLOB has one output. Tensor operands and the output have one dtype, but for
 * CONVERT, the BOOL results of comparisons and logic, and WHERE's condition: importers insert
 * CONVERT.
 *   - "Quantised" is 8 bits PER_TENSOR on all operands and the output alike (scales may differ);
 *     constants that are weights may be PER_CHANNEL. A slope stays F32.
 *   - Ops that move data (CONCAT, SLICE, PAD, PERMUTE, RESHAPE, LAYOUT, RESIZE2D, WHERE, max
 * POOL2D) have equal scale and zero point on both sides: a pass inserts QUANTIZE where they differ.
 *   - CONV2D, POOL2D and RESIZE2D have no empty tensors; a REDUCE has no empty reduced axis.
 */

/* What the op does, its name, how its layout works (see enum prt_layout_rule) */
/* clang-format off */
#define PRT_OP_TABLE(X)                                                                        \
    X(CONV2D, "conv2d", CHANNELS_LAST)                                                         \
    X(LINEAR, "linear", CONTIGUOUS)                                                            \
    X(MATMUL, "matmul", CONTIGUOUS)                                                            \
    X(ATTENTION, "attention", ROWS)                                                            \
    X(BINARY, "binary", SAME)                                                                  \
    X(UNARY, "unary", SAME)                                                                    \
    X(PRELU, "prelu", SAME) /* x, slope [C] along axis 1 (3 when attrs.prelu.nhwc) */          \
    X(WHERE, "where", SAME) /* condition, a, b */                                              \
    X(POOL2D, "pool2d", CHANNELS_LAST)                                                         \
    X(REDUCE, "reduce", ANY)                                                                   \
    X(ARGMAX, "argmax", ANY)                                                                   \
    X(CUMSUM, "cumsum", ANY)                                                                   \
    X(RANGE, "range", ANY) /* start, step (scalars): a vector of y's size */                   \
    X(CONCAT, "concat", SAME)                                                                  \
    X(SLICE, "slice", SAME)                                                                    \
    X(PAD, "pad", SAME)                                                                        \
    X(PERMUTE, "permute", VIEW)                                                                \
    X(RESHAPE, "reshape", VIEW) /* x; sizes are y's: also view, squeeze, unsqueeze */           \
    X(RESIZE2D, "resize2d", CHANNELS_LAST)                                                     \
    X(SOFTMAX, "softmax", CONTIGUOUS)                                                          \
    X(LAYER_NORM, "layer_norm", ROWS)                                                          \
    X(CONVERT, "convert", SAME)       /* x; to y's dtype */                                    \
    X(LAYOUT, "layout", VIEW)         /* x; to y's dim_order: made by the layout pass */       \
    X(QUANTIZE, "quantize", SAME)     /* F32 -> I8/U8 by y.quant; also I8 -> I8 requantise */  \
    X(DEQUANTIZE, "dequantize", SAME) /* I8/U8/I32 -> F32 by x.quant */                        \
    X(CODES, "codes", SAME)           /* x; its bytes with y's quantisation */                 \
    X(RESCALE, "rescale", CONTIGUOUS) /* these: graph_integer.h */                             \
    X(TABLE, "table", SAME)           /* x, table: graph_integer.h */                          \
    X(INTEGER_CONV, "integer_conv", CONTIGUOUS)                                                \
    X(INTEGER_MATMUL, "integer_matmul", CONTIGUOUS)                                            \
    X(INTEGER_POOL, "integer_pool", CONTIGUOUS)                                                \
    X(SCALED_RESIZE, "scaled_resize", CONTIGUOUS)                                              \
    X(FULL, "full", ANY)              /* value (scalar): a tensor of y's sizes */           \
    X(GATHER, "gather", ANY)          /* these: graph_attrs.h */                           \
    X(SCATTER, "scatter", ANY)                                                                 \
    X(ARGSORT, "argsort", CONTIGUOUS)                                                          \
    X(CONV3D, "conv3d", CONTIGUOUS)                                                            \
    X(POOL3D, "pool3d", CONTIGUOUS)                                                            \
    X(GRID_SAMPLE, "grid_sample", CONTIGUOUS)                                                  \
    X(DISTANCE, "distance", CONTIGUOUS)                                                        \
    X(EMBEDDING_BAG, "embedding_bag", CONTIGUOUS)                                              \
    X(EXPECT, "expect", ANY)                                                                  \
    X(ROUND_ROWS, "round_rows", CONTIGUOUS)                                                    \
    X(DYNAMIC_LINEAR, "dynamic_linear", CONTIGUOUS)                                            \
    X(BLOB, "blob", CONTIGUOUS)
/* clang-format on */

enum prt_op {
#define PRT_OP_ENUM(name, text, layout) PRT_OP_##name,
    PRT_OP_TABLE(PRT_OP_ENUM)
#undef PRT_OP_ENUM
        PRT_OP_COUNT
};

enum prt_layout_rule {
    PRT_LAYOUT_CHANNELS_LAST, /* first input and output (and a residual) physically channels last */
    PRT_LAYOUT_CONTIGUOUS,    /* inputs and output row-major */
    PRT_LAYOUT_ROWS,          /* the last dimension innermost, a mask row-major; output as the first
                                 input */
    PRT_LAYOUT_SAME,          /* any, but inputs of full size and the output alike */
    PRT_LAYOUT_VIEW,          /* output takes what makes it free, if any order does */
    PRT_LAYOUT_ANY,           /* reads and writes any */
};

const char *prt_op_name(enum prt_op op);
const char *prt_binary_name(enum prt_binary_kind kind);
const char *prt_unary_name(enum prt_unary_kind kind);
enum prt_layout_rule prt_op_layout(enum prt_op op);

struct prt_node {
    enum prt_op op;
    bool removed; /* by a pass; prt_graph_finish drops it */
    uint16_t input_count, output_count;
    uint32_t *inputs; /* value ids or PRT_NO_VALUE; in the graph's arena */
    uint32_t *outputs;
    uint32_t origin;  /* index of the program's instruction it came from, for profiles */
    const char *name; /* for people: "aten::convolution.out", "xnn conv2d #12"; may be NULL */
    union {
        struct prt_conv_attrs conv;
        struct prt_linear_attrs linear;
        struct prt_matmul_attrs matmul;
        struct prt_attention_attrs attention;
        struct prt_binary_attrs binary;
        struct prt_unary_attrs unary;
        struct prt_pool_attrs pool;
        struct prt_reduce_attrs reduce;
        struct prt_argmax_attrs argmax;
        struct prt_cumsum_attrs cumsum;
        struct prt_concat_attrs concat;
        struct prt_slice_attrs slice;
        struct prt_pad_attrs pad;
        struct prt_permute_attrs permute;
        struct prt_resize_attrs resize;
        struct prt_softmax_attrs softmax;
        struct prt_layer_norm_attrs layer_norm;
        struct prt_index_attrs index;
        struct prt_argsort_attrs argsort;
        struct prt_conv3d_attrs conv3d;
        struct prt_pool3d_attrs pool3d;
        struct prt_grid_attrs grid;
        struct prt_distance_attrs distance;
        struct prt_bag_attrs bag;
        struct prt_expect_attrs expect;
        struct prt_blob_attrs blob;
        struct prt_rescale_attrs rescale;
        struct prt_integer_conv_attrs integer_conv;
        struct prt_integer_matmul_attrs integer_matmul;
        struct prt_integer_pool_attrs integer_pool;
        struct prt_scaled_resize_attrs scaled_resize;
        struct prt_round_rows_attrs round_rows;
        struct {
            struct prt_activation act;
            float least; /* of a scale; see ROUND_ROWS */
            bool whole;  /* one range for all of x, not one for each row */
        } dynamic_linear;
        struct {
            bool nhwc;
        } prelu;
    } attrs;
};

/* ---- graph ---- */

/* A tensor that a method keeps between its runs. */
struct prt_state {
    uint32_t value;  /* what it is when a run begins: a STATE value */
    uint32_t output; /* place in the outputs of what it is after the run; PRT_NO_VALUE: the same */
    uint32_t
        buffer; /* where the program keeps it: the same place is the same state in every graph */
    uint64_t offset; /* of one method */
};

/* A size that only the data tell, and what the graph was made for. */
struct prt_data_size {
    uint32_t output; /* place in the outputs of what a run finds */
    int64_t size;
};

struct prt_graph {
    struct base_arena arena; /* everything below and all that nodes and values point to, unless it
                                is the program's */
    const struct prt_program *program; /* whose file DEFERRED values are in */
    struct prt_value *values;
    uint32_t value_count, value_capacity;
    struct prt_node *nodes;
    uint32_t node_count, node_capacity;
    uint32_t *inputs, *outputs; /* value ids in the method's order */
    uint32_t input_count, output_count;
    /* The last of the outputs are next versions of states and sizes: passes need not know. */
    struct prt_state *states;
    struct prt_data_size *data_sizes; /* in the order in which a run finds them */
    uint32_t state_count, data_size_count, hidden_output_count;
    /* Of one that was kept (executor/kept.h): a piece of a slab, in which the rest is. */
    void *kept;
    size_t kept_bytes;
    /* Of one whose large constants are from there: one of them, a piece of the slab of all. */
    void *constants;
    size_t constants_bytes;
};

/* An empty graph. The graph owns what its arena holds; constants may point into a program that must
 * outlive it. */
enum percept_status prt_graph_create(struct prt_graph **graph, struct percept_error *error);
void prt_graph_destroy(struct prt_graph *graph);

/*
 * Add a value; returns its id, or PRT_NO_VALUE when out of memory. Pointers into graph->values are
 * invalid afterwards. prt_graph_add_tensor computes bytes (fails on overflow).
 */
uint32_t prt_graph_add_value(struct prt_graph *graph, enum prt_value_kind kind);
uint32_t prt_graph_add_tensor(struct prt_graph *graph, const struct prt_tensor *tensor);

/* Append a node with room for its operands (all PRT_NO_VALUE); NULL when out of memory. Invalidated
 * by the next append. */
struct prt_node *prt_graph_add_node(struct prt_graph *graph, enum prt_op op, unsigned inputs,
                                    unsigned outputs);

/* Change how many inputs a node has; new ones are PRT_NO_VALUE. False when out of memory. */
bool prt_node_resize_inputs(struct prt_graph *graph, struct prt_node *node, unsigned count);

/* An INT value, or fallback when id is PRT_NO_VALUE or of another kind. */
int64_t prt_value_int(const struct prt_graph *graph, uint32_t id, int64_t fallback);

/* The elements [*start, *end) that a SLICE takes along its axis: 0 <= *start <= *end <= size. */
void prt_slice_range(const struct prt_graph *graph, const struct prt_node *node, int64_t *start,
                     int64_t *end);

/*
 * Drop removed nodes and nodes whose results nobody uses, recompute producer and uses, check the
 * invariants (operands exist and have the right kind, SSA, defined before use, sizes agree with the
 * op's shape rule). Call after import and after each pass. MALFORMED with the node named on a
 * violation: this is what stands between a hostile file and the kernels, which trust the graph.
 */
enum percept_status prt_graph_finish(struct prt_graph *graph, struct percept_error *error);

/* A line a node, for people and golden tests. The text is malloc'ed; free it. NULL when out of
 * memory. */
char *prt_graph_dump(const struct prt_graph *graph);

#endif
