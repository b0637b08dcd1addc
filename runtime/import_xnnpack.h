/* What the files of the XNNPACK importer share. Private to them. */
#ifndef RUNTIME_IMPORT_XNNPACK_H
#define RUNTIME_IMPORT_XNNPACK_H

#include "runtime/import.h"

enum { PRT_XNN_MAX_RANK = 6 };

struct prt_xnn {
    struct prt_import *import;
    const struct prt_instruction *call;
    struct prt_fb buffer;
    struct prt_fb_vector constant_buffer; /* weights inside the flatbuffer (older blobs) */
    struct prt_fb_vector constant_data;   /* or where they are in constants or named data */
    struct prt_bytes constants;
    bool has_header;
    uint32_t *values; /* graph value by id; PRT_NO_VALUE for an id that is not defined */
    uint32_t *scales; /* of a weight with groups: graph value of them, [O, groups]; PRT_NO_VALUE */
    uint8_t *rows; /* of a value that is quantised on the way: dimensions that share a scale; 0 */
    uint32_t value_count;
    int32_t (*bounds)[PRT_XNN_MAX_RANK]; /* by id: the sizes that the blob states */
    bool resized;                        /* an input is smaller than stated */
    bool *external;                      /* by id: a value that is handed in or out */
    uint8_t *stated;                     /* by argument of the call: what the blob says it is */
};

enum { PRT_XNN_UNSTATED, PRT_XNN_OPERAND, PRT_XNN_RESULT };

/* Source of the format: backends/xnnpack/serialization/runtime_schema.fbs of ExecuTorch v1.4.1. */

/* Graph value of an id that a node states. */
enum percept_status prt_xnn_value(struct prt_xnn *xnn, uint32_t id, uint32_t *value);
/* Where constant number index, of at least wanted bytes, is or would be: it may be in the file
 * still. */
enum percept_status prt_xnn_find_constant(struct prt_xnn *xnn, uint32_t index, size_t wanted,
                                          const void **data);
/* The same, and it is in memory. */
enum percept_status prt_xnn_constant(struct prt_xnn *xnn, uint32_t index, size_t wanted,
                                     const void **data);
/* The constant of a weight of 4 bits as one of 8, and its scales if it has groups. */
enum percept_status prt_xnn_four_bits(struct prt_xnn *xnn, uint32_t id, uint32_t constant,
                                      struct prt_tensor *spec, struct prt_fb_table groups);
/* A tensor that the program hands in as argument `index`, as one of spec, whose sizes it makes
 * smaller where the tensor is. */
enum percept_status prt_xnn_read_external(struct prt_xnn *xnn, uint32_t index,
                                          struct prt_tensor *spec, uint32_t *id);
/* Hand graph value `result` to the program as argument `index`. */
enum percept_status prt_xnn_write_external(struct prt_xnn *xnn, uint32_t index, uint32_t result);
/* Operands and results that the blob has and does not state, before its nodes and behind them
 * (import_xnnpack_edges.c). */
enum percept_status prt_xnn_enter(struct prt_xnn *xnn, struct prt_fb_vector nodes);
enum percept_status prt_xnn_leave(struct prt_xnn *xnn, struct prt_fb_vector nodes);
/* OK, or the flatbuffer's fault as a failure. */
enum percept_status prt_xnn_check(struct prt_xnn *xnn);
/* The sizes of what a node of a kind computes, when an input of the blob is smaller than stated
 * (import_xnnpack_sizes.c). */
enum percept_status prt_xnn_size_result(struct prt_xnn *xnn, uint8_t kind, struct prt_fb_table node,
                                        uint32_t flags);
/* Which field of a node of a kind names its result; false for a kind of which that is not known. */
bool prt_xnn_result_field(uint8_t kind, unsigned *field);
/* Translate a node of the blob. */
enum percept_status prt_xnn_node(struct prt_xnn *xnn, struct prt_fb_table node);

#endif
