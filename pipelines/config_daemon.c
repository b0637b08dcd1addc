/* Why: what the daemon is, apart from what it perceives, is read before anything runs and stays as
 * it is until it ends. */
#include "pipelines/config.h"
#include "pipelines/config_tables.h"
#include "pipelines/schema.h"

#include <stdlib.h>
#include <string.h>

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
     .fallback = 60, /* on a slow machine, for a large one */
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

enum percept_status pipe_config_read_daemon(const struct pipe_schema_reader *r,
                                            const struct pipe_tree *map,
                                            const struct pipe_texts *plugins,
                                            struct pipe_config *config)
{
    static const struct pipe_tree empty = {.kind = PIPE_TREE_MAP};
    struct daemon_fields fields = {0};
    struct pipe_schema_part part = {pipe_daemon_params, &fields};
    const char *const *folders;
    enum percept_status status = pipe_schema_read(r, map ? map : &empty, "daemon", &part, 1);
    if (status == PERCEPT_OK && fields.metrics)
        status = check_metrics(r, map, fields.metrics);
    if (status == PERCEPT_OK)
        status = pipe_schema_strings(r, plugins, &folders);
    if (status != PERCEPT_OK)
        return status;
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
        .plugin_folder_count = plugins->count,
        .plugin_folders = folders,
    };
    return PERCEPT_OK;
}

const struct pipe_daemon_settings *pipe_config_daemon(const struct pipe_config *config)
{
    return &config->daemon;
}
