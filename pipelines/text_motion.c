/* Why: a camera is never still, and text in the world is. Where the whole picture has moved by so
 * much, so has the text, and nobody has to look for it. */
#include "pipelines/text_motion.h"

#include "base/thread_pool.h"

#include <math.h>
#include <string.h>

#define MOST_UNLIKE \
    0.7f /* what may differ of all steps of a profile, where it fits best: strangers, 1.4 */
#define LEAST_STEP 0.02f /* mean of a profile's steps below which it says nothing, 0..255 */
enum { FARTHEST = 8 };   /* part of a side */

static void begin(struct pipe_profile *profile, uint32_t size)
{
    profile->pixels = (size + PIPE_MOTION_BINS - 1) / PIPE_MOTION_BINS;
    profile->bins = (size + profile->pixels - 1) / profile->pixels;
    memset(profile->steps, 0, sizeof profile->steps);
}

/* From sums of bins to steps between their means; the last bin may have fewer pixels. */
static void finish(struct pipe_profile *profile, uint32_t size, uint32_t across)
{
    float before = 0;
    for (uint32_t i = 0; i < profile->bins; i++) {
        uint32_t left = size - i * profile->pixels;
        uint32_t pixels = left < profile->pixels ? left : profile->pixels;
        float mean = profile->steps[i] / ((float)pixels * (float)across);
        if (i > 0)
            profile->steps[i - 1] = mean - before;
        before = mean;
    }
    profile->bins--;
}

void pipe_profiles_measure(const struct pipe_frame *frame, struct pipe_profiles *profiles)
{
    struct pipe_profile *columns = &profiles->columns, *rows = &profiles->rows;
    begin(columns, frame->width);
    begin(rows, frame->height);
    for (uint32_t y = 0; y < frame->height; y++) {
        base_pool_pause();
        const uint8_t *at = frame->pixels + (size_t)y * frame->stride + 1;
        uint32_t whole = 0;
        for (uint32_t bin = 0, x = 0; x < frame->width; bin++) {
            uint32_t end = frame->width - x < columns->pixels ? frame->width : x + columns->pixels;
            uint32_t sum = 0;
            for (; x < end; x++)
                sum += at[3 * (size_t)x];
            columns->steps[bin] += (float)sum;
            whole += sum;
        }
        rows->steps[y / rows->pixels] += (float)whole;
    }
    finish(columns, frame->width, frame->height);
    finish(rows, frame->height, frame->width);
}

/* The mean of how far steps differ where they overlap. */
static float unlikeness(const struct pipe_profile *before, const struct pipe_profile *now,
                        int32_t shift)
{
    int32_t bins = (int32_t)now->bins, begin = shift > 0 ? shift : 0,
            end = shift < 0 ? bins + shift : bins;
    float sum = 0;
    for (int32_t i = begin; i < end; i++)
        sum += fabsf(now->steps[i] - before->steps[i - shift]);
    return sum / (float)(end - begin);
}

static bool find_shift(const struct pipe_profile *before, const struct pipe_profile *now,
                       float *pixels)
{
    int32_t most = (int32_t)now->bins / FARTHEST, found = 0;
    float best = INFINITY, size = 0;
    if (now->bins != before->bins || now->bins < FARTHEST)
        return false;
    for (uint32_t i = 0; i < now->bins; i++)
        size += fabsf(now->steps[i]);
    size /= (float)now->bins;
    for (int32_t shift = -most; shift <= most; shift++) {
        base_pool_pause();
        float unlike = unlikeness(before, now, shift);
        if (unlike < best) {
            best = unlike;
            found = shift;
        }
    }
    *pixels = (float)(found * (int32_t)now->pixels);
    return size >= LEAST_STEP && best <= MOST_UNLIKE * size;
}

bool pipe_profiles_shift(const struct pipe_profiles *before, const struct pipe_profiles *now,
                         float shift[2])
{
    return find_shift(&before->columns, &now->columns, &shift[0]) &&
           find_shift(&before->rows, &now->rows, &shift[1]);
}
