/* All of a read or write: calls that were interrupted or did a part are gone on with. */
#ifndef BASE_IO_H
#define BASE_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Up to the end of the file, or `most` bytes: how many there were; -1 with errno. */
ssize_t base_read_most(int fd, void *bytes, size_t most);

/* False with errno when not all of it could be written. */
bool base_write_all(int fd, const void *bytes, size_t size);

#endif
