/*
 * The kinds of operands that tests of elementwise ops go through: every element type, and shapes
 * that take every way through loops, tiles and workers.
 */
#ifndef TESTS_BACKENDS_KINDS_H
#define TESTS_BACKENDS_KINDS_H

#include "one_node.h"

/* An element type, the error that its rounding allows, and bounds of numbers that do not overflow.
 */
struct type {
    enum prt_dtype dtype;
    bool is_quantised;
    double tolerance, lo, hi;
};

enum { TYPES = 11, FLOATS = 6 /* floats and codes come first */ };
extern const struct type types[TYPES];

/* The same shape in a type; codes get a random scale and zero point. */
struct prt_tensor typed(const struct type *type, struct prt_tensor shape);

/* A shape that broadcasts to y's, often y's own, often in y's memory order. */
struct prt_tensor broadcastable(const struct type *type, struct prt_tensor y);

/* Shapes by number: one loop, rows longer than a tile, work for several workers, empty, random. */
struct prt_tensor some_shape(int round);
enum { ROUNDS = 9, LARGE = 2 };

/* Large shapes take time; two types of operands show that work is spread right. */
bool worth_it(unsigned type, int round);

#endif
