/* Why: rules for people to write and read, so the order of the file decides, and every mistake has
 * a line and a column. */
#include "daemon/policy.h"

#include "ipc/push.h"
#include "pipelines/schema.h"
#include "pipelines/suggest.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RULES_MAX 256
#define IDS_MAX   UINT32_MAX /* (uid_t)-1 is nobody's */

struct ids {
    size_t count;
    uint32_t *items;
};

struct rule {
    bool anyone, same_user;
    struct ids users, groups;
    struct pipe_texts executables;
    struct pipe_texts allow, deny;
    unsigned line;
};

struct policy {
    struct base_arena arena;
    char *file;
    struct ids administrators;
    struct ipc_quotas quotas;
    size_t rule_count;
    struct rule *rules;
};

/* ---- reading ---- */

struct fields {
    int64_t version;
    struct pipe_texts administrators;
    const struct pipe_tree *quotas, *rules;
};

static const struct pipe_param policy_params[] = {
    {.name = "version",
     .kind = PIPE_PARAM_INT,
     .offset = offsetof(struct fields, version),
     .required = true,
     .min = 1,
     .max = 1,
     .help = "of this format: 1"},
    {.name = "administrators",
     .kind = PIPE_PARAM_TEXTS,
     .offset = offsetof(struct fields, administrators),
     .help = "users who may grant and revoke"},
    {.name = "quotas",
     .kind = PIPE_PARAM_MAP,
     .offset = offsetof(struct fields, quotas),
     .help = "what each user may take"},
    {.name = "rules",
     .kind = PIPE_PARAM_LIST,
     .offset = offsetof(struct fields, rules),
     .help = "the first that fits decides"},
    {0},
};

struct quota_fields {
    int64_t connections, subscriptions, slots, queued_bytes, pushes, push_bytes,
        requests_per_second;
};

#define CONNECTIONS   32 /* half of what the daemon takes */
#define SUBSCRIPTIONS 256
#define SLOTS         32
#define QUEUED_BYTES  (16 << 20)
#define PUSHES        8
#define REQUESTS      100

static const struct pipe_param quota_params[] = {
    {.name = "connections",
     .kind = PIPE_PARAM_INT,
     .offset = offsetof(struct quota_fields, connections),
     .fallback = CONNECTIONS,
     .min = 1,
     .max = 64,
     .help = "at once"},
    {.name = "subscriptions",
     .kind = PIPE_PARAM_INT,
     .offset = offsetof(struct quota_fields, subscriptions),
     .fallback = SUBSCRIPTIONS,
     .min = 1,
     .max = 2048,
     .help = "of all connections"},
    {.name = "slots",
     .kind = PIPE_PARAM_INT,
     .offset = offsetof(struct quota_fields, slots),
     .fallback = SLOTS,
     .min = 1,
     .max = 64,
     .help = "of a topic"},
    {.name = "queued_bytes",
     .kind = PIPE_PARAM_INT,
     .offset = offsetof(struct quota_fields, queued_bytes),
     .fallback = QUEUED_BYTES,
     .min = 1 << 20,
     .max = 1 << 30,
     .help = "of results not yet received"},
    {.name = "pushes",
     .kind = PIPE_PARAM_INT,
     .offset = offsetof(struct quota_fields, pushes),
     .fallback = PUSHES,
     .min = 1,
     .max = 64,
     .help = "of sound, at once"},
    {.name = "push_bytes",
     .kind = PIPE_PARAM_INT,
     .offset = offsetof(struct quota_fields, push_bytes),
     .fallback = IPC_PUSH_QUEUE,
     .min = IPC_PUSH_QUEUE_MIN,
     .max = 16 << 20,
     .help = "of the sound of each that nobody has heard yet"},
    {.name = "requests_per_second",
     .kind = PIPE_PARAM_INT,
     .offset = offsetof(struct quota_fields, requests_per_second),
     .fallback = REQUESTS,
     .min = 1,
     .max = 100000,
     .help = "on average over ten seconds"},
    {0},
};

struct rule_fields {
    bool anyone, same_user;
    struct pipe_texts users, groups, executables, allow, deny;
};

static const struct pipe_param rule_params[] = {
    {.name = "anyone",
     .kind = PIPE_PARAM_BOOL,
     .offset = offsetof(struct rule_fields, anyone),
     .help = "fits every client"},
    {.name = "same_user",
     .kind = PIPE_PARAM_BOOL,
     .offset = offsetof(struct rule_fields, same_user),
     .help = "fits clients of the daemon's own user"},
    {.name = "user",
     .kind = PIPE_PARAM_TEXTS,
     .offset = offsetof(struct rule_fields, users),
     .help = "names or numbers"},
    {.name = "group",
     .kind = PIPE_PARAM_TEXTS,
     .offset = offsetof(struct rule_fields, groups),
     .help = "names or numbers"},
    {.name = "executable",
     .kind = PIPE_PARAM_PATHS,
     .offset = offsetof(struct rule_fields, executables),
     .help = "paths"},
    {.name = "allow",
     .kind = PIPE_PARAM_TEXTS,
     .offset = offsetof(struct rule_fields, allow),
     .help = "classes or topics"},
    {.name = "deny",
     .kind = PIPE_PARAM_TEXTS,
     .offset = offsetof(struct rule_fields, deny),
     .help = "classes or topics"},
    {0},
};

static bool find_user(const char *name, uint32_t *id)
{
    const struct passwd *entry = getpwnam(name);
    if (entry)
        *id = entry->pw_uid;
    return entry != NULL;
}

static bool find_group(const char *name, uint32_t *id)
{
    const struct group *entry = getgrnam(name);
    if (entry)
        *id = entry->gr_gid;
    return entry != NULL;
}

static bool read_number(const char *text, uint32_t *id)
{
    char *end;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (strspn(text, "0123456789") == 0 || *end || errno || number >= IDS_MAX)
        return false;
    *id = (uint32_t)number;
    return true;
}

static enum percept_status read_ids(const struct pipe_schema_reader *r,
                                    const struct pipe_texts *texts, const char *what,
                                    bool (*find)(const char *name, uint32_t *id), struct ids *ids)
{
    ids->items = base_arena_array(r->arena, texts->count, sizeof *ids->items);
    if (!ids->items)
        return percept_fail(r->error, PERCEPT_NO_MEMORY, "out of memory");
    for (; ids->count < texts->count; ids->count++) {
        const struct pipe_text *text = &texts->items[ids->count];
        uint32_t *id = &ids->items[ids->count];
        if (!read_number(text->text, id) && !find(text->text, id))
            return percept_fail_at(r->error, PERCEPT_NOT_FOUND, text->file, text->line,
                                   text->column, "no %s '%.60s'", what, text->text);
    }
    return PERCEPT_OK;
}

struct ipc_quotas policy_quotas(const struct policy *policy)
{
    if (policy)
        return policy->quotas;
    return (struct ipc_quotas){.connections = CONNECTIONS,
                               .subscriptions = SUBSCRIPTIONS,
                               .slots = SLOTS,
                               .queued_bytes = QUEUED_BYTES,
                               .pushes = PUSHES,
                               .push_bytes = IPC_PUSH_QUEUE,
                               .requests_per_second = REQUESTS};
}

static enum percept_status read_quotas(const struct pipe_schema_reader *r,
                                       const struct pipe_tree *map, struct ipc_quotas *quotas)
{
    struct quota_fields fields = {0};
    const struct pipe_schema_part part = {quota_params, &fields};
    *quotas = policy_quotas(NULL);
    if (!map)
        return PERCEPT_OK;
    enum percept_status status = pipe_schema_read(r, map, "quotas", &part, 1);
    if (status == PERCEPT_OK)
        *quotas = (struct ipc_quotas){
            .connections = (unsigned)fields.connections,
            .subscriptions = (unsigned)fields.subscriptions,
            .slots = (unsigned)fields.slots,
            .queued_bytes = (size_t)fields.queued_bytes,
            .pushes = (unsigned)fields.pushes,
            .push_bytes = (size_t)fields.push_bytes,
            .requests_per_second = (unsigned)fields.requests_per_second,
        };
    return status;
}

static enum percept_status read_rule(const struct pipe_schema_reader *r,
                                     const struct pipe_tree *map, struct rule *rule)
{
    struct rule_fields fields = {0};
    const struct pipe_schema_part part = {rule_params, &fields};
    enum percept_status status = pipe_schema_read(r, map, "a rule", &part, 1);
    if (status != PERCEPT_OK)
        return status;
    *rule = (struct rule){.anyone = fields.anyone,
                          .same_user = fields.same_user,
                          .executables = fields.executables,
                          .allow = fields.allow,
                          .deny = fields.deny,
                          .line = map->line};
    bool who =
        fields.same_user || fields.users.count || fields.groups.count || fields.executables.count;
    /* One that forgot to say whom it is about would be about everybody. */
    if (who == fields.anyone)
        return pipe_schema_fail(r, map, PERCEPT_MALFORMED,
                                who ? "a rule for anyone has no user, group or executable"
                                    : "a rule needs user, group, executable, same_user or anyone");
    if (!fields.allow.count && !fields.deny.count)
        return pipe_schema_fail(r, map, PERCEPT_MALFORMED, "a rule needs allow or deny");
    if (fields.executables.count && fields.deny.count)
        return pipe_schema_fail(r, map, PERCEPT_MALFORMED,
                                "a rule with executable can only allow: who is denied would run a "
                                "copy");
    status = read_ids(r, &fields.users, "user", find_user, &rule->users);
    return status == PERCEPT_OK ? read_ids(r, &fields.groups, "group", find_group, &rule->groups)
                                : status;
}

static enum percept_status read_all(struct policy *policy, const void *bytes, size_t size,
                                    struct percept_error *error)
{
    const struct pipe_schema_reader reader = {.arena = &policy->arena, .error = error};
    const struct pipe_tree *tree;
    struct fields fields = {0};
    const struct pipe_schema_part part = {policy_params, &fields};
    enum percept_status status =
        pipe_tree_parse(policy->file, bytes, size, &policy->arena, &tree, error);
    if (status == PERCEPT_OK)
        status = pipe_schema_read(&reader, tree, "the policy", &part, 1);
    if (status == PERCEPT_OK)
        status =
            read_ids(&reader, &fields.administrators, "user", find_user, &policy->administrators);
    if (status == PERCEPT_OK)
        status = read_quotas(&reader, fields.quotas, &policy->quotas);
    size_t count = fields.rules && status == PERCEPT_OK ? fields.rules->count : 0;
    if (count > RULES_MAX)
        return pipe_schema_fail(&reader, fields.rules, PERCEPT_LIMIT, "more than %d rules",
                                RULES_MAX);
    policy->rules = base_arena_array(&policy->arena, count, sizeof *policy->rules);
    if (status == PERCEPT_OK && !policy->rules)
        status = percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < count && status == PERCEPT_OK; i++)
        status = read_rule(&reader, fields.rules->items[i].value, &policy->rules[i]);
    policy->rule_count = count;
    return status;
}

enum percept_status policy_parse(const char *name, const void *bytes, size_t size,
                                 struct policy **result, struct percept_error *error)
{
    struct policy *policy = calloc(1, sizeof *policy);
    if (!policy)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    policy->arena.limit = 16u << 20;
    policy->file = strdup(name);
    enum percept_status status = policy->file
                                     ? read_all(policy, bytes, size, error)
                                     : percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    if (status != PERCEPT_OK) {
        policy_destroy(policy);
        return status;
    }
    *result = policy;
    return PERCEPT_OK;
}

enum percept_status policy_load(const char *path, const struct signing_keys *keys,
                                struct policy **policy, struct percept_error *error)
{
    char *bytes;
    size_t size;
    enum percept_status status = pipe_tree_read_file(path, keys, &bytes, &size, error);
    if (status != PERCEPT_OK)
        return status;
    status = policy_parse(path, bytes, size, policy, error);
    free(bytes);
    return status;
}

void policy_destroy(struct policy *policy)
{
    if (!policy)
        return;
    base_arena_reset(&policy->arena);
    free(policy->file);
    free(policy);
}

/* ---- names ---- */

static enum percept_status check_names(const struct policy *policy, const struct pipe_texts *names,
                                       const char *const *topics, size_t topic_count,
                                       struct percept_error *error)
{
    for (size_t i = 0; i < names->count; i++) {
        const struct pipe_text *name = &names->items[i];
        struct pipe_suggest suggest = {.word = name->text};
        bool known = ipc_topic_class_find(name->text) != NULL;
        for (size_t c = 0; ipc_topic_class_at(c); c++)
            pipe_suggest_add(&suggest, ipc_topic_class_at(c)->name);
        for (size_t t = 0; t < topic_count; t++) {
            known = known || strcmp(topics[t], name->text) == 0;
            pipe_suggest_add(&suggest, topics[t]);
        }
        char near[128];
        if (!known)
            return percept_fail_at(error, PERCEPT_MALFORMED, policy->file, name->line, name->column,
                                   "no topic or class of topics '%.60s'%s", name->text,
                                   pipe_suggest_text(&suggest, near, sizeof near));
    }
    return PERCEPT_OK;
}

enum percept_status policy_check_topics(const struct policy *policy, const char *const *topics,
                                        size_t topic_count, struct percept_error *error)
{
    enum percept_status status = PERCEPT_OK;
    for (size_t i = 0; i < policy->rule_count && status == PERCEPT_OK; i++) {
        status = check_names(policy, &policy->rules[i].allow, topics, topic_count, error);
        if (status == PERCEPT_OK)
            status = check_names(policy, &policy->rules[i].deny, topics, topic_count, error);
    }
    return status;
}

enum percept_status policy_check_config(const struct policy *policy,
                                        const struct pipe_config *config, const char *own,
                                        struct percept_error *error)
{
    size_t topics = 0, pushes = 0;
    while (pipe_config_topic_at(config, topics))
        topics++;
    while (pipe_config_push_at(config, pushes))
        pushes++;
    const char **names = policy ? calloc(topics + pushes + 1, sizeof *names) : NULL;
    if (!names)
        return policy ? percept_fail(error, PERCEPT_NO_MEMORY, "out of memory") : PERCEPT_OK;
    for (size_t i = 0; i < topics + pushes; i++)
        names[i] =
            i < topics ? pipe_config_topic_at(config, i) : pipe_config_push_at(config, i - topics);
    names[topics + pushes] = own;
    enum percept_status status = policy_check_topics(policy, names, topics + pushes + 1, error);
    free(names);
    return status;
}

/* ---- deciding ---- */

static bool has_id(const struct ids *ids, uint32_t id)
{
    for (size_t i = 0; i < ids->count; i++)
        if (ids->items[i] == id)
            return true;
    return false;
}

static bool in_a_group(const struct ids *groups, const struct ipc_peer *peer)
{
    for (size_t i = 0; i < groups->count; i++)
        if (ipc_peer_in_group(peer, groups->items[i]))
            return true;
    return false;
}

static bool runs_one(const struct pipe_texts *executables, const struct ipc_peer *peer)
{
    for (size_t i = 0; i < executables->count; i++)
        if (ipc_peer_runs(peer, executables->items[i].text))
            return true;
    return false;
}

/* Every condition that it has holds; the one that asks the kernel comes last. */
static bool fits(const struct rule *rule, const struct ipc_peer *peer, uid_t owner)
{
    return (!rule->same_user || peer->uid == owner) &&
           (!rule->users.count || has_id(&rule->users, peer->uid)) &&
           (!rule->groups.count || in_a_group(&rule->groups, peer)) &&
           (!rule->executables.count || runs_one(&rule->executables, peer));
}

static bool names(const struct pipe_texts *list, const char *topic,
                  const struct ipc_topic_class *class)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->items[i].text, topic) == 0 ||
            strcmp(list->items[i].text, class->name) == 0)
            return true;
    return false;
}

enum policy_verdict policy_decide(const struct policy *policy, const struct ipc_peer *peer,
                                  uid_t owner, const char *topic,
                                  const struct ipc_topic_class *class, unsigned *line)
{
    for (size_t i = 0; policy && i < policy->rule_count; i++) {
        const struct rule *rule = &policy->rules[i];
        bool deny = names(&rule->deny, topic, class);
        if ((!deny && !names(&rule->allow, topic, class)) || !fits(rule, peer, owner))
            continue;
        *line = rule->line;
        return deny ? POLICY_DENY : POLICY_ALLOW;
    }
    return POLICY_SILENT;
}

bool policy_administrator(const struct policy *policy, uid_t uid)
{
    return policy && has_id(&policy->administrators, uid);
}
