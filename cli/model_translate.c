/* percept model translate: each line of the standard input by a Marian translator, as the nodes
 * translate_text and translate_captions do it. */
#include "base/clock.h"
#include "cli/cli.h"
#include "cli/model.h"
#include "pipelines/translator.h"

#include <stdlib.h>
#include <string.h>

struct translate {
    const char *paths[2], *tokenizer, *shortlist; /* encoder, decoder */
    struct cli_model_settings settings;
    struct cli_model models[2];
    struct pipe_translator *translator;
    bool capitals, json;
};

static enum percept_status run(void *context, struct prt_model *model, struct percept_error *error)
{
    (void)context;
    return prt_model_run(model, error);
}

static enum percept_status open_all(struct translate *t, struct percept_error *error)
{
    struct pipe_translation_engine engine;
    enum percept_status status = PERCEPT_OK;
    for (size_t i = 0; i < 2 && !status; i++)
        status = cli_model_open(t->paths[i], &t->settings, &t->models[i], error);
    if (status)
        return status;
    const struct pipe_marian_nets nets = {t->models[0].model, t->models[1].model, run, NULL};
    status = pipe_engine_marian(&nets, t->tokenizer, t->shortlist, NULL, &engine, error);
    return status ? status : pipe_translator_create(&engine, 1, t->capitals, &t->translator, error);
}

static void close_all(struct translate *t)
{
    pipe_translator_destroy(t->translator);
    for (size_t i = 0; i < 2; i++)
        cli_model_close(&t->models[i]);
}

static enum percept_status print(const struct translate *t, const char *text,
                                 struct percept_error *error)
{
    const char *translation = "";
    int64_t start = base_clock_ns();
    enum percept_status status =
        pipe_translator_translate(t->translator, text, &translation, error);
    int64_t ns = base_clock_ns() - start;
    if (status)
        return status;
    if (!t->json)
        puts(translation);
    else
        cli_print_json(json_pack("{s:s, s:I}", "translation", translation, "ns", (json_int_t)ns),
                       true);
    fflush(stdout);
    return PERCEPT_OK;
}

/* With --json a line is a JSON string, so that any text fits on a line. */
static enum percept_status print_line(const struct translate *t, const char *line, size_t size,
                                      struct percept_error *error)
{
    if (!t->json)
        return print(t, line, error);
    json_t *text = json_loadb(line, size, JSON_DECODE_ANY, NULL);
    enum percept_status status =
        json_is_string(text) ? print(t, json_string_value(text), error)
                             : percept_fail(error, PERCEPT_MALFORMED, "a line is no JSON string");
    json_decref(text);
    return status;
}

int cli_model_translate(int argc, char **argv)
{
    struct translate t = {.settings = {.threads = 0}};
    int operands, code;
    const struct base_option options[] = {
        {"encoder", "FILE", "the translator's first .pte; must be given", BASE_OPTION_TEXT,
         &t.paths[0]},
        {"decoder", "FILE", "and its second; must be given", BASE_OPTION_TEXT, &t.paths[1]},
        {"tokenizer", "FILE", "and its tokenizer.json; must be given", BASE_OPTION_TEXT,
         &t.tokenizer},
        {"shortlist", "FILE", "and its lexical shortlist; must be given", BASE_OPTION_TEXT,
         &t.shortlist},
        CLI_OPTION_BACKEND(t.settings),
        CLI_OPTION_THREADS(t.settings),
        CLI_OPTION_CACHE(t.settings),
        {"capitals", NULL, "a line in capitals is translated as if it were not", BASE_OPTION_FLAG,
         &t.capitals},
        {"json", NULL, "each line of the input is a JSON string, each of the output an object",
         BASE_OPTION_FLAG, &t.json},
    };
    const struct base_usage usage = {
        .program = "percept model translate",
        .operands = "",
        .purpose = "Translate each line of the standard input.",
        .options = options,
        .option_count = sizeof options / sizeof options[0],
    };
    struct percept_error error = {0};
    if (!cli_parse(&usage, argc, argv, &operands, &code))
        return code;
    if (!t.paths[0] || !t.paths[1] || !t.tokenizer || !t.shortlist)
        return cli_misuse(&usage,
                          "--encoder, --decoder, --tokenizer and --shortlist must be given");
    enum percept_status status = open_all(&t, &error);
    bool opened = !status;
    char *line = NULL;
    size_t room = 0;
    for (ssize_t size; !status && (size = getline(&line, &room, stdin)) >= 0;) {
        if (size > 0 && line[size - 1] == '\n')
            line[--size] = '\0';
        status = print_line(&t, line, (size_t)size, &error);
    }
    free(line);
    close_all(&t);
    if (status)
        return cli_fail(opened ? CLI_FAILURE : CLI_INPUT, &error);
    return CLI_OK;
}
