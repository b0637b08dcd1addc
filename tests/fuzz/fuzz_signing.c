/* Keys and signatures, as texts. Build with the preset "fuzz"; run: tools/fuzz.sh 60 signing */
#include "check.h"
#include "signing/minisign.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Without a password: what that takes is minisign's choice, a GiB and seconds. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t hash[SIGNING_HASH_BYTES];
    const char *text = (const char *)data;
    struct signing_public public = {0};
    struct signing_secret secret;
    struct signing_signature signature;
    struct percept_error error = {0};
    fuzz_check(signing_public_parse(text, size, &public, &error), &error);
    fuzz_check(signing_secret_parse(text, size, NULL, &secret, &error), &error);
    if (fuzz_check(signing_signature_parse(text, size, &signature, &error), &error) == PERCEPT_OK)
        fuzz_check(signing_signature_check(&signature, &public, hash, "file", &error), &error);
    return 0;
}
