/* Why: a parser of files that others made is where a daemon is attacked. Each file gets a process
 * that has nothing but the file, and that nobody misses. */
#include "daemon/probe_serve.h"

#include "base/child.h"
#include "base/clock.h"
#include "base/io.h"
#include "daemon/filter.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Of address space: what any model takes, and more for one that is large. */
#define MEMORY_LEAST ((rlim_t)4 << 30)
#define MEMORY_TIMES 8

/* ---- in the child ---- */

/* Memory, what is known of the machine, and the file and the pipe that it has. Nothing that opens,
 * connects, signals, or begins a thread, a process or a program. */
static const char *const calls[] = {
    "brk",          "mmap",
    "munmap",       "mprotect",
    "mremap",       "madvise",
    "mlock",        "mincore",
    "membarrier",   "futex",
    "read",         "pread64",
    "write",        "lseek",
    "fstat",        "newfstatat",
    "close",        "clock_gettime",
    "clock_getres", "gettimeofday",
    "getrandom",    "getpid",
    "gettid",       "sched_getaffinity",
    "sched_yield",  "getcpu",
    "sysinfo",      "uname",
    "rt_sigaction", "rt_sigprocmask",
    "rt_sigreturn", "sigaltstack",
    "rseq",         "restart_syscall",
    "exit",         "exit_group",
    "getrusage",    NULL,
};
/* The seals of the file; and limits, to be read. */
static const struct daemon_filter_call narrow_calls[] = {
    {"fcntl", 1, F_GET_SEALS},
    {"prlimit64", 2, 0},
    {NULL, 0, 0},
};

static void set_limit(int resource, rlim_t most)
{
    struct rlimit limit;
    if (getrlimit((__rlimit_resource_t)resource, &limit) == 0 && limit.rlim_max > most) {
        limit = (struct rlimit){most, most};
        (void)setrlimit((__rlimit_resource_t)resource, &limit);
    }
}

/* What others log is not its to write to. */
static void be_silent(void)
{
    int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = 0; fd < 3 && nothing >= 0; fd++)
        if (dup2(nothing, fd) < 0)
            break;
    if (nothing >= 3)
        close(nothing);
}

/* When memory runs out it shall be this process that the kernel ends. */
static void be_expendable(void)
{
    int file = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (file >= 0) {
        (void)base_write_all(file, "1000", 4);
        close(file);
    }
}

static enum percept_status confine(int file, uint32_t seconds, struct percept_error *error)
{
    struct stat info;
    rlim_t memory =
        fstat(file, &info) == 0 ? MEMORY_LEAST + MEMORY_TIMES * (rlim_t)info.st_size : 0;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (!daemon_sanitized) /* which has something to say */
        be_silent();
    be_expendable();
    set_limit(RLIMIT_CORE, 0);
    set_limit(RLIMIT_CPU, seconds + 5); /* should nobody be there to keep to the deadline */
    set_limit(RLIMIT_FSIZE, 0);
    if (!daemon_sanitized)
        set_limit(RLIMIT_AS, memory);
    const struct daemon_filter filter = {.calls = calls, .narrow = narrow_calls};
    return daemon_filter_set(&filter, error);
}

/* It has the standard descriptors (/dev/null), the file and the pipe. */
static _Noreturn void be_child(int file, int pipe, const struct probe_request *request,
                               probe_load_fn load)
{
    struct probe_verdict verdict = {0};
    struct percept_error error = {0};
    char text[sizeof verdict.message];
    enum percept_status status = confine(file, request->seconds, &error);
    if (status == PERCEPT_OK)
        status = load(file, request->path, &error);
    verdict.status = status;
    if (status != PERCEPT_OK)
        snprintf(verdict.message, sizeof verdict.message, "%s",
                 percept_error_format(&error, text, sizeof text));
    _exit(base_write_all(pipe, &verdict, sizeof verdict) ? 0 : 1);
}

/* ---- in the parent ---- */

static void refuse(struct probe_verdict *verdict, enum percept_status status, const char *path,
                   const char *format, ...) __attribute__((format(printf, 4, 5)));

static void refuse(struct probe_verdict *verdict, enum percept_status status, const char *path,
                   const char *format, ...)
{
    char how[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(how, sizeof how, format, arguments);
    va_end(arguments);
    verdict->status = status;
    snprintf(verdict->message, sizeof verdict->message, "%.200s: %s", path, how);
}

/* What the child wrote is not to be believed: it is a status that there is, and a printable line.
 */
static bool is_told(int pipe, struct probe_verdict *verdict)
{
    struct probe_verdict told;
    if (base_read_most(pipe, &told, sizeof told) != sizeof told || told.status > 0 ||
        strcmp(percept_status_name((enum percept_status)told.status), "UNKNOWN") == 0)
        return false;
    told.message[sizeof told.message - 1] = '\0';
    for (char *at = told.message; *at; at++)
        if ((unsigned char)*at < ' ' || *at == 0x7f)
            *at = '?';
    *verdict = told;
    return true;
}

/* The child ends, or is ended; what became of the file. */
static void await(pid_t pid, int pipe, const struct probe_request *request,
                  struct probe_verdict *verdict)
{
    int status = 0;
    int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    int64_t deadline = base_clock_ns() + request->seconds * BASE_NS_PER_S;
    bool ended = pidfd >= 0 && base_child_wait(pidfd, deadline);
    if (!ended)
        kill(pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (pidfd >= 0)
        close(pidfd);
    if (!ended)
        refuse(verdict, PERCEPT_TIMED_OUT, request->path,
               "the process that loads it first was not done after %u s", request->seconds);
    else if (WIFSIGNALED(status))
        refuse(verdict, PERCEPT_MALFORMED, request->path,
               "the process that loads it first was killed by signal %d (%s)", WTERMSIG(status),
               strsignal(WTERMSIG(status)));
    else if (WEXITSTATUS(status) != 0 || !is_told(pipe, verdict))
        refuse(verdict, PERCEPT_MALFORMED, request->path,
               "the process that loads it first has ended (exit status %d) without a word",
               WEXITSTATUS(status));
}

static void probe_file(int socket, int file, const struct probe_request *request,
                       probe_load_fn load, struct probe_verdict *verdict)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) {
        refuse(verdict, percept_status_from_errno(errno), request->path, "pipe: %s",
               strerror(errno));
        return;
    }
    pid_t pid = fork();
    if (pid == 0) {
        close(socket);
        close(ends[0]);
        be_child(file, ends[1], request, load);
    }
    int cause = errno;
    close(ends[1]);
    if (pid < 0)
        refuse(verdict, percept_status_from_errno(cause), request->path, "fork: %s",
               strerror(cause));
    else
        await(pid, ends[0], request, verdict);
    close(ends[0]);
}

/* The next request and its file; false at the end. */
static bool take(int socket, struct probe_request *request, int *file)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control;
    struct iovec part = {.iov_base = request, .iov_len = sizeof *request};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    ssize_t got;
    do
        got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    const struct cmsghdr *header = got > 0 ? CMSG_FIRSTHDR(&message) : NULL;
    if (got != sizeof *request || !header || header->cmsg_type != SCM_RIGHTS)
        return false;
    memcpy(file, CMSG_DATA(header), sizeof *file);
    request->path[sizeof request->path - 1] = '\0';
    return true;
}

bool probe_serve(int socket, probe_load_fn load)
{
    struct probe_request request;
    int type, file;
    socklen_t length = sizeof type;
    if (getsockopt(socket, SOL_SOCKET, SO_TYPE, &type, &length) < 0 || type != SOCK_SEQPACKET)
        return false;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    signal(SIGPIPE, SIG_IGN);
    while (take(socket, &request, &file)) {
        struct probe_verdict verdict = {0};
        probe_file(socket, file, &request, load, &verdict);
        close(file);
        if (send(socket, &verdict, sizeof verdict, MSG_NOSIGNAL) != sizeof verdict)
            break;
    }
    return true;
}
