/*
 * Attack a daemon through its socket, one attack after the other, and look at what that leaves:
 * test_soak_ipc [--full] [PART OF A NAME]. A real perceptd publishes pictures; a bystander reads
 * every one of them. A line an attack; growth of the daemon, a lost sample, a hang or a death is a
 * failure. Small numbers are a test; with --full they are those of `make soak`, and latencies are
 * judged as well.
 */
#include "ipc_attacks.h"

#include "base/clock.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATIENCE_S = 60, MOST_GROWTH_KIB = 2048, LEAST_SAMPLES = 1000 };
#define MOST_RATIO 1.2

#ifndef __has_feature /* clang's way to tell, where GCC has macros */
#define __has_feature(name) 0
#endif
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__ || \
    __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
enum { SANITIZED = 1 }; /* memory that was freed is kept, and address space is reserved */
#else
enum { SANITIZED = 0 };
#endif

const struct attack attacks[] = {
    {.name = "clients killed", .run = kill_clients, .small = 160, .full = 10000, .floods = true},
    {.name = "mutated messages",
     .run = mutate_messages,
     .small = 20000,
     .full = 1000000,
     .floods = true},
    {.name = "the same, by quotas", .run = babble_within_quotas, .small = 30, .full = 10000},
    {.name = "pushers killed", .run = kill_pushers, .small = 160, .full = 10000, .floods = true},
    {.name = "sound that lies", .run = push_nonsense, .small = 100, .full = 10000},
    {.name = "idle connections", .run = flood_idle, .small = 480, .full = 48000},
    {.name = "descriptors poked", .run = poke_descriptors, .small = 20, .full = 5000},
    {.name = "never released", .run = never_release, .small = 30, .full = 5000},
    {.name = "lies on pages", .run = lie, .small = 30, .full = 5000},
    {.name = "out of descriptors", .run = run_out_of_descriptors, .small = 1, .full = 20},
    {.name = "no shared memory", .run = run_out_of_files, .small = 2, .full = 2000},
    {.name = "no memory", .run = run_out_of_memory, .small = 2, .full = 2000, .limits = true},
    {.name = "clocks that jump", .run = jump_clocks, .small = 8, .full = 2000},
    {.name = "clients stopped, ms", .run = stop_client, .small = 500, .full = 60000},
    {.name = "daemon stopped, ms", .run = stop_daemon, .small = 500, .full = 60000, .stalls = true},
    {.name = "daemon killed",
     .run = kill_daemon,
     .small = 2,
     .full = 50,
     .restarts = true,
     .stalls = true},
    {.name = NULL},
};

void soak_fail(struct soak *soak, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    printf("FAILED: ");
    vprintf(format, arguments);
    putchar('\n');
    fflush(stdout);
    va_end(arguments);
    soak->failures++;
}

/* ---- the daemon ---- */

static bool write_file(const char *folder, const char *name, const char *text, size_t size)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    bool is_written = file && fwrite(text, 1, size, file) == size;
    return (!file || fclose(file) == 0) && is_written;
}

bool soak_set_policy(struct soak *soak, bool no_quotas)
{
    char policy[256];
    int used = snprintf(policy, sizeof policy,
                        "version: 1\n"
                        "quotas: {%s}\n"
                        "rules: [{same_user: true, allow: [camera, transcript]}]\n",
                        no_quotas ? "connections: 64, slots: 64, requests_per_second: 100000" : "");
    if (!write_file(soak->folder, "policy.yaml", policy, (size_t)used))
        return false;
    if (soak->daemon > 0)
        kill(soak->daemon, SIGHUP);
    /* Who was over a quota is not when there is none. */
    int64_t deadline = base_clock_ns() + PATIENCE_S * BASE_NS_PER_S;
    for (bool is_in = !no_quotas || soak->daemon == 0; !is_in;) {
        int fd = peer_connect(soak->socket);
        is_in = fd >= 0 && peer_hello(fd);
        if (fd >= 0)
            close(fd);
        if (!is_in && base_clock_ns() > deadline)
            return false;
        poll(NULL, 0, 5);
    }
    return true;
}

/* Pictures of one colour each. A pipeline that was held up does not catch up in a burst, which a
 * reader could lose: that would be about the machine. */
static bool write_configuration(struct soak *soak)
{
    static char picture[16 + 64 * 48 * 3];
    static const char said[] = "0 en this is said\n1 en and that is said\n";
    char config[1024], name[16];
    bool is_written = soak_set_policy(soak, true);
    for (int i = 0; i < 3; i++) {
        int used = snprintf(picture, sizeof picture, "P6\n64 48\n255\n");
        memset(picture + used, 80 * i + 10, 64 * 48 * 3);
        snprintf(name, sizeof name, "%d.ppm", i);
        is_written &= write_file(soak->folder, name, picture, (size_t)used + 64 * 48 * 3);
    }
    int used = snprintf(config, sizeof config,
                        "version: 1\n"
                        "daemon: {policy: policy.yaml, state: %s/state, log: error}\n"
                        "pipelines:\n"
                        "  pictures:\n"
                        "    source: {type: images, paths: ['%s/*.ppm'],\n"
                        "             rate: %d, loop: 0, max_pixels: 3072}\n"
                        "    when_late: wait\n"
                        "    topics: {" SOAK_TOPIC ": source}\n"
                        "  talk:\n"
                        "    source: {type: images, paths: ['%s/*.ppm'], rate: 1, loop: 0}\n"
                        "    nodes: [{node: said, file: said, inputs: {frame: source}}]\n"
                        "    topics: {captions: said}\n"
                        "  phone: {source: {type: audio_stream}}\n"
                        "  radio: {source: {type: audio_stream}}\n"
                        "transcript: {topics: captions}\n",
                        soak->folder, soak->folder, soak->full ? 400 : 100, soak->folder);
    is_written &= write_file(soak->folder, "said", said, sizeof said - 1);
    return is_written && write_file(soak->folder, "config.yaml", config, (size_t)used);
}

/* Returns when it publishes. */
bool soak_start_daemon(struct soak *soak)
{
    soak->daemon = fork();
    if (soak->daemon == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        soak_come_first();
        int log = open(soak->log, O_WRONLY | O_CREAT | O_APPEND, 0600);
        dup2(log, STDERR_FILENO);
        execl(soak->program, soak->program, "--config", soak->config, "--socket", soak->socket,
              NULL);
        _exit(127);
    }
    int64_t deadline = base_clock_ns() + PATIENCE_S * BASE_NS_PER_S;
    while (base_clock_ns() < deadline && waitpid(soak->daemon, NULL, WNOHANG) == 0) {
        struct percept_client *client;
        struct percept_subscription *subscription;
        struct percept_sample sample;
        struct percept_error error;
        if (percept_connect(soak->socket, &client, &error) == PERCEPT_OK) {
            bool is_up =
                percept_subscribe(client, SOAK_TOPIC, NULL, &subscription, &error) == PERCEPT_OK &&
                percept_next(subscription, PATIENCE_S * BASE_NS_PER_S, &sample, &error) ==
                    PERCEPT_OK;
            percept_disconnect(client);
            if (is_up)
                return true;
        }
        poll(NULL, 0, 5);
    }
    soak_fail(soak, "the daemon does not come up");
    return false;
}

bool soak_samples(struct soak *soak, unsigned long long more)
{
    unsigned long long start = atomic_load(&soak->seen->samples), last = start;
    int64_t deadline = base_clock_ns() + PATIENCE_S * BASE_NS_PER_S;
    while (last < start + more && base_clock_ns() < deadline) {
        poll(NULL, 0, 2);
        unsigned long long now = atomic_load(&soak->seen->samples);
        if (now != last)
            deadline = base_clock_ns() + PATIENCE_S * BASE_NS_PER_S;
        last = now;
    }
    if (last < start + more)
        soak_fail(soak, "the bystander reads nothing any more");
    return last >= start + more;
}

/* ---- one attack ---- */

/* A seat that the writer was looking at goes with the next that comes or goes. */
static void come_and_go(const struct soak *soak)
{
    int fds[3], fd = peer_connect(soak->socket);
    if (fd >= 0 && peer_hello(fd) && peer_subscribe(fd, fds))
        for (int i = 0; i < 3; i++)
            close(fds[i]);
    if (fd >= 0)
        close(fd);
}

/* What there is when all that has gone is gone: as few as `before`, or as it stays. */
static struct figures settle(const struct soak *soak, const struct figures *before)
{
    struct figures last = {0}, now = {0};
    for (int i = 0, same = 0; i < 500 && same < 5; i++) {
        last = now;
        if (i % 8 == 0)
            come_and_go(soak);
        poll(NULL, 0, 10);
        now = figures_of(soak->daemon);
        bool is_less =
            !before || (now.descriptors <= before->descriptors && now.memfds <= before->memfds);
        same = is_less && now.descriptors == last.descriptors && now.memfds == last.memfds
                   ? same + 1
                   : 0;
    }
    return now;
}

static void judge(struct soak *soak, const struct attack *attack, const struct figures *before,
                  const struct figures *after, unsigned long long lost)
{
    if (waitpid(soak->daemon, NULL, WNOHANG) != 0)
        soak_fail(soak, "the daemon has ended");
    if (waitpid(soak->bystander, NULL, WNOHANG) != 0)
        soak_fail(soak, "the bystander has ended");
    if (after->descriptors > before->descriptors || after->memfds > before->memfds)
        soak_fail(soak, "descriptors or mappings are left");
    if (!SANITIZED && after->rss_kib > before->rss_kib + MOST_GROWTH_KIB)
        soak_fail(soak, "it has grown by %ld KiB", after->rss_kib - before->rss_kib);
    if (lost && !attack->restarts)
        soak_fail(soak, "the bystander lost %llu samples", lost);
    if (atomic_load(&soak->seen->torn))
        soak_fail(soak, "the bystander read samples that are not whole");
}

/* The same time again in quiet, before and after: so long, in samples. */
static void be_quiet(struct soak *soak)
{
    atomic_store(&soak->seen->mode, BYSTANDER_QUIET);
    (void)soak_samples(soak, soak->full ? 4000 : 20);
    atomic_store(&soak->seen->mode, BYSTANDER_PAUSED);
}

static void run(struct soak *soak, const struct attack *attack)
{
    struct bystander *seen = soak->seen;
    long count = soak->full ? attack->full : attack->small;
    attack->run(soak, attack->small / 4 + 1); /* what is made once is made */
    struct figures before = settle(soak, NULL);
    for (int i = 0; i < BYSTANDER_MODES; i++)
        atomic_store(&seen->series[i].count, 0);
    atomic_store(&seen->lost, 0);
    be_quiet(soak);
    atomic_store(&seen->mode, BYSTANDER_ATTACKED);
    int64_t start = base_clock_ns();
    attack->run(soak, count);
    double seconds = (double)(base_clock_ns() - start) / BASE_NS_PER_S;
    be_quiet(soak);
    (void)soak_samples(soak, 1); /* the last one that it saw before has been counted */
    struct figures after = settle(soak, &before);
    unsigned long long lost = atomic_load(&seen->lost);
    const struct summary quiet = bystander_sum_up(&seen->series[BYSTANDER_QUIET]),
                         attacked = bystander_sum_up(&seen->series[BYSTANDER_ATTACKED]);
    printf("%-20s %8ld in %6.1f s: fds %d -> %d, memfds %d -> %d, RSS %ld -> %ld KiB, "
           "%u samples, %llu lost",
           attack->name, count, seconds, before.descriptors, after.descriptors, before.memfds,
           after.memfds, before.rss_kib, after.rss_kib,
           atomic_load(&seen->series[BYSTANDER_ATTACKED].count), attack->restarts ? 0 : lost);
    bool is_timed = quiet.p99_us > 0 && attacked.p99_us > 0 && !attack->stalls;
    double ratio = is_timed ? attacked.p99_us / quiet.p99_us : 0;
    if (is_timed)
        printf(", p99 %.0f -> %.0f us (%.2f), worst %.0f -> %.0f", quiet.p99_us, attacked.p99_us,
               ratio, quiet.most_us, attacked.most_us);
    putchar('\n');
    fflush(stdout);
    judge(soak, attack, &before, &after, lost);
    bool is_judged = soak->full && is_timed && !attack->floods &&
                     atomic_load(&seen->series[BYSTANDER_ATTACKED].count) >= LEAST_SAMPLES;
    if (is_judged && ratio > MOST_RATIO)
        soak_fail(soak, "the bystander waits %.2f times as long", ratio);
}

/* ---- all of them ---- */

static void remove_folder(const struct soak *soak)
{
    char command[256];
    snprintf(command, sizeof command, "%s '%s'; rm -rf '%s'",
             soak->failures ? "tail -n 100 >&2" : ":", soak->log, soak->folder);
    if (system(command) != 0)
        fprintf(stderr, "%s is left\n", soak->folder);
}

static bool open_soak(struct soak *soak)
{
    static char program[4096], nodes[4096];
    const char *bin = getenv("PERCEPT_BIN");
    strcpy(soak->folder, "/tmp/percept-soak-XXXXXX");
    if (!bin || !mkdtemp(soak->folder)) {
        fprintf(stderr, "PERCEPT_BIN has to be the folder of perceptd\n");
        return false;
    }
    snprintf(program, sizeof program, "%s/perceptd", bin);
    snprintf(nodes, sizeof nodes, "%s/../tests/captions", bin);
    setenv("PERCEPT_NODES", nodes, 1);
    soak->program = program;
    snprintf(soak->config, sizeof soak->config, "%s/config.yaml", soak->folder);
    snprintf(soak->socket, sizeof soak->socket, "%s/socket", soak->folder);
    snprintf(soak->log, sizeof soak->log, "%s/log", soak->folder);
    soak->seen =
        mmap(NULL, sizeof *soak->seen, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (soak->seen == MAP_FAILED || !write_configuration(soak) || !soak_start_daemon(soak))
        return false;
    soak->bystander = bystander_start(soak->socket, soak->seen);
    return soak_samples(soak, 1);
}

static bool is_known(const char *part)
{
    const struct attack *attack = attacks;
    while (attack->name && !strstr(attack->name, part))
        attack++;
    return attack->name != NULL;
}

int main(int argc, char **argv)
{
    struct soak soak = {.full = argc > 1 && strcmp(argv[1], "--full") == 0};
    const char *only = argc > 1 + soak.full ? argv[1 + soak.full] : "";
    if (!is_known(only)) {
        fprintf(stderr, "no attack has '%s' in its name\n", only);
        return EXIT_FAILURE;
    }
    signal(SIGPIPE, SIG_IGN);
    bool is_open = open_soak(&soak);
    for (const struct attack *attack = attacks; is_open && attack->name; attack++) {
        unsigned failures = soak.failures;
        if (strstr(attack->name, only) && !(SANITIZED && attack->limits))
            run(&soak, attack);
        /* What follows would say nothing of its own. */
        if (soak.failures != failures &&
            (kill(soak.daemon, 0) != 0 || kill(soak.bystander, 0) != 0))
            break;
    }
    attacker_kill(soak.bystander);
    if (soak.daemon > 0)
        kill(soak.daemon, SIGTERM);
    int status = 0;
    if (soak.daemon > 0 && waitpid(soak.daemon, &status, 0) == soak.daemon && status != 0)
        soak_fail(&soak, "the daemon ends with status %d", status);
    remove_folder(&soak);
    printf("%s\n", soak.failures ? "not as it should be" : "all as it should be");
    return is_open && !soak.failures ? EXIT_SUCCESS : EXIT_FAILURE;
}
