/* Why: a sentence is looked at again twice a second while it grows; its beginning has not changed.
 */
#include "pipelines/log_mel.h"

#include <kissfft/kiss_fftr.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define RATE   16000.0
#define WINDOW 400
#define HOP    160
#define BINS   (WINDOW / 2 + 1)
#define FLOOR  1e-10f

struct pipe_log_mel {
    kiss_fftr_cfg fft;
    float window[WINDOW];
    float filters[PIPE_MEL_BANDS][BINS];
    unsigned first[PIPE_MEL_BANDS], end[PIPE_MEL_BANDS]; /* bins of each that are not 0 */
    size_t settled;                                /* frames that more sound will not change */
    float frames[PIPE_MEL_FRAMES][PIPE_MEL_BANDS]; /* logarithms of the power */
};

/* Slaney's scale: linear below 1 kHz, logarithmic above. */
static double mel_of(double hertz)
{
    return hertz < 1000 ? hertz * 3 / 200 : 15 + log(hertz / 1000) * 27 / log(6.4);
}

static double hertz_of(double mel)
{
    return mel < 15 ? mel * 200 / 3 : 1000 * exp((mel - 15) * log(6.4) / 27);
}

/* Triangles of area 1 over the frequencies. */
static void make_filters(struct pipe_log_mel *m)
{
    double step = mel_of(RATE / 2) / (PIPE_MEL_BANDS + 1);
    for (unsigned band = 0; band < PIPE_MEL_BANDS; band++) {
        double left = hertz_of(band * step), middle = hertz_of((band + 1) * step),
               right = hertz_of((band + 2) * step);
        m->first[band] = BINS;
        for (unsigned bin = 0; bin < BINS; bin++) {
            double hertz = bin * RATE / WINDOW, rise = (hertz - left) / (middle - left),
                   fall = (right - hertz) / (right - middle);
            double part = fmax(0, fmin(rise, fall));
            m->filters[band][bin] = (float)(part * 2 / (right - left));
            if (part > 0) {
                m->first[band] = bin < m->first[band] ? bin : m->first[band];
                m->end[band] = bin + 1;
            }
        }
    }
}

enum percept_status pipe_log_mel_create(struct pipe_log_mel **mel, struct percept_error *error)
{
    struct pipe_log_mel *m = calloc(1, sizeof *m);
    if (m)
        m->fft = kiss_fftr_alloc(WINDOW, 0, NULL, NULL);
    if (!m || !m->fft) {
        free(m);
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    }
    for (unsigned i = 0; i < WINDOW; i++)
        m->window[i] = (float)(0.5 - 0.5 * cos(2 * M_PI * i / WINDOW));
    make_filters(m);
    *mel = m;
    return PERCEPT_OK;
}

void pipe_log_mel_destroy(struct pipe_log_mel *mel)
{
    if (!mel)
        return;
    kiss_fftr_free(mel->fft);
    free(mel);
}

void pipe_log_mel_reset(struct pipe_log_mel *mel)
{
    mel->settled = 0;
}

/* The sound around the 30 s is their reflection; in them, behind what there is, silence. */
static float sample_at(const float *samples, size_t count, long at)
{
    if (at < 0)
        at = -at;
    if (at >= PIPE_MEL_SAMPLES)
        at = 2L * PIPE_MEL_SAMPLES - 2 - at;
    return (size_t)at < count ? samples[at] : 0;
}

static void compute(struct pipe_log_mel *m, const float *samples, size_t count, size_t frame)
{
    float windowed[WINDOW], power[BINS];
    kiss_fft_cpx spectrum[BINS];
    long begin = (long)frame * HOP - WINDOW / 2;
    for (long i = 0; i < WINDOW; i++)
        windowed[i] = sample_at(samples, count, begin + i) * m->window[i];
    kiss_fftr(m->fft, windowed, spectrum);
    for (unsigned bin = 0; bin < BINS; bin++)
        power[bin] = spectrum[bin].r * spectrum[bin].r + spectrum[bin].i * spectrum[bin].i;
    for (unsigned band = 0; band < PIPE_MEL_BANDS; band++) {
        float sum = 0;
        for (unsigned bin = m->first[band]; bin < m->end[band]; bin++)
            sum += power[bin] * m->filters[band][bin];
        m->frames[frame][band] = log10f(sum > FLOOR ? sum : FLOOR);
    }
}

void pipe_log_mel_picture(struct pipe_log_mel *m, const float *samples, size_t count,
                          float *picture)
{
    size_t frame = m->settled;
    const float silence = log10f(FLOOR);
    float most = silence;
    for (; frame < PIPE_MEL_FRAMES && frame * HOP < count + WINDOW / 2; frame++) {
        compute(m, samples, count, frame);
        if (frame * HOP + WINDOW / 2 <= count)
            m->settled = frame + 1;
    }
    for (size_t f = 0; f < frame; f++)
        for (size_t band = 0; band < PIPE_MEL_BANDS; band++)
            most = m->frames[f][band] > most ? m->frames[f][band] : most;
    for (size_t band = 0; band < PIPE_MEL_BANDS; band++) {
        float *row = picture + band * PIPE_MEL_FRAMES;
        for (size_t f = 0; f < PIPE_MEL_FRAMES; f++) {
            float power = f < frame ? m->frames[f][band] : silence;
            row[f] = ((power > most - 8 ? power : most - 8) + 4) / 4;
        }
    }
}
