/*
 * What a user holds: a method of a program, its states, the variant of it that runs now, and how
 * that run is going. Private to the executor: model.c makes and chooses, run.c runs.
 */
#ifndef RUNTIME_EXECUTOR_MODEL_H
#define RUNTIME_EXECUTOR_MODEL_H

#include "runtime/executor/bound.h"
#include "runtime/executor/states.h"

enum { PRT_MAX_VARIANTS = 8 }; /* kept for numbers and sizes that come again */

/* A variant and what it was made for, one choice an input of the method. */
struct prt_model_variant {
    struct prt_variant *variant;
    struct prt_choice *choices;
    uint64_t used; /* when last, by the model's count */
};

/* A run from its start to the wait for it. */
struct prt_model_progress {
    bool is_started, is_settled;
    bool in_flight;             /* segment next - 1 */
    uint32_t next;              /* segment to begin */
    enum percept_status status; /* so far; at the end, of the run */
    struct percept_error error; /* unless it is OK */
    const struct prt_backend *failed;
    struct prt_step_time *times; /* the caller's, or NULL */
};

struct prt_model {
    const struct prt_program *program; /* NULL: made from a graph, so there is one variant */
    struct prt_model_options options;
    struct prt_placement *placement;                          /* by cost; or NULL */
    const struct prt_backend *backends[PRT_MAX_BACKENDS + 1]; /* of the options */
    struct prt_variant *now;
    struct prt_model_variant kept[PRT_MAX_VARIANTS];
    unsigned kept_count;
    uint64_t uses;
    struct prt_states states;
    struct prt_bindings bindings;
    struct prt_model_progress run;
};

/* Run what these choices, and the first sizes that the data tell, ask for from now on. Takes the
 * choices over. */
enum percept_status prt_model_take(struct prt_model *model, struct prt_choice *choices,
                                   const int64_t *data_sizes, size_t count,
                                   struct percept_error *error);

/* BUSY between the start of a run and the wait for it, of this model or another of its arena. */
enum percept_status prt_model_check_idle(const struct prt_model *model,
                                         struct percept_error *error);

/* Bring a run that was started to its end, which the wait for it then tells; else nothing. */
void prt_model_settle(struct prt_model *model);

/* Forget about a run that was started, though its segment may still be in flight. */
void prt_model_abandon(struct prt_model *model);

#endif
