/*
 * Elementwise ops over any element types, layouts and broadcasting.
 *
 * A body computes in one type (fp32, double or int64) on dense rows. Operands that are that type
 * already are read where they lie; others are loaded into stack buffers a tile at a time, so fp16
 * and int8 run the same vectorised bodies from the first-level cache. Requantising, converting and
 * copying are elementwise ops without a body.
 */
#ifndef BACKENDS_CPU_ELEMENTWISE_H
#define BACKENDS_CPU_ELEMENTWISE_H

#include "backends/cpu/loops.h"
#include "backends/cpu/nest.h"
#include "backends/cpu/step.h"

enum cpu_domain { CPU_DOMAIN_F32, CPU_DOMAIN_F64, CPU_DOMAIN_I64, CPU_DOMAINS };

/* Type in which an op over these operands computes: integers in int64, fp64 (and integers mixed
 * with floats) in double, the rest, quantised integers included, in fp32. Booleans go with the
 * others. */
enum cpu_domain cpu_domain_of(const struct prt_graph *graph, const struct prt_node *node);

/* Can elements of this tensor be read, or written, in the domain? */
bool cpu_can_load(const struct prt_tensor *tensor, enum cpu_domain domain);
bool cpu_can_store(const struct prt_tensor *tensor, enum cpu_domain domain);

/* Where ops compute that have no fp32 loops: floats in double, integers and booleans in int64. */
enum cpu_domain cpu_wide_domain(const struct prt_tensor *tensor);

extern const size_t cpu_domain_size[CPU_DOMAINS]; /* bytes of its numbers */

/* The integer part; out of range goes to the nearest, NaN to 0. */
int64_t cpu_to_i64(double x);

/* Bodies of the other two domains; NULL where an op has no meaning there (wide.c). */
extern const cpu_body cpu_wide_binary[CPU_DOMAINS][PRT_BINARY_COUNT];
extern const cpu_body cpu_wide_unary[CPU_DOMAINS][PRT_UNARY_COUNT];
extern const cpu_body cpu_wide_prelu[CPU_DOMAINS], cpu_wide_where[CPU_DOMAINS];
extern const cpu_load cpu_wide_load[CPU_DOMAINS][CPU_DTYPES];
extern const cpu_store cpu_wide_store[CPU_DOMAINS][CPU_DTYPES];

struct cpu_elementwise {
    enum cpu_domain domain;
    cpu_body body; /* NULL: only load and store; one operand */
    struct cpu_params params;
    bool expand; /* the body wants step 1 in every operand */
    const char *kernel;
};

/* May every operand and the result of this node take part in an op of this domain? */
bool cpu_elementwise_supports(const struct prt_graph *graph, const struct prt_node *node,
                              enum cpu_domain domain);

/* Prepare a step over the node's first `operands` inputs; scalars among them are captured. */
enum percept_status cpu_elementwise_prepare(const struct cpu_prepare *prepare,
                                            const struct cpu_elementwise *op, unsigned operands,
                                            struct cpu_step *step);

/* As above, the strides of a tensor operand `index` given by logical dimension of the result rather
 * than by broadcasting (NULL: by broadcasting). */
enum percept_status cpu_elementwise_prepare_strided(const struct cpu_prepare *prepare,
                                                    const struct cpu_elementwise *op,
                                                    unsigned operands, unsigned index,
                                                    const int64_t *strides, struct cpu_step *step);

#endif
