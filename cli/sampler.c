/* Why: the same seed gives the same text, on any machine: so our own random numbers. */
#include "cli/sampler.h"

#include <math.h>
#include <stdlib.h>

struct cli_choice {
    double share;
    uint32_t token;
};

enum percept_status cli_sampler_init(struct cli_sampler *sampler, double temperature, double top_p,
                                     uint64_t seed, size_t vocabulary, struct percept_error *error)
{
    struct cli_choice *choices = calloc(vocabulary + 1, sizeof *choices);
    if (!choices)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    *sampler = (struct cli_sampler){.temperature = temperature,
                                    .top_p = top_p,
                                    .state = seed,
                                    .choices = choices,
                                    .count = vocabulary};
    return PERCEPT_OK;
}

void cli_sampler_free(struct cli_sampler *sampler)
{
    free(sampler->choices);
    *sampler = (struct cli_sampler){0};
}

/* SplitMix64 (Steele, Lea, Flood 2014), as a number in [0, 1). */
static double next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (double)((z ^ z >> 31) >> 11) * 0x1p-53;
}

static uint32_t likeliest(const float *logits, size_t count)
{
    uint32_t best = 0;
    for (size_t i = 1; i < count; i++)
        if (logits[i] > logits[best] || isnan(logits[best]))
            best = (uint32_t)i;
    return best;
}

/* By share, then by number, so that equal shares have one order. */
static int largest_first(const void *a, const void *b)
{
    const struct cli_choice *x = a, *y = b;
    if (x->share != y->share)
        return x->share < y->share ? 1 : -1;
    return (x->token > y->token) - (x->token < y->token);
}

uint32_t cli_sampler_next(struct cli_sampler *sampler, const float *logits)
{
    uint32_t best = likeliest(logits, sampler->count);
    if (sampler->temperature <= 0 || !isfinite(logits[best]))
        return best;
    /* Tokens so unlikely that all of them together could not be chosen are not sorted. */
    double cutoff = -log((double)sampler->count * 1e9), sum = 0;
    size_t kept = 0;
    for (size_t i = 0; i < sampler->count; i++) {
        double exponent = ((double)logits[i] - (double)logits[best]) / sampler->temperature;
        if (!(exponent >= cutoff))
            continue;
        sampler->choices[kept] = (struct cli_choice){exp(exponent), (uint32_t)i};
        sum += sampler->choices[kept++].share;
    }
    qsort(sampler->choices, kept, sizeof *sampler->choices, largest_first);
    double total = 0, wanted = sampler->top_p * sum;
    size_t among = 0;
    while (among < kept && (among == 0 || total < wanted))
        total += sampler->choices[among++].share;
    double point = next_random(&sampler->state) * total;
    for (size_t i = 0; i + 1 < among; i++) {
        point -= sampler->choices[i].share;
        if (point < 0)
            return sampler->choices[i].token;
    }
    return sampler->choices[among - 1].token;
}
