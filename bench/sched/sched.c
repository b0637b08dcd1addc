/*
 * Pipelines of real models that want more than there is, three ways over one runtime: by our gate;
 * a thread each and nothing else; and one frame in flight each on an executor of as many threads as
 * there are cores, first come first served, model by model, as MediaPipe's flow limiter and
 * scheduler queue make it. bench/sched/run shows what comes out.
 *
 * bench_sched MODELS SECONDS ROUNDS LOAD: JSON on standard output.
 */
#include "backends/cpu/cpu.h"
#include "base/clock.h"
#include "runtime/prt.h"
#include "runtime/yield.h"
#include "scheduler/gate.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_LATENCIES 100000
#define SEGMENT_NS     BASE_NS_PER_MS

enum way { OURS, THREADS, ONE_IN_FLIGHT, WAYS };
static const char *const way_names[] = {"percept", "threads", "one_in_flight"};

/* share: of the capacity at load 1. Of hands it is what they cost; the others fill up the rest. */
static struct pipeline {
    const char *name, *file;
    enum sched_priority priority;
    double rate, share;

    struct prt_program *program;
    struct prt_model *model;
    unsigned runs; /* of the model, a frame */
    double run_ms; /* alone */
    int task;
    struct prt_yield yield;
    int64_t *latencies;
    size_t done, met, frames;
    pthread_t thread;
} pipelines[] = {
    {.name = "hands",
     .file = "hand_landmark_lite.fp32.pte",
     .priority = SCHED_HIGH,
     .rate = 60,
     .share = 0.4},
    {.name = "objects",
     .file = "palm_detection_full.fp32.pte",
     .priority = SCHED_NORMAL,
     .rate = 15,
     .share = 0.3},
    {.name = "text",
     .file = "hand_landmark_full.fp32.pte",
     .priority = SCHED_LOW,
     .rate = 5,
     .share = 0.15},
    {.name = "load", .file = "palm_detection_lite.fp32.pte", .priority = SCHED_LOW, .rate = 30},
};
#define COUNT (sizeof pipelines / sizeof pipelines[0])

static enum way way;
static struct base_pool *pool;
static struct sched_gate *gate;
static int64_t start_ns, end_ns;

/* ---- the executor of the third way: so many at once, in the order in which they came ---- */

static struct {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    unsigned slots, inside;
    uint64_t next, serving;
} executor = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0, 0, 0};

static void executor_enter(void)
{
    pthread_mutex_lock(&executor.mutex);
    uint64_t mine = executor.next++;
    while (mine != executor.serving || executor.inside == executor.slots)
        pthread_cond_wait(&executor.changed, &executor.mutex);
    executor.serving++;
    executor.inside++;
    pthread_cond_broadcast(&executor.changed);
    pthread_mutex_unlock(&executor.mutex);
}

static void executor_leave(void)
{
    pthread_mutex_lock(&executor.mutex);
    executor.inside--;
    pthread_cond_broadcast(&executor.changed);
    pthread_mutex_unlock(&executor.mutex);
}

/* ---- a pipeline ---- */

static void stop(const char *what, const struct percept_error *error)
{
    fprintf(stderr, "bench_sched: %s: %s\n", what, error->message);
    exit(1);
}

static void run_model(struct pipeline *p)
{
    struct percept_error error = {0};
    if (way == ONE_IN_FLIGHT)
        executor_enter();
    if (prt_model_run(p->model, &error))
        stop(p->name, &error);
    if (way == ONE_IN_FLIGHT)
        executor_leave();
}

static void on_step(void *context)
{
    if (way == OURS && gate)
        sched_gate_yield(gate, ((struct pipeline *)context)->task);
}

/* Between the loops of kernels, too, as pipelines do. */
static void on_task(void *context)
{
    if (way == OURS)
        prt_yield_step(&((struct pipeline *)context)->yield);
}

static void process(struct pipeline *p, int64_t captured_ns)
{
    int64_t period = (int64_t)(1e9 / p->rate);
    if (way == OURS) {
        sched_gate_enter(gate, p->task, 0, captured_ns);
        p->yield.last_ns = base_clock_ns();
    }
    bool old = base_clock_ns() - captured_ns > period; /* a frame past its deadline is not begun */
    for (unsigned i = 0; i < p->runs && !old; i++)
        run_model(p);
    if (way == OURS) {
        sched_gate_leave(gate, p->task);
        if (old)
            sched_gate_drop(gate, p->task);
        else
            sched_gate_done(gate, p->task, true);
    }
    int64_t latency = base_clock_ns() - captured_ns;
    if (old)
        return;
    if (p->done < MOST_LATENCIES)
        p->latencies[p->done++] = latency;
    p->met += latency <= period;
}

/* Frames come by the clock, whether anybody is ready or not. Who is late takes the newest one; with
 * one in flight, frames that come meanwhile are gone. */
static void *work(void *argument)
{
    struct pipeline *p = argument;
    int64_t period = (int64_t)(1e9 / p->rate);
    int64_t last = (end_ns - start_ns) / period;
    base_pool_set_pause(on_task, p);
    for (int64_t frame = 0; frame < last;) {
        int64_t due = start_ns + frame * period, newest = (base_clock_ns() - start_ns) / period;
        if (newest > frame)
            frame = way == ONE_IN_FLIGHT ? newest + 1 : newest;
        if (frame >= last)
            break;
        due = start_ns + frame * period;
        base_clock_sleep_until(due);
        if (way == OURS && !sched_gate_frame(gate, p->task)) {
            frame++;
            continue;
        }
        process(p, due);
        frame++;
    }
    p->frames += (size_t)last;
    return NULL;
}

/* ---- set up ---- */

static void open_model(struct pipeline *p, const char *folder)
{
    static const struct prt_backend *const cpu[] = {&prt_cpu_backend, NULL};
    char path[512];
    struct percept_error error = {0};
    p->yield = (struct prt_yield){.step = on_step, .context = p, .bound_ns = SEGMENT_NS};
    const struct prt_model_options options = {.backends = cpu, .pool = pool, .yield = &p->yield};
    snprintf(path, sizeof path, "%s/%s", folder, p->file);
    if (prt_program_open(path, &p->program, &error) ||
        prt_model_create(p->program, &options, &p->model, &error))
        stop(path, &error);
    size_t bytes = 0;
    if (!prt_tensor_bytes(prt_model_input_spec(p->model, 0), &bytes))
        stop(path, &error);
    memset(prt_model_input_data(p->model, 0), 0, bytes);
    p->latencies = calloc(MOST_LATENCIES, sizeof *p->latencies);
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* A quick run, alone: what others on the machine took is not its cost. */
static double measure(struct pipeline *p)
{
    int64_t times[41];
    way = THREADS;
    for (size_t i = 0; i < 41; i++) {
        int64_t began = base_clock_ns();
        run_model(p);
        times[i] = base_clock_ns() - began;
    }
    qsort(times, 41, sizeof times[0], compare);
    return (double)times[4] / 1e6;
}

/* So many runs a frame that all together want `load` times what there is. */
static double calibrate(double load)
{
    double wanted = 0;
    for (size_t i = 0; i < COUNT; i++) {
        struct pipeline *p = &pipelines[i];
        double share = i == 0 ? p->share : p->share * load;
        if (i == COUNT - 1)
            share = load - wanted;
        p->run_ms = measure(p);
        p->runs = (unsigned)(share * 1000 / p->rate / p->run_ms + 0.5);
        if (!p->runs)
            p->runs = 1;
        wanted += p->runs * p->run_ms * p->rate / 1000;
    }
    return wanted;
}

static void make_gate(unsigned cores)
{
    struct percept_error error = {0};
    const struct sched_gate_options options = {
        .settings = {.lane_count = 1,
                     .lanes = {{"cpu", cores, base_pool_threads(pool)}},
                     .share = 0.05},
        .pools = {pool}};
    if (sched_gate_create(&options, &gate, &error))
        stop("gate", &error);
    for (size_t i = 0; i < COUNT; i++) {
        int64_t period = (int64_t)(1e9 / pipelines[i].rate);
        const struct sched_task task = {.name = pipelines[i].name,
                                        .priority = pipelines[i].priority,
                                        .period_ns = period,
                                        .deadline_ns = period,
                                        .step_count = 1,
                                        .steps = {{.rate = 1}}};
        if (sched_gate_add(gate, &task, &pipelines[i].task, &error))
            stop("gate", &error);
    }
}

/* ---- what it costs ---- */

static double median_yield_ns(int task)
{
    enum { ROUNDS = 20001 };
    static int64_t times[ROUNDS];
    for (size_t i = 0; i < ROUNDS; i++) {
        int64_t began = base_clock_ns();
        sched_gate_yield(gate, task);
        times[i] = base_clock_ns() - began;
    }
    qsort(times, ROUNDS, sizeof times[0], compare);
    return (double)times[ROUNDS / 2];
}

static void *wait_in_vain(void *argument)
{
    sched_gate_enter(gate, *(int *)argument, 0, base_clock_ns());
    sched_gate_leave(gate, *(int *)argument);
    return NULL;
}

/* A yield while nobody waits, and while a less important one does. */
static void measure_overhead(double *alone, double *contended)
{
    pthread_t thread;
    struct sched_lane_view view = {0};
    way = OURS;
    sched_gate_enter(gate, pipelines[0].task, 0, base_clock_ns());
    *alone = median_yield_ns(pipelines[0].task);
    pthread_create(&thread, NULL, wait_in_vain, &pipelines[COUNT - 1].task);
    while (!view.waiting)
        sched_gate_look_lane(gate, 0, &view);
    *contended = median_yield_ns(pipelines[0].task);
    sched_gate_leave(gate, pipelines[0].task);
    pthread_join(thread, NULL);
}

/* ---- results ---- */

/* What the host took from all CPUs, in jiffies. */
static uint64_t stolen_jiffies(void)
{
    unsigned long long stolen = 0;
    FILE *file = fopen("/proc/stat", "r");
    if (file && fscanf(file, "cpu %*u %*u %*u %*u %*u %*u %*u %llu", &stolen) != 1)
        stolen = 0;
    if (file)
        fclose(file);
    return stolen;
}

static double percentile(struct pipeline *p, double share)
{
    qsort(p->latencies, p->done, sizeof p->latencies[0], compare);
    return p->done ? (double)p->latencies[(size_t)((double)(p->done - 1) * share)] / 1e6 : 0;
}

static void run_way(enum way chosen, double seconds)
{
    way = chosen;
    start_ns = base_clock_ns() + 50 * BASE_NS_PER_MS;
    end_ns = start_ns + (int64_t)(seconds * 1e9);
    for (size_t i = 0; i < COUNT; i++)
        pthread_create(&pipelines[i].thread, NULL, work, &pipelines[i]);
    for (size_t i = 0; i < COUNT; i++)
        pthread_join(pipelines[i].thread, NULL);
}

static void print_way(enum way chosen)
{
    printf("    \"%s\": {", way_names[chosen]);
    for (size_t i = 0; i < COUNT; i++) {
        struct pipeline *p = &pipelines[i];
        printf("%s\n      \"%s\": {\"frames\": %zu, \"done\": %zu, \"met_percent\": %.2f, "
               "\"p50_ms\": %.2f, \"p99_ms\": %.2f",
               i ? "," : "", p->name, p->frames, p->done,
               p->frames ? 100.0 * (double)p->met / (double)p->frames : 0, percentile(p, 0.5),
               percentile(p, 0.99));
        if (chosen == OURS) {
            struct sched_task_view view;
            sched_gate_look(gate, p->task, &view);
            printf(", \"longest_segment_ms\": %.2f, \"boosts\": %llu, \"admitted\": %s",
                   (double)view.longest_ns / 1e6, (unsigned long long)view.boosts,
                   view.admitted ? "true" : "false");
        }
        printf("}");
    }
    printf("\n    }%s\n", chosen == WAYS - 1 ? "" : ",");
}

/* The ways take turns, so that what else the machine does is shared among them. */
static void run_all(double seconds, unsigned long rounds, int64_t *latencies[WAYS][COUNT],
                    struct pipeline sums[WAYS][COUNT])
{
    for (unsigned long round = 0; round < rounds; round++)
        for (int w = 0; w < WAYS; w++) {
            for (size_t i = 0; i < COUNT; i++) {
                pipelines[i].latencies = latencies[w][i];
                pipelines[i].done = sums[w][i].done;
                pipelines[i].met = sums[w][i].met;
                pipelines[i].frames = sums[w][i].frames;
            }
            run_way((enum way)w, seconds);
            memcpy(sums[w], pipelines, sizeof pipelines);
        }
}

int main(int argc, char **argv)
{
    static struct pipeline sums[WAYS][COUNT];
    static int64_t *latencies[WAYS][COUNT];
    double seconds = argc == 5 ? atof(argv[2]) : 0, load = argc == 5 ? atof(argv[4]) : 0;
    unsigned long rounds = argc == 5 ? strtoul(argv[3], NULL, 10) : 0;
    struct percept_error error = {0};
    cpu_set_t allowed;
    uint64_t stolen;
    if (!(seconds > 0) || !(load > 0) || !rounds) {
        fputs("usage: bench_sched MODELS SECONDS ROUNDS LOAD\n", stderr);
        return 2;
    }
    sched_getaffinity(0, sizeof allowed, &allowed);
    executor.slots = (unsigned)CPU_COUNT(&allowed);
    if (base_pool_create(0, &pool, &error))
        stop("pool", &error);
    for (size_t i = 0; i < COUNT; i++)
        open_model(&pipelines[i], argv[1]);
    for (int w = 0; w < WAYS; w++)
        for (size_t i = 0; i < COUNT; i++)
            if (!(latencies[w][i] = calloc(MOST_LATENCIES, sizeof(int64_t))))
                return 1;
    double wanted = calibrate(load), alone, contended;
    make_gate(executor.slots);
    measure_overhead(&alone, &contended);
    stolen = stolen_jiffies();
    run_all(seconds, rounds, latencies, sums);
    stolen = stolen_jiffies() - stolen;
    printf("{\n  \"cores\": %u,\n  \"demand\": %.2f,\n  \"yield_ns\": %.0f,\n"
           "  \"yield_contended_ns\": %.0f,\n  \"stolen_jiffies\": %llu,\n  \"cost_ms\": {",
           executor.slots, wanted, alone, contended, (unsigned long long)stolen);
    for (size_t i = 0; i < COUNT; i++)
        printf("%s\"%s\": %.2f", i ? ", " : "", pipelines[i].name,
               pipelines[i].runs * pipelines[i].run_ms);
    printf("},\n  \"ways\": {\n");
    for (int w = 0; w < WAYS; w++) {
        memcpy(pipelines, sums[w], sizeof pipelines);
        print_way((enum way)w);
    }
    printf("  }\n}\n");
    return 0;
}
