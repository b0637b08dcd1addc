/* A signature is good for one file of one content and one name, by a key that is trusted; anything
 * else is refused, with what is wrong. */
#include "signing/signing.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64], path[128], secret_text[SIGNING_MAX_TEXT];
static struct percept_error error;

static void put(const char *name, const char *text, size_t size)
{
    char file[128];
    snprintf(file, sizeof file, "%s/%s", folder, name);
    FILE *stream = fopen(file, "w");
    ck_assert_uint_eq(fwrite(text, 1, size, stream), size);
    ck_assert_int_eq(fclose(stream), 0);
    ck_assert_int_eq(chmod(file, 0644), 0);
}

static void put_text(const char *name, const char *text)
{
    put(name, text, strlen(text));
}

static void sign(const char *contents, const char *name)
{
    struct signing_secret secret;
    uint8_t hash[SIGNING_HASH_BYTES];
    char text[SIGNING_MAX_TEXT];
    put_text("model.pte", contents);
    ck_assert_int_eq(signing_secret_parse(secret_text, strlen(secret_text), NULL, &secret, &error),
                     0);
    ck_assert_int_eq(signing_hash_file(path, hash, &error), 0);
    ck_assert_int_eq(signing_sign(&secret, hash, name, 1, text, &error), 0);
    put_text("model.pte" SIGNING_SUFFIX, text);
}

static void setup(void)
{
    char public[SIGNING_MAX_TEXT];
    strcpy(folder, "/tmp/signing-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/model.pte", folder);
    error = (struct percept_error){0};
    ck_assert_int_eq(signing_make_keys(NULL, public, secret_text, &error), PERCEPT_OK);
    put_text("ours.pub", public);
    sign("contents", "model.pte");
}

static void teardown(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    ck_assert_int_eq(system(command), 0);
}

static struct signing_keys *keys(void)
{
    struct signing_keys *opened = NULL;
    ck_assert_msg(signing_keys_open(folder, &opened, &error) == PERCEPT_OK, "%s", error.message);
    return opened;
}

/* NULL when the file is good; else what is wrong. */
static const char *refusal(void)
{
    struct signing_keys *opened = keys();
    int file = -1;
    enum percept_status status = signing_open(opened, path, &file, NULL, &error);
    signing_keys_close(opened);
    if (status == PERCEPT_OK)
        close(file);
    else
        ck_assert_int_eq(status, PERCEPT_PERMISSION);
    return status == PERCEPT_OK ? NULL : error.message;
}

static void expect_refused(const char *part)
{
    const char *why = refusal();
    ck_assert_msg(why && strstr(why, part), "'%s' has no '%s'", why ? why : "accepted", part);
    ck_assert(strstr(error.file, "model.pte") != NULL);
}

START_TEST(what_was_checked_is_what_is_read)
{
    const struct signing_key *by = NULL;
    struct signing_keys *opened = keys();
    char bytes[16] = "";
    int file;
    ck_assert_int_eq(signing_open(opened, path, &file, &by, &error), PERCEPT_OK);
    ck_assert_str_eq(by->name, "ours");
    put_text("model.pte", "others!!");
    ck_assert_int_eq(read(file, bytes, sizeof bytes), 8);
    ck_assert_str_eq(bytes, "contents");
    int sealed = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
    ck_assert_int_eq(fcntl(file, F_GET_SEALS), sealed);
    close(file);
    signing_keys_close(opened);
}
END_TEST

START_TEST(other_contents_and_other_names)
{
    ck_assert_ptr_null(refusal());
    put_text("model.pte", "contentz");
    expect_refused("altered after it was signed");
    sign("contents", "other.pte");
    expect_refused("another name");
    sign("contents", "model.pte.old");
    expect_refused("another name");
    ck_assert_int_eq(unlink(path), 0);
    struct signing_keys *opened = keys();
    int file;
    ck_assert_int_eq(signing_open(opened, path, &file, NULL, &error), PERCEPT_NOT_FOUND);
    signing_keys_close(opened);
}
END_TEST

START_TEST(no_signature_and_an_unknown_key)
{
    char signature[160], public[SIGNING_MAX_TEXT];
    snprintf(signature, sizeof signature, "%s" SIGNING_SUFFIX, path);
    ck_assert_int_eq(signing_make_keys(NULL, public, secret_text, &error), PERCEPT_OK);
    sign("contents", "model.pte");
    expect_refused("which is not in");
    put_text("theirs.pub", public);
    ck_assert_ptr_null(refusal());
    ck_assert_int_eq(unlink(signature), 0);
    expect_refused("it is not signed: there is no");
}
END_TEST

/* An attacker has any public key's number, but not its secret. */
START_TEST(the_number_of_a_key_proves_nothing)
{
    char public[SIGNING_MAX_TEXT], theirs[SIGNING_MAX_TEXT], *text, real[128];
    size_t size;
    struct signing_public ours;
    struct signing_secret secret;
    uint8_t hash[SIGNING_HASH_BYTES];
    char forged[SIGNING_MAX_TEXT];
    snprintf(real, sizeof real, "%s/ours.pub", folder);
    ck_assert_int_eq(signing_read_text(real, &text, &size, &error), PERCEPT_OK);
    ck_assert_int_eq(signing_public_parse(text, size, &ours, &error), PERCEPT_OK);
    free(text);
    ck_assert_int_eq(signing_make_keys(NULL, public, theirs, &error), PERCEPT_OK);
    ck_assert_int_eq(signing_secret_parse(theirs, strlen(theirs), NULL, &secret, &error), 0);
    secret.id = ours.id;
    ck_assert_int_eq(signing_hash_file(path, hash, &error), PERCEPT_OK);
    ck_assert_int_eq(signing_sign(&secret, hash, "model.pte", 1, forged, &error), PERCEPT_OK);
    put_text("model.pte" SIGNING_SUFFIX, forged);
    expect_refused("altered");
}
END_TEST

/* Every bit of a signature counts, but for those of the comment that is nobody's. */
START_TEST(a_signature_with_any_character_changed)
{
    char signature[160], *text, changed[SIGNING_MAX_TEXT + 2];
    size_t size;
    snprintf(signature, sizeof signature, "%s" SIGNING_SUFFIX, path);
    ck_assert_int_eq(signing_read_text(signature, &text, &size, &error), PERCEPT_OK);
    for (size_t i = (size_t)(strchr(text, '\n') - text); i < size; i++) {
        for (int bit = 0; bit < 8; bit++) {
            memcpy(changed, text, size);
            changed[i] = (char)(changed[i] ^ 1 << bit);
            put("model.pte" SIGNING_SUFFIX, changed, size);
            bool same = i == size - 1; /* the last line's end is not read */
            ck_assert_msg(refusal() != NULL || same, "byte %zu, bit %d", i, bit);
        }
    }
    for (size_t i = 0; i + 2 < size; i++) {
        put("model.pte" SIGNING_SUFFIX, text, i);
        ck_assert_msg(refusal() != NULL, "%zu bytes of %zu", i, size);
    }
    free(text);
}
END_TEST

START_TEST(a_revoked_key_and_a_revoked_file)
{
    uint8_t hash[SIGNING_HASH_BYTES];
    char line[SIGNING_HASH_TEXT + 32], id[SIGNING_ID_TEXT];
    struct signing_keys *opened = keys();
    signing_id_text(&signing_keys_at(opened, 0)->public.id, id);
    signing_keys_close(opened);
    ck_assert_int_eq(signing_hash_file(path, hash, &error), PERCEPT_OK);
    signing_hash_text(hash, line);
    strcat(line, "  # too old\n\n");
    put_text(SIGNING_REVOKED, line);
    expect_refused("it was revoked");
    sign("newer", "model.pte");
    ck_assert_ptr_null(refusal());
    put_text(SIGNING_REVOKED, id);
    expect_refused("the key that signed it was revoked");
    opened = keys();
    ck_assert(signing_keys_at(opened, 0)->revoked);
    ck_assert_ptr_null(signing_keys_at(opened, 1));
    signing_keys_close(opened);
}
END_TEST

static void expect_no_keys(enum percept_status status, const char *part)
{
    struct signing_keys *opened = NULL;
    ck_assert_int_eq(signing_keys_open(folder, &opened, &error), status);
    ck_assert_msg(strstr(error.message, part) != NULL, "'%s' has no '%s'", error.message, part);
    ck_assert_ptr_null(opened);
}

START_TEST(folders_that_are_not_to_be_trusted)
{
    char file[128];
    snprintf(file, sizeof file, "%s/ours.pub", folder);
    ck_assert_int_eq(chmod(folder, 0777), 0);
    expect_no_keys(PERCEPT_PERMISSION, "others may write to it");
    ck_assert_int_eq(chmod(folder, 0755), 0);
    ck_assert_int_eq(chmod(file, 0666), 0);
    expect_no_keys(PERCEPT_PERMISSION, "others may write to it");
    ck_assert_int_eq(chmod(file, 0644), 0);
    put_text(SIGNING_REVOKED, "# fine\nnot so fine\n");
    expect_no_keys(PERCEPT_MALFORMED, "neither the number of a key");
    ck_assert_uint_eq(error.line, 2);
    put_text(SIGNING_REVOKED, "");
    put_text("bad.pub", "untrusted comment: x\nRWQ=\n");
    expect_no_keys(PERCEPT_MALFORMED, "not a public key");
    snprintf(file, sizeof file, "%s/bad.pub", folder);
    ck_assert_int_eq(unlink(file), 0);
    snprintf(file, sizeof file, "%s/ours.pub", folder);
    ck_assert_int_eq(unlink(file), 0);
    expect_no_keys(PERCEPT_NOT_FOUND, "no key in it");
}
END_TEST

START_TEST(a_secret_key_that_is_damaged)
{
    struct signing_secret secret;
    char *digit = strchr(secret_text, '\n') + 150;
    *digit = *digit == 'A' ? 'B' : 'A';
    ck_assert_int_eq(signing_secret_parse(secret_text, strlen(secret_text), NULL, &secret, &error),
                     PERCEPT_MALFORMED);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("signing");
    const TTest *const all[] = {
        what_was_checked_is_what_is_read,       other_contents_and_other_names,
        no_signature_and_an_unknown_key,        the_number_of_a_key_proves_nothing,
        a_signature_with_any_character_changed, a_revoked_key_and_a_revoked_file,
        folders_that_are_not_to_be_trusted,     a_secret_key_that_is_damaged,
    };
    tcase_add_checked_fixture(tests, setup, teardown);
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        tcase_add_test(tests, all[i]);
    tcase_set_timeout(tests, 60);
    Suite *suite = suite_create("signing");
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
