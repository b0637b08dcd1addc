/*
 * percept model generate: text from a language model, token by token.
 *
 * The method takes tokens [1, n], int64 or int32, and perhaps the position [1] of the first one.
 * Its first output has the logits of the token after the last one, [1, vocabulary], or after each,
 * [1, n, vocabulary]. With a position the model keeps what it has seen (a KV cache) and is fed what
 * is new, n tokens a run; without one it is shown the whole text in each run, and n is the longest.
 * When the tokens are of dynamic shape, a run takes as many as there are, and n is the most.
 * Methods of the program say the rest, as ExecuTorch's exports have them: get_eos_ids, get_eos_id,
 * get_bos_id, get_max_context_len, get_max_seq_len.
 */
#include "base/clock.h"
#include "cli/cli.h"
#include "cli/model.h"
#include "cli/sampler.h"
#include "pipelines/tokenizer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_STOPS 16

struct generate {
    const char *path, *tokenizer_path, *prompt;
    struct cli_model_settings settings;
    unsigned long most, seed;
    double temperature, top_p;
    bool bos, json;
};

struct session {
    const struct generate *of;
    struct cli_model model;
    struct pipe_tokenizer *tokenizer;
    struct cli_sampler sampler;
    uint32_t *prompt; /* without what --bos puts before it */
    uint32_t *tokens; /* the prompt, then what was generated; `context` of them fit */
    size_t count, prompt_count, context;
    uint32_t stops[MAX_STOPS];
    size_t stop_count;
    size_t window, vocabulary;  /* tokens a run, at most, and numbers a token */
    bool cached, each, dynamic; /* has a position; has logits for each token; see `window` */
    float *logits;              /* all that the method gives */
    char *text;                 /* with --json: what was generated */
    size_t text_size;
    int64_t prompt_ns, ns, compile_ns; /* compile: for numbers of tokens that are new */
    size_t steps;                      /* runs that `ns` is the time of */
    const char *ended;
};

/* ---- what the program says of itself ---- */

static void read_stops(struct session *s)
{
    static const char *const methods[] = {"get_eos_ids", "get_eos_id"};
    for (size_t m = 0; m < 2 && !s->stop_count; m++) {
        int64_t ids[MAX_STOPS];
        size_t count = prt_program_numbers(s->model.program, methods[m], ids, MAX_STOPS);
        for (size_t i = 0; i < count; i++)
            if (ids[i] >= 0 && ids[i] < UINT32_MAX)
                s->stops[s->stop_count++] = (uint32_t)ids[i];
    }
}

/* As far as the program says, or as the window reaches. */
static size_t context_length(const struct session *s)
{
    static const char *const methods[] = {"get_max_context_len", "get_max_seq_len"};
    int64_t length = 0;
    for (size_t m = 0; m < 2 && length < 1; m++)
        (void)prt_program_numbers(s->model.program, methods[m], &length, 1);
    if (!s->cached && (length < 1 || (size_t)length > s->window))
        return s->window;
    size_t context = length < 1 || length > (1 << 24) ? 2048 : (size_t)length;
    /* A window must not reach beyond the cache, wherever it begins. */
    return s->cached && !s->dynamic && context >= s->window ? context - s->window + 1 : context;
}

static bool is_tokens(const struct prt_tensor *spec)
{
    return spec && (spec->dtype == PRT_I64 || spec->dtype == PRT_I32) &&
           prt_tensor_elements(spec) > 0;
}

/* Does the method look like a language model's? */
static enum percept_status read_interface(struct session *s, struct percept_error *error)
{
    const struct prt_model *model = s->model.model;
    const struct prt_tensor *tokens = prt_model_input_spec(model, 0);
    const struct prt_tensor *logits = prt_model_output_spec(model, 0);
    size_t inputs = prt_model_input_count(model);
    bool fits = inputs >= 1 && inputs <= 2 && is_tokens(tokens) && logits &&
                logits->dtype == PRT_F32 && logits->rank >= 2;
    if (fits && inputs == 2) {
        const struct prt_tensor *position = prt_model_input_spec(model, 1);
        fits = is_tokens(position) && prt_tensor_elements(position) == 1;
    }
    if (!fits)
        return percept_fail(error, PERCEPT_INVALID,
                            "not a language model: it wants tokens, or tokens and a position, and "
                            "a float32 output of logits");
    s->cached = inputs == 2;
    const struct prt_tensor *most = prt_model_input_bound(model, 0),
                            *most_logits = prt_model_output_bound(model, 0);
    s->dynamic = most != NULL;
    s->window = prt_tensor_elements(most ? most : tokens);
    s->vocabulary = (size_t)logits->sizes[logits->rank - 1];
    size_t numbers = prt_tensor_elements(most_logits ? most_logits : logits);
    s->each = s->vocabulary && numbers == s->window * s->vocabulary && s->window > 1;
    if (!s->vocabulary || (!s->each && numbers != s->vocabulary))
        return percept_fail(error, PERCEPT_INVALID, "the output is not logits for the tokens");
    /* Logits of the window's last token alone say nothing of a text that does not fill it. */
    if (!s->each && s->window > 1 && !s->dynamic)
        return percept_fail(error, PERCEPT_UNSUPPORTED,
                            "the method runs at its largest size, %zu tokens, and gives logits for "
                            "the last one only",
                            s->window);
    s->logits = calloc(numbers, sizeof *s->logits);
    return s->logits ? PERCEPT_OK : percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
}

/* ---- running ---- */

static void put_number(const struct prt_tensor *spec, void *data, size_t index, int64_t number)
{
    if (spec->dtype == PRT_I64)
        ((int64_t *)data)[index] = number;
    else
        ((int32_t *)data)[index] = (int32_t)number;
}

/* Have the model take so many tokens, if it can be told. */
static enum percept_status expect(struct session *s, size_t count, struct percept_error *error)
{
    struct prt_model *model = s->model.model;
    const struct prt_tensor *tokens = prt_model_input_spec(model, 0);
    if (!s->dynamic || prt_tensor_elements(tokens) == count)
        return PERCEPT_OK;
    int32_t sizes[PRT_MAX_RANK];
    unsigned rank = tokens->rank;
    for (unsigned i = 0; i < rank; i++)
        sizes[i] = i + 1 == rank ? (int32_t)count : tokens->sizes[i];
    int64_t start = base_clock_ns();
    enum percept_status status = prt_model_resize_input(model, 0, rank, sizes, error);
    s->compile_ns += base_clock_ns() - start;
    return status;
}

/* Show the model tokens [first, first + count), count at most the window, and leave the logits for
 * the one that follows in *next. What is behind them in the window is not looked at by a causal
 * model. */
static enum percept_status run(struct session *s, size_t first, size_t count, const float **next,
                               struct percept_error *error)
{
    struct prt_model *model = s->model.model;
    enum percept_status ready = expect(s, count, error);
    if (ready)
        return ready;
    const struct prt_tensor *tokens = prt_model_input_spec(model, 0);
    size_t window = prt_tensor_elements(tokens);
    for (size_t i = 0; i < window; i++)
        put_number(tokens, prt_model_input_data(model, 0), i,
                   i < count ? (int64_t)s->tokens[first + i] : 0);
    if (s->cached)
        put_number(prt_model_input_spec(model, 1), prt_model_input_data(model, 1), 0,
                   (int64_t)first);
    enum percept_status status = prt_model_run(model, error);
    size_t bytes = (s->each ? window : 1) * s->vocabulary * sizeof *s->logits;
    if (!status)
        status = prt_model_get_output(model, 0, s->logits, bytes, error);
    *next = s->logits + (s->each ? (count - 1) * s->vocabulary : 0);
    return status;
}

/* All tokens from `first` on. What fills a window up goes into a cache, too, but at places that no
 * token has looked at before they are written again. */
static enum percept_status feed(struct session *s, size_t first, const float **next,
                                struct percept_error *error)
{
    if (!s->cached)
        return run(s, 0, s->count, next, error);
    enum percept_status status = PERCEPT_OK;
    for (size_t count; first < s->count && !status; first += count) {
        count = s->count - first < s->window ? s->count - first : s->window;
        status = run(s, first, count, next, error);
    }
    return status;
}

static bool stops(const struct session *s, uint32_t token)
{
    for (size_t i = 0; i < s->stop_count; i++)
        if (s->stops[i] == token)
            return true;
    return false;
}

/* Print as it comes; a character may come in several pieces. */
static enum percept_status show(struct session *s, uint32_t token, struct percept_error *error)
{
    size_t size;
    bool special;
    const char *text = pipe_tokenizer_text(s->tokenizer, token, &size, &special);
    if (special || !size)
        return PERCEPT_OK;
    if (!s->of->json) {
        fwrite(text, 1, size, stdout);
        fflush(stdout);
        return PERCEPT_OK;
    }
    char *grown = realloc(s->text, s->text_size + size + 1);
    if (!grown)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    memcpy(grown + s->text_size, text, size);
    s->text = grown;
    s->text_size += size;
    return PERCEPT_OK;
}

static enum percept_status generate(struct session *s, struct percept_error *error)
{
    const float *next = NULL;
    int64_t start = base_clock_ns();
    enum percept_status status = feed(s, 0, &next, error);
    int64_t compiled = s->compile_ns;
    s->prompt_ns = base_clock_ns() - start - compiled;
    start = base_clock_ns();
    s->ended = "length";
    for (unsigned long made = 0; !status && made < s->of->most; made++) {
        uint32_t token = cli_sampler_next(&s->sampler, next);
        if (stops(s, token)) {
            s->ended = "stop";
            break;
        }
        if (s->count == s->context) {
            s->ended = "context";
            break;
        }
        s->tokens[s->count++] = token;
        status = show(s, token, error);
        if (!status && made + 1 < s->of->most && s->count < s->context) {
            status = feed(s, s->count - 1, &next, error);
            s->steps++;
        }
    }
    s->ns = base_clock_ns() - start - (s->compile_ns - compiled);
    return status;
}

/* ---- from the command line to the result ---- */

/* The prompt's tokens, before there is a model. */
static enum percept_status encode_prompt(struct session *s, struct percept_error *error)
{
    const char *prompt = s->of->prompt;
    enum percept_status status =
        pipe_tokenizer_open(s->of->tokenizer_path, NULL, &s->tokenizer, error);
    return status ? status
                  : pipe_tokenizer_encode(s->tokenizer, prompt, strlen(prompt), &s->prompt,
                                          &s->prompt_count, error);
}

static enum percept_status take_prompt(struct session *s, struct percept_error *error)
{
    int64_t bos = -1;
    size_t extra = s->of->bos ? 1 : 0, count = s->prompt_count;
    if (s->of->bos && !prt_program_numbers(s->model.program, "get_bos_id", &bos, 1))
        return percept_fail(error, PERCEPT_INVALID, "the program has no method get_bos_id");
    if (count + extra == 0)
        return percept_fail(error, PERCEPT_INVALID, "the prompt is empty");
    if (count + extra > s->context)
        return percept_fail(error, PERCEPT_INVALID,
                            "the prompt has %zu tokens, the model takes %zu", count + extra,
                            s->context);
    if (!(s->tokens = calloc(s->context, sizeof *s->tokens)))
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    s->tokens[0] = (uint32_t)bos;
    if (count)
        memcpy(s->tokens + extra, s->prompt, count * sizeof *s->tokens);
    s->count = s->prompt_count = count + extra;
    return PERCEPT_OK;
}

static enum percept_status open_session(struct session *s, struct percept_error *error)
{
    const struct generate *of = s->of;
    enum percept_status status = encode_prompt(s, error);
    /* Made for the prompt at once: a model for the longest that there may be takes seconds. */
    struct cli_model_settings settings = of->settings;
    settings.tokens = s->prompt_count + (of->bos ? 1 : 0);
    if (!status)
        status = cli_model_open(of->path, &settings, &s->model, error);
    if (!status)
        status = read_interface(s, error);
    if (status)
        return status;
    s->context = context_length(s);
    read_stops(s);
    status = take_prompt(s, error);
    return status ? status
                  : cli_sampler_init(&s->sampler, of->temperature, of->top_p, of->seed,
                                     s->vocabulary, error);
}

static void close_session(struct session *s)
{
    cli_sampler_free(&s->sampler);
    pipe_tokenizer_close(s->tokenizer);
    cli_model_close(&s->model);
    free(s->prompt);
    free(s->tokens);
    free(s->logits);
    free(s->text);
}

static double per_second(size_t count, int64_t ns)
{
    return ns > 0 ? (double)count * BASE_NS_PER_S / (double)ns : 0;
}

static void print_end(const struct session *s)
{
    size_t made = s->count - s->prompt_count;
    double prompt = per_second(s->prompt_count, s->prompt_ns), rest = per_second(s->steps, s->ns);
    if (!s->of->json) {
        putchar('\n');
        fprintf(stderr,
                "prompt: %zu tokens, %.1f a second; generated: %zu, %.1f a second; end: %s\n",
                s->prompt_count, prompt, made, rest, s->ended);
        return;
    }
    json_t *tokens = json_array();
    for (size_t i = s->prompt_count; i < s->count; i++)
        json_array_append_new(tokens, json_integer(s->tokens[i]));
    json_t *text = json_stringn(s->text ? s->text : "", s->text_size);
    if (s->text)
        s->text[s->text_size] = '\0';
    cli_print_json(
        json_pack("{s:o, s:o, s:I, s:f, s:f, s:s}", "text", text ? text : cli_json_text(s->text),
                  "tokens", tokens, "prompt_tokens", (json_int_t)s->prompt_count,
                  "prompt_tokens_per_second", prompt, "tokens_per_second", rest, "end", s->ended),
        false);
}

int cli_model_generate(int argc, char **argv)
{
    struct generate of = {.most = 128, .seed = 1, .top_p = 1};
    int operands, code;
    const struct base_option options[] = {
        {"tokenizer", "FILE", "the model's tokenizer.json; must be given", BASE_OPTION_TEXT,
         &of.tokenizer_path},
        {"prompt", "TEXT", "what to go on from; must be given", BASE_OPTION_TEXT, &of.prompt},
        {"tokens", "N", "at most so many new tokens; 128 if not given", BASE_OPTION_COUNT,
         &of.most},
        {"temperature", "T", "how much chance; without it always the likeliest",
         BASE_OPTION_SECONDS, &of.temperature},
        {"top-p", "P", "choose among the likeliest that have this share together; 1 if not given",
         BASE_OPTION_SECONDS, &of.top_p},
        {"seed", "N", "of the chance; 1 if not given", BASE_OPTION_COUNT, &of.seed},
        {"bos", NULL, "begin with the program's get_bos_id", BASE_OPTION_FLAG, &of.bos},
        CLI_OPTION_METHOD(of.settings),
        CLI_OPTION_BACKEND(of.settings),
        CLI_OPTION_THREADS(of.settings),
        CLI_OPTION_DATA(of.settings),
        CLI_OPTION_CACHE(of.settings),
        CLI_OPTION_JSON(&of.json),
    };
    const struct base_usage usage = {
        .program = "percept model generate",
        .operands = "FILE",
        .purpose = "Go on from a text with a language model.",
        .least = 1,
        .most = 1,
        .options = options,
        .option_count = sizeof options / sizeof options[0],
    };
    struct percept_error error = {0};
    if (!cli_parse(&usage, argc, argv, &operands, &code))
        return code;
    if (!of.tokenizer_path || !of.prompt)
        return cli_misuse(&usage, "--tokenizer and --prompt must be given");
    of.path = argv[1];
    struct session s = {.of = &of};
    enum percept_status status = open_session(&s, &error);
    if (status) {
        close_session(&s);
        return cli_fail(CLI_INPUT, &error);
    }
    status = generate(&s, &error);
    if (!status)
        print_end(&s);
    close_session(&s);
    return status ? cli_fail(CLI_FAILURE, &error) : CLI_OK;
}
