/* Choosing the next token from what a language model says of each. */
#ifndef CLI_SAMPLER_H
#define CLI_SAMPLER_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

struct cli_sampler {
    double temperature; /* 0: always the likeliest */
    double top_p;       /* choose among the fewest tokens that have this share together; 1: all */
    uint64_t state;     /* seed it; changes with each choice */
    struct cli_choice *choices;
    size_t count;
};

enum percept_status cli_sampler_init(struct cli_sampler *sampler, double temperature, double top_p,
                                     uint64_t seed, size_t vocabulary, struct percept_error *error);
void cli_sampler_free(struct cli_sampler *sampler);

/* The next token for `vocabulary` logits; NaN counts as impossible. Does not allocate. */
uint32_t cli_sampler_next(struct cli_sampler *sampler, const float *logits);

#endif
