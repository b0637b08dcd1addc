/* The backends that a program chooses from by name: those that were built in, and plugins. */
#ifndef BACKENDS_REGISTRY_H
#define BACKENDS_REGISTRY_H

#include "backends/plugin.h"

#define BACKENDS_MAX_PLUGINS 64

/* A file of a plugin folder, or a folder that could not be used. */
struct backends_plugin {
    char *path;
    const struct prt_backend *backend; /* NULL: refused, and error says why; it has no file */
    struct backends_plugin_info info;
    struct percept_error error;
};

struct backends_registry;

struct backends_registry_options {
    const char *const *folders;
    size_t folder_count; /* 0: those of $PERCEPT_PLUGINS, with ':' between them; without that the
                            one in which plugins are installed, if it exists */
    /* Names of those that are to be in processes of their own (isolated/isolated.h): plugins are
     * then not loaded here. One that is on_host follows its proxy under the same name: what a host
     * cannot do while it is lost, this process does. */
    const char *const *isolated;
    size_t isolated_count;
    /* NULL, or who decides whether a file may be loaded: hands out a descriptor of what is to be
     * loaded in its place, which is then the registry's. */
    enum percept_status (*open)(void *context, const char *path, int *descriptor,
                                struct percept_error *error);
    void *context;
};

/*
 * Ask and load the files NAME.so of the folders, in the order of their names. Loading a file is to
 * run it, so one that others can change is refused (base/owned.h). What cannot be used is an entry
 * that says why, so this fails only for want of memory, or when there are too many to isolate. It
 * forks: call it from a process with one thread, before anything uses a backend.
 */
enum percept_status backends_registry_create(const struct backends_registry_options *options,
                                             struct backends_registry **registry,
                                             struct percept_error *error);

/* Those built in, the CPU first, then the plugins; NULL-terminated. They live as long as the
 * process, those that are isolated and the list as long as the registry. */
const struct prt_backend *const *backends_registry_all(const struct backends_registry *registry);

/* What was found in the folders; returns how many. */
size_t backends_registry_plugins(const struct backends_registry *registry,
                                 const struct backends_plugin **plugins);

/* After the models. NULL is fine. */
void backends_registry_destroy(struct backends_registry *registry);

#endif
