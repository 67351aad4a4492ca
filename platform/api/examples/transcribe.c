/* Transcribes 16 kHz mono f32 samples from standard input: transcribe_c MODEL < samples.f32 */
#include <stdio.h>
#include <stdlib.h>

#include "platform/api/earshot.h"

static void print_segment(void* context, const earshot_segment* segment) {
  (void)context;
  printf("[%lld ms] %.*s\n", (long long)segment->start_ms, (int)segment->text_bytes, segment->text);
}

static int fail(const earshot_error* error) {
  fprintf(stderr, "%s\n", error->message);
  return 1;
}

int main(int argc, char** argv) {
  static float samples[30 * 16000];
  const size_t num_samples = fread(samples, sizeof(float), 30 * 16000, stdin);
  earshot_error error;
  earshot_model* model;
  if (earshot_model_open(argc > 1 ? argv[1] : "", &model, &error) != EARSHOT_OK) return fail(&error);
  size_t memory_bytes;
  if (earshot_session_memory_bytes(model, 2, &memory_bytes, &error) != EARSHOT_OK) return fail(&error);
  void* memory = aligned_alloc(64, (memory_bytes + 63) / 64 * 64);
  earshot_session* session;
  if (earshot_session_create(model, memory, memory_bytes, 2, &session, &error) != EARSHOT_OK) return fail(&error);
  earshot_options options = earshot_default_options();
  options.language = "en";
  options.on_segment = print_segment;
  if (earshot_transcribe(session, samples, num_samples, &options, &error) != EARSHOT_OK) return fail(&error);
  earshot_session_destroy(session);
  earshot_model_close(model);
  free(memory);
  return 0;
}
