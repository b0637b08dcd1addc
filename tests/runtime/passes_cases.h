/* Small graphs that have a pattern which passes look for, or nearly have it: of test_passes.c. */
#ifndef TESTS_RUNTIME_PASSES_CASES_H
#define TESTS_RUNTIME_PASSES_CASES_H

#include "build.h"

#define PASSES_IMAGE SIZES(1, 8, 12, 12) /* what a case's graph is given */

struct passes_case {
    const char *name;
    uint32_t (*build)(struct prt_graph *graph, uint32_t x);
    const char *runs; /* the ops that are executed after fusion */
    double tolerance; /* reordered sums; one code for quantised chains */
};

extern const struct passes_case passes_cases[];
extern const size_t passes_case_count;

#endif
