/*
 * A graph after its passes as one block of bytes, from which a process that makes the same model
 * later has it again without import and passes.
 *
 * The bytes are the structures themselves, as this build and machine have them, so an image is for
 * nobody else. What is in the program's files stays there, but for small constants; for a process
 * that does not have these files there are parcels (graph_parcel.h), which have everything.
 *
 * An image that was changed makes no graph, or one that prt_graph_finish accepts. That alone does
 * not make it safe to run: numbers among attributes and memory orders are what importers and passes
 * made, and only the seal of the cache says that they are still. See cache/cache.h.
 */
#ifndef RUNTIME_GRAPH_IMAGE_H
#define RUNTIME_GRAPH_IMAGE_H

#include "runtime/graph.h"

/* The image of a finished graph, malloc'ed; NULL without memory, or when it is one that has none:
 * larger than is worth keeping, or with lists that a run computes. */
void *prt_graph_image(const struct prt_graph *graph, size_t *bytes);

/* The graph of an image of a graph of that program; NULL: of a parcel. Names, operands and
 * constants stay in the image, which is 64-byte aligned and outlives the graph; the graph has no
 * other tie to it. NULL when it is none, without memory, or when the file cannot be read. */
struct prt_graph *prt_graph_from_image(const struct prt_program *program, const void *image,
                                       size_t bytes);

/* Are flags and kinds among a node's attributes what they can be? */
bool prt_graph_image_attrs(const struct prt_node *node);

#endif
