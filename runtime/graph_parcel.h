/*
 * A graph as bytes for another process of this build, which has nothing of the program: constants
 * and payloads are among them, wherever they were. prt_graph_from_image reads it, without a
 * program.
 */
#ifndef RUNTIME_GRAPH_PARCEL_H
#define RUNTIME_GRAPH_PARCEL_H

#include "runtime/graph.h"

/* Zeroed and 64-byte aligned, the caller's, whatever becomes of the parcel; NULL: there is none.
 * What is not written to need not take memory. */
typedef void *(*prt_parcel_memory)(void *context, size_t bytes);

/*
 * All of a finished graph, its values by their ids. Constants that none of the nodes reads are
 * zeros, states are all zeros at first, and nothing is DEFERRED. False without memory, or when a
 * file cannot be read; *bytes of the memory are the parcel.
 */
bool prt_parcel_of_nodes(const struct prt_graph *graph, const uint32_t *nodes, uint32_t node_count,
                         prt_parcel_memory allocate, void *context, size_t *bytes);

/* A graph of one node alone, with the kinds, types, layouts and flags that its values have. It need
 * not be one of the graph's, which need not be finished. Constants of more than
 * PRT_DEFERRED_LARGE bytes are zeros. */
bool prt_parcel_of_node(const struct prt_graph *graph, const struct prt_node *node,
                        prt_parcel_memory allocate, void *context, size_t *bytes);

/* ---- for graph_image.c ---- */

/* Of each value of the graph that goes: which one of `graph` it is, and does its data go, too? */
struct prt_parcel_source {
    uint32_t id;
    bool is_sent;
};
struct prt_image_parcel {
    const struct prt_graph *graph;
    const struct prt_parcel_source *sources;
    size_t absent_bytes; /* the largest constant that is not sent */
    prt_parcel_memory allocate;
    void *context;
};

/* The image of a graph whose values are those of the parcel's sources; NULL as above. */
void *prt_graph_image_parcel(const struct prt_image_parcel *parcel, const struct prt_graph *copy,
                             size_t *bytes);

#endif
