#include "pipelines/translation.h"

#include "ipc/topics.h"

#include <ctype.h>
#include <string.h>

static enum percept_status run(void *context, struct prt_model *model, struct percept_error *error)
{
    const struct pipe_translation_nets *nets = context;
    bool decoder = model == pipe_model_prt(nets->models[1]);
    return pipe_model_run(nets->models[decoder], error);
}

/* Bytes of a code before the country. */
static size_t language_bytes(const char *code)
{
    return strcspn(code, "-_");
}

static enum percept_status check_language(const char *name, const char *code,
                                          struct percept_error *error)
{
    size_t size = strlen(code);
    bool fits = size >= 2 && size < PERCEPT_LANGUAGE_BYTES;
    for (size_t i = 0; fits && i < language_bytes(code); i++)
        fits = islower((unsigned char)code[i]);
    return fits ? PERCEPT_OK
                : percept_fail(error, PERCEPT_INVALID,
                               "%s: '%.20s' is no ISO 639 code such as en or pt-BR", name, code);
}

enum percept_status pipe_translation_create(const struct pipe_node_setup *setup,
                                            const struct pipe_translation_params *pair,
                                            struct pipe_translation_nets *nets,
                                            struct pipe_translator **translator,
                                            struct percept_error *error)
{
    struct pipe_translation_engine engine;
    enum percept_status status = check_language("from", pair->from, error);
    if (status == PERCEPT_OK)
        status = check_language("to", pair->to, error);
    if (status == PERCEPT_OK && strcmp(pair->from, pair->to) == 0)
        status = percept_fail(error, PERCEPT_INVALID, "from and to are both '%s'", pair->to);
    if (status == PERCEPT_OK)
        status = setup->open_model(setup->host, pair->encoder, &nets->models[0], error);
    if (status == PERCEPT_OK)
        status = setup->open_model(setup->host, pair->decoder, &nets->models[1], error);
    if (status != PERCEPT_OK)
        return status;
    const struct pipe_marian_nets marian = {pipe_model_prt(nets->models[0]),
                                            pipe_model_prt(nets->models[1]), run, nets};
    status = pipe_engine_marian(&marian, pair->tokenizer, pair->shortlist, &engine, error);
    return status == PERCEPT_OK ? pipe_translator_create(&engine, (size_t)pair->cache,
                                                         pair->capitals, translator, error)
                                : status;
}

bool pipe_translation_is_from(const struct pipe_translation_params *pair, const char *language)
{
    size_t size = language_bytes(language);
    return size > 0 && size == language_bytes(pair->from) &&
           strncmp(language, pair->from, size) == 0;
}
