/* Programs that a test has described, on the CPU. Each fails the test when a step fails. */
#ifndef TESTS_RUNTIME_RUN_H
#define TESTS_RUNTIME_RUN_H

#include "pte.h"

#include "runtime/prt.h"

struct run {
    struct prt_program *program;
    struct prt_model *model; /* its outputs are there to be compared */
};

/* A model of "forward", or as the options say but for their backends; NULL: they say nothing. */
struct prt_model *run_model(const struct prt_program *program,
                            const struct prt_model_options *options);
void run_set(struct prt_model *model, size_t input, const void *data, size_t size);
void run_now(struct prt_model *model);

/* A file of these bytes that is not about to change, as far as one can see: what changed just now
 * is copied whole when it is opened. */
void run_write(const char *path, const struct flat *file);

/* All at once. inputs: the bytes of each. */
struct run run_pte(const struct pte *pte, const void *const *inputs);
void run_free(struct run *run);

#endif
