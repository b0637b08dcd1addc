/* Users and lengths of time as people write them on a command line. */
#ifndef CLI_DURATION_H
#define CLI_DURATION_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

/* "90s", "10m", "8h", "7d". */
bool cli_parse_duration(const char *text, uint64_t *seconds);
/* A name or a number. NOT_FOUND. */
enum percept_status cli_parse_user(const char *text, int64_t *uid, struct percept_error *error);

#endif
