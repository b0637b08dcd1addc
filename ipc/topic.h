/* A topic as the control server sees it: who subscribes and what they get to see. Loop thread. */
#ifndef IPC_TOPIC_H
#define IPC_TOPIC_H

#include "ipc/ring.h"
#include "ipc/server.h"

#include <stdbool.h>

struct ipc_topic_ring {
    struct ipc_ring ring;
    int fd;            /* may be handed to any reader: its seals forbid writing */
    unsigned seats;    /* loop thread */
    bool hidden;       /* from newcomers: what is in it was to be forgotten; loop thread */
    _Atomic bool left; /* the writer is done with it. Writer writes, last of all */
    struct ipc_topic_ring *older;
};

struct ipc_topic {
    /* The ring that is written to. Writer writes (release), loop reads (acquire). */
    _Atomic(struct ipc_topic_ring *) current;
    /* A ring for the writer to go on in. Loop sets, either takes it out, by exchange. */
    _Atomic(struct ipc_topic_ring *) next;
    struct ipc_topic_ring *rings; /* all of them, the newest first; loop thread */
    struct ipc_ring_counters counters;
    _Atomic bool closed; /* writer writes */
    _Atomic bool
        halted; /* it has to move, and there is no memory: nothing is written. Loop writes */
    uint64_t generation;
    size_t max_bytes;
    bool must_move; /* a subscription was revoked; loop thread */
    bool departed;  /* a reader has gone, but may have kept what it mapped; loop thread */
    size_t number;  /* by which accounts count its seats; the server's */
    char name[IPC_NAME_BYTES], schema[IPC_NAME_BYTES];
    void (*look)(void *context, void *payload, size_t size); /* as in the options; or NULL */
    void *look_context;
    unsigned depth;               /* past samples to keep */
    unsigned max_subscribers;     /* <= IPC_SEATS_MAX */
    _Atomic unsigned subscribers; /* loop thread writes */
};

/* Is it [a-z0-9._-]{1,63}? */
bool ipc_topic_name_valid(const char *name);

/*
 * A new subscription: a seat in a ring, and the page, which the client shall map along with the
 * ring. The caller owns the descriptor *page_fd. LIMIT when the topic has no seat left; NO_MEMORY
 * or LIMIT when the machine can't give what it takes.
 */
enum percept_status ipc_topic_attach(struct ipc_topic *topic, struct ipc_topic_ring **ring,
                                     struct ipc_seat **seat, int *page_fd,
                                     struct percept_error *error);
/* Give the subscription a wake-up socket; *fd is the client's end and the caller's to close. EXISTS
 * when it has one. */
enum percept_status ipc_topic_add_wake(struct ipc_seat *seat, int *fd, struct percept_error *error);
/* Ends it and frees the seat. */
void ipc_topic_detach(struct ipc_topic *topic, struct ipc_topic_ring *ring, struct ipc_seat *seat);
/* Free what the writer was in the way of when it ended: nobody may come or go for long. */
void ipc_topic_reap(struct ipc_topic *topic);

/*
 * From the writer's next sample on, publish to another ring, of which whoever has the present one
 * knows nothing. A sample that is being written still goes to the old one. On failure (NO_MEMORY,
 * LIMIT) nothing is published until a later call, or a subscription that comes or goes, succeeds.
 */
enum percept_status ipc_topic_move(struct ipc_topic *topic, struct percept_error *error);
/* What has been published so far is not for newcomers. The topic has to move then. */
void ipc_topic_hide_past(struct ipc_topic *topic);
/* The writer has gone on to another ring: seats in this one are of no more use. */
bool ipc_topic_ring_left(const struct ipc_topic_ring *ring);

#endif
