/*
 * Runs OpenvinoBackend payloads by OpenVINO's C library: on CPUs, and on Intel's GPUs and neural
 * processors. See docs/openvino.md.
 */
#ifndef BACKENDS_OPENVINO_OPENVINO_H
#define BACKENDS_OPENVINO_OPENVINO_H

#include "runtime/backend.h"

extern const struct prt_backend prt_openvino_backend;

#endif
