/* Why: a vendor's backend comes after Percept was built, and whoever reads its name in a
 * configuration should not have to know the difference. */
#include "backends/registry.h"

#include "backends/backends.h"
#include "backends/isolated/isolated.h"
#include "base/owned.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

/* Whose fault it is goes into the message, unless it is the entry's, whose real path is `real`. */
static void tell_whose(struct backends_plugin *plugin, const char *real)
{
    struct percept_error *error = &plugin->error;
    bool other =
        error->file[0] && strcmp(error->file, plugin->path) != 0 && strcmp(error->file, real) != 0;
    percept_fail(error, error->status, "%s%s%s", other ? error->file : "", other ? ": " : "",
                 error->message);
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

static void open_and_load(struct backends_registry *registry, struct backends_plugin *plugin)
{
    const struct backends_registry_options *options = registry->options;
    char real[PATH_MAX], path[32];
    int descriptor;
    enum percept_status status = base_owned_file(plugin->path, real, &plugin->error);
    if (status == PERCEPT_OK && !options->open) {
        status = load(registry, plugin, real);
    } else if (status == PERCEPT_OK) {
        status = options->open(options->context, real, &descriptor, &plugin->error);
        if (status == PERCEPT_OK) {
            snprintf(path, sizeof path, "/proc/self/fd/%d", descriptor);
            status = load(registry, plugin, path);
            close(descriptor);
        }
    }
    if (status != PERCEPT_OK)
        tell_whose(plugin, real);
}

/* ---- folders ---- */

static int is_library(const struct dirent *entry)
{
    size_t length = strlen(entry->d_name);
    return entry->d_name[0] != '.' && length > 3 && strcmp(entry->d_name + length - 3, ".so") == 0;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static bool add_file(struct backends_registry *registry, const char *folder, const char *name)
{
    char path[PATH_MAX];
    bool fits = snprintf(path, sizeof path, "%s/%s", folder, name) < (int)sizeof path;
    struct backends_plugin *plugin = add(registry, fits ? path : folder);
    if (!plugin)
        return false;
    if (registry->plugin_count > BACKENDS_MAX_PLUGINS)
        percept_fail(&plugin->error, PERCEPT_LIMIT, "there are more than %d plugins",
                     BACKENDS_MAX_PLUGINS);
    else if (!fits)
        percept_fail(&plugin->error, PERCEPT_LIMIT, "a path in it is too long");
    else
        open_and_load(registry, plugin);
    return true;
}

static bool add_files(struct backends_registry *registry, const char *folder, struct dirent **names,
                      int count)
{
    bool whole = true;
    for (int i = 0; i < count; i++) {
        if (whole && registry->plugin_count <= BACKENDS_MAX_PLUGINS)
            whole = add_file(registry, folder, names[i]->d_name);
        free(names[i]);
    }
    free(names);
    return whole;
}

static bool add_folder(struct backends_registry *registry, const char *folder)
{
    char real[PATH_MAX];
    struct dirent **names;
    struct percept_error error = {0};
    int count = -1;
    if (registry->plugin_count > BACKENDS_MAX_PLUGINS)
        return true;
    if (base_owned_folder(folder, real, &error) == PERCEPT_OK) {
        count = scandir(real, &names, is_library, by_name);
        if (count < 0)
            percept_fail_errno(&error, errno, "the folder cannot be read");
    }
    if (count >= 0)
        return add_files(registry, folder, names, count);
    /* One that cannot be used is an entry of its own. */
    struct backends_plugin *plugin = add(registry, folder);
    if (!plugin)
        return false;
    plugin->error = error;
    tell_whose(plugin, folder);
    return true;
}

static bool add_folders_of(struct backends_registry *registry, const char *list)
{
    bool whole = true;
    char *copy = strdup(list), *rest = copy, *folder;
    while (copy && whole && (folder = strsep(&rest, ":")))
        whole = !*folder || add_folder(registry, folder);
    free(copy);
    return copy && whole;
}

/* Where it was installed to, as seen from the program; that it is not there is no mistake. */
static bool add_installed(struct backends_registry *registry)
{
    char path[PATH_MAX + sizeof PERCEPT_PLUGINS_FROM_BIN], real[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", path, PATH_MAX - 1);
    path[length > 0 ? length : 0] = '\0';
    char *slash = strrchr(path, '/');
    if (!slash)
        return true;
    strcpy(slash + 1, PERCEPT_PLUGINS_FROM_BIN);
    return !realpath(path, real) || add_folder(registry, real);
}

/* ---- all ---- */

static bool add_all(struct backends_registry *registry)
{
    const struct backends_registry_options *options = registry->options;
    const char *list = secure_getenv("PERCEPT_PLUGINS");
    bool whole = true;
    for (size_t i = 0; whole && i < options->folder_count; i++)
        whole = add_folder(registry, options->folders[i]);
    if (options->folder_count)
        return whole;
    return list ? add_folders_of(registry, list) : add_installed(registry);
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
