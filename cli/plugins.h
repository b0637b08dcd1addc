/* Plugins with backends, for the commands that run models by themselves. */
#ifndef CLI_PLUGINS_H
#define CLI_PLUGINS_H

#include "backends/registry.h"
#include "base/options.h"

#define CLI_OPTION_PLUGINS(list)                                                        \
    {                                                                                   \
        "plugins", "DIR", "a folder with backends to load; may be given several times", \
            BASE_OPTION_LIST, list                                                      \
    }

/* All backends, those of the folders among them; without folders as backends_registry_create says.
 * isolated: the name of one that is to be in a process of its own; or NULL. Found the first time,
 * by the folders and the name of then; they stay. */
enum percept_status cli_plugins_find(const struct base_option_list *folders, const char *isolated,
                                     const struct backends_registry **registry,
                                     struct percept_error *error);

#endif
