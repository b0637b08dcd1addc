/* Why: see probe.h. Nothing that the probe says or does not say stops the daemon. */
#include "daemon/probe.h"

#include "base/child.h"
#include "base/clock.h"
#include "daemon/probe_serve.h"
#include "runtime/cache/build_id.h"
#include "runtime/cache/private_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define GRACE_NS (10 * BASE_NS_PER_S) /* for the probe to say what became of a file */

struct probe {
    unsigned seconds;
    char *cache; /* or NULL */
    int socket;  /* -1: it is lost */
    pid_t pid;
};

/* ---- its process ---- */

static enum percept_status start(struct probe *probe, struct percept_error *error)
{
    char path[PATH_MAX];
    int ends[2];
    if (!base_child_find("percept-probe", "PERCEPT_PROBE", path))
        return percept_fail(error, PERCEPT_NOT_FOUND,
                            "cannot run '%.200s', which loads models first", path);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return percept_fail_errno(error, errno, "socket pair");
    char *argv[] = {path, NULL};
    const struct base_child_start child = {.path = path,
                                           .argv = argv,
                                           .fds = {ends[1]},
                                           .fd_count = 1,
                                           .standard_error = -1,
                                           .is_early = true};
    int cause = base_child_start(&child, &probe->pid);
    close(ends[1]);
    if (cause) {
        close(ends[0]);
        return percept_fail_errno(error, cause, "start '%.200s'", path);
    }
    probe->socket = ends[0];
    return PERCEPT_OK;
}

static void end(struct probe *probe, int64_t patience_ns)
{
    if (probe->socket < 0)
        return;
    close(probe->socket);
    probe->socket = -1;
    (void)base_child_end(probe->pid, patience_ns);
}

enum percept_status probe_start(unsigned seconds, const char *cache, struct probe **result,
                                struct percept_error *error)
{
    struct probe *probe = calloc(1, sizeof *probe);
    char *copy = cache ? strdup(cache) : NULL;
    if (!probe || (cache && !copy)) {
        free(probe);
        free(copy);
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    }
    *probe = (struct probe){.seconds = seconds, .cache = copy, .socket = -1};
    enum percept_status status = start(probe, error);
    if (status != PERCEPT_OK) {
        probe_stop(probe);
        return status;
    }
    *result = probe;
    return PERCEPT_OK;
}

void probe_stop(struct probe *probe)
{
    if (!probe)
        return;
    end(probe, BASE_NS_PER_S);
    free(probe->cache);
    free(probe);
}

/* ---- what has passed ---- */

#define NOTE_HASH_BYTES 24
_Static_assert(sizeof "probed-" + 2 * NOTE_HASH_BYTES <= PRT_PRIVATE_NAME, "a note's name");

/*
 * A note says that this build has loaded those bytes. It is the daemon's to write, as all of the
 * cache: what a probe wrote could be what a hostile file had it write. False without a cache.
 */
static bool name_note(const uint8_t hash[SIGNING_HASH_BYTES], char name[PRT_PRIVATE_NAME])
{
    struct base_hash build = {0};
    crypto_generichash_state state;
    uint8_t both[NOTE_HASH_BYTES];
    if (!prt_build_id_add(&build))
        return false;
    crypto_generichash_init(&state, NULL, 0, sizeof both);
    crypto_generichash_update(&state, (const uint8_t *)&build, sizeof build);
    crypto_generichash_update(&state, hash, SIGNING_HASH_BYTES);
    crypto_generichash_final(&state, both, sizeof both);
    memcpy(name, "probed-", sizeof "probed-");
    sodium_bin2hex(name + sizeof "probed-" - 1, 2 * NOTE_HASH_BYTES + 1, both, sizeof both);
    return true;
}

static bool write_nothing(const void *context, int file)
{
    (void)context;
    (void)file;
    return true;
}

/* ---- probing ---- */

static bool ask(const struct probe *probe, const char *path, int descriptor,
                struct probe_verdict *verdict)
{
    struct probe_request request = {.seconds = probe->seconds};
    union {
        char bytes[CMSG_SPACE(sizeof descriptor)];
        struct cmsghdr align;
    } control = {0};
    struct iovec part = {.iov_base = &request, .iov_len = sizeof request};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof descriptor);
    memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
    snprintf(request.path, sizeof request.path, "%s", path);
    if (sendmsg(probe->socket, &message, MSG_NOSIGNAL) != sizeof request)
        return false;
    int64_t deadline = base_clock_ns() + probe->seconds * BASE_NS_PER_S + GRACE_NS;
    return base_child_wait(probe->socket, deadline) &&
           recv(probe->socket, verdict, sizeof *verdict, MSG_DONTWAIT) == sizeof *verdict;
}

static enum percept_status have_loaded(struct probe *probe, const char *path, int descriptor,
                                       struct percept_error *error)
{
    struct probe_verdict verdict;
    enum percept_status status = probe->socket < 0 ? start(probe, error) : PERCEPT_OK;
    if (status != PERCEPT_OK)
        return status;
    if (!ask(probe, path, descriptor, &verdict)) {
        end(probe, 0);
        return percept_fail(error, PERCEPT_INTERNAL,
                            "%.200s: percept-probe, which loads it first, is gone or does not "
                            "answer",
                            path);
    }
    if (verdict.status == PERCEPT_OK || verdict.status == PERCEPT_UNSUPPORTED)
        return PERCEPT_OK; /* another backend may have what the probe's has not */
    verdict.message[sizeof verdict.message - 1] = '\0';
    return percept_fail(error, (enum percept_status)verdict.status, "%s", verdict.message);
}

enum percept_status probe_model(struct probe *probe, const char *path, int descriptor,
                                const uint8_t hash[SIGNING_HASH_BYTES], struct percept_error *error)
{
    struct stat info;
    char name[PRT_PRIVATE_NAME];
    int folder = probe->cache && name_note(hash, name) ? prt_private_folder(probe->cache) : -1;
    int note = folder >= 0 ? prt_private_open(folder, name, &info) : -1;
    enum percept_status status = PERCEPT_OK;
    if (note >= 0)
        close(note);
    else
        status = have_loaded(probe, path, descriptor, error);
    if (status == PERCEPT_OK && note < 0 && folder >= 0)
        prt_private_replace(folder, name, write_nothing, NULL);
    if (folder >= 0)
        close(folder);
    return status;
}
