/*
 * A host that cannot be relied on: percept-host for the CPU's backend until the run that
 * ISOLATED_LIE_AT counts, then what ISOLATED_LIE says.
 */
#include "backends/cpu/cpu.h"
#include "backends/isolated/serve.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

static bool lies(const char *lie)
{
    const char *wanted = getenv("ISOLATED_LIE");
    return wanted && strcmp(wanted, lie) == 0;
}

/* ---- memory that is never at rest ---- */

static int shared_fd = -1;

/* All of what is shared, again and again: zeros, ones, holes; and it tries to make it shorter. */
static void *scribble(void *argument)
{
    size_t bytes = (size_t)lseek(shared_fd, 0, SEEK_END);
    unsigned char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, shared_fd, 0);
    for (unsigned i = 0;; i++) {
        memset(memory, i % 2 ? 0xff : 0x41, bytes);
        (void)madvise(memory, bytes, MADV_REMOVE);
        if (ftruncate(shared_fd, 0) == 0)
            abort();
    }
    return argument;
}

static void begin_to_scribble(int fd)
{
    pthread_t thread;
    shared_fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    (void)pthread_create(&thread, NULL, scribble, NULL);
}

/* ---- answers ---- */

/* What is said instead of the truth. */
static void lie(struct isolated_reply *reply)
{
    char longer[2 * sizeof *reply];
    if (lies("die"))
        raise(SIGKILL);
    if (lies("hang"))
        raise(SIGSTOP);
    if (lies("crash"))
        raise(SIGSEGV);
    if (lies("close"))
        exit(EXIT_SUCCESS);
    if (lies("kind"))
        reply->kind = 77;
    if (lies("sequence"))
        reply->sequence += 5;
    if (lies("status"))
        reply->status = 12345;
    if (lies("refuse")) {
        reply->status = PERCEPT_CANCELLED;             /* which would mean something else */
        memset(reply->text, '\n', sizeof reply->text); /* and no end */
    }
    memset(longer, 0x5a, sizeof longer);
    memcpy(longer, reply, sizeof *reply);
    size_t bytes = lies("short") ? 3 : lies("long") ? sizeof longer : sizeof *reply;
    (void)isolated_send(ISOLATED_SOCKET_FD, longer, bytes, NULL, 0);
}

static void twist(const struct isolated_request *request, const int *fds,
                  struct isolated_reply *reply)
{
    if (request->kind == ISOLATED_HELLO) {
        if (lies("die_early"))
            raise(SIGKILL);
        reply->version += lies("version");
        if (lies("absent"))
            snprintf(reply->text[0], sizeof reply->text[0], "no such device");
    }
    if (request->kind == ISOLATED_LOAD && lies("load"))
        raise(SIGKILL);
    /* The first of them leaves a mark. */
    if (request->kind == ISOLATED_LOAD && lies("reload") &&
        open(getenv("ISOLATED_MARK"), O_CREAT | O_EXCL | O_CLOEXEC, 0600) < 0)
        raise(SIGKILL);
    if (request->kind == ISOLATED_LOAD && lies("scribble"))
        begin_to_scribble(fds[1]);
}

int main(void)
{
    struct isolated_server *server = isolated_server_create(&prt_cpu_backend);
    struct isolated_request request;
    struct isolated_reply reply;
    int fds[ISOLATED_MOST_FDS];
    const char *at = getenv("ISOLATED_LIE_AT");
    int runs = at ? atoi(at) : 1;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    while (isolated_take(ISOLATED_SOCKET_FD, &request, fds) == sizeof request) {
        isolated_answer(server, &request, fds, &reply);
        twist(&request, fds, &reply);
        if (request.kind == ISOLATED_RUN && --runs == 0 && !lies("scribble"))
            lie(&reply);
        else if (lies("scribble")) /* with a descriptor that nobody has asked for */
            (void)isolated_send(ISOLATED_SOCKET_FD, &reply, sizeof reply, (int[]){STDIN_FILENO}, 1);
        else
            (void)isolated_send(ISOLATED_SOCKET_FD, &reply, sizeof reply, NULL, 0);
        for (unsigned i = 0; i < ISOLATED_MOST_FDS; i++)
            if (fds[i] >= 0)
                close(fds[i]);
    }
    isolated_server_destroy(server);
    return EXIT_SUCCESS;
}
