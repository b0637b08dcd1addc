/* Why: pushing is permitted, counted and ended like a subscription, though what is pushed takes
 * another way. */
#include "ipc/session_push.h"

#include "ipc/hang_up.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* By the name that permissions and the record have for it. */
static void note(const struct ipc_session *session, enum ipc_event event, const char *to,
                 const char *text)
{
    const struct ipc_guard *guard = session->catalogue->guard;
    char name[sizeof session->pushes[0].to + sizeof IPC_PUSH_PREFIX];
    snprintf(name, sizeof name, IPC_PUSH_PREFIX "%s", to);
    if (guard)
        guard->event(guard->context, event, session->peer, name, text);
}

static enum percept_status may_push(const struct ipc_session *session, const char *to,
                                    struct percept_error *error)
{
    const struct ipc_guard *guard = session->catalogue->guard;
    return guard ? guard->may_push(guard->context, session->peer, to, error) : PERCEPT_OK;
}

static void let_go(struct ipc_session *session, struct ipc_push *push)
{
    ipc_hang_up(push->fd);
    *push = (struct ipc_push){0};
    session->account->pushes--;
}

static enum percept_status find_room(struct ipc_session *session, struct ipc_push **push,
                                     struct percept_error *error)
{
    unsigned quota = session->catalogue->quotas.pushes, own = session->account->pushes;
    *push = NULL;
    for (size_t i = 0; i < IPC_PUSHES_MAX && !*push; i++)
        if (!session->pushes[i].to[0])
            *push = &session->pushes[i];
    if (!*push)
        return percept_fail(error, PERCEPT_LIMIT, "a client pushes sound to %d pipelines at most",
                            IPC_PUSHES_MAX);
    return !quota || own < quota ? PERCEPT_OK
                                 : percept_fail(error, PERCEPT_LIMIT,
                                                "user %u pushes sound to %u pipelines, as many as "
                                                "one may (quota pushes)",
                                                session->account->uid, own);
}

/* The daemon takes one descriptor of our end, we keep another. */
static enum percept_status hand_over(struct ipc_session *session, const char *to,
                                     const struct ipc_push_format *format, int ours,
                                     struct percept_error *error)
{
    const struct ipc_catalogue *catalogue = session->catalogue;
    int theirs = fcntl(ours, F_DUPFD_CLOEXEC, 0);
    if (theirs < 0)
        return percept_fail_errno(error, errno, "a socket for sound");
    enum percept_status status = catalogue->push(catalogue->context, to, theirs, format, error);
    if (status != PERCEPT_OK)
        close(theirs);
    return status;
}

static enum percept_status open_push(struct ipc_session *session, const char *to,
                                     const struct ipc_push_format *format,
                                     struct ipc_packet *packet, struct percept_error *error)
{
    struct ipc_push *push;
    int ours, theirs;
    enum percept_status status = may_push(session, to, error);
    if (status == PERCEPT_OK)
        status = ipc_push_check(format, error);
    if (status == PERCEPT_OK)
        status = find_room(session, &push, error);
    if (status == PERCEPT_OK)
        status = ipc_push_pair(format, &ours, &theirs, error);
    if (status != PERCEPT_OK)
        return status;
    status = hand_over(session, to, format, ours, error);
    if (status != PERCEPT_OK) {
        close(ours);
        close(theirs);
        return status;
    }
    push->fd = ours;
    snprintf(push->to, sizeof push->to, "%s", to);
    session->account->pushes++;
    packet->fds[0] = theirs;
    packet->fd_count = 1;
    return PERCEPT_OK;
}

enum percept_status ipc_session_push_open(struct ipc_session *session, const char *to,
                                          const struct ipc_push_format *format,
                                          struct ipc_packet *packet, struct percept_error *error)
{
    if (!session->catalogue->push)
        return percept_fail(error, PERCEPT_UNSUPPORTED, "the daemon takes no sound");
    if (!to[0] || strlen(to) >= sizeof session->pushes[0].to)
        return percept_fail(error, PERCEPT_NOT_FOUND, "no pipeline '%.70s'", to);
    enum percept_status status = open_push(session, to, format, packet, error);
    bool refused = status == PERCEPT_PERMISSION || status == PERCEPT_LIMIT;
    if (status == PERCEPT_OK || refused)
        note(session, refused ? IPC_EVENT_REFUSE : IPC_EVENT_PUSH, to,
             refused ? error->message : "");
    return status;
}

void ipc_session_push_reap(struct ipc_session *session)
{
    for (size_t i = 0; i < IPC_PUSHES_MAX; i++) {
        struct ipc_push *push = &session->pushes[i];
        if (!push->to[0] || !ipc_push_is_over(push->fd))
            continue;
        note(session, IPC_EVENT_PUSHED, push->to, "");
        let_go(session, push);
    }
}

void ipc_session_push_recheck(struct ipc_session *session)
{
    struct percept_error error;
    ipc_session_push_reap(session);
    for (size_t i = 0; i < IPC_PUSHES_MAX; i++) {
        struct ipc_push *push = &session->pushes[i];
        if (!push->to[0] || may_push(session, push->to, &error) == PERCEPT_OK)
            continue;
        /* What it has pushed and nobody has heard yet is not to be heard either. */
        ipc_push_hang_up(push->fd, PERCEPT_PERMISSION, error.message);
        ipc_push_empty(push->fd);
        note(session, IPC_EVENT_REVOKE, push->to, error.message);
        let_go(session, push);
    }
}

void ipc_session_push_finish(struct ipc_session *session)
{
    for (size_t i = 0; i < IPC_PUSHES_MAX; i++) {
        struct ipc_push *push = &session->pushes[i];
        if (!push->to[0])
            continue;
        ipc_push_hang_up(push->fd, PERCEPT_DISCONNECTED, "the connection has ended");
        note(session, IPC_EVENT_PUSHED, push->to, "");
        let_go(session, push);
    }
}
