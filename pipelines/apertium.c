/* Why: see apertium.h. Who asks is on a pipeline's thread and must neither wait nor allocate; so
 * sentences lie on a table until they are translated, by a thread that has the process to itself.
 */
#include "pipelines/apertium.h"

#include "base/child.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/thread_pool.h"
#include "base/utf8.h"
#include "pipelines/apertium_child.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define MOST_BACKOFF_NS (60 * BASE_NS_PER_S)
#define GRACE_NS        BASE_NS_PER_S         /* for a process to end by itself */
#define PATIENCE_NS     (25 * BASE_NS_PER_MS) /* of who brings a sentence; one takes 5 ms */
#define SLICE_NS        (BASE_NS_PER_MS / 2)
enum { SENTENCES = 64, MOST_LOSSES = 2 };

enum stage { FREE, WAITING, ASKED, DONE, REFUSED };

struct sentence {
    enum stage stage;
    unsigned losses; /* processes that it has cost */
    uint64_t since;  /* the order in which they came */
    char text[PIPE_SENTENCE_BYTES + 1], translation[PIPE_TRANSLATION_BYTES];
};

struct apertium {
    struct pipe_apertium how;
    char name[64], mode[PATH_MAX]; /* and its file */
    pthread_t thread;
    int stop; /* eventfd: the end, for who waits for an answer */

    pthread_mutex_t lock;   /* of these */
    pthread_cond_t changed; /* a sentence came, or the end */
    bool is_running, is_closing;
    bool is_ready;  /* it has answered, so that it will soon again */
    uint64_t count; /* of all sentences that ever came */
    struct sentence sentences[SENTENCES];

    /* The thread's own, once it runs. */
    struct pipe_apertium_child child;
    int64_t backoff_ns, next_start_ns;
};

/* ---- the process ---- */

static void set_ready(struct apertium *a, bool is_ready)
{
    pthread_mutex_lock(&a->lock);
    a->is_ready = is_ready;
    pthread_mutex_unlock(&a->lock);
}

static void lose(struct apertium *a, const char *why)
{
    set_ready(a, false);
    pipe_apertium_end(&a->child, 0);
    a->next_start_ns = base_clock_ns() + a->backoff_ns;
    base_log(BASE_LOG_WARNING, "apertium %s is lost: %s; the next one starts in %lld ms", a->name,
             why, (long long)(a->backoff_ns / BASE_NS_PER_MS));
    a->backoff_ns = a->backoff_ns * 2 < MOST_BACKOFF_NS ? a->backoff_ns * 2 : MOST_BACKOFF_NS;
}

static void start(struct apertium *a)
{
    struct percept_error error = {0};
    if (pipe_apertium_start(&a->child, a->how.tool, a->mode, &error) != PERCEPT_OK)
        lose(a, error.message);
}

static enum percept_status ask(struct apertium *a, const char *text, bool is_ready,
                               char translation[PIPE_TRANSLATION_BYTES])
{
    int64_t patience = is_ready ? a->how.deadline_ns : a->how.start_ns;
    enum percept_status status = pipe_apertium_ask(&a->child, text, base_clock_ns() + patience,
                                                   a->stop, translation, PIPE_TRANSLATION_BYTES);
    if (status == PERCEPT_OK) {
        a->backoff_ns = a->how.backoff_ns;
        set_ready(a, true);
    } else if (status != PERCEPT_LIMIT && status != PERCEPT_CANCELLED) {
        lose(a, status == PERCEPT_TIMED_OUT   ? "it did not answer in time"
                : status == PERCEPT_MALFORMED ? "its answer makes no sense"
                                              : "it is gone");
    }
    return status;
}

/* ---- the thread ---- */

/* The one that has waited longest; NULL: none. Under the lock. */
static struct sentence *next_waiting(struct apertium *a)
{
    struct sentence *next = NULL;
    for (struct sentence *s = a->sentences; s < a->sentences + SENTENCES; s++)
        if (s->stage == WAITING && (!next || s->since < next->since))
            next = s;
    return next;
}

/* Under the lock, which it lets go meanwhile: nobody else touches a sentence that is asked. */
static void translate_one(struct apertium *a, struct sentence *sentence)
{
    bool is_ready = a->is_ready;
    sentence->stage = ASKED;
    pthread_mutex_unlock(&a->lock);
    enum percept_status status = ask(a, sentence->text, is_ready, sentence->translation);
    pthread_mutex_lock(&a->lock);
    if (status != PERCEPT_OK && status != PERCEPT_LIMIT)
        sentence->losses++;
    bool is_refused = status == PERCEPT_LIMIT || sentence->losses == MOST_LOSSES;
    sentence->stage = status == PERCEPT_OK ? DONE : is_refused ? REFUSED : WAITING;
}

static void wait_until(struct apertium *a, int64_t ns)
{
    const struct timespec time = {.tv_sec = (time_t)(ns / BASE_NS_PER_S),
                                  .tv_nsec = (long)(ns % BASE_NS_PER_S)};
    pthread_cond_timedwait(&a->changed, &a->lock, &time);
}

static void *serve(void *argument)
{
    struct apertium *a = argument;
    pthread_mutex_lock(&a->lock);
    while (!a->is_closing) {
        struct sentence *next = next_waiting(a);
        if (!next) {
            pthread_cond_wait(&a->changed, &a->lock);
        } else if (a->child.pid != 0) {
            translate_one(a, next);
        } else if (base_clock_ns() < a->next_start_ns) {
            wait_until(a, a->next_start_ns);
        } else {
            pthread_mutex_unlock(&a->lock);
            start(a);
            pthread_mutex_lock(&a->lock);
        }
    }
    pthread_mutex_unlock(&a->lock);
    return NULL;
}

/* ---- who asks ---- */

/* Where a new sentence goes: a place that is free, or the one that has been there longest, if need
 * be of one that still waits. Under the lock. */
static struct sentence *make_room(struct apertium *a)
{
    struct sentence *best = NULL;
    for (struct sentence *s = a->sentences; s < a->sentences + SENTENCES; s++) {
        if (s->stage == FREE)
            return s;
        if (s->stage == ASKED)
            continue;
        bool is_done = s->stage != WAITING, best_is_done = best && best->stage != WAITING;
        if (!best || is_done > best_is_done || (is_done == best_is_done && s->since < best->since))
            best = s;
    }
    return best; /* of many, one is asked */
}

static struct sentence *find(struct apertium *a, const char *text)
{
    for (struct sentence *s = a->sentences; s < a->sentences + SENTENCES; s++)
        if (s->stage != FREE && strcmp(s->text, text) == 0)
            return s;
    return NULL;
}

/* Under the lock. */
static void add(struct apertium *a, const char *text)
{
    struct sentence *s = make_room(a);
    s->stage = WAITING;
    s->losses = 0;
    s->since = a->count++;
    snprintf(s->text, sizeof s->text, "%s", text);
    pthread_cond_signal(&a->changed);
}

static enum percept_status look(struct apertium *a, const char *text, bool *is_new, char *to,
                                size_t room)
{
    enum percept_status status = PERCEPT_BUSY;
    pthread_mutex_lock(&a->lock);
    const struct sentence *s = find(a, text);
    if (s && s->stage == DONE) {
        base_utf8_copy(s->translation, strlen(s->translation), to, room);
        status = PERCEPT_OK;
    } else if (s && s->stage == REFUSED) {
        status = PERCEPT_LIMIT;
    } else if (!s) {
        add(a, text);
        *is_new = a->is_ready;
    }
    pthread_mutex_unlock(&a->lock);
    return status;
}

static enum percept_status translate(void *state, const char *sentence, size_t size, char *to,
                                     size_t room, struct percept_error *error)
{
    (void)error;
    struct apertium *a = state;
    char text[PIPE_SENTENCE_BYTES + 1];
    bool is_new = false;
    while (size > 0 && sentence[size - 1] == ' ')
        size--;
    memcpy(text, sentence, size);
    text[size] = '\0';
    enum percept_status status = look(a, text, &is_new, to, room);
    int64_t deadline = base_clock_ns() + PATIENCE_NS;
    while (status == PERCEPT_BUSY && is_new && base_clock_ns() < deadline) {
        base_pool_pause();
        nanosleep(&(struct timespec){.tv_nsec = SLICE_NS}, NULL);
        bool ignored;
        status = look(a, text, &ignored, to, room);
    }
    return status; /* neither BUSY nor LIMIT is an error that anybody should hear of */
}

/* ---- beginning and end ---- */

static void destroy(void *state)
{
    struct apertium *a = state;
    const uint64_t one = 1;
    if (a->is_running) {
        pthread_mutex_lock(&a->lock);
        a->is_closing = true;
        pthread_cond_signal(&a->changed);
        pthread_mutex_unlock(&a->lock);
        ssize_t ignored = write(a->stop, &one, sizeof one); /* an eventfd takes its first */
        (void)ignored;
        pthread_join(a->thread, NULL);
    }
    pipe_apertium_end(&a->child, GRACE_NS);
    if (a->stop >= 0)
        close(a->stop);
    pthread_cond_destroy(&a->changed);
    pthread_mutex_destroy(&a->lock);
    free(a);
}

/* A letter first: what begins with - would be an option. */
static enum percept_status check_mode(const char *mode, struct percept_error *error)
{
    bool fits = isalpha((unsigned char)mode[0]) && strchr(mode, '-') &&
                strlen(mode) < sizeof((struct apertium *)0)->name;
    for (const char *at = mode; *at && fits; at++)
        fits = isalnum((unsigned char)*at) || *at == '-' || *at == '_';
    return fits ? PERCEPT_OK
                : percept_fail(error, PERCEPT_INVALID,
                               "apertium: '%.40s' is no mode of Apertium such as eng-spa", mode);
}

/* Packages are named after two languages, in the order that their makers chose. */
static enum percept_status check_installed(const char *tool, const char *name, const char *mode,
                                           struct percept_error *error)
{
    const char *other = strchr(name, '-') + 1;
    int first = (int)strcspn(name, "-_"), second = (int)strcspn(other, "-_");
    if (access(tool, X_OK) != 0)
        return percept_fail(error, PERCEPT_NOT_FOUND,
                            "apertium: there is no '%.150s'; Debian has it in the package apertium",
                            tool);
    if (access(mode, R_OK) != 0)
        return percept_fail(error, PERCEPT_NOT_FOUND,
                            "apertium: there is no '%.150s'; Debian has it in the package "
                            "apertium-%.*s-%.*s or apertium-%.*s-%.*s",
                            mode, first, name, second, other, second, other, first, name);
    return PERCEPT_OK;
}

static int64_t time_or(int64_t given, int64_t otherwise)
{
    return given ? given : otherwise;
}

/* Both: 0 or an errno. */
static int make_tools(struct apertium *a)
{
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&a->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&a->lock, NULL);
    a->stop = eventfd(0, EFD_CLOEXEC);
    return a->stop < 0 ? errno : 0;
}

static int run(struct apertium *a)
{
    sigset_t pipe, before;
    /* A process that is gone is an error of the write, not a signal. */
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, &before);
    int cause = pthread_create(&a->thread, NULL, serve, a);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    a->is_running = !cause;
    if (!cause)
        pthread_setname_np(a->thread, "apertium");
    return cause;
}

enum percept_status pipe_engine_apertium(const char *mode, const struct pipe_apertium *how,
                                         struct pipe_translation_engine *engine,
                                         struct percept_error *error)
{
    enum percept_status status = check_mode(mode, error);
    if (status != PERCEPT_OK)
        return status;
    struct apertium *a = calloc(1, sizeof *a);
    if (!a)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    const char *folder = how->folder ? how->folder : "/usr/share/apertium";
    a->how = (struct pipe_apertium){
        .tool = how->tool ? how->tool : "/usr/bin/apertium-wblank-mode",
        .start_ns = time_or(how->start_ns, 10 * BASE_NS_PER_S),
        .deadline_ns = time_or(how->deadline_ns, 2 * BASE_NS_PER_S),
        .backoff_ns = time_or(how->backoff_ns, 100 * BASE_NS_PER_MS),
    };
    a->backoff_ns = a->how.backoff_ns;
    snprintf(a->name, sizeof a->name, "%s", mode);
    snprintf(a->mode, sizeof a->mode, "%s/modes/%s.mode", folder, mode);
    int cause = make_tools(a);
    status = check_installed(a->how.tool, mode, a->mode, error);
    /* Here, and not when it is needed first: a daemon that is confined by then has to know that it
     * starts programs. */
    if (status == PERCEPT_OK)
        status = pipe_apertium_start(&a->child, a->how.tool, a->mode, error);
    if (status == PERCEPT_OK && !cause)
        cause = run(a);
    if (status == PERCEPT_OK && cause)
        status = percept_fail_errno(error, cause, "a thread for apertium");
    if (status != PERCEPT_OK) {
        destroy(a);
        return status;
    }
    *engine =
        (struct pipe_translation_engine){.state = a, .translate = translate, .destroy = destroy};
    return PERCEPT_OK;
}
