/* Why: between a check and a use a file can change; a sealed copy cannot. */
#include "base/file_bytes.h"
#include "base/io.h"
#include "signing/private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIECE = 1 << 16 };

static enum percept_status fail_errno(const char *path, struct percept_error *error)
{
    return percept_fail_at(error, percept_status_from_errno(errno), path, 0, 0, "%s",
                           strerror(errno));
}

/* O_NONBLOCK: opening a FIFO must not wait for its writer. */
static enum percept_status open_file(const char *path, int *descriptor, struct percept_error *error)
{
    struct stat info;
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0)
        return fail_errno(path, error);
    if (fstat(file, &info) != 0 || !S_ISREG(info.st_mode)) {
        close(file);
        return percept_fail_at(error, PERCEPT_INVALID, path, 0, 0, "not a regular file");
    }
    *descriptor = file;
    return PERCEPT_OK;
}

/* Hash what is in a file, and write it to another unless that is -1. */
static enum percept_status take_in(const char *path, int from, int to,
                                   uint8_t hash[SIGNING_HASH_BYTES], struct percept_error *error)
{
    crypto_generichash_state state;
    uint8_t *piece = malloc(PIECE);
    ssize_t got = piece ? 1 : -1;
    bool written = true;
    errno = piece ? 0 : ENOMEM;
    crypto_generichash_init(&state, NULL, 0, SIGNING_HASH_BYTES);
    while (got > 0 && written) {
        got = base_read_most(from, piece, PIECE);
        if (got > 0)
            crypto_generichash_update(&state, piece, (size_t)got);
        if (got > 0 && to >= 0)
            written = base_write_all(to, piece, (size_t)got);
    }
    crypto_generichash_final(&state, hash, SIGNING_HASH_BYTES);
    enum percept_status status = got < 0 || !written ? fail_errno(path, error) : PERCEPT_OK;
    free(piece);
    return status;
}

enum percept_status signing_hash_file(const char *path, uint8_t hash[SIGNING_HASH_BYTES],
                                      struct percept_error *error)
{
    int file;
    enum percept_status status = open_file(path, &file, error);
    if (status != PERCEPT_OK)
        return status;
    status = take_in(path, file, -1, hash, error);
    close(file);
    return status;
}

void signing_hash_text(const uint8_t hash[SIGNING_HASH_BYTES], char text[SIGNING_HASH_TEXT])
{
    sodium_bin2hex(text, SIGNING_HASH_TEXT, hash, SIGNING_HASH_BYTES);
}

enum percept_status signing_read_text(const char *path, char **out, size_t *size,
                                      struct percept_error *error)
{
    int file;
    enum percept_status status = open_file(path, &file, error);
    if (status != PERCEPT_OK)
        return status;
    char *text = malloc(SIGNING_MAX_TEXT + 2);
    ssize_t used = text ? base_read_most(file, text, SIGNING_MAX_TEXT + 1) : -1;
    if (used < 0)
        status = fail_errno(path, error);
    else if (used > SIGNING_MAX_TEXT)
        status = percept_fail_at(error, PERCEPT_LIMIT, path, 0, 0, "longer than any key is");
    close(file);
    if (status != PERCEPT_OK) {
        free(text);
        return status;
    }
    text[used] = '\0';
    *out = text;
    *size = (size_t)used;
    return PERCEPT_OK;
}

/* ---- signed files ---- */

static enum percept_status read_signature(const char *path, struct signing_signature *signature,
                                          struct percept_error *error)
{
    char name[PATH_MAX], *text;
    size_t size;
    struct percept_error cause = {0};
    if (snprintf(name, sizeof name, "%s" SIGNING_SUFFIX, path) >= (int)sizeof name)
        return percept_fail_at(error, PERCEPT_LIMIT, path, 0, 0, "the path is too long");
    enum percept_status status = signing_read_text(name, &text, &size, &cause);
    if (status == PERCEPT_NOT_FOUND)
        return percept_fail_at(error, PERCEPT_PERMISSION, path, 0, 0,
                               "it is not signed: there is no %s", name);
    if (status == PERCEPT_OK) {
        status = signing_signature_parse(text, size, signature, &cause);
        free(text);
    }
    return status == PERCEPT_OK
               ? PERCEPT_OK
               : percept_fail_at(error, PERCEPT_PERMISSION, name, 0, 0, "%s", cause.message);
}

static const struct signing_key *find_key(const struct signing_keys *keys,
                                          const struct signing_id *id)
{
    for (size_t i = 0; i < keys->count; i++)
        if (memcmp(&keys->keys[i].public.id, id, sizeof *id) == 0)
            return &keys->keys[i];
    return NULL;
}

static enum percept_status check(const struct signing_keys *keys, const char *path,
                                 const struct signing_signature *signature,
                                 const uint8_t hash[SIGNING_HASH_BYTES],
                                 const struct signing_key **by, struct percept_error *error)
{
    const struct signing_key *key = find_key(keys, &signature->id);
    const char *slash = strrchr(path, '/');
    struct percept_error cause = {0};
    char id[SIGNING_ID_TEXT];
    signing_id_text(&signature->id, id);
    if (!key)
        return percept_fail_at(error, PERCEPT_PERMISSION, path, 0, 0,
                               "it is signed with the key %s, which is not in %s", id,
                               keys->folder);
    if (signing_signature_check(signature, &key->public, hash, slash ? slash + 1 : path, &cause))
        return percept_fail_at(error, PERCEPT_PERMISSION, path, 0, 0, "%s", cause.message);
    if (key->revoked)
        return percept_fail_at(error, PERCEPT_PERMISSION, path, 0, 0,
                               "the key that signed it was revoked: %s, '%s'", id, key->name);
    if (signing_is_revoked(keys, hash))
        return percept_fail_at(error, PERCEPT_PERMISSION, path, 0, 0, "it was revoked");
    *by = key;
    return PERCEPT_OK;
}

/* A sealed copy of what is in a file, and its hash. */
static enum percept_status seal(const char *path, int *descriptor, uint8_t hash[SIGNING_HASH_BYTES],
                                struct percept_error *error)
{
    int from;
    enum percept_status status = open_file(path, &from, error);
    if (status != PERCEPT_OK)
        return status;
    int copy = memfd_create("percept-signed", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    status = copy < 0 ? fail_errno(path, error) : take_in(path, from, copy, hash, error);
    if (status == PERCEPT_OK &&
        (lseek(copy, 0, SEEK_SET) != 0 ||
         fcntl(copy, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) != 0))
        status = fail_errno(path, error);
    close(from);
    if (status == PERCEPT_OK)
        *descriptor = copy;
    else if (copy >= 0)
        close(copy);
    return status;
}

static enum percept_status open_signed(const struct signing_keys *keys, const char *path,
                                       int *descriptor, uint8_t hash[SIGNING_HASH_BYTES],
                                       const struct signing_key **by, struct percept_error *error)
{
    struct signing_signature signature;
    int copy;
    enum percept_status status = read_signature(path, &signature, error);
    if (status == PERCEPT_OK)
        status = seal(path, &copy, hash, error);
    if (status != PERCEPT_OK)
        return status;
    status = check(keys, path, &signature, hash, by, error);
    if (status == PERCEPT_OK)
        *descriptor = copy;
    else
        close(copy);
    return status;
}

enum percept_status signing_open(const struct signing_keys *keys, const char *path, int *descriptor,
                                 const struct signing_key **by, struct percept_error *error)
{
    const struct signing_key *key;
    uint8_t hash[SIGNING_HASH_BYTES];
    enum percept_status status = open_signed(keys, path, descriptor, hash, &key, error);
    if (status == PERCEPT_OK && by)
        *by = key;
    return status;
}

enum percept_status signing_copy(const struct signing_keys *keys, const char *path, int *descriptor,
                                 uint8_t hash[SIGNING_HASH_BYTES], struct percept_error *error)
{
    const struct signing_key *by;
    if (sodium_init() < 0)
        return percept_fail(error, PERCEPT_INTERNAL, "libsodium does not start");
    return keys ? open_signed(keys, path, descriptor, hash, &by, error)
                : seal(path, descriptor, hash, error);
}

enum percept_status signing_read_file(const struct signing_keys *keys, const char *path,
                                      size_t most, void **bytes, size_t *size,
                                      struct percept_error *error)
{
    int file;
    if (!keys)
        return base_file_read(path, most, bytes, size, error);
    enum percept_status status = signing_open(keys, path, &file, NULL, error);
    if (status != PERCEPT_OK)
        return status;
    status = base_file_read_descriptor(file, path, most, bytes, size, error);
    close(file);
    return status;
}
