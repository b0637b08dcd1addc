/* Why: a simulation is worth what it gets right of something that has been. */
#include "cli/simulate_replay_view.h"

#include "base/clock.h"
#include "cli/table.h"

#include <math.h>
#include <stdlib.h>

enum { RECORDED, SIMULATED, BOTH };

struct side {
    size_t done, missed;
    double *latencies;
};

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double percentile(double *values, size_t count, double share)
{
    return count ? values[(size_t)((double)(count - 1) * share)] : 0;
}

static json_t *pair(double recorded, double simulated)
{
    return json_pack("[f, f]", recorded, simulated);
}

static json_t *count_pair(size_t recorded, size_t simulated)
{
    return json_pack("[I, I]", (json_int_t)recorded, (json_int_t)simulated);
}

static double ms(int64_t ns)
{
    return (double)ns / BASE_NS_PER_MS;
}

static json_t *frame_json(const struct sched_sim_frame *frame, const struct cli_replay_frame *times)
{
    return json_pack("{s:f, s:f, s:o, s:o}", "captured_ms", ms(frame->captured_ns), "arrived_ms",
                     ms(frame->arrived_ns), "granted_ms",
                     pair(ms(times->granted_ns[0]), ms(times->granted_ns[1])), "done_ms",
                     pair(ms(times->done_ns[0]), ms(times->done_ns[1])));
}

static void add_side(struct side *side, int64_t captured_ns, int64_t done_ns, int64_t deadline_ns,
                     bool counts)
{
    if (done_ns)
        side->latencies[side->done++] = ms(done_ns - captured_ns);
    side->missed += counts && deadline_ns && (!done_ns || done_ns - captured_ns > deadline_ns);
}

/* `values` has room for three numbers a frame. */
static json_t *pipeline_json(const struct cli_replay_pipeline *p, int64_t deadline_ns,
                             int64_t length_ns, double *values)
{
    struct side sides[BOTH] = {{.latencies = values}, {.latencies = values + p->frame_count}};
    double *apart = values + 2 * p->frame_count;
    size_t both = 0;
    json_t *list = json_array();
    for (size_t i = 0; i < p->frame_count; i++) {
        const struct cli_replay_frame *times = &p->times[i];
        int64_t captured_ns = p->frames[i].captured_ns;
        /* What was to come of the last ones was not recorded. */
        bool counts = captured_ns + deadline_ns <= length_ns;
        for (int side = 0; side < BOTH; side++)
            add_side(&sides[side], captured_ns, times->done_ns[side], deadline_ns, counts);
        if (times->done_ns[RECORDED] && times->done_ns[SIMULATED])
            apart[both++] = fabs(ms(times->done_ns[SIMULATED] - times->done_ns[RECORDED]));
        json_array_append_new(list, frame_json(&p->frames[i], times));
    }
    for (int side = 0; side < BOTH; side++)
        qsort(sides[side].latencies, sides[side].done, sizeof(double), compare);
    qsort(apart, both, sizeof(double), compare);
    int64_t had_ns = p->computed_ns + p->lost_ns;
    const struct side *r = &sides[RECORDED], *s = &sides[SIMULATED];
    return json_pack(
        "{s:s, s:I, s:o, s:o, s:o, s:o, s:f, s:f, s:f, s:f, s:o}", "name", p->name, "frames",
        (json_int_t)p->frame_count, "done", count_pair(r->done, s->done), "missed",
        count_pair(r->missed, s->missed), "latency_p50_ms",
        pair(percentile(r->latencies, r->done, 0.5), percentile(s->latencies, s->done, 0.5)),
        "latency_p99_ms",
        pair(percentile(r->latencies, r->done, 0.99), percentile(s->latencies, s->done, 0.99)),
        "lost_percent", had_ns ? 100 * (double)p->lost_ns / (double)had_ns : 0, "apart_median_ms",
        percentile(apart, both, 0.5), "apart_p99_ms", percentile(apart, both, 0.99), "apart_max_ms",
        percentile(apart, both, 1), "each", list);
}

json_t *cli_replay_json(const struct cli_replay *replay, const struct sched_sim_task *tasks,
                        size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        const struct cli_replay_pipeline *p = cli_replay_find(replay, tasks[i].config.name);
        double *values = calloc(3 * p->frame_count + 1, sizeof *values);
        if (values)
            json_array_append_new(
                list, pipeline_json(p, tasks[i].config.deadline_ns, replay->length_ns, values));
        free(values);
    }
    return json_pack("{s:f, s:{s:s, s:i, s:i}, s:o}", "seconds",
                     (double)replay->length_ns / BASE_NS_PER_S, "lane", "name", replay->lane.name,
                     "slots", (int)replay->lane.slots, "width", (int)replay->lane.width,
                     "pipelines", list);
}

/* Each pair side by side: "done" becomes "done" and "done_simulated". */
static json_t *row_of(const json_t *pipeline)
{
    const char *name;
    json_t *value, *row = json_object();
    json_object_foreach((json_t *)pipeline, name, value)
    {
        char other[64];
        snprintf(other, sizeof other, "%s_simulated", name);
        if (json_array_size(value) == BOTH && json_is_number(json_array_get(value, 0))) {
            json_object_set(row, name, json_array_get(value, RECORDED));
            json_object_set(row, other, json_array_get(value, SIMULATED));
        } else if (!json_is_array(value)) {
            json_object_set(row, name, value);
        }
    }
    return row;
}

void cli_replay_print(const json_t *result)
{
    static const struct cli_column columns[] = {
        {"PIPELINE", "name", CLI_FORMAT_TEXT},
        {"FRAMES", "frames", CLI_FORMAT_COUNT},
        {"DONE", "done", CLI_FORMAT_COUNT},
        {"SIMULATED", "done_simulated", CLI_FORMAT_COUNT},
        {"MISSED", "missed", CLI_FORMAT_COUNT},
        {"SIMULATED", "missed_simulated", CLI_FORMAT_COUNT},
        {"P50 MS", "latency_p50_ms", CLI_FORMAT_REAL},
        {"SIMULATED", "latency_p50_ms_simulated", CLI_FORMAT_REAL},
        {"P99 MS", "latency_p99_ms", CLI_FORMAT_REAL},
        {"SIMULATED", "latency_p99_ms_simulated", CLI_FORMAT_REAL},
        {"LOST %", "lost_percent", CLI_FORMAT_REAL},
        {"APART MS", "apart_median_ms", CLI_FORMAT_REAL},
        {"P99", "apart_p99_ms", CLI_FORMAT_REAL},
    };
    json_t *rows = json_array(), *item;
    size_t i;
    json_array_foreach(json_object_get(result, "pipelines"), i, item)
        json_array_append_new(rows, row_of(item));
    cli_table_of_json(rows, columns, sizeof columns / sizeof columns[0], "\n", stdout);
    json_decref(rows);
}
