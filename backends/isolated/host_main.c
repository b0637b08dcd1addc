/*
 * percept-host: a backend in a process of its own, for a process that does not want to die of it.
 * That process starts this one, with a socket as descriptor 3 and for a plugin its file as 4; it
 * ends when the socket's other end is closed, or the thread that started it is gone.
 */
#include "backends/backends.h"
#include "backends/isolated/serve.h"
#include "backends/plugin.h"
#include "base/options.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

static const struct prt_backend *find_built_in(const char *name, struct percept_error *error)
{
    for (size_t i = 0; percept_known_backends[i]; i++)
        if (strcmp(percept_known_backends[i]->name, name) == 0)
            return percept_known_backends[i];
    percept_fail(error, PERCEPT_NOT_FOUND, "there is no backend '%.40s'", name);
    return NULL;
}

/* Who opened it has looked at who may change it. */
static const struct prt_backend *load_plugin(const char *name, struct percept_error *error)
{
    char path[32];
    const struct prt_backend *backend = NULL;
    snprintf(path, sizeof path, "/proc/self/fd/%d", ISOLATED_PLUGIN_FD);
    if (backends_plugin_load(path, &backend, error) != PERCEPT_OK)
        return NULL;
    if (strcmp(backend->name, name) == 0)
        return backend;
    percept_fail(error, PERCEPT_NOT_FOUND, "the plugin's backend is '%.40s', not '%.40s'",
                 backend->name, name);
    return NULL;
}

static void set_limit(int resource, rlim_t most)
{
    struct rlimit limit;
    if (getrlimit(resource, &limit) == 0 && limit.rlim_max > most) {
        limit = (struct rlimit){most, most};
        (void)setrlimit(resource, &limit);
    }
}

/* What it does not need, it does not get: no privileges that a program file would give, no life
 * after its parent, no image of a crash that may come every few seconds. */
static void confine(void)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    set_limit(RLIMIT_CORE, 0);
    set_limit(RLIMIT_NOFILE, 1024);
    signal(SIGPIPE, SIG_IGN);
}

static int run(const char *name, bool is_plugin)
{
    int type;
    socklen_t length = sizeof type;
    struct percept_error error = {0};
    if (getsockopt(ISOLATED_SOCKET_FD, SOL_SOCKET, SO_TYPE, &type, &length) < 0 ||
        type != SOCK_SEQPACKET) {
        fprintf(stderr, "percept-host: an isolated backend starts this program; there is nothing "
                        "for anybody else to do with it\n");
        return EXIT_FAILURE;
    }
    confine();
    const struct prt_backend *backend =
        is_plugin ? load_plugin(name, &error) : find_built_in(name, &error);
    struct isolated_server *server = backend ? isolated_server_create(backend) : NULL;
    if (!server) {
        fprintf(stderr, "percept-host: %s\n", backend ? "no memory" : error.message);
        return EXIT_FAILURE;
    }
    bool ended = isolated_serve(server, ISOLATED_SOCKET_FD);
    isolated_server_destroy(server);
    return ended ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    const char *backend = NULL;
    bool is_plugin = false, shown;
    int operands;
    const struct base_option options[] = {
        {"backend", "NAME", "the backend to run", BASE_OPTION_TEXT, &backend},
        {"plugin", NULL, "it is in the plugin that is descriptor 4; else it is built in",
         BASE_OPTION_FLAG, &is_plugin},
    };
    const struct base_usage usage = {
        .program = "percept-host",
        .operands = "",
        .purpose = "Run a backend in a process of its own; isolated backends start it.",
        .options = options,
        .option_count = sizeof options / sizeof options[0],
        .release = PERCEPT_RELEASE,
    };
    struct percept_error error = {0};
    enum percept_status status = base_options_parse(&usage, argc, argv, &operands, &shown, &error);
    if (status == PERCEPT_OK && shown)
        return EXIT_SUCCESS;
    if (status == PERCEPT_OK && !backend)
        status = percept_fail(&error, PERCEPT_INVALID, "--backend NAME is missing");
    if (status != PERCEPT_OK) {
        fprintf(stderr, "percept-host: %s\n", error.message);
        return 2;
    }
    return run(backend, is_plugin);
}
