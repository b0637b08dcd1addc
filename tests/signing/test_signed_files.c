/* What nodes read beside models: each kind of file is refused when nobody signed it, and when it
 * was altered, before anything in it counts. */
#include "pipelines/calibration.h"
#include "pipelines/shortlist.h"
#include "pipelines/text_keys.h"
#include "pipelines/tokenizer.h"
#include "pipelines/unigram.h"
#include "signing/signing.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64], path[128], secret_text[SIGNING_MAX_TEXT];
static struct signing_keys *keys;
static struct percept_error error;

static void put(const char *name, const char *text)
{
    char file[128];
    snprintf(file, sizeof file, "%s/%s", folder, name);
    FILE *stream = fopen(file, "w");
    ck_assert_ptr_nonnull(stream);
    ck_assert_int_ge(fputs(text, stream), 0);
    ck_assert_int_eq(fclose(stream), 0);
    ck_assert_int_eq(chmod(file, 0644), 0);
}

static void sign(void)
{
    struct signing_secret secret;
    uint8_t hash[SIGNING_HASH_BYTES];
    char text[SIGNING_MAX_TEXT];
    ck_assert_int_eq(signing_secret_parse(secret_text, strlen(secret_text), NULL, &secret, &error),
                     0);
    ck_assert_int_eq(signing_hash_file(path, hash, &error), 0);
    ck_assert_int_eq(signing_sign(&secret, hash, "file", 1, text, &error), 0);
    put("file" SIGNING_SUFFIX, text);
}

static void setup(void)
{
    char public[SIGNING_MAX_TEXT];
    strcpy(folder, "/tmp/signed-files-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/file", folder);
    ck_assert_int_eq(signing_make_keys(NULL, public, secret_text, &error), PERCEPT_OK);
    put("ours.pub", public);
    ck_assert_int_eq(signing_keys_open(folder, &keys, &error), PERCEPT_OK);
}

static void teardown(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    signing_keys_close(keys);
    ck_assert_int_eq(system(command), 0);
}

static enum percept_status read_bytes(void)
{
    void *bytes;
    size_t size;
    enum percept_status status = signing_read_file(keys, path, 1 << 20, &bytes, &size, &error);
    if (status == PERCEPT_OK)
        free(bytes);
    return status;
}

static enum percept_status read_characters(void)
{
    struct pipe_text_keys *characters = NULL;
    enum percept_status status = pipe_text_keys_load(path, keys, &characters, &error);
    pipe_text_keys_destroy(characters);
    return status;
}

static enum percept_status read_tokenizer(void)
{
    struct pipe_tokenizer *tokenizer = NULL;
    return pipe_tokenizer_open(path, keys, &tokenizer, &error);
}

static enum percept_status read_unigram(void)
{
    struct pipe_unigram *unigram = NULL;
    return pipe_unigram_open(path, keys, &unigram, &error);
}

static enum percept_status read_shortlist(void)
{
    struct pipe_shortlist *shortlist = NULL;
    return pipe_shortlist_open(path, keys, 4, &shortlist, &error);
}

static enum percept_status read_calibration(void)
{
    struct pipe_text item = {.text = path};
    const struct pipe_texts files = {.items = &item, .count = 1};
    struct calibration calibration;
    return calibration_read(&files, keys, &calibration, &error);
}

static const struct {
    enum percept_status (*read)(void);
    enum percept_status then; /* of a file with an x in it that is trusted */
} kinds[] = {
    {read_bytes, PERCEPT_OK},
    {read_characters, PERCEPT_OK},
    {read_tokenizer, PERCEPT_MALFORMED},
    {read_unigram, PERCEPT_MALFORMED},
    {read_shortlist, PERCEPT_MALFORMED},
    {read_calibration, PERCEPT_MALFORMED},
};

static void expect_refused(enum percept_status status, const char *part)
{
    ck_assert_int_eq(status, PERCEPT_PERMISSION);
    ck_assert_msg(strstr(error.message, part) != NULL, "'%s' has no '%s'", error.message, part);
    ck_assert_str_eq(error.file, path);
}

START_TEST(a_file_has_to_be_signed)
{
    put("file", "x");
    expect_refused(kinds[_i].read(), "it is not signed");
    sign();
    ck_assert_int_eq(kinds[_i].read(), kinds[_i].then);
    put("file", "y");
    expect_refused(kinds[_i].read(), "it was altered");
}
END_TEST

START_TEST(what_was_signed_is_what_is_read)
{
    void *bytes = NULL;
    size_t size = 0;
    put("file", "contents");
    sign();
    ck_assert_int_eq(signing_read_file(keys, path, 8, &bytes, &size, &error), PERCEPT_OK);
    ck_assert_uint_eq(size, 8);
    ck_assert_mem_eq(bytes, "contents", 8);
    free(bytes);
    ck_assert_int_eq(signing_read_file(keys, path, 7, &bytes, &size, &error), PERCEPT_LIMIT);
    ck_assert_int_eq(signing_read_file(NULL, path, 7, &bytes, &size, &error), PERCEPT_LIMIT);
    unlink(path);
    ck_assert_int_eq(signing_read_file(keys, path, 8, &bytes, &size, &error), PERCEPT_NOT_FOUND);
}
END_TEST

int main(void)
{
    TCase *files = tcase_create("files");
    Suite *suite = suite_create("signed_files");
    tcase_add_checked_fixture(files, setup, teardown);
    tcase_add_loop_test(files, a_file_has_to_be_signed, 0, sizeof kinds / sizeof kinds[0]);
    tcase_add_test(files, what_was_signed_is_what_is_read);
    tcase_set_timeout(files, 100);
    suite_add_tcase(suite, files);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
