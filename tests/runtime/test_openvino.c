/*
 * The OpenVINO backend: what blobs say about themselves and what is refused, a run in steps and in
 * threads. Runs need OpenVINO in build/openvino (tools/setup_openvino.sh) or where PERCEPT_OPENVINO
 * says; without it they are left out.
 */
#include "run.h"

#include "backends/openvino/openvino.h"
#include "backends/openvino/origin.h"

#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { INPUTS = 3 * 32 * 32, OUTPUTS = 16 * 32 * 32 };
#define CONV "f32[1,3,32,32] >f32[1,16,32,32]"

static struct pte pte;
static struct flat blob;

static void setup(void)
{
    blob = flat_read_file("tests/fuzz/corpus/openvino/conv");
    pte = (struct pte){.blob = blob.bytes, .blob_size = blob.size, .device = "CPU"};
}

static void teardown(void)
{
    free(blob.bytes);
}

/* Before any of it is loaded, which happens in a process of each test. */
static bool is_installed(void)
{
    char site[512];
    snprintf(site, sizeof site, "%s/build/openvino/site", getenv("PERCEPT_SOURCE_DIR"));
    if (access(site, R_OK) == 0)
        setenv("PERCEPT_OPENVINO", site, 0);
    setenv("TBB_ENABLE_SANITIZERS", "1",
           1); /* OpenVINO's oneTBB loads libraries so that they see it */
    return getenv("PERCEPT_OPENVINO") != NULL;
}

/* ---- what a blob says ---- */

static const struct {
    const char *file, *device, *version;
    bool silent;
} origins[] = {
    {"conv", "CPU", "", true},
    {"cpu_2026", "CPU", "2026.4.1", false},
    {"gpu_2026", "GPU", "2026.4.1", false},
    {"npu_2025", "NPU", "2025.4.0", false},
};

static struct flat read_blob(const char *name)
{
    char path[64];
    snprintf(path, sizeof path, "tests/fuzz/corpus/openvino/%s", name);
    return flat_read_file(path);
}

START_TEST(a_blob_says_its_device_and_version)
{
    struct flat file = read_blob(origins[_i].file);
    struct openvino_origin origin;
    ck_assert_int_eq(openvino_origin(file.bytes, file.size, &origin, NULL), PERCEPT_OK);
    ck_assert_str_eq(origin.device, origins[_i].device);
    ck_assert_str_eq(origin.version, origins[_i].version);
    ck_assert_int_eq(origin.silent, origins[_i].silent);
    free(file.bytes);
}
END_TEST

START_TEST(a_blob_of_no_known_form_says_nothing)
{
    struct openvino_origin origin;
    for (size_t size = 0; size < 48; size++) {
        char bytes[48] = "anything";
        ck_assert_int_eq(openvino_origin(bytes, size, &origin, NULL), PERCEPT_OK);
        ck_assert_ptr_null(origin.device);
        ck_assert_str_eq(origin.version, "");
    }
}
END_TEST

/* One that is cut says nothing or is refused: nothing is read behind its end (AddressSanitizer). */
START_TEST(a_blob_that_is_cut_is_refused_or_of_no_known_form)
{
    struct flat file = read_blob(origins[_i].file);
    for (size_t size = 0; size < file.size; size++) {
        void *cut = memcpy(malloc(size + 1), file.bytes, size);
        void *tight = realloc(cut, size ? size : 1);
        struct openvino_origin origin;
        struct percept_error error = {0};
        enum percept_status status = openvino_origin(tight, size, &origin, &error);
        ck_assert_msg(status == PERCEPT_OK || status == PERCEPT_MALFORMED, "%s", error.message);
        if (status == PERCEPT_OK && origin.device)
            ck_assert_str_eq(origins[_i].file,
                             "cpu_2026"); /* what follows is for OpenVINO to read */
        free(tight);
    }
    free(file.bytes);
}
END_TEST

/* ---- options ---- */

static const struct {
    const char *key, *value;
    bool taken;
} options[] = {
    {"device", "CPU", true},    {"device", "GPU.1", true}, {"device", "NPU", true},
    {"device", "AUTO", true},   {"device", "TPU", false},  {"device", "GPU.", false},
    {"device", "GPU.x", false}, {"device", "cpu", false},  {"device", "", false},
    {"library", "/here", true}, {"library", "", false},    {"threads", "2", false},
};

START_TEST(an_option_is_taken_or_refused_by_name)
{
    struct percept_error error = {0};
    enum percept_status status =
        prt_openvino_backend.set(options[_i].key, options[_i].value, &error);
    ck_assert_int_eq(status, options[_i].taken ? PERCEPT_OK : PERCEPT_INVALID);
    if (!options[_i].taken)
        ck_assert_ptr_nonnull(strstr(error.message, options[_i].key));
}
END_TEST

START_TEST(a_library_that_is_not_there_is_why_it_is_absent)
{
    ck_assert_int_eq(prt_openvino_backend.set("library", "/nowhere/libopenvino_c.so", NULL),
                     PERCEPT_OK);
    ck_assert_ptr_nonnull(strstr(prt_openvino_backend.absent(), "/nowhere/libopenvino_c.so"));
    ck_assert_ptr_null(prt_openvino_backend.release());
}
END_TEST

START_TEST(another_library_is_told_from_openvino)
{
    ck_assert_int_eq(prt_openvino_backend.set("library", "libm.so.6", NULL), PERCEPT_OK);
    ck_assert_ptr_nonnull(strstr(prt_openvino_backend.absent(), "no function ov_"));
}
END_TEST

/* ---- what is refused ---- */

static void expect_refusal(enum percept_status expected, const char *text)
{
    static const struct prt_backend *const openvino[] = {&prt_openvino_backend, NULL};
    struct prt_program *program = pte_open(&pte);
    struct prt_model *model = NULL;
    struct percept_error error = {0};
    enum percept_status status = prt_model_create(
        program, &(struct prt_model_options){.backends = openvino}, &model, &error);
    ck_assert_msg(status == expected && strstr(error.message, text), "%s: %s, but expected %s",
                  percept_status_name(status), error.message, text);
    ck_assert_ptr_null(strchr(error.message, '\n'));
    prt_program_close(program);
}

static const struct {
    const char *args, *expected;
} others[] = {
    {"f32[1,3,32,31] >f32[1,16,32,32]",
     "input 0 is float32[1, 3, 32, 31], but in the blob float32[1, 3, 32, 32]"},
    {"f32[1,3,32,32] >i32[1,16,32,32]",
     "output 0 is int32[1, 16, 32, 32], but in the blob float32[1, 16, 32, 32]"},
    {"f32[3072] >f32[1,16,32,32]", "input 0 is float32[3072], but in the blob"},
    {"f32[1,3,32,32] f32[1] >f32[1,16,32,32]", "2 inputs and 1 outputs, but the blob has 1 and 1"},
    {"f32[1,3,32,32] >f32[1,16,32,32] >f32[1]", "1 inputs and 2 outputs"},
};

START_TEST(tensors_that_are_not_the_blobs_are_refused)
{
    pte_delegate(&pte, "OpenvinoBackend", others[_i].args);
    expect_refusal(PERCEPT_MALFORMED, others[_i].expected);
}
END_TEST

START_TEST(a_blob_of_another_version_is_refused_with_both_named)
{
    struct flat other = read_blob(origins[_i].file);
    pte.blob = other.bytes;
    pte.blob_size = other.size;
    pte_delegate(&pte, "OpenvinoBackend", CONV);
    ck_assert_ptr_null(prt_openvino_backend.absent());
    char text[96];
    snprintf(text, sizeof text, "compiled by OpenVINO %s, but this is OpenVINO %s",
             origins[_i].version, prt_openvino_backend.release());
    expect_refusal(PERCEPT_VERSION, text);
    free(other.bytes);
}
END_TEST

START_TEST(a_blob_for_a_device_that_is_not_here_is_refused)
{
    ck_assert_ptr_null(prt_openvino_backend.absent());
    if (strstr(prt_openvino_backend.device(), "NPU"))
        return;
    pte.device = "NPU";
    pte_delegate(&pte, "OpenvinoBackend", CONV);
    expect_refusal(PERCEPT_UNSUPPORTED, "compiled for NPU; this machine has CPU");
}
END_TEST

START_TEST(a_blob_for_another_device_than_the_configured_one_is_refused)
{
    ck_assert_int_eq(prt_openvino_backend.set("device", "NPU", NULL), PERCEPT_OK);
    pte_delegate(&pte, "OpenvinoBackend", CONV);
    expect_refusal(PERCEPT_UNSUPPORTED, "compiled for CPU, but device is NPU in the configuration");
}
END_TEST

START_TEST(a_blob_that_is_cut_off_is_refused)
{
    pte.blob_size -= 7;
    pte_delegate(&pte, "OpenvinoBackend", CONV);
    expect_refusal(PERCEPT_MALFORMED, "bytes instead of");
}
END_TEST

START_TEST(what_openvino_does_not_take_is_refused_with_its_reason)
{
    blob.bytes[blob.size - 4] ^= 1; /* in its description of the network */
    pte_delegate(&pte, "OpenvinoBackend", CONV);
    expect_refusal(PERCEPT_MALFORMED, "does not take the blob for CPU");
}
END_TEST

/* ---- running ---- */

/* The convolution, compiled; inputs of its own. */
struct network {
    struct prt_program *program;
    struct prt_graph *graph;
    struct prt_segment *segment;
};

static void make(struct network *network)
{
    pte_delegate(&pte, "OpenvinoBackend", CONV);
    network->program = pte_open(&pte);
    ck_assert_int_eq(prt_program_import(network->program, "forward", &network->graph, NULL),
                     PERCEPT_OK);
    static const uint32_t node = 0;
    struct prt_compile compile = {
        .graph = network->graph, .nodes = &node, .node_count = 1, .threads = 2};
    struct percept_error error = {0};
    ck_assert_msg(prt_openvino_backend.compile(&compile, &network->segment, &error) == PERCEPT_OK,
                  "%s", error.message);
}

static void unmake(struct network *network)
{
    prt_openvino_backend.destroy(network->segment);
    prt_graph_destroy(network->graph);
    prt_program_close(network->program);
}

struct pass {
    struct network *network;
    float x[INPUTS], y[OUTPUTS];
    void *data[2];
    unsigned runs;
};

static struct pass *make_pass(struct network *network, unsigned seed)
{
    struct pass *pass = calloc(1, sizeof *pass);
    pass->network = network;
    for (unsigned i = 0; i < INPUTS; i++)
        pass->x[i] = (float)((i * 7 + seed * 13) % 32) / 16 - 1;
    const struct prt_node *node = &network->graph->nodes[0];
    pass->data[node->inputs[0]] = pass->x;
    pass->data[node->outputs[0]] = pass->y;
    return pass;
}

static void *execute(void *argument)
{
    struct pass *pass = argument;
    for (unsigned i = 0; i < pass->runs; i++) {
        memset(pass->y, 0, sizeof pass->y);
        struct prt_execution execution = {.data = pass->data};
        if (prt_openvino_backend.execute(pass->network->segment, &execution, NULL) != PERCEPT_OK)
            return pass;
    }
    return NULL;
}

START_TEST(threads_with_different_data_get_what_each_gets_alone)
{
    enum { THREADS = 3 };
    struct network network;
    make(&network);
    struct pass *alone[THREADS], *together[THREADS];
    pthread_t threads[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        alone[i] = make_pass(&network, i);
        alone[i]->runs = 1;
        ck_assert_ptr_null(execute(alone[i]));
        together[i] = make_pass(&network, i);
        together[i]->runs = 50;
    }
    ck_assert_mem_ne(alone[0]->y, alone[1]->y, sizeof alone[0]->y);
    for (unsigned i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, execute, together[i]), 0);
    for (unsigned i = 0; i < THREADS; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        ck_assert_ptr_null(failed);
        ck_assert_mem_eq(alone[i]->y, together[i]->y, sizeof alone[i]->y);
        free(alone[i]);
        free(together[i]);
    }
    unmake(&network);
}
END_TEST

START_TEST(a_run_in_steps_is_one_at_a_time)
{
    struct network network;
    make(&network);
    struct pass *whole = make_pass(&network, 1), *steps = make_pass(&network, 1);
    whole->runs = 1;
    ck_assert_ptr_null(execute(whole));
    struct prt_step_time time = {0};
    struct prt_execution execution = {.data = steps->data, .times = &time};
    const struct prt_backend *backend = &prt_openvino_backend;
    ck_assert_int_eq(backend->wait(network.segment, NULL), PERCEPT_INVALID);
    for (int i = 0; i < 3; i++) {
        memset(steps->y, 0, sizeof steps->y);
        ck_assert_int_eq(backend->start(network.segment, &execution, NULL), PERCEPT_OK);
        ck_assert_int_eq(backend->start(network.segment, &execution, NULL), PERCEPT_BUSY);
        ck_assert_int_eq(backend->execute(network.segment, &execution, NULL), PERCEPT_BUSY);
        ck_assert_int_eq(backend->wait(network.segment, NULL), PERCEPT_OK);
        ck_assert_mem_eq(whole->y, steps->y, sizeof steps->y);
    }
    ck_assert(time.start_ns > 0 && time.end_ns >= time.start_ns);
    ck_assert_int_eq(backend->start(network.segment, &execution, NULL), PERCEPT_OK);
    unmake(&network); /* waits */
    free(whole);
    free(steps);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("openvino");
    TCase *says = tcase_create("says"), *refuses = tcase_create("refuses"),
          *runs = tcase_create("runs");
    const int forms = sizeof origins / sizeof origins[0];
    tcase_add_loop_test(says, a_blob_says_its_device_and_version, 0, forms);
    tcase_add_test(says, a_blob_of_no_known_form_says_nothing);
    tcase_add_loop_test(says, a_blob_that_is_cut_is_refused_or_of_no_known_form, 0, forms);
    tcase_add_loop_test(says, an_option_is_taken_or_refused_by_name, 0,
                        sizeof options / sizeof options[0]);
    tcase_add_test(says, a_library_that_is_not_there_is_why_it_is_absent);
    tcase_add_test(says, another_library_is_told_from_openvino);
    tcase_add_checked_fixture(refuses, setup, teardown);
    tcase_add_checked_fixture(runs, setup, teardown);
    tcase_set_timeout(refuses, 60);
    tcase_set_timeout(runs, 60);
    tcase_add_loop_test(refuses, tensors_that_are_not_the_blobs_are_refused, 0,
                        sizeof others / sizeof others[0]);
    tcase_add_loop_test(refuses, a_blob_of_another_version_is_refused_with_both_named, 1, forms);
    tcase_add_test(refuses, a_blob_for_a_device_that_is_not_here_is_refused);
    tcase_add_test(refuses, a_blob_for_another_device_than_the_configured_one_is_refused);
    tcase_add_test(refuses, a_blob_that_is_cut_off_is_refused);
    tcase_add_test(refuses, what_openvino_does_not_take_is_refused_with_its_reason);
    tcase_add_test(runs, threads_with_different_data_get_what_each_gets_alone);
    tcase_add_test(runs, a_run_in_steps_is_one_at_a_time);
    suite_add_tcase(suite, says);
    bool installed = is_installed();
    if (installed) {
        suite_add_tcase(suite, refuses);
        suite_add_tcase(suite, runs);
    }
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : installed ? EXIT_SUCCESS : 77;
}
