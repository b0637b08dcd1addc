/*
 * Why: what nobody has read may have descriptors in it. When the client has closed its own, the
 * kernel ends those files as the socket goes, and close(2) takes as long as that takes: a TCP
 * socket lingers for hours if it was told to, and a file of gigabytes has to be freed.
 *
 * Linux 6.16 refuses descriptors for us (ipc_wire_refuse_descriptors). Where it does not, sockets
 * are closed by a thread that has nothing else to do. A signal ends a socket's lingering, so what
 * is closed next interrupts what was closed before, and one at most is in its way.
 */
#include "ipc/hang_up.h"

#include "ipc/wire.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* guards what follows */
static pthread_cond_t more = PTHREAD_COND_INITIALIZER;
static int waiting[64];
static unsigned count;
static bool is_there;
static pthread_t closer;

static void on_signal(int number)
{
    (void)number;
}

static void *close_them(void *unused)
{
    pthread_mutex_lock(&mutex);
    for (;;) {
        while (count == 0)
            pthread_cond_wait(&more, &mutex);
        int fd = waiting[--count];
        pthread_mutex_unlock(&mutex);
        close(fd);
        pthread_mutex_lock(&mutex);
    }
    return unused;
}

/* With the mutex. Nobody else wants SIGURG, which is ignored unless it is asked for. */
static bool start(void)
{
    const struct sigaction action = {.sa_handler = on_signal};
    sigset_t all_others, before;
    if (is_there)
        return true;
    sigfillset(&all_others);
    sigdelset(&all_others, SIGURG);
    if (sigaction(SIGURG, &action, NULL) != 0)
        return false;
    pthread_sigmask(SIG_SETMASK, &all_others, &before);
    is_there = pthread_create(&closer, NULL, close_them, NULL) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (is_there)
        pthread_detach(closer);
    return is_there;
}

/* False when there is no thread, or no room. */
static bool hand_over(int fd)
{
    pthread_mutex_lock(&mutex);
    bool is_handed = start() && count < sizeof waiting / sizeof waiting[0];
    if (is_handed) {
        waiting[count++] = fd;
        pthread_cond_signal(&more);
        pthread_kill(closer, SIGURG);
    }
    pthread_mutex_unlock(&mutex);
    return is_handed;
}

void ipc_hang_up(int fd)
{
    shutdown(fd, SHUT_RDWR);
    if (ipc_wire_refuses_descriptors(fd) || !hand_over(fd))
        close(fd);
}
