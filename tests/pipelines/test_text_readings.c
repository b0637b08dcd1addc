/* What text says: keys, CTC, languages, and readings of the same line over time. */
#include "pictures.h"
#include "suite.h"

#include "pipelines/text_keys.h"
#include "pipelines/text_language.h"
#include "pipelines/text_tracks.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- keys ---- */

static struct pipe_text_keys *keys_of(const char *content)
{
    struct pipe_text_keys *keys = NULL;
    pictures_write_text("keys.txt", content);
    ck_assert_int_eq(pipe_text_keys_load("keys.txt", NULL, &keys, NULL), PERCEPT_OK);
    return keys;
}

START_TEST(a_file_of_keys_has_one_a_line)
{
    struct pipe_text_keys *keys = keys_of("a\nb\r\n\xc3\xa7\n\xe4\xb8\xad");
    ck_assert_uint_eq(pipe_text_keys_classes(keys), 6);
    pipe_text_keys_destroy(keys);
    keys = keys_of("");
    ck_assert_uint_eq(pipe_text_keys_classes(keys), 2);
    pipe_text_keys_destroy(keys);
    pipe_text_keys_destroy(NULL);
}
END_TEST

START_TEST(a_file_that_is_none_is_named_with_its_line)
{
    static const struct {
        const char *content;
        unsigned line;
    } bad[] = {{"a\n\nb\n", 2}, {"a\nb\n\xff\n", 3}, {"\xc3\n", 1}, {"\xed\xa0\x80\n", 1}};
    struct pipe_text_keys *keys = NULL;
    struct percept_error error = {0};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        pictures_write_text("keys.txt", bad[i].content);
        ck_assert_int_eq(pipe_text_keys_load("keys.txt", NULL, &keys, &error), PERCEPT_MALFORMED);
        ck_assert_uint_eq(error.line, bad[i].line);
        ck_assert_str_eq(error.file, "keys.txt");
    }
    ck_assert_int_eq(pipe_text_keys_load("none.txt", NULL, &keys, &error), PERCEPT_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(error.message, "none.txt"));
    ck_assert_int_eq(pipe_text_keys_load(".", NULL, &keys, &error), PERCEPT_LIMIT);
    ck_assert_ptr_null(keys);
}
END_TEST

START_TEST(utf8_is_what_rfc_3629_says)
{
    static const struct {
        const char *text;
        int good;
    } cases[] = {{"", 1},
                 {"plain", 1},
                 {"\xc3\xa9\xe4\xb8\xad\xf0\x9f\x98\x80", 1},
                 {"\xc0\x80", 0},
                 {"\xc3", 0},
                 {"\xe0\x80\x80", 0},
                 {"\xed\xa0\x80", 0},
                 {"\xf4\x90\x80\x80", 0},
                 {"\xf5\x80\x80\x80", 0},
                 {"\x80", 0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        ck_assert_int_eq(pipe_text_is_utf8(cases[i].text, strlen(cases[i].text)), cases[i].good);
}
END_TEST

/* ---- CTC ---- */

/* Classes: 0 blank, 1 a, 2 b, 3 ç, 4 space. Each step as likely as `sure` says. */
static float read_steps(const char *steps, float sure, char *text, size_t capacity)
{
    struct pipe_text_keys *keys = keys_of("a\nb\n\xc3\xa7\n");
    size_t count = strlen(steps);
    float probabilities[64][5];
    for (size_t i = 0; i < count; i++)
        for (int c = 0; c < 5; c++)
            probabilities[i][c] = c == steps[i] - '0' ? sure : (1 - sure) / 4;
    float score = pipe_text_read(keys, probabilities[0], count, text, capacity);
    pipe_text_keys_destroy(keys);
    return score;
}

START_TEST(repeats_are_joined_and_blanks_left_out)
{
    char text[32];
    ck_assert_float_eq_tol(read_steps("0110122034403", 0.9f, text, sizeof text), 0.9f, 1e-5f);
    ck_assert_str_eq(text, "aab\xc3\xa7 \xc3\xa7");
    ck_assert_float_eq(read_steps("0000", 0.9f, text, sizeof text), 0);
    ck_assert_str_eq(text, "");
    ck_assert_float_eq(read_steps("", 0.9f, text, sizeof text), 0);
}
END_TEST

START_TEST(a_long_text_is_cut_between_two_characters)
{
    char text[6];
    read_steps("30303", 0.9f, text, sizeof text);
    ck_assert_str_eq(text, "\xc3\xa7\xc3\xa7");
    read_steps("1030301", 0.9f, text, sizeof text); /* and nothing after what did not fit */
    ck_assert_str_eq(text, "a\xc3\xa7\xc3\xa7");
    read_steps("30", 0.9f, text, 1);
    ck_assert_str_eq(text, "");
}
END_TEST

START_TEST(numbers_that_are_none_score_nothing)
{
    char text[32];
    ck_assert_float_eq(read_steps("12", (float)NAN, text, sizeof text), 0);
    ck_assert_float_le(read_steps("12", (float)INFINITY, text, sizeof text), 1);
}
END_TEST

/* ---- languages ---- */

START_TEST(languages_are_told_by_script_words_and_letters)
{
    static const struct {
        const char *text, *language;
    } cases[] = {
        {"", ""},
        {"12:30", ""},
        {"GM125", ""},
        {"NO PARKING AT ALL TIMES", "en"},
        {"PLEASE KEEP THE DOOR CLOSED", "en"},
        {"The house on the hill", "en"},
        {"Proibido estacionar", "pt"},
        {"N\xc3\x83O PISE NA GRAMA", "pt"},
        {"Sa\xc3\xad"
         "da de emerg\xc3\xaancia",
         "pt"},
        {"PROHIBIDO EL PASO", "es"},
        {"ma\xc3\xb1"
         "ana",
         "es"},
        {"SORTIE DE SECOURS", "fr"},
        {"Rue de la Paix et du Temple", "fr"},
        {"Rauchen verboten", "de"},
        {"Stra\xc3\x9f"
         "e",
         "de"},
        {"Vietato fumare", "it"},
        {"\xe5\x87\xba\xe5\x8f\xa3 EXIT", "zh"},
        {"\xe3\x83\x88\xe3\x82\xa4\xe3\x83\xac", "ja"},
        {"\xe5\x87\xba\xe5\x8f\xa3\xe3\x81\xaf\xe3\x81\x93\xe3\x81\xa1\xe3\x82\x89", "ja"},
        {"\xec\xb6\x9c\xea\xb5\xac", "ko"},
        {"\xd0\x92\xd1\x8b\xd1\x85\xd0\xbe\xd0\xb4", "ru"},
        {"\xd0\x92\xd0\xb8\xd1\x85\xd1\x96\xd0\xb4", "uk"},
        {"\xce\xad\xce\xbe\xce\xbf\xce\xb4\xce\xbf\xcf\x82", "el"},
        {"\xff\xfe\xc3", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        ck_assert_msg(strcmp(pipe_text_language(cases[i].text), cases[i].language) == 0,
                      "'%s' is '%s', not '%s'", cases[i].text, pipe_text_language(cases[i].text),
                      cases[i].language);
}
END_TEST

/* ---- tracks ---- */

static void place(float corners[4][2], float x, float y, float width, float height)
{
    const float quad[4][2] = {{x, y}, {x + width, y}, {x + width, y + height}, {x, y + height}};
    memcpy(corners, quad, sizeof quad);
}

static struct pipe_text_track tracks[PIPE_TEXT_TRACKS];
static struct pipe_text_regions regions;

START_TEST(regions_continue_the_tracks_that_they_overlap_most)
{
    int track_of[PIPE_TEXT_REGIONS_MAX];
    memset(tracks, 0, sizeof tracks);
    tracks[3].id = 1;
    place(tracks[3].corners, 100, 100, 200, 20);
    tracks[7].id = 2;
    place(tracks[7].corners, 100, 115, 200, 20);
    tracks[9].id = 0; /* free, though it lies right there */
    place(tracks[9].corners, 100, 107, 200, 20);
    regions.count = 3;
    place(regions.items[0].corners, 102, 107, 200, 20); /* overlaps both, the first more */
    place(regions.items[1].corners, 102, 122, 200, 20);
    place(regions.items[2].corners, 500, 107, 200, 20);
    pipe_text_tracks_match(tracks, &regions, track_of);
    ck_assert_int_eq(track_of[0], 3);
    ck_assert_int_eq(track_of[1], 7);
    ck_assert_int_eq(track_of[2], -1);
}
END_TEST

START_TEST(a_line_that_moved_by_less_than_its_height_continues_unless_its_size_is_another)
{
    int track_of[PIPE_TEXT_REGIONS_MAX];
    memset(tracks, 0, sizeof tracks);
    tracks[0].id = 1;
    place(tracks[0].corners, 100, 100, 200, 20);
    regions.count = 1;
    place(regions.items[0].corners, 100, 118, 200, 20);
    pipe_text_tracks_match(tracks, &regions, track_of);
    ck_assert_int_eq(track_of[0], 0);
    place(regions.items[0].corners, 150, 118, 100, 20);
    pipe_text_tracks_match(tracks, &regions, track_of);
    ck_assert_int_eq(track_of[0], -1);
    place(regions.items[0].corners, 100, 125, 200, 20);
    pipe_text_tracks_match(tracks, &regions, track_of);
    ck_assert_int_eq(track_of[0], -1);
    regions.count = 0;
    pipe_text_tracks_match(tracks, &regions, track_of);
}
END_TEST

START_TEST(the_text_with_most_of_the_scores_wins_and_the_newest_of_equals)
{
    struct pipe_text_track track = {.id = 1};
    ck_assert_ptr_null(pipe_text_winner(&track));
    pipe_text_vote(&track, "P4RK", 0.7f);
    ck_assert_str_eq(pipe_text_winner(&track)->text, "P4RK");
    pipe_text_vote(&track, "PARK", 0.7f);
    ck_assert_str_eq(pipe_text_winner(&track)->text, "PARK");
    pipe_text_vote(&track, "P4RK", 0.6f);
    ck_assert_str_eq(pipe_text_winner(&track)->text, "P4RK");
    ck_assert_float_eq_tol(pipe_text_winner(&track)->best, 0.7f, 1e-6f);
    pipe_text_doubt(&track);
    pipe_text_vote(&track, "BARK", 0.9f);
    ck_assert_str_eq(pipe_text_winner(&track)->text, "BARK");
    for (int i = 0; i < 20; i++) { /* more texts than places: the weakest go */
        char text[8];
        snprintf(text, sizeof text, "%d", i);
        pipe_text_vote(&track, text, 0.1f);
    }
    ck_assert_str_eq(pipe_text_winner(&track)->text, "BARK");
}
END_TEST

static void draw(struct pipe_picture *picture, int phase)
{
    for (uint32_t y = 0; y < picture->height; y++)
        for (uint32_t x = 0; x < picture->width; x++)
            for (int c = 0; c < 3; c++)
                picture->data[x * picture->step_x + y * picture->step_y + c] =
                    (x / 16 * 7 + (uint32_t)phase * (x / 32) * 5) % 3 ? 0.8f : -0.8f;
}

START_TEST(a_line_is_read_again_when_it_is_larger_sharper_unsure_or_different)
{
    static float data[48 * 320 * 3];
    struct pipe_picture picture = {data, 320, 48, 3, 960, 1};
    struct pipe_text_track track = {.id = 1};
    struct pipe_text_glance glance, now;
    draw(&picture, 0);
    pipe_text_glance(&picture, 320, 20, &glance);
    ck_assert_float_eq_tol(pipe_text_alike(&glance, &glance), 1, 1e-4f);
    ck_assert_int_eq(pipe_text_judge(&track, &glance), PIPE_TEXT_CLEARER);
    pipe_text_vote(&track, "text", 0.95f);
    pipe_text_remember(&track, &glance);
    ck_assert_int_eq(pipe_text_judge(&track, &glance), PIPE_TEXT_KNOWN);
    now = glance;
    now.height = 26;
    ck_assert_int_eq(pipe_text_judge(&track, &now), PIPE_TEXT_CLEARER);
    pipe_text_remember(&track, &now);
    ck_assert_int_eq(pipe_text_judge(&track, &now), PIPE_TEXT_KNOWN);
    ck_assert_int_eq(pipe_text_judge(&track, &glance), PIPE_TEXT_KNOWN); /* farther again */
    now.sharpness *= 1.3f;
    ck_assert_int_eq(pipe_text_judge(&track, &now), PIPE_TEXT_CLEARER);
    /* Brightness and contrast are no difference; other strokes are. */
    for (int i = 0; i < 48 * 320 * 3; i++)
        data[i] = 0.5f * data[i] + 0.2f;
    pipe_text_glance(&picture, 320, 20, &now);
    ck_assert_int_eq(pipe_text_judge(&track, &now), PIPE_TEXT_KNOWN);
    draw(&picture, 1);
    pipe_text_glance(&picture, 320, 20, &now);
    ck_assert_int_eq(pipe_text_judge(&track, &now), PIPE_TEXT_CHANGED);

    for (int i = 0; i < 48 * 320 * 3; i++)
        data[i] = i / 3 % 320 < 32 ? 0.8f : -0.8f; /* nothing like it */
    pipe_text_glance(&picture, 320, 20, &now);
    ck_assert_int_eq(pipe_text_judge(&track, &now), PIPE_TEXT_OTHER);

    struct pipe_text_track unsure = {.id = 2};
    pipe_text_remember(&unsure, &glance);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(pipe_text_judge(&unsure, &glance), PIPE_TEXT_CLEARER);
        pipe_text_vote(&unsure, "t?xt", 0.6f);
    }
    ck_assert_int_eq(pipe_text_judge(&unsure, &glance), PIPE_TEXT_KNOWN); /* that is enough */
}
END_TEST

START_TEST(a_picture_of_one_colour_looks_like_nothing)
{
    static float data[48 * 32 * 3];
    struct pipe_picture picture = {data, 32, 48, 3, 96, 1};
    struct pipe_text_glance glance;
    pipe_text_glance(&picture, 1, 20, &glance);
    ck_assert_float_eq(pipe_text_alike(&glance, &glance), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("text readings");
    TCase *keys = tcase_create("keys"), *languages = tcase_create("languages"),
          *followed = tcase_create("tracks");
    TCase *const all[] = {keys, languages, followed};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        tcase_set_timeout(all[i], 100); /* a sanitizer on a busy machine */
    tcase_add_checked_fixture(keys, pictures_make_folder, pictures_remove_folder);
    tcase_add_test(keys, a_file_of_keys_has_one_a_line);
    tcase_add_test(keys, a_file_that_is_none_is_named_with_its_line);
    tcase_add_test(keys, utf8_is_what_rfc_3629_says);
    tcase_add_test(keys, repeats_are_joined_and_blanks_left_out);
    tcase_add_test(keys, a_long_text_is_cut_between_two_characters);
    tcase_add_test(keys, numbers_that_are_none_score_nothing);
    tcase_add_test(languages, languages_are_told_by_script_words_and_letters);
    tcase_add_test(followed, regions_continue_the_tracks_that_they_overlap_most);
    tcase_add_test(followed,
                   a_line_that_moved_by_less_than_its_height_continues_unless_its_size_is_another);
    tcase_add_test(followed, the_text_with_most_of_the_scores_wins_and_the_newest_of_equals);
    tcase_add_test(followed, a_line_is_read_again_when_it_is_larger_sharper_unsure_or_different);
    tcase_add_test(followed, a_picture_of_one_colour_looks_like_nothing);
    suite_add_tcase(suite, keys);
    suite_add_tcase(suite, languages);
    suite_add_tcase(suite, followed);
    return run_suite(suite);
}
