/* percept model bench: how long a run takes, on random inputs, after a warm-up. */
#include "base/clock.h"
#include "cli/cli.h"
#include "cli/memory.h"
#include "cli/model.h"
#include "cli/model_profile.h"
#include "cli/stats.h"
#include "cli/table.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define WARM_UP_RUNS 3
#define LEAST_RUNS   10

struct bench {
    const char *path;
    struct cli_model_settings settings;
    unsigned long runs; /* 0: as many as fit into the seconds */
    double seconds;
    struct base_option_list inputs;
    const char *trace, *etdump; /* files to write; NULL: none */
    bool json, profile;
};

/* What all threads of the process have worked so far. */
static int64_t cpu_now_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (int64_t)time.tv_sec * BASE_NS_PER_S + time.tv_nsec;
}

/* cpu_ns: the least CPU time of a run, which others on the machine change least. */
static enum percept_status measure(const struct bench *bench, struct prt_model *model,
                                   struct cli_series *series, int64_t *cpu_ns,
                                   struct percept_error *error)
{
    *cpu_ns = INT64_MAX;
    enum percept_status status = cli_model_fill(model, &bench->inputs, error);
    for (int i = 0; i < WARM_UP_RUNS && !status; i++)
        status = prt_model_run(model, error);
    int64_t begin = base_clock_ns(), now = begin;
    int64_t budget_ns = (int64_t)(bench->seconds * BASE_NS_PER_S);
    for (unsigned long i = 0; !status; i++) {
        bool enough = bench->runs ? i >= bench->runs : i >= LEAST_RUNS && now - begin >= budget_ns;
        if (enough)
            break;
        int64_t cpu = cpu_now_ns(), start = base_clock_ns();
        status = prt_model_run(model, error);
        now = base_clock_ns();
        cpu = cpu_now_ns() - cpu;
        *cpu_ns = cpu < *cpu_ns ? cpu : *cpu_ns;
        if (!status && !cli_series_add(series, now, now - start))
            status = percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    }
    return status;
}

#define PROFILE_RUNS 15

/* ---- results ---- */

static double ms(int64_t ns)
{
    return (double)ns / BASE_NS_PER_MS;
}

static json_t *result(const struct cli_model *model, const struct cli_summary *summary,
                      int64_t cpu_ns, uint64_t runs)
{
    struct prt_model_stats stats;
    struct rusage usage;
    char placement[128];
    prt_model_stats(model->model, &stats);
    getrusage(RUSAGE_SELF, &usage);
    json_t *answer = json_pack(
        "{s:f, s:f, s:f, s:f, s:f, s:I, s:i, s:s, s:I}", "median_ms", ms(summary->median_ns),
        "p99_ms", ms(summary->p99_ns), "min_ms", ms(summary->min_ns), "cpu_ms", ms(cpu_ns),
        "load_ms", ms(stats.load_ns), "peak_rss_bytes", (json_int_t)usage.ru_maxrss * 1024,
        "threads", (int)base_pool_threads(model->pool), "backend",
        cli_model_placement(model->model, placement, sizeof placement), "runs", (json_int_t)runs);
    if (stats.device.submissions)
        json_object_set_new(
            answer, "device",
            json_pack("{s:i, s:i, s:i, s:I, s:I}", "submissions", (int)stats.device.submissions,
                      "dispatches", (int)stats.device.dispatches, "tuned", (int)stats.device.tuned,
                      "copied_bytes", (json_int_t)stats.device.copied_bytes, "memory_bytes",
                      (json_int_t)stats.device.device_bytes));
    return answer;
}

static void print_result(const char *path, const json_t *result)
{
    static const struct cli_column columns[] = {
        {"NODE", "node", CLI_FORMAT_COUNT},    {"OP", "op", CLI_FORMAT_TEXT},
        {"KERNEL", "kernel", CLI_FORMAT_TEXT}, {"BACKEND", "backend", CLI_FORMAT_TEXT},
        {"US", "us", CLI_FORMAT_REAL},         {"%", "share", CLI_FORMAT_REAL},
        {"NAME", "name", CLI_FORMAT_TEXT},
    };
    static const struct cli_column op_columns[] = {
        {"OP", "op", CLI_FORMAT_TEXT},        {"KERNEL", "kernel", CLI_FORMAT_TEXT},
        {"NODES", "calls", CLI_FORMAT_COUNT}, {"MS", "ms", CLI_FORMAT_REAL},
        {"%", "share", CLI_FORMAT_REAL},
    };
    char memory[32], more[32];
    const json_t *profile = json_object_get(result, "profile");
    if (profile) {
        cli_table_of_json(profile, columns, sizeof columns / sizeof columns[0], "\n", stdout);
        putchar('\n');
        cli_table_of_json(json_object_get(result, "ops"), op_columns,
                          sizeof op_columns / sizeof op_columns[0], "\n", stdout);
        putchar('\n');
    }
    printf("%s: median %.3f ms, p99 %.3f ms, min %.3f ms over %lld runs; load %.1f ms, peak %s, "
           "%lld threads, %s\n",
           path, json_number_value(json_object_get(result, "median_ms")),
           json_number_value(json_object_get(result, "p99_ms")),
           json_number_value(json_object_get(result, "min_ms")),
           (long long)json_integer_value(json_object_get(result, "runs")),
           json_number_value(json_object_get(result, "load_ms")),
           cli_bytes(json_number_value(json_object_get(result, "peak_rss_bytes")), memory,
                     sizeof memory),
           (long long)json_integer_value(json_object_get(result, "threads")),
           json_string_value(json_object_get(result, "backend")));
    const json_t *device = json_object_get(result, "device");
    if (device)
        printf("a run: %lld submissions of %lld dispatches (%lld tuned), %s copied; %s on the "
               "device\n",
               (long long)json_integer_value(json_object_get(device, "submissions")),
               (long long)json_integer_value(json_object_get(device, "dispatches")),
               (long long)json_integer_value(json_object_get(device, "tuned")),
               cli_bytes(json_number_value(json_object_get(device, "copied_bytes")), memory,
                         sizeof memory),
               cli_bytes(json_number_value(json_object_get(device, "memory_bytes")), more,
                         sizeof more));
}

/* What was asked for of: tables, a trace, an ETDump. */
static enum percept_status profile(const struct bench *bench, const struct cli_model *model,
                                   json_t *answer, struct percept_error *error)
{
    struct cli_profile profile = {0};
    if (!bench->profile && !bench->trace && !bench->etdump)
        return PERCEPT_OK;
    enum percept_status status = cli_profile_take(model->model, PROFILE_RUNS, &profile, error);
    if (!status && bench->profile) {
        json_object_set_new(answer, "profile", cli_profile_nodes(model->model, &profile));
        json_object_set_new(answer, "ops", cli_profile_ops(model->model, &profile));
    }
    if (!status && bench->trace)
        status = cli_profile_trace(model->model, &profile, bench->trace, error);
    if (!status && bench->etdump)
        status = cli_profile_etdump(bench->path, model, &bench->settings, &bench->inputs, &profile,
                                    bench->etdump, error);
    cli_profile_free(&profile);
    return status;
}

static int bench_model(const struct bench *bench)
{
    struct percept_error error = {0};
    struct cli_model model;
    struct cli_series series = {0};
    struct cli_summary summary;
    int64_t cpu_ns;
    cli_memory_restart();
    const int64_t memory_before = cli_memory_now(), cpu_before = cpu_now_ns();
    enum percept_status status = cli_model_open(bench->path, &bench->settings, &model, &error);
    if (status)
        return cli_fail(cli_model_exit(status), &error);
    const int64_t load_cpu_ns = cpu_now_ns() - cpu_before;
    const int64_t load_peak = cli_memory_peak() - memory_before;
    status = measure(bench, model.model, &series, &cpu_ns, &error);
    if (!status && !cli_series_summary(&series, &summary))
        status = percept_fail(&error, PERCEPT_NO_MEMORY, "out of memory");
    json_t *answer = NULL;
    if (!status) {
        answer =
            result(&model, &summary, cpu_ns, series.seen); /* before a profile adds to the peak */
        json_object_set_new(answer, "model_peak_bytes",
                            json_integer(cli_memory_peak() - memory_before));
        json_object_set_new(answer, "load_peak_bytes", json_integer(load_peak));
        json_object_set_new(answer, "load_cpu_ms", json_real(ms(load_cpu_ns)));
        status = profile(bench, &model, answer, &error);
    }
    cli_series_free(&series);
    cli_model_close(&model);
    if (status) {
        json_decref(answer);
        return cli_fail(CLI_FAILURE, &error);
    }
    if (bench->json) {
        cli_print_json(answer, false);
        return CLI_OK;
    }
    print_result(bench->path, answer);
    json_decref(answer);
    return CLI_OK;
}

int cli_model_bench(int argc, char **argv)
{
    struct bench bench = {.seconds = 3};
    int operands, code;
    const struct base_option options[] = {
        CLI_OPTION_THREADS(bench.settings),
        CLI_OPTION_DATA(bench.settings),
        CLI_OPTION_CACHE(bench.settings),
        {"runs", "N", "measure so many runs", BASE_OPTION_COUNT, &bench.runs},
        {"seconds", "SECONDS", "measure for so long, at least 10 runs; 3 if not given",
         BASE_OPTION_SECONDS, &bench.seconds},
        CLI_OPTION_BACKEND(bench.settings),
        CLI_OPTION_FP16(bench.settings),
        {"tune", "SECONDS", "first try for so long which work-groups are quickest on the device",
         BASE_OPTION_SECONDS, &bench.settings.tune},
        CLI_OPTION_METHOD(bench.settings),
        {"input", "INDEX=FILE", "fill an input from a .npy or raw file; else random",
         BASE_OPTION_LIST, &bench.inputs},
        {"profile", NULL, "list each node and each operation with its kernel and its time",
         BASE_OPTION_FLAG, &bench.profile},
        {"trace", "FILE", "write a trace of some runs, for Perfetto", BASE_OPTION_TEXT,
         &bench.trace},
        {"etdump", "FILE", "write an ETDump, for ExecuTorch's Inspector", BASE_OPTION_TEXT,
         &bench.etdump},
        CLI_OPTION_JSON(&bench.json),
    };
    const struct base_usage usage = {
        .program = "percept model bench",
        .operands = "FILE",
        .purpose = "Measure a model on random inputs, after a warm-up of 3 runs.",
        .least = 1,
        .most = 1,
        .options = options,
        .option_count = sizeof options / sizeof options[0],
    };
    if (!cli_parse(&usage, argc, argv, &operands, &code))
        return code;
    bench.path = argv[1];
    return bench_model(&bench);
}
