/* The parts of what prt_graph_finish proves. Private to the runtime. */
#ifndef RUNTIME_GRAPH_CHECK_H
#define RUNTIME_GRAPH_CHECK_H

#include "runtime/graph.h"

/*
 * Operands exist; each value has at most one producer, which comes before its users; inputs and
 * constants have none; the method's outputs are computed. Fills producer, counting removed nodes'
 * positions.
 */
enum percept_status prt_graph_check_order(struct prt_graph *graph, struct percept_error *error);

/* Every tensor that is used, as `uses` says, or an input is well formed. */
enum percept_status prt_graph_check_values(const struct prt_graph *graph,
                                           struct percept_error *error);

/* Each node's operands agree with its op's shape rule (graph_shapes.c). Order has been checked. */
enum percept_status prt_graph_check_shapes(const struct prt_graph *graph,
                                           struct percept_error *error);

/* One node's rule: NULL, or what is wrong (static text). A pass asks it whether a rewrite is legal.
 */
const char *prt_graph_check_node(const struct prt_graph *graph, const struct prt_node *node);

#endif
