/* What the rules for the sizes of results share. Private to import_sizes*.c. */
#ifndef RUNTIME_IMPORT_SIZES_H
#define RUNTIME_IMPORT_SIZES_H

#include "runtime/import.h"

/* Sizes as they are computed: 64 bits, so that nothing that a rule does can overflow. */
struct prt_sizes {
    unsigned rank;
    int64_t at[PRT_MAX_RANK];
};

struct prt_size_row;

/* The sizes of result number `which` of a call whose operands were read. */
typedef enum percept_status prt_size_rule(struct prt_import *import, const struct prt_call *call,
                                          const struct prt_size_row *row, unsigned which,
                                          struct prt_sizes *y);

struct prt_size_row {
    const char *name; /* of the operator */
    prt_size_rule *rule;
    int a, b; /* what rules that several operators share need to know: places of arguments */
};

/* import_sizes_moves.c: what moves, makes, orders and reduces. NULL when there is none. */
const struct prt_size_row *prt_size_of_move(const char *name);
/* import_sizes_layers.c: windows, products and the like. */
const struct prt_size_row *prt_size_of_layer(const char *name);
/* import_sizes_data.c: what is looked up by masks. */
const struct prt_size_row *prt_size_of_data(const char *name);

struct prt_sizes prt_sizes_of(const struct prt_tensor *x);
/* Argument `index` as a tensor, also one that is not read; NULL when it is none. */
const struct prt_tensor *prt_size_operand(const struct prt_import *import,
                                          const struct prt_call *call, unsigned index);
/* Its sizes; a failure when it is no tensor. */
enum percept_status prt_size_like(struct prt_import *import, const struct prt_call *call,
                                  unsigned index, struct prt_sizes *y);
/* A list of `least` to `most` integers, each 0 to INT32_MAX. */
enum percept_status prt_size_list(struct prt_import *import, const struct prt_call *call,
                                  unsigned index, uint32_t least, uint32_t most, int64_t *items,
                                  uint32_t *count);
/* y becomes what y and x broadcast to. */
enum percept_status prt_size_broadcast(struct prt_import *import, struct prt_sizes *y,
                                       const struct prt_tensor *x);
enum percept_status prt_size_wrong(struct prt_import *import);

#endif
