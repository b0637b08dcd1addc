/*
 * The nodes that tests make for the CPU, run on the remote processor, too: with ONE_NODE_ON_DSP,
 * one_node.c calls this after the CPU's run.
 */
#ifndef TESTS_BACKENDS_ON_DSP_H
#define TESTS_BACKENDS_ON_DSP_H

#include "one_node.h"

/*
 * Run the node, if the backend takes it, with as much memory as there is and with hardly enough,
 * which must give the same bits. Ops that only move or look up codes give the CPU's; all others
 * come within one code of it. y is afterwards this processor's, for the test to check as it would
 * the CPU's.
 */
void on_dsp_compare(struct one_node *one);

/* Run the node, if the backend takes it, and hold it against what is exact: each code is the
 * nearest one, or its neighbour within 10^-4 of half-way. */
void on_dsp_check(struct one_node *one, reference expected, const void *context);

/* The same of a node that the backend takes, also in as little memory as will do. */
void on_dsp_check_tiled(struct one_node *one, reference expected, const void *context);

/* Run the node with so much memory of its own, which must do. */
void on_dsp_run(struct one_node *one, size_t memory);
/* Why it does not take it with so much memory; NULL when it does. The node must be finished. */
const char *on_dsp_refuses(const struct one_node *one, size_t memory);

#endif
