/*
 * Builds XNNPACK blobs for tests.
 *
 *     struct blob blob = {0};
 *     uint32_t x = blob_value(&blob, "f32[1,4,4,2]", BLOB_INPUT, 0), y = ...;
 *     blob_node(&blob, 4, "444", x, y, 0); // XNNSigmoid: input, output, flags
 *
 * Types of values: f32 f16 i32 bf16, and quantised q8 u8 q32 (scale 0.5, zero point 1 for q8) and
 * by channel c8@axis c32@axis (scales 0.5 * (i + 1)), qd8@dims (dims share a
 * scale), c4@axis, and g4@axis. blob_scale changes the scale of a
 * value; blob_group gives a g4 its group, with scales in a constant, bf16[O, groups], or
 * UINT32_MAX. Constants hold 1, 2, 3, ... (floats 0.5, 1.5, ...), those of 4 bits a byte for each.
 */
#ifndef TESTS_RUNTIME_BLOB_H
#define TESTS_RUNTIME_BLOB_H

#include "flat.h"

#include <stdbool.h>

enum { BLOB_VALUES = 16, BLOB_NODES = 4, BLOB_FIELDS = 24 };
enum blob_role { BLOB_INTERNAL, BLOB_INPUT, BLOB_OUTPUT, BLOB_CONSTANT };
enum blob_home { BLOB_BEHIND, BLOB_INLINE, BLOB_NAMED }; /* where constants are */

struct blob_value {
    int datatype, quant; /* 0: not quantised; else of the union XNNQuantParams */
    uint32_t rank, dims[8], axis, external, flags;
    size_t size; /* of an element */
    bool constant;
    float scale;
    uint32_t group, scales; /* scales: number of a constant, or 0 */
};

struct blob_node {
    int kind;
    const char *layout;
    uint32_t fields[BLOB_FIELDS];
    const char *lists[BLOB_FIELDS]; /* of digits */
    float lo, hi;                   /* both 0: no bounds */
};

struct blob {
    struct blob_value values[BLOB_VALUES];
    struct blob_node nodes[BLOB_NODES];
    uint32_t value_count, node_count;
    enum blob_home home;
};

/* index: the argument of the delegate's call, for inputs and outputs. Returns the value's id. */
uint32_t blob_value(struct blob *blob, const char *type, enum blob_role role, uint32_t index);
void blob_scale(struct blob *blob, uint32_t value, float scale);
void blob_group(struct blob *blob, uint32_t value, uint32_t group, uint32_t scales);
/* kind: of the union XNodeUnion. layout has a letter a field: '4' uint32_t, 'f' double, 'o' a list
 * of integers as text of digits, '0' absent. */
void blob_node(struct blob *blob, int kind, const char *layout, ...);
/* Bounds of the last node's output. */
void blob_bounds(struct blob *blob, float lo, float hi);

/* The blob. With BLOB_NAMED its constants are one after the other in *data under the key "w". */
struct flat blob_write(const struct blob *blob, struct flat *data);

#endif
