/*
 * Why: a remote processor for machines that have none. What a kernel module does for a real one
 * (load the firmware, map the memory, carry messages, notice a crash), a process, a sealed memfd
 * and a socket do here.
 */
#include "backends/dsp/mailbox.h"
#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Both ends' memory: a name for pages that are only there once somebody has written to them. */
#define SHARED_BYTES ((size_t)256 << 20)
/* How long a processor may take to end by itself. */
#define PATIENCE_NS (500 * BASE_NS_PER_MS)

struct process {
    struct dsp_transport transport;
    struct dsp_mailbox *mailbox; /* then the memory that both see */
    struct dsp_mailbox_end end;
    pid_t pid;
};

/* ---- where the program is ---- */

static const char *find_program(char path[PATH_MAX])
{
    const char *named = getenv("PERCEPT_DSP");
    if (named) {
        snprintf(path, PATH_MAX, "%s", named);
        return access(path, X_OK) == 0 ? NULL : "PERCEPT_DSP names no program";
    }
    ssize_t length = readlink("/proc/self/exe", path, PATH_MAX - 1);
    path[length > 0 ? length : 0] = '\0';
    char *name = strrchr(path, '/');
    size_t room = name ? (size_t)(path + PATH_MAX - ++name) : 0;
    if (room < sizeof "percept-dsp")
        return "there is no percept-dsp beside this program";
    memcpy(name, "percept-dsp", sizeof "percept-dsp");
    return access(path, X_OK) == 0 ? NULL : "there is no percept-dsp beside this program";
}

static const char *absent(void)
{
    char path[PATH_MAX];
    return find_program(path);
}

/* ---- opening ---- */

/* A file that cannot change its size under either side. */
static int shared_file(size_t bytes)
{
    int fd = memfd_create("percept-dsp", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return -1;
    if (ftruncate(fd, (off_t)bytes) < 0 ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0) {
        int cause = errno;
        close(fd);
        errno = cause;
        return -1;
    }
    return fd;
}

/* The signals that stop us, from a terminal or a parent, are not the processor's: it ends when its
 * doorbell does. */
static int set_attributes(posix_spawnattr_t *attributes)
{
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    int cause = posix_spawnattr_setflags(
        attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    if (!cause)
        cause = posix_spawnattr_setsigmask(attributes, &none);
    if (!cause)
        cause = posix_spawnattr_setsigdefault(attributes, &all);
    return cause ? cause : posix_spawnattr_setpgroup(attributes, 0);
}

/* Nothing of ours but the two descriptors and the standard streams. */
static int set_descriptors(posix_spawn_file_actions_t *actions, int shared, int bell)
{
    int cause = posix_spawn_file_actions_adddup2(actions, shared, DSP_SHARED_FD);
    if (!cause)
        cause = posix_spawn_file_actions_adddup2(actions, bell, DSP_BELL_FD);
    return cause ? cause : posix_spawn_file_actions_addclosefrom_np(actions, DSP_BELL_FD + 1);
}

/* 0 or errno. */
static int spawn(const char *path, size_t memory_bytes, int shared, int bell, pid_t *pid)
{
    extern char **environ;
    char memory[32];
    char *const argv[] = {"percept-dsp", "--memory", memory, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    snprintf(memory, sizeof memory, "%zu", memory_bytes);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    int cause = set_descriptors(&actions, shared, bell);
    if (!cause)
        cause = set_attributes(&attributes);
    if (!cause)
        cause = posix_spawn(pid, path, &actions, &attributes, argv, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return cause;
}

/* Above the numbers that the child knows them by, or one would be closed by the other. */
static int moved_up(int fd)
{
    int moved = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, DSP_BELL_FD + 1);
    int cause = errno;
    if (fd >= 0)
        close(fd);
    errno = cause;
    return moved;
}

static enum percept_status start(struct process *process, const char *path, size_t memory_bytes,
                                 struct percept_error *error)
{
    size_t bytes = DSP_MAILBOX_BYTES + SHARED_BYTES;
    int bells[2] = {-1, -1}, cause = 0;
    int shared = moved_up(shared_file(bytes));
    if (shared < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, bells) < 0)
        cause = errno;
    bells[1] = cause ? -1 : moved_up(bells[1]);
    process->end.bell = bells[0];
    if (!cause) {
        void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, shared, 0);
        cause = memory == MAP_FAILED || bells[1] < 0 ? errno : 0;
        process->mailbox = memory == MAP_FAILED ? NULL : memory;
    }
    if (!cause)
        cause = spawn(path, memory_bytes, shared, bells[1], &process->pid);
    if (shared >= 0)
        close(shared);
    if (bells[1] >= 0)
        close(bells[1]);
    if (cause) {
        process->pid = -1;
        return percept_fail_errno(error, cause, "%s", path);
    }
    return PERCEPT_OK;
}

static void close_process(struct dsp_transport *transport);

static enum percept_status open_process(size_t memory_bytes, struct dsp_transport **transport,
                                        struct percept_error *error)
{
    char path[PATH_MAX];
    const char *why = find_program(path);
    if (why)
        return percept_fail(error, PERCEPT_NOT_FOUND, "%s", why);
    struct process *process = calloc(1, sizeof *process);
    if (!process)
        return percept_fail(error, PERCEPT_NO_MEMORY, "no memory for a remote processor");
    process->pid = process->end.bell = -1;
    enum percept_status status = start(process, path, memory_bytes, error);
    if (status != PERCEPT_OK) {
        close_process(&process->transport);
        return status;
    }
    process->end.out = &process->mailbox->to_dsp;
    process->end.in = &process->mailbox->to_host;
    process->transport = (struct dsp_transport){
        .class = &dsp_process,
        .shared = (unsigned char *)process->mailbox + DSP_MAILBOX_BYTES,
        .shared_bytes = SHARED_BYTES,
    };
    *transport = &process->transport;
    return PERCEPT_OK;
}

/* ---- messages ---- */

static struct process *of(struct dsp_transport *transport)
{
    return (struct process *)(void *)transport; /* its first member */
}

static enum percept_status send_to_process(struct dsp_transport *transport, const void *message,
                                           size_t bytes, struct percept_error *error)
{
    return dsp_mailbox_send(&of(transport)->end, message, bytes, error);
}

static enum percept_status receive_from_process(struct dsp_transport *transport, void *message,
                                                size_t room, size_t *bytes, int64_t deadline_ns,
                                                struct percept_error *error)
{
    return dsp_mailbox_receive(&of(transport)->end, message, room, bytes, deadline_ns, error);
}

static void forget(struct dsp_transport *transport, size_t offset, size_t bytes)
{
    (void)madvise((unsigned char *)transport->shared + offset, bytes, MADV_REMOVE);
}

/* ---- closing ---- */

/* It ends when its doorbell is closed. One that hangs, or is stopped, is killed. */
static void end_process(pid_t pid)
{
    int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    struct pollfd ended = {.fd = pidfd, .events = POLLIN};
    int64_t deadline = base_clock_ns() + PATIENCE_NS, left = PATIENCE_NS;
    int ready = 0;
    while (pidfd >= 0 && ready <= 0 && left > 0) {
        ready = poll(&ended, 1, (int)(left / BASE_NS_PER_MS) + 1);
        if (ready < 0 && errno != EINTR)
            break;
        left = deadline - base_clock_ns();
    }
    if (ready <= 0)
        kill(pid, SIGKILL);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
    if (pidfd >= 0)
        close(pidfd);
}

static void close_process(struct dsp_transport *transport)
{
    struct process *process = transport ? of(transport) : NULL;
    if (!process)
        return;
    if (process->end.bell >= 0)
        close(process->end.bell);
    if (process->pid > 0)
        end_process(process->pid);
    if (process->mailbox)
        munmap(process->mailbox, DSP_MAILBOX_BYTES + SHARED_BYTES);
    free(process);
}

const struct dsp_transport_class dsp_process = {
    .name = "process",
    .absent = absent,
    .open = open_process,
    .send = send_to_process,
    .receive = receive_from_process,
    .forget = forget,
    .close = close_process,
};
