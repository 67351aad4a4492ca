/* libearshot's C interface: speech to text with a model file, in memory that the caller gives.
 *
 * Owns / borrows: a model owns its file mapping; a session borrows the model and the caller's memory, which
 * must outlive it. Threads: a session serves one call at a time; several sessions may share a model. After
 * earshot_session_create nothing touches the heap. Errors: functions return an earshot_status; the reason, in
 * words for the user, is written to `error` where that is not NULL.
 */
#ifndef EARSHOT_H_
#define EARSHOT_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The numbers never change; new ones are appended. */
typedef enum earshot_status {
  EARSHOT_OK = 0,
  EARSHOT_INVALID_ARGUMENT = 1,
  EARSHOT_INVALID_MODEL = 2,
  EARSHOT_INVALID_AUDIO = 3,
  EARSHOT_UNSUPPORTED = 4,
  EARSHOT_OUT_OF_MEMORY = 5,
  EARSHOT_NOT_FOUND = 6,
  EARSHOT_IO_ERROR = 7,
  EARSHOT_CANCELLED = 8,
  EARSHOT_INTERNAL_ERROR = 9
} earshot_status;

typedef struct earshot_error {
  char message[512]; /* UTF-8, NUL-terminated */
} earshot_error;

typedef struct earshot_model earshot_model;
typedef struct earshot_session earshot_session;

/* Maps a file made by earshot-convert and checks it. *model is NULL on error. */
earshot_status earshot_model_open(const char* path, earshot_model** model, earshot_error* error);
void earshot_model_close(earshot_model* model); /* NULL is allowed */

/* Packed weights for a fast start, made by "earshot pack": maps the file and checks it; sessions created from
 * now on use it. To be called before any session of this model is created. On an error the model stays as it
 * was and may be used without. */
earshot_status earshot_model_use_packed_weights(earshot_model* model, const char* path, earshot_error* error);

/* Bytes of memory that a session with this many threads needs, at most. */
earshot_status earshot_session_memory_bytes(const earshot_model* model, int num_threads, size_t* memory_bytes,
                                            earshot_error* error);

/* `memory`: 64-byte aligned, memory_bytes long. num_threads counts the caller's own thread. *session is NULL
 * on error. */
earshot_status earshot_session_create(const earshot_model* model, void* memory, size_t memory_bytes,
                                      int num_threads, earshot_session** session, earshot_error* error);
void earshot_session_destroy(earshot_session* session); /* NULL is allowed; the memory stays the caller's */

/* A stretch of text; valid only during the callback. */
typedef struct earshot_segment {
  int32_t id;
  int64_t start_ms;
  int64_t end_ms;
  const char* text; /* UTF-8, not NUL-terminated */
  size_t text_bytes;
  float avg_logprob;
  float no_speech_prob;
} earshot_segment;

/* Start from earshot_default_options(). */
typedef struct earshot_options {
  const char* language; /* "en", "de", ...; NULL or "": detect */
  int translate;        /* not 0: English text from speech in another language */
  int timestamps;       /* 0: one segment for each 30 s */
  void* context;        /* handed to the callbacks */
  void (*on_segment)(void* context, const earshot_segment* segment);
  int (*should_stop)(void* context); /* not 0: end with EARSHOT_CANCELLED; may be NULL */
} earshot_options;

earshot_options earshot_default_options(void);

/* Transcribes audio of any length: 16 kHz, mono, f32 within +-1. Never allocates. */
earshot_status earshot_transcribe(earshot_session* session, const float* samples, size_t num_samples,
                                  const earshot_options* options, earshot_error* error);

#ifdef __cplusplus
}
#endif

#endif /* EARSHOT_H_ */
