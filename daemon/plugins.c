/* Why: a plugin that is refused must not stop the daemon, but somebody wants to know of it. */
#include "base/log.h"
#include "daemon/daemon_private.h"

/* Who demands signatures demands them of plugins, too. */
static enum percept_status open_signed(void *context, const char *path, int *descriptor,
                                       struct percept_error *error)
{
    return signing_open(context, path, descriptor, NULL, error);
}

enum percept_status daemon_find_backends(struct daemon *daemon, struct percept_error *error)
{
    const struct pipe_daemon_settings *own = pipe_config_daemon(daemon->config);
    const char *isolated[PIPE_MAX_BACKENDS];
    const struct backends_registry_options options = {
        .folders = own->plugin_folders,
        .folder_count = own->plugin_folder_count,
        .isolated = isolated,
        .isolated_count = pipe_config_isolated(daemon->config, isolated),
        .open = daemon->keys ? open_signed : NULL,
        .context = daemon->keys,
    };
    enum percept_status status = backends_registry_create(&options, &daemon->backends, error);
    if (status)
        return status;
    daemon->state.backends = backends_registry_all(daemon->backends);
    const struct backends_plugin *plugins;
    size_t count = backends_registry_plugins(daemon->backends, &plugins);
    for (size_t i = 0; i < count; i++) {
        const struct backends_plugin *plugin = &plugins[i];
        if (plugin->backend)
            base_log(BASE_LOG_INFO, "backend %s is from %s", plugin->backend->name, plugin->path);
        else
            base_log(BASE_LOG_WARNING, "plugin refused: %s: %s", plugin->path,
                     plugin->error.message);
    }
    return PERCEPT_OK;
}

void daemon_tell_node_plugins(void)
{
    const struct pipe_node_plugin_entry *entries;
    size_t count = pipe_node_plugins(&entries);
    for (size_t i = 0; i < count; i++)
        if (entries[i].error.status == PERCEPT_OK)
            base_log(BASE_LOG_INFO, "nodes %s are from %s", entries[i].names, entries[i].path);
        else
            base_log(BASE_LOG_WARNING, "plugin refused: %s: %s", entries[i].path,
                     entries[i].error.message);
}
