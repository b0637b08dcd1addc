/* Apertium's process, whatever becomes of it; stand-ins are shell scripts that do what a broken one
 * would. The real one, where Debian's packages apertium and apertium-eng-spa are. */
#include "base/child.h"
#include "base/clock.h"
#include "pipelines/apertium.h"
#include "pipelines/translation.h"
#include "suite.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char folder[64], tool[96];

/* A script that has each text in $text; `does` answers it. Each start is a line of `starts`. */
static void install(const char *does)
{
    char path[96];
    strcpy(folder, "/tmp/percept-apertium-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(tool, sizeof tool, "%s/tool", folder);
    FILE *file = fopen(tool, "w");
    ck_assert_ptr_nonnull(file);
    fprintf(file,
            "#!/bin/bash\nif [ \"$1\" = -z ]; then echo \"exec $0 \\$1 \\$2\"; exit; fi\n"
            "echo \"start $*\" >>%s/starts\n"
            "while IFS= read -r -d '' text; do text=${text%%'[]'}\n%s\ndone\n",
            folder, does);
    ck_assert_int_eq(fchmod(fileno(file), 0755), 0);
    ck_assert_int_eq(fclose(file), 0);
    snprintf(path, sizeof path, "%s/modes", folder);
    ck_assert_int_eq(mkdir(path, 0755), 0);
    snprintf(path, sizeof path, "%s/modes/eng-spa.mode", folder);
    file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fclose(file), 0);
}

static unsigned starts(void)
{
    char path[96], line[128];
    unsigned count = 0;
    snprintf(path, sizeof path, "%s/starts", folder);
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof line, file)) {
        ck_assert_str_eq(line, "start -n\n");
        count++;
    }
    if (file)
        fclose(file);
    return count;
}

static void remove_all(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    if (folder[0])
        ck_assert_int_eq(system(command), 0);
    folder[0] = '\0';
}

static struct pipe_translation_engine open_engine(int64_t deadline_ms)
{
    struct pipe_translation_engine engine;
    struct percept_error error = {0};
    const struct pipe_apertium how = {.tool = tool,
                                      .folder = folder,
                                      .start_ns = deadline_ms * BASE_NS_PER_MS,
                                      .deadline_ns = deadline_ms * BASE_NS_PER_MS,
                                      .backoff_ns = BASE_NS_PER_MS};
    enum percept_status status = pipe_engine_apertium("eng-spa", &how, &engine, &error);
    ck_assert_msg(status == PERCEPT_OK, "%s", error.message);
    return engine;
}

/* After it is closed, no child is left. */
static void close_engine(struct pipe_translation_engine *engine)
{
    engine->destroy(engine->state);
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
    ck_assert_int_eq(errno, ECHILD);
}

static enum percept_status ask_once(const struct pipe_translation_engine *engine, const char *text,
                                    char to[PIPE_TRANSLATION_BYTES])
{
    return engine->translate(engine->state, text, strlen(text), to, PIPE_TRANSLATION_BYTES, NULL);
}

/* As frames do, again and again. */
static enum percept_status ask(const struct pipe_translation_engine *engine, const char *text,
                               char to[PIPE_TRANSLATION_BYTES])
{
    enum percept_status status;
    while ((status = ask_once(engine, text, to)) == PERCEPT_BUSY)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    return status;
}

static void says(const struct pipe_translation_engine *engine, const char *text, const char *wanted)
{
    char to[PIPE_TRANSLATION_BYTES] = "untouched";
    ck_assert_int_eq(ask(engine, text, to), PERCEPT_OK);
    ck_assert_str_eq(to, wanted);
}

static void refuses(const struct pipe_translation_engine *engine, const char *text)
{
    char to[PIPE_TRANSLATION_BYTES] = "untouched";
    ck_assert_int_eq(ask(engine, text, to), PERCEPT_LIMIT);
    ck_assert_str_eq(to, "untouched");
}

/* ---- what is not there ---- */

static void fails(const char *mode, const struct pipe_apertium *how, enum percept_status wanted,
                  const char *message)
{
    struct pipe_translation_engine engine;
    struct percept_error error = {0};
    ck_assert_int_eq(pipe_engine_apertium(mode, how, &engine, &error), wanted);
    ck_assert_str_eq(error.message, message);
}

START_TEST(what_is_missing_is_named_with_its_package)
{
    char message[256];
    install("");
    const struct pipe_apertium none = {.tool = "/nonexistent/tool", .folder = folder};
    fails("eng-spa", &none, PERCEPT_NOT_FOUND,
          "apertium: there is no '/nonexistent/tool'; Debian has it in the package apertium");
    const struct pipe_apertium here = {.tool = tool, .folder = folder};
    snprintf(message, sizeof message,
             "apertium: there is no '%s/modes/cat-eng_US.mode'; Debian has it in the package "
             "apertium-cat-eng or apertium-eng-cat",
             folder);
    fails("cat-eng_US", &here, PERCEPT_NOT_FOUND, message);
    remove_all();
}
END_TEST

START_TEST(what_is_no_mode_is_not_run)
{
    static const char *const bad[] = {"",         "eng",        "-d-/tmp",     "../../etc-x",
                                      "eng-spa ", "eng-spa;id", "eng-\xc3\xa9"};
    char message[128];
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        snprintf(message, sizeof message, "apertium: '%s' is no mode of Apertium such as eng-spa",
                 bad[i]);
        fails(bad[i], &(struct pipe_apertium){0}, PERCEPT_INVALID, message);
    }
}
END_TEST

static enum percept_status no_model(struct pipe_node_host *host, const char *name,
                                    struct pipe_model **model, struct percept_error *error)
{
    (void)host, (void)name, (void)model;
    return percept_fail(error, PERCEPT_NOT_FOUND, "no model");
}

START_TEST(a_pair_has_one_engine)
{
    static const struct {
        struct pipe_translation_params pair;
        const char *message;
    } rows[] = {
        {{.from = "en", .to = "es"}, "'encoder' is missing; or a mode of Apertium, as 'apertium'"},
        {{.from = "en", .to = "es", .encoder = "e", .decoder = "d", .shortlist = "s"},
         "'tokenizer' is missing; or a mode of Apertium, as 'apertium'"},
        {{.from = "en", .to = "es", .apertium = "eng-spa", .tokenizer = "t"},
         "either apertium or tokenizer"},
        {{.from = "en",
          .to = "es",
          .encoder = "e",
          .decoder = "d",
          .shortlist = "s",
          .tokenizer = "t"},
         "no model"},
        {{.from = "en", .to = "es", .apertium = "spanish"},
         "apertium: 'spanish' is no mode of Apertium such as eng-spa"},
    };
    const struct pipe_node_setup setup = {.open_model = no_model};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct pipe_translation translation = {0};
        struct percept_error error = {0};
        ck_assert_int_ne(pipe_translation_create(&translation, &setup, &rows[i].pair, &error),
                         PERCEPT_OK);
        ck_assert_str_eq(error.message, rows[i].message);
        pipe_translation_destroy(&translation);
    }
}
END_TEST

/* ---- a process and its texts ---- */

#define ANSWER "printf '<%s>\\0' \"$text\""

START_TEST(one_process_translates_all_texts)
{
    char text[32], wanted[40];
    install(ANSWER);
    struct pipe_translation_engine engine = open_engine(60000);
    for (int i = 0; i < 200; i++) {
        snprintf(text, sizeof text, "text %d", i);
        snprintf(wanted, sizeof wanted, "<text %d>", i);
        says(&engine, text, wanted);
    }
    says(&engine, "", "<>");
    ck_assert_uint_eq(starts(), 1);
    close_engine(&engine);
    remove_all();
}
END_TEST

/* The texts of a crowded frame, and more than there is room for, all at once. */
START_TEST(of_many_texts_each_is_translated)
{
    enum { COUNT = 100 };
    char text[16], wanted[24], to[PIPE_TRANSLATION_BYTES];
    bool is_done[COUNT] = {false};
    int left = COUNT;
    install(ANSWER);
    struct pipe_translation_engine engine = open_engine(60000);
    while (left > 0) {
        for (int i = 0; i < COUNT; i++) {
            snprintf(text, sizeof text, "text %d", i);
            snprintf(wanted, sizeof wanted, "<text %d>", i);
            if (is_done[i] || ask_once(&engine, text, to) == PERCEPT_BUSY)
                continue;
            ck_assert_str_eq(to, wanted);
            is_done[i] = true;
            left--;
        }
    }
    close_engine(&engine);
    remove_all();
}
END_TEST

/* Commands of the stream format are no business of a text. */
START_TEST(a_text_cannot_give_commands)
{
    install("printf '%s' \"$text\" >" /* what it was given */
            "\"$(dirname \"$0\")/last\"; printf '%s\\0' \"$text\"");
    struct pipe_translation_engine engine = open_engine(60000);
    char path[96], got[128] = "";
    const char *text = "a[b]{c}^d$e/f\\g@h<i>\nj*k";
    says(&engine, text, "a[b]{c}^d$e/f\\g@h<i> j*k");
    snprintf(path, sizeof path, "%s/last", folder);
    FILE *file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    ck_assert_ptr_nonnull(fgets(got, sizeof got, file));
    fclose(file);
    ck_assert_str_eq(got, "a\\[b\\]\\{c\\}\\^d\\$e\\/f\\\\g\\@h\\<i\\> j*k");
    close_engine(&engine);
    remove_all();
}
END_TEST

START_TEST(an_answer_is_cut_to_its_room_and_made_valid)
{
    char to[8];
    install("printf 'abc\\xff\\xc3\\xa9\\xc3\\xa9\\0'");
    struct pipe_translation_engine engine = open_engine(60000);
    enum percept_status status;
    while ((status = engine.translate(engine.state, "x", 1, to, sizeof to, NULL)) == PERCEPT_BUSY)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    ck_assert_int_eq(status, PERCEPT_OK);
    ck_assert_str_eq(to, "abc\xef\xbf\xbd");
    close_engine(&engine);
    remove_all();
}
END_TEST

/* ---- what becomes of it ---- */

START_TEST(one_that_ends_is_replaced)
{
    char text[16], wanted[24];
    install(ANSWER "; exit 1");
    struct pipe_translation_engine engine = open_engine(60000);
    for (int i = 0; i < 5; i++) {
        snprintf(text, sizeof text, "text %d", i);
        snprintf(wanted, sizeof wanted, "<text %d>", i);
        says(&engine, text, wanted);
    }
    ck_assert_uint_ge(starts(), 5);
    close_engine(&engine);
    remove_all();
}
END_TEST

static const char *const troubles[] = {
    "exit 1",                               /* it dies of it */
    "sleep 1000",                           /* it never answers */
    "printf 'one\\0two\\0'",                /* more than one answer */
    "head -c 100000 /dev/zero | tr '\\0' x" /* one without an end */
};

START_TEST(a_text_that_costs_two_processes_is_refused_and_others_go_on)
{
    char does[256];
    snprintf(does, sizeof does, "[ \"$text\" = bad ] && { %s; continue; }\n%s", troubles[_i],
             ANSWER);
    install(does);
    struct pipe_translation_engine engine = open_engine(_i == 1 ? 4000 : 60000);
    refuses(&engine, "bad");
    unsigned lost = starts();
    ck_assert_uint_eq(lost, 2);
    refuses(&engine, "bad"); /* not tried again */
    ck_assert_uint_eq(starts(), lost);
    says(&engine, "good", "<good>");
    close_engine(&engine);
    remove_all();
}
END_TEST

START_TEST(the_end_does_not_wait_for_an_answer)
{
    char to[PIPE_TRANSLATION_BYTES];
    install("sleep 1000");
    struct pipe_translation_engine engine = open_engine(1000000);
    ck_assert_int_eq(ask_once(&engine, "text", to), PERCEPT_BUSY);
    while (starts() == 0)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    close_engine(&engine);
    remove_all();
}
END_TEST

/* ---- the real one ---- */

static bool is_installed(void)
{
    return access("/usr/bin/apertium", X_OK) == 0 &&
           access("/usr/share/apertium/modes/eng-spa.mode", R_OK) == 0;
}

static struct pipe_translator *open_real(void)
{
    struct pipe_translation_engine engine;
    struct pipe_translator *translator;
    struct percept_error error = {0};
    const struct pipe_apertium how = {.start_ns = 60 * BASE_NS_PER_S,
                                      .deadline_ns = 60 * BASE_NS_PER_S};
    enum percept_status status = pipe_engine_apertium("eng-spa", &how, &engine, &error);
    ck_assert_msg(status == PERCEPT_OK, "%s", error.message);
    ck_assert_int_eq(pipe_translator_create(&engine, 64, true, &translator, &error), PERCEPT_OK);
    return translator;
}

START_TEST(apertium_translates)
{
    static const struct {
        const char *text, *wanted;
    } rows[] = {
        {"The red house is closed on Sundays.", "La casa roja está cerrada los domingos."},
        {"No smoking", "No fumar"},
        {"NO SMOKING", "NO FUMAR"},
        {"Good morning. The dogs eat.", "Buenos días. Los perros comen."},
        {"a blorptastic house", "Un blorptastic casa"}, /* no mark at what it does not know */
        {"5 * [red] <houses>", "5 * [rojo] <casas>"},
    };
    struct pipe_translator *translator = open_real();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *translation = NULL;
        enum percept_status status;
        while ((status = pipe_translator_translate(translator, rows[i].text, &translation, NULL)) ==
               PERCEPT_BUSY)
            nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        ck_assert_int_eq(status, PERCEPT_OK);
        ck_assert_str_eq(translation, rows[i].wanted);
        ck_assert_ptr_nonnull(pipe_translator_recall(translator, rows[i].text));
    }
    pipe_translator_destroy(translator);
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
}
END_TEST

int main(void)
{
    TCase *missing = tcase_create("missing"), *texts = tcase_create("texts"),
          *trouble = tcase_create("trouble"), *real = tcase_create("real");
    Suite *suite = suite_create("apertium");
    tcase_add_test(missing, what_is_missing_is_named_with_its_package);
    tcase_add_test(missing, what_is_no_mode_is_not_run);
    tcase_add_test(missing, a_pair_has_one_engine);
    tcase_add_test(texts, one_process_translates_all_texts);
    tcase_add_test(texts, of_many_texts_each_is_translated);
    tcase_add_test(texts, a_text_cannot_give_commands);
    tcase_add_test(texts, an_answer_is_cut_to_its_room_and_made_valid);
    tcase_add_test(trouble, one_that_ends_is_replaced);
    tcase_add_loop_test(trouble, a_text_that_costs_two_processes_is_refused_and_others_go_on, 0,
                        sizeof troubles / sizeof troubles[0]);
    tcase_add_test(trouble, the_end_does_not_wait_for_an_answer);
    if (is_installed())
        tcase_add_test(real, apertium_translates);
    else
        puts("apertium and apertium-eng-spa are not installed: left out");
    TCase *const cases[] = {missing, texts, trouble, real};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tcase_set_timeout(cases[i], 100);
        suite_add_tcase(suite, cases[i]);
    }
    return run_suite(suite);
}
