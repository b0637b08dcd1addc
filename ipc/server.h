/*
 * The daemon's side: topics that pipeline threads publish to, and the control socket on a libuv
 * loop.
 *
 * A topic has one writer thread; publishing never blocks, allocates or depends on any client.
 * Everything else is called on the loop's thread.
 */
#ifndef IPC_SERVER_H
#define IPC_SERVER_H

#include "base/status.h"
#include "ipc/peer.h"
#include "ipc/percept.h"
#include "ipc/push.h"
#include "ipc/quota.h"

#include <stddef.h>
#include <stdint.h>
#include <uv.h>

/* ---- topics ---- */

struct ipc_topic;

struct ipc_topic_options {
    const char *name;   /* [a-z0-9._-]{1,63} */
    const char *schema; /* "percept.hands/1" */
    size_t max_bytes;   /* of a payload */
    unsigned slots;     /* past samples kept for readers that are behind; 0: a default. Slots for
                           subscribers to hold come on top of it. */
    /* Look at a payload that is about to be published, and change what is not to be seen of it; its
     * size stays. Writer thread; NULL: nobody does. */
    void (*look)(void *context, void *payload, size_t size);
    void *look_context;
};

enum percept_status ipc_topic_create(const struct ipc_topic_options *options,
                                     struct ipc_topic **topic, struct percept_error *error);
void ipc_topic_destroy(struct ipc_topic *topic); /* after the server that offers it; NULL is fine */

/* Room for the next payload, 64-byte aligned, max_bytes long, contents undefined. Writer thread
 * only. NULL when every slot is held (counted as a drop): skip this sample. */
void *ipc_topic_loan(struct ipc_topic *topic);
/* Publish the loan (size <= max_bytes) and wake who waits. Writer thread only. */
void ipc_topic_publish(struct ipc_topic *topic, size_t size, int64_t capture_ns);
/* No more will come: readers get END after the last sample. Not for a daemon that stops and may
 * come back: its readers wait for the next one by themselves. Writer thread, or any once the
 * writer has stopped. */
void ipc_topic_close(struct ipc_topic *topic);

struct ipc_topic_stats {
    const char *name, *schema;
    uint64_t published, dropped, bytes;
    size_t max_bytes;
    unsigned subscribers;
    int closed;
};
/* Any thread. */
void ipc_topic_stats(const struct ipc_topic *topic, struct ipc_topic_stats *stats);

const char *ipc_topic_name(const struct ipc_topic *topic);
const char *ipc_topic_schema(const struct ipc_topic *topic);

/* ---- who may what ---- */

enum ipc_event {
    IPC_EVENT_CONNECT,
    IPC_EVENT_DISCONNECT,
    IPC_EVENT_SUBSCRIBE,
    IPC_EVENT_UNSUBSCRIBE,
    IPC_EVENT_REFUSE, /* a connection (topic "") or a subscription; text says why */
    IPC_EVENT_REVOKE, /* the guard has changed its mind about a subscription; text says why. peer
                         NULL: there was no memory for its topic to move, which stands still */
    IPC_EVENT_PUSH,   /* it begins to push sound; topic: IPC_PUSH_PREFIX and the pipeline */
    IPC_EVENT_PUSHED, /* that is over */
};

/*
 * Decides, and hears what happens. All on the loop's thread. Refusals are PERMISSION with a reason
 * for the client to read.
 */
struct ipc_guard {
    void *context;
    enum percept_status (*may_read)(void *context, const struct ipc_peer *peer,
                                    const struct ipc_topic *topic, struct percept_error *error);
    enum percept_status (*may_push)(void *context, const struct ipc_peer *peer, const char *to,
                                    struct percept_error *error);
    enum percept_status (*may_ask)(void *context, const struct ipc_peer *peer, const char *what,
                                   struct percept_error *error);
    /* Requests of clients, with unchecked terms. */
    enum percept_status (*grant)(void *context, const struct ipc_peer *peer,
                                 const struct percept_grant *terms, struct percept_error *error);
    enum percept_status (*revoke)(void *context, const struct ipc_peer *peer,
                                  const struct percept_grant *terms, struct percept_error *error);
    void (*event)(void *context, enum ipc_event event, const struct ipc_peer *peer,
                  const char *topic, const char *text);
    /* After IPC_EVENT_REVOKE, when those readers count no longer. NULL: not asked for. */
    void (*revoked)(void *context);
};

/* ---- control server ---- */

struct ipc_server;

struct ipc_server_options {
    const char *socket_path; /* NULL: as percept_connect finds it. Created 0660; EXISTS when another
                                daemon answers on it, a stale file is replaced */
    const int *listening;    /* a socket that listens already, adopted; NULL: one at socket_path */
    unsigned max_clients;    /* 0: a default */
    /* Answer a query ("status", "topics", "clients" are the daemon's to define): malloc'ed JSON, or
     * NULL for NOT_FOUND. Or set *later, and call ipc_server_answer with the ticket later, not from
     * within. On the loop's thread. */
    char *(*query)(void *context, uint64_t ticket, const char *what, bool *later);
    /*
     * Begin to answer a request about the transcript, and call ipc_server_answer with the ticket
     * later, not from within. They decide who may. What they return otherwise is the answer. On the
     * loop's thread; NULL: UNSUPPORTED.
     */
    enum percept_status (*history)(void *context, uint64_t ticket, const struct ipc_peer *peer,
                                   const struct percept_history *wish, struct percept_error *error);
    /* seconds: above 0, or PERCEPT_FORGET_ALL. */
    enum percept_status (*forget)(void *context, uint64_t ticket, const struct ipc_peer *peer,
                                  uint64_t seconds, struct percept_error *error);
    /* A client that may pushes sound to a pipeline: take our end of its socket (ipc/push.h), the
     * format of which is checked. The descriptor stays ours where it fails. On the loop's thread;
     * NULL: UNSUPPORTED. */
    enum percept_status (*push)(void *context, const char *to, int fd,
                                const struct ipc_push_format *format, struct percept_error *error);
    void *context;
    const struct ipc_guard *guard; /* NULL: everybody who can connect may do everything */
    struct ipc_quotas quotas;      /* of each user; zeros: none */
};

/* Listens when it returns. Clients are served once the loop runs: add the topics before. */
enum percept_status ipc_server_create(uv_loop_t *loop, const struct ipc_server_options *options,
                                      struct ipc_server **server, struct percept_error *error);
/* Offer a topic to clients; it must outlive the server. */
enum percept_status ipc_server_add_topic(struct ipc_server *server, struct ipc_topic *topic,
                                         struct percept_error *error);
/* Offer it no longer. Who has subscribed goes on with it: it must live as long as there are
 * subscribers. */
void ipc_server_remove_topic(struct ipc_server *server, const struct ipc_topic *topic);
/*
 * The guard may decide otherwise now: ask it again about every subscription. Those that it refuses
 * end, and their topics go on in other rings (ipc/topic.h). Takes effect before the loop turns to
 * anything else; from within the guard, after what it is asked.
 */
void ipc_server_recheck(struct ipc_server *server);

/* Does a client's subscription name it, with or without a seat? As long as one does, it may not be
 * destroyed. */
bool ipc_server_names(const struct ipc_server *server, const struct ipc_topic *topic);
/* What has come of a request: JSON, malloc'ed and taken, or NULL and why. A client that has gone
 * meanwhile does not mind. */
void ipc_server_answer(struct ipc_server *server, uint64_t ticket, char *json,
                       const struct percept_error *error);
/* Whoever subscribes from now on sees nothing of what was published before, and others nothing that
 * they have not mapped yet: the topic goes on in another ring. */
void ipc_server_hide_past(struct ipc_server *server, struct ipc_topic *topic);
/* Of each user from now on; what they have already they keep. */
void ipc_server_set_quotas(struct ipc_server *server, const struct ipc_quotas *quotas);
/* Hangs up on all clients, closes all handles and removes the socket file; run the loop afterwards
 * until it is empty. NULL is fine. */
void ipc_server_destroy(struct ipc_server *server);

struct ipc_client_stats {
    uint64_t id;
    int64_t pid; /* as the kernel says */
    uint32_t uid;
    unsigned subscriptions;
    uint64_t lost; /* samples, over its subscriptions, as it reports them on its page; untrusted */
    uint64_t lag;  /* samples that the one it holds is behind the newest, the most of its
                      subscriptions; 0 when it holds none */
};
/* Writes at most capacity entries; returns how many clients there are. Loop thread. */
size_t ipc_server_clients(const struct ipc_server *server, struct ipc_client_stats *stats,
                          size_t capacity);

struct ipc_user_stats {
    uint32_t uid;
    unsigned connections, subscriptions, pushes;
    unsigned held; /* slots, as the pages say this moment */
    size_t queued_bytes;
    uint64_t requests, waits, refusals; /* since the user came; waits: for its turn, by quota */
};
/* The users that are connected, the same way. */
size_t ipc_server_users(const struct ipc_server *server, struct ipc_user_stats *stats,
                        size_t capacity);

struct ipc_subscriber {
    const struct ipc_topic *topic;
    const struct ipc_peer *peer; /* until the loop goes on */
};
/* Who reads what, the same way. */
size_t ipc_server_subscribers(const struct ipc_server *server, struct ipc_subscriber *rows,
                              size_t capacity);

#endif
