/*
 * One client's side of the control protocol, as a function from packets to replies. It knows
 * nothing of sockets, so a fuzzer can talk to it. Loop thread.
 */
#ifndef IPC_SESSION_H
#define IPC_SESSION_H

#include "ipc/topic.h"
#include "ipc/wire.h"

#include <stdbool.h>
#include <stdint.h>

#define IPC_TOPICS_MAX        256
#define IPC_SUBSCRIPTIONS_MAX 32 /* of one client */

/* What a daemon offers: shared by its sessions. */
struct ipc_catalogue {
    struct ipc_topic *topics[IPC_TOPICS_MAX];
    size_t topic_count;
    char *(*query)(void *context, const char *what); /* as in struct ipc_server_options */
    void *context;
};

struct ipc_subscription {
    uint32_t id; /* 0: free */
    struct ipc_topic *topic;
    struct ipc_seat *seat;
};

struct ipc_session {
    const struct ipc_catalogue *catalogue;
    uint32_t version; /* 0 before Hello */
    uint32_t last_id;
    struct ipc_subscription subscriptions[IPC_SUBSCRIPTIONS_MAX];
};

void ipc_session_init(struct ipc_session *session, const struct ipc_catalogue *catalogue);
/* Ends all subscriptions. */
void ipc_session_finish(struct ipc_session *session);

/* The answer to one packet; there always is one. False when the connection shall end after it. */
bool ipc_session_handle(struct ipc_session *session, const uint8_t *bytes, size_t size,
                        struct ipc_packet *reply);

/* An Error to a client that asked nothing, before we hang up. */
void ipc_session_refuse(enum percept_status status, const char *message, struct ipc_packet *reply);

#endif
