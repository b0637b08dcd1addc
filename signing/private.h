/* What the files of signing/ share. */
#ifndef SIGNING_PRIVATE_H
#define SIGNING_PRIVATE_H

#include "signing/signing.h"

#include <limits.h>

struct signing_keys {
    char folder[PATH_MAX]; /* as it was given, for messages */
    size_t count, hash_count;
    struct signing_key keys[SIGNING_MAX_KEYS];
    uint8_t hashes[SIGNING_MAX_REVOKED][SIGNING_HASH_BYTES]; /* of files that were revoked */
};

bool signing_is_revoked(const struct signing_keys *keys, const uint8_t hash[SIGNING_HASH_BYTES]);

#endif
