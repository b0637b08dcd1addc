#include "base/clock.h"
#include "cli/cli.h"
#include "cli/report.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

static double ms(int64_t ns)
{
    return (double)ns / BASE_NS_PER_MS;
}

/* "latency_p50_ms" and so on; nothing when nothing was measured. */
static void add_summary(json_t *object, const char *what, const struct cli_series *series)
{
    struct cli_summary summary;
    char key[64];
    if (!series->count || !cli_series_summary(series, &summary))
        return;
    const struct {
        const char *name;
        int64_t ns;
    } rows[] = {{"p50", summary.median_ns},
                {"p99", summary.p99_ns},
                {"min", summary.min_ns},
                {"max", summary.max_ns}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        snprintf(key, sizeof key, "%s_%s_ms", what, rows[i].name);
        json_object_set_new(object, key, json_real(ms(rows[i].ns)));
    }
}

/* What the daemon could not publish because every slot was held. */
static json_int_t dropped_by_daemon(const struct report *report, const char *topic)
{
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(report->status, "topics"), i, row)
    {
        const char *name = json_string_value(json_object_get(row, "name"));
        if (name && strcmp(name, topic) == 0)
            return json_integer_value(json_object_get(row, "dropped"));
    }
    return 0;
}

double report_rate(const struct report_topic *topic)
{
    int64_t span = topic->last_publish_ns - topic->first_publish_ns;
    return span > 0 ? (double)(topic->messages - 1) * BASE_NS_PER_S / (double)span : 0;
}

static json_t *topic_json(const struct report *report, const struct report_topic *topic)
{
    json_int_t dropped = dropped_by_daemon(report, topic->name);
    json_t *object = json_pack(
        "{s:s, s:s, s:I, s:f, s:I, s:I, s:I, s:I, s:I, s:b}", "name", topic->name, "schema",
        topic->schema_name, "messages", (json_int_t)topic->messages, "rate_hz", report_rate(topic),
        "bytes", (json_int_t)topic->bytes, "drops", dropped + (json_int_t)topic->lost,
        "dropped_by_daemon", dropped, "lost_by_reader", (json_int_t)topic->lost, "missed_before",
        (json_int_t)topic->missed_before, "ended", (int)topic->ended);
    add_summary(object, "latency", &topic->latency);
    add_summary(object, "model", &topic->model);
    add_summary(object, "overhead", &topic->beyond);
    return object;
}

static void cpu_name(char *name, size_t size)
{
    char line[256];
    FILE *file = fopen("/proc/cpuinfo", "re");
    snprintf(name, size, "unknown");
    while (file && fgets(line, sizeof line, file)) {
        char *value = strchr(line, ':');
        if (strncmp(line, "model name", 10) != 0 || !value)
            continue;
        value += 1 + strspn(value + 1, " ");
        value[strcspn(value, "\n")] = '\0';
        snprintf(name, size, "%s", value);
        break;
    }
    if (file)
        fclose(file);
}

static json_t *member(const json_t *status, const char *name)
{
    json_t *value = json_object_get(status, name);
    return value ? json_incref(value) : json_array();
}

json_t *report_json(const struct report *report)
{
    char cpu[128], when[32] = "";
    time_t now = time(NULL);
    struct tm local;
    json_t *topics = json_array();
    int64_t first_ns = 0;
    for (size_t i = 0; i < report->topic_count; i++) {
        const struct report_topic *topic = &report->topics[i];
        json_array_append_new(topics, topic_json(report, topic));
        /* Only of a topic that was read from its first sample on. */
        if (topic->messages && !topic->missed_before &&
            (!first_ns || topic->first_publish_ns < first_ns))
            first_ns = topic->first_publish_ns;
    }
    cpu_name(cpu, sizeof cpu);
    if (localtime_r(&now, &local))
        strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%S%z", &local);
    return json_pack("{s:s, s:s, s:{s:o, s:i}, s:f, s:o, s:b, s:o, s:o, s:o, s:o}", "version",
                     PERCEPT_RELEASE, "made", when, "machine", "cpu", cli_json_text(cpu), "cpus",
                     (int)sysconf(_SC_NPROCESSORS_ONLN), "seconds",
                     (double)(report->end_ns - report->start_ns) / BASE_NS_PER_S,
                     "first_published_s",
                     first_ns && report->daemon_start_ns
                         ? json_real((double)(first_ns - report->daemon_start_ns) / BASE_NS_PER_S)
                         : json_null(),
                     "complete", (int)report->complete, "topics", topics, "captions",
                     report_captions_json(report), "models", member(report->status, "models"),
                     "pipelines", member(report->status, "pipelines"));
}
