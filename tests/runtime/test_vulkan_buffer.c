/* Memory from elsewhere as inputs and outputs of models on a GPU: used where it lies or copied, the
 * numbers are the same. */
#include "build.h"
#include "dma_buf.h"
#include "driver.h"

#include "backends/cpu/cpu.h"
#include "backends/vulkan/vulkan.h"
#include "runtime/prt.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const struct prt_backend *const gpu_then_cpu[] = {&prt_vulkan_backend, &prt_cpu_backend,
                                                         NULL};

enum { COUNT = 1000, BYTES = COUNT * sizeof(float) };

/* y = x + x */
static struct prt_model *make_model(void)
{
    struct prt_graph *graph = build_graph();
    uint32_t x = build_input(graph, SIZES(COUNT));
    build_finish(graph, IDS(build_binary(graph, PRT_BINARY_ADD, x, x)));
    struct prt_model *model = NULL;
    struct percept_error error = {0};
    const struct prt_model_options options = {.backends = gpu_then_cpu};
    ck_assert_msg(prt_model_from_graph(graph, &options, &model, &error) == PERCEPT_OK, "%s",
                  error.message);
    return model;
}

static void succeed(enum percept_status status, const struct percept_error *error)
{
    ck_assert_msg(status == PERCEPT_OK, "%s", error->message);
}

static struct prt_buffer *import(int fd)
{
    struct prt_buffer *buffer = NULL;
    struct percept_error error = {0};
    succeed(prt_buffer_import(fd, 0, &buffer, &error), &error);
    close(fd);
    return buffer;
}

static struct prt_buffer *import_memfd(size_t bytes)
{
    int fd = memfd_create("frame", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    ck_assert_int_eq(ftruncate(fd, (off_t)bytes), 0);
    return import(fd);
}

static struct prt_buffer *create(size_t bytes)
{
    struct prt_buffer *buffer = NULL;
    ck_assert_int_eq(prt_buffer_create(&prt_vulkan_backend, bytes, &buffer, NULL), PERCEPT_OK);
    return buffer;
}

static void bind_both(struct prt_model *model, struct prt_buffer *x, size_t x_offset,
                      struct prt_buffer *y, size_t y_offset)
{
    struct percept_error error = {0};
    succeed(prt_model_bind_input(model, 0, x, x_offset, &error), &error);
    succeed(prt_model_bind_output(model, 0, y, y_offset, &error), &error);
}

/* Of inputs from x on, results from y on. */
static void run_right(struct prt_model *model, float *x, const float *y, float seed)
{
    struct percept_error error = {0};
    for (int i = 0; i < COUNT; i++)
        x[i] = seed + (float)i;
    succeed(prt_model_run(model, &error), &error);
    size_t wrong = 0;
    for (int i = 0; i < COUNT; i++)
        wrong += y[i] != 2 * (seed + (float)i);
    ck_assert_uint_eq(wrong, 0);
}

static const struct prt_backend *runs_on(const struct prt_model *model)
{
    return prt_model_placement(model, 0);
}

static size_t copied_bytes(const struct prt_model *model)
{
    struct prt_model_stats stats;
    prt_model_stats(model, &stats);
    return stats.device.copied_bytes;
}

/* ---- each kind of memory on each kind of device ---- */

enum kind { WRAPPED, MEMFD, DMA_BUF, CREATED };

static const struct {
    const char *device;
    enum kind kind;
    bool in_place;       /* the device uses it where it lies */
    bool makes_dma_bufs; /* what was created is one */
} ways[] = {
    {"none", WRAPPED, true, false},
    {"none", MEMFD, true, false},
    {"none", DMA_BUF, false, false},
    {"none", CREATED, true, false},
    {"no-import", WRAPPED, false, false},
    {"no-import", MEMFD, false, false},
    {"no-import", CREATED, false, false},
    {"discrete", WRAPPED, false, false},
    {"discrete", MEMFD, false, false},
    {"discrete", DMA_BUF, false, false},
    {"dma-buf", DMA_BUF, true, false},
    {"dma-buf", CREATED, true, true},
    {"dma-buf,discrete", DMA_BUF, true, false},
    {"dma-buf,discrete", CREATED, true, true},
};

START_TEST(whatever_memory_and_device_the_numbers_are_right)
{
    enum { X = 128, Y = 8192 }; /* where in the buffers */
    enum kind kind = ways[_i].kind;
    setenv("PERCEPT_VULKAN_FAULTS", ways[_i].device, 1);
    struct prt_model *model = make_model();
    struct prt_buffer *buffer = NULL;
    char *own = NULL;
    if (kind == WRAPPED) {
        own = aligned_alloc(64, Y + 4096);
        /* Not from a page's beginning on. */
        ck_assert_int_eq(prt_buffer_wrap(own + 64, Y + 4032, &buffer, NULL), PERCEPT_OK);
    } else if (kind == CREATED) {
        buffer = create(Y + 4096);
        for (size_t i = 0; i < Y + 4096; i++)
            ck_assert_int_eq(((char *)prt_buffer_data(buffer))[i], 0);
    } else
        buffer = kind == MEMFD ? import_memfd(Y + 4096) : import(dma_buf_create(Y + 4096));
    ck_assert(prt_buffer_is_dma_buf(buffer) == (kind == DMA_BUF || ways[_i].makes_dma_bufs));
    size_t shift = kind == WRAPPED ? (64 - ((uintptr_t)own + 64) % 64) % 64 : 0;
    char *data = (char *)prt_buffer_data(buffer) + shift;
    bind_both(model, buffer, X + shift, buffer, Y + shift);
    for (int run = 0; run < 3; run++) {
        memset(data + Y + BYTES, 7, 4096 - 64 - BYTES);
        run_right(model, (float *)(data + X), (float *)(data + Y), (float)run);
        for (int i = BYTES; i < 4096 - 64; i++)
            ck_assert_int_eq(data[Y + i], 7); /* what lies behind is let alone */
    }
    ck_assert_ptr_eq(runs_on(model), &prt_vulkan_backend);
    ck_assert_uint_eq(copied_bytes(model), ways[_i].in_place ? 0 : 2 * BYTES);
    /* Of a dma-buf the host says when it uses it, and always waits for other devices. */
    if (prt_buffer_is_dma_buf(buffer)) {
        ck_assert_uint_eq(dma_buf_log.waits, 6);
        ck_assert_uint_eq(dma_buf_log.begun, ways[_i].in_place ? 0 : 6);
        ck_assert_int_eq(dma_buf_log.open, 0);
    }
    prt_model_destroy(model);
    prt_buffer_destroy(buffer);
    free(own);
}
END_TEST

START_TEST(what_was_exported_is_what_the_device_writes)
{
    setenv("PERCEPT_VULKAN_FAULTS", "dma-buf", 1);
    struct prt_model *model = make_model();
    struct prt_buffer *x = import_memfd(BYTES), *y = create(BYTES), *other;
    struct percept_error error = {0};
    int fd;
    bind_both(model, x, 0, y, 0);
    succeed(prt_buffer_export(y, &fd, &error), &error);
    other = import(fd);
    run_right(model, prt_buffer_data(x), prt_buffer_data(other), 3);
    ck_assert_uint_eq(copied_bytes(model), 0);
    prt_model_destroy(model);
    prt_buffer_destroy(x);
    prt_buffer_destroy(y);
    prt_buffer_destroy(other);
}
END_TEST

/* Whether the frames are there all the time or each is taken in, used and let go. */
START_TEST(frames_come_in_turns)
{
    enum { FRAMES = 3 };
    setenv("PERCEPT_VULKAN_FAULTS", "dma-buf", 1);
    struct prt_model *model = make_model();
    struct prt_buffer *frames[FRAMES], *y = create(BYTES);
    for (int i = 0; i < FRAMES; i++)
        frames[i] = import(dma_buf_create(BYTES));
    for (int run = 0; run < 3 * FRAMES; run++) {
        bind_both(model, frames[run % FRAMES], 0, y, 0);
        run_right(model, prt_buffer_data(frames[run % FRAMES]), prt_buffer_data(y), (float)run);
    }
    for (int i = 0; i < FRAMES; i++)
        prt_buffer_destroy(i ? frames[i] : NULL);
    for (int run = 0; run < 5; run++) { /* likely at the same address each time */
        struct prt_buffer *frame = import(dma_buf_create(BYTES));
        bind_both(model, frame, 0, y, 0);
        run_right(model, prt_buffer_data(frame), prt_buffer_data(y), (float)run);
        bind_both(model, frames[0], 0, y, 0);
        prt_buffer_destroy(frame);
    }
    ck_assert_uint_eq(copied_bytes(model), 0);
    prt_model_destroy(model);
    prt_buffer_destroy(frames[0]);
    prt_buffer_destroy(y);
}
END_TEST

START_TEST(a_device_that_is_lost_leaves_the_buffers_to_the_cpu)
{
    setenv("PERCEPT_VULKAN_FAULTS", "dma-buf,lose=2", 1);
    struct prt_model *model = make_model();
    struct prt_buffer *x = import(dma_buf_create(BYTES)), *y = create(BYTES);
    bind_both(model, x, 0, y, 0);
    for (int run = 1; run <= 4; run++) {
        run_right(model, prt_buffer_data(x), prt_buffer_data(y), (float)run);
        ck_assert_ptr_eq(runs_on(model), run < 2 ? &prt_vulkan_backend : &prt_cpu_backend);
        ck_assert_uint_eq(dma_buf_log.begun, 2 * (unsigned)(run - 1));
        ck_assert_int_eq(dma_buf_log.open, 0);
    }
    ck_assert_ptr_nonnull(strstr(prt_model_gave_up(model), "the device was lost"));
    prt_model_destroy(model);
    prt_buffer_destroy(x);
    prt_buffer_destroy(y);
}
END_TEST

/* Its new device has to be given the memory again. */
START_TEST(a_model_made_after_a_loss_has_the_buffer_in_place)
{
    setenv("PERCEPT_VULKAN_FAULTS", "dma-buf,lose-once=1", 1);
    struct prt_model *first = make_model();
    struct prt_buffer *x = import(dma_buf_create(BYTES)), *y = import_memfd(BYTES);
    bind_both(first, x, 0, y, 0);
    run_right(first, prt_buffer_data(x), prt_buffer_data(y), 1);
    ck_assert_ptr_eq(runs_on(first), &prt_cpu_backend);
    struct prt_model *second = make_model();
    bind_both(second, x, 0, y, 0);
    run_right(second, prt_buffer_data(x), prt_buffer_data(y), 2);
    ck_assert_ptr_eq(runs_on(second), &prt_vulkan_backend);
    ck_assert_uint_eq(copied_bytes(second), 0);
    run_right(first, prt_buffer_data(x), prt_buffer_data(y), 3);
    prt_model_destroy(first);
    prt_model_destroy(second);
    prt_buffer_destroy(x);
    prt_buffer_destroy(y);
}
END_TEST

/* Where the device has no memory left to take it in. */
START_TEST(memory_that_is_not_taken_in_is_copied)
{
    setenv("PERCEPT_VULKAN_FAULTS", "none", 1);
    struct prt_model *model = make_model();
    struct prt_buffer *x = import_memfd(BYTES), *y = import_memfd(BYTES);
    setenv("PERCEPT_VULKAN_FAULTS", "memory=1", 1);
    bind_both(model, x, 0, y, 0);
    setenv("PERCEPT_VULKAN_FAULTS", "none", 1);
    run_right(model, prt_buffer_data(x), prt_buffer_data(y), 1);
    ck_assert_ptr_eq(runs_on(model), &prt_vulkan_backend);
    ck_assert_uint_eq(copied_bytes(model), 2 * BYTES);
    bind_both(model, x, 0, y, 0); /* and asked again it is in place */
    run_right(model, prt_buffer_data(x), prt_buffer_data(y), 2);
    prt_model_destroy(model);
    prt_buffer_destroy(x);
    prt_buffer_destroy(y);
}
END_TEST

/* One model's result as the next one's input; the model's memory is not the buffer's to end. */
START_TEST(memory_of_another_model_can_be_wrapped)
{
    setenv("PERCEPT_VULKAN_FAULTS", "none", 1);
    struct prt_model *first = make_model(), *second = make_model();
    float *x = prt_model_input_data(first, 0);
    const float *y = prt_model_output_data(first, 0);
    struct percept_error error = {0};
    /* Whichever of the two begins where the model's memory does. */
    void *both[2] = {x, (void *)(uintptr_t)y};
    for (int i = 0; i < 2; i++) {
        struct prt_buffer *buffer = NULL;
        ck_assert_int_eq(prt_buffer_wrap(both[i], BYTES, &buffer, NULL), PERCEPT_OK);
        run_right(first, x, y, (float)i);
        succeed(prt_model_bind_input(second, 0, buffer, 0, &error), &error);
        run_right(second, prt_model_input_data(second, 0), prt_model_output_data(second, 0), 5);
        ck_assert_uint_eq(copied_bytes(second), 0);
        succeed(prt_model_bind_input(second, 0, NULL, 0, &error), &error);
        prt_buffer_destroy(buffer);
    }
    run_right(first, x, y, 3);
    ck_assert_uint_eq(copied_bytes(first), 0);
    prt_model_destroy(first);
    prt_model_destroy(second);
}
END_TEST

/* Results whose last word is not whole: the device writes words, and must not write into what
 * follows in the buffer. */
START_TEST(what_follows_an_odd_result_is_let_alone)
{
    enum { ODD = 13 };
    setenv("PERCEPT_VULKAN_FAULTS", "none", 1);
    struct prt_graph *graph = build_graph();
    uint32_t x = build_input(graph, SIZES(ODD));
    build_finish(graph, IDS(build_quantize(graph, x, 1, 0)));
    struct prt_model *model = NULL;
    const struct prt_model_options options = {.backends = gpu_then_cpu};
    ck_assert_int_eq(prt_model_from_graph(graph, &options, &model, NULL), PERCEPT_OK);
    struct prt_buffer *y = import_memfd(64);
    struct percept_error error = {0};
    succeed(prt_model_bind_output(model, 0, y, 0, &error), &error);
    signed char *codes = prt_buffer_data(y);
    memset(codes, 77, 64);
    float *values = prt_model_input_data(model, 0);
    for (int i = 0; i < ODD; i++)
        values[i] = (float)i;
    succeed(prt_model_run(model, &error), &error);
    for (int i = 0; i < 64; i++)
        ck_assert_int_eq(codes[i], i < ODD ? i : 77);
    prt_model_destroy(model);
    prt_buffer_destroy(y);
}
END_TEST

int main(void)
{
    if (driver_is_absent())
        return 77;
    /* vulkan_validation.sh has another layer above. */
    setenv("VK_LAYER_PATH", VULKAN_LAYER_PATH, 0);
    setenv("VK_INSTANCE_LAYERS", "VK_LAYER_PERCEPT_faults", 0);
    Suite *suite = suite_create("vulkan buffer");
    TCase *tests = tcase_create("buffers");
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, whatever_memory_and_device_the_numbers_are_right, 0,
                        sizeof ways / sizeof ways[0]);
    tcase_add_test(tests, what_was_exported_is_what_the_device_writes);
    tcase_add_test(tests, frames_come_in_turns);
    tcase_add_test(tests, memory_that_is_not_taken_in_is_copied);
    tcase_add_test(tests, memory_of_another_model_can_be_wrapped);
    tcase_add_test(tests, what_follows_an_odd_result_is_let_alone);
    suite_add_tcase(suite, tests);
    /* Apart from the others: validation takes what was submitted to a lost device to be running. */
    TCase *losses = tcase_create("losses");
    tcase_set_timeout(losses, 120);
    tcase_add_test(losses, a_device_that_is_lost_leaves_the_buffers_to_the_cpu);
    tcase_add_test(losses, a_model_made_after_a_loss_has_the_buffer_in_place);
    suite_add_tcase(suite, losses);
    return build_run_suite(suite);
}
