/* Nodes of the graph as steps of the remote processor: what it takes, and what it does not and
 * why. Scales become multipliers and shifts here, on the host, which has floats. */
#ifndef BACKENDS_DSP_LOWER_H
#define BACKENDS_DSP_LOWER_H

#include "backends/dsp/step.h"
#include "base/status.h"
#include "runtime/graph.h"

/* A step before its operands have places. */
struct dsp_lowered {
    struct dsp_step step;
    uint32_t y, x[DSP_OPERANDS]; /* value ids; PRT_NO_VALUE where there is none, or where the
                                    operand is a constant that the backend makes */
};

/* One node as one step, of which a node may need several: `part` counts them. */
struct dsp_lowering {
    const struct prt_graph *graph;
    const struct prt_node *node;
    unsigned part;
    bool compiles; /* constants may be read; else only sizes and types */
};

/* How many steps a node takes. */
unsigned dsp_lower_count(const struct prt_node *node);

/* NULL, or why it is not for this processor (static text). Operands have the space DSP_ARENA, or
 * DSP_CONSTANTS when the backend makes them. */
const char *dsp_lower(const struct dsp_lowering *lowering, struct dsp_lowered *lowered);

/* The bytes of an operand that the backend makes. */
enum percept_status dsp_lower_constant(const struct dsp_lowering *lowering,
                                       const struct dsp_lowered *lowered, unsigned operand,
                                       void *to, struct percept_error *error);

/* ---- for the files that share the work ---- */

/* The tensor of an operand, NULL when it is absent or a number; that of the result. */
const struct prt_tensor *dsp_operand(const struct dsp_lowering *lowering, unsigned index);
const struct prt_tensor *dsp_result(const struct dsp_lowering *lowering);
const struct prt_value *dsp_constant(const struct dsp_lowering *lowering, unsigned index);

/* 8 or 16 bits with one scale and a zero point in their range; 8 of them. */
bool dsp_is_codes(const struct prt_tensor *tensor);
bool dsp_is_byte_codes(const struct prt_tensor *tensor);

/* Codes of one type, all that there are of three. */
bool dsp_same_codes(const struct prt_tensor *a, const struct prt_tensor *b,
                    const struct prt_tensor *c);
enum dsp_type dsp_type_of(const struct prt_tensor *codes);

/* y's zero, and the bounds of its type and of an activation. */
struct dsp_code dsp_code_for(const struct prt_tensor *y, const struct prt_activation *act);

/* The shift with which ratios up to `most` are multipliers of 30 bits, at most `limit`; false when
 * they are too large for any. */
bool dsp_shift_for(double most, uint32_t limit, uint32_t *shift);
int32_t dsp_multiplier(double ratio, uint32_t shift);

/* A real number of steps in 2^-shift, within what offsets may be. */
int64_t dsp_offset(double steps, uint32_t shift);

/* N, H, W, C; false when memory does not hold it so. */
bool dsp_image_of(const struct prt_tensor *tensor, bool nhwc, struct dsp_image *image);

/* A sum or product of two tensors of 32 bits that come from the ops below: other integers, such as
 * indices, are not worth the way. */
bool dsp_is_wide(const struct dsp_lowering *lowering);

/* lower_layers.c, lower_elementwise.c, lower_windows.c, lower_moves.c, lower_rows.c,
 * lower_integer.c: as dsp_lower. */
typedef const char *(*dsp_lower_op)(const struct dsp_lowering *lowering,
                                    struct dsp_lowered *lowered);
const char *dsp_lower_conv(const struct dsp_lowering *lowering, struct dsp_lowered *lowered);
const char *dsp_lower_linear(const struct dsp_lowering *lowering, struct dsp_lowered *lowered);
const char *dsp_lower_matmul(const struct dsp_lowering *lowering, struct dsp_lowered *lowered);
const char *dsp_lower_binary(const struct dsp_lowering *lowering, struct dsp_lowered *lowered);
const char *dsp_lower_prelu(const struct dsp_lowering *lowering, struct dsp_lowered *lowered);
const char *dsp_lower_table(const struct dsp_lowering *lowering, struct dsp_lowered *lowered);
const char *dsp_lower_function(const struct dsp_lowering *lowering, struct dsp_lowered *lowered);
const char *dsp_lower_pool(const struct dsp_lowering *lowering, struct dsp_lowered *lowered);
const char *dsp_lower_reduce(const struct dsp_lowering *lowering, struct dsp_lowered *lowered);
const char *dsp_lower_softmax(const struct dsp_lowering *lowering, struct dsp_lowered *lowered);
const char *dsp_lower_layer_norm(const struct dsp_lowering *lowering, struct dsp_lowered *lowered);
const char *dsp_lower_resize(const struct dsp_lowering *lowering, struct dsp_lowered *lowered);
const char *dsp_lower_move(const struct dsp_lowering *lowering, struct dsp_lowered *lowered);
const char *dsp_lower_integer_conv(const struct dsp_lowering *lowering,
                                   struct dsp_lowered *lowered);
const char *dsp_lower_integer_matmul(const struct dsp_lowering *lowering,
                                     struct dsp_lowered *lowered);
const char *dsp_lower_integer_pool(const struct dsp_lowering *lowering,
                                   struct dsp_lowered *lowered);
const char *dsp_lower_rescale(const struct dsp_lowering *lowering, struct dsp_lowered *lowered);

/* Constants that they make. */
enum percept_status dsp_make_weight(const struct dsp_lowering *lowering,
                                    const struct dsp_lowered *lowered, void *to,
                                    struct percept_error *error);
enum percept_status dsp_make_channels(const struct dsp_lowering *lowering,
                                      const struct dsp_lowered *lowered, void *to,
                                      struct percept_error *error);
enum percept_status dsp_make_integer_weight(const struct dsp_lowering *lowering, void *to,
                                            struct percept_error *error);
enum percept_status dsp_make_biases(const struct dsp_lowering *lowering,
                                    const struct dsp_lowered *lowered, void *to,
                                    struct percept_error *error);
void dsp_make_scales(const struct dsp_lowering *lowering, void *to);
void dsp_make_code_scale(const struct dsp_lowering *lowering, void *to);
enum percept_status dsp_make_slopes(const struct dsp_lowering *lowering,
                                    const struct dsp_lowered *lowered, void *to,
                                    struct percept_error *error);
enum percept_status dsp_make_table(const struct dsp_lowering *lowering,
                                   const struct dsp_lowered *lowered, void *to,
                                   struct percept_error *error);
void dsp_make_powers(const struct dsp_lowering *lowering, void *to);
enum percept_status dsp_make_norm_channels(const struct dsp_lowering *lowering, void *to,
                                           struct percept_error *error);
enum percept_status dsp_make_taps(const struct dsp_lowering *lowering,
                                  const struct dsp_lowered *lowered, void *to,
                                  struct percept_error *error);

#endif
