/* Why: a deployment knows which cores are quick, or quiet; we only have to say so before the first
 * thread is there. */
#include "daemon/cpus.h"

#include "pipelines/engine.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>

/* "0-3, 6" */
static void describe(const cpu_set_t *set, char *text, size_t room)
{
    size_t used = 0;
    text[0] = '\0';
    for (int cpu = 0; cpu <= PIPE_MAX_CPU && used < room; cpu++) {
        int first = cpu;
        if (!CPU_ISSET(cpu, set))
            continue;
        while (cpu < PIPE_MAX_CPU && CPU_ISSET(cpu + 1, set))
            cpu++;
        int wrote = snprintf(text + used, room - used, first == cpu ? "%s%d" : "%s%d-%d",
                             used ? ", " : "", first, cpu);
        used += wrote > 0 ? (size_t)wrote : 0;
    }
}

enum percept_status cpus_keep_to(const struct pipe_numbers *cpus, struct percept_error *error)
{
    cpu_set_t allowed, wanted;
    char there[128];
    CPU_ZERO(&wanted);
    if (!cpus->count)
        return PERCEPT_OK;
    if (sched_getaffinity(0, sizeof allowed, &allowed))
        return percept_fail_errno(error, errno, "CPUs of this process");
    describe(&allowed, there, sizeof there);
    for (size_t i = 0; i < cpus->count; i++) {
        double number = cpus->items[i];
        int cpu = number >= 0 && number <= PIPE_MAX_CPU ? (int)number : -1;
        if (cpu != number || !CPU_ISSET(cpu, &allowed))
            return percept_fail(error, PERCEPT_INVALID,
                                "daemon: cpus: this process may not use CPU %g, only %s", number,
                                there);
        CPU_SET(cpu, &wanted);
    }
    return sched_setaffinity(0, sizeof wanted, &wanted)
               ? percept_fail_errno(error, errno, "daemon: cpus")
               : PERCEPT_OK;
}
