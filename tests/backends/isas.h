/*
 * Which instruction sets a test goes through: all that this processor has, or those of them that
 * PERCEPT_TEST_ISAS names with commas between; empty, it says nothing. A name that is none, and a
 * list of which this processor has nothing, end the test: it would pass without having tested
 * anything. An emulated processor takes its time for the others,
 * which real ones test anyway; and sanitizers see nothing of the sets that are built without them.
 */
#ifndef TESTS_BACKENDS_ISAS_H
#define TESTS_BACKENDS_ISAS_H

#include "backends/cpu/isa.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline bool isa_is_listed(const char *wanted, enum cpu_isa isa)
{
    char list[128], name[32];
    snprintf(list, sizeof list, ",%s,", wanted);
    snprintf(name, sizeof name, ",%s,", cpu_isa_name(isa));
    return strstr(list, name) != NULL;
}

/* Each word of the list is a set, and this processor has one of them. */
static inline void isa_check_list(const char *wanted)
{
    size_t words = 1, known = 0, here = 0;
    for (const char *at = wanted; *at; at++)
        words += *at == ',';
    for (int isa = 0; isa < CPU_ISA_COUNT; isa++)
        if (isa_is_listed(wanted, (enum cpu_isa)isa)) {
            known++;
            here += cpu_isa_has((enum cpu_isa)isa);
        }
    if (known == words && here)
        return;
    fprintf(stderr, "PERCEPT_TEST_ISAS=%s: %s\n", wanted,
            known == words ? "this processor has none of them" : "not a list of instruction sets");
    exit(1);
}

static inline bool isa_is_tested(enum cpu_isa isa)
{
    const char *wanted = getenv("PERCEPT_TEST_ISAS");
    if (wanted && !*wanted)
        wanted = NULL;
    if (wanted)
        isa_check_list(wanted);
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    if (!wanted)
        wanted = "plain,avx2"; /* backends/cpu/CMakeLists.txt */
#endif
    return cpu_isa_has(isa) && (!wanted || isa_is_listed(wanted, isa));
}

#endif
