/*
 * The keys, the configuration and the policy are read again, and what is new is made, on a thread
 * of libuv's, which lives as long as the process (what the thread that started them ends ends, too,
 * are the programs that models may run in). There what is old is waited for and destroyed, too, and
 * sources are opened. The loop goes on meanwhile, and what runs does; it only switches. If anything
 * is wrong, all is as it was.
 *
 * One at a time: what is asked for meanwhile comes after it, all of it as one, since a file may
 * have changed after it was read. Loop thread.
 */
#ifndef DAEMON_RELOAD_H
#define DAEMON_RELOAD_H

#include "base/status.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct daemon;
struct pipe_config;
struct policy;

#define RELOAD_MOST_ASKED 64 /* clients that wait for one */

struct daemon_reload {
    bool running, again; /* one is; somebody wants another one */
    bool wanted;         /* before the engine has started */
    struct {
        uint64_t tickets[RELOAD_MOST_ASKED];
        size_t count;
    } asked[2];          /* who is told what comes of this one, of the next one */
    atomic_bool give_up; /* relaxed: the thread looks now and then */
    uv_work_t work;
    /* The thread's while it works, and what has come of it after. */
    struct pipe_config *config;
    struct policy *policy;
    struct pipe_engine_next *next;
    enum percept_status status;
    struct percept_error error;
};

/* A signal: the log says what comes of it. */
void daemon_reload(struct daemon *daemon);
/* A client: it is told, later, or now that it can't be. As ipc_server_options.query. */
char *daemon_reload_answer(struct daemon *daemon, uint64_t ticket, bool *later);
/* The engine runs: what was read to start with may be old already. */
void daemon_reload_started(struct daemon *daemon);
/* The daemon stops: nothing is switched any more. The loop runs until the thread has seen it. */
void daemon_reload_stop(struct daemon_reload *reload);

#endif
