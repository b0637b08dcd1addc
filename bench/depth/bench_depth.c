/*
 * Milliseconds of each stage from two frames to a disparity map: bench_depth LEFT RIGHT [WIDTH
 * HEIGHT DISPARITIES THREADS RUNS OUT NET] prints a JSON object and writes the last map into OUT
 * ("-": nowhere), float32 pixels row by row. With NET, a .pte file, its costs join the census's as
 * in the node. bench/depth/run reads the times.
 */
#include "backends/backends.h"
#include "base/clock.h"
#include "base/thread_pool.h"
#include "pipelines/config.h"
#include "pipelines/disparity.h"
#include "pipelines/engine.h"
#include "pipelines/models.h"
#include "pipelines/rectify.h"
#include "pipelines/sgm.h"
#include "pipelines/stereo_align.h"
#include "pipelines/stereo_net.h"
#include "pipelines/stereo_smooth.h"
#include "pipelines/video_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MOST_RUNS 1000

enum stage { RECTIFY, CENSUS, NET, AGGREGATE, MEND, STAGES };
static const char *const names[STAGES] = {"rectify", "census", "net", "aggregate", "mend"};

struct bench {
    uint32_t width, height, disparities, threads, runs;
    struct base_pool *pool;
    struct pipe_frame_pool *frames;
    struct pipe_frame *frame;
    struct rectifier *rectifier;
    struct stereo_aligner *aligner;
    struct stereo_smoother *smoother;
    struct sgm *sgm;
    /* NULL without a net. */
    struct pipe_config *config;
    struct pipe_models *models;
    struct pipe_model *model;
    struct stereo_costs *costs;
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

static void say(void *context, const char *pipeline, const char *text)
{
    (void)context, (void)pipeline;
    fprintf(stderr, "bench_depth: %s\n", text);
}

/* As a pipeline would open it. */
static void open_net(struct bench *b, const char *left, const char *right, const char *net)
{
    static struct pipe_host host;
    static struct pipe_model_user user = {.priority = PIPE_PRIORITY_NORMAL};
    struct percept_error error = {0};
    char text[4096];
    host = (struct pipe_host){.backends = percept_known_backends, .pool = b->pool, .event = say};
    int size = snprintf(text, sizeof text,
                        "version: 1\n"
                        "models: {net: {file: \"%s\", backends: [cpu]}}\n"
                        "pipelines:\n"
                        "  bench:\n"
                        "    source: {type: stereo_files, left: \"%s\", right: \"%s\"}\n"
                        "    nodes: [{node: stereo_depth, model: net, inputs: {frame: source}}]\n"
                        "    topics: {depth: stereo_depth}\n",
                        net, left, right);
    if (size < 0 || (size_t)size >= sizeof text)
        need(percept_fail(&error, PERCEPT_LIMIT, "paths are too long"), &error);
    const struct stereo_net_size sizes = {b->width, b->height, b->disparities, 0.5F, 1, 5};
    need(pipe_config_parse("./bench.yaml", text, (size_t)size, &b->config, &error), &error);
    need(pipe_models_create(b->config, &host, NULL, NULL, &b->models, &error), &error);
    need(pipe_models_open(b->models, "net", NULL, &user, &b->model, &error), &error);
    need(stereo_costs_create(b->model, &sizes, b->pool, &b->costs, &error), &error);
}

static void set_up(struct bench *b, const char *left, const char *right, const char *net)
{
    struct percept_error error = {0};
    need(base_pool_create(b->threads, &b->pool, &error), &error);
    need(pipe_frame_pool_create(1, &b->frames, &error), &error);
    b->frame = pipe_frame_get(b->frames);
    read_eye(left, b->frame);
    read_eye(right, pipe_frame_add_right(b->frame));
    const struct rectifier_options rectify = {
        .width = b->width, .height = b->height, .eyes = 2, .colour = net != NULL};
    const struct sgm_options sgm = {b->width,     b->height,      b->disparities,
                                    net ? 8 : 10, net ? 80 : 100, 5};
    if (net)
        open_net(b, left, right, net);
    need(rectifier_create(&rectify, b->pool, &b->rectifier, &error), &error);
    need(stereo_aligner_create(b->width, b->height, b->disparities, 2.5F, b->pool, &b->aligner,
                               &error),
         &error);
    need(stereo_smoother_create(b->width, b->height, b->pool, &b->smoother, &error), &error);
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
    const uint8_t *eyes[2] = {rectifier_gray(b->rectifier, 0), rectifier_gray(b->rectifier, 1)};
    times[RECTIFY] = base_clock_ns();
    need(stereo_aligner_run(b->aligner, b->rectifier, b->frame, &rectified, &checked, &error),
         &error);
    times[CENSUS] = base_clock_ns();
    stereo_smoother_run(b->smoother, eyes);
    const uint8_t *left = eyes[0];
    sgm_census(b->sgm, left, eyes[1]);
    times[NET] = base_clock_ns();
    if (b->costs)
        need(stereo_costs_run(b->costs, b->rectifier, sgm_costs(b->sgm), &error), &error);
    times[AGGREGATE] = base_clock_ns();
    sgm_run(b->sgm, left, b->disparity, b->confidence);
    times[MEND] = base_clock_ns();
    disparity_reject_speckles(b->mender, b->disparity, b->confidence, 100);
    disparity_fill_alike(b->mender, left, b->disparity, b->confidence);
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

static void write_map(const struct bench *b, const char *path)
{
    size_t pixels = (size_t)b->width * b->height;
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(b->disparity, sizeof *b->disparity, pixels, file) != pixels ||
        fclose(file)) {
        fprintf(stderr, "bench_depth: '%s': %s\n", path, strerror(errno));
        exit(1);
    }
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
        fputs("usage: bench_depth LEFT RIGHT [WIDTH HEIGHT DISPARITIES THREADS RUNS OUT NET]\n",
              stderr);
        return 2;
    }
    for (int i = 3; i < argc && i < 8; i++)
        numbers[i - 3] = (uint32_t)strtoul(argv[i], NULL, 10);
    b.width = numbers[0];
    b.height = numbers[1];
    b.disparities = numbers[2];
    b.threads = numbers[3];
    b.runs = numbers[4] < 1 ? 1 : numbers[4] > MOST_RUNS ? MOST_RUNS : numbers[4];
    set_up(&b, argv[1], argv[2], argc > 9 ? argv[9] : NULL);
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
    if (argc > 8 && strcmp(argv[8], "-") != 0)
        write_map(&b, argv[8]);
    double cpu = (cpu_ms() - cpu_begin) / b.runs;
    printf("{\"threads\": %u, \"runs\": %u", b.threads, b.runs);
    for (unsigned s = 0; s < STAGES; s++)
        printf(", \"%s_ms\": %.2f", names[s], median_ms(took[s], b.runs));
    printf(", \"frame_ms\": %.2f, \"cpu_ms\": %.2f}\n", median_ms(took[STAGES], b.runs), cpu);
    stereo_costs_destroy(b.costs);
    pipe_model_destroy(b.model);
    pipe_models_destroy(b.models);
    pipe_config_destroy(b.config);
    sgm_destroy(b.sgm);
    disparity_mender_destroy(b.mender);
    stereo_aligner_destroy(b.aligner);
    stereo_smoother_destroy(b.smoother);
    rectifier_destroy(b.rectifier);
    pipe_frame_unref(b.frame);
    pipe_frame_pool_destroy(b.frames);
    base_pool_destroy(b.pool);
    free(b.disparity);
    free(b.confidence);
    return 0;
}
