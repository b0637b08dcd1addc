/* The zoo's translators in a pipeline: four nets in one arena, both directions in a row, what they
 * say, and that saying it allocates nothing. Skipped (77) where they were not exported. */
#include "allocations.h"
#include "host.h"
#include "pictures.h"
#include "suite.h"

#include "pipelines/node.h"

#include "backends/cpu/cpu.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { FRAMES = 12 };

/* ---- text that nobody read, and who looks at it ---- */

static const struct {
    const char *language, *text, *translation;
} lines[] = {
    {"en", "Where is the train station?", "Onde está a estação de trem?"},
    {"pt", "Como você está hoje?", "How are you today?"},
    {"en", "EXIT", "SAÍDA"},
    {"de", "Ausgang", ""},
    {"en", "   ", ""},
    {"en", "The door is open. Please keep your belongings with you at all times.",
     "A porta está aberta. Por favor, mantenha seus pertences com você em todos os momentos."},
    {"pt", "Não beba a água.", "Do not drink the water."},
};
#define LINES (sizeof lines / sizeof lines[0])

static struct percept_text seen[FRAMES];
static unsigned frames;

struct pipe_node {
    char unused;
};

static enum percept_status create(const struct pipe_node_setup *setup, struct pipe_node **node,
                                  struct percept_error *error)
{
    (void)setup, (void)error;
    *node = calloc(1, sizeof **node);
    return PERCEPT_OK;
}

static void destroy(struct pipe_node *node)
{
    free(node);
}

static enum percept_status write_lines(struct pipe_node *node, const void *const *inputs,
                                       void *const *outputs, struct percept_error *error)
{
    (void)node, (void)inputs, (void)error;
    struct percept_text *text = outputs[0];
    memset(text, 0, sizeof *text);
    text->line_count = LINES;
    for (size_t i = 0; i < LINES; i++) {
        text->lines[i].id = (uint32_t)i + 1;
        strcpy(text->lines[i].language, lines[i].language);
        strcpy(text->lines[i].text, lines[i].text);
    }
    watched = true; /* while the nodes between test_write and test_look run */
    return PERCEPT_OK;
}

static enum percept_status look(struct pipe_node *node, const void *const *inputs,
                                void *const *outputs, struct percept_error *error)
{
    (void)node, (void)error;
    watched = false;
    if (frames < FRAMES)
        memcpy(&seen[frames++], inputs[0], sizeof *seen);
    *(struct percept_hands *)outputs[0] = (struct percept_hands){0};
    return PERCEPT_OK;
}

static const struct pipe_port frame_port[] = {{.name = "frame", .type = PIPE_FRAME}, {0}};
static const struct pipe_port text_port[] = {{.name = "text", .type = PIPE_TEXT}, {0}};
static const struct pipe_port hands_port[] = {{.name = "hands", .type = PIPE_HANDS}, {0}};
static const struct pipe_node_class write_class = {
    .version = PIPE_NODE_VERSION,
    .name = "test_write",
    .inputs = frame_port,
    .outputs = text_port,
    .create = create,
    .process = write_lines,
    .destroy = destroy,
};
static const struct pipe_node_class look_class = {
    .version = PIPE_NODE_VERSION,
    .name = "test_look",
    .inputs = text_port,
    .outputs = hands_port,
    .create = create,
    .process = look,
    .destroy = destroy,
};

/* ---- a pipeline ---- */

static const struct prt_backend *const backends[] = {&prt_cpu_backend, NULL};
static struct host host;
static const char *folder;

static void set_up(void)
{
    pictures_make_folder();
    pictures_write_series(FRAMES);
    host_init(&host);
    host.pipe.backends = backends;
}

static void tear_down(void)
{
    host_fini(&host);
    pictures_remove_folder();
}

static const char *configuration(const char *tokenizer, const char *shortlist, const char *decoder)
{
    static char text[4096];
    size_t used = (size_t)snprintf(text, sizeof text, "version: 1\nmodels:\n");
    static const char *const pairs[] = {"en_pt", "pt_en"}, *const parts[] = {"encoder", "decoder"};
    for (size_t i = 0; i < 4; i++)
        used += (size_t)snprintf(text + used, sizeof text - used,
                                 "  %s_%s: {file: %s/translation_%s_%s.fp32.pte}\n", pairs[i / 2],
                                 parts[i % 2], folder, pairs[i / 2], parts[i % 2]);
    snprintf(
        text + used, sizeof text - used,
        "pipelines:\n  a:\n    source: {type: images, paths: ., rate: 20}\n    when_late: wait\n   "
        " nodes:\n"
        "      - {node: test_write, inputs: {frame: source}}\n"
        "      - {node: translate_text, name: there, from: en, to: pt, encoder: en_pt_encoder, "
        "decoder: %s, tokenizer: %s/original/translation_%s.tokenizer.json, shortlist: "
        "%s/original/%s, inputs: {text: test_write}}\n"
        "      - {node: translate_text, name: back, from: pt, to: en, encoder: pt_en_encoder, "
        "decoder: pt_en_decoder, tokenizer: %s/original/translation_pt_en.tokenizer.json, "
        "shortlist: %s/original/translation_pt_en.shortlist.bin, inputs: {text: there}}\n"
        "      - {node: test_look, inputs: {text: back}}\n    topics: {hands: test_look}\n",
        decoder, folder, tokenizer, folder, shortlist, folder, folder);
    return text;
}

START_TEST(lines_are_translated_a_few_a_frame_without_allocating)
{
    host_start(&host, configuration("en_pt", "translation_en_pt.shortlist.bin", "en_pt_decoder"));
    host_wait_finished(&host, 1, 500);
    ck_assert_uint_ge(frames, 3);
    unsigned before = 0;
    for (unsigned f = 0; f < frames; f++) {
        unsigned translated = 0;
        for (size_t i = 0; i < LINES; i++)
            translated += seen[f].lines[i].translation[0] != '\0';
        ck_assert_uint_ge(translated, before);
        ck_assert_uint_le(translated, before + 4); /* two a node */
        before = translated;
    }
    for (size_t i = 0; i < LINES; i++) {
        ck_assert_str_eq(seen[frames - 1].lines[i].translation, lines[i].translation);
        ck_assert_str_eq(seen[frames - 1].lines[i].text, lines[i].text);
    }
    ck_assert_uint_eq(atomic_load(&allocations), 0);
}
END_TEST

static void refused(const char *yaml, const char *message)
{
    struct percept_error error = {0};
    ck_assert_int_ne(host_try(&host, yaml, &error), PERCEPT_OK);
    ck_assert_msg(strstr(error.message, message), "%s", error.message);
    host_fini(&host);
    host_init(&host);
    host.pipe.backends = backends;
}

START_TEST(what_does_not_belong_together_is_refused)
{
    refused(configuration("en_fr", "translation_en_pt.shortlist.bin", "en_pt_decoder"),
            "translation_en_fr.tokenizer.json");
    refused(configuration("en_pt", "translation_en_pt.bin", "en_pt_decoder"),
            "no lexical shortlist");
    refused(configuration("en_pt", "translation_en_pt.shortlist.bin", "en_pt_encoder"),
            "the decoder is none");
    refused(configuration("en_pt", "translation_en_pt.shortlist.bin", "en_fr_decoder"),
            "en_fr_decoder");
}
END_TEST

int main(void)
{
    char path[4096];
    folder = getenv("PERCEPT_MODELS");
    static const char *const needed[] = {
        "translation_en_pt_decoder.fp32.pte", "translation_pt_en_decoder.fp32.pte",
        "translation_en_pt_encoder.fp32.pte", "translation_pt_en_encoder.fp32.pte",
        "original/translation_pt_en.shortlist.bin"};
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", folder ? folder : "", needed[i]);
        if (access(path, R_OK) != 0) {
            printf("skipped: %s is not there (python -m models export --group translation)\n",
                   path);
            return 77;
        }
    }
    if (pipe_node_register(&write_class, NULL) || pipe_node_register(&look_class, NULL))
        return EXIT_FAILURE;
    Suite *suite = suite_create("translation");
    TCase *tcase = tcase_create("translation");
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, lines_are_translated_a_few_a_frame_without_allocating);
    tcase_add_test(tcase, what_does_not_belong_together_is_refused);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
