/* Why: an attack that the daemon survives has still succeeded if another client noticed it. */
#include "ipc_soak.h"

#include "base/clock.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

/* ---- what is there ---- */

static FILE *open_of(pid_t pid, const char *what)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, what);
    return fopen(path, "r");
}

int figures_descriptors(pid_t pid)
{
    char path[64];
    int count = 0;
    snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    DIR *directory = opendir(path);
    for (const struct dirent *entry; directory && (entry = readdir(directory));)
        count += entry->d_name[0] != '.';
    if (directory)
        closedir(directory);
    return count - (pid == getpid()); /* that of the folder itself */
}

struct figures figures_of(pid_t pid)
{
    struct figures figures = {.descriptors = figures_descriptors(pid)};
    char line[512];
    FILE *file = open_of(pid, "maps");
    while (file && fgets(line, sizeof line, file))
        figures.memfds += strstr(line, "memfd:") != NULL;
    if (file)
        fclose(file);
    file = open_of(pid, "status");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, "VmRSS:", 6) == 0)
            figures.rss_kib = strtol(line + 6, NULL, 10);
    if (file)
        fclose(file);
    return figures;
}

long figures_loop_ms(pid_t pid)
{
    char line[1024];
    long user = 0, system = 0;
    char what[32];
    snprintf(what, sizeof what, "task/%d/stat", (int)pid);
    FILE *file = open_of(pid, what);
    const char *end = file && fgets(line, sizeof line, file) ? strrchr(line, ')') : NULL;
    if (end &&
        sscanf(end, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %ld %ld", &user, &system) != 2)
        user = system = 0;
    if (file)
        fclose(file);
    return (user + system) * 1000 / sysconf(_SC_CLK_TCK);
}

/* ---- the bystander ---- */

void soak_come_first(void)
{
    (void)setpriority(PRIO_PROCESS, 0, -10);
}

/* Each picture has one colour: more than one is half of one sample and half of another. */
static bool is_whole(const struct percept_sample *sample)
{
    const struct percept_frame *frame = sample->data;
    if (sample->size <= sizeof *frame + 1)
        return false;
    const uint8_t *pixels = frame->pixels;
    size_t size = sample->size - sizeof *frame;
    return memcmp(pixels, pixels + 1, size - 1) == 0;
}

static void take_down(struct bystander *shared, const struct percept_sample *sample)
{
    int mode = atomic_load(&shared->mode);
    int64_t latency = base_clock_ns() - sample->publish_ns;
    atomic_fetch_add(&shared->lost, sample->lost);
    atomic_fetch_add(&shared->torn, !is_whole(sample));
    if (mode < BYSTANDER_MODES) {
        struct series *series = &shared->series[mode];
        unsigned count = atomic_load(&series->count);
        if (count < BYSTANDER_MOST) {
            series->ns[count] = latency < UINT32_MAX ? (uint32_t)latency : UINT32_MAX;
            atomic_store(&series->count, count + 1);
        }
    }
    unsigned long long samples = atomic_fetch_add(&shared->samples, 1);
    if (samples % 64 == 0)
        atomic_store(&shared->descriptors, figures_descriptors(getpid()));
}

pid_t bystander_start(const char *socket, struct bystander *shared)
{
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    struct percept_client *client;
    struct percept_subscription *subscription;
    struct percept_sample sample;
    struct percept_error error = {0};
    const struct percept_subscribe_options options = {.reading = PERCEPT_READ_QUEUE};
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    soak_come_first();
    atomic_store(&shared->mode, BYSTANDER_PAUSED);
    enum percept_status status = percept_connect(socket, &client, &error);
    if (status == PERCEPT_OK)
        status = percept_subscribe(client, SOAK_TOPIC, &options, &subscription, &error);
    while (status == PERCEPT_OK) {
        status = percept_next(subscription, -1, &sample, &error);
        if (status == PERCEPT_OK)
            take_down(shared, &sample);
    }
    fprintf(stderr, "bystander: %s\n", error.message);
    _exit(EXIT_FAILURE);
}

static int compare(const void *a, const void *b)
{
    const uint32_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

struct summary bystander_sum_up(struct series *series)
{
    unsigned count = atomic_load(&series->count);
    if (count < 100)
        return (struct summary){0};
    qsort(series->ns, count, sizeof series->ns[0], compare);
    return (struct summary){.p99_us = series->ns[count - 1 - count / 100] / 1e3,
                            .most_us = series->ns[count - 1] / 1e3};
}
