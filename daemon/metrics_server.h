/*
 * Metrics over HTTP, for one who scrapes them: GET /metrics on a Unix socket or a port of this
 * machine. At most four are served at once, each with a small request and five seconds for all of
 * it; more wait in the socket's queue or are turned away. Loop thread.
 */
#ifndef DAEMON_METRICS_SERVER_H
#define DAEMON_METRICS_SERVER_H

#include "base/status.h"

#include <uv.h>

struct metrics_server;

struct metrics_server_options {
    const char *address;          /* "unix:/path", "127.0.0.1:9090", "[::1]:9090" */
    char *(*text)(void *context); /* the metrics, malloc'ed; NULL: there are none now */
    void *context;
};

/* Listens when it returns. EXISTS when somebody answers there; a stale socket file is replaced; the
 * new one is for the user and the group of the daemon (0660). */
enum percept_status metrics_server_create(uv_loop_t *loop,
                                          const struct metrics_server_options *options,
                                          struct metrics_server **server,
                                          struct percept_error *error);
/* Run the loop afterwards. NULL is fine. */
void metrics_server_destroy(struct metrics_server *server);

#endif
