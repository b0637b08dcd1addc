/*
 * percept-probe: loads models that may be hostile, each in a process that may die of it. perceptd
 * starts this program, with a socket as descriptor 3; it ends when the other end is closed, or the
 * thread that started it is gone.
 */
#include "backends/cpu/cpu.h"
#include "base/child.h"
#include "base/options.h"
#include "daemon/probe_serve.h"
#include "runtime/prt.h"

#include <stdio.h>
#include <stdlib.h>

/* All that loading does, on the backend that every machine has. */
static enum percept_status load(int descriptor, const char *path, struct percept_error *error)
{
    const struct prt_backend *const backends[] = {&prt_cpu_backend, NULL};
    const struct prt_model_options options = {.backends = backends};
    struct prt_program *program;
    struct prt_model *model;
    enum percept_status status = prt_program_open_descriptor(descriptor, path, &program, error);
    return status == PERCEPT_OK ? prt_model_create(program, &options, &model, error) : status;
}

int main(int argc, char **argv)
{
    bool shown;
    int operands;
    const struct base_usage usage = {
        .program = "percept-probe",
        .operands = "",
        .purpose = "Load models for perceptd in a process of their own; perceptd starts it.",
        .release = PERCEPT_RELEASE,
    };
    struct percept_error error = {0};
    enum percept_status status = base_options_parse(&usage, argc, argv, &operands, &shown, &error);
    if (status != PERCEPT_OK) {
        fprintf(stderr, "percept-probe: %s\n", error.message);
        return 2;
    }
    if (shown)
        return EXIT_SUCCESS;
    if (probe_serve(BASE_CHILD_FD, load))
        return EXIT_SUCCESS;
    fprintf(stderr, "percept-probe: perceptd starts this program; there is nothing for anybody "
                    "else to do with it\n");
    return EXIT_FAILURE;
}
