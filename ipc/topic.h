/* A topic as the control server sees it: who subscribes and what they get to see. Loop thread. */
#ifndef IPC_TOPIC_H
#define IPC_TOPIC_H

#include "ipc/ring.h"
#include "ipc/server.h"

#include <stdbool.h>

struct ipc_topic {
    struct ipc_ring ring;
    int fd; /* of the ring; may be handed to anyone: its seals forbid writing */
    char name[IPC_NAME_BYTES], schema[IPC_NAME_BYTES];
    unsigned depth;               /* past samples to keep */
    unsigned max_subscribers;     /* <= IPC_SEATS_MAX */
    _Atomic unsigned subscribers; /* loop thread writes */
};

/* Is it [a-z0-9._-]{1,63}? */
bool ipc_topic_name_valid(const char *name);

/*
 * A new subscription: a seat in the ring, and the page, which the client shall map. The caller
 * owns the descriptor *page_fd. LIMIT when the topic has no seat left; NO_MEMORY or LIMIT when the
 * machine can't give what it takes.
 */
enum percept_status ipc_topic_attach(struct ipc_topic *topic, struct ipc_seat **seat, int *page_fd,
                                     struct percept_error *error);
/* Give the subscription a wake-up socket; *fd is the client's end and the caller's to close. EXISTS
 * when it has one. */
enum percept_status ipc_topic_add_wake(struct ipc_seat *seat, int *fd, struct percept_error *error);
/* Ends it and frees the seat. */
void ipc_topic_detach(struct ipc_topic *topic, struct ipc_seat *seat);

#endif
