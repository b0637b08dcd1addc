/* The file of the policy: every mistake has its place; the first rule that fits decides. */
#include "daemon/policy.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define OWNER 500

static struct percept_error error;
static char text[1024];

static enum percept_status parse(const char *yaml, struct policy **policy)
{
    return policy_parse("policy.yaml", yaml, strlen(yaml), policy, &error);
}

#define HEAD "version: 1\nrules:\n"

static const struct {
    const char *yaml, *message;
} wrong[] = {
    {"rules: []\n", "policy.yaml:1:1: the policy needs 'version' (of this format: 1)"},
    {"version: 2\n", "policy.yaml:1:10: version: expected a number from 1 to 1, got '2'"},
    {"version: 1\nrule: []\n",
     "policy.yaml:2:1: unknown key 'rule' in the policy; did you mean 'rules'?"},
    {"version: 1\nadministrators: [root, nobody-of-that-name]\n",
     "policy.yaml:2:24: no user 'nobody-of-that-name'"},
    {"version: 1\nadministrators: 4294967295\n", "policy.yaml:2:17: no user '4294967295'"},
    {HEAD "  - {user: root}\n", "policy.yaml:3:5: a rule needs allow or deny"},
    {HEAD "  - {allow: hands}\n",
     "policy.yaml:3:5: a rule needs user, group, executable, same_user or anyone"},
    {HEAD "  - {anyone: true, user: root, allow: hands}\n",
     "policy.yaml:3:5: a rule for anyone has no user, group or executable"},
    {HEAD "  - {group: no-such-group, allow: hands}\n",
     "policy.yaml:3:13: no group 'no-such-group'"},
    {HEAD "  - {executable: /bin/app, deny: camera}\n",
     "policy.yaml:3:5: a rule with executable can only allow: who is denied would run a copy"},
    {HEAD "  - {user: root, alow: camera}\n",
     "policy.yaml:3:18: unknown key 'alow' in a rule; did you mean 'allow'?"},
    {HEAD "  - camera\n", "policy.yaml:3:5: a rule: expected a mapping, got 'camera'"},
    {"version: 1\nquotas: {conections: 3}\n",
     "policy.yaml:2:10: unknown key 'conections' in quotas; did you mean 'connections'?"},
    {"version: 1\nquotas: {connections: 0}\n",
     "policy.yaml:2:23: connections: expected a number from 1 to 64, got '0'"},
};

START_TEST(a_mistake_has_its_place)
{
    struct policy *policy = NULL;
    ck_assert_int_ne(parse(wrong[_i].yaml, &policy), PERCEPT_OK);
    ck_assert_ptr_null(policy);
    ck_assert_str_eq(percept_error_format(&error, text, sizeof text), wrong[_i].message);
}
END_TEST

START_TEST(rules_name_what_there_is)
{
    static const char *const topics[] = {"hands", "left_eye"};
    struct policy *policy;
    ck_assert_int_eq(parse(HEAD "  - {anyone: true, allow: [hands.presence, left_eye]}\n", &policy),
                     PERCEPT_OK);
    ck_assert_int_eq(policy_check_topics(policy, topics, 2, &error), PERCEPT_OK);
    ck_assert_int_eq(policy_check_topics(policy, topics, 1, &error), PERCEPT_MALFORMED);
    ck_assert_str_eq(percept_error_format(&error, text, sizeof text),
                     "policy.yaml:3:44: no topic or class of topics 'left_eye'");
    policy_destroy(policy);
}
END_TEST

/* ---- deciding ---- */

static enum policy_verdict decide(const char *yaml, const struct ipc_peer *peer, const char *topic,
                                  const char *class, unsigned *line)
{
    struct policy *policy;
    *line = 0;
    ck_assert_msg(parse(yaml, &policy) == PERCEPT_OK, "%s",
                  percept_error_format(&error, text, sizeof text));
    enum policy_verdict verdict =
        policy_decide(policy, peer, OWNER, topic, ipc_topic_class_find(class), line);
    policy_destroy(policy);
    return verdict;
}

static gid_t groups[] = {44, 27};

static const struct {
    const char *rules;
    const char *topic, *class;
    enum policy_verdict verdict;
    unsigned line;
} cases[] = {
    /* The peer is user 1000, group 1000, also in 44 and 27. */
    {"", "hands", "hands", POLICY_SILENT, 0},
    {"  - {user: 1000, allow: hands}\n", "hands", "hands", POLICY_ALLOW, 3},
    {"  - {user: 1000, allow: hands}\n", "wave", "hands", POLICY_ALLOW, 3}, /* by class */
    {"  - {user: 1000, allow: wave}\n", "wave", "hands", POLICY_ALLOW, 3},  /* by name */
    {"  - {user: 1000, allow: hands}\n", "frames", "camera", POLICY_SILENT, 0},
    /* The coarse one does not come with the fine one, nor the other way round. */
    {"  - {user: 1000, allow: hands}\n", "hands.presence", "hands.presence", POLICY_SILENT, 0},
    {"  - {user: 1000, allow: hands.presence}\n", "hands", "hands", POLICY_SILENT, 0},
    {"  - {user: [0, 1000], deny: camera}\n", "frames", "camera", POLICY_DENY, 3},
    {"  - {user: 1001, allow: hands}\n", "hands", "hands", POLICY_SILENT, 0},
    {"  - {group: 1000, allow: hands}\n", "hands", "hands", POLICY_ALLOW, 3},
    {"  - {group: [9, 27], allow: hands}\n", "hands", "hands", POLICY_ALLOW, 3},
    {"  - {group: 28, allow: hands}\n", "hands", "hands", POLICY_SILENT, 0},
    {"  - {user: 1000, group: 28, allow: hands}\n", "hands", "hands", POLICY_SILENT, 0},
    {"  - {same_user: true, allow: hands}\n", "hands", "hands", POLICY_SILENT, 0},
    {"  - {anyone: true, allow: hands}\n", "hands", "hands", POLICY_ALLOW, 3},
    /* The first that is about the topic and fits. */
    {"  - {user: 1000, deny: hands}\n  - {anyone: true, allow: hands}\n", "hands", "hands",
     POLICY_DENY, 3},
    {"  - {user: 1, deny: hands}\n  - {anyone: true, allow: hands}\n", "hands", "hands",
     POLICY_ALLOW, 4},
    {"  - {user: 1000, deny: camera}\n  - {anyone: true, allow: hands}\n", "hands", "hands",
     POLICY_ALLOW, 4},
    {"  - {user: 1000, allow: camera, deny: frames}\n", "frames", "camera", POLICY_DENY, 3},
    {"  - {user: 1000, allow: camera, deny: frames}\n", "door", "camera", POLICY_ALLOW, 3},
    {"  - {executable: /nowhere/app, allow: hands}\n", "hands", "hands", POLICY_SILENT, 0},
};

START_TEST(the_first_rule_that_fits_decides)
{
    const struct ipc_peer peer = {
        .pid = 1, .uid = 1000, .gid = 1000, .groups = groups, .group_count = 2, .pidfd = -1};
    unsigned line;
    snprintf(text, sizeof text, HEAD "%s", cases[_i].rules[0] ? cases[_i].rules : "  []\n");
    char yaml[1024];
    snprintf(yaml, sizeof yaml, "%s", text);
    ck_assert_int_eq(decide(yaml, &peer, cases[_i].topic, cases[_i].class, &line),
                     cases[_i].verdict);
    ck_assert_uint_eq(line, cases[_i].line);
}
END_TEST

START_TEST(the_daemons_own_user_can_be_meant)
{
    const struct ipc_peer peer = {.pid = 1, .uid = OWNER, .pidfd = -1};
    unsigned line;
    ck_assert_int_eq(
        decide(HEAD "  - {same_user: true, allow: camera}\n", &peer, "frames", "camera", &line),
        POLICY_ALLOW);
}
END_TEST

/* ---- the kernel's word for it ---- */

START_TEST(a_program_is_known_by_its_file)
{
    int pair[2];
    struct ipc_peer peer;
    char own[4096], yaml[5000], link[64];
    unsigned line;
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    ck_assert_int_eq(ipc_peer_open(pair[0], &peer, &error), PERCEPT_OK);
    ck_assert_int_eq(peer.pid, getpid());
    ck_assert_uint_eq(peer.uid, geteuid());
    ck_assert(ipc_peer_in_group(&peer, getegid()));
    ssize_t length = readlink("/proc/self/exe", own, sizeof own - 1);
    ck_assert_int_gt(length, 0);
    own[length] = '\0';
    char *path = ipc_peer_executable(&peer, text, sizeof text);
    ck_assert_str_eq(path, own);
    snprintf(yaml, sizeof yaml, HEAD "  - {executable: %s, allow: camera}\n", own);
    ck_assert_int_eq(decide(yaml, &peer, "frames", "camera", &line), POLICY_ALLOW);
    /* Another name of the same file is the same program; another file is not. */
    snprintf(link, sizeof link, "/tmp/percept-policy-%d", getpid());
    ck_assert_int_eq(symlink(own, link), 0);
    ck_assert(ipc_peer_runs(&peer, link));
    unlink(link);
    ck_assert(!ipc_peer_runs(&peer, "/bin/sh"));
    /* A number alone proves nothing: without the process itself, it is not known. */
    close(peer.pidfd);
    peer.pidfd = -1;
    ck_assert(!ipc_peer_runs(&peer, own));
    ck_assert_str_eq(ipc_peer_executable(&peer, text, sizeof text), "");
    ipc_peer_close(&peer);
    close(pair[0]);
    close(pair[1]);
}
END_TEST

START_TEST(who_is_private_by_default)
{
    static const char *const sensitive[] = {"camera", "audio", "transcript", "depth", "other"};
    for (size_t i = 0; i < sizeof sensitive / sizeof sensitive[0]; i++)
        ck_assert(ipc_topic_class_find(sensitive[i])->sensitive);
    ck_assert_str_eq(ipc_topic_class_of("percept.frame/1")->name, "camera");
    ck_assert_str_eq(ipc_topic_class_of("a.plugins/7")->name, "other");
    for (size_t i = 0; ipc_topic_class_at(i); i++)
        ck_assert(!(ipc_topic_class_at(i)->sensitive && ipc_topic_class_at(i)->everyone));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("policy");
    TCase *tests = tcase_create("policy");
    tcase_add_loop_test(tests, a_mistake_has_its_place, 0, sizeof wrong / sizeof wrong[0]);
    tcase_add_test(tests, rules_name_what_there_is);
    tcase_add_loop_test(tests, the_first_rule_that_fits_decides, 0, sizeof cases / sizeof cases[0]);
    tcase_add_test(tests, the_daemons_own_user_can_be_meant);
    tcase_add_test(tests, a_program_is_known_by_its_file);
    tcase_add_test(tests, who_is_private_by_default);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
