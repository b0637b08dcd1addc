#include "cli/status_view.h"

#include "cli/table.h"

#include <stdbool.h>
#include <string.h>

#define MAX_COLUMNS CLI_TABLE_COLUMNS

static const struct section {
    const char *name;
    const char *counter; /* the member that rates are taken from; NULL: none */
    struct cli_column columns[MAX_COLUMNS];
} sections[] = {
    {"pipelines",
     "frames",
     {{"PIPELINE", "name", CLI_FORMAT_TEXT},
      {"SOURCE", "source", CLI_FORMAT_TEXT},
      {"STATE", "state", CLI_FORMAT_TEXT},
      {"ON", "processor", CLI_FORMAT_TEXT},
      {"FRAMES", "frames", CLI_FORMAT_COUNT},
      {"/S", "per_s", CLI_FORMAT_REAL},
      {"LATE", "dropped_late", CLI_FORMAT_COUNT},
      {"BAD", "dropped_bad", CLI_FORMAT_COUNT},
      {"ERRORS", "node_errors", CLI_FORMAT_COUNT},
      {"LOST MS", "lost_ms", CLI_FORMAT_COUNT},
      {"P50 MS", "latency_p50_ms", CLI_FORMAT_REAL},
      {"P99 MS", "latency_p99_ms", CLI_FORMAT_REAL},
      {"STEP", "step", CLI_FORMAT_COUNT},
      {"MISSED", "missed", CLI_FORMAT_COUNT},
      {"QUEUE", "queue", CLI_FORMAT_COUNT},
      {"SEGMENTS", "segments", CLI_FORMAT_COUNT},
      {"LONGEST MS", "longest_segment_ms", CLI_FORMAT_REAL},
      {"LOAD", "load", CLI_FORMAT_REAL},
      {"CAUSE", "cause", CLI_FORMAT_TEXT},
      {"QUALITY", "quality", CLI_FORMAT_TEXT}}},
    {"lanes",
     "busy_s",
     {{"PROCESSOR", "name", CLI_FORMAT_TEXT},
      {"SLOTS", "slots", CLI_FORMAT_COUNT},
      {"RUNNING", "running", CLI_FORMAT_COUNT},
      {"WAITING", "waiting", CLI_FORMAT_COUNT},
      {"BUSY S", "busy_s", CLI_FORMAT_REAL},
      {"LOAD", "per_s", CLI_FORMAT_REAL}}},
    {"models",
     "runs",
     {{"MODEL", "name", CLI_FORMAT_TEXT},
      {"BACKEND", "backend", CLI_FORMAT_TEXT},
      {"RUNS", "runs", CLI_FORMAT_COUNT},
      {"/S", "per_s", CLI_FORMAT_REAL},
      {"MEDIAN MS", "median_ms", CLI_FORMAT_REAL},
      {"P99 MS", "p99_ms", CLI_FORMAT_REAL},
      {"LOAD MS", "load_ms", CLI_FORMAT_REAL}}},
    {"hosts",
     "runs",
     {{"HOST OF", "backend", CLI_FORMAT_TEXT},
      {"STATE", "state", CLI_FORMAT_TEXT},
      {"PID", "pid", CLI_FORMAT_COUNT},
      {"RUNS", "runs", CLI_FORMAT_COUNT},
      {"/S", "per_s", CLI_FORMAT_REAL},
      {"RESTARTS", "restarts", CLI_FORMAT_COUNT},
      {"DIED", "died", CLI_FORMAT_COUNT},
      {"HUNG", "hung", CLI_FORMAT_COUNT},
      {"GARBAGE", "garbage", CLI_FORMAT_COUNT},
      {"FAILED", "failed", CLI_FORMAT_COUNT},
      {"CAUSE", "cause", CLI_FORMAT_TEXT}}},
    {"topics",
     "published",
     {{"TOPIC", "name", CLI_FORMAT_TEXT},
      {"SCHEMA", "schema", CLI_FORMAT_TEXT},
      {"CLASS", "class", CLI_FORMAT_TEXT},
      {"MESSAGES", "published", CLI_FORMAT_COUNT},
      {"/S", "per_s", CLI_FORMAT_REAL},
      {"DROPPED", "dropped", CLI_FORMAT_COUNT},
      {"BYTES", "bytes", CLI_FORMAT_BYTES},
      {"READERS", "subscribers", CLI_FORMAT_COUNT},
      {"CLOSED", "closed", CLI_FORMAT_FLAG}}},
    {"clients",
     NULL,
     {{"CLIENT", "id", CLI_FORMAT_COUNT},
      {"PID", "pid", CLI_FORMAT_COUNT},
      {"UID", "uid", CLI_FORMAT_COUNT},
      {"SUBSCRIPTIONS", "subscriptions", CLI_FORMAT_COUNT},
      {"LAG", "lag", CLI_FORMAT_COUNT},
      {"LOST", "lost", CLI_FORMAT_COUNT}}},
    {"users",
     NULL,
     {{"USER", "uid", CLI_FORMAT_COUNT},
      {"CONNECTIONS", "connections", CLI_FORMAT_COUNT},
      {"SUBSCRIPTIONS", "subscriptions", CLI_FORMAT_COUNT},
      {"HELD", "held", CLI_FORMAT_COUNT},
      {"QUEUED", "queued_bytes", CLI_FORMAT_BYTES},
      {"REQUESTS", "requests", CLI_FORMAT_COUNT},
      {"WAITS", "waits", CLI_FORMAT_COUNT},
      {"REFUSALS", "refusals", CLI_FORMAT_COUNT}}},
};
#define SECTIONS (sizeof sections / sizeof sections[0])

/* Has any row something to show in this column? */
static bool column_used(const json_t *rows, const char *key)
{
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row)
    {
        const json_t *value = json_object_get(row, key);
        if (value && !(json_is_string(value) && json_string_length(value) == 0))
            return true;
    }
    return false;
}

static void print_daemon(const json_t *daemon, const char *line_end, FILE *file)
{
    char memory[32];
    const json_t *cpu = json_object_get(daemon, "cpu_percent");
    fprintf(file, "perceptd %s, pid %lld, %s for %.0f s",
            json_string_value(json_object_get(daemon, "version")),
            (long long)json_integer_value(json_object_get(daemon, "pid")),
            json_string_value(json_object_get(daemon, "state")),
            json_number_value(json_object_get(daemon, "uptime_s")));
    if (cpu)
        fprintf(file, ", %.0f %% of a CPU", json_number_value(cpu));
    double bytes = json_number_value(json_object_get(daemon, "peak_rss_bytes"));
    fprintf(file, ", peak %s, %s%s", cli_bytes(bytes, memory, sizeof memory),
            json_string_value(json_object_get(daemon, "config")), line_end);
}

void cli_status_print(const json_t *status, const char *line_end, FILE *file)
{
    const json_t *daemon = json_object_get(status, "daemon");
    const char *gap = "";
    if (daemon) {
        print_daemon(daemon, line_end, file);
        gap = line_end;
    }
    for (size_t s = 0; s < SECTIONS; s++) {
        const json_t *rows = json_object_get(status, sections[s].name);
        struct cli_column used[MAX_COLUMNS];
        size_t count = 0;
        for (size_t c = 0; c < MAX_COLUMNS && sections[s].columns[c].title; c++)
            if (column_used(rows, sections[s].columns[c].key))
                used[count++] = sections[s].columns[c];
        if (!count)
            continue;
        fputs(gap, file);
        gap = line_end;
        cli_table_of_json(rows, used, count, line_end, file);
    }
}

static const json_t *find(const json_t *rows, const char *name)
{
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row)
    {
        const char *other = json_string_value(json_object_get(row, "name"));
        if (name && other && strcmp(name, other) == 0)
            return row;
    }
    return NULL;
}

static double difference(const json_t *now, const json_t *before, const char *key)
{
    double change = json_number_value(json_object_get(now, key)) -
                    json_number_value(json_object_get(before, key));
    return change > 0 ? change : 0; /* a restarted daemon counts from 0 again */
}

void cli_status_add_rates(json_t *status, const json_t *earlier, double seconds)
{
    for (size_t s = 0; s < SECTIONS; s++) {
        size_t i;
        json_t *row;
        if (!sections[s].counter)
            continue;
        json_array_foreach(json_object_get(status, sections[s].name), i, row)
        {
            const char *name = json_string_value(json_object_get(row, "name"));
            const json_t *before = find(json_object_get(earlier, sections[s].name), name);
            double change = before ? difference(row, before, sections[s].counter) : 0;
            json_object_set_new(row, "per_s", json_real(change / seconds));
        }
    }
    json_t *daemon = json_object_get(status, "daemon");
    double cpu = difference(daemon, json_object_get(earlier, "daemon"), "cpu_s");
    json_object_set_new(daemon, "cpu_percent", json_real(100 * cpu / seconds));
}
