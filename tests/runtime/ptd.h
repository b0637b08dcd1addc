/* Small `.ptd` and `.bpte` files for tests. */
#ifndef TESTS_RUNTIME_PTD_H
#define TESTS_RUNTIME_PTD_H

#include "flat.h"
#include "runtime/tensor.h"

struct ptd_entry {
    const char *key;
    const void *data;
    size_t size;
    const struct prt_tensor *spec; /* NULL: no layout */
};

/* Where in the file what a test spoils lies: the header's fields, and tables. */
enum {
    PTD_LENGTH = 12,
    PTD_FLATBUFFER = 16,
    PTD_FLATBUFFER_SIZE = 24,
    PTD_SEGMENTS = 32,
    PTD_SEGMENTS_SIZE = 40
};
struct flat ptd_write(const struct ptd_entry *entries, uint32_t count);

struct bpte_value {
    int type; /* of the union: 1 tensor, 2 int, 3 bool, 4 double */
    struct prt_tensor spec;
    const void *data;
    size_t size;
    int64_t i;
    double d;
};

/* One case of one method. */
struct bpte {
    const char *method;
    struct flat program;
    const struct bpte_value *inputs, *outputs;
    uint32_t input_count, output_count;
};
struct flat bpte_write(const struct bpte *bundle);

#endif
