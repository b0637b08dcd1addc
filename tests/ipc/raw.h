/* The control protocol by hand, for the things that libpercept would never do. */
#ifndef TESTS_IPC_RAW_H
#define TESTS_IPC_RAW_H

#include "ipc/wire.h"

#include "ipc/control.pb-c.h"

#include <stdbool.h>

#define RAW_PATIENCE_MS 50000 /* for what takes no time on a machine that is not overloaded */

/* A connected socket, not greeted. Blocking. */
int raw_connect(const char *path);
/* Send one packet as it is; false when the daemon has hung up. */
bool raw_send_bytes(int fd, const void *bytes, size_t size);
bool raw_send(int fd, Percept__Control__Request *request);
/* Wait for a reply; NULL when the daemon hung up. The packet has its descriptors. Free with
 * percept__control__reply__free_unpacked. */
Percept__Control__Reply *raw_receive(int fd, struct ipc_packet *packet);

/* Requests; each asserts the reply that is due. */
void raw_hello(int fd);
void raw_hello_version(int fd, uint32_t version);
/* Fills fds with ring, page and wake-up socket; returns the subscription. */
uint32_t raw_subscribe(int fd, const char *topic, int fds[3]);
void raw_unsubscribe(int fd, uint32_t subscription);
/* Without waiting for the reply. */
void raw_send_subscribe(int fd, const char *topic);
/* The status of the Error that comes; asserts that one does. */
int raw_expect_error(int fd, char *message, size_t size);
bool raw_hung_up(int fd);

/* Send a packet with what takes an hour to be closed by whoever closes it last, which is not us:
 * TCP sockets that linger. False when it may not be sent. */
bool raw_send_lingering(int fd, const struct ipc_packet *packet);

#endif
