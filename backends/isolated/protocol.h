/*
 * What a process of ours (the daemon, or whoever runs models) and the host of a backend say to each
 * other: records on a SEQPACKET socket, one answer a request, in the order of the requests. Both
 * are of one build. The host believes what it is told; nobody believes the host: a record is copied
 * by the kernel and checked once, and shared memory holds nothing but numbers of tensors and times.
 */
#ifndef BACKENDS_ISOLATED_PROTOCOL_H
#define BACKENDS_ISOLATED_PROTOCOL_H

#include "base/child.h"

#include <stdint.h>

#define ISOLATED_VERSION 1

enum { ISOLATED_SOCKET_FD = BASE_CHILD_FD, ISOLATED_PLUGIN_FD, ISOLATED_MOST_FDS = 2 };

enum isolated_kind {
    ISOLATED_HELLO = 1, /* text[0]: why it is absent, or ""; text[1..3]: code, release, device */
    ISOLATED_SET,       /* an option: key and text */
    ISOLATED_ASK,       /* with a parcel of one node. text[0]: why it is refused; `supports` */
    ISOLATED_LOAD,      /* with a parcel, lists behind it, and shared memory. `handle` */
    ISOLATED_RUN,
    ISOLATED_UNLOAD,
    ISOLATED_KINDS
};

struct isolated_request {
    uint32_t kind, sequence;
    uint64_t version; /* HELLO */
    uint64_t handle;  /* RUN, UNLOAD */
    /* ASK and LOAD: of the memory that comes first. */
    uint64_t parcel_bytes, memory_bytes;
    /* LOAD. Lists in the memory from `lists` on: struct prt_place places[values], uint64_t
     * at[values] (where a root lies in the shared memory, which comes second), uint32_t
     * nodes[node_count]. */
    uint64_t lists, shared_bytes, arena_bytes, times;
    uint32_t value_count, node_count;
    uint32_t threads, is_planned, half;
    int32_t priority;
    int64_t tune_ns;
    uint32_t timed; /* RUN: note a struct isolated_time for each node, at `times` of the load */
    char key[64];
    char text[4096]; /* SET: the value; LOAD: the folder, "" for none */
};

enum { ISOLATED_TEXTS = 4, ISOLATED_TEXT_BYTES = 256 };

struct isolated_reply {
    uint32_t kind, sequence; /* those of the request */
    int32_t status;          /* enum percept_status; text[0] tells more of one that is not OK */
    uint32_t supports;
    uint64_t version; /* HELLO */
    uint64_t handle;  /* never 0 */
    uint64_t device_bytes, copied_bytes;
    uint32_t dispatches, tuned, submissions;
    uint32_t reserved;
    char text[ISOLATED_TEXTS][ISOLATED_TEXT_BYTES];
};

struct isolated_time {
    int64_t start_ns, end_ns;
    char kernel[64];
};

#endif
