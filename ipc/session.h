/*
 * One client's side of the control protocol, as a function from packets to replies. It knows
 * nothing of sockets, so a fuzzer can talk to it. Loop thread.
 */
#ifndef IPC_SESSION_H
#define IPC_SESSION_H

#include "ipc/peer.h"
#include "ipc/push.h"
#include "ipc/quota.h"
#include "ipc/topic.h"
#include "ipc/wire.h"

#include <stdbool.h>
#include <stdint.h>

#define IPC_SUBSCRIPTIONS_MAX 32 /* of one client */
#define IPC_PUSHES_MAX        4  /* of one client */

/* What a daemon offers: shared by its sessions. */
struct ipc_catalogue {
    struct ipc_topic *topics[IPC_TOPICS_MAX];
    size_t topic_count;
    /* as in struct ipc_server_options */
    char *(*query)(void *context, uint64_t ticket, const char *what, bool *later);
    enum percept_status (*history)(void *context, uint64_t ticket, const struct ipc_peer *peer,
                                   const struct percept_history *wish, struct percept_error *error);
    enum percept_status (*forget)(void *context, uint64_t ticket, const struct ipc_peer *peer,
                                  uint64_t seconds, struct percept_error *error);
    enum percept_status (*push)(void *context, const char *to, int fd,
                                const struct ipc_push_format *format, struct percept_error *error);
    void *context;
    const struct ipc_guard *guard; /* NULL: everybody may do everything */
    struct ipc_quotas quotas;      /* of each user */
};

struct ipc_subscription {
    uint32_t id; /* 0: free */
    struct ipc_topic *topic;
    struct ipc_topic_ring *ring;
    struct ipc_seat *seat; /* NULL: the daemon has ended it */
    bool revoked;          /* may not be read any more */
    char why[200];         /* it was revoked; "" once the client has heard of it */
};

struct ipc_push {
    char to[64]; /* a pipeline; "": free */
    int fd;      /* of the daemon's end, to end it by; whoever listens has another */
};

struct ipc_session {
    const struct ipc_catalogue *catalogue;
    const struct ipc_peer *peer;
    struct ipc_account *account; /* of the peer's user */
    size_t queued_bytes;         /* of results since the client last had read everything */
    uint32_t version;            /* 0 before Hello */
    uint32_t last_id;
    uint64_t ticket;  /* what answers are for; the owner's choice */
    uint32_t awaited; /* request whose answer comes later; 0: none */
    struct ipc_subscription subscriptions[IPC_SUBSCRIPTIONS_MAX];
    struct ipc_push pushes[IPC_PUSHES_MAX];
};

/* All of them must outlive the session. */
void ipc_session_init(struct ipc_session *session, const struct ipc_catalogue *catalogue,
                      const struct ipc_peer *peer, struct ipc_account *account);
/* Ends all subscriptions, and what is pushed. */
void ipc_session_finish(struct ipc_session *session);

/* The client has received all that was sent to it. */
void ipc_session_drained(struct ipc_session *session);

/* The answer to one packet; there always is one, or `awaited` is set, and nothing else may be
 * handled before it has been answered. False when the connection shall end after it. */
bool ipc_session_handle(struct ipc_session *session, const uint8_t *bytes, size_t size,
                        struct ipc_packet *reply);
/* The answer to what is awaited: JSON, or NULL and why. */
void ipc_session_answer(struct ipc_session *session, const char *json,
                        const struct percept_error *error, struct ipc_packet *reply);

/*
 * Ask the guard again whether the client may have what it has. Subscriptions that it may not have
 * any more are ended: first their seats stay, so that the client can be told (ipc_session_notice)
 * before it is woken by their end (ipc_session_part). True when there are any.
 */
bool ipc_session_recheck(struct ipc_session *session);
/* The next thing that the client has to hear without having asked; false when there is none. */
bool ipc_session_notice(struct ipc_session *session, struct ipc_packet *packet);
/* Give up the seats of revoked subscriptions, and those in rings that the writer has left, whose
 * readers need none. */
void ipc_session_part(struct ipc_session *session);

/* An Error to a client that asked nothing, before we hang up. */
void ipc_session_refuse(enum percept_status status, const char *message, struct ipc_packet *reply);

#endif
