/*
 * Builds TOSA blobs for tests.
 *
 *     struct tosa_blob blob = {0};
 *     tosa_tensor(&blob, "x", 7, "2,3", TOSA_INPUT);   // type 7 is fp32
 *     tosa_op(&blob, 15, "x k", "y", "");              // ADD
 *
 * Constants hold the bytes 1, 2, 3, ...; tosa_data gives others. Attributes: a letter a field as
 * flat_table's, with its value behind: "4=1" an integer, "o=1,2,2,1" a list of int32.
 */
#ifndef TESTS_RUNTIME_TOSA_BLOB_H
#define TESTS_RUNTIME_TOSA_BLOB_H

#include "flat.h"

enum { TOSA_TENSORS = 24, TOSA_OPS = 8 };
enum tosa_role { TOSA_INNER, TOSA_INPUT, TOSA_OUTPUT, TOSA_CONSTANT };

struct tosa_blob {
    struct {
        const char *name, *shape;
        uint32_t type;
        enum tosa_role role;
        const void *data;
        size_t bytes; /* of data; 0: as many as the shape needs */
    } tensors[TOSA_TENSORS];
    struct {
        const char *name;
        int64_t numbers[8];
        uint32_t count;
    } shapes[TOSA_TENSORS];
    struct {
        uint32_t number;
        const char *inputs, *output, *attributes;
    } ops[TOSA_OPS];
    uint32_t tensor_count, shape_count, op_count;
};

void tosa_tensor(struct tosa_blob *blob, const char *name, uint32_t type, const char *shape,
                 enum tosa_role role);
/* Bytes of the last tensor, a constant. */
void tosa_data(struct tosa_blob *blob, const void *data, size_t bytes);
void tosa_shape(struct tosa_blob *blob, const char *name, const char *numbers);
void tosa_op(struct tosa_blob *blob, uint32_t number, const char *inputs, const char *output,
             const char *attributes);
struct flat tosa_write(const struct tosa_blob *blob);

#endif
