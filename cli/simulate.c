/* percept simulate: what a deployment would do on a device, by the daemon's own policy. */
#include "base/clock.h"
#include "cli/cli.h"
#include "cli/device.h"
#include "cli/simulate_replay_view.h"
#include "cli/table.h"
#include "pipelines/engine.h"

#include <errno.h>
#include <string.h>

struct plan {
    struct sched_sim_settings settings;
    struct sched_sim_task tasks[SCHED_MAX_TASKS];
    struct sched_sim_result results[SCHED_MAX_TASKS];
    struct sched_lane_view lanes[SCHED_MAX_LANES];
    size_t count;
    struct cli_replay *replay; /* or NULL: a device */
    FILE *trace;
};

/* ---- the trace: Chrome's JSON, which Perfetto opens; a process a processor, a thread a slot ----
 */

static void trace_event(const struct plan *plan, const struct sched_sim_event *event)
{
    const struct sched_task *task = &plan->tasks[event->task].config;
    double start = (double)event->start_ns / 1e3;
    switch (event->kind) {
    case SCHED_EVENT_SEGMENT:
        fprintf(plan->trace,
                ",\n{\"ph\":\"X\",\"name\":\"%s\",\"pid\":%d,\"tid\":%u,\"ts\":%.3f,\"dur\":%.3f,"
                "\"args\":{\"step\":%u}}",
                task->name, event->lane + 1, event->slot, start,
                (double)(event->end_ns - event->start_ns) / 1e3, event->step);
        break;
    case SCHED_EVENT_MISS:
        fprintf(plan->trace,
                ",\n{\"ph\":\"i\",\"s\":\"g\",\"name\":\"%s missed\",\"pid\":0,\"tid\":%d,"
                "\"ts\":%.3f}",
                task->name, event->task, (double)event->end_ns / 1e3);
        break;
    case SCHED_EVENT_STEP:
        fprintf(plan->trace,
                ",\n{\"ph\":\"C\",\"name\":\"%s step\",\"pid\":0,\"ts\":%.3f,\"args\":{\"step\":%u}"
                "}",
                task->name, start, event->step);
        break;
    case SCHED_EVENT_DONE:
        break;
    }
}

static void on_event(void *context, const struct sched_sim_event *event)
{
    const struct plan *plan = context;
    if (plan->trace)
        trace_event(plan, event);
    if (plan->replay)
        cli_replay_event(cli_replay_find(plan->replay, plan->tasks[event->task].config.name),
                         event);
}

static void trace_begin(const struct plan *plan)
{
    fputs("{\"traceEvents\":[\n{\"ph\":\"M\",\"name\":\"process_name\",\"pid\":0,\"args\":{"
          "\"name\":\"pipelines\"}}",
          plan->trace);
    for (size_t i = 0; i < plan->settings.policy.lane_count; i++)
        fprintf(plan->trace,
                ",\n{\"ph\":\"M\",\"name\":\"process_name\",\"pid\":%zu,\"args\":{\"name\":\"%s\"}"
                "}",
                i + 1, plan->settings.policy.lanes[i].name);
}

static enum percept_status simulate(struct plan *plan, const char *path,
                                    struct percept_error *error)
{
    if (path) {
        plan->trace = fopen(path, "w");
        if (!plan->trace)
            return percept_fail_errno(error, errno, "trace '%s'", path);
        trace_begin(plan);
    }
    plan->settings.event = on_event;
    plan->settings.context = plan;
    enum percept_status status = sched_simulate(&plan->settings, plan->tasks, plan->count,
                                                plan->results, plan->lanes, error);
    if (plan->trace) {
        fputs("\n]}\n", plan->trace);
        bool failed = ferror(plan->trace);
        failed |= fclose(plan->trace) != 0;
        if (failed && status == PERCEPT_OK)
            status = percept_fail_errno(error, errno, "trace '%s'", path);
    }
    return status;
}

/* ---- the result ---- */

static json_t *pipelines(const struct plan *plan)
{
    static const char *const priorities[] = {"low", "normal", "high"};
    json_t *list = json_array();
    for (size_t i = 0; i < plan->count; i++) {
        const struct sched_sim_result *r = &plan->results[i];
        const struct sched_task *task = &plan->tasks[i].config;
        uint64_t wanted = r->view.done + r->dropped;
        double met = wanted ? 1 - (double)r->view.missed / (double)wanted : 1;
        json_array_append_new(
            list,
            json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:f, s:f, s:f, s:f, s:f, s:i, s:i, s:b, s:s}",
                      "name", task->name, "priority", priorities[task->priority], "frames",
                      (json_int_t)r->view.frames, "done", (json_int_t)r->view.done, "dropped",
                      (json_int_t)r->dropped, "skipped", (json_int_t)r->view.skipped, "met_percent",
                      task->deadline_ns ? 100 * met : 100, "latency_mean_ms",
                      (double)r->latency_mean_ns / BASE_NS_PER_MS, "latency_max_ms",
                      (double)r->latency_most_ns / BASE_NS_PER_MS, "longest_gap_ms",
                      (double)r->longest_gap_ns / BASE_NS_PER_MS, "load", r->view.load, "step",
                      (int)r->view.step, "steps_taken", (int)r->steps, "admitted", r->view.admitted,
                      "quality", r->view.cause));
    }
    return list;
}

static json_t *lanes(const struct plan *plan)
{
    json_t *list = json_array();
    for (size_t i = 0; i < plan->settings.policy.lane_count; i++) {
        const struct sched_lane *lane = &plan->settings.policy.lanes[i];
        double busy = (double)plan->lanes[i].busy_ns / (double)plan->settings.length_ns;
        json_array_append_new(list, json_pack("{s:s, s:i, s:f}", "name", lane->name, "slots",
                                              (int)lane->slots, "load", busy / lane->slots));
    }
    return list;
}

static void print(const struct plan *plan, bool as_json)
{
    static const struct cli_column columns[] = {
        {"PIPELINE", "name", CLI_FORMAT_TEXT},
        {"PRIORITY", "priority", CLI_FORMAT_TEXT},
        {"FRAMES", "frames", CLI_FORMAT_COUNT},
        {"DONE", "done", CLI_FORMAT_COUNT},
        {"DROPPED", "dropped", CLI_FORMAT_COUNT},
        {"SKIPPED", "skipped", CLI_FORMAT_COUNT},
        {"MET %", "met_percent", CLI_FORMAT_REAL},
        {"MEAN MS", "latency_mean_ms", CLI_FORMAT_REAL},
        {"MOST MS", "latency_max_ms", CLI_FORMAT_REAL},
        {"LOAD", "load", CLI_FORMAT_REAL},
        {"STEP", "step", CLI_FORMAT_COUNT},
        {"ADMITTED", "admitted", CLI_FORMAT_FLAG},
        {"QUALITY", "quality", CLI_FORMAT_TEXT},
    };
    static const struct cli_column of_lanes[] = {{"PROCESSOR", "name", CLI_FORMAT_TEXT},
                                                 {"SLOTS", "slots", CLI_FORMAT_COUNT},
                                                 {"LOAD", "load", CLI_FORMAT_REAL}};
    json_t *result = json_pack(
        "{s:f, s:I, s:o, s:o}", "seconds", (double)plan->settings.length_ns / BASE_NS_PER_S, "seed",
        (json_int_t)plan->settings.seed, "pipelines", pipelines(plan), "lanes", lanes(plan));
    if (as_json) {
        cli_print_json(result, false);
        return;
    }
    cli_table_of_json(json_object_get(result, "pipelines"), columns,
                      sizeof columns / sizeof columns[0], "\n", stdout);
    putchar('\n');
    cli_table_of_json(json_object_get(result, "lanes"), of_lanes,
                      sizeof of_lanes / sizeof of_lanes[0], "\n", stdout);
    json_decref(result);
}

/* ---- the command ---- */

static enum percept_status load(struct plan *plan, const struct pipe_config *config,
                                const struct cli_device *device, struct percept_error *error)
{
    struct sched_task tasks[SCHED_MAX_TASKS];
    plan->count = pipe_config_tasks(config, tasks, SCHED_MAX_TASKS);
    plan->settings.policy.share = pipe_config_share(config);
    for (size_t i = 0; i < plan->count; i++) {
        struct sched_sim_task *task = &plan->tasks[i];
        task->config = tasks[i];
        /* The daemon begins with what is declared, and learns the rest. */
        task->declared = tasks[i].steps[0].cost_ns[0] > 0;
        enum percept_status status = cli_device_costs(device, &task->config, error);
        if (status != PERCEPT_OK)
            return status;
        if (!task->config.period_ns)
            return percept_fail(error, PERCEPT_INVALID,
                                "pipeline '%s': its source has no rate to simulate",
                                task->config.name);
    }
    return PERCEPT_OK;
}

/* What a pipeline of the trace has is what it does; the configuration says what it is worth. */
static enum percept_status load_replay(struct plan *plan, const struct pipe_config *config,
                                       const char *path, bool stolen, struct percept_error *error)
{
    static const struct sched_sim_frame none[1];
    struct sched_task tasks[SCHED_MAX_TASKS];
    enum percept_status status = cli_replay_load(path, stolen, &plan->replay, error);
    if (status != PERCEPT_OK)
        return status;
    plan->count = pipe_config_tasks(config, tasks, SCHED_MAX_TASKS);
    plan->settings.policy.share = pipe_config_share(config);
    plan->settings.policy.segment_ns = pipe_config_segment_ns(config);
    plan->settings.policy.lane_count = 1;
    plan->settings.policy.lanes[0] = plan->replay->lane;
    /* Frames that are in work when it ends come to their end. */
    plan->settings.length_ns = plan->replay->length_ns + BASE_NS_PER_S;
    for (size_t i = 0; i < plan->count; i++) {
        const struct cli_replay_pipeline *p = cli_replay_find(plan->replay, tasks[i].name);
        if (!p)
            return percept_fail(error, PERCEPT_NOT_FOUND, "%s: no pipeline '%s' was recorded", path,
                                tasks[i].name);
        struct sched_sim_task *task = &plan->tasks[i];
        *task = (struct sched_sim_task){.config = tasks[i],
                                        .declared = true,
                                        .frames = p->frame_count ? p->frames : none,
                                        .frame_count = p->frame_count};
        /* The daemon that was recorded had learned what they cost. */
        for (size_t step = 0; step < task->config.step_count; step++)
            if (task->config.steps[step].cost_ns[0] < p->worst_ns)
                task->config.steps[step].cost_ns[0] = p->worst_ns;
    }
    return PERCEPT_OK;
}

static void print_replay(const struct plan *plan, bool as_json)
{
    json_t *result = cli_replay_json(plan->replay, plan->tasks, plan->count);
    if (as_json) {
        cli_print_json(result, false);
        return;
    }
    cli_replay_print(result);
    json_decref(result);
}

/* What the command line says. */
struct wish {
    const char *config, *device, *replay, *trace;
    bool no_stolen, json;
};

static int run(struct plan *plan, const struct wish *wish)
{
    struct percept_error error = {0};
    struct pipe_config *config = NULL;
    struct cli_device *device = NULL;
    enum percept_status status = pipe_config_load(wish->config, &config, &error);
    if (status == PERCEPT_OK && wish->replay)
        status = load_replay(plan, config, wish->replay, !wish->no_stolen, &error);
    if (status == PERCEPT_OK && wish->device)
        status = cli_device_load(wish->device, &device, &plan->settings, &error);
    if (status == PERCEPT_OK && wish->device)
        status = load(plan, config, device, &error);
    int code = status == PERCEPT_OK ? CLI_OK : cli_fail(CLI_INPUT, &error);
    if (code == CLI_OK && simulate(plan, wish->trace, &error))
        code = cli_fail(CLI_FAILURE, &error);
    if (code == CLI_OK && wish->replay)
        print_replay(plan, wish->json);
    else if (code == CLI_OK)
        print(plan, wish->json);
    cli_replay_free(plan->replay);
    cli_device_free(device);
    pipe_config_destroy(config);
    return code;
}

int cli_simulate(int argc, char **argv)
{
    struct wish wish = {0};
    double seconds = 60;
    unsigned long seed = 1;
    int operands, code;
    const struct base_option options[] = {
        {"device", "FILE", "the device: processors and costs", BASE_OPTION_TEXT, &wish.device},
        {"replay", "FILE", "or what percept trace has recorded, and show both side by side",
         BASE_OPTION_TEXT, &wish.replay},
        {"no-stolen", NULL, "with --replay: without the time that other programs took",
         BASE_OPTION_FLAG, &wish.no_stolen},
        {"seconds", "SECONDS", "how long a time to simulate; 60 if not given", BASE_OPTION_SECONDS,
         &seconds},
        {"seed", "N", "of the random costs and gaps; 1 if not given", BASE_OPTION_COUNT, &seed},
        {"trace", "FILE", "write what ran when, for Perfetto", BASE_OPTION_TEXT, &wish.trace},
        CLI_OPTION_JSON(&wish.json),
    };
    const struct base_usage usage = {
        .program = "percept simulate",
        .operands = "CONFIG",
        .purpose = "Show what a configuration would do on a device.",
        .least = 1,
        .most = 1,
        .options = options,
        .option_count = sizeof options / sizeof options[0],
    };
    if (!cli_parse(&usage, argc, argv, &operands, &code))
        return code;
    if (!wish.device == !wish.replay)
        return cli_misuse(&usage, "%s",
                          wish.device ? "--device and --replay exclude each other"
                                      : "--device FILE or --replay FILE is missing");
    if (seconds > 86400)
        return cli_misuse(&usage, "--seconds: at most 86400");
    static struct plan plan;
    plan.settings.length_ns = (int64_t)(seconds * 1e9);
    plan.settings.seed = seed;
    wish.config = argv[1];
    return run(&plan, &wish);
}
