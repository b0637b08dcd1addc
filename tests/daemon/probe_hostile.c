/* percept-probe as it would be if each file did to it what its first word says. */
#include "base/child.h"
#include "daemon/filter.h"
#include "daemon/probe_serve.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static enum percept_status crash(struct percept_error *error)
{
    (void)error;
    volatile int *nowhere = NULL;
    return *nowhere ? PERCEPT_OK : PERCEPT_INTERNAL;
}

static enum percept_status hang(struct percept_error *error)
{
    (void)error;
    for (volatile bool goes_on = true; goes_on;)
        ;
    return PERCEPT_OK;
}

static enum percept_status eat(struct percept_error *error)
{
    size_t got = 0;
    while (got < (size_t)1 << 40 &&
           mmap(NULL, 1 << 30, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                -1, 0) != MAP_FAILED)
        got += 1 << 30;
    return got < (size_t)1 << 40 ? percept_fail(error, PERCEPT_NO_MEMORY, "no memory") : PERCEPT_OK;
}

static enum percept_status leave(struct percept_error *error)
{
    (void)error;
    _exit(0);
}

/* Instead of what it was to say. */
static _Noreturn void say(const void *bytes, size_t size)
{
    struct stat info;
    for (int fd = 3; fd < 16; fd++)
        if (fstat(fd, &info) == 0 && S_ISFIFO(info.st_mode) && write(fd, bytes, size) < 0)
            break;
    _exit(0);
}

static enum percept_status lie(struct percept_error *error)
{
    static char lies[4096];
    memset(lies, '\n', sizeof lies);
    (void)error;
    say(lies, sizeof lies);
}

static enum percept_status forge(struct percept_error *error)
{
    struct probe_verdict verdict = {.status = PERCEPT_INVALID};
    strcpy(verdict.message, "all is well\nperceptd: \033[31m");
    (void)error;
    say(&verdict, sizeof verdict);
}

/* OK when it gets nowhere. */
static enum percept_status reach(struct percept_error *error)
{
    char *argv[] = {"true", NULL};
    if (open("/etc/passwd", O_RDONLY) >= 0 || open("/tmp", O_TMPFILE | O_RDWR, 0600) >= 0)
        return percept_fail(error, PERCEPT_INTERNAL, "a file");
    if (socket(AF_UNIX, SOCK_STREAM, 0) >= 0 || socket(AF_INET, SOCK_STREAM, 0) >= 0)
        return percept_fail(error, PERCEPT_INTERNAL, "a socket");
    if (kill(getppid(), 0) == 0 || kill(getpid(), 0) == 0)
        return percept_fail(error, PERCEPT_INTERNAL, "a signal");
    if (fork() >= 0 || execv("/bin/true", argv) == 0)
        return percept_fail(error, PERCEPT_INTERNAL, "a process");
    if (memfd_create("more", 0) >= 0)
        return percept_fail(error, PERCEPT_INTERNAL, "a descriptor");
    return PERCEPT_OK;
}

static enum percept_status lack(struct percept_error *error)
{
    return percept_fail(error, PERCEPT_UNSUPPORTED, "no such operator");
}

static enum percept_status pass(struct percept_error *error)
{
    (void)error;
    return PERCEPT_OK;
}

static enum percept_status load(int descriptor, const char *path, struct percept_error *error)
{
    static const struct {
        const char *word;
        enum percept_status (*act)(struct percept_error *error);
    } acts[] = {{"hang", hang},   {"eat", eat},     {"leave", leave}, {"lie", lie},
                {"forge", forge}, {"reach", reach}, {"lack", lack},   {"pass", pass}};
    char word[16] = "";
    (void)path;
    if (pread(descriptor, word, sizeof word - 1, 0) > 0)
        for (size_t i = 0; i < sizeof acts / sizeof acts[0]; i++)
            if (strncmp(word, acts[i].word, strlen(acts[i].word)) == 0)
                return acts[i].act(error);
    return crash(error);
}

int main(void)
{
    return probe_serve(BASE_CHILD_FD, load) ? EXIT_SUCCESS : EXIT_FAILURE;
}
