/*
 * The host of a proxy as its own process sees it: what is asked of it, and how it is kept alive.
 * Private to the backend.
 *
 * host.c: calls, which any thread makes; each waits for its own answer, and whoever of them is
 * first reads for all. supervise.c: one thread a proxy that starts the host, hears what it says on
 * standard error, notices that it is gone, reaps it, starts the next one after a pause and lets it
 * take in the segments that there are.
 */
#ifndef BACKENDS_ISOLATED_HOST_H
#define BACKENDS_ISOLATED_HOST_H

#include "backends/isolated/channel.h"
#include "backends/isolated/isolated.h"

#include <pthread.h>

struct prt_segment;

enum isolated_state {
    ISOLATED_IDLE, /* nobody has asked for it yet */
    ISOLATED_STARTING,
    ISOLATED_OPEN, /* it takes options, and nothing else was asked of it yet */
    ISOLATED_UP,
    ISOLATED_LOST,   /* the next one starts at next_start_ns */
    ISOLATED_ABSENT, /* it could not be started even once: for good */
};

/* A request from its sending to its answer. The caller's; zeroed first. */
struct isolated_call {
    struct isolated_call *next;
    uint32_t kind, sequence;
    int64_t patience_ns;
    int64_t since_ns; /* when it was sent, or the answer before it came */
    bool is_done;
    struct isolated_reply *reply; /* filled when it is done and OK */
    enum percept_status status;
    struct percept_error error; /* unless that is OK */
};

struct isolated_option {
    char key[64], value[256];
};

enum { ISOLATED_MOST_OPTIONS = 32 };

struct isolated_host {
    char name[64];
    int plugin;           /* the file that has the backend; -1: it is built in */
    pthread_t supervisor; /* once is_supervised */
    int wake;             /* eventfd: the supervisor has something to do */
    pthread_mutex_t lock; /* of all below, and of what segment.h says */
    pthread_cond_t changed;
    enum isolated_state state;
    bool is_supervised;
    bool is_wanted, is_needed; /* somebody has an option for it; asks it something else */
    bool is_closing, was_up;
    uint64_t generation; /* how many were started */
    /* Of the one that runs, -1 for none; the supervisor alone opens and closes them. */
    int socket, ended, standard_error;
    pid_t pid;
    uint32_t sequence;
    struct isolated_call *first; /* those that wait, in the order of their answers */
    bool is_reading;             /* one of them reads */
    struct prt_segment *segments;
    int64_t deadline_ns, load_deadline_ns, backoff_least_ns, backoff_most_ns;
    int64_t backoff_ns, next_start_ns, up_since_ns;
    struct isolated_option options[ISOLATED_MOST_OPTIONS]; /* of the wrapped backend */
    unsigned option_count;
    char absent[ISOLATED_TEXT_BYTES];   /* why; once ABSENT */
    char about[3][ISOLATED_TEXT_BYTES]; /* code, release, device; written once, before it is UP */
    uint64_t runs, restarts, faults[ISOLATED_FAULTS];
    char cause[256];
};

/* plugin: see isolated_open. */
enum percept_status isolated_host_create(const char *name, const char *plugin,
                                         struct isolated_host **host, struct percept_error *error);
void isolated_host_destroy(struct isolated_host *host); /* without segments; NULL is fine */

/* Under the lock: start it if it never was, and wait for that; for one that is being started again
 * no more than a second. OK when it is UP; NOT_FOUND when it is ABSENT. */
enum percept_status isolated_host_need(struct isolated_host *host, struct percept_error *error);

/* Not under it: an option of the wrapped backend, which each host will be told. Before anything
 * else is asked. What the backend does not take is INVALID. */
enum percept_status isolated_host_set(struct isolated_host *host, const char *key,
                                      const char *value, struct percept_error *error);

/* Under the lock: send a request with descriptors, in a state that allows for it. */
enum percept_status isolated_call_begin(struct isolated_host *host, struct isolated_call *call,
                                        struct isolated_request *request, const int *fds,
                                        unsigned count, struct percept_error *error);
/* Not under it: wait for the answer. What the host says is wrong is UNSUPPORTED. */
enum percept_status isolated_call_end(struct isolated_host *host, struct isolated_call *call,
                                      struct percept_error *error);
/* Both, not under the lock. While it is STARTING only its supervisor may ask. */
enum percept_status isolated_host_ask(struct isolated_host *host, struct isolated_request *request,
                                      const int *fds, unsigned count, struct isolated_reply *reply,
                                      struct percept_error *error);

/* Under the lock: whatever the host says from now on, nobody listens. It is killed, all calls are
 * done with that status, and the supervisor has the rest to do. */
void isolated_host_lose(struct isolated_host *host, enum isolated_fault fault,
                        enum percept_status status, const char *cause);

void isolated_host_wake(struct isolated_host *host);

/* supervise.c */
void *isolated_supervise(void *host);

/* segment.c: let a host that has just been started, or has not been told of it, take a segment in.
 * From the supervisor, under the lock, which it lets go meanwhile. False: there is none left. */
bool isolated_load_next(struct isolated_host *host);

#endif
