/* Why: loading a file means running it, so who could have written it matters more than what is in
 * it. */
#include "backends/plugin.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* shared: others may write to it, if they cannot move what is not theirs. */
static enum percept_status check(const char *path, bool shared, struct percept_error *error)
{
    struct stat s;
    if (stat(path, &s) != 0)
        return percept_fail_at(error, percept_status_from_errno(errno), path, 0, 0, "%s",
                               strerror(errno));
    if (s.st_uid != 0 && s.st_uid != geteuid())
        return percept_fail_at(error, PERCEPT_PERMISSION, path, 0, 0,
                               "it belongs to user %u, who is neither root nor who runs this",
                               (unsigned)s.st_uid);
    if (s.st_mode & (S_IWGRP | S_IWOTH) && !(shared && s.st_mode & S_ISVTX))
        return percept_fail_at(error, PERCEPT_PERMISSION, path, 0, 0,
                               "others may write to it (mode %04o)", s.st_mode & 07777u);
    return PERCEPT_OK;
}

static enum percept_status resolve(const char *path, char real[PATH_MAX],
                                   struct percept_error *error)
{
    return realpath(path, real) ? PERCEPT_OK
                                : percept_fail_at(error, percept_status_from_errno(errno), path, 0,
                                                  0, "%s", strerror(errno));
}

/* A folder by its real path, and those above it up to the root. */
static enum percept_status check_folders(const char *real, struct percept_error *error)
{
    char path[PATH_MAX];
    strcpy(path, real);
    enum percept_status status = check(path, false, error);
    for (char *slash; status == PERCEPT_OK && path[1];) {
        slash = strrchr(path, '/');
        slash[slash == path] = '\0';
        status = check(path, true, error);
    }
    return status;
}

enum percept_status backends_trust_folder(const char *path, char real[PATH_MAX],
                                          struct percept_error *error)
{
    enum percept_status status = resolve(path, real, error);
    return status == PERCEPT_OK ? check_folders(real, error) : status;
}

enum percept_status backends_trust_file(const char *path, char real[PATH_MAX],
                                        struct percept_error *error)
{
    enum percept_status status = resolve(path, real, error);
    if (status == PERCEPT_OK)
        status = check(real, false, error);
    if (status != PERCEPT_OK)
        return status;
    char *slash = strrchr(real, '/'), folder[PATH_MAX];
    memcpy(folder, real, (size_t)(slash - real));
    folder[slash - real] = '\0';
    return check_folders(folder[0] ? folder : "/", error);
}
