/* Why: several nodes may run one file; its program is opened once, and what it costs is known by
 * the name that the configuration gave it. */
#include "pipelines/models.h"

#include "base/clock.h"
#include "pipelines/trace.h"
#include "pipelines/window.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_BACKENDS 16

/* One configured model. A table and each instance hold a reference; all are taken and given back by
 * those who create, prepare and switch the engine, one at a time. */
struct entry {
    unsigned references;
    struct pipe_config *root; /* the configuration that opened it */
    const struct pipe_config_model *config;
    struct prt_program *program;
    const struct prt_backend *backends[MAX_BACKENDS + 1];
    bool by_cost; /* what is measured decides among them, not their order */
    struct pipe_window runs;
    /* The rest: an instance may be made for the next configuration while others run. */
    pthread_mutex_t mutex;
    int64_t load_ns;        /* opening, and making its instances */
    char placements[2][64]; /* "cpu", or "vulkan+cpu": as they were placed, and after a fault */
    int away;               /* how many instances are as after a fault */
};

struct pipe_models {
    struct pipe_config *config;
    const struct pipe_host *host;
    size_t count;
    struct entry *entries[];
};

struct pipe_model {
    struct prt_model *prt;
    struct entry *entry;
    const struct pipe_host *host;
    struct base_pool *pool;
    struct pipe_model_user *user;
    bool is_away; /* a backend was given up, and did not come back so far */
};

/* ---- programs ---- */

/* All that are there; the first that computes on the host, last. */
static void choose_all(const struct pipe_models *models, struct entry *entry)
{
    const struct prt_backend *const *all = models->host->backends;
    const struct prt_backend *last = NULL;
    size_t used = 0;
    for (size_t i = 0; all[i] && !last; i++)
        last = all[i]->on_host ? all[i] : NULL;
    for (size_t i = 0; all[i] && used < PRT_MAX_BACKENDS - 1; i++)
        if (all[i] != last && !all[i]->absent())
            entry->backends[used++] = all[i];
    entry->backends[used] = last;
}

/* A backend, and the one that follows it under the same name: an isolated one may need it. */
static size_t add_backend(struct entry *entry, size_t used, const struct prt_backend *const *all,
                          const struct prt_backend *backend)
{
    for (bool is_met = false; *all; all++) {
        is_met |= *all == backend;
        if (is_met && used < MAX_BACKENDS && strcmp((*all)->name, backend->name) == 0)
            entry->backends[used++] = *all;
    }
    return used;
}

/* Those that are named, or else the first that there is. One that is named but absent is an error
 * only when no other is left: a list is an order of preference, or after `auto` a choice. */
static enum percept_status choose_backends(const struct pipe_models *models, struct entry *entry,
                                           struct percept_error *error)
{
    const struct prt_backend *const *all = models->host->backends;
    const struct pipe_texts *wanted = &entry->config->backends;
    const char *absent = NULL;
    size_t used = 0;
    entry->by_cost = wanted->count && strcmp(wanted->items[0].text, "auto") == 0;
    if (entry->by_cost && wanted->count == 1 && all[0]) {
        choose_all(models, entry);
        return PERCEPT_OK;
    }
    for (size_t i = entry->by_cost; i < (wanted->count ? wanted->count : 1); i++) {
        const struct prt_backend *backend =
            wanted->count ? pipe_config_find_backend(all, &wanted->items[i], error) : all[0];
        if (!backend && wanted->count)
            return PERCEPT_NOT_FOUND;
        const char *why = backend ? backend->absent() : "this build has none";
        if (why)
            absent = why;
        else
            used = add_backend(entry, used, all, backend);
    }
    if (used == 0)
        return percept_fail_at(error, PERCEPT_NOT_FOUND, entry->config->place->file->name,
                               entry->config->place->line, entry->config->place->column,
                               "model '%s' has no backend to run on: %s", entry->config->name,
                               absent ? absent : "this build has none");
    return PERCEPT_OK;
}

static enum percept_status open_file(const char *path, const struct pipe_host *host,
                                     struct prt_program **program, struct percept_error *error)
{
    uint8_t hash[SIGNING_HASH_BYTES];
    int file;
    if (!host->keys && !host->try_model)
        return prt_program_open(path, program, error);
    enum percept_status status = signing_copy(host->keys, path, &file, hash, error);
    if (status != PERCEPT_OK)
        return status;
    if (host->try_model)
        status = host->try_model(host->context, path, file, hash, error);
    if (status == PERCEPT_OK)
        status = prt_program_open_sealed(file, hash, path, program, error);
    close(file);
    return status;
}

static enum percept_status open_program(const struct pipe_models *models, struct entry *entry,
                                        struct percept_error *error)
{
    struct percept_error cause = {0};
    enum percept_status status = choose_backends(models, entry, error);
    if (status != PERCEPT_OK)
        return status;
    int64_t start = base_clock_ns();
    status = open_file(entry->config->file, models->host, &entry->program, &cause);
    entry->load_ns = base_clock_ns() - start;
    if (status != PERCEPT_OK) {
        char text[768];
        return percept_fail_at(error, status, entry->config->place->file->name,
                               entry->config->place->line, entry->config->place->column,
                               "model '%s': %s", entry->config->name,
                               percept_error_format(&cause, text, sizeof text));
    }
    return PERCEPT_OK;
}

static void unref(struct entry *entry)
{
    if (!entry || --entry->references)
        return;
    prt_program_close(entry->program);
    pipe_config_destroy(entry->root);
    pthread_mutex_destroy(&entry->mutex);
    free(entry);
}

/* The model as it was opened before, if it is still the same. */
static struct entry *find_same(const struct pipe_models *before,
                               const struct pipe_config_model *config)
{
    for (size_t i = 0; before && i < before->count; i++) {
        struct entry *entry = before->entries[i];
        if (strcmp(entry->config->name, config->name) == 0 &&
            pipe_config_same_model(entry->config, config))
            return entry;
    }
    return NULL;
}

static enum percept_status add_entry(struct pipe_models *models, const struct pipe_models *before,
                                     const struct pipe_config_model *config,
                                     struct percept_error *error)
{
    struct entry *entry = find_same(before, config);
    if (entry) {
        entry->references++;
        models->entries[models->count++] = entry;
        return PERCEPT_OK;
    }
    entry = calloc(1, sizeof *entry);
    if (!entry)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    pthread_mutex_init(&entry->mutex, NULL);
    entry->references = 1;
    entry->root = pipe_config_ref(models->config);
    entry->config = config;
    models->entries[models->count++] = entry;
    return open_program(models, entry, error);
}

enum percept_status pipe_models_asked(const atomic_bool *give_up, struct percept_error *error)
{
    return give_up && atomic_load_explicit(give_up, memory_order_relaxed)
               ? percept_fail(error, PERCEPT_CANCELLED, "nobody wants it any more")
               : PERCEPT_OK;
}

enum percept_status pipe_models_create(struct pipe_config *config, const struct pipe_host *host,
                                       const struct pipe_models *before, const atomic_bool *give_up,
                                       struct pipe_models **out, struct percept_error *error)
{
    struct pipe_models *models =
        calloc(1, sizeof *models + config->model_count * sizeof models->entries[0]);
    if (!models)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    models->config = config;
    models->host = host;
    for (size_t i = 0; i < config->model_count; i++) {
        enum percept_status status = pipe_models_asked(give_up, error);
        if (status == PERCEPT_OK)
            status = add_entry(models, before, &config->models[i], error);
        if (status != PERCEPT_OK) {
            pipe_models_destroy(models);
            return status;
        }
    }
    *out = models;
    return PERCEPT_OK;
}

void pipe_models_destroy(struct pipe_models *models)
{
    for (size_t i = 0; models && i < models->count; i++)
        unref(models->entries[i]);
    free(models);
}

/* ---- instances ---- */

/* Add the names of the backends that run the model's nodes. */
static void add_placement(char placement[64], const struct prt_model *model)
{
    const struct prt_graph *graph = prt_model_graph(model);
    for (uint32_t node = 0; node < graph->node_count; node++) {
        const struct prt_backend *backend = prt_model_placement(model, node);
        size_t used = strlen(placement);
        if (backend && !strstr(placement, backend->name))
            snprintf(placement + used, 64 - used, "%s%s", used ? "+" : "", backend->name);
    }
}

/* A backend failed and others go on, or it is well again: worth a line in the log each time. */
static void tell_change(struct pipe_model *model, const char *gave_up)
{
    const struct pipe_host *host = model->host;
    struct entry *entry = model->entry;
    char text[640];
    model->is_away = gave_up != NULL;
    pthread_mutex_lock(&entry->mutex);
    if (gave_up)
        snprintf(text, sizeof text, "model '%s' goes on without a backend: %s", entry->config->name,
                 gave_up);
    else
        snprintf(text, sizeof text, "model '%s' is back on its backends: %s", entry->config->name,
                 entry->placements[0]);
    if (gave_up && !entry->placements[1][0])
        add_placement(entry->placements[1], model->prt);
    entry->away += gave_up ? 1 : -1;
    pthread_mutex_unlock(&entry->mutex);
    host->event(host->context, NULL, text);
}

enum percept_status pipe_models_open(struct pipe_models *models, const char *name,
                                     const char *method, struct pipe_model_user *user,
                                     struct pipe_model **out, struct percept_error *error)
{
    static const enum prt_priority priorities[] = {
        [PIPE_PRIORITY_LOW] = PRT_PRIORITY_LOW,
        [PIPE_PRIORITY_NORMAL] = PRT_PRIORITY_NORMAL,
        [PIPE_PRIORITY_HIGH] = PRT_PRIORITY_HIGH,
    };
    struct entry *entry = NULL;
    for (size_t i = 0; i < models->count; i++)
        if (strcmp(models->entries[i]->config->name, name) == 0)
            entry = models->entries[i];
    if (!entry)
        return percept_fail(error, PERCEPT_NOT_FOUND, "no model '%s'", name);
    struct pipe_model *model = calloc(1, sizeof *model);
    if (!model)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    const struct prt_model_options options = {
        .method = method,
        .backends = entry->backends,
        .pool = models->host->pool,
        .arena = user->arena,
        .yield = user->yield,
        .cache = entry->root->daemon.cache,
        .half = entry->config->precision == PIPE_FP16,
        .measure_ns = entry->by_cost ? PRT_MEASURE_NS : 0,
        .priority = priorities[user->priority],
    };
    int64_t start = base_clock_ns();
    enum percept_status status = prt_model_create(entry->program, &options, &model->prt, error);
    if (status != PERCEPT_OK) {
        free(model);
        return status;
    }
    pthread_mutex_lock(&entry->mutex);
    entry->load_ns += base_clock_ns() - start;
    add_placement(entry->placements[0], model->prt);
    pthread_mutex_unlock(&entry->mutex);
    entry->references++;
    model->entry = entry;
    model->host = models->host;
    model->pool = options.pool;
    model->user = user;
    *out = model;
    return PERCEPT_OK;
}

void pipe_model_destroy(struct pipe_model *model)
{
    if (!model)
        return;
    prt_model_destroy(model->prt);
    unref(model->entry);
    free(model);
}

struct prt_model *pipe_model_prt(struct pipe_model *model)
{
    return model->prt;
}

enum percept_status pipe_model_run(struct pipe_model *model, struct percept_error *error)
{
    int64_t start = base_clock_ns(), away = model->user->away_ns;
    enum percept_status status = prt_model_run(model->prt, error);
    int64_t spent = base_clock_ns() - start - (model->user->away_ns - away);
    pipe_trace_end(PIPE_TRACE_MODEL, model->entry->config->name, pipe_trace_begin() ? start : 0);
    model->user->model_ns += spent;
    const char *gave_up = prt_model_gave_up(model->prt);
    if (model->is_away != (gave_up != NULL))
        tell_change(model, gave_up);
    if (status == PERCEPT_OK)
        pipe_window_add(&model->entry->runs, spent);
    return status;
}

enum percept_status pipe_model_resize(struct pipe_model *model, unsigned rank, const int32_t *sizes,
                                      struct percept_error *error)
{
    unsigned plans = prt_model_plans(model->prt);
    int64_t own = base_clock_thread_ns(), helped = base_pool_helped_ns();
    enum percept_status status = prt_model_resize_input(model->prt, 0, rank, sizes, error);
    if (prt_model_plans(model->prt) > plans)
        model->user->once_ns += base_clock_thread_ns() - own + base_pool_helped_ns() - helped;
    return status;
}

/* ---- what nodes expect of them ---- */

enum percept_status pipe_model_image_input(struct pipe_model *model, struct pipe_image_input *input,
                                           struct percept_error *error)
{
    const struct prt_tensor *spec = prt_model_input_spec(model->prt, 0);
    char text[160];
    if (!spec || prt_model_input_count(model->prt) != 1)
        return percept_fail(error, PERCEPT_INVALID, "model '%s': expected one input, an image",
                            model->entry->config->name);
    int channel = -1;
    if (spec->rank == 4 && spec->sizes[0] == 1)
        channel = spec->sizes[1] == 3 ? 1 : (spec->sizes[3] == 3 ? 3 : -1);
    int row = channel == 1 ? 2 : 1;
    bool fits = spec->dtype == PRT_F32 && channel > 0 && spec->sizes[row] == spec->sizes[row + 1] &&
                spec->sizes[row] > 0 && spec->sizes[row] <= 4096;
    bool rows_first = prt_tensor_is_contiguous(spec),
         channels_last = prt_tensor_is_channels_last(spec);
    /* Sizes [1,S,S,3] in row-major order and [1,3,S,S] channels-last are the same bytes. */
    if (!fits || !(rows_first || (channel == 1 && channels_last)))
        return percept_fail(error, PERCEPT_INVALID,
                            "model '%s': expected an input float32[1, 3, size, size], it is %s",
                            model->entry->config->name,
                            prt_tensor_describe(spec, text, sizeof text));
    *input = (struct pipe_image_input){
        .data = prt_model_input_data(model->prt, 0),
        .size = (uint32_t)spec->sizes[row],
        .planar = channel == 1 && rows_first,
        .pool = model->pool,
    };
    return PERCEPT_OK;
}

enum percept_status pipe_model_output(struct pipe_model *model, size_t index, size_t count,
                                      const float **data, struct percept_error *error)
{
    const struct prt_tensor *spec = prt_model_output_spec(model->prt, index);
    char text[160];
    if (!spec)
        return percept_fail(error, PERCEPT_INVALID, "model '%s': has no output %zu",
                            model->entry->config->name, index);
    if (spec->dtype != PRT_F32 || prt_tensor_elements(spec) != count ||
        !prt_tensor_is_contiguous(spec))
        return percept_fail(error, PERCEPT_INVALID,
                            "model '%s': expected output %zu to be float32 with %zu elements, it "
                            "is %s",
                            model->entry->config->name, index, count,
                            prt_tensor_describe(spec, text, sizeof text));
    *data = prt_model_output_data(model->prt, index);
    return PERCEPT_OK;
}

/* As it was placed, or as it goes on without a backend; and how long it took to load. */
static void look_at(struct entry *entry, char placement[64], int64_t *load_ns)
{
    pthread_mutex_lock(&entry->mutex);
    memcpy(placement, entry->placements[entry->away > 0], 64);
    *load_ns = entry->load_ns;
    pthread_mutex_unlock(&entry->mutex);
}

void pipe_model_add_processor(const struct pipe_model *model, char processor[64])
{
    char placement[64];
    int64_t load_ns;
    look_at(model->entry, placement, &load_ns);
    for (const char *name = placement; *name;) {
        size_t length = strcspn(name, "+"), used = strlen(processor);
        char one[64];
        snprintf(one, sizeof one, "%.*s", (int)length, name);
        if (!strstr(processor, one))
            snprintf(processor + used, 64 - used, "%s%s", used ? "+" : "", one);
        name += length + (name[length] == '+');
    }
}

size_t pipe_models_stats(const struct pipe_models *models, struct pipe_model_stats *stats,
                         size_t capacity)
{
    for (size_t i = 0; i < models->count && i < capacity; i++) {
        struct entry *entry = models->entries[i];
        stats[i] = (struct pipe_model_stats){
            .name = entry->config->name,
            .file = entry->config->file,
            .runs = pipe_window_count(&entry->runs),
        };
        look_at(entry, stats[i].backend, &stats[i].load_ns);
        pipe_window_percentiles(&entry->runs, &stats[i].median_ns, &stats[i].p99_ns);
    }
    return models->count;
}
