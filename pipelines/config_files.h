/* A configuration as it lies on disk: a file, those that it includes, its drop-in folder. */
#ifndef PIPELINES_CONFIG_FILES_H
#define PIPELINES_CONFIG_FILES_H

#include "pipelines/tree.h"

#define PIPE_MAX_FILES 64 /* of one configuration */

/*
 * Read all of them as one tree. What comes later wins: mappings are joined key by key, anything
 * else takes the place of what was there. First come the files under `include`, in their order,
 * then the file itself, and after all of that the files NAME.d/WHATEVER.yaml beside NAME.yaml, in
 * the order of their names; each may include others. With keys, one of them must have signed each.
 */
enum percept_status pipe_config_files_read(const char *path, const struct signing_keys *keys,
                                           struct base_arena *arena, const struct pipe_tree **tree,
                                           struct percept_error *error);

#endif
