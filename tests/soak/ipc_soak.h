/*
 * Attacks on the daemon through its socket, and what is looked at meanwhile: the daemon's figures,
 * and a bystander, a client that does all right and must not notice.
 */
#ifndef TESTS_SOAK_IPC_SOAK_H
#define TESTS_SOAK_IPC_SOAK_H

#include "ipc/percept.h"
#include "ipc/wire.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

#include "ipc/control.pb-c.h"

#define SOAK_TOPIC "frames"

/* ---- the bystander: a process that reads every sample in order ---- */

enum { BYSTANDER_MOST = 1 << 17 };

/* A series of latencies, publish to read. */
struct series {
    atomic_uint count;
    uint32_t ns[BYSTANDER_MOST];
};

enum bystander_mode { BYSTANDER_QUIET, BYSTANDER_ATTACKED, BYSTANDER_MODES, BYSTANDER_PAUSED };

/* In memory that both processes share. The bystander writes all but the mode. */
struct bystander {
    atomic_int mode;
    atomic_ullong samples, lost, torn;
    atomic_int descriptors; /* open, of its own */
    struct series series[BYSTANDER_MODES];
};

/* Ahead of whatever else the machine does, for who may (root): for it and for the daemon, in quiet
 * as under attack. */
void soak_come_first(void);
pid_t bystander_start(const char *socket, struct bystander *shared);
struct summary {
    double p99_us, most_us;
};
/* Sorts it. Zeros for less than 100 samples. */
struct summary bystander_sum_up(struct series *series);

/* ---- what is there ---- */

struct figures {
    int descriptors, memfds; /* open; mapped */
    long rss_kib;
};
struct figures figures_of(pid_t pid);
int figures_descriptors(pid_t pid);
/* Processor time of its first thread, which is the daemon's loop, ms. */
long figures_loop_ms(pid_t pid);

/* ---- the harness ---- */

struct soak {
    const char *program;
    char folder[64], config[96], socket[96], log[96];
    bool full;
    pid_t daemon, bystander;
    struct bystander *seen;
    unsigned failures;
};

void soak_fail(struct soak *soak, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool soak_start_daemon(struct soak *soak);
/* Who may do what; with quotas so high that what is attacked is the code behind them, or those that
 * there are by default. The daemon, if there is one, reads it again. */
bool soak_set_policy(struct soak *soak, bool no_quotas);
/* Wait until the bystander has seen so many more; false, and a failure, when it does not. */
bool soak_samples(struct soak *soak, unsigned long long more);

struct attack {
    const char *name;
    void (*run)(struct soak *soak, long count);
    long small, full;
    bool restarts; /* the daemon: then sequences begin again */
    bool stalls;   /* everybody: then latencies mean nothing */
    bool floods;   /* what quotas would hold back: latencies are told, but not judged */
    bool limits;   /* resources that a sanitizer takes for itself */
};
extern const struct attack attacks[]; /* the last has no name */

/* ---- the control protocol by hand; nothing here asserts, since a daemon may well refuse ---- */

int peer_connect(const char *socket);
/* Send a request and wait for its answer; NULL when there is none. Free with the packet reset. */
Percept__Control__Reply *peer_ask(int fd, Percept__Control__Request *request,
                                  struct ipc_packet *packet);
bool peer_hello(int fd);
/* fds: ring, page, wake-up socket. */
bool peer_subscribe(int fd, int fds[3]);
bool peer_query(int fd, const char *what, int *result);

#endif
