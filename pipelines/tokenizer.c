/*
 * Why: byte-level BPE needs no library: bytes become numbers, and of all neighbours that a rule
 * merges, the earliest rule wins, until none applies.
 *
 * Vocabulary texts are written with a visible character for each byte (GPT-2's table); here they
 * are turned back into bytes once.
 */
#include "pipelines/tokenizer.h"

#include "base/arena.h"
#include "pipelines/pretokenize.h"
#include "signing/signing.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_TOKENS = 1 << 24, MAX_CUTS = 4, LONGEST_PIECE = 1 << 14, MAX_FILE = 64 << 20 };
#define NO_TOKEN PIPE_NO_TOKEN

struct token {
    const char *text; /* NULL: there is no such number */
    uint32_t size;
    bool added, special;
};

struct merge {
    uint32_t left, right; /* left NO_TOKEN: an empty place of the table */
    uint32_t rank, token;
};

struct added {
    const char *text;
    uint32_t size, token;
};

struct pipe_tokenizer {
    struct base_arena arena;
    struct token *tokens;
    uint32_t token_count;
    struct merge *merges; /* open addressing; size a power of two */
    size_t merge_mask;
    uint32_t bytes[256]; /* the token of each byte, or NO_TOKEN */
    struct added *added; /* longest first */
    uint32_t added_count;
    bool starts_added[256];
    uint32_t *by_text; /* open addressing, as merges; only when whole words come before merges */
    size_t text_mask;
    pipe_cut cuts[MAX_CUTS]; /* applied one within the other */
    unsigned cut_count;
    bool prefix_space;
    const json_t *vocabulary; /* while it is read */
    const char *name;
    struct percept_error *error;
};

/* ---- reading ---- */

static enum percept_status refuse(const struct pipe_tokenizer *t, enum percept_status status,
                                  const char *what, const char *detail)
{
    return percept_fail_at(t->error, status, t->name, 0, 0, "%s%s%.80s%s", what, detail ? " '" : "",
                           detail ? detail : "", detail ? "'" : "");
}

static enum percept_status no_memory(const struct pipe_tokenizer *t)
{
    return refuse(t, PERCEPT_NO_MEMORY, "out of memory", NULL);
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

/* The byte that a character of GPT-2's table stands for; -1 for another character. Printable bytes
 * are themselves, the others follow from U+0100. */
static int byte_of(uint32_t code)
{
    if ((code >= '!' && code <= '~') || (code >= 0xa1 && code <= 0xff && code != 0xad))
        return (int)code;
    if (code < 0x100 || code > 0x143)
        return -1;
    code -= 0x100;
    return code <= 32 ? (int)code : code <= 66 ? (int)(code - 33 + 127) : 0xad;
}

/* Turn the visible characters of a vocabulary text into bytes, in place in `to`; the size, or -1
 * when it has a character that stands for none. */
static long to_bytes(const char *text, size_t size, char *to)
{
    long count = 0;
    for (size_t i = 0; i < size;) {
        unsigned char first = (unsigned char)text[i++];
        uint32_t code = first;
        if (first >= 0xe0)
            return -1;
        if (first >= 0xc0 && i < size)
            code = (first & 0x1fu) << 6 | ((unsigned char)text[i++] & 0x3fu);
        int byte = byte_of(code);
        if (byte < 0)
            return -1;
        to[count++] = (char)byte;
    }
    return count;
}

static enum percept_status set_token(struct pipe_tokenizer *t, json_int_t id, const char *text,
                                     size_t size, bool as_bytes, bool special)
{
    if (id < 0 || id >= t->token_count)
        return refuse(t, PERCEPT_MALFORMED, "a token's number is out of range:", text);
    char *copy = base_arena_strndup(&t->arena, text, size);
    if (!copy)
        return no_memory(t);
    long bytes = as_bytes ? to_bytes(text, size, copy) : -1;
    t->tokens[id] =
        (struct token){copy, (uint32_t)(bytes < 0 ? (long)size : bytes), !as_bytes, special};
    if (as_bytes && bytes == 1)
        t->bytes[(unsigned char)copy[0]] = (uint32_t)id;
    return PERCEPT_OK;
}

static json_int_t largest_id(const json_t *vocabulary, const json_t *added)
{
    json_int_t largest = -1;
    const char *key;
    json_t *value;
    size_t i;
    json_object_foreach((json_t *)(uintptr_t)vocabulary, key, value)
    {
        largest = json_integer_value(value) > largest ? json_integer_value(value) : largest;
    }
    json_array_foreach(added, i, value)
    {
        json_int_t id = json_integer_value(json_object_get(value, "id"));
        largest = id > largest ? id : largest;
    }
    return largest;
}

static int longest_first(const void *a, const void *b)
{
    const struct added *x = a, *y = b;
    return (x->size < y->size) - (x->size > y->size);
}

static enum percept_status read_vocabulary(struct pipe_tokenizer *t, const json_t *added)
{
    json_int_t largest = largest_id(t->vocabulary, added);
    if (largest < 0 || largest >= MAX_TOKENS)
        return refuse(t, PERCEPT_LIMIT, "no vocabulary, or one of millions of tokens", NULL);
    t->token_count = (uint32_t)largest + 1;
    t->tokens = base_arena_array(&t->arena, t->token_count, sizeof *t->tokens);
    t->added = base_arena_array(&t->arena, json_array_size(added), sizeof *t->added);
    if (!t->tokens || !t->added)
        return no_memory(t);
    memset(t->bytes, 0xff, sizeof t->bytes);
    const char *key;
    json_t *value;
    size_t i;
    enum percept_status status = PERCEPT_OK;
    json_object_foreach((json_t *)(uintptr_t)t->vocabulary, key, value)
    {
        status = set_token(t, json_is_integer(value) ? json_integer_value(value) : -1, key,
                           strlen(key), true, false);
        if (status)
            return status;
    }
    json_array_foreach(added, i, value)
    {
        const char *text = text_of(value, "content");
        json_int_t id = json_integer_value(json_object_get(value, "id"));
        bool special = json_is_true(json_object_get(value, "special"));
        if (!*text)
            continue;
        status = set_token(t, id, text, strlen(text), false, special);
        if (status)
            return status;
        t->added[t->added_count++] =
            (struct added){t->tokens[id].text, t->tokens[id].size, (uint32_t)id};
        t->starts_added[(unsigned char)*text] = true;
    }
    if (t->added_count)
        qsort(t->added, t->added_count, sizeof *t->added, longest_first);
    return PERCEPT_OK;
}

/* ---- whole words ---- */

static size_t place_of_text(const struct pipe_tokenizer *t, const char *text, size_t size)
{
    uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a */
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ (unsigned char)text[i]) * 0x100000001b3u;
    size_t at = (size_t)(hash >> 20) & t->text_mask;
    for (; t->by_text[at] != NO_TOKEN; at = (at + 1) & t->text_mask) {
        const struct token *token = &t->tokens[t->by_text[at]];
        if (token->size == size && memcmp(token->text, text, size) == 0)
            break;
    }
    return at;
}

/* A word that is a token of the vocabulary is that token, whatever the merges say. */
static enum percept_status read_whole_words(struct pipe_tokenizer *t)
{
    size_t places = 16;
    while (places < 2 * (size_t)t->token_count + 1)
        places *= 2;
    t->by_text = base_arena_array(&t->arena, places, sizeof *t->by_text);
    if (!t->by_text)
        return no_memory(t);
    memset(t->by_text, 0xff, places * sizeof *t->by_text);
    t->text_mask = places - 1;
    for (uint32_t i = 0; i < t->token_count; i++)
        if (t->tokens[i].text && !t->tokens[i].added)
            t->by_text[place_of_text(t, t->tokens[i].text, t->tokens[i].size)] = i;
    return PERCEPT_OK;
}

/* ---- merges ---- */

static size_t place_of(const struct pipe_tokenizer *t, uint32_t left, uint32_t right)
{
    uint64_t hash = ((uint64_t)left << 32 | right) * 0x9e3779b97f4a7c15u;
    size_t at = (size_t)(hash >> 32) & t->merge_mask;
    while (t->merges[at].left != NO_TOKEN &&
           (t->merges[at].left != left || t->merges[at].right != right))
        at = (at + 1) & t->merge_mask;
    return at;
}

static uint32_t id_of(const struct pipe_tokenizer *t, const char *text, size_t size)
{
    const json_t *id = json_object_getn(t->vocabulary, text, size);
    json_int_t number = json_is_integer(id) ? json_integer_value(id) : -1;
    return number >= 0 && number < t->token_count ? (uint32_t)number : NO_TOKEN;
}

/* "a b" or ["a", "b"]: the two halves. */
static bool halves(const json_t *merge, const char *half[2], size_t size[2])
{
    if (json_array_size(merge) == 2) {
        for (size_t i = 0; i < 2; i++) {
            half[i] = json_string_value(json_array_get(merge, i));
            size[i] = json_string_length(json_array_get(merge, i));
        }
        return half[0] && half[1];
    }
    half[0] = json_string_value(merge);
    const char *space = half[0] ? strchr(half[0], ' ') : NULL;
    if (!space)
        return false;
    half[1] = space + 1;
    size[0] = (size_t)(space - half[0]);
    size[1] = json_string_length(merge) - size[0] - 1;
    return true;
}

static enum percept_status add_merge(struct pipe_tokenizer *t, const json_t *merge, uint32_t rank)
{
    const char *half[2];
    size_t size[2];
    char whole[1024];
    if (!halves(merge, half, size) || size[0] + size[1] > sizeof whole)
        return refuse(t, PERCEPT_MALFORMED, "a merge is no pair of texts", NULL);
    memcpy(whole, half[0], size[0]);
    memcpy(whole + size[0], half[1], size[1]);
    struct merge added = {id_of(t, half[0], size[0]), id_of(t, half[1], size[1]), rank,
                          id_of(t, whole, size[0] + size[1])};
    if (added.left == NO_TOKEN || added.right == NO_TOKEN || added.token == NO_TOKEN)
        return refuse(t, PERCEPT_MALFORMED, "a merge of what is not in the vocabulary:", half[0]);
    size_t at = place_of(t, added.left, added.right);
    if (t->merges[at].left == NO_TOKEN)
        t->merges[at] = added;
    return PERCEPT_OK;
}

static enum percept_status read_merges(struct pipe_tokenizer *t, const json_t *merges)
{
    size_t count = json_array_size(merges), places = 16;
    if (count > MAX_TOKENS)
        return refuse(t, PERCEPT_LIMIT, "millions of merges", NULL);
    while (places < 2 * count + 1)
        places *= 2;
    t->merges = base_arena_array(&t->arena, places, sizeof *t->merges);
    if (!t->merges)
        return no_memory(t);
    for (size_t i = 0; i < places; i++)
        t->merges[i].left = NO_TOKEN;
    t->merge_mask = places - 1;
    for (size_t i = 0; i < count; i++) {
        enum percept_status status = add_merge(t, json_array_get(merges, i), (uint32_t)i);
        if (status)
            return status;
    }
    return PERCEPT_OK;
}

/* ---- how text is cut ---- */

static enum percept_status add_cut(struct pipe_tokenizer *t, pipe_cut cut, const char *what)
{
    if (!cut || t->cut_count == MAX_CUTS)
        return refuse(t, PERCEPT_UNSUPPORTED, "cannot cut text by", what);
    t->cuts[t->cut_count++] = cut;
    return PERCEPT_OK;
}

static enum percept_status read_cut(struct pipe_tokenizer *t, const json_t *pre)
{
    const char *type = text_of(pre, "type");
    if (strcmp(type, "ByteLevel") == 0) {
        const json_t *regex = json_object_get(pre, "use_regex");
        t->prefix_space |= json_is_true(json_object_get(pre, "add_prefix_space"));
        return json_is_false(regex) ? PERCEPT_OK : add_cut(t, pipe_cut_gpt2, type);
    }
    if (strcmp(type, "Digits") == 0)
        return add_cut(t,
                       json_is_true(json_object_get(pre, "individual_digits")) ? pipe_cut_digit
                                                                               : pipe_cut_digits,
                       type);
    if (strcmp(type, "Split") == 0 && strcmp(text_of(pre, "behavior"), "Isolated") == 0) {
        const char *pattern = text_of(json_object_get(pre, "pattern"), "Regex");
        return add_cut(t, pipe_cut_of_pattern(pattern), *pattern ? pattern : type);
    }
    return refuse(t, PERCEPT_UNSUPPORTED, "the pre-tokenizer is of the unknown type", type);
}

static enum percept_status read_cuts(struct pipe_tokenizer *t, const json_t *pre)
{
    if (strcmp(text_of(pre, "type"), "Sequence") != 0)
        return read_cut(t, pre);
    size_t i;
    json_t *part;
    json_array_foreach(json_object_get(pre, "pretokenizers"), i, part)
    {
        enum percept_status status = read_cut(t, part);
        if (status)
            return status;
    }
    return PERCEPT_OK;
}

static enum percept_status read_all(struct pipe_tokenizer *t, const json_t *root)
{
    const json_t *model = json_object_get(root, "model");
    const json_t *normalizer = json_object_get(root, "normalizer");
    const char *type = text_of(model, "type");
    t->vocabulary = json_object_get(model, "vocab");
    /* Older files leave the type out. */
    if ((*type && strcmp(type, "BPE") != 0) || !json_is_object(t->vocabulary))
        return refuse(t, PERCEPT_UNSUPPORTED, "not a BPE tokenizer; its type is", type);
    if (json_is_object(normalizer) && strcmp(text_of(normalizer, "type"), "NFC") != 0)
        return refuse(t, PERCEPT_UNSUPPORTED, "the normalizer is of the unknown type",
                      text_of(normalizer, "type"));
    enum percept_status status = read_vocabulary(t, json_object_get(root, "added_tokens"));
    if (!status && json_is_true(json_object_get(model, "ignore_merges")))
        status = read_whole_words(t);
    if (!status)
        status = read_merges(t, json_object_get(model, "merges"));
    if (!status)
        status = read_cuts(t, json_object_get(root, "pre_tokenizer"));
    return status;
}

/* Takes over the root. */
static enum percept_status open_root(json_t *root, const char *name,
                                     struct pipe_tokenizer **tokenizer, struct percept_error *error)
{
    struct pipe_tokenizer *opened = calloc(1, sizeof *opened);
    if (!opened) {
        json_decref(root);
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    }
    opened->name = name;
    opened->error = error;
    enum percept_status status = read_all(opened, root);
    json_decref(root);
    opened->vocabulary = NULL;
    opened->name = NULL;
    opened->error = NULL;
    if (status)
        pipe_tokenizer_close(opened);
    else
        *tokenizer = opened;
    return status;
}

enum percept_status pipe_tokenizer_open_text(const char *text, size_t size, const char *name,
                                             struct pipe_tokenizer **tokenizer,
                                             struct percept_error *error)
{
    json_error_t where;
    json_t *root = json_loadb(text, size, 0, &where);
    if (!root)
        return percept_fail_at(error, PERCEPT_MALFORMED, name, (unsigned)where.line,
                               (unsigned)where.column, "%s", where.text);
    return open_root(root, name, tokenizer, error);
}

enum percept_status pipe_tokenizer_open(const char *path, const struct signing_keys *keys,
                                        struct pipe_tokenizer **tokenizer,
                                        struct percept_error *error)
{
    void *text;
    size_t size;
    enum percept_status status = signing_read_file(keys, path, MAX_FILE, &text, &size, error);
    if (status != PERCEPT_OK)
        return status;
    status = pipe_tokenizer_open_text(text, size, path, tokenizer, error);
    free(text);
    return status;
}

void pipe_tokenizer_close(struct pipe_tokenizer *tokenizer)
{
    if (!tokenizer)
        return;
    base_arena_reset(&tokenizer->arena);
    free(tokenizer);
}

/* ---- text to tokens ---- */

struct encoding {
    const struct pipe_tokenizer *t;
    uint32_t *tokens; /* room for one a byte, and a space */
    size_t count;
};

/* Merge one piece, whose bytes become symbols at the end of tokens. Quadratic in a piece, which is
 * a word; what is longer than any word is cut. */
static void merge_piece(struct encoding *e, const unsigned char *text, size_t size)
{
    const struct pipe_tokenizer *t = e->t;
    uint32_t *symbols = e->tokens + e->count;
    size_t count = 0;
    if (t->by_text) {
        size_t at = place_of_text(t, (const char *)text, size);
        if (t->by_text[at] != NO_TOKEN) {
            e->tokens[e->count++] = t->by_text[at];
            return;
        }
    }
    for (size_t i = 0; i < size; i++)
        if (t->bytes[text[i]] != NO_TOKEN)
            symbols[count++] = t->bytes[text[i]];
    while (count > 1) {
        const struct merge *best = NULL;
        for (size_t i = 0; i + 1 < count; i++) {
            const struct merge *merge = &t->merges[place_of(t, symbols[i], symbols[i + 1])];
            if (merge->left != NO_TOKEN && (!best || merge->rank < best->rank))
                best = merge;
        }
        if (!best)
            break;
        uint32_t left = best->left, right = best->right;
        size_t to = 0;
        for (size_t i = 0; i < count; i++, to++) {
            bool pair = i + 1 < count && symbols[i] == left && symbols[i + 1] == right;
            symbols[to] = pair ? best->token : symbols[i];
            i += pair;
        }
        count = to;
    }
    e->count += count;
}

/* Cut by one rule after the other, each within the pieces of the one before. */
static void cut_text(struct encoding *e, const unsigned char *text, size_t size, unsigned rule)
{
    if (rule == e->t->cut_count) {
        for (size_t at = 0; at < size; at += LONGEST_PIECE)
            merge_piece(e, text + at, size - at < LONGEST_PIECE ? size - at : LONGEST_PIECE);
        return;
    }
    for (size_t at = 0, end; at < size; at = end) {
        end = e->t->cuts[rule](text, at, size);
        cut_text(e, text + at, end - at, rule + 1);
    }
}

static const struct added *added_at(const struct pipe_tokenizer *t, const char *text, size_t size)
{
    if (!size || !t->starts_added[(unsigned char)*text])
        return NULL;
    for (uint32_t i = 0; i < t->added_count; i++)
        if (t->added[i].size <= size && memcmp(t->added[i].text, text, t->added[i].size) == 0)
            return &t->added[i];
    return NULL;
}

enum percept_status pipe_tokenizer_encode(const struct pipe_tokenizer *tokenizer, const char *text,
                                          size_t size, uint32_t **tokens, size_t *count,
                                          struct percept_error *error)
{
    struct encoding e = {.t = tokenizer};
    char *spaced = malloc(size + 2);
    /* One a byte, and a space before each piece between added tokens: at most one a byte, too. */
    e.tokens = size < SIZE_MAX / 4 ? calloc(2 * size + 2, sizeof *e.tokens) : NULL;
    if (!spaced || !e.tokens) {
        free(spaced);
        free(e.tokens);
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    }
    for (size_t at = 0; at < size;) {
        const struct added *added = added_at(tokenizer, text + at, size - at);
        if (added) {
            e.tokens[e.count++] = added->token;
            at += added->size;
            continue;
        }
        size_t end = at + 1;
        while (end < size && !added_at(tokenizer, text + end, size - end))
            end++;
        size_t space = tokenizer->prefix_space && text[at] != ' ';
        spaced[0] = ' ';
        memcpy(spaced + space, text + at, end - at);
        cut_text(&e, (const unsigned char *)spaced, end - at + space, 0);
        at = end;
    }
    free(spaced);
    *tokens = e.tokens;
    *count = e.count;
    return PERCEPT_OK;
}

/* ---- tokens to text ---- */

uint32_t pipe_tokenizer_size(const struct pipe_tokenizer *tokenizer)
{
    return tokenizer->token_count;
}

uint32_t pipe_tokenizer_find(const struct pipe_tokenizer *tokenizer, const char *text)
{
    for (uint32_t i = 0; i < tokenizer->added_count; i++)
        if (tokenizer->added[i].size == strlen(text) &&
            memcmp(tokenizer->added[i].text, text, tokenizer->added[i].size) == 0)
            return tokenizer->added[i].token;
    return PIPE_NO_TOKEN;
}

const char *pipe_tokenizer_text(const struct pipe_tokenizer *tokenizer, uint32_t token,
                                size_t *size, bool *special)
{
    bool known = token < tokenizer->token_count && tokenizer->tokens[token].text;
    *size = known ? tokenizer->tokens[token].size : 0;
    *special = known && tokenizer->tokens[token].special;
    return known ? tokenizer->tokens[token].text : "";
}
