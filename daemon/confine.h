/*
 * What the daemon gives up before it listens to anybody: privileges that it does not need, and
 * system calls that it never makes. Who finds a way into it finds little to do there.
 */
#ifndef DAEMON_CONFINE_H
#define DAEMON_CONFINE_H

#include "base/status.h"

#include <stdbool.h>

/*
 * First of all, while the process has one thread: become that user (NULL: stay who we are) with
 * its groups, and keep of root's capabilities those to raise priorities and to see which program a
 * client is. NOT_FOUND without such a user, PERMISSION for one who may not.
 */
enum percept_status daemon_drop_privileges(const char *user, struct percept_error *error);

/*
 * When all is loaded: no privileges by executing (no_new_privs), and a list of system calls for
 * every thread; others fail with EPERM. It is inherited by the programs that the daemon starts:
 * dsp, hosts of isolated backends, Apertium; `programs` says that there are such. UNSUPPORTED by a
 * kernel without seccomp.
 */
enum percept_status daemon_confine(bool programs, struct percept_error *error);

#endif
