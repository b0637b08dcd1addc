/* What a tap consists of, for the thread that writes what it has queued. */
#ifndef TRANSCRIPT_TAP_H
#define TRANSCRIPT_TAP_H

#include "ipc/topics.h"
#include "transcript/store.h"

#include <stdatomic.h>
#include <stdbool.h>

#define TAP_QUEUE  64 /* captions; a power of two */
#define TAP_MEMORY 16 /* captions that are known; more than a sample has */

/* Speech between these times is to be forgotten. The loop writes, `to` last (release); who reads
 * `to` first (acquire) finds no range that is too short. */
struct tap_hidden {
    _Atomic int64_t from_ns, to_ns;
};

/* Of a caption that has been seen to be final. */
struct tap_known {
    uint64_t id;
    int64_t begin_ns;
    uint32_t version; /* 0: none here */
    bool translated;
    bool waits; /* there was no room in the queue yet */
    bool seen;  /* in this sample */
};

struct transcript_tap {
    struct transcript_tap *next;
    char topic[TRANSCRIPT_NAME_BYTES];
    const struct tap_hidden *hidden;
    int wake_fd;                   /* eventfd of the recorder */
    _Atomic int64_t kept_since_ns; /* speech from then on is kept; INT64_MAX: none. Loop writes,
                                      relaxed: a sample sooner or later is no matter */
    /* Single producer, single consumer: each writes its own (release) and reads the other's
     * (acquire). They count up; a place is their remainder. */
    _Atomic uint32_t head, tail; /* the recorder's, the publisher's */
    _Atomic uint64_t lost;       /* publisher writes */
    struct percept_caption queue[TAP_QUEUE];
    struct tap_known known[TAP_MEMORY]; /* publisher's alone */
    size_t last;                        /* that was forgotten for another */
};

/* Is it to be forgotten? Any thread. */
bool tap_is_hidden(const struct tap_hidden *hidden, const struct percept_caption *caption);

#endif
