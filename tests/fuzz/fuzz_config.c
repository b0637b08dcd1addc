/* Any bytes as a configuration and as a policy: an error or what they say, never a crash, and in
 * little time. */
#include "daemon/policy.h"
#include "pipelines/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void decide(const struct policy *policy)
{
    static const char *const topics[] = {"frames", "hands"};
    static gid_t groups[] = {44};
    const struct ipc_peer peer = {
        .pid = 1, .uid = 1000, .gid = 1000, .groups = groups, .group_count = 1, .pidfd = -1};
    struct percept_error error;
    unsigned line;
    policy_check_topics(policy, topics, 2, &error);
    for (size_t i = 0; ipc_topic_class_at(i); i++)
        policy_decide(policy, &peer, 1000, "frames", ipc_topic_class_at(i), &line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pipe_config *config = NULL;
    struct policy *policy = NULL;
    struct percept_error error;
    if (pipe_config_parse("fuzz/config.yaml", data, size, &config, &error) == PERCEPT_OK)
        pipe_config_destroy(config);
    if (policy_parse("fuzz/policy.yaml", data, size, &policy, &error) == PERCEPT_OK) {
        decide(policy);
        policy_destroy(policy);
    }
    return 0;
}
