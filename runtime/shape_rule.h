/* What shape rules are made of. Private to graph_shapes.c and shape_layers.c. */
#ifndef RUNTIME_SHAPE_RULE_H
#define RUNTIME_SHAPE_RULE_H

#include "runtime/graph.h"

#include <math.h>

struct prt_check {
    const struct prt_graph *graph;
    const struct prt_node *node;
    const struct prt_tensor *y; /* the one output; the first of a BLOB */
};

/* A rule returns NULL, or what is wrong. */
typedef const char *prt_shape_rule(const struct prt_check *check);

#define WRONG_KIND      "an operand is missing or of the wrong kind"
#define WRONG_DTYPE     "element types or quantisation do not fit together"
#define WRONG_SIZES     "sizes do not fit together"
#define WRONG_ATTRIBUTE "an attribute is out of range"

/* Ops that slide windows or multiply matrices (shape_layers.c). */
prt_shape_rule prt_shape_conv, prt_shape_linear, prt_shape_matmul, prt_shape_pool, prt_shape_resize;
/* Ops that look elements up, sort them, or slide windows in three dimensions (shape_index.c,
 * shape_volume.c). */
prt_shape_rule prt_shape_gather, prt_shape_scatter, prt_shape_argsort, prt_shape_conv3d,
    prt_shape_pool3d, prt_shape_grid_sample, prt_shape_distance, prt_shape_embedding_bag,
    prt_shape_expect;
/* Ops of plain integers (shape_integer.c). */
prt_shape_rule prt_shape_codes, prt_shape_rescale, prt_shape_table, prt_shape_integer_conv,
    prt_shape_integer_matmul, prt_shape_integer_pool, prt_shape_scaled_resize;

/* Ops that quantise while they run (shape_dynamic.c). */
prt_shape_rule prt_shape_round_rows, prt_shape_dynamic_linear;

/* Ops made of whole patterns (shape_attention.c). */
prt_shape_rule prt_shape_attention;

static inline const struct prt_value *operand(const struct prt_check *check, unsigned index)
{
    if (index >= check->node->input_count || check->node->inputs[index] == PRT_NO_VALUE)
        return NULL;
    return &check->graph->values[check->node->inputs[index]];
}

/* The tensor operand, NULL when it is absent or no tensor. */
static inline const struct prt_tensor *tensor_at(const struct prt_check *check, unsigned index)
{
    const struct prt_value *value = operand(check, index);
    return value && value->kind == PRT_VALUE_TENSOR ? &value->tensor : NULL;
}

static inline bool is_scalar(const struct prt_value *value)
{
    return value && (value->kind == PRT_VALUE_INT || value->kind == PRT_VALUE_DOUBLE ||
                     value->kind == PRT_VALUE_BOOL);
}

static inline bool is_float(const struct prt_tensor *tensor)
{
    return tensor->dtype == PRT_F32 || tensor->dtype == PRT_F16 || tensor->dtype == PRT_BF16 ||
           tensor->dtype == PRT_F64;
}

static inline bool is_quantised(const struct prt_tensor *tensor)
{
    return tensor->quant.kind != PRT_QUANT_NONE;
}

/* An activation of a quantised network: 8 bits, one scale. */
static inline bool is_quantised_8(const struct prt_tensor *tensor)
{
    return tensor->quant.kind == PRT_QUANT_PER_TENSOR &&
           (tensor->dtype == PRT_I8 || tensor->dtype == PRT_U8);
}

/* The same of 8 or 16 bits. */
static inline bool is_coded(const struct prt_tensor *tensor)
{
    return tensor->quant.kind == PRT_QUANT_PER_TENSOR && tensor->dtype != PRT_I32;
}

/* Both plain and of one type, or both quantised to codes of one type (scales may differ). */
static inline bool same_type(const struct prt_tensor *a, const struct prt_tensor *b)
{
    if (a->dtype != b->dtype || is_quantised(a) != is_quantised(b))
        return false;
    return !is_quantised(a) || (is_coded(a) && is_coded(b));
}

/* The stored codes mean the same numbers, so that moving them is moving the numbers. */
static inline bool same_codes(const struct prt_tensor *a, const struct prt_tensor *b)
{
    const struct prt_quant *p = &a->quant, *q = &b->quant;
    if (a->dtype != b->dtype || p->kind != q->kind)
        return false;
    return p->kind == PRT_QUANT_NONE || (p->kind == PRT_QUANT_PER_TENSOR && p->scale == q->scale &&
                                         p->zero_point == q->zero_point);
}

static inline bool is_empty(const struct prt_tensor *tensor)
{
    for (unsigned i = 0; i < tensor->rank; i++)
        if (tensor->sizes[i] == 0)
            return true;
    return false;
}

static inline bool broadcasts_to(const struct prt_tensor *x, const struct prt_tensor *y)
{
    if (x->rank > y->rank)
        return false;
    for (unsigned i = 0; i < x->rank; i++) {
        int32_t from = x->sizes[x->rank - 1 - i], to = y->sizes[y->rank - 1 - i];
        if (from != to && from != 1)
            return false;
    }
    return true;
}

static inline bool vector_of(const struct prt_tensor *tensor, int64_t count)
{
    return tensor->rank == 1 && tensor->sizes[0] == count;
}

static inline bool clamp_or_none(const struct prt_activation *act)
{
    return act->kind == PRT_ACT_NONE ||
           (act->kind == PRT_ACT_CLAMP && !isnan(act->lo) && !isnan(act->hi));
}

#endif
