/* Long runs of nodes on one backend. Private to the runtime. */
#ifndef RUNTIME_PARTITION_H
#define RUNTIME_PARTITION_H

#include "runtime/backend.h"

/*
 * Put the nodes of a finished graph into an order in which the backend changes as seldom as their
 * operands allow; each goes to the first of the list that supports it. Leaves the order alone when
 * there is none better.
 */
enum percept_status prt_partition(struct prt_graph *graph,
                                  const struct prt_backend *const *backends,
                                  struct percept_error *error);

#endif
