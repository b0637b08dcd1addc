/*
 * Turning a method of a program into a graph. Private to the runtime.
 *
 * A program is imperative: instructions write tensors that share planned memory, views are left out
 * because two tensors lie at the same address, and some tensors are written more than once. A graph
 * is in SSA form. The import walks the instructions in order and keeps, for each byte of planned
 * memory, which graph value was written there last; a tensor that is read stands for that value,
 * reshaped when only its sizes differ.
 *
 * All functions that can fail fill the import's error with the file, method and instruction.
 */
#ifndef RUNTIME_IMPORT_H
#define RUNTIME_IMPORT_H

#include "runtime/program_data.h"

struct prt_import_memory;
struct prt_aten_op;

enum { PRT_ROUNDINGS = 16 }; /* layers may share an input, and an exporter put theirs abreast */

struct prt_import {
    const struct prt_program *program;
    const struct prt_method *method;
    struct prt_graph *graph;
    struct percept_error *error;
    struct base_arena arena; /* for what dies with the import */

    uint32_t origin;  /* instruction now translated, for nodes and messages */
    const char *name; /* its operator or delegate node, text that outlives the graph; or NULL */

    struct prt_program_value *values;     /* the method's, with results of scalar arithmetic */
    uint32_t *identity;                   /* the tensor that a value is, after moves */
    uint32_t *constants;                  /* graph value of each constant or scalar read so far */
    const struct prt_aten_op **operators; /* by operator of the method, once it was looked up */
    struct prt_import_memory *memory;

    struct prt_import_state *states; /* memory that was read before it was written */
    uint32_t state_count, state_capacity;

    const struct prt_choice *choices; /* for the first inputs; see prt_program_import_with */
    size_t choice_count;
    bool resized; /* an input is smaller than its upper bound */

    bool defers;      /* large weights may stay in the file */
    uint8_t *weights; /* by value: is it read as a weight only? See import_deferred.c */

    const int64_t *data_sizes; /* what the first of the data's sizes are taken to be */
    size_t data_size_count;
    uint32_t *found; /* graph values of what a run finds them to be */
    uint32_t found_count, found_capacity;
    int64_t *expected; /* what the graph is made for */
    uint32_t *asked;   /* graph values that are compared */

    struct prt_import_jumps *jumps; /* by instruction; NULL until data decide one */
    uint32_t *first_named;          /* see import_blob.c; NULL until a call asks */

    /* Where scales of 8 bits were chosen last: when codes made with them are read again, what the
     * three operators did together is one ROUND_ROWS. Round and round; `roundings` counts them. */
    struct {
        uint32_t x, scale, zero_point, codes; /* graph values; codes: PRT_NO_VALUE until made */
        struct prt_round_rows_attrs attrs;
    } rounding[PRT_ROUNDINGS];
    uint32_t roundings;
};

/* A call whose arguments were checked against a signature; see prt_import_call. */
enum { PRT_CALL_ARGS = 20 };
struct prt_call {
    const char *name;
    const char *signature;
    uint32_t count;
    const uint32_t *args; /* values of the method */
    /* Graph values of tensor arguments and of results; PRT_NO_VALUE for None. */
    uint32_t operands[PRT_CALL_ARGS];
    /* Graph values of the list argument, if the signature has one. */
    uint32_t list_count;
    uint32_t *list;
};

#define prt_import_fail(import, status, ...) \
    percept_fail_by(prt_import_error, import, status, __VA_ARGS__)
void prt_import_error(struct prt_import *import, enum percept_status status, const char *format,
                      ...) __attribute__((format(printf, 3, 4)));
enum percept_status prt_import_no_memory(struct prt_import *import);

/* ---- memory: import_memory.c ---- */

enum percept_status prt_import_memory_create(struct prt_import *import);

/* The graph value that tensor v of the method now holds; may append a RESHAPE. */
enum percept_status prt_import_read(struct prt_import *import, uint32_t v, uint32_t *id);
/* Tensor v now holds graph value id; PRT_NO_VALUE: something that no node computes. */
enum percept_status prt_import_bind(struct prt_import *import, uint32_t v, uint32_t id);
/* Does tensor v lie in planned memory of which nothing was written? */
bool prt_import_is_untouched(const struct prt_import *import, uint32_t v);
/* The bytes of x in memory as a tensor of spec: x itself, or after PERMUTE and RESHAPE. Keeps x's
 * quantisation. */
enum percept_status prt_import_reinterpret(struct prt_import *import, uint32_t x,
                                           const struct prt_tensor *spec, uint32_t *id);
/* Tensor v, none of whose planned memory was written, as a state. */
enum percept_status prt_import_state(struct prt_import *import, uint32_t v, uint32_t *id);
/* After the last instruction: append what each state has become to the outputs. */
enum percept_status prt_import_states(struct prt_import *import);
/* A new graph value of v's type, bound to v: what an instruction writes. */
enum percept_status prt_import_write(struct prt_import *import, uint32_t v, uint32_t *id);

/* ---- sizes: import_sizes.c ---- */

/* Tensor v of the method, one of dynamic shape, has these sizes from now on: what is read of
 * import->values says so. A failure when the program forbids them. */
enum percept_status prt_import_set_sizes(struct prt_import *import, uint32_t v, unsigned rank,
                                         const int64_t *sizes);
/* Is tensor v of the method smaller than the program states? */
bool prt_import_is_smaller(const struct prt_import *import, uint32_t v);
/* Set the sizes of those results of a call that are of dynamic shape. Its operands were read, its
 * results are not made yet. */
enum percept_status prt_import_size_results(struct prt_import *import, const struct prt_call *call);

/* ---- sizes and truths that only the data tell: import_data_sizes.c ---- */

/* Can graphs depend on what the data tell? A selective build may leave that out. */
bool prt_import_follows_data(void);
/* What the size `ahead` of the next one is taken to be: what was chosen, else `most`. */
int64_t prt_import_data_size(const struct prt_import *import, unsigned ahead, int64_t most);
/* The next of these sizes is what x, an I64 of one element, holds in a run, and here `size`. */
enum percept_status prt_import_expect(struct prt_import *import, uint32_t x, int64_t size);
/* Number v of the method, when only a run knows it, is from now on what was found before, or `most`
 * at first; a run compares. Other numbers stay as they are. */
enum percept_status prt_import_settle(struct prt_import *import, uint32_t v, int64_t most);
/* After the last instruction: append what a run finds them to be to the outputs, and let it find
 * them before it computes anything else. */
enum percept_status prt_import_data_outputs(struct prt_import *import);

/* ---- branches: import_branch.c ---- */

/* A JumpFalseCall: changes next when the condition, known now or taken to be so, is false. */
enum percept_status prt_import_jump(struct prt_import *import,
                                    const struct prt_instruction *instruction, uint32_t *next);

/* ---- building: import.c ---- */

/* A constant of the program: value v of its method, or one of a delegate's when v is PRT_NO_VALUE.
 * It is deferred when it is large and, if it is the method's, only read as a weight: whoever else
 * reads a constant of a delegate's data does so by prt_import_data. */
enum percept_status prt_import_deferrable(struct prt_import *import, uint32_t v,
                                          const struct prt_tensor *spec, const void *data,
                                          uint32_t *id);
/* A constant of half bytes as a matrix or more of I8 [.., columns], each row of which begins with a
 * byte of its own. Of a delegate's data; deferred when it is large. */
enum percept_status prt_import_half_bytes(struct prt_import *import, const struct prt_tensor *spec,
                                          const void *data, uint32_t *id);
/* The bytes of a constant, or of one that is computed: NULL. */
enum percept_status prt_import_data(struct prt_import *import, uint32_t id, const void **data);

/* Start on import->method: what is counted by its values or operators is new, and so is memory. */
enum percept_status prt_import_begin(struct prt_import *import);

const struct prt_tensor *prt_import_spec(const struct prt_import *import, uint32_t id);

/* A value for a result between two nodes. */
enum percept_status prt_import_temporary(struct prt_import *import, const struct prt_tensor *spec,
                                         uint32_t *id);
/* A constant tensor. data lives as long as the program or the graph; it is copied only when it is
 * not aligned for the element type. */
enum percept_status prt_import_constant(struct prt_import *import, const struct prt_tensor *spec,
                                        const void *data, uint32_t *id);
/* Graph value of a scalar of the method, and a new one. */
enum percept_status prt_import_scalar(struct prt_import *import, uint32_t v, uint32_t *id);
enum percept_status prt_import_int(struct prt_import *import, int64_t i, uint32_t *id);
enum percept_status prt_import_double(struct prt_import *import, double d, uint32_t *id);

/* Append a node with these operands; NULL (with the error set) when out of memory. Valid until the
 * next append. Keeps producer and uses of the values. */
struct prt_node *prt_import_node(struct prt_import *import, enum prt_op op, uint32_t output,
                                 unsigned count, const uint32_t *inputs);

/* A value of dtype with x's numbers: x itself, or after a CONVERT. */
enum percept_status prt_import_convert(struct prt_import *import, uint32_t x, enum prt_dtype dtype,
                                       uint32_t *id);
/* x's elements as output, which is new: a RESHAPE, or a constant. */
enum percept_status prt_import_reshape(struct prt_import *import, uint32_t x, uint32_t output);
enum percept_status prt_import_permute(struct prt_import *import, uint32_t x, const uint8_t *order,
                                       uint32_t output);

/* x's codes read by quant: x, or another constant with the same bytes. */
enum percept_status prt_import_codes(struct prt_import *import, uint32_t x,
                                     const struct prt_quant *quant, uint32_t *id);

/* A row-major spec of x's type (and quantisation, when it is per tensor) with other sizes. */
struct prt_tensor prt_import_like(const struct prt_tensor *x, unsigned rank, const int32_t *sizes);

/* ---- arguments: import_call.c ---- */

/*
 * Check the arguments of a call against a signature, read its tensors and make its results. One
 * letter an argument; lower case may be None:
 *   T t tensor of numbers       Q q tensor, also of quantised codes      A list of tensors (like Q)
 *   a list of tensors, of which some may be None (PRT_NO_VALUE in the call's list)
 *   N n number                  I i integer     D d real     B b bool    S s text
 *   P p integer, also one that only a run knows              U   number, likewise
 *   L l list of integers        F f list of reals
 *   C   tensor of complex numbers, pairs in a last dimension; no other letter takes one
 *   K   the same, written
 *   O   tensor that is written  X   tensor that is written, but not by us: reading it later fails
 *   Y   list of tensors that are written
 *   Z   number that is written; what it was before does not matter
 *   _   anything, not looked at R   what is returned: a repetition of the results
 */
enum percept_status prt_import_call(struct prt_import *import, const char *signature,
                                    const uint32_t *args, uint32_t count, struct prt_call *call);

/* Graph value of the first result, 'O' in the signature. */
uint32_t prt_call_output(const struct prt_call *call);

/* Arguments of a checked call. A missing one gives the fallback. */
bool prt_call_has(const struct prt_import *import, const struct prt_call *call, unsigned index);
int64_t prt_call_int(const struct prt_import *import, const struct prt_call *call, unsigned index,
                     int64_t fallback);
double prt_call_number(const struct prt_import *import, const struct prt_call *call, unsigned index,
                       double fallback);
bool prt_call_bool(const struct prt_import *import, const struct prt_call *call, unsigned index);
bool prt_call_text_is(const struct prt_import *import, const struct prt_call *call, unsigned index,
                      const char *text);
/* A list of integers into items; fails when it is longer than capacity. */
enum percept_status prt_call_ints(struct prt_import *import, const struct prt_call *call,
                                  unsigned index, int64_t *items, uint32_t capacity,
                                  uint32_t *count);
/* Item of a list of reals. */
uint32_t prt_call_list_count(const struct prt_import *import, const struct prt_call *call,
                             unsigned index);
double prt_call_real(const struct prt_import *import, const struct prt_call *call, unsigned index,
                     uint32_t item);
/* A dimension of x, counted from the end when negative. */
enum percept_status prt_import_axis(struct prt_import *import, int64_t dim, unsigned rank,
                                    int32_t *axis);

/* ---- the importers ---- */

enum percept_status prt_import_aten(struct prt_import *import, const struct prt_instruction *call);
enum percept_status prt_import_xnnpack(struct prt_import *import, const struct prt_delegate *blob,
                                       const struct prt_instruction *call);
enum percept_status prt_import_vulkan(struct prt_import *import,
                                      const struct prt_delegate *delegate,
                                      const struct prt_instruction *call);
enum percept_status prt_import_tosa(struct prt_import *import, const struct prt_delegate *blob,
                                    const struct prt_instruction *call);
/* Any other: one BLOB. */
enum percept_status prt_import_blob(struct prt_import *import, const struct prt_delegate *delegate,
                                    const struct prt_instruction *call);

#endif
