/*
 * How the host and a remote processor reach each other: bounded messages with a doorbell, and a
 * piece of memory that both see. What is above (link.c) knows a processor only by this; on real
 * hardware it is the only part to change (docs/dsp.md).
 *
 *   process.c: percept-dsp, a process; a mailbox in the shared memory, a socket as doorbells.
 *   rpmsg:     /dev/rpmsgN; send is write(), receive is poll() and read(), shared is a reserved
 *              region, mapped.
 *
 * One thread at a time.
 */
#ifndef BACKENDS_DSP_TRANSPORT_H
#define BACKENDS_DSP_TRANSPORT_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

/* The longest message: what a rpmsg buffer holds, less its header. */
enum { DSP_MESSAGE_BYTES = 496 };

struct dsp_transport_class;

struct dsp_transport {
    const struct dsp_transport_class *class;
    void *shared; /* zeroed when it is opened, page-aligned; the other side may write to it, ever */
    size_t shared_bytes;
};

struct dsp_transport_class {
    const char *name; /* what people know it by, static text */

    /* NULL when there is a processor to open; else why not (static text). */
    const char *(*absent)(void);

    /* Start or attach to the processor. memory_bytes: of its own memory, where it can be told. */
    enum percept_status (*open)(size_t memory_bytes, struct dsp_transport **transport,
                                struct percept_error *error);

    /* A message of at most DSP_MESSAGE_BYTES; rings the other side's doorbell. Never waits for it.
     * DISCONNECTED when it is gone. */
    enum percept_status (*send)(struct dsp_transport *transport, const void *message, size_t bytes,
                                struct percept_error *error);

    /* The next message, copied once into `message`. TIMED_OUT at the deadline (CLOCK_MONOTONIC),
     * DISCONNECTED when the other side is gone, MALFORMED when what it sent is no message. */
    enum percept_status (*receive)(struct dsp_transport *transport, void *message, size_t room,
                                   size_t *bytes, int64_t deadline_ns, struct percept_error *error);

    /* Nobody needs what is there any more (whole pages); it reads as zeros, or as it was. */
    void (*forget)(struct dsp_transport *transport, size_t offset, size_t bytes);

    /* The processor stops, whatever it is at; shared memory is gone. NULL is fine. */
    void (*close)(struct dsp_transport *transport);
};

/* percept-dsp: the program that PERCEPT_DSP names, or the one beside this program's file. */
extern const struct dsp_transport_class dsp_process;

#endif
