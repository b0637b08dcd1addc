#include "cli/plugins.h"

enum percept_status cli_plugins_find(const struct base_option_list *folders,
                                     const struct backends_registry **registry,
                                     struct percept_error *error)
{
    static struct backends_registry *found;
    const struct backends_registry_options options = {
        .folders = folders->items,
        .folder_count = folders->count,
    };
    enum percept_status status =
        found ? PERCEPT_OK : backends_registry_create(&options, &found, error);
    if (status == PERCEPT_OK)
        *registry = found;
    return status;
}
