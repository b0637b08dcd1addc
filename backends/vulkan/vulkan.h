/*
 * The Vulkan backend: runs graphs on a GPU with compute, Vulkan 1.1 and timeline semaphores.
 *
 * The loader is opened when the backend is first asked for; without it, or without a device that
 * will do, the backend is absent and says why. Of several devices it takes the fastest kind;
 * PERCEPT_VULKAN_DEVICE=TEXT takes the first whose name has TEXT in it. Safe from any thread.
 */
#ifndef BACKENDS_VULKAN_VULKAN_H
#define BACKENDS_VULKAN_VULKAN_H

#include "runtime/backend.h"

extern const struct prt_backend prt_vulkan_backend;

#endif
