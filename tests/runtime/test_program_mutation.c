/*
 * Real models, cut and with bits flipped: whatever happens, it is a status and not a crash, and a
 * graph that comes out of it is finished (checked). Seeded, so a failure repeats. Without the zoo's
 * models ($PERCEPT_MODELS) there is nothing to spoil, and the test fails: `make test` exports them.
 */
#include "runtime/program.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[] = {
    "hand_landmark_lite.fp32.pte",
    "hand_landmark_lite.fp32-xnnpack.pte",
    "hand_landmark_lite.int8.pte",
    "hand_landmark_lite.int8-xnnpack.pte",
};
enum { MODELS = sizeof names / sizeof names[0], CUTS = 200, TRIES = 1250 };

struct model {
    uint8_t *bytes;
    size_t size;
    size_t head;             /* bytes of the program's tables */
    size_t blob, blob_bytes; /* tables of the first delegate, 0 when there is none */
};

static struct model load(int index)
{
    const char *folder = getenv("PERCEPT_MODELS");
    char path[1024];
    struct model model = {0};
    snprintf(path, sizeof path, "%s/%s", folder ? folder : ".", names[index]);
    FILE *file = fopen(path, "rb");
    ck_assert_msg(file != NULL, "%s is not there: run `make test`, which exports the models", path);
    fseek(file, 0, SEEK_END);
    model.size = (size_t)ftell(file);
    rewind(file);
    model.bytes = malloc(model.size);
    ck_assert_uint_eq(fread(model.bytes, 1, model.size, file), model.size);
    fclose(file);
    uint64_t head;
    memcpy(&head, model.bytes + 16, sizeof head);
    model.head = (size_t)head;
    const uint8_t *blob = memmem(model.bytes, model.size, "XH00", 4);
    if (blob) {
        uint32_t at, size;
        memcpy(&at, blob - 4 + 10, sizeof at);
        memcpy(&size, blob - 4 + 14, sizeof size);
        model.blob = (size_t)(blob - 4 - model.bytes);
        model.blob_bytes = at + size;
    }
    return model;
}

/* Does it import? */
static bool try_import(const struct model *model, size_t size)
{
    struct prt_program *program = NULL;
    struct prt_graph *graph = NULL;
    struct percept_error error = {0};
    bool fine = prt_program_open_buffer(model->bytes, size, "spoilt", &program, &error) == 0 &&
                prt_program_import(program, "forward", &graph, &error) == 0;
    ck_assert(fine || (error.status != PERCEPT_OK && error.message[0]));
    prt_graph_destroy(graph);
    prt_program_close(program);
    return fine;
}

START_TEST(whole_model_imports)
{
    struct model model = load(_i);
    ck_assert(try_import(&model, model.size));
    free(model.bytes);
}
END_TEST

START_TEST(model_cut_anywhere)
{
    struct model model = load(_i);
    for (size_t i = 0; i < CUTS; i++)
        try_import(&model, model.size / CUTS * i);
    for (size_t i = 0; i < CUTS; i++)
        ck_assert(!try_import(&model, model.head / CUTS * i)); /* not without its tables */
    free(model.bytes);
}
END_TEST

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* A byte of the tables: flipping weights would prove nothing. */
static size_t place(const struct model *model, uint64_t random)
{
    size_t at = random % (model->head + model->blob_bytes);
    return at < model->head ? at : model->blob + (at - model->head);
}

/* One to seven bits a try, 20 000 for all models. */
START_TEST(model_with_bits_flipped)
{
    struct model model = load(_i);
    uint64_t random = 0x9e3779b97f4a7c15u + (uint64_t)_i;
    unsigned imported = 0;
    for (size_t i = 0; i < TRIES; i++) {
        size_t at[7], count = 1 + next_random(&random) % 7;
        uint8_t mask[7];
        for (size_t j = 0; j < count; j++) {
            at[j] = place(&model, next_random(&random));
            mask[j] = (uint8_t)(1u << next_random(&random) % 8);
            model.bytes[at[j]] ^= mask[j];
        }
        imported += try_import(&model, model.size);
        for (size_t j = count; j-- > 0;)
            model.bytes[at[j]] ^= mask[j];
    }
    ck_assert_uint_gt(imported, 0); /* some bits mean nothing, or nothing wrong */
    ck_assert_uint_lt(imported, TRIES);
    free(model.bytes);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("program_mutation");
    TCase *tests = tcase_create("program_mutation");
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, whole_model_imports, 0, MODELS);
    tcase_add_loop_test(tests, model_cut_anywhere, 0, MODELS);
    tcase_add_loop_test(tests, model_with_bits_flipped, 0, MODELS);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
