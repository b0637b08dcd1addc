/*
 * The policy: what an administrator has settled about who may read which topics, in a file
 * (docs/permissions.md). Read once, when the daemon starts.
 */
#ifndef DAEMON_POLICY_H
#define DAEMON_POLICY_H

#include "base/status.h"
#include "ipc/peer.h"
#include "ipc/quota.h"
#include "ipc/topic_class.h"
#include "pipelines/engine.h"
#include "signing/signing.h"

#include <stdbool.h>
#include <stddef.h>

struct policy;

enum policy_verdict { POLICY_SILENT, POLICY_ALLOW, POLICY_DENY };

/* With keys, one of them must have signed the file; NULL: none need. */
enum percept_status policy_load(const char *path, const struct signing_keys *keys,
                                struct policy **policy, struct percept_error *error);
/* The same from memory; name is for messages. */
enum percept_status policy_parse(const char *name, const void *bytes, size_t size,
                                 struct policy **policy, struct percept_error *error);
void policy_destroy(struct policy *policy); /* NULL is fine */

/* Every rule names classes or topics that there are. MALFORMED with the place of the first that
 * does not. */
enum percept_status policy_check_topics(const struct policy *policy, const char *const *topics,
                                        size_t topic_count, struct percept_error *error);

/* The same for what a configuration has: topics, what may be pushed to, and `own`, a topic of the
 * daemon's. policy NULL: OK. */
enum percept_status policy_check_config(const struct policy *policy,
                                        const struct pipe_config *config, const char *own,
                                        struct percept_error *error);

/* The first rule that is about the topic and fits the peer decides; *line is where it stands. owner
 * is the user of the daemon. policy NULL: SILENT. */
enum policy_verdict policy_decide(const struct policy *policy, const struct ipc_peer *peer,
                                  uid_t owner, const char *topic,
                                  const struct ipc_topic_class *class, unsigned *line);
/* What a user may take; policy NULL: the defaults. */
struct ipc_quotas policy_quotas(const struct policy *policy);
/* Is the user one of `administrators`? policy NULL: no. */
bool policy_administrator(const struct policy *policy, uid_t uid);

#endif
