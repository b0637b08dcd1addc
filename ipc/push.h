/*
 * Sound that a client pushes: what goes over the socket of its own that it gets for that, so that
 * neither the control connection nor the loop has to carry it. The pipeline's thread reads it and
 * believes nothing of it. docs/ipc.md tells the whole story.
 *
 * SEQPACKET. From the client: a head and the sound behind it, frame by frame, the channels of a
 * frame side by side. From the daemon: one word before it hangs up by itself.
 */
#ifndef IPC_PUSH_H
#define IPC_PUSH_H

#include "base/status.h"

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Before a pipeline's name, in permissions: who may push to it. */
#define IPC_PUSH_PREFIX "push:"

#define IPC_PUSH_RATE_MIN     8000u
#define IPC_PUSH_RATE_MAX     192000u
#define IPC_PUSH_CHANNELS_MAX 8u
#define IPC_PUSH_SOUND_MAX    16384u /* bytes behind a head */
#define IPC_PUSH_QUEUE_MIN    65536u /* a quota below that would not let a packet through */
#define IPC_PUSH_QUEUE        262144u

struct ipc_push_format {
    uint32_t rate; /* frames a second */
    uint32_t channels;
    uint32_t dtype; /* PERCEPT_INT16 or PERCEPT_FLOAT32 */
    uint32_t queue; /* bytes that may wait in the socket */
};

#define IPC_PUSH_END 1u /* that was all: who hangs up without has died */

struct ipc_push_head {
    uint64_t position;  /* number of the first frame, from 0; those that were left out count */
    int64_t capture_ns; /* when it was captured, CLOCK_MONOTONIC; 0: when it arrives */
    uint32_t frames;    /* 0 with END alone */
    uint32_t flags;
    uint64_t reserved; /* zero */
};
static_assert(sizeof(struct ipc_push_head) == 32, "a packet's head");

struct ipc_push_word {
    int32_t status;    /* enum percept_status: why it is over */
    char message[252]; /* NUL-terminated */
};
static_assert(sizeof(struct ipc_push_word) == 256, "a last word");

/* INVALID for what no pipeline takes. */
enum percept_status ipc_push_check(const struct ipc_push_format *format,
                                   struct percept_error *error);
/* Bytes of a frame of a format that has been checked. */
size_t ipc_push_frame_bytes(const struct ipc_push_format *format);

/* A socket pair with room for no more than the format's queue: theirs blocks, ours does not. */
enum percept_status ipc_push_pair(const struct ipc_push_format *format, int *ours, int *theirs,
                                  struct percept_error *error);
/* Say why, and hang up for both sides; what waits can still be read. The descriptor stays open.
 * Never blocks. */
void ipc_push_hang_up(int fd, enum percept_status status, const char *message);
/* What waits is for nobody: read and forget it. Only after ipc_push_hang_up, or there is no end of
 * it. */
void ipc_push_empty(int fd);
/* Has either side hung up? */
bool ipc_push_is_over(int fd);

#endif
