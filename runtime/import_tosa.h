/* What the files of the TOSA importer share. Private to them. */
#ifndef RUNTIME_IMPORT_TOSA_H
#define RUNTIME_IMPORT_TOSA_H

#include "runtime/import.h"
#include "runtime/import_aten.h"

/* Source of the format: tosa.fbs of TOSA 1.0; of the meaning: the TOSA 1.0 specification. */

/* A tensor or a shape of the blob: the operators name them. */
struct prt_tosa_value {
    const char *name; /* not terminated */
    size_t length;
    bool is_shape;
    struct prt_tensor spec; /* of a tensor: with the element type that it has in the graph */
    uint32_t type;          /* TOSA's */
    struct prt_bytes data;  /* of a constant, or of a shape */
    uint32_t id;            /* graph value; PRT_NO_VALUE until something computes it */
};

struct prt_tosa {
    struct prt_import *import;
    const char *name; /* of the delegate */
    struct prt_fb buffer;
    struct prt_tosa_value *values; /* sorted by length, then by name */
    uint32_t count;
};

/* One operator of the blob, its operands found. */
struct prt_tosa_call {
    struct prt_tosa *tosa;
    struct prt_import *import;
    struct prt_fb_table attributes;
    struct prt_tosa_value **inputs;
    const uint32_t *ids; /* graph values of the inputs; PRT_NO_VALUE for a shape */
    uint32_t count;
    uint32_t y; /* graph value of the result */
};

struct prt_tosa_op {
    uint32_t number;
    const char *name;
    uint32_t inputs; /* how many it takes; PRT_TOSA_ANY */
    enum percept_status (*translate)(struct prt_tosa_call *call, int kind);
    int kind; /* which of those that share a translator */
};
enum { PRT_TOSA_ANY = 255 };

struct prt_tosa_table {
    const struct prt_tosa_op *ops;
    size_t count;
};
extern const struct prt_tosa_table prt_tosa_simple;  /* import_tosa_simple.c */
extern const struct prt_tosa_table prt_tosa_windows; /* import_tosa_windows.c */
extern const struct prt_tosa_table prt_tosa_index;   /* import_tosa_index.c */
extern const struct prt_tosa_table prt_tosa_integer; /* import_tosa_integer.c */
extern const struct prt_tosa_table prt_tosa_volume;  /* import_tosa_volume.c */
#define PRT_TOSA_TABLE(rows)                   \
    {                                          \
        (rows), sizeof(rows) / sizeof(rows)[0] \
    }

enum percept_status prt_tosa_check(struct prt_tosa *tosa);
/* The operator's translation; import_tosa.c. */
enum percept_status prt_tosa_operator(struct prt_tosa *tosa, struct prt_fb_table table);

/* Spec of an input, of the result. */
const struct prt_tensor *prt_tosa_input(const struct prt_tosa_call *call, uint32_t index);
const struct prt_tensor *prt_tosa_result(const struct prt_tosa_call *call);
/* The numbers of a constant input or of a shape; fails when it is none, or has more than capacity.
 */
enum percept_status prt_tosa_numbers(struct prt_tosa_call *call, uint32_t index, double *numbers,
                                     uint32_t capacity, uint32_t *count);
enum percept_status prt_tosa_ints(struct prt_tosa_call *call, uint32_t index, int64_t *ints,
                                  uint32_t capacity, uint32_t *count);
/* One number: a zero point. */
enum percept_status prt_tosa_zero(struct prt_tosa_call *call, uint32_t index, int32_t *zero);
/* A list of exactly count integers among the attributes. */
enum percept_status prt_tosa_list(struct prt_tosa_call *call, unsigned field, int32_t *items,
                                  uint32_t count);
/* The axis among the attributes, of an input of that rank. */
enum percept_status prt_tosa_axis(struct prt_tosa_call *call, unsigned field, unsigned rank,
                                  int32_t *axis);
/* A convolution of two dimensions, of integers or floats, of the call's first three operands; the
 * other two are zero points, which the attributes leave out. */
enum percept_status prt_tosa_conv2d(struct prt_tosa_call *call,
                                    const struct prt_integer_conv_attrs *attrs);
/* (a, b), both int32: a * b / 2^shift to the nearest, halves up; shift is not 0. */
enum percept_status prt_tosa_shifted_product(struct prt_tosa_call *call, int32_t shift);

#endif
