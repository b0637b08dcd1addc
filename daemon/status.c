/* Why: one place that turns counters into the JSON of docs/status.md. */
#include "daemon/status.h"

#include "backends/isolated/isolated.h"
#include "base/clock.h"
#include "ipc/topic_class.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static double ms(int64_t ns)
{
    return (double)ns / BASE_NS_PER_MS;
}

static json_int_t sound_ms(uint64_t samples)
{
    return (json_int_t)(samples / 16);
}

/* Names come from files; a bad byte in one must not lose the answer. */
static json_t *text(const char *value)
{
    json_t *string = json_string(value ? value : "");
    return string ? string : json_string("?");
}

static json_t *schedule(const struct pipe_stats *p)
{
    return json_pack("{s:i, s:i, s:b, s:o, s:i, s:I, s:I, s:I, s:I, s:f, s:f, s:f}", "step",
                     (int)p->step, "steps", (int)p->steps, "admitted", p->admitted, "quality",
                     text(p->quality), "queue", (int)p->queue, "missed", (json_int_t)p->missed,
                     "skipped", (json_int_t)p->skipped, "segments", (json_int_t)p->segments,
                     "revoked", (json_int_t)p->revoked, "longest_segment_ms",
                     ms(p->longest_segment_ns), "worst_ms", ms(p->worst_ns), "load", p->load);
}

static json_t *pipelines(const struct daemon_state *state)
{
    json_t *list = json_array();
    size_t count = pipe_engine_stats(state->engine, NULL, 0);
    struct pipe_stats *stats = calloc(count ? count : 1, sizeof *stats);
    if (stats)
        count = pipe_engine_stats(state->engine, stats, count);
    for (size_t i = 0; stats && i < count; i++) {
        const struct pipe_stats *p = &stats[i];
        json_t *row = json_pack(
            "{s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:f}", "name",
            text(p->name), "source", text(p->source), "state", text(p->state), "cause",
            text(p->cause), "processor", text(p->processor), "frames", (json_int_t)p->frames,
            "dropped_late", (json_int_t)p->dropped_late, "dropped_bad", (json_int_t)p->dropped_bad,
            "node_errors", (json_int_t)p->node_errors, "lost_ms", sound_ms(p->lost), "late_ms",
            sound_ms(p->late), "latency_p50_ms", ms(p->latency_p50_ns), "latency_p99_ms",
            ms(p->latency_p99_ns));
        json_object_update_new(row, schedule(p));
        json_array_append_new(list, row);
    }
    free(stats);
    return list;
}

static json_t *lanes(const struct daemon_state *state)
{
    json_t *list = json_array();
    struct pipe_lane_stats stats[1];
    size_t count = pipe_engine_lane_stats(state->engine, stats, 1);
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list,
                              json_pack("{s:s, s:i, s:i, s:i, s:f}", "name", stats[i].name, "slots",
                                        (int)stats[i].slots, "running", (int)stats[i].running,
                                        "waiting", (int)stats[i].waiting, "busy_s",
                                        (double)stats[i].busy_ns / BASE_NS_PER_S));
    return list;
}

static json_t *models(const struct daemon_state *state)
{
    json_t *list = json_array();
    size_t count = pipe_engine_model_stats(state->engine, NULL, 0);
    struct pipe_model_stats *stats = calloc(count ? count : 1, sizeof *stats);
    if (stats)
        count = pipe_engine_model_stats(state->engine, stats, count);
    for (size_t i = 0; stats && i < count; i++) {
        const struct pipe_model_stats *m = &stats[i];
        json_array_append_new(list, json_pack("{s:o, s:o, s:o, s:I, s:f, s:f, s:f}", "name",
                                              text(m->name), "file", text(m->file), "backend",
                                              text(m->backend), "runs", (json_int_t)m->runs,
                                              "median_ms", ms(m->median_ns), "p99_ms",
                                              ms(m->p99_ns), "load_ms", ms(m->load_ns)));
    }
    free(stats);
    return list;
}

static json_t *topics(const struct daemon_state *state)
{
    json_t *list = json_array();
    for (size_t i = 0; i < state->topic_count; i++) {
        struct ipc_topic_stats t;
        ipc_topic_stats(state->topics[i], &t);
        json_array_append_new(
            list,
            json_pack("{s:o, s:o, s:s, s:I, s:I, s:I, s:i, s:b}", "name", text(t.name), "schema",
                      text(t.schema), "class", ipc_topic_class_of(t.schema)->name, "published",
                      (json_int_t)t.published, "dropped", (json_int_t)t.dropped, "bytes",
                      (json_int_t)t.bytes, "subscribers", (int)t.subscribers, "closed", t.closed));
    }
    return list;
}

/* Of the backends in processes of their own. */
static json_t *hosts(const struct daemon_state *state)
{
    json_t *list = json_array();
    for (size_t i = 0; state->backends && state->backends[i]; i++) {
        struct isolated_stats s;
        if (!isolated_stats(state->backends[i], &s))
            continue;
        json_t *host = json_pack("{s:s, s:s, s:I, s:I, s:I}", "backend", s.name, "state", s.state,
                                 "pid", (json_int_t)s.pid, "runs", (json_int_t)s.runs, "restarts",
                                 (json_int_t)s.restarts);
        for (unsigned fault = 0; fault < ISOLATED_FAULTS; fault++)
            json_object_set_new(host, isolated_fault_name(fault),
                                json_integer((json_int_t)s.faults[fault]));
        json_object_set_new(host, "cause", text(s.cause));
        json_array_append_new(list, host);
    }
    return list;
}

static json_t *clients(const struct daemon_state *state)
{
    json_t *list = json_array();
    size_t count = ipc_server_clients(state->server, NULL, 0);
    struct ipc_client_stats *stats = calloc(count ? count : 1, sizeof *stats);
    if (stats)
        ipc_server_clients(state->server, stats, count);
    for (size_t i = 0; stats && i < count; i++) {
        const struct ipc_client_stats *c = &stats[i];
        json_array_append_new(list,
                              json_pack("{s:I, s:I, s:I, s:i, s:I, s:I}", "id", (json_int_t)c->id,
                                        "pid", (json_int_t)c->pid, "uid", (json_int_t)c->uid,
                                        "subscriptions", (int)c->subscriptions, "lost",
                                        (json_int_t)c->lost, "lag", (json_int_t)c->lag));
    }
    free(stats);
    return list;
}

static json_t *users(const struct daemon_state *state)
{
    json_t *list = json_array();
    size_t count = ipc_server_users(state->server, NULL, 0);
    struct ipc_user_stats *stats = calloc(count ? count : 1, sizeof *stats);
    if (stats)
        ipc_server_users(state->server, stats, count);
    for (size_t i = 0; stats && i < count; i++) {
        const struct ipc_user_stats *u = &stats[i];
        json_array_append_new(
            list,
            json_pack("{s:I, s:i, s:i, s:i, s:i, s:I, s:I, s:I, s:I}", "uid", (json_int_t)u->uid,
                      "connections", (int)u->connections, "subscriptions", (int)u->subscriptions,
                      "pushes", (int)u->pushes, "held", (int)u->held, "queued_bytes",
                      (json_int_t)u->queued_bytes, "requests", (json_int_t)u->requests, "waits",
                      (json_int_t)u->waits, "refusals", (json_int_t)u->refusals));
    }
    free(stats);
    return list;
}

static json_t *process(const struct daemon_state *state)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    double cpu = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                 (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    return json_pack(
        "{s:s, s:I, s:s, s:o, s:f, s:f, s:I, s:b, s:i, s:o}", "version", PERCEPT_RELEASE, "pid",
        (json_int_t)getpid(), "state", state->state, "config", text(state->config), "uptime_s",
        (double)(base_clock_ns() - state->started_ns) / BASE_NS_PER_S, "cpu_s", cpu,
        "peak_rss_bytes", (json_int_t)usage.ru_maxrss * 1024, "privacy", state->private, "pressure",
        (int)state->pressure->level, "pressure_cause", text(state->pressure->cause));
}

static json_t *transcript(const struct daemon_state *state)
{
    return transcript_json(state->transcript);
}

static const struct section {
    const char *name;
    json_t *(*make)(const struct daemon_state *state);
} sections[] = {
    {"daemon", process},  {"pipelines", pipelines}, {"lanes", lanes},
    {"models", models},   {"hosts", hosts},         {"topics", topics},
    {"clients", clients}, {"users", users},         {"transcript", transcript},
};

json_t *daemon_status(const struct daemon_state *state, const char *what)
{
    bool all = strcmp(what, "status") == 0;
    json_t *root = json_object();
    for (size_t i = 0; i < sizeof sections / sizeof sections[0]; i++)
        if (all || strcmp(what, sections[i].name) == 0)
            json_object_set_new(root, sections[i].name, sections[i].make(state));
    return root;
}

char *daemon_status_json(const struct daemon_state *state, const char *what)
{
    json_t *root = daemon_status(state, what);
    char *text = json_object_size(root) ? json_dumps(root, JSON_COMPACT) : NULL;
    json_decref(root);
    return text;
}

char *daemon_reload_json(const struct pipe_changes *changes, const struct percept_error *error)
{
    json_t *root =
        changes ? json_pack("{s:b, s:I, s:I, s:I, s:I}", "ok", 1, "kept", (json_int_t)changes->kept,
                            "changed", (json_int_t)changes->changed, "added",
                            (json_int_t)changes->added, "removed", (json_int_t)changes->removed)
                : json_pack("{s:b, s:o, s:i, s:i, s:o}", "ok", 0, "file", text(error->file), "line",
                            (int)error->line, "column", (int)error->column, "message",
                            text(error->message));
    char *result = root ? json_dumps(root, JSON_COMPACT) : NULL;
    json_decref(root);
    return result;
}

char *daemon_privacy_json(bool on, const struct percept_error *error)
{
    json_t *root = json_pack("{s:b}", "privacy", on);
    if (error->status != PERCEPT_OK)
        json_object_set_new(root, "message", text(error->message));
    char *json = json_dumps(root, JSON_COMPACT);
    json_decref(root);
    return json;
}
