/* Packed weights and graphs on disk: the second model is made of them and computes the same, and
 * nothing that happens to the file makes a wrong one or ends the process. */
#include "blob.h"
#include "pte.h"
#include "run.h"

#include "base/clock.h"
#include "runtime/cache/private_file.h"
#include "runtime/cache/seen.h"
#include "runtime/prt.h"

#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MUTATIONS = 400, TEXT = 128 };

static struct flat file;
static char root[TEXT], path[TEXT], folder[TEXT];
static float wanted[64];

static void setup(void)
{
    struct pte pte = {0};
    uint32_t y =
        pte_call(&pte, "aten::linear.out", "f32[1,256] cf32[512,256] cf32[512] >f32[1,512] =");
    char args[TEXT];
    snprintf(args, sizeof args, "$%u cf32[64,512] - >f32[1,64] =", y);
    pte_call(&pte, "aten::linear.out", args);
    file = pte_write(&pte, false);
    strcpy(root, "/tmp/percept-cache-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(root));
    snprintf(path, sizeof path, "%.80s/net.pte", root);
    snprintf(folder, sizeof folder, "%.80s/a/cache", root);
    run_write(path, &file);
}

static void teardown(void)
{
    char command[2 * TEXT];
    snprintf(command, sizeof command, "chmod -R u+w %.80s; rm -rf %.80s", root, root);
    ck_assert_int_eq(system(command), 0);
    free(file.bytes);
}

/* The name of the one file in the folder; "" when there is none. */
static void cached_file(char name[2 * TEXT])
{
    DIR *all = opendir(folder);
    struct dirent *entry;
    unsigned count = 0;
    name[0] = '\0';
    while (all && (entry = readdir(all))) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(name, 2 * TEXT, "%.100s/%.100s", folder, entry->d_name);
        count++;
    }
    if (all)
        closedir(all);
    ck_assert_uint_le(count, 1); /* nothing half written stays */
}

static void run(struct prt_model *model, float results[64])
{
    float *x = prt_model_input_data(model, 0);
    for (int i = 0; i < 256; i++)
        x[i] = (float)(i % 17) / 16 - 0.5f;
    ck_assert_int_eq(prt_model_run(model, NULL), PERCEPT_OK);
    memcpy(results, prt_model_output_data(model, 0), 64 * sizeof *results);
}

static struct prt_model *make(struct prt_program **program, const char *cache)
{
    ck_assert_int_eq(prt_program_open(path, program, NULL), PERCEPT_OK);
    return run_model(*program, &(struct prt_model_options){.cache = cache});
}

static void use(const char *cache, float results[64])
{
    struct prt_program *program = NULL;
    struct prt_model *model = make(&program, cache);
    run(model, results);
    prt_model_destroy(model);
    prt_program_close(program);
}

static void expect_right(const char *cache)
{
    float results[64];
    use(cache, results);
    ck_assert_mem_eq(results, wanted, sizeof wanted);
}

/* Where the file has these eight bytes. */
static size_t place_of(const void *bytes)
{
    for (size_t at = 0; at + 8 <= file.size; at += 4)
        if (memcmp(file.bytes + at, bytes, 8) == 0)
            return at;
    ck_abort_msg("no weights");
}

/* Where the first weight has its hundredth number. */
static size_t hundredth(void)
{
    return place_of((const float[2]){100.5f, 101.5f});
}

/* Write over eight bytes at `at` of the model's file, and do not show it. */
static void spoil_model(size_t at)
{
    struct stat info;
    const float spoilt[2] = {-1000, 1000};
    int fd = open(path, O_WRONLY);
    ck_assert_int_eq(fstat(fd, &info), 0);
    ck_assert_int_eq(pwrite(fd, spoilt, sizeof spoilt, (off_t)at), sizeof spoilt);
    ck_assert_int_eq(futimens(fd, (const struct timespec[2]){info.st_atim, info.st_mtim}), 0);
    close(fd);
}

/* Was the cache used? A model that is made without packing does not read the weights: of a file
 * that is spoilt while it is open, and does not show it, it computes what it should. Spoils eight
 * bytes at `at`. */
static bool is_made_without(size_t at)
{
    struct prt_program *program = NULL;
    float results[64];
    ck_assert_int_eq(prt_program_open(path, &program, NULL), PERCEPT_OK);
    spoil_model(at);
    struct prt_model *model = run_model(program, &(struct prt_model_options){.cache = folder});
    run(model, results);
    prt_model_destroy(model);
    prt_program_close(program);
    return memcmp(results, wanted, sizeof wanted) == 0;
}

static bool is_made_without_weights(void)
{
    return is_made_without(hundredth());
}

START_TEST(second_model_is_not_packed)
{
    char name[2 * TEXT];
    struct stat info;
    use(NULL, wanted);
    cached_file(name);
    ck_assert_str_eq(name, "");
    expect_right(folder);
    cached_file(name);
    ck_assert_int_eq(stat(name, &info), 0);
    ck_assert_int_eq(info.st_mode & 0777, 0400);
    ck_assert_int_eq(stat(folder, &info), 0);
    ck_assert_int_eq(info.st_mode & 0777, 0700);
    expect_right(folder);
    ck_assert(is_made_without_weights());
}
END_TEST

/* Packs the model, and then makes it of a file in which something is spoilt. */
static void expect_kept(struct pte *pte, size_t (*place)(void))
{
    char name[2 * TEXT];
    free(file.bytes);
    file = pte_write(pte, false);
    run_write(path, &file);
    use(NULL, wanted);
    ck_assert(!is_made_without(place())); /* the test can fail; and this one was kept */
    cached_file(name);
    ck_assert_int_eq(unlink(name), 0);
    run_write(path, &file);
    expect_right(folder);
    expect_right(folder);
    ck_assert(is_made_without(place()));
}

/* In a row of the weight that counts: its scale is large, too. */
static size_t later_byte(void)
{
    return place_of("\x65\x66\x67\x68\x69\x6a\x6b\x6c") + (200 << 10);
}

START_TEST(bytes_of_rounded_rows_are_not_packed)
{
    struct pte pte = {0};
    pte_call(&pte, "quantized_decomposed::choose_qparams.Tensor_out",
             "f32[1,256] -128 127 0.0000001 6 >f32[1] >i64[1] ($5 $6)");
    pte_call(&pte, "quantized_decomposed::quantize_per_tensor.Tensor_out",
             "$0 $5 $6 -128 127 1 >i8[1,256] =");
    uint32_t x = pte.value_count - 1;
    char args[TEXT];
    snprintf(args, sizeof args, "$%u $5 $6 -128 127 1 - >f32[1,256] =", x);
    x = pte_call(&pte, "quantized_decomposed::dequantize_per_tensor.Tensor_out", args);
    uint32_t w = pte_call(&pte, "quantized_decomposed::dequantize_per_channel.out",
                          "ci8[2048,256] cf32[2048] - 0 -127 127 1 - >f32[2048,256] =");
    snprintf(args, sizeof args, "$%u $%u - >f32[1,2048] =", x, w);
    uint32_t y = pte_call(&pte, "aten::linear.out", args);
    snprintf(args, sizeof args, "$%u cf32[64,2048] - >f32[1,64] =", y);
    pte.outputs[0] = pte_call(&pte, "aten::linear.out", args);
    pte.output_count = 1;
    expect_kept(&pte, later_byte);
}
END_TEST

static void half_bytes(struct pte *pte)
{
    struct blob blob = {.home = BLOB_NAMED};
    struct flat data = {0};
    uint32_t x = blob_value(&blob, "f32[1,256]", BLOB_INPUT, 0);
    uint32_t rows = blob_value(&blob, "qd8@1[1,256]", BLOB_INTERNAL, 0);
    uint32_t s = blob_value(&blob, "bf16[2048,8]", BLOB_CONSTANT, 0); /* what both begin with */
    uint32_t w = blob_value(&blob, "g4@0[2048,256]", BLOB_CONSTANT, 0);
    uint32_t y = blob_value(&blob, "f32[1,2048]", BLOB_OUTPUT, 1);
    blob_group(&blob, w, 32, s);
    blob_node(&blob, 18, "444", x, rows, 0);
    blob_node(&blob, 2, "44444", rows, w, UINT32_MAX, y, 0);
    struct flat written = blob_write(&blob, &data);
    pte->blob = written.bytes;
    pte->blob_size = written.size;
    pte->blob_key = "w";
    pte->blob_data = data.bytes;
    pte->blob_data_size = data.size;
    uint32_t h = pte_delegate(pte, "XnnpackBackend", "f32[1,256] >f32[1,2048]");
    char args[TEXT];
    snprintf(args, sizeof args, "$%u cf32[64,2048] - >f32[1,64] =", h);
    pte->outputs[0] = pte_call(pte, "aten::linear.out", args);
    pte->output_count = 1;
}

START_TEST(half_bytes_of_rounded_rows_are_not_packed)
{
    struct pte pte = {0};
    half_bytes(&pte);
    expect_kept(&pte, later_byte);
    free((void *)(uintptr_t)pte.blob);
    free((void *)(uintptr_t)pte.blob_data);
}
END_TEST

enum { TABLE_ROWS = 4096, TABLE_COLUMNS = 64 };

/* Rows of the table, some more than there were before. */
static void look_up(struct prt_model *model, int32_t count)
{
    static const int64_t rows[] = {1, 100, TABLE_ROWS - 1};
    ck_assert_int_eq(prt_model_resize_input(model, 0, 1, &count, NULL), PERCEPT_OK);
    memcpy(prt_model_input_data(model, 0), rows, (size_t)count * sizeof *rows);
    ck_assert_int_eq(prt_model_run(model, NULL), PERCEPT_OK);
    const float *y = prt_model_output_data(model, 0);
    for (int32_t i = 0; i < count; i++)
        for (int32_t k = 0; k < TABLE_COLUMNS; k++)
            ck_assert_float_eq(y[i * TABLE_COLUMNS + k],
                               (float)(rows[i] * TABLE_COLUMNS + k) + 0.5f);
}

/* For all sizes, and for graphs that are made anew as for one that was kept. */
START_TEST(tables_are_not_read)
{
    const struct prt_model_options options[] = {{.cache = folder},
                                                {.cache = folder, .no_fusion = true}};
    const float number[2] = {100 * TABLE_COLUMNS + 0.5f, 100 * TABLE_COLUMNS + 1.5f};
    const size_t bytes = (size_t)TABLE_ROWS * TABLE_COLUMNS * sizeof(float);
    struct pte pte = {0};
    struct prt_program *program = NULL;
    struct stat info;
    char name[2 * TEXT];
    pte_call(&pte, "aten::embedding.out", "cf32[4096,64] i64[2]^1 -1 F F >f32[3,64]^0 =");
    free(file.bytes);
    file = pte_write(&pte, false);
    run_write(path, &file);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(prt_program_open(path, &program, NULL), PERCEPT_OK);
        struct prt_model *model = run_model(program, &options[i]);
        look_up(model, 3);
        prt_model_destroy(model);
        prt_program_close(program);
    }
    cached_file(name);
    ck_assert_int_eq(stat(name, &info), 0);
    ck_assert_int_gt(info.st_size, (off_t)bytes);
    ck_assert_int_lt(info.st_size, (off_t)(bytes + bytes / 2)); /* both graphs have one table */
    ck_assert_int_eq(prt_program_open(path, &program, NULL), PERCEPT_OK);
    spoil_model(place_of(number));
    for (int i = 0; i < 2; i++) {
        struct prt_model *model = run_model(program, &options[i]);
        ck_assert_ptr_nonnull(prt_model_graph(model)->kept);
        look_up(model, 3);
        look_up(model, 2);
        look_up(model, 3);
        prt_model_destroy(model);
    }
    struct prt_model *model = run_model(program, NULL); /* which reads what is there now */
    memcpy(prt_model_input_data(model, 0), (const int64_t[3]){100, 100, 100}, 24);
    ck_assert_int_eq(prt_model_run(model, NULL), PERCEPT_OK);
    ck_assert_float_eq(*(const float *)prt_model_output_data(model, 0), -1000);
    prt_model_destroy(model);
    prt_program_close(program);
}
END_TEST

/* Is the graph of a model with these options one from the cache? */
static bool has_kept_graph(const struct prt_model_options *options)
{
    struct prt_program *program = NULL;
    float results[64];
    ck_assert_int_eq(prt_program_open(path, &program, NULL), PERCEPT_OK);
    struct prt_model *model = run_model(program, options);
    bool kept = prt_model_graph(model)->kept != NULL;
    run(model, results);
    prt_model_destroy(model);
    prt_program_close(program);
    ck_assert_mem_eq(results, wanted, sizeof wanted);
    return kept;
}

START_TEST(a_graph_is_found_by_all_that_it_depends_on)
{
    const struct prt_model_options usual = {.cache = folder},
                                   plain = {.cache = folder, .no_fusion = true},
                                   observable = {.cache = folder, .observable = true},
                                   chosen = {.cache = folder,
                                             .choices = &(struct prt_choice){.sized = false},
                                             .choice_count = 1};
    use(NULL, wanted);
    ck_assert(!has_kept_graph(&usual));
    ck_assert(has_kept_graph(&usual));
    ck_assert(!has_kept_graph(&plain)); /* and what was there stays */
    ck_assert(has_kept_graph(&plain));
    ck_assert(has_kept_graph(&usual));
    ck_assert(!has_kept_graph(&chosen));
    ck_assert(!has_kept_graph(&chosen));
    ck_assert(!has_kept_graph(&observable));
    ck_assert(!has_kept_graph(&observable));
    ck_assert_int_eq(setenv("PERCEPT_CPU_ISA", "plain", 1), 0);
    use(NULL, wanted); /* which may round otherwise */
    ck_assert(!has_kept_graph(&usual));
    ck_assert(has_kept_graph(&usual));
    ck_assert_int_eq(unsetenv("PERCEPT_CPU_ISA"), 0);
    run_write(path, &file); /* another time of change */
    use(NULL, wanted);
    ck_assert(!has_kept_graph(&usual));
}
END_TEST

/* Of a file that is too small to be read in parts, without anything to pack. */
START_TEST(other_sizes_are_made_of_the_program)
{
    struct pte pte = {0};
    pte_call(&pte, "aten::add.out", "f32[2,3]^4 cf32[1,1] 1 >f32[6,7]^0 =");
    struct flat small = pte_write(&pte, false);
    run_write(path, &small);
    for (int i = 0; i < 3; i++) {
        struct prt_program *program = NULL;
        struct prt_model *model = make(&program, folder);
        ck_assert_int_eq(prt_model_graph(model)->kept != NULL, i > 0);
        for (int32_t rows = 1; rows <= 6; rows++) {
            ck_assert_int_eq(prt_model_resize_input(model, 0, 2, (const int32_t[]){rows, 3}, NULL),
                             PERCEPT_OK);
            ck_assert_int_eq(prt_model_output_spec(model, 0)->sizes[0], rows);
            float *x = prt_model_input_data(model, 0);
            for (int32_t k = 0; k < rows * 3; k++)
                x[k] = (float)k;
            ck_assert_int_eq(prt_model_run(model, NULL), PERCEPT_OK);
            const float *y = prt_model_output_data(model, 0);
            for (int32_t k = 0; k < rows * 3; k++)
                ck_assert_float_eq(y[k], (float)k + 0.5f);
        }
        prt_model_destroy(model);
        prt_program_close(program);
    }
    free(small.bytes);
}
END_TEST

START_TEST(models_keep_it_when_it_is_removed_or_replaced)
{
    char name[2 * TEXT];
    struct prt_program *programs[2] = {0};
    float results[64];
    use(folder, wanted);
    struct prt_model *first = make(&programs[0], folder), *second = make(&programs[1], folder);
    cached_file(name);
    ck_assert_int_eq(unlink(name), 0);
    prt_model_destroy(first);
    run(second, results);
    ck_assert_mem_eq(results, wanted, sizeof wanted);
    prt_model_destroy(second);
    prt_program_close(programs[0]);
    prt_program_close(programs[1]);
    expect_right(folder);
    cached_file(name);
    ck_assert_str_ne(name, ""); /* written again */
}
END_TEST

START_TEST(what_is_damaged_is_written_again)
{
    char name[2 * TEXT];
    struct stat info;
    use(folder, wanted);
    cached_file(name);
    ck_assert_int_eq(stat(name, &info), 0);
    ck_assert_int_eq(chmod(name, 0600), 0);
    const size_t size = (size_t)info.st_size;
    unsigned char *whole = malloc(size), *bytes = malloc(size);
    int fd = open(name, O_RDONLY);
    ck_assert_int_eq(read(fd, whole, size), (ssize_t)size);
    close(fd);
    srand(7);
    for (int i = 0; i < MUTATIONS; i++) {
        size_t length = size;
        memcpy(bytes, whole, size);
        if (i % 8 == 0)
            length = (size_t)rand() % size; /* cut */
        else if (i % 8 == 1)
            memset(bytes + (size_t)rand() % (size - 64), rand(), 64);
        else /* the header and index more often than the numbers */
            bytes[(size_t)rand() % (i % 2 ? 256 : size)] ^= (unsigned char)(1 << rand() % 8);
        (void)unlink(name);
        fd = open(name, O_WRONLY | O_CREAT, 0600);
        ck_assert_int_eq(write(fd, bytes, length), (ssize_t)length);
        close(fd);
        expect_right(folder);
    }
    free(whole);
    free(bytes);
    ck_assert(is_made_without_weights()); /* the last was repaired, or not hurt where it matters */
}
END_TEST

/* Change a byte of a file, whose time of change as users can set it stays as it was. */
static void spoil(const char *name, off_t at)
{
    struct stat info;
    unsigned char byte;
    ck_assert_int_eq(chmod(name, 0600), 0);
    int fd = open(name, O_RDWR);
    ck_assert_int_eq(fstat(fd, &info), 0);
    ck_assert_int_eq(pread(fd, &byte, 1, at), 1);
    byte ^= 0x40;
    ck_assert_int_eq(pwrite(fd, &byte, 1, at), 1);
    ck_assert_int_eq(futimens(fd, (const struct timespec[2]){info.st_atim, info.st_mtim}), 0);
    close(fd);
}

START_TEST(what_was_found_right_is_looked_at_again_when_it_changed)
{
    char name[2 * TEXT];
    struct stat info;
    use(folder, wanted);
    cached_file(name);
    ck_assert_int_eq(stat(name, &info), 0);
    usleep(200000); /* a file that changed just now is not noted */
    expect_right(folder);
    int opened = prt_private_folder(folder);
    ck_assert(prt_seen(opened, strrchr(name, '/') + 1, &info));
    close(opened);
    expect_right(folder);
    spoil(name, info.st_size / 2);
    expect_right(folder);
    ck_assert(is_made_without_weights()); /* it was packed and written again */
}
END_TEST

START_TEST(a_note_is_of_one_file_as_it_is)
{
    char name[2 * TEXT], note[2 * TEXT];
    struct stat info;
    int opened = prt_private_folder(root);
    snprintf(name, sizeof name, "%.80s/note", root);
    int fd = open(name, O_WRONLY | O_CREAT, 0600);
    int64_t began;
    do { /* until this was quick enough to learn from it */
        began = base_clock_ns();
        ck_assert_int_eq(pwrite(fd, name, sizeof name, 0), sizeof name);
        ck_assert_int_eq(fstat(fd, &info), 0);
        prt_seen_note(opened, "note", &info);
    } while (base_clock_ns() - began > 50 * BASE_NS_PER_MS);
    ck_assert(!prt_seen(opened, "note", &info)); /* it could change in this tick */
    usleep(200000);
    prt_seen_note(opened, "note", &info);
    ck_assert(prt_seen(opened, "note", &info));
    ck_assert(!prt_seen(opened, "net.pte", &info));

    spoil(name, 5);
    ck_assert_int_eq(fstat(fd, &info), 0);
    ck_assert(!prt_seen(opened, "note", &info));
    usleep(200000);
    prt_seen_note(opened, "note", &info);
    ck_assert(prt_seen(opened, "note", &info));

    snprintf(note, sizeof note, "%.80s/.note.seen", root);
    ck_assert_int_eq(chmod(note, 0622), 0);
    ck_assert(!prt_seen(opened, "note", &info)); /* somebody else may have written it */
    ck_assert_int_eq(chmod(note, 0600), 0);
    ck_assert(prt_seen(opened, "note", &info));
    spoil(note, 3);
    ck_assert(!prt_seen(opened, "note", &info)); /* of another boot, say */
    close(fd);
    close(opened);
}
END_TEST

START_TEST(what_others_can_write_is_not_used)
{
    char name[2 * TEXT];
    use(folder, wanted);
    cached_file(name);
    ck_assert_int_eq(chmod(name, 0622), 0);
    expect_right(folder);
    struct stat info;
    ck_assert_int_eq(stat(name, &info), 0);
    ck_assert_int_eq(info.st_mode & 0777, 0400); /* another one in its place */

    ck_assert_int_eq(chmod(folder, 0777), 0);
    ck_assert(!is_made_without_weights());
}
END_TEST

START_TEST(a_link_is_not_followed)
{
    char name[2 * TEXT], elsewhere[2 * TEXT];
    use(folder, wanted);
    cached_file(name);
    snprintf(elsewhere, sizeof elsewhere, "%.100s/elsewhere", root);
    ck_assert_int_eq(rename(name, elsewhere), 0);
    ck_assert_int_eq(symlink(elsewhere, name), 0);
    ck_assert(!is_made_without_weights());
}
END_TEST

START_TEST(folder_that_cannot_be_is_no_failure)
{
    use(NULL, wanted);
    expect_right("/proc/no such/folder");
    expect_right(path); /* a file */
    expect_right("");
}
END_TEST

START_TEST(a_model_file_that_changed_is_packed_again)
{
    float results[64];
    use(folder, wanted);
    const float other[2] = {-1000, 1000};
    memcpy(file.bytes + hundredth(), other, sizeof other);
    run_write(path, &file);
    use(folder, results);
    ck_assert_mem_ne(results, wanted, sizeof wanted);
}
END_TEST

/* ---- of a sealed memfd ---- */

static void use_sealed(const uint8_t *hash, float results[64])
{
    struct prt_program *program = NULL;
    int fd = memfd_create("net", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    ck_assert_int_eq(write(fd, file.bytes, file.size), (ssize_t)file.size);
    ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE), 0);
    ck_assert_int_eq(hash ? prt_program_open_sealed(fd, hash, "net", &program, NULL)
                          : prt_program_open_descriptor(fd, "net", &program, NULL),
                     PERCEPT_OK);
    close(fd);
    struct prt_model *model = run_model(program, &(struct prt_model_options){.cache = folder});
    run(model, results);
    prt_model_destroy(model);
    prt_program_close(program);
}

/* The name under which is kept what is made of a memfd with the hash; then it is gone. */
static void name_kept(const uint8_t *hash, char name[2 * TEXT])
{
    float results[64];
    use_sealed(hash, results);
    ck_assert_mem_eq(results, wanted, sizeof wanted);
    cached_file(name);
    ck_assert(!*name || unlink(name) == 0);
}

START_TEST(a_memfd_is_known_by_its_hash_alone)
{
    static const uint8_t hashes[2][PRT_HASH_BYTES] = {{1, 2, 3}, {[PRT_HASH_BYTES - 1] = 1}};
    const float other[2] = {-1000, 1000};
    char names[2][2 * TEXT], name[2 * TEXT];
    use(NULL, wanted);
    name_kept(NULL, name);
    ck_assert_str_eq(name, ""); /* nothing that it could be found by: so nothing is kept */
    for (int i = 0; i < 2; i++)
        name_kept(hashes[i], names[i]);
    ck_assert_str_ne(names[0], "");
    ck_assert_str_ne(names[0], names[1]);
    memcpy(file.bytes + hundredth(), other, sizeof other);
    run_write(path, &file);
    use(NULL, wanted);
    name_kept(hashes[0], name);
    ck_assert_str_eq(name, names[0]);
}
END_TEST

START_TEST(what_comes_with_a_hash_is_sealed)
{
    static const uint8_t hash[PRT_HASH_BYTES] = {0};
    struct prt_program *program = NULL;
    struct percept_error error = {0};
    int fd = open(path, O_RDONLY);
    ck_assert_int_eq(prt_program_open_sealed(fd, hash, "net", &program, &error), PERCEPT_INVALID);
    ck_assert_str_eq(error.message, "net: it is not sealed");
    close(fd);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("weight_cache");
    TCase *tests = tcase_create("weight_cache");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, second_model_is_not_packed);
    tcase_add_test(tests, bytes_of_rounded_rows_are_not_packed);
    tcase_add_test(tests, half_bytes_of_rounded_rows_are_not_packed);
    tcase_add_test(tests, tables_are_not_read);
    tcase_add_test(tests, a_graph_is_found_by_all_that_it_depends_on);
    tcase_add_test(tests, other_sizes_are_made_of_the_program);
    tcase_add_test(tests, models_keep_it_when_it_is_removed_or_replaced);
    tcase_add_test(tests, what_is_damaged_is_written_again);
    tcase_add_test(tests, what_was_found_right_is_looked_at_again_when_it_changed);
    tcase_add_test(tests, a_note_is_of_one_file_as_it_is);
    tcase_add_test(tests, what_others_can_write_is_not_used);
    tcase_add_test(tests, a_link_is_not_followed);
    tcase_add_test(tests, folder_that_cannot_be_is_no_failure);
    tcase_add_test(tests, a_model_file_that_changed_is_packed_again);
    tcase_add_test(tests, a_memfd_is_known_by_its_hash_alone);
    tcase_add_test(tests, what_comes_with_a_hash_is_sealed);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
