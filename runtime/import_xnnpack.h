/* What the files of the XNNPACK importer share. Private to them. */
#ifndef RUNTIME_IMPORT_XNNPACK_H
#define RUNTIME_IMPORT_XNNPACK_H

#include "runtime/import.h"

struct prt_xnn {
    struct prt_import *import;
    const struct prt_instruction *call;
    struct prt_fb buffer;
    struct prt_fb_vector constant_buffer; /* weights inside the flatbuffer (older blobs) */
    struct prt_fb_vector constant_data;   /* or where they are in constants or named data */
    struct prt_bytes constants;
    bool has_header;
    uint32_t *values; /* graph value by id; PRT_NO_VALUE for an id that is not defined */
    uint32_t value_count;
};

/* Source of the format: backends/xnnpack/serialization/runtime_schema.fbs of ExecuTorch v1.4.1. */

/* Graph value of an id that a node states. */
enum percept_status prt_xnn_value(struct prt_xnn *xnn, uint32_t id, uint32_t *value);
/* OK, or the flatbuffer's fault as a failure. */
enum percept_status prt_xnn_check(struct prt_xnn *xnn);
/* Translate a node of the blob. */
enum percept_status prt_xnn_node(struct prt_xnn *xnn, struct prt_fb_table node);

#endif
