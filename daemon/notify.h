/*
 * Readiness for service managers: the protocol of sd_notify(3), which is one datagram, without its
 * library.
 */
#ifndef DAEMON_NOTIFY_H
#define DAEMON_NOTIFY_H

/* Send "READY=1" or the like to $NOTIFY_SOCKET; does nothing when it is not set or nobody listens.
 */
void daemon_notify(const char *state);

#endif
