/*
 * An ETDump: what ExecuTorch's Inspector reads to show where the time went and, beside an ETRecord,
 * which operator's numbers differ.
 *
 * A dump is a list of runs; a run is a list of events: how long something took (profile events), or
 * what a node computed (debug events; their tensors go into a second file, the debug buffer). An
 * event belongs to an instruction of the program (a node's `origin`), by which the Inspector finds
 * the operators of the exported graph. Not thread-safe. Running out of memory is reported by
 * prt_etdump_finish. Source: ExecuTorch v1.4.1 devtools/etdump/etdump_schema_flatcc.fbs.
 */
#ifndef RUNTIME_ETDUMP_H
#define RUNTIME_ETDUMP_H

#include "base/status.h"
#include "runtime/tensor.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct prt_etdump;

/* An event that belongs to no instruction: "Method::execute". */
#define PRT_ETDUMP_NO_INSTRUCTION (-1)

struct prt_etdump_event {
    const char *name; /* of the operator, "DELEGATE_CALL", or what the Inspector knows; copied */
    int32_t instruction;
    const char *part; /* of a delegate's work, which one; NULL for the instruction itself; copied */
};

enum percept_status prt_etdump_create(struct prt_etdump **dump, struct percept_error *error);
void prt_etdump_destroy(struct prt_etdump *dump); /* NULL is fine */

/* All events up to the next run belong to this one. Runs of one name and with the same events in
 * the same order are shown as one, with a distribution of times. */
void prt_etdump_run(struct prt_etdump *dump, const char *name);

/* CLOCK_MONOTONIC, nanoseconds. */
void prt_etdump_time(struct prt_etdump *dump, const struct prt_etdump_event *event,
                     int64_t start_ns, int64_t end_ns);
/* data lies as spec says; it is copied, in row-major order. is_output: a result of the method.
 * Types that the Inspector does not know (bfloat16 among them) are left out. */
void prt_etdump_tensor(struct prt_etdump *dump, const struct prt_etdump_event *event,
                       const struct prt_tensor *spec, const void *data, bool is_output);

struct prt_etdump_file {
    const void *data;
    size_t size;
};

/* The two files' contents, owned by the dump. NO_MEMORY when anything before failed. Call once. */
enum percept_status prt_etdump_finish(struct prt_etdump *dump, struct prt_etdump_file *etdump,
                                      struct prt_etdump_file *debug_buffer,
                                      struct percept_error *error);

#endif
