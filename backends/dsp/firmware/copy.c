/* Why: slices, pads, permutations and concatenations: what a DMA engine does by itself. */
#include "backends/dsp/firmware/local.h"

#include "backends/dsp/firmware/no_floats.h"

void dsp_run_copy(const struct dsp_step *step, const struct dsp_tile *tile, struct dsp_work *work)
{
    const struct dsp_copy *copy = &step->as.copy;
    const struct dsp_nest *nest = &copy->nest;
    uint32_t inner = nest->loops - 1;
    size_t runs = 1, count = (size_t)nest->sizes[inner];
    size_t to_step = (size_t)nest->strides[0][inner], from_step = (size_t)nest->strides[1][inner];
    (void)tile;
    if (copy->fills)
        memset(dsp_at(work, &step->y, 0), (int)copy->fill_value, step->y.bytes);
    for (uint32_t i = 0; i < inner; i++)
        runs *= (size_t)nest->sizes[i];
    for (size_t run = 0; run < runs; run++) {
        size_t rest = run, to_at = (size_t)copy->to, from_at = (size_t)copy->from;
        for (uint32_t i = inner; i-- > 0; rest /= (size_t)nest->sizes[i]) {
            to_at += rest % (size_t)nest->sizes[i] * (size_t)nest->strides[0][i];
            from_at += rest % (size_t)nest->sizes[i] * (size_t)nest->strides[1][i];
        }
        unsigned char *to = dsp_at(work, &step->y, to_at);
        const unsigned char *from = dsp_at(work, &step->x[0], from_at);
        if (to_step == 1 && from_step == 1)
            memmove(to, from, count);
        else
            for (size_t i = 0; i < count; i++)
                to[i * to_step] = from[i * from_step];
    }
}
