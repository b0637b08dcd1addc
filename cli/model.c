/* percept model: the commands that need no daemon, and what they share. */
#include "cli/model.h"

#include "backends/backends.h"
#include "base/clock.h"
#include "cli/tensor_file.h"

#include <stdlib.h>
#include <string.h>

static const struct cli_command commands[] = {
    {"list", "list the models of the zoo", cli_model_list},
    {"inspect", "show what is in a .pte file and what becomes of it", cli_model_inspect},
    {"run", "run a model once on given or random inputs", cli_model_run},
    {"bench", "measure how fast a model runs", cli_model_bench},
    {"sign", "sign files, so that a daemon with --keys loads them", cli_model_sign},
    {"keys", "make and list keys, check signatures, revoke", cli_model_keys},
    {"verify", "compare models with their reference outputs", cli_model_verify},
    {"tokenize", "print the tokens of a text", cli_model_tokenize},
    {"generate", "go on from a text with a language model", cli_model_generate},
    {"translate", "translate lines of text", cli_model_translate},
};

int cli_model(int argc, char **argv)
{
    return cli_dispatch("percept model", "Look into models, run and measure them.", commands,
                        sizeof commands / sizeof commands[0], argc, argv);
}

static const struct prt_backend *find(const struct prt_backend *const *list, const char *name)
{
    while (*list && strcmp((*list)->name, name) != 0)
        list++;
    return *list;
}

/* All that are there, plugins among them; the CPU, which is always, last. */
static enum percept_status choose_all(const struct cli_model_settings *settings,
                                      struct cli_model *model, struct percept_error *error)
{
    const struct backends_registry *registry;
    enum percept_status status = cli_plugins_find(&settings->plugins, NULL, &registry, error);
    if (status)
        return status;
    size_t used = 0;
    const struct prt_backend *const *all = backends_registry_all(registry);
    for (size_t i = 1; all[i] && used < PRT_MAX_BACKENDS - 1; i++)
        if (!all[i]->absent())
            model->backends[used++] = all[i];
    model->backends[used] = all[0];
    model->measure_ns = PRT_MEASURE_NS;
    return PERCEPT_OK;
}

/* With those that there are, and a word on files that might have been it. */
static enum percept_status fail_unknown(const char *name, const struct backends_registry *registry,
                                        struct percept_error *error)
{
    char known[256] = "";
    const struct backends_plugin *plugins;
    size_t refused = 0, count = backends_registry_plugins(registry, &plugins);
    for (const struct prt_backend *const *b = backends_registry_all(registry); *b; b++) {
        size_t used = strlen(known);
        snprintf(known + used, sizeof known - used, "%s%s", used ? ", " : "", (*b)->name);
    }
    for (size_t i = 0; i < count; i++)
        refused += !plugins[i].backend;
    return percept_fail(error, PERCEPT_INVALID, "no backend '%s'; there are: %s, auto%s", name,
                        known, refused ? " (and plugins that were refused: percept backends)" : "");
}

enum percept_status cli_model_choose_backend(const struct cli_model_settings *settings,
                                             struct cli_model *model, struct percept_error *error)
{
    const char *name = settings->backend;
    if (!name)
        return settings->isolate
                   ? percept_fail(error, PERCEPT_INVALID, "--isolate wants --backend NAME")
                   : PERCEPT_OK;
    if (strcmp(name, "auto") == 0)
        return settings->isolate
                   ? percept_fail(error, PERCEPT_INVALID, "--isolate wants one backend, not auto")
                   : choose_all(settings, model, error);
    const struct prt_backend *backend =
        settings->isolate ? NULL : find(percept_known_backends, name);
    if (!backend) { /* else strangers' files are not worth loading */
        const struct backends_registry *registry;
        enum percept_status status =
            cli_plugins_find(&settings->plugins, settings->isolate ? name : NULL, &registry, error);
        if (status)
            return status;
        backend = find(backends_registry_all(registry), name);
        if (!backend)
            return fail_unknown(name, registry, error);
    }
    const char *absent = backend->absent();
    if (absent)
        return percept_fail(error, PERCEPT_INVALID, "backend '%s' is absent: %s", name, absent);
    model->backends[0] = backend;
    if (backend != percept_known_backends[0]) /* what it leaves is the CPU's */
        model->backends[1] = percept_known_backends[0];
    return PERCEPT_OK;
}

/* What the settings choose for the first input. */
static struct prt_choice first_choice(const struct prt_program *program,
                                      const struct cli_model_settings *settings)
{
    struct prt_choice choice = {0};
    const char *method = settings->method ? settings->method : "forward";
    const struct prt_tensor *bound =
        settings->tokens ? prt_program_input_bound(program, method, 0) : NULL;
    if (!bound || bound->rank == 0 || settings->tokens > (size_t)bound->sizes[bound->rank - 1])
        return choice;
    choice.sized = true;
    memcpy(choice.sizes, bound->sizes, sizeof choice.sizes);
    choice.sizes[bound->rank - 1] = (int32_t)settings->tokens;
    return choice;
}

enum percept_status cli_model_open(const char *path, const struct cli_model_settings *settings,
                                   struct cli_model *model, struct percept_error *error)
{
    struct cli_model opened = {0};
    enum percept_status status = cli_model_choose_backend(settings, &opened, error);
    if (!status)
        status = prt_program_open_with_data(path, settings->data.items, settings->data.count,
                                            &opened.program, error);
    if (!status)
        status = base_pool_create((unsigned)settings->threads, &opened.pool, error);
    struct prt_choice choice = {0};
    if (!status)
        choice = first_choice(opened.program, settings);
    const struct prt_model_options options = {
        .choices = &choice,
        .choice_count = choice.sized ? 1 : 0,
        .method = settings->method,
        .backends = settings->backend ? opened.backends : percept_backends,
        .pool = opened.pool,
        .cache = settings->cache,
        .no_fusion = settings->observable,
        .observable = settings->observable,
        .half = settings->half,
        .tune_ns = (int64_t)(settings->tune * BASE_NS_PER_S),
        .measure_ns = opened.measure_ns,
    };
    if (!status)
        status = prt_model_create(opened.program, &options, &opened.model, error);
    if (status) {
        cli_model_close(&opened);
        if (error && !error->file[0] && !strstr(error->message, path))
            percept_fail_at(error, status, path, 0, 0, "%s", error->message);
        return status;
    }
    *model = opened;
    return PERCEPT_OK;
}

void cli_model_close(struct cli_model *model)
{
    prt_model_destroy(model->model);
    base_pool_destroy(model->pool);
    prt_program_close(model->program);
    *model = (struct cli_model){0};
}

enum cli_exit cli_model_exit(enum percept_status status)
{
    return status == PERCEPT_INVALID ? CLI_USAGE : CLI_INPUT;
}

static enum percept_status check_assignments(const struct prt_model *model,
                                             const struct base_option_list *inputs,
                                             struct percept_error *error)
{
    for (unsigned i = 0; i < inputs->count; i++) {
        char *end;
        unsigned long which = strtoul(inputs->items[i], &end, 10);
        if (end == inputs->items[i] || *end != '=')
            return percept_fail(error, PERCEPT_INVALID,
                                "--input wants INDEX=FILE or INDEX=random[:SIZES], not '%s'",
                                inputs->items[i]);
        if (which >= prt_model_input_count(model) || !prt_model_input_spec(model, which))
            return percept_fail(error, PERCEPT_INVALID, "the model has no input tensor %lu", which);
    }
    return PERCEPT_OK;
}

enum percept_status cli_model_fill(struct prt_model *model, const struct base_option_list *inputs,
                                   struct percept_error *error)
{
    enum percept_status status = check_assignments(model, inputs, error);
    if (!status)
        status = cli_model_resize(model, inputs, error);
    for (size_t i = 0; i < prt_model_input_count(model) && !status; i++) {
        const struct prt_tensor *spec = prt_model_input_spec(model, i);
        const char *from = cli_model_assigned(inputs, i);
        void *data = NULL;
        size_t size = 0;
        if (!spec)
            continue; /* a scalar, fixed when the model was exported */
        if (from && strcmp(from, "random") != 0 && strncmp(from, "random:", 7) != 0) {
            status = cli_tensor_read(from, spec, &data, &size, error);
        } else {
            prt_tensor_bytes(spec, &size);
            data = malloc(size ? size : 1);
            if (!data)
                status = percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
            else
                cli_tensor_random(spec, i, data);
        }
        if (!status)
            status = prt_model_set_input(model, i, data, size, error);
        free(data);
    }
    return status;
}

static bool runs_any(const struct prt_model *model, const struct prt_backend *backend)
{
    for (uint32_t n = 0; n < prt_model_graph(model)->node_count; n++)
        if (prt_model_placement(model, n) == backend)
            return true;
    return false;
}

static bool is_built_in(const struct prt_backend *backend)
{
    size_t i = 0;
    while (percept_known_backends[i] && percept_known_backends[i] != backend)
        i++;
    return percept_known_backends[i] != NULL;
}

static void append_name(char *buffer, size_t size, const struct prt_backend *backend)
{
    size_t used = strlen(buffer);
    snprintf(buffer + used, size - used, "%s%s", used ? "+" : "", backend->name);
}

char *cli_model_placement(const struct prt_model *model, char *buffer, size_t size)
{
    const struct prt_backend *plugin = NULL; /* at most one: cli_model_choose_backend */
    buffer[0] = '\0';
    for (size_t b = 0; percept_known_backends[b]; b++)
        if (runs_any(model, percept_known_backends[b]))
            append_name(buffer, size, percept_known_backends[b]);
    for (uint32_t n = 0; n < prt_model_graph(model)->node_count; n++) {
        const struct prt_backend *here = prt_model_placement(model, n);
        if (here && !is_built_in(here))
            plugin = here;
    }
    if (plugin)
        append_name(buffer, size, plugin);
    return buffer;
}
