/*
 * libpercept: read what Percept sees. Three calls to the first sample:
 *
 *     struct percept_client *client;
 *     struct percept_subscription *hands;
 *     struct percept_sample sample;
 *     percept_connect(NULL, &client, &error);
 *     percept_subscribe(client, "hands", NULL, &hands, &error);
 *     while (percept_next(hands, -1, &sample, &error) == PERCEPT_OK)
 *         use((const struct percept_hands *)sample.data);
 *
 * Samples are read in place, from shared memory that the client can't write. A slot that a
 * subscription holds isn't overwritten; a client that dies or hangs holds nobody up. Payload
 * layouts: ipc/topics.h.
 *
 * Threads: a client, its subscriptions and what it pushes belong to one thread at a time; use one
 * client a thread.
 * The library starts no threads, installs no signal handlers and never prints.
 */
#ifndef IPC_PERCEPT_H
#define IPC_PERCEPT_H

#include "base/status.h"
#include "ipc/topics.h"

#include <stddef.h>
#include <stdint.h>

struct percept_client;
struct percept_subscription;

struct percept_sample {
    const void *data;   /* read-only, 64-byte aligned; valid until the next percept_next or
                           percept_release of the subscription */
    size_t size;        /* bytes */
    uint64_t sequence;  /* of the topic, from 1 */
    int64_t capture_ns; /* when the sensor captured what this is about */
    int64_t publish_ns; /* when the daemon published it */
    uint64_t lost;      /* published since the previous one, but gone before we got to them */
    uint64_t reserved[2];
};

/*
 * Connect to a daemon. socket_path NULL: $PERCEPT_SOCKET, else $XDG_RUNTIME_DIR/percept.sock, else
 * /run/percept/percept.sock. NOT_FOUND or DISCONNECTED when no daemon listens, VERSION when it
 * speaks another protocol.
 */
enum percept_status percept_connect(const char *socket_path, struct percept_client **client,
                                    struct percept_error *error);
/* Frees the subscriptions, too. NULL is fine. */
void percept_disconnect(struct percept_client *client);

/* Called from within other functions of the client, of a subscription or a push, when the daemon
 * has gone (connected is 0) and when it is back and has answered all subscriptions and pushes (1).
 * Do not free the client, a subscription or a push in it. */
typedef void (*percept_connection_fn)(void *context, int connected);
void percept_on_connection(struct percept_client *client, percept_connection_fn callback,
                           void *context);

/*
 * Called from within percept_next and other functions of the client when the daemon ends a
 * subscription by itself: PERMISSION, because what it was granted has been revoked or is over. From
 * then on percept_next fails with that status. Do not free the client or a subscription in it.
 */
typedef void (*percept_ended_fn)(void *context, struct percept_subscription *subscription,
                                 const struct percept_error *why);
void percept_on_ended(struct percept_client *client, percept_ended_fn callback, void *context);

enum percept_reading {
    PERCEPT_READ_LATEST, /* skip to the newest sample: for anything live */
    PERCEPT_READ_QUEUE,  /* every sample in order, first those that were published before */
};

struct percept_subscribe_options {
    enum percept_reading reading;
    const char *schema; /* refuse a topic of another schema (VERSION); NULL: any */
    /* QUEUE: begin with the newest so many samples, and never be further behind than that: older
     * ones are skipped and count as lost. 0: as many as the ring has. */
    uint32_t depth;
    /* So long percept_next looks for a sample again and again before it sleeps. That takes a
     * processor, and spares a sample that comes soon the wake-up. Microseconds, at most
     * PERCEPT_SPIN_MAX_US (INVALID); 0: sleep at once. */
    uint32_t spin_us;
    uint64_t reserved[3]; /* zero */
};
#define PERCEPT_SPIN_MAX_US 100000

/* NOT_FOUND: no such topic; PERMISSION; LIMIT. options NULL: latest, any schema. */
enum percept_status percept_subscribe(struct percept_client *client, const char *topic,
                                      const struct percept_subscribe_options *options,
                                      struct percept_subscription **subscription,
                                      struct percept_error *error);
void percept_unsubscribe(struct percept_subscription *subscription); /* NULL is fine */

/*
 * Wait for the next sample and hold it; the one held before is released. timeout_ns < 0 waits for
 * ever, 0 polls. TIMED_OUT; END when the daemon closed the topic for good (its source has ended).
 * While the daemon is away this waits for it and resumes; sequence numbers start again then. A
 * daemon that comes back without the topic, or with another schema or protocol, is an error:
 * NOT_FOUND, VERSION. PERMISSION when the subscription is not permitted any more; when it is again,
 * subscribe again.
 */
enum percept_status percept_next(struct percept_subscription *subscription, int64_t timeout_ns,
                                 struct percept_sample *sample, struct percept_error *error);
/* Give the held sample back early. */
void percept_release(struct percept_subscription *subscription);

/*
 * For languages in which a view of a sample lives until nobody refers to it: keep the memory that
 * the newest sample is in mapped, though the subscription moves to other memory or is freed. It
 * keeps the memory, not the sample: once that is released, what can be read there is anything.
 * *start and *bytes: all of the memory, which is read-only. NULL before the first sample.
 */
struct percept_memory;
struct percept_memory *percept_memory_keep(struct percept_subscription *subscription,
                                           const void **start, size_t *bytes);
/* Any thread; NULL is fine. */
void percept_memory_release(struct percept_memory *memory);

/*
 * For poll loops: a descriptor that becomes readable when percept_next(subscription, 0, ...) may
 * have something to say. Clear it by calling percept_next until TIMED_OUT. It stays the same across
 * reconnects. Owned by the subscription. Made at the first call, which asks the daemon for a
 * wake-up socket; -1 when out of descriptors.
 */
int percept_subscription_fd(struct percept_subscription *subscription);

/* ---- permissions: docs/permissions.md ---- */

struct percept_grant {
    const char *what;       /* a topic or a class of topics */
    int64_t uid;            /* of whom; -1: of anybody who runs the executable */
    const char *executable; /* absolute path; NULL or "": any */
    uint64_t seconds;       /* 0: until it is revoked */
    uint64_t reserved[4];   /* zero */
};
/* Let somebody read. PERMISSION: the caller is no administrator; INVALID; LIMIT; VERSION: the
 * daemon is too old to have grants. */
enum percept_status percept_grant(struct percept_client *client, const struct percept_grant *grant,
                                  struct percept_error *error);
/* End every grant that fits; what NULL: of whatever; uid -1: to whomever; executable NULL: to
 * whatever. PERMISSION; NOT_FOUND when none fits; VERSION. */
enum percept_status percept_revoke(struct percept_client *client, const struct percept_grant *grant,
                                   struct percept_error *error);

/* ---- the transcript: docs/transcript.md ---- */

/* Which lines; they must meet every condition that is given. Zeros: all that we may read. */
struct percept_history {
    const char *topic;      /* NULL or "": all that we may read */
    const char *search;     /* has all of these words; NULL or "": any */
    int64_t from_ns, to_ns; /* ended after, began before; CLOCK_REALTIME, 0: any */
    uint64_t after, before; /* ids of lines, both exclusive; 0: any */
    uint32_t limit;         /* 0: as many as the daemon gives at once */
    uint32_t newest;        /* 1: the last ones that fit instead of the first */
    uint64_t reserved[4];   /* zero */
};
/*
 * A page of what was said, as JSON: malloc'ed, free it. "lines" are in order; when "more" is true,
 * ask again with `after` set to the id of the last of them (newest: `before` to that of the first).
 * PERMISSION; NOT_FOUND: no transcript is kept; INVALID; VERSION: the daemon is too old to have
 * one.
 */
enum percept_status percept_history(struct percept_client *client,
                                    const struct percept_history *history, char **json,
                                    struct percept_error *error);

#define PERCEPT_FORGET_ALL UINT64_MAX
/* Erase what was said in the last so many seconds, for good; *lines (may be NULL) is how many lines
 * that were. Returns when it is done. PERMISSION: the caller is no administrator; INVALID; VERSION.
 */
enum percept_status percept_forget(struct percept_client *client, uint64_t seconds, uint64_t *lines,
                                   struct percept_error *error);

/* ---- pushing sound: docs/captions.md ---- */

/* What is pushed: frames of `channels` samples side by side. */
struct percept_sound {
    uint32_t rate;        /* frames a second, 8000 to 192000 */
    uint32_t channels;    /* 1 to 8 */
    uint32_t dtype;       /* PERCEPT_INT16, or PERCEPT_FLOAT32: -1 to 1 */
    uint32_t reserved_32; /* zero */
    uint64_t reserved[4]; /* zero */
};

struct percept_push;

/*
 * Be what a pipeline with a source `audio_stream` hears. PERMISSION: nobody may who was not granted
 * to; NOT_FOUND: no such pipeline, or it has another source; BUSY: somebody else pushes to it, or
 * it rests, for privacy or because nobody subscribes, or the daemon is still starting (its status
 * says so); INVALID; LIMIT; VERSION: the daemon is too old.
 */
enum percept_status percept_push_open(struct percept_client *client, const char *pipeline,
                                      const struct percept_sound *sound, struct percept_push **push,
                                      struct percept_error *error);
/*
 * The next `count` frames, as they are spoken: what is pushed much faster waits, and then so does
 * the caller, at most timeout_ns (< 0: for ever; 0: not at all). capture_ns is when the first of
 * them was captured, CLOCK_MONOTONIC, not more than ten seconds ago; 0: just now. *pushed (may be
 * NULL) becomes how many were, in any case.
 *
 * TIMED_OUT: no room for the rest; push it again, or leave it out (percept_push_skip). Any other
 * failure ends it, and says why: PERMISSION when it was revoked, BUSY when the pipeline rests. Then
 * open another.
 *
 * While the daemon is away, or the pipeline is, this waits for it and resumes; then the pipeline
 * hears it as from the beginning, and not what the one before had not heard yet. So long as that is
 * BUSY this waits, too (TIMED_OUT says why); a daemon that comes back without the pipeline, that
 * does not permit it or speaks another protocol is an error: NOT_FOUND, PERMISSION, VERSION. After
 * percept_disconnect it is DISCONNECTED instead.
 */
enum percept_status percept_push(struct percept_push *push, const void *frames, size_t count,
                                 int64_t capture_ns, int64_t timeout_ns, size_t *pushed,
                                 struct percept_error *error);
/* So many frames were captured, but are left out: the daemon shall know that something is missing.
 */
void percept_push_skip(struct percept_push *push, uint64_t count);
/* For poll loops: writable when there is room for more. Owned by the push. -1 while the daemon is
 * away, and another one when it is back: see percept_on_connection. */
int percept_push_fd(const struct percept_push *push);
/* That was all; what has been pushed is heard to its end. Before percept_disconnect, which ends it
 * in mid-sentence. NULL is fine. */
void percept_push_close(struct percept_push *push);

/* The daemon's state as JSON (docs/status.md); malloc'ed, free it. "reload" waits for the models
 * that are loaded. */
enum percept_status percept_query(struct percept_client *client, const char *what, char **json,
                                  struct percept_error *error);

#endif
