/*
 * A daemon small enough for a test: a control server on its own thread and one topic, "numbers",
 * that the test publishes to. A sample is a stamp repeated over the payload, so that a torn one
 * shows.
 */
#ifndef TESTS_IPC_MINI_H
#define TESTS_IPC_MINI_H

#include "ipc/percept.h"
#include "ipc/server.h"

#include <stdbool.h>
#include <sys/types.h>

#define MINI_TOPIC  "numbers"
#define MINI_SCHEMA "test.numbers/1"

struct mini_options {
    const char *topic, *schema; /* NULL: MINI_TOPIC, MINI_SCHEMA */
    size_t max_bytes;           /* 0: 64 */
    unsigned slots;
    unsigned max_clients;
    unsigned topics; /* further ones, "more0"...; 0: none */
    const struct ipc_guard *guard;
    struct ipc_quotas quotas;
    /* As in struct ipc_server_options; their context is the mini. */
    enum percept_status (*history)(void *context, uint64_t ticket, const struct ipc_peer *peer,
                                   const struct percept_history *wish, struct percept_error *error);
    enum percept_status (*forget)(void *context, uint64_t ticket, const struct ipc_peer *peer,
                                  uint64_t seconds, struct percept_error *error);
    enum percept_status (*push)(void *context, const char *to, int fd,
                                const struct ipc_push_format *format, struct percept_error *error);
    void (*later)(void *context, uint64_t ticket);           /* the query "later" */
    void (*look)(void *context, void *payload, size_t size); /* of the topic */
};

struct mini;

/* Asserts that all goes well. options NULL: defaults. */
struct mini *mini_start(const char *path, const struct mini_options *options);
/* Stops the server, joins its thread and destroys the topics. NULL is fine. */
void mini_stop(struct mini *mini);
/* Stops the server and its thread; the topics stay. */
void mini_stop_server(struct mini *mini);

/* Have something done on the server's thread; returns when it has been. */
void mini_call(struct mini *mini, void (*function)(struct ipc_server *server, void *context),
               void *context);
/* Have the guard asked again; returns when that has taken effect. */
void mini_recheck(struct mini *mini);

struct ipc_topic *mini_topic(struct mini *mini);
/* Publish the stamp over the whole payload; false when there was no room. */
bool mini_publish(struct mini *mini, uint64_t stamp);
/* Is it one stamp throughout? Returns it; asserts otherwise. */
uint64_t mini_stamp(const struct percept_sample *sample);

/* A fresh socket path under a private directory, which goes when the test's process does. */
const char *mini_path(void);

/* Be a daemon that publishes every millisecond until it is killed. Writes a byte to ready_fd (if
 * not -1) when it listens. */
_Noreturn void mini_serve(const char *path, int ready_fd);
/* Fork one; returns when it listens. */
pid_t mini_fork(const char *path);
void mini_kill(pid_t pid);

/* Of this process. */
size_t mini_open_descriptors(void);
size_t mini_mappings(void);

#endif
