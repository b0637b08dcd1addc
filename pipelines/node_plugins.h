/* Kinds of nodes from plugins: found in folders, asked in a child, loaded, registered. */
#ifndef PIPELINES_NODE_PLUGINS_H
#define PIPELINES_NODE_PLUGINS_H

#include "pipelines/engine.h"

/*
 * Load those of the folders (none: of $PERCEPT_NODES, else the installed one), the first time that
 * it is called; the program keeps them until it ends, so a later call that names other folders is
 * INVALID. Else it fails only for want of memory: what cannot be used is an entry that says why
 * (pipe_node_plugins). It forks: call it from a process with one thread. With keys, one of them
 * must have signed a plugin.
 */
enum percept_status pipe_node_plugins_load(const char *const *folders, size_t count,
                                           const struct signing_keys *keys,
                                           struct percept_error *error);

#endif
