#include "run.h"

#include "backends/cpu/cpu.h"
#ifdef RUN_ON_VULKAN
#include "backends/vulkan/vulkan.h"
#endif

#include <check.h>
#include <fcntl.h>
#include <unistd.h>

static const struct prt_backend *const backends[] = {
#ifdef RUN_ON_VULKAN
    &prt_vulkan_backend,
#endif
    &prt_cpu_backend, NULL};

struct prt_model *run_model(const struct prt_program *program,
                            const struct prt_model_options *options)
{
    struct prt_model_options all = options ? *options : (struct prt_model_options){0};
    struct prt_model *model = NULL;
    struct percept_error error = {0};
    all.backends = backends;
    ck_assert_msg(prt_model_create(program, &all, &model, &error) == PERCEPT_OK, "%s",
                  error.message);
    return model;
}

void run_set(struct prt_model *model, size_t input, const void *data, size_t size)
{
    ck_assert_int_eq(prt_model_set_input(model, input, data, size, NULL), PERCEPT_OK);
}

void run_now(struct prt_model *model)
{
    struct percept_error error = {0};
    ck_assert_msg(prt_model_run(model, &error) == PERCEPT_OK, "%s", error.message);
}

void run_write(const char *path, const struct flat *file)
{
    int written = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ck_assert_int_ge(written, 0);
    ck_assert_int_eq(write(written, file->bytes, file->size), (ssize_t)file->size);
    close(written);
    usleep(200000);
}

struct run run_pte(const struct pte *pte, const void *const *inputs)
{
    struct run run = {.program = pte_open(pte)};
    run.model = run_model(run.program, NULL);
    for (size_t i = 0; i < prt_model_input_count(run.model); i++) {
        size_t bytes;
        ck_assert(prt_tensor_bytes(prt_model_input_spec(run.model, i), &bytes));
        run_set(run.model, i, inputs[i], bytes);
    }
    run_now(run.model);
    return run;
}

void run_free(struct run *run)
{
    prt_model_destroy(run->model);
    prt_program_close(run->program);
}
