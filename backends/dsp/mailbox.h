/*
 * A mailbox in shared memory: a slot for each direction, and a socket whose bytes are doorbells.
 * Sides take turns, so a slot is free again when its answer has come. The socket's end is the
 * other side's.
 */
#ifndef BACKENDS_DSP_MAILBOX_H
#define BACKENDS_DSP_MAILBOX_H

#include "backends/dsp/transport.h"

#include <stdatomic.h>

/* Written by one side, read by the other, and believed by neither. */
struct dsp_slot {
    _Atomic uint32_t sequence; /* one more with each message; released after what it covers */
    uint32_t bytes;
    unsigned char data[DSP_MESSAGE_BYTES];
};

/* What the two processes of process.c share: this page, then the memory that both see. */
enum { DSP_MAILBOX_BYTES = 4096, DSP_SHARED_FD = 3, DSP_BELL_FD = 4 };

struct dsp_mailbox {
    struct dsp_slot to_dsp, to_host;
};

_Static_assert(sizeof(struct dsp_mailbox) <= DSP_MAILBOX_BYTES, "a mailbox is a page");

/* One side of it. */
struct dsp_mailbox_end {
    struct dsp_slot *out, *in;
    int bell;
    uint32_t sent, seen;
};

/* As those of a transport. A deadline of INT64_MAX is never. */
enum percept_status dsp_mailbox_send(struct dsp_mailbox_end *end, const void *message, size_t bytes,
                                     struct percept_error *error);
enum percept_status dsp_mailbox_receive(struct dsp_mailbox_end *end, void *message, size_t room,
                                        size_t *bytes, int64_t deadline_ns,
                                        struct percept_error *error);

#endif
