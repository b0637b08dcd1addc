/* Which extensions the layer knows, and who answers for those that an app enables. */
#ifndef OPENXR_EXTENSIONS_H
#define OPENXR_EXTENSIONS_H

#include "openxr/objects.h"

/* 0: it is none of ours. */
unsigned extensions_feature(const char *name);

/* What of ours an app enables, bits; false when its list is none. */
bool extensions_asked(const XrInstanceCreateInfo *info, unsigned *asked);

/* What a runtime has, as far as it concerns us. */
struct extensions_offer {
    unsigned features;
    bool timespec; /* XR_KHR_convert_timespec_time */
};

struct extensions_offer extensions_of_runtime(const XrApiLayerNextInfo *link);

/*
 * Fills in instance->served and instance->withheld. An extension is served when the runtime lacks
 * it, or the user says that ours override. One that only adds to others goes with them: served with
 * them, left to a runtime that has both, and withheld from one that lacks it. Without them it is
 * left to a runtime that has it, and else an error. Of what is left to a runtime, hands are
 * doubtful: Monado has the extension, whatever the devices.
 */
XrResult extensions_share_out(const XrInstanceCreateInfo *info, unsigned asked,
                              const struct extensions_offer *offer, struct instance *instance);

bool extensions_is_timespec(const char *name);

#endif
