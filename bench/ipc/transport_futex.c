/* The floor: a payload in shared memory, and one word that a subscriber sleeps on. */
#include "transport.h"

#include "ipc/futex.h"

#include <limits.h>
#include <stdalign.h>
#include <stdio.h>
#include <sys/mman.h>

#define SLOTS 10 /* as Percept has: what a reader that is late looks at is whole */

struct shared {
    _Atomic uint32_t waits, count;
    alignas(64) char payloads[];
};

static struct shared *shared;
static size_t payload_bytes, mapped;

static bool open_publisher(size_t bytes)
{
    payload_bytes = bytes;
    mapped = sizeof *shared + SLOTS * bytes;
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

static void *payload(uint32_t number)
{
    return shared->payloads + number % SLOTS * payload_bytes;
}

static void *loan(void)
{
    return payload(atomic_load(&shared->count));
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
    return payload(seen - 1);
}

static void close_publisher(void)
{
    munmap(shared, mapped);
}

const struct transport transport_futex = {"bare futex", open_publisher, subscribe,      loan,
                                          publish,      receive,        close_publisher};
