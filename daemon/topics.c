#include "daemon/topics.h"

#include <string.h>

static bool is_closed(const struct ipc_topic *topic)
{
    struct ipc_topic_stats stats;
    ipc_topic_stats(topic, &stats);
    return stats.closed;
}

/* Memory that readers may still map goes when the last of them has gone. */
static void sweep(struct topics *topics)
{
    size_t kept = 0;
    for (size_t i = 0; i < topics->retired_count; i++) {
        struct ipc_topic_stats stats;
        ipc_topic_stats(topics->retired[i], &stats);
        if (stats.subscribers ||
            (topics->server && ipc_server_names(topics->server, topics->retired[i])))
            topics->retired[kept++] = topics->retired[i];
        else
            ipc_topic_destroy(topics->retired[i]);
    }
    topics->retired_count = kept;
}

static void retire(struct topics *topics, size_t index)
{
    struct ipc_topic *topic = topics->all[index];
    if (!is_closed(topic))
        ipc_topic_close(topic); /* its writer has stopped */
    if (topics->server)
        ipc_server_remove_topic(topics->server, topic);
    memmove(&topics->all[index], &topics->all[index + 1],
            (--topics->count - index) * sizeof topics->all[0]);
    topics->retired[topics->retired_count++] = topic; /* there is room: see topics_add */
}

enum percept_status topics_add(struct topics *topics, struct ipc_topic *topic,
                               struct percept_error *error)
{
    if (topics->count + topics->retired_count >= TOPICS_MAX)
        return percept_fail(error, PERCEPT_LIMIT, "more than %d topics", TOPICS_MAX - 1);
    enum percept_status status =
        topics->server ? ipc_server_add_topic(topics->server, topic, error) : PERCEPT_OK;
    if (status == PERCEPT_OK)
        topics->all[topics->count++] = topic;
    return status;
}

enum percept_status topics_open(struct topics *topics, const struct ipc_topic_options *options,
                                struct ipc_topic **result, struct percept_error *error)
{
    struct ipc_topic *topic;
    sweep(topics);
    for (size_t i = 0; i < topics->count; i++) {
        struct ipc_topic_stats stats;
        ipc_topic_stats(topics->all[i], &stats);
        if (strcmp(stats.name, options->name) != 0)
            continue;
        if (!stats.closed && strcmp(stats.schema, options->schema) == 0 &&
            stats.max_bytes == options->max_bytes) {
            *result = topics->all[i];
            return PERCEPT_OK;
        }
        retire(topics, i);
        break;
    }
    enum percept_status status = ipc_topic_create(options, &topic, error);
    if (status != PERCEPT_OK)
        return status;
    status = topics_add(topics, topic, error);
    if (status != PERCEPT_OK) {
        ipc_topic_destroy(topic);
        return status;
    }
    *result = topic;
    return PERCEPT_OK;
}

enum percept_status topics_serve(struct topics *topics, struct ipc_server *server,
                                 struct percept_error *error)
{
    enum percept_status status = PERCEPT_OK;
    for (size_t i = 0; i < topics->count && status == PERCEPT_OK; i++)
        status = ipc_server_add_topic(server, topics->all[i], error);
    topics->server = server;
    return status;
}

void topics_keep(struct topics *topics, const struct pipe_config *config,
                 const struct ipc_topic *other)
{
    for (size_t i = topics->count; i-- > 0;)
        if (topics->all[i] != other &&
            !pipe_config_topic_pipeline(config, ipc_topic_name(topics->all[i])))
            retire(topics, i);
    sweep(topics);
}

void topics_destroy(struct topics *topics)
{
    for (size_t i = 0; i < topics->count; i++)
        ipc_topic_destroy(topics->all[i]);
    for (size_t i = 0; i < topics->retired_count; i++)
        ipc_topic_destroy(topics->retired[i]);
}
