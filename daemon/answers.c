/* Why: what clients may ask is one list, whoever knows the answer. */
#include "base/log.h"
#include "daemon/daemon_private.h"
#include "daemon/metrics.h"
#include "daemon/trace.h"
#include "ipc/schema.h"

#include <string.h>

/* The state as it is now. */
static void look(struct daemon *daemon)
{
    daemon->state.server = daemon->server;
    daemon->state.topic_count = daemon->topics.count;
    daemon->state.private = daemon->demand.private;
    daemon->state.transcript = daemon->transcript;
}

char *daemon_answer_metrics(void *context)
{
    struct daemon *daemon = context;
    look(daemon);
    return daemon->started ? daemon_metrics_text(&daemon->state) : NULL;
}

/* "privacy": how the switch is; "privacy on", "privacy off": turn it. */
static char *answer_privacy(struct daemon *daemon, const char *what)
{
    struct percept_error error = {0};
    bool on = strcmp(what, "privacy on") == 0, private = daemon->demand.private;
    if ((on || strcmp(what, "privacy off") == 0) &&
        demand_set_private(&daemon->demand, &daemon->folder, on, &error) == PERCEPT_OK &&
        on != private)
        base_log(BASE_LOG_WARNING, "the privacy switch is %s", on ? "on" : "off");
    if (error.status != PERCEPT_OK)
        base_log(BASE_LOG_ERROR, "the privacy switch: %s", error.message);
    daemon_changed(daemon);
    return daemon_privacy_json(daemon->demand.private, &error);
}

enum percept_status daemon_history(void *context, uint64_t ticket, const struct ipc_peer *peer,
                                   const struct percept_history *wish, struct percept_error *error)
{
    const struct daemon *daemon = context;
    return transcript_history(daemon->transcript, ticket, peer, wish, error);
}

enum percept_status daemon_forget(void *context, uint64_t ticket, const struct ipc_peer *peer,
                                  uint64_t seconds, struct percept_error *error)
{
    const struct daemon *daemon = context;
    return transcript_forget(daemon->transcript, ticket, peer, seconds, error);
}

enum percept_status daemon_push(void *context, const char *to, int fd,
                                const struct ipc_push_format *format, struct percept_error *error)
{
    const struct daemon *daemon = context;
    return daemon->started && !daemon->stopping
               ? pipe_engine_push(daemon->engine, to, fd, format, error)
               : percept_fail(error, PERCEPT_BUSY, "the daemon is starting or stopping");
}

char *daemon_answer(void *context, uint64_t ticket, const char *what, bool *later)
{
    struct daemon *daemon = context;
    if (strncmp(what, "privacy", 7) == 0 && (what[7] == '\0' || what[7] == ' '))
        return answer_privacy(daemon, what);
    if (strcmp(what, "reload") == 0)
        return daemon_reload_answer(daemon, ticket, later);
    if (strcmp(what, "schemas") == 0)
        return ipc_schemas_json();
    if (strncmp(what, "trace ", 6) == 0)
        return daemon_trace_query(daemon->engine, what);
    look(daemon);
    char *text = access_query(daemon->access, what);
    return text ? text : daemon_status_json(&daemon->state, what);
}
