#include "cli/subscribe.h"

#include "base/clock.h"
#include "base/log.h"
#include "cli/cli.h"

#include <string.h>

/* No daemon of ours has others; so names are safe in every file that is made of them. */
#define TOPIC_CHARACTERS "abcdefghijklmnopqrstuvwxyz0123456789._-"

static bool same_name(const char *a, const char *b)
{
    return a && b && strcmp(a, b) == 0;
}

static bool is_wanted(char **wanted, int wanted_count, const char *name, const char *schema)
{
    for (int i = 0; i < wanted_count; i++)
        if (same_name(wanted[i], name))
            return true;
    /* The indicator is about ourselves, among others; read when it is asked for. */
    return wanted_count == 0 && !same_name(schema, PERCEPT_INDICATOR_SCHEMA);
}

/* NULL when there is a topic of each name that is wanted. */
static const char *missing_topic(char **wanted, int wanted_count, const json_t *topics)
{
    for (int i = 0; i < wanted_count; i++) {
        bool found = false;
        size_t j;
        json_t *row;
        json_array_foreach(topics, j, row)
        {
            const char *name = json_string_value(json_object_get(row, "name"));
            found |= same_name(name, wanted[i]);
        }
        if (!found)
            return wanted[i];
    }
    return NULL;
}

static enum percept_status subscribe_one(struct percept_client *client, const char *name,
                                         const char *schema, struct cli_topic *topic,
                                         struct percept_error *error)
{
    *topic = (struct cli_topic){0};
    snprintf(topic->name, sizeof topic->name, "%s", name);
    snprintf(topic->schema, sizeof topic->schema, "%s", schema ? schema : "");
    /* Naming the schema keeps the decoder right even when a daemon comes back with another one. */
    const struct percept_subscribe_options options = {.reading = PERCEPT_READ_QUEUE,
                                                      .schema = topic->schema};
    enum percept_status status =
        percept_subscribe(client, topic->name, &options, &topic->subscription, error);
    topic->subscribed_ns = base_clock_ns();
    return status;
}

enum percept_status cli_subscribe(struct percept_client *client, char **wanted, int wanted_count,
                                  struct cli_topic topics[CLI_TOPICS], size_t *count,
                                  struct percept_error *error)
{
    json_t *answer, *row;
    size_t i;
    bool refused = false;
    *count = 0;
    enum percept_status status = cli_query(client, "topics", &answer, error);
    if (status)
        return status;
    const json_t *rows = json_object_get(answer, "topics");
    const char *missing = missing_topic(wanted, wanted_count, rows);
    if (missing)
        status = percept_fail(error, PERCEPT_NOT_FOUND, "there is no topic '%.64s'", missing);
    json_array_foreach(rows, i, row)
    {
        if (status)
            break;
        const char *name = json_string_value(json_object_get(row, "name"));
        const char *schema = json_string_value(json_object_get(row, "schema"));
        if (!name || strspn(name, TOPIC_CHARACTERS) != strlen(name) ||
            !is_wanted(wanted, wanted_count, name, schema))
            continue;
        if (*count == CLI_TOPICS) {
            base_log(BASE_LOG_WARNING, "only the first %d topics are read", CLI_TOPICS);
            break;
        }
        status = subscribe_one(client, name, schema, &topics[*count], error);
        *count += status == PERCEPT_OK;
        /* Of all topics, those that we may read. */
        if (status == PERCEPT_PERMISSION && wanted_count == 0) {
            base_log(BASE_LOG_WARNING, "left out: %s", error->message);
            status = PERCEPT_OK;
            refused = true;
        }
    }
    json_decref(answer);
    if (!status && refused && *count == 0)
        status = percept_fail(error, PERCEPT_PERMISSION, "there is no topic that we may read");
    return status;
}
