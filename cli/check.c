/* percept check: everything that perceptd does with a configuration, up to running it. */
#include "backends/registry.h"
#include "base/log.h"
#include "cli/check_schema.h"
#include "cli/cli.h"
#include "daemon/indicator.h"
#include "daemon/policy.h"
#include "pipelines/engine.h"
#include "pipelines/node_plugins.h"

/* A host whose topics nobody reads: it only counts them. */
static enum percept_status open_topic(void *context, const char *name, const char *schema,
                                      size_t max_bytes, struct pipe_topic **topic,
                                      struct percept_error *error)
{
    json_t *topics = context;
    (void)max_bytes;
    (void)error;
    json_t *entry = json_pack("{s:s, s:s}", "name", name, "schema", schema);
    json_array_append_new(topics, entry);
    *topic = (struct pipe_topic *)entry;
    return PERCEPT_OK;
}

static void *no_loan(void *context, struct pipe_topic *topic)
{
    (void)context;
    (void)topic;
    return NULL;
}

static void no_publish(void *context, struct pipe_topic *topic, size_t size, int64_t capture_ns)
{
    (void)context;
    (void)topic;
    (void)size;
    (void)capture_ns;
}

static void no_close(void *context, struct pipe_topic *topic)
{
    (void)context;
    (void)topic;
}

static void no_finished(void *context, const char *pipeline, enum percept_status status,
                        const struct percept_error *error)
{
    (void)context;
    (void)pipeline;
    (void)status;
    (void)error;
}

static void no_event(void *context, const char *pipeline, const char *text)
{
    (void)context;
    (void)pipeline;
    (void)text;
}

/* Who demands signatures demands them of plugins, too. */
static enum percept_status open_signed(void *context, const char *path, int *descriptor,
                                       struct percept_error *error)
{
    return signing_open(context, path, descriptor, NULL, error);
}

/* Those that the daemon would find; of what is no plugin, a line each. */
static enum percept_status find_backends(const struct pipe_config *config,
                                         struct signing_keys *keys,
                                         struct backends_registry **backends,
                                         struct percept_error *error)
{
    const struct pipe_daemon_settings *settings = pipe_config_daemon(config);
    const char *isolated[PIPE_MAX_BACKENDS];
    const struct backends_registry_options options = {
        .folders = settings->plugin_folders,
        .folder_count = settings->plugin_folder_count,
        .isolated = isolated,
        .isolated_count = pipe_config_isolated(config, isolated),
        .open = keys ? open_signed : NULL,
        .context = keys,
    };
    enum percept_status status = backends_registry_create(&options, backends, error);
    if (status)
        return status;
    const struct backends_plugin *plugins;
    size_t count = backends_registry_plugins(*backends, &plugins);
    for (size_t i = 0; i < count; i++)
        if (!plugins[i].backend)
            base_log(BASE_LOG_WARNING, "plugin refused: %s: %s", plugins[i].path,
                     plugins[i].error.message);
    return PERCEPT_OK;
}

/* Of what brings no nodes, a line each: a configuration may fail for want of them. */
static void tell_node_plugins(void)
{
    const struct pipe_node_plugin_entry *entries;
    size_t count = pipe_node_plugins(&entries);
    for (size_t i = 0; i < count; i++)
        if (entries[i].error.status != PERCEPT_OK)
            base_log(BASE_LOG_WARNING, "plugin refused: %s: %s", entries[i].path,
                     entries[i].error.message);
}

/* Who may what. */
static enum percept_status check_policy(const struct pipe_config *config,
                                        const struct signing_keys *keys,
                                        struct percept_error *error)
{
    struct policy *policy = NULL;
    const char *path = pipe_config_daemon(config)->policy;
    enum percept_status status = path ? policy_load(path, keys, &policy, error) : PERCEPT_OK;
    if (status == PERCEPT_OK)
        status = policy_check_config(policy, config, INDICATOR_TOPIC, error);
    policy_destroy(policy);
    return status;
}

/* What the configuration amounts to, as JSON; NULL with an error. */
static json_t *inspect(const char *path, const char *keys, struct percept_error *error)
{
    struct signing_keys *trusted = NULL;
    struct pipe_config *config = NULL;
    struct pipe_engine *engine = NULL;
    struct backends_registry *backends = NULL;
    json_t *result = NULL, *topics = json_array();
    struct pipe_host host = {
        .context = topics,
        .open_topic = open_topic,
        .loan = no_loan,
        .publish = no_publish,
        .close_topic = no_close,
        .finished = no_finished,
        .event = no_event,
    };
    enum percept_status status = keys ? signing_keys_open(keys, &trusted, error) : PERCEPT_OK;
    if (status == PERCEPT_OK)
        status = pipe_config_load_signed(path, trusted, &config, error);
    tell_node_plugins();
    if (status == PERCEPT_OK)
        status = find_backends(config, trusted, &backends, error);
    if (status == PERCEPT_OK) {
        host.keys = trusted;
        host.backends = backends_registry_all(backends);
        status = pipe_engine_create(config, &host, &engine, error);
    }
    if (status == PERCEPT_OK)
        status = check_policy(config, trusted, error);
    if (status == PERCEPT_OK)
        result = json_pack("{s:b, s:o, s:I, s:I, s:O}", "ok", 1, "config", cli_json_text(path),
                           "pipelines", (json_int_t)pipe_engine_stats(engine, NULL, 0), "models",
                           (json_int_t)pipe_engine_model_stats(engine, NULL, 0), "topics", topics);
    pipe_engine_destroy(engine);
    pipe_config_destroy(config);
    backends_registry_destroy(backends);
    signing_keys_close(trusted);
    json_decref(topics);
    return result;
}

static int check(const char *path, const char *keys, bool json)
{
    struct percept_error error = {0};
    json_t *result = inspect(path, keys, &error);
    if (!result && json) {
        cli_print_json(json_pack("{s:b, s:o, s:o, s:i, s:i, s:o}", "ok", 0, "config",
                                 cli_json_text(path), "file", cli_json_text(error.file), "line",
                                 (int)error.line, "column", (int)error.column, "message",
                                 cli_json_text(error.message)),
                       false);
        return CLI_INPUT;
    }
    if (!result)
        return cli_fail(CLI_INPUT, &error);
    if (json) {
        cli_print_json(result, false);
        return CLI_OK;
    }
    size_t i;
    json_t *topic;
    printf("%s: OK: %lld pipelines, %lld models; topics", path,
           (long long)json_integer_value(json_object_get(result, "pipelines")),
           (long long)json_integer_value(json_object_get(result, "models")));
    json_array_foreach(json_object_get(result, "topics"), i, topic)
        printf("%s %s (%s)", i ? "," : "", json_string_value(json_object_get(topic, "name")),
               json_string_value(json_object_get(topic, "schema")));
    putchar('\n');
    json_decref(result);
    return CLI_OK;
}

/* With the nodes of a configuration's plugins, or of those that are found without one. */
static int print_schema(const char *path, const char *keys)
{
    struct percept_error error = {0};
    json_t *result = path ? inspect(path, keys, &error) : NULL;
    if (path && !result)
        return cli_fail(CLI_INPUT, &error);
    json_decref(result);
    if (!path && pipe_node_plugins_load(NULL, 0, NULL, &error) != PERCEPT_OK)
        return cli_fail(CLI_FAILURE, &error);
    if (!path)
        tell_node_plugins();
    cli_print_json(cli_check_schema(), false);
    return CLI_OK;
}

int cli_check(int argc, char **argv)
{
    const char *keys = NULL;
    bool json = false, schema = false;
    int operands, code;
    const struct base_option options[] = {
        {"keys", "FOLDER", "find wrong what none of the keys in it has signed", BASE_OPTION_TEXT,
         &keys},
        {"schema", NULL, "print a JSON Schema of configurations, for editors", BASE_OPTION_FLAG,
         &schema},
        CLI_OPTION_JSON(&json)};
    const struct base_usage usage = {
        .program = "percept check",
        .operands = "[CONFIG]",
        .purpose = "Check a configuration, and the models and the policy that it names, without "
                   "running it.",
        .most = 1,
        .options = options,
        .option_count = sizeof options / sizeof options[0],
    };
    if (!cli_parse(&usage, argc, argv, &operands, &code))
        return code;
    if (schema)
        return print_schema(operands ? argv[1] : NULL, keys);
    if (!operands)
        return cli_misuse(&usage, "CONFIG is missing");
    return check(argv[1], keys, json);
}
