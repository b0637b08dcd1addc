/*
 * The nodes that tests make for the CPU, run on a GPU, too: with ONE_NODE_ON_VULKAN, one_node.c
 * calls this after the CPU's run, whose result is what the GPU has to come near. Without a device
 * the process ends with 77 before its tests begin.
 */
#ifndef TESTS_BACKENDS_ON_VULKAN_H
#define TESTS_BACKENDS_ON_VULKAN_H

#include "one_node.h"

/* Run the node, if the backend takes it, and compare; data of the graph is afterwards as it was.
 */
void on_vulkan_compare(struct one_node *one);
/* Run the node, if the backend takes it, and expect that the run ends with this error. */
void on_vulkan_fails(struct one_node *one, const char *message);
/* Run a node that the backend takes, and compare nothing; which shader came last. */
const char *on_vulkan_run(struct one_node *one);

/* How many codes of all comparisons were off by one, which is as much as they may be. */
unsigned on_vulkan_codes_off(void);
/* Whether the backend takes the node, which must be finished. */
bool on_vulkan_takes(const struct one_node *one);

#endif
