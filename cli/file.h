/*
 * Whole files in, whole files out: what is written appears under its name only once it is complete
 * and on its way to the disk; a full disk leaves nothing behind.
 */
#ifndef CLI_FILE_H
#define CLI_FILE_H

#include "base/status.h"

#include <stddef.h>
#include <stdio.h>

/* malloc'ed; a NUL byte that is not counted follows the data. At most 2 GiB. */
enum percept_status cli_file_read(const char *path, void **data, size_t *size,
                                  struct percept_error *error);

/*
 * A file in the making. It is put together in memory, so that writing to the stream can't fail
 * half-way and commit knows the precise reason when the disk refuses.
 */
struct cli_file {
    FILE *stream;
    const char *path;
    char *text;
    size_t size;
};

/* path must stay valid until commit or abandon. */
enum percept_status cli_file_create(const char *path, struct cli_file *file,
                                    struct percept_error *error);
/* Write, sync and rename into place; on failure nothing is left. */
enum percept_status cli_file_commit(struct cli_file *file, struct percept_error *error);
void cli_file_abandon(struct cli_file *file);

/* mkdir -p. */
enum percept_status cli_make_directory(const char *path, struct percept_error *error);

#endif
