/* Why: drivers, codecs and models are large and come from others; what they cannot do, nobody does
 * through them. */
#include "daemon/confine.h"

#include "daemon/filter.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- privileges ---- */

static enum percept_status become(const char *name, struct percept_error *error)
{
    errno = 0;
    const struct passwd *user = getpwnam(name);
    if (!user)
        return percept_fail(error, PERCEPT_NOT_FOUND, "there is no user '%s'", name);
    if (geteuid() == user->pw_uid)
        return PERCEPT_OK;
    /* Capabilities stay, for drop_capabilities to choose. */
    if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0 || initgroups(name, user->pw_gid) != 0 ||
        setresgid(user->pw_gid, user->pw_gid, user->pw_gid) != 0 ||
        setresuid(user->pw_uid, user->pw_uid, user->pw_uid) != 0)
        return percept_fail_errno(error, errno, "become user '%s'", name);
    return PERCEPT_OK;
}

static enum percept_status drop_capabilities(struct percept_error *error)
{
    const uint64_t kept = 1ull << CAP_SYS_NICE | 1ull << CAP_SYS_PTRACE;
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct has[2];
    if (syscall(SYS_capget, &header, has) != 0)
        return percept_fail_errno(error, errno, "capabilities");
    /* Of the bounding set, who may not drop needs not. */
    for (unsigned long i = 0; i < 64; i++)
        if (!(kept >> i & 1))
            (void)prctl(PR_CAPBSET_DROP, i, 0, 0, 0);
    bool less = false;
    for (int i = 0; i < 2; i++) {
        less |= has[i].permitted & ~(uint32_t)(kept >> 32 * i) || has[i].inheritable;
        has[i].permitted &= (uint32_t)(kept >> 32 * i);
        has[i].effective = has[i].permitted;
        has[i].inheritable = 0;
    }
    /* Where a service manager has taken them, it may have taken the call, too. */
    return !less || syscall(SYS_capset, &header, has) == 0
               ? PERCEPT_OK
               : percept_fail_errno(error, errno, "drop capabilities");
}

enum percept_status daemon_drop_privileges(const char *user, struct percept_error *error)
{
    enum percept_status status = user ? become(user, error) : PERCEPT_OK;
    return status == PERCEPT_OK ? drop_capabilities(error) : status;
}

/* ---- system calls ---- */

/* Some are of one architecture, or newer than libseccomp: those it does not know are left out. */
static const char *const calls[] = {
    /* memory, of drivers that compile, too */
    "brk",
    "madvise",
    "memfd_create",
    "mincore",
    "mlock",
    "mmap",
    "mprotect",
    "mremap",
    "msync",
    "munlock",
    "munmap",
    "membarrier",
    "mbind",
    "get_mempolicy",
    "pkey_alloc",
    "pkey_free",
    "pkey_mprotect",
    /* files and descriptors */
    "access",
    "chdir",
    "chmod",
    "close",
    "close_range",
    "copy_file_range",
    "creat",
    "dup",
    "dup2",
    "dup3",
    "faccessat",
    "faccessat2",
    "fadvise64",
    "fallocate",
    "fchdir",
    "fchmod",
    "fchmodat",
    "fcntl",
    "fdatasync",
    "flock",
    "fstat",
    "fstatfs",
    "fsync",
    "ftruncate",
    "futimesat",
    "getcwd",
    "getdents",
    "getdents64",
    "ioctl",
    "kcmp",
    "lgetxattr",
    "link",
    "linkat",
    "lseek",
    "lstat",
    "mkdir",
    "mkdirat",
    "newfstatat",
    "open",
    "openat",
    "openat2",
    "pipe",
    "pipe2",
    "pread64",
    "preadv",
    "pwrite64",
    "pwritev",
    "read",
    "readahead",
    "readlink",
    "readlinkat",
    "readv",
    "rename",
    "renameat",
    "renameat2",
    "rmdir",
    "sendfile",
    "splice",
    "stat",
    "statfs",
    "statx",
    "symlink",
    "symlinkat",
    "sync_file_range",
    "truncate",
    "umask",
    "unlink",
    "unlinkat",
    "utimensat",
    "write",
    "writev",
    "inotify_init1",
    "inotify_add_watch",
    "inotify_rm_watch",
    /* waiting */
    "epoll_create",
    "epoll_create1",
    "epoll_ctl",
    "epoll_pwait",
    "epoll_pwait2",
    "epoll_wait",
    "eventfd",
    "eventfd2",
    "futex",
    "futex_waitv",
    "futex_wait",
    "futex_wake",
    "futex_requeue",
    "pause",
    "poll",
    "ppoll",
    "pselect6",
    "select",
    "timerfd_create",
    "timerfd_gettime",
    "timerfd_settime",
    /* time */
    "clock_getres",
    "clock_gettime",
    "clock_nanosleep",
    "gettimeofday",
    "nanosleep",
    "time",
    "timer_create",
    "timer_delete",
    "timer_gettime",
    "timer_settime",
    "setitimer",
    "getitimer",
    /* threads and processes; to begin a program is not among them */
    "clone",
    "clone3",
    "exit",
    "exit_group",
    "fork",
    "get_robust_list",
    "getpgid",
    "getpgrp",
    "getpid",
    "getppid",
    "getpriority",
    "getsid",
    "gettid",
    "kill",
    "pidfd_open",
    "pidfd_send_signal",
    "prctl",
    "prlimit64",
    "getrlimit",
    "getrusage",
    "restart_syscall",
    "rseq",
    "sched_get_priority_max",
    "sched_get_priority_min",
    "sched_getaffinity",
    "sched_getattr",
    "sched_getparam",
    "sched_getscheduler",
    "sched_setaffinity",
    "sched_setattr",
    "sched_setscheduler",
    "sched_yield",
    "set_robust_list",
    "set_tid_address",
    "setpriority",
    "setsid",
    "setpgid",
    "tgkill",
    "times",
    "vfork",
    "wait4",
    "waitid",
    "arch_prctl",
    "getcpu",
    "ioprio_set",
    "ioprio_get",
    /* signals */
    "rt_sigaction",
    "rt_sigpending",
    "rt_sigprocmask",
    "rt_sigqueueinfo",
    "rt_sigreturn",
    "rt_sigsuspend",
    "rt_sigtimedwait",
    "rt_tgsigqueueinfo",
    "sigaltstack",
    "signalfd",
    "signalfd4",
    /* sockets; socket() itself is below */
    "accept",
    "accept4",
    "bind",
    "connect",
    "getpeername",
    "getsockname",
    "getsockopt",
    "listen",
    "recvfrom",
    "recvmmsg",
    "recvmsg",
    "sendmmsg",
    "sendmsg",
    "sendto",
    "setsockopt",
    "shutdown",
    "socketpair",
    /* who and where */
    "capget",
    "getegid",
    "geteuid",
    "getgid",
    "getgroups",
    "getrandom",
    "getresgid",
    "getresuid",
    "getuid",
    "sysinfo",
    "uname",
    "process_madvise",
    NULL,
};

/* For who starts programs, in a child before its exec. */
static const char *const program_calls[] = {"execve",
                                            "execveat",
                                            "setresuid",
                                            "setresgid",
                                            "setrlimit",
                                            "seccomp",
                                            "landlock_restrict_self",
                                            NULL};

/* Sockets of this machine alone: the daemon and what it loads have no business on a network. */
static const struct daemon_filter_call narrow_calls[] = {
    {"socket", 0, AF_UNIX},
    {NULL, 0, 0},
};

enum percept_status daemon_confine(bool programs, struct percept_error *error)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return percept_fail_errno(error, errno, "no_new_privs");
    const struct daemon_filter filter = {
        .calls = calls, .more = programs ? program_calls : NULL, .narrow = narrow_calls};
    return daemon_filter_set(&filter, error);
}
