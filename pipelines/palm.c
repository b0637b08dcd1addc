/* Why: decoding is arithmetic that a test can hold against a plain reference, apart from the node
 * that feeds it. */
#include "pipelines/palm.h"

#include <math.h>

static const struct {
    uint32_t stride, count;
} layers[] = {{8, 2}, {16, 6}};

#define LAYERS (sizeof layers / sizeof layers[0])

size_t pipe_palm_anchor_count(uint32_t size)
{
    size_t count = 0;
    if (size % 16 != 0)
        return 0;
    for (size_t i = 0; i < LAYERS; i++) {
        size_t cells = size / layers[i].stride;
        count += cells * cells * layers[i].count;
    }
    return count;
}

void pipe_palm_anchors(uint32_t size, float (*centres)[2])
{
    size_t at = 0;
    for (size_t i = 0; i < LAYERS; i++) {
        float stride = (float)layers[i].stride;
        for (uint32_t row = 0; row < size / layers[i].stride; row++)
            for (uint32_t column = 0; column < size / layers[i].stride; column++)
                for (uint32_t n = 0; n < layers[i].count; n++, at++) {
                    centres[at][0] = ((float)column + 0.5f) * stride;
                    centres[at][1] = ((float)row + 0.5f) * stride;
                }
    }
}

static struct pipe_detection decode_one(const float *box, const float centre[2], float score)
{
    struct pipe_detection d = {
        .score = score,
        .left = centre[0] + box[0] - box[2] / 2,
        .top = centre[1] + box[1] - box[3] / 2,
        .width = box[2],
        .height = box[3],
    };
    for (size_t k = 0; k < PIPE_PALM_KEYPOINTS; k++) {
        d.keypoints[k][0] = centre[0] + box[4 + 2 * k];
        d.keypoints[k][1] = centre[1] + box[5 + 2 * k];
    }
    return d;
}

static bool finite_values(const float *values, size_t count)
{
    /* Infinity and NaN survive a sum; finite values of a net don't overflow one. */
    float sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += fabsf(values[i]);
    return isfinite(sum);
}

size_t pipe_palm_decode(const float *boxes, const float *scores, const float (*centres)[2],
                        size_t count, float threshold, struct pipe_detection *out)
{
    /* Compared before the sigmoid, which is then needed for candidates only. */
    float raw_threshold = logf(threshold / (1 - threshold));
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        const float *box = boxes + i * PIPE_PALM_VALUES;
        if (!(scores[i] >= raw_threshold) || !finite_values(box, PIPE_PALM_VALUES))
            continue;
        float score = 1 / (1 + expf(-fminf(scores[i], 100)));
        out[found++] = decode_one(box, centres[i], score);
    }
    return found;
}

float pipe_overlap(float left_a, float top_a, float width_a, float height_a, float left_b,
                   float top_b, float width_b, float height_b)
{
    float across = fminf(left_a + width_a, left_b + width_b) - fmaxf(left_a, left_b);
    float down = fminf(top_a + height_a, top_b + height_b) - fmaxf(top_a, top_b);
    float shared = fmaxf(across, 0) * fmaxf(down, 0);
    float together = width_a * height_a + width_b * height_b - shared;
    return together > 0 ? shared / together : 0;
}

static float overlap_of(const struct pipe_detection *a, const struct pipe_detection *b)
{
    return pipe_overlap(a->left, a->top, a->width, a->height, b->left, b->top, b->width, b->height);
}

static void add_weighted(struct pipe_detection *sum, const struct pipe_detection *d, float weight)
{
    sum->left += weight * d->left;
    sum->top += weight * d->top;
    sum->width += weight * d->width;
    sum->height += weight * d->height;
    for (size_t k = 0; k < PIPE_PALM_KEYPOINTS; k++) {
        sum->keypoints[k][0] += weight * d->keypoints[k][0];
        sum->keypoints[k][1] += weight * d->keypoints[k][1];
    }
}

size_t pipe_palm_suppress(struct pipe_detection *candidates, size_t count, float overlap,
                          struct pipe_detection *out, size_t most)
{
    size_t found = 0;
    while (count > 0 && found < most) {
        size_t best = 0, kept = 0;
        for (size_t i = 1; i < count; i++)
            if (candidates[i].score > candidates[best].score)
                best = i;
        struct pipe_detection chosen = candidates[best], mean = {.score = chosen.score};
        float total = 0;
        for (size_t i = 0; i < count; i++)
            if (overlap_of(&candidates[i], &chosen) > overlap)
                total += candidates[i].score;
        for (size_t i = 0; i < count; i++) {
            if (overlap_of(&candidates[i], &chosen) > overlap)
                add_weighted(&mean, &candidates[i], candidates[i].score / total);
            else if (total > 0 || i != best) /* a box without area overlaps nothing, not itself */
                candidates[kept++] = candidates[i];
        }
        if (total > 0)
            out[found++] = mean;
        count = kept;
    }
    return found;
}
