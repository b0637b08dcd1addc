/* Several topics at once, for the commands that read whatever a daemon publishes. */
#ifndef CLI_SUBSCRIBE_H
#define CLI_SUBSCRIBE_H

#include "ipc/percept.h"

#include <stddef.h>
#include <stdint.h>

#define CLI_TOPICS 32 /* as many as one client may subscribe to */

struct cli_topic {
    char name[64], schema[64];
    struct percept_subscription *subscription;
    int64_t subscribed_ns; /* when */
};

/*
 * Read the wanted topics in order, every sample of them; wanted_count 0: all but the indicator, and
 * those that we may not read are left out with a warning. *count topics are filled in, on failure
 * too. NOT_FOUND, PERMISSION.
 */
enum percept_status cli_subscribe(struct percept_client *client, char **wanted, int wanted_count,
                                  struct cli_topic topics[CLI_TOPICS], size_t *count,
                                  struct percept_error *error);

#endif
