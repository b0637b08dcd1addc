/* Why: a plugin may be broken in ways that only running it shows. Whoever asks all the plugins of a
 * folder must hear from the rest of them all the same. */
#include "base/ask.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ANSWER_NS (30 * BASE_NS_PER_S) /* a driver may take its time when it is cold */

/* From the child, in one piece: less than a pipe takes at once. */
struct answer {
    struct percept_error error; /* status OK: the rest holds */
    unsigned char bytes[BASE_ASK_MOST];
};
_Static_assert(sizeof(struct answer) <= 4096, "PIPE_BUF");

struct question {
    base_ask_fn ask;
    void *context;
};

void base_ask_text(char *to, size_t size, const char *text)
{
    snprintf(to, size, "%s", text ? text : "");
    for (; *to; to++)
        if ((unsigned char)*to < ' ' || *to == 0x7f)
            *to = '?';
}

/* ---- the child ---- */

/* Signals are the parent's business: its handlers share descriptors with it. */
static void leave_parent(const sigset_t *mask)
{
    static const int handled[] = {SIGTERM, SIGINT, SIGHUP};
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (size_t i = 0; i < sizeof handled / sizeof handled[0]; i++)
        signal(handled[i], SIG_DFL);
    sigprocmask(SIG_SETMASK, mask, NULL);
}

static _Noreturn void be_child(const struct question *question, int to, const sigset_t *mask)
{
    struct answer answer = {0};
    leave_parent(mask);
    question->ask(question->context, answer.bytes, &answer.error);
    _exit(write(to, &answer, sizeof answer) == sizeof answer ? 0 : 1);
}

/* ---- the parent ---- */

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
    answer->error.message[sizeof answer->error.message - 1] = '\0';
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

static pid_t start_child(const struct question *question, int ends[2])
{
    sigset_t all, mask;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &mask);
    pid_t child = fork();
    if (child == 0)
        be_child(question, ends[1], &mask);
    int failed = errno;
    sigprocmask(SIG_SETMASK, &mask, NULL);
    errno = failed;
    return child;
}

enum percept_status base_ask_child(base_ask_fn ask, void *context, void *result, size_t size,
                                   struct percept_error *error)
{
    const struct question question = {ask, context};
    struct answer answer;
    int ends[2], how = 0;
    if (size > sizeof answer.bytes)
        return percept_fail(error, PERCEPT_INVALID, "an answer of %zu bytes", size);
    if (pipe2(ends, O_CLOEXEC) != 0)
        return percept_fail_errno(error, errno, "pipe");
    pid_t child = start_child(&question, ends);
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
    memcpy(result, answer.bytes, size);
    return PERCEPT_OK;
}
