/* Why: slices, pads, permutations and concatenations: what a DMA engine does by itself. */
#include "backends/dsp/firmware/local.h"

#include "backends/dsp/firmware/no_floats.h"

static void fill(const struct dsp_step *step, unsigned char *y)
{
    const struct dsp_copy *copy = &step->as.copy;
    uint16_t half = (uint16_t)copy->fill_value;
    if (copy->each == 1)
        memset(y, (int)copy->fill_value, step->y.bytes);
    for (size_t i = 0; copy->each != 1 && i < step->y.bytes / sizeof half; i++)
        memcpy(y + i * sizeof half, &half, sizeof half);
}

void dsp_run_copy(const struct dsp_step *step, const struct dsp_tile *tile, struct dsp_work *work)
{
    const struct dsp_copy *copy = &step->as.copy;
    const struct dsp_nest *nest = &copy->nest;
    uint32_t inner = nest->loops - 1;
    size_t runs = 1, count = (size_t)nest->sizes[inner], each = copy->each;
    size_t to_step = (size_t)nest->strides[0][inner], from_step = (size_t)nest->strides[1][inner];
    (void)tile;
    if (copy->fills)
        fill(step, dsp_at(work, &step->y, 0));
    for (uint32_t i = 0; i < inner; i++)
        runs *= (size_t)nest->sizes[i];
    for (size_t run = 0; run < runs; run++) {
        size_t rest = run, to_at = (size_t)copy->to, from_at = (size_t)copy->from;
        for (uint32_t i = inner; i-- > 0; rest /= (size_t)nest->sizes[i]) {
            to_at += rest % (size_t)nest->sizes[i] * (size_t)nest->strides[0][i];
            from_at += rest % (size_t)nest->sizes[i] * (size_t)nest->strides[1][i];
        }
        unsigned char *to = dsp_at(work, &step->y, to_at * each);
        const unsigned char *from = dsp_at(work, &step->x[0], from_at * each);
        if (to_step == 1 && from_step == 1)
            memmove(to, from, count * each);
        else
            for (size_t i = 0; i < count; i++)
                memcpy(to + i * to_step * each, from + i * from_step * each, each);
    }
}
