/* Why: a backend's functions do not say which backend is meant, so each proxy has functions of its
 * own, which differ by a number. */
#include "backends/isolated/isolated.h"

#include "backends/isolated/segment.h"
#include "base/clock.h"
#include "base/kept_text.h"
#include "runtime/graph_parcel.h"

#include <stdlib.h>
#include <string.h>

static struct slot {
    struct isolated_host *host; /* NULL: free */
    struct prt_backend backend;
    char name[64];
} slots[ISOLATED_MOST];

static pthread_mutex_t opening = PTHREAD_MUTEX_INITIALIZER; /* which slots are free */

/* ---- what is asked of all proxies ---- */

static enum percept_status need(struct isolated_host *host, struct percept_error *error)
{
    pthread_mutex_lock(&host->lock);
    enum percept_status status = isolated_host_need(host, error);
    pthread_mutex_unlock(&host->lock);
    return status;
}

static const char *absent(struct isolated_host *host)
{
    if (need(host, NULL) != PERCEPT_NOT_FOUND) /* one that is being started again is there */
        return NULL;
    return host->absent; /* for good, so nobody writes to it any more */
}

static const char *ask(struct isolated_host *host, const struct prt_graph *graph,
                       const struct prt_node *node)
{
    struct isolated_parcel parcel = {.fd = -1};
    struct isolated_reply reply;
    struct isolated_request request = {.kind = ISOLATED_ASK};
    const char *why = "its host is not there";
    size_t bytes;
    if (node->op == PRT_OP_EXPECT)
        return "sizes that the data tell are nothing that a host could be believed";
    if (need(host, NULL) != PERCEPT_OK)
        return why;
    if (prt_parcel_of_node(graph, node, isolated_parcel_memory, &parcel, &bytes)) {
        request.parcel_bytes = bytes;
        request.memory_bytes = parcel.bytes;
        if (isolated_host_ask(host, &request, &parcel.fd, 1, &reply, NULL) == PERCEPT_OK)
            why = reply.supports ? NULL : base_kept_text(reply.text[0], "its host refuses");
    }
    isolated_parcel_close(&parcel);
    return why;
}

/* What the host said of itself; NULL when it said nothing. */
static const char *about(struct isolated_host *host, unsigned which)
{
    return need(host, NULL) == PERCEPT_OK && host->about[which][0] ? host->about[which] : NULL;
}

/* ---- options ---- */

struct own_option {
    const char *key;
    size_t offset;
    long least;
};

static const struct own_option own_options[] = {
    {"deadline_ms", offsetof(struct isolated_host, deadline_ns), 1},
    {"load_deadline_ms", offsetof(struct isolated_host, load_deadline_ns), 1},
    {"backoff_ms", offsetof(struct isolated_host, backoff_least_ns), 0},
    {"backoff_most_ms", offsetof(struct isolated_host, backoff_most_ns), 0},
};

static enum percept_status set(struct isolated_host *host, const char *key, const char *value,
                               struct percept_error *error)
{
    enum { MOST_MS = 3600000 };
    for (size_t i = 0; i < sizeof own_options / sizeof own_options[0]; i++) {
        const struct own_option *option = &own_options[i];
        char *end;
        if (strcmp(option->key, key) != 0)
            continue;
        long ms = strtol(value, &end, 10);
        if (end == value || *end || ms < option->least || ms > MOST_MS)
            return percept_fail(error, PERCEPT_INVALID,
                                "%s: expected a number of milliseconds from %ld to %d, got '%.40s'",
                                key, option->least, MOST_MS, value);
        int64_t ns = ms * BASE_NS_PER_MS;
        pthread_mutex_lock(&host->lock);
        memcpy((char *)host + option->offset, &ns, sizeof ns);
        host->backoff_ns = host->backoff_least_ns;
        pthread_mutex_unlock(&host->lock);
        return PERCEPT_OK;
    }
    return isolated_host_set(host, key, value, error);
}

/* ---- one set of functions each ---- */

/* clang-format off */
#define EACH_SLOT(X) \
    X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15)
/* clang-format on */

#define FUNCTIONS(n)                                                                           \
    static const char *absent_##n(void)                                                        \
    {                                                                                          \
        return absent(slots[n].host);                                                          \
    }                                                                                          \
    static const char *refuses_##n(const struct prt_graph *graph, const struct prt_node *node) \
    {                                                                                          \
        return ask(slots[n].host, graph, node);                                                \
    }                                                                                          \
    static bool supports_##n(const struct prt_graph *graph, const struct prt_node *node)       \
    {                                                                                          \
        return ask(slots[n].host, graph, node) == NULL;                                        \
    }                                                                                          \
    static enum percept_status compile_##n(const struct prt_compile *compile,                  \
                                           struct prt_segment **segment,                       \
                                           struct percept_error *error)                        \
    {                                                                                          \
        return isolated_compile(slots[n].host, compile, segment, error);                       \
    }                                                                                          \
    static const char *code_##n(void)                                                          \
    {                                                                                          \
        return about(slots[n].host, 0);                                                        \
    }                                                                                          \
    static const char *release_##n(void)                                                       \
    {                                                                                          \
        return about(slots[n].host, 1);                                                        \
    }                                                                                          \
    static const char *device_##n(void)                                                        \
    {                                                                                          \
        return about(slots[n].host, 2);                                                        \
    }                                                                                          \
    static enum percept_status set_##n(const char *key, const char *value,                     \
                                       struct percept_error *error)                            \
    {                                                                                          \
        return set(slots[n].host, key, value, error);                                          \
    }
EACH_SLOT(FUNCTIONS)

#define BACKEND(n)                               \
    {                                            \
        .version = PRT_BACKEND_VERSION,          \
        .absent = absent_##n,                    \
        .supports = supports_##n,                \
        .refuses = refuses_##n,                  \
        .compile = compile_##n,                  \
        .scratch_bytes = isolated_scratch_bytes, \
        .execute = isolated_execute,             \
        .start = isolated_start,                 \
        .wait = isolated_wait,                   \
        .is_well = isolated_is_well,             \
        .destroy = isolated_destroy,             \
        .stats = isolated_segment_stats,         \
        .code = code_##n,                        \
        .release = release_##n,                  \
        .device = device_##n,                    \
        .set = set_##n,                          \
    },
static const struct prt_backend backends[ISOLATED_MOST] = {EACH_SLOT(BACKEND)};

/* ---- opening ---- */

enum percept_status isolated_open(const char *name, const char *plugin,
                                  const struct prt_backend **proxy, struct percept_error *error)
{
    enum percept_status status = PERCEPT_OK;
    pthread_mutex_lock(&opening);
    unsigned n = 0;
    while (n < ISOLATED_MOST && slots[n].host)
        n++;
    if (n == ISOLATED_MOST || strlen(name) >= sizeof slots[n].name)
        status = percept_fail(error, PERCEPT_LIMIT,
                              "'%.40s' is too long, or there are %d isolated backends already",
                              name, ISOLATED_MOST);
    else
        status = isolated_host_create(name, plugin, &slots[n].host, error);
    if (status == PERCEPT_OK) {
        memcpy(slots[n].name, name, strlen(name) + 1);
        slots[n].backend = backends[n];
        slots[n].backend.name = slots[n].name;
        *proxy = &slots[n].backend;
    }
    pthread_mutex_unlock(&opening);
    return status;
}

static struct slot *slot_of(const struct prt_backend *proxy)
{
    for (unsigned n = 0; n < ISOLATED_MOST; n++)
        if (proxy == &slots[n].backend)
            return &slots[n];
    return NULL;
}

void isolated_close(const struct prt_backend *proxy)
{
    struct slot *slot = slot_of(proxy);
    if (!slot)
        return;
    isolated_host_destroy(slot->host);
    pthread_mutex_lock(&opening);
    slot->host = NULL;
    pthread_mutex_unlock(&opening);
}

/* ---- looking at it ---- */

const char *isolated_fault_name(enum isolated_fault fault)
{
    static const char *const names[ISOLATED_FAULTS] = {
        [ISOLATED_DIED] = "died",
        [ISOLATED_HUNG] = "hung",
        [ISOLATED_GARBAGE] = "garbage",
        [ISOLATED_FAILED] = "failed",
    };
    return names[fault];
}

bool isolated_stats(const struct prt_backend *proxy, struct isolated_stats *stats)
{
    static const char *const states[] = {
        [ISOLATED_IDLE] = "not started", [ISOLATED_STARTING] = "starting",
        [ISOLATED_OPEN] = "starting",    [ISOLATED_UP] = "running",
        [ISOLATED_LOST] = "lost",        [ISOLATED_ABSENT] = "absent",
    };
    const struct slot *slot = slot_of(proxy);
    struct isolated_host *host = slot ? slot->host : NULL;
    if (!host)
        return false;
    pthread_mutex_lock(&host->lock);
    *stats = (struct isolated_stats){
        .name = slot->name,
        .state = states[host->state],
        .pid = host->pid > 0 ? host->pid : 0,
        .runs = host->runs,
        .restarts = host->restarts,
    };
    memcpy(stats->faults, host->faults, sizeof stats->faults);
    memcpy(stats->cause, host->cause, sizeof stats->cause);
    pthread_mutex_unlock(&host->lock);
    return true;
}
