/*
 * Why: a model is some sixty short parallel loops in a row, each of tens to hundreds of
 * microseconds, on a machine that others use too. Waking a sleeper costs as much as a short loop,
 * so workers look around for a moment before they sleep; and waiting for a worker that the kernel
 * has not scheduled could cost milliseconds, so nobody does.
 *
 * One word says it all: `gate` holds OPEN while a job may be entered, and how many workers are
 * inside. A worker enters by adding one to an open gate, claims tasks, and leaves. The caller
 * claims tasks too; when none are left it shuts the gate and waits only for those inside, each of
 * which is busy with its last task. A worker that comes late finds the gate shut and has cost
 * nothing.
 *
 * Tasks are claimed from both ends, by the caller and every other worker from the first one up, by
 * those between from the last one down: what a task reads is mostly what the task of that number
 * wrote in the job before, which is then in the caches of that CPU.
 */
#include "base/thread_pool.h"

#include "base/clock.h"
#include "base/spin.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Small builds (cmake/Selection.cmake) have no scheduler that would limit a pool, measure what it
 * helps, or make its callers pause. */
#ifndef BASE_POOL_UNLIMITED
#define BASE_POOL_UNLIMITED 0
#endif

#define MAX_THREADS 256
/* Tasks that are left: the first in the lower half, the one behind the last in the upper. Both have
 * SPARE added, since who finds none has moved an end all the same. */
#define SPARE     (2U * MAX_THREADS)
#define MAX_TASKS (UINT32_MAX - 2U * SPARE)
#define FIRST     UINT64_C(1)
#define BEHIND    (FIRST << 32)
#define SLICE_NS  (2 * BASE_NS_PER_MS) /* of a run, for a caller who has to pause */
#define OPEN      0x80000000u
/* How long a worker looks for the next job before it sleeps, and how often it reads the clock
 * meanwhile. */
#define SPIN_NS      (50 * BASE_NS_PER_US)
#define SPINS_A_LOOK 32

struct base_pool {
    unsigned threads;
    pthread_t *workers; /* threads - 1 */
    cpu_set_t allowed;  /* to the thread that made the pool */
    int kept_off;       /* the CPU that workers keep off; -1: none. Whoever holds `taken` has it */

    /* The job: written by the caller that holds `taken` while the gate is shut, read by those who
     * entered it. */
    base_pool_fn fn;
    void *context;

    alignas(64) atomic_bool taken;         /* a caller has the workers */
    alignas(64) atomic_uint gate;          /* OPEN | workers inside */
    alignas(64) atomic_uint_fast64_t left; /* tasks that nobody has claimed */
    alignas(64) atomic_uint jobs; /* futex: counts jobs, so that a sleeper sees a new one */
    atomic_uint sleepers;         /* workers in, or about to enter, the futex */
    atomic_bool stop;

    /* Any thread writes; relaxed: a hint that others read between two tasks. */
    alignas(64) atomic_uint helpers; /* workers that may be inside */
    _Atomic(const void *) thread;    /* whose runs alone they help; NULL: any */
    atomic_int_fast64_t helped_ns;   /* in this run; workers add before they leave the gate */
};

/* The thread's own, as a caller. */
static _Thread_local struct {
    int64_t helped_ns; /* its address names the thread */
    void (*pause)(void *context);
    void *context;
} caller;

struct worker {
    struct base_pool *pool;
    unsigned index;
};

static void futex_wait(atomic_uint *word, unsigned expected)
{
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected, NULL, NULL, 0);
}

static void futex_wake_all(atomic_uint *word)
{
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, MAX_THREADS, NULL, NULL, 0);
}

/* More workers inside than may be. */
static bool is_crowded(struct base_pool *pool, unsigned inside)
{
    return !BASE_POOL_UNLIMITED &&
           inside > atomic_load_explicit(&pool->helpers, memory_order_relaxed);
}

static bool is_too_much(struct base_pool *pool)
{
    return !BASE_POOL_UNLIMITED &&
           is_crowded(pool, atomic_load_explicit(&pool->gate, memory_order_relaxed) & ~OPEN);
}

struct range {
    size_t first, behind;
};

static struct range range_of(uint64_t left)
{
    uint32_t first = (uint32_t)left, behind = (uint32_t)(left / BEHIND);
    return first < behind ? (struct range){first - SPARE, behind - SPARE} : (struct range){0, 0};
}

static uint64_t left_of(struct range range)
{
    return (range.first + SPARE) * FIRST + (range.behind + SPARE) * BEHIND;
}

/* Relaxed: a claim only has to be unique; the gate orders the data. */
static bool claim(struct base_pool *pool, unsigned worker, size_t *task)
{
    bool from_end = worker % 2;
    uint64_t left = from_end ? atomic_fetch_sub_explicit(&pool->left, BEHIND, memory_order_relaxed)
                             : atomic_fetch_add_explicit(&pool->left, FIRST, memory_order_relaxed);
    struct range range = range_of(left);
    *task = from_end ? range.behind - 1 : range.first;
    return range.first < range.behind;
}

/* The caller is worker 0, and stays until all is done. */
static void claim_tasks(struct base_pool *pool, base_pool_fn fn, void *context, unsigned worker)
{
    for (size_t task; (!worker || !is_too_much(pool)) && claim(pool, worker, &task);)
        fn(context, task, worker);
}

/* Enter the gate if it is open and there is room. Acquire pairs with the caller's opening: the
 * job's fields are visible. */
static bool enter(struct base_pool *pool)
{
    unsigned gate = atomic_load_explicit(&pool->gate, memory_order_relaxed);
    while ((gate & OPEN) && !is_crowded(pool, (gate & ~OPEN) + 1))
        if (atomic_compare_exchange_weak_explicit(&pool->gate, &gate, gate + 1,
                                                  memory_order_acquire, memory_order_relaxed))
            return true;
    return false;
}

/* Release pairs with the caller's wait: what the tasks wrote is visible to it. The last one out
 * wakes a caller that sleeps. */
static void leave(struct base_pool *pool)
{
    if (atomic_fetch_sub_explicit(&pool->gate, 1, memory_order_release) == 1)
        futex_wake_all(&pool->gate);
}

/* Look for a job newer than `seen` for a moment, then sleep until there is one. */
static unsigned await_job(struct base_pool *pool, unsigned seen)
{
    int64_t give_up = base_clock_ns() + SPIN_NS;
    unsigned jobs;
    do {
        for (int i = 0; i < SPINS_A_LOOK; i++) {
            jobs = atomic_load_explicit(&pool->jobs, memory_order_acquire);
            if (jobs != seen)
                return jobs;
            base_spin_pause();
        }
    } while (base_clock_ns() < give_up);
    /* Sequentially consistent against base_pool_run's "count the job, then look for sleepers": one
     * of the two sees the other. */
    atomic_fetch_add(&pool->sleepers, 1);
    while ((jobs = atomic_load(&pool->jobs)) == seen)
        futex_wait(&pool->jobs, seen);
    atomic_fetch_sub(&pool->sleepers, 1);
    return jobs;
}

static void *work(void *argument)
{
    struct worker worker = *(struct worker *)argument;
    free(argument);
    struct base_pool *pool = worker.pool;
    for (unsigned seen = 0;;) {
        seen = await_job(pool, seen);
        if (atomic_load_explicit(&pool->stop, memory_order_acquire))
            return NULL;
        if (enter(pool)) {
            int64_t began_ns = BASE_POOL_UNLIMITED ? 0 : base_clock_thread_ns();
            claim_tasks(pool, pool->fn, pool->context, worker.index);
            if (!BASE_POOL_UNLIMITED)
                atomic_fetch_add_explicit(&pool->helped_ns, base_clock_thread_ns() - began_ns,
                                          memory_order_relaxed);
            leave(pool);
        }
    }
}

static unsigned count_cpus(const cpu_set_t *allowed)
{
    int count = CPU_COUNT(allowed);
    return count < 1 ? 1 : (unsigned)count;
}

enum percept_status base_pool_create(unsigned threads, struct base_pool **pool,
                                     struct percept_error *error)
{
    cpu_set_t allowed;
    if (sched_getaffinity(0, sizeof allowed, &allowed))
        CPU_ZERO(&allowed); /* more CPUs than a set holds */
    if (!threads)
        threads = count_cpus(&allowed);
    if (threads > MAX_THREADS)
        return percept_fail(error, PERCEPT_LIMIT, "a thread pool has at most %d threads, not %u",
                            MAX_THREADS, threads);
    struct base_pool *p = aligned_alloc(64, sizeof *p);
    if (!p)
        return percept_fail(error, PERCEPT_NO_MEMORY, "no memory for a thread pool");
    *p = (struct base_pool){.threads = 1,
                            .workers = calloc(threads, sizeof *p->workers),
                            .allowed = allowed,
                            .kept_off = -1};
    /* Signals belong to the program's own threads. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = p->workers ? 0 : -1;
    while (!failed && p->threads < threads) {
        struct worker *worker = malloc(sizeof *worker);
        if (!worker) {
            failed = -1;
            break;
        }
        *worker = (struct worker){p, p->threads};
        failed = pthread_create(&p->workers[p->threads - 1], NULL, work, worker);
        if (failed)
            free(worker);
        else
            p->threads++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed) {
        base_pool_destroy(p);
        return failed < 0
                   ? percept_fail(error, PERCEPT_NO_MEMORY, "no memory for a thread pool")
                   : percept_fail_errno(error, failed, "start thread %u of a pool", p->threads);
    }
    if (!BASE_POOL_UNLIMITED)
        base_pool_limit(p, p->threads, NULL);
    *pool = p;
    return PERCEPT_OK;
}

unsigned base_pool_threads(const struct base_pool *pool)
{
    return pool ? pool->threads : 1;
}

/*
 * Off the caller's CPU with those who are about to be woken. The kernel likes to put a sleeper
 * where its waker runs, above all in a virtual machine, where a CPU that has halted may count as
 * taken away by the host: both then take turns on one CPU beside an idle one, and two threads are
 * slower than one. Masks cost a call a worker, but only when the caller has moved.
 */
static void keep_off(struct base_pool *pool, int cpu)
{
    cpu_set_t others = pool->allowed;
    if (cpu < 0 || cpu >= CPU_SETSIZE || cpu == pool->kept_off)
        return;
    CPU_CLR(cpu, &others);
    if (CPU_COUNT(&others) == 0)
        return;
    for (unsigned i = 1; i < pool->threads; i++)
        pthread_setaffinity_np(pool->workers[i - 1], sizeof others, &others);
    pool->kept_off = cpu;
}

static void open_gate(struct base_pool *pool, struct range tasks)
{
    atomic_store_explicit(&pool->left, left_of(tasks), memory_order_relaxed);
    if (!BASE_POOL_UNLIMITED)
        atomic_store_explicit(&pool->helped_ns, 0, memory_order_relaxed);
    atomic_store_explicit(&pool->gate, OPEN, memory_order_release);
    atomic_fetch_add(&pool->jobs, 1);
    if (atomic_load(&pool->sleepers)) {
        keep_off(pool, sched_getcpu());
        futex_wake_all(&pool->jobs);
    }
}

static void shut_gate(struct base_pool *pool)
{
    unsigned inside = atomic_fetch_and_explicit(&pool->gate, ~OPEN, memory_order_acquire) & ~OPEN;
    int64_t give_up = inside ? base_clock_ns() + SPIN_NS : 0;
    while (inside) {
        for (int i = 0; inside && i < SPINS_A_LOOK; i++) {
            base_spin_pause();
            inside = atomic_load_explicit(&pool->gate, memory_order_acquire);
        }
        if (inside && base_clock_ns() >= give_up) {
            futex_wait(&pool->gate, inside);
            inside = atomic_load_explicit(&pool->gate, memory_order_acquire);
        }
    }
}

int base_pool_realtime(struct base_pool *pool, int priority)
{
    const struct sched_param param = {.sched_priority = priority};
    int failed = 0;
    for (unsigned i = 1; pool && i < pool->threads && !failed; i++)
        failed = pthread_setschedparam(pool->workers[i - 1], SCHED_FIFO, &param);
    return failed;
}

/* ---- who is helped ---- */

const void *base_pool_thread(void)
{
    return &caller;
}

int64_t base_pool_helped_ns(void)
{
    return caller.helped_ns;
}

void base_pool_set_pause(void (*pause)(void *context), void *context)
{
    caller.pause = pause;
    caller.context = context;
}

void base_pool_limit(struct base_pool *pool, unsigned helpers, const void *thread)
{
    if (!pool)
        return;
    atomic_store_explicit(&pool->helpers, helpers, memory_order_relaxed);
    atomic_store_explicit(&pool->thread, thread, memory_order_relaxed);
}

/* Not while it has the workers: who is more urgent may need them. */
static void pause_caller(void)
{
    if (!BASE_POOL_UNLIMITED && caller.pause)
        caller.pause(caller.context);
}

void base_pool_pause(void)
{
    pause_caller();
}

static bool is_helped(struct base_pool *pool)
{
    if (BASE_POOL_UNLIMITED)
        return true;
    const void *thread = atomic_load_explicit(&pool->thread, memory_order_relaxed);
    return atomic_load_explicit(&pool->helpers, memory_order_relaxed) > 0 &&
           (!thread || thread == base_pool_thread());
}

/* As a caller who may have to pause: it stops when a slice is over, so that nobody begins another
 * task. Returns those that were not claimed. */
static struct range claim_slice(struct base_pool *pool, base_pool_fn fn, void *context)
{
    const struct range none = {0, 0};
    int64_t end = base_clock_ns() + SLICE_NS;
    for (size_t task; claim(pool, 0, &task);) {
        fn(context, task, 0);
        if (base_clock_ns() >= end)
            return range_of(
                atomic_exchange_explicit(&pool->left, left_of(none), memory_order_relaxed));
    }
    return none;
}

/* With the workers. Returns the tasks to go on with after a pause. */
static struct range run_helped(struct base_pool *pool, struct range tasks, base_pool_fn fn,
                               void *context)
{
    struct range left = {0, 0};
    pool->fn = fn;
    pool->context = context;
    open_gate(pool, tasks);
    if (!BASE_POOL_UNLIMITED && caller.pause)
        left = claim_slice(pool, fn, context);
    else
        claim_tasks(pool, fn, context, 0);
    shut_gate(pool);
    if (!BASE_POOL_UNLIMITED)
        caller.helped_ns += atomic_load_explicit(&pool->helped_ns, memory_order_relaxed);
    /* Release: the next caller may write the job's fields. */
    atomic_store_explicit(&pool->taken, false, memory_order_release);
    pause_caller();
    return left;
}

void base_pool_run(struct base_pool *pool, size_t count, base_pool_fn fn, void *context)
{
    struct range tasks = {0, count};
    do {
        size_t left = tasks.behind - tasks.first;
        bool alone = !pool || pool->threads == 1 || left < 2 || left > MAX_TASKS ||
                     !is_helped(pool) ||
                     atomic_exchange_explicit(&pool->taken, true, memory_order_acquire);
        if (!alone) {
            tasks = run_helped(pool, tasks, fn, context);
            continue;
        }
        for (; tasks.first < tasks.behind; tasks.first++) {
            fn(context, tasks.first, 0);
            pause_caller();
        }
    } while (!BASE_POOL_UNLIMITED && tasks.first < tasks.behind);
}

void base_pool_destroy(struct base_pool *pool)
{
    if (!pool)
        return;
    atomic_store_explicit(&pool->stop, true, memory_order_release);
    atomic_fetch_add(&pool->jobs, 1);
    futex_wake_all(&pool->jobs);
    for (unsigned i = 1; i < pool->threads; i++)
        pthread_join(pool->workers[i - 1], NULL);
    free(pool->workers);
    free(pool);
}
