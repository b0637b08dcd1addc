/*
 * perceptd: pipelines on their own threads, topics in shared memory, one libuv loop for control.
 *
 * Everything here runs on the thread that calls daemon_run; pipeline threads touch the daemon only
 * through the host functions in daemon.c.
 */
#ifndef DAEMON_DAEMON_H
#define DAEMON_DAEMON_H

#include "base/log.h"
#include "base/status.h"

#include <stdbool.h>

/* What perceptd exits with; part of its interface (perceptd(1)). */
enum daemon_exit {
    DAEMON_EXIT_OK = 0,
    DAEMON_EXIT_FAILURE =
        1, /* a pipeline failed and nothing is left to do, or the system refused */
    DAEMON_EXIT_USAGE = 2,
    DAEMON_EXIT_CONFIG = 3, /* the configuration or a model that it names */
    DAEMON_EXIT_SOCKET = 4, /* another daemon answers on the socket */
};

struct daemon_settings {
    const char *config; /* path */
    const char *socket; /* path; NULL: the configuration's, else the default of percept_connect */
    const char *user;   /* to become; NULL: who we are */
    const char *keys;   /* folder: configuration and models must be signed; NULL: they need not */
    bool check;         /* load all, run nothing */
    bool log_given;     /* log_level, not the configuration's */
    enum base_log_level log_level;
};

/* Run until a signal or, with exit_when_done, until every source has ended. An error is filled for
 * every exit but OK. */
enum daemon_exit daemon_run(const struct daemon_settings *settings, struct percept_error *error);

#endif
