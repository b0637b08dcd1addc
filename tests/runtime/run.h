/* A program that a test has described, run once on the CPU. */
#ifndef TESTS_RUNTIME_RUN_H
#define TESTS_RUNTIME_RUN_H

#include "pte.h"

#include "runtime/prt.h"

struct run {
    struct prt_program *program;
    struct prt_model *model; /* its outputs are there to be compared */
};

/* inputs: the bytes of each. Fails the test when any step fails. */
struct run run_pte(const struct pte *pte, const void *const *inputs);
void run_free(struct run *run);

#endif
