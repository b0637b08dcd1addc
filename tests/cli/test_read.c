/* Text read aloud: which text of a sample, by which voice, and what is said when that is not
 * possible. Needs no loudspeaker: it is written to files. */
#include "cli/cli.h"
#include "cli/recording.h"
#include "cli/speak.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct percept_text text;
static struct percept_error error;
static char folder[64], wav[96], recording[96];

static void put(uint32_t index, uint32_t id, const char *language, const char *written,
                const char *translation)
{
    struct percept_text_line *line = &text.lines[index];
    line->id = id;
    strcpy(line->language, language);
    strcpy(line->text, written);
    strcpy(line->translation, translation);
    strcpy(line->translation_language, *translation ? "en" : "");
    text.line_count = index + 1;
}

static void set_up(void)
{
    memset(&text, 0, sizeof text);
    put(0, 4, "pt", "saída", "exit");
    put(1, 9, "pt", "aberto", "");
    put(2, 12, "", "???", "");
    strcpy(folder, "/tmp/percept-read.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(wav, sizeof wav, "%s/out.wav", folder);
    snprintf(recording, sizeof recording, "%s/text.mcap", folder);
}

static void tear_down(void)
{
    unlink(wav);
    unlink(recording);
    rmdir(folder);
}

/* Texts with | between, or the message. */
static const char *choose(unsigned long line, bool translation)
{
    static char got[256];
    struct cli_reading readings[PERCEPT_TEXT_LINES_MAX];
    size_t count = 0;
    const struct cli_reading_choice choice = {line, translation};
    got[0] = '\0';
    if (cli_speak_choose(PERCEPT_TEXT_SCHEMA, &text, sizeof text, &choice, readings, &count,
                         &error))
        return error.message;
    for (size_t i = 0; i < count; i++)
        strcat(strcat(got, i ? "|" : ""), readings[i].text);
    return got;
}

START_TEST(lines_are_chosen)
{
    ck_assert_str_eq(choose(0, false), "saída|aberto|???");
    ck_assert_str_eq(choose(9, false), "aberto");
    ck_assert_str_eq(choose(0, true), "exit");
    ck_assert_str_eq(choose(9, true), "it is not translated");
    ck_assert_str_eq(choose(5, false), "there is no line of that number");
    text.line_count = 0;
    ck_assert_str_eq(choose(0, false), "there is no text");
}
END_TEST

START_TEST(a_sample_is_not_trusted)
{
    struct cli_reading readings[PERCEPT_TEXT_LINES_MAX];
    size_t count;
    const struct cli_reading_choice all = {0};
    text.line_count = UINT32_MAX;
    memset(text.lines[1].text, 'x', sizeof text.lines[1].text);
    ck_assert_str_eq(choose(0, false), "saída|???");
    ck_assert_int_eq(
        cli_speak_choose(PERCEPT_TEXT_SCHEMA, &text, sizeof text - 1, &all, readings, &count, NULL),
        PERCEPT_MALFORMED);
    ck_assert_int_eq(
        cli_speak_choose("percept.hands/1", &text, sizeof text, &all, readings, &count, NULL),
        PERCEPT_UNSUPPORTED);
}
END_TEST

START_TEST(a_selected_text_is_one)
{
    struct percept_text_selected selected = {.selected = 1};
    struct cli_reading readings[PERCEPT_TEXT_LINES_MAX];
    size_t count;
    const struct cli_reading_choice all = {0};
    selected.line = text.lines[0];
    ck_assert_int_eq(cli_speak_choose(PERCEPT_TEXT_SELECTED_SCHEMA, &selected, sizeof selected,
                                      &all, readings, &count, NULL),
                     PERCEPT_OK);
    ck_assert_uint_eq(count, 1);
    ck_assert_str_eq(readings[0].language, "pt");
    selected.selected = 0;
    ck_assert_int_eq(cli_speak_choose(PERCEPT_TEXT_SELECTED_SCHEMA, &selected, sizeof selected,
                                      &all, readings, &count, &error),
                     PERCEPT_NOT_FOUND);
    ck_assert_str_eq(error.message, "nothing is selected");
}
END_TEST

static long size_of(const char *path)
{
    FILE *file = fopen(path, "rb");
    char start[12] = "";
    if (!file)
        return -1;
    ck_assert_uint_eq(fread(start, 1, sizeof start, file), sizeof start);
    ck_assert_mem_eq(start, "RIFF", 4);
    ck_assert_mem_eq(start + 8, "WAVE", 4);
    fseek(file, 0, SEEK_END);
    long size = ftell(file);
    fclose(file);
    return size;
}

START_TEST(a_text_becomes_sound)
{
    ck_assert_msg(cli_speak("olá", "pt", wav, &error) == PERCEPT_OK, "%s", error.message);
    long one = size_of(wav);
    ck_assert_int_gt(one, 10000); /* a quarter of a second */
    ck_assert_msg(cli_speak("olá, olá, olá, olá", "pt", wav, &error) == PERCEPT_OK, "%s",
                  error.message);
    ck_assert_int_gt(size_of(wav), 2 * one);
}
END_TEST

START_TEST(what_is_missing_is_named)
{
    ck_assert_int_eq(cli_speak("x", "qq", wav, &error), PERCEPT_NOT_FOUND);
    ck_assert_str_eq(error.message, "espeak-ng has no voice for the language 'qq'");
    ck_assert_int_eq(access(wav, F_OK), -1);
    ck_assert_int_eq(cli_speak("x", "--help", wav, &error), PERCEPT_INVALID);
    ck_assert_int_eq(cli_speak("x", "en", "/nonexistent/x.wav", &error), PERCEPT_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(error.message, "/nonexistent/x.wav"));
    setenv("PERCEPT_ESPEAK", "/nonexistent/espeak", 1);
    ck_assert_int_eq(cli_speak("x", "en", wav, &error), PERCEPT_NOT_FOUND);
    ck_assert_str_eq(error.message,
                     "/nonexistent/espeak is not there; install it to have text read aloud");
    setenv("PERCEPT_ESPEAK", "false", 1);
    ck_assert_int_eq(cli_speak("x", "en", wav, &error), PERCEPT_IO);
    ck_assert_str_eq(error.message, "false ended with 1");
}
END_TEST

static int command(const char *line)
{
    char words[256], *argv[16] = {"read"};
    int argc = 1;
    snprintf(words, sizeof words, "%s --from %s --out %s", line, recording, wav);
    for (char *word = strtok(words, " "); word; word = strtok(NULL, " "))
        argv[argc++] = word;
    return cli_read(argc, argv);
}

START_TEST(a_recording_is_read)
{
    struct recording_writer *writer;
    struct recording_topic topics[RECORDING_TOPICS];
    unsigned topic, count = RECORDING_TOPICS;
    json_t *description = json_loads("{\"name\": \"percept.text/1\", \"size\": 4, \"fields\": "
                                     "[{\"name\": \"x\", \"type\": \"u32\", \"offset\": 0}]}",
                                     0, NULL);
    ck_assert_int_eq(recording_create(recording, &writer, &error), PERCEPT_OK);
    ck_assert_int_eq(
        recording_add_topic(writer, "text", PERCEPT_TEXT_SCHEMA, description, &topic, &error),
        PERCEPT_OK);
    for (uint64_t i = 1; i < 3; i++) {
        const struct percept_sample sample = {.data = &text, .size = sizeof text, .sequence = i};
        ck_assert_int_eq(recording_add(writer, topic, &sample, &error), PERCEPT_OK);
        text.line_count = 0; /* the last sample has nothing to read */
    }
    ck_assert_int_eq(recording_finish(writer, topics, &count, &error), PERCEPT_OK);
    recording_writer_free(writer);
    json_decref(description);
    ck_assert_int_eq(command("--line 9"), CLI_OK);
    ck_assert_int_gt(size_of(wav), 1000);
    ck_assert_int_eq(command("--translation"), CLI_OK);
    ck_assert_int_eq(command(""), CLI_FAILURE); /* several languages, one file */
    ck_assert_int_eq(command("--language en"), CLI_OK);
    ck_assert_int_eq(command("--line 12"), CLI_FAILURE); /* not known which language */
    ck_assert_int_eq(command("--line 77"), CLI_FAILURE);
    ck_assert_int_eq(command("--topic other"), CLI_FAILURE);
    ck_assert_int_eq(command("--bad"), CLI_USAGE);
}
END_TEST

int main(void)
{
    bool spoken = system("espeak-ng --version >/dev/null 2>&1") == 0;
    Suite *suite = suite_create("read");
    TCase *tcase = tcase_create("read");
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, lines_are_chosen);
    tcase_add_test(tcase, a_sample_is_not_trusted);
    tcase_add_test(tcase, a_selected_text_is_one);
    if (spoken) {
        tcase_add_test(tcase, a_text_becomes_sound);
        tcase_add_test(tcase, what_is_missing_is_named);
        tcase_add_test(tcase, a_recording_is_read);
    }
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : spoken ? EXIT_SUCCESS : 77;
}
