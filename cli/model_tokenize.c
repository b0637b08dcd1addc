/* percept model tokenize: the numbers that a language model gets for a text. */
#include "cli/cli.h"
#include "cli/file.h"
#include "pipelines/tokenizer.h"
#include "pipelines/unigram.h"

#include <stdlib.h>
#include <string.h>

/* One of the two that there are: of language models, of translators. */
struct either {
    struct pipe_tokenizer *bpe;
    struct pipe_unigram *unigram;
    struct pipe_unigram_work work;
};

static enum percept_status open_either(const char *path, struct either *tokenizer,
                                       struct percept_error *error)
{
    void *text = NULL;
    size_t size;
    enum percept_status status = cli_file_read(path, &text, &size, error);
    if (status)
        return status;
    json_t *json = json_loadb(text, size, 0, NULL);
    const char *type = json_string_value(json_object_get(json_object_get(json, "model"), "type"));
    status = type && strcmp(type, "Unigram") == 0
                 ? pipe_unigram_open_text(text, size, path, &tokenizer->unigram, error)
                 : pipe_tokenizer_open_text(text, size, path, &tokenizer->bpe, error);
    json_decref(json);
    free(text);
    return status;
}

static void close_either(struct either *tokenizer)
{
    pipe_tokenizer_close(tokenizer->bpe);
    pipe_unigram_close(tokenizer->unigram);
}

static enum percept_status encode(struct either *tokenizer, const char *text, size_t size,
                                  uint32_t **tokens, size_t *count, struct percept_error *error)
{
    if (tokenizer->bpe)
        return pipe_tokenizer_encode(tokenizer->bpe, text, size, tokens, count, error);
    uint32_t *made = calloc(PIPE_UNIGRAM_MAX_BYTES, sizeof *made);
    enum percept_status status =
        made ? pipe_unigram_encode(tokenizer->unigram, &tokenizer->work, text, size, made,
                                   PIPE_UNIGRAM_MAX_BYTES, count, error)
             : percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    if (status)
        free(made);
    else
        *tokens = made;
    return status;
}

static enum percept_status print_tokens(struct either *tokenizer, const char *text, size_t size,
                                        bool json, struct percept_error *error)
{
    uint32_t *tokens = NULL;
    size_t count = 0;
    enum percept_status status = encode(tokenizer, text, size, &tokens, &count, error);
    if (status)
        return status;
    fputs(json ? "[" : "", stdout);
    for (size_t i = 0; i < count; i++)
        printf("%s%u", i ? (json ? "," : " ") : "", tokens[i]);
    puts(json ? "]" : "");
    free(tokens);
    return PERCEPT_OK;
}

/* A line of JSON is a text, so that any text fits on a line. */
static enum percept_status print_line(struct either *tokenizer, const char *line, size_t size,
                                      bool json, struct percept_error *error)
{
    json_error_t where;
    if (!json)
        return print_tokens(tokenizer, line, size, false, error);
    json_t *text = json_loadb(line, size, JSON_DECODE_ANY | JSON_ALLOW_NUL, &where);
    enum percept_status status =
        json_is_string(text) ? print_tokens(tokenizer, json_string_value(text),
                                            json_string_length(text), true, error)
                             : percept_fail(error, PERCEPT_MALFORMED, "a line is no JSON string");
    json_decref(text);
    return status;
}

int cli_model_tokenize(int argc, char **argv)
{
    const char *path = NULL;
    bool json = false;
    int operands, code;
    const struct base_option options[] = {
        {"tokenizer", "FILE", "a tokenizer.json; must be given", BASE_OPTION_TEXT, &path},
        {"json", NULL, "each line of the input is a JSON string, each of the output an array",
         BASE_OPTION_FLAG, &json},
    };
    const struct base_usage usage = {
        .program = "percept model tokenize",
        .operands = "",
        .purpose = "Print the tokens of each line of the standard input.",
        .options = options,
        .option_count = sizeof options / sizeof options[0],
    };
    struct percept_error error = {0};
    static struct either tokenizer; /* large */
    if (!cli_parse(&usage, argc, argv, &operands, &code))
        return code;
    if (!path)
        return cli_misuse(&usage, "--tokenizer must be given");
    enum percept_status status = open_either(path, &tokenizer, &error);
    char *line = NULL;
    size_t room = 0;
    for (ssize_t size; !status && (size = getline(&line, &room, stdin)) >= 0;) {
        size -= size > 0 && line[size - 1] == '\n';
        status = print_line(&tokenizer, line, (size_t)size, json, &error);
    }
    free(line);
    close_either(&tokenizer);
    return status ? cli_fail(CLI_INPUT, &error) : CLI_OK;
}
