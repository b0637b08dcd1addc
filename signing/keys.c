/* Why: whom a deployment trusts is a folder that people can look into and copy keys to. */
#include "base/owned.h"
#include "signing/private.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_REVOKED_BYTES = 1 << 20 };

static enum percept_status too_long(const char *folder, struct percept_error *error)
{
    return percept_fail_at(error, PERCEPT_LIMIT, folder, 0, 0, "the path is too long");
}

/* ---- keys ---- */

static enum percept_status read_key(struct signing_keys *keys, const char *path, const char *name,
                                    struct percept_error *error)
{
    struct signing_key *key = &keys->keys[keys->count];
    char *text, real[PATH_MAX];
    size_t size;
    enum percept_status status = base_owned_file(path, real, error);
    if (status == PERCEPT_OK)
        status = signing_read_text(real, &text, &size, error);
    if (status != PERCEPT_OK)
        return status;
    struct percept_error cause = {0};
    status = signing_public_parse(text, size, &key->public, &cause);
    free(text);
    if (status != PERCEPT_OK)
        return percept_fail_at(error, status, path, 0, 0, "%s", cause.message);
    snprintf(key->name, sizeof key->name, "%.*s", (int)(strlen(name) - strlen(".pub")), name);
    for (size_t i = 0; i < keys->count; i++)
        if (memcmp(&keys->keys[i].public.id, &key->public.id, sizeof key->public.id) == 0)
            return percept_fail_at(error, PERCEPT_EXISTS, path, 0, 0,
                                   "its key has the same number as '%s'", keys->keys[i].name);
    keys->count++;
    return PERCEPT_OK;
}

static int is_key(const struct dirent *entry)
{
    size_t length = strlen(entry->d_name);
    return entry->d_name[0] != '.' && length > 4 && strcmp(entry->d_name + length - 4, ".pub") == 0;
}

static enum percept_status read_keys(struct signing_keys *keys, const char *folder,
                                     struct percept_error *error)
{
    struct dirent **names;
    enum percept_status status = PERCEPT_OK;
    int count = scandir(folder, &names, is_key, alphasort);
    if (count < 0)
        return percept_fail_at(error, percept_status_from_errno(errno), folder, 0, 0, "%s",
                               strerror(errno));
    if (count > SIGNING_MAX_KEYS)
        status = percept_fail_at(error, PERCEPT_LIMIT, folder, 0, 0, "more than %d keys",
                                 SIGNING_MAX_KEYS);
    for (int i = 0; i < count; i++) {
        char path[PATH_MAX];
        bool fits = snprintf(path, sizeof path, "%s/%s", folder, names[i]->d_name) < PATH_MAX;
        if (status == PERCEPT_OK && !fits)
            status = too_long(folder, error);
        if (status == PERCEPT_OK)
            status = read_key(keys, path, names[i]->d_name, error);
        free(names[i]);
    }
    free(names);
    if (status == PERCEPT_OK && keys->count == 0)
        return percept_fail_at(error, PERCEPT_NOT_FOUND, folder, 0, 0,
                               "no key in it: a key is a file NAME.pub");
    return status;
}

/* ---- revoked ---- */

/* A line: the number of a key or the hash of a file, before any '#'. False when it is neither. */
static bool revoke_line(struct signing_keys *keys, const char *line, size_t size)
{
    uint8_t bytes[SIGNING_HASH_BYTES];
    size_t count;
    if (sodium_hex2bin(bytes, sizeof bytes, line, size, NULL, &count, NULL) != 0)
        return false;
    if (count == SIGNING_HASH_BYTES) {
        memcpy(keys->hashes[keys->hash_count++], bytes, sizeof bytes);
        return true;
    }
    if (count != sizeof(struct signing_id))
        return false;
    for (size_t i = 0; i < keys->count; i++) { /* numbers are written from their last byte on */
        struct signing_id id;
        for (size_t b = 0; b < sizeof id; b++)
            id.bytes[b] = bytes[sizeof id - 1 - b];
        keys->keys[i].revoked |= memcmp(&id, &keys->keys[i].public.id, sizeof id) == 0;
    }
    return true;
}

static enum percept_status read_lines(struct signing_keys *keys, const char *path, FILE *file,
                                      struct percept_error *error)
{
    char line[512];
    for (unsigned number = 1; fgets(line, sizeof line, file); number++) {
        size_t size = strcspn(line, "#\r\n");
        bool whole = size < strlen(line) || feof(file);
        while (size && (line[size - 1] == ' ' || line[size - 1] == '\t'))
            size--;
        if (size && keys->hash_count == SIGNING_MAX_REVOKED)
            return percept_fail_at(error, PERCEPT_LIMIT, path, number, 0, "more than %d files",
                                   SIGNING_MAX_REVOKED);
        if (!whole || (size && !revoke_line(keys, line, size)))
            return percept_fail_at(error, PERCEPT_MALFORMED, path, number, 0,
                                   "neither the number of a key (16 digits) nor the hash of a file "
                                   "(128 digits)");
    }
    return ferror(file) ? percept_fail_at(error, PERCEPT_IO, path, 0, 0, "it cannot be read")
                        : PERCEPT_OK;
}

static enum percept_status read_revoked(struct signing_keys *keys, const char *folder,
                                        struct percept_error *error)
{
    char path[PATH_MAX], real[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/%s", folder, SIGNING_REVOKED) >= PATH_MAX)
        return too_long(folder, error);
    if (access(path, F_OK) != 0 && errno == ENOENT)
        return PERCEPT_OK;
    enum percept_status status = base_owned_file(path, real, error);
    if (status != PERCEPT_OK)
        return status;
    FILE *file = fopen(real, "re");
    if (!file)
        return percept_fail_at(error, percept_status_from_errno(errno), path, 0, 0, "%s",
                               strerror(errno));
    status = read_lines(keys, path, file, error);
    fclose(file);
    return status;
}

bool signing_is_revoked(const struct signing_keys *keys, const uint8_t hash[SIGNING_HASH_BYTES])
{
    for (size_t i = 0; i < keys->hash_count; i++)
        if (memcmp(keys->hashes[i], hash, SIGNING_HASH_BYTES) == 0)
            return true;
    return false;
}

/* ---- all ---- */

enum percept_status signing_keys_open(const char *folder, struct signing_keys **out,
                                      struct percept_error *error)
{
    char real[PATH_MAX];
    struct signing_keys *keys = calloc(1, sizeof *keys);
    enum percept_status status = sodium_init() < 0 || !keys
                                     ? percept_fail(error, PERCEPT_NO_MEMORY, "out of memory")
                                     : base_owned_folder(folder, real, error);
    if (status == PERCEPT_OK)
        status = read_keys(keys, real, error);
    if (status == PERCEPT_OK)
        status = read_revoked(keys, real, error);
    if (status != PERCEPT_OK) {
        signing_keys_close(keys);
        return status;
    }
    snprintf(keys->folder, sizeof keys->folder, "%s", folder);
    *out = keys;
    return PERCEPT_OK;
}

enum percept_status signing_keys_reload(struct signing_keys *keys, struct percept_error *error)
{
    struct signing_keys *fresh;
    enum percept_status status = signing_keys_open(keys->folder, &fresh, error);
    if (status == PERCEPT_OK) {
        *keys = *fresh;
        signing_keys_close(fresh);
    }
    return status;
}

void signing_keys_close(struct signing_keys *keys)
{
    free(keys);
}

size_t signing_keys_count(const struct signing_keys *keys)
{
    return keys->count;
}

const struct signing_key *signing_keys_at(const struct signing_keys *keys, size_t index)
{
    return index < keys->count ? &keys->keys[index] : NULL;
}
