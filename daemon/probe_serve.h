/* The other side of daemon/probe.h: what percept-probe does. */
#ifndef DAEMON_PROBE_SERVE_H
#define DAEMON_PROBE_SERVE_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

enum { PROBE_PATH_BYTES = 1024 };

/* On a SEQPACKET socket, each one record; the first comes with the descriptor to load. */
struct probe_request {
    uint32_t seconds;
    char path[PROBE_PATH_BYTES]; /* for messages; NUL-terminated */
};
struct probe_verdict {
    int32_t status; /* enum percept_status; what the loading ended with */
    char message[512];
};

/* Loads a model from a sealed file. It runs in a process of its own, which it may take down. */
typedef enum percept_status (*probe_load_fn)(int descriptor, const char *path,
                                             struct percept_error *error);

/* Answer requests until the other end is closed; false when the socket is none of that kind. */
bool probe_serve(int socket, probe_load_fn load);

#endif
