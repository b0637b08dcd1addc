/* The Vulkan driver of tests; linking driver.c keeps its file loaded to the end. */
#ifndef TESTS_RUNTIME_DRIVER_H
#define TESTS_RUNTIME_DRIVER_H

#include <stdbool.h>

/* Is there no device? Found out in a process of its own: tests have drivers of their own each. */
bool driver_is_absent(void);

#endif
