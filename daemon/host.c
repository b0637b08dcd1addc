/* Why: the engine publishes, and knows neither topics nor a log: here it meets ours. */
#include "base/log.h"
#include "daemon/daemon_private.h"

static enum percept_status open_topic(void *context, const char *name, const char *schema,
                                      size_t max_bytes, struct pipe_topic **topic,
                                      struct percept_error *error)
{
    struct daemon *daemon = context;
    struct ipc_topic_options options = {.name = name, .schema = schema, .max_bytes = max_bytes};
    struct ipc_topic *opened;
    enum percept_status status = transcript_watch(daemon->transcript, &options, error);
    if (status == PERCEPT_OK)
        status = topics_open(&daemon->topics, &options, &opened, error);
    if (status == PERCEPT_OK)
        *topic = (struct pipe_topic *)opened;
    return status;
}

static void *loan(void *context, struct pipe_topic *topic)
{
    (void)context;
    return ipc_topic_loan((struct ipc_topic *)topic);
}

static void publish(void *context, struct pipe_topic *topic, size_t size, int64_t capture_ns)
{
    (void)context;
    ipc_topic_publish((struct ipc_topic *)topic, size, capture_ns);
}

static void close_topic(void *context, struct pipe_topic *topic)
{
    const struct daemon *daemon = context;
    /* An engine that is taken down closes what is still open. To clients that must not look like
     * the end of a source, but like a daemon that went away and may come back. */
    if (!daemon->engine_stopped)
        ipc_topic_close((struct ipc_topic *)topic);
}

static void finished(void *context, const char *pipeline, enum percept_status status,
                     const struct percept_error *error)
{
    struct daemon *daemon = context;
    if (status == PERCEPT_OK || status == PERCEPT_END) {
        base_log(BASE_LOG_INFO, "pipeline %s: the input has ended", pipeline);
    } else if (status != PERCEPT_CANCELLED) {
        char text[1024] = "";
        if (error)
            percept_error_format(error, text, sizeof text);
        base_log(BASE_LOG_ERROR, "pipeline %s has failed: %s", pipeline,
                 text[0] ? text : percept_status_text(status));
    }
    uv_async_send(&daemon->pipeline_finished);
}

static void event(void *context, const char *pipeline, const char *text)
{
    (void)context;
    base_log(BASE_LOG_WARNING, "%s%s%s%s", pipeline ? "pipeline " : "", pipeline ? pipeline : "",
             pipeline ? ": " : "", text);
}

static enum percept_status try_model(void *context, const char *path, int descriptor,
                                     const uint8_t hash[SIGNING_HASH_BYTES],
                                     struct percept_error *error)
{
    const struct daemon *daemon = context;
    return probe_model(daemon->probe, path, descriptor, hash, error);
}

struct pipe_host daemon_host(struct daemon *daemon)
{
    return (struct pipe_host){
        .context = daemon,
        .backends = backends_registry_all(daemon->backends),
        .pool = daemon->pool,
        .private = daemon->demand.private,
        .keys = daemon->keys,
        .try_model = daemon->probe ? try_model : NULL,
        .open_topic = open_topic,
        .loan = loan,
        .publish = publish,
        .close_topic = close_topic,
        .finished = finished,
        .event = event,
    };
}
