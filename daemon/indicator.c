/* Why: whoever is in front of a camera shall be able to see that it is on, and who looks. */
#include "daemon/indicator.h"

#include "base/clock.h"
#include "pipelines/source.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct indicator {
    struct ipc_topic *topic;
    struct percept_indicator last; /* published; time_ns 0: nothing yet */
    bool ended;
};

enum percept_status indicator_create(struct indicator **result, struct percept_error *error)
{
    struct indicator *indicator = calloc(1, sizeof *indicator);
    if (!indicator)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    const struct ipc_topic_options options = {.name = INDICATOR_TOPIC,
                                              .schema = PERCEPT_INDICATOR_SCHEMA,
                                              .max_bytes = sizeof(struct percept_indicator)};
    enum percept_status status = ipc_topic_create(&options, &indicator->topic, error);
    if (status != PERCEPT_OK) {
        free(indicator);
        return status;
    }
    *result = indicator;
    return PERCEPT_OK;
}

void indicator_destroy(struct indicator *indicator)
{
    free(indicator);
}

struct ipc_topic *indicator_topic(const struct indicator *indicator)
{
    return indicator->topic;
}

/* ---- looking ---- */

static enum percept_sensor_kind kind_of(const char *source)
{
    for (size_t i = 0; pipe_source_classes[i]; i++) {
        const struct pipe_source_class *class = pipe_source_classes[i];
        if (strcmp(class->name, source) == 0)
            return class->recorded               ? PERCEPT_SENSOR_RECORDING
                   : class->output == PIPE_AUDIO ? PERCEPT_SENSOR_MICROPHONE
                                                 : PERCEPT_SENSOR_CAMERA;
    }
    return PERCEPT_SENSOR_OTHER;
}

static struct percept_sensor *find_sensor(struct percept_indicator *now, const char *pipeline)
{
    for (uint32_t i = 0; pipeline && i < now->sensor_count; i++)
        if (strcmp(now->sensors[i].pipeline, pipeline) == 0)
            return &now->sensors[i];
    return NULL;
}

static void see_sensors(struct percept_indicator *now, struct percept_indicator *last,
                        const struct pipe_engine *engine)
{
    static struct pipe_stats stats[PERCEPT_SENSORS_MAX]; /* loop thread */
    size_t count = pipe_engine_stats(engine, stats, PERCEPT_SENSORS_MAX);
    now->sensor_count = (uint32_t)(count < PERCEPT_SENSORS_MAX ? count : PERCEPT_SENSORS_MAX);
    for (uint32_t i = 0; i < now->sensor_count; i++) {
        struct percept_sensor *sensor = &now->sensors[i];
        sensor->kind = kind_of(stats[i].source);
        sensor->live = !stats[i].rests && strcmp(stats[i].state, "done") != 0 &&
                       strcmp(stats[i].state, "failed") != 0;
        snprintf(sensor->pipeline, sizeof sensor->pipeline, "%s", stats[i].name);
        const struct percept_sensor *was = find_sensor(last, stats[i].name);
        sensor->since_ns = was && was->live == sensor->live ? was->since_ns : now->time_ns;
    }
}

static void see_reader(struct percept_indicator *now, struct percept_sensor *sensor,
                       const struct ipc_subscriber *subscriber)
{
    char path[4096];
    sensor->reader_count++;
    if (now->reader_count == PERCEPT_SENSOR_READERS_MAX)
        return;
    struct percept_sensor_reader *reader = &now->readers[now->reader_count++];
    reader->sensor = (uint32_t)(sensor - now->sensors);
    reader->uid = subscriber->peer->uid;
    reader->pid = subscriber->peer->pid;
    snprintf(reader->topic, sizeof reader->topic, "%s", ipc_topic_name(subscriber->topic));
    const char *slash = strrchr(ipc_peer_executable(subscriber->peer, path, sizeof path), '/');
    snprintf(reader->program, sizeof reader->program, "%.63s", slash ? slash + 1 : "");
}

static void see_readers(struct percept_indicator *now, const struct indicator_view *view)
{
    size_t count = ipc_server_subscribers(view->server, NULL, 0);
    struct ipc_subscriber *rows = calloc(count + 1, sizeof *rows);
    if (rows)
        ipc_server_subscribers(view->server, rows, count);
    for (size_t i = 0; rows && i < count; i++) {
        struct percept_sensor *sensor = find_sensor(
            now, pipe_config_topic_pipeline(view->config, ipc_topic_name(rows[i].topic)));
        if (sensor)
            see_reader(now, sensor, &rows[i]);
    }
    free(rows);
}

void indicator_update(struct indicator *indicator, const struct indicator_view *view)
{
    struct percept_indicator now = {.time_ns = base_clock_ns()}, *last = &indicator->last;
    if (indicator->ended)
        return;
    see_sensors(&now, last, view->engine);
    see_readers(&now, view);
    int64_t time_ns = now.time_ns;
    now.time_ns = last->time_ns;
    if (last->time_ns && memcmp(&now, last, sizeof now) == 0)
        return;
    now.time_ns = time_ns;
    void *slot = ipc_topic_loan(indicator->topic);
    if (!slot)
        return; /* counted; the next change is seen against what was published */
    memcpy(slot, &now, sizeof now);
    ipc_topic_publish(indicator->topic, sizeof now, time_ns);
    *last = now;
}

void indicator_end(struct indicator *indicator)
{
    if (!indicator->ended)
        ipc_topic_close(indicator->topic);
    indicator->ended = true;
}
