#include "backends/backends.h"

#include "backends/cpu/cpu.h"

#include <stddef.h>

const struct prt_backend *const percept_backends[] = {
    &prt_cpu_backend,
    NULL,
};
