/* What `percept status` and `percept topics` show: the daemon's state as JSON (docs/status.md). */
#ifndef DAEMON_STATUS_H
#define DAEMON_STATUS_H

#include "daemon/pressure.h"
#include "daemon/transcript.h"
#include "ipc/server.h"
#include "pipelines/engine.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct daemon_state {
    const char *config;
    const char *state; /* "running", "reloading", "draining", "stopping" */
    int64_t started_ns;
    const struct pipe_engine *engine;
    bool private;                              /* the privacy switch is on */
    const struct pressure *pressure;           /* that the device is under */
    const struct prt_backend *const *backends; /* NULL-terminated */
    const struct ipc_server *server;
    struct daemon_transcript *transcript; /* or NULL */
    struct ipc_topic *const *topics;
    size_t topic_count;
};

/* what: "status" (all), "pipelines", "lanes", "models", "hosts", "topics", "clients", "users",
 * "transcript".
 * malloc'ed; NULL for another word or when out of memory. */
char *daemon_status_json(const struct daemon_state *state, const char *what);
/* The same as an object, the caller's; empty for another word. */
json_t *daemon_status(const struct daemon_state *state, const char *what);

/* What `percept reload` is told: {"ok": true, "kept", "changed", "added", "removed"}, or with
 * changes NULL {"ok": false, "file", "line", "column", "message"}. malloc'ed; NULL when out of
 * memory. */
char *daemon_reload_json(const struct pipe_changes *changes, const struct percept_error *error);

/* What `percept privacy` is told: {"privacy": true or false}, with "message" why it could not be
 * turned. malloc'ed; NULL when out of memory. */
char *daemon_privacy_json(bool on, const struct percept_error *error);

#endif
