/* Why: the memory of a model stays its own. A run copies what it reads into memory that it shares
 * with the host, and what it computed out of it, once, when the host has said that it is done: so
 * whatever the host writes there, and whenever, it changes numbers and nothing else. */
#include "backends/isolated/segment.h"

#include "base/checked.h"
#include "base/clock.h"
#include "base/kept_text.h"
#include "runtime/crossings.h"
#include "runtime/graph_parcel.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define NOWHERE UINT64_MAX

enum { MOST_LOSSES = 3 };

/* ---- what lies where in shared memory ---- */

static bool is_state(const struct prt_graph *graph, uint32_t id)
{
    return graph->values[id].flags & PRT_FLAG_STATE;
}

/* Behind what is there so far. */
static bool append(size_t bytes, size_t *end, uint64_t *at)
{
    size_t start;
    if (!base_align_size(*end, 64, &start) || !base_add_size(start, bytes, end))
        return false;
    *at = start;
    return true;
}

/* Planned values where the plan has them; states, and without a plan all values that the nodes use,
 * behind that. Then the times. */
static bool lay_out(struct prt_segment *segment, const struct prt_crossing *crossings)
{
    const struct prt_compile *compile = &segment->compile;
    size_t end = compile->places ? compile->arena_bytes : 0;
    for (uint32_t i = 0; i < compile->graph->value_count; i++) {
        const struct prt_value *value = &compile->graph->values[i];
        const struct prt_crossing *crossing = &crossings[i];
        bool is_planned = compile->places && !is_state(compile->graph, i);
        segment->at[i] = NOWHERE;
        if (value->kind != PRT_VALUE_TENSOR || value->flags & PRT_FLAG_CONSTANT || !crossing->used)
            continue;
        if (is_planned)
            segment->at[i] = compile->places[i].offset;
        else if (!append(value->bytes, &end, &segment->at[i]))
            return false;
        const struct isolated_root root = {i, segment->at[i], value->bytes};
        if (crossing->enters && value->bytes)
            segment->enters[segment->enter_count++] = root;
        if (crossing->leaves && value->bytes)
            segment->leaves[segment->leave_count++] = root;
    }
    uint64_t times;
    if (!append(compile->node_count * sizeof(struct isolated_time), &end, &times))
        return false;
    segment->times = times;
    segment->shared_bytes = end;
    return true;
}

static enum percept_status find_roots(struct prt_segment *segment, struct percept_error *error)
{
    size_t count = (size_t)segment->compile.graph->value_count + 1;
    struct prt_crossing *crossings = calloc(count, sizeof *crossings);
    segment->at = calloc(count, sizeof *segment->at);
    segment->enters = calloc(count, sizeof *segment->enters);
    segment->leaves = calloc(count, sizeof *segment->leaves);
    bool has_memory = crossings && segment->at && segment->enters && segment->leaves;
    if (has_memory)
        prt_crossings_find(&segment->compile, crossings);
    bool fits = has_memory && lay_out(segment, crossings);
    free(crossings);
    return fits         ? PERCEPT_OK
           : has_memory ? percept_fail(error, PERCEPT_LIMIT, "%s: the tensors are too large",
                                       segment->host->name)
                        : percept_fail(error, PERCEPT_NO_MEMORY, "%s: no memory for a segment",
                                       segment->host->name);
}

/* ---- loading ---- */

static void drop_shared(struct prt_segment *segment)
{
    if (segment->shared)
        munmap(segment->shared, segment->shared_bytes);
    segment->shared = NULL;
}

/* New for each host: one that was killed may have left others that still have the old. */
static int make_shared(struct prt_segment *segment)
{
    drop_shared(segment);
    int fd = base_child_memory("percept-shared", segment->shared_bytes);
    void *memory =
        fd < 0 ? MAP_FAILED
               : mmap(NULL, segment->shared_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED) {
        if (fd >= 0)
            close(fd);
        return -1;
    }
    segment->shared = memory;
    return fd;
}

static size_t places_bytes(const struct prt_compile *compile)
{
    return compile->graph->value_count * sizeof(struct prt_place);
}

static size_t at_bytes(const struct prt_compile *compile)
{
    return compile->graph->value_count * sizeof(uint64_t);
}

static void write_lists(const struct prt_segment *segment, unsigned char *to)
{
    const struct prt_compile *compile = &segment->compile;
    if (compile->places)
        memcpy(to, compile->places, places_bytes(compile));
    to += places_bytes(compile);
    memcpy(to, segment->at, at_bytes(compile));
    to += at_bytes(compile);
    memcpy(to, compile->nodes, compile->node_count * sizeof *compile->nodes);
}

static enum percept_status ask_to_load(struct prt_segment *segment,
                                       const struct isolated_parcel *parcel, size_t parcel_bytes,
                                       int shared, struct isolated_reply *reply,
                                       struct percept_error *error)
{
    const struct prt_compile *compile = &segment->compile;
    struct isolated_request load = {
        .kind = ISOLATED_LOAD,
        .parcel_bytes = parcel_bytes,
        .memory_bytes = parcel->bytes,
        .lists = parcel->lists,
        .shared_bytes = segment->shared_bytes,
        .arena_bytes = compile->arena_bytes,
        .times = segment->times,
        .value_count = compile->graph->value_count,
        .node_count = compile->node_count,
        .threads = compile->threads,
        .is_planned = compile->places != NULL,
        .half = compile->half,
        .priority = compile->priority,
        .tune_ns = compile->tune_ns,
    };
    const int fds[] = {parcel->fd, shared};
    if (compile->folder && strlen(compile->folder) < sizeof load.text)
        memcpy(load.text, compile->folder, strlen(compile->folder) + 1);
    return isolated_host_ask(segment->host, &load, fds, 2, reply, error);
}

static void note_stats(struct prt_segment *segment, const struct isolated_reply *reply)
{
    segment->stats = (struct prt_segment_stats){
        .dispatches = reply->dispatches,
        .tuned = reply->tuned,
        .submissions = reply->submissions,
        .copied_bytes = reply->copied_bytes,
        .device_bytes = reply->device_bytes,
    };
}

/* Have the host take the segment in, as it is up now. Not under the lock. */
static enum percept_status load(struct prt_segment *segment, struct percept_error *error)
{
    const struct prt_compile *compile = &segment->compile;
    const char *name = segment->host->name;
    struct isolated_parcel parcel = {
        .fd = -1,
        .extra_bytes = places_bytes(compile) + at_bytes(compile) +
                       compile->node_count * sizeof *compile->nodes,
    };
    struct isolated_reply reply;
    size_t parcel_bytes = 0;
    int shared = make_shared(segment);
    enum percept_status status = PERCEPT_OK;
    if (shared < 0)
        status =
            percept_fail_errno(error, errno, "%s: %zu bytes to share", name, segment->shared_bytes);
    else if (!prt_parcel_of_nodes(compile->graph, compile->nodes, compile->node_count,
                                  isolated_parcel_memory, &parcel, &parcel_bytes))
        status = percept_fail(error, PERCEPT_NO_MEMORY,
                              "%s: a model cannot be read, or there is no memory for it", name);
    else
        write_lists(segment, (unsigned char *)parcel.memory + parcel.lists);
    if (status == PERCEPT_OK)
        status = ask_to_load(segment, &parcel, parcel_bytes, shared, &reply, error);
    isolated_parcel_close(&parcel);
    if (shared >= 0)
        close(shared);
    if (status != PERCEPT_OK)
        return status;
    segment->handle = reply.handle;
    note_stats(segment, &reply);
    return PERCEPT_OK;
}

bool isolated_load_next(struct isolated_host *host)
{
    struct prt_segment *segment = host->segments;
    while (segment && (segment->generation == host->generation || segment->is_in_flight ||
                       segment->is_refused))
        segment = segment->next;
    if (!segment)
        return false;
    uint64_t generation = host->generation;
    segment->is_loading = true;
    pthread_mutex_unlock(&host->lock);
    enum percept_status status = load(segment, NULL);
    pthread_mutex_lock(&host->lock);
    segment->is_loading = false;
    bool is_lost = host->state != ISOLATED_STARTING && host->state != ISOLATED_UP;
    segment->losses = status == PERCEPT_OK ? 0 : segment->losses + is_lost;
    /* It may be what kills hosts. */
    segment->is_refused = status != PERCEPT_OK && (!is_lost || segment->losses == MOST_LOSSES);
    if (status == PERCEPT_OK)
        segment->generation = generation;
    pthread_cond_broadcast(&host->changed);
    return true;
}

/* ---- making ---- */

enum percept_status isolated_compile(struct isolated_host *host, const struct prt_compile *compile,
                                     struct prt_segment **out, struct percept_error *error)
{
    struct prt_segment *segment = calloc(1, sizeof *segment);
    if (!segment)
        return percept_fail(error, PERCEPT_NO_MEMORY, "%s: no memory for a segment", host->name);
    segment->host = host;
    segment->compile = *compile;
    segment->compile.cache = NULL;
    pthread_mutex_lock(&host->lock);
    enum percept_status status = isolated_host_need(host, error);
    uint64_t generation = host->generation;
    pthread_mutex_unlock(&host->lock);
    if (status == PERCEPT_OK)
        status = find_roots(segment, error);
    if (status == PERCEPT_OK)
        status = load(segment, error);
    if (status != PERCEPT_OK) {
        isolated_destroy(segment);
        return status;
    }
    pthread_mutex_lock(&host->lock);
    segment->generation = generation; /* if there is a later one, it has yet to take it in */
    segment->next = host->segments;
    host->segments = segment;
    isolated_host_wake(host);
    pthread_mutex_unlock(&host->lock);
    *out = segment;
    return PERCEPT_OK;
}

static void take_out(struct prt_segment *segment)
{
    struct prt_segment **at = &segment->host->segments;
    while (*at && *at != segment)
        at = &(*at)->next;
    if (*at)
        *at = segment->next;
}

void isolated_destroy(struct prt_segment *segment)
{
    struct isolated_reply reply;
    if (!segment)
        return;
    struct isolated_host *host = segment->host;
    if (segment->is_in_flight)
        (void)isolated_wait(segment, NULL);
    pthread_mutex_lock(&host->lock);
    while (segment->is_loading)
        pthread_cond_wait(&host->changed, &host->lock);
    take_out(segment);
    bool is_loaded = segment->generation == host->generation && host->state == ISOLATED_UP;
    pthread_mutex_unlock(&host->lock);
    struct isolated_request unload = {.kind = ISOLATED_UNLOAD, .handle = segment->handle};
    if (is_loaded)
        (void)isolated_host_ask(host, &unload, NULL, 0, &reply, NULL);
    drop_shared(segment);
    free(segment->at);
    free(segment->enters);
    free(segment->leaves);
    free(segment);
}

size_t isolated_scratch_bytes(const struct prt_segment *segment)
{
    (void)segment; /* the host has it */
    return 0;
}

/* ---- running ---- */

bool isolated_is_well(const struct prt_segment *segment)
{
    struct isolated_host *host = segment->host;
    pthread_mutex_lock(&host->lock);
    bool is_well = host->state == ISOLATED_UP && segment->generation == host->generation;
    pthread_mutex_unlock(&host->lock);
    return is_well;
}

/* Take the segment, and with it its shared memory, until the wait. */
static enum percept_status take(struct prt_segment *segment, struct percept_error *error)
{
    struct isolated_host *host = segment->host;
    enum percept_status status = PERCEPT_OK;
    pthread_mutex_lock(&host->lock);
    if (segment->is_in_flight)
        status = percept_fail(error, PERCEPT_BUSY, "%s: the segment runs already", host->name);
    else if (host->state != ISOLATED_UP || segment->generation != host->generation)
        status = percept_fail(error, PERCEPT_DISCONNECTED, "%s: %s", host->name,
                              host->cause[0] ? host->cause : "its host does not run");
    else
        segment->is_in_flight = true;
    pthread_mutex_unlock(&host->lock);
    return status;
}

/* Under the lock. */
static void let_go(struct prt_segment *segment)
{
    segment->is_in_flight = false;
    if (segment->generation != segment->host->generation)
        isolated_host_wake(segment->host); /* a new one has yet to take it in */
}

enum percept_status isolated_start(struct prt_segment *segment,
                                   const struct prt_execution *execution,
                                   struct percept_error *error)
{
    struct isolated_host *host = segment->host;
    enum percept_status status = take(segment, error);
    if (status != PERCEPT_OK)
        return status;
    for (uint32_t i = 0; i < segment->enter_count; i++) {
        const struct isolated_root *root = &segment->enters[i];
        memcpy(segment->shared + root->offset, execution->data[root->id], root->bytes);
    }
    segment->data = execution->data;
    segment->times_wanted = execution->times;
    segment->call = (struct isolated_call){.reply = &segment->reply};
    struct isolated_request run = {
        .kind = ISOLATED_RUN, .handle = segment->handle, .timed = execution->times != NULL};
    pthread_mutex_lock(&host->lock);
    /* A host that was lost meanwhile does not know the handle; its successor may know another by
     * it. */
    status = segment->generation == host->generation
                 ? isolated_call_begin(host, &segment->call, &run, NULL, 0, error)
                 : percept_fail(error, PERCEPT_DISCONNECTED, "%s: %s", host->name, host->cause);
    if (status != PERCEPT_OK)
        let_go(segment);
    pthread_mutex_unlock(&host->lock);
    return status;
}

/* A time that the host noted, if it can be true. */
static int64_t noted(int64_t time, int64_t least, int64_t most)
{
    return time < least ? least : time > most ? most : time;
}

static void read_times(const struct prt_segment *segment)
{
    const struct isolated_time *all = (void *)(segment->shared + segment->times);
    int64_t last = segment->call.since_ns, now = base_clock_ns();
    for (uint32_t n = 0; n < segment->compile.node_count; n++) {
        struct isolated_time time = all[n]; /* once */
        struct prt_step_time *to = &segment->times_wanted[n];
        time.kernel[sizeof time.kernel - 1] = '\0';
        for (char *c = time.kernel; *c; c++)
            *c = (char)(*c < ' ' || *c > '~' ? '?' : *c);
        to->start_ns = noted(time.start_ns, last, now);
        to->end_ns = last = noted(time.end_ns, to->start_ns, now);
        to->kernel = base_kept_text(time.kernel, "isolated");
    }
}

enum percept_status isolated_wait(struct prt_segment *segment, struct percept_error *error)
{
    struct isolated_host *host = segment->host;
    if (!segment->is_in_flight) /* which only who runs the segment changes */
        return percept_fail(error, PERCEPT_INVALID, "%s: the segment was not started", host->name);
    enum percept_status status = isolated_call_end(host, &segment->call, error);
    for (uint32_t i = 0; status == PERCEPT_OK && i < segment->leave_count; i++) {
        const struct isolated_root *root = &segment->leaves[i];
        memcpy(segment->data[root->id], segment->shared + root->offset, root->bytes);
    }
    if (status == PERCEPT_OK && segment->times_wanted)
        read_times(segment);
    if (status == PERCEPT_OK)
        note_stats(segment, &segment->reply);
    pthread_mutex_lock(&host->lock);
    host->runs += status == PERCEPT_OK;
    let_go(segment);
    /* What a device has lost, only a new process has again. */
    if (status == PERCEPT_UNSUPPORTED && segment->generation == host->generation)
        isolated_host_lose(host, ISOLATED_FAILED, PERCEPT_DISCONNECTED,
                           segment->reply.text[0][0] ? segment->reply.text[0] : "a run failed");
    pthread_mutex_unlock(&host->lock);
    return status;
}

enum percept_status isolated_execute(const struct prt_segment *segment,
                                     const struct prt_execution *execution,
                                     struct percept_error *error)
{
    struct prt_segment *own = (struct prt_segment *)(uintptr_t)segment;
    enum percept_status status = isolated_start(own, execution, error);
    return status == PERCEPT_OK ? isolated_wait(own, error) : status;
}

void isolated_segment_stats(const struct prt_segment *segment, struct prt_segment_stats *stats)
{
    *stats = segment->stats;
    for (uint32_t i = 0; i < segment->enter_count; i++)
        stats->copied_bytes += segment->enters[i].bytes;
    for (uint32_t i = 0; i < segment->leave_count; i++)
        stats->copied_bytes += segment->leaves[i].bytes;
}
