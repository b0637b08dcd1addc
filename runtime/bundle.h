/*
 * A `.bpte` file: a program with test cases, inputs and what should come out of them.
 *
 * All of it is checked when it is opened, like a program (program.h). Immutable afterwards. Source:
 * ExecuTorch v1.4.1 devtools/bundled_program/schema/bundled_program_schema.fbs.
 */
#ifndef RUNTIME_BUNDLE_H
#define RUNTIME_BUNDLE_H

#include "runtime/program.h"

struct prt_bundle;

struct prt_bundle_value {
    enum prt_value_kind kind; /* TENSOR, INT, DOUBLE, BOOL; NONE when the file states nothing */
    union {
        struct {
            struct prt_tensor spec;
            const void *data; /* as spec says, prt_tensor_bytes of it; any alignment */
        } tensor;
        int64_t i;
        double d;
        bool b;
    };
};

struct prt_bundle_case {
    const char *method;
    const struct prt_bundle_value *inputs, *outputs;
    uint32_t input_count, output_count;
};

/* The files and errors of prt_program_open. */
enum percept_status prt_bundle_open(const char *path, struct prt_bundle **bundle,
                                    struct percept_error *error);
/* name is for messages only. Copies the bytes. */
enum percept_status prt_bundle_open_buffer(const void *bytes, size_t size, const char *name,
                                           struct prt_bundle **bundle, struct percept_error *error);
/* The program and everything of the cases go with it. NULL is fine. */
void prt_bundle_close(struct prt_bundle *bundle);

/* Does the file begin as a bundle does? False also when it can't be read. */
bool prt_bundle_is_one(const char *path);

const struct prt_program *prt_bundle_program(const struct prt_bundle *bundle);
size_t prt_bundle_case_count(const struct prt_bundle *bundle);
const struct prt_bundle_case *prt_bundle_case(const struct prt_bundle *bundle, size_t index);

#endif
