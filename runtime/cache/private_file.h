/*
 * Files that only this user can have written, in a folder that only this user can write to: what is
 * in them is believed. A file is there as a whole or not at all.
 */
#ifndef RUNTIME_CACHE_PRIVATE_FILE_H
#define RUNTIME_CACHE_PRIVATE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

/* The folder, made for this user if it is missing; -1 when there is none or others can write to it.
 */
int prt_private_folder(const char *path);

/* A regular file of the folder, for reading, and what it is; -1 when there is none or others can
 * write to it. Links are not followed. */
int prt_private_open(int folder, const char *name, struct stat *info);

/* What `write` puts into a new file becomes the file `name`; nothing changes when it returns false
 * or the system refuses. The name has no more than PRT_PRIVATE_NAME - 1 bytes. */
enum { PRT_PRIVATE_NAME = 64 };
void prt_private_replace(int folder, const char *name, bool (*write)(const void *context, int file),
                         const void *context);

/* All of the data; false when that cannot be. */
bool prt_private_write(int file, const void *data, size_t size, uint64_t offset);

#endif
