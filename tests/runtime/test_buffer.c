/* Memory from elsewhere as inputs and outputs of models, on the CPU; test_vulkan_buffer.c has the
 * same on a GPU. */
#include "build.h"
#include "dma_buf.h"
#include "pte.h"

#include "backends/cpu/cpu.h"
#include "runtime/prt.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const struct prt_backend *const backends[] = {&prt_cpu_backend, NULL};

enum { COUNT = 1000, BYTES = COUNT * sizeof(float), PAGE = 4096 };

static struct prt_model *make(struct prt_graph *graph)
{
    struct prt_model *model = NULL;
    struct percept_error error = {0};
    ck_assert_msg(prt_model_from_graph(graph, &(struct prt_model_options){.backends = backends},
                                       &model, &error) == PERCEPT_OK,
                  "%s", error.message);
    return model;
}

/* y = x + x */
static struct prt_model *make_sum(void)
{
    struct prt_graph *graph = build_graph();
    uint32_t x = build_input(graph, SIZES(COUNT));
    build_finish(graph, IDS(build_binary(graph, PRT_BINARY_ADD, x, x)));
    return make(graph);
}

static void succeed(enum percept_status status, const struct percept_error *error)
{
    ck_assert_msg(status == PERCEPT_OK, "%s", error->message);
}

static struct prt_buffer *import(int fd, size_t bytes)
{
    struct percept_error error = {0};
    struct prt_buffer *buffer = NULL;
    succeed(prt_buffer_import(fd, bytes, &buffer, &error), &error);
    return buffer;
}

static int make_memfd(size_t bytes)
{
    int fd = memfd_create("frame", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    ck_assert_int_eq(ftruncate(fd, (off_t)bytes), 0);
    return fd;
}

enum kind { WRAPPED, MEMFD, DMA_BUF, CREATED, KINDS };

/* What a wrapped buffer has must be freed after it. */
static struct prt_buffer *make_buffer(enum kind kind, size_t bytes)
{
    struct prt_buffer *buffer = NULL;
    if (kind == WRAPPED)
        ck_assert_int_eq(
            prt_buffer_wrap(aligned_alloc(64, (bytes + 63) / 64 * 64), bytes, &buffer, NULL),
            PERCEPT_OK);
    else if (kind == CREATED)
        ck_assert_int_eq(prt_buffer_create(NULL, bytes, &buffer, NULL), PERCEPT_OK);
    else {
        int fd = kind == MEMFD ? make_memfd(bytes) : dma_buf_create(bytes);
        buffer = import(fd, 0);
        close(fd); /* the buffer has its own */
    }
    ck_assert_uint_eq(prt_buffer_bytes(buffer), bytes);
    ck_assert(prt_buffer_is_dma_buf(buffer) == (kind == DMA_BUF));
    return buffer;
}

static void end_buffer(enum kind kind, struct prt_buffer *buffer)
{
    void *memory = prt_buffer_data(buffer);
    prt_buffer_destroy(buffer);
    if (kind == WRAPPED)
        free(memory);
}

static void bind_both(struct prt_model *model, struct prt_buffer *x, size_t x_offset,
                      struct prt_buffer *y, size_t y_offset)
{
    struct percept_error error = {0};
    succeed(prt_model_bind_input(model, 0, x, x_offset, &error), &error);
    succeed(prt_model_bind_output(model, 0, y, y_offset, &error), &error);
}

static void run(struct prt_model *model)
{
    struct percept_error error = {0};
    succeed(prt_model_run(model, &error), &error);
}

static void expect_doubled(const float *y, float seed)
{
    size_t wrong = 0;
    for (int i = 0; i < COUNT; i++)
        wrong += y[i] != 2 * (seed + (float)i);
    ck_assert_uint_eq(wrong, 0);
}

static void fill(float *x, float seed)
{
    for (int i = 0; i < COUNT; i++)
        x[i] = seed + (float)i;
}

START_TEST(a_model_reads_and_writes_where_the_memory_lies)
{
    enum kind kind = (enum kind)_i;
    struct prt_model *model = make_sum();
    const void *home = prt_model_input_data(model, 0), *end = prt_model_output_data(model, 0);
    struct prt_buffer *x = make_buffer(kind, BYTES + 128), *y = make_buffer(kind, 3 * BYTES);
    fill((float *)((char *)prt_buffer_data(x) + 128), 3);
    bind_both(model, x, 128, y, 64);
    float *result = (float *)((char *)prt_buffer_data(y) + 64);
    ck_assert_ptr_eq(prt_model_input_data(model, 0), (char *)prt_buffer_data(x) + 128);
    ck_assert_ptr_eq(prt_model_output_data(model, 0), result);
    run(model);
    expect_doubled(result, 3);
    /* Without buffers the model has its own memory again. */
    bind_both(model, NULL, 0, NULL, 0);
    ck_assert_ptr_eq(prt_model_input_data(model, 0), home);
    ck_assert_ptr_eq(prt_model_output_data(model, 0), end);
    end_buffer(kind, x);
    fill(prt_model_input_data(model, 0), 5);
    run(model);
    expect_doubled(prt_model_output_data(model, 0), 5);
    expect_doubled(result, 3);
    end_buffer(kind, y);
    prt_model_destroy(model);
}
END_TEST

START_TEST(frames_come_in_turns)
{
    enum { FRAMES = 3 };
    struct prt_model *model = make_sum();
    struct prt_buffer *frames[FRAMES], *y = make_buffer(CREATED, BYTES);
    for (int i = 0; i < FRAMES; i++)
        frames[i] = make_buffer(MEMFD, BYTES);
    for (int run_ = 0; run_ < 3 * FRAMES; run_++) {
        struct prt_buffer *frame = frames[run_ % FRAMES];
        fill(prt_buffer_data(frame), (float)run_);
        bind_both(model, frame, 0, y, 0);
        run(model);
        expect_doubled(prt_buffer_data(y), (float)run_);
    }
    prt_model_destroy(model);
    for (int i = 0; i < FRAMES; i++)
        prt_buffer_destroy(frames[i]);
    prt_buffer_destroy(y);
}
END_TEST

START_TEST(what_was_exported_is_the_same_memory)
{
    struct prt_model *model = make_sum();
    struct prt_buffer *y = make_buffer(CREATED, BYTES), *other, *wrapped;
    struct percept_error error = {0};
    int fd = -1;
    succeed(prt_buffer_export(y, &fd, &error), &error);
    other = import(fd, BYTES);
    close(fd);
    succeed(prt_model_bind_output(model, 0, y, 0, &error), &error);
    fill(prt_model_input_data(model, 0), 7);
    run(model);
    expect_doubled(prt_buffer_data(other), 7);
    prt_model_destroy(model);
    prt_buffer_destroy(y);
    expect_doubled(prt_buffer_data(other), 7); /* it outlives who made it */
    prt_buffer_destroy(other);
    float memory[16];
    fd = -1;
    ck_assert_int_eq(prt_buffer_wrap(memory, sizeof memory, &wrapped, NULL), PERCEPT_OK);
    ck_assert_int_eq(prt_buffer_export(wrapped, &fd, &error), PERCEPT_UNSUPPORTED);
    ck_assert_int_eq(fd, -1);
    prt_buffer_destroy(wrapped);
}
END_TEST

/* ---- bad input ---- */

static void refuse(int fd, size_t bytes, enum percept_status status, const char *text)
{
    struct percept_error error = {0};
    struct prt_buffer *buffer = NULL;
    ck_assert_int_eq(prt_buffer_import(fd, bytes, &buffer, &error), status);
    ck_assert_msg(strstr(error.message, text) != NULL, "\"%s\"", error.message);
    ck_assert_ptr_null(buffer);
}

START_TEST(a_bad_descriptor_is_one_error)
{
    int ends[2], fd;
    refuse(-1, 0, PERCEPT_IO, "descriptor -1: Bad file descriptor");
    fd = make_memfd(BYTES);
    close(fd);
    refuse(fd, 0, PERCEPT_IO, "Bad file descriptor");
    const char *kind = "neither a dma-buf nor shared memory";
    ck_assert_int_eq(pipe(ends), 0);
    refuse(ends[0], 0, PERCEPT_INVALID, kind);
    close(ends[0]);
    close(ends[1]);
    fd = open("/dev/zero", O_RDWR);
    refuse(fd, BYTES, PERCEPT_INVALID, kind);
    close(fd);
    fd = make_memfd(BYTES);
    refuse(fd, BYTES + 1, PERCEPT_INVALID, "the buffer has 4000 bytes, not 4001");
    refuse(fd, SIZE_MAX, PERCEPT_INVALID, "the buffer has 4000 bytes");
    close(fd);
    fd = make_memfd(0);
    refuse(fd, 0, PERCEPT_INVALID, "the buffer has 0 bytes");
    close(fd);
    fd = dma_buf_create(PAGE);
    refuse(fd, PAGE + 1, PERCEPT_INVALID, "the buffer has 4096 bytes, not 4097");
    close(fd);
}
END_TEST

START_TEST(shared_memory_that_may_shrink_is_refused)
{
    int fd = memfd_create("cannot be sealed", MFD_CLOEXEC);
    ck_assert_int_eq(ftruncate(fd, BYTES), 0);
    refuse(fd, 0, PERCEPT_INVALID, "make it with MFD_ALLOW_SEALING");
    close(fd);
    fd = make_memfd(BYTES);
    struct prt_buffer *buffer = import(fd, 0);
    ck_assert_int_ne(ftruncate(fd, 0), 0);
    prt_buffer_destroy(buffer);
    close(fd);
}
END_TEST

/* The descriptor of the same memory, opened otherwise. */
static int open_again(int fd, int flags)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int again = open(path, flags | O_CLOEXEC);
    ck_assert_int_ge(again, 0);
    return again;
}

START_TEST(memory_that_cannot_be_mapped_is_refused)
{
    int fd = make_memfd(BYTES), blind = open_again(fd, O_WRONLY);
    refuse(blind, 0, PERCEPT_PERMISSION, "cannot map 4000 bytes of a buffer");
    close(blind);
    close(fd);
}
END_TEST

START_TEST(what_may_be_read_only_can_be_an_input)
{
    struct percept_error error = {0};
    int fd = make_memfd(BYTES);
    struct prt_buffer *writable = import(fd, 0);
    int reading = open_again(fd, O_RDONLY);
    struct prt_buffer *buffer = import(reading, 0);
    struct prt_model *model = make_sum();
    fill(prt_buffer_data(writable), 2);
    succeed(prt_model_bind_input(model, 0, buffer, 0, &error), &error);
    ck_assert_int_eq(prt_model_bind_output(model, 0, buffer, 0, &error), PERCEPT_INVALID);
    ck_assert_str_eq(error.message, "output 0: the buffer may be read only");
    run(model);
    expect_doubled(prt_model_output_data(model, 0), 2);
    prt_model_destroy(model);
    prt_buffer_destroy(buffer);
    prt_buffer_destroy(writable);
    close(reading);
    close(fd);
}
END_TEST

START_TEST(memory_that_is_none_is_refused)
{
    struct prt_buffer *buffer = NULL;
    ck_assert_int_eq(prt_buffer_wrap(NULL, 64, &buffer, NULL), PERCEPT_INVALID);
    ck_assert_int_eq(prt_buffer_wrap(&buffer, 0, &buffer, NULL), PERCEPT_INVALID);
    ck_assert_int_eq(prt_buffer_wrap(&buffer, SIZE_MAX, &buffer, NULL), PERCEPT_INVALID);
    ck_assert_int_eq(prt_buffer_create(NULL, 0, &buffer, NULL), PERCEPT_INVALID);
    ck_assert_int_eq(prt_buffer_create(NULL, SIZE_MAX, &buffer, NULL), PERCEPT_INVALID);
    ck_assert_int_ne(prt_buffer_create(NULL, INT64_MAX, &buffer, NULL), PERCEPT_OK);
    ck_assert_ptr_null(buffer);
    prt_buffer_destroy(NULL);
}
END_TEST

START_TEST(a_bad_binding_changes_nothing)
{
    static const struct {
        bool output;
        size_t index, offset;
        const char *text;
    } cases[] = {
        {false, 1, 0, "input 1 is no tensor of the method"},
        {true, 1, 0, "output 1 is no tensor of the method"},
        {true, SIZE_MAX, 0, "is no tensor of the method"},
        {false, 0, 64, "input 0 has 4000 bytes: from 64 on, a buffer of 4063 has no room"},
        {true, 0, 64, "output 0 has 4000 bytes: from 64 on, a buffer of 4063 has no room"},
        {true, 0, SIZE_MAX, "has no room"},
        {true, 0, SIZE_MAX - BYTES + 1, "has no room"},
        {false, 0, 4, "input 0 would begin at byte 4 of a buffer, which is no multiple of 64"},
    };
    struct prt_model *model = make_sum();
    struct prt_buffer *buffer = make_buffer(CREATED, BYTES + 63);
    struct percept_error error = {0};
    succeed(prt_model_bind_input(model, 0, buffer, 0, &error), &error);
    const void *y = prt_model_output_data(model, 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        enum percept_status status =
            (cases[i].output ? prt_model_bind_output : prt_model_bind_input)(
                model, cases[i].index, buffer, cases[i].offset, &error);
        ck_assert_int_eq(status, PERCEPT_INVALID);
        ck_assert_msg(strstr(error.message, cases[i].text) != NULL, "\"%s\"", error.message);
        ck_assert_ptr_eq(prt_model_input_data(model, 0), prt_buffer_data(buffer));
        ck_assert_ptr_eq(prt_model_output_data(model, 0), y);
    }
    prt_model_destroy(model);
    prt_buffer_destroy(buffer);
}
END_TEST

/* ---- tensors that share their memory ---- */

/* The last of them comes to lie in the first; another is there twice; one is an input. */
START_TEST(outputs_that_share_their_memory_are_copied)
{
    enum { HALF = 16, OUTPUTS = 5 };
    struct prt_graph *graph = build_graph();
    uint32_t x = build_input(graph, SIZES(HALF)), w = build_input(graph, SIZES(HALF));
    uint32_t a = build_binary(graph, PRT_BINARY_ADD, x, w);
    uint32_t b = build_binary(graph, PRT_BINARY_MUL, x, w);
    uint32_t whole = build_concat(graph, IDS(a, b), 0);
    uint32_t twice = build_binary(graph, PRT_BINARY_SUB, x, w);
    build_finish(graph, IDS(whole, twice, twice, x, b));
    struct prt_model *model = make(graph);
    struct prt_buffer *in = make_buffer(MEMFD, 2 * 64), *out[OUTPUTS];
    struct percept_error error = {0};
    float *data = prt_buffer_data(in);
    for (int i = 0; i < 2 * HALF; i++)
        data[i] = (float)(i * i);
    for (size_t i = 0; i < 2; i++)
        succeed(prt_model_bind_input(model, i, in, i * 64, &error), &error);
    for (size_t i = 0; i < OUTPUTS; i++) {
        out[i] = make_buffer(CREATED, 2 * 64);
        succeed(prt_model_bind_output(model, i, out[i], 0, &error), &error);
    }
    for (int run_ = 0; run_ < 2; run_++) {
        data[0] += 1;
        run(model);
        for (int i = 0; i < HALF; i++) {
            float p = data[i], q = data[HALF + i];
            const float expected[OUTPUTS] = {p + q, p - q, p - q, p, p * q};
            for (int k = 0; k < OUTPUTS; k++)
                ck_assert_float_eq(((float *)prt_buffer_data(out[k]))[i], expected[k]);
            ck_assert_float_eq(((float *)prt_buffer_data(out[0]))[HALF + i], p * q);
        }
    }
    for (size_t i = 0; i < OUTPUTS; i++)
        ck_assert_mem_eq(prt_buffer_data(out[i]), prt_model_output_data(model, i), HALF * 4);
    prt_model_destroy(model);
    prt_buffer_destroy(in);
    for (int i = 0; i < OUTPUTS; i++)
        prt_buffer_destroy(out[i]);
}
END_TEST

/* ---- numbers and sizes that change ---- */

static void expect_sum(const float *x, const float *y, int count)
{
    for (int i = 0; i < count; i++)
        ck_assert_float_eq(y[i], 2 * x[i]);
}

START_TEST(what_is_bound_stays_when_sizes_change)
{
    struct pte pte = {0};
    struct prt_model *model = NULL;
    struct percept_error error = {0};
    uint32_t x = pte_value(&pte, "f32[16]^48");
    char args[64];
    pte.inputs[pte.input_count++] = x;
    snprintf(args, sizeof args, "$%u $%u 1 >f32[64]^0 =", x, x);
    pte_call(&pte, "aten::add.out", args);
    struct prt_program *program = pte_open(&pte);
    succeed(prt_model_create(program, &(struct prt_model_options){.backends = backends}, &model,
                             &error),
            &error);
    struct prt_buffer *in = make_buffer(MEMFD, 64 * 4), *out = make_buffer(MEMFD, 32 * 4);
    float *frame = prt_buffer_data(in), *y = prt_buffer_data(out);
    for (int i = 0; i < 64; i++)
        frame[i] = (float)i;
    succeed(prt_model_bind_input(model, 0, in, 0, &error), &error);
    ck_assert_int_eq(prt_model_bind_output(model, 0, out, 0, &error), PERCEPT_INVALID);
    static const int32_t sizes[] = {32, 16, 32, 16};
    for (int i = 0; i < 4; i++) {
        frame[0] = (float)i;
        succeed(prt_model_resize_input(model, 0, 1, &sizes[i], &error), &error);
        succeed(prt_model_bind_output(model, 0, out, 0, &error), &error);
        ck_assert_ptr_eq(prt_model_input_data(model, 0), frame);
        run(model);
        expect_sum(frame, y, sizes[i]);
    }
    /* A size that the output's buffer is too small for. */
    static const int32_t large = 33;
    ck_assert_int_eq(prt_model_resize_input(model, 0, 1, &large, &error), PERCEPT_INVALID);
    ck_assert_str_eq(error.message,
                     "output 0 has 132 bytes: from 0 on, a buffer of 128 has no room");
    ck_assert_int_eq(prt_model_input_spec(model, 0)->sizes[0], 16);
    /* Nothing of it is left in graphs that were kept. */
    bind_both(model, NULL, 0, NULL, 0);
    prt_buffer_destroy(in);
    prt_buffer_destroy(out);
    for (int i = 0; i < 2; i++) {
        succeed(prt_model_resize_input(model, 0, 1, &sizes[i], &error), &error);
        float *own = prt_model_input_data(model, 0);
        own[0] = 9;
        run(model);
        expect_sum(own, prt_model_output_data(model, 0), sizes[i]);
    }
    prt_model_destroy(model);
    prt_program_close(program);
}
END_TEST

/* ---- dma-bufs ---- */

START_TEST(the_host_says_when_it_uses_a_dma_buf)
{
    struct prt_model *model = make_sum();
    struct prt_buffer *x = make_buffer(DMA_BUF, BYTES), *y = make_buffer(DMA_BUF, BYTES);
    struct percept_error error = {0};
    bind_both(model, x, 0, y, 0);
    succeed(prt_buffer_begin(x, true, &error), &error);
    fill(prt_buffer_data(x), 1);
    succeed(prt_buffer_end(x, true, &error), &error);
    dma_buf_log = (struct dma_buf_log){0};
    for (unsigned i = 1; i <= 2; i++) {
        run(model);
        ck_assert_uint_eq(dma_buf_log.waits, 2 * i);
        ck_assert_uint_eq(dma_buf_log.begun, 2 * i);
        ck_assert_uint_eq(dma_buf_log.open_for_writes, i);
        ck_assert_int_eq(dma_buf_log.open, 0);
    }
    expect_doubled(prt_buffer_data(y), 1);
    prt_model_destroy(model);
    prt_buffer_destroy(x);
    prt_buffer_destroy(y);
}
END_TEST

START_TEST(a_device_that_never_ends_its_work_is_an_error)
{
    struct prt_model *model = make_sum();
    struct prt_buffer *x = make_buffer(MEMFD, BYTES), *y = make_buffer(DMA_BUF, BYTES);
    struct percept_error error = {0};
    bind_both(model, x, 0, y, 0);
    dma_buf_is_busy = true;
    ck_assert_int_eq(prt_model_run(model, &error), PERCEPT_TIMED_OUT);
    ck_assert_str_eq(error.message, "a device has not ended its work on a dma-buf in 2000 ms");
    ck_assert_float_eq(*(float *)prt_buffer_data(y), 0);
    dma_buf_is_busy = false;
    fill(prt_buffer_data(x), 4);
    run(model);
    expect_doubled(prt_buffer_data(y), 4);
    ck_assert_int_eq(dma_buf_log.open, 0);
    prt_model_destroy(model);
    prt_buffer_destroy(x);
    prt_buffer_destroy(y);
}
END_TEST

START_TEST(a_dma_buf_of_the_kernel_will_do)
{
    int fd = dma_buf_create_true(2 * PAGE);
    if (fd < 0) {
        puts("skipped: there is no /dev/udmabuf");
        return;
    }
    struct prt_model *model = make_sum();
    struct prt_buffer *both = import(fd, 0);
    struct percept_error error = {0};
    ck_assert(prt_buffer_is_dma_buf(both));
    ck_assert_uint_eq(prt_buffer_bytes(both), 2 * PAGE);
    bind_both(model, both, 0, both, PAGE);
    succeed(prt_buffer_begin(both, true, &error), &error);
    fill(prt_buffer_data(both), 6);
    succeed(prt_buffer_end(both, true, &error), &error);
    run(model);
    expect_doubled((float *)((char *)prt_buffer_data(both) + PAGE), 6);
    prt_model_destroy(model);
    prt_buffer_destroy(both);
    close(fd);
}
END_TEST

/* ---- memory that others write to meanwhile ---- */

static _Alignas(64) _Atomic int64_t changing[PAGE];
static atomic_bool is_over;

static void *change(void *context)
{
    (void)context;
    while (!atomic_load(&is_over))
        for (int i = 0; i < 2; i++)
            atomic_store(&changing[PAGE / 2], i ? 1 : (int64_t)1 << 50);
    return NULL;
}

START_TEST(an_index_that_changes_meanwhile_leads_nowhere_else)
{
    struct prt_graph *graph = build_graph();
    uint32_t table = build_input(graph, SIZES(8, 64)), rows = build_tensor(graph, SIZES(PAGE)),
             offsets = build_tensor(graph, SIZES(1)), y;
    for (uint32_t i = rows; i <= offsets; i++) {
        graph->values[i].tensor.dtype = PRT_I64;
        graph->values[i].bytes *= 2;
    }
    static const int64_t first = 0;
    graph->values[offsets].flags = PRT_FLAG_CONSTANT;
    graph->values[offsets].data = &first;
    graph->inputs = base_arena_copy(&graph->arena, IDS(table, rows) * sizeof(uint32_t));
    graph->input_count = 2;
    build_node(graph, PRT_OP_EMBEDDING_BAG, IDS(table, rows, offsets, PRT_NO_VALUE), SIZES(1, 64),
               &y)
        ->attrs.bag.padding = -1;
    build_finish(graph, IDS(y));
    struct prt_model *model = make(graph);
    struct percept_error error = {0};
    struct prt_buffer *buffer = NULL;
    succeed(prt_buffer_wrap(changing, sizeof changing, &buffer, &error), &error);
    succeed(prt_model_bind_input(model, 1, buffer, 0, &error), &error);
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, change, NULL), 0);
    for (int i = 0; i < 200; i++) {
        enum percept_status status = prt_model_run(model, &error);
        ck_assert_msg(status == PERCEPT_OK || strstr(error.message, "is outside of") != NULL, "%s",
                      error.message);
    }
    atomic_store(&is_over, true);
    pthread_join(thread, NULL);
    prt_model_destroy(model);
    prt_buffer_destroy(buffer);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("buffer");
    TCase *tests = tcase_create("buffer");
    tcase_add_loop_test(tests, a_model_reads_and_writes_where_the_memory_lies, 0, KINDS);
    tcase_add_test(tests, frames_come_in_turns);
    tcase_add_test(tests, what_was_exported_is_the_same_memory);
    tcase_add_test(tests, a_bad_descriptor_is_one_error);
    tcase_add_test(tests, shared_memory_that_may_shrink_is_refused);
    tcase_add_test(tests, memory_that_cannot_be_mapped_is_refused);
    tcase_add_test(tests, what_may_be_read_only_can_be_an_input);
    tcase_add_test(tests, memory_that_is_none_is_refused);
    tcase_add_test(tests, a_bad_binding_changes_nothing);
    tcase_add_test(tests, outputs_that_share_their_memory_are_copied);
    tcase_add_test(tests, what_is_bound_stays_when_sizes_change);
    tcase_add_test(tests, the_host_says_when_it_uses_a_dma_buf);
    tcase_add_test(tests, a_device_that_never_ends_its_work_is_an_error);
    tcase_add_test(tests, a_dma_buf_of_the_kernel_will_do);
    tcase_add_test(tests, an_index_that_changes_meanwhile_leads_nowhere_else);
    suite_add_tcase(suite, tests);
    return build_run_suite(suite);
}
