/*
 * Who may what: joins the policy, the grants and the audit record into the guard that the control
 * server asks (docs/permissions.md). Loop thread.
 */
#ifndef DAEMON_ACCESS_H
#define DAEMON_ACCESS_H

#include "daemon/policy.h"
#include "daemon/state.h"
#include "ipc/server.h"

struct access;

struct access_options {
    const struct policy *policy;       /* NULL: none */
    const struct state_folder *folder; /* for grants and the audit record */
    /* Somebody reads, or does not any more. */
    void (*changed)(void *context);
    /* Is that IPC_PUSH_PREFIX and a pipeline to which clients may push sound? */
    bool (*takes_sound)(void *context, const char *name);
    void *context;
};

/* Both must outlive it. A damaged file of grants is a line in the log. */
enum percept_status access_create(uv_loop_t *loop, const struct access_options *options,
                                  struct access **access, struct percept_error *error);
/* After the server; run the loop afterwards. NULL is fine. */
void access_destroy(struct access *access);

/* For the server's options; valid as long as the access. */
const struct ipc_guard *access_guard(const struct access *access);
/* What there is to permit, and whom to tell when it is over. */
void access_serve(struct access *access, struct ipc_server *server, struct ipc_topic *const *topics,
                  size_t topic_count);

/* Another policy, whose names are checked; NULL: none. Its rules and quotas hold from now on, and
 * subscriptions that are not permitted any more end as by a revocation. It must outlive the access.
 */
void access_reload(struct access *access, const struct policy *policy);

/* May the client read what has been kept of a topic of captions? As if it subscribed to it. */
enum percept_status access_may_recall(const struct access *access, const struct ipc_peer *peer,
                                      const char *topic, struct percept_error *error);
/* May it erase that? Administrators may; a refusal is on record. */
enum percept_status access_may_forget(struct access *access, const struct ipc_peer *peer,
                                      struct percept_error *error);
/* Put something on record. */
void access_note(struct access *access, const char *event, const struct ipc_peer *peer,
                 const char *topic, const char *text);

/* The answer to the queries "grants" and "audit N": malloc'ed JSON; NULL for another. */
char *access_query(struct access *access, const char *what);

#endif
