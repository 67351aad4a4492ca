/* What steps_bench does, with whisper.cpp: encodes a window and decodes tokens, so many times each.
 * Usage: whisper_cpp_steps MODEL ENCODES TOKENS */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <whisper.h>

enum { kSamples = 30 * 16000 };

int main(int argc, char** argv) {
  static float samples[kSamples];
  struct whisper_context_params parameters = whisper_context_default_params();
  struct whisper_context* context;
  int i;
  if (argc != 4) {
    fprintf(stderr, "usage: whisper_cpp_steps MODEL ENCODES TOKENS\n");
    return 2;
  }
  parameters.use_gpu = false;
  parameters.flash_attn = true; /* its fastest */
  context = whisper_init_from_file_with_params(argv[1], parameters);
  if (context == NULL) return 1;
  for (i = 0; i < kSamples; ++i) samples[i] = 0.1f * sinf(0.01f * (float)(i % 7919));
  if (whisper_pcm_to_mel(context, samples, kSamples, 1) != 0) return 1;
  for (i = 0; i < atoi(argv[2]); ++i) {
    if (whisper_encode(context, 0, 1) != 0) return 1;
  }
  for (i = 0; i < atoi(argv[3]); ++i) {
    const whisper_token token = 1000 + i;
    if (whisper_decode(context, &token, 1, i, 1) != 0) return 1;
  }
  whisper_free(context);
  return 0;
}
