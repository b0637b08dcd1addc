/* What happens to the daemon and to clients: limits reached, clocks moved, stopped, killed. */
#include "ipc_attacks.h"

#include "base/clock.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { AT_ONCE = 16, READERS = 8 };

/* ---- limits ---- */

/* Set the daemon's own soft limit; returns what it was. */
static rlim_t limit_daemon(const struct soak *soak, int resource, rlim_t most)
{
    struct rlimit before = {.rlim_cur = RLIM_INFINITY};
    (void)prlimit(soak->daemon, (__rlimit_resource_t)resource, NULL, &before);
    const struct rlimit after = {.rlim_cur = most, .rlim_max = before.rlim_max};
    if (prlimit(soak->daemon, (__rlimit_resource_t)resource, &after, NULL) != 0)
        return RLIM_INFINITY;
    return before.rlim_cur;
}

static bool can_subscribe(int fd)
{
    int fds[3];
    bool is_so = peer_subscribe(fd, fds);
    for (int i = 0; i < 3 && is_so; i++)
        close(fds[i]);
    return is_so;
}

static bool can_query(int fd)
{
    int result;
    bool is_so = peer_query(fd, "clients", &result);
    if (is_so)
        close(result);
    return is_so;
}

void run_out_of_descriptors(struct soak *soak, long count)
{
    for (long round = 0; round < count; round++) {
        int fds[AT_ONCE];
        rlim_t before =
            limit_daemon(soak, RLIMIT_NOFILE, (rlim_t)figures_descriptors(soak->daemon));
        long spent = figures_loop_ms(soak->daemon);
        int64_t start = base_clock_ns();
        for (int i = 0; i < AT_ONCE; i++)
            fds[i] = peer_connect(soak->socket); /* into the backlog */
        poll(NULL, 0, 500);
        spent = figures_loop_ms(soak->daemon) - spent;
        int64_t took = (base_clock_ns() - start) / BASE_NS_PER_MS;
        /* A loop that is woken at once again would spend all of it. */
        if (spent > took / 4)
            soak_fail(soak, "out of descriptors it spent %ld ms of %lld", spent, (long long)took);
        (void)limit_daemon(soak, RLIMIT_NOFILE, before);
        for (int i = 0; i < AT_ONCE; i++) {
            if (!peer_hello(fds[i]))
                soak_fail(soak, "a client that waited for descriptors was not served");
            close(fds[i]);
        }
    }
}

/* Requests that need what there is none of: each is refused, and the connection goes on. */
static void ask_in_vain(struct soak *soak, int resource, rlim_t most, const char *what)
{
    int fd = peer_connect(soak->socket);
    if (fd < 0 || !peer_hello(fd)) {
        soak_fail(soak, "%s: no connection", what);
        return;
    }
    rlim_t before = limit_daemon(soak, resource, most);
    unsigned got = 0;
    for (int i = 0; i < AT_ONCE; i++)
        got += (unsigned)can_subscribe(fd) + (unsigned)can_query(fd);
    (void)limit_daemon(soak, resource, before);
    if (got == 2 * AT_ONCE)
        soak_fail(soak, "%s: nothing was refused, so nothing was tried", what);
    if (!can_query(fd) || !can_subscribe(fd))
        soak_fail(soak, "%s: it does not recover", what);
    close(fd);
}

/* No memfd can have a size. */
void run_out_of_files(struct soak *soak, long count)
{
    for (long round = 0; round < count; round++)
        ask_in_vain(soak, RLIMIT_FSIZE, 0, "no room for shared memory");
}

/* No mapping can be made, and the heap cannot grow. */
void run_out_of_memory(struct soak *soak, long count)
{
    for (long round = 0; round < count; round++)
        ask_in_vain(soak, RLIMIT_AS, 1 << 20, "no memory");
}

/* ---- clocks ---- */

/* In a time name space of its own CLOCK_MONOTONIC is days from the daemon's, so every sample is
 * from the past or the future. */
static void read_with_clock(const char *socket, const char *offset, long count)
{
    int file = unshare(CLONE_NEWTIME) == 0 ? open("/proc/self/timens_offsets", O_WRONLY) : -1;
    char text[64];
    int length = snprintf(text, sizeof text, "monotonic %s 0\nboottime %s 0\n", offset, offset);
    if (file < 0 || write(file, text, (size_t)length) != length) {
        fprintf(stderr, "no clock is moved: that is for root\n");
        _exit(0);
    }
    close(file);
    pid_t pid = fork(); /* who is in it are the children */
    if (pid > 0) {
        int status;
        waitpid(pid, &status, 0);
        _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
    }
    struct percept_client *client;
    struct percept_subscription *subscription;
    struct percept_sample sample;
    struct percept_error error;
    if (percept_connect(socket, &client, &error) != PERCEPT_OK ||
        percept_subscribe(client, SOAK_TOPIC, NULL, &subscription, &error) != PERCEPT_OK)
        _exit(2);
    for (long i = 0; i < count; i++)
        if (percept_next(subscription, -1, &sample, &error) != PERCEPT_OK)
            _exit(3);
    percept_disconnect(client);
    _exit(0);
}

void jump_clocks(struct soak *soak, long count)
{
    static const char *const offsets[] = {"864000", "0", "31536000"};
    for (size_t i = 0; i < sizeof offsets / sizeof offsets[0]; i++) {
        pid_t pid = attacker();
        if (pid == 0)
            read_with_clock(soak->socket, offsets[i], count);
        attacker_join(soak, pid);
    }
}

/* ---- stopped ---- */

/* Readers that say how far they are. */
struct readers {
    pid_t pids[READERS];
    atomic_ullong *samples; /* shared; one each */
};

static void read_for_ever(const char *socket, atomic_ullong *samples)
{
    struct percept_client *client;
    struct percept_subscription *subscription;
    struct percept_sample sample;
    struct percept_error error;
    if (percept_connect(socket, &client, &error) == PERCEPT_OK &&
        percept_subscribe(client, SOAK_TOPIC, NULL, &subscription, &error) == PERCEPT_OK)
        while (percept_next(subscription, -1, &sample, &error) == PERCEPT_OK)
            atomic_fetch_add(samples, 1);
    _exit(1);
}

static void readers_start(struct soak *soak, struct readers *readers)
{
    readers->samples = mmap(NULL, READERS * sizeof *readers->samples, PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < READERS; i++) {
        readers->pids[i] = attacker();
        if (readers->pids[i] == 0)
            read_for_ever(soak->socket, &readers->samples[i]);
    }
}

/* Each of them reads on. */
static void readers_go_on(struct soak *soak, const struct readers *readers)
{
    for (int i = 0; i < READERS; i++) {
        unsigned long long before = atomic_load(&readers->samples[i]);
        int64_t deadline = base_clock_ns() + 60 * BASE_NS_PER_S;
        while (atomic_load(&readers->samples[i]) < before + 3 && base_clock_ns() < deadline)
            poll(NULL, 0, 5);
        if (atomic_load(&readers->samples[i]) < before + 3)
            soak_fail(soak, "a reader does not go on");
    }
}

static void readers_end(struct readers *readers)
{
    for (int i = 0; i < READERS; i++)
        attacker_kill(readers->pids[i]);
    munmap(readers->samples, READERS * sizeof *readers->samples);
}

/* Some stop with a sample in their hands, some asleep. count: ms. */
void stop_client(struct soak *soak, long count)
{
    struct readers readers;
    readers_start(soak, &readers);
    readers_go_on(soak, &readers);
    for (int i = 0; i < READERS; i++)
        kill(readers.pids[i], SIGSTOP);
    poll(NULL, 0, (int)count);
    (void)soak_samples(soak, 20);
    for (int i = 0; i < READERS; i++)
        kill(readers.pids[i], SIGCONT);
    readers_go_on(soak, &readers);
    readers_end(&readers);
}

void stop_daemon(struct soak *soak, long count)
{
    struct readers readers;
    readers_start(soak, &readers);
    readers_go_on(soak, &readers);
    kill(soak->daemon, SIGSTOP);
    poll(NULL, 0, (int)count);
    kill(soak->daemon, SIGCONT);
    readers_go_on(soak, &readers);
    (void)soak_samples(soak, 20);
    readers_end(&readers);
}

/* ---- killed ---- */

void kill_daemon(struct soak *soak, long count)
{
    struct readers readers;
    int before = atomic_load(&soak->seen->descriptors);
    readers_start(soak, &readers);
    readers_go_on(soak, &readers);
    for (long round = 0; round < count; round++) {
        kill(soak->daemon, SIGKILL);
        waitpid(soak->daemon, NULL, 0);
        if (!soak_start_daemon(soak))
            break;
        readers_go_on(soak, &readers);
    }
    readers_end(&readers);
    (void)soak_samples(soak, 200); /* it has looked at itself since */
    if (atomic_load(&soak->seen->descriptors) > before)
        soak_fail(soak, "a client had %d descriptors, and has %d after restarts", before,
                  atomic_load(&soak->seen->descriptors));
}
