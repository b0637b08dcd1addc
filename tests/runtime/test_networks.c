/*
 * What the runtime makes of the zoo's real networks ($PERCEPT_MODELS): the plain and the delegated
 * file of one network end as the same few kernels, and fusing changes no more than rounding.
 */
#include "build.h"

#include "backends/cpu/cpu.h"
#include "runtime/prt.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct prt_backend *const backends[] = {&prt_cpu_backend, NULL};

/* How often each op is executed. Every padding but the one of channels, every bias, residual and
 * activation is in a convolution; heads are concatenated in place. */
#define MAX_COUNTS 10

struct count {
    enum prt_op op;
    unsigned count;
};

static const struct {
    const char *name;
    struct count fp32[MAX_COUNTS], int8[MAX_COUNTS];
} networks[] = {
    {"palm_detection_lite",
     {{PRT_OP_CONV2D, 53},
      {PRT_OP_BINARY, 2},
      {PRT_OP_POOL2D, 4},
      {PRT_OP_PAD, 3},
      {PRT_OP_RESIZE2D, 2},
      {PRT_OP_LAYOUT, 1}},
     {{PRT_OP_CONV2D, 53},
      {PRT_OP_BINARY, 25},
      {PRT_OP_PRELU, 32},
      {PRT_OP_POOL2D, 4},
      {PRT_OP_PAD, 3},
      {PRT_OP_RESIZE2D, 2},
      {PRT_OP_LAYOUT, 1},
      {PRT_OP_QUANTIZE, 3},
      {PRT_OP_DEQUANTIZE, 3}}},
    {"palm_detection_full",
     {{PRT_OP_CONV2D, 63},
      {PRT_OP_BINARY, 2},
      {PRT_OP_POOL2D, 4},
      {PRT_OP_PAD, 3},
      {PRT_OP_RESIZE2D, 2},
      {PRT_OP_LAYOUT, 1}},
     {{PRT_OP_CONV2D, 63},
      {PRT_OP_BINARY, 30},
      {PRT_OP_PRELU, 37},
      {PRT_OP_POOL2D, 4},
      {PRT_OP_PAD, 3},
      {PRT_OP_RESIZE2D, 2},
      {PRT_OP_LAYOUT, 1},
      {PRT_OP_QUANTIZE, 3},
      {PRT_OP_DEQUANTIZE, 3}}},
    {"hand_landmark_lite",
     {{PRT_OP_CONV2D, 47},
      {PRT_OP_LINEAR, 4},
      {PRT_OP_POOL2D, 1},
      {PRT_OP_REDUCE, 1},
      {PRT_OP_LAYOUT, 1}},
     {{PRT_OP_CONV2D, 47},
      {PRT_OP_LINEAR, 4},
      {PRT_OP_BINARY, 10},
      {PRT_OP_UNARY, 2},
      {PRT_OP_POOL2D, 1},
      {PRT_OP_REDUCE, 1},
      {PRT_OP_LAYOUT, 1},
      {PRT_OP_QUANTIZE, 1},
      {PRT_OP_DEQUANTIZE, 1}}},
    {"hand_landmark_full",
     {{PRT_OP_CONV2D, 47}, {PRT_OP_LINEAR, 4}, {PRT_OP_REDUCE, 1}, {PRT_OP_LAYOUT, 1}},
     {{PRT_OP_CONV2D, 47},
      {PRT_OP_LINEAR, 4},
      {PRT_OP_BINARY, 9},
      {PRT_OP_UNARY, 2},
      {PRT_OP_REDUCE, 1},
      {PRT_OP_LAYOUT, 1},
      {PRT_OP_QUANTIZE, 1},
      {PRT_OP_DEQUANTIZE, 1}}},
};

/* A hand, as the zoo's own test cases have it: on noise, an int8 network says nothing twice. */
static void read_image(const char *name, struct prt_model *model)
{
    char path[512];
    size_t size = prt_tensor_elements(prt_model_input_spec(model, 0)) * sizeof(float);
    float *rows = malloc(size);
    ck_assert_ptr_nonnull(rows);
    snprintf(path, sizeof path, "%s/cases/fp32/%s_0.in0.bin", getenv("PERCEPT_MODELS"), name);
    FILE *file = fopen(path, "rb");
    ck_assert_msg(file != NULL, "no %s", path);
    ck_assert_uint_eq(fread(rows, 1, size, file), size);
    fclose(file);
    ck_assert_int_eq(prt_model_set_input(model, 0, rows, size, NULL), PERCEPT_OK);
    free(rows);
}

static void count_executed(const struct prt_model *model, unsigned counts[PRT_OP_COUNT])
{
    const struct prt_graph *graph = prt_model_graph(model);
    memset(counts, 0, PRT_OP_COUNT * sizeof *counts);
    for (uint32_t n = 0; n < graph->node_count; n++)
        counts[graph->nodes[n].op] += prt_model_placement(model, n) != NULL;
}

/* The mean distance of the outputs, in parts of the largest number of each: of the one that is
 * farthest, of those of at least so many numbers. */
static double distance(const struct prt_model *a, const struct prt_model *b, size_t least)
{
    double worst = 0;
    ck_assert_uint_eq(prt_model_output_count(a), prt_model_output_count(b));
    for (size_t o = 0; o < prt_model_output_count(a); o++) {
        const float *x = prt_model_output_data(a, o), *y = prt_model_output_data(b, o);
        size_t count = prt_tensor_elements(prt_model_output_spec(a, o));
        double sum = 0, largest = 0;
        ck_assert(prt_tensor_same_layout(prt_model_output_spec(a, o), prt_model_output_spec(b, o)));
        for (size_t i = 0; i < count; i++) {
            sum += fabs((double)x[i] - (double)y[i]);
            largest = fmax(largest, fabs((double)x[i]));
        }
        ck_assert(largest > 0 && isfinite(sum));
        if (count >= least)
            worst = fmax(worst, sum / (double)count / largest);
    }
    return worst;
}

/* A network with the program it came from. */
struct loaded {
    struct prt_program *program;
    struct prt_model *model;
};

static void unload(struct loaded *loaded)
{
    prt_model_destroy(loaded->model);
    prt_program_close(loaded->program);
}

static struct loaded load(const char *name, const char *type, const char *delegate, bool fuse)
{
    char path[512];
    struct percept_error error = {0};
    struct loaded loaded = {0};
    snprintf(path, sizeof path, "%s/%s.%s%s.pte", getenv("PERCEPT_MODELS"), name, type, delegate);
    ck_assert_msg(prt_program_open(path, &loaded.program, &error) == PERCEPT_OK, "%s",
                  error.message);
    struct prt_model_options options = {.backends = backends, .no_fusion = !fuse};
    ck_assert_msg(prt_model_create(loaded.program, &options, &loaded.model, &error) == PERCEPT_OK,
                  "%s", error.message);
    read_image(name, loaded.model);
    ck_assert_int_eq(prt_model_run(loaded.model, NULL), PERCEPT_OK);
    return loaded;
}

static void check_counts(const struct loaded *loaded, const struct count *wanted, const char *file)
{
    unsigned counts[PRT_OP_COUNT], expected[PRT_OP_COUNT] = {0};
    for (int i = 0; i < MAX_COUNTS; i++)
        expected[wanted[i].op] += wanted[i].count;
    count_executed(loaded->model, counts);
    for (unsigned op = 0; op < PRT_OP_COUNT; op++)
        ck_assert_msg(counts[op] == expected[op], "%s runs %u %s, not %u", file, counts[op],
                      prt_op_name(op), expected[op]);
}

START_TEST(plain_and_delegated_files_become_the_same_kernels)
{
    for (int delegated = 0; delegated < 2; delegated++) {
        const char *delegate = delegated ? "-xnnpack" : "";
        struct loaded fp32 = load(networks[_i].name, "fp32", delegate, true);
        struct loaded int8 = load(networks[_i].name, "int8", delegate, true);
        check_counts(&fp32, networks[_i].fp32, networks[_i].name);
        check_counts(&int8, networks[_i].int8, networks[_i].name);
        unload(&fp32);
        unload(&int8);
    }
}
END_TEST

START_TEST(fp32_files_agree_fused_and_not)
{
    struct loaded plain = load(networks[_i].name, "fp32", "", false);
    for (int variant = 1; variant < 4; variant++) {
        struct loaded other =
            load(networks[_i].name, "fp32", variant & 1 ? "-xnnpack" : "", variant & 2);
        double apart = distance(plain.model, other.model, 1);
        ck_assert_msg(apart < 1e-6, "%s, variant %d: %g apart", networks[_i].name, variant, apart);
        unload(&other);
    }
    unload(&plain);
}
END_TEST

/*
 * A convolution that sums integers rounds a tie otherwise than one that sums floats, and a code
 * that differs by one in an early layer moves many later on. Two int8 files of one network, each as
 * far from the fp32 network as 8 bits make it, are at most twice that apart: in each output but
 * lone numbers, since which hand it is may move by a tenth with the first code that differs.
 */
START_TEST(int8_files_agree_within_their_precision)
{
    struct loaded fp32 = load(networks[_i].name, "fp32", "", true);
    struct loaded plain = load(networks[_i].name, "int8", "", false);
    double precision = distance(fp32.model, plain.model, 2);
    for (int variant = 1; variant < 4; variant++) {
        struct loaded other =
            load(networks[_i].name, "int8", variant & 1 ? "-xnnpack" : "", variant & 2);
        double apart = distance(plain.model, other.model, 2);
        ck_assert_msg(apart < 2 * precision, "%s, variant %d: %g apart, %g from fp32",
                      networks[_i].name, variant, apart, precision);
        unload(&other);
    }
    unload(&plain);
    unload(&fp32);
}
END_TEST

int main(void)
{
    const char *models = getenv("PERCEPT_MODELS");
    char path[512];
    snprintf(path, sizeof path, "%s/index.json", models ? models : "");
    if (access(path, R_OK) != 0) {
        fprintf(stderr, "no %s (make models)\n", path);
        return 77;
    }
    Suite *suite = suite_create("networks");
    TCase *tests = tcase_create("networks");
    size_t count = sizeof networks / sizeof *networks;
    tcase_set_timeout(tests, 100);
    tcase_add_loop_test(tests, plain_and_delegated_files_become_the_same_kernels, 0, (int)count);
    tcase_add_loop_test(tests, fp32_files_agree_fused_and_not, 0, (int)count);
    tcase_add_loop_test(tests, int8_files_agree_within_their_precision, 0, (int)count);
    suite_add_tcase(suite, tests);
    return build_run_suite(suite);
}
