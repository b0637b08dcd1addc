/*
 * Which files were found right since the machine started: to read a cache only to see that it is
 * whole takes longer than all else that loading a model from it does.
 *
 * A file decays where it is kept, or is not all there after a crash. One that was right when this
 * boot read it, and has not changed since, is right still. A note beside the file says so, of this
 * boot and of what the file system says of the file: its place, size and times, one of which nobody
 * but the kernel sets.
 */
#ifndef RUNTIME_CACHE_SEEN_H
#define RUNTIME_CACHE_SEEN_H

#include <stdbool.h>
#include <sys/stat.h>

/* Is there a note of the folder's file `name`, as `info` has it? Of a prt_private_folder. */
bool prt_seen(int folder, const char *name, const struct stat *info);
/* It was read and is right. There is no note when that cannot be, or when the file changed so
 * recently that its times would not show it if it did again. */
void prt_seen_note(int folder, const char *name, const struct stat *info);

#endif
