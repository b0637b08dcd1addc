/*
 * What we use of OpenVINO's C interface, so that nothing of it is needed to build. Source: its
 * reference, "OpenVINO Runtime C API", 2025 and 2026. Private to the OpenVINO backend.
 *
 * Results are 0 or negative. Element types had other numbers before 2025.
 */
#ifndef BACKENDS_OPENVINO_API_H
#define BACKENDS_OPENVINO_API_H

#include <stddef.h>
#include <stdint.h>

struct ov_core;
struct ov_compiled_model;
struct ov_infer_request;
struct ov_tensor;
struct ov_port; /* ov_output_const_port_t */

struct ov_version {
    const char *build; /* "2025.4.1-20426-82bbf0292c5-releases/2025/4" */
    const char *description;
};

struct ov_devices {
    char **names; /* "CPU", "GPU.0" */
    size_t count;
};

struct ov_shape {
    int64_t rank;
    int64_t *sizes;
};

enum ov_type {
    OV_BOOL = 1,
    OV_BF16 = 2,
    OV_F16 = 3,
    OV_F32 = 4,
    OV_F64 = 5,
    OV_I8 = 7,
    OV_I16 = 8,
    OV_I32 = 9,
    OV_I64 = 10,
    OV_U8 = 16,
    OV_U16 = 17,
    OV_U32 = 18,
    OV_U64 = 19,
};

/* Result, name without "ov_", arguments. */
#define OV_FUNCTIONS(X)                                                                           \
    X(int, get_openvino_version, (struct ov_version *))                                           \
    X(void, version_free, (struct ov_version *))                                                  \
    X(const char *, get_last_err_msg, (void)) /* of this thread; ends with free */                \
    X(void, free, (const char *))                                                                 \
    X(int, core_create, (struct ov_core **))                                                      \
    X(int, core_get_available_devices, (const struct ov_core *, struct ov_devices *))             \
    X(void, available_devices_free, (struct ov_devices *))                                        \
    X(int, core_set_property, (const struct ov_core *, const char *device, ...))                  \
    X(int, core_import_model,                                                                     \
      (const struct ov_core *, const char *blob, size_t bytes, const char *device,                \
       struct ov_compiled_model **))                                                              \
    X(void, compiled_model_free, (struct ov_compiled_model *))                                    \
    X(int, compiled_model_inputs_size, (const struct ov_compiled_model *, size_t *))              \
    X(int, compiled_model_outputs_size, (const struct ov_compiled_model *, size_t *))             \
    X(int, compiled_model_input_by_index,                                                         \
      (const struct ov_compiled_model *, size_t, struct ov_port **))                              \
    X(int, compiled_model_output_by_index,                                                        \
      (const struct ov_compiled_model *, size_t, struct ov_port **))                              \
    X(int, compiled_model_create_infer_request,                                                   \
      (const struct ov_compiled_model *, struct ov_infer_request **))                             \
    X(int, const_port_get_shape, (const struct ov_port *, struct ov_shape *))                     \
    X(int, shape_free, (struct ov_shape *))                                                       \
    X(int, port_get_element_type, (const struct ov_port *, int *))                                \
    X(void, output_const_port_free, (struct ov_port *))                                           \
    X(int, tensor_create_from_host_ptr, (int type, struct ov_shape, void *, struct ov_tensor **)) \
    X(void, tensor_free, (struct ov_tensor *))                                                    \
    X(int, infer_request_set_input_tensor_by_index,                                               \
      (struct ov_infer_request *, size_t, const struct ov_tensor *))                              \
    X(int, infer_request_set_output_tensor_by_index,                                              \
      (struct ov_infer_request *, size_t, const struct ov_tensor *))                              \
    X(int, infer_request_infer, (struct ov_infer_request *))                                      \
    X(int, infer_request_start_async, (struct ov_infer_request *))                                \
    X(int, infer_request_wait, (struct ov_infer_request *))                                       \
    X(void, infer_request_free, (struct ov_infer_request *))

struct ov_api {
#define OV_MEMBER(result, name, arguments) result(*name) arguments;
    OV_FUNCTIONS(OV_MEMBER)
#undef OV_MEMBER
};

#endif
