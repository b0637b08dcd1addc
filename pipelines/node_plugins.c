/* Why: a node that a stranger wrote is checked for all that can be checked before it is used. */
#include "pipelines/node_plugins.h"

#define PIPE_NODE_PLUGIN_HOST
#include "pipelines/node_plugin.h"

#include "base/ask.h"
#include "base/plugin_folder.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_PLUGINS 64

static const struct pipe_node_calls calls = {
#define CALL(name) .name = (name),
    PIPE_NODE_CALLS_TABLE(CALL)
#undef CALL
};

static const uint32_t layout[] = {
#define NUMBER(number) (uint32_t)(number),
    PIPE_NODE_LAYOUT_TABLE(NUMBER)
#undef NUMBER
};
_Static_assert(sizeof layout == sizeof((struct pipe_node_plugin){0}.layout), "a row each");

/* Of the process: classes stay registered until it ends. Before any second thread. */
static struct {
    bool loaded;
    size_t folder_count;
    char **folders;
    size_t count;
    struct pipe_node_plugin_entry entries[MOST_PLUGINS + 1]; /* the last says that there are more */
} all;

static enum percept_status check(const struct pipe_node_plugin *plugin, struct percept_error *error)
{
    if (plugin->version != PIPE_NODE_VERSION)
        return percept_fail(error, PERCEPT_VERSION,
                            "it was built for version %u of the node interface, this program has "
                            "version %d",
                            plugin->version, PIPE_NODE_VERSION);
    if (plugin->class_bytes != sizeof(struct pipe_node_class) ||
        memcmp(plugin->layout, layout, sizeof layout) != 0)
        return percept_fail(error, PERCEPT_VERSION,
                            "it was built with other headers than this program, though both have "
                            "version %d of the node interface",
                            PIPE_NODE_VERSION);
    if (!plugin->classes || !plugin->classes[0] || !plugin->calls)
        return percept_fail(error, PERCEPT_MALFORMED, "its '" PIPE_NODE_PLUGIN_SYMBOL "' is empty");
    return PERCEPT_OK;
}

static enum percept_status load(const char *path, const struct pipe_node_plugin **result,
                                struct percept_error *error)
{
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL); /* it stays: threads may be in it */
    if (!library)
        return percept_fail(error, PERCEPT_MALFORMED, "it cannot be loaded: %s",
                            base_plugin_load_error(path, dlerror()));
    const struct pipe_node_plugin *plugin = dlsym(library, PIPE_NODE_PLUGIN_SYMBOL);
    if (!plugin)
        return percept_fail(error, PERCEPT_MALFORMED,
                            "it is no plugin with nodes: it does not export "
                            "'" PIPE_NODE_PLUGIN_SYMBOL "'");
    enum percept_status status = check(plugin, error);
    if (status != PERCEPT_OK)
        return status;
    *plugin->calls = &calls;
    *result = plugin;
    return PERCEPT_OK;
}

/* All of them or none. Which of them are names that others have is found out as each is added. */
static enum percept_status add_classes(const struct pipe_node_plugin *plugin, char names[256],
                                       struct percept_error *error)
{
    enum percept_status status = PERCEPT_OK;
    size_t used = 0;
    for (size_t i = 0; plugin->classes[i] && status == PERCEPT_OK; i++)
        status = pipe_node_check(plugin->classes[i], true, error);
    for (size_t i = 0; plugin->classes[i] && status == PERCEPT_OK; i++)
        status = pipe_node_register(plugin->classes[i], error);
    for (size_t i = 0; plugin->classes[i] && status == PERCEPT_OK && used < 255; i++)
        used += (size_t)snprintf(names + used, 256 - used, "%s%s", i ? ", " : "",
                                 plugin->classes[i]->name);
    return status;
}

/* In a child: it may crash, and what it registers there is of no matter. */
static enum percept_status ask(void *path, void *names, struct percept_error *error)
{
    const struct pipe_node_plugin *plugin;
    enum percept_status status = load(path, &plugin, error);
    return status == PERCEPT_OK ? add_classes(plugin, names, error) : status;
}

static bool found(void *context, const char *path, const char *from,
                  const struct percept_error *error)
{
    struct pipe_node_plugin_entry *entry = &all.entries[all.count];
    const struct pipe_node_plugin *plugin;
    char names[256];
    (void)context;
    entry->path = strdup(path);
    if (!entry->path)
        return false;
    all.count++;
    if (!from) {
        entry->error = *error;
        return true;
    }
    if (base_ask_child(ask, (void *)from, names, sizeof names, &entry->error) == PERCEPT_OK &&
        load(from, &plugin, &entry->error) == PERCEPT_OK)
        (void)add_classes(plugin, entry->names, &entry->error);
    return true;
}

/* Who demands signatures demands them of plugins, too. */
static enum percept_status open_signed(void *keys, const char *path, int *descriptor,
                                       struct percept_error *error)
{
    return signing_open(keys, path, descriptor, NULL, error);
}

static bool keep_folders(const char *const *folders, size_t count)
{
    all.folders = calloc(count + 1, sizeof *all.folders);
    for (size_t i = 0; all.folders && i < count; i++, all.folder_count++)
        if (!(all.folders[i] = strdup(folders[i])))
            return false;
    return all.folders != NULL;
}

static bool are_same(const char *const *folders, size_t count)
{
    bool same = count == all.folder_count;
    for (size_t i = 0; i < count && same; i++)
        same = strcmp(folders[i], all.folders[i]) == 0;
    return same;
}

enum percept_status pipe_node_plugins_load(const char *const *folders, size_t count,
                                           const struct signing_keys *keys,
                                           struct percept_error *error)
{
    const struct base_plugin_folders plugins = {
        .folders = folders,
        .folder_count = count,
        .variable = "PERCEPT_NODES",
        .from_bin = PERCEPT_NODES_FROM_BIN,
        .most = MOST_PLUGINS,
        .open = keys ? open_signed : NULL,
        .open_context = (void *)keys,
        .found = found,
    };
    if (all.loaded)
        return are_same(folders, count)
                   ? PERCEPT_OK
                   : percept_fail(error, PERCEPT_INVALID,
                                  "node_plugins has changed: that needs a restart");
    all.loaded = true;
    if (!keep_folders(folders, count) || !base_plugin_folders_read(&plugins))
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    return PERCEPT_OK;
}

size_t pipe_node_plugins(const struct pipe_node_plugin_entry **entries)
{
    *entries = all.entries;
    return all.count;
}
