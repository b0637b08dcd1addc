/* Why: the filter apart from what it is applied to, so that it can be held against the paper. */
#include "pipelines/one_euro.h"

#include <math.h>

static float smoothing(float cutoff, float seconds)
{
    float r = 2 * 3.14159265f * cutoff * seconds;
    return r / (r + 1);
}

float pipe_one_euro_step(struct pipe_one_euro *filter, const struct pipe_one_euro_params *params,
                         float value, float seconds, float scale)
{
    if (!filter->started) {
        *filter = (struct pipe_one_euro){.value = value, .started = true};
        return value;
    }
    float speed = (value - filter->value) / (seconds * scale);
    filter->speed += smoothing(params->derivative_cutoff, seconds) * (speed - filter->speed);
    float cutoff = params->min_cutoff + params->beta * fabsf(filter->speed);
    filter->value += smoothing(cutoff, seconds) * (value - filter->value);
    return filter->value;
}
