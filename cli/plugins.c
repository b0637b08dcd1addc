#include "cli/plugins.h"

#include <stdlib.h>

static struct backends_registry *found;

/* Hosts of isolated backends are ended, and waited for. */
static void close_registry(void)
{
    backends_registry_destroy(found);
}

enum percept_status cli_plugins_find(const struct base_option_list *folders, const char *isolated,
                                     const struct backends_registry **registry,
                                     struct percept_error *error)
{
    const struct backends_registry_options options = {
        .folders = folders->items,
        .folder_count = folders->count,
        .isolated = &isolated,
        .isolated_count = isolated ? 1 : 0,
    };
    bool was_there = found != NULL;
    enum percept_status status =
        found ? PERCEPT_OK : backends_registry_create(&options, &found, error);
    if (!was_there && status == PERCEPT_OK)
        (void)atexit(close_registry); /* else the system ends them */
    if (status == PERCEPT_OK)
        *registry = found;
    return status;
}
