#include "raw.h"

#include <check.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

int raw_connect(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strncpy(address.sun_path, path, sizeof address.sun_path - 1);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

bool raw_send_bytes(int fd, const void *bytes, size_t size)
{
    return send(fd, bytes, size, MSG_NOSIGNAL) >= 0;
}

bool raw_send(int fd, Percept__Control__Request *request)
{
    uint8_t bytes[IPC_PACKET_MAX];
    if (request->id == 0)
        request->id = 1;
    return raw_send_bytes(fd, bytes, percept__control__request__pack(request, bytes));
}

Percept__Control__Reply *raw_receive(int fd, struct ipc_packet *packet)
{
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    packet->size = packet->fd_count = 0;
    ck_assert_int_eq(poll(&wait, 1, RAW_PATIENCE_MS), 1);
    if (ipc_wire_receive(fd, packet) != PERCEPT_OK)
        return NULL;
    return percept__control__reply__unpack(NULL, packet->size, packet->bytes);
}

void raw_hello(int fd)
{
    raw_hello_version(fd, IPC_PROTOCOL_MAX);
}

void raw_hello_version(int fd, uint32_t version)
{
    struct ipc_packet packet;
    Percept__Control__Request request = PERCEPT__CONTROL__REQUEST__INIT;
    Percept__Control__Hello hello = PERCEPT__CONTROL__HELLO__INIT;
    hello.version_max = version;
    request.body_case = PERCEPT__CONTROL__REQUEST__BODY_HELLO;
    request.hello = &hello;
    ck_assert(raw_send(fd, &request));
    Percept__Control__Reply *reply = raw_receive(fd, &packet);
    ck_assert_ptr_nonnull(reply);
    ck_assert_int_eq(reply->body_case, PERCEPT__CONTROL__REPLY__BODY_WELCOME);
    ck_assert_uint_eq(reply->welcome->version, version);
    percept__control__reply__free_unpacked(reply, NULL);
}

void raw_send_subscribe(int fd, const char *topic)
{
    Percept__Control__Request request = PERCEPT__CONTROL__REQUEST__INIT;
    Percept__Control__Subscribe subscribe = PERCEPT__CONTROL__SUBSCRIBE__INIT;
    subscribe.topic = (char *)topic;
    subscribe.wake = 1;
    request.body_case = PERCEPT__CONTROL__REQUEST__BODY_SUBSCRIBE;
    request.subscribe = &subscribe;
    ck_assert(raw_send(fd, &request));
}

uint32_t raw_subscribe(int fd, const char *topic, int fds[3])
{
    struct ipc_packet packet;
    raw_send_subscribe(fd, topic);
    Percept__Control__Reply *reply = raw_receive(fd, &packet);
    ck_assert_ptr_nonnull(reply);
    ck_assert_int_eq(reply->body_case, PERCEPT__CONTROL__REPLY__BODY_SUBSCRIBED);
    ck_assert_uint_eq(packet.fd_count, 3);
    memcpy(fds, packet.fds, sizeof packet.fds);
    uint32_t id = reply->subscribed->subscription;
    percept__control__reply__free_unpacked(reply, NULL);
    return id;
}

/* What it has to say, nobody reads. */
static int open_lingering(void)
{
    static char bytes[65536];
    const struct linger hour = {.l_onoff = 1, .l_linger = 3600};
    const int small = 4096;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(listen(listener, 1), 0);
    ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&address, &size), 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    int reader = accept4(listener, NULL, NULL, SOCK_CLOEXEC); /* stays open, until the test ends */
    ck_assert_int_ge(reader, 0);
    while (send(fd, bytes, sizeof bytes, MSG_DONTWAIT) > 0)
        ;
    ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_LINGER, &hour, sizeof hour), 0);
    close(listener);
    return fd;
}

/* By a child, once it alone has them: as it ends, nothing lingers. */
bool raw_send_lingering(int fd, const struct ipc_packet *packet)
{
    struct ipc_packet lingering = *packet;
    int ours_closed[2], status;
    char byte;
    for (lingering.fd_count = 0; lingering.fd_count < IPC_FDS_MAX; lingering.fd_count++)
        lingering.fds[lingering.fd_count] = open_lingering();
    ck_assert_int_eq(pipe(ours_closed), 0);
    pid_t sender = fork();
    ck_assert_int_ge(sender, 0);
    if (sender == 0) {
        close(ours_closed[1]);
        _exit(read(ours_closed[0], &byte, 1) == 0 && ipc_wire_send(fd, &lingering) == PERCEPT_OK);
    }
    ipc_packet_reset(&lingering);
    close(ours_closed[0]);
    close(ours_closed[1]);
    ck_assert_int_eq(waitpid(sender, &status, 0), sender);
    return WIFEXITED(status) && WEXITSTATUS(status) == 1;
}

void raw_unsubscribe(int fd, uint32_t subscription)
{
    struct ipc_packet packet;
    Percept__Control__Request request = PERCEPT__CONTROL__REQUEST__INIT;
    Percept__Control__Unsubscribe unsubscribe = PERCEPT__CONTROL__UNSUBSCRIBE__INIT;
    unsubscribe.subscription = subscription;
    request.body_case = PERCEPT__CONTROL__REQUEST__BODY_UNSUBSCRIBE;
    request.unsubscribe = &unsubscribe;
    ck_assert(raw_send(fd, &request));
    Percept__Control__Reply *reply = raw_receive(fd, &packet);
    ck_assert_ptr_nonnull(reply);
    ck_assert_int_eq(reply->body_case, PERCEPT__CONTROL__REPLY__BODY_DONE);
    percept__control__reply__free_unpacked(reply, NULL);
}

int raw_expect_error(int fd, char *message, size_t size)
{
    struct ipc_packet packet;
    Percept__Control__Reply *reply = raw_receive(fd, &packet);
    ck_assert_ptr_nonnull(reply);
    ck_assert_int_eq(reply->body_case, PERCEPT__CONTROL__REPLY__BODY_ERROR);
    int status = reply->error->status;
    if (message)
        snprintf(message, size, "%s", reply->error->message);
    percept__control__reply__free_unpacked(reply, NULL);
    return status;
}

bool raw_hung_up(int fd)
{
    struct ipc_packet packet;
    return raw_receive(fd, &packet) == NULL;
}
