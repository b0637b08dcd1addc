/* A payload, ready to run. Private to the OpenVINO backend. */
#ifndef BACKENDS_OPENVINO_MODEL_H
#define BACKENDS_OPENVINO_MODEL_H

#include "backends/openvino/library.h"
#include "runtime/backend.h"

struct openvino_model;

/* Imports the node's payload. MALFORMED when its inputs and outputs are not those of the node;
 * VERSION when another OpenVINO compiled it. */
enum percept_status openvino_model_create(struct openvino_library *library,
                                          const struct prt_compile *compile,
                                          const struct prt_node *node,
                                          struct openvino_model **model,
                                          struct percept_error *error);
void openvino_model_destroy(struct openvino_model *model); /* NULL is fine */

/* One run at a time; addresses by value. OpenVINO reads and writes there: nothing is copied by us.
 */
enum percept_status openvino_model_run(struct openvino_model *model, void *const *data,
                                       struct percept_error *error);

/* The same in two steps. */
enum percept_status openvino_model_start(struct openvino_model *model, void *const *data,
                                         struct percept_error *error);
enum percept_status openvino_model_wait(struct openvino_model *model, struct percept_error *error);

#endif
