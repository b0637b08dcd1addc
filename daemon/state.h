/*
 * The folder in which the daemon remembers things from one run to the next: grants, the audit
 * record. One daemon a folder; only its user may write there.
 */
#ifndef DAEMON_STATE_H
#define DAEMON_STATE_H

#include "base/status.h"

#include <stddef.h>

struct state_folder {
    char *path;
    int fd; /* of the folder; -1: none is open */
    int lock_fd;
};

/*
 * path NULL: $STATE_DIRECTORY (a service manager's), else $XDG_STATE_HOME/percept, else
 * /var/lib/percept for root and $HOME/.local/state/percept for others. Made when it is not there.
 * EXISTS: another daemon uses it; PERMISSION: others may write to it.
 */
enum percept_status state_open(const char *path, struct state_folder *folder,
                               struct percept_error *error);
void state_close(struct state_folder *folder); /* one that is not open is fine */

/* The content of a file, at most `most` bytes, with a NUL after it; malloc'ed. NOT_FOUND; LIMIT;
 * PERMISSION when it is not the daemon's own; IO. */
enum percept_status state_read(const struct state_folder *folder, const char *name, size_t most,
                               char **content, struct percept_error *error);
/* Replace a file as a whole: after a crash it is the old one or the new one. */
enum percept_status state_write(const struct state_folder *folder, const char *name,
                                const char *content, struct percept_error *error);

#endif
