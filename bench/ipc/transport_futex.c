/* The floor: a payload in shared memory, and one word that a subscriber sleeps on. */
#include "transport.h"

#include "ipc/futex.h"

#include <limits.h>
#include <stdio.h>
#include <sys/mman.h>

struct shared {
    _Atomic uint32_t waits, count;
    char payload[];
};

static struct shared *shared;
static size_t mapped;

static bool open_publisher(size_t bytes)
{
    mapped = sizeof *shared + bytes;
    shared = mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared != MAP_FAILED)
        return true;
    perror("mmap");
    return false;
}

static bool subscribe(size_t bytes)
{
    (void)bytes;
    return true;
}

static void *loan(void)
{
    return shared->payload;
}

static void publish(void)
{
    atomic_fetch_add(&shared->count, 1);
    if (atomic_exchange(&shared->waits, 0) != 0)
        syscall(SYS_futex, &shared->waits, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

static const void *receive(void)
{
    static uint32_t seen;
    while (atomic_load(&shared->count) == seen) {
        atomic_store(&shared->waits, 1);
        if (atomic_load(&shared->count) == seen)
            ipc_futex_wait(&shared->waits, 1, INT64_MAX);
    }
    seen = atomic_load(&shared->count);
    return shared->payload;
}

static void close_publisher(void)
{
    munmap(shared, mapped);
}

const struct transport transport_futex = {"bare futex", open_publisher, subscribe,      loan,
                                          publish,      receive,        close_publisher};
