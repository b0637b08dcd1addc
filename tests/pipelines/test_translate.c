/* All that is around an engine that translates: sentences, capitals, what is remembered, and which
 * lines and captions the nodes have translated when. The engine here writes <> around a sentence.
 */
#include "pipelines/charsmap.h"
#include "pipelines/letters.h"
#include "pipelines/node.h"
#include "pipelines/sentences.h"
#include "pipelines/shortlist.h"
#include "pipelines/translation.h"
#include "suite.h"

#include "base/utf8.h"

#include <stdio.h>
#include <string.h>

/* ---- an engine ---- */

static struct {
    unsigned asked, destroyed;
    enum percept_status fails;
    char last[PIPE_SENTENCE_BYTES + 1]; /* sentence */
} engine;

static enum percept_status bracket(void *state, const char *sentence, size_t size, char *to,
                                   size_t room, struct percept_error *error)
{
    (void)state;
    engine.asked++;
    snprintf(engine.last, sizeof engine.last, "%.*s", (int)size, sentence);
    ck_assert_uint_le(size, PIPE_SENTENCE_BYTES);
    if (engine.fails || memchr(sentence, '#', size))
        return percept_fail(error, engine.fails ? engine.fails : PERCEPT_LIMIT, "no");
    while (size > 0 && sentence[size - 1] == ' ')
        size--;
    char made[PIPE_SENTENCE_BYTES + 3];
    int used = snprintf(made, sizeof made, "<%.*s>", (int)size, sentence);
    base_utf8_copy(made, (size_t)used, to, room);
    return PERCEPT_OK;
}

static void count_destroyed(void *state)
{
    (void)state;
    engine.destroyed++;
}

static struct pipe_translator *make(size_t entries, bool capitals)
{
    struct pipe_translator *translator = NULL;
    const struct pipe_translation_engine with = {NULL, bracket, count_destroyed};
    ck_assert_int_eq(pipe_translator_create(&with, entries, capitals, &translator, NULL),
                     PERCEPT_OK);
    return translator;
}

static const char *translate(struct pipe_translator *translator, const char *text)
{
    const char *translation = NULL;
    ck_assert_int_eq(pipe_translator_translate(translator, text, &translation, NULL), PERCEPT_OK);
    return translation;
}

/* ---- sentences ---- */

START_TEST(text_is_cut_where_sentences_end)
{
    static const struct {
        const char *text, *wanted; /* with | at each cut */
    } rows[] = {
        {"One. Two! Three? Four", "One. |Two! |Three? |Four"},
        {"Dr. Silva is here. Good.", "Dr. Silva is here. |Good."},
        {"J. R. Smith came. He left.", "J. R. Smith came. |He left."},
        {"He said \"no.\" Then he left.", "He said \"no.\" |Then he left."},
        {"Wait... what? Yes.", "Wait... what? |Yes."},
        {"Version 2.0 is out. Get it", "Version 2.0 is out. |Get it"},
        {"a line\nanother", "a line\n|another"},
        {"これは本です。あれは？はい", "これは本です。|あれは？|はい"},
        {"É tarde. Às 10 h. Água!", "É tarde. |Às 10 h. |Água!"},
        {"no end", "no end"},
        {"...", "..."},
        {"Vive na Av. Paulista. Gosta.", "Vive na Av. Paulista. |Gosta."},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char got[128] = "";
        size_t size = strlen(rows[i].text);
        for (size_t at = 0, taken; at < size; at += taken) {
            taken = pipe_sentence_next(rows[i].text + at, size - at, 200);
            ck_assert_uint_gt(taken, 0);
            strcat(got, at ? "|" : "");
            strncat(got, rows[i].text + at, taken);
        }
        ck_assert_str_eq(got, rows[i].wanted);
    }
    ck_assert_uint_eq(pipe_sentence_next("", 0, 10), 0);
}
END_TEST

START_TEST(a_long_sentence_is_cut_between_words_or_characters)
{
    ck_assert_uint_eq(pipe_sentence_next("aaa bbb ccc", 11, 9), 8);
    ck_assert_uint_eq(pipe_sentence_next("aaaaaaaaaaa", 11, 9), 9);
    ck_assert_uint_eq(pipe_sentence_next("ééééé", 10, 5), 4);
    ck_assert_uint_eq(pipe_sentence_next("aaaaaaaa. Bbb", 13, 4), 4);
}
END_TEST

START_TEST(capitals_and_small_letters)
{
    char text[] = "SAÍDA, ÀS 10 H: ÑΩЖŁ";
    ck_assert(pipe_letters_are_capitals(text, strlen(text)));
    pipe_letters_lower(text, strlen(text), text);
    ck_assert_str_eq(text, "Saída, às 10 h: ñωжł");
    ck_assert(!pipe_letters_are_capitals(text, strlen(text)));
    pipe_letters_upper(text, strlen(text), text);
    ck_assert_str_eq(text, "SAÍDA, ÀS 10 H: ÑΩЖŁ");
    ck_assert(!pipe_letters_are_capitals("A", 1));
    ck_assert(!pipe_letters_are_capitals("12", 2));
    ck_assert(!pipe_letters_are_capitals("EXIT now", 8));
    for (uint32_t code = 0; code < 0x500; code++) {
        uint32_t lower = pipe_letter_lower(code), upper = pipe_letter_upper(code);
        ck_assert(lower == code || pipe_letter_upper(lower) == code);
        ck_assert(upper == code || pipe_letter_lower(upper) == code);
    }
}
END_TEST

/* Whatever the bytes, a map is refused or walked without leaving it. */
START_TEST(a_map_of_characters_is_not_trusted)
{
    unsigned char bytes[512];
    uint32_t state = 5;
    struct pipe_charsmap map = {0};
    const char *to;
    size_t to_size;
    ck_assert_uint_eq(pipe_charsmap_match(&map, "a", 1, &to, &to_size), 0);
    ck_assert(!pipe_charsmap_open(&map, "\4\0\0\0\0\0\0", 7));
    ck_assert(!pipe_charsmap_open(&map, "\377\377\377\377\0\0\0\0\0", 9));
    ck_assert(!pipe_charsmap_open(&map, "\4\0\0\0\0\0\0\0x", 9)); /* no NUL at the end */
    ck_assert(!pipe_charsmap_open(&map, "\5\0\0\0\0\0\0\0\0\0", 10));
    for (int round = 0; round < 2000; round++) {
        for (size_t i = 0; i < sizeof bytes; i++)
            bytes[i] = (unsigned char)((state = state * 1664525 + 1013904223) >> 24);
        size_t trie = 4 + 4 * ((state >> 8) % 120);
        memcpy(bytes, (unsigned char[]){(unsigned char)trie, (unsigned char)(trie >> 8), 0, 0}, 4);
        bytes[sizeof bytes - 1] = 0;
        if (!pipe_charsmap_open(&map, bytes, sizeof bytes))
            continue;
        for (int i = 0; i < 50; i++) {
            size_t taken = pipe_charsmap_match(&map, (char *)bytes + i, 8, &to, &to_size);
            ck_assert_uint_le(taken, 8);
            ck_assert(!taken ||
                      (to >= (char *)bytes && to + to_size < (char *)bytes + sizeof bytes));
        }
    }
}
END_TEST

/* ---- which tokens can follow ---- */

struct list { /* in Marian's form: a vocabulary of four, of which the first two are common */
    uint64_t header[6], places[5];
    uint32_t tokens[5];
};
static const struct list good = {
    {0xf11a48d5013417f5u, 0, 2, 2, 5, 5}, {0, 0, 2, 4, 5}, {2, 3, 0, 2, 3}};
enum { LIST_BYTES = 8 * 11 + 4 * 5 };

static enum percept_status open_list(struct list list, size_t size, struct pipe_shortlist **found)
{
    unsigned char bytes[LIST_BYTES];
    memcpy(bytes, &list, LIST_BYTES); /* as little-endian as we are */
    return pipe_shortlist_open_bytes(bytes, size, "list", 4, found, NULL);
}

START_TEST(candidates_are_common_tokens_and_those_of_the_sentence)
{
    struct pipe_shortlist *list;
    int64_t candidates[8];
    ck_assert_int_eq(open_list(good, LIST_BYTES, &list), PERCEPT_OK);
    ck_assert_uint_eq(pipe_shortlist_most(list, 0), 2);
    ck_assert_uint_eq(pipe_shortlist_most(list, 1), 4);
    ck_assert_uint_eq(pipe_shortlist_most(list, SIZE_MAX), 4);
    static const struct {
        uint32_t sentence[2];
        size_t count, wanted;
        int64_t last;
    } rows[] = {{{0}, 1, 2, 1}, {{1}, 1, 4, 3}, {{2}, 1, 3, 2}, {{3, 3}, 2, 3, 3}, {{9}, 1, 2, 1}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t count = pipe_shortlist_choose(list, rows[i].sentence, rows[i].count, candidates, 8);
        ck_assert_uint_eq(count, rows[i].wanted);
        ck_assert_int_eq(candidates[0], 0);
        ck_assert_int_eq(candidates[count - 1], rows[i].last);
    }
    ck_assert_uint_eq(pipe_shortlist_choose(list, (uint32_t[]){1}, 1, candidates, 3), 3);
    ck_assert_uint_eq(pipe_shortlist_choose(list, (uint32_t[]){0}, 1, candidates, 8), 2);
    pipe_shortlist_close(list);
}
END_TEST

START_TEST(a_shortlist_is_not_trusted)
{
    struct pipe_shortlist *list;
    for (size_t size = 0; size < LIST_BYTES; size++)
        ck_assert_int_eq(open_list(good, size, &list), PERCEPT_MALFORMED);
    struct list bad[8];
    for (size_t i = 0; i < 8; i++)
        bad[i] = good;
    bad[0].header[0]++;
    bad[1].header[4] = 6; /* another vocabulary */
    bad[2].header[5] = UINT64_MAX / 2;
    bad[3].places[2] = 1000;
    bad[4].places[1] = 3; /* further than the next */
    bad[5].tokens[4] = 4;
    bad[6].header[4] = UINT64_MAX;
    bad[7].header[5] = 4;
    for (size_t i = 0; i < 8; i++)
        ck_assert_int_eq(open_list(bad[i], LIST_BYTES, &list), PERCEPT_MALFORMED);
    ck_assert_int_eq(pipe_shortlist_open("/nonexistent", NULL, 4, &list, NULL), PERCEPT_NOT_FOUND);
    ck_assert_int_eq(pipe_shortlist_open("/", NULL, 4, &list, NULL), PERCEPT_LIMIT);
}
END_TEST

/* ---- what is remembered ---- */

START_TEST(what_was_used_longest_ago_makes_room)
{
    struct pipe_translation_cache *cache = pipe_translation_cache_create(3);
    ck_assert_ptr_null(pipe_translation_cache_get(cache, "a"));
    pipe_translation_cache_put(cache, "a", "1");
    pipe_translation_cache_put(cache, "b", "2");
    pipe_translation_cache_put(cache, "c", "3");
    ck_assert_str_eq(pipe_translation_cache_get(cache, "a"), "1");
    pipe_translation_cache_put(cache, "d", "4");
    ck_assert_ptr_null(pipe_translation_cache_get(cache, "b"));
    ck_assert_str_eq(pipe_translation_cache_get(cache, "a"), "1");
    pipe_translation_cache_put(cache, "a", "5");
    ck_assert_str_eq(pipe_translation_cache_get(cache, "a"), "5");
    ck_assert_str_eq(pipe_translation_cache_get(cache, "c"), "3");
    char text[16], longer[PIPE_TRANSLATION_BYTES + 1];
    for (int i = 0; i < 1000; i++) {
        snprintf(text, sizeof text, "%d", i);
        pipe_translation_cache_put(cache, text, text);
        ck_assert_str_eq(pipe_translation_cache_get(cache, text), text);
    }
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    pipe_translation_cache_put(cache, longer, "6");
    ck_assert_ptr_null(pipe_translation_cache_get(cache, longer));
    ck_assert_str_eq(pipe_translation_cache_get(cache, "999"), "999");
    pipe_translation_cache_destroy(cache);
    ck_assert_ptr_null(pipe_translation_cache_create(0));
}
END_TEST

START_TEST(a_text_is_translated_once)
{
    struct pipe_translator *translator = make(64, false);
    ck_assert_ptr_null(pipe_translator_recall(translator, "One. Two."));
    ck_assert_str_eq(translate(translator, "One. Two."), "<One.> <Two.>");
    ck_assert_uint_eq(engine.asked, 2);
    ck_assert_str_eq(translate(translator, "One. Two."), "<One.> <Two.>");
    ck_assert_str_eq(pipe_translator_recall(translator, "One. Two."), "<One.> <Two.>");
    ck_assert_str_eq(translate(translator, ""), "");
    ck_assert_uint_eq(engine.asked, 2);
    ck_assert_str_eq(translate(translator, "EXIT"), "<EXIT>");
    pipe_translator_destroy(translator);
    ck_assert_uint_eq(engine.destroyed, 1);
}
END_TEST

START_TEST(capitals_are_translated_as_prose)
{
    struct pipe_translator *translator = make(64, true);
    ck_assert_str_eq(translate(translator, "NO EXIT. GO ON."), "<NO EXIT.> <GO ON.>");
    ck_assert_str_eq(engine.last, "Go on.");
    ck_assert_str_eq(translate(translator, "Exit B"), "<Exit B>");
    ck_assert_str_eq(engine.last, "Exit B");
    pipe_translator_destroy(translator);
}
END_TEST

START_TEST(what_cannot_be_translated_has_no_translation_and_is_not_tried_again)
{
    struct pipe_translator *translator = make(64, false);
    const char *translation = "untouched";
    ck_assert_str_eq(translate(translator, "#"), "");
    ck_assert_str_eq(translate(translator, "#"), "");
    ck_assert_uint_eq(engine.asked, 1);
    engine.fails = PERCEPT_IO; /* the engine's own trouble is told, and tried again */
    ck_assert_int_eq(pipe_translator_translate(translator, "x", &translation, NULL), PERCEPT_IO);
    ck_assert_str_eq(translation, "untouched");
    engine.fails = PERCEPT_OK;
    ck_assert_str_eq(translate(translator, "x"), "<x>");
    pipe_translator_destroy(translator);
}
END_TEST

START_TEST(a_translation_that_is_too_long_is_cut)
{
    struct pipe_translator *translator = make(64, false);
    char text[PIPE_TRANSLATION_BYTES];
    for (size_t i = 0; i + 1 < sizeof text; i++)
        text[i] = "a. B"[i % 4];
    text[sizeof text - 1] = '\0';
    ck_assert_uint_lt(strlen(translate(translator, text)), PIPE_TRANSLATION_BYTES);
    pipe_translator_destroy(translator);
}
END_TEST

/* ---- nodes ---- */

enum percept_status __wrap_pipe_translation_create(struct pipe_translation *translation,
                                                   const struct pipe_node_setup *setup,
                                                   const struct pipe_translation_params *pair,
                                                   struct percept_error *error);
enum percept_status __wrap_pipe_translation_create(struct pipe_translation *translation,
                                                   const struct pipe_node_setup *setup,
                                                   const struct pipe_translation_params *pair,
                                                   struct percept_error *error)
{
    (void)setup, (void)error;
    translation->pair = pair;
    translation->translator = make((size_t)pair->cache, pair->capitals);
    return PERCEPT_OK;
}

struct running {
    const struct pipe_node_class *class;
    _Alignas(8) unsigned char params[256];
    struct pipe_node *node;
};

static void *param(struct running *r, const char *name)
{
    for (const struct pipe_param *p = r->class->params; p->name; p++)
        if (strcmp(p->name, name) == 0)
            return r->params + p->offset;
    ck_abort_msg("no parameter %s", name);
    return NULL;
}

static void open_node(struct running *r, const char *class, const char *from, const char *to)
{
    *r = (struct running){.class = pipe_node_class_find(class)};
    for (const struct pipe_param *p = r->class->params; p->name; p++)
        if (p->kind == PIPE_PARAM_INT)
            *(int64_t *)(r->params + p->offset) = (int64_t)p->fallback;
    *(const char **)param(r, "from") = from;
    *(const char **)param(r, "to") = to;
    ck_assert_int_eq(
        r->class->create(&(struct pipe_node_setup){.params = r->params}, &r->node, NULL),
        PERCEPT_OK);
}

static void run_node(struct running *r, const void *in, void *out)
{
    const void *inputs[] = {in};
    void *outputs[] = {out};
    ck_assert_int_eq(r->class->process(r->node, inputs, outputs, NULL), PERCEPT_OK);
}

static struct percept_text in, out;

static void put_line(uint32_t index, const char *language, const char *text)
{
    strcpy(in.lines[index].language, language);
    strcpy(in.lines[index].text, text);
    in.line_count = index + 1 > in.line_count ? index + 1 : in.line_count;
}

START_TEST(lines_in_the_language_are_translated_and_others_left_alone)
{
    struct running r;
    open_node(&r, "translate_text", "en", "pt");
    *(int64_t *)param(&r, "lines") = 64;
    put_line(0, "en", "One");
    put_line(1, "pt", "Dois");
    put_line(2, "", "Three");
    put_line(3, "en-GB", "Four");
    put_line(4, "eng", "Five");
    put_line(5, "en", "");
    put_line(6, "en", "Seven");
    strcpy(in.lines[6].translation_language, "fr"); /* by a node before */
    strcpy(in.lines[6].translation, "Sept");
    in.action_count = 3;
    run_node(&r, &in, &out);
    static const char *const wanted[] = {"<One>", "", "", "<Four>", "", "", "Sept"};
    for (size_t i = 0; i < 7; i++) {
        ck_assert_str_eq(out.lines[i].translation, wanted[i]);
        ck_assert_str_eq(out.lines[i].translation_language, i == 6 ? "fr" : *wanted[i] ? "pt" : "");
        ck_assert_str_eq(out.lines[i].text, in.lines[i].text);
    }
    ck_assert_uint_eq(out.action_count, 3);
    *(bool *)param(&r, "unknown") = true;
    run_node(&r, &in, &out);
    ck_assert_str_eq(out.lines[2].translation, "<Three>");
    r.class->destroy(r.node);
}
END_TEST

START_TEST(a_frame_translates_so_many_new_lines)
{
    struct running r;
    open_node(&r, "translate_text", "en", "pt");
    char text[16];
    for (uint32_t i = 0; i < 5; i++) {
        snprintf(text, sizeof text, "line %u", i);
        put_line(i, "en", text);
    }
    for (unsigned frame = 1; frame <= 4; frame++) {
        run_node(&r, &in, &out);
        unsigned translated = 0;
        for (uint32_t i = 0; i < 5; i++)
            translated += out.lines[i].translation[0] != '\0';
        ck_assert_uint_eq(translated, 2 * frame < 5 ? 2 * frame : 5);
        ck_assert_uint_eq(engine.asked, translated);
    }
    r.class->destroy(r.node);
}
END_TEST

START_TEST(a_long_translation_fits_its_line)
{
    struct running r;
    open_node(&r, "translate_text", "en", "pt");
    char text[PERCEPT_LINE_BYTES];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    put_line(0, "en", text);
    run_node(&r, &in, &out);
    ck_assert_uint_eq(strlen(out.lines[0].translation), PERCEPT_LINE_BYTES - 1);
    r.class->destroy(r.node);
}
END_TEST

static struct percept_captions said, shown;

static struct percept_caption *say(uint32_t index, const char *language, const char *text)
{
    struct percept_caption *caption = &said.captions[index];
    *caption = (struct percept_caption){.id = index + 1, .final = 1};
    strcpy(caption->language, language);
    strcpy(caption->text, text);
    said.caption_count = index + 1;
    return caption;
}

START_TEST(final_captions_are_translated_the_newest_first)
{
    struct running r;
    open_node(&r, "translate_captions", "en", "pt");
    say(0, "en", "One.");
    say(1, "pt", "Dois.");
    say(2, "en", "Three.");
    say(3, "en", "Four and")->final = 0;
    run_node(&r, &said, &shown);
    ck_assert_str_eq(shown.captions[0].translation, "");
    ck_assert_str_eq(shown.captions[1].translation, "");
    ck_assert_str_eq(shown.captions[2].translation, "<Three.>");
    ck_assert_str_eq(shown.captions[2].translation_language, "pt");
    ck_assert_str_eq(shown.captions[3].translation, "");
    run_node(&r, &said, &shown);
    ck_assert_str_eq(shown.captions[0].translation, "<One.>");
    ck_assert_str_eq(shown.captions[2].translation, "<Three.>");
    ck_assert_uint_eq(engine.asked, 2);
    r.class->destroy(r.node);
}
END_TEST

START_TEST(of_a_partial_caption_whole_words_that_are_stable)
{
    struct running r;
    open_node(&r, "translate_captions", "en", "pt");
    *(bool *)param(&r, "partials") = true;
    struct percept_caption *caption = say(0, "en", "we are going home");
    static const struct {
        uint32_t stable;
        const char *wanted;
    } rows[] = {{0, ""},
                {1, ""},
                {2, "<we>"},
                {5, "<we>"},
                {6, "<we are>"},
                {14, "<we are going>"},
                {17, "<we are going home>"},
                {400, "<we are going home>"}};
    caption->final = 0;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        caption->stable_bytes = rows[i].stable;
        run_node(&r, &said, &shown);
        ck_assert_str_eq(shown.captions[0].translation, rows[i].wanted);
    }
    r.class->destroy(r.node);
}
END_TEST

START_TEST(a_conversation_goes_both_ways)
{
    struct running there, back;
    open_node(&there, "translate_captions", "en", "pt");
    open_node(&back, "translate_captions", "pt", "en");
    *(int64_t *)param(&there, "side") = 0;
    *(int64_t *)param(&back, "side") = 1;
    *(bool *)param(&back, "unknown") = true;
    *(int64_t *)param(&there, "captions") = *(int64_t *)param(&back, "captions") = 8;
    say(0, "en", "Hello.");
    say(1, "pt", "Bom dia.");
    say(2, "", "Sim.")->side = 1;
    say(3, "", "Hm.")->side = 0;
    static struct percept_captions between;
    run_node(&there, &said, &between);
    run_node(&back, &between, &shown);
    static const char *const translations[] = {"<Hello.>", "<Bom dia.>", "<Sim.>", ""};
    static const char *const languages[] = {"pt", "en", "en", ""};
    static const uint32_t sides[] = {0, 1, 1, 0};
    for (size_t i = 0; i < 4; i++) {
        ck_assert_str_eq(shown.captions[i].translation, translations[i]);
        ck_assert_str_eq(shown.captions[i].translation_language, languages[i]);
        ck_assert_uint_eq(shown.captions[i].side, sides[i]);
    }
    there.class->destroy(there.node);
    back.class->destroy(back.node);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("translate");
    TCase *parts = tcase_create("parts"), *nodes = tcase_create("nodes");
    TCase *const all[] = {parts, nodes};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        tcase_set_timeout(all[i], 100); /* a sanitizer on a busy machine */
    tcase_add_test(parts, text_is_cut_where_sentences_end);
    tcase_add_test(parts, a_long_sentence_is_cut_between_words_or_characters);
    tcase_add_test(parts, capitals_and_small_letters);
    tcase_add_test(parts, a_map_of_characters_is_not_trusted);
    tcase_add_test(parts, candidates_are_common_tokens_and_those_of_the_sentence);
    tcase_add_test(parts, a_shortlist_is_not_trusted);
    tcase_add_test(parts, what_was_used_longest_ago_makes_room);
    tcase_add_test(parts, a_text_is_translated_once);
    tcase_add_test(parts, capitals_are_translated_as_prose);
    tcase_add_test(parts, what_cannot_be_translated_has_no_translation_and_is_not_tried_again);
    tcase_add_test(parts, a_translation_that_is_too_long_is_cut);
    tcase_add_test(nodes, lines_in_the_language_are_translated_and_others_left_alone);
    tcase_add_test(nodes, a_frame_translates_so_many_new_lines);
    tcase_add_test(nodes, a_long_translation_fits_its_line);
    tcase_add_test(nodes, final_captions_are_translated_the_newest_first);
    tcase_add_test(nodes, of_a_partial_caption_whole_words_that_are_stable);
    tcase_add_test(nodes, a_conversation_goes_both_ways);
    suite_add_tcase(suite, parts);
    suite_add_tcase(suite, nodes);
    return run_suite(suite);
}
