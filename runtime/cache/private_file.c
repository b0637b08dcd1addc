/* Why: see private_file.h. A new file has a name of its own until it is whole, and is then renamed.
 */
#include "runtime/cache/private_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { TRIES = 16 };

/* Ours, and nobody else's to write. */
static bool is_private(const struct stat *info)
{
    return info->st_uid == geteuid() && (info->st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

/* Make the folder and those above it that are missing, for this user only. */
static void make_folders(const char *folder)
{
    char path[4096];
    size_t length = strlen(folder);
    if (length >= sizeof path)
        return;
    memcpy(path, folder, length + 1);
    for (size_t i = 1; i <= length; i++) {
        if (path[i] != '/' && path[i] != '\0')
            continue;
        char end = path[i];
        path[i] = '\0';
        (void)mkdir(path, S_IRWXU); /* what fails here fails when it is opened */
        path[i] = end;
    }
}

int prt_private_folder(const char *path)
{
    const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
    int opened = open(path, flags);
    if (opened < 0 && errno == ENOENT) {
        make_folders(path);
        opened = open(path, flags);
    }
    struct stat info;
    if (opened >= 0 && (fstat(opened, &info) != 0 || !is_private(&info))) {
        close(opened);
        opened = -1;
    }
    return opened;
}

int prt_private_open(int folder, const char *name, struct stat *info)
{
    int file = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (file < 0)
        return -1;
    if (fstat(file, info) == 0 && S_ISREG(info->st_mode) && is_private(info))
        return file;
    close(file);
    return -1;
}

bool prt_private_write(int file, const void *data, size_t size, uint64_t offset)
{
    for (size_t done = 0; done < size;) {
        ssize_t put = pwrite(file, (const char *)data + done, size - done, (off_t)(offset + done));
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return false;
        done += (size_t)put;
    }
    return true;
}

/* A new file in the folder, with a name of its own; -1 when there is none. */
static int create_file(int folder, const char *name, char aside[PRT_PRIVATE_NAME + 16])
{
    static _Atomic unsigned count;
    for (int i = 0; i < TRIES; i++) {
        snprintf(aside, PRT_PRIVATE_NAME + 16, "%.*s.%08x", PRT_PRIVATE_NAME - 1, name,
                 (unsigned)getpid() * 64 + count++);
        int file =
            openat(folder, aside, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, S_IRUSR);
        if (file >= 0 || errno != EEXIST)
            return file;
        (void)unlinkat(folder, aside, 0); /* of a process that died while it wrote */
    }
    return -1;
}

void prt_private_replace(int folder, const char *name, bool (*write)(const void *context, int file),
                         const void *context)
{
    char aside[PRT_PRIVATE_NAME + 16];
    int file = create_file(folder, name, aside);
    if (file < 0)
        return;
    bool written = write(context, file);
    written = close(file) == 0 && written;
    if (!written || renameat(folder, aside, folder, name) != 0)
        (void)unlinkat(folder, aside, 0);
}
