/*
 * Files and folders that nobody else can change: they and all folders above them belong to root or
 * to this process' user, and others may not write to them. (Folders further up may be shared as
 * /tmp is, where the sticky bit keeps others from what is not theirs.)
 */
#ifndef BASE_OWNED_H
#define BASE_OWNED_H

#include "base/status.h"

#include <limits.h>

/* PERMISSION, with the file or folder at fault, when others may change what is there. real: its
 * path without links, to be used from then on. */
enum percept_status base_owned_folder(const char *path, char real[PATH_MAX],
                                      struct percept_error *error);
enum percept_status base_owned_file(const char *path, char real[PATH_MAX],
                                    struct percept_error *error);

#endif
