/* Why: the rules of who may what in one place, with the reasons that people are given. */
#include "daemon/access.h"

#include "base/clock.h"
#include "base/log.h"
#include "daemon/audit.h"
#include "daemon/grants.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

struct access {
    struct access_options options;
    struct ipc_guard guard;
    struct grants *grants;
    struct audit *audit;
    struct ipc_server *server;
    struct ipc_topic *const *topics;
    size_t topic_count;
    uid_t owner;
    /* libuv's timers stand still while the machine sleeps; a grant's time does not. */
    int timer_fd;
    uv_poll_t timer;
    bool polling;
};

/* ---- reading, and pushing ---- */

/* OK, or PERMISSION; *line: of the rule of the policy that denies it; 0: none does. */
static enum percept_status decide(const struct access *access, const struct ipc_peer *peer,
                                  const char *name, const struct ipc_topic_class *class,
                                  unsigned *line)
{
    *line = 0;
    if (class->everyone)
        return PERCEPT_OK;
    switch (policy_decide(access->options.policy, peer, access->owner, name, class, line)) {
    case POLICY_ALLOW:
        return PERCEPT_OK;
    case POLICY_DENY:
        return PERCEPT_PERMISSION;
    case POLICY_SILENT:
        break;
    }
    bool may = grants_allow(access->grants, peer, name, class) ||
               (!class->sensitive && (peer->uid == 0 || peer->uid == access->owner));
    return may ? PERCEPT_OK : PERCEPT_PERMISSION;
}

static enum percept_status decide_reading(const struct access *access, const struct ipc_peer *peer,
                                          const char *name, const struct ipc_topic_class *class,
                                          struct percept_error *error)
{
    unsigned line;
    if (decide(access, peer, name, class, &line) == PERCEPT_OK)
        return PERCEPT_OK;
    if (line)
        return percept_fail(error, PERCEPT_PERMISSION,
                            "the policy (line %u) denies topic '%s' to user %u", line, name,
                            peer->uid);
    return percept_fail(error, PERCEPT_PERMISSION,
                        "topic '%s' shows %s, which user %u was not granted (percept grant %s --to "
                        "%u)",
                        name, class->shows, peer->uid, class->name, peer->uid);
}

static enum percept_status may_push(void *context, const struct ipc_peer *peer, const char *to,
                                    struct percept_error *error)
{
    char name[128];
    unsigned line;
    snprintf(name, sizeof name, IPC_PUSH_PREFIX "%s", to);
    if (decide(context, peer, name, ipc_topic_class_find("push"), &line) == PERCEPT_OK)
        return PERCEPT_OK;
    if (line)
        return percept_fail(error, PERCEPT_PERMISSION,
                            "the policy (line %u) denies pushing to '%s' to user %u", line, to,
                            peer->uid);
    return percept_fail(error, PERCEPT_PERMISSION,
                        "user %u was not granted to push sound to '%s' (percept grant %s --to %u)",
                        peer->uid, to, name, peer->uid);
}

static enum percept_status may_read(void *context, const struct ipc_peer *peer,
                                    const struct ipc_topic *topic, struct percept_error *error)
{
    return decide_reading(context, peer, ipc_topic_name(topic),
                          ipc_topic_class_of(ipc_topic_schema(topic)), error);
}

enum percept_status access_may_recall(const struct access *access, const struct ipc_peer *peer,
                                      const char *topic, struct percept_error *error)
{
    return decide_reading(access, peer, topic, ipc_topic_class_of(PERCEPT_CAPTIONS_SCHEMA), error);
}

void access_note(struct access *access, const char *event, const struct ipc_peer *peer,
                 const char *topic, const char *text)
{
    audit_write(access->audit, event, peer, topic, text);
}

/* ---- administration ---- */

static bool administrator(const struct access *access, const struct ipc_peer *peer)
{
    return peer->uid == 0 || peer->uid == access->owner ||
           policy_administrator(access->options.policy, peer->uid);
}

static enum percept_status may_administer(struct access *access, const struct ipc_peer *peer,
                                          const char *what, struct percept_error *error)
{
    if (administrator(access, peer))
        return PERCEPT_OK;
    percept_fail(error, PERCEPT_PERMISSION, "user %u is no administrator, who alone may %s",
                 peer->uid, what);
    audit_write(access->audit, "refuse", peer, "", error->message);
    return PERCEPT_PERMISSION;
}

static enum percept_status may_ask(void *context, const struct ipc_peer *peer, const char *what,
                                   struct percept_error *error)
{
    if (strcmp(what, "reload") == 0)
        return may_administer(context, peer, "reload the configuration", error);
    if (strncmp(what, "privacy ", 8) == 0) {
        enum percept_status status =
            may_administer(context, peer, "turn the privacy switch", error);
        if (status == PERCEPT_OK)
            audit_write(((struct access *)context)->audit, "privacy", peer, "", what + 8);
        return status;
    }
    bool open = strcmp(what, "grants") != 0 && strncmp(what, "audit", 5) != 0 &&
                strncmp(what, "trace", 5) != 0;
    return open ? PERCEPT_OK : may_administer(context, peer, "see that", error);
}

enum percept_status access_may_forget(struct access *access, const struct ipc_peer *peer,
                                      struct percept_error *error)
{
    return may_administer(access, peer, "forget what was said", error);
}

static bool known(const struct access *access, const char *what)
{
    bool found = ipc_topic_class_find(what) != NULL ||
                 access->options.takes_sound(access->options.context, what);
    for (size_t i = 0; i < access->topic_count && !found; i++)
        found = strcmp(ipc_topic_name(access->topics[i]), what) == 0;
    return found;
}

static enum percept_status check_terms(const struct access *access,
                                       const struct percept_grant *terms,
                                       struct percept_error *error)
{
    struct stat status;
    if (!known(access, terms->what))
        return percept_fail(error, PERCEPT_NOT_FOUND, "no topic or class of topics '%.63s'",
                            terms->what);
    if (terms->uid < -1 || terms->uid >= UINT32_MAX)
        return percept_fail(error, PERCEPT_INVALID, "%lld is no user", (long long)terms->uid);
    if (terms->uid == -1 && !terms->executable[0])
        return percept_fail(error, PERCEPT_INVALID, "a grant is to a user, an executable or both");
    if (terms->seconds > GRANTS_SECONDS_MAX)
        return percept_fail(error, PERCEPT_INVALID, "a grant is for ten years at most");
    /* A name that means nothing now might mean something else later. */
    if (terms->executable[0] && (terms->executable[0] != '/' ||
                                 stat(terms->executable, &status) != 0 || !S_ISREG(status.st_mode)))
        return percept_fail(error, PERCEPT_INVALID, "'%.200s' is not the full path of a file",
                            terms->executable);
    return PERCEPT_OK;
}

/* "camera to user 1000, /usr/bin/app, for 600 s", for the record. */
static void describe(const struct percept_grant *terms, char *text, size_t size)
{
    char user[32] = "anybody", time[48] = "";
    if (terms->uid >= 0)
        snprintf(user, sizeof user, "user %lld", (long long)terms->uid);
    if (terms->seconds)
        snprintf(time, sizeof time, ", for %llu s", (unsigned long long)terms->seconds);
    snprintf(text, size, "%s to %s%s%.300s%s", terms->what[0] ? terms->what : "all", user,
             terms->executable[0] ? ", " : "", terms->executable, time);
}

/* When does the next grant end? */
static void set_timer(struct access *access)
{
    int64_t end = grants_next_end(access->grants);
    struct itimerspec when = {.it_value = {.tv_sec = (time_t)(end / BASE_NS_PER_S),
                                           .tv_nsec = (long)(end % BASE_NS_PER_S)}};
    timerfd_settime(access->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

static enum percept_status grant(void *context, const struct ipc_peer *peer,
                                 const struct percept_grant *terms, struct percept_error *error)
{
    struct access *access = context;
    char text[512];
    enum percept_status status = may_administer(access, peer, "grant", error);
    if (status == PERCEPT_OK)
        status = check_terms(access, terms, error);
    if (status == PERCEPT_OK)
        status = grants_add(access->grants, terms, peer->uid, error);
    if (status != PERCEPT_OK)
        return status;
    describe(terms, text, sizeof text);
    audit_write(access->audit, "grant", peer, "", text);
    set_timer(access);
    if (access->server)
        ipc_server_recheck(access->server); /* it may replace a longer one */
    return PERCEPT_OK;
}

static enum percept_status revoke_grants(void *context, const struct ipc_peer *peer,
                                         const struct percept_grant *terms,
                                         struct percept_error *error)
{
    struct access *access = context;
    char text[512];
    enum percept_status status = may_administer(access, peer, "revoke", error);
    if (status != PERCEPT_OK)
        return status;
    status = grants_remove(access->grants, terms, error);
    if (status == PERCEPT_NOT_FOUND)
        return status;
    describe(terms, text, sizeof text);
    audit_write(access->audit, "revoke", peer, "", text);
    set_timer(access);
    if (access->server)
        ipc_server_recheck(access->server);
    return status;
}

static void over(void *context, const struct percept_grant *terms)
{
    struct access *access = context;
    char text[512];
    describe(terms, text, sizeof text);
    audit_write(access->audit, "expire", NULL, "", text);
}

static void on_timer(uv_poll_t *poll, int status, int events)
{
    struct access *access = poll->data;
    uint64_t times;
    (void)status;
    (void)events;
    if (read(access->timer_fd, &times, sizeof times) < 0)
        return;
    grants_expire(access->grants, over, access);
    set_timer(access);
    if (access->server)
        ipc_server_recheck(access->server);
}

void access_reload(struct access *access, const struct policy *policy)
{
    const struct ipc_quotas quotas = policy_quotas(policy);
    access->options.policy = policy;
    audit_write(access->audit, "reload", NULL, "", "the policy");
    ipc_server_set_quotas(access->server, &quotas);
    ipc_server_recheck(access->server);
}

/* ---- the record ---- */

static void event(void *context, enum ipc_event event, const struct ipc_peer *peer,
                  const char *topic, const char *text)
{
    static const char *const names[] = {
        [IPC_EVENT_CONNECT] = "connect",     [IPC_EVENT_DISCONNECT] = "disconnect",
        [IPC_EVENT_SUBSCRIBE] = "subscribe", [IPC_EVENT_UNSUBSCRIBE] = "unsubscribe",
        [IPC_EVENT_REFUSE] = "refuse",       [IPC_EVENT_REVOKE] = "end",
        [IPC_EVENT_PUSH] = "push",           [IPC_EVENT_PUSHED] = "pushed",
    };
    struct access *access = context;
    audit_write(access->audit, names[event], peer, topic, text);
    if (!peer)
        base_log(BASE_LOG_ERROR, "%s", text);
    if (event == IPC_EVENT_SUBSCRIBE || event == IPC_EVENT_UNSUBSCRIBE)
        access->options.changed(access->options.context);
}

static void revoked(void *context)
{
    struct access *access = context;
    access->options.changed(access->options.context);
}

char *access_query(struct access *access, const char *what)
{
    if (strcmp(what, "grants") == 0) {
        json_t *root = json_pack("{s:o}", "grants", grants_json(access->grants));
        char *text = root ? json_dumps(root, JSON_COMPACT) : NULL;
        json_decref(root);
        return text;
    }
    if (strncmp(what, "audit ", 6) != 0)
        return NULL;
    char *end;
    errno = 0;
    uint64_t after = strtoull(what + 6, &end, 10);
    return errno || end == what + 6 || *end ? NULL : audit_json(access->audit, after);
}

/* ---- its life ---- */

static enum percept_status open_parts(struct access *access, uv_loop_t *loop,
                                      struct percept_error *error)
{
    struct percept_error damage;
    enum percept_status status = audit_open(access->options.folder, &access->audit, error);
    if (status != PERCEPT_OK)
        return status;
    access->grants = grants_open(access->options.folder, &damage);
    if (!access->grants)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    if (damage.status != PERCEPT_OK)
        base_log(BASE_LOG_ERROR, "%s", damage.message);
    access->timer_fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    if (access->timer_fd < 0)
        return percept_fail_errno(error, errno, "timer");
    access->timer.data = access;
    int failed = uv_poll_init(loop, &access->timer, access->timer_fd);
    access->polling = failed == 0;
    if (!failed)
        failed = uv_poll_start(&access->timer, UV_READABLE, on_timer);
    if (failed)
        return percept_fail_errno(error, -failed, "timer");
    set_timer(access);
    return PERCEPT_OK;
}

enum percept_status access_create(uv_loop_t *loop, const struct access_options *options,
                                  struct access **result, struct percept_error *error)
{
    struct access *access = calloc(1, sizeof *access);
    if (!access)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    access->options = *options;
    access->owner = geteuid();
    access->timer_fd = -1;
    access->guard = (struct ipc_guard){.context = access,
                                       .may_read = may_read,
                                       .may_push = may_push,
                                       .may_ask = may_ask,
                                       .grant = grant,
                                       .revoke = revoke_grants,
                                       .event = event,
                                       .revoked = revoked};
    enum percept_status status = open_parts(access, loop, error);
    if (status != PERCEPT_OK) {
        access_destroy(access);
        return status;
    }
    *result = access;
    return PERCEPT_OK;
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void access_destroy(struct access *access)
{
    if (!access)
        return;
    grants_close(access->grants);
    audit_close(access->audit);
    bool polling = access->polling;
    int fd = access->timer_fd;
    if (polling)
        uv_close((uv_handle_t *)&access->timer, on_closed); /* which frees it */
    else
        free(access);
    if (fd >= 0)
        close(fd);
}

const struct ipc_guard *access_guard(const struct access *access)
{
    return &access->guard;
}

void access_serve(struct access *access, struct ipc_server *server, struct ipc_topic *const *topics,
                  size_t topic_count)
{
    access->server = server;
    access->topics = topics;
    access->topic_count = topic_count;
}
