/*
 * One plugin: a shared object with a backend (runtime/plugin_abi.h), asked about itself in a
 * process of its own, loaded into this one.
 */
#ifndef BACKENDS_PLUGIN_H
#define BACKENDS_PLUGIN_H

#include "runtime/backend.h"

/* What it says of itself; texts without control characters, "" for none. */
struct backends_plugin_info {
    char name[64];
    char release[128]; /* of the backend or what is behind it */
    char device[256];  /* what it runs on; "" when absent */
    char absent[512];  /* why it cannot be used here; "" when it can */
};

/*
 * Load it in a child and ask it, so that what it does wrong then ends the child only: a file that
 * crashes, exits, throws or does not answer for half a minute is an error. It forks: call it from a
 * process with one thread. The error has no file.
 */
enum percept_status backends_plugin_ask(const char *path, struct backends_plugin_info *info,
                                        struct percept_error *error);

/*
 * Load it here. VERSION when it was built for another version of the interface, with both in the
 * text; MALFORMED when it is no plugin or its backend is not whole. It stays loaded until the
 * process ends: drivers leave threads behind. The error has no file.
 */
enum percept_status backends_plugin_load(const char *path, const struct prt_backend **backend,
                                         struct percept_error *error);

#endif
