/*
 * Pipelines of real models that want more than there is, three ways over one runtime: by our gate;
 * a thread each and nothing else; and one frame in flight each on an executor of as many threads as
 * there are cores, first come first served, model by model, as MediaPipe's flow limiter and
 * scheduler queue make it. bench/sched/run shows what comes out.
 *
 * bench_sched MODELS SECONDS ROUNDS LOAD [percept [REALTIME]]: JSON on standard output; with that
 * word the first way alone, and with the number as the daemon does with scheduler.realtime.
 */
#include "backends/cpu/cpu.h"
#include "base/clock.h"
#include "causes.h"
#include "runtime/prt.h"
#include "runtime/yield.h"
#include "scheduler/gate.h"

#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define MOST_LATENCIES 100000
#define SEGMENT_NS     BASE_NS_PER_MS
#define LEAST_SHARE    0.02 /* of what there is, for a pipeline */

enum way { OURS, THREADS, ONE_IN_FLIGHT, WAYS };
static const char *const way_names[] = {"percept", "threads", "one_in_flight"};

/* share: of the capacity at load 1. Of hands it is what they cost; the others fill up the rest. */
static struct pipeline {
    const char *name, *file;
    enum sched_priority priority;
    double rate, share;
    int32_t side; /* of a square image, where the net takes several */

    struct prt_program *program;
    struct prt_model *model;
    unsigned runs; /* of the model, a frame */
    double run_ms; /* alone */
    int task;
    struct prt_yield yield;
    int64_t *latencies;
    size_t done, met, frames;
    struct account account;
    pthread_t thread;
} pipelines[] = {
    {.name = "hands",
     .file = "hand_landmark_lite.fp32.pte",
     .priority = SCHED_HIGH,
     .rate = 60,
     .share = 0.4},
    {.name = "objects",
     .file = "objects_ssd.fp32.pte",
     .priority = SCHED_NORMAL,
     .rate = 15,
     .share = 0.3},
    {.name = "text",
     .file = "text_detection_v4.fp32.pte",
     .priority = SCHED_LOW,
     .rate = 5,
     .share = 0.15,
     .side = 256},
    {.name = "load", .file = "palm_detection_lite.fp32.pte", .priority = SCHED_LOW, .rate = 30},
};
#define COUNT (sizeof pipelines / sizeof pipelines[0])

static enum way way;
static int way_count = WAYS, realtime; /* SCHED_FIFO priority; 0: none */
static atomic_bool without_priorities; /* somebody has asked for one in vain */
static struct base_pool *pool;
static struct sched_gate *gate;
static int64_t start_ns, end_ns;
static unsigned looks, overloads; /* at what our pipelines want; of these: more than there is */

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
        account_begin(&p->account, captured_ns, base_clock_ns());
        sched_gate_enter(gate, p->task, 0, captured_ns);
        p->yield.last_ns = base_clock_ns();
    }
    /* A frame past its deadline is not begun. */
    bool old =
        way == OURS ? !sched_gate_begins(gate, p->task) : base_clock_ns() - captured_ns > period;
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
    if (way == OURS)
        account_end(&p->account, latency - period);
    if (old)
        return;
    if (p->done < MOST_LATENCIES)
        p->latencies[p->done++] = latency;
    p->met += latency <= period;
}

/* As the daemon does for its pipelines. Who has threads and no scheduler can do that, too. */
static void set_priority(const struct pipeline *p)
{
    static const int nice_values[] = {[SCHED_LOW] = 10, [SCHED_NORMAL] = 0, [SCHED_HIGH] = -10};
    int wanted = nice_values[p->priority];
    const struct sched_param param = {.sched_priority = realtime + (int)p->priority - SCHED_HIGH};
    if (realtime) {
        if (pthread_setschedparam(pthread_self(), SCHED_FIFO, &param))
            atomic_store(&without_priorities, true);
    } else if (way != ONE_IN_FLIGHT && wanted &&
               setpriority(PRIO_PROCESS, (id_t)gettid(), wanted)) {
        atomic_store(&without_priorities, true);
    }
}

/* Frames come by the clock, whether anybody is ready or not. Who is late takes the newest one; with
 * one in flight, frames that come meanwhile are gone. */
static void *work(void *argument)
{
    struct pipeline *p = argument;
    int64_t period = (int64_t)(1e9 / p->rate);
    int64_t last = (end_ns - start_ns) / period;
    set_priority(p);
    if (way == OURS)
        account_open(&p->account, p->priority);
    base_pool_set_pause(on_task, p);
    for (int64_t frame = 0; frame < last;) {
        int64_t due = start_ns + frame * period, newest = (base_clock_ns() - start_ns) / period;
        if (newest > frame) {
            int64_t taken = way == ONE_IN_FLIGHT ? newest + 1 : newest;
            if (way == OURS)
                account_skipped(&p->account,
                                (unsigned long)((taken < last ? taken : last) - frame));
            frame = taken;
        }
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

/* All its dimensions but the batch and the channels are to be so long. */
static void choose_size(struct pipeline *p, const char *path)
{
    const struct prt_tensor *spec = prt_model_input_spec(p->model, 0);
    const int32_t sizes[] = {1, 3, p->side, p->side};
    struct percept_error error = {0};
    if (p->side && prt_model_resize_input(p->model, 0, spec->rank, sizes, &error))
        stop(path, &error);
}

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
    choose_size(p, path);
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

/* What a run costs, alone: CPU time, as a share of the cores that there are. How much sooner it is
 * done with several is another thing, and what others on the machine took is not its cost. */
static double measure(struct pipeline *p)
{
    int64_t times[41];
    way = THREADS;
    for (size_t i = 0; i < 41; i++) {
        int64_t began = base_clock_thread_ns() + base_pool_helped_ns();
        run_model(p);
        times[i] = base_clock_thread_ns() + base_pool_helped_ns() - began;
    }
    qsort(times, 41, sizeof times[0], compare);
    return (double)times[20] / 1e6 / executor.slots;
}

/* So many runs a frame that all together want `load` times what there is. Where one run is too much
 * already, frames come less often: those of hands never, others' if there is not to be too much,
 * the last one's always. */
static double calibrate(double load)
{
    double wanted = 0;
    for (size_t i = 0; i < COUNT; i++) {
        struct pipeline *p = &pipelines[i];
        double share = i == 0 ? p->share : p->share * load;
        if (i == COUNT - 1)
            share = load - wanted;
        p->run_ms = measure(p);
        double most = fmax(share, LEAST_SHARE) * 1000 / p->run_ms; /* runs a second */
        p->runs = (unsigned)fmax(1, most / p->rate + (load <= 1 ? 0 : 0.5));
        if (p->runs == 1 && most < p->rate && (i == COUNT - 1 || (i > 0 && load <= 1)))
            p->rate = most;
        wanted += p->runs * p->run_ms * p->rate / 1000;
    }
    return wanted;
}

static void on_event(void *context, const struct sched_gate_event *event)
{
    (void)context;
    for (size_t i = 0; i < COUNT; i++)
        if (pipelines[i].task == event->task)
            account_event(&pipelines[i].account, event);
}

static void make_gate(unsigned cores)
{
    struct percept_error error = {0};
    const struct sched_gate_options options = {
        .settings = {.lane_count = 1,
                     .lanes = {{"cpu", cores, base_pool_threads(pool)}},
                     .share = 0.05},
        .pools = {pool},
        .event = on_event};
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

static double percentile(struct pipeline *p, double share)
{
    qsort(p->latencies, p->done, sizeof p->latencies[0], compare);
    return p->done ? (double)p->latencies[(size_t)((double)(p->done - 1) * share)] / 1e6 : 0;
}

/* By mean costs: a CPU that others make slower costs more of its time. */
static void look_at_load(void)
{
    double load = 0;
    for (size_t i = 0; i < COUNT; i++) {
        struct sched_task_view view;
        sched_gate_look(gate, pipelines[i].task, &view);
        load += view.load;
    }
    looks++;
    overloads += load > 1;
}

static void run_way(enum way chosen, double seconds)
{
    way = chosen;
    if (way == OURS)
        causes_begin();
    start_ns = base_clock_ns() + 50 * BASE_NS_PER_MS;
    end_ns = start_ns + (int64_t)(seconds * 1e9);
    for (size_t i = 0; i < COUNT; i++)
        pthread_create(&pipelines[i].thread, NULL, work, &pipelines[i]);
    for (int64_t at = start_ns; way == OURS && at < end_ns; at += BASE_NS_PER_S / 2) {
        base_clock_sleep_until(at);
        look_at_load();
    }
    for (size_t i = 0; i < COUNT; i++)
        pthread_join(pipelines[i].thread, NULL);
}

static void print_way(enum way chosen)
{
    printf("    \"%s\": {", way_names[chosen]);
    for (size_t i = 0; i < COUNT; i++) {
        struct pipeline *p = &pipelines[i];
        printf("%s\n      \"%s\": {\"frames\": %zu, \"done\": %zu, \"met_percent\": %.2f, "
               "\"p50_ms\": %.2f, \"p99_ms\": %.2f, \"rate\": %.1f",
               i ? "," : "", p->name, p->frames, p->done,
               p->frames ? 100.0 * (double)p->met / (double)p->frames : 0, percentile(p, 0.5),
               percentile(p, 0.99), p->rate);
        if (chosen == OURS) {
            struct sched_task_view view;
            sched_gate_look(gate, p->task, &view);
            printf(", \"longest_segment_ms\": %.2f, \"boosts\": %llu, \"admitted\": %s, "
                   "\"worst_ms\": %.2f, \"load\": %.3f, \"misses\": {",
                   (double)view.longest_ns / 1e6, (unsigned long long)view.boosts,
                   view.admitted ? "true" : "false", (double)view.cost_ns / 1e6, view.load);
            for (int cause = 0; cause < CAUSES; cause++)
                printf("%s\"%s\": %lu", cause ? ", " : "", cause_names[cause],
                       p->account.misses[cause]);
            printf("}");
        }
        printf("}");
    }
    printf("\n    }%s\n", (int)chosen == way_count - 1 ? "" : ",");
}

/* The ways take turns, so that what else the machine does is shared among them. */
static void run_all(double seconds, unsigned long rounds, int64_t *latencies[WAYS][COUNT],
                    struct pipeline sums[WAYS][COUNT])
{
    for (unsigned long round = 0; round < rounds; round++)
        for (int w = 0; w < way_count; w++) {
            for (size_t i = 0; i < COUNT; i++) {
                pipelines[i].latencies = latencies[w][i];
                pipelines[i].done = sums[w][i].done;
                pipelines[i].met = sums[w][i].met;
                pipelines[i].frames = sums[w][i].frames;
                if (w == OURS)
                    pipelines[i].account = sums[w][i].account;
            }
            run_way((enum way)w, seconds);
            memcpy(sums[w], pipelines, sizeof pipelines);
        }
}

int main(int argc, char **argv)
{
    static struct pipeline sums[WAYS][COUNT];
    static int64_t *latencies[WAYS][COUNT];
    bool alone_wanted = (argc == 6 || argc == 7) && strcmp(argv[5], way_names[OURS]) == 0;
    bool whole = argc == 5 || alone_wanted;
    double seconds = whole ? atof(argv[2]) : 0, load = whole ? atof(argv[4]) : 0;
    unsigned long rounds = whole ? strtoul(argv[3], NULL, 10) : 0;
    struct percept_error error = {0};
    cpu_set_t allowed;
    if (!(seconds > 0) || !(load > 0) || !rounds) {
        fputs("usage: bench_sched MODELS SECONDS ROUNDS LOAD [percept [REALTIME]]\n", stderr);
        return 2;
    }
    if (alone_wanted)
        way_count = OURS + 1;
    sched_getaffinity(0, sizeof allowed, &allowed);
    executor.slots = (unsigned)CPU_COUNT(&allowed);
    if (base_pool_create(0, &pool, &error))
        stop("pool", &error);
    causes_find_workers(executor.slots);
    realtime = argc == 7 ? atoi(argv[6]) : 0;
    const struct sched_param param = {.sched_priority = realtime};
    if (realtime && (base_pool_realtime(pool, realtime) ||
                     pthread_setschedparam(pthread_self(), SCHED_FIFO, &param)))
        atomic_store(&without_priorities, true);
    for (size_t i = 0; i < COUNT; i++)
        open_model(&pipelines[i], argv[1]);
    for (int w = 0; w < WAYS; w++)
        for (size_t i = 0; i < COUNT; i++)
            if (!(latencies[w][i] = calloc(MOST_LATENCIES, sizeof(int64_t))))
                return 1;
    double wanted = calibrate(load), alone, contended;
    make_gate(executor.slots);
    measure_overhead(&alone, &contended);
    run_all(seconds, rounds, latencies, sums);
    printf("{\n  \"cores\": %u,\n  \"demand\": %.2f,\n  \"yield_ns\": %.0f,\n"
           "  \"yield_contended_ns\": %.0f,\n  \"overloaded_percent\": %.1f,\n  \"priorities\": "
           "%s,\n  "
           "\"cost_ms\": {",
           executor.slots, wanted, alone, contended, looks ? 100.0 * overloads / looks : 0,
           atomic_load(&without_priorities) ? "false" : "true");
    for (size_t i = 0; i < COUNT; i++)
        printf("%s\"%s\": %.2f", i ? ", " : "", pipelines[i].name,
               pipelines[i].runs * pipelines[i].run_ms);
    printf("},\n  \"ways\": {\n");
    for (int w = 0; w < way_count; w++) {
        memcpy(pipelines, sums[w], sizeof pipelines);
        print_way((enum way)w);
    }
    printf("  }\n}\n");
    return 0;
}
