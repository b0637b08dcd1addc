#include "mini.h"

#include "base/clock.h"

#include <check.h>
#include <dirent.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define MORE_MAX 64

struct mini {
    uv_loop_t loop;
    uv_async_t stop, call;
    sem_t called;
    void (*function)(struct ipc_server *server, void *context);
    void *context;
    struct ipc_server *server;
    struct ipc_topic *topic, *more[MORE_MAX];
    unsigned more_count;
    size_t max_bytes;
    void (*later)(void *context, uint64_t ticket);
    pthread_t thread;
    bool serving;
};

static char *user_json(const struct mini *mini, uint32_t uid)
{
    struct ipc_user_stats stats[8];
    size_t count = ipc_server_users(mini->server, stats, 8);
    char *json;
    for (size_t i = 0; i < count && i < 8; i++) {
        if (stats[i].uid != uid)
            continue;
        ck_assert_int_ge(asprintf(&json,
                                  "{\"connections\": %u, \"subscriptions\": %u, "
                                  "\"held\": %u, \"queued\": %zu, \"waited\": %d}",
                                  stats[i].connections, stats[i].subscriptions, stats[i].held,
                                  stats[i].queued_bytes, stats[i].waits > 0),
                         0);
        return json;
    }
    return NULL;
}

static char *answer(void *context, uint64_t ticket, const char *what, bool *later)
{
    struct mini *mini = context;
    *later = mini->later && strcmp(what, "later") == 0;
    if (*later)
        mini->later(mini, ticket);
    if (strcmp(what, "clients") == 0) {
        struct ipc_client_stats stats[8];
        size_t count = ipc_server_clients(mini->server, stats, 8);
        char *json;
        ck_assert_int_ge(asprintf(&json, "{\"clients\": %zu, \"pid\": %lld, \"lost\": %llu}", count,
                                  (long long)stats[0].pid, (unsigned long long)stats[0].lost),
                         0);
        return json;
    }
    if (strncmp(what, "user ", 5) == 0)
        return user_json(mini, (uint32_t)atoi(what + 5));
    if (strcmp(what, "large") == 0) {
        char *json = malloc(1000001);
        ck_assert_ptr_nonnull(json);
        memset(json, ' ', 1000000);
        json[1000000] = '\0';
        return json;
    }
    return NULL;
}

static void on_stop(uv_async_t *async)
{
    struct mini *mini = async->data;
    ipc_server_destroy(mini->server);
    uv_close((uv_handle_t *)async, NULL);
    uv_close((uv_handle_t *)&mini->call, NULL);
}

static void on_call(uv_async_t *async)
{
    struct mini *mini = async->data;
    mini->function(mini->server, mini->context);
    sem_post(&mini->called);
}

void mini_call(struct mini *mini, void (*function)(struct ipc_server *server, void *context),
               void *context)
{
    mini->function = function;
    mini->context = context;
    ck_assert_int_eq(uv_async_send(&mini->call), 0);
    ck_assert_int_eq(sem_wait(&mini->called), 0);
}

static void recheck(struct ipc_server *server, void *context)
{
    (void)context;
    ipc_server_recheck(server);
}

void mini_recheck(struct mini *mini)
{
    mini_call(mini, recheck, NULL);
}

static void *run(void *argument)
{
    struct mini *mini = argument;
    uv_run(&mini->loop, UV_RUN_DEFAULT);
    return NULL;
}

struct mini *mini_start(const char *path, const struct mini_options *options)
{
    struct mini_options defaults = {0};
    if (!options)
        options = &defaults;
    struct mini *mini = calloc(1, sizeof *mini);
    ck_assert_ptr_nonnull(mini);
    struct percept_error error = {0};
    mini->later = options->later;
    mini->max_bytes = options->max_bytes ? options->max_bytes : 64;
    struct ipc_topic_options topic = {.name = options->topic ? options->topic : MINI_TOPIC,
                                      .schema = options->schema ? options->schema : MINI_SCHEMA,
                                      .max_bytes = mini->max_bytes,
                                      .slots = options->slots,
                                      .look = options->look};
    struct ipc_server_options server = {.socket_path = path,
                                        .max_clients = options->max_clients,
                                        .query = answer,
                                        .history = options->history,
                                        .forget = options->forget,
                                        .push = options->push,
                                        .context = mini,
                                        .guard = options->guard,
                                        .quotas = options->quotas};
    ck_assert_int_eq(uv_loop_init(&mini->loop), 0);
    ck_assert_msg(ipc_topic_create(&topic, &mini->topic, &error) == PERCEPT_OK, "%s",
                  error.message);
    ck_assert_msg(ipc_server_create(&mini->loop, &server, &mini->server, &error) == PERCEPT_OK,
                  "%s", error.message);
    ck_assert_int_eq(ipc_server_add_topic(mini->server, mini->topic, &error), PERCEPT_OK);
    for (; mini->more_count < options->topics; mini->more_count++) {
        char name[32];
        struct ipc_topic **more = &mini->more[mini->more_count];
        snprintf(name, sizeof name, "more%u", mini->more_count);
        topic.name = name;
        ck_assert_int_eq(ipc_topic_create(&topic, more, &error), PERCEPT_OK);
        ck_assert_int_eq(ipc_server_add_topic(mini->server, *more, &error), PERCEPT_OK);
    }
    mini->stop.data = mini->call.data = mini;
    ck_assert_int_eq(sem_init(&mini->called, 0, 0), 0);
    ck_assert_int_eq(uv_async_init(&mini->loop, &mini->stop, on_stop), 0);
    ck_assert_int_eq(uv_async_init(&mini->loop, &mini->call, on_call), 0);
    ck_assert_int_eq(pthread_create(&mini->thread, NULL, run, mini), 0);
    mini->serving = true;
    return mini;
}

void mini_stop_server(struct mini *mini)
{
    if (!mini->serving)
        return;
    uv_async_send(&mini->stop);
    pthread_join(mini->thread, NULL);
    ck_assert_int_eq(uv_loop_close(&mini->loop), 0);
    mini->serving = false;
}

void mini_stop(struct mini *mini)
{
    if (!mini)
        return;
    mini_stop_server(mini);
    ipc_topic_destroy(mini->topic);
    for (unsigned i = 0; i < mini->more_count; i++)
        ipc_topic_destroy(mini->more[i]);
    sem_destroy(&mini->called);
    free(mini);
}

struct ipc_topic *mini_topic(struct mini *mini)
{
    return mini->topic;
}

bool mini_publish(struct mini *mini, uint64_t stamp)
{
    uint64_t *payload = ipc_topic_loan(mini->topic);
    if (!payload)
        return false;
    for (size_t i = 0; i < mini->max_bytes / sizeof stamp; i++)
        payload[i] = stamp;
    ipc_topic_publish(mini->topic, mini->max_bytes, base_clock_ns());
    return true;
}

uint64_t mini_stamp(const struct percept_sample *sample)
{
    const uint64_t *payload = sample->data;
    ck_assert_uint_ge(sample->size, sizeof *payload);
    for (size_t i = 1; i < sample->size / sizeof *payload; i++)
        ck_assert_uint_eq(payload[i], payload[0]);
    return payload[0];
}

/* ---- socket paths ---- */

#define PATHS_MAX 64

static char place[] = "/tmp/percept-test-XXXXXX";
static char paths[PATHS_MAX][sizeof place + 4];
static unsigned path_count;
static pid_t owner;

static void remove_paths(void)
{
    char lock[sizeof paths[0] + 8];
    if (getpid() != owner)
        return;
    for (unsigned i = 0; i < path_count; i++) {
        snprintf(lock, sizeof lock, "%s.lock", paths[i]);
        unlink(paths[i]);
        unlink(lock);
    }
    rmdir(place);
}

const char *mini_path(void)
{
    ck_assert_uint_lt(path_count, PATHS_MAX);
    if (path_count == 0) {
        ck_assert_ptr_nonnull(mkdtemp(place));
        owner = getpid();
        atexit(remove_paths);
    }
    snprintf(paths[path_count], sizeof paths[0], "%s/%u", place, path_count);
    return paths[path_count++];
}

void mini_serve(const char *path, int ready_fd)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    struct mini *mini = mini_start(path, NULL);
    if (ready_fd >= 0 && write(ready_fd, "", 1) != 1)
        _exit(1);
    for (uint64_t stamp = 1;; stamp++) {
        mini_publish(mini, stamp);
        base_clock_sleep_until(base_clock_ns() + BASE_NS_PER_MS);
    }
}

pid_t mini_fork(const char *path)
{
    int ready[2];
    char byte;
    ck_assert_int_eq(pipe(ready), 0);
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0)
        mini_serve(path, ready[1]);
    close(ready[1]);
    ck_assert_int_eq(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    return pid;
}

void mini_kill(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

size_t mini_open_descriptors(void)
{
    size_t count = 0;
    DIR *directory = opendir("/proc/self/fd");
    ck_assert_ptr_nonnull(directory);
    while (readdir(directory))
        count++;
    closedir(directory);
    return count;
}

size_t mini_mappings(void)
{
    size_t count = 0;
    char line[512];
    FILE *file = fopen("/proc/self/maps", "r");
    ck_assert_ptr_nonnull(file);
    while (fgets(line, sizeof line, file))
        count += strstr(line, "memfd:") != NULL;
    fclose(file);
    return count;
}
