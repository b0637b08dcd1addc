/*
 * What a service manager and the daemon tell each other: the protocols of sd_notify(3),
 * sd_watchdog_enabled(3) and sd_listen_fds(3), which are a datagram and some environment variables,
 * without their library.
 */
#ifndef DAEMON_NOTIFY_H
#define DAEMON_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

/* Send "READY=1" or the like to $NOTIFY_SOCKET; does nothing when it is not set or nobody listens.
 */
void daemon_notify(const char *state);

/* How often "WATCHDOG=1" must come, at least; 0: nobody waits for it. */
int64_t daemon_watchdog_ns(void);

/* The socket that clients connect to, when the manager has it: true, and its descriptor. */
bool daemon_activation_socket(int *fd);

#endif
