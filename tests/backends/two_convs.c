/* Why: see two_convs.h. */
#include "two_convs.h"

#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

struct prt_tensor two_convs_image(enum prt_dtype dtype, double scale)
{
    struct prt_tensor tensor = {.dtype = dtype,
                                .rank = 4,
                                .sizes = {1, TWO_CONVS_SIDE, TWO_CONVS_SIDE, TWO_CONVS_CHANNELS}};
    for (uint8_t i = 0; i < 4; i++)
        tensor.dim_order[i] = i;
    tensor.quant.kind = PRT_QUANT_PER_TENSOR;
    tensor.quant.scale = (float)scale;
    return tensor;
}

static uint32_t add_weight(struct prt_graph *graph)
{
    enum { BYTES = TWO_CONVS_CHANNELS * 9 * TWO_CONVS_CHANNELS };
    int8_t *data = base_arena_alloc(&graph->arena, BYTES);
    struct prt_tensor weight = two_convs_image(PRT_I8, 0x1p-7);
    weight.sizes[0] = TWO_CONVS_CHANNELS;
    weight.sizes[1] = weight.sizes[2] = 3;
    for (size_t i = 0; i < BYTES; i++)
        data[i] = (int8_t)(i * 37 % 201) - 100;
    uint32_t id = prt_graph_add_tensor(graph, &weight);
    graph->values[id].flags = PRT_FLAG_CONSTANT;
    graph->values[id].data = data;
    return id;
}

static uint32_t add_conv(struct prt_graph *graph, uint32_t x, uint32_t weight, double scale)
{
    struct prt_tensor tensor = two_convs_image(PRT_I8, scale);
    uint32_t y = prt_graph_add_tensor(graph, &tensor);
    struct prt_node *node = prt_graph_add_node(graph, PRT_OP_CONV2D, 5, 1);
    node->attrs.conv = (struct prt_conv_attrs){
        .stride = {1, 1}, .dilation = {1, 1}, .padding = {1, 1, 1, 1}, .groups = 1, .nhwc = true};
    node->inputs[0] = x;
    node->inputs[1] = weight;
    node->outputs[0] = y;
    return y;
}

struct prt_model *two_convs(const struct prt_backend *const *backends, struct percept_error *error)
{
    struct prt_graph *graph;
    struct prt_model *model = NULL;
    struct prt_tensor tensor = two_convs_image(PRT_I8, 0x1p-3);
    ck_assert_int_eq(prt_graph_create(&graph, NULL), PERCEPT_OK);
    uint32_t x = prt_graph_add_tensor(graph, &tensor), weight = add_weight(graph);
    uint32_t t = add_conv(graph, add_conv(graph, x, weight, 0x1p-1), weight, 0x1p-2);
    uint32_t y = prt_graph_add_tensor(graph, &tensor);
    struct prt_node *sum = prt_graph_add_node(graph, PRT_OP_BINARY, 2, 1);
    sum->attrs.binary = (struct prt_binary_attrs){.kind = PRT_BINARY_ADD, .alpha = 1};
    sum->inputs[0] = t;
    sum->inputs[1] = x;
    sum->outputs[0] = y;
    uint32_t *lists = base_arena_array(&graph->arena, 2, sizeof *lists);
    lists[0] = x;
    lists[1] = y;
    graph->inputs = lists;
    graph->outputs = lists + 1;
    graph->input_count = graph->output_count = 1;
    graph->values[x].flags = PRT_FLAG_INPUT;
    graph->values[y].flags = PRT_FLAG_OUTPUT;
    ck_assert_int_eq(prt_graph_finish(graph, NULL), PERCEPT_OK);
    const struct prt_model_options options = {.backends = backends};
    if (prt_model_from_graph(graph, &options, &model, error) != PERCEPT_OK)
        prt_graph_destroy(graph);
    return model;
}

void two_convs_fill(struct prt_model *model, int seed)
{
    int8_t *x = prt_model_input_data(model, 0);
    for (int i = 0; i < TWO_CONVS_ELEMENTS; i++)
        x[i] = (int8_t)((i * 7 + seed * 31) % 256 - 128);
}

static void expect_right(const struct prt_model *model, const struct prt_backend *const *backends,
                         int seed)
{
    struct prt_model *cpu = two_convs(backends, NULL);
    two_convs_fill(cpu, seed);
    ck_assert_int_eq(prt_model_run(cpu, NULL), PERCEPT_OK);
    const int8_t *wanted = prt_model_output_data(cpu, 0), *y = prt_model_output_data(model, 0);
    for (int i = 0; i < TWO_CONVS_ELEMENTS; i++)
        ck_assert_msg(wanted[i] == y[i], "%d: %d, not %d", i, y[i], wanted[i]);
    prt_model_destroy(cpu);
}

void two_convs_run(struct prt_model *model, const struct prt_backend *const *backends, int seed)
{
    struct percept_error error = {0};
    two_convs_fill(model, seed);
    ck_assert_msg(prt_model_run(model, &error) == PERCEPT_OK, "%s", error.message);
    expect_right(model, backends, seed);
}

/* ---- what is left behind ---- */

int left_descriptors(void)
{
    int count = 0;
    DIR *dir = opendir("/proc/self/fd");
    ck_assert_ptr_nonnull(dir);
    while (readdir(dir))
        count++;
    closedir(dir);
    return count;
}

pid_t left_child(void)
{
    pid_t child = 0; /* of whichever thread */
    DIR *threads = opendir("/proc/self/task");
    ck_assert_ptr_nonnull(threads);
    for (const struct dirent *entry; (entry = readdir(threads)) != NULL;) {
        char path[320], text[256] = "";
        snprintf(path, sizeof path, "/proc/self/task/%s/children", entry->d_name);
        FILE *file = fopen(path, "r");
        if (file) {
            (void)!fgets(text, sizeof text, file);
            fclose(file);
        }
        child = child ? child : (pid_t)atoi(text);
    }
    closedir(threads);
    return child;
}

void left_nothing(int descriptors)
{
    ck_assert_int_eq(left_descriptors(), descriptors);
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1); /* no child, running or dead */
}
