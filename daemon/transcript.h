/*
 * The transcript, as the daemon offers it: which topics are kept, who may read what was kept of
 * them, what is forgotten (docs/transcript.md). Loop thread; the file is another thread's business.
 */
#ifndef DAEMON_TRANSCRIPT_H
#define DAEMON_TRANSCRIPT_H

#include "daemon/access.h"
#include "daemon/state.h"
#include "daemon/topics.h"
#include "pipelines/engine.h"

#include <jansson.h>
#include <uv.h>

struct daemon_transcript;

/* Nothing is kept yet, and there is no thread. */
enum percept_status transcript_open(uv_loop_t *loop, const struct state_folder *folder,
                                    struct daemon_transcript **transcript,
                                    struct percept_error *error);
/* Once no pipeline publishes; what is queued is written. Run the loop afterwards. NULL is fine. */
void transcript_close(struct daemon_transcript *transcript);

/* For a topic that is to be made: if it is one of captions, they are looked at. transcript may be
 * NULL. */
enum percept_status transcript_watch(struct daemon_transcript *transcript,
                                     struct ipc_topic_options *options,
                                     struct percept_error *error);
/* Who asks, and of what; both outlive it. */
void transcript_serve(struct daemon_transcript *transcript, struct access *access,
                      struct ipc_server *server, const struct topics *topics);
/* From now on, as the configuration says. A file that is of no use is a line in the log. */
enum percept_status transcript_keep(struct daemon_transcript *transcript,
                                    const struct pipe_config *config, struct percept_error *error);

/* As in struct ipc_server_options. */
enum percept_status transcript_history(struct daemon_transcript *transcript, uint64_t ticket,
                                       const struct ipc_peer *peer,
                                       const struct percept_history *wish,
                                       struct percept_error *error);
enum percept_status transcript_forget(struct daemon_transcript *transcript, uint64_t ticket,
                                      const struct ipc_peer *peer, uint64_t seconds,
                                      struct percept_error *error);

/* For the status; transcript may be NULL. */
json_t *transcript_json(struct daemon_transcript *transcript);

#endif
