/*
 * Time. Every timestamp in Percept is CLOCK_MONOTONIC in nanoseconds: it never steps, and processes
 * on one machine agree on it.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

#define BASE_NS_PER_S  1000000000LL
#define BASE_NS_PER_MS 1000000LL
#define BASE_NS_PER_US 1000LL

static inline int64_t base_clock_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * BASE_NS_PER_S + t.tv_nsec;
}

/* How long the calling thread has computed: what others took from it is not in it. A system call.
 */
static inline int64_t base_clock_thread_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * BASE_NS_PER_S + t.tv_nsec;
}

/* Sleep until a CLOCK_MONOTONIC time; returns at once when it has passed. Restarts after signals.
 */
static inline void base_clock_sleep_until(int64_t deadline_ns)
{
    struct timespec t = {.tv_sec = (time_t)(deadline_ns / BASE_NS_PER_S),
                         .tv_nsec = (long)(deadline_ns % BASE_NS_PER_S)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) != 0)
        ;
}

#endif
