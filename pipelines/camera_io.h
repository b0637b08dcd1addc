/*
 * The system calls that a camera is driven by, as a table: the real ones, or a test's camera that
 * can be unplugged.
 */
#ifndef PIPELINES_CAMERA_IO_H
#define PIPELINES_CAMERA_IO_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct pollfd;

/* As the calls of the same names; -1 and errno on failure, MAP_FAILED for map. */
struct pipe_camera_io {
    int (*open)(const char *path);
    int (*close)(int fd);
    int (*control)(int fd, unsigned long request,
                   void *argument);                  /* ioctl; restarts after signals */
    void *(*map)(int fd, size_t size, off_t offset); /* shared, read and write */
    int (*unmap)(void *memory, size_t size);
};

/* What cameras that are created from now on use; NULL: the system's. For tests. */
void pipe_camera_set_io(const struct pipe_camera_io *io);

#endif
