/* Why: see serve.h. What comes in is of the process that started this one, so it is not checked for
 * malice, only for what a version that is not ours would send. */
#include "backends/isolated/serve.h"

#include "base/pages.h"
#include "runtime/graph_image.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct mapping {
    unsigned char *memory;
    size_t bytes;
};

struct loaded {
    struct mapping parcel, shared;
    struct prt_graph *graph;
    struct prt_segment *segment;
    void **data;
    void *scratch;
    size_t scratch_bytes;
    struct prt_step_time *times;
    uint32_t node_count;
    size_t times_at;
    char *folder;
};

struct isolated_server {
    const struct prt_backend *backend;
    struct base_pool *pool; /* made for the first segment that may have one */
    struct loaded **loaded; /* by handle, less one */
    size_t count;
};

static enum percept_status map(int fd, size_t bytes, struct mapping *mapping,
                               struct percept_error *error)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED)
        return percept_fail(error, PERCEPT_NO_MEMORY, "cannot map %zu bytes", bytes);
    *mapping = (struct mapping){memory, bytes};
    return PERCEPT_OK;
}

static void unmap(struct mapping *mapping)
{
    if (mapping->memory)
        munmap(mapping->memory, mapping->bytes);
    *mapping = (struct mapping){0};
}

/* ---- questions ---- */

static void put_text(struct isolated_reply *reply, unsigned which, const char *text)
{
    snprintf(reply->text[which], ISOLATED_TEXT_BYTES, "%.*s", ISOLATED_TEXT_BYTES - 1,
             text ? text : "");
}

static enum percept_status hello(const struct prt_backend *backend, struct isolated_reply *reply)
{
    const char *why = backend->absent();
    char code[ISOLATED_TEXT_BYTES] = "";
    reply->version = ISOLATED_VERSION;
    put_text(reply, 0, why);
    if (!why && backend->code) /* what is kept for it is not what is kept for it over there */
        snprintf(code, sizeof code, "a process with %s", backend->code());
    put_text(reply, 1, code);
    put_text(reply, 2, !why && backend->release ? backend->release() : NULL);
    put_text(reply, 3, !why && backend->device ? backend->device() : NULL);
    return PERCEPT_OK;
}

static enum percept_status set_option(const struct prt_backend *backend,
                                      const struct isolated_request *request,
                                      struct percept_error *error)
{
    return backend->set
               ? backend->set(request->key, request->text, error)
               : percept_fail(error, PERCEPT_INVALID,
                              "it has no options of its own, and so no '%s'", request->key);
}

static enum percept_status answer_question(const struct prt_backend *backend,
                                           const struct isolated_request *request, int fd,
                                           struct isolated_reply *reply,
                                           struct percept_error *error)
{
    struct mapping parcel = {0};
    enum percept_status status = map(fd, request->memory_bytes, &parcel, error);
    if (status != PERCEPT_OK)
        return status;
    struct prt_graph *graph = prt_graph_from_image(NULL, parcel.memory, request->parcel_bytes);
    if (graph && graph->node_count == 1) {
        const struct prt_node *node = &graph->nodes[0];
        reply->supports = backend->supports(graph, node);
        if (!reply->supports && backend->refuses)
            put_text(reply, 0, backend->refuses(graph, node));
    } else {
        status = percept_fail(error, PERCEPT_MALFORMED, "that is no node");
    }
    prt_graph_destroy(graph);
    unmap(&parcel);
    return status;
}

/* ---- taking in ---- */

static void unload(const struct prt_backend *backend, struct loaded *loaded)
{
    if (!loaded)
        return;
    backend->destroy(loaded->segment);
    base_pages_free(loaded->scratch, loaded->scratch_bytes);
    prt_graph_destroy(loaded->graph);
    unmap(&loaded->parcel);
    unmap(&loaded->shared);
    free(loaded->data);
    free(loaded->times);
    free(loaded->folder);
    free(loaded);
}

/* Addresses of the values that the nodes use. */
static bool place_values(struct loaded *loaded, const struct isolated_request *request,
                         const struct prt_place *places, const uint64_t *at)
{
    loaded->data = calloc((size_t)request->value_count + 1, sizeof *loaded->data);
    for (uint32_t i = 0; loaded->data && i < request->value_count; i++) {
        uint32_t root = request->is_planned ? places[i].root : i;
        size_t delta = request->is_planned ? places[i].delta : 0;
        const struct prt_value *value = &loaded->graph->values[i];
        if (value->kind != PRT_VALUE_TENSOR)
            continue;
        if (loaded->graph->values[root].flags & PRT_FLAG_CONSTANT)
            loaded->data[i] = (unsigned char *)(uintptr_t)loaded->graph->values[root].data + delta;
        else if (at[root] < request->shared_bytes)
            loaded->data[i] = loaded->shared.memory + at[root] + delta;
    }
    return loaded->data != NULL;
}

static struct base_pool *pool_of(struct isolated_server *server, uint32_t threads)
{
    if (!server->pool && threads > 1)
        (void)base_pool_create(threads, &server->pool, NULL); /* none: it is slower */
    return server->pool;
}

static enum percept_status execute(const struct isolated_server *server,
                                   const struct loaded *loaded, bool timed,
                                   struct percept_error *error)
{
    const struct prt_execution execution = {
        .data = loaded->data,
        .scratch = loaded->scratch,
        .pool = server->pool,
        .times = timed ? loaded->times : NULL,
    };
    return server->backend->execute(loaded->segment, &execution, error);
}

static enum percept_status load_into(struct isolated_server *server,
                                     const struct isolated_request *request, const int *fds,
                                     struct loaded *loaded, struct percept_error *error)
{
    enum percept_status status = map(fds[0], request->memory_bytes, &loaded->parcel, error);
    if (status == PERCEPT_OK)
        status = map(fds[1], request->shared_bytes, &loaded->shared, error);
    if (status != PERCEPT_OK)
        return status;
    const struct prt_place *places = (void *)(loaded->parcel.memory + request->lists);
    const uint64_t *at = (const void *)(places + request->value_count);
    const uint32_t *nodes = (const void *)(at + request->value_count);
    loaded->graph = prt_graph_from_image(NULL, loaded->parcel.memory, request->parcel_bytes);
    if (!loaded->graph || loaded->graph->value_count != request->value_count)
        return percept_fail(error, PERCEPT_MALFORMED, "that is no graph");
    struct base_pool *pool = pool_of(server, request->threads);
    loaded->folder = request->text[0] ? strdup(request->text) : NULL;
    loaded->node_count = request->node_count;
    loaded->times_at = request->times;
    loaded->times = calloc((size_t)request->node_count + 1, sizeof *loaded->times);
    if (!loaded->times || !place_values(loaded, request, places, at))
        return percept_fail(error, PERCEPT_NO_MEMORY, "no memory for a model");
    const struct prt_compile compile = {
        .graph = loaded->graph,
        .nodes = nodes,
        .node_count = request->node_count,
        .threads = pool ? base_pool_threads(pool) : 1,
        .places = request->is_planned ? places : NULL,
        .arena_bytes = request->arena_bytes,
        .half = request->half,
        .priority = (enum prt_priority)request->priority,
        .folder = loaded->folder,
        .tune_ns = request->tune_ns,
    };
    status = server->backend->compile(&compile, &loaded->segment, error);
    if (status != PERCEPT_OK)
        return status;
    loaded->scratch_bytes = server->backend->scratch_bytes(loaded->segment) + 64;
    loaded->scratch = base_pages_reserve(loaded->scratch_bytes);
    if (!loaded->scratch)
        return percept_fail(error, PERCEPT_NO_MEMORY, "no memory for scratch");
    /* Once on zeros, whatever comes of it: what a driver does in its first run takes long, and
     * where it crashes then, it has not been given a frame yet. */
    (void)execute(server, loaded, false, NULL);
    return PERCEPT_OK;
}

/* A free handle, with room for it; 0 without memory. */
static size_t free_handle(struct isolated_server *server)
{
    size_t at = 0;
    while (at < server->count && server->loaded[at])
        at++;
    if (at == server->count) {
        struct loaded **larger = realloc(server->loaded, (at + 1) * sizeof *larger);
        if (!larger)
            return 0;
        server->loaded = larger;
        server->loaded[server->count++] = NULL;
    }
    return at + 1;
}

static void tell_stats(const struct isolated_server *server, const struct loaded *loaded,
                       struct isolated_reply *reply)
{
    struct prt_segment_stats stats = {0};
    if (server->backend->stats)
        server->backend->stats(loaded->segment, &stats);
    reply->dispatches = stats.dispatches;
    reply->tuned = stats.tuned;
    reply->submissions = stats.submissions;
    reply->copied_bytes = stats.copied_bytes;
    reply->device_bytes = stats.device_bytes;
}

static enum percept_status load(struct isolated_server *server,
                                const struct isolated_request *request, const int *fds,
                                struct isolated_reply *reply, struct percept_error *error)
{
    size_t handle = free_handle(server);
    struct loaded *loaded = handle ? calloc(1, sizeof *loaded) : NULL;
    enum percept_status status =
        loaded ? load_into(server, request, fds, loaded, error)
               : percept_fail(error, PERCEPT_NO_MEMORY, "no memory for a model");
    if (status != PERCEPT_OK) {
        unload(server->backend, loaded);
        return status;
    }
    server->loaded[handle - 1] = loaded;
    reply->handle = handle;
    tell_stats(server, loaded, reply);
    return PERCEPT_OK;
}

static struct loaded *find(const struct isolated_server *server, uint64_t handle)
{
    return handle && handle <= server->count ? server->loaded[handle - 1] : NULL;
}

/* ---- running ---- */

static void write_times(const struct loaded *loaded)
{
    struct isolated_time *to = (void *)(loaded->shared.memory + loaded->times_at);
    for (uint32_t n = 0; n < loaded->node_count; n++) {
        const struct prt_step_time *time = &loaded->times[n];
        to[n].start_ns = time->start_ns;
        to[n].end_ns = time->end_ns;
        snprintf(to[n].kernel, sizeof to[n].kernel, "%s", time->kernel ? time->kernel : "");
    }
}

static enum percept_status run(const struct isolated_server *server,
                               const struct isolated_request *request, struct isolated_reply *reply,
                               struct percept_error *error)
{
    struct loaded *loaded = find(server, request->handle);
    if (!loaded)
        return percept_fail(error, PERCEPT_NOT_FOUND, "there is no such model");
    enum percept_status status = execute(server, loaded, request->timed, error);
    if (status == PERCEPT_OK && request->timed)
        write_times(loaded);
    if (status == PERCEPT_OK)
        tell_stats(server, loaded, reply);
    return status;
}

/* ---- serving ---- */

void isolated_answer(struct isolated_server *server, const struct isolated_request *request,
                     const int fds[ISOLATED_MOST_FDS], struct isolated_reply *reply)
{
    struct percept_error error = {0};
    enum percept_status status = PERCEPT_OK;
    *reply = (struct isolated_reply){.kind = request->kind, .sequence = request->sequence};
    switch (request->kind) {
    case ISOLATED_HELLO:
        status = hello(server->backend, reply);
        break;
    case ISOLATED_SET:
        status = set_option(server->backend, request, &error);
        break;
    case ISOLATED_ASK:
        status = answer_question(server->backend, request, fds[0], reply, &error);
        break;
    case ISOLATED_LOAD:
        status = load(server, request, fds, reply, &error);
        break;
    case ISOLATED_RUN:
        status = run(server, request, reply, &error);
        break;
    case ISOLATED_UNLOAD:
        if (find(server, request->handle)) {
            unload(server->backend, find(server, request->handle));
            server->loaded[request->handle - 1] = NULL;
        }
        break;
    default:
        status = percept_fail(&error, PERCEPT_UNSUPPORTED, "there is no such request");
    }
    reply->status = status;
    if (status != PERCEPT_OK)
        put_text(reply, 0, error.message);
}

bool isolated_serve(struct isolated_server *server, int socket)
{
    struct isolated_request request;
    struct isolated_reply reply;
    int fds[ISOLATED_MOST_FDS];
    ssize_t got;
    while ((got = isolated_take(socket, &request, fds)) == sizeof request) {
        isolated_answer(server, &request, fds, &reply);
        for (unsigned i = 0; i < ISOLATED_MOST_FDS; i++)
            if (fds[i] >= 0)
                close(fds[i]);
        if (!isolated_send(socket, &reply, sizeof reply, NULL, 0))
            return false;
    }
    return got == 0;
}

struct isolated_server *isolated_server_create(const struct prt_backend *backend)
{
    struct isolated_server *server = calloc(1, sizeof *server);
    if (server)
        server->backend = backend;
    return server;
}

void isolated_server_destroy(struct isolated_server *server)
{
    if (!server)
        return;
    for (size_t i = 0; i < server->count; i++)
        unload(server->backend, server->loaded[i]);
    base_pool_destroy(server->pool);
    free(server->loaded);
    free(server);
}
