/*
 * Which instruction sets a test goes through: all that this processor has, or those of them that
 * PERCEPT_TEST_ISAS names with commas between. An emulated processor takes its time for the others,
 * which real ones test anyway; and sanitizers see nothing of the sets that are built without them.
 */
#ifndef TESTS_BACKENDS_ISAS_H
#define TESTS_BACKENDS_ISAS_H

#include "backends/cpu/isa.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline bool isa_is_tested(enum cpu_isa isa)
{
    const char *wanted = getenv("PERCEPT_TEST_ISAS");
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    if (!wanted)
        wanted = "plain,avx2"; /* backends/cpu/CMakeLists.txt */
#endif
    char list[128], name[32];
    if (!wanted || !cpu_isa_has(isa))
        return cpu_isa_has(isa);
    snprintf(list, sizeof list, ",%s,", wanted);
    snprintf(name, sizeof name, ",%s,", cpu_isa_name(isa));
    return strstr(list, name) != NULL;
}

#endif
