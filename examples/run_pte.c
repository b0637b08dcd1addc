/* Load a .pte, run its method "forward" on zeros, and print what came out. No daemon: the runtime
 * alone. run_pte build/models/palm_detection_lite.fp32.pte
 */
#include "backends/backends.h"
#include "runtime/prt.h"

#include <stdio.h>

int main(int argc, char **argv)
{
    const struct prt_model_options options = {.backends = percept_backends};
    struct prt_program *program = NULL;
    struct prt_model *model = NULL;
    struct percept_error error = {0};
    char text[1024];
    /* An input lies where prt_model_input_data says, in the order that its spec says; here it stays
     * zero. prt_model_set_input takes plain rows instead. */
    if (prt_program_open(argc > 1 ? argv[1] : "", &program, &error) != PERCEPT_OK ||
        prt_model_create(program, &options, &model, &error) != PERCEPT_OK ||
        prt_model_run(model, &error) != PERCEPT_OK)
        fprintf(stderr, "%s\n", percept_error_format(&error, text, sizeof text));
    for (size_t i = 0; model && i < prt_model_output_count(model); i++) {
        const struct prt_tensor *spec = prt_model_output_spec(model, i);
        const float *data = prt_model_output_data(model, i);
        if (spec && spec->dtype == PRT_F32)
            printf("%s begins with %g\n", prt_tensor_describe(spec, text, sizeof text), *data);
    }
    prt_model_destroy(model);
    prt_program_close(program);
    return error.status == PERCEPT_OK ? 0 : 1;
}
