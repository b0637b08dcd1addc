/* Why: a backend that a stranger wrote is checked for all that can be checked before it is used. */
#include "backends/plugin.h"

#include "base/plugin_folder.h"
#include "runtime/plugin_abi.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

static const struct prt_plugin_calls calls = {
#define CALL(name) .name = (name),
    PRT_PLUGIN_CALLS_TABLE(CALL)
#undef CALL
};

static const uint32_t layout[] = {
#define NUMBER(number) (uint32_t)(number),
    PRT_PLUGIN_LAYOUT_TABLE(NUMBER)
#undef NUMBER
};
_Static_assert(sizeof layout == sizeof((struct prt_plugin){0}.layout), "a row each");

static bool is_name(const char *text)
{
    size_t length = strnlen(text, 64);
    return length >= 1 && length <= 63 && strchr("._-", text[0]) == NULL &&
           strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789._-") == length;
}

/* The first of its functions that it should have and has not; NULL when it has all. */
static const char *missing(const struct prt_backend *backend)
{
    const struct {
        const char *name;
        bool needed, there;
    } functions[] = {
        {"absent", true, backend->absent != NULL},
        {"supports", true, backend->supports != NULL},
        {"compile", true, backend->compile != NULL},
        {"scratch_bytes", true, backend->scratch_bytes != NULL},
        {"execute", true, backend->execute != NULL},
        {"destroy", true, backend->destroy != NULL},
        {"start", backend->wait != NULL, backend->start != NULL},
        {"wait", backend->start != NULL, backend->wait != NULL},
        {"memory_destroy", backend->memory_create || backend->memory_export,
         backend->memory_destroy != NULL},
        {"memory_forget", backend->memory_import != NULL, backend->memory_forget != NULL},
    };
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++)
        if (functions[i].needed && !functions[i].there)
            return functions[i].name;
    return NULL;
}

static enum percept_status check(const struct prt_plugin *plugin, struct percept_error *error)
{
    if (plugin->version != PRT_BACKEND_VERSION)
        return percept_fail(error, PERCEPT_VERSION,
                            "it was built for version %u of the backend interface, this program "
                            "has version %u",
                            plugin->version, PRT_BACKEND_VERSION);
    if (plugin->backend_bytes < sizeof(struct prt_backend))
        return percept_fail(error, PERCEPT_VERSION,
                            "its backend has %u bytes, those of version %u have %zu",
                            plugin->backend_bytes, PRT_BACKEND_VERSION, sizeof(struct prt_backend));
    if (memcmp(plugin->layout, layout, sizeof layout) != 0)
        return percept_fail(error, PERCEPT_VERSION,
                            "it was built with other headers than this program, though both have "
                            "version %u of the backend interface",
                            PRT_BACKEND_VERSION);
    const struct prt_backend *backend = plugin->backend;
    if (!backend || !plugin->calls)
        return percept_fail(error, PERCEPT_MALFORMED, "its '" PRT_PLUGIN_SYMBOL "' is empty");
    if (backend->version != PRT_BACKEND_VERSION)
        return percept_fail(error, PERCEPT_VERSION,
                            "its backend says version %u of the backend interface, this program "
                            "has version %u",
                            backend->version, PRT_BACKEND_VERSION);
    if (!backend->name || !is_name(backend->name))
        return percept_fail(error, PERCEPT_MALFORMED,
                            "its backend's name is '%.80s': expected up to 63 of a-z 0-9 . _ -, "
                            "the first a letter or digit",
                            backend->name ? backend->name : "");
    const char *function = missing(backend);
    if (function)
        return percept_fail(error, PERCEPT_MALFORMED, "its backend '%s' has no function '%s'",
                            backend->name, function);
    return PERCEPT_OK;
}

enum percept_status backends_plugin_load(const char *path, const struct prt_backend **backend,
                                         struct percept_error *error)
{
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return percept_fail(error, PERCEPT_MALFORMED, "it cannot be loaded: %s",
                            base_plugin_load_error(path, dlerror()));
    const struct prt_plugin *plugin = dlsym(library, PRT_PLUGIN_SYMBOL);
    if (!plugin)
        return percept_fail(error, PERCEPT_MALFORMED,
                            "it is no plugin: it does not export '" PRT_PLUGIN_SYMBOL "'");
    enum percept_status status = check(plugin, error);
    if (status != PERCEPT_OK)
        return status;
    *plugin->calls = &calls;
    *backend = plugin->backend;
    return PERCEPT_OK;
}
