/* percept model sign: signatures beside files, for a daemon that asks for them. */
#include "cli/cli.h"
#include "cli/file.h"
#include "cli/password.h"
#include "signing/signing.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static enum percept_status parse_key(const char *path, const char *text, size_t size,
                                     struct signing_secret *key, struct percept_error *error)
{
    char password[CLI_PASSWORD_MAX];
    struct percept_error cause = {0};
    enum percept_status status = signing_secret_parse(text, size, NULL, key, &cause);
    if (status == PERCEPT_PERMISSION) { /* it has a password */
        status = cli_password("Password of the key", password, &cause);
        if (status == PERCEPT_OK)
            status = signing_secret_parse(text, size, password, key, &cause);
        sodium_memzero(password, sizeof password);
    }
    return status == PERCEPT_OK ? PERCEPT_OK
                                : percept_fail_at(error, status, path, 0, 0, "%s", cause.message);
}

static enum percept_status read_key(const char *path, struct signing_secret *key,
                                    struct percept_error *error)
{
    char *text;
    size_t size;
    enum percept_status status = signing_read_text(path, &text, &size, error);
    if (status != PERCEPT_OK)
        return status;
    status = parse_key(path, text, size, key, error);
    sodium_memzero(text, size);
    free(text);
    return status;
}

static enum percept_status sign(const char *path, const struct signing_secret *key,
                                struct percept_error *error)
{
    uint8_t hash[SIGNING_HASH_BYTES];
    char text[SIGNING_MAX_TEXT], name[PATH_MAX];
    const char *slash = strrchr(path, '/');
    struct cli_file file;
    enum percept_status status = signing_hash_file(path, hash, error);
    if (status == PERCEPT_OK &&
        snprintf(name, sizeof name, "%s" SIGNING_SUFFIX, path) >= (int)sizeof name)
        status = percept_fail_at(error, PERCEPT_LIMIT, path, 0, 0, "the path is too long");
    if (status == PERCEPT_OK)
        status = signing_sign(key, hash, slash ? slash + 1 : path, time(NULL), text, error);
    if (status == PERCEPT_OK)
        status = cli_file_create(name, &file, error);
    if (status != PERCEPT_OK)
        return status;
    fputs(text, file.stream);
    status = cli_file_commit(&file, error);
    if (status == PERCEPT_OK)
        printf("%s\n", name);
    return status;
}

int cli_model_sign(int argc, char **argv)
{
    const char *path = NULL;
    int operands, code;
    const struct base_option options[] = {
        {"key", "FILE", "the secret key; must be given (percept model keys new makes one)",
         BASE_OPTION_TEXT, &path},
    };
    const struct base_usage usage = {
        .program = "percept model sign",
        .operands = "FILE...",
        .purpose = "Sign models, configurations and plugins: FILE.minisig appears beside each.",
        .least = 1,
        .most = INT_MAX,
        .options = options,
        .option_count = sizeof options / sizeof options[0],
    };
    struct percept_error error = {0};
    struct signing_secret key;
    if (!cli_parse(&usage, argc, argv, &operands, &code))
        return code;
    if (!path)
        return cli_misuse(&usage, "--key must be given");
    enum percept_status status = read_key(path, &key, &error);
    for (int i = 1; status == PERCEPT_OK && i <= operands; i++)
        status = sign(argv[i], &key, &error);
    sodium_memzero(&key, sizeof key);
    return status ? cli_fail(CLI_INPUT, &error) : CLI_OK;
}
