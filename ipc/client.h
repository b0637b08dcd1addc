/*
 * Inside libpercept. client.c keeps the connection and matches replies to requests;
 * subscription.c turns mappings into samples; mapping.c decides what is fit to be mapped;
 * client_push.c pushes sound.
 *
 * Nothing here waits but client_await and percept_next: the connection is driven by whoever calls
 * client_service, one non-blocking step at a time, so that a poll loop never stalls in a reconnect.
 */
#ifndef IPC_CLIENT_H
#define IPC_CLIENT_H

#include "ipc/percept.h"
#include "ipc/ring.h"
#include "ipc/wire.h"

#include "ipc/control.pb-c.h"

#include <stdbool.h>

#define CLIENT_REQUEST_NS  (5 * BASE_NS_PER_S)    /* a daemon that takes longer isn't one */
#define CLIENT_ERASE_NS    (120 * BASE_NS_PER_S)  /* for what takes a disk, or is behind others */
#define CLIENT_BACKOFF_NS  (10 * BASE_NS_PER_MS)  /* between attempts to reconnect: at first */
#define CLIENT_BACKOFF_MAX (250 * BASE_NS_PER_MS) /* and at most */
#define CLIENT_WATCH_NS                                                     \
    (250 * BASE_NS_PER_MS) /* how often a sleeping reader looks whether the \
                              daemon lives; a killed one wakes nobody */

/* A ring as it is mapped, for as long as somebody refers to it: the subscription, or an app that
 * keeps the memory of a sample (percept_memory_keep). */
struct percept_memory {
    _Atomic unsigned references; /* any thread: up relaxed, down acquire-release */
    const void *ring;
    size_t bytes;
};

/* What one Subscribe got us. */
struct mapping {
    const struct ipc_ring_header *header; /* NULL: nothing mapped */
    struct percept_memory *memory;        /* what header is in */
    struct ipc_ring_shape shape;
    struct ipc_ring_page *page;
    int wake_fd; /* -1: none */
    uint32_t id; /* of the subscription, on the connection that made it */
};

/* Map a ring and a page that came with a reply. Anything that could make reading them fail later is
 * refused here: MALFORMED, VERSION. The descriptors stay the caller's. */
enum percept_status mapping_open(int ring_fd, int page_fd, const char *topic,
                                 struct mapping *mapping, struct percept_error *error);
/* Nothing mapped is fine. */
void mapping_close(struct mapping *mapping);

struct percept_subscription {
    /* First what percept_next looks at for each sample: a reader that slept finds it in no cache.
     */
    struct percept_client *client;
    uint32_t request; /* of the Subscribe under way; 0: none */
    bool seated;      /* the daemon honours what the current page says */
    struct ipc_reader reader;
    struct mapping current;
    struct mapping fresh;         /* takes current's place at the next percept_next */
    struct percept_error failure; /* status not OK: why the daemon did not serve us */
    int64_t spin_ns;              /* how long to look before sleeping */
    uint32_t wake_request;        /* of the Wake under way */
    int epoll_fd;                 /* what percept_subscription_fd returns; -1: nobody asked */
    int kick_fd; /* eventfd in it, ours alone: readable when there is something to say */
    struct percept_subscription *next;
    char topic[IPC_NAME_BYTES], schema[IPC_NAME_BYTES];
};

struct percept_client {
    char *path;
    int fd;           /* -1 while the daemon is away */
    int timer_fd;     /* -1 before the first percept_subscription_fd; runs while not up */
    bool up;          /* greeted, and every subscription answered */
    uint32_t version; /* of the protocol, that the daemon chose last */
    uint32_t last_request;
    uint32_t hello; /* request under way; 0: none */
    uint32_t query; /* the same, of what is asked once: a Query, Grant and so on */
    int result_fd;  /* that came with its answer; -1: none */
    struct percept_error query_failure;
    struct percept_error failure; /* why the daemon would not have us; OK once it has */
    int64_t retry_ns;             /* when to dial again, while fd is -1 */
    int64_t deadline_ns;          /* for getting up, while it is not */
    int64_t backoff_ns;
    percept_connection_fn callback;
    void *context;
    percept_ended_fn ended;
    void *ended_context;
    struct percept_subscription *subscriptions;
    struct percept_push *pushes;
};

/* Send a request (its id is filled in) and return the id; 0 when the daemon is away. */
uint32_t client_send(struct percept_client *client, Percept__Control__Request *request);
void client_send_subscribe(struct percept_subscription *subscription);
void client_send_unsubscribe(struct percept_client *client, uint32_t id);

/* One step: dial, read what has come, give up what takes too long. */
void client_service(struct percept_client *client);
/* Serve the connection until the request is answered (*request is 0 then; the answer may be an
 * error) or fail with TIMED_OUT or DISCONNECTED. */
enum percept_status client_await(struct percept_client *client, const uint32_t *request,
                                 struct percept_error *error);
/* Greeted by a daemon that speaks this version, or a later one; waits for the greeting. */
enum percept_status client_ready(struct percept_client *client, uint32_t version,
                                 struct percept_error *error);
/* VERSION: the daemon lacks what takes this version. */
enum percept_status client_too_old(const struct percept_client *client, uint32_t version,
                                   struct percept_error *error);
/* An Error, or a reply of a kind that does not fit the request. */
void client_reply_failure(const Percept__Control__Reply *reply, struct percept_error *failure);
/* Sleep until the connection has something to do or until the deadline. */
void client_sleep(struct percept_client *client, int64_t deadline_ns);

/* Called by client.c. */
void subscription_mapped(struct percept_subscription *subscription, struct mapping *mapping);
void subscription_failed(struct percept_subscription *subscription,
                         const struct percept_error *failure);
void subscription_ended(struct percept_subscription *subscription, uint32_t id,
                        const struct percept_error *why);
void subscription_wake_added(struct percept_subscription *subscription, int fd);
void subscription_watch(struct percept_subscription *subscription, int fd);
void subscription_kick(struct percept_subscription *subscription);
void subscription_free(struct percept_subscription *subscription);

/* The same, for all that the client pushes. */
#define PUSH_VERSION 4 /* of the protocol, that has Push */
void push_lost(struct percept_client *client);
/* Greeted: ask for what is to come back. */
void push_welcome(struct percept_client *client);
/* Is one asked for? */
bool push_awaited(const struct percept_client *client);
/* False when the reply is to something else. */
bool push_reply(struct percept_client *client, const Percept__Control__Reply *reply,
                struct ipc_packet *packet);
/* They outlive the client, but do not come back. */
void push_disconnect(struct percept_client *client);

#endif
