/*
 * What a list of backends that leaves a choice has to say: the time of each node on each of them,
 * the pieces, and mixes that were tried. Private to the runtime.
 */
#ifndef RUNTIME_PLACEMENT_SURVEY_H
#define RUNTIME_PLACEMENT_SURVEY_H

#include "runtime/executor/model.h"

struct prt_trial_list {
    const struct prt_backend *backends[PRT_MAX_BACKENDS + 1];
    uint8_t names[PRT_MAX_BACKENDS]; /* their places in the options' list */
    uint8_t count;
};

struct prt_measuring {
    const struct prt_program *program;
    struct prt_model_options options; /* of trials */
    struct prt_placement *placement;
    uint8_t *homes[PRT_MAX_TRIALS]; /* of mixed trials, malloc'ed, by node */
    uint32_t node_counts[PRT_MAX_TRIALS];
};

/* Its index. There is room for two a list. */
uint32_t prt_trial_add(struct prt_placement *placement, const struct prt_trial_list *list,
                       bool is_mixed);

/* Segments of the model on that backend; with a NULL, on any that is not on the host. */
uint32_t prt_trial_segments(const struct prt_model *model, const struct prt_backend *backend);

/* Look into the trial of a list, whose model has run and is moved about. What it finds goes into
 * the placement; what fails is left out. */
void prt_survey(struct prt_measuring *measuring, struct prt_model *model,
                const struct prt_trial_list *list, uint32_t trial, int64_t until_ns);

#endif
