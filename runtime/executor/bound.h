/*
 * Inputs and outputs that lie in memory from elsewhere (prt_buffer): by their addresses in a
 * variant where its plan and the backends let them, else by copies around a run. Private to the
 * executor.
 */
#ifndef RUNTIME_EXECUTOR_BOUND_H
#define RUNTIME_EXECUTOR_BOUND_H

#include "runtime/buffer.h"
#include "runtime/executor/variant.h"

struct prt_binding {
    bool is_output;
    size_t index; /* of the input or output */
    struct prt_buffer *buffer;
    size_t offset;
    /* In the variant that the model runs now: */
    bool in_place;                   /* the tensor lies in the buffer */
    const struct prt_backend *taker; /* whose device uses the buffer where it lies, or NULL */
    bool begun;                      /* during a run: the host uses the buffer */
};

struct prt_bindings {
    struct prt_binding *list;
    size_t count;
};

void prt_bindings_free(struct prt_bindings *bindings); /* a zeroed one is fine */
bool prt_bindings_has_input(const struct prt_bindings *bindings, size_t index);

/* Bind an input or output of the variant, as `wanted` says; without a buffer it goes back into the
 * model's own memory. On failure all is as it was. */
enum percept_status prt_bindings_set(struct prt_bindings *bindings, struct prt_variant *variant,
                                     const struct prt_binding *wanted, struct percept_error *error);

/* The model is about to run another variant: what is bound must fit it, too, else both are as they
 * were. */
enum percept_status prt_bindings_apply(struct prt_bindings *bindings, struct prt_variant *variant,
                                       struct percept_error *error);

/* Before the segments run, each time that they do: wait for devices, bring inputs in. */
enum percept_status prt_bindings_begin(struct prt_bindings *bindings,
                                       const struct prt_variant *variant,
                                       struct percept_error *error);
/* After a run that ended with `status`: bring outputs out if it succeeded. Returns how it ended in
 * all. */
enum percept_status prt_bindings_end(struct prt_bindings *bindings,
                                     const struct prt_variant *variant, enum percept_status status,
                                     struct percept_error *error);

#endif
