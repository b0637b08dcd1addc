/*
 * The topics that are offered: each is its pipeline's while that runs, and outlives a reload if the
 * next configuration has one just like it, so that its readers only see a pause. Loop thread.
 */
#ifndef DAEMON_TOPICS_H
#define DAEMON_TOPICS_H

#include "ipc/server.h"
#include "pipelines/engine.h"

#define TOPICS_MAX 65 /* with the indicator's */

struct topics {
    struct ipc_topic *all[TOPICS_MAX];
    size_t count;
    /* Those that are no longer offered and still have readers; they count, too. */
    struct ipc_topic *retired[TOPICS_MAX];
    size_t retired_count;
    struct ipc_server *server; /* NULL: not yet */
};

/* A topic that is there already, if it is just like that and has not ended; else a new one in its
 * place, whose readers then get its end. */
enum percept_status topics_open(struct topics *topics, const struct ipc_topic_options *options,
                                struct ipc_topic **topic, struct percept_error *error);
/* One that is nobody's of the configuration. */
enum percept_status topics_add(struct topics *topics, struct ipc_topic *topic,
                               struct percept_error *error);
/* Offer all that there are, and those to come. */
enum percept_status topics_serve(struct topics *topics, struct ipc_server *server,
                                 struct percept_error *error);
/* After a reload: end those that no pipeline of the configuration publishes, but for `other`. */
void topics_keep(struct topics *topics, const struct pipe_config *config,
                 const struct ipc_topic *other);
void topics_destroy(struct topics *topics); /* after the server */

#endif
