/*
 * Speech to text on recordings, by the zoo's nets: the same tokens as CTranslate2 makes with the
 * same weights (`make reference`), stretches of speech, captions whose stable part stays till the
 * end, and no word where nobody speaks.
 */
#include "backends/backends.h"
#include "host.h"
#include "pictures.h"
#include "pipelines/node.h"
#include "sounds.h"
#include "suite.h"
#include "whole.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct host host;
static json_t *records;

#define MODELS                                                                    \
    "version: 1\nmodels:\n"                                                       \
    "  vad: {file: \"${PERCEPT_MODELS}/voice_activity.fp32.pte\"}\n"              \
    "  encoder: {file: \"${PERCEPT_MODELS}/whisper_tiny_en_encoder.fp32.pte\"}\n" \
    "  decoder: {file: \"${PERCEPT_MODELS}/whisper_tiny_en_decoder.fp32.pte\"}\n" \
    "pipelines:\n  a:\n"
#define ORIGINAL "\"${PERCEPT_MODELS}/original/whisper_tiny_en."
#define FILES    "tokenizer: " ORIGINAL "tokenizer.json\", config: " ORIGINAL "config.json\""

static struct pipe_whisper_text said[32]; /* of each file */
static size_t said_count;

static void keep(const struct whole_heard *heard)
{
    ck_assert_uint_lt(said_count, sizeof said / sizeof said[0]);
    said[said_count++] = *heard->text;
}

/* ---- a node that looks after captions ---- */

static struct {
    struct percept_captions last;
    size_t versions, partials, grown;
} seen;

struct pipe_node {
    int unused;
};

static enum percept_status keeper_create(const struct pipe_node_setup *setup,
                                         struct pipe_node **node, struct percept_error *error)
{
    (void)setup, (void)error;
    *node = calloc(1, sizeof **node);
    return PERCEPT_OK;
}

static void keeper_destroy(struct pipe_node *node)
{
    free(node);
}

static const struct percept_caption *find(const struct percept_captions *captions, uint64_t id)
{
    for (uint32_t i = 0; i < captions->caption_count; i++)
        if (captions->captions[i].id == id)
            return &captions->captions[i];
    return NULL;
}

static void check_caption(const struct percept_caption *caption)
{
    const struct percept_caption *before = find(&seen.last, caption->id);
    ck_assert_int_lt(caption->begin_ns, caption->end_ns);
    ck_assert_uint_le(caption->stable_bytes, strlen(caption->text));
    if (caption->final)
        ck_assert_uint_eq(caption->stable_bytes, strlen(caption->text));
    if (!before)
        return;
    ck_assert_int_eq(caption->begin_ns, before->begin_ns);
    if (before->final)
        ck_assert_mem_eq(caption, before, sizeof *before);
    if (caption->final)
        return;
    ck_assert_msg(strncmp(caption->text, before->text, before->stable_bytes) == 0,
                  "stable: '%.*s', then: '%s'", (int)before->stable_bytes, before->text,
                  caption->text);
    ck_assert_uint_ge(caption->stable_bytes, before->stable_bytes);
    seen.grown += caption->stable_bytes > before->stable_bytes && before->stable_bytes;
}

static enum percept_status keeper_process(struct pipe_node *n, const void *const *in,
                                          void *const *out, struct percept_error *error)
{
    const struct percept_captions *captions = in[0];
    (void)n, (void)out, (void)error;
    seen.versions++;
    for (uint32_t i = 0; i < captions->caption_count; i++) {
        const struct percept_caption *caption = &captions->captions[i];
        check_caption(caption);
        if (i)
            ck_assert_uint_gt(caption->id, captions->captions[i - 1].id);
        if (i + 1 < captions->caption_count)
            ck_assert(caption->final);
        seen.partials += !caption->final;
    }
    seen.last = *captions;
    return PERCEPT_END;
}

static const struct pipe_port captions_port[] = {{.name = "captions", .type = PIPE_CAPTIONS}, {0}};
static const struct pipe_port no_port[] = {{0}};
static const struct pipe_node_class keeper_class = {
    .version = PIPE_NODE_VERSION,
    .name = "keeper",
    .summary = "Looks after captions",
    .inputs = captions_port,
    .outputs = no_port,
    .create = keeper_create,
    .process = keeper_process,
    .destroy = keeper_destroy,
};

/* ---- tests ---- */

static void play(const char *source, const char *options)
{
    char yaml[4096];
    snprintf(yaml, sizeof yaml,
             MODELS
             "    source: {type: audio_files, real_time: false, paths: %s}\n"
             "    nodes:\n"
             "      - {node: voice_activity, name: vad, model: vad, inputs: {audio: source}}\n"
             "      - {node: speech_recognizer, name: speech, encoder: encoder, decoder: "
             "decoder, " FILES ", inputs: {audio: source, speech: vad}%s}\n"
             "      - {node: keeper, inputs: {captions: speech}}\n",
             source, options);
    memset(&seen, 0, sizeof seen);
    host_start(&host, yaml);
    host_wait_finished(&host, 1, 500);
    ck_assert_int_eq(host.finished_status, PERCEPT_END);
    ck_assert_uint_eq(host_stats(&host, 0).node_errors, 0);
}

START_TEST(tokens_are_those_of_ctranslate2)
{
    /* Two sentences and two short ones: the rest is bench/captions. */
    static const char *const files[] = {"sense_and_sensibility_01_austen_64kb-0870.wav",
                                        "sense_and_sensibility_01_austen_64kb-0880.wav", "001.wav",
                                        "004.wav"};
    host_start(&host,
               MODELS "    source: {type: audio_files, real_time: false, paths: "
                      "[\"${PERCEPT_MEDIA}/speech/sense_and_sensibility_01_austen_64kb-0870.wav\", "
                      "\"${PERCEPT_MEDIA}/speech/sense_and_sensibility_01_austen_64kb-0880.wav\", "
                      "\"${PERCEPT_MEDIA}/speech/001.wav\", \"${PERCEPT_MEDIA}/speech/004.wav\"]}\n"
                      "    nodes: [{node: whole, encoder: encoder, decoder: decoder, " FILES
                      ", inputs: {audio: source}}]\n");
    host_wait_finished(&host, 1, 500);
    ck_assert_uint_eq(host_stats(&host, 0).node_errors, 0);
    ck_assert_uint_eq(said_count, 4);
    size_t compared = 0, i;
    json_t *record;
    json_array_foreach(records, i, record)
    {
        const char *file = json_string_value(json_object_get(record, "file"));
        const json_t *tokens = json_object_get(record, "tokens");
        for (size_t f = 0; f < 4; f++) {
            if (strcmp(files[f], file) != 0)
                continue;
            compared++;
            ck_assert_uint_eq(said[f].count, json_array_size(tokens));
            for (size_t t = 0; t < said[f].count; t++)
                ck_assert_int_eq(said[f].tokens[t], json_integer_value(json_array_get(tokens, t)));
            double no_speech = json_number_value(json_object_get(record, "no_speech"));
            ck_assert_double_lt(fabs((double)said[f].no_speech - no_speech), 1e-2);
            ck_assert_str_eq(said[f].language, "en");
        }
    }
    ck_assert_uint_eq(compared, 4);
}
END_TEST

START_TEST(captions_grow_and_what_is_stable_stays)
{
    play("[\"${PERCEPT_MEDIA}/speech/sense_and_sensibility_01_austen_64kb-0870.wav\", "
         "\"${PERCEPT_MEDIA}/speech/sense_and_sensibility_01_austen_64kb-0890.wav\"]",
         ", partial_ms: 1500, behind_ms: 0");
    ck_assert_uint_ge(seen.partials, 4);
    ck_assert_uint_ge(seen.grown, 1);
    ck_assert_uint_eq(seen.last.caption_count, 2);
    ck_assert_uint_eq(seen.last.speaking, 0);
    const struct percept_caption *first = &seen.last.captions[0], *second = first + 1;
    ck_assert(first->final && second->final);
    ck_assert_ptr_nonnull(strstr(first->text, "John Dashwood had then leisure to consider"));
    ck_assert_ptr_nonnull(strstr(second->text, "rather selfish"));
    ck_assert_int_le(first->end_ns, second->begin_ns);
    ck_assert_str_eq(first->language, "en");
}
END_TEST

/* ---- where nobody speaks ---- */

static void write_noise(const char *name, float (*at)(size_t i))
{
    static float samples[PIPE_AUDIO_RATE * 8];
    const struct sound silence = {16000, 1, 32, 8, 0, 0};
    sound_write(name, &silence);
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++)
        samples[i] = at(i);
    FILE *file = fopen(name, "r+b");
    ck_assert_ptr_nonnull(file);
    fseek(file, 44, SEEK_SET);
    ck_assert_uint_eq(fwrite(samples, sizeof samples, 1, file), 1);
    ck_assert_int_eq(fclose(file), 0);
}

static float white(size_t i)
{
    uint32_t x = (uint32_t)i * 2654435761u;
    x = (x ^ x >> 15) * 2246822519u;
    x = (x ^ x >> 13) * 3266489917u;
    return ((float)(x >> 8) / (1 << 24) - 0.5f) * 0.4f;
}

static float none(size_t i)
{
    (void)i;
    return 0;
}

static float hum(size_t i)
{
    double t = (double)i / 16000;
    return (float)(0.2 * sin(2 * M_PI * 50 * t) + 0.1 * sin(2 * M_PI * 150 * t) +
                   0.05 * sin(2 * M_PI * 250 * t));
}

static float clicks(size_t i)
{
    size_t since = i % 4000;
    return since < 40 ? 0.9f * (1 - (float)since / 40) * (since % 2 ? 1 : -1) : white(i) * 0.01f;
}

START_TEST(silence_and_noise_give_no_captions)
{
    write_noise("1.wav", none);
    write_noise("2.wav", white);
    write_noise("3.wav", hum);
    write_noise("4.wav", clicks);
    play("['?.wav']", "");
    ck_assert_msg(seen.last.caption_count == 0, "'%s'", seen.last.captions[0].text);
    ck_assert_uint_eq(seen.partials, 0);
}
END_TEST

START_TEST(what_does_not_fit_together_is_said)
{
    static const struct {
        const char *nodes, *says;
    } wrong[] = {
        {"{node: voice_activity, model: encoder, inputs: {audio: source}}",
         "no voice activity net"},
        {"{node: voice_activity, model: vad, threshold: 0.1, inputs: {audio: source}}",
         "hysteresis 0.15 is not below the threshold 0.1"},
        {"{node: voice_activity, name: v, model: vad, inputs: {audio: source}}, {node: "
         "speech_recognizer, encoder: encoder, decoder: decoder, language: pt, " FILES
         ", inputs: {audio: source, speech: v}}",
         "this model knows English only"},
        {"{node: voice_activity, name: v, model: vad, inputs: {audio: source}}, {node: "
         "speech_recognizer, encoder: vad, decoder: decoder, " FILES
         ", inputs: {audio: source, speech: v}}",
         "cross_attention"},
        {"{node: voice_activity, name: v, model: vad, inputs: {audio: source}}, {node: "
         "speech_recognizer, encoder: encoder, decoder: decoder, tokenizer: nowhere.json, inputs: "
         "{audio: source, speech: v}}",
         "nowhere.json"},
    };
    sound_write("a.wav", &(struct sound){16000, 1, 16, 0.1, 440, 0});
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct percept_error error = {0};
        char yaml[4096], text[1024];
        host_init(&host);
        host.pipe.backends = percept_known_backends;
        snprintf(yaml, sizeof yaml,
                 MODELS "    source: {type: audio_files, paths: a.wav}\n    nodes: [%s]\n",
                 wrong[i].nodes);
        ck_assert_int_ne(host_try(&host, yaml, &error), PERCEPT_OK);
        percept_error_format(&error, text, sizeof text);
        ck_assert_msg(strstr(text, wrong[i].says) && strstr(text, "test.yaml:"), "%s", text);
        host_fini(&host);
    }
    host_init(&host);
}
END_TEST

static void setup(void)
{
    pictures_make_folder();
    host_init(&host);
    host.pipe.backends = percept_known_backends;
}

static void teardown(void)
{
    host_fini(&host);
    pictures_remove_folder();
}

/* The records; NULL when something that the tests need was not made. */
static json_t *load(void)
{
    char path[1024];
    const char *models = getenv("PERCEPT_MODELS"), *media = getenv("PERCEPT_MEDIA");
    static const char *const names[] = {"voice_activity", "whisper_tiny_en_encoder",
                                        "whisper_tiny_en_decoder"};
    for (size_t i = 0; models && i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s.fp32.pte", models, names[i]);
        if (access(path, R_OK) != 0)
            return NULL;
    }
    if (!models || !media)
        return NULL;
    snprintf(path, sizeof path, "%s/../reference/speech.json", media);
    json_t *root = json_load_file(path, 0, NULL);
    json_t *found = json_incref(json_object_get(root, "records"));
    json_decref(root);
    return found;
}

int main(void)
{
    records = load();
    if (!records) {
        puts("skipped: run `make reference`");
        return 77;
    }
    (void)whole_register(keep, NULL); /* without them no test passes */
    (void)pipe_node_register(&keeper_class, NULL);
    Suite *suite = suite_create("speech");
    TCase *tests = tcase_create("speech");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 550); /* AVX2 under a sanitizer: minutes */
    tcase_add_test(tests, tokens_are_those_of_ctranslate2);
    tcase_add_test(tests, captions_grow_and_what_is_stable_stays);
    tcase_add_test(tests, silence_and_noise_give_no_captions);
    tcase_add_test(tests, what_does_not_fit_together_is_said);
    suite_add_tcase(suite, tests);
    int result = run_suite(suite);
    json_decref(records);
    return result;
}
