/* Lines are kept, found again, and erased for good. */
#include "place.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct transcript_store *store;
static struct percept_error error;
static struct place_page page;

static void start(void)
{
    place_make();
    store = place_open();
}

static void stop(void)
{
    transcript_store_close(store);
    store = NULL;
    place_remove();
}

static void reopen(void)
{
    transcript_store_close(store);
    store = place_open();
}

static void get(struct transcript_wish wish)
{
    ck_assert_msg(place_page(store, wish, &page, &error) == PERCEPT_OK, "%s", error.message);
}

static uint64_t lines(void)
{
    struct transcript_store_stats stats;
    transcript_store_stats(store, &stats);
    return stats.lines;
}

/* ---- keeping ---- */

static struct transcript_line seen;

static void take(void *context, const struct transcript_line *line)
{
    (void)context;
    seen = *line;
    ck_assert_str_eq(line->topic, "table");
    ck_assert_str_eq(line->language, "en");
    ck_assert_str_eq(line->text, "Good morning.");
    ck_assert_str_eq(line->translation_language, "pt");
    ck_assert_str_eq(line->translation, "Bom dia.");
}

START_TEST(a_line_comes_back_as_it_was_after_a_restart)
{
    static const char *const topics[] = {"table"};
    struct transcript_line line = place_line(7, "Good morning.");
    bool more = true;
    line.topic = "table";
    line.side = 1;
    line.version = 3;
    line.translation_language = "pt";
    line.translation = "Bom dia.";
    ck_assert_int_eq(transcript_store_add(store, &line, 1, &error), PERCEPT_OK);
    reopen();
    ck_assert_uint_eq(lines(), 1);
    const struct transcript_wish wish = {.topics = topics, .topic_count = 1, .limit = 1};
    ck_assert_int_eq(transcript_store_page(store, &wish, take, NULL, &more, &error), PERCEPT_OK);
    ck_assert(!more);
    ck_assert_uint_eq(seen.utterance, 7);
    ck_assert_int_eq(seen.monotonic_ns, line.monotonic_ns);
    ck_assert_int_eq(seen.begin_ns, line.begin_ns);
    ck_assert_int_eq(seen.end_ns, line.end_ns);
    ck_assert_uint_eq(seen.side, 1);
    ck_assert_uint_eq(seen.version, 3);
    ck_assert(seen.score == -0.5);
}
END_TEST

START_TEST(a_later_version_takes_the_place_of_a_line)
{
    struct transcript_line line = place_line(1, "the first guess");
    ck_assert_int_eq(transcript_store_add(store, &line, 1, &error), PERCEPT_OK);
    line.version = 2;
    line.text = "the second";
    ck_assert_int_eq(transcript_store_add(store, &line, 1, &error), PERCEPT_OK);
    line.version = 1; /* one that is late says nothing new */
    line.text = "the first guess";
    ck_assert_int_eq(transcript_store_add(store, &line, 1, &error), PERCEPT_OK);
    get((struct transcript_wish){0});
    ck_assert_str_eq(page.texts, "the second");
    ck_assert_uint_eq(page.ids[0], 1);
    ck_assert_uint_eq(lines(), 1);
    ck_assert_str_eq(place_search(store, "guess"), "");
    ck_assert_str_eq(place_search(store, "second"), "the second");
}
END_TEST

START_TEST(a_translation_may_come_later)
{
    struct transcript_line line = place_line(1, "Good morning");
    ck_assert_int_eq(transcript_store_add(store, &line, 1, &error), PERCEPT_OK);
    line.translation_language = "pt";
    line.translation = "Bom dia";
    ck_assert_int_eq(transcript_store_add(store, &line, 1, &error), PERCEPT_OK);
    line.translation_language = line.translation = ""; /* the same again is nothing new */
    ck_assert_int_eq(transcript_store_add(store, &line, 1, &error), PERCEPT_OK);
    ck_assert_str_eq(place_search(store, "bom"), "Good morning");
    ck_assert_str_eq(place_search(store, "good"), "Good morning");
    ck_assert_uint_eq(lines(), 1);
}
END_TEST

START_TEST(all_lines_of_a_call_are_kept_or_none)
{
    struct transcript_line two[] = {place_line(1, "one"), place_line(2, "two")};
    char topic[TRANSCRIPT_NAME_BYTES + 1];
    memset(topic, 'a', TRANSCRIPT_NAME_BYTES);
    topic[TRANSCRIPT_NAME_BYTES] = '\0'; /* too long for one */
    two[0].topic = "fresh";
    two[1].topic = topic;
    ck_assert_int_eq(transcript_store_add(store, two, 2, &error), PERCEPT_LIMIT);
    ck_assert_uint_eq(lines(), 0);
    char names[TRANSCRIPT_TOPICS_MAX][TRANSCRIPT_NAME_BYTES];
    ck_assert_uint_eq(transcript_store_topics(store, names), 0);
    two[1].topic = "fresh";
    ck_assert_int_eq(transcript_store_add(store, two, 2, &error), PERCEPT_OK);
    reopen();
    ck_assert_uint_eq(transcript_store_topics(store, names), 1);
    ck_assert_str_eq(names[0], "fresh");
}
END_TEST

START_TEST(there_are_so_many_topics_and_no_more)
{
    char name[32];
    for (int i = 0; i <= TRANSCRIPT_TOPICS_MAX; i++) {
        struct transcript_line line = place_line((uint64_t)i, "text");
        snprintf(name, sizeof name, "topic%d", i);
        line.topic = name;
        ck_assert_int_eq(transcript_store_add(store, &line, 1, &error),
                         i < TRANSCRIPT_TOPICS_MAX ? PERCEPT_OK : PERCEPT_LIMIT);
    }
    ck_assert_uint_eq(lines(), TRANSCRIPT_TOPICS_MAX);
}
END_TEST

/* ---- pages ---- */

static void add_numbered(uint64_t first, uint64_t last)
{
    for (uint64_t n = first; n <= last; n++) {
        char text[40];
        snprintf(text, sizeof text, "number %llu", (unsigned long long)n);
        place_add(store, n, text);
    }
}

START_TEST(pages_follow_each_other_without_a_gap)
{
    uint64_t after = 0, count = 0;
    add_numbered(1, 10);
    do {
        get((struct transcript_wish){.after = after, .limit = 3});
        for (size_t i = 0; i < page.count; i++)
            ck_assert_uint_eq(page.ids[i], ++count);
        after = page.ids[page.count - 1];
        ck_assert_int_eq(page.more, after < 10);
    } while (page.more);
    ck_assert_uint_eq(count, 10);
    /* And backwards, the newest first. */
    uint64_t before = 0;
    do {
        get((struct transcript_wish){.before = before, .limit = 4, .newest = true});
        for (size_t i = 0; i < page.count; i++)
            ck_assert_uint_eq(page.ids[i], count--);
        before = page.ids[page.count - 1];
    } while (page.more);
    ck_assert_uint_eq(count, 0);
}
END_TEST

START_TEST(a_page_is_of_the_time_and_the_topics_that_were_wanted)
{
    static const char *const other[] = {"other"}, *const both[] = {"captions", "other"},
                             *const none[] = {"camera"};
    add_numbered(1, 6);
    struct transcript_line line = place_line(7, "elsewhere");
    line.topic = "other";
    ck_assert_int_eq(transcript_store_add(store, &line, 1, &error), PERCEPT_OK);
    get((struct transcript_wish){.from_ns = TODAY + 5 * SECOND, .to_ns = TODAY + 6 * SECOND});
    ck_assert_str_eq(page.texts, "number 5"); /* 4 has ended, 6 has not begun */
    get((struct transcript_wish){.from_ns = TODAY + 6 * SECOND});
    ck_assert_str_eq(page.texts, "number 6");
    get((struct transcript_wish){.topics = other, .topic_count = 1});
    ck_assert_str_eq(page.texts, "elsewhere");
    get((struct transcript_wish){.topics = both, .topic_count = 2});
    ck_assert_uint_eq(page.count, 7);
    get((struct transcript_wish){.topics = none, .topic_count = 1});
    ck_assert_uint_eq(page.count, 0);
    get((struct transcript_wish){.topics = both, .topic_count = 2, .search = "elsewhere"});
    ck_assert_str_eq(page.texts, "elsewhere");
    get((struct transcript_wish){.search =
                                     "elsewhere"}); /* the words are found, the topic counts */
    ck_assert_uint_eq(page.count, 0);
    get((struct transcript_wish){.after = UINT64_MAX});
    ck_assert_uint_eq(page.count, 0);
    get((struct transcript_wish){.before = UINT64_MAX});
    ck_assert_uint_eq(page.count, 6);
    ck_assert_int_eq(place_page(store, (struct transcript_wish){.limit = 501}, &page, &error),
                     PERCEPT_INVALID);
}
END_TEST

/* ---- searching ---- */

START_TEST(words_are_found_whatever_their_case_and_accents)
{
    struct transcript_line line = place_line(3, "Good evening");
    line.translation = "Boa tarde, João";
    place_add(store, 1, "Hello world");
    place_add(store, 2, "A world of its own: it's 50% off -- \"really\"");
    ck_assert_int_eq(transcript_store_add(store, &line, 1, &error), PERCEPT_OK);
    place_add(store, 4, "\xe4\xbd\xa0\xe5\xa5\xbd");
    ck_assert_str_eq(place_search(store, "WORLD"),
                     "Hello world|A world of its own: it's 50% off -- \"really\"");
    ck_assert_str_eq(place_search(store, "world hello"), "Hello world");
    ck_assert_str_eq(place_search(store, "joao"), "Good evening");          /* in the translation */
    ck_assert_str_eq(place_search(store, "evening tarde"), "Good evening"); /* one in each */
    ck_assert_str_eq(place_search(store, "wor"), "");
    ck_assert_str_eq(place_search(store, "eve*"), "Good evening");
    ck_assert_str_eq(place_search(store, "\xe4\xbd\xa0*"), "\xe4\xbd\xa0\xe5\xa5\xbd");
    ck_assert_str_eq(place_search(store, "hello absent"), "");
}
END_TEST

/* What would mean something to FTS5 or to SQL is looked for as it stands. */
START_TEST(what_means_something_to_the_index_means_itself)
{
    place_add(store, 1, "one OR two NOT three NEAR four");
    place_add(store, 2, "column text says it's; DROP TABLE line");
    static const char *const odd[] = {"\"",
                                      "'",
                                      "\"\"",
                                      "a\"b",
                                      "*",
                                      "**",
                                      "(",
                                      ")",
                                      "^one",
                                      "one^",
                                      "{",
                                      "}",
                                      "+",
                                      "-",
                                      "--",
                                      "text:",
                                      ":text",
                                      "NEAR(",
                                      "AND",
                                      "OR",
                                      "NOT",
                                      "AND AND",
                                      "\\",
                                      "%",
                                      "_",
                                      ";",
                                      "\x01",
                                      "-->",
                                      "one\" OR \"two",
                                      "x' OR 1=1 --",
                                      "\xe2\x80\x94",
                                      "\xf0\x9f\x98\x80",
                                      "a*b",
                                      "\"*",
                                      "?1",
                                      "@a",
                                      "$b"};
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++)
        place_search(store, odd[i]); /* asserts that it is no error */
    ck_assert_str_eq(place_search(store, "OR"), "one OR two NOT three NEAR four");
    ck_assert_str_eq(place_search(store, "one NOT two"), "one OR two NOT three NEAR four");
    ck_assert_str_eq(place_search(store, "text:says"), "column text says it's; DROP TABLE line");
    ck_assert_str_eq(place_search(store, "it's"), "column text says it's; DROP TABLE line");
    ck_assert_str_eq(place_search(store, "zero OR one"), ""); /* "zero" is nowhere */
    ck_assert_uint_eq(lines(), 2);
    ck_assert_int_eq(place_page(store, (struct transcript_wish){.search = "\xff"}, &page, &error),
                     PERCEPT_INVALID);
}
END_TEST

/* ---- erasing ---- */

static uint64_t forget(int64_t real_ns, int64_t boot_ns)
{
    uint64_t erased = 0;
    ck_assert_msg(transcript_store_forget(store, real_ns, boot_ns, &erased, &error) == PERCEPT_OK,
                  "%s", error.message);
    return erased;
}

START_TEST(what_is_forgotten_is_gone_from_the_files)
{
    struct transcript_line line = place_line(2, "Xylocarpa tells a zqsecretword and more");
    line.translation = "Kqtranslated";
    line.version = 2;
    struct transcript_line before = line;
    before.version = 1;
    before.text = "Pqguess";
    place_add(store, 1, "aaa kept, that was long before");
    ck_assert_int_eq(transcript_store_add(store, &before, 1, &error), PERCEPT_OK);
    ck_assert_int_eq(transcript_store_add(store, &line, 1, &error), PERCEPT_OK);
    ck_assert(place_has("zqsecretword") && place_has("Kqtranslated"));
    /* The index keeps words in lower case. */
    ck_assert(place_has("qtranslated") && place_has("aaa kept"));
    ck_assert_uint_eq(forget(TODAY + 3 * SECOND, INT64_MAX), 1);
    static const char *const gone[] = {"zqsecretword", "qsecretword", "Xylocarpa", "ylocarpa",
                                       "qtranslated",  "Pqguess",     "qguess"};
    for (size_t i = 0; i < sizeof gone / sizeof gone[0]; i++)
        ck_assert_msg(!place_has(gone[i]), "%s is still there", gone[i]);
    ck_assert(place_has("aaa kept"));
    ck_assert_str_eq(place_search(store, "zqsecretword"), "");
    ck_assert_str_eq(place_search(store, "kept"), "aaa kept, that was long before");
    place_add(store, 3, "a new one");
    get((struct transcript_wish){0});
    ck_assert_uint_eq(page.ids[1], 3); /* ids are not used again */
    ck_assert_uint_eq(forget(INT64_MIN, INT64_MIN), 2);
    ck_assert(!place_has("aaa kept") && !place_has("a new one"));
    reopen();
    place_add(store, 4, "after all");
    get((struct transcript_wish){0});
    ck_assert_uint_eq(page.ids[0], 4);
}
END_TEST

/* Thousands of lines: long lists and several levels of the index, moved pages, a shorter file. */
START_TEST(what_is_forgotten_of_many_is_gone_from_the_files)
{
    char text[80];
    struct transcript_line some[100];
    static char texts[100][80];
    for (uint64_t n = 0; n < 4000; n += 100) {
        for (uint64_t i = 0; i < 100; i++) {
            snprintf(texts[i], sizeof texts[i], "%s%llu common word%llu",
                     n + i < 2000 ? "oldw" : "qneww", (unsigned long long)(n + i) * 7919,
                     (unsigned long long)(n + i) % 50);
            some[i] = place_line(n + i, texts[i]);
        }
        ck_assert_int_eq(transcript_store_add(store, some, 100, &error), PERCEPT_OK);
    }
    ck_assert(place_has("qneww") && place_has("oldw"));
    struct transcript_store_stats stats;
    transcript_store_stats(store, &stats);
    uint64_t bytes = stats.bytes;
    ck_assert_uint_eq(forget(TODAY + 2001 * SECOND, INT64_MAX), 2000);
    ck_assert(!place_has("qneww"));
    snprintf(text, sizeof text, "oldw%d", 1999 * 7919);
    ck_assert(place_search(store, text)[0] != '\0');
    transcript_store_stats(store, &stats);
    ck_assert_uint_eq(stats.lines, 2000);
    ck_assert_uint_lt(stats.bytes, bytes * 2 / 3);
}
END_TEST

/* Somebody has set the clock meanwhile: what counts is how long ago it was. */
START_TEST(the_last_minutes_are_the_last_ones_whatever_the_clock_says)
{
    struct transcript_line line = place_line(1, "before the clock was set");
    line.begin_ns -= 86400 * SECOND;
    line.end_ns -= 86400 * SECOND;
    line.boot_ns = 1000 * SECOND;
    ck_assert_int_eq(transcript_store_add(store, &line, 1, &error), PERCEPT_OK);
    ck_assert_uint_eq(forget(TODAY, 1001 * SECOND), 0);
    ck_assert_uint_eq(forget(TODAY, 999 * SECOND), 1);
    /* Times of another boot tell nothing. */
    place_add(store, 2, "in the first boot");
    transcript_store_close(store);
    ck_assert_int_eq(transcript_store_open(file, "another boot", &store, &error), PERCEPT_OK);
    ck_assert_uint_eq(forget(TODAY + 100 * SECOND, 0), 0);
    ck_assert_uint_eq(forget(TODAY, 0), 1);
}
END_TEST

/* ---- limits ---- */

static uint64_t keep(const struct transcript_limits *limits, int64_t now_ns)
{
    uint64_t erased = 0;
    ck_assert_msg(transcript_store_keep(store, limits, now_ns, &erased, &error) == PERCEPT_OK, "%s",
                  error.message);
    return erased;
}

START_TEST(what_is_too_old_goes)
{
    add_numbered(1, 10);
    const struct transcript_limits day = {.age_ns = 86400 * SECOND};
    ck_assert_uint_eq(keep(&day, TODAY + 86400 * SECOND), 0);
    ck_assert_uint_eq(keep(&day, TODAY + 86406 * SECOND),
                      4); /* 1 to 4 have ended before second 6 */
    get((struct transcript_wish){0});
    ck_assert_uint_eq(page.count, 6);
    ck_assert_uint_eq(page.ids[0], 5);
    ck_assert(!place_has("number 4") && place_has("number 5"));
    ck_assert_str_eq(place_search(store, "4"), "");
}
END_TEST

START_TEST(there_are_never_more_lines_than_the_limit)
{
    const struct transcript_limits limits = {.lines = 64};
    uint64_t erased = 0, calls = 0;
    for (uint64_t n = 1; n <= 400; n++) {
        place_add(store, n, "text");
        uint64_t now = keep(&limits, TODAY);
        erased += now;
        calls += now > 0;
        ck_assert_uint_le(lines(), 64);
    }
    get((struct transcript_wish){0});
    ck_assert_uint_eq(page.count + erased, 400);
    ck_assert_uint_eq(page.ids[page.count - 1], 400);
    ck_assert_uint_ge(page.count, 59);
    ck_assert_uint_le(calls, 400 / 4); /* more than one goes at a time */
    const struct transcript_limits none = {0};
    ck_assert_uint_eq(keep(&none, INT64_MAX), 0);
}
END_TEST

START_TEST(there_are_never_more_bytes_than_the_limit)
{
    const struct transcript_limits limits = {.bytes = 256 << 10};
    struct transcript_store_stats stats;
    char text[500];
    for (uint64_t n = 1; n <= 2000; n++) {
        memset(text, 0, sizeof text);
        for (size_t i = 0; i + 1 < sizeof text; i++)
            text[i] = (char)(i % 6 ? 'a' + (n * 31 + i * i) % 26 : ' ');
        place_add(store, n, text);
        if (n % 50 == 0)
            keep(&limits, TODAY);
    }
    keep(&limits, TODAY);
    transcript_store_stats(store, &stats);
    ck_assert_uint_le(stats.bytes, limits.bytes);
    ck_assert_uint_gt(stats.lines, 20); /* most of what there is room for */
    get((struct transcript_wish){.newest = true, .limit = 1});
    ck_assert_uint_eq(page.ids[0], 2000);
}
END_TEST

/* ---- many ---- */

static uint64_t steps_of(struct transcript_wish wish)
{
    struct transcript_store_stats before, after;
    transcript_store_stats(store, &before);
    get(wish);
    transcript_store_stats(store, &after);
    return after.steps - before.steps;
}

/* Counted, not timed: a page of many lines takes as many steps as one of few. */
START_TEST(a_page_of_a_hundred_thousand_lines_costs_what_one_of_a_thousand_does)
{
    static char texts[1000][48];
    static struct transcript_line some[1000];
    uint64_t few[4] = {0}, many[4];
    for (uint64_t n = 0; n < 100000; n += 1000) {
        for (uint64_t i = 0; i < 1000; i++) {
            snprintf(texts[i], sizeof texts[i], "line %llu says word%llu",
                     (unsigned long long)(n + i), (unsigned long long)(n + i) % 500);
            some[i] = place_line(n + i, texts[i]);
        }
        ck_assert_int_eq(transcript_store_add(store, some, 1000, &error), PERCEPT_OK);
        const struct transcript_wish wishes[4] = {
            {.limit = 100, .newest = true},
            {.limit = 100, .after = n + 800},
            {.limit = 100, .before = 200, .newest = true},
            {.limit = 100, .search = "word77", .after = n},
        };
        for (size_t w = 0; w < 4 && (n == 0 || n == 99000); w++)
            (n ? many : few)[w] = steps_of(wishes[w]);
    }
    ck_assert_uint_eq(lines(), 100000);
    for (size_t w = 0; w < 4; w++) {
        ck_assert_uint_gt(few[w], 0);
        ck_assert_msg(many[w] <= few[w] + few[w] / 10 + 10,
                      "wish %zu: %llu steps, and %llu of many", w, (unsigned long long)few[w],
                      (unsigned long long)many[w]);
    }
    get((struct transcript_wish){.search = "word77", .newest = true});
    ck_assert_uint_eq(page.count, 200);
    ck_assert_uint_eq(forget(INT64_MIN, INT64_MIN), 100000);
    ck_assert(!place_has("word77"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("transcript_store");
    TCase *tests = tcase_create("store");
    tcase_add_checked_fixture(tests, start, stop);
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, a_line_comes_back_as_it_was_after_a_restart);
    tcase_add_test(tests, a_later_version_takes_the_place_of_a_line);
    tcase_add_test(tests, a_translation_may_come_later);
    tcase_add_test(tests, all_lines_of_a_call_are_kept_or_none);
    tcase_add_test(tests, there_are_so_many_topics_and_no_more);
    tcase_add_test(tests, pages_follow_each_other_without_a_gap);
    tcase_add_test(tests, a_page_is_of_the_time_and_the_topics_that_were_wanted);
    tcase_add_test(tests, words_are_found_whatever_their_case_and_accents);
    tcase_add_test(tests, what_means_something_to_the_index_means_itself);
    tcase_add_test(tests, what_is_forgotten_is_gone_from_the_files);
    tcase_add_test(tests, what_is_forgotten_of_many_is_gone_from_the_files);
    tcase_add_test(tests, the_last_minutes_are_the_last_ones_whatever_the_clock_says);
    tcase_add_test(tests, what_is_too_old_goes);
    tcase_add_test(tests, there_are_never_more_lines_than_the_limit);
    tcase_add_test(tests, there_are_never_more_bytes_than_the_limit);
    tcase_add_test(tests, a_page_of_a_hundred_thousand_lines_costs_what_one_of_a_thousand_does);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
