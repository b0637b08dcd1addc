/*
 * What the tests of the XNNPACK importer have in common: one blob, the program around it, and what
 * the import makes of both.
 */
#ifndef TESTS_RUNTIME_XNNPACK_CASE_H
#define TESTS_RUNTIME_XNNPACK_CASE_H

#include "blob.h"
#include "pte.h"

/* Fields of a convolution: padding t r b l, kernel, stride, dilation, group in, group out, groups,
 * adjustment, input, filter, bias, output, flags. */
#define XNNPACK_CONV "44444444444444444444"

extern struct blob blob;
extern struct pte pte;

/* A fixture: both are empty again. */
void xnnpack_case_setup(void);
/* The file of a program that calls the blob with args. */
struct flat xnnpack_case_program(const struct flat *written, const struct flat *data,
                                 const char *args);
/* Import the blob, called with args, and compare the nodes; or the failure of its instruction. */
void xnnpack_case_expect(const char *args, const char *expected);
void xnnpack_case_fails(const char *args, const char *status, const char *rest);
/* Makes the blob one fully connected layer with a constant weight. */
void xnnpack_case_product(void);

#endif
