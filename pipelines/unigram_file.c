/* Why: a tokenizer.json can describe almost anything. What is not understood to the letter is
 * refused, for a tokenizer that is nearly right translates nearly sense. */
#include "pipelines/unigram_file.h"

#include "base/utf8.h"
#include "signing/signing.h"

#include <jansson.h>
#include <math.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_PIECES = 1 << 20, MAX_FILE = 64 << 20, MAX_PIECE = 1024 };
#define UNKNOWN_PENALTY 10.0 /* below the least likely piece, as SentencePiece has it */

struct reader {
    struct pipe_unigram *of;
    const char *name;
    struct percept_error *error;
};

#define refuse(r, status, ...) percept_fail_at((r)->error, status, (r)->name, 0, 0, __VA_ARGS__)

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static enum percept_status no_memory(const struct reader *r)
{
    return refuse(r, PERCEPT_NO_MEMORY, "out of memory");
}

/* ---- vocabulary ---- */

static bool is_valid(const char *text, size_t size)
{
    for (size_t at = 0; at < size;) {
        uint32_t code;
        size_t taken = base_utf8_next(text + at, size - at, &code);
        if ((taken == 1 && code == BASE_UTF8_BAD) || code == 0)
            return false;
        at += taken;
    }
    return size > 0;
}

static enum percept_status read_piece(struct reader *r, const json_t *row, uint32_t index)
{
    const json_t *text = json_array_get(row, 0), *score = json_array_get(row, 1);
    size_t size = json_string_length(text);
    if (!json_is_string(text) || !json_is_number(score) || !isfinite(json_number_value(score)) ||
        size > MAX_PIECE || !is_valid(json_string_value(text), size))
        return refuse(r, PERCEPT_MALFORMED, "entry %u of the vocabulary is no text and its score",
                      index);
    struct pipe_piece *piece = &r->of->pieces[index];
    *piece = (struct pipe_piece){
        .text = base_arena_strndup(&r->of->arena, json_string_value(text), size),
        .score = json_number_value(score),
        .size = (uint16_t)size,
    };
    return piece->text ? PERCEPT_OK : no_memory(r);
}

static int by_bytes(const void *a, const void *b)
{
    const struct pipe_sorted_piece *x = a, *y = b;
    int order = strcmp(x->text, y->text);
    return order ? order : (x->token > y->token) - (x->token < y->token);
}

/* Pieces that text can become. Of two that are alike the later counts, as `tokenizers` has it. */
static enum percept_status sort(struct reader *r)
{
    struct pipe_unigram *u = r->of;
    u->sorted = base_arena_array(&u->arena, u->count, sizeof *u->sorted);
    if (!u->sorted)
        return no_memory(r);
    uint32_t count = 0, kept = 0;
    for (uint32_t i = 0; i < u->count; i++)
        if (!u->pieces[i].control)
            u->sorted[count++] =
                (struct pipe_sorted_piece){u->pieces[i].text, u->pieces[i].size, i};
    qsort(u->sorted, count, sizeof *u->sorted, by_bytes);
    for (uint32_t i = 0; i < count; i++)
        if (i + 1 == count || strcmp(u->sorted[i].text, u->sorted[i + 1].text) != 0)
            u->sorted[kept++] = u->sorted[i];
    u->sorted_count = kept;
    return PERCEPT_OK;
}

static enum percept_status read_vocabulary(struct reader *r, const json_t *model)
{
    struct pipe_unigram *u = r->of;
    const json_t *rows = json_object_get(model, "vocab"), *unknown;
    size_t count = json_array_size(rows);
    unknown = json_object_get(model, "unk_id");
    if (count < 1 || count > MAX_PIECES)
        return refuse(r, PERCEPT_LIMIT, "a vocabulary of %zu pieces", count);
    if (!json_is_integer(unknown) || json_integer_value(unknown) < 0 ||
        (size_t)json_integer_value(unknown) >= count)
        return refuse(r, PERCEPT_MALFORMED, "unk_id is none of the vocabulary's %zu numbers",
                      count);
    u->count = (uint32_t)count;
    u->unknown = (uint32_t)json_integer_value(unknown);
    u->pieces = base_arena_array(&u->arena, count, sizeof *u->pieces);
    if (!u->pieces)
        return no_memory(r);
    double least = INFINITY;
    for (uint32_t i = 0; i < u->count; i++) {
        enum percept_status status = read_piece(r, json_array_get(rows, i), i);
        if (status != PERCEPT_OK)
            return status;
        struct pipe_piece *piece = &u->pieces[i];
        piece->control = i == u->unknown || strcmp(piece->text, "</s>") == 0 ||
                         strcmp(piece->text, "<s>") == 0 || strcmp(piece->text, "<pad>") == 0;
        least = piece->score < least ? piece->score : least;
    }
    u->unknown_score = least - UNKNOWN_PENALTY;
    return sort(r);
}

/* ---- what is done to a text before ---- */

static enum percept_status read_map(struct reader *r, const json_t *normalizer)
{
    const json_t *coded = json_object_get(normalizer, "precompiled_charsmap");
    size_t size = json_string_length(coded), bytes = 0;
    unsigned char *map = base_arena_alloc(&r->of->arena, size);
    if (!map)
        return no_memory(r);
    if (!json_is_string(coded) ||
        sodium_base642bin(map, size, json_string_value(coded), size, NULL, &bytes, NULL,
                          sodium_base64_VARIANT_ORIGINAL) != 0 ||
        !pipe_charsmap_open(&r->of->map, map, bytes))
        return refuse(r, PERCEPT_MALFORMED, "precompiled_charsmap is no map of characters");
    return PERCEPT_OK;
}

static bool collapses(const json_t *normalizer)
{
    return strcmp(text_of(normalizer, "type"), "Replace") == 0 &&
           strcmp(text_of(json_object_get(normalizer, "pattern"), "Regex"), " {2,}") == 0 &&
           strcmp(text_of(normalizer, "content"), " ") == 0;
}

static bool strips(const json_t *normalizer)
{
    return strcmp(text_of(normalizer, "type"), "Strip") == 0 &&
           json_is_true(json_object_get(normalizer, "strip_left")) &&
           json_is_true(json_object_get(normalizer, "strip_right"));
}

static enum percept_status read_normalizer(struct reader *r, const json_t *normalizer)
{
    const json_t *list = json_object_get(normalizer, "normalizers");
    if (json_array_size(list) != 3 ||
        strcmp(text_of(json_array_get(list, 0), "type"), "Precompiled") != 0 ||
        !collapses(json_array_get(list, 1)) || !strips(json_array_get(list, 2)))
        return refuse(
            r, PERCEPT_UNSUPPORTED,
            "the normalizer is not the sequence of Precompiled, Replace of several spaces "
            "by one, and Strip of both sides");
    return read_map(r, json_array_get(list, 0));
}

static enum percept_status read_pre_tokenizer(const struct reader *r, const json_t *pre)
{
    if (strcmp(text_of(pre, "type"), "Metaspace") != 0 ||
        strcmp(text_of(pre, "replacement"), "\u2581") != 0 ||
        strcmp(text_of(pre, "prepend_scheme"), "always") != 0 ||
        json_is_false(json_object_get(pre, "split")))
        return refuse(
            r, PERCEPT_UNSUPPORTED,
            "the pre-tokenizer is not Metaspace, '\u2581', always prepended, that splits");
    return PERCEPT_OK;
}

static enum percept_status read_all(struct reader *r, const json_t *json)
{
    const json_t *model = json_object_get(json, "model");
    if (strcmp(text_of(model, "type"), "Unigram") != 0)
        return refuse(r, PERCEPT_UNSUPPORTED, "not a Unigram tokenizer; its type is '%.40s'",
                      text_of(model, "type"));
    if (json_is_true(json_object_get(model, "byte_fallback")))
        return refuse(r, PERCEPT_UNSUPPORTED, "pieces for single bytes (byte_fallback)");
    enum percept_status status = read_normalizer(r, json_object_get(json, "normalizer"));
    if (status == PERCEPT_OK)
        status = read_pre_tokenizer(r, json_object_get(json, "pre_tokenizer"));
    return status == PERCEPT_OK ? read_vocabulary(r, model) : status;
}

enum percept_status pipe_unigram_open_text(const char *text, size_t size, const char *name,
                                           struct pipe_unigram **unigram,
                                           struct percept_error *error)
{
    json_error_t where;
    struct reader r = {.of = calloc(1, sizeof *r.of), .name = name, .error = error};
    if (!r.of)
        return no_memory(&r);
    json_t *json = json_loadb(text, size, JSON_REJECT_DUPLICATES, &where);
    enum percept_status status =
        json ? read_all(&r, json)
             : percept_fail_at(error, PERCEPT_MALFORMED, name, (unsigned)where.line,
                               (unsigned)where.column, "%s", where.text);
    json_decref(json);
    if (status == PERCEPT_OK)
        *unigram = r.of;
    else
        pipe_unigram_close(r.of);
    return status;
}

enum percept_status pipe_unigram_open(const char *path, const struct signing_keys *keys,
                                      struct pipe_unigram **unigram, struct percept_error *error)
{
    void *text;
    size_t size;
    enum percept_status status = signing_read_file(keys, path, MAX_FILE, &text, &size, error);
    if (status != PERCEPT_OK)
        return status;
    status = pipe_unigram_open_text(text, size, path, unigram, error);
    free(text);
    return status;
}

void pipe_unigram_close(struct pipe_unigram *unigram)
{
    if (unigram)
        base_arena_reset(&unigram->arena);
    free(unigram);
}
