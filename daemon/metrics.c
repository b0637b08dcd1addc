/* Why: one table says what of the status is a metric. A member that the status lacks is left out.
 */
#include "daemon/metrics.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum type { COUNTER, GAUGE };

static const struct metric {
    const char *section, *member; /* of docs/status.md */
    const char *name;             /* after "percept_" */
    enum type type;
    double scale;         /* to base units: seconds, bytes */
    const char *label;    /* what tells the rows apart, as the status calls it; NULL: one row */
    const char *label_as; /* and as a label */
    const char *quantile; /* of a summary; NULL: no such label */
    const char *help;
} metrics[] = {
    {"daemon", "uptime_s", "uptime_seconds", GAUGE, 1, NULL, NULL, NULL, "Since the daemon began."},
    {"daemon", "cpu_s", "cpu_seconds_total", COUNTER, 1, NULL, NULL, NULL,
     "CPU time of all threads."},
    {"daemon", "peak_rss_bytes", "peak_resident_bytes", GAUGE, 1, NULL, NULL, NULL,
     "Most memory that was resident."},
    {"pipelines", "frames", "pipeline_frames_total", COUNTER, 1, "name", "pipeline", NULL,
     "Frames that went through the nodes."},
    {"pipelines", "dropped_late", "pipeline_dropped_late_total", COUNTER, 1, "name", "pipeline",
     NULL, "Frames that newer ones replaced, or that were too old to begin."},
    {"pipelines", "dropped_bad", "pipeline_dropped_bad_total", COUNTER, 1, "name", "pipeline", NULL,
     "Frames that could not be read or had a bad timestamp."},
    {"pipelines", "node_errors", "pipeline_node_errors_total", COUNTER, 1, "name", "pipeline", NULL,
     "Frames that a node could not process."},
    {"pipelines", "lost_ms", "pipeline_sound_lost_seconds_total", COUNTER, 1e-3, "name", "pipeline",
     NULL, "Sound that is missing in what was heard."},
    {"pipelines", "late_ms", "pipeline_sound_late_seconds_total", COUNTER, 1e-3, "name", "pipeline",
     NULL, "Sound that came too late to be heard."},
    {"pipelines", "missed", "pipeline_deadline_misses_total", COUNTER, 1, "name", "pipeline", NULL,
     "Frames that were not done by their deadline."},
    {"pipelines", "queue", "pipeline_queue", GAUGE, 1, "name", "pipeline", NULL,
     "Frames that wait."},
    {"pipelines", "step", "pipeline_quality_step", GAUGE, 1, "name", "pipeline", NULL,
     "Step of the quality ladder; 0 is full quality."},
    {"pipelines", "latency_p50_ms", "pipeline_latency_seconds", GAUGE, 1e-3, "name", "pipeline",
     "0.5", "Capture to publication, of recent frames."},
    {"pipelines", "latency_p99_ms", "pipeline_latency_seconds", GAUGE, 1e-3, "name", "pipeline",
     "0.99", NULL},
    {"lanes", "busy_s", "processor_busy_seconds_total", COUNTER, 1, "name", "processor", NULL,
     "Time in which the processor computed for pipelines."},
    {"lanes", "waiting", "processor_waiting", GAUGE, 1, "name", "processor", NULL,
     "Pipelines that wait for the processor."},
    {"models", "runs", "model_runs_total", COUNTER, 1, "name", "model", NULL, "Runs of the model."},
    {"models", "median_ms", "model_run_seconds", GAUGE, 1e-3, "name", "model", "0.5",
     "Time of a run, of recent runs."},
    {"models", "p99_ms", "model_run_seconds", GAUGE, 1e-3, "name", "model", "0.99", NULL},
    {"hosts", "restarts", "host_restarts_total", COUNTER, 1, "backend", "backend", NULL,
     "Hosts of the isolated backend that took the place of one that was lost."},
    {"topics", "published", "topic_samples_total", COUNTER, 1, "name", "topic", NULL,
     "Samples that were published."},
    {"topics", "dropped", "topic_dropped_total", COUNTER, 1, "name", "topic", NULL,
     "Samples that could not be published because readers held every slot."},
    {"topics", "bytes", "topic_bytes_total", COUNTER, 1, "name", "topic", NULL,
     "Bytes that were published."},
    {"topics", "subscribers", "topic_subscribers", GAUGE, 1, "name", "topic", NULL,
     "Who reads the topic."},
    {"transcript", "lines", "transcript_lines", GAUGE, 1, NULL, NULL, NULL,
     "Lines of the transcript that are kept."},
    {"transcript", "bytes", "transcript_bytes", GAUGE, 1, NULL, NULL, NULL, "What they take."},
    {"transcript", "lost", "transcript_lost_total", COUNTER, 1, NULL, NULL, NULL,
     "Captions that were to be kept and are not."},
    {"clients", "lag", "client_lag_samples", GAUGE, 1, "id", "client", NULL,
     "Samples that the client is behind the newest."},
    {"clients", "lost", "client_lost_total", COUNTER, 1, "id", "client", NULL,
     "Samples that the client was too late for, as it says itself."},
};

/* A label's value: backslash, quote and newline are escaped. */
static void put_label(FILE *file, const char *text)
{
    for (; *text; text++)
        if (*text == '\n')
            fputs("\\n", file);
        else
            fprintf(file, "%s%c", *text == '"' || *text == '\\' ? "\\" : "", *text);
}

static void put_sample(FILE *file, const struct metric *metric, const json_t *row)
{
    const json_t *value = json_object_get(row, metric->member);
    const json_t *label = metric->label ? json_object_get(row, metric->label) : NULL;
    if (!json_is_number(value))
        return;
    fprintf(file, "percept_%s", metric->name);
    if (label) {
        fprintf(file, "{%s=\"", metric->label_as);
        if (json_is_string(label))
            put_label(file, json_string_value(label));
        else
            fprintf(file, "%lld", (long long)json_integer_value(label));
        fputc('"', file);
        if (metric->quantile)
            fprintf(file, ",quantile=\"%s\"", metric->quantile);
        fputc('}', file);
    }
    fprintf(file, " %.15g\n", json_number_value(value) * metric->scale);
}

/* The header belongs to all samples of a name, which stand together. */
static void put_header(FILE *file, const struct metric *metric)
{
    if (metric->help)
        fprintf(file, "# HELP percept_%s %s\n# TYPE percept_%s %s\n", metric->name, metric->help,
                metric->name, metric->type == COUNTER ? "counter" : "gauge");
}

static void put_metric(FILE *file, const struct metric *metric, const json_t *status)
{
    const json_t *section = json_object_get(status, metric->section);
    const json_t *first = json_is_array(section) ? json_array_get(section, 0) : section;
    size_t i;
    json_t *row;
    if (!json_object_get(first, metric->member))
        return;
    put_header(file, metric);
    if (json_is_object(section))
        put_sample(file, metric, section);
    json_array_foreach(section, i, row) put_sample(file, metric, row);
}

/* What a state is called is no number: one sample each, 1 for the one that holds. */
static void put_states(FILE *file, const json_t *status)
{
    static const char *const states[] = {"running", "degraded", "done", "failed"};
    size_t i;
    json_t *row;
    fputs("# HELP percept_pipeline_state 1 for the state that the pipeline is in.\n"
          "# TYPE percept_pipeline_state gauge\n",
          file);
    json_array_foreach(json_object_get(status, "pipelines"), i,
                       row) for (size_t s = 0; s < sizeof states / sizeof states[0]; s++)
    {
        const char *state = json_string_value(json_object_get(row, "state"));
        const char *name = json_string_value(json_object_get(row, "name"));
        fputs("percept_pipeline_state{pipeline=\"", file);
        put_label(file, name ? name : "");
        fprintf(file, "\",state=\"%s\"} %d\n", states[s], state && strcmp(state, states[s]) == 0);
    }
}

char *daemon_metrics_text(const struct daemon_state *state)
{
    char *text = NULL;
    size_t size;
    json_t *status = daemon_status(state, "status");
    FILE *file = status ? open_memstream(&text, &size) : NULL;
    if (!file) {
        json_decref(status);
        return NULL;
    }
    for (size_t i = 0; i < sizeof metrics / sizeof metrics[0]; i++)
        put_metric(file, &metrics[i], status);
    put_states(file, status);
    json_decref(status);
    bool whole = !ferror(file);
    if (fclose(file) == 0 && whole)
        return text;
    free(text);
    return NULL;
}
