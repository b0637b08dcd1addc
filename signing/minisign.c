/* Why: a format that others have, so that a signature can be made and checked without Percept. */
#include "signing/minisign.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define UNTRUSTED "untrusted comment: "
#define TRUSTED   "trusted comment: "

/* What the lines of base64 hold. */
struct packed_public {
    uint8_t algorithm[2]; /* "Ed" */
    struct signing_public public;
};
struct packed_signature {
    uint8_t algorithm[2]; /* "ED": of a hash; "Ed", of the whole file, is minisign's old way */
    struct signing_id id;
    uint8_t of_hash[crypto_sign_BYTES];
};
struct packed_secret {
    uint8_t algorithm[2];  /* "Ed" */
    uint8_t derivation[2]; /* "Sc": scrypt; zeros: no password */
    uint8_t checksum[2];   /* "B2": BLAKE2b */
    uint8_t salt[crypto_pwhash_scryptsalsa208sha256_SALTBYTES];
    uint8_t operations[8], memory[8]; /* little-endian */
    struct inner {
        struct signing_secret secret;
        uint8_t sum[32]; /* of algorithm, id and key */
    } inner;             /* xored with what the password yields */
};
_Static_assert(sizeof(struct packed_public) == 42 && sizeof(struct packed_signature) == 74 &&
                   sizeof(struct packed_secret) == 158,
               "these are bytes of a file: nothing lies between them");

void signing_id_text(const struct signing_id *id, char text[SIGNING_ID_TEXT])
{
    for (size_t i = 0; i < sizeof id->bytes; i++)
        snprintf(text + 2 * i, 3, "%02X", id->bytes[sizeof id->bytes - 1 - i]);
}

/* ---- lines ---- */

struct lines {
    const char *at, *end;
};

/* The next line, without its end; false when there is none, or not all of it is text. */
static bool next_line(struct lines *lines, const char **line, size_t *size)
{
    if (lines->at >= lines->end)
        return false;
    const char *end = memchr(lines->at, '\n', (size_t)(lines->end - lines->at));
    end = end ? end : lines->end;
    *line = lines->at;
    *size = (size_t)(end - lines->at);
    lines->at = end < lines->end ? end + 1 : end;
    if (*size && (*line)[*size - 1] == '\r')
        --*size;
    for (size_t i = 0; i < *size; i++)
        if (iscntrl((unsigned char)(*line)[i]) && (*line)[i] != '\t')
            return false;
    return true;
}

static bool next_begins(struct lines *lines, const char *with, const char **rest, size_t *size)
{
    size_t length = strlen(with);
    if (!next_line(lines, rest, size) || *size < length || memcmp(*rest, with, length) != 0)
        return false;
    *rest += length;
    *size -= length;
    return true;
}

/* The next line, base64 of exactly that many bytes. */
static bool next_bytes(struct lines *lines, void *bytes, size_t count)
{
    const char *line;
    size_t size, found;
    if (!next_line(lines, &line, &size))
        return false;
    for (size_t i = 0; i < size; i++)
        if (line[i] & 0x80) /* libsodium 1.0.18 takes some of these for others */
            return false;
    return sodium_base642bin(bytes, count, line, size, NULL, &found, NULL,
                             sodium_base64_VARIANT_ORIGINAL) == 0 &&
           found == count;
}

/* All of these begin with a comment of anybody's. */
static bool begin(struct lines *lines, const char *text, size_t size)
{
    const char *comment;
    *lines = (struct lines){text, text + size};
    return size <= SIGNING_MAX_TEXT && next_begins(lines, UNTRUSTED, &comment, &size);
}

/* ---- keys ---- */

enum percept_status signing_public_parse(const char *text, size_t size,
                                         struct signing_public *public, struct percept_error *error)
{
    struct lines lines;
    struct packed_public packed;
    if (!begin(&lines, text, size) || !next_bytes(&lines, &packed, sizeof packed) ||
        memcmp(packed.algorithm, "Ed", 2) != 0)
        return percept_fail(error, PERCEPT_MALFORMED, "it is not a public key of minisign");
    *public = packed.public;
    return PERCEPT_OK;
}

static uint64_t number(const uint8_t bytes[8])
{
    uint64_t value = 0;
    for (int i = 8; i-- > 0;)
        value = value << 8 | bytes[i];
    return value;
}

static void put_number(uint8_t bytes[8], uint64_t value)
{
    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(value >> 8 * i);
}

/* Turn what a password hides into what it is, and the other way. */
static enum percept_status apply_password(struct packed_secret *packed, const char *password,
                                          struct percept_error *error)
{
    uint8_t stream[sizeof packed->inner];
    uint64_t operations = number(packed->operations), memory = number(packed->memory);
    if (operations > crypto_pwhash_scryptsalsa208sha256_OPSLIMIT_SENSITIVE ||
        memory > crypto_pwhash_scryptsalsa208sha256_MEMLIMIT_SENSITIVE)
        return percept_fail(error, PERCEPT_LIMIT,
                            "its password asks for more memory or time than minisign's do");
    if (crypto_pwhash_scryptsalsa208sha256(stream, sizeof stream, password, strlen(password),
                                           packed->salt, operations, (size_t)memory) != 0)
        return percept_fail(error, PERCEPT_NO_MEMORY, "no memory to use the password");
    uint8_t *inner = (uint8_t *)&packed->inner;
    for (size_t i = 0; i < sizeof stream; i++)
        inner[i] ^= stream[i];
    sodium_memzero(stream, sizeof stream);
    return PERCEPT_OK;
}

static void sum_up(const struct packed_secret *packed, uint8_t sum[32])
{
    crypto_generichash_state state;
    crypto_generichash_init(&state, NULL, 0, 32);
    crypto_generichash_update(&state, packed->algorithm, sizeof packed->algorithm);
    crypto_generichash_update(&state, (const uint8_t *)&packed->inner.secret,
                              sizeof packed->inner.secret);
    crypto_generichash_final(&state, sum, 32);
}

/* Does the public half, which is part of it, belong to the secret one? */
static bool is_whole(const struct signing_secret *secret)
{
    uint8_t seed[crypto_sign_SEEDBYTES], public[crypto_sign_PUBLICKEYBYTES];
    uint8_t whole[crypto_sign_SECRETKEYBYTES];
    crypto_sign_ed25519_sk_to_seed(seed, secret->key);
    crypto_sign_seed_keypair(public, whole, seed);
    bool same = sodium_memcmp(whole, secret->key, sizeof whole) == 0;
    sodium_memzero(seed, sizeof seed);
    sodium_memzero(whole, sizeof whole);
    return same;
}

static enum percept_status unlock(struct packed_secret *packed, const char *password,
                                  struct percept_error *error)
{
    static const uint8_t none[2] = {0};
    bool is_locked = memcmp(packed->derivation, "Sc", 2) == 0;
    if (memcmp(packed->algorithm, "Ed", 2) != 0 || memcmp(packed->checksum, "B2", 2) != 0 ||
        (!is_locked && memcmp(packed->derivation, none, 2) != 0))
        return percept_fail(error, PERCEPT_MALFORMED, "it is not a secret key of minisign");
    if (is_locked && !password)
        return percept_fail(error, PERCEPT_PERMISSION, "the secret key needs its password");
    enum percept_status status = is_locked ? apply_password(packed, password, error) : PERCEPT_OK;
    if (status != PERCEPT_OK)
        return status;
    uint8_t sum[32];
    sum_up(packed, sum);
    /* minisign makes no sum for a key without a password. */
    if (is_locked && sodium_memcmp(sum, packed->inner.sum, sizeof sum) != 0)
        return percept_fail(error, PERCEPT_PERMISSION, "the password is wrong");
    return is_whole(&packed->inner.secret)
               ? PERCEPT_OK
               : percept_fail(error, PERCEPT_MALFORMED, "the secret key is damaged");
}

enum percept_status signing_secret_parse(const char *text, size_t size, const char *password,
                                         struct signing_secret *secret, struct percept_error *error)
{
    struct lines lines;
    struct packed_secret packed;
    if (sodium_init() < 0)
        return percept_fail(error, PERCEPT_INTERNAL, "libsodium does not start");
    if (!begin(&lines, text, size) || !next_bytes(&lines, &packed, sizeof packed))
        return percept_fail(error, PERCEPT_MALFORMED, "it is not a secret key of minisign");
    enum percept_status status = unlock(&packed, password, error);
    if (status == PERCEPT_OK)
        *secret = packed.inner.secret;
    sodium_memzero(&packed, sizeof packed);
    return status;
}

/* Two lines: a comment, and bytes. */
static void write_key(char text[SIGNING_MAX_TEXT], const char *what, const struct signing_id *id,
                      const void *bytes, size_t count)
{
    char name[SIGNING_ID_TEXT];
    signing_id_text(id, name);
    int used = snprintf(text, SIGNING_MAX_TEXT, UNTRUSTED "%s %s\n", what, name);
    sodium_bin2base64(text + used, (size_t)(SIGNING_MAX_TEXT - used), bytes, count,
                      sodium_base64_VARIANT_ORIGINAL);
    strcat(text, "\n");
}

enum percept_status signing_make_keys(const char *password, char public[SIGNING_MAX_TEXT],
                                      char secret[SIGNING_MAX_TEXT], struct percept_error *error)
{
    struct packed_public open = {.algorithm = "Ed"};
    struct packed_secret closed = {.algorithm = "Ed", .checksum = "B2"};
    if (sodium_init() < 0)
        return percept_fail(error, PERCEPT_INTERNAL, "libsodium does not start");
    crypto_sign_keypair(open.public.key, closed.inner.secret.key);
    randombytes_buf(&open.public.id, sizeof open.public.id);
    closed.inner.secret.id = open.public.id;
    sum_up(&closed, closed.inner.sum);
    enum percept_status status = PERCEPT_OK;
    if (password) {
        memcpy(closed.derivation, "Sc", 2);
        randombytes_buf(closed.salt, sizeof closed.salt);
        put_number(closed.operations, crypto_pwhash_scryptsalsa208sha256_OPSLIMIT_SENSITIVE);
        put_number(closed.memory, crypto_pwhash_scryptsalsa208sha256_MEMLIMIT_SENSITIVE);
        status = apply_password(&closed, password, error);
    }
    if (status == PERCEPT_OK) {
        write_key(public, "minisign public key", &open.public.id, &open, sizeof open);
        write_key(secret, password ? "minisign encrypted secret key" : "minisign secret key",
                  &open.public.id, &closed, sizeof closed);
    }
    sodium_memzero(&closed, sizeof closed);
    return status;
}

/* ---- signatures ---- */

/* What the signature of a comment signs. */
struct commented {
    uint8_t of_hash[crypto_sign_BYTES];
    char comment[SIGNING_MAX_COMMENT];
};

enum percept_status signing_signature_parse(const char *text, size_t size,
                                            struct signing_signature *signature,
                                            struct percept_error *error)
{
    struct lines lines;
    struct packed_signature packed;
    struct signing_signature parsed = {0};
    const char *comment;
    size_t length;
    if (!begin(&lines, text, size) || !next_bytes(&lines, &packed, sizeof packed) ||
        !next_begins(&lines, TRUSTED, &comment, &length) || length >= sizeof parsed.comment ||
        !next_bytes(&lines, parsed.of_comment, sizeof parsed.of_comment))
        return percept_fail(error, PERCEPT_MALFORMED, "it is not a signature of minisign");
    if (memcmp(packed.algorithm, "ED", 2) != 0)
        return percept_fail(error, PERCEPT_UNSUPPORTED,
                            "the signature is not of the file's hash (minisign -H)");
    parsed.id = packed.id;
    memcpy(parsed.of_hash, packed.of_hash, sizeof parsed.of_hash);
    memcpy(parsed.comment, comment, length);
    *signature = parsed;
    return PERCEPT_OK;
}

/* Does a field of the comment, which tabs part, say that it is of the file? */
static bool names(const char *comment, const char *name)
{
    size_t length = strlen(name);
    for (const char *field = comment; field; field = strchr(field, '\t')) {
        field += *field == '\t';
        if (strncmp(field, "file:", 5) == 0 && strncmp(field + 5, name, length) == 0 &&
            (field[5 + length] == '\t' || field[5 + length] == '\0'))
            return true;
    }
    return false;
}

enum percept_status signing_signature_check(const struct signing_signature *signature,
                                            const struct signing_public *public,
                                            const uint8_t hash[SIGNING_HASH_BYTES],
                                            const char *name, struct percept_error *error)
{
    struct commented commented;
    size_t length = strlen(signature->comment);
    if (crypto_sign_verify_detached(signature->of_hash, hash, SIGNING_HASH_BYTES, public->key) != 0)
        return percept_fail(error, PERCEPT_PERMISSION, "it was altered after it was signed");
    memcpy(commented.of_hash, signature->of_hash, sizeof commented.of_hash);
    memcpy(commented.comment, signature->comment, length);
    if (crypto_sign_verify_detached(signature->of_comment, (const uint8_t *)&commented,
                                    sizeof commented.of_hash + length, public->key) != 0)
        return percept_fail(error, PERCEPT_PERMISSION, "the comment in its signature was altered");
    if (!names(signature->comment, name))
        return percept_fail(error, PERCEPT_PERMISSION,
                            "the signature is of a file with another name: '%.100s'",
                            signature->comment);
    return PERCEPT_OK;
}

enum percept_status signing_sign(const struct signing_secret *secret,
                                 const uint8_t hash[SIGNING_HASH_BYTES], const char *name,
                                 int64_t time, char text[SIGNING_MAX_TEXT],
                                 struct percept_error *error)
{
    struct packed_signature packed = {.algorithm = "ED", .id = secret->id};
    struct commented commented;
    uint8_t of_comment[crypto_sign_BYTES];
    int length = snprintf(commented.comment, sizeof commented.comment,
                          "timestamp:%lld\tfile:%s\thashed", (long long)time, name);
    if (strpbrk(name, "\t\r\n") || length >= (int)sizeof commented.comment)
        return percept_fail(error, PERCEPT_INVALID, "such a file name cannot be signed");
    crypto_sign_detached(packed.of_hash, NULL, hash, SIGNING_HASH_BYTES, secret->key);
    memcpy(commented.of_hash, packed.of_hash, sizeof commented.of_hash);
    crypto_sign_detached(of_comment, NULL, (const uint8_t *)&commented,
                         sizeof commented.of_hash + (size_t)length, secret->key);
    write_key(text, "signature from key", &secret->id, &packed, sizeof packed);
    size_t used = strlen(text);
    used +=
        (size_t)snprintf(text + used, SIGNING_MAX_TEXT - used, TRUSTED "%s\n", commented.comment);
    sodium_bin2base64(text + used, SIGNING_MAX_TEXT - used, of_comment, sizeof of_comment,
                      sodium_base64_VARIANT_ORIGINAL);
    strcat(text, "\n");
    return PERCEPT_OK;
}
