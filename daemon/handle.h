/* A handle of libuv within something that lives on. */
#ifndef DAEMON_HANDLE_H
#define DAEMON_HANDLE_H

#include <uv.h>

/* Fine for one that was never initialised (zeroed), as when start-up failed before it, or is
 * closing. */
static inline void daemon_close_handle(void *handle)
{
    if (uv_handle_get_type(handle) != UV_UNKNOWN_HANDLE && !uv_is_closing(handle))
        uv_close(handle, NULL);
}

#endif
