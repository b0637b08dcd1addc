/*
 * No allocation may be the one that must not fail. Each test does all that a user of the runtime
 * does — open, compile, run, close — once for every allocation in it, with that one failing: the
 * answer is NO_MEMORY with a message, or the right result where the runtime can do without; never a
 * crash, and under AddressSanitizer never a leak.
 *
 * malloc and its kin and mmap are wrapped by the linker (--wrap), so only our own calls fail.
 */
#include "blob.h"
#include "build.h"
#include "ptd.h"
#include "pte.h"
#include "run.h"
#include "tosa_blob.h"
#include "vulkan_blob.h"

#include "backends/cpu/cpu.h"
#include "runtime/bundle.h"
#include "runtime/etdump.h"
#include "runtime/prt.h"

#include <check.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* ---- allocations that fail ---- */

static unsigned long made, fails_at; /* counted from 1; 0: none fails */

static bool fails(void)
{
    return ++made == fails_at;
}

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

void *__real_realloc(void *memory, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void *__wrap_realloc(void *memory, size_t size)
{
    return fails() ? NULL : __real_realloc(memory, size);
}

void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    return fails() ? NULL : __real_aligned_alloc(alignment, size);
}

int __real_posix_memalign(void **memory, size_t alignment, size_t size);
int __wrap_posix_memalign(void **memory, size_t alignment, size_t size);
int __wrap_posix_memalign(void **memory, size_t alignment, size_t size)
{
    return fails() ? ENOMEM : __real_posix_memalign(memory, alignment, size);
}

char *__real_strdup(const char *text);
char *__wrap_strdup(const char *text);
char *__wrap_strdup(const char *text)
{
    return fails() ? NULL : __real_strdup(text);
}

void *__real_mmap(void *at, size_t size, int protection, int flags, int file, off_t offset);
void *__wrap_mmap(void *at, size_t size, int protection, int flags, int file, off_t offset);
void *__wrap_mmap(void *at, size_t size, int protection, int flags, int file, off_t offset)
{
    if (!fails())
        return __real_mmap(at, size, protection, flags, file, offset);
    errno = ENOMEM;
    return MAP_FAILED;
}

/* ---- what a user does ---- */

static struct flat file, data_file;
static char path[64];            /* of the program, when it is to be opened as a file */
static char cache[64];           /* a folder for it; or "" */
static struct prt_scalar number; /* to set input 0 to, when it has a kind */

typedef enum percept_status (*user)(struct percept_error *error);

/* Once as it is, then with the first, the second, ... allocation failing. */
static void fail_each(user attempt)
{
    struct percept_error error = {0};
    made = fails_at = 0;
    enum percept_status status = attempt(&error);
    ck_assert_msg(status == PERCEPT_OK, "%s", error.message);
    unsigned long total = made;
    ck_assert_uint_gt(total, 5);
    for (unsigned long n = 1; n <= total; n++) {
        error = (struct percept_error){0};
        made = 0;
        fails_at = n;
        status = attempt(&error);
        fails_at = 0;
        ck_assert_msg(status == PERCEPT_OK || status == PERCEPT_NO_MEMORY,
                      "allocation %lu of %lu: %s: %s", n, total, percept_status_name(status),
                      error.message);
        if (status != PERCEPT_OK)
            ck_assert_msg(error.message[0] && error.status == status,
                          "allocation %lu of %lu: no message", n, total);
    }
}

static enum percept_status open_program(struct prt_program **program, struct percept_error *error)
{
    const struct prt_buffer program_buffer = {file.bytes, file.size, "test.pte"};
    const struct prt_buffer data = {data_file.bytes, data_file.size, "test.ptd"};
    if (path[0])
        return prt_program_open(path, program, error);
    return prt_program_open_buffers(&program_buffer, &data, data_file.size ? 1 : 0, program, error);
}

/* A device that computes functions, by the CPU's kernels. */
static bool only_functions(const struct prt_graph *graph, const struct prt_node *node)
{
    return node->op == PRT_OP_UNARY && prt_cpu_backend.supports(graph, node);
}

static struct prt_backend device;
static bool by_cost; /* it and the CPU, where it is quickest; else the CPU */

static enum percept_status open_compile_run(struct percept_error *error)
{
    static const struct prt_backend *const all[] = {&device, &prt_cpu_backend, NULL};
    const struct prt_backend *const *backends = by_cost ? all : all + 1;
    struct prt_program *program = NULL;
    struct prt_model *model = NULL;
    struct base_pool *pool = NULL;
    enum percept_status status = open_program(&program, error);
    if (!status)
        status = base_pool_create(2, &pool, error);
    const struct prt_model_options options = {
        .backends = backends,
        .pool = pool,
        .cache = cache[0] ? cache : NULL,
        .measure_ns = by_cost ? PRT_MEASURE_NS : 0,
    };
    if (!status)
        status = prt_model_create(program, &options, &model, error);
    if (!status && number.kind != PRT_VALUE_NONE)
        status = prt_model_set_scalar(model, 0, number, error);
    for (size_t i = 0; !status && i < prt_model_input_count(model); i++) {
        size_t bytes;
        if (!prt_model_input_spec(model, i))
            continue;
        prt_tensor_bytes(prt_model_input_spec(model, i), &bytes);
        memset(prt_model_input_data(model, i), 0, bytes);
    }
    if (!status)
        status = prt_model_run(model, error);
    const struct prt_tensor *bound = status ? NULL : prt_model_input_bound(model, 0);
    if (bound) {
        int32_t sizes[PRT_MAX_RANK];
        memcpy(sizes, bound->sizes, sizeof sizes);
        sizes[0] = 1;
        status = prt_model_resize_input(model, 0, bound->rank, sizes, error);
        if (!status)
            status = prt_model_run(model, error);
    }
    prt_model_destroy(model);
    base_pool_destroy(pool);
    prt_program_close(program);
    return status;
}

static void use(struct pte *pte)
{
    file = pte_write(pte, false);
}

static void teardown(void)
{
    free(file.bytes);
    free(data_file.bytes);
    file = data_file = (struct flat){0};
    if (path[0])
        unlink(path);
}

/* Append a call; %u in args are values made before. */
static uint32_t __attribute__((format(printf, 3, 4)))
call(struct pte *pte, const char *op, const char *args, ...)
{
    char text[256];
    va_list list;
    va_start(list, args);
    vsnprintf(text, sizeof text, args, list);
    va_end(list);
    return pte_call(pte, op, text);
}

START_TEST(a_convolution_net)
{
    struct pte pte = {0};
    uint32_t x =
        call(&pte, "aten::convolution.out",
             "f32[1,4,8,8] cf32[8,4,3,3] cf32[8] [1,1] [1,1] [1,1] F [0,0] 1 >f32[1,8,8,8] =");
    x = call(&pte, "aten::relu.out", "$%u >f32[1,8,8,8] =", x);
    x = call(&pte, "aten::mean.out", "$%u [2,3] F - >f32[1,8] =", x);
    x = call(&pte, "aten::linear.out", "$%u cf32[4,8] cf32[4] >f32[1,4] =", x);
    call(&pte, "aten::_softmax.out", "$%u 1 F >f32[1,4] =", x);
    use(&pte);
    fail_each(open_compile_run);
}
END_TEST

START_TEST(elementwise_and_moves)
{
    struct pte pte = {0};
    uint32_t x = call(&pte, "aten::add.out", "f32[2,3] f32[1,3] 2 >f32[2,3] =");
    x = call(&pte, "aten::permute_copy.out", "$%u [1,0] >f32[3,2] =", x);
    x = call(&pte, "aten::mul.out", "$%u cf32[3,2] >f32[3,2] =", x);
    call(&pte, "aten::sigmoid.out", "$%u >f32[3,2] =", x);
    use(&pte);
    fail_each(open_compile_run);
}
END_TEST

/* A layer of bytes whose rows are quantised as they come. */
static void rounded_rows(struct pte *pte)
{
    uint32_t x = pte->value_count, scale = x + 5, point = scale + 1;
    call(pte, "quantized_decomposed::choose_qparams.Tensor_out",
         "f32[2,96] -128 127 0.0000001 6 >f32[1] >i64[1] ($%u $%u)", scale, point);
    uint32_t codes = call(pte, "quantized_decomposed::quantize_per_tensor.Tensor_out",
                          "$%u $%u $%u -128 127 1 >i8[2,96] =", x, scale, point);
    x = call(pte, "quantized_decomposed::dequantize_per_tensor.Tensor_out",
             "$%u $%u $%u -128 127 1 - >f32[2,96] =", codes, scale, point);
    uint32_t weight = call(pte, "quantized_decomposed::dequantize_per_channel.out",
                           "ci8[200,96] cf32[200] - 0 -127 127 1 - >f32[200,96] =");
    call(pte, "aten::linear.out", "$%u $%u - >f32[2,200] =", x, weight);
}

/* Weights so large that their copies are mappings of their own. */
START_TEST(a_file_with_large_weights)
{
    struct pte pte = {0};
    uint32_t x = call(&pte, "aten::linear.out", "f32[2,512] cf32[768,512] cf32[768] >f32[2,768] =");
    call(&pte, "aten::linear.out", "$%u cf32[512,768] - >f32[2,512] =", x);
    rounded_rows(&pte);
    use(&pte);
    strcpy(path, "/tmp/percept-no-memory-XXXXXX");
    int descriptor = mkstemp(path);
    ck_assert_int_eq(write(descriptor, file.bytes, file.size), (ssize_t)file.size);
    close(descriptor);
    fail_each(open_compile_run);
}
END_TEST

/* Without a check, which takes memory. */
static bool remove_cache(void)
{
    char command[160];
    snprintf(command, sizeof command, "rm -rf %.60s/* %.60s/.[a-z0-9]*", cache, cache);
    return system(command) == 0;
}

static enum percept_status fill_cache(struct percept_error *error)
{
    return remove_cache() ? open_compile_run(error) : PERCEPT_IO;
}

/* What is measured differs from time to time, and with it how many allocations there are. */
START_TEST(backends_by_cost)
{
    struct pte pte = {0};
    uint32_t y = call(&pte, "aten::tanh.out", "f32[1,8] >f32[1,8] =");
    y = call(&pte, "aten::_softmax.out", "$%u 1 F >f32[1,8] =", y);
    call(&pte, "aten::tanh.out", "$%u >f32[1,8] =", y);
    use(&pte);
    device = prt_cpu_backend;
    device.name = "device";
    device.on_host = false;
    device.supports = only_functions;
    by_cost = true;
    fail_each(open_compile_run);
}
END_TEST

/* It fails less often than it would without a cache, never otherwise. */
START_TEST(a_cache_that_is_written_and_read)
{
    struct pte pte = {0};
    uint32_t x = call(&pte, "aten::linear.out", "f32[2,512] cf32[768,512] cf32[768] >f32[2,768] =");
    call(&pte, "aten::linear.out", "$%u cf32[512,768] - >f32[2,512] =", x);
    rounded_rows(&pte);
    use(&pte);
    strcpy(path, "/tmp/percept-no-memory-XXXXXX");
    close(mkstemp(path));
    run_write(path, &file);
    strcpy(cache, "/tmp/percept-no-cache-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(cache));
    fail_each(fill_cache);
    ck_assert(remove_cache());
    ck_assert_int_eq(open_compile_run(NULL), PERCEPT_OK);
    fail_each(open_compile_run);
    ck_assert(remove_cache());
    ck_assert_int_eq(rmdir(cache), 0);
    cache[0] = '\0';
}
END_TEST

START_TEST(quantised_layers_and_look_ups)
{
    struct pte pte = {0};
    uint32_t x = call(&pte, "aten::embedding.out", "cf32[20,16] i64[2,3] -1 F F >f32[2,3,16] =");
    x = call(&pte, "quantized_decomposed::quantize_per_tensor.out",
             "$%u 0.5 3 -128 127 1 >i8[2,3,16] =", x);
    x = call(&pte, "quantized_decomposed::dequantize_per_tensor.out",
             "$%u 0.5 3 -128 127 1 - >f32[2,3,16] =", x);
    x = call(&pte, "aten::cumsum.out", "$%u 1 - >f32[2,3,16] =", x);
    call(&pte, "aten::cat.out", "($%u $%u) 2 >f32[2,3,32] =", x, x);
    use(&pte);
    fail_each(open_compile_run);
}
END_TEST

START_TEST(quantised_kernel_calls) /* Cadence */
{
    struct pte pte = {0};
    call(&pte, "cadence::quantized_add.per_tensor_out", "i8[4] 0.5 1 i8[4] 0.25 2 1.0 0 >i8[4] =");
    use(&pte);
    fail_each(open_compile_run);
}
END_TEST

/* ---- delegates ---- */

static void use_blob(const char *delegate, const char *args, struct flat blob, struct flat data)
{
    struct pte pte = {0};
    pte_delegate(&pte, delegate, args);
    pte.blob = blob.bytes;
    pte.blob_size = blob.size;
    if (data.size) {
        pte.blob_key = "w";
        pte.blob_data = data.bytes;
        pte.blob_data_size = data.size;
    }
    use(&pte);
    free(blob.bytes);
    free(data.bytes);
    fail_each(open_compile_run);
}

START_TEST(an_xnnpack_blob)
{
    struct blob blob = {.home = BLOB_NAMED};
    uint32_t x = blob_value(&blob, "f32[1,5,4,2]", BLOB_INPUT, 0);
    uint32_t w = blob_value(&blob, "f32[3,3,2,2]", BLOB_CONSTANT, 0);
    uint32_t b = blob_value(&blob, "f32[3]", BLOB_CONSTANT, 0);
    uint32_t h = blob_value(&blob, "f32[1,2,3,3]", BLOB_INTERNAL, 0);
    uint32_t y = blob_value(&blob, "f32[1,2,3,3]", BLOB_OUTPUT, 1);
    blob_node(&blob, 7, "44444444444444444444", 1, 0, 0, 0, 3, 2, 2, 1, 1, 1, 2, 3, 1, 0, 0, x, w,
              b, h, 0);
    blob_node(&blob, 4, "444", h, y, 0);
    struct flat data = {0}, written = blob_write(&blob, &data);
    use_blob("XnnpackBackend", "f32[1,2,5,4]@0231 >f32[1,3,2,3]@0231", written, data);
}
END_TEST

START_TEST(a_vulkan_blob)
{
    struct vulkan_blob blob = {0};
    vulkan_call(&blob, "aten.mul.Tensor", "f32[2,3] cf32[3] .f32[2,3]");
    vulkan_call(&blob, "sym_size.int", "$0 1 %0");
    vulkan_call(&blob, "aten.gelu.default", "$2 \"tanh\" >f32[2,3]");
    use_blob("VulkanBackend", "f32[2,3] >f32[2,3]", vulkan_write(&blob), (struct flat){0});
}
END_TEST

START_TEST(a_tosa_blob)
{
    struct tosa_blob blob = {0};
    tosa_tensor(&blob, "x", 7, "1,5,5,2", TOSA_INPUT);
    tosa_tensor(&blob, "w", 7, "3,3,3,2", TOSA_CONSTANT);
    tosa_tensor(&blob, "b", 7, "3", TOSA_CONSTANT);
    tosa_tensor(&blob, "z", 7, "1", TOSA_CONSTANT);
    tosa_tensor(&blob, "h", 7, "1,5,5,3", TOSA_INNER);
    tosa_tensor(&blob, "y", 7, "1,5,5,3", TOSA_OUTPUT);
    tosa_op(&blob, 3, "x w b z z", "h", "o=1,1,1,1 o=1,1 o=1,1");
    tosa_op(&blob, 13, "h", "y", "");
    use_blob("TOSABackend", "f32[1,5,5,2] >f32[1,5,5,3]", tosa_write(&blob), (struct flat){0});
}
END_TEST

/* ---- numbers and states ---- */

START_TEST(another_number_for_an_input)
{
    /* A loop of as many rounds as input 0 says: set to another number, it is another variant. */
    struct pte pte = {0};
    uint32_t n = pte_value(&pte, "3"), x = pte_value(&pte, ">f32[4]");
    uint32_t i = pte_value(&pte, "0"), one = pte_value(&pte, "1"), done = pte_value(&pte, "F");
    pte.inputs[pte.input_count++] = n;
    pte.inputs[pte.input_count++] = x;
    call(&pte, "aten::neg.out", "$%u $%u $%u", x, x, x);
    call(&pte, "executorch_prim::add.Scalar", "$%u $%u $%u", i, one, i);
    call(&pte, "executorch_prim::eq.Scalar", "$%u $%u $%u", i, n, done);
    pte_instruction(&pte, 4, (int32_t)done, 0);
    pte.outputs[0] = x;
    pte.output_count = 1;
    use(&pte);
    number = (struct prt_scalar){.kind = PRT_VALUE_INT, .i = 5};
    fail_each(open_compile_run);
}
END_TEST

/* Nothing is above 0, which the first run finds out. */
START_TEST(other_sizes)
{
    struct pte pte = {0};
    uint32_t mask = call(&pte, "aten::gt.Scalar_out", "f32[2,3]^1 0 >bool[3,4]^0 =");
    uint32_t x = call(&pte, "aten::masked_select.out", "$0 $%u >f32[12]^0 =", mask);
    call(&pte, "aten::neg.out", "$%u >f32[12]^0 =", x);
    use(&pte);
    fail_each(open_compile_run);
}
END_TEST

START_TEST(weights_in_another_file)
{
    static const float weights[12] = {1}, bias[4] = {0};
    static const struct prt_tensor spec = {
        .dtype = PRT_F32, .rank = 2, .sizes = {4, 3}, .dim_order = {0, 1}};
    const struct ptd_entry entries[] = {{"fc.weight", weights, sizeof weights, &spec},
                                        {"fc.bias", bias, sizeof bias, NULL}};
    struct pte pte = {0};
    pte_call(&pte, "aten::linear.out", "f32[2,3] cf32[4,3] cf32[4] >f32[2,4] =");
    pte.values[1].external = "fc.weight";
    pte.values[2].external = "fc.bias";
    use(&pte);
    data_file = ptd_write(entries, 2);
    fail_each(open_compile_run);
}
END_TEST

static enum percept_status open_bundle(struct percept_error *error)
{
    struct prt_bundle *bundle = NULL;
    enum percept_status status =
        prt_bundle_open_buffer(file.bytes, file.size, "test.bpte", &bundle, error);
    prt_bundle_close(bundle);
    return status;
}

START_TEST(a_bundled_program)
{
    static const float numbers[6] = {1};
    const struct bpte_value value = {
        .type = 1,
        .spec = {.dtype = PRT_F32, .rank = 2, .sizes = {2, 3}, .dim_order = {0, 1}},
        .data = numbers,
        .size = sizeof numbers};
    struct pte pte = {0};
    pte_call(&pte, "aten::add.out", "f32[2,3] $0 1 >f32[2,3] =");
    struct bpte bundle = {.method = "forward",
                          .program = pte_write(&pte, false),
                          .inputs = &value,
                          .input_count = 1,
                          .outputs = &value,
                          .output_count = 1};
    file = bpte_write(&bundle);
    free(bundle.program.bytes);
    fail_each(open_bundle);
}
END_TEST

static enum percept_status write_dump(struct percept_error *error)
{
    static const float numbers[6] = {1};
    static const struct prt_tensor spec = {.dtype = PRT_F32, .rank = 1, .sizes = {6}};
    static const struct prt_etdump_event event = {.name = "aten::add.out", .instruction = 1};
    struct prt_etdump *dump = NULL;
    struct prt_etdump_file main_file, buffer;
    enum percept_status status = prt_etdump_create(&dump, error);
    if (!status) {
        for (int run = 0; run < 40; run++) {
            prt_etdump_run(dump, "Execute");
            prt_etdump_time(dump, &event, 1, 2);
            prt_etdump_tensor(dump, &event, &spec, numbers, false);
        }
        status = prt_etdump_finish(dump, &main_file, &buffer, error);
    }
    prt_etdump_destroy(dump);
    return status;
}

START_TEST(an_etdump)
{
    fail_each(write_dump);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("no memory");
    TCase *tests = tcase_create("no memory");
    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, NULL, teardown);
    tcase_add_test(tests, a_convolution_net);
    tcase_add_test(tests, elementwise_and_moves);
    tcase_add_test(tests, a_file_with_large_weights);
    tcase_add_test(tests, backends_by_cost);
    tcase_add_test(tests, a_cache_that_is_written_and_read);
    tcase_add_test(tests, quantised_layers_and_look_ups);
    tcase_add_test(tests, quantised_kernel_calls);
    tcase_add_test(tests, an_xnnpack_blob);
    tcase_add_test(tests, a_vulkan_blob);
    tcase_add_test(tests, a_tosa_blob);
    tcase_add_test(tests, another_number_for_an_input);
    tcase_add_test(tests, other_sizes);
    tcase_add_test(tests, weights_in_another_file);
    tcase_add_test(tests, a_bundled_program);
    tcase_add_test(tests, an_etdump);
    suite_add_tcase(suite, tests);
    return build_run_suite(suite);
}
