/* What the translators of XNNPACK nodes share. Private to import_xnnpack_*.c. */
#ifndef RUNTIME_IMPORT_XNNPACK_NODE_H
#define RUNTIME_IMPORT_XNNPACK_NODE_H

#include "runtime/import_xnnpack.h"

/* Where the tables of a family keep their fields; see runtime_schema.fbs. */
enum { ONE_INPUT, ONE_OUTPUT, ONE_FLAGS };
enum { TWO_A, TWO_B, TWO_OUTPUT, TWO_FLAGS };
enum { PARAMETER, PARAMETER_INPUT, PARAMETER_OUTPUT, PARAMETER_FLAGS };
enum { LINEAR_INPUT, LINEAR_WEIGHT, LINEAR_BIAS, LINEAR_OUTPUT, LINEAR_FLAGS };
/* Transpose, reshape, resize: two fields, then what they work on. */
enum { SHAPE_FIRST, SHAPE_SECOND, SHAPE_INPUT, SHAPE_OUTPUT, SHAPE_FLAGS };
/* Pad, slice: three fields. */
enum { PART_FIRST, PART_SECOND, PART_THIRD, PART_INPUT, PART_OUTPUT, PART_FLAGS };
enum { CAT_AXIS, CAT_FIRST, CAT_OUTPUT = 5, CAT_FLAGS, CAT_FIFTH };
enum {
    WINDOW_TOP,
    WINDOW_RIGHT,
    WINDOW_BOTTOM,
    WINDOW_LEFT,
    WINDOW_KERNEL,
    WINDOW_STRIDE = 6,
    WINDOW_DILATION = 8,
    ARG_MAX_INPUT = 6,
    ARG_MAX_OUTPUT,
    ARG_MAX_FLAGS = 9,
    POOL_INPUT = 10,
    POOL_OUTPUT,
    POOL_FLAGS,
    CONV_GROUP_INPUTS = 10,
    CONV_GROUP_OUTPUTS,
    CONV_GROUPS,
    CONV_ADJUSTMENT,
    CONV_INPUT = 15,
    CONV_WEIGHT,
    CONV_BIAS,
    CONV_OUTPUT,
    CONV_FLAGS,
};

enum {
    FLAG_TRANSPOSE = 1,
    FLAG_LEGACY_RESIZE = 4,
    FLAG_ALIGN_CORNERS = 8,
    FLAG_KEEP_DIMS = 0x40, /* exporters also set it where it means nothing */
};

struct prt_xnn_node {
    struct prt_xnn *xnn;
    struct prt_fb_table table;
    uint32_t flags;
    struct prt_activation act; /* what the node states as bounds of its output */
};

enum percept_status prt_xnn_value_at(const struct prt_xnn_node *node, unsigned field, uint32_t *id);
enum percept_status prt_xnn_values_at(const struct prt_xnn_node *node, unsigned input,
                                      unsigned output, uint32_t *x, uint32_t *y);
const struct prt_tensor *prt_xnn_spec(const struct prt_xnn_node *node, uint32_t id);
struct prt_node *prt_xnn_add(const struct prt_xnn_node *node, enum prt_op op, uint32_t y,
                             unsigned count, const uint32_t *inputs);
enum percept_status prt_xnn_malformed(const struct prt_xnn_node *node, const char *what);
enum percept_status prt_xnn_begin_move(const struct prt_xnn_node *node, uint32_t x, uint32_t y,
                                       uint32_t *target);
enum percept_status prt_xnn_finish_move(const struct prt_xnn_node *node, uint32_t target,
                                        uint32_t y);
enum percept_status prt_xnn_unary(const struct prt_xnn_node *node, enum prt_unary_kind kind,
                                  uint32_t x, double a, double b, uint32_t y);
enum percept_status prt_xnn_vector(const struct prt_xnn_node *node, uint32_t x, uint32_t *vector);

/* How many elements of dimension `axis` a slice takes: `left` are there behind its offset. A size
 * of 0, and one that reached to the end of the operand as the blob states it, are all of them. */
int32_t prt_xnn_part(const struct prt_xnn_node *node, unsigned axis, int32_t offset, int32_t size,
                     int32_t left);

/* Operand of a layer as it is: also a weight with a scale for each group of its inputs, whose
 * scales [O, groups] are then *scales; PRT_NO_VALUE otherwise. */
enum percept_status prt_xnn_weight(const struct prt_xnn_node *node, unsigned field,
                                   uint32_t *weight, uint32_t *scales);

/* ---- import_xnnpack_quant.c ---- */

/* y: x's rows, each rounded to 8 bits of its own range. */
enum percept_status prt_xnn_round_rows(const struct prt_xnn_node *node, uint32_t x, uint32_t y,
                                       unsigned dims);
/* The weight's numbers as a float32 constant; scales as prt_xnn_weight gives them. */
enum percept_status prt_xnn_real_weight(const struct prt_xnn_node *node, uint32_t scales,
                                        uint32_t *weight);
/* A layer of rows quantised on the way; *made false when these operands need the float layer. */
enum percept_status prt_xnn_dynamic_linear(const struct prt_xnn_node *node, uint32_t x,
                                           uint32_t weight, uint32_t scales, uint32_t bias,
                                           uint32_t y, bool *made);

/* ---- translators: import_xnnpack_layers.c ---- */

enum { PRT_XNN_CONV, PRT_XNN_DEPTHWISE, PRT_XNN_TRANSPOSED };
enum percept_status prt_xnn_convolution(const struct prt_xnn_node *node, int kind);
enum percept_status prt_xnn_fully_connected(const struct prt_xnn_node *node, int kind);
enum percept_status prt_xnn_matmul(const struct prt_xnn_node *node, int kind);
enum percept_status prt_xnn_attention(const struct prt_xnn_node *node, int kind);
enum percept_status prt_xnn_pool(const struct prt_xnn_node *node, int is_max);
enum percept_status prt_xnn_arg_max_pool(const struct prt_xnn_node *node, int kind);
enum percept_status prt_xnn_global_average(const struct prt_xnn_node *node, int kind);
enum percept_status prt_xnn_resize(const struct prt_xnn_node *node, int kind);

#endif
