/*
 * Milliseconds of each stage from two frames to a disparity map: bench_depth LEFT RIGHT [WIDTH
 * HEIGHT DISPARITIES THREADS RUNS] prints a JSON object. bench/depth/run reads it, beside OpenCV.
 */
#include "base/clock.h"
#include "base/thread_pool.h"
#include "pipelines/disparity.h"
#include "pipelines/rectify.h"
#include "pipelines/sgm.h"
#include "pipelines/stereo_check.h"
#include "pipelines/video_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MOST_RUNS 1000

enum stage { RECTIFY, CHECK, CENSUS, AGGREGATE, MEND, STAGES };
static const char *const names[STAGES] = {"rectify", "check", "census", "aggregate", "mend"};

struct bench {
    uint32_t width, height, disparities, threads, runs;
    struct base_pool *pool;
    struct pipe_frame_pool *frames;
    struct pipe_frame *frame;
    struct rectifier *rectifier;
    struct stereo_check *check;
    struct sgm *sgm;
    struct disparity_mender *mender;
    float *disparity;
    uint8_t *confidence;
};

static void need(enum percept_status status, const struct percept_error *error)
{
    char text[1024];
    if (status == PERCEPT_OK)
        return;
    fprintf(stderr, "bench_depth: %s\n", percept_error_format(error, text, sizeof text));
    exit(1);
}

static void read_eye(const char *path, struct pipe_frame *out)
{
    struct percept_error error = {0};
    struct pipe_video *video;
    int64_t time_ns;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        need(percept_fail_errno(&error, errno, "'%s'", path), &error);
    need(pipe_video_open(fd, 1 << 24, &video, &error), &error);
    need(pipe_video_next(video, out, &time_ns, &error), &error);
    pipe_video_close(video);
}

static void set_up(struct bench *b, const char *left, const char *right)
{
    struct percept_error error = {0};
    need(base_pool_create(b->threads, &b->pool, &error), &error);
    need(pipe_frame_pool_create(1, &b->frames, &error), &error);
    b->frame = pipe_frame_get(b->frames);
    read_eye(left, b->frame);
    read_eye(right, pipe_frame_add_right(b->frame));
    const struct rectifier_options rectify = {.width = b->width, .height = b->height, .eyes = 2};
    const struct sgm_options sgm = {b->width, b->height, b->disparities, 10, 100, 5};
    need(rectifier_create(&rectify, b->pool, &b->rectifier, &error), &error);
    need(stereo_check_create(b->width, b->height, b->disparities, b->pool, &b->check, &error),
         &error);
    need(sgm_create(&sgm, b->pool, &b->sgm, &error), &error);
    need(disparity_mender_create(b->width, b->height, b->pool, &b->mender, &error), &error);
    b->disparity = calloc((size_t)b->width * b->height, sizeof *b->disparity);
    b->confidence = calloc((size_t)b->width * b->height, 1);
    if (!b->disparity || !b->confidence)
        need(percept_fail(&error, PERCEPT_NO_MEMORY, "out of memory"), &error);
}

static void run(struct bench *b, int64_t times[STAGES + 1])
{
    struct percept_error error = {0};
    struct rectified rectified;
    struct stereo_check_result checked;
    const uint8_t *left = rectifier_gray(b->rectifier, 0), *right = rectifier_gray(b->rectifier, 1);
    times[RECTIFY] = base_clock_ns();
    need(rectifier_run(b->rectifier, b->frame, &rectified, &error), &error);
    times[CHECK] = base_clock_ns();
    stereo_check_run(b->check, left, right, &checked);
    times[CENSUS] = base_clock_ns();
    sgm_census(b->sgm, left, right);
    times[AGGREGATE] = base_clock_ns();
    sgm_run(b->sgm, left, b->disparity, b->confidence);
    times[MEND] = base_clock_ns();
    disparity_reject_speckles(b->mender, b->disparity, b->confidence, 100);
    disparity_fill(b->mender, b->disparity, b->confidence);
    disparity_median(b->mender, b->disparity);
    disparity_settle(b->mender, b->disparity, left, 0.5F);
    times[STAGES] = base_clock_ns();
}

/* Of all threads: what other programs on the machine do not change much. */
static double cpu_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec * 1e-6;
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static double median_ms(int64_t *values, uint32_t count)
{
    qsort(values, count, sizeof *values, by_value);
    return (double)values[count / 2] / BASE_NS_PER_MS;
}

int main(int argc, char **argv)
{
    static int64_t took[STAGES + 1][MOST_RUNS];
    uint32_t numbers[5] = {320, 240, 64, 2, 30};
    struct bench b = {0};
    if (argc < 3) {
        fputs("usage: bench_depth LEFT RIGHT [WIDTH HEIGHT DISPARITIES THREADS RUNS]\n", stderr);
        return 2;
    }
    for (int i = 3; i < argc && i < 8; i++)
        numbers[i - 3] = (uint32_t)strtoul(argv[i], NULL, 10);
    b.width = numbers[0];
    b.height = numbers[1];
    b.disparities = numbers[2];
    b.threads = numbers[3];
    b.runs = numbers[4] < 1 ? 1 : numbers[4] > MOST_RUNS ? MOST_RUNS : numbers[4];
    set_up(&b, argv[1], argv[2]);
    double cpu_begin = 0;
    for (uint32_t i = 0; i < b.runs + 2; i++) { /* the first two warm up */
        int64_t times[STAGES + 1];
        if (i == 2)
            cpu_begin = cpu_ms();
        run(&b, times);
        for (unsigned s = 0; i >= 2 && s < STAGES; s++)
            took[s][i - 2] = times[s + 1] - times[s];
        if (i >= 2)
            took[STAGES][i - 2] = times[STAGES] - times[RECTIFY];
    }
    double cpu = (cpu_ms() - cpu_begin) / b.runs;
    printf("{\"threads\": %u, \"runs\": %u", b.threads, b.runs);
    for (unsigned s = 0; s < STAGES; s++)
        printf(", \"%s_ms\": %.2f", names[s], median_ms(took[s], b.runs));
    printf(", \"frame_ms\": %.2f, \"cpu_ms\": %.2f}\n", median_ms(took[STAGES], b.runs), cpu);
    sgm_destroy(b.sgm);
    disparity_mender_destroy(b.mender);
    stereo_check_destroy(b.check);
    rectifier_destroy(b.rectifier);
    pipe_frame_unref(b.frame);
    pipe_frame_pool_destroy(b.frames);
    base_pool_destroy(b.pool);
    free(b.disparity);
    free(b.confidence);
    return 0;
}
