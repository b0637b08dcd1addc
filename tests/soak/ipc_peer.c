#include "ipc_soak.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { PATIENCE_MS = 30000 };

int peer_connect(const char *socket_path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strncpy(address.sun_path, socket_path, sizeof address.sun_path - 1);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

Percept__Control__Reply *peer_ask(int fd, Percept__Control__Request *request,
                                  struct ipc_packet *packet)
{
    uint8_t bytes[IPC_PACKET_MAX];
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    request->id = 1;
    packet->size = packet->fd_count = 0;
    size_t size = percept__control__request__pack(request, bytes);
    if (send(fd, bytes, size, MSG_NOSIGNAL) < 0 || poll(&wait, 1, PATIENCE_MS) != 1 ||
        ipc_wire_receive(fd, packet) != PERCEPT_OK)
        return NULL;
    return percept__control__reply__unpack(NULL, packet->size, packet->bytes);
}

/* Is that the kind of answer? */
static bool is_answered(int fd, Percept__Control__Request *request, struct ipc_packet *packet,
                        Percept__Control__Reply__BodyCase expected)
{
    Percept__Control__Reply *reply = peer_ask(fd, request, packet);
    bool is_so = reply && reply->body_case == expected;
    if (reply)
        percept__control__reply__free_unpacked(reply, NULL);
    if (!is_so)
        ipc_packet_reset(packet);
    return is_so;
}

bool peer_hello(int fd)
{
    struct ipc_packet packet;
    Percept__Control__Request request = PERCEPT__CONTROL__REQUEST__INIT;
    Percept__Control__Hello hello = PERCEPT__CONTROL__HELLO__INIT;
    hello.version_max = IPC_PROTOCOL_MAX;
    request.body_case = PERCEPT__CONTROL__REQUEST__BODY_HELLO;
    request.hello = &hello;
    return is_answered(fd, &request, &packet, PERCEPT__CONTROL__REPLY__BODY_WELCOME);
}

bool peer_subscribe(int fd, int fds[3])
{
    struct ipc_packet packet;
    Percept__Control__Request request = PERCEPT__CONTROL__REQUEST__INIT;
    Percept__Control__Subscribe subscribe = PERCEPT__CONTROL__SUBSCRIBE__INIT;
    subscribe.topic = SOAK_TOPIC;
    subscribe.wake = true;
    request.body_case = PERCEPT__CONTROL__REQUEST__BODY_SUBSCRIBE;
    request.subscribe = &subscribe;
    if (!is_answered(fd, &request, &packet, PERCEPT__CONTROL__REPLY__BODY_SUBSCRIBED))
        return false;
    for (unsigned i = 0; i < 3; i++)
        fds[i] = ipc_packet_take_fd(&packet, i);
    return fds[2] >= 0;
}

bool peer_query(int fd, const char *what, int *result)
{
    struct ipc_packet packet;
    Percept__Control__Request request = PERCEPT__CONTROL__REQUEST__INIT;
    Percept__Control__Query query = PERCEPT__CONTROL__QUERY__INIT;
    query.what = (char *)what;
    request.body_case = PERCEPT__CONTROL__REQUEST__BODY_QUERY;
    request.query = &query;
    if (!is_answered(fd, &request, &packet, PERCEPT__CONTROL__REPLY__BODY_RESULT))
        return false;
    *result = ipc_packet_take_fd(&packet, 0);
    return *result >= 0;
}
