/*
 * What rewriting passes ask of a graph again and again. Private to the passes.
 *
 * Rewrites are made at the consumer: node n becomes the fused node and keeps its result, the
 * producer that it swallowed is removed. So no reader has to be found and changed, and operands are
 * still computed before they are read.
 */
#ifndef RUNTIME_PASSES_MATCH_H
#define RUNTIME_PASSES_MATCH_H

#include "runtime/backend.h"

/* The live node that computes a value; NULL for inputs, constants, scalars and PRT_NO_VALUE. */
struct prt_node *prt_match_producer(const struct prt_graph *graph, uint32_t id);

/* The same, only when its op is `op`. */
struct prt_node *prt_match_made_by(const struct prt_graph *graph, uint32_t id, enum prt_op op);

/* Most preferred of those that can run the node; NULL for none. */
const struct prt_backend *prt_match_backend(const struct prt_graph *graph,
                                            const struct prt_node *node,
                                            const struct prt_backend *const *backends);

/* Append a node like this one, operands and all, to a list that is written anew. False when out of
 * memory. */
bool prt_match_append(struct prt_graph *graph, const struct prt_node *node);

/* The tensor of a value, NULL when it is a scalar or absent. Invalidated by adding values. */
const struct prt_tensor *prt_match_tensor(const struct prt_graph *graph, uint32_t id);

bool prt_match_is_constant(const struct prt_graph *graph, uint32_t id);
bool prt_match_is_quantised(const struct prt_graph *graph, uint32_t id);

/* Is the value a plain fp32 tensor? */
bool prt_match_is_f32(const struct prt_graph *graph, uint32_t id);

/* One dtype and, when quantised, one scale and zero point per tensor: equal codes mean equal
 * numbers. */
bool prt_match_same_codes(const struct prt_tensor *a, const struct prt_tensor *b);

/* An INT, DOUBLE or BOOL value, or a constant fp32 tensor of one element; false for anything else.
 */
bool prt_match_number(const struct prt_graph *graph, uint32_t id, double *number);

/*
 * Is the operand constant and, broadcast to a tensor of sizes y, different only along `axis`?
 * Then its values: y.sizes[axis] floats in the graph's arena. NULL otherwise or when out of memory.
 */
float *prt_match_channels(struct prt_graph *graph, uint32_t id, const struct prt_tensor *y,
                          unsigned axis);

/* A new constant; data must live as long as the graph. PRT_NO_VALUE: out of memory. */
uint32_t prt_match_add_constant(struct prt_graph *graph, const struct prt_tensor *tensor,
                                const void *data);
/* The same for a vector of fp32. */
uint32_t prt_match_add_vector(struct prt_graph *graph, const float *data, int32_t count);

/* clamp(clamp(x, inner), lo, hi) as one clamp. */
void prt_match_merge_clamp(struct prt_activation *inner, double lo, double hi);

#endif
