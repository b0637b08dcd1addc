/* Why: a deadline is a promise of ours; what other programs and the host take is not ours to keep,
 * and has to be told apart by measuring. */
#include "causes.h"

#include "base/clock.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define MOST_THREADS 64
#define PRIORITIES   (SCHED_HIGH + 1)

const char *const cause_names[CAUSES] = {"stolen", "first", "waking", "blocked", "cost"};

/* What the system knows of this process's CPU time, so far. */
struct sample {
    int64_t now_ns, computed_ns, delayed_ns, stolen_ns;
};

static struct {
    pthread_mutex_t mutex;
    unsigned cores;
    int files[MOST_THREADS]; /* threads' schedstat: the workers' first */
    size_t count, workers;
    unsigned inside[PRIORITIES];     /* frames in work */
    struct sample quiet[PRIORITIES]; /* when there was none so important, or more, in work last */
} machine = {.mutex = PTHREAD_MUTEX_INITIALIZER};

/* ---- measuring: under the lock ---- */

static void add_thread(const char *id)
{
    char path[300];
    snprintf(path, sizeof path, "/proc/self/task/%s/schedstat", id);
    int file = machine.count < MOST_THREADS ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file >= 0)
        machine.files[machine.count++] = file;
}

/* How long our threads were ready to run and had no CPU. */
static int64_t delayed_ns(void)
{
    int64_t sum = 0;
    for (size_t i = 0; i < machine.count; i++) {
        char text[96];
        ssize_t size = pread(machine.files[i], text, sizeof text - 1, 0);
        unsigned long long delay = 0;
        text[size > 0 ? size : 0] = '\0';
        if (sscanf(text, "%*u %llu", &delay) == 1)
            sum += (int64_t)delay;
    }
    return sum;
}

/* What the host took from all CPUs. */
static int64_t stolen_ns(void)
{
    unsigned long long jiffies = 0;
    FILE *file = fopen("/proc/stat", "r");
    if (file && fscanf(file, "cpu %*u %*u %*u %*u %*u %*u %*u %llu", &jiffies) != 1)
        jiffies = 0;
    if (file)
        fclose(file);
    return (int64_t)jiffies * (BASE_NS_PER_S / sysconf(_SC_CLK_TCK));
}

static struct sample measure(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (struct sample){.now_ns = base_clock_ns(),
                           .computed_ns = (int64_t)t.tv_sec * BASE_NS_PER_S + t.tv_nsec,
                           .delayed_ns = delayed_ns(),
                           .stolen_ns = stolen_ns()};
}

/* What was taken from us: time that our threads could have used and did not get, but no more than
 * the time that the CPUs were not ours. The rest of their delays they owe to each other. */
static int64_t taken_ns(const struct sample *from, const struct sample *to)
{
    int64_t wanted = to->delayed_ns - from->delayed_ns + to->stolen_ns - from->stolen_ns;
    int64_t others =
        (to->now_ns - from->now_ns) * machine.cores - (to->computed_ns - from->computed_ns);
    int64_t taken = wanted < others ? wanted : others;
    return taken > 0 ? taken : 0;
}

/* For each priority for which it is quiet now. */
static void remember_quiet(void)
{
    struct sample now = measure();
    for (int i = PRIORITIES - 1; i >= 0 && machine.inside[i] == 0; i--)
        machine.quiet[i] = now;
}

/* ---- for all ---- */

void causes_find_workers(unsigned cores)
{
    DIR *folder = opendir("/proc/self/task");
    const struct dirent *entry;
    while (folder && (entry = readdir(folder)) != NULL)
        if (entry->d_name[0] != '.' && atoi(entry->d_name) != (int)gettid())
            add_thread(entry->d_name);
    if (folder)
        closedir(folder);
    machine.workers = machine.count;
    machine.cores = cores;
}

void causes_begin(void)
{
    while (machine.count > machine.workers)
        close(machine.files[--machine.count]);
    remember_quiet();
}

/* ---- of a pipeline ---- */

void account_open(struct account *a, enum sched_priority priority)
{
    char id[16];
    snprintf(id, sizeof id, "%d", (int)gettid());
    pthread_mutex_lock(&machine.mutex);
    a->priority = priority;
    add_thread(id);
    pthread_mutex_unlock(&machine.mutex);
}

void account_begin(struct account *a, int64_t due_ns, int64_t now_ns)
{
    a->frames++;
    a->waited_ns = 0;
    a->woke_ns = now_ns - due_ns;
    pthread_mutex_lock(&machine.mutex);
    machine.inside[a->priority]++;
    pthread_mutex_unlock(&machine.mutex);
}

void account_event(struct account *a, const struct sched_gate_event *event)
{
    if (event->kind != SCHED_GATE_WAIT)
        return;
    int64_t granted_ns = event->granted_ns > event->begin_ns ? event->granted_ns : event->begin_ns;
    a->waited_ns += granted_ns - event->begin_ns;
    a->woke_ns += base_clock_ns() - granted_ns;
}

static enum cause cause_of(const struct account *a, int64_t late_ns)
{
    struct sample now = measure();
    if (taken_ns(&machine.quiet[a->priority], &now) >= late_ns)
        return CAUSE_STOLEN;
    if (a->frames <= 2)
        return CAUSE_FIRST;
    if (a->woke_ns >= late_ns)
        return CAUSE_WAKING;
    return a->woke_ns + a->waited_ns >= late_ns ? CAUSE_BLOCKED : CAUSE_COST;
}

void account_end(struct account *a, int64_t late_ns)
{
    pthread_mutex_lock(&machine.mutex);
    if (late_ns > 0) {
        a->last = cause_of(a, late_ns);
        a->misses[a->last]++;
    }
    machine.inside[a->priority]--;
    remember_quiet();
    pthread_mutex_unlock(&machine.mutex);
}

void account_skipped(struct account *a, unsigned long count)
{
    a->misses[a->last] += count;
}
