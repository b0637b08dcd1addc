#include "daemon/notify.h"

#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

void daemon_notify(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = path ? strlen(path) : 0;
    if (length < 2 || length >= sizeof address.sun_path || (path[0] != '/' && path[0] != '@'))
        return;
    memcpy(address.sun_path, path, length);
    if (path[0] == '@') /* an abstract name: its first byte is zero and its length counts */
        address.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    /* A manager that has gone is no reason to stop. */
    (void)!sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&address, size);
    close(fd);
}

/* A variable that is a number in a range; else 0. */
static long number(const char *name, long most)
{
    const char *text = getenv(name);
    char *end;
    errno = 0;
    long value = text ? strtol(text, &end, 10) : 0;
    return text && *text && !*end && !errno && value > 0 && value <= most ? value : 0;
}

/* Is what the variables say meant for us? They are inherited. */
static bool is_ours(const char *pid_name)
{
    return number(pid_name, INT_MAX) == getpid();
}

int64_t daemon_watchdog_ns(void)
{
    long us = number("WATCHDOG_USEC", LONG_MAX / 1000);
    return getenv("WATCHDOG_PID") && !is_ours("WATCHDOG_PID") ? 0 : us * 1000;
}

bool daemon_activation_socket(int *fd)
{
    enum { FIRST = 3 };
    if (!is_ours("LISTEN_PID") || number("LISTEN_FDS", INT_MAX) != 1)
        return false;
    *fd = FIRST;
    return true;
}
