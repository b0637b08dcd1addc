/* The plain way: the payload itself goes through a Unix stream socket, copied in and out. */
#include "transport.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static int pair[2];
static size_t payload;
static char *buffer;

static bool open_publisher(size_t bytes)
{
    payload = bytes;
    buffer = malloc(bytes);
    if (buffer && socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0)
        return true;
    perror("socketpair");
    return false;
}

static bool subscribe(size_t bytes)
{
    (void)bytes;
    close(pair[0]);
    return true;
}

static void *loan(void)
{
    return buffer;
}

static void publish(void)
{
    for (size_t done = 0; done < payload;) {
        ssize_t n = send(pair[0], buffer + done, payload - done, MSG_NOSIGNAL);
        if (n <= 0)
            return;
        done += (size_t)n;
    }
}

static const void *receive(void)
{
    return recv(pair[1], buffer, payload, MSG_WAITALL) == (ssize_t)payload ? buffer : NULL;
}

static void close_publisher(void)
{
    close(pair[0]);
    close(pair[1]);
    free(buffer);
}

const struct transport transport_socket = {"socket", open_publisher, subscribe,      loan,
                                           publish,  receive,        close_publisher};
