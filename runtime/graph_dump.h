/* What the files of graph_dump share. Private to them. */
#ifndef RUNTIME_GRAPH_DUMP_H
#define RUNTIME_GRAPH_DUMP_H

#include "runtime/graph.h"

#include <stdio.h>

/* The attributes of an op of graph_attrs.h; nothing for another. */
void prt_graph_dump_attrs(FILE *out, const struct prt_graph *graph, const struct prt_node *node);

#endif
