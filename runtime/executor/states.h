/*
 * What a model keeps from run to run: a place for each state, which all its variants share. Private
 * to the executor.
 */
#ifndef RUNTIME_EXECUTOR_STATES_H
#define RUNTIME_EXECUTOR_STATES_H

#include "runtime/executor/variant.h"

struct prt_model_state {
    uint32_t buffer; /* where the program keeps it */
    uint64_t offset;
    size_t bytes;
    const void *initial; /* NULL: zeros */
    void *memory;
    const struct prt_backend *owner; /* whose memory it is; NULL: the host's */
};

/* Zeroed at first. */
struct prt_states {
    struct prt_model_state *list;
    uint32_t count;
};

/* Give the variant's states their places; those that no variant had before are made, with their
 * first contents. */
enum percept_status prt_states_place(struct prt_states *states, struct prt_variant *variant,
                                     struct percept_error *error);

/* What a run has computed for its states takes the place of what they were. */
void prt_states_commit(const struct prt_variant *variant);

void prt_states_reset(struct prt_states *states); /* to their first contents */
void prt_states_free(struct prt_states *states);

#endif
