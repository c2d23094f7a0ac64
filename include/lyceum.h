/* Lyceum from C, and from every language that calls C. Link with -llyceum (pkg-config lyceum). C++ has
 * <lyceum/lyceum.h>.
 *
 * Calls. What can fail returns LYCEUM_OK or the kind of the failure. `error`, where it is not NULL, is set to
 * NULL or to what is wrong, which the caller frees; nothing is kept between calls or shared by threads. No
 * exception leaves a function, and NULL or an impossible size gives LYCEUM_USAGE. Where a call fails, what it
 * would have given is left as NULL, and buffers hold nothing that means anything.
 *
 * Handles. Every handle may be used by several threads at once, and is freed once, by its own free function,
 * when no call uses it any more. A handle of another kind is an error; one that was freed, like any dangling
 * pointer, is not noticed. Every free function takes NULL.
 *
 * Texts are UTF-8 and may hold zero bytes. `lengths` gives their bytes; as NULL, they end with a zero byte,
 * and so does a single text whose length is LYCEUM_ZERO_ENDED. What is not UTF-8 counts as U+FFFD. A call
 * takes at most LYCEUM_MAX_COUNT texts of at most LYCEUM_MAX_BYTES. Results do not depend on how texts are
 * divided among calls.
 *
 * Structures. Those that the caller fills begin with `size`, which is sizeof of them, and everything that is
 * 0 or NULL stands for its default: lyceum_options o = {.size = sizeof o, .dtype = "int8"}. Those that the
 * library gives are read only, and later versions may add members at their ends. */
#ifndef LYCEUM_H
#define LYCEUM_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define LYCEUM_API __attribute__((visibility("default")))
#else
#define LYCEUM_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define LYCEUM_ZERO_ENDED ((size_t)-1)
#define LYCEUM_MAX_COUNT ((size_t)0x7fffffff)
#define LYCEUM_MAX_BYTES ((size_t)0x10000000)

typedef enum lyceum_status {
  LYCEUM_OK = 0,
  LYCEUM_USAGE = 1,       /* the caller asked for something that makes no sense */
  LYCEUM_FORMAT = 2,      /* a file is not what its format says */
  LYCEUM_DATA = 3,        /* the file is well formed, but its content does not fit */
  LYCEUM_IO = 4,          /* the system refused: no such file, no permission */
  LYCEUM_LIMIT = 5,       /* a limit that protects the machine was reached */
  LYCEUM_UNSUPPORTED = 6, /* a known format or family that this build lacks */
  LYCEUM_INTERRUPTED = 7, /* for bindings; the library itself catches no signals */
  LYCEUM_INTERNAL = 8,    /* a defect of ours */
  LYCEUM_MEMORY = 9       /* there is not enough memory */
} lyceum_status;

typedef struct lyceum_error lyceum_error;
/* LYCEUM_OK for NULL. */
LYCEUM_API lyceum_status lyceum_error_status(const lyceum_error* error);
/* One sentence for people: what was found, what was expected, where, how to fix. Lives as long as the error;
 * "" for NULL. */
LYCEUM_API const char* lyceum_error_message(const lyceum_error* error);
LYCEUM_API void lyceum_error_free(lyceum_error* error);

/* ---- the process */

/* "1.2.3", of the library that is running. */
LYCEUM_API const char* lyceum_version(void);
/* Threads that a call may use; 0: what the affinity mask and the cgroup quota allow (the default). Results do
 * not depend on it. Above 1024 and below 0: LYCEUM_USAGE. */
LYCEUM_API lyceum_status lyceum_set_threads(int32_t threads, lyceum_error** error);
LYCEUM_API int32_t lyceum_threads(void);
/* Messages for people, such as what stands in for an unknown activation; NULL (the default): nobody hears
 * them. The library never prints. `sink` is called by the thread that has something to say, one at a time,
 * and must not call the library. */
LYCEUM_API lyceum_status lyceum_on_message(void (*sink)(const char* message, void* user), void* user,
                                           lyceum_error** error);

/* ---- loading */

typedef struct lyceum_options {
  size_t size;
  const char*
      dtype; /* products in "f32", "bf16" or "int8"; NULL: int8 where the files are quantised, else f32 */
  int32_t threads;    /* that calls with this handle use; 0: as lyceum_set_threads says */
  int32_t pull;       /* 1: a hub name that is not here is fetched first, as `lyceum pull` does */
  int64_t max_tokens; /* embedder: cut texts to fewer tokens than the model takes; 0: what the model says */
  const char* prompt_name; /* embedder: one of the model's prompts; NULL: its default */
  const char* prompt;      /* embedder: a text of your own before every text instead; NULL: none */
} lyceum_options;

/* `model`: a folder, a weights file with its configuration beside it, a bundled name or a name in the Hugging
 * Face cache. `options` may be NULL; options that mean nothing to what is loaded are LYCEUM_USAGE. */
typedef struct lyceum_tokenizer lyceum_tokenizer;
typedef struct lyceum_embedder lyceum_embedder;
typedef struct lyceum_classifier lyceum_classifier;
typedef struct lyceum_reranker lyceum_reranker;
LYCEUM_API lyceum_status lyceum_tokenizer_load(const char* model, const lyceum_options* options,
                                               lyceum_tokenizer** out, lyceum_error** error);
LYCEUM_API lyceum_status lyceum_embedder_load(const char* model, const lyceum_options* options,
                                              lyceum_embedder** out, lyceum_error** error);
LYCEUM_API lyceum_status lyceum_classifier_load(const char* model, const lyceum_options* options,
                                                lyceum_classifier** out, lyceum_error** error);
LYCEUM_API lyceum_status lyceum_reranker_load(const char* model, const lyceum_options* options,
                                              lyceum_reranker** out, lyceum_error** error);
LYCEUM_API void lyceum_tokenizer_free(lyceum_tokenizer* tokenizer);
LYCEUM_API void lyceum_embedder_free(lyceum_embedder* embedder);
LYCEUM_API void lyceum_classifier_free(lyceum_classifier* classifier);
LYCEUM_API void lyceum_reranker_free(lyceum_reranker* reranker);

/* ---- ids: as the model's published tokenizer gives them */

typedef struct lyceum_tokens {
  size_t count;
  const int32_t* ids;
  const int32_t* type_ids;
  const uint32_t* begins; /* bytes of the text, [begin, end); both 0 for tokens that were added */
  const uint32_t* ends;
} lyceum_tokens;

/* 1 + the largest id; 0 for NULL. */
LYCEUM_API int64_t lyceum_tokenizer_size(const lyceum_tokenizer* tokenizer);
/* `add_special`: 1 for the special tokens around the text, 0 for none. */
LYCEUM_API lyceum_status lyceum_tokenize(const lyceum_tokenizer* tokenizer, const char* text, size_t length,
                                         int32_t add_special, lyceum_tokens** out, lyceum_error** error);
LYCEUM_API void lyceum_tokens_free(lyceum_tokens* tokens);
/* The text of ids, ended by a zero byte; `length`, where it is not NULL, gets its bytes without that.
 * LYCEUM_DATA for an id that the vocabulary lacks. */
LYCEUM_API lyceum_status lyceum_detokenize(const lyceum_tokenizer* tokenizer, const int32_t* ids,
                                           size_t count, int32_t skip_special, char** out, size_t* length,
                                           lyceum_error** error);
LYCEUM_API void lyceum_text_free(char* text);

/* ---- sentence vectors */

/* Values of a vector; 0 for NULL. */
LYCEUM_API int64_t lyceum_embedder_width(const lyceum_embedder* embedder);
/* Tokens of a text, special ones included; longer texts are cut. 0 for NULL. */
LYCEUM_API int64_t lyceum_embedder_max_tokens(const lyceum_embedder* embedder);
/* Writes count x width values in the order of the texts. `room`: how many floats `vectors` holds; fewer than
 * that is LYCEUM_USAGE. */
LYCEUM_API lyceum_status lyceum_embed(const lyceum_embedder* embedder, const char* const* texts,
                                      const size_t* lengths, size_t count, float* vectors, size_t room,
                                      lyceum_error** error);

/* ---- labels */

typedef struct lyceum_label {
  const char* name;
  float score;
} lyceum_label;

typedef struct lyceum_classification {
  size_t count;
  const lyceum_label* labels; /* best first; of equal scores in the order of the model's or your labels */
  int32_t truncated;          /* 1: the text was longer than the model takes */
} lyceum_classification;

typedef struct lyceum_classifications {
  size_t count;
  const lyceum_classification* texts; /* in their order */
} lyceum_classifications;

typedef enum lyceum_score_function {
  LYCEUM_SCORE_DEFAULT = 0, /* as the model says */
  LYCEUM_SCORE_SOFTMAX = 1,
  LYCEUM_SCORE_SIGMOID = 2,
  LYCEUM_SCORE_NONE = 3
} lyceum_score_function;

typedef struct lyceum_classify_options {
  size_t size;
  int64_t top;      /* the best labels only; 0: all */
  int32_t function; /* a lyceum_score_function */
} lyceum_classify_options;

/* Labels of your own, for a model that tells whether one text entails another. */
typedef struct lyceum_zero_shot_options {
  size_t size;
  const char* const* labels;
  size_t label_count;
  const char* hypothesis; /* what a label says of the text; NULL: "This example is {}." */
  int32_t multi_label;    /* 1: each label by itself */
  int64_t top;            /* 0: all */
} lyceum_zero_shot_options;

/* `pairs` are NULL, or the second texts of pairs. */
LYCEUM_API lyceum_status lyceum_classify(const lyceum_classifier* classifier, const char* const* texts,
                                         const size_t* lengths, const char* const* pairs,
                                         const size_t* pair_lengths, size_t count,
                                         const lyceum_classify_options* options, lyceum_classifications** out,
                                         lyceum_error** error);
LYCEUM_API lyceum_status lyceum_classify_zero_shot(const lyceum_classifier* classifier,
                                                   const char* const* texts, const size_t* lengths,
                                                   size_t count, const lyceum_zero_shot_options* options,
                                                   lyceum_classifications** out, lyceum_error** error);
LYCEUM_API void lyceum_classifications_free(lyceum_classifications* classifications);

/* ---- passages in the order in which they answer a query */

typedef struct lyceum_ranked {
  int64_t index; /* of the passage among those given */
  float score;
} lyceum_ranked;

/* Writes the min(room, count) best passages, best first; of equal scores the earlier passage first. `raw`: 1
 * for the head's own scores, without the model's activation. `written`, where it is not NULL, gets how many.
 */
LYCEUM_API lyceum_status lyceum_rerank(const lyceum_reranker* reranker, const char* query,
                                       size_t query_length, const char* const* passages,
                                       const size_t* lengths, size_t count, int32_t raw, lyceum_ranked* best,
                                       size_t room, size_t* written, lyceum_error** error);

#ifdef __cplusplus
}
#endif

#endif
