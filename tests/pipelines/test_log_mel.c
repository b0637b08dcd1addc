/* Whisper's picture of sound, against the same picture by its definition: a sum over a window for
 * each frequency, in double. */
#include "pipelines/log_mel.h"

#include "suite.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#define WINDOW 400
#define HOP    160
#define BINS   201

static float samples[PIPE_MEL_SAMPLES], picture[PIPE_MEL_BANDS * PIPE_MEL_FRAMES],
    other[PIPE_MEL_BANDS * PIPE_MEL_FRAMES];
static double plain[PIPE_MEL_FRAMES][PIPE_MEL_BANDS];
static struct pipe_log_mel *mel;

/* librosa's filters.mel(sr=16000, n_fft=400, n_mels=80), by its documentation. */
static double hertz_of(double m)
{
    const double step = 200.0 / 3, log_step = log(6.4) / 27;
    return m < 1000 / step ? m * step : 1000 * exp(log_step * (m - 1000 / step));
}

static double weight(int band, int bin)
{
    const double top = 1000 * 3 / 200.0 + log(8.0) / (log(6.4) / 27);
    double edge[3], hertz = bin * 40.0;
    for (int i = 0; i < 3; i++)
        edge[i] = hertz_of(top * (band + i) / 81);
    double up = (hertz - edge[0]) / (edge[1] - edge[0]),
           down = (edge[2] - hertz) / (edge[2] - edge[1]);
    double least = up < down ? up : down;
    return least > 0 ? least * 2 / (edge[2] - edge[0]) : 0;
}

static double reflected(long at, size_t count)
{
    if (at < 0)
        at = -at;
    if (at >= PIPE_MEL_SAMPLES)
        at = 2L * (PIPE_MEL_SAMPLES - 1) - at;
    return (size_t)at < count ? (double)samples[at] : 0;
}

static void compute_plain(size_t count, int frame)
{
    double power[BINS];
    for (int bin = 0; bin < BINS; bin++) {
        double re = 0, im = 0;
        for (int i = 0; i < WINDOW; i++) {
            double hann = 0.5 - 0.5 * cos(2 * M_PI * i / WINDOW);
            double x = reflected((long)frame * HOP - WINDOW / 2 + i, count) * hann;
            re += x * cos(2 * M_PI * bin * i / WINDOW);
            im -= x * sin(2 * M_PI * bin * i / WINDOW);
        }
        power[bin] = re * re + im * im;
    }
    for (int band = 0; band < PIPE_MEL_BANDS; band++) {
        double sum = 0;
        for (int bin = 0; bin < BINS; bin++)
            sum += weight(band, bin) * power[bin];
        plain[frame][band] = log10(sum > 1e-10 ? sum : 1e-10);
    }
}

/* Something with all frequencies, loud and soft. */
static void make_sound(size_t count)
{
    uint32_t random = 1;
    for (size_t i = 0; i < count; i++) {
        random = random * 1664525u + 1013904223u;
        double noise = (double)(random >> 8) / (1 << 24) - 0.5;
        double t = (double)i / 16000;
        samples[i] = (float)(0.4 * sin(2 * M_PI * (200 + 800 * t) * t) * exp(-fmod(t, 0.5) * 4) +
                             0.01 * noise);
    }
}

static void check_against_plain(size_t count, const int *frames, size_t frame_count)
{
    double most = -10;
    for (int f = 0; f < PIPE_MEL_FRAMES; f++)
        for (int band = 0; band < PIPE_MEL_BANDS; band++) {
            double shown = (double)picture[band * PIPE_MEL_FRAMES + f] * 4 - 4;
            most = shown > most ? shown : most;
        }
    for (size_t i = 0; i < frame_count; i++) {
        compute_plain(count, frames[i]);
        for (int band = 0; band < PIPE_MEL_BANDS; band++) {
            double wanted = plain[frames[i]][band] > most - 8 ? plain[frames[i]][band] : most - 8;
            double got = (double)picture[band * PIPE_MEL_FRAMES + frames[i]];
            ck_assert_msg(fabs(got - (wanted + 4) / 4) < 1e-4, "frame %d, band %d: %f, not %f",
                          frames[i], band, got, (wanted + 4) / 4);
        }
    }
}

START_TEST(it_is_what_its_definition_says)
{
    static const int frames[] = {0, 1, 2, 57, 100, 198, 199, 200, 201, 202, 1500, 2999};
    const size_t count = 32000;
    make_sound(count);
    pipe_log_mel_picture(mel, samples, count, picture);
    check_against_plain(count, frames, sizeof frames / sizeof frames[0]);
}
END_TEST

START_TEST(thirty_seconds_are_reflected_at_both_ends)
{
    static const int frames[] = {0, 1, 1234, 2997, 2998, 2999};
    make_sound(PIPE_MEL_SAMPLES);
    pipe_log_mel_picture(mel, samples, PIPE_MEL_SAMPLES, picture);
    check_against_plain(PIPE_MEL_SAMPLES, frames, sizeof frames / sizeof frames[0]);
}
END_TEST

START_TEST(sound_that_grows_gives_the_picture_that_it_gives_at_once)
{
    const size_t count = 25000;
    make_sound(count);
    for (size_t upto = 100; upto < count; upto += 777)
        pipe_log_mel_picture(mel, samples, upto, other);
    pipe_log_mel_picture(mel, samples, count, other);
    pipe_log_mel_reset(mel);
    pipe_log_mel_picture(mel, samples, count, picture);
    ck_assert_mem_eq(picture, other, sizeof picture);
}
END_TEST

START_TEST(silence_is_even)
{
    memset(samples, 0, sizeof samples);
    for (size_t count = 0; count <= 1600; count += 1600) {
        pipe_log_mel_picture(mel, samples, count, picture);
        bool even = true; /* a check for each number would take seconds */
        for (size_t i = 0; i < sizeof picture / sizeof picture[0]; i++)
            even = even && picture[i] == -1.5f;
        ck_assert(even);
    }
}
END_TEST

static void setup(void)
{
    ck_assert_int_eq(pipe_log_mel_create(&mel, NULL), PERCEPT_OK);
}

static void teardown(void)
{
    pipe_log_mel_destroy(mel);
}

int main(void)
{
    Suite *suite = suite_create("log_mel");
    TCase *tests = tcase_create("log_mel");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 30);
    tcase_add_test(tests, it_is_what_its_definition_says);
    tcase_add_test(tests, thirty_seconds_are_reflected_at_both_ends);
    tcase_add_test(tests, sound_that_grows_gives_the_picture_that_it_gives_at_once);
    tcase_add_test(tests, silence_is_even);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
