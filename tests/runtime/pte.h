/*
 * Builds small programs for tests, from calls written in a line of text.
 *
 *     struct pte pte = {0};
 *     pte_call(&pte, "aten::add.out", "f32[2,3] $0 1 >f32[2,3] =");
 *
 * One word an argument:
 *   f32[2,3]    a new input of the method     $n   value n
 *   cf32[3]     a new constant (bytes 1, 2, 3, ...; floats 0.5, 1.5, ...; integers 0, 1, 2, ...)
 *   >f32[2,3]   a new tensor that is written  =    the last written again, as calls end
 *   f32[1,4,2,2]@0231  with a dim order
 *   z64[2,3]    of complex numbers, two float32 each
 *   f32[2,3]^4  of dynamic shape, each size at most 4 more
 *   7  1.5  T  F  -  "text"       integer, real number, bools, None, text
 *   [1,2]  {0.5,2.0}              lists of integers and reals
 *   (f32[1] cf32[2])              a list of tensors, each any of the above; >( ) of results
 *
 * Every tensor gets its own planned memory; pte_place moves it.
 */
#ifndef TESTS_RUNTIME_PTE_H
#define TESTS_RUNTIME_PTE_H

#include "flat.h"
#include "runtime/program.h"

enum { PTE_VALUES = 256, PTE_CALLS = 64, PTE_ARGS = 24 };

struct pte_value {
    int type; /* of the union KernelTypes */
    int64_t i;
    double d;
    char text[128];
    uint32_t count;
    int64_t ids[PTE_ARGS];
    double doubles[PTE_ARGS];
    /* a tensor */
    enum prt_dtype dtype;
    uint32_t rank;
    int32_t sizes[20];
    uint8_t order[20];
    size_t bytes;
    bool constant, planned, dynamic, complex;
    const char *external; /* key of its data in a .ptd file, or NULL */
    uint32_t buffer;
    uint64_t offset;
};

struct pte_call {
    int kind; /* of the union InstructionArguments */
    char name[96];
    int32_t args[PTE_ARGS];
    uint32_t count;
};

struct pte {
    struct pte_value values[PTE_VALUES];
    struct pte_call calls[PTE_CALLS];
    uint32_t inputs[PTE_ARGS], outputs[PTE_ARGS];
    uint32_t value_count, call_count, input_count, output_count;
    uint64_t planned_bytes;
    const void *blob; /* of the delegate, when there is one */
    size_t blob_size;
    const char *device;   /* that its compiler was told; NULL: none */
    const char *blob_key; /* named data for the blob's weights */
    const void *blob_data;
    size_t blob_data_size;
    bool dynamic_results; /* '>' tensors are of dynamic shape, each size at most 1 more */
    bool is_result;       /* of what is being read */
};

/* Append a kernel call; operator "name.overload". Returns the value id of its first result, which
 * becomes an output of the method. */
uint32_t pte_call(struct pte *pte, const char *op, const char *args);
/* Append a call of the delegate id. */
uint32_t pte_delegate(struct pte *pte, const char *id, const char *args);
/* Append another instruction: MoveCall 3, JumpFalseCall 4, FreeCall 5. */
void pte_instruction(struct pte *pte, int kind, int32_t a, int32_t b);
/* A new value as in a call's text; inputs are not added to the method. */
uint32_t pte_value(struct pte *pte, const char *word);
/* Put a tensor where another lies, bytes further. */
void pte_place(struct pte *pte, uint32_t value, uint32_t where, uint64_t bytes);

/* The file. Constants are in a segment, unless inline_constants. */
struct flat pte_write(const struct pte *pte, bool inline_constants);
struct prt_program *pte_open(const struct pte *pte); /* fails the test when it does not open */

/* Import "forward": the dump of its graph without input and output lines, malloc'ed; or the error
 * message. */
char *pte_import(const struct pte *pte);
/* The same for a file. Opening may fail, too. */
char *pte_import_bytes(const void *bytes, size_t size);

/* Change every word of a file in several ways, one at a time, and import it: nothing may crash. */
void pte_spoil_words(struct flat *flat);

/* Import one call of an operator and compare: nodes are the graph's, or "!STATUS text" stands for
 * the failure of the one instruction. */
void pte_expect_nodes(const char *op, const char *args, const char *nodes);
/* The same with dynamic_results: that the sizes of the results follow from the operands. */
void pte_expect_sizes(const char *op, const char *args, const char *nodes);

#endif
