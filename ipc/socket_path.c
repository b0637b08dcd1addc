#include "ipc/socket_path.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *ipc_socket_path(const char *given)
{
    const char *named = given ? given : getenv("PERCEPT_SOCKET");
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    char *path;
    if (given || (named && named[0] != '\0'))
        return strdup(named);
    if (!runtime || runtime[0] == '\0')
        return strdup("/run/percept/percept.sock");
    return asprintf(&path, "%s/percept.sock", runtime) < 0 ? NULL : path;
}
