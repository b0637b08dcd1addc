/* Why: a plugin may be broken in ways that only running it shows. Whoever asks all the plugins of a
 * folder must hear from the rest of them all the same. */
#include "backends/plugin.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ANSWER_NS (30 * BASE_NS_PER_S) /* a driver may take its time when it is cold */

/* From the child, in one piece: less than a pipe takes at once. */
struct answer {
    struct percept_error error; /* status OK: info holds */
    struct backends_plugin_info info;
};
_Static_assert(sizeof(struct answer) <= 4096, "PIPE_BUF");

/* ---- the child ---- */

static void copy_text(char *to, size_t size, const char *text)
{
    snprintf(to, size, "%s", text ? text : "");
    for (; *to; to++)
        if ((unsigned char)*to < ' ' || *to == 0x7f)
            *to = '?';
}

static void fill(const char *path, struct answer *answer)
{
    const struct prt_backend *backend;
    struct backends_plugin_info *info = &answer->info;
    if (backends_plugin_load(path, &backend, &answer->error) != PERCEPT_OK)
        return;
    const char *absent = backend->absent();
    const char *device = NULL;
    if (!absent)
        device = backend->device ? backend->device() : backend->code ? backend->code() : NULL;
    copy_text(info->name, sizeof info->name, backend->name);
    copy_text(info->release, sizeof info->release, backend->release ? backend->release() : NULL);
    copy_text(info->device, sizeof info->device, device);
    copy_text(info->absent, sizeof info->absent, absent);
}

/* Signals are the parent's business: its handlers share descriptors with it. */
static void leave_parent(const sigset_t *mask)
{
    static const int handled[] = {SIGTERM, SIGINT, SIGHUP};
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (size_t i = 0; i < sizeof handled / sizeof handled[0]; i++)
        signal(handled[i], SIG_DFL);
    sigprocmask(SIG_SETMASK, mask, NULL);
}

static _Noreturn void be_child(const char *path, int to, const sigset_t *mask)
{
    struct answer answer = {0};
    leave_parent(mask);
    fill(path, &answer);
    _exit(write(to, &answer, sizeof answer) == sizeof answer ? 0 : 1);
}

/* ---- the parent ---- */

#define END_TEXT(array) ((array)[sizeof(array) - 1] = '\0')

/* False when the child ended, closed its end or kept silent. */
static bool receive(int from, int64_t deadline, struct answer *answer)
{
    size_t used = 0;
    while (used < sizeof *answer) {
        int64_t left = deadline - base_clock_ns();
        struct pollfd poller = {.fd = from, .events = POLLIN};
        int ready = left <= 0 ? 0 : poll(&poller, 1, (int)(left / BASE_NS_PER_MS) + 1);
        if (ready < 0 && errno == EINTR)
            continue;
        ssize_t got = ready > 0 ? read(from, (char *)answer + used, sizeof *answer - used) : 0;
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        used += (size_t)got;
    }
    /* Not all that could write to the pipe was ours. */
    END_TEXT(answer->error.message);
    END_TEXT(answer->info.name);
    END_TEXT(answer->info.release);
    END_TEXT(answer->info.device);
    END_TEXT(answer->info.absent);
    return true;
}

/* Until it has ended, or the deadline: then it is killed, and false. */
static bool wait_for(pid_t child, int64_t deadline, int *how)
{
    for (;;) {
        pid_t ended = waitpid(child, how, WNOHANG);
        if (ended != 0 && (ended > 0 || errno != EINTR))
            return ended > 0;
        if (base_clock_ns() >= deadline)
            break;
        nanosleep(&(struct timespec){.tv_nsec = 2 * BASE_NS_PER_MS}, NULL);
    }
    kill(child, SIGKILL);
    while (waitpid(child, how, 0) < 0 && errno == EINTR)
        ;
    return false;
}

static enum percept_status fail_silent(bool ended, int how, struct percept_error *error)
{
    if (!ended)
        return percept_fail(error, PERCEPT_TIMED_OUT, "it does not answer for %d seconds",
                            (int)(ANSWER_NS / BASE_NS_PER_S));
    if (WIFSIGNALED(how))
        return percept_fail(error, PERCEPT_INTERNAL, "it ends the process that loads it: %s",
                            strsignal(WTERMSIG(how)));
    return percept_fail(error, PERCEPT_INTERNAL,
                        "it ends the process that loads it, with exit status %d", WEXITSTATUS(how));
}

static pid_t start_child(const char *path, int ends[2])
{
    sigset_t all, mask;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &mask);
    pid_t child = fork();
    if (child == 0)
        be_child(path, ends[1], &mask);
    int failed = errno;
    sigprocmask(SIG_SETMASK, &mask, NULL);
    errno = failed;
    return child;
}

enum percept_status backends_plugin_ask(const char *path, struct backends_plugin_info *info,
                                        struct percept_error *error)
{
    struct answer answer;
    int ends[2], how = 0;
    if (pipe2(ends, O_CLOEXEC) != 0)
        return percept_fail_errno(error, errno, "pipe");
    pid_t child = start_child(path, ends);
    int failed = errno;
    close(ends[1]);
    if (child < 0) {
        close(ends[0]);
        return percept_fail_errno(error, failed, "fork");
    }
    int64_t deadline = base_clock_ns() + ANSWER_NS;
    bool answered = receive(ends[0], deadline, &answer);
    close(ends[0]);
    bool ended = wait_for(child, deadline, &how);
    if (!answered)
        return fail_silent(ended, how, error);
    if (answer.error.status != PERCEPT_OK)
        return percept_fail(error, answer.error.status, "%s", answer.error.message);
    *info = answer.info;
    return PERCEPT_OK;
}
