/*
 * Folders with plugins: shared objects that a program loads by name. To load one is to run it, so
 * one that others can change is refused (base/owned.h), and who demands signatures decides here.
 */
#ifndef BASE_PLUGIN_FOLDER_H
#define BASE_PLUGIN_FOLDER_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

struct base_plugin_folders {
    const char *const *folders;
    size_t folder_count;  /* 0: those of the variable, with ':' between them; without that the one
                             in which plugins are installed, if it exists */
    const char *variable; /* of the environment */
    const char *from_bin; /* the installed one, relative to the program's folder */
    unsigned most;        /* files; the next is an error, and the last that is told */
    /* NULL, or who decides whether a file may be loaded: hands out a descriptor of what is to be
     * loaded in its place, which is closed afterwards. */
    enum percept_status (*open)(void *context, const char *path, int *descriptor,
                                struct percept_error *error);
    void *open_context;
    /*
     * A file, or a folder that cannot be used. path is for people; load is what to load now, NULL
     * when it must not be, and then error, which has no file, says why. False: out of memory.
     */
    bool (*found)(void *context, const char *path, const char *load,
                  const struct percept_error *error);
    void *context;
};

/* Tell of the files NAME.so of the folders, in the order of their names. False: out of memory. */
bool base_plugin_folders_read(const struct base_plugin_folders *plugins);

/* What dlerror says of a file, without the file's name, which the reader knows already. */
const char *base_plugin_load_error(const char *path, const char *text);

#endif
