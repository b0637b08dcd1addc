/* Why: translation is two nets and a loop between them; whoever owns the nets (a node, a command)
 * should not have to know the loop. */
#include "pipelines/marian.h"

#include <stdlib.h>
#include <string.h>

enum { TOKENS, MASK }; /* inputs of the encoder */
enum {
    LAST_TOKEN,
    POSITION,
    MEMORY,
    MEMORY_MASK,
    CANDIDATES,
    DECODER_INPUTS
}; /* and the decoder's */

#define ABSENT (-1e9F) /* as models/families/marian.py has it */
/* A model keeps what it compiled for the last eight sizes; these leave room for its largest. */
static const int32_t sizes[] = {8, 16, 24, 32, 64, 128, PIPE_MARIAN_MAX_TOKENS};
#define SIZES (sizeof sizes / sizeof sizes[0])

struct pipe_marian {
    struct pipe_marian_nets nets;
    struct pipe_marian_tokens tokens;
    struct pipe_shortlist *shortlist;
    int32_t sizes[SIZES];   /* ascending */
    int32_t choices[SIZES]; /* candidates of a sentence of each size, at most */
    size_t size_count;
    size_t candidate_count; /* of the sentence */
    int32_t width;
    float *states; /* of the encoder: [largest size, width], for the decoder's arena may be its */
};

/* ---- what the nets are ---- */

static bool is(const struct prt_tensor *spec, enum prt_dtype dtype, unsigned rank)
{
    return spec && spec->dtype == dtype && spec->rank == rank && spec->sizes[0] == 1;
}

static bool is_encoder(const struct prt_model *model)
{
    return prt_model_input_count(model) == 2 && prt_model_output_count(model) == 1 &&
           is(prt_model_input_spec(model, TOKENS), PRT_I64, 2) &&
           is(prt_model_input_spec(model, MASK), PRT_F32, 2) &&
           is(prt_model_output_spec(model, 0), PRT_F32, 3);
}

static bool is_decoder(const struct prt_model *model)
{
    const struct prt_tensor *token = prt_model_input_spec(model, LAST_TOKEN),
                            *position = prt_model_input_spec(model, POSITION);
    return prt_model_input_count(model) == DECODER_INPUTS && prt_model_output_count(model) == 1 &&
           is(token, PRT_I64, 2) && token->sizes[1] == 1 && is(position, PRT_I64, 1) &&
           is(prt_model_input_spec(model, MEMORY), PRT_F32, 3) &&
           is(prt_model_input_spec(model, MEMORY_MASK), PRT_F32, 2) &&
           is(prt_model_input_spec(model, CANDIDATES), PRT_I64, 2) &&
           is(prt_model_output_spec(model, 0), PRT_F32, 2);
}

static enum percept_status check(const struct pipe_marian_nets *nets, struct percept_error *error)
{
    if (!is_encoder(nets->encoder))
        return percept_fail(error, PERCEPT_INVALID,
                            "the encoder is none: it wants tokens int64[1, n] and a mask "
                            "float32[1, n], and gives states float32[1, n, width]");
    if (!is_decoder(nets->decoder))
        return percept_fail(error, PERCEPT_INVALID,
                            "the decoder is none: it wants a token int64[1, 1], its position "
                            "int64[1], states float32[1, n, width], their mask float32[1, n] and "
                            "candidates int64[1, k], and gives logits float32[1, k]");
    if (prt_model_output_spec(nets->encoder, 0)->sizes[2] !=
        prt_model_input_spec(nets->decoder, MEMORY)->sizes[2])
        return percept_fail(error, PERCEPT_INVALID,
                            "encoder and decoder do not belong together: states of %d and of %d "
                            "numbers",
                            prt_model_output_spec(nets->encoder, 0)->sizes[2],
                            prt_model_input_spec(nets->decoder, MEMORY)->sizes[2]);
    if (!prt_model_input_bound(nets->encoder, TOKENS) ||
        !prt_model_input_bound(nets->decoder, CANDIDATES))
        return percept_fail(error, PERCEPT_INVALID, "the nets are of fixed sizes");
    return PERCEPT_OK;
}

/* ---- sizes ---- */

static enum percept_status choose(struct pipe_marian *m, size_t which, struct percept_error *error)
{
    int32_t size = m->sizes[which];
    const struct prt_choice encoder[] = {[TOKENS] = {.sized = true, .sizes = {1, size}},
                                         [MASK] = {.sized = true, .sizes = {1, size}}},
                            decoder[] = {
                                [MEMORY] = {.sized = true, .sizes = {1, size, m->width}},
                                [MEMORY_MASK] = {.sized = true, .sizes = {1, size}},
                                [CANDIDATES] = {.sized = true, .sizes = {1, m->choices[which]}}};
    if (prt_model_input_spec(m->nets.encoder, TOKENS)->sizes[1] == size &&
        prt_model_input_spec(m->nets.decoder, MEMORY)->sizes[1] == size)
        return PERCEPT_OK;
    enum percept_status status = prt_model_choose(m->nets.encoder, encoder, 2, error);
    return status == PERCEPT_OK ? prt_model_choose(m->nets.decoder, decoder, DECODER_INPUTS, error)
                                : status;
}

/* Those that the nets can be, from the largest down, so that the last is a small one. */
static enum percept_status make_sizes(struct pipe_marian *m, struct percept_error *error)
{
    int32_t most = prt_model_input_bound(m->nets.encoder, TOKENS)->sizes[1];
    size_t room = (size_t)prt_model_input_bound(m->nets.decoder, CANDIDATES)->sizes[1];
    if (most > PIPE_MARIAN_MAX_TOKENS)
        most = PIPE_MARIAN_MAX_TOKENS;
    if (most < 2 || room < 2)
        return percept_fail(error, PERCEPT_INVALID, "nets of %d tokens and %zu candidates", most,
                            room);
    for (size_t i = 0; i < SIZES && sizes[i] < most; i++)
        m->sizes[m->size_count++] = sizes[i];
    m->sizes[m->size_count++] = most;
    enum percept_status status = PERCEPT_OK;
    for (size_t i = m->size_count; i > 0 && status == PERCEPT_OK; i--) {
        size_t choices = pipe_shortlist_most(m->shortlist, (size_t)m->sizes[i - 1]);
        m->choices[i - 1] = (int32_t)(choices < 2 ? 2 : choices < room ? choices : room);
        status = choose(m, i - 1, error);
    }
    return status;
}

size_t pipe_marian_most(const struct pipe_marian *m)
{
    return (size_t)m->sizes[m->size_count - 1] - 1;
}

enum percept_status pipe_marian_create(const struct pipe_marian_nets *nets,
                                       const struct pipe_marian_tokens *tokens,
                                       struct pipe_shortlist *shortlist,
                                       struct pipe_marian **marian, struct percept_error *error)
{
    enum percept_status status = check(nets, error);
    if (status != PERCEPT_OK)
        return status;
    struct pipe_marian *m = calloc(1, sizeof *m);
    if (!m)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    m->nets = *nets;
    m->tokens = *tokens;
    m->shortlist = shortlist;
    m->width = prt_model_output_spec(nets->encoder, 0)->sizes[2];
    status = make_sizes(m, error);
    if (status == PERCEPT_OK) {
        m->states = calloc((pipe_marian_most(m) + 1) * (size_t)m->width, sizeof *m->states);
        if (!m->states)
            status = percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    }
    if (status != PERCEPT_OK)
        pipe_marian_destroy(m);
    else
        *marian = m;
    return status;
}

void pipe_marian_destroy(struct pipe_marian *m)
{
    if (m)
        free(m->states);
    free(m);
}

/* ---- translating ---- */

static void put_mask(float *mask, int32_t size, size_t count)
{
    for (size_t i = 0; i < (size_t)size; i++)
        mask[i] = i < count ? 0 : ABSENT;
}

/* The end first, so that it cannot be missing; what there is room for beyond is the end, too. */
static void put_candidates(struct pipe_marian *m, const uint32_t *sentence, size_t count,
                           size_t room)
{
    int64_t *candidates = prt_model_input_data(m->nets.decoder, CANDIDATES);
    candidates[0] = m->tokens.end;
    m->candidate_count =
        1 + pipe_shortlist_choose(m->shortlist, sentence, count, candidates + 1, room - 1);
    for (size_t i = m->candidate_count; i < room; i++)
        candidates[i] = m->tokens.end;
}

/* The sentence with its end through the encoder, and what it gave to the decoder. */
static enum percept_status encode(struct pipe_marian *m, const uint32_t *sentence, size_t count,
                                  struct percept_error *error)
{
    size_t which = 0;
    while ((size_t)m->sizes[which] < count + 1)
        which++;
    int32_t size = m->sizes[which];
    size_t bytes = (size_t)size * (size_t)m->width * sizeof *m->states;
    enum percept_status status = choose(m, which, error);
    if (status != PERCEPT_OK)
        return status;
    int64_t *tokens = prt_model_input_data(m->nets.encoder, TOKENS);
    for (size_t i = 0; i < (size_t)size; i++)
        tokens[i] = i < count ? sentence[i] : m->tokens.end;
    put_mask(prt_model_input_data(m->nets.encoder, MASK), size, count + 1);
    status = m->nets.run(m->nets.context, m->nets.encoder, error);
    if (status == PERCEPT_OK)
        status = prt_model_get_output(m->nets.encoder, 0, m->states, bytes, error);
    if (status == PERCEPT_OK)
        status = prt_model_set_input(m->nets.decoder, MEMORY, m->states, bytes, error);
    if (status != PERCEPT_OK)
        return status;
    put_mask(prt_model_input_data(m->nets.decoder, MEMORY_MASK), size, count + 1);
    put_candidates(m, sentence, count, (size_t)m->choices[which]);
    return PERCEPT_OK;
}

static uint32_t likeliest(const struct pipe_marian *m)
{
    const float *logits = prt_model_output_data(m->nets.decoder, 0);
    const int64_t *candidates = prt_model_input_data(m->nets.decoder, CANDIDATES);
    size_t best = 0; /* the end, always among them */
    for (size_t i = 1; i < m->candidate_count; i++)
        if (logits[i] > logits[best] && candidates[i] != m->tokens.unknown)
            best = i;
    return (uint32_t)candidates[best];
}

enum percept_status pipe_marian_translate(struct pipe_marian *m, const uint32_t *sentence,
                                          size_t count, uint32_t *translation, size_t room,
                                          size_t *made, struct percept_error *error)
{
    if (count > pipe_marian_most(m))
        return percept_fail(error, PERCEPT_LIMIT, "a sentence of %zu tokens, more than %zu", count,
                            pipe_marian_most(m));
    enum percept_status status = encode(m, sentence, count, error);
    size_t most = 3 * count + 8 < room ? 3 * count + 8 : room, said = 0;
    uint32_t token = m->tokens.end;
    while (status == PERCEPT_OK && said < most) {
        *(int64_t *)prt_model_input_data(m->nets.decoder, LAST_TOKEN) = token;
        *(int64_t *)prt_model_input_data(m->nets.decoder, POSITION) = (int64_t)said;
        status = m->nets.run(m->nets.context, m->nets.decoder, error);
        token = status == PERCEPT_OK ? likeliest(m) : m->tokens.end;
        if (token == m->tokens.end)
            break;
        translation[said++] = token;
    }
    if (status == PERCEPT_OK)
        *made = said;
    return status;
}
