/*
 * Why: a remote processor for machines that have none. What a kernel module does for a real one
 * (load the firmware, map the memory, carry messages, notice a crash), a process, a sealed memfd
 * and a socket do here.
 */
#include "backends/dsp/mailbox.h"
#include "base/child.h"
#include "base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
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

static const char *find_program(char path[PATH_MAX])
{
    if (base_child_find("percept-dsp", "PERCEPT_DSP", path))
        return NULL;
    return getenv("PERCEPT_DSP") ? "PERCEPT_DSP names no program"
                                 : "there is no percept-dsp beside this program";
}

static const char *absent(void)
{
    char path[PATH_MAX];
    return find_program(path);
}

/* ---- opening ---- */

/* 0 or errno. */
static int spawn(const char *path, size_t memory_bytes, int shared, int bell, pid_t *pid)
{
    char memory[32];
    char *const argv[] = {"percept-dsp", "--memory", memory, NULL};
    snprintf(memory, sizeof memory, "%zu", memory_bytes);
    const struct base_child_start start = {.path = path,
                                           .argv = argv,
                                           .fds = {shared, bell}, /* DSP_SHARED_FD, DSP_BELL_FD */
                                           .fd_count = 2,
                                           .standard_error = -1};
    return base_child_start(&start, pid);
}

static enum percept_status start(struct process *process, const char *path, size_t memory_bytes,
                                 struct percept_error *error)
{
    size_t bytes = DSP_MAILBOX_BYTES + SHARED_BYTES;
    int bells[2] = {-1, -1}, cause = 0;
    int shared = base_child_memory("percept-dsp", bytes);
    if (shared < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, bells) < 0)
        cause = errno;
    process->end.bell = bells[0];
    if (!cause) {
        void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, shared, 0);
        cause = memory == MAP_FAILED ? errno : 0;
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

static void close_process(struct dsp_transport *transport)
{
    struct process *process = transport ? of(transport) : NULL;
    if (!process)
        return;
    if (process->end.bell >= 0)
        close(process->end.bell);
    if (process->pid > 0) /* it ends when its doorbell is closed; if not, it is killed */
        (void)base_child_end(process->pid, PATIENCE_NS);
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
