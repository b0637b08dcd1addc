/* What a program around a selective build is: runs a file's "forward" on 1, 2, 3, ... and prints
 * its result. */
#include "backends/backends.h"
#include "runtime/prt.h"

#include <stdio.h>

int main(int argc, char **argv)
{
    const struct prt_model_options options = {.backends = percept_backends};
    struct prt_program *program = NULL;
    struct prt_model *model = NULL;
    struct percept_error error = {0};
    enum percept_status status = prt_program_open(argc > 1 ? argv[1] : "", &program, &error);
    if (!status)
        status = prt_model_create(program, &options, &model, &error);
    size_t elements = !status ? prt_tensor_elements(prt_model_input_spec(model, 0)) : 0;
    for (size_t i = 0; !status && i < prt_model_input_count(model); i++)
        for (size_t k = 0; k < elements; k++)
            ((float *)prt_model_input_data(model, i))[k] = (float)(k + 1);
    if (!status)
        status = prt_model_run(model, &error);
    for (size_t k = 0; !status && k < elements; k++)
        printf("%g ", (double)((const float *)prt_model_output_data(model, 0))[k]);
    if (status)
        printf("%d", status); /* there are no messages */
    puts("");
    prt_model_destroy(model);
    prt_program_close(program);
    return status ? 1 : 0;
}
