/* Payloads that only their own processor can run: one node in the graph, run by a backend that says
 * so and by no other, and named with what they need where there is none. */
#include "pte.h"
#include "run.h"

#include "backends/cpu/cpu.h"
#include "runtime/graph_image.h"
#include "runtime/prt.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char payload[] = "sealed";
static struct pte pte;

static void setup(void)
{
    pte = (struct pte){.blob = payload, .blob_size = sizeof payload};
}

static void expect(const char *expected)
{
    char *text = pte_import(&pte);
    ck_assert_str_eq(text, expected);
    free(text);
}

static void expect_call(const char *args, const char *expected)
{
    pte_delegate(&pte, "QnnBackend", args);
    expect(expected);
}

/* ---- the node ---- */

START_TEST(an_opaque_delegate_is_one_node)
{
    expect_call("f32[2,3] >f32[6]", "v1: float32[6] = blob(v0) QnnBackend(7 bytes)\n");
}
END_TEST

START_TEST(a_delegate_that_nobody_knows_is_one_too)
{
    pte_delegate(&pte, "OfTomorrow", "f32[2,3] >f32[6]");
    expect("v1: float32[6] = blob(v0) OfTomorrow(7 bytes)\n");
}
END_TEST

static const struct {
    const char *device, *shown;
} devices[] = {
    {"NPU", " for NPU"},
    {"HETERO:GPU.1,CPU", " for HETERO:GPU.1,CPU"},
    {"two words", ""},
    {"a line\n", ""},
    {"", ""},
    {"of-forty-one-characters-which-is-too-long", ""},
};

START_TEST(it_knows_the_device_that_its_compiler_was_told)
{
    char expected[96];
    snprintf(expected, sizeof expected, "v1: float32[4] = blob(v0) QnnBackend(7 bytes%s)\n",
             devices[_i].shown);
    pte.device = devices[_i].device;
    expect_call("f32[4] >f32[4]", expected);
}
END_TEST

START_TEST(it_has_all_inputs_and_results_of_its_call)
{
    expect_call("f32[2] i8[3] ci64[1] >u8[4] >f32[5]",
                "v3: uint8[4], v4: float32[5] = blob(v0, v1, c2) QnnBackend(7 bytes)\n");
}
END_TEST

START_TEST(its_tensors_are_the_bytes_that_the_program_has)
{
    expect_call("f32[1,2,3,4]@0231 >f32[1,5,6,7]@0231",
                "v1: float32[1, 3, 4, 2] = permute(v0) order(0,2,3,1)\n"
                "v2: float32[1, 6, 7, 5] = blob(v1) QnnBackend(7 bytes)\n"
                "v3: float32[1, 5, 6, 7] order(0,2,3,1) = permute(v2) order(0,3,1,2)\n");
}
END_TEST

START_TEST(openvinos_tensors_have_the_sizes_of_the_program)
{
    pte_delegate(&pte, "OpenvinoBackend", "f32[1,2,3,4]@0231 f32[2,3] >f32[1,5,6,7]@0231 >f32[6]");
    expect("v2: float32[1, 2, 3, 4] = layout(v0)\n"
           "v3: float32[1, 5, 6, 7], v4: float32[6] = blob(v2, v1) OpenvinoBackend(7 bytes)\n"
           "v5: float32[1, 5, 6, 7] order(0,2,3,1) = layout(v3)\n");
}
END_TEST

START_TEST(results_are_what_nothing_has_named_before)
{
    uint32_t sum = pte_call(&pte, "aten::add.out", "f32[4] $0 1 >f32[4] =");
    char args[64];
    snprintf(args, sizeof args, "$0 $%u >f32[4] >f32[4]", sum);
    uint32_t first = pte_delegate(&pte, "QnnBackend", args);
    snprintf(args, sizeof args, "$%u $%u $%u >f32[4]", first, first + 1, sum);
    pte_delegate(&pte, "QnnBackend", args);
    expect("v1: float32[4] = binary(v0, v0) add\n"
           "v2: float32[4], v3: float32[4] = blob(v0, v1) QnnBackend(7 bytes)\n"
           "v4: float32[4] = blob(v2, v3, v1) QnnBackend(7 bytes)\n");
}
END_TEST

START_TEST(a_tensor_that_was_moved_to_is_no_result)
{
    uint32_t moved = pte_value(&pte, ">f32[4]");
    uint32_t sum = pte_call(&pte, "aten::add.out", "f32[4] $1 1 >f32[4] =");
    pte_instruction(&pte, 3, (int32_t)sum, (int32_t)moved);
    char args[64];
    snprintf(args, sizeof args, "$1 $%u >f32[4]", moved);
    pte_delegate(&pte, "QnnBackend", args);
    expect("v1: float32[4] = binary(v0, v0) add\n"
           "v2: float32[4] = blob(v0, v1) QnnBackend(7 bytes)\n");
}
END_TEST

START_TEST(a_call_whose_results_nobody_reads_is_left_out)
{
    pte_delegate(&pte, "QnnBackend", "f32[4] >f32[4]");
    pte_call(&pte, "aten::add.out", "$0 $0 1 >f32[4] =");
    char *text = pte_import(&pte);
    ck_assert_ptr_null(strstr(text, "blob"));
    free(text);
}
END_TEST

static const struct {
    const char *args, *expected;
} wrong[] = {
    {"f32[2]", "MALFORMED: method 'forward', instruction 0, QnnBackend: has no result"},
    {"f32[2] 3 >f32[2]",
     "UNSUPPORTED: method 'forward', instruction 0, QnnBackend: argument 1 is no tensor"},
    {"cz64[2] >f32[2]",
     "UNSUPPORTED: method 'forward', instruction 0, QnnBackend: argument 0 has complex numbers"},
    {"f32[2] >z64[2]",
     "UNSUPPORTED: method 'forward', instruction 0, QnnBackend: argument 1 has complex numbers"},
};

START_TEST(a_call_of_another_kind_is_refused)
{
    expect_call(wrong[_i].args, wrong[_i].expected);
}
END_TEST

START_TEST(a_payload_is_for_the_sizes_that_it_was_made_for)
{
    pte_delegate(&pte, "QnnBackend", "f32[2]^6 >f32[2]^6");
    struct prt_program *program = pte_open(&pte);
    struct prt_graph *graph = NULL;
    struct percept_error error = {0};
    struct prt_choice smaller = {.sized = true, .sizes = {4}};
    ck_assert_int_eq(prt_program_import_with(program, "forward", &smaller, 1, &graph, &error),
                     PERCEPT_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(error.message, "other sizes than the delegate was made for"));
    ck_assert_int_eq(prt_program_import(program, "forward", &graph, &error), PERCEPT_OK);
    prt_graph_destroy(graph);
    prt_program_close(program);
}
END_TEST

START_TEST(a_spoiled_program_is_refused_or_whole)
{
    uint32_t sum = pte_call(&pte, "aten::add.out", "f32[4] $0 1 >f32[4] =");
    char args[64];
    snprintf(args, sizeof args, "$0 $%u >f32[4] >f32[4]", sum);
    pte_delegate(&pte, "QnnBackend", args);
    struct flat file = pte_write(&pte, false);
    pte_spoil_words(&file);
    free(file.bytes);
}
END_TEST

/* ---- without a backend ---- */

static const struct {
    const char *delegate, *needs;
} needs[] = {
    {"VgfBackend", "the backend 'vgf'"},
    {"QnnBackend", "Qualcomm AI Engine Direct"},
    {"EthosUBackend", "libethosu"},
    {"OpenvinoBackend", "the backend 'openvino'"},
    {"OfTomorrow", "which nothing here knows"},
};

START_TEST(without_its_backend_the_error_names_the_delegate_and_what_it_needs)
{
    static const struct prt_backend *const cpu[] = {&prt_cpu_backend, NULL};
    struct percept_error error = {0};
    struct prt_model *model = NULL;
    struct flat vgf = {0};
    pte_delegate(&pte, needs[_i].delegate, "f32[1,3,32,32] >f32[1,16,32,32]");
    if (strcmp(needs[_i].delegate, "VgfBackend") == 0) {
        vgf = flat_read_file("tests/fuzz/corpus/vgf/conv");
        pte.blob = vgf.bytes;
        pte.blob_size = vgf.size;
    }
    struct prt_program *program = pte_open(&pte);
    ck_assert_int_eq(
        prt_model_create(program, &(struct prt_model_options){.backends = cpu}, &model, &error),
        PERCEPT_UNSUPPORTED);
    char named[64];
    snprintf(named, sizeof named, "delegate '%s'", needs[_i].delegate);
    ck_assert_msg(strstr(error.message, named) && strstr(error.message, needs[_i].needs), "%s",
                  error.message);
    prt_program_close(program);
    free(vgf.bytes);
}
END_TEST

/* ---- with one ---- */

/* Its payloads turn x and y, float32[4], into x + y and 2 * x. */
struct prt_segment {
    const struct prt_graph *graph;
    uint32_t node;
};

static bool adds_up(const struct prt_graph *graph, const struct prt_node *node)
{
    (void)graph;
    return node->op == PRT_OP_BLOB && strcmp(node->attrs.blob.delegate, "QnnBackend") == 0;
}

static enum percept_status compile(const struct prt_compile *asked, struct prt_segment **segment,
                                   struct percept_error *error)
{
    (void)error;
    ck_assert_uint_eq(asked->node_count, 1);
    const struct prt_node *node = &asked->graph->nodes[asked->nodes[0]];
    ck_assert_uint_eq(node->attrs.blob.bytes, sizeof payload);
    ck_assert_mem_eq(node->attrs.blob.payload, payload, sizeof payload);
    *segment = calloc(1, sizeof **segment);
    **segment = (struct prt_segment){asked->graph, asked->nodes[0]};
    return PERCEPT_OK;
}

static size_t no_scratch(const struct prt_segment *segment)
{
    (void)segment;
    return 0;
}

static enum percept_status execute(const struct prt_segment *segment,
                                   const struct prt_execution *execution,
                                   struct percept_error *error)
{
    (void)error;
    const struct prt_node *node = &segment->graph->nodes[segment->node];
    const float *x = execution->data[node->inputs[0]], *y = execution->data[node->inputs[1]];
    float *sum = execution->data[node->outputs[0]], *twice = execution->data[node->outputs[1]];
    for (int i = 0; i < 4; i++) {
        sum[i] = x[i] + y[i];
        twice[i] = 2 * x[i];
    }
    return PERCEPT_OK;
}

static void destroy(struct prt_segment *segment)
{
    free(segment);
}

static const char *nothing_amiss(void)
{
    return NULL;
}

static const struct prt_backend adder = {.version = PRT_BACKEND_VERSION,
                                         .name = "adder",
                                         .absent = nothing_amiss,
                                         .supports = adds_up,
                                         .compile = compile,
                                         .scratch_bytes = no_scratch,
                                         .execute = execute,
                                         .destroy = destroy};
static const struct prt_backend *const both[] = {&adder, &prt_cpu_backend, NULL};
static const float input[4] = {1, 2, 3, 4};

/* Runs it; `twice` says whether somebody reads the second result. */
static void describe_sandwich(bool twice)
{
    uint32_t square = pte_call(&pte, "aten::mul.out", "f32[4] $0 >f32[4] =");
    char args[64];
    snprintf(args, sizeof args, "$0 $%u >f32[4] >f32[4]", square);
    uint32_t sum = pte_delegate(&pte, "QnnBackend", args);
    snprintf(args, sizeof args, "$%u $%u 1 >f32[4] =", sum, twice ? sum + 1 : sum);
    pte_call(&pte, "aten::sub.out", args);
}

static void expect_output(struct prt_model *model, bool twice)
{
    ck_assert_int_eq(prt_model_set_input(model, 0, input, sizeof input, NULL), PERCEPT_OK);
    run_now(model);
    const float *y = prt_model_output_data(model, 0);
    for (int i = 0; i < 4; i++) /* x + x^2 - 2x, or 0 */
        ck_assert_float_eq(y[i], twice ? input[i] * input[i] - input[i] : 0);
}

START_TEST(its_backend_runs_it_between_nodes_of_others)
{
    bool twice = _i;
    describe_sandwich(twice);
    struct prt_program *program = pte_open(&pte);
    struct prt_model *model = NULL;
    struct percept_error error = {0};
    ck_assert_msg(prt_model_create(program, &(struct prt_model_options){.backends = both}, &model,
                                   &error) == PERCEPT_OK,
                  "%s", error.message);
    expect_output(model, twice);
    prt_model_destroy(model);
    prt_program_close(program);
}
END_TEST

/* For OpenVINO's payloads, which have the sizes that PyTorch has. */
static bool is_openvinos(const struct prt_graph *graph, const struct prt_node *node)
{
    (void)graph;
    return node->op == PRT_OP_BLOB && strcmp(node->attrs.blob.delegate, "OpenvinoBackend") == 0;
}

START_TEST(openvinos_tensors_are_laid_out_for_it_and_back)
{
    struct prt_backend openvinos = adder;
    openvinos.supports = is_openvinos;
    const struct prt_backend *const list[] = {&openvinos, &prt_cpu_backend, NULL};
    pte_delegate(&pte, "OpenvinoBackend",
                 "f32[1,2,1,2]@0231 f32[4] >f32[1,2,1,2]@0231 >f32[1,2,1,2]@0231");
    struct prt_program *program = pte_open(&pte);
    struct prt_model *model = NULL;
    struct percept_error error = {0};
    ck_assert_msg(prt_model_create(program, &(struct prt_model_options){.backends = list}, &model,
                                   &error) == PERCEPT_OK,
                  "%s", error.message);
    static const float y[4] = {10, 20, 30, 40};
    run_set(model, 0, input, sizeof input);
    run_set(model, 1, y, sizeof y);
    run_now(model);
    static const float sum[4] = {11, 33, 22, 44}; /* x + y, with the channels innermost */
    ck_assert_mem_eq(prt_model_output_data(model, 0), sum, sizeof sum);
    prt_model_destroy(model);
    prt_program_close(program);
}
END_TEST

START_TEST(constants_are_not_put_through_it_beforehand)
{
    pte_delegate(&pte, "QnnBackend", "cf32[4] cf32[4] >f32[4] >f32[4]");
    struct prt_program *program = pte_open(&pte);
    struct prt_model *model = NULL;
    ck_assert_int_eq(
        prt_model_create(program, &(struct prt_model_options){.backends = both}, &model, NULL),
        PERCEPT_OK);
    ck_assert_uint_eq(prt_model_graph(model)->node_count, 1);
    run_now(model);
    ck_assert_float_eq(((const float *)prt_model_output_data(model, 0))[1], 3.0F);
    prt_model_destroy(model);
    prt_program_close(program);
}
END_TEST

/* ---- kept ---- */

START_TEST(a_kept_graph_finds_the_payload_in_its_file)
{
    char path[] = "/tmp/percept-blob-XXXXXX";
    struct prt_program *program = NULL;
    describe_sandwich(false);
    pte.device = "NPU";
    struct flat file = pte_write(&pte, false);
    close(mkstemp(path));
    run_write(path, &file);
    ck_assert_int_eq(prt_program_open(path, &program, NULL), PERCEPT_OK);
    struct prt_graph *graph = NULL;
    ck_assert_int_eq(prt_program_import(program, "forward", &graph, NULL), PERCEPT_OK);
    size_t bytes;
    void *image = prt_graph_image(graph, &bytes);
    ck_assert_ptr_nonnull(image);
    struct prt_graph *kept = prt_graph_from_image(program, image, bytes);
    ck_assert_ptr_nonnull(kept);
    for (uint32_t n = 0; n < kept->node_count; n++)
        if (kept->nodes[n].op == PRT_OP_BLOB) {
            ck_assert_uint_eq(kept->nodes[n].output_count, 2);
            ck_assert_str_eq(kept->nodes[n].attrs.blob.delegate, "QnnBackend");
            ck_assert_str_eq(kept->nodes[n].attrs.blob.device, "NPU");
            ck_assert_mem_eq(kept->nodes[n].attrs.blob.payload, payload, sizeof payload);
        }
    prt_graph_destroy(kept);
    free(image);
    prt_graph_destroy(graph);
    prt_program_close(program);
    free(file.bytes);
    unlink(path);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("blob");
    TCase *node = tcase_create("node"), *runs = tcase_create("runs");
    tcase_set_timeout(node, 60);
    tcase_add_checked_fixture(node, setup, NULL);
    tcase_add_checked_fixture(runs, setup, NULL);
    tcase_add_test(node, an_opaque_delegate_is_one_node);
    tcase_add_test(node, a_delegate_that_nobody_knows_is_one_too);
    tcase_add_loop_test(node, it_knows_the_device_that_its_compiler_was_told, 0,
                        sizeof devices / sizeof devices[0]);
    tcase_add_test(node, it_has_all_inputs_and_results_of_its_call);
    tcase_add_test(node, its_tensors_are_the_bytes_that_the_program_has);
    tcase_add_test(node, openvinos_tensors_have_the_sizes_of_the_program);
    tcase_add_test(node, results_are_what_nothing_has_named_before);
    tcase_add_test(node, a_tensor_that_was_moved_to_is_no_result);
    tcase_add_test(node, a_call_whose_results_nobody_reads_is_left_out);
    tcase_add_loop_test(node, a_call_of_another_kind_is_refused, 0, sizeof wrong / sizeof wrong[0]);
    tcase_add_test(node, a_payload_is_for_the_sizes_that_it_was_made_for);
    tcase_add_test(node, a_spoiled_program_is_refused_or_whole);
    tcase_add_loop_test(runs, without_its_backend_the_error_names_the_delegate_and_what_it_needs, 0,
                        sizeof needs / sizeof needs[0]);
    tcase_add_loop_test(runs, its_backend_runs_it_between_nodes_of_others, 0, 2);
    tcase_add_test(runs, openvinos_tensors_are_laid_out_for_it_and_back);
    tcase_add_test(runs, constants_are_not_put_through_it_beforehand);
    tcase_add_test(runs, a_kept_graph_finds_the_payload_in_its_file);
    suite_add_tcase(suite, node);
    suite_add_tcase(suite, runs);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
