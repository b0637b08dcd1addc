/* Which backends run a program, by what it costs on them. Private to the runtime. */
#ifndef RUNTIME_PLACEMENT_MEASURE_H
#define RUNTIME_PLACEMENT_MEASURE_H

#include "runtime/placement.h"
#include "runtime/prt.h"

/*
 * Run the method of the options on lists of their backends, or take from their cache what an
 * earlier call found. The caller frees *placement. Fails for want of memory only: what cannot run
 * says so in its trial.
 */
enum percept_status prt_placement_find(const struct prt_program *program,
                                       const struct prt_model_options *options,
                                       struct prt_placement **placement,
                                       struct percept_error *error);

/* The backends of the chosen trial, NULL-terminated; of[]: those of the options. */
void prt_placement_list(const struct prt_placement *placement, const struct prt_backend *const *of,
                        const struct prt_backend *list[PRT_MAX_BACKENDS + 1]);

/* Put the nodes of a plan of that list where a mixed placement wants them; another graph's, or
 * homes that do not run their node, stay as they are. NULL is fine. */
void prt_placement_apply(const struct prt_placement *placement, const struct prt_graph *graph,
                         const struct prt_backend *const *list,
                         const struct prt_backend **backends);

#endif
