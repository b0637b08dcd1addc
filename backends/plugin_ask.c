/* Why: what a plugin says of itself is asked in a child, for it may be broken (base/ask.h). */
#include "backends/plugin.h"

#include "base/ask.h"

_Static_assert(sizeof(struct backends_plugin_info) <= BASE_ASK_MOST, "an answer");

static enum percept_status ask(void *path, void *answer, struct percept_error *error)
{
    const struct prt_backend *backend;
    struct backends_plugin_info *info = answer;
    enum percept_status status = backends_plugin_load(path, &backend, error);
    if (status != PERCEPT_OK)
        return status;
    const char *absent = backend->absent();
    const char *device = NULL;
    if (!absent)
        device = backend->device ? backend->device() : backend->code ? backend->code() : NULL;
    base_ask_text(info->name, sizeof info->name, backend->name);
    base_ask_text(info->release, sizeof info->release,
                  backend->release ? backend->release() : NULL);
    base_ask_text(info->device, sizeof info->device, device);
    base_ask_text(info->absent, sizeof info->absent, absent);
    return PERCEPT_OK;
}

#define END_TEXT(array) ((array)[sizeof(array) - 1] = '\0')

enum percept_status backends_plugin_ask(const char *path, struct backends_plugin_info *info,
                                        struct percept_error *error)
{
    enum percept_status status = base_ask_child(ask, (void *)path, info, sizeof *info, error);
    if (status != PERCEPT_OK)
        return status;
    END_TEXT(info->name);
    END_TEXT(info->release);
    END_TEXT(info->device);
    END_TEXT(info->absent);
    return PERCEPT_OK;
}
