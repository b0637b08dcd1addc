/*
 * Backends in processes of their own: what crashes, hangs or lies there is noticed here, and never
 * more than that. See docs/isolation.md.
 *
 * A proxy is a backend like any other (runtime/backend.h) that has all that is asked of it done by
 * a host, the program percept-host: it alone loads the wrapped backend and what that loads. The
 * host is started when something is first asked of it, and again in the background whenever it was
 * lost.
 */
#ifndef BACKENDS_ISOLATED_ISOLATED_H
#define BACKENDS_ISOLATED_ISOLATED_H

#include "base/status.h"
#include "runtime/backend.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { ISOLATED_MOST = 16 }; /* proxies of a process at once */

/*
 * A proxy of the backend that percept-host knows by that name, which is also the proxy's. Beside
 * the backend's own options it takes:
 *
 *   deadline_ms       2000   how long a run, or a question, may take
 *   load_deadline_ms  60000  how long it may take to start, and to take a model in
 *   backoff_ms        10     from the loss of a host to the start of the next one; doubles with
 * each backoff_most_ms   5000   up to this, and is what it was after ten seconds without a loss
 *
 * plugin: the file that has the backend, NULL: it is built in. It is opened here, and each host
 * loads what was opened. Neither the
 * host nor a thread is started before something is asked. LIMIT when there are too many.
 */
enum percept_status isolated_open(const char *name, const char *plugin,
                                  const struct prt_backend **proxy, struct percept_error *error);
/* After its models. Its host is gone when this returns. NULL is fine. */
void isolated_close(const struct prt_backend *proxy);

/* How hosts are lost. */
enum isolated_fault {
    ISOLATED_DIED,    /* it ended, or was killed */
    ISOLATED_HUNG,    /* no answer by the deadline */
    ISOLATED_GARBAGE, /* an answer that makes no sense */
    ISOLATED_FAILED,  /* a run failed, or it could not be started */
    ISOLATED_FAULTS
};
const char *isolated_fault_name(enum isolated_fault fault); /* "died" */

struct isolated_stats {
    const char *name;
    const char *state; /* "not started", "starting", "running", "lost", "absent" */
    pid_t pid;         /* of the host; 0 when there is none */
    uint64_t runs;     /* that were done there */
    uint64_t restarts; /* hosts that took the place of one that was lost */
    uint64_t faults[ISOLATED_FAULTS];
    char cause[256]; /* of the last loss; "" for none */
};

/* Any thread; false for a backend that is no proxy. */
bool isolated_stats(const struct prt_backend *proxy, struct isolated_stats *stats);

#endif
