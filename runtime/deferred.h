/*
 * Constants that are in a file still: what is packed once need not lie in memory beside what it was
 * packed from.
 *
 * A value with PRT_FLAG_DEFERRED is a CONSTANT whose `data` is where its bytes would lie. Who wants
 * them calls one of these. Graphs that prt_program_import makes have no such values; those that
 * models are made of may have them until their passes are done, and from then on only as weights of
 * CONV2D, LINEAR and DYNAMIC_LINEAR, for backends to take in when they compile. All else is then
 * read, or found in a cache (executor/kept.h).
 *
 * Codes of 4 bits lie in files as half bytes (PRT_FLAG_HALF_BYTES). Everybody but who writes such a
 * constant sees bytes: sizes, offsets and what is read are of those.
 */
#ifndef RUNTIME_DEFERRED_H
#define RUNTIME_DEFERRED_H

#include "runtime/program.h"

/* Constants that are smaller are not worth it. */
enum { PRT_DEFERRED_LEAST = 1 << 10 };
/* Larger ones of a file are found there again when a graph is kept (graph_image.h); smaller ones
 * would take a read and a page each. */
enum { PRT_DEFERRED_LARGE = 16 << 10 };

/* Each element times the factor of its index along `axis`: what a batch norm leaves. */
struct prt_factors {
    const float *factors; /* as many as the tensor's size there */
    unsigned axis;
};

/* Which bytes of which file: two constants with the same identity are the same. */
struct prt_identity {
    uint64_t device, inode, file_size;
    int64_t modified[2], changed[2]; /* seconds, nanoseconds */
    uint8_t hash[PRT_HASH_BYTES];    /* of a sealed memfd, which has nothing but it and a size */
    uint64_t offset, size;
};

/* Bytes of a constant, deferred or not, into `to`, which has room for them. */
enum percept_status prt_deferred_read(const struct prt_graph *graph, uint32_t value, void *to,
                                      struct percept_error *error);

/* The same for size bytes from `offset` on, which are whole elements inside the constant. */
enum percept_status prt_deferred_read_part(const struct prt_graph *graph, uint32_t value,
                                           size_t offset, size_t size, void *to,
                                           struct percept_error *error);

/* Let a value, if it is deferred, be a constant like any other. */
enum percept_status prt_deferred_fetch(struct prt_graph *graph, uint32_t value,
                                       struct percept_error *error);
/* Its data after that; NULL when it cannot be had. */
const void *prt_deferred_data(struct prt_graph *graph, uint32_t value);

/* Is this operand of the op a weight that backends pack, and read themselves? */
bool prt_deferred_packs(uint32_t op, unsigned operand);
/* Has this build an op that reads weights from files by itself? Else nothing is deferred. */
bool prt_deferred_any(void);

/* Fetch each value but the weights that backends read themselves. */
enum percept_status prt_deferred_settle(struct prt_graph *graph, struct percept_error *error);

/* What a constant takes where it is now: its bytes, or half of them. */
size_t prt_deferred_stored(const struct prt_value *value);

/* Of a deferred value; false for others. Its factors are not in it. */
bool prt_deferred_identity(const struct prt_graph *graph, uint32_t value,
                           struct prt_identity *identity);

/* Call `each` with every operand and output that is a large constant of one of the program's files
 * and is read as it is there, be it in memory or not: the table of an embedding. One that several
 * nodes read comes as often. */
void prt_deferred_each_plain(struct prt_graph *graph,
                             void (*each)(void *context, struct prt_value *value,
                                          const struct prt_identity *identity),
                             void *context);

#endif
