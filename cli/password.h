/* Passwords from people. */
#ifndef CLI_PASSWORD_H
#define CLI_PASSWORD_H

#include "base/status.h"

enum { CLI_PASSWORD_MAX = 1024 };

/* A line from the terminal, which does not show it, after a prompt; where standard input is no
 * terminal, a line of it. Wipe it with sodium_memzero. END when there is none. */
enum percept_status cli_password(const char *prompt, char password[CLI_PASSWORD_MAX],
                                 struct percept_error *error);

#endif
