/* Why: a vendor's backend comes after Percept was built, and whoever reads its name in a
 * configuration should not have to know the difference. */
#include "backends/registry.h"

#include "backends/backends.h"
#include "backends/isolated/isolated.h"
#include "base/plugin_folder.h"

#include <stdlib.h>
#include <string.h>

struct backends_registry {
    const struct backends_registry_options *options; /* while it is made */
    const struct prt_backend **all;
    size_t all_count, plugin_count;
    struct backends_plugin
        plugins[BACKENDS_MAX_PLUGINS + 1]; /* the last says that there are more */
};

/* ---- one file ---- */

/* The next entry; NULL when out of memory. */
static struct backends_plugin *add(struct backends_registry *registry, const char *path)
{
    struct backends_plugin *plugin = &registry->plugins[registry->plugin_count];
    plugin->path = strdup(path);
    if (!plugin->path)
        return NULL;
    registry->plugin_count++;
    return plugin;
}

static enum percept_status check_name(const struct backends_registry *registry, const char *name,
                                      struct percept_error *error)
{
    for (size_t i = 0; i < registry->plugin_count; i++) {
        const struct backends_plugin *other = &registry->plugins[i];
        if (other->backend && strcmp(other->backend->name, name) == 0)
            return percept_fail(error, PERCEPT_EXISTS, "its backend's name '%s' is that of %s",
                                name, other->path);
    }
    for (size_t i = 0; i < registry->all_count; i++)
        if (strcmp(registry->all[i]->name, name) == 0)
            return percept_fail(error, PERCEPT_EXISTS,
                                "its backend's name '%s' is that of one that is built in", name);
    return PERCEPT_OK;
}

static bool is_isolated(const struct backends_registry *registry, const char *name)
{
    for (size_t i = 0; i < registry->options->isolated_count; i++)
        if (strcmp(registry->options->isolated[i], name) == 0)
            return true;
    return false;
}

static enum percept_status load(struct backends_registry *registry, struct backends_plugin *plugin,
                                const char *path)
{
    const struct prt_backend *backend;
    struct percept_error *error = &plugin->error;
    enum percept_status status = backends_plugin_ask(path, &plugin->info, error);
    if (status == PERCEPT_OK)
        status = check_name(registry, plugin->info.name, error);
    if (status == PERCEPT_OK)
        status = is_isolated(registry, plugin->info.name)
                     ? isolated_open(plugin->info.name, path, &backend, error)
                     : backends_plugin_load(path, &backend, error);
    if (status != PERCEPT_OK)
        return status;
    plugin->backend = backend;
    registry->all[registry->all_count++] = backend;
    return PERCEPT_OK;
}

static bool found(void *context, const char *path, const char *from,
                  const struct percept_error *error)
{
    struct backends_registry *registry = context;
    struct backends_plugin *plugin = add(registry, path);
    if (plugin && from)
        (void)load(registry, plugin, from); /* the entry says what went wrong */
    else if (plugin)
        plugin->error = *error;
    return plugin != NULL;
}

/* ---- all ---- */

static bool add_all(struct backends_registry *registry)
{
    const struct backends_registry_options *options = registry->options;
    const struct base_plugin_folders plugins = {
        .folders = options->folders,
        .folder_count = options->folder_count,
        .variable = "PERCEPT_PLUGINS",
        .from_bin = PERCEPT_PLUGINS_FROM_BIN,
        .most = BACKENDS_MAX_PLUGINS,
        .open = options->open,
        .open_context = options->context,
        .found = found,
        .context = registry,
    };
    return base_plugin_folders_read(&plugins);
}

static enum percept_status add_built_in(struct backends_registry *registry,
                                        struct percept_error *error)
{
    for (size_t i = 0; percept_known_backends[i]; i++) {
        const struct prt_backend *backend = percept_known_backends[i], *proxy = NULL;
        if (is_isolated(registry, backend->name)) {
            enum percept_status status = isolated_open(backend->name, NULL, &proxy, error);
            if (status != PERCEPT_OK)
                return status;
            registry->all[registry->all_count++] = proxy;
        }
        if (!proxy || backend->on_host)
            registry->all[registry->all_count++] = backend;
    }
    return PERCEPT_OK;
}

enum percept_status backends_registry_create(const struct backends_registry_options *options,
                                             struct backends_registry **out,
                                             struct percept_error *error)
{
    struct backends_registry *registry = calloc(1, sizeof *registry);
    size_t built_in = 0;
    while (percept_known_backends[built_in])
        built_in++;
    if (registry) /* its end is NULL */
        registry->all =
            calloc(2 * built_in + BACKENDS_MAX_PLUGINS + 1, sizeof(struct prt_backend *));
    bool whole = registry && registry->all;
    if (whole) {
        registry->options = options;
        enum percept_status status = add_built_in(registry, error);
        if (status != PERCEPT_OK) {
            backends_registry_destroy(registry);
            return status;
        }
        whole = add_all(registry);
        registry->options = NULL;
    }
    if (!whole) {
        backends_registry_destroy(registry);
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    }
    *out = registry;
    return PERCEPT_OK;
}

const struct prt_backend *const *backends_registry_all(const struct backends_registry *registry)
{
    return registry->all;
}

size_t backends_registry_plugins(const struct backends_registry *registry,
                                 const struct backends_plugin **plugins)
{
    *plugins = registry->plugins;
    return registry->plugin_count;
}

void backends_registry_destroy(struct backends_registry *registry)
{
    for (size_t i = 0; registry && i < registry->plugin_count; i++)
        free(registry->plugins[i].path);
    for (size_t i = 0; registry && i < registry->all_count; i++)
        isolated_close(registry->all[i]); /* which knows its own */
    if (registry)
        free(registry->all);
    free(registry);
}
