/* Why: see child.h. Who starts a program that may be killed at any time has to leave no zombie and
 * no descriptor, in one place. */
#include "base/child.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

bool base_child_find(const char *name, const char *variable, char path[PATH_MAX])
{
    const char *named = getenv(variable);
    if (named) {
        snprintf(path, PATH_MAX, "%s", named);
        return access(path, X_OK) == 0;
    }
    ssize_t length = readlink("/proc/self/exe", path, PATH_MAX - 1);
    path[length > 0 ? length : 0] = '\0';
    char *last = strrchr(path, '/');
    size_t room = last ? (size_t)(path + PATH_MAX - ++last) : 0;
    if (strlen(name) >= room)
        return false;
    memcpy(last, name, strlen(name) + 1);
    return access(path, X_OK) == 0;
}

/* ---- starting ---- */

static int set_attributes(posix_spawnattr_t *attributes)
{
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    int cause = posix_spawnattr_setflags(
        attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
    if (!cause)
        cause = posix_spawnattr_setsigmask(attributes, &none);
    return cause ? cause : posix_spawnattr_setsigdefault(attributes, &all);
}

static int set_descriptors(posix_spawn_file_actions_t *actions,
                           const struct base_child_start *start, const int *fds, int standard_error)
{
    const int first = start->is_filter ? STDIN_FILENO : BASE_CHILD_FD;
    const int more = start->is_filter ? 0 : (int)start->fd_count; /* than the standard ones */
    int cause = 0;
    for (unsigned i = 0; i < start->fd_count && !cause; i++)
        cause = posix_spawn_file_actions_adddup2(actions, fds[i], first + (int)i);
    if (!cause && standard_error >= 0)
        cause = posix_spawn_file_actions_adddup2(actions, standard_error, STDERR_FILENO);
    return cause ? cause : posix_spawn_file_actions_addclosefrom_np(actions, BASE_CHILD_FD + more);
}

static int spawn(const struct base_child_start *start, const int *fds, int standard_error,
                 pid_t *pid)
{
    extern char **environ;
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    int cause = set_descriptors(&actions, start, fds, standard_error);
    if (!cause)
        cause = set_attributes(&attributes);
    if (!cause)
        cause = posix_spawn(pid, start->path, &actions, &attributes, start->argv, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return cause;
}

static atomic_bool any; /* set once, never taken back */

bool base_child_any(void)
{
    return atomic_load(&any);
}

int base_child_start(const struct base_child_start *start, pid_t *pid)
{
    if (!start->is_early)
        atomic_store(&any, true);
    /* Above the numbers that the child knows them by, or one would be closed by another. */
    const int least = BASE_CHILD_FD + BASE_CHILD_MOST_FDS;
    int moved[BASE_CHILD_MOST_FDS + 1], cause = 0;
    unsigned count = start->fd_count;
    for (unsigned i = 0; i <= count; i++) {
        int fd = i < count ? start->fds[i] : start->standard_error;
        moved[i] = cause || fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, least);
        if (!cause && moved[i] < 0 && (i < count || fd >= 0))
            cause = errno;
    }
    if (!cause)
        cause = spawn(start, moved, moved[count], pid);
    for (unsigned i = 0; i <= count; i++)
        if (moved[i] >= 0)
            close(moved[i]);
    return cause;
}

int base_child_memory(const char *name, size_t bytes)
{
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return -1;
    if (ftruncate(fd, (off_t)bytes) < 0 ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0) {
        int cause = errno;
        close(fd);
        errno = cause;
        return -1;
    }
    return fd;
}

/* ---- waiting ---- */

bool base_child_wait(int fd, int64_t deadline_ns)
{
    struct pollfd end = {.fd = fd, .events = POLLIN};
    for (;;) {
        int64_t left = deadline_ns == INT64_MAX ? 0 : deadline_ns - base_clock_ns();
        left = left < 0 ? 0 : left;
        struct timespec wait = {.tv_sec = (time_t)(left / BASE_NS_PER_S),
                                .tv_nsec = (long)(left % BASE_NS_PER_S)};
        int ready = ppoll(&end, 1, deadline_ns == INT64_MAX ? NULL : &wait, NULL);
        if (ready > 0)
            return true;
        if (ready < 0 && errno != EINTR)
            return true; /* whoever reads it is told why */
        if (ready == 0 && left == 0)
            return false;
    }
}

int base_child_end(pid_t pid, int64_t patience_ns)
{
    int status = 0;
    int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    bool ended = pidfd >= 0 && base_child_wait(pidfd, base_clock_ns() + patience_ns);
    if (!ended)
        kill(pid, SIGKILL);
    kill(-pid, SIGKILL); /* whom it left behind; its own number is not free before it is reaped */
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (pidfd >= 0)
        close(pidfd);
    return status;
}
