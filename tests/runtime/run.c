#include "run.h"

#include "backends/cpu/cpu.h"

#include <check.h>

struct run run_pte(const struct pte *pte, const void *const *inputs)
{
    static const struct prt_backend *const backends[] = {&prt_cpu_backend, NULL};
    struct run run = {.program = pte_open(pte)};
    struct prt_model_options options = {.backends = backends};
    struct percept_error error = {0};
    ck_assert_msg(prt_model_create(run.program, &options, &run.model, &error) == PERCEPT_OK, "%s",
                  error.message);
    for (size_t i = 0; i < prt_model_input_count(run.model); i++) {
        size_t bytes;
        ck_assert(prt_tensor_bytes(prt_model_input_spec(run.model, i), &bytes));
        ck_assert_int_eq(prt_model_set_input(run.model, i, inputs[i], bytes, NULL), PERCEPT_OK);
    }
    ck_assert_int_eq(prt_model_run(run.model, NULL), PERCEPT_OK);
    return run;
}

void run_free(struct run *run)
{
    prt_model_destroy(run->model);
    prt_program_close(run->program);
}
