/* Why: whatever was worth testing on the CPU is worth testing in fixed point, and in tiles. */
#include "on_dsp.h"

#include "backends/dsp/dsp.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_MEMORY = 2 << 20 };

static unsigned taken[PRT_OP_COUNT], left[PRT_OP_COUNT];
static size_t compared, codes_off;

/* The program is where the build has put it; a machine that does much else is no fault. */
__attribute__((constructor)) static void find_program(void)
{
    char path[1024];
    const char *folder = getenv("PERCEPT_BIN");
    snprintf(path, sizeof path, "%s/percept-dsp", folder ? folder : ".");
    setenv("PERCEPT_DSP", path, 0);
    setenv("PERCEPT_DSP_DEADLINE_MS", "120000", 1);
}

/* What ran, for whoever reads the log; each test has a process of its own. */
static void tell(void)
{
    for (unsigned op = 0; op < PRT_OP_COUNT; op++)
        if (taken[op])
            fprintf(stderr, "dsp: %s: %u nodes ran, %u were left\n", prt_op_name((enum prt_op)op),
                    taken[op], left[op]);
    if (compared)
        fprintf(stderr, "dsp: %zu of %zu codes are off by one\n", codes_off, compared);
}

static void set_memory(size_t memory)
{
    char text[32];
    snprintf(text, sizeof text, "%zu", memory);
    setenv("PERCEPT_DSP_MEMORY", text, 1);
}

const char *on_dsp_refuses(const struct one_node *one, size_t memory)
{
    set_memory(memory);
    return prt_dsp_backend.refuses(one->graph, &one->graph->nodes[0]);
}

void on_dsp_run(struct one_node *one, size_t memory)
{
    static const uint32_t index = 0;
    struct percept_error error = {0};
    const struct prt_compile compile = {
        .graph = one->graph, .nodes = &index, .node_count = 1, .threads = 1};
    struct prt_segment *segment = NULL;
    set_memory(memory);
    enum percept_status status = prt_dsp_backend.compile(&compile, &segment, &error);
    ck_assert_msg(status == PERCEPT_OK, "%s", error.message);
    struct prt_step_time time = {0};
    const struct prt_execution execution = {.data = one->data, .times = &time};
    memset(one->data[one->y], 0x5b, one->graph->values[one->y].bytes);
    status = prt_dsp_backend.execute(segment, &execution, &error);
    ck_assert_msg(status == PERCEPT_OK, "%s", error.message);
    ck_assert_ptr_nonnull(time.kernel);
    ck_assert_int_ge(time.end_ns, time.start_ns);
    prt_dsp_backend.destroy(segment);
}

static bool is_exact(const struct prt_node *node)
{
    switch (node->op) { /* the others compute integers, or choose */
    case PRT_OP_CONV2D:
    case PRT_OP_LINEAR:
    case PRT_OP_MATMUL:
    case PRT_OP_PRELU:
    case PRT_OP_REDUCE:
    case PRT_OP_SOFTMAX:
    case PRT_OP_LAYER_NORM:
        return false;
    case PRT_OP_BINARY: /* of two tensors: of one it is a table */
        return node->attrs.binary.kind > PRT_BINARY_MIN;
    case PRT_OP_POOL2D:
        return node->attrs.pool.is_max;
    case PRT_OP_RESIZE2D:
        return !node->attrs.resize.bilinear;
    default:
        return true;
    }
}

static void compare(const struct one_node *one, const uint8_t *expected)
{
    const struct prt_tensor *y = one_node_spec(one, one->y);
    const struct prt_node *node = &one->graph->nodes[0];
    const uint8_t *got = one->data[one->y];
    int most = is_exact(node) ? 0 : 1;
    size_t count = one->graph->values[one->y].bytes; /* wider integers byte by byte */
    for (size_t i = 0; i < count; i++) {
        int a = y->dtype == PRT_I8 ? (int8_t)expected[i] : expected[i];
        int b = y->dtype == PRT_I8 ? (int8_t)got[i] : got[i];
        codes_off += a != b;
        ck_assert_msg(abs(a - b) <= most, "%s: element %zu of %zu is code %d, not %d",
                      prt_op_name(node->op), i, count, b, a);
    }
    compared += count;
}

void on_dsp_check(struct one_node *one, reference expected, const void *context)
{
    if (on_dsp_refuses(one, MOST_MEMORY))
        return;
    on_dsp_run(one, MOST_MEMORY);
    one_node_check(one, expected, context, 1e-4);
}

void on_dsp_check_tiled(struct one_node *one, reference expected, const void *context)
{
    ck_assert_ptr_null(on_dsp_refuses(one, MOST_MEMORY));
    on_dsp_check(one, expected, context);
    size_t memory = 4 << 10;
    while (on_dsp_refuses(one, memory))
        memory += memory / 4;
    on_dsp_run(one, memory);
    one_node_check(one, expected, context, 1e-4);
}

void on_dsp_compare(struct one_node *one)
{
    static bool tells;
    const struct prt_node *node = &one->graph->nodes[0];
    if (!tells)
        atexit(tell);
    tells = true;
    ck_assert_msg(!prt_dsp_backend.absent(), "%s", prt_dsp_backend.absent());
    if (on_dsp_refuses(one, MOST_MEMORY)) {
        left[node->op]++;
        return;
    }
    taken[node->op]++;
    size_t bytes = one->graph->values[one->y].bytes;
    uint8_t *expected = malloc(bytes + 1), *whole = malloc(bytes + 1);
    memcpy(expected, one->data[one->y], bytes);
    on_dsp_run(one, MOST_MEMORY);
    compare(one, expected);
    memcpy(whole, one->data[one->y], bytes);
    size_t memory = 4 << 10;
    while (on_dsp_refuses(one, memory))
        memory += memory / 4;
    on_dsp_run(one, memory);
    ck_assert_msg(memcmp(whole, one->data[one->y], bytes) == 0, "%s: tiles give other bits",
                  prt_op_name(node->op));
    free(expected);
    free(whole);
}
