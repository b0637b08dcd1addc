/* Why: see apertium_child.h. The program `apertium` will not do: it waits for the next text before
 * it gives the last. So its mode is run as those do who serve translations with it, and its
 * programs read and write Apertium's stream format
 * (https://wiki.apertium.org/wiki/Apertium_stream_format), in which some characters are marked by a
 * backslash. */
#include "pipelines/apertium_child.h"

#include "base/child.h"
#include "base/clock.h"
#include "base/utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    MOST_SENTENCE = 1024, /* with its backslashes; below PIPE_BUF, so it is written whole */
    MOST_ANSWER = 4096
};

/* ---- its process ---- */

/* $0 is the tool, $1 the file; -n leaves out the marks of unknown words. */
static char script[] = "PATH=/usr/bin:/bin; LC_ALL=C.UTF-8; export PATH LC_ALL\n"
                       "exec /bin/sh -c \"$(\"$0\" -z \"$1\")\" apertium -n ''";

enum percept_status pipe_apertium_start(struct pipe_apertium_child *child, const char *tool,
                                        const char *mode, struct percept_error *error)
{
    char shell[] = "/bin/sh", command[] = "-c", path[PATH_MAX], file[PATH_MAX];
    char *argv[] = {shell, command, script, path, file, NULL};
    int in[2] = {-1, -1}, out[2] = {-1, -1}, cause = 0;
    pid_t pid = 0;
    snprintf(path, sizeof path, "%s", tool);
    snprintf(file, sizeof file, "%s", mode);
    if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0)
        cause = errno;
    const struct base_child_start start = {.path = shell,
                                           .argv = argv,
                                           .fds = {in[0], out[1]},
                                           .fd_count = 2,
                                           .is_filter = true,
                                           .standard_error = -1};
    if (!cause)
        cause = base_child_start(&start, &pid);
    const int theirs[] = {in[0], out[1]}, ours[] = {in[1], out[0]};
    for (int i = 0; i < 2; i++) {
        if (theirs[i] >= 0)
            close(theirs[i]);
        if (cause && ours[i] >= 0)
            close(ours[i]);
    }
    if (cause)
        return percept_fail_errno(error, cause, "start %s", shell);
    /* Ours alone do not wait: the ends that it has are of the same pipes, but not of these files.
     */
    fcntl(in[1], F_SETFL, O_NONBLOCK);
    fcntl(out[0], F_SETFL, O_NONBLOCK);
    *child = (struct pipe_apertium_child){.pid = pid, .to = in[1], .from = out[0]};
    return PERCEPT_OK;
}

void pipe_apertium_end(struct pipe_apertium_child *child, int64_t patience_ns)
{
    if (child->pid == 0)
        return;
    close(child->to);
    (void)base_child_end(child->pid, patience_ns);
    close(child->from);
    child->pid = 0;
}

/* ---- a sentence ---- */

/* Into `to`, of MOST_SENTENCE bytes, with its NUL. What would be a command, or break the line, is
 * no longer. At the end is an empty blank: some of the programs, behind a word, wait for what
 * follows. Returns how many bytes; 0: too many. */
static size_t mark(const char *sentence, char *to)
{
    static const char end[] = "[]";
    size_t used = 0;
    for (; *sentence && used + 2 + sizeof end <= MOST_SENTENCE; sentence++) {
        if (strchr("[]{}^$/\\@<>", *sentence))
            to[used++] = '\\';
        to[used++] = (unsigned char)*sentence < ' ' ? ' ' : *sentence;
    }
    memcpy(to + used, end, sizeof end);
    return *sentence ? 0 : used + sizeof end;
}

/* Backslashes go, and brackets without one; in place. Returns how many bytes are left. */
static size_t unmark(char *text)
{
    size_t used = 0;
    for (const char *at = text; *at; at++) {
        if (*at == '[' || *at == ']')
            continue;
        if (*at == '\\' && at[1])
            at++;
        text[used++] = *at;
    }
    return used;
}

/* Until there is something to read or `stop` is, whichever is first. */
static enum percept_status wait_for(int from, int stop, int64_t deadline_ns)
{
    struct pollfd ends[] = {{.fd = stop, .events = POLLIN}, {.fd = from, .events = POLLIN}};
    for (;;) {
        int64_t left = deadline_ns - base_clock_ns();
        if (left <= 0)
            return PERCEPT_TIMED_OUT;
        int ready = poll(ends, 2, (int)(left / BASE_NS_PER_MS) + 1);
        if (ready < 0 && errno != EINTR)
            return PERCEPT_IO;
        if (ready > 0)
            return ends[0].revents ? PERCEPT_CANCELLED : PERCEPT_OK;
    }
}

enum percept_status pipe_apertium_ask(struct pipe_apertium_child *child, const char *sentence,
                                      int64_t deadline_ns, int stop, char *to, size_t room)
{
    char text[MOST_ANSWER];
    size_t size = mark(sentence, text), used = 0;
    if (size == 0)
        return PERCEPT_LIMIT;
    if (write(child->to, text, size) != (ssize_t)size)
        return PERCEPT_DISCONNECTED;
    while (used == 0 || text[used - 1] != '\0') {
        if (used == sizeof text)
            return PERCEPT_MALFORMED;
        enum percept_status status = wait_for(child->from, stop, deadline_ns);
        if (status != PERCEPT_OK)
            return status;
        ssize_t got = read(child->from, text + used, sizeof text - used);
        if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
            return PERCEPT_DISCONNECTED;
        if (got > 0 && memchr(text + used, '\0', (size_t)got - 1))
            return PERCEPT_MALFORMED; /* more than one answer: of what? */
        used += got > 0 ? (size_t)got : 0;
    }
    base_utf8_copy(text, unmark(text), to, room);
    return PERCEPT_OK;
}
