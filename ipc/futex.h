/* The futex calls we need, on words that processes share. */
#ifndef IPC_FUTEX_H
#define IPC_FUTEX_H

#include "base/clock.h"

#include <linux/futex.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Sleep while *word is expected, at most timeout_ns. Returns early for any reason: look again. */
static inline void ipc_futex_wait(_Atomic uint32_t *word, uint32_t expected, int64_t timeout_ns)
{
    struct timespec timeout = {.tv_sec = (time_t)(timeout_ns / BASE_NS_PER_S),
                               .tv_nsec = (long)(timeout_ns % BASE_NS_PER_S)};
    syscall(SYS_futex, word, FUTEX_WAIT, expected, &timeout, NULL, 0);
}

static inline void ipc_futex_wake(_Atomic uint32_t *word, int count)
{
    syscall(SYS_futex, word, FUTEX_WAKE, count, NULL, NULL, 0);
}

/* Let one of those that sleep on a word sleep on another. Returns how many that were. */
static inline int ipc_futex_move_one(_Atomic uint32_t *from, _Atomic uint32_t *to)
{
    long moved = syscall(SYS_futex, from, FUTEX_REQUEUE, 0, (void *)1L, to, 0);
    return moved > 0 ? (int)moved : 0;
}

#endif
