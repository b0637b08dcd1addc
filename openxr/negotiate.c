/* Why apart: the one function that the library exports (layer.map). */
#include "openxr/layer.h"

#include <string.h>

XRAPI_ATTR XrResult XRAPI_CALL xrNegotiateLoaderApiLayerInterface(
    const XrNegotiateLoaderInfo *loader, const char *name, XrNegotiateApiLayerRequest *request);

XRAPI_ATTR XrResult XRAPI_CALL xrNegotiateLoaderApiLayerInterface(
    const XrNegotiateLoaderInfo *loader, const char *name, XrNegotiateApiLayerRequest *request)
{
    /* As a layer we pass on what we do not know, so any patch or minor version of 1 will do. */
    const XrVersion api = XR_MAKE_VERSION(1, 0, 0);
    if (!loader || !request || !name || strcmp(name, LAYER_NAME) != 0 ||
        loader->structType != XR_LOADER_INTERFACE_STRUCT_LOADER_INFO ||
        loader->structVersion != XR_LOADER_INFO_STRUCT_VERSION ||
        loader->structSize != sizeof *loader ||
        request->structType != XR_LOADER_INTERFACE_STRUCT_API_LAYER_REQUEST ||
        request->structVersion != XR_API_LAYER_INFO_STRUCT_VERSION ||
        request->structSize != sizeof *request)
        return XR_ERROR_INITIALIZATION_FAILED;
    if (loader->minInterfaceVersion > XR_CURRENT_LOADER_API_LAYER_VERSION ||
        loader->maxInterfaceVersion < XR_CURRENT_LOADER_API_LAYER_VERSION ||
        XR_VERSION_MAJOR(loader->minApiVersion) > 1 || loader->maxApiVersion < api)
        return XR_ERROR_INITIALIZATION_FAILED;
    request->layerInterfaceVersion = XR_CURRENT_LOADER_API_LAYER_VERSION;
    request->layerApiVersion = loader->minApiVersion > api ? loader->minApiVersion : api;
    request->getInstanceProcAddr = layer_get_instance_proc_addr;
    request->createApiLayerInstance = layer_create_instance;
    return XR_SUCCESS;
}
