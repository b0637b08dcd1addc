/* Why: whatever can be wrong with a deployment should be said before anything runs, with the line
 * to look at. */
#include "pipelines/config.h"
#include "pipelines/config_tables.h"

#include "pipelines/config_files.h"
#include "pipelines/node_plugins.h"
#include "pipelines/schema.h"
#include "pipelines/suggest.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ALLOCATE(reader, count, type) \
    ((type *)base_arena_array((reader)->arena, (count), sizeof(type)))

static enum percept_status no_memory(const struct pipe_schema_reader *r, const struct pipe_tree *at)
{
    return pipe_schema_fail(r, at, PERCEPT_NO_MEMORY, "out of memory");
}

/* ---- top level and daemon ---- */

struct top {
    int64_t version;
    const struct pipe_tree *daemon, *scheduler, *backends, *models, *pipelines, *transcript;
    struct pipe_texts include, plugins, node_plugins;
};

const struct pipe_param pipe_top_params[] = {
    {.name = "version",
     .kind = PIPE_PARAM_INT,
     .offset = offsetof(struct top, version),
     .required = true,
     .min = 1,
     .max = 1,
     .help = "of this format: 1"},
    {.name = "include",
     .kind = PIPE_PARAM_PATHS,
     .offset = offsetof(struct top, include),
     .help = "files that this one adds to and changes"},
    {.name = "daemon",
     .kind = PIPE_PARAM_MAP,
     .offset = offsetof(struct top, daemon),
     .help = "settings of the daemon itself"},
    {.name = "scheduler",
     .kind = PIPE_PARAM_MAP,
     .offset = offsetof(struct top, scheduler),
     .help = "how pipelines share the processors"},
    {.name = "plugins",
     .kind = PIPE_PARAM_PATHS,
     .offset = offsetof(struct top, plugins),
     .help = "folders with backends to load"},
    {.name = "node_plugins",
     .kind = PIPE_PARAM_PATHS,
     .offset = offsetof(struct top, node_plugins),
     .help = "folders with kinds of nodes to load"},
    {.name = "backends",
     .kind = PIPE_PARAM_MAP,
     .offset = offsetof(struct top, backends),
     .help = "name: options"},
    {.name = "models",
     .kind = PIPE_PARAM_MAP,
     .offset = offsetof(struct top, models),
     .help = "name: {file, backends}"},
    {.name = "pipelines",
     .kind = PIPE_PARAM_MAP,
     .offset = offsetof(struct top, pipelines),
     .required = true,
     .help = "name: {source, nodes, topics}"},
    {.name = "transcript",
     .kind = PIPE_PARAM_MAP,
     .offset = offsetof(struct top, transcript),
     .help = "what of what is said is kept; nothing if not given"},
    {0},
};

#define CHECK_SECONDS 60 /* on a slow machine, for a large one */

struct daemon_fields {
    const char *socket, *cache, *policy, *state, *metrics, *device_root;
    bool exit_when_done, confine, check_models, watch_device;
    int64_t threads, check_seconds;
    struct pipe_numbers cpus;
    int log;
};

static const char *const log_levels[] = {"error", "warning", "info", "debug", NULL};

const struct pipe_param pipe_daemon_params[] = {
    {.name = "socket",
     .kind = PIPE_PARAM_PATH,
     .offset = offsetof(struct daemon_fields, socket),
     .help = "path of the control socket"},
    {.name = "cache",
     .kind = PIPE_PARAM_PATH,
     .offset = offsetof(struct daemon_fields, cache),
     .help = "folder for packed weights; none if not given"},
    {.name = "policy",
     .kind = PIPE_PARAM_PATH,
     .offset = offsetof(struct daemon_fields, policy),
     .help = "file that says who may read what"},
    {.name = "state",
     .kind = PIPE_PARAM_PATH,
     .offset = offsetof(struct daemon_fields, state),
     .help = "folder for grants and the audit record"},
    {.name = "metrics",
     .kind = PIPE_PARAM_TEXT,
     .offset = offsetof(struct daemon_fields, metrics),
     .help = "where to serve metrics: unix:/path, 127.0.0.1:PORT or [::1]:PORT; none if not given"},
    {.name = "exit_when_done",
     .kind = PIPE_PARAM_BOOL,
     .offset = offsetof(struct daemon_fields, exit_when_done),
     .help = "stop when every source has ended"},
    {.name = "confine",
     .kind = PIPE_PARAM_BOOL,
     .offset = offsetof(struct daemon_fields, confine),
     .fallback = true,
     .help = "forbid the daemon the system calls that it does not need"},
    {.name = "check_models",
     .kind = PIPE_PARAM_BOOL,
     .offset = offsetof(struct daemon_fields, check_models),
     .fallback = true,
     .help = "have a process that may die of it load each model first"},
    {.name = "check_seconds",
     .kind = PIPE_PARAM_INT,
     .offset = offsetof(struct daemon_fields, check_seconds),
     .fallback = CHECK_SECONDS,
     .min = 1,
     .max = 3600,
     .help = "how long that may take, for a model"},
    {.name = "watch_device",
     .kind = PIPE_PARAM_BOOL,
     .offset = offsetof(struct daemon_fields, watch_device),
     .fallback = true,
     .help = "go down the ladders when the device is hot, throttled, or short of power or memory"},
    {.name = "device_root",
     .kind = PIPE_PARAM_PATH,
     .offset = offsetof(struct daemon_fields, device_root),
     .fallback_text = "/",
     .help = "the folder with the device's sys and proc"},
    {.name = "cpus",
     .kind = PIPE_PARAM_NUMBERS,
     .offset = offsetof(struct daemon_fields, cpus),
     .min = 0,
     .max = PIPE_MAX_CPU,
     .help = "numbers of the CPUs that the daemon keeps to; none: all that it may use"},
    {.name = "threads",
     .kind = PIPE_PARAM_INT,
     .offset = offsetof(struct daemon_fields, threads),
     .max = 256,
     .help = "of the runtime's pool; 0: one per CPU"},
    {.name = "log",
     .kind = PIPE_PARAM_CHOICE,
     .offset = offsetof(struct daemon_fields, log),
     .fallback = BASE_LOG_INFO,
     .choices = log_levels,
     .help = "how much to log"},
    {0},
};

/* Of this machine alone: what is served says who reads what. */
static enum percept_status check_metrics(const struct pipe_schema_reader *r,
                                         const struct pipe_tree *map, const char *address)
{
    static const char *const hosts[] = {"127.0.0.1:", "[::1]:"};
    char *end = NULL;
    long port = 0;
    if (strncmp(address, "unix:/", 6) == 0)
        return PERCEPT_OK;
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++)
        if (strncmp(address, hosts[i], strlen(hosts[i])) == 0)
            port = strtol(address + strlen(hosts[i]), &end, 10);
    if (end && *end == '\0' && port >= 1 && port <= 65535)
        return PERCEPT_OK;
    return pipe_schema_fail(r, pipe_tree_find(map, "metrics")->value, PERCEPT_MALFORMED,
                            "metrics: expected unix:/path, 127.0.0.1:PORT or [::1]:PORT, got "
                            "'%.80s'",
                            address);
}

static enum percept_status read_daemon(const struct pipe_schema_reader *r,
                                       const struct pipe_tree *map, struct pipe_config *config)
{
    struct daemon_fields fields = {.confine = true,
                                   .check_models = true,
                                   .check_seconds = CHECK_SECONDS,
                                   .watch_device = true,
                                   .device_root = "/",
                                   .log = BASE_LOG_INFO};
    if (map) {
        struct pipe_schema_part part = {pipe_daemon_params, &fields};
        enum percept_status status = pipe_schema_read(r, map, "daemon", &part, 1);
        if (status == PERCEPT_OK && fields.metrics)
            status = check_metrics(r, map, fields.metrics);
        if (status != PERCEPT_OK)
            return status;
    }
    config->daemon = (struct pipe_daemon_settings){
        .socket = fields.socket,
        .cache = fields.cache,
        .policy = fields.policy,
        .state = fields.state,
        .metrics = fields.metrics,
        .exit_when_done = fields.exit_when_done,
        .confine = fields.confine,
        .check_models = fields.check_models,
        .check_seconds = (unsigned)fields.check_seconds,
        .watch_device = fields.watch_device,
        .device_root = fields.device_root,
        .threads = (unsigned)fields.threads,
        .cpus = fields.cpus,
        .log_level = (enum base_log_level)fields.log,
    };
    return PERCEPT_OK;
}

static enum percept_status read_plugins(const struct pipe_schema_reader *r,
                                        const struct pipe_tree *map, const struct pipe_texts *texts,
                                        struct pipe_config *config)
{
    const char **folders = ALLOCATE(r, texts->count, const char *);
    if (!folders)
        return no_memory(r, map);
    for (size_t i = 0; i < texts->count; i++)
        folders[i] = texts->items[i].text;
    config->daemon.plugin_folder_count = texts->count;
    config->daemon.plugin_folders = folders;
    return PERCEPT_OK;
}

enum percept_status pipe_config_check_names(const struct pipe_schema_reader *r,
                                            const struct pipe_tree *map, const char *what,
                                            size_t most)
{
    if (map->count > most)
        return pipe_schema_fail(r, map, PERCEPT_LIMIT, "more than %zu %ss", most, what);
    for (size_t i = 0; i < map->count; i++)
        if (!pipe_schema_is_name(map->items[i].key->text))
            return pipe_schema_fail(r, map->items[i].key, PERCEPT_MALFORMED,
                                    "'%.80s' is no name for a %s: expected up to 63 of a-z 0-9 . "
                                    "_ -, the first a letter or digit",
                                    map->items[i].key->text, what);
    return PERCEPT_OK;
}

/* ---- models ---- */

static const char *const precisions[] = {"fp32", "fp16", NULL}; /* enum pipe_precision */

const struct pipe_param pipe_model_params[] = {
    {.name = "file",
     .kind = PIPE_PARAM_PATH,
     .offset = offsetof(struct pipe_config_model, file),
     .required = true,
     .help = "path of the .pte"},
    {.name = "backends",
     .kind = PIPE_PARAM_TEXTS,
     .offset = offsetof(struct pipe_config_model, backends),
     .help = "backends to use, most preferred first; default: cpu. auto, alone or before those to "
             "choose from: the quickest"},
    {.name = "precision",
     .kind = PIPE_PARAM_CHOICE,
     .offset = offsetof(struct pipe_config_model, precision),
     .choices = precisions,
     .help = "of floats inside, where a backend has both"},
    {0},
};

/* Opening it is the engine's business; that it is there is known now, and the line is known now. */
static enum percept_status check_file(const struct pipe_schema_reader *r,
                                      const struct pipe_tree *at, const char *path,
                                      struct stat *identity)
{
    struct stat s;
    if (stat(path, &s) != 0)
        return pipe_schema_fail(r, at, percept_status_from_errno(errno), "model file '%s': %s",
                                path, strerror(errno));
    if (!S_ISREG(s.st_mode))
        return pipe_schema_fail(r, at, PERCEPT_INVALID, "model file '%s' is not a regular file",
                                path);
    if (access(path, R_OK) != 0)
        return pipe_schema_fail(r, at, percept_status_from_errno(errno), "model file '%s': %s",
                                path, strerror(errno));
    *identity = s;
    return PERCEPT_OK;
}

static enum percept_status read_models(const struct pipe_schema_reader *r,
                                       const struct pipe_tree *map, struct pipe_config *config)
{
    if (!map)
        return PERCEPT_OK;
    enum percept_status status = pipe_config_check_names(r, map, "model", PIPE_MAX_MODELS);
    config->models = ALLOCATE(r, map->count, struct pipe_config_model);
    if (status == PERCEPT_OK && !config->models)
        status = no_memory(r, map);
    for (size_t i = 0; i < map->count && status == PERCEPT_OK; i++) {
        struct pipe_config_model *model = &config->models[i];
        struct pipe_schema_part part = {pipe_model_params, model};
        char what[96];
        model->name = map->items[i].key->text;
        model->place = map->items[i].key;
        model->tree = map->items[i].value;
        snprintf(what, sizeof what, "model '%s'", model->name);
        status = pipe_schema_read(r, map->items[i].value, what, &part, 1);
        if (status == PERCEPT_OK)
            status = check_file(r, pipe_tree_find(map->items[i].value, "file")->value, model->file,
                                &model->identity);
        config->model_count = i + 1;
    }
    return status;
}

const struct pipe_config_model *pipe_config_find_model(const struct pipe_config *config,
                                                       const char *name)
{
    for (size_t i = 0; i < config->model_count; i++)
        if (strcmp(config->models[i].name, name) == 0)
            return &config->models[i];
    return NULL;
}

/* ---- pipelines ---- */

struct pipeline_fields {
    const struct pipe_tree *source, *nodes, *topics, *ladder;
    int when_late, priority;
    double deadline_ms, cost_ms, linger_ms;
    bool on_demand;
};

static const char *const when_late_choices[] = {"drop", "wait", NULL};
static const char *const priority_choices[] = {"low", "normal", "high", NULL};

const struct pipe_param pipe_pipeline_params[] = {
    {.name = "source",
     .kind = PIPE_PARAM_MAP,
     .offset = offsetof(struct pipeline_fields, source),
     .required = true,
     .help = "where its frames come from"},
    {.name = "nodes",
     .kind = PIPE_PARAM_LIST,
     .offset = offsetof(struct pipeline_fields, nodes),
     .help = "what is done with a frame"},
    {.name = "topics",
     .kind = PIPE_PARAM_MAP,
     .offset = offsetof(struct pipeline_fields, topics),
     .help = "topic: stream that is published as it"},
    {.name = "when_late",
     .kind = PIPE_PARAM_CHOICE,
     .offset = offsetof(struct pipeline_fields, when_late),
     .fallback = PIPE_WHEN_LATE_DROP,
     .choices = when_late_choices,
     .help =
         "a frame comes while one is being processed: keep only the newest, or hold the source"},
    {.name = "priority",
     .kind = PIPE_PARAM_CHOICE,
     .offset = offsetof(struct pipeline_fields, priority),
     .fallback = PIPE_PRIORITY_NORMAL,
     .choices = priority_choices,
     .help = "who computes first, among the pipelines and in the system"},
    {.name = "deadline_ms",
     .kind = PIPE_PARAM_NUMBER,
     .offset = offsetof(struct pipeline_fields, deadline_ms),
     .max = 60000,
     .help = "a frame is to be done so long after its capture, and not begun later, milliseconds; "
             "0: none"},
    {.name = "cost_ms",
     .kind = PIPE_PARAM_NUMBER,
     .offset = offsetof(struct pipeline_fields, cost_ms),
     .max = 60000,
     .help = "computing time of a frame at worst, milliseconds; 0: as measured"},
    {.name = "on_demand",
     .kind = PIPE_PARAM_BOOL,
     .offset = offsetof(struct pipeline_fields, on_demand),
     .help = "run only while somebody subscribes to one of its topics"},
    {.name = "linger_ms",
     .kind = PIPE_PARAM_NUMBER,
     .offset = offsetof(struct pipeline_fields, linger_ms),
     .fallback = 5000,
     .max = 3600000,
     .help = "and so long after the last one has gone, milliseconds"},
    {.name = "ladder",
     .kind = PIPE_PARAM_LIST,
     .offset = offsetof(struct pipeline_fields, ladder),
     .help = "steps of less quality, from better to worse"},
    {0},
};

struct source_fields {
    const char *type;
};

const struct pipe_param pipe_source_params[] = {
    {.name = "type",
     .kind = PIPE_PARAM_TEXT,
     .offset = offsetof(struct source_fields, type),
     .required = true,
     .help = "the kind of source"},
    {0},
};

static enum percept_status read_source(const struct pipe_schema_reader *r,
                                       struct pipe_config_pipeline *pipeline,
                                       const struct pipe_tree *map)
{
    struct source_fields fields = {0};
    char what[128], near[128], kinds[256] = "";
    snprintf(what, sizeof what, "source of pipeline '%s'", pipeline->name);
    enum percept_status status =
        pipe_schema_read_kind(r, map, what, pipe_source_params, "type", &fields);
    if (status != PERCEPT_OK)
        return status;
    const struct pipe_tree *type = pipe_tree_find(map, "type")->value;
    struct pipe_suggest suggest = {.word = fields.type};
    for (size_t i = 0; pipe_source_classes[i]; i++) {
        if (strcmp(pipe_source_classes[i]->name, suggest.word) == 0)
            pipeline->source = pipe_source_classes[i];
        pipe_suggest_add(&suggest, pipe_source_classes[i]->name);
        size_t used = strlen(kinds);
        snprintf(kinds + used, sizeof kinds - used, "%s%s",
                 !i                           ? ""
                 : pipe_source_classes[i + 1] ? ", "
                                              : " or ",
                 pipe_source_classes[i]->name);
    }
    if (!pipeline->source)
        return pipe_schema_fail(r, type, PERCEPT_MALFORMED, "no source type '%.60s'; expected %s%s",
                                suggest.word, kinds,
                                pipe_suggest_text(&suggest, near, sizeof near));
    pipeline->source_params = base_arena_alloc(r->arena, pipeline->source->params_size);
    if (!pipeline->source_params)
        return no_memory(r, map);
    const struct pipe_schema_part parts[] = {
        {pipe_source_params, &fields},
        {pipeline->source->params, pipeline->source_params},
    };
    pipeline->source_place = type;
    return pipe_schema_read(r, map, what, parts, 2);
}

static enum percept_status read_pipeline(const struct pipe_schema_reader *r,
                                         const struct pipe_config *config,
                                         const struct pipe_tree_item *item,
                                         struct pipe_config_pipeline *pipeline)
{
    struct pipeline_fields fields = {0};
    struct pipe_schema_part part = {pipe_pipeline_params, &fields};
    char what[96];
    snprintf(what, sizeof what, "pipeline '%s'", item->key->text);
    enum percept_status status = pipe_schema_read(r, item->value, what, &part, 1);
    if (status != PERCEPT_OK)
        return status;
    *pipeline = (struct pipe_config_pipeline){
        .name = item->key->text,
        .place = item->key,
        .tree = item->value,
        .when_late = fields.when_late,
        .priority = fields.priority,
        .deadline_ms = fields.deadline_ms,
        .cost_ms = fields.cost_ms,
        .on_demand = fields.on_demand,
        .linger_ms = fields.linger_ms,
    };
    status = read_source(r, pipeline, fields.source);
    if (status == PERCEPT_OK)
        status = pipe_config_read_nodes(r, config, pipeline, fields.nodes);
    if (status == PERCEPT_OK)
        status = pipe_config_read_topics(r, pipeline, fields.topics);
    if (status == PERCEPT_OK)
        status = pipe_config_read_ladder(r, config, pipeline, fields.ladder);
    return status;
}

/* Clients know topics by name alone, so a name belongs to one pipeline. */
static enum percept_status check_topics(const struct pipe_schema_reader *r,
                                        const struct pipe_config *config, size_t last)
{
    const struct pipe_config_pipeline *mine = &config->pipelines[last];
    for (size_t p = 0; p < last; p++)
        for (size_t i = 0; i < config->pipelines[p].topic_count; i++)
            for (size_t j = 0; j < mine->topic_count; j++)
                if (strcmp(config->pipelines[p].topics[i].name, mine->topics[j].name) == 0)
                    return pipe_schema_fail(r, mine->topics[j].place, PERCEPT_MALFORMED,
                                            "topic '%s' is already published by pipeline '%s'",
                                            mine->topics[j].name, config->pipelines[p].name);
    return PERCEPT_OK;
}

static enum percept_status read_pipelines(const struct pipe_schema_reader *r,
                                          const struct pipe_tree *map, struct pipe_config *config)
{
    enum percept_status status = pipe_config_check_names(r, map, "pipeline", PIPE_MAX_PIPELINES);
    if (status == PERCEPT_OK && map->count == 0)
        status = pipe_schema_fail(r, map, PERCEPT_MALFORMED, "pipelines: expected at least one");
    config->pipelines = ALLOCATE(r, map->count, struct pipe_config_pipeline);
    if (status == PERCEPT_OK && !config->pipelines)
        status = no_memory(r, map);
    for (size_t i = 0; i < map->count && status == PERCEPT_OK; i++) {
        status = read_pipeline(r, config, &map->items[i], &config->pipelines[i]);
        config->pipeline_count = i + 1;
        if (status == PERCEPT_OK)
            status = check_topics(r, config, i);
    }
    return status;
}

/* ---- the file ---- */

/* The plugins come before the pipelines, whose nodes they may bring. */
static enum percept_status load_nodes(const struct pipe_schema_reader *r,
                                      const struct pipe_tree *tree, const struct pipe_texts *texts,
                                      const struct signing_keys *keys)
{
    const struct pipe_tree_item *item = pipe_tree_find(tree, "node_plugins");
    const char **folders = ALLOCATE(r, texts->count, const char *);
    struct percept_error cause = {0};
    if (!folders)
        return no_memory(r, tree);
    for (size_t i = 0; i < texts->count; i++)
        folders[i] = texts->items[i].text;
    enum percept_status status = pipe_node_plugins_load(folders, texts->count, keys, &cause);
    return status == PERCEPT_OK
               ? status
               : pipe_schema_fail(r, item ? item->key : tree, status, "%s", cause.message);
}

/* What only a start can change: the parts of the daemon that are made from it stay. */
static void keep_fixed(struct pipe_config *config, const struct pipe_tree *tree)
{
    for (size_t i = 0; i < PIPE_FIXED_KEYS; i++) {
        const struct pipe_tree_item *item = pipe_tree_find(tree, pipe_config_fixed_keys[i]);
        config->fixed[i] = item ? item->value : NULL;
    }
}

const char *const pipe_config_fixed_keys[PIPE_FIXED_KEYS] = {"daemon", "scheduler", "plugins",
                                                             "node_plugins", "backends"};

/* from_files: by pipe_config_files_read, which has resolved includes; then plugins are loaded. */
static enum percept_status read_all(struct pipe_config *config, const struct pipe_tree *tree,
                                    bool from_files, const struct signing_keys *keys,
                                    struct percept_error *error)
{
    const struct pipe_schema_reader reader = {.arena = &config->arena, .error = error};
    struct top top = {0};
    struct pipe_schema_part part = {pipe_top_params, &top};
    enum percept_status status = pipe_schema_read(&reader, tree, "the configuration", &part, 1);
    if (status == PERCEPT_OK && top.include.count)
        status = pipe_schema_fail(&reader, pipe_tree_find(tree, "include")->key,
                                  PERCEPT_UNSUPPORTED, "include: only a file can include others");
    if (status == PERCEPT_OK && from_files)
        status = load_nodes(&reader, tree, &top.node_plugins, keys);
    if (status == PERCEPT_OK)
        status = read_daemon(&reader, top.daemon, config);
    if (status == PERCEPT_OK)
        status = pipe_config_read_scheduler(&reader, top.scheduler, config);
    if (status == PERCEPT_OK)
        status = read_plugins(&reader, tree, &top.plugins, config);
    if (status == PERCEPT_OK)
        status = pipe_config_read_backends(&reader, top.backends, config);
    if (status == PERCEPT_OK)
        status = read_models(&reader, top.models, config);
    if (status == PERCEPT_OK)
        status = read_pipelines(&reader, top.pipelines, config);
    if (status == PERCEPT_OK)
        status = pipe_config_read_transcript(&reader, top.transcript, config);
    if (status == PERCEPT_OK)
        keep_fixed(config, tree);
    return status;
}

static struct pipe_config *create(const char *name, struct percept_error *error)
{
    struct pipe_config *config = calloc(1, sizeof *config);
    if (config)
        config->file = strdup(name);
    if (!config || !config->file) {
        free(config);
        percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
        return NULL;
    }
    config->arena.limit = 64u << 20;
    config->references = 1;
    return config;
}

static enum percept_status hand_out(struct pipe_config *config, enum percept_status status,
                                    struct pipe_config **out)
{
    if (status == PERCEPT_OK)
        *out = config;
    else
        pipe_config_destroy(config);
    return status;
}

enum percept_status pipe_config_parse(const char *name, const void *bytes, size_t size,
                                      struct pipe_config **out, struct percept_error *error)
{
    struct pipe_config *config = create(name, error);
    const struct pipe_tree *tree;
    if (!config)
        return PERCEPT_NO_MEMORY;
    enum percept_status status = pipe_tree_parse(name, bytes, size, &config->arena, &tree, error);
    if (status == PERCEPT_OK)
        status = read_all(config, tree, false, NULL, error);
    return hand_out(config, status, out);
}

enum percept_status pipe_config_load(const char *path, struct pipe_config **config,
                                     struct percept_error *error)
{
    return pipe_config_load_signed(path, NULL, config, error);
}

enum percept_status pipe_config_load_signed(const char *path, const struct signing_keys *keys,
                                            struct pipe_config **out, struct percept_error *error)
{
    struct pipe_config *config = create(path, error);
    const struct pipe_tree *tree;
    if (!config)
        return PERCEPT_NO_MEMORY;
    enum percept_status status = pipe_config_files_read(path, keys, &config->arena, &tree, error);
    if (status == PERCEPT_OK)
        status = read_all(config, tree, true, keys, error);
    return hand_out(config, status, out);
}

struct pipe_config *pipe_config_ref(struct pipe_config *config)
{
    config->references++;
    return config;
}

void pipe_config_destroy(struct pipe_config *config)
{
    if (!config || --config->references)
        return;
    base_arena_reset(&config->arena);
    free(config->file);
    free(config);
}

const struct pipe_daemon_settings *pipe_config_daemon(const struct pipe_config *config)
{
    return &config->daemon;
}

const char *pipe_config_topic_pipeline(const struct pipe_config *config, const char *topic)
{
    for (size_t p = 0; p < config->pipeline_count; p++)
        for (size_t i = 0; i < config->pipelines[p].topic_count; i++)
            if (strcmp(config->pipelines[p].topics[i].name, topic) == 0)
                return config->pipelines[p].name;
    return NULL;
}

const char *pipe_config_topic_at(const struct pipe_config *config, size_t index)
{
    for (size_t p = 0; p < config->pipeline_count; p++) {
        if (index < config->pipelines[p].topic_count)
            return config->pipelines[p].topics[index].name;
        index -= config->pipelines[p].topic_count;
    }
    return NULL;
}
