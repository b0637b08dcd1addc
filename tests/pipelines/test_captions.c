/* The list of captions: what a viewer may rely on while texts grow, and texts that are too long. */
#include "pipelines/captions.h"

#include "suite.h"

#include <stdio.h>
#include <string.h>

static struct pipe_captions captions;

static const struct percept_caption *newest(void)
{
    return &captions.list.captions[captions.list.caption_count - 1];
}

static void finish(const char *text, int64_t end_ns)
{
    pipe_captions_finish(&captions, text, strlen(text), end_ns);
}

START_TEST(a_caption_keeps_its_number_while_it_grows)
{
    (void)pipe_captions_add(&captions, 100);
    pipe_captions_say(&captions, "and", 3, 0);
    pipe_captions_say(&captions, "and then", 8, 3);
    ck_assert_uint_eq(newest()->id, 1);
    ck_assert_uint_eq(newest()->version, 2);
    ck_assert_uint_eq(newest()->stable_bytes, 3);
    ck_assert_uint_eq(newest()->final, 0);
    finish("and then what", 900);
    ck_assert_uint_eq(captions.list.caption_count, 1);
    ck_assert_uint_eq(newest()->version, 3);
    ck_assert_uint_eq(newest()->stable_bytes, 13);
    ck_assert_uint_eq(newest()->final, 1);
    ck_assert_int_eq(newest()->begin_ns, 100);
    ck_assert_int_eq(newest()->end_ns, 900);
}
END_TEST

START_TEST(the_oldest_go_and_numbers_never_come_again)
{
    for (int i = 0; i < 20; i++) {
        char text[16];
        snprintf(text, sizeof text, "number %d", i);
        (void)pipe_captions_add(&captions, i);
        if (i % 3 == 2) {
            pipe_captions_drop(&captions);
            continue;
        }
        finish(text, i + 1);
    }
    ck_assert_uint_eq(captions.list.caption_count, PERCEPT_CAPTIONS_MAX);
    ck_assert_str_eq(newest()->text, "number 19");
    ck_assert_uint_eq(newest()->id, 20);
    for (size_t i = 1; i < PERCEPT_CAPTIONS_MAX; i++)
        ck_assert_uint_gt(captions.list.captions[i].id, captions.list.captions[i - 1].id);
}
END_TEST

START_TEST(what_was_dropped_leaves_nothing_behind)
{
    static const struct percept_caption nothing;
    struct percept_caption *caption = pipe_captions_add(&captions, 5);
    pipe_captions_say(&captions, "thank you", 9, 0);
    pipe_captions_drop(&captions);
    ck_assert_uint_eq(captions.list.caption_count, 0);
    ck_assert_mem_eq(caption, &nothing, sizeof nothing);
}
END_TEST

/* Words of two bytes a letter, so that a cut in the wrong place would be seen. */
START_TEST(a_text_that_does_not_fit_becomes_several_at_its_spaces)
{
    char text[1500] = "", joined[1600] = "";
    for (int i = 0; i < 120; i++)
        strcat(text, i ? " \xc3\xa9t\xc3\xa9s" : "\xc3\xa9t\xc3\xa9s");
    struct percept_caption *first = pipe_captions_add(&captions, 1000);
    memcpy(first->language, "fr", 3);
    finish(text, 9000);
    ck_assert_uint_eq(captions.list.caption_count, 2);
    int64_t before_ns = 1000;
    for (uint32_t i = 0; i < captions.list.caption_count; i++) {
        const struct percept_caption *caption = &captions.list.captions[i];
        ck_assert_uint_eq(caption->final, 1);
        ck_assert_str_eq(caption->language, "fr");
        ck_assert_int_eq(caption->begin_ns, before_ns);
        ck_assert_int_gt(caption->end_ns, caption->begin_ns);
        before_ns = caption->end_ns;
        ck_assert_uint_lt(strlen(caption->text), PERCEPT_CAPTION_BYTES);
        strcat(joined, i ? " " : "");
        strcat(joined, caption->text);
    }
    ck_assert_int_eq(before_ns, 9000);
    ck_assert_str_eq(joined, text);
}
END_TEST

START_TEST(a_partial_text_is_cut_between_two_characters)
{
    char text[900] = "";
    for (int i = 0; i < 400; i++)
        strcat(text, "\xc3\xa9");
    (void)pipe_captions_add(&captions, 1);
    pipe_captions_say(&captions, text, strlen(text), strlen(text));
    ck_assert_uint_eq(strlen(newest()->text), 510);
    ck_assert_uint_eq(newest()->stable_bytes, 510);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("captions");
    TCase *tests = tcase_create("captions");
    tcase_set_timeout(tests, 100); /* a sanitizer on a busy machine */
    tcase_add_test(tests, a_caption_keeps_its_number_while_it_grows);
    tcase_add_test(tests, the_oldest_go_and_numbers_never_come_again);
    tcase_add_test(tests, what_was_dropped_leaves_nothing_behind);
    tcase_add_test(tests, a_text_that_does_not_fit_becomes_several_at_its_spaces);
    tcase_add_test(tests, a_partial_text_is_cut_between_two_characters);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
