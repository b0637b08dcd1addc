/* What the files of the ATen importer share. Private to them. */
#ifndef RUNTIME_IMPORT_ATEN_H
#define RUNTIME_IMPORT_ATEN_H

#include "runtime/import.h"

struct prt_aten_op {
    const char *name;      /* "aten::add.out" */
    const char *signature; /* see prt_import_call */
    enum percept_status (*translate)(struct prt_import *import, const struct prt_aten_op *op,
                                     struct prt_call *call);
    int kind; /* which of the functions that share a translator */
};

/* The rows of one file. */
struct prt_aten_table {
    const struct prt_aten_op *ops;
    size_t count;
};

extern const struct prt_aten_table prt_aten_math;  /* import_aten_math.c: elementwise, reductions */
extern const struct prt_aten_table prt_aten_shape; /* import_aten_shape.c: moving data */
extern const struct prt_aten_table prt_aten_nn;    /* import_aten_nn.c: layers */
extern const struct prt_aten_table prt_aten_norm;  /* import_aten_norm.c */
extern const struct prt_aten_table prt_aten_quant; /* import_aten_quant.c */
extern const struct prt_aten_table prt_aten_prim;  /* import_aten_prim.c: scalar arithmetic */

/* The row of an operator, NULL when there is none. */
const struct prt_aten_op *prt_aten_find(const char *name);

#define PRT_ATEN_TABLE(rows)                   \
    {                                          \
        (rows), sizeof(rows) / sizeof(rows)[0] \
    }

/* y = a op b, computed in the element type of y (but for comparisons) and broadcast to it. Operands
 * are tensors or scalars of the graph. */
enum percept_status prt_aten_binary(struct prt_import *import, enum prt_binary_kind kind,
                                    uint32_t a, uint32_t b, double alpha, uint32_t y);
enum percept_status prt_aten_unary(struct prt_import *import, enum prt_unary_kind kind, uint32_t x,
                                   double a, double b, uint32_t y);
enum percept_status prt_aten_reduce(struct prt_import *import, enum prt_reduce_kind kind,
                                    uint32_t x, uint32_t axes, bool keep_dims, uint32_t y);
/* The list of dimensions in an argument as a bit set; an empty one and None mean all. */
enum percept_status prt_aten_axes(struct prt_import *import, const struct prt_call *call,
                                  unsigned index, unsigned rank, uint32_t *axes);
/* The result of a binary op with x and a number, of x's type. */
enum percept_status prt_aten_with_number(struct prt_import *import, enum prt_binary_kind kind,
                                         uint32_t x, double number, uint32_t *y);
/* x as y wants it: y's layout and, when it is 'Q', x's quantisation. */
void prt_aten_keep_quant(struct prt_import *import, uint32_t x, uint32_t y);
/* Rows a1..an of x along axis, in a new value. */
enum percept_status prt_aten_slice(struct prt_import *import, uint32_t x, int32_t axis,
                                   int64_t start, int64_t end, int64_t step, uint32_t y);

#endif
