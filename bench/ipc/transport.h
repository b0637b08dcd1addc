/* One way to get a payload from a publisher to a subscriber that sleeps until it comes. */
#ifndef BENCH_IPC_TRANSPORT_H
#define BENCH_IPC_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>

struct transport {
    const char *name;
    /* Publisher's process. Before fork. Prints why when it fails. */
    bool (*open)(size_t bytes);
    /* Subscriber's process, after fork. Returns when it would get what is published next. */
    bool (*subscribe)(size_t bytes);
    /* Publisher's side, after a subscriber is there. loan: memory to fill; publish: it is full. */
    void *(*loan)(void);
    void (*publish)(void);
    /* Subscriber: sleep until the next payload is there and return it; NULL: no more. */
    const void *(*receive)(void);
    void (*close)(void);
};

/* The last two never sleep: their subscriber looks again and again. transport_futex is the floor
 * for the others: one word in shared memory, one call to wake, and nothing of what makes it safe to
 * share. */
extern const struct transport transport_percept, transport_socket, transport_iceoryx,
    transport_futex, transport_percept_spin, transport_iceoryx_poll;

#endif
