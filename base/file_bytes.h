/* A whole file in memory. */
#ifndef BASE_FILE_BYTES_H
#define BASE_FILE_BYTES_H

#include "base/status.h"

#include <stddef.h>

/* malloc'ed; LIMIT for one of more than `most` bytes, and for what is no file. */
enum percept_status base_file_read(const char *path, size_t most, void **bytes, size_t *size,
                                   struct percept_error *error);
/* The same of one that is open, from its beginning on; path is for messages. */
enum percept_status base_file_read_descriptor(int descriptor, const char *path, size_t most,
                                              void **bytes, size_t *size,
                                              struct percept_error *error);

#endif
