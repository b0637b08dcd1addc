/*
 * A `.pte` file, opened and verified.
 *
 * Everything in the file is bounds- and overflow-checked once, here, into compact structures;
 * nothing reads the FlatBuffer again. A file that could change under us (not a sealed memfd, not
 * ours) is copied into memory of this process before it is parsed; large weights only when a model
 * is made of them, for which the file stays open, and which fails with INVALID when it was written
 * to meanwhile. Immutable to its users after opening: several threads may share one. Source:
 * ExecuTorch v1.4.1 schema/program.fbs; docs/pte.md lists what is checked.
 */
#ifndef RUNTIME_PROGRAM_H
#define RUNTIME_PROGRAM_H

#include "base/status.h"
#include "runtime/graph.h"

#include <stddef.h>
#include <stdint.h>

struct prt_program;

enum percept_status prt_program_open(const char *path, struct prt_program **program,
                                     struct percept_error *error);
/* The same for a file that is open to be read; the descriptor stays the caller's. name is for
 * messages only. A sealed memfd is used where it is. */
enum percept_status prt_program_open_descriptor(int descriptor, const char *name,
                                                struct prt_program **program,
                                                struct percept_error *error);
/*
 * The same for a sealed memfd, with (at least the first bytes of) a cryptographic hash of what is
 * in it: what a model keeps on disk (prt_model_options) is found again by that. Without one it
 * keeps nothing of a memfd, which nothing else tells from others. INVALID when it is not sealed.
 */
enum { PRT_HASH_BYTES = 32 };
enum percept_status prt_program_open_sealed(int descriptor, const uint8_t hash[PRT_HASH_BYTES],
                                            const char *name, struct prt_program **program,
                                            struct percept_error *error);
/* name is for messages only. Copies the bytes. */
enum percept_status prt_program_open_buffer(const void *bytes, size_t size, const char *name,
                                            struct prt_program **program,
                                            struct percept_error *error);

/*
 * The same with `.ptd` files, which hold weights that the program names. They are taken in and
 * checked like the program itself; a key that two of the files have is an error. A program opened
 * without a file that it needs can be looked into, but a method that uses the weight is not
 * imported.
 */
#define PRT_MAX_DATA_FILES 64
enum percept_status prt_program_open_with_data(const char *path, const char *const *data_paths,
                                               size_t data_count, struct prt_program **program,
                                               struct percept_error *error);
struct prt_buffer {
    const void *bytes;
    size_t size;
    const char *name; /* for messages */
};
enum percept_status prt_program_open_buffers(const struct prt_buffer *file,
                                             const struct prt_buffer *data, size_t data_count,
                                             struct prt_program **program,
                                             struct percept_error *error);

/* Frees the mapping; graphs imported from it must be gone. NULL is fine. */
void prt_program_close(struct prt_program *program);

size_t prt_program_method_count(const struct prt_program *program);
const char *prt_program_method_name(const struct prt_program *program, size_t index);

/* For `percept model inspect`: operators and delegates that a method names, with how often each is
 * called. */
struct prt_program_item {
    const char *name; /* "aten::convolution.out" or a delegate id such as "XnnpackBackend" */
    bool delegate;
    uint32_t calls;
};
size_t prt_program_item_count(const struct prt_program *program, size_t method);
const struct prt_program_item *prt_program_item(const struct prt_program *program, size_t method,
                                                size_t index);

/* What instruction `index` of a method calls: an operator or a delegate. NULL for other
 * instructions and an index out of range. A node's `origin` is such an index. */
const struct prt_program_item *prt_program_call(const struct prt_program *program, size_t method,
                                                size_t index);

/*
 * The integers (and booleans, as 0 and 1) that a method states which takes nothing and runs
 * nothing, as exporters describe a model: "get_eos_ids", "get_max_seq_len". At most `most` of them;
 * returns how many, 0 when there is no such method.
 */
size_t prt_program_numbers(const struct prt_program *program, const char *method, int64_t *numbers,
                           size_t most);

/*
 * Import a method (all of its instructions and delegates) into one graph. UNSUPPORTED names the
 * operator or delegate that is not known; MALFORMED says what in the file is wrong. The graph's
 * constants point into the program.
 */
enum percept_status prt_program_import(const struct prt_program *program, const char *method,
                                       struct prt_graph **graph, struct percept_error *error);

/* A number that a method takes. */
struct prt_scalar {
    enum prt_value_kind kind; /* INT, DOUBLE, BOOL; NONE: what the program was exported with */
    union {
        int64_t i;
        double d;
        bool b;
    };
};

/*
 * What a caller chooses for an input: a number, or the sizes of a tensor of dynamic shape. A zeroed
 * one chooses nothing: the number that the program was exported with, the largest sizes.
 */
struct prt_choice {
    struct prt_scalar number; /* NONE for tensors */
    bool sized;               /* sizes are chosen, one for each dimension of the tensor */
    int32_t sizes[PRT_MAX_RANK];
};

/*
 * The same with other numbers and sizes: one entry for each of the first `count` inputs of the
 * method. INVALID when an entry is of another kind than the input, when a size is above its upper
 * bound (or not the one of a tensor of fixed shape), and when some operator has no result for such
 * sizes.
 */
enum percept_status prt_program_import_with(const struct prt_program *program, const char *method,
                                            const struct prt_choice *choices, size_t count,
                                            struct prt_graph **graph, struct percept_error *error);

/*
 * The same with sizes that only the data tell (how many elements of a mask are true), in the order
 * in which a run finds them; those that are not given are taken to be the largest. A run of the
 * graph that finds another one ends with CANCELLED: see data_sizes in graph.h.
 */
enum percept_status prt_program_import_sized(const struct prt_program *program, const char *method,
                                             const struct prt_choice *choices, size_t count,
                                             const int64_t *data_sizes, size_t data_size_count,
                                             struct prt_graph **graph, struct percept_error *error);

/* The largest that an input or output of a method may be; NULL when its shape is fixed, it is no
 * tensor or there is none. An exporter's constraints beyond that (a multiple of 8, two inputs of
 * one size) are not in the file. */
const struct prt_tensor *prt_program_input_bound(const struct prt_program *program,
                                                 const char *method, size_t index);
const struct prt_tensor *prt_program_output_bound(const struct prt_program *program,
                                                  const char *method, size_t index);

#endif
