/* A graph as bytes: what comes back is what was written, of every kind of thing that a graph points
 * to; and bytes that were changed make no graph, or one that is checked. */
#include "build.h"
#include "pte.h"
#include "run.h"

#include "runtime/deferred.h"
#include "runtime/graph_image.h"
#include "runtime/graph_parcel.h"
#include "runtime/program_data.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MUTATIONS = 4000, LARGE = 32 << 10 };

static struct flat file;
static char path[64];
static struct prt_program *program;

/* A program only for the graphs to be of. */
static void setup(void)
{
    struct pte pte = {0};
    pte_call(&pte, "aten::linear.out", "f32[1,64] cf32[2048,64] cf32[2048] >f32[1,2048] =");
    file = pte_write(&pte, false);
    strcpy(path, "/tmp/percept-image-XXXXXX");
    close(mkstemp(path));
    run_write(path, &file);
    ck_assert_int_eq(prt_program_open(path, &program, NULL), PERCEPT_OK);
}

static void teardown(void)
{
    prt_program_close(program);
    free(file.bytes);
    unlink(path);
}

static uint32_t codes(struct prt_graph *graph, const int32_t *sizes, size_t rank)
{
    uint32_t id = build_tensor(graph, sizes, rank);
    graph->values[id].tensor.dtype = PRT_I32;
    return id;
}

/* With names, numbers, lists, scales, factors, multipliers, a state, and constants of its own and
 * of the program's file; and with values that nobody reads between them. */
static struct prt_graph *rich_graph(void)
{
    static const float factors[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    static const int32_t multipliers[4] = {1 << 30, 3 << 28, 5 << 27, 1 << 29};
    static const uint8_t shifts[4] = {31, 30, 31, 32};
    struct prt_graph *graph = build_graph();
    graph->program = program;
    uint32_t x = build_input(graph, SIZES(1, 8, 4, 4));
    build_constant(graph, SIZES(3));
    uint32_t weight = build_int8_weight(graph, SIZES(8, 8, 1, 1)), y, in_file, half, rows, z, state,
             sum;
    graph->values[weight].name = "weight";
    struct prt_node *node =
        build_node(graph, PRT_OP_DEQUANTIZE, IDS(weight), SIZES(8, 8, 1, 1), &y);
    node->name = "dequantize";
    node = build_node(graph, PRT_OP_CONV2D, IDS(x, y, PRT_NO_VALUE, PRT_NO_VALUE, PRT_NO_VALUE),
                      SIZES(1, 8, 4, 4), &z);
    node->attrs.conv = (struct prt_conv_attrs){
        .stride = {1, 1}, .dilation = {1, 1}, .groups = 1, .act = {PRT_ACT_CLAMP, 0, 6}};
    z = build_reshape(graph, z, SIZES(8, 16));

    in_file = build_tensor(graph, SIZES(8, 16));
    graph->values[in_file].flags = PRT_FLAG_CONSTANT | PRT_FLAG_DEFERRED;
    graph->values[in_file].data = program->file.data + 64;
    struct prt_factors *by = base_arena_alloc(&graph->arena, sizeof *by);
    *by = (struct prt_factors){factors, 0};
    graph->values[in_file].factors = by;
    sum = build_binary(graph, PRT_BINARY_ADD, z, in_file);
    sum = build_binary(graph, PRT_BINARY_MUL, sum, build_number(graph, 1.25));
    build_node(graph, PRT_OP_SLICE, IDS(sum, build_int(graph, 2), PRT_NO_VALUE), SIZES(6, 16), &y);
    graph->nodes[graph->node_count - 1].attrs.slice = (struct prt_slice_attrs){0, 1};

    /* Half bytes of the program's file. */
    half = codes(graph, SIZES(6, 16));
    graph->values[half].tensor.dtype = PRT_I8;
    graph->values[half].bytes = 96;
    graph->values[half].flags = PRT_FLAG_CONSTANT | PRT_FLAGS_DEFERRED;
    graph->values[half].data = program->file.data + program->file.size - 48;
    build_node(graph, PRT_OP_DYNAMIC_LINEAR,
               IDS(y, half, build_constant(graph, SIZES(6, 1)), PRT_NO_VALUE), SIZES(6, 6), &rows);

    state = build_tensor(graph, SIZES(6, 16));
    graph->values[state].flags = PRT_FLAG_STATE;
    uint32_t next = build_binary(graph, PRT_BINARY_ADD, y, state);
    graph->states = base_arena_alloc(&graph->arena, sizeof *graph->states);
    *graph->states = (struct prt_state){.value = state, .output = 2, .buffer = 3, .offset = 16};
    graph->state_count = graph->hidden_output_count = 1;

    uint32_t ints = codes(graph, SIZES(2, 4)), scaled;
    graph->inputs = base_arena_copy(&graph->arena, IDS(x, ints) * sizeof(uint32_t));
    graph->input_count = 2;
    node = build_node(graph, PRT_OP_RESCALE, IDS(ints), SIZES(2, 4), &scaled);
    node->attrs.rescale = (struct prt_rescale_attrs){
        .count = 4, .multipliers = multipliers, .shifts = shifts, .zero_y = 1};
    graph->values[scaled].tensor.dtype = PRT_I8;
    graph->values[scaled].bytes = 8;
    build_finish(graph, IDS(scaled, rows, next));
    return graph;
}

static char *text_of(const struct prt_graph *graph)
{
    char *text = prt_graph_dump(graph);
    ck_assert_ptr_nonnull(text);
    return text;
}

/* The graph of a copy of the image, at another address and where nothing can be written. */
static struct prt_graph *from(const void *image, size_t bytes, void **copy)
{
    ck_assert_int_eq(posix_memalign(copy, 64, bytes + 1), 0);
    memcpy(*copy, image, bytes);
    return prt_graph_from_image(program, *copy, bytes);
}

START_TEST(comes_back_as_it_was)
{
    struct prt_graph *graph = rich_graph();
    size_t bytes, again;
    void *image = prt_graph_image(graph, &bytes), *copy, *copies[2];
    ck_assert_ptr_nonnull(image);
    struct prt_graph *back = from(image, bytes, &copy);
    ck_assert_ptr_nonnull(back);
    free(image);
    ck_assert_uint_lt(back->value_count, graph->value_count); /* without what nobody reads */
    ck_assert_uint_eq(back->node_count, graph->node_count);
    for (uint32_t n = 0; n < graph->node_count; n++) {
        const struct prt_node *a = &graph->nodes[n], *b = &back->nodes[n];
        ck_assert_mem_eq(&a->op, &b->op, sizeof a->op);
        ck_assert_uint_eq(a->input_count, b->input_count);
        ck_assert(!a->name == !b->name && (!a->name || strcmp(a->name, b->name) == 0));
        if (a->op != PRT_OP_RESCALE)
            ck_assert_mem_eq(&a->attrs, &b->attrs, sizeof a->attrs);
        for (unsigned i = 0; i < a->input_count; i++) {
            ck_assert_int_eq(a->inputs[i] == PRT_NO_VALUE, b->inputs[i] == PRT_NO_VALUE);
            if (a->inputs[i] == PRT_NO_VALUE)
                continue;
            const struct prt_value *v = &graph->values[a->inputs[i]],
                                   *w = &back->values[b->inputs[i]];
            ck_assert_int_eq(v->kind, w->kind);
            ck_assert_uint_eq(v->flags, w->flags);
            ck_assert_uint_eq(v->uses, w->uses);
            if (v->kind == PRT_VALUE_INT || v->kind == PRT_VALUE_DOUBLE)
                ck_assert_int_eq(v->i, w->i);
            if (v->kind == PRT_VALUE_TENSOR)
                ck_assert_mem_eq(v->tensor.sizes, w->tensor.sizes, sizeof v->tensor.sizes);
            if (v->flags & PRT_FLAG_DEFERRED) {
                ck_assert_ptr_eq(v->data, w->data); /* in the file still */
                if (v->factors)
                    ck_assert_mem_eq(v->factors->factors, w->factors->factors, 8 * sizeof(float));
            } else if (v->flags & PRT_FLAG_CONSTANT) {
                ck_assert_ptr_ne(v->data, w->data);
                ck_assert_mem_eq(v->data, w->data, v->bytes);
            }
            if (v->tensor.quant.kind == PRT_QUANT_PER_CHANNEL)
                ck_assert_mem_eq(v->tensor.quant.scales, w->tensor.quant.scales,
                                 v->tensor.quant.count * sizeof(float));
        }
    }
    const struct prt_rescale_attrs *a = NULL;
    for (uint32_t n = 0; n < back->node_count; n++)
        if (back->nodes[n].op == PRT_OP_RESCALE)
            a = &back->nodes[n].attrs.rescale;
    ck_assert_ptr_nonnull(a);
    ck_assert_int_eq(a->multipliers[1], 3 << 28);
    ck_assert_int_eq(a->shifts[3], 32);
    ck_assert_uint_eq(back->values[back->states[0].value].flags, PRT_FLAG_STATE);
    ck_assert_uint_eq(back->states[0].offset, 16);
    ck_assert_uint_eq(back->hidden_output_count, 1);

    /* And so once more, now of a graph without values that nobody reads. */
    image = prt_graph_image(back, &again);
    ck_assert_uint_eq(again, bytes);
    struct prt_graph *last = from(image, bytes, &copies[0]);
    char *texts[2] = {text_of(back), text_of(last)};
    ck_assert_str_eq(texts[0], texts[1]);
    free(texts[0]);
    free(texts[1]);
    free(image);
    prt_graph_destroy(graph);
    prt_graph_destroy(back);
    prt_graph_destroy(last);
    free(copy);
    free(copies[0]);
}
END_TEST

/* What a reader under a sanitizer would trip over: all that it lets through is a checked graph. */
static void try_bytes(const unsigned char *bytes, size_t size)
{
    void *copy;
    struct prt_graph *graph = from(bytes, size, &copy);
    if (graph)
        free(text_of(graph));
    prt_graph_destroy(graph);
    free(copy);
}

START_TEST(what_was_changed_is_refused_or_checked)
{
    struct prt_graph *graph = rich_graph();
    size_t size;
    unsigned char *image = prt_graph_image(graph, &size), *bytes = malloc(size);
    for (size_t length = 0; length < size; length += length < 1024 ? 8 : 64)
        try_bytes(image, length);
    srand(11);
    for (int i = 0; i < MUTATIONS; i++) {
        memcpy(bytes, image, size);
        size_t at = (size_t)rand() % (size - 8);
        uint64_t word;
        memcpy(&word, bytes + at / 8 * 8, sizeof word);
        if (i % 4 == 0)
            word += (uint64_t)(rand() % 4096) - 2048; /* an address, moved */
        else if (i % 4 == 1)
            word = (uint64_t)rand() << 33 ^ (uint64_t)rand();
        else
            word ^= (uint64_t)1 << rand() % 64;
        memcpy(bytes + at / 8 * 8, &word, sizeof word);
        try_bytes(bytes, size);
    }
    free(image);
    free(bytes);
    prt_graph_destroy(graph);
}
END_TEST

START_TEST(large_constants_of_the_file_stay_there)
{
    struct prt_graph *graph = build_graph();
    graph->program = program;
    uint32_t x = build_input(graph, SIZES(LARGE / 4)), in_file, own, y;
    in_file = build_tensor(graph, SIZES(LARGE / 4));
    graph->values[in_file].flags = PRT_FLAG_CONSTANT;
    graph->values[in_file].data = program->file.data + 128;
    own = build_constant(graph, SIZES(LARGE / 4));
    y = build_binary(graph, PRT_BINARY_ADD, x, in_file);
    y = build_binary(graph, PRT_BINARY_ADD, y, own);
    build_finish(graph, IDS(y));
    size_t bytes;
    void *image = prt_graph_image(graph, &bytes), *copy;
    ck_assert_uint_gt(bytes, LARGE);
    ck_assert_uint_lt(bytes, 2 * LARGE);
    struct prt_graph *back = from(image, bytes, &copy);
    ck_assert_ptr_nonnull(back);
    ck_assert_ptr_eq(back->values[back->nodes[0].inputs[1]].data, program->file.data + 128);
    prt_graph_destroy(back);
    prt_graph_destroy(graph);
    free(copy);
    free(image);
}
END_TEST

/* ---- parcels ---- */

static void *parcel_memory(void *context, size_t bytes)
{
    void *memory;
    ck_assert_int_eq(posix_memalign(&memory, 64, bytes + 1), 0);
    memset(memory, 0, bytes);
    *(void **)context = memory;
    return memory;
}

/* Is it what the constant of the graph is when somebody reads it, wherever it lies? */
static void expect_read(const struct prt_graph *graph, uint32_t id, const struct prt_value *sent)
{
    void *wanted = malloc(sent->bytes + 1);
    ck_assert_int_eq(prt_deferred_read(graph, id, wanted, NULL), PERCEPT_OK);
    ck_assert(!(sent->flags & PRT_FLAGS_DEFERRED) && !sent->factors);
    ck_assert_mem_eq(sent->data, wanted, sent->bytes);
    free(wanted);
}

START_TEST(a_parcel_has_all_that_some_nodes_read)
{
    struct prt_graph *graph = rich_graph();
    for (uint32_t n = 0; n < graph->node_count; n++) {
        void *parcel = NULL;
        size_t bytes;
        ck_assert(prt_parcel_of_nodes(graph, &n, 1, parcel_memory, &parcel, &bytes));
        struct prt_graph *back = prt_graph_from_image(NULL, parcel, bytes);
        ck_assert_ptr_nonnull(back);
        ck_assert_uint_eq(back->value_count, graph->value_count); /* by the same ids */
        ck_assert_uint_eq(back->node_count, graph->node_count);
        for (uint32_t i = 0; i < graph->value_count; i++) {
            const struct prt_value *value = &back->values[i];
            bool is_read = false;
            for (unsigned k = 0; k < graph->nodes[n].input_count; k++)
                is_read |= graph->nodes[n].inputs[k] == i;
            if (value->kind != PRT_VALUE_TENSOR || !(value->flags & PRT_FLAG_CONSTANT))
                continue;
            const unsigned char *data = value->data, *from = parcel;
            ck_assert(data >= from && data + value->bytes <= from + bytes);
            if (is_read)
                expect_read(graph, i, value);
            for (size_t k = 0; !is_read && k < value->bytes; k++)
                ck_assert_uint_eq(data[k], 0);
        }
        prt_graph_destroy(back);
        free(parcel);
    }
    prt_graph_destroy(graph);
}
END_TEST

START_TEST(a_parcel_of_a_node_has_its_operands)
{
    struct prt_graph *graph = rich_graph();
    for (uint32_t n = 0; n < graph->node_count; n++) {
        const struct prt_node *node = &graph->nodes[n];
        void *parcel = NULL;
        size_t bytes;
        ck_assert(prt_parcel_of_node(graph, node, parcel_memory, &parcel, &bytes));
        struct prt_graph *back = prt_graph_from_image(NULL, parcel, bytes);
        ck_assert_ptr_nonnull(back);
        ck_assert_uint_eq(back->node_count, 1);
        ck_assert_int_eq(back->nodes[0].op, node->op);
        for (unsigned i = 0; i < node->input_count; i++) {
            uint32_t id = back->nodes[0].inputs[i];
            ck_assert_int_eq(id == PRT_NO_VALUE, node->inputs[i] == PRT_NO_VALUE);
            if (id == PRT_NO_VALUE)
                continue;
            const struct prt_value *value = &back->values[id];
            ck_assert_int_eq(value->kind, graph->values[node->inputs[i]].kind);
            ck_assert_uint_eq(value->bytes, graph->values[node->inputs[i]].bytes);
            if (value->kind == PRT_VALUE_TENSOR && value->flags & PRT_FLAG_CONSTANT)
                expect_read(graph, node->inputs[i], value);
        }
        prt_graph_destroy(back);
        free(parcel);
    }
    prt_graph_destroy(graph);
}
END_TEST

/* An operand that is there twice is one value of a parcel with room for two. */
START_TEST(a_graph_from_a_parcel_can_grow)
{
    struct prt_graph *graph = build_graph();
    uint32_t x = build_input(graph, SIZES(4));
    build_finish(graph, IDS(build_binary(graph, PRT_BINARY_ADD, x, x)));
    void *parcel = NULL;
    size_t bytes;
    ck_assert(prt_parcel_of_node(graph, &graph->nodes[0], parcel_memory, &parcel, &bytes));
    struct prt_graph *back = prt_graph_from_image(NULL, parcel, bytes);
    ck_assert_ptr_nonnull(back);
    const struct prt_node before = back->nodes[0];
    ck_assert_uint_eq(prt_graph_add_value(back, PRT_VALUE_INT), 2);
    ck_assert_mem_eq(&back->nodes[0], &before, sizeof before);
    prt_graph_destroy(back);
    prt_graph_destroy(graph);
    free(parcel);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("graph_image");
    TCase *tests = tcase_create("graph_image");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, comes_back_as_it_was);
    tcase_add_test(tests, what_was_changed_is_refused_or_checked);
    tcase_add_test(tests, large_constants_of_the_file_stay_there);
    tcase_add_test(tests, a_parcel_has_all_that_some_nodes_read);
    tcase_add_test(tests, a_parcel_of_a_node_has_its_operands);
    tcase_add_test(tests, a_graph_from_a_parcel_can_grow);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
