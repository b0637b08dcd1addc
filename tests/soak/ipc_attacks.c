/* What clients do to the daemon: come, die, sit, poke, hold and lie. */
#include "ipc_attacks.h"

#include "base/clock.h"
#include "ipc/layout.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CROWD = 8, ROOM = 40 /* of the 64 connections, less what others need */ };

pid_t attacker(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        setpriority(PRIO_PROCESS, 0, 19);
    }
    return pid;
}

void attacker_join(struct soak *soak, pid_t pid)
{
    int status = 0;
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        soak_fail(soak, "an attacker could not be started");
    else if (WIFSIGNALED(status))
        soak_fail(soak, "an attacker died of signal %d", WTERMSIG(status));
    else if (WEXITSTATUS(status) != 0)
        soak_fail(soak, "an attacker found something that is not as it should be");
}

void attacker_kill(pid_t pid)
{
    if (pid <= 0)
        return;
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

/* ---- clients that are killed ---- */

static struct percept_subscription *subscribe(const char *socket, struct percept_client **client)
{
    struct percept_subscription *subscription;
    struct percept_error error;
    if (percept_connect(socket, client, &error) != PERCEPT_OK)
        return NULL;
    return percept_subscribe(*client, SOAK_TOPIC, NULL, &subscription, &error) == PERCEPT_OK
               ? subscription
               : NULL;
}

static void keep_connecting(const char *socket)
{
    for (unsigned i = 0;; i++) {
        int fd = peer_connect(socket);
        if (i % 2)
            (void)peer_hello(fd);
        close(fd);
    }
}

static void keep_subscribing(const char *socket)
{
    struct percept_client *client;
    struct percept_subscription *subscription = subscribe(socket, &client);
    struct percept_error error;
    while (subscription) {
        percept_unsubscribe(subscription);
        if (percept_subscribe(client, SOAK_TOPIC, NULL, &subscription, &error) != PERCEPT_OK)
            break;
        (void)percept_subscription_fd(subscription);
    }
}

static void keep_reading(const char *socket)
{
    struct percept_client *client;
    struct percept_subscription *subscription = subscribe(socket, &client);
    struct percept_sample sample;
    struct percept_error error;
    while (subscription && percept_next(subscription, -1, &sample, &error) == PERCEPT_OK)
        ;
}

static void hold_one(const char *socket)
{
    struct percept_client *client;
    struct percept_subscription *subscription = subscribe(socket, &client);
    struct percept_sample sample;
    struct percept_error error;
    if (subscription)
        (void)percept_next(subscription, -1, &sample, &error);
}

static void (*const ways[])(const char *socket) = {keep_connecting, keep_subscribing, keep_reading,
                                                   hold_one};

void kill_clients(struct soak *soak, long count)
{
    unsigned seed = 7;
    for (long killed = 0; killed < count; killed += CROWD) {
        pid_t pids[CROWD];
        for (int i = 0; i < CROWD; i++) {
            pids[i] = attacker();
            if (pids[i] == 0) {
                ways[i % 4](soak->socket);
                for (;;)
                    pause();
            }
        }
        usleep((useconds_t)(rand_r(&seed) % 20000));
        for (int i = 0; i < CROWD; i++)
            attacker_kill(pids[i]);
    }
}

/* ---- clients that only sit there ---- */

static void sit(const char *socket, long count)
{
    static int fds[96];
    for (long done = 0; done < count; done += 96) {
        for (int i = 0; i < 96; i++) {
            fds[i] = peer_connect(socket);
            MUST(fds[i] >= 0);
            if (i % 16 == 0)
                (void)peer_hello(fds[i]); /* refused when the house is full */
        }
        for (int i = 0; i < 96; i++)
            close(fds[i]);
    }
    _exit(0);
}

void flood_idle(struct soak *soak, long count)
{
    pid_t pid = attacker();
    if (pid == 0)
        sit(soak->socket, count);
    attacker_join(soak, pid);
}

/* ---- descriptors ---- */

/* Nothing that a holder can do changes a byte or the size. */
static void poke_sealed(int fd)
{
    const int hole = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int ways_in[] = {fd, open(path, O_RDWR | O_CLOEXEC), dup(fd)};
    for (size_t i = 0; i < 3; i++) {
        int way = ways_in[i];
        if (way < 0)
            continue;
        off_t size = lseek(way, 0, SEEK_END);
        MUST(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, way, 0) == MAP_FAILED);
        MUST(mmap(NULL, 4096, PROT_WRITE, MAP_SHARED, way, 0) == MAP_FAILED);
        void *readable = mmap(NULL, 4096, PROT_READ, MAP_SHARED, way, 0);
        MUST(readable != MAP_FAILED);
        MUST(mprotect(readable, 4096, PROT_READ | PROT_WRITE) != 0);
        MUST(madvise(readable, 4096, MADV_REMOVE) != 0);
        munmap(readable, 4096);
        MUST(write(way, "", 1) < 0 && pwrite(way, "", 1, 0) < 0);
        MUST(ftruncate(way, 0) != 0 && ftruncate(way, size + 4096) != 0);
        MUST(fallocate(way, hole, 0, 4096) != 0 && fallocate(way, 0, 0, size + 4096) != 0);
        MUST(fallocate(way, FALLOC_FL_ZERO_RANGE, 0, 4096) != 0);
        MUST(fcntl(way, F_ADD_SEALS, F_SEAL_WRITE) != 0);
        MUST(lseek(way, 0, SEEK_END) == size);
        close(way);
    }
}

/* A page is its client's to write, but not to resize; holes in it harm nobody else. */
static void poke_page(int fd)
{
    MUST(ftruncate(fd, 0) != 0 && ftruncate(fd, 8192) != 0);
    MUST(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE) != 0);
    MUST(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096) == 0);
    close(fd);
}

/* The other end is the daemon's: nothing goes to it, and it does not wait. */
static void poke_socket(int fd)
{
    MUST(fcntl(fd, F_SETFL, 0) == 0);
    MUST(send(fd, "x", 1, MSG_NOSIGNAL) < 0);
    shutdown(fd, SHUT_RDWR);
    close(fd);
}

static void poke(const char *socket, long count)
{
    for (long i = 0; i < count; i++) {
        int fds[3], result, fd = peer_connect(socket);
        MUST(fd >= 0 && peer_hello(fd) && peer_subscribe(fd, fds));
        MUST(peer_query(fd, "clients", &result));
        poke_sealed(fds[0]);
        poke_sealed(result);
        poke_page(fds[1]);
        poke_socket(fds[2]);
        close(fd);
    }
    _exit(0);
}

void poke_descriptors(struct soak *soak, long count)
{
    pid_t pid = attacker();
    if (pid == 0)
        poke(soak->socket, count);
    attacker_join(soak, pid);
}

/* ---- holding and lying, while the bystander reads `count` samples ---- */

void never_release(struct soak *soak, long count)
{
    pid_t pids[ROOM / 2];
    for (int i = 0; i < ROOM / 2; i++) {
        pids[i] = attacker();
        if (pids[i] == 0) {
            hold_one(soak->socket);
            for (;;)
                pause();
        }
    }
    (void)soak_samples(soak, (unsigned long long)count);
    for (int i = 0; i < ROOM / 2; i++)
        attacker_kill(pids[i]);
}

/* One process: more would also show what a full machine does. */
static _Noreturn void lie_on_pages(const char *socket)
{
    struct ipc_ring_page *pages[CROWD];
    unsigned seed = 1;
    int fd = peer_connect(socket);
    MUST(fd >= 0 && peer_hello(fd));
    for (int i = 0; i < CROWD; i++) {
        int fds[3];
        MUST(peer_subscribe(fd, fds));
        pages[i] = mmap(NULL, IPC_PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fds[1], 0);
        MUST(pages[i] != MAP_FAILED);
    }
    for (;;) {
        uint32_t far = (uint32_t)rand_r(&seed);
        struct ipc_ring_page *page = pages[far / 8 % CROWD];
        atomic_store(&page->held, far % 4 ? far % 100 : far << 8);
        atomic_store(&page->wait, far % 5);
        atomic_store(&page->received, UINT64_MAX);
        atomic_store(&page->lost, UINT64_MAX - far);
    }
}

void lie(struct soak *soak, long count)
{
    pid_t pid = attacker();
    if (pid == 0)
        lie_on_pages(soak->socket);
    (void)soak_samples(soak, (unsigned long long)count);
    if (waitpid(pid, NULL, WNOHANG) != 0)
        soak_fail(soak, "the liar has ended by itself");
    else
        attacker_kill(pid);
}
