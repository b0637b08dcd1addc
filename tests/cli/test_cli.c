/* What the commands are made of: tables, decoders, numbers over a long run, tensors and files. */
#include "cli/cli.h"
#include "cli/decode.h"
#include "cli/file.h"
#include "cli/jpeg.h"
#include "cli/stats.h"
#include "cli/table.h"
#include "cli/tensor_file.h"

#include <check.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];

static void make_folder(void)
{
    strcpy(folder, "/tmp/percept-cli.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void remove_folder(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    ck_assert_int_eq(system(command), 0);
}

static const char *in_folder(const char *name)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

/* ---- table ---- */

START_TEST(table_columns_are_as_wide_as_their_cells)
{
    const struct cli_column columns[] = {{"NAME", "name", CLI_FORMAT_TEXT},
                                         {"SIZE", "size", CLI_FORMAT_BYTES},
                                         {"ON", "on", CLI_FORMAT_FLAG}};
    json_t *rows = json_pack("[{s:s, s:i, s:b}, {s:s, s:i}]", "name", "h\xc3\xa4nde", "size",
                             2500000, "on", 1, "name", "x", "size", 12);
    char *text = NULL;
    size_t size;
    FILE *file = open_memstream(&text, &size);
    cli_table_of_json(rows, columns, 3, "\n", file);
    fclose(file);
    ck_assert_str_eq(text, "NAME     SIZE  ON\n"
                           "h\xc3\xa4nde  2.5 MB  yes\n"
                           "x        12 B  -\n");
    free(text);
    json_decref(rows);
}
END_TEST

/* ---- decode ---- */

/* As a daemon describes it; NULL: it does not. */
static struct cli_layout *layout_of(const char *schema)
{
    struct percept_error error = {0};
    struct cli_layout *layout = NULL;
    char *text = ipc_schemas_json();
    json_t *schemas = json_loads(text, 0, NULL), *description = cli_description(schemas, schema);
    ck_assert_ptr_nonnull(schemas);
    if (description)
        ck_assert_msg(cli_layout_parse(description, &layout, &error) == PERCEPT_OK, "%s",
                      error.message);
    json_decref(schemas);
    free(text);
    return layout;
}

START_TEST(hands_decode_by_their_names)
{
    struct percept_hands hands = {.capture_ns = 5, .model_ns = 7, .frame = 3, .hand_count = 1};
    hands.hands[0].id = 4;
    hands.hands[0].handedness = PERCEPT_HAND_RIGHT;
    hands.hands[0].presence = 0.5f;
    hands.hands[0].image[PERCEPT_INDEX_TIP][1] = 12.5f;
    hands.hands[0].world[PERCEPT_LITTLE_TIP][2] = NAN;
    const struct cli_schema *schema = cli_schema_find(PERCEPT_HANDS_SCHEMA);
    ck_assert_ptr_nonnull(schema);
    ck_assert_int_eq(schema->model_ns(&hands), 7);
    struct cli_layout *layout = layout_of(PERCEPT_HANDS_SCHEMA);
    json_t *json = cli_decode_json(layout, &hands, sizeof hands);
    json_t *list = json_object_get(json, "hands"), *hand = json_array_get(list, 0);
    ck_assert_uint_eq(json_array_size(list), 1); /* as many as hand_count says, not as fit */
    ck_assert_int_eq(json_integer_value(json_object_get(json, "frame")), 3);
    ck_assert_str_eq(json_string_value(json_object_get(hand, "handedness")), "right");
    json_t *image = json_object_get(hand, "image");
    ck_assert_uint_eq(json_array_size(image), PERCEPT_HAND_LANDMARKS);
    ck_assert_double_eq(
        json_number_value(json_array_get(json_array_get(image, PERCEPT_INDEX_TIP), 1)), 12.5);
    json_t *tip = json_array_get(json_object_get(hand, "world"), PERCEPT_LITTLE_TIP);
    ck_assert_uint_eq(json_array_size(tip), 3);
    ck_assert(json_is_null(json_array_get(tip, 2)));
    json_decref(json);
    cli_layout_free(layout);
}
END_TEST

static void line_of(const char *name, const void *data, size_t size, char text[512])
{
    FILE *file = fmemopen(text, 512, "w");
    ck_assert_ptr_nonnull(file);
    cli_decode_line(cli_schema_find(name), NULL, data, size, file);
    fclose(file);
}

START_TEST(text_is_a_line_of_what_was_read)
{
    static struct percept_text text = {.frame = 3, .model_ns = 7, .line_count = 2};
    char line[512];
    text.lines[0] = (struct percept_text_line){.id = 4,
                                               .seen = 1,
                                               .language = "en",
                                               .text = "EXIT",
                                               .translation = "sa\xc3\xad"
                                                              "da"};
    text.lines[1] = (struct percept_text_line){.id = 5};
    memset(text.lines[1].text, '\n', sizeof text.lines[1].text); /* without an end */
    line_of(PERCEPT_TEXT_SCHEMA, &text, sizeof text, line);
    ck_assert_ptr_nonnull(strstr(line, "frame 3: #4 EXIT [en] = sa\xc3\xad"
                                       "da; #5 (not seen) ?"));
    ck_assert_ptr_null(memchr(line, '\n', strlen(line) - 1));
    ck_assert_int_eq(cli_schema_find(PERCEPT_TEXT_SCHEMA)->model_ns(&text), 7);
    text.line_count = 0;
    line_of(PERCEPT_TEXT_SCHEMA, &text, sizeof text, line);
    ck_assert_ptr_nonnull(strstr(line, "no text"));
    const struct percept_text_presence presence = {
        .capture_ns = 3500000000, .since_ns = 1000000000, .line_count = 1};
    line_of(PERCEPT_TEXT_PRESENCE_SCHEMA, &presence, sizeof presence, line);
    ck_assert_ptr_nonnull(strstr(line, "1 line of text for 2.5 s"));
}
END_TEST

START_TEST(a_count_beyond_the_array_is_not_believed)
{
    struct percept_hands hands = {.hand_count = 1000000};
    struct cli_layout *layout = layout_of(PERCEPT_HANDS_SCHEMA);
    json_t *json = cli_decode_json(layout, &hands, sizeof hands);
    ck_assert_uint_eq(json_array_size(json_object_get(json, "hands")), PERCEPT_HANDS_MAX);
    json_decref(json);
    cli_layout_free(layout);
}
END_TEST

START_TEST(what_is_not_known_or_too_short_is_shown_as_bytes)
{
    const unsigned char data[] = {0xde, 0xad};
    ck_assert_ptr_null(cli_schema_find("percept.depth/9"));
    ck_assert_ptr_null(layout_of("percept.depth/9"));
    struct cli_layout *layouts[] = {NULL, layout_of(PERCEPT_FRAME_SCHEMA)};
    for (size_t i = 0; i < 2; i++) {
        json_t *json = cli_decode_json(layouts[i], data, sizeof data);
        ck_assert_str_eq(json_string_value(json_object_get(json, "hex")), "dead");
        ck_assert_int_eq(json_integer_value(json_object_get(json, "size")), 2);
        json_decref(json);
        cli_layout_free(layouts[i]);
    }
}
END_TEST

/* A schema of which this build has no struct. */
START_TEST(what_only_its_description_is_known_of_decodes_all_the_same)
{
    const struct {
        int64_t a;
        uint32_t count, word;
        float table[2][2];
        char text[8];
    } data = {-3, 1, 1, {{1, 2}, {3, 4}}, "ab\x01"};
    struct percept_error error = {0};
    struct cli_layout *layout;
    json_t *description = json_loads(
        "{\"name\": \"x/1\", \"size\": 40, \"fields\": ["
        "{\"name\": \"a\", \"type\": \"i64\", \"offset\": 0},"
        "{\"name\": \"n\", \"type\": \"u32\", \"offset\": 8},"
        "{\"name\": \"w\", \"type\": \"u32\", \"offset\": 12, \"words\": [\"no\", \"yes\"]},"
        "{\"name\": \"t\", \"type\": \"f32\", \"offset\": 16, \"shape\": [2, 2], \"count\": \"n\"},"
        "{\"name\": \"s\", \"type\": \"text\", \"offset\": 32, \"shape\": [8]}]}",
        0, NULL);
    ck_assert_int_eq(cli_layout_parse(description, &layout, &error), PERCEPT_OK);
    json_t *json = cli_decode_json(layout, &data, sizeof data);
    json_t *want = json_pack("{s:i, s:i, s:s, s:[[f, f]], s:s}", "a", -3, "n", 1, "w", "yes", "t",
                             1.0, 2.0, "s", "ab?");
    ck_assert(json_equal(json, want));
    json_decref(want);
    json_decref(json);
    json_decref(description);
    cli_layout_free(layout);
}
END_TEST

START_TEST(a_description_that_contradicts_itself_is_refused)
{
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"[]", "no size"},
        {"{\"size\": 0, \"fields\": []}", "no size"},
        {"{\"size\": 1e300, \"fields\": []}", "no size"},
        {"{\"size\": 8}", "no fields"},
        {"{\"size\": 8, \"fields\": [1]}", "no name"},
        {"{\"size\": 8, \"fields\": [{\"name\": \"a\", \"type\": \"i65\", \"offset\": 0}]}",
         "no type"},
        {"{\"size\": 8, \"fields\": [{\"name\": \"a\", \"type\": \"i64\", \"offset\": -1}]}",
         "offset"},
        {"{\"size\": 8, \"fields\": [{\"name\": \"a\", \"type\": \"i64\", \"offset\": 1}]}",
         "outside"},
        {"{\"size\": 8, \"fields\": [{\"name\": \"a\", \"type\": \"text\", \"offset\": 0}]}",
         "shape"},
        {"{\"size\": 8, \"fields\": [{\"name\": \"a\", \"type\": \"u32\", \"offset\": 0, "
         "\"shape\": [1000000000, 1000000000]}]}",
         "outside"},
        {"{\"size\": 8, \"fields\": [{\"name\": \"a\", \"type\": \"u32\", \"offset\": 0}, "
         "{\"name\": \"b\", \"type\": \"u32\", \"offset\": 2}]}",
         "outside"},
        {"{\"size\": 8, \"fields\": [{\"name\": \"a\", \"type\": \"u32\", \"offset\": 0, "
         "\"shape\": [2], \"count\": \"a\"}]}",
         "refers"},
        {"{\"size\": 8, \"fields\": [{\"name\": \"a\", \"type\": \"image\", \"offset\": 8}]}",
         "refers"},
        {"{\"size\": 8, \"fields\": [{\"name\": \"a\", \"type\": \"f32\", \"offset\": 0, "
         "\"words\": [\"x\"]}]}",
         "words"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct percept_error error = {0};
        struct cli_layout *layout = NULL;
        json_t *description = json_loads(cases[i].text, 0, NULL);
        ck_assert_ptr_nonnull(description);
        ck_assert_int_eq(cli_layout_parse(description, &layout, &error), PERCEPT_MALFORMED);
        ck_assert_msg(strstr(error.message, cases[i].says), "%s: %s", cases[i].text, error.message);
        ck_assert_ptr_null(layout);
        json_decref(description);
    }
}
END_TEST

/* ---- stats ---- */

START_TEST(percentiles_are_nearest_ranks)
{
    int64_t values[100];
    for (int i = 0; i < 100; i++)
        values[i] = 100 - i;
    cli_sort(values, 100);
    ck_assert_int_eq(cli_percentile(values, 100, 0.5), 50);
    ck_assert_int_eq(cli_percentile(values, 100, 0.99), 99);
    ck_assert_int_eq(cli_percentile(values, 100, 1), 100);
    ck_assert_int_eq(cli_percentile(values, 100, 0), 1);
    ck_assert_int_eq(cli_percentile(values, 1, 0.99), 1);
    ck_assert_int_eq(cli_percentile(values, 0, 0.5), 0);
}
END_TEST

START_TEST(a_long_series_stays_bounded_and_even)
{
    struct cli_series series = {0};
    struct cli_summary summary;
    const int64_t total = 5 * CLI_SERIES_MAX + 123;
    for (int64_t i = 0; i < total; i++)
        ck_assert(cli_series_add(&series, i, i));
    ck_assert_uint_eq(series.seen, (uint64_t)total);
    ck_assert_uint_le(series.count, CLI_SERIES_MAX);
    ck_assert_uint_ge(series.count, CLI_SERIES_MAX / 2);
    for (size_t i = 0; i < series.count; i++)
        ck_assert_int_eq(series.points[i].at_ns, (int64_t)(i * series.stride));
    ck_assert(cli_series_summary(&series, &summary));
    ck_assert_int_eq(summary.min_ns, 0);
    ck_assert_int_le(llabs(summary.median_ns - total / 2), total / 1000);
    ck_assert_int_le(llabs(summary.p99_ns - total * 99 / 100), total / 1000);
    cli_series_free(&series);
}
END_TEST

/* ---- tensors ---- */

static const enum prt_dtype dtypes[] = {
#define DTYPE(name, code, size, text) PRT_##name,
    PRT_DTYPE_TABLE(DTYPE)
#undef DTYPE
};

START_TEST(tensors_survive_a_file)
{
    struct prt_tensor spec = {.dtype = dtypes[_i], .rank = 3, .sizes = {2, 3, 5}};
    unsigned char data[2 * 3 * 5 * 8];
    void *back;
    size_t size;
    cli_tensor_random(&spec, 1, data);
    ck_assert_int_eq(cli_tensor_write(in_folder("t"), &spec, data, NULL), PERCEPT_OK);
    const char *path = in_folder(spec.dtype == PRT_BF16 ? "t.bin" : "t.npy");
    ck_assert_int_eq(cli_tensor_read(path, &spec, &back, &size, NULL), PERCEPT_OK);
    ck_assert_uint_eq(size, 30 * prt_dtype_size(spec.dtype));
    ck_assert_mem_eq(back, data, size);
    free(back);

    struct percept_error error;
    spec.sizes[2] = 6;
    ck_assert_int_eq(cli_tensor_read(path, &spec, &back, &size, &error), PERCEPT_INVALID);
    ck_assert_str_eq(error.file, path);
}
END_TEST

START_TEST(rank_0_survives_a_file)
{
    struct prt_tensor spec = {.dtype = PRT_F32, .rank = 0};
    float value = 2.5f;
    void *back;
    size_t size;
    ck_assert_int_eq(cli_tensor_write(in_folder("s"), &spec, &value, NULL), PERCEPT_OK);
    ck_assert_int_eq(cli_tensor_read(in_folder("s.npy"), &spec, &back, &size, NULL), PERCEPT_OK);
    ck_assert_uint_eq(size, sizeof value);
    ck_assert_mem_eq(back, &value, size);
    free(back);
}
END_TEST

static const struct {
    const char *what;
    const char *bytes;
    size_t size;
} bad_npy[] = {
    {"empty", "", 0},
    {"cut off", "\x93NUMPY\x01\x00\x76", 9},
    {"header beyond the end", "\x93NUMPY\x01\x00\xff\xff{'descr'", 18},
    {"length 0", "\x93NUMPY\x01\x00\x00\x00xxxxxxxxxxxxxxxxxxxxx", 30},
    {"no magic", "NUMPYNUMPYNUMPYNUMPY", 20},
    {"no keys", "\x93NUMPY\x01\x00\x08\x00{aaaaaa\nxxxxxxxxxxxx", 30},
    {"no colon", "\x93NUMPY\x01\x00\x10\x00{'descr' 'fortra\n", 26},
};

START_TEST(a_broken_npy_is_refused)
{
    struct prt_tensor spec = {.dtype = PRT_F32, .rank = 1, .sizes = {3}};
    struct percept_error error = {0};
    void *back;
    size_t size;
    FILE *file = fopen(in_folder("bad.npy"), "wb");
    fwrite(bad_npy[_i].bytes, 1, bad_npy[_i].size, file);
    fclose(file);
    ck_assert_int_ne(cli_tensor_read(in_folder("bad.npy"), &spec, &back, &size, &error),
                     PERCEPT_OK);
    ck_assert_str_ne(error.message, "");
}
END_TEST

START_TEST(random_floats_are_below_one)
{
    static const enum prt_dtype floats[] = {PRT_F16, PRT_BF16, PRT_F32, PRT_F64};
    static double buffer[4096];
    for (size_t t = 0; t < 4; t++) {
        struct prt_tensor spec = {.dtype = floats[t], .rank = 1, .sizes = {4096}};
        cli_tensor_random(&spec, 9, buffer);
        for (size_t i = 0; i < 4096; i++) {
            double value = cli_tensor_at(floats[t], buffer, i);
            ck_assert(value >= 0 && value < 1);
        }
    }
}
END_TEST

START_TEST(halves_convert_exactly)
{
    const uint16_t half[] = {0x3c00, 0xc000, 0x0001, 0x0400, 0x7bff, 0x7c00};
    const double want[] = {1, -2, 0x1p-24, 0x1p-14, 65504, INFINITY};
    for (size_t i = 0; i < 6; i++)
        ck_assert_double_eq(cli_tensor_at(PRT_F16, half, i), want[i]);
    const uint16_t brain[] = {0x3f80, 0xff80};
    ck_assert_double_eq(cli_tensor_at(PRT_BF16, brain, 0), 1);
    ck_assert_double_eq(cli_tensor_at(PRT_BF16, brain, 1), -INFINITY);
}
END_TEST

START_TEST(comparison_knows_nan_infinity_and_tolerance)
{
    const struct prt_tensor spec = {.dtype = PRT_F32, .rank = 1, .sizes = {5}};
    const float want[] = {1, NAN, INFINITY, 100, 0};
    float got[] = {1.00005f, NAN, INFINITY, 100.005f, 0.00005f};
    const struct cli_tolerance tolerance = {1e-4, 1e-4};
    struct cli_difference same = cli_tensor_compare(&spec, got, want, tolerance);
    ck_assert_uint_eq(same.count, 0);
    ck_assert_double_eq_tol(same.max_absolute, 0.005, 1e-4);
    const float wrong[][2] = {{1, 0}, {2, -INFINITY}, {3, NAN}, {4, 0.001f}};
    for (size_t i = 0; i < 4; i++) {
        size_t at = (size_t)wrong[i][0];
        float before = got[at];
        got[at] = wrong[i][1];
        struct cli_difference difference = cli_tensor_compare(&spec, got, want, tolerance);
        ck_assert_uint_eq(difference.count, 1);
        ck_assert_uint_eq(difference.first, at);
        ck_assert(difference.max_absolute >= 0.001);
        got[at] = before;
    }
    ck_assert_uint_eq(cli_tensor_compare(&spec, got, want, (struct cli_tolerance){0, 0}).count, 3);
}
END_TEST

/* ---- files ---- */

START_TEST(a_file_appears_whole_or_not_at_all)
{
    struct cli_file file;
    struct percept_error error = {0};
    struct stat info;
    void *data;
    size_t size;
    const char *path = in_folder("report");
    ck_assert_int_eq(cli_file_create(path, &file, &error), PERCEPT_OK);
    fputs("all of it", file.stream);
    ck_assert_int_ne(stat(path, &info), 0);
    ck_assert_int_eq(cli_file_commit(&file, &error), PERCEPT_OK);
    ck_assert_int_eq(cli_file_read(path, &data, &size, &error), PERCEPT_OK);
    ck_assert_str_eq(data, "all of it");
    free(data);

    ck_assert_int_eq(cli_file_create(in_folder("absent/report"), &file, &error), PERCEPT_OK);
    fputs("x", file.stream);
    ck_assert_int_eq(cli_file_commit(&file, &error), PERCEPT_NOT_FOUND);
    ck_assert_str_eq(error.message, "No such file or directory");
    ck_assert_int_eq(cli_file_create(in_folder("given-up"), &file, &error), PERCEPT_OK);
    cli_file_abandon(&file);
    ck_assert_int_ne(stat(in_folder("given-up"), &info), 0);
}
END_TEST

START_TEST(folders_are_made_with_their_parents)
{
    struct percept_error error = {0};
    struct stat info;
    ck_assert_int_eq(cli_make_directory(in_folder("a/b/c"), &error), PERCEPT_OK);
    ck_assert_int_eq(cli_make_directory(in_folder("a/b/c"), &error), PERCEPT_OK);
    ck_assert(stat(in_folder("a/b/c"), &info) == 0 && S_ISDIR(info.st_mode));
    fclose(fopen(in_folder("file"), "w"));
    ck_assert_int_ne(cli_make_directory(in_folder("file/x"), &error), PERCEPT_OK);
}
END_TEST

/* ---- pictures ---- */

START_TEST(base64_pads)
{
    static const char *const text[] = {"", "Zg==", "Zm8=", "Zm9v", "Zm9vYg=="};
    for (size_t i = 0; i < 5; i++) {
        char *out = NULL;
        size_t size;
        FILE *file = open_memstream(&out, &size);
        cli_base64((const unsigned char *)"foob", i, file);
        fclose(file);
        ck_assert_str_eq(out, text[i]);
        free(out);
    }
}
END_TEST

START_TEST(a_jpeg_is_made_or_refused)
{
    unsigned char pixels[5 * 7 * 3] = {0}, *jpeg;
    size_t size;
    ck_assert(cli_jpeg_encode(pixels, 5, 7, 3, &jpeg, &size));
    ck_assert(size > 100 && jpeg[0] == 0xff && jpeg[1] == 0xd8 && jpeg[size - 1] == 0xd9);
    free(jpeg);
    ck_assert(cli_jpeg_encode(pixels, 5, 7, 1, &jpeg, &size));
    free(jpeg);
    ck_assert(!cli_jpeg_encode(pixels, 70000, 1, 3, &jpeg, &size));
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof(array)[0]))

int main(void)
{
    Suite *suite = suite_create("cli");
    TCase *tests = tcase_create("cli");
    tcase_add_checked_fixture(tests, make_folder, remove_folder);
    tcase_add_test(tests, table_columns_are_as_wide_as_their_cells);
    tcase_add_test(tests, hands_decode_by_their_names);
    tcase_add_test(tests, text_is_a_line_of_what_was_read);
    tcase_add_test(tests, a_count_beyond_the_array_is_not_believed);
    tcase_add_test(tests, what_is_not_known_or_too_short_is_shown_as_bytes);
    tcase_add_test(tests, what_only_its_description_is_known_of_decodes_all_the_same);
    tcase_add_test(tests, a_description_that_contradicts_itself_is_refused);
    tcase_add_test(tests, percentiles_are_nearest_ranks);
    tcase_add_test(tests, a_long_series_stays_bounded_and_even);
    tcase_add_loop_test(tests, tensors_survive_a_file, 0, COUNT(dtypes));
    tcase_add_test(tests, rank_0_survives_a_file);
    tcase_add_loop_test(tests, a_broken_npy_is_refused, 0, COUNT(bad_npy));
    tcase_add_test(tests, random_floats_are_below_one);
    tcase_add_test(tests, halves_convert_exactly);
    tcase_add_test(tests, comparison_knows_nan_infinity_and_tolerance);
    tcase_add_test(tests, a_file_appears_whole_or_not_at_all);
    tcase_add_test(tests, folders_are_made_with_their_parents);
    tcase_add_test(tests, base64_pads);
    tcase_add_test(tests, a_jpeg_is_made_or_refused);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
