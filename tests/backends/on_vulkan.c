/* Why: whatever was worth testing on the CPU is worth testing on the GPU, whose numbers may be
 * rounded differently, but not otherwise differ. */
#include "on_vulkan.h"

#include "backends/vulkan/vulkan.h"
#include "base/halves.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static unsigned taken[PRT_OP_COUNT], left[PRT_OP_COUNT], codes_off;

/* Without a device there is nothing to test. A child finds out, for a process that has a device
 * cannot fork and share it, as tests do. */
__attribute__((constructor)) static void skip_without_device(void)
{
    int state = 0;
    pid_t child = fork();
    if (child == 0) {
        const char *why = prt_vulkan_backend.absent();
        if (why)
            fprintf(stderr, "vulkan is absent: %s\n", why);
        _exit(why ? 77 : 0);
    }
    if (child > 0 && waitpid(child, &state, 0) == child && WIFEXITED(state) &&
        WEXITSTATUS(state) == 77)
        _exit(77);
}

/* What ran, for whoever reads the log; each test has a process of its own. */
static void tell(void)
{
    for (unsigned op = 0; op < PRT_OP_COUNT; op++)
        if (taken[op] || left[op])
            fprintf(stderr, "vulkan: %s: %u nodes ran, %u were left\n",
                    prt_op_name((enum prt_op)op), taken[op], left[op]);
}

/* Sines of numbers with no fraction left are what the hardware makes of them. */
static bool is_wild(const struct one_node *one, size_t i)
{
    const struct prt_node *node = &one->graph->nodes[0];
    if (node->op != PRT_OP_UNARY || one_node_spec(one, node->inputs[0])->dtype != PRT_F32)
        return false;
    enum prt_unary_kind kind = node->attrs.unary.kind;
    bool turns = kind == PRT_UNARY_SIN || kind == PRT_UNARY_COS || kind == PRT_UNARY_TAN;
    return turns && !(fabsf(((const float *)one->data[node->inputs[0]])[i]) < 1e4f);
}

/* The typical size of a result: what is lost where large numbers cancel out goes by it. */
static double size_of(const float *y, size_t count)
{
    double sum = 0, n = 1e-30;
    for (size_t i = 0; i < count; i++)
        if (isfinite(y[i]) && fabsf(y[i]) < 1e6f)
            sum += fabs((double)y[i]), n++;
    return sum / n;
}

static bool near(double expected, double got, double size)
{
    if (isnan(expected) || isnan(got))
        return isnan(expected) && isnan(got);
    if (isinf(expected) || isinf(got))
        return expected == got || (fabs(expected) > 3e38 && fabs(got) > 3e38 && expected * got > 0);
    return fabs(expected - got) <= 1e-4 * fmax(fabs(expected), size) + 1e-30;
}

static double half_at(const void *data, enum prt_dtype dtype, size_t i)
{
    return dtype == PRT_F16 ? (double)base_from_f16(((const uint16_t *)data)[i])
                            : (double)base_from_bf16(((const uint16_t *)data)[i]);
}

static void compare(const struct one_node *one, const void *expected, const char *what)
{
    const struct prt_tensor *y = one_node_spec(one, one->y);
    const void *got = one->data[one->y];
    size_t count = prt_tensor_elements(y), size = prt_dtype_size(y->dtype);
    double typical = y->dtype == PRT_F32 ? size_of(expected, count) : 0;
    for (size_t i = 0; i < count; i++) {
        if (y->dtype == PRT_F32) {
            double a = (double)((const float *)expected)[i], b = (double)((const float *)got)[i];
            ck_assert_msg(near(a, b, typical) || is_wild(one, i),
                          "%s: element %zu of %zu is %.9g, not %.9g", what, i, count, b, a);
        } else if (y->dtype == PRT_F16 || y->dtype == PRT_BF16) {
            double a = half_at(expected, y->dtype, i), b = half_at(got, y->dtype, i);
            bool steps = fabs(a - b) <= fabs(a) / (y->dtype == PRT_F16 ? 512 : 64) + 1e-5;
            ck_assert_msg(near(a, b, 0) || steps || is_wild(one, i),
                          "%s: element %zu is %.9g, not %.9g", what, i, b, a);
        } else if (y->quant.kind != PRT_QUANT_NONE && size == 1) {
            int a =
                y->dtype == PRT_I8 ? ((const int8_t *)expected)[i] : ((const uint8_t *)expected)[i];
            int b = y->dtype == PRT_I8 ? ((const int8_t *)got)[i] : ((const uint8_t *)got)[i];
            codes_off += a != b;
            ck_assert_msg(abs(a - b) <= 1, "%s: element %zu is code %d, not %d", what, i, b, a);
        } else {
            int64_t a = 0, b = 0; /* little-endian */
            memcpy(&a, (const char *)expected + i * size, size);
            memcpy(&b, (const char *)got + i * size, size);
            ck_assert_msg(a == b, "%s: element %zu of %s is %#llx, not %#llx", what, i,
                          prt_dtype_name(y->dtype), (unsigned long long)b, (unsigned long long)a);
        }
    }
}

static struct prt_segment *compiled(struct one_node *one)
{
    static const uint32_t index = 0;
    struct percept_error error = {0};
    struct prt_compile compile = {
        .graph = one->graph, .nodes = &index, .node_count = 1, .threads = 1};
    struct prt_segment *segment = NULL;
    enum percept_status status = prt_vulkan_backend.compile(&compile, &segment, &error);
    ck_assert_msg(status == PERCEPT_OK, "%s", error.message);
    return segment;
}

const char *on_vulkan_run(struct one_node *one)
{
    struct percept_error error = {0};
    struct prt_segment *segment = compiled(one);
    struct prt_step_time time = {0};
    for (int i = 0; i < 2; i++) { /* once with time stamps */
        struct prt_execution execution = {.data = one->data, .times = i ? &time : NULL};
        memset(one->data[one->y], 0x5b, one->graph->values[one->y].bytes);
        enum percept_status status = prt_vulkan_backend.execute(segment, &execution, &error);
        ck_assert_msg(status == PERCEPT_OK, "%s", error.message);
    }
    ck_assert_ptr_nonnull(time.kernel);
    ck_assert_int_ge(time.end_ns, time.start_ns);
    prt_vulkan_backend.destroy(segment);
    return time.kernel;
}

/* Is the node for the GPU? Counts it. */
static bool takes(const struct one_node *one)
{
    const struct prt_node *node = &one->graph->nodes[0];
    static bool tells;
    if (!tells)
        atexit(tell);
    tells = true;
    bool does = prt_vulkan_backend.supports(one->graph, node);
    (does ? taken : left)[node->op]++;
    return does;
}

void on_vulkan_fails(struct one_node *one, const char *message)
{
    if (!takes(one))
        return;
    struct percept_error error = {0};
    struct prt_segment *segment = compiled(one);
    struct prt_execution execution = {.data = one->data};
    for (int i = 0; i < 2; i++) { /* what a run noted is gone when the next one begins */
        ck_assert_int_ne(prt_vulkan_backend.execute(segment, &execution, &error), PERCEPT_OK);
        ck_assert_str_eq(error.message, message);
    }
    prt_vulkan_backend.destroy(segment);
}

void on_vulkan_compare(struct one_node *one)
{
    const struct prt_node *node = &one->graph->nodes[0];
    if (!takes(one))
        return;
    size_t bytes = one->graph->values[one->y].bytes;
    void *expected = malloc(bytes + 1);
    memcpy(expected, one->data[one->y], bytes);
    on_vulkan_run(one);
    char what[64];
    snprintf(what, sizeof what, "%s%s%s", prt_op_name(node->op),
             node->op == PRT_OP_UNARY || node->op == PRT_OP_BINARY ? " " : "",
             node->op == PRT_OP_UNARY    ? prt_unary_name(node->attrs.unary.kind)
             : node->op == PRT_OP_BINARY ? prt_binary_name(node->attrs.binary.kind)
                                         : "");
    compare(one, expected, what);
    memcpy(one->data[one->y], expected, bytes);
    free(expected);
}

unsigned on_vulkan_codes_off(void)
{
    return codes_off;
}

bool on_vulkan_takes(const struct one_node *one)
{
    return prt_vulkan_backend.supports(one->graph, &one->graph->nodes[0]);
}
