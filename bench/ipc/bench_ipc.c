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

enum { SIZES = 2 };
static const size_t sizes[SIZES] = {4096, 1 << 20};

#ifdef HAVE_ICEORYX
enum { TRANSPORTS = 3 };
static const struct transport *const transports[TRANSPORTS] = {
    &transport_percept, &transport_socket, &transport_iceoryx};
#else
enum { TRANSPORTS = 2 };
static const struct transport *const transports[TRANSPORTS] = {&transport_percept,
                                                               &transport_socket};
#endif

struct result {
    int64_t latency[COUNTED];
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

static double percentile_us(const struct result *result, double p)
{
    return (double)result->latency[(size_t)(p * (double)(result->count - 1))] / 1000.0;
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

static bool run_round(const struct transport *transport, size_t bytes, struct result *result)
{
    int64_t latency[SAMPLES];
    int out[2];
    char hello;
    if (!transport->open(bytes) || pipe(out) != 0)
        return false;
    pid_t subscriber = fork();
    if (subscriber == 0)
        be_subscriber(transport, bytes, out[1]);
    close(out[1]);
    struct pollfd ready = {.fd = out[0], .events = POLLIN};
    transport->loan();
    bool good = poll(&ready, 1, 5000) == 1 && read(out[0], &hello, 1) == 1;
    publish(transport, bytes, 0);
    int64_t next = base_clock_ns();
    for (uint64_t number = 1; good && number <= SAMPLES; number++) {
        base_clock_sleep_until(next += PERIOD);
        publish(transport, bytes, number);
    }
    good = good && poll(&ready, 1, 5000) == 1 &&
           read(out[0], latency, sizeof latency) == (ssize_t)sizeof latency;
    close(out[0]);
    transport->close();
    if (!good)
        kill(subscriber, SIGKILL);
    waitpid(subscriber, NULL, 0);
    if (!good) {
        fprintf(stderr, "bench_ipc: %s failed at %zu bytes\n", transport->name, bytes);
        return false;
    }
    memcpy(result->latency + result->count, latency + WARM_UP,
           (SAMPLES - WARM_UP) * sizeof *latency);
    result->count += SAMPLES - WARM_UP;
    return true;
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

static void print_table(struct result results[SIZES][TRANSPORTS], double bare_ns)
{
    printf("%-10s %10s %10s %10s\n", "", "payload", "p50 us", "p99 us");
    for (size_t s = 0; s < SIZES; s++)
        for (size_t t = 0; t < TRANSPORTS; t++)
            printf("%-10s %10zu %10.1f %10.1f\n", transports[t]->name, sizes[s],
                   percentile_us(&results[s][t], 0.5), percentile_us(&results[s][t], 0.99));
    printf("percept publishes in %.0f ns when nobody waits\n\n", bare_ns);
    for (size_t s = 0; s < SIZES; s++)
        for (size_t t = 1; t < TRANSPORTS; t++)
            printf("percept / %-8s %7zu bytes: p50 %.2f, p99 %.2f\n", transports[t]->name, sizes[s],
                   percentile_us(&results[s][0], 0.5) / percentile_us(&results[s][t], 0.5),
                   percentile_us(&results[s][0], 0.99) / percentile_us(&results[s][t], 0.99));
}

static bool print_json(struct result results[SIZES][TRANSPORTS], double bare_ns)
{
    struct utsname machine;
    uname(&machine);
    json_t *rows = json_array();
    for (size_t s = 0; s < SIZES; s++)
        for (size_t t = 0; t < TRANSPORTS; t++)
            json_array_append_new(
                rows, json_pack("{s:s, s:I, s:f, s:f}", "transport", transports[t]->name, "bytes",
                                (json_int_t)sizes[s], "p50_us", percentile_us(&results[s][t], 0.5),
                                "p99_us", percentile_us(&results[s][t], 0.99)));
    json_t *all = json_pack("{s:s, s:I, s:f, s:o}", "kernel", machine.release, "cpus",
                            (json_int_t)sysconf(_SC_NPROCESSORS_ONLN), "publish_ns", bare_ns,
                            "latency", rows);
    bool good = all && json_dumpf(all, stdout, JSON_INDENT(1)) == 0;
    printf("\n");
    json_decref(all);
    return good;
}

/* In a process of its own: what a transport leaves in its process is not the next one's. */
static bool run_apart(const struct transport *transport, size_t bytes, struct result *result)
{
    int status;
    pid_t pid = fork();
    if (pid == 0)
        _exit(run_round(transport, bytes, result) ? 0 : 1);
    return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
           WEXITSTATUS(status) == 0;
}

int main(int argc, char **argv)
{
    size_t results_bytes = SIZES * sizeof(struct result[TRANSPORTS]);
    struct result(*results)[TRANSPORTS] =
        mmap(NULL, results_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    bool json = argc == 2 && strcmp(argv[1], "--json") == 0;
    if (argc > 1 && !json) {
        fprintf(stderr, "usage: bench_ipc [--json]\n");
        return 2;
    }
    if (results == MAP_FAILED)
        return 1;
    for (int round = 0; round < ROUNDS; round++)
        for (size_t s = 0; s < SIZES; s++)
            for (size_t t = 0; t < TRANSPORTS; t++)
                if (!run_apart(transports[t], sizes[s], &results[s][t]))
                    return 1;
    for (size_t s = 0; s < SIZES; s++)
        for (size_t t = 0; t < TRANSPORTS; t++)
            qsort(results[s][t].latency, results[s][t].count, sizeof(int64_t), compare);
    double bare_ns = publish_ns();
    if (json)
        return print_json(results, bare_ns) ? 0 : 1;
    print_table(results, bare_ns);
    return 0;
}
