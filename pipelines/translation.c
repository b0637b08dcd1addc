#include "pipelines/translation.h"

#include "base/utf8.h"
#include "ipc/topics.h"
#include "pipelines/apertium.h"

#include <ctype.h>
#include <string.h>

static enum percept_status run(void *context, struct prt_model *model, struct percept_error *error)
{
    const struct pipe_translation *t = context;
    bool decoder = model == pipe_model_prt(t->models[1]);
    return pipe_model_run(t->models[decoder], error);
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

/* Two models and two files, or a mode of Apertium. */
static enum percept_status check_engine(const struct pipe_translation_params *pair,
                                        struct percept_error *error)
{
    const struct {
        const char *name, *value;
    } parts[] = {{"encoder", pair->encoder},
                 {"decoder", pair->decoder},
                 {"tokenizer", pair->tokenizer},
                 {"shortlist", pair->shortlist}};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (pair->apertium && parts[i].value)
            return percept_fail(error, PERCEPT_INVALID, "either apertium or %s", parts[i].name);
        if (!pair->apertium && !parts[i].value)
            return percept_fail(error, PERCEPT_INVALID,
                                "'%s' is missing; or a mode of Apertium, as 'apertium'",
                                parts[i].name);
    }
    return PERCEPT_OK;
}

static enum percept_status open_marian(struct pipe_translation *t,
                                       const struct pipe_node_setup *setup,
                                       struct pipe_translation_engine *engine,
                                       struct percept_error *error)
{
    enum percept_status status =
        setup->open_model(setup->host, t->pair->encoder, &t->models[0], error);
    if (status == PERCEPT_OK)
        status = setup->open_model(setup->host, t->pair->decoder, &t->models[1], error);
    if (status != PERCEPT_OK)
        return status;
    const struct pipe_marian_nets marian = {pipe_model_prt(t->models[0]),
                                            pipe_model_prt(t->models[1]), run, t};
    return pipe_engine_marian(&marian, t->pair->tokenizer, t->pair->shortlist, setup->keys, engine,
                              error);
}

enum percept_status pipe_translation_create(struct pipe_translation *t,
                                            const struct pipe_node_setup *setup,
                                            const struct pipe_translation_params *pair,
                                            struct percept_error *error)
{
    struct pipe_translation_engine engine;
    t->pair = pair;
    enum percept_status status = check_language("from", pair->from, error);
    if (status == PERCEPT_OK)
        status = check_language("to", pair->to, error);
    if (status == PERCEPT_OK && strcmp(pair->from, pair->to) == 0)
        status = percept_fail(error, PERCEPT_INVALID, "from and to are both '%s'", pair->to);
    if (status == PERCEPT_OK)
        status = check_engine(pair, error);
    if (status == PERCEPT_OK)
        status = pair->apertium ? pipe_engine_apertium(pair->apertium, &(struct pipe_apertium){0},
                                                       &engine, error)
                                : open_marian(t, setup, &engine, error);
    return status == PERCEPT_OK ? pipe_translator_create(&engine, (size_t)pair->cache,
                                                         pair->capitals, &t->translator, error)
                                : status;
}

void pipe_translation_destroy(struct pipe_translation *t)
{
    pipe_translator_destroy(t->translator);
}

enum percept_status pipe_translation_fill(struct pipe_translation *t, const char *text,
                                          int64_t *left, char *to, size_t room,
                                          char language[PERCEPT_LANGUAGE_BYTES],
                                          struct percept_error *error)
{
    const char *translation = pipe_translator_recall(t->translator, text);
    if (!translation && (*left)-- > 0) {
        enum percept_status status =
            pipe_translator_translate(t->translator, text, &translation, error);
        if (status == PERCEPT_BUSY)
            return PERCEPT_OK;
        if (status != PERCEPT_OK)
            return status;
    }
    if (!translation || !*translation)
        return PERCEPT_OK;
    base_utf8_copy(translation, strlen(translation), to, room);
    strcpy(language, t->pair->to); /* fits: see check_language */
    return PERCEPT_OK;
}

bool pipe_translation_is_from(const struct pipe_translation_params *pair, const char *language)
{
    size_t size = language_bytes(language);
    return size > 0 && size == language_bytes(pair->from) &&
           strncmp(language, pair->from, size) == 0;
}
