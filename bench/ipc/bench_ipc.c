/*
 * How long from "the payload is there" in one process to "I have it" in another that slept:
 * Percept, a Unix socket and, where its headers were found, iceoryx, in turns. See run.
 */
#include "transport.h"

#include "base/clock.h"

#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROUNDS  5
#define SAMPLES 600 /* a round */
#define WARM_UP 100 /* of them, not counted */
#define PERIOD  BASE_NS_PER_MS
#define COUNTED ((size_t)ROUNDS * (SAMPLES - WARM_UP))
#define READERS 8 /* at most */

/* What takes turns. The first is what ratios compare with the others of its kind. */
enum row_id {
    PERCEPT_4K,
    FUTEX_4K,
    SOCKET_4K,
    ICEORYX_4K,
    PERCEPT_1M,
    SOCKET_1M,
    ICEORYX_1M,
    SPIN_4K,
    ICEORYX_POLL_4K,
    PERCEPT_8_READERS,
    FUTEX_8_READERS,
    FUTEX_1M,
    ROWS
};

#ifndef HAVE_ICEORYX
/* Not there: its rows are left out. */
#define transport_iceoryx      (*(const struct transport *)NULL)
#define transport_iceoryx_poll (*(const struct transport *)NULL)
#endif

static const struct row {
    const struct transport *transport; /* NULL: not there */
    size_t bytes;
    unsigned readers;
} rows[ROWS] = {
    [PERCEPT_4K] = {&transport_percept, 4096, 1},
    [FUTEX_4K] = {&transport_futex, 4096, 1},
    [SOCKET_4K] = {&transport_socket, 4096, 1},
    [ICEORYX_4K] = {&transport_iceoryx, 4096, 1},
    [PERCEPT_1M] = {&transport_percept, 1 << 20, 1},
    [SOCKET_1M] = {&transport_socket, 1 << 20, 1},
    [ICEORYX_1M] = {&transport_iceoryx, 1 << 20, 1},
    [SPIN_4K] = {&transport_percept_spin, 4096, 1},
    [ICEORYX_POLL_4K] = {&transport_iceoryx_poll, 4096, 1},
    [PERCEPT_8_READERS] = {&transport_percept, 4096, READERS},
    [FUTEX_8_READERS] = {&transport_futex, 4096, READERS},
    [FUTEX_1M] = {&transport_futex, 1 << 20, 1},
};

static const struct ratio {
    enum row_id ours, theirs;
    const char *text;
} ratios[] = {
    {PERCEPT_4K, FUTEX_4K, "percept / bare futex, 4 KiB"},
    {PERCEPT_4K, SOCKET_4K, "percept / socket, 4 KiB"},
    {PERCEPT_4K, ICEORYX_4K, "percept / iceoryx, 4 KiB"},
    {PERCEPT_1M, SOCKET_1M, "percept / socket, 1 MiB"},
    {PERCEPT_1M, ICEORYX_1M, "percept / iceoryx, 1 MiB"},
    {SPIN_4K, ICEORYX_POLL_4K, "percept / iceoryx, both spinning, 4 KiB"},
    {PERCEPT_1M, PERCEPT_4K, "percept, 1 MiB / 4 KiB"},
    {FUTEX_1M, FUTEX_4K, "bare futex, 1 MiB / 4 KiB"},
    {PERCEPT_8_READERS, PERCEPT_4K, "percept, the last of 8 readers / one reader"},
    {FUTEX_8_READERS, FUTEX_4K, "bare futex, the last of 8 readers / one"},
    {FUTEX_4K, ICEORYX_4K, "bare futex / iceoryx, 4 KiB"},
};
enum { RATIOS = sizeof ratios / sizeof ratios[0] };

/* Of several readers each has its own: the figures are those of the slowest. */
struct result {
    int64_t latency[READERS][COUNTED];
    size_t count;
};

/* A payload starts with when it was complete, and a number: 0 for those that only wake the
 * subscriber up to say hello. */
struct stamp {
    int64_t ready_ns;
    uint64_t number;
};

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* After sorting. */
static double percentile_us(const struct result *result, unsigned readers, double p)
{
    int64_t worst = 0;
    for (unsigned r = 0; r < readers; r++) {
        int64_t one = result->latency[r][(size_t)(p * (double)(result->count - 1))];
        worst = one > worst ? one : worst;
    }
    return (double)worst / 1000.0;
}

static void be_subscriber(const struct transport *transport, size_t bytes, int out)
{
    int64_t latency[SAMPLES];
    if (!transport->subscribe(bytes) || write(out, "", 1) != 1)
        _exit(1);
    for (uint64_t expected = 1; expected <= SAMPLES;) {
        const struct stamp *stamp = transport->receive();
        int64_t now = base_clock_ns();
        if (!stamp)
            _exit(1);
        /* One that was overwritten before we woke would have been as late as this one, and the
         * periods between them. */
        for (; expected <= stamp->number; expected++)
            latency[expected - 1] =
                now - stamp->ready_ns + (int64_t)(stamp->number - expected) * PERIOD;
    }
    _exit(write(out, latency, sizeof latency) == (ssize_t)sizeof latency ? 0 : 1);
}

static void publish(const struct transport *transport, size_t bytes, uint64_t number)
{
    struct stamp *payload = transport->loan();
    if (!payload)
        return;
    memset(payload, (int)number, bytes);
    payload->number = number;
    payload->ready_ns = base_clock_ns();
    transport->publish();
}

/* A subscriber, and the pipe on which it says that it is there and then what it measured. */
struct reader {
    pid_t pid;
    int out;
};

static bool start_reader(const struct row *row, struct reader *reader)
{
    int out[2];
    if (pipe(out) != 0)
        return false;
    reader->pid = fork();
    if (reader->pid == 0)
        be_subscriber(row->transport, row->bytes, out[1]);
    close(out[1]);
    reader->out = out[0];
    return reader->pid > 0;
}

/* Read what a subscriber writes next, within 5 s. */
static bool hear(const struct reader *reader, void *bytes, size_t size)
{
    struct pollfd ready = {.fd = reader->out, .events = POLLIN};
    return poll(&ready, 1, 5000) == 1 && read(reader->out, bytes, size) == (ssize_t)size;
}

static bool publish_all(const struct row *row, const struct reader *readers)
{
    char hello;
    row->transport->loan();
    for (unsigned r = 0; r < row->readers; r++)
        if (!hear(&readers[r], &hello, 1))
            return false;
    publish(row->transport, row->bytes, 0);
    int64_t next = base_clock_ns();
    for (uint64_t number = 1; number <= SAMPLES; number++) {
        base_clock_sleep_until(next += PERIOD);
        publish(row->transport, row->bytes, number);
    }
    return true;
}

static bool run_round(const struct row *row, struct result *result)
{
    struct reader readers[READERS] = {{0}};
    unsigned started = 0;
    bool good = row->transport->open(row->bytes);
    while (good && started < row->readers)
        good = start_reader(row, &readers[started++]);
    good = good && publish_all(row, readers);
    for (unsigned r = 0; r < started; r++) {
        int64_t latency[SAMPLES];
        good = good && hear(&readers[r], latency, sizeof latency);
        memcpy(result->latency[r] + result->count, latency + WARM_UP,
               (SAMPLES - WARM_UP) * sizeof *latency);
        close(readers[r].out);
    }
    row->transport->close();
    for (unsigned r = 0; r < started; r++) {
        if (!good)
            kill(readers[r].pid, SIGKILL);
        waitpid(readers[r].pid, NULL, 0);
    }
    result->count += SAMPLES - WARM_UP;
    if (!good)
        fprintf(stderr, "bench_ipc: %s failed at %zu bytes\n", row->transport->name, row->bytes);
    return good;
}

/* The cost of publishing when nobody waits, one warm ring. */
static double publish_ns(void)
{
    const struct transport *transport = &transport_percept;
    int count = 200000;
    if (!transport->open(64))
        return -1;
    for (int i = 0; i < 1000 && transport->loan(); i++)
        transport->publish();
    int64_t before = base_clock_ns();
    for (int i = 0; i < count && transport->loan(); i++)
        transport->publish();
    int64_t took = base_clock_ns() - before;
    transport->close();
    return (double)took / count;
}

static void print_table(const struct result *results, double bare_ns)
{
    printf("%-14s %10s %8s %10s %10s\n", "", "payload", "readers", "p50 us", "p99 us");
    for (size_t i = 0; i < ROWS; i++)
        if (rows[i].transport)
            printf("%-14s %10zu %8u %10.1f %10.1f\n", rows[i].transport->name, rows[i].bytes,
                   rows[i].readers, percentile_us(&results[i], rows[i].readers, 0.5),
                   percentile_us(&results[i], rows[i].readers, 0.99));
    printf("percept publishes in %.0f ns when nobody waits\n\n", bare_ns);
    for (size_t i = 0; i < RATIOS; i++) {
        const struct row *ours = &rows[ratios[i].ours], *theirs = &rows[ratios[i].theirs];
        if (theirs->transport)
            printf("%-44s p50 %.2f, p99 %.2f\n", ratios[i].text,
                   percentile_us(&results[ratios[i].ours], ours->readers, 0.5) /
                       percentile_us(&results[ratios[i].theirs], theirs->readers, 0.5),
                   percentile_us(&results[ratios[i].ours], ours->readers, 0.99) /
                       percentile_us(&results[ratios[i].theirs], theirs->readers, 0.99));
    }
}

static bool print_json(const struct result *results, double bare_ns)
{
    struct utsname machine;
    uname(&machine);
    json_t *array = json_array();
    for (size_t i = 0; i < ROWS; i++)
        if (rows[i].transport)
            json_array_append_new(
                array, json_pack("{s:s, s:I, s:I, s:f, s:f}", "transport", rows[i].transport->name,
                                 "bytes", (json_int_t)rows[i].bytes, "readers",
                                 (json_int_t)rows[i].readers, "p50_us",
                                 percentile_us(&results[i], rows[i].readers, 0.5), "p99_us",
                                 percentile_us(&results[i], rows[i].readers, 0.99)));
    json_t *all = json_pack("{s:s, s:I, s:f, s:o}", "kernel", machine.release, "cpus",
                            (json_int_t)sysconf(_SC_NPROCESSORS_ONLN), "publish_ns", bare_ns,
                            "latency", array);
    bool good = all && json_dumpf(all, stdout, JSON_INDENT(1)) == 0;
    printf("\n");
    json_decref(all);
    return good;
}

/* In a process of its own: what a transport leaves in its process is not the next one's. */
static bool run_apart(const struct row *row, struct result *result)
{
    int status;
    pid_t pid = fork();
    if (pid == 0)
        _exit(run_round(row, result) ? 0 : 1);
    return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
           WEXITSTATUS(status) == 0;
}

int main(int argc, char **argv)
{
    struct result *results = mmap(NULL, ROWS * sizeof *results, PROT_READ | PROT_WRITE,
                                  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    bool json = argc == 2 && strcmp(argv[1], "--json") == 0;
    if (argc > 1 && !json) {
        fprintf(stderr, "usage: bench_ipc [--json]\n");
        return 2;
    }
    if (results == MAP_FAILED)
        return 1;
    for (int round = 0; round < ROUNDS; round++)
        for (size_t i = 0; i < ROWS; i++)
            if (rows[i].transport && !run_apart(&rows[i], &results[i]))
                return 1;
    for (size_t i = 0; i < ROWS; i++)
        for (unsigned r = 0; r < rows[i].readers; r++)
            qsort(results[i].latency[r], results[i].count, sizeof(int64_t), compare);
    double bare_ns = publish_ns();
    if (json)
        return print_json(results, bare_ns) ? 0 : 1;
    print_table(results, bare_ns);
    return 0;
}
